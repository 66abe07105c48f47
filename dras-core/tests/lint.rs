//! What is odd about rules beside each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::diagnostic::{ALL_CODES, Diagnostics, Example, Severity};
use dras_core::engine::{LintOptions, Policy, RuleState, Task, decide, lint};
use dras_core::rules::{DocumentLimits, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

fn policy(document: &Value) -> Policy {
    Policy::from_value(document, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{document}\n{d}"))
}

/// A document about the load of a job, in which each rule is a name, a condition and a target for the parallelism.
fn document(rules: &[(&str, &str, &str)]) -> Value {
    let rules: Vec<Value> = rules
        .iter()
        .map(|(name, when, to)| json!({"name": name, "when": when, "then": {"parallelism": to}}))
        .collect();
    json!({
        "version": 1,
        "metrics": {
            "busy": {"unit": "ms/s", "per": "subtask", "range": [0, 1]},
            "cpu": {"unit": "ratio", "per": "task_manager", "range": [0, 1]},
            "delay": {"unit": "ms", "across": "max"},
            "heap": {"unit": "bytes", "range": ["0B", "64GiB"]}
        },
        "attributes": {"critical": {"type": "bool"}},
        "define": {"load": "avg(avg(busy[5m]))", "late": "min(delay[3m])"},
        "rules": rules
    })
}

fn linted(rules: &[(&str, &str, &str)]) -> Diagnostics {
    lint(&policy(&document(rules)), &LintOptions::default())
}

fn found(diagnostics: &Diagnostics) -> Vec<(&str, &str)> {
    diagnostics.0.iter().map(|d| (d.code.id(), d.path.as_str())).collect()
}

/// What is found besides the remark that something is only raised or only lowered.
fn odd(diagnostics: &Diagnostics) -> Vec<(&str, &str)> {
    found(diagnostics).into_iter().filter(|f| f.0 != "I0201").collect()
}

#[test]
fn every_lint_example_of_the_error_reference_gives_its_code_and_no_other() {
    let options = LintOptions {
        retention: Some(15 * DAY),
    };
    let mut seen = 0;
    for code in ALL_CODES {
        let Example::Lint(text) = code.example() else { continue };
        let policy = Policy::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
        assert!(policy.warnings().0.is_empty(), "{}: {}", code.id(), policy.warnings());
        let found = lint(&policy, &options);
        assert!(found.0.iter().any(|d| d.code == *code), "{}:\n{found}", code.id());
        for d in &found.0 {
            // Rules with one of these mistakes have some of the others by nature.
            let goes_with: &[&str] = match code.id() {
                "W0205" | "W0203" => &["W0207"],
                "W0207" => &["W0205"],
                _ => &[],
            };
            assert!(
                d.code == *code || goes_with.contains(&d.code.id()),
                "{}:\n{d}",
                code.id()
            );
            assert!(
                !d.message.ends_with('.') && d.help.is_some() && !d.path.is_empty(),
                "{d}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn the_built_in_strategies_are_not_odd() {
    for template in Template::all() {
        let used = policy(&json!({"version": 1, "strategies": [{"use": template.name()}]}));
        let copied = Policy::from_json(template.print(), &DocumentLimits::default()).unwrap();
        for policy in [used, copied] {
            let found = lint(
                &policy,
                &LintOptions {
                    retention: Some(15 * DAY),
                },
            );
            let warned: Vec<_> = found.0.iter().filter(|d| d.severity() != Severity::Info).collect();
            assert!(warned.is_empty(), "{}:\n{found}", template.name());
        }
    }
}

#[test]
fn the_cpu_strategy_with_its_bands_on_top_of_each_other_is_odd() {
    let with = |params: Value| {
        let policy = policy(&json!({"version": 1, "strategies": [{"use": "cpu", "params": params}]}));
        let found = lint(&policy, &LintOptions::default());
        found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>()
    };
    // The reserve lands at 90%, above the threshold for more; and at 40%, below the threshold for less.
    assert!(with(json!({"high": "60%", "reserve": "10%"})).contains(&"W0205"));
    assert!(with(json!({"high": "60%", "low": "50%", "reserve": "10%"})).contains(&"W0207"));
    assert!(with(json!({"high": "80%", "low": "50%", "reserve": "60%"})).contains(&"W0205"));
    assert!(with(json!({"high": "50%", "low": "60%"})).contains(&"W0205"));
    assert_eq!(with(json!({"high": "85%", "low": "25%", "reserve": "45%"})), [""; 0]);
}

#[test]
fn conditions_that_cannot_be_true_or_false() {
    for (when, code) in [
        ("load > 100%", Some("W0201")),
        ("load > 80% && load < 30%", Some("W0201")),
        ("load > 80% && !(load > 20%)", Some("W0201")),
        ("load * 2 + 1 > 3 && critical", Some("W0201")),
        ("task_type == 'sql' && task_type in ['cep', 'etl']", Some("W0201")),
        ("load > 80% && (load < 30% || load < 0%)", Some("W0201")),
        ("min(min(busy[5m])) < 0% || max(max(cpu[5m])) > 1", Some("W0201")),
        ("share(busy[5m] > 50%) > 1", Some("W0201")),
        ("count(cpu) < 0", Some("W0201")),
        ("uptime < 0s", Some("W0201")),
        ("load >= 0%", Some("W0202")),
        ("load > 30% || load <= 60%", Some("W0202")),
        ("uptime >= 0s || late > 1m", Some("W0202")),
        // Possible, as far as anybody knows.
        ("load >= 100%", None),
        ("late > 100d", None),
        ("load > 80% && late < 0s", None),
        ("load > 30% || critical", None),
        ("task_type == 'sql' || task_type in ['cep', 'etl']", None),
        ("max(max(busy[5m])) > 80% && min(min(busy[5m])) < 30%", None),
        ("load > 80% && (load < 30% || critical)", None),
        ("(late ?? 0s) > 1m && load > 50%", None),
        ("parallelism > 0", None),
        ("true", None),
    ] {
        let found = linted(&[
            ("r", when, "parallelism + 1"),
            ("s", "load < 0.1%", "scale_to(parallelism, load, 60%)"),
        ]);
        let of_rule: Vec<&str> = odd(&found)
            .into_iter()
            .filter(|f| f.1 == "rules[0].when")
            .map(|f| f.0)
            .collect();
        assert_eq!(of_rule.first().copied(), code, "{when}\n{found}");
        if code.is_some() {
            assert_eq!(found.0[0].source.as_deref(), Some(when));
        }
    }
}

#[test]
fn rules_that_another_one_makes_superfluous() {
    let superfluous = |a: &str, b: &str| {
        let found = linted(&[("a", a, "parallelism + 1"), ("b", b, "parallelism + 1")]);
        odd(&found)
            .into_iter()
            .filter(|f| f.0 == "W0204")
            .map(|f| f.1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(superfluous("load > 80%", "load > 90%"), ["rules[1].when"]);
    assert_eq!(superfluous("load > 90%", "load > 80%"), ["rules[0].when"]);
    assert_eq!(superfluous("load > 80%", "load > 80% && critical"), ["rules[1].when"]);
    assert_eq!(
        superfluous("load > 80% || critical", "load > 90% && late > 1m"),
        ["rules[1].when"]
    );
    // Each follows from the other: the first one stays.
    assert_eq!(superfluous("load > 80%", "!(load <= 80%)"), ["rules[1].when"]);
    assert_eq!(superfluous("load > 80%", "late > 1m"), [""; 0]);
    // Where `critical` is not known, only the second fires.
    assert_eq!(
        superfluous("load > 80% && (critical || !critical)", "load > 90%"),
        [""; 0]
    );

    // It must do the same, no later, with no less weight, and say as much.
    let pair = |first: Value, second: Value| {
        let mut document = document(&[
            ("a", "load > 80%", "parallelism + 1"),
            ("b", "load > 90%", "parallelism + 1"),
        ]);
        for (index, more) in [first, second].into_iter().enumerate() {
            document["rules"][index]
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
        }
        odd(&lint(&policy(&document), &LintOptions::default()))
            .iter()
            .any(|f| f.0 == "W0204")
    };
    assert!(pair(json!({}), json!({"for": "1m"})));
    assert!(!pair(json!({"for": "1m"}), json!({})));
    assert!(!pair(json!({}), json!({"priority": 1})));
    assert!(!pair(json!({}), json!({"urgent": true})));
    assert!(!pair(json!({}), json!({"alert": "hot"})));
    assert!(!pair(json!({}), json!({"no_shrink_for": "1h"})));
    assert!(!pair(json!({}), json!({"then": {"parallelism": "parallelism + 2"}})));
}

#[test]
fn bands_in_the_wrong_order() {
    let up = |to: &'static str| ("up", "load > 80%", to);
    for (rules, expected) in [
        (
            [
                up("parallelism + 1"),
                ("down", "load < 30%", "scale_to(parallelism, load, 60%)"),
            ],
            vec![],
        ),
        (
            [up("parallelism + 1"), ("down", "load < 85%", "parallelism - 1")],
            vec!["rules[1].when"],
        ),
        (
            [up("parallelism + 1"), ("down", "load < 80%", "parallelism - 1")],
            vec!["rules[1].when"],
        ),
        // Idle time: more is better.
        (
            [
                ("up", "late > 5m", "parallelism + 1"),
                ("down", "late < 6m", "parallelism - 1"),
            ],
            vec!["rules[1].when"],
        ),
        (
            [
                ("up", "min(heap) < 1GiB", "parallelism + 1"),
                ("down", "min(heap) > 512MiB", "parallelism - 1"),
            ],
            vec!["rules[1].when"],
        ),
        // Something else keeps them apart.
        (
            [
                ("up", "load > 50% && late > 1m", "parallelism + 1"),
                ("down", "load < 60% && late < 30s", "parallelism - 1"),
            ],
            vec![],
        ),
        // The targets.
        (
            [
                up("scale_to(parallelism, load, 90%)"),
                ("down", "load < 10%", "scale_to(parallelism, load, 60%)"),
            ],
            vec!["rules[0].then.parallelism"],
        ),
        (
            [
                up("scale_to(parallelism, load, 60%)"),
                ("down", "load < 30%", "scale_to(parallelism, load, 20%)"),
            ],
            vec!["rules[1].then.parallelism"],
        ),
        (
            [
                up("scale_to(parallelism, load, 30%)"),
                ("down", "load < 30%", "scale_to(parallelism, load, 50%)"),
            ],
            vec!["rules[0].then.parallelism"],
        ),
        (
            [
                up("max(scale_to(parallelism, load, 60%), parallelism + 1)"),
                (
                    "down",
                    "load < 30%",
                    "min(scale_to(parallelism, load, 60%), parallelism)",
                ),
            ],
            vec![],
        ),
    ] {
        let found = linted(&rules);
        let bands: Vec<&str> = odd(&found)
            .into_iter()
            .filter(|f| f.0 == "W0205")
            .map(|f| f.1)
            .collect();
        assert_eq!(bands, expected, "{rules:?}\n{found}");
        assert!(odd(&found).iter().all(|f| f.0 != "W0203"), "{found}");
    }
    let found = linted(&[up("parallelism + 1"), ("down", "load < 85%", "parallelism - 1")]);
    let d = found.0.iter().find(|d| d.code.id() == "W0205").unwrap();
    assert_eq!(
        d.message,
        "the bands are in the wrong order: `up` wants more where `load` is above 0.8, `down` wants less where `load` is below 0.85"
    );
}

#[test]
fn rules_that_contradict_each_other_come_with_values_at_which_they_do() {
    let found = linted(&[
        ("catch-up", "late > 1m && load > 20%", "parallelism * 2"),
        ("calm", "max(avg(busy[30m])) < 40%", "scale_to(parallelism, load, 50%)"),
    ]);
    let d = found
        .0
        .iter()
        .find(|d| d.code.id() == "W0203")
        .unwrap_or_else(|| panic!("{found}"));
    assert_eq!(d.path, "rules[1].when");
    let help = d.help.clone().unwrap();
    assert!(
        help.contains("`busy` = ") && help.contains("`delay` = ") && help.contains("`catch-up` wants 8"),
        "{help}"
    );

    for rules in [
        // Nothing in common: that is what merging is for.
        [
            ("up", "late > 1m", "parallelism + 1"),
            ("down", "load < 30%", "scale_to(parallelism, load, 60%)"),
        ],
        // They exclude each other, though not by the same window.
        [
            ("up", "max(avg(busy[5m])) > 80%", "parallelism + 1"),
            ("down", "max(avg(busy[30m])) < 30%", "scale_to(parallelism, load, 60%)"),
        ],
        // Both want the same direction.
        [
            ("up", "load > 50%", "parallelism + 1"),
            ("more", "load > 20% && late > 1m", "parallelism + 2"),
        ],
        [("set", "load < 50%", "4"), ("keep", "load < 60%", "parallelism")],
    ] {
        let found = linted(&rules);
        assert!(odd(&found).iter().all(|f| f.0 != "W0203"), "{rules:?}\n{found}");
    }
    // Priorities say who is right.
    let mut document = document(&[
        ("a", "load > 20%", "parallelism + 1"),
        ("b", "max(avg(busy[30m])) < 40%", "max(parallelism - 1, 1)"),
    ]);
    let codes = |document: &Value| {
        let found = lint(&policy(document), &LintOptions::default());
        found.0.iter().map(|d| d.code.id().to_owned()).collect::<Vec<_>>()
    };
    assert!(codes(&document).contains(&"W0203".to_owned()));
    document["rules"][0]["priority"] = json!(1);
    assert!(!codes(&document).contains(&"W0203".to_owned()));
}

#[test]
fn what_is_only_raised_or_only_lowered_is_remarked() {
    let remarks = |document: &Value| {
        let found = lint(&policy(document), &LintOptions::default());
        let remarks = found.0.into_iter().filter(|d| d.code.id() == "I0201");
        remarks.map(|d| (d.path, d.message)).collect::<Vec<_>>()
    };
    let up = ("up", "late > 1m", "parallelism * 2");
    let only = remarks(&document(&[up, ("more", "late > 10m", "parallelism * 4")]));
    assert_eq!(
        only,
        [(
            "rules[0]".to_owned(),
            "`up` raises the parallelism, and no rule lowers it".to_owned()
        )]
    );
    let only = remarks(&document(&[(
        "down",
        "load < 30%",
        "min(scale_to(parallelism, load, 60%), parallelism)",
    )]));
    assert_eq!(only[0].1, "`down` lowers the parallelism, and no rule raises it");
    // A target that may be anything may be less.
    for down in ["load * 10", "scale_to(parallelism, load, 60%)", "4", "late / 1m"] {
        assert_eq!(remarks(&document(&[up, ("other", "late < 1s", down)])), [], "{down}");
    }
    // Memory of a process is lowered where any part of it is; another process is another matter.
    let mut memory = document(&[]);
    memory["rules"] = json!([
        {"name": "heap", "when": "heap > 1GiB", "then": {"task_heap": "task_heap * 1.2"}},
        {"name": "shrink", "when": "heap < 1MiB", "then": {"task_manager_memory": "task_manager_memory / 2"}},
        {"name": "jm", "when": "heap > 2GiB", "then": {"job_manager_memory": "job_manager_memory + 256MiB"}},
        {"name": "say", "when": "late > 1h", "alert": "very late"}
    ]);
    assert_eq!(
        remarks(&memory),
        [(
            "rules[2]".to_owned(),
            "`jm` raises `job_manager_memory`, and no rule lowers it".to_owned()
        )]
    );
}

#[test]
fn windows_that_reach_further_than_samples_are_kept() {
    let mut document = document(&[
        (
            "up",
            "max(max(busy[2d])) > 90% && load > 50%",
            "scale_to(parallelism, max(max(busy[1w])), 60%)",
        ),
        (
            "down",
            "max(max(cpu[1h] offset 2d)) < 10% && max(max(busy[2d])) < 5%",
            "1",
        ),
    ]);
    let found = |document: &Value, retention: i64| {
        let found = lint(
            &policy(document),
            &LintOptions {
                retention: Some(retention),
            },
        );
        let found = found.0.into_iter().filter(|d| d.code.id() == "W0206");
        found.map(|d| (d.path, d.message)).collect::<Vec<_>>()
    };
    assert_eq!(found(&document, 30 * DAY), []);
    assert_eq!(
        found(&document, 2 * DAY),
        [
            (
                "rules[0].then.parallelism".to_owned(),
                "`busy[1w]` reaches back 1w, and samples are kept for 2d".to_owned()
            ),
            (
                "rules[1].when".to_owned(),
                "`cpu[1h] offset 2d` reaches back 2d1h, and samples are kept for 2d".to_owned()
            ),
        ]
    );
    // Once for each window, and not for what dras keeps itself.
    document["metrics"]["peak"] = json!({"record": "parallelism"});
    document["rules"][1]["when"] = json!("max(peak[30d]) > 9 && max(max(busy[2d])) < 5%");
    assert_eq!(found(&document, DAY).len(), 2);
    assert!(
        lint(&policy(&document), &LintOptions::default())
            .0
            .iter()
            .all(|d| d.code.id() != "W0206")
    );
}

#[test]
fn rules_that_never_rest_come_with_the_steps() {
    let rests = |rules: &[(&str, &str, &str)]| linted(rules).0.into_iter().find(|d| d.code.id() == "W0207");
    let up = ("up", "load > 60%", "parallelism + 1");
    let d = rests(&[up, ("down", "load < 50%", "parallelism - 1")]).unwrap();
    assert_eq!(
        d.message,
        "at a constant load the parallelism goes up and down for ever: 1 → 2 → 1"
    );
    let help = d.help.unwrap();
    assert!(
        help.starts_with("at 1 `busy` is ") && help.contains("`up` and `down` take turns"),
        "{help}"
    );

    // More than 60% goes to 45%, which is below 50%.
    assert!(
        rests(&[
            ("up", "load > 60%", "scale_to(parallelism, load, 45%)"),
            ("down", "load < 50%", "parallelism - 1")
        ])
        .is_some()
    );
    // Sized by the load, and less only where the load would not call for more.
    assert!(
        rests(&[
            ("up", "load > 80%", "scale_to(parallelism, load, 60%)"),
            (
                "down",
                "load < 30%",
                "min(scale_to(parallelism, load, 60%), parallelism)"
            )
        ])
        .is_none()
    );
    // The same thresholds, but one step less never brings the load above 60% again.
    assert!(
        rests(&[
            up,
            (
                "down",
                "load * parallelism / (parallelism - 1) < 50%",
                "parallelism - 1"
            )
        ])
        .is_none()
    );
    // Nobody knows how the delay behaves, or a metric that speaks of idling.
    assert!(
        rests(&[
            ("up", "late > 2m", "parallelism + 1"),
            ("down", "late < 1m", "parallelism - 1")
        ])
        .is_none()
    );
    let mut idle = document(&[
        ("up", "avg(avg(idle[5m])) < 40%", "parallelism + 1"),
        ("down", "avg(avg(idle[5m])) > 45%", "parallelism - 1"),
    ]);
    idle["metrics"]["idle"] = json!({"unit": "ms/s", "per": "subtask", "range": [0, 1]});
    assert!(
        lint(&policy(&idle), &LintOptions::default())
            .0
            .iter()
            .all(|d| d.code.id() != "W0207")
    );

    // What limits, largest steps and tolerances stop does not happen.
    let mut document = document(&[
        ("up", "load > 60%", "parallelism + 1"),
        ("down", "load < 50%", "parallelism - 1"),
    ]);
    let endless = |document: &Value| {
        let found = lint(&policy(document), &LintOptions::default());
        found.0.into_iter().find(|d| d.code.id() == "W0207").map(|d| d.message)
    };
    document["limits"] = json!({"parallelism": {"min": 7, "max": 8}});
    assert_eq!(
        endless(&document),
        None,
        "a step from 7 to 8 is too small to leave the bands"
    );
    document["limits"] = json!({"parallelism": {"min": 3}});
    assert_eq!(
        endless(&document).unwrap(),
        "at a constant load the parallelism goes up and down for ever: 3 → 4 → 3"
    );
    document["sizing"] = json!({"tolerance": {"down": "40%"}});
    assert_eq!(endless(&document), None);
}

#[test]
fn a_policy_with_very_many_rules_is_linted_in_bounded_time() {
    let names: Vec<(String, String)> = (0..300)
        .map(|i| {
            (
                format!("r{i}"),
                format!("avg(avg(busy[{}m])) > {}% && late > {i}s", i % 50 + 1, i % 90),
            )
        })
        .collect();
    let rules: Vec<(&str, &str, &str)> = names
        .iter()
        .enumerate()
        .map(|(i, (name, when))| {
            (
                name.as_str(),
                when.as_str(),
                if i % 2 == 0 {
                    "parallelism + 1"
                } else {
                    "parallelism - 1"
                },
            )
        })
        .collect();
    let policy = policy(&document(&rules));
    let start = std::time::Instant::now();
    let found = lint(&policy, &LintOptions::default());
    assert!(!found.0.is_empty());
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// A task at `parallelism` whose metrics have read `busy`, `cpu` and `delay` (in s) as long as anybody looked.
fn standing(policy: &Policy, parallelism: u32, [busy, cpu, delay]: [f64; 3], now: i64) -> Task {
    let mut task = Task::new(policy, "t").unwrap();
    for (name, value) in [
        ("parallelism", f64::from(parallelism)),
        ("task_managers", f64::from(parallelism)),
        ("slots_per_task_manager", 1.0),
        ("machine_cores", 1.0),
        ("uptime", 30.0 * 86_400.0),
        ("since_last_change", 30.0 * 86_400.0),
    ] {
        task.set(policy, name, value).unwrap();
    }
    let times: Vec<i64> = (0..160).map(|i| now - (159 - i) * 15_000).collect();
    for (metric, value, instances) in [
        ("busy", busy * 1000.0, parallelism),
        ("cpu", cpu, parallelism),
        ("delay", delay * 1000.0, 1),
    ] {
        let metric = policy.metric(metric).unwrap();
        for instance in 0..instances {
            let instance = task.instance(policy, &format!("i{instance}")).unwrap();
            task.column(policy, now, instance, metric, &times, &[value; 160])
                .unwrap();
        }
    }
    task
}

/// Conditions over windows of all kinds.
const CONDITIONS: [&str; 16] = [
    "load > 60%",
    "avg(busy) > 60%",
    "max(max(busy[10m])) > 60%",
    "quantile(0.9, avg(busy[10m])) > 60%",
    "sum(avg(cpu[5m])) > 1.5",
    "spread(avg(cpu[5m])) > 10%",
    "max(stddev(busy[5m])) > 1%",
    "max(slope(busy[5m])) > 0.1/s",
    "all(busy[5m] > 60%)",
    "any(cpu[5m] >= 50%)",
    "share(busy > 60%) > 50%",
    "count(busy > 60%) >= 2",
    "all(avg(busy[5m]) > avg(cpu[5m]))",
    "share(cpu[5m] > load) > 50%",
    "late > 1m && load < 60%",
    "max(ewma(busy[10m], 1m)) > 60% || min(coverage(cpu[5m])) < 50%",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The model of a task that stands still gives what a task that stands still gives: what is found at constant load is what `decide` does.
    #[test]
    fn the_steps_that_are_shown_are_the_steps_that_are_taken(
        high in 40_u32..80, low in 20_u32..70, target in 20_u32..90, up in 0_usize..3, down in 0_usize..3
    ) {
        let ups = ["parallelism + 1".to_owned(), format!("max(scale_to(parallelism, load, {target}%), parallelism + 1)"), "parallelism * 2".to_owned()];
        let downs = ["max(parallelism - 1, 1)".to_owned(), format!("min(scale_to(parallelism, load, {target}%), parallelism)"), "max(floor(parallelism / 2), 1)".to_owned()];
        let mut document = document(&[
            ("up", &format!("load > {high}%"), &ups[up]),
            ("down", &format!("max(avg(busy[10m])) < {low}%"), &downs[down]),
        ]);
        document["guards"] = json!({"largest_step": {"up": "1000%", "down": "100%"}, "stabilisation": {"down": "0s"}});
        document["windows"] = json!({"warm_up": "0s"});
        let policy = policy(&document);
        let found = lint(&policy, &LintOptions::default());
        let Some(d) = found.0.iter().find(|d| d.code.id() == "W0207") else { return Ok(()) };
        let steps: Vec<u32> = d.message.split(": ").nth(1).unwrap().split(" → ").map(|p| p.parse().unwrap()).collect();
        let help = d.help.clone().unwrap();
        let first: f64 = help.split("`busy` is ").nth(1).unwrap().split('%').next().unwrap().parse::<f64>().unwrap() / 100.0;
        let load = first * f64::from(steps[0]);
        // At full load nobody knows how much more there is.
        prop_assume!(first < 0.999);
        // The load is shown with six digits; what lies nearer to a threshold than that is not told apart in the text.
        let near = |threshold: u32, busy: f64| (busy - f64::from(threshold) / 100.0).abs() < 1e-4;
        let loads = || steps.iter().map(|p| load / f64::from(*p));
        prop_assume!(loads().all(|busy| !near(high, busy) && !near(low, busy)));
        for pair in steps.windows(2) {
            let busy = (load / f64::from(pair[0])).min(1.0);
            let now = 1_800_000_000_000;
            let mut task = standing(&policy, pair[0], [busy, 0.0, 0.0], now);
            let decision = decide(&policy, &mut task, now).unwrap();
            let to = decision.changes().first().map(|c| c.to);
            prop_assert_eq!(to, Some(f64::from(pair[1])), "{} at {}\n{}", d.message.clone(), busy, decision);
        }
    }
}

#[test]
fn a_task_that_stands_still_is_evaluated_as_by_a_look() {
    // Each condition twice, so that the contradiction has an example where the condition is true; and so for its opposite.
    for condition in CONDITIONS {
        let mut examples = 0;
        for when in [condition.to_owned(), format!("!({condition})")] {
            // Every metric that the condition needs, and no more, so that the search is short.
            let delay = if condition.contains("late") {
                " && late >= 0s"
            } else {
                ""
            };
            let mut document = document(&[
                ("up", &when, "parallelism + 1"),
                (
                    "down",
                    &format!("({when}) && avg(busy) >= 0% && avg(cpu) >= 0%{delay}"),
                    "parallelism - 1",
                ),
            ]);
            document["limits"] = json!({"parallelism": {"min": 3, "max": 5}});
            let policy = policy(&document);
            let found = lint(&policy, &LintOptions::default());
            let Some(d) = found.0.iter().find(|d| d.code.id() == "W0203") else {
                continue;
            };
            examples += 1;
            let help = d.help.clone().unwrap();
            let read = |name: &str| {
                let Some(rest) = help.split(&format!("`{name}` = ")).nth(1) else {
                    return 0.0;
                };
                dras_core::literal::Quantity::parse(rest.split([',', ' ']).next().unwrap())
                    .unwrap()
                    .value()
            };
            let parallelism: u32 = help
                .split("parallelism of ")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let now = 1_800_000_000_000;
            let mut task = standing(&policy, parallelism, [read("busy"), read("cpu"), read("delay")], now);
            let decision = decide(&policy, &mut task, now).unwrap();
            assert_eq!(
                decision.states().collect::<Vec<_>>(),
                [RuleState::Fired; 2],
                "{when}: {help}\n{decision}"
            );
        }
        assert!(examples > 0, "no example for {condition}");
    }
}
