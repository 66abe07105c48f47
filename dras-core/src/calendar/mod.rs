//! Calendar: time zones, periods in which something is excluded, and when tasks are looked at.
//!
//! Everything is a function of a moment that the caller gives, in ms since the epoch (1970-01-01 00:00 UTC). There is no clock, the rules
//! of all time zones are compiled in, and every search has an end.
//!
//! | | |
//! | --- | --- |
//! | [`TimeZone`] | a zone of the IANA database: `Europe/Berlin` |
//! | [`Period`], [`Periods`] | `22:00-06:00`, `* 9-11 * * MON-FRI`, or both: is a moment inside, until when, and when does it begin next |
//! | [`Cadence`] | `5m` or `*/5 * * * *`: when is a task looked at next, spread over a fleet |
//! | [`DailyRange`], [`Weekdays`], [`Cron`] | of what periods and cadences are made |

mod cadence;
mod cron;
mod cron_text;
mod error;
mod period;
mod range;
#[cfg(test)]
mod tests;
mod zone;

pub use cadence::{Cadence, MAX_EVERY, MIN_EVERY};
pub use cron::Cron;
pub use error::CalendarError;
pub use period::{Inside, Period, Periods};
pub use range::{DailyRange, Weekdays};
pub use zone::TimeZone;

use crate::units::Millis;

/// The longest text that is read as a time zone, a period or a cadence, in bytes.
pub const MAX_TEXT_BYTES: usize = 200;

/// A day of 24 hours, in ms.
const DAY: Millis = 86_400_000;

/// How far from the epoch the calendar reaches, in ms: about 250,000 years. The dates of `chrono` reach further, so that searches stay
/// within them.
const MAX_TIME: Millis = 8_000_000_000_000_000;
