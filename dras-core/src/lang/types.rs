//! Types of values, checked when a rule is compiled.

use std::borrow::Cow;
use std::fmt;

use super::graph::GraphId;
use crate::undefined::Undefined;
use crate::units::{Unit, display_quantity};

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// A number with its unit.
    Number(Unit),
    /// A truth value.
    Bool,
    /// A text.
    Text,
}

impl Type {
    /// A plain number.
    pub const NUMBER: Type = Type::Number(Unit::NUMBER);

    /// The unit of a number.
    pub fn unit(self) -> Option<Unit> {
        match self {
            Type::Number(unit) => Some(unit),
            _ => None,
        }
    }

    /// What a reader calls it.
    pub fn describe(self) -> String {
        match self {
            Type::Number(unit) => unit.describe(),
            Type::Bool => "a truth value".to_owned(),
            Type::Text => "a text".to_owned(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Number(unit) => write!(f, "{unit}"),
            Type::Bool => f.write_str("bool"),
            Type::Text => f.write_str("text"),
        }
    }
}

/// A value, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'t> {
    /// A finite number, in seconds, bytes or plain numbers.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Cow<'t, str>),
    /// Nothing, and why.
    Undefined(Missing),
}

/// Why a value is undefined, and which input began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The reason.
    pub reason: Undefined,
    /// The value that was undefined first.
    pub(crate) origin: GraphId,
}

impl Value<'_> {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(x) => Some(*x),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The reason, if it is undefined.
    pub fn undefined(&self) -> Option<Undefined> {
        match self {
            Value::Undefined(missing) => Some(missing.reason),
            _ => None,
        }
    }

    /// As people write it: `0.91`, `1.5GiB`, `true`, `'sql'`, `undefined`.
    pub fn display(&self, ty: Type) -> String {
        match self {
            Value::Number(x) => display_quantity(*x, ty.unit().unwrap_or(Unit::NUMBER)),
            Value::Bool(b) => b.to_string(),
            Value::Text(text) => display_text(text),
            Value::Undefined(_) => "undefined".to_owned(),
        }
    }

    /// The same value, owning its text.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Number(x) => Value::Number(x),
            Value::Bool(b) => Value::Bool(b),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Undefined(missing) => Value::Undefined(missing),
        }
    }
}

/// A text in quotes, cut where it is long, with control characters replaced.
fn display_text(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}
