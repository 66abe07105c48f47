//! From what rules propose to one action: merging, sizing, guards, and the record of what became of it.
//!
//! ```text
//! proposals → merge → one wish for each resource → size → guards → one action
//! ```
//!
//! - [`merge`]: which of several proposals counts.
//! - [`size`]: what can be had: limits, largest step, dead band, alignment.
//! - [`guard`]: what must wait, why, and for how long.
//! - [`History`]: what was instructed, what was applied, what somebody else did; the guards look at nothing else.

pub mod guard;
mod history;
mod merge;
mod size;

pub mod instruction;

pub use crate::resources::Resource;
pub use guard::{Guard, GuardState, Standing};
pub(crate) use history::Adopted;
pub use history::{
    Effect, FeedbackError, History, Pending, Promise, RanOut, Recommendations, Record, RecordKind, Step,
};
pub use merge::{Fate, Proposal, Wish, merge};
pub use size::{Change, Room, size};
