//! Cases that Rust, Python and Node all run: documents, attributes, samples, the clock and reports go in, and what comes out is the same, byte
//! for byte. `cases/README.md` says what stands in them. `DRAS_WRITE_CASES=1 cargo test -p dras-core --test cases` writes what is expected anew.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dras_core::action::instruction::{
    AutoscalerPolicy, DeploymentOptions, Instruction, LowerBound, RequirementsOptions, SavepointOptions,
    TranslationError, configuration, flink_deployment_patch, resource_requirements, restart_with_savepoint,
    vertices_of,
};
use dras_core::engine::{AttributeValue, LookKind, Policy, Task, decide, decide_short};
use dras_core::metrics::sources::SourceLimits;
use dras_core::metrics::sources::flink::parse_job;
use dras_core::metrics::{Mark, MetricId};
use dras_core::rules::DocumentLimits;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// What a step says: nothing, or a line or more.
type Said = Result<Option<String>, (&'static str, String)>;

macro_rules! tried {
    ($result:expr) => {
        $result.map_err(|error| (error.code(), error.to_string()))?
    };
}

struct Run {
    policy: Policy,
    task: Task,
    instruction: Option<Instruction>,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("")
}

fn body(value: &Value) -> Vec<u8> {
    match &value["body"] {
        Value::String(text) => text.clone().into_bytes(),
        json => serde_json::to_vec(json).unwrap(),
    }
}

fn look(value: &Value) -> LookKind {
    if value == "short" {
        LookKind::Short
    } else {
        LookKind::Long
    }
}

fn attribute(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some((*b).into()),
        Value::String(text) => Some(text.as_str().into()),
        number => Some(number.as_f64().unwrap().into()),
    }
}

impl Run {
    fn new(case: &Value) -> Run {
        let policy =
            Policy::from_value(&case["document"], &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
        let mut task = Task::new(&policy, text(&case["task"], "id")).unwrap();
        for (name, value) in case["task"]["labels"].as_object().into_iter().flatten() {
            task.set_label(name, value.as_str().unwrap()).unwrap();
        }
        let mut run = Run {
            policy,
            task,
            instruction: None,
        };
        for field in ["flink_configuration", "attributes"] {
            if let given @ Value::Object(_) = &case["task"][field] {
                let step = if field == "attributes" { "set" } else { field };
                run.step(step, given, 0).unwrap();
            }
        }
        run
    }

    fn metric(&self, name: &str) -> Result<MetricId, (&'static str, String)> {
        Ok(tried!(self.policy.metric_named(name)))
    }

    fn step(&mut self, name: &str, given: &Value, now: i64) -> Said {
        let at = given["at"].as_i64().unwrap_or(now);
        let policy = self.policy.clone();
        let task = &mut self.task;
        match name {
            "set" => {
                let given = given.as_object().unwrap();
                let all: Vec<_> = given
                    .iter()
                    .map(|(name, value)| (name.as_str(), attribute(value)))
                    .collect();
                tried!(task.set_all(&policy, all));
                Ok(None)
            }
            "flink_configuration" => {
                let entries = given.as_object().unwrap();
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str().unwrap()));
                tried!(task.set_flink_configuration(&policy, entries));
                Ok(None)
            }
            "row" => {
                let mut row = Vec::new();
                for (name, value) in given["values"].as_object().unwrap() {
                    row.push((tried!(policy.metric_named(name)), value.as_f64().unwrap_or(f64::NAN)));
                }
                let instance = tried!(task.instance(&policy, text(given, "instance")));
                let taken = tried!(task.row(&policy, now, instance, at, &row));
                Ok(Some(accepted(&taken)))
            }
            "column" => {
                let repeat = given["repeat"].as_u64().unwrap_or(1) as usize;
                let values: Vec<f64> = given["values"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v.as_f64().unwrap())
                    .collect();
                let values = values.repeat(repeat);
                let (start, step) = (given["start"].as_i64().unwrap(), given["step"].as_i64().unwrap());
                let times: Vec<i64> = (0..values.len() as i64).map(|i| start + i * step).collect();
                let metric = tried!(policy.metric_named(text(given, "metric")));
                let instance = tried!(task.instance(&policy, text(given, "instance")));
                let taken = tried!(task.column(&policy, now, instance, metric, &times, &values));
                // Of what goes as it should there is nothing to say.
                Ok((taken.stored < times.len() as u64).then(|| accepted(&taken)))
            }
            "event" => {
                let metric = tried!(policy.metric_named(text(given, "metric")));
                let instance = tried!(task.instance(&policy, text(given, "instance")));
                let taken = tried!(task.event(&policy, now, instance, metric, at, text(given, "message")));
                Ok(Some(accepted(&taken)))
            }
            "observed" => {
                let metric = self.metric(text(given, "metric"))?;
                let until = given["until"].as_i64().unwrap_or(now);
                tried!(self.task.observed(&policy, now, metric, until));
                Ok(None)
            }
            "mark" => {
                task.mark(at, if given == "change" { Mark::Change } else { Mark::Restart });
                Ok(None)
            }
            "read_prometheus" => {
                let report = tried!(task.read_prometheus(&policy, now, text(given, "metric"), &body(given)));
                Ok(Some(accepted(&report.accepted)))
            }
            "read_flink_metrics" => {
                let report = tried!(task.read_flink_metrics(&policy, now, text(given, "instance"), at, &body(given)));
                Ok(Some(format!(
                    "{}, notes {}",
                    accepted(&report.accepted),
                    serde_json::to_string(&report.notes).unwrap()
                )))
            }
            "read_flink_exceptions" => {
                let report = tried!(task.read_flink_exceptions(&policy, now, text(given, "metric"), at, &body(given)));
                Ok(Some(accepted(&report.accepted)))
            }
            "queries" => {
                let queries = tried!(task.queries_for(&policy, now, look(given)));
                let forms: Vec<String> = queries
                    .iter()
                    .map(|q| format!("{} {}", q.metric, q.path_and_form().1))
                    .collect();
                Ok(Some(forms.join("\n")))
            }
            "next_look" => {
                let next = tried!(task.next_look(&policy, given.as_i64().unwrap()));
                let kind = if next.kind == LookKind::Long { "long" } else { "short" };
                Ok(Some(format!("{kind} {}", next.at)))
            }
            "counters" => Ok(Some(serde_json::to_string(&task.counters()).unwrap())),
            "applied" | "failed" => {
                let key = match given["key"].as_str() {
                    Some(key) => key.to_owned(),
                    None => self
                        .instruction
                        .as_ref()
                        .expect("an instruction to report on")
                        .key
                        .clone(),
                };
                if name == "applied" {
                    tried!(task.applied(&policy, now, &key, at));
                } else {
                    tried!(task.failed(&policy, now, &key, at, text(given, "reason")));
                }
                Ok(None)
            }
            "decide" => {
                let decided = match look(given) {
                    LookKind::Long => decide(&policy, task, now),
                    LookKind::Short => decide_short(&policy, task, now),
                };
                let decision = tried!(decided);
                if let Some(instruction) = decision.instruction() {
                    self.instruction = Some(instruction.clone());
                }
                Ok(Some(format!(
                    "{}\n{decision}",
                    serde_json::to_string(&decision).unwrap()
                )))
            }
            _ => Ok(Some(tried!(self.translate(name, given)))),
        }
    }

    fn translate(&self, name: &str, given: &Value) -> Result<String, TranslationError> {
        let instruction = self.instruction.as_ref().expect("an instruction to translate");
        let json = match name {
            "configuration" => serde_json::to_string(&configuration(instruction)?),
            "restart_with_savepoint" => {
                let options = SavepointOptions {
                    target_directory: given["target_directory"].as_str().map(str::to_owned),
                    ..SavepointOptions::default()
                };
                serde_json::to_string(&restart_with_savepoint(instruction, text(given, "job_id"), &options)?)
            }
            "resource_requirements" => {
                let job = parse_job(&serde_json::to_vec(&given["job"]).unwrap(), &SourceLimits::default()).unwrap();
                let options = RequirementsOptions {
                    scheduler: job.scheduler.as_deref(),
                    lower_bound: if text(given, "lower_bound") == "exact" {
                        LowerBound::Exact
                    } else {
                        LowerBound::One
                    },
                    ..RequirementsOptions::default()
                };
                serde_json::to_string(&resource_requirements(instruction, &vertices_of(&job), &options)?)
            }
            "flink_deployment_patch" => {
                let options = DeploymentOptions {
                    deployment: given.get("deployment"),
                    autoscaler: AutoscalerPolicy::Refuse,
                    ..DeploymentOptions::default()
                };
                serde_json::to_string(&flink_deployment_patch(instruction, &options)?)
            }
            other => panic!("there is no step `{other}`"),
        };
        Ok(json.unwrap())
    }
}

fn accepted(a: &dras_core::metrics::Accepted) -> String {
    format!(
        "stored {}, ignored {}, resolved {}, refused {}, unused {}",
        a.stored, a.ignored, a.resolved, a.refused, a.unused
    )
}

/// What the steps of a case say, each with its number.
fn run(case: &Value) -> String {
    let mut run = Run::new(case);
    let mut out = String::new();
    for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let step = step.as_object().unwrap();
        let (name, given) = step
            .iter()
            .find(|(key, _)| !["now", "at"].contains(&key.as_str()))
            .unwrap();
        // A mark is a word, with its time beside it.
        let now = step.get("now").or(step.get("at")).and_then(Value::as_i64).unwrap_or(0);
        // Where a step has nothing to report on or to translate, the case is wrong.
        let needs = [
            "applied",
            "failed",
            "configuration",
            "restart_with_savepoint",
            "resource_requirements",
            "flink_deployment_patch",
        ];
        if needs.contains(&name.as_str()) && given.get("key").is_none() {
            assert!(
                run.instruction.is_some(),
                "step {number} `{name}`: no instruction was given before\n{out}"
            );
        }
        let said = match run.step(name, given, now) {
            Ok(None) => continue,
            Ok(Some(text)) => text,
            Err((code, message)) => format!("error {code}: {message}"),
        };
        writeln!(out, "{number} {name}: {}", said.replace('\n', "\n    ")).unwrap();
    }
    out
}

fn cases() -> BTreeMap<String, Value> {
    let mut cases = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            cases.insert(
                name,
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
            );
        }
    }
    cases
}

#[test]
fn every_case_gives_what_is_expected_byte_for_byte() {
    let write = std::env::var_os("DRAS_WRITE_CASES").is_some();
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 15, "{} cases", cases.len());
    for (name, case) in &cases {
        let found = run(case);
        let path = folder().join(format!("{name}.expected"));
        if write {
            std::fs::write(&path, &found).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for (found, expected) in found.lines().zip(expected.lines()) {
            if found != expected {
                wrong.push(format!("{name}:\n  expected {expected}\n  found    {found}"));
                break;
            }
        }
        if found != expected && found.lines().count() != expected.lines().count() {
            wrong.push(format!(
                "{name}: {} lines, expected {}",
                found.lines().count(),
                expected.lines().count()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cases_reach_what_they_are_for() {
    let all: String = cases().values().map(run).collect();
    for word in [
        "\"state\":\"fired\"",
        "\"state\":\"holding\"",
        "\"state\":\"undefined\"",
        "\"state\":\"not_looked\"",
        "\"instruction\":{\"key\"",
        "\"cool_down\"",
        "\"stabilisation\"",
        "\"excluded_period\"",
        "\"restart_budget\"",
        "\"missing_data\"",
        "\"external\":[{",
        "\"fate\":\"beaten\"",
        "\"fate\":\"limited\"",
        "warming up",
        "last sample",
        "1 of 2 instances have a value",
        "error never_given",
        "error time_went_back",
        "error unknown_attribute",
        "error default_scheduler",
        "somebody else changed",
    ] {
        assert!(all.contains(word), "no case comes to {word}");
    }
}
