//! Memory that ran out: which, how much more, and once for each time.

use dras_core::action::Guard;
use dras_core::engine::{AlertKind, Decision, LookKind};
use dras_core::metrics::Mark;
use dras_core::resources::Resource::{
    self, JobManagerHeap, JobManagerMemory, JobManagerMetaspace, JobManagerOffHeap, JvmOverhead, Metaspace,
    NetworkMemory, TaskHeap, TaskManagerMemory, TaskOffHeap,
};

use crate::lab::*;

/// 4096m: task heap 1459.2 MiB, metaspace 256, overhead 409.6, network 343.04, off-heap of the job 0. The JobManager has 1600m: heap 1024, off-heap 128,
/// metaspace 256.
const CONFIGURATION: &[(&str, &str)] = &[
    ("taskmanager.memory.process.size", "4096m"),
    ("jobmanager.memory.process.size", "1600m"),
];

const HEAP: &str = "java.lang.OutOfMemoryError: Java heap space";
const LOST: &str = "org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id tm-0-1795237671 is no longer reachable.";

fn unconfigured(params: &str) -> Lab {
    let mut lab = Lab::new(policy("oom", params));
    lab.set("task_manager_memory", 4096.0 * MIB);
    lab.set("job_manager_memory", 1600.0 * MIB);
    lab.applies = true;
    lab
}

fn lab(params: &str) -> Lab {
    let mut lab = Lab::new(policy("oom", params));
    lab.configure(CONFIGURATION);
    lab.applies = true;
    lab
}

/// Heaps that are used to this share.
fn heap(share: f64) -> Scrape {
    let mut scrape = on_both("heap_used", share * 1587.2 * MIB);
    scrape.extend(on_both("heap_max", 1587.2 * MIB));
    scrape
}

/// Ten quiet minutes, then something is thrown; gives the decisions of the minute after.
fn after(lab: &mut Lab, text: &str) -> Vec<Decision> {
    lab.run(10 * M, |_| heap(0.5));
    lab.throws("exceptions", lab.now, text);
    lab.run(M, |_| heap(0.5))
}

fn wishes(decisions: &[Decision]) -> Vec<(Resource, f64)> {
    let proposals = decisions
        .iter()
        .flat_map(|d| d.report().rules)
        .flat_map(|r| r.proposals);
    let mut all: Vec<(Resource, f64)> = proposals.filter_map(|p| Some((p.resource, p.target? / MIB))).collect();
    all.dedup();
    all
}

#[test]
fn what_ran_out_grows_and_nothing_else() {
    for (text, resource, to) in [
        (HEAP, TaskHeap, 1792.0), // 1459.2 * 1.2 = 1751
        (
            "java.lang.OutOfMemoryError: GC overhead limit exceeded",
            TaskHeap,
            1792.0,
        ),
        (
            "java.lang.OutOfMemoryError: Metaspace. The metaspace out-of-memory error has occurred.",
            Metaspace,
            512.0,
        ), // 256 + 256
        ("java.lang.OutOfMemoryError: Compressed class space", Metaspace, 512.0),
        (
            "java.lang.OutOfMemoryError: Direct buffer memory. The direct out-of-memory error has occurred.",
            TaskOffHeap,
            256.0,
        ),
        (
            "java.lang.OutOfMemoryError: Cannot reserve 4194304 bytes of direct buffer memory",
            TaskOffHeap,
            256.0,
        ),
        (
            "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory",
            JvmOverhead,
            704.0,
        ), // 409.6 + 256
        ("Container killed on request. Exit code is 137", JvmOverhead, 704.0),
        (
            "Container [pid=1] is running beyond physical memory limits",
            JvmOverhead,
            704.0,
        ),
        ("OOMKilled", JvmOverhead, 704.0),
        (
            "java.io.IOException: Insufficient number of network buffers: required 17, but only 0 available",
            NetworkMemory,
            640.0,
        ), // 343 + 256
    ] {
        let decisions = after(&mut lab("{}"), text);
        assert_eq!(wishes(&decisions), [(resource, to)], "{text}");
        // At the first look, which is a short one, and Flink would start with it.
        let (at, _, is) = first_change(&decisions, resource).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((at, is / MIB), (10 * M + 30 * S, to), "{text}");
        let fitted = &decisions.iter().find(|d| !d.changes().is_empty()).unwrap().fitted()[0];
        assert!(fitted.resized.breakdown.process() as f64 > 4096.0 * MIB, "{text}");
    }
}

/// Answers of Flink's REST API to real failures: 2.x and 1.20, adaptive and default scheduler.
#[test]
fn recorded_reports_are_recognised() {
    use dras_core::metrics::sources::SourceLimits;
    use dras_core::metrics::sources::flink::parse_exceptions;
    for (file, share, rules) in [
        ("payloads/flink_job_exceptions_oom_heap.json", 0.5, vec!["oom.heap"]),
        (
            "payloads/flink_job_exceptions_oom_heap_1.20.5.json",
            0.5,
            vec!["oom.heap"],
        ),
        (
            "payloads/flink_job_exceptions_oom_heap_default_scheduler.json",
            0.5,
            vec!["oom.heap"],
        ),
        // A user's exception after that.
        (
            "payloads/flink_job_exceptions_user_default_scheduler.json",
            0.5,
            vec!["oom.heap"],
        ),
        ("exceptions/oom_hog.json", 0.5, vec!["oom.heap"]),
        ("exceptions/oom_metaspace.json", 0.5, vec!["oom.metaspace"]),
        ("exceptions/oom_direct.json", 0.5, vec!["oom.direct"]),
        // These say only that a TaskManager is gone; the heap says the rest.
        ("exceptions/oom_zombie.json", 0.99, vec!["oom.lost_heap"]),
        ("exceptions/oom_crashloop.json", 0.99, vec!["oom.lost_heap"]),
        ("exceptions/oom_kill.json", 0.3, vec!["oom.lost_unexplained"]),
        (
            "exceptions/oom_kill_default_timeout.json",
            0.3,
            vec!["oom.lost_unexplained"],
        ),
        ("exceptions/user.json", 0.99, vec![]),
    ] {
        let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
        let history = parse_exceptions(&std::fs::read(path).unwrap(), &SourceLimits::default()).unwrap();
        assert!(!history.exceptions.is_empty(), "{file}");
        let mut lab = lab("{}");
        lab.run(10 * M, |_| heap(share));
        for exception in &history.exceptions {
            lab.throws("exceptions", lab.now, &exception.text);
        }
        assert_eq!(fired(&lab.run(30 * S, |_| heap(share))), rules, "{file}");
    }
}

#[test]
fn what_a_job_throws_otherwise_is_not_for_memory() {
    for text in [
        "java.lang.IllegalStateException: injected user exception, token 1795238860",
        "java.util.concurrent.TimeoutException: checkpoint expired",
        "java.lang.RuntimeException: the metaspace of ideas is full, and so is the Java heap space",
        "org.apache.flink.util.FlinkException: exit code 1",
    ] {
        assert!(fired(&after(&mut lab("{}"), text)).is_empty(), "{text}");
        assert!(fired(&after(&mut unconfigured("{}"), text)).is_empty(), "{text}");
    }
}

#[test]
fn every_parameter_does_what_it_says() {
    let to = |params: &str| first_change(&after(&mut lab(params), HEAP), TaskHeap).map(|c| c.2 / MIB);
    assert_eq!(to("{}"), Some(1792.0));
    assert_eq!(to(r#"{"factor": 1.5}"#), Some(2240.0), "1459.2 * 1.5 = 2188.8");
    assert_eq!(to(r#"{"least": "1GiB"}"#), Some(2496.0), "1459.2 + 1024 = 2483.2");
    assert_eq!(
        to(r#"{"factor": 1.01, "least": "64MiB"}"#),
        Some(1536.0),
        "1459.2 + 64 = 1523.2"
    );

    // An exception of 20 minutes ago, handed over late.
    let late = |params: &str| {
        let mut lab = lab(params);
        lab.run(30 * M, |_| heap(0.5));
        lab.throws("exceptions", lab.now - 20 * M, HEAP);
        fired(&lab.run(M, |_| heap(0.5)))
    };
    assert_eq!(late("{}"), ["oom.heap"]);
    assert!(late(r#"{"window": "10m"}"#).is_empty());

    // A TaskManager that was lost with a full heap.
    let lost = |params: &str, share: f64, wait: i64| {
        let mut lab = lab(params);
        lab.run(10 * M, |_| heap(share));
        lab.throws("exceptions", lab.now - wait, LOST);
        lab.run(M, |_| Scrape::new())
    };
    assert_eq!(fired(&lost("{}", 0.99, 0)), ["oom.lost_heap"]);
    assert_eq!(wishes(&lost("{}", 0.99, 0)), [(TaskHeap, 1792.0)]);
    assert_eq!(fired(&lost("{}", 0.93, 0)), ["oom.lost_unexplained"]);
    assert_eq!(fired(&lost(r#"{"full": "90%"}"#, 0.93, 0)), ["oom.lost_heap"]);
    assert_eq!(fired(&lost(r#"{"lost": false}"#, 0.99, 0)), ["oom.lost_unexplained"]);
    assert_eq!(fired(&lost("{}", 0.99, 6 * M)), Vec::<String>::new());
    assert_eq!(
        fired(&lost(r#"{"lost_window": "10m"}"#, 0.99, 6 * M)),
        ["oom.lost_heap"]
    );
}

#[test]
fn a_lost_task_manager_is_told_from_its_last_heap() {
    // A heartbeat times out 50 s after the last scrape, and the look comes later still. Another TaskManager goes on.
    let mut lab = lab("{}");
    lab.run(10 * M, |_| heap(0.98));
    let survivor = || {
        vec![
            ("heap_used", "tm-2".to_owned(), 400.0 * MIB),
            ("heap_max", "tm-2".to_owned(), 1587.2 * MIB),
        ]
    };
    lab.run(75 * S, |_| survivor());
    lab.throws(
        "exceptions",
        lab.now,
        "java.util.concurrent.TimeoutException: The heartbeat of TaskManager with id tm-0-1795238286 timed out.",
    );
    let decisions = lab.run(M, |_| survivor());
    assert_eq!(first_change(&decisions, TaskHeap).map(|c| c.2 / MIB), Some(1792.0));
    // What was said outright counts, not the loss that it caused.
    let mut lab = self::lab("{}");
    lab.run(10 * M, |_| heap(0.98));
    lab.throws("exceptions", lab.now - S, "java.lang.OutOfMemoryError: Metaspace");
    lab.throws("exceptions", lab.now, LOST);
    assert_eq!(fired(&lab.run(M, |_| heap(0.98))), ["oom.metaspace"]);
}

#[test]
fn the_same_failure_a_hundred_times_moves_the_size_once() {
    let mut lab = lab("{}");
    lab.run(10 * M, |_| heap(0.5));
    let thrown = lab.now;
    let mut changes = Vec::new();
    for _ in 0..100 {
        // Flink repeats its history for ever.
        lab.throws("exceptions", thrown, HEAP);
        let decisions = lab.run(30 * S, |_| heap(0.5));
        changes.extend(decisions.iter().flat_map(|d| d.changes().to_vec()).map(|c| c.to / MIB));
    }
    assert_eq!(changes, [1792.0]);
}

#[test]
fn a_burst_of_failures_before_the_new_size_runs_is_one() {
    let mut lab = lab("{}");
    lab.applies = false;
    lab.run(10 * M, |_| heap(0.5));
    let mut keys = Vec::new();
    for loops in 0..20 {
        // The job restarts and fails every 30 seconds, and the platform takes ten minutes for the new size.
        lab.throws("exceptions", lab.now, &format!("{HEAP}\n\tat attempt {loops}"));
        lab.mark(Mark::Restart);
        for decision in lab.run(30 * S, |_| heap(0.5)) {
            keys.extend(
                decision
                    .instruction()
                    .map(|i| (i.key.clone(), i.task_manager_memory.clone())),
            );
        }
    }
    keys.dedup();
    assert_eq!(
        keys.len(),
        1,
        "one instruction, again and again until it is reported on"
    );
    let (now, key) = (lab.now, keys[0].0.clone());
    lab.task.applied(&lab.policy, now, &key, now).unwrap();
    // What the old processes threw comes late.
    lab.throws(
        "exceptions",
        lab.now - 20 * S,
        &format!("{HEAP}\n\tat the last attempt"),
    );
    assert!(fired(&lab.run(5 * M, |_| heap(0.5))).is_empty());
}

#[test]
fn what_runs_out_again_gets_more_each_time_within_a_day() {
    let mut lab = lab("{}");
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let decisions = after(&mut lab, HEAP);
        sizes.push(first_change(&decisions, TaskHeap).map(|c| (c.1 / MIB, c.2 / MIB)));
        lab.run(20 * M, |_| heap(0.5));
    }
    let sizes: Vec<(f64, f64)> = sizes.into_iter().flatten().collect();
    // 1459.2 * 1.2 = 1751; then times 1.44, 1.728, 2.07, each of what Flink gives for the size before.
    assert_eq!(sizes.len(), 4);
    assert_eq!((sizes[0].0.round(), sizes[0].1), (1459.0, 1792.0));
    for (times, (from, to)) in sizes.iter().enumerate() {
        let wanted = (from * 1.2_f64.powi(times as i32 + 1)).max(from + 256.0 * (times as f64 + 1.0));
        assert!(*to >= wanted && *to < wanted + 64.0, "{sizes:?}");
    }
    // A day later it begins anew.
    lab.run(25 * H, |_| heap(0.5));
    let decisions = after(&mut lab, HEAP);
    let (_, from, to) = first_change(&decisions, TaskHeap).unwrap();
    assert!(to < from * 1.2 + 64.0 * MIB);
}

#[test]
fn a_limit_keeps_the_size_and_the_next_target_is_no_larger_for_it() {
    let policy = compile(
        r#"{"version": 1, "mode": "active", "strategies": [{"use": "oom"}], "limits": {"task_manager_memory": {"max": "4352MiB"}}}"#,
    );
    let mut lab = Lab::new(policy);
    lab.configure(CONFIGURATION);
    lab.applies = true;
    let mut wanted = Vec::new();
    let mut capped = 0;
    for _ in 0..6 {
        let decisions = after(&mut lab, HEAP);
        wanted.extend(wishes(&decisions).first().map(|w| w.1));
        capped += decisions
            .iter()
            .flat_map(|d| d.alerts().collect::<Vec<_>>())
            .filter(|a| a.0 == AlertKind::CappedAndStillFailing)
            .count();
        lab.run(20 * M, |_| heap(0.5));
    }
    assert!(capped > 0, "capped and still failing is the loudest of all states");
    let last = wanted.last().unwrap();
    assert!(wanted.iter().rev().take(4).all(|w| w == last), "{wanted:?}");
}

#[test]
fn nothing_shrinks_to_what_was_not_enough() {
    let shrink = |keep: &str, wait: i64| {
        let policy = compile(&format!(
            r#"{{"version": 1, "mode": "active", "strategies": [{{"use": "oom", "params": {{"keep": "{keep}"}}}}],
                "attributes": {{"calm": {{"type": "bool"}}}},
                "guards": {{"stabilisation": {{"down": "0s"}}, "cool_down": {{"down": "1m"}}}},
                "rules": [{{"name": "less", "when": "calm", "then": {{"task_heap": "1024MiB"}}}}]}}"#
        ));
        let mut lab = Lab::new(policy);
        lab.configure(CONFIGURATION);
        lab.task.set(&lab.policy, "calm", false).unwrap();
        lab.applies = true;
        after(&mut lab, HEAP);
        lab.run(wait, |_| heap(0.2));
        lab.task.set(&lab.policy, "calm", true).unwrap();
        let decision = (lab.now += S, lab.look(LookKind::Long)).1;
        let held = decision
            .held()
            .iter()
            .any(|h| h.by.iter().any(|b| b.0 == Guard::RanOut));
        (held, first_change(&[decision], TaskHeap).map(|c| c.2 / MIB))
    };
    // 1459.2 ran out: one step of 64 above it is the least, and the largest step down would have gone further.
    assert_eq!(shrink("3d", H).1, Some(1536.0));
    assert_eq!(shrink("1h", 2 * H).1, Some(1024.0));
}

#[test]
fn without_the_division_the_process_grows_where_that_helps() {
    for (text, rules, to) in [
        (HEAP, vec!["oom.process"], Some(4928.0)), // 4096 * 1.2 = 4915.2
        (
            "Container killed on request. Exit code is 137",
            vec!["oom.process"],
            Some(4928.0),
        ),
        (
            "java.io.IOException: Insufficient number of network buffers",
            vec!["oom.process"],
            Some(4928.0),
        ),
        (
            "java.lang.OutOfMemoryError: unable to create new native thread",
            vec!["oom.process"],
            Some(4928.0),
        ),
        ("java.lang.OutOfMemoryError: Metaspace", vec!["oom.no_setting"], None),
        (
            "java.lang.OutOfMemoryError: Direct buffer memory",
            vec!["oom.no_setting"],
            None,
        ),
    ] {
        let decisions = after(&mut unconfigured("{}"), text);
        assert_eq!(fired(&decisions), rules, "{text}");
        assert_eq!(
            first_change(&decisions, TaskManagerMemory).map(|c| c.2 / MIB),
            to,
            "{text}"
        );
        assert_eq!(!alerts(&decisions).is_empty(), to.is_none(), "{text}");
    }
}

#[test]
fn what_no_setting_cures_is_told_to_people() {
    let decisions = after(
        &mut lab("{}"),
        "java.lang.OutOfMemoryError: Requested array size exceeds VM limit",
    );
    assert_eq!(alerts(&decisions), ["oom.unknown"]);
    let decisions = after(&mut lab("{}"), LOST);
    assert_eq!(alerts(&decisions), ["oom.lost_unexplained"]);
    assert!(decisions.iter().all(|d| d.changes().is_empty()));
}

#[test]
fn the_job_manager_has_memory_of_its_own() {
    let run = |mut lab: Lab, text: &str| {
        lab.run(10 * M, |_| heap(0.5));
        lab.throws("job_manager_exits", lab.now, text);
        let decisions = lab.run(M, |_| heap(0.5));
        wishes(&decisions)
    };
    assert_eq!(run(lab("{}"), HEAP), [(JobManagerHeap, 1280.0)], "1024 + 256");
    assert_eq!(
        run(lab("{}"), "java.lang.OutOfMemoryError: Metaspace"),
        [(JobManagerMetaspace, 512.0)]
    );
    assert_eq!(
        run(lab("{}"), "java.lang.OutOfMemoryError: Direct buffer memory"),
        [(JobManagerOffHeap, 384.0)]
    );
    assert_eq!(run(lab("{}"), "OOMKilled"), [(JobManagerMemory, 1920.0)], "1600 * 1.2");
    assert_eq!(run(unconfigured("{}"), HEAP), [(JobManagerMemory, 1920.0)]);
    // A JobManager whose exits nobody hands over is no lack of data.
    let mut lab = lab("{}");
    let decisions = lab.run(10 * M, |_| heap(0.5));
    assert!(!decisions.last().unwrap().any_undefined());
}

#[test]
fn exceptions_that_nobody_asked_for_are_unknown() {
    let mut lab = lab("{}");
    lab.asks = false;
    let decisions = lab.run(10 * M, |_| heap(0.5));
    assert!(decisions.iter().all(|d| d.changes().is_empty() && d.any_undefined()));
}
