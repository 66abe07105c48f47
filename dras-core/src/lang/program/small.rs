//! Small programs: a few numbers and comparisons, and one answer, as most rules are.
//!
//! They do the same as others, in less: registers are so few that a byte names one, and none is out of bounds; the boolean part is a table of
//! all it can come to; and what is looked at for being finite is only what shows that everything else is.

use super::{Code, NumberOp, Output, Program, Register, Stage, TOGETHER, functions};
use crate::lang::arithmetic::{Fn1, Fn2, Fn3};

/// How many registers a row has at least for a small program.
pub(super) const ROOM: usize = 32;

/// How many comparisons one has at most: each outcome of all of them is a bit of a word.
const TESTS: usize = u64::BITS.ilog2() as usize;

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

/// `into = function(operands)`
#[derive(Debug, Clone, Copy)]
struct Op {
    function: fn(&Op, &mut Registers),
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
    tests: Vec<Tests>,
    pairs: Vec<Pair>,
    /// What else is added up.
    sums: Vec<Place>,
    answer: Answer,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    /// By the number of the outcome.
    Condition {
        table: u64,
    },
    Number {
        place: Place,
    },
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
        let place = |register: &Register| Place::new(*register);
        let op = |op: &NumberOp| {
            let [a, b, c] = op.operands.each_ref().map(place);
            Some(Op {
                function: function(op.code),
                into: Place::new(op.into)?,
                operands: [a?, b?, c?],
            })
        };
        let mut small = Small {
            ops: stage.ops.iter().map(op).collect::<Option<_>>()?,
            tests: Vec::new(),
            pairs: Vec::new(),
            sums: Vec::new(),
            answer: Answer::Condition { table: 0 },
        };
        // A finite sum of the registers that are `seen` says that all others are finite, too.
        let mut seen: Vec<Register> = Vec::new();
        match *output {
            Output::Number(register) => {
                small.answer = Answer::Number {
                    place: Place::new(register)?,
                };
                seen.push(register);
                seen.extend(unseen(program, stage, &seen));
                small.sums = seen.iter().map(place).collect::<Option<_>>()?;
            }
            Output::Bool(literal) => {
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
                let holds = |outcome: &u64| {
                    let set = bits.iter().enumerate().filter(|(test, _)| (outcome >> test) & 1 == 1);
                    let mut word = set.fold(0, |word, (_, bit)| word | 1 << bit);
                    stage.settle(&mut word);
                    ((word >> literal.bit) & 1 == 1) != literal.negate
                };
                let outcomes = (0..1 << bits.len()).filter(holds);
                small.answer = Answer::Condition {
                    table: outcomes.fold(0, |table, outcome| table | 1 << outcome),
                };
                for (pair, test) in stage.pairs.iter().zip(atoms.len()..) {
                    small.pairs.push(Pair {
                        left: Place::new(pair.left)?,
                        right: Place::new(pair.right)?,
                        bit: 1 << test,
                    });
                }
                seen.extend(atoms.iter().map(|atom| atom.0));
                // Those that are only added up take the places that are free.
                let mut lanes: Vec<(Register, f64, u64)> = Vec::new();
                lanes.extend(atoms.iter().zip(0..).map(|(atom, test)| (atom.0, atom.1, 1 << test)));
                lanes.extend(unseen(program, stage, &seen).iter().map(|register| (*register, 0.0, 0)));
                for lanes in lanes.chunks(TOGETHER) {
                    let (register, bound, _) = lanes[0];
                    let mut tests = Tests {
                        bounds: [bound; TOGETHER],
                        bits: [0; TOGETHER],
                        places: [Place::new(register)?; TOGETHER],
                    };
                    for (lane, (register, bound, bit)) in lanes.iter().enumerate() {
                        tests.bounds[lane] = *bound;
                        tests.bits[lane] = *bit;
                        tests.places[lane] = Place::new(*register)?;
                    }
                    small.tests.push(tests);
                }
            }
            Output::KnownBool(_) | Output::Exact => return None,
        }
        Some(small)
    }

    /// The truth value; `None` where something is undefined.
    #[inline(never)]
    pub(super) fn condition(&self, numbers: &mut Registers) -> Option<bool> {
        let Answer::Condition { table } = self.answer else {
            return None;
        };
        self.compute(numbers);
        let (mut bits, mut sums) = ([0; TOGETHER], [0.0; TOGETHER]);
        for tests in &self.tests {
            tests.run(numbers, &mut bits, &mut sums);
        }
        let mut outcome = (bits[0] | bits[1]) | (bits[2] | bits[3]);
        for pair in &self.pairs {
            let holds = numbers[pair.left.index()] >= numbers[pair.right.index()];
            outcome |= u64::from(holds).wrapping_neg() & pair.bit;
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        is_defined(sum, numbers).then_some((table >> (outcome % 64)) & 1 == 1)
    }

    /// The number; `None` where something is undefined.
    #[inline(never)]
    pub(super) fn number(&self, numbers: &mut Registers) -> Option<f64> {
        let Answer::Number { place } = self.answer else {
            return None;
        };
        self.compute(numbers);
        let sum = self.sums.iter().fold(0.0, |sum, place| sum + numbers[place.index()]);
        is_defined(sum, numbers).then_some(numbers[place.index()])
    }

    #[inline(always)]
    fn compute(&self, numbers: &mut Registers) {
        for op in &self.ops {
            (op.function)(op, numbers);
        }
    }
}

impl Tests {
    /// Adds the bits of those that hold, and the values.
    #[inline(always)]
    fn run(&self, numbers: &Registers, bits: &mut [u64; TOGETHER], sums: &mut [f64; TOGETHER]) {
        // One by one, since numbers that were just set one by one are slow to fetch as a vector.
        let values: [f64; TOGETHER] = std::array::from_fn(|lane| numbers[self.places[lane].index()]);
        // Not a condition, which would become a jump that nobody can predict.
        let holds: [u64; TOGETHER] =
            std::array::from_fn(|lane| u64::from(values[lane] >= self.bounds[lane]).wrapping_neg());
        for lane in 0..TOGETHER {
            bits[lane] |= holds[lane] & self.bits[lane];
        }
        for lane in 0..TOGETHER {
            sums[lane] += values[lane];
        }
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

/// The inputs and results that can be undefined though all registers of `seen`, and what is returned, are defined.
fn unseen(program: &Program, stage: &Stage, seen: &[Register]) -> Vec<Register> {
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
    unseen
}

macro_rules! define_functions {
    ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
        /// What computes a function.
        fn function(code: Code) -> fn(&Op, &mut Registers) {
            match code {
                $(Code::$one => |op, numbers| {
                    let [a, _, _] = op.operands.map(Place::index);
                    numbers[op.into.index()] = Fn1::$one.apply(numbers[a]);
                },)*
                $(Code::$two => |op, numbers| {
                    let [a, b, _] = op.operands.map(Place::index);
                    numbers[op.into.index()] = Fn2::$two.apply(numbers[a], numbers[b]);
                },)*
                $(Code::$three => |op, numbers| {
                    let [a, b, c] = op.operands.map(Place::index);
                    numbers[op.into.index()] = Fn3::$three.apply(numbers[a], numbers[b], numbers[c]);
                },)*
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
                $(Code::$three => {
                    // All of them; named, so that every function is.
                    let _ = Fn3::$three;
                    [true; 3]
                })*
            }
        }
    };
}
functions!(define_functions);
