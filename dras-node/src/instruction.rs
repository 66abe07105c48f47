//! What an instruction says to Flink, to a configuration and to the Kubernetes operator. Plain data in and out, as JSON.

use dras_core::action::instruction::{
    AutoscalerPolicy, ConfigurationEntries, DeploymentOptions, Instruction, LowerBound, RequirementsOptions,
    SavepointFormat, SavepointOptions, TranslationError, configuration, configuration_of_vertices,
    flink_deployment_patch, resource_requirements, restart_with_savepoint, vertices_of,
};
use dras_core::metrics::sources::SourceLimits;
use dras_core::metrics::sources::flink::{Job, parse_job, parse_resource_requirements};
use dras_core::resources::allocation::{Vertex, VertexScaling};
use napi::Result;
use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::{Class, data, fault, to_json};

fn translation_error(error: TranslationError) -> napi::Error {
    fault(Class::Translation, error.code(), error.to_string())
}

fn instruction(text: &str) -> Result<Instruction> {
    data(text, "the instruction")
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Requirements {
    scaling: VertexScaling,
    lower_bound: LowerBound,
}

/// What Flink says of the job.
fn job(body: &[u8]) -> Result<Job> {
    parse_job(body, &SourceLimits::default()).map_err(|error| fault(Class::Read, error.code(), format!("job: {error}")))
}

/// The vertices of `GET /jobs/:jobid`, none where there is no body.
fn vertices(body: Option<Uint8ArraySlice<'_>>) -> Result<Vec<Vertex>> {
    body.map_or(Ok(Vec::new()), |body| Ok(vertices_of(&job(&body)?)))
}

/// The resource requirements that an instruction asks for.
#[napi(catch_unwind)]
pub fn requirements(
    instruction: String,
    job: Uint8ArraySlice<'_>,
    present: Option<Uint8ArraySlice<'_>>,
    options: String,
) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let options: Requirements = data(&options, "the options")?;
    let job = self::job(&job)?;
    let present = present
        .map(|body| parse_resource_requirements(&body, &SourceLimits::default()))
        .transpose();
    let present = present.map_err(|error| fault(Class::Read, error.code(), format!("present: {error}")))?;
    let core = RequirementsOptions {
        scaling: options.scaling,
        lower_bound: options.lower_bound,
        present: present.as_ref(),
        scheduler: job.scheduler.as_deref(),
    };
    let requirements = resource_requirements(&instruction, &vertices_of(&job), &core).map_err(translation_error)?;
    let call = requirements.call(&job.id).map_err(translation_error)?;
    let vertices: Vec<Value> = requirements
        .spread()
        .iter()
        .map(|v| json!({ "id": v.id, "from": v.from, "to": v.to, "note": v.note.map(|note| note.to_string()) }))
        .collect();
    to_json(&json!({ "call": call, "body": requirements, "vertices": vertices }))
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Savepoint {
    target_directory: Option<String>,
    format: SavepointFormat,
}

/// The steps of a restart with a savepoint.
#[napi(catch_unwind)]
pub fn restart(instruction: String, job_id: String, options: String) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let options: Savepoint = data(&options, "the options")?;
    let options = SavepointOptions {
        target_directory: options.target_directory,
        format: options.format,
    };
    let steps = restart_with_savepoint(&instruction, &job_id, &options).map_err(translation_error)?;
    to_json(&steps)
}

fn entries_json(entries: &ConfigurationEntries) -> Value {
    json!({
        "set": entries.set,
        "remove": entries.remove,
        "args": entries.args(),
        "flinkConf": entries.flink_conf(),
    })
}

/// The entries of Flink's configuration that an instruction asks for.
#[napi(catch_unwind)]
pub fn configuration_entries(
    instruction: String,
    job: Option<Uint8ArraySlice<'_>>,
    proportional: bool,
) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let entries = match job {
        None => configuration(&instruction),
        Some(job) => {
            let vertices = vertices_of(&self::job(&job)?);
            let scaling = if proportional {
                VertexScaling::Proportional
            } else {
                VertexScaling::FollowJob
            };
            configuration_of_vertices(&instruction, &vertices, scaling)
        }
    };
    to_json(&entries_json(&entries.map_err(translation_error)?))
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Deployment {
    scaling: VertexScaling,
    autoscaler: AutoscalerPolicy,
    allow_stateless: bool,
}

/// The merge patch of a `FlinkDeployment`.
#[napi(catch_unwind)]
pub fn deployment_patch(
    instruction: String,
    deployment: Option<String>,
    job: Option<Uint8ArraySlice<'_>>,
    options: String,
) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let options: Deployment = data(&options, "the options")?;
    let deployment: Option<Value> = deployment.map(|text| data(&text, "the deployment")).transpose()?;
    let vertices = vertices(job)?;
    let options = DeploymentOptions {
        deployment: deployment.as_ref(),
        vertices: &vertices,
        scaling: options.scaling,
        autoscaler: options.autoscaler,
        allow_stateless: options.allow_stateless,
    };
    let patch = flink_deployment_patch(&instruction, &options).map_err(translation_error)?;
    to_json(&patch)
}

/// One line for people.
#[napi(catch_unwind)]
pub fn describe_instruction(instruction: String) -> Result<String> {
    Ok(self::instruction(&instruction)?.to_string())
}

/// The instruction as the core writes it, so that what was left out stands there.
#[napi(catch_unwind)]
pub fn check_instruction(instruction: String) -> Result<String> {
    to_json(&self::instruction(&instruction)?)
}
