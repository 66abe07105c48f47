//! Replay: what a rule document would have decided over recorded metrics.
//!
//! A [`Recording`] holds what was measured and known of one task: series of samples, events, marks, and attributes with the times from which they
//! held. [`replay`] looks at it as often as the document's `timing` says, as a platform would have, and hands every decision over. The same recording and
//! document always give the same decisions.
//!
//! Instructions are either only counted, or taken as applied after a time ([`Follow`]). The recorded metrics stay what they were: a replay shows when
//! and why a document acts and what its guards hold back, and is no model of what another parallelism would have done to the job.
//!
//! ```
//! use dras_core::backtest::{Options, Recording, replay};
//! use dras_core::engine::Policy;
//! use dras_core::rules::DocumentLimits;
//!
//! let policy = Policy::from_json(
//!     r#"{"version": 1, "mode": "active", "metrics": {"lag": {"unit": "s"}},
//!         "rules": [{"name": "late", "when": "avg(lag[2m]) > 1m", "then": {"parallelism": "parallelism + 1"}}]}"#,
//!     &DocumentLimits::default(),
//! )?;
//! let begin = 1_800_000_000_000;
//! let mut recording = Recording::new("orders");
//! let times: Vec<i64> = (0..240).map(|i| begin + i * 15_000).collect();
//! let values: Vec<f64> = (0..240).map(|i| if i < 120 { 5.0 } else { 90.0 }).collect();
//! recording.series("lag", "", times, values)?;
//! recording.attribute(begin, "parallelism", 4.0);
//!
//! let mut first = None;
//! let summary = replay(&policy, &recording, &Options::default(), |decision| {
//!     if first.is_none() && !decision.changes().is_empty() {
//!         first = Some(decision.to_string());
//!     }
//! })?;
//! assert!(first.unwrap().contains("late: fired"));
//! assert_eq!((summary.looks, summary.instructions), (12, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod recording;
mod run;
mod summary;

pub use recording::{Recording, RecordingError};
pub use run::{Follow, Options, ReplayError, replay, replay_while};
pub use summary::Summary;
