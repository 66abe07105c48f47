//! Strategies: rule templates in the format of documents, and how they are merged into a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use serde::Serialize;

use super::constant::Constant;
use super::document::{Document, Hold, MetricDeclaration, Param, Rule};
use super::limits::DocumentLimits;
use super::read::{Places, hold_of};
use super::tree::{element_path, field_path, quote};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, codes, did_you_mean};
use crate::metrics::MetricSpec;
use crate::units::Millis;

/// A strategy: a document whose parameters, definitions and rules have its name and a dot in front, `cpu.high`.
///
/// It can do nothing that a document cannot: [`print`](Self::print) it, copy it into a document and change it.
///
/// ```
/// use dras_core::rules::{Document, DocumentLimits, Template, expand};
/// let cpu = Template::builtin("cpu").unwrap();
/// let copied = Document::from_json(cpu.print(), &DocumentLimits::default()).unwrap();
/// let used = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default()).unwrap();
/// assert_eq!(expand(&copied).unwrap().document.rules, expand(&used).unwrap().document.rules);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    document: Document,
}

/// The distance that is taken for looks at the moments of a cron pattern, in ms.
const RARE_LOOKS: Millis = 3_600_000;

/// The texts of the built-in templates, by name.
const BUILT_IN: [&str; 4] = [
    include_str!("templates/cpu.json"),
    include_str!("templates/source_delay.json"),
    include_str!("templates/memory.json"),
    include_str!("templates/oom.json"),
];

// Read once, never changed; the tests prove that each of them can be read.
static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let read = |text: &&str| Document::from_json(text, &DocumentLimits::default()).ok();
    BUILT_IN
        .iter()
        .filter_map(read)
        .map(|document| Template { document })
        .collect()
});

impl Template {
    /// All built-in templates, by name.
    pub fn all() -> &'static [Template] {
        &TEMPLATES
    }

    /// The built-in template called `name`.
    pub fn builtin(name: &str) -> Option<&'static Template> {
        Template::all().iter().find(|t| t.name() == name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// What it sees and does.
    pub fn doc(&self) -> &str {
        &self.document.doc
    }

    /// Everything it consists of.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Its parameters, by the name under which a document sets them: `high`.
    pub fn params(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.document
            .params
            .iter()
            .map(|(name, param)| (self.short(name), param))
    }

    /// The whole template as a JSON document that works as it stands.
    pub fn print(&self) -> String {
        self.document.to_json()
    }

    fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.name())
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(name)
    }
}

/// Where a name or a rule of an expanded document comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// The document itself.
    Document {
        /// The place in the document: `params.high`, `rules[2]`.
        path: String,
    },
    /// A strategy, unchanged.
    Template {
        /// The name of the template.
        template: String,
        /// The name of its use.
        instance: String,
        /// The place in the printed template: `define["cpu.utilisation"]`, `rules[0]`.
        path: String,
        /// The place in the document that uses it: `strategies[0]`.
        used: String,
    },
    /// A parameter of a strategy that the document sets.
    Override {
        /// The name of the template.
        template: String,
        /// The name of its use.
        instance: String,
        /// The place in the document: `strategies[0].params.high`.
        path: String,
        /// What the template says.
        default: Constant,
    },
}

impl Origin {
    /// The path to show to an author: in the document, or `strategies[0]: cpu: rules[0]` for what stands in a template.
    pub fn path(&self) -> String {
        match self {
            Origin::Document { path } | Origin::Override { path, .. } => path.clone(),
            Origin::Template {
                template, path, used, ..
            } => format!("{used}: {template}: {path}"),
        }
    }
}

/// What [`Expanded`] knows about a rule beyond what the document says.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandedRule {
    /// How long its condition must hold, in ms: a parameter's name is replaced by its value.
    pub hold: Millis,
    /// For how long after it fired its resources do not shrink, in ms.
    pub no_shrink_for: Millis,
    /// Where it comes from.
    pub origin: Origin,
}

/// A document with its strategies merged in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expanded {
    /// A document that means the same and uses no strategy. Its rules are those of the strategies, then its own.
    pub document: Document,
    /// Where each metric, attribute, parameter and definition comes from.
    pub origins: BTreeMap<String, Origin>,
    /// The same for the rules of `document`, in their order.
    pub rules: Vec<ExpandedRule>,
}

/// A parameter of an expanded document, with the value that counts and where that comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name in expressions: `cpu.high`.
    pub name: String,
    /// Its value.
    pub value: Constant,
    /// The values that it may be set to, `10% … 100%`; `None` where there is no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// The value that a strategy has for it, where it is a strategy's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Constant>,
    /// One sentence for readers.
    pub doc: String,
    /// Where its value comes from.
    pub origin: Origin,
}

/// `cpu.high = 75% (10% … 100%; default 80%), set at strategies[0].params.high`
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.name, self.value)?;
        let range = self.range.clone();
        let default = self.default.as_ref().map(|default| format!("default {default}"));
        let more: Vec<String> = range.into_iter().chain(default).collect();
        if !more.is_empty() {
            write!(f, " ({})", more.join("; "))?;
        }
        match &self.origin {
            Origin::Template { template, .. } => write!(f, ", from the strategy {template}"),
            Origin::Document { path } | Origin::Override { path, .. } => write!(f, ", set at {path}"),
        }
    }
}

impl Expanded {
    /// All parameters, by name: the document's own and those of its strategies.
    ///
    /// ```
    /// use dras_core::rules::{Document, DocumentLimits, expand};
    /// let text = r#"{"version": 1, "strategies": [{"use": "cpu", "params": {"high": "75%"}}]}"#;
    /// let expanded = expand(&Document::from_json(text, &DocumentLimits::default())?)?;
    /// let high = expanded.parameters().into_iter().find(|p| p.name == "cpu.high");
    /// let said = high.map(|p| p.to_string());
    /// assert_eq!(said.as_deref(), Some("cpu.high = 75% (10% … 100%; default 80%), set at strategies[0].params.high"));
    /// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn parameters(&self) -> Vec<Parameter> {
        let params = self.document.params.iter();
        let known = params.filter_map(|(name, param)| Some((name, param, self.origins.get(name)?)));
        known
            .map(|(name, param, origin)| Parameter {
                name: name.clone(),
                value: param.value.clone(),
                range: param.range(),
                default: match origin {
                    Origin::Document { .. } => None,
                    Origin::Template { .. } => Some(param.value.clone()),
                    Origin::Override { default, .. } => Some(default.clone()),
                },
                doc: param.doc.clone(),
                origin: origin.clone(),
            })
            .collect()
    }

    /// The specifications of all metrics, by name.
    pub fn metrics(&self) -> Vec<MetricSpec> {
        // What is recorded has a sample at each long look.
        let looks = self.document.timing.long().period().unwrap_or(RARE_LOOKS);
        let spec = |(name, metric): (&String, &MetricDeclaration)| {
            let mut metric = metric.clone();
            if metric.record.is_some() {
                metric.interval.get_or_insert(looks);
            }
            metric.to_spec(name)
        };
        self.document.metrics.iter().map(spec).collect()
    }
}

/// Merges the strategies that `document` uses into it.
///
/// A strategy's parameters, definitions and rules are called after its use: `cpu.high`, or `night.high` for `"as": "night"`. A metric or
/// attribute that the document declares itself is used instead of the template's.
///
/// # Errors
/// An unknown strategy or parameter, a value of another type or outside its range, a name that both have, a metric that does not fit the
/// strategy, or a rule whose `for` names no duration.
pub fn expand(document: &Document) -> Result<Expanded, Diagnostics> {
    let (expanded, diagnostics) = expand_at(document, &Places::of(document));
    if diagnostics.has_errors() {
        Err(diagnostics)
    } else {
        Ok(expanded)
    }
}

/// As [`expand`], but goes on after errors.
pub(super) fn expand_at(document: &Document, places: &Places) -> (Expanded, Diagnostics) {
    let mut merge = Merge {
        expanded: Expanded {
            document: Document {
                strategies: Vec::new(),
                rules: Vec::new(),
                ..document.clone()
            },
            ..Expanded::default()
        },
        rule_names: BTreeMap::new(),
        found: Diagnostics::default(),
    };
    merge.own_names(document);
    for (index, using) in document.strategies.iter().enumerate() {
        let path = element_path("strategies", places.strategies.get(index).copied().unwrap_or(index));
        let Some(template) = Template::builtin(&using.template) else {
            let help = if let Some(near) = did_you_mean(&using.template, Template::all().iter().map(Template::name)) {
                format!("did you mean `{near}`?")
            } else {
                let names: Vec<String> = Template::all().iter().map(|t| format!("`{}`", t.name())).collect();
                format!("the strategies are {}", names.join(", "))
            };
            let message = format!("unknown strategy {}", quote(&using.template));
            merge.note(codes::UNKNOWN_STRATEGY, &field_path(&path, "use"), message, Some(help));
            continue;
        };
        merge.strategy(template, using.instance(), &using.params, &path);
    }
    for (index, rule) in document.rules.iter().enumerate() {
        let path = element_path("rules", places.rules.get(index).copied().unwrap_or(index));
        merge.rule(rule.clone(), Origin::Document { path });
    }
    merge.resolve_holds();
    (merge.expanded, merge.found)
}

struct Merge {
    expanded: Expanded,
    rule_names: BTreeMap<String, String>,
    found: Diagnostics,
}

impl Merge {
    fn note(&mut self, code: Code, path: &str, message: impl Into<String>, help: Option<String>) {
        let mut d = Diagnostic::new(code, Span::default(), message).with_path(path);
        d.help = help;
        self.found.push(d);
    }

    fn own_names(&mut self, document: &Document) {
        let groups: [(&str, Vec<&String>); 4] = [
            ("metrics", document.metrics.keys().collect()),
            ("attributes", document.attributes.keys().collect()),
            ("params", document.params.keys().collect()),
            ("define", document.define.keys().collect()),
        ];
        for (group, names) in groups {
            for name in names {
                let origin = Origin::Document {
                    path: field_path(group, name),
                };
                self.expanded.origins.insert(name.clone(), origin);
            }
        }
    }

    /// Enters a name of a strategy; false where something else has it.
    fn enter(&mut self, name: &str, origin: Origin, used: &str, help: Option<String>) -> bool {
        if let Some(taken) = self.expanded.origins.get(name) {
            let path = taken.path();
            let message = format!("`{name}` is also a name of the strategy at `{used}`");
            self.note(
                codes::DUPLICATE_NAME,
                &path,
                message,
                help.or_else(|| Some("choose another name".to_owned())),
            );
            return false;
        }
        self.expanded.origins.insert(name.to_owned(), origin);
        true
    }

    fn strategy(&mut self, template: &Template, instance: &str, overrides: &BTreeMap<String, Constant>, used: &str) {
        let from = template.document();
        // `cpu.up.repeats`, how often a rule acted, is called after the rule.
        let repeats: Vec<String> = from.rules.iter().map(|r| format!("{}.repeats", r.name)).collect();
        let own: BTreeSet<&str> = from
            .params
            .keys()
            .chain(from.define.keys())
            .chain(&repeats)
            .map(String::as_str)
            .collect();
        let called = |name: &str| format!("{instance}.{}", template.short(name));
        let origin = |path: String| Origin::Template {
            template: template.name().to_owned(),
            instance: instance.to_owned(),
            path,
            used: used.to_owned(),
        };

        let renamed = |text: &str| rename(text, &own, called);
        self.shared(template, &origin, used, &renamed);
        self.unknown_overrides(template, overrides, used);
        for (name, param) in &from.params {
            let short = template.short(name);
            let set_at = field_path(&field_path(used, "params"), short);
            let mut param = param.clone();
            let mut source = origin(field_path("params", name));
            if let Some(value) = overrides.get(short)
                && self.fits(short, &param, value, &set_at)
            {
                source = Origin::Override {
                    template: template.name().to_owned(),
                    instance: instance.to_owned(),
                    path: set_at.clone(),
                    default: std::mem::replace(&mut param.value, value.clone()),
                };
            }
            let name = called(name);
            if self.enter(
                &name,
                source,
                used,
                Some(format!("to set the parameter, write `{set_at}`")),
            ) {
                self.expanded.document.params.insert(name, param);
            }
        }
        for (name, text) in &from.define {
            let new = called(name);
            if self.enter(&new, origin(field_path("define", name)), used, None) {
                self.expanded.document.define.insert(new, rename(text, &own, called));
            }
        }
        let held = |hold: &Hold| match hold {
            Hold::Param(name) if own.contains(name.as_str()) => Hold::Param(called(name)),
            other => other.clone(),
        };
        for (index, rule) in from.rules.iter().enumerate() {
            let rule = Rule {
                name: called(&rule.name),
                doc: rule.doc.clone(),
                when: rename(&rule.when, &own, called),
                hold: held(&rule.hold),
                no_shrink_for: held(&rule.no_shrink_for),
                then: rule
                    .then
                    .iter()
                    .map(|(d, text)| (*d, rename(text, &own, called)))
                    .collect(),
                lowers: rule.lowers.as_deref().map(|text| rename(text, &own, called)),
                raises: rule.raises.as_deref().map(|text| rename(text, &own, called)),
                ..rule.clone()
            };
            self.rule(rule, origin(element_path("rules", index)));
        }
    }

    /// Metrics and attributes, which keep their names: the document's own, or another strategy's, is used where there is one.
    fn shared(
        &mut self,
        template: &Template,
        origin: &impl Fn(String) -> Origin,
        used: &str,
        renamed: &impl Fn(&str) -> String,
    ) {
        let from = template.document();
        for (name, metric) in &from.metrics {
            let Some(own) = self.expanded.document.metrics.get(name) else {
                if self.enter(name, origin(field_path("metrics", name)), used, None) {
                    let mut metric = metric.clone();
                    metric.record = metric.record.as_deref().map(renamed);
                    self.expanded.document.metrics.insert(name.clone(), metric);
                }
                continue;
            };
            let path = self.expanded.origins.get(name).map(Origin::path).unwrap_or_default();
            let kind = |k: crate::metrics::Kind| format!("{k:?}").to_lowercase();
            let misfit = if own.kind() != metric.kind() {
                Some(format!(
                    "a {}, and needs to be a {}",
                    kind(own.kind()),
                    kind(metric.kind())
                ))
            } else if own.dimension() != metric.dimension() {
                Some(format!(
                    "{}, and needs to be {}",
                    own.dimension().describe(),
                    metric.dimension().describe()
                ))
            } else {
                None
            };
            if let Some(misfit) = misfit {
                let message = format!("`{name}` does not fit the strategy at `{used}`: it is {misfit}");
                let help = "give the metric another name, or a copy of the template another metric".to_owned();
                self.note(codes::METRIC_MISFIT, &path, message, Some(help));
            }
        }
        for (name, attribute) in &from.attributes {
            let Some(own) = self.expanded.document.attributes.get(name) else {
                if self.enter(name, origin(field_path("attributes", name)), used, None) {
                    self.expanded
                        .document
                        .attributes
                        .insert(name.clone(), attribute.clone());
                }
                continue;
            };
            let dimension = |a: &super::AttributeDeclaration| a.unit.as_ref().map(|u| u.dimension).unwrap_or_default();
            if own.kind != attribute.kind || dimension(own) != dimension(attribute) {
                let path = self.expanded.origins.get(name).map(Origin::path).unwrap_or_default();
                let message = format!("`{name}` has another type or unit than the strategy at `{used}` needs");
                self.note(codes::METRIC_MISFIT, &path, message, None);
            }
        }
    }

    fn unknown_overrides(&mut self, template: &Template, overrides: &BTreeMap<String, Constant>, used: &str) {
        for name in overrides.keys().filter(|name| template.params().all(|p| p.0 != **name)) {
            // `cpu.high` is what the parameter is called in expressions; here the strategy is already said.
            let short = template.short(name);
            let near = did_you_mean(short, template.params().map(|p| p.0));
            let help = if let Some(near) = near {
                format!("did you mean `{near}`?")
            } else {
                let known: Vec<String> = template.params().map(|p| format!("`{}`", p.0)).collect();
                format!("its parameters are {}", known.join(", "))
            };
            let path = field_path(&field_path(used, "params"), name);
            let message = format!("the strategy `{}` has no parameter {}", template.name(), quote(name));
            self.note(codes::UNKNOWN_PARAMETER, &path, message, Some(help));
        }
    }

    fn fits(&mut self, name: &str, param: &Param, value: &Constant, path: &str) -> bool {
        if !param.value.same_kind(value) {
            let message = format!(
                "`{name}` is {}, and {value} is {}",
                param.value.describe(),
                value.describe()
            );
            let help = format!("its default is `{}`", param.value);
            self.note(codes::BAD_FIELD_VALUE, path, message, Some(help));
            return false;
        }
        if param.admits(value) {
            return true;
        }
        let message = format!("`{name}` is set to `{value}`, outside its range");
        let range = param.range().unwrap_or_default();
        let help = format!(
            "write {} in the range {range}; its default is `{}`",
            param.value.describe(),
            param.value
        );
        self.note(codes::PARAMETER_OUT_OF_RANGE, path, message, Some(help));
        false
    }

    fn rule(&mut self, rule: Rule, origin: Origin) {
        let path = origin.path();
        if let Some(first) = self.rule_names.get(&rule.name) {
            let message = format!("two rules are called `{}`: the other is `{first}`", rule.name);
            self.note(
                codes::DUPLICATE_NAME,
                &path,
                message,
                Some("decisions name rules: choose another name".to_owned()),
            );
            return;
        }
        self.rule_names.insert(rule.name.clone(), path);
        self.expanded.document.rules.push(rule);
        self.expanded.rules.push(ExpandedRule {
            hold: 0,
            no_shrink_for: 0,
            origin,
        });
    }

    fn resolve_holds(&mut self) {
        let mut wrong = Vec::new();
        let Expanded { document, rules, .. } = &mut self.expanded;
        for (rule, expanded) in document.rules.iter().zip(rules) {
            let path = expanded.origin.path();
            let mut resolve = |hold: &Hold, field: &str| match hold {
                Hold::For(millis) => *millis,
                Hold::Param(name) => duration_of(name, &document.params).unwrap_or_else(|(message, help)| {
                    wrong.push((field_path(&path, field), message, help));
                    0
                }),
            };
            expanded.hold = resolve(&rule.hold, "for");
            expanded.no_shrink_for = resolve(&rule.no_shrink_for, "no_shrink_for");
        }
        for (path, message, help) in wrong {
            self.note(codes::BAD_FIELD_VALUE, &path, message, help);
        }
    }
}

/// The duration that a parameter is; otherwise what is wrong, and what to write instead.
fn duration_of(name: &str, params: &BTreeMap<String, Param>) -> Result<Millis, (String, Option<String>)> {
    let Some(param) = params.get(name) else {
        let near = did_you_mean(name, params.keys().map(String::as_str));
        return Err((
            format!("`{name}` is neither a duration nor a parameter"),
            near.map(|near| format!("did you mean `{near}`?")),
        ));
    };
    hold_of(&param.value).ok_or_else(|| {
        let message = format!("`{name}` is {}, not a duration that can pass", param.value.describe());
        (message, None)
    })
}

/// The expression `text` with the names in `own` replaced by what `called` makes of them; texts in quotes stay as they are.
fn rename(text: &str, own: &BTreeSet<&str>, called: impl Fn(&str) -> String) -> String {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let mut renamed = String::with_capacity(text.len() + 16);
    let mut rest = text;
    // A letter after a digit belongs to a unit, not to a name: `5m`.
    let mut after_digit = false;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => {
                let raw = renamed.ends_with('r')
                    && !renamed
                        .trim_end_matches('r')
                        .ends_with(|c: char| is_start(c) || c == '.');
                text_length(rest, c, raw)
            }
            c if is_start(c) && !after_digit => {
                let end = rest
                    .find(|c: char| !(is_start(c) || c.is_ascii_digit() || c == '.'))
                    .unwrap_or(rest.len());
                let name = rest[..end].trim_end_matches('.');
                if own.contains(name) {
                    renamed.push_str(&called(name));
                    rest = &rest[name.len()..];
                    continue;
                }
                name.len()
            }
            c => c.len_utf8(),
        };
        after_digit = c.is_ascii_digit() || (after_digit && is_start(c));
        renamed.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    renamed
}

/// The length of the text literal that `rest` begins with.
fn text_length(rest: &str, quote: char, raw: bool) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped && !raw;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_texts_are_not() {
        let own: BTreeSet<&str> = ["cpu.high", "cpu.low"].into();
        for (text, expected) in [
            ("avg(cpu) > cpu.high", "avg(cpu) > x.high"),
            ("cpu.high*cpu.low", "x.high*x.low"),
            ("cpu.higher + my.cpu.high", "cpu.higher + my.cpu.high"),
            (
                "task_type == 'cpu.high' && cpu.high > 1",
                "task_type == 'cpu.high' && x.high > 1",
            ),
            (r"t =~ 'a\'cpu.high' || cpu.low", r"t =~ 'a\'cpu.high' || x.low"),
            (r"t =~ r'a\' || cpu.low", r"t =~ r'a\' || x.low"),
            ("5m+cpu.high", "5m+x.high"),
            ("cpu[cpu.high]", "cpu[x.high]"),
            ("'open cpu.high", "'open cpu.high"),
            ("é cpu.high é", "é x.high é"),
        ] {
            assert_eq!(rename(text, &own, |n| n.replace("cpu.", "x.")), expected);
        }
    }
}
