//! Bytes → rule document → policy. A document that is accepted writes itself as JSON that is accepted again, and compiles or says why not.
#![no_main]

use dras_core::engine::{Policy, Task, decide};
use dras_core::rules::{Document, DocumentLimits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = DocumentLimits::default();
    match Document::from_json(bytes, &limits) {
        Ok(document) => {
            let json = document.to_json();
            let again = Document::from_json(json.as_bytes(), &limits).expect("what a document writes it reads");
            assert_eq!(again.to_json(), json, "writing and reading changes nothing");
            match Policy::compile(&document) {
                Ok(policy) => {
                    let mut task = Task::new(&policy, "fuzz").expect("a short id");
                    let decision = decide(&policy, &mut task, 1_800_000_000_000).expect("the first look");
                    assert!(!decision.to_string().is_empty());
                }
                Err(errors) => assert!(errors.has_errors() && !errors.to_string().is_empty()),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
