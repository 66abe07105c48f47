//! Embeddable rule engine that tunes the resources of running Apache Flink jobs.

pub mod diagnostic;
pub mod lang;
pub mod metrics;
pub mod resources;
pub mod undefined;
pub mod units;
