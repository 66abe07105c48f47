//! Whether the changes fit: into what Flink starts with, and into the quota.

use super::Acting;
use crate::action::guard::OPEN;
use crate::action::{Change, Guard};
use crate::engine::decision::{Fitted, Held, Outcome};
use crate::resources::allocation::{Allocation, AllocationError, Cores, ProcessMemory, Quota};
use crate::resources::memory::{Component, FlinkProcess, MemoryConfig, MemoryError, Resized, Total, plan_total};
use crate::resources::{Resource, Scope};
use crate::units::Millis;

/// The step of a whole process' memory.
const PROCESS_STEP: u64 = 64 << 20;

impl Acting<'_, '_, '_> {
    /// Whether Flink would start with the changes of one process' memory, and with what configuration.
    pub(super) fn fit(&mut self, process: FlinkProcess, stuck: &mut Vec<(Resource, Outcome)>) {
        let of_process = |c: &Change| c.resource.process() == Some(process);
        if !self.decision.changes.iter().any(of_process) {
            return;
        }
        let Some(config) = self.task.memory(process) else {
            return;
        };
        let whole = match process {
            FlinkProcess::TaskManager => Resource::TaskManagerMemory,
            FlinkProcess::JobManager => Resource::JobManagerMemory,
        };
        let grows = self.decision.changes.iter().any(|c| of_process(c) && c.is_up());
        let most = self.inner.limits.of(whole).max.filter(|_| grows);
        let changes: Vec<&Change> = self.decision.changes.iter().filter(|c| of_process(c)).collect();
        match fit_within(config, &changes, most) {
            Ok(Some((resized, share))) => {
                if let Some((guard, until)) = self.falls_below_what_ran_out(process, whole, &resized) {
                    self.hold_process(process, (guard, until), None);
                    return;
                }
                for change in self.decision.changes.iter_mut().filter(|c| of_process(c)) {
                    if share < 1.0 && change.is_up() {
                        change.to = part(change, share);
                        change.fitted_to = most;
                    }
                }
                // A part of the growth that is less than a step is none.
                self.decision.changes.retain(|c| {
                    if c.to == c.from {
                        stuck.push((c.resource, Outcome::Limited));
                    }
                    c.to != c.from
                });
                if !self.decision.changes.iter().any(of_process) {
                    return;
                }
                self.decision.fitted.push(Fitted {
                    process,
                    from: self.current(whole),
                    resized,
                });
            }
            Ok(None) => {
                for change in self.decision.changes.iter().filter(|c| of_process(c)) {
                    stuck.push((change.resource, Outcome::Limited));
                }
                self.decision.changes.retain(|c| !of_process(c));
            }
            Err(error) => self.hold_process(process, (Guard::Refused, OPEN), Some(&error.to_string())),
        }
    }

    /// A smaller whole takes from components that ran out before.
    pub(super) fn falls_below_what_ran_out(
        &self,
        process: FlinkProcess,
        whole: Resource,
        resized: &Resized,
    ) -> Option<(Guard, Millis)> {
        let mut alive = self.history.ran_out().iter().filter(|r| r.until > self.now);
        let fallen = alive.find(|r| {
            let will_be = match r.resource.scope() {
                Scope::Component(p, component) if p == process => resized.breakdown.get(component),
                Scope::Process(p) if p == process && r.resource == whole => resized.breakdown.process(),
                _ => return false,
            };
            let is = self.current(r.resource);
            will_be as f64 <= r.size && is.is_some_and(|is| is > r.size)
        })?;
        Some((Guard::RanOut, fallen.until))
    }

    pub(super) fn hold_process(&mut self, process: FlinkProcess, by: (Guard, Millis), why: Option<&str>) {
        let (of_process, others): (Vec<Change>, Vec<Change>) = std::mem::take(&mut self.decision.changes)
            .into_iter()
            .partition(|c| c.resource.process() == Some(process));
        self.decision.changes = others;
        for change in of_process {
            self.decision.held.push(Held {
                change,
                by: vec![by],
                why: why.map(str::to_owned),
            });
        }
    }

    /// Holds the final allocation against what the task may have in all: growth that does not fit is cut, or held.
    pub(super) fn within_quota(&mut self) {
        let quota = self.inner.limits.total;
        if quota == Quota::default() || !self.decision.changes.iter().any(Change::is_up) {
            return;
        }
        let changes = &self.decision.changes;
        let after = |resource: Resource| {
            let change = changes.iter().find(|c| c.resource == resource);
            change.map(|c| c.to).or_else(|| self.current(resource))
        };
        let Some(allocation) = self.allocation(&after) else {
            let why = "the task does not say its parallelism and its slots per TaskManager".to_owned();
            self.hold_growth(Guard::Quota, &why);
            return;
        };
        let breaches = quota.breaches(&allocation);
        let Some(first) = breaches.first() else { return };
        let why = first.to_string();
        // What cannot be checked is no permission; less parallelism may be enough of a cut for the rest.
        let now = self.current(Resource::Parallelism).unwrap_or(0.0);
        let largest = quota.largest_within(&allocation).ok().flatten();
        let fits = largest.map(|a| f64::from(a.parallelism())).filter(|p| *p > now);
        let grown = self
            .decision
            .changes
            .iter_mut()
            .find(|c| c.resource == Resource::Parallelism && c.is_up());
        match (grown, fits) {
            (Some(change), Some(most)) if breaches.iter().all(|b| b.wanted.is_some()) => {
                change.to = most;
                change.quota = Some(*first);
            }
            _ => self.hold_growth(Guard::Quota, &why),
        }
    }

    pub(super) fn hold_growth(&mut self, guard: Guard, why: &str) {
        let (up, rest): (Vec<Change>, Vec<Change>) = std::mem::take(&mut self.decision.changes)
            .into_iter()
            .partition(Change::is_up);
        self.decision.changes = rest;
        self.decision.fitted.clear();
        for change in up {
            self.decision.held.push(Held {
                change,
                by: vec![(guard, OPEN)],
                why: Some(why.to_owned()),
            });
        }
    }

    /// The allocation that a task has with these amounts, as far as it says.
    pub(super) fn allocation(&self, after: &impl Fn(Resource) -> Option<f64>) -> Option<Allocation> {
        let known = &self.inner.known;
        let whole = |x: f64| x.clamp(0.0, f64::from(u32::MAX)) as u32;
        let process = |process, resource| {
            let fitted = self.decision.fitted.iter().find(|f| f.process == process);
            let bytes = fitted.map(|f| f.resized.breakdown.process());
            let bytes = bytes.or_else(|| after(resource).map(|b| b as u64));
            bytes.map(ProcessMemory::total)
        };
        let make = || -> Result<Option<Allocation>, AllocationError> {
            let (Some(parallelism), Some(slots)) = (
                after(Resource::Parallelism),
                self.task.number(known.slots_per_task_manager),
            ) else {
                return Ok(None);
            };
            let cores = self.task.number(known.task_manager_cores).map(Cores::new).transpose()?;
            let groups = self.task.number(known.slot_sharing_groups).unwrap_or(1.0);
            let allocation = Allocation::new(whole(parallelism), whole(slots))?
                .with_slot_sharing_groups(whole(groups))?
                .with_task_manager_cores(cores)
                .with_task_manager_memory(process(FlinkProcess::TaskManager, Resource::TaskManagerMemory))?
                .with_job_manager_memory(process(FlinkProcess::JobManager, Resource::JobManagerMemory))?;
            Ok(Some(allocation))
        };
        make().ok().flatten()
    }
}

/// A part of the way of a change up, to a whole step; where none lies in it, nothing of it.
fn part(change: &Change, share: f64) -> f64 {
    let way = (change.to - change.from) * share;
    let step = change.resource.step() as f64;
    change.from.max(((change.from + way) / step).floor() * step)
}

/// The smallest configuration that gives what the changes of one process ask for; where the whole would exceed `most`, as large a part of the
/// growth, in eighths, as fits. `None` where nothing does.
fn fit_within(
    config: &MemoryConfig,
    changes: &[&Change],
    most: Option<u64>,
) -> Result<Option<(Resized, f64)>, MemoryError> {
    for eighths in (1..=8).rev() {
        let share = f64::from(eighths) / 8.0;
        let mut components: Vec<(Component, u64)> = Vec::new();
        let mut total = None;
        for change in changes {
            let to = if change.is_up() && share < 1.0 {
                part(change, share)
            } else {
                change.to
            };
            match change.resource.scope() {
                Scope::Component(_, component) => components.push((component, to as u64)),
                Scope::Process(_) if change.is_up() => total = Some(Total::AtLeast(to as u64)),
                Scope::Process(_) => total = Some(Total::AtMost(to as u64)),
                Scope::Subtasks => {}
            }
        }
        let resized = plan_total(config, &components, total, PROCESS_STEP)?;
        if most.is_none_or(|most| resized.breakdown.process() <= most) {
            return Ok(Some((resized, share)));
        }
    }
    Ok(None)
}
