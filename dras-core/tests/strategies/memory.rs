//! Heaps as large as what lives in them and a reserve, and the other kinds of memory.

use dras_core::engine::{Decision, RuleState};
use dras_core::metrics::Mark;
use dras_core::resources::Resource::{
    self, JobManagerHeap, JobManagerMemory, JvmOverhead, Metaspace, Parallelism, TaskHeap, TaskManagerMemory,
    TaskOffHeap,
};
use dras_core::resources::memory::FlinkProcess;
use proptest::prelude::*;

use crate::lab::*;

/// 4096m of process: task heap 1459.2 MiB, framework heap 128 MiB, so 1587.2 MiB of JVM heap; metaspace 256, overhead 409.6, network 343, off-heap 128.
const FOUR_GIB: &[(&str, &str)] = &[("taskmanager.memory.process.size", "4096m")];
const HEAP: f64 = 1587.2 * MIB;

/// Two TaskManagers in whose heaps `live` bytes survive collections, and that spend the share `gc` of their time collecting. Every third sample is
/// after a collection, the others have garbage up to `garbage` bytes on top.
fn heap(s: f64, max: f64, live: f64, garbage: f64, gc: f64) -> Scrape {
    let phase = (s / 15.0) % 3.0 / 2.0;
    let mut scrape = on_both("heap_used", (live + garbage * phase).min(max));
    scrape.extend(on_both("heap_max", max));
    scrape.extend(on_both("gc_time", gc * s * 1000.0));
    scrape.extend(on_both("gc_count", (s / 45.0).floor()));
    scrape
}

fn lab(params: &str) -> Lab {
    let mut lab = Lab::new(policy("memory", params));
    lab.configure(FOUR_GIB);
    lab
}

fn steady(params: &str, live: f64, garbage: f64, gc: f64) -> Vec<Decision> {
    lab(params).run(20 * M, |s| heap(s, HEAP, live * HEAP, garbage * HEAP, gc))
}

fn wish(decisions: &[Decision], rule: &str, resource: Resource) -> Option<(i64, f64)> {
    first_wish(decisions, rule, resource).map(|w| (w.0 / M, w.1 / MIB))
}

#[test]
fn a_heap_that_collections_leave_full_grows_to_what_leaves_the_reserve_free() {
    let decisions = steady("{}", 0.9, 0.05, 0.01);
    // 90% of 1587.2 MiB live: 1428.5 / (1 - 40%) = 2380.8; less the framework's 128 that is 2252.8 of task heap: 2304 in steps of 64.
    assert_eq!(wish(&decisions, "memory.heap_up", TaskHeap), Some((10, 2304.0)));
    // And Flink gives that much in a process of (2 * 2304 + 512 + 256) / 0.9 = 5973.3, in steps of 64.
    let fitted = decisions.iter().find_map(|d| d.fitted().first().cloned()).unwrap();
    assert_eq!(fitted.process, FlinkProcess::TaskManager);
    assert_eq!(fitted.resized.breakdown.process() as f64 / MIB, 6016.0);
    assert!(fitted.resized.breakdown.task_heap as f64 >= 2304.0 * MIB);
    assert_eq!(fired(&decisions), ["memory.heap_up", "memory.keep_slots"]);
}

#[test]
fn a_heap_full_of_garbage_asks_for_nothing() {
    assert!(fired(&steady("{}", 0.1, 0.89, 0.01)).is_empty());
    // Nothing was collected: what lives in it is not known.
    let mut lab = lab("{}");
    let decisions = lab.run(20 * M, |s| {
        let mut scrape = heap(0.0, HEAP, 0.9 * HEAP, 0.0, 0.0);
        scrape.extend(on_both("gc_time", 0.0 * s));
        scrape
    });
    assert!(fired(&decisions).is_empty());
}

#[test]
fn a_heap_that_is_collected_all_the_time_grows() {
    let decisions = steady("{}", 0.5, 0.2, 0.3);
    // Half of it lives: 793.6 / 0.6 = 1322.7 would be enough; a fifth more is 1904.64, less 128: 1792.
    assert_eq!(wish(&decisions, "memory.gc_up", TaskHeap), Some((10, 1792.0)));
    assert_eq!(fired(&decisions), ["memory.gc_up"]);
    // Collecting for nothing, as `System.gc()` does, is no lack of heap.
    assert!(fired(&steady("{}", 0.1, 0.1, 0.3)).is_empty());
    // Full collections, by their number.
    let full = |params: &str| {
        let mut lab = lab(params);
        let decisions = lab.run(20 * M, |s| {
            let mut scrape = heap(s, HEAP, 0.5 * HEAP, 0.2 * HEAP, 0.1);
            scrape.extend(on_both("full_gc_count", (s / 60.0).floor()));
            scrape
        });
        fired(&decisions)
    };
    assert_eq!(full("{}"), ["memory.gc_up"]);
    assert!(full(r#"{"full_gcs": 10}"#).is_empty());
}

#[test]
fn every_parameter_of_the_way_up_does_what_it_says() {
    let up = |params: &str, live: f64, gc: f64| {
        let decisions = steady(params, live, 0.05, gc);
        let of = |rule| wish(&decisions, rule, TaskHeap);
        of("memory.heap_up").or(of("memory.gc_up"))
    };
    assert_eq!(up("{}", 0.9, 0.01), Some((10, 2304.0)));
    assert_eq!(up(r#"{"high": "95%"}"#, 0.9, 0.01), None);
    assert_eq!(
        up(r#"{"high": "60%"}"#, 0.7, 0.01),
        Some((10, 1792.0)),
        "1111 / 0.6 = 1851.7 is less than a fifth more"
    );
    assert_eq!(
        up(r#"{"reserve": "55%"}"#, 0.9, 0.01),
        Some((10, 3072.0)),
        "1428.5 / 0.45 - 128 = 3046.4"
    );
    assert_eq!(
        up(r#"{"of_capacity": false}"#, 0.9, 0.01),
        Some((10, 1920.0)),
        "1428.5 * 1.4 - 128 = 1871.9"
    );
    assert_eq!(
        up(r#"{"step": "100%"}"#, 0.9, 0.01),
        Some((10, 3072.0)),
        "twice 1587.2, less 128: 3046.4"
    );
    assert_eq!(up(r#"{"up_for": "8m"}"#, 0.9, 0.01), Some((15, 2304.0)));
    assert_eq!(up(r#"{"up_for": "0s"}"#, 0.9, 0.01), Some((5, 2304.0)));
    assert_eq!(
        up(r#"{"up_for": "0s", "window": "12m"}"#, 0.9, 0.01),
        Some((10, 2304.0)),
        "80% of twelve minutes"
    );
    assert_eq!(up(r#"{"gc_high": "40%"}"#, 0.5, 0.3), None);
    assert_eq!(up(r#"{"gc_high": "5%"}"#, 0.5, 0.1), Some((10, 1792.0)));
    assert_eq!(
        up(r#"{"low": "60%"}"#, 0.5, 0.3),
        None,
        "a heap that is used that little is not too small"
    );
}

#[test]
fn where_the_division_is_not_known_the_process_grows_in_proportion() {
    let mut lab = Lab::new(policy("memory", "{}"));
    lab.set("task_manager_memory", 4096.0 * MIB);
    let decisions = lab.run(20 * M, |s| heap(s, HEAP, 0.9 * HEAP, 0.05 * HEAP, 0.01));
    // 2380.8 of heap where there are 1587.2: half as much again.
    assert_eq!(wish(&decisions, "memory.up", TaskManagerMemory), Some((10, 6144.0)));
    assert_eq!(fired(&decisions), ["memory.keep_slots", "memory.up"]);
}

/// A day, or what `low_for` says, of a heap in which little lives.
fn idle(params: &str, hours: i64, live: f64, gc: f64, configured: bool) -> (Vec<String>, Option<f64>) {
    let mut lab = Lab::new(policy("memory", params));
    if configured {
        lab.configure(FOUR_GIB);
    } else {
        lab.set("task_manager_memory", 4096.0 * MIB);
    }
    let decisions = lab.run(hours * H, |s| heap(s, HEAP, live * HEAP, 0.4 * HEAP, gc));
    let down = |rule, resource| first_wish(&decisions, rule, resource).map(|w| w.1 / MIB);
    (
        fired(&decisions),
        down("memory.heap_down", TaskHeap).or(down("memory.down", TaskManagerMemory)),
    )
}

#[test]
fn a_heap_in_which_little_lives_for_long_shrinks() {
    // 15% live: 238.1 / 0.6 = 396.8, less 128: 268.8, so 320.
    assert_eq!(
        idle("{}", 21, 0.15, 0.01, true),
        (vec!["memory.heap_down".to_owned()], Some(320.0))
    );
    assert_eq!(
        idle("{}", 18, 0.15, 0.01, true).1,
        None,
        "80% of a day are 19 hours and 12 minutes"
    );
    let hour = |more: &str| format!(r#"{{"low_for": "1h"{more}}}"#);
    assert_eq!(idle(&hour(""), 2, 0.15, 0.01, true).1, Some(320.0));
    assert_eq!(idle(&hour(""), 2, 0.35, 0.01, true).1, None);
    assert_eq!(
        idle(&hour(r#", "low": "40%""#), 2, 0.35, 0.01, true).1,
        Some(832.0),
        "555.5 / 0.6 - 128 = 797.9"
    );
    assert_eq!(idle(&hour(""), 2, 0.15, 0.1, true).1, None, "collecting is not light");
    assert_eq!(idle(&hour(r#", "gc_low": "15%""#), 2, 0.15, 0.1, true).1, Some(320.0));
    assert_eq!(
        idle(&hour(r#", "reserve": "0%""#), 2, 0.15, 0.01, true).1,
        Some(128.0),
        "the least heap is 256, with the framework's 128"
    );
    assert_eq!(
        idle(&hour(r#", "least_heap": "1GiB""#), 2, 0.15, 0.01, true).1,
        Some(896.0)
    );
    assert_eq!(idle(&hour(r#", "least_heap": "2GiB""#), 2, 0.15, 0.01, true).1, None);
    assert_eq!(
        idle(
            &hour(r#", "of_capacity": false, "least_heap": "64MiB""#),
            2,
            0.15,
            0.01,
            true
        )
        .1,
        Some(256.0),
        "238.1 * 1.4 - 128 = 205.3"
    );
}

#[test]
fn without_the_division_a_process_gives_back_only_what_the_heap_can_spare() {
    // 4096 - (1587.2 - 396.8) = 2905.6. Of what a process loses, about half is the heap's: it keeps more than it needs.
    assert_eq!(
        idle(r#"{"low_for": "1h"}"#, 2, 0.15, 0.01, false),
        (vec!["memory.down".to_owned()], Some(2944.0))
    );
}

#[test]
fn an_hour_of_load_within_the_day_keeps_the_heap() {
    let mut lab = lab(r#"{"low_for": "4h"}"#);
    lab.run(H, |s| heap(s, HEAP, 0.5 * HEAP, 0.2 * HEAP, 0.01));
    let decisions = lab.run(H, |s| heap(s + 3600.0, HEAP, 0.1 * HEAP, 0.2 * HEAP, 0.01));
    lab.mark(Mark::Restart);
    let more = lab.run(2 * H, |s| heap(s + 7200.0, HEAP, 0.1 * HEAP, 0.2 * HEAP, 0.01));
    assert!(fired(&decisions).is_empty() && fired(&more).is_empty());
    let later = lab.run(90 * M, |s| heap(s + 14_400.0, HEAP, 0.1 * HEAP, 0.2 * HEAP, 0.01));
    assert_eq!(
        fired(&later),
        ["memory.heap_down"],
        "when the hour is more than four hours ago"
    );
}

#[test]
fn a_nearly_full_heap_keeps_the_slots() {
    let policy = compile(
        r#"{"version": 1, "strategies": [{"use": "memory"}], "guards": {"stabilisation": {"down": "0s"}},
            "rules": [{"name": "less", "when": "true", "then": {"parallelism": "1"}}]}"#,
    );
    let shrinks = |live: f64| {
        let mut lab = Lab::new(policy.clone());
        lab.configure(FOUR_GIB);
        let decisions = lab.run(10 * M, |s| heap(s, HEAP, live * HEAP, 0.05 * HEAP, 0.01));
        first_change(&decisions, Parallelism).is_some()
    };
    assert!(shrinks(0.5) && !shrinks(0.7));
}

#[test]
fn other_kinds_of_memory_grow_where_they_are_measured() {
    let with = |params: &str, configured: bool, more: &[(&'static str, f64)]| {
        let mut lab = Lab::new(policy("memory", params));
        if configured {
            lab.configure(FOUR_GIB);
        } else {
            lab.set("task_manager_memory", 4096.0 * MIB);
        }
        let decisions = lab.run(15 * M, |s| {
            let mut scrape = heap(s, HEAP, 0.4 * HEAP, 0.2 * HEAP, 0.01);
            for (metric, value) in more {
                scrape.extend(on_both(metric, *value * MIB));
            }
            scrape
        });
        (fired(&decisions), decisions)
    };
    let target = |decisions: &[Decision], rule, resource| wish(decisions, rule, resource).map(|w| w.1);

    let (rules, decisions) = with("{}", true, &[("metaspace_used", 240.0)]);
    assert_eq!(rules, ["memory.metaspace_up"]);
    assert_eq!(
        target(&decisions, "memory.metaspace_up", Metaspace),
        Some(320.0),
        "256 * 1.2 = 307.2"
    );
    assert!(
        with(r#"{"metaspace_high": "95%"}"#, true, &[("metaspace_used", 240.0)])
            .0
            .is_empty()
    );
    assert!(
        with("{}", false, &[("metaspace_used", 240.0)]).0.is_empty(),
        "what its limit is, is not known"
    );

    // 128 of Flink's own, none of the job's, 343.04 of network: 471.04.
    let (rules, decisions) = with("{}", true, &[("direct_used", 440.0)]);
    assert_eq!(rules, ["memory.direct_up"]);
    assert_eq!(
        target(&decisions, "memory.direct_up", TaskOffHeap),
        Some(128.0),
        "a fifth of 471 is 94.2"
    );
    assert!(
        with(r#"{"direct_high": "95%"}"#, true, &[("direct_used", 440.0)])
            .0
            .is_empty()
    );

    let (rules, decisions) = with("{}", true, &[("process_used", 4000.0)]);
    assert_eq!(rules, ["memory.overhead_up"]);
    assert_eq!(
        target(&decisions, "memory.overhead_up", JvmOverhead),
        Some(1280.0),
        "409.6 + 819.2"
    );
    assert!(
        with(r#"{"process_high": "99%"}"#, true, &[("process_used", 4000.0)])
            .0
            .is_empty()
    );
    let (rules, decisions) = with("{}", false, &[("process_used", 4000.0)]);
    assert_eq!(rules, ["memory.process_up"]);
    assert_eq!(
        target(&decisions, "memory.process_up", TaskManagerMemory),
        Some(4928.0),
        "4096 * 1.2 = 4915.2"
    );
}

#[test]
fn the_job_manager_has_a_heap_too() {
    let run = |configured: bool| {
        let mut lab = Lab::new(policy("memory", "{}"));
        lab.configure(FOUR_GIB);
        if configured {
            lab.configure(&[
                ("taskmanager.memory.process.size", "4096m"),
                ("jobmanager.memory.process.size", "1600m"),
            ]);
        } else {
            lab.set("job_manager_memory", 1600.0 * MIB);
        }
        lab.run(15 * M, |s| {
            let mut scrape = heap(s, HEAP, 0.4 * HEAP, 0.2 * HEAP, 0.01);
            for (metric, value) in [
                ("job_manager_heap_used", 900.0 * MIB),
                ("job_manager_heap_max", 1024.0 * MIB),
                ("job_manager_gc_count", (s / 60.0).floor()),
            ] {
                scrape.push((metric, String::new(), value));
            }
            scrape
        })
    };
    let decisions = run(true);
    assert_eq!(fired(&decisions), ["memory.job_manager_heap_up"]);
    assert_eq!(
        wish(&decisions, "memory.job_manager_heap_up", JobManagerHeap),
        Some((10, 1536.0)),
        "900 / 0.6 = 1500"
    );
    let decisions = run(false);
    assert_eq!(fired(&decisions), ["memory.job_manager_up"]);
    assert_eq!(
        wish(&decisions, "memory.job_manager_up", JobManagerMemory),
        Some((10, 2368.0)),
        "1600 * 1500 / 1024 = 2343.75"
    );
}

#[test]
fn what_is_not_measured_is_neither_full_nor_empty() {
    let mut lab = lab(r#"{"low_for": "1h"}"#);
    let decisions = lab.run(3 * H, |_| on_both("heap_max", HEAP));
    assert!(decisions.iter().all(|d| d.changes().is_empty()));
    assert!(fired(&decisions).is_empty());
    let heap_up = decisions.last().unwrap().states().next();
    assert_eq!(heap_up, Some(RuleState::Undefined));
}

#[test]
fn a_day_that_is_not_over_holds_nothing_else_back() {
    // A strategy for memory beside others: that little is known of it yet is no reason to keep slots.
    let mut lab = lab("{}");
    let decisions = lab.run(10 * M, |s| heap(s, HEAP, 0.4 * HEAP, 0.1 * HEAP, 0.01));
    assert!(!decisions.last().unwrap().any_undefined());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// More that lives never means less heap, and what was wanted is enough for it.
    #[test]
    fn more_that_lives_means_no_less_heap_and_once_is_enough(
        live in 0.02_f64..1.0, more in 0.0_f64..0.3, reserve in 25_u32..60, of_capacity in any::<bool>(),
    ) {
        let params = format!(
            r#"{{"reserve": "{reserve}%", "of_capacity": {of_capacity}, "up_for": "0s", "low_for": "1h", "low": "25%", "least_heap": "64MiB"}}"#
        );
        let policy = policy("memory", &params);
        let wish = |heap_max: f64, bytes: f64| {
            let mut lab = Lab::new(policy.clone());
            lab.configure(&[
                ("taskmanager.memory.task.heap.size", &format!("{}b", (heap_max - 128.0 * MIB) as u64)),
                ("taskmanager.memory.managed.size", "64m"),
            ]);
            let decisions = lab.run(90 * M, |s| heap(s, heap_max, bytes.min(heap_max), 0.0, 0.0));
            let wish = |rule| first_wish(&decisions, rule, TaskHeap).map(|w| w.1 + 128.0 * MIB);
            wish("memory.heap_up").or(wish("memory.heap_down")).unwrap_or(heap_max)
        };
        let heap_max = 2048.0 * MIB;
        let (one, two) = (wish(heap_max, live * heap_max), wish(heap_max, (live + more) * heap_max));
        prop_assert!(one <= two, "{} for {} and {} for {}", one / MIB, live, two / MIB, live + more);
        let again = wish(one, live * heap_max);
        prop_assert!(
            if one > heap_max { again <= one } else if one < heap_max { again >= one - 64.0 * MIB } else { true },
            "{} to {}, then {}", heap_max / MIB, one / MIB, again / MIB
        );
    }
}
