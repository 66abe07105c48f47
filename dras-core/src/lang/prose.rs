//! Tests of what the language page says in its own words: every expression on it is compiled and evaluated.

use regex::Regex;

use super::reference::{explanation_of, value_of};
use super::{Limits, format_source, parse};
use crate::undefined::Undefined;

const PAGE: &str = include_str!("../../../docs/language.md");
const WINDOWS: &str = include_str!("../../../docs/windows.md");

/// What an expression comes to: a value, why it is undefined, or the codes of its errors.
fn outcome(source: &str) -> String {
    match value_of(source) {
        Ok(value) => value,
        Err(found) => found.errors().map(|d| d.code.id()).collect::<Vec<_>>().join(" "),
    }
}

/// The contents of the fenced blocks with this info string.
fn blocks<'p>(page: &'p str, info: &str) -> Vec<&'p str> {
    let opening = format!("\n```{info}\n");
    page.split(&opening)
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

/// The page without its fenced blocks and without what is generated.
fn prose(page: &str) -> String {
    let (head, rest) = page.split_once("<!-- functions: generated").unwrap_or((page, ""));
    let tail = rest.split_once("<!-- end of functions -->").map_or("", |r| r.1);
    let mut text = String::new();
    let mut inside = false;
    for line in head.lines().chain(tail.lines()) {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    // A bar in a table is escaped.
    text.replace("\\|", "|")
}

#[test]
fn every_line_of_a_block_comes_to_what_it_says() {
    let mut wrong = Vec::new();
    let blocks = blocks(PAGE, "dras");
    assert!(blocks.len() > 10);
    for line in blocks.iter().flat_map(|b| b.lines()) {
        let (source, expected) = line.split_once(" → ").unwrap_or_else(|| panic!("no result: {line}"));
        let got = outcome(source);
        if got != expected {
            wrong.push(format!("{source} → {got}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_result_in_the_text_is_right() {
    let pair = Regex::new(
        r"`([^`]+)` → ('[^']*'|undefined: [^|\n]*[^| \n]|true|false|-?\d[\dA-Za-z]*(?:\.\d+[A-Za-z]*)?(?:/s)?)",
    )
    .unwrap();
    let text = prose(PAGE);
    let mut found = 0;
    for pair in pair.captures_iter(&text) {
        assert_eq!(outcome(&pair[1]), pair[2], "{}", &pair[1]);
        found += 1;
    }
    assert!(found > 25);
    assert_eq!(
        found,
        text.matches("` → ").count(),
        "a result that this test does not read"
    );
}

/// Code in the text that is no expression of the example task: words and signs of the language, parts of documents, other languages.
const NO_EXPRESSIONS: &[&str] = &[
    // Words of the text.
    "when",
    "then",
    "across",
    "avg",
    "max",
    "min",
    "sum",
    "count",
    "changes",
    "resets",
    "share",
    "coverage",
    "age",
    "all",
    "any",
    "rate",
    "increase",
    "delta",
    "slope",
    "last",
    "lower",
    "upper",
    "clamp",
    "defined",
    "if_defined",
    "tm-1",
    "tm-2",
    "regex",
    "T",
    "Limits",
    "max_bytes",
    "max_depth",
    "max_nodes",
    "max_regex_bytes",
    "max_errors",
    "heap.used",
    "(T − 5m, T]",
    "rate_prom",
    "java.lang.OutOfMemoryError: Java heap space",
    // Signs.
    "+",
    "-",
    "*",
    "/",
    "%",
    "?:",
    "??",
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "=~",
    "!~",
    "^",
    "$",
    "/s",
    "_",
    "m",
    "M",
    "ms",
    "MiB",
    "in",
    "offset",
    "samples",
    "current",
    "previous",
    "marks",
    "c ? a : b",
    "a ?? b",
    "a || b",
    "a && b",
    "-x",
    "!x",
    "x[5m]",
    "x offset 1d",
    "a",
    "b",
    "c",
    "a + b + c",
    r"\\",
    r"\'",
    r#"\""#,
    r"\n",
    r"\r",
    r"\t",
    r"\0",
    r"\x41",
    r"\u00e9",
    r"\u{1f600}",
    // What is refused.
    "and",
    "or",
    "not",
    "if",
    "else",
    "null",
    "nil",
    "none",
    "undefined",
    "nan",
    "inf",
    "infinity",
    "unless",
    "heap_used > 1000",
    "max(parallelism)",
    // A range is no value.
    "cpu[5m]",
    "cpu[20 samples]",
    "cpu[20 samples in 10m]",
    "cpu[current 1h]",
    "cpu[previous 1d]",
    "cpu[5m] offset 1d",
    "heap_used[7d across marks]",
    // Other languages.
    "avg_over_time(cpu[5m])",
    "avg by (…) (cpu)",
    "300",
    "has(x)",
    r#"duration("5m")"#,
    "matches(text, pattern)",
    "text + text",
    "false && 32",
    "x < limit",
    "string.contains(a, b)",
    "math.round(x)",
];

#[test]
fn every_code_in_the_text_is_an_expression_or_listed() {
    let span = Regex::new("`([^`]+)`").unwrap();
    let text = prose(PAGE);
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for span in span.captures_iter(&text) {
        let code = span[1].to_owned();
        if !NO_EXPRESSIONS.contains(&&*code) && value_of(&code).is_err() {
            wrong.push(code.clone());
        }
        seen.push(code);
    }
    assert!(
        wrong.is_empty(),
        "neither an expression of the example task nor listed: {wrong:#?}"
    );
    let gone: Vec<_> = NO_EXPRESSIONS
        .iter()
        .filter(|n| !seen.iter().any(|s| s == *n))
        .collect();
    assert!(gone.is_empty(), "listed, but not on the page: {gone:?}");
}

#[test]
fn the_truth_table_is_true() {
    let rows = PAGE
        .lines()
        .skip_while(|l| *l != r"| `a` | `b` | `a && b` | `a \|\| b` |")
        .skip(2);
    let rows: Vec<Vec<&str>> = rows
        .take_while(|l| l.starts_with('|'))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 6);
    // `parallelism` is 4, so that nothing is folded away.
    let written = |value: &str| match value {
        "true" => "parallelism == 4",
        "false" => "parallelism == 5",
        _ => "max_gap_seen > 1",
    };
    let truth = |source: String| outcome(&source).split(':').next().unwrap().to_owned();
    for row in rows {
        for (a, b) in [(row[0], row[1]), (row[1], row[0])] {
            let (a, b) = (written(a), written(b));
            assert_eq!(truth(format!("{a} && {b}")), row[2], "{a} && {b}");
            assert_eq!(truth(format!("{a} || {b}")), row[3], "{a} || {b}");
        }
    }
    assert_eq!(truth("!(max_gap_seen > 1)".to_owned()), "undefined");
}

#[test]
fn formatting_and_explaining_are_as_shown() {
    let shown = blocks(PAGE, "dras format");
    let (before, after) = shown[0].split_once('\n').unwrap();
    assert_eq!(format_source(before, &Limits::default()).unwrap(), after);
    assert_eq!(format_source(after, &Limits::default()).unwrap(), after);

    let shown = blocks(PAGE, "dras explain");
    let (source, text) = shown[0].split_once("\n\n").unwrap();
    assert_eq!(explanation_of(source).unwrap().to_string(), text);
}

#[test]
fn the_limits_are_as_shown() {
    let limits = Limits::default();
    for (name, value, shown) in [
        ("max_bytes", limits.max_bytes, "256 KiB"),
        ("max_depth", limits.max_depth, "64"),
        ("max_nodes", limits.max_nodes, "262,144"),
        ("max_regex_bytes", limits.max_regex_bytes, "1 MiB"),
        ("max_errors", limits.max_errors, "32"),
    ] {
        assert!(PAGE.contains(&format!("| `{name}` | {shown} |")), "{name}");
        let plain = shown
            .replace(',', "")
            .replace(" KiB", "*1024")
            .replace(" MiB", "*1048576");
        let product: usize = plain.split('*').map(|n| n.parse::<usize>().unwrap()).product();
        assert_eq!(product, value, "{name}");
    }
}

#[test]
fn the_windows_page_is_in_the_language_and_its_reasons_are_the_language_s() {
    let span = Regex::new(r"`([a-z_]+\([^`]*\)|[a-z_]+\[[^`]*\][^`]*)`").unwrap();
    let text = prose(WINDOWS);
    let mut found = 0;
    for span in span.captures_iter(&text) {
        parse(&span[1], &Limits::default()).unwrap_or_else(|d| panic!("{d}"));
        found += 1;
    }
    assert!(found > 15);
    for reason in [
        Undefined::WarmingUp { left: 20_000 },
        Undefined::Coverage {
            have: 8,
            expected: 20,
            covered: 350,
            required: 800,
        },
        Undefined::NoSample,
        Undefined::NoInstance,
        Undefined::Stale {
            age: 75_000,
            limit: 60_000,
        },
        Undefined::Instances { have: 3, expected: 4 },
        Undefined::NotObserved,
        Undefined::TooFewSamples { have: 12, need: 20 },
    ] {
        assert!(WINDOWS.contains(&reason.to_string()), "{reason}");
    }
}
