//! Rule documents and strategy templates: plain data.

mod limits;
mod tree;

pub use limits::DocumentLimits;
