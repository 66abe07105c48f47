//! The exception history of a job, as samples of an event metric: a time and a text each.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Place, SourceError, SourceLimits};
use super::answer;
use super::error::exception_name;
use crate::units::Millis;

/// One exception of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlinkException {
    /// When it happened, in ms since the epoch.
    pub time_ms: Millis,
    /// The class, e.g. `java.lang.OutOfMemoryError`.
    pub name: Option<String>,
    /// Its text with the stack trace and causes; sometimes only one line, sometimes close to a megabyte.
    pub text: String,
    /// The task with its subtask and attempt, e.g. `work (1/2) - execution #1`. The adaptive scheduler does not give it.
    pub task_name: Option<String>,
    /// The id of the TaskManager. The adaptive scheduler does not give it.
    pub task_manager: Option<String>,
    /// Host and port of the TaskManager. The adaptive scheduler does not give it.
    pub endpoint: Option<String>,
}

/// The exceptions that Flink remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExceptionHistory {
    /// By time, then by text; each time and text once. Flink repeats old entries in every answer: what has been seen must be told by time
    /// and text.
    pub exceptions: Vec<FlinkException>,
    /// Whether Flink had more: ask with a larger `maxExceptions`.
    pub truncated: bool,
    /// Entries without a usable time, which are left out.
    pub undated: usize,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "exceptionHistory")]
    history: Option<History>,
    #[serde(rename = "root-exception")]
    root: Option<String>,
    timestamp: Option<Millis>,
    #[serde(rename = "all-exceptions")]
    all: Option<Vec<OldEntry>>,
    truncated: Option<bool>,
}

#[derive(Deserialize)]
struct History {
    entries: Vec<Entry>,
    truncated: Option<bool>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "exceptionName")]
    name: Option<String>,
    stacktrace: Option<String>,
    timestamp: Option<Millis>,
    #[serde(rename = "taskName")]
    task_name: Option<String>,
    #[serde(rename = "taskManagerId")]
    task_manager: Option<String>,
    endpoint: Option<String>,
    // What `endpoint` was called before 1.19.
    location: Option<String>,
    #[serde(rename = "concurrentExceptions")]
    concurrent: Option<Vec<Entry>>,
}

/// An entry of `all-exceptions`, up to 1.20.
#[derive(Deserialize)]
struct OldEntry {
    exception: String,
    timestamp: Option<Millis>,
    task: Option<String>,
    #[serde(rename = "taskManagerId")]
    task_manager: Option<String>,
    endpoint: Option<String>,
    location: Option<String>,
}

/// Reads `/jobs/:id/exceptions`: `exceptionHistory` with the exceptions that came at the same time (since 1.13, and the only form of 2.x),
/// and `root-exception` and `all-exceptions` (up to 1.20).
///
/// # Errors
/// See [`SourceError`]; an answer that has neither form, or an entry without any text.
pub fn parse_exceptions(body: &[u8], limits: &SourceLimits) -> Result<ExceptionHistory, SourceError> {
    let body: Body = answer(body, limits)?;
    let missing = |path: String, field| SourceError::Missing {
        at: Place {
            line: 0,
            column: 0,
            path,
        },
        field,
    };
    if body.history.is_none() && body.all.is_none() && body.root.is_none() {
        return Err(missing(String::new(), "exceptionHistory"));
    }
    let mut found = Found::default();
    let mut truncated = body.truncated.unwrap_or(false);
    if let Some(history) = body.history {
        truncated |= history.truncated.unwrap_or(false);
        for (i, entry) in history.entries.into_iter().enumerate() {
            found
                .entry(entry)
                .map_err(|field| missing(format!("exceptionHistory.entries[{i}]"), field))?;
        }
    }
    for old in body.all.into_iter().flatten() {
        found.add(
            old.timestamp,
            FlinkException {
                time_ms: 0,
                name: None,
                text: old.exception,
                task_name: old.task,
                task_manager: old.task_manager,
                endpoint: old.endpoint.or(old.location),
            },
        );
    }
    if let Some(text) = body.root {
        let none = FlinkException {
            time_ms: 0,
            name: None,
            text,
            task_name: None,
            task_manager: None,
            endpoint: None,
        };
        found.add(body.timestamp, none);
    }
    Ok(ExceptionHistory {
        exceptions: found.exceptions.into_values().collect(),
        truncated,
        undated: found.undated,
    })
}

#[derive(Default)]
struct Found {
    exceptions: BTreeMap<(Millis, String), FlinkException>,
    undated: usize,
}

impl Found {
    /// Adds an entry of the history and those that came with it; the field that is missing where it cannot be used.
    fn entry(&mut self, entry: Entry) -> Result<(), &'static str> {
        let text = entry
            .stacktrace
            .filter(|t| !t.is_empty())
            .or_else(|| entry.name.clone())
            .ok_or("stacktrace")?;
        self.add(
            entry.timestamp,
            FlinkException {
                time_ms: 0,
                name: entry.name,
                text,
                task_name: entry.task_name,
                task_manager: entry.task_manager,
                endpoint: entry.endpoint.or(entry.location),
            },
        );
        // As deep as the JSON, which is limited.
        entry.concurrent.into_iter().flatten().try_for_each(|e| self.entry(e))
    }

    /// Adds an exception, or to one that is known already what it says more. Flink writes −1 where it does not know a time.
    fn add(&mut self, time: Option<Millis>, mut exception: FlinkException) {
        let Some(time_ms) = time.filter(|t| *t > 0) else {
            self.undated += 1;
            return;
        };
        exception.time_ms = time_ms;
        exception.name = exception
            .name
            .or_else(|| exception_name(&exception.text).map(str::to_owned));
        for place in [
            &mut exception.task_name,
            &mut exception.task_manager,
            &mut exception.endpoint,
        ] {
            place.take_if(|p| p.is_empty() || p == "(unassigned)");
        }
        let key = (time_ms, exception.text.clone());
        match self.exceptions.get_mut(&key) {
            None => {
                self.exceptions.insert(key, exception);
            }
            Some(known) => {
                known.name = known.name.take().or(exception.name);
                known.task_name = known.task_name.take().or(exception.task_name);
                known.task_manager = known.task_manager.take().or(exception.task_manager);
                known.endpoint = known.endpoint.take().or(exception.endpoint);
            }
        }
    }
}
