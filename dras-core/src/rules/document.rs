//! Rule documents: what a platform writes down about a kind of task. Expressions stay texts here; the engine compiles them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::attributes::AttributeType;
use super::bounds::Limits;
use super::constant::Constant;
use super::guards::{Guards, Mode, Rescale, Sizing, Timing};
use crate::literal::{Quantity, exact_duration};
use crate::metrics::catalogue::DEFAULT_INTERVAL;
use crate::metrics::{Across, Duplicates, Infinite, Kind, MetricSpec, NotANumber, Per};
use crate::resources::Resource;
use crate::units::{Millis, Unit, WireUnit};

/// The version of the document format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "u32")]
#[non_exhaustive]
pub enum Version {
    /// Version 1.
    #[default]
    V1,
}

impl From<Version> for u32 {
    fn from(version: Version) -> u32 {
        match version {
            Version::V1 => 1,
        }
    }
}

/// A rule document. Fields that were not written are `None` or empty, so that writing it back changes nothing.
///
/// ```
/// use dras_core::rules::{Document, DocumentLimits};
/// let text = r#"{
///     "version": 1,
///     "rules": [{ "name": "up", "when": "uptime > 5m && lag > 1m", "for": "3m", "then": { "parallelism": "parallelism * 2" } }],
///     "metrics": { "lag": { "unit": "ms", "across": "max" } }
/// }"#;
/// let document = Document::from_json(text, &DocumentLimits::default()).unwrap();
/// assert_eq!(Document::from_json(document.to_json(), &DocumentLimits::default()).unwrap(), document);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Document {
    /// The version of the format.
    pub version: Version,
    /// Its name, for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is for, for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The metrics that its expressions use, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, MetricDeclaration>,
    /// Attributes of the task beyond the built-in ones, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeDeclaration>,
    /// Named constants.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
    /// Named expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub define: BTreeMap<String, String>,
    /// The strategy templates it uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strategies: Vec<StrategyUse>,
    /// Its own rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What becomes of decisions; monitoring where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// How a job comes to another parallelism; with a savepoint where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescale: Option<Rescale>,
    /// Bounds that no decision leaves.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// How amounts that rules want become amounts that can be had.
    #[serde(skip_serializing_if = "Sizing::is_empty")]
    pub sizing: Sizing,
    /// What holds changes back.
    #[serde(skip_serializing_if = "Guards::is_empty")]
    pub guards: Guards,
    /// When tasks are looked at.
    #[serde(skip_serializing_if = "Timing::is_empty")]
    pub timing: Timing,
    /// How much data the windows need.
    #[serde(skip_serializing_if = "WindowSettings::is_empty")]
    pub windows: WindowSettings,
}

impl Document {
    /// The document as JSON, indented, in a fixed order: equal documents give equal texts.
    pub fn to_json(&self) -> String {
        // Cannot fail: all keys are texts, and no field of ours refuses to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A metric as a document declares it; what is `None` has the default that [`to_spec`](Self::to_spec) fills in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MetricDeclaration {
    /// One sentence for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The unit its samples arrive in. Default plain numbers.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_name")]
    pub unit: Option<WireUnit>,
    /// What its samples mean. Default gauge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How its instances become one number. Default average for gauges, sum for counters and events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub across: Option<AcrossInstances>,
    /// What one series belongs to. Default the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// The smallest and largest value it can have, in the language's units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[Quantity; 2]>,
    /// The usual distance between two samples, in ms. Default 15 s.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub interval: Option<Millis>,
    /// The greatest age at which the latest sample still counts, in ms. Default max(3 intervals, 60 s).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub staleness: Option<Millis>,
    /// The longest time one sample can stand for, in ms. Default 2.5 intervals.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub max_gap: Option<Millis>,
    /// How much later than the newest sample of its series a sample may arrive, in ms. Default max(4 intervals, 60 s).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub max_lateness: Option<Millis>,
    /// The share of a window that samples must cover. Default that of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_coverage: Option<f64>,
    /// What becomes of NaN. Default skip.
    #[serde(rename = "nan", skip_serializing_if = "Option::is_none")]
    pub not_a_number: Option<NotANumber>,
    /// What becomes of infinities. Default refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infinite: Option<Infinite>,
    /// Which of two values for one moment counts. Default the larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    /// The PromQL that reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The label of the query's result that tells instances apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_label: Option<String>,
    /// The id of the metric in Flink's REST API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flink: Option<String>,
    /// The expression whose value at every long look is a sample of this metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

impl MetricDeclaration {
    /// The dimension of its values.
    pub fn dimension(&self) -> Unit {
        self.unit.as_ref().map_or(Unit::NUMBER, |u| u.dimension)
    }

    /// What its samples mean.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Gauge)
    }

    /// The complete specification, with defaults for what was not declared.
    pub fn to_spec(&self, name: &str) -> MetricSpec {
        let kind = self.kind();
        let across = self.across.unwrap_or(match kind {
            Kind::Gauge => AcrossInstances::Avg,
            Kind::Counter | Kind::Event => AcrossInstances::Sum,
        });
        let derived = MetricSpec::new(name).with_interval(self.interval.unwrap_or(DEFAULT_INTERVAL));
        MetricSpec {
            doc: self.doc.clone(),
            unit: self.unit.clone().unwrap_or_else(WireUnit::number),
            kind,
            across: across.into(),
            per: self.per.unwrap_or(Per::Task),
            range: self.range.as_ref().map(|[low, high]| (low.value(), high.value())),
            staleness: self.staleness.unwrap_or(derived.staleness),
            max_gap: self.max_gap.unwrap_or(derived.max_gap),
            max_lateness: self.max_lateness.unwrap_or(derived.max_lateness),
            min_coverage: self.min_coverage,
            not_a_number: self.not_a_number.unwrap_or_default(),
            infinite: self.infinite.unwrap_or_default(),
            duplicates: self.duplicates.unwrap_or_default(),
            query: self.query.clone(),
            instance_label: self.instance_label.clone(),
            flink: self.flink.clone(),
            ..derived
        }
    }
}

/// How the instances of a metric become one number where one is needed. All of them keep the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AcrossInstances {
    /// Mean.
    Avg,
    /// Largest.
    Max,
    /// Median.
    Median,
    /// Smallest.
    Min,
    /// Largest less smallest.
    Spread,
    /// Sum.
    Sum,
}

impl From<AcrossInstances> for Across {
    fn from(across: AcrossInstances) -> Across {
        match across {
            AcrossInstances::Avg => Across::Avg,
            AcrossInstances::Max => Across::Max,
            AcrossInstances::Median => Across::Quantile(0.5),
            AcrossInstances::Min => Across::Min,
            AcrossInstances::Spread => Across::Spread,
            AcrossInstances::Sum => Across::Sum,
        }
    }
}

/// An attribute of the task as a document declares it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttributeDeclaration {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// The unit that the platform gives it in; only for numbers. Default plain numbers.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_name")]
    pub unit: Option<WireUnit>,
    /// One sentence for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// A named constant, with the range it may be set to.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its value.
    pub value: Constant,
    /// The smallest value, where it is a number with a lower bound.
    pub min: Option<Quantity>,
    /// The largest value, where it is a number with an upper bound.
    pub max: Option<Quantity>,
    /// One sentence for readers.
    pub doc: String,
}

impl Param {
    /// A parameter without range and explanation.
    pub fn new(value: Constant) -> Param {
        Param {
            value,
            min: None,
            max: None,
            doc: String::new(),
        }
    }

    /// The range as text, `10% … 100%`; `None` where there is no bound.
    pub fn range(&self) -> Option<String> {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => Some(format!("{min} … {max}")),
            (Some(min), None) => Some(format!("at least {min}")),
            (None, Some(max)) => Some(format!("at most {max}")),
            (None, None) => None,
        }
    }

    /// Whether `value` lies in the range; units are assumed to be equal.
    pub fn admits(&self, value: &Constant) -> bool {
        value.as_number().is_none_or(|v| {
            self.min.as_ref().is_none_or(|min| min.value() <= v.value())
                && self.max.as_ref().is_none_or(|max| v.value() <= max.value())
        })
    }
}

/// A bare value where nothing else is said.
impl Serialize for Param {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Full<'a> {
            value: &'a Constant,
            #[serde(skip_serializing_if = "Option::is_none")]
            min: &'a Option<Quantity>,
            #[serde(skip_serializing_if = "Option::is_none")]
            max: &'a Option<Quantity>,
            #[serde(skip_serializing_if = "str::is_empty")]
            doc: &'a str,
        }
        let Param { value, min, max, doc } = self;
        if min.is_none() && max.is_none() && doc.is_empty() {
            value.serialize(serializer)
        } else {
            Full { value, min, max, doc }.serialize(serializer)
        }
    }
}

/// The use of a strategy template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyUse {
    /// The name of the template.
    #[serde(rename = "use")]
    pub template: String,
    /// The name of this use, in front of the template's names; the template's own name where it is `None`.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Parameters to set, by their name without the strategy's: `high`, not `cpu.high`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Constant>,
}

impl StrategyUse {
    /// The name in front of the template's names.
    pub fn instance(&self) -> &str {
        self.instance.as_deref().unwrap_or(&self.template)
    }
}

/// How long a condition must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// This long, in ms.
    For(Millis),
    /// As long as the parameter of this name says.
    Param(String),
}

impl Default for Hold {
    fn default() -> Hold {
        Hold::NONE
    }
}

impl Hold {
    /// Not at all: the rule fires at the first look at which its condition is true.
    pub const NONE: Hold = Hold::For(0);

    fn is_none(&self) -> bool {
        *self == Hold::NONE
    }
}

impl Serialize for Hold {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Hold::For(millis) => serializer.serialize_str(&exact_duration(*millis)),
            Hold::Param(name) => serializer.serialize_str(name),
        }
    }
}

/// A rule: when a condition has held long enough, set resources, or say something.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rule {
    /// Its name in decisions; unique in the document.
    pub name: String,
    /// One sentence for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The condition.
    pub when: String,
    /// How long it must have been true without interruption.
    #[serde(rename = "for", skip_serializing_if = "Hold::is_none")]
    pub hold: Hold,
    /// What to set: an expression for each resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub then: BTreeMap<Resource, String>,
    /// What to say to people when it fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Rules of higher priority decide a resource before those of lower priority are asked. Default 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// Whether it is looked at on the short timer too, and passes guards that are there for comfort. It may only add resources.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// For this long after it fired, no rule takes the resources it sets down to what the task had then, or below.
    #[serde(skip_serializing_if = "Hold::is_none")]
    pub no_shrink_for: Hold,
    /// An expression that falls in proportion when the rule's action works: a utilisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowers: Option<String>,
    /// An expression that rises in proportion when the rule's action works: a throughput.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raises: Option<String>,
}

/// How much data the windows need; the methods fill in defaults.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct WindowSettings {
    /// The share of a window that samples must cover, 0…1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_coverage: Option<f64>,
    /// The least number of samples in a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u32>,
    /// The share of the expected instances that must have a value, 0…1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_instances: Option<f64>,
    /// The time after a restart or a change of resources whose samples do not count, in ms.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub warm_up: Option<Millis>,
    /// How far ahead of the time of the look a sample may be, in ms; later ones are refused.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_duration")]
    pub max_future: Option<Millis>,
}

impl WindowSettings {
    fn is_empty(&self) -> bool {
        *self == WindowSettings::default()
    }

    /// The share of a window that samples must cover: 80% by default.
    pub fn min_coverage(&self) -> f64 {
        self.min_coverage.unwrap_or(0.8)
    }

    /// The least number of samples in a window: 2 by default.
    pub fn min_samples(&self) -> u32 {
        self.min_samples.unwrap_or(2)
    }

    /// The share of the expected instances that must have a value: 80% by default.
    pub fn min_instances(&self) -> f64 {
        self.min_instances.unwrap_or(0.8)
    }

    /// The time after a restart or change whose samples do not count, in ms: 1 min by default, because Flink's rates and busy times are
    /// averages over a minute, and busy times read 100% for the first seconds of every task.
    pub fn warm_up(&self) -> Millis {
        self.warm_up.unwrap_or(60_000)
    }

    /// How far ahead of the time of the look a sample may be, in ms: 1 min by default.
    pub fn max_future(&self) -> Millis {
        self.max_future.unwrap_or(60_000)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
pub(super) fn as_duration<S: serde::Serializer>(millis: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    millis.map(exact_duration).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn as_name<S: serde::Serializer>(unit: &Option<WireUnit>, serializer: S) -> Result<S::Ok, S::Error> {
    unit.as_ref().map(|u| &u.name).serialize(serializer)
}
