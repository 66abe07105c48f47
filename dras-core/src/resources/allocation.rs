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

use std::fmt;

use serde::ser::SerializeStruct;

use super::memory::{FlinkProcess, MemoryBreakdown, MemoryConfig, MemoryError, derive};
use crate::units::{Unit, display_quantity};

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
        if self.parallelism.checked_mul(self.slot_sharing_groups).is_none() {
            let (parallelism, groups) = (self.parallelism, self.slot_sharing_groups);
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

    /// With this many slot sharing groups, each of which takes a slot per subtask. Jobs that do not set any have 1.
    ///
    /// # Errors
    /// [`AllocationError::Zero`], [`AllocationError::TooManySlots`].
    pub fn with_slot_sharing_groups(mut self, groups: u32) -> Result<Allocation, AllocationError> {
        self.slot_sharing_groups = groups;
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
        self.slot_sharing_groups
    }

    /// The task's max parallelism, where it is known.
    pub fn max_parallelism(&self) -> Option<u32> {
        self.max_parallelism
    }

    /// Slots in use: a slot per subtask and slot sharing group.
    pub fn slots(&self) -> u32 {
        self.parallelism.saturating_mul(self.slot_sharing_groups)
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
        let mut fields = serializer.serialize_struct("Allocation", 13)?;
        fields.serialize_field("parallelism", &self.parallelism)?;
        fields.serialize_field("max_parallelism", &self.max_parallelism)?;
        fields.serialize_field("slot_sharing_groups", &self.slot_sharing_groups)?;
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
        fields.end()
    }
}

fn check_kind(memory: Option<&ProcessMemory>, wanted: FlinkProcess) -> Result<(), AllocationError> {
    match memory.and_then(ProcessMemory::config).map(MemoryConfig::process) {
        Some(given) if given != wanted => Err(AllocationError::WrongProcess { given, wanted }),
        _ => Ok(()),
    }
}

/// What a quota is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Subtasks.
    Parallelism,
    /// Task managers.
    TaskManagers,
    /// Cores, in thousandths.
    Cores,
    /// Memory of all processes, in bytes.
    Memory,
}

/// What one task may have at most; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Quota {
    /// Subtasks.
    pub parallelism: Option<u32>,
    /// Task managers.
    pub task_managers: Option<u32>,
    /// Cores of all processes.
    pub cores: Option<Cores>,
    /// Memory of all processes, bytes.
    pub memory: Option<u64>,
}

/// A quota that an allocation exceeds, or that cannot be checked because the allocation does not say how much it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// Of what.
    pub resource: Resource,
    /// What the allocation takes, in the unit of the resource; `None` where that is not known, which is no permission.
    pub wanted: Option<u64>,
    /// What it may take.
    pub quota: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: u64| match self.resource {
            Resource::Cores => Cores(value).to_string(),
            Resource::Memory => display_quantity(value as f64, Unit::BYTES),
            Resource::Parallelism | Resource::TaskManagers => value.to_string(),
        };
        let quota = show(self.quota);
        let Some(wanted) = self.wanted.map(show) else {
            let what = match self.resource {
                Resource::Cores => "cores",
                Resource::Memory => "memory",
                Resource::Parallelism => "parallelism",
                Resource::TaskManagers => "number of task managers",
            };
            return write!(
                f,
                "the {what} of the task is not known and cannot be held against the quota of {quota}"
            );
        };
        match self.resource {
            Resource::Parallelism => write!(f, "a parallelism of {wanted} is wanted, the quota is {quota}"),
            Resource::TaskManagers => write!(f, "{wanted} task managers are wanted, the quota is {quota}"),
            Resource::Cores => write!(f, "{wanted} cores are wanted, the quota is {quota}"),
            Resource::Memory => write!(f, "{wanted} of memory are wanted, the quota is {quota}"),
        }
    }
}

impl Quota {
    /// Everything that the allocation exceeds, in a fixed order; empty where it is within the quota.
    pub fn breaches(&self, allocation: &Allocation) -> Vec<Breach> {
        let taken = [
            (
                Resource::Parallelism,
                self.parallelism.map(u64::from),
                Some(u64::from(allocation.parallelism())),
            ),
            (
                Resource::TaskManagers,
                self.task_managers.map(u64::from),
                Some(u64::from(allocation.task_managers())),
            ),
            (
                Resource::Cores,
                self.cores.map(Cores::thousandths),
                allocation.total_cores().map(Cores::thousandths),
            ),
            (Resource::Memory, self.memory, allocation.total_memory()),
        ];
        taken
            .into_iter()
            .filter_map(|(resource, quota, wanted)| {
                let quota = quota?;
                wanted.is_none_or(|w| w > quota).then_some(Breach {
                    resource,
                    wanted,
                    quota,
                })
            })
            .collect()
    }

    /// Whether nothing is exceeded, and everything that has a quota is known.
    pub fn allows(&self, allocation: &Allocation) -> bool {
        self.breaches(allocation).is_empty()
    }

    /// The same allocation with the largest parallelism, up to its own, that is within the quota; `None` where not even a parallelism of
    /// 1 is.
    ///
    /// # Errors
    /// None that the allocation did not have before.
    pub fn largest_within(&self, allocation: &Allocation) -> Result<Option<Allocation>, AllocationError> {
        if self.allows(allocation) {
            return Ok(Some(allocation.clone()));
        }
        if !self.allows(&allocation.clone().with_parallelism(1)?) {
            return Ok(None);
        }
        // Everything grows with the parallelism: `low` is within, `high` is not.
        let (mut low, mut high) = (1, allocation.parallelism());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.allows(&allocation.clone().with_parallelism(middle)?) {
                low = middle;
            } else {
                high = middle;
            }
        }
        allocation.clone().with_parallelism(low).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resources::memory::{MIB, SizeOption};

    fn configured(process: FlinkProcess, mib: u64) -> ProcessMemory {
        let config = MemoryConfig::new(process)
            .with_size(SizeOption::ProcessSize, Some(mib * MIB))
            .unwrap();
        ProcessMemory::configured(config).unwrap()
    }

    fn typical() -> Allocation {
        Allocation::new(28, 3)
            .unwrap()
            .with_task_manager_cores(Some(Cores::new(1.5).unwrap()))
            .with_job_manager_cores(Some(Cores::new(0.5).unwrap()))
            .with_task_manager_memory(Some(configured(FlinkProcess::TaskManager, 4096)))
            .unwrap()
            .with_job_manager_memory(Some(configured(FlinkProcess::JobManager, 1600)))
            .unwrap()
    }

    #[test]
    fn everything_follows_with_ceilings_and_again_after_each_change() {
        let a = typical();
        assert_eq!((a.slots(), a.task_managers()), (28, 10));
        assert_eq!(a.total_cores().unwrap().to_string(), "15.5");
        assert_eq!(a.total_memory(), Some((10 * 4096 + 1600) * MIB));
        let a = a.with_parallelism(31).unwrap().with_slots_per_task_manager(4).unwrap();
        assert_eq!(
            (a.task_managers(), a.total_cores().unwrap().to_string()),
            (8, "12.5".to_owned())
        );
        let a = a.with_slot_sharing_groups(2).unwrap();
        assert_eq!((a.slots(), a.task_managers()), (62, 16));
        let heap = a.task_manager_memory().unwrap().breakdown().unwrap().task_heap;
        assert_eq!(a.task_heap_per_slot(), Some(heap / 4));
    }

    #[test]
    fn twenty_eight_cores_never_pass_a_quota_of_ten() {
        for slots in 1..=28 {
            for thousandths in [250, 500, 1000, 1001, 2000] {
                let cores = Cores::from_thousandths(thousandths);
                let a = Allocation::new(28, slots).unwrap().with_task_manager_cores(Some(cores));
                let quota = Quota {
                    cores: Some(Cores::new(10.0).unwrap()),
                    ..Quota::default()
                };
                let needed = u64::from(28_u32.div_ceil(slots)) * thousandths;
                assert_eq!(quota.allows(&a), needed <= 10_000, "{slots} slots of {cores} cores");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_permission() {
        let a = Allocation::new(1, 1).unwrap();
        assert_eq!(
            (a.total_cores(), a.total_memory(), a.task_heap_per_slot()),
            (None, None, None)
        );
        let quota = Quota {
            memory: Some(u64::MAX),
            ..Quota::default()
        };
        let breaches = quota.breaches(&a);
        assert_eq!(breaches.len(), 1);
        assert_eq!(breaches[0].wanted, None);
        assert!(
            breaches[0]
                .to_string()
                .starts_with("the memory of the task is not known")
        );
        assert_eq!(quota.largest_within(&a).unwrap(), None);
    }

    #[test]
    fn a_quota_names_everything_it_forbids() {
        let quota = Quota {
            parallelism: Some(27),
            task_managers: Some(9),
            cores: Some(Cores::new(15.499).unwrap()),
            memory: Some(41 * 1024 * MIB),
        };
        let texts: Vec<String> = quota.breaches(&typical()).iter().map(Breach::to_string).collect();
        assert_eq!(
            texts,
            [
                "a parallelism of 28 is wanted, the quota is 27",
                "10 task managers are wanted, the quota is 9",
                "15.5 cores are wanted, the quota is 15.499",
                "41.5625GiB of memory are wanted, the quota is 41GiB",
            ]
        );
        let fitted = quota.largest_within(&typical()).unwrap().unwrap();
        assert_eq!((fitted.parallelism(), fitted.task_managers()), (27, 9));
    }

    #[test]
    fn impossible_allocations_are_refused() {
        assert_eq!(
            Allocation::new(0, 1).unwrap_err(),
            AllocationError::Zero { what: "parallelism" }
        );
        assert!(Allocation::new(1, 0).is_err());
        let a = Allocation::new(10, 2).unwrap().with_max_parallelism(Some(128)).unwrap();
        let error = a.clone().with_parallelism(129).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a parallelism of 129 is above the max parallelism of 128; Flink refuses it"
        );
        assert!(a.clone().with_slot_sharing_groups(u32::MAX).is_err());
        assert!(
            a.with_task_manager_memory(Some(configured(FlinkProcess::JobManager, 1600)))
                .is_err()
        );
        for bad in [-0.1, f64::NAN, f64::INFINITY, 1e13] {
            assert!(Cores::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cores_are_exact_thousandths() {
        for (given, thousandths, text) in [
            (0.07, 70, "0.07"),
            (0.1, 100, "0.1"),
            (2.0, 2000, "2"),
            (0.0001, 1, "0.001"),
            (1.2345, 1235, "1.235"),
            (0.0, 0, "0"),
        ] {
            let cores = Cores::new(given).unwrap();
            assert_eq!((cores.thousandths(), cores.to_string().as_str()), (thousandths, text));
        }
        let read: Cores = serde_json::from_str("0.3").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "0.3");
        assert!(serde_json::from_str::<Cores>("-1.0").is_err());
    }

    #[test]
    fn written_out_nothing_is_left_to_compute() {
        let json = serde_json::to_value(typical()).unwrap();
        assert_eq!(
            (json["task_managers"].as_u64(), json["total_cores"].as_f64()),
            (Some(10), Some(15.5))
        );
        let memory = &json["task_manager_memory"];
        assert_eq!(memory["config"]["taskmanager.memory.process.size"], "4096m");
        assert_eq!(memory["breakdown"]["metaspace"], 256 * MIB);
        assert_eq!(json["max_parallelism"], serde_json::Value::Null);
    }

    proptest! {
        #[test]
        fn quotas_hold_on_the_final_numbers(
            parallelism in 1_u32..2000, slots in 1_u32..20, groups in 1_u32..4, thousandths in 0_u64..8000, bytes in 0_u64..1 << 40,
            most_cores in 0_u64..1_000_000, most_memory in 0_u64..1 << 48, most_managers in 0_u32..3000,
        ) {
            let a = Allocation::new(parallelism, slots).unwrap().with_slot_sharing_groups(groups).unwrap()
                .with_task_manager_cores(Some(Cores::from_thousandths(thousandths)))
                .with_task_manager_memory(Some(ProcessMemory::total(bytes))).unwrap();
            prop_assert!(u64::from(a.task_managers()) * u64::from(slots) >= u64::from(parallelism * groups));
            prop_assert!((u64::from(a.task_managers()) - 1) * u64::from(slots) < u64::from(parallelism * groups));
            let quota = Quota {
                parallelism: None, task_managers: Some(most_managers),
                cores: Some(Cores::from_thousandths(most_cores)), memory: Some(most_memory),
            };
            let within = |a: &Allocation| {
                let managers = u64::from(a.task_managers());
                managers <= u64::from(most_managers) && managers * thousandths <= most_cores && managers * bytes <= most_memory
            };
            prop_assert_eq!(quota.allows(&a), within(&a));
            match quota.largest_within(&a).unwrap() {
                None => prop_assert!(!within(&a.with_parallelism(1).unwrap())),
                Some(fitted) => {
                    prop_assert!(within(&fitted) && fitted.parallelism() <= parallelism);
                    if fitted.parallelism() < parallelism {
                        prop_assert!(!within(&a.with_parallelism(fitted.parallelism() + 1).unwrap()));
                    }
                }
            }
        }
    }
}
