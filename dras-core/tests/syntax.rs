//! The syntax of expressions, seen from outside: what authors are told, hostile texts, limits.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use dras_core::diagnostic::{ALL_CODES, Example};
use dras_core::lang::{Limits, format, format_source, parse, parse_bytes, parse_recovering, same};

/// Runs `work` on a thread with little stack, as a host might have it.
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
