//! Snapshots: the windows of one task as bytes, and back.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dras_benches::windows::Fixture;
use dras_core::metrics::Windows;
use dras_core::snapshot::{Reader, Writer};

fn written(fixture: &Fixture) -> Vec<u8> {
    let mut writer = Writer::new();
    fixture.windows.write(&fixture.plan, &mut writer).unwrap();
    writer.finish()
}

fn snapshot(criterion: &mut Criterion) {
    let fixtures = [
        ("20 samples", Fixture::filled(20)),
        ("60 samples", Fixture::filled(60)),
        ("240 samples", Fixture::filled(240)),
        ("240 samples, 7 days in panes", Fixture::with_week(240)),
    ];
    for (name, fixture) in &fixtures {
        let bytes = written(fixture);
        println!("{name}: {} bytes, {} in memory", bytes.len(), fixture.windows.bytes());
        let mut group = criterion.benchmark_group(format!("ten metrics, {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("write", |b| b.iter(|| written(black_box(fixture))));
        group.bench_function("read", |b| {
            b.iter(|| {
                let reader = Reader::new(black_box(&bytes)).unwrap();
                Windows::read(&fixture.plan, &reader).unwrap()
            });
        });
        group.bench_function("rebind", |b| {
            b.iter(|| fixture.windows.clone().rebind(&fixture.plan, black_box(&fixture.plan)));
        });
        group.finish();
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
}

criterion_group!(name = snapshots; config = short(); targets = snapshot);
criterion_main!(snapshots);
