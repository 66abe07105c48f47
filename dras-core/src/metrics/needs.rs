//! Which windows need raw samples, and how many; which can be kept in panes.

use super::catalogue::{Kind, MetricSpec};
use super::query::{Reduce, Span, Window};
use crate::units::Millis;

/// Windows of at most this many samples (at the metric's interval) are always answered from raw samples.
pub const RAW_ROWS: u64 = 256;

/// The most raw samples of one series that a window may need, counted at the metric's interval.
pub const MAX_RAW_ROWS: u64 = 50_000;

/// A window in panes has this many of them.
pub const PANES: i64 = 64;

/// The longest window, offset, staleness or other length of time: 5 years, in ms. Keeps every sum of times far from the ends of [`Millis`].
pub const MAX_LENGTH: Millis = 1_827 * 86_400_000;

/// What a window needs to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowsNeeded {
    /// Panes: bounded memory however long the window.
    Panes,
    /// This many raw samples a series; at most [`MAX_RAW_ROWS`] are possible. 0 for events, whose number has its own bound.
    Raw(u64),
}

/// How a window of `spec` under `reduce` is kept. `test_is_constant` says whether the test of the samples, if there is one, is known when
/// the rules are compiled ([`Test::Within`](super::query::Test::Within)); tests that only the caller can make need the raw samples.
pub fn rows_needed(spec: &MetricSpec, window: &Window, reduce: Reduce, test_is_constant: bool) -> RowsNeeded {
    if spec.kind == Kind::Event {
        return RowsNeeded::Raw(0);
    }
    let interval = spec.interval.max(1);
    let rows = |length: Millis| (length.max(0) as u64).div_ceil(interval as u64);
    let reach = match window.span {
        Span::Latest => spec.staleness,
        span => span.reach(),
    };
    let raw = RowsNeeded::Raw(rows(reach.saturating_add(window.offset)));
    match window.span {
        Span::Sliding(length) if rows(length) > RAW_ROWS && test_is_constant && decomposes(reduce) => {
            // A pane is a 64th of the window, so that a short window far back would need very many of them.
            if panes_needed(length, window.offset, spec.max_gap) > MAX_RAW_ROWS as i64 {
                raw
            } else {
                RowsNeeded::Panes
            }
        }
        _ => raw,
    }
}

/// Whether the value over a window follows from values over its parts.
fn decomposes(reduce: Reduce) -> bool {
    match reduce {
        Reduce::Avg
        | Reduce::Min
        | Reduce::Max
        | Reduce::Sum
        | Reduce::Count
        | Reduce::First
        | Reduce::Last
        | Reduce::Stddev
        | Reduce::Var
        | Reduce::Spread
        | Reduce::Rate
        | Reduce::Increase
        | Reduce::Delta
        | Reduce::Changes
        | Reduce::Resets
        | Reduce::Coverage
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::All
        | Reduce::Any
        | Reduce::Share => true,
        Reduce::Quantile(_)
        | Reduce::Mad
        | Reduce::Irate
        | Reduce::Idelta
        | Reduce::Slope
        | Reduce::Predict(_)
        | Reduce::Ewma(_)
        | Reduce::DoubleExponential(..)
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::DeltaProm
        | Reduce::ChangesProm
        | Reduce::ResetsProm => false,
    }
}

/// Whether `reduce` says something about the whole window, so that the window must be covered well enough.
pub(super) fn needs_coverage(reduce: Reduce, tested: bool) -> bool {
    match reduce {
        Reduce::Count => tested,
        Reduce::Last
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::Coverage
        | Reduce::Irate
        | Reduce::Idelta
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::DeltaProm
        | Reduce::ChangesProm
        | Reduce::ResetsProm => false,
        _ => true,
    }
}

/// The width of the panes of a window of this length.
pub(super) fn pane_width(length: Millis) -> Millis {
    length.saturating_add(PANES - 1).div_euclid(PANES).max(1)
}

/// How many panes a series needs: those that the window overlaps, those between it and now, and those where its anchor may be.
pub(super) fn panes_needed(length: Millis, offset: Millis, max_gap: Millis) -> i64 {
    let width = pane_width(length);
    let panes = |part: Millis| part.max(0) / width + i64::from(part % width != 0);
    panes(length)
        .saturating_add(panes(offset))
        .saturating_add(panes(max_gap))
        .saturating_add(2)
}
