//! The pages that a newcomer reads say what the crate does: what the README shows is what comes out.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::engine::{Decision, Policy, RuleState, Task, decide};
use dras_core::rules::{Document, DocumentLimits};

const README: &str = include_str!("../../README.md");
const DOCUMENTS: &str = include_str!("../../docs/documents.md");

/// The blocks with this info string, in order.
fn blocks<'p>(page: &'p str, info: &str) -> Vec<&'p str> {
    let opening = format!("\n```{info}\n");
    page.split(&opening).skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect()
}

/// The document in the README's example.
fn rules() -> &'static str {
    let example = blocks(README, "rust")[0];
    example.split("r#\"").nth(1).unwrap().split("\"#;").next().unwrap()
}

fn policy(text: &str) -> Policy {
    let document = Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"))
}

/// What the README's example does with the document.
fn decision() -> Decision {
    let policy = policy(rules());
    let mut task = Task::new(&policy, "orders").unwrap();
    task.set(&policy, "parallelism", 4.0).unwrap();
    task.set(&policy, "task_managers", 2.0).unwrap();
    let now = 1_800_000_000_000;
    let times: Vec<i64> = (0..20).map(|i| now - (19 - i) * 15_000).collect();
    let cpu = policy.metric("cpu").unwrap();
    for (name, load) in [("tm-1", 86.0), ("tm-2", 94.0)] {
        let instance = task.instance(&policy, name).unwrap();
        task.column(&policy, now, instance, cpu, &times, &[load; 20]).unwrap();
    }
    decide(&policy, &mut task, now).unwrap()
}

#[test]
fn the_readme_shows_the_decision_that_its_example_prints() {
    let decision = decision();
    assert!(policy(rules()).warnings().0.is_empty());
    assert_eq!(decision.to_string(), blocks(README, "text")[0]);
    assert_eq!(decision.states().collect::<Vec<_>>(), [RuleState::Fired, RuleState::Undefined]);
}

#[test]
fn the_readme_shows_the_message_that_its_mistake_gets() {
    let text = rules().replace("avg(cpu[5m]) > 80%", "avg(cpuu[5m]) > 80% && task_manager_memory < 4096");
    let document = Document::from_json(&text, &DocumentLimits::default()).unwrap();
    let found = Policy::compile(&document).unwrap_err();
    assert_eq!(found.to_string(), blocks(README, "text")[1]);
}

#[test]
fn the_example_of_the_document_page_compiles_without_a_warning() {
    let policy = policy(blocks(DOCUMENTS, "json")[0]);
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    let names: Vec<&str> = policy.rules().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["cpu.up", "cpu.down", "catch-up"]);
}

#[test]
fn pages_are_there_that_others_link_to() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/language.md", "docs/windows.md", "docs/documents.md", "docs/design.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let folder = root.join(page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|l| l.0) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { root.join(page) } else { folder.join(file) };
            assert!(target.exists(), "{page} links to {link}");
            if !anchor.is_empty() {
                let headings = std::fs::read_to_string(&target).unwrap();
                let found = headings.lines().filter(|l| l.starts_with('#')).any(|l| anchor_of(l) == anchor);
                assert!(found, "{page} links to {link}");
            }
        }
    }
}

/// The anchor that a heading gets where the pages are shown.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}
