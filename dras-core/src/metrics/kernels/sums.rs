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

/// What each lane of a compensated sum came to: the rounded values, and what rounding lost.
type Sums = [[f64; LANES]; 2];

/// Adds values to the lanes of a compensated sum, one to each.
#[inline(always)]
fn add_lanes([rounded, lost]: &mut Sums, values: [f64; LANES]) {
    for lane in 0..LANES {
        let (sum, error) = add(rounded[lane], values[lane]);
        rounded[lane] = sum;
        lost[lane] += error;
    }
}

/// The lanes of the compensated sum of `part(value)`.
#[inline(always)]
fn sums(values: &[f64], part: impl Fn(f64) -> f64) -> Sums {
    let mut lanes = [[0.0; LANES]; 2];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        add_lanes(&mut lanes, chunk.map(&part));
    }
    // No lane is −0, so that adding +0 to it changes nothing.
    match *rest {
        [a] => add_lanes(&mut lanes, [part(a), 0.0, 0.0, 0.0]),
        [a, b] => add_lanes(&mut lanes, [part(a), part(b), 0.0, 0.0]),
        [a, b, c] => add_lanes(&mut lanes, [part(a), part(b), part(c), 0.0]),
        _ => {}
    }
    lanes
}

/// Not inlined, so that lanes end beside each other in memory: then the compiler keeps them in vectors.
#[inline(never)]
fn plain_sums(values: &[f64]) -> Sums {
    sums(values, |value| value)
}

/// The lanes of a compensated sum joined, in a fixed order. Numbers, not arrays, and not inlined: else the compiler loads pairs of lanes that were
/// not stored as pairs, and the processor waits for that.
#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "one for each lane")]
fn join(a: f64, b: f64, c: f64, d: f64, lost_a: f64, lost_b: f64, lost_c: f64, lost_d: f64) -> Sum {
    let mut total = Sum {
        rounded: a,
        lost: (lost_a + lost_b) + (lost_c + lost_d),
    };
    for lane in [b, c, d] {
        total.add(lane);
    }
    total
}

#[inline]
fn joined([[a, b, c, d], [lost_a, lost_b, lost_c, lost_d]]: Sums) -> Sum {
    join(a, b, c, d, lost_a, lost_b, lost_c, lost_d)
}

/// Compensated sum.
#[inline]
fn compensated(values: &[f64]) -> Sum {
    joined(plain_sums(values))
}

/// Compensated sum of values times [`SCALE`].
fn compensated_scaled(values: &[f64]) -> Sum {
    joined(sums(values, |value| value * SCALE))
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
        Ok(compensated_scaled(values))
    }
}

/// Compensated sum; infinite only if the exact sum is out of range or a value is infinite.
pub(super) fn sum(values: &[f64]) -> f64 {
    let total = compensated(values);
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
    let total = compensated(values);
    if total.is_finite() {
        return total.divided(values.len());
    }
    match out_of_range(values) {
        Ok(scaled) => scaled.divided(values.len()) / SCALE,
        Err(value) => value,
    }
}

/// Eight lanes of a plain sum, joined in a fixed order. Numbers, for the same reason as above.
#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "one for each lane")]
fn join_plain(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64) -> f64 {
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[inline]
fn lanes_sum([a, b, c, d, e, f, g, h]: [f64; PLAIN_LANES]) -> f64 {
    join_plain(a, b, c, d, e, f, g, h)
}

/// Calls `add` with four values at a time and the first of the [`PLAIN_LANES`] that they belong to. What is left in the end is filled up with
/// `filler`.
#[inline(always)]
fn by_fours(values: &[f64], filler: f64, mut add: impl FnMut(usize, [f64; 4])) {
    let (chunks, rest) = values.as_chunks::<PLAIN_LANES>();
    for &[a, b, c, d, e, f, g, h] in chunks {
        add(0, [a, b, c, d]);
        add(4, [e, f, g, h]);
    }
    let filled = |rest: &[f64]| match *rest {
        [a] => [a, filler, filler, filler],
        [a, b] => [a, b, filler, filler],
        [a, b, c] => [a, b, c, filler],
        _ => [filler; 4],
    };
    match rest.split_first_chunk::<4>() {
        Some((four, [])) => add(0, *four),
        Some((four, rest)) => {
            add(0, *four);
            add(4, filled(rest));
        }
        None if rest.is_empty() => {}
        None => add(0, filled(rest)),
    }
}

/// Sums of `value − origin`, one for each lane.
#[inline(never)]
fn rises(values: &[f64], origin: f64) -> [f64; PLAIN_LANES] {
    let mut lanes = [0.0; PLAIN_LANES];
    // What is filled in adds +0, which changes no lane; where `origin` is infinite or NaN, so is the first value, and the sum is NaN anyway.
    by_fours(values, origin, |first, values| {
        for (at, value) in values.into_iter().enumerate() {
            lanes[first + at] += value - origin;
        }
    });
    lanes
}

/// Sums of deviations from `centre` and of their squares, one for each lane.
#[inline(never)]
fn deviations(values: &[f64], centre: f64) -> [[f64; PLAIN_LANES]; 2] {
    let mut lanes = [[0.0; PLAIN_LANES]; 2];
    // As above; from an infinite centre all deviations are infinite, and the variance is NaN.
    by_fours(values, centre, |first, values| {
        for (at, value) in values.into_iter().enumerate() {
            let deviation = value - centre;
            lanes[0][first + at] += deviation;
            lanes[1][first + at] += deviation * deviation;
        }
    });
    lanes
}

/// Population variance of at least one value by two passes; NaN where a value is NaN or infinite.
///
/// The first pass finds the mean from the first value on, `origin + Σ(v − origin)/n`: exact for equal values, and near enough to centre the
/// second pass on. That also sums the plain deviations, which corrects for the rounding of the centre (the corrected two-pass algorithm).
pub(super) fn variance(values: &[f64]) -> f64 {
    let Some(&origin) = values.first() else { return f64::NAN };
    let reciprocal = 1.0 / values.len() as f64;
    let centre = origin + lanes_sum(rises(values, origin)) * reciprocal;
    let [deviations, squares] = deviations(values, centre);
    let (deviation, squares) = (lanes_sum(deviations), lanes_sum(squares));
    let variance = (squares - deviation * deviation * reciprocal) * reciprocal;
    // Rounding may leave it a hair below zero. Not `f64::max`: that would turn NaN into zero.
    if variance < 0.0 { 0.0 } else { variance }
}
