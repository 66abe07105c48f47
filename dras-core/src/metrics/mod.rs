//! Metrics: what they are called and measured in, the windows over their samples, and the aggregates that rules ask for.

pub mod answer;
mod block;
pub mod catalogue;
mod events;
pub mod kernels;
pub mod marks;
mod panes;
pub mod plan;
pub mod query;
pub mod store;
pub mod text;

pub use answer::{SampleRef, SampleTest, Scratch};
pub use catalogue::{Catalogue, Duplicates, Infinite, Kind, MetricId, MetricSpec, NotANumber, Per};
pub use marks::Mark;
pub use plan::{MAX_RAW_ROWS, Plan, PlanError, RowsNeeded, WindowSettings, rows_needed};
pub use query::{Across, Aggregate, AggregateId, Reduce, Span, Test, Window};
pub use store::{Accepted, IngestCounters, IngestError, InstanceId, TimeWentBack, Windows};
pub use text::{TextTest, TextTestKind};
