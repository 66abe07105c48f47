//! Bytes → rule document. A document that is accepted writes itself as JSON that is accepted again.
#![no_main]

use dras_core::rules::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Document::from_json(bytes) {
        Ok(document) => {
            let json = document.to_json();
            let again = Document::from_json(json.as_bytes()).expect("what a document writes it reads");
            assert_eq!(again.to_json(), json, "writing and reading changes nothing");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
