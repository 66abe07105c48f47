//! The reading of an answer in one stream: what the [visitors](super::visit) fill in, and what it says as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeSeed;

use super::super::{Place, SourceError, SourceLimits, end_of, excerpt, json_error, number_of};
use super::visit::Answer;
use super::{Labels, ResultType};
use crate::units::Millis;

/// Takes a series; `false` stops the reading.
pub(super) type Take<'t> = dyn FnMut(&Labels<'_>, &[Millis], &[f64]) -> bool + 't;

/// Everything of an answer but its series.
pub(super) struct Envelope {
    pub(super) result_type: ResultType,
    pub(super) text: Option<(Millis, String)>,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
    pub(super) partial: bool,
}

/// Which form the results have, seen from themselves: the type that is declared may come after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Single,
    Many,
    Pair,
}

/// A problem that the visitors find themselves; its place is added where the reading ends.
pub(super) enum Problem {
    Missing(&'static str),
    Twice(String),
    Time(String),
    Value(String),
    Histogram(String),
    TooManySeries,
    TooManySamples,
    LabelsTooLong,
    Shape(String),
    Stopped,
}

/// Where the reading is, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Top,
    Data,
    Result,
    Series(usize),
    Metric(usize),
    Value(usize),
    Values(usize, usize),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Top => Ok(()),
            At::Data => f.write_str("data"),
            At::Result => f.write_str("data.result"),
            At::Series(i) => write!(f, "data.result[{i}]"),
            At::Metric(i) => write!(f, "data.result[{i}].metric"),
            At::Value(i) => write!(f, "data.result[{i}].value"),
            At::Values(i, j) => write!(f, "data.result[{i}].values[{j}]"),
        }
    }
}

/// What the visitors share. The vectors keep their memory from series to series.
pub(super) struct Reader<'r, 'de> {
    pub(super) limits: &'r SourceLimits,
    pub(super) take: &'r mut Take<'r>,
    pub(super) at: At,
    pub(super) problem: Option<Problem>,
    pub(super) series: usize,
    pub(super) samples: usize,
    pub(super) labels: Labels<'de>,
    pub(super) times: Vec<Millis>,
    pub(super) values: Vec<f64>,
    pub(super) form: Option<Form>,
    pub(super) declared: Option<Cow<'de, str>>,
    pub(super) pair: (Option<Millis>, Option<Cow<'de, str>>),
    pub(super) has_data: bool,
    pub(super) has_result: bool,
    pub(super) status: Option<Cow<'de, str>>,
    pub(super) error_type: Option<Cow<'de, str>>,
    pub(super) error: Option<Cow<'de, str>>,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
    pub(super) partial: bool,
}

impl Reader<'_, '_> {
    /// Keeps the problem and stops `serde_json`, which adds line and column to the error it is given.
    pub(super) fn fail<E: serde::de::Error>(&mut self, problem: Problem) -> E {
        self.problem = Some(problem);
        E::custom("stopped")
    }

    fn problem_at(&self, problem: Problem, place: (usize, usize)) -> SourceError {
        let at = Place {
            line: place.0,
            column: place.1,
            path: self.at.to_string(),
        };
        match problem {
            Problem::Missing(field) => SourceError::Missing { at, field },
            Problem::Twice(field) => SourceError::Twice { at, field },
            Problem::Time(given) => SourceError::Time { at, given },
            Problem::Value(given) => SourceError::Value { at, given },
            Problem::Histogram(series) => SourceError::Histogram { series },
            Problem::TooManySeries => SourceError::TooManySeries {
                at,
                limit: self.limits.max_series,
            },
            Problem::TooManySamples => SourceError::TooManySamples {
                at,
                limit: self.limits.max_samples,
            },
            Problem::LabelsTooLong => SourceError::LabelsTooLong {
                at,
                limit: self.limits.max_label_bytes,
            },
            Problem::Shape(message) => SourceError::Shape { at, message },
            // Whoever stops the reading has its own reason and does not look at this one.
            Problem::Stopped => SourceError::Shape {
                at,
                message: "stopped".to_owned(),
            },
        }
    }

    /// What the fields of the answer say together; `end` is the line and column where it ends.
    fn finish(mut self, end: (usize, usize)) -> Result<Envelope, SourceError> {
        self.at = At::Top;
        match self.status.as_deref() {
            Some("success") => {}
            Some("error") => {
                let own =
                    |text: Option<Cow<'_, str>>, none: &str| text.map_or_else(|| none.to_owned(), Cow::into_owned);
                return Err(SourceError::Prometheus {
                    error_type: own(self.error_type, "unknown"),
                    message: own(self.error, "without a message"),
                });
            }
            Some(other) => {
                let message = format!("status `{}`, expected `success` or `error`", excerpt(other));
                return Err(self.problem_at(Problem::Shape(message), end));
            }
            None => return Err(self.problem_at(Problem::Missing("status"), end)),
        }
        if !self.has_data {
            return Err(self.problem_at(Problem::Missing("data"), end));
        }
        self.at = At::Data;
        let result_type = match self.declared.as_deref() {
            Some("vector") => ResultType::Vector,
            Some("matrix") => ResultType::Matrix,
            Some("scalar") => ResultType::Scalar,
            Some("string") => ResultType::String,
            Some(other) => {
                let message = format!(
                    "resultType `{}`, expected `vector`, `matrix`, `scalar` or `string`",
                    excerpt(other)
                );
                return Err(self.problem_at(Problem::Shape(message), end));
            }
            None => return Err(self.problem_at(Problem::Missing("resultType"), end)),
        };
        if !self.has_result {
            return Err(self.problem_at(Problem::Missing("result"), end));
        }
        self.at = At::Result;
        let fits = match result_type {
            ResultType::Vector => matches!(self.form, None | Some(Form::Single)),
            ResultType::Matrix => matches!(self.form, None | Some(Form::Many)),
            ResultType::Scalar | ResultType::String => self.form == Some(Form::Pair),
        };
        if !fits {
            let message = format!(
                "the result has not the form of its resultType `{}`",
                self.declared.as_deref().unwrap_or("")
            );
            return Err(self.problem_at(Problem::Shape(message), end));
        }
        let mut text = None;
        if let (Some(time), Some(value)) = (self.pair.0, self.pair.1.take()) {
            if result_type == ResultType::String {
                text = Some((time, value.into_owned()));
            } else {
                let Some(value) = number_of(&value) else {
                    return Err(self.problem_at(Problem::Value(excerpt(&value)), end));
                };
                if !(self.take)(&Labels::default(), &[time], &[value]) {
                    return Err(self.problem_at(Problem::Stopped, end));
                }
            }
        }
        Ok(Envelope {
            result_type,
            text,
            warnings: self.warnings,
            infos: self.infos,
            partial: self.partial,
        })
    }
}

/// Reads `text` and gives every series to `take`.
pub(super) fn read<'de>(text: &'de str, limits: &SourceLimits, take: &mut Take<'_>) -> Result<Envelope, SourceError> {
    // The wrapper gives the borrow of `take` a lifetime of this call's own.
    let mut take = |labels: &Labels<'_>, times: &[Millis], values: &[f64]| take(labels, times, values);
    let mut reader: Reader<'_, 'de> = Reader {
        limits,
        take: &mut take,
        at: At::Top,
        problem: None,
        series: 0,
        samples: 0,
        labels: Labels::default(),
        times: Vec::new(),
        values: Vec::new(),
        form: None,
        declared: None,
        pair: (None, None),
        has_data: false,
        has_result: false,
        status: None,
        error_type: None,
        error: None,
        warnings: Vec::new(),
        infos: Vec::new(),
        partial: false,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let done = Answer(&mut reader)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    if let Err(error) = done {
        return Err(match reader.problem.take() {
            Some(problem) => reader.problem_at(problem, (error.line(), error.column())),
            None => json_error(&error, text, reader.at.to_string()),
        });
    }
    reader.finish(end_of(text))
}
