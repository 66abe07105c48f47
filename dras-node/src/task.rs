//! One running Flink job.

use std::sync::Arc;

use dras_core::engine::{
    AttributeValue, Carried, DecideError, Decision, Policy, ReadError, ReadReport, Task, TaskError,
};
use dras_core::lang::Type;
use dras_core::metrics::Accepted;
use napi::bindgen_prelude::{
    BigInt64ArraySlice, Buffer, Either4, Float64ArraySlice, Null, ObjectFinalize, Uint8ArraySlice,
};
use napi::{Env, Error, Result};
use napi_derive::napi;
use serde_json::{Map, Value, json};

use crate::convert::{look, mark, quantity, time, times};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, to_json};
use crate::policy::NativePolicy;
use crate::state::{Fault, Shared, State, numbered};

/// Bits of each count of what became of a row. A row has a value for each metric of a policy, of which there are at most 1000, and all counts
/// together fit the 53 bits of a number.
const COUNT_BITS: u32 = 10;

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

/// About what a task takes besides its windows, in bytes.
const WITHOUT_WINDOWS: usize = 1 << 13;

/// The garbage collector is not told of more than this for one task, in bytes: it comes whenever it was told of some tens of megabytes more, and windows
/// of weeks take much only when they are full.
const MOST_WEIGHT: usize = 1 << 16;

/// A value of an attribute.
type Given = Either4<f64, bool, String, Null>;

/// A Flink job.
#[napi(custom_finalize)]
pub struct NativeTask {
    pub(crate) shared: Arc<Shared>,
    carried: Option<Carried>,
    /// The bytes that the garbage collector was told of.
    weight: i64,
}

impl ObjectFinalize for NativeTask {
    fn finalize(self, env: Env) -> Result<()> {
        env.adjust_external_memory(-self.weight).map(|_| ())
    }
}

impl NativeTask {
    /// The garbage collector sees a small object where there are many kilobytes; it is told, so that it comes in time.
    fn around(env: Env, policy: &NativePolicy, task: Task, carried: Option<Carried>) -> Result<NativeTask> {
        let windows = policy.loaded.policy.plan().bytes_per_task(1);
        let weight = windows.saturating_add(WITHOUT_WINDOWS).min(MOST_WEIGHT) as i64;
        env.adjust_external_memory(weight)?;
        Ok(NativeTask {
            shared: Shared::new(&policy.loaded, task),
            carried,
            weight,
        })
    }
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
    pub fn new(env: Env, policy: &NativePolicy, id: String) -> Result<NativeTask> {
        let task = Task::new(&policy.loaded.policy, &id).map_err(task_error)?;
        NativeTask::around(env, policy, task, None)
    }

    /// Frees its memory at once.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.shared.dispose();
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
            let metric = state.loaded.metric(metric)?;
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
        let (pairs, _) = pairs.as_chunks::<2>();
        let pairs = &pairs[..pairs.len().min(count as usize)];
        let done = self.shared.with(|state| state.row(now, instance, at, pairs))?;
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
        let whole = self::times(&times)?;
        self.take_column(now, instance, metric, &whole, &values)
    }

    fn take_column(&self, now: f64, instance: u32, index: u32, times: &[i64], values: &[f64]) -> Result<Vec<f64>> {
        let now = time(now, "now")?;
        let done = self.shared.with(|state| {
            let metric = state.loaded.metric(index)?;
            Ok::<_, Fault>(state.column_of(now, metric, instance, times, values)?)
        })?;
        let done = done.map_err(Error::from)?;
        Ok(accepted(done))
    }

    /// Takes an event.
    #[napi(catch_unwind)]
    pub fn event(&self, now: f64, instance: u32, metric: u32, at: f64, text: String) -> Result<Vec<f64>> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        let done = self.shared.with(|state| {
            let metric = state.loaded.metric(metric)?;
            Ok::<_, Fault>(state.event(now, instance, metric, at, &text)?)
        })?;
        let done = done.map_err(Error::from)?;
        Ok(accepted(done))
    }

    /// Says that all events up to `until` were handed over.
    #[napi(catch_unwind)]
    pub fn observed(&self, now: f64, metric: u32, until: f64) -> Result<()> {
        let (now, until) = (time(now, "now")?, time(until, "until")?);
        let done = self.shared.with(|state| {
            let metric = state.loaded.metric(metric)?;
            let name = state.loaded.name(metric);
            let told =
                |policy: &Policy, task: &mut Task| task.observed(policy, now, policy.metric_named(&name)?, until);
            Ok::<_, Fault>(state.feed(&[(&name, true)], told)?)
        })?;
        done.map_err(Error::from)
    }

    /// Says that an instance has ended, or one metric of it.
    #[napi(catch_unwind)]
    pub fn end(&self, instance: u32, metric: Option<u32>, at: f64) -> Result<()> {
        let at = time(at, "at")?;
        let done = self.shared.with(|state| {
            let metric = metric.map(|index| state.loaded.metric(index)).transpose()?;
            let metric = metric.map(|metric| state.loaded.name(metric));
            let name = numbered(&mut state.instances, instance)?.0.to_owned();
            let ended = |policy: &Policy, task: &mut Task| {
                // A shadow's document may not have the metric.
                let of = metric.as_deref().map(|metric| policy.metric(metric));
                // An instance that is not there has ended.
                match (task.windows().find(&name), of) {
                    (Some(instance), None) => task.end(policy, instance, None, at),
                    (Some(instance), Some(Some(metric))) => task.end(policy, instance, Some(metric), at),
                    _ => Ok(()),
                }
            };
            Ok::<_, Fault>(state.feed(&[], ended)?)
        })?;
        done.map_err(Error::from)
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

    fn read(
        &self,
        metrics: &[(&str, bool)],
        work: impl FnMut(&Policy, &mut Task) -> std::result::Result<ReadReport, ReadError>,
    ) -> Result<String> {
        let report = self
            .shared
            .with(|state| state.feed(metrics, work))?
            .map_err(read_error)?;
        to_json(&report_json(&report))
    }

    /// Reads an answer of Prometheus.
    #[napi(catch_unwind)]
    pub fn read_prometheus(&self, now: f64, metric: String, body: Uint8ArraySlice<'_>) -> Result<String> {
        let now = time(now, "now")?;
        self.read(&[(&metric, false)], |policy, task| {
            task.read_prometheus(policy, now, &metric, &body)
        })
    }

    /// Reads metrics of Flink's REST API.
    #[napi(catch_unwind)]
    pub fn read_flink_metrics(&self, now: f64, instance: String, at: f64, body: Uint8ArraySlice<'_>) -> Result<String> {
        let (now, at) = (time(now, "now")?, time(at, "at")?);
        self.read(&[], |policy, task| {
            task.read_flink_metrics(policy, now, &instance, at, &body)
        })
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
        self.read(&[(&metric, true)], |policy, task| {
            task.read_flink_exceptions(policy, now, &metric, at, &body)
        })
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
        self.shared.look(|state| {
            let mut decision = Decision::new(&state.loaded.policy);
            state.decide_into(now, look(short), &mut decision)?;
            Ok(NativeDecision::new(decision, &state.loaded))
        })
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
    pub fn restore(env: Env, policy: &NativePolicy, bytes: Uint8ArraySlice<'_>) -> Result<NativeTask> {
        let (task, carried) = Task::restore(&policy.loaded.policy, &bytes).map_err(task_error)?;
        NativeTask::around(env, policy, task, Some(carried))
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
        let carried = self.shared.with(|state| state.rebind(&policy.loaded))?;
        to_json(&carried_json(&carried.map_err(task_error)?))
    }

    /// Where another policy would decide otherwise now, as JSON.
    #[napi(catch_unwind)]
    pub fn difference(&self, other: &NativePolicy, now: f64) -> Result<String> {
        let now = time(now, "now")?;
        let found = self.shared.look(|state| state.difference(&other.loaded.policy, now))?;
        to_json(&found)
    }

    /// Tries out another policy beside the live one.
    #[napi(catch_unwind)]
    pub fn start_shadow(&self, policy: &NativePolicy) -> Result<()> {
        let started = self.shared.with(|state| state.start_shadow(&policy.loaded))?;
        started.map_err(task_error)
    }

    /// Ends that.
    #[napi(catch_unwind)]
    pub fn stop_shadow(&self) -> Result<()> {
        self.shared.with(|state| state.shadow = None)
    }

    /// Makes the other policy the live one.
    #[napi(catch_unwind)]
    pub fn promote_shadow(&self) -> Result<()> {
        if self.shared.with(State::promote_shadow)? {
            return Ok(());
        }
        let message = "the task has no shadow: begin with startShadow";
        Err(fault(Class::Input, "no_shadow", message))
    }

    /// What the shadow came to at the last look, if there is one.
    #[napi(catch_unwind)]
    pub fn shadow_decision(&self) -> Result<Option<NativeDecision>> {
        self.shared.with(|state| {
            let beside = state.shadow.as_ref().filter(|beside| beside.looked)?;
            Some(NativeDecision::new(beside.shadow.decision().clone(), &beside.loaded))
        })
    }

    /// Where that was something else than what the live policy came to, as JSON.
    #[napi(catch_unwind)]
    pub fn shadow_difference(&self) -> Result<String> {
        let found = self.shared.with(|state| {
            let beside = state.shadow.as_ref();
            beside.and_then(|beside| beside.difference.clone())
        })?;
        to_json(&found)
    }
}
