//! Hostile and very large expressions: compiled, evaluated, explained, formatted and dropped on a thread with little stack.
//!
//! Nothing here measures time; what would be quadratic is so large that it would not finish.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use dras_core::diagnostic::Diagnostics;
use dras_core::lang::{Column, Expression, Limits, Scope, Truth, Type, Value, format, parse};
use dras_core::metrics::{Across, Catalogue, Kind, MetricSpec, Per, Scratch, WindowSettings, Windows};
use dras_core::undefined::Undefined;
use dras_core::units::Unit;

/// Runs `work` on a thread with little stack, as a host might have it.
fn on_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap();
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Limits a hundred times as large as the default ones.
fn raised() -> Limits {
    let usual = Limits::default();
    Limits {
        max_bytes: usual.max_bytes * 100,
        max_depth: usual.max_depth * 100,
        max_nodes: usual.max_nodes * 100,
        max_regex_bytes: usual.max_regex_bytes,
        max_regexes_bytes: usual.max_regexes_bytes * 100,
        max_aggregates: usual.max_aggregates * 100,
        max_errors: usual.max_errors,
    }
}

fn scope() -> Scope {
    let metric = |name: &str, unit: &str, kind: Kind, per: Per| MetricSpec {
        unit: unit.parse().unwrap(),
        kind,
        per,
        across: Across::Avg,
        ..MetricSpec::new(name)
    };
    let catalogue = Catalogue::new(vec![
        metric("cpu", "ratio", Kind::Gauge, Per::TaskManager),
        metric("heap_used", "bytes", Kind::Gauge, Per::TaskManager),
        metric("exceptions", "number", Kind::Event, Per::Task),
    ])
    .unwrap();
    let mut scope = Scope::with_metrics(catalogue);
    for name in ["x", "y"] {
        scope.number(name, Unit::NUMBER).unwrap();
    }
    scope.number("lag", Unit::SECONDS).unwrap();
    for name in ["a", "b", "c"] {
        scope.variable(name, Type::Bool).unwrap();
    }
    scope.variable("task_type", Type::Text).unwrap();
    scope
}

/// What an expression comes to when `x` is 2, `a` is true, `task_type` is `a7` and nothing else is there.
fn run(source: &str, limits: &Limits) -> Result<Value<'static>, Diagnostics> {
    let scope = scope();
    let expression = Expression::compile(source, &scope, limits)?;
    let id = |name: &str| scope.find_variable(name).unwrap();
    let mut row = expression.row();
    row.set_number(id("x"), 2.0);
    row.set_bool(id("a"), true);
    row.set_text(id("task_type"), "a7");
    let value = expression.evaluate(&mut row).into_owned();
    let explanation = expression.explain(&row);
    assert_eq!(Some(value.undefined()), explanation.value().map(Value::undefined));
    assert_eq!(Some(value.as_number()), explanation.value().map(Value::as_number));
    assert!(!explanation.lines().is_empty() || value.undefined().is_none());
    assert!(serde_json::to_string(&explanation).is_ok());
    let canonical = format(&parse(source, limits).unwrap());
    if canonical.len() < 1 << 16 {
        assert_eq!(format(&parse(&canonical, limits).unwrap()), canonical);
    }
    Ok(value)
}

fn run_large(source: String) -> Value<'static> {
    on_small_stack(move || run(&source, &raised()).unwrap_or_else(|found| panic!("{found}")))
}

fn codes(source: &str, limits: &Limits) -> Vec<&'static str> {
    match run(source, limits) {
        Ok(_) => Vec::new(),
        Err(found) => found.0.iter().map(|d| d.code.id()).collect(),
    }
}

fn joined(count: usize, separator: &str, term: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for index in 0..count {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(&term(index));
    }
    text
}

const MANY: usize = 50_000;
const SOME: usize = 10_000;

/// As deep as the raised limits allow.
const DEEP: usize = 6399;

#[test]
fn long_sums() {
    assert_eq!(run_large(joined(MANY, "+", |_| "1".into())), Value::Number(50_000.0));
    assert_eq!(run_large(joined(MANY, " + ", |_| "x".into())), Value::Number(100_000.0));
    assert_eq!(
        run_large(joined(SOME, " + ", |i| format!("x * {i}"))),
        Value::Number(9_999.0 * 10_000.0)
    );
    assert_eq!(
        run_large(joined(SOME, " - ", |i| format!("{i} % x"))),
        Value::Number(-5_000.0)
    );
    assert_eq!(
        run_large(joined(SOME, " / ", |_| "x / y".into())).undefined(),
        Some(Undefined::NoAttribute)
    );
}

#[test]
fn long_conditions() {
    assert_eq!(run_large(joined(MANY, " && ", |_| "a".into())), Value::Bool(true));
    assert_eq!(
        run_large(joined(SOME, " || ", |i| if i % 2 == 0 {
            "b".into()
        } else {
            format!("x > {}", i + 2)
        }))
        .undefined(),
        Some(Undefined::NoAttribute)
    );
    // All comparisons differ.
    assert_eq!(
        run_large(joined(SOME, " || ", |i| format!("x > {i} && a"))),
        Value::Bool(true)
    );
    assert_eq!(
        run_large(joined(SOME, " && ", |i| format!("x + {i} > {i}"))),
        Value::Bool(true)
    );
    assert_eq!(
        run_large(joined(SOME, " && ", |i| format!("(x > {i} || x - {i} <= 0)"))),
        Value::Bool(true)
    );
    // Comparisons of comparisons cannot be chained without brackets, but with them.
    assert_eq!(
        run_large("(".repeat(DEEP) + "a" + &" == a)".repeat(DEEP)),
        Value::Bool(true)
    );
}

#[test]
fn long_fallbacks_and_choices() {
    assert_eq!(
        run_large(joined(MANY, " ?? ", |_| "y".into()) + " ?? x"),
        Value::Number(2.0)
    );
    assert_eq!(
        run_large(joined(SOME, " ?? ", |i| format!("y + {i}")) + " ?? x"),
        Value::Number(2.0)
    );
    assert_eq!(
        run_large(joined(SOME, " : ", |i| format!("x > {} ? {i}", i + 2)) + " : -1"),
        Value::Number(-1.0)
    );
    assert_eq!(
        run_large(joined(SOME, " : ", |i| format!("b ? {i}")) + " : -1").undefined(),
        Some(Undefined::NoAttribute)
    );
    // Choices of choices: one stage of the program each.
    let nested = "(".repeat(1000) + "x" + &joined(1000, "", |i| format!(" > {i} ? x : 1)"));
    assert_eq!(run_large(nested), Value::Number(1.0));
    assert_eq!(
        run_large("(a ? ".repeat(DEEP / 2) + "x" + &" : 1)".repeat(DEEP / 2)),
        Value::Number(2.0)
    );
}

#[test]
fn long_calls_and_lists() {
    assert_eq!(
        run_large(format!("min({})", joined(SOME, ", ", |_| "x".into()))),
        Value::Number(2.0)
    );
    assert_eq!(
        run_large(format!("max({})", joined(SOME, ", ", |i| format!("x + {i}")))),
        Value::Number(10_001.0)
    );
    assert_eq!(
        run_large(format!("x in [{}]", joined(SOME, ", ", |i| i.to_string()))),
        Value::Bool(true)
    );
    assert_eq!(
        run_large(format!("y in [{}]", joined(SOME, ", ", |i| i.to_string()))).undefined(),
        Some(Undefined::NoAttribute)
    );
    assert_eq!(
        run_large(format!("task_type in [{}]", joined(SOME, ", ", |i| format!("'a{i}'")))),
        Value::Bool(true)
    );
}

#[test]
fn many_tests_of_texts() {
    assert_eq!(
        run_large(joined(SOME, " || ", |i| format!("task_type == 'b{i}'"))),
        Value::Bool(false)
    );
    assert_eq!(
        run_large(joined(SOME, " && ", |i| format!("!contains(task_type, 'b{i}')"))),
        Value::Bool(true)
    );
    // Only the exact evaluator knows these.
    assert_eq!(
        run_large(joined(SOME, " || ", |i| format!("lower(task_type) == 'b{i}'"))),
        Value::Bool(false)
    );
    assert_eq!(
        run_large(joined(SOME, " + ", |i| format!("index_of(task_type, 'b{i}')"))),
        Value::Number(-10_000.0)
    );
    assert_eq!(
        run_large("lower(".repeat(DEEP) + "task_type" + &")".repeat(DEEP) + " == 'a7'"),
        Value::Bool(true)
    );
}

#[test]
fn regular_expressions_are_bounded_together() {
    on_small_stack(|| {
        // One pattern ten thousand times is compiled once.
        let same = joined(SOME, " || ", |_| r"task_type =~ '^b[0-9]+$'".into());
        assert_eq!(run(&same, &raised()).map_err(|e| e.to_string()), Ok(Value::Bool(false)));
        let different = joined(SOME, " || ", |i| format!("task_type =~ '^b{i}.$'"));
        let found = codes(&different, &raised_but_regexes(8 << 20));
        assert!(!found.is_empty() && found.iter().all(|c| *c == "E0504"), "{found:?}");
        for bomb in [
            "a{1000}{1000}{1000}",
            r"(\\w{1000}){1000}",
            "((a*)*)*{5000}",
            r"\\pL{900}{900}",
        ] {
            assert_eq!(
                codes(&format!("task_type =~ '{bomb}'"), &Limits::default()),
                ["E0504"],
                "{bomb}"
            );
        }
        // Nested deeply: refused by the parser of patterns, not by the stack.
        let deep = format!("task_type =~ '{}a{}'", "(".repeat(10_000), ")".repeat(10_000));
        assert_eq!(codes(&deep, &raised()), ["E0307"]);
        assert_eq!(
            codes(&format!("task_type =~ '{}'", "ab|".repeat(100_000)), &raised()),
            ["E0504"]
        );
    });
}

fn raised_but_regexes(max_regexes_bytes: usize) -> Limits {
    Limits {
        max_regexes_bytes,
        ..raised()
    }
}

#[test]
fn many_windows() {
    on_small_stack(|| {
        let scope = scope();
        let sources = [
            joined(4000, " + ", |i| format!("avg(cpu[{}s])", i + 60)),
            joined(2000, " + ", |i| {
                format!("avg(cpu[5m]) + avg(cpu[5m] offset {}s)", i + 1)
            }),
            joined(4000, " + ", |i| format!("count(cpu[5m] > x * {i})")),
            joined(4000, " + ", |i| format!("max(cpu * {i} + x)")),
            format!("max({})", joined(4000, " + ", |i| format!("avg(cpu[{}s])", i + 60))),
            format!("max({})", joined(4000, " + ", |i| format!("count(cpu[5m] > x * {i})"))),
            joined(4000, " + ", |i| format!("count(exceptions[10m] =~ 'a{i}')")),
        ];
        for source in sources {
            let expression = Expression::compile(&source, &scope, &raised()).unwrap();
            let plan = expression.plan(WindowSettings::default()).unwrap();
            let mut windows = Windows::new(&plan);
            let now = 1_800_000_000_000;
            let instance = windows.instance(&plan, "tm-1").unwrap();
            let cpu = plan.catalogue().id("cpu").unwrap();
            for step in 0..40 {
                windows
                    .row(&plan, now, instance, now - 600_000 + step * 15_000, &[(cpu, 0.5)])
                    .unwrap();
            }
            let mut row = expression.row();
            row.set_number(scope.find_variable("x").unwrap(), 2.0);
            expression.look(&plan, &windows, now, Some(1), &mut row, &mut Scratch::new());
            let value = expression.evaluate(&mut row).into_owned();
            let explained = expression.explain(&row);
            assert_eq!(Some(&value), explained.value());
        }
        // Beyond the limit there is one error, however many windows.
        let many = joined(5000, " + ", |i| format!("avg(cpu[{}s])", i + 60));
        let found = Expression::compile(&many, &scope, &Limits::default()).unwrap_err();
        assert_eq!(found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>(), ["E0505"]);
        assert_eq!(found.0[0].offending(), "avg(cpu[4156s])");
        // The same window again and again is one.
        let same = joined(5000, " + ", |_| "avg(cpu[5m])".into());
        assert!(Expression::compile(&same, &scope, &Limits::default()).is_ok());
    });
}

#[test]
fn columns_of_a_very_large_program_stay_small() {
    on_small_stack(|| {
        let mut scope = Scope::new();
        let x = scope.number("x", Unit::NUMBER).unwrap();
        let source = joined(10_000, " && ", |i| format!("x * {i} >= {i}"));
        let expression = Expression::compile(&source, &scope, &raised()).unwrap();
        let values: Vec<f64> = (0..100)
            .map(|i| if i == 50 { f64::NAN } else { f64::from(i % 3) })
            .collect();
        let mut truths = vec![Truth::Undefined; values.len()];
        expression
            .conditions(
                &[Column {
                    variable: x,
                    values: &values,
                }],
                &mut truths,
            )
            .unwrap();
        for (value, truth) in values.iter().zip(truths) {
            let wanted = if value.is_nan() {
                Truth::Undefined
            } else if *value >= 1.0 {
                Truth::True
            } else {
                Truth::False
            };
            assert_eq!(truth, wanted, "{value}");
        }
    });
}

#[test]
fn deep_nesting_is_refused_or_worked_on_but_never_recursed_into() {
    for (open, inner, close) in [
        ("(", "x", ")"),
        ("abs(", "x", ")"),
        ("min(x, ", "x", ")"),
        ("-", "x", ""),
        ("!", "a", ""),
        ("(x + ", "x", ")"),
        ("(x ?? ", "x", ")"),
        ("(a && ", "a", ")"),
        ("(a ? x : ", "x", ")"),
        ("if_defined(y, ", "x", ")"),
    ] {
        let text = |depth: usize| open.repeat(depth) + inner + &close.repeat(depth);
        let value = run_large(text(DEEP));
        assert!(value.undefined().is_none(), "{open}");
        // The default limits, and far more than the raised ones.
        on_small_stack({
            let (few, many) = (text(100), text(DEEP + 2));
            move || {
                assert_eq!(codes(&few, &Limits::default()), ["E0502"]);
                assert_eq!(codes(&many, &raised()), ["E0502"]);
            }
        });
    }
    on_small_stack(|| {
        for text in [
            "[",
            "]",
            "x[",
            "[5m]",
            "x in [",
            "? :",
            "cpu offset ",
            "x ? ",
            "max(",
            "{",
            "x ? (",
            ") : (",
        ] {
            assert!(!codes(&text.repeat(20_000), &raised()).is_empty(), "{text}");
        }
    });
}

#[test]
fn ten_megabytes_of_anything_are_refused_by_default_and_survived_otherwise() {
    on_small_stack(|| {
        let scope = scope();
        for text in [
            "x+", "(", "!", "'", "x ", "\0", "\u{feff}", "é", "1e", "a.", "[", "\"\\", ",", "max(",
        ] {
            let large = text.repeat((10 << 20) / text.len());
            let found = Expression::compile(&large, &scope, &Limits::default()).unwrap_err();
            assert_eq!(found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>(), ["E0501"]);
            // Here less is enough, so that the test does not take minutes without optimisation.
            let large = text.repeat((128 << 10) / text.len());
            let found = Expression::compile(&large, &scope, &raised()).unwrap_err();
            assert!((1..=Limits::default().max_errors).contains(&found.0.len()));
            // What is said about it is short, whatever it is about.
            assert!(
                found
                    .0
                    .iter()
                    .all(|d| d.message.len() < 2000 && d.help.as_ref().is_none_or(|h| h.len() < 2000))
            );
            assert!(serde_json::to_string(&found).unwrap().len() < 1 << 20);
        }
    });
}

#[test]
fn mistakes_are_counted_and_then_no_more_looked_for() {
    on_small_stack(|| {
        let scope = scope();
        for source in [
            joined(5000, " + ", |i| format!("unknown_{i}")),
            joined(5000, " + ", |i| format!("unknown_{i}(x)")),
            joined(5000, " + ", |i| format!("(cpu[5m] > {i} ? 1 : 2)")),
            joined(5000, " || ", |i| format!("lag > {i}")),
            joined(5000, " || ", |i| format!("x > 'a{i}'")),
            joined(5000, " || ", |i| format!("task_type =~ '({i}'")),
            format!("max({})", joined(5000, ", ", |_| "a".into())),
        ] {
            let found = Expression::compile(&source, &scope, &raised()).unwrap_err();
            assert_eq!(found.0.len(), Limits::default().max_errors, "{}", &source[..40]);
            let found = Expression::compile(
                &source,
                &scope,
                &Limits {
                    max_errors: 0,
                    ..raised()
                },
            )
            .unwrap_err();
            assert_eq!(found.0.len(), 1);
        }
        // Warnings, too; they do not hide errors.
        let odd = joined(4000, " && ", |i| format!("avg(cpu[{}ms]) > 0", i + 1));
        let warned = Expression::compile(&odd, &scope, &raised()).unwrap();
        assert_eq!(warned.warnings().0.len(), Limits::default().max_errors);
        let found = Expression::compile(&(odd + " && unknown"), &scope, &raised()).unwrap_err();
        assert_eq!(found.errors().count(), 1);
    });
}

#[test]
fn bytes_that_are_no_text_and_texts_that_are_no_characters() {
    let scope = scope();
    let bytes = |source: &[u8]| match Expression::compile_bytes(source, &scope, &Limits::default()) {
        Ok(_) => Vec::new(),
        Err(found) => found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>(),
    };
    assert_eq!(bytes(b"x > 1"), [""; 0]);
    assert_eq!(bytes(b"x > \xff1"), ["E0118"]);
    assert_eq!(bytes(b"task_type == '\xed\xa0\x80'"), ["E0118"]);
    assert_eq!(bytes(&vec![0xff; 300_000]), ["E0501"]);
    // Bytes that are text are checked like text: syntax, names, types.
    assert_eq!(bytes(b"xx > 1 && lag > 3"), ["E0201", "E0303"]);
    assert_eq!(bytes(b"xx > 1 and a"), ["E0201", "E0108"]);
    for surrogate in [r"'\ud800'", r"'\udfff\ud800'", r"'\u{d800}'", r"'\u{110000}'"] {
        let found = bytes(format!("task_type == {surrogate}").as_bytes());
        assert_eq!(found, ["E0111"], "{surrogate}");
    }
    assert_eq!(bytes(br"task_type == '\ud83d\ude00'"), [""; 0]);
    assert!(!bytes(b"x > 1\0").is_empty());
    assert!(!bytes(b"\0").is_empty());
    assert_eq!(bytes(br"task_type == 'a\0b'"), [""; 0]);
    assert_eq!(bytes(b""), ["E0114"]);
}

#[test]
fn a_row_of_one_expression_can_be_used_again_and_again() {
    let scope = scope();
    let mut text = String::new();
    for i in 0..70 {
        write!(
            text,
            "{}(x > {i} || x < -{i} ? task_type == 'a{i}' : !a)",
            if i == 0 { "" } else { " || " }
        )
        .unwrap();
    }
    let expression = Expression::compile(&text, &scope, &Limits::default()).unwrap();
    let id = |name: &str| scope.find_variable(name).unwrap();
    let mut row = expression.row();
    for round in 0..100 {
        let number = f64::from(round % 80);
        row.set_number(id("x"), number);
        row.set_bool(id("a"), round % 2 == 0);
        if round % 7 == 0 {
            row.set_undefined(id("task_type"), Undefined::NoAttribute);
        } else {
            row.set_text(id("task_type"), "a7");
        }
        let mut fresh = expression.row();
        fresh.set_number(id("x"), number);
        fresh.set_bool(id("a"), round % 2 == 0);
        if round % 7 != 0 {
            fresh.set_text(id("task_type"), "a7");
        }
        assert_eq!(
            expression.evaluate(&mut row),
            expression.evaluate(&mut fresh),
            "round {round}"
        );
    }
}
