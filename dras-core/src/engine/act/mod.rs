//! From rules that fired to what is to be done: proposals, guards and sizes; whether they [`fit`]; and the [instruction](instruct) of it.

mod fit;
mod instruct;

use super::decision::{Alert, AlertKind, Decision, Held, Ineffective, Outcome, ProposalOutcome, RuleStatus};
use super::evaluation::Evaluation;
use super::policy::{CompiledRule, Gauge, Inner};
use super::task::Task;
use crate::action::guard::{self, Direction, Facts};
use crate::action::{Change, Fate, Guard, History, Proposal, Room, Wish, merge, size};
use crate::resources::Resource;
use crate::resources::memory::FlinkProcess;
use crate::resources::ratio::{AlignTo, Alignment, LargestStep, Note};
use crate::undefined::Undefined;
use crate::units::Millis;

/// The growth of memory that is always possible in one change.
const LEAST_GROWTH: u64 = 256 << 20;

/// What is looked at while a task is acted on; the task itself is lent to the row of values.
pub(super) struct Acting<'a, 't, 'r> {
    pub(super) inner: &'a Inner,
    pub(super) task: &'a Task,
    pub(super) history: &'a mut History,
    pub(super) outputs: &'a Evaluation<'t, 'r>,
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

impl Acting<'_, '_, '_> {
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
