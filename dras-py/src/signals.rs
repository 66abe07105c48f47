//! Ctrl-C in long calls.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How often a long call asks whether somebody pressed Ctrl-C: often enough for people, and far too seldom to be felt by the work.
const BREATH: Duration = Duration::from_millis(50);

/// Asks now and then, in a call that has released the interpreter, whether a signal has come.
pub(crate) struct Signals {
    asked: Instant,
}

impl Signals {
    pub(crate) fn new() -> Signals {
        Signals { asked: Instant::now() }
    }

    /// Asks where the last time was a while ago; an exception, such as `KeyboardInterrupt`, is what a handler raised.
    ///
    /// No lock may be held here: handlers are Python code, which may use whatever is locked.
    pub(crate) fn check(&mut self) -> PyResult<()> {
        if !self.due() {
            return Ok(());
        }
        Python::attach(|py: Python<'_>| py.check_signals())
    }

    /// Whether it is time to ask again; then the next time begins.
    pub(crate) fn due(&mut self) -> bool {
        if self.asked.elapsed() < BREATH {
            return false;
        }
        self.asked = Instant::now();
        true
    }
}
