//! Flink's memory model: from the options of a job to the bytes of every component, and back.
//!
//! ```text
//! total process = total Flink + JVM metaspace + JVM overhead
//! total Flink   = framework heap + task heap + framework off-heap + task off-heap + network + managed
//! -Xmx = framework heap + task heap       -XX:MaxDirectMemorySize = framework off-heap + task off-heap + network
//! -XX:MaxMetaspaceSize = metaspace
//! ```
//!
//! A `JobManager` is the same with a heap and an off-heap part only. [`derive()`] computes what `TaskExecutorProcessUtils` and
//! `JobManagerProcessUtils` of Flink compute, to the byte (Flink 1.18 to 2.3 derive identically), and fails where they throw, with the
//! broken rule and its numbers. [`resize`] goes the other way: the smallest configuration, written in the job's own style, in which each
//! asked component is at least as large as asked; whatever it returns was derived again before it is returned. [`plan()`] does it for all
//! that one merged action wants of a process: components and the total, up and down.
//!
//! ```
//! use dras_core::resources::memory::{derive, resize, Component, FlinkProcess, MemoryConfig, Others, MIB};
//!
//! let config = MemoryConfig::from_entries(FlinkProcess::TaskManager, [("taskmanager.memory.process.size", "1728m")])?;
//! let now = derive(&config)?;
//! assert_eq!(now.task_heap, 384 * MIB - 10); // 0.4 is an f32 in Flink, hence the 10 bytes
//!
//! // 128 MiB more task heap is 264 MiB more process: managed and network memory take their shares.
//! let more = resize(&config, &[(Component::TaskHeap, 512 * MIB)], Others::Keep, MIB)?;
//! assert_eq!(more.write_back(), [("taskmanager.memory.process.size", "1992m".to_owned())]);
//! # Ok::<(), dras_core::resources::memory::MemoryError>(())
//! ```

mod config;
mod derive;
mod error;
mod plan;
mod resize;
mod size;

use std::fmt;

pub use config::{FractionOption, MemoryConfig, SizeOption, Style};
pub use derive::derive;
pub use error::MemoryError;
pub use plan::{Total, plan, plan_total};
pub use resize::{Others, Resized, SizeChange, fit_process_size, resize};
pub use size::{MAX_SIZE, MIB, SizeProblem, format_size, parse_size};

/// The two kinds of Flink process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlinkProcess {
    /// Runs the subtasks.
    TaskManager,
    /// Coordinates the job.
    JobManager,
}

impl FlinkProcess {
    fn key(self, name: &str) -> String {
        let prefix = match self {
            FlinkProcess::TaskManager => "taskmanager",
            FlinkProcess::JobManager => "jobmanager",
        };
        format!("{prefix}.memory.{name}")
    }

    fn fine_grained(self) -> &'static str {
        match self {
            FlinkProcess::TaskManager => "`taskmanager.memory.task.heap.size` and `taskmanager.memory.managed.size`",
            FlinkProcess::JobManager => "`jobmanager.memory.heap.size`",
        }
    }
}

impl fmt::Display for FlinkProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FlinkProcess::TaskManager => "TaskManager",
            FlinkProcess::JobManager => "JobManager",
        })
    }
}

/// One part of a Flink process' memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Heap of Flink itself. `TaskManager` only.
    FrameworkHeap,
    /// Heap of the job's code and of state on the heap. Of a `JobManager`: its whole heap.
    TaskHeap,
    /// Direct and native memory of Flink itself. `TaskManager` only.
    FrameworkOffHeap,
    /// Direct and native memory of the job's code. Of a `JobManager`: its whole off-heap memory.
    TaskOffHeap,
    /// Network buffers. `TaskManager` only.
    Network,
    /// Managed memory: `RocksDB`, sorting, Python. `TaskManager` only.
    Managed,
    /// JVM metaspace: the classes.
    Metaspace,
    /// JVM overhead: threads, code cache, and whatever native memory no other component counts.
    Overhead,
}

impl Component {
    /// All components, in the order of Flink's documentation.
    pub const ALL: [Component; 8] = [
        Component::FrameworkHeap,
        Component::TaskHeap,
        Component::FrameworkOffHeap,
        Component::TaskOffHeap,
        Component::Network,
        Component::Managed,
        Component::Metaspace,
        Component::Overhead,
    ];

    /// Whether this kind of process has the component.
    pub fn exists_in(self, process: FlinkProcess) -> bool {
        use Component::{Metaspace, Overhead, TaskHeap, TaskOffHeap};
        process == FlinkProcess::TaskManager || matches!(self, TaskHeap | TaskOffHeap | Metaspace | Overhead)
    }

    /// What it is called: `task heap`; of a `JobManager`, `heap`.
    pub fn name(self, process: FlinkProcess) -> &'static str {
        match (self, process) {
            (Component::FrameworkHeap, _) => "framework heap",
            (Component::TaskHeap, FlinkProcess::TaskManager) => "task heap",
            (Component::TaskHeap, FlinkProcess::JobManager) => "heap",
            (Component::FrameworkOffHeap, _) => "framework off-heap memory",
            (Component::TaskOffHeap, FlinkProcess::TaskManager) => "task off-heap memory",
            (Component::TaskOffHeap, FlinkProcess::JobManager) => "off-heap memory",
            (Component::Network, _) => "network memory",
            (Component::Managed, _) => "managed memory",
            (Component::Metaspace, _) => "metaspace",
            (Component::Overhead, _) => "JVM overhead",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name(FlinkProcess::TaskManager))
    }
}

/// Every component of a process in bytes, as Flink derives it. Components that a `JobManager` does not have are 0.
///
/// Of a derived breakdown no sum exceeds [`MAX_SIZE`]; the sums of one that was put together by hand stop at `u64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct MemoryBreakdown {
    /// The kind of process.
    pub kind: FlinkProcess,
    /// See [`Component::FrameworkHeap`].
    pub framework_heap: u64,
    /// See [`Component::TaskHeap`].
    pub task_heap: u64,
    /// See [`Component::FrameworkOffHeap`].
    pub framework_off_heap: u64,
    /// See [`Component::TaskOffHeap`].
    pub task_off_heap: u64,
    /// See [`Component::Network`].
    pub network: u64,
    /// See [`Component::Managed`].
    pub managed: u64,
    /// See [`Component::Metaspace`]. It is also `-XX:MaxMetaspaceSize`.
    pub metaspace: u64,
    /// See [`Component::Overhead`].
    pub overhead: u64,
}

/// The smallest heap that `HotSpot` starts with.
const LEAST_HEAP: u64 = 2 * MIB;

impl MemoryBreakdown {
    /// One component.
    pub fn get(&self, component: Component) -> u64 {
        match component {
            Component::FrameworkHeap => self.framework_heap,
            Component::TaskHeap => self.task_heap,
            Component::FrameworkOffHeap => self.framework_off_heap,
            Component::TaskOffHeap => self.task_off_heap,
            Component::Network => self.network,
            Component::Managed => self.managed,
            Component::Metaspace => self.metaspace,
            Component::Overhead => self.overhead,
        }
    }

    /// `-Xmx` and `-Xms`: framework and task heap.
    pub fn jvm_heap(&self) -> u64 {
        self.framework_heap.saturating_add(self.task_heap)
    }

    /// `-XX:MaxDirectMemorySize`: framework and task off-heap, and network. A `JobManager` gets the flag only with
    /// `jobmanager.memory.enable-jvm-direct-memory-limit`.
    pub fn jvm_direct(&self) -> u64 {
        self.framework_off_heap
            .saturating_add(self.task_off_heap)
            .saturating_add(self.network)
    }

    /// `-XX:MaxMetaspaceSize`.
    pub fn jvm_metaspace(&self) -> u64 {
        self.metaspace
    }

    /// Total Flink memory.
    pub fn flink(&self) -> u64 {
        self.jvm_heap()
            .saturating_add(self.jvm_direct())
            .saturating_add(self.managed)
    }

    /// Total process memory: what the container or the host must have.
    pub fn process(&self) -> u64 {
        self.flink()
            .saturating_add(self.metaspace)
            .saturating_add(self.overhead)
    }

    /// The task heap that makes the JVM heap (`-Xmx`, what heap metrics and `OutOfMemoryError: Java heap space` speak of) this large.
    pub fn task_heap_for(&self, jvm_heap: u64) -> u64 {
        jvm_heap.saturating_sub(self.framework_heap)
    }

    /// Whether the JVM would start with these limits; Flink's own checks do not look.
    ///
    /// # Errors
    /// [`MemoryError::HeapTooSmallForJvm`] below a heap of 2 MiB, [`MemoryError::NoMetaspace`] for a metaspace of 0.
    pub fn check_jvm(&self) -> Result<(), MemoryError> {
        let heap = self.jvm_heap();
        if heap < LEAST_HEAP {
            return Err(MemoryError::HeapTooSmallForJvm {
                heap,
                least: LEAST_HEAP,
            });
        }
        if self.metaspace == 0 {
            return Err(MemoryError::NoMetaspace { process: self.kind });
        }
        Ok(())
    }
}
