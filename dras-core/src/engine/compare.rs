//! What another document would decide: before it replaces the live one, or beside it.

use serde::Serialize;

use super::decide::{DecideError, decide_into};
use super::decision::{Decision, LookKind};
use super::policy::Policy;
use super::state::Carried;
use super::task::{Task, TaskError};
use crate::action::{Guard, Step};
use crate::units::Millis;

/// What one document comes to at a look, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The changes.
    pub changes: Vec<Step>,
    /// The changes that guards hold, with the first guard that does.
    pub held: Vec<(Step, Option<Guard>)>,
    /// The rules that alert.
    pub alerts: Vec<String>,
}

impl Verdict {
    /// What a decision comes to.
    pub fn of(decision: &Decision) -> Verdict {
        let step = |c: &crate::action::Change| Step {
            resource: c.resource,
            from: c.from,
            to: c.to,
        };
        Verdict {
            changes: decision.changes().iter().map(step).collect(),
            held: decision
                .held()
                .iter()
                .map(|h| (step(&h.change), h.by.first().map(|b| b.0)))
                .collect(),
            alerts: decision.alerts().map(|(_, rule)| decision.rule_name(rule)).collect(),
        }
    }
}

/// Two documents that come to different things for one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The task.
    pub task: String,
    /// The time of the look, in ms since the epoch.
    pub at: Millis,
    /// What the live document comes to.
    pub live: Verdict,
    /// What the other one comes to.
    pub other: Verdict,
}

impl Difference {
    /// What is different between two decisions about one task; `None` where nothing is that matters.
    pub fn between(live: &Decision, other: &Decision) -> Option<Difference> {
        let (a, b) = (Verdict::of(live), Verdict::of(other));
        (a != b).then(|| Difference {
            task: live.task().to_owned(),
            at: live.at(),
            live: a,
            other: b,
        })
    }
}

/// Which tasks another document would decide otherwise about, if they were looked at now. Nothing is changed: every task is looked at twice, as a copy.
///
/// ```
/// use dras_core::engine::{Policy, Task, differences};
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let policy = |most: u32| {
///     let text = format!(r#"{{"version": 1, "rules": [{{"name": "more", "when": "true", "then": {{"parallelism": "{most}"}}}}]}}"#);
///     Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)
/// };
/// let (live, other) = (policy(4)?, policy(6)?);
/// let mut task = Task::new(&live, "orders")?;
/// task.set(&live, "parallelism", 4.0)?;
/// let found = differences(&live, &other, [&task], 1_800_000_000_000)?;
/// assert_eq!(found[0].live.changes, []);
/// assert_eq!(found[0].other.changes[0].to, 6.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A task belongs to another policy than `live`, or `now` is before its last look.
pub fn differences<'t>(
    live: &Policy,
    other: &Policy,
    tasks: impl IntoIterator<Item = &'t Task>,
    now: Millis,
) -> Result<Vec<Difference>, DecideError> {
    let (mut by_live, mut by_other) = (Decision::new(live), Decision::new(other));
    let mut found = Vec::new();
    for task in tasks {
        let mut copy = task.clone();
        decide_into(live, &mut copy, now, LookKind::Long, &mut by_live)?;
        let (mut moved, _) = task.rebind(live, other)?;
        decide_into(other, &mut moved, now, LookKind::Long, &mut by_other)?;
        found.extend(Difference::between(&by_live, &by_other));
    }
    Ok(found)
}

/// A document that runs beside the live one of a task, decides the same looks, and changes nothing: what is fed to the live task is fed to it too.
///
/// ```
/// use dras_core::engine::{LookKind, Policy, Shadow, Task, decide};
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let policy = |high: &str| {
///     let text = format!(r#"{{"version": 1, "strategies": [{{"use": "cpu", "params": {{"high": "{high}"}}}}]}}"#);
///     Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)
/// };
/// let (live, candidate) = (policy("80%")?, policy("70%")?);
/// let mut task = Task::new(&live, "orders")?;
/// let mut shadow = Shadow::beside(&live, &task, &candidate)?;
/// let now = 1_800_000_000_000;
/// task.set(&live, "parallelism", 4.0)?;
/// shadow.feed(&live, &mut task, |policy, task| {
///     let (cpu, instance) = (policy.metric("cpu").unwrap(), task.instance(policy, "tm-1")?);
///     task.row(policy, now, instance, now, &[(cpu, 0.93)])
/// })?;
/// let decision = decide(&live, &mut task, now)?;
/// assert_eq!(shadow.look(&live, &task, &decision)?, None, "both say that data is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Shadow {
    policy: Policy,
    task: Task,
    decision: Decision,
}

impl Shadow {
    /// Begins with what the live task has.
    ///
    /// # Errors
    /// The task belongs to another policy than `live`.
    pub fn beside(live: &Policy, task: &Task, candidate: &Policy) -> Result<Shadow, TaskError> {
        let (task, _) = task.rebind(live, candidate)?;
        Ok(Shadow {
            policy: candidate.clone(),
            task,
            decision: Decision::new(candidate),
        })
    }

    /// The document's policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The task as the document sees it.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Hands the same samples to both tasks. Handles of metrics and instances belong to a policy and a task, and are to be asked for inside `act`; so
    /// does the question whether a document has a metric at all.
    ///
    /// What the live task refuses is not done with the shadow.
    ///
    /// # Errors
    /// What `act` says of either.
    pub fn feed<T, E>(
        &mut self,
        live: &Policy,
        task: &mut Task,
        mut act: impl FnMut(&Policy, &mut Task) -> Result<T, E>,
    ) -> Result<T, E> {
        let done = act(live, task)?;
        act(&self.policy, &mut self.task)?;
        Ok(done)
    }

    /// Looks at the task as the live document just did, and says where the candidate comes to something else. Attributes, marks and what was applied are
    /// those of the live task: only samples are [fed](Self::feed).
    ///
    /// # Errors
    /// The task belongs to another policy than `live`, or the decision is about a time before the shadow's last look.
    pub fn look(&mut self, live: &Policy, task: &Task, decision: &Decision) -> Result<Option<Difference>, DecideError> {
        self.task.follow(&self.policy, live, task)?;
        decide_into(
            &self.policy,
            &mut self.task,
            decision.at(),
            decision.kind(),
            &mut self.decision,
        )?;
        Ok(Difference::between(decision, &self.decision))
    }

    /// What the candidate came to at the last look.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The candidate becomes the live document, with all that it has seen.
    pub fn promote(self) -> (Policy, Task) {
        (self.policy, self.task)
    }
}

/// Many tasks moved to another document at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaced {
    /// What each task could not take along, in their order.
    pub carried: Vec<Carried>,
    /// What would be decided otherwise.
    pub differences: Vec<Difference>,
}

/// Moves all tasks of a document to another one, or none: with a report of what is decided otherwise now. An evaluation that is under way with the old
/// policy is not disturbed, because policies never change.
///
/// # Errors
/// A task belongs to another policy than `live`, or `now` is before its last look. No task is changed then.
pub fn replace(live: &Policy, other: &Policy, tasks: &mut [Task], now: Millis) -> Result<Replaced, DecideError> {
    let differences = differences(live, other, tasks.iter(), now)?;
    let moved: Result<Vec<(Task, Carried)>, TaskError> = tasks.iter().map(|t| t.rebind(live, other)).collect();
    let mut all_carried = Vec::with_capacity(tasks.len());
    for (task, (moved, carried)) in tasks.iter_mut().zip(moved?) {
        *task = moved;
        all_carried.push(carried);
    }
    Ok(Replaced {
        carried: all_carried,
        differences,
    })
}
