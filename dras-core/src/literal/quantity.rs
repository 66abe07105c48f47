//! Numbers with units as text: the one syntax that expressions and rule documents share.
//!
//! `0.8`, `80%`, `1_000`, `1e6`; durations `500ms 30s 5m 2h 1d 1w` and compound `1h30m`, largest part first; sizes `512MiB`, `2GB`;
//! rates `1000/s`, `5MiB/s`, `2/h`.

use std::fmt;

use super::number;
use crate::units::{DATA_UNITS, Millis, TIME_UNITS, Unit};

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
        /// What to write instead.
        help: Option<String>,
    },
    /// It does not begin with digits.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// What stands after the `/` is not a time.
    #[error("`{given}` is not a rate: `{below}` is not a time")]
    BadRate {
        /// As it was written.
        given: String,
        /// What stands after the `/`.
        below: String,
    },
    /// A literal that has no value: an unknown unit, parts out of order, too large, …
    #[error("{message}")]
    Malformed {
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: Option<String>,
    },
}

impl QuantityError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            QuantityError::WhiteSpace { help: Some(help), .. } | QuantityError::Malformed { help: Some(help), .. } => help.clone(),
            QuantityError::BadRate { .. } => "rates are written `1000/s`, `5MiB/s`, `2/h`".to_owned(),
            _ => "numbers are written `0.8`, `80%`, `1_000`, `1e6`; durations `5m` or `1h30m`; sizes `512MiB`; rates `1000/s`".to_owned(),
        }
    }
}

/// What `text` says in the syntax of literals, without a sign: its value in seconds, bytes and plain numbers, and its unit.
///
/// Decimal fractions and percentages are rounded once, so that equal quantities give equal bits: `7%` is `0.07`, `1500ms` is `1.5s`.
///
/// # Errors
/// The text is empty, longer than [`MAX_QUANTITY_BYTES`], malformed, of an unknown unit, or not a finite number.
///
/// ```
/// use dras_core::literal::parse_quantity;
/// use dras_core::units::Unit;
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
        let help = match parse_quantity(&joined) {
            Ok(_) => Some(format!("write `{joined}`")),
            Err(QuantityError::Malformed { help, .. }) => help,
            Err(_) => None,
        };
        return Err(QuantityError::WhiteSpace {
            given: text.to_owned(),
            help,
        });
    }
    let bytes = text.as_bytes();
    let begins = bytes[0].is_ascii_digit() || bytes[0] == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit);
    if !begins {
        return Err(QuantityError::NotANumber(text.to_owned()));
    }
    if let Some((_, below)) = text.split_once('/')
        && !TIME_UNITS.iter().any(|u| u.0 == below)
    {
        return Err(QuantityError::BadRate {
            given: text.to_owned(),
            below: below.to_owned(),
        });
    }
    number(text).map_err(|fault| QuantityError::Malformed {
        message: fault.message,
        help: fault.help,
    })
}

/// A quantity as it was written: its value, its unit and its text.
///
/// Two quantities are equal when value and unit are, however they are written: `80%` equals `0.8`.
///
/// ```
/// use dras_core::literal::Quantity;
/// use dras_core::units::Unit;
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
            ("5min", "not a number, duration or size", "write `5m`"),
            ("2gib", "not a number, duration or size", "write `2GiB`"),
            ("512Mi", "not a number, duration or size", "write `512MiB`"),
            ("3 h", "white space", "write `3h`"),
            ("5 minutes", "white space", "write `5m`"),
            ("7parsec", "not a number, duration or size", "units are ms"),
            ("30m1h", "not in order", "write `1h30m`"),
            ("1h1h", "a unit twice", "1h30m"),
            (
                "1h30",
                "the last part of `1h30` has no unit",
                "write for example `1h30m`",
            ),
            ("1GiB512MiB", "joins two sizes", "write `1GiB + 512MiB`"),
            ("1h2GiB", "not a number, duration or size", "only times"),
            ("1h30min", "not a number, duration or size", "write `1h30m`"),
            ("10/parsec", "`parsec` is not a time", "1000/s"),
            ("10/", "`` is not a time", "1000/s"),
            ("1__0", "a misplaced `_`", "write `10`"),
            ("_1", "not a number", "1_000"),
            ("1_", "a misplaced `_`", "write `1`"),
            ("+1", "not a number", "0.8"),
            ("0x10", "not a decimal number", "write `16`"),
            ("80%%", "not a number, duration or size", "units are ms"),
            ("1e999", "too large", "0.8"),
            ("1e-400", "too small", "0.8"),
            ("1e308GiB", "too large", "0.8"),
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
