//! Raising the exceptions of `dras.errors`, which are written in Python.

use dras_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

/// The classes of `dras.errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Input,
    InputType,
    Policy,
    Expression,
    Task,
    Read,
    Snapshot,
    Translation,
    State,
    Internal,
}

const CLASSES: usize = Class::Internal as usize + 1;

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Input => "InputError",
            Class::InputType => "InputTypeError",
            Class::Policy => "PolicyError",
            Class::Expression => "ExpressionError",
            Class::Task => "TaskError",
            Class::Read => "ReadError",
            Class::Snapshot => "SnapshotError",
            Class::Translation => "TranslationError",
            Class::State => "StateError",
            Class::Internal => "InternalError",
        }
    }

    fn of(self, py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
        static ALL: [PyOnceLock<Py<PyType>>; CLASSES] = [const { PyOnceLock::new() }; CLASSES];
        ALL[self as usize].import(py, "dras.errors", self.name())
    }

    /// The exception, or what went wrong while it was made.
    pub(crate) fn error(self, py: Python<'_>, message: impl Into<String>, code: &str) -> PyErr {
        let made = self.of(py).and_then(|class| class.call1((message.into(), code)));
        made.map_or_else(|error| error, PyErr::from_value)
    }
}

/// Something of the right type that cannot be.
pub(crate) fn bad_input(py: Python<'_>, code: &str, message: impl Into<String>) -> PyErr {
    Class::Input.error(py, message, code)
}

/// Something of a type that cannot be taken.
pub(crate) fn bad_type(py: Python<'_>, message: impl Into<String>) -> PyErr {
    Class::InputType.error(py, message, "type")
}

/// `what` was to be `wanted` and is something else.
pub(crate) fn wrong_type(value: &Bound<'_, PyAny>, what: &str, wanted: &str) -> PyErr {
    bad_type(value.py(), format!("{what} must be {wanted}, not {}", type_name(value)))
}

/// The name of a value's class, for messages.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name().and_then(|name| Ok(name.to_str()?.to_owned()));
    name.unwrap_or_else(|_| "an object without a class name".to_owned())
}

/// A text that is refused, with all diagnostics.
pub(crate) fn refused(py: Python<'_>, class: Class, found: &Diagnostics) -> PyErr {
    let raise = || {
        let class = class.of(py)?;
        class.call1((found.to_string(), diagnostics(py, found)?))
    };
    raise().map_or_else(|error: PyErr| error, PyErr::from_value)
}

/// `dras.Diagnostics`.
pub(crate) fn diagnostics<'py>(py: Python<'py>, found: &Diagnostics) -> PyResult<Bound<'py, PyAny>> {
    static DIAGNOSTICS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let all: Vec<Bound<'py, PyAny>> = found.0.iter().map(|d| diagnostic(py, d)).collect::<PyResult<_>>()?;
    DIAGNOSTICS
        .import(py, "dras.errors", "Diagnostics")?
        .call1((PyTuple::new(py, all)?,))
}

pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// The longest text that a diagnostic carries, in bytes, as in its JSON.
const CARRIED_SOURCE: usize = 1 << 16;

fn diagnostic<'py>(py: Python<'py>, d: &Diagnostic) -> PyResult<Bound<'py, PyAny>> {
    static DIAGNOSTIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let source = d.source.as_deref().filter(|text| text.len() <= CARRIED_SOURCE);
    // Python counts characters where dras counts bytes.
    let characters = |text: &str, at: u32| text.get(..at as usize).map_or(0, |before| before.chars().count());
    let span = source.map(|text| (characters(text, d.span.start), characters(text, d.span.end)));
    let position = d.line_and_column();
    DIAGNOSTIC.import(py, "dras.errors", "Diagnostic")?.call1((
        d.code.id(),
        severity_word(d.severity()),
        &d.message,
        &d.path,
        source,
        span,
        position.map(|p| p.0),
        position.map(|p| p.1),
        &d.label,
        d.help.as_deref(),
        d.to_string(),
    ))
}
