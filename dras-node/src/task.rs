//! One running Flink job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dras_core::engine::{AttributeValue, Decision, Policy, ReadError, ReadReport, Task, TaskError, decide_into};
use dras_core::lang::Type;
use dras_core::metrics::{Accepted, IngestError, InstanceId, MetricId};
use napi::bindgen_prelude::{BigInt64ArraySlice, Float64ArraySlice, Uint8ArraySlice};
use napi::{Either, Error, Result};
use napi_derive::napi;
use serde_json::{Map, Value, json};

use crate::convert::{look, mark, quantity, time};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, guarded, refused, to_json};
use crate::policy::{Loaded, NativePolicy, unknown_metric};

/// Bits of each count of what became of a row. A row has a value for each metric of a policy, of which there are at most 1000, and all counts
/// together fit the 53 bits of a number.
const COUNT_BITS: u32 = 10;

/// A task, and the handles that the façade has of its instances.
pub(crate) struct State {
    pub(crate) task: Task,
    instances: Vec<(String, InstanceId)>,
    /// Space of rows, used again.
    row: Vec<(MetricId, f64)>,
}

/// A task that a fleet may look at on other threads. The lock is held for as long as one call takes: microseconds.
pub(crate) struct Shared {
    pub(crate) loaded: Arc<Loaded>,
    /// `None` after it was disposed of.
    state: Mutex<Option<State>>,
    /// Whether a call failed in the middle of it.
    broken: AtomicBool,
}

impl Shared {
    fn new(loaded: &Arc<Loaded>, task: Task) -> Arc<Shared> {
        Arc::new(Shared {
            loaded: Arc::clone(loaded),
            state: Mutex::new(Some(State {
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
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Policy, &mut State) -> T) -> Result<T> {
        let mut state = self.lock();
        if self.broken.load(Ordering::Relaxed) {
            let message = "an earlier call failed inside of this task: make it anew, or restore it from a snapshot";
            return Err(fault(Class::State, "broken", message));
        }
        let Some(state) = state.as_mut() else {
            let message = "the task was disposed of, and cannot be used any more";
            return Err(fault(Class::State, "disposed", message));
        };
        guarded(|| work(&self.loaded.policy, state)).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    /// The same for what the task may refuse.
    fn task<T>(
        &self,
        work: impl FnOnce(&Policy, &mut State) -> std::result::Result<T, TaskError>,
    ) -> Result<T> {
        self.with(work)?.map_err(refused(Class::Task))
    }

    fn read(
        &self,
        work: impl FnOnce(&Policy, &mut Task) -> std::result::Result<ReadReport, ReadError>,
    ) -> Result<String> {
        let report = self.with(|policy, state| work(policy, &mut state.task))?.map_err(read_error)?;
        to_json(&json!({
            "series": report.series,
            "accepted": accepted_json(report.accepted),
            "notes": report.notes,
        }))
    }
}

/// The instance that the façade calls by this number; asked for again where it was freed for want of data.
fn instance_of(
    task: &mut Task,
    instances: &mut [(String, InstanceId)],
    policy: &Policy,
    number: u32,
) -> std::result::Result<InstanceId, TaskError> {
    let Some((name, id)) = instances.get_mut(number as usize) else {
        return Err(TaskError::Ingest(IngestError::UnknownInstance));
    };
    // Handles that are out of use have the empty name, as the task itself has.
    let windows = task.windows();
    let known = if name.is_empty() { windows.find("") == Some(*id) } else { windows.instance_name(*id) == name };
    if !known {
        *id = task.instance(policy, name)?;
    }
    Ok(*id)
}

pub(crate) fn read_error(error: ReadError) -> Error {
    let class = match error {
        ReadError::Task(_) | ReadError::Render { .. } => Class::Task,
        _ => Class::Read,
    };
    refused(class)(error)
}

fn accepted_json(a: Accepted) -> Value {
    json!({ "stored": a.stored, "ignored": a.ignored, "resolved": a.resolved, "refused": a.refused, "unused": a.unused })
}

fn accepted(a: Accepted) -> Vec<f64> {
    [a.stored, a.ignored, a.resolved, a.refused, a.unused].map(|n| n as f64).to_vec()
}

fn metric(loaded: &Loaded, index: u32) -> Result<MetricId> {
    loaded.metrics.get(index as usize).copied().ok_or_else(unknown_metric)
}

/// A Flink job.
#[napi]
pub struct NativeTask {
    pub(crate) shared: Arc<Shared>,
}

#[napi]
impl NativeTask {
    /// A task without attributes and samples.
    #[napi(constructor, catch_unwind)]
    pub fn new(policy: &NativePolicy, id: String) -> Result<NativeTask> {
        let task = Task::new(&policy.loaded.policy, &id).map_err(refused(Class::Task))?;
        Ok(NativeTask {
            shared: Shared::new(&policy.loaded, task),
        })
    }

    /// Frees its memory at once.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.shared.lock().take();
    }

    /// Sets an attribute. A text for a number is a quantity with its unit.
    #[napi(catch_unwind)]
    pub fn set(&self, name: String, value: Either<f64, Either<bool, String>>) -> Result<()> {
        let policy = &self.shared.loaded.policy;
        let value = match value {
            Either::A(number) => AttributeValue::Number(number),
            Either::B(Either::A(truth)) => AttributeValue::Bool(truth),
            Either::B(Either::B(text)) => match policy.attributes().iter().find(|a| a.name == name) {
                Some(attribute) => match attribute.ty {
                    Type::Number(unit) => {
                        let what = format!("the attribute `{name}`");
                        AttributeValue::Number(quantity(&text, unit, &what)? / attribute.factor())
                    }
                    Type::Text | Type::Bool => AttributeValue::Text(text),
                },
                None => AttributeValue::Text(text),
            },
        };
        self.shared.task(|policy, state| state.task.set(policy, &name, value))
    }

    /// Forgets an attribute.
    #[napi(catch_unwind)]
    pub fn unset(&self, name: String) -> Result<()> {
        self.shared.task(|policy, state| match policy.attribute(&name) {
            Some(id) => state.task.unset(policy, id),
            // Says that there is no such attribute.
            None => state.task.set(policy, &name, 0.0),
        })
    }

    /// Sets a label.
    #[napi(catch_unwind)]
    pub fn set_label(&self, name: String, value: String) -> Result<()> {
        self.shared.task(|_, state| state.task.set_label(&name, &value))
    }

    /// Takes the Flink configuration: keys and values in turn.
    #[napi(catch_unwind)]
    pub fn set_flink_configuration(&self, entries: Vec<String>) -> Result<()> {
        let (pairs, _) = entries.as_chunks::<2>();
        let entries = pairs.iter().map(|[key, value]| (key, value));
        self.shared.task(|policy, state| state.task.set_flink_configuration(policy, entries))
    }

    /// A number for an instance, for as long as the façade keeps it.
    #[napi(catch_unwind)]
    pub fn instance(&self, name: String) -> Result<u32> {
        self.shared.task(|policy, state| {
            let id = state.task.instance(policy, &name)?;
            state.instances.push((name, id));
            Ok(state.instances.len() as u32 - 1)
        })
    }

    /// Forgets all numbers of instances; the instances stay.
    #[napi(catch_unwind)]
    pub fn forget_instances(&self) -> Result<()> {
        self.shared.with(|_, state| state.instances.clear())
    }

    /// Takes one scrape: pairs of a metric's number and a value. What became of them is one number, ten bits for each count.
    #[napi(catch_unwind)]
    pub fn row(&self, now: f64, instance: u32, at: f64, count: u32, pairs: &[f64]) -> Result<f64> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        let done = self.shared.with(|policy, state| {
            let State { task, instances, row } = state;
            row.clear();
            for [index, value] in pairs.as_chunks::<2>().0.iter().take(count as usize) {
                row.push((metric(&self.shared.loaded, *index as u32)?, *value));
            }
            let instance = instance_of(task, instances, policy, instance).map_err(refused(Class::Task))?;
            task.row(policy, now, instance, at, row).map_err(refused(Class::Task))
        })??;
        let counts = [done.stored, done.ignored, done.resolved, done.refused, done.unused];
        let packed = counts.iter().rev().fold(0, |packed, n| packed << COUNT_BITS | n.min(&1023));
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

    fn take_column(
        &self,
        now: f64,
        instance: u32,
        index: u32,
        times: &[i64],
        values: &[f64],
    ) -> Result<Vec<f64>> {
        let now = time(now, "now")?;
        let metric = metric(&self.shared.loaded, index)?;
        let done = self.shared.task(|policy, state| {
            let instance = instance_of(&mut state.task, &mut state.instances, policy, instance)?;
            state.task.column(policy, now, instance, metric, times, values)
        })?;
        Ok(accepted(done))
    }

    /// Takes an event.
    #[napi(catch_unwind)]
    pub fn event(&self, now: f64, instance: u32, metric: u32, at: f64, text: String) -> Result<Vec<f64>> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        let metric = self::metric(&self.shared.loaded, metric)?;
        let done = self.shared.task(|policy, state| {
            let instance = instance_of(&mut state.task, &mut state.instances, policy, instance)?;
            state.task.event(policy, now, instance, metric, at, &text)
        })?;
        Ok(accepted(done))
    }

    /// Says that all events up to `until` were handed over.
    #[napi(catch_unwind)]
    pub fn observed(&self, now: f64, metric: u32, until: f64) -> Result<()> {
        let (now, until) = (time(now, "now")?, time(until, "until")?);
        let metric = self::metric(&self.shared.loaded, metric)?;
        self.shared.task(|policy, state| state.task.observed(policy, now, metric, until))
    }

    /// Says that an instance has ended, or one metric of it.
    #[napi(catch_unwind)]
    pub fn end(&self, instance: u32, metric: Option<u32>, at: f64) -> Result<()> {
        let at = time(at, "at")?;
        let metric = metric.map(|index| self::metric(&self.shared.loaded, index)).transpose()?;
        self.shared.task(|policy, state| {
            let instance = instance_of(&mut state.task, &mut state.instances, policy, instance)?;
            state.task.end(policy, instance, metric, at)
        })
    }

    /// Marks a restart or a change of resources.
    #[napi(catch_unwind)]
    pub fn mark(&self, kind: String, at: f64) -> Result<()> {
        let (mark, at) = (mark(&kind)?, time(at, "at")?);
        self.shared.with(|_, state| state.task.mark(at, mark))
    }

    /// What to ask Prometheus before a look, as JSON.
    #[napi(catch_unwind)]
    pub fn queries(&self, now: f64, short: bool) -> Result<String> {
        let now = time(now, "now")?;
        let queries = self
            .shared
            .with(|policy, state| state.task.queries_for(policy, now, look(short)))?
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
        self.shared.read(|policy, task| task.read_prometheus(policy, now, &metric, &body))
    }

    /// Reads metrics of Flink's REST API.
    #[napi(catch_unwind)]
    pub fn read_flink_metrics(&self, now: f64, instance: String, at: f64, body: Uint8ArraySlice<'_>) -> Result<String> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared.read(|policy, task| task.read_flink_metrics(policy, now, &instance, at, &body))
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
        self.shared.read(|policy, task| task.read_flink_exceptions(policy, now, &metric, at, &body))
    }

    /// When the next look is due after `after`; negative times do not occur here, so that the sign says that it is a short one.
    #[napi(catch_unwind)]
    pub fn next_look(&self, after: f64) -> Result<String> {
        let after = time(after, "after")?;
        let next = self.shared.task(|policy, state| state.task.next_look(policy, after))?;
        to_json(&json!({ "at": next.at, "look": next.kind }))
    }

    /// Looks at the task.
    #[napi(catch_unwind)]
    pub fn decide(&self, now: f64, short: bool) -> Result<NativeDecision> {
        let now = time(now, "now")?;
        let decision = self.shared.with(|policy, state| {
            let mut decision = Decision::new(policy);
            decide_into(policy, &mut state.task, now, look(short), &mut decision).map(|()| decision)
        })?;
        let decision = decision.map_err(refused(Class::Task))?;
        Ok(NativeDecision::new(decision, &self.shared.loaded))
    }

    /// Takes the report that an instruction was applied.
    #[napi(catch_unwind)]
    pub fn applied(&self, now: f64, key: String, at: f64) -> Result<()> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared.task(|policy, state| state.task.applied(policy, now, &key, at))
    }

    /// Takes the report that an instruction could not be applied.
    #[napi(catch_unwind)]
    pub fn failed(&self, now: f64, key: String, at: f64, reason: String) -> Result<()> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.shared.task(|policy, state| state.task.failed(policy, now, &key, at, &reason))
    }

    /// What happened to the task, as JSON.
    #[napi(catch_unwind)]
    pub fn history(&self) -> Result<String> {
        let history = self.shared.with(|_, state| state.task.history().clone())?;
        let mut value: Map<String, Value> = crate::fault::data(&to_json(&history)?, "the history")?;
        value.insert("last_change".to_owned(), json!(history.last_change()));
        to_json(&value)
    }

    /// What became of all samples, as JSON.
    #[napi(catch_unwind)]
    pub fn counters(&self) -> Result<String> {
        to_json(&self.shared.with(|_, state| state.task.counters())?)
    }
}
