//! The syntax of expressions, seen from outside: what authors are told, hostile texts, limits.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use dras_core::diagnostic::{ALL_CODES, Example};
use dras_core::lang::{Limits, format, format_source, parse, parse_bytes, parse_recovering, same};

/// Runs `work` on a thread with little stack, as a host might have it.
#[allow(clippy::unwrap_used)] // A panic in `work` is the failure of the test.
fn on_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap()
}

/// Limits that stop nothing.
fn unlimited() -> Limits {
    Limits {
        max_bytes: usize::MAX,
        max_depth: usize::MAX,
        max_nodes: usize::MAX,
        ..Limits::default()
    }
}

fn codes_of(source: &str) -> Vec<&'static str> {
    parse(source, &Limits::default()).map_or_else(|e| e.0.iter().map(|d| d.code.id()).collect(), |_| Vec::new())
}

/// `tests/data/syntax/mistakes.txt` is the readable list of mistakes and of what is said about them.
#[test]
fn mistakes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/syntax/mistakes.txt");
    let before = std::fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    let mut skipping = false;
    let mut entries = 0;
    for line in before.lines() {
        if let Some(source) = line.strip_prefix(">>> ") {
            entries += 1;
            let errors = parse(&source.replace("\\n", "\n"), &Limits::default())
                .map(|_| ())
                .unwrap_err();
            write!(now, "{line}\n{errors}\n\n").unwrap();
            skipping = true;
        } else if line.starts_with("# ") {
            skipping = false;
            writeln!(now, "{line}").unwrap();
        } else if !skipping {
            writeln!(now, "{line}").unwrap();
        }
    }
    if std::env::var_os("DRAS_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert!(entries > 100, "the list was not read");
    for (was, is) in before.split(">>> ").zip(now.split(">>> ")) {
        assert_eq!(was, is);
    }
}

/// Every example of the reference that the syntax stage is responsible for yields its code, and only that.
#[test]
fn examples_of_the_catalogue_yield_their_codes() {
    let mut checked = 0;
    for code in ALL_CODES {
        let Example::Expression(source) = code.example() else {
            continue;
        };
        if code.id().starts_with("E01") {
            assert_eq!(codes_of(source), [code.id()], "{source}");
            checked += 1;
        } else {
            // The later stages find what is wrong with these.
            assert_eq!(codes_of(source), [""; 0], "{source}");
        }
    }
    assert!(checked >= 18);
    // Those that are too long to print.
    assert_eq!(codes_of(&" ".repeat(256 * 1024 + 1)), ["E0501"]);
    assert_eq!(codes_of(&"(".repeat(65)), ["E0502"]);
    let small = Limits {
        max_nodes: 4,
        ..Limits::default()
    };
    assert_eq!(parse("1 + 1 + 1", &small).unwrap_err().0[0].code.id(), "E0503");
    assert!(parse("1 + 1", &small).is_ok());
    let refused = parse_bytes(b"cpu > \xff", &Limits::default()).unwrap_err();
    assert_eq!(refused.0[0].code.id(), "E0118");
    assert_eq!(refused.0[0].line_and_column(), Some((1, 7)));
    assert!(parse_bytes(b"cpu > 1", &Limits::default()).is_ok());
}

#[test]
fn limits_are_exact() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("x[", "]"),
        ("-", ""),
        ("!", ""),
        ("a in [", "]"),
        ("a ? ", " : b"),
    ] {
        let nested = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        assert!(parse(&nested(64), &Limits::default()).is_ok(), "{open}");
        assert_eq!(codes_of(&nested(65)), ["E0502"], "{open}");
    }
    let two = Limits {
        max_errors: 2,
        ..Limits::default()
    };
    assert_eq!(parse("(=) + (=) + (=)", &two).unwrap_err().0.len(), 2);
    let none = Limits {
        max_errors: 0,
        ..Limits::default()
    };
    assert_eq!(parse("(=) + (=)", &none).unwrap_err().0.len(), 1);
    assert!(parse("1", &none).is_ok());
}

/// Chains are no nesting: the default limits take tens of thousands of terms, on a small stack.
#[test]
fn long_chains_parse_under_the_default_limits() {
    on_small_stack(|| {
        for (first, next) in [
            ("1", "+1"),
            ("a", " && a"),
            ("a", " ?? a"),
            ("a", "-a"),
            ("a", "||a"),
            ("a", "*2"),
            ("a ? b : c", ""),
            ("x", "[1]"),
        ] {
            let count = if next == "[1]" { 10 } else { 50_000 };
            let text = format!("{first}{}", next.repeat(count - 1));
            let ast = parse(&text, &Limits::default()).unwrap();
            assert!(ast.nodes.len() >= 2 * count - 1 || next.is_empty(), "{next}");
            let again = parse(&format(&ast), &unlimited()).unwrap();
            assert!(same(&ast, &again), "{next}");
        }
        let choices = format!("{}e", "a ? b : ".repeat(10_000));
        let ast = parse(&choices, &Limits::default()).unwrap();
        assert_eq!(format(&ast), choices);
        let list = format!("x in [{}1]", "1, ".repeat(50_000));
        assert_eq!(format_source(&list, &Limits::default()).unwrap(), list);
        let arguments = format!("f({}1)", "1, ".repeat(50_000));
        assert_eq!(format_source(&arguments, &Limits::default()).unwrap(), arguments);
    });
}

/// With limits that stop nothing, depth costs heap and never native stack, in every stage: parsing, printing, comparing, dropping.
#[test]
fn depth_needs_no_stack() {
    on_small_stack(|| {
        for (open, close) in [
            ("(", ")"),
            ("f(", ")"),
            ("x[", "]"),
            ("-", ""),
            ("!", ""),
            ("a in [", "]"),
            ("a ? ", " : b"),
            ("a ? b : ", ""),
            ("x offset (", ")"),
            ("a + (", ")"),
            ("(a + (", ") * 2)"),
        ] {
            let text = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
            let ast = parse(&text, &unlimited()).unwrap();
            let canonical = format(&ast);
            let again = parse(&canonical, &unlimited()).unwrap();
            assert!(same(&ast, &again), "{open}");
            assert_eq!(format(&again), canonical, "{open}");
        }
    });
}

/// What is hostile: refused under the default limits, and under limits that stop nothing it is still answered at once and without stack.
#[test]
fn hostile_texts_are_answered_quickly_on_a_small_stack() {
    on_small_stack(|| {
        let runs = [
            "(",
            ")",
            "[",
            "]",
            ",",
            "?",
            ":",
            "? :",
            "a ? ",
            "a ? b : ",
            "!",
            "-",
            "+",
            "=",
            "&",
            "#",
            "'",
            "\"",
            "`",
            "“",
            "„",
            "{",
            "}",
            "/*",
            "*/",
            "\\",
            "\0",
            "\u{7f}",
            "\u{202e}",
            "é",
            "😀",
            "\n",
            " ",
            "a ",
            "1 ",
            "1 in ",
            "in ",
            "in [",
            "in (",
            "x[",
            "x[,",
            "x[:",
            "f(",
            "f(,",
            "(]",
            "[)",
            "([",
            "a<",
            "a==",
            "a..",
            ".",
            "5min ",
            "1e",
            "1_",
            "1h",
            "'\\",
            "'\\u",
            "r'",
            "'\\ud800",
            "and ",
            "not ",
            "if ",
            "if then else ",
            "between ",
            "x offset ",
            "offset ",
            "null ",
            "x[current ",
            "samples ",
            "a[1 samples ",
            "across marks ",
            "true",
            "9",
            "0.",
            "%",
            "5%",
            "1/s",
            ";",
            "**",
            "@",
            "$",
        ];
        for run in runs {
            for limits in [Limits::default(), unlimited()] {
                for length in [500, 6_000] {
                    let source: Arc<str> = run.repeat(length / run.len()).into();
                    let (ast, errors) = parse_recovering(&source, &limits);
                    assert!(!ast.nodes.is_empty() && errors.0.len() <= limits.max_errors, "{run:?}");
                    // And as the inside of something good.
                    let wrapped: Arc<str> = format!("f(x[5m] > ({source}), 3)").into();
                    let (_, errors) = parse_recovering(&wrapped, &limits);
                    assert!(errors.0.iter().all(|d| d.span.end as usize <= wrapped.len()), "{run:?}");
                    assert!(errors.0.first().is_none_or(|d| d.to_string().len() < 2_000), "{run:?}");
                }
            }
        }
    });
}

#[test]
fn very_long_texts_are_refused_before_they_are_read() {
    let long = "a".repeat(10 << 20);
    assert_eq!(codes_of(&long), ["E0501"]);
    assert_eq!(codes_of(&"!".repeat(1_000_000)), ["E0501"]);
    assert_eq!(codes_of(&"(".repeat(100_000)), ["E0502"]);
    let (ast, errors) = parse_recovering(&Arc::from("x".repeat(300_000)), &Limits::default());
    assert_eq!((ast.nodes.len(), errors.0.len()), (1, 1));
    on_small_stack(|| {
        let nots = format!("{}x", "!".repeat(1_000_000));
        let ast = parse(&nots, &unlimited()).unwrap();
        assert_eq!(format(&ast), nots);
        let numbers = "7".repeat(10 << 20);
        assert_eq!(parse(&numbers, &unlimited()).unwrap_err().0[0].code.id(), "E0106");
    });
}
