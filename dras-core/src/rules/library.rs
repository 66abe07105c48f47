//! Documents that extend each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::limits::DocumentLimits;
use super::merge::Merge;
use super::read::Reading;
use super::reader::{At, Reader};
use super::resolved::{Places, Resolved};
use super::tree::{self, Node, Value, quote};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes, did_you_mean};

/// Documents by name, which may extend each other: templates for a business or a kind of task, and what single tasks want otherwise.
///
/// A document that says `"extends": "base"` has everything that `base` has, and what it says itself on top:
///
/// - metrics, attributes, parameters, definitions, and the fields of `limits`, `windows` and other objects are merged by their names, field by
///   field; a bare value for a parameter keeps the parameter's range and explanation;
/// - strategies are merged by the name of their use, with their parameters; rules are replaced whole by a rule of the same name;
/// - `"remove": {"rules": ["up"]}` takes away what is not wanted, before anything is added.
///
/// `name`, `doc` and `version` are a document's own. With several parents (`"extends": ["a", "b"]`) those named later win; a document that
/// is reached twice is applied once, before all that extend it.
///
/// Documents may be added in any order: whether all parents are there is seen when a document is resolved. An error changes nothing.
///
/// ```
/// use dras_core::rules::{DocumentLimits, Library};
///
/// let mut library = Library::new(DocumentLimits::default());
/// library.add(r#"{
///     "version": 1, "name": "base",
///     "params": { "late": { "value": "1m", "min": "10s", "max": "1h" } },
///     "metrics": { "delay": { "unit": "ms", "across": "max" } },
///     "rules": [{ "name": "up", "when": "min(delay[3m]) > late", "then": { "parallelism": "parallelism * 2" } }]
/// }"#)?;
/// library.add(r#"{ "version": 1, "name": "orders", "extends": "base", "params": { "late": "30s" } }"#)?;
///
/// let orders = library.resolve("orders")?;
/// assert_eq!(orders.document().rules[0].name, "up");
/// assert_eq!(orders.origin("params.late.value"), Some(("orders", "params.late")));
/// assert_eq!(orders.origin("params.late.min"), Some(("base", "params.late.min")));
///
/// // The range is still that of `base`, and the mistake is where the value was said.
/// let found = library.replace(r#"{ "version": 1, "name": "orders", "extends": "base", "params": { "late": "5s" } }"#).unwrap_err();
/// assert_eq!((found.0[0].code.id(), found.0[0].path.as_str()), ("E0612", "params.late"));
/// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Library {
    documents: BTreeMap<String, Stored>,
    limits: DocumentLimits,
}

/// A document as it was written.
#[derive(Debug, Clone)]
struct Stored {
    root: Node,
    source: Option<Arc<str>>,
    extends: Vec<Parent>,
}

/// The name of a parent, and where it was said.
#[derive(Debug, Clone)]
struct Parent {
    name: String,
    path: String,
    span: Span,
}

impl Library {
    /// A library without documents, each of which, and each result of resolving one, stays within `limits`.
    pub fn new(limits: DocumentLimits) -> Library {
        Library {
            documents: BTreeMap::new(),
            limits,
        }
    }

    /// Adds a document from its JSON text, and gives its name.
    ///
    /// Where everything that it extends is there, it is resolved to see whether it fits.
    ///
    /// # Errors
    /// Everything that is wrong with it. It has no `name`, or its name is taken; it extends itself, directly or through others.
    pub fn add(&mut self, text: impl AsRef<[u8]>) -> Result<String, Diagnostics> {
        let stored = tree::parse(text.as_ref(), &self.limits).map(|(root, source)| (root, Some(source)));
        self.enter(stored, false).map(|names| names.0)
    }

    /// The same for a value, for documents that were written in YAML or TOML or made by a program.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_value(&mut self, value: &serde_json::Value) -> Result<String, Diagnostics> {
        let stored = tree::convert(value, &self.limits).map(|root| (root, None));
        self.enter(stored, false).map(|names| names.0)
    }

    /// Replaces the document of the same name, and gives the names of all documents that are different now: its own, and of those that
    /// extend it, in order. Whoever uses one of these compiles it anew.
    ///
    /// # Errors
    /// Everything that is wrong with it, and with the documents that extend it and could be resolved before; there is no document of its
    /// name. The old one stays then.
    pub fn replace(&mut self, text: impl AsRef<[u8]>) -> Result<Vec<String>, Diagnostics> {
        let stored = tree::parse(text.as_ref(), &self.limits).map(|(root, source)| (root, Some(source)));
        self.enter(stored, true).map(|names| names.1)
    }

    /// The same for a value.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn replace_value(&mut self, value: &serde_json::Value) -> Result<Vec<String>, Diagnostics> {
        let stored = tree::convert(value, &self.limits).map(|root| (root, None));
        self.enter(stored, true).map(|names| names.1)
    }

    /// Removes a document.
    ///
    /// # Errors
    /// There is none of this name, or others extend it.
    pub fn remove(&mut self, name: &str) -> Result<(), Diagnostics> {
        if !self.documents.contains_key(name) {
            return Err(Diagnostics(vec![self.unknown(name)]));
        }
        let users: Vec<String> = self.direct_dependents(name).iter().map(|n| format!("`{n}`")).collect();
        if !users.is_empty() {
            let message = format!("{} cannot be removed: {} extends it", quote(name), users.join(", "));
            let d = Diagnostic::new(codes::DOCUMENT_IN_USE, Span::default(), message);
            return Err(Diagnostics(vec![d.help("remove or replace those first")]));
        }
        self.documents.remove(name);
        Ok(())
    }

    /// The names of all documents, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The names that the document `name` extends, as it says them.
    pub fn parents(&self, name: &str) -> impl Iterator<Item = &str> {
        let extends = self
            .documents
            .get(name)
            .map(|d| d.extends.as_slice())
            .unwrap_or_default();
        extends.iter().map(|parent| parent.name.as_str())
    }

    /// The names of all documents that extend the document `name`, directly or through others, in order.
    pub fn dependents(&self, name: &str) -> Vec<&str> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut open = self.direct_dependents(name);
        while let Some(user) = open.pop() {
            if user != name && found.insert(user) {
                open.extend(self.direct_dependents(user));
            }
        }
        found.into_iter().collect()
    }

    fn direct_dependents(&self, name: &str) -> Vec<&str> {
        self.documents
            .iter()
            .filter(|(_, stored)| stored.extends.iter().any(|parent| parent.name == name))
            .map(|(user, _)| user.as_str())
            .collect()
    }

    /// The document `name` with everything that it inherits.
    ///
    /// # Errors
    /// There is no such document, or one that it extends is missing; the documents do not fit together; or the result has an error. Each
    /// problem is placed where it was said: paths in other documents begin with the document's name, `base: rules[2].when`.
    pub fn resolve(&self, name: &str) -> Result<Resolved, Diagnostics> {
        let order = self.order(name)?;
        let mut places = Places::default();
        let mut trees = Vec::new();
        for at in &order {
            let Some(stored) = self.documents.get(at.as_str()) else {
                continue;
            };
            trees.push(places.enter(at, stored.source.as_ref(), &stored.root));
        }
        // Keys have places too.
        if places.len() > self.limits.max_values.saturating_mul(2) {
            let message = format!(
                "with what it inherits, {} has more than {} values",
                quote(name),
                self.limits.max_values
            );
            let d = Diagnostic::new(codes::TOO_MANY, Span::default(), message).with_path("extends");
            return Err(Diagnostics(vec![d.help("the limit is `DocumentLimits::max_values`")]));
        }
        let mut merge = Merge::new(&places);
        let last = trees.len().saturating_sub(1);
        for (index, tree) in trees.into_iter().enumerate() {
            merge.apply(tree, index == last);
        }
        let (root, found) = merge.finish();
        let mut reading = Reading::of_merged(root, places, &self.limits);
        reading.diagnostics.0.splice(0..0, found);
        if reading.diagnostics.has_errors() {
            return Err(reading.diagnostics);
        }
        Ok(Resolved::new(name, reading))
    }

    /// The documents to apply, each once, after all that it extends.
    fn order(&self, name: &str) -> Result<Vec<String>, Diagnostics> {
        let Some((name, _)) = self.documents.get_key_value(name) else {
            return Err(Diagnostics(vec![self.unknown(name)]));
        };
        let mut order = Order {
            library: self,
            root: name,
            stack: Vec::new(),
            done: Vec::new(),
            found: Vec::new(),
        };
        order.visit(name);
        if order.found.is_empty() {
            Ok(order.done.into_iter().map(str::to_owned).collect())
        } else {
            Err(Diagnostics(order.found))
        }
    }

    /// What to tell somebody who names the document `name`, where there is none.
    pub(crate) fn missing(&self, name: &str) -> Option<Diagnostic> {
        (!self.documents.contains_key(name)).then(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let message = format!("there is no document called {}", quote(name));
        let help = match did_you_mean(name, self.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.documents.is_empty() => "the library has no documents".to_owned(),
            None => {
                let names: Vec<String> = self.names().take(10).map(|n| format!("`{n}`")).collect();
                let more = if self.documents.len() > 10 { ", …" } else { "" };
                format!("the documents are {}{more}", names.join(", "))
            }
        };
        Diagnostic::new(codes::UNKNOWN_DOCUMENT, Span::default(), message).help(help)
    }

    /// Adds or replaces a document; gives its name, and the names of the documents that are different now.
    fn enter(
        &mut self,
        parsed: Result<(Node, Option<Arc<str>>), Box<Diagnostic>>,
        replace: bool,
    ) -> Result<(String, Vec<String>), Diagnostics> {
        let (root, source) = parsed.map_err(|d| Diagnostics(vec![*d]))?;
        let (name, stored) = self.check_alone(root, source)?;
        let at_name = |d: Diagnostic| {
            let span = stored.root.find("name");
            let d = Diagnostic { span, ..d }.with_path("name");
            Diagnostics(vec![match &stored.source {
                Some(source) => d.with_source(source),
                None => d,
            }])
        };
        match (self.documents.contains_key(&name), replace) {
            (true, false) => {
                let message = format!("there is a document called {} already", quote(&name));
                let d = Diagnostic::new(codes::DUPLICATE_NAME, Span::default(), message);
                return Err(at_name(d.help("choose another name, or replace that one")));
            }
            (false, true) => return Err(at_name(self.unknown(&name))),
            _ => {}
        }

        let users: Vec<String> = self.dependents(&name).into_iter().map(str::to_owned).collect();
        let sound: Vec<&String> = users.iter().filter(|user| self.resolve(user).is_ok()).collect();
        let before = self.documents.insert(name.clone(), stored);
        let mut found = match self.resolve(&name) {
            Ok(_) => Vec::new(),
            Err(found) => {
                // Parents may come later; nothing else is waited for.
                let waits = found.0.iter().all(|d| d.code == codes::UNKNOWN_DOCUMENT);
                if waits && !replace { Vec::new() } else { found.0 }
            }
        };
        if found.is_empty() && replace {
            for user in sound {
                let wrong = self.resolve(user).err().unwrap_or_default();
                for d in wrong.into_iter().map(|d| seen_from(d, user)) {
                    // What one of them says wrong, all see that extend it.
                    if !found.contains(&d) {
                        found.push(d);
                    }
                }
            }
        }
        if !found.is_empty() {
            match before {
                Some(before) => self.documents.insert(name, before),
                None => self.documents.remove(&name),
            };
            return Err(Diagnostics(found));
        }
        let mut changed = users;
        changed.push(name.clone());
        changed.sort_unstable();
        Ok((name, changed))
    }

    /// What can be said of a document without those that it extends.
    fn check_alone(&self, root: Node, source: Option<Arc<str>>) -> Result<(String, Stored), Diagnostics> {
        let mut reader = Reader::new(source.clone(), self.limits.max_diagnostics);
        let at = At {
            node: &root,
            path: String::new(),
        };
        let mut name = None;
        let mut extends = Vec::new();
        if let Value::Object(entries) = &root.value {
            let Some(mut fields) = reader.fields(&at) else {
                return Err(reader.finish());
            };
            // A document of another version is not judged further; reading says why.
            let known = match fields.take("version").map(|at| &at.node.value) {
                Some(Value::Number(n)) => n.as_f64() == Some(1.0),
                _ => true,
            };
            if known {
                name = fields.require(&mut reader, "name").and_then(|at| {
                    let text = reader.text(&at)?;
                    if text.trim().is_empty() {
                        reader.at(codes::BAD_NAME, &at, "a document in a library needs a name", None);
                        return None;
                    }
                    Some(text.to_owned())
                });
            }
            if let Some(at) = fields.take("extends") {
                extends = self.parents_of(&mut reader, &at);
            }
            if let Some(at) = fields.take("remove") {
                if extends.is_empty() {
                    let help = Some("say what it `extends`, or leave it out".to_owned());
                    let message = "a document that extends nothing has nothing to remove";
                    reader.at(codes::NOTHING_TO_REMOVE, &at, message, help);
                }
                self.check_remove(&mut reader, &at, entries.len());
            }
        }
        let mut found = reader.finish();
        let stored = Stored { root, source, extends };
        if stored.extends.is_empty() {
            // Everything in one go; what both have found is said once.
            let more = self.read_alone(&stored).0;
            found.0.extend(more);
            let mut seen: Vec<Diagnostic> = Vec::new();
            found.0.retain(|d| {
                let new = !seen.contains(d);
                seen.push(d.clone());
                new
            });
            found.0.sort_by_key(|d| d.span);
        }
        match name {
            Some(name) if !found.has_errors() => Ok((name, stored)),
            _ => Err(found),
        }
    }

    /// What is wrong with a document that extends nothing.
    fn read_alone(&self, stored: &Stored) -> Diagnostics {
        let mut places = Places::default();
        let tree = places.enter("", stored.source.as_ref(), &stored.root);
        // Merged with nothing, so that what is said to the library is gone.
        let mut merge = Merge::new(&places);
        let root = if matches!(tree.value, Value::Object(_)) {
            merge.apply(tree, true);
            merge.finish().0
        } else {
            drop(merge);
            tree
        };
        Reading::of_merged(root, places, &self.limits).diagnostics
    }

    fn parents_of(&self, reader: &mut Reader, at: &At<'_>) -> Vec<Parent> {
        let elements = match &at.node.value {
            Value::Text(_) => vec![at.clone()],
            _ => reader.elements(at, self.limits.max_extends),
        };
        if elements.is_empty() && matches!(at.node.value, Value::List(_)) {
            let help = Some("leave the field out".to_owned());
            reader.at(codes::BAD_FIELD_VALUE, at, "this extends nothing", help);
        }
        let mut parents: Vec<Parent> = Vec::new();
        for at in elements {
            let Some(text) = reader.text(&at) else { continue };
            if parents.iter().any(|p| p.name == text) {
                let message = format!("{} is named twice", quote(text));
                reader.at(
                    codes::DUPLICATE_NAME,
                    &at,
                    message,
                    Some("remove one of them".to_owned()),
                );
                continue;
            }
            parents.push(Parent {
                name: text.to_owned(),
                path: at.path.clone(),
                span: at.node.span,
            });
        }
        parents
    }

    fn check_remove(&self, reader: &mut Reader, at: &At<'_>, max_sections: usize) {
        for (_, section) in reader.named(at, max_sections.max(64), |_| Ok(())) {
            for name in reader.elements(&section, self.limits.max_values) {
                reader.text(&name);
            }
        }
    }
}

/// A problem in a document that extends the one that is replaced: the path says in which.
fn seen_from(d: Diagnostic, user: &str) -> Diagnostic {
    // What the user inherits has a document's name in front already.
    if d.path.contains(": ") {
        d
    } else {
        let path = format!("{user}: {}", d.path);
        d.with_path(path)
    }
}

/// The order of application: depth first, parents before children.
struct Order<'l> {
    library: &'l Library,
    root: &'l str,
    stack: Vec<&'l str>,
    done: Vec<&'l str>,
    found: Vec<Diagnostic>,
}

impl<'l> Order<'l> {
    /// Recursion is as deep as `DocumentLimits::max_extends`.
    fn visit(&mut self, name: &'l str) {
        let Some(stored) = self.library.documents.get(name) else {
            return;
        };
        self.stack.push(name);
        for parent in &stored.extends {
            let Some((next, _)) = self.library.documents.get_key_value(&parent.name) else {
                let d = self.library.unknown(&parent.name);
                self.note(name, stored, parent, d);
                continue;
            };
            if self.done.contains(&next.as_str()) {
                continue;
            }
            if let Some(start) = self.stack.iter().position(|n| *n == next) {
                let cycle: Vec<&str> = self.stack[start..].iter().copied().chain([next.as_str()]).collect();
                let message = format!("documents extend each other in a circle: {}", cycle.join(" → "));
                let d = Diagnostic::new(codes::CYCLIC_EXTENDS, Span::default(), message);
                self.note(name, stored, parent, d.help("one of them must not extend the next"));
                continue;
            }
            if self.stack.len() > self.library.limits.max_extends {
                let message = format!(
                    "documents extend each other more than {} deep",
                    self.library.limits.max_extends
                );
                let d = Diagnostic::new(codes::TOO_MANY, Span::default(), message);
                self.note(
                    name,
                    stored,
                    parent,
                    d.help("the limit is `DocumentLimits::max_extends`"),
                );
                continue;
            }
            self.visit(next);
        }
        self.stack.pop();
        self.done.push(name);
    }

    fn note(&mut self, name: &str, stored: &Stored, parent: &Parent, d: Diagnostic) {
        let path = if name == self.root {
            parent.path.clone()
        } else {
            format!("{name}: {}", parent.path)
        };
        let d = Diagnostic { span: parent.span, ..d }.with_path(path);
        self.found.push(match &stored.source {
            Some(source) => d.with_source(source),
            None => d,
        });
    }
}
