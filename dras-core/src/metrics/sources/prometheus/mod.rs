//! Answers of `/api/v1/query` and `/api/v1/query_range`: Prometheus, and the systems that speak its API.
//!
//! [`parse`] gives the answer as a value; [`feed`] hands the series one after the other to a [`Sink`] without building that value.
//! The JSON is read in one stream, in any order of its fields, and no tree of it is made.
//!
//! # Rules
//! - **Times** are seconds; a whole number times 1000 is exact, a number with decimals is taken as a 64-bit float, multiplied by 1000 and
//!   rounded to the nearest whole millisecond, halves away from zero: `1795238334.993` is 1795238334993. Negative times are times before
//!   1970. A time that does not fit 64 bits of milliseconds is an error; so is a number that no float can hold, such as `1e400`.
//! - **Values** are JSON strings. `NaN` stays NaN and `±Inf` stays infinite: what they mean the store decides. A JSON number in the place
//!   of a value is an error.
//! - **Empty results** are no error: an answer without series.
//! - **Partial answers** (`isPartial` of `VictoriaMetrics`; Thanos and others say it in `warnings`) are read and marked.
//! - **Scalars** become one series without labels. Native histograms are an error that names the series.

mod read;
mod visit;

use std::collections::BTreeMap;

use super::labels::Labels;
use super::{SourceError, SourceLimits, text_of};
use crate::units::Millis;
use read::read;

/// What a query gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultType {
    /// One sample of each series.
    Vector,
    /// Many samples of each series.
    Matrix,
    /// One number.
    Scalar,
    /// One text.
    String,
}

/// One series of an answer: its samples in columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What tells it from the others.
    pub labels: Labels<'static>,
    /// Times in ms since the epoch, in the order of the answer, which is ascending.
    pub times: Vec<Millis>,
    /// The values at those times; may be NaN or infinite.
    pub values: Vec<f64>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusAnswer {
    /// What the query gives.
    pub result_type: ResultType,
    /// The series, in the order of the answer; one without labels for a scalar.
    pub series: Vec<Series>,
    /// The text of a [`ResultType::String`] with its time.
    pub text: Option<(Millis, String)>,
    /// What Prometheus warns of: the answer may be incomplete.
    pub warnings: Vec<String>,
    /// What Prometheus notes about the query.
    pub infos: Vec<String>,
    /// Whether the server says that series may be missing.
    pub partial: bool,
}

impl PrometheusAnswer {
    /// The answer of a query about many tasks in parts, by the value of the label that tells the tasks apart, and how many series do not have
    /// that label. What the server warns of stands in every part.
    ///
    /// ```
    /// use dras_core::metrics::sources::{SourceLimits, prometheus};
    /// let body = br#"{"status":"success","data":{"resultType":"vector","result":[
    ///     {"metric":{"job":"orders"},"value":[1795238334,"0.25"]},{"metric":{"job":"bills"},"value":[1795238334,"0.5"]}]}}"#;
    /// let (parts, without) = prometheus::parse(body, &SourceLimits::default()).unwrap().split("job");
    /// assert_eq!((parts["bills"].series[0].values[0], parts.len(), without), (0.5, 2, 0));
    /// ```
    pub fn split(self, label: &str) -> (BTreeMap<String, PrometheusAnswer>, usize) {
        let mut parts = BTreeMap::new();
        let mut without = 0;
        for series in self.series {
            let Some(task) = series.labels.get(label).map(str::to_owned) else {
                without += 1;
                continue;
            };
            let part = parts.entry(task).or_insert_with(|| PrometheusAnswer {
                result_type: self.result_type,
                series: Vec::new(),
                text: None,
                warnings: self.warnings.clone(),
                infos: self.infos.clone(),
                partial: self.partial,
            });
            part.series.push(series);
        }
        (parts, without)
    }
}

/// What [`feed`] has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// What the query gives.
    pub result_type: ResultType,
    /// Series handed over.
    pub series: usize,
    /// Samples handed over.
    pub samples: usize,
    /// What Prometheus warns of: the answer may be incomplete.
    pub warnings: Vec<String>,
    /// What Prometheus notes about the query.
    pub infos: Vec<String>,
    /// Whether the server says that series may be missing.
    pub partial: bool,
}

/// What takes the series of an answer: the store, through whoever knows which metric and task they belong to.
pub trait Sink {
    /// Why a series cannot be taken.
    type Error;

    /// Takes one series: as many `values` as `times` (ms since the epoch), at least one; values may be NaN or infinite. The labels are
    /// lent for the call, [`instance_of`](super::instance_of) names the instance they stand for.
    ///
    /// # Errors
    /// Whatever the sink refuses; [`feed`] stops there.
    fn series(&mut self, labels: &Labels<'_>, times: &[Millis], values: &[f64]) -> Result<(), Self::Error>;
}

/// Why [`feed`] stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError<E> {
    /// The body cannot be used; the sink was not called.
    #[error(transparent)]
    Source(SourceError),
    /// The sink refused a series; it has taken those before.
    #[error("series {index} of the answer was refused: {error}")]
    Sink {
        /// The index of the series in the answer.
        index: usize,
        /// What the sink says.
        error: E,
    },
}

/// Reads the body of an answer.
///
/// # Errors
/// See [`SourceError`]; an answer with `status: error` is [`SourceError::Prometheus`].
///
/// ```
/// use dras_core::metrics::sources::{SourceLimits, prometheus};
/// let body = br#"{"status":"success","data":{"resultType":"vector","result":[
///     {"metric":{"tm_id":"tm-0"},"value":[1795238334.993,"0.25"]}]}}"#;
/// let answer = prometheus::parse(body, &SourceLimits::default()).unwrap();
/// assert_eq!(answer.series[0].labels.get("tm_id"), Some("tm-0"));
/// assert_eq!((answer.series[0].times[0], answer.series[0].values[0]), (1_795_238_334_993, 0.25));
/// ```
pub fn parse(body: &[u8], limits: &SourceLimits) -> Result<PrometheusAnswer, SourceError> {
    let text = text_of(body, limits)?;
    let mut all = Vec::new();
    let mut take = |labels: &Labels<'_>, times: &[Millis], values: &[f64]| {
        all.push(Series {
            labels: labels.clone().into_owned(),
            times: times.to_vec(),
            values: values.to_vec(),
        });
        true
    };
    let envelope = read(text, limits, &mut take)?;
    Ok(PrometheusAnswer {
        result_type: envelope.result_type,
        series: all,
        text: envelope.text,
        warnings: envelope.warnings,
        infos: envelope.infos,
        partial: envelope.partial,
    })
}

/// Hands the series of an answer to `sink`, in their order. The body is read twice: once to see that all of it can be used, and only
/// then for the sink, so that a bad body changes nothing. Series without a sample are left out.
///
/// # Errors
/// The body cannot be used (see [`parse`]; a text result neither), or the sink refuses a series.
pub fn feed<S: Sink>(body: &[u8], limits: &SourceLimits, sink: &mut S) -> Result<Fed, FeedError<S::Error>> {
    let text = text_of(body, limits).map_err(FeedError::Source)?;
    let checked = read(text, limits, &mut |_, _, _| true).map_err(FeedError::Source)?;
    if checked.result_type == ResultType::String {
        return Err(FeedError::Source(SourceError::TextResult));
    }
    let (mut index, mut series, mut samples) = (0, 0, 0);
    let mut refused = None;
    let mut take = |labels: &Labels<'_>, times: &[Millis], values: &[f64]| {
        index += 1;
        if times.is_empty() {
            return true;
        }
        match sink.series(labels, times, values) {
            Ok(()) => {
                series += 1;
                samples += times.len();
                true
            }
            Err(error) => {
                refused = Some(error);
                false
            }
        }
    };
    let again = read(text, limits, &mut take);
    if let Some(error) = refused {
        return Err(FeedError::Sink {
            index: index - 1,
            error,
        });
    }
    let envelope = again.map_err(FeedError::Source)?;
    Ok(Fed {
        result_type: envelope.result_type,
        series,
        samples,
        warnings: envelope.warnings,
        infos: envelope.infos,
        partial: envelope.partial,
    })
}
