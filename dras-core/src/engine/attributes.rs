//! The attributes of a task: what rules know of it besides its metrics.

use super::policy::Policy;
use super::task::{Task, TaskError};
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

impl Attribute {
    /// What the caller's numbers are multiplied with to be in seconds, bytes or plain numbers: 0.001 for an attribute in ms.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Whether dras computes it, so that it cannot be set.
    pub fn is_derived(&self) -> bool {
        self.derived
    }
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

impl Task {
    /// What an attribute is, in seconds, bytes or plain numbers; `None` where it is not set, or the handle is of another policy.
    pub fn attribute(&self, id: AttributeId) -> Option<AttributeValue> {
        self.value(id.0.index()).map(AttributeValue::from)
    }

    /// Sets several attributes by name, all or none; `None` makes one undefined again.
    ///
    /// ```
    /// use dras_core::engine::{AttributeValue, Policy, Task};
    /// # use dras_core::rules::DocumentLimits;
    /// # let policy = Policy::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default()).unwrap();
    /// let mut task = Task::new(&policy, "orders")?;
    /// let refused = task.set_all(&policy, [("parallelism", Some(AttributeValue::from(4_u32))), ("paralelism", None)]);
    /// assert_eq!(refused.unwrap_err().code(), "unknown_attribute");
    /// assert_eq!(policy.attribute("parallelism").and_then(|id| task.attribute(id)), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`set`](Self::set), for the first of them that cannot be set; nothing is changed then.
    pub fn set_all<'n>(
        &mut self,
        policy: &Policy,
        attributes: impl IntoIterator<Item = (&'n str, Option<AttributeValue>)>,
    ) -> Result<(), TaskError> {
        let before = self.values.clone();
        let mut attributes = attributes.into_iter();
        let done = attributes.try_for_each(|(name, value)| match (value, policy.attribute(name)) {
            (None, Some(id)) => self.unset(policy, id),
            // Where there is no such attribute, this says so.
            (value, _) => self.set(policy, name, value.unwrap_or(AttributeValue::Bool(false))),
        });
        if done.is_err() {
            self.values = before;
        }
        done
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
