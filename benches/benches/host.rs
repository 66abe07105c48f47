//! What the bindings are measured against: the same work in Rust, as one line of JSON with nanoseconds for each piece of it.
//!
//! `benches/python/peers.py` runs it, so that both sides of a ratio are of one run.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use dras_benches::Random;
use dras_core::engine::{Policy, Task, decide};
use dras_core::lang::{Column, Expression, Limits, Scope, Truth, Type};
use dras_core::rules::DocumentLimits;
use dras_core::units::Unit;
use serde_json::{Map, Value, json};

const NOW: i64 = 1_800_000_000_000;
const ROWS: usize = 100_000;
const SAMPLES: usize = 100_000;

/// The document of the bindings' READMEs.
const DOCUMENT: &str = r#"{"version": 1,
    "metrics": {"cpu": {"unit": "percent", "per": "task_manager", "range": [0, 1]}, "delay": {"unit": "ms", "per": "subtask", "across": "max"}},
    "rules": [{"name": "busy", "when": "avg(cpu[5m]) > 80%", "then": {"parallelism": "scale_to(parallelism, avg(cpu[5m]), 60%)"}},
              {"name": "late", "when": "min(delay[3m]) > 1m", "then": {"parallelism": "parallelism * 2"}}],
    "limits": {"parallelism": {"min": 1, "max": 16}}}"#;

/// The least nanoseconds of one of `units` things that `run` does, over many short rounds: between two of them the machine may do something else.
fn least(units: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..150 {
        let begin = Instant::now();
        let mut calls = 0;
        while begin.elapsed().as_millis() < 4 {
            run();
            calls += 1;
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(calls) / units as f64);
    }
    best
}

fn fed(policy: &Policy) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    task.set(policy, "parallelism", 4.0).unwrap();
    task.set(policy, "task_managers", 2.0).unwrap();
    let times: Vec<i64> = (0..20).map(|i| NOW - (19 - i) * 15_000).collect();
    for name in ["tm-1", "tm-2"] {
        let (instance, cpu) = (task.instance(policy, name).unwrap(), policy.metric("cpu").unwrap());
        task.column(policy, NOW, instance, cpu, &times, &[90.0; 20]).unwrap();
    }
    task
}

/// A column of each variable, and the expression over them.
fn columns(source: &str, ranges: &[(&str, f64, f64)]) -> f64 {
    let mut scope = Scope::new();
    let mut random = Random::new(7);
    let mut all = Vec::new();
    for (name, low, high) in ranges {
        let variable = scope.number(name, Unit::NUMBER).unwrap();
        let values: Vec<f64> = (0..ROWS).map(|_| low + random.unit() * (high - low)).collect();
        all.push((variable, values));
    }
    let expression = Expression::compile(source, &scope, &Limits::default()).unwrap();
    let columns: Vec<Column<'_>> = all
        .iter()
        .map(|(variable, values)| Column {
            variable: *variable,
            values,
        })
        .collect();
    // The result is made anew each time, as the bindings do.
    if expression.ty() == Type::Bool {
        least(ROWS, || {
            let mut into = vec![Truth::Undefined; ROWS];
            expression.conditions(&columns, &mut into).unwrap();
            black_box(&into);
        })
    } else {
        least(ROWS, || {
            let mut into = vec![f64::NAN; ROWS];
            expression.numbers(&columns, &mut into).unwrap();
            black_box(&into);
        })
    }
}

fn main() {
    // Cargo hands over options of its own.
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let policy = Policy::from_json(DOCUMENT, &DocumentLimits::default()).unwrap();
    let mut found = Map::new();

    let mut task = fed(&policy);
    let mut now = NOW;
    found.insert(
        "decide".to_owned(),
        json!(least(1, || {
            now += 1;
            black_box(decide(&policy, &mut task, now).unwrap());
        })),
    );

    let cpu = policy.metric("cpu").unwrap();
    found.insert(
        "row".to_owned(),
        json!(least(1, || {
            now += 1;
            // By name, as a caller of the bindings has it.
            let instance = task.instance(&policy, "tm-1").unwrap();
            black_box(task.row(&policy, now, instance, now, &[(cpu, 0.93)]).unwrap());
        })),
    );

    let times: Vec<i64> = (0..SAMPLES as i64).map(|i| NOW - (SAMPLES as i64 - i) * 2).collect();
    let values = vec![50.0; SAMPLES];
    found.insert(
        "ingest".to_owned(),
        json!(least(SAMPLES, || {
            let mut task = Task::new(&policy, "orders").unwrap();
            let instance = task.instance(&policy, "tm-1").unwrap();
            task.column(&policy, NOW, instance, cpu, &times, &values).unwrap();
            black_box(&task);
        })),
    );

    // The expressions, with the ranges of their variables, as the caller has them.
    if let Some(path) = given {
        let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (name, case) in cases.as_object().unwrap() {
            let ranges: Vec<(&str, f64, f64)> = case["ranges"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, range)| (name.as_str(), range[0].as_f64().unwrap(), range[1].as_f64().unwrap()))
                .collect();
            let nanos = columns(case["source"].as_str().unwrap(), &ranges);
            found.insert(format!("columns {name}"), json!(nanos));
        }
    }
    println!("{}", Value::Object(found));
}
