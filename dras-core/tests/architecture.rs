//! Imports between the stages of `dras-core` only look down.
//!
//! | floor | stages | may import |
//! | --- | --- | --- |
//! | 4 | `backtest` | everything below |
//! | 3 | `engine` | everything below |
//! | 2 | `lang`, `action` | floors 1 and 0 |
//! | 1 | `metrics`, `resources`, `rules` | floor 0 |
//! | 0 | `units`, `diagnostic`, `undefined`, `names`, `literal`, `calendar`, `fingerprint`, `snapshot` | nothing, except that `undefined`, `names`, `literal` and `calendar` may import `units`, and `calendar` also `literal`, `diagnostic` and `fingerprint` |
//!
//! Stages on one floor do not know each other. `lib.rs` belongs to no floor: it names them all. A stage must be imported by its own name
//! (`crate::lang::Ast`), never through a re-export of the crate's root, which would hide where the arrow goes. Code inside
//! `#[cfg(test)]` follows the same rule: a test stands beside the stage it tests, and tests of several stages belong in `tests/`.
//!
//! If a change needs an arrow that this test refuses, the design of the change is wrong, or the table is; say which before you edit it.

#![expect(clippy::unwrap_used, reason = "a source that cannot be read must fail the test")]

use std::collections::BTreeSet;
use std::path::Path;

const FLOORS: &[&[&str]] = &[
    &[
        "units",
        "diagnostic",
        "undefined",
        "names",
        "literal",
        "calendar",
        "fingerprint",
        "snapshot",
    ],
    &["metrics", "resources", "rules"],
    &["lang", "action"],
    &["engine"],
    &["backtest"],
];

/// The arrows that are allowed between stages of one floor: (from, to).
///
/// Documents declare metrics and resources, so `rules` speaks of the types of both; neither knows a document. Texts of the calendar hold
/// durations, and a wrong name of a time zone gets the suggestion that other wrong names get.
const BESIDE: &[(&str, &str)] = &[
    ("undefined", "units"),
    ("names", "units"),
    ("literal", "units"),
    ("calendar", "units"),
    ("calendar", "literal"),
    ("calendar", "fingerprint"),
    ("calendar", "diagnostic"),
    ("rules", "metrics"),
    ("rules", "resources"),
];

fn floor(stage: &str) -> Option<usize> {
    FLOORS.iter().position(|stages| stages.contains(&stage))
}

/// Why `from` must not import `to`, or `None` where it may.
fn objection(from: &str, to: &str) -> Option<String> {
    if from == to || BESIDE.contains(&(from, to)) {
        return None;
    }
    let Some(own) = floor(from) else {
        return Some(format!(
            "`{from}` has no floor: add it to the table in tests/architecture.rs"
        ));
    };
    match floor(to) {
        None => Some(format!(
            "`crate::{to}` names no stage: import from the stage that owns it, or give `{to}` a floor"
        )),
        Some(other) if other > own => Some(format!(
            "`{from}` (floor {own}) imports from `{to}` (floor {other}) above it"
        )),
        Some(other) if other == own => Some(format!("`{from}` imports from `{to}` beside it on floor {own}")),
        Some(_) => None,
    }
}

/// A piece of source text with its line.
#[derive(Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

/// The identifiers and punctuation of `source`, without comments, texts and character literals; `::` is one token.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                while i < chars.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => i = after_text(&chars, i),
            // A character literal, not a lifetime: 'x' or '\…'.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            ':' if at(i + 1) == ':' => {
                found.push(Token {
                    text: "::".to_owned(),
                    line,
                });
                i += 2;
            }
            c if is_name(c) => {
                while is_name(at(i)) {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr") && matches!(at(i), '"' | '#');
                let hashes = chars[i..].iter().take_while(|&&c| c == '#').count();
                if raw && at(i + hashes) == '"' {
                    i = after_raw_text(&chars, i + hashes + 1, hashes);
                } else if raw && word == "r" && is_name(at(i + 1)) {
                    // A raw identifier, r#type: the name follows as the next token.
                    i += 1;
                } else {
                    found.push(Token { text: word, line });
                }
            }
            c if c.is_whitespace() => i += 1,
            c => {
                found.push(Token {
                    text: c.to_string(),
                    line,
                });
                i += 1;
            }
        }
        line += chars[start..i.min(chars.len())].iter().filter(|&&c| c == '\n').count();
    }
    found
}

/// The index after the text literal whose opening quote is at `i`.
fn after_text(chars: &[char], mut i: usize) -> usize {
    i += 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The index after the raw text literal whose content starts at `i`.
fn after_raw_text(chars: &[char], mut i: usize, hashes: usize) -> usize {
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

/// The paths from the crate's root that `source` mentions, in `use` declarations and elsewhere, with their lines. `module` is the path of
/// the file's own module, e.g. `["lang", "ast"]`.
fn paths(module: &[&str], source: &str) -> Vec<(Vec<String>, usize)> {
    let tokens = tokens(source);
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let mut inside: Vec<String> = module.iter().map(|&m| m.to_owned()).collect();
    // For each open brace, whether it opened an inline module.
    let mut braces = Vec::new();
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match text(i) {
            "mod" if text(i + 2) == "{" => {
                inside.push(text(i + 1).to_owned());
                braces.push(true);
                i += 3;
            }
            "{" => {
                braces.push(false);
                i += 1;
            }
            "}" => {
                if braces.pop() == Some(true) {
                    inside.pop();
                }
                i += 1;
            }
            "crate" | "super" | "self" if text(i + 1) == "::" && (i == 0 || text(i - 1) != "::") => {
                i = path(&tokens, i, inside.clone(), &mut found);
            }
            _ => i += 1,
        }
    }
    found
}

/// Reads one path or tree of paths that starts at `i`; returns the index after it.
fn path(tokens: &[Token], mut i: usize, mut base: Vec<String>, found: &mut Vec<(Vec<String>, usize)>) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let line = tokens.get(i).map_or(0, |t| t.line);
    loop {
        match text(i) {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            "{" => {
                i += 1;
                while !matches!(text(i), "}" | "") {
                    i = path(tokens, i, base.clone(), found);
                    // Past `as name` and the comma; nothing else can follow a path in a group.
                    while !matches!(text(i), "," | "}" | "") {
                        i += 1;
                    }
                    if text(i) == "," {
                        i += 1;
                    }
                }
                return i + 1;
            }
            name => base.push(name.to_owned()),
        }
        if text(i + 1) != "::" || text(i + 2) == "<" {
            found.push((base, line));
            return i + 1;
        }
        i += 2;
    }
}

/// Every import of one file that the table does not allow, as `file:line: why`. `file` is relative to `src`, with `/`.
fn violations(file: &str, source: &str) -> Vec<String> {
    let module: Vec<&str> = file
        .trim_end_matches(".rs")
        .split('/')
        .filter(|&part| part != "mod")
        .collect();
    if module == ["lib"] {
        return Vec::new();
    }
    paths(&module, source)
        .into_iter()
        .filter_map(|(to, line)| {
            let to = to.first().map_or("*", String::as_str);
            objection(module[0], to).map(|why| format!("{file}:{line}: {why}"))
        })
        .collect()
}

fn sources(folder: &Path, into: &mut BTreeSet<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.insert(path);
        }
    }
}

#[test]
fn imports_only_look_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    sources(&root, &mut files);
    assert!(
        files.contains(&root.join("lib.rs")) && files.len() > 5,
        "the sources were not found: {files:?}"
    );
    let mut found = Vec::new();
    for file in &files {
        let parts: Vec<String> = file
            .strip_prefix(&root)
            .unwrap()
            .iter()
            .map(|p| p.to_str().unwrap().to_owned())
            .collect();
        found.extend(violations(&parts.join("/"), &std::fs::read_to_string(file).unwrap()));
    }
    assert!(
        found.is_empty(),
        "{} imports do not look down:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_stage_has_one_floor() {
    let all: Vec<&&str> = FLOORS.iter().copied().flatten().collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    for (from, to) in BESIDE {
        assert!(
            floor(from).is_some() && floor(from) == floor(to),
            "{from} and {to} are not on one floor"
        );
    }
}

/// A file, its source, and the stage that the objection must name with the line; `None` where the source is in order.
type Case = (&'static str, &'static str, Option<(&'static str, usize)>);

#[test]
fn violations_are_found() {
    let cases: &[Case] = &[
        (
            "lang/check.rs",
            "use crate::metrics::Catalogue;\nuse crate::units::Unit;",
            None,
        ),
        (
            "lang/check.rs",
            "use crate::units;\nuse crate::engine::Policy;",
            Some(("engine", 2)),
        ),
        (
            "lang/check.rs",
            "use crate::{metrics::query, engine};",
            Some(("engine", 1)),
        ),
        (
            "lang/check.rs",
            "use crate::{\n  metrics::{self, query as q},\n  backtest::replay::Step,\n};",
            Some(("backtest", 3)),
        ),
        (
            "lang/check.rs",
            "fn f() {\n  let x = crate::engine::Policy::default();\n}",
            Some(("engine", 2)),
        ),
        (
            "lang/check.rs",
            "fn f() -> Vec<crate::engine::Policy<'static>> {}",
            Some(("engine", 1)),
        ),
        (
            "lang/check.rs",
            "macro_rules! m { () => { $crate::engine::run() } }",
            Some(("engine", 1)),
        ),
        (
            "lang/check.rs",
            "use super::super::engine::Policy;",
            Some(("engine", 1)),
        ),
        (
            "lang/check.rs",
            "use super::super::metrics::Kind;\nuse super::engine;",
            None,
        ),
        ("lang/check.rs", "mod tests { use super::super::engine; }", None),
        (
            "lang/check.rs",
            "mod tests { use super::super::super::engine; }",
            Some(("engine", 1)),
        ),
        (
            "lang/check.rs",
            "mod a { fn f() { {} } }\nuse super::super::engine;",
            Some(("engine", 2)),
        ),
        (
            "lang/check.rs",
            "use super::{ast, super::{units, engine::Policy}};",
            Some(("engine", 1)),
        ),
        ("lang/mod.rs", "use super::engine;", Some(("engine", 1))),
        ("lang.rs", "use super::engine;", Some(("engine", 1))),
        (
            "lang/mod.rs",
            "pub use ast::Ast;\npub(crate) use self::ast::Node;",
            None,
        ),
        ("lang/check.rs", "pub(in crate::lang) fn f() {}", None),
        ("lang/check.rs", "use crate::action::Proposal;", Some(("action", 1))),
        ("metrics/store.rs", "use crate::rules::Document;", Some(("rules", 1))),
        ("metrics/store.rs", "use crate::lang;", Some(("lang", 1))),
        ("undefined.rs", "use crate::units::Millis;", None),
        ("units.rs", "use crate::undefined::Undefined;", Some(("undefined", 1))),
        ("undefined.rs", "use crate::diagnostic::Span;", Some(("diagnostic", 1))),
        (
            "engine/mod.rs",
            "use crate::{action, lang, metrics, resources, rules, undefined, units, diagnostic};",
            None,
        ),
        ("engine/mod.rs", "use crate::Decision;", Some(("Decision", 1))),
        ("engine/mod.rs", "use crate::*;", Some(("*", 1))),
        ("helpers.rs", "use crate::units::Unit;", Some(("helpers", 1))),
        ("lib.rs", "pub mod engine;\npub use crate::engine::Policy;", None),
        // What only looks like an import: comments, texts, characters, raw texts, lifetimes.
        (
            "lang/check.rs",
            "/// See [`crate::engine::Policy`].\n/* use crate::engine; /* nested */ crate::engine::x */ fn f() {}",
            None,
        ),
        (
            "lang/check.rs",
            r##"const A: &str = "use crate::engine;\" crate::engine::x"; const B: &str = r#"a " crate::engine::x"#;"##,
            None,
        ),
        (
            "lang/check.rs",
            "fn f<'a>(x: &'a str, q: char) -> bool { q == '\"' || q == '\\'' } use crate::engine;",
            Some(("engine", 1)),
        ),
    ];
    for (file, source, expected) in cases {
        let found = violations(file, source);
        match expected {
            None => assert!(found.is_empty(), "{file}: {source}\n{found:?}"),
            Some((stage, line)) => {
                assert_eq!(found.len(), 1, "{file}: {source}\n{found:?}");
                assert!(found[0].starts_with(&format!("{file}:{line}: ")), "{source}\n{found:?}");
                assert!(
                    found[0].contains(&format!("`{stage}`")) || found[0].contains(&format!("`crate::{stage}`")),
                    "{found:?}"
                );
            }
        }
    }
}
