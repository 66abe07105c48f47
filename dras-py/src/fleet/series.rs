//! Series of a fleet by handle, and taking many samples at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dras_core::engine;
use dras_core::metrics::{Accepted, IngestError, InstanceId, MetricId};
use dras_core::units::Millis;

use super::Member;
use super::failure::{Failure, failure, unusable};
use crate::task::State;

/// One series of one task, resolved once.
pub(super) struct Series {
    /// `None` where the task was removed: handles are not given out again.
    pub(super) member: Option<Member>,
    pub(super) metric: Box<str>,
    pub(super) instance: Box<str>,
    /// The core's handles, with the fingerprint of the policy that they are of. That of an instance ends when it has had no data for long.
    pub(super) handles: Option<(u64, MetricId, InstanceId)>,
}

#[derive(Default)]
pub(super) struct SeriesTable {
    pub(super) all: Vec<Series>,
    /// By task, metric and instance.
    pub(super) known: HashMap<Arc<str>, BTreeMap<(Box<str>, Box<str>), usize>>,
}

/// Samples of many series: a handle, a time and a value each.
pub(super) struct Samples<'a> {
    pub(super) handles: &'a [i64],
    pub(super) times: &'a [Millis],
    pub(super) one_time: Millis,
    pub(super) values: &'a [f64],
}

impl SeriesTable {
    /// Takes all samples, run by run of one series. A handle that is not one is an error before anything is taken.
    pub(super) fn take(&mut self, now: Millis, samples: &Samples<'_>) -> Result<(Accepted, Vec<Failure>), i64> {
        let alive = |handle: i64| {
            let series = usize::try_from(handle).ok().and_then(|place| self.all.get(place));
            series.is_some_and(|series| series.member.is_some())
        };
        if let Some(wrong) = samples.handles.iter().copied().find(|handle| !alive(*handle)) {
            return Err(wrong);
        }
        let (mut taken, mut failed) = (Accepted::default(), Vec::new());
        let mut from = 0;
        let mut same: Vec<Millis> = Vec::new();
        while let Some(handle) = samples.handles.get(from) {
            let run = samples.handles[from..]
                .iter()
                .take_while(|next| *next == handle)
                .count();
            let values = &samples.values[from..from + run];
            let times = match samples.times.get(from..from + run) {
                Some(times) => times,
                None => {
                    same.clear();
                    same.resize(run, samples.one_time);
                    &same
                }
            };
            from += run;
            let series = &mut self.all[*handle as usize];
            let Some(member) = &series.member else { continue };
            let done = member.state.with_unattached(|state| {
                put(
                    state,
                    now,
                    &series.metric,
                    &series.instance,
                    &mut series.handles,
                    times,
                    values,
                )
            });
            match done {
                Ok(Ok(accepted)) => taken += accepted,
                Ok(Err(error)) => failed.push(failure(member, &error)),
                Err(error) => failed.push(unusable(member, &error)),
            }
        }
        Ok((taken, failed))
    }
}

fn put(
    state: &mut State,
    now: Millis,
    metric: &str,
    name: &str,
    handles: &mut Option<(u64, MetricId, InstanceId)>,
    times: &[Millis],
    values: &[f64],
) -> Result<Accepted, engine::TaskError> {
    let live = state.policy.core().fingerprint();
    let take = |policy: &engine::Policy, task: &mut engine::Task, metric, instance| match (times, values) {
        ([t], [value]) => task.row(policy, now, instance, *t, &[(metric, *value)]),
        _ => task.column(policy, now, instance, metric, times, values),
    };
    state.feed(&[metric], |policy, task| {
        // Only those of the live document are kept.
        if let Some((of, metric, instance)) = *handles
            && of == policy.fingerprint()
        {
            match take(policy, task, metric, instance) {
                // It has had no data for long: it is made anew.
                Err(engine::TaskError::Ingest(IngestError::UnknownInstance)) => {}
                other => return other,
            }
        }
        let metric = policy.metric_named(metric)?;
        let instance = task.instance(policy, name)?;
        if policy.fingerprint() == live {
            *handles = Some((live, metric, instance));
        }
        take(policy, task, metric, instance)
    })
}
