//! What stays of windows under other rules, by example.

use super::super::saved::{COLUMNS, WINDOWS};
use super::saved::{bytes, forged, read, restored, sample};
use super::*;
use crate::snapshot::{Reader, SnapshotError, Writer};
use crate::units::WireUnit;

const DAY: Millis = 86_400_000;
const HOUR: Millis = 3_600_000;

/// The same windows under other rules, by way of a snapshot.
fn changed(
    task: &Task,
    specs: Vec<MetricSpec>,
    aggregates: Vec<Aggregate>,
    settings: WindowSettings,
) -> (Task, Carried) {
    let mut new = Task::new(specs, aggregates, settings);
    let (windows, carried) = read(&new.plan, &bytes(task)).unwrap();
    new.windows = windows;
    // Directly it is the same.
    let (rebound, also) = task.windows.clone().rebind(&task.plan, &new.plan);
    assert_eq!(carried, also);
    let direct = Task {
        plan: new.plan.clone(),
        windows: rebound,
        scratch: Scratch::new(),
    };
    assert!(bytes(&direct) == bytes(&new));
    restored(&new);
    (new, carried)
}

fn named(name: &str) -> MetricSpec {
    MetricSpec::new(name)
}

fn five_minutes(metrics: u16) -> Vec<Aggregate> {
    (0..metrics)
        .map(|m| aggregate(m, Reduce::Avg, Window::sliding(300_000)))
        .collect()
}

/// Gives every metric its index in the catalogue + 1, every 15 s for so long.
fn fill(task: &mut Task, instance: &str, from: Millis, length: Millis) {
    let metrics: Vec<MetricId> = task.plan.catalogue().iter().map(|m| m.0).collect();
    for i in 1..=length / 15_000 {
        let t = from + i * 15_000;
        let id = task.instance(instance);
        let row: Vec<(MetricId, f64)> = metrics.iter().map(|m| (*m, (m.index() + 1) as f64)).collect();
        task.windows.row(&task.plan, t, id, t, &row).unwrap();
        task.windows.advance(&task.plan, t).unwrap();
    }
}

fn dropped(carried: &Carried) -> Vec<(&str, WhyDropped)> {
    let dropped = carried.metrics_dropped.iter();
    dropped.map(|d| (&*d.metric, d.why)).collect()
}

#[test]
fn metrics_are_told_apart_by_name_and_dropped_where_they_mean_something_else() {
    let specs: Vec<MetricSpec> = ["gone", "kind", "same", "unit", "unused", "written"]
        .map(named)
        .to_vec();
    let mut task = Task::new(specs, five_minutes(6), WindowSettings::default());
    fill(&mut task, "tm", T0, 300_000);
    let other = |name: &str, unit: &str| MetricSpec {
        unit: unit.parse::<WireUnit>().unwrap(),
        ..named(name)
    };
    let specs = vec![
        MetricSpec {
            kind: Kind::Counter,
            ..named("kind")
        },
        named("new"),
        named("same"),
        other("unit", "percent"),
        named("unused"),
        // Another word for the same unit.
        other("written", "cores"),
    ];
    let aggregates = [0, 1, 2, 3, 5].map(|m| aggregate(m, Reduce::Avg, Window::sliding(300_000)));
    let (mut new, carried) = changed(&task, specs, aggregates.to_vec(), WindowSettings::default());
    assert_eq!(
        dropped(&carried),
        [
            ("gone", WhyDropped::NotDeclared),
            ("kind", WhyDropped::Kind),
            ("unit", WhyDropped::Unit),
            ("unused", WhyDropped::NotUsed),
        ]
    );
    assert!(!carried.is_whole());
    let now = T0 + 300_000;
    assert_eq!(new.ask(2, "tm", now), Ok(3.0));
    assert_eq!(new.ask(4, "tm", now), Ok(6.0));
    for id in [0, 1, 3] {
        assert_eq!(new.ask(id, "tm", now), Err(Undefined::NoInstance));
    }
}

#[test]
fn rows_of_metrics_that_move_between_groups_are_put_together() {
    // `b` needs so many samples that it has rows of its own, until the rules ask for less.
    let specs = vec![named("a"), named("b")];
    let mut aggregates = five_minutes(2);
    aggregates.push(aggregate(1, Reduce::Quantile(0.5), Window::sliding(DAY)));
    let mut task = Task::new(specs.clone(), aggregates, WindowSettings::default());
    assert_eq!(task.plan.groups.len(), 2);
    let id = task.instance("tm");
    for i in 1..=24 {
        let t = T0 + i * 15_000;
        let given = if i % 3 == 0 {
            &[(MetricId(1), 5.0)][..]
        } else {
            &[(MetricId(0), 4.0), (MetricId(1), 8.0)]
        };
        task.windows.row(&task.plan, t, id, t, given).unwrap();
    }
    let now = T0 + 360_000;
    let (mut new, carried) = changed(&task, specs.clone(), five_minutes(2), WindowSettings::default());
    assert_eq!(new.plan.groups.len(), 1);
    assert_eq!(carried, Carried::default());
    assert_eq!(new.ask(0, "tm", now), task.ask(0, "tm", now));
    assert_eq!(new.ask(1, "tm", now), task.ask(1, "tm", now));
    let id = new.windows.find("tm").unwrap();
    assert_eq!(new.windows.samples(&new.plan, id, MetricId(0)).count(), 16);
    // What no window can reach any more goes when time passes.
    assert_eq!(new.windows.samples(&new.plan, id, MetricId(1)).count(), 24);
    new.windows.advance(&new.plan, now).unwrap();
    assert_eq!(new.windows.samples(&new.plan, id, MetricId(1)).count(), 23);
    // And apart again: rows in which a metric has no sample are not its own.
    let mut aggregates = five_minutes(2);
    aggregates.push(aggregate(0, Reduce::Quantile(0.5), Window::sliding(DAY)));
    let (apart, _) = changed(&new, specs, aggregates, WindowSettings::default());
    let id = apart.windows.find("tm").unwrap();
    let rows: Vec<usize> = apart
        .windows
        .get(id)
        .unwrap()
        .blocks
        .iter()
        .map(|b| b.as_ref().unwrap().len())
        .collect();
    assert_eq!(rows, [23, 15]);
}

#[test]
fn a_function_that_joins_others_over_a_week_does_not_cost_them_their_week() {
    let week = window(Span::Sliding(7 * DAY), 0, true);
    let spec = gauge().with_interval(60_000);
    let mut task = Task::of(spec.clone(), &[(Reduce::Max, week)]);
    let last = T0 + 8 * DAY;
    for i in 0..=8 * 1440 {
        let t = T0 + i * 60_000;
        task.give(t, "tm", t, if t == T0 + 2 * DAY { 100.0 } else { (i % 7) as f64 });
        task.windows.advance(&task.plan, t).unwrap();
    }
    let long = |across_marks| LongWindow {
        metric: "load".to_owned(),
        length: 7 * DAY,
        across_marks,
    };
    let both = vec![aggregate(0, Reduce::Max, week), aggregate(0, Reduce::Min, week)];
    let (mut new, carried) = changed(&task, vec![spec.clone()], both, WindowSettings::default());
    assert_eq!(carried.panes_begun, [long(true)]);
    assert_eq!(new.ask(0, "tm", last), Ok(100.0));
    assert!(
        matches!(new.ask(1, "tm", last), Err(Undefined::Coverage { .. })),
        "{:?}",
        new.ask(1, "tm", last)
    );
    // After 80 % of a week it is covered.
    let mut defined = None;
    for i in 1..=7 * 1440 {
        let t = last + i * 60_000;
        new.give(t, "tm", t, (i % 7) as f64);
        new.windows.advance(&new.plan, t).unwrap();
        if defined.is_none() && new.ask(1, "tm", t).is_ok() {
            defined = Some(t - last);
            assert_eq!(new.ask(1, "tm", t), Ok(0.0));
        }
    }
    let expected = 7 * DAY * 8 / 10;
    assert!(
        (expected - HOUR..expected + 7 * DAY / 64).contains(&defined.unwrap()),
        "{defined:?}"
    );
    // A window of another length, or one that ends at marks, begins anew.
    for other in [window(Span::Sliding(14 * DAY), 0, true), Window::sliding(7 * DAY)] {
        let (mut new, carried) = changed(
            &task,
            vec![spec.clone()],
            vec![aggregate(0, Reduce::Max, other)],
            WindowSettings::default(),
        );
        assert_eq!(carried.panes_dropped, [long(true)]);
        assert_eq!(carried.panes_begun.len(), 1);
        assert!(matches!(new.ask(0, "tm", last), Err(Undefined::Coverage { .. })));
    }
}

#[test]
fn panes_are_worked_out_from_raw_samples_that_reach_back_far_enough() {
    let raw = aggregate(0, Reduce::Quantile(0.5), Window::sliding(2 * DAY));
    let day = aggregate(0, Reduce::Avg, Window::sliding(DAY));
    let mut task = Task::new(vec![gauge()], vec![raw], WindowSettings::default());
    fill(&mut task, "tm", T0, 3 * DAY);
    let (mut new, carried) = changed(&task, vec![gauge()], vec![day.clone()], WindowSettings::default());
    assert_eq!(carried.panes_rebuilt.len(), 1);
    assert!(carried.is_whole(), "{carried:?}");
    let now = T0 + 3 * DAY;
    assert_eq!(new.ask(0, "tm", now), Ok(1.0));
    new.windows.advance(&new.plan, now).unwrap();
    assert_eq!(new.ask(0, "tm", now), Ok(1.0));
    // Also where some of its samples are in panes already.
    let hours = aggregate(0, Reduce::Max, Window::sliding(12 * HOUR));
    let before = vec![
        aggregate(0, Reduce::Quantile(0.5), Window::sliding(2 * DAY)),
        hours.clone(),
    ];
    let mut task = Task::new(vec![gauge()], before, WindowSettings::default());
    fill(&mut task, "tm", T0, 3 * DAY);
    let (mut new, carried) = changed(&task, vec![gauge()], vec![hours, day], WindowSettings::default());
    assert_eq!((carried.panes_rebuilt.len(), carried.is_whole()), (1, true));
    assert_eq!(new.ask(1, "tm", now), Ok(1.0));
}

#[test]
fn another_warm_up_begins_panes_anew_that_a_mark_cut() {
    let asked = [Window::sliding(DAY), window(Span::Sliding(DAY), 0, true)];
    let aggregates: Vec<Aggregate> = asked.iter().map(|w| aggregate(0, Reduce::Max, *w)).collect();
    for (mark, begun) in [(None, 0), (Some(T0 + 10 * HOUR), 1)] {
        let mut task = Task::new(vec![gauge()], aggregates.clone(), WindowSettings::default());
        if let Some(mark) = mark {
            task.windows.mark(mark, Mark::Change);
        }
        fill(&mut task, "tm", T0, 2 * DAY);
        let settings = WindowSettings {
            warm_up: 120_000,
            ..WindowSettings::default()
        };
        let (mut new, carried) = changed(&task, vec![gauge()], aggregates.clone(), settings);
        assert_eq!(carried.panes_begun.len(), begun, "{carried:?}");
        assert!(carried.panes_begun.iter().all(|w| !w.across_marks));
        assert_eq!(new.ask(0, "tm", T0 + 2 * DAY).is_ok(), begun == 0);
        assert_eq!(new.ask(1, "tm", T0 + 2 * DAY), Ok(1.0));
    }
}

#[test]
fn where_fewer_instances_and_events_may_be_the_newest_stay() {
    let specs = vec![events(), gauge()];
    let aggregates = vec![
        aggregate(0, Reduce::Count, Window::sliding(HOUR)),
        aggregate(1, Reduce::Avg, Window::sliding(300_000)),
    ];
    let mut task = Task::new(specs.clone(), aggregates.clone(), WindowSettings::default());
    let handles = ["", "a", "b", "c"].map(|name| task.instance(name));
    for (i, id) in handles.into_iter().enumerate() {
        let t = T0 + [0, 3, 1, 2][i] * 1000;
        task.windows
            .row(&task.plan, T0 + 5000, id, t, &[(MetricId(1), 1.0)])
            .unwrap();
    }
    for (t, text) in [(1, "x-one"), (2, "x-two"), (2, "x-three"), (3, "y")] {
        task.windows
            .event(&task.plan, T0 + 5000, handles[1], MetricId(0), T0 + t, text)
            .unwrap();
    }
    let settings = WindowSettings {
        max_instances: 3,
        max_events: 2,
        max_event_bytes: 4,
        ..WindowSettings::default()
    };
    let (mut new, carried) = changed(&task, specs, aggregates, settings);
    // "b" has had no data for longest; the task itself always stays.
    assert_eq!(carried.instances_dropped, ["b"]);
    // "x-th" and "x-tw" differ, but only two may be there.
    assert_eq!(carried.events_dropped, 2);
    let id = new.windows.find("a").unwrap();
    let kept: Vec<&str> = new.windows.events(&new.plan, id, MetricId(0)).map(|e| e.1).collect();
    assert_eq!(kept, ["x-tw", "y"]);
    // The source repeats itself: what went does not come again.
    let again = new
        .windows
        .event(&new.plan, T0 + 5000, id, MetricId(0), T0 + 2, "x-three")
        .unwrap();
    assert_eq!(again.stored, 0);
    // Handles stay where the windows were not written; that of the dropped instance is of nobody.
    let (mut rebound, _) = task.windows.rebind(&task.plan, &new.plan);
    let names: Vec<&str> = handles.iter().map(|id| rebound.instance_name(*id)).collect();
    assert_eq!(names, ["", "a", "", "c"]);
    assert!(rebound.find("b").is_none());
    assert_eq!(
        rebound.end(&new.plan, handles[2], None, T0).unwrap_err(),
        IngestError::UnknownInstance
    );
    for days in [1, 2] {
        rebound.advance(&new.plan, T0 + days * DAY).unwrap();
    }
    let other = rebound.instance(&new.plan, "d").unwrap();
    assert!(!handles.contains(&other));
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let task = Task::of(gauge(), &[(Reduce::Avg, Window::sliding(300_000))]);
    let empty = Writer::new().finish();
    assert_eq!(
        read(&task.plan, &empty).unwrap_err(),
        SnapshotError::MissingSection { section: WINDOWS }
    );
    let longer = forged(&bytes(&task), COLUMNS, |content| content.push(0));
    assert!(matches!(
        read(&task.plan, &longer),
        Err(SnapshotError::Inconsistent { section: COLUMNS, .. })
    ));
    let mut writer = Writer::new();
    writer.section(WINDOWS, 2, &[]).unwrap();
    let newer = writer.finish();
    assert_eq!(
        read(&task.plan, &newer).unwrap_err(),
        SnapshotError::UnsupportedVersion {
            section: WINDOWS,
            found: 2,
            supported: 1
        }
    );
    let mut writer = Writer::new();
    task.windows.write(&task.plan, &mut writer).unwrap();
    assert!(task.windows.write(&task.plan, &mut writer).is_err());
}

/// A snapshot that an earlier build wrote. If this fails, snapshots that users have can no longer be read: give the section a new version
/// and go on reading this one.
#[test]
fn snapshots_of_version_1_are_read_and_written_as_ever() {
    const WRITTEN: &[u8] = include_bytes!("../../../tests/data/snapshots/windows-1.bin");
    let task = sample();
    let (windows, carried) = read(&task.plan, WRITTEN).unwrap();
    assert_eq!(carried, Carried::default());
    let mut writer = Writer::new();
    windows.write(&task.plan, &mut writer).unwrap();
    assert!(
        writer.finish() == WRITTEN,
        "what was read is written otherwise than before"
    );
    // Which samples are kept beyond what windows reach may differ from build to build; answers may not.
    let mut scratch = Scratch::new();
    for id in task.plan.ids() {
        let mut ask = |windows: &Windows| {
            windows.reduced(
                &task.plan,
                id,
                Across::Max,
                None,
                task.windows.now().unwrap(),
                None,
                &mut scratch,
            )
        };
        assert_eq!(ask(&windows), ask(&task.windows), "{:?}", task.plan.aggregate(id));
    }
    assert_eq!(windows.counters(), task.windows.counters());
    let kinds: Vec<String> = Reader::new(WRITTEN).unwrap().kinds().map(|k| k.to_string()).collect();
    assert_eq!(kinds, ["wins", "wcol"]);
}
