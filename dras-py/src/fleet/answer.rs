//! One answer of Prometheus about many tasks.

use dras_core::engine::ReadReport;
use dras_core::metrics::sources::{SourceError, SourceLimits, prometheus};
use dras_core::units::Millis;
use pyo3::PyErr;

use super::failure::{Failure, unusable};
use super::members::Members;
use crate::errors::Class;
use crate::signals::Signals;

/// Why an answer was not taken.
pub(super) enum NotTaken {
    /// It cannot be read; nothing of it was taken.
    Unreadable(SourceError),
    /// Somebody pressed Ctrl-C; some tasks have theirs.
    Raised(PyErr),
}

/// Hands each task its part of an answer: the series whose `label` is its id.
pub(super) fn take(
    members: &Members,
    now: Millis,
    metric: &str,
    label: &str,
    body: &[u8],
) -> Result<(ReadReport, Vec<Failure>), NotTaken> {
    let answer = prometheus::parse(body, &SourceLimits::default()).map_err(NotTaken::Unreadable)?;
    let (parts, without) = answer.split(label);
    let mut report = ReadReport::default();
    let (mut failed, mut unknown) = (Vec::new(), 0);
    let mut signals = Signals::new();
    for (id, part) in &parts {
        signals.check().map_err(NotTaken::Raised)?;
        let Some(member) = members.get(id) else {
            unknown += part.series.len();
            continue;
        };
        let taken = member.state.with_unattached(|state| {
            state.feed(&[metric], |policy, task| {
                task.take_prometheus(policy, now, metric, part)
            })
        });
        match taken {
            Ok(Ok(taken)) => {
                report.series += taken.series;
                report.accepted += taken.accepted;
                for note in taken.notes {
                    if !report.notes.contains(&note) {
                        report.notes.push(note);
                    }
                }
            }
            Ok(Err(error)) => failed.push(Failure::new(&member, Class::Read, error.code(), error.to_string())),
            Err(error) => failed.push(unusable(&member, &error)),
        }
    }
    if without > 0 {
        report.notes.push(format!("{without} series have no label `{label}`"));
    }
    if unknown > 0 {
        report
            .notes
            .push(format!("{unknown} series are of tasks that are not in the fleet"));
    }
    Ok((report, failed))
}
