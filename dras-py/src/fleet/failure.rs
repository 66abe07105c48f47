//! Tasks for which a call failed, while it went on for the others or ended with them.

use std::sync::Arc;

use dras_core::engine;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::members::Member;
use crate::errors::Class;
use crate::lock::Unusable;
use crate::signals::Signals;

/// A task for which a call failed.
pub(super) struct Failure {
    pub(super) task: Arc<str>,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) class: Class,
}

impl Failure {
    pub(super) fn new(member: &Member, class: Class, code: &'static str, message: String) -> Failure {
        Failure {
            task: Arc::clone(&member.id),
            code,
            message,
            class,
        }
    }

    /// The exception, for calls that end with the first failure.
    pub(super) fn error(&self, py: Python<'_>) -> PyErr {
        let message = format!("{}: {}", self.task, self.message);
        self.class.error(py, message, self.code)
    }
}

pub(super) fn failure(member: &Member, error: &engine::TaskError) -> Failure {
    Failure::new(member, Class::Task, error.code(), error.to_string())
}

pub(super) fn not_decided(member: &Member, error: &engine::DecideError) -> Failure {
    Failure::new(member, Class::Task, error.code(), error.to_string())
}

pub(super) fn unusable(member: &Member, error: &Unusable) -> Failure {
    let (class, message, code) = error.message();
    Failure::new(member, class, code, message)
}

pub(super) fn failures<'py>(py: Python<'py>, all: &[Failure]) -> PyResult<Bound<'py, PyTuple>> {
    let class = py.import("dras._data")?.getattr("TaskFailure")?;
    let all = all.iter().map(|f| class.call1((&*f.task, f.code, &f.message)));
    PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
}

/// Why a call about many tasks ended early.
enum Ended {
    Failed(Failure),
    /// By a signal.
    Raised(PyErr),
}

/// Does `work` for each task with the interpreter released, until it fails for one or somebody presses Ctrl-C.
pub(super) fn each<'a>(
    py: Python<'_>,
    tasks: &'a [Option<Member>],
    mut work: impl FnMut(&'a Member) -> Result<(), Failure> + Send,
) -> PyResult<()> {
    let done = py.detach(|| {
        let mut signals = Signals::new();
        for member in tasks.iter().flatten() {
            work(member).map_err(Ended::Failed)?;
            signals.check().map_err(Ended::Raised)?;
        }
        Ok(())
    });
    done.map_err(|ended| match ended {
        Ended::Failed(failure) => failure.error(py),
        Ended::Raised(error) => error,
    })
}
