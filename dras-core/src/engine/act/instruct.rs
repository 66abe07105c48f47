//! From changes to an instruction, with its reasons and promises.

use super::Acting;
use crate::action::guard::Direction;
use crate::action::instruction::{self, Instruction, MemoryStep, Restart};
use crate::action::{Guard, Pending, Promise, Step};
use crate::engine::decision::Held;
use crate::engine::policy::Gauge;
use crate::resources::memory::FlinkProcess;
use crate::resources::{Resource, Scope};
use crate::rules::{Mode, Rescale};

impl Acting<'_, '_, '_> {
    /// Makes an instruction of the changes, unless the document only monitors, or another one awaits its report.
    pub(super) fn instruct(&mut self) {
        let inner = self.inner;
        if inner.mode == Mode::Monitor || self.decision.changes.is_empty() {
            return;
        }
        let parallelism = self
            .decision
            .changes
            .iter()
            .find(|c| c.resource == Resource::Parallelism);
        let parallelism = parallelism.map(|c| instruction::Step {
            from: c.from as u32,
            to: c.to as u32,
        });
        let memory = |process, whole| {
            let fitted = self.decision.fitted.iter().find(|f| f.process == process);
            if let Some(fitted) = fitted {
                return MemoryStep::planned(&fitted.resized);
            }
            let change = self.decision.changes.iter().find(|c| c.resource == whole)?;
            Some(MemoryStep::total(change.from as u64, change.to as u64))
        };
        let task_manager_memory = memory(FlinkProcess::TaskManager, Resource::TaskManagerMemory);
        let job_manager_memory = memory(FlinkProcess::JobManager, Resource::JobManagerMemory);
        let key = Instruction::key(
            self.task.id(),
            self.history.generation(),
            parallelism,
            task_manager_memory.as_ref(),
            job_manager_memory.as_ref(),
        );
        let pending = self.history.pending();
        if pending.is_some_and(|p| p.key != key) {
            let waits = self
                .decision
                .guards
                .states()
                .iter()
                .find(|s| s.guard == Guard::Awaiting);
            if let Some(until) = waits.and_then(|s| s.until(Direction::Up)) {
                for change in std::mem::take(&mut self.decision.changes) {
                    self.decision.held.push(Held {
                        change,
                        by: vec![(Guard::Awaiting, until)],
                        why: None,
                    });
                }
                self.decision.fitted.clear();
                return;
            }
        }
        let in_place =
            inner.rescale == Rescale::InPlace && task_manager_memory.is_none() && job_manager_memory.is_none();
        let mut rules: Vec<String> = Vec::new();
        for change in &self.decision.changes {
            for rule in change.rules.iter().filter_map(|r| inner.rules.get(*r as usize)) {
                if !rules.contains(&rule.info.name) {
                    rules.push(rule.info.name.clone());
                }
            }
        }
        let entries = [&task_manager_memory, &job_manager_memory];
        let entries = entries.into_iter().flatten().flat_map(|m| m.entries.clone()).collect();
        self.history.instruct(Pending {
            key: key.clone(),
            at: self.now,
            steps: self.steps(),
            rules,
            entries,
            promises: self.promises(),
        });
        self.decision.instruction = Some(Instruction {
            key,
            task: self.task.id().to_owned(),
            at: self.now,
            policy: inner.name.clone(),
            fingerprint: inner.fingerprint,
            parallelism,
            task_manager_memory,
            job_manager_memory,
            restart: if in_place {
                Restart::InPlace
            } else {
                Restart::WithSavepoint
            },
            reasons: self.reasons(),
        });
    }

    /// What the task will have, resource by resource.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for change in &self.decision.changes {
            if self
                .decision
                .fitted
                .iter()
                .all(|f| Some(f.process) != change.resource.process())
            {
                steps.push(Step {
                    resource: change.resource,
                    from: change.from,
                    to: change.to,
                });
            }
        }
        for fitted in &self.decision.fitted {
            for resource in Resource::ALL
                .into_iter()
                .filter(|r| r.process() == Some(fitted.process))
            {
                let to = match resource.scope() {
                    Scope::Component(_, component) => fitted.resized.breakdown.get(component),
                    _ => fitted.resized.breakdown.process(),
                } as f64;
                if let Some(from) = self.current(resource).filter(|from| *from != to) {
                    steps.push(Step { resource, from, to });
                }
            }
        }
        steps
    }

    /// Why, for the people who see the instruction: each rule with its sentence.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for change in &self.decision.changes {
            for rule in change.rules.iter().filter_map(|r| self.inner.rules.get(*r as usize)) {
                let doc = &rule.info.doc;
                let reason = if doc.is_empty() {
                    rule.info.name.clone()
                } else {
                    format!("{}: {doc}", rule.info.name)
                };
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons
    }

    /// What the rules behind the changes promise of them.
    pub(super) fn promises(&self) -> Vec<Promise> {
        let mut promises: Vec<Promise> = Vec::new();
        for change in self.decision.changes.iter().filter(|c| c.is_up()) {
            for rule in change.rules.iter().filter_map(|r| self.inner.rules.get(*r as usize)) {
                let Some(gauge) = rule.effect else { continue };
                let Ok(before) = self.outputs.number(gauge.output()) else {
                    continue;
                };
                let promised = match gauge {
                    Gauge::Lowers(_) => before * change.from / change.to,
                    Gauge::Raises(_) => before * change.to / change.from,
                };
                // What is nothing cannot rise or fall in proportion.
                if promised != before && promises.iter().all(|p| p.rule != rule.info.name) {
                    promises.push(Promise {
                        rule: rule.info.name.clone(),
                        before,
                        promised,
                    });
                }
            }
        }
        promises
    }
}
