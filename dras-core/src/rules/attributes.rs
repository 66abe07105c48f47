//! The attributes that every task has without declaring them.

use crate::units::Unit;

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// A number with a unit.
    Number,
    /// A text.
    Text,
    /// True or false.
    Bool,
}

/// An attribute of every task. Any of them may be undefined for a task that does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltInAttribute {
    /// Its name in expressions.
    pub name: &'static str,
    /// Its type.
    pub kind: AttributeType,
    /// Its dimension; plain numbers for texts and truth values.
    pub unit: Unit,
    /// One sentence for readers.
    pub doc: &'static str,
}

const fn number(name: &'static str, unit: Unit, doc: &'static str) -> BuiltInAttribute {
    BuiltInAttribute {
        name,
        kind: AttributeType::Number,
        unit,
        doc,
    }
}

const fn text(name: &'static str, doc: &'static str) -> BuiltInAttribute {
    BuiltInAttribute {
        name,
        kind: AttributeType::Text,
        unit: Unit::NUMBER,
        doc,
    }
}

/// The built-in attributes, by name.
pub const BUILT_IN_ATTRIBUTES: &[BuiltInAttribute] = &[
    number(
        "machine_cores",
        Unit::NUMBER,
        "CPU cores that the JVM of one TaskManager sees, shared or not",
    ),
    number(
        "max_parallelism",
        Unit::NUMBER,
        "number of key groups, above which parallelism brings nothing",
    ),
    number("parallelism", Unit::NUMBER, "present parallelism"),
    number(
        "since_last_change",
        Unit::SECONDS,
        "time since resources were last changed",
    ),
    number("slots_per_task_manager", Unit::NUMBER, "slots of one TaskManager"),
    text("task_id", "the platform's id of the task"),
    number(
        "task_manager_memory",
        Unit::BYTES,
        "total process memory of one TaskManager",
    ),
    number("task_managers", Unit::NUMBER, "present number of TaskManagers"),
    text("task_type", "the platform's category of the task"),
    number("uptime", Unit::SECONDS, "time since the task last started or restarted"),
];

/// The built-in attribute called `name`.
pub fn built_in_attribute(name: &str) -> Option<&'static BuiltInAttribute> {
    BUILT_IN_ATTRIBUTES.iter().find(|a| a.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_attributes_are_sorted_and_usable_names() {
        assert!(BUILT_IN_ATTRIBUTES.windows(2).all(|w| w[0].name < w[1].name));
        assert!(
            BUILT_IN_ATTRIBUTES
                .iter()
                .all(|a| crate::names::check_name(a.name).is_ok())
        );
    }
}
