//! What a task may have at most, held against the final numbers of an allocation.

use std::fmt;

use super::{Allocation, AllocationError, Cores};
use crate::units::{Unit, display_quantity};

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
