//! Answers of Flink's REST API: recorded ones, and ones that it should not give.

#![allow(clippy::panic, clippy::unwrap_used)] // what a test is for

use std::path::Path;

use dras_core::metrics::sources::flink::{
    self, Aggregated, JobState, Metrics, NoteProblem, ParallelismBounds, parse_aggregated, parse_error,
    parse_exceptions, parse_job, parse_jobs, parse_metrics, parse_overview, parse_resource_requirements,
    parse_taskmanager, parse_taskmanagers,
};
use dras_core::metrics::sources::{SourceError, SourceLimits};
use proptest::prelude::*;

const LIMITS: SourceLimits = SourceLimits {
    max_bytes: 1 << 20,
    max_series: 1000,
    max_samples: 1000,
    max_label_bytes: 1000,
};

fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/payloads")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn metrics(name: &str) -> Metrics {
    parse_metrics(&body(name), &LIMITS).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn recorded_metrics_are_read() {
    for (name, expected) in [
        (
            "flink_vertex_metrics_plain.json",
            &[
                (Some(0), "busyTimeMsPerSecond", 5.0),
                (Some(0), "Source__lag-source.pendingRecords", 57_591.0),
                (Some(0), "Source__lag-source.sourceDelayMs", 23_626.0),
            ][..],
        ),
        (
            "flink_job_metrics.json",
            &[
                (None, "downtime", 0.0),
                (None, "lastCheckpointSize", 3_389_038.0),
                (None, "numRestarts", 1.0),
                (None, "lastCheckpointDuration", 8457.0),
                (None, "numRescales", 1.0),
                (None, "uptime", 72_741.0),
            ],
        ),
        (
            "flink_jobmanager_metrics.json",
            &[
                (None, "numRegisteredTaskManagers", 3.0),
                (None, "numRunningJobs", 1.0),
                (None, "taskSlotsAvailable", 0.0),
                (None, "taskSlotsTotal", 3.0),
                (None, "Status.JVM.CPU.Load", 0.026_119_402_985_074_626),
            ],
        ),
        (
            "flink_taskmanager_metrics.json",
            &[
                (None, "Status.JVM.GarbageCollector.All.Count", 9.0),
                (None, "Status.JVM.GarbageCollector.All.Time", 132.0),
                (None, "Status.JVM.CPU.Load", 0.035_294_117_647_058_82),
                (None, "Status.JVM.Memory.Heap.Used", 101_334_416.0),
                (None, "Status.JVM.Memory.Heap.Max", 469_762_048.0),
                (
                    None,
                    "Status.JVM.GarbageCollector.All.TimeMsPerSecond",
                    1.066_666_666_666_666_7,
                ),
                (None, "Status.JVM.CPU.Time", 14_110_000_000.0),
                (None, "Status.JVM.GarbageCollector.G1_Young_Generation.Count", 9.0),
            ],
        ),
    ] {
        let read = metrics(name);
        let values: Vec<_> = read.values.iter().map(|v| (v.subtask, v.name(), v.value)).collect();
        assert_eq!(values, expected, "{name}");
        assert_eq!(read.notes, [], "{name}");
    }
    let names = metrics("flink_job_metric_names.json");
    assert_eq!(names.values, []);
    assert_eq!(
        (names.notes[0].id.as_str(), &names.notes[0].problem),
        ("lastCheckpointSize", &NoteProblem::NoValue)
    );
    assert!(names.notes.len() > 10 && names.notes.iter().all(|n| n.problem == NoteProblem::NoValue));
}

#[test]
fn values_that_are_no_numbers_are_noted() {
    let read = parse_metrics(
        br#"[{"id":"12.a.b","value":"NaN"},{"id":"x","value":"-Infinity","extra":{}},{"id":"list","value":"[a, b]"},
            {"id":"no","value":null},{"id":"n","value":7},{"id":"1e999","value":"1e999"},{"id":"b","value":true},
            {"id":"o","value":{"a":[1]}},{"id":"99999999999.x","value":"1"},{"id":".x","value":"1"},{"id":"1","value":"1"},
            {"id":"","value":"1"},{"id":"\u00e9","value":"1.0E10"}]"#,
        &LIMITS,
    )
    .unwrap();
    let ids: Vec<_> = read
        .values
        .iter()
        .map(|v| (v.id.as_str(), v.subtask, v.name()))
        .collect();
    assert_eq!(
        ids,
        [
            ("12.a.b", Some(12), "a.b"),
            ("x", None, "x"),
            ("n", None, "n"),
            ("99999999999.x", None, "99999999999.x"),
            (".x", None, ".x"),
            ("1", None, "1"),
            ("", None, ""),
            ("é", None, "é"),
        ]
    );
    assert!(read.values[0].value.is_nan());
    assert_eq!(
        (read.values[1].value, read.values[2].value, read.values[7].value),
        (f64::NEG_INFINITY, 7.0, 1e10)
    );
    let notes: Vec<_> = read.notes.iter().map(|n| format!("{}: {}", n.id, n.problem)).collect();
    assert_eq!(
        notes,
        [
            "list: the value `[a, b]` is not a number",
            "no: no value: name the metric with `get=`",
            "1e999: the value `1e999` is not a number",
            "b: the value `true` is not a number",
            "o: the value `an object` is not a number",
        ]
    );
    assert_eq!(parse_metrics(b"[]", &LIMITS), Ok(Metrics::default()));
}

#[test]
fn recorded_aggregates_are_read() {
    let read = |name: &str| match parse_aggregated(&body(name), &LIMITS) {
        Ok(Aggregated::Values(values)) => values,
        other => panic!("{name}: {other:?}"),
    };
    let vertex = read("flink_vertex_subtask_metrics_agg.json");
    assert_eq!(vertex.len(), 4);
    let busy = &vertex[0];
    assert_eq!(busy.id, "busyTimeMsPerSecond");
    assert_eq!(
        (busy.min, busy.max, busy.avg, busy.sum, busy.skew),
        (Some(1000.0), Some(1000.0), Some(1000.0), Some(3000.0), Some(0.0))
    );
    let source = read("flink_source_subtask_metrics_agg.json");
    assert_eq!(
        (source[0].id.as_str(), source[0].min, source[0].max),
        ("Source__lag-source.pendingRecords", Some(5601.0), Some(89_431.0))
    );
    assert_eq!((source.len(), source[0].skew), (3, Some(59.327_012_748_187_79)));
    let cluster = read("flink_taskmanagers_metrics_agg.json");
    assert_eq!(
        (cluster.len(), cluster[1].sum, cluster[1].skew),
        (2, Some(274_497_424.0), None)
    );

    assert_eq!(
        parse_aggregated(&body("flink_vertex_agg_with_unknown_metric.json"), &LIMITS),
        Ok(Aggregated::Unknown)
    );
    let Ok(Aggregated::Values(some)) = parse_aggregated(br#"[{"id":"a","max":"NaN","min":"-Infinity"}]"#, &LIMITS)
    else {
        panic!("a list with one metric");
    };
    assert!(some[0].max.is_some_and(f64::is_nan) && some[0].min == Some(f64::NEG_INFINITY) && some[0].avg.is_none());
    let error = parse_aggregated(br#"[{"id":"a","max":1},{"id":"b","max":"high"}]"#, &LIMITS).unwrap_err();
    assert!(
        matches!(&error, SourceError::Shape { at, .. } if at.path == "[1].max"),
        "{error}"
    );
}

#[test]
fn recorded_exceptions_are_read() {
    let read = |name: &str| parse_exceptions(&body(name), &LIMITS).unwrap_or_else(|e| panic!("{name}: {e}"));
    let none = read("flink_job_exceptions.json");
    assert_eq!((none.exceptions.len(), none.truncated, none.undated), (0, false, 0));

    for (name, time) in [
        ("flink_job_exceptions_oom_heap.json", 1_795_238_335_812),
        ("flink_job_exceptions_oom_heap_1.20.5.json", 1_795_234_769_768),
    ] {
        let history = read(name);
        assert_eq!(
            (history.exceptions.len(), history.truncated, history.undated),
            (1, false, 0),
            "{name}"
        );
        let e = &history.exceptions[0];
        assert_eq!(
            (e.time_ms, e.name.as_deref()),
            (time, Some("java.lang.OutOfMemoryError")),
            "{name}"
        );
        assert!(
            e.text
                .starts_with("java.lang.OutOfMemoryError: Java heap space\n\tat draslab.Faults.maybe"),
            "{name}"
        );
        assert!(
            e.text.ends_with("at java.base/java.lang.Thread.run(Thread.java:840)\n"),
            "{name}"
        );
        assert_eq!(
            (&e.task_name, &e.task_manager, &e.endpoint),
            (&None, &None, &None),
            "{name}"
        );
    }

    let placed = &read("flink_job_exceptions_oom_heap_default_scheduler.json").exceptions[0];
    assert_eq!(
        (placed.time_ms, placed.task_name.as_deref()),
        (1_795_236_020_756, Some("work (2/2) - execution #0"))
    );

    let two = read("flink_job_exceptions_user_default_scheduler.json").exceptions;
    assert_eq!(
        two.iter().map(|e| e.time_ms).collect::<Vec<_>>(),
        [1_795_236_020_756, 1_795_236_035_211],
        "oldest first"
    );
    assert_eq!(two[1].name.as_deref(), Some("java.lang.IllegalStateException"));
    assert_eq!(two[1].task_name.as_deref(), Some("work (1/2) - execution #1"));
    assert_eq!(
        (two[1].task_manager.as_deref(), two[1].endpoint.as_deref()),
        (Some("tm-0-1795235997"), Some("localhost:44269"))
    );
}

#[test]
fn exceptions_of_every_form_become_one_list() {
    // The root exception stands in all three lists; concurrent ones are below it; times that are missing are counted.
    let history = parse_exceptions(
        br#"{"root-exception":"java.lang.OutOfMemoryError: Metaspace\n\tat a.B.c(B.java:1)","timestamp":2000,"truncated":true,
            "all-exceptions":[
                {"exception":"java.lang.OutOfMemoryError: Metaspace\n\tat a.B.c(B.java:1)","task":"map (1/2)","location":"h:1","timestamp":2000,"taskManagerId":"tm-1"},
                {"exception":"no class here, only text","task":"map (2/2)","location":"(unassigned)","timestamp":1000},
                {"exception":"x.Y: late","task":"map (2/2)","location":"h:2","timestamp":-1}],
            "exceptionHistory":{"truncated":false,"entries":[
                {"exceptionName":"java.lang.OutOfMemoryError","stacktrace":"java.lang.OutOfMemoryError: Metaspace\n\tat a.B.c(B.java:1)","timestamp":2000,
                 "taskName":null,"concurrentExceptions":[
                    {"exceptionName":"a.Lost$Inner","stacktrace":"","timestamp":2001,"location":"h:3"},
                    {"exceptionName":"a.Lost$Inner","stacktrace":"a.Lost$Inner","timestamp":2001,"endpoint":"h:4","taskManagerId":"tm-4"}]},
                {"exceptionName":"z.Z","stacktrace":"z.Z","timestamp":null}]}}"#,
        &LIMITS,
    )
    .unwrap();
    assert_eq!((history.truncated, history.undated), (true, 2));
    let list: Vec<_> = history
        .exceptions
        .iter()
        .map(|e| {
            (
                e.time_ms,
                e.name.as_deref(),
                e.task_name.as_deref(),
                e.task_manager.as_deref(),
                e.endpoint.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        list,
        [
            (1000, None, Some("map (2/2)"), None, None),
            (
                2000,
                Some("java.lang.OutOfMemoryError"),
                Some("map (1/2)"),
                Some("tm-1"),
                Some("h:1")
            ),
            (2001, Some("a.Lost$Inner"), None, Some("tm-4"), Some("h:3")),
        ]
    );
    // A root exception alone has its name in its text.
    let root = parse_exceptions(
        br#"{"root-exception":"x.y.ZException: a\n\tat b","timestamp":5}"#,
        &LIMITS,
    )
    .unwrap();
    assert_eq!(
        (root.exceptions[0].time_ms, root.exceptions[0].name.as_deref()),
        (5, Some("x.y.ZException"))
    );

    for (body, told) in [
        ("{}", "no `exceptionHistory` at the top"),
        (r#"{"exceptionHistory":null}"#, "no `exceptionHistory`"),
        (r#"{"exceptionHistory":{}}"#, "missing field `entries`"),
        (
            r#"{"exceptionHistory":{"entries":[{"timestamp":1}]}}"#,
            "no `stacktrace` at `exceptionHistory.entries[0]`",
        ),
        (
            r#"{"exceptionHistory":{"entries":[{"stacktrace":1}]}}"#,
            "expected a string",
        ),
        (r#"{"all-exceptions":[{"timestamp":1}]}"#, "missing field `exception`"),
    ] {
        let error = parse_exceptions(body.as_bytes(), &LIMITS).unwrap_err();
        assert!(error.to_string().contains(told), "{body}: {error}");
    }
    let deep = format!(
        "{}{}",
        r#"{"exceptionHistory":{"entries":["#,
        r#"{"concurrentExceptions":["#.repeat(10_000)
    );
    assert!(matches!(
        parse_exceptions(deep.as_bytes(), &LIMITS),
        Err(SourceError::Syntax { .. })
    ));
}

#[test]
fn recorded_jobs_and_task_managers_are_read() {
    let job = parse_job(&body("flink_job_detail.json"), &LIMITS).unwrap();
    assert_eq!(
        (job.id.as_str(), job.name.as_str()),
        ("53f8c3f366d7e18f8f5bfd8b413a1829", "payloads")
    );
    assert_eq!(
        (&job.state, job.start_time, job.end_time, job.now),
        (&JobState::Running, 1_795_238_226_572, None, Some(1_795_238_334_737))
    );
    assert_eq!((job.parallelism(), job.max_parallelism()), (Some(3), Some(128)));
    assert_eq!(
        job.running_since(),
        Some(1_795_238_261_904),
        "the rescale, not the start"
    );
    assert_eq!(
        job.timestamps.keys().collect::<Vec<_>>(),
        ["CREATED", "INITIALIZING", "RUNNING"]
    );
    assert_eq!(job.scheduler.as_deref(), Some("Adaptive"));
    assert_eq!(
        job.vertices.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(),
        ["Source: lag-source", "work", "state -> discard: Writer"]
    );

    let jobs = parse_jobs(&body("flink_jobs_overview.json"), &LIMITS).unwrap();
    assert_eq!(
        (jobs.len(), &jobs[0].id, &jobs[0].state),
        (1, &job.id, &JobState::Running)
    );
    assert_eq!(
        (jobs[0].end_time, jobs[0].last_modification),
        (None, Some(1_795_238_264_027))
    );

    let all = parse_taskmanagers(&body("flink_taskmanagers.json"), &LIMITS).unwrap();
    assert_eq!((all.taskmanagers.len(), all.slots_per_task_manager()), (3, Some(1)));
    let memory = all.memory().unwrap();
    assert_eq!(
        (memory.process, memory.flink, memory.task_heap),
        (Some(738_197_504), Some(570_425_344), Some(402_653_184))
    );
    assert_eq!(
        (memory.framework_heap, memory.framework_off_heap, memory.task_off_heap),
        (Some(64 << 20), Some(64 << 20), Some(0))
    );
    assert_eq!(
        (memory.network, memory.managed, memory.metaspace, memory.overhead),
        (Some(32 << 20), Some(0), Some(96 << 20), Some(64 << 20))
    );
    let one = parse_taskmanager(&body("flink_taskmanager_detail.json"), &LIMITS).unwrap();
    assert_eq!(one, all.taskmanagers[0]);
    assert_eq!(
        (one.slots, one.free_slots, one.cores(), one.last_heartbeat),
        (1, Some(0), Some(2), Some(1_795_238_334_184))
    );

    let overview = parse_overview(&body("flink_overview.json"), &LIMITS).unwrap();
    assert_eq!(
        (overview.task_managers, overview.slots_total, overview.slots_available),
        (3, 3, 0)
    );
    assert_eq!(
        (overview.jobs_running, overview.version.as_deref()),
        (Some(1), Some("2.3.0"))
    );

    let requirements = parse_resource_requirements(&body("flink_job_resource_requirements.json"), &LIMITS).unwrap();
    assert_eq!(requirements.len(), 3);
    assert_eq!(
        requirements["674df9b0384c0348e0b9d1034a44c46c"],
        ParallelismBounds { lower: 1, upper: 3 }
    );
}

#[test]
fn what_is_not_known_is_undefined_and_not_zero() {
    let job = |fields: &str| {
        parse_job(
            format!(r#"{{"jid":"a","name":"n","start-time":1,{fields}}}"#).as_bytes(),
            &LIMITS,
        )
    };
    let starting = job(r#""state":"INITIALIZING","vertices":[],"end-time":-1"#).unwrap();
    assert_eq!(
        (
            starting.parallelism(),
            starting.max_parallelism(),
            starting.running_since()
        ),
        (None, None, None)
    );
    let odd = job(r#""state":"DREAMING","maxParallelism":64,"timestamps":null,"vertices":[
        {"id":"v","name":"w","parallelism":2,"maxParallelism":-1},{"id":"v","name":"w","parallelism":5,"maxParallelism":720}]"#)
    .unwrap();
    assert_eq!(
        (&odd.state, odd.parallelism(), odd.max_parallelism()),
        (&JobState::Other("DREAMING".to_owned()), Some(5), Some(64))
    );
    assert!(!odd.state.has_ended() && JobState::Canceled.has_ended());
    let failed = job(r#""state":"FAILED","end-time":9,"timestamps":{"RUNNING":5},"vertices":[]"#).unwrap();
    assert_eq!((failed.end_time, failed.running_since()), (Some(9), None));

    let managers = |body: &str| parse_taskmanagers(body.as_bytes(), &LIMITS).unwrap();
    let none = managers(r#"{"taskmanagers":[]}"#);
    assert_eq!((none.slots_per_task_manager(), none.memory()), (None, None));
    let mixed = managers(
        r#"{"taskmanagers":[{"id":"a","slotsNumber":2,"memoryConfiguration":{"totalProcessMemory":1,"taskHeap":null}},
            {"id":"b","slotsNumber":4,"memoryConfiguration":{"totalProcessMemory":2},"hardware":{}}]}"#,
    );
    assert_eq!(
        (mixed.slots_per_task_manager(), mixed.memory()),
        (None, None),
        "not all the same"
    );
    assert_eq!(mixed.taskmanagers[0].memory.unwrap().task_heap, None);

    for (error, told) in [
        (job(r#""state":"RUNNING""#).unwrap_err(), "missing field `vertices`"),
        (job(r#""vertices":[]"#).unwrap_err(), "missing field `state`"),
        (
            job(r#""state":"RUNNING","vertices":[{"id":"v","name":"w","parallelism":-1}]"#).unwrap_err(),
            "integer `-1`",
        ),
        (
            parse_overview(br#"{"taskmanagers":1}"#, &LIMITS).unwrap_err(),
            "missing field `slots-total`",
        ),
        (
            parse_taskmanagers(br#"{"taskmanagers":[{"id":"a"}]}"#, &LIMITS).unwrap_err(),
            "missing field `slotsNumber`",
        ),
        (
            parse_resource_requirements(br#"{"v":{"parallelism":{"lowerBound":1}}}"#, &LIMITS).unwrap_err(),
            "`upperBound`",
        ),
        (parse_jobs(b"[]", &LIMITS).unwrap_err(), "line 1, column 2"),
    ] {
        assert!(
            matches!(error, SourceError::Shape { .. }) && error.to_string().contains(told),
            "{error}"
        );
    }
}

#[test]
fn recorded_errors_are_recognised() {
    let unknown = parse_error(&body("flink_error_unknown_job.json")).unwrap();
    assert_eq!(unknown.message, "Job 00000000000000000000000000000000 not found");
    assert_eq!(
        unknown.exception.as_deref(),
        Some("org.apache.flink.runtime.rest.NotFoundException")
    );
    assert!(unknown.is_not_found() && unknown.errors[0].contains("\n\tat "));

    let bad = parse_error(&body("flink_error_bad_job_id.json")).unwrap();
    assert_eq!(
        bad.message,
        r#"Bad request, could not parse parameters: Cannot resolve path parameter (jobid) from value "nonsense"."#
    );
    assert!(!bad.is_not_found());

    // Inside a client's message, and cut off.
    let text = body("flink_error_requirements_default_scheduler.txt");
    let refused = parse_error(&text).unwrap();
    assert_eq!(
        refused.exception.as_deref(),
        Some("java.lang.UnsupportedOperationException")
    );
    assert!(
        refused
            .message
            .starts_with("The DefaultScheduler does not support changing the parallelism"),
        "{refused}"
    );
    assert_eq!(refused.errors.len(), 2);

    // Whatever was asked for: the error is told.
    let body = body("flink_error_unknown_job.json");
    let errors = [
        parse_metrics(&body, &LIMITS).unwrap_err(),
        parse_aggregated(&body, &LIMITS).unwrap_err(),
        parse_exceptions(&body, &LIMITS).unwrap_err(),
        parse_job(&body, &LIMITS).unwrap_err(),
        parse_jobs(&body, &LIMITS).unwrap_err(),
        parse_taskmanagers(&body, &LIMITS).unwrap_err(),
        parse_taskmanager(&body, &LIMITS).unwrap_err(),
        parse_overview(&body, &LIMITS).unwrap_err(),
        parse_resource_requirements(&body, &LIMITS).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error, SourceError::Flink(unknown.clone()));
        assert_eq!(
            error.to_string(),
            "Flink answered `Job 00000000000000000000000000000000 not found` (org.apache.flink.runtime.rest.NotFoundException)"
        );
    }
}

#[test]
fn errors_of_other_forms_are_recognised() {
    for (body, message, exception) in [
        (r#"{"errors":[]}"#, "an error without a message", None),
        (
            r#"{"errors":["\n Unable to load requested file /x."]}"#,
            "Unable to load requested file /x.",
            None,
        ),
        ("404 page not found", "404 page not found", None),
        (
            r#"{"errors":["a.CompletionException: b.c.NotFoundException: gone: for ever\n\tat x"]}"#,
            "gone: for ever",
            Some("b.c.NotFoundException"),
        ),
        (r#"HTTP 500 {"errors":["x.YException: a\u00"#, "a", Some("x.YException")),
        (r#"HTTP 500 {"errors":["x.YException: a","#, "a", Some("x.YException")),
        (
            r#"HTTP 500 {"errors":["x.YException: a"]} (retry)"#,
            "a",
            Some("x.YException"),
        ),
        (r#"HTTP 500 {"errors":["a.Exception"]}"#, "", Some("a.Exception")),
    ] {
        let error = parse_error(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
        assert_eq!(
            (error.message.as_str(), error.exception.as_deref()),
            (message, exception),
            "{body}"
        );
    }
    for body in [
        "",
        "  ",
        "[]",
        r#"{"jobs":[]}"#,
        r#"{"a":1,"errors":["x"]}"#,
        r#"{"errors":5}"#,
        r#"{"jobs":["#,
        "[{",
    ] {
        assert_eq!(parse_error(body.as_bytes()), None, "{body}");
    }
    let html = parse_metrics(b"<html>", &LIMITS).unwrap_err();
    assert!(matches!(html, SourceError::NotJson { html: true, .. }));
    let long = parse_error(format!(r#"{{"errors":["{}"]}}"#, "é".repeat(100_000)).as_bytes()).unwrap();
    assert_eq!(long.message.chars().count(), 501);
}

#[test]
fn lists_are_bounded() {
    let limits = SourceLimits {
        max_series: 2,
        ..LIMITS
    };
    let three = br#"[{"id":"a","value":"1"},{"id":"b","value":"1"},{"id":"c","value":"1"}]"#;
    let error = parse_metrics(three, &limits).unwrap_err();
    assert!(
        matches!(&error, SourceError::TooManySeries { at, limit: 2 } if at.path == "[2]"),
        "{error}"
    );
    assert!(matches!(
        parse_aggregated(three, &limits),
        Err(SourceError::TooManySeries { limit: 2, .. })
    ));
    let error = parse_metrics(br#"[{"id":"a"},{"id":1}]"#, &limits).unwrap_err();
    assert!(
        matches!(&error, SourceError::Shape { at, .. } if at.path == "[1]"),
        "{error}"
    );
    let large = SourceLimits {
        max_bytes: 10,
        ..LIMITS
    };
    assert!(matches!(
        parse_job(&body("flink_job_detail.json"), &large),
        Err(SourceError::TooLarge { .. })
    ));
}

/// All readers on one body.
fn read_all(body: &[u8]) -> Vec<Option<SourceError>> {
    let _ = parse_error(body);
    vec![
        parse_metrics(body, &LIMITS).err(),
        parse_aggregated(body, &LIMITS).err(),
        parse_exceptions(body, &LIMITS).err(),
        parse_job(body, &LIMITS).err(),
        parse_jobs(body, &LIMITS).err(),
        parse_taskmanagers(body, &LIMITS).err(),
        parse_taskmanager(body, &LIMITS).err(),
        parse_overview(body, &LIMITS).err(),
        parse_resource_requirements(body, &LIMITS).err(),
    ]
}

const READABLE: &[(&str, usize)] = &[
    ("flink_vertex_metrics_plain.json", 0),
    ("flink_source_subtask_metrics_agg.json", 1),
    ("flink_job_exceptions_user_default_scheduler.json", 2),
    ("flink_job_exceptions_oom_heap_1.20.5.json", 2),
    ("flink_job_detail.json", 3),
    ("flink_jobs_overview.json", 4),
    ("flink_taskmanagers.json", 5),
    ("flink_taskmanager_detail.json", 6),
    ("flink_overview.json", 7),
    ("flink_job_resource_requirements.json", 8),
    ("flink_error_unknown_job.json", usize::MAX),
];

#[test]
fn a_body_that_is_cut_anywhere_is_an_error() {
    for (name, reader) in READABLE {
        let body = body(name);
        let end = body.iter().rposition(|b| *b == b'}' || *b == b']').unwrap();
        for cut in (0..=end).step_by(3) {
            let errors = read_all(&body[..cut]);
            assert!(errors.iter().all(Option::is_some), "{name} cut at {cut}");
            if let Some(Some(error)) = errors.get(*reader) {
                assert!(
                    matches!(error, SourceError::Truncated { .. } | SourceError::Empty),
                    "{name} cut at {cut}: {error}"
                );
            }
        }
        assert!(reader == &usize::MAX || read_all(&body)[*reader].is_none(), "{name}");
    }
}

proptest! {
    #[test]
    fn a_damaged_body_never_panics(
        (name, _) in proptest::sample::select(READABLE),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body = body(name);
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        for error in read_all(&body).into_iter().flatten() {
            prop_assert!(!error.to_string().is_empty() && error.to_string().len() < 3000);
        }
    }

    #[test]
    fn ids_in_a_query_string_cannot_add_to_it(ids in proptest::collection::vec(any::<String>(), 1..4)) {
        let text = flink::get_parameter(ids.iter().map(String::as_str));
        let values = text.strip_prefix("get=").unwrap();
        prop_assert_eq!(values.split(',').count(), ids.len());
        prop_assert!(values.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%,".contains(&b)));
    }
}
