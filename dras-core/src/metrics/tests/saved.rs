//! Windows that were written and read go on as if nothing had happened; under other rules they keep what these can use.

use proptest::prelude::*;

use super::super::saved::{COLUMNS, WINDOWS};
use super::model::{INSTANCES, Step, bits, long_material, material, script};
use super::*;
use crate::snapshot::{Reader, SectionKind, SnapshotError, Writer};

pub(super) fn bytes(task: &Task) -> Vec<u8> {
    let mut writer = Writer::new();
    task.windows.write(&task.plan, &mut writer).unwrap();
    writer.finish()
}

pub(super) fn read(plan: &Plan, bytes: &[u8]) -> Result<(Windows, Carried), SnapshotError> {
    Windows::read(plan, &Reader::new(bytes)?)
}

/// The same task out of its snapshot, and that it writes the same again.
pub(super) fn restored(task: &Task) -> Task {
    let written = bytes(task);
    let (windows, carried) = read(&task.plan, &written).unwrap();
    assert_eq!(carried, Carried::default());
    let restored = Task {
        plan: task.plan.clone(),
        windows,
        scratch: Scratch::new(),
    };
    assert!(bytes(&restored) == written, "the same windows give other bytes");
    restored
}

/// All that a task says.
fn answers(task: &mut Task, now: Millis) -> Vec<String> {
    let mut said = Vec::new();
    let names: Vec<String> = task
        .windows
        .instances()
        .map(|i| task.windows.instance_name(i).to_owned())
        .collect();
    for id in 0..task.plan.aggregates().len() as u32 {
        for name in &names {
            said.push(format!("{id} {name:?} {:?}", bits(task.ask(id, name, now))));
            let instance = task.windows.find(name).unwrap();
            let text = task.windows.latest_text(&task.plan, AggregateId(id), instance, now);
            said.push(format!("{id} {name:?} {text:?}"));
        }
        for across in [Across::Sum, Across::Count] {
            said.push(format!("{id} {:?}", bits(task.reduced(id, across, now))));
        }
        said.push(format!(
            "{:?}",
            task.windows.why_no_text(&task.plan, AggregateId(id), now)
        ));
    }
    for (metric, _) in task.plan.catalogue().iter() {
        let live: Vec<&str> = task
            .windows
            .live(&task.plan, metric, now)
            .map(|i| task.windows.instance_name(i))
            .collect();
        said.push(format!("{live:?} {:?}", task.windows.newest(&task.plan, metric)));
    }
    let windows = &task.windows;
    said.push(format!(
        "{:?} {:?} {:?}",
        windows.counters(),
        windows.all_marks(),
        windows.now()
    ));
    said
}

/// What can happen to a task with events.
#[derive(Debug, Clone)]
enum Op {
    Step(Step),
    /// Instance, time relative to now, text.
    Event(usize, Millis, String),
    Observed(Millis),
    /// One series of an instance ends.
    EndOne(usize, u16),
}

impl Op {
    fn apply(&self, task: &mut Task, now: &mut Millis) {
        let exceptions = task.metric("exceptions");
        match self {
            Op::Step(step) => step.apply(task, now),
            Op::Event(i, dt, text) => {
                let id = task.instance(INSTANCES[*i]);
                task.windows
                    .event(&task.plan, *now, id, exceptions, *now + dt, text)
                    .unwrap();
            }
            Op::Observed(dt) => task.windows.observed(&task.plan, *now, exceptions, *now + dt).unwrap(),
            Op::EndOne(i, metric) => {
                let id = task.instance(INSTANCES[*i]);
                task.windows.end(&task.plan, id, Some(MetricId(*metric)), *now).unwrap();
            }
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => (0..2usize, -400..70i64, "[ab]{0,6}").prop_map(|(i, t, text)| Op::Event(i, t * 1000, text)),
        1 => (-20..5i64).prop_map(|t| Op::Observed(t * 1000)),
        1 => (0..2usize, 0..3u16).prop_map(|(i, m)| Op::EndOne(i, m)),
    ];
    let more = proptest::collection::vec((any::<prop::sample::Index>(), op), 0..40);
    (script(), more).prop_map(|(script, more)| {
        let mut ops: Vec<Op> = script.into_iter().map(Op::Step).collect();
        for (at, op) in more {
            ops.insert(at.index(ops.len() + 1), op);
        }
        ops
    })
}

/// Raw windows, panes and events.
fn everything() -> (Vec<MetricSpec>, Vec<Aggregate>, WindowSettings) {
    let (mut specs, mut aggregates, settings) = material();
    specs.push(MetricSpec {
        staleness: 10_000,
        ..events()
    });
    for metric in 0..2 {
        for reduce in long::DECOMPOSABLE {
            for across in [false, true] {
                aggregates.push(aggregate(metric, reduce, window(Span::Sliding(516_000), 0, across)));
            }
        }
        let long = window(Span::Sliding(600_000), 5_000, true);
        aggregates.push(tested(metric, Reduce::Share, long, above(10.0)));
        aggregates.push(tested(metric, Reduce::Count, long, above(20.0)));
    }
    for (reduce, span) in [
        (Reduce::Count, Span::Sliding(300_000)),
        (Reduce::Age, Span::Latest),
        (
            Reduce::AgeOfFirst,
            Span::Last {
                count: 3,
                max_age: 100_000,
            },
        ),
    ] {
        aggregates.push(aggregate(3, reduce, window(span, 0, false)));
    }
    let settings = WindowSettings {
        max_events: 5,
        max_event_bytes: 4,
        ..settings
    };
    (specs, aggregates, settings)
}

fn task_of((specs, aggregates, settings): (Vec<MetricSpec>, Vec<Aggregate>, WindowSettings)) -> Task {
    Task::new(specs, aggregates, settings)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A task that is written and read in the middle answers everything like its twin that never was, then and after the rest, and even its
    /// snapshot at the end is the same.
    #[test]
    fn a_restored_task_is_like_its_twin(ops in ops(), cut in any::<prop::sample::Index>()) {
        let mut twin = task_of(everything());
        let mut now = T0;
        let cut = cut.index(ops.len() + 1);
        for op in &ops[..cut] {
            op.apply(&mut twin, &mut now);
        }
        let mut task = restored(&twin);
        for at in [now, now - 7_000, now + 30_000] {
            prop_assert_eq!(answers(&mut task, at), answers(&mut twin, at));
        }
        let mut also = now;
        for op in &ops[cut..] {
            op.apply(&mut twin, &mut now);
            op.apply(&mut task, &mut also);
        }
        prop_assert_eq!(answers(&mut task, now), answers(&mut twin, now));
        prop_assert!(bytes(&task) == bytes(&twin));
        twin.windows.advance(&twin.plan, now + 400_000).unwrap();
        task.windows.advance(&task.plan, now + 400_000).unwrap();
        prop_assert!(bytes(&task) == bytes(&twin));
    }

    /// Neither the order of arrival nor that in which instances were made and rules were read shows in the bytes.
    #[test]
    fn equal_windows_give_equal_bytes(
        values in proptest::collection::vec((0..2usize, 0..3u16, 1..60i64, 0..50i32), 1..80),
        by in any::<prop::sample::Index>(),
    ) {
        let (specs, mut aggregates, settings) = everything();
        let mut first = Task::new(specs.clone(), aggregates.clone(), settings.clone());
        let turned = by.index(aggregates.len());
        aggregates.rotate_left(turned);
        let mut second = Task::new(specs, aggregates, settings);
        for task in [&mut first, &mut second] {
            task.windows.advance(&task.plan, T0).unwrap();
        }
        let give = |task: &mut Task, (i, m, t, v): &(usize, u16, i64, i32)| {
            let id = task.instance(INSTANCES[*i]);
            // Only what is not too late in any order.
            let t = T0 - t % 8 * 1000;
            task.windows.row(&task.plan, T0, id, t, &[(MetricId(*m), f64::from(*v))]).unwrap();
        };
        for value in &values {
            give(&mut first, value);
        }
        for value in values.iter().rev() {
            give(&mut second, value);
        }
        // How often values were resolved depends on their order.
        second.windows.counters = first.windows.counters;
        for task in [&mut first, &mut second] {
            task.windows.advance(&task.plan, T0 + 20_000).unwrap();
        }
        prop_assert!(bytes(&first) == bytes(&second));
    }
}

/// Samples with their arrival; marks, of which some are told late.
type Story = (Vec<(Millis, Millis, f64)>, Vec<(Millis, Millis)>);

fn story() -> impl Strategy<Value = Story> {
    (
        proptest::collection::vec((1..2500i64, 0..19_999i64, (0..40i32).prop_map(f64::from)), 50..900),
        proptest::collection::vec((0..900_000i64, 0..60_000i64), 0..3),
    )
        .prop_map(|(gaps, marks)| {
            let mut t = T0;
            let mut samples = Vec::new();
            for (gap, delay, value) in gaps {
                t += gap;
                samples.push((t + delay, t, value));
            }
            samples.sort_by_key(|s| s.0);
            (
                samples,
                marks.into_iter().map(|(t, late)| (T0 + t + late, T0 + t)).collect(),
            )
        })
}

/// Gives what arrives in `(from, to]`, letting time pass every now and then.
fn tell(task: &mut Task, (samples, marks): &Story, from: Millis, to: Millis, every: Millis) {
    let mut told = from;
    for (arrival, t, value) in samples.iter().filter(|s| (from + 1..=to).contains(&s.0)) {
        for (_, mark) in marks.iter().filter(|m| (told + 1..=*arrival).contains(&m.0)) {
            task.windows.mark(*mark, Mark::Restart);
        }
        if arrival.div_euclid(every) > told.div_euclid(every) {
            task.windows.advance(&task.plan, *arrival).unwrap();
        }
        told = *arrival;
        task.give(*arrival, "tm", *t, *value);
    }
    for (_, mark) in marks.iter().filter(|m| (told + 1..=to).contains(&m.0)) {
        task.windows.mark(*mark, Mark::Restart);
    }
    task.windows.advance(&task.plan, to).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn panes_go_on_like_their_twins(story in story(), cut in 0.0..1.0, every in 1..400_000i64) {
        let end = story.0.last().unwrap().0;
        let middle = T0 + ((end - T0) as f64 * cut) as Millis;
        let mut twin = task_of(long_material());
        tell(&mut twin, &story, T0, middle, every);
        let mut task = restored(&twin);
        for (from, to) in [(middle, middle), (middle, end), (end, end + 25_000)] {
            tell(&mut twin, &story, from, to, every);
            tell(&mut task, &story, from, to, every);
            prop_assert_eq!(answers(&mut task, to), answers(&mut twin, to));
            prop_assert!(bytes(&task) == bytes(&twin));
        }
    }

    /// Rules that ask for less answer what is left like before, at once and later on.
    #[test]
    fn what_both_documents_ask_for_goes_on(
        story in story(),
        cut in 0.0..1.0,
        keep in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let end = story.0.last().unwrap().0;
        let middle = T0 + ((end - T0) as f64 * cut) as Millis;
        let (specs, aggregates, settings) = long_material();
        let kept: Vec<usize> = (0..aggregates.len()).filter(|i| keep[*i % keep.len()]).collect();
        let fewer: Vec<Aggregate> = kept.iter().map(|i| aggregates[*i].clone()).collect();
        let mut twin = Task::new(specs.clone(), aggregates, settings.clone());
        tell(&mut twin, &story, T0, middle, 60_000);
        let mut task = Task::new(specs, fewer, settings);
        let written = bytes(&twin);
        let (windows, carried) = read(&task.plan, &written).unwrap();
        task.windows = windows;
        prop_assert!(carried.panes_begun.is_empty() && carried.panes_rebuilt.is_empty(), "{carried:?}");
        let before = bytes(&task);
        let (rebound, also) = twin.windows.clone().rebind(&twin.plan, &task.plan);
        prop_assert_eq!(carried, also);
        let rebound = Task { plan: task.plan.clone(), windows: rebound, scratch: Scratch::new() };
        prop_assert!(bytes(&rebound) == before);
        for (from, to) in [(middle, middle), (middle, end)] {
            tell(&mut twin, &story, from, to, 60_000);
            tell(&mut task, &story, from, to, 60_000);
            for (new, old) in kept.iter().enumerate() {
                let (a, b) = (task.ask(new as u32, "tm", to), twin.ask(*old as u32, "tm", to));
                prop_assert_eq!(bits(a), bits(b), "{:?}", task.plan.aggregate(AggregateId(new as u32)));
            }
        }
    }

    /// Rules that ask for more: what was there goes on as before. What is new is undefined until it is covered, and then right. Windows must
    /// be covered to the millisecond here, so that "covered" leaves no room.
    #[test]
    fn what_only_the_new_document_asks_for_is_right_once_it_is_covered(
        story in story(),
        cut in 0.0..1.0,
        keep in proptest::collection::vec(any::<bool>(), 200),
        raw in any::<bool>(),
        again in 0.0..1.0,
    ) {
        let end = story.0.last().unwrap().0;
        let middle = T0 + ((end - T0) as f64 * cut) as Millis;
        let between = middle + ((end - middle) as f64 * again) as Millis;
        let (specs, mut aggregates, settings) = long_material();
        let settings = WindowSettings { min_coverage: 1.0, min_samples: 1, ..settings };
        aggregates.retain(|a| needs::needs_coverage(a.reduce, a.test.is_some()));
        let count = aggregates.len();
        let kept: Vec<usize> = (0..count).filter(|i| keep[*i]).collect();
        let mut fewer: Vec<Aggregate> = kept.iter().map(|i| aggregates[*i].clone()).collect();
        if raw {
            // Much raw history to work new panes out from.
            fewer.push(aggregate(0, Reduce::Quantile(0.5), window(Span::Sliding(700_000), 0, true)));
        }
        let mut twin = Task::new(specs.clone(), aggregates.clone(), settings.clone());
        let mut task = Task::new(specs.clone(), fewer, settings.clone());
        for task in [&mut twin, &mut task] {
            tell(task, &story, T0, middle, 30_000);
        }
        let all = Task::new(specs, aggregates, settings);
        let (windows, _) = std::mem::replace(&mut task.windows, Windows::new(&all.plan)).rebind(&task.plan, &all.plan);
        let mut task = Task { windows, ..all };
        let compare = |task: &mut Task, twin: &mut Task, now: Millis| {
            for id in 0..count as u32 {
                let (a, b) = (task.ask(id, "tm", now), twin.ask(id, "tm", now));
                let what = (task.plan.aggregate(AggregateId(id)), now, a, b);
                // With an offset a window ends with a whole pane, which can cover for one that is missing at its beginning.
                let exact = task.plan.aggregate(AggregateId(id)).window.offset == 0;
                if kept.contains(&(id as usize)) || (exact && a.is_ok()) {
                    prop_assert_eq!(bits(a), bits(b), "{:?}", what);
                }
            }
            Ok(())
        };
        compare(&mut task, &mut twin, middle)?;
        for (from, to) in [(middle, between), (between, end)] {
            tell(&mut twin, &story, from, to, 30_000);
            tell(&mut task, &story, from, to, 30_000);
            compare(&mut task, &mut twin, to)?;
            // Since when parts are known is written, too.
            task = restored(&task);
        }
    }
}

/// Changes one section, and puts its checksum right.
pub(super) fn forged(bytes: &[u8], section: SectionKind, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let reader = Reader::new(bytes).unwrap();
    let mut writer = Writer::new();
    let mut change = Some(change);
    for kind in reader.kinds() {
        let content = reader.required(kind, u32::MAX).unwrap();
        let mut bytes = content.bytes.to_vec();
        if kind == section {
            change.take().unwrap()(&mut bytes);
        }
        writer.section(kind, content.version, &bytes).unwrap();
    }
    writer.finish()
}

/// A small task that has some of everything.
pub(super) fn sample() -> Task {
    let mut task = task_of(everything());
    let id = task.instance("tm-1");
    for i in 0..60 {
        let now = T0 + i * 2_000;
        for metric in 0..3 {
            let value = if i % 17 == 3 { f64::NAN } else { (i % 13) as f64 };
            task.windows
                .row(&task.plan, now, id, now, &[(MetricId(metric), value)])
                .unwrap();
        }
        if i % 10 == 0 {
            task.windows.advance(&task.plan, now).unwrap();
        }
    }
    let (now, exceptions) = (T0 + 120_000, task.metric("exceptions"));
    let other = task.instance("tm-2");
    for t in 0..7 {
        task.windows
            .event(&task.plan, now, other, exceptions, now - t * 1000, "boom, and more")
            .unwrap();
    }
    task.windows.observed(&task.plan, now, exceptions, now).unwrap();
    task.windows.mark(T0 + 60_000, Mark::Restart);
    task.windows.mark(T0 + 90_000, Mark::Change);
    task.windows.end(&task.plan, id, Some(MetricId(2)), now).unwrap();
    task
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Who forges checksums gets an error or windows that can be asked and go on: no panic.
    #[test]
    fn forged_sections_do_not_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        columns in any::<bool>(),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        thread_local! {
            static SAMPLE: Vec<u8> = bytes(&sample());
        }
        let section = if columns { COLUMNS } else { WINDOWS };
        let bytes = SAMPLE.with(|bytes| forged(bytes, section, |content| {
            for (at, byte) in &changes {
                let at = at.index(content.len());
                content[at] = *byte;
            }
            if let Some(cut) = cut {
                content.truncate(cut.index(content.len()));
            }
        }));
        let mut task = task_of(everything());
        let Ok((windows, _)) = read(&task.plan, &bytes) else { return Ok(()) };
        task.windows = windows;
        let now = task.windows.now().unwrap_or(T0).max(T0 + 120_000);
        answers(&mut task, now);
        if let Ok(id) = task.windows.instance(&task.plan, "tm-1") {
            for metric in 0..3 {
                task.windows.row(&task.plan, now, id, now, &[(MetricId(metric), 1.0)]).unwrap();
            }
        }
        task.windows.advance(&task.plan, now).unwrap();
        answers(&mut task, now);
        // Whatever it was, it is now a state that can be written and read.
        restored(&task);
    }
}

#[test]
fn any_change_of_a_bit_and_any_cut_is_found() {
    let task = sample();
    let bytes = bytes(&task);
    for bit in (0..bytes.len() * 8).step_by(7) {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&task.plan, &changed).is_err(), "bit {bit}");
    }
    for length in (0..bytes.len()).step_by(5) {
        assert!(read(&task.plan, &bytes[..length]).is_err(), "{length} bytes");
    }
}
