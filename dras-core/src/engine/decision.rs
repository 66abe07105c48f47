//! What a look came to, and why.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::policy::Policy;
use crate::action::{Change, Fate, Proposal, Resource};
use crate::lang::{self, Explanation, InputValue, Missing, Row, Values};
use crate::undefined::Undefined;
use crate::units::{Millis, Unit, display_quantity};

/// What became of a rule at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RuleStatus {
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
    /// As the expression says, before it was made a whole number of steps.
    pub(crate) wanted: Result<f64, Undefined>,
    pub(crate) target: f64,
    /// `None` where there is nothing to propose.
    pub(crate) fate: Option<Fate>,
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
    policy: Policy,
    task: String,
    at: Millis,
    pub(crate) rules: Vec<RuleStatus>,
    pub(crate) candidates: Vec<Proposal>,
    pub(crate) proposals: Vec<ProposalOutcome>,
    pub(crate) changes: Vec<Change>,
    numbers: Vec<f64>,
    reasons: Vec<Missing>,
    texts: Vec<Option<String>>,
}

impl Decision {
    /// An empty decision, to be filled by [`decide_into`](super::decide_into).
    pub fn new(policy: &Policy) -> Decision {
        Decision {
            policy: policy.clone(),
            task: String::new(),
            at: 0,
            rules: Vec::new(),
            candidates: Vec::new(),
            proposals: Vec::new(),
            changes: Vec::new(),
            numbers: Vec::new(),
            reasons: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self, policy: &Policy, task: &str, at: Millis) {
        if self.policy != *policy {
            self.policy = policy.clone();
        }
        task.clone_into(&mut self.task);
        self.at = at;
        self.rules.clear();
        self.candidates.clear();
        self.proposals.clear();
        self.changes.clear();
    }

    pub(crate) fn keep_inputs(&mut self, row: &Row<'_>, inputs: usize) {
        self.numbers.clear();
        self.numbers.extend_from_slice(&row.numbers[..inputs]);
        self.reasons.clear();
        self.reasons.extend_from_slice(&row.reasons);
        self.texts.resize(inputs, None);
        for (kept, text) in self.texts.iter_mut().zip(&row.texts) {
            match (kept.as_mut(), text) {
                (Some(kept), Some(text)) => (*text).clone_into(kept),
                (None, Some(text)) => *kept = Some((*text).to_owned()),
                (_, None) => *kept = None,
            }
        }
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

    /// The whole decision as data, with the value of every part of every condition. Costs far more than deciding: it evaluates every rule again,
    /// part by part, and makes the texts.
    pub fn report(&self) -> DecisionReport {
        let inner = self.policy.inner();
        let mut row = inner.compiled.program.row();
        if self.numbers.len() <= row.numbers.len() {
            row.numbers[..self.numbers.len()].copy_from_slice(&self.numbers);
        }
        row.reasons.clone_from(&self.reasons);
        row.texts = self.texts.iter().map(Option::as_deref).collect();
        let mut values = Values::new(&inner.compiled.graph);
        let rule_name = |index: u32| {
            inner
                .rules
                .get(index as usize)
                .map_or(String::new(), |r| r.info.name.clone())
        };
        let rules = inner
            .rules
            .iter()
            .zip(&self.rules)
            .enumerate()
            .map(|(index, (rule, status))| {
                let definition = inner.compiled.definition(rule.when);
                let explanation = Explanation::from_values(&inner.compiled, definition, &row, &mut values);
                let undefined = match status {
                    RuleStatus::Undefined { .. } => explanation.parts.first().and_then(|p| p.reason.clone()),
                    _ => None,
                };
                let proposals = self
                    .proposals
                    .iter()
                    .filter(|p| p.rule as usize == index)
                    .map(|p| {
                        let output = rule.then.iter().find(|t| t.0 == p.resource).map_or(rule.when, |t| t.1);
                        let definition = inner.compiled.definition(output);
                        let explanation = Explanation::from_values(&inner.compiled, definition, &row, &mut values);
                        let undefined = p.wanted.err().map(|reason| {
                            let own = explanation.parts.first().and_then(|p| p.reason.clone());
                            own.unwrap_or_else(|| format!("`{}`: {reason}", p.resource))
                        });
                        let (fate, by) = match p.fate {
                            None => ("undefined", None),
                            Some(Fate::Taken) => ("taken", None),
                            Some(Fate::NoChange) => ("no_change", None),
                            Some(Fate::Beaten { by }) => ("beaten", Some(rule_name(by))),
                            Some(Fate::DroppedWhileGrowing { by }) => ("dropped_while_growing", Some(rule_name(by))),
                            Some(Fate::Limited) => ("limited", None),
                        };
                        ProposalReport {
                            resource: p.resource,
                            wanted: p.wanted.ok(),
                            target: p.fate.map(|_| p.target),
                            fate,
                            by,
                            undefined,
                            explanation: explanation.lines(),
                        }
                    })
                    .collect();
                RuleReport {
                    rule: rule.info.name.clone(),
                    path: rule.info.path.clone(),
                    state: status.state(),
                    since: status.since(),
                    left: status.left(),
                    undefined,
                    explanation: explanation.lines(),
                    parts: explanation,
                    proposals,
                }
            })
            .collect();
        let changes = self
            .changes
            .iter()
            .map(|c| ChangeReport {
                resource: c.resource,
                from: c.from,
                to: c.to,
                wanted: c.capped.map(|c| c.wanted),
                limit: c.capped.map(|c| c.limit),
                rules: c.rules.iter().map(|r| rule_name(*r)).collect(),
            })
            .collect();
        DecisionReport {
            task: self.task.clone(),
            at: self.at,
            policy: self.policy.name().to_owned(),
            fingerprint: format!("{:016x}", self.policy.fingerprint()),
            changes,
            rules,
            inputs: lang::inputs(&inner.compiled, &row),
        }
    }
}

impl RuleStatus {
    fn state(&self) -> RuleState {
        match self {
            RuleStatus::NotMet => RuleState::NotMet,
            RuleStatus::Undefined { .. } => RuleState::Undefined,
            RuleStatus::Holding { .. } => RuleState::Holding,
            RuleStatus::Fired { .. } => RuleState::Fired,
        }
    }

    fn since(&self) -> Option<Millis> {
        match self {
            RuleStatus::Holding { since, .. } | RuleStatus::Fired { since } => Some(*since),
            _ => None,
        }
    }

    fn left(&self) -> Option<Millis> {
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
    /// Its condition is false.
    NotMet,
    /// Its condition cannot be answered for lack of data.
    Undefined,
    /// Its condition is true, but has not held long enough.
    Holding,
    /// Its condition is true and has held long enough.
    Fired,
}

/// A decision as data; `Display` is the same as text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionReport {
    /// The task.
    pub task: String,
    /// When the look was taken, in ms since the epoch.
    pub at: Millis,
    /// The name of the policy.
    pub policy: String,
    /// The fingerprint of the policy, in hexadecimal digits.
    pub fingerprint: String,
    /// The changes to make; none means that nothing is to be done.
    pub changes: Vec<ChangeReport>,
    /// Every rule, in the order of the policy.
    pub rules: Vec<RuleReport>,
    /// What was seen: every metric and attribute that the rules use, as their authors wrote it, with its value.
    pub inputs: Vec<InputValue>,
}

/// A change of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeReport {
    /// The resource.
    pub resource: Resource,
    /// What the task has: a plain number, or bytes.
    pub from: f64,
    /// What it should have, in the same unit.
    pub to: f64,
    /// What was wanted, where a limit was reached.
    pub wanted: Option<f64>,
    /// The limit that was reached.
    pub limit: Option<f64>,
    /// The rules that want it.
    pub rules: Vec<String>,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReport {
    /// The rule.
    pub rule: String,
    /// Where it stands in the document.
    pub path: String,
    /// What it came to.
    pub state: RuleState,
    /// Since when its condition has been true, in ms since the epoch.
    pub since: Option<Millis>,
    /// How long it must still hold, in ms.
    pub left: Option<Millis>,
    /// Why it cannot be answered.
    pub undefined: Option<String>,
    /// The condition with its values, a line for each comparison.
    pub explanation: Vec<String>,
    /// The value of every part of the condition.
    pub parts: Explanation,
    /// What it proposed.
    pub proposals: Vec<ProposalReport>,
}

/// What a rule proposed for a resource, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProposalReport {
    /// The resource.
    pub resource: Resource,
    /// What the rule's expression says: a plain number, or bytes. `None` where it is undefined.
    pub wanted: Option<f64>,
    /// The same, up to whole [steps](Resource::step).
    pub target: Option<f64>,
    /// `taken`, `no_change` (it is what the task has), `beaten` (by another rule), `dropped_while_growing` (less of one resource while another
    /// grows), `limited` (the task is at its limit) or `undefined`.
    pub fate: &'static str,
    /// The rule that won.
    pub by: Option<String>,
    /// Why there is nothing to propose.
    pub undefined: Option<String>,
    /// The values it was computed from.
    pub explanation: Vec<String>,
}

fn duration(ms: Millis) -> String {
    display_quantity(ms as f64 / 1000.0, Unit::SECONDS)
}

fn time(at: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(at).map_or_else(
        || format!("{at} ms"),
        |t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    )
}

impl fmt::Display for DecisionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        let what = if changes.is_empty() {
            "no change".to_owned()
        } else {
            changes.join(", ")
        };
        write!(f, "{} at {}: {what}", self.task, time(self.at))?;
        for rule in &self.rules {
            write!(f, "\n  {rule}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ChangeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |amount: f64| self.resource.display(amount);
        write!(f, "{} {} → {}", self.resource, show(self.from), show(self.to))?;
        match (self.wanted, self.limit) {
            (Some(wanted), Some(limit)) => write!(f, " (wanted {}, limit {})", show(wanted), show(limit)),
            _ => Ok(()),
        }
    }
}

impl RuleReport {
    /// What it came to, in a few words: `fired`, `holds, fires in 2m`, `insufficient data: …`, `not met`.
    pub fn outcome(&self) -> String {
        match self.state {
            RuleState::NotMet => "not met".to_owned(),
            RuleState::Undefined => format!("insufficient data: {}", self.undefined.as_deref().unwrap_or("unknown")),
            RuleState::Holding => format!("holds, fires in {}", duration(self.left.unwrap_or(0))),
            RuleState::Fired => "fired".to_owned(),
        }
    }
}

impl fmt::Display for RuleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.outcome())?;
        for line in &self.explanation {
            write!(f, "\n    {line}")?;
        }
        for proposal in &self.proposals {
            write!(f, "\n    ⇒ {proposal}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ProposalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(target) = self.target else {
            return write!(
                f,
                "{}: nothing to propose, {}",
                self.resource,
                self.undefined.as_deref().unwrap_or("undefined")
            );
        };
        write!(f, "{} {}", self.resource, self.resource.display(target))?;
        let by = self.by.as_deref().unwrap_or("another rule");
        match self.fate {
            "taken" => Ok(()),
            "no_change" => f.write_str(": as it is"),
            "beaten" => write!(f, ": beaten by {by}"),
            "dropped_while_growing" => write!(f, ": dropped while {by} asks for more"),
            _ => f.write_str(": at its limit already"),
        }
    }
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
        let same_numbers = self
            .numbers
            .iter()
            .map(|x| x.to_bits())
            .eq(other.numbers.iter().map(|x| x.to_bits()));
        self.policy == other.policy
            && self.task == other.task
            && self.at == other.at
            && self.rules == other.rules
            && self.proposals == other.proposals
            && self.changes == other.changes
            && self.texts == other.texts
            && same_numbers
    }
}
