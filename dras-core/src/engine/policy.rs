//! A rule document, compiled: immutable, shared by all tasks, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::attributes::{Attribute, AttributeId};
use super::build::Builder;
use crate::action::Resource;
use crate::calendar::{Cadence, Periods};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::lang::graph::GraphId;
use crate::lang::{Compiled, Demand, Emitter, Kleene, Limits, Stretch, VariableId};
use crate::metrics::sources::QueryTemplate;
use crate::metrics::{Kind, MetricId, Plan};
use crate::rules::{self, Document, DocumentLimits, Guards, Mode, Reading, Rescale, Resolved, Sizing};
use crate::units::Millis;

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
    pub(crate) parameters: Vec<rules::Parameter>,
    pub(crate) mode: Mode,
    pub(crate) rescale: Rescale,
    pub(crate) limits: rules::Limits,
    pub(crate) sizing: Sizing,
    pub(crate) guards: Guards,
    /// All times without restarts, and those in which not even urgent changes are made.
    pub(crate) excluded: [Periods; 2],
    /// When all rules are looked at, and when urgent ones are, where there are any.
    pub(crate) long: Cadence,
    pub(crate) short: Option<Cadence>,
    /// What a long look evaluates, and what a short one does: urgent rules only.
    pub(crate) looks: [Kleene; 2],
    /// What a look evaluates that asks for no more than decides.
    pub(crate) lean: Lean,
    /// The metrics that urgent rules look at.
    pub(crate) urgent_metrics: BTreeSet<MetricId>,
    pub(crate) known: Known,
    /// The attributes that any expression depends on, but for the numbers of repeats.
    pub(crate) read: Vec<VariableId>,
    /// The variables that say how often a rule's action was applied in a day, with the rule.
    pub(crate) repeats: Vec<(VariableId, usize)>,
    pub(crate) queries: BTreeMap<MetricId, QueryTemplate>,
    pub(crate) recorded: Vec<Recorded>,
    /// The resources that any rule sets.
    pub(crate) settable: Vec<Resource>,
    pub(crate) warnings: Diagnostics,
}

/// Code that asks for no more than decides.
#[derive(Debug, Clone)]
pub(crate) struct Lean {
    pub(crate) demand: Demand,
    /// The conditions of a long look with the metrics to record, and of a short one.
    pub(crate) looks: [Stretch; 2],
    /// What tells whether a rule's action works, to be run after any of these.
    pub(crate) effects: Vec<Option<Stretch>>,
}

impl Lean {
    /// `conditions` are those of all rules, and the metrics to record.
    pub(super) fn new(compiled: &Compiled, kleene: &Kleene, rules: &[CompiledRule], conditions: &[GraphId]) -> Lean {
        let outputs = (0..compiled.outputs.len()).map(|output| compiled.root_of(output));
        let mut emitter = Emitter::new(&compiled.graph, kleene, outputs);
        let urgent = rules.iter().filter(|rule| rule.info.urgent);
        let short = emitter.stretch(urgent.map(|rule| compiled.root_of(rule.when)));
        emitter.forget();
        let long = emitter.stretch(conditions.iter().copied());
        let effects = rules.iter().map(|rule| {
            let root = compiled.root_of(rule.effect?.output());
            Some(emitter.stretch(std::iter::once(root)))
        });
        let effects = effects.collect();
        Lean {
            demand: emitter.finish(),
            looks: [long, short],
            effects,
        }
    }
}

/// The built-in attributes that the engine itself uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) resources: [Option<VariableId>; Resource::COUNT],
    pub(crate) framework_heap: Option<VariableId>,
    pub(crate) framework_off_heap: Option<VariableId>,
    pub(crate) max_parallelism: Option<VariableId>,
    pub(crate) slot_sharing_groups: Option<VariableId>,
    pub(crate) slots_per_task_manager: Option<VariableId>,
    pub(crate) source_partitions: Option<VariableId>,
    pub(crate) task_manager_cores: Option<VariableId>,
    pub(crate) task_managers: Option<VariableId>,
    pub(crate) uptime: Option<VariableId>,
    pub(crate) since_last_change: Option<VariableId>,
    pub(crate) task_id: Option<VariableId>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledRule {
    pub(crate) info: RuleInfo,
    /// A number that tells its condition, with all that it uses, from others.
    pub(crate) condition: u64,
    /// The output that is the condition.
    pub(crate) when: usize,
    /// The outputs that are the targets.
    pub(crate) then: Vec<(Resource, usize)>,
    /// The output that tells whether its action works.
    pub(crate) effect: Option<Gauge>,
}

/// What tells whether an action works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gauge {
    /// It falls as resources grow.
    Lowers(usize),
    /// It rises with them.
    Raises(usize),
}

/// A metric that is computed at each long look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) metric: MetricId,
    pub(crate) output: usize,
    /// What a value in seconds, bytes or plain numbers is divided by to be in the metric's unit.
    pub(crate) factor: f64,
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
    /// Whether it is looked at on the short timer too, and does not wait for comfort.
    pub urgent: bool,
    /// What to say to people when it fires.
    pub alert: Option<String>,
    /// For how long after it fired nothing takes the resources it sets down to what they were, in ms; 0 for not at all.
    pub no_shrink_for: Millis,
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
    /// assert_eq!(rules, ["cpu.up", "cpu.waiting", "cpu.down"]);
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

    pub(crate) fn new(inner: Inner) -> Policy {
        Policy { inner: Arc::new(inner) }
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

    /// The metrics whose samples are texts, and that rules use.
    pub fn event_metrics(&self) -> impl Iterator<Item = MetricId> {
        let plan = &self.inner.plan;
        let events = plan.catalogue().iter().filter(|(_, spec)| spec.kind == Kind::Event);
        events.map(|(id, _)| id).filter(|id| plan.used(*id))
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

    /// The metrics that dras computes itself at every long look, so that nobody brings samples of them.
    pub fn recorded(&self) -> impl Iterator<Item = MetricId> {
        self.inner.recorded.iter().map(|r| r.metric)
    }

    /// The parameters, by name, with the value that counts, its range, the strategy's default and where the value comes from.
    pub fn parameters(&self) -> &[rules::Parameter] {
        &self.inner.parameters
    }

    /// What becomes of decisions.
    pub fn mode(&self) -> Mode {
        self.inner.mode
    }

    /// The least and most of each resource.
    pub fn limits(&self) -> &rules::Limits {
        &self.inner.limits
    }

    /// What holds changes back.
    pub fn guards(&self) -> &Guards {
        &self.inner.guards
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
