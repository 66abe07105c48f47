//! The compiled program over columns: many rows in one call, in blocks that stay in the cache.
//!
//! The same operations and the same atoms as for one row; a row in which something is undefined is answered by the exact evaluator, so
//! that both give the same bits.

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::exact::Values;
use super::expression::Expression;
use super::graph::VariableId;
use super::program::{Code, NumberOp, Other, Output, Part, Program, functions};
use super::types::Value;

/// Rows in a block: a block of one register is 8 KiB, so that a few dozen of them stay in the cache.
const BLOCK: usize = 256;

/// What all registers and bits of a block may take, in bytes; a program with very many of them runs over shorter blocks.
const BLOCK_BYTES: usize = 16 << 20;

/// Rows in the blocks of `program`.
fn block_rows(program: &Program) -> usize {
    let row = program.registers() * size_of::<f64>() + program.bits as usize + 1;
    (BLOCK_BYTES / row).clamp(8, BLOCK)
}

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
        let run = Run::new(self, columns, into.len())?;
        let mut blocks = Blocks::new(&self.compiled().program);
        for from in (0..into.len()).step_by(blocks.rows) {
            let to = (from + blocks.rows).min(into.len());
            run.block(&mut blocks, from, to);
            let out = &mut into[from..to];
            match self.compiled().program.output(0).1 {
                Output::KnownBool(known) => out.fill(if known { Truth::True } else { Truth::False }),
                Output::Bool(literal) => {
                    let mask = &blocks.masks[literal.bit as usize];
                    for (truth, bit) in out.iter_mut().zip(mask) {
                        *truth = if (*bit == 1) ^ literal.negate {
                            Truth::True
                        } else {
                            Truth::False
                        };
                    }
                }
                Output::Number(_) | Output::Exact => {}
            }
            run.exact_rows(&blocks, from, to, |row, value| {
                out[row - from] = match value {
                    Value::Bool(true) => Truth::True,
                    Value::Bool(false) => Truth::False,
                    _ => Truth::Undefined,
                };
            });
        }
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
        let run = Run::new(self, columns, into.len())?;
        let mut blocks = Blocks::new(&self.compiled().program);
        for from in (0..into.len()).step_by(blocks.rows) {
            let to = (from + blocks.rows).min(into.len());
            run.block(&mut blocks, from, to);
            let out = &mut into[from..to];
            if let Output::Number(register) = self.compiled().program.output(0).1 {
                match run.operand(&blocks, register, from, to) {
                    Operand::Column(values) => out.copy_from_slice(values),
                    Operand::Constant(value) => out.fill(value),
                }
            }
            run.exact_rows(&blocks, from, to, |row, value| {
                out[row - from] = value.as_number().unwrap_or(f64::NAN);
            });
        }
        Ok(())
    }
}

/// The columns of one call, by input.
struct Run<'a> {
    expression: &'a Expression,
    inputs: Vec<Option<&'a [f64]>>,
    columns: &'a [Column<'a>],
}

/// The registers and bits of one block.
struct Blocks {
    /// Rows in a block.
    rows: usize,
    /// Temporaries and differences, by register; empty for inputs and constants.
    registers: Vec<Vec<f64>>,
    masks: Vec<Vec<u8>>,
    /// The term at hand.
    term: Vec<u8>,
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
        Blocks {
            rows,
            registers,
            masks: vec![vec![0; rows]; program.bits as usize],
            term: vec![1; rows],
            whole: true,
            check: vec![0.0; rows],
        }
    }
}

impl Blocks {
    fn terms(&mut self, parts: &[Part], rows: usize) {
        self.term[..rows].fill(1);
        for part in parts {
            let mut left = part.mask;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                let flip = u8::from((part.want >> bit) & 1 == 0);
                let other = &self.masks[part.word as usize * 64 + bit as usize];
                self.term[..rows]
                    .iter_mut()
                    .zip(other)
                    .for_each(|(m, o)| *m &= o ^ flip);
            }
            if !part.continues {
                std::mem::swap(&mut self.term, &mut self.masks[part.bit as usize]);
                self.term[..rows].fill(1);
            }
        }
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
        let text_input = |(input, node): (usize, &super::graph::GraphId)| {
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
        })
    }

    fn program(&self) -> &'a Program {
        &self.expression.compiled().program
    }

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

    fn block(&self, blocks: &mut Blocks, from: usize, to: usize) {
        let rows = to - from;
        for stage in &self.program().stages {
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
                        let chosen = if (mask[row] == 1) ^ literal.negate {
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
            for (register, bound, bit) in stage.every_atom() {
                let mut mask = std::mem::take(&mut blocks.masks[bit]);
                let value = self.operand(blocks, register, from, to);
                binary(&mut mask[..rows], value, Operand::Constant(bound), |x, y| {
                    u8::from(x >= y)
                });
                blocks.masks[bit] = mask;
            }
            for pair in &stage.pairs {
                let mut mask = std::mem::take(&mut blocks.masks[pair.bit as usize]);
                let left = self.operand(blocks, pair.left, from, to);
                let right = self.operand(blocks, pair.right, from, to);
                binary(&mut mask[..rows], left, right, |x, y| u8::from(x >= y));
                blocks.masks[pair.bit as usize] = mask;
            }
            for level in &stage.levels {
                blocks.terms(level, rows);
            }
        }
        self.check(blocks, from, to);
    }

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

    /// Marks the rows in which something is not finite. Mostly there is none, which is quickly seen of the block as a whole.
    #[expect(clippy::eq_op, reason = "zero for numbers, NaN for what is not finite")]
    fn check(&self, blocks: &mut Blocks, from: usize, to: usize) {
        let registers = 0..self.program().registers() as u32;
        blocks.whole = registers
            .clone()
            .all(|register| match self.operand(blocks, register, from, to) {
                Operand::Column(values) => not_finite(values) == 0.0,
                Operand::Constant(x) => x.is_finite(),
            });
        if blocks.whole {
            return;
        }
        let mut check = std::mem::take(&mut blocks.check);
        check[..to - from].fill(0.0);
        for register in registers {
            match self.operand(blocks, register, from, to) {
                Operand::Column(values) => check.iter_mut().zip(values).for_each(|(sum, x)| *sum += x - x),
                Operand::Constant(x) if x.is_finite() => {}
                Operand::Constant(_) => check.fill(f64::NAN),
            }
        }
        blocks.check = check;
    }

    /// Answers the rows in which something is undefined.
    fn exact_rows(&self, blocks: &Blocks, from: usize, to: usize, mut into: impl FnMut(usize, Value<'_>)) {
        let compiled = self.expression.compiled();
        let exact_output = matches!(self.program().output(0).1, Output::Exact);
        if blocks.whole && !exact_output {
            return;
        }
        let root = compiled.root_of(0);
        let (mut row, mut exact) = (None, None);
        for index in from..to {
            if !blocks.check[index - from].is_nan() && !exact_output {
                continue;
            }
            let row = row.get_or_insert_with(|| self.expression.row());
            for column in self.columns {
                row.set_number(column.variable, column.values[index]);
            }
            let (nodes, values) = exact.get_or_insert_with(|| {
                (
                    compiled.graph.in_order(std::iter::once(root)),
                    Values::new(&compiled.graph),
                )
            });
            values.compute(&compiled.graph, row, nodes.iter().copied());
            if let Some(value) = values.get(root) {
                into(index, value.clone());
            }
            values.forget(nodes);
        }
    }
}

/// NaN if one of `numbers` is not finite, else 0: `x − x` is zero for every finite number and NaN for the others, and NaN survives a sum.
#[expect(clippy::eq_op, reason = "zero for numbers, NaN for what is not finite")]
fn not_finite(numbers: &[f64]) -> f64 {
    let (chunks, rest) = numbers.as_chunks::<8>();
    let mut sums = [0.0_f64; 8];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x - x;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x - x).sum::<f64>()
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
