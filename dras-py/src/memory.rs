//! Flink's model of memory: what a configuration makes of each component, and the configuration that components need.

use dras_core::resources::memory::{Component, FlinkProcess, MIB, MemoryBreakdown, MemoryConfig, derive, plan};
use dras_core::units::Unit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyDictMethods};

use crate::convert::{items, number, str_of, word};
use crate::errors::bad_input;
use crate::lock::caught;
use crate::task::configuration_entries;
use crate::to_python::to_python;

const PROCESSES: [(&str, FlinkProcess); 2] = [
    ("task_manager", FlinkProcess::TaskManager),
    ("job_manager", FlinkProcess::JobManager),
];

/// The components by the names of their fields.
const COMPONENTS: [(&str, Component); 8] = [
    ("framework_heap", Component::FrameworkHeap),
    ("task_heap", Component::TaskHeap),
    ("framework_off_heap", Component::FrameworkOffHeap),
    ("task_off_heap", Component::TaskOffHeap),
    ("network", Component::Network),
    ("managed", Component::Managed),
    ("metaspace", Component::Metaspace),
    ("overhead", Component::Overhead),
];

fn refused(py: Python<'_>, error: &impl ToString) -> PyErr {
    bad_input(py, "memory", error.to_string())
}

fn config(process: &Bound<'_, PyAny>, configuration: &Bound<'_, PyAny>) -> PyResult<MemoryConfig> {
    let py = process.py();
    let process = word(process, "process", &PROCESSES)?;
    let entries = configuration_entries(configuration)?;
    let made = caught(py, || MemoryConfig::from_entries(process, entries))?;
    made.map_err(|error| refused(py, &error))
}

/// Bytes: a number of them, or a text such as `2GiB`.
fn bytes(value: &Bound<'_, PyAny>, what: &str) -> PyResult<u64> {
    let bytes = number(value, Unit::BYTES, 1.0, || what.to_owned())?;
    if bytes.fract() == 0.0 && (0.0..9e15).contains(&bytes) {
        return Ok(bytes as u64);
    }
    let message = format!("{what} is {bytes} bytes; it must be a whole number that is not negative, and not huge");
    Err(bad_input(value.py(), "number", message))
}

fn breakdown<'py>(py: Python<'py>, of: &MemoryBreakdown) -> PyResult<Bound<'py, PyAny>> {
    let fields = to_python(py, of)?.cast_into::<PyDict>().map_err(PyErr::from)?;
    fields.set_item("jvm_heap", of.jvm_heap())?;
    fields.set_item("jvm_direct", of.jvm_direct())?;
    fields.set_item("flink", of.flink())?;
    fields.set_item("process", of.process())?;
    let class = py.import("dras._data")?.getattr("MemoryBreakdown")?;
    class.call((), Some(&fields))
}

/// What Flink makes of a memory configuration, to the byte: every component of a process.
///
/// >>> import dras
/// >>> dras.derive_memory("task_manager", {"taskmanager.memory.process.size": "1728m"}).task_heap
/// 402653174
///
/// Raises:
///     InputError: Flink, or its JVM, would not start with it; the message says which rule is broken, with its numbers.
#[pyfunction]
#[pyo3(signature = (process, configuration, /))]
pub(crate) fn derive_memory<'py>(
    process: &Bound<'py, PyAny>,
    configuration: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = process.py();
    let config = config(process, configuration)?;
    let derived = caught(py, || derive(&config))?;
    breakdown(py, &derived.map_err(|error| refused(py, &error))?)
}

/// The smallest configuration in which components are at least as large as asked, in the style of the present one.
///
/// ``targets`` are bytes, or texts such as ``"512MiB"``, by the name of the component: ``task_heap``, ``managed`` … ``total`` is the process memory
/// to reach, upwards or downwards; sizes are multiples of ``step``, which is 1 MiB where it is left out.
///
/// >>> import dras
/// >>> plan = dras.plan_memory("task_manager", {"taskmanager.memory.process.size": "1728m"}, {"task_heap": "512MiB"})
/// >>> plan.entries
/// {'taskmanager.memory.process.size': '1992m'}
///
/// Raises:
///     InputError: Flink would not start with the present configuration, there is no such component, or no configuration does what is asked.
#[pyfunction]
#[pyo3(signature = (process, configuration, targets, /, *, total=None, step=None))]
pub(crate) fn plan_memory<'py>(
    process: &Bound<'py, PyAny>,
    configuration: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    total: Option<&Bound<'py, PyAny>>,
    step: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = process.py();
    let config = config(process, configuration)?;
    let mut wanted = Vec::new();
    for (name, size) in items(targets, "the targets")? {
        let component = word(name.as_any(), "a component", &COMPONENTS)?;
        let what = format!("the target of `{}`", str_of(&name, "a component")?);
        wanted.push((component, bytes(&size, &what)?));
    }
    let total = total.map(|total| bytes(total, "total")).transpose()?;
    let step = step.map_or(Ok(MIB), |step| bytes(step, "step"))?;
    let planned = caught(py, || plan(&config, &wanted, total, step))?;
    let planned = planned.map_err(|error| refused(py, &error))?;
    let entries = PyDict::new(py);
    for (key, value) in planned.write_back() {
        entries.set_item(key, value)?;
    }
    let before = planned.before.as_ref().map(|of| breakdown(py, of)).transpose()?;
    let class = py.import("dras._data")?.getattr("MemoryPlan")?;
    class.call1((entries, before, breakdown(py, &planned.breakdown)?))
}
