//! Filling a row from the windows of a task.

use std::borrow::Cow;
use std::mem::discriminant;

use super::compile::Compiled;
use super::exact::Values;
use super::graph::{Body, Graph, GraphId, Input, Op};
use super::kleene::{Element, Kleene, Registers};
use super::row::{OWN, Row};
use super::types::{Missing, Type, Value};
use crate::metrics::{
    Across, AggregateId, InstanceId, Kind, Moment, Per, Plan, Reduce, SampleRef, Scratch, Windows, kernels,
};
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
        let mut space = Space {
            scratch: std::mem::take(scratch),
            ..Space::default()
        };
        self.answer(compiled, compiled.kleene(), row, &mut Values::default(), &mut space);
        *scratch = space.scratch;
    }

    /// Answers the inputs of an evaluator, into a row and the evaluator's registers. Variables come first: set them before.
    pub(crate) fn answer(
        &self,
        compiled: &'t Compiled,
        kleene: &'t Kleene,
        row: &mut Row<'t>,
        values: &mut Values<'t>,
        space: &mut Space,
    ) {
        let graph = &compiled.graph;
        let Space {
            scratch,
            registers,
            vector,
            ..
        } = space;
        kleene.begin(registers);
        let mut answering = Answering {
            look: *self,
            compiled,
            kleene,
            moment: self.windows.at(self.plan, self.now, scratch),
            values,
            registers,
            vector,
        };
        for &index in kleene.inputs() {
            let answer = match &graph.inputs[index as usize] {
                Input::Variable(_) => {
                    Kleene::take(graph, row, index, answering.registers);
                    continue;
                }
                Input::Reduced {
                    aggregate,
                    across,
                    test: None,
                } => {
                    let expected = self.expected(*aggregate);
                    let answer = answering.moment.reduced(*aggregate, *across, expected, None);
                    answer.map_err(|reason| Missing { reason, origin: OWN })
                }
                Input::Reduced {
                    aggregate,
                    across,
                    test: Some(body),
                } => answering.reduced(row, *aggregate, *across, body),
                Input::Text { aggregate } => match self.newest_text(*aggregate) {
                    Ok(text) => {
                        row.put_text(index, text);
                        Kleene::take(graph, row, index, answering.registers);
                        continue;
                    }
                    Err(reason) => Err(Missing { reason, origin: OWN }),
                },
                Input::EachInstance { body, across } => answering.each_instance(
                    row,
                    body,
                    kleene.element(index),
                    graph.input_nodes[index as usize],
                    *across,
                ),
            };
            match answer {
                Ok(number) => row.put_number(index, number),
                Err(missing) => row.put_undefined(index, missing),
            }
            Kleene::take(graph, row, index, answering.registers);
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
}

/// Space for evaluations, kept between them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Space {
    pub(crate) scratch: Scratch,
    pub(crate) registers: Registers,
    /// Empty, but for its space.
    pub(crate) values: Values<'static>,
    vector: Vector,
}

/// Space for a value over instances.
#[derive(Debug, Clone, Default)]
struct Vector {
    instances: Vec<InstanceId>,
    numbers: Vec<f64>,
    /// The leaves that are undefined for the instance at hand, and why.
    undefined: Vec<(GraphId, Missing)>,
    work: Vec<f64>,
}

/// Inputs being answered.
struct Answering<'t, 's> {
    look: Look<'t>,
    compiled: &'t Compiled,
    kleene: &'t Kleene,
    moment: Moment<'t, 's>,
    values: &'s mut Values<'t>,
    registers: &'s mut Registers,
    vector: &'s mut Vector,
}

impl<'t> Answering<'t, '_> {
    /// An aggregate with a test that only the language can make.
    fn reduced(&mut self, row: &Row<'t>, aggregate: AggregateId, across: Across, body: &Body) -> Result<f64, Missing> {
        let (graph, values) = (&self.compiled.graph, &mut *self.values);
        let mut undecided = None;
        let mut test = |sample: SampleRef<'_>| passes(graph, row, values, body, sample, &mut undecided);
        let expected = self.look.expected(aggregate);
        let answer = self.moment.reduced(aggregate, across, expected, Some(&mut test));
        answer.map_err(|reason| match (reason, undecided) {
            (Undefined::NotAvailable, Some(missing)) => missing,
            _ => Missing { reason, origin: OWN },
        })
    }

    fn each_instance(
        &mut self,
        row: &Row<'t>,
        body: &Body,
        element: Option<&Element>,
        input: GraphId,
        across: Across,
    ) -> Result<f64, Missing> {
        let graph = &self.compiled.graph;
        let plan = self.look.plan;
        let leaves = || {
            body.each.iter().filter_map(|id| match graph.node(*id).op {
                Op::InstanceLeaf(aggregate, _) => Some(aggregate),
                _ => None,
            })
        };
        let metric_of = |leaf: AggregateId| plan.aggregate(leaf).metric;
        // Metrics of the whole task say the same of every instance; they have instances of their own only where no other metric has.
        let of_task = |leaf: AggregateId| plan.catalogue().spec(metric_of(leaf)).per == Per::Task;
        let only_of_task = leaves().all(of_task);
        let mut instances = std::mem::take(&mut self.vector.instances);
        instances.clear();
        let (mut expected, mut metrics) = (0_u32, 0);
        for (at, leaf) in leaves().enumerate().filter(|(_, leaf)| only_of_task || !of_task(*leaf)) {
            expected = expected.max(self.look.expected(leaf).unwrap_or(0));
            // Once for each metric.
            let before = leaves().take(at).filter(|other| only_of_task || !of_task(*other));
            if !before.map(metric_of).any(|metric| metric == metric_of(leaf)) {
                self.moment.live(leaf, &mut instances);
                metrics += 1;
            }
        }
        if metrics > 1 {
            let windows = self.look.windows;
            instances.sort_unstable_by_key(|id| windows.instance_name(*id));
            instances.dedup();
        }
        if only_of_task && leaves().nth(1).is_some() {
            instances.truncate(1);
        }
        let expected = expected.max(instances.len() as u32);
        if !instances.is_empty() {
            // What the body needs from outside.
            self.kleene
                .compute_before(graph, row, input, self.values, self.registers);
            if element.is_none() {
                self.values.prepare(graph);
                self.values.compute_outside(graph, row, body);
            }
        }

        let mut numbers = std::mem::take(&mut self.vector.numbers);
        numbers.clear();
        let mut failure: Option<Missing> = None;
        let mut alike = true;
        for &instance in &instances {
            let value = match element {
                Some(element) => self.element(row, element, instance),
                None => self.element_with_texts(row, body, instance),
            };
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
        let enough = f64::from(have) >= f64::from(expected) * plan.settings().min_instances && have > 0;
        let missing = |reason| Missing { reason, origin: OWN };
        let result = if enough {
            match kernels::across(across, &numbers, &mut self.vector.work) {
                Some(number) if number.is_finite() => Ok(number),
                Some(_) => Err(missing(Undefined::NotFinite)),
                None => Err(missing(Undefined::NoInstance)),
            }
        } else {
            Err(match failure {
                Some(missing) if have == 0 && alike => missing,
                None if have == 0 => self.why_no_instance(body),
                _ => Missing {
                    reason: Undefined::Instances { have, expected },
                    origin: failure.map_or(OWN, |f| f.origin),
                },
            })
        };
        (self.vector.instances, self.vector.numbers) = (instances, numbers);
        result
    }

    /// The value for an instance.
    fn element(&mut self, row: &Row<'t>, element: &Element, instance: InstanceId) -> Value<'t> {
        let graph = &self.compiled.graph;
        self.vector.undefined.clear();
        for &leaf in &element.leaves {
            let Op::InstanceLeaf(aggregate, test) = graph.node(leaf).op else {
                continue;
            };
            let answer = self.leaf(row, aggregate, test, instance);
            let answer = answer.unwrap_or_else(|reason| Value::Undefined(Missing { reason, origin: leaf }));
            if let (false, Value::Undefined(missing)) = (self.registers.set_leaf(leaf, &answer), answer) {
                self.vector.undefined.push((leaf, missing));
            }
        }
        let value = element.value(self.registers);
        if !value.is_nan() {
            return Value::Number(value);
        }
        let undefined = &self.vector.undefined;
        let why = |leaf| undefined.iter().find(|u| u.0 == leaf).map(|u| u.1);
        Value::Undefined(self.registers.why(graph, row, self.values, value, why))
    }

    /// The same where texts are part of it.
    fn element_with_texts(&mut self, row: &Row<'t>, body: &Body, instance: InstanceId) -> Value<'t> {
        let graph = &self.compiled.graph;
        let mut answers: Vec<Result<Value<'t>, Undefined>> = Vec::new();
        for id in &body.each {
            if let Op::InstanceLeaf(aggregate, test) = graph.node(*id).op {
                answers.push(self.leaf(row, aggregate, test, instance));
            }
        }
        // The leaves are asked for in the same order.
        let mut next = answers.into_iter();
        self.values.element(graph, row, body, |_, id| match next.next() {
            Some(Ok(value)) => value,
            Some(Err(reason)) => Value::Undefined(Missing { reason, origin: id }),
            None => Value::Undefined(Missing {
                reason: Undefined::NoSample,
                origin: id,
            }),
        })
    }

    /// Why no instance is live: of the first metric.
    fn why_no_instance(&mut self, body: &Body) -> Missing {
        let leaf = body.each.iter().find_map(|id| match self.compiled.graph.node(*id).op {
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
        let answer = self.moment.reduced(aggregate, Across::Count, None, None);
        Missing {
            reason: answer.err().unwrap_or(Undefined::NoInstance),
            origin,
        }
    }

    /// The answer to one aggregate for one instance. A metric of the whole task has the same answer for all.
    fn leaf(
        &mut self,
        row: &Row<'t>,
        aggregate: AggregateId,
        test: Option<u32>,
        instance: InstanceId,
    ) -> Result<Value<'t>, Undefined> {
        let Look { plan, windows, now, .. } = self.look;
        let asked = plan.aggregate(aggregate);
        let spec = plan.catalogue().spec(asked.metric);
        let instance = match spec.per {
            Per::Task => windows
                .live(plan, asked.metric, now)
                .next()
                .ok_or(Undefined::NoInstance)?,
            _ => instance,
        };
        if spec.kind == Kind::Event && asked.reduce == Reduce::Last {
            let (_, text) = windows.latest_text(plan, aggregate, instance, now)?;
            return Ok(Value::Text(Cow::Borrowed(text)));
        }
        let graph = &self.compiled.graph;
        let number = match test {
            None => self.moment.aggregate(aggregate, instance, None)?,
            Some(test) => {
                let (body, values) = (&graph.caller_tests[test as usize], &mut *self.values);
                let mut undecided = None;
                let mut test = |sample: SampleRef<'_>| passes(graph, row, values, body, sample, &mut undecided);
                match (self.moment.aggregate(aggregate, instance, Some(&mut test)), undecided) {
                    (Err(Undefined::NotAvailable), Some(missing)) => return Ok(Value::Undefined(missing)),
                    (answer, _) => answer?,
                }
            }
        };
        Ok(match asked.reduce {
            Reduce::All | Reduce::Any => Value::Bool(number != 0.0),
            _ => Value::Number(number),
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
    // Nothing is computed for windows without samples.
    values.prepare(graph);
    values.compute_outside(graph, row, body);
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
