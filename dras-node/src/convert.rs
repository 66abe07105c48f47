//! Values on their way in.

use dras_core::engine::LookKind;
use dras_core::literal::parse_quantity;
use dras_core::metrics::Mark;
use dras_core::units::{Millis, Unit};
use napi::Result;

use crate::fault::{Class, fault};

/// The largest time in ms that a `Date` can hold; beyond, numbers are not whole any more before long.
const MAX_TIME: f64 = 8.64e15;

/// A time in ms since the epoch. Fractions of milliseconds, such as `performance` gives, are cut off.
pub(crate) fn time(ms: f64, what: &str) -> Result<Millis> {
    if ms.is_finite() && ms.abs() <= MAX_TIME {
        Ok(ms.floor() as Millis)
    } else {
        let message = format!("{what} is {ms}; a time is a number of ms since the epoch, or a valid Date");
        Err(fault(Class::Input, "time", message))
    }
}

/// Times of a column of numbers.
pub(crate) fn times(numbers: &[f64]) -> Result<Vec<Millis>> {
    let whole = |(i, t): (usize, &f64)| {
        time(*t, "").map_err(|_| {
            let message = format!("times[{i}] is {t}; a time is a number of ms since the epoch");
            fault(Class::Input, "time", message)
        })
    };
    numbers.iter().enumerate().map(whole).collect()
}

/// What a look looks at.
pub(crate) fn look(short: bool) -> LookKind {
    if short { LookKind::Short } else { LookKind::Long }
}

/// The kind of a mark.
pub(crate) fn mark(name: &str) -> Result<Mark> {
    match name {
        "restart" => Ok(Mark::Restart),
        "change" => Ok(Mark::Change),
        other => {
            let message = format!("a mark is \"restart\" or \"change\", not {other:?}");
            Err(fault(Class::Input, "mark", message))
        }
    }
}

/// A text with a unit, `5m` or `2GiB`, as a number in seconds, bytes or plain numbers, which must be of the dimension `unit`.
pub(crate) fn quantity(text: &str, unit: Unit, what: &str) -> Result<f64> {
    let (value, has) = parse_quantity(text).map_err(|error| {
        let message = format!("{what}: {error}; {}", error.help());
        fault(Class::Input, "quantity", message)
    })?;
    if has == unit {
        Ok(value)
    } else {
        let message = format!("{what} is {}, and `{text}` is {}", unit.describe(), has.describe());
        Err(fault(Class::Input, "unit", message))
    }
}
