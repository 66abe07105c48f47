//! Graph → program.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::super::graph::{Compare, Graph, GraphId, Input, Op, Place};
use super::super::row::{NO_NUMBER, VariableSlot};
use super::super::types::Type;
use super::{
    Atoms, Code, Literal, NumberOp, Other, Output, Pair, Part, Program, Register, Single, Small, Stage, TOGETHER,
};

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

/// A [`Stage`] with slots instead of registers.
#[derive(Debug, Default)]
struct DraftStage {
    selects: Vec<(Literal, [Slot; 3])>,
    exact_numbers: Vec<(Slot, u32)>,
    texts: Vec<Other>,
    ops: Vec<(Code, Slot, [Slot; 3])>,
    atoms: Vec<(Slot, f64, u32)>,
    pairs: Vec<(Slot, Slot, u32)>,
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

pub(super) struct Lowering<'g> {
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
    pub(super) fn new(graph: &'g Graph, outputs: &[GraphId]) -> Lowering<'g> {
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
            if lowering.needed[index] && graph.nodes[index].place == Place::Task {
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
            Op::Fn1(f, a) => self.function(f.into(), [a; 3]),
            Op::Fn2(f, a, b) => self.function(f.into(), [a, b, a]),
            Op::Fn3(f, a, b, c) => self.function(f.into(), [a, b, c]),
            Op::Not(a) => self.not(a),
            Op::And(..) | Op::Or(..) => self.term(id),
            Op::Compare(compare, a, b) => match self.graph.ty(a) {
                Type::Number(_) => self.compare(compare, a, b),
                Type::Bool => self.compare_bools(compare, a, b),
                Type::Text => self.exact_bool(id),
            },
            // The program only speaks where everything is defined.
            Op::Else(a, _) if node.ty != Type::Text => self.lowered[a.index()],
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
                        // Choices come first in their stage.
                        let stage = sc.max(sa).max(sb) + 1;
                        self.stage(stage).selects.push((literal, [into, a, b]));
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
                    self.stages[0].texts.push(Other::Text {
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
                    let body = self.exact_body(id);
                    let into = self.temporary();
                    self.stages[0].exact_numbers.push((into, body));
                    Lowered::Number(into, 0)
                }
                Type::Text => Lowered::No,
            },
            Op::Else(..) | Op::Text(_) | Op::InstanceLeaf(..) | Op::SampleLeaf(..) => Lowered::No,
        }
    }

    fn function(&mut self, code: Code, operands: [GraphId; 3]) -> Lowered {
        let operands = operands.map(|o| self.number(o));
        let stage = operands.iter().map(|o| o.1).max().unwrap_or(0);
        let into = self.temporary();
        self.stage(stage).ops.push((code, into, operands.map(|o| o.0)));
        Lowered::Number(into, stage)
    }

    fn exact_body(&mut self, root: GraphId) -> u32 {
        self.exact.push(root);
        self.exact.len() as u32 - 1
    }

    fn exact_bool(&mut self, id: GraphId) -> Lowered {
        let body = self.exact_body(id);
        let literal = self.new_bit();
        self.stages[0].texts.push(Other::ExactBool { bit: literal.bit, body });
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
        // −0 and 0 are equal, so their atoms are one.
        let bound = if bound == 0.0 { -0.0 } else { bound };
        let key = (slot, bound.to_bits());
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

    pub(super) fn finish(mut self, outputs: &[GraphId], variables: usize) -> Program {
        let inputs = self.graph.inputs.len();
        let temporaries_at = (inputs + self.constants.len()).next_multiple_of(TOGETHER);
        let register = |slot: Slot| -> Register {
            (match slot {
                Slot::Input(i) => i as usize,
                Slot::Temporary(i) => temporaries_at + i as usize,
                Slot::Constant(i) => inputs + i as usize,
            }) as Register
        };
        let stages = std::mem::take(&mut self.stages).into_iter().map(|draft| {
            let select = |&(literal, slots): &(Literal, [Slot; 3])| {
                let [into, then, otherwise] = slots.map(register);
                Other::Select {
                    literal,
                    into,
                    then,
                    otherwise,
                }
            };
            let exact = |&(into, body): &(Slot, u32)| Other::ExactNumber {
                into: register(into),
                body,
            };
            let mut stage = Stage {
                others: draft
                    .selects
                    .iter()
                    .map(select)
                    .chain(draft.exact_numbers.iter().map(exact))
                    .collect(),
                ops: chained(
                    draft
                        .ops
                        .iter()
                        .map(|(code, into, operands)| (*code, register(*into), operands.map(register))),
                ),
                ..Stage::default()
            };
            stage.others.extend(draft.texts);
            let atoms = draft.atoms.iter();
            (stage.atoms, stage.singles) = together(atoms.map(|(slot, bound, bit)| (register(*slot), *bound, *bit)));
            for (left, right, bit) in draft.pairs {
                stage.pairs.push(Pair {
                    left: register(left),
                    right: register(right),
                    bit,
                });
            }
            stage.levels = levels(&draft.terms);
            stage.compares = !(stage.atoms.is_empty() && stage.singles.is_empty() && stage.pairs.is_empty());
            stage
        });
        let stages: Vec<Stage> = stages.collect();

        let mut start = vec![0.0; temporaries_at + self.temporaries as usize + TOGETHER - 1];
        start[inputs..inputs + self.constants.len()].copy_from_slice(&self.constants);
        let mut tested = vec![false; start.len()];
        for atoms in &stages[0].atoms {
            tested[atoms.first as usize..][..TOGETHER].fill(true);
        }
        for single in &stages[0].singles {
            tested[single.register as usize] = true;
        }
        for op in &stages[0].ops {
            for register in op.operands {
                tested[register as usize] = true;
            }
        }
        let untested = (0..inputs as Register)
            .filter(|input| !tested[*input as usize])
            .collect();
        let with_bodies = self.graph.needed(outputs.iter().copied(), true);
        let needed: Vec<bool> = self
            .graph
            .input_nodes
            .iter()
            .map(|id| with_bodies[id.index()])
            .collect();
        let mut by_variable = vec![VariableSlot::Unused; variables];
        for (index, input) in self.graph.inputs.iter().enumerate() {
            if let Input::Variable(v) = input
                && needed[index]
                && let Some(slot) = by_variable.get_mut(v.index())
            {
                *slot = match self.graph.ty(self.graph.input_nodes[index]) {
                    Type::Text => VariableSlot::Text(index as u32),
                    Type::Number(_) | Type::Bool => VariableSlot::Number(index as u32),
                };
            }
            if needed[index] {
                start[index] = NO_NUMBER;
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
        let mut program = Program {
            start,
            untested,
            needed,
            stages,
            exact_nodes: self.graph.in_order(self.exact.iter().copied()),
            exact: self.exact,
            words,
            bits: self.bits,
            outputs,
            variables: by_variable,
            small: None,
            column_steps: OnceLock::new(),
        };
        program.small = Small::of(&program);
        program
    }
}

/// Notes which operations go on with the result of the one before.
pub(super) fn chained(drafts: impl ExactSizeIterator<Item = (Code, Register, [Register; 3])>) -> Vec<NumberOp> {
    let mut ops: Vec<NumberOp> = Vec::with_capacity(drafts.len());
    for (code, into, mut operands) in drafts {
        let last = ops.last().map(|op| op.into);
        if matches!(code, Code::Add | Code::Multiply) && Some(operands[1]) == last {
            operands.swap(0, 1);
        }
        ops.push(NumberOp {
            code,
            into,
            operands,
            chained: Some(operands[0]) == last,
        });
    }
    ops
}

/// Puts atoms into groups that are tested at once.
fn together(atoms: impl ExactSizeIterator<Item = (Register, f64, u32)>) -> (Vec<Atoms>, Vec<Single>) {
    // How many atoms of the same word and register come before each: those of one rank can stand beside each other.
    let mut ranks: HashMap<(u32, Register), u32> = HashMap::new();
    let mut ranked: Vec<(u32, u32, Register, f64, u32)> = Vec::with_capacity(atoms.len());
    for (register, bound, bit) in atoms {
        let rank = ranks.entry((bit / 64, register)).or_insert(0);
        ranked.push((bit / 64, *rank, register, bound, bit));
        *rank += 1;
    }
    ranked.sort_by_key(|(word, rank, register, ..)| (*word, *rank, *register));
    let (mut groups, mut singles) = (Vec::new(), Vec::new());
    let mut rest = &ranked[..];
    while let Some(&(word, rank, first, ..)) = rest.first() {
        let near = |&(w, r, register, ..): &(u32, u32, Register, f64, u32)| {
            w == word && r == rank && register < first + TOGETHER as Register
        };
        let (group, others) = rest.split_at(rest.partition_point(near));
        rest = others;
        // Numbers that were just set one by one are slow to fetch as a vector; that pays for many of them only; measured.
        if group.len() < TOGETHER - 1 {
            let single =
                |&(_, _, register, bound, bit): &(u32, u32, Register, f64, u32)| Single { bound, register, bit };
            singles.extend(group.iter().map(single));
            continue;
        }
        let mut atoms = Atoms {
            bound: [0.0; TOGETHER],
            mask: [0; TOGETHER],
            first,
            word,
        };
        for (_, _, register, bound, bit) in group {
            let place = (register - first) as usize;
            atoms.bound[place] = *bound;
            atoms.mask[place] = 1 << (bit % 64);
        }
        groups.push(atoms);
    }
    (groups, singles)
}

/// The parts of terms, by level: a term comes in a later level than the terms that it needs.
fn levels(terms: &[(u32, Vec<Literal>)]) -> Vec<Vec<Part>> {
    let mut level_of: HashMap<u32, usize> = HashMap::with_capacity(terms.len());
    let mut levels: Vec<Vec<Part>> = Vec::new();
    for (bit, literals) in terms {
        let needed = literals.iter().filter_map(|literal| level_of.get(&literal.bit));
        let level = needed.max().map_or(0, |level| level + 1);
        level_of.insert(*bit, level);
        if levels.len() <= level {
            levels.resize_with(level + 1, Vec::new);
        }
        add_parts(&mut levels[level], *bit, literals);
    }
    levels
}

/// Appends the parts of the term that is written to `bit`; `literals` are in the order of their bits.
fn add_parts(parts: &mut Vec<Part>, bit: u32, literals: &[Literal]) {
    let first = parts.len();
    for literal in literals {
        let (word, one) = (literal.bit / 64, 1_u64 << (literal.bit % 64));
        let want = if literal.negate { 0 } else { one };
        match parts[first..].last_mut() {
            Some(last) if last.word == word => {
                last.mask |= one;
                last.want |= want;
            }
            _ => parts.push(Part {
                word,
                continues: true,
                bit,
                mask: one,
                want,
            }),
        }
    }
    if let Some(last) = parts.last_mut() {
        last.continues = false;
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
