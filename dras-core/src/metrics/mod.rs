//! Metrics: what they are called and measured in, the windows over their samples, and the aggregates that rules ask for.

pub mod catalogue;
pub mod query;
pub mod sources;
pub mod text;

pub use catalogue::{Catalogue, Duplicates, Infinite, Kind, MetricId, MetricSpec, NotANumber, Per};
pub use query::{Across, Aggregate, AggregateId, Reduce, Span, Test, Window};
pub use text::{TextTest, TextTestKind};
