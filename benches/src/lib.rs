//! Criterion benchmarks of dras; see `benches/`.
