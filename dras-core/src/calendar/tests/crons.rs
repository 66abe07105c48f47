//! Cron patterns.

use super::super::cron::Without;
use super::*;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap()
}

/// The first moments from a moment on, in UTC.
fn matches(text: &str, from: &str, count: usize) -> Vec<String> {
    let pattern = cron(text);
    let mut at = utc(from);
    let mut found = Vec::new();
    while found.len() < count {
        let Some(next) = pattern.first_match(at, at + 60 * 366 * DAY, Without::Zero) else {
            break;
        };
        found.push(wall("UTC", next).format("%Y-%m-%d %H:%M:%S").to_string());
        at = next + SECOND;
    }
    found
}

#[test]
fn patterns_match_what_crontab_says() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "*/20 * * * *",
            "2027-01-01 23:30",
            &["2027-01-01 23:40:00", "2027-01-02 00:00:00", "2027-01-02 00:20:00"],
        ),
        (
            "10/20 5 * * *",
            "2027-01-01 00:00",
            &["2027-01-01 05:10:00", "2027-01-01 05:30:00", "2027-01-01 05:50:00"],
        ),
        (
            "5,1 3-4 * * *",
            "2027-01-01 03:02",
            &["2027-01-01 03:05:00", "2027-01-01 04:01:00", "2027-01-01 04:05:00"],
        ),
        (
            "0-40/20 0 1 jan,Jul *",
            "2027-01-01 00:21",
            &["2027-01-01 00:40:00", "2027-07-01 00:00:00", "2027-07-01 00:20:00"],
        ),
        (
            "*/30 * * * * *",
            "2027-01-01 00:00:01",
            &["2027-01-01 00:00:30", "2027-01-01 00:01:00"],
        ),
        ("15 0 0 * * *", "2027-01-01 00:00:16", &["2027-01-02 00:00:15"]),
        // Days of the week: Sunday is 0 and 7.
        (
            "0 0 * * 0",
            "2027-01-01 00:00",
            &["2027-01-03 00:00:00", "2027-01-10 00:00:00"],
        ),
        (
            "0 0 * * 7",
            "2027-01-01 00:00",
            &["2027-01-03 00:00:00", "2027-01-10 00:00:00"],
        ),
        (
            "0 0 * * fri-sun",
            "2027-01-01 00:01",
            &["2027-01-02 00:00:00", "2027-01-03 00:00:00", "2027-01-08 00:00:00"],
        ),
        (
            "0 0 * * 5-7",
            "2027-01-01 00:01",
            &["2027-01-02 00:00:00", "2027-01-03 00:00:00", "2027-01-08 00:00:00"],
        ),
        (
            "0 0 * * */2",
            "2027-01-01 00:00",
            &[
                "2027-01-02 00:00:00",
                "2027-01-03 00:00:00",
                "2027-01-05 00:00:00",
                "2027-01-07 00:00:00",
            ],
        ),
        (
            "0 0 * * 5/1",
            "2027-01-01 00:01",
            &["2027-01-02 00:00:00", "2027-01-08 00:00:00"],
        ),
        // Either of two days, both where one begins with a star.
        (
            "0 0 13 * FRI",
            "2027-01-05 00:00",
            &["2027-01-08 00:00:00", "2027-01-13 00:00:00", "2027-01-15 00:00:00"],
        ),
        (
            "0 0 */2 * FRI",
            "2027-01-02 00:00",
            &["2027-01-15 00:00:00", "2027-01-29 00:00:00", "2027-02-05 00:00:00"],
        ),
        ("0 0 13 * */7", "2027-01-01 00:00", &["2027-06-13 00:00:00"]),
        // The last, and the nth.
        (
            "0 0 L * *",
            "2027-01-31 00:01",
            &["2027-02-28 00:00:00", "2027-03-31 00:00:00"],
        ),
        (
            "0 0 1,L 2 *",
            "2028-01-01 00:00",
            &["2028-02-01 00:00:00", "2028-02-29 00:00:00", "2029-02-01 00:00:00"],
        ),
        (
            "0 0 * * MON#1",
            "2027-01-01 00:00",
            &["2027-01-04 00:00:00", "2027-02-01 00:00:00"],
        ),
        (
            "0 0 * * 7#5",
            "2027-01-01 00:00",
            &["2027-01-31 00:00:00", "2027-05-30 00:00:00"],
        ),
        (
            "0 0 * * sunL",
            "2027-01-24 00:00",
            &["2027-01-31 00:00:00", "2027-02-28 00:00:00"],
        ),
        (
            "0 0 * * friL",
            "2027-01-01 00:00",
            &["2027-01-29 00:00:00", "2027-02-26 00:00:00"],
        ),
        (
            "0 0 * * 5#L,1#2",
            "2027-01-01 00:00",
            &["2027-01-11 00:00:00", "2027-01-29 00:00:00"],
        ),
        // The rarest dates.
        ("0 0 29 2 *", "2097-01-01 00:00", &["2104-02-29 00:00:00"]),
        (
            "59 59 23 31 12 *",
            "2027-01-01 00:00",
            &["2027-12-31 23:59:59", "2028-12-31 23:59:59"],
        ),
    ];
    for (text, from, expected) in cases {
        assert_eq!(matches(text, from, expected.len()), *expected, "{text}");
    }
    // 29 February on a Monday: 2044, 2072, and over the turn of the century 2112.
    assert_eq!(
        matches("0 0 * 2 MON#5", "2027-01-01 00:00", 3),
        ["2044-02-29 00:00:00", "2072-02-29 00:00:00", "2112-02-29 00:00:00"]
    );
}

#[test]
fn impossible_patterns_are_refused_with_the_reason() {
    for (text, fields) in [
        ("", 0),
        ("*", 1),
        ("@daily", 1),
        ("* * * *", 4),
        ("0 0 12 * * ? 2027", 7),
    ] {
        let error = Cron::parse(text).unwrap_err();
        assert_eq!(
            error,
            CalendarError::CronFields {
                given: text.to_owned(),
                fields
            }
        );
    }
    for text in [
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 0 31 2 *",
        "* * 30/31 2 *",
        "0 0 30,31 2 */2",
    ] {
        assert_eq!(
            Cron::parse(text),
            Err(CalendarError::CronNever { given: text.to_owned() }),
            "{text}"
        );
    }
    // The day of the week makes these possible.
    for text in ["0 0 30 2 MON", "0 0 31 2 MON#5"] {
        assert!(Cron::parse(text).is_ok(), "{text}");
    }
    for (text, given, field, allowed) in [
        ("60 * * * *", "60", "minute", "0 to 59"),
        ("* 24 * * *", "24", "hour", "0 to 23"),
        ("* * 0 * *", "0", "day of the month", "1 to 31"),
        ("* * * 13 *", "13", "month", "1 to 12, or JAN to DEC"),
        ("* * * FEBR *", "FEBR", "month", "JAN to DEC"),
        ("* * * * 8", "8", "day of the week", "0 to 7, or SUN to SAT"),
        ("* * * * MON#6", "MON#6", "day of the week", "first to the fifth"),
        ("* * * * MON#0", "MON#0", "day of the week", "first to the fifth"),
        ("* * * * X#1", "X#1", "day of the week", "SUN to SAT"),
        ("* * * * L", "L", "day of the week", "`L` alone"),
        ("60 * * * * *", "60", "second", "0 to 59"),
        ("*/0 * * * *", "*/0", "minute", "a step from 1"),
        ("*/60 * * * *", "*/60", "minute", "a step from 1 to 59"),
        ("*/ * * * *", "*/", "minute", "a step"),
        ("*/2/3 * * * *", "*/2/3", "minute", "a step"),
        ("5-1 * * * *", "5-1", "minute", "its end is before its beginning"),
        ("1-2-3 * * * *", "2-3", "minute", "0 to 59"),
        ("1, * * * *", "1,", "minute", "a part of the list is empty"),
        ("1 * , * *", ",", "day of the month", "a part of the list is empty"),
        ("-5 * * * *", "-5", "minute", "0 to 59"),
        ("+5 * * * *", "+5", "minute", "0 to 59"),
        ("005 * * * *", "005", "minute", "0 to 59"),
        ("* * ? * *", "?", "day of the month", "1 to 31"),
        ("* * 15W * *", "15W", "day of the month", "1 to 31"),
        ("* * L/2 * *", "L", "day of the month", "1 to 31"),
        ("٥ * * * *", "٥", "minute", "0 to 59"),
    ] {
        let error = Cron::parse(text).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(allowed), "{text}: {message}");
        match error {
            CalendarError::CronField { given: g, field: f, .. } => assert_eq!((&*g, f), (given, field), "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
    let help = |text| Cron::parse(text).unwrap_err().help().unwrap();
    assert_eq!(
        help("0 22-6 * * *"),
        "where it goes over the end, write two ranges: `22-23,0-6`"
    );
    assert_eq!(
        help("0 0 * NOV-FEB *"),
        "where it goes over the end, write two ranges: `11-12,1-2`"
    );
    assert!(help("* * * ? * 2-6").contains("Quartz"));
    assert_eq!(help("0 0 * * L"), "for the last Friday of the month write `FRIL`");
}

/// One field as text, and the values that it has, from a low to a high value.
fn field(low: u32, high: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
    let part = prop_oneof![
        (low..=high).prop_map(|v| (v.to_string(), vec![v])),
        (low..=high, low..=high).prop_map(|(a, b)| {
            let (a, b) = (a.min(b), a.max(b));
            (format!("{a}-{b}"), (a..=b).collect())
        }),
        (low..=high, low..=high, 1..=high).prop_map(|(a, b, step)| {
            let (a, b) = (a.min(b), a.max(b));
            (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize).collect())
        }),
        (low..=high, 1..=high)
            .prop_map(move |(a, step)| (format!("{a}/{step}"), (a..=high).step_by(step as usize).collect())),
    ];
    let list = prop::collection::vec(part, 1..4).prop_map(|parts| {
        let texts: Vec<String> = parts.iter().map(|p| p.0.clone()).collect();
        (texts.join(","), parts.into_iter().flat_map(|p| p.1).collect())
    });
    let star = prop_oneof![Just(1), 1..=high].prop_map(move |step| {
        let text = if step == 1 { "*".to_owned() } else { format!("*/{step}") };
        (text, (low..=high).step_by(step as usize).collect())
    });
    prop_oneof![list, star]
}

proptest! {
    #[test]
    fn searches_agree_with_every_second_and_minute(
        minute in field(0, 59), hour in field(0, 23), day in field(1, 31), month in field(1, 12), weekday in field(0, 6),
        second in prop::option::of(field(0, 59)), start in 0..2_000_000_000_i64,
    ) {
        let [minute, hour, day, month, weekday] = [minute, hour, day, month, weekday];
        let text = format!("{} {} {} {} {}", minute.0, hour.0, day.0, month.0, weekday.0);
        let text = second.as_ref().map_or(text.clone(), |s| format!("{} {text}", s.0));
        let both = day.0.starts_with('*') || weekday.0.starts_with('*');
        let matched = |at: Millis| {
            let wall = wall("UTC", at);
            let day = day.1.contains(&wall.day());
            let weekday = weekday.1.contains(&wall.weekday().num_days_from_sunday());
            second.as_ref().is_none_or(|s| s.1.contains(&wall.second()))
                && minute.1.contains(&wall.minute())
                && hour.1.contains(&wall.hour())
                && month.1.contains(&wall.month())
                && if both { day && weekday } else { day || weekday }
        };
        let Ok(pattern) = Cron::parse(&text) else {
            // Only a date that does not exist is refused.
            prop_assert_eq!(Cron::parse(&text), Err(CalendarError::CronNever { given: text }));
            return Ok(());
        };
        let start = start * SECOND;
        // The oracle walks back from what was found, and on to what is missed.
        let far = start + 60 * 366 * DAY;
        let found = pattern.first_match(start, far, Without::All).unwrap();
        prop_assert!(matched(found) && (found == start || !matched(found - 1)));
        let step = if second.is_some() { SECOND } else { MINUTE };
        let first = found.div_euclid(step) * step;
        for at in (1..3000).map(|n| first - n * step).take_while(|&at| at >= start) {
            prop_assert!(!matched(at), "{} {}", text, at);
        }
        let missed = pattern.first_miss(found, found + 100 * DAY, Without::All);
        let oracle = (1..3000).map(|n| first + n * step).find(|&at| !matched(at));
        match oracle {
            Some(at) => prop_assert_eq!(missed, Some(at), "{}", text),
            None => prop_assert!(missed.is_none_or(|at| at >= first + 3000 * step)),
        }
    }

    #[test]
    fn no_pattern_panics_or_takes_long(text in "([0-9A-Z*?/,#L-]{1,6} ){4,5}[0-9A-Z*/,#L-]{1,6}", at in any::<i64>()) {
        if let Ok(pattern) = Cron::parse(&text) {
            prop_assert_eq!(serde_json::to_value(&pattern).unwrap(), text);
            let cadence = Cadence::cron(pattern, zone("Europe/Berlin"));
            prop_assert!(cadence.next(at, "orders") > at || at == i64::MAX);
        }
    }
}
