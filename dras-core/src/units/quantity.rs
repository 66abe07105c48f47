//! Numbers with units as text: the one syntax that expressions and rule documents share.
//!
//! `0.8`, `80%`, `1_000`, `1e6`; durations `500ms 30s 5m 2h 1d 1w` and compound `1h30m`, largest part first; sizes `512MiB`, `2GB`;
//! rates `1000/s`, `5MiB/s`, `2/h`.

use std::fmt;

use super::{DATA_UNITS, Millis, TIME_UNITS, Unit};
use crate::diagnostic::did_you_mean;

/// The longest text that [`parse_quantity`] looks at, in bytes.
pub const MAX_QUANTITY_BYTES: usize = 100;

/// Why a text is not a quantity. Its [`help`](Self::help) says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// There is nothing.
    #[error("an empty text where a number was expected")]
    Empty,
    /// The text is longer than [`MAX_QUANTITY_BYTES`].
    #[error("a number of {0} bytes; at most {MAX_QUANTITY_BYTES} are read")]
    TooLong(usize),
    /// It holds white space.
    #[error("white space in `{given}`")]
    WhiteSpace {
        /// As it was written.
        given: String,
        /// The same without white space, where that is a quantity.
        corrected: Option<String>,
    },
    /// It does not begin with digits, or holds something that belongs to no number.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// The letters after the digits name no unit.
    #[error("unknown unit `{unit}` in `{given}`")]
    UnknownUnit {
        /// As it was written.
        given: String,
        /// The letters.
        unit: String,
        /// The whole text with the unit that was probably meant.
        corrected: Option<String>,
    },
    /// Several parts, but not a duration from its largest part to its smallest.
    #[error("the parts of `{given}` are out of order or not all whole times")]
    Parts {
        /// As it was written.
        given: String,
    },
    /// What stands after the `/` is not a time.
    #[error("`{given}` is not a rate: `{below}` is not a time")]
    BadRate {
        /// As it was written.
        given: String,
        /// What stands after the `/`.
        below: String,
    },
    /// The number is too large, or too close to zero, to be kept.
    #[error("`{0}` is outside the range of numbers")]
    OutOfRange(String),
}

impl QuantityError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            QuantityError::WhiteSpace { corrected: Some(corrected), .. }
            | QuantityError::UnknownUnit { corrected: Some(corrected), .. } => format!("write `{corrected}`"),
            QuantityError::UnknownUnit { .. } => {
                "times are ms, s, m, h, d, w; sizes B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB, PB".to_owned()
            }
            QuantityError::Parts { .. } => "write the largest part first and each once, as in `1h30m`".to_owned(),
            QuantityError::BadRate { .. } => "rates are written `1000/s`, `5MiB/s`, `2/h`".to_owned(),
            QuantityError::OutOfRange(_) => "numbers reach from 1e-307 to 1e308".to_owned(),
            _ => "numbers are written `0.8`, `80%`, `1_000`, `1e6`; durations `5m` or `1h30m`; sizes `512MiB`; rates `1000/s`".to_owned(),
        }
    }
}

/// A decimal number before rounding, so that `7%` is the float nearest to 0.07 and not 7 × 0.01.
struct Decimal {
    digits: String,
    exponent: i32,
    whole: bool,
}

impl Decimal {
    /// Its value times `factor` times 10^`shift`, rounded once; `None` where it leaves the range of numbers.
    fn value(&self, factor: f64, shift: i32) -> Option<f64> {
        // All factors are whole. Digits that do not even fit in 128 bits with it are rounded before and after.
        let exact = self
            .digits
            .parse::<u128>()
            .ok()
            .and_then(|d| d.checked_mul(factor as u128));
        let (digits, factor) = match exact {
            Some(product) => (product.to_string(), 1.0),
            None => (self.digits.clone(), factor),
        };
        let value: f64 = format!("{digits}e{}", self.exponent.saturating_add(shift))
            .parse()
            .ok()?;
        let value = value * factor;
        let zero = self.digits.bytes().all(|b| b == b'0');
        (value.is_finite() && (zero || value.is_normal())).then_some(value)
    }
}

/// The number that `text` begins with, and the rest.
fn split_number(text: &str) -> Option<(Decimal, &str)> {
    let bytes = text.as_bytes();
    // Digits with single underscores between them.
    let run = |mut at: usize, digits: &mut String| -> Option<usize> {
        let start = at;
        while let Some(&b) = bytes.get(at) {
            let digit_follows = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            match b {
                b'0'..=b'9' => digits.push(char::from(b)),
                b'_' if at > start && bytes[at - 1] != b'_' && digit_follows => {}
                _ => break,
            }
            at += 1;
        }
        (at > start).then_some(at)
    };
    let mut digits = String::new();
    let mut at = run(0, &mut digits)?;
    let mut exponent = 0_i32;
    let mut whole = true;
    if bytes.get(at) == Some(&b'.') {
        let before = digits.len();
        at = run(at + 1, &mut digits)?;
        exponent -= (digits.len() - before) as i32;
        whole = false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let negative = bytes.get(at + 1) == Some(&b'-');
        let start = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let mut written = String::new();
        // `5EB` has no exponent: there the letter begins a unit.
        if let Some(end) = run(start, &mut written) {
            let size: i32 = written.parse().unwrap_or(i32::MAX / 2);
            exponent = exponent.saturating_add(if negative { -size } else { size });
            whole = false;
            at = end;
        }
    }
    Some((
        Decimal {
            digits,
            exponent,
            whole,
        },
        text.get(at..)?,
    ))
}

/// What `text` says in the syntax of literals, without a sign: its value in seconds, bytes and plain numbers, and its unit.
///
/// Decimal fractions and percentages are rounded once, so that equal quantities give equal bits: `7%` is `0.07`, `1500ms` is `1.5s`.
///
/// # Errors
/// The text is empty, longer than [`MAX_QUANTITY_BYTES`], malformed, of an unknown unit, or not a finite number.
///
/// ```
/// use dras_core::units::{Unit, parse_quantity};
/// assert_eq!(parse_quantity("1h30m"), Ok((5400.0, Unit::SECONDS)));
/// assert_eq!(parse_quantity("5MiB/s"), Ok((5_242_880.0, Unit::BYTES_PER_SECOND)));
/// assert_eq!(parse_quantity("5min").unwrap_err().help(), "write `5m`");
/// ```
pub fn parse_quantity(text: &str) -> Result<(f64, Unit), QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Empty);
    }
    if text.len() > MAX_QUANTITY_BYTES {
        return Err(QuantityError::TooLong(text.len()));
    }
    if text.contains(char::is_whitespace) {
        let joined: String = text.split_whitespace().collect();
        let corrected = match parse_quantity(&joined) {
            Ok(_) => Some(joined),
            Err(QuantityError::UnknownUnit { corrected, .. }) => corrected,
            Err(_) => None,
        };
        return Err(QuantityError::WhiteSpace {
            given: text.to_owned(),
            corrected,
        });
    }
    let Some((above, below)) = text.split_once('/') else {
        return amount(text, text);
    };
    let (value, unit) = amount(above, text)?;
    let bad_rate = || QuantityError::BadRate {
        given: text.to_owned(),
        below: below.to_owned(),
    };
    // A duration per time would be a plain number; nobody means that by a literal.
    if unit.time != 0 || above.ends_with('%') {
        return Err(bad_rate());
    }
    let seconds = TIME_UNITS.iter().find(|u| u.0 == below).ok_or_else(bad_rate)?.1;
    let unit = unit.divide(Unit::SECONDS).ok_or_else(bad_rate)?;
    let value = if below == "ms" { value * 1e3 } else { value / seconds };
    if value.is_finite() {
        Ok((value, unit))
    } else {
        Err(QuantityError::OutOfRange(text.to_owned()))
    }
}

/// A quantity without a rate; `given` is the whole text, for messages.
fn amount(text: &str, given: &str) -> Result<(f64, Unit), QuantityError> {
    let not_a_number = || QuantityError::NotANumber(given.to_owned());
    let out_of_range = || QuantityError::OutOfRange(given.to_owned());
    let (number, rest) = split_number(text).ok_or_else(not_a_number)?;
    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, more) = rest.split_at(end);
    match unit {
        "" if more.is_empty() => return Ok((number.value(1.0, 0).ok_or_else(out_of_range)?, Unit::NUMBER)),
        "%" if more.is_empty() => return Ok((number.value(1.0, -2).ok_or_else(out_of_range)?, Unit::NUMBER)),
        _ if !unit.chars().all(char::is_alphabetic) => return Err(not_a_number()),
        _ => {}
    }
    let unknown = |unit: &str| QuantityError::UnknownUnit {
        given: given.to_owned(),
        unit: unit.to_owned(),
        corrected: meant(unit)
            .map(|meant| given.replacen(unit, meant, 1))
            .filter(|text| parse_quantity(text).is_ok()),
    };
    if let Some(bytes) = DATA_UNITS.iter().find(|u| u.0 == unit) {
        if !more.is_empty() {
            return Err(QuantityError::Parts {
                given: given.to_owned(),
            });
        }
        return number
            .value(bytes.1, 0)
            .map(|v| (v, Unit::BYTES))
            .ok_or_else(out_of_range);
    }
    let seconds = TIME_UNITS.iter().find(|u| u.0 == unit).ok_or_else(|| unknown(unit))?.1;
    if more.is_empty() {
        let value = if unit == "ms" {
            number.value(1.0, -3)
        } else {
            number.value(seconds, 0)
        };
        return value.map(|v| (v, Unit::SECONDS)).ok_or_else(out_of_range);
    }

    // Several parts: whole numbers of falling units, summed in milliseconds so that nothing is rounded before the end.
    let parts_error = || QuantityError::Parts {
        given: given.to_owned(),
    };
    let mut total = 0_u64;
    let mut smallest = f64::INFINITY;
    let mut left = text;
    while !left.is_empty() {
        let (number, rest) = split_number(left).ok_or_else(not_a_number)?;
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (name, more) = rest.split_at(end);
        let seconds = match TIME_UNITS.iter().find(|u| u.0 == name) {
            Some(unit) => unit.1,
            None if name.is_empty() || DATA_UNITS.iter().any(|u| u.0 == name) => return Err(parts_error()),
            None => return Err(unknown(name)),
        };
        if !number.whole || seconds >= smallest {
            return Err(parts_error());
        }
        let count: u64 = number.digits.parse().map_err(|_| out_of_range())?;
        let part = count
            .checked_mul((seconds * 1e3).round() as u64)
            .ok_or_else(out_of_range)?;
        total = total.checked_add(part).ok_or_else(out_of_range)?;
        smallest = seconds;
        left = more;
    }
    Ok((total as f64 / 1e3, Unit::SECONDS))
}

/// The unit that somebody who wrote `unit` meant.
fn meant(unit: &str) -> Option<&'static str> {
    let known = match unit.to_ascii_lowercase().as_str() {
        "min" | "mins" | "minute" | "minutes" => "m",
        "sec" | "secs" | "second" | "seconds" => "s",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "week" | "weeks" => "w",
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "byte" | "bytes" => "B",
        "ki" | "k" => "KiB",
        "mi" => "MiB",
        "g" | "gi" => "GiB",
        "t" | "ti" => "TiB",
        "pct" | "percent" => "%",
        // One letter is near to everything, and `M` could be minutes or megabytes.
        one if one.chars().count() == 1 => return None,
        _ => {
            let names = DATA_UNITS.iter().chain(TIME_UNITS).map(|u| u.0);
            let found = did_you_mean(unit, names)?;
            return DATA_UNITS
                .iter()
                .chain(TIME_UNITS)
                .map(|u| u.0)
                .find(|name| *name == found);
        }
    };
    Some(known)
}

/// A quantity as it was written: its value, its unit and its text.
///
/// Two quantities are equal when value and unit are, however they are written: `80%` equals `0.8`.
///
/// ```
/// use dras_core::units::{Quantity, Unit};
/// let high = Quantity::parse("80%").unwrap();
/// assert_eq!((high.value(), high.unit(), high.text()), (0.8, Unit::NUMBER, "80%"));
/// assert_eq!(high, Quantity::number(0.8).unwrap());
/// ```
#[derive(Debug, Clone)]
pub struct Quantity {
    value: f64,
    unit: Unit,
    text: Box<str>,
}

impl Quantity {
    /// Reads a literal, with a `-` in front where it is negative.
    ///
    /// # Errors
    /// As [`parse_quantity`].
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        let (sign, size) = match text.strip_prefix('-') {
            Some(rest) => (-1.0, rest),
            None => (1.0, text),
        };
        let (value, unit) = parse_quantity(size)?;
        Ok(Quantity {
            value: sign * value,
            unit,
            text: text.into(),
        })
    }

    /// A plain number; `None` where it is not finite.
    pub fn number(value: f64) -> Option<Quantity> {
        // Shortest digits that read back as the same number, with an exponent where they would be many.
        let size = value.abs();
        let text = if size == 0.0 || (1e-6..1e15).contains(&size) {
            value.to_string()
        } else {
            format!("{value:e}")
        };
        value.is_finite().then(|| Quantity {
            value,
            unit: Unit::NUMBER,
            text: text.into(),
        })
    }

    /// A duration.
    pub fn duration(millis: Millis) -> Quantity {
        Quantity {
            value: millis as f64 / 1e3,
            unit: Unit::SECONDS,
            text: exact_duration(millis).into(),
        }
    }

    /// In seconds, bytes or plain numbers; always finite.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Its dimension.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.value == other.value && self.unit == other.unit
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Plain numbers without `%` and `_` as numbers, all others as the text they were written as.
impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.unit.is_number() || self.text.contains(['%', '_']) {
            serializer.serialize_str(&self.text)
        } else if self.value.fract() == 0.0 && self.value.abs() < 9e15 {
            serializer.serialize_i64(self.value as i64)
        } else {
            serializer.serialize_f64(self.value)
        }
    }
}

/// A duration as text that reads back as exactly the same: `1h30m`, `1m500ms`, `0s`.
pub fn exact_duration(millis: Millis) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = if millis < 0 { "-".to_owned() } else { String::new() };
    let mut rest = millis.unsigned_abs();
    for (name, seconds) in TIME_UNITS.iter().rev() {
        let length = (seconds * 1e3).round() as u64;
        if rest >= length {
            text.push_str(&(rest / length).to_string());
            text.push_str(name);
            rest %= length;
        }
    }
    text
}

/// An amount of data as text that reads back as exactly the same, in the largest unit that divides it: `2GiB`, `1500MB`, `17B`.
pub fn exact_bytes(bytes: u64) -> String {
    let mut best = DATA_UNITS[0];
    for &unit in DATA_UNITS {
        if bytes != 0 && bytes.is_multiple_of(unit.1 as u64) && unit.1 > best.1 {
            best = unit;
        }
    }
    format!("{}{}", bytes / best.1 as u64, best.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Unit = Unit::PER_SECOND;

    #[test]
    fn literals_read_as_people_mean_them() {
        for (text, value, unit) in [
            ("0", 0.0, Unit::NUMBER),
            ("0.8", 0.8, Unit::NUMBER),
            ("80%", 0.8, Unit::NUMBER),
            ("7%", 0.07, Unit::NUMBER),
            ("0.1%", 0.001, Unit::NUMBER),
            ("1_000", 1000.0, Unit::NUMBER),
            ("1e6", 1e6, Unit::NUMBER),
            ("2.5E-3", 0.0025, Unit::NUMBER),
            ("500ms", 0.5, Unit::SECONDS),
            ("1001ms", 1.001, Unit::SECONDS),
            ("30s", 30.0, Unit::SECONDS),
            ("1.5h", 5400.0, Unit::SECONDS),
            ("1.1h", 3960.0, Unit::SECONDS),
            ("0.7KB", 700.0, Unit::BYTES),
            ("1h30m", 5400.0, Unit::SECONDS),
            ("1w2d3h4m5s6ms", 788_645.006, Unit::SECONDS),
            ("512MiB", 536_870_912.0, Unit::BYTES),
            ("2GB", 2e9, Unit::BYTES),
            ("0B", 0.0, Unit::BYTES),
            ("1000/s", 1000.0, RATE),
            ("2/h", 2.0 / 3600.0, RATE),
            ("3/ms", 3000.0, RATE),
            ("5MiB/s", 5_242_880.0, Unit::BYTES_PER_SECOND),
        ] {
            assert_eq!(parse_quantity(text), Ok((value, unit)), "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_says_why_and_what_to_write() {
        for (text, message, help) in [
            ("", "empty", "numbers are written"),
            ("five", "`five` is not a number", "numbers are written"),
            ("5min", "unknown unit `min`", "write `5m`"),
            ("2gib", "unknown unit `gib`", "write `2GiB`"),
            ("512Mi", "unknown unit `Mi`", "write `512MiB`"),
            ("3 h", "white space", "write `3h`"),
            ("5 minutes", "white space", "write `5m`"),
            ("7parsec", "unknown unit `parsec`", "times are"),
            ("30m1h", "out of order", "largest part first"),
            ("1h1h", "out of order", "largest part first"),
            ("1.5h30m", "out of order", "largest part first"),
            ("1h30", "out of order", "largest part first"),
            ("1GiB512MiB", "out of order", "largest part first"),
            ("1h2GiB", "out of order", "largest part first"),
            ("1h30min", "unknown unit `min`", "write `1h30m`"),
            ("10/parsec", "`parsec` is not a time", "1000/s"),
            ("10/", "`` is not a time", "1000/s"),
            ("5m/s", "not a rate", "1000/s"),
            ("1__0", "not a number", "1_000"),
            ("_1", "not a number", "1_000"),
            ("1_", "not a number", "1_000"),
            ("1.", "not a number", "0.8"),
            (".5", "not a number", "0.8"),
            ("+1", "not a number", "0.8"),
            ("0x10", "unknown unit `x`", "times are"),
            ("80%%", "not a number", "80%"),
            ("1e999", "outside the range", "1e308"),
            ("1e-400", "outside the range", "1e-307"),
            ("1e308GiB", "outside the range", "1e308"),
            ("99999999999999999999w1d", "outside the range", "1e308"),
            ("١", "not a number", "0.8"),
        ] {
            let error = parse_quantity(text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(error.help().contains(help), "{text}: {}", error.help());
        }
        assert_eq!(parse_quantity(&"1".repeat(101)), Err(QuantityError::TooLong(101)));
    }

    #[test]
    fn quantities_keep_their_text_and_compare_by_value() {
        assert_eq!(Quantity::parse("80%").unwrap(), Quantity::parse("0.8").unwrap());
        assert_eq!(Quantity::parse("-5m").unwrap().value(), -300.0);
        assert_ne!(Quantity::parse("5m").unwrap(), Quantity::number(300.0).unwrap());
        assert!(Quantity::number(f64::NAN).is_none() && Quantity::number(f64::INFINITY).is_none());
        let written = |text| serde_json::to_string(&Quantity::parse(text).unwrap()).unwrap();
        assert_eq!(
            ["80%", "0.80", "3", "1_000", "5m", "1e300"].map(written),
            ["\"80%\"", "0.8", "3", "\"1_000\"", "\"5m\"", "1e+300"]
        );
    }

    #[test]
    fn exact_sizes_take_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0B"),
            (17, "17B"),
            (1 << 30, "1GiB"),
            (1_500_000_000, "1500MB"),
            (3 << 29, "1536MiB"),
        ] {
            assert_eq!(exact_bytes(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn exact_durations_read_back(millis in 0..=4_000_000_000_000_i64) {
            let (seconds, unit) = parse_quantity(&exact_duration(millis)).unwrap();
            prop_assert_eq!(((seconds * 1e3).round(), unit), (millis as f64, Unit::SECONDS));
        }

        #[test]
        fn exact_sizes_read_back(bytes in 0..(1_u64 << 53)) {
            prop_assert_eq!(parse_quantity(&exact_bytes(bytes)), Ok((bytes as f64, Unit::BYTES)));
        }

        #[test]
        fn a_fraction_of_a_unit_is_the_same_as_whole_smaller_units(tenths in 1..10_000_000_u32) {
            let read = |text: String| parse_quantity(&text).map(|q| q.0.to_bits());
            let decimal = |unit: &str| read(format!("{}.{}{unit}", tenths / 10, tenths % 10));
            prop_assert_eq!(decimal("h"), read(format!("{}s", u64::from(tenths) * 360)));
            prop_assert_eq!(decimal("s"), read(format!("{}ms", u64::from(tenths) * 100)));
            prop_assert_eq!(decimal("KB"), read(format!("{}B", u64::from(tenths) * 100)));
            prop_assert_eq!(decimal("%"), read(format!("{tenths}e-3")));
        }

        #[test]
        fn plain_numbers_read_back(value in any::<f64>().prop_filter("normal", |v| v.is_normal())) {
            let quantity = Quantity::number(value).unwrap();
            prop_assert_eq!(Quantity::parse(quantity.text()).unwrap().value().to_bits(), value.to_bits());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}|[0-9._eE%/hmsdwKMGiB-]{0,12}") {
            if let Ok((value, _)) = parse_quantity(&text) {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
        }
    }
}
