//! The readable list of mistakes of names, types, units and windows, and of what is said about each.

use std::fmt::Write as _;
use std::path::Path;

use super::reference::diagnostics_of;
use crate::diagnostic::Severity;

/// `tests/data/language/mistakes.txt` is the list; `DRAS_UPDATE_SNAPSHOTS=1` writes it anew, to be read before it is committed.
#[test]
fn what_is_said_about_mistakes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/language/mistakes.txt");
    let before = std::fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    let (mut entries, mut skipping) = (0, false);
    for line in before.lines() {
        if let Some(source) = line.strip_prefix(">>> ") {
            entries += 1;
            let found = diagnostics_of(source);
            assert!(!found.0.is_empty(), "nothing is said about `{source}`");
            for diagnostic in &found.0 {
                assert!(diagnostic.source.is_some(), "{diagnostic}");
                assert!(!diagnostic.offending().is_empty(), "{diagnostic}");
                assert!(
                    !diagnostic.message.ends_with('.') && !diagnostic.message.contains('\n'),
                    "{diagnostic}"
                );
                let is_error = diagnostic.severity() == Severity::Error;
                assert!(
                    !is_error || diagnostic.help.is_some(),
                    "what is to be done? {diagnostic}"
                );
            }
            write!(now, "{line}\n{found}\n\n").unwrap();
            skipping = true;
        } else if line.starts_with('#') && !line.starts_with("#[") {
            skipping = false;
            writeln!(now, "{line}").unwrap();
        } else if !skipping {
            writeln!(now, "{line}").unwrap();
        }
    }
    if std::env::var_os("DRAS_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert!(entries > 150, "the list was not read");
    for (was, is) in before.split(">>> ").zip(now.split(">>> ")) {
        assert_eq!(was, is);
    }
}
