//! Filling a row from the windows of a task.

use std::borrow::Cow;
use std::mem::discriminant;

use super::compile::Compiled;
use super::exact::Values;
use super::graph::{Body, Graph, Input, Op};
use super::row::{OWN, Row};
use super::types::{Missing, Type, Value};
use crate::metrics::{Across, AggregateId, Kind, MetricId, Per, Plan, kernels};
use crate::metrics::{InstanceId, SampleRef, Scratch, Windows};
use crate::undefined::Undefined;
use crate::units::Millis;

/// One look at one task: its windows, at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'t> {
    pub(crate) plan: &'t Plan,
    pub(crate) windows: &'t Windows,
    pub(crate) now: Millis,
    /// How many TaskManagers the task should have, where that is known.
    pub(crate) task_managers: Option<u32>,
}

impl<'t> Look<'t> {
    fn expected(&self, aggregate: AggregateId) -> Option<u32> {
        let metric = self.plan.aggregate(aggregate).metric;
        match self.plan.catalogue().spec(metric).per {
            Per::TaskManager => self.task_managers,
            Per::Task => Some(1),
            Per::Subtask => None,
        }
    }

    /// Answers every input that the program needs and the caller did not set. Variables come first: set them before.
    pub(crate) fn fill(&self, compiled: &'t Compiled, row: &mut Row<'t>, scratch: &mut Scratch) {
        let mut values: Option<Values<'t>> = None;
        for (index, input) in compiled.graph.inputs.iter().enumerate() {
            if !compiled.program.needed[index] {
                continue;
            }
            let answer = match input {
                Input::Variable(_) => continue,
                Input::Reduced {
                    aggregate,
                    across,
                    test: None,
                } => {
                    let expected = self.expected(*aggregate);
                    self.windows
                        .reduced(self.plan, *aggregate, *across, expected, self.now, None, scratch)
                }
                Input::Reduced {
                    aggregate,
                    across,
                    test: Some(body),
                } => {
                    let values = values.get_or_insert_with(|| Values::new(&compiled.graph));
                    values.compute_outside(&compiled.graph, row, body);
                    let expected = self.expected(*aggregate);
                    let mut undecided = None;
                    let mut test =
                        |sample: SampleRef<'_>| passes(&compiled.graph, row, values, body, sample, &mut undecided);
                    let answer = self.windows.reduced(
                        self.plan,
                        *aggregate,
                        *across,
                        expected,
                        self.now,
                        Some(&mut test),
                        scratch,
                    );
                    if let (Err(Undefined::NotAvailable), Some(missing)) = (answer, undecided) {
                        row.put_undefined(index as u32, missing);
                        continue;
                    }
                    answer
                }
                Input::Text { aggregate } => match self.newest_text(*aggregate) {
                    Ok(text) => {
                        row.put_text(index as u32, text);
                        continue;
                    }
                    Err(reason) => Err(reason),
                },
                Input::EachInstance { body, across } => {
                    let values = values.get_or_insert_with(|| Values::new(&compiled.graph));
                    values.compute_outside(&compiled.graph, row, body);
                    match self.each_instance(compiled, row, values, body, *across, scratch) {
                        Ok(number) => Ok(number),
                        Err(missing) => {
                            row.put_undefined(index as u32, missing);
                            continue;
                        }
                    }
                }
            };
            match answer {
                Ok(number) => row.put_number(index as u32, number),
                Err(reason) => row.put_undefined(index as u32, Missing { reason, origin: OWN }),
            }
        }
    }

    /// The newest text of all live instances; of equally new ones that of the instance whose name sorts first.
    fn newest_text(&self, aggregate: AggregateId) -> Result<&'t str, Undefined> {
        let metric = self.plan.aggregate(aggregate).metric;
        let mut newest: Option<(Millis, &str)> = None;
        let mut failure = self.windows.why_no_text(self.plan, aggregate, self.now);
        for instance in self.windows.live(self.plan, metric, self.now) {
            match self.windows.latest_text(self.plan, aggregate, instance, self.now) {
                Ok((time, text)) if newest.is_none_or(|n| time > n.0) => newest = Some((time, text)),
                Ok(_) => {}
                Err(reason) => failure = reason,
            }
        }
        newest.map(|n| n.1).ok_or(failure)
    }

    fn each_instance(
        &self,
        compiled: &'t Compiled,
        row: &Row<'t>,
        values: &mut Values<'t>,
        body: &Body,
        across: Across,
        scratch: &mut Scratch,
    ) -> Result<f64, Missing> {
        let graph = &compiled.graph;
        let leaves: Vec<AggregateId> = body
            .each
            .iter()
            .filter_map(|id| match graph.node(*id).op {
                Op::InstanceLeaf(aggregate, _) => Some(aggregate),
                _ => None,
            })
            .collect();
        // Metrics of the whole task say the same of every instance; they have instances of their own only where no other metric has.
        let of_task = |leaf: &AggregateId| {
            let metric = self.plan.aggregate(*leaf).metric;
            self.plan.catalogue().spec(metric).per == Per::Task
        };
        let only_of_task = leaves.iter().all(of_task);
        let mut metrics: Vec<MetricId> = Vec::new();
        let mut expected = 0_u32;
        for leaf in leaves.iter().filter(|leaf| only_of_task || !of_task(leaf)) {
            metrics.push(self.plan.aggregate(*leaf).metric);
            expected = expected.max(self.expected(*leaf).unwrap_or(0));
        }
        metrics.sort_unstable();
        metrics.dedup();
        let live = metrics
            .iter()
            .flat_map(|metric| self.windows.live(self.plan, *metric, self.now));
        let mut instances: Vec<InstanceId> = live.collect();
        instances.sort_by_key(|id| self.windows.instance_name(*id));
        instances.dedup();
        if only_of_task && leaves.len() > 1 {
            instances.truncate(1);
        }
        let expected = expected.max(instances.len() as u32);

        let mut numbers: Vec<f64> = Vec::with_capacity(instances.len());
        let mut failure: Option<Missing> = None;
        let mut alike = true;
        let mut answers: Vec<Result<Value<'t>, Undefined>> = Vec::with_capacity(leaves.len());
        for instance in instances {
            answers.clear();
            for id in &body.each {
                if let Op::InstanceLeaf(aggregate, test) = graph.node(*id).op {
                    answers.push(self.leaf(compiled, row, values, aggregate, test, instance, scratch));
                }
            }
            // The leaves are asked for in the same order.
            let mut next = answers.drain(..);
            let value = values.element(graph, row, body, |_, id| match next.next() {
                Some(Ok(value)) => value,
                Some(Err(reason)) => Value::Undefined(Missing { reason, origin: id }),
                None => Value::Undefined(Missing {
                    reason: Undefined::NoSample,
                    origin: id,
                }),
            });
            drop(next);
            match value {
                Value::Number(x) => numbers.push(x),
                Value::Bool(b) => numbers.push(f64::from(u8::from(b))),
                Value::Text(_) => {}
                Value::Undefined(missing) => {
                    alike &= failure.is_none_or(|f| {
                        f.origin == missing.origin && discriminant(&f.reason) == discriminant(&missing.reason)
                    });
                    failure.get_or_insert(missing);
                }
            }
        }
        let have = numbers.len() as u32;
        let enough = f64::from(have) >= f64::from(expected) * self.plan.settings().min_instances && have > 0;
        if !enough {
            let origin = failure.map_or(OWN, |f| f.origin);
            return Err(match failure {
                Some(missing) if have == 0 && alike => missing,
                None if have == 0 => self.why_no_instance(body, graph, scratch),
                _ => Missing {
                    reason: Undefined::Instances { have, expected },
                    origin,
                },
            });
        }
        let mut space = Vec::new();
        let result = kernels::across(across, &numbers, &mut space);
        let missing = |reason| Missing { reason, origin: OWN };
        match result {
            Some(number) if number.is_finite() => Ok(number),
            Some(_) => Err(missing(Undefined::NotFinite)),
            None => Err(missing(Undefined::NoInstance)),
        }
    }

    /// Why no instance is live: of the first metric.
    fn why_no_instance(&self, body: &Body, graph: &Graph, scratch: &mut Scratch) -> Missing {
        let leaf = body.each.iter().find_map(|id| match graph.node(*id).op {
            Op::InstanceLeaf(aggregate, _) => Some((*id, aggregate)),
            _ => None,
        });
        let Some((origin, aggregate)) = leaf else {
            return Missing {
                reason: Undefined::NoInstance,
                origin: OWN,
            };
        };
        // The question over all instances knows whether they are stale or were never there.
        let answer = self
            .windows
            .reduced(self.plan, aggregate, Across::Count, None, self.now, None, scratch);
        Missing {
            reason: answer.err().unwrap_or(Undefined::NoInstance),
            origin,
        }
    }

    /// The answer to one aggregate for one instance. A metric of the whole task has the same answer for all.
    #[allow(clippy::too_many_arguments)] // One question, in its parts.
    fn leaf(
        &self,
        compiled: &'t Compiled,
        row: &Row<'t>,
        values: &mut Values<'t>,
        aggregate: AggregateId,
        test: Option<u32>,
        instance: InstanceId,
        scratch: &mut Scratch,
    ) -> Result<Value<'t>, Undefined> {
        let spec = self.plan.catalogue().spec(self.plan.aggregate(aggregate).metric);
        let instance = match spec.per {
            Per::Task => self
                .windows
                .live(self.plan, self.plan.aggregate(aggregate).metric, self.now)
                .next()
                .ok_or(Undefined::NoInstance)?,
            _ => instance,
        };
        let is_text = spec.kind == Kind::Event && self.plan.aggregate(aggregate).reduce == crate::metrics::Reduce::Last;
        if is_text {
            let (_, text) = self.windows.latest_text(self.plan, aggregate, instance, self.now)?;
            return Ok(Value::Text(Cow::Borrowed(text)));
        }
        let graph = &compiled.graph;
        let number = match test {
            None => self
                .windows
                .aggregate(self.plan, aggregate, instance, self.now, None, scratch)?,
            Some(test) => {
                let body = &graph.caller_tests[test as usize];
                values.compute_outside(graph, row, body);
                let mut undecided = None;
                let mut test = |sample: SampleRef<'_>| passes(graph, row, values, body, sample, &mut undecided);
                let answer = self
                    .windows
                    .aggregate(self.plan, aggregate, instance, self.now, Some(&mut test), scratch);
                match (answer, undecided) {
                    (Err(Undefined::NotAvailable), Some(missing)) => return Ok(Value::Undefined(missing)),
                    (answer, _) => answer?,
                }
            }
        };
        let truth = matches!(
            self.plan.aggregate(aggregate).reduce,
            crate::metrics::Reduce::All | crate::metrics::Reduce::Any
        );
        Ok(if truth {
            Value::Bool(number != 0.0)
        } else {
            Value::Number(number)
        })
    }
}

/// Whether a sample passes a test that only the language can make; `None` where that is undefined, and then `undecided` says why.
fn passes<'t>(
    graph: &'t Graph,
    row: &Row<'t>,
    values: &mut Values<'t>,
    body: &Body,
    sample: SampleRef<'_>,
    undecided: &mut Option<Missing>,
) -> Option<bool> {
    let value = values.element(graph, row, body, |_, id| match (sample, graph.ty(id)) {
        (SampleRef::Number(x), Type::Number(_)) => Value::Number(x),
        (SampleRef::Text(text), Type::Text) => Value::Text(Cow::Owned(text.to_owned())),
        _ => Value::Undefined(Missing {
            reason: Undefined::NotAvailable,
            origin: id,
        }),
    });
    if let Value::Undefined(missing) = value {
        undecided.get_or_insert(missing);
    }
    value.as_bool()
}
