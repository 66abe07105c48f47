//! More slots for more load, fewer for less.

use dras_core::action::Guard;
use dras_core::engine::{Decision, RuleState};
use dras_core::resources::Resource::Parallelism;
use proptest::prelude::*;

use crate::lab::*;

/// What four subtasks on two TaskManagers show: the share of the machine that each JVM uses, busy and back-pressured time, records per second.
fn load(cpu: f64, busy: f64, blocked: f64, seconds: f64, rate: f64) -> Scrape {
    let mut scrape = on_both("cpu", cpu);
    scrape.extend(of_both("busy", busy * 1000.0));
    scrape.extend(of_both("back_pressured", blocked * 1000.0));
    scrape.extend(of_both("records_in", rate * seconds));
    scrape
}

fn steady(params: &str, cpu: f64, busy: f64, length: i64) -> Vec<Decision> {
    let mut lab = Lab::new(policy("cpu", params));
    lab.run(length, |s| load(cpu, busy, 0.0, s, 1000.0))
}

#[test]
fn an_overload_gets_the_slots_that_leave_the_reserve_free() {
    // 45% of four cores over two slots: a slot uses 0.9 of a core. 4 * 0.9 / (1 - 40%) = 6.
    let decisions = steady("{}", 0.45, 0.9, 10 * M);
    assert_eq!(first_wish(&decisions, "cpu.up", Parallelism), Some((10 * M, 6.0)));
    assert_eq!(first_change(&decisions, Parallelism), Some((10 * M, 4.0, 6.0)));
    // Below `high` nothing happens.
    assert_eq!(fired(&steady("{}", 0.4, 0.9, 20 * M)), Vec::<String>::new());
}

#[test]
fn every_parameter_of_the_way_up_does_what_it_says() {
    let wish = |params: &str, cpu| first_wish(&steady(params, cpu, 0.9, 40 * M), "cpu.up", Parallelism);
    assert_eq!(wish("{}", 0.45), Some((10 * M, 6.0)));
    assert_eq!(wish(r#"{"high": "95%"}"#, 0.45), None);
    assert_eq!(
        wish(r#"{"high": "50%"}"#, 0.30),
        Some((10 * M, 5.0)),
        "at least one more: 4 * 0.6 / 0.6 is 4"
    );
    assert_eq!(
        wish(r#"{"reserve": "10%"}"#, 0.45),
        Some((10 * M, 5.0)),
        "at least one more: 4 * 0.9 / 0.9 is 4"
    );
    assert_eq!(
        wish(r#"{"reserve": "70%"}"#, 0.45),
        Some((10 * M, 12.0)),
        "4 * 0.9 / 0.3"
    );
    assert_eq!(
        wish(r#"{"of_capacity": false}"#, 0.45),
        Some((10 * M, 6.0)),
        "4 * 0.9 * 1.4 = 5.04"
    );
    assert_eq!(
        wish(r#"{"of_capacity": false, "reserve": "70%"}"#, 0.45),
        Some((10 * M, 7.0)),
        "4 * 0.9 * 1.7 = 6.12"
    );
    assert_eq!(wish(r#"{"up_for": "6m"}"#, 0.45), Some((15 * M, 6.0)));
    assert_eq!(wish(r#"{"up_for": "0s"}"#, 0.45), Some((5 * M, 6.0)));
    assert_eq!(
        wish(r#"{"window": "20m", "up_for": "0s"}"#, 0.45),
        Some((20 * M, 6.0)),
        "80% of it after 16 minutes"
    );
}

#[test]
fn what_a_slot_may_use_follows_from_the_cores() {
    let wish = |given: &[(&str, f64)], cpu| {
        let mut lab = Lab::new(policy("cpu", "{}"));
        for (name, value) in given {
            lab.set(name, *value);
        }
        let decisions = lab.run(15 * M, |s| load(cpu, 0.5, 0.0, s, 1000.0));
        first_wish(&decisions, "cpu.up", Parallelism).map(|w| w.1)
    };
    // Two slots that are given one core between them: 22% of four cores are 88% of it. 4 * 0.88 / 0.6 = 5.87.
    assert_eq!(wish(&[("task_manager_cores", 1.0)], 0.22), Some(6.0));
    assert_eq!(wish(&[], 0.22), None, "with two cores they use 44%");
    // Eight slots on four cores can use no more than the four. 4 * 0.9 / 0.6 = 6.
    assert_eq!(wish(&[("slots_per_task_manager", 8.0)], 0.9), Some(6.0));
    // One saturated slot on two cores reads 0.5.
    assert_eq!(
        wish(&[("slots_per_task_manager", 1.0), ("machine_cores", 2.0)], 0.5),
        Some(7.0)
    );
}

#[test]
fn work_that_waits_asks_for_slots_without_cpu() {
    let decisions = steady("{}", 0.03, 1.0, 15 * M);
    assert_eq!(fired(&decisions), ["cpu.waiting"]);
    // 4 * 1.0 / 0.6 = 6.67.
    assert_eq!(first_change(&decisions, Parallelism), Some((10 * M, 4.0, 7.0)));
    assert!(
        fired(&steady(r#"{"busy_high": "100%"}"#, 0.03, 1.0, 15 * M)).is_empty(),
        "switched off"
    );
    assert_eq!(
        fired(&steady(r#"{"busy_high": "60%"}"#, 0.03, 0.7, 15 * M)),
        ["cpu.waiting"]
    );
    // Where the CPU is high that says it all.
    assert_eq!(fired(&steady("{}", 0.45, 1.0, 15 * M)), ["cpu.up"]);
}

#[test]
fn an_idle_task_shrinks_to_what_its_larger_load_needs() {
    let idle = |params: &str, cpu: f64, busy: f64, blocked: f64| {
        let mut lab = Lab::new(policy("cpu", params));
        lab.set("parallelism", 12.0);
        let decisions = lab.run(2 * H, |s| load(cpu, busy, blocked, s, 10.0));
        first_wish(&decisions, "cpu.down", Parallelism).map(|w| (w.0 / M, w.1))
    };
    // Busy 25% says more than 4% CPU, which is 8% of a slot. 12 * 0.25 / 0.6 = 5. After 24 minutes 80% of the half hour are there.
    assert_eq!(idle("{}", 0.04, 0.25, 0.0), Some((35, 5.0)));
    assert_eq!(idle("{}", 0.12, 0.1, 0.0), Some((35, 5.0)), "12 * 0.24 / 0.6 = 4.8");
    assert_eq!(idle("{}", 0.04, 0.35, 0.0), None, "busy");
    assert_eq!(idle("{}", 0.16, 0.1, 0.0), None, "32% of a slot");
    assert_eq!(idle("{}", 0.04, 0.1, 0.5), None, "held up");
    assert_eq!(
        idle(r#"{"low": "40%"}"#, 0.16, 0.1, 0.0),
        Some((35, 7.0)),
        "12 * 0.32 / 0.6 = 6.4"
    );
    assert_eq!(idle(r#"{"low_for": "60m"}"#, 0.04, 0.25, 0.0), Some((65, 5.0)));
    assert_eq!(idle(r#"{"reserve": "0%"}"#, 0.04, 0.25, 0.0), Some((35, 3.0)));
    assert_eq!(
        idle(r#"{"of_capacity": false}"#, 0.04, 0.25, 0.0),
        Some((35, 5.0)),
        "12 * 0.25 * 1.4 = 4.2"
    );
}

#[test]
fn the_engine_takes_a_wish_for_less_in_its_own_time() {
    let mut lab = Lab::new(policy("cpu", "{}"));
    lab.set("parallelism", 12.0);
    let decisions = lab.run(3 * H, |s| load(0.04, 0.25, 0.0, s, 10.0));
    // An hour after the last look at which there was too little data to recommend less; half at a time.
    assert_eq!(first_change(&decisions, Parallelism), Some((80 * M, 12.0, 6.0)));
}

#[test]
fn slots_that_brought_nothing_are_not_followed_by_more() {
    // Whatever the parallelism, the machines are full and a thousand records a second come through: something outside holds the task up.
    let mut lab = Lab::new(policy("cpu", "{}"));
    lab.applies = true;
    let decisions = lab.run(H, |s| load(0.45, 1.0, 0.0, s, 1000.0));
    let changes: Vec<_> = decisions.iter().flat_map(|d| d.changes().to_vec()).collect();
    assert_eq!(changes.len(), 1, "the first step is tried");
    assert!(
        decisions
            .iter()
            .flat_map(Decision::held)
            .any(|h| h.by.iter().any(|b| b.0 == Guard::Ineffective))
    );
    // The machines are as full, but twice as many slots do twice as much: go on.
    let mut lab = Lab::new(policy("cpu", "{}"));
    lab.applies = true;
    let mut counted = 0.0;
    let mut parallelism = 4.0;
    let mut changes = 0;
    for _ in 0..12 {
        let decisions = lab.run(5 * M, |_| {
            counted += 15.0 * 250.0 * parallelism;
            load(0.45, 1.0, 0.0, counted, 1.0)
        });
        for change in decisions.iter().flat_map(Decision::changes) {
            parallelism = change.to;
            changes += 1;
        }
    }
    assert!(
        changes >= 3 && parallelism >= 12.0,
        "{changes} changes to {parallelism}"
    );
}

#[test]
fn without_records_the_gain_is_told_from_the_utilisation_alone() {
    let mut lab = Lab::new(policy("cpu", "{}"));
    lab.applies = true;
    let decisions = lab.run(H, |s| {
        let mut scrape = load(0.45, 1.0, 0.0, s, 0.0);
        scrape.retain(|v| v.0 != "records_in");
        scrape
    });
    assert_eq!(decisions.iter().flat_map(Decision::changes).count(), 1);
}

#[test]
fn nothing_is_decided_of_what_is_not_known() {
    let mut lab = Lab::new(policy("cpu", "{}"));
    let decisions = lab.run(10 * M, |_| of_both("busy", 1000.0));
    assert!(
        decisions
            .iter()
            .all(|d| d.changes().is_empty() && d.states().all(|s| s != RuleState::Fired))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// More load never means less, and once it is done the same load asks for nothing more in that direction.
    #[test]
    fn more_load_means_no_fewer_slots_and_once_is_enough(
        parallelism in 1_u32..60, cpu in 0.0_f64..0.5, more in 0.0_f64..0.2, reserve in 25_u32..70, of_capacity in any::<bool>(),
    ) {
        let low = (100 - reserve) / 4;
        let params = format!(
            r#"{{"reserve": "{reserve}%", "of_capacity": {of_capacity}, "window": "1m", "up_for": "0s", "low_for": "5m", "low": "{low}%"}}"#
        );
        let policy = policy("cpu", &params);
        let wish = |parallelism: u32, cpu: f64| {
            let mut lab = Lab::new(policy.clone());
            lab.set("parallelism", f64::from(parallelism));
            let decisions = lab.run(10 * M, |s| load(cpu, cpu * 2.0, 0.0, s, 100.0));
            let wish = |rule| first_wish(&decisions, rule, Parallelism).map(|w| w.1);
            wish("cpu.up").or(wish("cpu.waiting")).or(wish("cpu.down")).unwrap_or(f64::from(parallelism))
        };
        let (one, two) = (wish(parallelism, cpu), wish(parallelism, (cpu + more).min(0.5)));
        prop_assert!(one <= two, "{} at {} and {} at {}", one, cpu, two, cpu + more);
        // The same work, spread over what was wanted.
        let again = wish(one as u32, cpu * f64::from(parallelism) / one);
        prop_assert!(again <= one, "{} to {} at {}, then {}", parallelism, one, cpu, again);
    }
}
