//! The whole graph in registers, with what is undefined.
//!
//! [The program](super::program) answers where everything is there. A document of many rules hardly ever has everything: a metric is not
//! scraped, there was no exception whose age could be asked for. This is the evaluator for then. It means what [the exact one](super::exact) means,
//! node by node, in one pass over registers of eight bytes: an undefined value is a NaN that names the node where it began, from which the reason
//! is worked out when somebody asks. Texts, but for plain comparisons, are left to the exact evaluator.
//!
//! Two stretches of steps: what is needed at every look, and what is needed only when a rule acts. [On demand](super::demand) still less is.

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact::Values;
use super::graph::{self, Body, Compare, Graph, GraphId, Input, InputIndex, Op};
use super::program::functions;
use super::row::Row;
use super::types::{Missing, Type, Value};
use crate::metrics::{Across, AggregateId, Catalogue, MetricId, Per};
use crate::undefined::Undefined;

/// The NaNs that stand for undefined values: the lower half names the node.
const UNDEFINED: u64 = 0x7ffc_0000_0000_0000;

/// The register of a value that was undefined first at `node`.
#[inline(always)]
fn undefined(node: u32) -> f64 {
    f64::from_bits(UNDEFINED | u64::from(node))
}

/// Stands in the register of a node that was not computed; no computation takes it, and none gives it.
const PENDING: f64 = f64::from_bits(0x7ffe_0000_0000_0000);

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
pub(super) struct Step {
    does: Does,
    pub(super) into: u32,
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
                let of = |node: u32| of_nodes[node as usize];
                let (a, b) = (of(self.from[0]), of(self.from[1]));
                Some(match self.does {
                    $(Does::$one => self.number([a], Fn1::$one.apply(a)),)*
                    $(Does::$two => self.number([a, b], Fn2::$two.apply(a, b)),)*
                    $(Does::$three => {
                        let c = of(self.from[2]);
                        self.number([a, b, c], Fn3::$three.apply(a, b, c))
                    })*
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
                        () if a == 0.0 => of(self.from[2]),
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

    pub(super) fn new(graph: &Graph, id: GraphId) -> Step {
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

/// How many instances should have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    /// As many as are alive.
    Live,
    /// The task itself.
    One,
    /// As many as the task has TaskManagers.
    TaskManagers,
}

impl Expects {
    fn of(catalogue: &Catalogue, metric: MetricId) -> Expects {
        match catalogue.spec(metric).per {
            Per::TaskManager => Expects::TaskManagers,
            Per::Task => Expects::One,
            Per::Subtask => Expects::Live,
        }
    }

    pub(crate) fn count(self, task_managers: Option<u32>) -> Option<u32> {
        match self {
            Expects::Live => None,
            Expects::One => Some(1),
            Expects::TaskManagers => task_managers,
        }
    }
}

/// What is asked of an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) id: GraphId,
    pub(crate) aggregate: AggregateId,
    pub(crate) test: Option<u32>,
    /// Whether its metric is one of the whole task, and has the same answer for all instances.
    pub(crate) of_task: bool,
}

/// An expression over instances.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    pub(crate) leaves: Vec<Leaf>,
    /// For each metric that has instances here, one of the leaves: the instances are those of which any of them is live.
    pub(crate) live: Vec<AggregateId>,
    /// Whether one instance stands for all.
    pub(crate) one: bool,
    pub(crate) expects: [Expects; 2],
    /// Whether texts are part of it: then it is left to the exact evaluator.
    pub(crate) has_texts: bool,
    steps: Vec<Step>,
    root: GraphId,
}

impl Over {
    fn new(graph: &Graph, catalogue: &Catalogue, body: &Body) -> Over {
        let mut leaves = Vec::new();
        let mut steps = Vec::new();
        let mut has_texts = false;
        for &id in &body.each {
            match graph.node(id).op {
                Op::InstanceLeaf(aggregate, test) => {
                    has_texts |= graph.ty(id) == Type::Text;
                    leaves.push(Leaf {
                        id,
                        aggregate,
                        test,
                        of_task: catalogue.spec(graph.metric(aggregate)).per == Per::Task,
                    });
                }
                Op::SampleLeaf(..) => has_texts = true,
                _ => steps.push(Step::new(graph, id)),
            }
        }
        has_texts |= steps
            .iter()
            .any(|s| matches!(s.does, Does::TextTest(_) | Does::Texts(_) | Does::Exact));
        // Metrics of the whole task say the same of every instance; they have instances of their own only where no other metric has.
        let only_of_task = leaves.iter().all(|leaf| leaf.of_task);
        let mut live: Vec<AggregateId> = Vec::new();
        let mut expects = [Expects::Live; 2];
        for leaf in leaves.iter().filter(|leaf| only_of_task || !leaf.of_task) {
            let metric = graph.metric(leaf.aggregate);
            match Expects::of(catalogue, metric) {
                Expects::Live => {}
                Expects::One => expects[0] = Expects::One,
                Expects::TaskManagers => expects[1] = Expects::TaskManagers,
            }
            if live.iter().all(|known| graph.metric(*known) != metric) {
                live.push(leaf.aggregate);
            }
        }
        Over {
            one: only_of_task && leaves.len() > 1,
            leaves,
            live,
            expects,
            has_texts,
            steps,
            root: body.root,
        }
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

/// What an input asks of the windows.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// An aggregate over all instances.
    Reduced {
        aggregate: AggregateId,
        across: Across,
        expects: Expects,
    },
    /// The same with a test that only the language can make.
    Tested {
        aggregate: AggregateId,
        across: Across,
        expects: Expects,
    },
    /// The newest text.
    Text { aggregate: AggregateId },
    /// An expression over instances.
    Over { over: Over, across: Across },
}

impl Ask {
    /// `None` for a variable, which the caller sets.
    fn new(graph: &Graph, catalogue: &Catalogue, input: &Input) -> Option<Ask> {
        let expects = |aggregate: AggregateId| Expects::of(catalogue, graph.metric(aggregate));
        Some(match *input {
            Input::Variable(_) => return None,
            Input::Reduced {
                aggregate,
                across,
                test: None,
            } => Ask::Reduced {
                aggregate,
                across,
                expects: expects(aggregate),
            },
            Input::Reduced {
                aggregate,
                across,
                test: Some(_),
            } => Ask::Tested {
                aggregate,
                across,
                expects: expects(aggregate),
            },
            Input::Text { aggregate } => Ask::Text { aggregate },
            Input::EachInstance { ref body, across } => Ask::Over {
                over: Over::new(graph, catalogue, body),
                across,
            },
        })
    }
}

/// An input with its node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) input: InputIndex,
    pub(crate) node: GraphId,
    kind: Kind,
}

/// What a register holds of an input.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number,
    Truth,
    /// Whether it is there.
    Text,
}

impl Place {
    fn new(graph: &Graph, input: InputIndex) -> Place {
        let node = graph.input_nodes[input as usize];
        let kind = match graph.ty(node) {
            Type::Number(_) => Kind::Number,
            Type::Bool => Kind::Truth,
            Type::Text => Kind::Text,
        };
        Place { input, node, kind }
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Kleene {
    /// The registers to begin with: constants.
    start: Vec<f64>,
    /// The same where nodes are computed on [demand](super::demand): all others are pending.
    pending: Vec<f64>,
    /// The inputs that are not answered.
    unasked: Vec<InputIndex>,
    variables: Vec<Place>,
    asked: Vec<(Place, Ask)>,
    /// What every evaluation needs, in order.
    first: Vec<Step>,
    /// What else the outputs need.
    rest: Vec<Step>,
}

impl Kleene {
    /// The evaluator of `outputs`, of which `always` are wanted at every evaluation.
    pub(crate) fn new(graph: &Graph, catalogue: &Catalogue, outputs: &[GraphId], always: &[GraphId]) -> Kleene {
        let needed = graph.needed(outputs.iter().copied(), true);
        let (inputs, unasked): (Vec<InputIndex>, Vec<InputIndex>) =
            (0..graph.inputs.len() as InputIndex).partition(|input| needed[graph.input_nodes[*input as usize].index()]);
        // Every input is answered at every evaluation, with what it needs.
        let mut roots = always.to_vec();
        let (mut variables, mut asked) = (Vec::new(), Vec::new());
        for &index in &inputs {
            let input = &graph.inputs[index as usize];
            if let Input::Reduced { test: Some(body), .. } | Input::EachInstance { body, .. } = input {
                roots.extend(&body.outside);
            }
            let place = Place::new(graph, index);
            match Ask::new(graph, catalogue, input) {
                None => variables.push(place),
                Some(ask) => asked.push((place, ask)),
            }
        }
        let soon = graph.needed(roots.into_iter(), true);
        let steps = |wanted: &dyn Fn(usize) -> bool| -> Vec<Step> {
            let computed = |id: GraphId| {
                let node = graph.node(id);
                node.place == graph::Place::Task && node.op.operands().next().is_some() && node.ty != Type::Text
            };
            let ids = (0..graph.nodes.len()).filter(|index| wanted(*index));
            let ids = ids.map(|index| GraphId(index as u32)).filter(|id| computed(*id));
            ids.map(|id| Step::new(graph, id)).collect()
        };
        let constant = |op: &Op| match *op {
            Op::Number(bits) => Some(f64::from_bits(bits)),
            Op::Bool(b) => Some(truth(b)),
            // Whether it is there.
            Op::Text(_) => Some(0.0),
            _ => None,
        };
        let constants = || graph.nodes.iter().map(|node| constant(&node.op));
        Kleene {
            start: constants().map(|c| c.unwrap_or(0.0)).collect(),
            pending: constants().map(|c| c.unwrap_or(PENDING)).collect(),
            unasked,
            variables,
            asked,
            first: steps(&|index| soon[index]),
            rest: steps(&|index| needed[index] && !soon[index]),
        }
    }

    /// The inputs that are not answered, in order.
    pub(crate) fn unasked(&self) -> &[InputIndex] {
        &self.unasked
    }

    /// The inputs that the caller sets.
    pub(crate) fn variables(&self) -> &[Place] {
        &self.variables
    }

    /// The inputs that are asked of the windows, in order.
    pub(crate) fn asked(&self) -> &[(Place, Ask)] {
        &self.asked
    }

    /// Makes registers ready for an evaluation.
    pub(crate) fn begin(&self, registers: &mut Registers) {
        if registers.of_nodes.len() != self.start.len() {
            registers.of_nodes.clone_from(&self.start);
        }
        registers.done = 0;
    }

    /// Makes registers ready for an evaluation on demand.
    pub(super) fn begin_pending(&self, registers: &mut Registers) {
        registers.of_nodes.clone_from(&self.pending);
        // What is computed before others is computed where it is wanted.
        registers.done = self.first.len();
    }

    /// Makes registers that were computed on demand ready for everything else.
    pub(super) fn begin_rest(registers: &mut Registers) {
        registers.done = 0;
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
    /// A step that computes nothing: of code that only looks at a register.
    pub(super) fn only(into: u32) -> Step {
        Step {
            does: Does::Defined,
            into,
            from: [into; 3],
        }
    }

    #[inline(always)]
    pub(super) fn run<'t>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &mut Values<'t>,
        of_nodes: &mut [f64],
    ) -> f64 {
        let value = match self.value(of_nodes) {
            Some(value) => value,
            None => self.of_texts(graph, row, values),
        };
        of_nodes[self.into as usize] = value;
        value
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
    /// Takes over an input that was put into the row.
    #[inline]
    pub(crate) fn take(&mut self, row: &Row<'_>, place: Place) {
        let number = row.numbers[place.input as usize];
        self.of_nodes[place.node.index()] = match place.kind {
            Kind::Number if number.is_finite() => number,
            Kind::Truth if number.is_finite() => truth(number != 0.0),
            Kind::Text if row.texts[place.input as usize].is_some() => 0.0,
            Kind::Number | Kind::Truth | Kind::Text => undefined(place.node.0),
        };
    }

    /// The value of a node that was computed: a number, 1 or 0 for a truth value, NaN where it is undefined.
    pub(crate) fn get(&self, id: GraphId) -> f64 {
        self.of_nodes[id.index()]
    }

    /// Whether a node was not computed on demand.
    #[inline(always)]
    pub(crate) fn is_pending(&self, id: GraphId) -> bool {
        self.of_nodes[id.index()].to_bits() == PENDING.to_bits()
    }

    /// All of them, by node.
    #[inline(always)]
    pub(super) fn of_nodes(&mut self) -> &mut [f64] {
        &mut self.of_nodes
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
