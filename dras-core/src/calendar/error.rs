//! What is wrong with a text of the calendar.

use super::{MAX_EVERY, MAX_TEXT_BYTES, MIN_EVERY};
use crate::literal::{QuantityError, exact_duration, quote};
use crate::units::Millis;

/// Why a text is no time zone, period or cadence. The message says what was given and what is allowed; [`help`](Self::help) says what to
/// write instead, where that can be known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// The text is longer than [`MAX_TEXT_BYTES`].
    #[error("a text of {bytes} bytes where a time is expected; at most {MAX_TEXT_BYTES} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The IANA database has no time zone of this name.
    #[error("`{}` is not a time zone of the IANA database", quote(given))]
    UnknownZone {
        /// As it was written.
        given: String,
        /// The zone that was probably meant.
        nearest: Option<String>,
    },
    /// Not two times of day with a hyphen.
    #[error(
        "`{}` is not a daily range: two times of day with a hyphen are expected",
        quote(given)
    )]
    Range {
        /// As it was written.
        given: String,
    },
    /// One end of a daily range is not a time of day.
    #[error(
        "`{}` is not a time of day: `HH:MM` or `HH:MM:SS` is expected, from 00:00 to 23:59:59, or 24:00 as an end",
        quote(given)
    )]
    TimeOfDay {
        /// As it was written.
        given: String,
    },
    /// A daily range begins with 24:00.
    #[error("the daily range `{}` begins at 24:00, which can only be an end", quote(given))]
    BeginsAtMidnight {
        /// As it was written.
        given: String,
    },
    /// A daily range ends when it begins.
    #[error(
        "the daily range `{}` ends when it begins, which may mean never or all day",
        quote(given)
    )]
    EmptyRange {
        /// As it was written.
        given: String,
    },
    /// Not a day of the week or a range of them.
    #[error(
        "`{}` is not a day of the week: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun` or a range as `mon-fri` is expected",
        quote(given)
    )]
    Weekday {
        /// As it was written.
        given: String,
    },
    /// A list of weekdays without a day, which no moment matches.
    #[error("an empty list of weekdays, which excludes nothing")]
    NoWeekdays,
    /// A cron pattern with a wrong number of fields.
    #[error(
        "the cron pattern `{}` has {fields} {}; five are expected (minute, hour, day of the month, month, day of the week), or six with the second in front",
        quote(given), if *fields == 1 { "field" } else { "fields" }
    )]
    CronFields {
        /// As it was written.
        given: String,
        /// How many it has.
        fields: usize,
    },
    /// A part of a cron pattern that its field does not have.
    #[error("`{}` is not possible in the {field} of a cron pattern: {allowed}", quote(given))]
    CronField {
        /// The part as it was written.
        given: String,
        /// What the field says: `minute`, `day of the month`, …
        field: &'static str,
        /// What is possible there, or what is wrong.
        allowed: String,
        /// What to write instead.
        help: Option<String>,
    },
    /// A cron pattern for dates that no calendar has.
    #[error("the cron pattern `{}` matches no date of any year", quote(given))]
    CronNever {
        /// As it was written.
        given: String,
    },
    /// A period without a daily range and without a cron pattern, or with two of one kind.
    #[error(
        "`{}` is not a period: a daily range, a cron pattern, or one of each joined by `&&` is expected",
        quote(given)
    )]
    Period {
        /// As it was written.
        given: String,
    },
    /// Neither a duration nor a cron pattern.
    #[error("`{}` is neither a duration nor a cron pattern: {reason}", quote(given))]
    Cadence {
        /// As it was written.
        given: String,
        /// Why it is no duration.
        reason: QuantityError,
    },
    /// A quantity that is no duration.
    #[error("`{}` is not a duration", quote(given))]
    NotADuration {
        /// As it was written.
        given: String,
    },
    /// Looks that are too frequent or too rare.
    #[error(
        "a look every {}; from {} to {} is possible",
        exact_duration(*given), exact_duration(MIN_EVERY), exact_duration(MAX_EVERY)
    )]
    EveryOutOfRange {
        /// As it was given, in ms.
        given: Millis,
    },
    /// A time zone beside a duration, which has no use for it.
    #[error("a look every `{}` does not depend on a time zone", quote(given))]
    ZoneOfDuration {
        /// The duration as it was written.
        given: String,
    },
}

impl CalendarError {
    /// What to write instead, where that can be known.
    pub fn help(&self) -> Option<String> {
        match self {
            CalendarError::TooLong { .. } | CalendarError::Weekday { .. } | CalendarError::EveryOutOfRange { .. } => {
                None
            }
            CalendarError::UnknownZone {
                nearest: Some(zone), ..
            } => Some(format!("did you mean `{zone}`?")),
            CalendarError::UnknownZone { .. } => Some(
                "zones have the names of places, so that daylight saving is known: `Europe/Berlin`, or `UTC`"
                    .to_owned(),
            ),
            CalendarError::Range { .. } | CalendarError::TimeOfDay { .. } => {
                Some("write for example `22:00-06:00`".to_owned())
            }
            CalendarError::BeginsAtMidnight { .. } => {
                Some("write `00:00` for the beginning of the next day".to_owned())
            }
            CalendarError::EmptyRange { .. } => Some("for all day write `00:00-24:00`".to_owned()),
            CalendarError::NoWeekdays => Some("leave the weekdays out where every day is meant".to_owned()),
            CalendarError::CronFields { .. } => Some("write for example `0 22 * * MON-FRI`".to_owned()),
            CalendarError::CronField { help, .. } => help.clone(),
            CalendarError::CronNever { .. } => Some("for the last day of every month write `L` as its day".to_owned()),
            CalendarError::Period { .. } => Some(
                "write for example `22:00-06:00`, `* 9-11 * * MON-FRI` or `09:30-10:50 && * * * * MON,THU`".to_owned(),
            ),
            CalendarError::Cadence { reason, .. } => Some(match reason {
                QuantityError::WhiteSpace { help: Some(_), .. } | QuantityError::Malformed { help: Some(_), .. } => {
                    reason.help()
                }
                _ => "write for example `5m`, or `*/5 * * * *`".to_owned(),
            }),
            CalendarError::NotADuration { .. } => Some("write for example `30s` or `5m`".to_owned()),
            CalendarError::ZoneOfDuration { .. } => Some("leave the time zone out".to_owned()),
        }
    }
}

/// Refuses texts that are longer than anything a person would write, before anybody works on them.
pub(super) fn check_length(text: &str) -> Result<(), CalendarError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(CalendarError::TooLong { bytes: text.len() });
    }
    Ok(())
}
