//! `dras.Library` and `dras.Assigner`: documents that extend each other, and which task has which.

use std::collections::BTreeMap;

use dras_core::diagnostic::Diagnostics;
use dras_core::engine::{self, AttributeValue};
use dras_core::rules::{self, Assignments, DocumentLimits, built_in_attribute};
use dras_core::units::Unit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};

use crate::convert::{items, number, str_of, text};
use crate::errors::{Class, diagnostics, refused, wrong_type};
use crate::lock::{Shared, guarded};
use crate::policy::{Policy, document_text};
use crate::python::Data;
use crate::task::task_error;
use crate::to_python::to_python;

/// Documents by name, which may extend each other. What a document says itself goes on top of what it ``extends``.
///
/// >>> import dras
/// >>> base = {"version": 1, "name": "base", "rules": [{"name": "up", "when": "uptime > 5m", "then": {"parallelism": "4"}}]}
/// >>> library = dras.Library([base, {"version": 1, "name": "orders", "extends": "base", "limits": {"parallelism": {"max": 3}}}])
/// >>> library.policy("orders").limits
/// {'parallelism': {'max': 3}}
///
/// Raises:
///     PolicyError: a document is refused, has no name or one that is taken, or extends itself.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Library {
    library: Shared<rules::Library>,
}

impl Library {
    /// Calls `work` with the library, and raises what it finds.
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut rules::Library) -> Result<R, Diagnostics> + Send,
    ) -> PyResult<R> {
        self.library
            .with_detached(py, work)?
            .map_err(|found| refused(py, Class::Policy, &found))
    }
}

#[pymethods]
impl Library {
    #[new]
    #[pyo3(signature = (documents=None, /))]
    fn new(py: Python<'_>, documents: Option<&Bound<'_, PyAny>>) -> PyResult<Library> {
        let library = Library {
            library: Shared::new(rules::Library::new(DocumentLimits::default())),
        };
        if let Some(documents) = documents {
            let Ok(all) = documents.try_iter() else {
                return Err(wrong_type(documents, "documents", "several documents"));
            };
            for document in all {
                library.add(py, &document?)?;
            }
        }
        Ok(library)
    }

    /// Adds a document and gives its name. Documents may be added in any order.
    ///
    /// Raises:
    ///     PolicyError: it is refused; the library is as before.
    #[pyo3(signature = (document, /))]
    fn add(&self, py: Python<'_>, document: &Bound<'_, PyAny>) -> PyResult<String> {
        let (text, value) = document_text(document)?;
        self.with(py, |library| match &value {
            Some(value) => library.add_value(value),
            None => library.add(&*text),
        })
    }

    /// Replaces the document of the same name, and gives the names of all documents that are different now.
    ///
    /// Raises:
    ///     PolicyError: it is refused, or a document that extends it would be; the library is as before.
    #[pyo3(signature = (document, /))]
    fn replace<'py>(&self, py: Python<'py>, document: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let (text, value) = document_text(document)?;
        let changed = self.with(py, |library| match &value {
            Some(value) => library.replace_value(value),
            None => library.replace(&*text),
        })?;
        PyTuple::new(py, changed)
    }

    /// Removes a document.
    ///
    /// Raises:
    ///     PolicyError: there is none of that name, or another one extends it.
    #[pyo3(signature = (name, /))]
    fn remove(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = text(name, "name")?;
        self.with(py, |library| library.remove(name))
    }

    /// The names of its documents, in order.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let names = self.with(py, |library| Ok(library.names().map(str::to_owned).collect::<Vec<_>>()))?;
        PyTuple::new(py, names)
    }

    /// The documents that a document extends directly.
    #[pyo3(signature = (name, /))]
    fn parents<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let name = text(name, "name")?;
        let parents = self.with(py, |library| {
            Ok(library.parents(name).map(str::to_owned).collect::<Vec<_>>())
        })?;
        PyTuple::new(py, parents)
    }

    /// The documents that extend a document, directly or through others.
    #[pyo3(signature = (name, /))]
    fn dependents<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let name = text(name, "name")?;
        let all = self.with(py, |library| {
            Ok(library
                .dependents(name)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>())
        })?;
        PyTuple::new(py, all)
    }

    /// A document with everything that it inherits.
    ///
    /// Raises:
    ///     PolicyError: there is none of that name, or it cannot be resolved.
    #[pyo3(signature = (name, /))]
    fn resolve<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = text(name, "name")?;
        let resolved = self.with(py, |library| library.resolve(name))?;
        to_python(py, resolved.document())
    }

    /// Every value of a resolved document, with the document and place where it was said.
    ///
    /// Raises:
    ///     PolicyError: there is none of that name, or it cannot be resolved.
    #[pyo3(signature = (name, /))]
    fn origins<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let name = text(name, "name")?;
        let values = self.with(py, |library| Ok(library.resolve(name)?.values()))?;
        let said = values
            .iter()
            .map(|v| Data::Said.make(py, (&v.path, &v.value, &v.document, &v.at)));
        PyTuple::new(py, said.collect::<PyResult<Vec<_>>>()?)
    }

    /// A document with everything that it inherits, compiled.
    ///
    /// Raises:
    ///     PolicyError: there is none of that name, or it is refused.
    #[pyo3(signature = (name, /))]
    fn policy(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<Policy> {
        let name = text(name, "name")?;
        self.with(py, |library| {
            let resolved = library.resolve(name)?;
            let policy = engine::Policy::from_resolved(&resolved)?;
            Ok(Policy::of(policy, resolved.document().to_json().as_bytes()))
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |library| Ok(library.names().count()))
    }

    fn __contains__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(name) = name.cast::<PyString>() else {
            return Ok(false);
        };
        let name = str_of(name, "name")?;
        self.with(py, |library| Ok(library.names().any(|known| known == name)))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.names(py)?.try_iter()?.into_any())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let names = self.with(py, |library| Ok(library.names().collect::<Vec<_>>().join(", ")))?;
        Ok(format!(
            "<Library of {}>",
            if names.is_empty() { "nothing" } else { &names }
        ))
    }
}

/// Chooses a document for a task by the task's attributes: the first assignment whose condition is true.
///
/// >>> import dras
/// >>> large = {"when": "parallelism > 64", "document": "large"}
/// >>> assigner = dras.Assigner({"version": 1, "assignments": [large], "default": "etl"})
/// >>> assigner.assign({"parallelism": 128}).document
/// 'large'
///
/// Raises:
///     PolicyError: the assignments are refused; ``diagnostics`` say everything that is wrong with them.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Assigner {
    assigner: engine::Assigner,
}

impl Assigner {
    /// The value of an attribute in the unit that the assignments declare.
    fn value(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<AttributeValue> {
        if let Ok(truth) = value.cast::<PyBool>() {
            return Ok(AttributeValue::Bool(truth.is_true()));
        }
        let what = || format!("the attribute `{name}`");
        let declared = self.assigner.assignments().attributes.get(name);
        let (kind, unit, factor) = match (declared, built_in_attribute(name)) {
            (Some(declared), _) => {
                let unit = declared.unit.as_ref();
                let dimension = unit.map_or(Unit::NUMBER, |unit| unit.dimension);
                (Some(declared.kind), dimension, unit.map_or(1.0, |unit| unit.factor))
            }
            (None, Some(built_in)) => (Some(built_in.kind), built_in.unit, 1.0),
            // Others may know it; here it has no meaning.
            (None, None) => (None, Unit::NUMBER, 1.0),
        };
        if value.is_instance_of::<PyString>() && kind != Some(rules::AttributeType::Number) {
            return Ok(AttributeValue::Text(text(value, &what())?.to_owned()));
        }
        Ok(AttributeValue::Number(number(value, unit, factor, what)?))
    }
}

#[pymethods]
impl Assigner {
    #[new]
    #[pyo3(signature = (assignments, /))]
    fn new(py: Python<'_>, assignments: &Bound<'_, PyAny>) -> PyResult<Assigner> {
        let (text, value) = document_text(assignments)?;
        let limits = DocumentLimits::default();
        let compiled = py.detach(|| {
            guarded(|| match &value {
                Some(value) => Assignments::from_value(value, &limits).and_then(|a| engine::Assigner::compile(&a)),
                None => engine::Assigner::from_json(&*text, &limits),
            })
        });
        let compiled = compiled.map_err(|error| error.error(py))?;
        let assigner = compiled.map_err(|found| refused(py, Class::Policy, &found))?;
        Ok(Assigner { assigner })
    }

    /// The documents that are named.
    #[getter]
    fn documents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.assigner.assignments().documents().collect::<Vec<_>>())
    }

    /// What is odd about the conditions, though they compile.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        diagnostics(py, self.assigner.warnings())
    }

    /// The documents that a library does not have.
    #[pyo3(signature = (library, /))]
    fn check<'py>(&self, py: Python<'py>, library: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(library) = library.cast::<Library>() else {
            return Err(wrong_type(library, "library", "a Library"));
        };
        let found = library.get().with(py, |library| Ok(self.assigner.check(library)))?;
        diagnostics(py, &found)
    }

    /// The document for a task with these attributes, and why. A condition that is undefined is not true, but reported.
    ///
    /// Raises:
    ///     TaskError: an attribute is of another type than declared, or not finite.
    #[pyo3(signature = (attributes, /))]
    fn assign<'py>(&self, py: Python<'py>, attributes: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let mut known = BTreeMap::new();
        for (name, value) in items(attributes, "the attributes")? {
            if value.is_none() {
                continue;
            }
            let name = str_of(&name, "the name of an attribute")?;
            known.insert(name.to_owned(), self.value(name, &value)?);
        }
        let assigned = py.detach(|| guarded(|| self.assigner.assign(&known)));
        let assigned = assigned.map_err(|error| error.error(py))?;
        let assigned = assigned.map_err(|error| task_error(py, &error))?;
        let undefined = assigned.undefined.iter().map(ToString::to_string);
        Data::Assigned.make(
            py,
            (
                assigned.document.as_deref(),
                assigned.index,
                PyTuple::new(py, &assigned.why)?,
                PyTuple::new(py, undefined.collect::<Vec<_>>())?,
                assigned.to_string(),
            ),
        )
    }

    fn __repr__(&self) -> String {
        let assignments = self.assigner.assignments();
        format!("<Assigner of {} assignments>", assignments.assignments.len())
    }
}
