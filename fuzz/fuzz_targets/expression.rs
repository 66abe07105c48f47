//! Bytes → expression. A text that parses prints canonically: the print parses, and prints as itself. One that compiles evaluates and is
//! explained, with everything undefined and with everything zero.
#![no_main]

use dras_core::lang::{self, Expression, Limits, Scope, Type};
use dras_core::units::Unit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let mut scope = Scope::new();
    for (name, unit) in [("a", Unit::NUMBER), ("b", Unit::NUMBER), ("t", Unit::SECONDS), ("z", Unit::BYTES)] {
        scope.number(name, unit).expect("a new name");
    }
    scope.variable("s", Type::Text).expect("a new name");
    scope.variable("c", Type::Bool).expect("a new name");
    if let Ok(expression) = Expression::compile_bytes(bytes, &scope, &limits) {
        let mut row = expression.row();
        let explained = expression.explain(&row).value().cloned();
        let value = expression.evaluate(&mut row).into_owned();
        assert_eq!(explained.map(|v| v.undefined()), Some(value.undefined()), "explanation and evaluation agree");
        for variable in expression.variables() {
            row.set_number(variable, 0.0);
        }
        expression.evaluate(&mut row);
    }
    match lang::parse_bytes(bytes, &limits) {
        Ok(ast) => {
            let printed = lang::format(&ast);
            // Printing may add brackets and spaces, so a text just below the limit may print beyond it; every other one must come back.
            if printed.len() <= bytes.len() {
                let again = lang::parse_bytes(printed.as_bytes(), &limits).expect("what format prints parses");
                assert_eq!(lang::format(&again), printed, "format is a fixed point");
            }
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "a refusal says why");
            for error in &errors.0 {
                // Bytes that are not UTF-8 are shown as replacement characters, which are longer.
                let length = error.source.as_ref().map_or(bytes.len(), |source| source.len());
                assert!(error.span.start <= error.span.end && error.span.end as usize <= length);
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
