//! Series of a fleet by handle, and taking many samples at once.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use dras_core::engine;
use dras_core::metrics::{Accepted, IngestError, InstanceId, MetricId};
use dras_core::units::Millis;

use super::failure::{Failure, failure, unusable};
use super::members::Member;
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

/// Samples that are taken without asking for signals, and without letting others at the series.
const PIECE: usize = 1 << 16;

impl Samples<'_> {
    /// The ends of pieces that can be taken one after the other with the same result as all at once. A series' samples in one call may be in any order;
    /// those that are not sorted stay together.
    pub(super) fn pieces(&self) -> Vec<usize> {
        let mut ends = Vec::new();
        let (mut from, mut last) = (0, 0);
        for run in self.handles.chunk_by(|a, b| a == b) {
            let end = from + run.len();
            let sorted = || self.times.get(from..end).is_none_or(<[Millis]>::is_sorted);
            if run.len() > PIECE && sorted() {
                while end - last > PIECE {
                    last += PIECE;
                    ends.push(last);
                }
            } else if end - last >= PIECE {
                last = end;
                ends.push(last);
            }
            from = end;
        }
        if last < self.handles.len() {
            ends.push(self.handles.len());
        }
        ends
    }

    pub(super) fn part(&self, range: Range<usize>) -> Samples<'_> {
        Samples {
            handles: &self.handles[range.clone()],
            times: self.times.get(range.clone()).unwrap_or_default(),
            one_time: self.one_time,
            values: &self.values[range],
        }
    }
}

impl SeriesTable {
    /// The first handle that is not one.
    pub(super) fn wrong(&self, handles: &[i64]) -> Option<i64> {
        let alive = |handle: i64| {
            let series = usize::try_from(handle).ok().and_then(|place| self.all.get(place));
            series.is_some_and(|series| series.member.is_some())
        };
        handles.iter().copied().find(|handle| !alive(*handle))
    }

    /// Takes all samples, run by run of one series.
    pub(super) fn take(&mut self, now: Millis, samples: &Samples<'_>, taken: &mut Accepted, failed: &mut Vec<Failure>) {
        let mut from = 0;
        let mut same: Vec<Millis> = Vec::new();
        for run in samples.handles.chunk_by(|a, b| a == b) {
            let values = &samples.values[from..from + run.len()];
            let times = match samples.times.get(from..from + run.len()) {
                Some(times) => times,
                None => {
                    same.clear();
                    same.resize(run.len(), samples.one_time);
                    &same
                }
            };
            from += run.len();
            // Handles were looked at before; a task may have been removed since.
            let Some(series) = usize::try_from(run[0]).ok().and_then(|place| self.all.get_mut(place)) else {
                continue;
            };
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
                Ok(Ok(accepted)) => *taken += accepted,
                Ok(Err(error)) => failed.push(failure(member, &error)),
                Err(error) => failed.push(unusable(member, &error)),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(handles: &[i64], times: &[Millis]) -> Vec<usize> {
        let values = vec![0.0; handles.len()];
        Samples {
            handles,
            times,
            one_time: 0,
            values: &values,
        }
        .pieces()
    }

    #[test]
    fn pieces_end_between_series_or_in_a_sorted_one() {
        assert_eq!(ends(&[], &[]), [0; 0]);
        assert_eq!(ends(&[1, 1, 2], &[]), [3]);
        let long = 3 * PIECE + 5;
        let up: Vec<Millis> = (0..long as Millis).collect();
        assert_eq!(ends(&vec![7; long], &up), [PIECE, 2 * PIECE, 3 * PIECE, long]);
        assert_eq!(ends(&vec![7; long], &[]), [PIECE, 2 * PIECE, 3 * PIECE, long]);
        let down: Vec<Millis> = up.iter().rev().copied().collect();
        assert_eq!(ends(&vec![7; long], &down), [long]);
        let each: Vec<i64> = (0..long as i64).collect();
        assert_eq!(ends(&each, &down), [PIECE, 2 * PIECE, 3 * PIECE, long]);
        // Two series of half a piece and a bit each, an unsorted one behind.
        let half = PIECE / 2 + 1;
        let three: Vec<i64> = [1, 2, 3].into_iter().flat_map(|h| vec![h; half]).collect();
        assert_eq!(ends(&three, &[]), [2 * half, 3 * half]);
    }
}
