//! Cron patterns: which moments of the calendar they match.
//!
//! The pattern of a field is a set of bits, and a search goes from day to day, and then from bit to bit within the day. A pattern that
//! matches no date is refused when it is read; the rarest date that there is comes back after 40 years at most, so that every search ends.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde::{Serialize, Serializer};

use super::{CalendarError, DAY};
use crate::units::Millis;

/// A cron pattern: minute, hour, day of the month, month and day of the week, with the second in front where there are six fields.
///
/// | field | values | also |
/// | --- | --- | --- |
/// | second, minute | 0–59 | |
/// | hour | 0–23 | |
/// | day of the month | 1–31 | `L`: the last |
/// | month | 1–12 | `JAN` to `DEC` |
/// | day of the week | 0–7, where 0 and 7 are Sunday | `SUN` to `SAT`; `FRI#2`: the second Friday of the month; `FRIL` or `FRI#L`: the last |
///
/// Every field may be `*`, a list `1,15`, a range `9-17`, or have steps: `*/5`, `0-30/10`, and `10/20` for every 20th from 10 on. Names may
/// be in any case.
///
/// Where the day of the month and the day of the week are both restricted, a date that matches one of them is matched, as in Unix' crontab:
/// `0 0 13 * FRI` is every 13th and every Friday. A field that begins with `*` restricts without this exception: `0 0 */2 * FRI` are the
/// Fridays with an odd date.
///
/// Quartz (and with it the `excluded.periods` of the Flink Kubernetes Operator) counts Sunday as 1 and writes a `?` in each pattern. A `?`
/// is refused, so that no pattern moves to another day of the week when it is copied.
///
/// ```
/// use dras_core::calendar::Cron;
/// for text in ["*/5 * * * *", "30 2 1,15 * *", "0 22 * * MON-FRI", "0 0 L * *", "0 9 * JAN-MAR MON#1", "*/10 * * * * *"] {
///     assert_eq!(Cron::parse(text)?.text(), text);
/// }
/// let error = Cron::parse("0 25 * * *").unwrap_err();
/// assert_eq!(error.to_string(), "`25` is not possible in the hour of a cron pattern: 0 to 23 are expected");
/// let error = Cron::parse("0 0 30 2 *").unwrap_err();
/// assert_eq!(error.to_string(), "the cron pattern `0 0 30 2 *` matches no date of any year");
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// Where the pattern has a field for them.
    pub(super) seconds: Option<u64>,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) dates: Dates,
    pub(super) text: Box<str>,
}

/// The dates of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Dates {
    pub(super) months: u64,
    /// Days of the month.
    pub(super) days: u64,
    pub(super) last_day: bool,
    /// Days of the week, from Sunday.
    pub(super) weekdays: u64,
    /// The first, second … of a day of the week in the month: bits 1 to 5 for each, from Sunday.
    pub(super) nth: [u8; 7],
    /// The last of a day of the week in the month, from Sunday.
    pub(super) last_weekdays: u64,
    /// Whether one of the two fields of days begins with `*`, so that both must match.
    pub(super) both: bool,
}

/// A date of the calendar.
struct Date {
    month: u32,
    day: u32,
    /// From Sunday.
    weekday: u32,
    days_in_month: u32,
}

impl Date {
    /// The `day`-th day after 1970-01-01; `None` where the calendar does not reach that far.
    fn of(day: i64) -> Option<Date> {
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        Some(Date {
            month: date.month(),
            day: date.day(),
            weekday: date.weekday().num_days_from_sunday(),
            days_in_month: u32::from(date.num_days_in_month()),
        })
    }
}

impl Dates {
    fn has(&self, date: &Date) -> bool {
        let day = self.days & 1 << date.day != 0 || self.last_day && date.day == date.days_in_month;
        let nth = self.nth[date.weekday as usize] & 1 << ((date.day - 1) / 7 + 1) != 0;
        let last = self.last_weekdays & 1 << date.weekday != 0 && date.day + 7 > date.days_in_month;
        let weekday = self.weekdays & 1 << date.weekday != 0 || nth || last;
        let matched = if self.both { day && weekday } else { day || weekday };
        self.months & 1 << date.month != 0 && matched
    }

    /// Whether there is any such date.
    ///
    /// 28 years without a turn of a century have each of the fourteen years that there are: seven days to begin with, leap or not.
    pub(super) fn exist(&self) -> bool {
        const FROM_2000: i64 = 10_957;
        (FROM_2000..FROM_2000 + 28 * 366).any(|day| Date::of(day).is_some_and(|date| self.has(&date)))
    }
}

/// The seconds or minutes from 0 to 59.
const SIXTY: u64 = (1 << 60) - 1;
/// The hours from 0 to 23.
const DAY_HOURS: u64 = (1 << 24) - 1;

/// What a pattern without a field for seconds means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Without {
    /// The whole minute.
    All,
    /// The first second of the minute.
    Zero,
}

impl Cron {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn seconds(&self, without: Without) -> u64 {
        self.seconds.unwrap_or(match without {
            Without::All => SIXTY,
            Without::Zero => 1,
        })
    }

    /// The first second of the day, from `second` on, that is matched.
    fn time_from(&self, second: i64, seconds: u64) -> Option<i64> {
        let (hour, minute) = (second / 3600, second / 60 % 60);
        if self.hours & 1 << hour != 0 {
            if self.minutes & 1 << minute != 0
                && let Some(found) = bit_from(seconds, second % 60)
            {
                return Some(second - second % 60 + found);
            }
            if let Some(found) = bit_from(self.minutes, minute + 1) {
                return Some(hour * 3600 + found * 60 + bit_from(seconds, 0)?);
            }
        }
        let hour = bit_from(self.hours, hour + 1)?;
        Some(hour * 3600 + bit_from(self.minutes, 0)? * 60 + bit_from(seconds, 0)?)
    }

    /// The first time by the clock from `from` to `until` that is matched: `from`, or the beginning of a second.
    pub(super) fn first_match(&self, from: Millis, until: Millis, without: Without) -> Option<Millis> {
        let seconds = self.seconds(without);
        let mut day = from.div_euclid(DAY);
        let mut second = from.rem_euclid(DAY) / 1000;
        while day * DAY <= until {
            let date = Date::of(day)?;
            if self.dates.months & 1 << date.month == 0 {
                day += i64::from(date.days_in_month - date.day);
            } else if self.dates.has(&date)
                && let Some(found) = self.time_from(second, seconds)
            {
                // The second that runs at `from` is matched in what is left of it.
                return Some((day * DAY + found * 1000).max(from)).filter(|&found| found <= until);
            }
            (day, second) = (day + 1, 0);
        }
        None
    }

    /// Whether a time by the clock is matched.
    fn matches(&self, local: Millis, seconds: u64) -> bool {
        let second = local.rem_euclid(DAY) / 1000;
        self.hours & 1 << (second / 3600) != 0
            && self.minutes & 1 << (second / 60 % 60) != 0
            && seconds & 1 << (second % 60) != 0
            && Date::of(local.div_euclid(DAY)).is_some_and(|date| self.dates.has(&date))
    }

    /// The first time by the clock from `from` to `until` that is not matched.
    pub(super) fn first_miss(&self, from: Millis, until: Millis, without: Without) -> Option<Millis> {
        let seconds = self.seconds(without);
        // The finest field that leaves something out finds the next miss in one turn of it; all finer ones have none.
        let step = if seconds != SIXTY {
            1000
        } else if self.minutes != SIXTY {
            60_000
        } else if self.hours != DAY_HOURS {
            3_600_000
        } else {
            DAY
        };
        let mut at = from;
        while at <= until {
            if !self.matches(at, seconds) {
                return Some(at);
            }
            at = (at.div_euclid(step) + 1) * step;
        }
        None
    }
}

/// The lowest bit from `from` on.
fn bit_from(bits: u64, from: i64) -> Option<i64> {
    // `from` is at most 60.
    let rest = bits >> from;
    (rest != 0).then(|| from + i64::from(rest.trailing_zeros()))
}

impl FromStr for Cron {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Cron, CalendarError> {
        Cron::parse(text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Its text.
impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
