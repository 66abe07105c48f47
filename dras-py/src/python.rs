//! What is written in Python: the classes of plain data, and the times of the standard library.

use dras_core::units::Millis;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDelta, PyType};

/// The classes of `dras._data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Accepted,
    Assigned,
    Attribute,
    Carried,
    Counters,
    Function,
    Metric,
    NextLook,
    Parameter,
    Query,
    ReadReport,
    Rule,
    Said,
    Summary,
    Undefined,
}

const CLASSES: usize = Data::Undefined as usize + 1;

impl Data {
    fn name(self) -> &'static str {
        match self {
            Data::Accepted => "Accepted",
            Data::Assigned => "Assigned",
            Data::Attribute => "Attribute",
            Data::Carried => "Carried",
            Data::Counters => "Counters",
            Data::Function => "Function",
            Data::Metric => "Metric",
            Data::NextLook => "NextLook",

            Data::Parameter => "Parameter",
            Data::Query => "Query",
            Data::ReadReport => "ReadReport",
            Data::Rule => "Rule",
            Data::Said => "Said",
            Data::Summary => "Summary",
            Data::Undefined => "Undefined",
        }
    }

    pub(crate) fn class(self, py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
        static ALL: [PyOnceLock<Py<PyType>>; CLASSES] = [const { PyOnceLock::new() }; CLASSES];
        ALL[self as usize].import(py, "dras._data", self.name())
    }

    /// An object of the class, from its fields in their order.
    pub(crate) fn make<'py>(self, py: Python<'py>, fields: impl PyCallArgs<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.class(py)?.call1(fields)
    }
}

/// A duration.
pub(crate) fn timedelta(py: Python<'_>, ms: Millis) -> PyResult<Bound<'_, PyDelta>> {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Longer ones than Python can say are no durations of ours.
    let days = days.clamp(-999_999_999, 999_999_999) as i32;
    PyDelta::new(py, days, (rest / 1000) as i32, (rest % 1000 * 1000) as i32, true)
}

/// A moment, in UTC; `None` where Python's calendar has ended.
pub(crate) fn datetime(py: Python<'_>, ms: Millis) -> PyResult<Option<Bound<'_, PyAny>>> {
    let utc = pyo3::types::PyTzInfo::utc(py)?;
    let epoch = pyo3::types::PyDateTime::from_timestamp(py, 0.0, Some(&utc))?;
    // The year 9999 and no later.
    if !(-62_135_596_800_000..253_402_300_800_000).contains(&ms) {
        return Ok(None);
    }
    epoch.add(timedelta(py, ms)?).map(Some)
}
