//! What is said about samples that go in: errors of the caller, and counts of what became of them.

use crate::units::Millis;

/// The longest name of an instance in bytes.
pub const MAX_NAME_BYTES: usize = 4096;

/// `now` lies before the latest time that the windows have seen. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("now is {now} ms but was {last} ms before; time must not go back")]
pub struct TimeWentBack {
    /// The time given.
    pub now: Millis,
    /// The latest time seen before.
    pub last: Millis,
}

/// Why samples cannot be taken: something that the caller must put right. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// Time went back.
    #[error(transparent)]
    TimeWentBack(#[from] TimeWentBack),
    /// The handle is not, or no longer, that of an instance of this task.
    #[error(
        "the instance is unknown: it was freed after it had no data for long, or belongs to another task; ask for its handle again"
    )]
    UnknownInstance,
    /// The handle is not that of a metric of this plan.
    #[error(
        "metric {metric} is unknown: there are {metrics}; use handles of the catalogue that the windows were made for"
    )]
    UnknownMetric {
        /// Index of the metric.
        metric: usize,
        /// How many there are.
        metrics: usize,
    },
    /// The task has as many instances as it may.
    #[error("a new instance is refused: the task has {max} already (`max_instances`)")]
    TooManyInstances {
        /// The cap.
        max: u32,
    },
    /// The name of an instance is too long.
    #[error("the name of an instance has {bytes} bytes; at most {MAX_NAME_BYTES} are possible")]
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A number was given for an event metric.
    #[error("metric `{metric}` is an event metric: its samples are texts, but a number was given")]
    NotANumberMetric {
        /// Its name.
        metric: String,
    },
    /// A text was given for a metric of numbers.
    #[error("metric `{metric}` is a metric of numbers, but a text was given")]
    NotAnEventMetric {
        /// Its name.
        metric: String,
    },
    /// Times and values of a column are not equally many.
    #[error("{times} times but {values} values were given")]
    ColumnLengths {
        /// How many times.
        times: usize,
        /// How many values.
        values: usize,
    },
}

/// What became of the samples of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Accepted {
    /// New samples, with or without a value.
    pub stored: u64,
    /// Samples that were there already, bit for bit.
    pub ignored: u64,
    /// Samples whose time had another value; one of the two stays.
    pub resolved: u64,
    /// Samples refused because of their time, because they are infinite or because there is no room; [`IngestCounters`] tell which.
    pub refused: u64,
    /// Samples of metrics that no rule asks for.
    pub unused: u64,
}

impl std::ops::AddAssign for Accepted {
    fn add_assign(&mut self, more: Accepted) {
        self.stored += more.stored;
        self.ignored += more.ignored;
        self.resolved += more.resolved;
        self.refused += more.refused;
        self.unused += more.unused;
    }
}

/// What became of all samples so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct IngestCounters {
    /// New samples with a value, and events.
    pub accepted: u64,
    /// Samples that said "asked, not available" (NaN), where the metric skips those.
    pub not_available: u64,
    /// Samples that were there already, bit for bit.
    pub duplicates_equal: u64,
    /// Samples whose time had another value; one of the two stayed.
    pub duplicates_resolved: u64,
    /// Refused: more than the metric's lateness before the newest of their series.
    pub late: u64,
    /// Refused: older than what is kept, or behind what is already in the panes.
    pub too_old: u64,
    /// Refused: too far after `now`.
    pub future: u64,
    /// Refused: infinite.
    pub infinite: u64,
    /// Refused: there were as many rows as a block may have.
    pub too_dense: u64,
    /// Events that went because there were too many.
    pub events_dropped: u64,
    /// Texts of events that were cut.
    pub texts_cut: u64,
    /// Samples of metrics that no rule asks for.
    pub unused: u64,
}

impl IngestCounters {
    /// The largest count.
    pub(super) fn most(&self) -> u64 {
        let IngestCounters {
            accepted,
            not_available,
            duplicates_equal,
            duplicates_resolved,
            late,
            too_old,
            future,
            infinite,
            too_dense,
            events_dropped,
            texts_cut,
            unused,
        } = *self;
        let samples = accepted
            .max(not_available)
            .max(duplicates_equal)
            .max(duplicates_resolved);
        let refused = late.max(too_old).max(future).max(infinite).max(too_dense);
        samples.max(refused).max(events_dropped).max(texts_cut).max(unused)
    }

    /// What happened since `before`.
    pub(super) fn since(&self, before: &IngestCounters) -> Accepted {
        let refused = |c: &IngestCounters| c.late + c.too_old + c.future + c.infinite + c.too_dense;
        let stored = |c: &IngestCounters| c.accepted + c.not_available;
        Accepted {
            stored: stored(self) - stored(before),
            ignored: self.duplicates_equal - before.duplicates_equal,
            resolved: self.duplicates_resolved - before.duplicates_resolved,
            refused: refused(self) - refused(before),
            unused: self.unused - before.unused,
        }
    }
}
