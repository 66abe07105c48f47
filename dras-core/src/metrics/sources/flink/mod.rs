//! Answers of Flink's REST API: metrics, exceptions, and what a control plane needs to know about a job and its TaskManagers.
//!
//! Every reader recognises an error body, `{"errors":[…]}`, and gives it as [`SourceError::Flink`], whatever it was asked to read.
//! Fields that are not known are ignored; Flink 1.20 and 2.x are read alike.
//!
//! Metrics in Flink's REST API carry no time, and a value of a task that has died stays there without a mark: the caller stamps values with
//! the time of asking and must not take them for fresh longer than it would a scrape. Prometheus is the better source where there is one.

mod cluster;
mod error;
mod exceptions;
mod metrics;

pub use cluster::{
    Job, JobState, JobSummary, Overview, ParallelismBounds, TaskManager, TaskManagerMemory, TaskManagers, Vertex,
    parse_job, parse_jobs, parse_overview, parse_resource_requirements, parse_taskmanager, parse_taskmanagers,
};
pub use error::{FlinkError, parse_error};
pub use exceptions::{ExceptionHistory, FlinkException, parse_exceptions};
pub use metrics::{
    Aggregated, AggregatedMetric, Metrics, Note, NoteProblem, Value, get_parameter, parse_aggregated, parse_metrics,
};

use serde::de::Deserialize;

use super::{SourceError, SourceLimits, from_json, text_of};

/// The body as text that is no error of Flink's.
fn answer_text<'a>(body: &'a [u8], limits: &SourceLimits) -> Result<&'a str, SourceError> {
    let text = text_of(body, limits)?;
    match error::error_body(text) {
        Some(error) => Err(SourceError::Flink(error)),
        None => Ok(text),
    }
}

/// Reads an answer as `T`.
fn answer<'de, T: Deserialize<'de>>(body: &'de [u8], limits: &SourceLimits) -> Result<T, SourceError> {
    from_json(answer_text(body, limits)?)
}
