//! One running Flink job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dras_core::engine::{
    AttributeValue, Carried, DecideError, Decision, Policy, ReadError, ReadReport, Task, TaskError, decide_into,
};
use dras_core::lang::Type;
use dras_core::metrics::{Accepted, IngestError, InstanceId, Kind, MetricId};
use dras_core::units::Millis;
use napi::bindgen_prelude::{BigInt64ArraySlice, Buffer, Either4, Float64ArraySlice, Null, Uint8ArraySlice};
use napi::{Error, Result};
use napi_derive::napi;
use serde_json::{Map, Value, json};

use crate::convert::{look, mark, quantity, time};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, guarded, to_json};
use crate::policy::{Loaded, NativePolicy, unknown_metric};

/// Bits of each count of what became of a row. A row has a value for each metric of a policy, of which there are at most 1000, and all counts
/// together fit the 53 bits of a number.
const COUNT_BITS: u32 = 10;

/// A task with its policy, and the handles that the façade has of its instances.
pub(crate) struct State {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) task: Task,
    instances: Vec<(String, Option<InstanceId>)>,
    /// Space of rows, used again.
    row: Vec<(MetricId, f64)>,
}

/// A task that a fleet may look at on other threads. The lock is held for as long as one call takes: microseconds.
pub(crate) struct Shared {
    /// `None` after it was disposed of.
    state: Mutex<Option<State>>,
    /// Whether a call failed in the middle of it.
    broken: AtomicBool,
}

impl Shared {
    fn new(loaded: &Arc<Loaded>, task: Task) -> Arc<Shared> {
        Arc::new(Shared {
            state: Mutex::new(Some(State {
                loaded: Arc::clone(loaded),
                task,
                instances: Vec::new(),
                row: Vec::new(),
            })),
            broken: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // Panics are caught before they reach the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work` with the task.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.lock();
        if self.broken.load(Ordering::Relaxed) {
            let message = "an earlier call failed inside of this task: make it anew, or restore it from a snapshot";
            return Err(fault(Class::State, "broken", message));
        }
        let Some(state) = state.as_mut() else {
            let message = "the task was disposed of, and cannot be used any more";
            return Err(fault(Class::State, "disposed", message));
        };
        guarded(|| work(state)).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    /// The same for what the task may refuse.
    pub(crate) fn task<T>(
        &self,
        work: impl FnOnce(&Loaded, &mut Task) -> std::result::Result<T, TaskError>,
    ) -> Result<T> {
        self.with(|state| work(&state.loaded, &mut state.task))?
            .map_err(task_error)
    }

    /// The same for what is about an instance.
    fn instance<T>(
        &self,
        number: u32,
        work: impl FnOnce(&Loaded, &mut Task, &str, &mut Option<InstanceId>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let done = self.with(|state| {
            let (name, handle) = numbered(&mut state.instances, number)?;
            work(&state.loaded, &mut state.task, name, handle)
        })?;
        done.map_err(Error::from)
    }

    fn read(
        &self,
        work: impl FnOnce(&Policy, &mut Task) -> std::result::Result<ReadReport, ReadError>,
    ) -> Result<String> {
        let report = self
            .with(|state| work(&state.loaded.policy, &mut state.task))?
            .map_err(read_error)?;
        to_json(&report_json(&report))
    }
}

/// Why a call about an instance fails.
pub(crate) enum Fault {
    Task(TaskError),
    /// The number of a metric is none.
    Metric,
}

impl From<TaskError> for Fault {
    fn from(error: TaskError) -> Fault {
        Fault::Task(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Task(error) => task_error(error),
            Fault::Metric => unknown_metric(),
        }
    }
}

pub(crate) fn task_error(error: TaskError) -> Error {
    let class = if matches!(error, TaskError::Snapshot(_)) {
        Class::Snapshot
    } else {
        Class::Task
    };
    fault(class, error.code(), error.to_string())
}

pub(crate) fn report_json(report: &ReadReport) -> Value {
    json!({ "series": report.series, "accepted": accepted_json(report.accepted), "notes": report.notes })
}

/// The handle of an instance, which is made where there is none, or none any more. Whatever the core would refuse is refused before that, so that
/// a call that fails leaves no empty instance behind.
pub(crate) fn instance_of(
    task: &mut Task,
    policy: &Policy,
    name: &str,
    handle: &mut Option<InstanceId>,
    now: Millis,
    fits: impl FnOnce() -> std::result::Result<(), IngestError>,
) -> std::result::Result<InstanceId, TaskError> {
    let windows = task.windows();
    // Handles that are out of use have the empty name, as the task itself has.
    let known = handle.filter(|id| match name {
        "" => windows.find("") == Some(*id),
        name => windows.instance_name(*id) == name,
    });
    if let Some(id) = known {
        return Ok(id);
    }
    if windows.find(name).is_none() {
        windows.check_instances(policy.plan(), now, std::iter::once(name))?;
        fits()?;
    }
    let id = task.instance(policy, name)?;
    *handle = Some(id);
    Ok(id)
}

/// Whether a metric holds numbers, or events.
fn holds(policy: &Policy, metric: MetricId, events: bool) -> std::result::Result<(), IngestError> {
    let spec = policy.plan().catalogue().spec(metric);
    let metric = || spec.name.clone();
    match (spec.kind == Kind::Event, events) {
        (true, false) => Err(IngestError::NotANumberMetric { metric: metric() }),
        (false, true) => Err(IngestError::NotAnEventMetric { metric: metric() }),
        _ => Ok(()),
    }
}

/// The instance that the façade calls by this number.
fn numbered(
    instances: &mut [(String, Option<InstanceId>)],
    number: u32,
) -> std::result::Result<(&str, &mut Option<InstanceId>), TaskError> {
    match instances.get_mut(number as usize) {
        Some((name, handle)) => Ok((name, handle)),
        None => Err(TaskError::Ingest(IngestError::UnknownInstance)),
    }
}

pub(crate) fn read_error(error: ReadError) -> Error {
    let class = match error {
        ReadError::Task(_) | ReadError::Render { .. } => Class::Task,
        _ => Class::Read,
    };
    fault(class, error.code(), error.to_string())
}

pub(crate) fn accepted_json(a: Accepted) -> Value {
    json!({ "stored": a.stored, "ignored": a.ignored, "resolved": a.resolved, "refused": a.refused, "unused": a.unused })
}

fn accepted(a: Accepted) -> Vec<f64> {
    [a.stored, a.ignored, a.resolved, a.refused, a.unused]
        .map(|n| n as f64)
        .to_vec()
}

fn metric(loaded: &Loaded, index: u32) -> std::result::Result<MetricId, Fault> {
    loaded.metrics.get(index as usize).copied().ok_or(Fault::Metric)
}

/// The value of an attribute as JavaScript gives it; a text for a number is a quantity with its unit.
fn attribute(policy: &Policy, name: &str, value: Given) -> Result<Option<AttributeValue>> {
    let text = match value {
        Either4::A(number) => return Ok(Some(AttributeValue::Number(number))),
        Either4::B(truth) => return Ok(Some(AttributeValue::Bool(truth))),
        Either4::C(text) => text,
        Either4::D(_) => return Ok(None),
    };
    match policy.attributes().iter().find(|a| a.name == name) {
        Some(attribute) => match attribute.ty {
            Type::Number(unit) => {
                let number = quantity(&text, unit, &format!("the attribute `{name}`"))?;
                Ok(Some(AttributeValue::Number(number / attribute.factor())))
            }
            Type::Text | Type::Bool => Ok(Some(AttributeValue::Text(text))),
        },
        None => Ok(Some(AttributeValue::Text(text))),
    }
}

/// A value of an attribute.
type Given = Either4<f64, bool, String, Null>;

/// A Flink job.
#[napi]
pub struct NativeTask {
    pub(crate) shared: Arc<Shared>,
    carried: Option<Carried>,
}

pub(crate) fn carried_json(carried: &Carried) -> Value {
    json!({
        "attributesDropped": carried.attributes_dropped,
        "rulesBegunAnew": carried.rules_begun_anew,
    })
}

pub(crate) fn decide_error(error: DecideError) -> Error {
    fault(Class::Task, error.code(), error.to_string())
}

#[napi]
impl NativeTask {
    /// A task without attributes and samples.
    #[napi(constructor, catch_unwind)]
    pub fn new(policy: &NativePolicy, id: String) -> Result<NativeTask> {
        let task = Task::new(&policy.loaded.policy, &id).map_err(task_error)?;
        Ok(NativeTask {
            shared: Shared::new(&policy.loaded, task),
            carried: None,
        })
    }

    /// Frees its memory at once.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.shared.lock().take();
    }

    /// Sets attributes, all or none; null makes one undefined again.
    #[napi(catch_unwind)]
    pub fn set(&self, names: Vec<String>, values: Vec<Given>) -> Result<()> {
        self.shared.with(|state| {
            let policy = &state.loaded.policy;
            let pairs = names.iter().zip(values);
            let all: Vec<(&str, Option<AttributeValue>)> = pairs
                .map(|(name, value)| Ok((name.as_str(), attribute(policy, name, value)?)))
                .collect::<Result<_>>()?;
            state.task.set_all(policy, all).map_err(task_error)
        })?
    }

    /// What is set, in seconds, bytes and plain numbers, as JSON.
    #[napi(catch_unwind)]
    pub fn attributes(&self) -> Result<String> {
        let all = self.shared.with(|state| {
            let policy = &state.loaded.policy;
            let set = policy.attributes().iter().filter_map(|a| {
                let value = state.task.attribute(policy.attribute(&a.name)?)?;
                Some((a.name.clone(), json!(value)))
            });
            set.collect::<Map<String, Value>>()
        })?;
        to_json(&all)
    }

    /// A text with a unit as a value of a metric, in the metric's declared unit.
    #[napi(catch_unwind)]
    pub fn quantity(&self, metric: u32, text: String) -> Result<f64> {
        self.shared.with(|state| {
            let metric = self::metric(&state.loaded, metric)?;
            let spec = state.loaded.policy.plan().catalogue().spec(metric);
            let value = quantity(&text, spec.unit.dimension, &format!("the metric `{}`", spec.name))?;
            Ok(value / spec.unit.factor)
        })?
    }

    /// Sets a label.
    #[napi(catch_unwind)]
    pub fn set_label(&self, name: String, value: String) -> Result<()> {
        self.shared.task(|_, task| task.set_label(&name, &value))
    }

    /// Takes the Flink configuration: keys and values in turn.
    #[napi(catch_unwind)]
    pub fn set_flink_configuration(&self, entries: Vec<String>) -> Result<()> {
        let (pairs, _) = entries.as_chunks::<2>();
        let entries = pairs.iter().map(|[key, value]| (key, value));
        self.shared
            .task(|loaded, task| task.set_flink_configuration(&loaded.policy, entries))
    }

    /// A number for an instance, for as long as the façade keeps it.
    #[napi(catch_unwind)]
    pub fn instance(&self, name: String) -> Result<u32> {
        self.shared.with(|state| {
            state.instances.push((name, None));
            state.instances.len() as u32 - 1
        })
    }

    /// Forgets all numbers of instances; the instances stay.
    #[napi(catch_unwind)]
    pub fn forget_instances(&self) -> Result<()> {
        self.shared.with(|state| state.instances.clear())
    }

    /// Takes one scrape: pairs of a metric's number and a value. What became of them is one number, ten bits for each count.
    #[napi(catch_unwind)]
    pub fn row(&self, now: f64, instance: u32, at: f64, count: u32, pairs: &[f64]) -> Result<f64> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        let done = self.shared.with(|state| {
            let State {
                loaded,
                task,
                instances,
                row,
            } = state;
            row.clear();
            for [index, value] in pairs.as_chunks::<2>().0.iter().take(count as usize) {
                row.push((metric(loaded, *index as u32)?, *value));
            }
            let (name, handle) = numbered(instances, instance)?;
            let fits = || {
                row.iter()
                    .try_for_each(|(metric, _)| holds(&loaded.policy, *metric, false))
            };
            let instance = instance_of(task, &loaded.policy, name, handle, now, fits)?;
            Ok::<_, Fault>(task.row(&loaded.policy, now, instance, at, row)?)
        })?;
        let done = done.map_err(Error::from)?;
        let counts = [done.stored, done.ignored, done.resolved, done.refused, done.unused];
        let packed = counts
            .iter()
            .rev()
            .fold(0, |packed, n| packed << COUNT_BITS | n.min(&1023));
        Ok(packed as f64)
    }

    /// Takes many samples of one series; the times stand in a `BigInt64Array`.
    #[napi(catch_unwind)]
    pub fn column(
        &self,
        now: f64,
        instance: u32,
        metric: u32,
        times: BigInt64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
    ) -> Result<Vec<f64>> {
        self.take_column(now, instance, metric, &times, &values)
    }

    /// The same where the times are a `Float64Array`.
    #[napi(catch_unwind)]
    pub fn column_of_numbers(
        &self,
        now: f64,
        instance: u32,
        metric: u32,
        times: Float64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
    ) -> Result<Vec<f64>> {
        let mut whole = Vec::with_capacity(times.len());
        for (i, t) in times.iter().enumerate() {
            whole.push(time(*t, "").map_err(|_| {
                let message = format!("times[{i}] is {t}; a time is a number of ms since the epoch");
                fault(Class::Input, "time", message)
            })?);
        }
        self.take_column(now, instance, metric, &whole, &values)
    }

    fn take_column(&self, now: f64, instance: u32, index: u32, times: &[i64], values: &[f64]) -> Result<Vec<f64>> {
        let now = time(now, "now")?;
        let done = self.shared.instance(instance, |loaded, task, name, handle| {
            let metric = metric(loaded, index)?;
            let fits = || match (times.len(), values.len()) {
                (times, values) if times != values => Err(IngestError::ColumnLengths { times, values }),
                _ => holds(&loaded.policy, metric, false),
            };
            let instance = instance_of(task, &loaded.policy, name, handle, now, fits)?;
            Ok(task.column(&loaded.policy, now, instance, metric, times, values)?)
        })?;
        Ok(accepted(done))
    }

    /// Takes an event.
    #[napi(catch_unwind)]
    pub fn event(&self, now: f64, instance: u32, metric: u32, at: f64, text: String) -> Result<Vec<f64>> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        let done = self.shared.instance(instance, |loaded, task, name, handle| {
            let metric = self::metric(loaded, metric)?;
            let fits = || holds(&loaded.policy, metric, true);
            let instance = instance_of(task, &loaded.policy, name, handle, now, fits)?;
            Ok(task.event(&loaded.policy, now, instance, metric, at, &text)?)
        })?;
        Ok(accepted(done))
    }

    /// Says that all events up to `until` were handed over.
    #[napi(catch_unwind)]
    pub fn observed(&self, now: f64, metric: u32, until: f64) -> Result<()> {
        let (now, until) = (time(now, "now")?, time(until, "until")?);
        let done = self.shared.with(|state| {
            let metric = self::metric(&state.loaded, metric)?;
            Ok::<_, Fault>(state.task.observed(&state.loaded.policy, now, metric, until)?)
        })?;
        done.map_err(Error::from)
    }

    /// Says that an instance has ended, or one metric of it.
    #[napi(catch_unwind)]
    pub fn end(&self, instance: u32, metric: Option<u32>, at: f64) -> Result<()> {
        let at = time(at, "at")?;
        self.shared.instance(instance, |loaded, task, name, _| {
            let metric = metric.map(|index| self::metric(loaded, index)).transpose()?;
            // An instance that is not there has ended.
            match task.windows().find(name) {
                Some(instance) => Ok(task.end(&loaded.policy, instance, metric, at)?),
                None => Ok(()),
            }
        })
    }

    /// Marks a restart or a change of resources.
    #[napi(catch_unwind)]
    pub fn mark(&self, kind: String, at: f64) -> Result<()> {
        let (mark, at) = (mark(&kind)?, time(at, "at")?);
        self.shared.with(|state| state.task.mark(at, mark))
    }

    /// What to ask Prometheus before a look, as JSON.
    #[napi(catch_unwind)]
    pub fn queries(&self, now: f64, short: bool) -> Result<String> {
        let now = time(now, "now")?;
        let queries = self
            .shared
            .with(|state| state.task.queries_for(&state.loaded.policy, now, look(short)))?
            .map_err(read_error)?;
        let all: Vec<Value> = queries
            .iter()
            .map(|query| {
                let (path, form) = query.path_and_form();
                json!({
                    "metric": query.metric,
                    "promql": query.promql,
                    "start": query.start,
                    "end": query.end,
                    "step": query.step,
                    "path": path,
                    "form": form,
                })
            })
            .collect();
        to_json(&all)
    }

    /// Reads an answer of Prometheus.
    #[napi(catch_unwind)]
    pub fn read_prometheus(&self, now: f64, metric: String, body: Uint8ArraySlice<'_>) -> Result<String> {
        let now = time(now, "now")?;
        self.shared
            .read(|policy, task| task.read_prometheus(policy, now, &metric, &body))
    }

    /// Reads metrics of Flink's REST API.
    #[napi(catch_unwind)]
    pub fn read_flink_metrics(&self, now: f64, instance: String, at: f64, body: Uint8ArraySlice<'_>) -> Result<String> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared
            .read(|policy, task| task.read_flink_metrics(policy, now, &instance, at, &body))
    }

    /// Reads exceptions of Flink's REST API.
    #[napi(catch_unwind)]
    pub fn read_flink_exceptions(
        &self,
        now: f64,
        metric: String,
        at: f64,
        body: Uint8ArraySlice<'_>,
    ) -> Result<String> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared
            .read(|policy, task| task.read_flink_exceptions(policy, now, &metric, at, &body))
    }

    /// When the next look is due after `after`; negative times do not occur here, so that the sign says that it is a short one.
    #[napi(catch_unwind)]
    pub fn next_look(&self, after: f64) -> Result<String> {
        let after = time(after, "after")?;
        let next = self.shared.task(|loaded, task| task.next_look(&loaded.policy, after))?;
        to_json(&json!({ "at": next.at, "look": next.kind }))
    }

    /// Looks at the task.
    #[napi(catch_unwind)]
    pub fn decide(&self, now: f64, short: bool) -> Result<NativeDecision> {
        let now = time(now, "now")?;
        self.shared.with(|state| {
            let policy = &state.loaded.policy;
            let mut decision = Decision::new(policy);
            decide_into(policy, &mut state.task, now, look(short), &mut decision).map_err(decide_error)?;
            Ok(NativeDecision::new(decision, &state.loaded))
        })?
    }

    /// Takes the report that an instruction was applied.
    #[napi(catch_unwind)]
    pub fn applied(&self, now: f64, key: String, at: f64) -> Result<()> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared
            .task(|loaded, task| task.applied(&loaded.policy, now, &key, at))
    }

    /// Takes the report that an instruction could not be applied.
    #[napi(catch_unwind)]
    pub fn failed(&self, now: f64, key: String, at: f64, reason: String) -> Result<()> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared
            .task(|loaded, task| task.failed(&loaded.policy, now, &key, at, &reason))
    }

    /// What happened to the task, as JSON.
    #[napi(catch_unwind)]
    pub fn history(&self) -> Result<String> {
        let history = self.shared.with(|state| state.task.history().clone())?;
        let mut value: Map<String, Value> = crate::fault::data(&to_json(&history)?, "the history")?;
        value.insert("last_change".to_owned(), json!(history.last_change()));
        to_json(&value)
    }

    /// What became of all samples, as JSON.
    #[napi(catch_unwind)]
    pub fn counters(&self) -> Result<String> {
        to_json(&self.shared.with(|state| state.task.counters())?)
    }

    /// Everything about the task, as bytes.
    #[napi(catch_unwind)]
    pub fn snapshot(&self) -> Result<Buffer> {
        Ok(self.shared.task(|loaded, task| task.snapshot(&loaded.policy))?.into())
    }

    /// A task of a snapshot.
    #[napi(factory, catch_unwind)]
    pub fn restore(policy: &NativePolicy, bytes: Uint8ArraySlice<'_>) -> Result<NativeTask> {
        let (task, carried) = Task::restore(&policy.loaded.policy, &bytes).map_err(task_error)?;
        Ok(NativeTask {
            shared: Shared::new(&policy.loaded, task),
            carried: Some(carried),
        })
    }

    /// What did not go along when it was restored, as JSON.
    #[napi(catch_unwind)]
    pub fn carried(&self) -> Result<String> {
        to_json(&carried_json(&self.carried.clone().unwrap_or_default()))
    }

    /// Its id.
    #[napi(catch_unwind)]
    pub fn id(&self) -> Result<String> {
        self.shared.with(|state| state.task.id().to_owned())
    }

    /// Puts it under another policy, and says what does not go along, as JSON.
    #[napi(catch_unwind)]
    pub fn replace_policy(&self, policy: &NativePolicy) -> Result<String> {
        let carried = self.shared.with(|state| {
            let (moved, carried) = state.task.rebind(&state.loaded.policy, &policy.loaded.policy)?;
            state.task = moved;
            state.loaded = Arc::clone(&policy.loaded);
            state.instances.clear();
            Ok(carried)
        })?;
        to_json(&carried_json(&carried.map_err(task_error)?))
    }
}
