//! Units of numbers: what the language checks at compile time and what metrics declare for their wire values.
//!
//! Internally every duration is in seconds and every amount of data in bytes; a unit is a vector of integer exponents over
//! {time, data}. Counts, ratios and cores are plain numbers (all exponents zero).

use std::fmt;

/// One millisecond-precise length of time as dras keeps it: whole milliseconds.
pub type Millis = i64;

/// The dimension of a number: integer exponents over {time, data}.
///
/// ```
/// use dras_core::units::Unit;
/// assert_eq!(Unit::BYTES.divide(Unit::SECONDS).unwrap().to_string(), "B/s");
/// assert_eq!(Unit::NUMBER.to_string(), "number");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Unit {
    /// Exponent of time (seconds).
    pub time: i8,
    /// Exponent of data (bytes).
    pub data: i8,
}

impl Unit {
    /// A plain number: a count, a ratio, cores.
    pub const NUMBER: Unit = Unit { time: 0, data: 0 };
    /// A duration, in seconds.
    pub const SECONDS: Unit = Unit { time: 1, data: 0 };
    /// An amount of data, in bytes.
    pub const BYTES: Unit = Unit { time: 0, data: 1 };
    /// A rate of a plain number, per second.
    pub const PER_SECOND: Unit = Unit { time: -1, data: 0 };
    /// A rate of data, bytes per second.
    pub const BYTES_PER_SECOND: Unit = Unit { time: -1, data: 1 };

    /// The unit of a product, or `None` where an exponent would leave −128…127.
    pub fn multiply(self, other: Unit) -> Option<Unit> {
        Some(Unit {
            time: self.time.checked_add(other.time)?,
            data: self.data.checked_add(other.data)?,
        })
    }

    /// The unit of a quotient, or `None` where an exponent would leave −128…127.
    pub fn divide(self, other: Unit) -> Option<Unit> {
        Some(Unit {
            time: self.time.checked_sub(other.time)?,
            data: self.data.checked_sub(other.data)?,
        })
    }

    /// The unit of a square root, or `None` where an exponent is odd.
    pub fn square_root(self) -> Option<Unit> {
        (self.time % 2 == 0 && self.data % 2 == 0).then_some(Unit {
            time: self.time / 2,
            data: self.data / 2,
        })
    }

    /// Whether this is a plain number.
    pub fn is_number(self) -> bool {
        self == Unit::NUMBER
    }

    /// What a reader calls it: `a duration`, `an amount of data`, …
    pub fn describe(self) -> String {
        match self {
            Unit::NUMBER => "a plain number".to_owned(),
            Unit::SECONDS => "a duration".to_owned(),
            Unit::BYTES => "an amount of data".to_owned(),
            Unit::PER_SECOND => "a rate per second".to_owned(),
            Unit::BYTES_PER_SECOND => "a data rate (B/s)".to_owned(),
            other => format!("a value in {other}"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_number() {
            return f.write_str("number");
        }
        let part = |name: &str, exponent: i8| match exponent {
            1 => name.to_owned(),
            e => format!("{name}^{e}"),
        };
        let parts = [("B", self.data), ("s", self.time)];
        let above: Vec<String> = parts.iter().filter(|p| p.1 > 0).map(|p| part(p.0, p.1)).collect();
        let below: Vec<String> = parts
            .iter()
            .filter(|p| p.1 < 0)
            .map(|p| part(p.0, p.1.saturating_neg()))
            .collect();
        if above.is_empty() {
            f.write_str("1")?;
        } else {
            f.write_str(&above.join("·"))?;
        }
        if !below.is_empty() {
            write!(f, "/{}", below.join("/"))?;
        }
        Ok(())
    }
}

/// Names of time units, with their length in seconds. The longest names come first so that a prefix never hides another.
pub const TIME_UNITS: &[(&str, f64)] = &[
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

/// Names of data units, with their size in bytes: binary (`KiB`) and decimal (`KB`).
pub const DATA_UNITS: &[(&str, f64)] = &[
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("PB", 1e15),
];

/// The unit a metric's samples arrive in: a dimension and the factor that turns a wire value into seconds, bytes or a plain number.
///
/// ```
/// use dras_core::units::{Unit, WireUnit};
/// let unit: WireUnit = "ms/s".parse().unwrap();
/// assert_eq!((unit.dimension, unit.factor), (Unit::NUMBER, 0.001));
/// assert!("parsec".parse::<WireUnit>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WireUnit {
    /// As it was written, e.g. `ms/s`.
    pub name: String,
    /// The dimension after conversion.
    pub dimension: Unit,
    /// A wire value times this is a value in seconds, bytes or plain numbers.
    pub factor: f64,
}

impl WireUnit {
    /// Plain numbers, as they come.
    pub fn number() -> WireUnit {
        WireUnit {
            name: "number".to_owned(),
            dimension: Unit::NUMBER,
            factor: 1.0,
        }
    }
}

/// A unit name that is not known. Its message lists what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown unit `{given}`: write number, ratio, percent, cores, records, a time ({TIMES}), a data size ({SIZES}), or a rate such as records/s, MiB/s, ms/s"
)]
pub struct UnknownUnit {
    given: String,
}

const TIMES: &str = "ns, us, ms, s, m, h, d, w";
const SIZES: &str = "B, KiB, MiB, GiB, TiB, KB, MB, GB, TB";

fn simple_wire_unit(name: &str) -> Option<(Unit, f64)> {
    match name {
        "number" | "ratio" | "count" | "cores" | "records" | "events" | "bool" | "1" => {
            return Some((Unit::NUMBER, 1.0));
        }
        "percent" | "%" => return Some((Unit::NUMBER, 0.01)),
        "bytes" => return Some((Unit::BYTES, 1.0)),
        "ns" => return Some((Unit::SECONDS, 1e-9)),
        "us" => return Some((Unit::SECONDS, 1e-6)),
        "milliseconds" => return Some((Unit::SECONDS, 1e-3)),
        "seconds" => return Some((Unit::SECONDS, 1.0)),
        _ => {}
    }
    let find = |table: &[(&str, f64)]| table.iter().find(|u| u.0 == name).map(|u| u.1);
    find(TIME_UNITS)
        .map(|f| (Unit::SECONDS, f))
        .or_else(|| find(DATA_UNITS).map(|f| (Unit::BYTES, f)))
}

impl std::str::FromStr for WireUnit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<WireUnit, UnknownUnit> {
        let unknown = || UnknownUnit { given: text.to_owned() };
        let name = text.trim();
        let (dimension, factor) = match name.split_once('/') {
            None => simple_wire_unit(name).ok_or_else(unknown)?,
            Some((above, below)) => {
                let (a, fa) = simple_wire_unit(above.trim()).ok_or_else(unknown)?;
                let (b, fb) = simple_wire_unit(below.trim()).ok_or_else(unknown)?;
                (a.divide(b).ok_or_else(unknown)?, fa / fb)
            }
        };
        Ok(WireUnit {
            name: name.to_owned(),
            dimension,
            factor,
        })
    }
}

/// A number with its unit, as people write it: `0.91`, `5m`, `1.5GiB`, `12.5MiB/s`, `250/s`.
///
/// Up to six significant digits; meant for reading, not for computing.
pub fn display_quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::SECONDS => display_duration(value),
        Unit::BYTES => display_bytes(value),
        Unit::BYTES_PER_SECOND => format!("{}/s", display_bytes(value)),
        Unit::PER_SECOND => format!("{}/s", display_number(value)),
        Unit::NUMBER => display_number(value),
        other => format!("{} {other}", display_number(value)),
    }
}

/// A plain number with at most six significant digits and no trailing zeros.
pub fn display_number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            value.to_string()
        };
    }
    let magnitude = value.abs();
    if !(1e-4..1e15).contains(&magnitude) {
        let text = format!("{value:.5e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = if mantissa.contains('.') {
            mantissa.trim_end_matches('0').trim_end_matches('.')
        } else {
            mantissa
        };
        return format!("{mantissa}e{exponent}");
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    // Digits before the point count as significant, so 1234.5678 shows 1234.57 and 0.00123456789 shows 0.00123457.
    let mut before = 0_i32;
    let mut power = 1.0;
    while magnitude >= power && before < 16 {
        before += 1;
        power *= 10.0;
    }
    let mut leading = 0_i32;
    let mut small = magnitude;
    while small < 0.1 && leading < 8 {
        leading += 1;
        small *= 10.0;
    }
    let decimals = (6 - before + leading).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn display_duration(seconds: f64) -> String {
    if seconds == 0.0 || !seconds.is_finite() {
        return if seconds == 0.0 {
            "0s".to_owned()
        } else {
            format!("{seconds}s")
        };
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size < 1.0 {
        return format!("{sign}{}ms", display_number(size * 1e3));
    }
    if size < 60.0 {
        return format!("{sign}{}s", display_number((size * 1e3).round() / 1e3));
    }
    if size >= 1e15 {
        return format!("{sign}{}s", display_number(size));
    }
    // Two leading parts are enough to read: 1h30m, 2d4h.
    let mut rest = size.round() as u64;
    let mut text = sign.to_owned();
    let mut parts = 0;
    for (name, length) in [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        let count = rest / length;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(name);
            rest %= length;
            parts += 1;
        }
        if parts == 2 || (parts > 0 && rest == 0) {
            break;
        }
    }
    text
}

fn display_bytes(bytes: f64) -> String {
    let size = bytes.abs();
    let unit = DATA_UNITS[..6]
        .iter()
        .rev()
        .find(|u| size >= u.1)
        .unwrap_or(&DATA_UNITS[0]);
    format!("{}{}", display_number(bytes / unit.1), unit.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_like_people_write_them() {
        for (value, unit, text) in [
            (0.91, Unit::NUMBER, "0.91"),
            (0.1 + 0.2, Unit::NUMBER, "0.3"),
            (12_345.0, Unit::NUMBER, "12345"),
            (1234.5678, Unit::NUMBER, "1234.57"),
            (0.000_012_5, Unit::NUMBER, "1.25e-5"),
            (300.0, Unit::SECONDS, "5m"),
            (5400.0, Unit::SECONDS, "1h30m"),
            (0.25, Unit::SECONDS, "250ms"),
            (-90.0, Unit::SECONDS, "-1m30s"),
            (0.0, Unit::SECONDS, "0s"),
            (1.5 * 1_073_741_824.0, Unit::BYTES, "1.5GiB"),
            (0.0, Unit::BYTES, "0B"),
            (250.0, Unit::PER_SECOND, "250/s"),
            (1_048_576.0, Unit::BYTES_PER_SECOND, "1MiB/s"),
            (2.0, Unit { time: 2, data: 0 }, "2 s^2"),
        ] {
            assert_eq!(display_quantity(value, unit), text);
        }
    }

    #[test]
    fn wire_units_convert_to_seconds_and_bytes() {
        for (name, dimension, factor) in [
            ("percent", Unit::NUMBER, 0.01),
            ("ms", Unit::SECONDS, 1e-3),
            ("KiB", Unit::BYTES, 1024.0),
            ("records/s", Unit::PER_SECOND, 1.0),
            ("MB/s", Unit::BYTES_PER_SECOND, 1e6),
            ("ms/s", Unit::NUMBER, 1e-3),
            ("1/m", Unit::PER_SECOND, 1.0 / 60.0),
        ] {
            let unit: WireUnit = name.parse().unwrap();
            assert_eq!((unit.dimension, unit.factor), (dimension, factor), "{name}");
        }
        let error = "parsecs".parse::<WireUnit>().unwrap_err().to_string();
        assert!(error.contains("`parsecs`") && error.contains("MiB"), "{error}");
    }
}
