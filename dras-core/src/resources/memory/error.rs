//! What can be wrong with a memory configuration: each rule of Flink's that a configuration can break, with its numbers.

use std::fmt;

use super::size::{Shown, SizeProblem};
use super::{Component, FlinkProcess};

/// A memory configuration with which Flink (or its JVM) would not start, or that cannot be changed as asked.
///
/// The derivation errors predict Flink's own `IllegalConfigurationException`, found in the same order as Flink finds them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The text of an option is not a memory size.
    #[error(
        "`{key}` is `{text}`, which is not a memory size: {problem}; write a whole number with a unit, such as `1728m`"
    )]
    BadSize {
        /// The option.
        key: &'static str,
        /// What it says.
        text: String,
        /// What is wrong with that.
        problem: SizeProblem,
    },
    /// The text of an option is not a number.
    #[error("`{key}` is `{text}`, which is not a number; write a fraction such as `0.4`")]
    BadFraction {
        /// The option.
        key: &'static str,
        /// What it says.
        text: String,
    },
    /// An option from before Flink 1.10 that newer versions read in different ways or not at all.
    #[error("`{key}` is a legacy option that Flink 2 does not read; write `{instead}` instead")]
    LegacyOption {
        /// The option.
        key: &'static str,
        /// Its successor.
        instead: &'static str,
    },
    /// This kind of process does not have the option.
    #[error("a {process} has no option for its {option}")]
    NoSuchOption {
        /// The kind of process.
        process: FlinkProcess,
        /// What the option is about.
        option: &'static str,
    },
    /// Flink needs at least one of three things and has none.
    #[error(
        "the memory of the {process} is not configured; set `{}` (or `{}`, or {})",
        process.key("process.size"), process.key("flink.size"), process.fine_grained()
    )]
    NothingConfigured {
        /// The kind of process.
        process: FlinkProcess,
    },
    /// A fraction outside [0, 1).
    #[error("`{key}` is {fraction}, but a fraction must be at least 0 and below 1")]
    FractionOutOfRange {
        /// The option.
        key: &'static str,
        /// Its value.
        fraction: f32,
    },
    /// A minimum above its maximum.
    #[error("`{min_key}` ({}) is above `{max_key}` ({}); raise the maximum or lower the minimum", Shown(*min), Shown(*max))]
    RangeReversed {
        /// The option with the minimum.
        min_key: &'static str,
        /// The minimum, bytes.
        min: u64,
        /// The option with the maximum.
        max_key: &'static str,
        /// The maximum, bytes.
        max: u64,
    },
    /// Metaspace and overhead alone take more than the whole process.
    #[error(
        "metaspace ({}) and JVM overhead ({}) exceed `{}` ({}); raise it above {}, or lower `{}`",
        Shown(*metaspace), Shown(*overhead), process.key("process.size"), Shown(*total), Shown(metaspace.saturating_add(*overhead)),
        process.key("jvm-metaspace.size")
    )]
    JvmExceedsProcess {
        /// The kind of process.
        process: FlinkProcess,
        /// Metaspace, bytes.
        metaspace: u64,
        /// JVM overhead, bytes.
        overhead: u64,
        /// The configured total process memory, bytes.
        total: u64,
    },
    /// Flink memory and metaspace together are more than the configured process memory.
    #[error(
        "total Flink memory ({}) and metaspace ({}) exceed `{}` ({}); raise it, or remove it so that it follows from the rest",
        Shown(*flink), Shown(*metaspace), process.key("process.size"), Shown(*total)
    )]
    FlinkExceedsProcess {
        /// The kind of process.
        process: FlinkProcess,
        /// Total Flink memory, bytes.
        flink: u64,
        /// Metaspace, bytes.
        metaspace: u64,
        /// The configured total process memory, bytes.
        total: u64,
    },
    /// What the process memory leaves as JVM overhead is outside the configured range.
    #[error(
        "`{}` leaves {} as JVM overhead, outside [{}, {}]; change it so that the rest fits, or remove it so that it follows from the rest",
        process.key("process.size"), Shown(*overhead), Shown(*min), Shown(*max)
    )]
    OverheadOutOfRange {
        /// The kind of process.
        process: FlinkProcess,
        /// The overhead that is left, bytes.
        overhead: u64,
        /// The least that is allowed, bytes.
        min: u64,
        /// The most that is allowed, bytes.
        max: u64,
    },
    /// The parts of the Flink memory are more than the whole.
    #[error(
        "{} exceed the total Flink memory ({}) by {}; raise `{}` (or `{}`), or lower one of them",
        Parts(parts), Shown(*flink), Shown(parts.iter().fold(0_u64, |sum, p| sum.saturating_add(p.1)).saturating_sub(*flink)),
        FlinkProcess::TaskManager.key("process.size"), FlinkProcess::TaskManager.key("flink.size")
    )]
    PartsExceedFlink {
        /// The parts, bytes each. With the task heap among them it is configured and the network takes what is left; with the network among
        /// them the task heap does.
        parts: Box<[(Component, u64)]>,
        /// Total Flink memory, bytes.
        flink: u64,
    },
    /// The task heap is fixed, and what is left for the network is outside the configured range.
    #[error(
        "with `{}` fixed, {} are left for the network, outside [{}, {}]; {}",
        FlinkProcess::TaskManager.key("task.heap.size"), Shown(*network), Shown(*min), Shown(*max),
        if network < min { "raise the total or lower the task heap" } else { "lower the total or raise the task heap" }
    )]
    NetworkOutOfRange {
        /// What is left for the network, bytes.
        network: u64,
        /// The least that is allowed, bytes.
        min: u64,
        /// The most that is allowed, bytes.
        max: u64,
    },
    /// The off-heap memory of a JobManager leaves nothing for the heap.
    #[error(
        "the off-heap memory ({}) leaves nothing of the total Flink memory ({}) for the heap; raise `{}`, or lower `{}`",
        Shown(*off_heap), Shown(*flink), FlinkProcess::JobManager.key("process.size"), FlinkProcess::JobManager.key("off-heap.size")
    )]
    OffHeapExceedsFlink {
        /// Off-heap memory, bytes.
        off_heap: u64,
        /// Total Flink memory, bytes.
        flink: u64,
    },
    /// The heap of a JobManager is larger than its configured Flink memory.
    #[error(
        "`{}` ({}) exceeds `{}` ({}); configure only one of them",
        FlinkProcess::JobManager.key("heap.size"), Shown(*heap), FlinkProcess::JobManager.key("flink.size"), Shown(*flink)
    )]
    HeapExceedsFlink {
        /// The configured heap, bytes.
        heap: u64,
        /// The configured total Flink memory, bytes.
        flink: u64,
    },
    /// Heap, off-heap and Flink memory of a JobManager are all configured and do not add up.
    #[error(
        "`{}` ({}) and `{}` ({}) do not add up to `{}` ({}); remove one of the three",
        FlinkProcess::JobManager.key("heap.size"), Shown(*heap), FlinkProcess::JobManager.key("off-heap.size"), Shown(*off_heap),
        FlinkProcess::JobManager.key("flink.size"), Shown(*flink)
    )]
    HeapAndOffHeapMismatch {
        /// The configured heap, bytes.
        heap: u64,
        /// The configured off-heap memory, bytes.
        off_heap: u64,
        /// The configured total Flink memory, bytes.
        flink: u64,
    },
    /// A sum or product of more than 2^63 − 1 bytes.
    #[error("the sizes add up to more than 9223372036854775807 bytes; lower them")]
    Overflow,
    /// The JVM does not start with so small a heap (`Too small maximum heap`), although Flink's own checks pass.
    #[error("the JVM does not start with a heap of {}; it needs at least {}", Shown(*heap), Shown(*least))]
    HeapTooSmallForJvm {
        /// What `-Xmx` would be, bytes.
        heap: u64,
        /// The least the JVM takes, bytes.
        least: u64,
    },
    /// The JVM does not start with `-XX:MaxMetaspaceSize=0`.
    #[error("the JVM does not start with a metaspace of 0; set `{}`", process.key("jvm-metaspace.size"))]
    NoMetaspace {
        /// The kind of process.
        process: FlinkProcess,
    },
    /// This kind of process does not have the component.
    #[error("a {process} has no {component}")]
    NoSuchComponent {
        /// The kind of process.
        process: FlinkProcess,
        /// The component.
        component: Component,
    },
    /// No size makes the component as large as asked.
    #[error(
        "no size gives {} of {}: with the other options as they are, {} is the most; {}",
        Shown(*wanted), component.name(*process), Shown(*best), remedy(*component)
    )]
    Unreachable {
        /// The kind of process.
        process: FlinkProcess,
        /// The component.
        component: Component,
        /// What was asked for, bytes.
        wanted: u64,
        /// The most that was found up to the largest size that is tried, bytes.
        best: u64,
    },
    /// Even the smallest valid configuration is larger than the limit.
    #[error("no valid configuration of the {process} stays within {}", Shown(*limit))]
    NothingFits {
        /// The kind of process.
        process: FlinkProcess,
        /// The limit, bytes.
        limit: u64,
    },
    /// A step of 0 bytes.
    #[error("the step of memory is 0; give at least 1 byte, usually 1MiB")]
    ZeroStep,
}

fn remedy(component: Component) -> &'static str {
    match component {
        Component::Managed => "raise the managed fraction or set a managed size",
        Component::TaskHeap => "lower the fractions of managed and network memory",
        _ => "raise its configured range",
    }
}

struct Parts<'a>(&'a [(Component, u64)]);

impl fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (component, bytes)) in self.0.iter().enumerate() {
            let joint = match i {
                0 => "",
                i if i + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{joint}{component} ({})", Shown(*bytes))?;
        }
        Ok(())
    }
}
