//! One look at many tasks, on the worker pool.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use dras_core::engine::{Decision, Difference, LookKind, Policy};
use dras_core::units::Millis;
use napi::{Env, Result, Task};
use napi_derive::napi;

use crate::decision::NativeDecision;
use crate::fault::{guarded, to_json};
use crate::policy::Loaded;
use crate::pool::{Blocks, Tasks, spread};

/// One look at many tasks.
pub struct Tick {
    pub(crate) tasks: Tasks,
    pub(crate) now: Millis,
    pub(crate) kind: LookKind,
    pub(crate) threads: usize,
    pub(crate) all: bool,
    pub(crate) cancel: Arc<AtomicBool>,
}

/// What a thread found.
#[derive(Default)]
pub struct Found {
    decisions: Vec<(u32, Arc<Loaded>, Decision)>,
    differences: Vec<(u32, Difference)>,
    errors: Vec<(u32, String)>,
    looked: u32,
    changed: u32,
    held: u32,
    fired: u32,
    undefined: u32,
}

impl Found {
    fn add(&mut self, more: Found) {
        self.decisions.extend(more.decisions);
        self.differences.extend(more.differences);
        self.errors.extend(more.errors);
        self.looked += more.looked;
        self.changed += more.changed;
        self.held += more.held;
        self.fired += more.fired;
        self.undefined += more.undefined;
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
    /// Whatever matters holds all values; of the others nothing is kept unless all are.
    fn empty(&self, policy: &Policy) -> Decision {
        if self.all {
            Decision::new(policy)
        } else {
            Decision::lean(policy)
        }
    }

    fn work(&self, blocks: &Blocks<'_>) -> Result<Found> {
        let mut found = Found::default();
        let mut space: Option<Decision> = None;
        blocks.each(|place, task| {
            let done = task.look(|state| {
                let mut decision = space.take().unwrap_or_else(|| self.empty(&state.loaded.policy));
                state.decide_into(self.now, self.kind, &mut decision)?;
                let difference = state.shadow.as_ref().and_then(|beside| beside.difference.clone());
                Ok((decision, Arc::clone(&state.loaded), difference))
            });
            match done {
                Ok((decision, loaded, difference)) => {
                    found.count(&decision);
                    found
                        .differences
                        .extend(difference.map(|difference| (place, difference)));
                    if self.all || decision.matters() {
                        found.decisions.push((place, loaded, decision));
                    } else {
                        space = Some(decision);
                    }
                }
                Err(error) => found.errors.push((place, error.reason.clone())),
            }
        })?;
        Ok(found)
    }

    fn run(&self) -> Result<Found> {
        let blocks = Blocks::new(&self.tasks, &self.cancel);
        let mut found = Found::default();
        for more in spread(blocks.threads(self.threads), || self.work(&blocks))? {
            found.add(more?);
        }
        // Threads end in any order; what they found does not depend on it.
        found.decisions.sort_by_key(|d| d.0);
        found.differences.sort_by_key(|d| d.0);
        found.errors.sort_by_key(|e| e.0);
        Ok(found)
    }
}

impl Task for Tick {
    type Output = Found;
    type JsValue = NativeLook;

    fn compute(&mut self) -> Result<Found> {
        guarded(|| self.run())?
    }

    fn resolve(&mut self, _env: Env, found: Found) -> Result<NativeLook> {
        Ok(NativeLook {
            places: found.decisions.iter().map(|d| d.0).collect(),
            decisions: Mutex::new(found.decisions.into_iter().map(|d| Some((d.1, d.2))).collect()),
            differences: found.differences.into_iter().map(|d| d.1).collect(),
            errors: found.errors,
            counts: [found.looked, found.changed, found.held, found.fired, found.undefined],
        })
    }
}

/// A decision that nobody has asked for yet.
type Kept = Option<(Arc<Loaded>, Decision)>;

/// What a look at many tasks came to.
#[napi]
pub struct NativeLook {
    places: Vec<u32>,
    decisions: Mutex<Vec<Kept>>,
    differences: Vec<Difference>,
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

    /// Where shadows came to something else, as JSON.
    #[napi(catch_unwind)]
    pub fn differences(&self) -> Result<String> {
        to_json(&self.differences)
    }

    /// The places of the tasks that could not be looked at, and why: texts of faults.
    #[napi(catch_unwind)]
    pub fn errors(&self) -> Result<String> {
        to_json(&self.errors)
    }
}
