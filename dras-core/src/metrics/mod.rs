//! Metrics: what they are called and measured in, the windows over their samples, and the aggregates that rules ask for.

pub mod answer;
mod block;
pub mod catalogue;
mod events;
pub mod ingest;
mod instance;
pub mod kernels;
pub mod marks;
pub mod moment;
pub mod needs;
mod panes;
mod parts;
pub mod plan;
pub mod query;
mod question;
pub mod saved;
pub mod settings;
pub mod sources;
pub mod store;
#[cfg(test)]
mod tests;
pub mod text;

pub use answer::{SampleRef, SampleTest};
pub use catalogue::{Catalogue, Duplicates, Infinite, Kind, MetricId, MetricSpec, NotANumber, Per};
pub use ingest::{Accepted, IngestCounters, IngestError, TimeWentBack};
pub use marks::Mark;
pub use moment::{Moment, Scratch};
pub use needs::{MAX_RAW_ROWS, RowsNeeded, rows_needed};
pub use plan::Plan;
pub use query::{Across, Aggregate, AggregateId, Reduce, Span, Test, Window};
pub use saved::{Carried, LongWindow, MetricDropped, WhyDropped};
pub use settings::{PlanError, WindowSettings};
pub use store::{InstanceId, Windows};
pub use text::{TextTest, TextTestKind};
