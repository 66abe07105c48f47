//! Keeping tasks: snapshots, other documents, shadows.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::action::Resource;
use dras_core::engine::{
    Carried, Difference, LookKind, Policy, Shadow, Task, TaskError, decide, decide_short, differences, replace,
};
use dras_core::metrics::Mark;
use dras_core::rules::DocumentLimits;
use dras_core::snapshot::SnapshotError;
use proptest::prelude::*;

const T0: i64 = 1_800_000_000_000;
const S: i64 = 1000;
const M: i64 = 60 * S;

fn policy(text: &str) -> Policy {
    Policy::from_json(text, &DocumentLimits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn document(high: &str, extra: &str) -> Policy {
    policy(&format!(
        r#"{{"version": 1, "name": "{high}", "mode": "active",
            "metrics": {{"load": {{}}, "demand": {{"record": "avg(load[2m]) * parallelism"}}, "log": {{"kind": "event"}}}},
            "attributes": {{"team": {{"type": "text"}}, "weight": {{"type": "number", "unit": "MiB"}}}},
            "rules": [
                {{"name": "up", "when": "avg(load[2m]) > {high}", "for": "2m", "then": {{"parallelism": "parallelism * 2"}}}},
                {{"name": "peak", "when": "max(demand[1h across marks]) > 100", "then": {{"parallelism": "parallelism"}}}},
                {{"name": "oom", "when": "count(log[10m] =~ 'boom') > 0 && weight > 0B && team != ''", "then": {{"task_heap": "task_heap + 256MiB"}},
                  "urgent": true, "no_shrink_for": "1d"}}{extra}
            ]}}"#
    ))
}

fn task(policy: &Policy) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    task.set(policy, "parallelism", 4.0).unwrap();
    task.set(policy, "team", "payments").unwrap();
    task.set(policy, "weight", 3.0).unwrap();
    task.set_label("job", "orders").unwrap();
    task.set_flink_configuration(
        policy,
        [
            ("taskmanager.memory.process.size", "2g"),
            ("taskmanager.numberOfTaskSlots", "2"),
        ],
    )
    .unwrap();
    task.mark(T0 - 10 * M, Mark::Restart);
    task
}

/// One thing that happens to a task.
#[derive(Debug, Clone)]
enum Step {
    Scrape(f64),
    Boom,
    Look,
    ShortLook,
    Apply,
    Fail,
    Parallelism(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0.0..2.0_f64).prop_map(Step::Scrape),
        1 => Just(Step::Boom),
        4 => Just(Step::Look),
        2 => Just(Step::ShortLook),
        1 => Just(Step::Apply),
        1 => Just(Step::Fail),
        1 => (1_u8..10).prop_map(Step::Parallelism),
    ]
}

/// Does it at `now`, and tells what came of it.
fn act(policy: &Policy, task: &mut Task, now: i64, step: &Step) -> String {
    match step {
        Step::Scrape(load) => {
            let instance = task.instance(policy, "").unwrap();
            let load = task.row(policy, now, instance, now, &[(policy.metric("load").unwrap(), *load)]);
            task.observed(policy, now, policy.metric("log").unwrap(), now).unwrap();
            format!("{load:?}")
        }
        Step::Boom => {
            let instance = task.instance(policy, "").unwrap();
            let log = policy.metric("log").unwrap();
            format!("{:?}", task.event(policy, now, instance, log, now, "boom"))
        }
        Step::Look => serde_json::to_string(&decide(policy, task, now).unwrap()).unwrap(),
        Step::ShortLook => serde_json::to_string(&decide_short(policy, task, now).unwrap()).unwrap(),
        Step::Apply => match task.history().pending().map(|p| p.key.clone()) {
            Some(key) => format!("{:?}", task.applied(policy, now, &key, now)),
            None => String::new(),
        },
        Step::Fail => match task.history().pending().map(|p| p.key.clone()) {
            Some(key) => format!("{:?}", task.failed(policy, now, &key, now, "no slots")),
            None => String::new(),
        },
        Step::Parallelism(n) => format!("{:?}", task.set(policy, "parallelism", f64::from(*n))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restored_task_decides_as_the_one_that_never_was_saved(
        before in proptest::collection::vec(step(), 0..60),
        after in proptest::collection::vec(step(), 1..60),
    ) {
        let policy = document("0.8", "");
        let mut twin = task(&policy);
        let mut now = T0;
        for step in &before {
            now += 15 * S;
            act(&policy, &mut twin, now, step);
        }
        let bytes = twin.snapshot(&policy).unwrap();
        let (mut restored, carried) = Task::restore(&policy, &bytes).unwrap();
        prop_assert_eq!(&carried, &Carried::default());
        prop_assert_eq!(restored.snapshot(&policy).unwrap(), bytes, "equal states give equal bytes");
        let (mut moved, carried) = twin.rebind(&policy, &policy).unwrap();
        prop_assert_eq!(&carried, &Carried::default());
        for step in &after {
            now += 15 * S;
            let expected = act(&policy, &mut twin, now, step);
            prop_assert_eq!(&act(&policy, &mut restored, now, step), &expected);
            prop_assert_eq!(&act(&policy, &mut moved, now, step), &expected);
        }
    }

    #[test]
    fn damaged_snapshots_are_errors_and_never_panic(at in 0_usize..4000, with in any::<u8>(), cut in any::<bool>()) {
        let policy = document("0.8", "");
        let mut task = task(&policy);
        for i in 0..20 {
            act(&policy, &mut task, T0 + i * 15 * S, &Step::Scrape(1.0));
            act(&policy, &mut task, T0 + i * 15 * S, &Step::Look);
        }
        let mut bytes = task.snapshot(&policy).unwrap();
        let at = at % bytes.len();
        if cut {
            bytes.truncate(at);
            prop_assert!(Task::restore(&policy, &bytes).is_err());
        } else if bytes[at] != with {
            bytes[at] = with;
            prop_assert!(Task::restore(&policy, &bytes).is_err(), "every byte is covered by a checksum");
        }
    }
}

#[test]
fn what_is_no_snapshot_is_refused_with_the_reason() {
    let policy = document("0.8", "");
    assert!(matches!(
        Task::restore(&policy, b"").unwrap_err(),
        TaskError::Snapshot(SnapshotError::NotASnapshot | SnapshotError::TruncatedAt { .. })
    ));
    let foreign = Task::restore(&policy, br#"{"version": 1, "rules": []}"#).unwrap_err();
    assert!(
        matches!(foreign, TaskError::Snapshot(SnapshotError::NotASnapshot)),
        "{foreign}"
    );
}

#[test]
fn under_another_document_everything_that_fits_goes_along() {
    let old = document("0.8", "");
    let mut task = task(&old);
    for i in 0..12 {
        act(&old, &mut task, T0 + i * 15 * S, &Step::Scrape(1.0));
        act(&old, &mut task, T0 + i * 15 * S, &Step::Look);
    }
    let now = T0 + 11 * 15 * S;
    // The threshold is another one: what has held says nothing about it.
    let higher = document("0.9", "");
    let (mut moved, carried) = task.rebind(&old, &higher).unwrap();
    assert_eq!(carried.rules_begun_anew, ["up"]);
    assert!(carried.attributes_dropped.is_empty());
    let decision = decide(&higher, &mut moved, now).unwrap();
    assert!(
        decision.to_string().contains("avg(load[2m]) = 1 > 0.9 → true"),
        "the samples went along:\n{decision}"
    );
    // An attribute of another unit is another attribute, and one that is not there is none.
    let other = policy(
        r#"{"version": 1, "attributes": {"weight": {"type": "number", "unit": "s"}},
            "rules": [{"name": "up", "when": "weight > 1s", "then": {"parallelism": "1"}}]}"#,
    );
    let (moved, carried) = task.rebind(&old, &other).unwrap();
    assert_eq!(carried.attributes_dropped, ["team", "weight"]);
    assert_eq!(carried.windows.metrics_dropped.len(), 3);
    assert!(matches!(moved.snapshot(&old), Err(TaskError::OtherPolicy { .. })));
    let bytes = task.snapshot(&old).unwrap();
    let (restored, again) = Task::restore(&other, &bytes).unwrap();
    assert_eq!(again, carried);
    assert_eq!(restored.snapshot(&other).unwrap(), moved.snapshot(&other).unwrap());
}

#[test]
fn a_document_is_replaced_for_all_tasks_or_none_with_a_report() {
    let old = document("0.8", "");
    let new = document(
        "0.8",
        r#", {"name": "always", "when": "parallelism < 5", "then": {"parallelism": "5"}}"#,
    );
    let mut tasks = vec![task(&old), task(&old)];
    tasks[1].set(&old, "parallelism", 6.0).unwrap();
    let before: Vec<Vec<u8>> = tasks.iter().map(|t| t.snapshot(&old).unwrap()).collect();
    let found = differences(&old, &new, &tasks, T0).unwrap();
    assert_eq!(found.len(), 1, "the second has enough already");
    assert_eq!((found[0].live.changes.len(), found[0].other.changes[0].to), (0, 5.0));
    // Looking does not touch.
    assert_eq!(
        tasks.iter().map(|t| t.snapshot(&old).unwrap()).collect::<Vec<_>>(),
        before
    );

    // One task that does not belong there keeps all where they are.
    let stranger = policy(r#"{"version": 1, "rules": []}"#);
    let mut mixed = vec![tasks[0].clone(), Task::new(&stranger, "x").unwrap()];
    assert!(replace(&old, &new, &mut mixed, T0).is_err());
    assert_eq!(mixed[0].snapshot(&old).unwrap(), before[0]);

    let replaced = replace(&old, &new, &mut tasks, T0).unwrap();
    assert_eq!((replaced.carried.len(), replaced.differences), (2, found));
    assert!(decide(&new, &mut tasks[0], T0).unwrap().changes()[0].to == 5.0);
}

#[test]
fn a_shadow_sees_the_same_and_says_where_it_would_do_otherwise() {
    let live = document("0.8", "");
    let candidate = document("0.5", "");
    let mut task = task(&live);
    let mut shadow = Shadow::beside(&live, &task, &candidate).unwrap();
    let mut found: Vec<Difference> = Vec::new();
    for i in 0..120 {
        let now = T0 + i * 15 * S;
        let feed = shadow.feed(&live, &mut task, |policy, task| {
            let instance = task.instance(policy, "")?;
            task.row(policy, now, instance, now, &[(policy.metric("load").unwrap(), 0.6)])?;
            task.observed(policy, now, policy.metric("log").unwrap(), now)
        });
        feed.unwrap();
        let decision = decide(&live, &mut task, now).unwrap();
        assert!(decision.changes().is_empty());
        found.extend(shadow.look(&live, &task, &decision).unwrap());
    }
    // The candidate acts at half the load, the live one never does; who reports nothing applied sees no cool-down.
    assert_eq!(found[0].other.changes[0].resource, Resource::Parallelism);
    assert!(found.iter().all(|d| d.live.changes.is_empty()));
    assert_eq!(shadow.decision().kind(), LookKind::Long);
    // What the live task learns of its resources, the shadow knows at the next look.
    task.set(&live, "parallelism", 9.0).unwrap();
    let decision = decide(&live, &mut task, T0 + 120 * 15 * S).unwrap();
    assert_eq!(decision.external().len(), 1);
    shadow.look(&live, &task, &decision).unwrap();
    assert!(shadow.decision().changes().iter().all(|c| c.from == 9.0));
    let (policy, promoted) = shadow.promote();
    assert_eq!(policy.name(), "0.5");
    assert_eq!(promoted.history().records().count(), 1);
}
