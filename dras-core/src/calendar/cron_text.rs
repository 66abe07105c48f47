//! Reads cron patterns.

use super::CalendarError;
use super::cron::{Cron, Dates};
use super::error::check_length;

/// One field of a pattern.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    /// Names of values, from `low` on.
    names: &'static [&'static str],
}

const SECOND: Field = Field {
    name: "second",
    low: 0,
    high: 59,
    names: &[],
};
const MINUTE: Field = Field {
    name: "minute",
    low: 0,
    high: 59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    low: 0,
    high: 23,
    names: &[],
};
const DAY_OF_MONTH: Field = Field {
    name: "day of the month",
    low: 1,
    high: 31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
/// 7 is Sunday again.
const DAY_OF_WEEK: Field = Field {
    name: "day of the week",
    low: 0,
    high: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

impl Cron {
    /// Reads a pattern of five fields, or of six with the second in front.
    ///
    /// # Errors
    ///
    /// The number of fields is another, a field has a part that is not possible there, or no date of any year matches.
    pub fn parse(text: &str) -> Result<Cron, CalendarError> {
        check_length(text)?;
        let given = || text.to_owned();
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (Some(*second), rest),
            rest => (None, rest),
        };
        let &[minute, hour, day, month, weekday] = rest else {
            return Err(CalendarError::CronFields {
                given: given(),
                fields: fields.len(),
            });
        };
        // From left to right, so that the first mistake is told.
        let seconds = second.map(|text| SECOND.bits(text)).transpose()?;
        let (minutes, hours) = (MINUTE.bits(minute)?, HOUR.bits(hour)?);
        let mut dates = Dates {
            both: day.starts_with('*') || weekday.starts_with('*'),
            ..Dates::default()
        };
        days(day, &mut dates)?;
        dates.months = MONTH.bits(month)?;
        weekdays(weekday, &mut dates)?;
        if !dates.exist() {
            return Err(CalendarError::CronNever { given: given() });
        }
        Ok(Cron {
            seconds,
            minutes,
            hours,
            dates,
            text: text.into(),
        })
    }
}

/// The field of days of the month.
fn days(text: &str, dates: &mut Dates) -> Result<(), CalendarError> {
    for part in DAY_OF_MONTH.parts(text)? {
        if part.eq_ignore_ascii_case("L") {
            dates.last_day = true;
        } else {
            dates.days |= DAY_OF_MONTH.part(part)?;
        }
    }
    Ok(())
}

/// The field of days of the week.
fn weekdays(text: &str, dates: &mut Dates) -> Result<(), CalendarError> {
    for part in DAY_OF_WEEK.parts(text)? {
        if let Some((weekday, count)) = part.split_once('#') {
            let weekday = DAY_OF_WEEK.value(weekday).ok_or_else(|| DAY_OF_WEEK.error(part))? % 7;
            if count.eq_ignore_ascii_case("L") {
                dates.last_weekdays |= 1 << weekday;
            } else if let Some(count @ 1..=5) = number(count) {
                dates.nth[weekday as usize] |= 1 << count;
            } else {
                let allowed = "the first to the fifth of a month are expected after `#`, or `L` for the last";
                return Err(DAY_OF_WEEK.wrong(part, allowed.to_owned(), Some("write for example `FRI#2`".to_owned())));
            }
        } else if part.eq_ignore_ascii_case("L") {
            let allowed = "`L` alone means Saturday to some and the last day of the month to others".to_owned();
            let help = "for the last Friday of the month write `FRIL`".to_owned();
            return Err(DAY_OF_WEEK.wrong(part, allowed, Some(help)));
        } else if let Some(weekday) = part.strip_suffix(['L', 'l']).and_then(|day| DAY_OF_WEEK.value(day)) {
            dates.last_weekdays |= 1 << (weekday % 7);
        } else {
            let bits = DAY_OF_WEEK.part(part)?;
            dates.weekdays |= bits & 0x7f | bits >> 7;
        }
    }
    Ok(())
}

impl Field {
    fn bits(&self, text: &str) -> Result<u64, CalendarError> {
        self.parts(text)?.try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }

    /// The parts of a list, of which none is empty.
    fn parts<'a>(&self, text: &'a str) -> Result<impl Iterator<Item = &'a str> + use<'a>, CalendarError> {
        if text.split(',').any(str::is_empty) {
            return Err(self.wrong(text, "a part of the list is empty".to_owned(), None));
        }
        Ok(text.split(','))
    }

    /// One part of a list: `*`, `5`, `1-5`, each also with `/2`.
    fn part(&self, part: &str) -> Result<u64, CalendarError> {
        let (values, step) = match part.split_once('/') {
            Some((values, step)) => (values, Some(step)),
            None => (part, None),
        };
        let step = match step.map(number) {
            None => 1,
            Some(Some(step)) if (1..=self.high).contains(&step) => step,
            Some(_) => {
                let allowed = format!("a step from 1 to {} is expected after `/`", self.high);
                return Err(self.wrong(part, allowed, None));
            }
        };
        let value = |text: &str| {
            self.value(text)
                .ok_or_else(|| self.error(if text.is_empty() { part } else { text }))
        };
        let (first, last) = match values.split_once('-') {
            // All days of the week once, not Sunday twice: `*/2` would otherwise count up to 7.
            None if values == "*" => (self.low, self.high.min(self.last())),
            None => {
                let first = value(values)?;
                // `10/20` is every 20th from 10 on.
                (first, if part.contains('/') { self.last() } else { first })
            }
            Some((first, last)) => {
                let (first, mut last) = (value(first)?, value(last)?);
                // `FRI-SUN` ends with the Sunday after it.
                if last == 0 && self.high == 7 && first > 0 {
                    last = 7;
                }
                (first, last)
            }
        };
        if first > last {
            let help = (!part.contains('/') && values.contains('-')).then(|| {
                let last_of_all = self.last();
                format!(
                    "where it goes over the end, write two ranges: `{first}-{last_of_all},{}-{last}`",
                    self.low
                )
            });
            return Err(self.wrong(part, "its end is before its beginning".to_owned(), help));
        }
        Ok((first..=last)
            .step_by(step as usize)
            .fold(0, |bits, value| bits | 1 << value))
    }

    /// The largest value that is not another one's second name.
    fn last(&self) -> u32 {
        if self.high == 7 { 6 } else { self.high }
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        named
            .map(|at| self.low + at as u32)
            .or_else(|| number(text))
            .filter(|value| (self.low..=self.high).contains(value))
    }

    /// A value that the field does not have.
    fn error(&self, value: &str) -> CalendarError {
        let names = match self.names {
            [first, .., last] => format!(", or {first} to {last},"),
            _ => String::new(),
        };
        let allowed = format!("{} to {}{names} are expected", self.low, self.high);
        let help = match value {
            "?" => Some(
                "write `*`; a pattern with `?` is one of Quartz, whose days of the week are 1 to 7 from Sunday: write their names".to_owned(),
            ),
            _ if value.contains(['W', 'w']) && self.high == 31 => {
                Some("the nearest working day cannot be written; write the days".to_owned())
            }
            "L" | "l" if self.high == 31 => Some("`L` is the last day of the month, and stands alone in a list".to_owned()),
            _ => None,
        };
        self.wrong(value, allowed, help)
    }

    fn wrong(&self, given: &str, allowed: String, help: Option<String>) -> CalendarError {
        CalendarError::CronField {
            given: given.to_owned(),
            field: self.name,
            allowed,
            help,
        }
    }
}

/// A number of one or two digits.
fn number(text: &str) -> Option<u32> {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
