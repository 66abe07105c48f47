//! What an expression looks at.

use std::collections::BTreeSet;

use crate::lang::compile::Compiled;
use crate::lang::format::format_start;
use crate::lang::graph::{Body, GraphId, Input, Op, VariableId};
use crate::metrics::{AggregateId, Test};

/// Characters of an expression that a message shows.
const SHOWN: usize = 60;

/// What a node needs, directly and through others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub(crate) aggregates: BTreeSet<AggregateId>,
    pub(crate) variables: BTreeSet<VariableId>,
    /// The constants in it, ascending; those of tests of samples too.
    pub(crate) numbers: Vec<f64>,
}

impl Reach {
    pub(crate) fn of(compiled: &Compiled, roots: impl IntoIterator<Item = GraphId>) -> Reach {
        let graph = &compiled.graph;
        let mut reach = Reach::default();
        let mut seen = BTreeSet::new();
        let mut open: Vec<GraphId> = roots.into_iter().collect();
        let body = |body: &Body, open: &mut Vec<GraphId>| {
            open.extend(&body.outside);
            open.extend(&body.each);
            open.push(body.root);
        };
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let op = graph.node(id).op;
            match op {
                Op::Number(bits) => reach.numbers.push(f64::from_bits(bits)),
                Op::InstanceLeaf(aggregate, test) => {
                    reach.aggregates.insert(aggregate);
                    if let Some(test) = test {
                        body(&graph.caller_tests[test as usize], &mut open);
                    }
                }
                Op::Input(index) => match &graph.inputs[index as usize] {
                    Input::Variable(id) => {
                        reach.variables.insert(*id);
                    }
                    Input::Text { aggregate } => {
                        reach.aggregates.insert(*aggregate);
                    }
                    Input::Reduced { aggregate, test, .. } => {
                        reach.aggregates.insert(*aggregate);
                        if let Some(test) = test {
                            body(test, &mut open);
                        }
                    }
                    Input::EachInstance { body: each, .. } => body(each, &mut open),
                },
                _ => {}
            }
            open.extend(op.operands());
        }
        for aggregate in &reach.aggregates {
            if let Some(Test::Within { lo, hi, .. }) = &graph.aggregates[aggregate.index()].test {
                reach.numbers.extend([*lo, *hi]);
            }
        }
        reach.numbers.retain(|x| x.is_finite());
        reach.numbers.sort_by(f64::total_cmp);
        reach.numbers.dedup();
        reach
    }
}

/// How `id` is written in the expression of an output, if it is a part of it.
pub(crate) fn text_of(compiled: &Compiled, output: usize, id: GraphId) -> Option<String> {
    let definition = compiled.definition(output);
    let node = (0..definition.ast.nodes.len() as u32)
        .map(crate::lang::ast::NodeId)
        .find(|node| definition.value_of(*node) == Some(id))?;
    Some(format_start(&definition.ast, node, SHOWN))
}

/// The node of a variable, where an expression uses it.
pub(crate) fn variable(compiled: &Compiled, wanted: VariableId) -> Option<GraphId> {
    let graph = &compiled.graph;
    let index = graph
        .inputs
        .iter()
        .position(|input| matches!(input, Input::Variable(id) if *id == wanted))?;
    graph.input_nodes.get(index).copied()
}
