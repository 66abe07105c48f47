//! The one instruction that a decision comes to, and what it says to Flink, to a configuration and to the Kubernetes operator.
//!
//! An [`Instruction`] is plain data: it can be stored, sent and compared, and its [`key`](Instruction::key()) makes a second delivery
//! recognisable. What it takes to carry it out are pure translations, which return bodies and entries, or an error that says what
//! Flink would answer. Nothing here talks to anybody.
//!
//! | translation | for |
//! | --- | --- |
//! | [`resource_requirements`] | `PUT /jobs/:jobid/resource-requirements`: another parallelism without a restart, under the adaptive scheduler |
//! | [`restart_with_savepoint`] | the calls that stop a job with a savepoint, and what it is started with again |
//! | [`configuration`], [`configuration_of_vertices`] | entries of Flink's configuration, as a map, as `-Dkey=value` and as lines of a file |
//! | [`flink_deployment_patch`] | a merge patch of a `FlinkDeployment` of the Flink Kubernetes Operator |
//!
//! ```
//! use dras_core::action::instruction::{Instruction, Restart, Step, configuration};
//!
//! let parallelism = Some(Step { from: 4, to: 8 });
//! let instruction = Instruction {
//!     key: Instruction::key("orders", 17, parallelism, None, None),
//!     task: "orders".to_owned(),
//!     at: 1_800_000_000_000,
//!     policy: "etl".to_owned(),
//!     fingerprint: 0x0123_4567_89ab_cdef,
//!     parallelism,
//!     task_manager_memory: None,
//!     job_manager_memory: None,
//!     restart: Restart::WithSavepoint,
//!     reasons: vec!["cpu.up".to_owned()],
//! };
//! assert_eq!(
//!     instruction.to_string(),
//!     "orders: parallelism 4 → 8, restart with a savepoint, because of cpu.up (policy etl, key e7e0fd9f79d33657)"
//! );
//! assert_eq!(configuration(&instruction)?.args(), ["-Dparallelism.default=8"]);
//! # Ok::<(), dras_core::action::instruction::TranslationError>(())
//! ```

mod configuration;
mod deployment;
mod error;
mod manifest;
mod rest;

use std::fmt::{self, Write as _};

pub use configuration::{ConfigurationEntries, OVERRIDES_KEY, configuration, configuration_of_vertices};
pub use deployment::{AutoscalerPolicy, DeploymentOptions, flink_deployment_patch};
pub use error::TranslationError;
pub use rest::{
    LowerBound, Method, RequirementsOptions, ResourceRequirements, RestCall, RestartStep, SavepointFormat,
    SavepointOptions, resource_requirements, restart_with_savepoint, vertices_of,
};

use crate::fingerprint::fnv1a;
use crate::resources::allocation::{Vertex, VertexParallelism, VertexScaling, spread};
use crate::resources::memory::{FlinkProcess, FractionOption, MIB, MemoryConfig, Resized, SizeOption, parse_size};
use crate::units::{Millis, Unit, display_quantity};

/// A change of the resources of one task, all of it at once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// Idempotency key: hexadecimal digits, the same for the same change of the same task, see [`Instruction::key()`].
    pub key: String,
    /// The task.
    pub task: String,
    /// When it was decided, in ms since the epoch.
    pub at: Millis,
    /// The name of the policy.
    pub policy: String,
    /// The fingerprint of the policy. Written as 16 hexadecimal digits, because not every reader of JSON has integers of 64 bits.
    #[serde(with = "hex")]
    pub fingerprint: u64,
    /// The parallelism of the job.
    #[serde(default)]
    pub parallelism: Option<Step<u32>>,
    /// The memory of each `TaskManager`.
    #[serde(default)]
    pub task_manager_memory: Option<MemoryStep>,
    /// The memory of the `JobManager`.
    #[serde(default)]
    pub job_manager_memory: Option<MemoryStep>,
    /// How the job comes to its new resources.
    pub restart: Restart,
    /// Why, in the order of the rules.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// From what to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step<T> {
    /// What the task has.
    pub from: T,
    /// What it should have.
    pub to: T,
}

/// Another memory of one kind of process.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryStep {
    /// Total process memory that it has, bytes.
    pub from: u64,
    /// Total process memory that it should have, bytes. The same as `from` where only its division changes.
    pub to: u64,
    /// Configuration entries to set, in the job's own style. Empty where only the total is known; then `process.size` is set, which is
    /// right for a job that configures nothing else of its memory.
    #[serde(default)]
    pub entries: Vec<(String, String)>,
}

impl MemoryStep {
    /// What a planned configuration changes. `None` where it changes nothing, or where the present one was not valid, so that there is no
    /// `from`.
    pub fn planned(resized: &Resized) -> Option<MemoryStep> {
        let entries: Vec<(String, String)> = resized
            .write_back()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let from = resized.before?.process();
        (!entries.is_empty()).then(|| MemoryStep {
            from,
            to: resized.breakdown.process(),
            entries,
        })
    }

    /// Another total, in bytes, where the configuration is not known.
    pub fn total(from: u64, to: u64) -> MemoryStep {
        MemoryStep {
            from,
            to,
            entries: Vec::new(),
        }
    }

    fn changes(&self) -> bool {
        self.from != self.to || !self.entries.is_empty()
    }

    /// The entries are known options with sizes that Flink reads, each once, and agree with the total.
    fn check(&self, process: FlinkProcess) -> Result<(), TranslationError> {
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let is_size = SizeOption::ALL.into_iter().any(|o| o.key(process) == Some(key));
            let is_fraction = FractionOption::ALL.into_iter().any(|o| o.key(process) == Some(key));
            if !is_size && !is_fraction {
                let key = key.clone();
                return Err(TranslationError::ForeignEntry { process, key });
            }
            if self.entries[..i].iter().any(|e| e.0 == *key) {
                return Err(TranslationError::DuplicateEntry { key: key.clone() });
            }
        }
        let entries = self.entries.iter().map(|(k, v)| (k, v));
        let config = MemoryConfig::from_entries(process, entries)?;
        match config.configured(SizeOption::ProcessSize) {
            Some(entry) if entry != self.to => Err(TranslationError::MemoryMismatch {
                process,
                total: self.to,
                entry,
            }),
            _ => Ok(()),
        }
    }
}

/// How a job comes to its new resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Rescaled while it runs: the adaptive scheduler gets other resource requirements. Parallelism only.
    InPlace,
    /// Stopped with a savepoint and started from it with another configuration.
    WithSavepoint,
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Restart::InPlace => "rescale in place",
            Restart::WithSavepoint => "restart with a savepoint",
        })
    }
}

impl Instruction {
    /// The idempotency key of a change: FNV-1a, 64 bit, in 16 hexadecimal digits, over the task, its generation and the steps. The same on
    /// every machine and in every version of this crate.
    ///
    /// `generation` counts the changes that were applied to the task; so the same step asked for again before it was applied has the same
    /// key, and the same step at a later time of its life another one. When and why it was decided, and the way to carry it out, are not
    /// part of it.
    pub fn key(
        task: &str,
        generation: u64,
        parallelism: Option<Step<u32>>,
        task_manager_memory: Option<&MemoryStep>,
        job_manager_memory: Option<&MemoryStep>,
    ) -> String {
        // Every text with its length before it, so that no two changes have one text.
        let mut text = format!("dras instruction 1\n{}:{task}\n{generation}\n", task.len());
        if let Some(Step { from, to }) = parallelism {
            let _ = writeln!(text, "parallelism {from} {to}");
        }
        for (name, step) in [
            ("task_manager_memory", task_manager_memory),
            ("job_manager_memory", job_manager_memory),
        ] {
            let Some(step) = step else { continue };
            let _ = writeln!(text, "{name} {} {} {}", step.from, step.to, step.entries.len());
            for (key, value) in &step.entries {
                let _ = writeln!(text, "{}:{key} {}:{value}", key.len(), value.len());
            }
        }
        format!("{:016x}", fnv1a(&text))
    }

    fn memory(&self) -> [(FlinkProcess, Option<&MemoryStep>); 2] {
        [
            (FlinkProcess::TaskManager, self.task_manager_memory.as_ref()),
            (FlinkProcess::JobManager, self.job_manager_memory.as_ref()),
        ]
    }

    /// What every translation relies on.
    fn check(&self) -> Result<(), TranslationError> {
        if self.key.is_empty() || self.key.len() > 32 || !self.key.bytes().all(is_hex) {
            return Err(TranslationError::BadKey { key: self.key.clone() });
        }
        let mut changes = false;
        if let Some(step) = self.parallelism {
            if step.from == 0 || step.to == 0 {
                return Err(TranslationError::ZeroParallelism);
            }
            changes = step.from != step.to;
        }
        for (process, step) in self.memory() {
            let Some(step) = step else { continue };
            step.check(process)?;
            changes |= step.changes();
            if self.restart == Restart::InPlace && step.changes() {
                return Err(TranslationError::MemoryNeedsRestart { process });
            }
        }
        if changes {
            Ok(())
        } else {
            Err(TranslationError::NothingToChange)
        }
    }

    /// What every vertex gets, or why Flink would not do it.
    fn spread(
        &self,
        vertices: &[Vertex],
        scaling: VertexScaling,
    ) -> Result<(Step<u32>, Vec<VertexParallelism>), TranslationError> {
        let step = self.parallelism.ok_or(TranslationError::NoParallelism)?;
        let all = spread(vertices, step.from, step.to, scaling)?;
        let widest = vertices.iter().map(|v| v.parallelism).max().unwrap_or(0);
        if widest != step.from {
            return Err(TranslationError::StaleParallelism {
                from: step.from,
                found: widest,
            });
        }
        // Held back by its max parallelism, a vertex is noted; where none gets there, the step is not done at all.
        if all.iter().all(|v| v.to != step.to)
            && let Some((vertex, max_parallelism)) = vertices
                .iter()
                .find_map(|v| Some((v, v.max_parallelism.filter(|&m| m < step.to)?)))
        {
            return Err(TranslationError::BeyondMaxParallelism {
                id: vertex.id.clone(),
                parallelism: step.to,
                max_parallelism,
            });
        }
        Ok((step, all))
    }
}

/// One line for people.
impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.task)?;
        if let Some(Step { from, to }) = self.parallelism {
            write!(f, "parallelism {from} → {to}, ")?;
        }
        // Configurations are written in whole mebibytes, and read best like that.
        let size = |bytes: u64| match bytes % MIB {
            0 => format!("{}MiB", bytes / MIB),
            _ => display_quantity(bytes as f64, Unit::BYTES),
        };
        for (process, step) in self.memory() {
            if let Some(step) = step {
                write!(f, "{process} memory {} → {}", size(step.from), size(step.to))?;
                let entries: Vec<String> = step.entries.iter().map(|(k, v)| format!("{k}={v}")).collect();
                if !entries.is_empty() {
                    write!(f, " ({})", entries.join(" "))?;
                }
                write!(f, ", ")?;
            }
        }
        write!(f, "{}", self.restart)?;
        if !self.reasons.is_empty() {
            write!(f, ", because of {}", self.reasons.join("; "))?;
        }
        write!(f, " (policy {}, key {})", self.policy, self.key)
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A size as it stands in a manifest, for the operator: Flink's notation first, then that of Kubernetes.
///
/// `FlinkConfigBuilder.parseResourceMemoryString` of the operator: `2048m` and `1g` are Flink's (powers of 1024), `2Gi` and `1.5Gi` a
/// quantity of Kubernetes.
fn manifest_size(text: &str) -> Option<u64> {
    if let Ok(bytes) = parse_size(text) {
        return Some(bytes);
    }
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_suffix('B').unwrap_or(&text);
    let units = [("KI", 1_u64 << 10), ("MI", 1 << 20), ("GI", 1 << 30), ("TI", 1 << 40)];
    let (number, factor) = units.iter().find_map(|(u, f)| Some((text.strip_suffix(u)?, f)))?;
    let number: f64 = number.trim().parse().ok()?;
    let bytes = number * *factor as f64;
    (bytes.is_finite() && (0.0..9e18).contains(&bytes)).then_some(bytes as u64)
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde's `with` calls")]
    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() != 16 || !text.bytes().all(super::is_hex) {
            return Err(serde::de::Error::custom(format!(
                "`{text}` is not 16 hexadecimal digits"
            )));
        }
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

/// The examples of the page about instructions are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/instructions.md")]
struct Page;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // The test vectors of its authors.
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325_u64),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text), hash, "{text}");
        }
    }

    #[test]
    fn sizes_of_manifests_read_as_the_operator_reads_them() {
        for (text, bytes) in [
            ("2048m", Some(2_u64 << 30)),
            ("1g", Some(1 << 30)),
            ("2Gi", Some(2 << 30)),
            ("1.5 GiB", Some(3 << 29)),
            ("512mi", Some(512 << 20)),
            ("much", None),
            ("-1Gi", None),
            ("NaNGi", None),
        ] {
            assert_eq!(manifest_size(text), bytes, "{text}");
        }
    }
}
