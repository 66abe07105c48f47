//! Plain Python objects as JSON values: documents, manifests, answers.

use std::fmt::Write;

use dras_core::literal::exact_duration;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDeltaAccess, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde_json::{Map, Value};

use crate::convert::{items, shortened, str_of};
use crate::errors::{bad_input, wrong_type};

/// How deep objects nest. Ten times what documents need; what is deeper is most likely a cycle.
const MAX_DEPTH: usize = 128;

/// How many values there are, with all repetitions of one that is referred to many times.
const MAX_VALUES: usize = 2_000_000;

/// The JSON of `value`. A `timedelta` becomes a text such as `5m`.
pub(crate) fn json(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    let mut reading = Reading {
        path: what.to_owned(),
        depth: 0,
        left: MAX_VALUES,
    };
    reading.value(value)
}

struct Reading {
    path: String,
    depth: usize,
    left: usize,
}

impl Reading {
    fn value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Value> {
        let py = value.py();
        let Some(left) = self.left.checked_sub(1) else {
            let message = format!(
                "{} has more than {MAX_VALUES} values; is the same object in it many times?",
                self.path
            );
            return Err(bad_input(py, "too_large", message));
        };
        self.left = left;
        if value.is_none() {
            return Ok(Value::Null);
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(str_of(text, &self.path)?.into());
        }
        if let Ok(truth) = value.cast::<PyBool>() {
            return Ok(truth.is_true().into());
        }
        if let Ok(number) = value.cast::<PyInt>() {
            return self.whole(number);
        }
        if let Ok(number) = value.cast::<PyFloat>() {
            return serde_json::Number::from_f64(number.value())
                .map(Value::Number)
                .ok_or_else(|| {
                    let message = format!(
                        "{} is {}, which JSON does not have; leave out what is not known",
                        self.path,
                        number.value()
                    );
                    bad_input(py, "not_finite", message)
                });
        }
        if let Ok(delta) = value.cast::<PyDelta>() {
            let micros = i64::from(delta.get_seconds()) * 1_000_000 + i64::from(delta.get_microseconds());
            if micros % 1000 != 0 {
                let message = format!("{} is a timedelta of a fraction of a millisecond", self.path);
                return Err(bad_input(py, "unit", message));
            }
            return Ok(exact_duration(i64::from(delta.get_days()) * 86_400_000 + micros / 1000).into());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!(
                "{} is nested more than {MAX_DEPTH} levels deep; does the object contain itself?",
                shortened(&self.path)
            );
            return Err(bad_input(py, "too_deep", message));
        }
        let length = self.path.len();
        let made = if value.is_instance_of::<PyDict>() {
            self.object(value)
        } else if let Ok(list) = value.cast::<PyList>() {
            // A copy: whatever the elements do, the list stays as it is.
            self.list(list.to_tuple().iter())
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.list(tuple.iter())
        } else if value.is_instance_of::<PyMapping>() {
            self.object(value)
        } else if let Ok(index) = value.call_method0("__index__")
            && let Ok(number) = index.cast::<PyInt>()
        {
            self.whole(number)
        } else {
            let wanted = "a dict, list, str, number, bool, timedelta or None";
            Err(wrong_type(value, &self.path, wanted))
        };
        self.path.truncate(length);
        self.depth -= 1;
        made
    }

    fn whole(&self, number: &Bound<'_, PyInt>) -> PyResult<Value> {
        if let Ok(number) = number.extract::<i64>() {
            return Ok(number.into());
        }
        if let Ok(number) = number.extract::<u64>() {
            return Ok(number.into());
        }
        let message = format!("{} is an int of more than 64 bits", self.path);
        Err(bad_input(number.py(), "number_too_large", message))
    }

    fn object(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Value> {
        let mut object = Map::new();
        for (key, item) in items(value, &self.path)? {
            let key = str_of(&key, &format!("a key of {}", self.path))?;
            let length = self.path.len();
            self.path.push('.');
            self.path.push_str(&shortened(key));
            let item = self.value(&item)?;
            self.path.truncate(length);
            object.insert(key.to_owned(), item);
        }
        Ok(Value::Object(object))
    }

    fn list<'py>(&mut self, all: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Value> {
        let mut list = Vec::new();
        for (index, item) in all.enumerate() {
            let length = self.path.len();
            _ = write!(self.path, "[{index}]");
            let item = self.value(&item)?;
            self.path.truncate(length);
            list.push(item);
        }
        Ok(Value::Array(list))
    }
}
