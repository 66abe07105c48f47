//! Answers of Prometheus: recorded ones, and ones that no server should give.

#![allow(clippy::panic, clippy::unwrap_used)] // what a test is for

use std::fmt::Write as _;
use std::path::Path;

use dras_core::metrics::sources::prometheus::{self, FeedError, PrometheusAnswer, ResultType, Sink};
use dras_core::metrics::sources::{Labels, SourceError, SourceLimits, instance_of};
use proptest::prelude::*;

fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/payloads")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn parse(body: impl AsRef<[u8]>) -> Result<PrometheusAnswer, SourceError> {
    prometheus::parse(body.as_ref(), &SourceLimits::default())
}

/// A vector of one series whose time and value are the given JSON.
fn one_sample(time: &str, value: &str) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{time},{value}]}}]}}}}"#
    )
}

/// A sink that keeps what it is given.
#[derive(Default)]
struct Kept(Vec<(Labels<'static>, Vec<i64>, Vec<f64>)>);

impl Sink for Kept {
    type Error = String;

    fn series(&mut self, labels: &Labels<'_>, times: &[i64], values: &[f64]) -> Result<(), String> {
        assert_eq!(times.len(), values.len());
        assert!(!times.is_empty());
        if labels.get("refuse").is_some() {
            return Err("no room".to_owned());
        }
        self.0
            .push((labels.clone().into_owned(), times.to_vec(), values.to_vec()));
        Ok(())
    }
}

#[test]
fn recorded_answers_are_read() {
    // Name, type, series, samples, first time, first and last value of the first series.
    for (name, result_type, series, samples, time, first, last) in [
        (
            "prom_query_busy",
            ResultType::Vector,
            9,
            9,
            1_795_238_334_993,
            25.0,
            25.0,
        ),
        (
            "prom_query_cpu",
            ResultType::Vector,
            3,
            3,
            1_795_238_334_984,
            0.042_929_292_929_292_93,
            0.042_929_292_929_292_93,
        ),
        (
            "prom_query_div_by_zero",
            ResultType::Vector,
            1,
            1,
            1_795_238_334_999,
            f64::INFINITY,
            f64::INFINITY,
        ),
        (
            "prom_query_gc_rate",
            ResultType::Vector,
            3,
            3,
            1_795_238_334_996,
            0.25,
            0.25,
        ),
        (
            "prom_query_heap_ratio",
            ResultType::Vector,
            3,
            3,
            1_795_238_334_988,
            0.184_464_352_471_487_87,
            0.184_464_352_471_487_87,
        ),
        ("prom_query_no_such_metric", ResultType::Vector, 0, 0, 0, 0.0, 0.0),
        (
            "prom_query_pending_sum",
            ResultType::Vector,
            1,
            1,
            1_795_238_334_991,
            148_841.0,
            148_841.0,
        ),
        (
            "prom_query_range_busy",
            ResultType::Matrix,
            9,
            117,
            1_795_238_275_000,
            216.0,
            25.0,
        ),
        (
            "prom_query_range_cpu",
            ResultType::Matrix,
            3,
            39,
            1_795_238_275_000,
            0.085_427_135_678_391_95,
            0.042_929_292_929_292_93,
        ),
        (
            "prom_query_range_div_by_zero",
            ResultType::Matrix,
            1,
            13,
            1_795_238_275_000,
            f64::INFINITY,
            f64::INFINITY,
        ),
        (
            "prom_query_range_gc_rate",
            ResultType::Matrix,
            3,
            39,
            1_795_238_275_000,
            1.285_714_285_714_285_6,
            0.25,
        ),
        (
            "prom_query_range_heap_ratio",
            ResultType::Matrix,
            3,
            39,
            1_795_238_275_000,
            0.232_892_547_334_943_5,
            0.184_464_352_471_487_87,
        ),
        ("prom_query_range_no_such_metric", ResultType::Matrix, 0, 0, 0, 0.0, 0.0),
        (
            "prom_query_range_pending_sum",
            ResultType::Matrix,
            1,
            13,
            1_795_238_275_000,
            194_508.0,
            148_841.0,
        ),
    ] {
        let body = body(&format!("{name}.json"));
        let answer = parse(&body).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(answer.result_type, result_type, "{name}");
        assert_eq!(answer.series.len(), series, "{name}");
        assert_eq!(
            answer.series.iter().map(|s| s.times.len()).sum::<usize>(),
            samples,
            "{name}"
        );
        assert!(
            (answer.text.is_none() && !answer.partial) && answer.warnings.is_empty() && answer.infos.is_empty(),
            "{name}"
        );
        if let Some(s) = answer.series.first() {
            assert_eq!(
                (s.times[0], s.values[0], *s.values.last().unwrap()),
                (time, first, last),
                "{name}"
            );
            assert!(s.times.windows(2).all(|w| w[1] - w[0] == 5000), "{name}");
        }
        // The sink gets the same, in the same order.
        let mut kept = Kept::default();
        let fed = prometheus::feed(&body, &SourceLimits::default(), &mut kept).unwrap();
        assert_eq!(
            (fed.series, fed.samples, fed.result_type),
            (series, samples, result_type),
            "{name}"
        );
        let told: Vec<_> = answer
            .series
            .into_iter()
            .map(|s| (s.labels, s.times, s.values))
            .collect();
        assert_eq!(kept.0, told, "{name}");
    }
}

#[test]
fn instances_of_recorded_series_are_told_apart() {
    let busy = parse(body("prom_query_range_busy.json")).unwrap();
    let names = |label| {
        busy.series
            .iter()
            .map(|s| instance_of(&s.labels, label))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(Some("tm_id"))[0].as_deref(), Some("tm-0-1795238214"));
    let all: std::collections::BTreeSet<_> = names(None).into_iter().flatten().collect();
    assert_eq!(all.len(), 9);
    assert!(
        all.iter()
            .all(|n| n.starts_with("host=\"127.0.0.1\",instance=") && !n.contains("__name__")),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|n| n.contains(r#"task_name="state -> discard: Writer""#))
    );

    let sum = parse(one_sample("1", "\"2\"")).unwrap();
    assert_eq!(instance_of(&sum.series[0].labels, None).as_deref(), Some(""));
    assert_eq!(instance_of(&sum.series[0].labels, Some("pod")), None);
    let empty = Labels::new([("pod", "")]).unwrap();
    assert_eq!(instance_of(&empty, Some("pod")), None, "an empty label is no label");
    let odd = Labels::new([("a", "x\",b=\"y"), ("c", "\n")]).unwrap();
    assert_eq!(
        instance_of(&odd, None).as_deref(),
        Some(r#"a="x\",b=\"y",c="\n""#),
        "values cannot imitate labels"
    );
}

#[test]
fn errors_of_prometheus_are_errors() {
    assert_eq!(
        parse(body("prom_error_bad_query.json")),
        Err(SourceError::Prometheus {
            error_type: "bad_data".to_owned(),
            message: "invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis".to_owned(),
        })
    );
    let many = parse(body("prom_error_too_many_points.json")).unwrap_err();
    assert!(
        many.to_string()
            .starts_with("Prometheus answered `bad_data`: exceeded maximum resolution of 11,000"),
        "{many}"
    );
    // Whatever stands in `data`, and wherever the status stands.
    for body in [
        r#"{"status":"error","data":17,"errorType":"timeout","error":"too slow"}"#,
        r#"{"data":null,"error":"too slow","errorType":"timeout","status":"error"}"#,
        r#"{"data":{"resultType":"vector","result":[]},"error":"too slow","errorType":"timeout","status":"error"}"#,
    ] {
        let expected = SourceError::Prometheus {
            error_type: "timeout".to_owned(),
            message: "too slow".to_owned(),
        };
        assert_eq!(parse(body), Err(expected), "{body}");
    }
    let bare = parse(r#"{"status":"error"}"#).unwrap_err();
    assert_eq!(bare.to_string(), "Prometheus answered `unknown`: without a message");
}

#[test]
fn every_result_type_is_read() {
    let scalar =
        parse(r#"{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1.5"]}}"#).unwrap();
    assert_eq!(scalar.result_type, ResultType::Scalar);
    assert_eq!(
        (
            scalar.series[0].labels.len(),
            scalar.series[0].times[0],
            scalar.series[0].values[0]
        ),
        (0, 1_435_781_451_781, 1.5)
    );

    let string = br#"{"status":"success","data":{"result":[1,"a\"b"],"resultType":"string"}}"#;
    let text = parse(string).unwrap();
    assert_eq!((text.text, text.series.len()), (Some((1000, "a\"b".to_owned())), 0));
    let mut kept = Kept::default();
    assert_eq!(
        prometheus::feed(string, &SourceLimits::default(), &mut kept),
        Err(FeedError::Source(SourceError::TextResult))
    );

    // Fields in any order, with fields that are not known, escapes in labels, and everything else that may be there.
    let odd = parse(
        r#" {"warnings":["partial response"],"infos":["not a counter"],"isPartial":true,"stats":{"a":[{}]},
            "data":{"analysis":null,"result":[{"values":[[2,"NaN"],[1.5,"-Inf"],[-0.25,"1e3"]],"extra":1,"metric":{"b":"\u00e9\n","a":"1"}},
            {"metric":{},"values":[]}],"resultType":"matrix"},"status":"success"} "#,
    )
    .unwrap();
    assert_eq!(
        (odd.warnings, odd.infos, odd.partial),
        (
            vec!["partial response".to_owned()],
            vec!["not a counter".to_owned()],
            true
        )
    );
    let series = &odd.series[0];
    assert_eq!(series.times, [2000, 1500, -250]);
    assert!(series.values[0].is_nan());
    assert_eq!(series.values[1..], [f64::NEG_INFINITY, 1000.0]);
    assert_eq!(series.labels.to_string(), "{a=\"1\",b=\"é\\n\"}");
    assert_eq!((odd.series[1].labels.len(), odd.series[1].times.len()), (0, 0));

    let null = parse(r#"{"status":"success","warnings":null,"data":{"resultType":"matrix","result":null}}"#).unwrap();
    assert_eq!((null.series.len(), null.warnings.len()), (0, 0));
}

#[test]
fn times_are_rounded_to_the_nearest_millisecond() {
    for (seconds, ms) in [
        ("0", 0),
        ("1795238334.993", 1_795_238_334_993),
        ("1795238334.9994", 1_795_238_334_999),
        ("1795238334.9996", 1_795_238_335_000),
        ("1.0005", 1001),
        ("-1.0005", -1001),
        ("-3", -3000),
        ("1e3", 1_000_000),
        ("1.7952383349930001e9", 1_795_238_334_993),
        ("1e-400", 0),
        ("9223372036854775", 9_223_372_036_854_775_000),
        ("-9223372036854775", -9_223_372_036_854_775_000),
        ("9.2e15", 9_200_000_000_000_000_000),
    ] {
        let answer = parse(one_sample(seconds, "\"1\"")).unwrap_or_else(|e| panic!("{seconds}: {e}"));
        assert_eq!(answer.series[0].times, [ms], "{seconds}");
    }
    for seconds in [
        "9223372036854776",
        "-9223372036854776",
        "18446744073709551615",
        "1e16",
        "-1e300",
        "99999999999999999999",
    ] {
        let error = parse(one_sample(seconds, "\"1\"")).unwrap_err();
        assert!(
            matches!(&error, SourceError::Time { at, .. } if at.path == "data.result[0].value"),
            "{seconds}: {error}"
        );
    }
    // No float holds it, so that serde_json refuses it.
    assert!(matches!(
        parse(one_sample("1e400", "\"1\"")),
        Err(SourceError::Syntax { .. })
    ));
}

#[test]
fn wrong_answers_say_where_and_what() {
    let vector = |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#);
    let matrix = |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#);
    for (body, kind, told) in [
        ("{}".to_owned(), "Missing", "no `status` at line 1, column 2"),
        (r#"{"status":"success"}"#.to_owned(), "Missing", "no `data`"),
        (r#"{"status":"success","data":null}"#.to_owned(), "Missing", "no `data`"),
        (
            r#"{"status":"success","data":{}}"#.to_owned(),
            "Missing",
            "no `resultType` at line 1, column 30 (data)",
        ),
        (
            r#"{"status":"success","data":{"resultType":"vector"}}"#.to_owned(),
            "Missing",
            "no `result`",
        ),
        (
            r#"{"data":{"resultType":"vector","result":[]}}"#.to_owned(),
            "Missing",
            "no `status`",
        ),
        (r#"{"status":"fine","data":{}}"#.to_owned(), "Shape", "status `fine`"),
        (
            r#"{"status":1}"#.to_owned(),
            "Shape",
            "invalid type: integer `1`, expected a string",
        ),
        (
            r#"{"status":"success","status":"error"}"#.to_owned(),
            "Twice",
            "`status` twice",
        ),
        (
            r#"{"status":"success","data":{"resultType":"streams","result":[]}}"#.to_owned(),
            "Shape",
            "resultType `streams`",
        ),
        (
            r#"{"status":"success","data":[]}"#.to_owned(),
            "Shape",
            "expected an object with `resultType`",
        ),
        (
            r#"{"status":"success","data":{"result":[],"result":[]}}"#.to_owned(),
            "Twice",
            "`result` twice",
        ),
        ("[1]".to_owned(), "Shape", "expected an answer of Prometheus"),
        (vector("{}"), "Shape", "expected a list of series"),
        (vector("[[]]"), "Shape", "expected a series"),
        (
            vector("[{}]"),
            "Missing",
            "no `metric` at line 1, column 62 (data.result[0])",
        ),
        (vector(r#"[{"metric":{}}]"#), "Missing", "no `value`"),
        (
            vector(r#"[{"metric":{"a":1},"value":[1,"1"]}]"#),
            "Shape",
            "(data.result[0].metric)",
        ),
        (
            vector(r#"[{"metric":{"a":"1","a":"2"},"value":[1,"1"]}]"#),
            "Twice",
            "`a` twice",
        ),
        (
            vector(r#"[{"metric":[],"value":[1,"1"]}]"#),
            "Shape",
            "expected an object of labels",
        ),
        (
            vector(r#"[{"metric":{},"metric":{},"value":[1,"1"]}]"#),
            "Twice",
            "`metric` twice",
        ),
        (
            vector(r#"[{"metric":{},"value":[1,"1"],"values":[]}]"#),
            "Twice",
            "`values` twice",
        ),
        (vector(r#"[{"metric":{},"value":[1]}]"#), "Shape", "invalid length 1"),
        (vector(r#"[{"metric":{},"value":[]}]"#), "Shape", "invalid length 0"),
        (
            vector(r#"[{"metric":{},"value":[1,"1",2]}]"#),
            "Shape",
            "invalid length 3",
        ),
        (
            vector(r#"[{"metric":{},"value":["1","1"]}]"#),
            "Shape",
            "expected a time in seconds",
        ),
        (
            vector(r#"[{"metric":{},"value":[1,1]}]"#),
            "Shape",
            "expected the value of a sample as a string",
        ),
        (
            vector(r#"[{"metric":{},"value":[1,"one"]}]"#),
            "Value",
            "`one` at line 1, column 89 (data.result[0].value)",
        ),
        (vector(r#"[{"metric":{},"value":[1,"1e999"]}]"#), "Value", "`1e999`"),
        (vector(r#"[{"metric":{},"value":[1,""]}]"#), "Value", "``"),
        (
            vector(r#"[{"metric":{},"value":{"a":1}}]"#),
            "Shape",
            "expected a sample",
        ),
        (
            vector(r#"[{"metric":{},"values":[[1,"1"]]}]"#),
            "Shape",
            "not the form of its resultType `vector`",
        ),
        (vector(r#"[1,"1"]"#), "Shape", "not the form of its resultType `vector`"),
        (vector("[1]"), "Shape", "invalid length 1"),
        (vector(r#"["1",1]"#), "Shape", "a text among the series"),
        (
            vector(r#"[1,"1",{"metric":{},"value":[1,"1"]}]"#),
            "Shape",
            "a series beside",
        ),
        (
            vector(r#"[{"metric":{},"value":[1,"1"]},1]"#),
            "Shape",
            "a number among the series",
        ),
        (
            matrix(r#"[{"metric":{},"values":[[1,"1"],[2,"2"],[3,"x"]]}]"#),
            "Value",
            "(data.result[0].values[2])",
        ),
        (
            matrix(r#"[{"metric":{},"values":[]},{"metric":{},"value":[1,"1"]}]"#),
            "Shape",
            "`value` and `values` in one",
        ),
        (
            r#"{"status":"success","data":{"resultType":"scalar","result":[]}}"#.to_owned(),
            "Shape",
            "resultType `scalar`",
        ),
        (
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"x"]}}"#.to_owned(),
            "Value",
            "`x`",
        ),
        (
            vector(r#"[{"metric":{"__name__":"h"},"histogram":[1,{"count":"5"}]}]"#),
            "Histogram",
            r#"the series {__name__="h"} is a native histogram"#,
        ),
        (
            matrix(r#"[{"histograms":[[1,{"count":"5"}]],"values":[[1,"1"]],"metric":{"a":"b"}}]"#),
            "Histogram",
            r#"the series {a="b"} is"#,
        ),
        (format!("{} x", vector("[]")), "Syntax", "trailing characters"),
        (
            format!("{}{}", vector("[]"), vector("[]")),
            "Syntax",
            "trailing characters",
        ),
        (
            "{\"status\":\n\"succ\u{1}ess\"}".to_owned(),
            "Syntax",
            "line 2, column 6",
        ),
        (
            vector(r#"[{"metric":{"a":"\ud800"},"value":[1,"1"]}]"#),
            "Syntax",
            "not well-formed",
        ),
        (String::new(), "Empty", "the body is empty"),
        ("<html>Bad Gateway</html>".to_owned(), "NotJson", "HTML and not JSON"),
        ("Service Unavailable".to_owned(), "NotJson", "`Service Unavailable`"),
        ("\u{0}".repeat(10 << 20), "NotJson", "not JSON"),
        ("[".repeat(10 << 20), "Shape", "expected an answer"),
        (format!("{{\"x\":{}", "[".repeat(10 << 20)), "Truncated", "cut off"),
        (
            format!("{{\"status\":\"success\",\"data\":{}", "{\"result\":[".repeat(10_000)),
            "Truncated",
            "cut off at line 1, column 110027",
        ),
        (
            format!("{{\"status\":\"{}\"}}", "s".repeat(10 << 20)),
            "Shape",
            "status `sss",
        ),
    ] {
        let shown = &body[..body.len().min(200)];
        let error = match parse(&body) {
            Ok(answer) => panic!("{shown}: {answer:?}"),
            Err(error) => error,
        };
        assert!(format!("{error:?}").starts_with(kind), "{shown}: {error:?}");
        assert!(error.to_string().contains(told), "{shown}: {error}");
        assert!(
            error.to_string().len() < 500 && !error.to_string().contains('\n'),
            "{error}"
        );
        let mut kept = Kept::default();
        assert_eq!(
            prometheus::feed(body.as_bytes(), &SourceLimits::default(), &mut kept),
            Err(FeedError::Source(error))
        );
        assert!(kept.0.is_empty(), "{shown}: the sink was called");
    }
    assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(SourceError::NotUtf8 { offset: 6 }));
}

#[test]
fn limits_hold() {
    let limits = SourceLimits {
        max_bytes: 4096,
        max_series: 2,
        max_samples: 3,
        max_label_bytes: 20,
    };
    let matrix = |series: &[&str]| {
        let series: Vec<_> = series
            .iter()
            .map(|s| format!(r#"{{"metric":{{}},"values":[{s}]}}"#))
            .collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
            series.join(",")
        )
    };
    let read = |body: &str| prometheus::parse(body.as_bytes(), &limits);
    let (one, two) = (r#"[1,"1"]"#, r#"[1,"1"],[2,"2"]"#);
    assert_eq!(read(&matrix(&[one, two])).unwrap().series.len(), 2);
    let error = read(&matrix(&[one, one, one])).unwrap_err();
    assert!(
        matches!(&error, SourceError::TooManySeries { at, limit: 2 } if at.path == "data.result[2]"),
        "{error}"
    );
    let error = read(&matrix(&[two, two])).unwrap_err();
    assert!(
        matches!(&error, SourceError::TooManySamples { at, limit: 3 } if at.path == "data.result[1].values[1]"),
        "{error}"
    );
    let labels = |a: &str| {
        format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{{a}}},"value":{one}}}]}}}}"#
        )
    };
    assert_eq!(read(&labels(r#""a":"123456789012345""#)).unwrap().series.len(), 1);
    for long in [r#""a":"1234567890123456""#, r#""a":"12345678901","b":"""#] {
        let error = read(&labels(long)).unwrap_err();
        assert!(
            matches!(&error, SourceError::LabelsTooLong { at, limit: 20 } if at.path == "data.result[0].metric"),
            "{error}"
        );
    }
    let big = " ".repeat(4097);
    assert_eq!(
        read(&big),
        Err(SourceError::TooLarge {
            bytes: 4097,
            limit: 4096
        })
    );
}

#[test]
fn a_million_series_and_a_million_labels_are_refused() {
    let mut body = String::from(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    for i in 0..1_000_000 {
        let _ = write!(
            body,
            r#"{}{{"metric":{{"i":"{i}"}},"value":[1,"1"]}}"#,
            if i > 0 { "," } else { "" }
        );
    }
    body.push_str("]}}");
    assert!(matches!(
        parse(&body),
        Err(SourceError::TooManySeries { limit: 100_000, .. })
    ));
    let mut body = String::from(r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"#);
    for i in 0..1_000_000 {
        let _ = write!(body, r#"{}"l{i}":"""#, if i > 0 { "," } else { "" });
    }
    body.push_str(r#"},"value":[1,"1"]}]}}"#);
    assert!(matches!(
        parse(&body),
        Err(SourceError::LabelsTooLong { limit: 65_536, .. })
    ));
}

/// A sink that takes nothing.
struct Full;
impl Sink for Full {
    type Error = ();
    fn series(&mut self, _: &Labels<'_>, _: &[i64], _: &[f64]) -> Result<(), ()> {
        Err(())
    }
}

#[test]
fn a_sink_that_refuses_stops_the_feeding() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"refuse":"me"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"1"]}]}}"#;
    let mut kept = Kept::default();
    let stopped = prometheus::feed(body.as_bytes(), &SourceLimits::default(), &mut kept);
    assert_eq!(
        stopped,
        Err(FeedError::Sink {
            index: 1,
            error: "no room".to_owned()
        })
    );
    assert_eq!(kept.0.len(), 1);

    let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;
    let stopped = prometheus::feed(scalar, &SourceLimits::default(), &mut Full);
    assert_eq!(stopped, Err(FeedError::Sink { index: 0, error: () }));
}

#[test]
fn a_body_that_is_cut_anywhere_is_an_error() {
    for name in [
        "prom_query_cpu.json",
        "prom_query_range_div_by_zero.json",
        "prom_error_bad_query.json",
    ] {
        let body = body(name);
        let end = body.iter().rposition(|b| *b == b'}').unwrap();
        for cut in 0..=end {
            match parse(&body[..cut]) {
                Err(SourceError::Truncated { .. }) => {}
                Err(SourceError::Empty) if cut == 0 => {}
                other => panic!("{name} cut at {cut}: {other:?}"),
            }
        }
    }
}

/// What a series of an answer looks like to its writer.
fn series() -> impl Strategy<Value = (std::collections::BTreeMap<String, String>, Vec<(i64, f64)>)> {
    let labels = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4);
    let time = prop_oneof![
        -4_000_000_000_000..4_000_000_000_000_i64,
        (-4_000_000_000..4_000_000_000_i64).prop_map(|s| s * 1000)
    ];
    (labels, proptest::collection::vec((time, any::<f64>()), 0..6))
}

proptest! {
    #[test]
    fn what_is_written_is_read(all in proptest::collection::vec(series(), 0..5)) {
        let mut result = Vec::new();
        for (labels, samples) in &all {
            let values: Vec<_> = samples.iter().map(|(t, v)| {
                let sign = if *t < 0 { "-" } else { "" };
                let value = if v.is_nan() { "NaN".to_owned() } else if v.is_infinite() { format!("{}Inf", if *v > 0.0 { "+" } else { "-" }) } else { v.to_string() };
                format!("[{sign}{}.{:03},\"{value}\"]", t.unsigned_abs() / 1000, t.unsigned_abs() % 1000)
            }).collect();
            result.push(format!(r#"{{"metric":{},"values":[{}]}}"#, serde_json::to_string(labels).unwrap(), values.join(",")));
        }
        let body = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#, result.join(","));
        let answer = parse(&body).unwrap();
        prop_assert_eq!(answer.series.len(), all.len());
        for (series, (labels, samples)) in answer.series.iter().zip(&all) {
            let read: Vec<_> = series.labels.iter().collect();
            let written: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(read, written);
            prop_assert_eq!(&series.times, &samples.iter().map(|s| s.0).collect::<Vec<_>>());
            for (value, sample) in series.values.iter().zip(samples) {
                prop_assert!(value.to_bits() == sample.1.to_bits() || value.is_nan() && sample.1.is_nan());
            }
        }
    }

    #[test]
    fn a_damaged_body_never_panics_and_never_feeds_half(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        name in proptest::sample::select(vec!["prom_query_busy.json", "prom_query_range_cpu.json", "prom_error_bad_query.json"]),
    ) {
        let mut body = body(name);
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let read = parse(&body);
        let mut kept = Kept::default();
        let fed = prometheus::feed(&body, &SourceLimits::default(), &mut kept);
        match (read, fed) {
            (Ok(answer), Ok(fed)) => prop_assert_eq!(answer.series.len(), fed.series),
            (Err(a), Err(FeedError::Source(b))) => {
                prop_assert!(!a.to_string().is_empty());
                prop_assert_eq!(a, b);
                prop_assert!(kept.0.is_empty());
            }
            (read, fed) => prop_assert!(false, "{:?} but {:?}", read, fed),
        }
    }
}
