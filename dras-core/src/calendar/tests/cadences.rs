//! Cadences.

use super::*;

fn by_cron(text: &str, name: &str) -> Cadence {
    Cadence::parse(text, Some(zone(name))).unwrap()
}

/// The looks after a moment, without their spread.
fn looks(cadence: &Cadence, from: &str, count: usize) -> Vec<Millis> {
    let mut at = utc(from);
    let mut found = Vec::new();
    for _ in 0..count {
        at = cadence.next(at, "orders");
        // The moment of the pattern; no look is later than a minute.
        found.push(at.div_euclid(MINUTE) * MINUTE);
    }
    found
}

#[test]
fn patterns_look_at_what_is_skipped_and_at_what_comes_twice() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        // 2:30 does not exist: at the switch, once, and then at 2:30 again.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2027-03-27 12:00",
            &["2027-03-28 01:00", "2027-03-29 00:30"],
        ),
        (
            "*/20 2 * * *",
            "Europe/Berlin",
            "2027-03-27 12:00",
            &["2027-03-28 01:00", "2027-03-29 00:00", "2027-03-29 00:20"],
        ),
        (
            "0 * * * *",
            "Europe/Berlin",
            "2027-03-28 00:30",
            &["2027-03-28 01:00", "2027-03-28 02:00"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2027-03-28 00:00",
            &["2027-03-28 00:30", "2027-03-28 01:00", "2027-03-28 01:30"],
        ),
        // It comes twice.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2027-10-30 12:00",
            &["2027-10-31 00:30", "2027-10-31 01:30", "2027-11-01 01:30"],
        ),
        (
            "0 2 * * *",
            "Europe/Berlin",
            "2027-10-30 12:00",
            &["2027-10-31 00:00", "2027-10-31 01:00", "2027-11-01 01:00"],
        ),
        (
            "30 2 * 3 SUN#2",
            "America/New_York",
            "2027-01-01 00:00",
            &["2027-03-14 07:00", "2028-03-12 07:00"],
        ),
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03 12:00",
            &["2018-11-04 03:00", "2018-11-05 02:00"],
        ),
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2027-10-02 08:00",
            &["2027-10-02 15:30", "2027-10-03 15:15"],
        ),
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29 00:00",
            &["2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"],
        ),
        (
            "0 6 * * *",
            "Asia/Kolkata",
            "2027-01-01 00:00",
            &["2027-01-01 00:30", "2027-01-02 00:30"],
        ),
        (
            "0 0 29 2 *",
            "Europe/Berlin",
            "2027-01-01 00:00",
            &["2028-02-28 23:00", "2032-02-28 23:00"],
        ),
    ];
    for (text, name, from, expected) in cases {
        let expected: Vec<Millis> = expected.iter().map(|at| utc(at)).collect();
        assert_eq!(
            looks(&by_cron(text, name), from, expected.len()),
            expected,
            "{text} {name}"
        );
    }
}

#[test]
fn texts_are_read_and_written() {
    for (text, period) in [
        ("1s", 1000),
        ("5m", 300_000),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("1d", DAY),
        ("24h", DAY),
    ] {
        let cadence: Cadence = text.parse().unwrap();
        assert_eq!((cadence.period(), cadence.cron_pattern()), (Some(period), None));
        assert_eq!(serde_json::to_value(&cadence).unwrap(), text);
    }
    assert_eq!(serde_json::to_value(Cadence::every(90_000).unwrap()).unwrap(), "1m30s");
    let utc: Cadence = "*/5 * * * *".parse().unwrap();
    assert_eq!(serde_json::to_value(&utc).unwrap(), "*/5 * * * *");
    let berlin = by_cron("*/5 * * * *", "Europe/Berlin");
    assert_eq!(
        serde_json::to_string(&berlin).unwrap(),
        r#"{"cron":"*/5 * * * *","zone":"Europe/Berlin"}"#
    );
    assert_eq!(
        (berlin.period(), berlin.cron_pattern().unwrap().1),
        (None, zone("Europe/Berlin"))
    );
    assert_eq!(berlin.to_string(), "at */5 * * * * (Europe/Berlin)");
    assert_eq!(Cadence::every(5000).unwrap().to_string(), "every 5s");

    let error = |text: &str| Cadence::parse(text, None).unwrap_err();
    for (text, message, help) in [
        (
            "",
            "neither a duration nor a cron pattern",
            Some("write for example `5m`, or `*/5 * * * *`"),
        ),
        (
            "soon",
            "neither a duration nor a cron pattern",
            Some("write for example `5m`, or `*/5 * * * *`"),
        ),
        ("5 minutes", "neither a duration nor a cron pattern", Some("write `5m`")),
        ("5min", "neither a duration nor a cron pattern", Some("write `5m`")),
        ("5", "`5` is not a duration", Some("write for example `30s` or `5m`")),
        (
            "5MiB",
            "`5MiB` is not a duration",
            Some("write for example `30s` or `5m`"),
        ),
        ("500ms", "a look every 500ms; from 1s to 1d is possible", None),
        ("2d", "a look every 2d; from 1s to 1d is possible", None),
        ("1e300s", "from 1s to 1d is possible", None),
        ("*/5", "has 1 field", Some("write for example `0 22 * * MON-FRI`")),
        (
            "0 0 30 2 *",
            "matches no date of any year",
            Some("for the last day of every month write `L` as its day"),
        ),
    ] {
        let error = error(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert_eq!(error.help().as_deref(), help, "{text}");
    }
    assert_eq!(
        Cadence::parse("5m", Some(TimeZone::UTC)),
        Err(CalendarError::ZoneOfDuration { given: "5m".to_owned() })
    );
    assert_eq!(Cadence::every(0), Err(CalendarError::EveryOutOfRange { given: 0 }));
    assert_eq!(
        Cadence::every(i64::MIN),
        Err(CalendarError::EveryOutOfRange { given: i64::MIN })
    );
}

/// The hash of the published test vectors, so that no other implementation spreads differently.
#[test]
fn spread_is_the_published_hash() {
    // FNV-1a, 64 bits: "" cbf29ce484222325, "a" af63dc4c8601ec8c, "foobar" 85944171f73967e8.
    for (key, hash) in [
        ("", 0xcbf2_9ce4_8422_2325_u64),
        ("a", 0xaf63_dc4c_8601_ec8c),
        ("foobar", 0x8594_4171_f739_67e8),
    ] {
        for period in [1000, 300_000, DAY] {
            let next = Cadence::every(period).unwrap().next(0, key);
            assert_eq!(next.rem_euclid(period) as u64, hash % period as u64);
        }
        // Every hour: less than a minute later.
        let next = by_cron("0 * * * *", "UTC").next(0, key);
        assert_eq!((next % HOUR) as u64, hash % 60_000);
        // Every second: less than a tenth of it.
        let next = by_cron("* * * * * *", "UTC").next(0, key);
        assert_eq!((next % SECOND) as u64, hash % 100);
    }
}

#[test]
fn a_fleet_is_spread_evenly() {
    let fleets: [fn(u32) -> String; 4] = [
        |n| n.to_string(),
        |n| format!("team-{}/job-{}", n % 17, n / 17),
        |n| {
            format!(
                "{:032x}",
                u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            )
        },
        |n| format!("prod.eu-west-1.orders-enrichment-{n:05}"),
    ];
    for fleet in fleets {
        let ids: Vec<String> = (0..10_000).map(fleet).collect();
        for cadence in [Cadence::every(300_000).unwrap(), by_cron("*/10 * * * *", "UTC")] {
            // 300 seconds of the period, 60 seconds of the spread.
            let buckets = if cadence.period().is_some() { 300 } else { 60 };
            let mut counts = vec![0_u32; buckets];
            for id in &ids {
                counts[(cadence.next(0, id) / SECOND) as usize % buckets] += 1;
            }
            let mean = ids.len() as f64 / buckets as f64;
            let chi: f64 = counts.iter().map(|&c| (f64::from(c) - mean).powi(2) / mean).sum();
            let freedom = buckets as f64 - 1.0;
            let most = f64::from(*counts.iter().max().unwrap());
            // Five standard deviations of the chi-squared distribution; even numbers lie below the mean.
            assert!(
                chi < freedom + 5.0 * (2.0 * freedom).sqrt(),
                "{} {cadence} chi² {chi} of {freedom}",
                ids[7]
            );
            assert!(most < 2.5 * mean, "{} {cadence} {most} of {mean}", ids[7]);
        }
    }
}

#[test]
fn the_end_of_time_is_no_panic() {
    for cadence in [
        Cadence::every(300_000).unwrap(),
        by_cron("*/5 * * * *", "Europe/Berlin"),
    ] {
        for at in [
            Millis::MIN,
            Millis::MIN + 1,
            -MAX_TIME,
            MAX_TIME - HOUR,
            MAX_TIME,
            Millis::MAX - 1,
        ] {
            assert!(cadence.next(at, "orders") > at, "{cadence} {at}");
        }
        assert_eq!(cadence.next(Millis::MAX, "orders"), Millis::MAX);
    }
}

proptest! {
    #[test]
    fn looks_at_a_fixed_distance(period in MIN_EVERY..=MAX_EVERY, after in -4_000_000_000_000_i64..4_000_000_000_000, key in "\\PC{0,20}") {
        let cadence = Cadence::every(period).unwrap();
        let first = cadence.next(after, &key);
        prop_assert!(after < first && first <= after + period);
        prop_assert_eq!(cadence.next(after, &key), first);
        prop_assert_eq!(cadence.next(first - 1, &key), first);
        prop_assert_eq!(cadence.next(first, &key), first + period);
    }

    #[test]
    fn looks_of_a_pattern_are_those_of_the_clock_on_the_wall(
        (name, after) in places(), minute in 0..60_u32, hour in prop::option::of(0..24_u32), key in "[a-z]{1,8}",
    ) {
        let text = format!("{minute} {} * * *", hour.map_or("*".to_owned(), |h| h.to_string()));
        let cadence = by_cron(&text, name);
        let look = cadence.next(after, &key);
        prop_assert!(look > after);
        prop_assert_eq!(cadence.next(look - 1, &key), look);
        // The look is less than a minute after its moment, and the clock matched then, or was put forward.
        let at = look.div_euclid(MINUTE) * MINUTE;
        let shows = |at: Millis| {
            let wall = wall(name, at);
            wall.minute() == minute && hour.is_none_or(|h| wall.hour() == h)
        };
        let forward = |at: Millis| wall(name, at) - wall(name, at - 1) > chrono::Duration::minutes(1);
        prop_assert!(shows(at) || forward(at), "{} {} {}", text, name, look);
        // No moment between was left out. That of the minute before may have been looked at already.
        for between in (after.div_euclid(MINUTE) + 1..at / MINUTE).map(|m| m * MINUTE) {
            prop_assert!(!shows(between), "{} {} {}", text, name, between);
        }
        // Keys move a look by less than a minute.
        let other = cadence.next(after - MINUTE, "another");
        prop_assert!(other < look + MINUTE);
    }
}
