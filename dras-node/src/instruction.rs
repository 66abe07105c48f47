//! What an instruction says to Flink, to a configuration and to the Kubernetes operator. Plain data in and out, as JSON.

use std::collections::BTreeMap;

use dras_core::action::instruction::{
    AutoscalerPolicy, ConfigurationEntries, DeploymentOptions, Instruction, LowerBound, RequirementsOptions,
    SavepointFormat, SavepointOptions, TranslationError, configuration, configuration_of_vertices, flink_deployment_patch,
    resource_requirements, restart_with_savepoint,
};
use dras_core::metrics::sources::flink::ParallelismBounds;
use dras_core::resources::allocation::{Vertex, VertexScaling};
use napi::Result;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::{Class, data, refused, to_json};

fn instruction(text: &str) -> Result<Instruction> {
    data(text, "the instruction")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    lower: u32,
    upper: u32,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Requirements {
    scaling: VertexScaling,
    lower_bound: LowerBound,
    present: Option<BTreeMap<String, Bounds>>,
    scheduler: Option<String>,
    job_id: Option<String>,
}

/// The resource requirements that an instruction asks for.
#[napi(catch_unwind)]
pub fn requirements(instruction: String, vertices: String, options: String) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let vertices: Vec<Vertex> = data(&vertices, "the vertices")?;
    let options: Requirements = data(&options, "the options")?;
    let present = options.present.map(|all| {
        let bounds = all.into_iter().map(|(id, b)| {
            (id, ParallelismBounds {
                lower: b.lower,
                upper: b.upper,
            })
        });
        bounds.collect::<BTreeMap<_, _>>()
    });
    let core = RequirementsOptions {
        scaling: options.scaling,
        lower_bound: options.lower_bound,
        present: present.as_ref(),
        scheduler: options.scheduler.as_deref(),
    };
    let translated = || {
        let requirements = resource_requirements(&instruction, &vertices, &core)?;
        let call = options.job_id.as_deref().map(|id| requirements.call(id)).transpose()?;
        Ok::<_, TranslationError>((requirements, call))
    };
    let (requirements, call) = translated().map_err(refused(Class::Translation))?;
    to_json(&json!({ "body": requirements, "spread": requirements.spread(), "call": call }))
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
    let steps = restart_with_savepoint(&instruction, &job_id, &options).map_err(refused(Class::Translation))?;
    to_json(&steps)
}

fn entries_json(entries: &ConfigurationEntries) -> Value {
    json!({
        "set": entries.set,
        "remove": entries.remove,
        "args": entries.args(),
        "text": entries.flink_conf(),
    })
}

/// The entries of Flink's configuration that an instruction asks for.
#[napi(catch_unwind)]
pub fn configuration_entries(instruction: String, vertices: Option<String>, proportional: bool) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let entries = match vertices {
        None => configuration(&instruction),
        Some(vertices) => {
            let vertices: Vec<Vertex> = data(&vertices, "the vertices")?;
            let scaling = if proportional { VertexScaling::Proportional } else { VertexScaling::FollowJob };
            configuration_of_vertices(&instruction, &vertices, scaling)
        }
    };
    to_json(&entries_json(&entries.map_err(refused(Class::Translation))?))
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Deployment {
    deployment: Option<Value>,
    vertices: Vec<Vertex>,
    scaling: VertexScaling,
    autoscaler: AutoscalerPolicy,
    allow_stateless: bool,
}

/// The merge patch of a `FlinkDeployment`.
#[napi(catch_unwind)]
pub fn deployment_patch(instruction: String, options: String) -> Result<String> {
    let instruction = self::instruction(&instruction)?;
    let options: Deployment = data(&options, "the options")?;
    let options = DeploymentOptions {
        deployment: options.deployment.as_ref(),
        vertices: &options.vertices,
        scaling: options.scaling,
        autoscaler: options.autoscaler,
        allow_stateless: options.allow_stateless,
    };
    let patch = flink_deployment_patch(&instruction, &options).map_err(refused(Class::Translation))?;
    to_json(&patch)
}

/// One line for people.
#[napi(catch_unwind)]
pub fn describe_instruction(instruction: String) -> Result<String> {
    Ok(self::instruction(&instruction)?.to_string())
}
