//! Conformance with what the unit tests of the Flink Kubernetes Operator's autoscaler expect, of what both promise: effectiveness, delayed
//! scale-down, limits, alignment, quotas, excluded periods. Groups about what is not ours are counted by name.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeMap;

use dras_core::action::{Resource, Room, Wish, guard, size};
use dras_core::resources::ratio::{AlignTo, Alignment, LargestStep, Note};
use harness::{DAY, Difference, H, Job, S, conform, parallelism, report};
use serde_json::Value as Json;

/// What is not ours, by group, and where it would be.
const SKIPPED: &[(&str, &str)] = &[
    (
        "config_validation",
        "options of the autoscaler; ours are fields of documents",
    ),
    ("counter_rate", "rates are of the windows, tested there"),
    ("cpu_gated_executor_example", "a plugin; ours are rules"),
    ("effective_job_status", "the platform knows whether a job runs"),
    ("excluded_period_validation", "periods have a syntax of their own"),
    ("global_metrics", "metrics are of the document"),
    ("history_trim", "histories are bounded by number"),
    ("job_level_gate", "decisions are of the job, not of its vertices"),
    ("job_running_ts", "marks are the platform's"),
    ("load_from_busy_time", "expressions of a document"),
    (
        "memory_pressure_gate",
        "memory that runs short is a reason to act, not to wait",
    ),
    ("memory_scaling", "expressions of a document"),
    (
        "memory_tuning",
        "expressions of a document, and Flink's memory model, tested there",
    ),
    ("merge_metric_override", "a plugin; ours are rules"),
    ("metric_window", "windows are tested where they are"),
    ("network_segments", "not modelled"),
    ("observed_tpr_backpressure", "expressions of a document"),
    ("observed_tpr_sample", "expressions of a document"),
    ("partition_count", "the platform says `source_partitions`"),
    ("processing_backlog", "expressions of a document"),
    ("resource_check", "the cluster is the platform's"),
    ("restart_time", "expressions of a document"),
    ("scaling_coefficient", "not modelled"),
    ("scaling_history_trim", "histories are bounded by number"),
    ("scaling_report", "reports have a form of their own"),
    ("single_source_evaluation", "expressions of a document"),
    (
        "slots_after_rescale",
        "the task says its slot sharing groups; nothing is guessed from numbers of slots",
    ),
    ("source_sink_evaluation", "expressions of a document"),
    ("thresholds", "expressions of a document"),
    ("timeline", "expressions of a document"),
    ("tm_metrics", "metrics are of the document"),
    ("tpr_input_rate", "expressions of a document"),
    ("true_processing_rate", "expressions of a document"),
    ("try_schedule", "the cluster is the platform's"),
    ("vertex_exclusion", "decisions are of the job, not of its vertices"),
];

const DIFFERENCES: &[Difference] = &[
    (
        "cut, not blocked",
        |v| group(v) == "resource_quota",
        "growth beyond a quota is cut to what fits, and held only where nothing does",
    ),
    (
        "coefficient",
        |v| v["inputs"]["observed_scalability_enabled"] == true,
        "how capacity grows with parallelism is not learned",
    ),
    (
        "limits want nothing",
        |v| group(v) == "scale" && number(v, "lower_limit") > number(v, "current"),
        "a task below its least is not brought up by a wish that ends below it too",
    ),
    (
        "the fullest subtask",
        |v| group(v) == "scale" && v["inputs"]["mode"] == "legacy_MAXIMIZE_UTILISATION",
        "alignment is to divisors; the least with a less loaded fullest subtask is among the alternatives",
    ),
    (
        "alignment that walks down",
        |v| group(v) == "scale" && number(v, "current") >= 80.0,
        "where no divisor upwards is within the limits the target stays, and is not moved below what is wanted",
    ),
];

fn group(v: &Json) -> &str {
    v["group"].as_str().unwrap()
}

fn number(v: &Json, name: &str) -> f64 {
    v["inputs"][name].as_f64().unwrap_or(f64::NAN)
}

fn desired_by_rate(target: f64, rate: f64, utilisation: f64, parallelism: f64) -> f64 {
    target / (rate * utilisation) * parallelism
}

fn sized(current: f64, wanted: f64, room: &Room) -> (f64, Vec<Note>) {
    let target = if wanted > current {
        Resource::Parallelism.quantise(wanted)
    } else {
        Resource::Parallelism.quantise(wanted).min(current)
    };
    let wish = Wish {
        resource: Resource::Parallelism,
        current,
        target,
        exact: wanted.min(target),
        urgent: false,
        rules: vec![0],
        waits_for: None,
    };
    if target == current {
        return (current, Vec::new());
    }
    let change = size(&wish, room);
    (change.to, change.notes)
}

/// The divisors that the vertex is aligned to, at any price, as the autoscaler does.
fn alignment(v: &Json, most_over: f64) -> Option<Alignment> {
    let partitions = number(v, "num_source_partitions");
    let (to, of) = match () {
        () if partitions > 0.0 => (AlignTo::Partitions, partitions),
        () if v["inputs"]["has_hash_input"] == true => (AlignTo::KeyGroups, number(v, "max_parallelism")),
        () => return None,
    };
    Some(Alignment {
        to,
        of: of as u32,
        most_over,
    })
}

fn scale(v: &Json) -> f64 {
    let current = number(v, "current");
    let room = Room {
        min: v["inputs"]["lower_limit"].as_u64(),
        max: Some(number(v, "upper_limit").min(number(v, "max_parallelism")) as u64),
        alignment: alignment(v, 1e9),
        ..Room::UNLIMITED
    };
    sized(current, current * number(v, "scale_factor"), &room).0
}

fn scale_target(v: &Json) -> f64 {
    let current = number(v, "parallelism");
    let wanted = desired_by_rate(
        number(v, "target_data_rate"),
        number(v, "true_processing_rate"),
        number(v, "utilization_target"),
        current,
    );
    let room = Room {
        min: v["inputs"]["vertex_min_parallelism"].as_u64(),
        max: v["inputs"]["vertex_max_parallelism"].as_u64(),
        step_up: LargestStep::Share(number(v, "scale_up_max_factor")),
        step_down: LargestStep::Share(number(v, "scale_down_max_factor")),
        alignment: alignment(v, 1e9),
        ..Room::UNLIMITED
    };
    sized(current, wanted, &room).0
}

/// Both modes that are not deprecated: the divisor, and the least that is less loaded, which is an alternative here.
fn aligned(v: &Json) -> (bool, String) {
    let at = |most_over: f64| {
        let room = Room {
            alignment: Some(Alignment {
                to: AlignTo::KeyGroups,
                of: number(v, "max_parallelism") as u32,
                most_over,
            }),
            ..Room::UNLIMITED
        };
        sized(number(v, "current"), number(v, "target"), &room)
    };
    let (evenly, _) = at(1e9);
    let (target, notes) = at(0.0);
    let balanced = v["expected"]["BALANCED"].as_u64().unwrap();
    let listed = notes.iter().any(|n| matches!(n, Note::NotAligned { alternatives, .. } if alternatives.iter().any(|a| a.parallelism == balanced)));
    let agrees = v["expected"]["EVENLY_SPREAD"].as_f64() == Some(evenly) && listed && target == number(v, "target");
    (agrees, format!("{evenly}, {target}, {notes:?}"))
}

/// A rule that wants what a rate asks for, and says what it raises.
fn by_rate(more: &str) -> Job {
    Job::new(&format!(
        r#"{{"version": 1, "mode": "active", "attributes": {{"target": {{"type": "number"}}, "done": {{"type": "number"}}}},
            "rules": [{{"name": "fit", "when": "defined(target)", "then": {{"parallelism": "parallelism * target / done"}}, "raises": "done"}}]{more}}}"#
    ))
}

fn ineffective(v: &Json) -> f64 {
    let inputs = &v["inputs"];
    let hold = if inputs["detection_enabled"] == true {
        "2h"
    } else {
        "0s"
    };
    let align = if inputs["has_hash_input"] == true {
        r#", "sizing": {"align": {"to": "key_groups"}}"#
    } else {
        ""
    };
    let mut job = by_rate(&format!(
        r#", "guards": {{"stabilisation": {{"down": "0s"}}, "ineffective": {{"least_gain": {}, "for": "{hold}"}}}}{align}"#,
        inputs["threshold"]
    ));
    if !align.is_empty() {
        job.set("max_parallelism", number(v, "max_parallelism"));
    }
    let current = number(v, "current_parallelism");
    let last = &inputs["last_scaling"];
    if last.is_null() {
        job.set("parallelism", current);
    } else {
        let rate = last["true_processing_rate"].as_f64().unwrap();
        job.set("parallelism", last["current_parallelism"].as_f64().unwrap());
        job.set("done", rate);
        job.set("target", last["expected_processing_rate"].as_f64().unwrap());
        let decision = job.act();
        assert_eq!(parallelism(&decision), last["new_parallelism"].as_f64());
        job.unset("target");
        job.now += H;
        job.set("parallelism", current);
        job.look();
    }
    job.now += H;
    job.set("done", number(v, "current_true_processing_rate"));
    job.set("target", number(v, "target_data_rate"));
    let decision = job.look();
    let waits = harness::held(&decision).iter().any(|h| h.1 == "ineffective");
    if v["expected"]["event_emitted"] == true && hold != "0s" {
        assert!(
            waits && decision.to_string().contains("of what it promised"),
            "{decision}"
        );
    }
    parallelism(&decision).unwrap_or(current)
}

fn delayed(v: &Json) -> (bool, String) {
    let rate = number(v, "true_processing_rate");
    let more = format!(
        r#", "sizing": {{"tolerance": {{"down": "0%"}}}}, "guards": {{"stabilisation": {{"down": "{}s"}}}}"#,
        number(v, "scale_down_interval_s")
    );
    let mut job = by_rate(&more).with(&[("parallelism", number(v, "parallelism")), ("done", rate)]);
    let began = job.now;
    let mut got = Vec::new();
    for step in v["inputs"]["steps"].as_array().unwrap() {
        job.now = began + step["t_s"].as_i64().unwrap() * S;
        job.set("target", step["target_data_rate"].as_f64().unwrap());
        got.push(parallelism(&job.look()).unwrap_or(number(v, "parallelism")));
    }
    let wanted: Vec<f64> = v["expected"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["new_parallelism"].as_f64().unwrap())
        .collect();
    (got == wanted, format!("{got:?}"))
}

fn window_max(v: &Json) -> f64 {
    let log: Vec<(i64, f64)> = v["inputs"]["recommendations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["t_s"].as_i64().unwrap() * S, r["parallelism"].as_f64().unwrap()))
        .collect();
    let now = log.last().unwrap().0;
    // The start belongs to the window there, and not here.
    let window = now - v["inputs"]["window_start_s"].as_i64().unwrap() * S + 1;
    guard::stabilise(&log, now, 0, window, f64::INFINITY, 0.0)
}

/// Whether the whole growth is refused.
fn quota(v: &Json) -> bool {
    let inputs = &v["inputs"];
    let vertices = inputs["vertices"].as_array().unwrap();
    let groups: std::collections::BTreeSet<u64> = vertices
        .iter()
        .map(|v| v["slot_sharing_group"].as_u64().unwrap())
        .collect();
    let largest = |name: &str| vertices.iter().map(|v| v[name].as_f64().unwrap()).fold(0.0, f64::max);
    let total = match (inputs["cpu_quota"].as_f64(), inputs["memory_quota_gib"].as_f64()) {
        (Some(cores), _) => format!(r#""cores": {cores}"#),
        (_, Some(gib)) => format!(r#""memory": "{gib}GiB""#),
        _ => panic!("no quota"),
    };
    let text = format!(
        r#"{{"version": 1, "rules": [{{"name": "grow", "when": "true", "then": {{"parallelism": "{}"}}}}],
            "limits": {{"total": {{{total}}}}}, "guards": {{"largest_step": {{"up": 100}}}}}}"#,
        largest("new_parallelism")
    );
    let mut job = Job::new(&text).with(&[("parallelism", largest("parallelism"))]);
    for (name, value) in [
        ("slots_per_task_manager", number(v, "task_slots_per_tm")),
        ("slot_sharing_groups", groups.len() as f64),
        ("task_manager_cores", number(v, "tm_cpu")),
        (
            "task_manager_memory",
            number(v, "tm_memory_gib") * 1024.0 * harness::MIB,
        ),
        // The autoscaler does not count it.
        ("job_manager_memory", 1.0),
    ] {
        job.set(name, value);
    }
    let decision = job.look();
    if let Some(to) = parallelism(&decision) {
        assert!(to <= largest("new_parallelism"));
        let cores = (to * groups.len() as f64 / number(v, "task_slots_per_tm")).ceil() * number(v, "tm_cpu");
        assert!(
            cores <= inputs["cpu_quota"].as_f64().unwrap_or(f64::INFINITY),
            "{decision}"
        );
    }
    parallelism(&decision).is_none()
}

/// Quartz counts seconds and Sunday as 1; a pattern here has five fields, and Sunday is 0.
fn period(expression: &str) -> String {
    let (mut daily, mut cron) = (None, None);
    for part in expression.split(" && ") {
        let fields: Vec<&str> = part.split(' ').collect();
        if fields.len() == 1 {
            daily = Some(part.to_owned());
            continue;
        }
        let day = |d: &str| {
            d.parse::<u32>()
                .map_or_else(|_| "*".to_owned(), |d| (d - 1).to_string())
        };
        let week: Vec<String> = fields[5].split(',').map(day).collect();
        cron = Some(format!(
            "{} {} {} {} {}",
            fields[1],
            fields[2],
            fields[3].replace('?', "*"),
            fields[4],
            week.join(",")
        ));
    }
    let parts = [
        daily.map(|d| format!(r#""daily": "{d}""#)),
        cron.map(|c| format!(r#""cron": "{c}""#)),
    ];
    format!(
        r#"{{{}, "zone": "UTC"}}"#,
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    )
}

fn excluded(v: &Json) -> bool {
    let periods: Vec<String> = v["inputs"]["expressions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| period(e.as_str().unwrap()))
        .collect();
    let mut job = Job::new(&format!(
        r#"{{"version": 1, "rules": [{{"name": "grow", "when": "true", "then": {{"parallelism": "2"}}}}],
            "guards": {{"excluded": [{}]}}}}"#,
        periods.join(", ")
    ))
    .with(&[("parallelism", 1.0)]);
    // `2023-12-14T14:01:30`, of which all are in December 2023: the 11th was a Monday.
    let text = v["inputs"]["local_time"].as_str().unwrap();
    let (date, time) = text.split_once('T').unwrap();
    let day: i64 = date.strip_prefix("2023-12-").unwrap().parse().unwrap();
    let parts: Vec<i64> = time.split(':').map(|p| p.parse().unwrap()).collect();
    // Midnight of 1 December 2023.
    job.now = 1_701_388_800_000 + (day - 1) * DAY + (parts[0] * 3600 + parts[1] * 60 + parts[2]) * S;
    let decision = job.look();
    harness::held(&decision).iter().any(|h| h.1 == "excluded_period")
}

#[test]
fn every_vector_of_what_we_promise_agrees_or_differs_for_a_stated_reason() {
    let data: Json = serde_json::from_str(include_str!("data/flink-autoscaler.json")).unwrap();
    let mut skipped: BTreeMap<&str, usize> = SKIPPED.iter().map(|s| (s.0, 0)).collect();
    let mut ours = Vec::new();
    for v in data["vectors"].as_array().unwrap() {
        match skipped.get_mut(group(v)) {
            Some(count) => *count += 1,
            None => ours.push(v.clone()),
        }
    }
    conform(
        "flink-autoscaler.json",
        &ours,
        DIFFERENCES,
        |v| v["id"].as_str().unwrap().to_owned(),
        |v| {
            let same = |got: f64, name: &str| (v["expected"][name].as_f64() == Some(got), format!("got {got}"));
            let truth = |got: bool, name: &str| (v["expected"][name] == got, format!("got {got}"));
            match group(v) {
                "alignment" => aligned(v),
                "delayed_scale_down" => delayed(v),
                "excluded_period" => truth(excluded(v), "excluded"),
                "ineffective_scaling" => same(ineffective(v), "new_parallelism"),
                "resource_quota" => truth(quota(v), "blocked"),
                "scale" => same(scale(v), "new_parallelism"),
                "scale_target" => same(scale_target(v), "new_parallelism"),
                "window_max" => same(window_max(v), "parallelism"),
                other => panic!("unknown group {other}"),
            }
        },
    );
    report!("  {} of other groups:", skipped.values().sum::<usize>());
    for (group, reason) in SKIPPED {
        report!("  {:3} {group}: {reason}", skipped[group]);
        assert!(skipped[group] > 0, "there is no {group}");
    }
}
