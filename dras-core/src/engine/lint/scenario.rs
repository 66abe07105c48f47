//! A task that stands still: what its rules say, and where they lead.

use std::collections::BTreeMap;

use crate::action::{Change, Proposal, Room, merge, size};
use crate::engine::act::whole_steps;
use crate::engine::policy::Inner;
use crate::lang::graph::GraphId;
use crate::lang::steady::{self, Steady};
use crate::lang::{Row, Value, Values};
use crate::metrics::{MetricId, Per};
use crate::resources::Resource;

/// Long enough that every window is full and every rule may have fired long ago.
const LONG: f64 = 30.0 * 86_400.0;

/// What a task has, and what its metrics read, as long as nothing changes. One slot and one core for each TaskManager; what is not said
/// here is not known.
pub(super) struct Scenario<'p> {
    pub(super) inner: &'p Inner,
    pub(super) parallelism: f64,
    /// Every memory resource, in bytes, where memory is known.
    pub(super) memory: Option<f64>,
    pub(super) metrics: BTreeMap<MetricId, f64>,
}

impl Steady for Scenario<'_> {
    fn value(&self, metric: MetricId) -> Option<f64> {
        self.metrics.get(&metric).copied()
    }

    fn instances(&self, metric: MetricId) -> u32 {
        match self.inner.plan.catalogue().spec(metric).per {
            Per::Task => 1,
            Per::TaskManager | Per::Subtask => self.parallelism as u32,
        }
    }
}

/// The values of a scenario's expressions.
pub(super) struct Evaluated<'p> {
    row: Row<'p>,
    values: Values<'p>,
    inner: &'p Inner,
}

impl<'p> Scenario<'p> {
    pub(super) fn evaluate(&self) -> Evaluated<'p> {
        let inner = self.inner;
        let known = &inner.known;
        let mut row = inner.compiled.program.row();
        let one = [
            known.slots_per_task_manager,
            known.slot_sharing_groups,
            known.task_manager_cores,
        ];
        let one = one
            .into_iter()
            .chain([inner.compiled.scope.find_variable("machine_cores")]);
        let settings = one.map(|id| (id, 1.0)).chain([
            (known.task_managers, self.parallelism),
            (known.uptime, LONG),
            (known.since_last_change, LONG),
        ]);
        for (id, value) in settings {
            if let Some(id) = id {
                row.set_number(id, value);
            }
        }
        for resource in Resource::ALL {
            let value = match resource {
                Resource::Parallelism => Some(self.parallelism),
                _ => self.memory,
            };
            if let (Some(id), Some(value)) = (known.resources[resource as usize], value) {
                row.set_number(id, value);
            }
        }
        for repeats in inner.repeats.iter().map(|repeat| repeat.0) {
            row.set_number(repeats, 0.0);
        }
        steady::fill(self, &inner.compiled, &mut row);
        Evaluated {
            row,
            values: Values::new(&inner.compiled.graph),
            inner,
        }
    }

    /// The next change of the parallelism, at whatever time: of the rules whose conditions are true those fire first that wait least.
    pub(super) fn next(&self) -> Option<Change> {
        let mut evaluated = self.evaluate();
        let mut firing: Vec<(usize, f64)> = Vec::new();
        for (index, rule) in self.inner.rules.iter().enumerate() {
            let Some(target) = rule.then.iter().find(|t| t.0 == Resource::Parallelism) else {
                continue;
            };
            if evaluated.condition(rule.when) == Some(true)
                && let Some(wanted) = evaluated.number(target.1)
            {
                firing.push((index, wanted));
            }
        }
        let hold = |index: usize| self.inner.rules[index].info.hold;
        let mut times: Vec<_> = firing.iter().map(|f| hold(f.0)).collect();
        times.sort_unstable();
        times.dedup();
        times.into_iter().find_map(|time| {
            let proposals: Vec<Proposal> = firing
                .iter()
                .filter(|f| hold(f.0) <= time)
                .map(|&(index, wanted)| {
                    let target = whole_steps(Resource::Parallelism, self.parallelism, wanted);
                    Proposal {
                        rule: index as u32,
                        resource: Resource::Parallelism,
                        current: self.parallelism,
                        target,
                        exact: wanted.min(target),
                        priority: self.inner.rules[index].info.priority,
                        urgent: self.inner.rules[index].info.urgent,
                    }
                })
                .collect();
            let (wishes, _) = merge(&proposals);
            let wish = wishes.into_iter().next().filter(|w| w.target != w.current)?;
            let change = size(&wish, &self.room(wish.urgent));
            (change.to != change.from).then_some(change)
        })
    }

    /// The room that the document leaves; partitions and key groups are not known here.
    fn room(&self, urgent: bool) -> Room {
        let inner = self.inner;
        let bounds = inner.limits.of(Resource::Parallelism);
        let steps = &inner.guards.largest_step;
        let total = &inner.limits.total;
        // Each slot has a TaskManager and a core of its own.
        let cores = total.cores.map(|c| c.as_f64() as u64);
        let most = [bounds.max, total.task_managers.map(u64::from), cores];
        Room {
            min: bounds.min,
            max: most.into_iter().flatten().min(),
            step_up: if urgent { steps.urgent() } else { steps.up() },
            step_down: steps.down(),
            tolerance_up: if urgent { 0.0 } else { inner.sizing.tolerance.up() },
            tolerance_down: inner.sizing.tolerance.down(),
            alignment: None,
        }
    }
}

impl Evaluated<'_> {
    fn value(&mut self, root: GraphId) -> Option<&Value<'_>> {
        self.values.compute_root(&self.inner.compiled.graph, &self.row, root);
        self.values.get(root)
    }

    /// The truth value of an output; `None` where it is undefined.
    pub(super) fn condition(&mut self, output: usize) -> Option<bool> {
        self.value(self.inner.compiled.root_of(output))?.as_bool()
    }

    /// The number of an output; `None` where it is undefined.
    pub(super) fn number(&mut self, output: usize) -> Option<f64> {
        self.value(self.inner.compiled.root_of(output))?.as_number()
    }
}
