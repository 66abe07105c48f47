//! `dras.Decision`: what a look came to, and why.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use dras_core::engine::{self, DecisionReport};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde::Serialize;

use crate::errors::{Class, bad_input};
use crate::instruction::Instruction;
use crate::lock::caught;
use crate::policy::Policy;
use crate::python;
use crate::to_python::to_python;

/// What one look at one task came to: nothing, or changes of its resources, and all that led there.
///
/// ``str()`` of it is the whole story; it is true where there is something to hear of. Its texts are made when somebody asks.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Decision {
    decision: Arc<engine::Decision>,
    policy: Policy,
    report: OnceLock<DecisionReport>,
}

impl Decision {
    pub(crate) fn new(decision: engine::Decision, policy: Policy) -> Decision {
        Decision::shared(Arc::new(decision), policy)
    }

    pub(crate) fn shared(decision: Arc<engine::Decision>, policy: Policy) -> Decision {
        Decision {
            decision,
            policy,
            report: OnceLock::new(),
        }
    }

    fn report(&self, py: Python<'_>) -> PyResult<&DecisionReport> {
        if let Some(report) = self.report.get() {
            return Ok(report);
        }
        let report = caught(py, || self.decision.report())?;
        Ok(self.report.get_or_init(|| report))
    }

    /// A part of the report as objects of `dras._data`.
    fn part<'py>(
        &self,
        py: Python<'py>,
        class: &str,
        part: impl FnOnce(&DecisionReport) -> Result<Bound<'py, PyAny>, PyErr>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = part(self.report(py)?)?;
        py.import("dras._data")?.getattr(class)?.call_method1("_all", (data,))
    }
}

fn plain<'py, T: Serialize>(py: Python<'py>, value: &T) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, value)
}

#[pymethods]
impl Decision {
    /// The task's id.
    #[getter]
    fn task(&self) -> &str {
        self.decision.task()
    }

    /// When the look was taken, in ms since the epoch.
    #[getter]
    fn at(&self) -> i64 {
        self.decision.at()
    }

    /// The same in UTC; ``None`` after the year 9999.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        python::datetime(py, self.decision.at())
    }

    /// What was looked at.
    #[getter]
    fn look<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.decision.kind())
    }

    /// The policy that decided.
    #[getter]
    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    /// Whether there is anything to hear of: a change, made or held, an alert, or a change by somebody else.
    #[getter]
    fn matters(&self) -> bool {
        self.decision.matters()
    }

    /// Whether any rule fired.
    #[getter]
    fn any_fired(&self) -> bool {
        self.decision.any_fired()
    }

    /// Whether any rule could not be answered for lack of data.
    #[getter]
    fn any_undefined(&self) -> bool {
        self.decision.any_undefined()
    }

    /// The changes to make, all in one restart, at most one for each resource; none means that nothing is to be done.
    #[getter]
    fn changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "Change", |report| plain(py, &report.changes))
    }

    /// The changes that would be made but for guards.
    #[getter]
    fn held<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "Held", |report| plain(py, &report.held))
    }

    /// The guards that hold a direction of change, whether anything wanted to go there or not.
    #[getter]
    fn guards<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "Guard", |report| plain(py, &report.guards))
    }

    /// What people should be told.
    #[getter]
    fn alerts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "Alert", |report| plain(py, &report.alerts))
    }

    /// What somebody else changed since the last look.
    #[getter]
    fn external<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "ResourceStep", |report| plain(py, &report.external))
    }

    /// The memory of processes after the changes, where the task's Flink configuration is known.
    #[getter]
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "ProcessMemory", |report| plain(py, &report.memory))
    }

    /// What became of every rule, with the values behind it.
    #[getter]
    fn rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "RuleOutcome", |report| {
            let rules = plain(py, &report.rules)?;
            for (rule, data) in report.rules.iter().zip(rules.try_iter()?) {
                data?.set_item("outcome", rule.outcome())?;
            }
            Ok(rules)
        })
    }

    /// What was seen: every metric and attribute that the rules use, with its value.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "Input", |report| {
            let inputs = plain(py, &report.inputs)?;
            for (input, data) in report.inputs.iter().zip(inputs.try_iter()?) {
                data?.set_item("shown", input.value.display(input.ty))?;
            }
            Ok(inputs)
        })
    }

    /// What each rule came to, in a word; cheaper than ``rules``.
    #[getter]
    fn states<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let states = PyDict::new(py);
        for (rule, state) in self.policy.core().rules().zip(self.decision.states()) {
            states.set_item(&rule.name, to_python(py, &state)?)?;
        }
        Ok(states)
    }

    /// What to do, if anything. A document in the mode ``monitor`` gives none.
    #[getter]
    fn instruction(&self) -> Option<Instruction> {
        self.decision.instruction().cloned().map(Instruction::new)
    }

    /// All of it as plain data.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, self.report(py)?)
    }

    /// The same as JSON: the same bytes as in Rust and Node.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.report(py)?).map_err(|error| bad_input(py, "json", error.to_string()))
    }

    /// The whole story as text.
    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        let report = self.report(py)?;
        caught(py, || report.to_string())
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        self.explain(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let report = self.report(py)?;
        let first = report.to_string();
        let first = first.lines().next().unwrap_or_default();
        let mut more = String::new();
        if !report.held.is_empty() {
            _ = write!(more, ", {} held", report.held.len());
        }
        if !report.alerts.is_empty() {
            _ = write!(more, ", {} alerts", report.alerts.len());
        }
        Ok(format!("<Decision {first}{more}>"))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Decision>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("dras._html")?.call_method1("decision", (slf,))
    }

    fn __bool__(&self) -> bool {
        self.decision.matters()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Decision>()
            .is_ok_and(|other| *other.get().decision == *self.decision)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.decision.task(), self.decision.at()).hash(&mut hasher);
        hasher.finish()
    }

    fn __copy__(slf: Bound<'_, Decision>) -> Bound<'_, Decision> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Decision>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Decision> {
        slf
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let message = "a Decision cannot be pickled, because it explains itself from its policy; pickle its to_dict() or to_json()";
        Err(Class::InputType.error(py, message, "pickle"))
    }
}

/// Several decisions of one look at a fleet, as a tuple.
pub(crate) fn tuple<'py>(
    py: Python<'py>,
    all: impl ExactSizeIterator<Item = Decision>,
) -> PyResult<Bound<'py, PyTuple>> {
    let all: Vec<Bound<'py, PyAny>> = all
        .map(|decision| decision.into_bound_py_any(py))
        .collect::<PyResult<_>>()?;
    PyTuple::new(py, all)
}
