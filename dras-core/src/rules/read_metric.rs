//! Reading the declarations of metrics and attributes.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{AttributeType, BUILT_IN_ATTRIBUTES};
use super::document::{AcrossInstances, AttributeDeclaration, MetricDeclaration};
use super::read::DocumentReader;
use super::reader::{At, Fields};
use super::tree::{Value, quote};
use crate::diagnostic::{codes, did_you_mean};
use crate::metrics::sources::QueryTemplate;
use crate::metrics::{Duplicates, Infinite, Kind, NotANumber, Per};
use crate::units::{Unit, WireUnit};

/// The words for types of attributes.
pub(super) const TYPES: [(&str, AttributeType); 3] = [
    ("number", AttributeType::Number),
    ("text", AttributeType::Text),
    ("bool", AttributeType::Bool),
];
/// The words for kinds of metrics.
pub(super) const KINDS: [(&str, Kind); 3] = [
    ("gauge", Kind::Gauge),
    ("counter", Kind::Counter),
    ("event", Kind::Event),
];
/// The words for ways in which instances become one number.
pub(super) const ACROSS: [(&str, AcrossInstances); 6] = [
    ("avg", AcrossInstances::Avg),
    ("max", AcrossInstances::Max),
    ("median", AcrossInstances::Median),
    ("min", AcrossInstances::Min),
    ("spread", AcrossInstances::Spread),
    ("sum", AcrossInstances::Sum),
];
/// The words for what a series belongs to.
pub(super) const PER: [(&str, Per); 3] = [
    ("task", Per::Task),
    ("task_manager", Per::TaskManager),
    ("subtask", Per::Subtask),
];
/// The words for what becomes of NaN.
pub(super) const NAN: [(&str, NotANumber); 2] = [("skip", NotANumber::Skip), ("propagate", NotANumber::Propagate)];
/// The words for what becomes of infinities.
pub(super) const INFINITE: [(&str, Infinite); 2] = [("refuse", Infinite::Refuse), ("keep", Infinite::Keep)];
/// The words for which of two values for one moment counts.
pub(super) const DUPLICATES: [(&str, Duplicates); 3] = [
    ("larger", Duplicates::Larger),
    ("last", Duplicates::Last),
    ("first", Duplicates::First),
];

impl DocumentReader<'_> {
    pub(super) fn attributes(&mut self, at: Option<At<'_>>) -> BTreeMap<String, AttributeDeclaration> {
        self.declarations(at, self.limits.max_attributes, |this, at| {
            let mut fields = this.reader.fields(at)?;
            let kind = fields
                .require(&mut this.reader, "type")
                .and_then(|at| this.reader.choice(&at, &TYPES));
            let unit_at = fields.take("unit");
            let unit = unit_at.as_ref().and_then(|at| this.unit(at));
            let doc = this.optional_text(&mut fields, "doc");
            fields.finish(&mut this.reader);
            let kind = kind?;
            if let (Some(at), AttributeType::Text | AttributeType::Bool) = (&unit_at, kind) {
                this.reader.at(
                    codes::BAD_FIELD_VALUE,
                    at,
                    "only numbers have a unit",
                    Some("remove it".to_owned()),
                );
            }
            (unit_at.is_some() == unit.is_some()).then_some(AttributeDeclaration { kind, unit, doc })
        })
    }

    fn unit(&mut self, at: &At<'_>) -> Option<WireUnit> {
        let text = self.reader.text(at)?;
        match text.parse::<WireUnit>() {
            Ok(unit) => Some(unit),
            Err(unknown) => {
                // The message goes on with what can be written; that belongs into the help.
                let help = unknown.to_string().rsplit_once("`: ").map(|(_, how)| how.to_owned());
                self.reader.at(
                    codes::BAD_FIELD_VALUE,
                    at,
                    format!("unknown unit {}", quote(text)),
                    help,
                );
                None
            }
        }
    }

    pub(super) fn metrics(
        &mut self,
        at: Option<At<'_>>,
        attributes: &BTreeMap<String, AttributeDeclaration>,
    ) -> BTreeMap<String, MetricDeclaration> {
        self.declarations(at, self.limits.max_metrics, |this, at| {
            let mut fields = this.reader.fields(at)?;
            let metric = this.metric(&mut fields, attributes);
            fields.finish(&mut this.reader);
            metric
        })
    }

    fn metric(
        &mut self,
        fields: &mut Fields<'_>,
        attributes: &BTreeMap<String, AttributeDeclaration>,
    ) -> Option<MetricDeclaration> {
        // A declaration with a mistake is not used, so that a wrong unit does not call forth errors all over the document.
        let mut sound = true;
        macro_rules! optional {
            ($name:literal, $read:expr) => {{
                let at = fields.take($name);
                let value = at.as_ref().and_then($read);
                sound &= at.is_some() == value.is_some();
                (at, value)
            }};
        }
        let (_, doc) = optional!("doc", |at| self.reader.text(at));
        let (unit_at, unit) = optional!("unit", |at| self.unit(at));
        let (kind_at, kind) = optional!("kind", |at| self.reader.choice(at, &KINDS));
        let (_, across) = optional!("across", |at| self.reader.choice(at, &ACROSS));
        let (per_at, per) = optional!("per", |at| self.reader.choice(at, &PER));
        let dimension = unit.as_ref().map_or(Unit::NUMBER, |u: &WireUnit| u.dimension);
        let unit_known = unit_at.is_some() == unit.is_some();
        let (range_at, range) = optional!("range", |at| {
            let ends = self.reader.elements(at, 2);
            if let (Value::List(_), true) = (&at.node.value, ends.len() != 2) {
                self.reader
                    .at(codes::BAD_FIELD_VALUE, at, "a range has two ends: `[low, high]`", None);
            }
            let mut read = ends.iter().map(|end| {
                // With an unknown unit there is nothing to compare the ends' units with.
                if unit_known {
                    self.reader.quantity_in(end, dimension)
                } else {
                    self.reader.quantity(end)
                }
            });
            let (low, high) = (read.next().flatten(), read.next().flatten());
            drop(read);
            let (low, high) = (low?, high?);
            if low.value() < high.value() {
                return Some([low, high]);
            }
            let message = format!("the range `{low}` … `{high}` is empty");
            self.reader.at(
                codes::CONTRADICTING_LIMITS,
                at,
                message,
                Some("the smaller end comes first".to_owned()),
            );
            None
        });
        let (_, interval) = optional!("interval", |at| self.reader.duration(at, 1));
        let (_, staleness) = optional!("staleness", |at| self.reader.duration(at, 1));
        let (_, max_gap) = optional!("max_gap", |at| self.reader.duration(at, 1));
        let (_, max_lateness) = optional!("max_lateness", |at| self.reader.duration(at, 0));
        let (coverage_at, min_coverage) = optional!("min_coverage", |at| self.reader.share(at));
        let (nan_at, not_a_number) = optional!("nan", |at| self.reader.choice(at, &NAN));
        let (infinite_at, infinite) = optional!("infinite", |at| self.reader.choice(at, &INFINITE));
        let (duplicates_at, duplicates) = optional!("duplicates", |at| self.reader.choice(at, &DUPLICATES));
        let (query_at, query) = optional!("query", |at| self.query(at, attributes));
        let (label_at, instance_label) = optional!("instance_label", |at| self.label(at));
        let (flink_at, flink) = optional!("flink", |at| self.non_empty(at));
        let (record_at, record) = optional!("record", |at| self.non_empty(at));
        if record_at.is_some() {
            for (at, what) in [
                (&query_at, "read by a query"),
                (&flink_at, "read from Flink"),
                (&label_at, "split by a label"),
            ] {
                let Some(at) = at else { continue };
                let message = format!("a recorded metric is computed at each look, and not {what}");
                self.reader.at(
                    codes::BAD_FIELD_VALUE,
                    at,
                    message,
                    Some("remove it, or `record`".to_owned()),
                );
                sound = false;
            }
            let of_task = per.is_none_or(|per| per == Per::Task);
            for (at, good) in [(&kind_at, kind.is_none_or(|k| k == Kind::Gauge)), (&per_at, of_task)] {
                let Some(at) = at.as_ref().filter(|_| !good) else {
                    continue;
                };
                let message = "a recorded metric is a gauge of the task: one value at each look";
                self.reader
                    .at(codes::BAD_FIELD_VALUE, at, message, Some("remove it".to_owned()));
                sound = false;
            }
        }
        if kind == Some(Kind::Event) {
            for at in [unit_at, range_at, coverage_at, nan_at, infinite_at, duplicates_at]
                .into_iter()
                .flatten()
            {
                let message = "the samples of an event metric are texts: this has no meaning for them";
                self.reader
                    .at(codes::BAD_FIELD_VALUE, &at, message, Some("remove it".to_owned()));
                sound = false;
            }
        }
        sound.then(|| MetricDeclaration {
            doc: doc.unwrap_or_default().to_owned(),
            unit,
            kind,
            across,
            per,
            range,
            interval,
            staleness,
            max_gap,
            max_lateness,
            min_coverage,
            not_a_number,
            infinite,
            duplicates,
            query,
            instance_label,
            flink,
            record,
        })
    }

    pub(super) fn non_empty(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.reader.text(at)?;
        if text.trim().is_empty() {
            self.reader.at(
                codes::BAD_FIELD_VALUE,
                at,
                "an empty text",
                Some("leave the field out".to_owned()),
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// The name of a Prometheus label.
    fn label(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.non_empty(at)?;
        let good = !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if good {
            return Some(text);
        }
        let message = format!("{} is not the name of a label: letters, digits and `_`", quote(&text));
        self.reader.at(codes::BAD_FIELD_VALUE, at, message, None);
        None
    }

    fn query(&mut self, at: &At<'_>, attributes: &BTreeMap<String, AttributeDeclaration>) -> Option<String> {
        let text = self.non_empty(at)?;
        let template = match QueryTemplate::parse(&text) {
            Ok(template) => template,
            Err(bad) => {
                let help = "placeholders are written `{{labels}}` or `{{name}}`".to_owned();
                self.reader
                    .at(codes::BAD_QUERY_TEMPLATE, at, bad.to_string(), Some(help));
                return None;
            }
        };
        let built_in = BUILT_IN_ATTRIBUTES.iter().filter(|a| a.kind == AttributeType::Text);
        let declared = attributes.iter().filter(|a| a.1.kind == AttributeType::Text);
        let known: BTreeSet<&str> = built_in.map(|a| a.name).chain(declared.map(|a| a.0.as_str())).collect();
        let mut good = true;
        for name in template
            .names()
            .filter(|name| !known.contains(name) && !self.broken.contains(*name))
        {
            let message = format!("the placeholder `{name}` is neither `labels` nor a text attribute of the task");
            let help = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it: `\"attributes\": {{\"{name}\": {{\"type\": \"text\"}}}}`"),
            };
            self.reader.at(codes::BAD_QUERY_TEMPLATE, at, message, Some(help));
            good = false;
        }
        good.then_some(text)
    }
}
