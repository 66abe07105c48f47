//! The loops over the rows of a block. They are inlined where an instruction set was chosen, and so compiled for it.

/// A mask of one row: all ones or all zeros, as wide as the numbers that it comes from.
pub(super) type Mask = u64;

#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    Column(&'a [f64]),
    Constant(f64),
}

impl Operand<'_> {
    #[inline(always)]
    pub(super) fn at(self, row: usize) -> f64 {
        match self {
            Operand::Column(values) => values[row],
            Operand::Constant(value) => value,
        }
    }
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
            #[allow(clippy::too_many_arguments, reason = "a column and a bound for each comparison")]
            pub(super) fn $name(
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

/// All ones where `x ≥ y`.
#[inline(always)]
pub(super) fn at_least(x: f64, y: f64) -> Mask {
    u64::from(x >= y).wrapping_neg()
}

/// The conjunction of masks, each with what flips it, and of what `into` holds already unless this is the `first`.
#[inline(always)]
pub(super) fn both<const N: usize>(into: &mut [Mask], first: bool, masks: [(&[Mask], Mask); N]) {
    let rows = into.len();
    let masks = masks.map(|(mask, flip)| (&mask[..rows], flip));
    let conjunction = |row: usize| {
        masks
            .iter()
            .fold(Mask::MAX, |all, (mask, flip)| all & (mask[row] ^ flip))
    };
    if first {
        (0..rows).for_each(|row| into[row] = conjunction(row));
    } else {
        (0..rows).for_each(|row| into[row] &= conjunction(row));
    }
}

/// Sums that are independent of each other, as many as keep an adder busy.
pub(super) const SUMS: usize = 32;

#[inline(always)]
pub(super) fn add(numbers: &[f64], sums: &mut [f64; SUMS]) {
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
pub(super) fn unary(out: &mut [f64], a: Operand<'_>, f: impl Fn(f64) -> f64) {
    match a {
        Operand::Column(a) => out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a)),
        Operand::Constant(a) => out.fill(f(a)),
    }
}

#[inline(always)]
pub(super) fn binary<T: Clone>(out: &mut [T], a: Operand<'_>, b: Operand<'_>, f: impl Fn(f64, f64) -> T) {
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
pub(super) fn ternary(
    out: &mut [f64],
    a: Operand<'_>,
    b: Operand<'_>,
    c: Operand<'_>,
    f: impl Fn(f64, f64, f64) -> f64,
) {
    for (row, out) in out.iter_mut().enumerate() {
        *out = f(a.at(row), b.at(row), c.at(row));
    }
}
pub(super) use {count, kernels};
