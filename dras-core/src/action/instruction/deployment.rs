//! A merge patch of a `FlinkDeployment`, the resource of the Flink Kubernetes Operator.
//!
//! What the operator does with its fields, from its reference ("Custom Resource Definition Reference") and its sources (release 1.10 and
//! later; `FlinkConfigBuilder`, `AbstractFlinkSpec`, `JobSpec`, `NativeFlinkService`):
//!
//! - `spec.job.parallelism` becomes `parallelism.default`, **unless** `spec.taskManager.replicas` is set (then replicas × slots), or there
//!   are `pipeline.jobvertex-parallelism-overrides` (then the largest of them). A change of it is an upgrade: the job is stopped and started.
//!   `parallelism.default` in `flinkConfiguration` is overwritten, so that it is never part of a patch.
//! - `spec.{task,job}Manager.resource.memory` becomes `{task,job}manager.memory.process.size`, **after** `flinkConfiguration` was read,
//!   so that a `process.size` there has no effect. The patch sets the field and removes the other. Texts such as `2048m` are read as Flink's
//!   sizes first.
//! - `spec.flinkConfiguration` holds texts. A change is an upgrade, except: `job.autoscaler.*`, `parallelism.default` and
//!   `kubernetes.operator.*` are ignored, and `pipeline.jobvertex-parallelism-overrides` alone, in native mode, is a scaling: in place where
//!   Flink is 1.18 or later, under the adaptive scheduler, and `kubernetes.operator.job.upgrade.inplace-scaling.enabled` is not false;
//!   with an upgrade otherwise.
//! - `spec.job.upgradeMode` says what becomes of the state in an upgrade. Its default, `stateless`, throws it away.
//! - `job.autoscaler.enabled: "true"` lets the operator write the overrides itself.

use serde_json::{Map, Value, json};

use super::configuration::{overrides, process_size_key};
use super::manifest::{Manifest, field};
use super::{
    FlinkProcess, Instruction, MemoryConfig, MemoryStep, OVERRIDES_KEY, Restart, TranslationError, Vertex,
    VertexScaling,
};
use crate::resources::memory::{derive, format_size};

/// What to do about the operator's own autoscaler, where the manifest enables it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoscalerPolicy {
    /// No patch: two of them would undo each other's work.
    #[default]
    Refuse,
    /// The patch sets `job.autoscaler.scaling.enabled` to `"false"`: it goes on measuring and no longer acts.
    Disable,
}

/// What is known of a deployment, and how it is to be patched.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeploymentOptions<'a> {
    /// The present manifest, as the Kubernetes API gives it. With it, everything in it is looked at that would make the patch do something
    /// else than the instruction says, and the memory is derived forwards before it is written. Without it, the caller answers for that.
    pub deployment: Option<&'a Value>,
    /// The vertices of the running job, for overrides by vertex. Needed in place, and with [`VertexScaling::Proportional`].
    pub vertices: &'a [Vertex],
    /// How the parallelism spreads over the vertices.
    pub scaling: VertexScaling,
    /// What to do about the operator's autoscaler.
    pub autoscaler: AutoscalerPolicy,
    /// Whether a deployment with the upgrade mode `stateless` may be restarted: for jobs that have no state.
    pub allow_stateless: bool,
}

/// The JSON merge patch (RFC 7386, `Content-Type: application/merge-patch+json`) that lets the Flink Kubernetes Operator carry the
/// instruction out.
///
/// | instruction | patch | what the operator does |
/// | --- | --- | --- |
/// | in place | `pipeline.jobvertex-parallelism-overrides` and nothing else (another `spec.job.parallelism` beside it would make an upgrade of it) | `PUT …/resource-requirements`; an upgrade where it cannot |
/// | with a savepoint | `spec.job.parallelism`, `spec.taskManager.resource.memory`, `spec.jobManager.resource.memory`, other memory options as texts in `flinkConfiguration` | one upgrade, in the way of `upgradeMode` |
///
/// With a savepoint, overrides by vertex are written where the scaling is [`VertexScaling::Proportional`], or where the manifest has some
/// already, as they decide there. An operator that restarts a Flink 2.0 or later in application mode runs into FLINK-38770, see
/// [`OVERRIDES_KEY`].
///
/// The memory options must be in the style of the configuration that the processes really have, which includes `resource.memory` as
/// `process.size`; the configuration that `GET /jobmanager/config` shows is that one.
///
/// # Errors
/// [`TranslationError`]: of the instruction itself; for what the manifest says against it.
pub fn flink_deployment_patch(
    instruction: &Instruction,
    options: &DeploymentOptions<'_>,
) -> Result<Value, TranslationError> {
    instruction.check()?;
    let manifest = options.deployment.map(Manifest::of).transpose()?;
    let mut patch = Patch::default();
    if let Some(manifest) = &manifest {
        // Also a rescale in place ends as an upgrade where the operator finds that it cannot.
        if manifest.is_stateless() && !options.allow_stateless {
            return Err(TranslationError::Stateless);
        }
        let active =
            manifest.is("job.autoscaler.enabled", "true") && !manifest.is("job.autoscaler.scaling.enabled", "false");
        match options.autoscaler {
            AutoscalerPolicy::Refuse if active => return Err(TranslationError::Autoscaler),
            AutoscalerPolicy::Disable if active => {
                patch.configuration(Some(manifest), "job.autoscaler.scaling.enabled", json!("false"));
            }
            _ => {}
        }
    }
    match instruction.restart {
        Restart::InPlace => in_place(instruction, options, manifest.as_ref(), &mut patch)?,
        Restart::WithSavepoint => with_savepoint(instruction, options, manifest.as_ref(), &mut patch)?,
    }
    Ok(json!({"spec": patch.spec}))
}

fn in_place(
    instruction: &Instruction,
    options: &DeploymentOptions<'_>,
    manifest: Option<&Manifest<'_>>,
    patch: &mut Patch,
) -> Result<(), TranslationError> {
    let not = |reason: &str| {
        Err(TranslationError::NoInPlace {
            reason: reason.to_owned(),
        })
    };
    if let Some(manifest) = manifest {
        let configuration = manifest.flink_configuration();
        if manifest.is_standalone() {
            return not("`spec.mode` is standalone");
        }
        // Where it is not said, it may stand in the operator's defaults.
        if let Some(scheduler) = configuration.get("jobmanager.scheduler")
            && !scheduler.trim().eq_ignore_ascii_case("adaptive")
        {
            return not(&format!(
                "`jobmanager.scheduler` is `{scheduler}` and must be `adaptive`"
            ));
        }
        if manifest.is("kubernetes.operator.job.upgrade.inplace-scaling.enabled", "false") {
            return not("`kubernetes.operator.job.upgrade.inplace-scaling.enabled` is false");
        }
        if let Some(replicas) = manifest.replicas() {
            return Err(TranslationError::ReplicasDecide { replicas });
        }
    }
    let (_, all) = instruction.spread(options.vertices, options.scaling)?;
    patch.configuration(manifest, OVERRIDES_KEY, json!(overrides(&all)));
    Ok(())
}

fn with_savepoint(
    instruction: &Instruction,
    options: &DeploymentOptions<'_>,
    manifest: Option<&Manifest<'_>>,
    patch: &mut Patch,
) -> Result<(), TranslationError> {
    if let Some(step) = instruction.parallelism {
        if let Some(replicas) = manifest.and_then(Manifest::replicas) {
            return Err(TranslationError::ReplicasDecide { replicas });
        }
        patch.set(&["job", "parallelism"], json!(step.to));
        let overridden = manifest.is_some_and(|m| m.path_of(OVERRIDES_KEY).is_some());
        if overridden && options.vertices.is_empty() {
            return Err(TranslationError::OverridesDecide);
        }
        if overridden || options.scaling == VertexScaling::Proportional {
            let (_, all) = instruction.spread(options.vertices, options.scaling)?;
            patch.configuration(manifest, OVERRIDES_KEY, json!(overrides(&all)));
        }
    }
    for (process, step) in instruction.memory() {
        if let Some(step) = step.filter(|s| s.changes()) {
            if let Some(manifest) = manifest {
                check_memory(manifest, process, step)?;
            }
            write_memory(manifest, process, step, patch);
        }
    }
    Ok(())
}

/// Derives what the patched manifest makes, as far as the manifest is the whole story: the operator may have defaults of its own.
fn check_memory(manifest: &Manifest<'_>, process: FlinkProcess, step: &MemoryStep) -> Result<(), TranslationError> {
    let mut entries = manifest.memory_entries(process)?;
    let present = derive(&MemoryConfig::from_entries(process, &entries)?);
    let Ok(present) = present else { return Ok(()) };
    if present.process() != step.from {
        return Err(TranslationError::StaleMemory {
            process,
            from: step.from,
            found: present.process(),
        });
    }
    if step.entries.is_empty() {
        entries.insert(process_size_key(process).to_owned(), format_size(step.to));
    }
    entries.extend(step.entries.iter().cloned());
    let then = derive(&MemoryConfig::from_entries(process, &entries)?)?;
    then.check_jvm()?;
    if then.process() == step.to {
        Ok(())
    } else {
        Err(TranslationError::MemoryMismatch {
            process,
            total: step.to,
            entry: then.process(),
        })
    }
}

fn write_memory(manifest: Option<&Manifest<'_>>, process: FlinkProcess, step: &MemoryStep, patch: &mut Patch) {
    let total = process_size_key(process);
    if step.entries.is_empty() || step.entries.iter().any(|e| e.0 == total) {
        patch.set(&[field(process), "resource", "memory"], json!(format_size(step.to)));
        // It has no effect beside the field, and would mislead whoever reads it. Removing what is not there does nothing.
        if manifest.is_none_or(|m| m.path_of(total).is_some()) {
            patch.configuration(manifest, total, Value::Null);
        }
    }
    for (key, value) in step.entries.iter().filter(|e| e.0 != total) {
        patch.configuration(manifest, key, json!(value));
    }
}

/// The `spec` of the patch.
#[derive(Default)]
struct Patch {
    spec: Map<String, Value>,
}

impl Patch {
    fn set(&mut self, path: &[&str], value: Value) {
        let mut at = &mut self.spec;
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        for parent in parents {
            let child = at.entry((*parent).to_owned()).or_insert_with(|| json!({}));
            let Some(child) = child.as_object_mut() else { return };
            at = child;
        }
        at.insert((*last).to_owned(), value);
    }

    /// Sets an entry of `flinkConfiguration` where it stands, so that a manifest in which it is a tree does not get it twice.
    fn configuration(&mut self, manifest: Option<&Manifest<'_>>, key: &str, value: Value) {
        let path = manifest
            .and_then(|m| m.path_of(key))
            .unwrap_or_else(|| vec![key.to_owned()]);
        let path: Vec<&str> = std::iter::once("flinkConfiguration")
            .chain(path.iter().map(String::as_str))
            .collect();
        self.set(&path, value);
    }
}
