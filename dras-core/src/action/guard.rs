//! Guards: what must wait, and for how long.
//!
//! Guards look at settings, at the task's [`History`] and at the time, and at nothing else. Some hold every change of a direction
//! ([`Standing`]), some hold single resources ([`stabilise`], [`oscillates_until`], [`least_allowed`]), and one holds single rules ([`judge`]).

use serde::Serialize;

use super::history::{Effect, History, RecordKind};
use crate::resources::Resource;
use crate::rules::{Freeze, Guards};
use crate::units::Millis;

/// A reason why a change waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The task (re)started a moment ago, and nothing that was measured counts yet.
    WarmUp,
    /// Resources changed a moment ago.
    CoolDown,
    /// Within an hour, more was recommended.
    Stabilisation,
    /// Now is a time without restarts.
    ExcludedPeriod,
    /// There were enough restarts today.
    RestartBudget,
    /// Rules cannot be answered for lack of data.
    MissingData,
    /// The last time brought too little.
    Ineffective,
    /// The resource went down and up again a while ago.
    Oscillation,
    /// The task ran out of memory with that little.
    RanOut,
    /// A short look takes nothing away.
    ShortLook,
    /// An instruction was given, and nobody has reported on it.
    Awaiting,
    /// The final allocation would exceed what the task may have in all.
    Quota,
    /// Flink would refuse the configuration.
    Refused,
}

impl Guard {
    /// All of them.
    pub const ALL: [Guard; 13] = [
        Guard::WarmUp,
        Guard::CoolDown,
        Guard::Stabilisation,
        Guard::ExcludedPeriod,
        Guard::RestartBudget,
        Guard::MissingData,
        Guard::Ineffective,
        Guard::Oscillation,
        Guard::RanOut,
        Guard::ShortLook,
        Guard::Awaiting,
        Guard::Quota,
        Guard::Refused,
    ];

    /// Its code in reports.
    pub fn code(self) -> &'static str {
        match self {
            Guard::WarmUp => "warm_up",
            Guard::CoolDown => "cool_down",
            Guard::Stabilisation => "stabilisation",
            Guard::ExcludedPeriod => "excluded_period",
            Guard::RestartBudget => "restart_budget",
            Guard::MissingData => "missing_data",
            Guard::Ineffective => "ineffective",
            Guard::Oscillation => "oscillation",
            Guard::RanOut => "ran_out",
            Guard::ShortLook => "short_look",
            Guard::Awaiting => "awaiting",
            Guard::Quota => "quota",
            Guard::Refused => "refused",
        }
    }

    /// What it says, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Guard::WarmUp => "the task started a moment ago",
            Guard::CoolDown => "resources changed a moment ago",
            Guard::Stabilisation => "more was recommended a while ago",
            Guard::ExcludedPeriod => "this is a time without restarts",
            Guard::RestartBudget => "there were enough restarts in 24 hours",
            Guard::MissingData => "data is missing",
            Guard::Ineffective => "the last time brought too little",
            Guard::Oscillation => "it went down and up again a while ago",
            Guard::RanOut => "the task ran out with that little",
            Guard::ShortLook => "a short look takes nothing away",
            Guard::Awaiting => "an instruction was given, and nobody has reported on it",
            Guard::Quota => "the task may not have that much in all",
            Guard::Refused => "Flink would not start with it",
        }
    }
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// A direction of change, as guards tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More, because an ordinary rule wants it.
    Up,
    /// Less.
    Down,
    /// More, because an urgent rule wants it.
    Urgent,
}

impl Direction {
    /// All of them.
    pub const ALL: [Direction; 3] = [Direction::Up, Direction::Down, Direction::Urgent];
}

/// The end of what ends nobody knows when.
pub const OPEN: Millis = Millis::MAX;

/// One guard at one look: until when it holds each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardState {
    /// The guard.
    pub guard: Guard,
    /// By direction, until when it holds, in ms since the epoch; [`OPEN`] where no end is known.
    pub until: [Option<Millis>; 3],
}

impl GuardState {
    /// Until when it holds changes of this direction.
    pub fn until(&self, direction: Direction) -> Option<Millis> {
        self.until[direction as usize]
    }
}

/// What guards need to know of a look beside the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The time of the look.
    pub now: Millis,
    /// The newest mark of a restart or change.
    pub newest_mark: Option<Millis>,
    /// How long after it measurements do not count.
    pub warm_up: Millis,
    /// Whether a rule cannot be answered for lack of data.
    pub missing: bool,
    /// Until when there are no restarts, and until when not even urgent ones.
    pub excluded: [Option<Millis>; 2],
    /// Whether this is a short look.
    pub short: bool,
}

/// The guards that hold every change of a direction, as they stand at a look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    states: Vec<GuardState>,
}

const DAY: Millis = 86_400_000;

impl Standing {
    /// As the guards stand, into existing space.
    pub fn compute(&mut self, guards: &Guards, history: &History, facts: &Facts) {
        let Facts { now, .. } = *facts;
        self.states.clear();
        let mut state = |guard, until: [Option<Millis>; 3]| {
            let until = until.map(|u| u.filter(|u| *u > now));
            if until.iter().any(Option::is_some) {
                self.states.push(GuardState { guard, until });
            }
        };
        if let Some(mark) = facts.newest_mark.filter(|m| *m <= now) {
            let end = Some(mark + facts.warm_up);
            state(Guard::WarmUp, [end, end, None]);
        }
        if let Some(last) = history.last_change() {
            let after = |quiet: Millis| Some(last.saturating_add(quiet));
            let cool = &guards.cool_down;
            state(
                Guard::CoolDown,
                [after(cool.up()), after(cool.down()), after(cool.urgent())],
            );
        }
        let [ordinary, urgent] = facts.excluded;
        state(Guard::ExcludedPeriod, [ordinary, ordinary, urgent]);
        let budget = guards.restarts_per_day() as usize;
        let ordinary = budget_until(history, now, budget);
        let urgent = budget_until(history, now, budget * 2);
        state(Guard::RestartBudget, [ordinary, ordinary, urgent]);
        if facts.missing {
            match guards.freeze_on_missing() {
                Freeze::Down => state(Guard::MissingData, [None, Some(OPEN), None]),
                Freeze::All => state(Guard::MissingData, [Some(OPEN), Some(OPEN), None]),
                Freeze::Off => {}
            }
        }
        if facts.short {
            state(Guard::ShortLook, [None, Some(OPEN), None]);
        }
        if let Some(pending) = history.pending() {
            // As long as an ordinary change would wait after it was applied.
            let end = Some(
                pending
                    .at
                    .saturating_add(guards.cool_down.up().max(guards.cool_down.urgent())),
            );
            state(Guard::Awaiting, [end; 3]);
        }
    }

    /// The guards that hold something.
    pub fn states(&self) -> &[GuardState] {
        &self.states
    }

    /// The guards that hold changes of this direction, and until when.
    pub fn holding(&self, direction: Direction) -> impl Iterator<Item = (Guard, Millis)> {
        self.states
            .iter()
            .filter_map(move |s| Some((s.guard, s.until(direction)?)))
    }

    /// Whether nothing holds changes of this direction, an instruction that awaits its report aside.
    pub fn admits(&self, direction: Direction) -> bool {
        self.holding(direction).all(|(guard, _)| guard == Guard::Awaiting)
    }
}

/// When the number of restarts of the last 24 hours falls below `budget` again, if it is not below it.
fn budget_until(history: &History, now: Millis, budget: usize) -> Option<Millis> {
    // What failed may have stopped the job as well, and a loop of failures is no less a loop.
    let restarts = history.records().rev().filter(|r| r.kind.is_attempt());
    let oldest_that_counts = restarts.take_while(|r| r.at > now - DAY).nth(budget.checked_sub(1)?)?;
    Some(oldest_that_counts.at + DAY)
}

/// The target that a window of recommendations allows, by the rule of Kubernetes' HPA: no more is added than the least of the last `up` ms,
/// and no more is taken away than the largest of the last `down` ms leaves. `log` holds recommendations before they were stabilised, `desired`
/// is the present one. A recommendation that is exactly as old as the window does not count.
pub fn stabilise(log: &[(Millis, f64)], now: Millis, up: Millis, down: Millis, current: f64, desired: f64) -> f64 {
    let within = |window: Millis| log.iter().filter(move |r| r.0 > now - window).map(|r| r.1);
    let least = within(up).fold(desired, f64::min);
    let most = within(down).fold(desired, f64::max);
    // `current`, moved into what lies between both; first up, as the HPA does.
    let mut result = current;
    if result < least {
        result = least;
    }
    if result > most {
        result = most;
    }
    result
}

/// Until when a resource is not lowered because it was lowered and raised again within `within`.
pub fn oscillates_until(history: &History, resource: Resource, now: Millis, within: Millis) -> Option<Millis> {
    let steps = history
        .records()
        .rev()
        .take_while(|r| r.at > now - 2 * within)
        .filter(|r| r.kind == RecordKind::Applied)
        .filter_map(|r| Some((r.at, r.steps.iter().find(|s| s.resource == resource)?.is_up())));
    let mut raised = None;
    for (at, up) in steps {
        match (up, raised) {
            (true, None) => raised = Some(at),
            (true, Some(_)) => {}
            (false, Some(again)) => {
                let end: Millis = again + within;
                return (again - at <= within && end > now).then_some(end);
            }
            // The newest step is a down: nothing was raised since.
            (false, None) => return None,
        }
    }
    None
}

/// The largest size of a resource that ran out and is remembered, with the time until which it is.
pub fn least_allowed(history: &History, resource: Resource, now: Millis) -> Option<(f64, Millis)> {
    let remembered = history
        .ran_out()
        .iter()
        .filter(|r| r.resource == resource && r.until > now);
    remembered.map(|r| (r.size, r.until)).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The share of the promised gain that is there: `(now − before) / (promised − before)`.
pub fn gain(before: f64, promised: f64, now: f64) -> f64 {
    (now - before) / (promised - before)
}

/// Enters what an action has brought by now; the best counts.
pub fn observe(effect: &mut Effect, value: f64) {
    let gain = gain(effect.promise.before, effect.promise.promised, value);
    effect.gain = Some(effect.gain.map_or(gain, |best| best.max(gain)));
}

/// Judges whether an action brought what its rule promised, now that the rule wants more again: until when the rule waits, if it does. Where
/// nothing was [observed](observe), nothing is known against it.
pub fn judge(effect: &mut Effect, guards: &Guards, now: Millis) -> Option<Millis> {
    let settings = &guards.ineffective;
    if settings.hold() == 0 {
        return None;
    }
    if let Some(until) = effect.waits_until {
        return (until > now).then_some(until);
    }
    if effect.gain? >= settings.least_gain() {
        return None;
    }
    let until = now.saturating_add(settings.hold());
    effect.waits_until = Some(until);
    Some(until)
}

#[cfg(test)]
mod tests {
    use super::super::history::{Pending, Promise, Step};
    use super::*;

    const MINUTE: Millis = 60_000;

    fn facts(now: Millis) -> Facts {
        Facts {
            now,
            newest_mark: None,
            warm_up: MINUTE,
            missing: false,
            excluded: [None; 2],
            short: false,
        }
    }

    fn change(history: &mut History, at: Millis, from: f64, to: f64) {
        let key = format!("{at}");
        history.instruct(Pending {
            key: key.clone(),
            at,
            steps: vec![Step {
                resource: Resource::Parallelism,
                from,
                to,
            }],
            rules: Vec::new(),
            entries: Vec::new(),
            promises: Vec::new(),
        });
        history.applied(&key, at).unwrap();
    }

    fn standing(guards: &Guards, history: &History, facts: &Facts) -> Vec<(Guard, [Option<Millis>; 3])> {
        let mut standing = Standing::default();
        standing.compute(guards, history, facts);
        standing.states().iter().map(|s| (s.guard, s.until)).collect()
    }

    #[test]
    fn every_change_begins_the_cool_downs_of_all_directions() {
        let mut history = History::default();
        let guards = Guards::default();
        assert!(standing(&guards, &history, &facts(0)).is_empty());
        change(&mut history, 1000, 4.0, 8.0);
        let until = |minutes| Some(1000 + minutes * MINUTE);
        assert_eq!(
            standing(&guards, &history, &facts(2000)),
            [(Guard::CoolDown, [until(5), until(30), until(2)])]
        );
        let later = 1000 + 5 * MINUTE;
        assert_eq!(
            standing(&guards, &history, &facts(later)),
            [(Guard::CoolDown, [None, until(30), None])],
            "the moment at which it ends is free"
        );
    }

    #[test]
    fn restarts_are_counted_over_any_24_hours_and_urgent_ones_have_twice_as_many() {
        let guards = Guards {
            restarts_per_day: Some(2),
            ..Guards::default()
        };
        let mut history = History::default();
        let hour = 60 * MINUTE;
        for (at, from) in [(0, 1.0), (6 * hour, 2.0)] {
            change(&mut history, at, from, from + 1.0);
        }
        let now = 20 * hour;
        let end = Some(24 * hour);
        assert_eq!(
            standing(&guards, &history, &facts(now)),
            [(Guard::RestartBudget, [end, end, None])]
        );
        assert!(standing(&guards, &history, &facts(24 * hour)).is_empty());
        change(&mut history, 7 * hour, 3.0, 4.0);
        change(&mut history, 8 * hour, 4.0, 5.0);
        let end = Some(31 * hour);
        assert_eq!(
            standing(&guards, &history, &facts(now)),
            [(Guard::RestartBudget, [end, end, Some(24 * hour)])]
        );
    }

    #[test]
    fn missing_data_and_short_looks_hold_downs_and_excluded_periods_everything() {
        let guards = Guards::default();
        let history = History::default();
        let missing = Facts {
            missing: true,
            ..facts(0)
        };
        assert_eq!(
            standing(&guards, &history, &missing),
            [(Guard::MissingData, [None, Some(OPEN), None])]
        );
        let short = Facts {
            short: true,
            ..facts(0)
        };
        assert_eq!(
            standing(&guards, &history, &short),
            [(Guard::ShortLook, [None, Some(OPEN), None])]
        );
        let end = Some(77);
        let excluded = Facts {
            excluded: [end; 2],
            ..facts(0)
        };
        assert_eq!(
            standing(&guards, &history, &excluded),
            [(Guard::ExcludedPeriod, [end; 3])]
        );
        let warm = Facts {
            newest_mark: Some(0),
            ..facts(10)
        };
        assert_eq!(
            standing(&guards, &history, &warm),
            [(Guard::WarmUp, [Some(MINUTE), Some(MINUTE), None])]
        );
    }

    #[test]
    fn down_and_up_again_holds_the_larger() {
        let hour = 60 * MINUTE;
        let mut history = History::default();
        let until = |history: &History, now| oscillates_until(history, Resource::Parallelism, now, 6 * hour);
        change(&mut history, 0, 4.0, 8.0);
        change(&mut history, hour, 8.0, 4.0);
        assert_eq!(until(&history, 2 * hour), None, "down once is no oscillation");
        change(&mut history, 2 * hour, 4.0, 8.0);
        assert_eq!(until(&history, 3 * hour), Some(8 * hour));
        assert_eq!(until(&history, 8 * hour), None);
        change(&mut history, 3 * hour, 8.0, 10.0);
        assert_eq!(until(&history, 4 * hour), Some(9 * hour), "another up is held as well");
        assert_eq!(oscillates_until(&history, Resource::TaskHeap, 4 * hour, 6 * hour), None);
    }

    #[test]
    fn an_effect_is_judged_once_and_the_rule_waits_as_long_as_it_is_told() {
        let mut effect = Effect {
            promise: Promise {
                rule: "up".to_owned(),
                before: 100.0,
                promised: 200.0,
            },
            at: 0,
            gain: None,
            waits_until: None,
        };
        let guards = Guards::default();
        assert_eq!(judge(&mut effect, &guards, 0), None, "nothing is known against it");
        observe(&mut effect, 109.0);
        observe(&mut effect, 90.0);
        assert_eq!(effect.gain, Some(0.09), "the best counts");
        let mut enough = effect.clone();
        observe(&mut enough, 110.0);
        assert_eq!(
            judge(&mut enough, &guards, 0),
            None,
            "a tenth of what was promised is enough"
        );
        assert_eq!(judge(&mut effect, &guards, 0), Some(120 * MINUTE));
        observe(&mut effect, 300.0);
        assert_eq!(judge(&mut effect, &guards, MINUTE), Some(120 * MINUTE));
        assert_eq!(judge(&mut effect, &guards, 120 * MINUTE), None, "one more try");
        // What falls is judged the same.
        assert_eq!(gain(1.0, 0.5, 0.75), 0.5);
    }

    #[test]
    fn codes_are_the_names_in_data() {
        for guard in Guard::ALL {
            assert_eq!(serde_json::to_value(guard).unwrap(), guard.code());
        }
    }
}
