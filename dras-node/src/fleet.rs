//! Many tasks, looked at on the worker pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use dras_core::engine::{Decision, LookKind, decide_into, differences};
use dras_core::metrics::ingest::MAX_NAME_BYTES;
use dras_core::metrics::sources::{SourceLimits, prometheus};
use dras_core::metrics::{Accepted, IngestError, InstanceId, Kind, MetricId};
use dras_core::units::Millis;
use napi::bindgen_prelude::{AsyncTask, BigInt64ArraySlice, Float64ArraySlice, Uint8ArraySlice, Uint32ArraySlice};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::convert::{look, time};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, guarded, to_json};
use crate::policy::{Loaded, NativePolicy};
use crate::task::{NativeTask, Shared, accepted_json, decide_error, instance_of, read_error, task_error};

/// Tasks that one thread takes at a time: long enough that threads seldom meet, short enough that they end together.
const BLOCK: usize = 64;

/// The most threads of one call.
const MAX_THREADS: usize = 256;

/// A set of tasks, in the order in which the façade numbers them. Places of tasks that were taken out stay empty until they are used again.
#[napi]
pub struct NativeFleet {
    // A promise borrows the object that made it, so that nothing here can be borrowed mutably.
    members: Mutex<Members>,
}

struct Members {
    policy: Arc<Loaded>,
    tasks: Vec<Option<Arc<Shared>>>,
    series: Vec<Option<Series>>,
}

impl Members {
    fn task(&self, place: u32) -> Result<&Arc<Shared>> {
        let task = self.tasks.get(place as usize).and_then(Option::as_ref);
        task.ok_or_else(|| fault(Class::Input, "unknown_task", "the fleet has no such task"))
    }

    fn take(&mut self, handle: u32, now: Millis, times: &[Millis], values: &[f64], taken: &mut Taken) {
        let Some(series) = self.series.get_mut(handle as usize).and_then(Option::as_mut) else {
            return;
        };
        let Some(task) = self.tasks.get(series.place as usize).and_then(Option::as_ref) else {
            return;
        };
        let done = task.task(|loaded, task| {
            // The metric holds numbers, and there is a time for each: that was seen to before.
            let fits = || Ok(());
            let id = instance_of(task, &loaded.policy, &series.instance, &mut series.handle, now, fits)?;
            task.column(&loaded.policy, now, id, series.metric, times, values)
        });
        match done {
            Ok(accepted) => {
                taken.series += 1;
                taken.accepted += accepted;
            }
            Err(error) => taken.errors.push((series.place, error.reason.clone())),
        }
    }
}

/// One series of one task, resolved once.
struct Series {
    place: u32,
    metric: MetricId,
    instance: String,
    /// The core's handle, which ends when the instance has had no data for long.
    handle: Option<InstanceId>,
}

/// What was taken for many tasks, and the tasks that refused.
#[derive(Default)]
struct Taken {
    accepted: Accepted,
    series: usize,
    errors: Vec<(u32, String)>,
    notes: Vec<String>,
}

impl Taken {
    fn json(&self) -> Result<String> {
        to_json(&json!({
            "accepted": accepted_json(self.accepted),
            "series": self.series,
            "errors": self.errors,
            "notes": self.notes,
        }))
    }
}

#[napi]
impl NativeFleet {
    /// An empty fleet.
    #[napi(constructor, catch_unwind)]
    pub fn new(policy: &NativePolicy) -> NativeFleet {
        NativeFleet {
            members: Mutex::new(Members {
                policy: Arc::clone(&policy.loaded),
                tasks: Vec::new(),
                series: Vec::new(),
            }),
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle of a series.
    #[napi(catch_unwind)]
    pub fn add_series(&self, place: u32, metric: String, instance: String) -> Result<u32> {
        let mut members = self.members();
        let policy = &members.policy.policy;
        let id = policy.metric_named(&metric).map_err(task_error)?;
        if policy.plan().catalogue().spec(id).kind == Kind::Event {
            return Err(task_error(IngestError::NotANumberMetric { metric }.into()));
        }
        // The instance is made with the first sample; a name that cannot be is refused now.
        if instance.len() > MAX_NAME_BYTES {
            return Err(task_error(IngestError::NameTooLong { bytes: instance.len() }.into()));
        }
        members.task(place)?;
        members.series.push(Some(Series {
            place,
            metric: id,
            instance,
            handle: None,
        }));
        Ok(members.series.len() as u32 - 1)
    }

    /// Handles that are handles no more.
    #[napi(catch_unwind)]
    pub fn drop_series(&self, handles: Vec<u32>) {
        let mut members = self.members();
        for handle in handles {
            if let Some(series) = members.series.get_mut(handle as usize) {
                *series = None;
            }
        }
    }

    /// Takes samples of many series: a handle, a time and a value each. One time is for all.
    #[napi(catch_unwind)]
    pub fn ingest(
        &self,
        handles: Uint32ArraySlice<'_>,
        times: BigInt64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
        now: f64,
    ) -> Result<String> {
        let now = time(now, "now")?;
        let one = times.len() == 1;
        if handles.len() != values.len() || !(one || times.len() == values.len()) {
            let message = format!(
                "{} handles, {} times and {} values were given",
                handles.len(),
                times.len(),
                values.len()
            );
            return Err(fault(Class::Input, "column_length", message));
        }
        let mut members = self.members();
        let known = |handle: &u32| members.series.get(*handle as usize).is_some_and(Option::is_some);
        if let Some(handle) = handles.iter().find(|handle| !known(handle)) {
            let message = format!("{handle} is not, or no longer, the handle of a series of this fleet");
            return Err(fault(Class::Input, "unknown_series", message));
        }
        let mut taken = Taken::default();
        let mut all_times: Vec<Millis> = Vec::new();
        let mut from = 0;
        while from < handles.len() {
            let handle = handles[from];
            let to = handles[from..]
                .iter()
                .position(|h| *h != handle)
                .map_or(handles.len(), |n| from + n);
            let times = if one {
                all_times.resize((to - from).max(all_times.len()), times[0]);
                &all_times[..to - from]
            } else {
                &times[from..to]
            };
            members.take(handle, now, times, &values[from..to], &mut taken);
            from = to;
        }
        taken.json()
    }

    /// The label's values in an answer of Prometheus about many tasks: each series goes to the task of that id; the façade knows the places.
    #[napi(catch_unwind)]
    pub fn read_prometheus(
        &self,
        metric: String,
        label: String,
        now: f64,
        ids: Vec<String>,
        places: Vec<u32>,
        body: Uint8ArraySlice<'_>,
    ) -> Result<String> {
        let now = time(now, "now")?;
        let members = self.members();
        members.policy.policy.metric_named(&metric).map_err(task_error)?;
        let answer = prometheus::parse(&body, &SourceLimits::default()).map_err(|error| read_error(error.into()))?;
        let (mut parts, without) = answer.split(&label);
        let mut taken = Taken::default();
        if without > 0 {
            taken.notes.push(format!("{without} series have no label `{label}`"));
        }
        for (id, place) in ids.iter().zip(places) {
            let Some(part) = parts.remove(id) else { continue };
            let done = members.task(place)?.with(|state| {
                state
                    .task
                    .take_prometheus(&state.loaded.policy, now, &metric, &part)
                    .map_err(read_error)
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
        if !parts.is_empty() {
            taken
                .notes
                .push(format!("{} tasks in the answer are not in the fleet", parts.len()));
        }
        taken.json()
    }

    /// What another policy would decide otherwise, as JSON.
    #[napi(catch_unwind)]
    pub fn differences(&self, other: &NativePolicy, now: f64) -> Result<String> {
        let now = time(now, "now")?;
        let mut found = Vec::new();
        for task in self.members().tasks.iter().flatten() {
            let done =
                task.with(|state| differences(&state.loaded.policy, &other.loaded.policy, [&state.task], now))?;
            found.extend(done.map_err(decide_error)?);
        }
        to_json(&found)
    }

    /// Puts a task at a place.
    #[napi(catch_unwind)]
    pub fn put(&self, place: u32, task: &NativeTask) {
        let place = place as usize;
        let tasks = &mut self.members().tasks;
        if place >= tasks.len() {
            tasks.resize(place + 1, None);
        }
        tasks[place] = Some(Arc::clone(&task.shared));
    }

    /// Empties a place.
    #[napi(catch_unwind)]
    pub fn take(&self, place: u32) {
        if let Some(slot) = self.members().tasks.get_mut(place as usize) {
            *slot = None;
        }
    }

    /// The tasks that are due after `after` and at `until` at the latest, as JSON: places, times and kinds, by time.
    #[napi(catch_unwind)]
    pub fn due(&self, after: f64, until: f64) -> Result<String> {
        let (after, until) = (time(after, "after")?, time(until, "until")?);
        let mut due: Vec<(Millis, usize, LookKind)> = Vec::new();
        for (place, task) in self.members().tasks.iter().enumerate() {
            let Some(task) = task else { continue };
            let next = task.task(|loaded, task| task.next_look(&loaded.policy, after))?;
            if next.at <= until {
                due.push((next.at, place, next.kind));
            }
        }
        due.sort_by_key(|(at, place, _)| (*at, *place));
        let due: Vec<Value> = due
            .into_iter()
            .map(|(at, place, look)| json!({ "place": place, "at": at, "look": look }))
            .collect();
        to_json(&due)
    }

    /// Looks at the tasks at `places`, or at all, on the worker pool.
    #[napi(catch_unwind)]
    pub fn decide(
        &self,
        now: f64,
        short: bool,
        places: Option<Vec<u32>>,
        threads: u32,
        all: bool,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<Tick>> {
        let now = time(now, "now")?;
        let threads = match threads as usize {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        let members = self.members();
        let at = |place: usize| Some((place as u32, Arc::clone(members.tasks.get(place)?.as_ref()?)));
        let tasks = match places {
            Some(places) => places.into_iter().filter_map(|place| at(place as usize)).collect(),
            None => (0..members.tasks.len()).filter_map(at).collect(),
        };
        Ok(AsyncTask::new(Tick {
            tasks,
            now,
            kind: look(short),
            threads: threads.min(MAX_THREADS),
            all,
            cancel: Arc::clone(&cancel.cancelled),
        }))
    }
}

/// Says to a look that nobody waits for it any more.
#[napi]
pub struct NativeCancel {
    cancelled: Arc<AtomicBool>,
}

#[napi]
impl NativeCancel {
    /// Not cancelled.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no defaults")]
    pub fn new() -> NativeCancel {
        NativeCancel {
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    /// From now on.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// One look at many tasks.
pub struct Tick {
    tasks: Vec<(u32, Arc<Shared>)>,
    now: Millis,
    kind: LookKind,
    threads: usize,
    all: bool,
    cancel: Arc<AtomicBool>,
}

/// What a thread found.
#[derive(Default)]
pub struct Found {
    decisions: Vec<(u32, Arc<Loaded>, Decision)>,
    errors: Vec<(u32, String)>,
    looked: u32,
    changed: u32,
    held: u32,
    fired: u32,
    undefined: u32,
    cancelled: bool,
}

impl Found {
    fn add(&mut self, more: Found) {
        self.decisions.extend(more.decisions);
        self.errors.extend(more.errors);
        self.looked += more.looked;
        self.changed += more.changed;
        self.held += more.held;
        self.fired += more.fired;
        self.undefined += more.undefined;
        self.cancelled |= more.cancelled;
    }

    fn count(&mut self, decision: &Decision) {
        self.looked += 1;
        self.changed += u32::from(!decision.changes().is_empty());
        self.held += u32::from(!decision.held().is_empty());
        self.fired += u32::from(decision.any_fired());
        self.undefined += u32::from(decision.any_undefined());
    }
}

impl Tick {
    /// Looks at blocks of tasks until none is left.
    fn work(&self, next: &AtomicUsize) -> Found {
        let mut found = Found::default();
        let mut space: Option<Decision> = None;
        loop {
            let from = next.fetch_add(BLOCK, Ordering::Relaxed);
            if from >= self.tasks.len() {
                return found;
            }
            for (place, task) in self.tasks.iter().skip(from).take(BLOCK) {
                if self.cancel.load(Ordering::Relaxed) {
                    found.cancelled = true;
                    return found;
                }
                let done = task.with(|state| {
                    let policy = &state.loaded.policy;
                    let mut decision = space.take().unwrap_or_else(|| Decision::new(policy));
                    decide_into(policy, &mut state.task, self.now, self.kind, &mut decision).map_err(decide_error)?;
                    Ok((decision, Arc::clone(&state.loaded)))
                });
                match done.and_then(|done| done) {
                    Ok((decision, loaded)) => {
                        found.count(&decision);
                        if self.all || decision.matters() {
                            found.decisions.push((*place, loaded, decision));
                        } else {
                            space = Some(decision);
                        }
                    }
                    Err(error) => found.errors.push((*place, error.reason.clone())),
                }
            }
        }
    }

    fn run(&self) -> Found {
        let next = AtomicUsize::new(0);
        let blocks = self.tasks.len().div_ceil(BLOCK);
        let mut found = Found::default();
        thread::scope(|scope| {
            // This thread works as well. Where the system gives no more threads, it works alone.
            let helpers: Vec<_> = (1..self.threads.min(blocks))
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, || self.work(&next)).ok())
                .collect();
            found = self.work(&next);
            for helper in helpers {
                if let Ok(more) = helper.join() {
                    found.add(more);
                }
            }
        });
        found.decisions.sort_by_key(|d| d.0);
        found.errors.sort_by_key(|e| e.0);
        found
    }
}

impl Task for Tick {
    type Output = Found;
    type JsValue = NativeLook;

    fn compute(&mut self) -> Result<Found> {
        let found = guarded(|| self.run())?;
        if found.cancelled {
            return Err(fault(Class::State, "cancelled", "the look was cancelled"));
        }
        Ok(found)
    }

    fn resolve(&mut self, _env: Env, found: Found) -> Result<NativeLook> {
        Ok(NativeLook {
            places: found.decisions.iter().map(|d| d.0).collect(),
            decisions: Mutex::new(found.decisions.into_iter().map(|d| Some((d.1, d.2))).collect()),
            errors: found.errors,
            counts: [found.looked, found.changed, found.held, found.fired, found.undefined],
        })
    }

    fn reject(&mut self, _env: Env, error: Error) -> Result<NativeLook> {
        Err(error)
    }
}

/// A decision that nobody has asked for yet.
type Kept = Option<(Arc<Loaded>, Decision)>;

/// What a look at many tasks came to.
#[napi]
pub struct NativeLook {
    places: Vec<u32>,
    decisions: Mutex<Vec<Kept>>,
    errors: Vec<(u32, String)>,
    counts: [u32; 5],
}

#[napi]
impl NativeLook {
    /// Tasks looked at, and with changes, with held changes, with rules that fired, with rules that lacked data; then how many decisions are here.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = self.counts.to_vec();
        counts.push(self.places.len() as u32);
        counts
    }

    /// The place of the task of a decision.
    #[napi(catch_unwind)]
    pub fn place(&self, index: u32) -> Option<u32> {
        self.places.get(index as usize).copied()
    }

    /// A decision, which is then gone from here.
    #[napi(catch_unwind)]
    pub fn decision(&self, index: u32) -> Option<NativeDecision> {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let (loaded, decision) = decisions.get_mut(index as usize)?.take()?;
        Some(NativeDecision::new(decision, &loaded))
    }

    /// The places of the tasks that could not be looked at, and why: texts of faults.
    #[napi(catch_unwind)]
    pub fn errors(&self) -> Result<String> {
        to_json(&self.errors)
    }
}
