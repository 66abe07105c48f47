//! Many samples of one series at once.

use dras_core::metrics::Accepted;
use dras_core::units::Millis;
use pyo3::prelude::*;

use super::convert::task_error;
use super::{State, Task};
use crate::signals::Signals;

/// Columns longer than this are taken with the interpreter released.
const LONG: usize = 2048;

/// So many samples are taken without asking for signals: some tens of milliseconds of work.
const PIECE: usize = 1 << 19;

/// Takes a column, a long one in pieces, between which others come to their turn and Ctrl-C is heard.
pub(super) fn take(
    task: &Task,
    py: Python<'_>,
    now: Millis,
    metric: &str,
    instance: &str,
    times: &[Millis],
    values: &[f64],
) -> PyResult<Accepted> {
    let take = |state: &mut State, times: &[Millis], values: &[f64]| {
        state.feed(&[metric], |policy, task| {
            let metric = policy.metric_named(metric)?;
            let instance = task.instance(policy, instance)?;
            task.column(policy, now, instance, metric, times, values)
        })
    };
    // Lengths that are not equal the core refuses.
    if values.len() <= LONG || times.len() != values.len() {
        return task.with(py, |state| take(state, times, values));
    }
    // Pieces give the same as the whole where times are sorted; the order inside one call does not matter, so that they may be.
    let sorted = py.detach(|| (values.len() > PIECE && !times.is_sorted()).then(|| by_time(times, values)));
    let (times, values) = sorted.as_ref().map_or((times, values), |(t, v)| (t, v));
    let mut taken = Accepted::default();
    let mut signals = Signals::new();
    for (times, values) in times.chunks(PIECE).zip(values.chunks(PIECE)) {
        let piece = task.state.with_detached(py, |state| take(state, times, values))?;
        taken += piece.map_err(|error| task_error(py, &error))?;
        if signals.due() {
            py.check_signals()?;
        }
    }
    Ok(taken)
}

/// Samples in the order of their times; those of one time stay in the order in which they came.
fn by_time(times: &[Millis], values: &[f64]) -> (Vec<Millis>, Vec<f64>) {
    let mut samples: Vec<(Millis, f64)> = times.iter().copied().zip(values.iter().copied()).collect();
    samples.sort_by_key(|sample| sample.0);
    samples.into_iter().unzip()
}
