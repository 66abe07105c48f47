//! Looks at tasks as a fleet has them: one task, ticks of many on two threads, memory, replays. Prints tables; a name as an argument picks the
//! tables and lines that contain it.
//!
//! Times are medians of many short stretches. Beside them stand instructions, which do not depend on who else uses the machine.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
#![allow(
    unsafe_code,
    reason = "memory is counted by an allocator that hands on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dras_benches::Random;
use dras_benches::callgrind::{self, Case};
use dras_benches::engine::policy;
use dras_benches::fleet::{FOUR, Fleet, MAXIMA, Member};
use dras_benches::windows::{BEGIN, Fixture, INTERVAL, METRICS};
use dras_core::backtest::{Options, Recording, replay};
use dras_core::engine::{Decision, LookKind, Policy, decide_into};
use dras_core::metrics::Scratch;

/// Scrapes between two long looks.
const BETWEEN: usize = 20;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

/// What the system's allocator takes for so many bytes: 16 at a time, 8 of them for itself.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(taken(layout), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(taken(layout), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A fleet whose windows and panes are full enough, after looks as they are due.
fn fleet(text: &str, tasks: usize, memory: bool) -> Fleet {
    let mut fleet = Fleet::new(text, 1, 0, memory);
    let mut decision = Decision::new(&fleet.policy);
    for _ in 0..30 {
        look(&mut fleet, LookKind::Long, &mut decision);
        (0..BETWEEN).for_each(|_| fleet.scrape());
    }
    fleet.grow(tasks);
    fleet
}

fn look(fleet: &mut Fleet, kind: LookKind, decision: &mut Decision) {
    let (policy, now) = (&fleet.policy, fleet.now);
    for member in &mut fleet.members {
        decide_into(policy, &mut member.task, now, kind, decision).unwrap();
    }
}

const CASES: &[Case] = &[
    ("look, four strategies", 1, |n| looks(FOUR, LookKind::Long, true, n)),
    ("short look, four strategies", 1, |n| {
        looks(FOUR, LookKind::Short, true, n)
    }),
    ("look, four strategies, Flink's configuration not known", 1, |n| {
        looks(FOUR, LookKind::Long, false, n)
    }),
    ("look, cpu strategy", 1, |n| {
        looks(dras_benches::engine::CPU, LookKind::Long, true, n)
    }),
    ("scrape of ten metrics in two rows", 1, |n| {
        let mut fleet = fleet(FOUR, 1, true);
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
];

fn looks(text: &str, kind: LookKind, memory: bool, repetitions: usize) {
    let mut fleet = fleet(text, 1, memory);
    let mut decision = Decision::new(&fleet.policy);
    for _ in 0..repetitions {
        look(&mut fleet, kind, black_box(&mut decision));
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
        0..=3 => {
            let (text, kind, memory) = [
                (FOUR, LookKind::Long, true),
                (FOUR, LookKind::Short, true),
                (FOUR, LookKind::Long, false),
                (dras_benches::engine::CPU, LookKind::Long, true),
            ][case];
            let mut fleet = fleet(text, 1, memory);
            let mut decision = Decision::new(&fleet.policy);
            median(201, 50, || look(&mut fleet, kind, &mut decision))
        }
        4 => {
            let mut fleet = fleet(FOUR, 1, true);
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

/// A part of the fleet's tasks, each with what its thread needs.
fn on_two_threads(fleet: &mut Fleet, work: impl Fn(&Policy, &mut Member) + Sync) {
    let half = fleet.members.len().div_ceil(2);
    let policy = &fleet.policy;
    std::thread::scope(|scope| {
        for part in fleet.members.chunks_mut(half) {
            let work = &work;
            scope.spawn(move || part.iter_mut().for_each(|member| work(policy, member)));
        }
    });
}

/// A whole fleet: a scrape of all tasks, and a look at all tasks.
fn ticks() {
    println!("| tasks | look at all, ms | per task, µs | scrape of all, ms | per sample, ns |");
    println!("| --: | --: | --: | --: | --: |");
    for tasks in [1_000, 10_000, 100_000]
        .into_iter()
        .filter(|n| wanted(&format!("tick of {n}")))
    {
        let mut fleet = fleet(FOUR, tasks, true);
        let metrics = fleet.metrics();
        let (mut looked, mut scraped) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            let mut scrape = 0.0;
            for _ in 0..BETWEEN {
                fleet.now += INTERVAL;
                let now = fleet.now;
                let begin = Instant::now();
                on_two_threads(&mut fleet, |policy, member| member.scrape(policy, &metrics, now));
                scrape = begin.elapsed().as_secs_f64();
            }
            scraped.push(scrape);
            let (now, half) = (fleet.now, fleet.members.len().div_ceil(2));
            let policy = &fleet.policy;
            let begin = Instant::now();
            std::thread::scope(|scope| {
                for part in fleet.members.chunks_mut(half) {
                    scope.spawn(move || {
                        let mut decision = Decision::new(policy);
                        for member in part {
                            decide_into(policy, &mut member.task, now, LookKind::Long, &mut decision).unwrap();
                        }
                    });
                }
            });
            looked.push(begin.elapsed().as_secs_f64());
        }
        looked.sort_by(f64::total_cmp);
        scraped.sort_by(f64::total_cmp);
        let (look, scrape) = (looked[looked.len() / 2], scraped[scraped.len() / 2]);
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
fn memory() {
    println!("| a task of ten metrics with | bytes | of them windows |");
    println!("| --- | --: | --: |");
    for (name, text, memory) in [
        ("the four strategies", FOUR, true),
        ("averages of 5 min, and maxima of 7 days of four metrics", MAXIMA, false),
    ] {
        let mut fleet = fleet(text, 1, memory);
        let before = BYTES.load(Ordering::Relaxed);
        fleet.grow(101);
        let bytes = (BYTES.load(Ordering::Relaxed) - before) / 100;
        println!("| {name} | {bytes} | {} |", fleet.members[0].task.windows().bytes());
    }
    println!();
}

/// A week of one task, recorded.
fn recording() -> Recording {
    let mut recording = Recording::new("orders");
    let scrapes = 7 * 24 * 240;
    let times: Vec<i64> = (1..=scrapes).map(|i| BEGIN + i * INTERVAL).collect();
    let mut random = Random::new(3);
    for (instance, specs) in Fleet::specs() {
        for (name, level, counts) in specs {
            let mut total = 0.0;
            let values = times.iter().map(|_| {
                let value = level * random.between(0.95, 1.05);
                total = if counts { total + value.round() } else { value };
                total
            });
            recording
                .series(name, instance, times.clone(), values.collect())
                .unwrap();
        }
    }
    for (name, value) in Fleet::ATTRIBUTES {
        recording.attribute(BEGIN, name, value);
    }
    recording.flink_configuration(BEGIN, [("taskmanager.memory.process.size", "4g")]);
    recording
}

/// Looks at a recording.
fn replays() {
    println!("| replay of a week, a look a minute | looks/s, one core | looks/s, two cores |");
    println!("| --- | --: | --: |");
    let recording = recording();
    for (name, text) in [("cpu strategy", dras_benches::engine::CPU), ("four strategies", FOUR)] {
        let text = text.replacen('{', r#"{"timing": {"long": "1m"}, "#, 1);
        let policy = policy(&text);
        let run = || {
            let mut looks = 0_u64;
            replay(&policy, &recording, &Options::default(), |decision| {
                looks += u64::from(decision.kind() == LookKind::Long);
            })
            .unwrap();
            looks as f64
        };
        let best = |threads: usize| {
            let once = || {
                let begin = Instant::now();
                let looks: f64 = std::thread::scope(|scope| {
                    let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
                    running.into_iter().map(|t| t.join().unwrap()).sum()
                });
                looks / begin.elapsed().as_secs_f64()
            };
            let mut rates: Vec<f64> = (0..7).map(|_| once()).collect();
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        println!("| {name} | {:.0} | {:.0} |", best(1), best(2));
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
        memory();
    }
    if wanted("replay") {
        replays();
    }
}
