//! The metrics that a rule document declares.

use std::collections::BTreeMap;

use super::query::Across;
use crate::units::{Millis, WireUnit};

/// What the samples of a metric mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A value at a moment: use, load, delay.
    Gauge,
    /// A count since the start of the process, which never falls except at a restart.
    Counter,
    /// Texts with a time: exceptions, log lines.
    Event,
}

/// What one series of the metric belongs to; says how many instances are to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// One series for the whole task.
    Task,
    /// One series a TaskManager; as many as the task's attribute `task_managers` says.
    TaskManager,
    /// One series a subtask (or partition, or vertex); as many as are alive.
    Subtask,
}

/// What becomes of NaN samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotANumber {
    /// "Asked, not available": no value, but the series is alive.
    #[default]
    Skip,
    /// A value like any other, which makes aggregates undefined, as in Prometheus.
    Propagate,
}

/// What becomes of infinite samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Infinite {
    /// Refused and counted.
    #[default]
    Refuse,
    /// Kept, as in Prometheus.
    Keep,
}

/// Which of two different values for one series and time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The larger: the result does not depend on the order of arrival.
    #[default]
    Larger,
    /// The one that arrives last; depends on the order of arrival.
    Last,
    /// The second is refused and counted.
    First,
}

/// One metric as a rule document declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSpec {
    /// Its name in expressions.
    pub name: String,
    /// One sentence for readers.
    pub doc: String,
    /// The unit its samples arrive in.
    pub unit: WireUnit,
    /// What its samples mean.
    pub kind: Kind,
    /// How its instances become one number where one is needed.
    pub across: Across,
    /// What a series belongs to.
    pub per: Per,
    /// The range that values (after conversion to seconds, bytes, plain numbers) can have; for checking thresholds only.
    pub range: Option<(f64, f64)>,
    /// The usual distance between two samples, in ms.
    pub interval: Millis,
    /// The greatest age at which the latest sample still counts, in ms.
    pub staleness: Millis,
    /// The longest time one sample can stand for, in ms.
    pub max_gap: Millis,
    /// How much later than the newest sample of its series a sample may arrive, in ms.
    pub max_lateness: Millis,
    /// The share of a window, 0…1, that samples must cover; that of the plan's settings where it is `None`.
    pub min_coverage: Option<f64>,
    /// What becomes of NaN.
    pub not_a_number: NotANumber,
    /// What becomes of infinities.
    pub infinite: Infinite,
    /// Which of two values for one moment counts.
    pub duplicates: Duplicates,
    /// The PromQL that reads it, with `{{placeholders}}` for the task's labels; `None` where the platform brings the samples itself.
    pub query: Option<String>,
    /// The label of the query's result that tells instances apart; all labels together where it is `None`.
    pub instance_label: Option<String>,
    /// The id of the metric in Flink's REST API, e.g. `Status.JVM.CPU.Load`.
    pub flink: Option<String>,
}

/// The sampling interval where a metric does not declare one: 15 s.
pub const DEFAULT_INTERVAL: Millis = 15_000;

impl MetricSpec {
    /// A gauge of plain numbers, averaged over the task's instances, sampled every 15 s.
    pub fn new(name: impl Into<String>) -> MetricSpec {
        MetricSpec {
            name: name.into(),
            doc: String::new(),
            unit: WireUnit::number(),
            kind: Kind::Gauge,
            across: Across::Avg,
            per: Per::Task,
            range: None,
            interval: 0,
            staleness: 0,
            max_gap: 0,
            max_lateness: 0,
            min_coverage: None,
            not_a_number: NotANumber::default(),
            infinite: Infinite::default(),
            duplicates: Duplicates::default(),
            query: None,
            instance_label: None,
            flink: None,
        }
        .with_interval(DEFAULT_INTERVAL)
    }

    /// Sets the interval and what follows from it: staleness max(3 intervals, 60 s), largest gap 2.5 intervals, lateness
    /// max(4 intervals, 60 s).
    #[must_use]
    pub fn with_interval(mut self, interval: Millis) -> MetricSpec {
        self.interval = interval;
        self.staleness = (3 * interval).max(60_000);
        self.max_gap = interval * 5 / 2;
        self.max_lateness = (4 * interval).max(60_000);
        self
    }
}

/// The index of a metric in its [`Catalogue`]; resolved once, so that no name is looked up while rules run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId(pub(crate) u16);

impl MetricId {
    /// The index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The metrics of a rule document, in the order of their names.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    specs: Vec<MetricSpec>,
    by_name: BTreeMap<String, MetricId>,
}

/// Why a [`Catalogue`] cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Two metrics have one name.
    #[error("two metrics are called `{0}`")]
    Duplicate(String),
    /// There are more metrics than an index can tell apart.
    #[error("{0} metrics; at most 65535 are possible")]
    TooMany(usize),
}

impl Catalogue {
    /// The catalogue of `specs`, sorted by name.
    ///
    /// # Errors
    /// Two metrics of one name, or more than 65,535 metrics.
    pub fn new(mut specs: Vec<MetricSpec>) -> Result<Catalogue, CatalogueError> {
        if specs.len() > usize::from(u16::MAX) {
            return Err(CatalogueError::TooMany(specs.len()));
        }
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut by_name = BTreeMap::new();
        for (i, spec) in specs.iter().enumerate() {
            if by_name.insert(spec.name.clone(), MetricId(i as u16)).is_some() {
                return Err(CatalogueError::Duplicate(spec.name.clone()));
            }
        }
        Ok(Catalogue { specs, by_name })
    }

    /// The handle of the metric called `name`.
    pub fn id(&self, name: &str) -> Option<MetricId> {
        self.by_name.get(name).copied()
    }

    /// What the document declares for `id`.
    ///
    /// # Panics
    /// If `id` comes from another catalogue with more metrics.
    pub fn spec(&self, id: MetricId) -> &MetricSpec {
        &self.specs[id.index()]
    }

    /// All metrics with their handles, by name.
    pub fn iter(&self) -> impl Iterator<Item = (MetricId, &MetricSpec)> {
        self.specs.iter().enumerate().map(|(i, s)| (MetricId(i as u16), s))
    }

    /// How many metrics there are.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }
}
