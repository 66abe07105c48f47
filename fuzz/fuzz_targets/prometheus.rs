//! Bytes → samples of an answer of Prometheus' HTTP API, and of Flink's REST API.
#![no_main]

use dras_core::metrics::sources::{SourceLimits, flink, prometheus};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = SourceLimits::default();
    if let Err(error) = prometheus::parse(bytes, &limits) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = flink::parse_metrics(bytes, &limits) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = flink::parse_exceptions(bytes, &limits) {
        assert!(!error.to_string().is_empty());
    }
});
