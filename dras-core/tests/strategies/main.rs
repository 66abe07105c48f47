//! The four strategies: worked examples with their numbers, what must always hold, and what every parameter does.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod cpu;
mod lab;
#[path = "../harness/lean.rs"]
mod lean;
mod memory;
mod oom;
mod pages;
mod source_delay;
