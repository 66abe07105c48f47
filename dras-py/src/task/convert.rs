//! What goes into a task, and what it says, between Python and the core.

use std::borrow::Cow;
use std::sync::Mutex;

use dras_core::engine::{self, AttributeValue, DecideError, LookKind, ReadError};
use dras_core::lang::Type;
use dras_core::metrics::Accepted;
use dras_core::units::Unit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};

use crate::convert::{bytes, items, number, str_of, text, word};
use crate::errors::{Class, bad_input, wrong_type};
use crate::instruction::Instruction;
use crate::policy::Policy;
use crate::python::Data;
use crate::to_python::to_python;

const LOOKS: [(&str, LookKind); 2] = [("long", LookKind::Long), ("short", LookKind::Short)];

/// The kind of a look.
pub(crate) fn look_kind(value: Option<&Bound<'_, PyAny>>) -> PyResult<LookKind> {
    value.map_or(Ok(LookKind::Long), |value| word(value, "look", &LOOKS))
}

pub(crate) fn task_error(py: Python<'_>, error: &engine::TaskError) -> PyErr {
    let class = match error {
        engine::TaskError::Snapshot(_) => Class::Snapshot,
        _ => Class::Task,
    };
    class.error(py, error.to_string(), error.code())
}

pub(crate) fn decide_error(py: Python<'_>, error: &DecideError) -> PyErr {
    Class::Task.error(py, error.to_string(), error.code())
}

pub(crate) fn read_error(py: Python<'_>, error: &ReadError) -> PyErr {
    let class = match error {
        ReadError::Task(_) | ReadError::Render { .. } => Class::Task,
        _ => Class::Read,
    };
    class.error(py, error.to_string(), error.code())
}

/// The last answer to a call that brought samples, with its object.
static LAST_ACCEPTED: Mutex<Option<(Accepted, Py<PyAny>)>> = Mutex::new(None);

pub(crate) fn accepted(py: Python<'_>, a: Accepted) -> PyResult<Bound<'_, PyAny>> {
    // Scrape after scrape brings the same, and making an object takes longer than taking the samples. No lock is waited for.
    if let Ok(last) = LAST_ACCEPTED.try_lock()
        && let Some((found, object)) = &*last
        && *found == a
    {
        return Ok(object.bind(py).clone());
    }
    let object = Data::Accepted.make(py, (a.stored, a.ignored, a.resolved, a.refused, a.unused))?;
    let before = match LAST_ACCEPTED.try_lock() {
        Ok(mut last) => last.replace((a, object.clone().unbind())),
        Err(_) => None,
    };
    // Only now, with the lock free, is the one before let go: that may run Python code.
    drop(before);
    Ok(object)
}

pub(crate) fn read_report<'py>(py: Python<'py>, report: &engine::ReadReport) -> PyResult<Bound<'py, PyAny>> {
    let notes = PyTuple::new(py, &report.notes)?;
    Data::ReadReport.make(py, (report.series, accepted(py, report.accepted)?, notes))
}

/// The value of an attribute, in its declared unit.
pub(crate) fn attribute_value(
    policy: &engine::Policy,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<AttributeValue> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(AttributeValue::Bool(truth.is_true()));
    }
    let attribute = policy
        .attribute(name)
        .and_then(|_| policy.attributes().iter().find(|a| a.name == name));
    let what = || format!("the attribute `{name}`");
    match attribute.map(|a| (a.ty, a.factor())) {
        Some((Type::Number(unit), factor)) => Ok(AttributeValue::Number(number(value, unit, factor, what)?)),
        // What suits no attribute of this name the core says better.
        _ if value.is_instance_of::<PyString>() => Ok(AttributeValue::Text(text(value, &what())?.to_owned())),
        _ => Ok(AttributeValue::Number(number(value, Unit::NUMBER, 1.0, what)?)),
    }
}

/// Attributes with their values; `None` is for those that are not known any more.
pub(crate) type Attributes = Vec<(String, Option<AttributeValue>)>;

pub(crate) fn attributes_of(policy: &engine::Policy, given: &Bound<'_, PyAny>) -> PyResult<Attributes> {
    let mut all = Attributes::new();
    for (name, value) in items(given, "the attributes")? {
        let name = str_of(&name, "the name of an attribute")?;
        let value = if value.is_none() {
            None
        } else {
            Some(attribute_value(policy, name, &value)?)
        };
        all.push((name.to_owned(), value));
    }
    Ok(all)
}

pub(crate) fn labels_of(given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let pair = |(name, value): &(Bound<'_, PyString>, Bound<'_, PyAny>)| {
        let name = str_of(name, "the name of a label")?.to_owned();
        let value = text(value, &format!("the label `{name}`"))?.to_owned();
        Ok((name, value))
    };
    items(given, "the labels")?.iter().map(pair).collect()
}

/// The entries of a Flink configuration.
pub(crate) fn configuration_entries(entries: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (key, value) in items(entries, "the configuration")? {
        let key = str_of(&key, "a key of the configuration")?.to_owned();
        // YAML makes numbers and truth values of some.
        let value = match value.cast::<PyString>() {
            Ok(text) => str_of(text, &key)?.to_owned(),
            Err(_) if value.is_instance_of::<PyBool>() => value.str()?.to_string().to_lowercase(),
            Err(_)
                if value.is_instance_of::<pyo3::types::PyInt>() || value.is_instance_of::<pyo3::types::PyFloat>() =>
            {
                value.str()?.to_string()
            }
            Err(_) => return Err(wrong_type(&value, &format!("the entry `{key}`"), "a str")),
        };
        all.push((key, value));
    }
    Ok(all)
}

/// A policy that was handed over.
pub(crate) fn policy_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a Policy> {
    match value.cast::<Policy>() {
        Ok(policy) => Ok(policy.get()),
        Err(_) => Err(wrong_type(value, "policy", "a Policy")),
    }
}

pub(crate) fn snapshot_bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    match bytes(value, "snapshot")? {
        Some(bytes) if !value.is_instance_of::<PyString>() => Ok(bytes),
        _ => Err(wrong_type(value, "snapshot", "bytes")),
    }
}

/// `dras.Difference`.
pub(crate) fn difference<'py>(py: Python<'py>, found: &engine::Difference) -> PyResult<Bound<'py, PyAny>> {
    py.import("dras._data")?
        .getattr("Difference")?
        .call_method1("_of", (to_python(py, found)?,))
}

/// What could not go along.
pub(crate) fn carried<'py>(py: Python<'py>, left: &engine::Carried) -> PyResult<Bound<'py, PyAny>> {
    let attributes = PyTuple::new(py, &left.attributes_dropped)?;
    let rules = PyTuple::new(py, &left.rules_begun_anew)?;
    Data::Carried.make(py, (attributes, rules, to_python(py, &left.windows)?))
}

/// The key of an instruction, or the instruction.
pub(crate) fn key_of(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(instruction) = value.cast::<Instruction>() {
        return Ok(instruction.get().core().key.clone());
    }
    if value.is_instance_of::<PyString>() {
        return Ok(text(value, "instruction")?.to_owned());
    }
    if value.is_none() {
        return Err(bad_input(
            value.py(),
            "no_instruction",
            "the decision has no instruction to report on",
        ));
    }
    Err(wrong_type(value, "instruction", "an Instruction or its key"))
}
