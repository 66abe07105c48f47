//! From JSON to a [`Document`]: everything that is wrong, in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attributes::built_in_attribute;
use super::constant::Constant;
use super::document::{Document, Hold, Param, Rule, StrategyUse, WindowSettings};
use super::limits::DocumentLimits;
use super::reader::{At, Fields, Reader};
use super::resolved::Places as SourcePlaces;
use super::template::{Expanded, expand_at};
use super::tree::{self, Node, Value, quote};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::names::{NameError, check_name, check_rule_name};
use crate::resources::Resource;
use crate::units::Unit;

/// A document as far as it could be read, with everything that is wrong with it.
///
/// For whoever wants to check the readable part as well, so that an author sees all mistakes at once; everyone else uses
/// [`Document::from_json`], which gives no document while there is an error.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What could be read; entries with errors are left out.
    pub document: Document,
    /// What is wrong, in the order of the text.
    pub diagnostics: Diagnostics,
    /// Names that are declared, but not usably: that they are unknown in expressions would be no news.
    pub broken: BTreeSet<String>,
    /// Where the rules and strategies of `document` stand in their lists, since those with errors are left out.
    pub(super) places: Places,
    tree: Option<Tree>,
}

/// What a document was read from, where places in it are known.
#[derive(Debug, Clone)]
enum Tree {
    /// A text.
    Text(Node, Arc<str>),
    /// Documents that extend each other.
    Merged(Node, SourcePlaces),
}

/// The indices that the rules and strategies of a document have in the text it was read from.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) strategies: Vec<usize>,
    pub(super) rules: Vec<usize>,
}

impl Places {
    /// Those of a document of which nothing was left out.
    pub(super) fn of(document: &Document) -> Places {
        Places {
            strategies: (0..document.strategies.len()).collect(),
            rules: (0..document.rules.len()).collect(),
        }
    }
}

impl Reading {
    /// Reads a JSON text.
    pub fn from_json(text: impl AsRef<[u8]>, limits: &DocumentLimits) -> Reading {
        match tree::parse(text.as_ref(), limits) {
            Ok((root, source)) => {
                let reading = read(&root, Some(&source), limits);
                Reading {
                    tree: Some(Tree::Text(root, source)),
                    ..reading
                }
            }
            Err(diagnostic) => Reading {
                diagnostics: Diagnostics(vec![*diagnostic]),
                ..Reading::default()
            },
        }
    }

    /// Reads a value, for documents that were written in YAML or TOML or made by a program.
    pub fn from_value(value: &serde_json::Value, limits: &DocumentLimits) -> Reading {
        match tree::convert(value, limits) {
            Ok(root) => read(&root, None, limits),
            Err(diagnostic) => Reading {
                diagnostics: Diagnostics(vec![*diagnostic]),
                ..Reading::default()
            },
        }
    }

    /// The strategies merged in, with what is wrong in the document and in its use of them.
    ///
    /// This is [`expand`](super::expand) for a document that may have errors: what is usable is expanded.
    pub fn expand(&self) -> (Expanded, Diagnostics) {
        let (expanded, found) = expand_at(&self.document, &self.places);
        let mut diagnostics = self.diagnostics.clone();
        diagnostics.0.extend(found.into_iter().map(|d| self.locate(d)));
        (expanded, diagnostics)
    }

    /// Gives a diagnostic that only has a path its place in the text, if the document was read from one.
    pub fn locate(&self, diagnostic: Diagnostic) -> Diagnostic {
        match &self.tree {
            Some(Tree::Text(root, source)) if diagnostic.source.is_none() => {
                let span = root.find(&diagnostic.path);
                Diagnostic { span, ..diagnostic }.with_source(source)
            }
            Some(Tree::Merged(root, places)) => places.locate(root, diagnostic),
            _ => diagnostic,
        }
    }

    /// Reads what several documents were merged into; spans in `root` are indices of `places`.
    pub(super) fn of_merged(root: Node, places: SourcePlaces, limits: &DocumentLimits) -> Reading {
        let reading = read(&root, None, limits);
        let placed = |d: Diagnostic| places.at(d.span, d);
        let diagnostics = Diagnostics(reading.diagnostics.into_iter().map(placed).collect());
        Reading {
            diagnostics,
            tree: Some(Tree::Merged(root, places)),
            document: reading.document,
            broken: reading.broken,
            places: reading.places,
        }
    }

    /// The tree and the places of a document that was merged from several.
    pub(super) fn merged(&self) -> Option<(&Node, &SourcePlaces)> {
        match &self.tree {
            Some(Tree::Merged(root, places)) => Some((root, places)),
            _ => None,
        }
    }

    /// Whether what stands at `path` of the document is said by another one, which it extends.
    pub fn inherits(&self, path: &str) -> bool {
        self.merged().is_some_and(|(root, places)| places.inherits(root, path))
    }

    /// The document, if there is no error.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn into_document(self) -> Result<Document, Diagnostics> {
        if self.diagnostics.has_errors() {
            Err(self.diagnostics)
        } else {
            Ok(self.document)
        }
    }
}

impl Document {
    /// Reads a document from JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its path (`rules[2].then.parallelism`) and its place in the text.
    ///
    /// ```
    /// use dras_core::rules::{Document, DocumentLimits};
    /// let text = r#"{ "version": 1, "metrics": { "cpu": { "unti": "percent", "range": [0, "x"] } } }"#;
    /// let wrong = Document::from_json(text, &DocumentLimits::default()).unwrap_err();
    /// let found: Vec<(&str, &str)> = wrong.0.iter().map(|d| (d.code.id(), d.path.as_str())).collect();
    /// assert_eq!(found, [("E0602", "metrics.cpu.unti"), ("E0606", "metrics.cpu.range[1]")]);
    /// assert_eq!(wrong.0[0].help.as_deref(), Some("did you mean `unit`?"));
    /// ```
    pub fn from_json(text: impl AsRef<[u8]>, limits: &DocumentLimits) -> Result<Document, Diagnostics> {
        Reading::from_json(text, limits).into_document()
    }

    /// Reads a document from a value, for documents that were written in YAML or TOML or made by a program.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its path.
    pub fn from_value(value: &serde_json::Value, limits: &DocumentLimits) -> Result<Document, Diagnostics> {
        Reading::from_value(value, limits).into_document()
    }
}

fn read(root: &Node, source: Option<&Arc<str>>, limits: &DocumentLimits) -> Reading {
    let mut r = DocumentReader::new(source, limits);
    let document = r.document(&At {
        node: root,
        path: String::new(),
    });
    Reading {
        document,
        diagnostics: r.reader.finish(),
        broken: r.broken,
        places: r.places,
        tree: None,
    }
}

pub(super) struct DocumentReader<'l> {
    pub(super) reader: Reader,
    pub(super) limits: &'l DocumentLimits,
    /// Where each name of the space that expressions see was first declared.
    declared: BTreeMap<String, String>,
    pub(super) broken: BTreeSet<String>,
    places: Places,
}

impl<'l> DocumentReader<'l> {
    pub(super) fn new(source: Option<&Arc<str>>, limits: &'l DocumentLimits) -> DocumentReader<'l> {
        DocumentReader {
            reader: Reader::new(source.cloned(), limits.max_diagnostics),
            limits,
            declared: BTreeMap::new(),
            broken: BTreeSet::new(),
            places: Places::default(),
        }
    }

    /// Whether the version is one whose other fields can be judged.
    pub(super) fn version(&mut self, fields: &mut Fields<'_>) -> bool {
        if let Some(at) = fields.require(&mut self.reader, "version") {
            match &at.node.value {
                Value::Number(n) if n.as_f64() == Some(1.0) => {}
                Value::Number(n) => {
                    let message = format!("version `{n}` is not known");
                    let help = "this library reads version 1".to_owned();
                    self.reader.at(codes::UNSUPPORTED_VERSION, &at, message, Some(help));
                    // Whatever else such a text holds, version 1 does not judge it.
                    return false;
                }
                other => {
                    let message = format!("expected the number `1`, found {}", other.describe());
                    self.reader.at(codes::WRONG_FIELD_TYPE, &at, message, None);
                }
            }
        }
        true
    }

    fn document(&mut self, at: &At<'_>) -> Document {
        let mut document = Document::default();
        if !matches!(at.node.value, Value::Object(_)) {
            let message = format!("a rule document is an object, not {}", at.node.value.describe());
            self.reader.at(codes::MALFORMED, at, message, None);
            return document;
        }
        let Some(mut fields) = self.reader.fields(at) else {
            return document;
        };
        if !self.version(&mut fields) {
            return document;
        }
        document.name = self.optional_text(&mut fields, "name");
        document.doc = self.optional_text(&mut fields, "doc");
        let metrics = fields.take("metrics");
        document.attributes = self.attributes(fields.take("attributes"));
        document.metrics = self.metrics(metrics, &document.attributes);
        document.params = self.params(fields.take("params"));
        document.define = self.definitions(fields.take("define"));
        document.strategies = self.strategies(fields.take("strategies"));
        document.rules = self.rules(fields.take("rules"));
        document.mode = self.mode(fields.take("mode"));
        document.rescale = self.rescale(fields.take("rescale"));
        document.limits = self.limits(fields.take("limits"));
        document.sizing = self.sizing(fields.take("sizing"));
        document.guards = self.guards(fields.take("guards"));
        document.timing = self.timing(fields.take("timing"));
        document.windows = self.windows(fields.take("windows"));
        // A library takes these away before the document is read.
        for name in ["extends", "remove"] {
            if let Some(at) = fields.take(name) {
                let message = format!("`{name}` has a meaning only among other documents");
                let help = "put them into a `Library`, and resolve the document there".to_owned();
                self.reader.at(codes::NEEDS_LIBRARY, &at, message, Some(help));
            }
        }
        fields.finish(&mut self.reader);
        document
    }

    pub(super) fn optional_text(&mut self, fields: &mut Fields<'_>, name: &'static str) -> String {
        fields
            .take(name)
            .and_then(|at| self.reader.text(&at))
            .unwrap_or_default()
            .to_owned()
    }

    /// Enters a name into the space that expressions see; false where it is taken.
    fn declare(&mut self, name: &str, key_span: Span, at: &At<'_>) -> bool {
        if let Some(built_in) = built_in_attribute(name) {
            let message = format!("`{name}` is a built-in attribute of every task ({})", built_in.doc);
            self.reader.note(
                codes::DUPLICATE_NAME,
                key_span,
                &at.path,
                message,
                Some("choose another name".to_owned()),
            );
            return false;
        }
        if let Some(place) = self.declared.get(name) {
            let message = format!("`{name}` is declared twice: also at `{place}`");
            let help = "metrics, attributes, parameters and definitions share one space of names".to_owned();
            self.reader
                .note(codes::DUPLICATE_NAME, key_span, &at.path, message, Some(help));
            return false;
        }
        self.declared.insert(name.to_owned(), at.path.clone());
        true
    }

    /// Reads the entries of a map of names, each with `one`; what cannot be read is remembered as broken.
    pub(super) fn declarations<'t, T>(
        &mut self,
        at: Option<At<'t>>,
        max: usize,
        mut one: impl FnMut(&mut Self, &At<'t>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut read = BTreeMap::new();
        let Some(at) = at else { return read };
        for (entry, value) in self.reader.named(&at, max, check_name) {
            let fresh = self.declare(&entry.key, entry.key_span, &value);
            match one(self, &value) {
                Some(declaration) if fresh => {
                    read.insert(entry.key.clone(), declaration);
                }
                Some(_) => {}
                None => {
                    self.broken.insert(entry.key.clone());
                }
            }
        }
        read
    }

    fn params(&mut self, at: Option<At<'_>>) -> BTreeMap<String, Param> {
        self.declarations(at, self.limits.max_params, |this, at| {
            if !matches!(at.node.value, Value::Object(_)) {
                return this.reader.constant(at).map(Param::new);
            }
            let mut fields = this.reader.fields(at)?;
            let value = fields.require(&mut this.reader, "value");
            let constant = value.as_ref().and_then(|at| this.reader.constant(at));
            let unit = constant
                .as_ref()
                .map(|c| c.as_number().map(crate::literal::Quantity::unit));
            let mut bound = |name| {
                let at = fields.take(name)?;
                match unit {
                    Some(Some(unit)) => this.reader.quantity_in(&at, unit),
                    Some(None) => {
                        let message = "only numbers have a smallest and a largest value";
                        this.reader
                            .at(codes::BAD_FIELD_VALUE, &at, message, Some("remove it".to_owned()));
                        None
                    }
                    None => this.reader.quantity(&at),
                }
            };
            let (min, max) = (bound("min"), bound("max"));
            let doc = this.optional_text(&mut fields, "doc");
            fields.finish(&mut this.reader);
            let param = Param {
                value: constant?,
                min,
                max,
                doc,
            };
            if let (Some(min), Some(max)) = (&param.min, &param.max)
                && min.value() > max.value()
            {
                let message = format!("the smallest value `{min}` is above the largest, `{max}`");
                this.reader.at(codes::CONTRADICTING_LIMITS, at, message, None);
                return Some(param);
            }
            if let (false, Some(at), Some(range)) = (param.admits(&param.value), value, param.range()) {
                let message = format!("`{}` is outside its own range, {range}", param.value);
                this.reader.at(codes::PARAMETER_OUT_OF_RANGE, &at, message, None);
            }
            Some(param)
        })
    }

    fn definitions(&mut self, at: Option<At<'_>>) -> BTreeMap<String, String> {
        self.declarations(at, self.limits.max_definitions, |this, at| {
            this.reader.text(at).map(str::to_owned)
        })
    }

    fn strategies(&mut self, at: Option<At<'_>>) -> Vec<StrategyUse> {
        let mut read: Vec<StrategyUse> = Vec::new();
        let Some(at) = at else { return read };
        for (index, at) in self
            .reader
            .elements(&at, self.limits.max_strategies)
            .into_iter()
            .enumerate()
        {
            let Some(mut fields) = self.reader.fields(&at) else {
                continue;
            };
            let template = fields
                .require(&mut self.reader, "use")
                .and_then(|at| self.non_empty(&at));
            let instance_at = fields.take("as");
            let instance = instance_at.as_ref().and_then(|at| self.reader.name(at, check_instance));
            let mut params = BTreeMap::new();
            if let Some(at) = fields.take("params") {
                // The template knows which names there are, and says so.
                for (entry, value) in self.reader.named(&at, self.limits.max_params, |_| Ok(())) {
                    if let Some(constant) = self.reader.constant(&value) {
                        params.insert(entry.key.clone(), constant);
                    }
                }
            }
            fields.finish(&mut self.reader);
            let Some(template) = template else { continue };
            if instance_at.is_some() != instance.is_some() {
                continue;
            }
            let using = StrategyUse {
                template,
                instance,
                params,
            };
            if let Some(first) = read.iter().position(|other| other.instance() == using.instance()) {
                let first = self.places.strategies[first];
                let message = format!(
                    "{} is used twice: first at `strategies[{first}]`",
                    quote(using.instance())
                );
                let help = "give one of them a name of its own: `\"as\": \"…\"`".to_owned();
                self.reader.at(codes::DUPLICATE_NAME, &at, message, Some(help));
                continue;
            }
            read.push(using);
            self.places.strategies.push(index);
        }
        read
    }

    fn rules(&mut self, at: Option<At<'_>>) -> Vec<Rule> {
        let mut read: Vec<Rule> = Vec::new();
        let Some(at) = at else { return read };
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (index, at) in self.reader.elements(&at, self.limits.max_rules).into_iter().enumerate() {
            let Some(mut fields) = self.reader.fields(&at) else {
                continue;
            };
            let name_at = fields.require(&mut self.reader, "name");
            let name = name_at.as_ref().and_then(|at| self.reader.name(at, check_rule_name));
            let doc = self.optional_text(&mut fields, "doc");
            let when = fields
                .require(&mut self.reader, "when")
                .and_then(|at| self.reader.text(&at));
            let hold = fields.take("for").map_or(Some(Hold::NONE), |at| self.hold(&at));
            let alert_at = fields.take("alert");
            let alert = alert_at.as_ref().and_then(|at| self.non_empty(at));
            let then_at = if alert_at.is_some() {
                fields.take("then")
            } else {
                fields.require(&mut self.reader, "then")
            };
            let mut then = match &then_at {
                Some(at) => self.then(at),
                None => alert_at.is_some().then(BTreeMap::new),
            };
            if alert_at.is_some() != alert.is_some() {
                then = None;
            }
            let priority = fields
                .take("priority")
                .map_or(Some(0), |at| self.reader.whole(&at, i32::MIN.into(), i32::MAX.into()));
            let urgent = fields
                .take("urgent")
                .and_then(|at| self.reader.truth(&at))
                .unwrap_or(false);
            let no_shrink_at = fields.take("no_shrink_for");
            let no_shrink_for = no_shrink_at.as_ref().and_then(|at| self.hold(at)).unwrap_or_default();
            let mut effect = |name| {
                let at = fields.take(name)?;
                let text = self.reader.text(&at)?.to_owned();
                Some((at, text))
            };
            let (lowers, raises) = (effect("lowers"), effect("raises"));
            if let (Some(_), Some((at, _))) = (&lowers, &raises) {
                let help = "keep the one that says it best".to_owned();
                let message = "a rule says what it lowers or what it raises, not both";
                self.reader.at(codes::BAD_FIELD_VALUE, at, message, Some(help));
            }
            let sets_nothing = then.as_ref().is_some_and(BTreeMap::is_empty);
            for at in [
                no_shrink_at.as_ref(),
                lowers.as_ref().map(|e| &e.0),
                raises.as_ref().map(|e| &e.0),
            ]
            .into_iter()
            .flatten()
            .filter(|_| sets_nothing)
            {
                let message = "this rule sets no resource, so that the field has no meaning";
                self.reader.at(
                    codes::BAD_FIELD_VALUE,
                    at,
                    message,
                    Some("remove it, or add `then`".to_owned()),
                );
            }
            fields.finish(&mut self.reader);
            if let (Some(name), Some(at)) = (&name, &name_at) {
                if let Some(first) = names.get(name) {
                    let message = format!("two rules are called `{name}`: the first is `{first}`");
                    let help = "decisions name rules: choose another name".to_owned();
                    self.reader.at(codes::DUPLICATE_NAME, at, message, Some(help));
                    continue;
                }
                names.insert(name.clone(), at.path.trim_end_matches(".name").to_owned());
            }
            if let (Some(name), Some(when), Some(hold), Some(then), Some(priority)) = (name, when, hold, then, priority)
            {
                read.push(Rule {
                    name,
                    doc,
                    when: when.to_owned(),
                    hold,
                    then,
                    alert,
                    priority: priority as i32,
                    urgent,
                    no_shrink_for,
                    lowers: lowers.map(|e| e.1),
                    raises: raises.map(|e| e.1),
                });
                self.places.rules.push(index);
            }
        }
        read
    }

    /// A duration, or the name of a parameter that holds one.
    fn hold(&mut self, at: &At<'_>) -> Option<Hold> {
        match &at.node.value {
            Value::Text(text) if check_name(text).is_ok() => Some(Hold::Param(text.clone())),
            _ => self.reader.duration(at, 0).map(Hold::For),
        }
    }

    fn then(&mut self, at: &At<'_>) -> Option<BTreeMap<Resource, String>> {
        let mut fields = self.reader.fields(at)?;
        let mut then = BTreeMap::new();
        let mut given = false;
        for dimension in Resource::ALL {
            if let Some(at) = fields.take(dimension.name()) {
                given = true;
                if let Some(text) = self.reader.text(&at) {
                    then.insert(dimension, text.to_owned());
                }
            }
        }
        fields.finish(&mut self.reader);
        if matches!(&at.node.value, Value::Object(entries) if entries.is_empty()) {
            let help = "set at least one resource: `\"then\": {\"parallelism\": \"parallelism + 1\"}`".to_owned();
            self.reader
                .at(codes::RULE_WITHOUT_EFFECT, at, "this rule sets nothing", Some(help));
        }
        (given && !then.is_empty()).then_some(then)
    }

    fn windows(&mut self, at: Option<At<'_>>) -> WindowSettings {
        let mut windows = WindowSettings::default();
        let Some(mut fields) = at.and_then(|at| self.reader.fields(&at)) else {
            return windows;
        };
        windows.min_coverage = fields.take("min_coverage").and_then(|at| self.reader.share(&at));
        let samples = fields
            .take("min_samples")
            .and_then(|at| self.reader.whole(&at, 1, 1_000_000));
        windows.min_samples = samples.map(|n| n as u32);
        windows.min_instances = fields.take("min_instances").and_then(|at| self.reader.share(&at));
        windows.warm_up = fields.take("warm_up").and_then(|at| self.reader.duration(&at, 0));
        windows.max_future = fields.take("max_future").and_then(|at| self.reader.duration(&at, 0));
        fields.finish(&mut self.reader);
        windows
    }
}

/// The name of a use of a strategy: one part, because a dot and the template's names follow.
fn check_instance(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    if name.contains('.') {
        Err(NameError::Malformed { name: name.to_owned() })
    } else {
        Ok(())
    }
}

/// Whether a constant is a duration that a rule can hold for, in ms.
pub(super) fn hold_of(constant: &Constant) -> Option<crate::units::Millis> {
    let quantity = constant
        .as_number()
        .filter(|q| q.unit() == Unit::SECONDS && q.value() >= 0.0)?;
    let millis = (quantity.value() * 1e3).round();
    (millis <= 1e15).then_some(millis as crate::units::Millis)
}
