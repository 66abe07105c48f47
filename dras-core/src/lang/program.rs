//! The compiled form: straight-line code over a register file, the same for every task.
//!
//! Numbers are computed by three-address operations. Every comparison becomes an *atom*, an interval that a register lies in or not;
//! atoms are tested without branches, eight at a time, into machine words. The boolean part is terms over those bits. Equal comparisons
//! of different rules are one atom, and the word that the atoms leave tells which comparison was true.
//!
//! The program assumes that everything is defined and checks that once, at the end, by a sum over its registers that is NaN exactly if
//! any of them is not finite; then the exact evaluator answers instead.

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

impl Literal {
    #[inline]
    fn read(self, bits: &[u64]) -> bool {
        ((bits[self.bit as usize / 64] >> (self.bit % 64)) & 1 == 1) != self.negate
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

/// The interval tests, in columns so that they are tested eight at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Atoms {
    pub(super) register: Vec<Register>,
    pub(super) lo: Vec<f64>,
    pub(super) hi: Vec<f64>,
}

/// A condition on a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextAtom {
    /// A compiled test of a text input.
    Test { bit: u32, input: u32, test: u32 },
    /// Whatever else texts are asked, by the exact evaluator.
    Exact { bit: u32, root: u32 },
}

/// A conjunction or disjunction of literals, written to a bit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) bit: u32,
    pub(super) all: bool,
    /// Range of [`Program::parts`].
    pub(super) parts: (u32, u32),
}

/// The literals of a term that stand in one word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) word: u32,
    pub(super) mask: u64,
    pub(super) flip: u64,
}

/// A stretch of code; a later one may select numbers by conditions of an earlier one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) ops: Vec<NumberOp>,
    pub(super) atoms: Atoms,
    /// The first bit of the atoms; a multiple of 8.
    pub(super) first_bit: u32,
    pub(super) texts: Vec<TextAtom>,
    pub(super) terms: Vec<Term>,
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
    /// The register file to begin with: inputs, temporaries, padding; constants; differences.
    start: Vec<f64>,
    /// Inputs that some output needs.
    pub(crate) needed: Vec<bool>,
    /// Registers `0..checked` must be finite.
    pub(super) checked: usize,
    pub(super) stages: Vec<Stage>,
    pub(super) parts: Vec<Part>,
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
    pub(crate) fn run(&self, graph: &Graph, row: &mut Row<'_>) -> bool {
        let mut exact: Option<Values<'_>> = None;
        for stage in &self.stages {
            for op in &stage.ops {
                let numbers = &mut row.numbers;
                match *op {
                    NumberOp::Fn1(f, into, a) => numbers[into as usize] = f.apply(numbers[a as usize]),
                    NumberOp::Fn2(f, into, a, b) => {
                        numbers[into as usize] = f.apply(numbers[a as usize], numbers[b as usize]);
                    }
                    NumberOp::Fn3(f, into, a, b, c) => {
                        numbers[into as usize] = f.apply(numbers[a as usize], numbers[b as usize], numbers[c as usize]);
                    }
                    NumberOp::Select(literal, into, a, b) => {
                        let chosen = if literal.read(&row.bits) { a } else { b };
                        numbers[into as usize] = numbers[chosen as usize];
                    }
                    NumberOp::Exact(into, root) => match self.exact_value(graph, row, &mut exact, root) {
                        Some(&Value::Number(x)) => row.numbers[into as usize] = x,
                        _ => return false,
                    },
                }
            }
            stage.atoms.test(stage.first_bit, &row.numbers, &mut row.bits);
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
                write_bit(&mut row.bits, bit, passed);
            }
            for term in &stage.terms {
                let holds = self.holds(term, &row.bits);
                write_bit(&mut row.bits, term.bit, holds);
            }
        }
        all_finite(&row.numbers[..self.checked])
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
            Output::Bool(literal) => Some(literal.read(&row.bits)),
            Output::KnownBool(known) => Some(known),
            _ => None,
        }
    }

    #[inline]
    fn holds(&self, term: &Term, bits: &[u64]) -> bool {
        let mut parts = self.parts[term.parts.0 as usize..term.parts.1 as usize].iter();
        let set = |p: &Part| (bits[p.word as usize] ^ p.flip) & p.mask;
        if term.all {
            parts.all(|p| set(p) == p.mask)
        } else {
            parts.any(|p| set(p) != 0)
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

impl Atoms {
    #[inline]
    fn test(&self, first_bit: u32, numbers: &[f64], bits: &mut [u64]) {
        let columns = self
            .register
            .chunks_exact(8)
            .zip(self.lo.chunks_exact(8))
            .zip(self.hi.chunks_exact(8));
        for (chunk, ((register, lo), hi)) in columns.enumerate() {
            let mut byte = 0_u64;
            for k in 0..8 {
                let x = numbers[register[k] as usize];
                byte |= u64::from((lo[k] <= x) & (x <= hi[k])) << k;
            }
            let bit = first_bit as usize + chunk * 8;
            let (word, shift) = (bit / 64, bit % 64);
            bits[word] = (bits[word] & !(0xff << shift)) | (byte << shift);
        }
    }
}

#[inline]
fn write_bit(bits: &mut [u64], bit: u32, value: bool) {
    let (word, shift) = (bit as usize / 64, bit % 64);
    bits[word] = (bits[word] & !(1 << shift)) | (u64::from(value) << shift);
}

/// `x − x` is zero for every finite number and NaN for the others, and NaN survives a sum; four sums at a time keep the additions from
/// waiting for each other. The length is a multiple of four.
#[inline]
#[expect(clippy::eq_op, reason = "zero for numbers, NaN for what is not finite")]
fn all_finite(numbers: &[f64]) -> bool {
    let mut sums = [0.0_f64; 4];
    for chunk in numbers.chunks_exact(4) {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x - x;
        }
    }
    !(sums[0] + sums[1] + sums[2] + sums[3]).is_nan()
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
    Difference(u32),
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
    atoms: Vec<(Slot, f64, f64, u32)>,
    texts: Vec<TextAtom>,
    terms: Vec<(u32, bool, Vec<Literal>)>,
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
    known_atoms: HashMap<(Slot, u64, u64), (Literal, u32)>,
    temporaries: u32,
    differences: u32,
    /// Bits are numbered in the order they are met, and renumbered at the end so that each stage's atoms stand together.
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
            temporaries: 0,
            differences: 0,
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

    /// The bit that says `lo ≤ slot ≤ hi`.
    fn atom(&mut self, slot: Slot, stage: u32, lo: f64, hi: f64, negate: bool) -> Lowered {
        let key = (slot, lo.to_bits(), hi.to_bits());
        let (literal, stage) = match self.known_atoms.get(&key) {
            Some(&known) => known,
            None => {
                let literal = self.new_bit();
                self.stage(stage).atoms.push((slot, lo, hi, literal.bit));
                self.known_atoms.insert(key, (literal, stage));
                (literal, stage)
            }
        };
        Lowered::Bool(
            Literal {
                bit: literal.bit,
                negate,
            },
            stage,
        )
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
            // The sign of `a − b` is right for all finite numbers: subnormal differences do not vanish, and an overflow keeps its
            // sign, which is why differences are not among the registers that must be finite.
            let ((a, sa), (b, sb)) = (self.number(a), self.number(b));
            let stage = sa.max(sb);
            let into = Slot::Difference(self.differences);
            self.differences += 1;
            self.stage(stage).ops.push(DraftOp::Fn2(Fn2::Subtract, into, a, b));
            let (lo, hi) = match compare {
                Compare::Less => (low, -f64::from_bits(1)),
                Compare::LessEqual => (low, 0.0),
                Compare::Equal => (0.0, 0.0),
            };
            self.atom(into, stage, lo, hi, false)
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
        let mut literals: Vec<Literal> = Vec::with_capacity(operands.len());
        let mut stage = 0;
        for operand in operands {
            match *operand {
                Lowered::KnownBool(b) if b == all => {}
                Lowered::KnownBool(b) => return Lowered::KnownBool(b),
                Lowered::Bool(literal, s) => {
                    stage = stage.max(s);
                    literals.push(literal);
                }
                _ => {}
            }
        }
        literals.sort_by_key(|l| (l.bit, l.negate));
        literals.dedup();
        // `x && !x`, `x || !x`, over defined values.
        if literals.windows(2).any(|pair| pair[0].bit == pair[1].bit) {
            return Lowered::KnownBool(!all);
        }
        match literals.len() {
            0 => Lowered::KnownBool(all),
            1 => Lowered::Bool(literals[0], stage),
            _ => {
                let into = self.new_bit();
                self.stage(stage).terms.push((into.bit, all, literals));
                Lowered::Bool(into, stage)
            }
        }
    }

    fn finish(mut self, outputs: &[GraphId], variables: usize) -> Program {
        let inputs = self.graph.inputs.len();
        let checked = (inputs + self.temporaries as usize).next_multiple_of(4);
        let constants_at = checked;
        let differences_at = constants_at + self.constants.len();
        let register = |slot: Slot| -> Register {
            (match slot {
                Slot::Input(i) => i as usize,
                Slot::Temporary(i) => inputs + i as usize,
                Slot::Constant(i) => constants_at + i as usize,
                Slot::Difference(i) => differences_at + i as usize,
            }) as Register
        };

        // Bits: each stage's atoms in whole bytes, then its text conditions and terms.
        let mut bit_of = vec![0_u32; self.bits as usize];
        let mut next = 0_u32;
        let mut first_bits = Vec::new();
        for stage in &self.stages {
            next = next.next_multiple_of(8);
            first_bits.push(next);
            for atom in &stage.atoms {
                bit_of[atom.3 as usize] = next;
                next += 1;
            }
            next = next.next_multiple_of(8);
            let others = stage.texts.iter().map(|t| match *t {
                TextAtom::Test { bit, .. } | TextAtom::Exact { bit, .. } => bit,
            });
            for bit in others.chain(stage.terms.iter().map(|t| t.0)) {
                bit_of[bit as usize] = next;
                next += 1;
            }
        }
        let literal = |l: Literal| Literal {
            bit: bit_of[l.bit as usize],
            negate: l.negate,
        };

        let mut parts: Vec<Part> = Vec::new();
        let mut stages = Vec::new();
        for (draft, first_bit) in std::mem::take(&mut self.stages).into_iter().zip(first_bits) {
            let mut stage = Stage {
                first_bit,
                ..Stage::default()
            };
            stage.ops = draft
                .ops
                .iter()
                .map(|op| match *op {
                    DraftOp::Fn1(f, into, a) => NumberOp::Fn1(f, register(into), register(a)),
                    DraftOp::Fn2(f, into, a, b) => NumberOp::Fn2(f, register(into), register(a), register(b)),
                    DraftOp::Fn3(f, into, a, b, c) => {
                        NumberOp::Fn3(f, register(into), register(a), register(b), register(c))
                    }
                    DraftOp::Select(l, into, a, b) => {
                        NumberOp::Select(literal(l), register(into), register(a), register(b))
                    }
                    DraftOp::Exact(into, root) => NumberOp::Exact(register(into), root),
                })
                .collect();
            for &(slot, lo, hi, _) in &draft.atoms {
                stage.atoms.register.push(register(slot));
                stage.atoms.lo.push(lo);
                stage.atoms.hi.push(hi);
            }
            // Padding that no number passes.
            while !stage.atoms.register.len().is_multiple_of(8) {
                stage.atoms.register.push(0);
                stage.atoms.lo.push(f64::INFINITY);
                stage.atoms.hi.push(f64::NEG_INFINITY);
            }
            stage.texts = draft
                .texts
                .iter()
                .map(|t| match *t {
                    TextAtom::Test { bit, input, test } => TextAtom::Test {
                        bit: bit_of[bit as usize],
                        input,
                        test,
                    },
                    TextAtom::Exact { bit, root } => TextAtom::Exact {
                        bit: bit_of[bit as usize],
                        root,
                    },
                })
                .collect();
            for (bit, all, literals) in draft.terms {
                let from = parts.len() as u32;
                let mut literals: Vec<Literal> = literals.into_iter().map(literal).collect();
                literals.sort_by_key(|l| l.bit);
                for l in literals {
                    let (word, one) = (l.bit / 64, 1_u64 << (l.bit % 64));
                    let flip = if l.negate { one } else { 0 };
                    match parts[from as usize..].last_mut() {
                        Some(Part {
                            word: last,
                            mask,
                            flip: flips,
                        }) if *last == word => {
                            *mask |= one;
                            *flips |= flip;
                        }
                        _ => parts.push(Part { word, mask: one, flip }),
                    }
                }
                stage.terms.push(Term {
                    bit: bit_of[bit as usize],
                    all,
                    parts: (from, parts.len() as u32),
                });
            }
            stages.push(stage);
        }

        let mut start = vec![0.0; differences_at + self.differences as usize];
        start[constants_at..differences_at].copy_from_slice(&self.constants);
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
                    Lowered::Bool(l, _) => Output::Bool(literal(l)),
                    Lowered::KnownBool(b) => Output::KnownBool(b),
                    Lowered::No => Output::Exact,
                };
                (id, output)
            })
            .collect();
        let words = (next as usize).div_ceil(64).max(1);
        Program {
            start,
            needed,
            checked,
            stages,
            parts,
            exact_nodes: self.graph.in_order(self.exact.iter().copied()),
            exact: self.exact,
            words,
            bits: next,
            outputs,
            variables: by_variable,
        }
    }
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
