//! A rule document, compiled: immutable, shared by all tasks, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::attributes::{self, Attribute, AttributeId};
use crate::action::{Resource, ResourceLimits};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::lang::ast::NodeKind;
use crate::lang::functions;
use crate::lang::{
    Compiled, Compiler, Constant, Expected, ExpressionId, Limits, Scope, ScopeError, Type, VariableId, parse,
};
use crate::metrics::sources::QueryTemplate;
use crate::metrics::{Catalogue, MetricId, Plan, WindowSettings};
use crate::rules::{self, AttributeType, Document, DocumentLimits, Expanded, Hold, Origin, Reading, Resolved};
use crate::units::{Millis, Unit};

/// A compiled rule document. Cheap to clone; immutable, `Send + Sync`.
///
/// ```
/// use dras_core::engine::Policy;
/// use dras_core::rules::{Document, DocumentLimits};
///
/// let text = r#"{"version": 1, "rules": [{"name": "up", "when": "uptimee > 5m", "then": {"parallelism": "parallelism + 1"}}]}"#;
/// let document = Document::from_json(text, &DocumentLimits::default()).unwrap();
/// let refused = Policy::compile(&document).unwrap_err();
/// assert_eq!(refused.0[0].path, "rules[0].when");
/// assert_eq!(refused.0[0].help.as_deref(), Some("did you mean `uptime`?"));
/// ```
///
/// Policies are equal where their documents are.
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) fingerprint: u64,
    pub(crate) compiled: Compiled,
    pub(crate) plan: Plan,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) limits: ResourceLimits,
    pub(crate) known: Known,
    pub(crate) queries: BTreeMap<MetricId, QueryTemplate>,
    warnings: Diagnostics,
}

/// The built-in attributes that the engine itself uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) resources: [Option<VariableId>; 2],
    pub(crate) max_parallelism: Option<VariableId>,
    pub(crate) task_managers: Option<VariableId>,
    pub(crate) uptime: Option<VariableId>,
    pub(crate) since_last_change: Option<VariableId>,
    pub(crate) task_id: Option<VariableId>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledRule {
    pub(crate) info: RuleInfo,
    /// The output that is the condition.
    pub(crate) when: usize,
    /// The outputs that are the targets.
    pub(crate) then: Vec<(Resource, usize)>,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// Where it stands: `rules[2]`, or the strategy it comes from.
    pub path: String,
    /// One sentence for readers.
    pub doc: String,
    /// How long its condition must hold, in ms.
    pub hold: Millis,
    /// Its priority: for each resource only the proposals of the highest priority count.
    pub priority: i32,
}

impl Policy {
    /// Compiles a document with the default limits on expressions.
    ///
    /// Compiling does not change or keep the document. To replace the rules of running tasks, compile the new document first: while it has
    /// an error, the old policy goes on.
    ///
    /// ```
    /// use dras_core::engine::Policy;
    /// use dras_core::rules::{Document, DocumentLimits};
    ///
    /// let text = r#"{"version": 1, "name": "small", "strategies": [{"use": "cpu", "params": {"high": "70%"}}], "params": {"spare": 2}}"#;
    /// let policy = Policy::compile(&Document::from_json(text, &DocumentLimits::default())?)?;
    /// let rules: Vec<&str> = policy.rules().map(|rule| rule.name.as_str()).collect();
    /// assert_eq!(rules, ["cpu.up", "cpu.down"]);
    /// assert_eq!(policy.warnings().0[0].message, "the parameter `spare` is not used");
    /// // What the windows of a task with four TaskManagers may cost, known before anything runs.
    /// assert!(policy.plan().bytes_per_task(4) < 64 * 1024);
    /// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the document, in its order, each with its path; warnings are among them.
    pub fn compile(document: &Document) -> Result<Policy, Diagnostics> {
        Policy::compile_with(document, &Limits::default())
    }

    /// Compiles a document whose expressions stay within `limits`.
    ///
    /// # Errors
    /// Everything that is wrong with the document, in its order, each with its path; warnings are among them.
    pub fn compile_with(document: &Document, limits: &Limits) -> Result<Policy, Diagnostics> {
        let expanded = rules::expand(document)?;
        let (policy, found) = Builder::new(&expanded, *limits).build(document);
        policy.ok_or(found)
    }

    /// Reads and compiles the JSON text of a document, and reports what is wrong in both in one go: expressions of what is readable are
    /// checked even where other fields are wrong.
    ///
    /// ```
    /// use dras_core::engine::Policy;
    /// use dras_core::rules::DocumentLimits;
    /// let text = r#"{"version": 1, "ruels": [], "rules": [{"name": "up", "when": "uptimee > 5m", "then": {"parallelism": "2"}}]}"#;
    /// let found = Policy::from_json(text, &DocumentLimits::default()).unwrap_err();
    /// let codes: Vec<&str> = found.0.iter().map(|d| d.code.id()).collect();
    /// assert_eq!(codes, ["E0602", "E0201"]);
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the document and its expressions, each with its path; warnings are among them.
    pub fn from_json(text: impl AsRef<[u8]>, limits: &DocumentLimits) -> Result<Policy, Diagnostics> {
        Policy::of_reading(&Reading::from_json(text, limits))
    }

    /// The same for a value, for documents that were written in YAML or TOML or made by a program.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_value(value: &serde_json::Value, limits: &DocumentLimits) -> Result<Policy, Diagnostics> {
        Policy::of_reading(&Reading::from_value(value, limits))
    }

    /// Compiles a document of a library, with everything that it inherits. What is wrong is placed in the document that says it, and what it
    /// inherits without using it is not warned of: shared metrics and parameters are there for those who need them.
    ///
    /// # Errors
    /// Everything that is wrong with the document and its expressions, each with its path; warnings are among them.
    ///
    /// ```
    /// use dras_core::engine::Policy;
    /// use dras_core::rules::{DocumentLimits, Library};
    /// let mut library = Library::new(DocumentLimits::default());
    /// library.add(r#"{"version": 1, "name": "base", "params": {"calm": "1h"}, "rules": [{"name": "up", "when": "uptimee > calm", "then": {"parallelism": "2"}}]}"#)?;
    /// library.add(r#"{"version": 1, "name": "orders", "extends": "base"}"#)?;
    /// let found = Policy::from_resolved(&library.resolve("orders")?).unwrap_err();
    /// assert_eq!((found.0[0].code.id(), found.0[0].path.as_str()), ("E0201", "base: rules[0].when"));
    /// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn from_resolved(resolved: &Resolved) -> Result<Policy, Diagnostics> {
        Policy::of_reading(resolved.reading())
    }

    fn of_reading(reading: &Reading) -> Result<Policy, Diagnostics> {
        let (expanded, mut found) = reading.expand();
        let incomplete = found.has_errors();
        let (policy, more) = Builder::new(&expanded, Limits::default()).build(&reading.document);
        // Where parts of the document are missing, it is no news that names from them are unknown, or that others are not used.
        let news = |d: &Diagnostic| {
            let unused = [codes::UNUSED_DEFINITION, codes::UNUSED_PARAMETER, codes::UNUSED_METRIC];
            let follows = d.code == codes::UNKNOWN_NAME && reading.broken.contains(d.offending());
            !(follows || unused.contains(&d.code) && (incomplete || reading.inherits(&d.path)))
        };
        found.0.extend(more.into_iter().filter(news).map(|d| reading.locate(d)));
        match policy {
            Some(policy) if !incomplete => Ok(policy.with_warnings(found)),
            _ => Err(found),
        }
    }

    fn with_warnings(mut self, warnings: Diagnostics) -> Policy {
        // The policy was just made and is not shared yet.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.warnings = warnings;
        }
        self
    }

    /// Its name: that of the document.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// A number that tells this document from others; equal documents have equal ones, on every machine.
    pub fn fingerprint(&self) -> u64 {
        self.inner.fingerprint
    }

    /// What is odd about the document, though it compiles.
    pub fn warnings(&self) -> &Diagnostics {
        &self.inner.warnings
    }

    /// What the windows of a task keep: which metrics, how far back, and how many bytes.
    pub fn plan(&self) -> &Plan {
        &self.inner.plan
    }

    /// The handle of the metric called `name`; `None` where the document, with its strategies, declares none. A metric that no rule uses has
    /// a handle too, and its samples are counted as unused.
    pub fn metric(&self, name: &str) -> Option<MetricId> {
        self.inner.plan.catalogue().id(name)
    }

    /// The handle of the attribute called `name`; `None` where there is none.
    pub fn attribute(&self, name: &str) -> Option<AttributeId> {
        self.inner.compiled.scope.find_variable(name).map(AttributeId)
    }

    /// The attributes that expressions may use.
    pub fn attributes(&self) -> &[Attribute] {
        &self.inner.attributes
    }

    /// The rules, in the order in which decisions report them.
    pub fn rules(&self) -> impl Iterator<Item = &RuleInfo> {
        self.inner.rules.iter().map(|r| &r.info)
    }

    /// The least and most of each resource.
    pub fn limits(&self) -> &ResourceLimits {
        &self.inner.limits
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.inner.name)
            .field("fingerprint", &format_args!("{:016x}", self.inner.fingerprint))
            .field("rules", &self.inner.rules.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Policy) -> bool {
        self.inner.fingerprint == other.inner.fingerprint
    }
}

struct Builder<'d> {
    expanded: &'d Expanded,
    limits: Limits,
    diagnostics: Vec<Diagnostic>,
    attributes: Vec<Attribute>,
    queries: BTreeMap<String, QueryTemplate>,
}

impl<'d> Builder<'d> {
    fn new(expanded: &'d Expanded, limits: Limits) -> Builder<'d> {
        Builder {
            expanded,
            limits,
            diagnostics: Vec::new(),
            attributes: Vec::new(),
            queries: BTreeMap::new(),
        }
    }

    /// The policy, if there are no errors, and everything that was found.
    fn build(mut self, document: &Document) -> (Option<Policy>, Diagnostics) {
        let scope = self.scope();
        let mut compiler = Compiler::new(scope, self.limits);
        self.definitions(&mut compiler);
        let rules = self.rules(&mut compiler);
        self.unused(compiler.used());
        self.shadowed(&compiler, &rules);

        let settings = WindowSettings {
            min_coverage: self.expanded.document.windows.min_coverage(),
            min_samples: self.expanded.document.windows.min_samples(),
            min_instances: self.expanded.document.windows.min_instances(),
            warm_up: self.expanded.document.windows.warm_up(),
            max_future: self.expanded.document.windows.max_future(),
            ..WindowSettings::default()
        };
        let found = Diagnostics(self.diagnostics);
        let compiled = if found.has_errors() { None } else { compiler.finish() };
        let Some(compiled) = compiled else { return (None, found) };
        let catalogue = compiled.scope.catalogue().clone();
        let plan = match Plan::new(catalogue, compiled.aggregates().to_vec(), settings) {
            Ok(plan) => plan,
            Err(error) => {
                // The checker refuses windows that are too long for their function; what is left concerns the document as a whole.
                let mut found = found;
                found.push(
                    Diagnostic::new(codes::BAD_FIELD_VALUE, Span::default(), error.to_string()).with_path("windows"),
                );
                return (None, found);
            }
        };
        let queries = self
            .queries
            .into_iter()
            .filter_map(|(name, template)| Some((plan.catalogue().id(&name)?, template)))
            .filter(|(id, _)| plan.used(*id))
            .collect();
        let known = Known {
            resources: Resource::ALL.map(|r| compiled.scope.find_variable(r.name())),
            max_parallelism: compiled.scope.find_variable("max_parallelism"),
            task_managers: compiled.scope.find_variable("task_managers"),
            uptime: compiled.scope.find_variable(attributes::UPTIME),
            since_last_change: compiled.scope.find_variable(attributes::SINCE_LAST_CHANGE),
            task_id: compiled.scope.find_variable("task_id"),
        };
        let inner = Inner {
            name: document.name.clone(),
            fingerprint: fingerprint(&document.to_json()),
            compiled,
            plan,
            attributes: self.attributes,
            rules,
            limits: resource_limits(&self.expanded.document.limits),
            known,
            queries,
            warnings: found.clone(),
        };
        (Some(Policy { inner: Arc::new(inner) }), found)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn scope(&mut self) -> Scope {
        let document = &self.expanded.document;
        let declared = document
            .metrics
            .keys()
            .chain(document.attributes.keys())
            .chain(document.params.keys());
        let taken: Vec<&String> = declared
            .chain(document.define.keys())
            .filter(|name| functions::find(name).is_some())
            .collect();
        for name in taken {
            let d = Diagnostic::new(
                codes::BAD_NAME,
                Span::default(),
                format!("`{name}` is a function of the expression language"),
            );
            self.diagnostics
                .push(d.with_path(self.path(name)).help("choose another name"));
        }
        let mut specs = Vec::new();
        for spec in self.expanded.metrics() {
            let name = &spec.name.clone();
            if let Some(query) = &spec.query {
                match QueryTemplate::parse(query) {
                    Ok(template) => {
                        self.check_placeholders(name, &template);
                        self.queries.insert(name.clone(), template);
                    }
                    Err(error) => {
                        let d = Diagnostic::new(codes::BAD_QUERY_TEMPLATE, error.span, error.to_string())
                            .with_source(&Arc::from(query.as_str()))
                            .with_path(format!("{}.query", self.path(name)));
                        self.report(d);
                    }
                }
            }
            specs.push(spec);
        }
        // Names were checked to be different when the document was read and expanded.
        let catalogue = Catalogue::new(specs).unwrap_or_default();
        let mut scope = Scope::with_metrics(catalogue);
        let built_in = rules::BUILT_IN_ATTRIBUTES
            .iter()
            .map(|a| (a.name.to_owned(), attribute_type(a.kind, a.unit), 1.0));
        let declared = self.expanded.document.attributes.iter().map(|(name, a)| {
            let unit = a.unit.as_ref();
            let dimension = unit.map_or(Unit::NUMBER, |u| u.dimension);
            (
                name.clone(),
                attribute_type(a.kind, dimension),
                unit.map_or(1.0, |u| u.factor),
            )
        });
        for (name, ty, factor) in built_in.chain(declared) {
            match scope.variable(&name, ty) {
                Ok(_) => self.attributes.push(Attribute { name, ty, factor }),
                Err(error) => self.taken(&error, &self.path(&name)),
            }
        }
        for (name, param) in &self.expanded.document.params {
            let constant = match &param.value {
                rules::Constant::Number(quantity) => Constant::Number(quantity.value(), quantity.unit()),
                rules::Constant::Bool(b) => Constant::Bool(*b),
                rules::Constant::Text(text) => Constant::Text(text.as_str().into()),
            };
            if let Err(error) = scope.constant(name, constant) {
                self.taken(&error, &self.path(name));
            }
        }
        scope
    }

    /// Where a name is declared.
    fn path(&self, name: &str) -> String {
        self.expanded
            .origins
            .get(name)
            .map_or_else(|| name.to_owned(), Origin::path)
    }

    fn is_own(&self, name: &str) -> bool {
        matches!(self.expanded.origins.get(name), Some(Origin::Document { .. }))
    }

    fn taken(&mut self, error: &ScopeError, path: &str) {
        let d = Diagnostic::new(codes::DUPLICATE_NAME, Span::default(), error.to_string()).with_path(path);
        self.report(
            d.help("metrics, attributes, parameters and definitions share one space of names: rename one of them"),
        );
    }

    fn check_placeholders(&mut self, metric: &str, template: &QueryTemplate) {
        for (name, span) in template.places() {
            let text_attribute = rules::built_in_attribute(name).is_some_and(|a| a.kind == AttributeType::Text)
                || self
                    .expanded
                    .document
                    .attributes
                    .get(name)
                    .is_some_and(|a| a.kind == AttributeType::Text);
            if text_attribute {
                continue;
            }
            let d = Diagnostic::new(codes::BAD_QUERY_TEMPLATE, span, format!("`{name}` is not a text attribute of the task"))
                .label("unknown placeholder")
                .help("declare it under `attributes` with `\"type\": \"text\"`, or write `{{labels}}` for all labels of the task")
                .with_source(&Arc::from(template.source()))
                .with_path(format!("{}.query", self.path(metric)));
            self.report(d);
        }
    }

    /// Adds one expression and gives its diagnostics their path.
    fn add(&mut self, compiler: &mut Compiler, source: &str, expected: Expected, path: &str) -> ExpressionId {
        let from = self.diagnostics.len();
        let id = compiler.add(source, expected, &mut self.diagnostics);
        for diagnostic in &mut self.diagnostics[from..] {
            path.clone_into(&mut diagnostic.path);
        }
        id
    }

    /// Compiles definitions after those that they use.
    fn definitions(&mut self, compiler: &mut Compiler) {
        let define = &self.expanded.document.define;
        let uses: BTreeMap<&str, BTreeSet<&str>> = define
            .iter()
            .map(|(name, definition)| {
                let used = match parse(definition, &self.limits) {
                    Ok(ast) => ast
                        .nodes
                        .iter()
                        .filter_map(|n| match n.kind {
                            NodeKind::Name(index) => define.get_key_value(ast.text(index)).map(|d| d.0.as_str()),
                            _ => None,
                        })
                        .collect(),
                    // Its syntax errors are reported when it is compiled.
                    Err(_) => BTreeSet::new(),
                };
                (name.as_str(), used)
            })
            .collect();
        let mut left: BTreeSet<&str> = define.keys().map(String::as_str).collect();
        loop {
            let ready: Vec<&str> = left
                .iter()
                .copied()
                .filter(|name| uses.get(name).is_some_and(|u| u.is_disjoint(&left)))
                .collect();
            if ready.is_empty() {
                break;
            }
            for name in ready {
                left.remove(name);
                let definition = &define[name];
                let path = self.path(name);
                let id = self.add(compiler, definition, Expected::Anything, &path);
                if let Err(error) = compiler.define(name, id) {
                    self.taken(&error, &path);
                }
            }
        }
        for name in &left {
            // Only those on a cycle are to blame, not those that merely use one.
            if let Some(cycle) = cycle_through(name, &uses) {
                let d = Diagnostic::new(
                    codes::CYCLIC_DEFINITION,
                    Span::default(),
                    format!("the definition of `{name}` needs itself: {}", cycle.join(" → ")),
                )
                .with_path(self.path(name))
                .help("write one of them without the others");
                self.report(d);
            }
            // Known, but without a value, so that its users do not report an unknown name.
            let id = compiler.add("", Expected::Anything, &mut Vec::new());
            if let Err(error) = compiler.define(name, id) {
                self.taken(&error, &self.path(name));
            }
        }
    }

    fn rules(&mut self, compiler: &mut Compiler) -> Vec<CompiledRule> {
        let mut compiled = Vec::new();
        for (rule, expanded) in self.expanded.document.rules.iter().zip(&self.expanded.rules) {
            let path = expanded.origin.path();
            let when = self.add(compiler, &rule.when, Expected::Condition, &format!("{path}.when"));
            let when = compiler.output(when);
            let mut then = Vec::new();
            for (dimension, target) in &rule.then {
                let expected = Expected::Value(Type::Number(dimension.unit()));
                let id = self.add(compiler, target, expected, &format!("{path}.then.{}", dimension.name()));
                then.push((*dimension, compiler.output(id)));
            }
            let info = RuleInfo {
                name: rule.name.clone(),
                path,
                doc: rule.doc.clone(),
                hold: expanded.hold,
                priority: rule.priority,
            };
            compiled.push(CompiledRule { info, when, then });
        }
        compiled
    }

    fn unused(&mut self, used: &BTreeSet<String>) {
        let document = &self.expanded.document;
        // A rule's `for` uses a parameter by its name.
        let held = |name: &str| {
            document
                .rules
                .iter()
                .any(|r| matches!(&r.hold, Hold::Param(param) if param == name))
        };
        let mut unused = Vec::new();
        for (names, code, what) in [
            (
                document.define.keys().collect::<Vec<_>>(),
                codes::UNUSED_DEFINITION,
                "definition",
            ),
            (document.params.keys().collect(), codes::UNUSED_PARAMETER, "parameter"),
            (document.metrics.keys().collect(), codes::UNUSED_METRIC, "metric"),
        ] {
            for name in names {
                if self.is_own(name) && !used.contains(name) && !held(name) {
                    let d = Diagnostic::new(code, Span::default(), format!("the {what} `{name}` is not used"));
                    unused.push(d.with_path(self.path(name)).help("use it, or leave it out"));
                }
            }
        }
        self.diagnostics.extend(unused);
    }

    /// Warns of rules that say what an earlier one says.
    fn shadowed(&mut self, compiler: &Compiler, rules: &[CompiledRule]) {
        let meaning = |rule: &CompiledRule| {
            let when = compiler.output_root(rule.when)?;
            let then: Option<Vec<_>> = rule
                .then
                .iter()
                .map(|(resource, output)| Some((*resource, compiler.output_root(*output)?)))
                .collect();
            Some((when, then?))
        };
        let mut shadowed = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let Some(mine) = meaning(rule) else { continue };
            let earlier = rules[..index].iter().find(|e| meaning(e).as_ref() == Some(&mine));
            if let Some(earlier) =
                earlier.filter(|e| e.info.hold <= rule.info.hold && e.info.priority >= rule.info.priority)
            {
                shadowed.push((rule.info.clone(), earlier.info.name.clone()));
            }
        }
        for (rule, earlier) in shadowed {
            let d = Diagnostic::new(
                codes::SHADOWED_RULE,
                Span::default(),
                format!(
                    "the rule `{}` changes nothing: `{earlier}` has the same condition and effect",
                    rule.name
                ),
            );
            self.report(d.with_path(rule.path).help("remove one of them"));
        }
    }
}

fn attribute_type(kind: AttributeType, unit: Unit) -> Type {
    match kind {
        AttributeType::Number => attributes::number(unit),
        AttributeType::Text => Type::Text,
        AttributeType::Bool => Type::Bool,
    }
}

fn resource_limits(limits: &rules::Limits) -> ResourceLimits {
    let mut result = ResourceLimits::default();
    let parallelism = &limits.parallelism;
    result.set(
        Resource::Parallelism,
        parallelism.min.map(f64::from),
        parallelism.max.map(f64::from),
    );
    let memory = &limits.task_manager_memory;
    result.set(
        Resource::TaskManagerMemory,
        memory.min.map(|m| m as f64),
        memory.max.map(|m| m as f64),
    );
    result
}

/// A cycle of definitions that `name` is on, if there is one: `a → b → a`.
fn cycle_through<'n>(name: &'n str, uses: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Option<Vec<&'n str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![name];
    while let Some(at) = open.pop() {
        for next in uses.get(at)? {
            if *next == name {
                let mut path = vec![name];
                let mut back = at;
                while back != name {
                    path.push(back);
                    back = came_from.get(back)?;
                }
                path.push(name);
                path.reverse();
                return Some(path);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                open.push(next);
            }
        }
    }
    None
}

/// FNV-1a, 64 bit: small, and the same everywhere.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
