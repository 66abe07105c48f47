//! Evaluating allocates nothing once it goes: counted by the allocator of this test's own process.

#![expect(clippy::unwrap_used, reason = "a test fails where something is wrong")]

mod counting;

use counting::allocations;
use dras_core::lang::{Column, Expression, Limits, Row, Scope, Truth, Type, VariableId};
use dras_core::units::Unit;

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))), 1);
    assert_eq!(allocations(|| ()), 0);
}

const NUMBERS: [&str; 6] = ["cpu", "lag", "heap_used", "heap_max", "parallelism", "target"];

fn scope() -> (Scope, [VariableId; 6], VariableId) {
    let mut scope = Scope::new();
    let numbers = NUMBERS.map(|name| scope.number(name, Unit::NUMBER).unwrap());
    let text = scope.variable("exception", Type::Text).unwrap();
    (scope, numbers, text)
}

/// One of each kind of program: atoms, operations, choices, pairs, texts, more bits than a word has.
fn sources() -> Vec<String> {
    let many: Vec<String> = (0..100)
        .map(|i| format!("cpu > {} && lag < {i}", f64::from(i) / 100.0))
        .collect();
    [
        "cpu > 0.8 && lag > 60000 || heap_used / heap_max > 0.9",
        "ceil(parallelism * (cpu / target) * (1 + lag))",
        "cpu > target ? parallelism * 2 : max(1, parallelism - 1)",
        "(cpu > target ? parallelism : lag) > 3 || defined(heap_max)",
        "exception =~ 'OutOfMemoryError' || exception =~ 'GC over+head'",
        "cpu ?? lag ?? 1",
    ]
    .map(String::from)
    .into_iter()
    .chain([many.join(" || ")])
    .collect()
}

#[test]
fn an_evaluation_over_one_row_allocates_nothing() {
    let (scope, numbers, text) = scope();
    for source in sources() {
        let rule = Expression::compile(&source, &scope, &Limits::default()).unwrap_or_else(|d| panic!("{d}"));
        let mut row = rule.row();
        let evaluate = |row: &mut Row<'_>, round: u32| {
            for (index, variable) in (0..).zip(&numbers) {
                row.set_number(*variable, f64::from(round * index) * 0.1);
            }
            row.set_text(
                text,
                if round.is_multiple_of(2) {
                    "java.lang.OutOfMemoryError: Metaspace"
                } else {
                    "none"
                },
            );
            match rule.ty() {
                Type::Bool => _ = rule.condition(row).unwrap(),
                _ => _ = rule.number(row).unwrap(),
            }
        };
        // The first evaluations make what patterns remember of the texts they met.
        (1..5).for_each(|round| evaluate(&mut row, round));
        let counted = allocations(|| (1..100).for_each(|round| evaluate(&mut row, round)));
        assert_eq!(counted, 0, "{source}");
    }
}

#[test]
fn an_evaluation_with_something_undefined_allocates_nothing() {
    let (scope, numbers, text) = scope();
    for source in sources() {
        let rule = Expression::compile(&source, &scope, &Limits::default()).unwrap_or_else(|d| panic!("{d}"));
        let mut row = rule.row();
        let evaluate = |row: &mut Row<'_>, missing: usize| {
            for (index, variable) in numbers.iter().enumerate() {
                row.set_number(*variable, if index == missing { f64::NAN } else { 0.5 });
            }
            if missing == 0 {
                row.set_undefined(text, dras_core::undefined::Undefined::NotAvailable);
            }
            _ = rule.condition(row).is_ok() || rule.number(row).is_ok();
        };
        // The first evaluation makes the space for values.
        evaluate(&mut row, 0);
        let counted = allocations(|| (0..7).for_each(|missing| evaluate(&mut row, missing)));
        assert_eq!(counted, 0, "{source}");
    }
}

#[test]
fn blocks_of_columns_allocate_nothing() {
    let (scope, numbers, _) = scope();
    for source in sources().iter().filter(|source| !source.contains("exception")) {
        let rule = Expression::compile(source, &scope, &Limits::default()).unwrap_or_else(|d| panic!("{d}"));
        let of = |rows: usize| {
            // Something is undefined in every fifth row.
            let row = |i: usize| if i % 5 == 4 { f64::NAN } else { i as f64 * 0.01 };
            let values: Vec<f64> = (0..rows).map(row).collect();
            let columns = numbers.map(|variable| Column {
                variable,
                values: &values,
            });
            let (mut truths, mut results) = (vec![Truth::False; rows], vec![0.0; rows]);
            allocations(|| match rule.ty() {
                Type::Bool => rule.conditions(&columns, &mut truths).unwrap(),
                _ => rule.numbers(&columns, &mut results).unwrap(),
            })
        };
        // The first call makes what all calls share.
        of(1);
        // As many for a hundred thousand rows as for a hundred: those of the call itself.
        assert_eq!(of(100), of(100_000), "{source}");
    }
}
