//! A call over columns, one word of rows after the other.

use fearless_simd::f64x8;
use fearless_simd::prelude::*;

use super::fused::Fused;
use super::kernels::{self, Numbers, WORD, each};
use super::steps::{Compare, Into, Step, Steps, Term, flip};
use super::{Column, ColumnError, Truth};
use crate::lang::arithmetic::{Fn1, Fn2, Fn3};
use crate::lang::exact::Values;
use crate::lang::expression::Expression;
use crate::lang::graph::{GraphId, Input};
use crate::lang::program::{Code, NumberOp, Output, Program, functions};
use crate::lang::row::Row;
use crate::lang::types::{Type, Value};

/// A call over columns.
pub(super) struct Run<'a> {
    expression: &'a Expression,
    program: &'a Program,
    /// By input.
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
            program,
            inputs,
            columns,
            exact: None,
        })
    }

    #[inline(always)]
    pub(super) fn conditions<S: Simd>(&mut self, simd: S, into: &mut [Truth]) {
        if let Some(fused) = &self.program.column_steps().fused
            && self.has_all()
        {
            return self.fused(simd, fused, into);
        }
        let output = self.program.output(0).1;
        self.each_word(simd, into, |word, out| match output {
            Output::KnownBool(known) => out.fill(if known { Truth::True } else { Truth::False }),
            Output::Bool(literal) => write_truths(out, word.bits[literal.bit as usize] ^ flip(literal.negate)),
            Output::Number(_) | Output::Exact => {}
        });
    }

    #[inline(always)]
    pub(super) fn numbers<S: Simd>(&mut self, simd: S, into: &mut [f64]) {
        let output = self.program.output(0).1;
        self.each_word(simd, into, |word, out| {
            if let Output::Number(register) = output {
                out.copy_from_slice(&word.register(register)[..out.len()]);
            }
        });
    }

    /// Whether every input that is needed has a column.
    fn has_all(&self) -> bool {
        let mut inputs = self.inputs.iter().zip(&self.program.needed);
        inputs.all(|(column, needed)| column.is_some() || !needed)
    }

    /// Answers the rows in one pass.
    #[inline(always)]
    fn fused<S: Simd>(&mut self, simd: S, fused: &Fused, into: &mut [Truth]) {
        let whole: Vec<&[Numbers]> = self.inputs.iter().map(|column| whole_words(*column)).collect();
        let rest: Vec<Numbers> = self
            .inputs
            .iter()
            .map(|column| last_word(*column).unwrap_or(UNDEFINED))
            .collect();
        let rows = into.len();
        let (words, last) = into.as_chunks_mut();
        let mut of_rest = [[Truth::Undefined; WORD]; 1];
        let count = usize::from(!last.is_empty());
        let parts = [
            (false, 0, &mut *words),
            (true, rows - last.len(), &mut of_rest[..count]),
        ];
        for (is_rest, from, truths) in parts {
            let column = |input: u32| {
                let input = input as usize;
                if is_rest {
                    std::slice::from_ref(&rest[input])
                } else {
                    whole[input]
                }
            };
            fused.run(simd, column, truths, |word, truths| {
                let from = from + word * WORD;
                let many = truths.len().min(rows - from);
                self.answer_undefined(fused, from, &mut truths[..many]);
            });
        }
        last.copy_from_slice(&of_rest[0][..last.len()]);
    }

    /// Answers those of some rows in which something is undefined.
    #[cold]
    #[inline(never)]
    fn answer_undefined(&mut self, fused: &Fused, from: usize, truths: &mut [Truth]) {
        for (row, truth) in (from..).zip(truths) {
            let number = |input: u32| self.inputs[input as usize].map_or(f64::NAN, |column| column[row]);
            let mut quotients = fused.quotients.iter().map(|(operands, _)| operands.map(number));
            let is_defined = fused.plain.iter().all(|(input, _)| number(*input).is_finite())
                && quotients.all(|[dividend, divisor]| divisor.is_finite() && (dividend / divisor).is_finite());
            if !is_defined && let Some(value) = self.exact_row(row) {
                *truth = Truth::of(&value);
            }
        }
    }

    /// Runs the program over word after word; `write` writes what comes out, and rows in which something is undefined are answered after it.
    #[inline(always)]
    fn each_word<S: Simd, T: Answer>(&mut self, simd: S, into: &mut [T], write: impl Fn(&Word<'_>, &mut [T])) {
        let steps = self.program.column_steps();
        let rest: Vec<Option<Numbers>> = self.inputs.iter().map(|column| last_word(*column)).collect();
        let is_missing = |input: &u32| self.inputs[*input as usize].is_none();
        let columns: Vec<&[Numbers]> = self.inputs.iter().map(|column| whole_words(*column)).collect();
        let mut word = Word {
            inputs: vec![&UNDEFINED; self.inputs.len()],
            registers: (self.inputs.len()..self.program.registers())
                .map(|register| [self.program.constant(register as u32); WORD])
                .collect(),
            bits: vec![0; self.program.bits as usize],
        };
        let missing = steps.inputs.iter().any(is_missing);
        let exact = matches!(self.program.output(0).1, Output::Exact);
        let whole = into.len() / WORD;
        for (at, out) in into.chunks_mut(WORD).enumerate() {
            if at < whole {
                for (input, column) in word.inputs.iter_mut().zip(&columns) {
                    // A variable without a column stays undefined.
                    if let Some(numbers) = column.get(at) {
                        *input = numbers;
                    }
                }
            } else {
                for (input, rest) in word.inputs.iter_mut().zip(&rest) {
                    *input = rest.as_ref().unwrap_or(&UNDEFINED);
                }
            }
            let defined = word.run(simd, steps);
            write(&word, out);
            if !defined || missing || exact {
                self.answer_exactly(steps, &word, at * WORD, out);
            }
        }
    }

    /// Answers the rows of a word in which something is undefined.
    #[cold]
    #[inline(never)]
    fn answer_exactly<T: Answer>(&mut self, steps: &Steps, word: &Word<'_>, from: usize, out: &mut [T]) {
        let exact = matches!(self.program.output(0).1, Output::Exact);
        let undefined = |row: usize| {
            let mut registers = steps.inputs.iter().chain(&steps.computed);
            let mut passing = steps.passing.iter();
            exact
                || registers.any(|register| !word.register(*register)[row].is_finite())
                || passing.any(|op| {
                    let [a, b, _] = op.operands.map(|register| word.register(register)[row]);
                    !op.code.of_two(a, b).is_finite()
                })
        };
        for (row, out) in out.iter_mut().enumerate() {
            if undefined(row)
                && let Some(value) = self.exact_row(from + row)
            {
                *out = T::of(&value);
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

/// The rows of one word.
struct Word<'a> {
    /// By input.
    inputs: Vec<&'a Numbers>,
    /// The registers after the inputs: constants and what is computed.
    registers: Vec<Numbers>,
    /// By bit.
    bits: Vec<u64>,
}

/// The words of a column of which all rows are there.
fn whole_words(column: Option<&[f64]>) -> &[Numbers] {
    column.unwrap_or(&[]).as_chunks().0
}

/// The last word of a column, if it has fewer rows: the last of them is repeated to the end of the word.
fn last_word(column: Option<&[f64]>) -> Option<Numbers> {
    let rest = column?.as_chunks::<WORD>().1;
    let mut padded = [*rest.last()?; WORD];
    padded[..rest.len()].copy_from_slice(rest);
    Some(padded)
}

/// Stands for a variable without a column.
static UNDEFINED: Numbers = [f64::NAN; WORD];

/// A register: one of the inputs, or one of those after them.
#[inline(always)]
fn numbers<'b>(inputs: &[&'b Numbers], registers: &'b [Numbers], register: u32) -> &'b Numbers {
    let register = register as usize;
    match inputs.get(register) {
        Some(input) => input,
        None => registers.get(register - inputs.len()).unwrap_or(&UNDEFINED),
    }
}

impl Word<'_> {
    #[inline(always)]
    fn register(&self, register: u32) -> &Numbers {
        numbers(&self.inputs, &self.registers, register)
    }

    /// What `into` is computed from, all of which stands before it, and its place.
    #[inline(always)]
    fn split<'b>(&'b mut self, into: u32) -> (impl Fn(u32) -> &'b Numbers, &'b mut Numbers) {
        let (before, from) = self.registers.split_at_mut(into as usize - self.inputs.len());
        let (inputs, before) = (&self.inputs[..], &*before);
        (move |register| numbers(inputs, before, register), &mut from[0])
    }

    /// Runs the program. `true`: everything that has a column is defined in all rows.
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S, steps: &Steps) -> bool {
        let mut sum = f64x8::splat(simd, 0.0);
        for register in &steps.untested {
            kernels::add(simd, self.register(*register), &mut sum);
        }
        for step in &steps.list {
            match step {
                Step::Op(op) => self.number_op(simd, *op, &mut sum),
                Step::Select {
                    bit,
                    flip,
                    into,
                    either,
                } => {
                    let chosen = self.bits[*bit as usize] ^ flip;
                    let (register, out) = self.split(*into);
                    kernels::select(simd, out, chosen, register(either[0]), register(either[1]));
                }
                Step::Pair { left, right, bit } => {
                    let bits = kernels::at_least(simd, self.register(*left), self.register(*right), &mut sum);
                    self.bits[*bit as usize] = bits;
                }
                Step::Term(term) => {
                    let bits = self.tests(simd, term, &mut sum);
                    self.put(steps, term.into, bits);
                }
                Step::Compare(compare) => {
                    let bits = self.compare(simd, compare, &mut sum);
                    self.put(steps, compare.into, bits ^ compare.flip);
                }
            }
        }
        kernels::is_finite(sum)
    }

    /// Writes a conjunction, or a part of one, of which the tests are made.
    #[inline(always)]
    fn put(&mut self, steps: &Steps, into: Into, mut bits: u64) {
        for (bit, flip) in &steps.literals[into.literals.0 as usize..into.literals.1 as usize] {
            bits &= self.bits[*bit as usize] ^ flip;
        }
        let before = &mut self.bits[into.bit as usize];
        *before = if into.continues { *before & bits } else { bits };
    }

    /// The rows in which a result is at least its bound.
    #[inline(always)]
    fn compare<S: Simd>(&self, simd: S, compare: &Compare, sum: &mut f64x8<S>) -> u64 {
        let operands = compare.operands.map(|register| self.register(register));
        let bound = compare.bound;
        macro_rules! choose {
            ($($code:ident $operator:tt)*) => {
                match compare.code {
                    $(Code::$code => kernels::compared::<S, { Fn2::$code.hides()[1] }>(
                        simd,
                        operands,
                        bound,
                        sum,
                        #[inline(always)]
                        |a, b| a $operator b,
                    ),)*
                    // No other function is part of a comparison.
                    _ => u64::MAX,
                }
            };
        }
        choose!(Add + Subtract - Multiply * Divide /)
    }

    /// The rows in which all comparisons of a term hold.
    #[inline(always)]
    fn tests<S: Simd>(&self, simd: S, term: &Term, sum: &mut f64x8<S>) -> u64 {
        let test = |at: usize| (self.register(term.tests[at].0), term.tests[at].1);
        // One loop for each number of comparisons, so that the masks of a term stay in the registers of the machine.
        macro_rules! choose {
            ($($a:literal [$($above:literal)*] $b:literal [$($below:literal)*])*) => {
                match (term.new, term.at_least, term.below) {
                    $(
                        (true, $a, $b) => {
                            kernels::all::<S, true, $a, $b>(simd, [$(test($above)),*], [$(test($below)),*], sum)
                        }
                        (false, $a, $b) => {
                            kernels::all::<S, false, $a, $b>(simd, [$(test($above)),*], [$(test($below)),*], sum)
                        }
                    )*
                    _ => u64::MAX,
                }
            };
        }
        choose! {
            1 [0] 0 []  2 [0 1] 0 []  3 [0 1 2] 0 []  4 [0 1 2 3] 0 []
            0 [] 1 [0]  1 [0] 1 [1]  2 [0 1] 1 [2]  3 [0 1 2] 1 [3]
            0 [] 2 [0 1]  1 [0] 2 [1 2]  2 [0 1] 2 [2 3]
            0 [] 3 [0 1 2]  1 [0] 3 [1 2 3]
            0 [] 4 [0 1 2 3]
        }
    }

    #[inline(always)]
    fn number_op<S: Simd>(&mut self, simd: S, op: NumberOp, sum: &mut f64x8<S>) {
        let (register, out) = self.split(op.into);
        let [a, b, c] = [
            register(op.operands[0]),
            register(op.operands[1]),
            register(op.operands[2]),
        ];
        // One loop for each function, so that the choice is made once for all rows and the loop can be vectorised.
        macro_rules! choose {
            ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
                match op.code {
                    $(Code::$one => {
                        each(simd, out, [a], const { Fn1::$one.hides() }, sum, #[inline(always)] |[x]| Fn1::$one.apply(x));
                    })*
                    $(Code::$two => {
                        each(simd, out, [a, b], const { Fn2::$two.hides() }, sum, #[inline(always)] |[x, y]| Fn2::$two.apply(x, y));
                    })*
                    $(Code::$three => {
                        each(simd, out, [a, b, c], [true; 3], sum, #[inline(always)] |[x, y, z]| Fn3::$three.apply(x, y, z));
                    })*
                }
            };
        }
        functions!(choose);
    }
}

/// What a column of results holds.
trait Answer {
    fn of(value: &Value<'_>) -> Self;
}

impl Answer for Truth {
    fn of(value: &Value<'_>) -> Truth {
        match value {
            Value::Bool(true) => Truth::True,
            Value::Bool(false) => Truth::False,
            _ => Truth::Undefined,
        }
    }
}

impl Answer for f64 {
    fn of(value: &Value<'_>) -> f64 {
        value.as_number().unwrap_or(f64::NAN)
    }
}

/// Writes the truth values of the rows of a word, of which the last may have fewer.
#[inline(always)]
fn write_truths(truths: &mut [Truth], bits: u64) {
    if let Ok(truths) = truths.try_into() {
        kernels::write_word(truths, bits);
        return;
    }
    for (row, truth) in truths.iter_mut().enumerate() {
        *truth = if (bits >> row) & 1 == 1 {
            Truth::True
        } else {
            Truth::False
        };
    }
}
