//! What a task has, or would have: parallelism, slots, `TaskManagers`, cores and memory in one value that always adds up.
//!
//! An [`Allocation`] is immutable. Every `with_…` gives a new one in which everything that follows is computed again with ceilings (28
//! subtasks on `TaskManagers` with 3 slots are 10 `TaskManagers`), and a [`Quota`] looks at those final numbers only. So nothing that was
//! decided after a check can slip past it.
//!
//! ```
//! use dras_core::resources::allocation::{Allocation, Cores, Quota};
//!
//! let allocation = Allocation::new(28, 1)?.with_task_manager_cores(Some(Cores::new(1.0)?));
//! let quota = Quota { cores: Some(Cores::new(10.0)?), ..Quota::default() };
//! let breaches = quota.breaches(&allocation);
//! assert_eq!(breaches[0].to_string(), "28 cores are wanted, the quota is 10");
//! assert_eq!(quota.largest_within(&allocation)?.unwrap().parallelism(), 10);
//! # Ok::<(), dras_core::resources::allocation::AllocationError>(())
//! ```

mod quota;
#[cfg(test)]
mod tests;
mod vertices;

use std::fmt;

use serde::ser::SerializeStruct;

use super::memory::{FlinkProcess, MemoryBreakdown, MemoryConfig, MemoryError, derive};
pub use quota::{Breach, Quota, Resource};
pub use vertices::{Vertex, VertexError, VertexNote, VertexParallelism, VertexScaling, check_vertices, slots, spread};

/// Processor cores, in whole thousandths as Kubernetes counts them: sums and products are exact.
///
/// Serialised as a plain number of cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cores(u64);

impl TryFrom<f64> for Cores {
    type Error = AllocationError;

    fn try_from(cores: f64) -> Result<Cores, AllocationError> {
        Cores::new(cores)
    }
}

impl From<Cores> for f64 {
    fn from(cores: Cores) -> f64 {
        cores.as_f64()
    }
}

impl Cores {
    /// Cores such as `0.5` or `2`, up to the next thousandth.
    ///
    /// # Errors
    /// [`AllocationError::BadCores`] of a negative number, of NaN, and of more than a million million cores.
    pub fn new(cores: f64) -> Result<Cores, AllocationError> {
        if !(0.0..=1e12).contains(&cores) {
            return Err(AllocationError::BadCores { cores });
        }
        let thousandths = cores * 1000.0;
        // 0.07 × 1000 is 70.00000000000001; that is 70 thousandths and not 71.
        let nearest = thousandths.round();
        let noise = (thousandths - nearest).abs() <= nearest * 1e-12;
        Ok(Cores(if noise { nearest } else { thousandths.ceil() } as u64))
    }

    /// Thousandths of a core.
    pub fn from_thousandths(thousandths: u64) -> Cores {
        Cores(thousandths)
    }

    /// Thousandths of a core.
    pub fn thousandths(self) -> u64 {
        self.0
    }

    /// As a plain number of cores.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    fn times(self, count: u32) -> Cores {
        Cores(self.0.saturating_mul(u64::from(count)))
    }

    fn plus(self, other: Cores) -> Cores {
        Cores(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            write!(f, "{whole}")
        } else {
            write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0'))
        }
    }
}

/// The memory of one process: what is known of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ProcessMemory {
    process: u64,
    config: Option<MemoryConfig>,
    breakdown: Option<MemoryBreakdown>,
}

impl ProcessMemory {
    /// Only its total, in bytes, is known (a container limit, say).
    pub fn total(bytes: u64) -> ProcessMemory {
        ProcessMemory {
            process: bytes,
            config: None,
            breakdown: None,
        }
    }

    /// As configured; every component follows.
    ///
    /// # Errors
    /// [`MemoryError`] where Flink would not start with it.
    pub fn configured(config: MemoryConfig) -> Result<ProcessMemory, MemoryError> {
        let breakdown = derive(&config)?;
        Ok(ProcessMemory {
            process: breakdown.process(),
            config: Some(config),
            breakdown: Some(breakdown),
        })
    }

    /// Total process memory in bytes.
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Every component, where the configuration is known.
    pub fn breakdown(&self) -> Option<&MemoryBreakdown> {
        self.breakdown.as_ref()
    }

    /// The configuration, where it is known.
    pub fn config(&self) -> Option<&MemoryConfig> {
        self.config.as_ref()
    }
}

/// An allocation that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocationError {
    /// Something that must be at least 1.
    #[error("the {what} is 0; it must be at least 1")]
    Zero {
        /// What it is.
        what: &'static str,
    },
    /// More subtasks than key groups.
    #[error("a parallelism of {parallelism} is above the max parallelism of {max_parallelism}; Flink refuses it")]
    BeyondMaxParallelism {
        /// The parallelism.
        parallelism: u32,
        /// The task's max parallelism: its number of key groups.
        max_parallelism: u32,
    },
    /// A parallelism times slot sharing groups beyond 2^32 − 1.
    #[error("a parallelism of {parallelism} in {groups} slot sharing groups needs more than 4294967295 slots")]
    TooManySlots {
        /// The parallelism.
        parallelism: u32,
        /// The slot sharing groups.
        groups: u32,
    },
    /// Vertices that cannot be those of a running job.
    #[error(transparent)]
    Vertices(#[from] VertexError),
    /// Not a number of cores.
    #[error("{cores} is not a number of cores; write a number of at least 0, such as 0.5 or 2")]
    BadCores {
        /// What was given.
        cores: f64,
    },
    /// The memory is of the other kind of process.
    #[error("the memory is that of a {given}, but it is meant for a {wanted}")]
    WrongProcess {
        /// Whose it is.
        given: FlinkProcess,
        /// Whose it should be.
        wanted: FlinkProcess,
    },
}

/// Resources of one task. What is not known (cores, memory, the job manager) is undefined, never 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    parallelism: u32,
    slots_per_task_manager: u32,
    slot_sharing_groups: u32,
    max_parallelism: Option<u32>,
    task_manager_cores: Option<Cores>,
    task_manager_memory: Option<ProcessMemory>,
    job_manager_cores: Option<Cores>,
    job_manager_memory: Option<ProcessMemory>,
    vertices: Option<Vertices>,
}

/// The vertices of a job, as they are at one parallelism of it.
#[derive(Debug, Clone, PartialEq)]
struct Vertices {
    all: Vec<Vertex>,
    at: u32,
    scaling: VertexScaling,
}

impl Allocation {
    /// A parallelism on task managers with this many slots each; one slot sharing group; nothing known of cores and memory.
    ///
    /// # Errors
    /// [`AllocationError::Zero`] where either is 0.
    pub fn new(parallelism: u32, slots_per_task_manager: u32) -> Result<Allocation, AllocationError> {
        Allocation {
            parallelism,
            slots_per_task_manager,
            slot_sharing_groups: 1,
            max_parallelism: None,
            task_manager_cores: None,
            task_manager_memory: None,
            job_manager_cores: None,
            job_manager_memory: None,
            vertices: None,
        }
        .checked()
    }

    fn checked(self) -> Result<Allocation, AllocationError> {
        let numbers = [
            ("parallelism", self.parallelism),
            ("number of slots per task manager", self.slots_per_task_manager),
            ("number of slot sharing groups", self.slot_sharing_groups),
            ("max parallelism", self.max_parallelism.unwrap_or(1)),
        ];
        if let Some(&(what, _)) = numbers.iter().find(|n| n.1 == 0) {
            return Err(AllocationError::Zero { what });
        }
        if let Some(max_parallelism) = self.max_parallelism.filter(|&m| m < self.parallelism) {
            return Err(AllocationError::BeyondMaxParallelism {
                parallelism: self.parallelism,
                max_parallelism,
            });
        }
        if u32::try_from(self.all_slots()).is_err() {
            let (parallelism, groups) = (self.parallelism, self.slot_sharing_groups());
            return Err(AllocationError::TooManySlots { parallelism, groups });
        }
        Ok(self)
    }

    /// With another parallelism.
    ///
    /// # Errors
    /// [`AllocationError::Zero`], [`AllocationError::BeyondMaxParallelism`], [`AllocationError::TooManySlots`].
    pub fn with_parallelism(mut self, parallelism: u32) -> Result<Allocation, AllocationError> {
        self.parallelism = parallelism;
        self.checked()
    }

    /// With another number of slots per task manager.
    ///
    /// # Errors
    /// [`AllocationError::Zero`].
    pub fn with_slots_per_task_manager(mut self, slots: u32) -> Result<Allocation, AllocationError> {
        self.slots_per_task_manager = slots;
        self.checked()
    }

    /// With this many slot sharing groups, each of which takes a slot per subtask. Jobs that do not set any have 1. Where the
    /// [vertices](Allocation::with_vertices) are known, their groups count instead.
    ///
    /// # Errors
    /// [`AllocationError::Zero`], [`AllocationError::TooManySlots`].
    pub fn with_slot_sharing_groups(mut self, groups: u32) -> Result<Allocation, AllocationError> {
        self.slot_sharing_groups = groups;
        self.checked()
    }

    /// With the job's vertices as they are at the present parallelism of this allocation, so that slots are counted as Flink does: each
    /// slot sharing group as many as its widest vertex has subtasks. Under another parallelism they are [spread].
    ///
    /// # Errors
    /// [`AllocationError::Vertices`], [`AllocationError::TooManySlots`].
    pub fn with_vertices(
        mut self,
        vertices: Vec<Vertex>,
        scaling: VertexScaling,
    ) -> Result<Allocation, AllocationError> {
        check_vertices(&vertices)?;
        self.vertices = Some(Vertices {
            all: vertices,
            at: self.parallelism,
            scaling,
        });
        self.checked()
    }

    /// With the task's max parallelism (key groups), which the parallelism may never exceed.
    ///
    /// # Errors
    /// [`AllocationError::Zero`], [`AllocationError::BeyondMaxParallelism`].
    pub fn with_max_parallelism(mut self, max_parallelism: Option<u32>) -> Result<Allocation, AllocationError> {
        self.max_parallelism = max_parallelism;
        self.checked()
    }

    /// With these cores for each task manager.
    #[must_use]
    pub fn with_task_manager_cores(mut self, cores: Option<Cores>) -> Allocation {
        self.task_manager_cores = cores;
        self
    }

    /// With this memory for each task manager.
    ///
    /// # Errors
    /// [`AllocationError::WrongProcess`] for the configuration of a `JobManager`.
    pub fn with_task_manager_memory(mut self, memory: Option<ProcessMemory>) -> Result<Allocation, AllocationError> {
        check_kind(memory.as_ref(), FlinkProcess::TaskManager)?;
        self.task_manager_memory = memory;
        Ok(self)
    }

    /// With these cores for the job manager.
    #[must_use]
    pub fn with_job_manager_cores(mut self, cores: Option<Cores>) -> Allocation {
        self.job_manager_cores = cores;
        self
    }

    /// With this memory for the job manager.
    ///
    /// # Errors
    /// [`AllocationError::WrongProcess`] for the configuration of a `TaskManager`.
    pub fn with_job_manager_memory(mut self, memory: Option<ProcessMemory>) -> Result<Allocation, AllocationError> {
        check_kind(memory.as_ref(), FlinkProcess::JobManager)?;
        self.job_manager_memory = memory;
        Ok(self)
    }

    /// Subtasks side by side.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// Slots of one task manager.
    pub fn slots_per_task_manager(&self) -> u32 {
        self.slots_per_task_manager
    }

    /// Slot sharing groups.
    pub fn slot_sharing_groups(&self) -> u32 {
        match &self.vertices {
            Some(v) => u32::try_from(vertices::groups(&v.all)).unwrap_or(u32::MAX),
            None => self.slot_sharing_groups,
        }
    }

    /// The vertices at this parallelism, where they are known.
    pub fn vertices(&self) -> Option<Vec<VertexParallelism>> {
        let v = self.vertices.as_ref()?;
        let scaled = |vertex| vertices::scaled(vertex, v.at, self.parallelism, v.scaling);
        Some(v.all.iter().map(scaled).collect())
    }

    /// The task's max parallelism, where it is known.
    pub fn max_parallelism(&self) -> Option<u32> {
        self.max_parallelism
    }

    /// Slots in use: each slot sharing group as many as its widest vertex has subtasks, or as the job has where the vertices are not known.
    pub fn slots(&self) -> u32 {
        u32::try_from(self.all_slots()).unwrap_or(u32::MAX)
    }

    fn all_slots(&self) -> u64 {
        match &self.vertices {
            Some(v) => {
                let scaled = |vertex| vertices::scaled(vertex, v.at, self.parallelism, v.scaling).to;
                vertices::slots_of(v.all.iter().map(|vertex| (vertex, scaled(vertex))))
            }
            None => u64::from(self.parallelism) * u64::from(self.slot_sharing_groups),
        }
    }

    /// Task managers: as many as hold the slots, the last one perhaps not full.
    pub fn task_managers(&self) -> u32 {
        self.slots().div_ceil(self.slots_per_task_manager)
    }

    /// Cores of each task manager.
    pub fn task_manager_cores(&self) -> Option<Cores> {
        self.task_manager_cores
    }

    /// Memory of each task manager.
    pub fn task_manager_memory(&self) -> Option<&ProcessMemory> {
        self.task_manager_memory.as_ref()
    }

    /// Cores of the job manager.
    pub fn job_manager_cores(&self) -> Option<Cores> {
        self.job_manager_cores
    }

    /// Memory of the job manager.
    pub fn job_manager_memory(&self) -> Option<&ProcessMemory> {
        self.job_manager_memory.as_ref()
    }

    /// Task heap of one slot in bytes, rounded down, where the configuration of the memory is known.
    pub fn task_heap_per_slot(&self) -> Option<u64> {
        let breakdown = self.task_manager_memory.as_ref()?.breakdown()?;
        Some(breakdown.task_heap / u64::from(self.slots_per_task_manager))
    }

    /// Cores of all task managers, and of the job manager where that is known; `None` where those of the task managers are not.
    pub fn total_cores(&self) -> Option<Cores> {
        let all = self.task_manager_cores?.times(self.task_managers());
        Some(all.plus(self.job_manager_cores.unwrap_or_default()))
    }

    /// Process memory of all task managers in bytes, and of the job manager where that is known; `None` where that of the task managers
    /// is not.
    pub fn total_memory(&self) -> Option<u64> {
        let all = self
            .task_manager_memory
            .as_ref()?
            .process()
            .saturating_mul(u64::from(self.task_managers()));
        Some(all.saturating_add(self.job_manager_memory.as_ref().map_or(0, ProcessMemory::process)))
    }
}

/// With the numbers that follow from the others, so that a reader has nothing to compute.
impl serde::Serialize for Allocation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Allocation", 14)?;
        fields.serialize_field("parallelism", &self.parallelism)?;
        fields.serialize_field("max_parallelism", &self.max_parallelism)?;
        fields.serialize_field("slot_sharing_groups", &self.slot_sharing_groups())?;
        fields.serialize_field("slots_per_task_manager", &self.slots_per_task_manager)?;
        fields.serialize_field("slots", &self.slots())?;
        fields.serialize_field("task_managers", &self.task_managers())?;
        fields.serialize_field("task_manager_cores", &self.task_manager_cores)?;
        fields.serialize_field("task_manager_memory", &self.task_manager_memory)?;
        fields.serialize_field("task_heap_per_slot", &self.task_heap_per_slot())?;
        fields.serialize_field("job_manager_cores", &self.job_manager_cores)?;
        fields.serialize_field("job_manager_memory", &self.job_manager_memory)?;
        fields.serialize_field("total_cores", &self.total_cores())?;
        fields.serialize_field("total_memory", &self.total_memory())?;
        fields.serialize_field("vertices", &self.vertices())?;
        fields.end()
    }
}

fn check_kind(memory: Option<&ProcessMemory>, wanted: FlinkProcess) -> Result<(), AllocationError> {
    match memory.and_then(ProcessMemory::config).map(MemoryConfig::process) {
        Some(given) if given != wanted => Err(AllocationError::WrongProcess { given, wanted }),
        _ => Ok(()),
    }
}
