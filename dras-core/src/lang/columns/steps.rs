//! What a program does for a word of rows, as a list of steps; made once for every program that is evaluated over columns.

use crate::lang::program::{NumberOp, Other, Output, Program, Stage};

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
}

/// A conjunction, or a part of one that has many comparisons.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// Comparisons `≥`, and after them comparisons `<`.
    pub(super) tests: [(u32, f64); TESTS],
    pub(super) at_least: u8,
    pub(super) below: u8,
    /// Which of the literals.
    pub(super) literals: (u32, u32),
    /// Whether no step before looks at some of the numbers.
    pub(super) new: bool,
    /// Whether it goes on with what the step before wrote to the same bit.
    pub(super) continues: bool,
    pub(super) into: u32,
}

impl Steps {
    pub(in crate::lang) fn new(program: &Program) -> Steps {
        let mut steps = Steps {
            list: Vec::new(),
            literals: Vec::new(),
            inputs: Vec::new(),
            untested: Vec::new(),
            computed: Vec::new(),
        };
        let alone = needed_alone(program);
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
        self.list.extend(stage.ops.iter().copied().map(Step::Op));
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

    fn term(&mut self, into: u32, mut at_least: &[(u32, f64)], mut below: &[(u32, f64)], literals: &[(u32, u64)]) {
        let from = self.literals.len() as u32;
        self.literals.extend(literals);
        let mut literals = (from, self.literals.len() as u32);
        let mut continues = false;
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
                literals,
                new: true,
                continues,
                into,
            }));
            if at_least.is_empty() && below.is_empty() {
                return;
            }
            (continues, literals) = (true, (from, from));
        }
    }
}

/// What turns a bit into the one that is meant.
pub(super) fn flip(negate: bool) -> u64 {
    if negate { u64::MAX } else { 0 }
}

/// The bits that are needed on their own: by outputs and choices, and by more than one term.
fn needed_alone(program: &Program) -> Vec<bool> {
    let mut terms = vec![0_u32; program.bits as usize];
    for part in program.stages.iter().flat_map(|s| &s.levels).flatten() {
        for (bit, _) in part.literals() {
            terms[bit as usize] += 1;
        }
    }
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
