//! The functions of the language: one entry each, from which the checker, the reference page, completions and a test of every example
//! are made.

use super::arithmetic::Fn1;
use super::graph::TextFn;
use crate::metrics::{Across, Reduce};

/// The chapters of the function reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Over a window of samples, or over the instances of a metric.
    Both,
    /// Over a window of samples.
    Time,
    /// Tests of samples or instances.
    Tests,
    /// Prometheus' own results, for ported rules.
    Prometheus,
    /// Numbers.
    Numbers,
    /// Missing values.
    Missing,
    /// Texts.
    Texts,
    /// Sizing of tasks.
    Sizing,
}

impl Group {
    /// All groups, in the order of the reference.
    pub const ALL: [Group; 8] = [
        Group::Both,
        Group::Time,
        Group::Tests,
        Group::Prometheus,
        Group::Numbers,
        Group::Missing,
        Group::Texts,
        Group::Sizing,
    ];

    /// The chapter's title.
    pub fn title(self) -> &'static str {
        match self {
            Group::Both => "Over a window, or over instances",
            Group::Time => "Over a window",
            Group::Tests => "Tests of samples or instances",
            Group::Prometheus => "Prometheus' own results",
            Group::Numbers => "Numbers",
            Group::Missing => "Missing values",
            Group::Texts => "Texts",
            Group::Sizing => "Sizing",
        }
    }
}

/// One function of the language.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called, e.g. `clamp(x, low, high)`.
    pub signature: &'static str,
    /// The chapter of the reference it belongs to.
    pub group: Group,
    /// What it gives, with units, ranges, and what is undefined.
    pub doc: &'static str,
    /// Expressions over the example metrics of the reference, with their results; each is a test.
    pub examples: &'static [(&'static str, &'static str)],
    pub(crate) kind: FunctionKind,
}

/// How a call is checked and what it becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FunctionKind {
    Reducer(Reducer),
    /// One number in, the same unit out or a plain number required.
    Number(Fn1, NumberUnit),
    Round,
    Pow,
    Clamp,
    ScaleTo,
    Reserve {
        of_usage: bool,
    },
    Defined,
    IfDefined,
    Text(TextFn),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberUnit {
    /// Any unit in, the same out.
    Same,
    /// Any unit in, a plain number out.
    Drops,
    /// A plain number in and out.
    Plain,
    /// The unit's exponents are halved.
    Root,
}

/// A function that makes one value of many: of the samples in a window, of the instances of a metric, or of both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reducer {
    pub(crate) time: Option<TimeReducer>,
    pub(crate) instances: Option<Across>,
    pub(crate) unit: UnitRule,
    pub(crate) collapse: Collapse,
    pub(crate) needs: Needs,
}

/// How the samples of a window are reduced, and which constants the call takes besides the window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimeReducer {
    Plain(Reduce),
    /// A test of each sample.
    Tested(Reduce),
    /// `quantile(q, range)`
    Quantile,
    /// `predict(range, ahead)`
    Predict,
    /// `ewma(range, half_life)`
    Ewma,
    /// `double_exponential_smoothing(range, smoothing, trend)`
    DoubleExponential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitRule {
    Same,
    Squared,
    PerSecond,
    Plain,
    Seconds,
    Truth,
}

/// How the instances become one number where a scalar is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Collapse {
    /// As the metric declares.
    Metric,
    As(Across),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Anything,
    /// Numbers only; the value of a counter since its start is rarely meant.
    Gauge,
    Numbers,
    Counter,
}

const fn reducer(
    time: Option<TimeReducer>,
    instances: Option<Across>,
    unit: UnitRule,
    collapse: Collapse,
    needs: Needs,
) -> FunctionKind {
    FunctionKind::Reducer(Reducer {
        time,
        instances,
        unit,
        collapse,
        needs,
    })
}

const fn both(reduce: Reduce, across: Across, unit: UnitRule) -> FunctionKind {
    reducer(
        Some(TimeReducer::Plain(reduce)),
        Some(across),
        unit,
        Collapse::Metric,
        Needs::Gauge,
    )
}

const fn over_time(reduce: Reduce, unit: UnitRule, needs: Needs) -> FunctionKind {
    reducer(Some(TimeReducer::Plain(reduce)), None, unit, Collapse::Metric, needs)
}

const fn collapsed(reduce: Reduce, unit: UnitRule, across: Across, needs: Needs) -> FunctionKind {
    reducer(
        Some(TimeReducer::Plain(reduce)),
        None,
        unit,
        Collapse::As(across),
        needs,
    )
}

const fn tested(reduce: Reduce, across: Across, unit: UnitRule, collapse: Across) -> FunctionKind {
    reducer(
        Some(TimeReducer::Tested(reduce)),
        Some(across),
        unit,
        Collapse::As(collapse),
        Needs::Anything,
    )
}

/// The function called `name`.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

/// How a function is called, for a help line: `round(x)` or `round(x, to)`.
pub(crate) fn calls(function: &Function) -> String {
    format!("`{}`", function.signature.replace("), ", ")` or `"))
}

/// What people who know another language write, and what it is here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("average", "`avg(x)`"),
    ("mean", "`avg(x)`"),
    ("percentile", "`quantile(95%, x)`"),
    ("percentileof", "`quantile(95%, x)`"),
    ("p95", "`quantile(95%, x)`"),
    ("p99", "`quantile(99%, x)`"),
    ("std", "`stddev(x)`"),
    ("stdev", "`stddev(x)`"),
    ("stdvar", "`var(x)`"),
    ("variance", "`var(x)`"),
    ("deriv", "`slope(range)`"),
    ("derivative", "`slope(range)`"),
    ("predict_linear", "`predict(range, ahead)`"),
    (
        "holt_winters",
        "`double_exponential_smoothing(range, smoothing, trend)`",
    ),
    ("ema", "`ewma(range, half_life)`"),
    ("log", "`ln(x)`, `log2(x)` or `log10(x)`"),
    ("power", "`pow(x, y)`"),
    ("ceiling", "`ceil(x)`"),
    ("truncate", "`trunc(x)`"),
    ("int", "`trunc(x)`"),
    ("long", "`trunc(x)`"),
    ("sgn", "`sign(x)`"),
    ("if", "`condition ? a : b`"),
    ("iif", "`condition ? a : b`"),
    ("coalesce", "`a ?? b`"),
    ("ifnull", "`a ?? b`"),
    ("nvl", "`a ?? b`"),
    ("default", "`a ?? b`"),
    ("isnull", "`!defined(x)`"),
    ("isnil", "`!defined(x)`"),
    ("isnan", "`!defined(x)`"),
    ("absent", "`!defined(x)`"),
    ("absentovertime", "`count(range) == 0`"),
    ("exists", "`defined(x)`"),
    ("present", "`defined(x)`"),
    ("has", "`defined(x)`"),
    ("isdef", "`defined(x)`"),
    ("length", "`len(text)`"),
    ("size", "`len(text)`"),
    ("tolower", "`lower(text)`"),
    ("lowercase", "`lower(text)`"),
    ("toupper", "`upper(text)`"),
    ("uppercase", "`upper(text)`"),
    ("startswith", "`starts_with(text, part)`"),
    ("endswith", "`ends_with(text, part)`"),
    ("indexof", "`index_of(text, part)`"),
    ("includes", "`contains(text, part)`"),
    ("substr", "`substring(text, from, to)`"),
    ("matches", "`text =~ 'pattern'`"),
    ("match", "`text =~ 'pattern'`"),
    ("regex", "`text =~ 'pattern'`"),
    ("float", "`number(text)`"),
    ("double", "`number(text)`"),
    ("tonumber", "`number(text)`"),
    ("parsefloat", "`number(text)`"),
    ("countif", "`count(range > y)`"),
    ("diff", "`delta(range)`"),
    ("range", "`spread(range)`"),
    ("every", "`all(range > y)`"),
    ("some", "`any(range > y)`"),
    (
        "now",
        "nothing: windows end at the time of the look; for ages there are `age(range)` and `since_last_change`",
    ),
];

/// What a function of another language is called here.
pub(crate) fn called_elsewhere(name: &str) -> Option<String> {
    let plain = |text: &str| text.replace(['_', '.'], "").to_ascii_lowercase();
    let wanted = plain(name);
    if let Some((_, ours)) = ELSEWHERE.iter().find(|e| plain(e.0) == wanted) {
        return Some((*ours).to_owned());
    }
    // `avg_over_time(cpu[5m])` of PromQL, `math.abs(x)` and `string.contains(a, b)` of Aviator.
    let own = name
        .strip_suffix("_over_time")
        .or_else(|| name.rsplit_once('.').map(|p| p.1))
        .and_then(find);
    own.or_else(|| FUNCTIONS.iter().find(|f| plain(f.name) == wanted))
        .map(calls)
}

macro_rules! functions {
    ($($group:ident $name:literal $signature:literal $kind:expr, $doc:literal, [$($example:literal => $result:literal),* $(,)?];)*) => {
        /// Every function of the language, by chapter.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            name: $name,
            signature: $signature,
            group: Group::$group,
            doc: $doc,
            examples: &[$(($example, $result)),*],
            kind: $kind,
        }),*];
    };
}

functions! {
    Both "avg" "avg(x)" both(Reduce::Avg, Across::Avg, UnitRule::Same),
        "Mean of the samples of a window, or of a metric's instances. Every sample has the same weight.",
        ["avg(cpu[5m])" => "0.6525", "avg(avg(cpu[5m]))" => "0.6525"];
    Both "min" "min(x), min(a, b, …)" both(Reduce::Min, Across::Min, UnitRule::Same),
        "Smallest sample of a window, smallest instance, or smallest of two or more values of one unit.",
        ["min(cpu[5m])" => "0.605", "min(min(cpu[5m]))" => "0.41", "min(3, 1, 2)" => "1"];
    Both "max" "max(x), max(a, b, …)" both(Reduce::Max, Across::Max, UnitRule::Same),
        "Largest sample of a window, largest instance, or largest of two or more values of one unit.",
        ["max(max(cpu[5m]))" => "0.8", "max(heap_used / heap_max)" => "0.75", "max(parallelism, 6)" => "6"];
    Both "sum" "sum(x)" both(Reduce::Sum, Across::Sum, UnitRule::Same),
        "Sum of the samples of a window, or of a metric's instances.",
        ["sum(heap_used)" => "2.5GiB"];
    Both "median" "median(x)" both(Reduce::Quantile(0.5), Across::Quantile(0.5), UnitRule::Same),
        "The middle value: `quantile(0.5, x)`.",
        ["max(median(cpu[5m]))" => "0.8"];
    Both "quantile" "quantile(q, x)" reducer(Some(TimeReducer::Quantile), Some(Across::Quantile(0.5)), UnitRule::Same, Collapse::Metric, Needs::Gauge),
        "The value below which the share `q` (a constant, 0…1) of the samples or instances lies, interpolated linearly as Prometheus does.",
        ["min(quantile(95%, cpu[5m]))" => "0.5905", "quantile(0.5, heap_used)" => "1.25GiB"];
    Both "stddev" "stddev(x)" both(Reduce::Stddev, Across::Stddev, UnitRule::Same),
        "Population standard deviation of the samples of a window, or of a metric's instances.",
        ["round(min(stddev(cpu[5m])) * 1000)" => "0", "round(stddev(cpu) * 100)" => "10"];
    Both "var" "var(x)" both(Reduce::Var, Across::Var, UnitRule::Squared),
        "Population variance; its unit is the square of the metric's.",
        ["round(var(cpu) * 100)" => "1"];
    Both "mad" "mad(x)" both(Reduce::Mad, Across::Mad, UnitRule::Same),
        "Median absolute deviation from the median: a spread that outliers hardly move.",
        ["round(max(mad(cpu[5m])), 0.01)" => "0.05"];
    Both "spread" "spread(x)" both(Reduce::Spread, Across::Spread, UnitRule::Same),
        "Largest less smallest: over time how much a value moved, over instances how uneven the load is.",
        ["round(max(spread(cpu[5m])), 0.01)" => "0.19", "round(spread(cpu), 0.01)" => "0.2"];
    Both "count" "count(x), count(x > y)" reducer(Some(TimeReducer::Tested(Reduce::Count)), Some(Across::Count), UnitRule::Plain, Collapse::As(Across::Sum), Needs::Anything),
        "Number of samples in a window (of all instances together), or of those that pass a test; over instances the number of those that have a value, or for which a condition is true. A window of a number without samples counts 0; a window of events counts 0 only if the events were asked for.",
        ["count(cpu[5m])" => "40", "count(cpu[5m] >= 80%)" => "20", "count(exceptions[10m] =~ 'OutOfMemoryError')" => "1", "count(cpu > 70%)" => "1"];

    Time "first" "first(range)" over_time(Reduce::First, UnitRule::Same, Needs::Gauge),
        "The oldest sample of the window.",
        ["min(first(cpu[5m]))" => "0.41"];
    Time "last" "last(range)" over_time(Reduce::Last, UnitRule::Same, Needs::Anything),
        "The newest sample of the window, however old; a bare metric name gives the latest fresh sample. Of events, the newest text.",
        ["min(last(cpu[5m]))" => "0.6"];
    Time "rate" "rate(range)" over_time(Reduce::Rate, UnitRule::PerSecond, Needs::Counter),
        "Increase of a counter per second of the time really covered, resets included, without extrapolation. Take the rate of each instance first, then sum.",
        ["sum(rate(gc_count[5m]))" => "0.2/s"];
    Time "increase" "increase(range)" over_time(Reduce::Increase, UnitRule::Same, Needs::Counter),
        "Increase of a counter: the sum of its steps from the last sample before the window on, resets included, without extrapolation, so whole counters give whole numbers and adjacent windows add up.",
        ["sum(increase(gc_count[5m]))" => "60"];
    Time "delta" "delta(range)" over_time(Reduce::Delta, UnitRule::Same, Needs::Numbers),
        "Newest sample less the last one before the window.",
        ["round(max(delta(cpu[5m])), 0.01)" => "0.2"];
    Time "slope" "slope(range)" over_time(Reduce::Slope, UnitRule::PerSecond, Needs::Numbers),
        "Least-squares slope, per second (Prometheus' `deriv`).",
        ["round(max(slope(cpu[5m])) * 1m, 0.001)" => "0.04"];
    Time "predict" "predict(range, ahead)" reducer(Some(TimeReducer::Predict), None, UnitRule::Same, Collapse::Metric, Needs::Numbers),
        "The value that the least-squares line through the window has after the duration `ahead`, a constant (Prometheus' `predict_linear`).",
        ["round(min(predict(cpu[5m], 5m)), 0.01)" => "0.8"];
    Time "ewma" "ewma(range, half_life)" reducer(Some(TimeReducer::Ewma), None, UnitRule::Same, Collapse::Metric, Needs::Gauge),
        "Exponentially weighted mean in which a sample counts half after the duration `half_life`, a constant.",
        ["max(ewma(cpu[5m], 1m)) == 80%" => "true"];
    Time "double_exponential_smoothing" "double_exponential_smoothing(range, smoothing, trend)" reducer(Some(TimeReducer::DoubleExponential), None, UnitRule::Same, Collapse::Metric, Needs::Gauge),
        "Holt's linear smoothing with two constants between 0 and 1, as Prometheus'.",
        ["round(max(double_exponential_smoothing(cpu[5m], 0.5, 0.5)), 0.01)" => "0.8"];
    Time "changes" "changes(range)" collapsed(Reduce::Changes, UnitRule::Plain, Across::Sum, Needs::Numbers),
        "How often the value differs from the one before it, counted from the last sample before the window.",
        ["changes(cpu[5m])" => "20"];
    Time "resets" "resets(range)" collapsed(Reduce::Resets, UnitRule::Plain, Across::Sum, Needs::Counter),
        "How often a counter fell, counted from the last sample before the window.",
        ["resets(gc_count[5m])" => "0"];
    Time "coverage" "coverage(range)" collapsed(Reduce::Coverage, UnitRule::Plain, Across::Min, Needs::Numbers),
        "Share of the window, 0…1, that samples cover; each covers at most the metric's `max_gap`. Always defined for a live instance.",
        ["coverage(cpu[5m])" => "1", "coverage(cpu[1h]) < 10%" => "true"];
    Time "age" "age(range), age(range > y)" reducer(Some(TimeReducer::Tested(Reduce::Age)), None, UnitRule::Seconds, Collapse::As(Across::Max), Needs::Anything),
        "Time since the newest sample of the window, or since the newest that passes a test; undefined where there is none.",
        ["age(cpu[5m])" => "0s", "age(exceptions[10m] =~ 'OutOfMemoryError')" => "1m"];
    Time "age_of_first" "age_of_first(range)" collapsed(Reduce::AgeOfFirst, UnitRule::Seconds, Across::Max, Needs::Numbers),
        "Time since the oldest sample of the window.",
        ["age_of_first(cpu[5m])" => "4m45s"];
    Time "age_of_min" "age_of_min(range)" collapsed(Reduce::AgeOfMin, UnitRule::Seconds, Across::Max, Needs::Numbers),
        "Time since the smallest sample of the window, the newest of equal ones.",
        ["age_of_min(cpu[5m])" => "4m45s"];
    Time "age_of_max" "age_of_max(range)" collapsed(Reduce::AgeOfMax, UnitRule::Seconds, Across::Max, Needs::Numbers),
        "Time since the largest sample of the window, the newest of equal ones.",
        ["age_of_max(cpu[5m])" => "0s"];

    Tests "all" "all(range > y), all(x > y)" tested(Reduce::All, Across::All, UnitRule::Truth, Across::All),
        "Whether every sample of the window passes the test, in every instance; or whether a condition holds for every instance.",
        ["all(cpu[5m] > 40%)" => "true", "all(cpu > 70%)" => "false"];
    Tests "any" "any(range > y), any(x > y)" tested(Reduce::Any, Across::Any, UnitRule::Truth, Across::Any),
        "Whether some sample of the window passes the test, in some instance; or whether a condition holds for some instance.",
        ["any(exceptions[10m] =~ 'OutOfMemoryError')" => "true", "any(cpu > 70%)" => "true"];
    Tests "share" "share(range > y), share(x > y)" tested(Reduce::Share, Across::Share, UnitRule::Plain, Across::Avg),
        "Share of the samples, 0…1, that pass the test (averaged over the instances); or share of the instances for which a condition holds.",
        ["share(cpu[5m] >= 80%)" => "0.5", "share(cpu > 70%)" => "0.5"];

    Prometheus "rate_prom" "rate_prom(range)" over_time(Reduce::RateProm, UnitRule::PerSecond, Needs::Counter),
        "Prometheus' `rate`, extrapolated to the window's edges.",
        ["round(sum(rate_prom(gc_count[5m])), 0.1/s)" => "0.2/s"];
    Prometheus "increase_prom" "increase_prom(range)" over_time(Reduce::IncreaseProm, UnitRule::Same, Needs::Counter),
        "Prometheus' `increase`, extrapolated to the window's edges, so that whole counters may give fractions.",
        ["round(sum(increase_prom(gc_count[5m])))" => "60"];
    Prometheus "delta_prom" "delta_prom(range)" over_time(Reduce::DeltaProm, UnitRule::Same, Needs::Numbers),
        "Prometheus' `delta`, extrapolated to the window's edges.",
        ["round(max(delta_prom(cpu[5m])), 0.01)" => "0.2"];
    Prometheus "changes_prom" "changes_prom(range)" collapsed(Reduce::ChangesProm, UnitRule::Plain, Across::Sum, Needs::Numbers),
        "Prometheus' `changes`: inside the window only.",
        ["changes_prom(cpu[5m])" => "19"];
    Prometheus "resets_prom" "resets_prom(range)" collapsed(Reduce::ResetsProm, UnitRule::Plain, Across::Sum, Needs::Counter),
        "Prometheus' `resets`: inside the window only.",
        ["resets_prom(gc_count[5m])" => "0"];
    Prometheus "irate" "irate(range)" over_time(Reduce::Irate, UnitRule::PerSecond, Needs::Counter),
        "Rate between the last two samples of the window.",
        ["sum(irate(gc_count[5m]))" => "0.2/s"];
    Prometheus "idelta" "idelta(range)" over_time(Reduce::Idelta, UnitRule::Same, Needs::Numbers),
        "Difference of the last two samples of the window.",
        ["round(max(idelta(cpu[5m])), 0.01)" => "0.01"];

    Numbers "abs" "abs(x)" FunctionKind::Number(Fn1::Abs, NumberUnit::Same),
        "The value without its sign.", ["abs(-3)" => "3", "abs(2m - 5m)" => "3m"];
    Numbers "sign" "sign(x)" FunctionKind::Number(Fn1::Sign, NumberUnit::Drops),
        "−1, 0 or 1.", ["sign(-2GiB)" => "-1", "sign(0)" => "0"];
    Numbers "ceil" "ceil(x)" FunctionKind::Number(Fn1::Ceil, NumberUnit::Plain),
        "The next whole number that is not smaller. For other units say of what: `ceil(x / 1GiB) * 1GiB`.", ["ceil(2.1)" => "3", "ceil(-2.1)" => "-2"];
    Numbers "floor" "floor(x)" FunctionKind::Number(Fn1::Floor, NumberUnit::Plain),
        "The next whole number that is not larger.", ["floor(2.9)" => "2"];
    Numbers "round" "round(x), round(x, to)" FunctionKind::Round,
        "The nearest whole number, halves away from zero; with `to`, the nearest multiple of it, in the same unit. Undefined unless `to` is positive.",
        ["round(2.5)" => "3", "round(-2.5)" => "-3", "round(1500MiB, 1GiB)" => "1GiB"];
    Numbers "trunc" "trunc(x)" FunctionKind::Number(Fn1::Trunc, NumberUnit::Plain),
        "The whole part.", ["trunc(-2.9)" => "-2"];
    Numbers "sqrt" "sqrt(x)" FunctionKind::Number(Fn1::Sqrt, NumberUnit::Root),
        "Square root; undefined below zero.", ["sqrt(16)" => "4"];
    Numbers "pow" "pow(x, y)" FunctionKind::Pow,
        "`x` to the power of `y`, both plain numbers.", ["pow(2, 10)" => "1024", "pow(2, -1)" => "0.5"];
    Numbers "exp" "exp(x)" FunctionKind::Number(Fn1::Exp, NumberUnit::Plain),
        "e to the power of `x`.", ["exp(0)" => "1"];
    Numbers "ln" "ln(x)" FunctionKind::Number(Fn1::Ln, NumberUnit::Plain),
        "Natural logarithm; undefined unless `x` is positive.", ["ln(1)" => "0", "defined(ln(0))" => "false"];
    Numbers "log2" "log2(x)" FunctionKind::Number(Fn1::Log2, NumberUnit::Plain),
        "Logarithm to the base 2; undefined unless `x` is positive.", ["log2(8)" => "3"];
    Numbers "log10" "log10(x)" FunctionKind::Number(Fn1::Log10, NumberUnit::Plain),
        "Logarithm to the base 10; undefined unless `x` is positive.", ["log10(1000)" => "3"];
    Numbers "clamp" "clamp(x, low, high)" FunctionKind::Clamp,
        "`x`, but not below `low` and not above `high`, all of one unit. Undefined where `low` is above `high`.",
        ["clamp(12, 1, 10)" => "10", "clamp(200MiB, 1GiB, 4GiB)" => "1GiB"];

    Missing "defined" "defined(x)" FunctionKind::Defined,
        "Whether `x` has a value; itself always defined.", ["defined(cpu)" => "true", "defined(1 / 0)" => "false"];
    Missing "if_defined" "if_defined(x, otherwise)" FunctionKind::IfDefined,
        "`x` if it has a value, else `otherwise`: the same as `x ?? otherwise`.", ["if_defined(max_gap_seen, 7)" => "7"];

    Texts "contains" "contains(text, part)" FunctionKind::Text(TextFn::Contains),
        "Whether `part` occurs in the text, letter for letter.", ["contains('OutOfMemoryError', 'Memory')" => "true"];
    Texts "starts_with" "starts_with(text, part)" FunctionKind::Text(TextFn::StartsWith),
        "Whether the text starts with `part`.", ["starts_with(task_type, 's')" => "true"];
    Texts "ends_with" "ends_with(text, part)" FunctionKind::Text(TextFn::EndsWith),
        "Whether the text ends with `part`.", ["ends_with(task_type, 'ql')" => "true"];
    Texts "len" "len(text)" FunctionKind::Text(TextFn::Len),
        "Number of characters (Unicode code points).", ["len('Straße')" => "6"];
    Texts "lower" "lower(text)" FunctionKind::Text(TextFn::Lower),
        "The text with A…Z as a…z. Other letters stay as they are, so that the result is the same everywhere; for more, match with `(?i)`.",
        ["lower('SQL')" => "'sql'"];
    Texts "upper" "upper(text)" FunctionKind::Text(TextFn::Upper),
        "The text with a…z as A…Z.", ["upper(task_type)" => "'SQL'"];
    Texts "trim" "trim(text)" FunctionKind::Text(TextFn::Trim),
        "The text without white space at its ends.", ["trim('  a ')" => "'a'"];
    Texts "substring" "substring(text, from), substring(text, from, to)" FunctionKind::Text(TextFn::Substring),
        "The characters from index `from` (the first is 0) up to, not including, `to`. Undefined outside the text.",
        ["substring('orders-7', 7)" => "'7'", "substring('orders-7', 0, 6)" => "'orders'"];
    Texts "index_of" "index_of(text, part), index_of(text, part, from)" FunctionKind::Text(TextFn::IndexOf),
        "Index of the first `part` at or after `from`; −1 where there is none.", ["index_of('a-b-c', '-')" => "1", "index_of('a-b-c', '-', 2)" => "3"];
    Texts "last_index_of" "last_index_of(text, part), last_index_of(text, part, from)" FunctionKind::Text(TextFn::LastIndexOf),
        "Index of the last `part` that begins at or before `from`; −1 where there is none.", ["last_index_of('a-b-c', '-')" => "3"];
    Texts "number" "number(text)" FunctionKind::Text(TextFn::Number),
        "The plain number that a text, such as a label, says. Undefined where it says none.", ["number('12.5') + 1" => "13.5", "defined(number('many'))" => "false"];
    Texts "oom_kind" "oom_kind(text)" FunctionKind::Text(TextFn::OomKind),
        "Which memory ran out, told from an exception or exit reason: 'heap', 'gc_overhead', 'metaspace', 'direct', 'threads', 'container', 'network', 'other' (another OutOfMemoryError) or 'none'.",
        ["oom_kind('java.lang.OutOfMemoryError: Metaspace')" => "'metaspace'", "count(oom_kind(exceptions[10m]) == 'heap')" => "1"];

    Sizing "reserve" "reserve(usage, ratio)" FunctionKind::Reserve { of_usage: false },
        "Resources of which the share `ratio` stays free at this usage: `usage / (1 − ratio)`. Undefined unless 0 ≤ ratio < 1.",
        ["reserve(6GiB, 25%)" => "8GiB"];
    Sizing "reserve_of_usage" "reserve_of_usage(usage, ratio)" FunctionKind::Reserve { of_usage: true },
        "Usage with the share `ratio` of it on top: `usage × (1 + ratio)`. Undefined for a negative ratio.",
        ["reserve_of_usage(6GiB, 50%)" => "9GiB"];
    Sizing "scale_to" "scale_to(current, load, target)" FunctionKind::ScaleTo,
        "The parallelism at which `load`, carried by `current`, would be `target`: `current × load / target`, rounded up (but not for rounding noise below one part in 10⁹). `load` and `target` have one unit. Undefined unless the target is positive and nothing is negative.",
        ["scale_to(4, 90%, 60%)" => "6", "scale_to(3, 80%, 80%)" => "3"];
}
