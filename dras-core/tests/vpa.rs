//! Conformance with what the tests of Kubernetes' Vertical Pod Autoscaler expect of memory that ran out. Its histograms, its recommender and its
//! updater are something else, and are counted by name.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeMap;

use dras_core::action::{RecordKind, Resource};
use dras_core::engine::Decision;
use harness::{DAY, Difference, H, Job, M, MIB, S, conform, instruction_key, report, to};
use serde_json::Value as Json;

const TM: Resource = Resource::TaskManagerMemory;

/// What this project does not have, by the kind of vector, and what stands in its place.
const SKIPPED: &[(&str, &str)] = &[
    ("bucket_layout", "usage is kept as samples and panes, not in buckets"),
    ("checkpoint", "a snapshot holds the windows themselves"),
    (
        "confidence",
        "a window without enough data is undefined instead of wide",
    ),
    ("confidence_bounds", "as above"),
    ("decaying_percentile", "windows end; nothing decays"),
    ("histogram_percentile", "quantiles are of the samples"),
    (
        "margin",
        "reserves are `reserve` and `reserve_of_usage`, tested where the language is",
    ),
    ("minimum", "limits are of the document"),
    ("recommend", "what a rule wants is in the document"),
    ("recommend_percentile", "as above"),
    ("update_order", "which task comes first is the platform's business"),
    ("update_priority", "as above"),
];

const DIFFERENCES: &[Difference] = &[(
    "stale is what was before the change",
    |v| v["test"] == "TestRecordOOM custom interval stale",
    "an old event is no error of the caller: it is taken, and says nothing about resources that are newer than it",
)];

/// VPA's rule: what was used or given, and a fifth or 100 MiB of it on top; for every exception since the last change.
const DOCUMENT: &str = r#"{"version": 1, "mode": "active",
    "metrics": {
        "exceptions": {"kind": "event", "max_lateness": "7d"},
        "memory_used": {"unit": "B", "per": "task_manager", "across": "max"}
    },
    "define": {"used": "max(task_manager_memory, max(memory_used[8d across marks]) ?? 0B)"},
    "rules": [{"name": "oom", "urgent": true, "no_shrink_for": "1d",
        "when": "count(exceptions[10m] =~ 'OutOfMemoryError') > 0 && age(exceptions[10m]) < since_last_change",
        "then": {"task_manager_memory": "max(used + 100MiB, used * 1.2)"}}],
    "guards": {"largest_step": {"urgent": 100}},
    "windows": {"min_coverage": "0%", "min_samples": 1}}"#;

const OOM: &str = "java.lang.OutOfMemoryError: Java heap space";

/// A task that runs for an hour with this much memory.
fn running(memory: f64) -> Job {
    let mut job = Job::new(DOCUMENT).with(&[("task_manager_memory", memory)]);
    assert!(job.look().changes().is_empty());
    job.now += H;
    job
}

fn oom(job: &mut Job, at: i64) -> Decision {
    job.event("exceptions", at, OOM);
    job.observed("exceptions");
    job.look_short()
}

/// What the rule wants, in whole steps of 64 MiB.
fn wanted(decision: &Decision) -> Option<f64> {
    decision.report().rules[0].proposals.first()?.target
}

fn sample(v: &Json) -> Option<f64> {
    let input = &v["input"];
    assert_eq!(
        (input["bump_ratio"].as_f64(), input["min_bump_bytes"].as_f64()),
        (Some(1.2), Some(100.0 * MIB))
    );
    let mut job = running(input["request_bytes"].as_f64().unwrap());
    let usage = input["usage_bytes"].as_f64().unwrap();
    if usage > 0.0 {
        job.scrape("tm-1", &[("memory_used", usage)]);
    }
    let now = job.now;
    wanted(&oom(&mut job, now))
}

/// Days of VPA's windows, an hour into each.
fn sequence(v: &Json) -> Option<f64> {
    let input = &v["input"];
    let interval = input["aggregation_interval_h"].as_f64().unwrap();
    let mut job = running(1000.0 * MIB);
    let began = job.now;
    let mut last = None;
    for event in input["events"].as_array().unwrap() {
        let hours = event["at_h"]
            .as_f64()
            .or_else(|| Some(event["window"].as_f64()? * interval))
            .unwrap();
        let at = began + (hours * H as f64) as i64;
        job.now = job.now.max(at);
        if event["kind"] == "sample" {
            job.scrape("tm-1", &[("memory_used", event["mib"].as_f64().unwrap_or(500.0) * MIB)]);
        } else {
            // It runs, with little, until it does not; what has been silent for two days is nobody's peak.
            job.scrape("tm-1", &[("memory_used", 100.0 * MIB)]);
            last = Some(oom(&mut job, at));
        }
    }
    wanted(&last.unwrap())
}

#[test]
fn every_vector_about_running_out_agrees_or_differs_for_a_stated_reason() {
    let data: Json = serde_json::from_str(include_str!("data/vpa.json")).unwrap();
    let mut skipped: BTreeMap<&str, usize> = SKIPPED.iter().map(|s| (s.0, 0)).collect();
    let mut ours = Vec::new();
    for v in data["vectors"].as_array().unwrap() {
        match skipped.get_mut(v["kind"].as_str().unwrap()) {
            Some(count) => *count += 1,
            None => ours.push(v.clone()),
        }
    }
    conform(
        "vpa.json",
        &ours,
        DIFFERENCES,
        |v| v["test"].as_str().unwrap().to_owned(),
        |v| {
            let got = match v["kind"].as_str().unwrap() {
                "oom_sample" => sample(v),
                "oom_sequence" => sequence(v),
                other => panic!("unknown kind {other}"),
            };
            let expect = &v["expect"];
            let bytes = expect["sample_bytes"]
                .as_f64()
                .or_else(|| Some(expect["sample_mib"].as_f64()? * MIB));
            // An error changes nothing; nothing is no error.
            (
                got.is_some() && got == bytes.map(|b| TM.quantise(b)),
                format!("expected {expect}, got {got:?}"),
            )
        },
    );
    report!("  {} of other kinds:", skipped.values().sum::<usize>());
    for (kind, reason) in SKIPPED {
        report!("  {:3} {kind}: {reason}", skipped[kind]);
        assert!(skipped[kind] > 0, "there is no {kind}");
    }
}

#[test]
fn one_exception_is_counted_once_however_often_and_by_whomever_it_is_told() {
    let mut job = running(1000.0 * MIB);
    let at = job.now;
    let first = oom(&mut job, at);
    assert_eq!(to(&first, TM), Some(TM.quantise(1200.0 * MIB)));
    // Told again before the change, and after it.
    let key = instruction_key(&first);
    job.now += 30 * S;
    assert_eq!(instruction_key(&oom(&mut job, at)), key);
    job.apply(&first);
    for _ in 0..100 {
        job.now += 30 * S;
        assert_eq!(wanted(&oom(&mut job, at)), None);
    }
    assert_eq!(
        job.task
            .history()
            .records()
            .filter(|r| r.kind == RecordKind::Applied)
            .count(),
        1
    );
}

#[test]
fn an_exception_from_before_the_change_says_nothing_about_what_there_is_since() {
    let mut job = running(1000.0 * MIB);
    let at = job.now;
    let first = oom(&mut job, at);
    job.now += M;
    job.apply(&first);
    job.now += 3 * M;
    // It happened half a minute before the change, and was told late.
    assert_eq!(wanted(&oom(&mut job, at + 30 * S)), None);
    // A day old, and older than every window.
    let old = at - 30 * H;
    assert_eq!(wanted(&oom(&mut job, old)), None);
    // One since the change is another matter: a fifth of what there is now.
    let now = job.now;
    let second = oom(&mut job, now);
    assert_eq!(wanted(&second), Some(TM.quantise(1216.0 * 1.2 * MIB)));
    assert_eq!(second.changes()[0].from, 1216.0 * MIB);
}

#[test]
fn a_cap_keeps_the_base_and_says_so_for_ever() {
    let text = DOCUMENT.replace(
        r#""guards": {"#,
        r#""limits": {"task_manager_memory": {"max": "1100MiB"}}, "guards": {"#,
    );
    let mut job = Job::new(&text).with(&[("task_manager_memory", 1000.0 * MIB)]);
    job.look();
    job.now += H;
    let now = job.now;
    let first = oom(&mut job, now);
    assert_eq!(to(&first, TM), Some(1100.0 * MIB));
    job.apply(&first);
    for _ in 0..20 {
        job.now += 20 * M;
        let now = job.now;
        let decision = oom(&mut job, now);
        assert!(decision.changes().is_empty());
        assert_eq!(
            wanted(&decision),
            Some(TM.quantise(1320.0 * MIB)),
            "never more than a fifth above what there is"
        );
        assert_eq!(decision.alerts().count(), 1);
    }
    // For a day nothing goes back to what ran out.
    assert!(
        job.task
            .history()
            .ran_out()
            .iter()
            .all(|r| r.until > job.now && r.until <= job.now + DAY)
    );
}
