//! Windows of many samples, in panes.

use super::*;

/// The functions that panes can answer, without a test.
pub(super) const DECOMPOSABLE: [Reduce; 20] = [
    Reduce::Avg,
    Reduce::Min,
    Reduce::Max,
    Reduce::Sum,
    Reduce::Count,
    Reduce::First,
    Reduce::Last,
    Reduce::Stddev,
    Reduce::Var,
    Reduce::Spread,
    Reduce::Rate,
    Reduce::Increase,
    Reduce::Delta,
    Reduce::Changes,
    Reduce::Resets,
    Reduce::Coverage,
    Reduce::Age,
    Reduce::AgeOfFirst,
    Reduce::AgeOfMin,
    Reduce::AgeOfMax,
];

const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;

/// A wave with resets, in whole numbers.
fn wave(i: i64) -> f64 {
    ((i * 7) % 1000 - (i % 13)) as f64
}

#[test]
fn seven_days_backfilled_column_by_column_answer_like_the_samples() {
    let week = window(Span::Sliding(7 * DAY), 0, true);
    let specs = vec![
        MetricSpec {
            kind: Kind::Counter,
            ..MetricSpec::new("a").with_interval(MINUTE)
        },
        MetricSpec::new("b").with_interval(MINUTE),
    ];
    let mut aggregates = vec![aggregate(0, Reduce::Avg, Window::sliding(10 * MINUTE))];
    aggregates.extend(DECOMPOSABLE.map(|r| aggregate(0, r, week)));
    aggregates.extend(DECOMPOSABLE.map(|r| aggregate(1, r, week)));
    let mut task = Task::new(specs, aggregates, WindowSettings::default());
    let id = task.instance("tm");
    let times: Vec<Millis> = (1..=10 * 1440).map(|i| T0 - 10 * DAY + i * MINUTE).collect();
    let values: Vec<f64> = (0..times.len() as i64).map(wave).collect();
    for metric in [MetricId(0), MetricId(1)] {
        let accepted = task
            .windows
            .column(&task.plan, T0, id, metric, &times, &values)
            .unwrap();
        // Three of the ten days are longer ago than any window reaches.
        assert!(
            (7 * 1440..8 * 1440).contains(&accepted.stored) && accepted.stored + accepted.refused == 14_400,
            "{accepted:?}"
        );
    }
    assert_eq!(
        task.ask(0, "tm", T0),
        Ok(values[values.len() - 10..].iter().sum::<f64>() / 10.0)
    );
    let mut oracle = oracle::Oracle::default();
    for (t, v) in times.iter().zip(&values) {
        for metric in 0..2 {
            oracle.sample(&task.plan, *t, "tm", metric, *t, *v);
        }
    }
    let bytes = task.windows.bytes();
    for id in 1..task.plan.aggregates().len() as u32 {
        let (a, b) = (
            task.ask(id, "tm", T0).unwrap(),
            oracle.ask(&task.plan, AggregateId(id), "tm", T0).unwrap(),
        );
        assert!(
            (a - b).abs() <= 1e-12 * b.abs().max(1.0),
            "{:?}: {a} {b}",
            task.plan.aggregate(AggregateId(id))
        );
    }
    assert!(bytes <= task.plan.bytes_per_task(1) * 2, "{bytes}");
}

#[test]
fn a_week_long_maximum_takes_a_kilobyte_and_reaches_a_64th_too_far_at_most() {
    let week = window(Span::Sliding(7 * DAY), 0, true);
    let mut task = Task::of(gauge(), &[(Reduce::Max, week)]);
    let set = &task.plan.pane_sets[0];
    assert_eq!(set.width(), 7 * DAY / 64);
    assert!(set.bytes() < 900, "{}", set.bytes());
    let mut now = T0;
    task.give(now, "tm", now, 1e6);
    let mut last_seen = 0;
    for i in 1..=(8 * DAY / 15_000) {
        now = T0 + i * 15_000;
        task.give(now, "tm", now, 1.0);
        if i % 240 == 0 {
            task.windows.advance(&task.plan, now).unwrap();
            if task.ask(0, "tm", now) == Ok(1e6) {
                last_seen = now;
            }
        }
    }
    let kept = last_seen - T0;
    assert!((7 * DAY - 3_600_000..=7 * DAY + 7 * DAY / 64).contains(&kept), "{kept}");
}

#[test]
fn windows_that_need_too_many_raw_samples_are_refused() {
    let year = 365 * DAY;
    for (reduce, span, constant, expected) in [
        (Reduce::Max, Span::Sliding(year), true, RowsNeeded::Panes),
        (Reduce::Max, Span::Sliding(300_000), true, RowsNeeded::Raw(20)),
        (Reduce::Max, Span::Sliding(256 * 15_000), true, RowsNeeded::Raw(256)),
        (Reduce::Max, Span::Sliding(256 * 15_000 + 1), true, RowsNeeded::Panes),
        (Reduce::Count, Span::Sliding(DAY), false, RowsNeeded::Raw(5760)),
        (
            Reduce::Quantile(0.95),
            Span::Sliding(7 * DAY),
            true,
            RowsNeeded::Raw(40_320),
        ),
        (
            Reduce::Quantile(0.95),
            Span::Sliding(30 * DAY),
            true,
            RowsNeeded::Raw(172_800),
        ),
        (Reduce::Max, Span::Previous(DAY), true, RowsNeeded::Raw(11_520)),
        (Reduce::Last, Span::Latest, true, RowsNeeded::Raw(4)),
    ] {
        let window = window(span, 0, false);
        assert_eq!(
            rows_needed(&gauge(), &window, reduce, constant),
            expected,
            "{reduce:?} {span:?}"
        );
        let catalogue = Catalogue::new(vec![gauge()]).unwrap();
        let test = if constant { None } else { Some(Test::Caller) };
        let aggregate = Aggregate {
            metric: MetricId(0),
            window,
            reduce,
            test,
        };
        let plan = Plan::new(catalogue, vec![aggregate], WindowSettings::default());
        assert_eq!(plan.is_err(), expected == RowsNeeded::Raw(172_800));
    }
}

#[test]
fn a_short_window_long_ago_keeps_raw_samples() {
    let yesterday = window(Span::Sliding(300_000), DAY, true);
    let mut task = Task::of(gauge(), &[(Reduce::Avg, yesterday)]);
    for i in 1..=6000 {
        let t = T0 + i * 15_000;
        task.give(t, "tm", t, i as f64);
        if i % 10 == 0 {
            task.windows.advance(&task.plan, t).unwrap();
        }
    }
    // 240 samples after the beginning of yesterday's window: 221…240.
    assert_eq!(task.ask(0, "tm", T0 + 6000 * 15_000), Ok(230.5));
}

#[test]
fn a_constant_stays_that_constant_over_panes() {
    let day = window(Span::Sliding(DAY), 0, true);
    for value in [0.1, 0.8, 1.0 / 3.0, 4e9 + 0.3] {
        let mut task = Task::of(
            gauge(),
            &[(Reduce::Avg, day), (Reduce::Stddev, day), (Reduce::Max, day)],
        );
        for i in 0..7000 {
            let t = T0 + i * 15_000;
            task.give(t, "tm", t, value);
            if i % 100 == 0 {
                task.windows.advance(&task.plan, t).unwrap();
            }
        }
        let now = T0 + 7000 * 15_000;
        assert_eq!(task.ask(0, "tm", now), Ok(value));
        assert_eq!(task.ask(1, "tm", now), Ok(0.0));
        assert_eq!(task.ask(2, "tm", now), Ok(value));
    }
}

#[test]
fn the_variance_of_large_numbers_that_hardly_differ_survives_panes() {
    let day = window(Span::Sliding(DAY), 0, true);
    let mut task = Task::of(gauge(), &[(Reduce::Var, day)]);
    for i in 0..5760 {
        let t = T0 + i * 15_000;
        task.give(t, "tm", t, 4e9 + (i % 2) as f64);
        task.windows.advance(&task.plan, t).unwrap();
    }
    let variance = task.ask(0, "tm", T0 + 5759 * 15_000).unwrap();
    assert!((variance - 0.25).abs() < 1e-9, "{variance}");
}
