//! The resources of a task that rules can set.

use std::fmt;

use super::memory::{Component, FlinkProcess};
use crate::units::{Unit, display_quantity};

/// A resource of a task that rules can set.
///
/// Memory is settable as a whole (`task_manager_memory`, the process size) and by component. Components are known, and can be set, where the
/// task's Flink configuration is known: the process size follows from them by Flink's own derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The parallelism of the job.
    Parallelism,
    /// The process memory of each TaskManager, in bytes.
    TaskManagerMemory,
    /// Its task heap.
    TaskHeap,
    /// Its task off-heap memory: direct and native memory of the job's code.
    TaskOffHeap,
    /// Its network buffers.
    NetworkMemory,
    /// Its managed memory: `RocksDB`, sorting, Python.
    ManagedMemory,
    /// Its JVM metaspace: the classes.
    Metaspace,
    /// Its JVM overhead: threads, code cache, and native memory that no other component counts.
    JvmOverhead,
    /// The process memory of the JobManager, in bytes.
    JobManagerMemory,
    /// Its heap.
    JobManagerHeap,
    /// Its off-heap memory.
    JobManagerOffHeap,
    /// Its JVM metaspace.
    JobManagerMetaspace,
}

/// What an amount of a resource is an amount of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Subtasks side by side.
    Subtasks,
    /// All memory of a process.
    Process(FlinkProcess),
    /// One component of a process' memory.
    Component(FlinkProcess, Component),
}

impl Resource {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All resources.
    pub const ALL: [Resource; Resource::COUNT] = [
        Resource::Parallelism,
        Resource::TaskManagerMemory,
        Resource::TaskHeap,
        Resource::TaskOffHeap,
        Resource::NetworkMemory,
        Resource::ManagedMemory,
        Resource::Metaspace,
        Resource::JvmOverhead,
        Resource::JobManagerMemory,
        Resource::JobManagerHeap,
        Resource::JobManagerOffHeap,
        Resource::JobManagerMetaspace,
    ];

    /// Its name in documents and as an attribute of the task.
    pub const fn name(self) -> &'static str {
        match self {
            Resource::Parallelism => "parallelism",
            Resource::TaskManagerMemory => "task_manager_memory",
            Resource::TaskHeap => "task_heap",
            Resource::TaskOffHeap => "task_off_heap",
            Resource::NetworkMemory => "network_memory",
            Resource::ManagedMemory => "managed_memory",
            Resource::Metaspace => "metaspace",
            Resource::JvmOverhead => "jvm_overhead",
            Resource::JobManagerMemory => "job_manager_memory",
            Resource::JobManagerHeap => "job_manager_heap",
            Resource::JobManagerOffHeap => "job_manager_off_heap",
            Resource::JobManagerMetaspace => "job_manager_metaspace",
        }
    }

    /// The resource called `name`.
    pub fn from_name(name: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|r| r.name() == name)
    }

    /// What it is of.
    pub const fn scope(self) -> Scope {
        use FlinkProcess::{JobManager, TaskManager};
        match self {
            Resource::Parallelism => Scope::Subtasks,
            Resource::TaskManagerMemory => Scope::Process(TaskManager),
            Resource::TaskHeap => Scope::Component(TaskManager, Component::TaskHeap),
            Resource::TaskOffHeap => Scope::Component(TaskManager, Component::TaskOffHeap),
            Resource::NetworkMemory => Scope::Component(TaskManager, Component::Network),
            Resource::ManagedMemory => Scope::Component(TaskManager, Component::Managed),
            Resource::Metaspace => Scope::Component(TaskManager, Component::Metaspace),
            Resource::JvmOverhead => Scope::Component(TaskManager, Component::Overhead),
            Resource::JobManagerMemory => Scope::Process(JobManager),
            Resource::JobManagerHeap => Scope::Component(JobManager, Component::TaskHeap),
            Resource::JobManagerOffHeap => Scope::Component(JobManager, Component::TaskOffHeap),
            Resource::JobManagerMetaspace => Scope::Component(JobManager, Component::Metaspace),
        }
    }

    /// The process that it is memory of.
    pub const fn process(self) -> Option<FlinkProcess> {
        match self.scope() {
            Scope::Subtasks => None,
            Scope::Process(process) | Scope::Component(process, _) => Some(process),
        }
    }

    /// One sentence for readers.
    pub const fn doc(self) -> &'static str {
        match self {
            Resource::Parallelism => "present parallelism",
            Resource::TaskManagerMemory => "total process memory of one TaskManager",
            Resource::TaskHeap => "task heap of one TaskManager: the JVM heap less Flink's own part of it",
            Resource::TaskOffHeap => {
                "task off-heap memory of one TaskManager: direct and native memory of the job's code"
            }
            Resource::NetworkMemory => "network buffers of one TaskManager",
            Resource::ManagedMemory => "managed memory of one TaskManager: RocksDB, sorting, Python",
            Resource::Metaspace => "JVM metaspace of one TaskManager: the classes",
            Resource::JvmOverhead => "JVM overhead of one TaskManager: threads, code cache, native memory",
            Resource::JobManagerMemory => "total process memory of the JobManager",
            Resource::JobManagerHeap => "heap of the JobManager",
            Resource::JobManagerOffHeap => "off-heap memory of the JobManager",
            Resource::JobManagerMetaspace => "JVM metaspace of the JobManager",
        }
    }

    /// The unit of its amounts.
    pub const fn unit(self) -> Unit {
        match self {
            Resource::Parallelism => Unit::NUMBER,
            _ => Unit::BYTES,
        }
    }

    /// The amounts that can be had are multiples of this: whole slots, 64 MiB.
    pub const fn step(self) -> u64 {
        match self {
            Resource::Parallelism => 1,
            _ => 64 << 20,
        }
    }

    /// The smallest multiple of the step that is not below `amount`, and at least one step. A value within one part in 10⁹ above a
    /// multiple counts as that multiple, so that rounding noise costs no slot.
    pub fn quantise(self, amount: f64) -> f64 {
        let steps = amount / self.step() as f64;
        (steps - steps.abs() * 1e-9).ceil().max(1.0) * self.step() as f64
    }

    /// The amount as people write it.
    pub fn display(self, amount: f64) -> String {
        display_quantity(amount, self.unit())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_steps_and_noise_costs_none() {
        assert_eq!(Resource::Parallelism.quantise(3.000_000_000_000_000_4), 3.0);
        assert_eq!(Resource::Parallelism.quantise(3.01), 4.0);
        assert_eq!(Resource::Parallelism.quantise(-2.0), 1.0);
        assert_eq!(
            Resource::TaskManagerMemory.quantise(100.0 * 1_048_576.0),
            128.0 * 1_048_576.0
        );
    }

    #[test]
    fn every_resource_stands_at_its_own_index_and_has_its_own_name() {
        for (index, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(resource as usize, index);
            assert_eq!(Resource::from_name(resource.name()), Some(resource));
        }
    }
}
