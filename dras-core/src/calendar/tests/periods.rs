//! Periods.

use super::*;

fn period(text: &str, name: &str) -> Period {
    Period::parse(text).unwrap().in_zone(zone(name))
}

/// The stretches of a period between two moments, by walking along `inside` and `next`.
fn stretches(period: &Period, from: Millis, until: Millis) -> Vec<(Millis, Millis)> {
    let mut found = Vec::new();
    let mut at = from;
    while at < until {
        if let Some(end) = period.inside(at) {
            found.push((at, end));
            at = end;
        }
        match period.next(at) {
            Some(next) => at = next,
            None => break,
        }
    }
    found
}

#[test]
fn daylight_saving_is_exact() {
    // A zone, a period, a day around in UTC, and when it is inside during it, in UTC; the day begins outside.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
    );
    let cases: &[Case] = &[
        // Berlin puts clocks forward at 01:00 UTC from 2:00 to 3:00 …
        (
            "Europe/Berlin",
            "02:30-05:00",
            "2027-03-27 12:00",
            &[("2027-03-28 01:00", "2027-03-28 03:00")],
        ),
        ("Europe/Berlin", "02:10-02:20", "2027-03-27 12:00", &[]),
        (
            "Europe/Berlin",
            "01:00-02:30",
            "2027-03-27 12:00",
            &[("2027-03-28 00:00", "2027-03-28 01:00")],
        ),
        ("Europe/Berlin", "02:00-03:00", "2027-03-27 12:00", &[]),
        (
            "Europe/Berlin",
            "22:00-06:00",
            "2027-03-27 12:00",
            &[("2027-03-27 21:00", "2027-03-28 04:00")],
        ),
        // … and back at 01:00 UTC from 3:00 to 2:00.
        (
            "Europe/Berlin",
            "22:00-06:00",
            "2027-10-30 12:00",
            &[("2027-10-30 20:00", "2027-10-31 05:00")],
        ),
        (
            "Europe/Berlin",
            "01:00-03:00",
            "2027-10-30 12:00",
            &[("2027-10-30 23:00", "2027-10-31 02:00")],
        ),
        (
            "Europe/Berlin",
            "02:10-02:20",
            "2027-10-30 12:00",
            &[
                ("2027-10-31 00:10", "2027-10-31 00:20"),
                ("2027-10-31 01:10", "2027-10-31 01:20"),
            ],
        ),
        (
            "Europe/Berlin",
            "22:00-02:30",
            "2027-10-30 12:00",
            &[
                ("2027-10-30 20:00", "2027-10-31 00:30"),
                ("2027-10-31 01:00", "2027-10-31 01:30"),
            ],
        ),
        (
            "Europe/Berlin",
            "02:30-04:00",
            "2027-10-30 12:00",
            &[
                ("2027-10-31 00:30", "2027-10-31 01:00"),
                ("2027-10-31 01:30", "2027-10-31 03:00"),
            ],
        ),
        // New York: at 07:00 UTC forward, at 06:00 UTC back.
        (
            "America/New_York",
            "02:30-05:00",
            "2027-03-13 22:00",
            &[("2027-03-14 07:00", "2027-03-14 09:00")],
        ),
        (
            "America/New_York",
            "22:00-06:00",
            "2027-03-13 22:00",
            &[("2027-03-14 03:00", "2027-03-14 10:00")],
        ),
        (
            "America/New_York",
            "22:00-06:00",
            "2027-11-06 22:00",
            &[("2027-11-07 02:00", "2027-11-07 11:00")],
        ),
        (
            "America/New_York",
            "01:15-01:30",
            "2027-11-06 22:00",
            &[
                ("2027-11-07 05:15", "2027-11-07 05:30"),
                ("2027-11-07 06:15", "2027-11-07 06:30"),
            ],
        ),
        // Sydney: in October forward, in April back, both at 16:00 UTC of the day before.
        (
            "Australia/Sydney",
            "02:30-05:00",
            "2027-10-02 08:00",
            &[("2027-10-02 16:00", "2027-10-02 18:00")],
        ),
        (
            "Australia/Sydney",
            "22:00-06:00",
            "2027-10-02 08:00",
            &[("2027-10-02 12:00", "2027-10-02 19:00")],
        ),
        (
            "Australia/Sydney",
            "22:00-06:00",
            "2027-04-03 08:00",
            &[("2027-04-03 11:00", "2027-04-03 20:00")],
        ),
        // Lord Howe: half an hour forward at 15:30 UTC from 2:00 to 2:30, and back at 15:00 UTC from 2:00 to 1:30.
        (
            "Australia/Lord_Howe",
            "02:10-03:00",
            "2027-10-02 08:00",
            &[("2027-10-02 15:30", "2027-10-02 16:00")],
        ),
        (
            "Australia/Lord_Howe",
            "01:30-02:00",
            "2027-04-03 08:00",
            &[("2027-04-03 14:30", "2027-04-03 15:30")],
        ),
        (
            "Australia/Lord_Howe",
            "01:40-01:50",
            "2027-04-03 08:00",
            &[
                ("2027-04-03 14:40", "2027-04-03 14:50"),
                ("2027-04-03 15:10", "2027-04-03 15:20"),
            ],
        ),
        // São Paulo: forward at midnight to 1:00, until 2018; back from midnight to 23:00, until 2019.
        (
            "America/Sao_Paulo",
            "00:00-06:00",
            "2018-11-03 15:00",
            &[("2018-11-04 03:00", "2018-11-04 08:00")],
        ),
        (
            "America/Sao_Paulo",
            "23:30-00:30",
            "2018-11-03 15:00",
            &[("2018-11-04 02:30", "2018-11-04 03:00")],
        ),
        (
            "America/Sao_Paulo",
            "23:15-23:45",
            "2019-02-16 15:00",
            &[
                ("2019-02-17 01:15", "2019-02-17 01:45"),
                ("2019-02-17 02:15", "2019-02-17 02:45"),
            ],
        ),
        // Kolkata: five and a half hours ahead, all year.
        (
            "Asia/Kolkata",
            "22:00-06:00",
            "2027-03-27 12:00",
            &[("2027-03-27 16:30", "2027-03-28 00:30")],
        ),
        // Apia went from Thursday, 29 December 2011, to Saturday at 10:00 UTC.
        (
            "Pacific/Apia",
            "22:00-06:00",
            "2011-12-29 20:00",
            &[("2011-12-30 08:00", "2011-12-30 16:00")],
        ),
        // Patterns: minutes that do not exist, and that exist twice.
        ("Europe/Berlin", "* 2 28 3 *", "2027-03-27 12:00", &[]),
        (
            "Europe/Berlin",
            "* 2 31 10 *",
            "2027-10-30 12:00",
            &[("2027-10-31 00:00", "2027-10-31 02:00")],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2027-10-30 12:00",
            &[
                ("2027-10-31 00:30", "2027-10-31 00:31"),
                ("2027-10-31 01:30", "2027-10-31 01:31"),
            ],
        ),
        (
            "Europe/Berlin",
            "01:30-04:30 && * 2-3 * * *",
            "2027-03-27 12:00",
            &[("2027-03-28 01:00", "2027-03-28 02:00")],
        ),
    ];
    for (name, text, day, expected) in cases {
        let start = utc(day);
        let expected: Vec<_> = expected.iter().map(|(from, until)| (utc(from), utc(until))).collect();
        let found = stretches(&period(text, name), start, start + DAY);
        let found: Vec<_> = found.into_iter().filter(|s| s.0 < start + DAY).collect();
        assert_eq!(found, expected, "{text} {name} {day}");
    }
}

#[test]
fn a_range_belongs_to_the_day_on_which_it_begins() {
    let on = |days: &[&str], text: &str, name: &str| {
        Period::daily(DailyRange::parse(text).unwrap().on(Weekdays::parse(days).unwrap())).in_zone(zone(name))
    };
    let friday = on(&["fri"], "22:00-06:00", "Europe/Berlin");
    // The night after Friday, 2027-10-29, in summer time.
    assert_eq!(friday.next(utc("2027-10-27 00:00")), Some(utc("2027-10-29 20:00")));
    assert_eq!(friday.inside(utc("2027-10-30 03:59:59")), Some(utc("2027-10-30 04:00")));
    assert_eq!(friday.inside(utc("2027-10-29 03:00")), None);
    assert_eq!(friday.next(utc("2027-10-29 21:00")), Some(utc("2027-11-05 21:00")));
    // Days in a row are one stretch; over Sunday to Monday, and over a switch of five days.
    let working = on(&["mon-fri"], "00:00-24:00", "America/New_York");
    assert_eq!(working.inside(utc("2027-11-04 12:00")), Some(utc("2027-11-06 04:00")));
    assert_eq!(working.inside(utc("2027-11-08 12:00")), Some(utc("2027-11-13 05:00")));
    let weekend = on(&["sat", "sun"], "00:00-24:00", "America/New_York");
    assert_eq!(weekend.next(utc("2027-11-04 12:00")), Some(utc("2027-11-06 04:00")));
    assert_eq!(weekend.inside(utc("2027-11-06 04:00")), Some(utc("2027-11-08 05:00")));
    // Apia had no Friday, 2011-12-30; clocks show the Saturday morning after it all the same.
    let apia = on(&["fri"], "22:00-06:00", "Pacific/Apia");
    assert_eq!(
        stretches(&apia, utc("2011-12-28 00:00"), utc("2012-01-03 00:00")),
        [(utc("2011-12-30 10:00"), utc("2011-12-30 16:00"))]
    );
}

#[test]
fn searches_end() {
    let all = period("00:00-24:00", "Europe/Berlin");
    let at = utc("2027-03-26 12:00");
    assert_eq!(all.inside(at), Some(at + Period::MAX_LENGTH));
    assert_eq!(all.next(at), None);
    for text in ["* * * * *", "* * * * * *"] {
        let all = period(text, "Europe/Berlin");
        assert_eq!(
            (all.inside(at), all.next(at)),
            (Some(at + Period::MAX_LENGTH), None),
            "{text}"
        );
    }
    // A range and a pattern without a time in common.
    let never = period("22:00-06:00 && * 12 * * *", "Europe/Berlin");
    assert_eq!((never.inside(at), never.next(at)), (None, None));
    // A time that the clocks of New York leave out every year.
    let skipped = period("30 2 * 3 SUN#2", "America/New_York");
    assert_eq!((skipped.inside(at), skipped.next(at)), (None, None));
    // The next leap day is further away than 400 days.
    assert_eq!(period("* * 29 2 *", "UTC").next(utc("2027-01-01 00:00")), None);
    assert_eq!(
        period("* * 29 2 *", "UTC").next(utc("2027-03-01 00:00")),
        Some(utc("2028-02-29 00:00"))
    );
    for far in [Millis::MIN, -MAX_TIME - 1, MAX_TIME + 1, Millis::MAX] {
        assert_eq!((all.inside(far), all.next(far)), (None, None));
    }
    for near in [-MAX_TIME, MAX_TIME] {
        assert_eq!(all.inside(near), Some(near + Period::MAX_LENGTH));
        assert!(period("22:00-06:00 && * * * * *", "Europe/Berlin").next(near).is_some());
    }
}

#[test]
fn seconds_and_milliseconds() {
    let brief = period("22:00:30-22:00:31", "UTC");
    let start = utc("2027-01-01 22:00:30");
    assert_eq!((brief.inside(start - 1), brief.next(start - 1)), (None, Some(start)));
    assert_eq!(brief.inside(start), Some(start + SECOND));
    assert_eq!(brief.inside(start + 999), Some(start + SECOND));
    assert_eq!(
        (brief.inside(start + SECOND), brief.next(start)),
        (None, Some(start + DAY))
    );
    // A minute of a pattern without seconds, a second of one with seconds.
    let minute = period("0 22 * * *", "UTC");
    let start = utc("2027-01-01 22:00");
    assert_eq!(minute.inside(start + 59_999), Some(start + MINUTE));
    assert_eq!((minute.inside(start - 1), minute.inside(start + MINUTE)), (None, None));
    let second = period("5 0 22 * * *", "UTC");
    assert_eq!(second.inside(start + 5 * SECOND + 7), Some(start + 6 * SECOND));
    assert_eq!(
        (second.inside(start + 4999), second.inside(start + 6 * SECOND)),
        (None, None)
    );
}

#[test]
fn periods_join() {
    let list = |texts: &[&str]| -> Periods { texts.iter().map(|text| period(text, "UTC")).collect() };
    let at = |text: &str| utc(&format!("2027-01-01 {text}"));
    let inside = |list: &Periods, text: &str| list.inside(at(text)).map(|i| (i.until, i.index));
    let chain = list(&["04:00-05:00", "01:00-02:00", "02:00-03:30", "03:00-04:00"]);
    assert_eq!(inside(&chain, "01:30"), Some((at("05:00"), 1)));
    assert_eq!(inside(&chain, "03:15"), Some((at("05:00"), 3)));
    assert_eq!(inside(&chain, "04:59:59"), Some((at("05:00"), 0)));
    assert_eq!((inside(&chain, "05:00"), inside(&chain, "00:59:59")), (None, None));
    // The one that ends last, and of equal ones the first.
    let nested = list(&["01:00-02:00", "01:00-03:00", "00:30-03:00"]);
    assert_eq!(inside(&nested, "01:30"), Some((at("03:00"), 1)));
    assert_eq!(list(&[]).inside(0), None);
    // Together all day, and together every second.
    let all = list(&["00:00-12:00", "12:00-24:00"]);
    assert_eq!(inside(&all, "06:00"), Some((at("06:00") + Period::MAX_LENGTH, 0)));
    let seconds = list(&["*/2 * * * * *", "1-59/2 * * * * *"]);
    let joined = 1 + Periods::MAX_JOINS as i64;
    assert_eq!(inside(&seconds, "06:00"), Some((at("06:00") + joined * SECOND, 0)));
}

#[test]
fn texts_are_read_and_written() {
    for (text, written) in [
        ("22:00-06:00", "22:00-06:00"),
        ("* 9-11 * * MON-FRI", "* 9-11 * * MON-FRI"),
        (
            "9:30:30-10:50:20 && * * * * MON,THU",
            "9:30:30-10:50:20 && * * * * MON,THU",
        ),
        ("* * * * MON&&9:30-10:50", "9:30-10:50 && * * * * MON"),
    ] {
        let read = Period::parse(text).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
        assert_eq!(written.parse(), Ok(read));
    }
    let days = Weekdays::parse(&["mon", "sat-sun"]).unwrap();
    let full = Period::daily_and_cron(
        DailyRange::parse("22:00-06:00").unwrap().on(days),
        Cron::parse("* * * 6-8 *").unwrap(),
    );
    assert_eq!(
        serde_json::to_string(&Periods::new(vec![
            full.clone().in_zone(zone("Asia/Kolkata")),
            full.clone()
        ]))
        .unwrap(),
        r#"[{"daily":"22:00-06:00","weekdays":["mon","sat-sun"],"cron":"* * * 6-8 *","zone":"Asia/Kolkata"},{"daily":"22:00-06:00","weekdays":["mon","sat-sun"],"cron":"* * * 6-8 *"}]"#
    );
    assert_eq!(full.to_string(), "22:00-06:00 on mon, sat-sun && * * * 6-8 * (UTC)");
    assert_eq!(
        period("0 1 * * *", "Asia/Kolkata").to_string(),
        "0 1 * * * (Asia/Kolkata)"
    );

    let given = |text: &str| text.to_owned();
    for text in [
        "",
        "  ",
        "&&",
        "22:00-06:00 &&",
        "&& * * * * *",
        "22:00-06:00 && 01:00-02:00",
        "* * * * * && * * * * *",
    ] {
        assert_eq!(
            Period::parse(text),
            Err(CalendarError::Period { given: given(text) }),
            "{text}"
        );
    }
    for text in ["night", "22.00"] {
        assert_eq!(Period::parse(text), Err(CalendarError::Range { given: given(text) }));
    }
    assert_eq!(
        Period::parse("22-06"),
        Err(CalendarError::TimeOfDay { given: given("22") })
    );
    assert_eq!(
        Period::parse("* * *"),
        Err(CalendarError::CronFields {
            given: given("* * *"),
            fields: 3
        })
    );
    assert_eq!(
        Period::parse(&"&&".repeat(101)),
        Err(CalendarError::TooLong { bytes: 202 })
    );
}

/// A daily range and a pattern as sets that the oracle understands, and as text.
#[derive(Debug, Clone)]
struct Plan {
    /// Begin and end in minutes after midnight, and the days of the week from Monday.
    daily: Option<(u32, u32, Vec<u32>)>,
    /// Minutes and hours and days of the week from Monday; every one where empty.
    cron: Option<[Vec<u32>; 3]>,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Plan {
    fn period(&self, name: &str) -> Period {
        let daily = self.daily.as_ref().map(|(start, end, days)| {
            let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let daily = DailyRange::parse(&format!("{}-{}", time(*start), time(*end))).unwrap();
            let days: Vec<&str> = days.iter().map(|&day| DAYS[day as usize]).collect();
            if days.is_empty() {
                daily
            } else {
                daily.on(Weekdays::parse(&days).unwrap())
            }
        });
        let cron = self.cron.as_ref().map(|[minutes, hours, days]| {
            let field = |values: &[u32], show: fn(u32) -> String| match values {
                [] => "*".to_owned(),
                values => values.iter().map(|&v| show(v)).collect::<Vec<_>>().join(","),
            };
            let day = |d: u32| DAYS[d as usize].to_owned();
            Cron::parse(&format!(
                "{} {} * * {}",
                field(minutes, |v| v.to_string()),
                field(hours, |v| v.to_string()),
                field(days, day)
            ))
            .unwrap()
        });
        match (daily, cron) {
            (Some(daily), Some(cron)) => Period::daily_and_cron(daily, cron),
            (Some(daily), None) => Period::daily(daily),
            (None, Some(cron)) => Period::cron(cron),
            (None, None) => unreachable!("the strategy gives at least one"),
        }
        .in_zone(zone(name))
    }

    /// What the clock on the wall says.
    fn inside(&self, name: &str, at: Millis) -> bool {
        let wall = wall(name, at);
        let (today, minute) = (wall.weekday().num_days_from_monday(), wall.hour() * 60 + wall.minute());
        let has = |set: &[u32], value: u32| set.is_empty() || set.contains(&value);
        let daily = self.daily.as_ref().is_none_or(|&(start, end, ref days)| {
            if start < end {
                has(days, today) && (start..end).contains(&minute)
            } else {
                has(days, today) && minute >= start || has(days, (today + 6) % 7) && minute < end
            }
        });
        let cron = self.cron.as_ref().is_none_or(|[minutes, hours, days]| {
            has(minutes, wall.minute()) && has(hours, wall.hour()) && has(days, today)
        });
        daily && cron
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let sparse = |high: u32, most: usize| prop::collection::vec(0..high, 0..most);
    // Often at night, where the switches are.
    let minute = prop_oneof![0..240_u32, 0..1440_u32, 1260..1440_u32];
    let daily = (minute.clone(), prop_oneof![minute, Just(1440)], sparse(7, 6))
        .prop_filter("no empty range", |(start, end, _)| start != end);
    let cron = [sparse(60, 8).boxed(), sparse(24, 8).boxed(), sparse(7, 5).boxed()];
    (prop::option::of(daily), prop::option::of(cron))
        .prop_filter("not nothing", |(daily, cron)| daily.is_some() || cron.is_some())
        .prop_map(|(daily, cron)| Plan { daily, cron })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn inside_is_what_the_clock_on_the_wall_says((name, now) in places(), plan in plans()) {
        let period = plan.period(name);
        prop_assert_eq!(period.inside(now).is_some(), plan.inside(name, now));
        if let Some(end) = period.inside(now) {
            let capped = now + Period::MAX_LENGTH;
            prop_assert!(now < end && end <= capped);
            // Everything between is inside, each minute in turn, and the end is not.
            let minutes = (now.div_euclid(MINUTE) + 1..=(end - 1).div_euclid(MINUTE)).map(|m| m * MINUTE);
            for at in minutes.chain([end - 1]) {
                prop_assert!(plan.inside(name, at), "{} of {}..{}", at, now, end);
            }
            prop_assert!(end == capped || !plan.inside(name, end));
        }
    }

    #[test]
    fn next_is_the_first_beginning((name, now) in places(), plan in plans()) {
        let period = plan.period(name);
        let next = period.next(now);
        // The oracle walks nine days.
        let mut last = plan.inside(name, now);
        let mut oracle = None;
        for minute in 1..=9 * 1440 {
            let at = now.div_euclid(MINUTE) * MINUTE + minute * MINUTE;
            let inside = plan.inside(name, at);
            if inside && !last {
                oracle = Some(at);
                break;
            }
            last = inside;
        }
        match oracle {
            Some(at) => prop_assert_eq!(next, Some(at)),
            None => prop_assert!(next.is_none_or(|next| next > now + 9 * DAY - MINUTE && plan.inside(name, next) && !plan.inside(name, next - 1))),
        }
    }

    #[test]
    fn periods_are_the_union((name, now) in places(), plans in prop::collection::vec(plans(), 1..4)) {
        let periods: Periods = plans.iter().map(|plan| plan.period(name)).collect();
        let any = |at| plans.iter().any(|plan| plan.inside(name, at));
        let found = periods.inside(now);
        prop_assert_eq!(found.is_some(), any(now));
        if let Some(Inside { until, index }) = found {
            prop_assert!(plans[index].inside(name, now));
            for minute in now.div_euclid(MINUTE) + 1..=(until - 1).div_euclid(MINUTE) {
                prop_assert!(any(minute * MINUTE));
            }
            // A thousand joins of minutes are more than half a day; only then may the end be inside.
            prop_assert!(!any(until) || until == now + Period::MAX_LENGTH || until - now > Periods::MAX_JOINS as i64 * MINUTE);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,30}|[0-9:*/,#LSUNMO? &-]{0,24}", now in any::<i64>()) {
        if let Ok(period) = Period::parse(&text) {
            let _ = (period.inside(now), period.next(now));
            let written = serde_json::to_value(&period).unwrap();
            prop_assert_eq!(Period::parse(written.as_str().unwrap()), Ok(period));
        }
        let _ = (DailyRange::parse(&text), TimeZone::parse(&text), Weekdays::parse(&[&text]));
    }
}
