//! What can be said of expressions before anything is measured: which values they can have, and what follows from a condition.
//!
//! Everything here errs on one side. "Cannot be true" is said only where it is certain, from the declared ranges of metrics, the constants, and
//! the comparisons of the conditions; that expressions of the same metric depend on each other (a mean is not above the maximum) is not known
//! here. Work is bounded: what is nested or branched too deeply is given up as "anything is possible".

mod direction;
mod interval;
mod reach;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use direction::{Against, against, scalings};
pub(crate) use interval::Interval;
pub(crate) use reach::{Reach, text_of, variable};
pub(crate) use state::{State, Threshold, entails, thresholds};

use super::compile::Compiled;
use super::graph::{Compare, Graph, GraphId, Input, Op, TextFn, VariableId};
use super::types::Type;
use crate::metrics::{Across, AggregateId, MetricId, Reduce};

/// The values that each node of a graph can have.
pub(crate) struct Reason<'c> {
    pub(crate) compiled: &'c Compiled,
    values: Vec<Interval>,
}

impl<'c> Reason<'c> {
    /// `variable` says what values a variable can have.
    pub(crate) fn new(compiled: &'c Compiled, variable: impl Fn(VariableId) -> Interval) -> Reason<'c> {
        let graph = &compiled.graph;
        let mut reason = Reason {
            compiled,
            values: Vec::with_capacity(graph.nodes.len()),
        };
        // Operands come first.
        for node in &graph.nodes {
            let value = reason.forward(graph, node.op, node.ty, &variable);
            reason.values.push(value);
        }
        reason
    }

    pub(crate) fn graph(&self) -> &'c Graph {
        &self.compiled.graph
    }

    pub(crate) fn value(&self, id: GraphId) -> Interval {
        self.values.get(id.index()).copied().unwrap_or(Interval::ALL)
    }

    fn forward(&self, graph: &Graph, op: Op, ty: Type, variable: &impl Fn(VariableId) -> Interval) -> Interval {
        let of = |id: GraphId| self.value(id);
        match op {
            Op::Number(bits) => Interval::point(f64::from_bits(bits)),
            Op::Bool(b) => Interval::point(f64::from(u8::from(b))),
            Op::Input(index) => match &graph.inputs[index as usize] {
                Input::Variable(id) if matches!(ty, Type::Number(_)) => variable(*id),
                Input::Reduced { aggregate, across, .. } => over_instances(*across, self.aggregate(*aggregate)),
                Input::EachInstance { body, across } => over_instances(*across, of(body.root)),
                Input::Variable(_) | Input::Text { .. } => anything(ty),
            },
            Op::InstanceLeaf(aggregate, _) => self.aggregate(aggregate),
            Op::SampleLeaf(metric, _) => self.metric(metric),
            Op::Fn1(f, a) => interval::fn1(f, of(a)),
            Op::Fn2(f, a, b) => interval::fn2(f, of(a), of(b)),
            Op::Fn3(f, a, b, c) => interval::fn3(f, of(a), of(b), of(c)),
            Op::Not(a) => Interval::new(1.0 - of(a).hi, 1.0 - of(a).lo),
            Op::And(a, b) => Interval::new(of(a).lo.min(of(b).lo), of(a).hi.min(of(b).hi)),
            Op::Or(a, b) => Interval::new(of(a).lo.max(of(b).lo), of(a).hi.max(of(b).hi)),
            Op::Compare(compare, a, b) => {
                if matches!(graph.ty(a), Type::Number(_) | Type::Bool) {
                    let (can, cannot) = compared(compare, a == b, of(a), of(b));
                    Interval::new(f64::from(u8::from(!cannot)), f64::from(u8::from(can)))
                } else {
                    Interval::TRUTH
                }
            }
            Op::Else(a, b) => of(a).hull(of(b)),
            Op::Select(condition, a, b) => match of(condition).constant() {
                Some(1.0) => of(a),
                Some(_) => of(b),
                None => of(a).hull(of(b)),
            },
            Op::TextFn(TextFn::Len, ..) => Interval::POSITIVE,
            Op::TextFn(TextFn::IndexOf | TextFn::LastIndexOf, ..) => Interval::new(-1.0, f64::INFINITY),
            Op::Defined(_) | Op::TextTest(..) => Interval::TRUTH,
            Op::Text(_) | Op::TextFn(..) => anything(ty),
        }
    }

    /// The samples of a metric, as far as it declares a range.
    fn metric(&self, metric: MetricId) -> Interval {
        let range = self.compiled.scope.catalogue().spec(metric).range;
        range.map_or(Interval::ALL, |(lo, hi)| Interval::new(lo, hi))
    }

    fn aggregate(&self, aggregate: AggregateId) -> Interval {
        let asked = &self.graph().aggregates[aggregate.index()];
        let samples = self.metric(asked.metric);
        let width = samples.hi - samples.lo;
        match asked.reduce {
            Reduce::Avg
            | Reduce::Min
            | Reduce::Max
            | Reduce::First
            | Reduce::Last
            | Reduce::Quantile(_)
            | Reduce::Ewma(_) => samples,
            Reduce::Sum => sum(samples),
            Reduce::Stddev => Interval::new(0.0, width / 2.0),
            Reduce::Var => Interval::new(0.0, width * width / 4.0),
            Reduce::Mad | Reduce::Spread => Interval::new(0.0, width),
            Reduce::Delta | Reduce::Idelta => Interval::new(-width, width),
            Reduce::Coverage | Reduce::Share | Reduce::All | Reduce::Any => Interval::TRUTH,
            Reduce::Count
            | Reduce::Rate
            | Reduce::Increase
            | Reduce::Changes
            | Reduce::Resets
            | Reduce::Age
            | Reduce::AgeOfFirst
            | Reduce::AgeOfMin
            | Reduce::AgeOfMax
            | Reduce::ChangesProm
            | Reduce::ResetsProm => Interval::POSITIVE,
            Reduce::Irate
            | Reduce::Slope
            | Reduce::Predict(_)
            | Reduce::DoubleExponential(..)
            | Reduce::IncreaseProm
            | Reduce::RateProm
            | Reduce::DeltaProm => Interval::ALL,
        }
    }
}

fn anything(ty: Type) -> Interval {
    match ty {
        Type::Bool => Interval::TRUTH,
        _ => Interval::ALL,
    }
}

/// Of at least one number.
fn sum(each: Interval) -> Interval {
    Interval::new(
        if each.lo >= 0.0 { each.lo } else { f64::NEG_INFINITY },
        if each.hi <= 0.0 { each.hi } else { f64::INFINITY },
    )
}

fn over_instances(across: Across, each: Interval) -> Interval {
    let width = each.hi - each.lo;
    match across {
        Across::Avg | Across::Min | Across::Max | Across::Quantile(_) => each,
        Across::Sum => sum(each),
        Across::Count => Interval::POSITIVE,
        Across::Stddev => Interval::new(0.0, width / 2.0),
        Across::Var => Interval::new(0.0, width * width / 4.0),
        Across::Mad | Across::Spread => Interval::new(0.0, width),
        Across::All | Across::Any | Across::Share => Interval::TRUTH,
    }
}

/// Whether a comparison can be true, and whether it can be false.
fn compared(compare: Compare, same: bool, a: Interval, b: Interval) -> (bool, bool) {
    if same {
        let holds = compare != Compare::Less;
        return (holds, !holds);
    }
    match compare {
        Compare::Less => (a.lo < b.hi, a.hi >= b.lo),
        Compare::LessEqual => (a.lo <= b.hi, a.hi > b.lo),
        Compare::Equal => {
            let both_constant = a.constant().is_some() && a.constant() == b.constant();
            (!a.and(b).is_empty(), !both_constant)
        }
    }
}
