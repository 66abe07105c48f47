//! The kernels against second implementations that are slow and obvious, and the properties that windows rely on.

use proptest::prelude::*;

use super::*;
use crate::metrics::query::Across;

const MINUTE: Millis = 60_000;
const FRAME: Frame = Frame {
    start: 0,
    end: 5 * MINUTE,
    now: 5 * MINUTE,
    max_gap: 37_500,
};

fn of(what: Reduce, values: &[f64]) -> Option<f64> {
    let times: Vec<Millis> = (1..=values.len() as Millis).map(|i| i * 15_000).collect();
    at(what, &times, values)
}

fn at(what: Reduce, times: &[Millis], values: &[f64]) -> Option<f64> {
    reduce(
        what,
        &Samples {
            times,
            values,
            ..Samples::default()
        },
        &FRAME,
        &mut Vec::new(),
    )
}

/// Every reduction that takes no test, with parameters inside their domain.
const EVERY: &[Reduce] = &[
    Reduce::Avg,
    Reduce::Min,
    Reduce::Max,
    Reduce::Sum,
    Reduce::Count,
    Reduce::First,
    Reduce::Last,
    Reduce::Stddev,
    Reduce::Var,
    Reduce::Quantile(0.5),
    Reduce::Quantile(0.95),
    Reduce::Mad,
    Reduce::Spread,
    Reduce::Rate,
    Reduce::Increase,
    Reduce::Delta,
    Reduce::Changes,
    Reduce::Resets,
    Reduce::Irate,
    Reduce::Idelta,
    Reduce::Slope,
    Reduce::Predict(10 * MINUTE),
    Reduce::Ewma(MINUTE),
    Reduce::DoubleExponential(0.3, 0.1),
    Reduce::Coverage,
    Reduce::Age,
    Reduce::AgeOfFirst,
    Reduce::AgeOfMin,
    Reduce::AgeOfMax,
    Reduce::All,
    Reduce::Any,
    Reduce::Share,
    Reduce::IncreaseProm,
    Reduce::RateProm,
    Reduce::DeltaProm,
    Reduce::ChangesProm,
    Reduce::ResetsProm,
];

/// Exact sums as Shewchuk's expansions: numbers that do not overlap and whose sum is the exact sum.
mod exact {
    pub(super) fn expansion(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut parts: Vec<f64> = Vec::new();
        for mut value in values {
            let mut kept = Vec::new();
            for &part in &parts {
                let (big, small) = if value.abs() >= part.abs() {
                    (value, part)
                } else {
                    (part, value)
                };
                let sum = big + small;
                let lost = small - (sum - big);
                if lost != 0.0 {
                    kept.push(lost);
                }
                value = sum;
            }
            kept.push(value);
            parts = kept;
        }
        parts
    }

    /// Correct to half a unit in the last place but for ties.
    pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
        expansion(values).into_iter().rev().fold(0.0, |sum, part| sum + part)
    }
}

/// The obvious forms.
mod naive {
    use super::{Frame, Millis, exact};

    pub(super) fn variance(values: &[f64]) -> f64 {
        let n = values.len() as f64;
        let mean = exact::sum(values.iter().copied()) / n;
        let squares = exact::sum(values.iter().map(|v| (v - mean) * (v - mean)));
        squares / n
    }

    pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = q * (sorted.len() - 1) as f64;
        let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
        sorted[below] * (1.0 - rank.fract()) + sorted[above] * rank.fract()
    }

    pub(super) fn median_deviation(values: &[f64]) -> f64 {
        let median = quantile(values, 0.5);
        quantile(&values.iter().map(|v| (v - median).abs()).collect::<Vec<_>>(), 0.5)
    }

    /// Step by step, a reset's step being the new value.
    pub(super) fn increase(values: &[f64]) -> f64 {
        values
            .windows(2)
            .map(|w| if w[1] < w[0] { w[1] } else { w[1] - w[0] })
            .sum()
    }

    /// The textbook formula with sums of squares and products.
    pub(super) fn line(times: &[Millis], values: &[f64], origin: Millis) -> (f64, f64) {
        let n = values.len() as f64;
        let x: Vec<f64> = times.iter().map(|t| (t - origin) as f64 / 1000.0).collect();
        let sum_x: f64 = exact::sum(x.iter().copied());
        let sum_y: f64 = exact::sum(values.iter().copied());
        let sum_xy: f64 = exact::sum(x.iter().zip(values).map(|(x, y)| x * y));
        let sum_xx: f64 = exact::sum(x.iter().map(|x| x * x));
        let slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n);
        (slope, sum_y / n - slope * sum_x / n)
    }

    /// Weights instead of a state: each sample holds from the sample before it on, and the first since ever.
    pub(super) fn ewma(times: &[Millis], values: &[f64], half_life: Millis) -> f64 {
        let last = times[times.len() - 1];
        let left = |time: Millis| (-((last - time) as f64) / half_life as f64).exp2();
        (0..values.len())
            .map(|i| values[i] * (left(times[i]) - if i == 0 { 0.0 } else { left(times[i - 1]) }))
            .sum()
    }

    /// Millisecond by millisecond.
    pub(super) fn covered(times: &[Millis], anchor: Option<Millis>, frame: &Frame) -> Millis {
        let all: Vec<Millis> = anchor.into_iter().chain(times.iter().copied()).collect();
        let is_covered = |ms: Millis| {
            all.windows(2)
                .any(|w| ms <= w[1] && ms > w[1] - (w[1] - w[0]).min(frame.max_gap))
                || all.last().is_some_and(|&last| ms > last && ms <= last + frame.max_gap)
        };
        ((frame.start + 1)..=frame.end).filter(|&ms| is_covered(ms)).count() as Millis
    }
}

/// Ascending times in the frame, and values, of one length.
fn series(value: impl Strategy<Value = f64> + Clone + 'static) -> impl Strategy<Value = (Vec<Millis>, Vec<f64>)> {
    prop::collection::btree_set(1..=5 * MINUTE, 1..70).prop_flat_map(move |times| {
        let times: Vec<Millis> = times.into_iter().collect();
        let values = prop::collection::vec(value.clone(), times.len());
        (Just(times), values)
    })
}

fn tame() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![0.0..1.0_f64, -1e3..1e3_f64, (4e9 - 1.0)..(4e9 + 1.0)]
}

/// Tame values with spikes among them.
fn spiky() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![8 => 0.0..1.0_f64, 1 => Just(1e15), 1 => Just(-1e15), 1 => -1e9..1e9_f64]
}

fn near(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    a == b || (a - b).abs() <= relative * a.abs().max(b.abs()) + absolute
}

proptest! {
    #[test]
    fn sums_and_means_are_right_to_the_last_place(values in prop::collection::vec(spiky(), 1..300)) {
        let parts = exact::expansion(values.iter().copied());
        let sum = parts.iter().rev().fold(0.0, |a, b| a + b);
        let size: f64 = values.iter().map(|v| v.abs()).sum();
        // One rounding, and what the compensation itself may lose.
        prop_assert!(near(of(Reduce::Sum, &values).unwrap(), sum, f64::EPSILON, size * 1e-28));
        let n = values.len() as f64;
        prop_assert!(near(of(Reduce::Avg, &values).unwrap(), sum / n, 2.0 * f64::EPSILON, size * 1e-28));
    }

    #[test]
    fn means_whose_sum_overflows_are_right(values in prop::collection::vec(prop_oneof![1e307..1.7e308_f64, -1.7e308..-1e307_f64], 2..50)) {
        let exact = exact::sum(values.iter().map(|v| v / 1024.0)) / values.len() as f64 * 1024.0;
        let mean = of(Reduce::Avg, &values).unwrap();
        prop_assert!(mean.is_finite());
        prop_assert!(near(mean, exact, 4.0 * f64::EPSILON, 1e290), "{mean} {exact}");
    }

    #[test]
    fn equal_samples_have_that_value_exactly(value in any::<f64>().prop_filter("finite", |v| v.is_finite()), n in 1..300_usize) {
        let values = vec![value; n];
        for what in [Reduce::Avg, Reduce::Min, Reduce::Max, Reduce::First, Reduce::Last, Reduce::Quantile(0.95), Reduce::Ewma(MINUTE)] {
            prop_assert_eq!(of(what, &values), Some(value), "{:?}", what);
        }
        for what in [Reduce::Var, Reduce::Stddev, Reduce::Spread, Reduce::Mad, Reduce::Delta, Reduce::Increase, Reduce::Changes] {
            prop_assert_eq!(of(what, &values), Some(0.0), "{:?}", what);
        }
        if n > 1 {
            prop_assert_eq!(of(Reduce::Slope, &values), Some(0.0));
            prop_assert_eq!(of(Reduce::Predict(MINUTE), &values), Some(value));
        }
        prop_assert_eq!(across(Across::Avg, &values, &mut Vec::new()), Some(value));
        prop_assert_eq!(across(Across::Spread, &values, &mut Vec::new()), Some(0.0));
    }

    #[test]
    fn variance_is_the_naive_one((_, values) in series(tame())) {
        let (fast, slow) = (of(Reduce::Var, &values).unwrap(), naive::variance(&values));
        // The oracle's rounded mean is worth (ε·mean)².
        prop_assert!(near(fast, slow, 1e-12, 1e-12), "{fast} {slow}");
        prop_assert_eq!(of(Reduce::Stddev, &values), Some(fast.sqrt()));
    }

    #[test]
    fn variance_survives_spikes(values in prop::collection::vec(spiky(), 2..300)) {
        let (fast, slow) = (of(Reduce::Var, &values).unwrap(), naive::variance(&values));
        prop_assert!(near(fast, slow, 1e-12, 1e-12), "{fast} {slow}");
    }

    #[test]
    fn small_differences_of_large_values_have_a_variance(values in prop::collection::vec(-1.0..1.0_f64, 2..300)) {
        let heap: Vec<f64> = values.iter().map(|v| 4e9 + v).collect();
        let small: Vec<f64> = heap.iter().map(|v| v - 4e9).collect();
        prop_assert!(near(of(Reduce::Var, &heap).unwrap(), naive::variance(&small), 1e-9, 1e-18));
    }

    #[test]
    fn quantiles_and_extremes_are_the_sorted_ones((_, values) in series(spiky()), q in 0.0..=1.0_f64) {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        prop_assert_eq!(of(Reduce::Min, &values), Some(sorted[0]));
        prop_assert_eq!(of(Reduce::Max, &values), Some(sorted[sorted.len() - 1]));
        prop_assert_eq!(of(Reduce::Spread, &values), Some(sorted[sorted.len() - 1] - sorted[0]));
        for q in [0.0, q, 0.5, 0.95, 1.0] {
            let (fast, slow) = (of(Reduce::Quantile(q), &values).unwrap(), naive::quantile(&values, q));
            prop_assert!(near(fast, slow, 4.0 * f64::EPSILON, 0.0), "{q}: {fast} {slow}");
            prop_assert!(sorted[0] <= fast && fast <= sorted[sorted.len() - 1]);
        }
        prop_assert_eq!(of(Reduce::Mad, &values), Some(naive::median_deviation(&values)));
    }

    #[test]
    fn order_does_not_matter_to_extremes_counts_and_quantiles(values in prop::collection::vec(prop_oneof![4 => spiky(), 1 => Just(f64::NAN), 1 => Just(0.0), 1 => Just(-0.0)], 1..100), seed in any::<u64>()) {
        let mut other = values.clone();
        let mut state = seed;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            other.swap(i, (state >> 33) as usize % (i + 1));
        }
        for what in [Reduce::Min, Reduce::Max, Reduce::Count, Reduce::Spread, Reduce::Quantile(0.3), Reduce::Mad, Reduce::Any, Reduce::Share] {
            prop_assert_eq!(of(what, &values).map(f64::to_bits), of(what, &other).map(f64::to_bits), "{:?}", what);
        }
    }

    #[test]
    fn nan_gives_way_in_extremes(values in prop::collection::vec(prop_oneof![spiky(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)], 1..40)) {
        let numbers: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        if numbers.is_empty() {
            prop_assert!(of(Reduce::Min, &values).unwrap().is_nan() && of(Reduce::Max, &values).unwrap().is_nan());
        } else {
            prop_assert_eq!(of(Reduce::Min, &values), numbers.iter().copied().reduce(f64::min));
            prop_assert_eq!(of(Reduce::Max, &values), numbers.iter().copied().reduce(f64::max));
        }
        let (times, age): (Vec<Millis>, _) = ((1..=values.len() as Millis).collect(), |t: Millis| (FRAME.now - t) as f64 / 1000.0);
        let latest = |best: f64| values.iter().rposition(|&v| v == best || (best.is_nan() && v.is_nan())).map(|i| age(times[i]));
        prop_assert_eq!(at(Reduce::AgeOfMin, &times, &values), latest(of(Reduce::Min, &values).unwrap()));
        prop_assert_eq!(at(Reduce::AgeOfMax, &times, &values), latest(of(Reduce::Max, &values).unwrap()));
    }

    #[test]
    fn tests_count_what_passes(values in prop::collection::vec(prop_oneof![4 => -10.0..10.0_f64, 1 => Just(5.0), 1 => Just(f64::NAN)], 0..100), lo in -10.0..5.0_f64, negate: bool) {
        let samples = Samples { times: &vec![0; values.len()], values: &values, ..Samples::default() };
        let passing = values.iter().filter(|&&v| (lo <= v && v <= 5.0) != negate).count();
        for what in [Reduce::Count, Reduce::All, Reduce::Any, Reduce::Share] {
            let slow = match what {
                Reduce::Count => Some(passing as f64),
                _ if values.is_empty() => None,
                Reduce::All => Some(f64::from(passing == values.len())),
                Reduce::Any => Some(f64::from(passing > 0)),
                _ => Some(passing as f64 / values.len() as f64),
            };
            prop_assert_eq!(within(what, &samples, lo, 5.0, negate), slow);
            prop_assert_eq!(tested(what, &samples, |v| (lo <= v && v <= 5.0) != negate), slow);
        }
        prop_assert_eq!(tested(Reduce::Avg, &samples, |_| true), None);
    }

    #[test]
    fn increases_of_integers_are_the_sum_of_steps_exactly(values in prop::collection::vec(0..1_000_000_u32, 1..100), anchor in prop::option::of(0..1_000_000_u32)) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let times: Vec<Millis> = (1..=values.len() as Millis).collect();
        let samples = Samples { times: &times, values: &values, anchor: anchor.map(|v| (-5, f64::from(v))), ..Samples::default() };
        let all: Vec<f64> = samples.anchor.iter().map(|a| a.1).chain(values.iter().copied()).collect();
        let ask = |what| reduce(what, &samples, &FRAME, &mut Vec::new());
        prop_assert_eq!(ask(Reduce::Increase), Some(naive::increase(&all)));
        prop_assert_eq!(ask(Reduce::Delta), Some(all[all.len() - 1] - all[0]));
        prop_assert_eq!(ask(Reduce::Resets), Some(all.windows(2).filter(|w| w[1] < w[0]).count() as f64));
        prop_assert_eq!(ask(Reduce::Changes), Some(all.windows(2).filter(|w| w[1] != w[0]).count() as f64));
        prop_assert_eq!(ask(Reduce::ResetsProm), Some(values.windows(2).filter(|w| w[1] < w[0]).count() as f64));
        let first = samples.anchor.map_or(times[0], |a| a.0);
        let span = (times[times.len() - 1] - first) as f64 / 1000.0;
        prop_assert_eq!(ask(Reduce::Rate), (all.len() > 1).then(|| naive::increase(&all) / span));
    }

    /// Windows that meet: the last sample of one is the anchor of the next.
    #[test]
    fn increases_of_adjacent_windows_add_up(values in prop::collection::vec(0..1_000_u32, 2..100), cut in any::<prop::sample::Index>(), known: bool) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let n = values.len();
        let times: Vec<Millis> = (1..=n as Millis).map(|t| t * 1000).collect();
        // Every seventh sample comes from a new process that began half a second before it.
        let starts: Vec<Millis> = if known { (0..n).map(|i| times[i - i % 7] - 500).collect() } else { Vec::new() };
        let cut = 1 + cut.index(n - 1);
        let part = |from: usize, to: usize| {
            let anchor = from.checked_sub(1);
            let samples = Samples {
                times: &times[from..to],
                values: &values[from..to],
                anchor: anchor.map(|i| (times[i], values[i])),
                starts: if known { &starts[from..to] } else { &[] },
                anchor_start: anchor.filter(|_| known).map_or(0, |i| starts[i]),
            };
            let edge = |i: usize| if i == 0 { 0 } else { times[i - 1] };
            let frame = Frame { start: edge(from), end: edge(to), now: edge(to), max_gap: 37_500 };
            let ask = |what| reduce(what, &samples, &frame, &mut Vec::new()).unwrap();
            (ask(Reduce::Increase), ask(Reduce::Resets), ask(Reduce::Changes))
        };
        let (whole, left, right) = (part(0, n), part(0, cut), part(cut, n));
        prop_assert_eq!(whole.0, left.0 + right.0);
        prop_assert_eq!(whole.1, left.1 + right.1);
        prop_assert_eq!(whole.2, left.2 + right.2);
        if known {
            // Every process counts from its zero: within one no value falls out of the sum.
            let naive: f64 = (0..n).map(|i| if i % 7 == 0 || values[i] < values[i - 1] { values[i] } else { values[i] - values[i - 1] }).sum();
            prop_assert_eq!(whole.0, naive);
        }
    }

    #[test]
    fn a_counter_of_fractions_loses_nothing(steps in prop::collection::vec(0.0..1e3_f64, 1..200), base in 0.0..1e15_f64) {
        let mut counter = base;
        let values: Vec<f64> = std::iter::once(base).chain(steps.iter().map(|s| { counter += s; counter })).collect();
        // No drop: last less first, rounded once.
        prop_assert_eq!(of(Reduce::Increase, &values), Some(values[values.len() - 1] - base));
    }

    #[test]
    fn lines_are_the_textbook_ones((times, values) in series(-1e3..1e3_f64), ahead in 0..10 * MINUTE) {
        let (slope, value) = (at(Reduce::Slope, &times, &values), at(Reduce::Predict(ahead), &times, &values));
        if times.len() < 2 {
            prop_assert_eq!((slope, value), (None, None));
        } else if times[times.len() - 1] - times[0] > 1000 {
            let (slow_slope, intercept) = naive::line(&times, &values, FRAME.now);
            let span = (times[times.len() - 1] - times[0]) as f64 / 1000.0;
            prop_assert!(near(slope.unwrap(), slow_slope, 1e-7, 1e-6 / span), "{slope:?} {slow_slope}");
            let slow = slow_slope * ahead as f64 / 1000.0 + intercept;
            prop_assert!(near(value.unwrap(), slow, 1e-6, 1e-3 * 900.0 / span), "{value:?} {slow}");
        }
    }

    #[test]
    fn lines_through_lines_are_those_lines(n in 2..100_i64, slope in -1e3..1e3_f64, height in -1e6..1e6_f64) {
        let times: Vec<Millis> = (1..=n).map(|i| i * 3000).collect();
        let values: Vec<f64> = times.iter().map(|&t| height + slope * (t as f64 / 1000.0)).collect();
        let size = height.abs() + slope.abs() * 300.0;
        prop_assert!(near(at(Reduce::Slope, &times, &values).unwrap(), slope, 1e-9, size * 1e-12));
        let there = height + slope * 900.0;
        prop_assert!(near(at(Reduce::Predict(10 * MINUTE), &times, &values).unwrap(), there, 1e-9, size * 1e-9));
    }

    #[test]
    fn smoothed_means_are_weighted_means((times, values) in series(-1e3..1e3_f64), half_life in 1..20 * MINUTE) {
        let fast = at(Reduce::Ewma(half_life), &times, &values).unwrap();
        prop_assert!(near(fast, naive::ewma(&times, &values, half_life), 1e-9, 1e-9));
        prop_assert_eq!(at(Reduce::Ewma(0), &times, &values), values.last().copied());
    }

    #[test]
    fn coverage_is_the_milliseconds_covered(times in prop::collection::btree_set(1..=400_i64, 0..12), before in prop::option::of(0..300_i64), max_gap in 0..200_i64) {
        let times: Vec<Millis> = times.into_iter().collect();
        let values = vec![1.0; times.len()];
        let frame = Frame { start: 0, end: 400, now: 400, max_gap };
        let samples = Samples { times: &times, values: &values, anchor: before.map(|t| (-t, 1.0)), ..Samples::default() };
        let slow = naive::covered(&times, before.map(|t| -t), &frame);
        prop_assert_eq!(covered(&samples, &frame), slow);
        prop_assert_eq!(reduce(Reduce::Coverage, &samples, &frame, &mut Vec::new()), Some(slow as f64 / 400.0));
    }

    /// What the store asks for: a full window is full at every phase.
    #[test]
    fn twenty_samples_at_fifteen_seconds_cover_five_minutes(phase in 0..15_000_i64) {
        let times: Vec<Millis> = (0..20).map(|i| FRAME.end - phase - (19 - i) * 15_000).collect();
        let values = vec![1.0; 20];
        let samples = Samples { times: &times, values: &values, anchor: Some((times[0] - 15_000, 1.0)), ..Samples::default() };
        prop_assert_eq!(covered(&samples, &FRAME), 5 * MINUTE);
    }

    #[test]
    fn too_few_samples_are_absent_and_enough_are_not((times, values) in series(tame()), anchored: bool) {
        for &what in EVERY {
            let need = minimum_samples(what) as usize;
            for n in 0..=times.len().min(3) {
                let samples = Samples {
                    times: &times[..n],
                    values: &values[..n],
                    anchor: (anchored && what == Reduce::Rate && n > 0).then_some((-1, 0.0)),
                    ..Samples::default()
                };
                let have = n + usize::from(samples.anchor.is_some());
                prop_assert_eq!(reduce(what, &samples, &FRAME, &mut Vec::new()).is_some(), have >= need, "{:?} of {}", what, n);
            }
        }
    }

    /// Whatever comes in: no panic, no overflow, NaN in one form.
    #[test]
    fn nothing_panics(
        times in prop::collection::vec(any::<i64>(), 0..20),
        values in prop::collection::vec(any::<f64>(), 0..20),
        starts in prop::collection::vec(any::<i64>(), 0..20),
        anchor in prop::option::of((any::<i64>(), any::<f64>())),
        edges in any::<[i64; 4]>(),
        ahead in any::<i64>(),
        q in any::<f64>(),
    ) {
        let [start, end, now, max_gap] = edges;
        let frame = Frame { start, end, now, max_gap };
        let samples = Samples { times: &times, values: &values, anchor, starts: &starts, anchor_start: now };
        let odd = [Reduce::Predict(ahead), Reduce::Ewma(ahead), Reduce::Quantile(q), Reduce::DoubleExponential(q, 0.5)];
        for &what in EVERY.iter().chain(&odd) {
            if let Some(value) = reduce(what, &samples, &frame, &mut Vec::new()) {
                prop_assert!(!value.is_nan() || value.to_bits() == f64::NAN.to_bits());
            }
        }
        let covered = covered(&samples, &frame);
        prop_assert!(0 <= covered && covered <= frame.length());
    }

    #[test]
    fn instances_reduce_as_samples_do(values in prop::collection::vec(spiky(), 0..60)) {
        for (instances, samples) in [
            (Across::Avg, Reduce::Avg),
            (Across::Min, Reduce::Min),
            (Across::Max, Reduce::Max),
            (Across::Sum, Reduce::Sum),
            (Across::Stddev, Reduce::Stddev),
            (Across::Var, Reduce::Var),
            (Across::Quantile(0.9), Reduce::Quantile(0.9)),
            (Across::Mad, Reduce::Mad),
            (Across::Spread, Reduce::Spread),
        ] {
            prop_assert_eq!(across(instances, &values, &mut Vec::new()), of(samples, &values), "{:?}", instances);
        }
    }

    #[test]
    fn truths_are_counted(truths in prop::collection::vec(any::<bool>(), 0..40)) {
        let values: Vec<f64> = truths.iter().map(|&t| f64::from(t)).collect();
        let count = truths.iter().filter(|&&t| t).count() as f64;
        let ask = |what| across(what, &values, &mut Vec::new());
        let some = |value: f64| (!truths.is_empty()).then_some(value);
        prop_assert_eq!(ask(Across::Count), Some(truths.len() as f64));
        prop_assert_eq!(ask(Across::All), some(f64::from(truths.iter().all(|&t| t))));
        prop_assert_eq!(ask(Across::Any), some(f64::from(truths.contains(&true))));
        prop_assert_eq!(ask(Across::Share), some(count / truths.len() as f64));
    }
}

#[test]
fn a_counter_knows_its_zero() {
    let frame = Frame {
        start: 60_000,
        end: 360_000,
        now: 360_000,
        max_gap: 90_000,
    };
    let ask = |what, anchor, times: &[Millis], values: &[f64], starts: &[Millis]| {
        reduce(
            what,
            &Samples {
                times,
                values,
                anchor,
                starts,
                anchor_start: 0,
            },
            &frame,
            &mut Vec::new(),
        )
    };
    // Began inside the window: counted from zero there, one sample is enough for a rate.
    assert_eq!(ask(Reduce::Increase, None, &[180_000], &[12.0], &[120_000]), Some(12.0));
    assert_eq!(ask(Reduce::Rate, None, &[180_000], &[12.0], &[120_000]), Some(0.2));
    assert_eq!(
        ask(Reduce::RateProm, None, &[180_000], &[12.0], &[120_000]),
        Some(12.0 / 300.0)
    );
    // Began at or before the window's start, at the sample itself or after it, or not known: the first sample is the left value.
    for start in [60_000, 30_000, 180_000, 200_000, 0] {
        assert_eq!(
            ask(Reduce::Increase, None, &[180_000], &[12.0], &[start]),
            Some(0.0),
            "{start}"
        );
        assert_eq!(ask(Reduce::Rate, None, &[180_000], &[12.0], &[start]), None, "{start}");
        assert_eq!(
            ask(Reduce::IncreaseProm, None, &[180_000], &[12.0], &[start]),
            None,
            "{start}"
        );
    }
    // A new process after the anchor that already counts further than the old one did: only the start shows the reset.
    let anchor = Some((50_000, 10.0));
    assert_eq!(
        ask(Reduce::Increase, anchor, &[180_000], &[12.0], &[120_000]),
        Some(12.0)
    );
    assert_eq!(ask(Reduce::Resets, anchor, &[180_000], &[12.0], &[120_000]), Some(1.0));
    assert_eq!(ask(Reduce::Increase, anchor, &[180_000], &[12.0], &[30_000]), Some(2.0));
    assert_eq!(ask(Reduce::Resets, anchor, &[180_000], &[12.0], &[]), Some(0.0));
    // Gauges do not know processes.
    assert_eq!(ask(Reduce::Delta, None, &[180_000], &[12.0], &[120_000]), Some(0.0));
}

#[test]
fn no_sample_in_the_window_is_absent_even_with_an_anchor() {
    let samples = Samples {
        anchor: Some((-1, 5.0)),
        ..Samples::default()
    };
    for &what in EVERY {
        let answer = reduce(what, &samples, &FRAME, &mut Vec::new());
        match what {
            Reduce::Count => assert_eq!(answer, Some(0.0)),
            // The anchor still stands for the time after it.
            Reduce::Coverage => assert_eq!(answer, Some(37_499.0 / 300_000.0)),
            _ => assert_eq!(answer, None, "{what:?}"),
        }
    }
}

#[test]
fn a_window_without_length_has_no_coverage() {
    let frame = Frame {
        start: 100,
        end: 100,
        now: 100,
        max_gap: 10,
    };
    assert_eq!(
        reduce(Reduce::Coverage, &Samples::default(), &frame, &mut Vec::new()),
        None
    );
    assert_eq!(covered(&Samples::default(), &frame), 0);
}

#[test]
fn scratch_holds_nothing_over() {
    let mut scratch = vec![f64::NAN; 100];
    let samples = Samples {
        times: &[1, 2, 3],
        values: &[3.0, 1.0, 2.0],
        ..Samples::default()
    };
    for what in [Reduce::Quantile(0.5), Reduce::Mad, Reduce::Quantile(1.0)] {
        let fresh = reduce(what, &samples, &FRAME, &mut Vec::new());
        assert_eq!(reduce(what, &samples, &FRAME, &mut scratch), fresh);
    }
}

/// Any number, or one that sums and comparisons may stumble over.
fn odd_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -100.0..100.0_f64,
        2 => any::<f64>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324, 1e16, -1e16
        ]),
    ]
}

proptest! {
    /// Values alone are answered alike with vectors of any width, and as by a pass over samples.
    #[test]
    fn no_instruction_set_shows(
        values in prop::collection::vec(odd_value(), 1..70),
        lo in -50.0..50.0_f64,
        width in 0.0..100.0_f64,
        negate: bool,
    ) {
        let bits = |value: f64| tidy(value).to_bits();
        let times: Vec<Millis> = (0..values.len() as Millis).collect();
        let samples = Samples { times: &times, values: &values, ..Samples::default() };
        let levels = [Level::new(), Level::baseline()];
        let mut scratch = Vec::new();
        for &reduce in EVERY.iter().filter(|reduce| takes_values_only(**reduce)) {
            let expected = super::reduce(reduce, &samples, &FRAME, &mut scratch).map(bits);
            for level in levels {
                let answer = OfValues { reduce, test: None }.answer(level, &values, &mut scratch);
                prop_assert_eq!(Some(bits(answer)), expected, "{:?} {:?}", reduce, level);
            }
        }
        let passing = Passing { lo, hi: lo + width, negate };
        for reduce in [Reduce::Count, Reduce::All, Reduce::Any, Reduce::Share] {
            let expected = tested(reduce, &samples, |value| passing.passes(value)).map(bits);
            for level in levels {
                let answer = OfValues { reduce, test: Some(passing) }.answer(level, &values, &mut scratch);
                prop_assert_eq!(Some(bits(answer)), expected, "{:?} {:?}", reduce, level);
            }
        }
    }
}

/// A number from integer arithmetic only, in one of several shapes: ratios, bytes, counters, spikes.
fn noise(state: &mut u64, shape: u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let bits = *state >> 33;
    match shape % 5 {
        0 => bits as f64 / 2_147_483_648.0,
        1 => 4e9 + bits as f64 / 1_073_741_824.0,
        2 => (bits % 1000) as f64,
        3 if bits.is_multiple_of(50) => 1e15,
        3 => bits as f64 * 0.1,
        _ => (bits as f64 - 1_073_741_824.0) * 1e-3,
    }
}

/// Every reduction over a fixed input has the same bits in every build (SSE2, AVX2, ARM; debug and release).
///
/// A change of this hash is a change of results that users can see: it goes into the change log.
#[test]
fn results_have_the_same_bits_everywhere() {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |answer: Option<f64>| {
        for byte in answer.map_or(u64::MAX, f64::to_bits).to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    let mut state = 42;
    let mut scratch = Vec::new();
    for n in [1, 2, 3, 4, 5, 7, 8, 9, 16, 20, 31, 64, 100, 240, 1001] {
        for shape in 0..5 {
            let values: Vec<f64> = (0..n).map(|_| noise(&mut state, shape)).collect();
            let times: Vec<Millis> = (0..n)
                .map(|i| 1_700_000_000_000 + i * 15_000 + (noise(&mut state, 2) as i64))
                .collect();
            let end = times[times.len() - 1] + 700;
            let frame = Frame {
                start: times[0] - 500,
                end,
                now: end + 3000,
                max_gap: 15_400,
            };
            let anchor = Some((times[0] - 14_000, noise(&mut state, shape)));
            for anchor in [None, anchor] {
                let samples = Samples {
                    times: &times,
                    values: &values,
                    anchor,
                    ..Samples::default()
                };
                for &what in EVERY {
                    feed(reduce(what, &samples, &frame, &mut scratch));
                }
                feed(within(Reduce::Share, &samples, 0.25, 500.0, false));
            }
        }
    }
    assert_eq!(hash, 0x93df_1e7f_c4ce_a262, "{hash:#018x}");
}
