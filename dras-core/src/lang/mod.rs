//! The expression language: text → tokens → tree → checked → program → value.
//!
//! - [`parse`] makes a syntax tree and reports every syntax error of a text; [`format()`] prints a tree canonically.
//! - [`Expression::compile`] checks names, types and units over a [`Scope`] and compiles.
//! - A [`Row`] holds the values that one evaluation begins with; [`Expression::evaluate`] gives a [`Value`], which is there or
//!   [undefined](crate::undefined) with a reason; [`Expression::explain`] gives the value of every part.
//! - [`Expression::conditions`] and [`Expression::numbers`] evaluate whole columns.
//! - [`functions::FUNCTIONS`] lists every function with its documentation and examples.
//!
//! Numbers are in seconds, bytes or plain numbers everywhere in this module; [`Type::Number`] says which. For what expressions mean, see
//! `docs/language.md` in the repository.

mod arithmetic;
pub mod ast;
mod check;
mod columns;
mod compile;
mod demand;
#[cfg(test)]
mod differential;
mod exact;
#[cfg(test)]
mod example;
mod explain;
mod expression;
mod format;
pub mod functions;
pub(crate) mod graph;
mod inputs;
mod kleene;
mod limits;
#[cfg(test)]
mod mistakes;
pub mod oom;
mod parse;
mod plain;
mod program;
#[cfg(test)]
mod prose;
pub(crate) mod reason;
#[cfg(test)]
mod reference;
mod row;
mod scope;
pub(crate) mod steady;
mod token;
mod types;

pub use check::Expected;
pub use columns::{Column, ColumnError, Truth};
pub(crate) use compile::{Compiled, Compiler, ExpressionId};
pub(crate) use demand::{Demand, Emitter, Stretch};
pub(crate) use exact::Values;
pub use explain::{Explanation, InputValue, Part};
pub(crate) use explain::{display_window, inputs};
pub use expression::Expression;
pub use format::{format, format_source, same};
pub use graph::VariableId;
pub(crate) use inputs::{Look, Space};
pub(crate) use kleene::{Kleene, Registers};
pub use limits::Limits;
pub use parse::{parse, parse_bytes, parse_recovering};
pub use row::Row;
pub use scope::{Constant, Scope, ScopeError};
pub use types::{Missing, Type, Value};
