//! Reading what bounds decisions: mode, limits, sizing and guards.

use super::bounds::{Bounds, Limits};
use super::guards::{
    Align, CoolDown, Excluded, Freeze, Guards, Ineffective, LargestSteps, Mode, Oscillation, Rescale, Sizing,
    Stabilisation, Timing, Tolerance,
};
use super::read::DocumentReader;
use super::reader::{At, Reader};
use super::tree::Value;
use crate::calendar::{Cadence, CalendarError, Cron, DailyRange, Period, TimeZone, Weekdays};
use crate::diagnostic::codes;
use crate::resources::Resource;
use crate::resources::allocation::{Cores, Quota};
use crate::resources::ratio::AlignTo;
use crate::units::Unit;

/// The largest parallelism that Flink knows.
pub(super) const MAX_PARALLELISM: i64 = 32_768;

/// The most times without restarts.
const MOST_PERIODS: usize = 100;

/// The most that one change may add, as a share of what there is: a hundred times as much is a slip.
pub(super) const MOST_STEP: f64 = 100.0;

/// The words for what becomes of decisions.
pub(super) const MODES: [(&str, Mode); 2] = [("monitor", Mode::Monitor), ("active", Mode::Active)];

/// The words for ways to change the parallelism.
pub(super) const WAYS: [(&str, Rescale); 2] = [
    ("with_savepoint", Rescale::WithSavepoint),
    ("in_place", Rescale::InPlace),
];

/// The words for what parallelism is aligned to.
pub(super) const TO: [(&str, AlignTo); 2] = [("partitions", AlignTo::Partitions), ("key_groups", AlignTo::KeyGroups)];

/// The words for what waits while data is missing.
pub(super) const FREEZE: [(&str, Freeze); 3] = [("down", Freeze::Down), ("all", Freeze::All), ("off", Freeze::Off)];

impl DocumentReader<'_> {
    pub(super) fn mode(&mut self, at: Option<At<'_>>) -> Option<Mode> {
        at.and_then(|at| self.reader.choice(&at, &MODES))
    }

    pub(super) fn rescale(&mut self, at: Option<At<'_>>) -> Option<Rescale> {
        at.and_then(|at| self.reader.choice(&at, &WAYS))
    }

    pub(super) fn limits(&mut self, at: Option<At<'_>>) -> Limits {
        let mut limits = Limits::default();
        let Some(mut fields) = at.and_then(|at| self.reader.fields(&at)) else {
            return limits;
        };
        for resource in Resource::ALL {
            let Some(at) = fields.take(resource.name()) else {
                continue;
            };
            let bounds = self.bounds(&at, resource);
            if bounds != Bounds::default() {
                limits.resources.insert(resource, bounds);
            }
        }
        if let Some(at) = fields.take("total") {
            limits.total = self.total(&at);
        }
        fields.finish(&mut self.reader);
        limits
    }

    fn bounds(&mut self, at: &At<'_>, resource: Resource) -> Bounds {
        let Some(mut fields) = self.reader.fields(at) else {
            return Bounds::default();
        };
        let amount = |reader: &mut Reader, at: &At<'_>| match resource.unit() {
            Unit::BYTES => reader.bytes(at),
            _ => reader.whole(at, 1, MAX_PARALLELISM).map(|n| n as u64),
        };
        let min = fields.take("min").and_then(|at| amount(&mut self.reader, &at));
        let max = fields.take("max").and_then(|at| amount(&mut self.reader, &at));
        fields.finish(&mut self.reader);
        if let (Some(low), Some(high)) = (min, max)
            && low > high
        {
            let message = "the minimum is above the maximum: no value is allowed";
            self.reader.at(codes::CONTRADICTING_LIMITS, at, message, None);
        }
        Bounds { min, max }
    }

    fn total(&mut self, at: &At<'_>) -> Quota {
        let mut total = Quota::default();
        let Some(mut fields) = self.reader.fields(at) else {
            return total;
        };
        let count = |reader: &mut Reader, at: &At<'_>| reader.whole(at, 1, 1_000_000).map(|n| n as u32);
        total.task_managers = fields.take("task_managers").and_then(|at| count(&mut self.reader, &at));
        total.cores = fields.take("cores").and_then(|at| {
            let quantity = self.reader.quantity_in(&at, Unit::NUMBER)?;
            let cores = Cores::new(quantity.value()).ok().filter(|c| *c > Cores::default());
            if cores.is_none() {
                let message = format!("`{quantity}` is not a number of cores above 0");
                self.reader.at(codes::BAD_FIELD_VALUE, &at, message, None);
            }
            cores
        });
        total.memory = fields.take("memory").and_then(|at| self.reader.bytes(&at));
        fields.finish(&mut self.reader);
        total
    }

    pub(super) fn sizing(&mut self, at: Option<At<'_>>) -> Sizing {
        let mut sizing = Sizing::default();
        let Some(mut fields) = at.and_then(|at| self.reader.fields(&at)) else {
            return sizing;
        };
        if let Some(at) = fields.take("tolerance")
            && let Some(mut fields) = self.reader.fields(&at)
        {
            let mut share = |name| {
                let at = fields.take(name)?;
                let share = self.reader.share(&at)?;
                if share < 1.0 {
                    return Some(share);
                }
                let message = "a tolerance of 100% would hold any allocation";
                self.reader.at(
                    codes::BAD_FIELD_VALUE,
                    &at,
                    message,
                    Some("write a share below 100%".to_owned()),
                );
                None
            };
            sizing.tolerance = Tolerance {
                up: share("up"),
                down: share("down"),
            };
            fields.finish(&mut self.reader);
        }
        if let Some(at) = fields.take("align")
            && let Some(mut fields) = self.reader.fields(&at)
        {
            let to = fields
                .require(&mut self.reader, "to")
                .and_then(|at| self.reader.choice(&at, &TO));
            let most_over = fields
                .take("most_over")
                .and_then(|at| self.reader.ratio(&at, 0.0, MOST_STEP));
            fields.finish(&mut self.reader);
            sizing.align = to.map(|to| Align { to, most_over });
        }
        fields.finish(&mut self.reader);
        sizing
    }

    pub(super) fn guards(&mut self, at: Option<At<'_>>) -> Guards {
        let mut guards = Guards::default();
        let Some(mut fields) = at.and_then(|at| self.reader.fields(&at)) else {
            return guards;
        };
        let reader = &mut self.reader;
        if let Some(at) = fields.take("cool_down")
            && let Some(mut fields) = reader.fields(&at)
        {
            let mut duration = |name| fields.take(name).and_then(|at| reader.duration(&at, 0));
            guards.cool_down = CoolDown {
                up: duration("up"),
                down: duration("down"),
                urgent: duration("urgent"),
            };
            fields.finish(reader);
        }
        if let Some(at) = fields.take("stabilisation")
            && let Some(mut fields) = reader.fields(&at)
        {
            let mut duration = |name| fields.take(name).and_then(|at| reader.duration(&at, 0));
            guards.stabilisation = Stabilisation {
                up: duration("up"),
                down: duration("down"),
            };
            fields.finish(reader);
        }
        if let Some(at) = fields.take("largest_step")
            && let Some(mut fields) = reader.fields(&at)
        {
            let mut share = |name, most| fields.take(name).and_then(|at| reader.ratio(&at, 0.0, most));
            guards.largest_step = LargestSteps {
                up: share("up", MOST_STEP),
                down: share("down", 1.0),
                urgent: share("urgent", MOST_STEP),
            };
            fields.finish(reader);
        }
        if let Some(at) = fields.take("excluded") {
            guards.excluded = reader
                .elements(&at, MOST_PERIODS)
                .iter()
                .filter_map(|at| reader.excluded(at))
                .collect();
        }
        guards.restarts_per_day = fields
            .take("restarts_per_day")
            .and_then(|at| reader.whole(&at, 1, 100))
            .map(|n| n as u32);
        guards.freeze_on_missing = fields
            .take("freeze_on_missing")
            .and_then(|at| reader.choice(&at, &FREEZE));
        if let Some(at) = fields.take("ineffective")
            && let Some(mut fields) = reader.fields(&at)
        {
            guards.ineffective = Ineffective {
                least_gain: fields.take("least_gain").and_then(|at| reader.share(&at)),
                hold: fields.take("for").and_then(|at| reader.duration(&at, 0)),
            };
            fields.finish(reader);
        }
        if let Some(at) = fields.take("oscillation")
            && let Some(mut fields) = reader.fields(&at)
        {
            guards.oscillation = Oscillation {
                within: fields.take("within").and_then(|at| reader.duration(&at, 0)),
            };
            fields.finish(reader);
        }
        fields.finish(reader);
        guards
    }
}

impl DocumentReader<'_> {
    pub(super) fn timing(&mut self, at: Option<At<'_>>) -> Timing {
        let mut timing = Timing::default();
        let Some(mut fields) = at.and_then(|at| self.reader.fields(&at)) else {
            return timing;
        };
        let reader = &mut self.reader;
        if let Some(at) = fields.take("short") {
            timing.short = reader.cadence(&at);
            if timing.short.as_ref().is_some_and(|c| c.period().is_none()) {
                let message = "the short timer has a fixed distance";
                reader.at(
                    codes::BAD_FIELD_VALUE,
                    &at,
                    message,
                    Some("write a duration: `\"30s\"`".to_owned()),
                );
            }
        }
        if let Some(at) = fields.take("long") {
            timing.long = reader.cadence(&at);
        }
        fields.finish(reader);
        timing
    }
}

impl Reader {
    /// Notes what the calendar says of a text.
    fn calendar<T>(&mut self, at: &At<'_>, read: Result<T, CalendarError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.at(codes::BAD_FIELD_VALUE, at, error.to_string(), error.help());
                None
            }
        }
    }

    /// A duration, a cron pattern, or a cron pattern with its zone.
    fn cadence(&mut self, at: &At<'_>) -> Option<Cadence> {
        if !matches!(at.node.value, Value::Object(_)) {
            let text = self.text(at)?;
            return self.calendar(at, text.parse());
        }
        let mut fields = self.fields(at)?;
        let cron = fields.require(self, "cron").and_then(|at| {
            let text = self.text(&at)?;
            self.calendar(&at, Cron::parse(text))
        });
        let zone = fields.take("zone").map(|at| self.zone(&at));
        fields.finish(self);
        Some(Cadence::cron(cron?, zone.unwrap_or(Some(TimeZone::UTC))?))
    }

    fn zone(&mut self, at: &At<'_>) -> Option<TimeZone> {
        let text = self.text(at)?;
        self.calendar(at, TimeZone::parse(text))
    }

    /// A time without restarts.
    fn excluded(&mut self, at: &At<'_>) -> Option<Excluded> {
        let mut fields = self.fields(at)?;
        let daily_at = fields.take("daily");
        let daily = daily_at.as_ref().map(|at| {
            let text = self.text(at)?;
            self.calendar(at, DailyRange::parse(text))
        });
        let weekdays_at = fields.take("weekdays");
        let weekdays = weekdays_at.as_ref().map(|at| {
            let days: Vec<&str> = self.elements(at, 7).iter().filter_map(|at| self.text(at)).collect();
            self.calendar(at, Weekdays::parse(&days))
        });
        let cron = fields.take("cron").map(|at| {
            let text = self.text(&at)?;
            self.calendar(&at, Cron::parse(text))
        });
        let zone = fields.take("zone").map(|at| self.zone(&at));
        let urgent_pass = fields
            .take("urgent_pass")
            .and_then(|at| self.truth(&at))
            .unwrap_or(false);
        fields.finish(self);
        if let (Some(at), None) = (&weekdays_at, &daily_at) {
            let help = "give the daily range too, `\"daily\": \"00:00-24:00\"`, or a cron pattern instead".to_owned();
            self.at(
                codes::BAD_FIELD_VALUE,
                at,
                "weekdays belong to a daily range",
                Some(help),
            );
            return None;
        }
        let daily = match (daily, weekdays) {
            (Some(daily), Some(weekdays)) => Some(daily?.on(weekdays?)),
            (Some(daily), None) => Some(daily?),
            (None, _) => None,
        };
        let period = match (daily, cron) {
            (Some(daily), Some(cron)) => Period::daily_and_cron(daily, cron?),
            (Some(daily), None) => Period::daily(daily),
            (None, Some(cron)) => Period::cron(cron?),
            (None, None) => {
                let help = "write `\"daily\": \"22:00-06:00\"`, or `\"cron\": \"* 9-17 * * mon-fri\"`".to_owned();
                self.at(
                    codes::MISSING_FIELD,
                    at,
                    "a time without restarts needs `daily` or `cron`",
                    Some(help),
                );
                return None;
            }
        };
        Some(Excluded {
            period: period.in_zone(zone.unwrap_or(Some(TimeZone::UTC))?),
            urgent_pass,
        })
    }

    /// A whole number of bytes, at least one.
    pub(super) fn bytes(&mut self, at: &At<'_>) -> Option<u64> {
        let quantity = self.quantity_in(at, Unit::BYTES)?;
        let bytes = quantity.value();
        // Up to 2^53 every whole number of bytes is exact.
        if bytes >= 1.0 && bytes.fract() == 0.0 && bytes <= 9_007_199_254_740_992.0 {
            return Some(bytes as u64);
        }
        let message = format!("`{quantity}` is not a whole number of bytes from 1B to 8PiB");
        self.at(codes::BAD_FIELD_VALUE, at, message, None);
        None
    }

    /// A plain number from `min` to `max`.
    pub(super) fn ratio(&mut self, at: &At<'_>, min: f64, max: f64) -> Option<f64> {
        let quantity = self.quantity_in(at, Unit::NUMBER)?;
        if (min..=max).contains(&quantity.value()) {
            return Some(quantity.value());
        }
        let percent = |x: f64| crate::units::display_number(x * 100.0);
        let message = format!("`{quantity}` is not from {}% to {}%", percent(min), percent(max));
        self.at(codes::BAD_FIELD_VALUE, at, message, None);
        None
    }
}
