//! Bytes → expression. A text that parses prints canonically: the print parses, and prints as itself.
#![no_main]

use dras_core::lang::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
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
                assert!(error.span.start <= error.span.end && error.span.end as usize <= bytes.len());
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
