//! Every field of a rule document: one line each.

use super::Kind::{
    Choice, Constant, ConstantOr, Expression, Hold, Label, List, Map, MapOfAny, NonEmpty, Number, OneOrMore, Part,
    Quantity, Range, RuleName, Share, Text, TextOr, Truth, Version, Whole,
};
use super::Need::{Alone, OneOf, Optional, Required};
use super::{Field, Kind, Need, Object, Resources};
use crate::rules::read_guards::{FREEZE, MAX_PARALLELISM, MODES, MOST_STEP, TO, WAYS};
use crate::rules::read_metric::{ACROSS, DUPLICATES, INFINITE, KINDS, NAN, PER, TYPES};
use crate::units::Unit;

const fn field(name: &'static str, kind: Kind, need: Need, doc: &'static str) -> Field {
    Field { name, kind, need, doc }
}

const DURATION: Kind = Quantity(Unit::SECONDS);
const BYTES: Kind = Quantity(Unit::BYTES);
const SUBTASKS: Kind = Whole(1, MAX_PARALLELISM);
const SHARE: Kind = Share(1.0);
const STEP: Kind = Share(MOST_STEP);

/// Units that a metric may have, for editors to offer; there are more.
pub(super) const UNITS: [&str; 12] = [
    "number",
    "ratio",
    "percent",
    "cores",
    "records",
    "records/s",
    "ms",
    "s",
    "ms/s",
    "bytes",
    "MiB",
    "MiB/s",
];

#[rustfmt::skip]
pub(super) static DOCUMENT: Object = Object {
    name: "document",
    doc: "What a platform writes down about a kind of task: what is measured, which rules look at it, and how far they may go.",
    resources: Resources::None,
    fields: &[
        field("version", Version, Required, "version of this format"),
        field("name", Text, Optional, "its name; needed, and unique, among documents that extend each other"),
        field("doc", Text, Optional, "what it is for"),
        field("extends", OneOrMore(&NonEmpty), Optional, "documents whose content this one has too; those named later win"),
        field("remove", MapOfAny(&List(&Text)), Optional, "what it does not want of the documents that it extends, by section"),
        field("metrics", Map(&Kind::Object(&METRIC)), Optional, "what is measured, by name"),
        field("attributes", Map(&Kind::Object(&ATTRIBUTE)), Optional, "what the platform says of a task beyond the built-in attributes, by name"),
        field("params", Map(&ConstantOr(&PARAM)), Optional, "named constants"),
        field("define", Map(&Expression("a value of any type")), Optional, "named expressions; they may use each other, not in a circle"),
        field("strategies", List(&Kind::Object(&STRATEGY)), Optional, "strategy templates to use"),
        field("rules", List(&Kind::Object(&RULE)), Optional, "own rules"),
        field("mode", Choice(&MODES), Optional, "decisions are only made and explained (monitor, the default), or have instructions (active)"),
        field("rescale", Choice(&WAYS), Optional, "how a parallelism is changed"),
        field("limits", Kind::Object(&LIMITS), Optional, "bounds of every decision"),
        field("sizing", Kind::Object(&SIZING), Optional, "how amounts that rules want become amounts that can be had"),
        field("guards", Kind::Object(&GUARDS), Optional, "what holds changes back"),
        field("timing", Kind::Object(&TIMING), Optional, "when tasks are looked at"),
        field("windows", Kind::Object(&WINDOWS), Optional, "how much data windows need"),
    ],
};

#[rustfmt::skip]
static METRIC: Object = Object {
    name: "metric",
    doc: "A metric of a task.",
    resources: Resources::None,
    fields: &[
        field("doc", Text, Optional, "one sentence for readers"),
        field("unit", Kind::WireUnit, Optional, "unit of the samples as they arrive; plain numbers by default"),
        field("kind", Choice(&KINDS), Optional, "a value at a moment (gauge, the default), a count since the start of the process, or texts with a time"),
        field("across", Choice(&ACROSS), Optional, "how the instances become one number; by default avg for gauges, sum for counters and events"),
        field("per", Choice(&PER), Optional, "what one series belongs to; by default the task"),
        field("range", Range, Optional, "smallest and largest value, in the unit's dimension: [0, 1], [\"0B\", \"64GiB\"]"),
        field("interval", DURATION, Optional, "usual distance between two samples; 15s by default"),
        field("staleness", DURATION, Optional, "age up to which the latest sample counts; by default 3 intervals, at least 60s"),
        field("max_gap", DURATION, Optional, "longest time that one sample stands for; by default 2.5 intervals"),
        field("max_lateness", DURATION, Optional, "how much later than the newest of its series a sample may arrive; by default 4 intervals, at least 60s"),
        field("min_coverage", SHARE, Optional, "share of a window of it that samples must cover; by default what the document says for all"),
        field("nan", Choice(&NAN), Optional, "NaN is no value (skip, the default), or makes aggregates undefined"),
        field("infinite", Choice(&INFINITE), Optional, "what becomes of infinities; refuse by default"),
        field("duplicates", Choice(&DUPLICATES), Optional, "which of two values for one moment counts; larger by default"),
        field("query", NonEmpty, Optional, "PromQL that reads it, with {{labels}} or the names of text attributes in double brackets"),
        field("instance_label", Label, Optional, "label of the query's result that tells instances apart; by default all labels"),
        field("flink", NonEmpty, Optional, "id of the metric in Flink's REST API"),
        field("record", Expression("a number"), Optional, "the value at every long look is a sample of this metric"),
    ],
};

#[rustfmt::skip]
static ATTRIBUTE: Object = Object {
    name: "attribute",
    doc: "An attribute of the task, beyond the built-in ones.",
    resources: Resources::None,
    fields: &[
        field("type", Choice(&TYPES), Alone, "its type"),
        field("unit", Kind::WireUnit, Optional, "unit that the platform gives a number in; only for numbers"),
        field("doc", Text, Optional, "one sentence for readers"),
    ],
};

#[rustfmt::skip]
static PARAM: Object = Object {
    name: "param",
    doc: "A named constant with its range.",
    resources: Resources::None,
    fields: &[
        field("value", Constant, Alone, "its value"),
        field("min", Number, Optional, "smallest value, in the unit of the value"),
        field("max", Number, Optional, "largest value, in the unit of the value"),
        field("doc", Text, Optional, "one sentence for readers"),
    ],
};

#[rustfmt::skip]
static STRATEGY: Object = Object {
    name: "strategy",
    doc: "The use of a strategy template.",
    resources: Resources::None,
    fields: &[
        field("use", NonEmpty, Alone, "name of the template"),
        field("as", Part, Optional, "what stands before the template's names; by default the template's name"),
        field("params", MapOfAny(&Constant), Optional, "parameters to set, without the strategy's name: high"),
    ],
};

#[rustfmt::skip]
static RULE: Object = Object {
    name: "rule",
    doc: "When a condition has held long enough, set resources.",
    resources: Resources::None,
    fields: &[
        field("name", RuleName, Required, "its name in decisions; unique"),
        field("doc", Text, Optional, "one sentence for readers"),
        field("when", Expression("a condition"), Required, "when it fires; undefined is not true"),
        field("for", Hold, Optional, "how long the condition must have been true without interruption"),
        field("then", Kind::Object(&THEN), OneOf, "what to set"),
        field("alert", NonEmpty, OneOf, "what to say to people when it fires"),
        field("priority", Whole(i32::MIN as i64, i32::MAX as i64), Optional, "rules of higher priority decide a resource first; 0 by default"),
        field("urgent", Truth, Optional, "it is looked at on the short timer too, and passes guards that are there for comfort; it may only add resources"),
        field("no_shrink_for", Hold, Optional, "for this long after it fired, no rule takes the resources it sets down to what the task had then, or below"),
        field("lowers", Expression("a number"), Optional, "a value that falls in proportion when the rule's action works: a utilisation"),
        field("raises", Expression("a number"), Optional, "a value that rises in proportion when the rule's action works: a throughput"),
    ],
};

static THEN: Object = Object {
    name: "then",
    doc: "What a rule sets: an expression for each resource.",
    resources: Resources::Targets,
    fields: &[],
};

#[rustfmt::skip]
static LIMITS: Object = Object {
    name: "limits",
    doc: "Bounds that no decision leaves, whatever rules say.",
    resources: Resources::Bounds,
    fields: &[
        field("total", Kind::Object(&TOTAL), Optional, "of all processes of the task together"),
    ],
};

#[rustfmt::skip]
static TOTAL: Object = Object {
    name: "total",
    doc: "The most that all processes of the task may have together.",
    resources: Resources::None,
    fields: &[
        field("task_managers", Whole(1, 1_000_000), Optional, "TaskManagers"),
        field("cores", Quantity(Unit::NUMBER), Optional, "CPU cores"),
        field("memory", BYTES, Optional, "memory"),
    ],
};

#[rustfmt::skip]
pub(super) static SUBTASK_BOUNDS: Object = Object {
    name: "subtasks",
    doc: "The least and the most, both included.",
    resources: Resources::None,
    fields: &[
        field("min", SUBTASKS, Optional, "the least"),
        field("max", SUBTASKS, Optional, "the most"),
    ],
};

#[rustfmt::skip]
pub(super) static MEMORY_BOUNDS: Object = Object {
    name: "memory",
    doc: "The least and the most, both included.",
    resources: Resources::None,
    fields: &[
        field("min", BYTES, Optional, "the least"),
        field("max", BYTES, Optional, "the most"),
    ],
};

#[rustfmt::skip]
static WINDOWS: Object = Object {
    name: "windows",
    doc: "Requirements of every window.",
    resources: Resources::None,
    fields: &[
        field("min_coverage", SHARE, Optional, "share of a window that samples must cover; 80% by default"),
        field("min_samples", Whole(1, 1_000_000), Optional, "least number of samples in a window; 2 by default"),
        field("min_instances", SHARE, Optional, "share of the expected instances that must have a value; 80% by default"),
        field("warm_up", DURATION, Optional, "time after a restart or a change of resources whose samples do not count; 1m by default"),
        field("max_future", DURATION, Optional, "how far ahead of the look a sample may be; 1m by default"),
    ],
};

#[rustfmt::skip]
static SIZING: Object = Object {
    name: "sizing",
    doc: "How amounts that rules want become amounts that can be had.",
    resources: Resources::None,
    fields: &[
        field("tolerance", Kind::Object(&TOLERANCE), Optional, "changes that are smaller are not worth a restart"),
        field("align", Kind::Object(&ALIGN), Optional, "to what a parallelism is aligned"),
    ],
};

#[rustfmt::skip]
static TOLERANCE: Object = Object {
    name: "tolerance",
    doc: "The smallest changes that are made, as a share of what is wanted; urgent rules know none.",
    resources: Resources::None,
    fields: &[
        field("up", SHARE, Optional, "up; none by default"),
        field("down", SHARE, Optional, "down; 10% by default"),
    ],
};

#[rustfmt::skip]
static ALIGN: Object = Object {
    name: "align",
    doc: "A parallelism that divides the work evenly.",
    resources: Resources::None,
    fields: &[
        field("to", Choice(&TO), Alone, "what is divided"),
        field("most_over", STEP, Optional, "how much more than the target it may cost; 20% by default"),
    ],
};

#[rustfmt::skip]
static GUARDS: Object = Object {
    name: "guards",
    doc: "What stands between what rules want and a restart.",
    resources: Resources::None,
    fields: &[
        field("cool_down", Kind::Object(&COOL_DOWN), Optional, "quiet after a change"),
        field("stabilisation", Kind::Object(&STABILISATION), Optional, "for how long recommendations are remembered"),
        field("largest_step", Kind::Object(&LARGEST_STEP), Optional, "how far one change goes, as a share of what the task has"),
        field("excluded", List(&Kind::Object(&EXCLUDED)), Optional, "times without restarts"),
        field("restarts_per_day", Whole(1, 100), Optional, "most restarts for changes in any 24 hours; 10 by default"),
        field("freeze_on_missing", Choice(&FREEZE), Optional, "what waits while data is missing; down by default"),
        field("ineffective", Kind::Object(&INEFFECTIVE), Optional, "when adding resources brought nothing, the rule that asked for it waits"),
        field("oscillation", Kind::Object(&OSCILLATION), Optional, "when a resource was lowered and raised again, the larger is held"),
    ],
};

#[rustfmt::skip]
static COOL_DOWN: Object = Object {
    name: "cool_down",
    doc: "Quiet after a change, for each direction.",
    resources: Resources::None,
    fields: &[
        field("up", DURATION, Optional, "before resources are added; 5m by default"),
        field("down", DURATION, Optional, "before resources are taken away; 30m by default"),
        field("urgent", DURATION, Optional, "before urgent rules add resources; 2m by default"),
    ],
};

#[rustfmt::skip]
static STABILISATION: Object = Object {
    name: "stabilisation",
    doc: "For how long recommendations are remembered, for each direction.",
    resources: Resources::None,
    fields: &[
        field("up", DURATION, Optional, "before resources are added; not at all by default"),
        field("down", DURATION, Optional, "before resources are taken away; 1h by default"),
    ],
};

#[rustfmt::skip]
static LARGEST_STEP: Object = Object {
    name: "largest_step",
    doc: "How far one change goes, as a share of what the task has.",
    resources: Resources::None,
    fields: &[
        field("up", STEP, Optional, "up; 100% by default, twice as much"),
        field("down", SHARE, Optional, "down; 50% by default, half"),
        field("urgent", STEP, Optional, "up, for urgent rules; 300% by default"),
    ],
};

#[rustfmt::skip]
static INEFFECTIVE: Object = Object {
    name: "ineffective",
    doc: "Adding resources that brings nothing.",
    resources: Resources::None,
    fields: &[
        field("least_gain", SHARE, Optional, "least share of the promised gain; 10% by default"),
        field("for", DURATION, Optional, "how long the rule waits; 2h by default, 0s for never"),
    ],
};

#[rustfmt::skip]
static OSCILLATION: Object = Object {
    name: "oscillation",
    doc: "Down and up again.",
    resources: Resources::None,
    fields: &[
        field("within", DURATION, Optional, "this is how near to each other they are, and how long the larger is held; 6h by default, 0s for never"),
    ],
};

#[rustfmt::skip]
static EXCLUDED: Object = Object {
    name: "excluded",
    doc: "A time without restarts: each day, or where a minute matches a cron pattern, or where both are so.",
    resources: Resources::None,
    fields: &[
        field("daily", NonEmpty, OneOf, "from when to when, also across midnight: 22:00-06:00"),
        field("weekdays", List(&NonEmpty), Optional, "on which days of the week the daily time begins: mon-fri"),
        field("cron", NonEmpty, OneOf, "minutes that match are inside: * 9-17 * * mon-fri"),
        field("zone", NonEmpty, Optional, "time zone: Europe/Berlin; UTC by default"),
        field("urgent_pass", Truth, Optional, "urgent changes pass"),
    ],
};

#[rustfmt::skip]
static TIMING: Object = Object {
    name: "timing",
    doc: "When tasks are looked at.",
    resources: Resources::None,
    fields: &[
        field("short", DURATION, Optional, "how often urgent rules are looked at; 30s by default"),
        field("long", TextOr(&CADENCE), Optional, "when all rules are looked at: a duration or a cron pattern; 5m by default"),
    ],
};

#[rustfmt::skip]
static CADENCE: Object = Object {
    name: "cadence",
    doc: "A cron pattern with its time zone.",
    resources: Resources::None,
    fields: &[
        field("cron", NonEmpty, Alone, "the pattern: */5 6-22 * * *"),
        field("zone", NonEmpty, Optional, "time zone: Europe/Berlin; UTC by default"),
    ],
};
