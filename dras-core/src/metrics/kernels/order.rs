//! Smallest, largest, quantiles, and how many samples pass a test.

use crate::units::Millis;

/// Lanes of minima and maxima.
const LANES: usize = 8;

/// The best of at least one value by `better`; NaN only if all values are NaN. `worst` is what every number equals or beats.
#[inline]
fn best(values: &[f64], worst: f64, better: impl Fn(f64, f64) -> bool) -> f64 {
    let pick = |held: f64, value: f64| if better(value, held) { value } else { held };
    let mut lanes = [worst; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = pick(lanes[lane], chunk[lane]);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = pick(*lane, value);
    }
    let found = lanes.into_iter().fold(worst, pick);
    if found == worst && !values.contains(&worst) {
        return f64::NAN;
    }
    // Which of −0 and +0 comes first must not show: adding +0 makes both +0.
    found + 0.0
}

/// Smallest of at least one value; NaN values do not count unless all are.
pub(super) fn min(values: &[f64]) -> f64 {
    best(values, f64::INFINITY, |value, held| value < held)
}

/// Largest of at least one value; NaN values do not count unless all are.
pub(super) fn max(values: &[f64]) -> f64 {
    best(values, f64::NEG_INFINITY, |value, held| value > held)
}

/// Largest less smallest of at least one value. Of equal values, infinite ones too, it is zero.
pub(super) fn spread(values: &[f64]) -> f64 {
    let (min, max) = (min(values), max(values));
    if min == max { 0.0 } else { max - min }
}

/// Time of the latest best value, as Prometheus' `ts_of_min_over_time` and `ts_of_max_over_time`: a NaN gives way to any later sample.
pub(super) fn time_of(times: &[Millis], values: &[f64], no_worse: impl Fn(f64, f64) -> bool) -> Option<Millis> {
    let mut pairs = times.iter().copied().zip(values.iter().copied());
    let first = pairs.next()?;
    let held = pairs.fold(first, |held, next| {
        if held.1.is_nan() || no_worse(next.1, held.1) {
            next
        } else {
            held
        }
    });
    Some(held.0)
}

/// How many values pass a test.
#[inline]
pub(super) fn passing(values: &[f64], mut passes: impl FnMut(f64) -> bool) -> u64 {
    values.iter().map(|&value| u64::from(passes(value))).sum()
}

/// The quantile `q` of at least one value, with Prometheus' interpolation at rank q·(n − 1): −∞ below 0, +∞ above 1, NaN for NaN; NaN
/// values sort lowest.
///
/// Unlike Prometheus', which adds `0·∞` where the rank is whole, a neighbour of weight zero does not count; and equal neighbours give
/// exactly their value, so that a constant never crosses a threshold that it equals.
pub(super) fn quantile(values: &[f64], q: f64, scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend_from_slice(values);
    quantile_in_place(scratch, q)
}

fn quantile_in_place(values: &mut [f64], q: f64) -> f64 {
    if q.is_nan() || values.is_empty() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    for value in &mut *values {
        // The total order puts negative NaN lowest.
        *value = if value.is_nan() { -f64::NAN } else { *value };
    }
    let rank = q * (values.len() - 1) as f64;
    let below = rank.floor();
    let weight = rank - below;
    let (_, &mut lower, above) = values.select_nth_unstable_by(below as usize, f64::total_cmp);
    if weight == 0.0 || lower.is_nan() {
        return lower + 0.0;
    }
    let upper = above
        .iter()
        .fold(f64::INFINITY, |held, &value| if value < held { value } else { held });
    if lower == upper {
        return lower + 0.0;
    }
    let between = lower * (1.0 - weight) + upper * weight;
    // Rounding must not carry it past its neighbours. Comparisons, not `clamp`, because −∞ and +∞ make NaN here.
    let between = if between < lower { lower } else { between };
    (if between > upper { upper } else { between }) + 0.0
}

/// Median absolute deviation from the median of at least one value; NaN if a value is.
pub(super) fn median_deviation(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(values, 0.5, scratch);
    for value in scratch.iter_mut() {
        *value = (*value - median).abs();
    }
    quantile_in_place(scratch, 0.5)
}
