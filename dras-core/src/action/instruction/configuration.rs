//! Entries of Flink's configuration, for whoever starts the processes anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{FlinkProcess, Instruction, TranslationError, Vertex, VertexParallelism, VertexScaling};
use crate::resources::memory::{SizeOption, format_size};

/// Parallelism by the id of a vertex, which counts more than `parallelism.default` and than the job's code: `id:4,id:8`
/// (`PipelineOptions.PARALLELISM_OVERRIDES`, Flink 1.17 and later).
///
/// Flink 2.0 to 2.2 at least do not apply it to a job that starts in application mode (FLINK-38770); a rescale in place is not affected.
pub const OVERRIDES_KEY: &str = "pipeline.jobvertex-parallelism-overrides";

/// What `parallelism.default` is called.
pub(super) const PARALLELISM_KEY: &str = "parallelism.default";

/// What to change in a Flink configuration. Everything that is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct ConfigurationEntries {
    /// Entries to set, by key. The values are texts, as Flink reads them.
    pub set: BTreeMap<String, String>,
    /// Keys to remove where they are there, because they would count more than what is set.
    pub remove: BTreeSet<String>,
}

impl ConfigurationEntries {
    /// The entries to set as arguments of Flink's programs: `-Dkey=value`. What is to be [removed](ConfigurationEntries::remove) has to be
    /// left out of the other arguments.
    pub fn args(&self) -> Vec<String> {
        self.set.iter().map(|(k, v)| format!("-D{k}={v}")).collect()
    }

    /// The entries to set as lines of `config.yaml` or `flink-conf.yaml`: `key: value`. No value needs quotes in either.
    pub fn flink_conf(&self) -> String {
        let mut lines = String::new();
        for (key, value) in &self.set {
            let _ = writeln!(lines, "{key}: {value}");
        }
        lines
    }
}

/// The entries with which the job is started again after it was stopped with a savepoint: `parallelism.default`, and the memory in the
/// job's own style.
///
/// `parallelism.default` reaches the operators that have no parallelism of their own in the job's code, like
/// [`VertexScaling::FollowJob`]. It also loses against [overrides by vertex](OVERRIDES_KEY), which are therefore to be removed.
///
/// # Errors
/// [`TranslationError`] of an instruction that changes nothing, or that contradicts itself.
pub fn configuration(instruction: &Instruction) -> Result<ConfigurationEntries, TranslationError> {
    instruction.check()?;
    let mut entries = ConfigurationEntries::default();
    if let Some(step) = instruction.parallelism {
        entries.set.insert(PARALLELISM_KEY.to_owned(), step.to.to_string());
        entries.remove.insert(OVERRIDES_KEY.to_owned());
    }
    for (process, step) in instruction.memory() {
        let Some(step) = step else { continue };
        if step.entries.is_empty() && step.changes() {
            let key = process_size_key(process).to_owned();
            entries.set.insert(key, format_size(step.to));
        }
        entries.set.extend(step.entries.iter().cloned());
    }
    Ok(entries)
}

/// The same with the parallelism of every vertex as an [override](OVERRIDES_KEY), so that also vertices that do not follow
/// `parallelism.default` are scaled.
///
/// # Errors
/// Those of [`configuration`]; [`TranslationError::NoParallelism`]; what is wrong with the vertices, or does not fit them.
pub fn configuration_of_vertices(
    instruction: &Instruction,
    vertices: &[Vertex],
    scaling: VertexScaling,
) -> Result<ConfigurationEntries, TranslationError> {
    let mut entries = configuration(instruction)?;
    let (_, all) = instruction.spread(vertices, scaling)?;
    entries.remove.remove(OVERRIDES_KEY);
    entries.set.insert(OVERRIDES_KEY.to_owned(), overrides(&all));
    Ok(entries)
}

/// `id:4,id:8`: a map as Flink writes it.
pub(super) fn overrides(all: &[VertexParallelism]) -> String {
    let pairs: Vec<String> = all.iter().map(|v| format!("{}:{}", v.id, v.to)).collect();
    pairs.join(",")
}

pub(super) fn process_size_key(process: FlinkProcess) -> &'static str {
    SizeOption::ProcessSize.key(process).unwrap_or_default()
}
