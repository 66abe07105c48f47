//! What holds for every decision: random documents, random measurements, random reports and meddling, and the promises of Ratio reservation on
//! the merged result.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeMap;

use dras_core::action::guard::Direction;
use dras_core::action::{Guard, RecordKind, Resource};
use dras_core::engine::{AlertKind, Decision, LookKind, Policy, Task, decide};
use dras_core::metrics::Mark;
use dras_core::rules::Mode;
use harness::{DAY, H, M, MIB, S, T0, instruction_key, parallelism, policy, report};
use proptest::prelude::*;

const RULES: [&str; 4] = [
    // Thresholds of a utilisation, with emergencies.
    r#"{"name": "up", "when": "avg(busy[2m]) > 80%", "for": "1m", "then": {"parallelism": "parallelism * avg(busy[2m]) / 60%"}, "lowers": "avg(busy[2m])"},
       {"name": "down", "when": "avg(busy[2m]) < 30%", "then": {"parallelism": "parallelism * avg(busy[2m]) / 60%"}},
       {"name": "late", "urgent": true, "when": "lag > 60", "then": {"parallelism": "parallelism * 2"}, "alert": "it is late"},
       {"name": "text", "when": "count(exceptions[10m]) > 100", "then": {"parallelism": "parallelism"}},
       {"name": "size", "when": "defined(heap)", "then": {"task_manager_memory": "heap"}}"#,
    // Parallelism and components of memory, one against the other.
    r#"{"name": "fit", "when": "lag > 0", "then": {"parallelism": "lag / 10"}, "priority": 1},
       {"name": "trade", "when": "heap > task_heap", "then": {"task_heap": "heap", "parallelism": "parallelism / 2"}},
       {"name": "oom", "urgent": true, "no_shrink_for": "6h", "when": "count(oom_kind(exceptions[10m]) == 'heap') > 0 && age(exceptions[10m]) < since_last_change",
        "then": {"task_heap": "max(task_heap + 100MiB, task_heap * 1.2)", "metaspace": "metaspace * 1.1"}},
       {"name": "less", "when": "heap < task_heap", "then": {"task_heap": "heap", "job_manager_memory": "job_manager_memory / 2"}},
       {"name": "busy", "when": "avg(busy[2m]) > 90%", "then": {"parallelism": "parallelism + 3"}, "raises": "lag"}"#,
    // Wishes without sense or measure.
    r#"{"name": "huge", "when": "lag > 500", "then": {"parallelism": "lag * 1e12", "managed_memory": "heap * 1e9"}},
       {"name": "none", "when": "lag < 200", "then": {"parallelism": "0 - lag", "task_manager_memory": "0B"}},
       {"name": "odd", "when": "avg(busy[2m]) > 50%", "then": {"network_memory": "heap / lag", "task_off_heap": "heap"}, "for": "5m"},
       {"name": "text", "urgent": true, "when": "count(exceptions[10m]) > 0", "then": {"parallelism": "100 / lag"}}"#,
    // Opposite rules of several priorities for one resource.
    r#"{"name": "a", "priority": 2, "when": "lag > 300", "then": {"parallelism": "lag / 50", "job_manager_heap": "heap"}},
       {"name": "b", "priority": 2, "urgent": true, "when": "avg(busy[2m]) > 70%", "then": {"parallelism": "parallelism + 1"}},
       {"name": "c", "priority": 1, "when": "count(exceptions[10m]) == 0", "then": {"parallelism": "1"}},
       {"name": "d", "when": "lag > 800", "then": {"parallelism": "parallelism * 3", "task_heap": "task_heap * 0.9"}},
       {"name": "g", "priority": 2, "when": "lag > 100", "then": {"parallelism": "parallelism + 2"}, "raises": "lag"},
       {"name": "f", "when": "true", "then": {"task_heap": "task_heap * 0.8"}},
       {"name": "e", "when": "heap > 1GiB", "then": {"task_heap": "heap"}, "no_shrink_for": "1h"}"#,
];

const GUARDS: [&str; 5] = [
    "{}",
    r#"{"cool_down": {"up": "0s", "down": "0s", "urgent": "0s"}, "stabilisation": {"down": "0s"}, "restarts_per_day": 20, "freeze_on_missing": "off"}"#,
    r#"{"cool_down": {"up": "0s", "down": "0s", "urgent": "0s"}, "stabilisation": {"down": "0s"}, "restarts_per_day": 2, "freeze_on_missing": "off"}"#,
    r#"{"cool_down": {"up": "1m", "down": "2m"}, "stabilisation": {"up": "2m", "down": "5m"}, "restarts_per_day": 2, "freeze_on_missing": "all", "largest_step": {"up": 100, "down": 1, "urgent": 0.1}}"#,
    r#"{"stabilisation": {"down": "1m"}, "excluded": [{"daily": "10:00-16:00", "urgent_pass": true}], "ineffective": {"least_gain": "90%", "for": "30m"}}"#,
];

const LIMITS: [&str; 4] = [
    "{}",
    r#"{"parallelism": {"min": 2, "max": 12}, "task_manager_memory": {"min": "1500MiB", "max": "5000MiB"}}"#,
    r#"{"parallelism": {"max": 40}, "task_heap": {"min": "512MiB", "max": "2GiB"}, "total": {"memory": "40GiB", "task_managers": 9}}"#,
    r#"{"total": {"cores": 24}, "task_manager_memory": {"max": "4GiB"}}"#,
];

const SIZING: [&str; 3] = [
    "{}",
    r#"{"tolerance": {"up": "20%", "down": "20%"}, "align": {"to": "partitions"}}"#,
    r#"{"tolerance": {"down": "0%"}, "align": {"to": "key_groups", "most_over": "100%"}}"#,
];

fn document((rules, guards, limits, sizing, active): (usize, usize, usize, usize, bool)) -> Policy {
    let text = format!(
        r#"{{"version": 1, "name": "random", "mode": "{}",
            "metrics": {{"busy": {{"unit": "ratio", "per": "task_manager"}}, "exceptions": {{"kind": "event"}}}},
            "attributes": {{"lag": {{"type": "number"}}, "heap": {{"type": "number", "unit": "MiB"}}}},
            "rules": [{}], "guards": {}, "limits": {}, "sizing": {}, "windows": {{"warm_up": "15s"}}}}"#,
        if active { "active" } else { "monitor" },
        RULES[rules],
        GUARDS[guards],
        LIMITS[limits],
        SIZING[sizing]
    );
    let limits = dras_core::rules::DocumentLimits::default();
    Policy::from_json(&text, &limits).unwrap_or_else(|d| panic!("{d}"))
}

/// What happens to a task between looks.
#[derive(Debug, Clone)]
enum Event {
    Busy(u8),
    Lag(Option<u16>),
    Heap(Option<u16>),
    Oom(u8),
    Observed,
    Restart,
    /// Somebody else.
    Parallelism(u8),
    Apply(u8),
    Fail,
    Look(LookKind),
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let event = prop_oneof![
        4 => any::<u8>().prop_map(|b| Event::Busy(b % 101)),
        2 => proptest::option::weighted(0.9, 0_u16..1000).prop_map(Event::Lag),
        2 => proptest::option::weighted(0.9, 1_u16..6000).prop_map(Event::Heap),
        1 => (0_u8..4).prop_map(Event::Oom),
        2 => Just(Event::Observed),
        1 => Just(Event::Restart),
        1 => (1_u8..30).prop_map(Event::Parallelism),
        4 => (0_u8..3).prop_map(Event::Apply),
        1 => Just(Event::Fail),
        8 => Just(Event::Look(LookKind::Long)),
        3 => Just(Event::Look(LookKind::Short)),
    ];
    let wait = prop_oneof![6 => Just(15 * S), 3 => Just(M), 2 => Just(5 * M), 1 => Just(H), 1 => 0_i64..2 * S];
    proptest::collection::vec((wait, event), 1..80)
}

fn task(policy: &Policy) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    for (name, value) in [
        ("parallelism", 6.0),
        ("slots_per_task_manager", 3.0),
        ("task_managers", 2.0),
        ("task_manager_cores", 4.0),
        ("source_partitions", 24.0),
        ("max_parallelism", 128.0),
    ] {
        task.set(policy, name, value).unwrap();
    }
    let mut entries = vec![
        ("taskmanager.memory.process.size", "4g"),
        ("jobmanager.memory.process.size", "2g"),
    ];
    if policy.rules().any(|r| r.name == "huge") {
        // No size of the process gives managed memory then.
        entries.push(("taskmanager.memory.managed.fraction", "0"));
    }
    task.set_flink_configuration(policy, entries).unwrap();
    task
}

fn look(policy: &Policy, task: &mut Task, now: i64, kind: LookKind) -> Decision {
    harness::lean::look(policy, task, now, kind)
}

/// Runs the events; gives what every look came to, as bytes. `check` sees each decision with the task as it was before and is after it.
fn run(policy: &Policy, events: &[(i64, Event)], mut check: impl FnMut(&Decision, &Task, &Task)) -> Vec<String> {
    let mut task = task(policy);
    let (busy, exceptions) = (policy.metric("busy").unwrap(), policy.metric("exceptions").unwrap());
    let (mut now, mut out) = (T0, Vec::new());
    for (wait, event) in events {
        now += wait;
        match event {
            Event::Busy(percent) => {
                // The last minutes of two TaskManagers.
                let times: Vec<i64> = (0..10).map(|i| now - i * 15 * S).collect();
                for name in ["tm-1", "tm-2"] {
                    let id = task.instance(policy, name).unwrap();
                    task.column(policy, now, id, busy, &times, &[f64::from(*percent) / 100.0; 10])
                        .unwrap();
                }
            }
            Event::Lag(value) => set(policy, &mut task, "lag", value.map(f64::from)),
            Event::Heap(value) => set(policy, &mut task, "heap", value.map(f64::from)),
            Event::Oom(n) => {
                let id = task.instance(policy, "").unwrap();
                for i in 0..i64::from(*n) {
                    let text = "java.lang.OutOfMemoryError: Java heap space";
                    task.event(policy, now, id, exceptions, now - i * S, text).unwrap();
                }
                task.observed(policy, now, exceptions, now).unwrap();
            }
            Event::Observed => {
                task.observed(policy, now, exceptions, now).unwrap();
            }
            Event::Restart => task.mark(now, Mark::Restart),
            Event::Parallelism(p) => task.set(policy, "parallelism", f64::from(*p)).unwrap(),
            Event::Apply(late) => {
                if let Some((key, at)) = task.history().pending().map(|p| (p.key.clone(), p.at)) {
                    let at = (now - i64::from(*late) * 30 * S).max(at);
                    task.applied(policy, now, &key, at).unwrap();
                }
            }
            Event::Fail => {
                if let Some(key) = task.history().pending().map(|p| p.key.clone()) {
                    task.failed(policy, now, &key, now, "no slots").unwrap();
                }
            }
            Event::Look(kind) => {
                let before = task.clone();
                let decision = look(policy, &mut task, now, *kind);
                check(&decision, &before, &task);
                out.push(serde_json::to_string(&decision).unwrap());
            }
        }
    }
    out
}

fn set(policy: &Policy, task: &mut Task, name: &str, value: Option<f64>) {
    match value {
        Some(value) => task.set(policy, name, value).unwrap(),
        None => task.unset(policy, policy.attribute(name).unwrap()).unwrap(),
    }
}

/// Within the limits of the document and of the key groups, on whole steps, and a change at all.
fn within_limits(policy: &Policy, decision: &Decision) {
    let bytes_before = |c: Resource| decision.fitted().iter().find(|f| Some(f.process) == c.process());
    for c in decision.changes() {
        let bounds = policy.limits().of(c.resource);
        assert!(c.to != c.from && c.to.is_finite() && c.to >= 1.0, "{decision}");
        if c.to > c.from {
            let groups = if c.resource == Resource::Parallelism {
                128.0
            } else {
                f64::INFINITY
            };
            assert!(
                c.to <= bounds.max.map_or(f64::INFINITY, |m| m as f64).min(groups),
                "{decision}"
            );
        } else {
            assert!(c.to >= bounds.min.unwrap_or(1) as f64, "{decision}");
        }
        let step = c.resource.step() as f64;
        let at_limit = [bounds.min, bounds.max].iter().flatten().any(|l| *l as f64 == c.to);
        assert!(c.to % step == 0.0 || at_limit, "no whole steps: {decision}");
        // What Flink makes of the components is within the limit of the whole too.
        if let (Some(fitted), Some(whole)) = (bytes_before(c.resource), whole(c.resource)) {
            let process = fitted.resized.breakdown.process();
            let most = policy.limits().of(whole).max.unwrap_or(u64::MAX);
            assert!(process <= most || Some(process as f64) <= fitted.from, "{decision}");
            fitted.resized.breakdown.check_jvm().unwrap();
        }
    }
}

fn whole(resource: Resource) -> Option<Resource> {
    let wholes = [Resource::TaskManagerMemory, Resource::JobManagerMemory];
    wholes
        .into_iter()
        .find(|w| w.process() == resource.process() && resource.process().is_some())
}

/// No change goes where a guard stands, and none shrinks for growth that does not come.
fn no_guard_is_passed(decision: &Decision) {
    for c in decision.changes() {
        let direction = match () {
            () if c.to < c.from => Direction::Down,
            () if c.urgent => Direction::Urgent,
            () => Direction::Up,
        };
        let stands = decision
            .guards()
            .iter()
            .filter(|g| g.guard != Guard::Awaiting && g.until(direction).is_some());
        assert_eq!(stands.count(), 0, "{decision}");
    }
    for held in decision.held() {
        assert!(!held.by.is_empty() && held.change.to != held.change.from, "{decision}");
        assert!(
            held.by.iter().all(|by| by.1 > decision.at()),
            "a guard that has ended holds: {decision}"
        );
        let comes = decision.changes().iter().any(|c| c.resource == held.change.resource);
        if held.change.is_up() && !comes {
            assert!(decision.changes().iter().all(|c| c.to > c.from), "{decision}");
        }
    }
}

fn within_budget(policy: &Policy, decision: &Decision, task: &Task) {
    if decision.instruction().is_none() {
        return;
    }
    let budget = policy.guards().restarts_per_day() as usize;
    let budget = if decision.changes().iter().all(|c| c.urgent && c.to > c.from) {
        budget * 2
    } else {
        budget
    };
    let attempts = task
        .history()
        .records()
        .filter(|r| r.at > decision.at() - DAY && matches!(r.kind, RecordKind::Applied | RecordKind::Failed { .. }));
    assert!(attempts.count() < budget, "{decision}");
}

/// Text and data say the same, and everything that was proposed is accounted for.
fn explains_itself(decision: &Decision) {
    let (text, report) = (decision.to_string(), decision.report());
    assert_eq!(report.to_string(), text);
    assert_eq!(
        serde_json::to_string(&report).unwrap(),
        serde_json::to_string(decision).unwrap()
    );
    for held in &report.held {
        assert!(
            text.contains(&format!("held: {} by {}", held.change, held.by[0].guard.code())),
            "{text}"
        );
    }
    for rule in &report.rules {
        for p in &rule.proposals {
            let taken = report
                .changes
                .iter()
                .any(|c| c.resource == p.resource && c.rules.contains(&rule.rule));
            assert_eq!(p.fate == "taken", taken, "{}: {}: {text}", rule.rule, p.resource);
            assert_eq!(p.fate == "undefined", p.target.is_none(), "{text}");
            if let ("held", Some(by)) = (p.fate, &p.by) {
                assert!(
                    report
                        .held
                        .iter()
                        .any(|h| h.change.resource == p.resource && h.by.iter().any(|g| g.guard.code() == by)),
                    "{text}"
                );
            }
        }
    }
    assert!(report.instruction.is_none() || !report.changes.is_empty());
}

fn parts() -> impl Strategy<Value = (usize, usize, usize, usize, bool)> {
    (
        0..RULES.len(),
        0..GUARDS.len(),
        0..LIMITS.len(),
        0..SIZING.len(),
        proptest::bool::weighted(0.8),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_keeps_its_promises(parts in parts(), events in events()) {
        let policy = document(parts);
        let first = run(&policy, &events, |decision, before, after| {
            within_limits(&policy, decision);
            no_guard_is_passed(decision);
            within_budget(&policy, decision, before);
            explains_itself(decision);
            if policy.mode() == Mode::Monitor {
                assert!(decision.instruction().is_none());
            }
            // The same task at the same time decides the same, to the byte.
            let mut same = before.clone();
            let again = look(&policy, &mut same, decision.at(), decision.kind());
            assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(decision).unwrap());
            // And deciding once more, with nothing new, comes to the same.
            let mut after = after.clone();
            let twice = look(&policy, &mut after, decision.at(), decision.kind());
            assert_eq!(twice.changes(), decision.changes(), "{twice}\nafter\n{decision}");
            assert_eq!(instruction_key(&twice), instruction_key(decision));
        });
        prop_assert_eq!(run(&policy, &events, |_, _, _| ()), first);
    }
}

/// The properties above say nothing of what random runs never come to.
#[test]
fn random_runs_come_to_every_guard_and_every_fate() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut guards, mut fates) = (BTreeMap::new(), BTreeMap::new());
    let (mut looks, mut instructions, mut alerts) = (0, 0, 0);
    for _ in 0..200 {
        let (parts, events) = (parts(), events()).new_tree(&mut runner).unwrap().current();
        run(&document(parts), &events, |decision, _, _| {
            looks += 1;
            instructions += usize::from(decision.instruction().is_some());
            alerts += decision
                .alerts()
                .filter(|a| a.0 == AlertKind::CappedAndStillFailing)
                .count();
            for h in harness::held(decision) {
                *guards.entry(h.1).or_insert(0) += 1;
            }
            for f in harness::fates(&decision.report()) {
                *fates.entry(f.2).or_insert(0) += 1;
            }
        });
    }
    report!(
        "random runs: {looks} looks, {instructions} with an instruction, {alerts} capped; held {guards:?}; fates {fates:?}"
    );
    let missing: Vec<_> = Guard::ALL
        .iter()
        .map(|g| g.code())
        .filter(|g| !guards.contains_key(g))
        .collect();
    assert!(missing.is_empty(), "never held by {missing:?}");
    assert_eq!(fates.len(), 8, "{fates:?}");
    assert!(instructions * 20 > looks && alerts > 0);
}

// Ratio reservation, end to end

/// Reserves 30 % of the parallelism and 20 % of the memory, for what attributes say is used.
fn reserving(more: &str) -> Policy {
    policy(&format!(
        r#"{{"version": 1, "mode": "active",
            "attributes": {{"used": {{"type": "number"}}, "bytes": {{"type": "number", "unit": "MiB"}}}},
            "rules": [
                {{"name": "subtasks", "when": "defined(used)", "then": {{"parallelism": "reserve(used, 30%)"}}}},
                {{"name": "memory", "when": "defined(bytes)", "then": {{"task_manager_memory": "reserve(bytes, 20%)"}}}}
            ],
            "guards": {{"cool_down": {{"up": "0s", "down": "0s"}}, "stabilisation": {{"down": "0s"}}, "oscillation": {{"within": "0s"}},
                        "restarts_per_day": 100, "largest_step": {{"up": 100, "down": 1}}}}{more}}}"#
    ))
}

/// The same without room for everything.
const TIGHT: [&str; 5] = [
    "",
    r#", "limits": {"parallelism": {"min": 3, "max": 40}, "task_manager_memory": {"min": "1GiB", "max": "16GiB"}}"#,
    r#", "sizing": {"align": {"to": "partitions"}, "tolerance": {"up": "10%", "down": "10%"}}"#,
    r#", "limits": {"total": {"task_managers": 12}}"#,
    r#", "limits": {"parallelism": {"max": 30}}, "sizing": {"align": {"to": "key_groups", "most_over": "50%"}}"#,
];

fn reserving_task(policy: &Policy, parallelism: f64, memory: f64) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    for (name, value) in [
        ("parallelism", parallelism),
        ("task_manager_memory", memory * MIB),
        ("slots_per_task_manager", 4.0),
        ("source_partitions", 60.0),
        ("max_parallelism", 128.0),
    ] {
        task.set(policy, name, value).unwrap();
    }
    task
}

/// What a task has in the end: what it was changed to, or what it had.
fn has(decision: &Decision, resource: Resource, before: f64) -> f64 {
    harness::to(decision, resource).unwrap_or(before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_reserve_is_kept_on_the_merged_result_or_the_decision_says_why(
        tight in 0..TIGHT.len(), current in 1_u16..60, memory in 1_u16..400, used in 0.0_f64..45.0, bytes in 0.0_f64..20_000.0,
    ) {
        let policy = reserving(TIGHT[tight]);
        let (current, memory) = (f64::from(current), f64::from(memory) * 64.0);
        let mut task = reserving_task(&policy, current, memory);
        task.set(&policy, "used", used).unwrap();
        task.set(&policy, "bytes", bytes).unwrap();
        let decision = decide(&policy, &mut task, T0).unwrap();
        let report = decision.report();
        for (resource, before, used, allowed) in [
            (Resource::Parallelism, current, used, 0.7),
            (Resource::TaskManagerMemory, memory * MIB, bytes * MIB, 0.8),
        ] {
            let after = has(&decision, resource, before);
            let kept = used <= after * allowed * (1.0 + 1e-8);
            let change = report.changes.iter().find(|c| c.resource == resource);
            let says = change.is_some_and(|c| !c.notes.is_empty())
                || report.held.iter().any(|h| h.change.resource == resource)
                || harness::fates(&report).iter().any(|f| f.1 == resource && matches!(f.2, "limited" | "within_tolerance" | "dropped_while_growing"));
            prop_assert!(kept || says, "{}", decision);
            // No more than a step above what is needed, but for alignment and what is not taken away: that is said too.
            let needed = (used / allowed).max(1.0);
            prop_assert!(after <= before.max(resource.quantise(needed)) || says, "{}", decision);
        }
        // Doing it again changes nothing.
        if let Some(key) = instruction_key(&decision) {
            task.applied(&policy, T0, &key, T0).unwrap();
        }
        let cut = report.changes.iter().any(|c| c.notes.iter().any(|n| n.contains("largest step")));
        let dropped = harness::fates(&report).iter().any(|f| f.2 == "dropped_while_growing");
        let again = decide(&policy, &mut task, T0 + M + 1).unwrap();
        prop_assert!(again.changes().is_empty() || cut || dropped, "{}\nand then\n{}", decision, again);
    }

    #[test]
    fn more_usage_never_gives_less(tight in 0..TIGHT.len(), current in 1_u16..60, used in 0.0_f64..45.0, more in 0.0_f64..10.0) {
        let policy = reserving(TIGHT[tight]);
        let current = f64::from(current);
        let with = |used: f64| {
            let mut task = reserving_task(&policy, current, 4096.0);
            task.set(&policy, "used", used).unwrap();
            parallelism(&decide(&policy, &mut task, T0).unwrap()).unwrap_or(current)
        };
        prop_assert!(with(used) <= with(used + more));
        let policy = reserving(TIGHT[tight]);
        let with = |bytes: f64| {
            let mut task = reserving_task(&policy, 4.0, current * 100.0);
            task.set(&policy, "bytes", bytes).unwrap();
            has(&decide(&policy, &mut task, T0).unwrap(), Resource::TaskManagerMemory, current * 100.0 * MIB)
        };
        prop_assert!(with(used * 200.0) <= with((used + more) * 200.0));
    }
}
