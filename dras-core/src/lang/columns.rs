//! The compiled program over columns: many rows in one call, in blocks that stay in the cache.
//!
//! The same operations and the same atoms as for one row; a row in which something is undefined is answered by the exact evaluator, so
//! that both give the same bits. The loops are compiled for several instruction sets, of which the best that the machine has is taken when
//! a column is evaluated; none of them rounds differently.

use std::collections::HashMap;

use fearless_simd::{Level, dispatch};

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact::Values;
use super::expression::Expression;
use super::graph::{GraphId, VariableId};
use super::program::{Code, NumberOp, Other, Output, Program, Stage, functions};
use super::row::Row;
use super::types::Value;

/// Rows in a block: a block of one register is 8 KiB, so that a few dozen of them stay in the cache.
const BLOCK: usize = 256;

/// What all registers and bits of a block may take, in bytes; a program with very many of them runs over shorter blocks.
const BLOCK_BYTES: usize = 16 << 20;

/// Rows in the blocks of `program`.
fn block_rows(program: &Program) -> usize {
    let row = (program.registers() + program.bits as usize) * size_of::<f64>();
    (BLOCK_BYTES / row).clamp(8, BLOCK)
}

/// How many names there are.
macro_rules! count {
    () => { 0 };
    ($first:ident $($rest:ident)*) => { 1 + count!($($rest)*) };
}

/// Hands to the macro `$to` the kernels of terms: for each number of comparisons `≥` and of comparisons `<`, four in all at most, a name, and
/// names for columns and bounds.
macro_rules! kernels {
    ($to:ident) => {
        $to! {
            all_1_0 [a k] []
            all_2_0 [a k b l] []
            all_3_0 [a k b l c m] []
            all_4_0 [a k b l c m d n] []
            all_0_1 [] [e o]
            all_1_1 [a k] [e o]
            all_2_1 [a k b l] [e o]
            all_3_1 [a k b l c m] [e o]
            all_0_2 [] [e o f p]
            all_1_2 [a k] [e o f p]
            all_2_2 [a k b l] [e o f p]
            all_0_3 [] [e o f p g q]
            all_1_3 [a k] [e o f p g q]
            all_0_4 [] [e o f p g q h r]
        }
    };
}

/// One loop for each, with columns in parameters of their own: so the compiler knows that they do not overlap, and uses vectors.
macro_rules! define_kernels {
    ($($name:ident [$($above:ident $at_least:ident)*] [$($below:ident $less_than:ident)*])*) => {
        $(
            #[inline(always)]
            fn $name(
                into: &mut [Mask],
                $($above: &[f64],)* $($below: &[f64],)*
                $($at_least: f64,)* $($less_than: f64,)*
            ) {
                let rows = into.len();
                $(let $above = &$above[..rows];)*
                $(let $below = &$below[..rows];)*
                for row in 0..rows {
                    let all = true $(& ($above[row] >= $at_least))* $(& ($below[row] < $less_than))*;
                    into[row] = u64::from(all).wrapping_neg();
                }
            }
        )*
    };
}
kernels!(define_kernels);

/// The truth value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Truth {
    /// False.
    False = 0,
    /// True.
    True = 1,
    /// Undefined.
    Undefined = 2,
}

/// One value for each row of a variable, in seconds, bytes or plain numbers (0 and 1 for truth values). NaN and infinities are undefined.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The variable.
    pub variable: VariableId,
    /// Its values.
    pub values: &'a [f64],
}

/// Columns that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A column has another length than the result.
    #[error("the column of `{name}` has {is} rows and the result has {should}")]
    Length {
        /// The variable.
        name: String,
        /// Its column's length.
        is: usize,
        /// The result's length.
        should: usize,
    },
    /// The expression uses texts, of which there are no columns.
    #[error("the expression uses texts; columns hold numbers")]
    Text,
    /// The expression uses windows of metrics, which belong to a task.
    #[error("the expression uses windows of metrics; evaluate it over a task's windows")]
    Window,
    /// A condition was asked for its number, or the other way round.
    #[error("the expression is {is}")]
    Type {
        /// What it is.
        is: String,
    },
}

impl Expression {
    /// The truth value of every row: row `i` has the `i`-th value of each column. A variable without a column is undefined in every row; a
    /// column of a variable that the expression does not use is ignored, but must have the right length.
    ///
    /// ```
    /// use dras_core::lang::{Column, Expression, Limits, Scope, Truth};
    /// use dras_core::units::Unit;
    ///
    /// let mut scope = Scope::new();
    /// let (cpu, lag) = (scope.number("cpu", Unit::NUMBER)?, scope.number("lag", Unit::SECONDS)?);
    /// let hot = Expression::compile("cpu > 80% && lag > 5m", &scope, &Limits::default())?;
    ///
    /// let columns = [
    ///     Column { variable: cpu, values: &[0.91, 0.40, 0.91] },
    ///     Column { variable: lag, values: &[412.0, f64::NAN, f64::NAN] },
    /// ];
    /// let mut truths = [Truth::Undefined; 3];
    /// hot.conditions(&columns, &mut truths)?;
    /// assert_eq!(truths, [Truth::True, Truth::False, Truth::Undefined]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The expression is no condition, uses texts or windows, or a column's length differs from that of `into`. `into` is unchanged then.
    pub fn conditions(&self, columns: &[Column<'_>], into: &mut [Truth]) -> Result<(), ColumnError> {
        if self.ty() != super::types::Type::Bool {
            return Err(ColumnError::Type {
                is: self.ty().describe(),
            });
        }
        let mut run = Run::new(self, columns, into.len())?;
        let mut blocks = Blocks::new(&self.compiled().program);
        dispatch!(Level::new(), _simd => run.conditions(&mut blocks, into));
        Ok(())
    }

    /// The number of every row, in seconds, bytes or plain numbers; NaN where it is undefined. Columns are as in
    /// [`conditions`](Self::conditions).
    ///
    /// ```
    /// use dras_core::lang::{Column, Expression, Limits, Scope};
    /// use dras_core::units::Unit;
    ///
    /// let mut scope = Scope::new();
    /// let (used, max) = (scope.number("used", Unit::BYTES)?, scope.number("max", Unit::BYTES)?);
    /// let ratio = Expression::compile("used / max", &scope, &Limits::default())?;
    /// let mut ratios = [0.0; 2];
    /// let columns = [Column { variable: used, values: &[512.0, 1.0] }, Column { variable: max, values: &[1024.0, 0.0] }];
    /// ratio.numbers(&columns, &mut ratios)?;
    /// assert!(ratios[0] == 0.5 && ratios[1].is_nan());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The expression is no number, uses texts or windows, or a column's length differs from that of `into`. `into` is unchanged then.
    pub fn numbers(&self, columns: &[Column<'_>], into: &mut [f64]) -> Result<(), ColumnError> {
        if self.ty().unit().is_none() {
            return Err(ColumnError::Type {
                is: self.ty().describe(),
            });
        }
        let mut run = Run::new(self, columns, into.len())?;
        let mut blocks = Blocks::new(&self.compiled().program);
        dispatch!(Level::new(), _simd => run.numbers(&mut blocks, into));
        Ok(())
    }
}

/// The columns of one call, by input.
struct Run<'a> {
    expression: &'a Expression,
    inputs: Vec<Option<&'a [f64]>>,
    columns: &'a [Column<'a>],
    exact: Option<Exact<'a>>,
}

/// What answers rows in which something is undefined; made when the first one is met.
struct Exact<'a> {
    row: Row<'a>,
    nodes: Vec<GraphId>,
    values: Values<'a>,
}

/// A mask of one row: all ones or all zeros, as wide as the numbers that it comes from.
type Mask = u64;

/// A conjunction over a block. Comparisons that nothing else needs are part of it, rather than masks of their own.
struct Term {
    at_least: Vec<(u32, f64)>,
    below: Vec<(u32, f64)>,
    /// Other bits, and all ones where their opposite is meant.
    bits: Vec<(u32, Mask)>,
    into: u32,
}

/// A stage, as far as it is not as for one row.
struct Plan {
    /// The atoms that are masks of their own.
    atoms: Vec<(u32, f64, u32)>,
    terms: Vec<Term>,
}

/// The registers and bits of one block.
struct Blocks {
    /// Rows in a block.
    rows: usize,
    plans: Vec<Plan>,
    /// Temporaries, by register; empty for inputs and constants.
    registers: Vec<Vec<f64>>,
    /// By bit; empty for comparisons that are part of a term.
    masks: Vec<Vec<Mask>>,
    scratch: Vec<Mask>,
    /// Stands for the column of a variable that has none.
    undefined: Vec<f64>,
    /// The registers that may be undefined.
    inputs: Vec<u32>,
    computed: Vec<u32>,
    /// Whether everything is finite in all rows.
    whole: bool,
    /// Otherwise: NaN in the rows in which something is not.
    check: Vec<f64>,
}

impl Blocks {
    fn new(program: &Program) -> Blocks {
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
        let inputs = (0..inputs).filter(|input| program.needed[*input]).map(|input| input as u32);
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

#[derive(Clone, Copy)]
enum Operand<'a> {
    Column(&'a [f64]),
    Constant(f64),
}

impl Operand<'_> {
    #[inline(always)]
    fn at(self, row: usize) -> f64 {
        match self {
            Operand::Column(values) => values[row],
            Operand::Constant(value) => value,
        }
    }
}

impl<'a> Run<'a> {
    fn new(expression: &'a Expression, columns: &'a [Column<'a>], rows: usize) -> Result<Run<'a>, ColumnError> {
        let compiled = expression.compiled();
        let program = &compiled.program;
        let variable = |input: &super::graph::Input| matches!(input, super::graph::Input::Variable(_));
        if compiled
            .graph
            .inputs
            .iter()
            .zip(&program.needed)
            .any(|(input, needed)| *needed && !variable(input))
        {
            return Err(ColumnError::Window);
        }
        let text_input = |(input, node): (usize, &GraphId)| {
            program.needed[input] && compiled.graph.ty(*node) == super::types::Type::Text
        };
        if program.has_texts() || compiled.graph.input_nodes.iter().enumerate().any(text_input) {
            return Err(ColumnError::Text);
        }
        let mut inputs = vec![None; compiled.graph.inputs.len()];
        for column in columns {
            if column.values.len() != rows {
                let name = compiled
                    .scope
                    .variables()
                    .get(column.variable.index())
                    .map(|v| v.0.clone())
                    .unwrap_or_default();
                return Err(ColumnError::Length {
                    name,
                    is: column.values.len(),
                    should: rows,
                });
            }
            if let Some(input) = program.input_of(column.variable.index()) {
                inputs[input as usize] = Some(column.values);
            }
        }
        Ok(Run {
            expression,
            inputs,
            columns,
            exact: None,
        })
    }

    #[inline(always)]
    fn conditions(&mut self, blocks: &mut Blocks, into: &mut [Truth]) {
        let output = self.program().output(0).1;
        for from in (0..into.len()).step_by(blocks.rows) {
            let to = (from + blocks.rows).min(into.len());
            self.block(blocks, from, to);
            let out = &mut into[from..to];
            match output {
                Output::KnownBool(known) => out.fill(if known { Truth::True } else { Truth::False }),
                Output::Bool(literal) => {
                    let flip = if literal.negate { Mask::MAX } else { 0 };
                    for (truth, mask) in out.iter_mut().zip(&blocks.masks[literal.bit as usize]) {
                        *truth = if mask ^ flip == 0 { Truth::False } else { Truth::True };
                    }
                }
                Output::Number(_) | Output::Exact => {}
            }
            self.exact_rows(blocks, from, to, |row, value| {
                out[row - from] = match value {
                    Value::Bool(true) => Truth::True,
                    Value::Bool(false) => Truth::False,
                    _ => Truth::Undefined,
                };
            });
        }
    }

    #[inline(always)]
    fn numbers(&mut self, blocks: &mut Blocks, into: &mut [f64]) {
        let output = self.program().output(0).1;
        for from in (0..into.len()).step_by(blocks.rows) {
            let to = (from + blocks.rows).min(into.len());
            self.block(blocks, from, to);
            let out = &mut into[from..to];
            if let Output::Number(register) = output {
                match self.operand(blocks, register, from, to) {
                    Operand::Column(values) => out.copy_from_slice(values),
                    Operand::Constant(value) => out.fill(value),
                }
            }
            self.exact_rows(blocks, from, to, |row, value| {
                out[row - from] = value.as_number().unwrap_or(f64::NAN);
            });
        }
    }

    fn program(&self) -> &'a Program {
        &self.expression.compiled().program
    }

    #[inline(always)]
    fn operand<'b>(&self, blocks: &'b Blocks, register: u32, from: usize, to: usize) -> Operand<'b>
    where
        'a: 'b,
    {
        let index = register as usize;
        match self.inputs.get(index) {
            Some(Some(column)) => Operand::Column(&column[from..to]),
            // A variable without a column is undefined in every row.
            Some(None) => Operand::Constant(self.program().constant(register)),
            None if blocks.registers[index].is_empty() => Operand::Constant(self.program().constant(register)),
            None => Operand::Column(&blocks.registers[index][..to - from]),
        }
    }

    #[inline(always)]
    fn block(&self, blocks: &mut Blocks, from: usize, to: usize) {
        let rows = to - from;
        // Most often everything is finite, which is quickly seen of the block as a whole. Inputs first: that brings them all into the cache, and
        // nothing else waits meanwhile.
        let mut sums = [0.0; SUMS];
        self.add(blocks, &blocks.inputs, from, to, &mut sums);
        for (stage, index) in self.program().stages.iter().zip(0..) {
            for other in &stage.others {
                // The others are refused with an error before the first block.
                if let Other::Select {
                    literal,
                    into,
                    then,
                    otherwise,
                } = *other
                {
                    let mut result = std::mem::take(&mut blocks.registers[into as usize]);
                    let then = self.operand(blocks, then, from, to);
                    let otherwise = self.operand(blocks, otherwise, from, to);
                    let mask = &blocks.masks[literal.bit as usize];
                    for (row, result) in result[..rows].iter_mut().enumerate() {
                        let chosen = if (mask[row] != 0) ^ literal.negate {
                            then
                        } else {
                            otherwise
                        };
                        *result = chosen.at(row);
                    }
                    blocks.registers[into as usize] = result;
                }
            }
            for op in &stage.ops {
                self.number_op(blocks, *op, from, to);
            }
            for atom in 0..blocks.plans[index].atoms.len() {
                let (register, bound, bit) = blocks.plans[index].atoms[atom];
                let mut mask = std::mem::take(&mut blocks.masks[bit as usize]);
                let value = self.operand(blocks, register, from, to);
                binary(&mut mask[..rows], value, Operand::Constant(bound), at_least);
                blocks.masks[bit as usize] = mask;
            }
            for pair in &stage.pairs {
                let mut mask = std::mem::take(&mut blocks.masks[pair.bit as usize]);
                let left = self.operand(blocks, pair.left, from, to);
                let right = self.operand(blocks, pair.right, from, to);
                binary(&mut mask[..rows], left, right, at_least);
                blocks.masks[pair.bit as usize] = mask;
            }
            for term in 0..blocks.plans[index].terms.len() {
                let into = blocks.plans[index].terms[term].into as usize;
                let mut mask = std::mem::take(&mut blocks.masks[into]);
                let mut scratch = std::mem::take(&mut blocks.scratch);
                let masks = [&mut mask[..rows], &mut scratch[..rows]];
                self.term(blocks, &blocks.plans[index].terms[term], masks, from);
                blocks.scratch = scratch;
                blocks.masks[into] = mask;
            }
        }
        self.add(blocks, &blocks.computed, from, to, &mut sums);
        blocks.whole = sums.iter().sum::<f64>().is_finite();
        if !blocks.whole {
            self.check_rows(blocks, from, to);
        }
    }

    /// Writes a term to the first of `masks`; the second is for what is made on the way.
    #[inline(always)]
    fn term(&self, blocks: &Blocks, term: &Term, [into, scratch]: [&mut [Mask]; 2], from: usize) {
        let (mut above, mut below) = (&term.at_least[..], &term.below[..]);
        let mut first = true;
        while !above.is_empty() || !below.is_empty() {
            // Four comparisons at a time, so that masks are seldom fetched and put back.
            let p = above.len().min(4);
            let n = below.len().min(4 - p);
            let target: &mut [Mask] = if first { into } else { scratch };
            let rows = target.len();
            let column = |(register, _): (u32, f64)| match self.operand(blocks, register, from, from + rows) {
                Operand::Column(values) => values,
                Operand::Constant(_) => &blocks.undefined,
            };
            macro_rules! choose {
                ($($name:ident [$($above:ident $_x:ident)*] [$($below:ident $_y:ident)*])*) => {
                    match (above, below) {
                        $(([$($above,)* ..], [$($below,)* ..]) if (p, n) == (count!($($above)*), count!($($below)*)) => {
                            $name(target, $(column(*$above),)* $(column(*$below),)* $($above.1,)* $($below.1,)*);
                        })*
                        _ => {}
                    }
                };
            }
            kernels!(choose);
            (above, below) = (&above[p..], &below[n..]);
            if !first {
                into.iter_mut().zip(&*scratch).for_each(|(into, mask)| *into &= mask);
            }
            first = false;
        }
        for bits in term.bits.chunks(4) {
            let mask = |at: usize| (&blocks.masks[bits[at].0 as usize][..], bits[at].1);
            match bits.len() {
                1 => both(into, first, [mask(0)]),
                2 => both(into, first, [mask(0), mask(1)]),
                3 => both(into, first, [mask(0), mask(1), mask(2)]),
                _ => both(into, first, [mask(0), mask(1), mask(2), mask(3)]),
            }
            first = false;
        }
    }

    #[inline(always)]
    fn number_op(&self, blocks: &mut Blocks, op: NumberOp, from: usize, to: usize) {
        let mut result = std::mem::take(&mut blocks.registers[op.into as usize]);
        let out = &mut result[..to - from];
        let [a, b, c] = op.operands.map(|register| self.operand(blocks, register, from, to));
        // One loop for each function, so that the choice is made once for the block and the loop can be vectorised.
        macro_rules! each {
            ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
                match op.code {
                    $(Code::$one => unary(out, a, |x| Fn1::$one.apply(x)),)*
                    $(Code::$two => binary(out, a, b, |x, y| Fn2::$two.apply(x, y)),)*
                    $(Code::$three => ternary(out, a, b, c, |x, y, z| Fn3::$three.apply(x, y, z)),)*
                }
            };
        }
        functions!(each);
        blocks.registers[op.into as usize] = result;
    }

    /// Adds up registers. The sum of finite numbers is finite, unless they are so large that each must be looked at.
    #[inline(always)]
    fn add(&self, blocks: &Blocks, registers: &[u32], from: usize, to: usize, sums: &mut [f64; SUMS]) {
        for register in registers {
            match self.operand(blocks, *register, from, to) {
                Operand::Column(values) => add(values, sums),
                Operand::Constant(x) => sums[0] += x,
            }
        }
    }

    /// Marks the rows in which something is not finite.
    #[cold]
    #[expect(clippy::eq_op, reason = "zero for numbers, NaN for what is not finite")]
    fn check_rows(&self, blocks: &mut Blocks, from: usize, to: usize) {
        let mut check = std::mem::take(&mut blocks.check);
        check[..to - from].fill(0.0);
        for register in blocks.inputs.iter().chain(&blocks.computed) {
            match self.operand(blocks, *register, from, to) {
                Operand::Column(values) => check.iter_mut().zip(values).for_each(|(sum, x)| *sum += x - x),
                Operand::Constant(x) if x.is_finite() => {}
                Operand::Constant(_) => check.fill(f64::NAN),
            }
        }
        blocks.check = check;
    }

    /// Answers the rows in which something is undefined.
    #[inline(always)]
    fn exact_rows(&mut self, blocks: &Blocks, from: usize, to: usize, mut into: impl FnMut(usize, Value<'_>)) {
        let exact_output = matches!(self.program().output(0).1, Output::Exact);
        if blocks.whole && !exact_output {
            return;
        }
        for index in from..to {
            if exact_output || blocks.check[index - from].is_nan() {
                if let Some(value) = self.exact_row(index) {
                    into(index, value);
                }
            }
        }
    }

    /// The value of one row.
    #[inline(never)]
    fn exact_row(&mut self, index: usize) -> Option<Value<'a>> {
        let compiled = self.expression.compiled();
        let root = compiled.root_of(0);
        let exact = self.exact.get_or_insert_with(|| Exact {
            row: self.expression.row(),
            nodes: compiled.graph.in_order(std::iter::once(root)),
            values: Values::new(&compiled.graph),
        });
        for column in self.columns {
            exact.row.set_number(column.variable, column.values[index]);
        }
        exact.values.compute(&compiled.graph, &exact.row, exact.nodes.iter().copied());
        let value = exact.values.get(root).cloned();
        exact.values.forget(&exact.nodes);
        value
    }
}

/// All ones where `x ≥ y`.
#[inline(always)]
fn at_least(x: f64, y: f64) -> Mask {
    u64::from(x >= y).wrapping_neg()
}

/// The conjunction of masks, each with what flips it, and of what `into` holds already unless this is the `first`.
#[inline(always)]
fn both<const N: usize>(into: &mut [Mask], first: bool, masks: [(&[Mask], Mask); N]) {
    let rows = into.len();
    let masks = masks.map(|(mask, flip)| (&mask[..rows], flip));
    let conjunction = |row: usize| masks.iter().fold(Mask::MAX, |all, (mask, flip)| all & (mask[row] ^ flip));
    if first {
        (0..rows).for_each(|row| into[row] = conjunction(row));
    } else {
        (0..rows).for_each(|row| into[row] &= conjunction(row));
    }
}

/// Sums that are independent of each other, as many as keep an adder busy.
const SUMS: usize = 32;

#[inline(always)]
fn add(numbers: &[f64], sums: &mut [f64; SUMS]) {
    let (chunks, rest) = numbers.as_chunks::<SUMS>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x;
    }
}

#[inline(always)]
fn unary(out: &mut [f64], a: Operand<'_>, f: impl Fn(f64) -> f64) {
    match a {
        Operand::Column(a) => out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a)),
        Operand::Constant(a) => out.fill(f(a)),
    }
}

#[inline(always)]
fn binary<T: Clone>(out: &mut [T], a: Operand<'_>, b: Operand<'_>, f: impl Fn(f64, f64) -> T) {
    match (a, b) {
        (Operand::Column(a), Operand::Column(b)) => {
            out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = f(*a, *b));
        }
        (Operand::Column(a), Operand::Constant(b)) => out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a, b)),
        (Operand::Constant(a), Operand::Column(b)) => out.iter_mut().zip(b).for_each(|(out, b)| *out = f(a, *b)),
        (Operand::Constant(a), Operand::Constant(b)) => out.fill(f(a, b)),
    }
}

#[inline(always)]
fn ternary(out: &mut [f64], a: Operand<'_>, b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64, f64) -> f64) {
    for (row, out) in out.iter_mut().enumerate() {
        *out = f(a.at(row), b.at(row), c.at(row));
    }
}
