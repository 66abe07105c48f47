//! The expression language: text → tokens → tree → checked → program → value.

pub mod ast;
