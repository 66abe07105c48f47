//! Which task gets which document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use dras_core::diagnostic::Diagnostics;
use dras_core::engine::{Assigned, Assigner, AttributeValue, TaskError};
use dras_core::rules::{Assignments, DocumentLimits, Library};
use proptest::prelude::*;

const TABLE: &str = r#"{
    "version": 1,
    "doc": "who gets what",
    "attributes": { "team": { "type": "text" }, "quota": { "type": "number", "unit": "GiB" }, "critical": { "type": "bool", "doc": "d" } },
    "assignments": [
        { "when": "critical && quota > 64GiB", "document": "large", "doc": "the few" },
        { "when": "team =~ '^orders' || task_type == 'cep'", "document": "orders" },
        { "when": "uptime < 1h", "document": "young" }
    ],
    "default": "etl"
}"#;

fn limits() -> DocumentLimits {
    DocumentLimits::default()
}

fn assigner(text: &str) -> Assigner {
    Assigner::from_json(text, &limits()).unwrap_or_else(|d| panic!("{d}"))
}

fn task(attributes: &[(&str, AttributeValue)]) -> BTreeMap<String, AttributeValue> {
    attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn assign(attributes: &[(&str, AttributeValue)]) -> Assigned {
    assigner(TABLE).assign(&task(attributes)).unwrap()
}

fn found(diagnostics: &Diagnostics) -> Vec<(&str, &str)> {
    diagnostics.0.iter().map(|d| (d.code.id(), d.path.as_str())).collect()
}

#[test]
fn the_first_true_condition_counts() {
    let assigned = assign(&[
        ("critical", true.into()),
        ("quota", 100.0.into()),
        ("team", "orders-eu".into()),
    ]);
    assert_eq!((assigned.document.as_deref(), assigned.index), (Some("large"), Some(0)));
    // In the unit of the language, whatever the attribute's is.
    assert_eq!(assigned.why, ["critical = true", "quota = 100GiB > 64GiB → true"]);
    assert!(assigned.undefined.is_empty());

    let assigned = assign(&[
        ("critical", false.into()),
        ("quota", 100.0.into()),
        ("team", "orders-eu".into()),
        ("uptime", 60.0.into()),
    ]);
    assert_eq!(
        (assigned.document.as_deref(), assigned.index),
        (Some("orders"), Some(1))
    );
}

#[test]
fn undefined_is_not_true_but_reported() {
    // False, whatever the other part is; true, whatever the other part is; and neither.
    let assigned = assign(&[("critical", false.into()), ("task_type", "cep".into())]);
    assert_eq!((assigned.index, assigned.undefined.len()), (Some(1), 0));
    let assigned = assign(&[
        ("quota", 80.0.into()),
        ("task_type", "sql".into()),
        ("uptime", 7200.0.into()),
    ]);
    assert_eq!((assigned.document.as_deref(), assigned.index), (Some("etl"), None));
    let undefined: Vec<(usize, &str)> = assigned
        .undefined
        .iter()
        .map(|u| (u.index, u.reason.as_str()))
        .collect();
    assert_eq!(
        undefined,
        [
            (0, "`critical`: the task does not say"),
            (1, "`team`: the task does not say")
        ]
    );
    assert_eq!(
        assigned.to_string(),
        "document `etl`: the default\n  assignments[0] (`large`): `critical`: the task does not say\n  assignments[1] (`orders`): `team`: the task \
         does not say"
    );
    let json = serde_json::to_value(&assigned).unwrap();
    assert_eq!(json["undefined"][1]["document"], "orders");

    let none = assigner(r#"{"version": 1, "assignments": []}"#)
        .assign(&task(&[]))
        .unwrap();
    assert_eq!(none.document, None);
    assert_eq!(
        none.to_string(),
        "no document: no condition is true, and there is no default"
    );
}

#[test]
fn attributes_of_the_wrong_type_are_refused_and_unknown_ones_left_alone() {
    let assigner = assigner(TABLE);
    let wrong = assigner.assign(&task(&[("quota", "100".into())])).unwrap_err();
    assert!(
        matches!(&wrong, TaskError::AttributeType { name, .. } if name == "quota"),
        "{wrong}"
    );
    let wrong = assigner.assign(&task(&[("uptime", f64::NAN.into())])).unwrap_err();
    assert!(
        matches!(&wrong, TaskError::NotFinite { name, .. } if name == "uptime"),
        "{wrong}"
    );
    let assigned = assigner
        .assign(&task(&[("colour", "red".into()), ("uptime", 60.0.into())]))
        .unwrap();
    assert_eq!(assigned.document.as_deref(), Some("young"));
}

#[test]
fn all_mistakes_are_reported_with_their_paths() {
    for (text, expected) in [
        ("[]", vec![("E0601", "")]),
        (r#"{"version": 2}"#, vec![("E0605", "version")]),
        (r#"{"version": 1}"#, vec![("E0603", "")]),
        (
            r#"{"version": 1, "assignments": [{"when": "true"}, {"when": 1, "document": ""}, {"wehn": ""}], "defualt": "x", "default": " "}"#,
            vec![
                ("E0603", "assignments[0]"),
                ("E0604", "assignments[1].when"),
                ("E0606", "assignments[1].document"),
                ("E0603", "assignments[2]"),
                ("E0603", "assignments[2]"),
                ("E0602", "assignments[2].wehn"),
                ("E0602", "defualt"),
                ("E0606", "default"),
            ],
        ),
        (
            r#"{"version": 1, "attributes": {"uptime": {"type": "number"}}, "assignments": []}"#,
            vec![("E0608", "attributes.uptime")],
        ),
        (
            r#"{"version": 1, "attributes": {"avg": {"type": "number"}}, "assignments": []}"#,
            vec![("E0607", "attributes.avg")],
        ),
        // A task has no metrics yet; a condition is a truth value.
        (
            r#"{"version": 1, "assignments": [{"when": "task_typ == 'sql'", "document": "a"}, {"when": "parallelism", "document": "b"}, {"when": "avg(uptime[5m]) > 1h", "document": "c"}]}"#,
            vec![
                ("E0201", "assignments[0].when"),
                ("E0304", "assignments[1].when"),
                ("E0403", "assignments[2].when"),
            ],
        ),
    ] {
        let wrong = Assigner::from_json(text, &limits()).unwrap_err();
        assert_eq!(found(&wrong), expected, "{text}\n{wrong}");
        for d in &wrong.0 {
            assert!(d.source.is_some() || d.path == "attributes.avg", "{d}");
        }
    }
    let odd = assigner(r#"{"version": 1, "assignments": [{"when": "1 < 2", "document": "a"}]}"#);
    assert_eq!(found(odd.warnings()), [("W0101", "assignments[0].when")]);
}

#[test]
fn documents_that_the_library_does_not_have_are_named() {
    let mut library = Library::new(limits());
    for name in ["large", "orders", "young"] {
        library.add(format!(r#"{{"version": 1, "name": "{name}"}}"#)).unwrap();
    }
    let assigner = assigner(TABLE);
    let missing = assigner.check(&library);
    assert_eq!(found(&missing), [("E0630", "default")]);
    library.add(r#"{"version": 1, "name": "etl"}"#).unwrap();
    assert_eq!(assigner.check(&library), Diagnostics::default());
    library.remove("orders").unwrap();
    library.add(r#"{"version": 1, "name": "order"}"#).unwrap();
    let missing = assigner.check(&library);
    assert_eq!(found(&missing), [("E0630", "assignments[1].document")]);
    assert_eq!(missing.0[0].help.as_deref(), Some("did you mean `order`?"));
}

#[test]
fn writing_and_reading_gives_the_same_assignments() {
    let read = Assignments::from_json(TABLE, &limits()).unwrap();
    assert_eq!(Assignments::from_json(read.to_json(), &limits()).unwrap(), read);
    let value: serde_json::Value = serde_json::from_str(TABLE).unwrap();
    assert_eq!(Assignments::from_value(&value, &limits()).unwrap(), read);
    assert!(read.documents().eq(["large", "orders", "young", "etl"]));
}

proptest! {
    /// What is not known never makes a task change its document for one further down without saying so.
    #[test]
    fn forgetting_an_attribute_moves_a_task_down_and_says_why(
        critical in any::<bool>(), quota in 0.0..128.0, team in "orders|billing", kind in "sql|cep", uptime in 0.0..7200.0, forget in 0_usize..5
    ) {
        let whole = [
            ("critical", AttributeValue::from(critical)), ("quota", AttributeValue::from(quota)), ("team", team.as_str().into()),
            ("task_type", kind.as_str().into()), ("uptime", AttributeValue::from(uptime)),
        ];
        let assigner = assigner(TABLE);
        let before = assigner.assign(&task(&whole)).unwrap();
        prop_assert!(before.undefined.is_empty());
        let mut less = task(&whole);
        less.remove(whole[forget].0);
        let after = assigner.assign(&less).unwrap();
        prop_assert!(after.index.unwrap_or(3) >= before.index.unwrap_or(3));
        if after.document != before.document {
            prop_assert!(after.undefined.iter().any(|u| Some(u.index) == before.index));
        }
    }
}
