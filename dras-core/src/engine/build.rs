//! Compiling a document: everything that is wrong with it in one go, and a policy where nothing is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attributes::{self, Attribute};
use super::policy::{CompiledRule, Gauge, Inner, Known, Lean, Policy, Recorded, RuleInfo};
use crate::action::Resource;
use crate::calendar::Periods;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::fingerprint::fnv1a;
use crate::lang::ast::NodeKind;
use crate::lang::functions;
use crate::lang::{
    Compiler, Constant, Expected, ExpressionId, Kleene, Limits, Scope, ScopeError, Type, VariableId, parse,
};
use crate::metrics::sources::QueryTemplate;
use crate::metrics::{Catalogue, Plan, WindowSettings};
use crate::rules::{self, AttributeType, Document, Expanded, Hold, Origin};
use crate::units::Unit;

pub(crate) struct Builder<'d> {
    expanded: &'d Expanded,
    limits: Limits,
    diagnostics: Vec<Diagnostic>,
    attributes: Vec<Attribute>,
    queries: BTreeMap<String, QueryTemplate>,
}

impl<'d> Builder<'d> {
    pub(crate) fn new(expanded: &'d Expanded, limits: Limits) -> Builder<'d> {
        Builder {
            expanded,
            limits,
            diagnostics: Vec::new(),
            attributes: Vec::new(),
            queries: BTreeMap::new(),
        }
    }

    /// The policy, if there are no errors, and everything that was found.
    pub(crate) fn build(mut self, document: &Document) -> (Option<Policy>, Diagnostics) {
        let scope = self.scope();
        let mut compiler = Compiler::new(scope, self.limits);
        self.definitions(&mut compiler);
        let rules = self.rules(&mut compiler);
        let recorded = self.recorded(&mut compiler);
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
        let variable = |name: &str| compiled.scope.find_variable(name);
        let known = Known {
            resources: Resource::ALL.map(|r| variable(r.name())),
            framework_heap: variable("framework_heap"),
            framework_off_heap: variable("framework_off_heap"),
            max_parallelism: variable("max_parallelism"),
            slot_sharing_groups: variable("slot_sharing_groups"),
            slots_per_task_manager: variable("slots_per_task_manager"),
            source_partitions: variable("source_partitions"),
            task_manager_cores: variable("task_manager_cores"),
            task_managers: variable("task_managers"),
            uptime: variable(attributes::UPTIME),
            since_last_change: variable(attributes::SINCE_LAST_CHANGE),
            task_id: variable("task_id"),
        };
        let sets = |resource: &Resource| rules.iter().any(|r| r.then.iter().any(|t| t.0 == *resource));
        let from = &self.expanded.document;
        let periods = |urgent: bool| {
            let excluded = from.guards.excluded.iter().filter(|e| !(urgent && e.urgent_pass));
            excluded.map(|e| e.period.clone()).collect::<Periods>()
        };
        let urgent: Vec<&CompiledRule> = rules.iter().filter(|r| r.info.urgent).collect();
        let urgent_outputs = urgent.iter().flat_map(|r| {
            let effect = r.effect.map(Gauge::output);
            std::iter::once(r.when).chain(r.then.iter().map(|t| t.1)).chain(effect)
        });
        let urgent_outputs: Vec<usize> = urgent_outputs.collect();
        let urgent_metrics = compiled.metrics_of(urgent_outputs.iter().copied());
        let roots =
            |outputs: &mut dyn Iterator<Item = usize>| -> Vec<_> { outputs.map(|o| compiled.root_of(o)).collect() };
        let conditions = rules.iter().map(|r| r.when).chain(recorded.iter().map(|r| r.output));
        let looks = [
            Kleene::new(
                &compiled.graph,
                compiled.scope.catalogue(),
                &roots(&mut (0..compiled.outputs.len())),
                &roots(&mut conditions.clone()),
            ),
            Kleene::new(
                &compiled.graph,
                compiled.scope.catalogue(),
                &roots(&mut urgent_outputs.iter().copied()),
                &roots(&mut urgent.iter().map(|r| r.when)),
            ),
        ];
        let lean = Lean::new(&compiled, &looks[0], &rules, &roots(&mut conditions.clone()));
        let repeats: Vec<(VariableId, usize)> = rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| Some((variable(&repeats(&rule.info.name))?, index)))
            .collect();
        let attributes = (0..self.attributes.len()).map(|index| VariableId(index as u16));
        let read = attributes
            .filter(|id| {
                compiled.program.input_of(id.index()).is_some() && repeats.iter().all(|repeat| repeat.0 != *id)
            })
            .collect();
        let short = (!urgent.is_empty()).then(|| from.timing.short());
        let inner = Inner {
            name: document.name.clone(),
            fingerprint: fnv1a(&document.to_json()),
            plan,
            attributes: self.attributes,
            parameters: self.expanded.parameters(),
            mode: from.mode.unwrap_or_default(),
            rescale: from.rescale.unwrap_or_default(),
            limits: from.limits.clone(),
            sizing: from.sizing,
            guards: from.guards.clone(),
            excluded: [periods(false), periods(true)],
            long: from.timing.long(),
            short,
            looks,
            lean,
            urgent_metrics,
            settable: Resource::ALL.into_iter().filter(sets).collect(),
            rules,
            known,
            read,
            repeats,
            queries,
            recorded,
            compiled,
            warnings: found.clone(),
        };
        (Some(Policy::new(inner)), found)
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
                Ok(_) => {
                    let derived = derived(&name);
                    self.attributes.push(Attribute {
                        name,
                        ty,
                        factor,
                        derived,
                    });
                }
                Err(error) => self.taken(&error, &self.path(&name)),
            }
        }
        self.repeats(&mut scope);
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
        let document = &self.expanded.document;
        // Names mean what definitions and parameters say; a condition is another one where any of these is.
        let names = format!("{:?}{:?}", document.define, document.params);
        for (rule, expanded) in document.rules.iter().zip(&self.expanded.rules) {
            let path = expanded.origin.path();
            let when = self.add(compiler, &rule.when, Expected::Condition, &format!("{path}.when"));
            let when = compiler.output(when);
            let mut then = Vec::new();
            for (resource, target) in &rule.then {
                let expected = Expected::Value(Type::Number(resource.unit()));
                let id = self.add(compiler, target, expected, &format!("{path}.then.{}", resource.name()));
                then.push((*resource, compiler.output(id)));
            }
            let effect = match (&rule.lowers, &rule.raises) {
                (Some(text), _) => Some(Gauge::Lowers(self.gauge(compiler, text, &format!("{path}.lowers")))),
                (None, Some(text)) => Some(Gauge::Raises(self.gauge(compiler, text, &format!("{path}.raises")))),
                (None, None) => None,
            };
            let info = RuleInfo {
                name: rule.name.clone(),
                path,
                doc: rule.doc.clone(),
                hold: expanded.hold,
                priority: rule.priority,
                urgent: rule.urgent,
                alert: rule.alert.clone(),
                no_shrink_for: expanded.no_shrink_for,
            };
            compiled.push(CompiledRule {
                info,
                condition: fnv1a(&format!("{}{names}", rule.when)),
                when,
                then,
                effect,
            });
        }
        compiled
    }

    fn gauge(&mut self, compiler: &mut Compiler, text: &str, path: &str) -> usize {
        let id = self.add(compiler, text, Expected::AnyNumber, path);
        compiler.output(id)
    }

    /// The metrics that are computed, with their expressions as outputs.
    fn recorded(&mut self, compiler: &mut Compiler) -> Vec<Recorded> {
        let mut recorded = Vec::new();
        for (name, metric) in &self.expanded.document.metrics {
            let Some(text) = &metric.record else { continue };
            let path = format!("{}.record", self.path(name));
            let id = self.add(compiler, text, Expected::Value(Type::Number(metric.dimension())), &path);
            let output = compiler.output(id);
            if let Some(metric_id) = compiler.scope().catalogue().id(name) {
                recorded.push(Recorded {
                    metric: metric_id,
                    output,
                    factor: metric.unit.as_ref().map_or(1.0, |u| u.factor),
                });
            }
        }
        recorded
    }

    /// The rules whose count of repeats an expression asks for get a variable for it.
    fn repeats(&mut self, scope: &mut Scope) {
        let document = &self.expanded.document;
        let texts = || {
            let of_rules = document.rules.iter().flat_map(|r| {
                let then = r.then.values();
                then.chain([&r.when]).chain(&r.lowers).chain(&r.raises)
            });
            let recorded = document.metrics.values().filter_map(|m| m.record.as_ref());
            of_rules.chain(document.define.values()).chain(recorded)
        };
        let mut declared = Vec::new();
        for (rule, expanded) in document.rules.iter().zip(&self.expanded.rules) {
            let name = repeats(&rule.name);
            if texts().any(|text| text.contains(&name)) {
                declared.push((name, expanded.origin.path()));
            }
        }
        for (name, path) in declared {
            let ty = Type::Number(Unit::NUMBER);
            match scope.variable(&name, ty) {
                Ok(_) => self.attributes.push(Attribute {
                    name,
                    ty,
                    factor: 1.0,
                    derived: true,
                }),
                Err(error) => self.taken(&error, &path),
            }
        }
    }

    fn unused(&mut self, used: &BTreeSet<String>) {
        let document = &self.expanded.document;
        // A rule's `for` and `no_shrink_for` use a parameter by its name.
        let held = |name: &str| {
            let mut holds = document.rules.iter().flat_map(|r| [&r.hold, &r.no_shrink_for]);
            holds.any(|hold| matches!(hold, Hold::Param(param) if param == name))
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
            if rule.then.is_empty() || rule.info.alert.is_some() {
                return None;
            }
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

/// What a rule's count of repeats is called in expressions.
fn repeats(rule: &str) -> String {
    format!("{rule}.repeats")
}

/// Whether an attribute follows from the task's Flink configuration, and cannot be set.
fn derived(name: &str) -> bool {
    let component = |r: Resource| matches!(r.scope(), crate::resources::Scope::Component(..));
    matches!(name, "framework_heap" | "framework_off_heap") || Resource::from_name(name).is_some_and(component)
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
