//! The resources of a task that rules can set.

use std::fmt;

use crate::units::{Unit, display_quantity};

/// A resource of a task that rules can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The parallelism of the job.
    Parallelism,
    /// The process memory of each TaskManager, in bytes.
    TaskManagerMemory,
}

impl Resource {
    /// All resources.
    pub const ALL: [Resource; 2] = [Resource::Parallelism, Resource::TaskManagerMemory];

    /// Its name in documents and as an attribute of the task.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Parallelism => "parallelism",
            Resource::TaskManagerMemory => "task_manager_memory",
        }
    }

    /// The unit of its amounts.
    pub fn unit(self) -> Unit {
        match self {
            Resource::Parallelism => Unit::NUMBER,
            Resource::TaskManagerMemory => Unit::BYTES,
        }
    }

    /// The amounts that can be had are multiples of this: whole slots, 64 MiB.
    pub fn step(self) -> f64 {
        match self {
            Resource::Parallelism => 1.0,
            Resource::TaskManagerMemory => 67_108_864.0,
        }
    }

    /// The smallest multiple of the step that is not below `amount`, and at least one step. A value within one part in 10⁹ above a
    /// multiple counts as that multiple, so that rounding noise costs no slot.
    pub fn quantise(self, amount: f64) -> f64 {
        let steps = amount / self.step();
        (steps - steps.abs() * 1e-9).ceil().max(1.0) * self.step()
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
}
