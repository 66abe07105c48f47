//! A document with everything that it inherits, and where each value of it was said.

use std::fmt;
use std::sync::Arc;

use super::document::Document;
use super::read::Reading;
use super::tree::{Entry, Node, Value, element_path, field_path};
use crate::diagnostic::{Diagnostic, Span};

/// A value of some document, or its key.
#[derive(Debug, Clone)]
struct Place {
    document: u32,
    path: String,
    span: Span,
}

/// Where the nodes of a merged tree were said. The span of such a node holds the index of its place, so that whatever is noted about the
/// node finds the way back.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// The names of the documents, with their texts, in the order in which they are applied; the last one is the one that is resolved.
    documents: Vec<(String, Option<Arc<str>>)>,
    places: Vec<Place>,
}

impl Places {
    /// Enters a document: its tree again, with places for spans.
    pub(super) fn enter(&mut self, name: &str, source: Option<&Arc<str>>, root: &Node) -> Node {
        if self.places.is_empty() {
            // Index 0 is no place: an empty span is that of a diagnostic without one.
            self.places.push(Place {
                document: 0,
                path: String::new(),
                span: Span::default(),
            });
        }
        self.documents.push((name.to_owned(), source.cloned()));
        self.node(root, "")
    }

    /// How many values and keys there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn place(&mut self, path: &str, span: Span) -> Span {
        let index = self.places.len();
        self.places.push(Place {
            document: self.documents.len() as u32 - 1,
            path: path.to_owned(),
            span,
        });
        Span::new(index, index + 1)
    }

    fn node(&mut self, node: &Node, path: &str) -> Node {
        let span = self.place(path, node.span);
        let value = match &node.value {
            Value::List(nodes) => Value::List(
                nodes
                    .iter()
                    .enumerate()
                    .map(|(index, node)| self.node(node, &element_path(path, index)))
                    .collect(),
            ),
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| {
                        let path = field_path(path, &entry.key);
                        Entry {
                            key: entry.key.clone(),
                            key_span: self.place(&path, entry.key_span),
                            node: self.node(&entry.node, &path),
                        }
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Node { span, value }
    }

    fn get(&self, span: Span) -> Option<&Place> {
        self.places.get(span.start as usize).filter(|_| span.start > 0)
    }

    fn is_inherited(&self, place: &Place) -> bool {
        place.document as usize + 1 != self.documents.len()
    }

    fn name(&self, place: &Place) -> &str {
        self.documents.get(place.document as usize).map_or("", |d| &d.0)
    }

    /// The place as an author knows it: with the name of its document where that is another one.
    pub(super) fn display(&self, span: Span) -> String {
        let Some(place) = self.get(span) else {
            return String::new();
        };
        if self.is_inherited(place) {
            format!("{}: {}", self.name(place), place.path)
        } else {
            place.path.clone()
        }
    }

    /// The diagnostic at its place. One that has a source of its own, such as an expression, keeps it.
    pub(super) fn at(&self, span: Span, diagnostic: Diagnostic) -> Diagnostic {
        let Some(place) = self.get(span) else { return diagnostic };
        let diagnostic = diagnostic.with_path(self.display(span));
        if diagnostic.source.is_some() {
            return diagnostic;
        }
        let diagnostic = Diagnostic {
            span: place.span,
            ..diagnostic
        };
        match self.documents.get(place.document as usize) {
            Some((_, Some(source))) => diagnostic.with_source(source),
            _ => diagnostic,
        }
    }

    /// A diagnostic with a path in the merged document, at its place. What follows a colon, a place inside a strategy, stays.
    pub(super) fn locate(&self, root: &Node, diagnostic: Diagnostic) -> Diagnostic {
        let path = diagnostic.path.clone();
        let (path, inside) = match path.split_once(": ") {
            Some((path, inside)) => (path, Some(inside)),
            None => (path.as_str(), None),
        };
        let mut diagnostic = self.at(root.find(path), diagnostic);
        if let Some(inside) = inside {
            diagnostic.path = format!("{}: {inside}", diagnostic.path);
        }
        diagnostic
    }

    /// Whether another document says what stands at `path` of the merged one.
    pub(super) fn inherits(&self, root: &Node, path: &str) -> bool {
        self.get(root.find(path)).is_some_and(|place| self.is_inherited(place))
    }
}

/// A value of a resolved document, and who says it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Said {
    /// Where it stands in the resolved document: `params.high.value`.
    pub path: String,
    /// The value, as JSON.
    pub value: String,
    /// The name of the document that says it.
    pub document: String,
    /// Where it stands there: `params.high`.
    pub at: String,
}

/// A document of a [`Library`](super::Library) with everything that it inherits: one flat document, and for every value of it who says it.
///
/// Its `Display` is a table of all values. Obtained from [`Library::resolve`](super::Library::resolve).
#[derive(Debug, Clone)]
pub struct Resolved {
    name: String,
    reading: Reading,
}

impl Resolved {
    pub(super) fn new(name: &str, reading: Reading) -> Resolved {
        Resolved {
            name: name.to_owned(),
            reading,
        }
    }

    /// The name of the document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The flat document, which extends nothing.
    pub fn document(&self) -> &Document {
        &self.reading.document
    }

    /// The flat document as it was read: for whoever checks it further, and wants what is wrong placed in the documents that say it.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The documents that were applied, in this order; the last one is the document itself.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        let merged = self.reading.merged();
        merged
            .into_iter()
            .flat_map(|(_, places)| places.documents.iter().map(|d| d.0.as_str()))
    }

    /// Who says the value at `path` of the flat document; for a path that does not exist the nearest thing around it.
    pub fn origin(&self, path: &str) -> Option<(&str, &str)> {
        let (root, places) = self.reading.merged()?;
        let place = places.get(root.find(path))?;
        Some((places.name(place), &place.path))
    }

    /// Every value of the flat document, in its order, and who says it.
    pub fn values(&self) -> Vec<Said> {
        fn walk(places: &Places, node: &Node, path: &str, said: &mut Vec<Said>) {
            let value = match &node.value {
                Value::Object(entries) if !entries.is_empty() => {
                    for entry in entries {
                        walk(places, &entry.node, &field_path(path, &entry.key), said);
                    }
                    return;
                }
                Value::List(nodes) if !nodes.is_empty() => {
                    for (index, node) in nodes.iter().enumerate() {
                        walk(places, node, &element_path(path, index), said);
                    }
                    return;
                }
                Value::Object(_) => "{}".to_owned(),
                Value::List(_) => "[]".to_owned(),
                Value::Null => "null".to_owned(),
                Value::Bool(value) => value.to_string(),
                Value::Number(value) => value.to_string(),
                Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            };
            if let Some(place) = places.get(node.span) {
                said.push(Said {
                    path: path.to_owned(),
                    value,
                    document: places.name(place).to_owned(),
                    at: place.path.clone(),
                });
            }
        }
        let mut said = Vec::new();
        if let Some((root, places)) = self.reading.merged() {
            walk(places, root, "", &mut said);
        }
        said
    }
}

/// Every value on a line: `params.high.value = "75%"   etl: params.high`.
impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 60;
        let lines: Vec<(String, String)> = self
            .values()
            .into_iter()
            .map(|said| {
                let origin = if said.at == said.path {
                    said.document
                } else {
                    format!("{}: {}", said.document, said.at)
                };
                (format!("{} = {}", said.path, said.value), origin)
            })
            .collect();
        let width = lines.iter().map(|l| l.0.chars().count()).filter(|w| *w <= WIDEST).max();
        for (index, (value, origin)) in lines.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{value:width$}  {origin}", width = width.unwrap_or(0))?;
        }
        Ok(())
    }
}
