//! What the operators and functions on numbers compute: one place for the exact evaluator, the compiled program and the columns.
//!
//! Every function is total. A result that is not finite means *undefined*; the exact evaluator then names the reason.

use crate::undefined::Undefined;

/// Functions of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fn1 {
    Negate,
    Abs,
    Ceil,
    Floor,
    Round,
    Trunc,
    Sqrt,
    Ln,
    Log2,
    Log10,
    Exp,
    Sign,
}

/// Functions of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fn2 {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
    Pow,
    RoundTo,
    Reserve,
    ReserveOfUsage,
}

/// Functions of three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fn3 {
    Clamp,
    ScaleTo,
}

impl Fn1 {
    #[inline(always)]
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Fn1::Negate => -x,
            Fn1::Abs => x.abs(),
            Fn1::Ceil => x.ceil(),
            Fn1::Floor => x.floor(),
            Fn1::Round => x.round(),
            Fn1::Trunc => x.trunc(),
            Fn1::Sqrt => x.sqrt(),
            // From libm rather than the platform, so that every machine gives the same bits.
            Fn1::Ln => libm::log(x),
            Fn1::Log2 => libm::log2(x),
            Fn1::Log10 => libm::log10(x),
            Fn1::Exp => libm::exp(x),
            Fn1::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    // Zero, also for -0, or NaN, which stays.
                    #[expect(clippy::eq_op, reason = "NaN − NaN is NaN")]
                    {
                        x - x
                    }
                }
            }
        }
    }

    /// The same, bit for bit, for one number at a time.
    #[inline(always)]
    pub(crate) fn apply_to_one(self, x: f64) -> f64 {
        match self {
            Fn1::Ceil => ceil(x),
            Fn1::Floor => -ceil(-x),
            _ => self.apply(x),
        }
    }

    /// Whether the result can be finite although the operand is not.
    pub(crate) const fn hides(self) -> [bool; 1] {
        [matches!(self, Fn1::Exp | Fn1::Sign)]
    }

    pub(crate) fn why_undefined(self, x: f64) -> Undefined {
        match self {
            Fn1::Sqrt | Fn1::Ln | Fn1::Log2 | Fn1::Log10 if x <= 0.0 => Undefined::OutsideDomain,
            _ => Undefined::NotFinite,
        }
    }
}

impl Fn2 {
    #[inline(always)]
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Fn2::Add => a + b,
            Fn2::Subtract => a - b,
            Fn2::Multiply => a * b,
            Fn2::Divide => a / b,
            Fn2::Remainder => a % b,
            // Not `f64::min`, which would drop a NaN: undefined spreads.
            Fn2::Min => {
                if a < b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Fn2::Max => {
                if a > b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Fn2::Pow => libm::pow(a, b),
            Fn2::RoundTo => {
                if b > 0.0 {
                    (a / b).round() * b
                } else {
                    f64::NAN
                }
            }
            Fn2::Reserve => {
                if (0.0..1.0).contains(&b) {
                    a / (1.0 - b)
                } else {
                    f64::NAN
                }
            }
            Fn2::ReserveOfUsage => {
                if b >= 0.0 {
                    a * (1.0 + b)
                } else {
                    f64::NAN
                }
            }
        }
    }

    /// For each operand, whether the result can be finite although that operand is not.
    pub(crate) const fn hides(self) -> [bool; 2] {
        match self {
            Fn2::Add | Fn2::Subtract | Fn2::Multiply => [false, false],
            // x / ∞ is 0, and x % ∞ is x.
            Fn2::Divide | Fn2::Remainder => [false, true],
            _ => [true, true],
        }
    }

    pub(crate) fn why_undefined(self, a: f64, b: f64) -> Undefined {
        match self {
            Fn2::Divide | Fn2::Remainder if b == 0.0 => Undefined::DivisionByZero,
            Fn2::Pow if a == 0.0 && b < 0.0 => Undefined::DivisionByZero,
            Fn2::Pow if a < 0.0 && b.fract() != 0.0 => Undefined::OutsideDomain,
            Fn2::RoundTo if b <= 0.0 => Undefined::OutsideDomain,
            Fn2::Reserve if !(0.0..1.0).contains(&b) => Undefined::OutsideDomain,
            Fn2::ReserveOfUsage if b < 0.0 => Undefined::OutsideDomain,
            _ => Undefined::NotFinite,
        }
    }
}

impl Fn3 {
    #[inline(always)]
    pub(crate) fn apply(self, a: f64, b: f64, c: f64) -> f64 {
        match self {
            Fn3::Clamp => {
                if b <= c {
                    Fn2::Max.apply(b, Fn2::Min.apply(a, c))
                } else {
                    f64::NAN
                }
            }
            Fn3::ScaleTo => {
                if a >= 0.0 && b >= 0.0 && c > 0.0 {
                    ceil_without_noise(a * b / c)
                } else {
                    f64::NAN
                }
            }
        }
    }

    pub(crate) fn why_undefined(self, a: f64, b: f64, c: f64) -> Undefined {
        match self {
            Fn3::ScaleTo if c == 0.0 => Undefined::DivisionByZero,
            Fn3::Clamp if b > c => Undefined::OutsideDomain,
            Fn3::ScaleTo if !(a >= 0.0 && b >= 0.0 && c > 0.0) => Undefined::OutsideDomain,
            _ => Undefined::NotFinite,
        }
    }
}

/// `x.ceil()`. Where x86-64 has no instruction for it, as far as the compiler may know, that would be a call with jumps that depend on the number;
/// this has none. Over columns the instruction set is known.
#[inline(always)]
fn ceil(x: f64) -> f64 {
    // From here on there are only whole numbers.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    if cfg!(any(not(target_arch = "x86_64"), target_feature = "sse4.1")) {
        return x.ceil();
    }
    if x.abs() < WHOLE {
        let near = (x.abs() + WHOLE - WHOLE).copysign(x);
        let up = u64::from(near < x).wrapping_neg() & 1.0_f64.to_bits();
        // Zero has the sign of the number.
        (near + f64::from_bits(up)).copysign(x)
    } else {
        x
    }
}

/// The next whole number, where a value within one part in 10⁹ above a whole number counts as that number: `3 × 0.8 / 0.8` is
/// 3.0000000000000004 in binary floating point and must not cost a fourth slot.
pub(crate) fn ceil_without_noise(x: f64) -> f64 {
    (x - x.abs() * 1e-9).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_not_fooled_by_rounding_noise() {
        for parallelism in 1..=1000 {
            for load in [0.1, 0.3, 0.7, 0.8, 0.9] {
                let p = f64::from(parallelism);
                assert_eq!(Fn3::ScaleTo.apply(p, load, load), p);
            }
        }
        assert_eq!(Fn3::ScaleTo.apply(3.0, 0.9, 0.6), 5.0);
        assert_eq!(Fn3::ScaleTo.apply(4.0, 0.9, 0.6), 6.0);
    }

    #[test]
    fn one_number_is_rounded_as_many_are() {
        let mut numbers = vec![0.0, f64::MIN_POSITIVE, f64::from_bits(1), f64::MAX, f64::INFINITY];
        for exponent in -1074..1024 {
            let power = 2_f64.powi(exponent);
            for factor in [1.0, 1.25, 1.5, 1.75] {
                numbers.push(power * factor);
            }
        }
        for whole in [
            1.0,
            2.0,
            3.0,
            10.0,
            1e6,
            4_503_599_627_370_495.0,
            4_503_599_627_370_496.0,
            9e15,
        ] {
            for x in [whole - 0.5_f64, whole, whole + 0.5] {
                numbers.extend([x.next_down(), x, x.next_up()]);
            }
        }
        for x in numbers.into_iter().flat_map(|x| [x, -x]) {
            for f in [Fn1::Ceil, Fn1::Floor] {
                assert_eq!(f.apply_to_one(x).to_bits(), f.apply(x).to_bits(), "{f:?} of {x:e}");
            }
        }
        assert!(Fn1::Ceil.apply_to_one(f64::NAN).is_nan() && Fn1::Floor.apply_to_one(f64::NAN).is_nan());
    }

    #[test]
    fn undefined_operands_stay_undefined() {
        for f in [
            Fn1::Negate,
            Fn1::Abs,
            Fn1::Ceil,
            Fn1::Sqrt,
            Fn1::Ln,
            Fn1::Exp,
            Fn1::Sign,
            Fn1::Round,
        ] {
            assert!(f.apply(f64::NAN).is_nan(), "{f:?}");
        }
        for f in [
            Fn2::Add,
            Fn2::Subtract,
            Fn2::Multiply,
            Fn2::Divide,
            Fn2::Remainder,
            Fn2::Min,
            Fn2::Max,
            Fn2::RoundTo,
            Fn2::Reserve,
            Fn2::ReserveOfUsage,
        ] {
            assert!(f.apply(f64::NAN, 0.5).is_nan(), "{f:?}");
            assert!(f.apply(0.5, f64::NAN).is_nan(), "{f:?}");
        }
    }

    #[test]
    fn only_what_hides_an_operand_gives_a_number_for_none() {
        let all = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let numbers = [-1e300, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, 1e300];
        macro_rules! check {
            ([$($one:ident)*] [$($two:ident)*] [$($three:ident)*]) => {
                for x in all {
                    $(
                        let hides = Fn1::$one.hides()[0];
                        assert!(hides || !Fn1::$one.apply(x).is_finite(), "{} of {x}", stringify!($one));
                    )*
                    for y in numbers.into_iter().chain(all) {
                        $(
                            let [first, second] = Fn2::$two.hides();
                            assert!(first || !Fn2::$two.apply(x, y).is_finite(), "{} of {x} and {y}", stringify!($two));
                            assert!(second || !Fn2::$two.apply(y, x).is_finite(), "{} of {y} and {x}", stringify!($two));
                        )*
                    }
                }
                // Functions of three numbers are taken to hide all of them.
                const _: &[Fn3] = &[$(Fn3::$three),*];
            };
        }
        crate::lang::program::functions!(check);
    }
}
