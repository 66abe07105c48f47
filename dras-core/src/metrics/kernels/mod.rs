//! The arithmetic under windows: one series' samples in one window to one value, and many instances' values to one.
//!
//! Pure functions over slices. They know nothing of storage, staleness or required coverage; the windows do, and hand over the samples
//! that count. Semantics are Prometheus 3.14's where a function of the same name exists there, with two exceptions that users of
//! autoscalers need: [`Reduce::Increase`], [`Reduce::Rate`], [`Reduce::Delta`], [`Reduce::Changes`] and [`Reduce::Resets`] are
//! *anchored* (the last sample before the window is the left value, nothing is extrapolated), and `Rate` divides by the span that the
//! increase was really seen over. Prometheus' extrapolating forms are the variants that end in `Prom`.
//!
//! **Same bits everywhere.** Sums are compensated (Neumaier) in four lanes joined in a fixed order; nothing is fused, powers come from
//! the `libm` crate, NaN results have one bit pattern, and the sign of a zero does not depend on the order of samples. Every build for
//! every machine gives the same results, and a test holds a hash of them. Vectors are as wide as the machine has them; how many values a lane
//! adds up does not depend on that.
//!
//! **Constants stay constant.** Mean, quantile, least-squares prediction and smoothed mean of equal samples are exactly that value, and
//! their deviation is exactly zero, so that `avg(cpu[5m]) > 80%` does not fire on a flat 80%.

mod across;
mod counter;
mod order;
pub(super) mod sums;
#[cfg(test)]
mod tests;
mod trend;

pub use across::across;
pub(super) use order::{max as largest, min as smallest};

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

use super::parts::Passing;
use super::query::Reduce;
use crate::units::Millis;

/// The samples of one series in one window, oldest first.
///
/// `times` ascend strictly, lie in the window, and `values` has as many entries: whatever one slice has more is not looked at. `values`
/// never holds a mark for an absent sample; NaN is a sample here (a metric that propagates it) and counts as in Prometheus.
#[derive(Debug, Clone, Copy, Default)]
pub struct Samples<'a> {
    /// When, in ms since the epoch.
    pub times: &'a [Millis],
    /// What.
    pub values: &'a [f64],
    /// The last sample at or before the window's start, if it counts as a baseline.
    pub anchor: Option<(Millis, f64)>,
    /// Start of the process (where its counters were zero) known for each sample, 0 for unknown. Empty if none is known, which is the
    /// usual case; a slice of any other length than `values` counts as empty.
    pub starts: &'a [Millis],
    /// Start of the process known for the anchor, 0 for unknown.
    pub anchor_start: Millis,
}

/// Where a window lies: `(start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Left edge, outside the window, in ms since the epoch.
    pub start: Millis,
    /// Right edge, inside.
    pub end: Millis,
    /// The time of the look: differs from `end` where the window is moved into the past. Ages and predictions count from it.
    pub now: Millis,
    /// The longest time that one sample stands for, in ms.
    pub max_gap: Millis,
}

impl Frame {
    /// Its length in ms, 0 for a frame that ends before it starts.
    pub fn length(&self) -> Millis {
        self.end.saturating_sub(self.start).max(0)
    }
}

/// Samples with all slices of one length.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    times: &'a [Millis],
    values: &'a [f64],
    anchor: Option<(Millis, f64)>,
    starts: &'a [Millis],
    anchor_start: Millis,
}

impl<'a> View<'a> {
    #[inline]
    fn new(samples: &Samples<'a>) -> View<'a> {
        let n = samples.times.len().min(samples.values.len());
        View {
            times: &samples.times[..n],
            values: &samples.values[..n],
            anchor: samples.anchor,
            starts: if samples.starts.len() == n { samples.starts } else { &[] },
            anchor_start: samples.anchor_start,
        }
    }
}

/// One bit pattern for NaN: arithmetic makes different ones on different machines.
fn tidy(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// Whether it is values alone that a reduction looks at: what [`OfValues`] knows.
pub(super) fn takes_values_only(reduce: Reduce) -> bool {
    matches!(
        reduce,
        Reduce::Avg
            | Reduce::Min
            | Reduce::Max
            | Reduce::Sum
            | Reduce::Count
            | Reduce::First
            | Reduce::Last
            | Reduce::Stddev
            | Reduce::Var
            | Reduce::Quantile(_)
            | Reduce::Mad
            | Reduce::Spread
    )
}

/// What is asked of values: a reduction that looks at them alone, or one with a test of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfValues {
    pub(super) reduce: Reduce,
    pub(super) test: Option<Passing>,
}

impl OfValues {
    /// What [`reduce`] or [`within`] say of at least one value; NaN for reductions that they do not know so. Which NaN it is where it is one does
    /// not matter. `level` is the instruction set to use: the results are the same with any.
    #[inline]
    pub(super) fn answer(&self, level: Level, values: &[f64], scratch: &mut Vec<f64>) -> f64 {
        Pass {
            asked: self,
            values,
            scratch,
        }
        .run(level)
    }
}

/// One pass over values: all that it needs in one place, so that little is moved where an instruction set is chosen.
struct Pass<'a> {
    asked: &'a OfValues,
    values: &'a [f64],
    scratch: &'a mut Vec<f64>,
}

impl Pass<'_> {
    fn run(&mut self, level: Level) -> f64 {
        dispatch!(level, simd => self.with_vectors(simd))
    }

    #[inline(always)]
    fn with_vectors<S: Simd>(&mut self, simd: S) -> f64 {
        let OfValues { reduce, ref test } = *self.asked;
        let values = self.values;
        if let Some(Passing { lo, hi, negate }) = *test {
            let all = values.len() as u64;
            let inside = order::inside(values, lo, hi);
            let passing = if negate { all - inside } else { inside };
            return match reduce {
                Reduce::Count => passing as f64,
                Reduce::All => f64::from(passing == all),
                Reduce::Any => f64::from(passing > 0),
                Reduce::Share => passing as f64 / all as f64,
                _ => f64::NAN,
            };
        }
        match reduce {
            Reduce::Avg => sums::mean(simd, values),
            Reduce::Min => order::min(values),
            Reduce::Max => order::max(values),
            Reduce::Sum => sums::sum(simd, values),
            Reduce::Count => values.len() as f64,
            Reduce::First => values.first().copied().unwrap_or(f64::NAN),
            Reduce::Last => values.last().copied().unwrap_or(f64::NAN),
            Reduce::Stddev => sums::variance(simd, values).sqrt(),
            Reduce::Var => sums::variance(simd, values),
            Reduce::Quantile(q) => order::quantile(values, q, self.scratch),
            Reduce::Mad => order::median_deviation(values, self.scratch),
            Reduce::Spread => order::spread(values),
            _ => f64::NAN,
        }
    }
}

/// [`OfValues`] without a test.
pub(super) fn of_values(level: Level, reduce: Reduce, values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    OfValues { reduce, test: None }.answer(level, values, scratch)
}

/// Reduces the samples of a window to one value, by any [`Reduce`] without a test.
///
/// `None` means too few samples ([`minimum_samples`]), except for [`Reduce::Count`] and [`Reduce::Coverage`], which know 0. The result
/// is NaN or infinite only where a sample is, where it leaves the range of an f64, or where a parameter is outside its domain (a quantile
/// below 0 is −∞, above 1 +∞; a smoothing factor outside 0…1 gives NaN). [`Reduce::All`], [`Reduce::Any`] and [`Reduce::Share`] take
/// every sample but zero as true.
///
/// - `Rate` is the increase divided by the seconds between the sample it is counted from and the newest, `RateProm` by the nominal window.
/// - Without an anchor the first sample in the window is the left value, unless the start of its process is known and lies in the window:
///   then `Increase` and `Rate` count from zero at that time.
/// - `Ewma(h)` begins at the first sample, and each later one pulls it `1 − 2^(−gap/h)` of the way to itself (Eckner's EMA with next-point
///   interpolation); a half-life of zero or less gives the last sample.
/// - `Predict` and the ages count from `frame.now`.
///
/// Linear in the number of samples; nothing is allocated once `scratch`, which is only a buffer for the quantiles, has grown to that number.
pub fn reduce(reduce: Reduce, samples: &Samples<'_>, frame: &Frame, scratch: &mut Vec<f64>) -> Option<f64> {
    reduce_at(Level::new(), reduce, samples, frame, scratch)
}

/// [`reduce`] with an instruction set, as [`OfValues::answer`].
pub(super) fn reduce_at(
    level: Level,
    reduce: Reduce,
    samples: &Samples<'_>,
    frame: &Frame,
    scratch: &mut Vec<f64>,
) -> Option<f64> {
    let view = View::new(samples);
    let values = view.values;
    let age = |time: Option<Millis>| time.map(|time| frame.now.saturating_sub(time) as f64 / 1000.0);
    let value = match reduce {
        Reduce::Count => Some(values.len() as f64),
        Reduce::Avg
        | Reduce::Min
        | Reduce::Max
        | Reduce::Sum
        | Reduce::First
        | Reduce::Last
        | Reduce::Stddev
        | Reduce::Var
        | Reduce::Quantile(_)
        | Reduce::Mad
        | Reduce::Spread => (!values.is_empty()).then(|| of_values(level, reduce, values, scratch)),
        Reduce::Rate => view.rate(frame),
        Reduce::Increase => view.increase(frame),
        Reduce::Delta => view.delta(),
        Reduce::Changes => view.changes(),
        Reduce::Resets => view.resets(),
        Reduce::Irate => view.last_step(true).map(|(step, seconds)| step / seconds),
        Reduce::Idelta => view.last_step(false).map(|(step, _)| step),
        Reduce::Slope => view.slope(),
        Reduce::Predict(ahead) => view.predict(frame.now, ahead),
        Reduce::Ewma(half_life) => view.ewma(half_life),
        Reduce::DoubleExponential(smoothing, trend) => view.double_exponential(smoothing, trend),
        Reduce::Coverage => {
            let length = frame.length();
            (length > 0).then(|| view.covered(frame) as f64 / length as f64)
        }
        Reduce::Age => age(view.times.last().copied()),
        Reduce::AgeOfFirst => age(view.times.first().copied()),
        Reduce::AgeOfMin => age(order::time_of(view.times, values, |value, held| value <= held)),
        Reduce::AgeOfMax => age(order::time_of(view.times, values, |value, held| value >= held)),
        Reduce::All | Reduce::Any | Reduce::Share => tested(reduce, samples, |value| value != 0.0),
        Reduce::IncreaseProm => view.extrapolated(frame, true),
        Reduce::RateProm => view.rate_prom(frame),
        Reduce::DeltaProm => view.extrapolated(frame, false),
        Reduce::ChangesProm => view.changes_prom(),
        Reduce::ResetsProm => view.resets_prom(),
    };
    value.map(tidy)
}

/// Reduces the samples of a window by how many of them pass a test: [`Reduce::Count`], [`Reduce::All`], [`Reduce::Any`] or
/// [`Reduce::Share`]. `passes` is called once for each sample, oldest first.
///
/// Without samples a count is 0 and the others are `None`. `None` for every other reduction: those take no test.
pub fn tested(reduce: Reduce, samples: &Samples<'_>, passes: impl FnMut(f64) -> bool) -> Option<f64> {
    let values = View::new(samples).values;
    if values.is_empty() && reduce != Reduce::Count {
        return None;
    }
    let all = values.len() as u64;
    let count = || order::passing(values, passes);
    match reduce {
        Reduce::Count => Some(count() as f64),
        Reduce::All => Some(f64::from(count() == all)),
        Reduce::Any => Some(f64::from(count() > 0)),
        Reduce::Share => Some(count() as f64 / all as f64),
        _ => None,
    }
}

/// [`tested`] with the test `lo ≤ value ≤ hi`, turned round by `negate`, in a form without branches. NaN lies in no interval.
pub fn within(reduce: Reduce, samples: &Samples<'_>, lo: f64, hi: f64, negate: bool) -> Option<f64> {
    tested(reduce, samples, |value| (lo..=hi).contains(&value) != negate)
}

/// How much of the window its samples cover, in ms.
///
/// A sample covers the time since the one before it, the anchor included, but no more than `frame.max_gap`; the first sample of a series
/// covers nothing before it. The newest also covers the time up to the window's end, again no more than `max_gap`. What lies outside the
/// window does not count.
pub fn covered(samples: &Samples<'_>, frame: &Frame) -> Millis {
    View::new(samples).covered(frame)
}

/// [`covered`] of samples of which no two that follow each other are more than `frame.max_gap` apart: without a look at each of them.
pub fn covered_without_gaps(samples: &Samples<'_>, frame: &Frame) -> Millis {
    let view = View::new(samples);
    let inside = match view.times {
        [first, .., last] => last.wrapping_sub(*first) as u64,
        _ => 0,
    };
    view.covered_with(frame, inside)
}

impl View<'_> {
    fn covered(&self, frame: &Frame) -> Millis {
        let most = frame.max_gap.max(0) as u64;
        let mut inside = 0_u64;
        for (&earlier, &later) in self.times.iter().zip(self.times.iter().skip(1)) {
            inside = inside.saturating_add((later.wrapping_sub(earlier) as u64).min(most));
        }
        self.covered_with(frame, inside)
    }

    /// The coverage, given what the samples cover of the time between the first and the last of them.
    fn covered_with(&self, frame: &Frame, inside: u64) -> Millis {
        let most = frame.max_gap.max(0) as u64;
        // Ascending times differ by less than 2^64, and the difference of two's complements is exact as an unsigned number.
        let between = |earlier: Millis, later: Millis| {
            if later > earlier {
                later.wrapping_sub(earlier) as u64
            } else {
                0
            }
        };
        let anchor = self.anchor.map(|anchor| anchor.0);
        let Some(last) = self.times.last().copied().or(anchor) else {
            return 0;
        };
        let mut total = 0_u64;
        if let (Some(anchor), Some(&first)) = (anchor, self.times.first()) {
            total += between(frame.start, first).min(between(anchor, first)).min(most);
        }
        total = total.saturating_add(inside);
        // With the anchor as the newest sample, part of what it covers lies before the window.
        let edge = last.saturating_add_unsigned(most).min(frame.end);
        total = total.saturating_add(between(last.max(frame.start), edge));
        total.min(frame.length() as u64) as Millis
    }
}

/// The number of samples without which a reduction is absent; the anchor is one of them where it is the left value ([`Reduce::Rate`]).
///
/// At least one of them must lie in the window. A known start of the process inside the window stands for one sample of a counter.
pub fn minimum_samples(reduce: Reduce) -> u32 {
    match reduce {
        Reduce::Count | Reduce::Coverage => 0,
        Reduce::Rate
        | Reduce::Irate
        | Reduce::Idelta
        | Reduce::Slope
        | Reduce::Predict(_)
        | Reduce::DoubleExponential(..)
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::DeltaProm => 2,
        Reduce::Avg
        | Reduce::Min
        | Reduce::Max
        | Reduce::Sum
        | Reduce::First
        | Reduce::Last
        | Reduce::Stddev
        | Reduce::Var
        | Reduce::Quantile(_)
        | Reduce::Mad
        | Reduce::Spread
        | Reduce::Increase
        | Reduce::Delta
        | Reduce::Changes
        | Reduce::Resets
        | Reduce::Ewma(_)
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::All
        | Reduce::Any
        | Reduce::Share
        | Reduce::ChangesProm
        | Reduce::ResetsProm => 1,
    }
}
