//! Shared pieces of the dras examples: the recorded traces, their replay through a policy, and what the terminal shows of it.

pub mod replay;
pub mod screen;
pub mod timeline;
pub mod trace;
