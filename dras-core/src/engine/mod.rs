//! From rule documents and samples to decisions: [`Policy`], [`Task`], [`decide`], [`Decision`].

mod attributes;
mod decide;
mod decision;
mod policy;
mod reading;
mod task;

pub use attributes::{Attribute, AttributeId, AttributeValue};
pub use decide::{DecideError, decide, decide_into};
pub use decision::{ChangeReport, Decision, DecisionReport, ProposalReport, RuleReport, RuleState};
pub use policy::{Policy, RuleInfo};
pub use reading::{ReadError, ReadReport};
pub use task::{Task, TaskError};
