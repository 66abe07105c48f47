//! A task that lives through what a test says, with the scrapes and looks of a real one.

use std::collections::BTreeMap;

use dras_core::engine::{Decision, LookKind, Policy, RuleState, Task};
use dras_core::metrics::Mark;
use dras_core::resources::Resource;
use dras_core::rules::{Document, DocumentLimits};

use crate::lean;

pub const T0: i64 = 1_800_000_000_000;
pub const S: i64 = 1000;
pub const M: i64 = 60 * S;
pub const H: i64 = 60 * M;
pub const MIB: f64 = 1_048_576.0;

/// What one scrape finds: metric, instance, value.
pub type Scrape = Vec<(&'static str, String, f64)>;

pub struct Lab {
    pub policy: Policy,
    pub task: Task,
    pub now: i64,
    /// Whether instructions are carried out, and reported, as soon as they are given.
    pub applies: bool,
    /// Whether exceptions are asked for.
    pub asks: bool,
}

/// A policy of one strategy with parameters, `{"up_for": "0s"}`.
pub fn policy(strategy: &str, params: &str) -> Policy {
    compile(&format!(
        r#"{{"version": 1, "name": "lab", "mode": "active", "strategies": [{{"use": "{strategy}", "params": {params}}}]}}"#
    ))
}

pub fn compile(text: &str) -> Policy {
    let document = Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"))
}

impl Lab {
    /// A task of four subtasks on two TaskManagers with two slots each, on machines of four cores.
    pub fn new(policy: Policy) -> Lab {
        let mut task = Task::new(&policy, "orders").unwrap();
        for (name, value) in [
            ("parallelism", 4.0),
            ("max_parallelism", 128.0),
            ("task_managers", 2.0),
            ("slots_per_task_manager", 2.0),
            ("machine_cores", 4.0),
        ] {
            task.set(&policy, name, value).unwrap();
        }
        Lab {
            policy,
            task,
            now: T0,
            applies: false,
            asks: true,
        }
    }

    pub fn set(&mut self, name: &str, value: f64) -> &mut Lab {
        self.task.set(&self.policy, name, value).unwrap();
        self
    }

    pub fn configure(&mut self, entries: &[(&str, &str)]) -> &mut Lab {
        self.task
            .set_flink_configuration(&self.policy, entries.iter().copied())
            .unwrap();
        self
    }

    pub fn mark(&mut self, mark: Mark) {
        self.task.mark(self.now, mark);
    }

    pub fn throws(&mut self, metric: &str, at: i64, text: &str) {
        let id = self.policy.metric(metric).unwrap();
        let instance = self.task.instance(&self.policy, "").unwrap();
        self.task.event(&self.policy, self.now, instance, id, at, text).unwrap();
        self.task.observed(&self.policy, self.now, id, self.now).unwrap();
    }

    pub fn scrape(&mut self, scrape: &Scrape) {
        let mut rows: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (metric, instance, value) in scrape {
            let id = self
                .policy
                .metric(metric)
                .unwrap_or_else(|| panic!("no metric {metric}"));
            rows.entry(instance).or_default().push((id, *value));
        }
        for (instance, row) in rows {
            let instance = self.task.instance(&self.policy, instance).unwrap();
            self.task.row(&self.policy, self.now, instance, self.now, &row).unwrap();
        }
        if let Some(exceptions) = self.policy.metric("exceptions").filter(|_| self.asks) {
            self.task
                .observed(&self.policy, self.now, exceptions, self.now)
                .unwrap();
        }
    }

    pub fn look(&mut self, kind: LookKind) -> Decision {
        let decision = lean::look(&self.policy, &mut self.task, self.now, kind);
        if let Some(instruction) = decision.instruction().filter(|_| self.applies) {
            let key = instruction.key.clone();
            self.task.applied(&self.policy, self.now, &key, self.now).unwrap();
        }
        decision
    }

    /// Lives for `length` ms: scrapes every 15 s, a short look every 30 s and a long one every 5 min. `see` says what is there so many seconds
    /// after the beginning.
    pub fn run(&mut self, length: i64, mut see: impl FnMut(f64) -> Scrape) -> Vec<Decision> {
        let begin = self.now;
        let mut decisions = Vec::new();
        while self.now < begin + length {
            self.now += 15 * S;
            let scrape = see((self.now - begin) as f64 / 1000.0);
            self.scrape(&scrape);
            if (self.now - T0) % (5 * M) == 0 {
                decisions.push(self.look(LookKind::Long));
            } else if (self.now - T0) % (30 * S) == 0 {
                decisions.push(self.look(LookKind::Short));
            }
        }
        decisions
    }
}

/// One value for both TaskManagers.
pub fn on_both(metric: &'static str, value: f64) -> Scrape {
    ["tm-1", "tm-2"].map(|tm| (metric, tm.to_owned(), value)).to_vec()
}

/// One value for two subtasks.
pub fn of_both(metric: &'static str, value: f64) -> Scrape {
    ["work-0", "work-1"]
        .map(|subtask| (metric, subtask.to_owned(), value))
        .to_vec()
}

/// The first decision that changes something, with its change of `resource`.
pub fn first_change(decisions: &[Decision], resource: Resource) -> Option<(i64, f64, f64)> {
    decisions.iter().find_map(|d| {
        let change = d.changes().iter().find(|c| c.resource == resource)?;
        Some((d.at() - T0, change.from, change.to))
    })
}

/// What a rule wanted of a resource at the first look at which it fired: whole steps, before limits, largest steps and guards.
pub fn first_wish(decisions: &[Decision], rule: &str, resource: Resource) -> Option<(i64, f64)> {
    decisions.iter().find_map(|d| {
        let index = d.policy().rules().position(|r| r.name == rule).unwrap();
        if d.states().nth(index) != Some(RuleState::Fired) {
            return None;
        }
        let report = d.report();
        let wanted = report.rules[index]
            .proposals
            .iter()
            .find(|p| p.resource == resource)?
            .target?;
        Some((d.at() - T0, wanted))
    })
}

/// The rules that fired at any of the looks.
pub fn fired(decisions: &[Decision]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for decision in decisions {
        let of_rules = decision.policy().rules().zip(decision.states());
        names.extend(
            of_rules
                .filter(|(_, s)| *s == RuleState::Fired)
                .map(|(r, _)| r.name.clone()),
        );
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The alerts of all looks, by rule.
pub fn alerts(decisions: &[Decision]) -> Vec<String> {
    let rule = |d: &Decision, index: u32| d.policy().rules().nth(index as usize).unwrap().name.clone();
    let mut names: Vec<String> = decisions
        .iter()
        .flat_map(|d| d.alerts().map(|a| rule(d, a.1)).collect::<Vec<_>>())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
