//! The whole graph in registers, with what is undefined.
//!
//! [The program](super::program) answers where everything is there. A document of many rules hardly ever has everything: a metric is not
//! scraped, there was no exception whose age could be asked for. This is the evaluator for then. It means what [the exact one](super::exact) means,
//! node by node, in one pass over registers of eight bytes: an undefined value is a NaN that names the node where it began, from which the reason
//! is worked out when somebody asks. Texts, but for plain comparisons, are left to the exact evaluator.
//!
//! Two stretches of steps: what is needed at every look, and what is needed only when a rule acts.

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact::Values;
use super::graph::{Body, Compare, Graph, GraphId, Input, InputIndex, Op, Place};
use super::program::functions;
use super::row::Row;
use super::types::{Missing, Type, Value};
use crate::undefined::Undefined;

/// The NaNs that stand for undefined values: the lower half names the node.
const UNDEFINED: u64 = 0x7ffc_0000_0000_0000;

/// The register of a value that was undefined first at `node`.
#[inline(always)]
fn undefined(node: u32) -> f64 {
    f64::from_bits(UNDEFINED | u64::from(node))
}

/// The node where an undefined value began.
fn began(register: f64) -> GraphId {
    GraphId(register.to_bits() as u32)
}

/// The register of a truth value.
#[inline(always)]
fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// The registers of one evaluation, one for each node. Kept between evaluations of the same graph.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registers {
    of_nodes: Vec<f64>,
    /// How many steps of the first stretch are done.
    done: usize,
}

/// One node.
#[derive(Debug, Clone, Copy)]
struct Step {
    does: Does,
    into: u32,
    /// Those that are not taken repeat the first.
    from: [u32; 3],
}

/// Steps of every function, and of everything else.
macro_rules! define_does {
    ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
        /// What a step does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Does {
            $($one,)* $($two,)* $($three,)*
            Not, And, Or, Less, LessEqual, Equal, Else, Select, Defined,
            /// A compiled test of a text.
            TextTest(u16),
            /// Two texts compared.
            Texts(Compare),
            /// Whatever else is about texts.
            Exact,
        }

        impl From<Fn1> for Does {
            fn from(f: Fn1) -> Does {
                match f { $(Fn1::$one => Does::$one,)* }
            }
        }

        impl From<Fn2> for Does {
            fn from(f: Fn2) -> Does {
                match f { $(Fn2::$two => Does::$two,)* }
            }
        }

        impl From<Fn3> for Does {
            fn from(f: Fn3) -> Does {
                match f { $(Fn3::$three => Does::$three,)* }
            }
        }

        impl Step {
            /// The value of a step that needs no texts.
            #[inline(always)]
            fn value(&self, of_nodes: &[f64]) -> Option<f64> {
                let [a, b, c] = self.from.map(|node| of_nodes[node as usize]);
                Some(match self.does {
                    $(Does::$one => self.number([a], Fn1::$one.apply(a)),)*
                    $(Does::$two => self.number([a, b], Fn2::$two.apply(a, b)),)*
                    $(Does::$three => self.number([a, b, c], Fn3::$three.apply(a, b, c)),)*
                    Does::Not => if a.is_nan() { a } else { 1.0 - a },
                    Does::And => match () {
                        () if a == 0.0 || b == 0.0 => 0.0,
                        () if a == 1.0 => b,
                        () => a,
                    },
                    Does::Or => match () {
                        () if a == 1.0 || b == 1.0 => 1.0,
                        () if a == 0.0 => b,
                        () => a,
                    },
                    Does::Less => first_undefined([a, b]).unwrap_or(truth(a < b)),
                    Does::LessEqual => first_undefined([a, b]).unwrap_or(truth(a <= b)),
                    Does::Equal => first_undefined([a, b]).unwrap_or(truth(a == b)),
                    Does::Else => if a.is_nan() { b } else { a },
                    Does::Select => match () {
                        () if a == 1.0 => b,
                        () if a == 0.0 => c,
                        () => a,
                    },
                    Does::Defined => truth(!a.is_nan()),
                    Does::TextTest(_) | Does::Texts(_) | Does::Exact => return None,
                })
            }
        }
    };
}
functions!(define_does);

/// The first of these that is undefined.
#[inline(always)]
fn first_undefined<const N: usize>(operands: [f64; N]) -> Option<f64> {
    operands.into_iter().find(|x| x.is_nan())
}

impl Step {
    /// The value of a function: undefined as its first operand that is, or for a reason of its own.
    #[inline(always)]
    fn number<const N: usize>(&self, operands: [f64; N], result: f64) -> f64 {
        match first_undefined(operands) {
            Some(undefined) => undefined,
            None if result.is_finite() => result,
            None => undefined(self.into),
        }
    }

    fn new(graph: &Graph, id: GraphId) -> Step {
        let op = graph.node(id).op;
        let textual = |o: GraphId| graph.ty(o) == Type::Text;
        // A text that is there without any computation.
        let plain = |o: GraphId| matches!(graph.node(o).op, Op::Text(_) | Op::Input(_));
        let does = match op {
            _ if graph.ty(id) == Type::Text => Does::Exact,
            Op::TextTest(test, a) if plain(a) => u16::try_from(test).map_or(Does::Exact, Does::TextTest),
            Op::Compare(compare, a, b) if textual(a) && textual(b) && plain(a) && plain(b) => Does::Texts(compare),
            Op::Defined(a) if textual(a) && plain(a) => Does::Defined,
            _ if op.operands().any(textual) => Does::Exact,
            Op::Fn1(f, _) => f.into(),
            Op::Fn2(f, ..) => f.into(),
            Op::Fn3(f, ..) => f.into(),
            Op::Not(_) => Does::Not,
            Op::And(..) => Does::And,
            Op::Or(..) => Does::Or,
            Op::Compare(Compare::Less, ..) => Does::Less,
            Op::Compare(Compare::LessEqual, ..) => Does::LessEqual,
            Op::Compare(Compare::Equal, ..) => Does::Equal,
            Op::Else(..) => Does::Else,
            Op::Select(..) => Does::Select,
            Op::Defined(_) => Does::Defined,
            // Leaves are no steps.
            _ => Does::Exact,
        };
        let mut operands = op.operands().map(|o| o.0);
        let first = operands.next().unwrap_or(id.0);
        let second = operands.next().unwrap_or(first);
        let third = operands.next().unwrap_or(first);
        Step {
            does,
            into: id.0,
            from: [first, second, third],
        }
    }
}

/// How a value over instances comes about, where no texts are part of it.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    /// What is asked of each instance, in order.
    pub(crate) leaves: Vec<GraphId>,
    steps: Vec<Step>,
    root: GraphId,
}

impl Element {
    fn new(graph: &Graph, body: &Body) -> Option<Element> {
        let mut leaves = Vec::new();
        let mut steps = Vec::new();
        for &id in &body.each {
            match graph.node(id).op {
                Op::InstanceLeaf(..) if graph.ty(id) != Type::Text => leaves.push(id),
                Op::InstanceLeaf(..) | Op::SampleLeaf(..) => return None,
                _ => steps.push(Step::new(graph, id)),
            }
        }
        let texts = |step: &Step| matches!(step.does, Does::TextTest(_) | Does::Texts(_) | Does::Exact);
        (!steps.iter().any(texts)).then_some(Element {
            leaves,
            steps,
            root: body.root,
        })
    }

    /// The value for an instance; the leaves are set.
    pub(crate) fn value(&self, registers: &mut Registers) -> f64 {
        for step in &self.steps {
            if let Some(value) = step.value(&registers.of_nodes) {
                registers.of_nodes[step.into as usize] = value;
            }
        }
        registers.of_nodes[self.root.index()]
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Kleene {
    /// The registers to begin with: constants.
    start: Vec<f64>,
    /// The inputs that are answered, in order.
    inputs: Vec<InputIndex>,
    /// What every evaluation needs, in order.
    first: Vec<Step>,
    /// What else the outputs need.
    rest: Vec<Step>,
    /// For each input that is an expression over instances, how an element of it comes about.
    elements: Vec<Option<Element>>,
}

impl Kleene {
    /// The evaluator of `outputs`, of which `always` are wanted at every evaluation.
    pub(crate) fn new(graph: &Graph, outputs: &[GraphId], always: &[GraphId]) -> Kleene {
        let needed = graph.needed(outputs.iter().copied(), true);
        let inputs: Vec<InputIndex> = (0..graph.inputs.len())
            .filter(|index| needed[graph.input_nodes[*index].index()])
            .map(|index| index as InputIndex)
            .collect();
        // Every input is answered at every evaluation, with what it needs.
        let mut roots = always.to_vec();
        let mut elements = vec![None; graph.inputs.len()];
        for &index in &inputs {
            match &graph.inputs[index as usize] {
                Input::Reduced { test: Some(body), .. } => roots.extend(&body.outside),
                Input::EachInstance { body, .. } => {
                    roots.extend(&body.outside);
                    elements[index as usize] = Element::new(graph, body);
                }
                _ => {}
            }
        }
        let soon = graph.needed(roots.into_iter(), true);
        let steps = |wanted: &dyn Fn(usize) -> bool| -> Vec<Step> {
            let computed = |id: GraphId| {
                let node = graph.node(id);
                node.place == Place::Task && node.op.operands().next().is_some() && node.ty != Type::Text
            };
            let ids = (0..graph.nodes.len())
                .filter(|index| wanted(*index))
                .map(|index| GraphId(index as u32));
            ids.filter(|id| computed(*id)).map(|id| Step::new(graph, id)).collect()
        };
        let constant = |index: usize| match graph.nodes[index].op {
            Op::Number(bits) => f64::from_bits(bits),
            Op::Bool(b) => truth(b),
            _ => 0.0,
        };
        Kleene {
            start: (0..graph.nodes.len()).map(constant).collect(),
            inputs,
            first: steps(&|index| soon[index]),
            rest: steps(&|index| needed[index] && !soon[index]),
            elements,
        }
    }

    /// The inputs that are answered, in order.
    pub(crate) fn inputs(&self) -> &[InputIndex] {
        &self.inputs
    }

    /// How an element of an input over instances comes about, where it has no texts.
    pub(crate) fn element(&self, input: InputIndex) -> Option<&Element> {
        self.elements[input as usize].as_ref()
    }

    /// Makes registers ready for an evaluation.
    pub(crate) fn begin(&self, registers: &mut Registers) {
        if registers.of_nodes.len() != self.start.len() {
            registers.of_nodes.clone_from(&self.start);
        }
        registers.done = 0;
    }

    /// Takes over an input that was put into the row.
    #[inline]
    pub(crate) fn take(graph: &Graph, row: &Row<'_>, input: InputIndex, registers: &mut Registers) {
        let node = graph.input_nodes[input as usize];
        let number = row.numbers[input as usize];
        let is_there = match graph.ty(node) {
            Type::Text => row.texts[input as usize].is_some(),
            _ => number.is_finite(),
        };
        registers.of_nodes[node.index()] = match graph.ty(node) {
            _ if !is_there => undefined(node.0),
            Type::Bool => truth(number != 0.0),
            Type::Number(_) | Type::Text => number,
        };
    }

    /// Computes what every evaluation needs of the nodes before `node`: the inputs among them are there.
    pub(crate) fn compute_before<'t>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        node: GraphId,
        values: &mut Values<'t>,
        registers: &mut Registers,
    ) {
        let steps = self.first[registers.done..]
            .iter()
            .take_while(|step| step.into < node.0);
        let mut done = registers.done;
        for step in steps {
            step.run(graph, row, values, &mut registers.of_nodes);
            done += 1;
        }
        registers.done = done;
    }

    /// Computes what is wanted at every evaluation; the inputs are there.
    pub(crate) fn compute_always<'t>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &mut Values<'t>,
        registers: &mut Registers,
    ) {
        self.compute_before(graph, row, GraphId(u32::MAX), values, registers);
    }

    /// Computes the other outputs, after [those that are always wanted](Self::compute_always).
    pub(crate) fn compute_rest<'t>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &mut Values<'t>,
        registers: &mut Registers,
    ) {
        for step in &self.rest {
            step.run(graph, row, values, &mut registers.of_nodes);
        }
    }
}

impl Step {
    #[inline(always)]
    fn run<'t>(&self, graph: &'t Graph, row: &Row<'t>, values: &mut Values<'t>, of_nodes: &mut [f64]) {
        let value = match self.value(of_nodes) {
            Some(value) => value,
            None => self.of_texts(graph, row, values),
        };
        of_nodes[self.into as usize] = value;
    }

    #[inline(never)]
    fn of_texts<'t>(&self, graph: &'t Graph, row: &Row<'t>, values: &mut Values<'t>) -> f64 {
        let [a, b, _] = self.from.map(GraphId);
        match self.does {
            Does::TextTest(test) => match plain_text(graph, row, a) {
                Some(text) => truth(graph.tests[usize::from(test)].passes(text)),
                None => undefined(a.0),
            },
            Does::Texts(compare) => match (plain_text(graph, row, a), plain_text(graph, row, b)) {
                (None, _) => undefined(a.0),
                (_, None) => undefined(b.0),
                (Some(a), Some(b)) => truth(match compare {
                    Compare::Less => a < b,
                    Compare::LessEqual => a <= b,
                    Compare::Equal => a == b,
                }),
            },
            _ => {
                let id = GraphId(self.into);
                values.prepare(graph);
                values.compute_root(graph, row, id);
                match values.get(id) {
                    Some(Value::Number(x)) => *x,
                    Some(Value::Bool(b)) => truth(*b),
                    _ => undefined(self.into),
                }
            }
        }
    }
}

/// A text that is a literal or an input.
fn plain_text<'r>(graph: &'r Graph, row: &'r Row<'_>, id: GraphId) -> Option<&'r str> {
    match graph.node(id).op {
        Op::Text(index) => Some(&graph.texts[index as usize]),
        Op::Input(input) => row.texts[input as usize],
        _ => None,
    }
}

impl Registers {
    /// The value of a node that was computed: a number, 1 or 0 for a truth value, NaN where it is undefined.
    pub(crate) fn get(&self, id: GraphId) -> f64 {
        self.of_nodes[id.index()]
    }

    /// Sets what was asked of an instance; `false` where there is no answer.
    pub(crate) fn set_leaf(&mut self, leaf: GraphId, answer: &Value<'_>) -> bool {
        let (register, is_there) = match answer {
            Value::Number(x) => (*x, true),
            Value::Bool(b) => (truth(*b), true),
            Value::Text(_) | Value::Undefined(_) => (undefined(leaf.0), false),
        };
        self.of_nodes[leaf.index()] = register;
        is_there
    }

    /// Why a register is undefined. `leaf` knows of the leaves.
    pub(crate) fn why<'t>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &Values<'t>,
        register: f64,
        leaf: impl Fn(GraphId) -> Option<Missing>,
    ) -> Missing {
        let origin = began(register);
        let of = |id: GraphId| self.of_nodes[id.index()];
        let own = |reason| Missing { reason, origin };
        let unknown = own(Undefined::NotAvailable);
        match graph.node(origin).op {
            Op::Input(input) => match row.value(graph, input, origin) {
                Value::Undefined(missing) => missing,
                _ => unknown,
            },
            Op::InstanceLeaf(..) => leaf(origin).unwrap_or(unknown),
            Op::Fn1(f, a) => own(f.why_undefined(of(a))),
            Op::Fn2(f, a, b) => own(f.why_undefined(of(a), of(b))),
            Op::Fn3(f, a, b, c) => own(f.why_undefined(of(a), of(b), of(c))),
            _ => match values.get(origin) {
                Some(Value::Undefined(missing)) => *missing,
                _ => unknown,
            },
        }
    }
}
