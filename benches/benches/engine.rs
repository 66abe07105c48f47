//! The engine: documents to policies, looks, reports; how looks grow with rules, TaskManagers and samples.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dras_benches::engine::{CPU, Fixture, document, many_rules};
use dras_core::engine::{Decision, LookKind, Policy, decide, decide_into};

fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    for (name, text) in [
        ("cpu", CPU.to_owned()),
        ("10 rules", many_rules(10)),
        ("100 rules", many_rules(100)),
    ] {
        group.bench_function(format!("read/{name}"), |b| b.iter(|| document(black_box(&text))));
        let document = document(&text);
        group.bench_function(format!("compile/{name}"), |b| {
            b.iter(|| Policy::compile(black_box(&document)).is_ok());
        });
    }
    group.finish();
}

fn look(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look");
    let documents = [
        ("cpu", CPU.to_owned(), vec![1, 4, 16, 64]),
        ("10 rules", many_rules(10), vec![1]),
        ("100 rules", many_rules(100), vec![1, 4]),
    ];
    for (name, text, sizes) in documents {
        for task_managers in sizes {
            let mut fixture = Fixture::new(&text, task_managers, 0.5);
            let mut decision = Decision::new(&fixture.policy);
            group.bench_function(format!("{name}/{task_managers} TaskManagers"), |b| {
                b.iter(|| {
                    decide_into(
                        &fixture.policy,
                        &mut fixture.task,
                        fixture.now,
                        LookKind::Long,
                        &mut decision,
                    )
                    .unwrap()
                });
            });
        }
    }
    // A scale-up: the rule fires, its target is merged and limited.
    let mut fixture = Fixture::new(CPU, 2, 0.9);
    let mut decision = Decision::new(&fixture.policy);
    for _ in 0..40 {
        fixture.scrape(0.9);
        decide_into(
            &fixture.policy,
            &mut fixture.task,
            fixture.now,
            LookKind::Long,
            &mut decision,
        )
        .unwrap();
    }
    assert!(!decision.changes().is_empty(), "{decision}");
    group.bench_function("cpu that scales up/2 TaskManagers", |b| {
        b.iter(|| {
            decide_into(
                &fixture.policy,
                &mut fixture.task,
                fixture.now,
                LookKind::Long,
                &mut decision,
            )
            .unwrap()
        });
    });
    group.finish();
}

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("report");
    let mut fixture = Fixture::new(CPU, 4, 0.5);
    let decision = decide(&fixture.policy, &mut fixture.task, fixture.now).unwrap();
    group.bench_function("data", |b| b.iter(|| black_box(&decision).report()));
    group.bench_function("text", |b| b.iter(|| black_box(&decision).to_string()));
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
}

criterion_group!(name = engine; config = short(); targets = compile, look, report);
criterion_main!(engine);
