//! Metrics: the plain form, one value each, and the aggregated form over subtasks or TaskManagers.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::request::percent_encode;
use super::super::{Place, SourceError, SourceLimits, Text, excerpt, json_error, number_of};
use super::answer_text;

/// The query string that asks for the metrics `ids`: `get=` and the ids, percent-encoded, with commas between.
///
/// ```
/// use dras_core::metrics::sources::flink::get_parameter;
/// assert_eq!(get_parameter(["Status.JVM.CPU.Load", "a b"]), "get=Status.JVM.CPU.Load,a%20b");
/// ```
pub fn get_parameter<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::from("get=");
    for (i, id) in ids.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        percent_encode(&mut text, id);
    }
    text
}

/// One metric of the plain form.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its id as Flink gives it, e.g. `0.busyTimeMsPerSecond` or `Status.JVM.CPU.Load`.
    pub id: String,
    /// The subtask, where the id begins with digits and a dot, as it does under `/jobs/:id/vertices/:id/metrics`.
    pub subtask: Option<u32>,
    /// The value; NaN where Flink says so.
    pub value: f64,
}

impl Value {
    /// The id without the subtask, e.g. `busyTimeMsPerSecond`.
    pub fn name(&self) -> &str {
        split_subtask(&self.id).1
    }
}

/// A metric of the plain form that has no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id as Flink gives it.
    pub id: String,
    /// Why.
    pub problem: NoteProblem,
}

/// Why a metric has no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteProblem {
    /// There is no value, as in the list of all ids that Flink gives without `get=`.
    #[error("no value: name the metric with `get=`")]
    NoValue,
    /// The value is a text or list; holds its beginning.
    #[error("the value `{0}` is not a number")]
    NotNumeric(String),
}

/// The plain form: what has a number, and what has not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// In the order of the answer.
    pub values: Vec<Value>,
    /// In the order of the answer.
    pub notes: Vec<Note>,
}

/// Reads the plain form, `[{"id":"0.busyTimeMsPerSecond","value":"5.0"}]`, of a job, vertex, TaskManager or JobManager. Ids that Flink does
/// not know are simply not there.
///
/// # Errors
/// See [`SourceError`]. A value that is not a number is a note, not an error.
pub fn parse_metrics(body: &[u8], limits: &SourceLimits) -> Result<Metrics, SourceError> {
    let mut metrics = Metrics::default();
    each_item::<PlainItem<'_>>(answer_text(body, limits)?, limits, |item| {
        let id = item.id.0.into_owned();
        match item.value {
            Some(Scalar::Number(value)) => {
                let subtask = split_subtask(&id).0;
                metrics.values.push(Value { id, subtask, value });
            }
            Some(Scalar::Other(text)) => metrics.notes.push(Note {
                id,
                problem: NoteProblem::NotNumeric(text),
            }),
            None => metrics.notes.push(Note {
                id,
                problem: NoteProblem::NoValue,
            }),
        }
    })?;
    Ok(metrics)
}

/// `3.name` as (3, `name`); an id without leading digits and dot as it is.
fn split_subtask(id: &str) -> (Option<u32>, &str) {
    let split = id
        .split_once('.')
        .filter(|(digits, _)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    match split.and_then(|(digits, name)| digits.parse().ok().map(|subtask| (subtask, name))) {
        Some((subtask, name)) => (Some(subtask), name),
        None => (None, id),
    }
}

/// One metric over all subtasks of a vertex, or over all TaskManagers. Only what was asked for with `agg=` is there; everything without.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregatedMetric {
    /// Its id, without subtask.
    pub id: String,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The mean.
    pub avg: Option<f64>,
    /// The sum.
    pub sum: Option<f64>,
    /// How unevenly the subtasks share the value, in per cent: 0 is even. Since Flink 2.0, for subtasks.
    pub skew: Option<f64>,
}

/// The aggregated form.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregated {
    /// What was asked for.
    Values(Vec<AggregatedMetric>),
    /// Flink answered `[]`: at least one of the ids asked for is unknown, or nothing has reported yet. **One unknown id empties the
    /// whole answer**, so nothing is known about the others: ask for the ids one by one, or with the plain form.
    Unknown,
}

/// Reads the aggregated form, `[{"id":…,"min":…,"max":…,"avg":…,"sum":…,"skew":…}]`, of `/jobs/:id/vertices/:id/subtasks/metrics?get=…`
/// or `/taskmanagers/metrics?get=…`.
///
/// # Errors
/// See [`SourceError`]. A number that is `"NaN"` is NaN; another text is an error.
pub fn parse_aggregated(body: &[u8], limits: &SourceLimits) -> Result<Aggregated, SourceError> {
    let mut metrics = Vec::new();
    let mut wrong = None;
    each_item::<AggregatedItem<'_>>(answer_text(body, limits)?, limits, |item| {
        let index = metrics.len();
        let mut number = |scalar: Option<Scalar>, field: &str| match scalar {
            Some(Scalar::Number(value)) => Some(value),
            Some(Scalar::Other(given)) => {
                wrong.get_or_insert((format!("[{index}].{field}"), given));
                None
            }
            None => None,
        };
        metrics.push(AggregatedMetric {
            min: number(item.min, "min"),
            max: number(item.max, "max"),
            avg: number(item.avg, "avg"),
            sum: number(item.sum, "sum"),
            skew: number(item.skew, "skew"),
            id: item.id.0.into_owned(),
        });
    })?;
    match wrong {
        Some((path, given)) => Err(SourceError::Shape {
            at: Place {
                line: 0,
                column: 0,
                path,
            },
            message: format!("`{given}`, expected a number"),
        }),
        None if metrics.is_empty() => Ok(Aggregated::Unknown),
        None => Ok(Aggregated::Values(metrics)),
    }
}

#[derive(Deserialize)]
struct PlainItem<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default)]
    value: Option<Scalar>,
}

#[derive(Deserialize)]
struct AggregatedItem<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default)]
    min: Option<Scalar>,
    #[serde(default)]
    max: Option<Scalar>,
    #[serde(default)]
    avg: Option<Scalar>,
    #[serde(default)]
    sum: Option<Scalar>,
    #[serde(default)]
    skew: Option<Scalar>,
}

/// A value: a number, as JSON number or as text, or something else.
enum Scalar {
    Number(f64),
    Other(String),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        struct ScalarVisitor;
        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the value of a metric")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(number_of(text).map_or_else(|| Scalar::Other(excerpt(text)), Scalar::Number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("a list".to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("an object".to_owned()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Reads `text` as a list of `T`, at most [`SourceLimits::max_series`] of them.
fn each_item<'de, T: Deserialize<'de>>(
    text: &'de str,
    limits: &SourceLimits,
    take: impl FnMut(T),
) -> Result<(), SourceError> {
    struct List<'c, F, T> {
        take: F,
        count: &'c mut usize,
        limit: usize,
        item: std::marker::PhantomData<T>,
    }

    impl<'de, F: FnMut(T), T: Deserialize<'de>> DeserializeSeed<'de> for List<'_, F, T> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }

    impl<'de, F: FnMut(T), T: Deserialize<'de>> Visitor<'de> for List<'_, F, T> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of metrics")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(item) = seq.next_element()? {
                *self.count += 1;
                if *self.count > self.limit {
                    return Err(de::Error::custom("too many metrics"));
                }
                (self.take)(item);
            }
            Ok(())
        }
    }

    let mut count = 0;
    let list = List {
        take,
        count: &mut count,
        limit: limits.max_series,
        item: std::marker::PhantomData,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let done = list.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    done.map_err(|error| {
        if count > limits.max_series {
            let at = Place {
                line: error.line(),
                column: error.column(),
                path: format!("[{}]", limits.max_series),
            };
            return SourceError::TooManySeries {
                at,
                limit: limits.max_series,
            };
        }
        json_error(&error, text, format!("[{count}]"))
    })
}
