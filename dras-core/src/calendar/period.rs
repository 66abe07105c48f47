//! Periods in which something is excluded.

use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::cron::Without;
use super::error::check_length;
use super::{CalendarError, Cron, DAY, DailyRange, MAX_TIME, TimeZone};
use crate::units::Millis;

/// When something is excluded: a daily range, a cron pattern, or what is inside both, by the clocks of a time zone.
///
/// A moment is inside a cron pattern when its minute is matched, or its second where the pattern has a field for seconds: `* 9-11 * * *`
/// reaches from 9:00 to 12:00, and `0 9 * * *` is one minute long. Write `*` for the minute where whole hours are meant.
///
/// # Daylight saving
///
/// A moment is inside exactly when the clock on the wall then shows a time that is inside. So where clocks are put forward from 2:00 to
/// 3:00, a range from 2:30 begins with that switch, and a range from 2:10 to 2:20 does not take place. Where they are put back from 3:00 to
/// 2:00, a range from 1:00 to 3:00 takes three hours, a range from 2:10 to 2:20 takes place twice, and one from 22:00 to 2:30 ends at the
/// first 2:30 and comes back from the second 2:00 to the second 2:30.
///
/// # Text
///
/// `22:00-06:00`, `* 9-11 * * MON-FRI`, or both joined by `&&`, in UTC. A period with weekdays or another zone is written as JSON, with the
/// keys `daily`, `weekdays`, `cron` and `zone`.
///
/// ```
/// use dras_core::calendar::{DailyRange, Period, TimeZone, Weekdays};
///
/// let nights: Period = "22:00-06:00".parse()?;
/// let at = 1_800_000_000_000; // 2027-01-15 08:00 UTC, a Friday
/// let hour = 3_600_000;
/// assert_eq!(nights.inside(at), None);
/// assert_eq!(nights.next(at), Some(at + 14 * hour));
/// assert_eq!(nights.inside(at + 15 * hour), Some(at + 22 * hour));
///
/// let weekdays = Weekdays::parse(&["mon-fri"])?;
/// let office = Period::daily(DailyRange::parse("09:00-17:00")?.on(weekdays)).in_zone(TimeZone::parse("Europe/Berlin")?);
/// assert_eq!(office.inside(at), Some(at + 8 * hour));
/// assert_eq!(
///     serde_json::to_string(&office).unwrap(),
///     r#"{"daily":"09:00-17:00","weekdays":["mon-fri"],"zone":"Europe/Berlin"}"#
/// );
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    clock: Clock,
    zone: TimeZone,
}

/// What the clocks show inside a period.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Clock {
    Daily(DailyRange),
    Cron(Cron),
    Both(DailyRange, Cron),
}

impl Clock {
    fn first_inside(&self, from: Millis, until: Millis) -> Option<Millis> {
        match self {
            Clock::Daily(daily) => daily.first_inside(from, until),
            Clock::Cron(cron) => cron.first_match(from, until, Without::All),
            Clock::Both(daily, cron) => {
                let mut at = from;
                loop {
                    // Each turn but the last leaves a range behind, so that there are at most as many turns as days.
                    let matched = cron.first_match(daily.first_inside(at, until)?, until, Without::All)?;
                    if daily.first_inside(matched, matched).is_some() {
                        return Some(matched);
                    }
                    at = matched;
                }
            }
        }
    }

    fn first_outside(&self, from: Millis, until: Millis) -> Option<Millis> {
        match self {
            Clock::Daily(daily) => daily.first_outside(from, until),
            Clock::Cron(cron) => cron.first_miss(from, until, Without::All),
            Clock::Both(daily, cron) => {
                let missed = cron.first_miss(from, until, Without::All);
                daily.first_outside(from, missed.unwrap_or(until)).or(missed)
            }
        }
    }
}

impl Period {
    /// How far [`inside`](Self::inside) searches for the end, in ms: eight days, a week with its weekday seen twice.
    pub const MAX_LENGTH: Millis = 8 * DAY;
    /// How far [`next`](Self::next) searches for the beginning, in ms: 400 days, a year with each date seen once.
    pub const MAX_WAIT: Millis = 400 * DAY;

    /// Inside a daily range, in UTC.
    pub fn daily(range: DailyRange) -> Period {
        Period {
            clock: Clock::Daily(range),
            zone: TimeZone::UTC,
        }
    }

    /// Inside what a cron pattern matches, in UTC.
    pub fn cron(cron: Cron) -> Period {
        Period {
            clock: Clock::Cron(cron),
            zone: TimeZone::UTC,
        }
    }

    /// Inside a daily range and what a cron pattern matches, in UTC.
    pub fn daily_and_cron(range: DailyRange, cron: Cron) -> Period {
        Period {
            clock: Clock::Both(range, cron),
            zone: TimeZone::UTC,
        }
    }

    /// The same period by the clocks of another zone.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Period {
        self.zone = zone;
        self
    }

    /// Reads a daily range, a cron pattern, or one of each joined by `&&` in any order, in UTC.
    ///
    /// # Errors
    ///
    /// A part is neither, or both are of one kind.
    pub fn parse(text: &str) -> Result<Period, CalendarError> {
        check_length(text)?;
        let parts: Vec<&str> = text.split("&&").map(str::trim).collect();
        let refused = || CalendarError::Period { given: text.to_owned() };
        // A pattern has several fields and no time of day.
        let is_daily = |part: &str| part.contains(':') || !part.contains(|c: char| c == '*' || c.is_whitespace());
        match parts.as_slice() {
            [""] => Err(refused()),
            &[one] if is_daily(one) => Ok(Period::daily(DailyRange::parse(one)?)),
            &[one] => Ok(Period::cron(Cron::parse(one)?)),
            &[one, other] if is_daily(one) != is_daily(other) && !one.is_empty() && !other.is_empty() => {
                let (daily, cron) = if is_daily(one) { (one, other) } else { (other, one) };
                Ok(Period::daily_and_cron(DailyRange::parse(daily)?, Cron::parse(cron)?))
            }
            _ => Err(refused()),
        }
    }

    /// Its time zone.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// Its daily range.
    pub fn daily_range(&self) -> Option<&DailyRange> {
        match &self.clock {
            Clock::Daily(daily) | Clock::Both(daily, _) => Some(daily),
            Clock::Cron(_) => None,
        }
    }

    /// Its cron pattern.
    pub fn cron_pattern(&self) -> Option<&Cron> {
        match &self.clock {
            Clock::Cron(cron) | Clock::Both(_, cron) => Some(cron),
            Clock::Daily(_) => None,
        }
    }

    /// When the period ends in which `now` lies: the first moment outside, in ms since the epoch. `None` where `now` is outside.
    ///
    /// The end is searched for [`MAX_LENGTH`](Self::MAX_LENGTH). `now + MAX_LENGTH` therefore means then or later, or never.
    ///
    /// Nothing is excluded more than 250,000 years away from 1970.
    ///
    /// ```
    /// use dras_core::calendar::Period;
    /// let always: Period = "00:00-24:00".parse()?;
    /// assert_eq!(always.inside(0), Some(Period::MAX_LENGTH));
    /// # Ok::<(), dras_core::calendar::CalendarError>(())
    /// ```
    pub fn inside(&self, now: Millis) -> Option<Millis> {
        if !(-MAX_TIME..=MAX_TIME).contains(&now) {
            return None;
        }
        let local = now + self.zone.offset(now);
        self.clock.first_inside(local, local)?;
        let until = now + Period::MAX_LENGTH;
        Some(self.end(now, until).unwrap_or(until))
    }

    /// When the period begins the next time after `now`, in ms since the epoch. Where `now` is inside, the next time after that has ended.
    ///
    /// `None` where it does not begin within [`MAX_WAIT`](Self::MAX_WAIT), or never: for instance because it never ends, or because the
    /// daily range and the cron pattern have no time in common.
    pub fn next(&self, now: Millis) -> Option<Millis> {
        if !(-MAX_TIME..=MAX_TIME).contains(&now) {
            return None;
        }
        let until = now + Period::MAX_WAIT;
        let outside = self.end(now, until)?;
        self.zone
            .find(outside, until, |from, until| self.clock.first_inside(from, until))
    }

    /// The first moment from `from` to `until` that is outside.
    fn end(&self, from: Millis, until: Millis) -> Option<Millis> {
        self.zone
            .find(from, until, |from, until| self.clock.first_outside(from, until))
    }
}

impl FromStr for Period {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Period, CalendarError> {
        Period::parse(text)
    }
}

/// As a reader would say it: `22:00-06:00 on mon-fri && * * * * * (Europe/Berlin)`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(daily) = self.daily_range() {
            f.write_str(daily.text())?;
            if let Some(weekdays) = daily.weekdays() {
                let texts: Vec<&str> = weekdays.texts().collect();
                write!(f, " on {}", texts.join(", "))?;
            }
        }
        match &self.clock {
            Clock::Daily(_) => {}
            Clock::Cron(cron) => write!(f, "{cron}")?,
            Clock::Both(_, cron) => write!(f, " && {cron}")?,
        }
        write!(f, " ({})", self.zone)
    }
}

/// The text where it says all, otherwise a map.
impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let weekdays = self.daily_range().and_then(DailyRange::weekdays);
        if self.zone == TimeZone::UTC && weekdays.is_none() {
            return match &self.clock {
                Clock::Daily(daily) => serializer.serialize_str(daily.text()),
                Clock::Cron(cron) => cron.serialize(serializer),
                Clock::Both(daily, cron) => serializer.collect_str(&format_args!("{} && {cron}", daily.text())),
            };
        }
        let mut map = serializer.serialize_map(None)?;
        if let Some(daily) = self.daily_range() {
            map.serialize_entry("daily", daily.text())?;
        }
        if let Some(weekdays) = weekdays {
            map.serialize_entry("weekdays", weekdays)?;
        }
        if let Some(cron) = self.cron_pattern() {
            map.serialize_entry("cron", cron)?;
        }
        if self.zone != TimeZone::UTC {
            map.serialize_entry("zone", &self.zone)?;
        }
        map.end()
    }
}

/// A moment inside [`Periods`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Inside {
    /// The first moment that is outside of all periods, in ms since the epoch.
    pub until: Millis,
    /// The period in which the moment lies, by its place in the list; of several, the one that ends last.
    pub index: usize,
}

/// Periods that together exclude: a moment is inside when it is inside one of them.
///
/// ```
/// use dras_core::calendar::{Inside, Period, Periods};
/// let periods: Periods = ["22:00-06:00", "05:00-07:30"].iter().map(|text| text.parse::<Period>()).collect::<Result<_, _>>()?;
/// let minute = 60_000;
/// assert_eq!(periods.inside(23 * 60 * minute), Some(Inside { until: (24 * 60 + 7 * 60 + 30) * minute, index: 0 }));
/// assert_eq!(periods.inside(8 * 60 * minute), None);
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Periods(Vec<Period>);

impl Periods {
    /// After how many periods that follow one another without a gap the end is no longer searched.
    pub const MAX_JOINS: usize = 1000;

    /// These periods, in this order.
    pub fn new(periods: Vec<Period>) -> Periods {
        Periods(periods)
    }

    /// The periods in their order.
    pub fn as_slice(&self) -> &[Period] {
        &self.0
    }

    /// When the moment from which nothing is excluded comes, and which period excludes `now`; `None` where none does.
    ///
    /// Periods that overlap, or of which one begins where another ends, are one. The end is searched for [`Period::MAX_LENGTH`] and over
    /// [`MAX_JOINS`](Self::MAX_JOINS) periods; where it was not found, [`Inside::until`] is as far as was searched.
    pub fn inside(&self, now: Millis) -> Option<Inside> {
        let (mut until, index) = self.last_end(now)?;
        let last = now + Period::MAX_LENGTH;
        for _ in 0..Periods::MAX_JOINS {
            if until >= last {
                break;
            }
            match self.last_end(until) {
                Some((end, _)) => until = end,
                None => break,
            }
        }
        Some(Inside {
            until: until.min(last),
            index,
        })
    }

    /// The latest end of the periods in which `at` lies, and the first with that end.
    fn last_end(&self, at: Millis) -> Option<(Millis, usize)> {
        let ends = self.0.iter().enumerate();
        ends.filter_map(|(index, period)| Some((period.inside(at)?, index)))
            .reduce(|best, other| if other.0 > best.0 { other } else { best })
    }
}

impl FromIterator<Period> for Periods {
    fn from_iter<I: IntoIterator<Item = Period>>(periods: I) -> Periods {
        Periods(periods.into_iter().collect())
    }
}
