use proptest::prelude::*;

use super::read::cells;
use super::*;

const SMALL: &str = "\
trace,1,small,\"two scrapes, one gap\"
start,1000
task_manager_memory,1048576
clock,1500,2000,4
metric,busy,flink_busy,ms/s,gauge
series,busy,tm0,Source: a,1,5,NaN,,7.5
series,busy,tm1,Source: a,0,*2,1*2
fact,time,-5,1000,3000
fact,state,RUNNING*2,\"SAID \"\"X\"\", STOPPED\"
fact,job,j*3
fact,parallelism,1,2*2
fact,tasks_running,1,2*2
fact,task_managers,1*3
fact,slots,2*3
fact,slots_free,0*3
fact,restarts,0*3
fact,rescales,0*3
fact,uptime,10,1010,0
fact,arriving,,50.5*2
event,0,begin
event,0,rate=5/s
exception,2000,a.B,a.B: text
configuration,taskmanager.memory.process.size,1m
";

#[test]
fn a_trace_reads_as_it_is_written() {
    let trace = Trace::parse(SMALL).unwrap();
    assert_eq!(
        (trace.name.as_str(), trace.about.as_str()),
        ("small", "two scrapes, one gap")
    );
    assert_eq!(
        (trace.start, trace.task_manager_memory, trace.interval),
        (1000, 1 << 20, 2000)
    );
    assert_eq!(
        trace.configuration,
        [("taskmanager.memory.process.size".to_owned(), "1m".to_owned())]
    );
    assert_eq!(trace.clock, [1500, 3500, 5500, 7500]);
    let [first, second] = trace.series("busy").collect::<Vec<_>>()[..] else {
        panic!("two series")
    };
    assert_eq!(
        (first.instance.as_str(), first.subtask, &first.times[..]),
        ("tm0/Source: a/1", Some(1), &[1500, 3500, 7500][..])
    );
    assert!(first.values[1].is_nan() && first.values[0] == 5.0 && first.values[2] == 7.5);
    assert_eq!(
        (&second.times[..], &second.values[..]),
        (&[5500, 7500][..], &[1.0, 1.0][..])
    );
    let facts: Vec<_> = trace
        .facts
        .iter()
        .map(|f| (f.time, f.state.as_str(), f.parallelism, f.uptime, f.arriving))
        .collect();
    assert_eq!(
        facts,
        [
            (995, "RUNNING", 1, 10, None),
            (2000, "RUNNING", 2, 1010, Some(50.5)),
            (4000, "SAID \"X\", STOPPED", 2, 0, Some(50.5))
        ]
    );
    assert_eq!(trace.fact_at(994), None);
    assert_eq!(trace.fact_at(3999).map(|f| f.time), Some(2000));
    assert_eq!(
        trace.events[1],
        Event {
            time: 1000,
            what: "rate=5/s".to_owned()
        }
    );
    assert_eq!(trace.exceptions[0].time, 2000);
    assert_eq!(trace.end(), 7500);
    let scrapes: Vec<_> = trace
        .scrapes()
        .map(|(time, row)| (time, row.iter().map(|v| v.0).collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        scrapes,
        [(1500, vec![0]), (3500, vec![0]), (5500, vec![1]), (7500, vec![0, 1])]
    );
}

/// From the recordings themselves: scenario, scrapes, series, REST rows, events, exceptions, and of one series its metric, its
/// instance, how many samples it has, the first and the last.
type Truth = (&'static str, [usize; 5], &'static str, &'static str, usize, f64, f64);

const TRUTH: &[Truth] = &[
    (
        "a_overload_cpu",
        [121, 24, 121, 3, 0],
        "pendingRecords",
        "tm0/Source: lag-source/0",
        120,
        0.0,
        323_277.0,
    ),
    (
        "a_overload_io",
        [121, 26, 121, 3, 0],
        "pendingRecords",
        "tm0/Source: lag-source/0",
        121,
        35.0,
        450_129.0,
    ),
    (
        "b_idle",
        [76, 62, 76, 2, 0],
        "Status.JVM.CPU.Load",
        "tm2",
        76,
        0.159_722,
        0.05,
    ),
    (
        "c_heap_gc",
        [111, 24, 111, 4, 0],
        "Status.JVM.Memory.Heap.Used",
        "tm0",
        111,
        42_780_880.0,
        429_404_648.0,
    ),
    ("d_oom_crashloop", [60, 24, 118, 9, 3], "numRestarts", "", 60, 0.0, 3.0),
    ("d_oom_direct", [31, 24, 61, 2, 1], "uptime", "", 31, 3592.0, 34_347.0),
    (
        "d_oom_hog",
        [33, 24, 66, 2, 1],
        "Status.JVM.Memory.Heap.Used",
        "tm0",
        33,
        95_576_496.0,
        175_798_592.0,
    ),
    (
        "d_oom_kill",
        [48, 24, 94, 3, 1],
        "Status.JVM.GarbageCollector.All.Time",
        "tm0",
        41,
        64.0,
        306.0,
    ),
    (
        "d_oom_kill_default_timeout",
        [47, 24, 94, 3, 1],
        "Status.JVM.CPU.Load",
        "tm0",
        41,
        0.084_745_8,
        0.033_678_8,
    ),
    (
        "d_oom_metaspace",
        [46, 24, 91, 2, 1],
        "sourceDelayMs",
        "tm0/Source: lag-source/0",
        44,
        0.0,
        0.0,
    ),
    ("d_oom_zombie", [81, 24, 161, 3, 1], "numRestarts", "", 64, 0.0, 1.0),
    (
        "d_user_exception",
        [31, 24, 61, 2, 1],
        "numRecordsIn",
        "tm0/work/0",
        30,
        0.0,
        19_448.0,
    ),
    (
        "e_rescale_live",
        [139, 62, 277, 8, 0],
        "pendingRecords",
        "tm2/Source: lag-source/1",
        91,
        14_177.0,
        3.0,
    ),
    (
        "e_restart_savepoint",
        [108, 44, 215, 8, 0],
        "Status.JVM.Memory.Heap.Max",
        "tm1",
        57,
        884_998_144.0,
        884_998_144.0,
    ),
    (
        "f_diurnal_tight",
        [271, 24, 271, 2, 0],
        "currentEmitEventTimeLag",
        "tm0/Source: lag-source/0",
        269,
        0.0,
        2.0,
    ),
];

#[test]
fn the_scenarios_hold_what_was_recorded() {
    assert_eq!(
        TRUTH.iter().map(|t| t.0).collect::<Vec<_>>(),
        scenarios().iter().map(|s| s.name).collect::<Vec<_>>()
    );
    for &(name, counts, metric, instance, samples, first, last) in TRUTH {
        let trace = Trace::load(name).unwrap();
        assert_eq!(trace.name, name);
        let got = [
            trace.clock.len(),
            trace.series.len(),
            trace.facts.len(),
            trace.events.len(),
            trace.exceptions.len(),
        ];
        assert_eq!(got, counts, "{name}");
        let series = trace.series(metric).find(|s| s.instance == instance).unwrap();
        assert_eq!(
            (series.values.len(), series.values[0], series.values[samples - 1]),
            (samples, first, last),
            "{name}"
        );
    }
}

#[test]
fn every_scenario_is_sound() {
    for scenario in scenarios() {
        let trace = Trace::parse(scenario.text).unwrap();
        assert!(
            scenario.text.len() < 26_000,
            "{} is {} bytes",
            trace.name,
            scenario.text.len()
        );
        assert_eq!(
            (trace.interval, trace.task_manager_memory),
            (2000, 704 << 20),
            "{}",
            trace.name
        );
        assert!(trace.clock.windows(2).all(|w| w[1] - w[0] == 2000));
        for series in &trace.series {
            assert!(trace.metric(&series.metric).is_some());
            assert_eq!(series.times.len(), series.values.len());
            assert!(series.times.windows(2).all(|w| w[0] < w[1]));
            assert!(series.times.iter().all(|t| trace.clock.binary_search(t).is_ok()));
        }
        let scraped: usize = trace.scrapes().map(|(_, row)| row.len()).sum();
        assert_eq!(scraped, trace.series.iter().map(|s| s.values.len()).sum::<usize>());
        for metric in &trace.metrics {
            metric
                .unit
                .replace("bool", "number")
                .parse::<dras_core::units::WireUnit>()
                .unwrap();
            assert!(trace.series(&metric.name).next().is_some());
        }
    }
}

#[test]
fn missing_and_nan_stay_apart() {
    // Subtask 2 of the source began with a NaN in the middle of the recording.
    let trace = Trace::load("e_rescale_live").unwrap();
    let series = trace
        .series("busyTimeMsPerSecond")
        .find(|s| s.instance == "tm1/Source: lag-source/2")
        .unwrap();
    assert_eq!(
        (series.values.len(), series.values.iter().filter(|v| v.is_nan()).count()),
        (61, 1)
    );
    assert!(series.values[0].is_nan() && series.times[0] > trace.start + 90_000);
}

#[test]
fn a_file_reads_like_the_scenario() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/d_oom_hog.trace");
    let [a, b] = [path.to_str().unwrap(), "d_oom_hog"].map(|name| Trace::load(name).unwrap());
    assert_eq!((a.series, a.facts, a.exceptions), (b.series, b.facts, b.exceptions));
    let error = Trace::load("d_oom_hgo").unwrap_err().to_string();
    assert!(
        error.contains("`d_oom_hgo` is neither") && error.contains("d_oom_hog, d_oom_kill,"),
        "{error}"
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (from, to, message) in [
        (
            "trace,1,",
            "trace,2,",
            "line 1: format version `2`; this program reads version 1",
        ),
        ("start,1000", "start,soon", "line 2: `soon` is not a time in ms"),
        (
            "start,1000",
            "start,9000000000000000000",
            "line 2: `9000000000000000000` is not a time in ms",
        ),
        ("start,1000\n", "", "line 7: needs a `start` line above it"),
        (
            "clock,1500,2000,4",
            "clock,1500,2000",
            "line 4: 3 cells where 4 are needed",
        ),
        ("clock,1500,2000,4", "clock,1500,2000,5", "line 6: 4 values for 5 times"),
        (
            "clock,1500,2000,4",
            "clock,1500,0,4",
            "line 4: `0` is not a distance of at most a day in ms",
        ),
        (
            "clock,1500,2000,4",
            "clock,1500,2000,9999999",
            "line 4: 9999999 samples; at most 1000000 a series are read",
        ),
        (
            "metric,busy",
            "metric,idle",
            "line 6: no `metric` line above declares `busy`",
        ),
        (
            "ms/s,gauge",
            "ms/s,guage",
            "line 5: `guage` is not `gauge` or `counter`",
        ),
        ("5,NaN,,7.5", "5,NaN,x,7.5", "line 6: `x` is not a number or NaN"),
        ("*2,1*2", "*2,1*x", "line 7: `x` is not the length of a run"),
        (
            "*2,1*2",
            "*2,1*18446744073709551615",
            "line 7: 18446744073709551615 values for 4 times",
        ),
        (
            "tm1,Source: a,0",
            "tm0,Source: a,1",
            "line 7: a second line for `busy tm0/Source: a/1`",
        ),
        (
            "-5,1000,3000",
            "-5,1000,1000",
            "line 8: time 2000 does not lie after the one before it",
        ),
        (
            "X\"\", STOPPED\"",
            "X\"\", STOPPED",
            "line 9: a quoted cell has no closing quote",
        ),
        (
            "RUNNING*2,\"SAID",
            "RUNNING*2,\"\"SAID",
            "line 9: `SAID \"\"X\"\", STOPPED\"` after a closing quote where a comma or the end of the line is needed",
        ),
        ("fact,slots,2*3", "fact,slots,2*2,-1", "line 14: `-1` is not a count"),
        (
            "fact,slots,2*3",
            "fact,slot,2*3",
            "line 14: `slot` is not the name of a fact",
        ),
        (
            "fact,slots,2*3",
            "fact,job,2*3",
            "line 14: a second line for `fact,job`",
        ),
        (
            "fact,slots,2*3\n",
            "",
            "no `slots` line; every trace has one before the lines that need it",
        ),
        (
            "event,0,begin",
            "event,1,begin",
            "line 21: time 1000 does not lie after the one before it",
        ),
        (
            "event,0,begin",
            "evnt,0,begin",
            "line 20: `evnt` is not a kind of line; use trace, start, ",
        ),
    ] {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        let error = Trace::parse(&SMALL.replace(from, to)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{from} -> {to}: {error}");
    }
    assert!(matches!(Trace::parse(""), Err(TraceError::Incomplete("trace"))));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(at in 0..SMALL.len(), insert in ".{0,12}", line in "[a-z_]{0,6}(,[-0-9*\"a-z.]{0,8}){0,6}") {
        let mut text = SMALL.to_owned();
        text.insert_str(at, &insert);
        text.push_str(&line);
        if let Ok(trace) = Trace::parse(&text) {
            prop_assert!(trace.series.iter().all(|s| s.times.len() == s.values.len() && s.values.len() <= trace.clock.len()));
        }
    }

    #[test]
    fn quoting_is_undone(values in prop::collection::vec("[a\", *]{0,6}", 1..6)) {
        let line: Vec<String> = values.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect();
        prop_assert_eq!(cells(&line.join(",")).unwrap(), values);
    }
}
