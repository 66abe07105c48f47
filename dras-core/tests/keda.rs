//! Conformance with KEDA's Kafka scaler and its formulas, of what rules can say.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use harness::{Difference, Job, S, conform, parallelism};
use serde_json::Value as Json;

const DIFFERENCES: &[Difference] = &[
    (
        "a limit is a limit",
        |v| v["name"].as_str().is_some_and(|n| n.starts_with("integer division")),
        "the number of partitions bounds the result, not the lag: 35 over 3 partitions are 3 subtasks, not 4",
    ),
    (
        "an unknown offset",
        |v| v["name"].as_str().is_some_and(|n| n.starts_with("invalid offset")),
        "a partition without a committed offset has no lag that is known, neither 1 nor 0; with half of them unknown nothing is decided",
    ),
    (
        "nothing runs",
        |v| v["expect"]["replicas"] == 0,
        "a job is not scaled to nothing: that is suspending it, which nobody here decides",
    ),
];

/// A document whose one rule wants `then`, from one subtask to as many as that says.
fn look(then: &str, align: &str, attributes: &[(&str, f64)], scrapes: &[Vec<(Option<f64>, f64)>]) -> f64 {
    let text = format!(
        r#"{{"version": 1,
            "metrics": {{"lag": {{"per": "task_manager", "across": "sum", "interval": "30s"}}, "committed": {{"per": "task_manager", "interval": "30s"}}}},
            "attributes": {{"a": {{"type": "number"}}, "b": {{"type": "number"}}, "target": {{"type": "number"}}}},
            "define": {{"everything": "lag + committed + a + b + target"}},
            "rules": [
                {{"name": "scale", "when": "true", "then": {{"parallelism": "{then}"}}}},
                {{"name": "never", "when": "everything < -1", "then": {{"parallelism": "1"}}}}
            ],
            "sizing": {{{align}}}, "guards": {{"largest_step": {{"up": 100}}, "freeze_on_missing": "off"}}}}"#
    );
    let mut job = Job::new(&text).with(&[("parallelism", 1.0)]).with(attributes);
    for scrape in scrapes {
        job.now += 30 * S;
        for (i, (lag, committed)) in scrape.iter().enumerate() {
            if let Some(lag) = lag {
                job.scrape(&format!("partition-{i}"), &[("lag", *lag), ("committed", *committed)]);
            }
        }
    }
    parallelism(&job.look()).unwrap_or(1.0)
}

fn by_lag(v: &Json) -> f64 {
    let partitions = v["partitions"].as_array().unwrap();
    let offset = |p: &Json, name: &str| p[name].as_f64().unwrap();
    let now = partitions.iter().map(|p| {
        let committed = offset(p, "consumer_offset");
        (
            (committed >= 0.0).then(|| offset(p, "latest_offset") - committed),
            committed,
        )
    });
    let mut scrapes = vec![now.collect::<Vec<_>>()];
    let options = &v["options"];
    let on = |name: &str| options[name] == true;
    if let Some(before) = options["prev"].as_array() {
        scrapes.insert(0, before.iter().map(|p| (Some(0.0), p.as_f64().unwrap())).collect());
    }
    let lag = if on("exclude_persistent") {
        "sum(committed != committed offset 30s ? lag : 0)"
    } else {
        "lag"
    };
    let scale = format!("{lag} / {}", v["lag_threshold"]);
    let then = if on("limit_with_lag") {
        format!("min({scale}, count(lag > 0))")
    } else {
        scale
    };
    let align = match () {
        () if on("allow_idle") => "",
        () if on("even") => r#""align": {"to": "partitions", "most_over": "100%"}"#,
        () => r#""align": {"to": "partitions", "most_over": "0%"}"#,
    };
    let count = partitions.len() as f64;
    let partitions = [("source_partitions", count), ("task_managers", count)];
    look(
        &then,
        align,
        if align.is_empty() {
            &partitions[1..]
        } else {
            &partitions
        },
        &scrapes,
    )
}

fn by_formula(v: &Json) -> f64 {
    let inputs = v["inputs"].as_object().unwrap();
    let mut inputs: Vec<(&String, f64)> = inputs.iter().map(|(k, v)| (k, v.as_f64().unwrap())).collect();
    inputs.sort_by_key(|i| i.0);
    // The same question in our words.
    let ours = match v["formula"].as_str().unwrap() {
        "count([kw_trig,metrics_api],{#>1}) > 1 ? 5 : 0" => "((a > 1 ? 1 : 0) + (b > 1 ? 1 : 0) > 1 ? 5 : 0) / target",
        "max([a, b])" => "max(a, b) / target",
        other => panic!("unknown formula {other}"),
    };
    look(
        ours,
        "",
        &[
            ("a", inputs[0].1),
            ("b", inputs[1].1),
            ("target", v["target"].as_f64().unwrap()),
        ],
        &[],
    )
}

#[test]
fn every_vector_agrees_or_differs_for_a_stated_reason() {
    let data: Json = serde_json::from_str(include_str!("data/keda.json")).unwrap();
    let both = ["kafka_lag", "formulas"]
        .into_iter()
        .flat_map(|k| data[k].as_array().unwrap());
    let vectors: Vec<Json> = both.cloned().collect();
    conform(
        "keda.json",
        &vectors,
        DIFFERENCES,
        |v| v["name"].as_str().or(v["formula"].as_str()).unwrap().to_owned(),
        |v| {
            let got = if v["formula"].is_null() {
                by_lag(v)
            } else {
                by_formula(v)
            };
            let wanted = v["expect"]["replicas"].as_f64().unwrap();
            (got == wanted, format!("expected {wanted}, got {got}"))
        },
    );
}
