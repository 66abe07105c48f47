//! Fleets that outlive a process.

use std::borrow::Cow;

use dras_core::engine;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyTuple};

use super::failure::{each, failure, unusable};
use super::members::Member;
use crate::convert::{items, str_of};
use crate::errors::{Class, wrong_type};
use crate::lock::guarded;
use crate::policy::Policy;
use crate::signals::Signals;
use crate::task::{Task, snapshot_bytes};

/// The snapshot of one task, with the policy that it is of.
pub(super) struct Kept<'a> {
    pub(super) member: &'a Member,
    pub(super) policy: Policy,
    pub(super) bytes: Vec<u8>,
}

/// The snapshots of all tasks, in their order.
pub(super) fn snapshots<'a>(py: Python<'_>, tasks: &'a [Option<Member>]) -> PyResult<Vec<Kept<'a>>> {
    let mut all = Vec::new();
    each(py, tasks, |member| {
        let taken = member
            .state
            .with_unattached(|state| Ok((state.policy.clone(), state.task.snapshot(state.policy.core())?)));
        match taken {
            Ok(Ok((policy, bytes))) => all.push(Kept { member, policy, bytes }),
            Ok(Err(error)) => return Err(failure(member, &error)),
            Err(error) => return Err(unusable(member, &error)),
        }
        Ok(())
    })?;
    Ok(all)
}

/// Snapshots as they were given: by the ids of their tasks, or just several of them.
fn given<'py>(snapshots: &Bound<'py, PyAny>) -> PyResult<Vec<(Option<String>, Bound<'py, PyAny>)>> {
    if snapshots.is_instance_of::<PyDict>() || snapshots.is_instance_of::<PyMapping>() {
        let all = items(snapshots, "the snapshots")?;
        return all
            .into_iter()
            .map(|(id, bytes)| Ok((Some(str_of(&id, "the id of a task")?.to_owned()), bytes)))
            .collect();
    }
    let several = snapshots.try_iter();
    let several = several.map_err(|_| wrong_type(snapshots, "snapshots", "a dict or several bytes"))?;
    several.map(|one| Ok((None, one?))).collect()
}

/// The tasks of snapshots, each with what it had to leave behind.
pub(super) fn restored(
    py: Python<'_>,
    policy: &Policy,
    snapshots: &Bound<'_, PyAny>,
) -> PyResult<Vec<(Task, engine::Carried)>> {
    let given = given(snapshots)?;
    let bytes: Vec<Cow<'_, [u8]>> = given
        .iter()
        .map(|(_, bytes)| snapshot_bytes(bytes))
        .collect::<PyResult<_>>()?;
    let mut all = Vec::with_capacity(bytes.len());
    let ended = py.detach(|| {
        let mut signals = Signals::new();
        for bytes in &bytes {
            all.push(guarded(|| engine::Task::restore(policy.core(), bytes)));
            signals.check()?;
        }
        Ok::<_, PyErr>(())
    });
    ended?;
    let mut tasks = Vec::with_capacity(all.len());
    for (place, ((id, _), restored)) in given.iter().zip(all).enumerate() {
        let (task, left) = restored.map_err(|error| error.error(py))?.map_err(|error| {
            let which = id
                .as_ref()
                .map_or_else(|| format!("number {place}"), |id| format!("of \"{id}\""));
            let message = format!("the snapshot {which}: {error}");
            Class::Snapshot.error(py, message, error.code())
        })?;
        if let Some(id) = id
            && id != task.id()
        {
            let message = format!("the snapshot that was given for \"{id}\" is one of \"{}\"", task.id());
            return Err(Class::Snapshot.error(py, message, "task"));
        }
        tasks.push((Task::around(policy.clone(), task), left));
    }
    Ok(tasks)
}

/// Snapshots for pickle: of each task, with its policy where that is another one than the fleet's.
pub(super) fn pickled<'py>(py: Python<'py>, of: &Policy, all: Vec<Kept<'_>>) -> PyResult<Bound<'py, PyTuple>> {
    let one = |kept: Kept<'_>| {
        let bytes = PyBytes::new(py, &kept.bytes);
        if kept.policy.core().fingerprint() == of.core().fingerprint() {
            Ok(bytes.into_any())
        } else {
            (kept.policy, bytes).into_bound_py_any(py)
        }
    };
    PyTuple::new(py, all.into_iter().map(one).collect::<PyResult<Vec<_>>>()?)
}
