//! What was measured and known of a task.

use std::collections::BTreeMap;

use crate::engine::AttributeValue;
use crate::metrics::Mark;
use crate::units::Millis;

/// What was measured and known of one task over some time. All times are in ms since the epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    pub(super) task: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) series: Vec<Series>,
    pub(super) events: Vec<Event>,
    pub(super) marks: Vec<(Millis, Mark)>,
    pub(super) attributes: Vec<(Millis, String, AttributeValue)>,
    pub(super) configurations: Vec<(Millis, Vec<(String, String)>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) metric: String,
    pub(super) instance: String,
    pub(super) times: Vec<Millis>,
    pub(super) values: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) metric: String,
    pub(super) instance: String,
    pub(super) time: Millis,
    pub(super) text: String,
}

/// Why something cannot be part of a recording. Nothing was added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Not as many times as values.
    #[error(
        "the series of `{metric}` of `{instance}` has {times} times and {values} values; there must be as many of both"
    )]
    Lengths {
        /// The metric.
        metric: String,
        /// The instance.
        instance: String,
        /// The times given.
        times: usize,
        /// The values given.
        values: usize,
    },
}

impl Recording {
    /// A recording of a task, with nothing in it.
    pub fn new(task: &str) -> Recording {
        Recording {
            task: task.to_owned(),
            ..Recording::default()
        }
    }

    /// The task's id.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Adds samples of an instance (a TaskManager, a subtask, or with the empty name the task itself) in the metric's declared unit; NaN is "asked, not
    /// available". The order does not matter. Metrics that a document does not have are left out in its replay.
    ///
    /// # Errors
    /// There are not as many times as values.
    pub fn series(
        &mut self,
        metric: &str,
        instance: &str,
        times: Vec<Millis>,
        values: Vec<f64>,
    ) -> Result<(), RecordingError> {
        if times.len() != values.len() {
            return Err(RecordingError::Lengths {
                metric: metric.to_owned(),
                instance: instance.to_owned(),
                times: times.len(),
                values: values.len(),
            });
        }
        let (times, values) = if times.is_sorted() {
            (times, values)
        } else {
            let mut both: Vec<(Millis, f64)> = times.into_iter().zip(values).collect();
            both.sort_by_key(|s| s.0);
            both.into_iter().unzip()
        };
        self.series.push(Series {
            metric: metric.to_owned(),
            instance: instance.to_owned(),
            times,
            values,
        });
        Ok(())
    }

    /// Adds an event: an exception or another log line.
    pub fn event(&mut self, metric: &str, instance: &str, time: Millis, text: &str) {
        self.events.push(Event {
            metric: metric.to_owned(),
            instance: instance.to_owned(),
            time,
            text: text.to_owned(),
        });
    }

    /// Adds a restart or a change of resources.
    pub fn mark(&mut self, time: Millis, mark: Mark) {
        self.marks.push((time, mark));
    }

    /// Says what an attribute was from a time on, in its declared unit (seconds and bytes for the built-in ones). Attributes that a document does not have
    /// are left out in its replay.
    pub fn attribute(&mut self, from: Millis, name: &str, value: impl Into<AttributeValue>) {
        self.attributes.push((from, name.to_owned(), value.into()));
    }

    /// Says with what Flink configuration the task ran from a time on.
    pub fn flink_configuration<K: Into<String>, V: Into<String>>(
        &mut self,
        from: Millis,
        entries: impl IntoIterator<Item = (K, V)>,
    ) {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        self.configurations.push((from, entries));
    }

    /// Sets a label.
    pub fn label(&mut self, name: &str, value: &str) {
        self.labels.insert(name.to_owned(), value.to_owned());
    }

    /// The first and the last time of anything that was measured; `None` where nothing was.
    pub fn span(&self) -> Option<(Millis, Millis)> {
        let ends = |s: &Series| Some((*s.times.first()?, *s.times.last()?));
        let series = self.series.iter().filter_map(ends);
        let events = self.events.iter().map(|e| (e.time, e.time));
        series.chain(events).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}
