//! Daily ranges of wall-clock time, and the days of the week on which they begin.

use serde::{Serialize, Serializer};

use super::error::check_length;
use super::{CalendarError, DAY};
use crate::units::Millis;

/// Short and long names, from Monday.
const NAMES: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

/// Days of the week.
///
/// ```
/// use dras_core::calendar::Weekdays;
/// let days = Weekdays::parse(&["mon-wed", "Saturday"])?;
/// assert_eq!(serde_json::to_string(&days).unwrap(), r#"["mon-wed","Saturday"]"#);
/// assert!(Weekdays::parse(&["mo"]).is_err());
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekdays {
    /// Monday is the lowest bit.
    days: u8,
    texts: Vec<Box<str>>,
}

impl Weekdays {
    /// Reads a list of days (`mon` or `Monday`, in any case) and ranges of days (`mon-fri`, and over the end of the week `sat-mon`).
    ///
    /// # Errors
    ///
    /// The list is empty, or an entry is neither.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Weekdays, CalendarError> {
        let mut days = 0;
        for text in texts {
            let text = text.as_ref();
            check_length(text)?;
            days |= days_of(text).ok_or_else(|| CalendarError::Weekday { given: text.to_owned() })?;
        }
        if days == 0 {
            return Err(CalendarError::NoWeekdays);
        }
        Ok(Weekdays {
            days,
            texts: texts.iter().map(|text| text.as_ref().into()).collect(),
        })
    }

    /// As they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }

    /// Whether the `day`-th day after 1970-01-01 is one of them.
    fn has(&self, day: i64) -> bool {
        // That day was a Thursday.
        self.days & 1 << (day + 3).rem_euclid(7) != 0
    }
}

/// The bits of `mon` or `mon-fri`.
fn days_of(text: &str) -> Option<u8> {
    let day = |name: &str| {
        let name = name.trim();
        NAMES
            .iter()
            .position(|n| n.0.eq_ignore_ascii_case(name) || n.1.eq_ignore_ascii_case(name))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(text)?, day(text)?),
    };
    let length = (last + 7 - first) % 7;
    Some((first..=first + length).fold(0, |days, day| days | 1 << (day % 7)))
}

/// The list of texts.
impl Serialize for Weekdays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.texts())
    }
}

/// A part of every day, or of some days of the week, by the clock on the wall; it may reach across midnight.
///
/// The beginning belongs to the range and the end does not. A range across midnight belongs to the day on which it begins: `22:00-06:00` on
/// `fri` ends on Saturday morning.
///
/// ```
/// use dras_core::calendar::{DailyRange, Weekdays};
/// let nights = DailyRange::parse("22:00-06:00")?.on(Weekdays::parse(&["mon-fri"])?);
/// assert_eq!(nights.text(), "22:00-06:00");
/// assert!(DailyRange::parse("00:00-24:00").is_ok());
/// assert_eq!(
///     DailyRange::parse("06:00-06:00").unwrap_err().to_string(),
///     "the daily range `06:00-06:00` ends when it begins, which may mean never or all day"
/// );
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyRange {
    /// Of its day, in ms after midnight by the clock.
    start: Millis,
    /// In ms after midnight of the day on which it begins: up to two days.
    end: Millis,
    weekdays: Option<Weekdays>,
    text: Box<str>,
}

impl DailyRange {
    /// Reads two times of day, `HH:MM` or `HH:MM:SS` (the hour also with one digit), with a hyphen between them. The end may be `24:00`.
    ///
    /// # Errors
    ///
    /// One is not a time of day, or both are equal.
    pub fn parse(text: &str) -> Result<DailyRange, CalendarError> {
        check_length(text)?;
        let given = || text.to_owned();
        let Some((start, end)) = text.split_once('-') else {
            return Err(CalendarError::Range { given: given() });
        };
        let (start, mut end) = (time_of_day(start.trim())?, time_of_day(end.trim())?);
        if start == DAY {
            return Err(CalendarError::BeginsAtMidnight { given: given() });
        }
        if start == end {
            return Err(CalendarError::EmptyRange { given: given() });
        }
        if end < start {
            end += DAY;
        }
        Ok(DailyRange {
            start,
            end,
            weekdays: None,
            text: text.into(),
        })
    }

    /// The same range, but only where it begins on one of these days.
    #[must_use]
    pub fn on(mut self, weekdays: Weekdays) -> DailyRange {
        self.weekdays = Some(weekdays);
        self
    }

    /// As it was written, without its weekdays.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The days of the week on which it begins; every day where it is `None`.
    pub fn weekdays(&self) -> Option<&Weekdays> {
        self.weekdays.as_ref()
    }

    /// The range that begins on a day, by the clock; `None` where that is not one of its days of the week.
    fn of_day(&self, day: i64) -> Option<(Millis, Millis)> {
        let held = self.weekdays.as_ref().is_none_or(|days| days.has(day));
        held.then(|| (day * DAY + self.start, day * DAY + self.end))
    }

    /// Where the range that a time by the clock lies in ends.
    fn end_at(&self, local: Millis) -> Option<Millis> {
        let day = local.div_euclid(DAY);
        // That of the day, or that of the day before across midnight; they do not overlap.
        [day, day - 1]
            .into_iter()
            .filter_map(|day| self.of_day(day))
            .find(|&(start, end)| start <= local && local < end)
            .map(|range| range.1)
    }

    /// The first time by the clock from `from` to `until` that is inside.
    pub(super) fn first_inside(&self, from: Millis, until: Millis) -> Option<Millis> {
        let today = from.div_euclid(DAY);
        (today - 1..=until.div_euclid(DAY))
            .filter_map(|day| self.of_day(day))
            .find(|&(_, end)| from < end)
            .map(|(start, _)| start.max(from))
            .filter(|&found| found <= until)
    }

    /// The first time by the clock from `from` to `until` that is outside.
    pub(super) fn first_outside(&self, from: Millis, until: Millis) -> Option<Millis> {
        let mut at = from;
        while at <= until {
            match self.end_at(at) {
                Some(end) => at = end,
                None => return Some(at),
            }
        }
        None
    }
}

/// In ms after midnight; `24:00` is a whole day.
fn time_of_day(text: &str) -> Result<Millis, CalendarError> {
    let error = || CalendarError::TimeOfDay { given: text.to_owned() };
    let parts: Vec<&str> = text.split(':').collect();
    let (2 | 3) = parts.len() else {
        return Err(error());
    };
    let mut numbers = [0_i64; 3];
    for (i, part) in parts.iter().enumerate() {
        let right_length = part.len() == 2 || i == 0 && part.len() == 1;
        if !right_length || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        numbers[i] = part.parse().map_err(|_| error())?;
    }
    let [hour, minute, second] = numbers;
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000;
    if minute > 59 || second > 59 || of_day > DAY {
        return Err(error());
    }
    Ok(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        const HOUR: Millis = 3_600_000;
        for (text, start, end) in [
            ("22:00-06:00", 22 * HOUR, 30 * HOUR),
            ("9:30:30-10:50:20", 34_230_000, 39_020_000),
            ("00:00-24:00", 0, DAY),
            ("00:00 - 24:00:00", 0, DAY),
            ("22:00-00:00", 22 * HOUR, DAY),
            ("23:59:59-24:00", DAY - 1000, DAY),
            ("12:00-11:59:59", 12 * HOUR, 36 * HOUR - 1000),
        ] {
            let range = DailyRange::parse(text).unwrap();
            assert_eq!((range.start, range.end, range.text()), (start, end, text));
        }
    }

    #[test]
    fn what_is_no_daily_range_is_refused_with_the_reason() {
        let error = |text| DailyRange::parse(text).unwrap_err();
        for text in ["", "22:00", "night", "22:00–06:00", "22:00..06:00"] {
            assert_eq!(error(text), CalendarError::Range { given: text.to_owned() });
        }
        for (text, given) in [
            ("22-06", "22"),
            ("22:00-6", "6"),
            ("22:00-06:0", "06:0"),
            ("22:00-006:00", "006:00"),
            ("25:00-06:00", "25:00"),
            ("22:00-24:00:01", "24:00:01"),
            ("22:60-06:00", "22:60"),
            ("22:00:60-06:00", "22:00:60"),
            ("22:00-06:00-07:00", "06:00-07:00"),
            ("+2:00-06:00", "+2:00"),
            ("22:00-", ""),
            ("22:00:00:00-06:00", "22:00:00:00"),
            ("٢٢:00-06:00", "٢٢:00"),
        ] {
            assert_eq!(
                error(text),
                CalendarError::TimeOfDay {
                    given: given.to_owned()
                },
                "{text}"
            );
        }
        for text in ["06:00-06:00", "6:00-06:00:00", "00:00-0:00"] {
            assert_eq!(error(text), CalendarError::EmptyRange { given: text.to_owned() });
        }
        for text in ["24:00-06:00", "24:00-24:00"] {
            assert_eq!(error(text), CalendarError::BeginsAtMidnight { given: text.to_owned() });
        }
        assert_eq!(error(&"1".repeat(201)), CalendarError::TooLong { bytes: 201 });
    }

    #[test]
    fn weekdays() {
        for (texts, days) in [
            (&["mon"][..], 0b000_0001),
            (&["mon-fri"], 0b001_1111),
            (&["MON", "Saturday"], 0b010_0001),
            (&["sat-mon"], 0b110_0001),
            (&["sun - sun"], 0b100_0000),
            (&["tue-mon"], 0b111_1111),
        ] {
            assert_eq!(Weekdays::parse(texts).unwrap().days, days, "{texts:?}");
        }
        for text in ["", "mo", "mon-", "1", "mon-fri-sun", "mon,tue"] {
            assert_eq!(
                Weekdays::parse(&["mon", text]),
                Err(CalendarError::Weekday { given: text.to_owned() })
            );
        }
        assert_eq!(Weekdays::parse::<&str>(&[]), Err(CalendarError::NoWeekdays));
        let monday = Weekdays::parse(&["mon"]).unwrap();
        assert!(monday.has(4) && !monday.has(5) && monday.has(-3)); // 1970-01-05, 1969-12-29
    }
}
