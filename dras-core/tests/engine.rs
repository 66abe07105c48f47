//! Documents, samples and looks: from a rule document to explained decisions.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::action::Change;
use dras_core::engine::{
    DecideError, Decision, LookKind, Policy, ReadError, RuleState, Task, TaskError, decide, decide_into, decide_short,
};
use dras_core::metrics::Mark;
use dras_core::rules::{Document, DocumentLimits};

const T0: i64 = 1_800_000_000_000;
const S: i64 = 1000;
const M: i64 = 60 * S;

fn document(text: &str) -> Document {
    Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"))
}

fn policy(text: &str) -> Policy {
    Policy::compile(&document(text)).unwrap_or_else(|d| panic!("{d}"))
}

/// A task of two TaskManagers with two slots each on machines of four cores.
fn task(policy: &Policy) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    for (name, value) in [
        ("parallelism", 4.0),
        ("task_managers", 2.0),
        ("slots_per_task_manager", 2.0),
        ("machine_cores", 4.0),
    ] {
        task.set(policy, name, value).unwrap();
    }
    task
}

/// One scrape of both TaskManagers.
fn scrape(policy: &Policy, task: &mut Task, t: i64, cpu: f64, busy: f64) {
    for name in ["tm-1", "tm-2"] {
        let instance = task.instance(policy, name).unwrap();
        let row = [
            (policy.metric("cpu").unwrap(), cpu),
            (policy.metric("busy").unwrap(), busy),
            (policy.metric("back_pressured").unwrap(), 0.0),
        ];
        task.row(policy, t, instance, t, &row).unwrap();
    }
}

const CPU: &str = r#"{"version": 1, "name": "small", "strategies": [{"use": "cpu"}], "limits": {"parallelism": {"min": 1, "max": 16}}}"#;

/// Scrapes every 15 s and looks every 30 s from `from` to `to`; gives the decisions.
fn run(policy: &Policy, task: &mut Task, from: i64, to: i64, cpu: f64, busy: f64) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for t in (from..=to).step_by(15_000) {
        scrape(policy, task, t, cpu, busy);
        if (t - T0) % 30_000 == 0 {
            decisions.push(decide(policy, task, t).unwrap());
        }
    }
    decisions
}

#[test]
fn a_document_with_the_cpu_strategy_compiles_without_a_warning() {
    let policy = policy(CPU);
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    let rules: Vec<&str> = policy.rules().map(|r| r.name.as_str()).collect();
    assert_eq!(rules, ["cpu.up", "cpu.waiting", "cpu.down"]);
}

#[test]
fn an_overload_scales_up_once_it_has_held_long_enough_and_says_why() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    // 45% of the machine's four cores over two slots is 90% of a slot.
    let decisions = run(&policy, &mut task, T0, T0 + 10 * M, 0.45, 900.0);
    let first = decisions.iter().position(|d| !d.changes().is_empty()).unwrap();
    for early in &decisions[..8] {
        assert!(
            early.any_undefined(),
            "less than 80% of five minutes is not enough to decide:\n{early}"
        );
    }
    let decision = &decisions[first];
    // 80% of the window are covered after four minutes; then three minutes of `up_for`.
    assert_eq!(decision.at() - T0, 7 * M);
    let change = &decision.changes()[0];
    assert_eq!((change.from, change.to), (4.0, 6.0));
    let text = decision.to_string();
    assert!(
        text.contains("orders at 2027-01-15T08:07:00Z: parallelism 4 → 6"),
        "{text}"
    );
    assert!(text.contains("cpu.utilisation = 0.9 > cpu.high (0.8) → true"), "{text}");
    let json = serde_json::to_value(decision).unwrap();
    assert_eq!(json["changes"][0]["to"], 6.0);
    assert_eq!(json["rules"][0]["state"], "fired");
    assert_eq!(json["rules"][2]["state"], "not_met");
    // What was seen, as the authors of the rules wrote it.
    let inputs = json["inputs"].as_array().unwrap();
    let seen = |text: &str| &inputs.iter().find(|i| i["text"] == text).unwrap()["value"];
    assert_eq!(
        (seen("avg(avg(cpu[cpu.window]))"), seen("parallelism")),
        (&0.45.into(), &4.0.into())
    );
}

#[test]
fn idleness_must_last_and_a_busy_task_is_never_shrunk() {
    let policy = policy(CPU);
    let mut idle = task(&policy);
    let decisions = run(&policy, &mut idle, T0, T0 + 100 * M, 0.02, 50.0);
    let first = decisions.iter().find(|d| !d.changes().is_empty()).unwrap();
    // The first hour of recommendations decides, and one change takes half at most.
    assert!(first.at() - T0 >= 80 * M, "{first}");
    assert_eq!((first.changes()[0].to, first.changes()[0].wanted), (2.0, 1.0));
    let held = decisions.iter().find(|d| !d.held().is_empty()).unwrap();
    assert!(
        held.to_string()
            .contains("by stabilisation (more was recommended a while ago, "),
        "{held}"
    );
    // Waiting work: no CPU, but busy.
    let mut waiting = task(&policy);
    let decisions = run(&policy, &mut waiting, T0, T0 + 70 * M, 0.02, 1000.0);
    assert!(decisions.iter().flat_map(Decision::changes).all(Change::is_up));
}

#[test]
fn missing_data_never_decides_and_is_explained() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    let decision = decide(&policy, &mut task, T0).unwrap();
    assert!(decision.changes().is_empty());
    assert!(decision.states().all(|s| s == RuleState::Undefined));
    let text = decision.to_string();
    assert!(text.contains("insufficient data: cpu[5m]: no live instance"), "{text}");
    scrape(&policy, &mut task, T0 + M, 0.9, 1000.0);
    let text = decide(&policy, &mut task, T0 + M).unwrap().to_string();
    assert!(text.contains("cpu[5m]: 1 of 20 samples"), "{text}");
}

#[test]
fn samples_from_before_a_restart_do_not_count() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    run(&policy, &mut task, T0, T0 + 6 * M, 0.45, 900.0);
    task.mark(T0 + 6 * M, Mark::Restart);
    let after = run(&policy, &mut task, T0 + 6 * M + 15 * S, T0 + 10 * M, 0.45, 900.0);
    assert!(after.iter().all(|d| d.changes().is_empty() && d.any_undefined()));
    let text = after[0].to_string();
    assert!(text.contains("warming up"), "{text}");
}

#[test]
fn an_unknown_parallelism_is_no_zero() {
    let policy = policy(
        r#"{"version": 1, "rules": [{"name": "up", "when": "task_type == 'sql'", "then": {"parallelism": "parallelism + 1"}}]}"#,
    );
    let mut task = Task::new(&policy, "t").unwrap();
    task.set(&policy, "task_type", "sql").unwrap();
    let decision = decide(&policy, &mut task, T0).unwrap();
    assert!(decision.any_fired() && decision.changes().is_empty());
    let text = decision.to_string();
    assert!(
        text.contains("parallelism: nothing to propose, `parallelism`: the task does not say"),
        "{text}"
    );
}

#[test]
fn a_restart_is_no_change_of_resources() {
    let policy = policy(
        r#"{"version": 1, "rules": [
            {"name": "restarted", "when": "uptime < 1m", "then": {"parallelism": "2"}},
            {"name": "changed", "when": "since_last_change < 1m", "then": {"parallelism": "2"}}
        ]}"#,
    );
    let mut task = Task::new(&policy, "t").unwrap();
    let states = |task: &mut Task, t: i64| decide(&policy, task, t).unwrap().states().collect::<Vec<_>>();
    let (f, n) = (RuleState::Fired, RuleState::NotMet);
    assert_eq!(
        states(&mut task, T0),
        [f, f],
        "both count from when the task was first seen"
    );
    assert_eq!(states(&mut task, T0 + 5 * M), [n, n]);
    task.mark(T0 + 5 * M, Mark::Restart);
    assert_eq!(states(&mut task, T0 + 5 * M + S), [f, n]);
    task.mark(T0 + 10 * M, Mark::Change);
    // Marks may come before their time.
    task.mark(T0 + 20 * M, Mark::Change);
    assert_eq!(states(&mut task, T0 + 10 * M + S), [n, f]);
}

#[test]
fn whole_steps_never_turn_a_wish_round() {
    let policy = policy(
        r#"{"version": 1, "attributes": {"wanted": {"type": "number", "unit": "MiB"}},
            "guards": {"stabilisation": {"down": "0s"}}, "sizing": {"tolerance": {"down": "0%"}},
            "rules": [{"name": "r", "when": "true", "then": {"task_manager_memory": "wanted"}}]}"#,
    );
    // The step is 64MiB, and the task has 1100MiB, which is no multiple of it.
    for (wanted, to) in [
        (1100.0, None),
        (1099.0, None),
        (1089.0, None),
        (1088.0, Some(1088.0)),
        (1101.0, Some(1152.0)),
    ] {
        let mut task = Task::new(&policy, "t").unwrap();
        task.set(&policy, "task_manager_memory", 1100.0 * 1_048_576.0).unwrap();
        task.set(&policy, "wanted", wanted).unwrap();
        let decision = decide(&policy, &mut task, T0).unwrap();
        let change = decision.changes().first().map(|c| c.to / 1_048_576.0);
        assert_eq!(change, to, "{wanted}: {decision}");
    }
}

#[test]
fn a_condition_must_hold_without_interruption() {
    let policy = policy(
        r#"{"version": 1, "attributes": {"load": {"type": "number"}},
            "rules": [{"name": "up", "when": "load > 1", "for": "2m", "then": {"parallelism": "parallelism + 1"}}]}"#,
    );
    let mut task = Task::new(&policy, "t").unwrap();
    task.set(&policy, "parallelism", 2.0).unwrap();
    let mut states = Vec::new();
    let loads = [
        Some(2.0),
        Some(2.0),
        None,
        Some(2.0),
        Some(2.0),
        Some(0.0),
        Some(2.0),
        Some(2.0),
        Some(2.0),
        Some(2.0),
        Some(2.0),
    ];
    for (step, load) in loads.into_iter().enumerate() {
        match load {
            Some(load) => task.set(&policy, "load", load).unwrap(),
            None => task.unset(&policy, policy.attribute("load").unwrap()).unwrap(),
        }
        let decision = decide(&policy, &mut task, T0 + step as i64 * 30 * S).unwrap();
        states.push(decision.states().next().unwrap());
    }
    let (f, h, n, u) = (
        RuleState::Fired,
        RuleState::Holding,
        RuleState::NotMet,
        RuleState::Undefined,
    );
    // A short gap keeps what has held; a false begins anew.
    assert_eq!(states, [h, h, u, h, f, n, h, h, h, h, f]);
    // Looks an hour apart say nothing about the time between.
    let late = decide(&policy, &mut task, T0 + 60 * M).unwrap();
    assert_eq!(late.states().next().unwrap(), h);
}

#[test]
fn time_that_goes_back_is_an_error_and_changes_nothing() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    scrape(&policy, &mut task, T0, 0.5, 500.0);
    decide(&policy, &mut task, T0).unwrap();
    let error = decide(&policy, &mut task, T0 - 1).unwrap_err();
    assert!(matches!(error, DecideError::TimeWentBack(_)), "{error}");
    assert!(decide(&policy, &mut task, T0).is_ok());
}

#[test]
fn a_task_of_another_policy_is_refused() {
    let (one, other) = (policy(CPU), policy(r#"{"version": 1}"#));
    let mut task = task(&one);
    assert!(matches!(
        decide(&other, &mut task, T0),
        Err(DecideError::Task(TaskError::OtherPolicy { .. }))
    ));
}

#[test]
fn attributes_are_checked() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    for (error, part) in [
        (
            task.set(&policy, "paralelism", 3.0).unwrap_err(),
            "`paralelism` is not an attribute",
        ),
        (
            task.set(&policy, "parallelism", "three").unwrap_err(),
            "is a plain number, and a text was given",
        ),
        (
            task.set(&policy, "parallelism", f64::NAN).unwrap_err(),
            "leave it out where it is not known",
        ),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Declared units are converted.
    let policy = self::policy(
        r#"{"version": 1, "attributes": {"slo": {"type": "number", "unit": "ms"}}, "rules": [{"name": "r", "when": "slo == 2s", "then": {"parallelism": "2"}}]}"#,
    );
    let mut task = Task::new(&policy, "t").unwrap();
    task.set(&policy, "slo", 2000.0).unwrap();
    assert!(decide(&policy, &mut task, T0).unwrap().any_fired());
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_a_decision_can_be_used_again() {
    let policy = policy(CPU);
    let (mut one, mut two) = (task(&policy), task(&policy));
    let first = run(&policy, &mut one, T0, T0 + 10 * M, 0.45, 900.0);
    let second = run(&policy, &mut two, T0, T0 + 10 * M, 0.45, 900.0);
    assert_eq!(
        serde_json::to_string(&first).unwrap(),
        serde_json::to_string(&second).unwrap()
    );
    let mut reused = first[0].clone();
    decide_into(&policy, &mut one, T0 + 11 * M, LookKind::Long, &mut reused).unwrap();
    assert_eq!(reused, decide(&policy, &mut two, T0 + 11 * M).unwrap());
}

#[test]
fn every_mistake_of_a_document_is_reported_with_its_path() {
    let text = r#"{
        "version": 1,
        "params": {"high": "80%"},
        "define": {"a": "b + 1", "b": "a + 1", "c": "a + 1"},
        "rules": [
            {"name": "one", "when": "cpuu > high", "then": {"parallelism": "parallelism + 1MiB"}},
            {"name": "two", "when": "uptime > 5", "then": {"task_manager_memory": "2"}},
            {"name": "three", "when": "c > 1 &&", "then": {"parallelism": "2"}}
        ]
    }"#;
    let found = Policy::compile(&document(text)).unwrap_err();
    let list: Vec<String> = found.errors().map(|d| format!("{} {}", d.code.id(), d.path)).collect();
    assert_eq!(
        list,
        [
            "E0609 define.a",
            "E0609 define.b",
            "E0201 rules[0].when",
            "E0302 rules[0].then.parallelism",
            "E0303 rules[1].when",
            "E0302 rules[1].then.task_manager_memory",
            "E0101 rules[2].when",
        ],
        "{found}"
    );
}

#[test]
fn reading_and_compiling_report_together_with_lines() {
    let text = "{\n  \"version\": 1,\n  \"metrics\": {\"lag\": {\"unit\": \"parsecs\"}},\n  \"rules\": [\n    {\"name\": \"one\", \"when\": \"lag > 1m && cpuu > 1\", \"then\": {\"parallelism\": \"2\"}}\n  ]\n}";
    let found = Policy::from_json(text, &DocumentLimits::default()).unwrap_err();
    let list: Vec<String> = found
        .0
        .iter()
        .map(|d| format!("{} {} {:?}", d.code.id(), d.path, d.line_and_column()))
        .collect();
    // `lag` is declared, though not usably: that it is unknown would be no news.
    assert_eq!(
        list,
        [
            "E0606 metrics.lag.unit Some((3, 31))",
            "E0201 rules[0].when Some((1, 13))"
        ],
        "{found}"
    );
    assert!(
        Policy::from_json(CPU, &DocumentLimits::default())
            .unwrap()
            .warnings()
            .0
            .is_empty()
    );
}

#[test]
fn hostile_documents_are_refused_quickly_and_name_the_place() {
    let many = |n: usize| {
        (0..n)
            .map(|i| format!(r#"{{"name":"r{i}","when":"uptime > {i}s","then":{{"parallelism":"2"}}}}"#))
            .collect::<Vec<_>>()
            .join(",")
    };
    for (text, code) in [
        (String::new(), "E0601"),
        ("[".repeat(100_000), "E0601"),
        (
            format!(r#"{{"version": 1, "doc": "{}"}}"#, "x".repeat(10 << 20)),
            "E0616",
        ),
        (format!(r#"{{"version": 1, "rules": [{}]}}"#, many(5_000)), "E0616"),
        (r#"{"version": 1, "version": 1}"#.to_owned(), "E0608"),
    ] {
        let found = Policy::from_json(&text, &DocumentLimits::default()).unwrap_err();
        assert!(found.0.iter().any(|d| d.code.id() == code), "{found}");
        assert!(found.to_string().len() < 20_000);
    }
    assert_eq!(
        Policy::from_json(b"\xff\xfe{}", &DocumentLimits::default())
            .unwrap_err()
            .0
            .len(),
        1
    );
}

#[test]
fn every_document_example_of_the_error_reference_produces_its_code() {
    use dras_core::diagnostic::{ALL_CODES, Example};
    let mut count = 0;
    for code in ALL_CODES {
        let Example::Document(text) = code.example() else {
            continue;
        };
        let found = match Policy::from_json(text, &DocumentLimits::default()) {
            Ok(policy) => policy.warnings().clone(),
            Err(found) => found,
        };
        assert!(
            found.0.iter().any(|d| d.code == *code),
            "{} from {text}:\n{found}",
            code.id()
        );
        count += 1;
    }
    assert!(count > 15);
}

#[test]
fn warnings_name_what_is_not_used_and_what_is_said_twice() {
    let text = r#"{
        "version": 1,
        "metrics": {"cpu": {"unit": "ratio"}},
        "params": {"high": "80%"},
        "define": {"hot": "uptime > 1h"},
        "rules": [
            {"name": "a", "when": "uptime > 1h", "then": {"parallelism": "2"}},
            {"name": "b", "when": "uptime > 60m", "then": {"parallelism": "2"}}
        ]
    }"#;
    let policy = policy(text);
    let list: Vec<String> = policy
        .warnings()
        .0
        .iter()
        .map(|d| format!("{} {}", d.code.id(), d.path))
        .collect();
    assert_eq!(
        list,
        [
            "W0107 define.hot",
            "W0108 params.high",
            "W0110 metrics.cpu",
            "W0109 rules[1]"
        ]
    );
}

#[test]
fn prometheus_answers_go_straight_into_the_windows() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    task.set_label("job_name", "orders \"7\"").unwrap();
    let queries = task.queries(&policy, T0).unwrap();
    assert_eq!(queries.len(), 4);
    let cpu = queries.iter().find(|q| q.metric == "cpu").unwrap();
    assert_eq!(
        cpu.promql,
        r#"flink_taskmanager_Status_JVM_CPU_Load{job_name="orders \"7\""}"#
    );
    assert!(cpu.start <= T0 - 30 * M && cpu.end == T0 && cpu.step == 15_000);
    let samples: Vec<String> = (0..=40)
        .map(|i| format!("[{}, \"0.45\"]", (T0 - 600_000 + i * 15_000) / 1000))
        .collect();
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"tm_id":"a"}},"values":[{0}]}},{{"metric":{{"tm_id":"b"}},"values":[{0}]}}]}}}}"#,
        samples.join(",")
    );
    let report = task.read_prometheus(&policy, T0, "cpu", body.as_bytes()).unwrap();
    assert_eq!((report.series, report.accepted.stored), (2, 82));
    let decision = decide(&policy, &mut task, T0).unwrap();
    assert!(
        decision
            .to_string()
            .contains("cpu.utilisation = 0.9 > cpu.high (0.8) → true"),
        "{decision}"
    );
    // The next queries ask only for what is new.
    let queries = task.queries(&policy, T0 + M).unwrap();
    let cpu = queries.iter().find(|q| q.metric == "cpu").unwrap();
    assert_eq!((cpu.start, cpu.end), (T0 + 15_000, T0 + M));
}

#[test]
fn a_column_may_come_newest_first() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    let (id, cpu) = (task.instance(&policy, "tm-1").unwrap(), policy.metric("cpu").unwrap());
    let times: Vec<i64> = (0..100).map(|i| T0 - i * 15 * S).collect();
    let accepted = task.column(&policy, T0, id, cpu, &times, &[0.5; 100]).unwrap();
    assert_eq!((accepted.stored, accepted.refused), (100, 0));
}

#[test]
fn bad_answers_are_errors_and_change_nothing() {
    let policy = policy(CPU);
    let mut task = task(&policy);
    let before = format!("{:?}", task.windows());
    let two_without_label =
        br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1,"1"]}]}}"#;
    let cases: [(&str, &[u8], &str); 6] = [
        ("cpu", b"<html>bad gateway</html>", "HTML"),
        (
            "cpu",
            br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
            "parse error",
        ),
        ("cpu", br#"{"status":"succ"#, "cut off"),
        ("cpu", b"\xff\xfe", "UTF-8"),
        ("cpuu", b"{}", "`cpuu` is not a metric"),
        ("cpu", two_without_label, "has no label `tm_id`"),
    ];
    for (metric, body, part) in cases {
        let error: ReadError = task.read_prometheus(&policy, T0, metric, body).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(format!("{:?}", task.windows()), before);
}

#[test]
fn policies_and_tasks_can_be_shared_and_moved_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Policy>();
    shared::<Task>();
    shared::<Decision>();
}

mod properties {
    use proptest::prelude::*;

    use super::{CPU, Decision, M, S, T0, decide, policy, task};

    /// A scrape: which TaskManager, which step of 15 s, and its values in per cent.
    fn scrapes() -> impl Strategy<Value = Vec<(bool, i64, u8, u8)>> {
        proptest::collection::vec((any::<bool>(), 0_i64..28, 0_u8..=100, 0_u8..=100), 1..60)
    }

    fn decision(scrapes: &[(bool, i64, u8, u8)]) -> Decision {
        let policy = policy(CPU);
        let mut task = task(&policy);
        let (cpu, busy) = (policy.metric("cpu").unwrap(), policy.metric("busy").unwrap());
        let ids = ["tm-1", "tm-2"].map(|name| task.instance(&policy, name).unwrap());
        for &(second, step, c, b) in scrapes {
            let row = [(cpu, f64::from(c) / 100.0), (busy, f64::from(b) * 10.0)];
            task.row(&policy, T0, ids[usize::from(second)], T0 - 7 * M + step * 15 * S, &row)
                .unwrap();
        }
        decide(&policy, &mut task, T0).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Within the lateness of a metric (60 s at least) the order of arrival changes nothing, not a bit.
        #[test]
        fn the_order_of_arrival_does_not_matter(mut scrapes in scrapes()) {
            scrapes.sort_by_key(|s| s.1);
            let sorted = decision(&scrapes);
            // Swaps of neighbours stay far inside the lateness.
            for pair in scrapes.chunks_exact_mut(2) {
                if pair[1].1 - pair[0].1 <= 3 {
                    pair.swap(0, 1);
                }
            }
            let shuffled = decision(&scrapes);
            prop_assert_eq!(serde_json::to_string(&sorted).unwrap(), serde_json::to_string(&shuffled).unwrap());
        }

        /// More load never means less parallelism.
        #[test]
        fn more_load_never_means_less(load in 1_u8..90, more in 1_u8..10) {
            let run = |load: u8| {
                let policy = policy(CPU);
                let mut task = task(&policy);
                let decisions = super::run(&policy, &mut task, T0, T0 + 45 * M, f64::from(load) / 100.0, f64::from(load) * 10.0);
                let change = decisions.iter().rev().find_map(|d| d.changes().first().map(|c| c.to));
                change.unwrap_or(4.0)
            };
            prop_assert!(run(load) <= run(load + more));
        }

        /// Whatever was sent, a decision serialises, explains itself, and stays inside the limits.
        #[test]
        fn every_decision_explains_itself(scrapes in scrapes()) {
            let decision = decision(&scrapes);
            let json = serde_json::to_value(&decision).unwrap();
            prop_assert_eq!(json["rules"].as_array().unwrap().len(), 3);
            prop_assert!(decision.to_string().lines().count() >= 3);
            for change in decision.changes() {
                prop_assert!((1.0..=16.0).contains(&change.to) && change.to != change.from);
            }
            for rule in json["rules"].as_array().unwrap() {
                let undefined = rule["state"] == "undefined";
                prop_assert_eq!(undefined, rule["undefined"].is_string());
            }
        }
    }
}

#[test]
fn looks_are_due_by_two_timers_and_ask_for_what_they_need() {
    let policy = policy(
        r#"{"version": 1,
            "metrics": {"lag": {"query": "lag{{{labels}}}"}, "cpu": {"query": "cpu{{{labels}}}"}},
            "define": {"late": "avg(lag[2m]) > 60"},
            "rules": [
                {"name": "late", "when": "late", "then": {"parallelism": "parallelism + 1"}, "urgent": true},
                {"name": "idle", "when": "avg(cpu[5m]) < 0.1", "then": {"parallelism": "parallelism - 1"}}
            ],
            "timing": {"short": "30s", "long": "5m"}}"#,
    );
    let mut task = Task::new(&policy, "orders").unwrap();
    task.set_label("job", "orders").unwrap();
    let mut at = T0;
    let mut kinds = Vec::new();
    for _ in 0..22 {
        let next = task.next_look(&policy, at).unwrap();
        assert!(next.at > at && next.at - at <= 30 * S);
        let asked = task.queries_for(&policy, next.at, next.kind).unwrap().len();
        assert_eq!(asked, if next.kind == LookKind::Long { 2 } else { 1 });
        kinds.push(next.kind);
        at = next.at;
    }
    assert_eq!(kinds.iter().filter(|k| **k == LookKind::Long).count(), 2);

    // A short look looks at urgent rules only, and at metrics of urgent rules behind definitions.
    let decision = decide_short(&policy, &mut task, at).unwrap();
    assert_eq!(
        decision.states().collect::<Vec<_>>(),
        [RuleState::Undefined, RuleState::NotLooked]
    );
    assert!(!decision.to_string().contains("idle"), "{decision}");
}

#[test]
fn what_is_recorded_at_long_looks_can_be_asked_for_like_any_metric() {
    let policy = policy(
        r#"{"version": 1,
            "metrics": {"demand": {"record": "load * parallelism", "unit": "number"}},
            "attributes": {"load": {"type": "number"}},
            "rules": [{"name": "peak", "when": "count(demand[1h across marks]) >= 4",
                       "then": {"parallelism": "max(demand[1h across marks])"}}],
            "windows": {"min_coverage": "0%"}}"#,
    );
    let mut task = Task::new(&policy, "orders").unwrap();
    task.set(&policy, "parallelism", 4.0).unwrap();
    for (i, load) in [0.5, 2.5, 1.0, 0.5].into_iter().enumerate() {
        task.set(&policy, "load", load).unwrap();
        let at = T0 + i as i64 * 5 * M;
        assert!(decide(&policy, &mut task, at).unwrap().changes().is_empty());
        // Short looks record nothing.
        decide_short(&policy, &mut task, at + M).unwrap();
    }
    let decision = decide(&policy, &mut task, T0 + 20 * M).unwrap();
    let change = &decision.changes()[0];
    assert_eq!(
        (change.wanted, change.to),
        (10.0, 8.0),
        "ten is more than twice as much"
    );
}
