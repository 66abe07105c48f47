//! Numbers, percentages, durations, sizes and rates.

use super::{Fault, quote, whole};
use crate::units::{DATA_UNITS, TIME_UNITS, Unit, display_number};

/// Powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Exponents beyond this are far outside f64, whatever the digits before them (texts are shorter than 4 GiB, and so are their digits).
const EXPONENT_CAP: i64 = 1 << 40;

/// A decimal number as it is written: `digits` × 10^`exponent`.
struct Decimal<'a> {
    /// The digits as an integer, if they fit.
    digits: Option<u64>,
    exponent: i64,
    /// The number without exponent, as written.
    mantissa: &'a str,
    /// The exponent as written after the `e`; the digits of `mantissa` are not counted in it.
    written_exponent: i64,
    zero: bool,
}

impl Decimal<'_> {
    /// The nearest f64 to `self` × `factor` × 10^`shift`: one rounding in all but absurdly long numbers, so that `0.7%` is the same
    /// number as `0.007` and `1.1h` the same as `3960s`.
    fn times(&self, factor: u64, shift: i64) -> f64 {
        if self.zero {
            return 0.0;
        }
        if let Some(digits) = self.digits {
            let product = u128::from(digits) * u128::from(factor);
            let exponent = self.exponent + shift;
            if product <= 1 << 53 && (-22..=22).contains(&exponent) {
                let power = POWERS[exponent.unsigned_abs() as usize];
                return if exponent < 0 {
                    product as f64 / power
                } else {
                    product as f64 * power
                };
            }
            return parse_f64(&format!("{product}e{exponent}"));
        }
        let plain: String = self.mantissa.chars().filter(|c| *c != '_').collect();
        parse_f64(&format!("{plain}e{}", self.written_exponent + shift)) * factor as f64
    }
}

/// The standard library rounds correctly and knows every text that is built here.
fn parse_f64(text: &str) -> f64 {
    text.parse().unwrap_or(f64::INFINITY)
}

/// What can follow the digits.
enum Suffix {
    None,
    Time(u64, i64),
    Data(u64),
}

fn suffix(name: &str) -> Option<Suffix> {
    if name.is_empty() {
        return Some(Suffix::None);
    }
    if let Some(unit) = TIME_UNITS.iter().find(|u| u.0 == name) {
        // Milliseconds are the only unit below one second.
        return Some(if unit.1 < 1.0 {
            Suffix::Time(1, -3)
        } else {
            Suffix::Time(unit.1 as u64, 0)
        });
    }
    DATA_UNITS
        .iter()
        .find(|u| u.0 == name)
        .map(|u| Suffix::Data(u.1 as u64))
}

/// The value of a number literal, in seconds, bytes or plain numbers, and its unit.
///
/// `text` is a number token of the grammar: it begins with a digit or a point and a digit.
///
/// # Errors
///
/// Where it is malformed, has an unknown unit, or does not fit in f64.
pub(crate) fn number(text: &str) -> Result<(f64, Unit), Fault> {
    // By far the most common form.
    if text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((
            text.bytes().fold(0_u64, |n, b| n * 10 + u64::from(b - b'0')) as f64,
            Unit::NUMBER,
        ));
    }
    let (body, per) = match text.split_once('/') {
        Some((body, per)) => (body, Some(per)),
        None => (text, None),
    };
    let (body, percent) = match body.strip_suffix('%') {
        Some(body) => (body, true),
        None => (body, false),
    };
    let (mut value, mut unit, not_zero) = amount(body, text, percent)?;
    if let Some(per) = per {
        let length = TIME_UNITS.iter().find(|u| u.0 == per).map_or(1.0, |u| u.1);
        // Dividing by 0.001 would round twice.
        value = if length < 1.0 { value * 1e3 } else { value / length };
        unit = unit.divide(Unit::SECONDS).unwrap_or(unit);
    }
    if !value.is_finite() {
        return Err(whole(
            text,
            format!("`{}` is too large", quote(text)),
            "numbers end at 1.8e308",
        ));
    }
    if value == 0.0 && not_zero {
        return Err(whole(
            text,
            format!("`{}` is too small", quote(text)),
            "the smallest number above zero is 5e-324",
        ));
    }
    Ok((value, unit))
}

/// The part of a number before `%` and `/s`: the value, its unit, and whether it was written as anything but zero.
fn amount(body: &str, text: &str, percent: bool) -> Result<(f64, Unit, bool), Fault> {
    let mut rest = body;
    let mut total = 0.0;
    let mut not_zero = false;
    let mut parts: Vec<(&str, &str)> = Vec::new();
    loop {
        let (decimal, after) = decimal(rest, text)?;
        not_zero |= !decimal.zero;
        let end = after
            .bytes()
            .position(|b| b.is_ascii_digit() || b == b'.' || b == b'_')
            .unwrap_or(after.len());
        let (name, next) = after.split_at(end);
        let Some(found) = suffix(name) else {
            return Err(unknown_unit(body, text, rest, after));
        };
        let first = rest.len() == body.len();
        match found {
            Suffix::Time(factor, shift) => {
                if percent {
                    return Err(percent_of_unit(text, body));
                }
                if first && next.is_empty() {
                    return Ok((decimal.times(factor, shift), Unit::SECONDS, not_zero));
                }
                parts.push((&rest[..rest.len() - after.len()], name));
                total += decimal.times(factor, shift);
                if next.is_empty() {
                    check_order(&parts, text)?;
                    return Ok((total, Unit::SECONDS, not_zero));
                }
                if !(next.as_bytes()[0].is_ascii_digit() || next.len() > 1 && next.starts_with('.')) {
                    return Err(unknown_unit(body, text, rest, after));
                }
                rest = next;
            }
            Suffix::None if !first => {
                let last = parts.last().map_or("", |p| p.1);
                let smaller = TIME_UNITS
                    .iter()
                    .rev()
                    .find(|u| u.1 < time_length(last))
                    .map_or("ms", |u| u.0);
                return Err(whole(
                    text,
                    format!("the last part of `{}` has no unit", quote(text)),
                    "each part of a duration has a unit",
                )
                .help(format!("write for example `{}{smaller}`", quote(text))));
            }
            Suffix::None if next.is_empty() => {
                return Ok((decimal.times(1, if percent { -2 } else { 0 }), Unit::NUMBER, not_zero));
            }
            Suffix::Data(factor) if first && next.is_empty() => {
                if percent {
                    return Err(percent_of_unit(text, body));
                }
                return Ok((decimal.times(factor, 0), Unit::BYTES, not_zero));
            }
            Suffix::Data(_) if first && next.as_bytes()[0].is_ascii_digit() => {
                let split = body.len() - next.len();
                return Err(whole(
                    text,
                    format!("`{}` joins two sizes", quote(text)),
                    "a size has one part",
                )
                .help(format!("write `{} + {}`", quote(&body[..split]), quote(next))));
            }
            Suffix::None | Suffix::Data(_) => return Err(unknown_unit(body, text, rest, after)),
        }
    }
}

fn time_length(unit: &str) -> f64 {
    TIME_UNITS.iter().find(|u| u.0 == unit).map_or(0.0, |u| u.1)
}

/// Reads digits, point, digits and exponent; returns what follows.
fn decimal<'a>(rest: &'a str, text: &str) -> Result<(Decimal<'a>, &'a str), Fault> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    let mut digits: Option<u64> = Some(0);
    let mut point: Option<usize> = None;
    let mut decimals = 0_i64;
    let mut zero = true;
    while let Some(&b) = bytes.get(at) {
        match b {
            b'0'..=b'9' => {
                zero &= b == b'0';
                digits = digits.and_then(|d| d.checked_mul(10)?.checked_add(u64::from(b - b'0')));
                decimals += i64::from(point.is_some());
            }
            b'_' => {
                let between =
                    at > 0 && bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
                if !between {
                    let fault = whole(
                        text,
                        format!("a misplaced `_` in `{}`", quote(text)),
                        "`_` stands only between digits",
                    );
                    let plain: String = text.chars().filter(|c| *c != '_').collect();
                    return Err(if number(&plain).is_ok() {
                        fault.help(format!("write `{}`", quote(&plain)))
                    } else {
                        fault
                    });
                }
            }
            b'.' if point.is_none() => point = Some(at),
            b'.' => {
                return Err(whole(
                    text,
                    format!("`{}` has more than one point", quote(text)),
                    "a number has one decimal point",
                ));
            }
            _ => break,
        }
        at += 1;
    }
    let mantissa = &rest[..at];
    let mut written_exponent = 0;
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let start = at + 1 + sign;
        let length = bytes[start.min(bytes.len())..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if length == 0 && (sign == 1 || bytes.len() == at + 1) {
            return Err(whole(
                text,
                format!("the exponent of `{}` has no digits", quote(text)),
                "digits are expected after `e`",
            )
            .help(format!("write for example `{}6`", quote(&rest[..start]))));
        }
        if length > 0 {
            let size = bytes[start..start + length]
                .iter()
                .fold(0_i64, |n, b| (n * 10 + i64::from(b - b'0')).min(EXPONENT_CAP));
            written_exponent = if bytes[at + 1] == b'-' { -size } else { size };
            at = start + length;
        }
    }
    if at == mantissa.len() && mantissa.ends_with('.') && bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
        return Err(whole(
            text,
            format!("digits are missing after the point in `{}`", quote(text)),
            "a number goes on after its point",
        )
        .help(format!("write `{}`", quote(&text.replacen('.', "", 1)))));
    }
    let decimal = Decimal {
        digits,
        exponent: written_exponent - decimals,
        mantissa,
        written_exponent,
        zero,
    };
    Ok((decimal, &rest[at..]))
}

/// Parts of a compound duration come largest first, each unit once.
fn check_order(parts: &[(&str, &str)], text: &str) -> Result<(), Fault> {
    if parts.windows(2).all(|w| time_length(w[0].1) > time_length(w[1].1)) {
        return Ok(());
    }
    let mut sorted = parts.to_vec();
    sorted.sort_by(|a, b| time_length(b.1).total_cmp(&time_length(a.1)));
    if sorted.windows(2).any(|w| w[0].1 == w[1].1) {
        return Err(whole(
            text,
            format!("`{}` has a unit twice", quote(text)),
            "each unit stands once, the largest first",
        ));
    }
    let right: String = sorted.iter().flat_map(|p| [p.0, p.1]).collect();
    let right = format!("{right}{}", text.find('/').map_or("", |at| &text[at..]));
    Err(whole(
        text,
        format!("the parts of `{}` are not in order", quote(text)),
        "the largest unit comes first",
    )
    .help(format!("write `{}`", quote(&right))))
}

fn percent_of_unit(text: &str, body: &str) -> Fault {
    whole(
        text,
        format!("`{}` has a unit and `%`", quote(text)),
        "a percentage has no unit",
    )
    .help(format!(
        "for the remainder of a division put spaces around `%`: `{} % …`",
        quote(body)
    ))
}

/// The fault of a number whose part `rest`, after its digits, goes on with `after`, which is not a unit.
fn unknown_unit(body: &str, text: &str, rest: &str, after: &str) -> Fault {
    let before = &body[..body.len() - after.len()];
    let digits = &rest[..rest.len() - after.len()];
    let ending = &text[body.len()..];
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let fault = whole(
            text,
            format!("`{}` is not a decimal number", quote(text)),
            "numbers are written in decimal",
        );
        return match u64::from_str_radix(hex, 16) {
            Ok(value) => fault.help(format!("write `{value}`")),
            Err(_) => fault,
        };
    }
    let message = format!("`{}` is not a number, duration or size", quote(text));
    let mut fault = whole(text, message, &format!("`{}` is not a unit", quote(after)));
    // A size after a duration is a unit, but not here.
    fault.help = Some(if DATA_UNITS.iter().any(|u| u.0 == after) {
        "a duration has only times in it".to_owned()
    } else {
        suggestion(before, digits, after, ending)
    });
    fault
}

/// What a number with an unknown unit was probably meant to be. `before` is everything in front of the unit, `digits` the number alone,
/// `ending` what follows the unit.
fn suggestion(before: &str, digits: &str, unit: &str, ending: &str) -> String {
    let before = quote(before);
    let write = |unit: &str| format!("write `{before}{unit}{ending}`");
    let both = |letter: &str| {
        format!("write `{before}{letter}B{ending}` (powers of 1000) or `{before}{letter}iB{ending}` (powers of 1024)")
    };
    let lower = unit.to_lowercase();
    if unit == "M" {
        return format!("write `{before}m` for minutes, `{before}MB` or `{before}MiB` for data");
    }
    match lower.as_str() {
        "ms" | "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => return write("ms"),
        "s" | "sec" | "secs" | "second" | "seconds" => return write("s"),
        "min" | "mins" | "minute" | "minutes" => return write("m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => return write("h"),
        "d" | "day" | "days" => return write("d"),
        "w" | "wk" | "week" | "weeks" => return write("w"),
        "us" | "µs" | "μs" | "ns" => {
            let per_ms = if lower == "ns" { 1e6 } else { 1e3 };
            return match digits.parse::<f64>() {
                Ok(value) => format!(
                    "the smallest unit of time is `ms`: write `{}ms`",
                    display_number(value / per_ms)
                ),
                Err(_) => "the smallest unit of time is `ms`".to_owned(),
            };
        }
        "mo" | "month" | "months" | "y" | "yr" | "year" | "years" => {
            return "months and years differ in length: write days, for example `30d` or `365d`".to_owned();
        }
        "b" | "byte" | "bytes" => return write("B"),
        "x" => return format!("write `{before}`"),
        "pct" | "percent" => return format!("write `{before}%`"),
        "rps" | "qps" | "tps" | "ps" | "hz" => return format!("write `{before}/s`"),
        "core" | "cores" | "cpu" | "cpus" | "slots" | "record" | "records" | "event" | "events" | "tasks" => {
            return format!("counts are plain numbers: write `{before}`");
        }
        _ => {}
    }
    // Sizes: `kb`, `Mb`, `gib`, `Gi`, `G`, …
    let upper = unit.to_ascii_uppercase();
    if let Some(letter) = ["K", "M", "G", "T", "P"].into_iter().find(|l| upper.starts_with(l)) {
        match &upper[1..] {
            "B" | "" => return both(letter),
            "IB" | "I" => return write(&format!("{letter}iB")),
            _ => {}
        }
    }
    let known = "units are ms, s, m, h, d, w, B, KB … PB, KiB … PiB and `%`";
    let is_name =
        unit.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) && unit.len() > 1 && !unit.starts_with('_');
    if is_name && ending.is_empty() {
        format!(
            "{known}; if `{}` is a name, write `{before} * {}`",
            quote(unit),
            quote(unit)
        )
    } else {
        known.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PER_NOTHING: Unit = Unit::NUMBER;

    #[test]
    fn numbers_mean_what_people_expect() {
        for (text, value, unit) in [
            ("0", 0.0, Unit::NUMBER),
            ("0.8", 0.8, Unit::NUMBER),
            (".5", 0.5, Unit::NUMBER),
            ("5.", 5.0, Unit::NUMBER),
            ("1_000", 1000.0, Unit::NUMBER),
            ("1_000.000_5", 1000.0005, Unit::NUMBER),
            ("1e6", 1e6, Unit::NUMBER),
            ("1E-6", 1e-6, Unit::NUMBER),
            ("5.e3", 5000.0, Unit::NUMBER),
            ("0e999999999999999999999", 0.0, Unit::NUMBER),
            (
                "123456789012345678901234567890",
                1.234_567_890_123_456_8e29,
                Unit::NUMBER,
            ),
            ("9007199254740993", 9_007_199_254_740_992.0, Unit::NUMBER),
            ("80%", 0.8, Unit::NUMBER),
            ("0.7%", 0.007, Unit::NUMBER),
            ("1_00%", 1.0, Unit::NUMBER),
            ("500ms", 0.5, Unit::SECONDS),
            ("0.1ms", 0.0001, Unit::SECONDS),
            ("30s", 30.0, Unit::SECONDS),
            ("5m", 300.0, Unit::SECONDS),
            ("2h", 7200.0, Unit::SECONDS),
            ("1d", 86_400.0, Unit::SECONDS),
            ("1w", 604_800.0, Unit::SECONDS),
            ("1.5h", 5400.0, Unit::SECONDS),
            ("1.1h", 3960.0, Unit::SECONDS),
            ("1h30m", 5400.0, Unit::SECONDS),
            ("1d2h3m4s5ms", 93_784.005, Unit::SECONDS),
            ("1e3ms", 1.0, Unit::SECONDS),
            ("512MiB", 536_870_912.0, Unit::BYTES),
            ("2GB", 2e9, Unit::BYTES),
            ("1.5GiB", 1_610_612_736.0, Unit::BYTES),
            ("7B", 7.0, Unit::BYTES),
            ("1PiB", 1_125_899_906_842_624.0, Unit::BYTES),
            ("1000/s", 1000.0, Unit::PER_SECOND),
            ("2/h", 2.0 / 3600.0, Unit::PER_SECOND),
            ("3/ms", 3000.0, Unit::PER_SECOND),
            ("5MiB/s", 5_242_880.0, Unit::BYTES_PER_SECOND),
            ("6GB/m", 1e8, Unit::BYTES_PER_SECOND),
            ("50%/m", 0.5 / 60.0, Unit::PER_SECOND),
            ("500ms/s", 0.5, PER_NOTHING),
        ] {
            assert_eq!(number(text), Ok((value, unit)), "{text}");
        }
    }

    #[test]
    fn faults_of_numbers_say_what_to_write() {
        for (text, message, help) in [
            ("5min", "`5min` is not a number, duration or size", "write `5m`"),
            ("2hours", "", "write `2h`"),
            ("1h5min", "", "write `1h5m`"),
            ("10kb", "", "write `10KB` (powers of 1000) or `10KiB` (powers of 1024)"),
            (
                "512mb",
                "",
                "write `512MB` (powers of 1000) or `512MiB` (powers of 1024)",
            ),
            ("2Gb", "", "`2GiB`"),
            ("2GIB", "", "write `2GiB`"),
            ("2Gi", "", "write `2GiB`"),
            ("2g", "", "`2GB`"),
            ("2k", "", "`2KB`"),
            ("5Mib/s", "", "write `5MiB/s`"),
            ("5M", "", "`5m` for minutes"),
            ("5us", "", "`0.005ms`"),
            ("5µs", "", "`0.005ms`"),
            ("1month", "", "`30d`"),
            ("5pct", "", "write `5%`"),
            ("100rps", "", "write `100/s`"),
            ("4cores", "", "write `4`"),
            ("5foo", "", "write `5 * foo`"),
            ("1e", "the exponent of `1e` has no digits", "`1e6`"),
            ("1_", "a misplaced `_` in `1_`", "write `1`"),
            ("1__0", "", "write `10`"),
            ("1_.5", "", "write `1.5`"),
            ("5_m", "", "write `5m`"),
            ("1.2.3", "`1.2.3` has more than one point", ""),
            ("5.m", "digits are missing after the point", "write `5m`"),
            ("0x1F", "`0x1F` is not a decimal number", "write `31`"),
            ("30m1h", "the parts of `30m1h` are not in order", "write `1h30m`"),
            ("1m1m", "`1m1m` has a unit twice", ""),
            (
                "1h30",
                "the last part of `1h30` has no unit",
                "write for example `1h30m`",
            ),
            ("1s5", "", "`1s5ms`"),
            ("1GiB512MiB", "`1GiB512MiB` joins two sizes", "write `1GiB + 512MiB`"),
            ("5m%", "`5m%` has a unit and `%`", "`5m % …`"),
            ("1e999", "`1e999` is too large", ""),
            ("1e-999", "`1e-999` is too small", ""),
            ("1e308GiB", "is too large", ""),
            ("1e99999999999999999999", "is too large", ""),
        ] {
            let fault = number(text).unwrap_err();
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
            let given = fault.help.clone().unwrap_or_default();
            assert!(
                given.contains(help) && given.is_empty() == help.is_empty(),
                "{text}: {given}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is written, the value is the nearest f64 to it.
        #[test]
        fn values_are_rounded_once(whole in 0_u64..10_000_000, decimals in "[0-9]{0,6}", exponent in -30_i32..30) {
            let plain = format!("{whole}.{decimals}");
            let shifted = |by: i32| format!("{plain}e{}", exponent + by).parse::<f64>().unwrap();
            let text = format!("{plain}e{exponent}");
            prop_assert_eq!(number(&text), Ok((shifted(0), Unit::NUMBER)));
            prop_assert_eq!(number(&format!("{text}%")), Ok((shifted(-2), Unit::NUMBER)));
            prop_assert_eq!(number(&format!("{text}ms")), Ok((shifted(-3), Unit::SECONDS)));
            prop_assert_eq!(number(&format!("{text}GB")), Ok((shifted(9), Unit::BYTES)));
        }

        #[test]
        fn nothing_that_begins_like_a_number_panics(text in "[0-9][0-9a-zA-Z_.µ]{0,12}%?(/s)?") {
            let _ = number(&text);
        }
    }
}
