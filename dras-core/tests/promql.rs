//! The windows' arithmetic against Prometheus 3.14: facts extracted from its own test files (`tests/data/promql.json`, whose `meta` says
//! where they come from).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fact that cannot be read fails the test"
)]

/// Prints past the capture of the test harness, so that every run of the tests shows the counts.
macro_rules! report {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

use std::collections::BTreeMap;

use dras_core::metrics::kernels::{Frame, Samples, across, reduce};
use dras_core::metrics::{Across, Reduce};
use serde_json::Value;

/// Where dras answers otherwise on purpose: group, function, name of the difference, why. Each has its rule in [`differs_on_purpose`].
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "core",
        "avg_over_time",
        "beyond compensation",
        "values of 1e220 cancel to −448: neither answer has a true digit, and the order of addition (four lanes here) decides which it is",
    ),
    (
        "core",
        "count_over_time",
        "count of nothing",
        "no sample: Prometheus has no result, a count of ours is 0",
    ),
    (
        "anchored",
        "rate",
        "rate by the covered span",
        "anchored: ours divides by the span the increase was seen over, not the window",
    ),
];

/// Functions that have no reduction of their own, and how they are put here.
const MAPPED: &[(&str, &str)] = &[
    (
        "present_over_time",
        "is there a sample: count > 0, asked only where there is one",
    ),
    ("ts_of_min_over_time", "time of the look less AgeOfMin"),
    ("ts_of_max_over_time", "time of the look less AgeOfMax"),
    ("ts_of_first_over_time", "time of the look less AgeOfFirst"),
    ("ts_of_last_over_time", "time of the look less Age"),
    ("group", "is there a value: 1, asked only where there is one"),
];

fn file() -> Value {
    serde_json::from_str(include_str!("data/promql.json")).unwrap()
}

/// Numbers as they are, `NaN`, `+Inf` and `-Inf` as text.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("+Inf") => f64::INFINITY,
        Some("-Inf") => f64::NEG_INFINITY,
        Some(other) => panic!("not a number: {other}"),
        None => value.as_f64().unwrap(),
    }
}

fn expected(vector: &Value) -> Option<f64> {
    (!vector["expect"].is_null()).then(|| number(&vector["expect"]))
}

/// Equal by the tolerance of Prometheus' own tests: relative 1e-6 of the mean size, and exact for zero, NaN and infinities.
fn equal(a: Option<f64>, b: Option<f64>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_none() && b.is_none();
    };
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() / f64::midpoint(a.abs(), b.abs()) < 1e-6
}

/// A vector with its window cut out.
struct Case {
    id: String,
    group: String,
    function: String,
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    anchor: Option<(i64, f64)>,
    anchor_start: i64,
    frame: Frame,
    parameters: Vec<f64>,
    expected: Option<f64>,
}

/// Prometheus' default lookback: an anchor may be this much older than the window's left edge.
const LOOKBACK: i64 = 300_000;

impl Case {
    fn read(vector: &Value) -> Case {
        let text = |key: &str| vector[key].as_str().unwrap().to_owned();
        let now = vector["eval_ms"].as_i64().unwrap();
        let end = vector["window_end_ms"].as_i64().unwrap_or(now);
        let start = end - vector["range_ms"].as_i64().unwrap();
        let stale: Vec<i64> = vector["stale_ms"]
            .as_array()
            .iter()
            .flat_map(|a| a.iter())
            .map(|t| t.as_i64().unwrap())
            .collect();
        let known = vector["start_ts_ms"].as_array();
        let samples: Vec<(i64, f64, i64)> = vector["samples"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(i, s)| {
                (
                    s[0].as_i64().unwrap(),
                    number(&s[1]),
                    known.map_or(0, |k| k[i].as_i64().unwrap()),
                )
            })
            .collect();
        assert!(
            samples.iter().all(|s| !stale.contains(&s.0)),
            "{}: markers are not samples",
            text("id")
        );
        let inside: Vec<_> = samples.iter().filter(|s| s.0 > start && s.0 <= end).collect();
        let anchor = samples.iter().rfind(|s| s.0 <= start && s.0 > start - LOOKBACK);
        Case {
            id: text("id"),
            group: text("group"),
            function: text("fn"),
            times: inside.iter().map(|s| s.0).collect(),
            values: inside.iter().map(|s| s.1).collect(),
            starts: if known.is_some() {
                inside.iter().map(|s| s.2).collect()
            } else {
                Vec::new()
            },
            anchor: anchor.map(|s| (s.0, s.1)),
            anchor_start: anchor.map_or(0, |s| s.2),
            frame: Frame {
                start,
                end,
                now,
                max_gap: 37_500,
            },
            parameters: vector["params"]
                .as_array()
                .iter()
                .flat_map(|a| a.iter())
                .map(number)
                .collect(),
            expected: expected(vector),
        }
    }

    fn ask(&self, what: Reduce) -> Option<f64> {
        let samples = Samples {
            times: &self.times,
            values: &self.values,
            anchor: self.anchor,
            starts: &self.starts,
            anchor_start: self.anchor_start,
        };
        reduce(what, &samples, &self.frame, &mut Vec::new())
    }

    /// Seconds since the epoch of a sample whose age is asked for.
    fn time_of(&self, age: Reduce) -> Option<f64> {
        self.ask(age).map(|age| self.frame.now as f64 / 1000.0 - age)
    }

    fn answer(&self) -> Option<f64> {
        let p = |index: usize| self.parameters[index];
        match (self.group.as_str(), self.function.as_str()) {
            ("core" | "start_ts", "rate") => self.ask(Reduce::RateProm),
            ("core" | "start_ts", "increase") => self.ask(Reduce::IncreaseProm),
            ("core", "delta") => self.ask(Reduce::DeltaProm),
            ("core", "changes") => self.ask(Reduce::ChangesProm),
            ("core" | "start_ts", "resets") => self.ask(Reduce::ResetsProm),
            ("anchored", "rate") => self.ask(Reduce::Rate),
            ("anchored", "increase") => self.ask(Reduce::Increase),
            ("anchored", "delta") => self.ask(Reduce::Delta),
            ("anchored", "changes") => self.ask(Reduce::Changes),
            ("anchored", "resets") => self.ask(Reduce::Resets),
            ("core" | "start_ts", "irate") => self.ask(Reduce::Irate),
            ("core", "idelta") => self.ask(Reduce::Idelta),
            ("core", "avg_over_time") => self.ask(Reduce::Avg),
            ("core", "sum_over_time") => self.ask(Reduce::Sum),
            ("core", "count_over_time") => self.ask(Reduce::Count),
            ("core", "min_over_time") => self.ask(Reduce::Min),
            ("core", "max_over_time") => self.ask(Reduce::Max),
            ("core", "first_over_time") => self.ask(Reduce::First),
            ("core", "last_over_time") => self.ask(Reduce::Last),
            ("core", "stddev_over_time") => self.ask(Reduce::Stddev),
            ("core", "stdvar_over_time") => self.ask(Reduce::Var),
            ("core", "quantile_over_time") => self.ask(Reduce::Quantile(p(0))),
            ("core", "mad_over_time") => self.ask(Reduce::Mad),
            ("core", "deriv") => self.ask(Reduce::Slope),
            ("core", "predict_linear") => self.ask(Reduce::Predict((p(0) * 1000.0) as i64)),
            ("core", "double_exponential_smoothing") => self.ask(Reduce::DoubleExponential(p(0), p(1))),
            ("core", "present_over_time") => self.ask(Reduce::Count).filter(|&count| count > 0.0).map(|_| 1.0),
            ("core", "ts_of_min_over_time") => self.time_of(Reduce::AgeOfMin),
            ("core", "ts_of_max_over_time") => self.time_of(Reduce::AgeOfMax),
            ("core", "ts_of_first_over_time") => self.time_of(Reduce::AgeOfFirst),
            ("core", "ts_of_last_over_time") => self.time_of(Reduce::Age),
            other => panic!("{}: no reduction for {other:?}", self.id),
        }
    }

    /// Whether `answer` is what the named difference makes of Prometheus' answer: a difference excuses nothing but itself.
    fn differs_on_purpose(&self, answer: Option<f64>) -> Option<&'static str> {
        let &(_, _, name, _) = DIFFERENCES
            .iter()
            .find(|d| (d.0, d.1) == (self.group.as_str(), self.function.as_str()))?;
        let as_meant = match name {
            "count of nothing" => self.expected.is_none() && answer == Some(0.0),
            // Compensated sums are exact to 2^−106 of the sum of sizes, times a factor that grows with the count.
            "beyond compensation" => {
                let (n, size) = (
                    self.values.len() as f64,
                    self.values.iter().map(|v| v.abs()).sum::<f64>(),
                );
                let bound = n * size * 2_f64.powi(-106);
                answer.zip(self.expected).is_some_and(|(a, b)| (a - b).abs() <= bound)
            }
            "rate by the covered span" => {
                let (first, last) = (
                    self.anchor.map(|a| a.0).or(self.times.first().copied()),
                    self.times.last(),
                );
                let span = last.zip(first).map_or(0, |(last, first)| last - first) as f64;
                let window = self.frame.length() as f64;
                let scaled = self.expected.filter(|_| span > 0.0).map(|rate| rate * window / span);
                equal(answer, scaled)
            }
            other => panic!("the difference `{other}` has no rule"),
        };
        as_meant.then_some(name)
    }
}

#[test]
fn one_series_functions_are_prometheus() {
    let file = file();
    let vectors = file["vectors"].as_array().unwrap();
    let mut counts: BTreeMap<(String, String), [u32; 2]> = BTreeMap::new();
    let mut named: BTreeMap<&str, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    let (mut run, mut smoothed) = (0, 0);
    for vector in vectors {
        // Interpolation at the edges needs a sample from after the look; a rule engine never has one.
        if vector["group"] == "smoothed" {
            smoothed += 1;
            continue;
        }
        let case = Case::read(vector);
        run += 1;
        let answer = case.answer();
        let count = counts.entry((case.group.clone(), case.function.clone())).or_default();
        if equal(answer, case.expected) {
            count[0] += 1;
        } else if let Some(name) = case.differs_on_purpose(answer) {
            count[1] += 1;
            *named.entry(name).or_default() += 1;
        } else {
            wrong.push(format!(
                "{} {} {}: {answer:?}, Prometheus {:?}",
                case.id, case.group, case.function, case.expected
            ));
        }
    }
    for ((group, function), [equal, differ]) in &counts {
        report!("{group:9} {function:30} {equal:4} equal {differ:3} differ on purpose");
    }
    let sum = |index: usize| counts.values().map(|c| c[index]).sum::<u32>();
    report!(
        "{run} vectors: {} equal, {} differ on purpose ({named:?})",
        sum(0),
        sum(1)
    );
    for (group, function, name, why) in DIFFERENCES {
        report!("  {name} ({group} {function}): {why}");
    }
    for (function, how) in MAPPED {
        report!("  {function}: {how}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {run} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(run + smoothed, vectors.len());
    assert_eq!(sum(0) as usize + sum(1) as usize, run);
    assert!(run > 300, "the file holds {run} vectors only");
}

/// What "rate by the covered span" means, on the vectors of the anchored increase: the same increase, over the time it was seen in.
#[test]
fn anchored_rates_differ_in_the_divisor_only() {
    let file = file();
    let mut run = 0;
    for vector in file["vectors"].as_array().unwrap() {
        if vector["group"] != "anchored" || vector["fn"] != "increase" {
            continue;
        }
        let case = Case::read(vector);
        let left = case.anchor.map(|a| a.0).or(case.times.first().copied());
        let span = case.times.last().zip(left).map_or(0, |(last, left)| last - left) as f64 / 1000.0;
        let rate = case.expected.filter(|_| span > 0.0).map(|increase| increase / span);
        let answer = case.ask(Reduce::Rate);
        assert!(equal(answer, rate), "{}: {answer:?}, expected {rate:?}", case.id);
        run += 1;
    }
    assert!(run > 10, "{run} vectors");
}

#[test]
fn aggregates_over_instances_are_prometheus() {
    let file = file();
    let vectors = file["aggregates"].as_array().unwrap();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vector in vectors {
        let values: Vec<f64> = vector["values"].as_array().unwrap().iter().map(number).collect();
        let function = vector["fn"].as_str().unwrap();
        let what = match function {
            "avg" => Across::Avg,
            "min" => Across::Min,
            "max" => Across::Max,
            "sum" => Across::Sum,
            "stddev" => Across::Stddev,
            "stdvar" => Across::Var,
            "group" => Across::Any,
            other => panic!("no reduction for {other}"),
        };
        // A group is there if anything is: as a truth, each value's being there is true.
        let values = if function == "group" {
            vec![1.0; values.len()]
        } else {
            values
        };
        let answer = across(what, &values, &mut Vec::new());
        *counts.entry(function).or_default() += 1;
        if !equal(answer, expected(vector)) {
            wrong.push(format!(
                "{} {function}: {answer:?}, Prometheus {:?}",
                vector["id"],
                expected(vector)
            ));
        }
    }
    report!("{} aggregates: {counts:?}", vectors.len());
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        vectors.len(),
        wrong.join("\n")
    );
    assert_eq!(counts.values().sum::<u32>() as usize, vectors.len());
    assert!(vectors.len() > 20, "the file holds {} aggregates only", vectors.len());
}

/// Facts of the functions' definitions that the sample of vectors does not reach.
#[test]
fn edges_are_prometheus() {
    let frame = Frame {
        start: 0,
        end: 60_000,
        now: 60_000,
        max_gap: 37_500,
    };
    let ask = |what: Reduce, points: &[(i64, f64)]| {
        let times: Vec<i64> = points.iter().map(|p| p.0).collect();
        let values: Vec<f64> = points.iter().map(|p| p.1).collect();
        let samples = Samples {
            times: &times,
            values: &values,
            ..Samples::default()
        };
        reduce(what, &samples, &frame, &mut Vec::new())
    };
    let row = |values: &[f64]| -> Vec<(i64, f64)> { values.iter().zip(1..).map(|(&v, i)| (i * 10_000, v)).collect() };
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let cases: &[(Reduce, &[f64], Option<f64>)] = &[
        (Reduce::Avg, &[1.0, nan], Some(nan)),
        (Reduce::Avg, &[1.0, 1e100, 1.0, -1e100], Some(0.5)),
        (Reduce::Avg, &[1.7e308, 1.7e308], Some(1.7e308)),
        (Reduce::Sum, &[], None),
        (Reduce::Sum, &[inf, 1.0], Some(inf)),
        (Reduce::Sum, &[inf, -inf, 1.0], Some(nan)),
        (Reduce::Sum, &[1.7e308, 1.7e308], Some(inf)),
        (Reduce::Min, &[nan, nan], Some(nan)),
        (Reduce::Min, &[nan, 2.0, nan], Some(2.0)),
        (Reduce::Max, &[nan, -inf], Some(-inf)),
        (Reduce::Min, &[inf, nan], Some(inf)),
        (Reduce::Stddev, &[7.0], Some(0.0)),
        (Reduce::Stddev, &[], None),
        (Reduce::Var, &[1.0, nan], Some(nan)),
        (Reduce::Var, &[1.0, inf], Some(nan)),
        (Reduce::Quantile(0.5), &[], None),
        (Reduce::Quantile(-0.1), &[1.0], Some(-inf)),
        (Reduce::Quantile(1.1), &[1.0], Some(inf)),
        (Reduce::Quantile(nan), &[1.0], Some(nan)),
        (Reduce::Quantile(0.0), &[1.0, nan], Some(nan)),
        (Reduce::Quantile(1.0), &[3.0, nan], Some(3.0)),
        (Reduce::Quantile(0.75), &[-inf, 1.0, 2.0], Some(1.5)),
        (Reduce::Mad, &[1.0, nan], Some(nan)),
        (Reduce::Mad, &[4.0, 6.0, 2.0, 1.0, 999.0, 1.0, 2.0], Some(1.0)),
        (Reduce::Changes, &[5.0], Some(0.0)),
        (Reduce::ChangesProm, &[nan, nan, 1.0, nan], Some(2.0)),
        (Reduce::ResetsProm, &[3.0, nan, 1.0, 0.0], Some(1.0)),
        (Reduce::Increase, &[5.0], Some(0.0)),
        (Reduce::Increase, &[], None),
        (Reduce::Rate, &[5.0], None),
        (Reduce::IncreaseProm, &[5.0], None),
        (Reduce::DeltaProm, &[5.0], None),
        (Reduce::IncreaseProm, &[1.0, nan], Some(nan)),
        (Reduce::Irate, &[1.0], None),
        (Reduce::Irate, &[8.0, 5.0], Some(0.5)),
        (Reduce::Idelta, &[8.0, 5.0], Some(-3.0)),
        (Reduce::Irate, &[nan, 5.0], Some(nan)),
        (Reduce::Slope, &[1.0], None),
        (Reduce::Slope, &[4.0, 4.0], Some(0.0)),
        (Reduce::Slope, &[inf, inf], Some(nan)),
        (Reduce::Predict(60_000), &[4.0, 4.0, 4.0], Some(4.0)),
        // The line through (10 s, 1) and (20 s, 2), asked at 60 s for a minute later.
        (Reduce::Predict(60_000), &[1.0, 2.0], Some(12.0)),
        (Reduce::DoubleExponential(0.5, 0.5), &[1.0], None),
        (Reduce::DoubleExponential(0.5, 1.0), &[1.0, 2.0], Some(nan)),
        (Reduce::DoubleExponential(0.5, 0.5), &[1.0, 3.0], Some(3.0)),
        // Ties go to the latest, a NaN gives way: ages count from 60 s.
        (Reduce::AgeOfMin, &[1.0, 2.0, 1.0, 3.0], Some(30.0)),
        (Reduce::AgeOfMax, &[nan, 3.0, 3.0, nan], Some(30.0)),
        (Reduce::AgeOfMax, &[nan, nan], Some(40.0)),
        (Reduce::AgeOfFirst, &[1.0, 2.0], Some(50.0)),
        (Reduce::Count, &[nan, nan], Some(2.0)),
        (Reduce::First, &[nan, 1.0], Some(nan)),
    ];
    for (what, values, expected) in cases {
        let answer = ask(*what, &row(values));
        assert!(
            equal(answer, *expected),
            "{what:?} of {values:?}: {answer:?}, expected {expected:?}"
        );
    }
}
