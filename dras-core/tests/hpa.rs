//! Conformance with what the tests of Kubernetes' Horizontal Pod Autoscaler expect, of what both promise: stabilisation, utilisation with missing
//! measurements, tolerance, limits and steps. [`DIFFERENCES`] says where we differ on purpose and why, and the test checks that we really do.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use dras_core::action::{Resource, Room, Wish, guard, size};
use dras_core::resources::ratio::LargestStep;
use harness::{Difference, H, Job, S, conform, parallelism};
use serde_json::Value as Json;

const DIFFERENCES: &[Difference] = &[
    (
        "missing instances",
        |v| kind(v) == "resource_utilization" && pods(v).any(|p| is_missing(p) || is_unready(p)),
        "less than 80% of the instances are known: nothing is computed from the rest, in no direction, and nothing is assumed of the others",
    ),
    (
        "tolerance of everything",
        |v| num(&v["tolerance"]["up"]) >= 1.0 || num(&v["tolerance"]["down"]) >= 1.0,
        "a tolerance of 100% or more would hold any allocation, and is refused in a document",
    ),
    (
        "tolerance of what is wanted",
        |v| num(&v["tolerance"]["down"]) > 0.3,
        "a dead band is a share of what is wanted, not of what there is: 36% below 3 is 1.92, and 36% above the wanted 1.95 is 2.65",
    ),
    (
        "limits want nothing",
        |v| {
            num(&v["current_replicas"]) > num(&v["max_replicas"])
                || (kind(v) == "controller" && v["metrics"] == Json::Array(Vec::new()))
        },
        "a task outside its limits is not restarted for that alone: somebody put it there",
    ),
    (
        "steps without memory",
        |v| events(v),
        "a largest step is of one change; how many changes there are in a time is the matter of cool-downs and the restart budget",
    ),
    (
        "nothing runs",
        |v| v["current_replicas"] == 0,
        "from nothing one change goes by one step: a task that does not run is not tuned",
    ),
    (
        "a slip of the hand",
        |v| num(&v["expect"]["replicas"]) >= f64::from(i32::MAX),
        "one change adds a hundred times as much at most",
    ),
];

fn kind(v: &Json) -> &str {
    v["kind"].as_str().unwrap()
}

fn num(v: &Json) -> f64 {
    v.as_f64().unwrap_or(f64::NAN)
}

fn pods(v: &Json) -> impl Iterator<Item = &Json> {
    v["pods"].as_array().into_iter().flatten()
}

fn is_unready(pod: &Json) -> bool {
    pod["state"] == "unready" || pod["state"] == "pending"
}

fn is_missing(pod: &Json) -> bool {
    pod["state"] == "ready" && pod["usage_milli"].is_null()
}

fn events(v: &Json) -> bool {
    ["scale_up_events", "scale_down_events"]
        .iter()
        .any(|e| v[e].as_array().is_some_and(|e| !e.is_empty()))
}

/// A document whose one rule wants `then`, with nothing in the way but the vector's tolerance and limits.
fn document(v: &Json, then: &str) -> String {
    let share = |direction: &str| num(&v["tolerance"][direction]);
    let (up, down) = if v["tolerance"].is_null() {
        (0.1, 0.1)
    } else {
        (share("up"), share("down"))
    };
    let limit = |name: &str, of: &str| v[name].as_u64().map(|n| format!(r#""{of}": {n}"#));
    let limits: Vec<String> = [limit("min", "min"), limit("max", "max")]
        .into_iter()
        .flatten()
        .collect();
    format!(
        r#"{{"version": 1,
            "metrics": {{
                "usage": {{"per": "task_manager", "across": "sum"}}, "request": {{"per": "task_manager", "across": "sum"}}, "other": {{}}
            }},
            "attributes": {{"ready": {{"type": "number"}}, "target": {{"type": "number"}}}},
            "rules": [
                {{"name": "fit", "when": "true", "then": {{"parallelism": "{then}"}}}},
                {{"name": "other", "when": "other > target + ready + request + usage", "then": {{"parallelism": "1"}}}}
            ],
            "sizing": {{"tolerance": {{"up": {up}, "down": {down}}}}}, "limits": {{"parallelism": {{{}}}}},
            "guards": {{"stabilisation": {{"down": "0s"}}, "freeze_on_missing": "off", "largest_step": {{"up": 100, "down": 1}}}}}}"#,
        limits.join(", ")
    )
}

/// What a look comes to for instances with these usages and requests, of `expected` instances in all.
fn look(
    v: &Json,
    then: &str,
    instances: &[(Option<f64>, f64)],
    expected: usize,
    ready: f64,
    target: f64,
) -> Option<f64> {
    if num(&v["tolerance"]["up"]) >= 1.0 || num(&v["tolerance"]["down"]) >= 1.0 {
        let refused =
            dras_core::engine::Policy::from_json(document(v, then), &dras_core::rules::DocumentLimits::default())
                .unwrap_err();
        assert!(refused.to_string().contains("tolerance"), "{refused}");
        return None;
    }
    let current = num(&v["current_replicas"]);
    let mut job = Job::new(&document(v, then)).with(&[
        ("parallelism", current),
        ("task_managers", expected as f64),
        ("ready", ready),
        ("target", target),
    ]);
    for (i, (usage, request)) in instances.iter().enumerate() {
        if let Some(usage) = usage {
            job.scrape(&format!("tm-{i}"), &[("usage", *usage), ("request", *request)]);
        }
    }
    Some(parallelism(&job.look()).unwrap_or(current))
}

fn utilisation(v: &Json) -> Option<f64> {
    let state = |p: &Json, states: &[&str]| states.contains(&p["state"].as_str().unwrap());
    let alive: Vec<&Json> = pods(v).filter(|p| state(p, &["ready", "unready", "pending"])).collect();
    let ready = alive.iter().filter(|p| state(p, &["ready"]));
    let instances: Vec<_> = ready
        .map(|p| (p["usage_milli"].as_f64(), num(&p["request_milli"])))
        .collect();
    let target = num(&v["target_utilization_pct"]) / 100.0;
    let wanted = look(
        v,
        "parallelism * sum(usage) / sum(request) / target",
        &instances,
        alive.len(),
        0.0,
        target,
    );
    if pods(v).any(|p| is_missing(p) || is_unready(p)) {
        assert_eq!(
            wanted,
            Some(num(&v["current_replicas"])),
            "what is not known changes nothing"
        );
    }
    wanted
}

fn values(v: &Json) -> Vec<(Option<f64>, f64)> {
    v["values_milli"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| (u.as_f64(), 1.0))
        .collect()
}

fn of_values(v: &Json, then: &str) -> Option<f64> {
    let instances = values(v);
    look(
        v,
        then,
        &instances,
        instances.len(),
        num(&v["ready_pods"]).max(0.0),
        num(&v["target"]),
    )
}

fn largest_step(policies: &Json, select: &Json, current: f64) -> LargestStep {
    let reach = |p: &Json| match p["type"].as_str().unwrap() {
        "Pods" => num(&p["value"]),
        _ => current * num(&p["value"]) / 100.0,
    };
    let step = |p: &Json| match p["type"].as_str().unwrap() {
        "Pods" => LargestStep::By(p["value"].as_u64().unwrap()),
        _ => LargestStep::Share(num(&p["value"]) / 100.0),
    };
    let all = policies.as_array().unwrap();
    let by_reach = |a: &&Json, b: &&Json| reach(a).total_cmp(&reach(b));
    let chosen = if select == "Min" {
        all.iter().min_by(by_reach)
    } else {
        all.iter().max_by(by_reach)
    };
    step(chosen.unwrap())
}

fn sized(current: f64, desired: f64, room: &Room) -> f64 {
    let wish = Wish {
        resource: Resource::Parallelism,
        current,
        target: desired,
        exact: desired,
        urgent: false,
        rules: vec![0],
        waits_for: None,
    };
    size(&wish, room).to
}

fn limited(v: &Json) -> f64 {
    let current = num(&v["current_replicas"]);
    let steps = if kind(v) == "limit_default" {
        // Without a behaviour: twice as many, four at least.
        (
            LargestStep::By((current * 2.0).max(4.0) as u64 - current as u64),
            LargestStep::Unlimited,
        )
    } else {
        let select = &v["select_policy"];
        (
            largest_step(&v["scale_up_policies"], select, current),
            largest_step(&v["scale_down_policies"], select, current),
        )
    };
    let room = Room {
        min: v["min_replicas"].as_u64(),
        max: v["max_replicas"].as_u64(),
        step_up: steps.0,
        step_down: steps.1,
        ..Room::UNLIMITED
    };
    sized(current, num(&v["desired"]), &room)
}

fn step_limit(v: &Json, up: bool) -> f64 {
    let current = num(&v["current_replicas"]);
    let step = largest_step(&v["policies"], &v["select_policy"], current);
    let room = Room {
        step_up: step,
        step_down: step,
        ..Room::UNLIMITED
    };
    sized(current, if up { 1e6 } else { 1.0 }, &room)
}

fn stabilised(v: &Json, current: f64, desired: f64, up: f64, down: f64) -> f64 {
    let now = 10 * H;
    let ms = |s: f64| (s * S as f64) as i64;
    let log: Vec<(i64, f64)> = v["recommendations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (now - ms(num(&r["age_s"])), num(&r["replicas"])))
        .collect();
    guard::stabilise(&log, now, ms(up), ms(down), current, desired)
}

fn controller(v: &Json) -> Option<f64> {
    let current = num(&v["current_replicas"]);
    let known: Vec<&Json> = v["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["error"].is_null())
        .collect();
    let Some(metric) = known.first() else {
        // Nothing is measured, and nothing wanted.
        let text = document(v, "parallelism * sum(usage)");
        return Some(parallelism(&Job::new(&text).with(&[("parallelism", current)]).look()).unwrap_or(current));
    };
    let list = |name: &str| metric[name].as_array().unwrap().iter().map(num).collect::<Vec<_>>();
    let (instances, then, target): (Vec<_>, _, f64) = if metric["type"] == "cpu_utilization" {
        let both = list("usage_milli").into_iter().zip(list("request_milli"));
        let target = num(&metric["target_pct"]) / 100.0;
        (
            both.map(|(u, r)| (Some(u), r)).collect(),
            "parallelism * sum(usage) / sum(request) / target",
            target,
        )
    } else {
        let all = list("values_milli").into_iter().map(|u| (Some(u), 1.0));
        (
            all.collect(),
            "parallelism * avg(usage) / target",
            num(&metric["target"]),
        )
    };
    let desired = look(v, then, &instances, instances.len(), 0.0, target)?;
    if v["recommendations"].is_array() {
        return Some(stabilised(v, current, desired, 0.0, num(&v["down_window_s"])));
    }
    Some(desired)
}

fn ours(v: &Json) -> Option<f64> {
    let number = |name: &str| num(&v[name]);
    match kind(v) {
        "resource_utilization" => utilisation(v),
        "pods_average" => of_values(v, "parallelism * avg(usage) / target"),
        "object_value" | "external_value" => of_values(v, "sum(usage) / target * ready"),
        "object_per_pod" | "external_per_pod" => of_values(v, "sum(usage) / target"),
        "limit_default" | "behaviour_rate_limit" => Some(limited(v)),
        "scale_up_limit" => Some(step_limit(v, true)),
        "scale_down_limit" => Some(step_limit(v, false)),
        // The older rule does not look at the present count.
        "stabilise_downscale_only" => Some(stabilised(
            v,
            f64::INFINITY,
            number("desired"),
            0.0,
            number("down_window_s"),
        )),
        "stabilise_two_sided" => Some(stabilised(
            v,
            number("current_replicas"),
            number("desired"),
            number("up_window_s"),
            number("down_window_s"),
        )),
        "controller" => controller(v),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn every_vector_agrees_or_differs_for_a_stated_reason() {
    let data: Json = serde_json::from_str(include_str!("data/hpa.json")).unwrap();
    let vectors = data["vectors"].as_array().unwrap();
    conform(
        "hpa.json",
        vectors,
        DIFFERENCES,
        |v| v["test"].as_str().unwrap().to_owned(),
        |v| {
            let wanted = v["expect"]["replicas"]
                .as_f64()
                .or(v["expect"]["limit"].as_f64())
                .unwrap();
            let got = ours(v);
            (got == Some(wanted), format!("expected {wanted}, got {got:?}"))
        },
    );
}

#[test]
fn up_is_computed_from_what_is_known_and_down_never_from_fewer_instances() {
    // One of five instances is silent, which is within the 80% that a document asks for; of two, nothing is known.
    let v = serde_json::json!({"current_replicas": 5, "tolerance": {"up": 0.1, "down": 0.1}});
    let then = "parallelism * avg(usage) / target";
    let busy = [
        (Some(900.0), 1.0),
        (Some(900.0), 1.0),
        (Some(900.0), 1.0),
        (Some(900.0), 1.0),
    ];
    assert_eq!(look(&v, then, &busy, 5, 0.0, 500.0), Some(9.0));
    assert_eq!(look(&v, then, &busy[..3], 5, 0.0, 500.0), Some(5.0));
    let idle = busy.map(|(_, r)| (Some(50.0), r));
    assert_eq!(
        look(&v, then, &idle[..3], 5, 0.0, 500.0),
        Some(5.0),
        "what is silent may be what is busy"
    );
}
