//! The expression language: text → tokens → tree → checked → program → value.

pub mod ast;
mod format;
mod limits;
mod literal;
mod name;
mod parse;
mod token;

pub use format::{format, format_source, same};
pub use limits::Limits;
pub use name::{MAX_NAME_BYTES, NameError, check_name};
pub use parse::{parse, parse_bytes, parse_recovering};
