//! A decision as data and as text.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::decision::{AlertKind, Decision, LookKind, Outcome, RuleState, RuleStatus};
use crate::action::guard::{Direction, OPEN};
use crate::action::instruction::Instruction;
use crate::action::{Change, Guard, Resource, Step};
use crate::lang::{self, Explanation, InputValue, Values};
use crate::resources::memory::FlinkProcess;
use crate::rules::Mode;
use crate::units::{Millis, Unit, display_number, display_quantity};

impl Decision {
    /// The whole decision as data, with the value of every part of every condition. Costs far more than deciding: it evaluates every rule again,
    /// part by part, and makes the texts.
    pub fn report(&self) -> DecisionReport {
        let inner = self.policy.inner();
        let row = self.inputs().unwrap_or_else(|| inner.compiled.program.row());
        let mut values = Values::new(&inner.compiled.graph);
        let left = |until: Millis| (until != OPEN).then(|| until - self.at);
        let rules = inner
            .rules
            .iter()
            .zip(&self.rules)
            .enumerate()
            .map(|(index, (rule, status))| {
                let definition = inner.compiled.definition(rule.when);
                let explanation = match status {
                    RuleStatus::NotLooked => Explanation::default(),
                    _ => Explanation::from_values(&inner.compiled, definition, &row, &mut values),
                };
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
                        let (fate, by) = match p.outcome {
                            Outcome::Undefined => ("undefined", None),
                            Outcome::Taken => ("taken", None),
                            Outcome::NoChange => ("no_change", None),
                            Outcome::Beaten { by } => ("beaten", Some(self.rule_name(by))),
                            Outcome::DroppedWhileGrowing { by } => ("dropped_while_growing", Some(self.rule_name(by))),
                            Outcome::Held { guard } => ("held", Some(guard.code().to_owned())),
                            Outcome::WithinTolerance => ("within_tolerance", None),
                            Outcome::Limited => ("limited", None),
                        };
                        ProposalReport {
                            resource: p.resource,
                            target: p.wanted.ok(),
                            fate,
                            by,
                            undefined,
                            explanation: explanation.lines(),
                        }
                    })
                    .collect();
                let ineffective = self.ineffective.iter().find(|i| i.rule as usize == index);
                RuleReport {
                    rule: rule.info.name.clone(),
                    path: rule.info.path.clone(),
                    state: status.state(),
                    since: status.since(),
                    left: status.left(),
                    undefined,
                    gain: ineffective.map(|i| i.gain),
                    explanation: explanation.lines(),
                    parts: explanation,
                    proposals,
                }
            })
            .collect();
        DecisionReport {
            task: self.task.clone(),
            at: self.at,
            look: self.kind,
            mode: inner.mode,
            policy: self.policy.name().to_owned(),
            fingerprint: format!("{:016x}", self.policy.fingerprint()),
            changes: self.changes.iter().map(|c| self.change(c)).collect(),
            instruction: self.instruction.clone(),
            memory: self
                .fitted
                .iter()
                .map(|f| MemoryReport {
                    process: f.process,
                    from: f.from,
                    to: f.resized.breakdown.process(),
                    entries: f
                        .resized
                        .write_back()
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                })
                .collect(),
            held: self
                .held
                .iter()
                .map(|h| HeldReport {
                    change: self.change(&h.change),
                    by: h
                        .by
                        .iter()
                        .map(|(guard, until)| HoldReport {
                            guard: *guard,
                            left: left(*until),
                        })
                        .collect(),
                    why: h.why.clone(),
                })
                .collect(),
            guards: self
                .guards
                .states()
                .iter()
                .map(|state| GuardReport {
                    guard: state.guard,
                    holds: Direction::ALL
                        .into_iter()
                        .filter_map(|direction| {
                            let until = state.until(direction)?;
                            Some(DirectionReport {
                                direction,
                                left: left(until),
                            })
                        })
                        .collect(),
                })
                .collect(),
            alerts: self
                .alerts
                .iter()
                .map(|a| AlertReport {
                    kind: a.kind,
                    rule: self.rule_name(a.rule),
                    text: self.alert_text(a.kind, a.rule),
                })
                .collect(),
            external: self.external.clone(),
            rules,
            inputs: lang::inputs(&inner.compiled, &row),
        }
    }

    pub(super) fn rule_name(&self, index: u32) -> String {
        let rule = self.policy.inner().rules.get(index as usize);
        rule.map_or(String::new(), |r| r.info.name.clone())
    }

    fn change(&self, c: &Change) -> ChangeReport {
        let unit = c.resource.unit();
        let mut notes: Vec<String> = Vec::new();
        if let Some(wanted) = c.stabilised {
            let show = |amount| c.resource.display(amount);
            notes.push(format!(
                "{} is wanted now, {} was recommended within the stabilisation window",
                show(wanted),
                show(c.wanted)
            ));
        }
        notes.extend(c.notes.iter().map(|n| n.describe(unit)));
        notes.extend(c.fitted_to.map(|most| {
            format!(
                "cut to keep the process within {}, {} was wanted",
                display_quantity(most as f64, Unit::BYTES),
                c.resource.display(c.wanted)
            )
        }));
        notes.extend(c.quota.map(|breach| format!("cut to keep to the quota: {breach}")));
        ChangeReport {
            resource: c.resource,
            from: c.from,
            to: c.to,
            wanted: c.stabilised.unwrap_or(c.wanted),
            urgent: c.urgent,
            notes,
            rules: c.rules.iter().map(|r| self.rule_name(*r)).collect(),
        }
    }

    fn alert_text(&self, kind: AlertKind, rule: u32) -> String {
        match kind {
            AlertKind::Rule => {
                let rule = self.policy.inner().rules.get(rule as usize);
                rule.and_then(|r| r.info.alert.clone()).unwrap_or_default()
            }
            AlertKind::CappedAndStillFailing => {
                "more is needed at once, and nothing more can be had: raise the limit, or look at the job".to_owned()
            }
        }
    }
}

/// A decision as data; `Display` is the same as text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionReport {
    /// The task.
    pub task: String,
    /// When the look was taken, in ms since the epoch.
    pub at: Millis,
    /// What was looked at.
    pub look: LookKind,
    /// What becomes of the decision.
    pub mode: Mode,
    /// The name of the policy.
    pub policy: String,
    /// The fingerprint of the policy, in hexadecimal digits.
    pub fingerprint: String,
    /// The changes to make; none means that nothing is to be done.
    pub changes: Vec<ChangeReport>,
    /// What to do; none in the mode `monitor`.
    pub instruction: Option<Instruction>,
    /// The memory of processes after the changes, where the task's Flink configuration is known.
    pub memory: Vec<MemoryReport>,
    /// The changes that would be made but for guards.
    pub held: Vec<HeldReport>,
    /// The guards that hold a direction of change, whether anything wanted to go there or not.
    pub guards: Vec<GuardReport>,
    /// What people should be told.
    pub alerts: Vec<AlertReport>,
    /// What somebody else changed since the last look.
    pub external: Vec<Step>,
    /// Every rule, in the order of the policy.
    pub rules: Vec<RuleReport>,
    /// What was seen: every metric and attribute that the rules use, as their authors wrote it, with its value. A short look leaves out what only
    /// other rules use, and a [lean](Decision::lean) decision the metrics on which nothing depended.
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
    /// What the rules want.
    pub wanted: f64,
    /// Whether an urgent rule wants it.
    pub urgent: bool,
    /// What happened on the way from what is wanted to what is to be had.
    pub notes: Vec<String>,
    /// The rules that want it.
    pub rules: Vec<String>,
}

/// The memory of one process after the changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryReport {
    /// The process.
    pub process: FlinkProcess,
    /// Its process memory now, in bytes.
    pub from: Option<f64>,
    /// Its process memory then, in bytes.
    pub to: u64,
    /// The entries of Flink's configuration that change.
    pub entries: Vec<(String, String)>,
}

/// A change that would be made but for guards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldReport {
    /// The change.
    #[serde(flatten)]
    pub change: ChangeReport,
    /// The guards that hold it.
    pub by: Vec<HoldReport>,
    /// More about it.
    pub why: Option<String>,
}

/// A guard that holds a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldReport {
    /// The guard.
    pub guard: Guard,
    /// How much longer, in ms; `None` where no end is known.
    pub left: Option<Millis>,
}

/// A guard that holds a direction of change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardReport {
    /// The guard.
    pub guard: Guard,
    /// What it holds.
    pub holds: Vec<DirectionReport>,
}

/// A direction that a guard holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DirectionReport {
    /// The direction.
    pub direction: Direction,
    /// How much longer, in ms; `None` where no end is known.
    pub left: Option<Millis>,
}

/// Something that people should be told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertReport {
    /// What kind it is.
    pub kind: AlertKind,
    /// The rule that it is about.
    pub rule: String,
    /// What to tell.
    pub text: String,
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
    /// The share of the promised gain that its last action brought, where that was too little.
    pub gain: Option<f64>,
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
    /// What the rule's expression says, up to whole [steps](Resource::step): a plain number, or bytes. `None` where it is undefined.
    pub target: Option<f64>,
    /// `taken`, `no_change` (it is what the task has), `beaten` (by another rule), `dropped_while_growing` (less of one resource while another
    /// grows), `held` (by a guard), `within_tolerance` (too little to be worth a restart), `limited` (there is no room) or `undefined`.
    pub fate: &'static str,
    /// The rule that won, or the guard that holds it.
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
        for alert in &self.alerts {
            write!(f, "\n  ! {}: {}", alert.rule, alert.text)?;
        }
        for step in &self.external {
            let show = |amount| step.resource.display(amount);
            write!(
                f,
                "\n  somebody else changed {} {} → {}: adopted",
                step.resource,
                show(step.from),
                show(step.to)
            )?;
        }
        for memory in &self.memory {
            write!(f, "\n  {memory}")?;
        }
        for held in &self.held {
            write!(f, "\n  held: {held}")?;
        }
        for rule in self.rules.iter().filter(|r| r.state != RuleState::NotLooked) {
            write!(f, "\n  {rule}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ChangeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |amount: f64| self.resource.display(amount);
        write!(f, "{} {} → {}", self.resource, show(self.from), show(self.to))?;
        if self.notes.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.notes.join("; "))
        }
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |bytes: f64| display_quantity(bytes, Unit::BYTES);
        write!(f, "{} memory ", self.process)?;
        if let Some(from) = self.from {
            write!(f, "{} → ", show(from))?;
        }
        f.write_str(&show(self.to as f64))?;
        for (i, (key, value)) in self.entries.iter().enumerate() {
            write!(f, "{}{key}: {value}", if i == 0 { ", with " } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for HeldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by ", self.change)?;
        for (i, hold) in self.by.iter().enumerate() {
            let joint = if i == 0 { "" } else { ", " };
            write!(f, "{joint}{} ({}", hold.guard, hold.guard.describe())?;
            match hold.left {
                Some(left) => write!(f, ", {} left)", duration(left))?,
                None => f.write_str(")")?,
            }
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

impl RuleReport {
    /// What it came to, in a few words: `fired`, `holds, fires in 2m`, `insufficient data: …`, `not met`.
    pub fn outcome(&self) -> String {
        match self.state {
            RuleState::NotLooked => "not looked at".to_owned(),
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
        if let Some(gain) = self.gain {
            let percent = display_number((gain * 1000.0).round() / 10.0);
            write!(f, "\n    the last time brought {percent}% of what it promised")?;
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
            "held" => write!(f, ": held by {by}"),
            "within_tolerance" => f.write_str(": not worth a restart"),
            _ => f.write_str(": at its limit already"),
        }
    }
}
