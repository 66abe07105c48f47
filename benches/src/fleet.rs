//! Tasks as a fleet has them: the four strategies over ten metrics, a scrape every 15 s.

use std::time::Instant;

use dras_core::engine::{Decision, LookKind, Policy, Task, decide_into};
use dras_core::metrics::{InstanceId, Mark, MetricId};

use crate::Random;
use crate::engine::policy;
use crate::windows::{BEGIN, INTERVAL};

/// A document with the four strategies.
pub const FOUR: &str = r#"{"version": 1, "name": "four", "strategies": [{"use": "cpu"}, {"use": "source_delay"}, {"use": "memory"}, {"use": "oom"}], "limits": {"parallelism": {"min": 1, "max": 64}}}"#;

/// A metric's name, its level (of a counter, what it rises by between two scrapes), and whether it counts.
pub type Metric = (&'static str, f64, bool);

/// The metrics of a TaskManager, and of a subtask.
const OF_TASK_MANAGER: [Metric; 5] = [
    ("cpu", 0.5, false),
    ("heap_used", 1.2e9, false),
    ("heap_max", 2e9, false),
    ("gc_count", 2.0, true),
    ("gc_time", 60.0, true),
];
const OF_SUBTASK: [Metric; 5] = [
    ("busy", 500.0, false),
    ("back_pressured", 20.0, false),
    ("records_in", 150_000.0, true),
    ("pending", 400.0, false),
    ("source_records", 150_000.0, true),
];

/// A document with averages of five minutes of all ten metrics, and the largest values of seven days of four of them.
pub const MAXIMA: &str = r#"{"version": 1, "name": "maxima", "metrics": {
    "cpu": {"per": "task_manager"}, "heap_used": {"unit": "B", "per": "task_manager"}, "heap_max": {"unit": "B", "per": "task_manager"},
    "gc_count": {"kind": "counter", "unit": "count", "per": "task_manager"}, "gc_time": {"kind": "counter", "unit": "ms", "per": "task_manager"},
    "busy": {"unit": "ms/s", "per": "subtask"}, "back_pressured": {"unit": "ms/s", "per": "subtask"},
    "records_in": {"kind": "counter", "unit": "records", "per": "subtask"}, "pending": {"unit": "records", "per": "subtask"},
    "source_records": {"kind": "counter", "unit": "records", "per": "subtask"}
}, "rules": [{"name": "all", "when": "max(avg(cpu[5m])) > 90% && max(avg(heap_used[5m]) / avg(heap_max[5m])) > 90% && max(rate(gc_count[5m])) > 1/s && max(rate(gc_time[5m])) > 10% && max(avg(busy[5m])) > 90% && max(avg(back_pressured[5m])) > 10% && sum(rate(records_in[5m])) > 1/s && sum(avg(pending[5m])) > 1 && sum(rate(source_records[5m])) > 1/s && max(max(cpu[7d across marks])) > 90% && max(max(heap_used[7d across marks])) > 1GB && max(max(busy[7d across marks])) > 90% && max(max(pending[7d across marks])) > 100", "then": {"parallelism": "parallelism + 1"}}]}"#;

/// One task with full windows, and what to scrape it with.
#[derive(Debug, Clone)]
pub struct Member {
    /// The task.
    pub task: Task,
    instances: [InstanceId; 2],
    totals: [[f64; 5]; 2],
    random: Random,
}

/// Tasks of one policy.
#[derive(Debug)]
pub struct Fleet {
    /// The policy.
    pub policy: Policy,
    /// The tasks.
    pub members: Vec<Member>,
    /// The time of the newest scrape.
    pub now: i64,
    metrics: Known,
}

/// The metrics of each instance, as far as the document knows them.
type Known = [[Option<MetricId>; 5]; 2];

/// How long a tick takes on two threads, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// A long look at all tasks.
    pub look: f64,
    /// A scrape of all tasks.
    pub scrape: f64,
}

/// Scrapes between two long looks.
const BETWEEN: usize = 20;

impl Fleet {
    /// What the platform says of every task.
    pub const ATTRIBUTES: [(&'static str, f64); 4] = [
        ("parallelism", 2.0),
        ("task_managers", 1.0),
        ("slots_per_task_manager", 2.0),
        ("machine_cores", 2.0),
    ];

    /// The instances of a task with their metrics: name, level, and whether it counts.
    pub fn specs() -> [(&'static str, [Metric; 5]); 2] {
        [("tm-1", OF_TASK_MANAGER), ("source/0", OF_SUBTASK)]
    }

    /// So many tasks of one TaskManager and one subtask, whose load is ordinary, after so many scrapes. `memory` says whether their Flink
    /// configuration is known.
    pub fn new(text: &str, tasks: usize, scrapes: usize, memory: bool) -> Fleet {
        let policy = policy(text);
        let metric = |(name, _, _): Metric| policy.metric(name);
        let metrics = [OF_TASK_MANAGER.map(metric), OF_SUBTASK.map(metric)];
        let now = BEGIN + scrapes as i64 * INTERVAL;
        let mut one = member(&policy, 0, memory);
        for scrape in 1..=scrapes {
            one.scrape(&policy, &metrics, BEGIN + scrape as i64 * INTERVAL);
        }
        let mut fleet = Fleet {
            policy,
            members: vec![one],
            now,
            metrics,
        };
        fleet.grow(tasks);
        fleet
    }

    /// As many tasks, with the history of the first: what is measured does not depend on the values.
    pub fn grow(&mut self, tasks: usize) {
        for index in self.members.len()..tasks {
            let mut member = self.members[0].clone();
            member.random = Random::new(index as u64);
            self.members.push(member);
        }
    }

    /// One more scrape of every task.
    pub fn scrape(&mut self) {
        self.now += INTERVAL;
        for member in &mut self.members {
            member.scrape(&self.policy, &self.metrics, self.now);
        }
    }

    /// As [`new`](Self::new), with windows and panes that are full enough, after looks as they are due.
    pub fn full(text: &str, tasks: usize, memory: bool) -> Fleet {
        let mut fleet = Fleet::new(text, 1, 0, memory);
        let mut decision = Decision::new(&fleet.policy);
        for _ in 0..30 {
            fleet.look(LookKind::Long, &mut decision);
            (0..BETWEEN).for_each(|_| fleet.scrape());
        }
        fleet.grow(tasks);
        fleet
    }

    /// A look at every task.
    pub fn look(&mut self, kind: LookKind, decision: &mut Decision) {
        for member in &mut self.members {
            decide_into(&self.policy, &mut member.task, self.now, kind, decision).unwrap();
        }
    }

    /// Medians of so many long looks on two threads, and of the last scrapes before them.
    pub fn tick(&mut self, rounds: usize) -> Tick {
        let (policy, metrics) = (&self.policy, &self.metrics);
        let half = self.members.len().div_ceil(2);
        let (mut looks, mut scrapes) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let mut scrape = 0.0;
            for _ in 0..BETWEEN {
                self.now += INTERVAL;
                let (now, begin) = (self.now, Instant::now());
                std::thread::scope(|scope| {
                    for part in self.members.chunks_mut(half) {
                        scope.spawn(move || part.iter_mut().for_each(|member| member.scrape(policy, metrics, now)));
                    }
                });
                scrape = begin.elapsed().as_secs_f64();
            }
            scrapes.push(scrape);
            let (now, begin) = (self.now, Instant::now());
            std::thread::scope(|scope| {
                for part in self.members.chunks_mut(half) {
                    scope.spawn(move || {
                        let mut decision = Decision::lean(policy);
                        for member in part {
                            decide_into(policy, &mut member.task, now, LookKind::Long, &mut decision).unwrap();
                        }
                    });
                }
            });
            looks.push(begin.elapsed().as_secs_f64());
        }
        let median = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        Tick {
            look: median(looks),
            scrape: median(scrapes),
        }
    }
}

/// A new task.
fn member(policy: &Policy, index: usize, memory: bool) -> Member {
    let mut task = Task::new(policy, &format!("task-{index:06}")).unwrap();
    for (name, value) in Fleet::ATTRIBUTES {
        task.set(policy, name, value).unwrap();
    }
    if memory {
        let size = [("taskmanager.memory.process.size", "4g")];
        task.set_flink_configuration(policy, size).unwrap();
    }
    task.mark(BEGIN - 3_600_000, Mark::Restart);
    let instances = ["tm-1", "source/0"].map(|name| task.instance(policy, name).unwrap());
    Member {
        task,
        instances,
        totals: [[0.0; 5]; 2],
        random: Random::new(index as u64),
    }
}

impl Member {
    /// One scrape: a row of the TaskManager, a row of the subtask, and that there were no exceptions. Metrics that the document does not know are
    /// left out.
    fn scrape(&mut self, policy: &Policy, metrics: &Known, now: i64) {
        for (instance, specs) in [OF_TASK_MANAGER, OF_SUBTASK].iter().enumerate() {
            let known = |at: usize| metrics[instance][at];
            let Some(some) = (0..specs.len()).find_map(known) else {
                continue;
            };
            let (mut row, mut cells) = ([(some, 0.0); 5], 0);
            for (at, (_, level, counts)) in specs.iter().enumerate() {
                let value = level * self.random.between(0.95, 1.05);
                let total = &mut self.totals[instance][at];
                *total = if *counts { *total + value.round() } else { value };
                if let Some(metric) = known(at) {
                    row[cells] = (metric, *total);
                    cells += 1;
                }
            }
            self.task
                .row(policy, now, self.instances[instance], now, &row[..cells])
                .unwrap();
        }
        for metric in policy.event_metrics() {
            self.task.observed(policy, now, metric, now).unwrap();
        }
    }
}
