//! Periods and cadences against an oracle that is slow and obvious: it asks for every minute what the clock on the wall shows.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeZone as _, Timelike};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

mod cadences;
mod crons;
mod periods;

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/// Zones of both hemispheres, with half hours, half-hour switches, switches at midnight, a skipped day, and none.
const ZONES: [&str; 15] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Asuncion",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Pacific/Apia",
    "Pacific/Kiritimati",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::parse(name).unwrap()
}

/// `2027-03-28 01:59:59` in UTC.
fn utc(text: &str) -> Millis {
    let format = if text.len() > 16 {
        "%Y-%m-%d %H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M"
    };
    NaiveDateTime::parse_from_str(text, format)
        .unwrap()
        .and_utc()
        .timestamp_millis()
}

/// What the clock shows, by another way than `TimeZone::offset`.
fn wall(name: &str, at: Millis) -> NaiveDateTime {
    let zone: Tz = name.parse().unwrap();
    zone.from_utc_datetime(&DateTime::from_timestamp_millis(at).unwrap().naive_utc())
        .naive_local()
}

/// A zone, and a moment between 1970 and 2037 that is often near a switch.
fn places() -> impl Strategy<Value = (&'static str, Millis)> {
    let at = (0..67 * 365 * DAY, any::<bool>(), -3 * DAY..3 * DAY);
    (prop::sample::select(&ZONES[..]), at).prop_map(|(name, (at, near, shift))| {
        let switch = zone(name).switch(at, at + 400 * DAY).filter(|_| near);
        (name, switch.map_or(at, |switch| switch + shift))
    })
}
