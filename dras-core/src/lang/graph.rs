//! The checked form of all expressions of a document: one graph, equal sub-expressions once, constants folded.
//!
//! Nodes stand in the order of evaluation (operands first), so that evaluating, walking and dropping it are loops. Types and units are
//! already checked; nothing in here can fail.

use std::collections::{BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact;
use super::types::{Type, Value};
use crate::metrics::{Across, Aggregate, AggregateId, MetricId, Reduce, Test, TextTest, TextTestKind, Window};

/// The index of a node in its [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GraphId(pub(crate) u32);

impl GraphId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A variable that the caller sets: an attribute of the task, or a name of a stand-alone expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub(crate) u16);

impl VariableId {
    /// The index.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The index of an [`Input`] in its graph.
pub(crate) type InputIndex = u32;

/// What has a value before evaluation begins.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Set by the caller.
    Variable(VariableId),
    /// One question about each series of a metric, reduced over the instances.
    Reduced {
        aggregate: AggregateId,
        across: Across,
        test: Option<Body>,
    },
    /// The newest text of an event metric in the aggregate's window.
    Text { aggregate: AggregateId },
    /// An expression over each instance, reduced over the instances.
    EachInstance { body: Body, across: Across },
}

/// Nodes that are evaluated once for each instance or sample, and the nodes outside that they need first.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Nodes of the task that `each` uses directly; what those need is not listed, so that bodies over a long chain of definitions stay
    /// small.
    pub(crate) outside: Vec<GraphId>,
    /// Evaluated for each element, in order.
    pub(crate) each: Vec<GraphId>,
    /// The result for an element.
    pub(crate) root: GraphId,
}

/// What kinds of values a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Compare {
    Less,
    LessEqual,
    Equal,
}

/// Functions of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TextFn {
    Len,
    Lower,
    Upper,
    Trim,
    Number,
    OomKind,
    Contains,
    StartsWith,
    EndsWith,
    IndexOf,
    LastIndexOf,
    Substring,
}

/// What a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A number, by its bits.
    Number(u64),
    Bool(bool),
    /// A literal text.
    Text(u32),
    /// The value of an input.
    Input(InputIndex),
    /// An aggregate of the instance at hand, with the index of its test where that is one of [`Graph::caller_tests`].
    InstanceLeaf(AggregateId, Option<u32>),
    /// The sample at hand of this metric and window.
    SampleLeaf(MetricId, Window),
    Fn1(Fn1, GraphId),
    Fn2(Fn2, GraphId, GraphId),
    Fn3(Fn3, GraphId, GraphId, GraphId),
    Not(GraphId),
    And(GraphId, GraphId),
    Or(GraphId, GraphId),
    Compare(Compare, GraphId, GraphId),
    Else(GraphId, GraphId),
    Select(GraphId, GraphId, GraphId),
    Defined(GraphId),
    /// A test compiled with the rule.
    TextTest(u32, GraphId),
    /// Up to three operands; unused ones repeat the first.
    TextFn(TextFn, [GraphId; 3], u8),
}

impl Op {
    /// The operands, in order.
    pub(crate) fn operands(&self) -> impl Iterator<Item = GraphId> {
        let none = GraphId(0);
        let (list, count) = match *self {
            Op::Number(_) | Op::Bool(_) | Op::Text(_) | Op::Input(_) | Op::InstanceLeaf(..) | Op::SampleLeaf(..) => {
                ([none; 3], 0)
            }
            Op::Fn1(_, a) | Op::Not(a) | Op::Defined(a) | Op::TextTest(_, a) => ([a, none, none], 1),
            Op::Fn2(_, a, b) | Op::And(a, b) | Op::Or(a, b) | Op::Compare(_, a, b) | Op::Else(a, b) => {
                ([a, b, none], 2)
            }
            Op::Fn3(_, a, b, c) | Op::Select(a, b, c) => ([a, b, c], 3),
            Op::TextFn(_, operands, count) => (operands, usize::from(count)),
        };
        list.into_iter().take(count)
    }
}

/// Where a node can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Once for the task.
    Task,
    /// For each instance.
    Instance,
    /// For each sample.
    Sample,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct GraphNode {
    pub(crate) op: Op,
    pub(crate) ty: Type,
    pub(crate) place: Place,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<GraphNode>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) input_nodes: Vec<GraphId>,
    pub(crate) texts: Vec<Box<str>>,
    pub(crate) tests: Vec<TextTest>,
    pub(crate) aggregates: Vec<Aggregate>,
    /// Tests of samples that are more than a comparison with a constant.
    pub(crate) caller_tests: Vec<Body>,
    known: HashMap<Op, GraphId>,
    known_texts: HashMap<Box<str>, u32>,
    known_tests: HashMap<String, u32>,
    known_inputs: HashMap<InputKey, GraphId>,
    known_aggregates: HashMap<AggregateKey, AggregateId>,
    known_caller_tests: HashMap<GraphId, u32>,
    /// Bytes that the compiled patterns take, as far as they are accounted for.
    pub(crate) pattern_bytes: usize,
}

type AcrossKey = (Discriminant<Across>, u64);

/// What makes two inputs the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum InputKey {
    Variable(VariableId),
    /// With the root of the caller's test.
    Reduced(AggregateId, AcrossKey, Option<GraphId>),
    Text(AggregateId),
    EachInstance(GraphId, AcrossKey),
}

impl InputKey {
    fn of(input: &Input) -> InputKey {
        match input {
            Input::Variable(id) => InputKey::Variable(*id),
            Input::Reduced {
                aggregate,
                across,
                test,
            } => InputKey::Reduced(*aggregate, across_key(*across), test.as_ref().map(|body| body.root)),
            Input::Text { aggregate } => InputKey::Text(*aggregate),
            Input::EachInstance { body, across } => InputKey::EachInstance(body.root, across_key(*across)),
        }
    }
}

fn across_key(across: Across) -> AcrossKey {
    let setting = match across {
        Across::Quantile(q) => q.to_bits(),
        _ => 0,
    };
    (discriminant(&across), setting)
}

/// What makes two aggregates the same. The tests of the caller are told apart by whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AggregateKey(MetricId, Window, Discriminant<Reduce>, [u64; 2], TestKey);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum TestKey {
    None,
    Within(u64, u64, bool),
    Text(String),
    Caller,
}

impl AggregateKey {
    fn of(aggregate: &Aggregate) -> AggregateKey {
        let settings = match aggregate.reduce {
            Reduce::Quantile(q) => [q.to_bits(), 0],
            Reduce::Predict(ms) | Reduce::Ewma(ms) => [ms as u64, 0],
            Reduce::DoubleExponential(smoothing, trend) => [smoothing.to_bits(), trend.to_bits()],
            _ => [0, 0],
        };
        let test = match &aggregate.test {
            None => TestKey::None,
            Some(Test::Within { lo, hi, negate }) => TestKey::Within(lo.to_bits(), hi.to_bits(), *negate),
            Some(Test::Text(test)) => TestKey::Text(test.key()),
            Some(Test::Caller) => TestKey::Caller,
        };
        AggregateKey(
            aggregate.metric,
            aggregate.window,
            discriminant(&aggregate.reduce),
            settings,
            test,
        )
    }
}

impl Graph {
    pub(crate) fn node(&self, id: GraphId) -> &GraphNode {
        &self.nodes[id.index()]
    }

    pub(crate) fn ty(&self, id: GraphId) -> Type {
        self.node(id).ty
    }

    /// The constant that `id` is, if it is one.
    pub(crate) fn constant(&self, id: GraphId) -> Option<Value<'_>> {
        match self.node(id).op {
            Op::Number(bits) => Some(Value::Number(f64::from_bits(bits))),
            Op::Bool(b) => Some(Value::Bool(b)),
            Op::Text(index) => Some(Value::Text(std::borrow::Cow::Borrowed(&self.texts[index as usize]))),
            _ => None,
        }
    }

    pub(crate) fn number(&mut self, value: f64, ty: Type) -> GraphId {
        // Units are checked before nodes are made, so a constant may serve for several units; but display needs the right one.
        self.insert(Op::Number(value.to_bits()), ty, Place::Task)
    }

    pub(crate) fn bool(&mut self, value: bool) -> GraphId {
        self.insert(Op::Bool(value), Type::Bool, Place::Task)
    }

    pub(crate) fn text(&mut self, text: &str) -> GraphId {
        let next = self.texts.len() as u32;
        let index = *self.known_texts.entry(text.into()).or_insert(next);
        if index == next {
            self.texts.push(text.into());
        }
        self.insert(Op::Text(index), Type::Text, Place::Task)
    }

    pub(crate) fn test(&mut self, test: TextTest) -> u32 {
        let next = self.tests.len() as u32;
        let index = *self.known_tests.entry(test.key()).or_insert(next);
        if index == next {
            self.tests.push(test);
        }
        index
    }

    /// The test that `pattern` was compiled to before.
    pub(crate) fn known_pattern(&self, pattern: &str) -> Option<TextTestKind> {
        let key = TextTest::pattern_key(pattern);
        self.known_tests
            .get(&key)
            .map(|index| self.tests[*index as usize].kind.clone())
    }

    /// Whether an aggregate is asked for already.
    pub(crate) fn knows(&self, aggregate: &Aggregate) -> bool {
        self.known_aggregates.contains_key(&AggregateKey::of(aggregate))
    }

    /// The metric that an aggregate is about.
    pub(crate) fn metric(&self, aggregate: AggregateId) -> MetricId {
        self.aggregates[aggregate.index()].metric
    }

    pub(crate) fn aggregate(&mut self, aggregate: Aggregate) -> AggregateId {
        let next = AggregateId(self.aggregates.len() as u32);
        let id = *self
            .known_aggregates
            .entry(AggregateKey::of(&aggregate))
            .or_insert(next);
        if id == next {
            self.aggregates.push(aggregate);
        }
        id
    }

    /// The index of a test of samples that only the language can make.
    pub(crate) fn caller_test(&mut self, root: GraphId) -> u32 {
        let next = self.caller_tests.len() as u32;
        let index = *self.known_caller_tests.entry(root).or_insert(next);
        if index == next {
            let body = self.body(root);
            self.caller_tests.push(body);
        }
        index
    }

    /// A node for `input`; equal inputs share one.
    pub(crate) fn input(&mut self, input: Input, ty: Type) -> GraphId {
        let key = InputKey::of(&input);
        if let Some(id) = self.known_inputs.get(&key) {
            return *id;
        }
        let id = self.insert(Op::Input(self.inputs.len() as u32), ty, Place::Task);
        self.inputs.push(input);
        self.input_nodes.push(id);
        self.known_inputs.insert(key, id);
        id
    }

    /// A node for `op`, folded or simplified where that is the same for every input, undefined ones included.
    pub(crate) fn add(&mut self, op: Op, ty: Type) -> GraphId {
        if let Some(same) = self.simplified(op) {
            return same;
        }
        let place = op.operands().map(|o| self.node(o).place).max().unwrap_or(match op {
            Op::InstanceLeaf(..) => Place::Instance,
            Op::SampleLeaf(..) => Place::Sample,
            _ => Place::Task,
        });
        let all_constant = op.operands().next().is_some() && op.operands().all(|o| self.constant(o).is_some());
        if all_constant {
            match exact::constant(self, op) {
                Some(Value::Number(x)) => return self.number(x, ty),
                Some(Value::Bool(b)) => return self.bool(b),
                Some(Value::Text(text)) => {
                    let text = text.into_owned();
                    return self.text(&text);
                }
                // Undefined for every input: stays as it is, so that evaluation reports the reason.
                Some(Value::Undefined(_)) | None => {}
            }
        }
        self.insert(op, ty, place)
    }

    fn insert(&mut self, op: Op, ty: Type, place: Place) -> GraphId {
        if let Some(&id) = self.known.get(&op)
            && self.ty(id) == ty
        {
            return id;
        }
        let id = GraphId(self.nodes.len() as u32);
        self.nodes.push(GraphNode { op, ty, place });
        self.known.insert(op, id);
        id
    }

    /// Laws that hold in Kleene's logic, where `x` may be undefined.
    fn simplified(&mut self, op: Op) -> Option<GraphId> {
        let known = |graph: &Graph, id: GraphId| match graph.node(id).op {
            Op::Bool(b) => Some(b),
            _ => None,
        };
        match op {
            Op::And(a, b) => match (known(self, a), known(self, b)) {
                (Some(false), _) | (_, Some(false)) => Some(self.bool(false)),
                (Some(true), _) => Some(b),
                (_, Some(true)) => Some(a),
                _ if a == b => Some(a),
                _ => None,
            },
            Op::Or(a, b) => match (known(self, a), known(self, b)) {
                (Some(true), _) | (_, Some(true)) => Some(self.bool(true)),
                (Some(false), _) => Some(b),
                (_, Some(false)) => Some(a),
                _ if a == b => Some(a),
                _ => None,
            },
            Op::Not(a) => match self.node(a).op {
                Op::Not(inner) => Some(inner),
                _ => None,
            },
            Op::Select(c, a, b) => known(self, c).map(|c| if c { a } else { b }),
            // A constant is defined; folding has already replaced those that are.
            Op::Else(a, _) if self.constant(a).is_some() => Some(a),
            Op::Defined(a) if self.constant(a).is_some() => Some(self.bool(true)),
            _ => None,
        }
    }

    /// The nodes of `root` that are evaluated for each element, and those at the border to the task.
    pub(crate) fn body(&self, root: GraphId) -> Body {
        let mut seen = BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if self.node(id).place == Place::Task {
                continue;
            }
            for operand in self.node(id).op.operands() {
                if seen.insert(operand) {
                    open.push(operand);
                }
            }
        }
        let (outside, each) = seen.into_iter().partition(|id| self.node(*id).place == Place::Task);
        Body { outside, each, root }
    }

    /// All nodes of the task that `roots` need, in order.
    pub(crate) fn in_order(&self, roots: impl Iterator<Item = GraphId>) -> Vec<GraphId> {
        let needed = self.needed(roots, false);
        let ids = (0..self.nodes.len() as u32).map(GraphId);
        ids.filter(|id| needed[id.index()] && self.node(*id).place == Place::Task)
            .collect()
    }

    /// Which nodes the given roots need; with `bodies` also those that are needed to answer their inputs.
    pub(crate) fn needed(&self, roots: impl Iterator<Item = GraphId>, bodies: bool) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for root in roots {
            needed[root.index()] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if !needed[index] {
                continue;
            }
            for operand in self.nodes[index].op.operands() {
                needed[operand.index()] = true;
            }
            let Op::Input(input) = self.nodes[index].op else {
                continue;
            };
            if !bodies {
                continue;
            }
            match &self.inputs[input as usize] {
                Input::Reduced { test: Some(body), .. } => body.outside.iter().for_each(|id| needed[id.index()] = true),
                Input::EachInstance { body, .. } => {
                    for id in &body.outside {
                        needed[id.index()] = true;
                    }
                    for id in &body.each {
                        if let Op::InstanceLeaf(_, Some(test)) = self.node(*id).op {
                            let outside = &self.caller_tests[test as usize].outside;
                            for id in outside {
                                needed[id.index()] = true;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        needed
    }
}
