//! Steps between samples: increase, rate, delta, changes and resets, anchored and in Prometheus' extrapolating way.

use super::sums::Sum;
use super::{Frame, View};
use crate::units::Millis;

/// The sample that steps are counted from: the anchor, a counter's known zero, or the first sample in the window.
#[derive(Debug, Clone, Copy)]
struct Left {
    time: Millis,
    value: f64,
    /// Start of the process known for it, 0 if not.
    start: Millis,
    /// Index of the first sample that comes after it.
    next: usize,
}

/// Seconds between two times of which `from` is the earlier.
fn seconds(from: Millis, to: Millis) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

/// Whether a counter began anew after the previous sample, as its start timestamps tell (Prometheus 3.14).
///
/// A start at or after its own sample says nothing. One that equals the time of the previous sample is a fresh start for delta series,
/// whose previous start is known and earlier; otherwise it only means that the start is not known.
fn restarted(previous_start: Millis, previous_time: Millis, start: Millis, time: Millis) -> bool {
    start != 0
        && start < time
        && (start > previous_time || (start == previous_time && previous_start != 0 && previous_start < previous_time))
}

/// Number of neighbours, `before` and the first of `values` included, for which `step(previous, value)` holds.
#[inline]
fn neighbours(before: f64, values: &[f64], step: impl Fn(f64, f64) -> bool) -> u64 {
    let Some(&first) = values.first() else { return 0 };
    let inner: u64 = values
        .iter()
        .zip(&values[1..])
        .map(|(&a, &b)| u64::from(step(a, b)))
        .sum();
    inner + u64::from(step(before, first))
}

impl View<'_> {
    fn start(&self, index: usize) -> Millis {
        self.starts.get(index).copied().unwrap_or(0)
    }

    /// The anchor, or the first sample in the window. `None` without a sample in the window.
    fn left(&self) -> Option<Left> {
        let (&time, &value) = (self.times.first()?, self.values.first()?);
        Some(match self.anchor {
            Some((time, value)) => Left {
                time,
                value,
                start: self.anchor_start,
                next: 0,
            },
            None => Left {
                time,
                value,
                start: self.start(0),
                next: 1,
            },
        })
    }

    /// The same for a counter, where the start of the process inside the window is a sample of zero.
    fn counter_left(&self, frame: &Frame) -> Option<Left> {
        let left = self.left()?;
        if left.next == 1 && left.start != 0 && left.start > frame.start && left.start < left.time {
            return Some(Left {
                time: left.start,
                value: 0.0,
                start: 0,
                next: 0,
            });
        }
        Some(left)
    }

    /// Calls `reset` with the values before each reset after `left`, and returns the last value.
    fn each_reset(&self, left: Left, mut reset: impl FnMut(f64)) -> f64 {
        let (mut time, mut value, mut start) = (left.time, left.value, left.start);
        for index in left.next..self.values.len() {
            let (now, next, begun) = (self.times[index], self.values[index], self.start(index));
            if next < value || restarted(start, time, begun, now) {
                reset(value);
            }
            (time, value, start) = (now, next, begun);
        }
        value
    }

    /// Increase since `left`: the sum over the stretches between resets of last less first, where a stretch after a reset begins at zero.
    ///
    /// The steps of a stretch are not added one by one: their sum is its last value less its first, rounded once. Integers stay integers.
    fn increase_since(&self, left: Left) -> f64 {
        let last = self.values.last().copied().unwrap_or(left.value);
        if self.starts.is_empty() && neighbours(left.value, &self.values[left.next..], |a, b| b < a) == 0 {
            return last - left.value;
        }
        let mut total = Sum::ZERO;
        let mut begun = left.value;
        let last = self.each_reset(left, |value| {
            total.add(value - begun);
            begun = 0.0;
        });
        total.add(last - begun);
        total.value()
    }

    fn resets_since(&self, left: Left) -> u64 {
        if self.starts.is_empty() {
            return neighbours(left.value, &self.values[left.next..], |a, b| b < a);
        }
        let mut count = 0;
        self.each_reset(left, |_| count += 1);
        count
    }

    pub(super) fn increase(&self, frame: &Frame) -> Option<f64> {
        Some(self.increase_since(self.counter_left(frame)?))
    }

    /// The increase over the span between the sample it is counted from and the newest.
    pub(super) fn rate(&self, frame: &Frame) -> Option<f64> {
        let left = self.counter_left(frame)?;
        let span = seconds(left.time, *self.times.last()?);
        (span > 0.0).then(|| self.increase_since(left) / span)
    }

    pub(super) fn delta(&self) -> Option<f64> {
        Some(self.values.last()? - self.left()?.value)
    }

    pub(super) fn changes(&self) -> Option<f64> {
        self.left().map(|left| self.changes_since(left))
    }

    pub(super) fn resets(&self) -> Option<f64> {
        self.left().map(|left| self.resets_since(left) as f64)
    }

    fn changes_since(&self, left: Left) -> f64 {
        // NaN after NaN is no change.
        neighbours(left.value, &self.values[left.next..], |a, b| {
            a != b && !(a.is_nan() && b.is_nan())
        }) as f64
    }

    fn without_anchor(&self) -> Self {
        Self {
            anchor: None,
            anchor_start: 0,
            ..*self
        }
    }

    pub(super) fn changes_prom(&self) -> Option<f64> {
        self.without_anchor().changes()
    }

    pub(super) fn resets_prom(&self) -> Option<f64> {
        self.without_anchor().resets()
    }

    /// Prometheus' extrapolated increase (`counter`) or delta; the rate is this over the nominal window.
    ///
    /// What is seen between the first and the last sample is scaled up to the window, but by no more than half the average gap on a
    /// side whose edge lies more than 1.1 average gaps away, and for a counter not beyond the point where it would have been zero. A
    /// start of the process inside the window is a sample of zero there.
    pub(super) fn extrapolated(&self, frame: &Frame, counter: bool) -> Option<f64> {
        let inside = self.without_anchor();
        let first = inside.left()?;
        let last_time = *self.times.last()?;
        let gaps = self.values.len() - 1;
        let seen = seconds(first.time, last_time);
        let gap = if gaps > 0 { seen / gaps as f64 } else { 0.0 };
        let far = gap * 1.1;

        let mut to_end = seconds(last_time, frame.end);
        if to_end >= far {
            to_end = gap / 2.0;
        }
        if counter && let Some(zero) = inside.counter_left(frame).filter(|left| left.next == 0) {
            let seen = seconds(zero.time, last_time);
            return Some(inside.increase_since(zero) * ((seen + to_end) / seen));
        }
        if gaps == 0 {
            return None;
        }
        let increase = if counter {
            inside.increase_since(first)
        } else {
            self.values.last()? - first.value
        };
        let mut to_start = seconds(frame.start, first.time);
        if to_start >= far {
            to_start = gap / 2.0;
        }
        if counter && increase > 0.0 && first.value >= 0.0 {
            let to_zero = seen * (first.value / increase);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        (seen > 0.0).then(|| increase * ((seen + to_start + to_end) / seen))
    }

    pub(super) fn rate_prom(&self, frame: &Frame) -> Option<f64> {
        let window = seconds(frame.start, frame.end);
        if window > 0.0 {
            Some(self.extrapolated(frame, true)? / window)
        } else {
            None
        }
    }

    /// Step between the last two samples, for a counter with resets; with its length in seconds.
    pub(super) fn last_step(&self, counter: bool) -> Option<(f64, f64)> {
        let before = self.values.len().checked_sub(2)?;
        let (&[t0, t1], &[v0, v1]) = (
            self.times[before..].first_chunk()?,
            self.values[before..].first_chunk()?,
        );
        let reset = counter && (v1 < v0 || restarted(self.start(before), t0, self.start(before + 1), t1));
        let length = seconds(t0, t1);
        (length > 0.0).then_some((if reset { v1 } else { v1 - v0 }, length))
    }
}
