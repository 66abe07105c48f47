//! Examples at the edges.

use proptest::prelude::*;

use super::super::block::Block;
use super::*;

const FIVE_MINUTES: Millis = 300_000;

/// Gives one value every 15 s in `(from, to]`, except for those left out.
fn fill(task: &mut Task, instance: &str, from: Millis, to: Millis, without: &[i64]) {
    for i in 1..=(to - from) / 15_000 {
        if !without.contains(&i) {
            let t = from + i * 15_000;
            task.give(t, instance, t, i as f64);
        }
    }
}

#[test]
fn a_window_of_5m_holds_exactly_20_samples() {
    let mut task = Task::of(
        gauge(),
        &[
            (Reduce::Count, Window::sliding(FIVE_MINUTES)),
            (Reduce::First, Window::sliding(FIVE_MINUTES)),
        ],
    );
    fill(&mut task, "", T0, T0 + 600_000, &[]);
    assert_eq!(task.ask(0, "", T0 + 600_000), Ok(20.0));
    assert_eq!(task.ask(1, "", T0 + 600_000), Ok(21.0));
    assert_eq!(task.ask(1, "", T0 + 614_999), Ok(21.0));
    assert_eq!(task.ask(0, "", T0 + 615_000), Ok(19.0));
}

#[test]
fn eighty_percent_of_a_window_is_enough_and_seventy_nine_is_not() {
    let spec = MetricSpec {
        max_gap: 1_000,
        staleness: 60_000,
        max_lateness: 60_000,
        ..gauge().with_interval(1_000)
    };
    let mut task = Task::of(
        spec,
        &[
            (Reduce::Avg, Window::sliding(100_000)),
            (Reduce::Coverage, Window::sliding(100_000)),
        ],
    );
    for i in 1..=200 {
        // Of the last 100 s, the samples at 101…120 are missing: 80 are left.
        if !(101..=120).contains(&i) {
            task.give(T0 + i * 1000, "", T0 + i * 1000, 1.0);
        }
    }
    let now = T0 + 200_000;
    // The sample at 100 s, just outside, still covers the first second of the gap; the last covers no more after now.
    assert_eq!(task.ask(1, "", now), Ok(0.8));
    assert_eq!(task.ask(0, "", now), Ok(1.0));
    // 22 s later it has the samples at 123…200, and the last covers one more second.
    assert_eq!(task.ask(1, "", now + 22_000), Ok(0.79));
    let why = task.ask(0, "", now + 22_000).unwrap_err();
    assert_eq!(
        why.to_string(),
        "78 of 100 samples, covering 79% of the window where 80% are required"
    );
}

#[test]
fn a_window_that_is_hardly_filled_says_how_much() {
    let mut task = Task::of(gauge(), &[(Reduce::Avg, Window::sliding(FIVE_MINUTES))]);
    assert_eq!(task.ask(0, "", T0), Err(Undefined::NoInstance));
    fill(&mut task, "", T0, T0 + 45_000, &[]);
    let why = task.ask(0, "", T0 + 45_000).unwrap_err();
    assert_eq!(
        why,
        Undefined::Coverage {
            have: 3,
            expected: 20,
            covered: 100,
            required: 800
        }
    );
    assert_eq!(task.ask(0, "", T0 + 900_000), Err(Undefined::NoSample));
    // One lost sample costs nothing, as the next one covers its time.
    fill(&mut task, "", T0 + 45_000, T0 + 345_000, &[7]);
    assert!(task.ask(0, "", T0 + 345_000).is_ok());
}

#[test]
fn windows_end_at_the_newest_mark_plus_warm_up() {
    let across = window(Span::Sliding(FIVE_MINUTES), 0, true);
    let asked = [
        (Reduce::Count, Window::sliding(FIVE_MINUTES)),
        (Reduce::Count, across),
        (Reduce::Last, Window::latest()),
    ];
    let mut task = Task::of(gauge(), &asked);
    fill(&mut task, "", T0, T0 + 600_000, &[]);
    let mark = T0 + 500_000;
    task.windows.mark(mark, Mark::Change);
    assert_eq!(task.windows.newest_mark(), Some(mark));
    assert_eq!(task.ask(0, "", mark + 59_999), Err(Undefined::WarmingUp { left: 1 }));
    assert_eq!(task.ask(2, "", mark + 60_000), Err(Undefined::WarmingUp { left: 0 }));
    // The sample at 555 s is from the warm-up; 570 s, 585 s and 600 s count.
    assert_eq!(task.ask(2, "", mark + 69_999), Err(Undefined::NoSample));
    assert_eq!(task.ask(2, "", mark + 70_000), Ok(38.0));
    assert_eq!(task.ask(0, "", T0 + 600_000), Ok(3.0));
    assert_eq!(task.ask(1, "", T0 + 600_000), Ok(20.0));
    // A window that ended before the mark does not know of it.
    assert_eq!(task.ask(0, "", mark - 1), Ok(20.0));
}

#[test]
fn counters_begin_again_at_a_restart_and_never_at_a_change() {
    let across = window(Span::Sliding(FIVE_MINUTES), 0, true);
    for (mark, expected) in [(Mark::Restart, 1000.0), (Mark::Change, 900.0)] {
        let mut task = Task::of(counter(15_000), &[(Reduce::Increase, across)]);
        for i in 0..=20 {
            // From 100 to 1000, but behind the restart it began at 0: the step from 500 to 600 was 600.
            let value = if i < 10 { 100.0 } else { 1000.0 };
            task.give(T0 + i * 15_000, "", T0 + i * 15_000, value);
        }
        task.windows.mark(T0 + 9 * 15_000 + 5_000, mark);
        assert_eq!(task.ask(0, "", T0 + FIVE_MINUTES), Ok(expected), "{mark:?}");
    }
}

#[test]
fn poison_stays_out_and_harms_nothing() {
    let mut task = Task::of(
        gauge(),
        &[
            (Reduce::Avg, Window::sliding(FIVE_MINUTES)),
            (Reduce::Sum, Window::sliding(FIVE_MINUTES)),
        ],
    );
    fill(&mut task, "", T0, T0 + 300_000, &[]);
    let now = T0 + 300_000;
    let before = task.ask(0, "", now).unwrap();
    let year_2099 = 4_070_908_800_000;
    for (t, value) in [
        (year_2099, 1.0),
        (now + 60_001, 1.0),
        (now, f64::INFINITY),
        (Millis::MAX, 1.0),
        (Millis::MIN, 1.0),
    ] {
        let accepted = task.give(now, "", t, value);
        assert_eq!((accepted.stored, accepted.refused), (0, 1), "{t} {value}");
    }
    // NaN: asked, not available; no value, and the others stay.
    task.give(now, "", now + 1, f64::NAN);
    assert_eq!(task.ask(0, "", now), Ok(before));
    assert_eq!(task.windows.counters().not_available, 1);
    // A huge but possible value is taken; two of them are too large together.
    task.give(now, "", now - 1, 1.5e308);
    task.give(now, "", now - 2, 1.5e308);
    assert_eq!(task.ask(1, "", now), Err(Undefined::NotFinite));
    // A spike is gone when it has left the window: nothing was added and taken away again.
    fill(&mut task, "", now, now + 600_000, &[]);
    assert_eq!(task.ask(1, "", now + 600_000), Ok((21..=40).sum::<i32>().into()));
}

#[test]
fn time_never_goes_back() {
    let mut task = Task::of(gauge(), &[(Reduce::Count, Window::sliding(FIVE_MINUTES))]);
    fill(&mut task, "", T0, T0 + 300_000, &[]);
    let now = T0 + 300_000;
    let (id, metric) = (task.instance(""), task.metric("load"));
    let back = TimeWentBack {
        now: now - 1,
        last: now,
    };
    assert_eq!(task.windows.advance(&task.plan, now - 1), Err(back));
    assert_eq!(
        task.windows.row(&task.plan, now - 1, id, now, &[(metric, 1.0)]),
        Err(back.into())
    );
    assert_eq!(
        task.windows.column(&task.plan, now - 1, id, metric, &[now], &[1.0]),
        Err(back.into())
    );
    assert_eq!(task.ask(0, "", now), Ok(20.0));
    assert_eq!(
        back.to_string(),
        format!("now is {} ms but was {now} ms before; time must not go back", now - 1)
    );
}

#[test]
fn what_the_caller_must_put_right_is_an_error_and_changes_nothing() {
    let aggregates = vec![
        aggregate(1, Reduce::Count, Window::sliding(FIVE_MINUTES)),
        aggregate(0, Reduce::Count, Window::sliding(FIVE_MINUTES)),
    ];
    let mut task = Task::new(vec![events(), gauge()], aggregates, WindowSettings::default());
    let (load, exceptions) = (task.metric("load"), task.metric("exceptions"));
    let id = task.instance("");
    let windows = &mut task.windows;
    let row = windows.row(&task.plan, T0, id, T0, &[(load, 1.0), (exceptions, 1.0)]);
    assert_eq!(
        row,
        Err(IngestError::NotANumberMetric {
            metric: "exceptions".into()
        })
    );
    let text = windows.event(&task.plan, T0, id, load, T0, "text");
    assert_eq!(text, Err(IngestError::NotAnEventMetric { metric: "load".into() }));
    let column = windows.column(&task.plan, T0, id, load, &[T0, T0 + 1], &[1.0]);
    assert_eq!(column, Err(IngestError::ColumnLengths { times: 2, values: 1 }));
    let unknown = windows.row(&task.plan, T0, id, T0, &[(MetricId(7), 1.0)]);
    assert_eq!(unknown, Err(IngestError::UnknownMetric { metric: 7, metrics: 2 }));
    assert_eq!(windows.counters(), IngestCounters::default());
    assert_eq!(windows.now(), None);
    assert_eq!(windows.samples(&task.plan, id, load).count(), 0);
}

#[test]
fn at_the_cap_new_instances_are_refused_and_old_ones_work() {
    let mut task = Task::of(gauge(), &[(Reduce::Last, Window::latest())]);
    for i in 0..1_000_000_u32 {
        let result = task.windows.instance(&task.plan, &format!("pod-{i}"));
        assert_eq!(result.is_ok(), i < 1024);
    }
    let id = task.instance("pod-7");
    assert!(task.windows.row(&task.plan, T0, id, T0, &[(MetricId(0), 1.0)]).is_ok());
    assert_eq!(task.windows.instances().count(), 1024);
    assert!(task.windows.bytes() < 1_000_000);
    let long = task.windows.instance(&task.plan, &"x".repeat(5000));
    assert_eq!(long, Err(IngestError::NameTooLong { bytes: 5000 }));
}

#[test]
fn dead_instances_are_freed_and_their_handles_stay_dead() {
    let mut task = Task::of(gauge(), &[(Reduce::Avg, Window::sliding(FIVE_MINUTES))]);
    let (old, silent) = (task.instance("old"), task.instance("silent"));
    task.give(T0, "old", T0, 1.0);
    task.windows.advance(&task.plan, T0 + 200_000).unwrap();
    assert_eq!(task.windows.instance_name(old), "old");
    task.windows.advance(&task.plan, T0 + 800_000).unwrap();
    assert_eq!(task.windows.find("old"), None);
    assert_eq!(task.windows.instances().count(), 0);
    let new = task.instance("new");
    assert!(new != old && new != silent);
    assert_eq!(task.windows.instance_name(old), "");
    let result = task
        .windows
        .row(&task.plan, T0 + 800_000, old, T0 + 800_000, &[(MetricId(0), 1.0)]);
    assert_eq!(result, Err(IngestError::UnknownInstance));
}

#[test]
fn memory_does_not_grow_with_time() {
    let week = 7 * 86_400_000;
    let mut task = Task::of(
        gauge(),
        &[
            (Reduce::Avg, Window::sliding(FIVE_MINUTES)),
            (Reduce::Max, window(Span::Sliding(week), 0, true)),
        ],
    );
    let mut bytes = Vec::new();
    for i in 0..100_000 {
        let t = T0 + i * 15_000;
        task.give(t, "tm", t, (i % 100) as f64);
        // Looks are rarer than samples: rows must not pile up in between.
        if i % 40 == 0 {
            task.windows.advance(&task.plan, t).unwrap();
        }
        if i % 10_000 == 9_999 {
            bytes.push(task.windows.bytes());
        }
    }
    assert!(bytes.iter().all(|b| *b == bytes[0]), "{bytes:?}");
    let estimate = task.plan.bytes_per_task(1);
    assert!(
        bytes[0] <= estimate && estimate <= bytes[0] * 2,
        "{} {estimate}",
        bytes[0]
    );
}

proptest! {
    /// Whenever somebody looks, and with clocks that are a little off.
    #[test]
    fn rows_at_the_declared_interval_do_not_outgrow_their_room(
        length in 1..64 * 60_000_i64,
        off in proptest::collection::vec(0..500_i64, 1..20),
        looks in proptest::collection::vec(proptest::bool::weighted(0.1), 1..100),
        restored in 0..2000_i64,
    ) {
        let mut task = Task::of(gauge(), &[(Reduce::Avg, Window::sliding(length))]);
        let room = Block::bytes_for(1, task.plan.groups[0].capacity);
        for i in 0..1000 {
            let t = T0 + i * 15_000 + off[i as usize % off.len()];
            task.give(t, "tm", t, 1.0);
            if looks[i as usize % looks.len()] {
                task.windows.advance(&task.plan, t).unwrap();
            }
            if i == restored {
                task = saved::restored(&task);
            }
            let instance = task.windows.find("tm").unwrap();
            let block = task.windows.get(instance).unwrap().blocks[0].as_ref().unwrap();
            prop_assert_eq!(block.bytes(), room, "after {} rows", i);
        }
    }
}

#[test]
fn too_dense_samples_are_refused_and_none_is_lost() {
    let settings = WindowSettings {
        max_rows: 100,
        ..WindowSettings::default()
    };
    let mut task = Task::new(
        vec![gauge()],
        vec![aggregate(0, Reduce::Count, Window::sliding(FIVE_MINUTES))],
        settings,
    );
    let mut stored = 0;
    for i in 1..=1000 {
        stored += task.give(T0 + i * 10, "", T0 + i * 10, 1.0).stored;
    }
    assert_eq!((stored, task.windows.counters().too_dense), (100, 900));
    assert_eq!(task.ask(0, "", T0 + 10_000), Ok(100.0));
    // There is room again when the old ones have gone.
    let later = T0 + 400_000;
    assert_eq!(task.give(later, "", later, 1.0).stored, 1);
}

#[test]
fn only_metrics_that_rules_ask_for_are_kept_in_converted_units() {
    let spec = MetricSpec {
        unit: "ms".parse().unwrap(),
        ..MetricSpec::new("delay")
    };
    let mut task = Task::new(
        vec![gauge(), spec],
        vec![aggregate(0, Reduce::Last, Window::latest())],
        WindowSettings::default(),
    );
    let (delay, load) = (task.metric("delay"), task.metric("load"));
    assert!(task.plan.used(delay) && !task.plan.used(load));
    let id = task.instance("");
    let accepted = task
        .windows
        .row(&task.plan, T0, id, T0, &[(delay, 250.0), (load, 1.0)])
        .unwrap();
    assert_eq!((accepted.stored, accepted.unused), (1, 1));
    assert_eq!(task.ask(0, "", T0), Ok(0.25));
}

#[test]
fn instances_are_reduced_together_when_enough_have_a_value() {
    let mut task = Task::of(
        gauge(),
        &[(Reduce::Avg, Window::sliding(60_000)), (Reduce::Last, Window::latest())],
    );
    assert_eq!(task.reduced(0, Across::Max, T0), Err(Undefined::NoInstance));
    for tm in ["c", "a", "b", "d", "e"] {
        fill(&mut task, tm, T0, T0 + 15_000, &[]);
    }
    let names: Vec<String> = task
        .windows
        .live(&task.plan, MetricId(0), T0 + 15_000)
        .map(|id| task.windows.instance_name(id).to_owned())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    // All fail for one reason: it is said.
    let why = task.reduced(0, Across::Max, T0 + 15_000).unwrap_err();
    assert!(
        matches!(
            why,
            Undefined::Coverage {
                have: 1,
                expected: 4,
                ..
            }
        ),
        "{why:?}"
    );
    for (i, tm) in ["a", "b", "c", "d"].into_iter().enumerate() {
        for k in 0..=4 {
            let t = T0 + k * 15_000 + i as Millis;
            task.give(T0 + 75_000, tm, t, i as f64);
        }
    }
    // Four of five is just enough.
    assert_eq!(task.reduced(0, Across::Max, T0 + 60_000), Ok(2.6));
    let expected = task.windows.reduced(
        &task.plan,
        AggregateId(0),
        Across::Max,
        Some(6),
        T0 + 60_000,
        None,
        &mut Scratch::new(),
    );
    assert_eq!(expected, Err(Undefined::Instances { have: 4, expected: 6 }));
    assert_eq!(task.reduced(0, Across::Count, T0 + 60_000), Ok(4.0));
}

#[test]
fn an_instance_that_ended_leaves_at_once_and_a_later_sample_revives_it() {
    let mut task = Task::of(gauge(), &[(Reduce::Last, Window::latest())]);
    let now = T0 + 15_000;
    for (tm, value) in [("a", 1.0), ("b", 5.0)] {
        task.give(now, tm, now, value);
    }
    assert_eq!(task.reduced(0, Across::Max, now), Ok(5.0));
    let (b, metric) = (task.instance("b"), task.metric("load"));
    task.windows.end(&task.plan, b, Some(metric), now).unwrap();
    assert_eq!(task.reduced(0, Across::Max, now), Ok(1.0));
    assert_eq!(task.ask(0, "b", now), Err(Undefined::NoInstance));
    // Late samples from before the end do not revive it.
    task.give(now, "b", now - 10, 6.0);
    assert_eq!(task.reduced(0, Across::Max, now), Ok(1.0));
    task.give(now + 10, "b", now + 10, 7.0);
    assert_eq!(task.reduced(0, Across::Max, now + 10), Ok(7.0));
    // Gone quiet without a word: stale after 60 s.
    assert_eq!(task.reduced(0, Across::Max, now + 60_010), Ok(7.0));
    let stale = Err(Undefined::Stale {
        age: 60_001,
        limit: 60_000,
    });
    assert_eq!(task.reduced(0, Across::Max, now + 60_011), stale);
}

#[test]
fn one_that_says_not_available_is_alive() {
    let mut task = Task::of(gauge(), &[(Reduce::Last, Window::latest())]);
    task.give(T0, "a", T0, 1.0);
    task.give(T0 + 90_000, "a", T0 + 90_000, f64::NAN);
    assert_eq!(task.windows.live(&task.plan, MetricId(0), T0 + 90_000).count(), 1);
    assert_eq!(task.reduced(0, Across::Sum, T0 + 90_000), Err(Undefined::NotAvailable));
}

#[test]
fn duplicates_are_resolved_as_the_metric_says() {
    for (duplicates, expected) in [
        (Duplicates::Larger, 3.0),
        (Duplicates::Last, 2.0),
        (Duplicates::First, 1.0),
    ] {
        let mut task = Task::of(
            MetricSpec { duplicates, ..gauge() },
            &[(Reduce::Last, Window::latest())],
        );
        for value in [1.0, 3.0, 3.0, 2.0] {
            task.give(T0, "", T0, value);
        }
        assert_eq!(task.ask(0, "", T0), Ok(expected), "{duplicates:?}");
        let counters = task.windows.counters();
        assert_eq!(counters.accepted, 1);
        assert_eq!(counters.duplicates_equal + counters.duplicates_resolved, 3);
    }
}

#[test]
fn nan_and_infinity_are_kept_where_the_metric_says_so() {
    let spec = MetricSpec {
        not_a_number: NotANumber::Propagate,
        infinite: Infinite::Keep,
        ..gauge()
    };
    let short = Window::sliding(30_000);
    let mut task = Task::of(
        spec,
        &[(Reduce::Avg, short), (Reduce::Max, short), (Reduce::Count, short)],
    );
    for (i, value) in [0.0, 1.0, f64::INFINITY].into_iter().enumerate() {
        task.give(T0 + 30_000, "", T0 + 15_000 * i as Millis, value);
    }
    assert_eq!(task.ask(0, "", T0 + 30_000), Ok(f64::INFINITY));
    task.give(T0 + 30_000, "", T0 + 20_000, f64::NAN);
    assert_eq!(task.ask(0, "", T0 + 30_000), Err(Undefined::NotAvailable));
    assert_eq!(task.ask(1, "", T0 + 30_000), Ok(f64::INFINITY));
    assert_eq!(task.ask(2, "", T0 + 30_000), Ok(3.0));
}

#[test]
fn tests_of_the_caller_are_three_valued() {
    let short = Window::sliding(60_000);
    let reductions = [Reduce::All, Reduce::Any, Reduce::Count, Reduce::Share];
    let aggregates = reductions.iter().map(|r| tested(0, *r, short, Test::Caller)).collect();
    let mut task = Task::new(vec![gauge()], aggregates, WindowSettings::default());
    task.give(T0, "", T0, 0.0);
    fill(&mut task, "", T0, T0 + 60_000, &[]);
    let id = task.instance("");
    let mut ask = |aggregate: u32, test: &mut SampleTest<'_>| {
        let now = T0 + 60_000;
        task.windows.aggregate(
            &task.plan,
            AggregateId(aggregate),
            id,
            now,
            Some(test),
            &mut task.scratch,
        )
    };
    let number = |s: SampleRef<'_>| if let SampleRef::Number(x) = s { x } else { f64::NAN };
    // 1, 2, 3 and 4, of which nothing is known about 4.
    let known = |s: SampleRef<'_>, limit: f64| (number(s) < 4.0).then(|| number(s) > limit);
    assert_eq!(ask(0, &mut |s| known(s, 1.0)), Ok(0.0));
    assert_eq!(ask(0, &mut |s| known(s, 0.0)), Err(Undefined::NotAvailable));
    assert_eq!(ask(1, &mut |s| known(s, 1.0)), Ok(1.0));
    assert_eq!(ask(1, &mut |s| known(s, 3.0)), Err(Undefined::NotAvailable));
    assert_eq!(ask(2, &mut |s| known(s, 1.0)), Err(Undefined::NotAvailable));
    assert_eq!(ask(2, &mut |s| Some(number(s) > 1.0)), Ok(3.0));
    assert_eq!(ask(3, &mut |s| Some(number(s) > 1.0)), Ok(0.75));
}

fn event_task() -> Task {
    let ten_minutes = Window::sliding(600_000);
    let oom = || {
        Test::Text(TextTest {
            kind: TextTestKind::Contains("OutOfMemoryError".into()),
            negate: false,
        })
    };
    let aggregates = vec![
        aggregate(0, Reduce::Count, ten_minutes),
        tested(0, Reduce::Any, ten_minutes, oom()),
        tested(0, Reduce::Share, ten_minutes, oom()),
        aggregate(0, Reduce::Last, ten_minutes),
        tested(0, Reduce::Last, ten_minutes, oom()),
        aggregate(0, Reduce::Age, ten_minutes),
    ];
    Task::new(vec![events()], aggregates, WindowSettings::default())
}

#[test]
fn no_events_mean_something_only_where_someone_looked() {
    let mut task = event_task();
    let metric = task.metric("exceptions");
    let id = task.instance("");
    assert_eq!(task.ask(0, "", T0), Err(Undefined::NotObserved));
    task.windows.observed(&task.plan, T0, metric, T0).unwrap();
    assert_eq!(task.ask(0, "", T0 + 60_000), Ok(0.0));
    assert_eq!(task.reduced(0, Across::Sum, T0 + 60_000), Ok(0.0));
    assert_eq!(task.ask(1, "", T0 + 60_000), Ok(0.0));
    assert_eq!(task.ask(2, "", T0), Err(Undefined::NoSample));
    assert_eq!(task.ask(0, "", T0 + 60_001), Err(Undefined::NotObserved));
    let now = T0 + 100_000;
    task.windows
        .event(
            &task.plan,
            now,
            id,
            metric,
            now,
            "java.lang.OutOfMemoryError: Metaspace",
        )
        .unwrap();
    task.windows.mark(now + 1, Mark::Restart);
    assert_eq!(task.ask(0, "", now + 2), Ok(1.0));
    assert_eq!(task.ask(1, "", now + 2), Ok(1.0));
    assert_eq!(task.ask(5, "", now + 3000), Ok(3.0));
    assert_eq!(task.ask(0, "", now + 600_000), Err(Undefined::NotObserved));
}

#[test]
fn repeated_events_count_once_and_the_newest_text_is_found() {
    let mut task = event_task();
    let metric = task.metric("exceptions");
    let ids = ["tm-1", "tm-2"].map(|tm| task.instance(tm));
    for _ in 0..3 {
        // Flink tells its whole history each time, newest first.
        for (t, text) in [
            (3, "TimeoutException"),
            (2, "OutOfMemoryError: 2"),
            (1, "OutOfMemoryError: 1"),
        ] {
            task.windows
                .event(&task.plan, T0 + 10, ids[0], metric, T0 + t, text)
                .unwrap();
        }
    }
    task.windows
        .event(&task.plan, T0 + 10, ids[1], metric, T0 + 5, "IOException")
        .unwrap();
    let now = T0 + 10;
    let text = |aggregate, id| task.windows.latest_text(&task.plan, AggregateId(aggregate), id, now);
    assert_eq!(text(3, ids[0]), Ok((T0 + 3, "TimeoutException")));
    assert_eq!(text(4, ids[0]), Ok((T0 + 2, "OutOfMemoryError: 2")));
    assert_eq!(text(4, ids[1]), Err(Undefined::NotObserved));
    assert_eq!(task.windows.events(&task.plan, ids[0], metric).count(), 3);
    assert_eq!(task.ask(0, "tm-1", now), Ok(3.0));
    assert_eq!(task.reduced(0, Across::Sum, now), Ok(4.0));
    task.windows.observed(&task.plan, now, metric, now).unwrap();
    assert_eq!(task.reduced(1, Across::Any, now), Ok(1.0));
    assert_eq!(task.reduced(1, Across::Sum, now), Ok(1.0));
    assert_eq!(task.reduced(1, Across::Count, now), Ok(2.0));
}

#[test]
fn events_are_bounded() {
    let mut task = event_task();
    let metric = task.metric("exceptions");
    let id = task.instance("");
    let text = "ä".repeat(10_000);
    for i in 0..10_000 {
        task.windows
            .event(&task.plan, T0 + i, id, metric, T0 + i, &text)
            .unwrap();
    }
    let counters = task.windows.counters();
    assert_eq!(
        (counters.accepted, counters.events_dropped, counters.texts_cut),
        (10_000, 9_744, 10_000)
    );
    assert_eq!(task.ask(0, "", T0 + 10_000), Ok(256.0));
    assert!(task.windows.bytes() < 256 * 8192 + 100_000);
    task.windows.advance(&task.plan, T0 + 900_000).unwrap();
    assert_eq!(task.windows.events(&task.plan, id, metric).count(), 0);
}
