//! Errors on their way to JavaScript.
//!
//! An error of Node-API carries a text and nothing else. So the text is a small JSON document behind a mark, and the façade makes of it an
//! exception of the package's own classes, with code, message and diagnostics.

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dras_core::diagnostic::{Diagnostic, Diagnostics};
use napi::{Error, Result, Status};
use serde_json::{Value, json};

/// Stands before the JSON of a fault.
const MARK: char = '\u{1}';

/// The classes of exceptions that the façade knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Something of the right type that cannot be.
    Input,
    /// A rule document.
    Policy,
    /// An expression.
    Expression,
    /// What cannot be said of a task.
    Task,
    /// A body that is not an answer.
    Read,
    /// An instruction that Flink would not carry out.
    Translation,
    /// A snapshot that cannot be restored.
    Snapshot,
    /// An object that cannot be used any more.
    State,
    /// A mistake in dras.
    Internal,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Input => "InputError",
            Class::Policy => "PolicyError",
            Class::Expression => "ExpressionError",
            Class::Task => "TaskError",
            Class::Read => "ReadError",
            Class::Translation => "TranslationError",
            Class::Snapshot => "SnapshotError",
            Class::State => "StateError",
            Class::Internal => "InternalError",
        }
    }
}

/// An error of this class.
pub(crate) fn fault(class: Class, code: &str, message: impl Into<String>) -> Error {
    let body = json!({ "class": class.name(), "code": code, "message": message.into() });
    Error::new(Status::GenericFailure, format!("{MARK}{body}"))
}

/// An error of this module's making, changed.
pub(crate) fn reworded(error: &Error, change: impl FnOnce(&mut Value)) -> Error {
    let body = error.reason.strip_prefix(MARK);
    let Some(mut body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
        return Error::new(error.status, error.reason.clone());
    };
    change(&mut body);
    Error::new(Status::GenericFailure, format!("{MARK}{body}"))
}

/// An error of the core: its message, and the name of its variant as code.
pub(crate) fn refused<E: std::error::Error>(class: Class) -> impl Fn(E) -> Error {
    move |error| fault(class, &code_of(&error), error.to_string())
}

/// Diagnostics with at least one error.
pub(crate) fn compile_error(class: Class, found: &Diagnostics) -> Error {
    let first = found.errors().next().map_or("", |d| d.code.id());
    let body = json!({
        "class": class.name(),
        "code": first,
        "message": found.to_string(),
        "diagnostics": diagnostics(found),
    });
    Error::new(Status::GenericFailure, format!("{MARK}{body}"))
}

/// Diagnostics as data.
pub(crate) fn diagnostics(found: &Diagnostics) -> Value {
    found.0.iter().map(diagnostic).collect()
}

/// The longest text that a diagnostic carries, in bytes, as in its JSON.
const CARRIED_SOURCE: usize = 1 << 16;

fn diagnostic(d: &Diagnostic) -> Value {
    let source = d.source.as_deref();
    let position = d.line_and_column();
    json!({
        "code": d.code.id(),
        "severity": d.severity(),
        "message": d.message,
        "path": d.path,
        "source": source.filter(|text| text.len() <= CARRIED_SOURCE),
        "span": source.map(|text| json!({ "start": utf16(text, d.span.start), "end": utf16(text, d.span.end) })),
        "line": position.map(|p| p.0),
        "column": position.map(|p| p.1),
        "label": d.label,
        "help": d.help,
        "rendered": d.to_string(),
    })
}

/// JavaScript counts UTF-16 code units where dras counts bytes.
pub(crate) fn utf16(text: &str, at: u32) -> usize {
    text.get(..at as usize)
        .map_or(0, |before| before.encode_utf16().count())
}

/// The name of an error's variant as a word: `TimeWentBack { … }` is `time_went_back`, and so is `Ingest(TimeWentBack(…))`, since what is
/// wrapped says more than its wrapper.
pub(crate) fn code_of(error: &dyn Debug) -> String {
    let text = format!("{error:?}");
    let mut rest = text.as_str();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let inner = after
            .strip_prefix('(')
            .filter(|inner| inner.starts_with(|c: char| c.is_ascii_uppercase()));
        match inner {
            Some(inner) => rest = inner,
            None => return snake(name),
        }
    }
}

fn snake(name: &str) -> String {
    let mut word = String::with_capacity(name.len() + 4);
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && i > 0 {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

/// A JSON document that JavaScript hands over as text, as data of the core.
pub(crate) fn data<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| fault(Class::Input, "shape", format!("{what}: {}", plain(&error))))
}

/// The error without a place: the text was made from an object, and has no lines that anybody knows.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Data of the core as JSON text.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| fault(Class::Internal, "json", error.to_string()))
}

/// Calls `work` and makes an error of a panic, for threads on which nothing else catches it.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| fault(Class::Internal, "panic", panic_text(&*panic)))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "internal error in dras: {}",
        text.unwrap_or_else(|| "unknown".to_owned())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dras_core::engine::TaskError;
    use dras_core::metrics::{IngestError, TimeWentBack};

    #[test]
    fn a_code_is_the_innermost_variant() {
        let back = TaskError::Ingest(IngestError::TimeWentBack(TimeWentBack { now: 1, last: 2 }));
        assert_eq!(code_of(&back), "time_went_back");
        assert_eq!(code_of(&TaskError::TooManyLabels { limit: 256 }), "too_many_labels");
        assert_eq!(
            code_of(&TaskError::Ingest(IngestError::UnknownInstance)),
            "unknown_instance"
        );
        let text = TaskError::UnknownMetric {
            name: "A(B".to_owned(),
            known: String::new(),
        };
        assert_eq!(code_of(&text), "unknown_metric");
    }

    #[test]
    fn spans_count_utf_16_code_units() {
        // é is two bytes and one unit, the emoji four bytes and two units.
        assert_eq!(utf16("é😀x", 6), 3);
        assert_eq!(utf16("é😀x", 7), 4);
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_text() {
        let error = guarded(|| -> u8 { panic!("told you") }).unwrap_err();
        assert!(error.reason.contains("internal error in dras: told you"));
    }
}
