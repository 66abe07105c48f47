//! Shared pieces of the dras examples: the recorded traces and what the terminal shows of them.

pub mod screen;
pub mod trace;
