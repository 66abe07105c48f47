//! The compiled form: straight-line code over a register file, the same for every task.
//!
//! Numbers are computed by three-address operations. Every comparison of a register with a constant becomes an *atom*, `register ≥ bound`
//! or its opposite; atoms are tested without branches into the bits of machine words. The boolean part is terms, conjunctions of such bits
//! or their opposites. Equal comparisons of different rules are one atom.
//!
//! The program assumes that everything is defined. Where an input or a result is not, the exact evaluator answers instead.
//!
//! Expressions of a few numbers and comparisons have a form of their own beside that ([`small`]), without the fixed costs of this one.

mod lowering;
mod small;

use std::sync::OnceLock;

use lowering::Lowering;
use small::Small;

use super::arithmetic::{Fn1, Fn2, Fn3};
use super::columns::Steps;
use super::exact::Values;
use super::graph::{Graph, GraphId};
use super::row::{OWN, Row, VariableSlot};
use super::types::{Missing, Value};
use crate::undefined::Undefined;

type Register = u32;

/// A bit, or its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lang) struct Literal {
    pub(in crate::lang) bit: u32,
    pub(in crate::lang) negate: bool,
}

/// The bits of one evaluation; all are 0 to begin with.
trait Bits: Default {
    /// Whether there is one word only, so that every term has one part only.
    const ONE_WORD: bool;

    fn word(&self, index: u32) -> u64;

    /// Sets bits that were not set before.
    fn add(&mut self, word: u32, bits: u64);

    #[inline(always)]
    fn put(&mut self, bit: u32, value: bool) {
        self.add(bit / 64, u64::from(value) << (bit % 64));
    }

    #[inline(always)]
    fn read(&self, literal: Literal) -> bool {
        ((self.word(literal.bit / 64) >> (literal.bit % 64)) & 1 == 1) != literal.negate
    }
}

/// The bits of programs that need one word only, so that it can stay in a register of the machine.
impl Bits for u64 {
    const ONE_WORD: bool = true;

    #[inline(always)]
    fn word(&self, _: u32) -> u64 {
        *self
    }

    #[inline(always)]
    fn add(&mut self, _: u32, bits: u64) {
        *self |= bits;
    }
}

impl Bits for Vec<u64> {
    const ONE_WORD: bool = false;

    #[inline(always)]
    fn word(&self, index: u32) -> u64 {
        self[index as usize]
    }

    #[inline(always)]
    fn add(&mut self, word: u32, bits: u64) {
        self[word as usize] |= bits;
    }
}

/// Hands the names of all functions of one, two and three numbers to the macro `$to`.
macro_rules! functions {
    ($to:ident) => {
        $to! {
            [Negate Abs Ceil Floor Round Trunc Sqrt Ln Log2 Log10 Exp Sign]
            [Add Subtract Multiply Divide Remainder Min Max Pow RoundTo Reserve ReserveOfUsage]
            [Clamp ScaleTo]
        }
    };
}
pub(in crate::lang) use functions;

macro_rules! define_code {
    ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
        /// A function of one, two or three numbers; in one enumeration, so that one jump finds it.
        #[derive(Debug, Clone, Copy)]
        pub(in crate::lang) enum Code { $($one,)* $($two,)* $($three,)* }

        impl From<Fn1> for Code {
            fn from(f: Fn1) -> Code {
                match f { $(Fn1::$one => Code::$one,)* }
            }
        }

        impl From<Fn2> for Code {
            fn from(f: Fn2) -> Code {
                match f { $(Fn2::$two => Code::$two,)* }
            }
        }

        impl From<Fn3> for Code {
            fn from(f: Fn3) -> Code {
                match f { $(Fn3::$three => Code::$three,)* }
            }
        }

        impl Code {
            /// A function of two numbers; NaN for others.
            pub(in crate::lang) fn of_two(self, a: f64, b: f64) -> f64 {
                match self {
                    $(Code::$two => Fn2::$two.apply(a, b),)*
                    _ => f64::NAN,
                }
            }
        }

        impl NumberOp {
            #[inline(always)]
            fn apply(&self, numbers: &[f64], last: f64, sum: &mut f64) -> f64 {
                let [a, b, c] = self.operands.map(|register| register as usize);
                let a = if self.chained { last } else { numbers[a] };
                // Where the result can be finite though an operand is not, that is added up, too.
                match self.code {
                    $(Code::$one => {
                        if const { Fn1::$one.hides()[0] } {
                            *sum += a;
                        }
                        Fn1::$one.apply(a)
                    })*
                    $(Code::$two => {
                        let b = numbers[b];
                        if const { Fn2::$two.hides()[0] } {
                            *sum += a;
                        }
                        if const { Fn2::$two.hides()[1] } {
                            *sum += b;
                        }
                        Fn2::$two.apply(a, b)
                    })*
                    $(Code::$three => {
                        let (b, c) = (numbers[b], numbers[c]);
                        *sum += a + b + c;
                        Fn3::$three.apply(a, b, c)
                    })*
                }
            }
        }
    };
}
functions!(define_code);

/// `into = code(operands)`
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct NumberOp {
    pub(in crate::lang) code: Code,
    pub(in crate::lang) into: Register,
    /// Those that the function does not take repeat the first.
    pub(in crate::lang) operands: [Register; 3],
    /// Whether the first operand is the result of the operation before, which need not be fetched from where it was just put.
    chained: bool,
}

/// Tests `register ≥ bound` of registers that stand beside each other; they are made together, as operations on vectors.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::lang) struct Atoms {
    bound: [f64; TOGETHER],
    /// The bit of each, all in one word; 0 for those that are not used.
    mask: [u64; TOGETHER],
    first: Register,
    word: u32,
}

/// How many registers are looked at together.
const TOGETHER: usize = 4;

impl Atoms {
    /// Adds the masks of those that hold, and the values.
    #[inline(always)]
    fn test(&self, numbers: &[f64], hits: &mut [u64; TOGETHER], sums: &mut [f64; TOGETHER]) {
        let values = together(self.first, numbers);
        // Not a condition, which would become a jump that nobody can predict.
        let holds: [u64; TOGETHER] = std::array::from_fn(|k| u64::from(values[k] >= self.bound[k]).wrapping_neg());
        for k in 0..TOGETHER {
            hits[k] |= holds[k] & self.mask[k];
        }
        for k in 0..TOGETHER {
            sums[k] += values[k];
        }
    }

    /// The atoms with their bits.
    fn each(&self) -> impl Iterator<Item = (Register, f64, usize)> {
        let used = (0..TOGETHER).filter(|k| self.mask[*k] != 0);
        used.map(|k| {
            let bit = self.word as usize * 64 + self.mask[k].trailing_zeros() as usize;
            (self.first + k as Register, self.bound[k], bit)
        })
    }
}

/// The registers from `first` on. The register file is long enough: see [`Program::start`].
#[inline(always)]
fn together(first: Register, numbers: &[f64]) -> &[f64; TOGETHER] {
    numbers[first as usize..].first_chunk().unwrap_or(&[0.0; TOGETHER])
}

// Not inlined: loops stay in vectors only where they stand alone.

/// Tests atoms of one word; also gives the sum of all the registers that were looked at.
#[inline(never)]
fn test_all(atoms: &[Atoms], numbers: &[f64]) -> (u64, f64) {
    let (mut hits, mut sums) = ([0; TOGETHER], [0.0; TOGETHER]);
    for atoms in atoms {
        atoms.test(numbers, &mut hits, &mut sums);
    }
    let hits = (hits[0] | hits[1]) | (hits[2] | hits[3]);
    (hits, (sums[0] + sums[1]) + (sums[2] + sums[3]))
}

/// Computes; also gives the sum of all results and of the operands that a result may hide.
#[inline(never)]
fn compute(ops: &[NumberOp], numbers: &mut [f64]) -> f64 {
    let (mut sum, mut last) = (0.0, 0.0);
    for op in ops {
        last = op.apply(numbers, last, &mut sum);
        numbers[op.into as usize] = last;
        sum += last;
    }
    sum
}

/// The test `register ≥ bound` of a register that few other atoms stand beside.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Single {
    pub(in crate::lang) bound: f64,
    pub(in crate::lang) register: Register,
    pub(in crate::lang) bit: u32,
}

/// The test `left ≥ right`, written to a bit.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Pair {
    pub(in crate::lang) left: Register,
    pub(in crate::lang) right: Register,
    pub(in crate::lang) bit: u32,
}

/// The literals of a term that stand in one word; all parts of a term must hold. (A disjunction is the opposite of a term.)
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Part {
    pub(in crate::lang) word: u32,
    /// Whether more parts of the term follow.
    pub(in crate::lang) continues: bool,
    /// The bit that the term is written to, with its last part.
    pub(in crate::lang) bit: u32,
    /// The bits that must be as in `want`.
    pub(in crate::lang) mask: u64,
    pub(in crate::lang) want: u64,
}

impl Part {
    /// The bits, and whether their opposites are meant.
    pub(in crate::lang) fn literals(&self) -> impl Iterator<Item = (u32, bool)> {
        let part = *self;
        let used = (0..64).filter(move |bit| (part.mask >> bit) & 1 == 1);
        used.map(move |bit| (part.word * 64 + bit, (part.want >> bit) & 1 == 0))
    }
}

/// What is less usual than functions and comparisons of numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) enum Other {
    /// `into = if literal { then } else { otherwise }`
    Select {
        literal: Literal,
        into: Register,
        then: Register,
        otherwise: Register,
    },
    /// A compiled test of a text input.
    Text { bit: u32, input: u32, test: u32 },
    /// A number that the exact evaluator computes from texts.
    ExactNumber { into: Register, body: u32 },
    /// Whatever else texts are asked, by the exact evaluator.
    ExactBool { bit: u32, body: u32 },
}

/// A stretch of code, in this order; each part only needs earlier ones and, for functions, earlier functions.
#[derive(Debug, Clone, Default)]
pub(in crate::lang) struct Stage {
    pub(in crate::lang) others: Vec<Other>,
    pub(in crate::lang) ops: Vec<NumberOp>,
    /// Whether anything below is there.
    compares: bool,
    pub(in crate::lang) atoms: Vec<Atoms>,
    pub(in crate::lang) singles: Vec<Single>,
    pub(in crate::lang) pairs: Vec<Pair>,
    /// The parts of all terms, one term after the other; terms only need earlier levels.
    pub(in crate::lang) levels: Vec<Vec<Part>>,
}

impl Stage {
    /// Adds the bits of all terms to those of what they are of, where all of these stand in one word.
    #[inline(always)]
    fn settle(&self, word: &mut u64) {
        for level in &self.levels {
            // All at once: none waits for the bit of another.
            let before = *word;
            for part in level {
                word.put(part.bit, before & part.mask == part.want);
            }
        }
    }

    /// What a literal is for each outcome of the tests that write `bits`, which are all that the terms are of, in one word; bit `k` of the number
    /// of an outcome is the `k`-th of `bits`.
    pub(in crate::lang) fn answers(&self, bits: &[usize], literal: Literal) -> impl Iterator<Item = bool> {
        (0_usize..1 << bits.len()).map(move |outcome| {
            let set = bits.iter().enumerate().filter(|(test, _)| (outcome >> test) & 1 == 1);
            let mut word = set.fold(0, |word, (_, bit)| word | 1 << bit);
            self.settle(&mut word);
            word.read(literal)
        })
    }

    /// All atoms `register ≥ bound` with their bits.
    pub(in crate::lang) fn every_atom(&self) -> impl Iterator<Item = (Register, f64, usize)> {
        let singles = self.singles.iter().map(|s| (s.register, s.bound, s.bit as usize));
        self.atoms.iter().flat_map(Atoms::each).chain(singles)
    }
}

/// Where an output is found.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) enum Output {
    Number(Register),
    Bool(Literal),
    KnownBool(bool),
    /// Texts are answered by the exact evaluator.
    Exact,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The register file to begin with: inputs, constants, zeros up to a multiple of [`TOGETHER`], temporaries, and zeros so that [`TOGETHER`]
    /// registers can be read from each.
    start: Vec<f64>,
    /// The inputs that no atom of the first stage looks at, and no operation takes.
    untested: Vec<Register>,
    /// Inputs that some output needs.
    pub(crate) needed: Vec<bool>,
    pub(in crate::lang) stages: Vec<Stage>,
    /// Roots that only the exact evaluator knows: expressions of texts.
    exact: Vec<GraphId>,
    /// All that those roots need, in order.
    exact_nodes: Vec<GraphId>,
    pub(in crate::lang) words: usize,
    pub(in crate::lang) bits: u32,
    outputs: Vec<(GraphId, Output)>,
    variables: Vec<VariableSlot>,
    /// The same for one row, if it is small and has one output.
    small: Option<Small>,
    /// The same for columns, made when it is first run over some.
    column_steps: OnceLock<Steps>,
}

impl Program {
    /// Lowers everything that `outputs` need. `variables` is how many variables the scope has.
    pub(crate) fn new(graph: &Graph, outputs: &[GraphId], variables: usize) -> Program {
        Lowering::new(graph, outputs).finish(outputs, variables)
    }

    /// An empty row for this program: every needed input undefined.
    pub(crate) fn row<'t>(&self) -> Row<'t> {
        let undefined = |needed: &bool| Missing {
            reason: if *needed {
                Undefined::NoAttribute
            } else {
                Undefined::NotNeeded
            },
            origin: OWN,
        };
        let mut numbers = self.start.clone();
        if self.small.is_some() && numbers.len() < small::ROOM {
            numbers.resize(small::ROOM, 0.0);
        }
        Row::new(
            numbers,
            self.needed.iter().map(undefined).collect(),
            self.words,
            &self.variables,
        )
    }

    pub(in crate::lang) fn output(&self, index: usize) -> (GraphId, Output) {
        self.outputs[index]
    }

    pub(in crate::lang) fn constant(&self, register: Register) -> f64 {
        self.start[register as usize]
    }

    pub(in crate::lang) fn column_steps(&self) -> &Steps {
        self.column_steps.get_or_init(|| Steps::new(self))
    }

    pub(in crate::lang) fn registers(&self) -> usize {
        self.start.len()
    }

    /// The input that a variable is, where anything depends on it.
    pub(crate) fn input_of(&self, variable: usize) -> Option<u32> {
        self.variables.get(variable).and_then(|slot| slot.input())
    }

    pub(in crate::lang) fn has_texts(&self) -> bool {
        !self.exact.is_empty()
            || self
                .stages
                .iter()
                .flat_map(|s| &s.others)
                .any(|other| matches!(other, Other::Text { .. }))
    }

    /// The truth value of its only output; `None` where something is undefined or it is no truth value: ask the exact evaluator.
    #[inline]
    pub(in crate::lang) fn only_bool(&self, graph: &Graph, row: &mut Row<'_>) -> Option<bool> {
        if let Some(small) = &self.small
            && let Some(numbers) = row.numbers.first_chunk_mut()
        {
            return small.condition(numbers);
        }
        self.condition_of_any(graph, row)
    }

    #[inline(never)]
    fn condition_of_any(&self, graph: &Graph, row: &mut Row<'_>) -> Option<bool> {
        if self.run(graph, row) { self.bool(row, 0) } else { None }
    }

    /// The number that its only output is; `None` where something is undefined or it is no number: ask the exact evaluator.
    #[inline]
    pub(in crate::lang) fn only_number(&self, graph: &Graph, row: &mut Row<'_>) -> Option<f64> {
        if let Some(small) = &self.small
            && let Some(numbers) = row.numbers.first_chunk_mut()
        {
            return small.number(numbers);
        }
        self.number_of_any(graph, row)
    }

    #[inline(never)]
    fn number_of_any(&self, graph: &Graph, row: &mut Row<'_>) -> Option<f64> {
        if self.run(graph, row) {
            self.number(row, 0)
        } else {
            None
        }
    }

    /// Runs the program. `true`: everything was defined and the outputs hold; `false`: ask the exact evaluator.
    #[inline(always)]
    pub(crate) fn run(&self, graph: &Graph, row: &mut Row<'_>) -> bool {
        match &self.stages[..] {
            [stage] if self.words == 1 && stage.others.is_empty() => self.run_numbers(stage, row),
            _ => self.run_stages(graph, row),
        }
    }

    /// The usual program: numbers, their comparisons and few enough of them.
    #[inline(always)]
    fn run_numbers(&self, stage: &Stage, row: &mut Row<'_>) -> bool {
        let numbers = row.numbers.as_mut_slice();
        // Finite if all inputs and results are, unless they are so large that each must be looked at.
        let mut sum = 0.0;
        for register in &self.untested {
            sum += numbers[*register as usize];
        }
        if !stage.ops.is_empty() {
            sum += compute(&stage.ops, numbers);
        }
        if stage.compares {
            let mut word = 0;
            if !stage.atoms.is_empty() {
                let (hits, tested) = test_all(&stage.atoms, numbers);
                word = hits;
                sum += tested;
            }
            for single in &stage.singles {
                let value = numbers[single.register as usize];
                word.put(single.bit, value >= single.bound);
                sum += value;
            }
            for pair in &stage.pairs {
                word.put(pair.bit, numbers[pair.left as usize] >= numbers[pair.right as usize]);
            }
            stage.settle(&mut word);
            row.bits[0] = word;
        }
        sum.is_finite() || row.is_finite()
    }

    #[inline(never)]
    fn run_stages(&self, graph: &Graph, row: &mut Row<'_>) -> bool {
        if self.words == 1 {
            let mut word = 0_u64;
            let complete = self.run_with(graph, row, &mut word);
            row.bits[0] = word;
            return complete;
        }
        let mut bits = std::mem::take(&mut row.bits);
        bits.fill(0);
        let complete = self.run_with(graph, row, &mut bits);
        row.bits = bits;
        complete
    }

    fn run_with<B: Bits>(&self, graph: &Graph, row: &mut Row<'_>, bits: &mut B) -> bool {
        if row.is_incomplete() {
            return false;
        }
        let mut sum = 0.0;
        for stage in &self.stages {
            if !stage.others.is_empty() {
                // Taken, so that it is not the bits themselves that must have an address.
                let mut taken = std::mem::take(bits);
                let done = self.run_others(graph, row, &stage.others, &mut taken);
                *bits = taken;
                if !done {
                    return false;
                }
            }
            let numbers = row.numbers.as_mut_slice();
            sum += compute(&stage.ops, numbers);
            for atoms in stage.atoms.chunk_by(|a, b| a.word == b.word) {
                bits.add(atoms[0].word, test_all(atoms, numbers).0);
            }
            for single in &stage.singles {
                bits.put(single.bit, numbers[single.register as usize] >= single.bound);
            }
            for pair in &stage.pairs {
                bits.put(pair.bit, numbers[pair.left as usize] >= numbers[pair.right as usize]);
            }
            let mut holds = true;
            for part in stage.levels.iter().flatten() {
                holds &= bits.word(part.word) & part.mask == part.want;
                if B::ONE_WORD || !part.continues {
                    bits.put(part.bit, holds);
                    holds = true;
                }
            }
        }
        sum.is_finite() || row.is_finite()
    }

    #[inline(never)]
    fn run_others<B: Bits>(&self, graph: &Graph, row: &mut Row<'_>, others: &[Other], bits: &mut B) -> bool {
        let mut values: Values<'_> = std::mem::take(&mut row.exact);
        let done = self.run_others_with(graph, row, others, bits, &mut values);
        row.exact = values.released();
        done
    }

    fn run_others_with<'g, 't: 'g, B: Bits>(
        &self,
        graph: &'g Graph,
        row: &mut Row<'t>,
        others: &[Other],
        bits: &mut B,
        values: &mut Values<'g>,
    ) -> bool {
        for other in others {
            match *other {
                Other::Select {
                    literal,
                    into,
                    then,
                    otherwise,
                } => {
                    let chosen = if bits.read(literal) { then } else { otherwise };
                    row.numbers[into as usize] = row.numbers[chosen as usize];
                }
                Other::Text { bit, input, test } => match row.texts[input as usize] {
                    Some(text) => bits.put(bit, graph.tests[test as usize].passes(text)),
                    None => return false,
                },
                Other::ExactNumber { into, body } => match self.exact_value(graph, row, values, body) {
                    Some(&Value::Number(x)) => row.numbers[into as usize] = x,
                    _ => return false,
                },
                Other::ExactBool { bit, body } => match self.exact_value(graph, row, values, body) {
                    Some(&Value::Bool(b)) => bits.put(bit, b),
                    _ => return false,
                },
            }
        }
        true
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
            Output::Bool(literal) => Some(row.bits.read(literal)),
            Output::KnownBool(known) => Some(known),
            _ => None,
        }
    }

    /// The value of one of the roots that the exact evaluator computes. The first question of a run computes all of them.
    fn exact_value<'v, 't>(
        &self,
        graph: &'t Graph,
        row: &Row<'t>,
        values: &'v mut Values<'t>,
        root: u32,
    ) -> Option<&'v Value<'t>> {
        if values.is_empty() {
            values.prepare(graph);
            values.compute(graph, row, self.exact_nodes.iter().copied());
        }
        values.get(self.exact[root as usize])
    }
}
