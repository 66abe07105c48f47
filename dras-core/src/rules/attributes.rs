//! The attributes that every task has without declaring them.

use crate::resources::Resource;
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

const fn resource(resource: Resource) -> BuiltInAttribute {
    number(resource.name(), resource.unit(), resource.doc())
}

/// The built-in attributes, by name.
pub const BUILT_IN_ATTRIBUTES: &[BuiltInAttribute] = &[
    number(
        "framework_heap",
        Unit::BYTES,
        "Flink's own part of the JVM heap of one TaskManager",
    ),
    number(
        "framework_off_heap",
        Unit::BYTES,
        "Flink's own part of the off-heap memory of one TaskManager",
    ),
    resource(Resource::JobManagerHeap),
    resource(Resource::JobManagerMemory),
    resource(Resource::JobManagerMetaspace),
    resource(Resource::JobManagerOffHeap),
    resource(Resource::JvmOverhead),
    number(
        "machine_cores",
        Unit::NUMBER,
        "CPU cores that the JVM of one TaskManager sees, shared or not",
    ),
    resource(Resource::ManagedMemory),
    number(
        "max_parallelism",
        Unit::NUMBER,
        "number of key groups, above which Flink refuses a parallelism",
    ),
    resource(Resource::Metaspace),
    resource(Resource::NetworkMemory),
    resource(Resource::Parallelism),
    number(
        "since_last_change",
        Unit::SECONDS,
        "time since resources were last changed",
    ),
    number(
        "slot_sharing_groups",
        Unit::NUMBER,
        "slot sharing groups of the job, each of which takes a slot per subtask",
    ),
    number("slots_per_task_manager", Unit::NUMBER, "slots of one TaskManager"),
    number(
        "source_partitions",
        Unit::NUMBER,
        "partitions that the sources read, above which subtasks of a source idle",
    ),
    resource(Resource::TaskHeap),
    text("task_id", "the platform's id of the task"),
    number(
        "task_manager_cores",
        Unit::NUMBER,
        "CPU cores that one TaskManager is given",
    ),
    resource(Resource::TaskManagerMemory),
    number("task_managers", Unit::NUMBER, "present number of TaskManagers"),
    resource(Resource::TaskOffHeap),
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
