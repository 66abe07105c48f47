//! Time zones: what clocks on the wall show.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone as _};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Serialize, Serializer};

use super::error::check_length;
use super::{CalendarError, DAY, MAX_TIME};
use crate::diagnostic::did_you_mean;
use crate::units::Millis;

/// How far apart the offset of a zone is looked at when a switch is searched. No zone of the database has two switches within this length
/// (the shortest summer is that of Brazil's north-east in 2000, a week less an hour), so that none is overlooked; a test holds it.
pub(super) const SWITCHES_APART: Millis = 3 * DAY;

/// A time zone of the IANA database, by its name.
///
/// The database is compiled in, so that every machine knows the same rules. They are known as they stood when the database was published,
/// and reach to the year 2099; from then on the offset stays.
///
/// ```
/// use dras_core::calendar::TimeZone;
/// let berlin = TimeZone::parse("Europe/Berlin")?;
/// assert_eq!(berlin.name(), "Europe/Berlin");
/// assert_eq!(berlin.offset(1_800_000_000_000), 3_600_000); // a winter's day in 2027
///
/// let error = TimeZone::parse("Europe/Berln").unwrap_err();
/// assert_eq!(error.to_string(), "`Europe/Berln` is not a time zone of the IANA database");
/// assert_eq!(error.help().as_deref(), Some("did you mean `Europe/Berlin`?"));
/// # Ok::<(), dras_core::calendar::CalendarError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimeZone {
    zone: Tz,
}

impl TimeZone {
    /// Coordinated Universal Time.
    pub const UTC: TimeZone = TimeZone { zone: Tz::UTC };

    /// The zone of this name, in the database's own spelling.
    ///
    /// # Errors
    ///
    /// [`CalendarError::UnknownZone`] with the nearest name, where one is near.
    pub fn parse(name: &str) -> Result<TimeZone, CalendarError> {
        check_length(name)?;
        Tz::from_str(name)
            .map(|zone| TimeZone { zone })
            .map_err(|_| CalendarError::UnknownZone {
                given: name.to_owned(),
                nearest: nearest(name).map(str::to_owned),
            })
    }

    /// Its name: `Europe/Berlin`.
    pub fn name(self) -> &'static str {
        self.zone.name()
    }

    /// The names of all zones, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// By how much the clocks of the zone are ahead of UTC at a moment, in ms.
    ///
    /// Moments more than 250,000 years away have the offset of the nearest that is not.
    pub fn offset(self, at: Millis) -> Millis {
        let seconds = at.clamp(-MAX_TIME, MAX_TIME).div_euclid(1000);
        let utc = DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc();
        let offset = self.zone.offset_from_utc_datetime(&utc).fix();
        Millis::from(offset.local_minus_utc()) * 1000
    }

    /// The first moment after `after`, up to and with `until`, from which the offset is another.
    pub(super) fn switch(self, after: Millis, until: Millis) -> Option<Millis> {
        let old = self.offset(after);
        let mut low = after;
        while low < until {
            let mut high = low.saturating_add(SWITCHES_APART).min(until);
            if self.offset(high) != old {
                // The old offset is still there at `low`, and no more at `high`.
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    *(if self.offset(middle) == old {
                        &mut low
                    } else {
                        &mut high
                    }) = middle;
                }
                return Some(high);
            }
            low = high;
        }
        None
    }

    /// The first moment from `from` to `until`, both included, that `first` finds on the clocks of the zone.
    ///
    /// `first` gets two times as the clocks show them, in ms, and searches between them, both included. Between two switches clocks run as
    /// the time does, so that what is first on the clock is first in time; at a switch, the search begins anew with what the clocks then
    /// show.
    pub(super) fn find(
        self,
        from: Millis,
        until: Millis,
        first: impl Fn(Millis, Millis) -> Option<Millis>,
    ) -> Option<Millis> {
        let mut from = from;
        loop {
            let offset = self.offset(from);
            let found = first(from + offset, until + offset).map(|local| local - offset);
            match self.switch(from, found.unwrap_or(until)) {
                Some(switch) => from = switch,
                None => return found,
            }
        }
    }
}

/// The zone that somebody probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    // An offset is no place: `GMT+2` is near to `Etc/GMT+2`, which is two hours west of Greenwich.
    if name.contains(['+', ':']) || name.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let name = name.trim().replace(' ', "_");
    // `Berlin`, `new york`
    let city = |zone: &&str| {
        zone.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(&name))
    };
    TimeZone::names()
        .find(|zone| zone.eq_ignore_ascii_case(&name))
        .or_else(|| TimeZone::names().find(city))
        .or_else(|| did_you_mean(&name, TimeZone::names()))
}

impl FromStr for TimeZone {
    type Err = CalendarError;

    fn from_str(name: &str) -> Result<TimeZone, CalendarError> {
        TimeZone::parse(name)
    }
}

/// UTC.
impl Default for TimeZone {
    fn default() -> TimeZone {
        TimeZone::UTC
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZone({})", self.name())
    }
}

/// Its name.
impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_names_get_the_nearest() {
        for (given, nearest) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("new york", Some("America/New_York")),
            ("America/New York", Some("America/New_York")),
            ("America/NewYork", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("Sao_Paulo", Some("America/Sao_Paulo")),
            ("GMT+2", None),
            ("+02:00", None),
            ("UTC+1", None),
            ("somewhere else", None),
            ("", None),
        ] {
            assert_eq!(
                TimeZone::parse(given),
                Err(CalendarError::UnknownZone {
                    given: given.to_owned(),
                    nearest: nearest.map(str::to_owned)
                })
            );
        }
        assert_eq!(
            TimeZone::parse(&"x".repeat(201)),
            Err(CalendarError::TooLong { bytes: 201 })
        );
    }

    #[test]
    fn every_name_reads_back() {
        let names: Vec<&str> = TimeZone::names().collect();
        assert!(names.len() > 500 && names.is_sorted(), "{}", names.len());
        for name in names {
            let zone = TimeZone::parse(name).unwrap();
            assert_eq!(zone.to_string(), name);
            assert_eq!(serde_json::to_string(&zone).unwrap(), format!("\"{name}\""));
            assert_eq!(TimeZone::from_str(name), Ok(zone));
        }
        assert_eq!(TimeZone::default(), TimeZone::parse("UTC").unwrap());
    }

    /// What `switch` rests on: two switches are never within one of its steps.
    #[test]
    fn no_zone_switches_twice_in_a_few_days() {
        let step = DAY + DAY / 2;
        let (start, end) = (0, 4_102_444_800_000); // 1970 to 2100
        for zone in TZ_VARIANTS {
            let zone = TimeZone { zone };
            let (mut last, mut old) = (None, zone.offset(start));
            let mut at = start;
            while at < end {
                at += step;
                let offset = zone.offset(at);
                if offset != old {
                    assert!(last.is_none_or(|last| at - last > SWITCHES_APART + step), "{zone} {at}");
                    (last, old) = (Some(at), offset);
                }
            }
        }
    }

    #[test]
    fn switches_are_found_to_the_millisecond() {
        let zone = |name| TimeZone::parse(name).unwrap();
        for (name, switch, before, after) in [
            // 2027-03-28 01:00 and 2027-10-31 01:00, 2027-04-03 15:00, 2011-12-30 10:00 UTC
            ("Europe/Berlin", 1_806_195_600_000, 3600, 7200),
            ("Europe/Berlin", 1_824_944_400_000, 7200, 3600),
            ("Australia/Lord_Howe", 1_806_764_400_000, 39_600, 37_800),
            ("Pacific/Apia", 1_325_239_200_000, -36_000, 50_400),
        ] {
            let zone = zone(name);
            assert_eq!(zone.offset(switch - 1), before * 1000, "{name}");
            assert_eq!(zone.offset(switch), after * 1000, "{name}");
            for lead in [1, 999, 1000, DAY, 20 * DAY] {
                assert_eq!(zone.switch(switch - lead, switch), Some(switch), "{name}");
                assert_eq!(zone.switch(switch - lead, switch + 9 * DAY), Some(switch), "{name}");
                assert_eq!(zone.switch(switch - lead, switch - 1), None, "{name}");
            }
            assert_eq!(zone.switch(switch, switch + 9 * DAY), None, "{name}");
        }
        assert_eq!(TimeZone::UTC.switch(0, 400 * DAY), None);
    }

    #[test]
    fn no_moment_panics() {
        let zone = TimeZone::parse("Europe/Berlin").unwrap();
        for at in [Millis::MIN, -MAX_TIME, 0, MAX_TIME, Millis::MAX] {
            assert!(zone.offset(at).abs() < DAY);
        }
    }
}
