//! Stable words for errors: what programs look at, where people read the message. Python and Node give them as `code`.

use super::decide::DecideError;
use super::policy::Policy;
use super::reading::ReadError;
use super::task::{TaskError, list};
use crate::action::FeedbackError;
use crate::action::instruction::TranslationError;
use crate::metrics::sources::SourceError;
use crate::metrics::{IngestError, MetricId};

impl TaskError {
    /// The error's stable word, such as `unknown_attribute`.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::DocumentLimits;
    /// # let policy = Policy::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default()).unwrap();
    /// # let mut task = Task::new(&policy, "orders").unwrap();
    /// assert_eq!(task.set(&policy, "paralelism", 4.0).unwrap_err().code(), "unknown_attribute");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            TaskError::OtherPolicy { .. } => "other_policy",
            TaskError::UnknownAttribute { .. } => "unknown_attribute",
            TaskError::UnknownMetric { .. } => "unknown_metric",
            TaskError::AttributeType { .. } => "attribute_type",
            TaskError::NotFinite { .. } => "not_finite",
            TaskError::TooLong { .. } => "too_long",
            TaskError::TooManyLabels { .. } => "too_many_labels",
            TaskError::Derived { .. } => "derived_attribute",
            TaskError::Slots { .. } => "slots",
            TaskError::Memory(_) => "memory",
            TaskError::Snapshot(_) => "snapshot",
            TaskError::Feedback(error) => error.code(),
            TaskError::Ingest(error) => error.code(),
        }
    }
}

impl DecideError {
    /// The error's stable word, such as `time_went_back`.
    pub fn code(&self) -> &'static str {
        match self {
            DecideError::TimeWentBack(_) => "time_went_back",
            DecideError::Task(error) => error.code(),
        }
    }
}

impl ReadError {
    /// The error's stable word, such as `truncated`.
    pub fn code(&self) -> &'static str {
        match self {
            ReadError::Source(error) => error.code(),
            ReadError::Task(error) => error.code(),
            ReadError::Render { .. } => "render",
            ReadError::SeveralSeries { .. } => "several_series",
            ReadError::Instance { .. } => "instance",
            ReadError::Event { .. } => "not_a_number_metric",
            ReadError::NotEvent { .. } => "not_an_event_metric",
        }
    }
}

impl IngestError {
    /// The error's stable word, such as `time_went_back`.
    pub fn code(&self) -> &'static str {
        match self {
            IngestError::TimeWentBack(_) => "time_went_back",
            IngestError::UnknownInstance => "unknown_instance",
            IngestError::UnknownMetric { .. } => "unknown_metric",
            IngestError::TooManyInstances { .. } => "too_many_instances",
            IngestError::NameTooLong { .. } => "too_long",
            IngestError::NotANumberMetric { .. } => "not_a_number_metric",
            IngestError::NotAnEventMetric { .. } => "not_an_event_metric",
            IngestError::ColumnLengths { .. } => "column_length",
        }
    }
}

impl FeedbackError {
    /// The error's stable word, such as `never_given`.
    pub fn code(&self) -> &'static str {
        match self {
            FeedbackError::NeverGiven { .. } => "never_given",
            FeedbackError::Contradicts { .. } => "contradicts",
            FeedbackError::BeforeGiven { .. } => "before_given",
            FeedbackError::InFuture { .. } => "in_future",
        }
    }
}

impl SourceError {
    /// The error's stable word, such as `truncated`.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::TooLarge { .. } => "too_large",
            SourceError::Empty => "empty",
            SourceError::NotUtf8 { .. } => "not_utf8",
            SourceError::NotJson { .. } => "not_json",
            SourceError::Truncated { .. } => "truncated",
            SourceError::Syntax { .. } => "syntax",
            SourceError::Shape { .. } => "shape",
            SourceError::Missing { .. } => "missing_field",
            SourceError::Twice { .. } => "twice",
            SourceError::Time { .. } => "time",
            SourceError::Value { .. } => "value",
            SourceError::Histogram { .. } => "histogram",
            SourceError::TextResult => "text_result",
            SourceError::TooManySeries { .. } => "too_many_series",
            SourceError::TooManySamples { .. } => "too_many_samples",
            SourceError::LabelsTooLong { .. } => "labels_too_long",
            SourceError::Prometheus { .. } => "prometheus",
            SourceError::Flink(_) => "flink",
        }
    }
}

impl TranslationError {
    /// The error's stable word, such as `memory_needs_restart`.
    pub fn code(&self) -> &'static str {
        match self {
            TranslationError::NothingToChange => "nothing_to_change",
            TranslationError::NoParallelism => "no_parallelism",
            TranslationError::ZeroParallelism => "zero_parallelism",
            TranslationError::BadKey { .. } => "bad_key",
            TranslationError::BadJobId { .. } => "bad_job_id",
            TranslationError::MemoryNeedsRestart { .. } => "memory_needs_restart",
            TranslationError::NotInPlace => "not_in_place",
            TranslationError::ForeignEntry { .. } => "foreign_entry",
            TranslationError::DuplicateEntry { .. } => "duplicate_entry",
            TranslationError::MemoryMismatch { .. } => "memory_mismatch",
            TranslationError::Memory(_) => "memory",
            TranslationError::Vertices(_) => "vertices",
            TranslationError::StaleParallelism { .. } => "stale_parallelism",
            TranslationError::BeyondMaxParallelism { .. } => "beyond_max_parallelism",
            TranslationError::MissingVertex { .. } => "missing_vertex",
            TranslationError::UnknownVertex { .. } => "unknown_vertex",
            TranslationError::NoPresentBounds => "no_present_bounds",
            TranslationError::DefaultScheduler { .. } => "default_scheduler",
            TranslationError::NotADeployment { .. } => "not_a_deployment",
            TranslationError::Autoscaler => "autoscaler",
            TranslationError::ReplicasDecide { .. } => "replicas_decide",
            TranslationError::OverridesDecide => "overrides_decide",
            TranslationError::Stateless => "stateless",
            TranslationError::NoInPlace { .. } => "no_in_place",
            TranslationError::StaleMemory { .. } => "stale_memory",
        }
    }
}

impl Policy {
    /// The handle of the metric called `name`, or the error that lists those there are.
    ///
    /// # Errors
    /// The document, with its strategies, declares none.
    pub fn metric_named(&self, name: &str) -> Result<MetricId, TaskError> {
        self.metric(name).ok_or_else(|| TaskError::UnknownMetric {
            name: name.to_owned(),
            known: list(self.plan().catalogue().iter().map(|(_, s)| s.name.as_str())),
        })
    }
}
