//! Rule documents and templates, from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use dras_core::diagnostic::{ALL_CODES, Diagnostics, Example, codes};
use dras_core::literal::Quantity;
use dras_core::metrics::sources::QueryTemplate;
use dras_core::metrics::{Across, Kind, Per};
use dras_core::resources::allocation::{Cores, Quota};
use dras_core::resources::ratio::AlignTo;
use dras_core::rules::{
    AcrossInstances, Align, AttributeDeclaration, AttributeType, BUILT_IN_ATTRIBUTES, Bounds, Constant, CoolDown,
    Document, DocumentLimits, Freeze, Guards, Hold, Ineffective, LargestSteps, Limits, MetricDeclaration, Mode, Origin,
    Oscillation, Param, Reading, Resource, Rule, Sizing, Stabilisation, StrategyUse, Template, Tolerance,
    WindowSettings, expand,
};
use dras_core::units::Unit;
use proptest::prelude::*;
use serde_json::json;

fn read(text: &str) -> Result<Document, Diagnostics> {
    Document::from_json(text, &DocumentLimits::default())
}

/// Everything wrong with a document and its use of strategies.
fn wrong(text: &str) -> Diagnostics {
    Reading::from_json(text, &DocumentLimits::default()).expand().1
}

fn found(diagnostics: &Diagnostics) -> Vec<(&str, &str)> {
    diagnostics.0.iter().map(|d| (d.code.id(), d.path.as_str())).collect()
}

/// A document with every field.
const FULL: &str = r#"{
    "version": 1,
    "name": "etl",
    "doc": "jobs of the etl team",
    "metrics": {
        "lag": { "doc": "d", "unit": "ms", "kind": "gauge", "across": "median", "per": "subtask", "range": ["0s", "24h"], "interval": "30s",
                 "staleness": "2m", "max_gap": "90s", "max_lateness": "1m500ms", "nan": "propagate", "infinite": "keep", "duplicates": "first",
                 "query": "lag{job=\"{{team}}\",{{labels}}}", "instance_label": "subtask_index", "flink": "watermarkLag" },
        "heap.used": { "unit": "bytes", "range": ["0B", "64GiB"] },
        "gc": { "kind": "counter" },
        "exceptions": { "kind": "event", "per": "task" },
        "skew": { "range": [-1, "100%"] }
    },
    "attributes": {
        "team": { "type": "text", "doc": "who owns it" },
        "quota": { "type": "number", "unit": "GiB" },
        "critical": { "type": "bool" }
    },
    "params": {
        "high": { "value": "80%", "min": "50%", "max": 1, "doc": "too much" },
        "calm": "1h30m",
        "mode": "'it\\'s'",
        "night": true,
        "factor": 1.5,
        "million": "1_000_000"
    },
    "define": { "hot": "lag > 5m && critical" },
    "strategies": [
        { "use": "cpu", "params": { "high": "75%", "up_for": "5m" } },
        { "use": "cpu", "as": "night_cpu" }
    ],
    "rules": [
        { "name": "scale-up", "doc": "r", "when": "hot", "for": "1m30s", "then": { "parallelism": "parallelism * factor" }, "priority": 7 },
        { "name": "grow", "when": "heap.used > 1GiB", "for": "calm", "then": { "task_manager_memory": "task_manager_memory + 1GiB" } }
    ],
    "limits": { "parallelism": { "min": 2, "max": 64 }, "task_manager_memory": { "min": "1GiB", "max": "16GB" } },
    "windows": { "min_coverage": "75%", "min_samples": 3, "min_instances": 1, "warm_up": "90s", "max_future": "0s" }
}"#;

#[test]
fn every_field_is_read() {
    let d = read(FULL).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((d.name.as_str(), d.doc.as_str()), ("etl", "jobs of the etl team"));
    let lag = d.metrics["lag"].to_spec("lag");
    assert_eq!(
        (lag.unit.factor, lag.unit.dimension, lag.across, lag.per),
        (1e-3, Unit::SECONDS, Across::Quantile(0.5), Per::Subtask)
    );
    assert_eq!(lag.range, Some((0.0, 86_400.0)));
    assert_eq!(
        (lag.interval, lag.staleness, lag.max_gap, lag.max_lateness),
        (30_000, 120_000, 90_000, 60_500)
    );
    assert_eq!(
        (lag.instance_label.as_deref(), lag.flink.as_deref()),
        (Some("subtask_index"), Some("watermarkLag"))
    );
    assert_eq!(d.metrics["skew"].to_spec("skew").range, Some((-1.0, 1.0)));
    assert_eq!(
        d.attributes["quota"].unit.as_ref().map(|u| u.factor),
        Some(1_073_741_824.0)
    );
    assert_eq!(d.params["mode"].value, Constant::Text("it's".to_owned()));
    assert_eq!(d.params["million"].value.as_number().map(Quantity::value), Some(1e6));
    assert_eq!(d.rules[0].hold, Hold::For(90_000));
    assert_eq!(d.rules[1].hold, Hold::Param("calm".to_owned()));
    assert_eq!(
        d.rules[1].then[&Resource::TaskManagerMemory],
        "task_manager_memory + 1GiB"
    );
    assert_eq!(
        d.limits.of(Resource::TaskManagerMemory),
        Bounds {
            min: Some(1 << 30),
            max: Some(16_000_000_000)
        }
    );
    assert_eq!(
        (d.windows.min_coverage(), d.windows.min_instances(), d.windows.warm_up()),
        (0.75, 1.0, 90_000)
    );
}

#[test]
fn defaults_follow_from_kind_and_interval() {
    let d = read(
        r#"{"version": 1, "metrics": {"a": {"interval": "1m"}, "b": {"kind": "counter"}, "c": {"kind": "event"}}}"#,
    )
    .unwrap();
    let (a, b, c) = (
        d.metrics["a"].to_spec("a"),
        d.metrics["b"].to_spec("b"),
        d.metrics["c"].to_spec("c"),
    );
    assert_eq!(
        (a.kind, a.across, a.per, a.unit.name.as_str()),
        (Kind::Gauge, Across::Avg, Per::Task, "number")
    );
    assert_eq!(
        (a.interval, a.staleness, a.max_gap, a.max_lateness),
        (60_000, 180_000, 150_000, 240_000)
    );
    assert_eq!((b.across, c.across), (Across::Sum, Across::Sum));
    assert_eq!(
        (b.interval, b.staleness, b.max_gap, b.max_lateness),
        (15_000, 60_000, 37_500, 60_000)
    );
    let w = WindowSettings::default();
    assert_eq!(
        (
            w.min_coverage(),
            w.min_samples(),
            w.min_instances(),
            w.warm_up(),
            w.max_future()
        ),
        (0.8, 2, 0.8, 60_000, 60_000)
    );
}

#[test]
fn times_without_restarts_are_written_as_they_are_read() {
    for excluded in [
        json!({"daily": "22:00-06:00"}),
        json!({"cron": "* 9-17 * * mon-fri"}),
        json!({"daily": "22:00-06:00", "cron": "* * 1 * *", "urgent_pass": true}),
        json!({"daily": "08:00-10:30", "weekdays": ["mon-fri"], "zone": "Europe/Berlin"}),
        json!({"daily": "08:00-10:30", "weekdays": ["sat"]}),
    ] {
        let document = read(&json!({"version": 1, "guards": {"excluded": [excluded]}}).to_string()).unwrap();
        let written: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap();
        assert_eq!(written["guards"]["excluded"][0], excluded);
    }
}

#[test]
fn writing_and_reading_gives_the_same_document_and_the_same_bytes() {
    for text in [FULL.to_owned(), r#"{"version": 1}"#.to_owned()]
        .into_iter()
        .chain(Template::all().iter().map(Template::print))
    {
        let document = read(&text).unwrap();
        let written = document.to_json();
        let again = read(&written).unwrap();
        assert_eq!(again, document);
        assert_eq!(again.to_json(), written);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            Document::from_value(&value, &DocumentLimits::default()).unwrap(),
            document
        );
    }
}

#[test]
fn every_example_of_this_stage_gives_its_code() {
    let mut seen = 0;
    for code in ALL_CODES {
        let Example::Document(text) = code.example() else {
            continue;
        };
        let diagnostics = wrong(text);
        let codes_found: Vec<&str> = diagnostics.0.iter().map(|d| d.code.id()).collect();
        // Cycles and unused names are found when expressions are compiled.
        if code.id() == "E0609" || code.id().starts_with('W') {
            assert_eq!(codes_found, [""; 0], "{}", code.id());
            continue;
        }
        seen += 1;
        assert!(codes_found.contains(&code.id()), "{}: {codes_found:?}", code.id());
        for d in &diagnostics.0 {
            assert!(d.source.is_some(), "{d}");
            assert!(
                !d.message.ends_with('.') && d.message.starts_with(|c: char| !c.is_uppercase()),
                "{d}"
            );
        }
    }
    assert_eq!(seen, 16);
}

#[test]
fn all_mistakes_are_reported_in_one_go_and_in_order() {
    let text = r#"{
  "version": 1,
  "ruels": [],
  "metrics": {
    "cpu": { "unit": "parsecs", "kind": "gague", "per": 3, "interval": "0s", "interval": "5m", "range": [1, 0] },
    "log": { "kind": "event", "unit": "ms" },
    "5m": {},
    "parallelism": {}
  },
  "params": { "cpu": 1, "word": "sql", "low": { "value": "5m", "min": "10m", "max": 3 }, "n": null },
  "attributes": { "a": { "type": "text", "unit": "ms" }, "b": {} },
  "rules": [
    { "name": "up", "when": true, "for": "5min", "then": { "paralelism": "2" }, "priority": 1.5 },
    { "name": "a b", "then": [] },
    7
  ],
  "limits": { "parallelism": { "min": 0, "max": 99999 }, "task_manager_memory": { "min": "2GiB", "max": "1GiB" } },
  "windows": { "min_coverage": 80, "min_samples": 0, "warm_up": "1ms", "max_future": 5 }
}"#;
    let diagnostics = read(text).unwrap_err();
    assert_eq!(
        found(&diagnostics),
        [
            ("E0602", "ruels"),
            ("E0606", "metrics.cpu.unit"),
            ("E0606", "metrics.cpu.kind"),
            ("E0604", "metrics.cpu.per"),
            ("E0606", "metrics.cpu.interval"),
            ("E0608", "metrics.cpu.interval"),
            ("E0614", "metrics.cpu.range"),
            ("E0606", "metrics.log.unit"),
            ("E0607", "metrics[\"5m\"]"),
            ("E0608", "metrics.parallelism"),
            ("E0608", "params.cpu"),
            ("E0606", "params.word"),
            ("E0612", "params.low.value"),
            ("E0606", "params.low.max"),
            ("E0604", "params.n"),
            ("E0606", "attributes.a.unit"),
            ("E0603", "attributes.b"),
            ("E0604", "rules[0].when"),
            ("E0606", "rules[0].for"),
            ("E0602", "rules[0].then.paralelism"),
            ("E0606", "rules[0].priority"),
            ("E0603", "rules[1]"),
            ("E0607", "rules[1].name"),
            ("E0604", "rules[1].then"),
            ("E0604", "rules[2]"),
            ("E0606", "limits.parallelism.min"),
            ("E0606", "limits.parallelism.max"),
            ("E0614", "limits.task_manager_memory"),
            ("E0606", "windows.min_coverage"),
            ("E0606", "windows.min_samples"),
            ("E0606", "windows.max_future"),
        ],
        "{diagnostics}"
    );
}

#[test]
fn a_mistake_is_shown_where_it_stands() {
    let text =
        "{\n  \"version\": 1,\n  \"rules\": [{\n    \"name\": \"up\",\n    \"when\": 3,\n    \"then\": {}\n  }]\n}";
    let rendered = read(text).unwrap_err().to_string();
    let expected = "\
error[E0604]: expected a text, found a number `3`
 --> rules[0].when:5:13
  |
5 |     \"when\": 3,
  |             ^
  = help: write it in quotes: `\"3\"`

error[E0613]: this rule sets nothing
 --> rules[0].then:6:13
  |
6 |     \"then\": {}
  |             ^^
  = help: set at least one resource: `\"then\": {\"parallelism\": \"parallelism + 1\"}`";
    assert_eq!(rendered, expected);
}

#[test]
fn slips_are_corrected() {
    for (text, path, help) in [
        (r#"{"version": 1, "metrcis": {}}"#, "metrcis", "did you mean `metrics`?"),
        (
            r#"{"version": 1, "metrics": {"a": {"kind": "countr"}}}"#,
            "metrics.a.kind",
            "did you mean `counter`?",
        ),
        (
            r#"{"version": 1, "metrics": {"a": {"interval": 15}}}"#,
            "metrics.a.interval",
            "write durations like `\"30s\"`, `\"5m\"`, `\"1h30m\"`",
        ),
        (
            r#"{"version": 1, "metrics": {"a": {"query": "x{t='{{task_tipe}}'}"}}}"#,
            "metrics.a.query",
            "did you mean `task_type`?",
        ),
        (
            r#"{"version": 1, "metrics": {"a": {"query": "x{t='{{job}}'}"}}}"#,
            "metrics.a.query",
            r#"declare it: `"attributes": {"job": {"type": "text"}}`"#,
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "cpuu"}]}"#,
            "strategies[0].use",
            "did you mean `cpu`?",
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "kafka"}]}"#,
            "strategies[0].use",
            "the strategies are `cpu`, `source_delay`, `memory`, `oom`",
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "cpu", "params": {"cpu.high": "75%"}}]}"#,
            "strategies[0].params[\"cpu.high\"]",
            "did you mean `high`?",
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "cpu", "params": {"high": 75}}]}"#,
            "strategies[0].params.high",
            "write a plain number in the range 10% … 100%; its default is `80%`",
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "cpu", "params": {"high": "5m"}}]}"#,
            "strategies[0].params.high",
            "its default is `80%`",
        ),
        (
            r#"{"version": 1, "strategies": [{"use": "cpu"}], "params": {"cpu.high": 1}}"#,
            "params[\"cpu.high\"]",
            "to set the parameter, write `strategies[0].params.high`",
        ),
        (
            r#"{"version": 1, "params": {"calm": "5m"}, "rules": [{"name": "r", "when": "true", "for": "clam", "then": {"parallelism": "1"}}]}"#,
            "rules[0].for",
            "did you mean `calm`?",
        ),
        (
            r#"{"version": 1, "name": null}"#,
            "name",
            "leave the field out where nothing is to be said",
        ),
    ] {
        let diagnostics = wrong(text);
        let d = diagnostics
            .0
            .iter()
            .find(|d| d.path == path)
            .unwrap_or_else(|| panic!("{text}\n{diagnostics}"));
        assert_eq!(d.help.as_deref(), Some(help), "{text}");
        assert_eq!(diagnostics.0.len(), 1, "{diagnostics}");
    }
}

#[test]
fn problems_with_strategies_are_placed_although_earlier_entries_are_left_out() {
    let text = r#"{"version": 1,
  "strategies": [{"use": 3}, {"use": "cpu", "params": {"hihg": 1}}],
  "rules": [{}, {"name": "r", "when": "true", "for": "x", "then": {"parallelism": "1"}}]}"#;
    let diagnostics = wrong(text);
    let d = diagnostics
        .0
        .iter()
        .find(|d| d.code == codes::UNKNOWN_PARAMETER)
        .unwrap();
    assert_eq!(
        (d.path.as_str(), d.offending(), d.line_and_column()),
        ("strategies[1].params.hihg", "1", Some((2, 64)))
    );
    assert!(
        found(&diagnostics).contains(&("E0606", "rules[1].for")),
        "{diagnostics}"
    );
}

#[test]
fn documents_of_another_version_are_not_judged_further() {
    assert_eq!(
        found(&read(r#"{"version": 2, "what": 1}"#).unwrap_err()),
        [("E0605", "version")]
    );
    assert_eq!(found(&read(r#"{"version": "1"}"#).unwrap_err()), [("E0604", "version")]);
    assert_eq!(found(&read("[]").unwrap_err()), [("E0601", "")]);
    assert_eq!(found(&read("{}").unwrap_err()), [("E0603", "")]);
    assert!(read(r#"{"version": 1.0}"#).is_ok());
}

#[test]
fn limits_are_kept() {
    let rule = json!({"name": "r", "when": "true", "then": {"parallelism": "1"}});
    let limits = DocumentLimits {
        max_rules: 2,
        max_metrics: 1,
        max_diagnostics: 3,
        ..DocumentLimits::default()
    };
    let text = json!({"version": 1, "rules": [rule, rule, rule], "metrics": {"a": {}, "b": {}}}).to_string();
    let diagnostics = Document::from_json(&text, &limits).unwrap_err();
    assert_eq!(
        found(&diagnostics),
        [("E0616", "metrics"), ("E0616", "rules"), ("E0608", "rules[1].name")]
    );
    let many = json!({"version": 1, "a": 1, "b": 1, "c": 1, "d": 1, "e": 1}).to_string();
    let diagnostics = Document::from_json(&many, &limits).unwrap_err();
    assert_eq!(diagnostics.0.len(), 4);
    assert_eq!(diagnostics.0[3].message, "2 more problems are not listed");
}

#[test]
fn hostile_texts_never_make_a_long_message() {
    let long = "x".repeat(900_000);
    for text in [
        json!({"version": 1, &long: 1}).to_string(),
        json!({"version": 1, "name": 1, "metrics": {"m": {"unit": long}}}).to_string(),
        json!({"version": 1, "params": {"p": long, "q": format!("1{long}")}}).to_string(),
        json!({"version": 1, "strategies": [{"use": long}]}).to_string(),
        json!({"version": 1, "strategies": [{"use": "cpu", "params": {&long: 1}}]}).to_string(),
        json!({"version": 1, "metrics": {"m": {"query": format!("{{{{{long}}}}}"), "kind": long, "instance_label": format!("-{long}")}}}).to_string(),
        json!({"version": 1, "rules": [{"name": long, "when": "", "for": long, "then": {"parallelism": ""}}]}).to_string(),
    ] {
        let diagnostics = wrong(&text);
        assert!(diagnostics.has_errors());
        assert!(diagnostics.to_string().len() < 5000, "{} bytes", diagnostics.to_string().len());
    }
}

#[test]
fn templates_are_canonical_documents_that_explain_themselves() {
    let names: Vec<&str> = Template::all().iter().map(Template::name).collect();
    assert_eq!(names, ["cpu", "source_delay", "memory", "oom"]);
    for template in Template::all() {
        let document = template.document();
        let own = |name: &str| name.starts_with(&format!("{}.", template.name()));
        assert!(document.params.keys().chain(document.define.keys()).all(|n| own(n)));
        assert!(document.rules.iter().all(|r| own(&r.name) && !r.doc.is_empty()));
        assert!(document.strategies.is_empty() && document.limits == Limits::default());
        assert_eq!(document.windows, WindowSettings::default());
        assert!(!template.doc().is_empty());
        for (name, param) in template.params() {
            assert!(!param.doc.is_empty(), "{name}");
            assert_eq!(param.range().is_some(), param.value.as_number().is_some(), "{name}");
        }
        for (name, metric) in &document.metrics {
            assert!(!metric.doc.is_empty(), "{name}");
            if let Some(query) = &metric.query {
                assert!(QueryTemplate::parse(query).unwrap().uses_labels(), "{name}");
            }
            // Strategies share their metrics by name.
            for other in Template::all() {
                let same = other.document().metrics.get(name).is_none_or(|m| m == metric);
                assert!(same, "{name} of {} and of {}", template.name(), other.name());
            }
        }
        // Printed, it is a document that does what using it does.
        let printed = read(&template.print()).unwrap();
        let flat = expand(&printed).unwrap().document;
        let using = Document {
            strategies: vec![StrategyUse {
                template: template.name().to_owned(),
                instance: None,
                params: BTreeMap::new(),
            }],
            ..Document::default()
        };
        let used = expand(&using).unwrap().document;
        assert_eq!(
            (flat.metrics, flat.params, flat.define, flat.rules),
            (used.metrics, used.params, used.define, used.rules)
        );
    }
    let file = |name: &str| {
        let path = format!("{}/src/rules/templates/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    for template in Template::all() {
        assert_eq!(template.print(), file(template.name()).trim_end());
    }
    assert!(Template::builtin("CPU").is_none());
}

#[test]
fn the_bands_of_the_cpu_template_are_in_order() {
    let value = |name: &str| {
        let params = &Template::builtin("cpu").unwrap().document().params;
        params[name].value.as_number().unwrap().value()
    };
    let target = 1.0 - value("cpu.reserve");
    assert!(value("cpu.low") < target && target < value("cpu.high"));
    // After the largest step down at one load the utilisation is at most the target, so nothing goes up again, and the other way round.
    for parallelism in 1..=200_u32 {
        for percent in 0..=100_u32 {
            let load = f64::from(percent) / 100.0;
            let new = (f64::from(parallelism) * load / target).ceil().max(1.0);
            let after = f64::from(parallelism) * load / new;
            if load > value("cpu.high") {
                assert!(
                    new > f64::from(parallelism) && after <= value("cpu.high") && (after >= value("cpu.low")),
                    "{parallelism} {load}"
                );
            } else if load < value("cpu.low") {
                assert!(after <= value("cpu.high"), "{parallelism} {load}");
            }
        }
    }
}

#[test]
fn strategies_are_merged_under_the_name_of_their_use() {
    let document = read(FULL).unwrap();
    let expanded = expand(&document).unwrap();
    let flat = &expanded.document;
    assert!(flat.strategies.is_empty());
    let names: Vec<&str> = flat.rules.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "cpu.up",
            "cpu.waiting",
            "cpu.down",
            "night_cpu.up",
            "night_cpu.waiting",
            "night_cpu.down",
            "scale-up",
            "grow"
        ]
    );
    let holds: Vec<i64> = expanded.rules.iter().map(|r| r.hold).collect();
    assert_eq!(
        holds,
        [
            300_000, 300_000, 1_800_000, 180_000, 180_000, 1_800_000, 90_000, 5_400_000
        ]
    );
    assert_eq!(flat.define["night_cpu.busiest"], "max(avg(busy[night_cpu.window]))");
    assert_eq!(flat.rules[3].when, "night_cpu.utilisation > night_cpu.high");
    assert_eq!(flat.rules[3].hold, Hold::Param("night_cpu.up_for".to_owned()));
    assert_eq!(
        (&flat.limits, &flat.windows, &flat.attributes),
        (&document.limits, &document.windows, &document.attributes)
    );

    assert_eq!(
        expanded.origins["high"],
        Origin::Document {
            path: "params.high".to_owned()
        }
    );
    let Origin::Override { path, default, .. } = &expanded.origins["cpu.high"] else {
        panic!()
    };
    assert_eq!(
        (path.as_str(), default.to_string()),
        ("strategies[0].params.high", "80%".to_owned())
    );
    assert_eq!(flat.params["cpu.high"].value.to_string(), "75%");
    assert_eq!(
        expanded.origins["night_cpu.high"].path(),
        "strategies[1]: cpu: params[\"cpu.high\"]"
    );
    assert_eq!(flat.params["night_cpu.high"].value.to_string(), "80%");
    assert_eq!(expanded.origins["cpu"].path(), "strategies[0]: cpu: metrics.cpu");
    assert_eq!(
        expanded.rules[6].origin,
        Origin::Document {
            path: "rules[0]".to_owned()
        }
    );
    assert_eq!(expanded.rules[4].origin.path(), "strategies[1]: cpu: rules[1]");

    let all: Vec<&String> = flat
        .metrics
        .keys()
        .chain(flat.attributes.keys())
        .chain(flat.params.keys())
        .chain(flat.define.keys())
        .collect();
    assert_eq!(all.len(), expanded.origins.len());
    assert!(all.into_iter().all(|name| expanded.origins.contains_key(name)));
    assert_eq!(expanded.metrics().len(), flat.metrics.len());

    // The flat document is a document, and expanding it changes nothing.
    let again = read(&flat.to_json()).unwrap();
    assert_eq!(expand(&again).unwrap().document, *flat);
}

#[test]
fn a_metric_of_the_document_replaces_the_strategys() {
    let text =
        r#"{"version": 1, "strategies": [{"use": "cpu"}], "metrics": {"cpu": {"unit": "percent", "query": "my_cpu"}}}"#;
    let expanded = expand(&read(text).unwrap()).unwrap();
    assert_eq!(expanded.document.metrics["cpu"].query.as_deref(), Some("my_cpu"));
    assert_eq!(
        expanded.origins["cpu"],
        Origin::Document {
            path: "metrics.cpu".to_owned()
        }
    );
    let counter = text.replace("\"unit\": \"percent\"", "\"kind\": \"counter\"");
    let diagnostics = wrong(&counter);
    assert_eq!(found(&diagnostics), [("E0617", "metrics.cpu")]);
    assert!(
        diagnostics.0[0].message.contains("a counter, and needs to be a gauge"),
        "{diagnostics}"
    );
    assert_eq!(
        found(&wrong(
            r#"{"version": 1, "strategies": [{"use": "cpu"}], "define": {"busy": "1"}}"#
        )),
        [("E0608", "define.busy")]
    );
}

#[test]
fn the_reference_names_every_field_and_its_example_works() {
    let reference = include_str!("../../docs/documents.md");
    let example = reference
        .split("```json")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    expand(&read(example).unwrap_or_else(|e| panic!("{e}"))).unwrap();
    // A field that does not exist anywhere makes the reader list those that do.
    for (text, path) in [
        (json!({"version": 1, "?": 1}), "[\"?\"]"),
        (json!({"version": 1, "metrics": {"x": {"?": 1}}}), "metrics.x[\"?\"]"),
        (
            json!({"version": 1, "attributes": {"a": {"type": "text", "?": 1}}}),
            "attributes.a[\"?\"]",
        ),
        (
            json!({"version": 1, "params": {"p": {"value": 1, "?": 1}}}),
            "params.p[\"?\"]",
        ),
        (
            json!({"version": 1, "strategies": [{"use": "cpu", "?": 1}]}),
            "strategies[0][\"?\"]",
        ),
        (
            json!({"version": 1, "rules": [{"name": "r", "when": "true", "then": {"parallelism": "1"}, "?": 1}]}),
            "rules[0][\"?\"]",
        ),
        (json!({"version": 1, "limits": {"?": 1}}), "limits[\"?\"]"),
        (
            json!({"version": 1, "limits": {"total": {"?": 1}}}),
            "limits.total[\"?\"]",
        ),
        (
            json!({"version": 1, "sizing": {"tolerance": {"?": 1}}}),
            "sizing.tolerance[\"?\"]",
        ),
        (json!({"version": 1, "guards": {"?": 1}}), "guards[\"?\"]"),
        (
            json!({"version": 1, "guards": {"cool_down": {"?": 1}}}),
            "guards.cool_down[\"?\"]",
        ),
        (
            json!({"version": 1, "guards": {"excluded": [{"daily": "01:00-02:00", "?": 1}]}}),
            "guards.excluded[0][\"?\"]",
        ),
        (json!({"version": 1, "timing": {"?": 1}}), "timing[\"?\"]"),
        (json!({"version": 1, "windows": {"?": 1}}), "windows[\"?\"]"),
    ] {
        let diagnostics = wrong(&text.to_string());
        assert_eq!(found(&diagnostics), [("E0602", path)]);
        let help = diagnostics.0[0].help.clone().unwrap();
        let fields = help.strip_prefix("the fields here are ").unwrap();
        for field in fields.split(", ") {
            let bare = field.trim_matches('`');
            let dotted = [
                format!("{bare}.min"),
                format!(".{bare}`"),
                format!("`{bare}."),
                format!("\"{bare}\""),
            ];
            assert!(
                reference.contains(field) || dotted.iter().any(|d| reference.contains(d)),
                "{field} is missing in the reference"
            );
        }
    }
    for attribute in BUILT_IN_ATTRIBUTES {
        assert!(
            reference.contains(&format!("`{}`", attribute.name)),
            "{}",
            attribute.name
        );
    }
    let limits = DocumentLimits::default();
    assert_eq!(
        (
            limits.max_bytes,
            limits.max_depth,
            limits.max_values,
            limits.max_rules,
            limits.max_strategies,
            limits.max_diagnostics
        ),
        (1 << 20, 32, 100_000, 1000, 100, 200)
    );
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        any::<f64>().prop_filter_map("finite", |v| Quantity::number(if v.is_normal() { v } else { 0.5 })),
        (0..10_000_000_000_i64).prop_map(Quantity::duration),
        (0..10_000_u32).prop_map(|n| Quantity::parse(&format!("{n}MiB")).unwrap()),
        (0..200_u32).prop_map(|n| Quantity::parse(&format!("{n}%")).unwrap()),
    ]
}

fn constant() -> impl Strategy<Value = Constant> {
    prop_oneof![
        quantity().prop_map(Constant::Number),
        any::<bool>().prop_map(Constant::Bool),
        any::<String>().prop_map(Constant::Text)
    ]
}

prop_compose! {
    fn document()(
        doc in any::<String>(),
        metrics in prop::collection::btree_map("m_[a-z]{1,6}(\\.[a-z]{2,4})?", (0..3_usize, prop::option::of(1..100_000_i64), any::<bool>()), 0..5),
        texts in prop::collection::btree_map("a_[a-z]{1,6}", any::<String>(), 0..4),
        params in prop::collection::btree_map("p_[a-z]{1,6}", (constant(), any::<String>()), 0..5),
        define in prop::collection::btree_map("d_[a-z]{1,6}", any::<String>(), 0..5),
        rules in prop::collection::btree_map("r-[a-z]{1,6}", (any::<String>(), 0..10_000_000_000_i64, any::<i32>(), any::<bool>()), 0..5),
        bounds in (1..100_u32, 100..32_768_u32, 1..1_u64 << 53),
        coverage in prop::option::of(0.0..=1.0),
    ) -> Document {
        Document {
            doc,
            metrics: metrics.into_iter().map(|(name, (unit, interval, counter))| (name, MetricDeclaration {
                unit: Some(["ms/s", "MiB", "percent"][unit].parse().unwrap()),
                kind: counter.then_some(Kind::Counter),
                across: (!counter).then_some(AcrossInstances::Spread),
                interval,
                ..MetricDeclaration::default()
            })).collect(),
            attributes: texts.into_iter().map(|(name, doc)| (name, AttributeDeclaration { kind: AttributeType::Text, unit: None, doc })).collect(),
            params: params.into_iter().map(|(name, (value, doc))| {
                let bound = value.as_number().cloned();
                (name, Param { min: bound.clone(), max: bound, doc, value })
            }).collect(),
            define,
            rules: rules.into_iter().map(|(name, (when, hold, priority, memory))| Rule {
                name,
                doc: String::new(),
                then: BTreeMap::from([(if memory { Resource::TaskManagerMemory } else { Resource::Parallelism }, when.clone())]),
                when,
                hold: Hold::For(hold),
                priority,
                urgent: memory,
                no_shrink_for: if memory { Hold::For(hold) } else { Hold::NONE },
                lowers: memory.then(|| "p_x".to_owned()),
                alert: (!memory).then(|| "look".to_owned()),
                ..Rule::default()
            }).collect(),
            mode: coverage.map(|c: f64| if c > 0.5 { Mode::Active } else { Mode::Monitor }),
            limits: Limits {
                resources: BTreeMap::from([
                    (Resource::Parallelism, Bounds { min: Some(bounds.0.into()), max: Some(bounds.1.into()) }),
                    (Resource::TaskHeap, Bounds { min: None, max: Some(bounds.2) }),
                ]),
                total: Quota { task_managers: Some(bounds.1), memory: Some(bounds.2), cores: Cores::new(f64::from(bounds.0) / 4.0).ok(), parallelism: None },
            },
            sizing: Sizing {
                tolerance: Tolerance { up: coverage.map(|c| c / 2.0), down: None },
                align: coverage.map(|c| Align { to: if c > 0.5 { AlignTo::Partitions } else { AlignTo::KeyGroups }, most_over: Some(c) }),
            },
            guards: Guards {
                cool_down: CoolDown { up: Some(bounds.0.into()), down: None, urgent: Some(bounds.1.into()) },
                stabilisation: Stabilisation { up: None, down: Some(bounds.1.into()) },
                largest_step: LargestSteps { up: coverage.map(|c| c * 9.0), down: coverage, urgent: None },
                restarts_per_day: Some(bounds.0),
                freeze_on_missing: coverage.map(|c| if c > 0.5 { Freeze::All } else { Freeze::Off }),
                ineffective: Ineffective { least_gain: coverage, hold: Some(bounds.0.into()) },
                oscillation: Oscillation { within: Some(bounds.1.into()) },
                ..Guards::default()
            },
            windows: WindowSettings { min_coverage: coverage, ..WindowSettings::default() },
            ..Document::default()
        }
    }
}

/// Puts `with` in the place of the `index`-th value of a tree, in the order of reading.
fn replace(value: &mut serde_json::Value, index: &mut usize, with: &serde_json::Value) {
    if *index == 0 {
        *value = with.clone();
    }
    *index = index.wrapping_sub(1);
    match value {
        serde_json::Value::Array(values) => values.iter_mut().for_each(|v| replace(v, index, with)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|v| replace(v, index, with)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_document_reads_back(document in document()) {
        let text = document.to_json();
        let again = read(&text);
        prop_assert_eq!(again.as_ref(), Ok(&document), "{}", text);
        let expanded = expand(&document);
        prop_assert_eq!(expanded.map(|e| e.document), Ok(document));
    }

    #[test]
    fn a_document_with_one_value_replaced_is_read_or_refused_with_its_path(
        at in 0..120_usize,
        with in prop_oneof![
            Just(json!(null)), Just(json!(-1)), Just(json!(1e308)), Just(json!("")), Just(json!("\u{0}")), Just(json!([])), Just(json!({})),
            Just(json!([[1]])), Just(json!(true)), Just(json!("cpu.high")), Just(json!({"value": {}})),
        ],
    ) {
        let mut value: serde_json::Value = serde_json::from_str(FULL).unwrap();
        replace(&mut value, &mut { at }, &with);
        let limits = DocumentLimits::default();
        let by_value = Reading::from_value(&value, &limits).expand();
        let by_text = Reading::from_json(value.to_string(), &limits).expand();
        prop_assert_eq!(&by_value.0, &by_text.0);
        let mut paths: Vec<_> = by_value.1.0.iter().map(|d| (d.code.id(), d.path.clone(), d.message.clone())).collect();
        let mut located: Vec<_> = by_text.1.0.iter().map(|d| (d.code.id(), d.path.clone(), d.message.clone())).collect();
        paths.sort();
        located.sort();
        prop_assert_eq!(paths, located);
        // Whatever is accepted can be written and means the same.
        if !by_text.1.has_errors() {
            let document = Document::from_value(&value, &limits).unwrap();
            prop_assert_eq!(read(&document.to_json()), Ok(document));
        }
    }

    #[test]
    fn a_document_with_bytes_replaced_never_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\ 0-\n"[..])]), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (_, diagnostics) = Reading::from_json(&bytes, &DocumentLimits::default()).expand();
        for d in &diagnostics.0 {
            prop_assert!(d.source.is_some() && d.line_and_column().is_some(), "{}", d);
        }
        let _ = (diagnostics.to_string(), serde_json::to_string(&diagnostics).unwrap());
    }
}
