//! Small programs: a few numbers and comparisons, and one answer, as most rules are.
//!
//! They do the same as others, in less: registers are so few that a byte names one, and none is out of bounds; the boolean part is a table of
//! all it can come to; and what is looked at for being finite is only what shows that everything else is.

use super::lowering::chained;
use super::{Code, Literal, NumberOp, Output, Program, Register, Stage, TOGETHER, functions};
use crate::lang::arithmetic::{Fn1, Fn2, Fn3};

/// How many registers a row has at least for a small program.
pub(super) const ROOM: usize = 32;

/// How many comparisons one has at most: there is an answer for each outcome of all of them.
const TESTS: usize = 6;

type Registers = [f64; ROOM];

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u8);

impl Place {
    fn new(register: Register) -> Option<Place> {
        let place = u8::try_from(register).ok()?;
        (usize::from(place) < ROOM).then_some(Place(place))
    }

    #[inline(always)]
    fn index(self) -> usize {
        // Does nothing, but tell the compiler that it is within bounds.
        usize::from(self.0) % ROOM
    }
}

/// Computes a function of operands and also returns it. It is given what the operation before returned, which may be its first operand: that
/// need not be fetched from where it was just put.
type Function = fn(&Op, &mut Registers, f64) -> f64;

/// `into = function(operands)`
#[derive(Debug, Clone, Copy)]
struct Op {
    function: Function,
    into: Place,
    operands: [Place; 3],
}

/// The tests `register ≥ bound` of any registers, made together.
#[derive(Debug, Clone, Copy)]
struct Tests {
    bounds: [f64; TOGETHER],
    /// The bit of each in the number of the outcome; 0 where the register is only added up.
    bits: [u64; TOGETHER],
    places: [Place; TOGETHER],
}

/// The test `left ≥ right`.
#[derive(Debug, Clone, Copy)]
struct Pair {
    left: Place,
    right: Place,
    bit: u64,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Small {
    ops: Vec<Op>,
    answer: Answer,
}

#[derive(Debug, Clone)]
enum Answer {
    Condition(Condition),
    Number(Number),
}

/// A condition, once its numbers are computed.
#[derive(Debug, Clone)]
struct Condition {
    tests: Tests,
    /// The rest of them, where there are many.
    more: Vec<Tests>,
    pairs: Vec<Pair>,
    /// The answer by the number of the outcome.
    answers: Box<[bool]>,
}

/// A number that was computed.
#[derive(Debug, Clone)]
struct Number {
    place: Place,
    /// What is added up beside it.
    hidden: Place,
    /// The rest of it, where there is more.
    more: Vec<Place>,
}

impl Small {
    /// The small form of a program that has one.
    pub(super) fn of(program: &Program) -> Option<Small> {
        let ([stage], [(_, output)]) = (&program.stages[..], &program.outputs[..]) else {
            return None;
        };
        if !stage.others.is_empty() || program.words > 1 || program.start.len() > ROOM {
            return None;
        }
        let answer = match *output {
            Output::Number(register) => Answer::Number(Number::new(program, stage, register)?),
            Output::Bool(literal) => Answer::Condition(Condition::new(program, stage, literal)?),
            Output::KnownBool(_) | Output::Exact => return None,
        };
        Some(Small {
            ops: ops_of(stage, &answer)?,
            answer,
        })
    }

    /// The truth value; `None` where something is undefined.
    #[inline(never)]
    pub(super) fn condition(&self, numbers: &mut Registers) -> Option<bool> {
        let Answer::Condition(condition) = &self.answer else {
            return None;
        };
        self.compute(numbers);
        condition.answer(numbers)
    }

    /// The number; `None` where something is undefined.
    #[inline(never)]
    pub(super) fn number(&self, numbers: &mut Registers) -> Option<f64> {
        let Answer::Number(number) = &self.answer else {
            return None;
        };
        self.compute(numbers);
        number.answer(numbers)
    }

    #[inline(always)]
    fn compute(&self, numbers: &mut Registers) {
        let mut last = 0.0;
        for op in &self.ops {
            last = (op.function)(op, numbers, last);
        }
    }
}

impl Answer {
    /// Whether it needs what is in a register.
    fn reads(&self, register: Register) -> bool {
        let is_same = |place: &Place| Register::from(place.0) == register;
        match self {
            Answer::Condition(condition) => {
                let mut tests = std::iter::once(&condition.tests).chain(&condition.more);
                let mut pairs = condition.pairs.iter();
                tests.any(|tests| tests.places.iter().any(is_same))
                    || pairs.any(|pair| is_same(&pair.left) || is_same(&pair.right))
            }
            Answer::Number(number) => {
                is_same(&number.place) || is_same(&number.hidden) || number.more.iter().any(is_same)
            }
        }
    }
}

impl Condition {
    fn new(program: &Program, stage: &Stage, literal: Literal) -> Option<Condition> {
        let atoms: Vec<(Register, f64, usize)> = stage.every_atom().collect();
        let pairs = stage.pairs.iter();
        let bits = atoms
            .iter()
            .map(|atom| atom.2)
            .chain(pairs.map(|pair| pair.bit as usize));
        let bits: Vec<usize> = bits.collect();
        if bits.len() > TESTS {
            return None;
        }
        let pair = |(pair, test): (&super::Pair, usize)| {
            Some(Pair {
                left: Place::new(pair.left)?,
                right: Place::new(pair.right)?,
                bit: 1 << test,
            })
        };
        let mut lanes: Vec<(Register, f64, u64)> = Vec::new();
        lanes.extend(atoms.iter().zip(0..).map(|(atom, test)| (atom.0, atom.1, 1 << test)));
        // What is only added up takes the lanes that are left.
        let seen: Vec<Register> = atoms.iter().map(|atom| atom.0).collect();
        lanes.extend(unseen(program, stage, &seen).map(|register| (register, 0.0, 0)));
        let mut tests = lanes.chunks(TOGETHER).map(Tests::new);
        Some(Condition {
            tests: tests.next()??,
            more: tests.collect::<Option<_>>()?,
            pairs: stage.pairs.iter().zip(atoms.len()..).map(pair).collect::<Option<_>>()?,
            answers: stage.answers(&bits, literal).collect(),
        })
    }

    #[inline(always)]
    fn answer(&self, numbers: &Registers) -> Option<bool> {
        let (mut bits, mut sum) = self.tests.run(numbers);
        for tests in &self.more {
            let (more, added) = tests.run(numbers);
            bits |= more;
            sum += added;
        }
        for pair in &self.pairs {
            let holds = numbers[pair.left.index()] >= numbers[pair.right.index()];
            bits |= u64::from(holds).wrapping_neg() & pair.bit;
        }
        if is_defined(sum, numbers) {
            self.answers.get(bits as usize).copied()
        } else {
            None
        }
    }
}

impl Tests {
    fn new(lanes: &[(Register, f64, u64)]) -> Option<Tests> {
        let (register, ..) = lanes.first()?;
        let mut tests = Tests {
            bounds: [0.0; TOGETHER],
            bits: [0; TOGETHER],
            places: [Place::new(*register)?; TOGETHER],
        };
        for (lane, (register, bound, bit)) in lanes.iter().enumerate() {
            tests.bounds[lane] = *bound;
            tests.bits[lane] = *bit;
            tests.places[lane] = Place::new(*register)?;
        }
        Some(tests)
    }

    /// The bits of those that hold, and the sum of all registers.
    #[inline(always)]
    fn run(&self, numbers: &Registers) -> (u64, f64) {
        // One by one, since numbers that were just set one by one are slow to fetch as a vector.
        let [a, b, c, d] = self.places;
        let values = [
            numbers[a.index()],
            numbers[b.index()],
            numbers[c.index()],
            numbers[d.index()],
        ];
        // Not a condition, which would become a jump that nobody can predict.
        let bits: [u64; TOGETHER] =
            std::array::from_fn(|lane| u64::from(values[lane] >= self.bounds[lane]).wrapping_neg() & self.bits[lane]);
        (
            (bits[0] | bits[2]) | (bits[1] | bits[3]),
            (values[0] + values[2]) + (values[1] + values[3]),
        )
    }
}

impl Number {
    fn new(program: &Program, stage: &Stage, register: Register) -> Option<Number> {
        let place = Place::new(register)?;
        let mut hidden = unseen(program, stage, &[register]).map(Place::new);
        Some(Number {
            place,
            hidden: hidden.next().unwrap_or(Some(place))?,
            more: hidden.collect::<Option<_>>()?,
        })
    }

    #[inline(always)]
    fn answer(&self, numbers: &Registers) -> Option<f64> {
        let number = numbers[self.place.index()];
        let mut sum = number + numbers[self.hidden.index()];
        for place in &self.more {
            sum += numbers[place.index()];
        }
        is_defined(sum, numbers).then_some(number)
    }
}

/// Whether all numbers are finite, where the sum of those that show it is known.
#[inline(always)]
fn is_defined(sum: f64, numbers: &Registers) -> bool {
    // Finite numbers can be so large that their sum is not.
    #[cold]
    #[inline(never)]
    fn each(numbers: &Registers) -> bool {
        numbers.iter().all(|x| x.is_finite())
    }
    sum.is_finite() || each(numbers)
}

/// The inputs and results that can be undefined though all registers of `seen` are defined: with these, all others are.
fn unseen(program: &Program, stage: &Stage, seen: &[Register]) -> impl Iterator<Item = Register> + use<> {
    let mut shows = vec![false; program.start.len()];
    for register in seen {
        shows[*register as usize] = true;
    }
    let mut unseen = Vec::new();
    let mut look = |register: Register, shows: &mut [bool]| {
        if !std::mem::replace(&mut shows[register as usize], true) {
            unseen.push(register);
        }
    };
    // What is computed from a result comes after it.
    for op in stage.ops.iter().rev() {
        look(op.into, &mut shows);
        for (register, hides) in op.operands.iter().zip(hides(op.code)) {
            shows[*register as usize] |= !hides;
        }
    }
    for input in (0..program.needed.len()).filter(|input| program.needed[*input]) {
        look(input as Register, &mut shows);
    }
    unseen.into_iter()
}

/// The operations of a stage, two in one where that is known; `answer` is what is made of their results.
fn ops_of(stage: &Stage, answer: &Answer) -> Option<Vec<Op>> {
    let op = |function, into, [a, b, c]: [Register; 3]| {
        Some(Op {
            function,
            into: Place::new(into)?,
            operands: [Place::new(a)?, Place::new(b)?, Place::new(c)?],
        })
    };
    let readers = |register: Register| {
        let operands = stage.ops.iter().flat_map(|op| unique(op.operands));
        operands.filter(|operand| *operand == register).count()
    };
    // Whether nothing but the first operand of `next` needs the result of `first`, which is not kept then.
    let passes_on = |first: &NumberOp, next: &NumberOp| {
        next.chained && next.operands[1] != first.into && readers(first.into) == 1 && !answer.reads(first.into)
    };
    let chained = chained(in_chains(&stage.ops));
    let mut ops: Vec<Op> = Vec::with_capacity(chained.len());
    let mut rest = &chained[..];
    while let [first, others @ ..] = rest {
        rest = others;
        if let [next, others @ ..] = others
            && passes_on(first, next)
            && let Some(function) = function_of_two(first.code, first.chained, next.code)
        {
            let [a, b, _] = first.operands;
            ops.push(op(function, next.into, [a, b, next.operands[1]])?);
            rest = others;
        } else {
            ops.push(op(function(first.code, first.chained), first.into, first.operands)?);
        }
    }
    Some(ops)
}

/// The operations in an order in which most go on with the result of the one before: of operands, what takes longest comes last.
fn in_chains(ops: &[NumberOp]) -> impl ExactSizeIterator<Item = (Code, Register, [Register; 3])> {
    let index_of = |register: &Register| ops.iter().position(|op| op.into == *register);
    // How many operations each waits for, the longest way.
    let mut waits: Vec<u32> = Vec::with_capacity(ops.len());
    for op in ops {
        let operands = op.operands.iter().filter_map(index_of);
        waits.push(operands.map(|operand| waits[operand] + 1).max().unwrap_or(0));
    }
    let mut order: Vec<usize> = Vec::with_capacity(ops.len());
    let mut placed = vec![false; ops.len()];
    // From the last one on; whatever it needs is done before it.
    for root in (0..ops.len()).rev() {
        let mut open = vec![(root, false)];
        while let Some((index, ready)) = open.pop() {
            if placed[index] {
                continue;
            }
            if ready {
                placed[index] = true;
                order.push(index);
                continue;
            }
            open.push((index, true));
            let mut operands: Vec<usize> = ops[index].operands.iter().filter_map(index_of).collect();
            // What is pushed last is done first.
            operands.sort_by_key(|operand| std::cmp::Reverse(waits[*operand]));
            open.extend(operands.into_iter().map(|operand| (operand, false)));
        }
    }
    order
        .into_iter()
        .map(|index| (ops[index].code, ops[index].into, ops[index].operands))
}

/// The operands of a function, each once.
fn unique([a, b, c]: [Register; 3]) -> impl Iterator<Item = Register> {
    let b = (b != a).then_some(b);
    let c = (c != a && Some(c) != b).then_some(c);
    [Some(a), b, c].into_iter().flatten()
}

/// What computes the second function of the result of the first, and the third operand if it takes one; for functions that often follow each
/// other.
fn function_of_two(first: Code, chained: bool, second: Code) -> Option<Function> {
    macro_rules! choose {
        ($($first:ident)*) => {
            match first {
                $(Code::$first => choose!($first: Add Subtract Multiply Divide),)*
                _ => None,
            }
        };
        ($first:ident: $($second:ident)*) => {
            match (second, chained) {
                $(
                    (Code::$second, false) => Some(|op, numbers, _| {
                        let result = Fn2::$first.apply(op.first(numbers), op.second(numbers));
                        op.put(numbers, Fn2::$second.apply(result, op.third(numbers)))
                    }),
                    (Code::$second, true) => Some(|op, numbers, last| {
                        let result = Fn2::$first.apply(last, op.second(numbers));
                        op.put(numbers, Fn2::$second.apply(result, op.third(numbers)))
                    }),
                )*
                (Code::Ceil, false) => Some(|op, numbers, _| {
                    let result = Fn2::$first.apply(op.first(numbers), op.second(numbers));
                    op.put(numbers, Fn1::Ceil.apply_to_one(result))
                }),
                (Code::Ceil, true) => Some(|op, numbers, last| {
                    let result = Fn2::$first.apply(last, op.second(numbers));
                    op.put(numbers, Fn1::Ceil.apply_to_one(result))
                }),
                _ => None,
            }
        };
    }
    choose!(Add Subtract Multiply Divide)
}

macro_rules! define_functions {
    ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
        /// What computes a function, of which the first operand is the result before if it is `chained`.
        fn function(code: Code, chained: bool) -> Function {
            match (code, chained) {
                $(
                    (Code::$one, false) => |op, numbers, _| op.put(numbers, Fn1::$one.apply_to_one(op.first(numbers))),
                    (Code::$one, true) => |op, numbers, last| op.put(numbers, Fn1::$one.apply_to_one(last)),
                )*
                $(
                    (Code::$two, false) => |op, numbers, _| {
                        op.put(numbers, Fn2::$two.apply(op.first(numbers), op.second(numbers)))
                    },
                    (Code::$two, true) => |op, numbers, last| {
                        op.put(numbers, Fn2::$two.apply(last, op.second(numbers)))
                    },
                )*
                $(
                    (Code::$three, _) => |op, numbers, _| {
                        op.put(numbers, Fn3::$three.apply(op.first(numbers), op.second(numbers), op.third(numbers)))
                    },
                )*
            }
        }

        /// For each operand, whether the result can be finite although that operand is not. What a function does not take repeats its first.
        fn hides(code: Code) -> [bool; 3] {
            match code {
                $(Code::$one => [Fn1::$one.hides()[0]; 3],)*
                $(Code::$two => {
                    let [a, b] = Fn2::$two.hides();
                    [a, b, a]
                })*
                // All of them.
                $(Code::$three)|* => [true; 3],
            }
        }
    };
}
functions!(define_functions);

impl Op {
    #[inline(always)]
    fn first(&self, numbers: &Registers) -> f64 {
        numbers[self.operands[0].index()]
    }

    #[inline(always)]
    fn second(&self, numbers: &Registers) -> f64 {
        numbers[self.operands[1].index()]
    }

    #[inline(always)]
    fn third(&self, numbers: &Registers) -> f64 {
        numbers[self.operands[2].index()]
    }

    #[inline(always)]
    fn put(&self, numbers: &mut Registers, result: f64) -> f64 {
        numbers[self.into.index()] = result;
        result
    }
}
