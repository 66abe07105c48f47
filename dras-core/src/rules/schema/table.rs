//! Every field of a rule document: one line each.

use super::Kind::{
    Choice, Constant, ConstantOr, Expression, Hold, Label, List, Map, MapOfAny, NonEmpty, Number, OneOrMore, Part,
    Quantity, Range, RuleName, Share, Text, Version, Whole,
};
use super::Need::{Alone, Optional, Required};
use super::{Field, Kind, Need, Object};
use crate::rules::read_metric::{ACROSS, DUPLICATES, INFINITE, KINDS, NAN, PER, TYPES};
use crate::units::Unit;

const fn field(name: &'static str, kind: Kind, need: Need, doc: &'static str) -> Field {
    Field { name, kind, need, doc }
}

const DURATION: Kind = Quantity(Unit::SECONDS);
const BYTES: Kind = Quantity(Unit::BYTES);
const SUBTASKS: Kind = Whole(1, 32_768);

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
    not_empty: false,
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
        field("limits", Kind::Object(&LIMITS), Optional, "bounds of every decision"),
        field("windows", Kind::Object(&WINDOWS), Optional, "how much data windows need"),
    ],
};

#[rustfmt::skip]
static METRIC: Object = Object {
    name: "metric",
    doc: "A metric of a task.",
    not_empty: false,
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
        field("nan", Choice(&NAN), Optional, "NaN is no value (skip, the default), or makes aggregates undefined"),
        field("infinite", Choice(&INFINITE), Optional, "what becomes of infinities; refuse by default"),
        field("duplicates", Choice(&DUPLICATES), Optional, "which of two values for one moment counts; larger by default"),
        field("query", NonEmpty, Optional, "PromQL that reads it, with {{labels}} or the names of text attributes in double brackets"),
        field("instance_label", Label, Optional, "label of the query's result that tells instances apart; by default all labels"),
        field("flink", NonEmpty, Optional, "id of the metric in Flink's REST API"),
    ],
};

#[rustfmt::skip]
static ATTRIBUTE: Object = Object {
    name: "attribute",
    doc: "An attribute of the task, beyond the built-in ones.",
    not_empty: false,
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
    not_empty: false,
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
    not_empty: false,
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
    not_empty: false,
    fields: &[
        field("name", RuleName, Required, "its name in decisions; unique"),
        field("doc", Text, Optional, "one sentence for readers"),
        field("when", Expression("a condition"), Required, "when it fires; undefined is not true"),
        field("for", Hold, Optional, "how long the condition must have been true without interruption"),
        field("then", Kind::Object(&THEN), Required, "what to set"),
        field("priority", Whole(i32::MIN as i64, i32::MAX as i64), Optional, "rules of higher priority decide a resource first; 0 by default"),
    ],
};

#[rustfmt::skip]
static THEN: Object = Object {
    name: "then",
    doc: "What a rule sets.",
    not_empty: true,
    fields: &[
        field("parallelism", Expression("a plain number"), Optional, "parallelism of the job"),
        field("task_manager_memory", Expression("an amount of data"), Optional, "total process memory of one TaskManager"),
    ],
};

#[rustfmt::skip]
static LIMITS: Object = Object {
    name: "limits",
    doc: "Bounds that no decision leaves, whatever rules say.",
    not_empty: false,
    fields: &[
        field("parallelism", Kind::Object(&SUBTASK_BOUNDS), Optional, "of the parallelism"),
        field("task_manager_memory", Kind::Object(&MEMORY_BOUNDS), Optional, "of the total process memory of one TaskManager"),
    ],
};

#[rustfmt::skip]
static SUBTASK_BOUNDS: Object = Object {
    name: "subtasks",
    doc: "The least and the most, both included.",
    not_empty: false,
    fields: &[
        field("min", SUBTASKS, Optional, "the least"),
        field("max", SUBTASKS, Optional, "the most"),
    ],
};

#[rustfmt::skip]
static MEMORY_BOUNDS: Object = Object {
    name: "memory",
    doc: "The least and the most, both included.",
    not_empty: false,
    fields: &[
        field("min", BYTES, Optional, "the least"),
        field("max", BYTES, Optional, "the most"),
    ],
};

#[rustfmt::skip]
static WINDOWS: Object = Object {
    name: "windows",
    doc: "Requirements of every window.",
    not_empty: false,
    fields: &[
        field("min_coverage", Share, Optional, "share of a window that samples must cover; 80% by default"),
        field("min_samples", Whole(1, 1_000_000), Optional, "least number of samples in a window; 2 by default"),
        field("min_instances", Share, Optional, "share of the expected instances that must have a value; 80% by default"),
        field("warm_up", DURATION, Optional, "time after a restart or a change of resources whose samples do not count; 1m by default"),
        field("max_future", DURATION, Optional, "how far ahead of the look a sample may be; 1m by default"),
    ],
};
