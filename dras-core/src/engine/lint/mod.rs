//! What is odd about the rules of a policy as a whole, found before anything is measured.
//!
//! Compiling warns of what one expression says; this looks at rules beside each other, and at what they would do at a constant load. Nothing
//! is said on a guess: what is found is either certain (from the declared ranges of metrics, the constants and the comparisons), or shown by
//! an example that is carried along: values at which it happens, or a load and the steps that it leads to.

mod bands;
mod oscillation;
mod scenario;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::policy::{Inner, Policy};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, codes};
use crate::lang::graph::GraphId;
use crate::lang::reason::{Against, Interval, Reach, Reason, State, against, entails, variable};
use crate::metrics::AggregateId;
use crate::resources::{Resource, Scope};
use crate::units::{Millis, Unit, display_quantity};

/// How many values the search for examples may visit for one policy: less than half a second of work.
const WORK: usize = 20_000_000;

/// What [`lint`] cannot know from the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LintOptions {
    /// How far back samples can be had, in ms: the retention of the Prometheus that is asked. Windows are not checked where it is not known.
    pub retention: Option<Millis>,
}

/// Everything that is odd about the rules of a policy beside each other, in their order; codes `W02…` and `I02…`.
///
/// - a condition that can never be true, or always is, given the ranges of metrics (`W0201`, `W0202`);
/// - two rules that are both true for some values and move a resource in opposite directions (`W0203`), with such values;
/// - a rule whose condition implies that of another one with the same effect (`W0204`);
/// - a threshold for less that is not below the one for more, or a target that is not between them (`W0205`);
/// - a window that reaches back further than the [retention](LintOptions::retention) (`W0206`);
/// - rules that go up and down for ever at a constant load (`W0207`), with the load and the steps;
/// - rules that only add to a resource, or only take away (`I0201`).
///
/// The load of `W0207` is a model: as long as it is constant, gauges of a ratio (`ratio`, `percent`, `ms/s`) for each TaskManager or subtask fall
/// in proportion as the parallelism grows, up to the end of their range; where none of them reads its most, back-pressure reads 0. Each
/// TaskManager has one slot and one core; attributes and metrics beyond that are not known, so that rules which need them do not take part, and
/// neither do metrics whose name, query or id in Flink speaks of idling, memory, buffers or garbage collection, since they do not behave so.
/// Limits, largest steps and the tolerance count; whatever only takes time (`for`, cool-down, stabilisation, budgets) does not, because the load
/// stays as long as it likes.
///
/// The search for examples (`W0203`, `W0207`) is bounded to less than half a second, so that in documents with hundreds of rules some may not
/// be found.
///
/// Warnings of single expressions, and of what is unused or said twice, are in [`Policy::warnings`].
///
/// ```
/// use dras_core::engine::{LintOptions, Policy, lint};
/// use dras_core::rules::DocumentLimits;
///
/// // Goes up above 60% to 45%, which is below the 50% from which it goes down again.
/// let policy = Policy::from_json(r#"{
///     "version": 1,
///     "metrics": { "busy": { "unit": "ms/s", "per": "subtask", "range": [0, 1] } },
///     "define": { "load": "avg(avg(busy[5m]))" },
///     "rules": [
///         { "name": "up", "when": "load > 60%", "then": { "parallelism": "scale_to(parallelism, load, 45%)" } },
///         { "name": "down", "when": "load < 50%", "then": { "parallelism": "parallelism - 1" } }
///     ]
/// }"#, &DocumentLimits::default())?;
/// let found = lint(&policy, &LintOptions::default());
/// let codes: Vec<&str> = found.0.iter().map(|d| d.code.id()).collect();
/// assert_eq!(codes, ["W0205", "W0207"]);
/// assert!(found.0[1].message.contains("for ever"));
/// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
/// ```
pub fn lint(policy: &Policy, options: &LintOptions) -> Diagnostics {
    let inner = policy.inner();
    let numbers: BTreeSet<usize> = crate::rules::BUILT_IN_ATTRIBUTES
        .iter()
        .filter_map(|a| inner.compiled.scope.find_variable(a.name))
        .map(crate::lang::VariableId::index)
        .collect();
    // Built-in numbers are counts, amounts and times, none of them negative.
    let reason = Reason::new(&inner.compiled, |id| {
        if numbers.contains(&id.index()) {
            Interval::POSITIVE
        } else {
            Interval::ALL
        }
    });
    let mut lint = Lint {
        inner,
        reason: &reason,
        rules: Vec::new(),
        work: WORK,
        found: Vec::new(),
    };
    lint.rules = (0..inner.rules.len()).map(|index| lint.ruled(index)).collect();
    lint.conditions();
    lint.implied();
    let odd = lint.bands();
    lint.oscillation();
    lint.contradictions(&odd);
    lint.complement();
    if let Some(retention) = options.retention {
        lint.windows(retention);
    }
    let mut found = lint.found;
    found.sort_by_key(|f| f.0);
    Diagnostics(found.into_iter().map(|f| f.1).collect())
}

/// A rule, and what is known where its condition is true.
struct Ruled<'r> {
    when: GraphId,
    /// `None` where it cannot be true.
    state: Option<State<'r>>,
    then: Vec<Target>,
}

/// A resource that a rule sets.
struct Target {
    resource: Resource,
    /// The value it sets.
    to: GraphId,
    /// What there is, where an expression of the document asks for it.
    current: Option<GraphId>,
    /// How that stands to what there is, where the condition is true.
    against: Against,
}

struct Lint<'p, 'r> {
    inner: &'p Inner,
    reason: &'r Reason<'p>,
    rules: Vec<Ruled<'r>>,
    /// What is left of [`WORK`].
    work: usize,
    /// With the index of the rule.
    found: Vec<(usize, Diagnostic)>,
}

impl<'p: 'r, 'r> Lint<'p, 'r> {
    fn ruled(&self, index: usize) -> Ruled<'r> {
        let rule = &self.inner.rules[index];
        let compiled = &self.inner.compiled;
        let when = compiled.root_of(rule.when);
        let state = State::new(self.reason).assume(when, true);
        let then = rule.then.iter().map(|&(resource, output)| {
            let to = compiled.root_of(output);
            let current = self.inner.known.resources[resource as usize].and_then(|id| variable(compiled, id));
            let against = match (&state, current) {
                (Some(state), Some(current)) => against(state, to, current),
                _ => Against::ANY,
            };
            Target {
                resource,
                to,
                current,
                against,
            }
        });
        let then = then.collect();
        Ruled { when, state, then }
    }

    fn name(&self, rule: usize) -> &'p str {
        &self.inner.rules[rule].info.name
    }

    /// Notes something at a field of a rule, with the text of the expression there.
    fn note(&mut self, code: Code, rule: usize, output: Option<usize>, message: String, help: String) {
        let info = &self.inner.rules[rule];
        let field = match output {
            Some(output) if output == info.when => ".when".to_owned(),
            Some(output) => {
                let target = info.then.iter().find(|t| t.1 == output);
                target.map_or_else(String::new, |t| format!(".then.{}", t.0.name()))
            }
            None => String::new(),
        };
        let path = format!("{}{field}", info.info.path);
        let mut d = Diagnostic::new(code, Span::default(), message)
            .with_path(path)
            .help(help);
        if let Some(output) = output {
            let source: Arc<str> = Arc::clone(&self.inner.compiled.definition(output).ast.source);
            d.span = Span::new(0, source.len());
            d = d.with_source(&source);
        }
        self.found.push((rule, d));
    }

    /// Conditions that are never true, and those that are never false.
    fn conditions(&mut self) {
        for rule in 0..self.rules.len() {
            let when = self.rules[rule].when;
            // Compiling has warned of constants, or they were written on purpose.
            if self.reason.graph().constant(when).is_some() {
                continue;
            }
            let output = Some(self.inner.rules[rule].when);
            if self.rules[rule].state.is_none() {
                let message = format!(
                    "`{}` can never fire: no values make its condition true",
                    self.name(rule)
                );
                let help = "its parts exclude each other, or a threshold lies outside what a metric's `range` allows";
                self.note(codes::UNREACHABLE_RULE, rule, output, message, help.to_owned());
            } else if State::new(self.reason).assume(when, false).is_none() {
                let message = format!("the condition of `{}` is true whenever it is defined", self.name(rule));
                let help = "a threshold lies outside what a metric's `range` allows, or a part is always true";
                self.note(codes::ALWAYS_TRUE_RULE, rule, output, message, help.to_owned());
            }
        }
    }

    /// Rules that another rule makes superfluous.
    fn implied(&mut self) {
        for rule in 0..self.rules.len() {
            let mine = &self.inner.rules[rule];
            let Some(state) = self.rules[rule].state.clone().filter(|_| !mine.then.is_empty()) else {
                continue;
            };
            let targets = |r: usize| self.rules[r].then.iter().map(|t| (t.resource, t.to));
            let by = (0..self.rules.len()).find(|&other| {
                let info = &self.inner.rules[other].info;
                // Equal conditions are a warning of compiling.
                other != rule
                    && self.rules[other].when != self.rules[rule].when
                    && targets(other).eq(targets(rule))
                    && info.hold <= mine.info.hold
                    && info.priority >= mine.info.priority
                    && info.urgent >= mine.info.urgent
                    && info.no_shrink_for >= mine.info.no_shrink_for
                    && (mine.info.alert.is_none() || mine.info.alert == info.alert)
                    && entails(&state, self.rules[other].when, true)
                    // Of two that imply each other, the first one stays.
                    && (other < rule || !self.implies(other, rule))
            });
            if let Some(by) = by {
                let message = format!(
                    "`{}` changes nothing: whenever its condition is true, so is that of `{}`, which does the same",
                    self.name(rule),
                    self.name(by)
                );
                let help = "remove it, or give it another target".to_owned();
                self.note(codes::IMPLIED_RULE, rule, Some(mine.when), message, help);
            }
        }
    }

    fn implies(&self, rule: usize, other: usize) -> bool {
        let state = self.rules[rule].state.as_ref();
        state.is_some_and(|state| entails(state, self.rules[other].when, true))
    }

    /// Resources that rules only add to, or only take away from. Memory of one process is one resource here, however it is cut.
    fn complement(&mut self) {
        let kind = |resource: Resource| match resource.scope() {
            Scope::Subtasks => None,
            Scope::Process(process) | Scope::Component(process, _) => Some(process),
        };
        let mut seen = Vec::new();
        for rule in 0..self.rules.len() {
            for target in 0..self.rules[rule].then.len() {
                let mine = &self.rules[rule].then[target];
                let resource = mine.resource;
                if seen.contains(&kind(resource)) {
                    continue;
                }
                let of_kind = || {
                    let all = self.rules.iter().flat_map(|r| &r.then);
                    all.filter(|t| kind(t.resource) == kind(resource))
                };
                let (up, down) = (of_kind().any(|t| t.against.above), of_kind().any(|t| t.against.below));
                let (does, missing, help) = match (up, down) {
                    (true, false) if mine.against.raises() => (
                        "raises",
                        "lowers",
                        "what is added for a peak stays: add a rule for less, or let `limits` bound it",
                    ),
                    (false, true) if mine.against.lowers() => (
                        "lowers",
                        "raises",
                        "what is taken away never comes back: add a rule for more",
                    ),
                    _ => continue,
                };
                seen.push(kind(resource));
                let what = match resource.process() {
                    None => "the parallelism".to_owned(),
                    Some(_) => format!("`{resource}`"),
                };
                let message = format!("`{}` {does} {what}, and no rule {missing} it", self.name(rule));
                self.note(codes::MISSING_COMPLEMENT, rule, None, message, help.to_owned());
            }
        }
    }

    /// Windows that reach back further than samples can be had.
    fn windows(&mut self, retention: Millis) {
        let plan = &self.inner.plan;
        let show = |ms: Millis| display_quantity(ms as f64 / 1000.0, Unit::SECONDS);
        let mut seen: BTreeSet<AggregateId> = BTreeSet::new();
        for rule in 0..self.rules.len() {
            let info = &self.inner.rules[rule];
            let outputs: Vec<usize> = std::iter::once(info.when)
                .chain(info.then.iter().map(|t| t.1))
                .collect();
            for output in outputs {
                let root = self.inner.compiled.root_of(output);
                for id in Reach::of(&self.inner.compiled, [root]).aggregates {
                    let asked = plan.aggregate(id);
                    let reach = asked.window.span.reach().saturating_add(asked.window.offset);
                    // What dras records itself it keeps itself.
                    let recorded = self.inner.recorded.iter().any(|r| r.metric == asked.metric);
                    if reach <= retention || recorded || !seen.insert(id) {
                        continue;
                    }
                    let metric = &plan.catalogue().spec(asked.metric).name;
                    let window = crate::lang::display_window(&asked.window);
                    let message = format!(
                        "`{metric}{window}` reaches back {}, and samples are kept for {}",
                        show(reach),
                        show(retention)
                    );
                    let help = "shorten the window, keep samples longer, or let dras `record` the metric".to_owned();
                    self.note(codes::WINDOW_BEYOND_RETENTION, rule, Some(output), message, help);
                }
            }
        }
    }

    /// Takes from the work that is left; false where none is.
    fn spend(&mut self, evaluations: usize) -> bool {
        let cost = evaluations.saturating_mul(self.reason.graph().nodes.len().max(1));
        self.work = self.work.saturating_sub(cost);
        self.work > 0
    }
}
