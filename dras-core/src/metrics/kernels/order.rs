//! Smallest, largest, quantiles, and how many samples pass a test.

use crate::units::Millis;

/// Lanes of minima and maxima.
const LANES: usize = 8;

/// The best of at least one value by `better`; NaN only if all values are NaN. `worst` is what every number equals or beats.
#[inline(always)]
fn best(values: &[f64], worst: f64, better: impl Fn(f64, f64) -> bool) -> f64 {
    let pick = |held: f64, value: f64| if better(value, held) { value } else { held };
    let found = if let Some(last) = values.last_chunk::<LANES>() {
        let mut lanes = [worst; LANES];
        for values in values.as_chunks::<LANES>().0 {
            for lane in 0..LANES {
                lanes[lane] = pick(lanes[lane], values[lane]);
            }
        }
        // Some of them a second time: the best of all stays the best.
        for lane in 0..LANES {
            lanes[lane] = pick(lanes[lane], last[lane]);
        }
        pick_one(lanes, pick)
    } else {
        values.iter().copied().fold(worst, pick)
    };
    if found == worst && !values.contains(&worst) {
        return f64::NAN;
    }
    // Which of −0 and +0 comes first must not show: adding +0 makes both +0.
    found + 0.0
}

/// The best of eight values, two at a time.
#[inline(always)]
fn pick_one([a, b, c, d, e, f, g, h]: [f64; LANES], pick: impl Fn(f64, f64) -> f64) -> f64 {
    let four = [pick(a, e), pick(b, f), pick(c, g), pick(d, h)];
    let two = [pick(four[0], four[2]), pick(four[1], four[3])];
    pick(two[0], two[1])
}

/// Smallest of at least one value; NaN values do not count unless all are.
#[inline(always)]
pub(in crate::metrics) fn min(values: &[f64]) -> f64 {
    best(values, f64::INFINITY, |value, held| value < held)
}

/// Largest of at least one value; NaN values do not count unless all are.
#[inline(always)]
pub(in crate::metrics) fn max(values: &[f64]) -> f64 {
    best(values, f64::NEG_INFINITY, |value, held| value > held)
}

/// Largest less smallest of at least one value. Of equal values, infinite ones too, it is zero.
#[inline(always)]
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

/// How many values lie in an interval; NaN lies in none.
#[inline(always)]
pub(super) fn inside(values: &[f64], lo: f64, hi: f64) -> u64 {
    let mut inside = 0;
    for &value in values {
        inside += u64::from((lo <= value) & (value <= hi));
    }
    inside
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
    if (0.0..=1.0).contains(&q)
        && let Some(value) = near_an_end(values, q)
    {
        return value;
    }
    scratch.clear();
    scratch.extend_from_slice(values);
    quantile_in_place(scratch, q)
}

/// How near to an end a rank must be for its value to be found in one pass.
const NEAR: usize = 16;
/// The most values for which it is: those that rise all the time are the dearest.
const FEW: usize = 512;

/// A quantile that lies near the largest or the smallest value, in one pass that keeps only so many of them; `None` where it does not, or where a
/// value is NaN.
fn near_an_end(values: &[f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1).filter(|last| *last < FEW)?;
    let rank = q * last as f64;
    let below = rank.floor();
    let weight = rank - below;
    let below = below as usize;
    // From the nearer end, the place of the neighbour that lies further from it.
    let (lower, upper) = if last - below < NEAR {
        let k = last - below;
        let best = best_of(values, k, f64::NEG_INFINITY, |value, held| value > held)?;
        (best[k], best[k.saturating_sub(1)])
    } else if below + 1 < NEAR {
        let best = best_of(values, below + 1, f64::INFINITY, |value, held| value < held)?;
        (best[below], best[below + 1])
    } else {
        return None;
    };
    Some(interpolated(lower, upper, weight))
}

/// The `k + 1` best values, best first; `None` where a value is NaN. `worst` is what every number equals or beats.
#[inline(always)]
fn best_of(values: &[f64], k: usize, worst: f64, better: impl Fn(f64, f64) -> bool) -> Option<[f64; NEAR]> {
    if values.iter().fold(false, |any, value| any | value.is_nan()) {
        return None;
    }
    let mut best = [worst; NEAR];
    let mut take = |values: &[f64]| {
        for &value in values {
            if better(value, best[k]) {
                let mut at = k;
                while at > 0 && better(value, best[at - 1]) {
                    best[at] = best[at - 1];
                    at -= 1;
                }
                best[at] = value;
            }
        }
        best[k]
    };
    let pick = |held: f64, value: f64| if better(value, held) { value } else { held };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut least = worst;
    for chunk in chunks {
        // Most often none of so many is among the best.
        if better(pick_one(*chunk, pick), least) {
            least = take(chunk);
        }
    }
    take(rest);
    Some(best)
}

/// The value between two neighbours; `upper` does not count where `weight` is zero.
fn interpolated(lower: f64, upper: f64, weight: f64) -> f64 {
    if weight == 0.0 || lower == upper {
        return lower + 0.0;
    }
    let between = lower * (1.0 - weight) + upper * weight;
    // Rounding must not carry it past its neighbours. Comparisons, not `clamp`, because −∞ and +∞ make NaN here.
    let between = if between < lower { lower } else { between };
    (if between > upper { upper } else { between }) + 0.0
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
    interpolated(lower, upper, weight)
}

/// Median absolute deviation from the median of at least one value; NaN if a value is.
pub(super) fn median_deviation(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(values, 0.5, scratch);
    scratch.clear();
    scratch.extend(values.iter().map(|value| (value - median).abs()));
    quantile_in_place(scratch, 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn near_an_end_it_is_the_same_quantile_as_anywhere(
            values in prop::collection::vec(prop_oneof![8 => -50..50_i32, 1 => 0..2_i32], 1..200),
            odd in prop::collection::vec((0..200_usize, prop_oneof![
                Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.1)
            ]), 0..3),
            q in prop_oneof![0.0..=1.0_f64, 0.9..=1.0_f64, 0.0..=0.1_f64, Just(0.0), Just(1.0)],
        ) {
            let mut values: Vec<f64> = values.into_iter().map(|v| f64::from(v) * 0.7).collect();
            for (at, value) in odd {
                let at = at % values.len();
                values[at] = value;
            }
            if let Some(found) = near_an_end(&values, q) {
                prop_assert_eq!(found.to_bits(), quantile_in_place(&mut values, q).to_bits());
            }
        }
    }
}
