//! From rules that fired to what is to be done: proposals, guards, sizes, and whether Flink would start with them.

use super::decide::Outputs;
use super::decision::{Alert, AlertKind, Decision, Fitted, Held, Ineffective, Outcome, ProposalOutcome, RuleStatus};
use super::policy::{CompiledRule, Gauge, Inner};
use super::task::Task;
use crate::action::guard::{self, Direction, Facts, OPEN};
use crate::action::instruction::{self, Instruction, MemoryStep, Restart};
use crate::action::{Change, Fate, Guard, History, Pending, Promise, Proposal, Room, Step, Wish, merge, size};
use crate::resources::allocation::{Allocation, AllocationError, Cores, ProcessMemory, Quota};
use crate::resources::memory::{Component, FlinkProcess, MemoryConfig, MemoryError, Resized, Total, plan_total};
use crate::resources::ratio::{AlignTo, Alignment, LargestStep, Note};
use crate::resources::{Resource, Scope};
use crate::rules::{Mode, Rescale};
use crate::undefined::Undefined;
use crate::units::Millis;

/// The step of a whole process' memory.
const PROCESS_STEP: u64 = 64 << 20;

/// The growth of memory that is always possible in one change.
const LEAST_GROWTH: u64 = 256 << 20;

/// What is looked at while a task is acted on; the task itself is lent to the row of values.
pub(super) struct Acting<'a, 'r> {
    pub(super) inner: &'a Inner,
    pub(super) task: &'a Task,
    pub(super) history: &'a mut History,
    pub(super) outputs: &'a Outputs<'a, 'r>,
    pub(super) decision: &'a mut Decision,
    pub(super) now: Millis,
    pub(super) short: bool,
    /// Until when there are no restarts, and until when not even urgent ones.
    pub(super) excluded: [Option<Millis>; 2],
    /// How long ago the last long look may have been for this one to go on with its recommendations.
    pub(super) unbroken: Millis,
}

/// What conditions come to, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Said {
    /// One is true, and has been for long enough.
    fired: bool,
    /// One is true.
    holding: bool,
    /// One of a rule that sets something is undefined.
    missing: bool,
}

impl Acting<'_, '_> {
    /// Fills the decision with what is to be done, and why the rest is not.
    pub(super) fn run(&mut self) {
        let said = self.said();
        if said.fired {
            self.propose();
        }
        self.stand(said);
        if !self.short {
            self.recommend(said);
        }
        if said.fired {
            self.remember_what_ran_out();
        }
        self.observe_effects();
        let mut stuck = Vec::new();
        if !self.decision.candidates.is_empty() {
            self.judge();
            let (wishes, fates) = merge(&self.decision.candidates);
            for wish in self.admitted(&wishes) {
                self.change(&wish, &mut stuck);
            }
            self.hold_back(&wishes, &mut stuck);
            self.keep_together(&wishes, &mut stuck);
            loop {
                self.decision.fitted.clear();
                self.fit(FlinkProcess::TaskManager, &mut stuck);
                self.fit(FlinkProcess::JobManager, &mut stuck);
                self.within_quota();
                // Each turn leaves fewer changes.
                if !self.keep_together(&wishes, &mut stuck) {
                    break;
                }
            }
            self.instruct();
            self.settle(&wishes, &fates, &stuck);
        }
        if said.fired {
            self.alert(&stuck);
        }
    }

    /// What the conditions come to, all together.
    fn said(&self) -> Said {
        let mut said = Said::default();
        for (rule, status) in self.inner.rules.iter().zip(&self.decision.rules) {
            match status {
                RuleStatus::NotLooked | RuleStatus::NotMet => {}
                RuleStatus::Undefined { .. } => said.missing |= !rule.then.is_empty(),
                RuleStatus::Holding { .. } => said.holding = true,
                RuleStatus::Fired { .. } => said.fired = true,
            }
        }
        said
    }

    fn stand(&mut self, said: Said) {
        // A rule that fires and cannot say what it wants is as unanswered as one whose condition is undefined.
        let missing = said.missing || self.decision.proposals.iter().any(|p| p.wanted.is_err());
        let facts = Facts {
            now: self.now,
            newest_mark: self.task.windows.newest_mark(),
            warm_up: self.inner.plan.settings().warm_up,
            missing,
            excluded: self.excluded,
            short: self.short,
        };
        self.decision.guards.compute(&self.inner.guards, self.history, &facts);
    }

    fn current(&self, resource: Resource) -> Option<f64> {
        self.task.number(self.inner.known.resources[resource as usize])
    }

    /// Enters what rules that fired want.
    fn propose(&mut self) {
        for (index, rule) in self.inner.rules.iter().enumerate() {
            if !matches!(self.decision.rules[index], RuleStatus::Fired { .. }) {
                continue;
            }
            for &(resource, output) in &rule.then {
                let (wanted, outcome) = match self.proposal(index, rule, resource, output) {
                    Ok(proposal) => {
                        self.decision.candidates.push(proposal);
                        (Ok(proposal.target), Outcome::NoChange)
                    }
                    Err(reason) => (Err(reason), Outcome::Undefined),
                };
                self.decision.proposals.push(ProposalOutcome {
                    rule: index as u32,
                    resource,
                    wanted,
                    outcome,
                });
            }
        }
    }

    fn proposal(
        &self,
        index: usize,
        rule: &CompiledRule,
        resource: Resource,
        output: usize,
    ) -> Result<Proposal, Undefined> {
        // Without knowing what the task has, no direction can be told.
        let current = self.current(resource).ok_or(Undefined::NoAttribute)?;
        let wanted = self.outputs.number(output)?;
        let target = whole_steps(resource, current, wanted);
        Ok(Proposal {
            rule: index as u32,
            resource,
            current,
            target,
            exact: wanted.min(target),
            priority: rule.info.priority,
            urgent: rule.info.urgent,
        })
    }

    /// Enters what is recommended at this look for every resource that rules set: what rules want whose condition is true, however long it has
    /// been. Where a rule cannot be answered, the recommendation is no less than what there is.
    fn recommend(&mut self, said: Said) {
        let mut proposals = Vec::new();
        let mut unknown = [false; Resource::COUNT];
        let rules = if said == Said::default() {
            &[][..]
        } else {
            &self.inner.rules
        };
        for (index, rule) in rules.iter().enumerate() {
            let status = self.decision.rules[index];
            for &(resource, output) in &rule.then {
                match status {
                    RuleStatus::Undefined { .. } => unknown[resource as usize] = true,
                    RuleStatus::Fired { .. } | RuleStatus::Holding { .. } => {
                        match self.proposal(index, rule, resource, output) {
                            Ok(proposal) => proposals.push(proposal),
                            Err(_) => unknown[resource as usize] = true,
                        }
                    }
                    _ => {}
                }
            }
        }
        let wishes = if proposals.is_empty() {
            Vec::new()
        } else {
            merge(&proposals).0
        };
        let windows = &self.inner.guards.stabilisation;
        let window = windows.up().max(windows.down());
        for &resource in &self.inner.settable {
            let Some(current) = self.current(resource) else {
                continue;
            };
            let wish = wishes.iter().find(|w| w.resource == resource && w.waits_for.is_none());
            let mut target = wish.map_or(current, |w| w.target);
            if unknown[resource as usize] {
                target = target.max(current);
            }
            self.history
                .recommend(resource, self.now, target, window, self.unbroken);
        }
    }

    /// Sizes that rules say were not enough are not gone back to.
    fn remember_what_ran_out(&mut self) {
        for (index, rule) in self.inner.rules.iter().enumerate() {
            if rule.info.no_shrink_for == 0 || !matches!(self.decision.rules[index], RuleStatus::Fired { .. }) {
                continue;
            }
            for &(resource, _) in &rule.then {
                if let Some(size) = self.current(resource) {
                    let until = self.now.saturating_add(rule.info.no_shrink_for);
                    self.history.ran_out_with(resource, size, until, self.now);
                }
            }
        }
    }

    /// The best of what an action brought counts, whenever that was: load that grew since has nothing to do with it.
    fn observe_effects(&mut self) {
        let warm_up = self.inner.plan.settings().warm_up;
        for effect in &mut self.history.effects {
            let rule = self.inner.rules.iter().find(|r| r.info.name == effect.promise.rule);
            let value = rule.and_then(|r| self.outputs.number(r.effect?.output()).ok());
            if let Some(value) = value.filter(|_| self.now > effect.at.saturating_add(warm_up)) {
                guard::observe(effect, value);
            }
        }
    }

    /// Rules that want more again are asked what the last time brought.
    fn judge(&mut self) {
        for (index, rule) in self.inner.rules.iter().enumerate() {
            let candidates = &self.decision.candidates;
            if rule.effect.is_none() || !candidates.iter().any(|p| p.rule as usize == index && p.is_up()) {
                continue;
            }
            let Some(effect) = self
                .history
                .effects
                .iter_mut()
                .find(|e| e.promise.rule == rule.info.name)
            else {
                continue;
            };
            if let Some(until) = guard::judge(effect, &self.inner.guards, self.now) {
                self.decision.ineffective.push(Ineffective {
                    rule: index as u32,
                    gain: effect.gain.unwrap_or(0.0),
                    until,
                });
            }
        }
    }

    fn ineffective(&self, rule: u32) -> Option<Millis> {
        self.decision
            .ineffective
            .iter()
            .find(|i| i.rule == rule)
            .map(|i| i.until)
    }

    fn admits(&self, proposal: &Proposal) -> bool {
        let guards = &self.decision.guards;
        if proposal.is_down() {
            guards.admits(Direction::Down)
        } else if proposal.is_up() {
            let direction = if proposal.urgent {
                Direction::Urgent
            } else {
                Direction::Up
            };
            guards.admits(direction) && self.ineffective(proposal.rule).is_none()
        } else {
            true
        }
    }

    /// The wishes of those proposals that no guard of a whole direction or rule holds. Where an ordinary rule's larger wish is held, an urgent
    /// rule's smaller one goes on; but nothing goes another way, or further, than all proposals together would.
    fn admitted(&self, wishes: &[Wish]) -> Vec<Wish> {
        let candidates = &self.decision.candidates;
        let admitted: Vec<Proposal> = candidates.iter().filter(|p| self.admits(p)).copied().collect();
        let goes = |w: &Wish| w.waits_for.is_none() && w.target != w.current;
        if admitted.len() == candidates.len() {
            return wishes.iter().filter(|w| goes(w)).cloned().collect();
        }
        let (again, _) = merge(&admitted);
        let within = |mut wish: Wish| {
            let whole = wishes.iter().find(|o| o.resource == wish.resource && goes(o))?;
            if wish.is_up() != whole.is_up() {
                return None;
            }
            wish.target = if wish.is_up() {
                wish.target.min(whole.target)
            } else {
                wish.target.max(whole.target)
            };
            wish.exact = wish.exact.min(wish.target);
            Some(wish)
        };
        again.into_iter().filter(goes).filter_map(within).collect()
    }

    /// Nothing shrinks for growth that does not come: what one rule wants together was sized together. A down that another rule wants does
    /// not get here while anything grows. Tells whether anything was dropped.
    fn keep_together(&mut self, wishes: &[Wish], stuck: &mut Vec<(Resource, Outcome)>) -> bool {
        let changes = &mut self.decision.changes;
        let comes = |w: &Wish| changes.iter().any(|c| c.resource == w.resource && c.is_up());
        let Some(missing) = wishes.iter().find(|w| w.is_up() && !comes(w)) else {
            return false;
        };
        let by = missing.rules.first().copied().unwrap_or_default();
        let before = changes.len();
        changes.retain(|c| {
            if !c.is_up() {
                stuck.push((c.resource, Outcome::DroppedWhileGrowing { by }));
            }
            c.is_up()
        });
        changes.len() < before
    }

    /// Notes what guards of whole directions or rules hold.
    fn hold_back(&mut self, wishes: &[Wish], stuck: &mut Vec<(Resource, Outcome)>) {
        for wish in wishes {
            let direction = match () {
                () if wish.is_up() && wish.urgent => Direction::Urgent,
                () if wish.is_up() => Direction::Up,
                () if wish.is_down() && wish.waits_for.is_none() => Direction::Down,
                () => continue,
            };
            let mut by: Vec<(Guard, Millis)> = self.decision.guards.holding(direction).collect();
            by.retain(|(guard, _)| *guard != Guard::Awaiting);
            if wish.is_up() {
                let waits = wish.rules.iter().filter_map(|r| self.ineffective(*r)).max();
                let all = wish.rules.iter().all(|r| self.ineffective(*r).is_some());
                by.extend(waits.filter(|_| all).map(|until| (Guard::Ineffective, until)));
            }
            if by.is_empty() {
                continue;
            }
            let change = size(wish, &self.room(wish));
            match no_change(&change) {
                Some(outcome) => stuck.push((change.resource, outcome)),
                None => self.decision.held.push(Held { change, by, why: None }),
            }
        }
    }

    /// The room for a wish, by the document and by what the task says of its partitions and key groups.
    fn room(&self, wish: &Wish) -> Room {
        let inner = self.inner;
        let bounds = inner.limits.of(wish.resource);
        let steps = &inner.guards.largest_step;
        let count = |id| self.task.number(id).filter(|n| *n >= 1.0).map(|n| n.min(1e9) as u32);
        let parallelism = wish.resource == Resource::Parallelism;
        let step_up = match if wish.urgent { steps.urgent() } else { steps.up() } {
            // A share of nothing, or of next to nothing, is no way to get anywhere.
            LargestStep::Share(share) if !parallelism && wish.current * share < LEAST_GROWTH as f64 => {
                LargestStep::By(LEAST_GROWTH)
            }
            step => step,
        };
        let groups = count(inner.known.max_parallelism)
            .filter(|_| parallelism)
            .map(u64::from);
        let alignment = inner.sizing.align.filter(|_| parallelism).and_then(|align| {
            let of = match align.to {
                AlignTo::Partitions => count(inner.known.source_partitions),
                AlignTo::KeyGroups => count(inner.known.max_parallelism),
            };
            Some(Alignment {
                to: align.to,
                of: of?,
                most_over: align.most_over(),
            })
        });
        Room {
            min: bounds.min,
            max: match (bounds.max, groups) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            step_up,
            step_down: steps.down(),
            tolerance_up: if wish.urgent { 0.0 } else { inner.sizing.tolerance.up() },
            tolerance_down: inner.sizing.tolerance.down(),
            alignment,
        }
    }

    /// Makes a change of a wish, or notes what holds this resource, or that there is no room.
    fn change(&mut self, wish: &Wish, stuck: &mut Vec<(Resource, Outcome)>) {
        let mut wish = wish.clone();
        let mut stabilised = None;
        if !wish.urgent || wish.is_down() {
            let by = self.steady(&mut wish, &mut stabilised);
            if let Some(by) = by {
                let change = size(&wish, &self.room(&wish));
                match no_change(&change) {
                    Some(outcome) => stuck.push((change.resource, outcome)),
                    None => self.decision.held.push(Held {
                        change,
                        by: vec![by],
                        why: None,
                    }),
                }
                return;
            }
        }
        let mut change = size(&wish, &self.room(&wish));
        change.stabilised = stabilised;
        match no_change(&change) {
            Some(outcome) => stuck.push((change.resource, outcome)),
            None => self.decision.changes.push(change),
        }
    }

    /// Moves a wish to what the guards of its resource allow; gives the guard that leaves nothing of it.
    fn steady(&self, wish: &mut Wish, stabilised: &mut Option<f64>) -> Option<(Guard, Millis)> {
        let guards = &self.inner.guards;
        let (resource, now) = (wish.resource, self.now);
        let down = wish.is_down();
        if down {
            let within = guards.oscillation.within();
            if let Some(until) = guard::oscillates_until(self.history, resource, now, within) {
                return Some((Guard::Oscillation, until));
            }
            if let Some((size, until)) = guard::least_allowed(self.history, resource, now) {
                // More than what ran out, by one step at least.
                let least = resource.quantise(size + resource.step() as f64 / 2.0);
                let least = if least > size {
                    least
                } else {
                    least + resource.step() as f64
                };
                if least >= wish.current {
                    return Some((Guard::RanOut, until));
                }
                wish.target = wish.target.max(least);
                wish.exact = wish.exact.max(least);
            }
        }
        let (up_window, down_window) = (guards.stabilisation.up(), guards.stabilisation.down());
        let window = if down { down_window } else { up_window };
        if window == 0 {
            return None;
        }
        let known = self.history.recommendations.iter().find(|r| r.resource == resource);
        let (since, log) = known.map_or((now, &[][..]), |r| (r.since, r.log.as_slice()));
        if now - since < window {
            return Some((Guard::Stabilisation, since + window));
        }
        let target = guard::stabilise(log, now, up_window, down_window, wish.current, wish.target);
        if target == wish.current {
            // It ends when the newest recommendation that holds it leaves the window.
            let holds = |to: f64| if down { to >= wish.current } else { to <= wish.current };
            let newest = log.iter().rev().find(|r| holds(r.1)).map_or(now, |r| r.0);
            return Some((Guard::Stabilisation, newest + window));
        }
        if target != wish.target {
            *stabilised = Some(wish.target);
            wish.target = target;
            wish.exact = target;
        }
        None
    }

    /// Whether Flink would start with the changes of one process' memory, and with what configuration.
    fn fit(&mut self, process: FlinkProcess, stuck: &mut Vec<(Resource, Outcome)>) {
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
    fn falls_below_what_ran_out(
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

    fn hold_process(&mut self, process: FlinkProcess, by: (Guard, Millis), why: Option<&str>) {
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
    fn within_quota(&mut self) {
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

    fn hold_growth(&mut self, guard: Guard, why: &str) {
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
    fn allocation(&self, after: &impl Fn(Resource) -> Option<f64>) -> Option<Allocation> {
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

    /// Says of every proposal what became of it in the end.
    fn settle(&mut self, wishes: &[Wish], fates: &[Fate], stuck: &[(Resource, Outcome)]) {
        let decision = &mut *self.decision;
        let mut fates = fates.iter();
        for proposal in decision.proposals.iter_mut().filter(|p| p.wanted.is_ok()) {
            let Some(fate) = fates.next() else { break };
            let mine =
                |resource: Resource, rules: &[u32]| resource == proposal.resource && rules.contains(&proposal.rule);
            let taken = decision.changes.iter().any(|c| mine(c.resource, &c.rules));
            let held = decision.held.iter().find(|h| mine(h.change.resource, &h.change.rules));
            let wins = wishes.iter().any(|w| mine(w.resource, &w.rules));
            proposal.outcome = match *fate {
                _ if taken => Outcome::Taken,
                Fate::NoChange => Outcome::NoChange,
                Fate::DroppedWhileGrowing { by } => Outcome::DroppedWhileGrowing { by },
                Fate::Beaten { by } if !wins => Outcome::Beaten { by },
                Fate::Wins | Fate::Beaten { .. } => match held {
                    Some(held) => Outcome::Held {
                        guard: held.by.first().map_or(Guard::Awaiting, |b| b.0),
                    },
                    None => stuck
                        .iter()
                        .find(|s| s.0 == proposal.resource)
                        .map_or(Outcome::Limited, |s| s.1),
                },
            };
        }
    }

    /// What people should be told.
    fn alert(&mut self, stuck: &[(Resource, Outcome)]) {
        for (index, rule) in self.inner.rules.iter().enumerate() {
            if !matches!(self.decision.rules[index], RuleStatus::Fired { .. }) {
                continue;
            }
            if rule.info.alert.is_some() {
                self.decision.alerts.push(Alert {
                    kind: AlertKind::Rule,
                    rule: index as u32,
                });
            }
            // An emergency that there is no room for is the loudest of all states, also where another rule wants even more of the same.
            let no_room = |p: &&ProposalOutcome| {
                let grows = p.wanted.is_ok_and(|w| self.current(p.resource).is_some_and(|c| w > c));
                let limited = stuck.contains(&(p.resource, Outcome::Limited));
                let shut = |(guard, _): &(Guard, Millis)| matches!(guard, Guard::Quota | Guard::Refused);
                let held = self.decision.held.iter().filter(|h| h.change.resource == p.resource);
                let shut = limited || held.flat_map(|h| &h.by).any(shut);
                p.rule as usize == index && grows && p.outcome != Outcome::Taken && shut
            };
            if rule.info.urgent && self.decision.proposals.iter().any(|p| no_room(&p)) {
                self.decision.alerts.push(Alert {
                    kind: AlertKind::CappedAndStillFailing,
                    rule: index as u32,
                });
            }
        }
    }

    /// Makes an instruction of the changes, unless the document only monitors, or another one awaits its report.
    fn instruct(&mut self) {
        let inner = self.inner;
        if inner.mode == Mode::Monitor || self.decision.changes.is_empty() {
            return;
        }
        let parallelism = self
            .decision
            .changes
            .iter()
            .find(|c| c.resource == Resource::Parallelism);
        let parallelism = parallelism.map(|c| instruction::Step {
            from: c.from as u32,
            to: c.to as u32,
        });
        let memory = |process, whole| {
            let fitted = self.decision.fitted.iter().find(|f| f.process == process);
            if let Some(fitted) = fitted {
                return MemoryStep::planned(&fitted.resized);
            }
            let change = self.decision.changes.iter().find(|c| c.resource == whole)?;
            Some(MemoryStep::total(change.from as u64, change.to as u64))
        };
        let task_manager_memory = memory(FlinkProcess::TaskManager, Resource::TaskManagerMemory);
        let job_manager_memory = memory(FlinkProcess::JobManager, Resource::JobManagerMemory);
        let key = Instruction::key(
            self.task.id(),
            self.history.generation(),
            parallelism,
            task_manager_memory.as_ref(),
            job_manager_memory.as_ref(),
        );
        let pending = self.history.pending();
        if pending.is_some_and(|p| p.key != key) {
            let waits = self
                .decision
                .guards
                .states()
                .iter()
                .find(|s| s.guard == Guard::Awaiting);
            if let Some(until) = waits.and_then(|s| s.until(Direction::Up)) {
                for change in std::mem::take(&mut self.decision.changes) {
                    self.decision.held.push(Held {
                        change,
                        by: vec![(Guard::Awaiting, until)],
                        why: None,
                    });
                }
                self.decision.fitted.clear();
                return;
            }
        }
        let in_place =
            inner.rescale == Rescale::InPlace && task_manager_memory.is_none() && job_manager_memory.is_none();
        let mut rules: Vec<String> = Vec::new();
        for change in &self.decision.changes {
            for rule in change.rules.iter().filter_map(|r| inner.rules.get(*r as usize)) {
                if !rules.contains(&rule.info.name) {
                    rules.push(rule.info.name.clone());
                }
            }
        }
        let entries = [&task_manager_memory, &job_manager_memory];
        let entries = entries.into_iter().flatten().flat_map(|m| m.entries.clone()).collect();
        self.history.instruct(Pending {
            key: key.clone(),
            at: self.now,
            steps: self.steps(),
            rules,
            entries,
            promises: self.promises(),
        });
        self.decision.instruction = Some(Instruction {
            key,
            task: self.task.id().to_owned(),
            at: self.now,
            policy: inner.name.clone(),
            fingerprint: inner.fingerprint,
            parallelism,
            task_manager_memory,
            job_manager_memory,
            restart: if in_place {
                Restart::InPlace
            } else {
                Restart::WithSavepoint
            },
            reasons: self.reasons(),
        });
    }

    /// What the task will have, resource by resource.
    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for change in &self.decision.changes {
            if self
                .decision
                .fitted
                .iter()
                .all(|f| Some(f.process) != change.resource.process())
            {
                steps.push(Step {
                    resource: change.resource,
                    from: change.from,
                    to: change.to,
                });
            }
        }
        for fitted in &self.decision.fitted {
            for resource in Resource::ALL
                .into_iter()
                .filter(|r| r.process() == Some(fitted.process))
            {
                let to = match resource.scope() {
                    Scope::Component(_, component) => fitted.resized.breakdown.get(component),
                    _ => fitted.resized.breakdown.process(),
                } as f64;
                if let Some(from) = self.current(resource).filter(|from| *from != to) {
                    steps.push(Step { resource, from, to });
                }
            }
        }
        steps
    }

    /// Why, for the people who see the instruction: each rule with its sentence.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for change in &self.decision.changes {
            for rule in change.rules.iter().filter_map(|r| self.inner.rules.get(*r as usize)) {
                let doc = &rule.info.doc;
                let reason = if doc.is_empty() {
                    rule.info.name.clone()
                } else {
                    format!("{}: {doc}", rule.info.name)
                };
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons
    }

    /// What the rules behind the changes promise of them.
    fn promises(&self) -> Vec<Promise> {
        let mut promises: Vec<Promise> = Vec::new();
        for change in self.decision.changes.iter().filter(|c| c.is_up()) {
            for rule in change.rules.iter().filter_map(|r| self.inner.rules.get(*r as usize)) {
                let Some(gauge) = rule.effect else { continue };
                let Ok(before) = self.outputs.number(gauge.output()) else {
                    continue;
                };
                let promised = match gauge {
                    Gauge::Lowers(_) => before * change.from / change.to,
                    Gauge::Raises(_) => before * change.to / change.from,
                };
                // What is nothing cannot rise or fall in proportion.
                if promised != before && promises.iter().all(|p| p.rule != rule.info.name) {
                    promises.push(Promise {
                        rule: rule.info.name.clone(),
                        before,
                        promised,
                    });
                }
            }
        }
        promises
    }
}

impl Gauge {
    pub(super) fn output(self) -> usize {
        match self {
            Gauge::Lowers(output) | Gauge::Raises(output) => output,
        }
    }
}

/// The amount that can be had for what is wanted. A task may have an amount that is no whole number of steps (1100 MiB): a wish for that or
/// for a little less is no wish for more.
pub(super) fn whole_steps(resource: Resource, current: f64, wanted: f64) -> f64 {
    let target = resource.quantise(wanted);
    if wanted <= current { target.min(current) } else { target }
}

/// What there is to say where a wish comes to no change.
fn no_change(change: &Change) -> Option<Outcome> {
    let near = || change.notes.iter().any(|n| matches!(n, Note::DeadBand { .. }));
    (change.to == change.from).then(|| {
        if near() {
            Outcome::WithinTolerance
        } else {
            Outcome::Limited
        }
    })
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
