//! Many tasks, looked at on the worker pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

use dras_core::engine::{Decision, LookKind, decide_into};
use dras_core::units::Millis;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Error, Result, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::convert::{look, time};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, guarded, refused, to_json};
use crate::policy::Loaded;
use crate::task::{NativeTask, Shared};

/// Tasks that one thread takes at a time: long enough that threads seldom meet, short enough that they end together.
const BLOCK: usize = 64;

/// The most threads of one call.
const MAX_THREADS: usize = 256;

/// A set of tasks, in the order in which the façade numbers them. Places of tasks that were taken out stay empty until they are used again.
#[napi]
pub struct NativeFleet {
    tasks: Vec<Option<Arc<Shared>>>,
}

#[napi]
impl NativeFleet {
    /// An empty fleet.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no defaults")]
    pub fn new() -> NativeFleet {
        NativeFleet { tasks: Vec::new() }
    }

    /// Puts a task at a place.
    #[napi(catch_unwind)]
    pub fn put(&mut self, place: u32, task: &NativeTask) {
        let place = place as usize;
        if place >= self.tasks.len() {
            self.tasks.resize(place + 1, None);
        }
        self.tasks[place] = Some(Arc::clone(&task.shared));
    }

    /// Empties a place.
    #[napi(catch_unwind)]
    pub fn take(&mut self, place: u32) {
        if let Some(slot) = self.tasks.get_mut(place as usize) {
            *slot = None;
        }
    }

    /// The tasks that are due after `after` and at `until` at the latest, as JSON: places, times and kinds, by time.
    #[napi(catch_unwind)]
    pub fn due(&self, after: f64, until: f64) -> Result<String> {
        let (after, until) = (time(after, "after")?, time(until, "until")?);
        let mut due: Vec<(Millis, usize, LookKind)> = Vec::new();
        for (place, task) in self.tasks.iter().enumerate() {
            let Some(task) = task else { continue };
            let next = task
                .with(|policy, state| state.task.next_look(policy, after))?
                .map_err(refused(Class::Task))?;
            if next.at <= until {
                due.push((next.at, place, next.kind));
            }
        }
        due.sort_by_key(|(at, place, _)| (*at, *place));
        let due: Vec<Value> =
            due.into_iter().map(|(at, place, look)| json!({ "place": place, "at": at, "look": look })).collect();
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
        let at = |place: usize| Some((place as u32, Arc::clone(self.tasks.get(place)?.as_ref()?)));
        let tasks = match places {
            Some(places) => places.into_iter().filter_map(|place| at(place as usize)).collect(),
            None => (0..self.tasks.len()).filter_map(at).collect(),
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
                let mut decision = space.take().unwrap_or_else(|| Decision::new(&task.loaded.policy));
                let done = task.with(|policy, state| {
                    decide_into(policy, &mut state.task, self.now, self.kind, &mut decision)
                });
                match done.and_then(|done| done.map_err(refused(Class::Task))) {
                    Ok(()) => {
                        found.count(&decision);
                        if self.all || decision.matters() {
                            found.decisions.push((*place, Arc::clone(&task.loaded), decision));
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
            decisions: found.decisions.into_iter().map(|d| (d.0, d.1, Some(d.2))).collect(),
            errors: found.errors,
            counts: [found.looked, found.changed, found.held, found.fired, found.undefined],
        })
    }

    fn reject(&mut self, _env: Env, error: Error) -> Result<NativeLook> {
        Err(error)
    }
}

/// What a look at many tasks came to.
#[napi]
pub struct NativeLook {
    decisions: Vec<(u32, Arc<Loaded>, Option<Decision>)>,
    errors: Vec<(u32, String)>,
    counts: [u32; 5],
}

#[napi]
impl NativeLook {
    /// Tasks looked at, and with changes, with held changes, with rules that fired, with rules that lacked data; then how many decisions are here.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = self.counts.to_vec();
        counts.push(self.decisions.len() as u32);
        counts
    }

    /// The place of the task of a decision.
    #[napi(catch_unwind)]
    pub fn place(&self, index: u32) -> Option<u32> {
        self.decisions.get(index as usize).map(|d| d.0)
    }

    /// A decision, which is then gone from here.
    #[napi(catch_unwind)]
    pub fn decision(&mut self, index: u32) -> Option<NativeDecision> {
        let (_, loaded, decision) = self.decisions.get_mut(index as usize)?;
        decision.take().map(|decision| NativeDecision::new(decision, loaded))
    }

    /// The places of the tasks that could not be looked at, and why: texts of faults.
    #[napi(catch_unwind)]
    pub fn errors(&self) -> Result<String> {
        to_json(&self.errors)
    }
}
