//! Embeddable rule engine that tunes the resources of running Apache Flink jobs.

pub mod action;
pub mod diagnostic;
pub mod engine;
pub mod lang;
pub mod literal;
pub mod metrics;
pub mod names;
pub mod resources;
pub mod rules;
pub mod undefined;
pub mod units;
