//! Embeddable rule engine that tunes the resources of running Apache Flink jobs.
//!
//! Data flows through it once:
//!
//! ```text
//! rule document ─ Document::from_json ─▶ Document ─ Policy::compile ─▶ Policy     once for each kind of job
//!                                                                        │
//! metrics ─ Task::row, column, event, read_prometheus, read_flink_… ─▶ Task       one for each job
//!                                                                        │
//! the time ─────────────────────────────────────────────────────────▶ decide ─▶ Decision: changes, and why
//! ```
//!
//! There is no I/O, no clock, no thread and no global state inside: the same document, samples and times give the same bytes on every
//! machine. Nothing panics on bad input: an error says what was given and what is allowed, and leaves everything as it was. A value that is
//! not known is [undefined](undefined::Undefined), with a reason, and never zero.
//!
//! ```
//! use dras_core::engine::{Policy, Task, decide};
//! use dras_core::rules::{Document, DocumentLimits};
//!
//! let text = r#"{
//!     "version": 1,
//!     "metrics": { "delay": { "unit": "ms", "across": "max" } },
//!     "rules": [{ "name": "late", "when": "min(delay[3m]) > 1m", "then": { "parallelism": "parallelism * 2" } }]
//! }"#;
//! let policy = Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)?;
//!
//! let mut task = Task::new(&policy, "orders")?;
//! task.set(&policy, "parallelism", 4.0)?;
//! let now = 1_800_000_000_000; // ms since the epoch
//! let times: Vec<i64> = (0..12).map(|i| now - 165_000 + i * 15_000).collect();
//! let (job, delay) = (task.instance(&policy, "")?, policy.metric("delay").ok_or("no such metric")?);
//! task.column(&policy, now, job, delay, &times, &[90_000.0; 12])?;
//!
//! let decision = decide(&policy, &mut task, now)?;
//! assert_eq!(decision.to_string(), "\
//! orders at 2027-01-15T08:00:00Z: parallelism 4 → 8
//!   late: fired
//!     min(delay[3m]) = 1m30s > 1m → true
//!     ⇒ parallelism 8");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! Imports only look down: a module knows those on floors below its own. Documents declare metrics and resources, so `rules` also speaks of the
//! types of these two.
//!
//! | floor | module | |
//! | --- | --- | --- |
//! | 3 | [`engine`] | compiled policies, the state of a task, looks, decisions |
//! | 2 | [`lang`] | the expression language: parse, check, compile, evaluate, explain, format |
//! | 2 | [`action`] | from what rules propose to one action: merging and limits |
//! | 1 | [`metrics`] | catalogue, windows over samples, answers of Prometheus and Flink |
//! | 1 | [`resources`] | what rules can set, and Flink's memory model |
//! | 1 | [`rules`] | rule documents and strategy templates, as data |
//! | 0 | [`calendar`] | time zones, excluded periods, when tasks are looked at |
//! | 0 | [`units`], [`undefined`], [`diagnostic`] | quantities, reasons, errors and warnings of what authors write |
//! | 0 | [`snapshot`] | the container of state that outlives a process |
//!
//! The language, the windows and the documents are described in the repository, under `docs/`.

#![forbid(unsafe_code)]

pub mod action;
pub mod backtest;
pub mod calendar;
pub mod diagnostic;
pub mod engine;
mod fingerprint;
pub mod lang;
pub mod literal;
pub mod metrics;
pub mod names;
pub mod resources;
pub mod rules;
pub mod snapshot;
pub mod undefined;
pub mod units;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The example of the page on embedding is a test.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
