//! What stands between what rules want and a restart: settings with their defaults.
//!
//! Every field that was not written is `None`; the methods fill in defaults, and the documentation is generated from nothing else.

use serde::Serialize;
use serde::ser::SerializeMap;

use super::document::as_duration;
use crate::calendar::{Cadence, Period, TimeZone};
use crate::resources::ratio::{AlignTo, LargestStep};
use crate::units::Millis;

/// What becomes of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Decisions are made and explained, and none has an instruction: what a new document begins with.
    #[default]
    Monitor,
    /// Decisions have instructions.
    Active,
}

impl Mode {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Monitor => "monitor",
            Mode::Active => "active",
        }
    }
}

/// How a job comes to another parallelism where nothing else changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rescale {
    /// Stopped with a savepoint and started again: always possible.
    #[default]
    WithSavepoint,
    /// While it runs, by other resource requirements: needs Flink's adaptive scheduler.
    InPlace,
}

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/// What holds back changes that rules want.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Guards {
    /// Quiet after a change.
    #[serde(skip_serializing_if = "CoolDown::is_empty")]
    pub cool_down: CoolDown,
    /// Recommendations of a while decide, not the last one.
    #[serde(skip_serializing_if = "Stabilisation::is_empty")]
    pub stabilisation: Stabilisation,
    /// How far one change goes.
    #[serde(skip_serializing_if = "LargestSteps::is_empty")]
    pub largest_step: LargestSteps,
    /// Times without restarts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Excluded>,
    /// The most restarts for changes in any 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts_per_day: Option<u32>,
    /// What waits while data is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_on_missing: Option<Freeze>,
    /// Scaling up that brings nothing.
    #[serde(skip_serializing_if = "Ineffective::is_empty")]
    pub ineffective: Ineffective,
    /// Up, down and up again.
    #[serde(skip_serializing_if = "Oscillation::is_empty")]
    pub oscillation: Oscillation,
}

impl Guards {
    pub(super) fn is_empty(&self) -> bool {
        *self == Guards::default()
    }

    /// The most restarts for changes in any 24 hours: 10 by default. Urgent changes count, and pass up to twice as many.
    pub fn restarts_per_day(&self) -> u32 {
        self.restarts_per_day.unwrap_or(10)
    }

    /// What waits while data is missing: changes that take resources away, by default.
    pub fn freeze_on_missing(&self) -> Freeze {
        self.freeze_on_missing.unwrap_or_default()
    }
}

/// A time without restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// When.
    pub period: Period,
    /// Whether urgent changes are made nevertheless.
    pub urgent_pass: bool,
}

/// As in documents: an object also where the period alone would be a text.
impl Serialize for Excluded {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Excluded { period, urgent_pass } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(daily) = period.daily_range() {
            map.serialize_entry("daily", daily.text())?;
            if let Some(weekdays) = daily.weekdays() {
                map.serialize_entry("weekdays", weekdays)?;
            }
        }
        if let Some(cron) = period.cron_pattern() {
            map.serialize_entry("cron", cron)?;
        }
        if period.zone() != TimeZone::UTC {
            map.serialize_entry("zone", &period.zone())?;
        }
        if *urgent_pass {
            map.serialize_entry("urgent_pass", urgent_pass)?;
        }
        map.end()
    }
}

/// When tasks are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Timing {
    /// How often urgent rules are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<Cadence>,
    /// How often, or when, all rules are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long: Option<Cadence>,
}

impl Timing {
    pub(super) fn is_empty(&self) -> bool {
        *self == Timing::default()
    }

    /// How often urgent rules are looked at: every 30 s by default.
    pub fn short(&self) -> Cadence {
        self.short.clone().unwrap_or_else(|| every(30 * SECOND))
    }

    /// How often, or when, all rules are looked at: every 5 min by default.
    pub fn long(&self) -> Cadence {
        self.long.clone().unwrap_or_else(|| every(5 * MINUTE))
    }
}

/// A cadence of a constant in this file; all of them are in range.
fn every(period: Millis) -> Cadence {
    Cadence::every(period).unwrap_or_default()
}

/// Quiet after a change, for each direction, in ms. Any change of the task's resources begins it, also one that somebody else made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CoolDown {
    /// Before resources are added.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub up: Option<Millis>,
    /// Before resources are taken away.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub down: Option<Millis>,
    /// Before urgent rules add resources.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub urgent: Option<Millis>,
}

impl CoolDown {
    fn is_empty(&self) -> bool {
        *self == CoolDown::default()
    }

    /// Before resources are added: 5 min by default.
    pub fn up(&self) -> Millis {
        self.up.unwrap_or(5 * MINUTE)
    }

    /// Before resources are taken away: 30 min by default.
    pub fn down(&self) -> Millis {
        self.down.unwrap_or(30 * MINUTE)
    }

    /// Before urgent rules add resources: 2 min by default, about the time of a restart and a first look at what it brought.
    pub fn urgent(&self) -> Millis {
        self.urgent.unwrap_or(2 * MINUTE)
    }
}

/// For how long recommendations are remembered, in ms: less is taken away than any of them allowed, and no more is added than all of them
/// asked for. The rule of Kubernetes' HPA (`stabilizationWindowSeconds`), for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stabilisation {
    /// Before resources are added.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub up: Option<Millis>,
    /// Before resources are taken away.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub down: Option<Millis>,
}

impl Stabilisation {
    fn is_empty(&self) -> bool {
        *self == Stabilisation::default()
    }

    /// Before resources are added: none by default.
    pub fn up(&self) -> Millis {
        self.up.unwrap_or(0)
    }

    /// Before resources are taken away: 1 h by default.
    pub fn down(&self) -> Millis {
        self.down.unwrap_or(HOUR)
    }
}

/// How far one change goes, as a share of what the task has; always at least one subtask, or up 256 MiB and down one step of memory.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LargestSteps {
    /// Up: 1 is at most twice as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<f64>,
    /// Down: 0.5 is at most half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<f64>,
    /// Up, for urgent rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgent: Option<f64>,
}

impl LargestSteps {
    fn is_empty(&self) -> bool {
        *self == LargestSteps::default()
    }

    /// Up: 100 % by default, twice as much.
    pub fn up(&self) -> LargestStep {
        LargestStep::Share(self.up.unwrap_or(1.0))
    }

    /// Down: 50 % by default, half.
    pub fn down(&self) -> LargestStep {
        LargestStep::Share(self.down.unwrap_or(0.5))
    }

    /// Up for urgent rules: 300 % by default, four times as much.
    pub fn urgent(&self) -> LargestStep {
        LargestStep::Share(self.urgent.unwrap_or(3.0))
    }
}

/// What waits while a rule cannot be answered for lack of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freeze {
    /// Changes that take resources away: what is not known may be what needs them.
    #[default]
    Down,
    /// All changes but urgent ones.
    All,
    /// Nothing.
    Off,
}

/// When adding resources brought nothing: the rule that asked for it waits.
///
/// The gain is `(now − before) / (promised − before)` of what the rule says that it `lowers` or `raises`, as in the Flink autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Ineffective {
    /// The least share of the promised gain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_gain: Option<f64>,
    /// How long the rule waits, in ms; 0 switches the guard off.
    #[serde(
        rename = "for",
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_duration"
    )]
    pub hold: Option<Millis>,
}

impl Ineffective {
    fn is_empty(&self) -> bool {
        *self == Ineffective::default()
    }

    /// The least share of the promised gain: 10 % by default.
    pub fn least_gain(&self) -> f64 {
        self.least_gain.unwrap_or(0.1)
    }

    /// How long the rule waits: 2 h by default.
    pub fn hold(&self) -> Millis {
        self.hold.unwrap_or(2 * HOUR)
    }
}

/// When a resource was lowered and raised again: it is not lowered for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Oscillation {
    /// Down and up again within this time, in ms, is an oscillation, and the larger is held as long; 0 switches the guard off.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub within: Option<Millis>,
}

impl Oscillation {
    fn is_empty(&self) -> bool {
        *self == Oscillation::default()
    }

    /// 6 h by default.
    pub fn within(&self) -> Millis {
        self.within.unwrap_or(6 * HOUR)
    }
}

/// How amounts that rules want become amounts that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Sizing {
    /// The dead bands.
    #[serde(skip_serializing_if = "Tolerance::is_empty")]
    pub tolerance: Tolerance,
    /// To what a parallelism is aligned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<Align>,
}

impl Sizing {
    pub(super) fn is_empty(&self) -> bool {
        *self == Sizing::default()
    }
}

/// The dead bands: changes that are smaller than this share of what is wanted are not worth a restart. Urgent changes know none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Tolerance {
    /// Up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<f64>,
    /// Down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<f64>,
}

impl Tolerance {
    fn is_empty(&self) -> bool {
        *self == Tolerance::default()
    }

    /// Up: none by default.
    pub fn up(&self) -> f64 {
        self.up.unwrap_or(0.0)
    }

    /// Down: 10 % by default.
    pub fn down(&self) -> f64 {
        self.down.unwrap_or(0.1)
    }
}

/// To what a parallelism is aligned: to a divisor of the source's partitions or of the key groups, so that no subtask carries more than others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Align {
    /// The attribute that says how many there are: `source_partitions` or `max_parallelism`.
    pub to: AlignTo,
    /// How much more than the target alignment may cost, as a share of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_over: Option<f64>,
}

impl Align {
    /// How much more than the target alignment may cost: 20 % by default. Where no divisor is near enough, the target stays, and the decision
    /// lists the alternatives.
    pub fn most_over(&self) -> f64 {
        self.most_over.unwrap_or(0.2)
    }
}
