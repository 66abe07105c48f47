//! Columns: NumPy arrays and other buffers of 64-bit numbers, read where they lie.

use std::sync::atomic::{AtomicBool, Ordering};

use numpy::{Element, PyArrayDescrMethods, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::buffer::PyBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMemoryView, PyTuple};

use crate::convert::{number, time};
use crate::errors::{bad_input, bad_type, type_name, wrong_type};
use dras_core::units::Unit;

/// A column: borrowed from a NumPy array, or copied from something else.
pub(crate) enum Column<'py, T: Element> {
    Array(PyReadonlyArray1<'py, T>),
    Copy(Vec<T>),
}

impl<T: Element> Column<'_, T> {
    /// The numbers.
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            // That it is contiguous was looked at when it was made.
            Column::Array(array) => array.as_slice().unwrap_or_default(),
            Column::Copy(numbers) => numbers,
        }
    }
}

/// Whether NumPy is there already; without it nothing is an array, and asking for the class of arrays would fail.
fn numpy_is_loaded(py: Python<'_>) -> PyResult<bool> {
    static LOADED: AtomicBool = AtomicBool::new(false);
    if LOADED.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let numpy = modules.call_method1(intern!(py, "get"), (intern!(py, "numpy"),))?;
    // While it is being imported, or could not be, nothing is an array either.
    let loaded = numpy.hasattr(intern!(py, "ndarray"))?;
    LOADED.store(loaded, Ordering::Relaxed);
    Ok(loaded)
}

/// The array that `value` is.
fn as_array<'a, 'py>(value: &'a Bound<'py, PyAny>) -> PyResult<Option<&'a Bound<'py, PyUntypedArray>>> {
    Ok(if numpy_is_loaded(value.py())? {
        value.cast().ok()
    } else {
        None
    })
}

/// Other buffers are copied up to this length, which is cheaper than wrapping them.
const COPIED: usize = 4096;

/// A column of `float64`.
pub(crate) fn floats<'py>(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Column<'py, f64>> {
    column(value, what, "float64", |one, what| {
        number(one, Unit::NUMBER, 1.0, || what.to_owned())
    })
}

/// A column of times: `int64` in ms since the epoch, or `datetime64`, which is UTC.
pub(crate) fn times<'py>(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Column<'py, i64>> {
    let py = value.py();
    if let Some(array) = as_array(value)?
        && array.dtype().kind() == b'M'
    {
        let ms = value.call_method1(intern!(py, "astype"), ("datetime64[ms]",))?;
        let ms = ms.call_method1(intern!(py, "view"), ("int64",))?;
        return column(&ms, what, "int64", time);
    }
    column(value, what, "int64", time)
}

/// A column of handles.
pub(crate) fn handles<'py>(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Column<'py, i64>> {
    column(value, what, "int64", |one, what| {
        one.extract()
            .map_err(|_| wrong_type(one, what, "a handle, which is an int"))
    })
}

fn column<'py, T: Element + pyo3::buffer::Element + Copy>(
    value: &Bound<'py, PyAny>,
    what: &str,
    dtype: &str,
    one: impl Fn(&Bound<'py, PyAny>, &str) -> PyResult<T>,
) -> PyResult<Column<'py, T>> {
    let py = value.py();
    let listed = |all: &Bound<'py, PyTuple>| {
        let element = format!("an element of {what}");
        let numbers: PyResult<Vec<T>> = all.iter().map(|item| one(&item, &element)).collect();
        numbers.map(Column::Copy)
    };
    if let Ok(list) = value.cast::<PyList>() {
        return listed(&list.to_tuple());
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return listed(tuple);
    }
    if let Some(array) = as_array(value)? {
        return of_array(array, what, dtype);
    }
    // Series of pandas and polars, among others.
    if value.hasattr(intern!(py, "__array__"))? {
        let array = py.import("numpy")?.call_method1("asarray", (value,))?;
        return match as_array(&array)? {
            Some(array) => of_array(array, what, dtype),
            None => Err(bad_type(py, format!("{what} gives {} as its array", type_name(&array)))),
        };
    }
    let buffer = match PyBuffer::<T>::get(value) {
        Ok(buffer) => buffer,
        Err(error) => {
            let cause = error.value(py);
            let message = format!(
                "{what} must be a NumPy array or another buffer of {dtype}, or a list, not {}: {cause}",
                type_name(value)
            );
            // A released memoryview is of the right type.
            return Err(
                if value.is_instance_of::<PyMemoryView>() && error.is_instance_of::<pyo3::exceptions::PyValueError>(py)
                {
                    bad_input(py, "buffer", message)
                } else {
                    bad_type(py, message)
                },
            );
        }
    };
    if buffer.dimensions() != 1 {
        return Err(bad_type(
            py,
            format!("{what} must have one dimension, not {}", buffer.dimensions()),
        ));
    }
    if !buffer.is_c_contiguous() {
        return Err(bad_type(
            py,
            format!("the elements of {what} do not lie one after the other: copy them into a new buffer first"),
        ));
    }
    if buffer.item_count() > COPIED
        && let Ok(numpy) = py.import("numpy")
        && let Ok(array) = numpy.call_method1("frombuffer", (value, dtype))
        && let Some(array) = as_array(&array)?
    {
        return of_array(array, what, dtype);
    }
    let copied = buffer.to_vec(py);
    copied
        .map(Column::Copy)
        .map_err(|error| bad_input(py, "buffer", format!("{what}: {}", error.value(py))))
}

fn of_array<'py, T: Element>(array: &Bound<'py, PyUntypedArray>, what: &str, dtype: &str) -> PyResult<Column<'py, T>> {
    let py = array.py();
    let cure = format!("convert it with numpy.ascontiguousarray(x, dtype=\"{dtype}\")");
    if array.ndim() != 1 {
        return Err(bad_type(
            py,
            format!("{what} must have one dimension, not {}", array.ndim()),
        ));
    }
    let Ok(typed) = array.cast::<numpy::PyArray1<T>>() else {
        return Err(bad_type(
            py,
            format!("{what} must be an array of {dtype}, not of {}: {cure}", array.dtype()),
        ));
    };
    let Ok(borrowed) = numpy::PyArrayMethods::try_readonly(typed) else {
        return Err(bad_input(
            py,
            "buffer",
            format!("{what} is being written to by another native extension"),
        ));
    };
    if borrowed.as_slice().is_err() {
        return Err(bad_type(
            py,
            format!("the elements of {what} do not lie one after the other: {cure}"),
        ));
    }
    Ok(Column::Array(borrowed))
}
