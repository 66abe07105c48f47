//! Documents that extend each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::diagnostic::{ALL_CODES, Diagnostics, Example};
use dras_core::engine::Policy;
use dras_core::rules::{Document, DocumentLimits, Library, Resolved, expand};
use proptest::prelude::*;
use serde_json::{Value, json};

const BASE: &str = r#"{
    "version": 1,
    "name": "base",
    "doc": "for all jobs",
    "metrics": {
        "delay": { "unit": "ms", "across": "max", "per": "subtask", "query": "delay{{{labels}}}" },
        "heap": { "unit": "bytes" }
    },
    "params": {
        "late": { "value": "1m", "min": "10s", "max": "1h", "doc": "delay that nobody should see" },
        "calm": "2m"
    },
    "define": { "hot": "min(delay[3m]) > late" },
    "strategies": [{ "use": "cpu", "params": { "high": "75%", "low": "20%" } }],
    "rules": [
        { "name": "up", "when": "hot", "for": "calm", "then": { "parallelism": "parallelism * 2" }, "priority": 3 },
        { "name": "grow", "when": "heap > 2GiB", "then": { "task_manager_memory": "4GiB" } }
    ],
    "limits": { "parallelism": { "min": 2, "max": 64 } },
    "windows": { "min_coverage": "75%", "warm_up": "90s" }
}"#;

fn library(documents: &[&str]) -> Library {
    let mut library = Library::new(DocumentLimits::default());
    for text in documents {
        library.add(text).unwrap_or_else(|d| panic!("{d}"));
    }
    library
}

fn resolved(documents: &[&str], name: &str) -> Resolved {
    library(documents).resolve(name).unwrap_or_else(|d| panic!("{d}"))
}

/// What adding the last document says.
fn refused(documents: &[&str], last: &str) -> Diagnostics {
    let mut library = library(documents);
    let names: Vec<String> = library.names().map(str::to_owned).collect();
    let found = library.add(last).expect_err("it fits");
    assert!(library.names().eq(names), "an error changes nothing");
    found
}

fn found(diagnostics: &Diagnostics) -> Vec<(&str, &str)> {
    diagnostics.0.iter().map(|d| (d.code.id(), d.path.as_str())).collect()
}

#[test]
fn every_section_is_merged_by_its_rule() {
    let child = r#"{
        "version": 1,
        "name": "orders",
        "extends": "base",
        "metrics": { "delay": { "query": "lag{{{labels}}}" }, "rate": { "unit": "records/s" } },
        "params": { "late": "30s", "calm": { "value": "5m", "max": "10m" } },
        "define": { "hot": "max(delay[3m]) > late" },
        "strategies": [{ "as": "cpu", "params": { "high": "60%" } }, { "use": "cpu", "as": "night" }],
        "rules": [
            { "name": "slow", "when": "rate < 1/s", "then": { "parallelism": "1" } },
            { "name": "up", "when": "hot", "then": { "parallelism": "parallelism + 1" } }
        ],
        "remove": { "rules": ["grow"], "metrics": ["heap"] },
        "limits": { "parallelism": { "max": 8 } },
        "windows": { "min_samples": 5 }
    }"#;
    let resolved = resolved(&[BASE, child], "orders");
    let expected = json!({
        "version": 1,
        "name": "orders",
        "metrics": {
            "delay": { "unit": "ms", "across": "max", "per": "subtask", "query": "lag{{{labels}}}" },
            "rate": { "unit": "records/s" }
        },
        "params": {
            "late": { "value": "30s", "min": "10s", "max": "1h", "doc": "delay that nobody should see" },
            "calm": { "value": "5m", "max": "10m" }
        },
        "define": { "hot": "max(delay[3m]) > late" },
        "strategies": [{ "use": "cpu", "as": "cpu", "params": { "high": "60%", "low": "20%" } }, { "use": "cpu", "as": "night" }],
        // In the place of the one it replaces; without the priority that only the other one had.
        "rules": [
            { "name": "up", "when": "hot", "then": { "parallelism": "parallelism + 1" } },
            { "name": "slow", "when": "rate < 1/s", "then": { "parallelism": "1" } }
        ],
        "limits": { "parallelism": { "min": 2, "max": 8 } },
        "windows": { "min_coverage": "75%", "min_samples": 5, "warm_up": "90s" }
    });
    let expected = Document::from_value(&expected, &DocumentLimits::default()).unwrap();
    assert_eq!(*resolved.document(), expected);
    expand(resolved.document()).unwrap();

    for (path, origin) in [
        ("name", ("orders", "name")),
        ("metrics.delay.unit", ("base", "metrics.delay.unit")),
        ("metrics.delay.query", ("orders", "metrics.delay.query")),
        ("params.late.value", ("orders", "params.late")),
        ("params.late.max", ("base", "params.late.max")),
        ("params.calm.value", ("orders", "params.calm.value")),
        ("strategies[0].params.high", ("orders", "strategies[0].params.high")),
        ("strategies[0].params.low", ("base", "strategies[0].params.low")),
        ("rules[0].when", ("orders", "rules[1].when")),
        ("limits.parallelism.min", ("base", "limits.parallelism.min")),
        ("windows.min_samples", ("orders", "windows.min_samples")),
    ] {
        assert_eq!(resolved.origin(path), Some(origin), "{path}");
    }
    assert!(resolved.documents().eq(["base", "orders"]));
}

#[test]
fn a_resolved_document_prints_every_value_with_its_origin() {
    let base = r#"{"version": 1, "name": "base", "params": {"late": {"value": "1m", "max": "1h"}}, "limits": {"parallelism": {"max": 64}}}"#;
    let child = r#"{"version": 1, "name": "orders", "extends": "base", "params": {"late": "30s"}, "rules": []}"#;
    assert_eq!(
        resolved(&[base, child], "orders").to_string(),
        "\
version = 1                  orders
name = \"orders\"              orders
params.late.value = \"30s\"    orders: params.late
params.late.max = \"1h\"       base
limits.parallelism.max = 64  base
rules = []                   orders"
    );
}

#[test]
fn several_parents_are_applied_in_order_and_each_document_once() {
    let chain = [
        r#"{"version": 1, "name": "root", "params": {"a": 1, "b": 1, "c": 1, "e": 1}}"#,
        r#"{"version": 1, "name": "left", "extends": "root", "params": {"b": 2, "c": 2, "e": 2}}"#,
        r#"{"version": 1, "name": "right", "extends": ["root"], "params": {"c": 3, "e": 3}}"#,
        r#"{"version": 1, "name": "leaf", "extends": ["left", "right"], "params": {"e": 4}}"#,
    ];
    let leaf = resolved(&chain, "leaf");
    assert!(leaf.documents().eq(["root", "left", "right", "leaf"]));
    let values: Vec<String> = leaf.document().params.values().map(|p| p.value.to_string()).collect();
    assert_eq!(values, ["1", "2", "3", "4"]);
    let library = library(&chain);
    assert_eq!(library.dependents("root"), ["leaf", "left", "right"]);
    assert!(library.parents("leaf").eq(["left", "right"]));
}

#[test]
fn what_one_parent_removes_another_may_remove_too() {
    let rule = r#"{"name": "up", "when": "uptime > 1h", "then": {"parallelism": "2"}}"#;
    let root = format!(r#"{{"version": 1, "name": "root", "rules": [{rule}]}}"#);
    let left = r#"{"version": 1, "name": "left", "extends": "root", "remove": {"rules": ["up"]}}"#;
    let right = r#"{"version": 1, "name": "right", "extends": "root", "remove": {"rules": ["up"]}}"#;
    let leaf = r#"{"version": 1, "name": "leaf", "extends": ["left", "right"]}"#;
    assert!(
        resolved(&[&root, left, right, leaf], "leaf")
            .document()
            .rules
            .is_empty()
    );
    // Taken away and said anew, it is whole: nothing of the old one is left.
    let again = r#"{"version": 1, "name": "again", "extends": "base", "remove": {"params": ["late"], "limits": ["parallelism"]},
                    "params": {"late": "5s"}, "limits": {"parallelism": {"max": 3}}}"#;
    let again = resolved(&[BASE, again], "again");
    assert_eq!(again.document().params["late"].range(), None);
    assert_eq!(
        again.origin("limits.parallelism"),
        Some(("again", "limits.parallelism"))
    );
    assert!(!again.to_string().contains("limits.parallelism.min"));
}

#[test]
fn mistakes_are_reported_where_they_stand() {
    for (child, expected) in [
        // A range of the parent, a value of the child.
        (r#""params": {"late": "2h"}"#, vec![("E0612", "params.late")]),
        (
            r#""params": {"late": {"max": "20s"}}"#,
            vec![("E0612", "base: params.late.value")],
        ),
        (r#""params": {"late": "80%"}"#, vec![("E0606", "params.late")]),
        (r#""params": {"calm": true}"#, vec![("E0606", "params.calm")]),
        (
            r#""limits": {"parallelism": {"max": 1}}"#,
            vec![("E0614", "limits.parallelism")],
        ),
        (
            r#""metrics": {"delay": {"kind": "event"}}"#,
            vec![("E0606", "base: metrics.delay.unit")],
        ),
        (
            r#""metrics": {"delay": {"unti": "ms"}}"#,
            vec![("E0602", "metrics.delay.unti")],
        ),
        (r#""define": {"late": "1"}"#, vec![("E0608", "define.late")]),
        (r#""rules": 3"#, vec![("E0604", "rules")]),
        (
            r#""rules": [{"when": "true"}]"#,
            vec![("E0603", "rules[0]"), ("E0603", "rules[0]")],
        ),
        (
            r#""rules": [{"name": "up", "when": "hot", "then": {"parallelism": "1"}}, {"name": "up", "when": "hot", "then": {"parallelism": "1"}}]"#,
            vec![("E0608", "rules[1].name")],
        ),
        (r#""params": {"new": 1, "new": 2}"#, vec![("E0608", "params.new")]),
        (
            r#""params": {"calm": "1m", "calm": "2m"}"#,
            vec![("E0608", "params.calm")],
        ),
        (
            r#""strategies": [{"as": "cpu"}, {"as": "cpu"}]"#,
            vec![("E0603", "strategies[1]")],
        ),
        (r#""remove": {"rules": ["upp"]}"#, vec![("E0632", "remove.rules[0]")]),
        (r#""remove": {"rulse": ["up"]}"#, vec![("E0632", "remove.rulse[0]")]),
        (r#""remove": {"rules": "up"}"#, vec![("E0604", "remove.rules")]),
        (r#""remove": {"rules": [1]}"#, vec![("E0604", "remove.rules[0]")]),
    ] {
        let child = format!("{{\"version\": 1, \"name\": \"orders\", \"extends\": \"base\",\n{child}}}");
        let diagnostics = refused(&[BASE], &child);
        assert_eq!(found(&diagnostics), expected, "{child}\n{diagnostics}");
        for d in &diagnostics.0 {
            // The place is in the text of the document that the path names.
            let inherited = d.path.starts_with("base: ");
            assert_eq!(d.source.as_deref(), Some(if inherited { BASE } else { &child }), "{d}");
            let (line, _) = d.line_and_column().unwrap();
            assert!(if inherited { line > 5 } else { line == 2 }, "{d}");
        }
    }
}

#[test]
fn names_of_parents_are_checked() {
    let bad = |extends: &str| {
        let child = format!(r#"{{"version": 1, "name": "orders", "extends": {extends}}}"#);
        refused(&[BASE], &child)
    };
    for (extends, code, path) in [
        ("3", "E0604", "extends"),
        ("[]", "E0606", "extends"),
        (r#"["base", "base"]"#, "E0608", "extends[1]"),
        (r#"["base", null]"#, "E0604", "extends[1]"),
        (r#""orders""#, "E0631", "extends"),
    ] {
        assert_eq!(found(&bad(extends)), [(code, path)], "{extends}");
    }
    // A parent may come later; until then the document cannot be resolved.
    let mut library = library(&[r#"{"version": 1, "name": "orders", "extends": ["bsae"]}"#, BASE]);
    let missing = library.resolve("orders").unwrap_err();
    assert_eq!(found(&missing), [("E0630", "extends[0]")]);
    assert_eq!(missing.0[0].help.as_deref(), Some("did you mean `base`?"));
    assert_eq!(missing.0[0].offending(), "\"bsae\"");
    library
        .add(r#"{"version": 1, "name": "payments", "extends": "orders"}"#)
        .unwrap();
    let missing = library.resolve("payments").unwrap_err();
    assert_eq!(found(&missing), [("E0630", "orders: extends[0]")]);
    library
        .replace(r#"{"version": 1, "name": "orders", "extends": ["base"]}"#)
        .unwrap();
    assert_eq!(library.resolve("payments").unwrap().document().rules.len(), 2);
    assert_eq!(
        library.resolve("paymens").unwrap_err().0[0].help.as_deref(),
        Some("did you mean `payments`?")
    );
}

#[test]
fn circles_are_refused_when_they_close() {
    let a = r#"{"version": 1, "name": "a", "extends": "b"}"#;
    let b = r#"{"version": 1, "name": "b", "extends": "c"}"#;
    let c = r#"{"version": 1, "name": "c", "extends": ["x", "a"]}"#;
    let diagnostics = refused(&[a, b], c);
    assert_eq!(found(&diagnostics), [("E0630", "extends[0]"), ("E0631", "b: extends")]);
    assert!(diagnostics.0[1].message.ends_with("c → a → b → c"), "{diagnostics}");
    let mut library = library(&[r#"{"version": 1, "name": "c"}"#, b, a]);
    let closed = library
        .replace(r#"{"version": 1, "name": "c", "extends": "a"}"#)
        .unwrap_err();
    assert_eq!(found(&closed), [("E0631", "b: extends")]);
    library.resolve("a").unwrap();
}

#[test]
fn depth_and_size_are_bounded() {
    let limits = DocumentLimits {
        max_extends: 3,
        max_values: 40,
        ..DocumentLimits::default()
    };
    let mut library = Library::new(limits.clone());
    library.add(r#"{"version": 1, "name": "d0"}"#).unwrap();
    for n in 1..=3 {
        library
            .add(format!(r#"{{"version": 1, "name": "d{n}", "extends": "d{}"}}"#, n - 1))
            .unwrap();
    }
    let deep = library
        .add(r#"{"version": 1, "name": "d4", "extends": "d3"}"#)
        .unwrap_err();
    assert_eq!(found(&deep), [("E0616", "d1: extends")]);
    let wide = library
        .add(r#"{"version": 1, "name": "w", "extends": ["a", "b", "c", "d"]}"#)
        .unwrap_err();
    assert_eq!(found(&wide), [("E0616", "extends")]);

    let mut library = Library::new(limits);
    let params = |n: usize| {
        let params: Vec<String> = (0..30).map(|i| format!("\"p{n}_{i}\": 1")).collect();
        params.join(",")
    };
    library
        .add(format!(r#"{{"version": 1, "name": "a", "params": {{{}}}}}"#, params(1)))
        .unwrap();
    let big = format!(
        r#"{{"version": 1, "name": "b", "extends": "a", "params": {{{}}}}}"#,
        params(2)
    );
    assert_eq!(found(&library.add(big).unwrap_err()), [("E0616", "extends")]);
}

#[test]
fn replacing_is_all_or_nothing_and_says_what_is_different_now() {
    let orders = r#"{"version": 1, "name": "orders", "extends": "base", "params": {"late": "30s"}}"#;
    let night = r#"{"version": 1, "name": "night", "extends": "orders"}"#;
    let other = r#"{"version": 1, "name": "other"}"#;
    let mut library = library(&[BASE, orders, night, other]);
    let narrow = BASE.replace("\"min\": \"10s\"", "\"min\": \"45s\"");
    let diagnostics = library.replace(&narrow).unwrap_err();
    assert_eq!(found(&diagnostics), [("E0612", "orders: params.late")]);
    assert_eq!(
        library.resolve("night").unwrap().document().params["late"]
            .range()
            .unwrap(),
        "10s … 1h"
    );

    let wide = BASE.replace("\"max\": \"1h\"", "\"max\": \"2h\"");
    assert_eq!(library.replace(&wide).unwrap(), ["base", "night", "orders"]);
    assert_eq!(
        library.resolve("night").unwrap().document().params["late"]
            .range()
            .unwrap(),
        "10s … 2h"
    );
    assert_eq!(library.replace(other).unwrap(), ["other"]);

    assert_eq!(found(&library.remove("base").unwrap_err()), [("E0634", "")]);
    assert_eq!(found(&library.remove("bass").unwrap_err()), [("E0630", "")]);
    library.remove("night").unwrap();
    library.remove("orders").unwrap();
    library.remove("base").unwrap();
    assert!(library.names().eq(["other"]));
    let unknown = library.replace(BASE).unwrap_err();
    assert_eq!(found(&unknown), [("E0630", "name")]);
    assert_eq!(found(&library.add(other).unwrap_err()), [("E0608", "name")]);
}

#[test]
fn a_document_in_a_library_has_a_name_and_is_checked_whole() {
    for (text, expected) in [
        (r#"{"version": 1}"#, vec![("E0603", "")]),
        (r#"{"version": 1, "name": " "}"#, vec![("E0607", "name")]),
        (
            r#"{"version": 1, "name": 3, "ruels": []}"#,
            vec![("E0604", "name"), ("E0602", "ruels")],
        ),
        (r#"{"version": 7, "name": "x"}"#, vec![("E0605", "version")]),
        (r#"{"name": "x"}"#, vec![("E0603", "")]),
        ("[]", vec![("E0601", "")]),
        ("{", vec![("E0601", "")]),
        (
            r#"{"version": 1, "name": "x", "remove": {}}"#,
            vec![("E0632", "remove")],
        ),
        (r#"{"version": 1, "name": "x", "name": "y"}"#, vec![("E0608", "name")]),
    ] {
        assert_eq!(found(&refused(&[], text)), expected, "{text}");
    }
    assert_eq!(
        found(
            &Document::from_json(
                r#"{"version": 1, "extends": "base", "remove": {}}"#,
                &DocumentLimits::default()
            )
            .unwrap_err()
        ),
        [("E0633", "extends"), ("E0633", "remove")]
    );
    let value = json!({"version": 1, "name": "orders", "extends": "base", "params": {"late": "2h"}});
    let mut library = library(&[BASE]);
    let d = library.add_value(&value).unwrap_err();
    assert_eq!(
        (found(&d), d.0[0].source.is_none()),
        (vec![("E0612", "params.late")], true)
    );
}

#[test]
fn expressions_and_strategies_are_placed_in_the_document_that_says_them() {
    let compile = |child: &str| {
        let mut library = library(&[BASE]);
        library
            .add(format!(
                "{{\"version\": 1, \"name\": \"orders\", \"extends\": \"base\",\n{child}}}"
            ))
            .unwrap();
        Policy::from_resolved(&library.resolve("orders").unwrap())
    };
    // The definition is the child's, the rule that it breaks the parent's.
    let broken = compile(r#""define": {"hot": "late"}"#).unwrap_err();
    assert_eq!(found(&broken), [("E0304", "base: rules[0].when")]);
    assert_eq!(broken.0[0].source.as_deref(), Some("hot"));
    let broken = compile(r#""define": {"hot": "latee > 1m"}"#).unwrap_err();
    assert_eq!(found(&broken), [("E0201", "define.hot")]);
    let broken = compile(r#""strategies": [{"use": "cpu", "params": {"hihg": "70%"}}]"#).unwrap_err();
    assert_eq!(found(&broken), [("E0611", "strategies[0].params.hihg")]);
    assert_eq!(broken.0[0].line_and_column().unwrap().0, 2);
    let broken = compile(r#""metrics": {"cpu": {"unit": "MiB"}}"#).unwrap_err();
    assert!(found(&broken).contains(&("E0617", "metrics.cpu")), "{broken}");
    let broken = compile(r#""params": {"calm": "0s"}, "remove": {"params": ["calm"]}, "rules": [{"name": "x", "when": "hot", "for": "clam", "then": {"parallelism": "1"}}]"#)
        .unwrap_err();
    assert_eq!(found(&broken), [("E0606", "rules[0].for")]);

    // What is only inherited may be left unused; what the document declares itself may not.
    let policy = compile(r#""remove": {"rules": ["grow"]}, "params": {"spare": 1}"#).unwrap();
    let warned: Vec<(&str, &str)> = found(policy.warnings());
    assert_eq!(warned, [("W0108", "params.spare")]);
}

#[test]
fn every_library_example_of_the_error_reference_gives_its_code() {
    let mut count = 0;
    for code in ALL_CODES {
        let Example::Library(text) = code.example() else {
            continue;
        };
        let documents: Vec<Value> = serde_json::from_str(text).unwrap();
        let mut library = Library::new(DocumentLimits::default());
        let mut last = String::new();
        let mut wrong = Diagnostics::default();
        for document in &documents {
            match library.add(document.to_string()) {
                Ok(name) => last = name,
                Err(d) => wrong = d,
            }
        }
        if !wrong.has_errors() {
            wrong = library.resolve(&last).unwrap_err();
        }
        assert!(wrong.0.iter().any(|d| d.code == *code), "{}: {wrong}", code.id());
        count += 1;
    }
    assert_eq!(count, 3);
}

/// A document with many fields, as a value.
fn whole() -> Value {
    serde_json::from_str(BASE).unwrap()
}

/// Takes fields away from a value and puts them into another, as `choices` say; texts, numbers and lists stay whole.
fn split(value: &mut Value, choices: &mut impl Iterator<Item = bool>, depth: usize) -> Value {
    let Value::Object(fields) = value else {
        return Value::Null;
    };
    let mut other = serde_json::Map::new();
    for key in fields.keys().cloned().collect::<Vec<_>>() {
        let field = fields.get_mut(&key).unwrap();
        if field.is_object() && depth < 2 {
            other.insert(key, split(field, choices, depth + 1));
        } else if choices.next().unwrap_or(false) {
            other.insert(key.clone(), fields.remove(&key).unwrap());
        }
    }
    Value::Object(other)
}

proptest! {
    /// However a document is split into a base and the rest, together they are the document.
    #[test]
    fn the_parts_of_a_document_are_the_document(choices in proptest::collection::vec(any::<bool>(), 40)) {
        let mut base = whole();
        let mut child = split(&mut base, &mut choices.into_iter(), 0);
        for (part, name) in [(&mut base, "one"), (&mut child, "two")] {
            part["version"] = json!(1);
            part["name"] = json!(name);
        }
        child["doc"] = whole()["doc"].clone();
        child["extends"] = json!("one");
        let mut library = Library::new(DocumentLimits::default());
        // A part may not stand alone: a parameter without its value. Then the whole is not what is tested.
        prop_assume!(library.add_value(&base).is_ok());
        library.add_value(&child).unwrap();
        let mut expected = whole();
        expected["name"] = json!("two");
        let expected = Document::from_value(&expected, &DocumentLimits::default()).unwrap();
        let resolved = library.resolve("two").unwrap();
        prop_assert_eq!(resolved.document(), &expected);
    }

    /// Bytes of a child replaced: it is refused with a place in a text, or it fits; never a panic.
    #[test]
    fn a_damaged_child_is_refused_with_its_place(
        at in 0_usize..220, with in "[\\[\\]{}\",:a-z0-9]{0,4}", cut in 0_usize..4
    ) {
        let child = r#"{"version": 1, "name": "orders", "extends": ["base"], "remove": {"rules": ["grow"]}, "params": {"late": "30s"}, "rules": [{"name": "up", "when": "hot", "then": {"parallelism": "1"}}], "limits": {"parallelism": {"max": 9}}}"#;
        let at = at.min(child.len());
        let end = (at + cut).min(child.len());
        let text = format!("{}{with}{}", &child[..at], &child[end..]);
        let mut library = library(&[BASE]);
        match library.add(&text) {
            Ok(name) => match library.resolve(&name) {
                Ok(resolved) => {
                    // Its values are all somewhere.
                    prop_assert!(resolved.values().iter().all(|said| !said.document.is_empty() && !said.at.is_empty()));
                    let again = Document::from_json(resolved.document().to_json(), &DocumentLimits::default()).unwrap();
                    prop_assert_eq!(&again, resolved.document());
                }
                Err(found) => prop_assert!(found.0.iter().all(|d| d.code.id() == "E0630"), "{}", found),
            },
            Err(found) => {
                prop_assert!(found.has_errors());
                prop_assert!(library.names().eq(["base"]));
                prop_assert!(found.0.iter().all(|d| d.source.is_some()), "{}", found);
            }
        }
    }
}
