//! One look at one task: its windows through the program, rules to proposals, proposals to one action.

use super::act::Acting;
use super::decision::{Decision, LookKind, RuleStatus};
use super::evaluation::Evaluation;
use super::policy::{CompiledRule, Inner, Policy};
use super::task::{RuleProgress, Task, TaskError};
use super::values::Stamp;
use crate::action::Adopted;
use crate::lang::Look;
use crate::metrics::{Mark, TimeWentBack};
use crate::undefined::Undefined;
use crate::units::Millis;

/// A condition that is undefined keeps the time that it has held for this long, or for a quarter of the rule's `for` where that is longer;
/// after that it begins anew.
const UNKNOWN_KEEPS: Millis = 60_000;

/// Looks further apart than this, or than the rule's `for` where that is longer, say nothing about the time between them: what has held
/// begins anew.
const LOOKS_APART: Millis = 15 * 60_000;

/// Why there is no decision. The task is unchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecideError {
    /// Time went back.
    #[error(transparent)]
    TimeWentBack(#[from] TimeWentBack),
    /// The task cannot be decided on with this policy.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Looks at a task at `now` (ms since the epoch) and decides.
///
/// A look answers the windows that the rules use, evaluates every rule, and merges what those that fire propose into one action within the
/// limits. It also moves the task's time to `now`: samples that no window can reach any more go, and the time that conditions have held
/// goes on. Applying the action is the caller's business, and so is to [`mark`](Task::mark) it.
///
/// The same policy, samples, attributes and times of looks give the same decision, to the bit.
///
/// ```
/// use dras_core::engine::{Policy, RuleState, Task, decide};
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let text = r#"{
///     "version": 1,
///     "attributes": { "backlog": { "type": "number" } },
///     "rules": [{ "name": "late", "when": "backlog > 1000", "for": "1m", "then": { "parallelism": "parallelism * 2" } }],
///     "limits": { "parallelism": { "max": 6 } }
/// }"#;
/// let policy = Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)?;
/// let mut task = Task::new(&policy, "orders")?;
/// task.set(&policy, "parallelism", 4.0)?;
/// let now = 1_800_000_000_000;
///
/// // Not known: the rule does not fire, and the decision says why.
/// let decision = decide(&policy, &mut task, now)?;
/// assert_eq!(decision.states().next(), Some(RuleState::Undefined));
/// assert!(decision.to_string().contains("insufficient data: `backlog`: the task does not say"));
///
/// // True, but not long enough yet.
/// task.set(&policy, "backlog", 5000.0)?;
/// assert_eq!(decide(&policy, &mut task, now + 30_000)?.states().next(), Some(RuleState::Holding));
///
/// let decision = decide(&policy, &mut task, now + 90_000)?;
/// assert_eq!(decision.changes()[0].to, 6.0);
/// assert!(decision.to_string().contains("parallelism 4 → 6 (limited to at most 6, 8 was wanted)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The task belongs to another policy, or `now` is before an earlier look or ingestion. The task is unchanged then.
pub fn decide(policy: &Policy, task: &mut Task, now: Millis) -> Result<Decision, DecideError> {
    let mut decision = Decision::new(policy);
    decide_into(policy, task, now, LookKind::Long, &mut decision)?;
    Ok(decision)
}

/// Looks at a task's urgent rules only, at `now` (ms since the epoch): those of emergencies, which are looked at more often than the rest. A short
/// look adds resources and never takes any away.
///
/// # Errors
/// As [`decide`].
pub fn decide_short(policy: &Policy, task: &mut Task, now: Millis) -> Result<Decision, DecideError> {
    let mut decision = Decision::new(policy);
    decide_into(policy, task, now, LookKind::Short, &mut decision)?;
    Ok(decision)
}

/// The same into an existing decision, whose space is used again: for callers that look at many tasks.
///
/// ```
/// use dras_core::engine::{Decision, LookKind, Policy, Task, decide_into};
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
/// let policy = Policy::compile(&document)?;
/// let mut tasks = vec![Task::new(&policy, "orders")?, Task::new(&policy, "payments")?];
/// let mut decision = Decision::new(&policy);
/// for task in &mut tasks {
///     decide_into(&policy, task, 1_800_000_000_000, LookKind::Long, &mut decision)?;
///     assert!(decision.changes().is_empty() && decision.any_undefined());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`decide`]; task and decision are unchanged then.
pub fn decide_into(
    policy: &Policy,
    task: &mut Task,
    now: Millis,
    kind: LookKind,
    decision: &mut Decision,
) -> Result<(), DecideError> {
    task.check(policy)?;
    let inner = policy.inner();
    task.touch();
    task.windows.advance(&inner.plan, now)?;
    task.first_seen.get_or_insert(now);
    decision.begin(policy, task.id(), now, kind);
    adopt(inner, task, now, decision);

    // Taken out of the task while the row borrows from it.
    let mut progress = std::mem::take(&mut task.rules);
    let mut history = std::mem::take(&mut task.history);
    let apart = looks_apart(inner, task, kind, now);
    let mut row = decision.row.take().unwrap_or_else(|| inner.compiled.program.row());
    task.fill(policy, now, &history, &mut row);
    let task_managers = task.number(inner.known.task_managers).map(|n| n.clamp(0.0, 1e9) as u32);
    let look = Look {
        plan: &inner.plan,
        windows: &task.windows,
        now,
        task_managers,
    };
    let mut space = std::mem::take(&mut decision.space);
    let mut values = std::mem::take(&mut space.values);
    let short = kind == LookKind::Short;
    let room = (&mut row, &mut values, &mut space);
    let mut evaluation = Evaluation::new(inner, look, (short, decision.lean), &history, room);
    let mut acts = false;
    for (rule, progress) in inner.rules.iter().zip(&mut progress) {
        let status = if short && !rule.info.urgent {
            RuleStatus::NotLooked
        } else {
            step(rule, evaluation.condition(rule.when), progress, apart, now)
        };
        acts |= matches!(status, RuleStatus::Fired { .. } | RuleStatus::Holding { .. });
        decision.rules.push(status);
    }
    // Targets are asked for only where something is about to happen; and whoever is told anything is told all of it.
    let tells = decision.lean && !decision.external.is_empty();
    if acts || tells || !history.effects.is_empty() && !evaluation.knows_effects() {
        evaluation.complete();
    }
    Acting {
        inner,
        task,
        history: &mut history,
        outputs: &evaluation,
        decision,
        now,
        short,
        excluded: inner
            .excluded
            .each_ref()
            .map(|p| p.inside(now).map(|inside| inside.until)),
        unbroken: apart,
    }
    .run();
    if !short {
        for recorded in &inner.recorded {
            if let Ok(value) = evaluation.always(recorded.output) {
                decision.recorded.push((recorded.metric, value / recorded.factor));
            }
        }
    }
    decision.asked = evaluation.asked();
    // Row and values borrow from the task; nothing below needs them.
    space.values = values.released();
    decision.space = space;
    decision.keep_inputs(row);
    task.rules = progress;
    task.history = history;
    task.record(inner, now, &decision.recorded);
    Ok(())
}

/// How long ago the last look may have been for this one to go on with what has held since: [`LOOKS_APART`], and where long looks are as rare as
/// that, twice their distance.
fn looks_apart(inner: &Inner, task: &mut Task, kind: LookKind, now: Millis) -> Millis {
    let apart = match (inner.long.period(), task.last_long) {
        (Some(period), _) => period * 2,
        (None, Some(last)) => inner
            .long
            .next(last, task.id())
            .saturating_sub(last)
            .saturating_add(LOOKS_APART),
        (None, None) => 0,
    };
    if kind == LookKind::Long {
        task.last_long = Some(now);
    }
    apart.max(LOOKS_APART)
}

/// Compares what the task has with what it had at the last look: who changes it beside us begins a new life of it.
fn adopt(inner: &Inner, task: &mut Task, now: Millis, decision: &mut Decision) {
    let mut history = std::mem::take(&mut task.history);
    let has = |resource| task.number(inner.known.resources[resource as usize]);
    match history.adopt(now, has) {
        Adopted::Same => {}
        adopted => {
            // The caller may have marked it already, at its own time.
            let marked = task.windows.newest_mark().is_some_and(|m| Some(m) >= task.last_look);
            if !marked {
                task.windows.mark(now, Mark::Change);
            }
            if let Adopted::External(steps) = adopted {
                decision.external = steps;
            }
        }
    }
    task.history = history;
    task.last_look = Some(now);
}

/// What a rule's condition comes to, with the time that it has held.
fn step(
    rule: &CompiledRule,
    condition: Result<bool, Undefined>,
    progress: &mut RuleProgress,
    apart: Millis,
    now: Millis,
) -> RuleStatus {
    let hold = rule.info.hold;
    let stamp = Stamp::at(now);
    if progress
        .last_look
        .is_some_and(|last| now - last.millis() > apart.max(hold))
    {
        *progress = RuleProgress::default();
    }
    progress.last_look = stamp;
    match condition {
        Ok(true) => {
            progress.unknown_since = None;
            progress.since = progress.since.or(stamp);
            let since = progress.since.map_or(now, Stamp::millis);
            if now - since >= hold {
                RuleStatus::Fired { since }
            } else {
                RuleStatus::Holding {
                    since,
                    left: hold - (now - since),
                }
            }
        }
        Ok(false) => {
            progress.since = None;
            progress.unknown_since = None;
            RuleStatus::NotMet
        }
        Err(reason) => {
            progress.unknown_since = progress.unknown_since.or(stamp);
            let unknown_since = progress.unknown_since.map_or(now, Stamp::millis);
            if now - unknown_since > UNKNOWN_KEEPS.max(hold / 4) {
                progress.since = None;
            }
            RuleStatus::Undefined { reason }
        }
    }
}
