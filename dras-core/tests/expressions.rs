//! Conformance of the expression language with what the test suites of CEL, Zen, PromQL, Aviator, expr and Jexl expect.
//!
//! Every vector of `data/expressions.json` is run, with folding and once more with its literals lifted into variables, so that both the
//! folder and the compiled program are tested. Where the language differs on purpose, [`DIFFERENCES`] says why, and the test checks that
//! it really differs.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// Prints past the capture of the test harness, so that every run of the tests shows the counts.
macro_rules! report {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

use std::collections::BTreeMap;

use dras_core::lang::{Expression, Limits, Scope, Type, Value};
use serde_json::Value as Json;

/// A name, a predicate over the vector's text and tags, and the reason.
type Difference = (&'static str, fn(&Vector) -> bool, &'static str);

/// Differences by feature: a predicate over the vector's text and tags, and the reason.
const DIFFERENCES: &[Difference] = &[
    (
        "power operator",
        |v| v.tag("power_operator") || v.tag("power_operator_right_assoc_binds_tighter_than_unary_minus"),
        "powers are written `pow(x, y)`; `^` means something else in half of the field",
    ),
    (
        "null",
        |v| v.tag("null") || v.expr.contains("null"),
        "there is no null: a value is there or undefined, asked with `defined(x)`",
    ),
    (
        "absent division",
        |v| v.tag("integer_division") && (v.expr.contains("/ 0") || v.expr.contains("/0") || v.expr.contains("% 0")),
        "x / 0 is undefined, and Kleene's logic decides what follows from it",
    ),
    (
        "infinities",
        |v| {
            v.tag("float_semantics")
                || v.tag("inf_nan_literals")
                || v.expect["value"].as_str().is_some_and(|t| t.ends_with("Infinity"))
        },
        "a result that is not finite is undefined: a rule must not fire on used / 0 > 0.9",
    ),
    (
        "integer division",
        |v| v.tag("integer_division"),
        "division is real division; whole numbers come from floor or trunc",
    ),
    (
        "64-bit integers",
        |v| v.tag("int64"),
        "numbers are 64-bit floats; beyond 2^53 whole numbers round",
    ),
    (
        "absorbed errors",
        |v| v.tag("cel_absorbs_errors_of_the_left_operand"),
        "operands of the wrong type are found when the rule is compiled",
    ),
    (
        "decimals",
        |v| v.tag("decimal_semantics"),
        "numbers are binary floats: 0.1 + 0.2 is not 0.3",
    ),
    (
        "built texts",
        |v| v.expr.contains("replace(") || v.expr.contains("string(") || v.built_text(),
        "texts are matched, cut and compared, never built, so that no evaluation can grow",
    ),
    (
        "dates",
        |v| {
            ["year(", "monthOfYear(", "dayOfWeek(", "dayOfYear(", "weekdayString("]
                .iter()
                .any(|f| v.expr.contains(f))
        },
        "the core has no calendar in expressions; excluded periods are guards",
    ),
    (
        "duration range",
        |v| v.tag("duration") && v.error() == Some("range"),
        "durations are numbers of seconds, without CEL's limit",
    ),
    (
        "duration parts",
        |v| v.expr.contains("hours(") || v.expr.contains("minutes("),
        "write `d / 1h`",
    ),
    (
        "duration texts",
        |v| v.expr.contains("duration(\"") && !v.error_expected(),
        "durations are literals, not texts that are parsed when the rule runs",
    ),
    (
        "numeric texts",
        |v| v.expr.contains("isNumeric("),
        "write `defined(number(text))`",
    ),
    (
        "int range",
        |v| v.expr.contains("int(") && v.error() == Some("range"),
        "`trunc` of a float is a float; there is no 64-bit integer to overflow",
    ),
    (
        "remainder of floats",
        |v| v.expr.contains('%') && v.error() == Some("type_mismatch"),
        "all numbers are floats, and `%` is defined for them",
    ),
    (
        "suites disagree",
        |v| v.tag("suites_disagree"),
        "the suites contradict each other here",
    ),
    (
        "subnormal literals",
        |v| v.expr.contains("e-324"),
        "a number too small for a float is refused instead of becoming 0",
    ),
    (
        "mixed arms",
        |v| v.expr.contains("? \"cows\" : 17"),
        "both arms of `?:` have one type",
    ),
    (
        "ignored operands",
        |v| v.expr == "false && 32",
        "an operand of the wrong type is an error even where it would not be looked at",
    ),
    (
        "one-value minimum",
        |v| (v.expr.contains("max(-5") || v.expr.contains("min(-5")) && !v.expr.contains(','),
        "`max(x)` of one value reduces a window or instances; there is nothing to reduce",
    ),
    (
        "number of a number",
        |v| v.expr.starts_with("number(") && !v.expr.contains('\'') && !v.expr.contains('"'),
        "`number` reads texts; numbers need no conversion",
    ),
    (
        "error class",
        |v| v.error_expected() && v.expr.contains("dyn"),
        "a name like any other",
    ),
];

struct Vector {
    id: String,
    expr: String,
    expect: Json,
    tags: Vec<String>,
    vars: BTreeMap<String, Json>,
}

impl Vector {
    fn read(json: &Json) -> Vector {
        Vector {
            id: json["id"].as_str().unwrap().to_owned(),
            expr: json["expr"].as_str().unwrap().to_owned(),
            expect: json["expect"].clone(),
            tags: json["tags"].as_array().map_or(Vec::new(), |t| {
                t.iter().map(|t| t.as_str().unwrap().to_owned()).collect()
            }),
            vars: json["vars"].as_object().map_or(BTreeMap::new(), |v| {
                v.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
            }),
        }
    }

    fn tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }

    fn error(&self) -> Option<&str> {
        self.expect["error"].as_str()
    }

    fn error_expected(&self) -> bool {
        self.error().is_some()
    }

    /// Whether texts are joined with `+`.
    fn built_text(&self) -> bool {
        self.expr.contains('"') && self.expr.contains('+')
    }

    fn scope(&self) -> Scope {
        let mut scope = Scope::new();
        for (name, value) in &self.vars {
            let ty = match value["type"].as_str().unwrap() {
                "bool" => Type::Bool,
                "string" => Type::Text,
                _ => Type::NUMBER,
            };
            scope.variable(name, ty).unwrap();
        }
        scope
    }
}

/// The same question in our words, where only the spelling differs.
fn in_our_words(expr: &str) -> String {
    let mut text = expr.to_owned();
    let matches = regex::Regex::new(r#"matches\(("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\)"#).unwrap();
    text = matches.replace_all(&text, "($1 =~ $2)").into_owned();
    for (function, argument, ours) in [
        ("double", r#""[^"]*""#, "number("),
        ("int", r#""[^"]*""#, "number("),
        ("double", r"[^()]*", "("),
        ("int", r"[^()]*", "trunc("),
    ] {
        let call = regex::Regex::new(&format!(r"\b{function}\(({argument})\)")).unwrap();
        text = call.replace_all(&text, format!("{ours}$1)")).into_owned();
    }
    let duration = regex::Regex::new(r#"duration\("(-?)([0-9.]+(?:ms|s|m|h))"\)"#).unwrap();
    duration.replace_all(&text, "(${1}${2})").into_owned()
}

/// Lifts every number and truth value outside texts and lists into a variable, so that nothing can be folded.
fn lifted(expr: &str, scope: &mut Scope) -> (String, Vec<(dras_core::lang::VariableId, f64, bool)>) {
    let literal = regex::Regex::new(r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|[A-Za-z_][A-Za-z0-9_.]*|[0-9.]+[eE][+-]?[0-9]+|[0-9.][0-9A-Za-z_.]*%?"#).unwrap();
    let mut variables = Vec::new();
    let text = literal.replace_all(expr, |found: &regex::Captures<'_>| {
        let token = &found[0];
        let (value, is_bool) = match token {
            "true" => (1.0, true),
            "false" => (0.0, true),
            number => match number.parse::<f64>() {
                Ok(x) if x.is_finite() && number.starts_with(|c: char| c.is_ascii_digit() || c == '.') => (x, false),
                _ => return token.to_owned(),
            },
        };
        let name = format!("v{}", variables.len());
        let id = scope
            .variable(&name, if is_bool { Type::Bool } else { Type::NUMBER })
            .unwrap();
        variables.push((id, value, is_bool));
        name
    });
    (text.into_owned(), variables)
}

#[derive(Debug, PartialEq)]
enum Got {
    Value(String, Json),
    Undefined,
    Refused(String),
}

fn run(expr: &str, scope: &Scope, vector: &Vector, variables: &[(dras_core::lang::VariableId, f64, bool)]) -> Got {
    let expression = match Expression::compile(expr, scope, &Limits::default()) {
        Ok(expression) => expression,
        Err(diagnostics) => return Got::Refused(diagnostics.0[0].code.id().to_owned()),
    };
    let mut row = expression.row();
    for (name, value) in &vector.vars {
        let id = scope.find_variable(name).unwrap();
        match &value["value"] {
            Json::Bool(b) => row.set_bool(id, *b),
            Json::String(text) => row.set_text(id, text),
            number => row.set_number(id, number.as_f64().unwrap()),
        }
    }
    for (id, value, is_bool) in variables {
        if *is_bool {
            row.set_bool(*id, *value != 0.0);
        } else {
            row.set_number(*id, *value);
        }
    }
    let explained = expression.explain(&row);
    let value = expression.evaluate(&mut row).into_owned();
    match (&value, explained.value()) {
        // A missing value's origin may differ by where it was noticed.
        (Value::Undefined(_), Some(Value::Undefined(_))) => {}
        (value, explained) => assert_eq!(
            Some(value),
            explained,
            "{}: program and explanation of `{expr}`",
            vector.id
        ),
    }
    match value {
        Value::Number(x) => Got::Value("number".into(), Json::from(x)),
        Value::Bool(b) => Got::Value("bool".into(), Json::from(b)),
        Value::Text(text) => Got::Value("string".into(), Json::from(text.into_owned())),
        Value::Undefined(_) => Got::Undefined,
    }
}

fn agrees(vector: &Vector, got: &Got) -> bool {
    if vector.error_expected() {
        // A wrong type, name or syntax is refused when the rule is compiled; a position outside a text is undefined when it runs.
        return match vector.error().unwrap() {
            "range" | "division_by_zero" | "error" | "index_out_of_range" => {
                matches!(got, Got::Undefined | Got::Refused(_))
            }
            _ => matches!(got, Got::Refused(_)),
        };
    }
    let Got::Value(ty, value) = got else { return false };
    match vector.expect["type"].as_str().unwrap() {
        "bool" | "string" => vector.expect["type"] == **ty && vector.expect["value"] == *value,
        "int" | "double" => match (vector.expect["value"].as_f64(), value.as_f64()) {
            (Some(wanted), Some(got)) => {
                let tolerance = if vector.tag("tolerance_1e-3_in_source") {
                    1e-3
                } else if vector.tag("decimal_or_float_tolerance") {
                    1e-9
                } else {
                    0.0
                };
                ty == "number" && (wanted == got || (wanted - got).abs() <= tolerance * wanted.abs().max(1.0))
            }
            _ => false,
        },
        _ => false,
    }
}

#[test]
fn every_vector_agrees_or_differs_for_a_stated_reason() {
    let data: Json = serde_json::from_str(include_str!("data/expressions.json")).unwrap();
    let vectors: Vec<Vector> = data["vectors"].as_array().unwrap().iter().map(Vector::read).collect();
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut agreed, mut lifted_count, mut unexplained) = (0, 0, Vec::new());
    for vector in &vectors {
        let text = in_our_words(&vector.expr);
        let scope = vector.scope();
        let got = run(&text, &scope, vector, &[]);
        if agrees(vector, &got) {
            agreed += 1;
        } else if let Some((name, _, _)) = DIFFERENCES.iter().find(|d| d.1(vector)) {
            *differences.entry(name).or_default() += 1;
            continue;
        } else {
            unexplained.push(format!(
                "{} `{}`: expected {}, got {got:?}",
                vector.id, vector.expr, vector.expect
            ));
            continue;
        }
        // The same without anything to fold. Durations and texts stay literals.
        let mut scope = vector.scope();
        let (text, variables) = lifted(&text, &mut scope);
        if !variables.is_empty() && matches!(got, Got::Value(..)) {
            let got = run(&text, &scope, vector, &variables);
            lifted_count += 1;
            // A position in a text or a list element must be a constant nowhere but in lists, which are not lifted.
            assert!(
                agrees(vector, &got),
                "{} lifted to `{text}`: expected {}, got {got:?}",
                vector.id,
                vector.expect
            );
        }
    }
    let differing: usize = differences.values().sum();
    report!(
        "expressions.json: {} vectors: {agreed} agree ({lifted_count} of them also with nothing to fold), {differing} differ on purpose",
        vectors.len()
    );
    for (name, count) in &differences {
        let reason = DIFFERENCES.iter().find(|d| d.0 == *name).unwrap().2;
        report!("  {count:3} {name}: {reason}");
    }
    assert!(
        unexplained.is_empty(),
        "{}:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    assert_eq!(agreed + differing, vectors.len());
}
