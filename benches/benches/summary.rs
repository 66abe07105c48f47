//! One table of what matters, with ratios to the same written by hand.
//!
//! A shared machine is noisy, so the two sides of a ratio take turns within every round, and the table shows medians over rounds: of the
//! times, and of the ratios of each round. Beside them stand the least times and their ratio, which the neighbours disturb least.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;

use dras_benches::engine::{CPU, Fixture as EngineFixture, document, many_rules};
use dras_benches::fleet::{FOUR, Fleet, MAXIMA};
use dras_benches::language::{E1, E2, E3, E4, Example, ROWS, bind, compile_e4, e4, exceptions};
use dras_benches::memory::{self, Counting};
use dras_benches::replays::{every_minute, looks_a_second, recording};
use dras_benches::windows::{Fixture, INTERVAL, METRICS};
use dras_benches::{Random, nanos};
use dras_core::engine::{Decision, LookKind, Policy, decide_into};
use dras_core::lang::{Column, Expression, Limits, Row, Scope, Truth, Type};
use dras_core::metrics::Scratch;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 41;
/// Rows of columns that stay in the cache of a core, or nearly so, and of columns that do not.
const COLUMNS: [usize; 2] = [1 << 16, 1 << 20];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a line of the table must not exceed.
#[derive(Clone, Copy)]
enum Target {
    Ratio(f64),
    Nanos(f64),
    None,
}

/// Arguments pick the lines that contain all of them.
fn wanted(name: &str) -> bool {
    std::env::args()
        .skip(1)
        .all(|a| a.starts_with('-') || name.contains(&a))
}

/// Measures `ours`, which does `units` things in one call, beside `native`, and prints a line.
fn line(name: &str, units: usize, target: Target, native: Option<&mut dyn FnMut()>, ours: &mut dyn FnMut()) {
    if !wanted(name) {
        return;
    }
    let mut none = || ();
    let compare = native.is_some();
    let native = native.unwrap_or(&mut none);
    // As many calls in a round as take about two milliseconds, so that the clock and a single interruption do not show.
    let once = (0..3).map(|_| nanos(ours)).fold(f64::INFINITY, f64::min);
    let calls = (2e6 / once).clamp(1.0, 10_000.0) as usize;
    let (mut theirs, mut times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let per_unit = |run: &mut dyn FnMut()| nanos(&mut || (0..calls).for_each(|_| run())) / (calls * units) as f64;
        let (a, b) = (per_unit(native), per_unit(ours));
        theirs.push(a);
        times.push(b);
        ratios.push(b / a);
    }
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let (best, best_ratio) = (least(&times), least(&times) / least(&theirs));
    let (a, b, ratio) = (median(theirs), median(times), median(ratios));
    let ratios = |text: String| if compare { text } else { String::new() };
    let yes_no = |held| if held { "yes" } else { "no" };
    let (target, held) = match target {
        Target::Ratio(most) => (format!("≤ {most} ×"), yes_no(ratio <= most)),
        Target::Nanos(most) => (format!("≤ {}", show(most)), yes_no(b <= most)),
        Target::None => (String::new(), ""),
    };
    let (by_hand, ratio, best_ratio) = (
        ratios(show(a)),
        ratios(format!("{ratio:.2}")),
        ratios(format!("{best_ratio:.2}")),
    );
    let (ours, best) = (show(b), show(best));
    println!(
        "| {name:<40} | {by_hand:>8} | {ours:>9} | {ratio:>5} | {best:>9} | {best_ratio:>5} | {target:>10} | {held:<4} |"
    );
}

fn show(nanos: f64) -> String {
    match nanos {
        n if n >= 1e6 => format!("{:.2} ms", n / 1e6),
        n if n >= 1e3 => format!("{:.2} µs", n / 1e3),
        n => format!("{n:.1} ns"),
    }
}

fn scalar<const N: usize, T: Default + Clone>(
    example: &Example<N, T>,
    target: f64,
    number: impl Fn(T) -> f64,
    run: impl Fn(&Expression, &mut Row<'_>) -> f64,
) {
    let (rule, ids) = example.compile();
    let rows = example.rows();
    let written: fn(&[f64; N]) -> T = black_box(example.native);
    let mut row = rule.row();
    line(
        &format!("{} evaluated, variables bound", example.name),
        ROWS,
        Target::Ratio(target),
        Some(&mut || _ = black_box(rows.iter().map(|row| number(written(row))).sum::<f64>())),
        &mut || {
            let one = |values: &[f64; N]| {
                bind(&mut row, &ids, values);
                run(&rule, &mut row)
            };
            black_box(rows.iter().map(one).sum::<f64>());
        },
    );
}

fn conditions<const N: usize>(example: &Example<N, bool>, target: f64, rows: usize) {
    let data = example.columns(rows);
    let (rule, ids) = example.compile();
    let columns: Vec<Column<'_>> = ids
        .iter()
        .zip(&data)
        .map(|(variable, values)| Column {
            variable: *variable,
            values,
        })
        .collect();
    let (mut theirs, mut ours) = (vec![false; rows], vec![Truth::False; rows]);
    line(
        &format!("{} over columns of {rows} rows", example.name),
        rows,
        Target::Ratio(target),
        Some(&mut || (example.native_columns)(black_box(&data), black_box(&mut theirs))),
        &mut || rule.conditions(black_box(&columns), black_box(&mut ours)).unwrap(),
    );
}

fn language() {
    let condition = |rule: &Expression, row: &mut Row<'_>| f64::from(rule.condition(row) == Ok(true));
    scalar(&E1, 3.5, f64::from, condition);
    scalar(&E2, 2.5, |x| x, |rule, row| rule.number(row).unwrap_or(0.0));
    scalar(&E3, 1.2, f64::from, condition);

    let texts = exceptions();
    let (rule, exception) = compile_e4();
    let written: fn(&str) -> bool = black_box(e4);
    let mut row = rule.row();
    line(
        "E4 evaluated, text bound",
        ROWS,
        Target::Ratio(1.5),
        Some(&mut || _ = black_box(texts.iter().filter(|text| written(text)).count())),
        &mut || {
            let mut fired = 0;
            for text in &texts {
                row.set_text(exception, text);
                fired += u32::from(rule.condition(&mut row) == Ok(true));
            }
            black_box(fired);
        },
    );

    for rows in COLUMNS {
        conditions(&E1, 1.3, rows);
        conditions(&E3, 2.0, rows);
    }

    let limits = Limits::default();
    let mut text_scope = Scope::new();
    text_scope.variable("exception", Type::Text).unwrap();
    let sources = [
        ("E1", E1.source, E1.scope().0, Target::Nanos(8e3)),
        ("E2", E2.source, E2.scope().0, Target::None),
        ("E3", E3.source, E3.scope().0, Target::Nanos(30e3)),
        ("E4", E4, text_scope, Target::None),
    ];
    for (name, source, scope, target) in &sources {
        let mut compile = || _ = black_box(Expression::compile(black_box(source), scope, &limits));
        line(
            &format!("{name} compiled, text to program"),
            1,
            *target,
            None,
            &mut compile,
        );
    }
}

fn windows() {
    let mut fixture = Fixture::filled(20);
    let values = [0.5; METRICS];
    line(
        "ingest by row of 10, per sample",
        METRICS,
        Target::None,
        None,
        &mut || fixture.scrape(black_box(&values)),
    );

    // New hours of samples into windows that are full already: what a backfill does.
    let rows = 240;
    let mut random = Random::new(1);
    let values: Vec<f64> = (0..rows).map(|_| random.unit()).collect();
    let mut fixture = Fixture::filled(240);
    let mut times: Vec<i64> = vec![0; rows];
    line(
        "ingest by columns of 240, per sample",
        METRICS * rows,
        Target::Nanos(15.0),
        None,
        &mut || {
            for time in &mut times {
                fixture.now += INTERVAL;
                *time = fixture.now;
            }
            let f = &mut fixture;
            f.windows.advance(&f.plan, f.now).unwrap();
            for metric in &f.metrics {
                f.windows
                    .column(&f.plan, f.now, f.instance, *metric, &times, &values)
                    .unwrap();
            }
        },
    );

    let targets = [
        (20, Target::Nanos(80.0)),
        (60, Target::None),
        (240, Target::Nanos(700.0)),
        (5760, Target::None),
    ];
    for (samples, target) in targets {
        let fixture = Fixture::filled(samples);
        let mut scratch = Scratch::new();
        line(
            &format!("five aggregates over {samples} samples"),
            METRICS,
            target,
            None,
            &mut || {
                let (f, mut sum) = (black_box(&fixture), 0.0);
                let mut moment = f.windows.at(&f.plan, f.now, &mut scratch);
                for id in f.aggregates.iter().flatten() {
                    sum += moment.aggregate(*id, f.instance, None).unwrap();
                }
                black_box(sum);
            },
        );
    }
}

fn engine() {
    let text = many_rules(100);
    let read = document(&text);
    line("document of 100 rules, read", 1, Target::None, None, &mut || {
        _ = black_box(document(black_box(&text)));
    });
    line(
        "document of 100 rules, compiled",
        1,
        Target::Nanos(2e6),
        None,
        &mut || {
            black_box(Policy::compile(black_box(&read)).unwrap());
        },
    );
    for (name, text, task_managers, lean) in [
        ("look of the cpu strategy", CPU, 1, true),
        ("the same with all values", CPU, 1, false),
        ("look of the cpu strategy", CPU, 4, true),
        ("look of 1 rule", many_rules(1).as_str(), 1, true),
        ("look of 10 rules", many_rules(10).as_str(), 1, true),
        ("look of 100 rules", text.as_str(), 1, true),
        ("look of 1000 rules", many_rules(1000).as_str(), 1, true),
    ] {
        let mut fixture = EngineFixture::new(text, task_managers, 0.5);
        let mut decision = empty(&fixture.policy, lean);
        let plural = if task_managers == 1 { "" } else { "s" };
        line(
            &format!("{name}, {task_managers} TaskManager{plural}"),
            1,
            Target::None,
            None,
            &mut || {
                decide_into(
                    &fixture.policy,
                    &mut fixture.task,
                    fixture.now,
                    LookKind::Long,
                    &mut decision,
                )
                .unwrap();
            },
        );
    }
    for (name, lean, target) in [
        ("look, four strategies, ten metrics", true, Target::Nanos(2e3)),
        ("the same with all values", false, Target::None),
    ] {
        let mut fleet = Fleet::full(FOUR, 1, true);
        let mut decision = empty(&fleet.policy, lean);
        line(name, 1, target, None, &mut || {
            fleet.look(LookKind::Long, black_box(&mut decision));
        });
    }
    let mut fixture = EngineFixture::new(CPU, 4, 0.5);
    let mut decision = Decision::new(&fixture.policy);
    decide_into(
        &fixture.policy,
        &mut fixture.task,
        fixture.now,
        LookKind::Long,
        &mut decision,
    )
    .unwrap();
    line(
        "decision of the cpu strategy as text",
        1,
        Target::None,
        None,
        &mut || _ = black_box(decision.to_string()),
    );
}

/// A decision to fill: one that holds no more values than decide, or one that holds all.
fn empty(policy: &Policy, lean: bool) -> Decision {
    if lean {
        Decision::lean(policy)
    } else {
        Decision::new(policy)
    }
}

/// A line of what is not measured call by call.
fn plain(name: &str, measured: impl FnOnce() -> (String, &'static str, bool)) {
    if !wanted(name) {
        return;
    }
    let (ours, target, held) = measured();
    let held = if held { "yes" } else { "no" };
    println!(
        "| {name:<40} | {:>8} | {ours:>9} | {:>5} | {:>9} | {:>5} | {target:>10} | {held:<4} |",
        "", "", "", ""
    );
}

fn fleet() {
    plain("tick of 100,000 tasks, two threads", || {
        let look = Fleet::full(FOUR, 100_000, true).tick(5).look;
        (show(look * 1e9), "≤ 200 ms", look <= 0.2)
    });
    plain("bytes a task, with maxima of 7 days", || {
        let mut fleet = Fleet::full(MAXIMA, 1, false);
        let bytes = memory::growth(|| fleet.grow(101)) / 100;
        (format!("{:.1} KB", bytes as f64 / 1e3), "≤ 9 KB", bytes <= 9000)
    });
    for (name, text) in [("cpu strategy", CPU), ("four strategies", FOUR)] {
        plain(&format!("looks/s of a replay, {name}"), || {
            let rate = looks_a_second(&every_minute(text), &recording(7), 2);
            (format!("{:.2} M", rate / 1e6), "≥ 1 M", rate >= 1e6)
        });
    }
}

fn main() {
    // `cargo test --benches` runs it, too; there it has nothing to say.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let titles = ("what", "by hand", "dras", "ratio", "least", "ratio", "target");
    let (what, by_hand, dras, ratio, best, best_ratio, target) = titles;
    println!(
        "| {what:<40} | {by_hand:>8} | {dras:>9} | {ratio:>5} | {best:>9} | {best_ratio:>5} | {target:>10} | held |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --- |");
    language();
    windows();
    engine();
    fleet();
}
