//! Bounds and requirements of the windows, and what is checked before a plan is made.

use super::catalogue::{Kind, MetricSpec};
use super::needs::{MAX_LENGTH, MAX_RAW_ROWS};
use super::query::{Aggregate, Reduce, Span, Test};
use crate::units::Millis;

/// The bounds and requirements of a task's windows.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSettings {
    /// How far after `now` a sample may be, in ms; later ones are refused and counted. Default 60 s.
    pub max_future: Millis,
    /// How long after a mark (restart, change of resources) samples still say nothing, in ms. Default 60 s.
    pub warm_up: Millis,
    /// The share of a window, 0…1, that samples must cover. Default 0.8.
    pub min_coverage: f64,
    /// The number of samples that a window must hold, for functions that need more than the newest. Default 2.
    pub min_samples: u32,
    /// The share of the instances, 0…1, that must have a value. Default 0.8.
    pub min_instances: f64,
    /// The most instances of one task; at the cap a *new* one is refused. Default 1024.
    pub max_instances: u32,
    /// The most rows of one block where samples come denser than declared; beyond, *new* samples are refused and counted. Default 65,536.
    pub max_rows: u32,
    /// The most events of one series; beyond, the oldest goes and is counted. Default 256.
    pub max_events: u32,
    /// The longest text of an event in bytes; longer ones are cut between two characters. Default 8 KiB.
    pub max_event_bytes: u32,
}

impl Default for WindowSettings {
    fn default() -> WindowSettings {
        WindowSettings {
            max_future: 60_000,
            warm_up: 60_000,
            min_coverage: 0.8,
            min_samples: 2,
            min_instances: 0.8,
            max_instances: 1024,
            max_rows: 65_536,
            max_events: 256,
            max_event_bytes: 8192,
        }
    }
}

/// Why a [`Plan`](super::plan::Plan) cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A setting is outside its range.
    #[error("`{name}` is {given}; it must be {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it is set to.
        given: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A length of time that a metric declares is outside its range.
    #[error("`{field}` of metric `{metric}` is {given} ms; it must be {allowed}")]
    Metric {
        /// The metric.
        metric: String,
        /// The length.
        field: &'static str,
        /// What it is set to.
        given: Millis,
        /// What it may be.
        allowed: &'static str,
    },
    /// The coverage that a metric declares is no share.
    #[error("`min_coverage` of metric `{metric}` is {given}; it must be 0 to 1")]
    MetricCoverage {
        /// The metric.
        metric: String,
        /// What it is set to.
        given: f64,
    },
    /// An aggregate's metric is not in the catalogue.
    #[error(
        "aggregate {aggregate} asks for metric {metric}, but there are {metrics} metrics; use handles of the same catalogue"
    )]
    UnknownMetric {
        /// Index of the aggregate.
        aggregate: usize,
        /// Index of the metric.
        metric: usize,
        /// How many metrics there are.
        metrics: usize,
    },
    /// The length, offset or count of a window is not possible.
    #[error(
        "a window of metric `{metric}` is {span:?} with offset {offset} ms; lengths must be 1 ms to 5 years, offsets 0 to 5 years and counts at least 1"
    )]
    Window {
        /// The metric.
        metric: String,
        /// The window's extent.
        span: Span,
        /// Its offset.
        offset: Millis,
    },
    /// A window needs too many raw samples.
    #[error(
        "a window of metric `{metric}` needs {rows} samples of each series, at most {MAX_RAW_ROWS} are possible; shorten it or declare a longer `interval`"
    )]
    TooManyRows {
        /// The metric.
        metric: String,
        /// How many samples it needs.
        rows: u64,
    },
    /// A function that needs a test has none, or the test does not fit the metric.
    #[error("an aggregate of metric `{metric}` {problem}")]
    Test {
        /// The metric.
        metric: String,
        /// What is wrong.
        problem: &'static str,
    },
}

pub(super) fn check_settings(s: &WindowSettings) -> Result<(), PlanError> {
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let length = |x: Millis| (0..=MAX_LENGTH).contains(&x);
    let checks = [
        (
            length(s.max_future),
            "max_future",
            s.max_future as f64,
            "0 ms to 5 years",
        ),
        (length(s.warm_up), "warm_up", s.warm_up as f64, "0 ms to 5 years"),
        (share(s.min_coverage), "min_coverage", s.min_coverage, "0 to 1"),
        (
            s.min_samples >= 1,
            "min_samples",
            f64::from(s.min_samples),
            "at least 1",
        ),
        (share(s.min_instances), "min_instances", s.min_instances, "0 to 1"),
        (
            s.max_instances >= 1,
            "max_instances",
            f64::from(s.max_instances),
            "at least 1",
        ),
        (s.max_rows >= 1, "max_rows", f64::from(s.max_rows), "at least 1"),
        (s.max_events >= 1, "max_events", f64::from(s.max_events), "at least 1"),
        (
            s.max_event_bytes >= 4,
            "max_event_bytes",
            f64::from(s.max_event_bytes),
            "at least 4",
        ),
    ];
    match checks.into_iter().find(|c| !c.0) {
        Some((_, name, given, allowed)) => Err(PlanError::Setting { name, given, allowed }),
        None => Ok(()),
    }
}

pub(super) fn check_spec(spec: &MetricSpec) -> Result<(), PlanError> {
    let checks = [
        (
            (1..=MAX_LENGTH).contains(&spec.interval),
            "interval",
            spec.interval,
            "1 ms to 5 years",
        ),
        (
            (1..=MAX_LENGTH).contains(&spec.staleness),
            "staleness",
            spec.staleness,
            "1 ms to 5 years",
        ),
        (
            (1..=MAX_LENGTH).contains(&spec.max_gap),
            "max_gap",
            spec.max_gap,
            "1 ms to 5 years",
        ),
        (
            (0..=MAX_LENGTH).contains(&spec.max_lateness),
            "max_lateness",
            spec.max_lateness,
            "0 ms to 5 years",
        ),
    ];
    if let Some((_, field, given, allowed)) = checks.into_iter().find(|c| !c.0) {
        return Err(PlanError::Metric {
            metric: spec.name.clone(),
            field,
            given,
            allowed,
        });
    }
    if let Some(given) = spec.min_coverage.filter(|share| !(0.0..=1.0).contains(share)) {
        return Err(PlanError::MetricCoverage {
            metric: spec.name.clone(),
            given,
        });
    }
    let rows = (spec.staleness.max(spec.max_lateness) / spec.interval) as u64;
    if spec.kind != Kind::Event && rows > MAX_RAW_ROWS {
        return Err(PlanError::TooManyRows {
            metric: spec.name.clone(),
            rows,
        });
    }
    Ok(())
}

pub(super) fn check_aggregate(spec: &MetricSpec, aggregate: &Aggregate) -> Result<(), PlanError> {
    let window = &aggregate.window;
    let possible = |length: Millis| (1..=MAX_LENGTH).contains(&length);
    let span = match window.span {
        Span::Latest => true,
        Span::Sliding(length) | Span::Current(length) | Span::Previous(length) => possible(length),
        Span::Last { count, max_age } => count > 0 && possible(max_age),
    };
    if !span || !(0..=MAX_LENGTH).contains(&window.offset) {
        return Err(PlanError::Window {
            metric: spec.name.clone(),
            span: window.span,
            offset: window.offset,
        });
    }
    let event = spec.kind == Kind::Event;
    let problem = match (aggregate.reduce, &aggregate.test) {
        (Reduce::All | Reduce::Any | Reduce::Share, None) => "needs a test of its samples and has none",
        (_, Some(Test::Text(_))) if !event => "tests texts, but its samples are numbers",
        (_, Some(Test::Within { .. })) if event => "tests numbers, but its samples are texts",
        // `last` with a test of texts is the latest text that passes.
        (Reduce::All | Reduce::Any | Reduce::Share | Reduce::Count | Reduce::Age, _)
        | (Reduce::Last, Some(Test::Text(_)))
        | (Reduce::Last | Reduce::AgeOfFirst, None) => return Ok(()),
        (_, Some(_)) => "tests its samples, which only `count`, `all`, `any`, `share` and `age` can",
        (_, None) if event => {
            "computes with its samples, but they are texts; only `count`, `all`, `any`, `share`, `last` and `age` are possible"
        }
        _ => return Ok(()),
    };
    Err(PlanError::Test {
        metric: spec.name.clone(),
        problem,
    })
}
