//! Windows: samples in, aggregates out.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dras_benches::Random;
use dras_benches::windows::{BEGIN, Fixture, INTERVAL, METRICS};
use dras_core::metrics::Scratch;

fn ingest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    let mut fixture = Fixture::filled(20);
    let values = [0.5; METRICS];
    group.throughput(Throughput::Elements(METRICS as u64));
    group.bench_function("row of 10", |b| b.iter(|| fixture.scrape(black_box(&values))));

    let rows = 240;
    let times: Vec<i64> = (1..=rows).map(|i| BEGIN + i * INTERVAL).collect();
    let mut random = Random::new(1);
    let values: Vec<f64> = times.iter().map(|_| random.unit()).collect();
    let now = BEGIN + rows * INTERVAL;
    let empty = Fixture::new(240);
    group.throughput(Throughput::Elements(METRICS as u64 * rows as u64));
    group.bench_function("columns of 240", |b| {
        b.iter_batched_ref(
            || empty.clone(),
            |f| {
                for metric in &f.metrics {
                    f.windows
                        .column(&f.plan, now, f.instance, *metric, &times, &values)
                        .unwrap();
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn aggregates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("five aggregates");
    group.throughput(Throughput::Elements(METRICS as u64));
    // Those of 5760 samples, a day, are kept in panes.
    for samples in [20, 240, 5760] {
        let fixture = Fixture::filled(samples);
        let mut scratch = Scratch::new();
        group.bench_function(format!("{samples} samples"), |b| {
            b.iter(|| {
                let (f, mut sum) = (black_box(&fixture), 0.0);
                let mut moment = f.windows.at(&f.plan, f.now, &mut scratch);
                for id in f.aggregates.iter().flatten() {
                    sum += moment.aggregate(*id, f.instance, None).unwrap();
                }
                sum
            });
        });
        group.bench_function(format!("{samples} samples, one by one"), |b| {
            b.iter(|| {
                let (f, mut sum) = (black_box(&fixture), 0.0);
                for id in f.aggregates.iter().flatten() {
                    let answer = f.windows.aggregate(&f.plan, *id, f.instance, f.now, None, &mut scratch);
                    sum += answer.unwrap();
                }
                sum
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("largest of 7 days, in panes");
    group.throughput(Throughput::Elements(METRICS as u64));
    let fixture = Fixture::with_week(20);
    let mut scratch = Scratch::new();
    group.bench_function("ten metrics", |b| {
        b.iter(|| {
            let (f, mut sum) = (black_box(&fixture), 0.0);
            let mut moment = f.windows.at(&f.plan, f.now, &mut scratch);
            for id in f.plan.ids().skip(5 * METRICS) {
                sum += moment.aggregate(id, f.instance, None).unwrap();
            }
            sum
        });
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

criterion_group!(name = windows; config = short(); targets = ingest, aggregates);
criterion_main!(windows);
