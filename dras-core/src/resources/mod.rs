//! Resources of a task: how much memory Flink really makes of a configuration, how much to reserve for a measured usage, and what a
//! whole allocation adds up to.
//!
//! Pure arithmetic: nothing here knows a metric, a rule or a clock.
//!
//! - [`memory`]: Flink's memory model of `TaskManager` and `JobManager`, forwards (configuration → bytes of every component) and backwards
//!   ("200 MiB more task heap" → a configuration with which the process really starts).
//! - [`ratio`]: Ratio reservation, from a usage to a whole number of subtasks or a step of memory, every stage explained.
//! - [`allocation`]: parallelism, slots, `TaskManagers`, cores and memory in one value, checked against quotas on its final numbers.

pub mod allocation;
pub mod memory;
pub mod ratio;
mod resource;

pub use resource::{Resource, Scope};
