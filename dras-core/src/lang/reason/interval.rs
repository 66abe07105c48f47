//! Sets of numbers between two ends, and what operators make of them.
//!
//! Every result holds all values that the operator can give for operands in the given sets (it may hold more). What is undefined is not a
//! value: an interval only speaks of the cases in which there is one. Rounding is monotone, so that the ends, computed like the values
//! themselves, stay ends; means that come out a rounding error above the largest sample are not counted.

use crate::lang::arithmetic::{Fn1, Fn2, Fn3};

/// All numbers from `lo` to `hi`, both included; none where `lo > hi`. Truth values are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
}

impl Interval {
    pub(crate) const ALL: Interval = Interval::new(f64::NEG_INFINITY, f64::INFINITY);
    pub(crate) const POSITIVE: Interval = Interval::new(0.0, f64::INFINITY);
    pub(crate) const TRUTH: Interval = Interval::new(0.0, 1.0);

    pub(crate) const fn new(lo: f64, hi: f64) -> Interval {
        Interval { lo, hi }
    }

    pub(crate) fn point(x: f64) -> Interval {
        Interval::new(x, x)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.lo > self.hi || self.lo.is_nan() || self.hi.is_nan()
    }

    /// The number, where there is only one.
    pub(crate) fn constant(self) -> Option<f64> {
        (self.lo == self.hi).then_some(self.lo)
    }

    #[must_use]
    pub(crate) fn and(self, other: Interval) -> Interval {
        Interval::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub(crate) fn hull(self, other: Interval) -> Interval {
        if self.is_empty() {
            other
        } else if other.is_empty() {
            self
        } else {
            Interval::new(self.lo.min(other.lo), self.hi.max(other.hi))
        }
    }

    /// Of a function that never falls.
    fn rising(self, f: impl Fn(f64) -> f64) -> Interval {
        Interval::new(f(self.lo), f(self.hi))
    }

    /// A little more, for functions that are not exact to the last bit.
    fn widened(self) -> Interval {
        let slack = |x: f64| if x.is_finite() { x.abs() * 1e-12 } else { 0.0 };
        Interval::new(self.lo - slack(self.lo), self.hi + slack(self.hi))
    }

    /// The ends of all products or quotients of ends.
    fn corners(self, other: Interval, f: impl Fn(f64, f64) -> f64) -> Interval {
        let mut result = Interval::new(f64::INFINITY, f64::NEG_INFINITY);
        for a in [self.lo, self.hi] {
            for b in [other.lo, other.hi] {
                result = result.hull(Interval::point(f(a, b)));
            }
        }
        result
    }
}

/// `0 × ∞` is 0 here: no value is infinite, and 0 times any of them is 0.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

fn multiply(a: Interval, b: Interval) -> Interval {
    a.corners(b, times)
}

fn divide(a: Interval, b: Interval) -> Interval {
    if b.lo > 0.0 || b.hi < 0.0 {
        // The inverse of an interval beside 0, with 1/∞ = 0.
        return multiply(a, Interval::new(1.0 / b.hi, 1.0 / b.lo)).hull(a.corners(b, |x, y| {
            // Exactly as the values are computed, where the ends are finite: 1/b rounds once more.
            if x.is_finite() && y.is_finite() { x / y } else { 0.0 }
        }));
    }
    // Division by 0 is undefined; what is near 0 makes the result as large as it may be.
    match (a.lo >= 0.0, b.lo >= 0.0) {
        (true, true) => Interval::new(if b.hi.is_finite() { a.lo / b.hi } else { 0.0 }, f64::INFINITY),
        _ => Interval::ALL,
    }
}

pub(super) fn fn1(f: Fn1, a: Interval) -> Interval {
    match f {
        Fn1::Negate => Interval::new(-a.hi, -a.lo),
        Fn1::Abs if a.lo >= 0.0 => a,
        Fn1::Abs if a.hi <= 0.0 => Interval::new(-a.hi, -a.lo),
        Fn1::Abs => Interval::new(0.0, a.hi.max(-a.lo)),
        Fn1::Ceil | Fn1::Floor | Fn1::Round | Fn1::Trunc => a.rising(|x| f.apply(x)),
        Fn1::Sign => a.rising(|x| if x == 0.0 { 0.0 } else { x.signum() }),
        Fn1::Sqrt => a.and(Interval::POSITIVE).rising(f64::sqrt),
        Fn1::Exp => a.rising(|x| f.apply(x)).widened().and(Interval::POSITIVE),
        Fn1::Ln | Fn1::Log2 | Fn1::Log10 => a
            .and(Interval::POSITIVE)
            .rising(|x| match x {
                0.0 => f64::NEG_INFINITY,
                f64::INFINITY => f64::INFINITY,
                _ => f.apply(x),
            })
            .widened(),
    }
}

pub(super) fn fn2(f: Fn2, a: Interval, b: Interval) -> Interval {
    if a.is_empty() || b.is_empty() {
        return Interval::ALL;
    }
    match f {
        Fn2::Add => Interval::new(a.lo + b.lo, a.hi + b.hi),
        Fn2::Subtract => Interval::new(a.lo - b.hi, a.hi - b.lo),
        Fn2::Multiply => multiply(a, b),
        Fn2::Divide => divide(a, b),
        Fn2::Min => Interval::new(a.lo.min(b.lo), a.hi.min(b.hi)),
        Fn2::Max => Interval::new(a.lo.max(b.lo), a.hi.max(b.hi)),
        Fn2::Remainder => {
            let most = a.hi.abs().max(a.lo.abs()).min(b.hi.abs().max(b.lo.abs()));
            Interval::new(
                if a.lo >= 0.0 { 0.0 } else { -most },
                if a.hi <= 0.0 { 0.0 } else { most },
            )
        }
        Fn2::Pow if a.lo >= 0.0 => Interval::POSITIVE,
        Fn2::Pow => Interval::ALL,
        Fn2::RoundTo => match b.constant() {
            Some(step) if step > 0.0 => a.rising(|x| if x.is_finite() { f.apply(x, step) } else { x }),
            _ => Interval::ALL,
        },
        Fn2::Reserve => match b.constant() {
            Some(ratio) if (0.0..1.0).contains(&ratio) => a.rising(|x| f.apply(x, ratio)),
            _ if a.lo >= 0.0 => Interval::new(a.lo, f64::INFINITY),
            _ => Interval::ALL,
        },
        Fn2::ReserveOfUsage => multiply(a, fn2(Fn2::Add, Interval::point(1.0), b.and(Interval::POSITIVE))),
    }
}

pub(super) fn fn3(f: Fn3, a: Interval, b: Interval, c: Interval) -> Interval {
    match f {
        Fn3::Clamp => fn2(Fn2::Max, b, fn2(Fn2::Min, a, c)),
        Fn3::ScaleTo => {
            let (a, b, c) = (
                a.and(Interval::POSITIVE),
                b.and(Interval::POSITIVE),
                c.and(Interval::POSITIVE),
            );
            let scaled = fn2(Fn2::Divide, fn2(Fn2::Multiply, a, b), c);
            // Rounded up, but not for rounding noise.
            Interval::new((scaled.lo * (1.0 - 1e-8)).max(0.0), scaled.hi.ceil() + 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FN1: [Fn1; 12] = [
        Fn1::Negate,
        Fn1::Abs,
        Fn1::Ceil,
        Fn1::Floor,
        Fn1::Round,
        Fn1::Trunc,
        Fn1::Sqrt,
        Fn1::Ln,
        Fn1::Log2,
        Fn1::Log10,
        Fn1::Exp,
        Fn1::Sign,
    ];
    const FN2: [Fn2; 11] = [
        Fn2::Add,
        Fn2::Subtract,
        Fn2::Multiply,
        Fn2::Divide,
        Fn2::Remainder,
        Fn2::Min,
        Fn2::Max,
        Fn2::Pow,
        Fn2::RoundTo,
        Fn2::Reserve,
        Fn2::ReserveOfUsage,
    ];

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(1.0),
            Just(-1.0),
            Just(0.6),
            (-20_i32..20).prop_map(f64::from),
            -2.0..2.0_f64,
            proptest::num::f64::NORMAL
        ]
    }

    /// An interval, perhaps without an end on one side, and a number in it.
    fn with_member() -> impl Strategy<Value = (Interval, f64)> {
        (number(), number(), number(), 0_u8..6).prop_map(|(a, b, c, open)| {
            let mut ends = [a, b, c];
            ends.sort_by(f64::total_cmp);
            let lo = if open == 1 || open == 3 {
                f64::NEG_INFINITY
            } else {
                ends[0]
            };
            let hi = if (2..=3).contains(&open) {
                f64::INFINITY
            } else {
                ends[2]
            };
            (Interval::new(lo, hi), ends[1])
        })
    }

    fn holds(result: Interval, value: f64) -> bool {
        !value.is_finite() || result.lo <= value && value <= result.hi
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Whatever an operator gives for members of intervals lies in the interval it gives for the intervals.
        #[test]
        fn results_hold_all_values((a, x) in with_member(), (b, y) in with_member(), (c, z) in with_member()) {
            for f in FN1 {
                prop_assert!(holds(fn1(f, a), f.apply(x)), "{f:?} {a:?} {x}");
            }
            for f in FN2 {
                prop_assert!(holds(fn2(f, a, b), f.apply(x, y)), "{f:?} {a:?} {b:?} {x} {y}");
            }
            for f in [Fn3::Clamp, Fn3::ScaleTo] {
                prop_assert!(holds(fn3(f, a, b, c), f.apply(x, y, z)), "{f:?} {a:?} {b:?} {c:?} {x} {y} {z}");
            }
        }
    }
}
