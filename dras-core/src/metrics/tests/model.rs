//! Any script of samples, marks, ends and time: the windows answer like the oracle, in whatever order the samples come.

use proptest::prelude::*;

use super::oracle::Oracle;
use super::*;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Instance, metric, time relative to now, value.
    Sample(usize, usize, Millis, f64),
    Mark(Mark),
    End(usize),
    /// Time passes.
    Wait(Millis),
    /// Time passes and is told.
    Advance(Millis),
}

pub(super) const INSTANCES: [&str; 2] = ["tm-1", "tm-2"];

impl Step {
    /// Does it to the windows; `now` goes on where time passes.
    pub(super) fn apply(&self, task: &mut Task, now: &mut Millis) {
        match self {
            Step::Sample(i, m, dt, v) => {
                let (id, metric) = (task.instance(INSTANCES[*i]), MetricId(*m as u16));
                task.windows
                    .row(&task.plan, *now, id, *now + dt, &[(metric, *v)])
                    .unwrap();
            }
            Step::Mark(mark) => task.windows.mark(*now, *mark),
            Step::End(i) => {
                let id = task.instance(INSTANCES[*i]);
                task.windows.end(&task.plan, id, None, *now).unwrap();
            }
            Step::Wait(ms) => *now += ms,
            Step::Advance(ms) => {
                *now += ms;
                task.windows.advance(&task.plan, *now).unwrap();
            }
        }
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => (0..50i32).prop_map(f64::from),
        2 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-0.0),
        1 => (0..1000i32).prop_map(|x| f64::from(x) / 7.0),
    ]
}

/// Mostly regular samples of all series, with everything that goes wrong in between.
pub(super) fn script() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        30 => (0..2usize, 0..3usize, -3..=0i64, value()).prop_map(|(i, m, t, v)| Step::Sample(i, m, t * 1000, v)),
        10 => (0..2usize, 0..3usize, -40..70i64, value()).prop_map(|(i, m, t, v)| Step::Sample(i, m, t * 1000, v)),
        20 => (0..12i64).prop_map(|s| Step::Wait(s * 500)),
        8 => (0..12i64).prop_map(|s| Step::Advance(s * 500)),
        1 => Just(Step::Mark(Mark::Restart)),
        1 => Just(Step::Mark(Mark::Change)),
        1 => (0..2usize).prop_map(Step::End),
    ];
    proptest::collection::vec(step, 1..250)
}

/// Every kind of window with every kind of function, over three metrics of which two share their rows.
pub(super) fn material() -> (Vec<MetricSpec>, Vec<Aggregate>, WindowSettings) {
    let fast = |name: &str| MetricSpec {
        staleness: 10_000,
        max_lateness: 8_000,
        ..MetricSpec::new(name).with_interval(2_000)
    };
    let specs = vec![
        fast("a"),
        MetricSpec {
            kind: Kind::Counter,
            ..fast("b")
        },
        MetricSpec {
            max_lateness: 30_000,
            ..MetricSpec::new("c").with_interval(5_000)
        },
    ];
    let mut aggregates = Vec::new();
    let spans = [
        Span::Latest,
        Span::Sliding(20_000),
        Span::Sliding(7_500),
        Span::Current(30_000),
        Span::Previous(15_000),
        Span::Last {
            count: 5,
            max_age: 30_000,
        },
    ];
    let reductions = [
        Reduce::Avg,
        Reduce::Last,
        Reduce::Count,
        Reduce::Increase,
        Reduce::Rate,
        Reduce::Quantile(0.9),
        Reduce::Coverage,
        Reduce::Resets,
        Reduce::RateProm,
        Reduce::AgeOfMax,
        Reduce::First,
    ];
    for metric in 0..3 {
        for span in spans {
            for (i, reduce) in reductions.into_iter().enumerate() {
                let offset = if i % 3 == 2 { 6_000 } else { 0 };
                aggregates.push(aggregate(metric, reduce, window(span, offset, i % 4 == 3)));
            }
            aggregates.push(tested(metric, Reduce::Share, window(span, 0, false), above(10.0)));
            aggregates.push(tested(metric, Reduce::Count, window(span, 0, true), above(10.0)));
        }
    }
    let settings = WindowSettings {
        warm_up: 4_000,
        min_coverage: 0.5,
        ..WindowSettings::default()
    };
    (specs, aggregates, settings)
}

pub(super) fn bits(result: Result<f64, Undefined>) -> Result<u64, Undefined> {
    result.map(f64::to_bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn windows_answer_like_the_oracle(script in script()) {
        let (specs, aggregates, settings) = material();
        let mut task = Task::new(specs, aggregates, settings);
        let mut oracle = Oracle::default();
        let mut now = T0;
        for step in script {
            step.apply(&mut task, &mut now);
            match step {
                Step::Sample(i, m, dt, v) => oracle.sample(&task.plan, now, INSTANCES[i], m, now + dt, v),
                Step::Mark(mark) => oracle.mark(now, mark),
                Step::End(i) => oracle.end(INSTANCES[i], now),
                Step::Wait(_) | Step::Advance(_) => {}
            }
        }
        task.ask_at_once(now);
        for id in 0..task.plan.aggregates().len() as u32 {
            for instance in INSTANCES {
                let expected = oracle.ask(&task.plan, AggregateId(id), instance, now);
                let answer = task.ask(id, instance, now);
                let what = task.plan.aggregate(AggregateId(id));
                // The oracle remembers samples and instances that are long gone.
                let gone = matches!(expected, Err(Undefined::Stale { age: 30_000.., .. } | Undefined::NoSample) | Ok(0.0));
                if gone && matches!(answer, Err(Undefined::NoSample | Undefined::NoInstance)) {
                    continue;
                }
                // The oracle always says when counters began, which can turn the sign of a zero.
                let (answer, expected) = (answer.map(|v| v + 0.0), expected.map(|v| v + 0.0));
                prop_assert_eq!(bits(answer), bits(expected), "{:?} of {} at {}: {:?} {:?}", what, instance, now, answer, expected);
            }
        }
        for m in 0..3 {
            let live: Vec<&str> = task.windows.live(&task.plan, MetricId(m), now).map(|i| task.windows.instance_name(i)).collect();
            let expected: Vec<&str> =
                INSTANCES.into_iter().filter(|i| oracle.is_live(&task.plan, usize::from(m), i, now)).collect();
            prop_assert_eq!(live, expected);
        }
    }
}

/// Raw windows and panes: 1 s interval, lateness 20 s, windows of 60 s, 300 s and 20 min.
pub(super) fn long_material() -> (Vec<MetricSpec>, Vec<Aggregate>, WindowSettings) {
    let spec = MetricSpec {
        max_lateness: 20_000,
        ..counter(1_000)
    };
    let mut aggregates = Vec::new();
    for reduce in long::DECOMPOSABLE {
        for length in [60_000, 300_000, 1_200_000] {
            for (offset, across) in [(0, false), (0, true), (45_000, true)] {
                aggregates.push(aggregate(0, reduce, window(Span::Sliding(length), offset, across)));
            }
        }
    }
    for reduce in [Reduce::Count, Reduce::All, Reduce::Any, Reduce::Share] {
        aggregates.push(tested(0, reduce, Window::sliding(1_200_000), above(25.0)));
    }
    let settings = WindowSettings {
        warm_up: 10_000,
        min_coverage: 0.2,
        ..WindowSettings::default()
    };
    (vec![spec], aggregates, settings)
}

/// Gives the samples in the order of their arrival, telling the time now and then.
fn run(samples: &[(Millis, Millis, f64)], marks: &[Millis], every: Millis, end: Millis) -> Task {
    let (specs, aggregates, settings) = long_material();
    let mut task = Task::new(specs, aggregates, settings);
    let mut told = T0;
    let mut marks = marks.iter().copied().peekable();
    for (arrival, t, value) in samples {
        while let Some(mark) = marks.next_if(|m| m <= arrival) {
            task.windows.mark(mark, Mark::Restart);
        }
        if *arrival - told >= every {
            task.windows.advance(&task.plan, *arrival).unwrap();
            told = *arrival;
        }
        let accepted = task.give(*arrival, "tm", *t, *value);
        assert_eq!(accepted.stored, 1, "{accepted:?}");
    }
    for mark in marks {
        task.windows.mark(mark, Mark::Restart);
    }
    task.windows.advance(&task.plan, end).unwrap();
    task
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any order of arrival inside the lateness and any cadence of `advance`: the same bits, from raw rows and from panes, and the same
    /// as the oracle's where whole numbers make the order of additions irrelevant.
    #[test]
    fn answers_do_not_depend_on_arrival_or_cadence(
        gaps in proptest::collection::vec((1..2500i64, 0..19_999i64, (0..40i32).prop_map(f64::from)), 50..1200),
        marks in proptest::collection::vec(0..600_000i64, 0..3),
        cadences in (1..40_000i64, 1..400_000i64),
        after in 0..30_000i64,
    ) {
        let mut t = T0;
        let mut samples = Vec::new();
        for (gap, delay, value) in gaps {
            t += gap;
            samples.push((t + delay, t, value));
        }
        let end = t + 20_000 + after;
        let mut marks: Vec<Millis> = marks.into_iter().map(|m| T0 + m).filter(|m| *m < t).collect();
        marks.sort_unstable();
        let in_order: Vec<_> = samples.iter().map(|(_, t, v)| (*t, *t, *v)).collect();
        samples.sort_by_key(|s| s.0);
        let mut first = run(&in_order, &marks, cadences.0, end);
        let mut second = run(&samples, &marks, cadences.1, end);
        let mut oracle = Oracle::default();
        for (_, t, v) in &in_order {
            oracle.sample(&first.plan, *t, "tm", 0, *t, *v);
        }
        for mark in &marks {
            oracle.mark(*mark, Mark::Restart);
        }
        first.ask_at_once(end);
        second.ask_at_once(end);
        for id in 0..first.plan.aggregates().len() as u32 {
            let (a, b) = (first.ask(id, "tm", end), second.ask(id, "tm", end));
            let expected = oracle.ask(&first.plan, AggregateId(id), "tm", end);
            let what = first.plan.aggregate(AggregateId(id)).clone();
            prop_assert_eq!(bits(a), bits(b), "{:?}", &what);
            match (a, expected) {
                (Ok(a), Ok(b)) => prop_assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{:?}: {} {}", &what, a, b),
                (a, b) => prop_assert_eq!(a, b, "{:?} marks {:?} end {}", &what, &marks, end),
            }
        }
    }
}

/// Times at the ends of what a number can hold, and ordinary ones.
fn any_time() -> impl Strategy<Value = Millis> {
    let near = -400_000..400_000i64;
    prop_oneof![
        4 => near.clone().prop_map(|d| T0 + d),
        1 => near.clone(),
        1 => near.clone().prop_map(|d| Millis::MAX - d.abs()),
        1 => near.prop_map(|d| Millis::MIN + d.abs()),
        1 => any::<Millis>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nothing that comes from outside makes the windows panic, whatever the clock says.
    #[test]
    fn no_time_and_no_value_panics(
        mut nows in proptest::collection::vec(any_time(), 1..12),
        steps in proptest::collection::vec((0..5usize, any_time(), any::<f64>()), 1..60),
    ) {
        nows.sort_unstable();
        let mut aggregates = Vec::new();
        for span in [
            Span::Latest,
            Span::Sliding(60_000),
            Span::Sliding(900_000),
            Span::Current(60_000),
            Span::Previous(60_000),
            Span::Last { count: 3, max_age: 60_000 },
        ] {
            for (reduce, offset, across) in
                [(Reduce::Increase, 0, false), (Reduce::Rate, 50_000, true), (Reduce::Stddev, 50_000, false), (Reduce::Age, 0, true)]
            {
                aggregates.push(aggregate(1, reduce, window(span, offset, across)));
            }
            aggregates.push(aggregate(0, Reduce::Count, window(span, 0, false)));
        }
        let mut task = Task::new(vec![events(), counter(2_000)], aggregates, WindowSettings::default());
        let id = task.instance("");
        for (i, (kind, t, value)) in steps.iter().enumerate() {
            let now = nows[i * nows.len() / steps.len()];
            let (windows, plan) = (&mut task.windows, &task.plan);
            match kind {
                0 | 1 => drop(windows.column(plan, now, id, MetricId(1), &[*t, t.saturating_add(1)], &[*value, 1.0]).unwrap()),
                2 => drop(windows.event(plan, now, id, MetricId(0), *t, "text").unwrap()),
                3 => windows.mark(*t, if value.is_sign_positive() { Mark::Restart } else { Mark::Change }),
                _ => windows.end(plan, id, None, *t).unwrap(),
            }
            if i % 3 == 0 {
                windows.advance(plan, now).unwrap();
                windows.observed(plan, now, MetricId(0), *t).unwrap();
            }
            task.ask_at_once(now);
            task.ask_at_once(*t);
            for aggregate in 0..task.plan.aggregates().len() as u32 {
                for at in [now, *t] {
                    if let Ok(value) = task.ask(aggregate, "", at) {
                        prop_assert!(value.is_finite());
                    }
                    let _ = task.reduced(aggregate, Across::Sum, at);
                }
            }
        }
    }
}
