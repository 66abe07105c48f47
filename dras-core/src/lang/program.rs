//! The compiled form: straight-line code over a register file, the same for every task.
//!
//! Numbers are computed by three-address operations. Every comparison of a register with a constant becomes an *atom*, `register ≥ bound`
//! or its opposite; atoms are tested without branches into the bits of machine words. The boolean part is terms, conjunctions of such bits
//! or their opposites. Equal comparisons of different rules are one atom.
//!
//! The program assumes that everything is defined. Where an input or a result is not, the exact evaluator answers instead.

use std::collections::HashMap;

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact::Values;
use super::graph::{Compare, Graph, GraphId, Op};
use super::row::{OWN, Row, VariableSlot};
use super::types::{Missing, Type, Value};
use crate::undefined::Undefined;

type Register = u32;

/// A bit, or its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) bit: u32,
    pub(super) negate: bool,
}

/// The bits of one evaluation; all are 0 to begin with.
trait Bits {
    fn word(&self, index: u32) -> u64;

    /// Sets a bit that was not set before.
    fn put(&mut self, bit: u32, value: bool);

    #[inline]
    fn read(&self, literal: Literal) -> bool {
        ((self.word(literal.bit / 64) >> (literal.bit % 64)) & 1 == 1) != literal.negate
    }
}

/// The bits of programs that need one word only, so that it can stay in a register of the machine.
impl Bits for u64 {
    #[inline(always)]
    fn word(&self, _: u32) -> u64 {
        *self
    }

    #[inline(always)]
    fn put(&mut self, bit: u32, value: bool) {
        *self |= u64::from(value) << (bit % 64);
    }
}

impl Bits for [u64] {
    #[inline(always)]
    fn word(&self, index: u32) -> u64 {
        self[index as usize]
    }

    #[inline(always)]
    fn put(&mut self, bit: u32, value: bool) {
        self[bit as usize / 64] |= u64::from(value) << (bit % 64);
    }
}

/// One operation on registers.
#[derive(Debug, Clone, Copy)]
pub(super) enum NumberOp {
    Fn1(Fn1, Register, Register),
    Fn2(Fn2, Register, Register, Register),
    Fn3(Fn3, Register, Register, Register, Register),
    /// `into = if bit { a } else { b }`
    Select(Literal, Register, Register, Register),
    /// A number that the exact evaluator computes from texts.
    Exact(Register, u32),
}

/// The test `register ≥ bound`, written to a bit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Atom {
    pub(super) register: Register,
    pub(super) bit: u32,
    pub(super) bound: f64,
}

/// The test `left ≥ right`, written to a bit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) left: Register,
    pub(super) right: Register,
    pub(super) bit: u32,
}

/// A condition on a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextAtom {
    /// A compiled test of a text input.
    Test { bit: u32, input: u32, test: u32 },
    /// Whatever else texts are asked, by the exact evaluator.
    Exact { bit: u32, root: u32 },
}

/// The literals of a term that stand in one word; all parts of a term must hold. (A disjunction is the opposite of a term.)
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) word: u32,
    /// The bit that the term is written to, with its last part.
    pub(super) bit: Option<u32>,
    /// The bits that must be as in `want`.
    pub(super) mask: u64,
    pub(super) want: u64,
}

/// A stretch of code; a later one may select numbers by conditions of an earlier one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) ops: Vec<NumberOp>,
    pub(super) atoms: Vec<Atom>,
    pub(super) pairs: Vec<Pair>,
    pub(super) texts: Vec<TextAtom>,
    /// The parts of all terms, one term after the other.
    pub(super) parts: Vec<Part>,
}

/// Where an output is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Output {
    Number(Register),
    Bool(Literal),
    KnownBool(bool),
    /// Texts are answered by the exact evaluator.
    Exact,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The register file to begin with: inputs, temporaries, constants.
    start: Vec<f64>,
    /// Inputs that some output needs.
    pub(crate) needed: Vec<bool>,
    pub(super) stages: Vec<Stage>,
    /// Roots that only the exact evaluator knows: expressions of texts.
    exact: Vec<GraphId>,
    /// All that those roots need, in order.
    exact_nodes: Vec<GraphId>,
    words: usize,
    pub(super) bits: u32,
    outputs: Vec<(GraphId, Output)>,
    variables: Vec<VariableSlot>,
}

impl Program {
    /// Lowers everything that `outputs` need. `variables` is how many variables the scope has.
    pub(crate) fn new(graph: &Graph, outputs: &[GraphId], variables: usize) -> Program {
        Lowering::new(graph, outputs).finish(outputs, variables)
    }

    /// An empty row for this program: every needed input undefined.
    pub(crate) fn row<'t>(&self) -> Row<'t> {
        let inputs = self.needed.len();
        Row {
            numbers: self.start.clone(),
            undefined: self.start[..inputs].iter().filter(|x| x.is_nan()).count() as u32,
            texts: vec![None; inputs],
            reasons: self
                .needed
                .iter()
                .map(|needed| Missing {
                    reason: if *needed {
                        Undefined::NoAttribute
                    } else {
                        Undefined::NotNeeded
                    },
                    origin: OWN,
                })
                .collect(),
            bits: vec![0; self.words],
            variables: self.variables.clone(),
        }
    }

    pub(super) fn output(&self, index: usize) -> (GraphId, Output) {
        self.outputs[index]
    }

    pub(super) fn constant(&self, register: Register) -> f64 {
        self.start[register as usize]
    }

    pub(super) fn registers(&self) -> usize {
        self.start.len()
    }

    pub(super) fn input_of(&self, variable: usize) -> Option<u32> {
        self.variables.get(variable).and_then(|slot| slot.input())
    }

    pub(super) fn has_texts(&self) -> bool {
        !self.exact.is_empty() || self.stages.iter().any(|s| !s.texts.is_empty())
    }

    /// Runs the program. `true`: everything was defined and the outputs hold; `false`: ask the exact evaluator.
    #[inline]
    pub(crate) fn run(&self, graph: &Graph, row: &mut Row<'_>) -> bool {
        if self.words == 1 {
            let mut word = 0_u64;
            let complete = self.run_with(graph, row, &mut word);
            row.bits[0] = word;
            return complete;
        }
        let mut bits = std::mem::take(&mut row.bits);
        bits.fill(0);
        let complete = self.run_with(graph, row, bits.as_mut_slice());
        row.bits = bits;
        complete
    }

    #[inline]
    fn run_with<B: Bits + ?Sized>(&self, graph: &Graph, row: &mut Row<'_>, bits: &mut B) -> bool {
        if row.is_incomplete() {
            return false;
        }
        let mut complete = true;
        let mut exact: Option<Values<'_>> = None;
        for stage in &self.stages {
            for op in &stage.ops {
                let numbers = row.numbers.as_mut_slice();
                let (into, result) = match *op {
                    NumberOp::Fn1(f, into, a) => (into, f.apply(numbers[a as usize])),
                    NumberOp::Fn2(f, into, a, b) => (into, f.apply(numbers[a as usize], numbers[b as usize])),
                    NumberOp::Fn3(f, into, a, b, c) => (
                        into,
                        f.apply(numbers[a as usize], numbers[b as usize], numbers[c as usize]),
                    ),
                    NumberOp::Select(literal, into, a, b) => {
                        (into, numbers[if bits.read(literal) { a } else { b } as usize])
                    }
                    NumberOp::Exact(into, root) => match self.exact_value(graph, row, &mut exact, root) {
                        Some(&Value::Number(x)) => (into, x),
                        _ => return false,
                    },
                };
                row.numbers[into as usize] = result;
                complete &= result.is_finite();
            }
            let numbers = row.numbers.as_slice();
            for atom in &stage.atoms {
                bits.put(atom.bit, numbers[atom.register as usize] >= atom.bound);
            }
            for pair in &stage.pairs {
                bits.put(pair.bit, numbers[pair.left as usize] >= numbers[pair.right as usize]);
            }
            for atom in &stage.texts {
                let (bit, passed) = match *atom {
                    TextAtom::Test { bit, input, test } => {
                        let Some(text) = row.texts[input as usize] else {
                            return false;
                        };
                        (bit, graph.tests[test as usize].passes(text))
                    }
                    TextAtom::Exact { bit, root } => match self.exact_value(graph, row, &mut exact, root) {
                        Some(&Value::Bool(b)) => (bit, b),
                        _ => return false,
                    },
                };
                bits.put(bit, passed);
            }
            let mut holds = true;
            for part in &stage.parts {
                holds &= bits.word(part.word) & part.mask == part.want;
                if let Some(bit) = part.bit {
                    bits.put(bit, holds);
                    holds = true;
                }
            }
        }
        complete
    }

    /// A number after [`run`](Self::run) said that it holds.
    #[inline]
    pub(crate) fn number(&self, row: &Row<'_>, output: usize) -> Option<f64> {
        match self.outputs[output].1 {
            Output::Number(register) => Some(row.numbers[register as usize]),
            _ => None,
        }
    }

    /// A truth value after [`run`](Self::run) said that it holds.
    #[inline]
    pub(crate) fn bool(&self, row: &Row<'_>, output: usize) -> Option<bool> {
        match self.outputs[output].1 {
            Output::Bool(literal) => Some(row.bits.as_slice().read(literal)),
            Output::KnownBool(known) => Some(known),
            _ => None,
        }
    }

    /// The value of one of the roots that the exact evaluator computes. The first question of a run computes all of them.
    fn exact_value<'v, 't>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &'v mut Option<Values<'t>>,
        root: u32,
    ) -> Option<&'v Value<'t>> {
        let values = values.get_or_insert_with(|| {
            let mut values = Values::new(graph);
            values.compute(graph, row, self.exact_nodes.iter().copied());
            values
        });
        values.get(self.exact[root as usize])
    }
}

/// Where a node's value is while it is lowered.
#[derive(Debug, Clone, Copy)]
enum Lowered {
    /// Not lowered: not needed, or a text.
    No,
    Number(Slot, u32),
    Bool(Literal, u32),
    KnownBool(bool),
}

/// A register whose final number is only known when all are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Input(u32),
    Temporary(u32),
    Constant(u32),
}

/// Code with slots instead of registers, and bits counted per kind.
#[derive(Debug, Clone, Copy)]
enum DraftOp {
    Fn1(Fn1, Slot, Slot),
    Fn2(Fn2, Slot, Slot, Slot),
    Fn3(Fn3, Slot, Slot, Slot, Slot),
    Select(Literal, Slot, Slot, Slot),
    Exact(Slot, u32),
}

#[derive(Debug, Default)]
struct DraftStage {
    ops: Vec<DraftOp>,
    atoms: Vec<(Slot, f64, u32)>,
    pairs: Vec<(Slot, Slot, u32)>,
    texts: Vec<TextAtom>,
    terms: Vec<(u32, Vec<Literal>)>,
}

/// Who uses a node.
#[derive(Debug, Clone, Copy)]
enum Uses {
    None,
    One(GraphId),
    /// More than one node, or the outside.
    Several,
}

struct Lowering<'g> {
    graph: &'g Graph,
    needed: Vec<bool>,
    uses: Vec<Uses>,
    lowered: Vec<Lowered>,
    stages: Vec<DraftStage>,
    constants: Vec<f64>,
    known_constants: HashMap<u64, u32>,
    known_atoms: HashMap<(Slot, u64), (Literal, u32)>,
    known_pairs: HashMap<(Slot, Slot), (Literal, u32)>,
    temporaries: u32,
    bits: u32,
    exact: Vec<GraphId>,
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph, outputs: &[GraphId]) -> Lowering<'g> {
        let needed = graph.needed(outputs.iter().copied(), false);
        let mut uses = vec![Uses::None; graph.nodes.len()];
        for (index, node) in graph.nodes.iter().enumerate().filter(|n| needed[n.0]) {
            for operand in node.op.operands() {
                let uses = &mut uses[operand.index()];
                *uses = if matches!(uses, Uses::None) {
                    Uses::One(GraphId(index as u32))
                } else {
                    Uses::Several
                };
            }
        }
        for output in outputs {
            uses[output.index()] = Uses::Several;
        }
        let mut lowering = Lowering {
            graph,
            lowered: vec![Lowered::No; graph.nodes.len()],
            needed,
            uses,
            stages: vec![DraftStage::default()],
            constants: Vec::new(),
            known_constants: HashMap::new(),
            known_atoms: HashMap::new(),
            known_pairs: HashMap::new(),
            temporaries: 0,
            bits: 0,
            exact: Vec::new(),
        };
        for index in 0..graph.nodes.len() {
            if lowering.needed[index] && graph.nodes[index].place == super::graph::Place::Task {
                lowering.lowered[index] = lowering.lower(GraphId(index as u32));
            }
        }
        lowering
    }

    fn stage(&mut self, index: u32) -> &mut DraftStage {
        let index = index as usize;
        if self.stages.len() <= index {
            self.stages.resize_with(index + 1, DraftStage::default);
        }
        &mut self.stages[index]
    }

    fn number(&self, id: GraphId) -> (Slot, u32) {
        match self.lowered[id.index()] {
            Lowered::Number(slot, stage) => (slot, stage),
            // Operands are lowered before their users, and types were checked.
            _ => (Slot::Input(0), 0),
        }
    }

    fn new_bit(&mut self) -> Literal {
        self.bits += 1;
        Literal {
            bit: self.bits - 1,
            negate: false,
        }
    }

    fn temporary(&mut self) -> Slot {
        self.temporaries += 1;
        Slot::Temporary(self.temporaries - 1)
    }

    fn constant(&mut self, value: f64) -> Slot {
        let next = self.constants.len() as u32;
        let index = *self.known_constants.entry(value.to_bits()).or_insert(next);
        if index == next {
            self.constants.push(value);
        }
        Slot::Constant(index)
    }

    fn lower(&mut self, id: GraphId) -> Lowered {
        let node = *self.graph.node(id);
        match node.op {
            Op::Number(bits) => Lowered::Number(self.constant(f64::from_bits(bits)), 0),
            Op::Bool(b) => Lowered::KnownBool(b),
            Op::Input(input) => match node.ty {
                Type::Number(_) => Lowered::Number(Slot::Input(input), 0),
                Type::Bool => self.atom(Slot::Input(input), 0, 0.0, 0.0, true),
                Type::Text => Lowered::No,
            },
            Op::Fn1(f, a) => {
                let (a, stage) = self.number(a);
                let into = self.temporary();
                self.stage(stage).ops.push(DraftOp::Fn1(f, into, a));
                Lowered::Number(into, stage)
            }
            Op::Fn2(f, a, b) => {
                let ((a, sa), (b, sb)) = (self.number(a), self.number(b));
                let into = self.temporary();
                let stage = sa.max(sb);
                self.stage(stage).ops.push(DraftOp::Fn2(f, into, a, b));
                Lowered::Number(into, stage)
            }
            Op::Fn3(f, a, b, c) => {
                let ((a, sa), (b, sb), (c, sc)) = (self.number(a), self.number(b), self.number(c));
                let into = self.temporary();
                let stage = sa.max(sb).max(sc);
                self.stage(stage).ops.push(DraftOp::Fn3(f, into, a, b, c));
                Lowered::Number(into, stage)
            }
            Op::Not(a) => self.not(a),
            Op::And(..) | Op::Or(..) => self.term(id),
            Op::Compare(compare, a, b) => match self.graph.ty(a) {
                Type::Number(_) => self.compare(compare, a, b),
                Type::Bool => self.compare_bools(compare, a, b),
                Type::Text => self.exact_bool(id),
            },
            // The program only speaks where everything is defined.
            Op::Else(a, _) if node.ty != Type::Text => self.lowered[a.index()],
            // Nothing in the registers tells whether a text that is computed is there.
            Op::Defined(a)
                if matches!(self.graph.ty(a), Type::Text) && !matches!(self.graph.node(a).op, Op::Input(_)) =>
            {
                self.exact_bool(id)
            }
            Op::Defined(_) => Lowered::KnownBool(true),
            Op::Select(c, a, b) => match node.ty {
                Type::Number(_) => match self.lowered[c.index()] {
                    Lowered::KnownBool(c) => self.lowered[if c { a } else { b }.index()],
                    Lowered::Bool(literal, sc) => {
                        let ((a, sa), (b, sb)) = (self.number(a), self.number(b));
                        let into = self.temporary();
                        let stage = (sc + 1).max(sa).max(sb);
                        self.stage(stage).ops.push(DraftOp::Select(literal, into, a, b));
                        Lowered::Number(into, stage)
                    }
                    _ => Lowered::No,
                },
                Type::Bool => {
                    let c = self.lowered[c.index()];
                    let then = self.combine(true, &[c, self.lowered[a.index()]]);
                    let otherwise = self.combine(true, &[negated(c), self.lowered[b.index()]]);
                    self.combine(false, &[then, otherwise])
                }
                Type::Text => Lowered::No,
            },
            Op::TextTest(test, a) => match self.graph.node(a).op {
                Op::Input(input) => {
                    let literal = self.new_bit();
                    self.stages[0].texts.push(TextAtom::Test {
                        bit: literal.bit,
                        input,
                        test,
                    });
                    Lowered::Bool(literal, 0)
                }
                _ => self.exact_bool(id),
            },
            Op::TextFn(..) => match node.ty {
                Type::Bool => self.exact_bool(id),
                Type::Number(_) => {
                    let root = self.exact_root(id);
                    let into = self.temporary();
                    self.stages[0].ops.push(DraftOp::Exact(into, root));
                    Lowered::Number(into, 0)
                }
                Type::Text => Lowered::No,
            },
            Op::Else(..) | Op::Text(_) | Op::InstanceLeaf(..) | Op::SampleLeaf(..) => Lowered::No,
        }
    }

    fn exact_root(&mut self, root: GraphId) -> u32 {
        self.exact.push(root);
        self.exact.len() as u32 - 1
    }

    fn exact_bool(&mut self, id: GraphId) -> Lowered {
        let root = self.exact_root(id);
        let literal = self.new_bit();
        self.stages[0].texts.push(TextAtom::Exact { bit: literal.bit, root });
        Lowered::Bool(literal, 0)
    }

    fn not(&mut self, a: GraphId) -> Lowered {
        negated(self.lowered[a.index()])
    }

    /// `lo ≤ slot ≤ hi`, or its opposite.
    fn atom(&mut self, slot: Slot, stage: u32, lo: f64, hi: f64, negate: bool) -> Lowered {
        let mut both = [Lowered::KnownBool(true); 2];
        if lo > f64::NEG_INFINITY {
            both[0] = self.at_least(slot, stage, lo);
        }
        if hi < f64::INFINITY {
            both[1] = negated(self.at_least(slot, stage, hi.next_up()));
        }
        let inside = self.combine(true, &both);
        if negate { negated(inside) } else { inside }
    }

    /// `slot ≥ bound`
    fn at_least(&mut self, slot: Slot, stage: u32, bound: f64) -> Lowered {
        // −0 and 0 are equal.
        let key = (slot, (bound + 0.0).to_bits());
        let (literal, stage) = if let Some(&known) = self.known_atoms.get(&key) {
            known
        } else {
            let literal = self.new_bit();
            self.stage(stage).atoms.push((slot, bound, literal.bit));
            self.known_atoms.insert(key, (literal, stage));
            (literal, stage)
        };
        Lowered::Bool(literal, stage)
    }

    /// `left ≥ right`
    fn pair(&mut self, left: (Slot, u32), right: (Slot, u32)) -> Lowered {
        let key = (left.0, right.0);
        let (literal, stage) = if let Some(&known) = self.known_pairs.get(&key) {
            known
        } else {
            let (literal, stage) = (self.new_bit(), left.1.max(right.1));
            self.stage(stage).pairs.push((left.0, right.0, literal.bit));
            self.known_pairs.insert(key, (literal, stage));
            (literal, stage)
        };
        Lowered::Bool(literal, stage)
    }

    fn compare(&mut self, compare: Compare, a: GraphId, b: GraphId) -> Lowered {
        let constant = |id: GraphId| match self.graph.node(id).op {
            Op::Number(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        if let Some(c) = constant(b) {
            let (slot, stage) = self.number(a);
            let (lo, hi) = match compare {
                Compare::Less => (low, c.next_down()),
                Compare::LessEqual => (low, c),
                Compare::Equal => (c, c),
            };
            self.atom(slot, stage, lo, hi, false)
        } else if let Some(c) = constant(a) {
            let (slot, stage) = self.number(b);
            let (lo, hi) = match compare {
                Compare::Less => (c.next_up(), high),
                Compare::LessEqual => (c, high),
                Compare::Equal => (c, c),
            };
            self.atom(slot, stage, lo, hi, false)
        } else {
            let (a, b) = (self.number(a), self.number(b));
            match compare {
                Compare::Less => negated(self.pair(a, b)),
                Compare::LessEqual => self.pair(b, a),
                Compare::Equal => {
                    let both = [self.pair(a, b), self.pair(b, a)];
                    self.combine(true, &both)
                }
            }
        }
    }

    fn compare_bools(&mut self, compare: Compare, a: GraphId, b: GraphId) -> Lowered {
        let (a, b) = (self.lowered[a.index()], self.lowered[b.index()]);
        match compare {
            Compare::Less => self.combine(true, &[negated(a), b]),
            Compare::LessEqual => self.combine(false, &[negated(a), b]),
            Compare::Equal => {
                let both = self.combine(true, &[a, b]);
                let neither = self.combine(true, &[negated(a), negated(b)]);
                self.combine(false, &[both, neither])
            }
        }
    }

    /// A chain of one operator becomes one term, as far as its links are used only there.
    fn term(&mut self, id: GraphId) -> Lowered {
        let all = matches!(self.graph.node(id).op, Op::And(..));
        let continues = |user: GraphId| match self.graph.node(user).op {
            Op::And(..) => all,
            Op::Or(..) => !all,
            _ => false,
        };
        if matches!(self.uses[id.index()], Uses::One(user) if continues(user)) {
            return Lowered::No;
        }
        let mut open = vec![id];
        let mut operands = Vec::new();
        while let Some(at) = open.pop() {
            let pair = match self.graph.node(at).op {
                Op::And(a, b) if all => Some((a, b)),
                Op::Or(a, b) if !all => Some((a, b)),
                _ => None,
            };
            match pair {
                Some((a, b)) if at == id || matches!(self.lowered[at.index()], Lowered::No) => open.extend([b, a]),
                _ => operands.push(self.lowered[at.index()]),
            }
        }
        self.combine(all, &operands)
    }

    fn combine(&mut self, all: bool, operands: &[Lowered]) -> Lowered {
        if !all {
            // a || b is !(!a && !b).
            let opposites: Vec<Lowered> = operands.iter().map(|o| negated(*o)).collect();
            return negated(self.combine(true, &opposites));
        }
        let mut literals: Vec<Literal> = Vec::with_capacity(operands.len());
        let mut stage = 0;
        for operand in operands {
            match *operand {
                Lowered::KnownBool(false) => return Lowered::KnownBool(false),
                Lowered::Bool(literal, s) => {
                    stage = stage.max(s);
                    literals.push(literal);
                }
                _ => {}
            }
        }
        literals.sort_by_key(|l| (l.bit, l.negate));
        literals.dedup();
        // `x && !x`, over defined values.
        if literals.windows(2).any(|pair| pair[0].bit == pair[1].bit) {
            return Lowered::KnownBool(false);
        }
        match literals.len() {
            0 => Lowered::KnownBool(true),
            1 => Lowered::Bool(literals[0], stage),
            _ => {
                let into = self.new_bit();
                self.stage(stage).terms.push((into.bit, literals));
                Lowered::Bool(into, stage)
            }
        }
    }

    fn finish(mut self, outputs: &[GraphId], variables: usize) -> Program {
        let inputs = self.graph.inputs.len();
        let constants_at = inputs + self.temporaries as usize;
        let register = |slot: Slot| -> Register {
            (match slot {
                Slot::Input(i) => i as usize,
                Slot::Temporary(i) => inputs + i as usize,
                Slot::Constant(i) => constants_at + i as usize,
            }) as Register
        };
        let op = |op: DraftOp| match op {
            DraftOp::Fn1(f, into, a) => NumberOp::Fn1(f, register(into), register(a)),
            DraftOp::Fn2(f, into, a, b) => NumberOp::Fn2(f, register(into), register(a), register(b)),
            DraftOp::Fn3(f, into, a, b, c) => NumberOp::Fn3(f, register(into), register(a), register(b), register(c)),
            DraftOp::Select(literal, into, a, b) => NumberOp::Select(literal, register(into), register(a), register(b)),
            DraftOp::Exact(into, body) => NumberOp::Exact(register(into), body),
        };
        let atom = |(slot, bound, bit)| Atom {
            register: register(slot),
            bit,
            bound,
        };
        let pair = |(left, right, bit)| Pair {
            left: register(left),
            right: register(right),
            bit,
        };
        let stages = std::mem::take(&mut self.stages).into_iter().map(|draft| Stage {
            ops: draft.ops.into_iter().map(op).collect(),
            atoms: draft.atoms.into_iter().map(atom).collect(),
            pairs: draft.pairs.into_iter().map(pair).collect(),
            texts: draft.texts,
            parts: draft
                .terms
                .iter()
                .flat_map(|(bit, literals)| parts(*bit, literals))
                .collect(),
        });
        let stages: Vec<Stage> = stages.collect();

        let mut start = vec![0.0; constants_at];
        start.extend_from_slice(&self.constants);
        let with_bodies = self.graph.needed(outputs.iter().copied(), true);
        let needed: Vec<bool> = self
            .graph
            .input_nodes
            .iter()
            .map(|id| with_bodies[id.index()])
            .collect();
        let mut by_variable = vec![VariableSlot::Unused; variables];
        for (index, input) in self.graph.inputs.iter().enumerate() {
            if let super::graph::Input::Variable(v) = input
                && needed[index]
                && let Some(slot) = by_variable.get_mut(v.index())
            {
                *slot = match self.graph.ty(self.graph.input_nodes[index]) {
                    Type::Text => VariableSlot::Text(index as u32),
                    Type::Number(_) | Type::Bool => VariableSlot::Number(index as u32),
                };
            }
            if needed[index] {
                start[index] = f64::NAN;
            }
        }
        let outputs = outputs
            .iter()
            .map(|&id| {
                let output = match self.lowered[id.index()] {
                    Lowered::Number(slot, _) => Output::Number(register(slot)),
                    Lowered::Bool(literal, _) => Output::Bool(literal),
                    Lowered::KnownBool(b) => Output::KnownBool(b),
                    Lowered::No => Output::Exact,
                };
                (id, output)
            })
            .collect();
        let words = (self.bits as usize).div_ceil(64).max(1);
        Program {
            start,
            needed,
            stages,
            exact_nodes: self.graph.in_order(self.exact.iter().copied()),
            exact: self.exact,
            words,
            bits: self.bits,
            outputs,
            variables: by_variable,
        }
    }
}

/// The parts of the term that is written to `bit`; `literals` are in the order of their bits.
fn parts(bit: u32, literals: &[Literal]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for literal in literals {
        let (word, one) = (literal.bit / 64, 1_u64 << (literal.bit % 64));
        let want = if literal.negate { 0 } else { one };
        match parts.last_mut() {
            Some(last) if last.word == word => {
                last.mask |= one;
                last.want |= want;
            }
            _ => parts.push(Part {
                word,
                bit: None,
                mask: one,
                want,
            }),
        }
    }
    if let Some(last) = parts.last_mut() {
        last.bit = Some(bit);
    }
    parts
}

fn negated(lowered: Lowered) -> Lowered {
    match lowered {
        Lowered::KnownBool(b) => Lowered::KnownBool(!b),
        Lowered::Bool(l, stage) => Lowered::Bool(
            Literal {
                bit: l.bit,
                negate: !l.negate,
            },
            stage,
        ),
        other => other,
    }
}
