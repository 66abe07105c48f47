//! Instructions of one evaluation, counted by valgrind's callgrind: the same on a busy machine as on an idle one.
//!
//! The benchmark runs itself under valgrind twice for each case, the second time with twice as many repetitions; the difference is what the
//! repetitions cost. Valgrind offers programs AVX2 but not AVX-512.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::process::Command;

use dras_benches::language::{E1, E2, E3, E4, Example, bind, compile_e4, e4, exceptions};
use dras_core::lang::{Column, Expression, Limits, Row, Scope, Truth, Type};

/// Rows of the columns: several blocks.
const COLUMN: usize = 1 << 14;

/// What a case does `repetitions` times.
type Case = (&'static str, usize, fn(usize));

const CASES: &[Case] = &[
    ("E1 by hand", 1, |n| by_hand(&E1, n)),
    ("E1 evaluated, variables bound", 1, |n| conditions(&E1, n)),
    ("E2 by hand", 1, |n| by_hand(&E2, n)),
    ("E2 evaluated, variables bound", 1, numbers),
    ("E3 by hand", 1, |n| by_hand(&E3, n)),
    ("E3 evaluated, variables bound", 1, |n| conditions(&E3, n)),
    ("E4 by hand", 1, texts_by_hand),
    ("E4 evaluated, text bound", 1, texts),
    ("E1 over columns by hand, per row", COLUMN, |n| columns_by_hand(&E1, n)),
    ("E1 over columns, per row", COLUMN, |n| columns(&E1, n)),
    ("E3 over columns by hand, per row", COLUMN, |n| columns_by_hand(&E3, n)),
    ("E3 over columns, per row", COLUMN, |n| columns(&E3, n)),
    ("E1 compiled", 1, |n| compile(E1.source, &E1.scope().0, n)),
    ("E2 compiled", 1, |n| compile(E2.source, &E2.scope().0, n)),
    ("E3 compiled", 1, |n| compile(E3.source, &E3.scope().0, n)),
    ("E4 compiled", 1, |n| {
        let mut scope = Scope::new();
        scope.variable("exception", Type::Text).unwrap();
        compile(E4, &scope, n);
    }),
];

fn by_hand<const N: usize, T: Default + Clone>(example: &Example<N, T>, repetitions: usize) {
    let written: fn(&[f64; N]) -> T = black_box(example.native);
    for row in example.rows().iter().cycle().take(repetitions) {
        black_box(written(row));
    }
}

fn evaluate<const N: usize, T: Default + Clone>(
    example: &Example<N, T>,
    repetitions: usize,
    run: impl Fn(&Expression, &mut Row<'_>),
) {
    let (rule, ids) = example.compile();
    let mut row = rule.row();
    for values in example.rows().iter().cycle().take(repetitions) {
        bind(&mut row, &ids, values);
        run(&rule, &mut row);
    }
}

fn conditions<const N: usize>(example: &Example<N, bool>, repetitions: usize) {
    evaluate(example, repetitions, |rule, row| _ = black_box(rule.condition(row)));
}

fn numbers(repetitions: usize) {
    evaluate(&E2, repetitions, |rule, row| _ = black_box(rule.number(row)));
}

fn texts_by_hand(repetitions: usize) {
    let written: fn(&str) -> bool = black_box(e4);
    for text in exceptions().iter().cycle().take(repetitions) {
        black_box(written(text));
    }
}

fn texts(repetitions: usize) {
    let texts = exceptions();
    let (rule, exception) = compile_e4();
    let mut row = rule.row();
    for text in texts.iter().cycle().take(repetitions) {
        row.set_text(exception, text);
        _ = black_box(rule.condition(&mut row));
    }
}

fn columns_by_hand<const N: usize>(example: &Example<N, bool>, repetitions: usize) {
    let data = example.columns(COLUMN);
    let mut into = vec![false; COLUMN];
    for _ in 0..repetitions {
        (example.native_columns)(black_box(&data), black_box(&mut into));
    }
}

fn columns<const N: usize>(example: &Example<N, bool>, repetitions: usize) {
    let data = example.columns(COLUMN);
    let (rule, ids) = example.compile();
    let columns: Vec<Column<'_>> = ids
        .iter()
        .zip(&data)
        .map(|(variable, values)| Column {
            variable: *variable,
            values,
        })
        .collect();
    let mut into = vec![Truth::False; COLUMN];
    for _ in 0..repetitions {
        rule.conditions(black_box(&columns), black_box(&mut into)).unwrap();
    }
}

fn compile(source: &str, scope: &Scope, repetitions: usize) {
    for _ in 0..repetitions {
        _ = black_box(Expression::compile(black_box(source), scope, &Limits::default()));
    }
}

/// The instructions of this program with these arguments.
fn count(case: usize, repetitions: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["--case", &case.to_string(), &repetitions.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split("Collected :").nth(1))?;
    collected.trim().parse().ok()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, case, repetitions] = &arguments[..]
        && flag == "--case"
    {
        let (_, _, run) = CASES[case.parse::<usize>().unwrap()];
        run(repetitions.parse().unwrap());
        return;
    }
    // `cargo test --benches` runs it, too; there it has nothing to say.
    if arguments.iter().any(|a| a == "--test") {
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed, so no instructions were counted");
        return;
    }
    println!("| {:<40} | instructions |", "what");
    println!("| --- | --: |");
    for (case, (name, units, _)) in CASES.iter().enumerate() {
        // An argument picks the lines that contain it.
        if arguments.iter().any(|a| !a.starts_with('-') && !name.contains(a)) {
            continue;
        }
        let repetitions = if *units > 1 { 4 } else { 2000 };
        match (count(case, repetitions), count(case, 2 * repetitions)) {
            (Some(once), Some(twice)) => {
                let each = twice.saturating_sub(once) as f64 / (repetitions * units) as f64;
                println!("| {name:<40} | {each:>12.1} |");
            }
            _ => println!("| {name:<40} | {:>12} |", "not counted"),
        }
    }
}
