//! Conditions of few comparisons, as most are: all of it in one pass over the columns.
//!
//! Nothing is kept between comparisons but their truth values, and a division has the comparisons beside it to do meanwhile.

use fearless_simd::prelude::*;

use super::Truth;
use super::kernels::{self, Numbers, WORD};
use super::steps::Steps;
use crate::lang::program::{Code, Output, Program};

/// How many comparisons are made in one pass at most.
pub(super) const TESTS: usize = 4;

/// A condition of comparisons of inputs, and of quotients of inputs, with constants.
#[derive(Debug, Clone)]
pub(super) struct Fused {
    /// The inputs with their bounds.
    pub(super) plain: Vec<(u32, f64)>,
    /// Dividends and divisors with the bounds of their quotients.
    pub(super) quotients: Vec<([u32; 2], f64)>,
    table: Table,
}

/// The answer for each outcome of the comparisons, over words of rows: for the outcomes `2 i` and `2 i + 1`, that of the first, and what turns
/// it into that of the second.
#[derive(Debug, Clone, Copy)]
struct Table([[u64; 2]; 1 << (TESTS - 1)]);

impl Fused {
    /// The fused form of a program that has one; `passing` are the results that only a comparison needs.
    pub(super) fn of(program: &Program, steps: &Steps) -> Option<Fused> {
        let ([stage], (_, Output::Bool(literal))) = (&program.stages[..], program.output(0)) else {
            return None;
        };
        let is_quotient = |code| matches!(code, Code::Divide);
        if !stage.others.is_empty()
            || !stage.pairs.is_empty()
            || program.words > 1
            || stage.ops.len() != steps.passing.len()
            || !stage.ops.iter().all(|op| is_quotient(op.code))
        {
            return None;
        }
        let is_input = |register: u32| (register as usize) < program.needed.len();
        let (mut plain, mut quotients) = (Vec::new(), Vec::new());
        let (mut plain_bits, mut quotient_bits) = (Vec::new(), Vec::new());
        let mut seen = vec![false; program.needed.len()];
        for (register, bound, bit) in stage.every_atom() {
            if is_input(register) {
                seen[register as usize] = true;
                plain.push((register, bound));
                plain_bits.push(bit);
            } else {
                let op = stage.ops.iter().find(|op| op.into == register)?;
                let [dividend, divisor, _] = op.operands;
                for register in [dividend, divisor] {
                    *seen.get_mut(register as usize)? = true;
                }
                quotients.push(([dividend, divisor], bound));
                quotient_bits.push(bit);
            }
        }
        if plain.len() + quotients.len() > TESTS || seen != program.needed {
            return None;
        }
        let bits: Vec<usize> = plain_bits.into_iter().chain(quotient_bits).collect();
        let answers: Vec<bool> = stage.answers(&bits, literal).collect();
        let mut table = Table([[0; 2]; 1 << (TESTS - 1)]);
        for (outcome, pair) in table.0.iter_mut().enumerate() {
            // Tests that are not there make no difference.
            let answer = |outcome: usize| if answers[outcome % answers.len()] { u64::MAX } else { 0 };
            let (first, second) = (answer(2 * outcome), answer(2 * outcome + 1));
            *pair = [first, first ^ second];
        }
        Some(Fused {
            plain,
            quotients,
            table,
        })
    }

    /// Answers whole words of rows. `column` gives those of an input; rows in which something is undefined are answered by `undefined`, which is
    /// given the number of their word.
    #[inline(always)]
    pub(super) fn run<'a, S: Simd>(
        &self,
        simd: S,
        column: impl Fn(u32) -> &'a [Numbers],
        into: &mut [[Truth; WORD]],
        mut undefined: impl FnMut(usize, &mut [Truth; WORD]),
    ) {
        let plain = |at: usize| (column(self.plain[at].0), self.plain[at].1);
        let quotient = |at: usize| {
            let ([dividend, divisor], bound) = self.quotients[at];
            ([column(dividend), column(divisor)], bound)
        };
        let table = &self.table;
        macro_rules! choose {
            ($($p:literal [$($plain:literal)*] $q:literal [$($quotient:literal)*])*) => {
                match (self.plain.len(), self.quotients.len()) {
                    $(($p, $q) => kernels::fused::<S, $p, $q>(
                        simd,
                        [$(plain($plain)),*],
                        [$(quotient($quotient)),*],
                        into,
                        #[inline(always)]
                        |tests| table.answer::<{ $p + $q }>(tests),
                        &mut undefined,
                    ),)*
                    // There are no more.
                    _ => {}
                }
            };
        }
        choose! {
            1 [0] 0 []  2 [0 1] 0 []  3 [0 1 2] 0 []  4 [0 1 2 3] 0 []
            0 [] 1 [0]  1 [0] 1 [0]  2 [0 1] 1 [0]  3 [0 1 2] 1 [0]
            0 [] 2 [0 1]  1 [0] 2 [0 1]  2 [0 1] 2 [0 1]
            0 [] 3 [0 1 2]  1 [0] 3 [0 1 2]
            0 [] 4 [0 1 2 3]
        }
    }
}

impl Table {
    /// The answers for rows with `N` tests.
    #[inline(always)]
    fn answer<const N: usize>(&self, tests: [u64; TESTS]) -> u64 {
        let mut answers = self.0.map(|[first, change]| first ^ (change & tests[0]));
        // One test after the other halves what it can come to.
        for (test, word) in tests.iter().enumerate().take(N).skip(1) {
            for at in 0..1 << (N - 1 - test) {
                let [first, second] = [answers[2 * at], answers[2 * at + 1]];
                answers[at] = first ^ ((first ^ second) & word);
            }
        }
        answers[0]
    }
}
