//! Checking: names, types, units and shapes of a syntax tree, and its translation into the graph.
//!
//! Three loops over the tree's nodes, none of them recursive:
//! 1. bottom up: which nodes are ranges (many samples of each series);
//! 2. top down: where instances are wanted one by one (inside `max(…)` over instances) and where one number is;
//! 3. bottom up: names, types and units, with every error reported once.

mod calls;
mod operators;
mod windows;

use std::collections::BTreeSet;

use super::ast::{Ast, BinaryOp, NodeId, NodeKind, UnaryOp};
use super::compile::{Definition, ExpressionId};
use super::functions::{self, FUNCTIONS};
use super::graph::{Graph, GraphId, Input, Op, Place};
use super::limits::Limits;
use super::scope::{Constant, Meaning, Scope};
use super::types::Type;
use crate::diagnostic::{Code, Diagnostic, Severity, Span, codes, did_you_mean};
use crate::metrics::{MetricId, Window};

/// What the place where an expression stands needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any one value.
    Anything,
    /// A truth value.
    Condition,
    /// A number of this type's unit.
    Value(Type),
    /// A number of any unit.
    AnyNumber,
}

/// What is known of a node after checking.
#[derive(Debug, Clone, Copy)]
enum Checked {
    /// An error was reported; whoever uses the node stays silent.
    Error,
    /// A value, at the task's, an instance's or a sample's place.
    Value(GraphId),
    /// A metric with a window, not yet reduced; `range` where the author wrote a window.
    Series {
        metric: MetricId,
        window: Window,
        range: bool,
    },
    /// The right side of `in`, checked by its operator.
    List,
}

/// How a node's value is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// One for the task: metrics collapse by their declared reducer.
    One,
    /// One for each instance.
    Each,
}

/// The result of checking one expression.
pub(super) struct Outcome {
    /// The root, unless there were errors.
    pub(super) root: Option<GraphId>,
    /// The value of each tree node, where it has one of its own.
    pub(super) values: Vec<Option<GraphId>>,
}

pub(super) struct Checker<'a> {
    pub(super) ast: &'a Ast,
    pub(super) scope: &'a Scope,
    pub(super) graph: &'a mut Graph,
    pub(super) definitions: &'a [Definition],
    pub(super) limits: &'a Limits,
    pub(super) used: &'a mut BTreeSet<String>,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    /// How many errors and warnings of this text were found, by the parser too.
    errors: usize,
    warnings: usize,
    /// Whether it was said that there are too many windows.
    too_many_windows: bool,
    checked: Vec<Checked>,
    wants: Vec<Want>,
    ranges: Vec<bool>,
    values: Vec<Option<GraphId>>,
    /// The series of each node at a sample's place; two of them cannot be mixed.
    series: Vec<Option<(MetricId, Window)>>,
}

impl<'a> Checker<'a> {
    #[expect(clippy::too_many_arguments, reason = "made in one place, of what that place owns")]
    pub(super) fn new(
        ast: &'a Ast,
        scope: &'a Scope,
        graph: &'a mut Graph,
        definitions: &'a [Definition],
        limits: &'a Limits,
        used: &'a mut BTreeSet<String>,
        diagnostics: &'a mut Vec<Diagnostic>,
        syntax_errors: usize,
    ) -> Checker<'a> {
        let count = ast.nodes.len();
        Checker {
            errors: syntax_errors,
            warnings: 0,
            too_many_windows: false,
            ast,
            scope,
            graph,
            definitions,
            limits,
            used,
            diagnostics,
            checked: Vec::with_capacity(count),
            wants: vec![Want::One; count],
            ranges: Vec::with_capacity(count),
            values: vec![None; count],
            series: vec![None; count],
        }
    }

    pub(super) fn check(mut self, expected: Expected) -> Outcome {
        let before = self.errors;
        self.find_ranges();
        self.find_wants();
        for index in 0..self.ast.nodes.len() {
            let id = NodeId(index as u32);
            let checked = if self.is_full() { Checked::Error } else { self.node(id) };
            self.checked.push(checked);
        }
        let root = self.root(expected);
        Outcome {
            root: root.filter(|_| self.errors == before && !self.is_full()),
            values: self.values,
        }
    }

    /// Whether as many errors were found as are reported.
    fn is_full(&self) -> bool {
        self.errors >= self.limits.max_errors.max(1)
    }

    /// Adds a diagnostic, as far as there is room for it.
    fn report(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning | Severity::Info => &mut self.warnings,
        };
        if *count < self.limits.max_errors.max(1) {
            self.diagnostics.push(diagnostic);
        }
        *count += 1;
    }

    fn find_ranges(&mut self) {
        for node in &self.ast.nodes {
            let range = |id: &NodeId| self.ranges[id.index()];
            let is_range = match &node.kind {
                NodeKind::Window { .. } => true,
                NodeKind::Offset(of, _) => range(of),
                NodeKind::Unary(_, a) => range(a),
                NodeKind::Binary(_, a, b) => range(a) || range(b),
                NodeKind::Conditional(c, a, b) => range(c) || range(a) || range(b),
                // A function of texts or numbers of samples is one value for each sample; a reducer is one value.
                NodeKind::Call(name, _, args) => {
                    let reducer = functions::find(self.ast.text(*name))
                        .is_none_or(|f| matches!(f.kind, functions::FunctionKind::Reducer(_)));
                    !reducer && self.ast.list(*args).iter().any(range)
                }
                _ => false,
            };
            self.ranges.push(is_range);
        }
    }

    fn find_wants(&mut self) {
        for index in (0..self.ast.nodes.len()).rev() {
            let want = self.wants[index];
            let mut give = |id: NodeId, want: Want| self.wants[id.index()] = want;
            match self.ast.nodes[index].kind {
                NodeKind::Unary(_, a) | NodeKind::Offset(a, _) => give(a, want),
                NodeKind::Binary(_, a, b) => {
                    give(a, want);
                    give(b, want);
                }
                NodeKind::Conditional(c, a, b) => {
                    give(c, want);
                    give(a, want);
                    give(b, want);
                }
                NodeKind::Call(name, _, args) => {
                    let args = self.ast.list(args);
                    let reducer = functions::find(self.ast.text(name)).and_then(calls::reducer_of);
                    for (position, &arg) in args.iter().enumerate() {
                        let inner = match reducer {
                            None => want,
                            // `min(a, b)` compares values; `min(x)` reduces instances.
                            Some(r) if calls::is_n_ary(r, args.len()) => want,
                            Some(r) if position == calls::subject_position(r) && !self.ranges[arg.index()] => {
                                Want::Each
                            }
                            Some(_) => Want::One,
                        };
                        give(arg, inner);
                    }
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, id: NodeId) -> Checked {
        let node = *self.ast.node(id);
        match node.kind {
            NodeKind::Error => Checked::Error,
            NodeKind::Number(value, unit) => {
                let value = self.graph.number(value, Type::Number(unit));
                self.value(id, value)
            }
            NodeKind::Bool(b) => {
                let value = self.graph.bool(b);
                self.value(id, value)
            }
            NodeKind::Text(index) => {
                let value = self.graph.text(self.ast.text(index));
                self.value(id, value)
            }
            NodeKind::Name(index) => self.name(id, index),
            NodeKind::Unary(op, operand) => self.unary(id, op, operand),
            NodeKind::Binary(op, a, b) => self.binary(id, op, a, b),
            NodeKind::Conditional(c, a, b) => self.conditional(id, c, a, b),
            NodeKind::Call(name, span, args) => self.call(id, name, span, args),
            NodeKind::Window {
                of,
                window,
                across_marks,
            } => self.window(id, of, window, across_marks),
            NodeKind::Offset(of, by) => self.offset(id, of, by),
            NodeKind::List(_) => Checked::List,
        }
    }

    fn name(&mut self, id: NodeId, index: u32) -> Checked {
        let name = self.ast.text(index);
        let Some(meaning) = self.scope.get(name) else {
            self.unknown_name(id, name);
            return Checked::Error;
        };
        self.used.insert(name.to_owned());
        match meaning {
            Meaning::Variable(variable, ty) => {
                let value = self.graph.input(Input::Variable(*variable), *ty);
                self.value(id, value)
            }
            Meaning::Constant(constant) => {
                let value = match constant {
                    Constant::Number(x, unit) => self.graph.number(*x, Type::Number(*unit)),
                    Constant::Bool(b) => self.graph.bool(*b),
                    Constant::Text(text) => self.graph.text(text),
                };
                self.value(id, value)
            }
            Meaning::Metric(metric) => Checked::Series {
                metric: *metric,
                window: Window::latest(),
                range: false,
            },
            Meaning::Definition(ExpressionId(index)) => {
                match self.definitions.get(*index as usize).and_then(|d| d.root) {
                    Some(root) => self.value(id, root),
                    None => Checked::Error,
                }
            }
        }
    }

    fn unknown_name(&mut self, id: NodeId, name: &str) {
        let diagnostic = if let Some(function) = functions::find(name) {
            self.error(codes::FUNCTION_AS_VALUE, id, format!("`{name}` is a function"))
                .label("its arguments are missing")
                .help(format!("call it: {}", functions::calls(function)))
        } else {
            let diagnostic = self
                .error(codes::UNKNOWN_NAME, id, format!("unknown name `{name}`"))
                .label("not a metric, attribute, parameter or definition");
            match did_you_mean(name, self.scope.names()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(self.known_names()),
            }
        };
        self.report(diagnostic);
    }

    fn known_names(&self) -> String {
        const SHOWN: usize = 12;
        let names: Vec<String> = self.scope.names().take(SHOWN).map(|n| format!("`{n}`")).collect();
        match (names.is_empty(), self.scope.names().nth(SHOWN)) {
            (true, _) => "there are no names here: declare metrics, attributes or parameters".to_owned(),
            (false, None) => format!("known here: {}", names.join(", ")),
            (false, Some(_)) => format!("known here: {}, …", names.join(", ")),
        }
    }

    pub(super) fn unknown_function(&mut self, name: &str, span: Span) {
        let diagnostic = match self.scope.get(name) {
            Some(Meaning::Metric(_)) => Diagnostic::new(
                codes::VALUE_AS_FUNCTION,
                span,
                format!("`{name}` is a metric, not a function"),
            )
            .label("not a function")
            .help(format!("write a window in square brackets: `{name}[5m]`")),
            Some(_) => Diagnostic::new(
                codes::VALUE_AS_FUNCTION,
                span,
                format!("`{name}` is a value, not a function"),
            )
            .label("not a function")
            .help("write the name without round brackets"),
            None => {
                let diagnostic = Diagnostic::new(codes::UNKNOWN_FUNCTION, span, format!("unknown function `{name}`"))
                    .label("no such function");
                match functions::called_elsewhere(name) {
                    Some(ours) => diagnostic.help(format!("here it is {ours}")),
                    None => match did_you_mean(name, FUNCTIONS.iter().map(|f| f.name)).and_then(functions::find) {
                        Some(near) => diagnostic.help(format!("did you mean {}?", functions::calls(near))),
                        None => diagnostic.help("the language reference lists every function"),
                    },
                }
            }
        };
        self.report(diagnostic);
    }

    /// Checks what the root is used for.
    fn root(&mut self, expected: Expected) -> Option<GraphId> {
        let root = self.ast.root();
        if matches!(self.checked[root.index()], Checked::List) {
            let d = self.error(codes::BAD_LIST, root, "a list is not a value".to_owned());
            self.report(d.help("lists stand on the right of `in`: `task_type in ['sql', 'cep']`"));
            return None;
        }
        let value = self.one(root)?;
        let ty = self.graph.ty(value);
        match expected {
            Expected::Anything => {}
            Expected::Condition if ty == Type::Bool => self.warn_constant_condition(root, value),
            Expected::Condition => {
                let d = self.error(
                    codes::NOT_A_CONDITION,
                    root,
                    format!("a condition is needed, and this is {}", ty.describe()),
                );
                self.report(d.label("not true or false").help(self.as_condition(root, ty)));
                return None;
            }
            Expected::AnyNumber if matches!(ty, Type::Number(_)) => {}
            Expected::AnyNumber => {
                let d = self.error(
                    codes::TYPE_MISMATCH,
                    root,
                    format!("a number is needed here, and this is {}", ty.describe()),
                );
                self.report(d);
                return None;
            }
            Expected::Value(wanted) if ty == wanted => {}
            Expected::Value(Type::Number(_)) if self.is_literal_zero(root) => {}
            Expected::Value(wanted) => {
                let code = match (wanted, ty) {
                    (Type::Number(_), Type::Number(_)) => codes::UNIT_MISMATCH,
                    _ => codes::TYPE_MISMATCH,
                };
                let d = self.error(
                    code,
                    root,
                    format!("{} is needed here, and this is {}", wanted.describe(), ty.describe()),
                );
                let rewritten = wanted.unit().and_then(|unit| self.with_unit(root, unit));
                self.report(match rewritten {
                    Some(help) => d.help(help),
                    None => d,
                });
                return None;
            }
        }
        Some(value)
    }

    fn as_condition(&self, id: NodeId, ty: Type) -> String {
        let text = self.text_of(id);
        match ty {
            Type::Number(_) if self.is_loose(id) => format!("compare it: `({text}) > …`"),
            Type::Number(_) => format!("compare it: `{text} > …`"),
            _ if self.is_loose(id) => format!("compare it: `({text}) == '…'`"),
            _ => format!("compare it: `{text} == '…'`"),
        }
    }

    /// Whether a comparison would bind more tightly than the node's own operator.
    fn is_loose(&self, id: NodeId) -> bool {
        matches!(
            self.ast.node(id).kind,
            NodeKind::Conditional(..) | NodeKind::Binary(BinaryOp::Else, ..)
        )
    }

    fn warn_constant_condition(&mut self, root: NodeId, value: GraphId) {
        let (code, what) = match self.graph.node(value).op {
            Op::Bool(true) => (codes::ALWAYS_TRUE, "this condition is always true"),
            Op::Bool(false) => (codes::ALWAYS_FALSE, "this condition is always false"),
            _ => return,
        };
        // A rule that says `true` or `false` says so on purpose.
        if !matches!(self.ast.node(root).kind, NodeKind::Bool(_)) {
            let d = self.error(code, root, what.to_owned());
            self.report(d.help("it does not depend on anything that is measured"));
        }
    }

    // What the parts share.

    fn value(&mut self, id: NodeId, value: GraphId) -> Checked {
        self.values[id.index()] = Some(value);
        Checked::Value(value)
    }

    /// Adds a node to the graph for tree node `id`.
    fn make(&mut self, id: NodeId, op: Op, ty: Type) -> Checked {
        let value = self.graph.add(op, ty);
        let undefined_for_ever = op.operands().next().is_some()
            && op.operands().all(|o| self.graph.constant(o).is_some())
            && self.graph.constant(value).is_none();
        if undefined_for_ever {
            let text = self.text_of(id);
            let d = self.error(
                codes::ALWAYS_UNDEFINED,
                id,
                format!("`{text}` is undefined, whatever is measured"),
            );
            self.report(d.help("it divides by zero, overflows, or leaves a function's domain"));
        }
        self.value(id, value)
    }

    /// The value of a child, as its parent wants it: metrics become what one series, or all of them, say. `None` after an error.
    fn operand(&mut self, id: NodeId) -> Option<GraphId> {
        match self.checked[id.index()] {
            Checked::Value(value) => Some(value),
            Checked::Series { metric, window, range } => {
                let value = self.resolve(id, metric, window, range)?;
                self.values[id.index()] = Some(value);
                self.checked[id.index()] = Checked::Value(value);
                Some(value)
            }
            Checked::Error => None,
            Checked::List => {
                let d = self.error(codes::BAD_LIST, id, "a list is not a value".to_owned());
                self.report(d.help("lists stand on the right of `in`: `task_type in ['sql', 'cep']`"));
                self.checked[id.index()] = Checked::Error;
                None
            }
        }
    }

    /// The same where samples cannot stand: everywhere but in comparisons, logic and functions of texts.
    fn one(&mut self, id: NodeId) -> Option<GraphId> {
        let value = self.operand(id)?;
        if self.graph.node(value).place == Place::Sample {
            self.range_as_value(id);
            self.checked[id.index()] = Checked::Error;
            return None;
        }
        Some(value)
    }

    fn range_as_value(&mut self, id: NodeId) {
        let text = self.text_of(id);
        let events = self.series[id.index()].is_some_and(|s| self.sample_type(s.0) == Type::Text);
        let help = match self.ast.node(id).kind {
            NodeKind::Window { .. } | NodeKind::Offset(..) if events => {
                format!("count the texts or match them: `count({text}) > 0`, `any({text} =~ 'OutOfMemoryError')`")
            }
            _ if events => format!("test the texts: `any({text})`, `count({text}) > 0`"),
            NodeKind::Binary(op, a, b)
                if is_comparison(op) && matches!(self.ast.node(a).kind, NodeKind::Window { .. }) =>
            {
                let (a, b) = (self.text_of(a), self.text_of(b));
                format!("write `avg({a}) {} {b}` or `all({text})`", super::format::symbol(op))
            }
            NodeKind::Window { .. } | NodeKind::Offset(..) => {
                format!("reduce it over time: `avg({text})`, `max({text})`")
            }
            _ => format!("test the samples: `all({text})`, `any({text})`, `share({text}) > 90%`"),
        };
        let d = self.error(
            codes::RANGE_AS_VALUE,
            id,
            format!("`{text}` holds many samples where one value is needed"),
        );
        self.report(d.label("many samples").help(help));
    }

    /// Notes which series the samples of `id` come from; an error where they come from two.
    fn join_series(&mut self, id: NodeId, operands: &[NodeId]) -> bool {
        let mut joined: Option<(MetricId, Window)> = None;
        for operand in operands {
            let Some(series) = self.series[operand.index()] else {
                continue;
            };
            if joined.is_some_and(|j| j != series) {
                let d = self
                    .error(
                        codes::TWO_RANGES,
                        id,
                        "samples of two different windows do not line up".to_owned(),
                    )
                    .label("two windows")
                    .help("reduce one of them over time first, e.g. `avg(…)`");
                self.report(d);
                return false;
            }
            joined = Some(series);
        }
        self.series[id.index()] = joined;
        true
    }

    fn error(&self, code: Code, id: NodeId, message: String) -> Diagnostic {
        Diagnostic::new(code, self.ast.node(id).span, message)
    }

    /// The canonical text of a part of the tree, cut where it is long.
    fn text_of(&self, id: NodeId) -> String {
        const SHOWN: usize = 80;
        super::format::format_start(self.ast, id, SHOWN)
    }

    fn is_literal_zero(&self, id: NodeId) -> bool {
        match self.ast.node(id).kind {
            NodeKind::Number(value, unit) => value == 0.0 && unit.is_number(),
            NodeKind::Unary(UnaryOp::Minus, inner) => {
                matches!(self.ast.node(inner).kind, NodeKind::Number(v, u) if v == 0.0 && u.is_number())
            }
            _ => false,
        }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual
            | BinaryOp::Matches
            | BinaryOp::MatchesNot
            | BinaryOp::In
    )
}
