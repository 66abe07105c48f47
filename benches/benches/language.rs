//! Expressions: parsing, compiling, evaluating row by row and over columns, each beside the same written by hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dras_benches::language::{E1, E2, E3, E4, Example, ROWS, bind, compile_e4, e4, exceptions};
use dras_core::lang::{Column, Expression, Limits, Scope, Truth, Type, parse};

const COLUMN: usize = 1 << 20;

fn compile(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut text_scope = Scope::new();
    text_scope.variable("exception", Type::Text).unwrap();
    let sources = [
        ("E1", E1.source, E1.scope().0),
        ("E2", E2.source, E2.scope().0),
        ("E3", E3.source, E3.scope().0),
        ("E4", E4, text_scope),
    ];
    for (name, source, scope) in &sources {
        criterion.bench_function(&format!("parse/{name}"), |b| {
            b.iter(|| parse(black_box(source), &limits).is_ok())
        });
        criterion.bench_function(&format!("compile/{name}"), |b| {
            b.iter_batched(
                || (),
                |()| Expression::compile(black_box(source), scope, &limits),
                BatchSize::SmallInput,
            );
        });
    }
}

fn evaluate<const N: usize, T: Default + Clone + PartialEq>(
    criterion: &mut Criterion,
    example: &Example<N, T>,
    run: impl Fn(&Expression, &mut dras_core::lang::Row<'_>) -> f64,
    number: impl Fn(T) -> f64,
) {
    let (rule, ids) = example.compile();
    let rows = example.rows();
    let native = black_box(example.native);
    let mut group = criterion.benchmark_group(format!("evaluate/{}", example.name));
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("native", |b| {
        b.iter(|| rows.iter().map(|row| number(native(row))).sum::<f64>())
    });
    let mut row = rule.row();
    group.bench_function("dras", |b| {
        b.iter(|| {
            let one = |values: &[f64; N]| {
                bind(&mut row, &ids, values);
                run(&rule, &mut row)
            };
            rows.iter().map(one).sum::<f64>()
        });
    });
    group.finish();
}

fn scalar(criterion: &mut Criterion) {
    let condition = |rule: &Expression, row: &mut dras_core::lang::Row<'_>| f64::from(rule.condition(row) == Ok(true));
    evaluate(criterion, &E1, condition, f64::from);
    evaluate(criterion, &E2, |rule, row| rule.number(row).unwrap_or(0.0), |x| x);
    evaluate(criterion, &E3, condition, f64::from);

    let texts = exceptions();
    let (rule, exception) = compile_e4();
    let native: fn(&str) -> bool = black_box(e4);
    let mut group = criterion.benchmark_group("evaluate/E4");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("native", |b| {
        b.iter(|| texts.iter().filter(|text| native(text)).count())
    });
    let mut row = rule.row();
    group.bench_function("dras", |b| {
        b.iter(|| {
            let mut fired = 0;
            for text in &texts {
                row.set_text(exception, text);
                fired += u32::from(rule.condition(&mut row) == Ok(true));
            }
            fired
        });
    });
    group.finish();
}

fn columns(criterion: &mut Criterion) {
    fn one<const N: usize>(criterion: &mut Criterion, example: &Example<N, bool>) {
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
        let mut group = criterion.benchmark_group(format!("columns/{}", example.name));
        group.throughput(Throughput::Elements(COLUMN as u64));
        let mut into = vec![false; COLUMN];
        group.bench_function("native", |b| {
            b.iter(|| (example.native_columns)(black_box(&data), black_box(&mut into)))
        });
        let mut into = vec![Truth::False; COLUMN];
        group.bench_function("dras", |b| {
            b.iter(|| rule.conditions(black_box(&columns), black_box(&mut into)))
        });
        group.finish();
    }
    one(criterion, &E1);
    one(criterion, &E3);

    let data = E2.columns(COLUMN);
    let (rule, ids) = E2.compile();
    let columns: Vec<Column<'_>> = ids
        .iter()
        .zip(&data)
        .map(|(variable, values)| Column {
            variable: *variable,
            values,
        })
        .collect();
    let mut group = criterion.benchmark_group("columns/E2");
    group.throughput(Throughput::Elements(COLUMN as u64));
    let mut into = vec![0.0; COLUMN];
    group.bench_function("native", |b| {
        b.iter(|| (E2.native_columns)(black_box(&data), black_box(&mut into)))
    });
    group.bench_function("dras", |b| {
        b.iter(|| rule.numbers(black_box(&columns), black_box(&mut into)))
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
}

criterion_group!(name = language; config = short(); targets = compile, scalar, columns);
criterion_main!(language);
