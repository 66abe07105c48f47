//! Functions about the language: formatting, explaining, and what functions there are.

use dras_core::diagnostic::{ALL_CODES, Example};
use dras_core::lang::functions::FUNCTIONS;
use dras_core::lang::{Limits, Type, format_source};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use dras_core::literal::parse_quantity as quantity_of;

use crate::convert::text;
use crate::errors::{Class, bad_input, refused, severity_word};
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

/// All codes of diagnostics: what each names, why it is a mistake, what to do, and an input that produces it.
#[pyfunction]
pub(crate) fn error_codes(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let class = py.import("dras._data")?.getattr("ErrorCode")?;
    let all = ALL_CODES.iter().map(|code| {
        let (kind, example) = match code.example() {
            Example::Expression(text) => ("expression", text),
            Example::Document(text) => ("document", text),
            Example::Library(text) => ("library", text),
            Example::Lint(text) => ("lint", text),
            Example::Generated(text) => ("generated", text),
        };
        class.call1((
            code.id(),
            severity_word(code.severity()),
            code.title(),
            code.explanation(),
            example,
            kind,
        ))
    });
    PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
}

/// What a text such as ``"5m"``, ``"2GiB"`` or ``"80%"`` is worth in seconds, bytes or plain numbers, and of what unit it is: ``s``,
/// ``B``, ``number``.
///
/// >>> import dras
/// >>> dras.parse_quantity("1h30m")
/// (5400.0, 's')
///
/// Raises:
///     InputError: it is no number with a unit.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn parse_quantity(py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<(f64, String)> {
    let given = self::text(text, "the text")?;
    match quantity_of(given) {
        Ok((value, unit)) => Ok((value, Type::Number(unit).to_string())),
        Err(error) => Err(bad_input(py, "quantity", error.to_string())),
    }
}
