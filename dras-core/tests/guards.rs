//! Every guard end to end: what it holds, that it says so as data and as text with the time left, and what passes it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use dras_core::action::{Guard, Resource};
use dras_core::engine::AlertKind;
use dras_core::metrics::Mark;
use harness::{
    DAY, H, Job, M, MIB, S, T0, assert_held, at_once, document, fates, held, instruction_key, parallelism, standing,
    to, wishing,
};

const P: Resource = Resource::Parallelism;
const TM: Resource = Resource::TaskManagerMemory;

#[test]
fn warm_up_holds_ordinary_changes_after_a_restart_that_nobody_instructed() {
    for (name, want, passes) in [("want", 8.0, false), ("want", 2.0, false), ("want_now", 8.0, true)] {
        let mut job = wishing(&at_once("")).with(&[(name, want)]);
        job.task.mark(T0, Mark::Restart);
        job.now += 20 * S;
        let decision = job.look();
        if passes {
            assert_eq!(parallelism(&decision), Some(want), "{decision}");
        } else {
            assert_held(&decision, P, "warm_up", Some(40 * S));
            assert_eq!(
                parallelism(&job.after(40 * S)),
                Some(want),
                "free at the moment it ends"
            );
        }
    }
}

#[test]
fn cool_down_holds_each_direction_for_its_own_time_and_urgent_passes_the_ordinary_one() {
    let settings = r#"{"stabilisation": {"down": "0s"}, "oscillation": {"within": "0s"}}"#;
    for (name, want, quiet) in [("want", 9.0, 5 * M), ("want", 4.0, 30 * M), ("want_now", 9.0, 2 * M)] {
        let mut job = wishing(settings).with(&[("want", 8.0)]);
        job.act();
        job.unset("want");
        job.set(name, want);
        // The restart is a warm-up as well, until a minute after it.
        assert_held(&job.after(M), P, "cool_down", Some(quiet - M));
        assert_held(&job.after(quiet - M - 1), P, "cool_down", Some(1));
        let free = job.after(1);
        assert_eq!(parallelism(&free), Some(want), "{free}");
    }
}

#[test]
fn cool_down_begins_with_changes_by_others_and_with_failures_too() {
    let mut job = wishing(r#"{"stabilisation": {"down": "0s"}}"#).with(&[("want", 8.0)]);
    let decision = job.look();
    job.now += M;
    job.fail(&decision, "no slots");
    assert_held(&job.after(M), P, "cool_down", Some(4 * M));
    let again = job.after(4 * M);
    assert_ne!(
        instruction_key(&again),
        instruction_key(&decision),
        "a later try is another instruction"
    );
    assert_eq!(parallelism(&again), Some(8.0));
    // Somebody else is faster.
    job.set("parallelism", 6.0);
    let found = job.after(M);
    assert_eq!((found.external()[0].from, found.external()[0].to), (4.0, 6.0));
    let by: Vec<&str> = held(&found).iter().map(|h| h.1).collect();
    assert_eq!(by, ["warm_up", "cool_down"]);
    assert!(
        found
            .to_string()
            .contains("somebody else changed parallelism 4 → 6: adopted"),
        "{found}"
    );
}

#[test]
fn stabilisation_wants_a_full_window_and_takes_its_largest() {
    let mut job = wishing(
        r#"{"cool_down": {"down": "0s"}, "stabilisation": {"up": "10m", "down": "1h"}, "largest_step": {"down": 1}}"#,
    )
    .with(&[("parallelism", 40.0), ("want", 10.0)]);
    assert_held(&job.look(), P, "stabilisation", Some(H));
    assert_held(&job.after(10 * M), P, "stabilisation", Some(50 * M));
    job.set("want", 20.0);
    assert_held(&job.after(10 * M), P, "stabilisation", Some(40 * M));
    job.set("want", 10.0);
    for _ in 0..3 {
        assert!(job.after(10 * M).changes().is_empty());
    }
    let decision = job.after(10 * M);
    let change = &decision.changes()[0];
    assert_eq!((change.to, change.stabilised), (20.0, Some(10.0)), "{decision}");
    let text = decision.to_string();
    assert!(
        text.contains("10 is wanted now, 20 was recommended within the stabilisation window"),
        "{text}"
    );
    // Up: the least of ten minutes; those before this moment said 10.
    job.apply(&decision);
    job.set("want", 30.0);
    assert_held(&job.after(5 * M), P, "stabilisation", Some(5 * M));
    assert_eq!(parallelism(&job.after(5 * M)), Some(30.0));
}

#[test]
fn the_restart_budget_holds_the_rest_of_24_hours() {
    let mut job = wishing(&at_once(r#""restarts_per_day": 2"#));
    for want in [5.0, 6.0] {
        job.set("want", want);
        job.act();
        job.now += H;
    }
    job.set("want", 7.0);
    assert_held(&job.look(), P, "restart_budget", Some(22 * H));
    // Urgent ones have twice as many.
    job.unset("want");
    for want in [8.0, 9.0] {
        job.set("want_now", want);
        job.act();
        job.now += H;
    }
    job.set("want_now", 10.0);
    assert_held(&job.look(), P, "restart_budget", Some(20 * H));
    job.now = T0 + DAY - 1;
    assert_held(&job.look(), P, "restart_budget", Some(1));
    assert_eq!(parallelism(&job.after(1)), Some(10.0));
}

#[test]
fn attempts_that_fail_are_restarts_too() {
    let mut job = wishing(&at_once(r#""restarts_per_day": 3"#)).with(&[("want", 8.0)]);
    for _ in 0..3 {
        let decision = job.look();
        job.fail(&decision, "the savepoint timed out");
        job.now += 10 * M;
    }
    assert_held(&job.look(), P, "restart_budget", Some(DAY - 30 * M));
}

#[test]
fn instructions_that_nobody_reports_do_not_push_restarts_out_of_the_memory() {
    let mut job = wishing(&at_once(r#""restarts_per_day": 2"#));
    job.set("want", 5.0);
    job.act();
    // Another wish at every look; none is carried out.
    for i in 0..2000 {
        job.set("want", 6.0 + f64::from(i % 2));
        job.after(10 * S);
    }
    job.set("want", 8.0);
    job.act();
    job.set("want", 9.0);
    let decision = job.after(M);
    assert_eq!(held(&decision)[0].1, "restart_budget", "{decision}");
}

const WITH_METRIC: &str = r#", "metrics": {"lag": {"unit": "s"}}"#;

#[test]
fn missing_data_holds_what_the_document_says() {
    for (freeze, down, up) in [("down", true, false), ("all", true, true), ("off", false, false)] {
        let guards = at_once(&format!(r#""freeze_on_missing": "{freeze}""#));
        let text = document(&guards, WITH_METRIC).replace(
            r#"{"name": "bytes""#,
            r#"{"name": "late", "when": "max(lag[5m]) > 60s", "then": {"parallelism": "parallelism * 2"}}, {"name": "bytes""#,
        );
        for (name, want, holds) in [("want", 2.0, down), ("want", 8.0, up), ("want_now", 8.0, false)] {
            let mut job = Job::new(&text).with(&[("parallelism", 4.0), (name, want)]);
            let decision = job.look();
            if holds {
                assert_held(&decision, P, "missing_data", None);
            } else {
                assert_eq!(parallelism(&decision), Some(want), "{freeze}: {decision}");
            }
        }
    }
}

#[test]
fn a_target_that_cannot_be_computed_is_missing_data_too() {
    // The memory rule fires, and does not know what it wants; the parallelism is not taken away meanwhile.
    let text = document(&at_once(""), WITH_METRIC)
        .replace(
            r#""when": "defined(memory)", "then": {"task_manager_memory": "memory"}"#,
            r#""when": "true", "then": {"task_manager_memory": "memory"}"#,
        )
        .replace(WITH_METRIC, "");
    let mut job = Job::new(&text).with(&[
        ("parallelism", 4.0),
        ("task_manager_memory", 4096.0 * MIB),
        ("want", 2.0),
    ]);
    let decision = job.look();
    assert_held(&decision, P, "missing_data", None);
    assert!(fates(&decision.report()).iter().any(|f| f.2 == "undefined"));
    job.set("memory", 4096.0);
    assert_eq!(parallelism(&job.look()), Some(2.0));
}

#[test]
fn scaling_up_that_brought_nothing_makes_its_rule_wait_and_says_how_little_it_brought() {
    let text = document(&at_once(""), "").replace(
        r#""then": {"parallelism": "want"}}"#,
        r#""then": {"parallelism": "want"}, "raises": "throughput"}"#,
    );
    let text = text.replace(
        r#""attributes": {"#,
        r#""attributes": {"throughput": {"type": "number", "unit": "records/s"}, "#,
    );
    let mut job = Job::new(&text).with(&[("parallelism", 4.0), ("throughput", 100.0), ("want", 8.0)]);
    job.act();
    job.set("want", 12.0);
    job.set("throughput", 104.0);
    let decision = job.after(5 * M);
    assert_held(&decision, P, "ineffective", Some(2 * H));
    assert!(
        decision
            .to_string()
            .contains("the last time brought 4% of what it promised"),
        "{decision}"
    );
    assert_eq!(serde_json::to_value(&decision).unwrap()["rules"][0]["gain"], 0.04);
    // Less is not held, nor is an emergency; after the time, one more try.
    job.set("want_now", 10.0);
    assert_eq!(parallelism(&job.look()), Some(10.0));
    job.unset("want_now");
    assert_held(&job.after(H), P, "ineffective", Some(H));
    assert_eq!(parallelism(&job.after(H)), Some(12.0));
    // And where it works, nothing waits.
    job.act();
    job.set("throughput", 140.0);
    job.set("want", 16.0);
    assert_eq!(parallelism(&job.after(5 * M)), Some(16.0));
}

#[test]
fn down_and_up_again_is_not_taken_down_a_second_time() {
    let settings = r#"{"cool_down": {"up": "0s", "down": "0s"}, "stabilisation": {"down": "0s"}}"#;
    let mut job = wishing(settings);
    for want in [2.0, 4.0] {
        job.set("want", want);
        job.act();
        job.now += H;
    }
    job.set("want", 2.0);
    assert_held(&job.look(), P, "oscillation", Some(5 * H));
    job.set("want", 8.0);
    assert_eq!(parallelism(&job.look()), Some(8.0), "up is free");
    job.set("want", 2.0);
    assert_eq!(parallelism(&job.after(5 * H)), Some(2.0));
}

#[test]
fn a_size_that_ran_out_is_not_gone_back_to() {
    let text = document(&at_once(""), "").replace(
        r#""then": {"parallelism": "want_now"}, "urgent": true}"#,
        r#""then": {"task_manager_memory": "want_now * 1MiB"}, "urgent": true, "no_shrink_for": "2d"}"#,
    );
    let mut job = Job::new(&text).with(&[
        ("parallelism", 4.0),
        ("task_manager_memory", 2048.0 * MIB),
        ("want_now", 3072.0),
    ]);
    let decision = job.act();
    assert_eq!(to(&decision, TM), Some(3072.0 * MIB));
    job.unset("want_now");
    // Down to a step above what ran out, and no further.
    job.set("memory", 1024.0);
    let down = job.after(M);
    assert_eq!(to(&down, TM), Some(2112.0 * MIB), "{down}");
    job.apply(&down);
    assert_held(&job.after(M), TM, "ran_out", Some(2 * DAY - 2 * M));
    job.now = T0 + 2 * DAY;
    assert_eq!(
        to(&job.look(), TM),
        Some(1088.0 * MIB),
        "forgotten; one change takes at most half"
    );
}

#[test]
fn a_short_look_takes_nothing_away() {
    let mut job = wishing(&at_once("")).with(&[("want_now", 2.0)]);
    assert_held(&job.look_short(), P, "short_look", None);
    let long = job.look();
    assert_eq!(parallelism(&long), Some(2.0), "{long}");
}

#[test]
fn another_wish_awaits_the_report_on_the_first() {
    let mut job = wishing(r#"{"stabilisation": {"down": "0s"}}"#).with(&[("want", 6.0)]);
    let first = instruction_key(&job.look());
    job.set("want", 7.0);
    assert_held(&job.after(M), P, "awaiting", Some(4 * M));
    // The first wish again: the first instruction.
    job.set("want", 6.0);
    assert_eq!(instruction_key(&job.after(M)), first);
    job.set("want", 7.0);
    let next = job.after(3 * M);
    assert_eq!(parallelism(&next), Some(7.0), "nobody reports: it is given up");
    assert!(instruction_key(&next).is_some() && instruction_key(&next) != first);
}

#[test]
fn excluded_periods_hold_and_say_until_when() {
    // 08:00 UTC is 09:00 in Berlin.
    let guards = at_once(r#""excluded": [{"daily": "08:00-10:30", "weekdays": ["mon-fri"], "zone": "Europe/Berlin"}]"#);
    for (name, want) in [("want", 8.0), ("want", 2.0), ("want_now", 8.0)] {
        let mut job = wishing(&guards).with(&[(name, want)]);
        assert_held(&job.look(), P, "excluded_period", Some(90 * M));
        assert_eq!(parallelism(&job.after(90 * M)), Some(want));
    }
    let passing = guards.replace(r#""zone""#, r#""urgent_pass": true, "zone""#);
    let mut job = wishing(&passing).with(&[("want_now", 8.0)]);
    assert_eq!(parallelism(&job.look()), Some(8.0));
}

fn with_total(total: &str) -> Job {
    Job::new(&document(
        &at_once(""),
        &format!(r#", "limits": {{"total": {{{total}}}}}"#),
    ))
    .with(&[
        ("parallelism", 4.0),
        ("slots_per_task_manager", 2.0),
        ("task_manager_memory", 2048.0 * MIB),
    ])
}

#[test]
fn a_quota_cuts_what_can_be_cut_and_holds_the_rest() {
    let mut job = with_total(r#""task_managers": 3"#).with(&[("want", 8.0)]);
    let decision = job.look();
    assert_eq!(parallelism(&decision), Some(6.0));
    assert!(
        decision
            .to_string()
            .contains("cut to keep to the quota: 4 task managers are wanted, the quota is 3"),
        "{decision}"
    );
    job.apply(&decision);
    let decision = job.after(M);
    assert_held(&decision, P, "quota", None);
    assert!(decision.to_string().contains("the quota is 3"), "{decision}");
    // What the task does not say is no permission.
    let mut unknown = with_total(r#""cores": 8"#).with(&[("want", 5.0)]);
    let decision = unknown.look();
    assert_held(&decision, P, "quota", None);
    assert!(
        decision.to_string().contains("the cores of the task is not known"),
        "{decision}"
    );
}

/// At no size does managed memory become more than nothing.
const NO_MANAGED: [(&str, &str); 2] = [
    ("taskmanager.memory.process.size", "2g"),
    ("taskmanager.memory.managed.fraction", "0"),
];

#[test]
fn what_flink_would_refuse_is_held_with_flinks_reason() {
    let text =
        document(&at_once(""), "").replace(r#""task_manager_memory": "memory""#, r#""managed_memory": "memory""#);
    let mut job = Job::new(&text).with(&[("parallelism", 4.0)]);
    job.task.set_flink_configuration(&job.policy, NO_MANAGED).unwrap();
    job.set("memory", 512.0);
    let decision = job.look();
    assert_held(&decision, Resource::ManagedMemory, "refused", None);
    assert!(decision.to_string().contains("managed"), "{decision}");
}

// Emergencies

#[test]
fn an_urgent_change_passes_quiet_and_dead_band_and_stops_at_limits() {
    let guards = r#"{"cool_down": {"up": "1h", "urgent": "0s"}, "stabilisation": {"up": "1h"}}"#;
    let text = document(guards, r#", "limits": {"parallelism": {"max": 10}}"#)
        .replace(r#"{"down": "0%"}"#, r#"{"up": "50%"}"#);
    let mut job = Job::new(&text).with(&[("parallelism", 4.0), ("want_now", 8.0)]);
    job.act();
    job.set("want_now", 9.0);
    let decision = job.after(S);
    assert_eq!(
        parallelism(&decision),
        Some(9.0),
        "warm-up, cool-down, stabilisation and dead band: {decision}"
    );
    job.apply(&decision);
    job.set("want_now", 20.0);
    let decision = job.after(S);
    assert_eq!(parallelism(&decision), Some(10.0), "{decision}");
    job.apply(&decision);
    let stuck = job.after(S);
    assert!(stuck.changes().is_empty() && stuck.held().is_empty());
    assert_eq!(
        stuck.alerts().collect::<Vec<_>>(),
        [(AlertKind::CappedAndStillFailing, 1)]
    );
}

#[test]
fn at_its_limit_it_is_loud_whoever_else_wants_more_and_whatever_holds_that() {
    let limits = r#", "limits": {"parallelism": {"max": 4}}"#;
    for guards in [
        at_once(""),
        r#"{"cool_down": {"up": "1h", "urgent": "1h"}}"#.to_owned(),
        r#"{"stabilisation": {"up": "1h"}}"#.to_owned(),
    ] {
        let mut job = Job::new(&document(&guards, limits)).with(&[("parallelism", 3.0), ("want_now", 4.0)]);
        job.act();
        // An ordinary rule wants even more, and wins the merging.
        for ordinary in [None, Some(9.0)] {
            job.set("want_now", 8.0);
            if let Some(want) = ordinary {
                job.set("want", want);
            }
            let decision = job.after(30 * S);
            assert!(decision.changes().is_empty(), "{decision}");
            assert_eq!(
                decision.alerts().collect::<Vec<_>>(),
                [(AlertKind::CappedAndStillFailing, 1)],
                "{guards}: {decision}"
            );
            assert!(
                decision.held().is_empty(),
                "4 → 4 is no change that a guard holds: {decision}"
            );
        }
    }
}

#[test]
fn a_larger_ordinary_wish_that_is_held_does_not_starve_a_smaller_urgent_one() {
    let mut job = wishing(r#"{"cool_down": {"up": "1h", "urgent": "0s"}}"#).with(&[("want", 5.0)]);
    job.act();
    job.set("want", 10.0);
    job.set("want_now", 7.0);
    let decision = job.after(10 * M);
    assert_eq!(parallelism(&decision), Some(7.0), "{decision}");
    assert_eq!(held(&decision), [(P, "cool_down", Some(50 * M))]);
    let fates: Vec<_> = fates(&decision.report()).into_iter().map(|f| (f.0, f.2)).collect();
    assert_eq!(
        fates,
        [("ordinary".to_owned(), "held"), ("emergency".to_owned(), "taken")]
    );
}

#[test]
fn nothing_shrinks_while_growth_is_held() {
    let mut job = wishing(r#"{"cool_down": {"up": "1h", "down": "0s"}, "stabilisation": {"down": "0s"}, "oscillation": {"within": "0s"}}"#)
        .with(&[("task_manager_memory", 4096.0 * MIB), ("want", 5.0)]);
    job.act();
    job.set("want", 8.0);
    job.set("memory", 2048.0);
    let decision = job.after(10 * M);
    assert_held(&decision, P, "cool_down", Some(50 * M));
    assert!(
        fates(&decision.report())
            .iter()
            .any(|f| f.0 == "bytes" && f.2 == "dropped_while_growing")
    );
    job.set("want", 5.0);
    assert_eq!(to(&job.look(), TM), Some(2048.0 * MIB));
}

/// One rule that wants more memory and fewer subtasks at once.
fn trade(guards: &str, more: &str) -> Job {
    let text = document(guards, more).replace(
        r#"{"task_manager_memory": "memory"}"#,
        r#"{"task_manager_memory": "memory", "parallelism": "parallelism / 2"}"#,
    );
    Job::new(&text).with(&[
        ("parallelism", 4.0),
        ("task_manager_memory", 4096.0 * MIB),
        ("memory", 8192.0),
    ])
}

#[test]
fn what_one_rule_wants_together_is_done_together_or_not_at_all() {
    let both = trade(&at_once(""), "").look();
    assert_eq!((parallelism(&both), to(&both, TM)), (Some(2.0), Some(8192.0 * MIB)));
    // Growth that is stabilised, at its limit, refused or beyond the quota: nothing shrinks for it.
    let stabilised = r#"{"stabilisation": {"up": "10m", "down": "0s"}, "oscillation": {"within": "0s"}}"#;
    for (case, mut job) in [
        ("stabilisation", trade(stabilised, "")),
        (
            "limit",
            trade(&at_once(""), r#", "limits": {"task_manager_memory": {"max": "4GiB"}}"#),
        ),
        (
            "quota",
            trade(&at_once(""), r#", "limits": {"total": {"memory": "16GiB"}}"#),
        ),
    ] {
        let decision = job.look();
        assert!(decision.changes().is_empty(), "{case}: {decision}");
        assert!(decision.instruction().is_none());
        let of_parallelism: Vec<_> = fates(&decision.report())
            .into_iter()
            .filter(|f| f.1 == P)
            .map(|f| f.2)
            .collect();
        assert!(
            of_parallelism == ["held"] || of_parallelism == ["dropped_while_growing"],
            "{case}: {of_parallelism:?}\n{decision}"
        );
    }
    let text = document(&at_once(""), "").replace(
        r#"{"task_manager_memory": "memory"}"#,
        r#"{"managed_memory": "memory", "parallelism": "parallelism / 2", "job_manager_memory": "job_manager_memory / 2"}"#,
    );
    let mut refused = Job::new(&text).with(&[("parallelism", 4.0), ("memory", 512.0)]);
    refused
        .task
        .set_flink_configuration(&refused.policy, NO_MANAGED)
        .unwrap();
    refused
        .task
        .set_flink_configuration(&refused.policy, [("jobmanager.memory.process.size", "8g")])
        .unwrap();
    let decision = refused.look();
    assert_held(&decision, Resource::ManagedMemory, "refused", None);
    assert!(decision.fitted().is_empty(), "{decision}");
}

#[test]
fn a_rule_of_lower_priority_does_not_act_while_the_wish_of_a_higher_one_is_held() {
    let text = document(r#"{"cool_down": {"up": "0s", "down": "1h"}, "stabilisation": {"down": "0s"}, "oscillation": {"within": "0s"}}"#, "")
        .replace(r#""then": {"parallelism": "want"}}"#, r#""then": {"parallelism": "want"}, "priority": 5}"#)
        .replace(r#""urgent": true}"#, r#""priority": 0}"#);
    let mut job = Job::new(&text).with(&[("parallelism", 8.0), ("want", 9.0)]);
    job.act();
    job.set("want", 6.0);
    job.set("want_now", 12.0);
    let decision = job.after(10 * M);
    assert_held(&decision, P, "cool_down", Some(50 * M));
    // Nor more than the higher one wants.
    let text = text
        .replace(r#""up": "0s", "down": "1h""#, r#""up": "1h", "urgent": "0s""#)
        .replace(r#""priority": 0}"#, r#""urgent": true}"#);
    let mut job = Job::new(&text).with(&[("parallelism", 8.0), ("want", 9.0)]);
    job.act();
    job.set("want", 10.0);
    job.set("want_now", 12.0);
    let decision = job.after(10 * M);
    assert_eq!(parallelism(&decision), Some(10.0), "{decision}");
}

#[test]
fn every_guard_has_its_own_code_and_sentence_and_is_shown_where_it_stands() {
    let mut codes: Vec<&str> = Guard::ALL.iter().map(|g| g.code()).collect();
    let mut sentences: Vec<&str> = Guard::ALL.iter().map(|g| g.describe()).collect();
    codes.sort_unstable();
    codes.dedup();
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!((codes.len(), sentences.len()), (Guard::ALL.len(), Guard::ALL.len()));
    // Standing guards are in the report though nothing wants to go where they stand.
    let mut job = wishing(r#"{"restarts_per_day": 1}"#).with(&[("want", 8.0)]);
    job.act();
    let quiet = job.after(30 * S);
    assert!(quiet.held().is_empty());
    let left = |ms: i64| Some(ms - 30 * S);
    assert_eq!(
        standing(&quiet),
        [
            ("warm_up", vec![("up", left(M)), ("down", left(M))]),
            (
                "cool_down",
                vec![("up", left(5 * M)), ("down", left(30 * M)), ("urgent", left(2 * M))]
            ),
            ("restart_budget", vec![("up", left(DAY)), ("down", left(DAY))]),
        ]
    );
}
