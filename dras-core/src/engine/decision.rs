//! What a look came to, and why.

use std::fmt;

use serde::Serialize;

use super::evaluation::Asked;
use super::policy::Policy;
use crate::action::instruction::Instruction;
use crate::action::{Change, Guard, GuardState, Proposal, Resource, Standing, Step};
use crate::lang::{Row, Space};
use crate::metrics::MetricId;
use crate::resources::memory::{FlinkProcess, Resized};
use crate::undefined::Undefined;
use crate::units::Millis;

/// What became of a rule at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RuleStatus {
    NotLooked,
    NotMet,
    Undefined { reason: Undefined },
    Holding { since: Millis, left: Millis },
    Fired { since: Millis },
}

/// What a rule that fired wanted, and what became of that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProposalOutcome {
    pub(crate) rule: u32,
    pub(crate) resource: Resource,
    /// In whole steps.
    pub(crate) wanted: Result<f64, Undefined>,
    pub(crate) outcome: Outcome,
}

/// What became of a proposal in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Undefined,
    Taken,
    NoChange,
    Beaten { by: u32 },
    DroppedWhileGrowing { by: u32 },
    Held { guard: Guard },
    WithinTolerance,
    Limited,
}

/// A change that would be made but for a guard.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The change.
    pub change: Change,
    /// The guards that hold it, and until when, in ms since the epoch; [`OPEN`](crate::action::guard::OPEN) where no end is known.
    pub by: Vec<(Guard, Millis)>,
    /// More about it.
    pub why: Option<String>,
}

/// A rule whose last action brought too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ineffective {
    pub(crate) rule: u32,
    pub(crate) gain: f64,
    pub(crate) until: Millis,
}

/// The memory of a process as it will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The process.
    pub process: FlinkProcess,
    /// Its memory now, in bytes, where the task says it.
    pub from: Option<f64>,
    /// Its configuration, and what Flink makes of it.
    pub resized: Resized,
}

/// What kind of an alert it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A rule says so.
    Rule,
    /// An urgent rule wants more, and limits, quota or Flink leave no room: the task goes on failing.
    CappedAndStillFailing,
}

/// Something that people should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) kind: AlertKind,
    pub(crate) rule: u32,
}

/// What a look looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookKind {
    /// Urgent rules only; nothing is taken away.
    Short,
    /// All rules.
    Long,
}

/// The result of one look at one task: nothing or changes of its resources, and all that led there.
///
/// It holds the values that it was computed from, and explains itself when asked: its `Display` is the whole story as text,
/// [`report`](Self::report) the same as data, and serialising it serialises the report. Deciding itself makes no text.
///
/// ```
/// use dras_core::action::Resource;
/// use dras_core::engine::{Policy, RuleState, Task, decide};
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let text = r#"{
///     "version": 1,
///     "rules": [
///         { "name": "at-least-two", "when": "parallelism < 2", "then": { "parallelism": "2" } },
///         { "name": "young", "when": "uptime < 10m && task_type == 'sql'", "then": { "task_manager_memory": "2GiB" } }
///     ]
/// }"#;
/// let policy = Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)?;
/// let mut task = Task::new(&policy, "orders")?;
/// task.set(&policy, "parallelism", 1.0)?;
/// let decision = decide(&policy, &mut task, 1_800_000_000_000)?;
///
/// let change = &decision.changes()[0];
/// assert_eq!((change.resource, change.from, change.to), (Resource::Parallelism, 1.0, 2.0));
/// assert_eq!(decision.states().collect::<Vec<_>>(), [RuleState::Fired, RuleState::Undefined]);
/// assert_eq!(decision.to_string(), "\
/// orders at 2027-01-15T08:00:00Z: parallelism 1 → 2
///   at-least-two: fired
///     parallelism = 1 < 2 → true
///     ⇒ parallelism 2
///   young: insufficient data: `task_type`: the task does not say
///     uptime = 0s < 10m → true
///     task_type == 'sql' → undefined: `task_type`: the task does not say");
///
/// let report = decision.report();
/// assert_eq!(report.rules[0].proposals[0].fate, "taken");
/// assert_eq!(serde_json::to_value(&decision)?["rules"][1]["state"], "undefined");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decision {
    pub(super) policy: Policy,
    pub(super) task: String,
    pub(super) at: Millis,
    pub(super) kind: LookKind,
    pub(super) rules: Vec<RuleStatus>,
    pub(super) candidates: Vec<Proposal>,
    pub(super) proposals: Vec<ProposalOutcome>,
    pub(super) ineffective: Vec<Ineffective>,
    pub(super) guards: Standing,
    pub(super) changes: Vec<Change>,
    pub(super) fitted: Vec<Fitted>,
    pub(super) held: Vec<Held>,
    pub(super) alerts: Vec<Alert>,
    pub(super) external: Vec<Step>,
    pub(super) instruction: Option<Instruction>,
    /// Values to be recorded as samples.
    pub(super) recorded: Vec<(MetricId, f64)>,
    /// Whether it asks for no more than decides.
    pub(super) lean: bool,
    /// The values that the look was about, but for texts; and space for those of the next one.
    pub(super) row: Option<Row<'static>>,
    /// Which of them it asked for; the rest are left from another look.
    pub(super) asked: Asked,
    pub(super) space: Space,
    /// The texts that the look was about, of the inputs that are texts.
    pub(super) texts: Vec<Option<String>>,
}

impl Decision {
    /// An empty decision, to be filled by [`decide_into`](super::decide_into).
    pub fn new(policy: &Policy) -> Decision {
        Decision {
            policy: policy.clone(),
            task: String::new(),
            at: 0,
            kind: LookKind::Long,
            rules: Vec::new(),
            candidates: Vec::new(),
            proposals: Vec::new(),
            ineffective: Vec::new(),
            guards: Standing::default(),
            changes: Vec::new(),
            fitted: Vec::new(),
            held: Vec::new(),
            alerts: Vec::new(),
            external: Vec::new(),
            instruction: None,
            recorded: Vec::new(),
            lean: false,
            row: None,
            asked: Asked::default(),
            space: Space::default(),
            texts: Vec::new(),
        }
    }

    /// An empty decision that is to hold no more values than decide: for whoever looks at many tasks, of which most need nothing.
    ///
    /// Windows are asked only for what a condition depends on: in `a && b` not for `b` where `a` is false, or the other way round, whichever is cheaper to
    /// know. Where a rule fires or holds, or somebody else changed something, everything is asked for, so that whatever [matters](Self::matters) tells
    /// all of its reasons. The states of rules,
    /// why they are undefined, changes, guards, alerts and all that the task remembers are the same as with [`new`](Self::new); only
    /// [`inputs`](super::DecisionReport::inputs) and explanations of rules that are not met leave out what they do not depend on. Such a look at rules that
    /// all say no takes a fraction of the time.
    ///
    /// ```
    /// use dras_core::engine::{Decision, LookKind, Policy, Task, decide, decide_into};
    /// use dras_core::rules::DocumentLimits;
    ///
    /// let text = r#"{
    ///     "version": 1,
    ///     "metrics": { "cpu": {}, "lag": { "unit": "records" } },
    ///     "rules": [{ "name": "late", "when": "avg(cpu[5m]) > 90% && avg(lag[1h]) > 1000", "then": { "parallelism": "parallelism + 1" } }]
    /// }"#;
    /// let policy = Policy::from_json(text, &DocumentLimits::default())?;
    /// let mut task = Task::new(&policy, "orders")?;
    /// let cpu = policy.metric("cpu").ok_or("no such metric")?;
    /// let (now, instance) = (1_800_000_000_000, task.instance(&policy, "")?);
    /// for age in (0..=20).rev() {
    ///     task.row(&policy, now, instance, now - age * 15_000, &[(cpu, 0.4)])?;
    /// }
    /// let mut lean = Decision::lean(&policy);
    /// decide_into(&policy, &mut task, now, LookKind::Long, &mut lean)?;
    /// let full = decide(&policy, &mut task, now)?;
    /// assert!(lean.states().eq(full.states()));
    ///
    /// let seen = |decision: &Decision| decision.report().inputs.iter().map(|i| i.text.clone()).collect::<Vec<_>>();
    /// assert_eq!(seen(&full), ["avg(cpu[5m])", "avg(lag[1h])", "parallelism"]);
    /// assert_eq!(seen(&lean), ["avg(cpu[5m])", "parallelism"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lean(policy: &Policy) -> Decision {
        Decision {
            lean: true,
            ..Decision::new(policy)
        }
    }

    pub(super) fn begin(&mut self, policy: &Policy, task: &str, at: Millis, kind: LookKind) {
        if self.policy != *policy {
            self.policy = policy.clone();
            self.row = None;
            self.space = Space::default();
            self.texts.clear();
        }
        task.clone_into(&mut self.task);
        self.at = at;
        self.kind = kind;
        self.rules.clear();
        self.candidates.clear();
        self.proposals.clear();
        self.ineffective.clear();
        self.changes.clear();
        self.fitted.clear();
        self.held.clear();
        self.alerts.clear();
        self.external.clear();
        self.instruction = None;
        self.recorded.clear();
    }

    /// Keeps the values that the look was about.
    pub(super) fn keep_inputs(&mut self, row: Row<'_>) {
        let texts = &self.policy.inner().compiled.text_inputs;
        self.texts.resize(texts.len(), None);
        for (kept, &input) in self.texts.iter_mut().zip(texts) {
            match (kept.as_mut(), row.texts[input as usize]) {
                (Some(kept), Some(text)) => text.clone_into(kept),
                (None, Some(text)) => *kept = Some(text.to_owned()),
                (_, None) => *kept = None,
            }
        }
        self.row = Some(row.released());
    }

    /// The values that the look was about, with the texts; `None` of a decision that was never filled.
    pub(super) fn inputs(&self) -> Option<Row<'_>> {
        let mut row: Row<'_> = self.row.clone()?;
        let inner = self.policy.inner();
        for (text, &input) in self.texts.iter().zip(&inner.compiled.text_inputs) {
            row.texts[input as usize] = text.as_deref();
        }
        self.asked.note(inner, &self.space.registers, &mut row);
        Some(row)
    }

    /// The task's id; empty in a decision that was never filled.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// When the look was taken, in ms since the epoch.
    pub fn at(&self) -> Millis {
        self.at
    }

    /// The policy that decided.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The changes to make, all in one restart, at most one for each resource; none means that nothing is to be done. Amounts are plain numbers
    /// (parallelism) or bytes (memory), whole steps, within the limits.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What to do, if anything: all changes in one restart. A document in the mode `monitor` gives none.
    ///
    /// Until it is reported as [applied](super::Task::applied) or [failed](super::Task::failed), the same instruction is given at every look at which
    /// it is still wanted, with the same key.
    pub fn instruction(&self) -> Option<&Instruction> {
        self.instruction.as_ref()
    }

    /// What was looked at.
    pub fn kind(&self) -> LookKind {
        self.kind
    }

    /// The changes that would be made but for guards, with the guards and until when they hold.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The guards that hold a direction of change at this look, whether anything wanted to go there or not.
    pub fn guards(&self) -> &[GuardState] {
        self.guards.states()
    }

    /// The memory of processes as it will be after the changes, where the task's Flink configuration is known.
    pub fn fitted(&self) -> &[Fitted] {
        &self.fitted
    }

    /// What somebody else changed since the last look.
    pub fn external(&self) -> &[Step] {
        &self.external
    }

    /// The alerts: what kind, and the rule they are about, by its index in the policy.
    pub fn alerts(&self) -> impl Iterator<Item = (AlertKind, u32)> {
        self.alerts.iter().map(|a| (a.kind, a.rule))
    }

    /// Whether there is anything that a person or a scheduler should hear of: a change, made or held, an alert, or a change by somebody else.
    pub fn matters(&self) -> bool {
        !(self.changes.is_empty() && self.held.is_empty() && self.alerts.is_empty() && self.external.is_empty())
    }

    /// Whether any rule fired.
    pub fn any_fired(&self) -> bool {
        self.rules.iter().any(|r| matches!(r, RuleStatus::Fired { .. }))
    }

    /// Whether any rule's condition could not be answered for lack of data.
    pub fn any_undefined(&self) -> bool {
        self.rules.iter().any(|r| matches!(r, RuleStatus::Undefined { .. }))
    }

    /// What each rule came to, in the order of the policy's rules; made from what the decision holds.
    pub fn states(&self) -> impl Iterator<Item = RuleState> {
        self.rules.iter().map(RuleStatus::state)
    }
}

impl RuleStatus {
    pub(super) fn state(&self) -> RuleState {
        match self {
            RuleStatus::NotLooked => RuleState::NotLooked,
            RuleStatus::NotMet => RuleState::NotMet,
            RuleStatus::Undefined { .. } => RuleState::Undefined,
            RuleStatus::Holding { .. } => RuleState::Holding,
            RuleStatus::Fired { .. } => RuleState::Fired,
        }
    }

    pub(super) fn since(&self) -> Option<Millis> {
        match self {
            RuleStatus::Holding { since, .. } | RuleStatus::Fired { since } => Some(*since),
            _ => None,
        }
    }

    pub(super) fn left(&self) -> Option<Millis> {
        match self {
            RuleStatus::Holding { left, .. } => Some(*left),
            _ => None,
        }
    }
}

/// What became of a rule at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// A short look looks at urgent rules only.
    NotLooked,
    /// Its condition is false.
    NotMet,
    /// Its condition cannot be answered for lack of data.
    Undefined,
    /// Its condition is true, but has not held long enough.
    Holding,
    /// Its condition is true and has held long enough.
    Fired,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}

impl Serialize for Decision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report().serialize(serializer)
    }
}

impl PartialEq for Decision {
    fn eq(&self, other: &Decision) -> bool {
        let inputs = self.policy.inner().compiled.graph_inputs();
        let numbers = |decision: &Decision| -> Vec<u64> {
            let row = decision.inputs();
            row.map_or(Vec::new(), |row| {
                row.numbers[..inputs].iter().map(|x| x.to_bits()).collect()
            })
        };
        self.policy == other.policy
            && self.task == other.task
            && self.at == other.at
            && self.rules == other.rules
            && self.proposals == other.proposals
            && self.kind == other.kind
            && self.guards == other.guards
            && self.changes == other.changes
            && self.fitted == other.fitted
            && self.held == other.held
            && self.alerts == other.alerts
            && self.external == other.external
            && self.instruction == other.instruction
            && self.texts == other.texts
            && numbers(self) == numbers(other)
    }
}
