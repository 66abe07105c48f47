//! The state of one task: its attributes, the windows of its metrics, and how long each rule's condition has held.

use std::collections::BTreeMap;

use super::attributes::{AttributeId, AttributeValue};
use super::policy::{Inner, Policy};
use super::values::{AttributeValues, Stamp, Value};
use crate::action::{FeedbackError, History, Resource};
use crate::lang::{Row, VariableId};
use crate::metrics::{Accepted, IngestCounters, IngestError, InstanceId, Mark, MetricId, Windows};
use crate::resources::Scope;
use crate::resources::memory::{Component, FlinkProcess, MemoryConfig, MemoryError, derive};
use crate::snapshot::SnapshotError;
use crate::undefined::Undefined;
use crate::units::Millis;

/// The time over which rules count how often they acted.
const REPEATS_OVER: Millis = 86_400_000;

/// One running Flink job, as dras sees it: its attributes, the windows of its metrics, and how long each rule's condition has held.
///
/// It belongs to the policy it was made with; every method that takes a policy refuses another one. Under a new policy a task begins anew.
///
/// ```
/// use dras_core::engine::{Policy, Task};
/// use dras_core::metrics::Mark;
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
/// let policy = Policy::compile(&document)?;
/// let mut task = Task::new(&policy, "orders")?;
///
/// // What the platform knows of it; what is not set is undefined.
/// task.set(&policy, "parallelism", 4.0)?;
/// task.set(&policy, "task_type", "sql")?;
/// assert!(task.set(&policy, "paralelism", 4.0).unwrap_err().to_string().starts_with("`paralelism` is not an attribute"));
///
/// // One scrape of a TaskManager, taken 2 s ago. It started three minutes ago.
/// let now = 1_800_000_000_000;
/// let (cpu, instance) = (policy.metric("cpu").ok_or("no such metric")?, task.instance(&policy, "tm-1")?);
/// let accepted = task.row(&policy, now, instance, now - 2000, &[(cpu, 0.93)])?;
/// assert_eq!(accepted.stored, 1);
/// task.mark(now - 180_000, Mark::Restart);
///
/// // A sample from tomorrow is refused and counted: somebody's clock is wrong.
/// task.row(&policy, now, instance, now + 86_400_000, &[(cpu, 0.93)])?;
/// assert_eq!(task.counters().future, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Task {
    id: Box<str>,
    policy: u64,
    pub(crate) values: AttributeValues,
    /// By name.
    labels: Box<[(Box<str>, Box<str>)]>,
    pub(crate) windows: Windows,
    pub(crate) rules: Box<[RuleProgress]>,
    pub(crate) history: History,
    pub(crate) manager_memory: Option<Box<MemoryConfig>>,
    pub(crate) job_manager_memory: Option<Box<MemoryConfig>>,
    pub(crate) first_seen: Option<Millis>,
    pub(crate) last_look: Option<Millis>,
    pub(crate) last_long: Option<Millis>,
}

/// How long the condition of a rule has held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RuleProgress {
    /// The first look of an unbroken run at which the condition was true.
    pub(crate) since: Option<Stamp>,
    /// The first look of a stretch in which it was undefined.
    pub(crate) unknown_since: Option<Stamp>,
    /// The last look at which the rule was looked at.
    pub(crate) last_look: Option<Stamp>,
}

/// Why something cannot be said of a task. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TaskError {
    /// The task was made with another policy.
    #[error("the task belongs to the policy {task:016x}, and this is {policy:016x}: make it with this policy")]
    OtherPolicy {
        /// Fingerprint of the task's policy.
        task: u64,
        /// Fingerprint of the policy given.
        policy: u64,
    },
    /// The policy has no such attribute.
    #[error("`{name}` is not an attribute of this policy; known: {known}")]
    UnknownAttribute {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The policy has no such metric.
    #[error("`{name}` is not a metric of this policy; known: {known}")]
    UnknownMetric {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The attribute has another type.
    #[error("the attribute `{name}` is {should}, and {is} was given")]
    AttributeType {
        /// The attribute.
        name: String,
        /// What it is.
        should: String,
        /// What was given.
        is: &'static str,
    },
    /// A number is not finite.
    #[error("the attribute `{name}` was set to {value}; leave it out where it is not known")]
    NotFinite {
        /// The attribute.
        name: String,
        /// The value.
        value: f64,
    },
    /// A name or value is too long.
    #[error("the {what} has {bytes} bytes; at most {limit} are possible")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There are too many labels.
    #[error("a task has at most {limit} labels")]
    TooManyLabels {
        /// The limit.
        limit: usize,
    },
    /// The attribute follows from something else.
    #[error(
        "`{name}` follows from the task's Flink configuration or history, and is not set; hand the configuration to `set_flink_configuration`"
    )]
    Derived {
        /// The attribute.
        name: String,
    },
    /// The number of slots is none.
    #[error("`taskmanager.numberOfTaskSlots` is `{text}`; it must be a whole number of at least 1")]
    Slots {
        /// What was given.
        text: String,
    },
    /// Flink would refuse the configuration.
    #[error("Flink would refuse the configuration: {0}")]
    Memory(#[from] MemoryError),
    /// A report on an instruction cannot be.
    #[error(transparent)]
    Feedback(#[from] FeedbackError),
    /// The bytes are no snapshot of a task that can be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The samples cannot be taken.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// The longest id, attribute text, label name or label value, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// The most labels of a task.
const MAX_LABELS: usize = 256;

impl Task {
    /// A task without attributes and samples. `id` is the platform's name for it, and the attribute `task_id`.
    ///
    /// # Errors
    /// The id is longer than 64 KiB.
    pub fn new(policy: &Policy, id: &str) -> Result<Task, TaskError> {
        check_length("task id", id)?;
        let inner = policy.inner();
        let mut values = AttributeValues::new(inner.attributes.len());
        if let Some(task_id) = inner.known.task_id {
            values.set(task_id.index(), id.into(), id);
        }
        Ok(Task {
            id: id.into(),
            policy: policy.fingerprint(),
            values,
            labels: Box::default(),
            windows: Windows::new(&inner.plan),
            rules: vec![RuleProgress::default(); inner.rules.len()].into(),
            history: History::default(),
            manager_memory: None,
            job_manager_memory: None,
            first_seen: None,
            last_look: None,
            last_long: None,
        })
    }

    /// The platform's name for it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The windows of its metrics.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// What became of the samples it was given.
    pub fn counters(&self) -> IngestCounters {
        self.windows.counters()
    }

    /// Sets an attribute by name; numbers in the attribute's declared unit (seconds and bytes for the built-in ones).
    ///
    /// `uptime` and `since_last_change` need not be set: from [marks](Self::mark) they follow by themselves, and where there is no mark they
    /// count from when the task was first seen.
    ///
    /// # Errors
    /// The policy has no such attribute, and as [`set_by_id`](Self::set_by_id).
    pub fn set(&mut self, policy: &Policy, name: &str, value: impl Into<AttributeValue>) -> Result<(), TaskError> {
        let id = policy.attribute(name).ok_or_else(|| TaskError::UnknownAttribute {
            name: name.to_owned(),
            known: list(policy.attributes().iter().map(|a| a.name.as_str())),
        })?;
        self.set_by_id(policy, id, value.into())
    }

    /// Sets an attribute by its handle; the value is in the attribute's declared unit.
    ///
    /// # Errors
    /// The task belongs to another policy, the handle is unknown, the attribute is of another type, the number is not finite, or the text is
    /// longer than 64 KiB. The attribute keeps its value then.
    pub fn set_by_id(&mut self, policy: &Policy, id: AttributeId, value: AttributeValue) -> Result<(), TaskError> {
        self.check(policy)?;
        let Some(attribute) = policy.attributes().get(id.0.index()) else {
            return Err(TaskError::UnknownAttribute {
                name: format!("#{}", id.0.index()),
                known: list(policy.attributes().iter().map(|a| a.name.as_str())),
            });
        };
        let name = || attribute.name.clone();
        let whole = |resource: Resource| policy.inner().known.resources[resource as usize] == Some(id.0);
        if attribute.derived
            || (whole(Resource::TaskManagerMemory) && self.manager_memory.is_some())
            || (whole(Resource::JobManagerMemory) && self.job_manager_memory.is_some())
        {
            return Err(TaskError::Derived { name: name() });
        }
        if !value.suits(attribute.ty) {
            return Err(TaskError::AttributeType {
                name: name(),
                should: attribute.ty.describe(),
                is: value.describe(),
            });
        }
        let value = match value {
            AttributeValue::Number(x) if !x.is_finite() => return Err(TaskError::NotFinite { name: name(), value: x }),
            AttributeValue::Number(x) => AttributeValue::Number(x * attribute.factor),
            AttributeValue::Text(text) => {
                check_length("attribute text", &text)?;
                AttributeValue::Text(text)
            }
            truth @ AttributeValue::Bool(_) => truth,
        };
        self.values.set(id.0.index(), value, &self.id);
        Ok(())
    }

    /// The value of an attribute, in seconds, bytes or plain numbers; `None` where it is not set.
    pub(crate) fn value(&self, attribute: usize) -> Option<Value<'_>> {
        self.values.get(attribute, &self.id)
    }

    /// Sets an attribute to a value of its type, in seconds, bytes or plain numbers.
    pub(crate) fn set_value(&mut self, attribute: usize, value: AttributeValue) {
        self.values.set(attribute, value, &self.id);
    }

    /// Takes the Flink configuration that the task runs with: `taskmanager.memory.*`, `jobmanager.memory.*` and `taskmanager.numberOfTaskSlots`;
    /// other entries are not looked at. From it follow the attributes of all components of memory, so that rules can set them, and the attributes
    /// `task_manager_memory`, `job_manager_memory` and `slots_per_task_manager`.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// let mut task = Task::new(&policy, "orders")?;
    /// task.set_flink_configuration(&policy, [("taskmanager.memory.process.size", "4g"), ("taskmanager.numberOfTaskSlots", "2")])?;
    /// let refused = task.set_flink_configuration(&policy, [("taskmanager.memory.process.size", "400m")]).unwrap_err();
    /// assert!(refused.to_string().starts_with("Flink would refuse the configuration: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The task belongs to another policy, or Flink would not start with the configuration; nothing is changed then.
    pub fn set_flink_configuration<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        policy: &Policy,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), TaskError> {
        self.check(policy)?;
        let entries: Vec<(K, V)> = entries.into_iter().collect();
        let read = |process| {
            let entries = entries.iter().map(|(k, v)| (k.as_ref(), v.as_ref()));
            let config = MemoryConfig::from_entries(process, entries)?;
            // A configuration that says nothing of a process says nothing about it.
            if config.style().is_none() {
                return Ok(None);
            }
            derive(&config)?;
            Ok::<_, MemoryError>(Some(config))
        };
        let (task_manager, job_manager) = (read(FlinkProcess::TaskManager)?, read(FlinkProcess::JobManager)?);
        let slots = entries
            .iter()
            .find(|(k, _)| k.as_ref() == "taskmanager.numberOfTaskSlots");
        let slots = match slots {
            Some((_, text)) => match text.as_ref().trim().parse::<u32>() {
                Ok(slots) if slots > 0 => Some(slots),
                _ => {
                    return Err(TaskError::Slots {
                        text: text.as_ref().to_owned(),
                    });
                }
            },
            None => None,
        };
        if let (Some(id), Some(slots)) = (policy.inner().known.slots_per_task_manager, slots) {
            self.values.set_number(id.index(), f64::from(slots));
        }
        if task_manager.is_some() {
            self.manager_memory = task_manager.map(Box::new);
        }
        if job_manager.is_some() {
            self.job_manager_memory = job_manager.map(Box::new);
        }
        self.derive_memory(policy);
        Ok(())
    }

    /// The memory configuration of a process, where it is known.
    pub fn memory(&self, process: FlinkProcess) -> Option<&MemoryConfig> {
        match process {
            FlinkProcess::TaskManager => self.manager_memory.as_deref(),
            FlinkProcess::JobManager => self.job_manager_memory.as_deref(),
        }
    }

    /// Enters the attributes that follow from the memory configurations.
    pub(crate) fn derive_memory(&mut self, policy: &Policy) {
        let known = &policy.inner().known;
        for process in [FlinkProcess::TaskManager, FlinkProcess::JobManager] {
            let Some(breakdown) = self.memory(process).and_then(|config| derive(config).ok()) else {
                continue;
            };
            let mut set = |id: Option<VariableId>, bytes: u64| {
                if let Some(id) = id {
                    self.values.set_number(id.index(), bytes as f64);
                }
            };
            for resource in Resource::ALL.into_iter().filter(|r| r.process() == Some(process)) {
                let bytes = match resource.scope() {
                    Scope::Process(_) => breakdown.process(),
                    Scope::Component(_, component) => breakdown.get(component),
                    Scope::Subtasks => continue,
                };
                set(known.resources[resource as usize], bytes);
            }
            if process == FlinkProcess::TaskManager {
                set(known.framework_heap, breakdown.get(Component::FrameworkHeap));
                set(known.framework_off_heap, breakdown.get(Component::FrameworkOffHeap));
            }
        }
    }

    /// Takes the report that an instruction was applied, and that the task has run with it since `at`. From then on the task has the resources
    /// that the instruction asked for, the windows begin anew, and the guards count from there. The same report again changes nothing.
    ///
    /// # Errors
    /// The task belongs to another policy, no such instruction was given, it was reported as failed, or `at` is before it was given or after `now`.
    /// Nothing is changed then.
    pub fn applied(&mut self, policy: &Policy, now: Millis, key: &str, at: Millis) -> Result<(), TaskError> {
        self.check(policy)?;
        check_time(policy, now, key, at)?;
        let Some(record) = self.history.applied(key, at)? else {
            return Ok(());
        };
        let inner = policy.inner();
        for process in [FlinkProcess::TaskManager, FlinkProcess::JobManager] {
            let Some(config) = self.memory(process) else { continue };
            let old = config.entries();
            let old = old.iter().map(|(k, v)| (*k, v.as_str()));
            let new = record.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            // Flink's model gave these entries; what it cannot read it would not have given.
            if let Ok(config) = MemoryConfig::from_entries(process, old.chain(new)) {
                match process {
                    FlinkProcess::TaskManager => self.manager_memory = Some(Box::new(config)),
                    FlinkProcess::JobManager => self.job_manager_memory = Some(Box::new(config)),
                }
            }
        }
        for step in &record.steps {
            let known = step
                .resource
                .process()
                .is_some_and(|process| self.memory(process).is_some());
            if let Some(id) = inner.known.resources[step.resource as usize].filter(|_| !known) {
                self.values.set_number(id.index(), step.to);
            }
        }
        self.derive_memory(policy);
        for resource in Resource::ALL {
            if let Some(amount) = self.number(inner.known.resources[resource as usize]) {
                self.history.learn(resource, amount);
            }
        }
        self.windows.mark(at, Mark::Restart);
        self.windows.mark(at, Mark::Change);
        Ok(())
    }

    /// Takes the report that an instruction could not be applied, with the reason in the caller's words (cut at 1 KiB). The guards count from
    /// there as from a change, since the job may have been restarted; a later instruction has another key.
    ///
    /// # Errors
    /// As [`applied`](Self::applied).
    pub fn failed(
        &mut self,
        policy: &Policy,
        now: Millis,
        key: &str,
        at: Millis,
        reason: &str,
    ) -> Result<(), TaskError> {
        self.check(policy)?;
        check_time(policy, now, key, at)?;
        self.history.failed(key, at, reason)?;
        Ok(())
    }

    /// What was instructed, applied, and done by somebody else.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Enters the values of recorded metrics.
    pub(crate) fn record(&mut self, inner: &Inner, now: Millis, values: &[(MetricId, f64)]) {
        if values.is_empty() {
            return;
        }
        // The task's own series; the handle is of this plan, the time is that of the look, so that only a full task can refuse.
        if let Ok(instance) = self.windows.instance(&inner.plan, "") {
            let _ = self.windows.row(&inner.plan, now, instance, now, values);
        }
    }

    /// Forgets an attribute: it is undefined again.
    ///
    /// # Errors
    /// The task belongs to another policy.
    pub fn unset(&mut self, policy: &Policy, id: AttributeId) -> Result<(), TaskError> {
        self.check(policy)?;
        self.values.unset(id.0.index());
        Ok(())
    }

    /// Sets a label: what `{{labels}}` in queries selects the task's series with.
    ///
    /// # Errors
    /// The task has 256 other labels, or a name or value is longer than 64 KiB.
    pub fn set_label(&mut self, name: &str, value: &str) -> Result<(), TaskError> {
        check_length("label name", name)?;
        check_length("label value", value)?;
        match self.labels.binary_search_by(|label| (*label.0).cmp(name)) {
            Ok(at) => self.labels[at].1 = value.into(),
            Err(_) if self.labels.len() >= MAX_LABELS => return Err(TaskError::TooManyLabels { limit: MAX_LABELS }),
            Err(at) => {
                let mut labels = std::mem::take(&mut self.labels).into_vec();
                labels.insert(at, (name.into(), value.into()));
                self.labels = labels.into();
            }
        }
        Ok(())
    }

    /// Its labels, by name.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.labels.iter();
        labels
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|label| (*label.0).cmp(name)).ok()?;
        Some(&self.labels[at].1)
    }

    /// The handle of an instance: a TaskManager, a subtask, or with the empty name the task itself. It is made where it is new, and freed
    /// when it has had no data for as long as any window reaches; ask for the handle again then.
    ///
    /// # Errors
    /// The task has 1024 instances, belongs to another policy, or the name is longer than 4096 bytes.
    pub fn instance(&mut self, policy: &Policy, name: &str) -> Result<InstanceId, TaskError> {
        self.check(policy)?;
        Ok(self.windows.instance(policy.plan(), name)?)
    }

    /// Takes one scrape of an instance: values of several metrics at time `t`, in the metrics' declared units. `now` is the present. NaN is
    /// "asked, not available": no value, but the series is alive.
    ///
    /// # Errors
    /// A handle is unknown, `now` went back, or a metric holds texts; nothing is taken then. Samples that are late, from the future, infinite …
    /// are no errors: they are counted, see [`counters`](Self::counters).
    pub fn row(
        &mut self,
        policy: &Policy,
        now: Millis,
        instance: InstanceId,
        t: Millis,
        values: &[(MetricId, f64)],
    ) -> Result<Accepted, TaskError> {
        self.check(policy)?;
        let accepted = self.windows.row(policy.plan(), now, instance, t, values)?;
        self.seen(now);
        Ok(accepted)
    }

    /// Takes many samples of one series, in any order: within one call they are taken oldest first. Those that are older than what came in
    /// earlier calls by more than the metric's `max_lateness` come too late.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// # let mut task = Task::new(&policy, "orders")?;
    /// # let cpu = policy.metric("cpu").ok_or("no such metric")?;
    /// let now = 1_800_000_000_000;
    /// let instance = task.instance(&policy, "tm-1")?;
    /// let times: Vec<i64> = (0..20).map(|i| now - 285_000 + i * 15_000).collect();
    /// assert_eq!(task.column(&policy, now, instance, cpu, &times, &[0.93; 20])?.stored, 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`row`](Self::row); also where times and values are not equally many.
    pub fn column(
        &mut self,
        policy: &Policy,
        now: Millis,
        instance: InstanceId,
        metric: MetricId,
        times: &[Millis],
        values: &[f64],
    ) -> Result<Accepted, TaskError> {
        self.check(policy)?;
        let accepted = self
            .windows
            .column(policy.plan(), now, instance, metric, times, values)?;
        self.seen(now);
        Ok(accepted)
    }

    /// Takes an event: an exception or another log line, at time `t`. A text of more than 8 KiB is cut, and an event that is there already is
    /// recognised.
    ///
    /// # Errors
    /// A handle is unknown, `now` went back, or the metric holds numbers; nothing is taken then.
    pub fn event(
        &mut self,
        policy: &Policy,
        now: Millis,
        instance: InstanceId,
        metric: MetricId,
        t: Millis,
        text: &str,
    ) -> Result<Accepted, TaskError> {
        self.check(policy)?;
        let accepted = self.windows.event(policy.plan(), now, instance, metric, t, text)?;
        self.seen(now);
        Ok(accepted)
    }

    /// Says that all events of the metric up to `until` were handed over. Without it the absence of events says nothing.
    ///
    /// # Errors
    /// The handle is unknown, `now` went back, or the metric holds numbers.
    pub fn observed(&mut self, policy: &Policy, now: Millis, metric: MetricId, until: Millis) -> Result<(), TaskError> {
        self.check(policy)?;
        self.windows.observed(policy.plan(), now, metric, until)?;
        self.seen(now);
        Ok(())
    }

    /// Says that an instance has ended at `t`, or one metric of it: it leaves everything over instances at once, without waiting to go stale. A
    /// later sample revives it.
    ///
    /// # Errors
    /// A handle is unknown.
    pub fn end(
        &mut self,
        policy: &Policy,
        instance: InstanceId,
        metric: Option<MetricId>,
        t: Millis,
    ) -> Result<(), TaskError> {
        self.check(policy)?;
        Ok(self.windows.end(policy.plan(), instance, metric, t)?)
    }

    /// Marks a restart or a change of resources at `t`: samples from before it, and from the warm-up after it, do not count in windows, except
    /// in those `across marks` and of events. The 128 newest marks are kept.
    pub fn mark(&mut self, t: Millis, mark: Mark) {
        self.windows.mark(t, mark);
    }

    fn seen(&mut self, now: Millis) {
        self.first_seen.get_or_insert(now);
    }

    pub(crate) fn check(&self, policy: &Policy) -> Result<(), TaskError> {
        if self.policy == policy.fingerprint() {
            Ok(())
        } else {
            Err(TaskError::OtherPolicy {
                task: self.policy,
                policy: policy.fingerprint(),
            })
        }
    }

    /// Reads a little of everything that a look reads. A task that was not looked at for a while is in memory, not in a cache, and what is read here
    /// is fetched side by side, where the look itself would wait for one after the other.
    pub(crate) fn touch(&self) {
        let rules = self.rules.iter().step_by(2).filter_map(|rule| rule.last_look);
        let rules = rules.fold(0, |read, at| read ^ at.millis());
        std::hint::black_box((self.windows.touch(), rules, self.values.touch(), self.history.touch()));
    }

    /// The number that an attribute is, if it is set.
    pub(crate) fn number(&self, id: Option<VariableId>) -> Option<f64> {
        match self.value(id?.index())? {
            Value::Number(x) => Some(x),
            Value::Bool(_) | Value::Text(_) => None,
        }
    }

    /// Puts the attributes into a row, with those that dras computes itself.
    pub(crate) fn fill<'t>(&'t self, policy: &Policy, now: Millis, history: &History, row: &mut Row<'t>) {
        let inner = policy.inner();
        let known = &inner.known;
        for &id in &inner.read {
            match self.value(id.index()) {
                Some(Value::Number(x)) => row.set_number(id, x),
                Some(Value::Bool(b)) => row.set_bool(id, b),
                Some(Value::Text(text)) => row.set_text(id, text),
                None => {
                    let mark = if Some(id) == known.uptime {
                        Mark::Restart
                    } else if Some(id) == known.since_last_change {
                        Mark::Change
                    } else {
                        row.set_undefined(id, Undefined::NoAttribute);
                        continue;
                    };
                    let marks = self.windows.all_marks().iter().rev();
                    let since = marks.filter(|m| m.1 == mark).map(|m| m.0).find(|t| *t <= now);
                    // Where no such mark is known, it has been so at least since the task was first seen.
                    match since.or(self.first_seen) {
                        Some(since) => row.set_number(id, (now - since).max(0) as f64 / 1000.0),
                        None => row.set_undefined(id, Undefined::NoAttribute),
                    }
                }
            }
        }
        for &(id, rule) in &inner.repeats {
            let repeats = history.applied_since(&inner.rules[rule].info.name, now - REPEATS_OVER);
            row.set_number(id, repeats as f64);
        }
    }
}

/// A report is about what has happened, but for clocks that differ a little.
fn check_time(policy: &Policy, now: Millis, key: &str, at: Millis) -> Result<(), FeedbackError> {
    if at > now.saturating_add(policy.plan().settings().max_future) {
        return Err(FeedbackError::InFuture {
            key: key.to_owned(),
            at,
            now,
        });
    }
    Ok(())
}

/// Some names, for a message.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    let more = names.len() > 20;
    names.truncate(20);
    format!("{}{}", names.join(", "), if more { ", …" } else { "" })
}

fn check_length(what: &'static str, text: &str) -> Result<(), TaskError> {
    if text.len() > MAX_TEXT {
        return Err(TaskError::TooLong {
            what,
            bytes: text.len(),
            limit: MAX_TEXT,
        });
    }
    Ok(())
}
