//! `dras.FleetDecisions`.

use std::fmt::Write;
use std::sync::Arc;

use dras_core::engine;
use dras_core::units::Millis;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::failure::{Failure, failures};
use crate::convert::str_of;
use crate::decision::{self, Decision};
use crate::errors::wrong_type;
use crate::instruction::Instruction;
use crate::policy::Policy;
use crate::task::difference;

/// What one look at a fleet came to: a sequence of the decisions that matter, in the order of the fleet.
#[pyclass(frozen, module = "dras")]
pub(crate) struct FleetDecisions {
    pub(super) at: Millis,
    pub(super) looked: usize,
    pub(super) fired: usize,
    pub(super) undefined: usize,
    pub(super) kept: Vec<(Policy, Arc<engine::Decision>)>,
    pub(super) differences: Vec<engine::Difference>,
    pub(super) failures: Vec<Failure>,
}

impl FleetDecisions {
    fn decision((policy, decision): &(Policy, Arc<engine::Decision>)) -> Decision {
        Decision::shared(Arc::clone(decision), policy.clone())
    }
}

#[pymethods]
impl FleetDecisions {
    /// When the look was taken, in ms since the epoch.
    #[getter]
    fn at(&self) -> Millis {
        self.at
    }

    /// How many tasks were looked at.
    #[getter]
    fn looked(&self) -> usize {
        self.looked
    }

    /// For how many of them a rule fired.
    #[getter]
    fn fired(&self) -> usize {
        self.fired
    }

    /// For how many of them a rule could not be answered for lack of data.
    #[getter]
    fn undefined(&self) -> usize {
        self.undefined
    }

    /// The tasks that could not be looked at.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        failures(py, &self.failures)
    }

    /// The tasks whose shadow came to something else.
    #[getter]
    fn differences<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = self.differences.iter().map(|found| difference(py, found));
        PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
    }

    /// What to do.
    #[getter]
    fn instructions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = self.kept.iter().filter_map(|d| d.1.instruction().cloned());
        PyTuple::new(py, all.map(Instruction::new).collect::<Vec<_>>())
    }

    fn __len__(&self) -> usize {
        self.kept.len()
    }

    fn __bool__(&self) -> bool {
        !self.kept.is_empty()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let all = decision::tuple(py, self.kept.iter().map(FleetDecisions::decision))?;
        Ok(all.try_iter()?.into_any())
    }

    /// The decision at a place, or of a task by its id.
    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<Decision> {
        if let Ok(id) = key.cast::<PyString>() {
            let id = str_of(id, "id")?;
            let found = self.kept.iter().find(|d| d.1.task() == id);
            return found
                .map(FleetDecisions::decision)
                .ok_or_else(|| pyo3::exceptions::PyKeyError::new_err(id.to_owned()));
        }
        let index: isize = key
            .extract()
            .map_err(|_| wrong_type(key, "an index", "an int, or the id of a task"))?;
        let place = if index < 0 {
            index + self.kept.len() as isize
        } else {
            index
        };
        let found = usize::try_from(place).ok().and_then(|place| self.kept.get(place));
        found.map(FleetDecisions::decision).ok_or_else(|| {
            let message = format!("there are {} decisions, and no number {index}", self.kept.len());
            pyo3::exceptions::PyIndexError::new_err(message)
        })
    }

    fn __repr__(&self) -> String {
        let mut text = format!(
            "<FleetDecisions of {} tasks: {} to look at",
            self.looked,
            self.kept.len()
        );
        if !self.failures.is_empty() {
            _ = write!(text, ", {} failed", self.failures.len());
        }
        text.push('>');
        text
    }

    fn _repr_html_<'py>(slf: &Bound<'py, FleetDecisions>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("dras._html")?.call_method1("fleet", (slf,))
    }
}
