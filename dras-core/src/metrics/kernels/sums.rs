//! Sums, means and variances.
//!
//! Lane counts and the order in which lanes are joined are fixed and no multiply-add is fused, so that every machine gets the same bits.

use fearless_simd::f64x4;
use fearless_simd::prelude::*;

/// Lanes of compensated sums. Part of the format of results: changing it changes their last bits.
const LANES: usize = 4;
/// Lanes of plain sums.
const PLAIN_LANES: usize = 8;

/// A sum as the rounded value and what rounding lost: together exact to about twice the digits of an f64.
#[derive(Debug, Clone, Copy)]
pub(in crate::metrics) struct Sum {
    pub(in crate::metrics) rounded: f64,
    pub(in crate::metrics) lost: f64,
}

/// A sum and what its rounding loses, exactly: Neumaier's step in Knuth's form, which has no branch.
#[inline]
fn add(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let seen = sum - a;
    (sum, (a - (sum - seen)) + (b - seen))
}

impl Sum {
    pub(in crate::metrics) const ZERO: Sum = Sum {
        rounded: 0.0,
        lost: 0.0,
    };

    /// Adds one value, keeping what its rounding loses.
    #[inline]
    pub(in crate::metrics) fn add(&mut self, value: f64) {
        let (rounded, lost) = add(self.rounded, value);
        self.rounded = rounded;
        self.lost += lost;
    }

    pub(in crate::metrics) fn is_finite(self) -> bool {
        self.rounded.is_finite() && self.lost.is_finite()
    }

    /// The sum rounded to one number.
    pub(in crate::metrics) fn value(self) -> f64 {
        // An infinite sum has a lost part of NaN.
        if self.rounded.is_finite() {
            self.rounded + self.lost
        } else {
            self.rounded
        }
    }

    /// The sum divided by a count, rounded once: the mean of equal values is exactly that value, so that a constant never crosses a
    /// threshold that it equals.
    pub(in crate::metrics) fn divided(self, count: usize) -> f64 {
        let n = count as f64;
        let (quotient, reciprocal) = (self.rounded / n, 1.0 / n);
        // 26 + 27 bits of the quotient, each exact when multiplied by a count below 2^26; their difference from the sum is exact too.
        let high = f64::from_bits(quotient.to_bits() & !0x07ff_ffff);
        let low = quotient - high;
        let rest = ((self.rounded - high * n) - low * n) + self.lost;
        quotient + rest * reciprocal
    }
}

/// The last values, fewer than [`LANES`], filled up.
#[inline(always)]
fn filled<S: Simd>(simd: S, rest: &[f64], filler: f64) -> f64x4<S> {
    let four = match *rest {
        [a] => [a, filler, filler, filler],
        [a, b] => [a, b, filler, filler],
        [a, b, c] => [a, b, c, filler],
        _ => [filler; LANES],
    };
    f64x4::simd_from(simd, four)
}

/// The lanes of a compensated sum: the rounded values, and what rounding lost.
struct Lanes<S: Simd> {
    rounded: f64x4<S>,
    lost: f64x4<S>,
}

impl<S: Simd> Lanes<S> {
    /// As [`add`], a value to each lane.
    #[inline(always)]
    fn add(&mut self, b: f64x4<S>) {
        let a = self.rounded;
        let sum = a + b;
        let seen = sum - a;
        self.rounded = sum;
        self.lost += (a - (sum - seen)) + (b - seen);
    }

    /// The lanes joined, in a fixed order.
    #[inline(always)]
    fn joined(self) -> Sum {
        let ([a, b, c, d], [lost_a, lost_b, lost_c, lost_d]): ([f64; LANES], [f64; LANES]) =
            (self.rounded.into(), self.lost.into());
        let mut total = Sum {
            rounded: a,
            lost: (lost_a + lost_b) + (lost_c + lost_d),
        };
        total.add(b);
        total.add(c);
        total.add(d);
        total
    }
}

/// The compensated sum of `part(value)`.
#[inline(always)]
fn sums<S: Simd>(simd: S, values: &[f64], part: impl Fn(f64x4<S>) -> f64x4<S>) -> Sum {
    let zero = f64x4::splat(simd, 0.0);
    let mut lanes = Lanes {
        rounded: zero,
        lost: zero,
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        lanes.add(part(f64x4::simd_from(simd, *chunk)));
    }
    if !rest.is_empty() {
        // No lane is −0, so that adding +0 to it changes nothing.
        lanes.add(part(filled(simd, rest, 0.0)));
    }
    lanes.joined()
}

/// 2^−64: no count of samples brings a sum of numbers scaled by it out of range.
const SCALE: f64 = 5.421_010_862_427_522e-20;

/// What a sum that left the range is: the infinity or NaN that the values themselves make, or else the finite values' sum scaled by
/// [`SCALE`].
#[cold]
fn out_of_range<S: Simd>(simd: S, values: &[f64]) -> Result<Sum, f64> {
    let has = |infinity: f64| values.contains(&infinity);
    if values.iter().any(|v| v.is_nan()) || (has(f64::INFINITY) && has(f64::NEG_INFINITY)) {
        Err(f64::NAN)
    } else if has(f64::INFINITY) {
        Err(f64::INFINITY)
    } else if has(f64::NEG_INFINITY) {
        Err(f64::NEG_INFINITY)
    } else {
        Ok(sums(
            simd,
            values,
            #[inline(always)]
            |values| values * SCALE,
        ))
    }
}

/// Compensated sum; infinite only if the exact sum is out of range or a value is infinite.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, values: &[f64]) -> f64 {
    let total = sums(
        simd,
        values,
        #[inline(always)]
        |values| values,
    );
    if total.is_finite() {
        return total.value();
    }
    match out_of_range(simd, values) {
        Ok(scaled) => scaled.value() / SCALE,
        Err(value) => value,
    }
}

/// Mean of at least one value; finite if all values are, even where their sum is not.
#[inline(always)]
pub(super) fn mean<S: Simd>(simd: S, values: &[f64]) -> f64 {
    let total = sums(
        simd,
        values,
        #[inline(always)]
        |values| values,
    );
    if total.is_finite() {
        return total.divided(values.len());
    }
    match out_of_range(simd, values) {
        Ok(scaled) => scaled.divided(values.len()) / SCALE,
        Err(value) => value,
    }
}

/// Eight lanes of a plain sum, four in each, joined in a fixed order.
#[inline(always)]
fn joined<S: Simd>(low: f64x4<S>, high: f64x4<S>) -> f64 {
    let ([a, b, c, d], [e, f, g, h]) = (low.into(), high.into());
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Eight values as two fours.
#[inline(always)]
fn halves<S: Simd>(simd: S, chunk: &[f64; PLAIN_LANES]) -> [f64x4<S>; 2] {
    let (halves, _) = chunk.as_chunks::<LANES>();
    [f64x4::simd_from(simd, halves[0]), f64x4::simd_from(simd, halves[1])]
}

/// Sums of deviations and of their squares.
struct Deviations<S: Simd> {
    plain: f64x4<S>,
    squares: f64x4<S>,
}

impl<S: Simd> Deviations<S> {
    #[inline(always)]
    fn none(simd: S) -> Deviations<S> {
        let zero = f64x4::splat(simd, 0.0);
        Deviations {
            plain: zero,
            squares: zero,
        }
    }

    #[inline(always)]
    fn add(&mut self, deviation: f64x4<S>) {
        self.plain += deviation;
        self.squares += deviation * deviation;
    }
}

/// Population variance of at least one value by two passes; NaN where a value is NaN or infinite.
///
/// The first pass finds the mean from the first value on, `origin + Σ(v − origin)/n`: exact for equal values, and near enough to centre the
/// second pass on. That also sums the plain deviations, which corrects for the rounding of the centre (the corrected two-pass algorithm).
#[inline(always)]
pub(super) fn variance<S: Simd>(simd: S, values: &[f64]) -> f64 {
    let Some(&origin) = values.first() else { return f64::NAN };
    let reciprocal = 1.0 / values.len() as f64;
    let zero = f64x4::splat(simd, 0.0);
    let (chunks, rest) = values.as_chunks::<PLAIN_LANES>();
    let (four, rest) = match rest.split_first_chunk::<LANES>() {
        Some((four, rest)) => (Some(*four), rest),
        None => (None, rest),
    };

    let (mut low, mut high) = (zero, zero);
    for chunk in chunks {
        let [first, second] = halves(simd, chunk);
        low += first - origin;
        high += second - origin;
    }
    // What is filled in adds +0, which changes no lane; where `origin` is infinite or NaN, so is the first value, and the sum is NaN anyway.
    let few = filled(simd, rest, origin) - origin;
    match four {
        Some(four) => {
            low += f64x4::simd_from(simd, four) - origin;
            high += few;
        }
        None => low += few,
    }
    let centre = origin + joined(low, high) * reciprocal;

    let (mut low, mut high) = (Deviations::none(simd), Deviations::none(simd));
    for chunk in chunks {
        let [first, second] = halves(simd, chunk);
        low.add(first - centre);
        high.add(second - centre);
    }
    // As above; from an infinite centre all deviations are infinite, and the variance is NaN.
    let few = filled(simd, rest, centre) - centre;
    match four {
        Some(four) => {
            low.add(f64x4::simd_from(simd, four) - centre);
            high.add(few);
        }
        None => low.add(few),
    }
    let (deviation, squares) = (joined(low.plain, high.plain), joined(low.squares, high.squares));
    let variance = (squares - deviation * deviation * reciprocal) * reciprocal;
    // Rounding may leave it a hair below zero. Not `f64::max`: that would turn NaN into zero.
    if variance < 0.0 { 0.0 } else { variance }
}
