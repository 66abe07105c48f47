//! The memory model against results of Flink's own derivation code (1.18.1, 1.20.0, 2.0.0 and 2.3.0), every case of the file: components to
//! the byte, errors with their cause and their numbers, and the smallest sizes that the inverse must find.

// A test may panic, and does so outside of `#[test]` functions too.
#![allow(clippy::unwrap_used, clippy::panic)]

/// Prints past the capture of the test harness, so that every run of the tests shows the counts.
macro_rules! report {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

use std::collections::BTreeSet;

use dras_core::resources::memory::{
    Component, FlinkProcess, MIB, MemoryBreakdown, MemoryConfig, MemoryError, Others, SizeOption, derive,
    fit_process_size, resize,
};
use serde_json::Value;

fn cases() -> Value {
    serde_json::from_str(include_str!("data/flink_memory.json")).unwrap()
}

fn config_of(case: &Value) -> MemoryConfig {
    let process = match case["kind"].as_str().unwrap() {
        "tm" => FlinkProcess::TaskManager,
        "jm" => FlinkProcess::JobManager,
        other => panic!("unknown kind {other}"),
    };
    let entries = case["config"].as_object().unwrap();
    MemoryConfig::from_entries(process, entries.iter().map(|(k, v)| (k, v.as_str().unwrap()))).unwrap()
}

fn named(breakdown: &MemoryBreakdown, name: &str) -> u64 {
    match name {
        "process" => breakdown.process(),
        "flink" => breakdown.flink(),
        "metaspace" => breakdown.metaspace,
        "overhead" => breakdown.overhead,
        "jvm_heap" => breakdown.jvm_heap(),
        "jvm_direct" => breakdown.jvm_direct(),
        "framework_heap" => breakdown.framework_heap,
        "framework_offheap" => breakdown.framework_off_heap,
        "task_heap" => breakdown.task_heap,
        "task_offheap" => breakdown.task_off_heap,
        "network" => breakdown.network,
        "managed" => breakdown.managed,
        other => panic!("unknown component {other}"),
    }
}

/// How Flink's message for the same broken rule begins, and the sizes it names.
fn flink_says(error: &MemoryError) -> (&'static str, BTreeSet<u64>) {
    match error {
        MemoryError::NothingConfigured { .. } => ("Either required fine-grained memory", BTreeSet::new()),
        MemoryError::RangeReversed { .. } => ("min value must be less or equal to max value", BTreeSet::new()),
        MemoryError::FractionOutOfRange { .. } => ("fraction must be in range [0, 1)", BTreeSet::new()),
        MemoryError::JvmExceedsProcess {
            metaspace,
            overhead,
            total,
            ..
        } => (
            "Sum of configured JVM Metaspace",
            [*metaspace, *overhead, *total].into(),
        ),
        MemoryError::FlinkExceedsProcess {
            flink,
            metaspace,
            total,
            ..
        } => (
            "The configured Total Process Memory size",
            [*flink, *metaspace, *total].into(),
        ),
        MemoryError::OverheadOutOfRange { overhead, min, max, .. } => {
            ("Derived JVM Overhead size", [*overhead, *min, *max].into())
        }
        MemoryError::PartsExceedFlink { parts, flink } => (
            "Sum of configured Framework Heap Memory",
            parts.iter().map(|p| p.1).chain([*flink]).collect(),
        ),
        MemoryError::NetworkOutOfRange { network, min, max } => {
            ("Derived Network Memory size", [*network, *min, *max].into())
        }
        MemoryError::OffHeapExceedsFlink { off_heap, flink } => {
            ("The configured Total Flink Memory", [*off_heap, *flink].into())
        }
        other => panic!("no case of the file ends like this: {other}"),
    }
}

#[test]
fn every_derivation_is_flinks_own() {
    let file = cases();
    let (mut valid, mut refused) = (0, 0);
    let number_of_bytes = regex::Regex::new(r"(\d+) bytes").unwrap();
    for list in ["derive", "derive_sampled"] {
        for case in file[list].as_array().unwrap() {
            let config = config_of(case);
            match (derive(&config), case.get("expect")) {
                (Ok(breakdown), Some(expected)) => {
                    for (name, bytes) in expected.as_object().unwrap() {
                        assert_eq!(
                            named(&breakdown, name),
                            bytes.as_u64().unwrap(),
                            "{name} of {}",
                            case["config"]
                        );
                    }
                    valid += 1;
                }
                (Err(error), None) => {
                    let message = case["message"].as_str().unwrap();
                    let (beginning, sizes) = flink_says(&error);
                    assert!(
                        message.starts_with(beginning),
                        "{}: {error} is not {message}",
                        case["config"]
                    );
                    let flinks: BTreeSet<u64> = number_of_bytes
                        .captures_iter(message)
                        .map(|c| c[1].parse().unwrap())
                        .collect();
                    assert_eq!(sizes, flinks, "{}: {error}", case["config"]);
                    refused += 1;
                }
                (result, _) => panic!("{}: {result:?}", case["config"]),
            }
        }
    }
    report!("{valid} derivations equal to the byte, {refused} refusals with Flink's cause and numbers");
    assert_eq!((valid, refused), (174, 36));
}

#[test]
fn the_defaults_are_flinks() {
    let file = cases();
    let mut checked = 0;
    for process in [FlinkProcess::TaskManager, FlinkProcess::JobManager] {
        for option in SizeOption::ALL {
            let Some(key) = option.key(process) else { continue };
            let default = match file["defaults"][key].as_str().unwrap() {
                "(none)" => None,
                text => Some(dras_core::resources::memory::parse_size(text).unwrap()),
            };
            assert_eq!(option.default_size(process), default, "{key}");
            checked += 1;
        }
    }
    report!("{checked} defaults");
    assert_eq!(checked, 19);
}

#[test]
fn the_smallest_process_sizes_are_found() {
    let file = cases();
    let list = file["inverse"].as_array().unwrap();
    for case in list {
        let (wanted, reached) = match case["kind"].as_str().unwrap() {
            "tm" => ("want_task_heap_mib", "task_heap_at_min"),
            _ => ("want_jvm_heap_mib", "jvm_heap_at_min"),
        };
        // Where the search starts must not matter, nor whether that is valid.
        for start in [1, 64 * 1024] {
            let config = config_of(case)
                .with_size(SizeOption::ProcessSize, Some(start * MIB))
                .unwrap();
            let heap = case[wanted].as_u64().unwrap() * MIB;
            let resized = resize(&config, &[(Component::TaskHeap, heap)], Others::Free, MIB).unwrap();
            let least = case["min_process_mib"].as_u64().unwrap();
            assert_eq!(
                resized.config.configured(SizeOption::ProcessSize),
                Some(least * MIB),
                "{case}"
            );
            assert_eq!(resized.breakdown.task_heap, case[reached].as_u64().unwrap(), "{case}");
        }
    }
    report!("{} smallest sizes", list.len());
    assert_eq!(list.len(), 68);
}

#[test]
fn scaling_the_process_does_not_scale_the_heap_alike() {
    let file = cases();
    let list = file["scaling_process_size_by_1_5"].as_array().unwrap();
    for case in list {
        let at = |key: &str| {
            let size = case[key].as_u64().unwrap() * MIB;
            let config = MemoryConfig::new(FlinkProcess::TaskManager)
                .with_size(SizeOption::ProcessSize, Some(size))
                .unwrap();
            derive(&config).unwrap()
        };
        let (before, after) = (at("process_before_mib"), at("process_after_mib"));
        let close = |value: f64, expected: &Value| {
            assert!(
                (value - expected.as_f64().unwrap()).abs() < 1e-4,
                "{value} is not {expected}"
            );
        };
        close(
            after.task_heap as f64 / before.task_heap as f64,
            &case["task_heap_ratio"],
        );
        close(after.managed as f64 / before.managed as f64, &case["managed_ratio"]);
        let (more_heap, more) = (after.task_heap - before.task_heap, after.process() - before.process());
        close(more_heap as f64 / more as f64, &case["share_of_increase_to_task_heap"]);
    }
    assert_eq!(list.len(), 5);
}

/// Every valid case of the file as a starting point: written in its own style, whatever that is.
#[test]
fn every_valid_case_can_be_written_back_and_resized() {
    let file = cases();
    let mut resized_cases = 0;
    for list in ["derive", "derive_sampled"] {
        for case in file[list].as_array().unwrap() {
            let config = config_of(case);
            let again = MemoryConfig::from_entries(config.process(), config.entries()).unwrap();
            assert_eq!(again, config);
            let Ok(before) = derive(&config) else { continue };
            let heap = before.task_heap + 200 * MIB;
            let resized = resize(&config, &[(Component::TaskHeap, heap)], Others::Keep, MIB)
                .unwrap_or_else(|e| panic!("{}: {e}", case["config"]));
            assert!(resized.breakdown.task_heap >= heap);
            assert_eq!(resized.config.style(), config.style());
            // What is written back, on top of what the job has, is the configuration that was checked.
            let entries = config.entries().into_iter().chain(resized.write_back());
            let written = MemoryConfig::from_entries(config.process(), entries).unwrap();
            assert_eq!(derive(&written).unwrap(), resized.breakdown);
            // And the size it came from is found again as a limit.
            let fitted = fit_process_size(&config, resized.breakdown.process(), MIB)
                .unwrap_or_else(|e| panic!("{}: {e}", case["config"]));
            assert!(fitted.breakdown.process() <= resized.breakdown.process());
            resized_cases += 1;
        }
    }
    report!("{resized_cases} cases resized and written back");
    assert_eq!(resized_cases, 174);
}
