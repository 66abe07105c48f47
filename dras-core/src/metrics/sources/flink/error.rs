//! What Flink says when it cannot do what it was asked.

use serde::Deserialize;

use super::super::excerpt;

/// An error of Flink's REST API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Flink answered `{message}`{}", exception.as_ref().map(|e| format!(" ({e})")).unwrap_or_default())]
pub struct FlinkError {
    /// The first line that says something, without the name of the exception.
    pub message: String,
    /// The full name of the innermost exception named in that line, e.g. `org.apache.flink.runtime.rest.NotFoundException`.
    pub exception: Option<String>,
    /// Everything Flink sent, with stack traces.
    pub errors: Vec<String>,
}

impl FlinkError {
    /// Whether what was asked for does not exist: a job that has ended or, after a restart with a savepoint, has another id; a TaskManager
    /// that has gone.
    pub fn is_not_found(&self) -> bool {
        self.exception
            .as_ref()
            .is_some_and(|e| e.ends_with("NotFoundException"))
    }

    fn new(errors: Vec<String>) -> FlinkError {
        for text in &errors {
            let text = text
                .trim_start()
                .trim_start_matches("<Exception on server side:")
                .trim_start();
            if let Some((exception, message)) = innermost(text.lines().next().unwrap_or("")) {
                return FlinkError {
                    message: excerpt_line(message),
                    exception: Some(exception.to_owned()),
                    errors,
                };
            }
        }
        let line = errors.iter().find_map(|e| e.lines().find(|l| !l.trim().is_empty()));
        FlinkError {
            message: line.map_or_else(|| "an error without a message".to_owned(), excerpt_line),
            exception: None,
            errors,
        }
    }
}

/// Messages of Flink are longer than other excerpts: they name classes.
fn excerpt_line(line: &str) -> String {
    const LENGTH: usize = 500;
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim().to_owned(),
    }
}

/// `a.b.OuterException: a.b.InnerException: text` as (`a.b.InnerException`, `text`).
fn innermost(line: &str) -> Option<(&str, &str)> {
    let mut found = None;
    let mut rest = line;
    while let Some(name) = exception_name(rest) {
        let message = rest[name.len()..].trim_start_matches(':').trim_start();
        found = Some((name, message));
        rest = message;
    }
    found
}

/// The Java class name that `text` begins with, if it is one: `java.lang.OutOfMemoryError` of `java.lang.OutOfMemoryError: Java heap space`.
pub(super) fn exception_name(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_' || c == '$'))
        .unwrap_or(text.len());
    let name = &text[..end];
    let ends = matches!(text[end..].chars().next(), None | Some(':' | '\n' | '\r'));
    let class = name.rsplit('.').next().unwrap_or("");
    let parts = name.contains('.') && name.split('.').all(|part| !part.is_empty());
    (ends && parts && class.starts_with(|c: char| c.is_uppercase())).then_some(name)
}

#[derive(Deserialize)]
struct Body {
    errors: Vec<String>,
}

/// The error that a JSON body holds, if it is one: an object whose first field is `errors`.
pub(super) fn error_body(text: &str) -> Option<FlinkError> {
    let inside = text.trim_start().strip_prefix('{')?.trim_start();
    if !inside.starts_with("\"errors\"") {
        return None;
    }
    serde_json::from_str::<Body>(text)
        .ok()
        .map(|body| FlinkError::new(body.errors))
}

/// The error that the body of an answer holds: Flink's JSON form, the same inside another text (as proxies and command-line clients
/// write it, even where it is cut off), or a plain text, which Flink sends for some paths. `None` for JSON that is no error.
///
/// ```
/// use dras_core::metrics::sources::flink::parse_error;
/// let body = br#"{"errors":["org.apache.flink.runtime.rest.NotFoundException: Job 00 not found\n\tat a.b.C"]}"#;
/// let error = parse_error(body).unwrap();
/// assert_eq!(error.message, "Job 00 not found");
/// assert!(error.is_not_found());
/// assert_eq!(parse_error(br#"{"jobs":[]}"#), None);
/// ```
pub fn parse_error(body: &[u8]) -> Option<FlinkError> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if let Some(error) = error_body(text) {
        return Some(error);
    }
    if text.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return None;
    }
    if let Some(error) = text.find("{\"errors\":").and_then(|start| embedded(&text[start..])) {
        return Some(error);
    }
    // JSON that is cut off is no error of Flink's; its reader says so.
    if text.starts_with(['{', '[']) {
        return None;
    }
    Some(FlinkError {
        message: excerpt(text),
        exception: None,
        errors: vec![text.to_owned()],
    })
}

/// The error at the beginning of `text`, with what is missing at its end supplied.
fn embedded(text: &str) -> Option<FlinkError> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Body>();
    if let Some(Ok(body)) = stream.next() {
        return Some(FlinkError::new(body.errors));
    }
    // Cut off inside a string, perhaps inside an escape: the longest is `\ud83d\ude00`.
    let ends = text.char_indices().rev().map(|(i, _)| i);
    for end in std::iter::once(text.len()).chain(ends.take(12)) {
        for close in ["\"]}", "]}", "}"] {
            if let Ok(body) = serde_json::from_str::<Body>(&format!("{}{close}", &text[..end])) {
                return Some(FlinkError::new(body.errors));
            }
        }
    }
    None
}
