//! Tasks for which a call failed, while it went on for the others.

use std::sync::Arc;

use dras_core::engine;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Member;
use crate::lock::Unusable;

/// A task for which a call failed, while it went on for the others.
pub(super) struct Failure {
    pub(super) task: Arc<str>,
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) fn failure(member: &Member, error: &engine::TaskError) -> Failure {
    Failure {
        task: Arc::clone(&member.id),
        code: error.code(),
        message: error.to_string(),
    }
}

pub(super) fn unusable(member: &Member, error: &Unusable) -> Failure {
    let (_, message, code) = error.message();
    Failure {
        task: Arc::clone(&member.id),
        code,
        message,
    }
}

pub(super) fn failures<'py>(py: Python<'py>, all: &[Failure]) -> PyResult<Bound<'py, PyTuple>> {
    let class = py.import("dras._data")?.getattr("TaskFailure")?;
    let all = all.iter().map(|f| class.call1((&*f.task, f.code, &f.message)));
    PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
}
