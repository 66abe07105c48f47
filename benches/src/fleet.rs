//! Tasks as a fleet has them: the four strategies over ten metrics, a scrape every 15 s.

use dras_core::engine::{Policy, Task};
use dras_core::metrics::{InstanceId, Mark, MetricId};

use crate::Random;
use crate::engine::policy;
use crate::windows::{BEGIN, INTERVAL};

/// A document with the four strategies.
pub const FOUR: &str = r#"{"version": 1, "name": "four", "strategies": [{"use": "cpu"}, {"use": "source_delay"}, {"use": "memory"}, {"use": "oom"}], "limits": {"parallelism": {"min": 1, "max": 64}}}"#;

/// The metrics of a TaskManager, and of a subtask; counters with what they rise by between two scrapes, the others with their level.
const OF_TASK_MANAGER: [(&str, f64, bool); 5] = [
    ("cpu", 0.5, false),
    ("heap_used", 1.2e9, false),
    ("heap_max", 2e9, false),
    ("gc_count", 2.0, true),
    ("gc_time", 60.0, true),
];
const OF_SUBTASK: [(&str, f64, bool); 5] = [
    ("busy", 500.0, false),
    ("back_pressured", 20.0, false),
    ("records_in", 150_000.0, true),
    ("pending", 400.0, false),
    ("source_records", 150_000.0, true),
];

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
    metrics: [[MetricId; 5]; 2],
}

impl Fleet {
    /// So many tasks of one TaskManager and one subtask, whose load is ordinary, after so many scrapes. `memory` says whether their Flink
    /// configuration is known.
    pub fn new(text: &str, tasks: usize, scrapes: usize, memory: bool) -> Fleet {
        let policy = policy(text);
        let metric = |(name, _, _): (&str, f64, bool)| policy.metric(name).unwrap();
        let metrics = [OF_TASK_MANAGER.map(metric), OF_SUBTASK.map(metric)];
        let now = BEGIN + scrapes as i64 * INTERVAL;
        let mut one = member(&policy, 0, memory);
        for scrape in 1..=scrapes {
            one.scrape(&policy, &metrics, BEGIN + scrape as i64 * INTERVAL);
        }
        // The same history for all: what is measured does not depend on the values.
        let members = (0..tasks)
            .map(|index| {
                let mut member = one.clone();
                member.random = Random::new(index as u64);
                member
            })
            .collect();
        Fleet {
            policy,
            members,
            now,
            metrics,
        }
    }

    /// One more scrape of every task.
    pub fn scrape(&mut self) {
        self.now += INTERVAL;
        for member in &mut self.members {
            member.scrape(&self.policy, &self.metrics, self.now);
        }
    }

    /// The handles of the metrics, for [`Member::scrape`].
    pub fn metrics(&self) -> [[MetricId; 5]; 2] {
        self.metrics
    }
}

/// A new task.
fn member(policy: &Policy, index: usize, memory: bool) -> Member {
    let mut task = Task::new(policy, &format!("task-{index:06}")).unwrap();
    let attributes = [
        ("parallelism", 2.0),
        ("task_managers", 1.0),
        ("slots_per_task_manager", 2.0),
        ("machine_cores", 2.0),
    ];
    for (name, value) in attributes {
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
    /// One scrape: a row of the TaskManager, a row of the subtask, and that there were no exceptions.
    pub fn scrape(&mut self, policy: &Policy, metrics: &[[MetricId; 5]; 2], now: i64) {
        for (instance, specs) in [OF_TASK_MANAGER, OF_SUBTASK].iter().enumerate() {
            let mut row = [(metrics[instance][0], 0.0); 5];
            for (at, (cell, (_, level, counts))) in row.iter_mut().zip(specs).enumerate() {
                let value = level * self.random.between(0.95, 1.05);
                let total = &mut self.totals[instance][at];
                *total = if *counts { *total + value.round() } else { value };
                *cell = (metrics[instance][at], *total);
            }
            self.task.row(policy, now, self.instances[instance], now, &row).unwrap();
        }
        for metric in policy.event_metrics() {
            self.task.observed(policy, now, metric, now).unwrap();
        }
    }
}
