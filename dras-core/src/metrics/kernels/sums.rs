//! Sums, means and variances.
//!
//! Lane counts and the order in which lanes are joined are fixed and no multiply-add is fused, so that every machine gets the same bits.

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

/// Compensated sum of `part(value)`, which lets a caller scale.
#[inline]
fn compensated(values: &[f64], part: impl Fn(f64) -> f64) -> Sum {
    let (mut rounded, mut lost) = ([0.0; LANES], [0.0; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let (sum, error) = add(rounded[lane], part(chunk[lane]));
            rounded[lane] = sum;
            lost[lane] += error;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        let (sum, error) = add(rounded[lane], part(value));
        rounded[lane] = sum;
        lost[lane] += error;
    }
    let mut total = Sum {
        rounded: rounded[0],
        lost: (lost[0] + lost[1]) + (lost[2] + lost[3]),
    };
    for lane in &rounded[1..] {
        total.add(*lane);
    }
    total
}

/// 2^−64: no count of samples brings a sum of numbers scaled by it out of range.
const SCALE: f64 = 5.421_010_862_427_522e-20;

/// What a sum that left the range is: the infinity or NaN that the values themselves make, or else the finite values' sum scaled by
/// [`SCALE`].
#[cold]
fn out_of_range(values: &[f64]) -> Result<Sum, f64> {
    let has = |infinity: f64| values.contains(&infinity);
    if values.iter().any(|v| v.is_nan()) || (has(f64::INFINITY) && has(f64::NEG_INFINITY)) {
        Err(f64::NAN)
    } else if has(f64::INFINITY) {
        Err(f64::INFINITY)
    } else if has(f64::NEG_INFINITY) {
        Err(f64::NEG_INFINITY)
    } else {
        Ok(compensated(values, |value| value * SCALE))
    }
}

/// Compensated sum; infinite only if the exact sum is out of range or a value is infinite.
pub(super) fn sum(values: &[f64]) -> f64 {
    let total = compensated(values, |value| value);
    if total.is_finite() {
        return total.value();
    }
    match out_of_range(values) {
        Ok(scaled) => scaled.value() / SCALE,
        Err(value) => value,
    }
}

/// Mean of at least one value; finite if all values are, even where their sum is not.
pub(super) fn mean(values: &[f64]) -> f64 {
    let total = compensated(values, |value| value);
    if total.is_finite() {
        return total.divided(values.len());
    }
    match out_of_range(values) {
        Ok(scaled) => scaled.divided(values.len()) / SCALE,
        Err(value) => value,
    }
}

/// Plain sum in eight lanes, joined in a fixed order.
fn lanes_sum(lanes: [f64; PLAIN_LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Mean from the first value on: `origin + Σ(v − origin)/n`. Exact for equal values, and near enough to centre a second pass on.
#[inline]
fn centre(values: &[f64], origin: f64, reciprocal: f64) -> f64 {
    let mut lanes = [0.0; PLAIN_LANES];
    let (chunks, rest) = values.as_chunks::<PLAIN_LANES>();
    for chunk in chunks {
        for lane in 0..PLAIN_LANES {
            lanes[lane] += chunk[lane] - origin;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value - origin;
    }
    origin + lanes_sum(lanes) * reciprocal
}

/// Population variance of at least one value by two passes; NaN where a value is NaN or infinite.
///
/// The second pass also sums the plain deviations, which corrects for the rounding of the centre (the corrected two-pass algorithm).
pub(super) fn variance(values: &[f64]) -> f64 {
    let Some(&origin) = values.first() else { return f64::NAN };
    let reciprocal = 1.0 / values.len() as f64;
    let centre = centre(values, origin, reciprocal);
    let mut deviations = [0.0; PLAIN_LANES];
    let mut squares = [0.0; PLAIN_LANES];
    let (chunks, rest) = values.as_chunks::<PLAIN_LANES>();
    for chunk in chunks {
        for lane in 0..PLAIN_LANES {
            let deviation = chunk[lane] - centre;
            deviations[lane] += deviation;
            squares[lane] += deviation * deviation;
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let deviation = value - centre;
        deviations[lane] += deviation;
        squares[lane] += deviation * deviation;
    }
    let deviation = lanes_sum(deviations);
    let variance = (lanes_sum(squares) - deviation * deviation * reciprocal) * reciprocal;
    // Rounding may leave it a hair below zero. Not `f64::max`: that would turn NaN into zero.
    if variance < 0.0 { 0.0 } else { variance }
}
