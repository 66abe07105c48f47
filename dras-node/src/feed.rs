//! Samples of many tasks, in one call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use dras_core::metrics::Accepted;
use dras_core::metrics::sources::SourceLimits;
use dras_core::metrics::sources::prometheus::{self, PrometheusAnswer};
use dras_core::units::Millis;
use napi::{Env, Result, Task};
use serde_json::json;

use crate::cancel::cancelled;
use crate::fault::{Class, fault, guarded, to_json};
use crate::fleet::Members;
use crate::pool::{BLOCK, spread};
use crate::task::{accepted_json, read_error, task_error};

/// What was taken for many tasks, and the tasks that refused.
#[derive(Default)]
pub struct Taken {
    accepted: Accepted,
    series: usize,
    errors: Vec<(u32, String)>,
    notes: Vec<String>,
}

impl Taken {
    fn add(&mut self, more: Taken) {
        self.accepted += more.accepted;
        self.series += more.series;
        self.errors.extend(more.errors);
        self.notes.extend(more.notes);
    }

    pub(crate) fn json(mut self) -> Result<String> {
        self.errors.sort_by_key(|e| e.0);
        to_json(&json!({
            "accepted": accepted_json(self.accepted),
            "series": self.series,
            "errors": self.errors,
            "notes": self.notes,
        }))
    }
}

/// Samples of many series: a handle, a time and a value each. One time is for all.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) now: Millis,
    pub(crate) handles: &'a [u32],
    pub(crate) times: &'a [Millis],
    pub(crate) values: &'a [f64],
}

/// Samples of one series that stand one after the other.
struct Stretch<'a> {
    handle: u32,
    times: &'a [Millis],
    values: &'a [f64],
}

impl<'a> Columns<'a> {
    pub(crate) fn check(&self) -> Result<()> {
        let (handles, times, values) = (self.handles.len(), self.times.len(), self.values.len());
        if handles == values && (times == 1 || times == values) {
            return Ok(());
        }
        let message = format!("{handles} handles, {times} times and {values} values were given");
        Err(fault(Class::Input, "column_length", message))
    }

    fn stretches(self, one: &'a [Millis]) -> impl Iterator<Item = Stretch<'a>> {
        let mut from = 0;
        self.handles.chunk_by(|a, b| a == b).map(move |same| {
            let range = from..from + same.len();
            from = range.end;
            Stretch {
                handle: same[0],
                times: if self.times.len() == self.values.len() {
                    &self.times[range.clone()]
                } else {
                    &one[..range.len()]
                },
                values: &self.values[range],
            }
        })
    }

    /// The one time, as often as the longest stretch needs it.
    fn one(&self) -> Vec<Millis> {
        if self.times.len() == self.values.len() {
            return Vec::new();
        }
        let longest = self.handles.chunk_by(|a, b| a == b).map(<[u32]>::len).max();
        vec![self.times[0]; longest.unwrap_or(0)]
    }

    pub(crate) fn take(self, members: &Members) -> Taken {
        let mut taken = Taken::default();
        let one = self.one();
        for stretch in self.stretches(&one) {
            take(members, self.now, &stretch, &mut taken);
        }
        taken
    }
}

fn take(members: &Members, now: Millis, stretch: &Stretch<'_>, taken: &mut Taken) {
    // A task that was taken out meanwhile has no series any more.
    let Some(series) = members.series(stretch.handle) else {
        return;
    };
    let Some(task) = members.task(series.place) else { return };
    let live = members.policy.policy.fingerprint();
    let done = task.with(|state| {
        // Somebody may have put this one task under another policy, with other metrics.
        if state.loaded.policy.fingerprint() != live {
            let message = "the task belongs to another policy than the fleet";
            return Err(fault(Class::Input, "other_policy", message));
        }
        let mut handle = series.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = (series.instance.as_str(), &mut *handle);
        state
            .column(now, series.metric, instance, stretch.times, stretch.values)
            .map_err(task_error)
    });
    match done.and_then(|done| done) {
        Ok(accepted) => {
            taken.series += 1;
            taken.accepted += accepted;
        }
        Err(error) => taken.errors.push((series.place, error.reason.clone())),
    }
}

/// Columns on the worker pool.
pub struct Feed {
    pub(crate) members: Arc<RwLock<Members>>,
    pub(crate) now: Millis,
    pub(crate) handles: Vec<u32>,
    pub(crate) times: Vec<Millis>,
    pub(crate) values: Vec<f64>,
    pub(crate) threads: usize,
    pub(crate) cancel: Arc<AtomicBool>,
}

impl Feed {
    fn run(&self) -> Result<Taken> {
        let columns = Columns {
            now: self.now,
            handles: &self.handles,
            times: &self.times,
            values: &self.values,
        };
        let one = columns.one();
        let stretches: Vec<Stretch<'_>> = columns.stretches(&one).collect();
        let threads = self.threads.min(stretches.len().div_ceil(BLOCK)).max(1);
        let numbers = std::sync::atomic::AtomicUsize::new(0);
        // Each task is one thread's, so that its samples come in the order in which they stand.
        let work = || {
            let mine = numbers.fetch_add(1, Ordering::Relaxed);
            let mut taken = Taken::default();
            for block in stretches.chunks(BLOCK * threads) {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(cancelled());
                }
                // For a block at a time, so that nobody waits for long who wants to add a task.
                let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
                for stretch in block {
                    let place = members.series(stretch.handle).map(|series| series.place as usize);
                    if place.is_some_and(|place| place % threads == mine) {
                        take(&members, self.now, stretch, &mut taken);
                    }
                }
            }
            Ok(taken)
        };
        let mut taken = Taken::default();
        for more in spread(threads, work)? {
            taken.add(more?);
        }
        Ok(taken)
    }
}

impl Task for Feed {
    type Output = Taken;
    type JsValue = String;

    fn compute(&mut self) -> Result<Taken> {
        guarded(|| self.run())?
    }

    fn resolve(&mut self, _env: Env, taken: Taken) -> Result<String> {
        taken.json()
    }
}

/// The body of an answer of Prometheus.
pub(crate) fn answer(body: &[u8]) -> Result<PrometheusAnswer> {
    prometheus::parse(body, &SourceLimits::default()).map_err(|error| read_error(error.into()))
}

/// Hands each series of an answer to the task whose id is the value of the label.
pub(crate) fn take_answer(
    members: &RwLock<Members>,
    now: Millis,
    metric: &str,
    label: &str,
    answer: PrometheusAnswer,
    cancel: Option<&AtomicBool>,
) -> Result<Taken> {
    let (parts, without) = answer.split(label);
    let mut taken = Taken::default();
    let mut strangers = 0;
    for (id, part) in &parts {
        if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(cancelled());
        }
        let members = members.read().unwrap_or_else(PoisonError::into_inner);
        let Some((place, task)) = members.named(id) else {
            strangers += 1;
            continue;
        };
        let done = task.with(|state| {
            let read = state.feed(&[(metric, false)], |policy, task| {
                task.take_prometheus(policy, now, metric, part)
            });
            read.map_err(read_error)
        });
        match done.and_then(|done| done) {
            Ok(report) => {
                taken.series += report.series;
                taken.accepted += report.accepted;
                taken.notes.extend(report.notes);
            }
            Err(error) => taken.errors.push((place, error.reason.clone())),
        }
    }
    taken.notes.sort_unstable();
    taken.notes.dedup();
    if without > 0 {
        taken
            .notes
            .insert(0, format!("{without} series have no label `{label}`"));
    }
    if strangers > 0 {
        taken
            .notes
            .push(format!("{strangers} tasks in the answer are not in the fleet"));
    }
    Ok(taken)
}

/// An answer of Prometheus on the worker pool.
pub struct ReadMany {
    pub(crate) members: Arc<RwLock<Members>>,
    pub(crate) now: Millis,
    pub(crate) metric: String,
    pub(crate) label: String,
    pub(crate) body: Vec<u8>,
    pub(crate) cancel: Arc<AtomicBool>,
}

impl Task for ReadMany {
    type Output = Taken;
    type JsValue = String;

    fn compute(&mut self) -> Result<Taken> {
        guarded(|| {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(cancelled());
            }
            let answer = answer(&self.body)?;
            take_answer(
                &self.members,
                self.now,
                &self.metric,
                &self.label,
                answer,
                Some(&self.cancel),
            )
        })?
    }

    fn resolve(&mut self, _env: Env, taken: Taken) -> Result<String> {
        taken.json()
    }
}
