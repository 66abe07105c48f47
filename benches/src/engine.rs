//! Policies and tasks.

use std::fmt::Write as _;

use dras_core::engine::{Policy, Task};
use dras_core::metrics::InstanceId;
use dras_core::rules::{Document, DocumentLimits};

use crate::Random;
use crate::windows::{BEGIN, INTERVAL};

/// A document with the `cpu` strategy.
pub const CPU: &str = r#"{"version": 1, "name": "cpu", "strategies": [{"use": "cpu"}], "limits": {"parallelism": {"min": 1, "max": 64}}}"#;

/// A document of `rules` rules over ten metrics: each with a condition of its own over three windows, one of which several rules share.
pub fn many_rules(rules: usize) -> String {
    let mut text = String::from(r#"{"version": 1, "name": "many", "metrics": {"#);
    for metric in 0..10 {
        let comma = if metric == 0 { "" } else { ", " };
        write!(
            text,
            r#"{comma}"m{metric}": {{"unit": "ratio", "per": "task_manager"}}"#
        )
        .unwrap();
    }
    text.push_str(r#"}, "params": {"high": "80%"}, "rules": ["#);
    for rule in 0..rules {
        let comma = if rule == 0 { "" } else { ", " };
        let (a, b, c) = (rule % 10, (rule / 10) % 10, (rule / 3) % 10);
        let minutes = 2 + rule % 7;
        write!(
            text,
            r#"{comma}{{"name": "rule{rule}", "when": "avg(m{a}[{minutes}m]) > high && max(m{b}[5m]) > 0.{:03} || share(m{c}[10m] > 0.{:03}) > 90%", "for": "2m", "then": {{"parallelism": "scale_to(parallelism, avg(m{a}[{minutes}m]), 60%)"}}}}"#,
            500 + rule % 400,
            400 + rule % 500,
        )
        .unwrap();
    }
    text.push_str("]}");
    text
}

/// The document of a text.
pub fn document(text: &str) -> Document {
    Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"))
}

/// The policy of a text.
pub fn policy(text: &str) -> Policy {
    Policy::compile(&document(text)).unwrap_or_else(|d| panic!("{d}"))
}

/// A task with its policy, and scrapes for it.
#[derive(Debug)]
pub struct Fixture {
    /// The policy.
    pub policy: Policy,
    /// The task.
    pub task: Task,
    /// The time of the newest scrape.
    pub now: i64,
    instances: Vec<InstanceId>,
    random: Random,
}

impl Fixture {
    /// A task of so many TaskManagers with full windows of half an hour, at about this load.
    pub fn new(text: &str, task_managers: usize, load: f64) -> Fixture {
        let policy = policy(text);
        let mut task = Task::new(&policy, "orders").unwrap();
        let attributes = [
            ("parallelism", 2.0 * task_managers as f64),
            ("task_managers", task_managers as f64),
            ("slots_per_task_manager", 2.0),
            ("machine_cores", 2.0),
        ];
        for (name, value) in attributes {
            task.set(&policy, name, value).unwrap();
        }
        let names = (0..task_managers).map(|i| format!("tm-{i:04}"));
        let instances = names.map(|name| task.instance(&policy, &name).unwrap()).collect();
        let mut fixture = Fixture {
            policy,
            task,
            now: BEGIN,
            instances,
            random: Random::new(7),
        };
        for _ in 0..150 {
            fixture.scrape(load);
        }
        fixture
    }

    /// One more scrape of every TaskManager.
    pub fn scrape(&mut self, load: f64) {
        self.now += INTERVAL;
        let metrics: Vec<_> = self
            .policy
            .plan()
            .catalogue()
            .iter()
            .map(|m| (m.0, m.1.unit.factor))
            .collect();
        for instance in &self.instances {
            let row: Vec<_> = metrics
                .iter()
                .map(|(metric, factor)| {
                    (
                        *metric,
                        (load + self.random.between(-0.05, 0.05)).clamp(0.0, 1.0) / factor,
                    )
                })
                .collect();
            self.task
                .row(&self.policy, self.now, *instance, self.now, &row)
                .unwrap();
        }
    }
}
