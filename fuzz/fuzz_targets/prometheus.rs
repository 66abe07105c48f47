//! Bytes → samples of an answer of Prometheus' HTTP API.
#![no_main]

use dras_core::metrics::sources::prometheus;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = prometheus::parse(bytes) {
        assert!(!error.to_string().is_empty());
    }
});
