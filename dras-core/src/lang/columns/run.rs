//! A call over columns, block by block.

use super::blocks::{Blocks, Term};
use super::kernels::{self, Mask, Operand, SUMS, add, at_least, binary, both, count, kernels, ternary, unary};
use super::{Column, ColumnError, Truth};
use crate::lang::arithmetic::{Fn1, Fn2, Fn3};
use crate::lang::exact::Values;
use crate::lang::expression::Expression;
use crate::lang::graph::{GraphId, Input};
use crate::lang::program::{Code, NumberOp, Other, Output, Program, functions};
use crate::lang::row::Row;
use crate::lang::types::{Type, Value};

/// The columns of one call, by input.
pub(super) struct Run<'a> {
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

impl<'a> Run<'a> {
    pub(super) fn new(
        expression: &'a Expression,
        columns: &'a [Column<'a>],
        rows: usize,
    ) -> Result<Run<'a>, ColumnError> {
        let compiled = expression.compiled();
        let program = &compiled.program;
        let variable = |input: &Input| matches!(input, Input::Variable(_));
        if compiled
            .graph
            .inputs
            .iter()
            .zip(&program.needed)
            .any(|(input, needed)| *needed && !variable(input))
        {
            return Err(ColumnError::Window);
        }
        let text_input =
            |(input, node): (usize, &GraphId)| program.needed[input] && compiled.graph.ty(*node) == Type::Text;
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
    pub(super) fn conditions(&mut self, blocks: &mut Blocks, into: &mut [Truth]) {
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
    pub(super) fn numbers(&mut self, blocks: &mut Blocks, into: &mut [f64]) {
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
                            kernels::$name(target, $(column(*$above),)* $(column(*$below),)* $($above.1,)* $($below.1,)*);
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
            if (exact_output || blocks.check[index - from].is_nan())
                && let Some(value) = self.exact_row(index)
            {
                into(index, value);
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
        exact
            .values
            .compute(&compiled.graph, &exact.row, exact.nodes.iter().copied());
        let value = exact.values.get(root).cloned();
        exact.values.forget(&exact.nodes);
        value
    }
}
