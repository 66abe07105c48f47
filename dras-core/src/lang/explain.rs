//! Explanations: the value of every part of one evaluation. Paid for only when asked for.

use super::ast::{Ast, BinaryOp, NodeId, NodeKind};
use super::compile::{Compiled, Definition};
use super::exact::{Values, input_of};
use super::format::{format_node, format_start, symbol};
use super::graph::{Graph, Input, Op, Place};
use super::row::Row;
use super::types::{Missing, Type, Value};
use crate::diagnostic::Span;
use crate::metrics::{AggregateId, Catalogue, Reduce, Span as WindowSpan, Window};
use crate::undefined::Undefined;
use crate::units::{Millis, Unit, display_quantity};

/// Characters of a part that are shown. The text of a whole is linear in its source; that of all parts would not be.
const SHOWN: usize = 200;

/// One part of an explained expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The part, in canonical form; a part of a whole is cut, with `…` at its end, where it is longer than 200 characters.
    pub text: String,
    /// Where it stands in the expression.
    pub span: Span,
    /// The index of the part that it belongs to; `None` for the whole.
    pub parent: Option<usize>,
    /// The type of its value.
    pub ty: Type,
    /// Its value.
    pub value: Value<'static>,
    /// Why it is undefined, in words.
    pub reason: Option<String>,
    kind: PartKind,
}

/// What a part is to a reader.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PartKind {
    Literal,
    /// A parameter, attribute or definition.
    Name,
    Comparison(BinaryOp),
    /// `&&`, `||`, `!`
    Logic,
    Other,
}

/// The value of every part of one evaluation of an expression: the whole first, each part before its own parts. Links of a chain such
/// as `a && b && c` are parts of the whole chain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Explanation {
    /// The parts.
    pub parts: Vec<Part>,
}

impl Explanation {
    pub(crate) fn of(compiled: &Compiled, output: usize, row: &Row<'_>) -> Explanation {
        let mut values = Values::new(&compiled.graph);
        let root = compiled.root_of(output);
        values.compute_root(&compiled.graph, row, root);
        Explanation::from_values(compiled, compiled.definition(output), row, &mut values)
    }

    /// The explanation of `definition`, computing what `values` does not have yet.
    pub(crate) fn from_values<'t>(
        compiled: &'t Compiled,
        definition: &'t Definition,
        row: &Row<'t>,
        values: &mut Values<'t>,
    ) -> Explanation {
        let graph = &compiled.graph;
        // A node that folding or simplifying made superfluous may need others that nothing else needs.
        for id in definition.values.iter().flatten() {
            if graph.node(*id).place == Place::Task {
                values.compute_root(graph, row, *id);
            }
        }
        let mut parts = Vec::new();
        let mut open: Vec<(NodeId, Option<usize>)> = vec![(definition.ast.root(), None)];
        while let Some((node, parent)) = open.pop() {
            let value = definition.value_of(node).and_then(|id| Some((id, values.get(id)?)));
            let mut below = parent;
            if let Some((id, value)) = value {
                let reason = match value {
                    Value::Undefined(missing) => Some(describe_missing(compiled, missing)),
                    _ => None,
                };
                parts.push(Part {
                    text: match parent {
                        None => format_node(&definition.ast, node),
                        Some(_) => format_start(&definition.ast, node, SHOWN),
                    },
                    span: definition.ast.node(node).span,
                    parent,
                    ty: graph.ty(id),
                    value: value.clone().into_owned(),
                    reason,
                    kind: kind_of(&definition.ast, node),
                });
                below = Some(parts.len() - 1);
            }
            let mut children = children_of(&definition.ast, node);
            children.reverse();
            open.extend(children.into_iter().map(|child| (child, below)));
        }
        Explanation { parts }
    }

    /// The value of the whole expression.
    pub fn value(&self) -> Option<&Value<'static>> {
        self.parts.first().map(|p| &p.value)
    }

    /// One line for each condition, or for each value that a number was computed from:
    /// `avg(cpu[5m]) = 0.91 > high (0.8) → true`.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut sides: Vec<Vec<&Part>> = vec![Vec::new(); self.parts.len()];
        for part in &self.parts {
            if let Some(parent) = part.parent {
                sides[parent].push(part);
            }
        }
        // Whether each part stands inside a comparison. Parts come after the part that they belong to.
        let mut inside: Vec<bool> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let comparison = |p: usize| inside[p] || matches!(self.parts[p].kind, PartKind::Comparison(_));
            inside.push(part.parent.is_some_and(comparison));
        }
        for (index, part) in self.parts.iter().enumerate() {
            match part.kind {
                PartKind::Comparison(op) => lines.push(Self::comparison(part, op, &sides[index])),
                PartKind::Logic | PartKind::Literal => {}
                PartKind::Name | PartKind::Other => {
                    let inside_other = part
                        .parent
                        .is_some_and(|p| matches!(self.parts[p].kind, PartKind::Other) && p != 0);
                    if !inside[index] && !inside_other {
                        lines.push(format!("{} = {}", part.text, Self::shown(part)));
                    }
                }
            }
        }
        lines.dedup();
        lines
    }

    fn shown(part: &Part) -> String {
        match &part.reason {
            Some(reason) => format!("undefined: {reason}"),
            None => part.value.display(part.ty),
        }
    }

    fn comparison(part: &Part, op: BinaryOp, sides: &[&Part]) -> String {
        let result = Self::shown(part);
        let side = |p: &Part, left: bool| match (p.kind, &p.value) {
            (PartKind::Literal, _) | (_, Value::Undefined(_)) => p.text.clone(),
            _ if left => format!("{} = {}", p.text, p.value.display(p.ty)),
            _ => format!("{} ({})", p.text, p.value.display(p.ty)),
        };
        match sides {
            [a, b] => format!("{} {} {} → {result}", side(a, true), symbol(op), side(b, false)),
            // The samples of a window have no one value.
            _ => format!("{} → {result}", part.text),
        }
    }
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.lines();
        match (self.parts.first(), lines.as_slice()) {
            (None, _) => Ok(()),
            (Some(_), [only]) => f.write_str(only),
            (Some(whole), lines) => {
                let arrow = if whole.ty == Type::Bool { "→" } else { "=" };
                write!(f, "{} {arrow} {}", whole.text, Self::shown(whole))?;
                let repeated = format!("{} = ", whole.text);
                for line in lines.iter().filter(|l| !l.starts_with(&repeated)) {
                    write!(f, "\n  {line}")?;
                }
                Ok(())
            }
        }
    }
}

impl serde::Serialize for Explanation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.parts)
    }
}

impl serde::Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut s = serializer.serialize_struct("Part", 6)?;
        s.serialize_field("text", &self.text)?;
        s.serialize_field("span", &self.span)?;
        s.serialize_field("parent", &self.parent)?;
        s.serialize_field("type", &self.ty.to_string())?;
        serialize_value(&mut s, &self.value)?;
        s.serialize_field("undefined", &self.reason)?;
        s.end()
    }
}

fn kind_of(ast: &Ast, node: NodeId) -> PartKind {
    match ast.node(node).kind {
        NodeKind::Number(..) | NodeKind::Bool(_) | NodeKind::Text(_) => PartKind::Literal,
        NodeKind::Name(_) => PartKind::Name,
        NodeKind::Binary(op, ..) => match op {
            BinaryOp::And | BinaryOp::Or => PartKind::Logic,
            BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Remainder
            | BinaryOp::Else => PartKind::Other,
            _ => PartKind::Comparison(op),
        },
        NodeKind::Unary(super::ast::UnaryOp::Not, _) => PartKind::Logic,
        _ => PartKind::Other,
    }
}

/// The precedence level of a chain's operator; links of one level are shown side by side.
fn level(op: BinaryOp) -> Option<u8> {
    match op {
        BinaryOp::Else => Some(0),
        BinaryOp::Or => Some(1),
        BinaryOp::And => Some(2),
        BinaryOp::Add | BinaryOp::Subtract => Some(4),
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => Some(5),
        _ => None,
    }
}

fn children_of(ast: &Ast, node: NodeId) -> Vec<NodeId> {
    match ast.node(node).kind {
        NodeKind::Unary(_, a) => vec![a],
        NodeKind::Binary(op, a, b) => {
            let mut children = vec![b];
            let mut left = a;
            while let NodeKind::Binary(inner, a, b) = ast.node(left).kind
                && level(op).is_some()
                && level(inner) == level(op)
            {
                children.push(b);
                left = a;
            }
            children.push(left);
            children.reverse();
            children
        }
        NodeKind::Conditional(c, a, b) => {
            let mut children = vec![c, a];
            let mut last = b;
            while let NodeKind::Conditional(c, a, b) = ast.node(last).kind {
                children.extend([c, a]);
                last = b;
            }
            children.push(last);
            children
        }
        NodeKind::Call(_, _, args) => ast.list(args).to_vec(),
        // The parts of a window are constants.
        _ => Vec::new(),
    }
}

/// Which input is missing, and why: `cpu[5m] has 3 of 20 samples, …`.
pub(crate) fn describe_missing(compiled: &Compiled, missing: &Missing) -> String {
    let graph = &compiled.graph;
    let catalogue = compiled.scope.catalogue();
    let leaf = match graph.nodes.get(missing.origin.index()).map(|node| node.op) {
        Some(Op::InstanceLeaf(aggregate, _)) => Some(describe_aggregate(graph, catalogue, aggregate)),
        Some(Op::SampleLeaf(metric, window)) => {
            Some(format!("{}{}", catalogue.spec(metric).name, display_window(&window)))
        }
        _ => None,
    };
    let subject = leaf.or_else(|| match input_of(graph, missing) {
        Some(Input::Variable(id)) => compiled.scope.variables().get(id.index()).map(|v| format!("`{}`", v.0)),
        Some(Input::Reduced { aggregate, .. } | Input::Text { aggregate }) => {
            Some(describe_aggregate(graph, catalogue, *aggregate))
        }
        Some(Input::EachInstance { body, .. }) => body.each.iter().find_map(|id| match graph.node(*id).op {
            Op::InstanceLeaf(aggregate, _) => Some(describe_aggregate(graph, catalogue, aggregate)),
            _ => None,
        }),
        None => None,
    });
    match subject {
        Some(subject) => format!("{subject}: {}", missing.reason),
        None => missing.reason.to_string(),
    }
}

fn describe_aggregate(graph: &Graph, catalogue: &Catalogue, aggregate: AggregateId) -> String {
    let aggregate = &graph.aggregates[aggregate.index()];
    let name = &catalogue.spec(aggregate.metric).name;
    let latest = aggregate.window.span == WindowSpan::Latest && matches!(aggregate.reduce, Reduce::Last);
    if latest && aggregate.window.offset == 0 {
        name.clone()
    } else {
        format!("{name}{}", display_window(&aggregate.window))
    }
}

/// What an evaluation began with: every input that the outputs need, as the author wrote it, with its value.
pub(crate) fn inputs(compiled: &Compiled, row: &Row<'_>) -> Vec<InputValue> {
    let graph = &compiled.graph;
    let mut texts: Vec<Option<String>> = vec![None; graph.inputs.len()];
    for definition in &compiled.definitions {
        for (node, value) in definition.values.iter().enumerate() {
            let Some(id) = value else { continue };
            if let Op::Input(input) = graph.node(*id).op
                && texts[input as usize].is_none()
            {
                texts[input as usize] = Some(format_node(&definition.ast, NodeId(node as u32)));
            }
        }
    }
    let mut inputs = Vec::new();
    for (index, text) in texts.into_iter().enumerate() {
        let id = graph.input_nodes[index];
        if !compiled.program.needed[index] {
            continue;
        }
        let value = row.value(graph, index as u32, id);
        let undefined = match &value {
            // What the look was not about.
            Value::Undefined(missing) if missing.reason == Undefined::NotNeeded => continue,
            Value::Undefined(missing) => Some(describe_missing(compiled, missing)),
            _ => None,
        };
        let ty = graph.ty(id);
        inputs.push(InputValue {
            text: text.unwrap_or_default(),
            ty,
            value: value.into_owned(),
            undefined,
        });
    }
    inputs
}

/// One input of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct InputValue {
    /// As the author wrote it: `avg(cpu[5m])`, `parallelism`.
    pub text: String,
    /// Its type.
    pub ty: Type,
    /// Its value.
    pub value: Value<'static>,
    /// Why it is undefined, in words.
    pub undefined: Option<String>,
}

impl serde::Serialize for InputValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut s = serializer.serialize_struct("InputValue", 4)?;
        s.serialize_field("text", &self.text)?;
        s.serialize_field("type", &self.ty.to_string())?;
        serialize_value(&mut s, &self.value)?;
        s.serialize_field("undefined", &self.undefined)?;
        s.end()
    }
}

/// The field `value`: a number, truth value or text, or null where it is undefined.
fn serialize_value<S: serde::ser::SerializeStruct>(s: &mut S, value: &Value<'_>) -> Result<(), S::Error> {
    match value {
        Value::Number(x) => s.serialize_field("value", x),
        Value::Bool(b) => s.serialize_field("value", b),
        Value::Text(text) => s.serialize_field("value", text),
        Value::Undefined(_) => s.serialize_field("value", &None::<bool>),
    }
}

/// A window as it is written: `[5m] offset 1d`.
pub(crate) fn display_window(window: &Window) -> String {
    let duration = |ms: Millis| display_quantity(ms as f64 / 1000.0, Unit::SECONDS);
    let marks = if window.across_marks { " across marks" } else { "" };
    let span = match window.span {
        WindowSpan::Latest => String::new(),
        WindowSpan::Sliding(length) => format!("[{}{marks}]", duration(length)),
        WindowSpan::Current(length) => format!("[current {}{marks}]", duration(length)),
        WindowSpan::Previous(length) => format!("[previous {}{marks}]", duration(length)),
        WindowSpan::Last { count, max_age } => format!("[{count} samples in {}{marks}]", duration(max_age)),
    };
    if window.offset == 0 {
        span
    } else {
        format!("{span} offset {}", duration(window.offset))
    }
}
