//! The pages that a newcomer reads say what the crate does: what the README shows is what comes out.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use dras_core::engine::{Assigner, AttributeValue, Decision, LintOptions, Policy, RuleState, Task, decide, lint};
use dras_core::metrics::{
    Aggregate, AggregateId, Catalogue, MetricSpec, Plan, Reduce, Scratch, Window, WindowSettings, Windows, saved,
};
use dras_core::rules::{Document, DocumentLimits, Library};
use dras_core::snapshot;

const README: &str = include_str!("../../README.md");
const DOCUMENTS: &str = include_str!("../../docs/documents.md");

/// The blocks with this info string, in order.
fn blocks<'p>(page: &'p str, info: &str) -> Vec<&'p str> {
    let opening = format!("\n```{info}\n");
    page.split(&opening)
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
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
    assert_eq!(
        decision.states().collect::<Vec<_>>(),
        [RuleState::Fired, RuleState::Undefined]
    );
}

#[test]
fn the_readme_shows_the_message_that_its_mistake_gets() {
    let text = rules().replace(
        "avg(cpu[5m]) > 80%",
        "avg(cpuu[5m]) > 80% && task_manager_memory < 4096",
    );
    let document = Document::from_json(&text, &DocumentLimits::default()).unwrap();
    let found = Policy::compile(&document).unwrap_err();
    assert_eq!(found.to_string(), blocks(README, "text")[1]);
}

#[test]
fn the_example_of_the_document_page_compiles_without_a_warning() {
    let policy = policy(blocks(DOCUMENTS, "json")[0]);
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    let names: Vec<&str> = policy.rules().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["cpu.up", "cpu.waiting", "cpu.down", "catch-up"]);
}

const WINDOWS: &str = include_str!("../../docs/windows.md");
const S: i64 = 1000;
/// Noon of a day.
const NOON: i64 = 1_800_000_000_000 + 4 * 3_600 * S;

/// What `expression` comes to, as the page says it: its value, or why it is undefined.
struct Example {
    policy: Policy,
    task: Task,
}

impl Example {
    fn new(expression: &str) -> Example {
        let document = serde_json::json!({
            "version": 1,
            "metrics": {
                "cpu": {"unit": "ratio", "per": "task_manager"},
                "records": {"kind": "counter"},
                "exceptions": {"kind": "event"},
            },
            "rules": [{"name": "r", "when": expression, "then": {"parallelism": "1"}}],
        });
        let policy = policy(&document.to_string());
        let task = Task::new(&policy, "t").unwrap();
        Example { policy, task }
    }

    fn feed(&mut self, metric: &str, instance: &str, t: i64, value: f64) {
        let (id, instance) = (
            self.policy.metric(metric).unwrap(),
            self.task.instance(&self.policy, instance).unwrap(),
        );
        self.task.row(&self.policy, t, instance, t, &[(id, value)]).unwrap();
    }

    /// The first line of the rule's explanation at `now`.
    fn at(&mut self, now: i64) -> String {
        let report = decide(&self.policy, &mut self.task, now).unwrap().report();
        report.rules[0]
            .undefined
            .clone()
            .unwrap_or_else(|| report.rules[0].explanation[0].clone())
    }
}

#[test]
fn warming_up_goes_as_the_windows_page_says() {
    let mut example = Example::new("avg(cpu[5m]) > 80%");
    example.task.mark(NOON, dras_core::metrics::Mark::Change);
    let (mut t, mut said) = (NOON - 300 * S, Vec::new());
    while t <= NOON + 360 * S {
        example.feed("cpu", "tm-1", t, 0.5);
        for look in [40, 180, 360] {
            if (t..t + 15 * S).contains(&(NOON + look * S)) {
                said.push(example.at(NOON + look * S));
            }
        }
        t += 15 * S;
    }
    for undefined in &said[..2] {
        let reason = undefined.strip_prefix("cpu[5m]: ").unwrap();
        assert!(WINDOWS.contains(&format!("undefined: {reason} |")), "{reason}");
    }
    assert_eq!(said[2], "avg(cpu[5m]) = 0.5 > 80% → false");
}

#[test]
fn a_bare_name_is_fresh_for_as_long_as_the_windows_page_says() {
    let mut example = Example::new("cpu > 80%");
    example.feed("cpu", "tm-1", NOON, 0.9);
    assert_eq!(example.at(NOON + 60 * S), "cpu = 0.9 > 80% → true");
    let reason = example.at(NOON + 75 * S);
    assert!(
        WINDOWS.contains(&format!("\"{}\"", reason.strip_prefix("cpu: ").unwrap())),
        "{reason}"
    );
}

#[test]
fn counters_give_what_the_windows_page_says() {
    let mut given = Vec::new();
    for expression in [
        "increase(records[1m]) > 0",
        "rate(records[1m]) > 0",
        "increase_prom(records[1m]) > 0",
    ] {
        let mut example = Example::new(expression);
        for (step, value) in [100.0, 120.0, 150.0, 10.0, 40.0].into_iter().enumerate() {
            example.feed("records", "", NOON + step as i64 * 15 * S, value);
        }
        given.push(example.at(NOON + 60 * S));
    }
    assert_eq!(
        given,
        [
            "increase(records[1m]) = 90 > 0 → true",
            "rate(records[1m]) = 1.5/s > 0 → true",
            "increase_prom(records[1m]) = 93.3333 > 0 → true"
        ]
    );
}

#[test]
fn coverage_is_what_the_windows_page_says() {
    for (missing, share, defined) in [(0, "1", true), (1, "1", true), (3, "0.925", true), (8, "0.675", false)] {
        for (expression, test) in [("coverage(cpu[5m]) >= 0", true), ("avg(cpu[5m]) > 0", false)] {
            let mut example = Example::new(expression);
            for step in (0..=20).filter(|step| !(5..5 + missing).contains(step)) {
                example.feed("cpu", "tm-1", NOON - 300 * S + step * 15 * S, 0.5);
            }
            let said = example.at(NOON);
            if test {
                assert_eq!(said, format!("coverage(cpu[5m]) = {share} >= 0 → true"));
            } else {
                assert_eq!(said == "avg(cpu[5m]) = 0.5 > 0 → true", defined, "{said}");
            }
        }
    }
}

#[test]
fn enough_instances_are_as_many_as_the_windows_page_says() {
    for (expected, reason) in [(5.0, None), (4.0, Some("3 of 4 instances have a value"))] {
        let mut example = Example::new("avg(cpu[5m]) > 80%");
        example.task.set(&example.policy, "task_managers", expected).unwrap();
        for step in 0..=20 {
            for tm in 1..expected as usize {
                example.feed("cpu", &format!("tm-{tm}"), NOON - 300 * S + step * 15 * S, 0.5);
            }
        }
        let said = example.at(NOON);
        match reason {
            None => assert_eq!(said, "avg(cpu[5m]) = 0.5 > 80% → false"),
            Some(reason) => {
                assert_eq!(said, format!("cpu[5m]: {reason}"));
                assert!(WINDOWS.contains(&format!("\"{reason}\"")));
            }
        }
    }
}

#[test]
fn events_that_nobody_asked_for_and_windows_of_samples_are_as_the_windows_page_says() {
    let mut example = Example::new("count(exceptions[10m]) > 0");
    assert!(WINDOWS.contains(&format!(
        "\"{}\"",
        example.at(NOON).strip_prefix("exceptions[10m]: ").unwrap()
    )));
    let exceptions = example.policy.metric("exceptions").unwrap();
    example.task.observed(&example.policy, NOON, exceptions, NOON).unwrap();
    assert_eq!(example.at(NOON), "count(exceptions[10m]) = 0 > 0 → false");
    // A restart does not hide what it was for.
    let job = example.task.instance(&example.policy, "").unwrap();
    example
        .task
        .event(&example.policy, NOON, job, exceptions, NOON - S, "boom")
        .unwrap();
    example.task.mark(NOON, dras_core::metrics::Mark::Restart);
    assert_eq!(example.at(NOON), "count(exceptions[10m]) = 1 > 0 → true");

    let mut example = Example::new("avg(cpu[20 samples]) > 80%");
    for step in 0..12 {
        example.feed("cpu", "tm-1", NOON + step * 15 * S, 0.5);
    }
    let reason = example.at(NOON + 180 * S);
    assert!(
        WINDOWS.contains(&format!("\"{}\"", reason.split(": ").nth(1).unwrap())),
        "{reason}"
    );
}

#[test]
fn a_function_that_joins_a_week_begins_as_the_windows_page_says() {
    const DAY: i64 = 86_400 * S;
    let plan = |reductions: &[Reduce]| {
        let catalogue = Catalogue::new(vec![MetricSpec::new("heap")]).unwrap();
        let week = Window {
            across_marks: true,
            ..Window::sliding(7 * DAY)
        };
        let aggregate = |reduce: &Reduce| Aggregate {
            metric: catalogue.id("heap").unwrap(),
            window: week,
            reduce: *reduce,
            test: None,
        };
        let aggregates = reductions.iter().map(aggregate).collect();
        Plan::new(catalogue.clone(), aggregates, WindowSettings::default()).unwrap()
    };
    let (old, new) = (plan(&[Reduce::Max]), plan(&[Reduce::Max, Reduce::Min]));
    let mut windows = Windows::new(&old);
    let tm = windows.instance(&old, "tm-1").unwrap();
    let heap = old.catalogue().id("heap").unwrap();
    let feed = |windows: &mut Windows, plan: &Plan, t: i64| {
        windows.row(plan, t, tm, t, &[(heap, 1.0)]).unwrap();
        windows.advance(plan, t).unwrap();
    };
    for i in 0..=8 * DAY / (15 * S) {
        feed(&mut windows, &old, NOON + i * 15 * S);
    }
    let change = NOON + 8 * DAY;
    let (mut windows, carried) = windows.rebind(&old, &new);
    assert_eq!(carried.panes_begun.len(), 1);
    let ids: Vec<AggregateId> = new.ids().collect();
    let ask =
        |windows: &Windows, id: usize, now: i64| windows.aggregate(&new, ids[id], tm, now, None, &mut Scratch::new());
    assert_eq!(ask(&windows, 0, change), Ok(1.0));
    let why = ask(&windows, 1, change).unwrap_err().to_string();
    assert!(WINDOWS.contains(&format!("\"{why}\"")), "{why}");
    let mut t = change;
    while ask(&windows, 1, t).is_err() {
        t += 15 * S;
        feed(&mut windows, &new, t);
    }
    let days = (t - change) as f64 / DAY as f64;
    assert!(WINDOWS.contains(&format!("defined {days:.1} days later")), "{days}");
}

#[test]
fn the_windows_page_shows_the_bytes_of_a_snapshot() {
    let magic: Vec<String> = snapshot::MAGIC.iter().map(|b| format!("{b:02x}")).collect();
    assert!(WINDOWS.contains(&format!("| header | 8 | `{}` |", magic.join(" "))));
    assert!(WINDOWS.contains(&format!("version of the container: {}", snapshot::FORMAT)));
    for kind in [saved::WINDOWS, saved::COLUMNS] {
        assert!(WINDOWS.contains(&format!("| `{kind}` | 1 |")));
    }
}

#[test]
fn pages_are_there_that_others_link_to() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/README.md",
        "docs/command-line.md",
        "docs/performance-python.md",
        "docs/language.md",
        "docs/windows.md",
        "docs/documents.md",
        "docs/instructions.md",
        "docs/design.md",
        "docs/strategies/cpu.md",
        "docs/strategies/memory.md",
        "docs/strategies/oom.md",
        "docs/strategies/source_delay.md",
    ] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let folder = root.join(page).parent().unwrap().to_owned();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|l| l.0)
        {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root.join(page)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{page} links to {link}");
            if !anchor.is_empty() {
                let headings = std::fs::read_to_string(&target).unwrap();
                let found = headings
                    .lines()
                    .filter(|l| l.starts_with('#'))
                    .any(|l| anchor_of(l) == anchor);
                assert!(found, "{page} links to {link}");
            }
        }
    }
}

/// The anchor that a heading gets where the pages are shown.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn rules_become_a_decision_as_the_document_page_says() {
    let document = |rules: &str, limits: &str| {
        policy(&format!(
            r#"{{"version": 1, "rules": [{rules}], "limits": {{"parallelism": {limits}}}, "guards": {{"stabilisation": {{"down": "0s"}}}}}}"#
        ))
    };
    let rule = |name: &str, target: &str, priority: i32| {
        format!(r#"{{"name": "{name}", "when": "true", "then": {{{target}}}, "priority": {priority}}}"#)
    };
    let decided = |policy: &Policy, parallelism: f64, max_parallelism: f64| {
        let mut task = Task::new(policy, "t").unwrap();
        for (name, value) in [
            ("parallelism", parallelism),
            ("max_parallelism", max_parallelism),
            ("task_manager_memory", 1024.0 * 1_048_576.0),
        ] {
            task.set(policy, name, value).unwrap();
        }
        let decision = decide(policy, &mut task, NOON).unwrap();
        decision
            .changes()
            .iter()
            .map(|c| c.to / c.resource.step() as f64)
            .collect::<Vec<f64>>()
    };
    let to = |n: f64| format!(r#""parallelism": "{n}""#);
    for (rules, limits, parallelism, max, expected) in [
        // Rounded up to whole steps.
        (vec![rule("a", &to(4.2), 0)], "{}", 4.0, 128.0, vec![5.0]),
        (
            vec![rule("a", r#""task_manager_memory": "1030MiB""#, 0)],
            "{}",
            4.0,
            128.0,
            vec![17.0],
        ),
        // Up beats down, the mildest down wins, priority decides first.
        (
            vec![rule("a", &to(2.0), 0), rule("b", &to(6.0), 0)],
            "{}",
            4.0,
            128.0,
            vec![6.0],
        ),
        (
            vec![rule("a", &to(2.0), 0), rule("b", &to(3.0), 0)],
            "{}",
            4.0,
            128.0,
            vec![3.0],
        ),
        (
            vec![rule("a", &to(2.0), 1), rule("b", &to(6.0), 0)],
            "{}",
            4.0,
            128.0,
            vec![2.0],
        ),
        // No shrinking while the other grows, unless one rule asks for both.
        (
            vec![rule("a", &to(2.0), 0), rule("b", r#""task_manager_memory": "2GiB""#, 0)],
            "{}",
            4.0,
            128.0,
            vec![32.0],
        ),
        (
            vec![rule("a", &format!(r#"{}, "task_manager_memory": "2GiB""#, to(2.0)), 0)],
            "{}",
            4.0,
            128.0,
            vec![2.0, 32.0],
        ),
        // Limits bound, and want nothing.
        (vec![rule("a", &to(9.0), 0)], r#"{"max": 6}"#, 4.0, 128.0, vec![6.0]),
        (vec![rule("a", &to(9.0), 0)], "{}", 4.0, 5.0, vec![5.0]),
        (vec![rule("a", &to(30.0), 0)], r#"{"max": 6}"#, 20.0, 128.0, vec![]),
        (vec![rule("a", &to(20.0), 0)], r#"{"max": 6}"#, 20.0, 128.0, vec![]),
    ] {
        let policy = document(&rules.join(","), limits);
        assert_eq!(decided(&policy, parallelism, max), expected, "{rules:?}");
    }
}

#[test]
fn a_definition_is_one_value_as_the_language_page_says() {
    let text = r#"{
        "version": 1,
        "metrics": {"cpu": {"per": "task_manager"}},
        "define": {"load": "avg(cpu[5m])"},
        "rules": [{"name": "r", "when": "max(load) > 1", "then": {"parallelism": "1"}}]
    }"#;
    let document = Document::from_json(text, &DocumentLimits::default()).unwrap();
    let found = Policy::compile(&document).unwrap_err();
    assert_eq!(found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>(), ["E0404"]);
}

#[test]
fn documents_extend_others_as_the_document_page_says() {
    let mut library = Library::new(DocumentLimits::default());
    for text in &blocks(DOCUMENTS, "json")[..2] {
        library.add(text).unwrap_or_else(|d| panic!("{d}"));
    }
    let orders = library.resolve("orders").unwrap_or_else(|d| panic!("{d}"));
    let printed = orders.to_string();
    let lines: Vec<String> = printed
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in blocks(DOCUMENTS, "text")[0].lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(lines.contains(&line), "{line}\n{printed}");
    }
    let policy = Policy::from_resolved(&orders).unwrap_or_else(|d| panic!("{d}"));
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    let names: Vec<&str> = policy.rules().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["cpu.up", "cpu.waiting", "cpu.down", "faster"]);
}

#[test]
fn assignments_go_as_the_document_page_says() {
    let assigner = Assigner::from_json(blocks(DOCUMENTS, "json")[2], &DocumentLimits::default()).unwrap();
    assert!(assigner.warnings().0.is_empty(), "{}", assigner.warnings());
    let mut task = BTreeMap::from([("task_type".to_owned(), AttributeValue::from("sql"))]);
    let assigned = assigner.assign(&task).unwrap();
    assert_eq!(
        (assigned.document.as_deref(), assigned.undefined.len()),
        (Some("sql"), 1)
    );
    task.insert("team".to_owned(), "orders".into());
    task.insert("parallelism".to_owned(), 8.0.into());
    assert_eq!(assigner.assign(&task).unwrap().document.as_deref(), Some("orders"));
}

#[test]
fn the_rules_that_never_rest_are_reported_as_the_document_page_says() {
    let text = r#"{
        "version": 1,
        "metrics": { "busy": { "unit": "ms/s", "per": "subtask", "range": [0, 1] } },
        "rules": [
            { "name": "up", "when": "avg(avg(busy[5m])) > 60%", "then": { "parallelism": "parallelism + 1" } },
            { "name": "down", "when": "avg(avg(busy[5m])) < 50%", "then": { "parallelism": "parallelism - 1" } }
        ]
    }"#;
    let found = lint(&policy(text), &LintOptions::default());
    let shown = blocks(DOCUMENTS, "text")
        .into_iter()
        .find(|b| b.starts_with("warning[W0207]"))
        .unwrap();
    assert_eq!(found.to_string(), shown);
}
