//! Small expressions, which have forms of their own: for one row and for columns, with every instruction set that the machine has, they give what
//! the exact evaluator gives.

use fearless_simd::Level;
use proptest::prelude::*;

use super::{Column, Truth};
use crate::lang::expression::Expression;
use crate::lang::graph::VariableId;
use crate::lang::limits::Limits;
use crate::lang::scope::Scope;
use crate::lang::types::{Type, Value};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What a variable can be: undefined in several ways, and so large or small that sums, quotients and products of it are.
const NUMBERS: [f64; 20] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    0.5,
    -0.5,
    0.9,
    1.0,
    -1.0,
    2.0,
    2.5,
    3.0,
    -4.0,
    1e-300,
    -5e-324,
    1e300,
    -1e300,
    f64::MAX,
    f64::MIN,
];

fn scope() -> Scope {
    let mut scope = Scope::new();
    for name in NAMES {
        scope.variable(name, Type::NUMBER).unwrap();
    }
    scope
}

fn compiled(source: &str) -> Expression {
    Expression::compile(source, &scope(), &Limits::default()).unwrap_or_else(|found| panic!("{source}\n{found}"))
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn constant() -> impl Strategy<Value = String> {
    prop::sample::select(&["0", "1", "2", "0.5", "0.9", "3"][..]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => name(), 1 => constant()];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let operator = prop::sample::select(&["+", "-", "*", "/", "%"][..]);
        let function = prop::sample::select(&["ceil", "floor", "round", "abs", "sqrt", "sign"][..]);
        let of_two = prop::sample::select(&["min", "max"][..]);
        // The same once more: what one operation needs, another may need, too.
        let again = (
            inner.clone(),
            operator.clone(),
            inner.clone(),
            operator.clone(),
            any::<bool>(),
        );
        let again = again.prop_map(|(a, f, b, g, first)| {
            if first {
                format!("(({a} {f} {b}) {g} {a})")
            } else {
                format!("({a} {g} ({a} {f} {b}))")
            }
        });
        prop_oneof![
            6 => (inner.clone(), operator, inner.clone()).prop_map(|(a, f, b)| format!("({a} {f} {b})")),
            3 => again,
            2 => (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            1 => (of_two, inner.clone(), inner.clone()).prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("clamp({a}, {b}, {c})")),
        ]
    })
}

fn comparison() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
    let operand = prop_oneof![
        4 => name(),
        4 => (name(), name()).prop_map(|(a, b)| format!("{a} / {b}")),
        1 => (name(), prop::sample::select(&["+", "-", "*", "%"][..]), name()).prop_map(|(a, f, b)| format!("{a} {f} {b}")),
        1 => number(),
    ];
    let other = prop_oneof![6 => constant(), 1 => name()];
    (operand, operator, other).prop_map(|(a, compare, b)| format!("{a} {compare} {b}"))
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 6, 2, |inner| {
        let operator = prop::sample::select(&["&&", "||"][..]);
        prop_oneof![
            4 => (inner.clone(), operator, inner.clone()).prop_map(|(a, f, b)| format!("({a} {f} {b})")),
            1 => inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

/// Every instruction set that this machine has.
fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new(), Level::baseline()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
    levels
}

/// `rows` rows that begin with the given ones, and go on with mixtures of them.
fn columns_of(given: &[[f64; 5]], rows: usize) -> Vec<Vec<f64>> {
    let column = |k: usize| (0..rows).map(move |row| given[(row + (row / given.len()) * k) % given.len()][k]);
    (0..NAMES.len()).map(|k| column(k).collect()).collect()
}

/// The exact value of each row, and that of the program for one row.
fn by_row(
    expression: &Expression,
    columns: &[Vec<f64>],
    without: Option<usize>,
) -> Result<Vec<Value<'static>>, TestCaseError> {
    let mut row = expression.row();
    let mut values = Vec::new();
    for at in 0..columns[0].len() {
        for (k, column) in columns.iter().enumerate() {
            if without != Some(k) {
                row.set_number(VariableId(k as u16), column[at]);
            }
        }
        let exact = expression.exact_for_tests(&row);
        let value = match exact {
            Value::Bool(b) => {
                prop_assert_eq!(expression.condition(&mut row), Ok(b));
                Value::Bool(b)
            }
            Value::Number(x) => {
                prop_assert_eq!(expression.number(&mut row).map(f64::to_bits), Ok(x.to_bits()));
                Value::Number(x)
            }
            Value::Undefined(missing) => {
                prop_assert_eq!(expression.condition(&mut row), Err(missing.reason));
                prop_assert_eq!(expression.number(&mut row), Err(missing.reason));
                Value::Undefined(missing)
            }
            Value::Text(_) => panic!("there are no texts"),
        };
        prop_assert_eq!(format!("{:?}", expression.evaluate(&mut row)), format!("{value:?}"));
        values.push(value);
    }
    Ok(values)
}

/// The same for a condition over columns, one of which may be missing.
fn check(source: &str, columns: &[Vec<f64>], without: Option<usize>) -> Result<(), TestCaseError> {
    let expression = compiled(source);
    let wanted = by_row(&expression, columns, without)?;
    let given: Vec<Column<'_>> = (0..NAMES.len())
        .filter(|k| without != Some(*k))
        .map(|k| Column {
            variable: VariableId(k as u16),
            values: &columns[k],
        })
        .collect();
    for level in levels() {
        let mut truths = vec![Truth::Undefined; wanted.len()];
        expression.conditions_with(level, &given, &mut truths).unwrap();
        for (at, (truth, wanted)) in truths.iter().zip(&wanted).enumerate() {
            let wanted = match wanted {
                Value::Bool(true) => Truth::True,
                Value::Bool(false) => Truth::False,
                _ => Truth::Undefined,
            };
            prop_assert_eq!(*truth, wanted, "row {}, {:?}: {}", at, level, source);
        }
    }
    Ok(())
}

fn row() -> impl Strategy<Value = [f64; 5]> {
    prop::array::uniform5(prop::sample::select(&NUMBERS[..]))
}

/// A row in which everything is there.
fn defined() -> impl Strategy<Value = [f64; 5]> {
    prop::array::uniform5(prop::sample::select(&NUMBERS[3..]))
}

proptest! {
    #[test]
    fn small_conditions_are_exact(
        source in condition(),
        given in prop::collection::vec(prop_oneof![20 => defined(), 1 => row()], 1..90),
        rows in 0..300_usize,
        without in 0..40_usize,
    ) {
        let without = (without < NAMES.len()).then_some(without);
        check(&source, &columns_of(&given, rows), without)?;
    }

    #[test]
    fn small_numbers_are_exact(source in number(), given in prop::collection::vec(prop_oneof![3 => defined(), 1 => row()], 1..40)) {
        let expression = compiled(&source);
        by_row(&expression, &columns_of(&given, given.len()), None)?;
    }
}

#[test]
fn a_single_undefined_value_is_found() {
    let numbers = [
        "ceil(a * (b / c) * (1 + d))",
        "a / b",
        "a % b",
        "(a + b) / c * d - e",
        "c / (a + b)",
        "e - d / (c - a / b)",
        "(a + b) * c + (a + b)",
        "sign(a * b) + exp(c)",
        "min(a, b) / max(c, d)",
        "clamp(a, b, c)",
        "pow(a, b)",
        "floor(a / b) * c",
        "ceil(a - b) / (a - b)",
    ];
    let conditions = [
        "a > 0.8 && b > 6 || c / d > 0.9",
        "a / b > 1",
        "a / b > 1 || c / d > 1",
        "a > 1 && b > 1 || c > 1 && d > 1",
        "a > 1 || b > 1 || c > 1 || d > 1 || e > 1",
        "a > 1 || b > 1 || c > 1 || d / e > 1 || a / b > 1 || b / c > 1",
        "a > b || c > d",
        "a - b > 1 && c * d > 1",
        "a / 2 > 1 || 2 / b > 1",
        "!(a / b > 1) && a / b > 0.5",
        "(a + b) * c > 1 && a + b > 2",
    ];
    for variable in 0..NAMES.len() {
        for undefined in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0] {
            let mut columns: Vec<Vec<f64>> = (0..NAMES.len())
                .map(|k| (0..150).map(|row| f64::from((row * (k as u32 + 3)) % 7 + 1)).collect())
                .collect();
            columns[variable][70] = undefined;
            for source in numbers {
                by_row(&compiled(source), &columns, None).unwrap();
            }
            for source in conditions {
                check(source, &columns, None).unwrap();
            }
        }
    }
}

#[test]
fn a_comparison_that_makes_no_difference_can_still_be_undefined() {
    let columns = [vec![1.0, 1.0, 2.0], vec![2.0, 0.0, 1.0]];
    let given = [0, 1].map(|k| Column {
        variable: VariableId(k as u16),
        values: &columns[k],
    });
    for source in ["a / b > 1 && !(a / b > 1)", "a / b > 1 && !(a / b > 1) || a > 5"] {
        let expression = compiled(source);
        for level in levels() {
            let mut truths = [Truth::True; 3];
            expression.conditions_with(level, &given, &mut truths).unwrap();
            assert_eq!(truths, [Truth::False, Truth::Undefined, Truth::False], "{source}");
        }
    }
}
