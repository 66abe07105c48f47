//! Functions about the language: formatting, explaining, and what functions there are.

use dras_core::lang::functions::FUNCTIONS;
use dras_core::lang::{Limits, format_source};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert::text;
use crate::errors::{Class, refused};
use crate::lock::caught;
use crate::python::Data;
use crate::to_python::to_python;

/// The canonical form of an expression.
///
/// >>> import dras
/// >>> dras.format("cpu>80%&&( lag > 5m )")
/// 'cpu > 80% && lag > 5m'
///
/// Raises:
///     ExpressionError: it cannot be parsed.
#[pyfunction]
#[pyo3(signature = (source, /))]
pub(crate) fn format(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<String> {
    let source = text(source, "the expression")?;
    let formatted = caught(py, || format_source(source, &Limits::default()))?;
    formatted.map_err(|found| refused(py, Class::Expression, &found))
}

/// The JSON Schema (2020-12) of rule documents: every field with its type and its explanation.
#[pyfunction]
pub(crate) fn schema(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    to_python(py, &dras_core::rules::schema())
}

/// All functions of the expression language, with their documentation and examples.
#[pyfunction]
pub(crate) fn functions(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let all = FUNCTIONS.iter().map(|f| {
        let examples = PyTuple::new(py, f.examples)?;
        Data::Function.make(py, (f.name, f.signature, f.group.title(), f.doc, examples))
    });
    PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
}
