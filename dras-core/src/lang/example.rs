//! The example task of the language reference: the names and samples that every example of the documentation is about.

use super::{Scope, Type};
use crate::metrics::{Across, Catalogue, Kind, MetricSpec, Per, Plan, Windows};
use crate::units::{Millis, Unit};

/// When the look at the example task is taken.
pub(super) const NOW: Millis = 1_800_000_000_000;

/// The metrics and attributes of the example task.
pub(super) fn scope() -> Scope {
    let metric = |name: &str, unit: &str, kind: Kind, across: Across, per: Per| MetricSpec {
        unit: unit.parse().unwrap(),
        kind,
        across,
        per,
        ..MetricSpec::new(name)
    };
    let ratio = |name: &str, across: Across, per: Per| MetricSpec {
        range: Some((0.0, 1.0)),
        ..metric(name, "ratio", Kind::Gauge, across, per)
    };
    let catalogue = Catalogue::new(vec![
        ratio("cpu", Across::Avg, Per::TaskManager),
        ratio("busy", Across::Max, Per::Subtask),
        metric("heap_used", "bytes", Kind::Gauge, Across::Sum, Per::TaskManager),
        metric("heap_max", "bytes", Kind::Gauge, Across::Sum, Per::TaskManager),
        metric("gc_count", "count", Kind::Counter, Across::Sum, Per::TaskManager),
        metric("exceptions", "number", Kind::Event, Across::Sum, Per::Task),
    ])
    .unwrap();
    let mut scope = Scope::with_metrics(catalogue);
    for name in [
        "parallelism",
        "max_parallelism",
        "task_managers",
        "slots_per_task_manager",
        "machine_cores",
        "max_gap_seen",
    ] {
        scope.number(name, Unit::NUMBER).unwrap();
    }
    scope.number("uptime", Unit::SECONDS).unwrap();
    scope.number("since_last_change", Unit::SECONDS).unwrap();
    scope.number("task_manager_memory", Unit::BYTES).unwrap();
    scope.variable("task_type", Type::Text).unwrap();
    scope.variable("task_id", Type::Text).unwrap();
    scope
}

/// The values of the example task's attributes; `max_gap_seen` is not known.
pub(super) const NUMBERS: &[(&str, f64)] = &[
    ("parallelism", 4.0),
    ("max_parallelism", 128.0),
    ("task_managers", 2.0),
    ("slots_per_task_manager", 2.0),
    ("machine_cores", 4.0),
    ("uptime", 7200.0),
    ("since_last_change", 3600.0),
    ("task_manager_memory", 4_294_967_296.0),
];

/// The texts of the example task's attributes.
pub(super) const TEXTS: &[(&str, &str)] = &[("task_type", "sql"), ("task_id", "orders")];

/// The samples of the example task, as far as `plan` uses them: two TaskManagers, every 15 s over the last five minutes.
pub(super) fn windows(plan: &Plan) -> Windows {
    const GIB: f64 = 1_073_741_824.0;
    let mut windows = Windows::new(plan);
    let catalogue = plan.catalogue();
    let id = |name: &str| catalogue.id(name).unwrap();
    for (name, heap) in [("tm-1", GIB), ("tm-2", 1.5 * GIB)] {
        let instance = windows.instance(plan, name).unwrap();
        for step in 0..=20 {
            let time = NOW - 300_000 + step * 15_000;
            let i = step as f64;
            let cpu = if name == "tm-1" { (40.0 + i) / 100.0 } else { 0.8 };
            let collections = if name == "tm-1" { 100.0 + 3.0 * i } else { 50.0 };
            let row = [
                (id("cpu"), cpu),
                (id("busy"), 0.7),
                (id("heap_used"), heap),
                (id("heap_max"), 2.0 * GIB),
                (id("gc_count"), collections),
            ];
            windows.row(plan, NOW, instance, time, &row).unwrap();
        }
    }
    let task = windows.instance(plan, "").unwrap();
    let text = "java.lang.OutOfMemoryError: Java heap space\n\tat org.example.Job.map(Job.java:42)";
    if plan.used(id("exceptions")) {
        windows
            .event(plan, NOW, task, id("exceptions"), NOW - 60_000, text)
            .unwrap();
        windows.observed(plan, NOW, id("exceptions"), NOW).unwrap();
    }
    windows.advance(plan, NOW).unwrap();
    windows
}
