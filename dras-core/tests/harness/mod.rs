//! What the acceptance tests share: documents as texts, tasks, and a report read by name.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod lean;

use dras_core::action::Resource;
use dras_core::engine::{Decision, DecisionReport, LookKind, Policy, Task};
use dras_core::rules::DocumentLimits;
use serde_json::Value as Json;

/// 2027-01-15, a Friday, at 08:00:00 UTC.
pub const T0: i64 = 1_800_000_000_000;
pub const S: i64 = 1000;
pub const M: i64 = 60 * S;
pub const H: i64 = 60 * M;
pub const DAY: i64 = 24 * H;
pub const MIB: f64 = 1_048_576.0;

/// Prints past the capture of the test harness, so that every run of the tests shows the counts.
macro_rules! report {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}
pub(crate) use report;

/// The policy of a document, which must have neither errors nor warnings.
pub fn policy(text: &str) -> Policy {
    let policy = Policy::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    policy
}

/// A task with a parallelism.
pub fn task(policy: &Policy, parallelism: f64) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    task.set(policy, "parallelism", parallelism).unwrap();
    task
}

/// A task, its policy, and the present.
pub struct Job {
    pub policy: Policy,
    pub task: Task,
    pub now: i64,
}

impl Job {
    pub fn new(text: &str) -> Job {
        let policy = policy(text);
        let task = Task::new(&policy, "orders").unwrap();
        Job { policy, task, now: T0 }
    }

    pub fn with(mut self, attributes: &[(&str, f64)]) -> Job {
        for (name, value) in attributes {
            self.set(name, *value);
        }
        self
    }

    pub fn set(&mut self, name: &str, value: f64) {
        self.task.set(&self.policy, name, value).unwrap();
    }

    pub fn unset(&mut self, name: &str) {
        let id = self.policy.attribute(name).unwrap();
        self.task.unset(&self.policy, id).unwrap();
    }

    /// One scrape of an instance, at `now`.
    pub fn scrape(&mut self, instance: &str, values: &[(&str, f64)]) {
        let instance = self.task.instance(&self.policy, instance).unwrap();
        let row: Vec<_> = values
            .iter()
            .map(|(name, value)| (self.policy.metric(name).unwrap(), *value))
            .collect();
        self.task.row(&self.policy, self.now, instance, self.now, &row).unwrap();
    }

    /// A sample of one metric every 15 s, from `from` to the present.
    pub fn column(&mut self, instance: &str, metric: &str, from: i64, value: f64) {
        let instance = self.task.instance(&self.policy, instance).unwrap();
        let times: Vec<i64> = (from..=self.now).step_by(15_000).collect();
        let metric = self.policy.metric(metric).unwrap();
        self.task
            .column(
                &self.policy,
                self.now,
                instance,
                metric,
                &times,
                &vec![value; times.len()],
            )
            .unwrap();
    }

    /// An event of the task, at `t`.
    pub fn event(&mut self, metric: &str, t: i64, text: &str) {
        let instance = self.task.instance(&self.policy, "").unwrap();
        let metric = self.policy.metric(metric).unwrap();
        self.task
            .event(&self.policy, self.now, instance, metric, t, text)
            .unwrap();
    }

    /// All events up to the present were handed over.
    pub fn observed(&mut self, metric: &str) {
        let metric = self.policy.metric(metric).unwrap();
        self.task.observed(&self.policy, self.now, metric, self.now).unwrap();
    }

    pub fn look(&mut self) -> Decision {
        lean::look(&self.policy, &mut self.task, self.now, LookKind::Long)
    }

    pub fn look_short(&mut self) -> Decision {
        lean::look(&self.policy, &mut self.task, self.now, LookKind::Short)
    }

    /// Time goes on, then a look.
    pub fn after(&mut self, ms: i64) -> Decision {
        self.now += ms;
        self.look()
    }

    /// Reports that the instruction of a decision was applied, at the present.
    pub fn apply(&mut self, decision: &Decision) {
        let key = instruction_key(decision).unwrap_or_else(|| panic!("no instruction:\n{decision}"));
        self.task.applied(&self.policy, self.now, &key, self.now).unwrap();
    }

    /// Reports that it could not be.
    pub fn fail(&mut self, decision: &Decision, reason: &str) {
        let key = instruction_key(decision).unwrap_or_else(|| panic!("no instruction:\n{decision}"));
        self.task
            .failed(&self.policy, self.now, &key, self.now, reason)
            .unwrap();
    }

    /// Looks at the present, and applies what must be an instruction.
    pub fn act(&mut self) -> Decision {
        let decision = self.look();
        self.apply(&decision);
        decision
    }
}

pub fn instruction_key(decision: &Decision) -> Option<String> {
    decision.instruction().map(|i| i.key.clone())
}

/// What a decision changes, by resource.
pub fn to(decision: &Decision, resource: Resource) -> Option<f64> {
    decision.changes().iter().find(|c| c.resource == resource).map(|c| c.to)
}

/// The parallelism that a decision changes to.
pub fn parallelism(decision: &Decision) -> Option<f64> {
    to(decision, Resource::Parallelism)
}

/// What a decision holds: resource, guard and the ms left, where an end is known.
pub fn held(decision: &Decision) -> Vec<(Resource, &'static str, Option<i64>)> {
    let report = decision.report();
    let all = report
        .held
        .iter()
        .flat_map(|h| h.by.iter().map(move |by| (h.change.resource, by.guard.code(), by.left)));
    all.collect()
}

/// That a decision holds exactly this by this guard, changes nothing, and says so as data and as text.
#[track_caller]
pub fn assert_held(decision: &Decision, resource: Resource, guard: &str, left: Option<i64>) {
    assert_eq!(held(decision), [(resource, guard, left)], "{decision}");
    assert!(
        decision.changes().is_empty() && decision.instruction().is_none(),
        "{decision}"
    );
    let text = decision.to_string();
    let line = text
        .lines()
        .find(|l| l.trim_start().starts_with("held: "))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains(&format!(" by {guard} (")), "{line}");
    assert_eq!(line.contains(" left)"), left.is_some(), "{line}");
    let json = serde_json::to_value(decision).unwrap();
    assert_eq!(json["held"][0]["by"][0]["guard"], guard);
    assert_eq!(json["held"][0]["by"][0]["left"], left.map_or(Json::Null, Json::from));
    let fates = fates(&decision.report());
    assert!(
        fates.iter().any(|f| f.2 == "held" && f.3.as_deref() == Some(guard)),
        "{fates:?}\n{decision}"
    );
}

/// Of every proposal: the rule, the resource, what became of it, and by whom.
pub fn fates(report: &DecisionReport) -> Vec<(String, Resource, &'static str, Option<String>)> {
    let rules = report.rules.iter();
    rules
        .flat_map(|r| {
            r.proposals
                .iter()
                .map(|p| (r.rule.clone(), p.resource, p.fate, p.by.clone()))
        })
        .collect()
}

/// A direction with the ms left, where an end is known.
pub type Hold = (&'static str, Option<i64>);

/// The guards that stand, with what they hold.
pub fn standing(decision: &Decision) -> Vec<(&'static str, Vec<Hold>)> {
    use dras_core::action::guard::Direction;
    let name = |direction| match direction {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::Urgent => "urgent",
    };
    let report = decision.report();
    let guards = report.guards.iter();
    guards
        .map(|g| {
            (
                g.guard.code(),
                g.holds.iter().map(|h| (name(h.direction), h.left)).collect(),
            )
        })
        .collect()
}

/// A name, a predicate over vectors, and the reason why they differ.
pub type Difference = (&'static str, fn(&Json) -> bool, &'static str);

/// Runs vectors of another system. Each agrees, or the first of `differences` that it falls under says why not; and every difference must be one.
#[track_caller]
pub fn conform(
    file: &str,
    vectors: &[Json],
    differences: &[Difference],
    name: impl Fn(&Json) -> String,
    run: impl Fn(&Json) -> (bool, String),
) {
    let mut counts = vec![0; differences.len()];
    let (mut agreed, mut unexplained) = (0, Vec::new());
    for vector in vectors {
        let (agrees, what) = run(vector);
        if agrees {
            agreed += 1;
        } else if let Some(index) = differences.iter().position(|d| d.1(vector)) {
            counts[index] += 1;
        } else {
            unexplained.push(format!("{}: {what}\n    {vector}", name(vector)));
        }
    }
    let differing: usize = counts.iter().sum();
    report!(
        "{file}: {} vectors: {agreed} agree, {differing} differ on purpose",
        vectors.len()
    );
    for (difference, count) in differences.iter().zip(&counts) {
        report!("  {count:3} {}: {}", difference.0, difference.2);
    }
    assert!(
        unexplained.is_empty(),
        "{}:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    let gone: Vec<&str> = differences
        .iter()
        .zip(&counts)
        .filter(|d| *d.1 == 0)
        .map(|d| d.0.0)
        .collect();
    assert!(gone.is_empty(), "no longer differences: {gone:?}");
}

/// A document whose rules want what attributes say: `want` parallelism, `want_now` urgently, `memory` for the TaskManagers.
pub fn document(guards: &str, more: &str) -> String {
    format!(
        r#"{{"version": 1, "name": "guards", "mode": "active",
            "attributes": {{"want": {{"type": "number"}}, "want_now": {{"type": "number"}}, "memory": {{"type": "number", "unit": "MiB"}}}},
            "rules": [
                {{"name": "ordinary", "when": "(want ?? parallelism) != parallelism", "then": {{"parallelism": "want"}}}},
                {{"name": "emergency", "when": "(want_now ?? parallelism) != parallelism", "then": {{"parallelism": "want_now"}}, "urgent": true}},
                {{"name": "bytes", "when": "defined(memory)", "then": {{"task_manager_memory": "memory"}}}}
            ],
            "sizing": {{"tolerance": {{"down": "0%"}}}},
            "guards": {guards}{more}}}"#
    )
}

/// Nothing but the guards that a test is about.
pub fn wishing(guards: &str) -> Job {
    Job::new(&document(guards, "")).with(&[("parallelism", 4.0)])
}

pub const AT_ONCE: &str = r#""cool_down": {"up": "0s", "down": "0s", "urgent": "0s"}, "stabilisation": {"down": "0s"}, "oscillation": {"within": "0s"}"#;

pub fn at_once(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!("{{{AT_ONCE}{comma}{more}}}")
}
