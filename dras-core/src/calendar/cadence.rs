//! When a task is looked at.

use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::cron::{Cron, Without};
use super::error::check_length;
use super::{CalendarError, DAY, MAX_TIME, TimeZone};
use crate::fingerprint::fnv1a;
use crate::literal::{exact_duration, parse_quantity};
use crate::units::{Millis, Unit};

/// The most frequent looks: every second.
pub const MIN_EVERY: Millis = 1000;
/// The rarest looks at a fixed distance: once a day.
pub const MAX_EVERY: Millis = DAY;

/// The most by which a look is later than its cron pattern says: less than this.
const MAX_SPREAD: Millis = 60_000;

/// A date comes back after 40 years at the latest: 29 February on one day of the week, over a turn of a century that is no leap year.
const RAREST: Millis = 50 * 366 * DAY;

/// When a task is looked at: at a fixed distance, or when a cron pattern says.
///
/// Many tasks with one cadence are not looked at in the same moment: each has its own, from a hash of its id (FNV-1a, 64 bits), which is
/// the same on every machine and after every restart.
///
/// - Every `p`: at the moments whose milliseconds since the epoch leave the same remainder as the hash when they are divided by `p`.
/// - By cron pattern: after each moment of the pattern, by the remainder of the hash when it is divided by a tenth of the time to the next moment of the
///   pattern, or by a minute where that is less. So no look comes a minute late, and none comes near the next.
///
/// A pattern matches by the clocks of its zone, with seconds 0 where it has no field for them. What clocks that are put forward leave out
/// takes place at the switch, once; what they show twice takes place twice. A look too many does no harm, and none is lost.
///
/// ```
/// use dras_core::calendar::Cadence;
/// let every: Cadence = "5m".parse()?;
/// let first = every.next(0, "orders");
/// assert!(0 < first && first <= 300_000);
/// assert_eq!(every.next(first, "orders"), first + 300_000);
/// assert_ne!(every.next(0, "payments"), first);
///
/// let by_cron: Cadence = "0 6 * * *".parse()?;
/// let hour = 3_600_000;
/// assert!((6 * hour..6 * hour + 60_000).contains(&by_cron.next(0, "orders")));
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadence(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Every { period: Millis, text: Box<str> },
    Cron { cron: Cron, zone: TimeZone },
}

/// Every minute.
impl Default for Cadence {
    fn default() -> Cadence {
        Cadence(Kind::Every {
            period: 60_000,
            text: "1m".into(),
        })
    }
}

impl Cadence {
    /// Looks at a fixed distance, in ms.
    ///
    /// # Errors
    ///
    /// It is less than [`MIN_EVERY`] or more than [`MAX_EVERY`].
    pub fn every(period: Millis) -> Result<Cadence, CalendarError> {
        Cadence::every_as(period, &exact_duration(period))
    }

    fn every_as(period: Millis, text: &str) -> Result<Cadence, CalendarError> {
        if !(MIN_EVERY..=MAX_EVERY).contains(&period) {
            return Err(CalendarError::EveryOutOfRange { given: period });
        }
        let text = text.into();
        Ok(Cadence(Kind::Every { period, text }))
    }

    /// Looks by the clocks of a zone.
    pub fn cron(cron: Cron, zone: TimeZone) -> Cadence {
        Cadence(Kind::Cron { cron, zone })
    }

    /// Reads a duration (`30s`, `5m`) or a cron pattern, for which a zone may be given; UTC where it is not.
    ///
    /// # Errors
    ///
    /// The text is neither, the duration is out of range, or there is a zone for a duration.
    pub fn parse(text: &str, zone: Option<TimeZone>) -> Result<Cadence, CalendarError> {
        check_length(text)?;
        let given = || text.to_owned();
        let fields = text.split_ascii_whitespace().count();
        if fields > 2 || text.contains('*') {
            return Ok(Cadence::cron(Cron::parse(text)?, zone.unwrap_or_default()));
        }
        let (value, unit) = parse_quantity(text).map_err(|reason| CalendarError::Cadence { given: given(), reason })?;
        if unit != Unit::SECONDS {
            return Err(CalendarError::NotADuration { given: given() });
        }
        if zone.is_some() {
            return Err(CalendarError::ZoneOfDuration { given: given() });
        }
        Cadence::every_as((value * 1e3).round() as Millis, text)
    }

    /// The fixed distance of the looks, in ms; `None` where a cron pattern says when.
    pub fn period(&self) -> Option<Millis> {
        match &self.0 {
            Kind::Every { period, .. } => Some(*period),
            Kind::Cron { .. } => None,
        }
    }

    /// The cron pattern with its zone.
    pub fn cron_pattern(&self) -> Option<(&Cron, TimeZone)> {
        match &self.0 {
            Kind::Every { .. } => None,
            Kind::Cron { cron, zone } => Some((cron, *zone)),
        }
    }

    /// The first look strictly after `after`, in ms since the epoch, at the task with the id `spread_key`.
    ///
    /// The same `after` and id always give the same. Where nothing comes any more in the 250,000 years that the calendar reaches, it is
    /// [`Millis::MAX`].
    pub fn next(&self, after: Millis, spread_key: &str) -> Millis {
        let hash = fnv1a(spread_key);
        match &self.0 {
            Kind::Every { period, .. } => {
                let phase = (hash % period.unsigned_abs()) as Millis;
                let since = (after.rem_euclid(*period) - phase).rem_euclid(*period);
                after.saturating_add(period - since)
            }
            Kind::Cron { cron, zone } => next_by_cron(cron, *zone, after, hash).unwrap_or(Millis::MAX),
        }
    }
}

fn next_by_cron(cron: &Cron, zone: TimeZone, after: Millis, hash: u64) -> Option<Millis> {
    // A moment of the pattern before `after` may have its look after it.
    let mut moment = moment(cron, zone, after.max(-MAX_TIME).saturating_sub(MAX_SPREAD))?;
    loop {
        let following = self::moment(cron, zone, moment)?;
        let spread = ((following - moment) / 10).clamp(1, MAX_SPREAD);
        let look = moment + (hash % spread.unsigned_abs()) as Millis;
        if look > after {
            return Some(look);
        }
        moment = following;
    }
}

/// The first moment of a pattern strictly after `after`.
fn moment(cron: &Cron, zone: TimeZone, after: Millis) -> Option<Millis> {
    if after > MAX_TIME {
        return None;
    }
    let until = after + RAREST;
    let mut from = after + 1;
    // The offset at `after` and not at `from`: a switch at `from` must be seen.
    let mut offset = zone.offset(after);
    loop {
        // A second of the clock begins at a whole second, which `first_match` leaves where the search begins within it.
        let local =
            (from + offset).div_euclid(1000) * 1000 + if (from + offset).rem_euclid(1000) == 0 { 0 } else { 1000 };
        let found = cron.first_match(local, until + offset, Without::Zero);
        let found = found.map(|local| local - offset);
        let Some(switch) = zone.switch(from - 1, found.unwrap_or(until)) else {
            return found;
        };
        let new_offset = zone.offset(switch);
        // What the clocks would have shown from the switch on, had they not been put forward.
        let skipped = cron.first_match(switch + offset, switch + new_offset - 1, Without::Zero);
        if skipped.is_some() {
            return Some(switch);
        }
        offset = new_offset;
        if cron
            .first_match(switch + offset, switch + offset, Without::Zero)
            .is_some()
        {
            return Some(switch);
        }
        from = switch + 1;
    }
}

/// Reads a duration or a cron pattern in UTC.
impl FromStr for Cadence {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Cadence, CalendarError> {
        Cadence::parse(text, None)
    }
}

/// As a reader would say it: `every 5m`, `at */5 * * * * (Europe/Berlin)`.
impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Every { text, .. } => write!(f, "every {text}"),
            Kind::Cron { cron, zone } => write!(f, "at {cron} ({zone})"),
        }
    }
}

/// The text where it says all; a cron pattern of another zone than UTC as a map with `cron` and `zone`.
impl Serialize for Cadence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Every { text, .. } => serializer.serialize_str(text),
            Kind::Cron { cron, zone } if *zone == TimeZone::UTC => cron.serialize(serializer),
            Kind::Cron { cron, zone } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("cron", cron)?;
                map.serialize_entry("zone", zone)?;
                map.end()
            }
        }
    }
}
