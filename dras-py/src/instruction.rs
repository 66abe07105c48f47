//! `dras.Instruction`: what to do, and what that is for Flink, for a configuration and for the Kubernetes operator.

use dras_core::action::instruction::{
    self, AutoscalerPolicy, ConfigurationEntries, DeploymentOptions, LowerBound, RequirementsOptions, RestCall,
    SavepointFormat, SavepointOptions, TranslationError,
};
use dras_core::metrics::sources::SourceLimits;
use dras_core::metrics::sources::flink;
use dras_core::resources::allocation::{Vertex, VertexScaling};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::convert::{body, text, word};
use crate::errors::{Class, bad_input, wrong_type};
use crate::python;
use crate::to_python::to_python;

/// A change of the resources of one task, all of it at once: plain data that can be stored, sent and compared, and its translations.
///
/// The ``key`` is the same for the same change of the same task, so that a second delivery is recognised.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Instruction {
    instruction: instruction::Instruction,
}

const SCALINGS: [(&str, VertexScaling); 2] = [
    ("follow_job", VertexScaling::FollowJob),
    ("proportional", VertexScaling::Proportional),
];

fn scaling_of(value: Option<&Bound<'_, PyAny>>) -> PyResult<VertexScaling> {
    value.map_or(Ok(VertexScaling::default()), |value| word(value, "scaling", &SCALINGS))
}

fn translation_error(py: Python<'_>, error: &TranslationError) -> PyErr {
    Class::Translation.error(py, error.to_string(), error.code())
}

/// The answer of `GET /jobs/:jobid`.
fn job_of(value: &Bound<'_, PyAny>) -> PyResult<flink::Job> {
    let body = body(value, "job")?;
    flink::parse_job(&body, &SourceLimits::default())
        .map_err(|error| Class::Read.error(value.py(), format!("job: {error}"), error.code()))
}

fn vertices_of(job: Option<&flink::Job>) -> Vec<Vertex> {
    job.map(instruction::vertices_of).unwrap_or_default()
}

fn data<'py>(py: Python<'py>, class: &str, fields: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    py.import("dras._data")?.getattr(class)?.call_method1("_of", (fields,))
}

/// `dras.ConfigurationEntries` as data: with the ways to write them.
fn entries<'py>(py: Python<'py>, entries: &ConfigurationEntries) -> PyResult<Bound<'py, PyAny>> {
    let fields = to_python(py, entries)?;
    fields.set_item("args", entries.args())?;
    fields.set_item("flink_conf", entries.flink_conf())?;
    Ok(fields)
}

fn rest_call<'py>(py: Python<'py>, call: &RestCall) -> PyResult<Bound<'py, PyAny>> {
    data(py, "RestCall", &to_python(py, call)?)
}

impl Instruction {
    pub(crate) fn new(instruction: instruction::Instruction) -> Instruction {
        Instruction { instruction }
    }

    pub(crate) fn core(&self) -> &instruction::Instruction {
        &self.instruction
    }

    fn field<'py>(&self, py: Python<'py>, class: &str, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
        let fields = to_python(py, value)?;
        if fields.is_none() {
            Ok(fields)
        } else {
            data(py, class, &fields)
        }
    }
}

#[pymethods]
impl Instruction {
    /// The instruction that ``to_dict`` or ``to_json`` gave.
    ///
    /// Raises:
    ///     InputError: it is none.
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_dict(data: &Bound<'_, PyAny>) -> PyResult<Instruction> {
        let py = data.py();
        let wrong = |error: serde_json::Error| bad_input(py, "instruction", format!("not an instruction: {error}"));
        let read = match crate::convert::bytes(data, "the instruction")? {
            Some(json) => serde_json::from_slice(&json).map_err(wrong)?,
            None if data.is_instance_of::<PyDict>() => {
                serde_json::from_value(crate::from_python::json(data, "instruction")?).map_err(wrong)?
            }
            None => return Err(wrong_type(data, "an instruction", "a dict, or JSON as str or bytes")),
        };
        Ok(Instruction::new(read))
    }

    /// Idempotency key: hexadecimal digits.
    #[getter]
    fn key(&self) -> &str {
        &self.instruction.key
    }

    /// The task's id.
    #[getter]
    fn task(&self) -> &str {
        &self.instruction.task
    }

    /// When it was decided, in ms since the epoch.
    #[getter]
    fn at(&self) -> i64 {
        self.instruction.at
    }

    /// The same in UTC.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        python::datetime(py, self.instruction.at)
    }

    /// The name of the policy.
    #[getter]
    fn policy(&self) -> &str {
        &self.instruction.policy
    }

    /// The fingerprint of the policy.
    #[getter]
    fn fingerprint(&self) -> String {
        format!("{:016x}", self.instruction.fingerprint)
    }

    /// The parallelism of the job.
    #[getter]
    fn parallelism<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, "ParallelismStep", &self.instruction.parallelism)
    }

    /// The memory of each TaskManager.
    #[getter]
    fn task_manager_memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, "MemoryStep", &self.instruction.task_manager_memory)
    }

    /// The memory of the JobManager.
    #[getter]
    fn job_manager_memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, "MemoryStep", &self.instruction.job_manager_memory)
    }

    /// How the job comes to its new resources.
    #[getter]
    fn restart<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.instruction.restart)
    }

    /// The rules that want it.
    #[getter]
    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.instruction.reasons)
    }

    /// All of it as plain data.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.instruction)
    }

    /// The same as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(&self.instruction).map_err(|error| bad_input(py, "json", error.to_string()))
    }

    /// What rescales the job in place: ``PUT /jobs/:jobid/resource-requirements``. For the adaptive scheduler; all vertices are in its body.
    ///
    /// ``job`` is the answer of ``GET /jobs/:jobid``, and ``present`` that of ``GET /jobs/:jobid/resource-requirements``.
    ///
    /// Raises:
    ///     TranslationError: Flink would refuse it, or the vertices are not as the instruction found them.
    ///     ReadError: ``job`` or ``present`` is not such an answer.
    #[pyo3(signature = (job, *, present=None, scaling=None, lower_bound=None))]
    fn resource_requirements<'py>(
        &self,
        py: Python<'py>,
        job: &Bound<'py, PyAny>,
        present: Option<&Bound<'py, PyAny>>,
        scaling: Option<&Bound<'py, PyAny>>,
        lower_bound: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let job = job_of(job)?;
        let present = match present {
            None => None,
            Some(present) => {
                let body = body(present, "present")?;
                let read = flink::parse_resource_requirements(&body, &SourceLimits::default());
                Some(read.map_err(|error| Class::Read.error(py, format!("present: {error}"), error.code()))?)
            }
        };
        let bounds = [
            ("one", LowerBound::One),
            ("keep", LowerBound::Keep),
            ("exact", LowerBound::Exact),
        ];
        let options = RequirementsOptions {
            scaling: scaling_of(scaling)?,
            lower_bound: lower_bound.map_or(Ok(LowerBound::default()), |value| word(value, "lower_bound", &bounds))?,
            present: present.as_ref(),
            scheduler: job.scheduler.as_deref(),
        };
        let vertices = instruction::vertices_of(&job);
        let requirements = instruction::resource_requirements(&self.instruction, &vertices, &options)
            .map_err(|error| translation_error(py, &error))?;
        let call = requirements
            .call(&job.id)
            .map_err(|error| translation_error(py, &error))?;
        let vertices = to_python(py, requirements.spread())?;
        for (vertex, spread) in vertices.try_iter()?.zip(requirements.spread()) {
            vertex?.set_item("note", spread.note.map(|note| note.to_string()))?;
        }
        let fields = PyDict::new(py);
        fields.set_item("call", rest_call(py, &call)?)?;
        fields.set_item("body", to_python(py, &requirements)?)?;
        fields.set_item("vertices", vertices)?;
        data(py, "ResourceRequirements", fields.as_any())
    }

    /// The configuration with which the job is started again; with ``job`` the parallelism of every vertex is in it.
    ///
    /// Raises:
    ///     TranslationError: the instruction changes nothing, contradicts itself, or does not fit the vertices.
    ///     ReadError: ``job`` is not the answer of ``GET /jobs/:jobid``.
    #[pyo3(signature = (job=None, *, scaling=None))]
    fn configuration<'py>(
        &self,
        py: Python<'py>,
        job: Option<&Bound<'py, PyAny>>,
        scaling: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scaling = scaling_of(scaling)?;
        let made = match job.map(job_of).transpose()? {
            None => instruction::configuration(&self.instruction),
            Some(job) => {
                instruction::configuration_of_vertices(&self.instruction, &instruction::vertices_of(&job), scaling)
            }
        };
        let made = made.map_err(|error| translation_error(py, &error))?;
        data(py, "ConfigurationEntries", &entries(py, &made)?)
    }

    /// The steps that carry it out with one restart, to be done in order.
    ///
    /// Raises:
    ///     TranslationError: ``job_id`` is none, or as for ``configuration``.
    #[pyo3(signature = (job_id, *, target_directory=None, format=None))]
    fn restart_with_savepoint<'py>(
        &self,
        py: Python<'py>,
        job_id: &Bound<'py, PyAny>,
        target_directory: Option<&Bound<'py, PyAny>>,
        format: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let formats = [
            ("canonical", SavepointFormat::Canonical),
            ("native", SavepointFormat::Native),
        ];
        let target_directory = target_directory
            .map(|given| text(given, "target_directory"))
            .transpose()?;
        let options = SavepointOptions {
            target_directory: target_directory.map(str::to_owned),
            format: format.map_or(Ok(SavepointFormat::default()), |value| word(value, "format", &formats))?,
        };
        let steps = instruction::restart_with_savepoint(&self.instruction, text(job_id, "job_id")?, &options)
            .map_err(|error| translation_error(py, &error))?;
        let all = to_python(py, &steps)?;
        for (step, data) in steps.iter().zip(all.try_iter()?) {
            if let instruction::RestartStep::Configure { entries: made, .. } = step {
                data?.set_item("entries", entries(py, made)?)?;
            }
        }
        py.import("dras._data")?.getattr("restart_steps")?.call1((all,))
    }

    /// The JSON merge patch that lets the Flink Kubernetes Operator carry it out. With the present manifest as ``deployment``, everything in it
    /// is looked at that would make the patch do something else.
    ///
    /// Raises:
    ///     TranslationError: the manifest says something against it.
    ///     ReadError: ``job`` is not the answer of ``GET /jobs/:jobid``.
    #[pyo3(signature = (deployment=None, *, job=None, scaling=None, autoscaler=None, allow_stateless=false))]
    fn flink_deployment_patch<'py>(
        &self,
        py: Python<'py>,
        deployment: Option<&Bound<'py, PyAny>>,
        job: Option<&Bound<'py, PyAny>>,
        scaling: Option<&Bound<'py, PyAny>>,
        autoscaler: Option<&Bound<'py, PyAny>>,
        allow_stateless: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policies = [
            ("refuse", AutoscalerPolicy::Refuse),
            ("disable", AutoscalerPolicy::Disable),
        ];
        let deployment = deployment
            .map(|given| crate::from_python::json(given, "deployment"))
            .transpose()?;
        let vertices = vertices_of(job.map(job_of).transpose()?.as_ref());
        let options = DeploymentOptions {
            deployment: deployment.as_ref(),
            vertices: &vertices,
            scaling: scaling_of(scaling)?,
            autoscaler: autoscaler.map_or(Ok(AutoscalerPolicy::default()), |value| {
                word(value, "autoscaler", &policies)
            })?,
            allow_stateless,
        };
        let patch = instruction::flink_deployment_patch(&self.instruction, &options)
            .map_err(|error| translation_error(py, &error))?;
        to_python(py, &patch)
    }

    fn __str__(&self) -> String {
        self.instruction.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Instruction {}>", self.instruction)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Instruction>()
            .is_ok_and(|other| other.get().instruction == self.instruction)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.instruction.key.hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Instruction>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let py = slf.py();
        let json = slf.get().to_json(py)?;
        let from_dict = py.get_type::<Instruction>().getattr("from_dict")?;
        Ok((from_dict, (PyBytes::new(py, json.as_bytes()),)))
    }
}
