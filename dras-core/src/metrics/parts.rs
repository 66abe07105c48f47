//! The parts that values over a window are put together from.

use super::kernels::sums::Sum;
use super::marks::Marks;
use super::query::Reduce;
use crate::units::Millis;

/// A part of a value, with the number of f64 it takes in each pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Sum and its compensation.
    Sum,
    Min,
    Max,
    /// Time and value of the oldest sample.
    First,
    /// Time and value of the newest sample.
    Last,
    /// Mean and sum of squared deviations.
    Moments,
    /// Sum of a counter's steps inside the pane, and its compensation.
    Steps,
    Resets,
    Changes,
    /// Time and value of the latest smallest sample.
    MinAt,
    /// Time and value of the latest largest sample.
    MaxAt,
}

pub(super) const PARTS: [(Part, u16); 11] = [
    (Part::Sum, 2),
    (Part::Min, 1),
    (Part::Max, 1),
    (Part::First, 2),
    (Part::Last, 2),
    (Part::Moments, 2),
    (Part::Steps, 2),
    (Part::Resets, 1),
    (Part::Changes, 1),
    (Part::MinAt, 2),
    (Part::MaxAt, 2),
];

impl Part {
    /// Its bit in a set of parts.
    pub(super) fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The parts that `reduce` is made of, besides the number of samples and their coverage.
pub(super) fn parts(reduce: Reduce) -> &'static [Part] {
    match reduce {
        Reduce::Avg | Reduce::Sum => &[Part::Sum],
        Reduce::Min => &[Part::Min],
        Reduce::Max => &[Part::Max],
        Reduce::First | Reduce::AgeOfFirst => &[Part::First],
        Reduce::Last | Reduce::Age => &[Part::Last],
        Reduce::Stddev | Reduce::Var => &[Part::Moments],
        Reduce::Spread => &[Part::Min, Part::Max],
        Reduce::Increase | Reduce::Rate => &[Part::First, Part::Last, Part::Steps],
        Reduce::Delta => &[Part::First, Part::Last],
        Reduce::Resets => &[Part::First, Part::Last, Part::Resets],
        Reduce::Changes => &[Part::First, Part::Last, Part::Changes],
        Reduce::AgeOfMin => &[Part::MinAt],
        Reduce::AgeOfMax => &[Part::MaxAt],
        _ => &[],
    }
}

/// The samples that a constant test lets pass.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Passing {
    pub(super) lo: f64,
    pub(super) hi: f64,
    pub(super) negate: bool,
}

impl Passing {
    pub(super) fn passes(self, x: f64) -> bool {
        (self.lo <= x && x <= self.hi) != self.negate
    }

    pub(super) fn same(self, other: Passing) -> bool {
        self.lo.to_bits() == other.lo.to_bits()
            && self.hi.to_bits() == other.hi.to_bits()
            && self.negate == other.negate
    }
}

/// The smaller of two values; any value rather than NaN.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if b < a || a.is_nan() { b } else { a }
}

/// The larger of two values; any value rather than NaN.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a || a.is_nan() { b } else { a }
}

/// Adds a sum to another.
pub(super) fn join(total: &mut Sum, next: Sum) {
    total.add(next.rounded);
    total.lost += next.lost;
}

/// What a counter rose by from one sample to the next.
fn step(from: f64, to: f64, restarted: bool) -> f64 {
    if to < from || restarted { to } else { to - from }
}

/// Whether a value differs from the one before; NaN does not differ from NaN.
fn differs(from: f64, to: f64) -> bool {
    from != to && !(from.is_nan() && to.is_nan())
}

/// All parts of one pane, or of several put together. Those that no rule asks for are not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) samples: u32,
    pub(super) passed: f64,
    pub(super) sum: Sum,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) first: (f64, f64),
    pub(super) last: (f64, f64),
    pub(super) moments: (f64, f64),
    pub(super) steps: Sum,
    pub(super) resets: f64,
    pub(super) changes: f64,
    pub(super) min_at: (f64, f64),
    pub(super) max_at: (f64, f64),
}

pub(super) const EMPTY: Parts = Parts {
    samples: 0,
    passed: 0.0,
    sum: Sum::ZERO,
    min: f64::NAN,
    max: f64::NAN,
    first: (0.0, 0.0),
    last: (0.0, 0.0),
    moments: (0.0, 0.0),
    steps: Sum::ZERO,
    resets: 0.0,
    changes: 0.0,
    min_at: (0.0, f64::NAN),
    max_at: (0.0, f64::NAN),
};

impl Parts {
    /// The next sample in time order. Times are whole milliseconds below 2⁵³ and exact as f64.
    pub(super) fn add(&mut self, t: Millis, v: f64, wanted: u16, marks: &Marks) {
        let at = (t as f64, v);
        let wants = |parts: u16| wanted & parts != 0;
        if self.samples == 0 {
            self.first = at;
        } else if wants(Part::Steps.bit() | Part::Resets.bit() | Part::Changes.bit()) {
            self.follow(self.last, at, marks);
        }
        self.last = at;
        self.samples += 1;
        if wants(Part::Sum.bit()) {
            self.sum.add(v);
        }
        if wants(Part::Min.bit()) {
            self.min = smaller(self.min, v);
        }
        if wants(Part::Max.bit()) {
            self.max = larger(self.max, v);
        }
        if wants(Part::MinAt.bit()) && (v <= self.min_at.1 || self.min_at.1.is_nan()) {
            self.min_at = at;
        }
        if wants(Part::MaxAt.bit()) && (v >= self.max_at.1 || self.max_at.1.is_nan()) {
            self.max_at = at;
        }
        if wants(Part::Moments.bit()) {
            let deviation = v - self.moments.0;
            self.moments.0 += deviation / f64::from(self.samples);
            self.moments.1 += deviation * (v - self.moments.0);
        }
    }

    /// The step from one sample to the next.
    fn follow(&mut self, from: (f64, f64), to: (f64, f64), marks: &Marks) {
        let restarted = marks.restarted(from.0 as Millis, to.0 as Millis);
        self.steps.add(step(from.1, to.1, restarted));
        self.resets += f64::from(to.1 < from.1 || restarted);
        self.changes += f64::from(differs(from.1, to.1));
    }

    /// The parts of the time right after this one.
    pub(super) fn append(&mut self, next: &Parts, reduce: Reduce, marks: &Marks) {
        if next.samples == 0 {
            return;
        }
        match reduce {
            Reduce::Avg | Reduce::Sum => join(&mut self.sum, next.sum),
            Reduce::Stddev | Reduce::Var if self.samples > 0 => {
                // Chan, Golub and LeVeque (1979): means and squared deviations of two parts.
                let (n, m) = (f64::from(self.samples), f64::from(next.samples));
                let deviation = next.moments.0 - self.moments.0;
                self.moments.0 += deviation * (m / (n + m));
                self.moments.1 += next.moments.1 + deviation * deviation * (n * m / (n + m));
            }
            Reduce::Stddev | Reduce::Var => self.moments = next.moments,
            Reduce::Increase | Reduce::Rate | Reduce::Resets | Reduce::Changes => {
                if self.samples > 0 {
                    self.follow(self.last, next.first, marks);
                }
                join(&mut self.steps, next.steps);
                self.resets += next.resets;
                self.changes += next.changes;
            }
            _ => {
                self.min = smaller(self.min, next.min);
                self.max = larger(self.max, next.max);
                if next.min_at.1 <= self.min_at.1 || self.min_at.1.is_nan() {
                    self.min_at = next.min_at;
                }
                if next.max_at.1 >= self.max_at.1 || self.max_at.1.is_nan() {
                    self.max_at = next.max_at;
                }
            }
        }
        if self.samples == 0 {
            self.first = next.first;
        }
        self.last = next.last;
        self.samples += next.samples;
        self.passed += next.passed;
    }
}

impl Parts {
    /// The value of all the parts together.
    pub(super) fn value(
        &mut self,
        reduce: Reduce,
        anchor: Option<(f64, f64)>,
        left: Millis,
        now: Millis,
        tested: bool,
        marks: &Marks,
    ) -> Option<f64> {
        let n = f64::from(self.samples);
        if self.samples == 0 {
            return (reduce == Reduce::Count).then_some(0.0);
        }
        let age = |t: f64| (now as f64 - t) / 1000.0;
        if let (Some(anchor), Reduce::Increase | Reduce::Rate | Reduce::Resets | Reduce::Changes) = (anchor, reduce) {
            self.follow(anchor, self.first, marks);
        }
        let mut base = anchor.unwrap_or(self.first);
        if let (None, Reduce::Increase | Reduce::Rate) = (anchor, reduce)
            && let Some(start) = marks
                .restart_before(self.first.0 as Millis)
                .filter(|start| *start > left)
        {
            // The counter began at zero inside the window.
            base = (start as f64, 0.0);
            self.steps.add(self.first.1);
        }
        Some(match reduce {
            Reduce::Avg if self.sum.is_finite() => self.sum.divided(self.samples as usize),
            Reduce::Avg | Reduce::Sum => self.sum.value(),
            Reduce::Min => self.min,
            Reduce::Max => self.max,
            Reduce::Spread => self.max - self.min,
            Reduce::First => self.first.1,
            Reduce::Last => self.last.1,
            Reduce::Var => self.moments.1 / n,
            Reduce::Stddev => (self.moments.1 / n).sqrt(),
            Reduce::Increase => self.steps.value(),
            Reduce::Rate => {
                let span = self.last.0 - base.0;
                if span <= 0.0 {
                    return None;
                }
                self.steps.value() / (span / 1000.0)
            }
            Reduce::Delta => self.last.1 - base.1,
            Reduce::Resets => self.resets,
            Reduce::Changes => self.changes,
            Reduce::Age => age(self.last.0),
            Reduce::AgeOfFirst => age(self.first.0),
            Reduce::AgeOfMin => age(self.min_at.0),
            Reduce::AgeOfMax => age(self.max_at.0),
            Reduce::Count if tested => self.passed,
            Reduce::Count => n,
            Reduce::All => f64::from(self.passed == n),
            Reduce::Any => f64::from(self.passed > 0.0),
            Reduce::Share => self.passed / n,
            // Coverage is worked out from `covered`; the others need raw samples.
            _ => return None,
        })
    }
}
