//! State that several Python threads may use at once.
//!
//! Three rules keep it free of deadlocks: no Python code runs while a lock is held; who waits for a lock does not hold the interpreter; and who holds
//! one with the interpreter released does not ask for the interpreter before it is free again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Class;

/// How long a lock that another process seems to hold is waited for: it may be that a thread of this one has just taken it and not said so yet.
const FORKED: Duration = Duration::from_millis(200);

/// How often the process has forked on the way here: a child's count is another than its parent's. Cheaper than asking the system for the id of the
/// process at every call.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Called in a child after a fork.
#[pyfunction]
fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Has Python say when it forks, where it can.
pub(crate) fn watch_forks(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    if !os.hasattr("register_at_fork")? {
        return Ok(());
    }
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", wrap_pyfunction!(forked, py)?)?;
    os.call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}

/// Why state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// A thread that held it is not in this process.
    Forked,
    /// A call failed in the middle of it.
    Broken,
    /// The call failed just now.
    Panicked(String),
}

impl Unusable {
    pub(crate) fn message(&self) -> (Class, String, &'static str) {
        match self {
            Unusable::Forked => (
                Class::State,
                "this object was in use by another thread when the process forked, and is lost in the child: make it anew there, or start children with \
                 the start method `spawn`"
                    .to_owned(),
                "forked",
            ),
            Unusable::Broken => (
                Class::State,
                "an earlier call failed inside of this object: make it anew, or restore it from a snapshot".to_owned(),
                "broken",
            ),
            Unusable::Panicked(text) => (Class::Internal, format!("internal error in dras: {text}"), "internal"),
        }
    }

    pub(crate) fn error(&self, py: Python<'_>) -> PyErr {
        let (class, message, code) = self.message();
        class.error(py, message, code)
    }
}

/// State behind a lock.
pub(crate) struct Shared<T> {
    state: Mutex<T>,
    /// The process whose thread took the lock last, by its number of forks.
    process: AtomicU32,
    broken: AtomicBool,
}

impl<T: Send> Shared<T> {
    pub(crate) fn new(state: T) -> Shared<T> {
        Shared {
            state: Mutex::new(state),
            process: AtomicU32::new(FORKS.load(Ordering::Relaxed)),
            broken: AtomicBool::new(false),
        }
    }

    /// Calls `work` with the state, the interpreter held throughout: for what takes no longer than asking for the interpreter again.
    pub(crate) fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut T) -> R) -> PyResult<R> {
        loop {
            match self.try_lock() {
                Some(mut state) => return self.run(&mut state, work).map_err(|e| e.error(py)),
                // Others go on meanwhile; whether the lock is still free afterwards, the next turn sees.
                None => py.detach(|| self.lock().map(drop)).map_err(|e| e.error(py))?,
            }
        }
    }

    /// Calls `work` with the state, the interpreter released: other Python threads go on meanwhile.
    pub(crate) fn with_detached<R: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut T) -> R + Send) -> PyResult<R> {
        py.detach(|| self.with_unattached(work)).map_err(|e| e.error(py))
    }

    /// The same for threads that do not hold the interpreter.
    pub(crate) fn with_unattached<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R, Unusable> {
        let mut state = match self.try_lock() {
            Some(state) => state,
            None => self.lock()?,
        };
        self.run(&mut state, work)
    }

    fn run<R>(&self, state: &mut T, work: impl FnOnce(&mut T) -> R) -> Result<R, Unusable> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Unusable::Broken);
        }
        guarded(|| work(state)).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            // Panics are caught before they reach the lock.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.process.store(FORKS.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(state)
    }

    /// Waits. A thread that held the lock when the process was forked never gives it back to the child.
    fn lock(&self) -> Result<MutexGuard<'_, T>, Unusable> {
        let own = FORKS.load(Ordering::Relaxed);
        let begin = Instant::now();
        while self.process.load(Ordering::Relaxed) != own {
            if let Some(state) = self.try_lock() {
                return Ok(state);
            }
            if begin.elapsed() > FORKED {
                return Err(Unusable::Forked);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.process.store(own, Ordering::Relaxed);
        Ok(state)
    }
}

/// Calls `work` and catches a panic. The core has none that anybody knows of; this is for those that nobody knows of.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, Unusable> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Unusable::Panicked(text.unwrap_or_else(|| "unknown".to_owned()))
    })
}

/// The same with an exception.
pub(crate) fn caught<R>(py: Python<'_>, work: impl FnOnce() -> R) -> PyResult<R> {
    guarded(work).map_err(|e| e.error(py))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_breaks_the_state_that_it_was_in_and_nothing_else() {
        let (one, other) = (Shared::new(1), Shared::new(2));
        let panicked = one.with_unattached(|_| -> i32 { panic!("told you") });
        assert_eq!(panicked, Err(Unusable::Panicked("told you".to_owned())));
        assert_eq!(one.with_unattached(|x| *x), Err(Unusable::Broken));
        assert_eq!(other.with_unattached(|x| *x), Ok(2));
    }

    #[test]
    fn a_lock_that_another_process_took_with_it_is_given_up() {
        let shared = Shared::new(1);
        let held = shared.state.lock().unwrap();
        // As if the process had forked since.
        shared
            .process
            .store(FORKS.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| shared.with_unattached(|x| *x));
            assert_eq!(waiting.join().unwrap(), Err(Unusable::Forked));
        });
        drop(held);
        assert_eq!(shared.with_unattached(|x| *x), Ok(1));
    }
}
