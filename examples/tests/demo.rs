//! What the demo's rules come to on each recording, and how the program behaves.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::{Command, Output};

use dras_core::engine::{Policy, RuleState};
use dras_core::metrics::Mark;
use dras_core::resources::Resource;
use dras_core::rules::{Document, DocumentLimits};
use dras_examples::replay::{NewsKind, RULES, Replay};
use dras_examples::trace::{Trace, scenarios};

fn policy() -> Policy {
    let document = Document::from_json(RULES, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"))
}

/// What was decided at one look, as far as the tests ask.
#[derive(Debug, Clone, PartialEq)]
struct Decided {
    elapsed: i64,
    fired: Vec<String>,
    undefined: usize,
    changes: Vec<(Resource, f64, f64)>,
    warming_up: bool,
    /// Whether a change of resources was seen at or before this look.
    changed: bool,
    text: String,
}

fn replay(policy: &Policy, trace: &Trace, every: i64) -> Vec<Decided> {
    let mut all = Vec::new();
    let mut changed = false;
    let mut replay = Replay::new(policy, trace, every).unwrap();
    // What strategies use where it is there, and was not recorded.
    let not_recorded = [
        "direct_used",
        "full_gc_count",
        "job_manager_exits",
        "job_manager_gc_count",
        "job_manager_heap_max",
        "job_manager_heap_used",
        "metaspace_used",
        "process_used",
        "sink_busy",
        "source_records",
    ];
    assert_eq!(replay.unanswered(), not_recorded, "{}", trace.name);
    replay
        .run(|look| {
            changed |= look
                .news
                .iter()
                .any(|n| matches!(n.kind, NewsKind::Mark(Mark::Change, _)));
            let rules = || policy.rules().zip(look.decision.states());
            let fired: Vec<String> = rules()
                .filter(|r| r.1 == RuleState::Fired)
                .map(|r| r.0.name.clone())
                .collect();
            all.push(Decided {
                elapsed: look.elapsed / 1000,
                undefined: rules().filter(|r| r.1 == RuleState::Undefined).count(),
                changes: look
                    .decision
                    .changes()
                    .iter()
                    .map(|c| (c.resource, c.from, c.to))
                    .collect(),
                warming_up: look.warm_up.is_some(),
                changed,
                text: if fired.is_empty() {
                    String::new()
                } else {
                    look.decision.to_string()
                },
                fired,
            });
        })
        .unwrap();
    all
}

/// What is advised: more or less of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Advice {
    More(Resource),
    Less(Resource),
}

use Resource::{Metaspace, Parallelism, TaskHeap, TaskOffHeap};

struct Case {
    trace: &'static str,
    /// The rules that fire, and no other does.
    fires: &'static [&'static str],
    /// What is advised, and nothing else is.
    advice: Option<Advice>,
    /// Seconds before which nothing and after which something was advised.
    first: (i64, i64),
}

const NEVER: (i64, i64) = (i64::MAX, i64::MAX);

const CASES: [Case; 15] = [
    // The overload begins after 60 s.
    Case {
        trace: "a_overload_cpu",
        fires: &["cpu.up", "source_delay.stay", "source_delay.up"],
        advice: Some(Advice::More(Parallelism)),
        first: (80, 120),
    },
    Case {
        trace: "a_overload_io",
        fires: &["cpu.waiting", "source_delay.stay", "source_delay.up"],
        advice: Some(Advice::More(Parallelism)),
        first: (80, 120),
    },
    Case {
        trace: "b_idle",
        fires: &["cpu.down"],
        advice: Some(Advice::Less(Parallelism)),
        first: (110, 150),
    },
    Case {
        trace: "c_heap_gc",
        fires: &["memory.gc_up", "memory.heap_up", "memory.keep_slots"],
        advice: Some(Advice::More(TaskHeap)),
        first: (100, 160),
    },
    // The process is gone at 39 s, and Flink says so at 43 s. The next one is lost with less in it.
    Case {
        trace: "d_oom_crashloop",
        fires: &["oom.lost_heap", "oom.lost_unexplained"],
        advice: Some(Advice::More(TaskHeap)),
        first: (43, 55),
    },
    Case {
        trace: "d_oom_direct",
        fires: &["oom.direct"],
        advice: Some(Advice::More(TaskOffHeap)),
        first: (20, 31),
    },
    Case {
        trace: "d_oom_hog",
        fires: &["oom.heap"],
        advice: Some(Advice::More(TaskHeap)),
        first: (21, 31),
    },
    // Only an exit code could tell what killed these: people are told.
    Case {
        trace: "d_oom_kill",
        fires: &["oom.lost_unexplained"],
        advice: None,
        first: NEVER,
    },
    Case {
        trace: "d_oom_kill_default_timeout",
        fires: &["oom.lost_unexplained"],
        advice: None,
        first: NEVER,
    },
    Case {
        trace: "d_oom_metaspace",
        fires: &["oom.metaspace"],
        advice: Some(Advice::More(Metaspace)),
        first: (20, 31),
    },
    Case {
        trace: "d_oom_zombie",
        fires: &["oom.lost_heap"],
        advice: Some(Advice::More(TaskHeap)),
        first: (62, 75),
    },
    Case {
        trace: "d_user_exception",
        fires: &[],
        advice: None,
        first: NEVER,
    },
    // The driver itself scales up at 90 s in these two.
    Case {
        trace: "e_rescale_live",
        fires: &["source_delay.stay", "source_delay.up"],
        advice: Some(Advice::More(Parallelism)),
        first: (76, 91),
    },
    Case {
        trace: "e_restart_savepoint",
        fires: &["source_delay.stay", "source_delay.up"],
        advice: Some(Advice::More(Parallelism)),
        first: (72, 91),
    },
    // One slot cannot become fewer.
    Case {
        trace: "f_diurnal_tight",
        fires: &["cpu.down", "cpu.waiting", "source_delay.stay", "source_delay.up"],
        advice: Some(Advice::More(Parallelism)),
        first: (120, 180),
    },
];

fn advice(change: &(Resource, f64, f64)) -> Advice {
    match *change {
        (resource, from, to) if to > from => Advice::More(resource),
        (resource, ..) => Advice::Less(resource),
    }
}

#[test]
fn the_demo_document_compiles_without_a_warning() {
    assert!(policy().warnings().0.is_empty(), "{}", policy().warnings());
}

#[test]
fn every_recording_comes_to_what_it_shows() {
    let policy = policy();
    let names: Vec<&str> = scenarios().iter().map(|s| s.name).collect();
    assert_eq!(names, CASES.map(|c| c.trace), "every recording has a case");
    for case in &CASES {
        let trace = Trace::load(case.trace).unwrap();
        // What it comes to must not hang on the moments of the looks.
        for every in [2000, 5000, 9000] {
            let context = format!("{}, a look every {every} ms", case.trace);
            let decided = replay(&policy, &trace, every);
            let mut fired: Vec<&str> = decided.iter().flat_map(|d| &d.fired).map(String::as_str).collect();
            fired.sort_unstable();
            fired.dedup();
            assert_eq!(fired, case.fires, "{context}");
            for look in &decided {
                for change in &look.changes {
                    assert_eq!(Some(advice(change)), case.advice, "{context}: {}", look.text);
                }
            }
            let first = decided.iter().find(|d| !d.changes.is_empty()).map(|d| d.elapsed);
            let (from, to) = case.first;
            assert_eq!(first.is_some(), case.advice.is_some(), "{context}");
            assert!(
                first.is_none_or(|first| (from..=to).contains(&first)),
                "{context}: {first:?}"
            );
        }
    }
}

#[test]
fn nothing_but_what_was_thrown_fires_inside_a_warm_up() {
    let policy = policy();
    for scenario in scenarios() {
        let trace = Trace::load(scenario.name).unwrap();
        let decided = replay(&policy, &trace, 1000);
        assert!(
            decided.iter().any(|d| d.warming_up),
            "{}: every recording begins soon after a start",
            trace.name
        );
        for look in decided.iter().filter(|d| d.warming_up) {
            assert!(
                look.fired.iter().all(|r| r.starts_with("oom.")),
                "{}: {}",
                trace.name,
                look.text
            );
            // Only rules on what was thrown have an answer at all, and rules on what the task says.
            assert!(look.undefined > 0, "{}: {}", trace.name, look.text);
        }
    }
}

#[test]
fn after_a_rescale_or_a_restart_nothing_is_advised() {
    let policy = policy();
    for name in ["e_rescale_live", "e_restart_savepoint"] {
        let decided = replay(&policy, &Trace::load(name).unwrap(), 1000);
        let after: Vec<&Decided> = decided.iter().filter(|d| d.changed).collect();
        assert!(
            after.len() > 60 && after.iter().any(|d| !d.warming_up),
            "{name}: looks after the warm-up, too"
        );
        // Late, but catching up: nothing is taken away meanwhile, and nothing more is asked for.
        assert!(
            after
                .iter()
                .all(|d| d.changes.is_empty() && d.fired.iter().all(|r| r == "source_delay.stay")),
            "{name}"
        );
    }
}

#[test]
fn a_doubled_lag_around_a_rescale_changes_no_advice() {
    let policy = policy();
    let trace = Trace::load("e_rescale_live").unwrap();
    let mut doubled = trace.clone();
    // While old and new attempts are both in the store: here for 20 s after each switch, as 94 s and 216 s after the beginning.
    let mut samples = 0;
    for series in doubled
        .series
        .iter_mut()
        .filter(|s| s.metric == "pendingRecords" || s.metric == "sourceDelayMs")
    {
        for (time, value) in series.times.iter().zip(&mut series.values) {
            let since = *time - trace.start;
            if (94_000..114_000).contains(&since) || (216_000..236_000).contains(&since) {
                *value = *value * 2.0 + 50_000.0;
                samples += 1;
            }
        }
    }
    assert!(samples > 50);
    let changes = |trace| {
        let decided = replay(&policy, trace, 1000);
        decided
            .into_iter()
            .map(|d| (d.elapsed, d.fired, d.changes))
            .collect::<Vec<_>>()
    };
    assert_eq!(changes(&doubled), changes(&trace));
}

#[test]
fn the_same_lag_without_a_restart_is_believed() {
    // The test above would hold for rules that never fire, too.
    let policy = policy();
    let mut trace = Trace::load("b_idle").unwrap();
    let late = trace.start + 70_000;
    for series in &mut trace.series {
        for (time, value) in series.times.iter().zip(&mut series.values) {
            match series.metric.as_str() {
                "sourceDelayMs" => *value += (time - late).max(0) as f64,
                "backPressuredTimeMsPerSecond" if *time > late => *value = 900.0,
                _ => {}
            }
        }
    }
    let decided = replay(&policy, &trace, 5000);
    assert!(decided.iter().any(|d| d.fired.iter().any(|r| r == "source_delay.up")));
    assert!(
        decided
            .iter()
            .all(|d| d.fired.iter().all(|r| r != "cpu.down") || d.changes.iter().all(|c| c.2 >= c.1)),
        "an idle task that is late keeps its slots"
    );
}

#[test]
fn a_task_that_gets_the_memory_it_asked_for_asks_no_more() {
    // In the recordings nobody follows the advice. Here the driver does, after the error and before the next look.
    let policy = policy();
    let mut trace = Trace::load("d_oom_hog").unwrap();
    let event = |seconds: i64, what: &str| dras_examples::trace::Event {
        time: trace.start + seconds * 1000,
        what: what.to_owned(),
    };
    let followed = event(27, "1 TaskManagers of 960m registered (5 s)");
    trace.events.push(followed);
    let decided = replay(&policy, &trace, 2000);
    let advised: Vec<i64> = decided
        .iter()
        .filter(|d| !d.changes.is_empty())
        .map(|d| d.elapsed)
        .collect();
    assert_eq!(advised, [22, 24, 26]);
}

fn demo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(args)
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn scratch(name: &str, content: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn on_a_pipe_the_output_is_plain_complete_and_always_the_same() {
    let first = demo(&[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_eq!(text(&first.stderr), "");
    let shown = text(&first.stdout);
    assert!(!shown.contains('\x1b') && !shown.contains('\r'));
    for part in [
        "a_overload_cpu\n────",
        "→ would: parallelism 1 → 3",
        "→ still, for ",
        "⇒ parallelism 2: beaten by source_delay.up",
        "↻ parallelism 1 → 3 (warm-up 1m)",
        "→ would: metaspace 96MiB → 384MiB",
        "insufficient data: delay[15s]: warming up after a restart or change",
        "What it came to",
    ] {
        assert!(shown.contains(part), "{part}");
    }
    assert_eq!(demo(&[]).stdout, first.stdout);
    assert_eq!(demo(&["all", "--json"]).stdout, demo(&["--json", "all"]).stdout);
}

#[test]
fn the_pages_of_the_strategies_show_what_the_demo_shows() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/strategies");
    let mut quoted = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in page.split("<!-- demo: ").skip(1) {
            let (name, rest) = rest.split_once(" -->\n```text\n").unwrap();
            let quote = rest.split_once("\n```").unwrap().0;
            let shown = demo(&[name]);
            assert!(text(&shown.stdout).contains(quote), "{name} does not show\n{quote}");
            quoted += 1;
        }
    }
    assert_eq!(quoted, 4);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [60, 80, 100, 140] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        let output = command.arg("all").env("COLUMNS", columns.to_string()).output().unwrap();
        let shown = text(&output.stdout);
        let too_wide: Vec<&str> = shown.lines().filter(|l| l.chars().count() > columns).collect();
        assert!(
            too_wide.is_empty() && shown.contains("e_rescale_live"),
            "{columns}: {too_wide:#?}"
        );
    }
}

#[test]
fn escape_codes_in_a_trace_do_not_reach_the_terminal() {
    let name = format!("\x1b[31m{}", "n".repeat(500));
    let trace = include_str!("../data/d_user_exception.trace");
    let (head, rest) = (trace.lines().next().unwrap(), trace.split_once('\n').unwrap().1);
    assert!(head.starts_with("trace,1,d_user_exception,"));
    let rest = rest.replace("injected user exception", "\x1b]0;title\x07");
    let hostile = format!(
        "trace,1,{name},\x1b[2J{}\n{rest}event,30000,\x1b[1m\n",
        "about ".repeat(100)
    );
    let output = demo(&[&scratch("hostile.trace", &hostile)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("]0;title") && !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown}"
    );
}

#[test]
fn json_is_one_decision_a_line() {
    let output = demo(&["--json", "--every=10s", "b_idle", "d_oom_hog"]);
    assert!(output.status.success());
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |name: &str| lines.iter().filter(|l| l["scenario"] == name).count();
    assert_eq!((of("b_idle"), of("d_oom_hog")), (15, 6));
    let advised = lines.iter().find(|l| l["changes"] != serde_json::json!([])).unwrap();
    assert_eq!(
        (&advised["scenario"], &advised["changes"][0]["to"]),
        (&"b_idle".into(), &2.0.into())
    );
    assert_eq!(advised["elapsed_ms"].as_i64().unwrap() % 10_000, 0);
    assert!(
        advised["rules"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["rule"] == "cpu.down" && r["state"] == "fired")
    );
}

#[test]
fn a_document_of_ones_own_can_be_tried() {
    let rules = scratch(
        "own.json",
        r#"{"version": 1, "name": "own",
            "metrics": {"busy": {"unit": "ms/s", "per": "subtask", "across": "max", "interval": "2s", "flink": "busyTimeMsPerSecond"},
                        "absent": {"per": "subtask", "flink": "no.such.metric"}},
            "rules": [{"name": "double", "when": "busy > 90% || absent > 1", "for": "20s", "then": {"parallelism": "parallelism * 2"}}]}"#,
    );
    let output = demo(&["--rules", &rules, "a_overload_io"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr),
        "note: nothing in a_overload_io is a sample of `absent`\n"
    );
    assert!(
        text(&output.stdout).contains("→ would: parallelism 1 → 2"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn what_cannot_be_done_is_said_with_exit_code_2() {
    let broken = scratch(
        "broken.json",
        r#"{"version": 1, "rules": [{"name": "r", "when": "parallelismm > 5m", "then": {"parallelism": "2 +"}}]}"#,
    );
    let not_a_selector = scratch(
        "rate.json",
        r#"{"version": 1, "metrics": {"records": {"query": "rate(numRecordsIn[1m])"}},
            "rules": [{"name": "r", "when": "records > 1", "then": {"parallelism": "2"}}]}"#,
    );
    let ambiguous = scratch(
        "ambiguous.json",
        r#"{"version": 1, "metrics": {"busy": {"flink": "busyTimeMsPerSecond"}},
            "rules": [{"name": "r", "when": "busy > 1", "then": {"parallelism": "2"}}]}"#,
    );
    let trace = scratch("cut.trace", "trace,1,cut,\"no end\n");
    let cases: [(&[&str], &[&str]); 12] = [
        (
            &["--rules", &broken],
            &[
                "error[E0201]",
                "rules[0].when",
                "did you mean `parallelism`?",
                "error[E0101]",
                "does not compile",
            ],
        ),
        (
            &["--rules", "no/such/file.json"],
            &["error: no/such/file.json cannot be read: "],
        ),
        (
            &["--rules", &not_a_selector, "b_idle"],
            &["metric `records`: more than a selector at `(numRecordsIn[1m])`"],
        ),
        (
            &["--rules", &ambiguous, "b_idle"],
            &["metric `busy` is declared `per: task`", "several series"],
        ),
        (
            &["nonsense"],
            &[
                "`nonsense` is neither a scenario nor a readable file",
                "a_overload_cpu, a_overload_io",
            ],
        ),
        (&[&trace], &["line 1: a quoted cell has no closing quote"]),
        (&["--every", "0s"], &["--every `0s`: write a time from 1s to 1h"]),
        (&["--every", "10"], &["--every `10`: write a time from 1s to 1h"]),
        (&["--every", "soon"], &["--every `soon`: "]),
        (&["--every"], &["`--every` needs a value"]),
        (&["--list=x"], &["`--list` takes no value"]),
        (&["--fast"], &["unknown option `--fast`", "try --help"]),
    ];
    for (args, parts) in cases {
        let output = demo(args);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(!message.contains('\x1b') && !message.contains("panicked"), "{message}");
        for part in parts {
            assert!(message.contains(part), "{args:?} lacks `{part}`: {message}");
        }
    }
}

#[test]
fn help_and_list_say_what_there_is() {
    let help = demo(&["--help"]);
    assert!(help.status.success());
    for option in ["--rules", "--every", "--json", "--list", "--help"] {
        assert!(text(&help.stdout).contains(option));
    }
    let list = demo(&["--list"]);
    assert!(list.status.success());
    for scenario in scenarios() {
        assert!(text(&list.stdout).contains(scenario.name), "{}", scenario.name);
    }
}
