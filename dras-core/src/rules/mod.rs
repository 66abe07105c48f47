//! Rule documents and strategy templates: plain data.
//!
//! A [`Document`] is read from JSON with every mistake reported at once. A [`Template`] is a strategy written in the same format. The
//! two are merged into one flat document by [`expand`], in which every name knows its [`Origin`]. Documents that extend each other live in a
//! [`Library`].

mod assignment;
mod attributes;
mod bounds;
mod constant;
mod document;
mod guards;
mod library;
mod limits;
mod merge;
mod read;
mod read_guards;
mod read_metric;
mod reader;
mod resolved;
mod schema;
mod template;
mod tree;

pub use crate::resources::Resource;
pub use assignment::{Assignment, Assignments};
pub use attributes::{AttributeType, BUILT_IN_ATTRIBUTES, BuiltInAttribute, built_in_attribute};
pub use bounds::{Bounds, Limits};
pub use constant::{BadConstant, Constant};
pub use document::{
    AcrossInstances, AttributeDeclaration, Document, Hold, MetricDeclaration, Param, Rule, StrategyUse, Version,
    WindowSettings,
};
pub use guards::{
    Align, CoolDown, Excluded, Freeze, Guards, Ineffective, LargestSteps, Mode, Oscillation, Rescale, Sizing,
    Stabilisation, Timing, Tolerance,
};
pub use library::Library;
pub use limits::DocumentLimits;
pub use read::Reading;
pub use resolved::{Resolved, Said};
pub use schema::schema;
pub use template::{Expanded, ExpandedRule, Origin, Parameter, Template, expand};
