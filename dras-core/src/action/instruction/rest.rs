//! Bodies and calls of Flink's REST API.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::{
    ConfigurationEntries, Instruction, Restart, TranslationError, Vertex, VertexParallelism, VertexScaling,
    configuration, is_hex,
};
use crate::metrics::sources::flink::{Job, ParallelismBounds};

/// The vertices of a job as `GET /jobs/:jobid` tells them, in its order.
///
/// Flink 1.x does not say the slot sharing groups; all vertices are then in one, which is what jobs have that set none.
pub fn vertices_of(job: &Job) -> Vec<Vertex> {
    let vertex = |v: &crate::metrics::sources::flink::Vertex| Vertex {
        id: v.id.clone(),
        name: v.name.clone(),
        parallelism: v.parallelism,
        max_parallelism: v.max_parallelism,
        slot_sharing_group: v.slot_sharing_group.clone(),
    };
    job.vertices.iter().map(vertex).collect()
}

/// The least parallelism with which a vertex may run, beside the one that is wanted as the upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowerBound {
    /// 1, which is what the adaptive scheduler itself declares when a job is submitted: the job runs with the slots there are, and takes
    /// more as they come. A wanted parallelism that cannot be had costs nothing.
    #[default]
    One,
    /// The present one, or the new upper bound where that is less: what the Flink Kubernetes Operator does
    /// (`NativeFlinkService.scale`), which never raises it because nobody can promise the slots.
    Keep,
    /// The upper bound: all or nothing. With fewer slots than that the job is not rescaled, and after a failure it waits for them and
    /// fails at the end of `jobmanager.adaptive-scheduler.resource-wait-timeout` (5 minutes by default).
    Exact,
}

/// How resource requirements are made, and what is known of the job.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequirementsOptions<'a> {
    /// How the parallelism spreads over the vertices.
    pub scaling: VertexScaling,
    /// The lower bounds.
    pub lower_bound: LowerBound,
    /// The answer of `GET /jobs/:jobid/resource-requirements`, as
    /// [`parse_resource_requirements`](crate::metrics::sources::flink::parse_resource_requirements) reads it. With it, vertices that are
    /// missing or unknown are found. Needed for [`LowerBound::Keep`].
    pub present: Option<&'a BTreeMap<String, ParallelismBounds>>,
    /// `schedulerType` of `GET /jobs/:jobid`, where Flink says it (2.x).
    pub scheduler: Option<&'a str>,
}

/// The body of `PUT /jobs/:jobid/resource-requirements`; serialises as that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRequirements {
    bounds: BTreeMap<String, ParallelismBounds>,
    spread: Vec<VertexParallelism>,
}

impl ResourceRequirements {
    /// The bounds of every vertex, by its id.
    pub fn bounds(&self) -> &BTreeMap<String, ParallelismBounds> {
        &self.bounds
    }

    /// What every vertex gets and why, in the order of the job.
    pub fn spread(&self) -> &[VertexParallelism] {
        &self.spread
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        let body = self.bounds.iter().map(|(id, b)| {
            let bounds = json!({"parallelism": {"lowerBound": b.lower, "upperBound": b.upper}});
            (id.clone(), bounds)
        });
        Value::Object(body.collect())
    }

    /// The call. Flink answers 200 with `{}` at once, and rescales later: after the cool-down
    /// (`jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling`, 30 s after the last rescale or the start), at the next
    /// checkpoint.
    ///
    /// # Errors
    /// [`TranslationError::BadJobId`].
    pub fn call(&self, job_id: &str) -> Result<RestCall, TranslationError> {
        let path = format!("/jobs/{}/resource-requirements", checked_job_id(job_id)?);
        Ok(RestCall {
            method: Method::Put,
            path,
            body: Some(self.to_json()),
        })
    }
}

impl serde::Serialize for ResourceRequirements {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// Resource requirements that rescale the job in place (FLIP-291; Flink 1.18 and later, adaptive scheduler). All vertices of the job are
/// needed, also those that stay: Flink refuses a request without one of them.
///
/// A vertex that its max parallelism holds back gets that, with a note in [`ResourceRequirements::spread`]. Where no vertex could get
/// what the job should have, nothing is translated.
///
/// # Errors
/// [`TranslationError`]: for memory, which needs a restart; for anything to which Flink would answer with an error
/// (`JobResourceRequirements.validate`), with its message; for vertices that are not as the instruction found them.
pub fn resource_requirements(
    instruction: &Instruction,
    vertices: &[Vertex],
    options: &RequirementsOptions<'_>,
) -> Result<ResourceRequirements, TranslationError> {
    for (process, step) in instruction.memory() {
        if step.is_some_and(super::MemoryStep::changes) {
            return Err(TranslationError::MemoryNeedsRestart { process });
        }
    }
    instruction.check()?;
    if instruction.restart != Restart::InPlace {
        return Err(TranslationError::NotInPlace);
    }
    if let Some(scheduler) = options.scheduler.filter(|s| !s.eq_ignore_ascii_case("adaptive")) {
        let scheduler = scheduler.to_owned();
        return Err(TranslationError::DefaultScheduler { scheduler });
    }
    let (_, spread) = instruction.spread(vertices, options.scaling)?;
    if let Some(present) = options.present {
        let known = |id: &str| vertices.iter().any(|v| v.id == id);
        if let Some(id) = present.keys().find(|id| !known(id)) {
            return Err(TranslationError::MissingVertex { id: id.clone() });
        }
        if let Some(vertex) = vertices.iter().find(|v| !present.contains_key(&v.id)) {
            let id = vertex.id.clone();
            return Err(TranslationError::UnknownVertex { id });
        }
    }
    let mut bounds = BTreeMap::new();
    for vertex in &spread {
        let upper = vertex.to;
        let lower = match options.lower_bound {
            LowerBound::One => 1,
            LowerBound::Exact => upper,
            LowerBound::Keep => {
                let present = options.present.ok_or(TranslationError::NoPresentBounds)?;
                present.get(&vertex.id).map_or(1, |b| b.lower).clamp(1, upper)
            }
        };
        bounds.insert(vertex.id.clone(), ParallelismBounds { lower, upper });
    }
    Ok(ResourceRequirements { bounds, spread })
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks.
    Get,
    /// Sets.
    Put,
    /// Starts something.
    Post,
}

/// A call of Flink's REST API, for the caller to make.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RestCall {
    /// Its method.
    pub method: Method,
    /// Its path, after the address of the JobManager.
    pub path: String,
    /// Its body, `Content-Type: application/json`; `None` for a GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl fmt::Display for RestCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
        };
        write!(f, "{method} {}", self.path)?;
        match &self.body {
            Some(body) => write!(f, " {body}"),
            None => Ok(()),
        }
    }
}

/// The binary format of a savepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SavepointFormat {
    /// The same for all state backends; Flink's default.
    #[default]
    Canonical,
    /// That of the state backend: faster, and restorable only with the same one.
    Native,
}

/// How a job is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavepointOptions {
    /// Where the savepoint goes. Without it, where the job's configuration says (`execution.checkpointing.savepoint-dir`; in Flink 1.x
    /// `state.savepoints.dir`); Flink refuses to stop where neither does.
    pub target_directory: Option<String>,
    /// Its format.
    pub format: SavepointFormat,
}

/// One step of a restart with a savepoint, to be done in order.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum RestartStep {
    /// Make this call once. Made again, it does no harm: its `triggerId` is the instruction's key, and Flink starts one operation for one
    /// id (`DispatcherCachedOperationsHandler`).
    Stop {
        /// The call. Flink answers 202 with `{"request-id": …}`.
        call: RestCall,
    },
    /// Make this call until the savepoint is complete: the answer to the stop says only that it has begun.
    AwaitSavepoint {
        /// The call.
        call: RestCall,
        /// JSON pointer of the state: `IN_PROGRESS` or `COMPLETED`.
        status: &'static str,
        /// JSON pointer of the savepoint's path, once complete.
        location: &'static str,
        /// JSON pointer of the cause, where it has failed: then the job runs on, and the instruction is not carried out.
        failure: &'static str,
    },
    /// Change the configuration, and start the processes anew where it changes their memory.
    Configure {
        /// The entries.
        entries: ConfigurationEntries,
        /// Whether TaskManagers (or the JobManager) must be started anew; a job of another parallelism alone can be submitted to the same
        /// cluster.
        new_processes: bool,
    },
    /// Start the job from the savepoint. It gets a new id: series, exceptions and checkpoints begin anew.
    Start {
        /// The configuration entry that takes the savepoint's path (in application mode, and for `flink run -D…`). All of Flink 1.18 to 2.3
        /// read it; 1.20 and later call it `execution.state-recovery.path`.
        savepoint_key: &'static str,
        /// The field of the body of `POST /jars/:jarid/run` that takes it in a session cluster.
        savepoint_field: &'static str,
        /// `parallelism` of that body.
        #[serde(skip_serializing_if = "Option::is_none")]
        parallelism: Option<u32>,
    },
}

/// The steps that carry the instruction out with one restart. `drain` is always false: it would send the end of time through the job and
/// close its windows, which is for jobs that are not started again.
///
/// An instruction that could be done in place can also be done like this.
///
/// # Errors
/// [`TranslationError::BadJobId`], and those of [`configuration`].
pub fn restart_with_savepoint(
    instruction: &Instruction,
    job_id: &str,
    options: &SavepointOptions,
) -> Result<Vec<RestartStep>, TranslationError> {
    let entries = configuration(instruction)?;
    let job_id = checked_job_id(job_id)?;
    let trigger_id = format!("{:0>32}", instruction.key);
    let mut body = json!({"drain": false, "formatType": options.format, "triggerId": trigger_id});
    if let Some(directory) = &options.target_directory {
        body["targetDirectory"] = json!(directory);
    }
    let memory = instruction.memory();
    Ok(vec![
        RestartStep::Stop {
            call: RestCall {
                method: Method::Post,
                path: format!("/jobs/{job_id}/stop"),
                body: Some(body),
            },
        },
        RestartStep::AwaitSavepoint {
            call: RestCall {
                method: Method::Get,
                path: format!("/jobs/{job_id}/savepoints/{trigger_id}"),
                body: None,
            },
            status: "/status/id",
            location: "/operation/location",
            failure: "/operation/failure-cause",
        },
        RestartStep::Configure {
            entries,
            new_processes: memory.iter().any(|m| m.1.is_some_and(super::MemoryStep::changes)),
        },
        RestartStep::Start {
            savepoint_key: "execution.savepoint.path",
            savepoint_field: "savepointPath",
            parallelism: instruction.parallelism.map(|p| p.to),
        },
    ])
}

fn checked_job_id(id: &str) -> Result<&str, TranslationError> {
    if id.len() == 32 && id.bytes().all(is_hex) {
        Ok(id)
    } else {
        Err(TranslationError::BadJobId { id: id.to_owned() })
    }
}
