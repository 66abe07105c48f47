//! The attributes of a task: what rules know of it besides its metrics.

use crate::lang::{Type, VariableId};
use crate::units::Unit;

/// The handle of an attribute in its policy, from [`Policy::attribute`](super::Policy::attribute); resolved once, so that no name is looked up
/// when attributes are set often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeId(pub(crate) VariableId);

/// An attribute that a policy knows: built in, or declared by its document.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name in expressions.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What the caller's numbers are multiplied with to be in seconds, bytes or plain numbers.
    pub(crate) factor: f64,
    /// Whether dras computes it, so that it cannot be set.
    pub(crate) derived: bool,
}

/// The value of an attribute, in the attribute's declared unit (seconds and bytes for the built-in ones).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// A number, in the unit that the document declares for the attribute; in seconds and bytes for the built-in ones. It must be finite.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
}

impl AttributeValue {
    /// What a reader calls it.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            AttributeValue::Number(_) => "a number",
            AttributeValue::Bool(_) => "a truth value",
            AttributeValue::Text(_) => "a text",
        }
    }

    /// Whether it can be the value of an attribute of this type.
    pub(crate) fn suits(&self, ty: Type) -> bool {
        matches!(
            (self, ty),
            (AttributeValue::Number(_), Type::Number(_))
                | (AttributeValue::Bool(_), Type::Bool)
                | (AttributeValue::Text(_), Type::Text)
        )
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> AttributeValue {
        AttributeValue::Number(value)
    }
}

impl From<u32> for AttributeValue {
    fn from(value: u32) -> AttributeValue {
        AttributeValue::Number(f64::from(value))
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> AttributeValue {
        AttributeValue::Bool(value)
    }
}

impl From<&str> for AttributeValue {
    fn from(value: &str) -> AttributeValue {
        AttributeValue::Text(value.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(value: String) -> AttributeValue {
        AttributeValue::Text(value)
    }
}

/// The built-in attributes that the engine computes from marks where the caller does not set them.
pub(crate) const UPTIME: &str = "uptime";
/// See [`UPTIME`].
pub(crate) const SINCE_LAST_CHANGE: &str = "since_last_change";

/// The type that a declared unit gives a number.
pub(crate) fn number(unit: Unit) -> Type {
    Type::Number(unit)
}
