//! Instructions against what a real Flink answered, and against manifests of the Flink Kubernetes Operator.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use dras_core::action::instruction::{
    AutoscalerPolicy, DeploymentOptions, Instruction, LowerBound, MemoryStep, Method, OVERRIDES_KEY,
    RequirementsOptions, Restart, RestartStep, SavepointFormat, SavepointOptions, Step, TranslationError,
    configuration, configuration_of_vertices, flink_deployment_patch, resource_requirements, restart_with_savepoint,
    vertices_of,
};
use dras_core::metrics::sources::SourceLimits;
use dras_core::metrics::sources::flink::{ParallelismBounds, parse_job, parse_resource_requirements};
use dras_core::resources::allocation::{Vertex, VertexNote, VertexScaling, slots};
use dras_core::resources::memory::{Component, FlinkProcess, MIB, MemoryConfig, derive, plan};
use proptest::prelude::*;
use serde_json::{Value, json};

const JOB: &str = "53f8c3f366d7e18f8f5bfd8b413a1829";

fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/payloads")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn payload(name: &str) -> Value {
    serde_json::from_slice(&body(name)).unwrap()
}

fn limits() -> SourceLimits {
    SourceLimits::default()
}

/// The vertices of the recorded job: three of parallelism 3, in one slot sharing group.
fn recorded() -> Vec<Vertex> {
    vertices_of(&parse_job(&body("flink_job_detail.json"), &limits()).unwrap())
}

fn instruction(parallelism: Option<(u32, u32)>, memory: Option<MemoryStep>, restart: Restart) -> Instruction {
    let parallelism = parallelism.map(|(from, to)| Step { from, to });
    Instruction {
        key: Instruction::key("orders", 3, parallelism, memory.as_ref(), None),
        task: "orders".to_owned(),
        at: 1_795_238_300_000,
        policy: "etl".to_owned(),
        fingerprint: u64::MAX - 1,
        parallelism,
        task_manager_memory: memory,
        job_manager_memory: None,
        restart,
        reasons: vec!["cpu.up".to_owned(), "memory.up".to_owned()],
    }
}

fn in_place(from: u32, to: u32) -> Instruction {
    instruction(Some((from, to)), None, Restart::InPlace)
}

fn more_heap() -> MemoryStep {
    let config = MemoryConfig::from_entries(
        FlinkProcess::TaskManager,
        [("taskmanager.memory.process.size", "1728m")],
    )
    .unwrap();
    MemoryStep::planned(&plan(&config, &[(Component::TaskHeap, 512 * MIB)], None, MIB).unwrap()).unwrap()
}

fn requirements(to: u32, options: &RequirementsOptions<'_>) -> Result<Value, String> {
    resource_requirements(&in_place(3, to), &recorded(), options)
        .map(|r| r.to_json())
        .map_err(|e| e.to_string())
}

#[test]
fn the_recorded_job_is_read_with_its_groups() {
    let vertices = recorded();
    assert!(
        vertices
            .iter()
            .all(|v| v.max_parallelism == Some(128) && v.slot_sharing_group.is_some())
    );
    assert_eq!(slots(&vertices), 3, "three vertices share the slots of one group");
}

#[test]
fn requirements_are_those_that_flink_took() {
    let exactly_one = RequirementsOptions {
        lower_bound: LowerBound::Exact,
        ..RequirementsOptions::default()
    };
    assert_eq!(
        requirements(1, &exactly_one).unwrap(),
        payload("flink_put_resource_requirements_request.json")
    );
    // What Flink then said, and what we send, have one shape.
    let five = resource_requirements(&in_place(3, 5), &recorded(), &RequirementsOptions::default()).unwrap();
    let mut answered = payload("flink_job_resource_requirements.json");
    for requirement in answered.as_object_mut().unwrap().values_mut() {
        requirement["parallelism"]["upperBound"] = json!(5);
    }
    assert_eq!(five.to_json(), answered);
    assert_eq!(serde_json::to_value(&five).unwrap(), answered);
    let call = five.call(JOB).unwrap();
    assert_eq!(call.method, Method::Put);
    assert_eq!(call.path, format!("/jobs/{JOB}/resource-requirements"));
    assert!(
        call.to_string()
            .starts_with("PUT /jobs/53f8c3f366d7e18f8f5bfd8b413a1829/resource-requirements {\"0dcc")
    );
    assert!(matches!(five.call("nonsense"), Err(TranslationError::BadJobId { .. })));
}

#[test]
fn lower_bounds_are_one_kept_or_exact() {
    let mut present = parse_resource_requirements(&body("flink_job_resource_requirements.json"), &limits()).unwrap();
    let first = present.keys().next().unwrap().clone();
    present.insert(first.clone(), ParallelismBounds { lower: 2, upper: 3 });
    let bounds = |lower_bound, to| {
        let options = RequirementsOptions {
            lower_bound,
            present: Some(&present),
            ..RequirementsOptions::default()
        };
        let r = resource_requirements(&in_place(3, to), &recorded(), &options).unwrap();
        (r.bounds()[&first].lower, r.bounds()[&first].upper)
    };
    assert_eq!(bounds(LowerBound::One, 5), (1, 5));
    assert_eq!(bounds(LowerBound::Keep, 5), (2, 5));
    assert_eq!(bounds(LowerBound::Keep, 1), (1, 1));
    assert_eq!(bounds(LowerBound::Exact, 5), (5, 5));
    let unknown = RequirementsOptions {
        lower_bound: LowerBound::Keep,
        ..RequirementsOptions::default()
    };
    assert!(
        requirements(5, &unknown)
            .unwrap_err()
            .starts_with("to keep the present lower bounds")
    );
}

#[test]
fn what_flink_would_refuse_is_refused_in_its_words() {
    let plain = RequirementsOptions::default();
    assert_eq!(
        requirements(200, &plain).unwrap_err(),
        "Flink would answer: The newly requested parallelism 200 for the job vertex 2c7cfca5c63d637d11bdacd2764e28fb exceeds its maximum \
         parallelism 128."
    );
    let present = parse_resource_requirements(&body("flink_job_resource_requirements.json"), &limits()).unwrap();
    let checked = RequirementsOptions {
        present: Some(&present),
        ..plain
    };
    let refused = |vertices: &[Vertex], options| {
        resource_requirements(&in_place(3, 5), vertices, options)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(&recorded()[1..], &checked),
        "Flink would answer: The request is incomplete, missing job vertex [2c7cfca5c63d637d11bdacd2764e28fb] resource requirements."
    );
    let mut more = recorded();
    more.push(Vertex {
        id: "0".repeat(32),
        ..more[0].clone()
    });
    assert_eq!(
        refused(&more, &checked),
        format!(
            "Flink would answer: Job vertex [{}] was not found in the JobGraph.",
            "0".repeat(32)
        )
    );
    assert!(refused(&[], &plain).starts_with("the job has no vertices"));
    // The words of the default scheduler, as it said them.
    let default = RequirementsOptions {
        scheduler: Some("Default"),
        ..plain
    };
    let said = String::from_utf8(body("flink_error_requirements_default_scheduler.txt")).unwrap();
    let words = "The DefaultScheduler does not support changing the parallelism without a job restart. This feature is currently only \
                 expected to work with the AdaptiveScheduler.";
    assert!(said.contains(words) && refused(&recorded(), &default).contains(words));
    let adaptive = RequirementsOptions {
        scheduler: Some("Adaptive"),
        ..plain
    };
    assert!(requirements(5, &adaptive).is_ok());
}

#[test]
fn what_needs_a_restart_is_not_done_in_place() {
    let of = |i: &Instruction| resource_requirements(i, &recorded(), &RequirementsOptions::default()).unwrap_err();
    let memory = instruction(Some((3, 5)), Some(more_heap()), Restart::WithSavepoint);
    assert_eq!(
        of(&memory).to_string(),
        "the memory of a TaskManager changes only with its process; restart with a savepoint instead of in place"
    );
    let contradiction = instruction(Some((3, 5)), Some(more_heap()), Restart::InPlace);
    assert!(matches!(
        of(&contradiction),
        TranslationError::MemoryNeedsRestart { .. }
    ));
    assert!(matches!(
        configuration(&contradiction),
        Err(TranslationError::MemoryNeedsRestart { .. })
    ));
    let restart = instruction(Some((3, 5)), None, Restart::WithSavepoint);
    assert_eq!(of(&restart), TranslationError::NotInPlace);
    assert_eq!(
        of(&in_place(4, 5)),
        TranslationError::StaleParallelism { from: 4, found: 3 }
    );
    assert_eq!(of(&in_place(3, 3)), TranslationError::NothingToChange);
    assert_eq!(of(&in_place(3, 0)), TranslationError::ZeroParallelism);
    let nothing = instruction(None, None, Restart::InPlace);
    assert_eq!(of(&nothing), TranslationError::NothingToChange);
    let bad_key = Instruction {
        key: "ORDERS-1".to_owned(),
        ..in_place(3, 5)
    };
    assert!(matches!(of(&bad_key), TranslationError::BadKey { .. }));
}

#[test]
fn a_vertex_that_is_held_back_is_noted_and_the_others_go_on() {
    let mut vertices = recorded();
    vertices[0].max_parallelism = Some(4);
    vertices[1].parallelism = 1;
    let r = resource_requirements(&in_place(3, 8), &vertices, &RequirementsOptions::default()).unwrap();
    let spread: Vec<_> = r.spread().iter().map(|v| (v.to, v.note)).collect();
    let held = VertexNote::HeldToMaxParallelism {
        wanted: 8,
        max_parallelism: 4,
    };
    assert_eq!(
        spread,
        [(4, Some(held)), (1, Some(VertexNote::OwnParallelism)), (8, None)]
    );
    let proportional = RequirementsOptions {
        scaling: VertexScaling::Proportional,
        ..RequirementsOptions::default()
    };
    let r = resource_requirements(&in_place(3, 8), &vertices, &proportional).unwrap();
    assert_eq!(r.spread().iter().map(|v| v.to).collect::<Vec<_>>(), [4, 3, 8]);
}

#[test]
fn a_restart_writes_the_jobs_own_style() {
    let both = instruction(Some((4, 8)), Some(more_heap()), Restart::WithSavepoint);
    let entries = configuration(&both).unwrap();
    assert_eq!(
        entries.args(),
        ["-Dparallelism.default=8", "-Dtaskmanager.memory.process.size=1992m"]
    );
    assert_eq!(
        entries.flink_conf(),
        "parallelism.default: 8\ntaskmanager.memory.process.size: 1992m\n"
    );
    assert_eq!(
        serde_json::to_value(&entries).unwrap(),
        json!({
            "set": {"parallelism.default": "8", "taskmanager.memory.process.size": "1992m"},
            "remove": ["pipeline.jobvertex-parallelism-overrides"],
        })
    );
    let fine = [
        ("taskmanager.memory.task.heap.size", "384m"),
        ("taskmanager.memory.managed.size", "512m"),
    ];
    let fine = MemoryConfig::from_entries(FlinkProcess::TaskManager, fine).unwrap();
    let planned = plan(&fine, &[(Component::TaskHeap, 1024 * MIB)], None, MIB).unwrap();
    let own_style = instruction(None, MemoryStep::planned(&planned), Restart::WithSavepoint);
    let entries = configuration(&own_style).unwrap();
    assert_eq!(entries.args(), ["-Dtaskmanager.memory.task.heap.size=1024m"]);
    assert!(entries.remove.is_empty());
    let total = instruction(
        None,
        Some(MemoryStep::total(1728 * MIB, 2048 * MIB)),
        Restart::WithSavepoint,
    );
    assert_eq!(
        configuration(&total).unwrap().args(),
        ["-Dtaskmanager.memory.process.size=2048m"]
    );
    let of_manager = Instruction {
        job_manager_memory: total.task_manager_memory.clone(),
        ..in_place(3, 4)
    };
    assert!(matches!(
        configuration(&of_manager),
        Err(TranslationError::MemoryNeedsRestart {
            process: FlinkProcess::JobManager
        })
    ));
    assert_eq!(MemoryStep::planned(&plan(&fine, &[], None, MIB).unwrap()), None);
}

#[test]
fn entries_that_would_break_a_configuration_are_refused() {
    let with = |entries: &[(&str, &str)]| {
        let entries = entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let memory = MemoryStep {
            from: 1728 * MIB,
            to: 2048 * MIB,
            entries,
        };
        configuration(&instruction(None, Some(memory), Restart::WithSavepoint))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        with(&[("jobmanager.memory.process.size", "2g")]),
        "`jobmanager.memory.process.size` is no memory option of a TaskManager"
    );
    let size = "taskmanager.memory.process.size";
    assert_eq!(
        with(&[(size, "2048m"), (size, "2048m")]),
        format!("there are two entries for `{size}`")
    );
    assert_eq!(
        with(&[(size, "3g")]),
        "the TaskManager should have 2048m in all, but its entries make 3072m"
    );
    assert!(with(&[(size, "2048m\nenv.java.opts: -Dx")]).contains("which is not a memory size"));
}

#[test]
fn vertices_are_overridden_where_the_default_does_not_reach() {
    let mut vertices = recorded();
    vertices[1].parallelism = 1;
    let scaled = instruction(Some((3, 6)), None, Restart::WithSavepoint);
    let entries = configuration_of_vertices(&scaled, &vertices, VertexScaling::Proportional).unwrap();
    assert_eq!(
        entries.set[OVERRIDES_KEY],
        "2c7cfca5c63d637d11bdacd2764e28fb:6,674df9b0384c0348e0b9d1034a44c46c:2,0dccc6d845eac8e1b962e0ff56612b4e:6"
    );
    assert_eq!(entries.set["parallelism.default"], "6");
    assert!(entries.remove.is_empty(), "what is set is not removed");
}

#[test]
fn the_calls_of_a_restart_read_the_answers_that_flink_gives() {
    let both = instruction(Some((4, 8)), Some(more_heap()), Restart::WithSavepoint);
    let options = SavepointOptions {
        target_directory: Some("s3://savepoints/orders".to_owned()),
        format: SavepointFormat::Canonical,
    };
    let steps = restart_with_savepoint(&both, JOB, &options).unwrap();
    let trigger = format!("{:0>32}", both.key);
    let RestartStep::Stop { call } = &steps[0] else {
        panic!("{steps:?}")
    };
    assert_eq!(call.path, format!("/jobs/{JOB}/stop"));
    assert_eq!(
        call.body,
        Some(json!({
            "drain": false, "formatType": "CANONICAL", "targetDirectory": "s3://savepoints/orders", "triggerId": trigger,
        }))
    );
    // Flink's own ids of triggers look like ours.
    let answered = payload("flink_stop_with_savepoint_trigger.json");
    assert_eq!(answered["request-id"].as_str().unwrap().len(), trigger.len());
    let RestartStep::AwaitSavepoint {
        call,
        status,
        location,
        failure,
    } = &steps[1]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(call.to_string(), format!("GET /jobs/{JOB}/savepoints/{trigger}"));
    let waiting = payload("flink_savepoint_in_progress.json");
    assert_eq!(waiting.pointer(status), Some(&json!("IN_PROGRESS")));
    assert_eq!(waiting.pointer(location), None);
    let done = payload("flink_savepoint_completed.json");
    assert_eq!(done.pointer(status), Some(&json!("COMPLETED")));
    assert!(done.pointer(location).unwrap().as_str().unwrap().starts_with("file:/"));
    assert_eq!(done.pointer(failure), None);
    let RestartStep::Configure { entries, new_processes } = &steps[2] else {
        panic!("{steps:?}")
    };
    assert_eq!((entries, *new_processes), (&configuration(&both).unwrap(), true));
    assert_eq!(
        serde_json::to_value(&steps[3]).unwrap(),
        json!({"step": "start", "savepoint_key": "execution.savepoint.path", "savepoint_field": "savepointPath", "parallelism": 8})
    );
    // Without a directory Flink takes the configured one; a rescale can be done like this as well.
    let steps = restart_with_savepoint(&in_place(3, 4), JOB, &SavepointOptions::default()).unwrap();
    let text = serde_json::to_string(&steps).unwrap();
    assert!(
        !text.contains("targetDirectory") && text.contains(r#""new_processes":false"#),
        "{text}"
    );
    assert!(restart_with_savepoint(&both, "x", &options).is_err());
}

/// RFC 7386, section 2, word for word.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            merge_patch(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn deployment() -> Value {
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "orders"},
        "spec": {
            "image": "flink:1.20",
            "flinkVersion": "v1_20",
            "flinkConfiguration": {"taskmanager.numberOfTaskSlots": "2", "jobmanager.scheduler": "adaptive"},
            "jobManager": {"resource": {"memory": "1600m", "cpu": 1}},
            "taskManager": {"resource": {"memory": "1728m", "cpu": 1}},
            "job": {"jarURI": "local:///opt/job.jar", "parallelism": 3, "upgradeMode": "savepoint"},
        },
    })
}

fn patched(instruction: &Instruction, deployment: &Value) -> Result<(Value, Value), TranslationError> {
    let vertices = recorded();
    let options = DeploymentOptions {
        deployment: Some(deployment),
        vertices: &vertices,
        ..DeploymentOptions::default()
    };
    let patch = flink_deployment_patch(instruction, &options)?;
    let mut after = deployment.clone();
    merge_patch(&mut after, &patch);
    Ok((patch, after))
}

#[test]
fn a_restart_patches_parallelism_and_memory_at_once() {
    let both = instruction(Some((3, 8)), Some(more_heap()), Restart::WithSavepoint);
    let (patch, after) = patched(&both, &deployment()).unwrap();
    assert_eq!(
        patch,
        json!({"spec": {"job": {"parallelism": 8}, "taskManager": {"resource": {"memory": "1992m"}}}})
    );
    let mut expected = deployment();
    expected["spec"]["job"]["parallelism"] = json!(8);
    expected["spec"]["taskManager"]["resource"]["memory"] = json!("1992m");
    assert_eq!(after, expected);
    // A size in the configuration has no effect beside the field, and goes; other options are texts in the configuration.
    let mut with_size = deployment();
    with_size["spec"]["flinkConfiguration"]["taskmanager.memory.process.size"] = json!("9g");
    let config = MemoryConfig::from_entries(
        FlinkProcess::TaskManager,
        [("taskmanager.memory.process.size", "1728m")],
    )
    .unwrap();
    let planned = plan(&config, &[(Component::Metaspace, 512 * MIB)], None, MIB).unwrap();
    let metaspace = instruction(None, MemoryStep::planned(&planned), Restart::WithSavepoint);
    let (patch, after) = patched(&metaspace, &with_size).unwrap();
    let total = format!("{}m", planned.breakdown.process() / MIB);
    assert_eq!(
        patch["spec"],
        json!({
            "taskManager": {"resource": {"memory": total}},
            "flinkConfiguration": {"taskmanager.memory.process.size": null, "taskmanager.memory.jvm-metaspace.size": "512m"},
        })
    );
    let configuration = after["spec"]["flinkConfiguration"].as_object().unwrap();
    assert!(!configuration.contains_key("taskmanager.memory.process.size"));
    assert!(configuration.values().all(Value::is_string));
    // Of an unknown deployment it is removed as well: that does nothing where it is not.
    let blind = flink_deployment_patch(&metaspace, &DeploymentOptions::default()).unwrap();
    assert_eq!(blind, patch);
}

#[test]
fn a_job_that_fixes_its_parts_keeps_its_style_in_a_manifest() {
    let mut fine = deployment();
    fine["spec"]["taskManager"]["resource"] = json!({"cpu": 1});
    fine["spec"]["flinkConfiguration"] =
        json!({"taskmanager": {"memory": {"task.heap.size": "384m", "managed.size": "512m"}}});
    let entries = [
        ("taskmanager.memory.task.heap.size", "384m"),
        ("taskmanager.memory.managed.size", "512m"),
    ];
    let config = MemoryConfig::from_entries(FlinkProcess::TaskManager, entries).unwrap();
    let planned = plan(&config, &[(Component::TaskHeap, 1024 * MIB)], None, MIB).unwrap();
    let step = MemoryStep::planned(&planned).unwrap();
    let (patch, after) = patched(&instruction(None, Some(step.clone()), Restart::WithSavepoint), &fine).unwrap();
    // Where the configuration is a tree, the entry is changed where it stands.
    assert_eq!(
        patch,
        json!({"spec": {"flinkConfiguration": {"taskmanager": {"memory": {"task.heap.size": "1024m"}}}}})
    );
    assert_eq!(
        after["spec"]["flinkConfiguration"]["taskmanager"]["memory"]["managed.size"],
        json!("512m")
    );
    // A total alone would contradict the fixed parts, and Flink would not start.
    let now = derive(&config).unwrap().process();
    let total = instruction(None, Some(MemoryStep::total(now, 8192 * MIB)), Restart::WithSavepoint);
    let refused = patched(&total, &fine).unwrap_err().to_string();
    assert!(refused.contains("JVM overhead, outside"), "{refused}");
    // And from another size it is another instruction.
    let stale = MemoryStep {
        from: step.from + MIB,
        ..step
    };
    let refused = patched(&instruction(None, Some(stale), Restart::WithSavepoint), &fine).unwrap_err();
    assert!(matches!(refused, TranslationError::StaleMemory { .. }), "{refused}");
}

#[test]
fn memory_in_the_notation_of_kubernetes_is_read() {
    let mut gibi = deployment();
    gibi["spec"]["taskManager"]["resource"]["memory"] = json!("2Gi");
    let step = MemoryStep::total(2048 * MIB, 3072 * MIB);
    let (patch, _) = patched(&instruction(None, Some(step.clone()), Restart::WithSavepoint), &gibi).unwrap();
    assert_eq!(patch["spec"]["taskManager"]["resource"]["memory"], "3072m");
    gibi["spec"]["taskManager"]["resource"]["memory"] = json!("plenty");
    let refused = patched(&instruction(None, Some(step), Restart::WithSavepoint), &gibi).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`spec.taskManager.resource.memory` is `plenty`, which is no memory size"
    );
}

#[test]
fn a_rescale_in_place_is_the_overrides_and_nothing_else() {
    let (patch, _) = patched(&in_place(3, 5), &deployment()).unwrap();
    let overrides =
        "2c7cfca5c63d637d11bdacd2764e28fb:5,674df9b0384c0348e0b9d1034a44c46c:5,0dccc6d845eac8e1b962e0ff56612b4e:5";
    assert_eq!(
        patch,
        json!({"spec": {"flinkConfiguration": {OVERRIDES_KEY: overrides}}})
    );
    let refused = |path: &str, value: Value| {
        let mut deployment = deployment();
        let (parent, field) = path.rsplit_once('/').unwrap();
        deployment.pointer_mut(parent).unwrap()[field] = value;
        patched(&in_place(3, 5), &deployment).unwrap_err().to_string()
    };
    let not = "the operator would not rescale this deployment in place: ";
    assert_eq!(
        refused("/spec/mode", json!("standalone")),
        format!("{not}`spec.mode` is standalone")
    );
    assert_eq!(
        refused("/spec/flinkConfiguration/jobmanager.scheduler", json!("default")),
        format!("{not}`jobmanager.scheduler` is `default` and must be `adaptive`")
    );
    let option = "kubernetes.operator.job.upgrade.inplace-scaling.enabled";
    assert_eq!(
        refused(&format!("/spec/flinkConfiguration/{option}"), json!("false")),
        format!("{not}`{option}` is false")
    );
    assert!(refused("/spec/taskManager/replicas", json!(3)).contains("ignores `spec.job.parallelism`"));
    let blind = flink_deployment_patch(&in_place(3, 5), &DeploymentOptions::default()).unwrap_err();
    assert!(matches!(blind, TranslationError::Vertices(_)));
}

#[test]
fn overrides_that_are_there_are_written_anew() {
    let mut overridden = deployment();
    overridden["spec"]["flinkConfiguration"][OVERRIDES_KEY] = json!("2c7cfca5c63d637d11bdacd2764e28fb:3");
    let up = instruction(Some((3, 5)), None, Restart::WithSavepoint);
    let (patch, after) = patched(&up, &overridden).unwrap();
    assert_eq!(patch["spec"]["job"]["parallelism"], 5);
    let overrides = after["spec"]["flinkConfiguration"][OVERRIDES_KEY].as_str().unwrap();
    assert_eq!(overrides.matches(":5").count(), 3);
    let blind = DeploymentOptions {
        deployment: Some(&overridden),
        ..DeploymentOptions::default()
    };
    assert_eq!(
        flink_deployment_patch(&up, &blind).unwrap_err(),
        TranslationError::OverridesDecide
    );
}

#[test]
fn state_is_never_thrown_away_and_two_autoscalers_never_work_together() {
    let up = instruction(Some((3, 5)), None, Restart::WithSavepoint);
    for (mode, instruction) in [(json!("stateless"), &up), (Value::Null, &in_place(3, 5))] {
        let mut stateless = deployment();
        stateless["spec"]["job"]["upgradeMode"] = mode;
        assert_eq!(
            patched(instruction, &stateless).unwrap_err(),
            TranslationError::Stateless
        );
        let vertices = recorded();
        let allowed = DeploymentOptions {
            deployment: Some(&stateless),
            vertices: &vertices,
            allow_stateless: true,
            ..DeploymentOptions::default()
        };
        assert!(flink_deployment_patch(instruction, &allowed).is_ok());
    }
    let mut scaled = deployment();
    scaled["spec"]["flinkConfiguration"]["job.autoscaler.enabled"] = json!("true");
    assert_eq!(patched(&up, &scaled).unwrap_err(), TranslationError::Autoscaler);
    let disable = DeploymentOptions {
        deployment: Some(&scaled),
        autoscaler: AutoscalerPolicy::Disable,
        ..DeploymentOptions::default()
    };
    let patch = flink_deployment_patch(&up, &disable).unwrap();
    assert_eq!(
        patch["spec"],
        json!({"job": {"parallelism": 5}, "flinkConfiguration": {"job.autoscaler.scaling.enabled": "false"}})
    );
    merge_patch(&mut scaled, &patch);
    assert!(patched(&instruction(Some((3, 6)), None, Restart::WithSavepoint), &scaled).is_ok());
}

#[test]
fn what_is_no_application_is_refused() {
    let up = instruction(Some((3, 5)), None, Restart::WithSavepoint);
    let refused = |manifest: Value| patched(&up, &manifest).unwrap_err().to_string();
    let mut session = deployment();
    session["spec"].as_object_mut().unwrap().remove("job");
    assert!(refused(session).contains("session cluster"));
    assert!(refused(json!({"kind": "FlinkSessionJob"})).contains("not of a `FlinkDeployment`"));
    assert!(refused(json!({"spec": []})).contains("has no `spec`"));
}

#[test]
fn an_instruction_is_one_line_and_plain_data() {
    let both = instruction(Some((4, 8)), Some(more_heap()), Restart::WithSavepoint);
    assert_eq!(
        both.to_string(),
        format!(
            "orders: parallelism 4 → 8, TaskManager memory 1728MiB → 1992MiB (taskmanager.memory.process.size=1992m), restart with a \
             savepoint, because of cpu.up; memory.up (policy etl, key {})",
            both.key
        )
    );
    let stored = serde_json::to_value(&both).unwrap();
    assert_eq!(
        stored,
        json!({
            "key": both.key, "task": "orders", "at": 1_795_238_300_000_i64, "policy": "etl", "fingerprint": "fffffffffffffffe",
            "parallelism": {"from": 4, "to": 8},
            "task_manager_memory": {
                "from": 1728 * MIB, "to": 1992 * MIB, "entries": [["taskmanager.memory.process.size", "1992m"]],
            },
            "job_manager_memory": null, "restart": "with_savepoint", "reasons": ["cpu.up", "memory.up"],
        })
    );
    assert_eq!(serde_json::from_value::<Instruction>(stored.clone()).unwrap(), both);
    for (field, value) in [
        ("fingerprint", json!("12")),
        ("fingerprint", json!("+00000000000000a")),
        ("new", json!(1)),
    ] {
        let mut bad = stored.clone();
        bad[field] = value;
        assert!(serde_json::from_value::<Instruction>(bad).is_err(), "{field}");
    }
}

#[test]
fn the_key_of_a_change_never_changes() {
    // Written down once: whoever stored a key must find it again.
    let step = Some(Step { from: 4, to: 8 });
    assert_eq!(Instruction::key("orders", 17, step, None, None), "e7e0fd9f79d33657");
    assert_eq!(
        Instruction::key("", 0, None, Some(&more_heap()), Some(&MemoryStep::total(1, 2))),
        "98b875ac1a30d2c7"
    );
}

fn memory_step() -> impl Strategy<Value = MemoryStep> {
    let entry = ("[a-c:]{0,3}", "[0-9 \n]{0,3}");
    let entries = proptest::collection::vec(entry, 0..3);
    (0_u64..3, 0_u64..3, entries).prop_map(|(from, to, entries)| MemoryStep { from, to, entries })
}

proptest! {
    #[test]
    fn different_changes_have_different_keys(
        a in ("[a1:\n]{0,4}", 0_u64..3, proptest::option::of((0_u32..3, 0_u32..3)), proptest::option::of(memory_step()), proptest::option::of(memory_step())),
        b in ("[a1:\n]{0,4}", 0_u64..3, proptest::option::of((0_u32..3, 0_u32..3)), proptest::option::of(memory_step()), proptest::option::of(memory_step())),
    ) {
        let step = |p: Option<(u32, u32)>| p.map(|(from, to)| Step { from, to });
        let key_a = Instruction::key(&a.0, a.1, step(a.2), a.3.as_ref(), a.4.as_ref());
        let key_b = Instruction::key(&b.0, b.1, step(b.2), b.3.as_ref(), b.4.as_ref());
        prop_assert_eq!(key_a == key_b, a == b);
        prop_assert_eq!(key_a.len(), 16);
    }

    #[test]
    fn what_is_sent_reads_as_what_was_asked(
        parallelisms in proptest::collection::vec((1_u32..50, proptest::option::of(50_u32..200)), 1..10), to in 1_u32..200,
        proportional in any::<bool>(), exact in any::<bool>(),
    ) {
        let vertices: Vec<Vertex> = parallelisms.iter().enumerate().map(|(n, &(parallelism, max_parallelism))| Vertex {
            id: format!("{n:032x}"), name: String::new(), parallelism, max_parallelism, slot_sharing_group: None,
        }).collect();
        let from = parallelisms.iter().map(|p| p.0).max().unwrap();
        let options = RequirementsOptions {
            scaling: if proportional { VertexScaling::Proportional } else { VertexScaling::FollowJob },
            lower_bound: if exact { LowerBound::Exact } else { LowerBound::One },
            ..RequirementsOptions::default()
        };
        match resource_requirements(&in_place(from, to), &vertices, &options) {
            Ok(requirements) => {
                let sent = serde_json::to_vec(&requirements).unwrap();
                let read: BTreeMap<String, ParallelismBounds> = parse_resource_requirements(&sent, &limits()).unwrap();
                prop_assert_eq!(read.len(), vertices.len(), "all vertices are there");
                for (vertex, result) in vertices.iter().zip(requirements.spread()) {
                    let bounds = read[&vertex.id];
                    prop_assert_eq!(bounds.upper, result.to);
                    prop_assert_eq!(bounds.lower, if exact { result.to } else { 1 });
                    prop_assert!(vertex.max_parallelism.is_none_or(|m| bounds.upper <= m), "Flink would refuse it");
                }
            }
            Err(TranslationError::NothingToChange) => prop_assert_eq!(from, to),
            Err(TranslationError::BeyondMaxParallelism { .. }) => {
                prop_assert!(vertices.iter().any(|v| v.max_parallelism.is_some_and(|m| m < to)));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
