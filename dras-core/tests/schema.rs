//! The JSON Schema of rule documents: current, and neither stricter than the reader nor blind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use dras_core::diagnostic::{ALL_CODES, Diagnostics, Example, codes};
use dras_core::rules::{Document, DocumentLimits, Library, Resource, Template, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");
const DOCUMENTS: &str = include_str!("../../docs/documents.md");

/// The schema, ready to validate.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Validator {
        let mut compiler = Compiler::new();
        compiler.add_resource("document.schema.json", schema()).unwrap();
        let mut schemas = Schemas::new();
        // This also holds the schema against that of JSON Schema 2020-12.
        let index = compiler
            .compile("document.schema.json", &mut schemas)
            .unwrap_or_else(|e| panic!("{e:#}"));
        Validator { schemas, index }
    }

    fn check(&self, document: &Value) -> Result<(), String> {
        self.schemas
            .validate(document, self.index)
            .map_err(|e| format!("{e:#}"))
    }
}

fn read(document: &Value) -> Result<Document, Diagnostics> {
    Document::from_value(document, &DocumentLimits::default())
}

/// The document with every field, from the tests of the reader.
fn full() -> Value {
    let source = include_str!("documents.rs");
    let text = source
        .split("const FULL: &str = r#\"")
        .nth(1)
        .unwrap()
        .split("\"#;")
        .next()
        .unwrap();
    let mut full: Value = serde_json::from_str(text).unwrap();
    let more = json!({
        "mode": "active",
        "rescale": "in_place",
        "sizing": { "tolerance": { "up": "5%", "down": 0.1 }, "align": { "to": "key_groups", "most_over": "120%" } },
        "guards": {
            "cool_down": { "up": "5m", "down": "30m", "urgent": "2m" },
            "stabilisation": { "up": "0s", "down": "1h" },
            "largest_step": { "up": "100%", "down": "50%", "urgent": 3 },
            "excluded": [{ "daily": "22:00-06:00", "weekdays": ["mon-fri"], "zone": "Europe/Berlin", "urgent_pass": true }, { "cron": "* 9-17 * * *" }],
            "restarts_per_day": 4,
            "freeze_on_missing": "all",
            "ineffective": { "least_gain": "10%", "for": "2h" },
            "oscillation": { "within": "6h" }
        },
        "timing": { "short": "1m", "long": { "cron": "*/5 6-22 * * *", "zone": "Europe/Berlin" } }
    });
    for (section, value) in more.as_object().unwrap() {
        full[section] = value.clone();
    }
    full["limits"]["total"] = json!({ "task_managers": 8, "cores": 16.5, "memory": "64GiB" });
    full["metrics"]["lag"]["min_coverage"] = json!("50%");
    full["metrics"]["seen"] = json!({ "record": "parallelism" });
    full["rules"].as_array_mut().unwrap().push(json!({
        "name": "tell", "when": "hot", "alert": "it is hot", "then": { "parallelism": "2" }, "urgent": true, "no_shrink_for": "calm", "lowers": "skew"
    }));
    read(&full).unwrap_or_else(|d| panic!("{d}"));
    full
}

#[test]
fn the_schema_in_the_repository_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/document.schema.json");
    let should = schema();
    if std::env::var_os("DRAS_WRITE_DOCS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&should).unwrap() + "\n").unwrap();
        return;
    }
    let before: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(
        before == should,
        "{} is not current: run the tests with DRAS_WRITE_DOCS=1",
        path.display()
    );
}

#[test]
fn documents_that_read_validate() {
    let validator = Validator::new();
    let mut count = 0;
    let mut check = |text: &str| {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let alone = read(&value).is_ok();
        let among_others =
            value.get("extends").is_some() && Library::new(DocumentLimits::default()).add_value(&value).is_ok();
        if alone || among_others {
            validator.check(&value).unwrap_or_else(|e| panic!("{text}\n{e}"));
            count += 1;
        }
    };
    for template in Template::all() {
        check(&template.print());
    }
    for page in [README, DOCUMENTS] {
        for block in page.split("```json\n").skip(1) {
            check(block.split("```").next().unwrap());
        }
        for text in page.split("r#\"").skip(1) {
            check(text.split("\"#").next().unwrap());
        }
    }
    for code in ALL_CODES {
        match code.example() {
            Example::Document(text) => check(text),
            Example::Library(text) => {
                for document in serde_json::from_str::<Vec<Value>>(text).unwrap() {
                    check(&document.to_string());
                }
            }
            _ => {}
        }
    }
    // All documents that the other tests write down.
    for source in [
        include_str!("documents.rs"),
        include_str!("engine.rs"),
        include_str!("library.rs"),
        include_str!("pages.rs"),
    ] {
        for text in source.split("r#\"").skip(1) {
            check(text.split("\"#").next().unwrap());
        }
    }
    check(&full().to_string());
    assert!(count > 40, "{count} documents were found");
}

#[test]
fn structure_that_the_reader_refuses_the_schema_refuses() {
    let validator = Validator::new();
    for broken in [
        json!([]),
        json!({}),
        json!({"version": 2}),
        json!({"version": "1"}),
        json!({"version": 1, "ruels": []}),
        json!({"version": 1, "rules": {}}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true"}]}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "then": {}}]}),
        json!({"version": 1, "rules": [{"name": "u p", "when": "true", "then": {"parallelism": "1"}}]}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "then": {"parallelism": 1}}]}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "then": {"memory": "1GiB"}}]}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "for": 60, "then": {"parallelism": "1"}}]}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "priority": 1.5, "then": {"parallelism": "1"}}]}),
        json!({"version": 1, "metrics": {"cpu": {"unti": "ratio"}}}),
        json!({"version": 1, "metrics": {"cpu": {"kind": "guage"}}}),
        json!({"version": 1, "metrics": {"cpu": {"range": [0]}}}),
        json!({"version": 1, "metrics": {"cpu": {"interval": 15}}}),
        json!({"version": 1, "metrics": {"cpu": {"interval": "15"}}}),
        json!({"version": 1, "metrics": {"cpu": {"instance_label": "a-b"}}}),
        json!({"version": 1, "metrics": {"5m": {}}}),
        json!({"version": 1, "attributes": {"a": {"unit": "MiB"}}}),
        json!({"version": 1, "params": {"p": {"min": 1}}}),
        json!({"version": 1, "params": {"p": "sql"}}),
        json!({"version": 1, "params": {"p": null}}),
        json!({"version": 1, "define": {"x": 1}}),
        json!({"version": 1, "strategies": ["cpu"]}),
        json!({"version": 1, "mode": "on"}),
        json!({"version": 1, "guards": {"cool_down": "5m"}}),
        json!({"version": 1, "guards": {"cool_down": {"up": 5}}}),
        json!({"version": 1, "guards": {"restarts_per_day": 0}}),
        json!({"version": 1, "guards": {"excluded": [{"zone": "UTC"}]}}),
        json!({"version": 1, "timing": {"long": 300}}),
        json!({"version": 1, "timing": {"long": {"zone": "UTC"}}}),
        json!({"version": 1, "guards": {"freeze_on_missing": true}}),
        json!({"version": 1, "sizing": {"align": {"most_over": 0.2}}}),
        json!({"version": 1, "limits": {"total": {"cores": "1GiB"}}}),
        json!({"version": 1, "rules": [{"name": "up", "when": "true", "alert": "x", "urgent": "yes"}]}),
        json!({"version": 1, "strategies": [{"as": "cpu"}]}),
        json!({"version": 1, "strategies": [{"use": "cpu", "as": "a.b"}]}),
        json!({"version": 1, "limits": {"parallelism": {"max": 0}}}),
        json!({"version": 1, "limits": {"task_manager_memory": {"max": 4096}}}),
        json!({"version": 1, "windows": {"min_coverage": "80"}, "name": 1}),
        json!({"version": 1, "windows": {"min_coverage": 1.5}}),
        json!({"version": 1, "extends": []}),
        json!({"version": 1, "extends": ["a", "a"]}),
        json!({"version": 1, "remove": {"rules": ["up"]}}),
        json!({"version": 1, "extends": "a", "remove": {"rules": "up"}}),
    ] {
        assert!(validator.check(&broken).is_err(), "{broken}");
        assert!(read(&broken).is_err(), "{broken}");
    }
    // What a document inherits it need not say.
    for child in [
        json!({"version": 1, "extends": "base", "attributes": {"a": {"unit": "MiB"}}}),
        json!({"version": 1, "extends": ["a", "b"], "params": {"p": {"min": 1}}, "strategies": [{"as": "cpu"}], "remove": {"rules": ["up"]}}),
    ] {
        validator.check(&child).unwrap();
    }
}

/// The schema of what stands at `path`, with references followed; of a constant or an object, that of the object.
fn follow<'s>(root: &'s Value, mut at: &'s Value, path: &[String]) -> &'s Value {
    let resolve = |mut at: &'s Value| {
        if let Some(choices) = at["anyOf"].as_array() {
            at = choices.iter().find(|c| c.get("$ref").is_some()).unwrap_or(at);
        }
        match at["$ref"].as_str() {
            Some(reference) => root.pointer(&reference[1..]).unwrap(),
            None => at,
        }
    };
    at = resolve(at);
    for step in path {
        at = if step.parse::<usize>().is_ok() {
            &at["items"]
        } else if at["properties"].get(step).is_some() {
            &at["properties"][step]
        } else {
            &at["additionalProperties"]
        };
        at = resolve(at);
    }
    at
}

/// The paths of all objects and lists, and of everything else.
fn paths(value: &Value, here: &[String], all: &mut Vec<Vec<String>>) {
    all.push(here.to_vec());
    let mut down = |step: String, value: &Value| {
        let path: Vec<String> = here.iter().cloned().chain([step]).collect();
        paths(value, &path, all);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| down(key.clone(), value)),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .for_each(|(i, value)| down(i.to_string(), value)),
        _ => {}
    }
}

fn pointer(path: &[String]) -> String {
    path.iter().flat_map(|step| ["/", step.as_str()]).collect()
}

#[test]
fn the_schema_has_the_fields_that_the_reader_knows() {
    let (full, schema) = (full(), schema());
    let mut all = Vec::new();
    paths(&full, &[], &mut all);
    let mut compared = 0;
    for path in all {
        let mut odd = full.clone();
        let Some(fields) = odd.pointer_mut(&pointer(&path)).unwrap().as_object_mut() else {
            continue;
        };
        fields.insert("?".to_owned(), json!(1));
        let found = read(&odd).err().unwrap_or_default();
        let help = found
            .0
            .iter()
            .find(|d| d.code == codes::UNKNOWN_FIELD)
            .and_then(|d| d.help.clone());
        // An object whose keys are names knows no fields.
        let Some(known) = help.as_deref().and_then(|h| h.strip_prefix("the fields here are ")) else {
            continue;
        };
        let known: BTreeSet<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
        let here = follow(&schema, &schema, &path);
        let properties: BTreeSet<&str> = here["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(properties, known, "{path:?}");
        for (name, field) in here["properties"].as_object().unwrap() {
            assert!(!field["description"].as_str().unwrap().is_empty(), "{path:?} {name}");
        }
        compared += 1;
    }
    assert!(compared > 15, "{compared}");
    for resource in Resource::ALL {
        assert!(
            schema["$defs"]["then"]["properties"].get(resource.name()).is_some(),
            "{resource}"
        );
    }
}

/// Values of every kind, most of them wrong wherever they are put.
fn values() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-3),
        json!(0.5),
        json!(40_000),
        json!(""),
        json!("1"),
        json!("80%"),
        json!("5m"),
        json!("1h30m"),
        json!("1GiB"),
        json!("1000/s"),
        json!("-1s"),
        json!("1_000.5"),
        json!("1e3"),
        json!("'text'"),
        json!("\"text\""),
        json!("max"),
        json!("ms/s"),
        json!("a.b"),
        json!("cpu > 80%"),
        json!([]),
        json!([1, 2]),
        json!(["0B", "1GiB"]),
        json!({}),
        json!({"value": 1}),
        json!({"parallelism": "2"}),
        json!({"x": "1"}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// One value of the document with every field, replaced: what reads validates; what has the wrong shape does not.
    #[test]
    fn the_schema_is_no_stricter_than_the_reader_and_sees_wrong_shapes(choice in any::<proptest::sample::Index>(), with in values()) {
        let mut document = full();
        let mut all = Vec::new();
        paths(&document, &[], &mut all);
        let path = &all[choice.index(all.len())];
        *document.pointer_mut(&pointer(path)).unwrap() = with;
        thread_local!(static VALIDATOR: Validator = Validator::new());
        let validated = VALIDATOR.with(|v| v.check(&document));
        match read(&document) {
            Ok(_) => prop_assert!(validated.is_ok(), "{}: {}", pointer(path), validated.unwrap_err()),
            Err(found) => {
                let shape = [codes::UNKNOWN_FIELD, codes::WRONG_FIELD_TYPE];
                // A number where a quantity is wanted is a number in another unit to the reader.
                if found.errors().any(|d| shape.contains(&d.code) && d.path == found.0[0].path) {
                    prop_assert!(validated.is_err(), "{} validates:\n{}", pointer(path), found);
                }
            }
        }
    }
}
