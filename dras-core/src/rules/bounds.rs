//! What no decision leaves, whatever rules say.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::literal::exact_bytes;
use crate::resources::Resource;
use crate::resources::allocation::Quota;
use crate::units::Unit;

/// The least and the most of a resource, both included: subtasks, or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The least.
    pub min: Option<u64>,
    /// The most.
    pub max: Option<u64>,
}

/// Bounds that no decision leaves, whatever rules say.
///
/// They bound what rules want, and want nothing themselves: a task that is outside them is not brought inside for that alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Of single resources.
    pub resources: BTreeMap<Resource, Bounds>,
    /// Of all processes of the task together, held against the final numbers of a decision.
    pub total: Quota,
}

impl Limits {
    /// The bounds of a resource.
    pub fn of(&self, resource: Resource) -> Bounds {
        self.resources.get(&resource).copied().unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.total == Quota::default()
    }
}

/// An amount as an author writes it.
fn written(resource: Resource, amount: u64) -> serde_json::Value {
    if resource.unit() == Unit::BYTES {
        exact_bytes(amount).into()
    } else {
        amount.into()
    }
}

impl Serialize for Limits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (resource, bounds) in &self.resources {
            let mut fields = serde_json::Map::new();
            for (name, bound) in [("min", bounds.min), ("max", bounds.max)] {
                if let Some(bound) = bound {
                    fields.insert(name.to_owned(), written(*resource, bound));
                }
            }
            map.serialize_entry(resource.name(), &fields)?;
        }
        if self.total != Quota::default() {
            let mut fields = serde_json::Map::new();
            if let Some(most) = self.total.task_managers {
                fields.insert("task_managers".to_owned(), most.into());
            }
            if let Some(most) = self.total.cores {
                fields.insert("cores".to_owned(), most.as_f64().into());
            }
            if let Some(most) = self.total.memory {
                fields.insert("memory".to_owned(), exact_bytes(most).into());
            }
            map.serialize_entry("total", &fields)?;
        }
        map.end()
    }
}
