//! Filling a row from the windows of a task.

use std::borrow::Cow;
use std::mem::discriminant;

use super::compile::Compiled;
use super::demand::{Demand, Machine, Stretch};
use super::exact::Values;
use super::graph::{Body, Graph, GraphId, Input};
use super::kleene::{Ask, Kleene, Leaf, Over, Place, Registers, Step};
use super::row::{OWN, Row};
use super::types::{Missing, Type, Value};
use crate::metrics::{
    Across, AggregateId, InstanceId, Kind, Moment, Plan, Reduce, SampleRef, Scratch, Windows, kernels,
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
        kleene.begin(&mut space.registers);
        let mut answering = self.answering(compiled, kleene, values, space);
        for &place in kleene.variables() {
            answering.registers.take(row, place);
        }
        for (place, ask) in kleene.asked() {
            answering.ask(row, *place, ask);
        }
    }

    /// Computes the conditions in these stretches, and asks for what decides them: see [`demand`](super::demand). Variables come first: set them
    /// before.
    pub(crate) fn answer_on_demand<'s>(
        &self,
        compiled: &'t Compiled,
        (kleene, demand): (&'t Kleene, &'t Demand),
        stretches: impl Iterator<Item = &'s Stretch>,
        row: &mut Row<'t>,
        values: &mut Values<'t>,
        space: &mut Space,
    ) {
        kleene.begin_pending(&mut space.registers);
        let answering = self.answering(compiled, kleene, values, space);
        for &place in kleene.variables() {
            answering.registers.take(row, place);
        }
        let mut running = Running { answering, row };
        for stretch in stretches {
            demand.run(stretch, &mut running);
        }
    }

    /// Answers the inputs that were not asked for on demand.
    pub(crate) fn answer_rest(
        &self,
        compiled: &'t Compiled,
        kleene: &'t Kleene,
        row: &mut Row<'t>,
        values: &mut Values<'t>,
        space: &mut Space,
    ) {
        Kleene::begin_rest(&mut space.registers);
        let mut answering = self.answering(compiled, kleene, values, space);
        for (place, ask) in kleene.asked() {
            if answering.registers.is_pending(place.node) {
                answering.ask(row, *place, ask);
            }
        }
    }

    fn answering<'s>(
        &self,
        compiled: &'t Compiled,
        kleene: &'t Kleene,
        values: &'s mut Values<'t>,
        space: &'s mut Space,
    ) -> Answering<'t, 's> {
        let Space {
            scratch,
            registers,
            vector,
            ..
        } = space;
        Answering {
            look: *self,
            compiled,
            kleene,
            moment: self.windows.at(self.plan, self.now, scratch),
            values,
            registers,
            vector,
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

/// Code that asks for what it needs, being run.
struct Running<'t, 's, 'r> {
    answering: Answering<'t, 's>,
    row: &'r mut Row<'t>,
}

impl Machine for Running<'_, '_, '_> {
    #[inline(always)]
    fn registers(&mut self) -> &mut Registers {
        self.answering.registers
    }

    #[inline(always)]
    fn compute(&mut self, step: &Step) -> f64 {
        let Answering {
            compiled,
            values,
            registers,
            ..
        } = &mut self.answering;
        step.run(&compiled.graph, self.row, values, registers.of_nodes())
    }

    #[inline(always)]
    fn ask(&mut self, index: u32) {
        let (place, ask) = &self.answering.kleene.asked()[index as usize];
        if self.answering.registers.is_pending(place.node) {
            self.answering.ask(self.row, *place, ask);
        }
    }
}

impl<'t> Answering<'t, '_> {
    /// Answers one input, into the row and its register.
    fn ask(&mut self, row: &mut Row<'t>, place: Place, ask: &Ask) {
        let own = |reason| Missing { reason, origin: OWN };
        let task_managers = self.look.task_managers;
        let answer = match ask {
            Ask::Reduced {
                aggregate,
                across,
                expects,
            } => {
                let expected = expects.count(task_managers);
                match self.moment.reduced(*aggregate, *across, expected, None) {
                    Ok(number) => row.put_number(place.input, number),
                    Err(reason) => row.put_undefined(place.input, own(reason)),
                }
                return self.registers.take(row, place);
            }
            Ask::Tested {
                aggregate,
                across,
                expects,
            } => match &self.compiled.graph.inputs[place.input as usize] {
                Input::Reduced { test: Some(body), .. } => {
                    self.reduced(row, *aggregate, *across, expects.count(task_managers), body)
                }
                _ => return,
            },
            Ask::Text { aggregate } => match self.look.newest_text(*aggregate) {
                Ok(text) => {
                    row.put_text(place.input, text);
                    return self.registers.take(row, place);
                }
                Err(reason) => Err(own(reason)),
            },
            Ask::Over { over, across } => self.over(row, place, over, *across),
        };
        match answer {
            Ok(number) => row.put_number(place.input, number),
            Err(missing) => row.put_undefined(place.input, missing),
        }
        self.registers.take(row, place);
    }

    /// An aggregate with a test that only the language can make.
    fn reduced(
        &mut self,
        row: &Row<'t>,
        aggregate: AggregateId,
        across: Across,
        expected: Option<u32>,
        body: &Body,
    ) -> Result<f64, Missing> {
        let (graph, values) = (&self.compiled.graph, &mut *self.values);
        let mut undecided = None;
        let mut test = |sample: SampleRef<'_>| passes(graph, row, values, body, sample, &mut undecided);
        let answer = self.moment.reduced(aggregate, across, expected, Some(&mut test));
        answer.map_err(|reason| match (reason, undecided) {
            (Undefined::NotAvailable, Some(missing)) => missing,
            _ => Missing { reason, origin: OWN },
        })
    }

    /// An expression over instances.
    fn over(&mut self, row: &Row<'t>, place: Place, over: &Over, across: Across) -> Result<f64, Missing> {
        let graph = &self.compiled.graph;
        let mut instances = std::mem::take(&mut self.vector.instances);
        instances.clear();
        for leaf in &over.live {
            self.moment.live(*leaf, &mut instances);
        }
        if over.live.len() > 1 && instances.len() > 1 {
            let windows = self.look.windows;
            instances.sort_unstable_by_key(|id| windows.instance_name(*id));
            instances.dedup();
        }
        if over.one {
            instances.truncate(1);
        }
        let expected = over
            .expects
            .iter()
            .filter_map(|e| e.count(self.look.task_managers))
            .max();
        let expected = expected.unwrap_or(0).max(instances.len() as u32);
        if !instances.is_empty() {
            // What an element needs from outside.
            self.kleene
                .compute_before(graph, row, place.node, self.values, self.registers);
        }

        let mut numbers = std::mem::take(&mut self.vector.numbers);
        numbers.clear();
        let mut failure: Option<Missing> = None;
        let mut alike = true;
        for &instance in &instances {
            let value = if over.has_texts {
                self.element_with_texts(row, place, over, instance)
            } else {
                self.element(row, over, instance)
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
        let min_instances = self.look.plan.settings().min_instances;
        let enough = f64::from(have) >= f64::from(expected) * min_instances && have > 0;
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
                None if have == 0 => self.why_no_instance(over),
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
    fn element(&mut self, row: &Row<'t>, over: &Over, instance: InstanceId) -> Value<'t> {
        self.vector.undefined.clear();
        for leaf in &over.leaves {
            let answer = self.leaf(row, *leaf, instance);
            let own = |reason| {
                Value::Undefined(Missing {
                    reason,
                    origin: leaf.id,
                })
            };
            let answer = answer.unwrap_or_else(own);
            if let (false, Value::Undefined(missing)) = (self.registers.set_leaf(leaf.id, &answer), answer) {
                self.vector.undefined.push((leaf.id, missing));
            }
        }
        let value = over.value(self.registers);
        if !value.is_nan() {
            return Value::Number(value);
        }
        let undefined = &self.vector.undefined;
        let why = |leaf| undefined.iter().find(|u| u.0 == leaf).map(|u| u.1);
        let missing = self.registers.why(&self.compiled.graph, row, self.values, value, why);
        Value::Undefined(missing)
    }

    /// The same where texts are part of it.
    fn element_with_texts(&mut self, row: &Row<'t>, place: Place, over: &Over, instance: InstanceId) -> Value<'t> {
        let graph = &self.compiled.graph;
        let Input::EachInstance { body, .. } = &graph.inputs[place.input as usize] else {
            return Value::Undefined(Missing {
                reason: Undefined::NotAvailable,
                origin: place.node,
            });
        };
        let answers = over.leaves.iter().map(|leaf| self.leaf(row, *leaf, instance));
        let answers: Vec<Result<Value<'t>, Undefined>> = answers.collect();
        self.values.prepare(graph);
        self.values.compute_outside(graph, row, body);
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
    fn why_no_instance(&mut self, over: &Over) -> Missing {
        let Some(leaf) = over.leaves.first() else {
            return Missing {
                reason: Undefined::NoInstance,
                origin: OWN,
            };
        };
        // The question over all instances knows whether they are stale or were never there.
        let answer = self.moment.reduced(leaf.aggregate, Across::Count, None, None);
        Missing {
            reason: answer.err().unwrap_or(Undefined::NoInstance),
            origin: leaf.id,
        }
    }

    /// The answer to one aggregate for one instance. A metric of the whole task has the same answer for all.
    fn leaf(&mut self, row: &Row<'t>, leaf: Leaf, instance: InstanceId) -> Result<Value<'t>, Undefined> {
        let Look { plan, windows, now, .. } = self.look;
        let Leaf { aggregate, test, .. } = leaf;
        let asked = plan.aggregate(aggregate);
        let instance = if leaf.of_task {
            windows
                .live(plan, asked.metric, now)
                .next()
                .ok_or(Undefined::NoInstance)?
        } else {
            instance
        };
        if asked.reduce == Reduce::Last && plan.catalogue().spec(asked.metric).kind == Kind::Event {
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
