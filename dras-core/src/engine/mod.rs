//! From rule documents and samples to decisions.
//!
//! - [`Policy::compile`] makes a [`Policy`] of a [document](crate::rules::Document): immutable, `Send + Sync`, cheap to clone, shared by all
//!   tasks of a kind.
//! - [`lint`] says what is odd about a policy's rules beside each other: bands in the wrong order, rules that never rest, …
//! - An [`Assigner`] chooses a document for a task by the task's attributes, where there are several.
//! - A [`Task`] is one running job: attributes, windows of samples, and how long each rule's condition has held. It belongs to one policy.
//! - [`Task::queries`] says what to ask Prometheus before a look; [`Task::read_prometheus`], [`Task::read_flink_metrics`] and
//!   [`Task::read_flink_exceptions`] read answers; [`Task::row`], [`Task::column`] and [`Task::event`] take samples as they are.
//! - [`decide`] looks at a task at a moment and gives a [`Decision`]: changes, and why.
//!
//! All times are in ms since the epoch (UTC) and come from the caller: `now` is the present, which must not go back for one task; `t` is when
//! a sample was taken. To decide about many tasks on many threads, share the policy and give each thread tasks of its own.

mod act;
mod assignment;
mod attributes;
mod build;
mod codes;
mod compare;
mod decide;
mod decision;
mod evaluation;
mod lint;
mod policy;
mod reading;
mod report;
mod state;
mod task;
mod values;

pub use assignment::{Assigned, Assigner, UndefinedAssignment};
pub use attributes::{Attribute, AttributeId, AttributeValue};
pub use compare::{Difference, Replaced, Shadow, Verdict, differences, replace};
pub use decide::{DecideError, decide, decide_into, decide_short};
pub use decision::{AlertKind, Decision, Fitted, Held, LookKind, RuleState};
pub use lint::{LintOptions, lint};
pub use policy::{Policy, RuleInfo};
pub use reading::{NextLook, ReadError, ReadReport};
pub use report::{
    AlertReport, ChangeReport, DecisionReport, DirectionReport, GuardReport, HeldReport, HoldReport, MemoryReport,
    ProposalReport, RuleReport,
};
pub use state::Carried;
pub use task::{Task, TaskError};
