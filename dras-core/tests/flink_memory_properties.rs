//! What holds of the memory model for every configuration, far beyond the cases that Flink itself was asked.

// A test may panic, and does so outside of `#[test]` functions too.
#![allow(clippy::unwrap_used, clippy::panic)]

use dras_core::resources::memory::{
    Component, FlinkProcess, FractionOption, MIB, MemoryBreakdown, MemoryConfig, MemoryError, Others, Resized,
    SizeOption, Style, Total, derive, fit_process_size, plan, plan_total, resize,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// A size: mostly whole mebibytes, sometimes any number of bytes.
fn size(range: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    prop_oneof![3 => range.clone().prop_map(|n| n * MIB), 1 => range.prop_flat_map(|n| n * MIB..=(n + 1) * MIB)]
}

fn maybe<T: std::fmt::Debug>(weight: f64, strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(weight, strategy)
}

/// Any mix of options of a task manager, valid or not, with totals that have a chance to fit what is pinned.
fn task_manager() -> impl Strategy<Value = MemoryConfig> {
    let pinned = (maybe(0.3, size(0..6000)), maybe(0.35, size(0..4000)));
    let totals = (maybe(0.6, size(300..40_000)), maybe(0.35, size(200..30_000)));
    let parts = (
        maybe(0.15, size(0..500)),
        maybe(0.15, size(0..500)),
        maybe(0.2, size(0..2000)),
        maybe(0.2, size(1..1500)),
    );
    let ranges = (
        maybe(0.15, size(0..800)),
        maybe(0.25, size(64..4000)),
        maybe(0.15, size(0..1000)),
        maybe(0.2, size(192..4000)),
    );
    let fraction = || prop_oneof![3 => 0.0_f32..0.5, 1 => 0.0_f32..1.0];
    let fractions = (maybe(0.3, fraction()), maybe(0.2, fraction()), maybe(0.2, fraction()));
    (pinned, totals, parts, ranges, fractions).prop_map(|(pinned, totals, parts, ranges, fractions)| {
        let sizes = [
            (SizeOption::TaskHeap, pinned.0),
            (SizeOption::Managed, pinned.1),
            (SizeOption::ProcessSize, totals.0),
            (SizeOption::FlinkSize, totals.1),
            (SizeOption::FrameworkHeap, parts.0),
            (SizeOption::FrameworkOffHeap, parts.1),
            (SizeOption::TaskOffHeap, parts.2),
            (SizeOption::Metaspace, parts.3),
            (SizeOption::NetworkMin, ranges.0),
            (SizeOption::NetworkMax, ranges.1),
            (SizeOption::OverheadMin, ranges.2),
            (SizeOption::OverheadMax, ranges.3),
        ];
        let fractions = [
            (FractionOption::Managed, fractions.0),
            (FractionOption::Network, fractions.1),
            (FractionOption::Overhead, fractions.2),
        ];
        build(FlinkProcess::TaskManager, &sizes, &fractions)
    })
}

fn job_manager() -> impl Strategy<Value = MemoryConfig> {
    let totals = (maybe(0.6, size(300..40_000)), maybe(0.3, size(130..30_000)));
    let parts = (
        maybe(0.4, size(3..6000)),
        maybe(0.3, size(0..2000)),
        maybe(0.2, size(1..1500)),
    );
    let range = (
        maybe(0.15, size(0..1000)),
        maybe(0.2, size(192..4000)),
        maybe(0.2, 0.0_f32..1.0),
    );
    (totals, parts, range).prop_map(|(totals, parts, range)| {
        let sizes = [
            (SizeOption::ProcessSize, totals.0),
            (SizeOption::FlinkSize, totals.1),
            (SizeOption::TaskHeap, parts.0),
            (SizeOption::TaskOffHeap, parts.1),
            (SizeOption::Metaspace, parts.2),
            (SizeOption::OverheadMin, range.0),
            (SizeOption::OverheadMax, range.1),
        ];
        build(FlinkProcess::JobManager, &sizes, &[(FractionOption::Overhead, range.2)])
    })
}

fn build(
    process: FlinkProcess,
    sizes: &[(SizeOption, Option<u64>)],
    fractions: &[(FractionOption, Option<f32>)],
) -> MemoryConfig {
    let config = sizes
        .iter()
        .fold(MemoryConfig::new(process), |c, s| c.with_size(s.0, s.1).unwrap());
    fractions.iter().fold(config, |c, f| c.with_fraction(f.0, f.1).unwrap())
}

/// Makes most mixes valid by dropping totals that contradict what is pinned; the rest stays invalid on purpose.
fn mostly_valid(config: MemoryConfig) -> MemoryConfig {
    if derive(&config).is_ok() {
        return config;
    }
    let without = |o: SizeOption, c: &MemoryConfig| c.clone().with_size(o, None).unwrap();
    let candidates = [
        without(SizeOption::ProcessSize, &config),
        without(SizeOption::FlinkSize, &config),
        without(SizeOption::TaskHeap, &config),
    ];
    candidates.into_iter().find(|c| derive(c).is_ok()).unwrap_or(config)
}

fn any_config() -> impl Strategy<Value = MemoryConfig> {
    let config = prop_oneof![3 => task_manager().prop_map(mostly_valid), 1 => job_manager().prop_map(mostly_valid)];
    (config, 0..4, size(0..300)).prop_map(|(config, fix, more)| match fix {
        0 => with_totals(&config, true, more),
        1 => with_totals(&config, false, more),
        _ => config,
    })
}

/// Sets totals that follow from the rest as well, a little larger where that is still valid, so that something has to take the rest.
fn with_totals(config: &MemoryConfig, process_too: bool, more: u64) -> MemoryConfig {
    let Ok(now) = derive(config) else { return config.clone() };
    if config.style() == Some(Style::ProcessSize) {
        return config.clone();
    }
    let enlarged = |config: &MemoryConfig, option: SizeOption, size: u64| {
        let set = |bytes| config.clone().with_size(option, Some(bytes)).unwrap();
        let candidates = [set(size + more), set(size)];
        candidates
            .into_iter()
            .find(|c| derive(c).is_ok())
            .unwrap_or_else(|| config.clone())
    };
    let config = enlarged(config, SizeOption::FlinkSize, now.flink());
    if !process_too {
        return config;
    }
    let process = derive(&config).unwrap().process();
    enlarged(&config, SizeOption::ProcessSize, process)
}

fn any_component() -> impl Strategy<Value = Component> {
    prop_oneof![3 => Just(Component::TaskHeap), 2 => proptest::sample::select(Component::ALL.to_vec())]
}

fn check_resized(old: &MemoryConfig, targets: &[(Component, u64)], others: Others, step: u64, resized: &Resized) {
    let Resized {
        config,
        breakdown,
        before,
        changes,
    } = resized;
    assert_eq!(derive(config).as_ref(), Ok(breakdown), "what is returned was derived");
    assert_eq!(config.style(), old.style(), "the style stays");
    breakdown.check_jvm().unwrap();
    assert!(
        satisfies(config, targets, others, before.as_ref()),
        "{targets:?} {others:?}: {old:?} to {config:?}"
    );
    // Nothing else was touched, and writing back the changes makes the same.
    let entries = old.entries().into_iter().chain(resized.write_back());
    let written = MemoryConfig::from_entries(old.process(), entries).unwrap();
    assert_eq!(&written, config);
    for change in changes {
        assert_ne!(change.from, Some(change.to));
    }
    // Asking again changes nothing.
    let again = resize(config, targets, others, step).unwrap();
    assert_eq!(again.changes, [], "{targets:?} again on {config:?}");
}

/// Components that only take what fixed ones leave, and that therefore keep what they have whatever happens to the others.
fn takes_the_rest(config: &MemoryConfig, component: Component) -> bool {
    let has = |o| config.configured(o).is_some();
    let by_process = config.style() == Some(Style::ProcessSize);
    match component {
        Component::Network => {
            config.process() == FlinkProcess::TaskManager
                && has(SizeOption::TaskHeap)
                && (has(SizeOption::FlinkSize) || by_process)
        }
        Component::Overhead => has(SizeOption::ProcessSize) && !by_process,
        Component::TaskOffHeap => {
            config.process() == FlinkProcess::JobManager
                && has(SizeOption::TaskHeap)
                && has(SizeOption::FlinkSize)
                && !has(SizeOption::TaskOffHeap)
        }
        _ => false,
    }
}

/// Whether a configuration gives what is asked, and takes nothing that has to be kept.
fn satisfies(
    config: &MemoryConfig,
    targets: &[(Component, u64)],
    others: Others,
    before: Option<&MemoryBreakdown>,
) -> bool {
    derive(config).is_ok_and(|b| {
        let keeps = |c: Component| others == Others::Keep || takes_the_rest(config, c);
        let kept = |c: Component| !keeps(c) || before.is_none_or(|old| b.get(c) >= old.get(c));
        b.check_jvm().is_ok()
            && targets.iter().all(|t| b.get(t.0) >= t.1)
            && Component::ALL
                .into_iter()
                .all(|c| targets.iter().any(|t| t.0 == c) || kept(c))
    })
}

proptest! {
    #[test]
    fn components_add_up_to_what_was_configured(config in any_config()) {
        let Ok(b) = derive(&config) else { return Ok(()) };
        let sum: u64 = Component::ALL.iter().map(|&c| b.get(c)).sum();
        prop_assert_eq!(b.process(), sum);
        prop_assert_eq!(b.flink(), sum - b.metaspace - b.overhead);
        prop_assert_eq!(b.jvm_heap() + b.jvm_direct() + b.managed + b.metaspace + b.overhead, sum);
        if let Some(total) = config.configured(SizeOption::ProcessSize) {
            prop_assert_eq!(sum, total);
        }
        if let Some(flink) = config.configured(SizeOption::FlinkSize) {
            prop_assert_eq!(b.flink(), flink);
        }
        let effective = |o| config.effective(o).unwrap();
        prop_assert_eq!(b.metaspace, effective(SizeOption::Metaspace));
        prop_assert!((effective(SizeOption::OverheadMin)..=effective(SizeOption::OverheadMax)).contains(&b.overhead));
        if config.process() == FlinkProcess::TaskManager {
            prop_assert_eq!(b.framework_heap, effective(SizeOption::FrameworkHeap));
            prop_assert_eq!(b.framework_off_heap, effective(SizeOption::FrameworkOffHeap));
            prop_assert_eq!(b.task_off_heap, effective(SizeOption::TaskOffHeap));
            prop_assert!((effective(SizeOption::NetworkMin)..=effective(SizeOption::NetworkMax)).contains(&b.network));
            if let Some(heap) = config.configured(SizeOption::TaskHeap) {
                prop_assert_eq!(b.task_heap, heap);
            }
            if let Some(managed) = config.configured(SizeOption::Managed) {
                prop_assert_eq!(b.managed, managed);
            }
        }
        let again = MemoryConfig::from_entries(config.process(), config.entries()).unwrap();
        prop_assert_eq!(again, config);
    }

    #[test]
    fn what_is_asked_is_given_in_the_jobs_style(
        config in any_config(), component in any_component(), bytes in size(0..20_000), keep in any::<bool>(),
        step in prop_oneof![3 => Just(MIB), 1 => Just(64 * MIB), 1 => Just(1_u64)],
    ) {
        let others = if keep { Others::Keep } else { Others::Free };
        let targets = [(component, bytes)];
        match resize(&config, &targets, others, step) {
            Ok(resized) => check_resized(&config, &targets, others, step, &resized),
            Err(MemoryError::NoSuchComponent { .. }) => prop_assert!(!component.exists_in(config.process())),
            // Only what is broken already, or a fraction or range that forbids it at any size, may be refused.
            Err(error) => {
                let valid = derive(&config).is_ok();
                let out_of_reach = matches!(
                    error,
                    MemoryError::Unreachable { .. } | MemoryError::NetworkOutOfRange { .. } | MemoryError::OverheadOutOfRange { .. }
                        | MemoryError::HeapTooSmallForJvm { .. } | MemoryError::NoMetaspace { .. }
                );
                prop_assert!(!valid || out_of_reach, "{targets:?} of {config:?}: {error}");
            }
        }
    }

    #[test]
    fn one_step_less_fails(
        config in any_config(), bytes in size(1..20_000), keep in any::<bool>(), step in prop_oneof![Just(MIB), Just(64 * MIB)],
    ) {
        let others = if keep { Others::Keep } else { Others::Free };
        let targets = [(Component::TaskHeap, bytes)];
        let Ok(Resized { config: new, before, .. }) = resize(&config, &targets, others, step) else { return Ok(()) };
        prop_assert!(satisfies(&new, &targets, others, before.as_ref()));
        let less = |config: &MemoryConfig, option| {
            let bytes = config.configured(option)?.checked_sub(step)?;
            Some(config.clone().with_size(option, Some(bytes)).unwrap())
        };
        let process = less(&new, SizeOption::ProcessSize);
        let flink = less(&new, SizeOption::FlinkSize);
        // With both totals, the Flink memory must not do with less even if the process gets smaller with it.
        let both = process.as_ref().and_then(|c| less(c, SizeOption::FlinkSize));
        let smaller = if both.is_some() { [process, both] } else { [process, flink] };
        for smaller in smaller.into_iter().flatten() {
            prop_assert!(!satisfies(&smaller, &targets, others, before.as_ref()), "{smaller:?} would do for {targets:?}");
        }
    }

    #[test]
    fn several_wishes_at_once(config in any_config(), heap in size(0..8000), other in any_component(), bytes in size(0..3000)) {
        if !other.exists_in(config.process()) {
            return Ok(());
        }
        let targets = [(Component::TaskHeap, heap), (other, bytes)];
        if let Ok(resized) = resize(&config, &targets, Others::Keep, MIB) {
            check_resized(&config, &targets, Others::Keep, MIB, &resized);
        }
    }

    #[test]
    fn a_limit_on_the_process_is_used_up_and_never_exceeded(config in any_config(), limit in size(0..50_000)) {
        match fit_process_size(&config, limit, MIB) {
            Ok(fitted) => {
                prop_assert!(fitted.breakdown.process() <= limit);
                prop_assert_eq!(derive(&fitted.config), Ok(fitted.breakdown));
                prop_assert_eq!(fitted.config.style(), config.style());
                // One more mebibyte of task heap does not fit, whatever it would take.
                let heap = fitted.breakdown.task_heap + MIB;
                if let Ok(more) = resize(&fitted.config, &[(Component::TaskHeap, heap)], Others::Keep, MIB) {
                    prop_assert!(more.breakdown.process() > limit - limit % MIB, "{:?}", more.config);
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_number_panics(
        sizes in proptest::collection::vec((0_usize..12, 0..=u64::MAX / 2), 0..6), fraction in any::<f32>(), which in 0_usize..3,
        bytes in any::<u64>(), step in any::<u64>(), component in any_component(), process in any::<bool>(),
    ) {
        let process = if process { FlinkProcess::TaskManager } else { FlinkProcess::JobManager };
        let mut config = MemoryConfig::new(process);
        for (option, bytes) in sizes {
            config = config.clone().with_size(SizeOption::ALL[option], Some(bytes)).unwrap_or(config);
        }
        config = config.clone().with_fraction(FractionOption::ALL[which], Some(fraction)).unwrap_or(config);
        for step in [step, MIB, 0] {
            let _ = resize(&config, &[(component, bytes)], Others::Free, step);
            let _ = fit_process_size(&config, bytes, step);
        }
        let _ = derive(&config);
    }
}

/// What a merged action may ask for: up to three components around what they are, and a total.
fn any_request() -> impl Strategy<Value = (Vec<(Component, f64)>, Option<f64>)> {
    let factor = || prop_oneof![2 => 1.0..3.0, 2 => 0.2..1.0, 1 => Just(1.0)];
    let targets = proptest::collection::vec((any_component(), factor()), 0..4);
    (targets, maybe(0.6, factor()))
}

fn any_step() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(MIB), 1 => Just(64 * MIB), 1 => Just(1_u64)]
}

/// The request in bytes, of components that the process has.
fn in_bytes(
    b: &MemoryBreakdown,
    request: &(Vec<(Component, f64)>, Option<f64>),
) -> (Vec<(Component, u64)>, Option<u64>) {
    let times = |bytes: u64, factor: f64| (bytes as f64 * factor) as u64;
    let exists = |t: &&(Component, f64)| t.0.exists_in(b.kind);
    let targets = request.0.iter().filter(exists).map(|&(c, f)| (c, times(b.get(c), f)));
    (targets.collect(), request.1.map(|f| times(b.process(), f)))
}

fn asked(targets: &[(Component, u64)], component: Component) -> Option<u64> {
    targets.iter().filter(|t| t.0 == component).map(|t| t.1).max()
}

proptest! {
    #[test]
    fn a_plan_gives_what_was_asked(config in any_config(), request in any_request(), step in any_step()) {
        let Ok(before) = derive(&config) else {
            prop_assert_eq!(plan(&config, &[], None, step).err(), derive(&config).err());
            return Ok(());
        };
        let (targets, total) = in_bytes(&before, &request);
        let planned = match plan(&config, &targets, total, step) {
            Ok(planned) => planned,
            Err(error) => {
                let out_of_reach = matches!(
                    error,
                    MemoryError::Unreachable { .. } | MemoryError::NetworkOutOfRange { .. } | MemoryError::OverheadOutOfRange { .. }
                        | MemoryError::HeapTooSmallForJvm { .. } | MemoryError::NoMetaspace { .. }
                );
                prop_assert!(out_of_reach, "{targets:?}, total {total:?} of {config:?}: {error}");
                return Ok(());
            }
        };
        let after = planned.breakdown;
        prop_assert_eq!(derive(&planned.config), Ok(after));
        prop_assert_eq!(planned.before, Some(before));
        prop_assert_eq!(planned.config.style(), config.style());
        prop_assert!(after.check_jvm().is_ok());
        let written = planned.write_back().into_iter().map(|(k, v)| (k.to_owned(), v));
        let entries = config.entries().into_iter().map(|(k, v)| (k.to_owned(), v)).chain(written);
        let read = MemoryConfig::from_entries(config.process(), entries).unwrap();
        prop_assert_eq!(derive(&read), Ok(after), "the entries say what the plan does");
        for &(component, bytes) in &targets {
            prop_assert!(after.get(component) >= bytes, "{component}: {bytes} asked, {}", after.get(component));
        }
        let grows = targets.iter().any(|&(c, _)| asked(&targets, c).unwrap() > before.get(c));
        let total_shrinks = total.is_some_and(|t| t < before.process());
        if let Some(total) = total.filter(|_| !total_shrinks) {
            prop_assert!(after.process() >= total);
        }
        if (grows || total.is_some_and(|t| t > before.process())) && !total_shrinks {
            for c in Component::ALL {
                let floor = asked(&targets, c).map_or(before.get(c), |bytes| bytes.min(before.get(c)));
                prop_assert!(after.get(c) >= floor, "{c} shrinks from {} to {}", before.get(c), after.get(c));
            }
        }
        if !grows && total.is_none() {
            prop_assert!(after.process() <= before.process(), "nothing grows, and the process does");
            if asked(&targets, Component::TaskHeap).is_none() {
                prop_assert!(after.task_heap >= before.task_heap);
            }
        }
        if let Some(total) = total.filter(|&t| total_shrinks && targets.is_empty() && fit_process_size(&config, t, step).is_ok()) {
            prop_assert!(after.process() <= total);
        }
    }

    #[test]
    fn a_plan_made_twice_is_made_once(config in any_config(), request in any_request(), step in any_step()) {
        let Ok(before) = derive(&config) else { return Ok(()) };
        let (targets, total) = in_bytes(&before, &request);
        let up = targets.iter().any(|&(c, _)| asked(&targets, c).unwrap() > before.get(c));
        let down = targets.iter().any(|&(c, _)| asked(&targets, c).unwrap() < before.get(c));
        let total = total.map(|t| if t < before.process() { Total::AtMost(t) } else { Total::AtLeast(t) });
        let Ok(once) = plan_total(&config, &targets, total, step) else { return Ok(()) };
        let twice = plan_total(&once.config, &targets, total, step).unwrap();
        if up && down && !matches!(total, Some(Total::AtLeast(_))) {
            // What had to wait for the growth comes then; after that there is nothing left.
            let thrice = plan_total(&twice.config, &targets, total, step).unwrap();
            prop_assert_eq!(thrice.changes, []);
        } else {
            prop_assert_eq!(twice.changes, []);
        }
    }

    #[test]
    fn a_larger_total_alone_is_the_smallest_that_suffices(config in any_config(), factor in 1.0_f64..3.0) {
        let Ok(before) = derive(&config) else { return Ok(()) };
        let total = (before.process() as f64 * factor) as u64;
        let Ok(planned) = plan(&config, &[], Some(total), MIB) else { return Ok(()) };
        // One step less of a total, or of all that was raised, is too little, or is no configuration.
        let changed: Vec<SizeOption> = planned.changes.iter().map(|c| c.option).collect();
        let totals = [SizeOption::ProcessSize, SizeOption::FlinkSize];
        let both = changed.iter().copied().filter(|o| totals.contains(o)).collect::<Vec<_>>();
        // Where the job pins both totals, the overhead is what they leave, and a step more of both may remain.
        if both.len() == 2 {
            return Ok(());
        }
        let process = changed.iter().copied().filter(|o| *o == totals[0]).collect::<Vec<_>>();
        for options in [changed, both, process].into_iter().filter(|o| !o.is_empty()) {
            let less = options.iter().fold(planned.config.clone(), |config, &option| {
                let bytes = config.configured(option).unwrap();
                config.with_size(option, Some(bytes - MIB)).unwrap()
            });
            let suffices = derive(&less).is_ok_and(|b| {
                b.process() >= total && Component::ALL.into_iter().all(|c| b.get(c) >= before.get(c))
            });
            prop_assert!(!suffices, "{less:?} has {total} too");
        }
    }
}

proptest! {
    // Each case derives up to 12,000 configurations.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_smaller_process_at_all_does_it(
        managed in 0.0_f32..1.0, network in 0.0_f32..1.0, most in size(64..2000), heap in 1_u64..3000, overhead in 0.0_f32..0.5,
    ) {
        // By brute force over every whole mebibyte, also where the fractions of managed and network memory add up to more than 1.
        let sizes = [(SizeOption::ProcessSize, Some(MIB)), (SizeOption::NetworkMax, Some(most))];
        let fractions = [
            (FractionOption::Managed, Some(managed)), (FractionOption::Network, Some(network)), (FractionOption::Overhead, Some(overhead)),
        ];
        let config = build(FlinkProcess::TaskManager, &sizes, &fractions);
        let at = |mib: u64| config.clone().with_size(SizeOption::ProcessSize, Some(mib * MIB)).unwrap();
        let brute = (1..12_000).find(|&mib| derive(&at(mib)).is_ok_and(|b| b.task_heap >= heap * MIB));
        let found = resize(&config, &[(Component::TaskHeap, heap * MIB)], Others::Free, MIB)
            .ok()
            .and_then(|r| r.config.configured(SizeOption::ProcessSize))
            .map(|p| p / MIB);
        match brute {
            Some(least) => prop_assert_eq!(found, Some(least)),
            None => prop_assert!(found.is_none_or(|p| p >= 12_000), "{found:?}"),
        }
    }
}

/// The properties above say nothing of configurations that are refused; so most of what they are given must not be.
#[test]
fn the_properties_see_every_style_and_both_outcomes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = any_config();
    let (mut valid, mut refused, mut resized, mut with_both_totals) = ([0; 3], 0, 0, 0);
    for _ in 0..2000 {
        let config = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(breakdown) = derive(&config) else {
            refused += 1;
            continue;
        };
        valid[config.style().unwrap() as usize] += 1;
        with_both_totals += i32::from(
            config.style() != Some(Style::ProcessSize) && config.configured(SizeOption::ProcessSize).is_some(),
        );
        let heap = breakdown.task_heap + 100 * MIB;
        resized += i32::from(resize(&config, &[(Component::TaskHeap, heap)], Others::Keep, MIB).is_ok());
    }
    let all: i32 = valid.iter().sum();
    println!(
        "{valid:?} valid by style, {with_both_totals} of them with both totals, {refused} refused, {resized} resized"
    );
    assert!(valid.iter().all(|&n| n > 100) && refused > 100 && with_both_totals > 100);
    assert!(resized * 10 > all * 8, "{resized} of {all}");
}
