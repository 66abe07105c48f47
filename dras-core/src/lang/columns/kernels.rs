//! What is done with the rows of a word, eight at a time. Everything is inlined where an instruction set was chosen, and so compiled for it.
//!
//! Every loop adds up what it reads and what it computes, unless the result shows it: the sum of finite numbers is finite, so one look at the
//! sum says whether all of them were, unless they are so large that each must be looked at.

use fearless_simd::prelude::*;
use fearless_simd::{f64x8, mask64x8};

use super::Truth;
use super::fused::TESTS;

/// Rows whose truth values stand in one word, the first row in the lowest bit.
pub(super) const WORD: usize = u64::BITS as usize;

/// Rows that are looked at together.
const LANES: usize = 8;

/// The numbers of a register in the rows of a word.
pub(super) type Numbers = [f64; WORD];

#[inline(always)]
fn eights(numbers: &Numbers) -> &[[f64; LANES]; WORD / LANES] {
    const { assert!(WORD.is_multiple_of(LANES)) };
    numbers
        .as_chunks()
        .0
        .first_chunk()
        .unwrap_or(&[[0.0; LANES]; WORD / LANES])
}

/// The rows in which all numbers of `above` are at least their bound, and all of `below` less. `NEW`: some of them were not added up before.
#[inline(always)]
pub(super) fn all<S: Simd, const NEW: bool, const A: usize, const B: usize>(
    simd: S,
    above: [(&Numbers, f64); A],
    below: [(&Numbers, f64); B],
    sum: &mut f64x8<S>,
) -> u64 {
    simd.vectorize(
        #[inline(always)]
        || {
            let (mut bits, mut total) = (0, f64x8::splat(simd, 0.0));
            for at in 0..WORD / LANES {
                let mut holds = mask64x8::splat(simd, true);
                // Added up among themselves first, so that little waits for the total.
                let mut added = f64x8::splat(simd, -0.0);
                for (numbers, bound) in above {
                    let x = f64x8::simd_from(simd, eights(numbers)[at]);
                    if NEW {
                        added += x;
                    }
                    holds &= x.simd_ge(bound);
                }
                for (numbers, bound) in below {
                    let x = f64x8::simd_from(simd, eights(numbers)[at]);
                    if NEW {
                        added += x;
                    }
                    holds &= x.simd_lt(bound);
                }
                if NEW {
                    total += added;
                }
                bits |= holds.to_bitmask() << (at * LANES);
            }
            *sum += total;
            bits
        },
    )
}

/// The rows in which `left ≥ right`.
#[inline(always)]
pub(super) fn at_least<S: Simd>(simd: S, left: &Numbers, right: &Numbers, sum: &mut f64x8<S>) -> u64 {
    simd.vectorize(
        #[inline(always)]
        || {
            let (mut bits, mut total) = (0, f64x8::splat(simd, 0.0));
            for at in 0..WORD / LANES {
                let [left, right] = [left, right].map(|numbers| f64x8::simd_from(simd, eights(numbers)[at]));
                total += left + right;
                bits |= left.simd_ge(right).to_bitmask() << (at * LANES);
            }
            *sum += total;
            bits
        },
    )
}

/// The rows in which the result of a function is at least a bound. Its second operand is added up if `HIDES` says that the result can be finite
/// though that is not.
#[inline(always)]
pub(super) fn compared<S: Simd, const HIDES: bool>(
    simd: S,
    [left, right]: [&Numbers; 2],
    bound: f64,
    sum: &mut f64x8<S>,
    f: impl Fn(f64x8<S>, f64x8<S>) -> f64x8<S>,
) -> u64 {
    simd.vectorize(
        #[inline(always)]
        || {
            let (mut bits, mut total) = (0, f64x8::splat(simd, 0.0));
            for at in 0..WORD / LANES {
                let (left, right) = (
                    f64x8::simd_from(simd, eights(left)[at]),
                    f64x8::simd_from(simd, eights(right)[at]),
                );
                let result = f(left, right);
                total += if HIDES { result + right } else { result };
                bits |= result.simd_ge(bound).to_bitmask() << (at * LANES);
            }
            *sum += total;
            bits
        },
    )
}

/// Makes the tests `≥` of `P` columns and of `Q` quotients of columns, and writes what `answer` makes of them. Words of rows in which something is
/// undefined are also given to `undefined`, with their number.
#[inline(always)]
pub(super) fn fused<S: Simd, const P: usize, const Q: usize>(
    simd: S,
    plain: [(&[Numbers], f64); P],
    quotients: [([&[Numbers]; 2], f64); Q],
    into: &mut [[Truth; WORD]],
    answer: impl Fn([u64; TESTS]) -> u64,
    undefined: &mut impl FnMut(usize, &mut [Truth; WORD]),
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let words = into.len();
            let (mut plain, mut quotients) = (plain, quotients);
            // All of one length, so that there is nothing to check further down.
            for (column, _) in &mut plain {
                *column = &column[..words];
            }
            for ([dividend, divisor], _) in &mut quotients {
                (*dividend, *divisor) = (&dividend[..words], &divisor[..words]);
            }
            for (word, into) in into.iter_mut().enumerate() {
                let (mut tests, mut sum) = ([0; TESTS], f64x8::splat(simd, 0.0));
                for at in 0..WORD / LANES {
                    let mut added = f64x8::splat(simd, -0.0);
                    for (test, ([dividend, divisor], bound)) in (P..).zip(&quotients) {
                        let (dividend, divisor) = (&dividend[word], &divisor[word]);
                        let (dividend, divisor) = (
                            f64x8::simd_from(simd, eights(dividend)[at]),
                            f64x8::simd_from(simd, eights(divisor)[at]),
                        );
                        let quotient = dividend / divisor;
                        // Zero says nothing of the divisor.
                        added += quotient + divisor;
                        tests[test] |= quotient.simd_ge(*bound).to_bitmask() << (at * LANES);
                    }
                    for (test, (column, bound)) in plain.iter().enumerate() {
                        let x = f64x8::simd_from(simd, eights(&column[word])[at]);
                        added += x;
                        tests[test] |= x.simd_ge(*bound).to_bitmask() << (at * LANES);
                    }
                    sum += added;
                }
                write_word(into, answer(tests));
                if !is_finite(sum) {
                    undefined(word, into);
                }
            }
        },
    );
}

/// Whether all numbers are finite whose sum is known.
#[inline(always)]
pub(super) fn is_finite<S: Simd>(sum: f64x8<S>) -> bool {
    #[expect(clippy::eq_op, reason = "zero for numbers, NaN for what is not finite")]
    let zeros = sum - sum;
    zeros.simd_eq(0.0).all_true()
}

/// The truth values of eight bits.
static TRUTHS: [[Truth; 8]; 256] = {
    let mut truths = [[Truth::False; 8]; 256];
    let mut at = 0;
    while at < 256 * 8 {
        if (at / 8) >> (at % 8) & 1 == 1 {
            truths[at / 8][at % 8] = Truth::True;
        }
        at += 1;
    }
    truths
};

/// Writes the truth values of the rows of a word.
#[inline(always)]
pub(super) fn write_word(truths: &mut [Truth; WORD], bits: u64) {
    for (truths, byte) in truths.as_chunks_mut().0.iter_mut().zip(bits.to_le_bytes()) {
        *truths = TRUTHS[usize::from(byte)];
    }
}

/// The one where a bit of `chosen` is set, the other where it is not.
#[inline(always)]
pub(super) fn select<S: Simd>(simd: S, out: &mut Numbers, chosen: u64, then: &Numbers, otherwise: &Numbers) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (at, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let [then, otherwise] = [then, otherwise].map(|numbers| f64x8::simd_from(simd, eights(numbers)[at]));
                let chosen = mask64x8::from_bitmask(simd, (chosen >> (at * LANES)) & 0xff);
                *out = chosen.select(then, otherwise).into();
            }
        },
    );
}

#[inline(always)]
pub(super) fn add<S: Simd>(simd: S, numbers: &Numbers, sum: &mut f64x8<S>) {
    for at in 0..WORD / LANES {
        *sum += f64x8::simd_from(simd, eights(numbers)[at]);
    }
}

/// A function of numbers; those of its operands are added up for which `hides` says that the result can be finite though they are not.
#[inline(always)]
pub(super) fn each<S: Simd, const N: usize>(
    simd: S,
    out: &mut Numbers,
    operands: [&Numbers; N],
    hides: [bool; N],
    sum: &mut f64x8<S>,
    f: impl Fn([f64; N]) -> f64,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut total = f64x8::splat(simd, 0.0);
            for (at, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let mut rows = [[0.0; N]; LANES];
                let mut added = f64x8::splat(simd, -0.0);
                for (n, (numbers, hides)) in operands.iter().zip(hides).enumerate() {
                    let numbers = eights(numbers)[at];
                    if hides {
                        added += f64x8::simd_from(simd, numbers);
                    }
                    for (row, x) in rows.iter_mut().zip(numbers) {
                        row[n] = x;
                    }
                }
                for (out, row) in out.iter_mut().zip(rows) {
                    *out = f(row);
                }
                total += added + f64x8::simd_from(simd, *out);
            }
            *sum += total;
        },
    );
}
