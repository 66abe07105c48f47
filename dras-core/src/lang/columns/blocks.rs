//! What a program needs to run over a block of rows: registers, masks, and which comparisons are part of a conjunction.

use std::collections::HashMap;

use super::kernels::Mask;
use crate::lang::program::{Other, Output, Program, Stage};

/// Rows in a block: a block of one register is 8 KiB, so that a few dozen of them stay in the cache.
const BLOCK: usize = 256;

/// What all registers and bits of a block may take, in bytes; a program with very many of them runs over shorter blocks.
const BLOCK_BYTES: usize = 16 << 20;

/// Rows in the blocks of `program`.
fn block_rows(program: &Program) -> usize {
    let row = (program.registers() + program.bits as usize) * size_of::<f64>();
    (BLOCK_BYTES / row).clamp(8, BLOCK)
}

/// A conjunction over a block. Comparisons that nothing else needs are part of it, rather than masks of their own.
pub(super) struct Term {
    pub(super) at_least: Vec<(u32, f64)>,
    pub(super) below: Vec<(u32, f64)>,
    /// Other bits, and all ones where their opposite is meant.
    pub(super) bits: Vec<(u32, Mask)>,
    pub(super) into: u32,
}

/// A stage, as far as it is not as for one row.
pub(super) struct Plan {
    /// The atoms that are masks of their own.
    pub(super) atoms: Vec<(u32, f64, u32)>,
    pub(super) terms: Vec<Term>,
}

/// The registers and bits of one block.
pub(super) struct Blocks {
    /// Rows in a block.
    pub(super) rows: usize,
    pub(super) plans: Vec<Plan>,
    /// Temporaries, by register; empty for inputs and constants.
    pub(super) registers: Vec<Vec<f64>>,
    /// By bit; empty for comparisons that are part of a term.
    pub(super) masks: Vec<Vec<Mask>>,
    pub(super) scratch: Vec<Mask>,
    /// Stands for the column of a variable that has none.
    pub(super) undefined: Vec<f64>,
    /// The registers that may be undefined.
    pub(super) inputs: Vec<u32>,
    pub(super) computed: Vec<u32>,
    /// Whether everything is finite in all rows.
    pub(super) whole: bool,
    /// Otherwise: NaN in the rows in which something is not.
    pub(super) check: Vec<f64>,
}

impl Blocks {
    pub(super) fn new(program: &Program) -> Blocks {
        let rows = block_rows(program);
        let mut registers = vec![Vec::new(); program.registers()];
        for stage in &program.stages {
            let selected = stage.others.iter().filter_map(|other| match other {
                Other::Select { into, .. } => Some(*into),
                _ => None,
            });
            for into in stage.ops.iter().map(|op| op.into).chain(selected) {
                registers[into as usize] = vec![0.0; rows];
            }
        }
        // Comparisons of constants were folded; should one be left, its constant is a column, too.
        let inputs = program.needed.len();
        for (register, ..) in program.stages.iter().flat_map(Stage::every_atom) {
            let column = &mut registers[register as usize];
            if register as usize >= inputs && column.is_empty() {
                *column = vec![program.constant(register); rows];
            }
        }
        let alone = needed_alone(program);
        let plans: Vec<Plan> = program.stages.iter().map(|stage| Plan::new(stage, &alone)).collect();
        let mut masks = vec![Vec::new(); program.bits as usize];
        let made = plans.iter().flat_map(|plan| {
            let atoms = plan.atoms.iter().map(|atom| atom.2);
            atoms.chain(plan.terms.iter().map(|term| term.into))
        });
        for bit in made.chain(program.stages.iter().flat_map(|s| &s.pairs).map(|pair| pair.bit)) {
            masks[bit as usize] = vec![0; rows];
        }
        let computed = (0..registers.len()).filter(|r| !registers[*r].is_empty());
        let computed: Vec<u32> = computed.map(|r| r as u32).collect();
        let inputs = (0..inputs)
            .filter(|input| program.needed[*input])
            .map(|input| input as u32);
        Blocks {
            rows,
            plans,
            inputs: inputs.collect(),
            computed,
            registers,
            masks,
            scratch: vec![0; rows],
            undefined: vec![f64::NAN; rows],
            whole: true,
            check: vec![0.0; rows],
        }
    }
}

/// The bits that are needed as masks: by outputs and choices, and by more than one term.
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

impl Plan {
    fn new(stage: &Stage, alone: &[bool]) -> Plan {
        let (mut atoms, mut fused) = (Vec::new(), HashMap::new());
        for (register, bound, bit) in stage.every_atom() {
            if alone[bit] {
                atoms.push((register, bound, bit as u32));
            } else {
                fused.insert(bit as u32, (register, bound));
            }
        }
        let mut terms: Vec<Term> = Vec::new();
        let mut continues = false;
        for part in stage.levels.iter().flatten() {
            if !continues {
                terms.push(Term {
                    at_least: Vec::new(),
                    below: Vec::new(),
                    bits: Vec::new(),
                    into: part.bit,
                });
            }
            continues = part.continues;
            let Some(term) = terms.last_mut() else {
                continue;
            };
            for (bit, negate) in part.literals() {
                match fused.get(&bit) {
                    Some(atom) if negate => term.below.push(*atom),
                    Some(atom) => term.at_least.push(*atom),
                    None => term.bits.push((bit, if negate { Mask::MAX } else { 0 })),
                }
            }
        }
        Plan { atoms, terms }
    }
}
