//! Replays: the same recording and document give the same decisions, and what is followed is followed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::action::RecordKind;
use dras_core::backtest::{Follow, Options, Recording, RecordingError, ReplayError, Summary, replay};
use dras_core::engine::{LookKind, Policy};
use dras_core::metrics::Mark;
use dras_core::rules::DocumentLimits;

const T0: i64 = 1_800_000_000_000;
const M: i64 = 60_000;
const H: i64 = 60 * M;

fn policy(text: &str) -> Policy {
    Policy::from_json(text, &DocumentLimits::default()).unwrap_or_else(|e| panic!("{e}"))
}

const LATE: &str = r#"{"version": 1, "mode": "active",
    "metrics": {"lag": {"unit": "s"}, "log": {"kind": "event"}},
    "rules": [
        {"name": "late", "when": "avg(lag[2m]) > 1m", "then": {"parallelism": "parallelism + 1"}, "urgent": true},
        {"name": "idle", "when": "avg(lag[10m]) < 1s", "for": "10m", "then": {"parallelism": "parallelism - 1"}},
        {"name": "failed", "when": "count(log[10m] =~ 'boom') > 0", "alert": "it went boom"}
    ],
    "guards": {"stabilisation": {"down": "10m"}, "cool_down": {"down": "10m"}}}"#;

/// Two hours: calm, late for half an hour, calm again.
fn recording() -> Recording {
    let mut recording = Recording::new("orders");
    let times: Vec<i64> = (0..480).map(|i| T0 + i * 15_000).collect();
    let lag = |t: &i64| if (H / 2..H).contains(&(t - T0)) { 120.0 } else { 0.0 };
    let values = times.iter().map(lag).collect();
    recording.series("lag", "", times.clone(), values).unwrap();
    recording.series("of no document", "", times, vec![0.0; 480]).unwrap();
    recording.attribute(T0, "parallelism", 4.0);
    recording.attribute(T0, "of_no_document", 4.0);
    recording.event("log", "", T0 + 20 * M, "it went boom");
    recording.label("job", "orders");
    recording
}

fn run(options: &Options) -> (Summary, Vec<String>) {
    let mut told = Vec::new();
    let summary = replay(&policy(LATE), &recording(), options, |decision| {
        if decision.matters() {
            told.push(decision.to_string());
        }
    });
    (summary.unwrap(), told)
}

#[test]
fn the_same_recording_gives_the_same_decisions() {
    let options = Options {
        follow: Follow::After(30_000),
        ..Options::default()
    };
    let (summary, told) = run(&options);
    assert_eq!((summary.clone(), told), run(&options));
    // A look every 30 s over two hours.
    assert!((239..=240).contains(&summary.looks), "{}", summary.looks);
    assert!(
        summary.applied >= 2 && summary.applied <= summary.instructions,
        "{summary:?}"
    );
    assert!(summary.fired["late"] > 0 && summary.fired["failed"] > 0);
    assert!(summary.restarts_per_day().unwrap() > 0.0);
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["fired"]["late"], summary.fired["late"]);
}

#[test]
fn what_is_not_followed_stays_what_the_recording_says() {
    let (summary, _) = run(&Options::default());
    assert_eq!(summary.applied, 0);
    assert!(summary.instructions > 0);
    let mut from = Vec::new();
    replay(&policy(LATE), &recording(), &Options::default(), |d| {
        from.extend(d.changes().iter().map(|c| c.from));
    })
    .unwrap();
    assert!(from.iter().all(|p| *p == 4.0));
}

#[test]
fn the_span_can_be_cut_and_marks_end_windows() {
    let mut recording = recording();
    recording.mark(T0 + 40 * M, Mark::Restart);
    let options = Options {
        from: Some(T0 + 35 * M),
        to: Some(T0 + 41 * M),
        follow: Follow::Never,
        full: true,
    };
    let mut kinds = Vec::new();
    let summary = replay(&policy(LATE), &recording, &options, |d| {
        assert!(d.at() > T0 + 35 * M && d.at() <= T0 + 41 * M);
        if d.at() >= T0 + 40 * M {
            assert!(d.changes().is_empty(), "within the warm-up:\n{d}");
        }
        kinds.push(d.kind());
    })
    .unwrap();
    assert_eq!(summary.looks, 12);
    assert!(kinds.contains(&LookKind::Long) && kinds.contains(&LookKind::Short));
}

#[test]
fn what_cannot_be_replayed_is_an_error_that_says_why() {
    let empty = replay(&policy(LATE), &Recording::new("t"), &Options::default(), |_| {});
    assert!(matches!(empty, Err(ReplayError::Empty { .. })));
    let mut foreign = Recording::new("t");
    foreign.series("cpu_load", "", vec![T0], vec![1.0]).unwrap();
    let error = replay(&policy(LATE), &foreign, &Options::default(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("(cpu_load)"), "{error}");
    assert!(matches!(
        foreign.series("cpu_load", "", vec![T0], vec![]),
        Err(RecordingError::Lengths { .. })
    ));
    let mut wrong = recording();
    wrong.attribute(T0 + M, "parallelism", "four");
    assert!(matches!(
        replay(&policy(LATE), &wrong, &Options::default(), |_| {}),
        Err(ReplayError::Task(_))
    ));
}

#[test]
fn a_series_in_any_order_is_the_same_series() {
    let mut shuffled = Recording::new("orders");
    let times: Vec<i64> = (0..480).rev().map(|i| T0 + i * 15_000).collect();
    let lag = |t: &i64| if (H / 2..H).contains(&(t - T0)) { 120.0 } else { 0.0 };
    let values = times.iter().map(lag).collect();
    shuffled.series("lag", "", times, values).unwrap();
    shuffled.attribute(T0, "parallelism", 4.0);
    shuffled.event("log", "", T0 + 20 * M, "it went boom");
    let summary = replay(&policy(LATE), &shuffled, &Options::default(), |_| {}).unwrap();
    assert_eq!(summary, run(&Options::default()).0);
    // Records are named in the public interface.
    assert_eq!(serde_json::to_value(RecordKind::Applied).unwrap()["kind"], "applied");
}
