//! Looking at a task allocates nothing once it goes, whether its values are there or not: counted by the allocator of this test's own process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is wrong")]

mod counting;

use counting::{allocations, bytes};
use dras_core::engine::{Decision, LookKind, Policy, Task, decide_into};
use dras_core::metrics::{InstanceId, Mark, MetricId};
use dras_core::rules::{Document, DocumentLimits};

const FOUR: &str = r#"{"version": 1, "name": "four", "strategies": [{"use": "cpu"}, {"use": "source_delay"}, {"use": "memory"}, {"use": "oom"}],
    "limits": {"parallelism": {"min": 1, "max": 64}}}"#;

/// Metrics of a TaskManager and of a subtask, each with its level; those that count rise by it.
const METRICS: [(&str, usize, f64, bool); 10] = [
    ("cpu", 0, 0.5, false),
    ("heap_used", 0, 1.2e9, false),
    ("heap_max", 0, 2e9, false),
    ("gc_count", 0, 2.0, true),
    ("gc_time", 0, 60.0, true),
    ("busy", 1, 500.0, false),
    ("back_pressured", 1, 20.0, false),
    ("records_in", 1, 150_000.0, true),
    ("pending", 1, 400.0, false),
    ("source_records", 1, 150_000.0, true),
];

const BEGIN: i64 = 1_800_000_000_000;
const INTERVAL: i64 = 15_000;

struct Job {
    policy: Policy,
    task: Task,
    instances: [InstanceId; 2],
    metrics: [MetricId; 10],
    decision: Decision,
    scrapes: i64,
}

impl Job {
    fn new(text: &str, attributes: &[(&str, f64)], memory: bool, lean: bool) -> Job {
        let document = Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
        let policy = Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"));
        let mut task = Task::new(&policy, "orders").unwrap();
        for (name, value) in attributes {
            task.set(&policy, name, *value).unwrap();
        }
        if memory {
            let size = [("taskmanager.memory.process.size", "4g")];
            task.set_flink_configuration(&policy, size).unwrap();
        }
        task.mark(BEGIN - 3_600_000, Mark::Restart);
        Job {
            instances: ["tm-1", "source/0"].map(|name| task.instance(&policy, name).unwrap()),
            metrics: METRICS.map(|metric| policy.metric(metric.0).unwrap()),
            decision: if lean {
                Decision::lean(&policy)
            } else {
                Decision::new(&policy)
            },
            scrapes: 0,
            policy,
            task,
        }
    }

    fn now(&self) -> i64 {
        BEGIN + self.scrapes * INTERVAL
    }

    /// One scrape of everything, but for the metrics that are left out.
    fn scrape(&mut self, without: &[&str]) {
        self.scrapes += 1;
        let now = self.now();
        for (instance, id) in self.instances.iter().enumerate() {
            for ((name, of, level, counts), metric) in METRICS.iter().zip(&self.metrics) {
                if *of != instance || without.contains(name) {
                    continue;
                }
                // A little up and down.
                let wave = 1.0 + 0.02 * ((self.scrapes % 7) - 3) as f64;
                let value = if *counts {
                    level * self.scrapes as f64
                } else {
                    level * wave
                };
                self.task.row(&self.policy, now, *id, now, &[(*metric, value)]).unwrap();
            }
        }
        for metric in self.policy.event_metrics() {
            self.task.observed(&self.policy, now, metric, now).unwrap();
        }
    }

    fn look(&mut self, kind: LookKind) {
        let now = self.now();
        decide_into(&self.policy, &mut self.task, now, kind, &mut self.decision).unwrap();
    }

    /// Six hours and then two more, a scrape every 15 s, a short look every minute and a long one every five; counted are the last two.
    fn day(&mut self, without: &[&str], silent: bool) -> u64 {
        let mut counted = 0;
        for scrape in 0..8 * 240 {
            let counts = scrape >= 6 * 240;
            let allocated = allocations(|| {
                if silent && counts {
                    self.scrapes += 1;
                } else {
                    self.scrape(without);
                }
                if scrape % 20 == 0 {
                    self.look(LookKind::Long);
                } else if scrape % 4 == 0 {
                    self.look(LookKind::Short);
                }
            });
            if counts {
                counted += allocated;
            }
        }
        counted
    }
}

const KNOWN: [(&str, f64); 4] = [
    ("parallelism", 2.0),
    ("task_managers", 1.0),
    ("slots_per_task_manager", 2.0),
    ("machine_cores", 2.0),
];

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))), 1);
    assert_eq!(allocations(|| ()), 0);
    assert_eq!(bytes(|| std::mem::forget(std::hint::black_box(vec![1_u8; 100]))), 100);
    assert_eq!(bytes(|| drop(std::hint::black_box(vec![1_u8; 100]))), 0);
}

/// Decisions that hold no more values than decide, and those that hold all.
const LEAN: [bool; 2] = [true, false];

#[test]
fn looks_and_scrapes_allocate_nothing_where_everything_is_there() {
    for lean in LEAN {
        let mut job = Job::new(FOUR, &KNOWN, true, lean);
        assert_eq!(job.day(&[], false), 0);
        assert!(!job.decision.any_undefined(), "{}", job.decision);
    }
}

#[test]
fn nor_where_metrics_and_attributes_are_missing() {
    for lean in LEAN {
        let mut job = Job::new(FOUR, &KNOWN[..2], false, lean);
        assert_eq!(job.day(&["cpu", "source_records", "gc_count"], false), 0);
        assert!(job.decision.any_undefined(), "{}", job.decision);
    }
}

#[test]
fn nor_where_all_series_have_gone_silent() {
    for lean in LEAN {
        let mut job = Job::new(FOUR, &KNOWN, true, lean);
        assert_eq!(job.day(&[], true), 0);
        assert!(job.decision.any_undefined(), "{}", job.decision);
    }
}

#[test]
fn nor_where_nothing_was_ever_known() {
    for lean in LEAN {
        let mut job = Job::new(FOUR, &[], false, lean);
        let everything = METRICS.map(|metric| metric.0);
        assert_eq!(job.day(&everything, false), 0);
        assert!(job.decision.any_undefined(), "{}", job.decision);
    }
}

#[test]
fn nor_where_everything_that_rules_ask_for_is_defined() {
    let text = r#"{"version": 1, "strategies": [{"use": "cpu"}, {"use": "source_delay"}, {"use": "memory"}, {"use": "oom"}], "rules": [
        {"name": "odd", "when": "task_type == 'sql' && avg(avg(cpu[5m])) > 80%", "for": "3m", "then": {"parallelism": "parallelism + 1"}}
    ]}"#;
    for lean in LEAN {
        let mut job = Job::new(text, &KNOWN, true, lean);
        job.task.set(&job.policy, "task_type", "sql").unwrap();
        assert_eq!(job.day(&[], false), 0);
    }
}

/// Averages of five minutes of ten metrics, and the largest values of seven days of four of them.
const MAXIMA: &str = r#"{"version": 1, "metrics": {
    "cpu": {"per": "task_manager"}, "heap_used": {"unit": "B", "per": "task_manager"}, "heap_max": {"unit": "B", "per": "task_manager"},
    "gc_count": {"kind": "counter", "unit": "count", "per": "task_manager"}, "gc_time": {"kind": "counter", "unit": "ms", "per": "task_manager"},
    "busy": {"unit": "ms/s", "per": "subtask"}, "back_pressured": {"unit": "ms/s", "per": "subtask"},
    "records_in": {"kind": "counter", "unit": "records", "per": "subtask"}, "pending": {"unit": "records", "per": "subtask"},
    "source_records": {"kind": "counter", "unit": "records", "per": "subtask"}
}, "rules": [{"name": "all", "when": "max(avg(cpu[5m])) > 90% && max(avg(heap_used[5m]) / avg(heap_max[5m])) > 90% && max(rate(gc_count[5m])) > 1/s && max(rate(gc_time[5m])) > 10% && max(avg(busy[5m])) > 90% && max(avg(back_pressured[5m])) > 10% && sum(rate(records_in[5m])) > 1/s && sum(avg(pending[5m])) > 1 && sum(rate(source_records[5m])) > 1/s && max(max(cpu[7d across marks])) > 90% && max(max(heap_used[7d across marks])) > 1GB && max(max(busy[7d across marks])) > 90% && max(max(pending[7d across marks])) > 100", "then": {"parallelism": "parallelism + 1"}}]}"#;

#[test]
fn a_task_with_maxima_of_a_week_takes_no_more_than_it_may() {
    let mut job = Job::new(MAXIMA, &KNOWN, false, false);
    for scrape in 0..8 * 5760 {
        job.scrape(&[]);
        if scrape % 240 == 0 {
            job.look(LookKind::Long);
        }
    }
    let mut twin = None;
    let held = bytes(|| twin = Some(job.task.clone()));
    let task = held + size_of::<Task>() as i64;
    assert!(task < 8400, "{task}");
    let (windows, estimate) = (job.task.windows().bytes(), job.policy.plan().bytes_per_task(2));
    assert!(windows <= estimate, "{windows} {estimate}");
    // Unlike its clone the task itself has room for more of this and that; not much.
    let own = -bytes(|| job.task = twin.take().unwrap());
    assert!((held..held + 400).contains(&own), "{own} {held}");
}
