//! What a program does for a word of rows, as a list of steps; made once for every program that is evaluated over columns.

use super::fused::Fused;
use crate::lang::program::{Code, NumberOp, Other, Output, Program, Stage};

/// How many comparisons are made by one step, so that masks are seldom turned into bits.
pub(super) const TESTS: usize = 4;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(in crate::lang) struct Steps {
    pub(super) list: Vec<Step>,
    /// The bits of all terms, each with what turns it into the one that is meant.
    pub(super) literals: Vec<(u32, u64)>,
    /// The inputs that are needed.
    pub(super) inputs: Vec<u32>,
    /// Those of them that no step adds up.
    pub(super) untested: Vec<u32>,
    /// The registers that are computed.
    pub(super) computed: Vec<u32>,
    /// What is computed only to be compared with a bound, and not kept.
    pub(super) passing: Vec<NumberOp>,
    /// The same in one pass, for programs of few comparisons.
    pub(super) fused: Option<Fused>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Op(NumberOp),
    /// `into = if bit { then } else { otherwise }`
    Select {
        bit: u32,
        flip: u64,
        into: u32,
        either: [u32; 2],
    },
    /// `bit = left ≥ right`
    Pair {
        left: u32,
        right: u32,
        bit: u32,
    },
    Term(Term),
    Compare(Compare),
}

/// Where the truth values of a conjunction, or of a part of one, go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Into {
    pub(super) bit: u32,
    /// Whether it goes on with what the step before wrote to the same bit.
    pub(super) continues: bool,
    /// Which of the literals are part of it.
    pub(super) literals: (u32, u32),
}

/// The test of a result that nothing else needs: `code(left, right) ≥ bound`, or its opposite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compare {
    pub(super) code: Code,
    pub(super) operands: [u32; 2],
    pub(super) bound: f64,
    pub(super) flip: u64,
    pub(super) into: Into,
}

/// A conjunction, or a part of one that has many comparisons.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// Comparisons `≥`, and after them comparisons `<`.
    pub(super) tests: [(u32, f64); TESTS],
    pub(super) at_least: u8,
    pub(super) below: u8,
    /// Whether no step before looks at some of the numbers.
    pub(super) new: bool,
    pub(super) into: Into,
}

impl Steps {
    pub(in crate::lang) fn new(program: &Program) -> Steps {
        let mut steps = Steps {
            list: Vec::new(),
            literals: Vec::new(),
            inputs: Vec::new(),
            untested: Vec::new(),
            computed: Vec::new(),
            passing: Vec::new(),
            fused: None,
        };
        let terms = terms_of(program);
        let alone = needed_alone(program, &terms);
        steps.passing = passing(program, |bit| alone[bit] || terms[bit] > 0);
        let mut fused = vec![None; alone.len()];
        for stage in &program.stages {
            steps.add(stage, &alone, &mut fused);
        }
        let mut tested = vec![false; program.registers()];
        let mut test = |register: u32| !std::mem::replace(&mut tested[register as usize], true);
        for step in &mut steps.list {
            match step {
                Step::Op(op) => {
                    for register in op.operands.into_iter().chain([op.into]) {
                        test(register);
                    }
                    steps.computed.push(op.into);
                }
                // What it chooses from was looked at before.
                Step::Select { into, .. } => {
                    test(*into);
                    steps.computed.push(*into);
                }
                Step::Pair { left, right, .. } => {
                    test(*left);
                    test(*right);
                }
                Step::Compare(compare) => {
                    for register in compare.operands {
                        test(register);
                    }
                }
                Step::Term(term) => {
                    let tests = &term.tests[..usize::from(term.at_least + term.below)];
                    term.new = tests.iter().fold(false, |new, (register, _)| new | test(*register));
                }
            }
        }
        let inputs = (0..program.needed.len() as u32).filter(|input| program.needed[*input as usize]);
        steps.inputs = inputs.collect();
        let untested = steps.inputs.iter().copied().filter(|input| !tested[*input as usize]);
        steps.untested = untested.collect();
        steps.fused = Fused::of(program, &steps);
        steps
    }

    /// Appends what a stage does. Comparisons that nothing else needs become part of their term, rather than bits of their own; those that wait
    /// for it are `fused`, by bit.
    fn add(&mut self, stage: &Stage, alone: &[bool], fused: &mut [Option<(u32, f64)>]) {
        for other in &stage.others {
            // The others are refused with an error before the first row.
            if let Other::Select {
                literal,
                into,
                then,
                otherwise,
            } = *other
            {
                self.list.push(Step::Select {
                    bit: literal.bit,
                    flip: flip(literal.negate),
                    into,
                    either: [then, otherwise],
                });
            }
        }
        for op in &stage.ops {
            if !self.passing.iter().any(|passing| passing.into == op.into) {
                self.list.push(Step::Op(*op));
            }
        }
        for (register, bound, bit) in stage.every_atom() {
            if alone[bit] {
                self.term(bit as u32, &[(register, bound)], &[], &[]);
            } else {
                fused[bit] = Some((register, bound));
            }
        }
        for pair in &stage.pairs {
            self.list.push(Step::Pair {
                left: pair.left,
                right: pair.right,
                bit: pair.bit,
            });
        }
        let (mut at_least, mut below, mut literals) = (Vec::new(), Vec::new(), Vec::new());
        for part in stage.levels.iter().flatten() {
            for (bit, negate) in part.literals() {
                match fused[bit as usize] {
                    Some(test) if negate => below.push(test),
                    Some(test) => at_least.push(test),
                    None => literals.push((bit, flip(negate))),
                }
            }
            if !part.continues {
                self.term(part.bit, &at_least, &below, &literals);
                at_least.clear();
                below.clear();
                literals.clear();
            }
        }
    }

    fn term(&mut self, bit: u32, at_least: &[(u32, f64)], below: &[(u32, f64)], literals: &[(u32, u64)]) {
        let from = self.literals.len() as u32;
        self.literals.extend(literals);
        // The literals are part of the first step.
        let mut into = Into {
            bit,
            continues: false,
            literals: (from, self.literals.len() as u32),
        };
        let mut next = || {
            let first = into;
            (into.continues, into.literals) = (true, (from, from));
            first
        };
        let kept = |tests: &[(u32, f64)], flip: u64, list: &mut Vec<Step>, next: &mut dyn FnMut() -> Into| {
            let mut kept = Vec::with_capacity(tests.len());
            for (register, bound) in tests {
                match self.passing.iter().find(|passing| passing.into == *register) {
                    Some(op) => list.push(Step::Compare(Compare {
                        code: op.code,
                        operands: [op.operands[0], op.operands[1]],
                        bound: *bound,
                        flip,
                        into: next(),
                    })),
                    None => kept.push((*register, *bound)),
                }
            }
            kept
        };
        let before = self.list.len();
        let at_least = kept(at_least, flip(false), &mut self.list, &mut next);
        let below = kept(below, flip(true), &mut self.list, &mut next);
        let (mut at_least, mut below) = (&at_least[..], &below[..]);
        if self.list.len() > before && at_least.is_empty() && below.is_empty() {
            return;
        }
        loop {
            let a = at_least.len().min(TESTS);
            let b = below.len().min(TESTS - a);
            let mut tests = [(0, 0.0); TESTS];
            tests[..a].copy_from_slice(&at_least[..a]);
            tests[a..a + b].copy_from_slice(&below[..b]);
            (at_least, below) = (&at_least[a..], &below[b..]);
            self.list.push(Step::Term(Term {
                tests,
                at_least: a as u8,
                below: b as u8,
                new: true,
                into: next(),
            }));
            if at_least.is_empty() && below.is_empty() {
                return;
            }
        }
    }
}

/// What turns a bit into the one that is meant.
pub(super) fn flip(negate: bool) -> u64 {
    if negate { u64::MAX } else { 0 }
}

/// How many terms each bit is part of.
fn terms_of(program: &Program) -> Vec<u32> {
    let mut terms = vec![0; program.bits as usize];
    for part in program.stages.iter().flat_map(|s| &s.levels).flatten() {
        for (bit, _) in part.literals() {
            terms[bit as usize] += 1;
        }
    }
    terms
}

/// The bits that are needed on their own: by outputs and choices, and by more than one term.
fn needed_alone(program: &Program, terms: &[u32]) -> Vec<bool> {
    let mut alone: Vec<bool> = terms.iter().map(|terms| *terms > 1).collect();
    for other in program.stages.iter().flat_map(|s| &s.others) {
        if let Other::Select { literal, .. } = other {
            alone[literal.bit as usize] = true;
        }
    }
    if let Output::Bool(literal) = program.output(0).1 {
        alone[literal.bit as usize] = true;
    }
    alone
}

/// The sums, differences, products and quotients that a single comparison with a constant is all that needs.
fn passing(program: &Program, is_needed: impl Fn(usize) -> bool) -> Vec<NumberOp> {
    let stages = &program.stages;
    let (mut compared, mut kept) = (vec![0_u32; program.registers()], vec![false; program.registers()]);
    for (register, _, bit) in stages.iter().flat_map(Stage::every_atom) {
        compared[register as usize] += 1;
        // A comparison that nothing needs is not made; its operand must be looked at all the same.
        kept[register as usize] |= !is_needed(bit);
    }
    for op in stages.iter().flat_map(|s| &s.ops) {
        op.operands.iter().for_each(|register| kept[*register as usize] = true);
    }
    for pair in stages.iter().flat_map(|s| &s.pairs) {
        (kept[pair.left as usize], kept[pair.right as usize]) = (true, true);
    }
    for other in stages.iter().flat_map(|s| &s.others) {
        if let Other::Select { then, otherwise, .. } = other {
            (kept[*then as usize], kept[*otherwise as usize]) = (true, true);
        }
    }
    if let Output::Number(register) = program.output(0).1 {
        kept[register as usize] = true;
    }
    let ops = stages.iter().flat_map(|s| &s.ops).copied();
    let is_simple = |code| matches!(code, Code::Add | Code::Subtract | Code::Multiply | Code::Divide);
    ops.filter(|op| is_simple(op.code) && compared[op.into as usize] == 1 && !kept[op.into as usize])
        .collect()
}
