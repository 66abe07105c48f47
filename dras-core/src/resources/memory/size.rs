//! Memory sizes as Flink writes them, and Flink's exact product of a size and a fraction.

use std::fmt;

/// One mebibyte, the unit in which configurations are written.
pub const MIB: u64 = 1 << 20;

/// The largest size Flink can hold: a 64-bit signed number of bytes.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// Why a text is not a memory size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeProblem {
    /// Nothing, or only blanks.
    #[error("it is empty")]
    Empty,
    /// The text begins with something else than a digit: Flink knows neither signs nor `.5g`.
    #[error("it does not begin with a digit")]
    NoNumber,
    /// What follows the digits is no unit. Fractions such as `1.5g` end here too: Flink reads whole numbers only.
    #[error("what follows the number is not one of b, bytes, k, kb, m, mb, g, gb, t, tb")]
    UnknownUnit,
    /// More than 2^63 − 1 bytes.
    #[error("it is more than 9223372036854775807 bytes")]
    TooLarge,
}

const UNITS: &[(&[&str], u64)] = &[
    (&["", "b", "bytes"], 1),
    (&["k", "kb", "kibibytes"], 1 << 10),
    (&["m", "mb", "mebibytes"], 1 << 20),
    (&["g", "gb", "gibibytes"], 1 << 30),
    (&["t", "tb", "tebibytes"], 1 << 40),
];

/// Reads a memory size as Flink's `MemorySize` does: a whole number, then an optional unit (`b k m g t`, `kb` …, always powers of 1024),
/// in any case, blanks allowed around both. No unit means bytes.
///
/// ```
/// use dras_core::resources::memory::parse_size;
/// assert_eq!(parse_size("1728m"), Ok(1_811_939_328));
/// assert_eq!(parse_size(" 1 GB "), Ok(1 << 30));
/// assert!(parse_size("1.5g").is_err()); // Flink refuses it too
/// ```
///
/// # Errors
/// [`SizeProblem`], where Flink throws.
pub fn parse_size(text: &str) -> Result<u64, SizeProblem> {
    // Java's `trim` takes away every character up to the blank, control characters included.
    let text = text.trim_matches(|c: char| c <= ' ');
    if text.is_empty() {
        return Err(SizeProblem::Empty);
    }
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err(SizeProblem::NoNumber);
    }
    let unit = unit.trim_matches(|c: char| c <= ' ').to_ascii_lowercase();
    let factor = UNITS
        .iter()
        .find(|u| u.0.contains(&unit.as_str()))
        .ok_or(SizeProblem::UnknownUnit)?
        .1;
    // Only overflow can fail here: the text is all digits.
    let number: u64 = number.parse().map_err(|_| SizeProblem::TooLarge)?;
    number
        .checked_mul(factor)
        .filter(|&bytes| bytes <= MAX_SIZE)
        .ok_or(SizeProblem::TooLarge)
}

/// A size as a configuration entry: whole mebibytes where it is a whole number of them (`1728m`), bytes otherwise (`134217730b`).
///
/// ```
/// use dras_core::resources::memory::format_size;
/// assert_eq!(format_size(1_811_939_328), "1728m");
/// assert_eq!(format_size(134_217_730), "134217730b");
/// ```
pub fn format_size(bytes: u64) -> String {
    if bytes.is_multiple_of(MIB) {
        format!("{}m", bytes / MIB)
    } else {
        format!("{bytes}b")
    }
}

/// Shows a size in the messages of this module: `1728MiB`, `384.5MiB (403177472 bytes)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown(pub(super) u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(MIB) {
            write!(f, "{}MiB", self.0 / MIB)
        } else {
            write!(f, "{:.1}MiB ({} bytes)", self.0 as f64 / MIB as f64, self.0)
        }
    }
}

/// `value` up to the next multiple of `step`, or `None` beyond [`MAX_SIZE`]. A step of 0 leaves the value alone.
pub(super) fn round_up(value: u64, step: u64) -> Option<u64> {
    value.checked_next_multiple_of(step.max(1)).filter(|&v| v <= MAX_SIZE)
}

/// `bytes × factor` as Flink's `MemorySize.multiply` computes it: both as decimal numbers, multiplied exactly, cut off to whole bytes.
///
/// The decimal of the factor is the *shortest* one that reads back as the same `f64` (Java's `BigDecimal.valueOf`), not the exact binary
/// value, and the fractions of the configuration are `f32` widened to `f64` first; so 0.4 acts as 0.4000000059604645. The digits of an `f64`
/// need at most 57 bits and a size 63, so that 128-bit integers hold the product exactly.
///
/// `None` where Flink throws: a negative or not finite factor, or a product of more than [`MAX_SIZE`].
pub(super) fn multiply(bytes: u64, factor: f64) -> Option<u64> {
    if !factor.is_finite() || factor < 0.0 {
        return None;
    }
    // `{:e}` gives the shortest digits that read back, as `Double.toString` does since Java 19; older ones sometimes add one digit that
    // moves the product by less than 1e-5 bytes.
    let text = format!("{factor:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let decimals = mantissa.split_once('.').map_or(0, |(_, d)| d.len() as i32);
    let digits = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0_u128, |n, d| n * 10 + u128::from(d - b'0'));
    let exponent = exponent.parse::<i32>().ok()? - decimals;
    let product = u128::from(bytes).checked_mul(digits)?;
    let power = |n: i32| 10_u128.checked_pow(n.unsigned_abs());
    let whole = if exponent >= 0 {
        if product == 0 {
            0
        } else {
            product.checked_mul(power(exponent)?)?
        }
    } else {
        // A power that does not fit is larger than any product.
        power(exponent).map_or(0, |p| product / p)
    };
    u64::try_from(whole).ok().filter(|&b| b <= MAX_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_as_flink_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("134217728b", 134_217_728),
            ("64kb", 65_536),
            ("1gb", 1 << 30),
            ("2 Tebibytes", 2 << 40),
            ("\t12 bytes\n", 12),
            ("9223372036854775807", MAX_SIZE),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, problem) in [
            ("", SizeProblem::Empty),
            (" \t", SizeProblem::Empty),
            ("-1m", SizeProblem::NoNumber),
            (".5g", SizeProblem::NoNumber),
            ("m", SizeProblem::NoNumber),
            ("1.5g", SizeProblem::UnknownUnit),
            ("1Gi", SizeProblem::UnknownUnit),
            ("1 m b", SizeProblem::UnknownUnit),
            ("٣m", SizeProblem::NoNumber),
            ("9223372036854775808", SizeProblem::TooLarge),
            ("99999999999999999999", SizeProblem::TooLarge),
            ("8388608t", SizeProblem::TooLarge),
        ] {
            assert_eq!(parse_size(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn products_are_those_of_the_decimal_digits() {
        let widened = |f: f32| f64::from(f);
        assert_eq!(multiply(1280 * MIB, widened(0.4)), Some(536_870_920));
        assert_eq!(multiply(1280 * MIB, widened(0.1)), Some(134_217_730));
        assert_eq!(multiply(1 << 40, 0.0), Some(0));
        assert_eq!(multiply(MAX_SIZE, 1.0), Some(MAX_SIZE));
        assert_eq!(multiply(MAX_SIZE, 1.5), None);
        assert_eq!(multiply(MAX_SIZE, f64::MIN_POSITIVE), Some(0));
        assert_eq!(multiply(0, f64::MAX), Some(0));
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            assert_eq!(multiply(1, bad), None);
        }
    }

    /// The same product by schoolbook multiplication of decimal texts.
    fn slow_multiply(bytes: u64, factor: f64) -> String {
        let text = format!("{factor}"); // plain notation, shortest digits
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let digits: Vec<u32> = whole
            .chars()
            .chain(decimals.chars())
            .rev()
            .map(|c| c.to_digit(10).unwrap())
            .collect();
        let other: Vec<u32> = bytes
            .to_string()
            .chars()
            .rev()
            .map(|c| c.to_digit(10).unwrap())
            .collect();
        let mut product = vec![0_u32; digits.len() + other.len() + 1];
        for (i, a) in digits.iter().enumerate() {
            for (j, b) in other.iter().enumerate() {
                product[i + j] += a * b;
                let mut at = i + j;
                while product[at] > 9 {
                    product[at + 1] += product[at] / 10;
                    product[at] %= 10;
                    at += 1;
                }
            }
        }
        let text: String = product[decimals.len()..]
            .iter()
            .rev()
            .map(|d| char::from_digit(*d, 10).unwrap())
            .collect();
        let text = text.trim_start_matches('0');
        if text.is_empty() {
            "0".to_owned()
        } else {
            text.to_owned()
        }
    }

    proptest! {
        #[test]
        fn products_agree_with_schoolbook_arithmetic(bytes in 0..=MAX_SIZE, fraction in 0.0_f32..1.0) {
            let fraction = f64::from(fraction);
            prop_assert_eq!(multiply(bytes, fraction).unwrap().to_string(), slow_multiply(bytes, fraction));
            let inverse = fraction / (1.0 - fraction);
            let expected = slow_multiply(bytes >> 24, inverse);
            prop_assert_eq!(multiply(bytes >> 24, inverse).unwrap().to_string(), expected);
        }

        #[test]
        fn written_sizes_read_back(bytes in 0..=MAX_SIZE) {
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
            let whole = bytes / MIB * MIB;
            prop_assert_eq!(parse_size(&format_size(whole)), Ok(whole));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_size(&text);
        }
    }
}
