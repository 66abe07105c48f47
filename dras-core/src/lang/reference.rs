//! Tests that hold the documentation and the language together: every example of the function catalogue, every example of the error
//! catalogue, and that the generated pages are current.

use std::fmt::Write as _;
use std::path::Path;

use super::example;
use super::functions::{FUNCTIONS, Group};
use super::{Expected, Explanation, Expression, Limits};
use crate::diagnostic::{ALL_CODES, Diagnostics, Example, Severity};
use crate::metrics::{Scratch, WindowSettings};

/// The explanation of an expression over the example task.
pub(super) fn explanation_of(source: &str) -> Result<Explanation, Diagnostics> {
    let scope = example::scope();
    let expression = Expression::compile(source, &scope, &Limits::default())?;
    let plan = expression.plan(WindowSettings::default()).unwrap();
    let windows = example::windows(&plan);
    let mut row = expression.row();
    for (name, value) in example::NUMBERS {
        row.set_number(scope.find_variable(name).unwrap(), *value);
    }
    for (name, text) in example::TEXTS {
        row.set_text(scope.find_variable(name).unwrap(), text);
    }
    let mut scratch = Scratch::new();
    expression.look(&plan, &windows, example::NOW, Some(2), &mut row, &mut scratch);
    let explanation = expression.explain(&row);
    // The program and the exact evaluator, which the explanation is from, give the same.
    let value = expression.evaluate(&mut row);
    let explained = explanation.value().unwrap();
    assert_eq!(
        value.display(expression.ty()),
        explained.display(expression.ty()),
        "{explanation}"
    );
    assert_eq!(value.undefined(), explained.undefined(), "{explanation}");
    Ok(explanation)
}

/// The value of an expression over the example task, as people write it.
pub(super) fn value_of(source: &str) -> Result<String, Diagnostics> {
    let explanation = explanation_of(source)?;
    let whole = explanation.parts.first().unwrap();
    Ok(match &whole.reason {
        Some(reason) => format!("undefined: {reason}"),
        None => whole.value.display(whole.ty),
    })
}

#[test]
fn every_example_of_a_function_gives_its_result() {
    let mut wrong = Vec::new();
    for function in FUNCTIONS {
        assert!(!function.examples.is_empty(), "{} has no example", function.name);
        for (source, expected) in function.examples {
            match value_of(source) {
                Ok(value) if value == *expected => {}
                Ok(value) => wrong.push(format!("{source}: expected {expected}, got {value}")),
                Err(diagnostics) => wrong.push(format!("{source}:\n{diagnostics}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_have_one_entry_each_and_are_called_as_they_say() {
    let mut names: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|w| w[0] != w[1]));
    for function in FUNCTIONS {
        assert!(
            function.signature.starts_with(&format!("{}(", function.name)),
            "{}",
            function.signature
        );
        assert!(function.doc.ends_with('.'), "{}", function.name);
    }
}

/// The diagnostics of an error example, compiled as a rule's condition.
pub(crate) fn diagnostics_of(source: &str) -> Diagnostics {
    match Expression::compile_as(source, &example::scope(), &Limits::default(), Expected::Condition) {
        Ok(expression) => expression.warnings().clone(),
        Err(diagnostics) => diagnostics,
    }
}

#[test]
fn every_error_example_produces_its_code_and_no_other_error() {
    let mut wrong = Vec::new();
    for code in ALL_CODES {
        let Example::Expression(source) = code.example() else {
            continue;
        };
        let found = diagnostics_of(source);
        let others = found
            .0
            .iter()
            .any(|d| d.code != *code && (code.severity() == Severity::Warning || d.severity() == Severity::Error));
        if !found.0.iter().any(|d| d.code == *code) || others {
            wrong.push(format!("{} `{source}`:\n{found}", code.id()));
        }
        for diagnostic in &found.0 {
            assert!(diagnostic.source.is_some());
            assert!(
                !diagnostic.message.ends_with('.') && !diagnostic.message.starts_with(char::is_uppercase),
                "{diagnostic}"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The function chapters of the language reference.
fn function_chapters() -> String {
    let mut page = String::new();
    for group in Group::ALL {
        writeln!(page, "### {}\n", group.title()).unwrap();
        writeln!(page, "| function | gives | examples |\n| --- | --- | --- |").unwrap();
        for function in FUNCTIONS.iter().filter(|f| f.group == group) {
            let cell = |text: &str| text.replace('|', "\\|");
            let examples: Vec<String> = function
                .examples
                .iter()
                .map(|(e, r)| format!("`{}` → {}", cell(e), cell(r)))
                .collect();
            writeln!(
                page,
                "| `{}` | {} | {} |",
                cell(function.signature),
                cell(function.doc),
                examples.join("<br>")
            )
            .unwrap();
        }
        page.push('\n');
    }
    page
}

/// The reference of all error codes.
fn error_page() -> String {
    let mut page = String::from(
        "# Errors and warnings\n\nEvery diagnostic has a stable code. `E` refuses the expression or document, `W` warns, `I` remarks. This page is generated from the \
         catalogue in the source; every example is a test.\n\n",
    );
    for code in ALL_CODES {
        writeln!(page, "## {} — {}\n\n{}\n", code.id(), code.title(), code.explanation()).unwrap();
        match code.example() {
            Example::Expression(source) => {
                writeln!(page, "```text\n{}\n```\n", source.trim_end()).unwrap();
                if let Some(found) = diagnostics_of(source).0.into_iter().find(|d| d.code == *code) {
                    writeln!(page, "```text\n{found}\n```\n").unwrap();
                }
            }
            Example::Document(source) | Example::Library(source) | Example::Lint(source) => {
                writeln!(page, "```json\n{source}\n```\n").unwrap()
            }
            Example::Generated(how) => writeln!(page, "Example: {how}.\n").unwrap(),
        }
    }
    page
}

/// Compares a page with what it should be; `DRAS_WRITE_DOCS=1` writes it instead.
fn check_page(name: &str, make: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let should = make(&before);
    if std::env::var_os("DRAS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &should).unwrap();
    } else {
        assert!(
            before == should,
            "docs/{name} is not current: run the tests with DRAS_WRITE_DOCS=1"
        );
    }
}

#[test]
fn the_generated_pages_are_current() {
    const BEGIN: &str = "<!-- functions: generated, do not edit -->\n";
    const END: &str = "<!-- end of functions -->";
    check_page("errors.md", |_| error_page());
    check_page("language.md", |before| {
        let (head, rest) = before
            .split_once(BEGIN)
            .expect("the page has a place for the functions");
        let (_, tail) = rest.split_once(END).expect("the place for the functions ends");
        format!("{head}{BEGIN}\n{}{END}{tail}", function_chapters())
    });
}
