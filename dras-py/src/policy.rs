//! `dras.Policy` and `dras.Template`.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dras_core::engine;
use dras_core::metrics::MetricId;
use dras_core::rules::{self, DocumentLimits};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

use crate::convert::{bytes, count, duration, shortened, text};
use crate::errors::{Class, bad_input, diagnostics, refused, wrong_type};
use crate::lock::{caught, guarded};
use crate::python::{self, Data};
use crate::to_python::to_python;

/// A compiled document with its text.
pub(crate) struct Loaded {
    pub(crate) policy: engine::Policy,
    document: Box<[u8]>,
}

/// A compiled rule document: immutable, shared by all tasks of a kind.
///
/// It is made of a ``dict``, or of JSON as ``str`` or ``bytes``. In a ``dict``, ``timedelta`` may stand for durations.
///
/// Policies are equal where their documents mean the same; they can be hashed, copied and pickled.
///
/// >>> import dras
/// >>> rule = {"name": "up", "when": "uptime > 5m && parallelism < 2", "then": {"parallelism": "2"}}
/// >>> dras.Policy({"version": 1, "name": "small", "rules": [rule]})
/// <Policy "small": 1 rule (up)>
///
/// Raises:
///     PolicyError: the document is refused; its ``diagnostics`` say everything that is wrong with it, with path, line and column.
#[pyclass(frozen, module = "dras")]
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) loaded: Arc<Loaded>,
}

impl Policy {
    /// A policy of a document that was resolved before.
    pub(crate) fn of(policy: engine::Policy, document: &[u8]) -> Policy {
        Policy {
            loaded: Arc::new(Loaded {
                policy,
                document: document.into(),
            }),
        }
    }

    pub(crate) fn core(&self) -> &engine::Policy {
        &self.loaded.policy
    }
}

/// The text of a document that was given as text, or as the object of its JSON.
pub(crate) fn document_text<'a>(
    document: &'a Bound<'_, PyAny>,
) -> PyResult<(Cow<'a, [u8]>, Option<serde_json::Value>)> {
    if let Some(text) = bytes(document, "the document")? {
        return Ok((text, None));
    }
    let py = document.py();
    if !document.is_instance_of::<PyDict>() && !document.is_instance_of::<pyo3::types::PyMapping>() {
        return Err(wrong_type(document, "a document", "a dict, or JSON as str or bytes"));
    }
    let value = crate::from_python::json(document, "document")?;
    let text = serde_json::to_vec(&value).map_err(|error| bad_input(py, "json", error.to_string()))?;
    Ok((Cow::Owned(text), Some(value)))
}

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (document, /))]
    fn new(py: Python<'_>, document: &Bound<'_, PyAny>) -> PyResult<Policy> {
        let (text, value) = document_text(document)?;
        let limits = DocumentLimits::default();
        let compiled = py.detach(|| {
            guarded(|| match &value {
                Some(value) => engine::Policy::from_value(value, &limits),
                None => engine::Policy::from_json(&*text, &limits),
            })
        });
        match compiled.map_err(|error| error.error(py))? {
            Ok(policy) => Ok(Policy {
                loaded: Arc::new(Loaded {
                    policy,
                    document: text.into(),
                }),
            }),
            Err(found) => Err(refused(py, Class::Policy, &found)),
        }
    }

    /// The name of the document.
    #[getter]
    fn name(&self) -> &str {
        self.core().name()
    }

    /// 16 hexadecimal digits that tell this document from others; equal documents have equal ones, on every machine and in every language.
    #[getter]
    fn fingerprint(&self) -> String {
        format!("{:016x}", self.core().fingerprint())
    }

    /// What becomes of decisions: ``monitor`` gives no instructions.
    #[getter]
    fn mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.core().mode())
    }

    /// What is odd about the document, though it compiles.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        diagnostics(py, self.core().warnings())
    }

    /// The rules, in the order in which decisions report them.
    #[getter]
    fn rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let rule = |rule: &engine::RuleInfo| {
            Data::Rule.make(
                py,
                (
                    &rule.name,
                    &rule.path,
                    &rule.doc,
                    python::timedelta(py, rule.hold)?,
                    rule.priority,
                    rule.urgent,
                    rule.alert.as_deref(),
                    python::timedelta(py, rule.no_shrink_for)?,
                ),
            )
        };
        PyTuple::new(py, self.core().rules().map(rule).collect::<PyResult<Vec<_>>>()?)
    }

    /// The metrics that the document and its strategies declare, by name.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let recorded: Vec<MetricId> = self.core().recorded().collect();
        let metrics = self.core().plan().catalogue().iter().map(|(id, spec)| {
            Data::Metric.make(
                py,
                (
                    &spec.name,
                    &spec.doc,
                    &spec.unit.name,
                    to_python(py, &spec.kind)?,
                    to_python(py, &spec.per)?,
                    python::timedelta(py, spec.interval)?,
                    spec.flink.as_deref(),
                    spec.instance_label.as_deref(),
                    recorded.contains(&id),
                ),
            )
        });
        PyTuple::new(py, metrics.collect::<PyResult<Vec<_>>>()?)
    }

    /// The attributes that expressions may use, built-in ones among them.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let attributes = self
            .core()
            .attributes()
            .iter()
            .map(|a| Data::Attribute.make(py, (&a.name, a.ty.to_string(), a.is_derived())));
        PyTuple::new(py, attributes.collect::<PyResult<Vec<_>>>()?)
    }

    /// The parameters, by name, with the value that counts, its range, the strategy's default and where the value comes from.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let parameters = self.core().parameters().iter().map(|p| {
            let (value, default) = (to_python(py, &p.value)?, to_python(py, &p.default)?);
            let origin = p.origin.path();
            Data::Parameter.make(
                py,
                (
                    &p.name,
                    value,
                    p.range.as_deref(),
                    default,
                    &p.doc,
                    origin,
                    p.to_string(),
                ),
            )
        });
        PyTuple::new(py, parameters.collect::<PyResult<Vec<_>>>()?)
    }

    /// The least and most of each resource, as in a document.
    #[getter]
    fn limits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, self.core().limits())
    }

    /// What holds changes back, as in a document.
    #[getter]
    fn guards<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, self.core().guards())
    }

    /// The document that it was made of.
    #[getter]
    fn document<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // The document was read before, so that it is JSON.
        match serde_json::from_slice::<serde_json::Value>(&self.loaded.document) {
            Ok(value) => to_python(py, &value),
            Err(error) => Err(bad_input(py, "json", error.to_string())),
        }
    }

    /// What the windows of a task with that many TaskManagers (one, where it is left out) may take of memory, known before anything runs.
    ///
    /// Raises:
    ///     InputError: the number is negative or huge.
    #[pyo3(signature = (task_managers=None))]
    fn bytes_per_task(&self, py: Python<'_>, task_managers: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        let task_managers = task_managers.map_or(Ok(1), |given| count(given, "task_managers"))?;
        caught(py, || self.core().plan().bytes_per_task(task_managers))
    }

    /// What is odd about the rules beside each other: conditions that are never or always true, rules that contradict or repeat each other,
    /// thresholds in the wrong order, rules that go up and down for ever at a constant load; each with an example where there is one.
    ///
    /// ``retention`` is how far back samples can be had; windows that reach further are reported.
    #[pyo3(signature = (*, retention=None))]
    fn lint<'py>(&self, py: Python<'py>, retention: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let retention = retention.map(|given| duration(given, "retention")).transpose()?;
        let found = py.detach(|| guarded(|| engine::lint(self.core(), &engine::LintOptions { retention })));
        diagnostics(py, &found.map_err(|error| error.error(py))?)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Policy>()
            .is_ok_and(|other| other.get().core() == self.core())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.core().fingerprint().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let rules: Vec<&str> = self.core().rules().map(|rule| rule.name.as_str()).collect();
        format!(
            "<Policy {:?}: {} rule{} ({})>",
            self.core().name(),
            rules.len(),
            if rules.len() == 1 { "" } else { "s" },
            shortened(&rules.join(", "))
        )
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Policy>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("dras._html")?.call_method1("policy", (slf,))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Policy>) -> (Bound<'py, PyType>, (Bound<'py, PyBytes>,)) {
        let document = PyBytes::new(slf.py(), &slf.get().loaded.document);
        (slf.get_type(), (document,))
    }

    fn __copy__(slf: Bound<'_, Policy>) -> Bound<'_, Policy> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Policy>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Policy> {
        slf
    }
}

/// A built-in strategy, by its name: a document of rules and parameters that other documents use with ``{"use": name}``.
///
/// Raises:
///     InputError: there is none of that name; the message lists those there are.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Template {
    template: &'static rules::Template,
}

#[pymethods]
impl Template {
    #[new]
    #[pyo3(signature = (name, /))]
    fn new(name: &Bound<'_, PyAny>) -> PyResult<Template> {
        let given = text(name, "the name of a template")?;
        let template = rules::Template::builtin(given).ok_or_else(|| {
            let all: Vec<&str> = rules::Template::all().iter().map(rules::Template::name).collect();
            let message = format!(
                "there is no template called \"{}\"; there are {}",
                shortened(given),
                all.join(", ")
            );
            bad_input(name.py(), "unknown_template", message)
        })?;
        Ok(Template { template })
    }

    /// All built-in strategies, by name.
    #[staticmethod]
    fn all(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, rules::Template::all().iter().map(|template| Template { template }))
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.template.name()
    }

    /// What it sees and does.
    #[getter]
    fn doc(&self) -> &str {
        self.template.doc()
    }

    /// Its parameters, by the names under which a document sets them, with what a document says of a parameter.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let params = PyDict::new(py);
        for (name, param) in self.template.params() {
            params.set_item(name, to_python(py, param)?)?;
        }
        Ok(params)
    }

    /// Everything that it consists of: a document that works as it stands.
    #[getter]
    fn document<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, self.template.document())
    }

    /// The same as indented JSON.
    fn to_json(&self) -> String {
        self.template.print()
    }

    fn __repr__(&self) -> String {
        format!("<Template {:?}>", self.template.name())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Template>()
            .is_ok_and(|other| other.get().template.name() == self.template.name())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.template.name().hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Template>) -> (Bound<'py, PyType>, (&'static str,)) {
        (slf.get_type(), (slf.get().template.name(),))
    }
}

/// How many threads: what was asked for, or as many as the machine has cores.
pub(crate) fn threads(value: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    let Some(value) = value else {
        return Ok(std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    };
    match count(value, "threads")? {
        0 => Err(bad_input(value.py(), "number", "threads must be at least 1")),
        threads => Ok(threads.min(256)),
    }
}
