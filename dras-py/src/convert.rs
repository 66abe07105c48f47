//! From Python's values to those of the core, strictly: what is not meant is refused, and the message says what was given and what is wanted.

use std::borrow::Cow;

use dras_core::literal::parse_quantity;
use dras_core::units::{Millis, Unit};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDelta, PyDeltaAccess, PyDict, PyFloat, PyInt, PyMapping, PyString,
    PyTzInfoAccess,
};

use crate::errors::{bad_input, bad_type, type_name, wrong_type};

/// A time: whole ms since the epoch, or an aware `datetime`.
pub(crate) fn time(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Millis> {
    let py = value.py();
    if let Ok(ms) = value.cast::<PyInt>()
        && !value.is_instance_of::<PyBool>()
    {
        return ms.extract().map_err(|_| {
            let message = format!("{what} does not fit 64 bits; it is in ms since the epoch");
            bad_input(py, "number_too_large", message)
        });
    }
    if let Ok(moment) = value.cast::<PyDateTime>() {
        if moment.get_tzinfo().is_none() || moment.call_method0("utcoffset")?.is_none() {
            let message = format!(
                "{what} is {}, a datetime without a time zone, which can be any moment of a day: use datetime.now(timezone.utc), or give ms since the epoch",
                moment.str()?
            );
            return Err(bad_input(py, "naive_datetime", message));
        }
        let epoch = PyDateTime::from_timestamp(py, 0.0, Some(&*pyo3::types::PyTzInfo::utc(py)?))?;
        let since = moment.sub(epoch)?;
        return Ok(delta_micros(since.cast::<PyDelta>().map_err(PyErr::from)?).div_euclid(1000));
    }
    if value.is_instance_of::<PyFloat>() {
        let message = format!(
            "{what} must be an aware datetime or whole ms since the epoch, not a float: write int(time.time() * 1000) for the present"
        );
        return Err(bad_type(py, message));
    }
    // NumPy's integers, among others.
    if !value.is_instance_of::<PyBool>()
        && let Ok(index) = value.call_method0("__index__")
        && let Ok(ms) = index.extract()
    {
        return Ok(ms);
    }
    Err(wrong_type(
        value,
        what,
        "an aware datetime or an int, in ms since the epoch",
    ))
}

/// A time that may be left out.
pub(crate) fn time_or(value: Option<&Bound<'_, PyAny>>, what: &str, default: Millis) -> PyResult<Millis> {
    value.map_or(Ok(default), |value| time(value, what))
}

/// A duration, in ms: a `timedelta`, seconds, or a text such as `5m`.
pub(crate) fn duration(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Millis> {
    let seconds = number(value, Unit::SECONDS, 1.0, || what.to_owned())?;
    let ms = seconds * 1000.0;
    if (0.0..9e15).contains(&ms) {
        return Ok(ms.round() as Millis);
    }
    let message = format!("{what} is {seconds} s; it must not be negative, and not be huge");
    Err(bad_input(value.py(), "number", message))
}

fn delta_micros(delta: &Bound<'_, PyDelta>) -> i64 {
    let seconds = i64::from(delta.get_days()) * 86_400 + i64::from(delta.get_seconds());
    seconds * 1_000_000 + i64::from(delta.get_microseconds())
}

/// A text.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>, what: &str) -> PyResult<&'a str> {
    let text = value.cast::<PyString>().map_err(|_| wrong_type(value, what, "a str"))?;
    str_of(text, what)
}

pub(crate) fn str_of<'a>(text: &'a Bound<'_, PyString>, what: &str) -> PyResult<&'a str> {
    text.to_str().map_err(|_| {
        let message = format!("{what} holds a lone surrogate, which is half a character and no text");
        bad_input(text.py(), "not_utf8", message)
    })
}

/// A number in a declared unit, of which `factor` makes seconds, bytes or plain numbers. Durations may be `timedelta`s, and durations and amounts of data
/// texts such as `5m` or `2GiB`.
pub(crate) fn number(value: &Bound<'_, PyAny>, unit: Unit, factor: f64, what: impl Fn() -> String) -> PyResult<f64> {
    // The most frequent first; NumPy's float64 is a float.
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value());
    }
    other_number(value, unit, factor, &what)
}

#[cold]
fn other_number(value: &Bound<'_, PyAny>, unit: Unit, factor: f64, what: &dyn Fn() -> String) -> PyResult<f64> {
    let py = value.py();
    let wanted = || match unit {
        Unit::SECONDS => "a number, a timedelta, or a text such as \"5m\"",
        Unit::BYTES => "a number, or a text such as \"2GiB\"",
        _ => "a number",
    };
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type(value, &what(), wanted()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        let text = str_of(text, &what())?;
        return match parse_quantity(text) {
            Ok((quantity, found)) if found == unit => Ok(quantity / factor),
            Ok((_, found)) => {
                let message = format!(
                    "{} is {}, and `{text}` is {}",
                    what(),
                    unit.describe(),
                    found.describe()
                );
                Err(bad_input(py, "unit", message))
            }
            Err(error) => Err(bad_input(py, "quantity", format!("{}: {error}", what()))),
        };
    }
    if let Ok(delta) = value.cast::<PyDelta>() {
        if unit == Unit::SECONDS {
            return Ok(delta_micros(delta) as f64 / 1e6 / factor);
        }
        let message = format!("{} is {}, and a timedelta was given", what(), unit.describe());
        return Err(bad_input(py, "unit", message));
    }
    value.extract::<f64>().map_err(|error| {
        if error.is_instance_of::<PyTypeError>(py) {
            wrong_type(value, &what(), wanted())
        } else if value.is_instance_of::<PyInt>() {
            bad_input(
                py,
                "number_too_large",
                format!("{} is larger than any number that dras computes with", what()),
            )
        } else {
            let cause = error.value(py).str().map(|s| s.to_string()).unwrap_or_default();
            let cause = format!("{} could not be read as a number: {cause}", what());
            let raised = bad_input(py, "number", cause);
            raised.set_cause(py, Some(error));
            raised
        }
    })
}

/// The items of a mapping at this moment, whatever becomes of it later. Keys must be texts.
pub(crate) fn items<'py>(
    value: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
    let keyed = |(key, item): (Bound<'py, PyAny>, Bound<'py, PyAny>)| match key.cast_into::<PyString>() {
        Ok(key) => Ok((key, item)),
        Err(error) => Err(wrong_type(&error.into_inner(), &format!("a key of {what}"), "a str")),
    };
    if let Ok(dict) = value.cast::<PyDict>() {
        // Nothing of Python runs in here that could change the dict, and with critical sections no other thread does.
        let all: Vec<_> = pyo3::sync::critical_section::with_critical_section(dict.as_any(), || dict.iter().collect());
        return all.into_iter().map(keyed).collect();
    }
    let Ok(mapping) = value.cast::<PyMapping>() else {
        return Err(wrong_type(value, what, "a dict"));
    };
    let mut all = Vec::new();
    for item in mapping.items()?.iter() {
        let pair = item
            .extract()
            .map_err(|_| wrong_type(&item, &format!("an item of {what}"), "a pair"))?;
        all.push(keyed(pair)?);
    }
    Ok(all)
}

/// The bytes of a document or an answer: `bytes`, `bytearray`, any other buffer of bytes, or a `str`.
pub(crate) fn bytes<'a>(value: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Option<Cow<'a, [u8]>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(Cow::Borrowed(bytes.as_bytes())));
    }
    if let Ok(found) = value.cast::<PyString>() {
        return Ok(Some(Cow::Borrowed(str_of(found, what)?.as_bytes())));
    }
    if let Ok(array) = value.cast::<PyByteArray>() {
        return Ok(Some(Cow::Owned(array.to_vec())));
    }
    if value.is_instance(&value.py().get_type::<pyo3::types::PyMemoryView>())? {
        let buffer = PyBuffer::<u8>::get(value).and_then(|buffer| buffer.to_vec(value.py()));
        return match buffer {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(error) => {
                let message = format!(
                    "{what} is a memoryview that cannot be read as bytes: {}",
                    error.value(value.py())
                );
                Err(bad_input(value.py(), "buffer", message))
            }
        };
    }
    Ok(None)
}

/// The bytes of an answer: as they came, or the dict that something made of its JSON.
pub(crate) fn body<'a>(value: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Cow<'a, [u8]>> {
    if let Some(bytes) = bytes(value, what)? {
        return Ok(bytes);
    }
    if !value.is_instance_of::<PyDict>() && !value.is_instance_of::<pyo3::types::PyList>() {
        return Err(wrong_type(value, what, "bytes, a str, or the dict or list of its JSON"));
    }
    let json = crate::from_python::json(value, what)?;
    serde_json::to_vec(&json)
        .map(Cow::Owned)
        .map_err(|error| bad_input(value.py(), "json", format!("{what}: {error}")))
}

/// One of a few words.
pub(crate) fn word<T: Copy>(value: &Bound<'_, PyAny>, what: &str, words: &[(&str, T)]) -> PyResult<T> {
    let given = text(value, what)?;
    words.iter().find(|w| w.0 == given).map(|w| w.1).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.0)).collect();
        let message = format!("{what} is \"{}\"; it can be {}", shortened(given), known.join(" or "));
        bad_input(value.py(), "unknown_word", message)
    })
}

/// The beginning of a long text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A whole number that is not negative.
pub(crate) fn count(value: &Bound<'_, PyAny>, what: &str) -> PyResult<usize> {
    if value.is_instance_of::<PyBool>() || !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(value, what, "an int"));
    }
    value.extract().map_err(|_| {
        bad_input(
            value.py(),
            "number",
            format!("{what} must not be negative, and not be huge"),
        )
    })
}

/// Whatever is iterated over as texts.
pub(crate) fn texts(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<String>> {
    if value.is_instance_of::<PyString>() {
        return Err(wrong_type(value, what, "several texts"));
    }
    let Ok(all) = value.try_iter() else {
        return Err(bad_type(
            value.py(),
            format!("{what} must be several texts, not {}", type_name(value)),
        ));
    };
    all.map(|one| Ok(text(&one?, &format!("one of {what}"))?.to_owned()))
        .collect()
}
