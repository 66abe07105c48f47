//! One look at many tasks, on several threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use dras_core::engine::{self, LookKind};
use dras_core::units::Millis;
use pyo3::prelude::*;

use super::failure::{Failure, not_decided, unusable};
use super::members::Member;
use crate::lock::guarded;
use crate::policy::Policy;
use crate::signals::Signals;

/// Tasks that a thread takes on at once: some tens of microseconds of work.
const BLOCK: usize = 64;

/// Fleets smaller than this are looked at by the calling thread alone, which is done before another would have started.
const ALONE: usize = 256;

/// What looking at a part of a fleet brought.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) looked: usize,
    pub(super) fired: usize,
    pub(super) undefined: usize,
    pub(super) kept: Vec<(usize, Policy, engine::Decision)>,
    pub(super) differences: Vec<(usize, engine::Difference)>,
    pub(super) failures: Vec<(usize, Failure)>,
}

impl Looked {
    fn add(&mut self, mut more: Looked) {
        self.looked += more.looked;
        self.fired += more.fired;
        self.undefined += more.undefined;
        self.kept.append(&mut more.kept);
        self.differences.append(&mut more.differences);
        self.failures.append(&mut more.failures);
    }
}

/// One look at many tasks.
pub(super) struct Tick<'a> {
    pub(super) tasks: &'a [Option<Member>],
    pub(super) now: Millis,
    pub(super) kind: LookKind,
    pub(super) all: bool,
    /// The first task that no thread has taken on yet.
    pub(super) next: AtomicUsize,
    pub(super) stop: AtomicBool,
}

impl Tick<'_> {
    /// Takes on block after block until there is none left or `go_on` says no.
    fn work(&self, policy: &engine::Policy, mut go_on: impl FnMut() -> bool) -> Looked {
        let mut found = Looked::default();
        // Whatever matters holds all values; of the others nothing is kept unless all are.
        let mut decision = if self.all {
            engine::Decision::new(policy)
        } else {
            engine::Decision::lean(policy)
        };
        while !self.stop.load(Ordering::Relaxed) && go_on() {
            let from = self.next.fetch_add(BLOCK, Ordering::Relaxed);
            let Some(block) = self.tasks.get(from..self.tasks.len().min(from.saturating_add(BLOCK))) else {
                break;
            };
            if block.is_empty() {
                break;
            }
            for (place, member) in (from..).zip(block) {
                if let Some(member) = member {
                    self.look(place, member, &mut decision, &mut found);
                }
            }
        }
        found
    }

    fn look(&self, place: usize, member: &Member, decision: &mut engine::Decision, found: &mut Looked) {
        let done = member.state.with_unattached(|state| {
            state.decide_into(self.now, self.kind, decision)?;
            Ok::<_, engine::DecideError>((state.policy.clone(), state.difference().cloned()))
        });
        match done {
            Ok(Ok((policy, difference))) => {
                found.looked += 1;
                found
                    .differences
                    .extend(difference.map(|difference| (place, difference)));
                found.fired += usize::from(decision.any_fired());
                found.undefined += usize::from(decision.any_undefined());
                if self.all || decision.matters() {
                    found.kept.push((place, policy, decision.clone()));
                }
            }
            Ok(Err(error)) => found.failures.push((place, not_decided(member, &error))),
            Err(error) => found.failures.push((place, unusable(member, &error))),
        }
    }

    /// Looks at all tasks with the calling thread and `threads - 1` others, which are gone when it returns.
    pub(super) fn run(&self, py: Python<'_>, policy: &engine::Policy, threads: usize) -> PyResult<Looked> {
        let helpers = if self.tasks.len() < ALONE {
            0
        } else {
            (threads - 1).min(self.tasks.len() / BLOCK)
        };
        let together = Mutex::new(Looked::default());
        let interrupted: Mutex<Option<PyErr>> = Mutex::new(None);
        let done = py.detach(|| {
            guarded(|| {
                std::thread::scope(|scope| {
                    let help = || {
                        let found = self.work(policy, || true);
                        together.lock().unwrap_or_else(PoisonError::into_inner).add(found);
                    };
                    // Where the system has no more threads, those there are do the work.
                    let helpers: Vec<_> = (0..helpers)
                        .map_while(|_| {
                            let thread = std::thread::Builder::new().name("dras".to_owned());
                            thread.spawn_scoped(scope, help).ok()
                        })
                        .collect();
                    let mut signals = Signals::new();
                    let found = self.work(policy, || {
                        // No lock is held here.
                        let Err(error) = signals.check() else { return true };
                        self.stop.store(true, Ordering::Relaxed);
                        *interrupted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        false
                    });
                    together.lock().unwrap_or_else(PoisonError::into_inner).add(found);
                    // The scope waits for their work only; they themselves must be gone, too, when somebody forks.
                    for helper in helpers {
                        if let Err(panic) = helper.join() {
                            std::panic::resume_unwind(panic);
                        }
                    }
                });
            })
        });
        done.map_err(|error| error.error(py))?;
        if let Some(error) = interrupted.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut looked = together.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Threads finish in any order; results do not depend on it.
        looked.kept.sort_by_key(|k| k.0);
        looked.differences.sort_by_key(|d| d.0);
        looked.failures.sort_by_key(|f| f.0);
        Ok(looked)
    }
}
