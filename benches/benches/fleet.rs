//! Looks at tasks as a fleet has them: one task, ticks of many on two threads, memory, replays. Prints tables; a name as an argument picks the
//! tables and lines that contain it.
//!
//! Times are medians of many short stretches. Beside them stand instructions, which do not depend on who else uses the machine.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use dras_benches::callgrind::{self, Case};
use dras_benches::engine::CPU;
use dras_benches::fleet::{FOUR, Fleet, MAXIMA, Tick};
use dras_benches::memory::{self, Counting};
use dras_benches::replays::{self, every_minute, looks_a_second, recording};
use dras_benches::windows::{BEGIN, Fixture, INTERVAL, METRICS};
use dras_core::engine::{Decision, LookKind};
use dras_core::metrics::Scratch;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CASES: &[Case] = &[
    ("look, four strategies", 1, |n| looks(LOOKS[0], n)),
    ("short look, four strategies", 1, |n| looks(LOOKS[1], n)),
    ("look, four strategies, Flink's configuration not known", 1, |n| {
        looks(LOOKS[2], n)
    }),
    ("look, cpu strategy", 1, |n| looks(LOOKS[3], n)),
    ("scrape of ten metrics in two rows", 1, |n| {
        let mut fleet = Fleet::full(FOUR, 1, true);
        (0..n).for_each(|_| fleet.scrape());
    }),
    ("column of 240 samples, per sample", 240 * METRICS, columns),
    ("row of ten metrics, per sample", METRICS, |n| {
        let mut fixture = Fixture::filled(20);
        (0..n).for_each(|_| fixture.scrape(black_box(&[0.5; METRICS])));
    }),
    ("five aggregates of 20 samples, per series", METRICS, |n| {
        aggregates(20, n)
    }),
    ("five aggregates of 240 samples, per series", METRICS, |n| {
        aggregates(240, n)
    }),
    ("look, four strategies, all values", 1, |n| looks(FULL, n)),
    ("replay of an hour, cpu strategy", 1, |n| replay(CPU, n)),
    ("replay of an hour, four strategies", 1, |n| replay(FOUR, n)),
];

/// A look: the document, its kind, whether Flink's configuration is known, and whether the decision holds all values.
type Looked = (&'static str, LookKind, bool, bool);

const LOOKS: [Looked; 4] = [
    (FOUR, LookKind::Long, true, false),
    (FOUR, LookKind::Short, true, false),
    (FOUR, LookKind::Long, false, false),
    (CPU, LookKind::Long, true, false),
];

/// The same with all values.
const FULL: Looked = (FOUR, LookKind::Long, true, true);

/// A fleet of one task, the kind of its looks, and a decision to fill.
fn looked((text, kind, memory, full): Looked) -> (Fleet, LookKind, Decision) {
    let fleet = Fleet::full(text, 1, memory);
    let decision = if full {
        Decision::new(&fleet.policy)
    } else {
        Decision::lean(&fleet.policy)
    };
    (fleet, kind, decision)
}

fn looks(look: Looked, repetitions: usize) {
    let (mut fleet, kind, mut decision) = looked(look);
    for _ in 0..repetitions {
        fleet.look(kind, black_box(&mut decision));
    }
}

/// A day is replayed for every 24 repetitions.
fn replay(text: &str, repetitions: usize) {
    let (policy, recording) = (every_minute(text), recording(1));
    for _ in 0..repetitions.div_ceil(24) {
        black_box(replays::looks(&policy, &recording));
    }
}

fn columns(repetitions: usize) {
    let rows = 240;
    let times: Vec<i64> = (1..=rows).map(|i| BEGIN + i * INTERVAL).collect();
    let values = vec![0.5; times.len()];
    let empty = Fixture::new(rows);
    for _ in 0..repetitions {
        let mut f = empty.clone();
        for metric in &f.metrics {
            f.windows
                .column(&f.plan, BEGIN + rows * INTERVAL, f.instance, *metric, &times, &values)
                .unwrap();
        }
    }
}

fn aggregates(samples: i64, repetitions: usize) {
    let fixture = Fixture::filled(samples);
    let mut scratch = Scratch::new();
    for _ in 0..repetitions {
        black_box(five(&fixture, &mut scratch));
    }
}

/// The sum of five aggregates of ten series.
fn five(f: &Fixture, scratch: &mut Scratch) -> f64 {
    let mut moment = f.windows.at(&f.plan, f.now, scratch);
    let ids = f.aggregates.iter().flatten();
    ids.map(|id| moment.aggregate(*id, f.instance, None).unwrap()).sum()
}

/// The median time of one of `repetitions` in a stretch, in ns.
fn median(stretches: usize, repetitions: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..stretches)
        .map(|_| {
            let begin = Instant::now();
            (0..repetitions).for_each(|_| run());
            begin.elapsed().as_nanos() as f64 / repetitions as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Whether an argument asks for this, or none asks for anything.
fn wanted(name: &str) -> bool {
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with('-')).peekable();
    arguments.peek().is_none() || arguments.any(|a| name.contains(&a))
}

/// Time of one repetition of a case, in ns.
fn time_of(case: usize) -> f64 {
    match case {
        0..=3 | 9 => {
            let (mut fleet, kind, mut decision) = looked(*LOOKS.get(case).unwrap_or(&FULL));
            median(201, 50, || fleet.look(kind, &mut decision))
        }
        10 | 11 => {
            let text = [CPU, FOUR][case - 10];
            let (policy, recording) = (every_minute(text), recording(1));
            median(11, 1, || _ = black_box(replays::looks(&policy, &recording))) / 24.0
        }
        4 => {
            let mut fleet = Fleet::full(FOUR, 1, true);
            median(201, 50, || fleet.scrape())
        }
        5 => median(201, 1, || columns(1)),
        6 => {
            let mut fixture = Fixture::filled(20);
            median(201, 200, || fixture.scrape(black_box(&[0.5; METRICS])))
        }
        _ => {
            let fixture = Fixture::filled(if case == 7 { 20 } else { 240 });
            let mut scratch = Scratch::new();
            median(201, 50, || {
                black_box(five(black_box(&fixture), &mut scratch));
            })
        }
    }
}

/// One task at a time, hot.
fn one() {
    println!("| {:<56} | ns | instructions |", "one task, hot");
    println!("| --- | --: | --: |");
    for (case, (name, units, _)) in CASES.iter().enumerate().filter(|c| wanted(c.1.0)) {
        let ns = time_of(case) / *units as f64;
        let repetitions = if *units > 100 { 4 } else { 400 };
        match callgrind::instructions(CASES, case, repetitions) {
            Some(counted) => println!("| {name:<56} | {ns:.1} | {counted:.1} |"),
            None => println!("| {name:<56} | {ns:.1} | not counted |"),
        }
    }
    println!();
}

/// A whole fleet: a scrape of all tasks, and a look at all tasks.
fn ticks() {
    println!("| tasks | look at all, ms | per task, µs | scrape of all, ms | per sample, ns |");
    println!("| --: | --: | --: | --: | --: |");
    for tasks in [1_000, 10_000, 100_000]
        .into_iter()
        .filter(|n| wanted(&format!("tick of {n}")))
    {
        let mut fleet = Fleet::full(FOUR, tasks, true);
        let Tick { look, scrape } = fleet.tick(7);
        println!(
            "| {tasks} | {:.1} | {:.2} | {:.1} | {:.1} |",
            look * 1e3,
            look * 1e6 / tasks as f64,
            scrape * 1e3,
            scrape * 1e9 / (tasks * METRICS) as f64,
        );
    }
    println!();
}

/// Memory of a task, by the allocator.
fn bytes() {
    println!("| a task of ten metrics with | bytes | of them windows |");
    println!("| --- | --: | --: |");
    for (name, text, memory) in [
        ("the four strategies", FOUR, true),
        ("averages of 5 min, and maxima of 7 days of four metrics", MAXIMA, false),
    ] {
        let mut fleet = Fleet::full(text, 1, memory);
        let bytes = memory::growth(|| fleet.grow(101)) / 100;
        println!("| {name} | {bytes} | {} |", fleet.members[0].task.windows().bytes());
    }
    println!();
}

/// Looks at a recording.
fn replays() {
    println!("| replay of a week, a look a minute | looks/s, one core | looks/s, two cores |");
    println!("| --- | --: | --: |");
    let recording = recording(7);
    for (name, text) in [("cpu strategy", CPU), ("four strategies", FOUR)] {
        let policy = every_minute(text);
        let rate = |threads| looks_a_second(&policy, &recording, threads);
        println!("| {name} | {:.0} | {:.0} |", rate(1), rate(2));
    }
    println!();
}

fn main() {
    if let Some((case, repetitions)) = callgrind::called_for() {
        return CASES[case].2(repetitions);
    }
    // `cargo test --benches` runs it, too; there it has nothing to say.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    if CASES.iter().any(|case| wanted(case.0)) {
        one();
    }
    if wanted("tick of 1000") || wanted("tick of 10000") || wanted("tick of 100000") {
        ticks();
    }
    if wanted("memory") {
        bytes();
    }
    if wanted("replay") {
        replays();
    }
}
