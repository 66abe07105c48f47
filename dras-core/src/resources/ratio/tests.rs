use proptest::prelude::*;

use super::*;

fn aligned(of: u32, to: AlignTo, most_over: f64) -> Settings {
    let alignment = Some(Alignment { to, of, most_over });
    Settings {
        alignment,
        ..Settings::parallelism(0.0, Convention::OfCapacity)
    }
}

fn result(used: f64, current: u64, settings: &Settings) -> u64 {
    reserve(used, current, settings).unwrap().result
}

#[test]
fn noise_does_not_become_a_subtask() {
    let free = |ratio| Settings::parallelism(ratio, Convention::OfCapacity);
    let noisy = (0.1_f64 + 0.2) / 0.1;
    assert_eq!(noisy.to_string(), "3.0000000000000004", "the premise");
    assert_eq!(quantise(noisy, 1), 3);
    assert_eq!(quantise(0.3 / 0.1, 1), 3);
    assert_eq!(quantise(3.000_001, 1), 4);
    assert_eq!(quantise(0.0, 1), 1);
    assert_eq!(quantise(1e-300, 1), 1);
    // 70% of 10 with 30% free is 10: neither 0.7 × 10 nor 1 − 0.3 may make it 11.
    assert_eq!(result(0.7 * 10.0, 10, &free(0.3)), 10);
    for parallelism in 1..=2000_u64 {
        for percent in 1..100_u32 {
            let share = f64::from(percent) / 100.0;
            let used = (1.0 - share) * parallelism as f64;
            assert_eq!(
                result(used, 1, &free(share)),
                parallelism,
                "{percent}% of {parallelism}"
            );
        }
    }
}

#[test]
fn what_cannot_be_reserved_for_is_refused() {
    let of = |ratio, convention| expected(1.0, ratio, convention).unwrap_err().to_string();
    assert_eq!(
        of(1.0, Convention::OfCapacity),
        "a ratio of 1 of the capacity leaves nothing to use; it must be below 1 (or be meant `of_usage`)"
    );
    assert_eq!(
        of(-0.1, Convention::OfUsage),
        "the ratio is -0.1; it cannot be negative"
    );
    assert_eq!(
        of(f64::NAN, Convention::OfCapacity),
        "the ratio is NaN, which is not a finite number"
    );
    assert_eq!(expected(1.0, 1.5, Convention::OfUsage), Ok(2.5));
    assert!(matches!(
        expected(f64::INFINITY, 0.1, Convention::OfUsage),
        Err(RatioError::NotANumber { .. })
    ));
    assert!(matches!(
        expected(f64::MAX, 2.0, Convention::OfUsage),
        Err(RatioError::TooLarge { .. })
    ));
    assert!(matches!(
        expected(-1.0, 0.0, Convention::OfUsage),
        Err(RatioError::Negative { .. })
    ));
    let good = Settings::parallelism(0.3, Convention::OfCapacity);
    for bad in [
        Settings { tolerance: 1.0, ..good },
        Settings {
            tolerance: f64::NAN,
            ..good
        },
        Settings { quantum: 0, ..good },
        Settings { min: 0, ..good },
        Settings { min: 5, max: 4, ..good },
        Settings {
            step_up: LargestStep::By(0),
            ..good
        },
        Settings {
            step_down: LargestStep::Share(-0.5),
            ..good
        },
        aligned(0, AlignTo::Partitions, 0.1),
        aligned(8, AlignTo::Partitions, f64::INFINITY),
        Settings {
            min: 9,
            ..aligned(8, AlignTo::KeyGroups, 0.1)
        },
    ] {
        assert!(reserve(1.0, 1, &bad).is_err(), "{bad:?}");
    }
}

#[test]
fn alignment_never_doubles_and_never_vetoes() {
    // 199 partitions: 100 stays 100, and what else could be had is said.
    let r = reserve(100.0, 90, &aligned(199, AlignTo::Partitions, 0.2)).unwrap();
    assert_eq!((r.quantised, r.aligned, r.result), (100, 100, 100));
    assert_eq!(
        r.notes[0].to_string(),
        "not a divisor of the 199 partitions, the fullest subtask has 2 of them; alternatives: 199 (1 each at most, +99%)"
    );
    assert_eq!(
        result(100.0, 90, &aligned(199, AlignTo::Partitions, 1.0)),
        199,
        "asked for"
    );
    // 31 partitions, 17 subtasks: 16 carry the same.
    let r = reserve(17.0, 31, &aligned(31, AlignTo::Partitions, 0.2)).unwrap();
    assert_eq!(r.result, 17);
    assert!(
        r.notes[0]
            .to_string()
            .contains("16 (2 each at most, -5.9%), 31 (1 each at most, +82.4%)"),
        "{}",
        r.notes[0]
    );
    // 128 key groups going down to 65: not vetoed.
    assert_eq!(result(65.0, 128, &aligned(128, AlignTo::KeyGroups, 0.2)), 65);
    assert_eq!(result(60.0, 128, &aligned(128, AlignTo::KeyGroups, 0.2)), 64);
    // Going down from 62 to 60, up to 64 would be no way down.
    assert_eq!(result(60.0, 62, &aligned(128, AlignTo::KeyGroups, 0.2)), 60);
    // Small steps down get there, although 64 is the divisor near 60.
    let slowly = Settings {
        step_down: LargestStep::By(4),
        ..aligned(128, AlignTo::KeyGroups, 0.2)
    };
    assert_eq!(result(8.0, 64, &slowly), 60);
    assert_eq!(result(20.0, 1, &aligned(360, AlignTo::KeyGroups, 0.2)), 20);
    assert_eq!(result(21.0, 1, &aligned(360, AlignTo::KeyGroups, 0.2)), 24);
}

#[test]
fn there_is_nothing_above_the_partitions() {
    // A lag of 35 at 10 per subtask on 3 partitions is 3 subtasks, not 4.
    let r = reserve(3.5, 1, &aligned(3, AlignTo::Partitions, 0.0)).unwrap();
    assert_eq!((r.quantised, r.result), (4, 3));
    let texts: Vec<String> = r.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        texts,
        [
            "there are only 3 partitions, 4 were wanted",
            "the reserve is not kept: 116.7% used where 100% is allowed"
        ]
    );
    let settings = Settings {
        min: 5,
        ..aligned(3, AlignTo::Partitions, 0.0)
    };
    assert_eq!(result(3.5, 1, &settings), 5, "the user's least wins over partitions");
}

#[test]
fn a_dead_band_holds_but_not_below_the_most() {
    let settings = Settings {
        tolerance: 0.1,
        max: 64,
        ..Settings::parallelism(0.0, Convention::OfCapacity)
    };
    let r = reserve(1.05 * 20.0, 20, &settings).unwrap();
    assert_eq!((r.limited, r.result, r.changes()), (21, 20, false));
    assert_eq!(r.notes[0].to_string(), "the present allocation is within 18.9 and 23.1");
    assert!(!r.reserve_kept());
    // 1.016 of 63 with a most of 64 must reach 64.
    assert_eq!(result(1.016 * 63.0, 63, &settings), 64);
    assert_eq!(result(1.2 * 64.0, 64, &settings), 64);
    // Outside of the limits the band holds nothing.
    assert_eq!(result(66.0, 70, &settings), 64);
}

#[test]
fn every_limit_says_what_it_did() {
    let base = Settings::parallelism(0.5, Convention::OfCapacity);
    let texts = |used: f64, current, settings: &Settings| -> (u64, Vec<String>) {
        let r = reserve(used, current, settings).unwrap();
        (r.result, r.notes.iter().map(Note::to_string).collect())
    };
    let not_kept = "the reserve is not kept: 80% used where 50% is allowed".to_owned();
    assert_eq!(
        texts(8.0, 5, &Settings { max: 10, ..base }),
        (
            10,
            vec!["limited to at most 10, 16 was wanted".to_owned(), not_kept.clone()]
        )
    );
    assert_eq!(
        texts(
            8.0,
            5,
            &Settings {
                step_up: LargestStep::Share(1.0),
                ..base
            }
        ),
        (
            10,
            vec!["the largest step up ends at 10, 16 was wanted".to_owned(), not_kept]
        )
    );
    assert_eq!(
        texts(
            1.0,
            20,
            &Settings {
                step_down: LargestStep::By(5),
                ..base
            }
        ),
        (15, vec!["the largest step down ends at 15, 2 was wanted".to_owned()])
    );
    assert_eq!(
        texts(1.0, 20, &Settings { min: 4, ..base }),
        (4, vec!["limited to at least 4, 2 was wanted".to_owned()])
    );
    assert_eq!(
        result(
            1.0,
            1,
            &Settings {
                step_up: LargestStep::Share(0.1),
                ..base
            }
        ),
        2,
        "always by one"
    );
}

#[test]
fn memory_goes_in_steps_of_64_mib_up() {
    let settings = Settings::memory(0.25, Convention::OfCapacity);
    let r = reserve(1500.0 * MIB as f64, 1728 * MIB, &settings).unwrap();
    assert_eq!((r.expected, r.result), (2000.0 * MIB as f64, 2048 * MIB));
    // Rounding up never makes more of what is enough.
    let r = reserve(1296.75 * MIB as f64, 1730 * MIB, &settings).unwrap();
    assert_eq!((r.expected, r.result), (1729.0 * MIB as f64, 1730 * MIB));
    assert_eq!(r.notes[0], Note::PresentSuffices { aligned: 1792 * MIB });
}

fn steps() -> impl Strategy<Value = LargestStep> {
    prop_oneof![
        3 => Just(LargestStep::Unlimited),
        1 => (1_u64..50).prop_map(LargestStep::By),
        1 => (0.0_f64..2.0).prop_map(LargestStep::Share),
    ]
}

prop_compose! {
    fn any_settings()(
        ratio in prop_oneof![Just(0.0), Just(0.3), 0.0_f64..0.95],
        of_usage in any::<bool>(),
        tolerance in prop_oneof![Just(0.0), Just(0.1), 0.0_f64..0.9],
        quantum in prop_oneof![3 => Just(1_u64), 1 => 2_u64..9],
        of in 1_u32..300, to_partitions in any::<bool>(), most_over in 0.0_f64..1.5, align in any::<bool>(),
        min in 1_u64..20, more in 0_u64..400, unlimited in any::<bool>(),
        step_up in steps(), step_down in steps(),
    ) -> Settings {
        let to = if to_partitions { AlignTo::Partitions } else { AlignTo::KeyGroups };
        let of = if to == AlignTo::KeyGroups { of + 20 } else { of };
        Settings {
            ratio,
            convention: if of_usage { Convention::OfUsage } else { Convention::OfCapacity },
            tolerance,
            quantum,
            alignment: align.then_some(Alignment { to, of, most_over }),
            min,
            max: if unlimited { MOST } else { min + more },
            step_up,
            step_down,
        }
    }
}

fn usage() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0_f64..400.0,
        (0_u32..400).prop_map(f64::from),
        Just(0.0),
        (0_u32..4000).prop_map(|n| f64::from(n) * 0.1)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn never_outside_limits_and_every_missing_reserve_is_explained(
        settings in any_settings(), used in usage(), current in 0_u64..500,
    ) {
        let r = reserve(used, current, &settings).unwrap();
        prop_assert!((settings.min..=settings.max).contains(&r.result), "{r:?}");
        if let Some(Alignment { to: AlignTo::KeyGroups, of, .. }) = settings.alignment {
            prop_assert!(r.result <= u64::from(of));
        }
        let explained = r.notes.iter().any(|n| matches!(
            n, Note::DeadBand { .. } | Note::Most { .. } | Note::StepUp { .. } | Note::AllPartitions { .. }
        ));
        let said = r.notes.iter().any(|n| matches!(n, Note::ReserveNotKept { .. }));
        let kept = used <= r.allowed * r.result as f64 * (1.0 + 1e-9);
        prop_assert!(kept || explained, "{r:?}");
        prop_assert_eq!(said, !r.reserve_kept());
        prop_assert!(r.changes() || !r.notes.iter().any(|n| matches!(n, Note::StepDown { .. })), "{:?}", r);
        for note in &r.notes {
            prop_assert!(!note.to_string().is_empty());
        }
    }

    #[test]
    fn again_at_the_same_load_changes_nothing(settings in any_settings(), used in usage(), current in 0_u64..500) {
        let first = reserve(used, current, &settings).unwrap();
        let cut_short = first.notes.iter().any(|n| matches!(n, Note::StepUp { .. } | Note::StepDown { .. }));
        let second = reserve(used, first.result, &settings).unwrap();
        if !cut_short {
            prop_assert_eq!(second.result, first.result, "{:?} then {:?}", first, second);
        }
        // However many steps it takes, it arrives and stays.
        let mut at = first.result;
        let mut turns = 0;
        loop {
            let next = reserve(used, at, &settings).unwrap().result;
            if next == at { break; }
            at = next;
            turns += 1;
            prop_assert!(turns < 2000, "does not settle: {settings:?}");
        }
    }

    #[test]
    fn more_usage_never_gives_less(
        settings in any_settings(), used in usage(), more in usage(), current in 0_u64..500,
    ) {
        let (a, b) = (reserve(used, current, &settings).unwrap(), reserve(used + more, current, &settings).unwrap());
        prop_assert!(a.result <= b.result, "{a:?} and {b:?}");
    }

    #[test]
    fn the_conventions_agree(settings in any_settings(), used in usage(), current in 0_u64..500, ratio in 0.0_f64..0.95) {
        let of_capacity = Settings { ratio, convention: Convention::OfCapacity, ..settings };
        let of_usage = Settings { ratio: ratio / (1.0 - ratio), convention: Convention::OfUsage, ..settings };
        let (a, b) = (reserve(used, current, &of_capacity).unwrap(), reserve(used, current, &of_usage).unwrap());
        prop_assert!((a.expected - b.expected).abs() <= 1e-12 * a.expected);
        prop_assert!((a.allowed - b.allowed).abs() <= 1e-12);
        // Exactly on the edge of the dead band their noise may decide.
        let edge = |band: f64| (band - current as f64).abs() <= 1e-9 * band;
        if !edge(a.expected * (1.0 - settings.tolerance)) && !edge(a.expected * (1.0 + settings.tolerance)) {
            prop_assert_eq!(a.result, b.result);
        }
    }

    #[test]
    fn alignment_is_a_divisor_within_its_price_or_the_target(
        of in 1_u32..400, used in 0.0_f64..400.0, most_over in 0.0_f64..2.0,
    ) {
        let r = reserve(used, 1, &aligned(of, AlignTo::Partitions, most_over)).unwrap();
        let target = r.quantised;
        let candidates = (target..=u64::from(of)).filter(|p| u64::from(of) % p == 0);
        let affordable = candidates.filter(|&p| p as f64 <= target as f64 * (1.0 + most_over) * (1.0 + 1e-12)).min();
        prop_assert_eq!(r.aligned, affordable.unwrap_or(target));
    }

    #[test]
    fn no_number_panics(
        used in any::<f64>(), current in any::<u64>(), ratio in any::<f64>(), tolerance in any::<f64>(), quantum in any::<u64>(),
        min in any::<u64>(), max in any::<u64>(), share in any::<f64>(), by in any::<u64>(), of in any::<u32>(), over in any::<f64>(),
    ) {
        let settings = Settings {
            ratio, convention: Convention::OfUsage, tolerance, quantum,
            alignment: Some(Alignment { to: AlignTo::Partitions, of, most_over: over }),
            min, max, step_up: LargestStep::Share(share), step_down: LargestStep::By(by),
        };
        let _ = reserve(used, current, &settings);
        let tame = Settings {
            ratio: ratio.abs() % 3.0, tolerance: tolerance.abs() % 1.0, min: min.min(max).max(1), max: max.max(1),
            step_up: LargestStep::Share(share.abs()), ..settings
        };
        if let Ok(r) = reserve(used.abs() % 1e15, current, &tame) {
            prop_assert!((tame.min..=tame.max).contains(&r.result));
        }
    }
}
