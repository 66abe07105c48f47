//! One tree out of the trees of several documents: what `extends` means.
//!
//! Merging works on the JSON of the documents, not on what it is read into, so that a field that a later version of the format adds is merged
//! without a line here. Only three sections have a rule of their own: `params`, `rules` and `strategies`.

use std::collections::{BTreeMap, BTreeSet};

use super::constant::Constant;
use super::reader::{At, Reader};
use super::resolved::Places;
use super::tree::{Entry, Node, Value, quote};
use crate::diagnostic::{Code, Diagnostic, Span, codes, did_you_mean};

/// What a document says about itself, and not about those that extend it.
const OF_ITSELF: [&str; 3] = ["version", "name", "doc"];

/// What is said to the library, and not part of the result.
const TO_THE_LIBRARY: [&str; 2] = ["extends", "remove"];

/// The sections whose keys are names that expressions see; they share one space.
const NAMES: [&str; 4] = ["metrics", "attributes", "params", "define"];

/// Applies documents to one another, the first one first.
pub(super) struct Merge<'p> {
    places: &'p Places,
    sections: Vec<Entry>,
    span: Span,
    /// What has been removed, by section and name: that another document removes it too is no mistake.
    removed: BTreeSet<(String, String)>,
    found: Vec<Diagnostic>,
}

impl<'p> Merge<'p> {
    /// Nothing yet.
    pub(super) fn new(places: &'p Places) -> Merge<'p> {
        Merge {
            places,
            sections: Vec::new(),
            span: Span::default(),
            removed: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    /// The merged tree, and what is wrong with how the documents fit together.
    pub(super) fn finish(mut self) -> (Node, Vec<Diagnostic>) {
        self.sections.sort_by_key(|s| {
            OF_ITSELF
                .iter()
                .position(|own| *own == s.key)
                .unwrap_or(OF_ITSELF.len())
        });
        let root = Node {
            span: self.span,
            value: Value::Object(self.sections),
        };
        (root, self.found)
    }

    fn note(&mut self, code: Code, span: Span, message: String, help: Option<String>) {
        let mut d = self.places.at(span, Diagnostic::new(code, Span::default(), message));
        d.help = help;
        self.found.push(d);
    }

    /// Applies a document, the spans of whose nodes are indices of places; `last` is the one that is resolved.
    pub(super) fn apply(&mut self, document: Node, last: bool) {
        let Value::Object(entries) = document.value else { return };
        self.span = document.span;
        if let Some(remove) = entries.iter().find(|e| e.key == "remove") {
            self.remove(&remove.node);
        }
        let taken = self.names();
        let mut seen = BTreeSet::new();
        for entry in entries {
            let own = OF_ITSELF.contains(&entry.key.as_str());
            if TO_THE_LIBRARY.contains(&entry.key.as_str()) || (own && !last) {
                continue;
            }
            // Twice in one document: the reader finds both in the result and says so.
            if !seen.insert(entry.key.clone()) {
                self.sections.push(entry);
                continue;
            }
            let entry = self.without_taken(entry, &taken);
            self.section(entry);
        }
    }

    /// The names that expressions see, with the section and the place of each.
    fn names(&self) -> BTreeMap<String, (&'static str, Span)> {
        let mut names = BTreeMap::new();
        for section in &self.sections {
            let Some(kind) = NAMES.iter().find(|n| **n == section.key) else {
                continue;
            };
            if let Value::Object(entries) = &section.node.value {
                names.extend(entries.iter().map(|e| (e.key.clone(), (*kind, e.key_span))));
            }
        }
        names
    }

    /// The section without the names that mean something else in a document that is extended.
    fn without_taken(&mut self, mut section: Entry, taken: &BTreeMap<String, (&'static str, Span)>) -> Entry {
        if !NAMES.contains(&section.key.as_str()) {
            return section;
        }
        let Value::Object(entries) = &mut section.node.value else {
            return section;
        };
        let mut clashes = Vec::new();
        entries.retain(|entry| match taken.get(&entry.key) {
            Some((other, place)) if *other != section.key => {
                clashes.push((entry.key.clone(), entry.key_span, *place));
                false
            }
            _ => true,
        });
        for (name, span, place) in clashes {
            let message = format!(
                "`{name}` is declared in another section: at `{}`",
                self.places.display(place)
            );
            let help = "choose another name, or remove that one with `remove`".to_owned();
            self.note(codes::DUPLICATE_NAME, span, message, Some(help));
        }
        section
    }

    fn section(&mut self, entry: Entry) {
        let name = entry.key.clone();
        let Some(index) = self.sections.iter().position(|e| e.key == name) else {
            self.sections.push(entry);
            return;
        };
        let mut old = std::mem::replace(
            &mut self.sections[index].node,
            Node {
                span: Span::default(),
                value: Value::Null,
            },
        );
        match (name.as_str(), &mut old.value, entry.node.value) {
            ("rules", Value::List(list), Value::List(more)) => by_name(list, more, rule_name, |old, new| *old = new),
            ("strategies", Value::List(list), Value::List(more)) => by_name(list, more, instance_name, strategy),
            ("params", Value::Object(params), Value::Object(more)) => {
                by_key(params, more, |old, new| self.param(old, new));
                old.span = entry.node.span;
            }
            (_, _, value) => deep(
                &mut old,
                Node {
                    span: entry.node.span,
                    value,
                },
            ),
        }
        let section = &mut self.sections[index];
        section.node = old;
        section.key_span = entry.key_span;
    }

    /// A bare value sets the value, and keeps the range and the explanation; an object sets the fields that it has.
    fn param(&mut self, old: &mut Node, new: Node) {
        let as_field = |node: Node| {
            let span = node.span;
            let value = Entry {
                key: "value".to_owned(),
                key_span: span,
                node,
            };
            Node {
                span,
                value: Value::Object(vec![value]),
            }
        };
        let new_is_bare = !matches!(new.value, Value::Object(_));
        let old_is_bare = !matches!(old.value, Value::Object(_));
        if let (Some(before), Some((after, span))) = (value_of(old), value_of(&new))
            && let (before, after) = (before.0, after)
            && !before.same_kind(&after)
        {
            let message = format!(
                "this sets a parameter that is {} to {}",
                before.describe(),
                after.describe()
            );
            let help = format!("it is `{before}` at `{}`", self.places.display(old.span));
            self.note(codes::BAD_FIELD_VALUE, span, message, Some(help));
            return;
        }
        if new_is_bare && old_is_bare {
            *old = new;
            return;
        }
        if old_is_bare {
            let bare = std::mem::replace(
                old,
                Node {
                    span: new.span,
                    value: Value::Null,
                },
            );
            *old = as_field(bare);
        }
        deep(old, if new_is_bare { as_field(new) } else { new });
    }

    fn remove(&mut self, remove: &Node) {
        let Value::Object(sections) = &remove.value else { return };
        for section in sections {
            let Value::List(names) = &section.node.value else {
                continue;
            };
            for name in names {
                if let Value::Text(text) = &name.value {
                    self.remove_one(&section.key, text, name.span);
                }
            }
        }
    }

    fn remove_one(&mut self, section: &str, name: &str, span: Span) {
        let removed = match self
            .sections
            .iter_mut()
            .find(|e| e.key == section)
            .map(|e| &mut e.node.value)
        {
            Some(Value::List(nodes)) => {
                let named = if section == "rules" { rule_name } else { instance_name };
                let before = nodes.len();
                nodes.retain(|node| named(node) != Some(name));
                before != nodes.len()
            }
            Some(Value::Object(entries)) => {
                let before = entries.len();
                entries.retain(|entry| entry.key != name);
                before != entries.len()
            }
            _ => false,
        };
        let known = !self.removed.insert((section.to_owned(), name.to_owned()));
        if removed || known {
            return;
        }
        let there: Vec<String> = match self.sections.iter().find(|e| e.key == section).map(|e| &e.node.value) {
            Some(Value::List(nodes)) => {
                let named = if section == "rules" { rule_name } else { instance_name };
                nodes.iter().filter_map(named).map(str::to_owned).collect()
            }
            Some(Value::Object(entries)) => entries.iter().map(|e| e.key.clone()).collect(),
            _ => Vec::new(),
        };
        let help = did_you_mean(name, there.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        let message = format!(
            "there is no {} in the `{section}` of the documents that this one extends",
            quote(name)
        );
        self.note(codes::NOTHING_TO_REMOVE, span, message, help);
    }
}

/// Objects field by field, whatever their depth; anything else is replaced.
fn deep(old: &mut Node, new: Node) {
    match (&mut old.value, new.value) {
        (Value::Object(entries), Value::Object(more)) => by_key(entries, more, deep),
        (value, other) => *value = other,
    }
    old.span = new.span;
}

/// The fields of `more` into `entries`; what stands twice in `more` stands twice in the result, where the reader finds it.
fn by_key(entries: &mut Vec<Entry>, more: Vec<Entry>, mut merge: impl FnMut(&mut Node, Node)) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        places.entry(entry.key.clone()).or_insert(index);
    }
    for new in more {
        // Each place is taken once by each document.
        match places.remove(&new.key) {
            Some(index) => {
                entries[index].key_span = new.key_span;
                merge(&mut entries[index].node, new.node);
            }
            None => entries.push(new),
        }
    }
}

/// The same for lists whose elements have names.
fn by_name(
    list: &mut Vec<Node>,
    more: Vec<Node>,
    name: impl Fn(&Node) -> Option<&str>,
    merge: impl Fn(&mut Node, Node),
) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, node) in list.iter().enumerate() {
        if let Some(name) = name(node) {
            places.entry(name.to_owned()).or_insert(index);
        }
    }
    for new in more {
        match name(&new).and_then(|n| places.remove(n)) {
            Some(index) => merge(&mut list[index], new),
            None => list.push(new),
        }
    }
}

/// The same strategy with other parameters; another strategy under the same name is a new one.
fn strategy(old: &mut Node, new: Node) {
    match (text_field(old, "use"), text_field(&new, "use")) {
        (Some(before), Some(after)) if before != after => *old = new,
        _ => deep(old, new),
    }
}

/// The text of a field of an object.
fn text_field<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    let Value::Object(entries) = &node.value else {
        return None;
    };
    match &entries.iter().find(|e| e.key == field)?.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn rule_name(node: &Node) -> Option<&str> {
    text_field(node, "name")
}

/// The name of a use of a strategy: its own, or that of the strategy.
fn instance_name(node: &Node) -> Option<&str> {
    text_field(node, "as").or_else(|| text_field(node, "use"))
}

/// The value of a parameter, bare or in an object, if it is one.
fn value_of(param: &Node) -> Option<(Constant, Span)> {
    let node = match &param.value {
        Value::Object(entries) => &entries.iter().find(|e| e.key == "value")?.node,
        _ => param,
    };
    let at = At {
        node,
        path: String::new(),
    };
    // What is wrong with it is reported when the merged document is read.
    Reader::new(None, 0).constant(&at).map(|constant| (constant, node.span))
}
