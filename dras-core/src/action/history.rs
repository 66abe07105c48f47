//! What was instructed, what became of it, and what somebody else did: all that guards look back at.

use serde::{Deserialize, Serialize};

use crate::resources::Resource;
use crate::units::Millis;

/// The most records that are kept; beyond, the oldest goes that is no restart of ours, so that the budget of restarts counts what there was.
/// More than two budgets of urgent restarts, with their instructions.
const MAX_RECORDS: usize = 512;

/// The most recommendations that are kept of one resource.
const MAX_RECOMMENDATIONS: usize = 512;

/// The most sizes that are remembered as too little.
const MAX_RAN_OUT: usize = 64;

/// The longest reason of a failure that is kept, in bytes.
const MAX_REASON: usize = 1024;

/// One resource, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub resource: Resource,
    /// What the task had: subtasks, or bytes.
    pub from: f64,
    /// What it has then.
    pub to: f64,
}

impl Step {
    /// Whether it adds resources.
    pub fn is_up(&self) -> bool {
        self.to > self.from
    }
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RecordKind {
    /// An instruction was given.
    Instructed,
    /// The caller reported that an instruction was applied, or the task was seen to have what it asked for.
    Applied,
    /// The caller reported that an instruction could not be applied.
    Failed {
        /// Why, in the caller's words.
        reason: String,
    },
    /// Somebody else changed the task's resources.
    External,
}

impl RecordKind {
    /// Whether the job was restarted for an instruction, or may have been.
    pub(crate) fn is_attempt(&self) -> bool {
        matches!(self, RecordKind::Applied | RecordKind::Failed { .. })
    }
}

/// One entry of a [`History`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, in ms since the epoch.
    pub at: Millis,
    /// What.
    #[serde(flatten)]
    pub kind: RecordKind,
    /// The key of the instruction; empty for what somebody else did.
    pub key: String,
    /// The resources that changed, or were to change.
    pub steps: Vec<Step>,
    /// The rules that wanted it.
    pub rules: Vec<String>,
    /// The entries of Flink's configuration that change with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<(String, String)>,
}

impl Record {
    /// Whether the task's resources changed, or were tried to.
    fn ends_quiet(&self) -> bool {
        self.kind != RecordKind::Instructed
    }
}

/// What a rule promised of its action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The rule.
    pub rule: String,
    /// The value of what it lowers or raises, at the decision.
    pub before: f64,
    /// The value that it will have if the action works as it should.
    pub promised: f64,
}

/// An instruction that nobody has reported on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Its key.
    pub key: String,
    /// When it was first given.
    pub at: Millis,
    /// What it asks for.
    pub steps: Vec<Step>,
    /// The rules that want it.
    pub rules: Vec<String>,
    /// The entries of Flink's configuration that change with it.
    pub entries: Vec<(String, String)>,
    /// What the rules promise of it.
    pub promises: Vec<Promise>,
}

/// What an applied action was to bring, and has brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What was promised.
    pub promise: Promise,
    /// When the action was applied.
    pub at: Millis,
    /// The share of the promised gain that was there when it was judged.
    pub gain: Option<f64>,
    /// Until when the rule waits because that was too little.
    pub waits_until: Option<Millis>,
}

/// A size of a resource that was not enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RanOut {
    /// The resource.
    pub resource: Resource,
    /// What the task had of it.
    pub size: f64,
    /// Until when nothing takes it down to that again.
    pub until: Millis,
}

/// What was recommended for a resource, look by look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendations {
    /// The resource.
    pub resource: Resource,
    /// Since when there has been one at every look.
    pub since: Millis,
    /// When the last one was.
    pub last: Millis,
    /// Times and targets, oldest first; of equal ones in a row, the newest.
    pub log: Vec<(Millis, f64)>,
}

/// A bounded record of a task's instructions and changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// How often resources changed, or were tried to: part of every key.
    pub(crate) generation: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) pending: Option<Box<Pending>>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) ran_out: Vec<RanOut>,
    pub(crate) recommendations: Vec<Recommendations>,
    /// What the task had at the last look, by resource.
    pub(crate) known: Vec<(Resource, f64)>,
}

/// Why what a caller reports cannot be. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// The key is of no instruction that is remembered.
    #[error("no instruction with the key `{key}` was given to this task; report the key that the instruction has")]
    NeverGiven {
        /// The key.
        key: String,
    },
    /// The instruction was reported on before, and otherwise.
    #[error("the instruction `{key}` was reported as {before} before; one report counts")]
    Contradicts {
        /// The key.
        key: String,
        /// What was reported.
        before: &'static str,
    },
    /// The report is about a time before the instruction.
    #[error(
        "the instruction `{key}` was given at {given} and reported for {at}, which is earlier; times are in ms since the epoch"
    )]
    BeforeGiven {
        /// The key.
        key: String,
        /// When it was given.
        given: Millis,
        /// The time reported.
        at: Millis,
    },
    /// The report is about a time that has not come.
    #[error("the instruction `{key}` was reported for {at}, and now is {now}; times are in ms since the epoch")]
    InFuture {
        /// The key.
        key: String,
        /// The time reported.
        at: Millis,
        /// The present.
        now: Millis,
    },
}

impl History {
    /// How often resources changed, or were tried to: part of every key.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Reads a little of what every look reads.
    pub(crate) fn touch(&self) -> Millis {
        let logs = self.recommendations.iter().filter_map(|r| r.log.last());
        logs.fold(0, |read, entry| read ^ entry.0)
    }

    /// The records, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// The instruction that nobody has reported on.
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_deref()
    }

    /// What applied actions were to bring, and have brought.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Sizes that were not enough.
    pub fn ran_out(&self) -> &[RanOut] {
        &self.ran_out
    }

    /// When resources last changed, or were tried to.
    pub fn last_change(&self) -> Option<Millis> {
        self.records.iter().rev().find(|r| r.ends_quiet()).map(|r| r.at)
    }

    /// How often an action of the rule was applied after `since`.
    pub fn applied_since(&self, rule: &str, since: Millis) -> usize {
        if self.records.is_empty() {
            return 0;
        }
        let records = self.records.iter().rev().take_while(|r| r.at > since);
        records
            .filter(|r| r.kind == RecordKind::Applied && r.rules.iter().any(|name| name == rule))
            .count()
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.records.len() >= MAX_RECORDS {
            let least = self.records.iter().position(|r| !r.kind.is_attempt());
            self.records.remove(least.unwrap_or(0));
        }
        // Reports may come late; the records stay in order.
        let place = self
            .records
            .iter()
            .rposition(|r| r.at <= record.at)
            .map_or(0, |i| i + 1);
        if self.records.len() == self.records.capacity() {
            // Most tasks have few.
            self.records.reserve_exact(1 + self.records.len() / 4);
        }
        self.records.insert(place, record);
    }

    /// Takes an instruction that was given at `at`; the same one again changes nothing.
    pub(crate) fn instruct(&mut self, pending: Pending) {
        if self.pending.as_ref().is_some_and(|p| p.key == pending.key) {
            return;
        }
        self.push(Record {
            at: pending.at,
            kind: RecordKind::Instructed,
            key: pending.key.clone(),
            steps: pending.steps.clone(),
            rules: pending.rules.clone(),
            entries: pending.entries.clone(),
        });
        self.pending = Some(Box::new(pending));
    }

    /// The instruction with this key, if it can be reported on; `None` where the same was reported before.
    fn given(&self, key: &str, at: Millis, as_what: &'static str) -> Result<Option<&Record>, FeedbackError> {
        let mut of_key = self.records.iter().rev().filter(|r| !key.is_empty() && r.key == key);
        let never = || FeedbackError::NeverGiven { key: key.to_owned() };
        let newest = of_key.next().ok_or_else(never)?;
        // The same instruction may have been given again after another one; the report may be about the first time.
        let first = of_key.next_back().unwrap_or(newest).at;
        let before = match newest.kind {
            RecordKind::Applied => "applied",
            RecordKind::Failed { .. } => "failed",
            RecordKind::Instructed | RecordKind::External => {
                if at < first {
                    return Err(FeedbackError::BeforeGiven {
                        key: key.to_owned(),
                        given: first,
                        at,
                    });
                }
                return Ok(Some(newest));
            }
        };
        if before == as_what {
            Ok(None)
        } else {
            Err(FeedbackError::Contradicts {
                key: key.to_owned(),
                before,
            })
        }
    }

    /// Takes the report that an instruction was applied at `at`: what it was, or `None` where that is known.
    pub(crate) fn applied(&mut self, key: &str, at: Millis) -> Result<Option<Record>, FeedbackError> {
        let Some(given) = self.given(key, at, "applied")? else {
            return Ok(None);
        };
        let record = Record {
            at,
            kind: RecordKind::Applied,
            ..given.clone()
        };
        let (steps, rules) = (&record.steps, &record.rules);
        let promises = match &mut self.pending {
            Some(pending) if pending.key == key => std::mem::take(&mut pending.promises),
            _ => Vec::new(),
        };
        self.pending = None;
        self.generation += 1;
        self.effects.retain(|e| !rules.contains(&e.promise.rule));
        self.effects.extend(promises.into_iter().map(|promise| Effect {
            promise,
            at,
            gain: None,
            waits_until: None,
        }));
        for step in steps {
            self.learn(step.resource, step.to);
        }
        self.push(record.clone());
        Ok(Some(record))
    }

    /// Takes the report that an instruction could not be applied; false where that is known.
    pub(crate) fn failed(&mut self, key: &str, at: Millis, reason: &str) -> Result<bool, FeedbackError> {
        let Some(given) = self.given(key, at, "failed")? else {
            return Ok(false);
        };
        let given = given.clone();
        self.pending = None;
        self.generation += 1;
        let mut reason = reason.to_owned();
        if reason.len() > MAX_REASON {
            let end = (0..=MAX_REASON)
                .rev()
                .find(|i| reason.is_char_boundary(*i))
                .unwrap_or(0);
            reason.truncate(end);
        }
        self.push(Record {
            at,
            kind: RecordKind::Failed { reason },
            ..given
        });
        Ok(true)
    }

    /// Takes what the task has at a look. Where it is something else than at the last one, and no instruction asked for it, somebody else
    /// changed it: that is recorded and returned.
    pub(crate) fn adopt(&mut self, now: Millis, has: impl Fn(Resource) -> Option<f64>) -> Adopted {
        let mut steps = Vec::new();
        for resource in Resource::ALL {
            let Some(to) = has(resource) else { continue };
            let known = self.known.iter().find(|k| k.0 == resource).map(|k| k.1);
            match known {
                Some(from) if from != to => steps.push(Step { resource, from, to }),
                Some(_) => {}
                None => self.known.push((resource, to)),
            }
        }
        if steps.is_empty() {
            return Adopted::Same;
        }
        let instructed = self
            .pending
            .as_ref()
            .filter(|pending| pending.steps.iter().all(|s| has(s.resource) == Some(s.to)));
        if let Some(key) = instructed.map(|p| p.key.clone()) {
            // Done without a report; a key that is pending was given.
            let _ = self.applied(&key, now);
            self.learn_all(&has);
            return Adopted::Instructed;
        }
        self.pending = None;
        self.generation += 1;
        self.effects.clear();
        self.learn_all(&has);
        self.push(Record {
            at: now,
            kind: RecordKind::External,
            key: String::new(),
            steps: steps.clone(),
            rules: Vec::new(),
            entries: Vec::new(),
        });
        Adopted::External(steps)
    }

    /// Takes over what happened to the task under the live document; what was recommended here and what ran out stay.
    pub(crate) fn follow(&mut self, live: &History) {
        self.generation = live.generation;
        self.records.clone_from(&live.records);
        self.known.clone_from(&live.known);
        self.effects.clone_from(&live.effects);
        self.pending = None;
    }

    /// Whether this can be the history of a task; what is wrong, if not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let in_order = self
            .records
            .iter()
            .zip(self.records.iter().skip(1))
            .all(|(a, b)| a.at <= b.at);
        let steps = self.records.iter().flat_map(|r| &r.steps);
        let pending = self.pending.iter().flat_map(|p| &p.steps);
        let finite = steps.chain(pending).all(|s| s.from.is_finite() && s.to.is_finite())
            && self.known.iter().all(|k| k.1.is_finite())
            && self
                .recommendations
                .iter()
                .flat_map(|r| &r.log)
                .all(|r| r.1.is_finite())
            && self.ran_out.iter().all(|r| r.size.is_finite());
        let bounded = self.records.len() <= MAX_RECORDS
            && self.ran_out.len() <= MAX_RAN_OUT
            && self.known.len() <= Resource::COUNT
            && self.recommendations.len() <= Resource::COUNT
            && self.recommendations.iter().all(|r| r.log.len() <= MAX_RECOMMENDATIONS);
        match () {
            () if !in_order => Err("its records are not in the order of time"),
            () if !finite => Err("an amount is not a finite number"),
            () if !bounded => Err("it has more entries than a history keeps"),
            () => Ok(()),
        }
    }

    fn learn_all(&mut self, has: &impl Fn(Resource) -> Option<f64>) {
        for resource in Resource::ALL {
            if let Some(to) = has(resource) {
                self.learn(resource, to);
            }
        }
    }

    /// Enters what is recommended for a resource at a look. What is older than `window` goes; a look that comes more than `unbroken` after the
    /// last one begins a new run.
    pub(crate) fn recommend(&mut self, resource: Resource, now: Millis, target: f64, window: Millis, unbroken: Millis) {
        let index = match self.recommendations.iter().position(|r| r.resource == resource) {
            Some(index) => index,
            None => {
                self.recommendations.push(Recommendations {
                    resource,
                    since: now,
                    last: now,
                    log: Vec::new(),
                });
                self.recommendations.len() - 1
            }
        };
        let entry = &mut self.recommendations[index];
        if now - entry.last > unbroken {
            entry.since = now;
        }
        entry.last = now;
        let old = entry.log.iter().take_while(|r| r.0 <= now - window).count();
        if old > 0 {
            entry.log.drain(..old);
        }
        if entry.log.len() >= MAX_RECOMMENDATIONS {
            // Two become one that holds downs for as long, and as high.
            let (oldest, next) = (entry.log[0], entry.log[1]);
            entry.log[1] = (next.0, oldest.1.max(next.1));
            entry.log.remove(0);
        }
        match entry.log.last_mut() {
            Some(last) if last.1 == target => last.0 = now,
            _ => entry.log.push((now, target)),
        }
    }

    /// Remembers until when `size` is known to be too little.
    pub(crate) fn ran_out_with(&mut self, resource: Resource, size: f64, until: Millis, now: Millis) {
        self.ran_out.retain(|r| r.until > now);
        let full = self.ran_out.len() >= MAX_RAN_OUT;
        let mut of_resource = self.ran_out.iter_mut().filter(|r| r.resource == resource);
        if full {
            // The smallest of the resource is covered by a larger one.
            if let Some(least) = of_resource.min_by(|a, b| a.size.total_cmp(&b.size)) {
                least.size = least.size.max(size);
                least.until = least.until.max(until);
            }
        } else if let Some(known) = of_resource.find(|r| r.size == size) {
            known.until = known.until.max(until);
        } else {
            self.ran_out.push(RanOut { resource, size, until });
        }
    }

    pub(crate) fn learn(&mut self, resource: Resource, amount: f64) {
        match self.known.iter_mut().find(|k| k.0 == resource) {
            Some(known) => known.1 = amount,
            None => self.known.push((resource, amount)),
        }
    }
}

/// What a look finds the task's resources to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Adopted {
    /// As at the last look.
    Same,
    /// What the pending instruction asked for.
    Instructed,
    /// Something else.
    External(Vec<Step>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(key: &str, at: Millis, from: f64, to: f64) -> Pending {
        Pending {
            key: key.to_owned(),
            at,
            steps: vec![Step {
                resource: Resource::Parallelism,
                from,
                to,
            }],
            rules: vec!["up".to_owned()],
            entries: Vec::new(),
            promises: Vec::new(),
        }
    }

    fn has(parallelism: f64) -> impl Fn(Resource) -> Option<f64> {
        move |r| (r == Resource::Parallelism).then_some(parallelism)
    }

    #[test]
    fn reports_are_held_against_what_was_given() {
        let mut history = History::default();
        let never = history.applied("k1", 10).unwrap_err();
        assert_eq!(never, FeedbackError::NeverGiven { key: "k1".to_owned() });
        history.instruct(pending("k1", 10, 4.0, 8.0));
        history.instruct(pending("k1", 20, 4.0, 8.0));
        assert_eq!(history.records().count(), 1, "the same instruction again is no news");
        assert!(matches!(
            history.applied("k1", 5),
            Err(FeedbackError::BeforeGiven { .. })
        ));
        assert_eq!(history.applied("k1", 30).unwrap().unwrap().steps.len(), 1);
        assert_eq!(history.applied("k1", 31), Ok(None), "twice is once");
        assert!(matches!(
            history.failed("k1", 32, "no slots"),
            Err(FeedbackError::Contradicts { .. })
        ));
        assert_eq!((history.last_change(), history.applied_since("up", 0)), (Some(30), 1));
        assert_eq!(history.applied_since("up", 30), 0);
    }

    #[test]
    fn an_earlier_instruction_may_be_the_one_that_was_applied() {
        let mut history = History::default();
        history.instruct(pending("k1", 10, 4.0, 8.0));
        history.instruct(pending("k2", 20, 4.0, 9.0));
        assert_eq!(history.applied("k1", 30).unwrap().unwrap().steps[0].to, 8.0);
        assert_eq!(history.pending(), None);
    }

    #[test]
    fn a_change_by_somebody_else_is_told_from_our_own() {
        let mut history = History::default();
        assert_eq!(history.adopt(0, has(4.0)), Adopted::Same);
        history.instruct(pending("k1", 10, 4.0, 8.0));
        assert_eq!(history.adopt(20, has(8.0)), Adopted::Instructed);
        assert_eq!(history.applied("k1", 25), Ok(None), "reported afterwards");
        let Adopted::External(steps) = history.adopt(30, has(3.0)) else {
            panic!()
        };
        assert_eq!((steps[0].from, steps[0].to), (8.0, 3.0));
        assert_eq!(history.adopt(40, has(3.0)), Adopted::Same);
        assert_eq!(history.last_change(), Some(30));
    }

    #[test]
    fn records_are_bounded_and_in_order() {
        let mut history = History::default();
        for i in 0..2000 {
            history.instruct(pending(&format!("k{i}"), i, 1.0, 2.0));
        }
        assert_eq!(history.records().count(), MAX_RECORDS);
        assert!(
            history
                .records()
                .zip(history.records().skip(1))
                .all(|(a, b)| a.at <= b.at)
        );
    }
}
