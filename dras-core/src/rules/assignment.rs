//! Which task gets which document, as data.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{AttributeDeclaration, Version};
use super::limits::DocumentLimits;
use super::read::DocumentReader;
use super::reader::At;
use super::tree::{self, Value};
use crate::diagnostic::{Diagnostics, codes};

/// Which task gets which document: a list of conditions over the attributes of a task, of which the first that is true counts.
///
/// Compiled and asked by [`Assigner`](crate::engine::Assigner).
///
/// ```
/// use dras_core::rules::{Assignments, DocumentLimits};
/// let text = r#"{
///     "version": 1,
///     "attributes": { "team": { "type": "text" } },
///     "assignments": [
///         { "when": "team == 'orders'", "document": "orders" },
///         { "when": "task_type in ['sql', 'cep']", "document": "sql" }
///     ],
///     "default": "etl"
/// }"#;
/// let assignments = Assignments::from_json(text, &DocumentLimits::default()).unwrap();
/// assert!(assignments.documents().eq(["orders", "sql", "etl"]));
/// assert_eq!(Assignments::from_json(assignments.to_json(), &DocumentLimits::default()).unwrap(), assignments);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Assignments {
    /// The version of the format.
    pub version: Version,
    /// What they are for, for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Attributes of the task beyond the built-in ones, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeDeclaration>,
    /// In the order in which they are tried.
    pub assignments: Vec<Assignment>,
    /// The document of tasks for which no condition is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// One line of [`Assignments`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The condition over the attributes of a task.
    pub when: String,
    /// The name of the document.
    pub document: String,
    /// One sentence for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

impl Assignments {
    /// Reads assignments from JSON. The conditions are not looked into.
    ///
    /// # Errors
    /// Everything that is wrong, each with its path (`assignments[2].when`) and its place in the text.
    pub fn from_json(text: impl AsRef<[u8]>, limits: &DocumentLimits) -> Result<Assignments, Diagnostics> {
        let (root, source) = tree::parse(text.as_ref(), limits).map_err(|d| Diagnostics(vec![*d]))?;
        let mut reader = DocumentReader::new(Some(&source), limits);
        let assignments = reader.assignments(&At {
            node: &root,
            path: String::new(),
        });
        finish(assignments, reader)
    }

    /// The same for a value, for assignments that were written in YAML or TOML or made by a program.
    ///
    /// # Errors
    /// Everything that is wrong, each with its path.
    pub fn from_value(value: &serde_json::Value, limits: &DocumentLimits) -> Result<Assignments, Diagnostics> {
        let root = tree::convert(value, limits).map_err(|d| Diagnostics(vec![*d]))?;
        let mut reader = DocumentReader::new(None, limits);
        let assignments = reader.assignments(&At {
            node: &root,
            path: String::new(),
        });
        finish(assignments, reader)
    }

    /// The assignments as JSON, indented, in a fixed order.
    pub fn to_json(&self) -> String {
        // Cannot fail: all keys are texts, and no field of ours refuses to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The documents that tasks can get, in order, the default last; each as often as it is named.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        let named = self.assignments.iter().map(|a| a.document.as_str());
        named.chain(self.default.as_deref())
    }
}

fn finish(assignments: Assignments, reader: DocumentReader<'_>) -> Result<Assignments, Diagnostics> {
    let found = reader.reader.finish();
    if found.has_errors() {
        Err(found)
    } else {
        Ok(assignments)
    }
}

impl DocumentReader<'_> {
    fn assignments(&mut self, at: &At<'_>) -> Assignments {
        let mut read = Assignments::default();
        if !matches!(at.node.value, Value::Object(_)) {
            let message = format!("assignments are an object, not {}", at.node.value.describe());
            self.reader.at(codes::MALFORMED, at, message, None);
            return read;
        }
        let Some(mut fields) = self.reader.fields(at) else {
            return read;
        };
        if !self.version(&mut fields) {
            return read;
        }
        read.doc = self.optional_text(&mut fields, "doc");
        read.attributes = self.attributes(fields.take("attributes"));
        if let Some(at) = fields.require(&mut self.reader, "assignments") {
            for at in self.reader.elements(&at, self.limits.max_rules) {
                let Some(mut fields) = self.reader.fields(&at) else {
                    continue;
                };
                let when = fields.require(&mut self.reader, "when");
                let when = when.and_then(|at| self.reader.text(&at));
                let document = fields.require(&mut self.reader, "document");
                let document = document.and_then(|at| self.non_empty(&at));
                let doc = self.optional_text(&mut fields, "doc");
                fields.finish(&mut self.reader);
                if let (Some(when), Some(document)) = (when, document) {
                    let when = when.to_owned();
                    read.assignments.push(Assignment { when, document, doc });
                }
            }
        }
        read.default = fields.take("default").and_then(|at| self.non_empty(&at));
        fields.finish(&mut self.reader);
        read
    }
}
