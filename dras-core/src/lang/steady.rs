//! The inputs of expressions while nothing moves: every sample of a metric, on every instance and at all times, is the same number.

use super::compile::Compiled;
use super::exact::Values;
use super::graph::{Body, Input, Op};
use super::row::{OWN, Row};
use super::types::{Missing, Type, Value};
use crate::metrics::{Across, AggregateId, MetricId, Reduce, Test};
use crate::undefined::Undefined;

/// A task whose metrics stand still.
pub(crate) trait Steady {
    /// What each sample of a metric is, in seconds, bytes or plain numbers; `None` where the metric is not measured.
    fn value(&self, metric: MetricId) -> Option<f64>;
    /// How many instances of the metric there are; at least one.
    fn instances(&self, metric: MetricId) -> u32;
}

/// Answers every input that the program needs and the caller did not set, as windows full of such samples would. Variables come first: set
/// them before. What depends on more than the value, such as how many samples a window holds, is undefined.
pub(crate) fn fill<'t>(steady: &dyn Steady, compiled: &'t Compiled, row: &mut Row<'t>) {
    let mut values: Option<Values<'t>> = None;
    for (index, input) in compiled.graph.inputs.iter().enumerate() {
        if !compiled.program.needed[index] {
            continue;
        }
        let answer = match input {
            Input::Variable(_) => continue,
            Input::Text { .. } => None,
            Input::Reduced {
                aggregate,
                across,
                test,
            } => {
                let values = values.get_or_insert_with(|| Values::new(&compiled.graph));
                let metric = compiled.graph.aggregates[aggregate.index()].metric;
                series(steady, compiled, row, values, *aggregate, test.as_ref())
                    .and_then(|x| over_instances(*across, x, steady.instances(metric)))
            }
            Input::EachInstance { body, across } => {
                let values = values.get_or_insert_with(|| Values::new(&compiled.graph));
                each_instance(steady, compiled, row, values, body).and_then(|(x, n)| over_instances(*across, x, n))
            }
        };
        match answer {
            Some(number) => row.put_number(index as u32, number),
            None => row.put_undefined(
                index as u32,
                Missing {
                    reason: Undefined::NoSample,
                    origin: OWN,
                },
            ),
        }
    }
}

/// What an expression over the instances comes to for each of them, and how many there are.
fn each_instance<'t>(
    steady: &dyn Steady,
    compiled: &'t Compiled,
    row: &Row<'t>,
    values: &mut Values<'t>,
    body: &Body,
) -> Option<(f64, u32)> {
    let graph = &compiled.graph;
    values.compute_outside(graph, row, body);
    let mut answers = Vec::new();
    let mut instances = 1;
    for id in &body.each {
        if let Op::InstanceLeaf(aggregate, test) = graph.node(*id).op {
            instances = instances.max(steady.instances(graph.aggregates[aggregate.index()].metric));
            let test = test.map(|test| &graph.caller_tests[test as usize]);
            answers.push(series(steady, compiled, row, values, aggregate, test));
        }
    }
    let mut answers = answers.into_iter();
    let value = values.element(graph, row, body, |_, id| {
        match (answers.next().flatten(), graph.ty(id)) {
            (Some(x), Type::Bool) => Value::Bool(x != 0.0),
            (Some(x), _) => Value::Number(x),
            (None, _) => Value::Undefined(Missing {
                reason: Undefined::NoSample,
                origin: id,
            }),
        }
    });
    match value {
        Value::Number(x) => Some((x, instances)),
        Value::Bool(b) => Some((f64::from(u8::from(b)), instances)),
        _ => None,
    }
}

/// The answer to one question about one series.
fn series<'t>(
    steady: &dyn Steady,
    compiled: &'t Compiled,
    row: &Row<'t>,
    values: &mut Values<'t>,
    aggregate: AggregateId,
    caller: Option<&Body>,
) -> Option<f64> {
    let graph = &compiled.graph;
    let asked = &graph.aggregates[aggregate.index()];
    let value = steady.value(asked.metric)?;
    let mut passes = || match (&asked.test, caller) {
        (Some(Test::Within { lo, hi, negate }), _) => Some((*lo <= value && value <= *hi) != *negate),
        (Some(Test::Caller), Some(body)) => {
            values.compute_outside(graph, row, body);
            values.element(graph, row, body, |_, _| Value::Number(value)).as_bool()
        }
        _ => None,
    };
    match asked.reduce {
        Reduce::Avg
        | Reduce::Min
        | Reduce::Max
        | Reduce::First
        | Reduce::Last
        | Reduce::Quantile(_)
        | Reduce::Predict(_)
        | Reduce::Ewma(_)
        | Reduce::DoubleExponential(..) => Some(value),
        Reduce::Stddev
        | Reduce::Var
        | Reduce::Mad
        | Reduce::Spread
        | Reduce::Delta
        | Reduce::Changes
        | Reduce::Idelta
        | Reduce::Slope
        | Reduce::DeltaProm
        | Reduce::ChangesProm => Some(0.0),
        Reduce::Coverage => Some(1.0),
        Reduce::All | Reduce::Any | Reduce::Share => passes().map(|p| f64::from(u8::from(p))),
        // How many samples there are and how old the last one is depends on when they were taken; counters do not stand still.
        Reduce::Sum
        | Reduce::Count
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::Rate
        | Reduce::Increase
        | Reduce::Resets
        | Reduce::Irate
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::ResetsProm => None,
    }
}

/// The same number on `instances` instances, as one.
fn over_instances(across: Across, x: f64, instances: u32) -> Option<f64> {
    let n = f64::from(instances.max(1));
    let answer = match across {
        Across::Avg | Across::Min | Across::Max | Across::Quantile(_) | Across::All | Across::Any | Across::Share => x,
        Across::Sum => x * n,
        Across::Count => n,
        Across::Stddev | Across::Var | Across::Mad | Across::Spread => 0.0,
    };
    answer.is_finite().then_some(answer)
}
