//! Late sources: how many slots, and when none.

use dras_core::action::Guard;
use dras_core::engine::{AlertKind, Decision, LookKind, RuleState};
use dras_core::metrics::Mark;
use dras_core::resources::Resource::Parallelism;
use proptest::prelude::*;

use crate::lab::*;

/// A source that is late by `delay` seconds in a job whose subtasks are busy.
fn late(delay: f64, busy: f64) -> Scrape {
    let mut scrape = of_both("busy", busy * 1000.0);
    scrape.extend(of_both("back_pressured", 0.0));
    scrape.push(("delay", "source-0".to_owned(), delay * 1000.0));
    scrape
}

/// A source whose delay grows by `slope` seconds a second from `from` seconds on.
fn growing(params: &str, from: f64, slope: f64) -> Vec<Decision> {
    let mut lab = Lab::new(policy("source_delay", params));
    lab.run(10 * M, |s| late(from + slope * s, 1.0))
}

fn wish(decisions: &[Decision]) -> Option<(i64, f64)> {
    first_wish(decisions, "source_delay.up", Parallelism).map(|w| (w.0 / S, w.1))
}

#[test]
fn a_late_source_gets_what_catching_up_needs() {
    // It falls behind by half a second a second: it works off half of what arrives. It is late by more than a minute all through the window for the
    // first time at 120 s; a minute later the average delay of the window is 200 + 0.5 * 127.5 = 263.75 s.
    // 4 * (1 + (263.75 + 60) / 600) / (1 - 0.5) = 12.3.
    let decisions = growing("{}", 200.0, 0.5);
    assert_eq!(wish(&decisions), Some((180, 13.0)));
    // At a short look, at once.
    assert_eq!(first_change(&decisions, Parallelism), Some((180 * S, 4.0, 13.0)));
    assert_eq!(decisions[5].kind(), LookKind::Short);
    // A delay that neither grows nor falls: twice the delay of a minute, 4 * (1 + 180 / 600) = 5.2.
    assert_eq!(wish(&growing("{}", 120.0, 1e-6)), Some((180, 6.0)));
}

#[test]
fn every_parameter_does_what_it_says() {
    let want = |params: &str| wish(&growing(params, 200.0, 0.5));
    assert_eq!(want(r#"{"threshold": "10m"}"#), None);
    assert_eq!(
        want(r#"{"threshold": "4m"}"#),
        Some((270, 13.0)),
        "all of the window is later than 4 minutes at 210 s"
    );
    assert_eq!(
        want(r#"{"window": "4m"}"#),
        Some((270, 13.0)),
        "3m12s are enough of the window; the average is of 4 minutes"
    );
    assert_eq!(want(r#"{"up_for": "3m"}"#), Some((300, 14.0)));
    assert_eq!(want(r#"{"up_for": "0s"}"#), Some((120, 12.0)));
    assert_eq!(
        want(r#"{"catch_up": "1h"}"#),
        Some((180, 10.0)),
        "the reserve says more: 4 * 1.25 / 0.5; catching up needs 8.72"
    );
    assert_eq!(want(r#"{"catch_up": "2h", "reserve": "0%"}"#), Some((180, 9.0)));
    assert_eq!(
        want(r#"{"catch_up": "5m"}"#),
        Some((180, 16.0)),
        "4 * 2.08 / 0.5 is 16.6, and 16 the most of one jump"
    );
    assert_eq!(want(r#"{"catch_up": "5m", "most_jump": 8}"#), Some((180, 17.0)));
    assert_eq!(want(r#"{"most_jump": 2}"#), Some((180, 8.0)));
    assert_eq!(
        want(r#"{"most_jump": 1}"#),
        Some((180, 5.0)),
        "one more is always possible"
    );
    assert_eq!(want(r#"{"restart": "0s"}"#), Some((180, 12.0)), "4 * 1.44 / 0.5 = 11.5");
    assert_eq!(want(r#"{"reserve": "50%"}"#), Some((180, 16.0)), "4 * 2 / 0.5");
    assert_eq!(
        want(r#"{"reserve": "70%", "of_capacity": false}"#),
        Some((180, 14.0)),
        "4 * 1.7 / 0.5 = 13.6"
    );
    assert_eq!(want(r#"{"loaded": "100%"}"#), None, "nothing is busier than always");
}

#[test]
fn nothing_happens_where_the_source_catches_up_in_time() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    // Eight minutes late, and a minute less every minute: done in eight, and ten are allowed.
    let decisions = lab.run(10 * M, |s| late((480.0 - s).max(0.0), 1.0));
    assert_eq!(
        fired(&decisions),
        ["source_delay.stay"],
        "and nothing takes slots away meanwhile"
    );
    // Twenty minutes late, and a minute less every two: that takes forty.
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| late(1200.0 - 0.5 * s, 1.0));
    // 4 * (1 + (1200 - 0.5 * 127.5 + 60) / 600) / 1.5 = 7.98.
    assert_eq!(wish(&decisions), Some((180, 8.0)));
}

#[test]
fn a_restart_is_no_delay() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    lab.run(5 * M, |_| late(0.5, 0.5));
    // The job stops for 90 seconds, and works that off at twice the speed.
    lab.mark(Mark::Restart);
    let decisions = lab.run(10 * M, |s| late((90.0 - s).max(0.3), 1.0));
    assert!(fired(&decisions).is_empty());
    assert!(
        decisions[..4]
            .iter()
            .all(|d| d.states().next() == Some(RuleState::Undefined)),
        "warming up"
    );
}

#[test]
fn a_source_that_emits_nothing_keeps_its_last_lag_and_is_not_late() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(20 * M, |_| late(7200.0, 1.0));
    assert!(fired(&decisions).is_empty());
    // One subtask has had nothing to emit since long, another is late.
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| {
        let mut scrape = late(120.0 + 1e-6 * s, 1.0);
        scrape.push(("delay", "source-1".to_owned(), 7_200_000.0));
        scrape
    });
    assert_eq!(wish(&decisions), Some((180, 6.0)));
}

/// A source that reads `rate` records a second, of which `waiting + growth * s` wait.
fn records(s: f64, rate: f64, waiting: f64, growth: f64) -> Scrape {
    let mut scrape = of_both("busy", 1000.0);
    scrape.push(("pending", "source-0".to_owned(), (waiting + growth * s).max(0.0)));
    scrape.push(("source_records", "source-0".to_owned(), rate * s));
    scrape
}

#[test]
fn records_and_their_rate_tell_where_no_delay_is_known() {
    let want = |params: &str, rate: f64, waiting: f64, growth: f64| {
        let mut lab = Lab::new(policy("source_delay", params));
        wish(&lab.run(10 * M, |s| records(s, rate, waiting, growth)))
    };
    // 1000/s are read, 1500/s arrive. At 180 s on average 200,000 + 500 * 127.5 = 263,750 wait, 264 seconds' worth.
    // 4 * (1500 * (1 + 1m / 10m) + 263,750 / 600 s) / 1000 = 8.36.
    assert_eq!(want("{}", 1000.0, 200_000.0, 500.0), Some((180, 9.0)));
    assert_eq!(
        want(r#"{"reserve": "50%"}"#, 1000.0, 200_000.0, 500.0),
        Some((180, 12.0)),
        "4 * 2 * 1500 / 1000"
    );
    assert_eq!(want(r#"{"restart": "0s"}"#, 1000.0, 200_000.0, 500.0), Some((180, 8.0)));
    assert_eq!(want("{}", 1000.0, 30_000.0, 0.0), None, "half a minute's worth");
    assert_eq!(want("{}", 1000.0, 400_000.0, -800.0), None, "done in time");
    assert_eq!(want("{}", 1000.0, 0.0, 0.0), None);
    assert_eq!(
        want("{}", 0.0, 0.0, 0.0),
        None,
        "at night nothing arrives, which is no lack of data"
    );
}

#[test]
fn a_quiet_night_is_no_lack_of_data() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| records(s, 0.0, 0.0, 0.0));
    assert!(decisions.last().unwrap().states().all(|s| s == RuleState::NotMet));
}

#[test]
fn a_source_that_stands_still_is_told_to_people() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| records(s, 0.0, 1000.0, 100.0));
    assert_eq!(alerts(&decisions), ["source_delay.stuck"]);
    assert!(decisions.iter().all(|d| d.changes().is_empty()));
}

#[test]
fn the_largest_demand_of_the_last_week_is_had_at_once() {
    let policy = policy("source_delay", "{}");
    let mut lab = Lab::new(policy.clone());
    // Yesterday eight slots were 60% busy: 4.8 slots' work. Then somebody left it two slots.
    lab.set("parallelism", 8.0).run(30 * M, |_| late(0.5, 0.6));
    lab.set("parallelism", 2.0);
    lab.run(20 * H, |_| late(0.5, 0.3));
    let begin = lab.now;
    let decisions = lab.run(10 * M, |s| late(120.0 + 1e-6 * s, 1.0));
    // 4.8 / (1 - 20%) = 6; catching up needs 2 * 1.3 = 2.6.
    let (at, wanted) = first_wish(&decisions, "source_delay.up", Parallelism).unwrap();
    assert_eq!((at - (begin - T0), wanted), (180 * S, 6.0));
    // What the task keeps for it does not grow with the week: 64 parts of 8 bytes, and what they stand on.
    assert!(
        policy.plan().bytes_per_task(2) < 16 * 1024,
        "{}",
        policy.plan().bytes_per_task(2)
    );
}

#[test]
fn demand_is_forgotten_after_the_lookback_and_kept_across_restarts() {
    let after = |params: &str, wait: i64| {
        let mut lab = Lab::new(policy("source_delay", params));
        lab.set("parallelism", 8.0).run(30 * M, |_| late(0.5, 0.6));
        lab.set("parallelism", 2.0);
        lab.mark(Mark::Restart);
        lab.run(wait, |_| late(0.5, 0.3));
        let decisions = lab.run(10 * M, |s| late(120.0 + 1e-6 * s, 1.0));
        first_wish(&decisions, "source_delay.up", Parallelism).unwrap().1
    };
    assert_eq!(after("{}", 5 * M), 6.0);
    assert_eq!(after(r#"{"lookback": "1h"}"#, 5 * M), 6.0);
    assert_eq!(after(r#"{"lookback": "1h"}"#, 2 * H), 3.0);
    assert_eq!(after(r#"{"reserve": "0%"}"#, 5 * M), 5.0);
    assert_eq!(after(r#"{"of_capacity": false}"#, 5 * M), 6.0, "4.8 * 1.2 = 5.76");
    assert_eq!(after(r#"{"most_jump": 2}"#, 5 * M), 4.0);
}

#[test]
fn where_nothing_is_busy_people_are_told_instead() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| late(600.0 + 0.1 * s, 0.2));
    assert_eq!(fired(&decisions), ["source_delay.not_loaded", "source_delay.stay"]);
    assert_eq!(alerts(&decisions), ["source_delay.not_loaded"]);
    // Back-pressure counts as load: what it waits for is in the job.
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| {
        let mut scrape = late(600.0 + 0.1 * s, 0.2);
        scrape.push(("back_pressured", "source-0".to_owned(), 990.0));
        scrape
    });
    assert!(wish(&decisions).is_some());
    // Not known is not idle.
    let mut lab = Lab::new(policy("source_delay", "{}"));
    let decisions = lab.run(10 * M, |s| {
        vec![("delay", "source-0".to_owned(), 600_000.0 + 100.0 * s)]
    });
    assert!(wish(&decisions).is_some());
}

#[test]
fn a_sink_that_takes_no_more_is_not_given_more_writers() {
    let at_sink = |params: &str| {
        let mut lab = Lab::new(policy("source_delay", params));
        lab.run(10 * M, |s| {
            let mut scrape = late(600.0 + 0.1 * s, 1.0);
            scrape.push(("sink_busy", "sink-0".to_owned(), 990.0));
            scrape
        })
    };
    let decisions = at_sink("{}");
    assert_eq!(wish(&decisions), None);
    assert_eq!(alerts(&decisions), ["source_delay.at_sink"]);
    assert!(wish(&at_sink(r#"{"through_sinks": true}"#)).is_some());
    assert!(wish(&at_sink(r#"{"sink_high": "100%"}"#)).is_some());
}

#[test]
fn more_slots_that_bring_nothing_are_not_followed_by_more() {
    let mut lab = Lab::new(policy("source_delay", "{}"));
    lab.applies = true;
    // A sink in the same chain as everything else: nothing tells it from work, but that nothing gets faster.
    let decisions = lab.run(H, |s| {
        let mut scrape = late(600.0 + 0.1 * s, 1.0);
        scrape.extend(of_both("records_in", 500.0 * s));
        scrape
    });
    assert_eq!(decisions.iter().flat_map(Decision::changes).count(), 1);
    assert!(
        decisions
            .iter()
            .flat_map(Decision::held)
            .any(|h| h.by.iter().any(|b| b.0 == Guard::Ineffective))
    );
}

#[test]
fn a_task_at_its_limit_says_so() {
    let policy = compile(
        r#"{"version": 1, "mode": "active", "strategies": [{"use": "source_delay"}], "limits": {"parallelism": {"max": 4}}}"#,
    );
    let mut lab = Lab::new(policy);
    let decisions = lab.run(10 * M, |s| late(200.0 + 0.5 * s, 1.0));
    let of_state = |d: &Decision| d.alerts().any(|a| a.0 == AlertKind::CappedAndStillFailing);
    assert!(decisions.iter().any(of_state));
}

#[test]
fn nothing_shrinks_while_a_source_is_late() {
    let policy = compile(
        r#"{"version": 1, "strategies": [{"use": "source_delay"}], "guards": {"stabilisation": {"down": "0s"}},
            "rules": [{"name": "less", "when": "true", "then": {"parallelism": "1"}}]}"#,
    );
    let mut lab = Lab::new(policy);
    let decisions = lab.run(10 * M, |s| late((480.0 - s).max(0.0), 1.0));
    let shrinks: Vec<i64> = decisions
        .iter()
        .filter(|d| !d.changes().is_empty())
        .map(|d| (d.at() - T0) / M)
        .collect();
    // It is not late any more after 7 minutes; the first long look after that is at 10.
    assert_eq!(shrinks, [10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_longer_delay_or_a_steeper_one_never_means_fewer_slots(
        parallelism in 1_u32..40, delay in 61.0_f64..3000.0, slope in -0.9_f64..0.95, more in 0.0_f64..500.0, steeper in 0.0_f64..0.5,
    ) {
        let policy = policy("source_delay", r#"{"up_for": "0s"}"#);
        let wish = |delay: f64, slope: f64| {
            let mut lab = Lab::new(policy.clone());
            lab.set("parallelism", f64::from(parallelism));
            let decisions = lab.run(2 * M, |s| late((delay + slope * (s - 120.0)).max(0.0), 1.0));
            let wish = first_wish(&decisions[3..], "source_delay.up", Parallelism).map_or(f64::from(parallelism), |w| w.1);
            prop_assert!(wish >= f64::from(parallelism) && wish <= (4.0 * f64::from(parallelism)).max(f64::from(parallelism) + 1.0));
            Ok(wish)
        };
        // Steeper growth to the same delay has been shorter ago, so that only the delay is compared with the same slope.
        prop_assert!(wish(delay, slope)? <= wish(delay + more, slope)?);
        let mean = delay + 60.0;
        let at_mean = |slope: f64| wish(mean + slope * 52.5, slope);
        if slope >= 0.0 && mean > 61.0 + 60.0 * (slope + steeper) {
            prop_assert!(at_mean(slope)? <= at_mean((slope + steeper).min(0.95))?);
        }
    }
}
