//! Many tasks under another document: compared, moved, tried out.

use dras_core::engine::{self, LookKind};
use dras_core::units::Millis;
use pyo3::prelude::*;

use super::failure::{Failure, each, failure, not_decided, unusable};
use super::members::Member;
use crate::policy::Policy;

/// The tasks about which another document would decide otherwise.
pub(super) fn compared(
    py: Python<'_>,
    tasks: &[Option<Member>],
    policy: &Policy,
    now: Millis,
) -> PyResult<Vec<engine::Difference>> {
    let mut all = Vec::new();
    each(py, tasks, |member| {
        let found = member
            .state
            .with_unattached(|state| engine::differences(state.policy.core(), policy.core(), [&state.task], now));
        match found {
            Ok(Ok(found)) => all.extend(found),
            Ok(Err(error)) => return Err(not_decided(member, &error)),
            Err(error) => return Err(unusable(member, &error)),
        }
        Ok(())
    })?;
    Ok(all)
}

/// Moves all tasks to another document, and says what could not go along. It is not interrupted: half of a fleet under each document is nothing that
/// anybody wants.
pub(super) fn moved<'a>(
    py: Python<'_>,
    tasks: &'a [Option<Member>],
    policy: &Policy,
) -> PyResult<Vec<(&'a Member, engine::Carried)>> {
    let moved = py.detach(|| {
        let mut all = Vec::new();
        for member in tasks.iter().flatten() {
            match member.state.with_unattached(|state| state.rebind(policy)) {
                Ok(Ok(left)) if left == engine::Carried::default() => {}
                Ok(Ok(left)) => all.push((member, left)),
                Ok(Err(error)) => return Err(failure(member, &error)),
                Err(error) => return Err(unusable(member, &error)),
            }
        }
        Ok(all)
    });
    moved.map_err(|failure| failure.error(py))
}

/// Tries out another document beside that of every task, or of none.
pub(super) fn start_shadows(py: Python<'_>, tasks: &[Option<Member>], policy: &Policy) -> PyResult<()> {
    let mut begun: Vec<&Member> = Vec::new();
    let done = each(py, tasks, |member| {
        match member.state.with_unattached(|state| state.start_shadow(policy)) {
            Ok(Ok(())) => begun.push(member),
            Ok(Err(error)) => return Err(failure(member, &error)),
            Err(error) => return Err(unusable(member, &error)),
        }
        Ok(())
    });
    if done.is_err() {
        py.detach(|| {
            for member in begun {
                // One that cannot be used has no shadow that anybody could see.
                _ = member.state.with_unattached(|state| state.shadow = None);
            }
        });
    }
    done
}

/// The tasks for which a look is due, by its kind: long ones, and short ones.
pub(super) fn due<'a>(
    py: Python<'_>,
    tasks: &'a [Option<Member>],
    after: Millis,
    until: Millis,
) -> PyResult<[Vec<&'a Member>; 2]> {
    let mut due: [Vec<&Member>; 2] = Default::default();
    each(py, tasks, |member| {
        match kind_due(member, after, until)? {
            Some(LookKind::Long) => due[0].push(member),
            Some(LookKind::Short) => due[1].push(member),
            None => {}
        }
        Ok(())
    })?;
    Ok(due)
}

/// The kind of the look that is due in between; a long one takes the place of short ones.
fn kind_due(member: &Member, after: Millis, until: Millis) -> Result<Option<LookKind>, Failure> {
    let found = member.state.with_unattached(|state| {
        let mut due = None;
        let mut next = state.task.next_look(state.policy.core(), after)?;
        while next.at <= until && due != Some(LookKind::Long) {
            due = Some(next.kind);
            next = state.task.next_look(state.policy.core(), next.at)?;
        }
        Ok(due)
    });
    match found {
        Ok(Ok(kind)) => Ok(kind),
        Ok(Err(error)) => Err(failure(member, &error)),
        Err(error) => Err(unusable(member, &error)),
    }
}
