//! The exact evaluator: small, total, three-valued. It defines what an expression means.
//!
//! The compiled program answers the usual case, in which everything is defined; whenever something is not, and whenever someone asks
//! for an explanation, this one does, and tests hold the two against each other.

use std::borrow::Cow;

use super::graph::{Body, Compare, Graph, GraphId, Input, Op, TextFn};
use super::row::Row;
use super::types::{Missing, Value};
use crate::undefined::Undefined;

/// The values of all nodes of a graph, as far as they were computed; or, [released](Values::released), only the room for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values<'t> {
    values: Vec<Option<Value<'t>>>,
    /// Nodes that wait for their operands; empty between calls.
    open: Vec<GraphId>,
}

impl<'t> Values<'t> {
    pub(crate) fn new(graph: &Graph) -> Values<'t> {
        Values {
            values: vec![None; graph.nodes.len()],
            open: Vec::new(),
        }
    }

    /// Makes room for the values of a graph, where there is none yet.
    pub(crate) fn prepare(&mut self, graph: &Graph) {
        if self.values.is_empty() {
            self.values.resize(graph.nodes.len(), None);
        }
    }

    /// Whether there is no room for values, so that none was computed.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The room that these values took, without any, to be [prepared](Self::prepare) again.
    pub(crate) fn released(mut self) -> Values<'static> {
        self.values.clear();
        Values {
            // Collecting in place: the same room, of another lifetime; the tests of allocations make sure of it.
            values: self.values.into_iter().map(|_| None).collect(),
            open: self.open,
        }
    }

    pub(crate) fn get(&self, id: GraphId) -> Option<&Value<'t>> {
        self.values.get(id.index())?.as_ref()
    }

    /// Computes those of `ids` that have no value yet; they are in order, and only need each other.
    pub(crate) fn compute(&mut self, graph: &'t Graph, row: &Row<'t>, ids: impl Iterator<Item = GraphId>) {
        for id in ids {
            if self.values[id.index()].is_none() {
                let value = self.value_of(graph, row, id);
                self.values[id.index()] = Some(value);
            }
        }
    }

    /// Computes `root`, a node of the task, and what it needs, as far as that has no value yet.
    pub(crate) fn compute_root(&mut self, graph: &'t Graph, row: &Row<'t>, root: GraphId) {
        let mut open = std::mem::take(&mut self.open);
        open.push(root);
        while let Some(&id) = open.last() {
            if self.values[id.index()].is_some() {
                open.pop();
                continue;
            }
            let before = open.len();
            let missing = |o: &GraphId| self.values[o.index()].is_none();
            open.extend(graph.node(id).op.operands().filter(missing));
            if open.len() == before {
                let value = self.value_of(graph, row, id);
                self.values[id.index()] = Some(value);
                open.pop();
            }
        }
        self.open = open;
    }

    /// Computes what a body needs from outside.
    pub(crate) fn compute_outside(&mut self, graph: &'t Graph, row: &Row<'t>, body: &Body) {
        for &id in &body.outside {
            self.compute_root(graph, row, id);
        }
    }

    /// Forgets the values of these nodes.
    pub(crate) fn forget(&mut self, ids: &[GraphId]) {
        for id in ids {
            self.values[id.index()] = None;
        }
    }

    /// The value of an element under `body`, given the values of its leaves.
    pub(crate) fn element(
        &mut self,
        graph: &'t Graph,
        row: &Row<'t>,
        body: &Body,
        mut leaf: impl FnMut(Op, GraphId) -> Value<'t>,
    ) -> Value<'t> {
        for &id in &body.each {
            let value = match graph.node(id).op {
                op @ (Op::InstanceLeaf(..) | Op::SampleLeaf(..)) => leaf(op, id),
                _ => self.value_of(graph, row, id),
            };
            self.values[id.index()] = Some(value);
        }
        self.get(body.root).cloned().unwrap_or(UNKNOWN)
    }

    fn value_of(&self, graph: &'t Graph, row: &Row<'t>, id: GraphId) -> Value<'t> {
        match graph.node(id).op {
            Op::Number(bits) => Value::Number(f64::from_bits(bits)),
            Op::Bool(b) => Value::Bool(b),
            Op::Text(index) => Value::Text(Cow::Borrowed(&graph.texts[index as usize])),
            Op::Input(index) => row.value(graph, index, id),
            op => apply(graph, op, id, |operand| {
                self.values[operand.index()].as_ref().unwrap_or(&UNKNOWN)
            }),
        }
    }
}

/// What a node that was never computed counts as. Callers compute nodes in order, so that it is not met.
const UNKNOWN: Value<'static> = Value::Undefined(Missing {
    reason: Undefined::NoAttribute,
    origin: GraphId(0),
});

/// The value of `op` over constants, where it has one.
pub(crate) fn constant(graph: &Graph, op: Op) -> Option<Value<'_>> {
    let values: Vec<(GraphId, Value<'_>)> = op
        .operands()
        .map(|o| graph.constant(o).map(|v| (o, v)))
        .collect::<Option<_>>()?;
    let value = apply(graph, op, GraphId(0), |operand| {
        values.iter().find(|v| v.0 == operand).map_or(&UNKNOWN, |v| &v.1)
    });
    Some(value)
}

/// The newest input that could have been undefined first: its own, or the node at hand for an undefined result of defined operands.
fn undefined(reason: Undefined, origin: GraphId) -> Value<'static> {
    Value::Undefined(Missing { reason, origin })
}

fn finite(result: f64, origin: GraphId, why: impl FnOnce() -> Undefined) -> Value<'static> {
    if result.is_finite() {
        Value::Number(result)
    } else {
        undefined(why(), origin)
    }
}

/// What `op` computes from the values of its operands.
fn apply<'v, 't: 'v>(graph: &'t Graph, op: Op, id: GraphId, value: impl Fn(GraphId) -> &'v Value<'t>) -> Value<'t> {
    // One operand decides alone, whether others were asked for or not.
    let is = |o: GraphId, wanted: bool| matches!(value(o), Value::Bool(b) if *b == wanted);
    let deciding = match op {
        Op::And(a, b) => [a, b].into_iter().find(|o| is(*o, false)),
        Op::Or(a, b) => [a, b].into_iter().find(|o| is(*o, true)),
        Op::Else(a, _) => Some(a).filter(|a| !matches!(value(*a), Value::Undefined(_))),
        Op::Select(c, a, b) => is(c, true).then_some(a).or(is(c, false).then_some(b)),
        _ => None,
    };
    if let Some(operand) = deciding {
        return value(operand).clone();
    }
    // Nothing can be said of what was not asked for, not even that it is missing.
    let unknown = |o: &GraphId| matches!(value(*o), Value::Undefined(m) if m.reason == Undefined::NotNeeded);
    if let Some(operand) = op.operands().find(unknown) {
        return value(operand).clone();
    }
    // An operand's undefined spreads; the first one is named.
    macro_rules! number {
        ($operand:expr) => {
            match value($operand) {
                Value::Number(x) => *x,
                Value::Undefined(missing) => return Value::Undefined(*missing),
                _ => return UNKNOWN,
            }
        };
    }
    macro_rules! text {
        ($operand:expr) => {
            match value($operand) {
                Value::Text(text) => text,
                Value::Undefined(missing) => return Value::Undefined(*missing),
                _ => return UNKNOWN,
            }
        };
    }
    match op {
        Op::Number(_) | Op::Bool(_) | Op::Text(_) | Op::Input(_) | Op::InstanceLeaf(..) | Op::SampleLeaf(..) => UNKNOWN,
        Op::Fn1(f, a) => {
            let x = number!(a);
            finite(f.apply(x), id, || f.why_undefined(x))
        }
        Op::Fn2(f, a, b) => {
            let (x, y) = (number!(a), number!(b));
            finite(f.apply(x, y), id, || f.why_undefined(x, y))
        }
        Op::Fn3(f, a, b, c) => {
            let (x, y, z) = (number!(a), number!(b), number!(c));
            finite(f.apply(x, y, z), id, || f.why_undefined(x, y, z))
        }
        Op::Not(a) => match value(a) {
            Value::Bool(b) => Value::Bool(!b),
            other => other.clone(),
        },
        // Neither decides alone.
        Op::And(a, b) => value(if is(a, true) { b } else { a }).clone(),
        Op::Or(a, b) => value(if is(a, false) { b } else { a }).clone(),
        Op::Compare(compare, a, b) => {
            let order = match (value(a), value(b)) {
                (Value::Undefined(missing), _) | (_, Value::Undefined(missing)) => return Value::Undefined(*missing),
                (Value::Number(x), Value::Number(y)) => x.partial_cmp(y),
                (Value::Bool(x), Value::Bool(y)) => Some(x.cmp(y)),
                (Value::Text(x), Value::Text(y)) => Some(x.cmp(y)),
                _ => return UNKNOWN,
            };
            Value::Bool(match compare {
                Compare::Less => order.is_some_and(std::cmp::Ordering::is_lt),
                Compare::LessEqual => order.is_some_and(std::cmp::Ordering::is_le),
                Compare::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            })
        }
        Op::Else(_, b) => value(b).clone(),
        Op::Select(c, ..) => value(c).clone(),
        Op::Defined(a) => Value::Bool(!matches!(value(a), Value::Undefined(_))),
        Op::TextTest(test, a) => Value::Bool(graph.tests[test as usize].passes(text!(a))),
        Op::TextFn(f, [a, b, c], count) => match f {
            TextFn::Len => Value::Number(text!(a).chars().count() as f64),
            TextFn::Lower => Value::Text(Cow::Owned(text!(a).to_ascii_lowercase())),
            TextFn::Upper => Value::Text(Cow::Owned(text!(a).to_ascii_uppercase())),
            TextFn::Trim => slice(text!(a), |t| Some(t.trim())).unwrap_or(UNKNOWN),
            TextFn::Number => match parse_number(text!(a)) {
                Some(x) => Value::Number(x),
                None => undefined(Undefined::NotANumber, id),
            },
            TextFn::OomKind => Value::Text(Cow::Borrowed(super::oom::kind_of(text!(a)).name())),
            TextFn::Contains => Value::Bool(text!(a).contains(&**text!(b))),
            TextFn::StartsWith => Value::Bool(text!(a).starts_with(&**text!(b))),
            TextFn::EndsWith => Value::Bool(text!(a).ends_with(&**text!(b))),
            TextFn::IndexOf | TextFn::LastIndexOf => {
                let (whole, part) = (text!(a), text!(b));
                let from = if count == 3 { Some(number!(c)) } else { None };
                match position(whole, part, from, f == TextFn::LastIndexOf) {
                    Some(index) => Value::Number(index),
                    None => undefined(Undefined::OutsideDomain, id),
                }
            }
            TextFn::Substring => {
                let whole = text!(a);
                let from = number!(b);
                let to = if count == 3 { Some(number!(c)) } else { None };
                slice(whole, |t| {
                    let start = byte_of(t, from)?;
                    let end = to.map_or(Some(t.len()), |to| byte_of(t, to))?;
                    t.get(start..end)
                })
                .unwrap_or_else(|| undefined(Undefined::OutsideDomain, id))
            }
        },
    }
}

/// A part of a text, borrowed where the text is.
fn slice<'t>(text: &Cow<'t, str>, part: impl Fn(&str) -> Option<&str>) -> Option<Value<'t>> {
    Some(Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)?),
        Cow::Owned(text) => Cow::Owned(part(text)?.to_owned()),
    }))
}

/// A number as people and labels write it; not `inf`, `nan` or anything that overflows.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|x| plain && x.is_finite())
}

/// The byte where the character with this index (from 0) begins; the end of the text is one more.
fn byte_of(text: &str, index: f64) -> Option<usize> {
    if index < 0.0 || index.fract() != 0.0 || index > text.len() as f64 {
        return None;
    }
    let index = index as usize;
    text.char_indices().map(|c| c.0).chain([text.len()]).nth(index)
}

/// The index, in characters, of the first `part` at or after `from` (or of the last one that begins at or before it); −1 where there
/// is none, `None` where `from` is outside the text.
fn position(whole: &str, part: &str, from: Option<f64>, last: bool) -> Option<f64> {
    let found = match (from, last) {
        (None, false) => whole.find(part),
        (None, true) => whole.rfind(part),
        (Some(from), false) => {
            let start = byte_of(whole, from)?;
            whole[start..].find(part).map(|at| start + at)
        }
        (Some(from), true) => {
            let start = byte_of(whole, from)?;
            let end = (start + part.len()).min(whole.len());
            // The end may lie inside a character; then no match can end there.
            let end = (end..=whole.len())
                .find(|e| whole.is_char_boundary(*e))
                .unwrap_or(whole.len());
            whole[..end]
                .rfind(part)
                .filter(|at| *at <= start)
                .or_else(|| whole[..start].rfind(part))
        }
    };
    Some(found.map_or(-1.0, |at| whole[..at].chars().count() as f64))
}

/// The input that a missing value came from, if it came from one.
pub(crate) fn input_of<'g>(graph: &'g Graph, missing: &Missing) -> Option<&'g Input> {
    match graph.nodes.get(missing.origin.index())?.op {
        Op::Input(index) => graph.inputs.get(index as usize),
        _ => None,
    }
}
