//! What rules ask of the windows: known when the rules are compiled, so that the store keeps exactly what is needed.

use super::catalogue::MetricId;
use super::text::TextTest;
use crate::units::Millis;

/// Which samples a window holds, relative to the time `T` of the look. Every window is left-open and right-closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Span {
    /// The newest sample at or before `T`, if it is not older than the metric's staleness: a bare metric name.
    Latest,
    /// `(T − length, T]`.
    Sliding(Millis),
    /// The epoch-aligned window of this length that `T` lies in, up to `T`: `(k·length, T]`.
    Current(Millis),
    /// The epoch-aligned window before that, complete: `((k − 1)·length, k·length]`.
    Previous(Millis),
    /// The last `count` samples that are not older than `max_age`.
    Last {
        /// How many samples.
        count: u32,
        /// How old the oldest may be, in ms.
        max_age: Millis,
    },
}

impl Span {
    /// The longest time that the window reaches back from its right edge, in ms.
    pub fn reach(self) -> Millis {
        match self {
            Span::Latest => 0,
            Span::Sliding(length) | Span::Current(length) => length,
            Span::Previous(length) => length.saturating_mul(2),
            Span::Last { max_age, .. } => max_age,
        }
    }

    /// Its length in ms, where that is the same at every look.
    pub(super) fn fixed_length(self) -> Option<Millis> {
        match self {
            Span::Sliding(length) | Span::Previous(length) | Span::Last { max_age: length, .. } => Some(length.max(1)),
            Span::Latest | Span::Current(_) => None,
        }
    }
}

/// A window of a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// Its extent.
    pub span: Span,
    /// How far it is moved into the past, in ms: its right edge is `T − offset`.
    pub offset: Millis,
    /// Whether it may hold samples from before the newest mark (restart, change of resources) plus the warm-up.
    pub across_marks: bool,
}

impl Window {
    /// `(T − length, T]`, ending at marks.
    pub fn sliding(length: Millis) -> Window {
        Window {
            span: Span::Sliding(length),
            offset: 0,
            across_marks: false,
        }
    }

    /// The latest sample.
    pub fn latest() -> Window {
        Window {
            span: Span::Latest,
            offset: 0,
            across_marks: false,
        }
    }
}

/// How the samples of one series in a window become one value.
///
/// Values are in seconds, bytes and plain numbers; `rate` and `slope` are per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reduce {
    /// Mean of the samples.
    Avg,
    /// Smallest sample.
    Min,
    /// Largest sample.
    Max,
    /// Sum of the samples.
    Sum,
    /// Number of samples, or with a [`Test`] of those that pass it.
    Count,
    /// Oldest sample.
    First,
    /// Newest sample.
    Last,
    /// Population standard deviation.
    Stddev,
    /// Population variance.
    Var,
    /// Quantile with Prometheus' interpolation; 0…1. The median is `Quantile(0.5)`.
    Quantile(f64),
    /// Median absolute deviation.
    Mad,
    /// Largest less smallest sample.
    Spread,
    /// Increase of a counter per second of the time really covered.
    Rate,
    /// Increase of a counter: sum of its positive steps from the last sample before the window (its anchor), resets counted.
    Increase,
    /// Last sample less the anchor (or the first sample where there is none).
    Delta,
    /// How often the value differs from the one before, anchor included.
    Changes,
    /// How often a counter fell, anchor included.
    Resets,
    /// Rate between the last two samples, as Prometheus' `irate`.
    Irate,
    /// Difference of the last two samples, as Prometheus' `idelta`.
    Idelta,
    /// Least-squares slope per second.
    Slope,
    /// Least-squares value this many ms after `T`.
    Predict(Millis),
    /// Time-aware exponentially weighted mean with this half-life in ms.
    Ewma(Millis),
    /// Holt's linear double exponential smoothing with smoothing and trend factors, as Prometheus'.
    DoubleExponential(f64, f64),
    /// Share of the window, 0…1, that samples cover.
    Coverage,
    /// Seconds since the newest sample, or with a [`Test`] since the newest that passes it.
    Age,
    /// Seconds since the oldest sample.
    AgeOfFirst,
    /// Seconds since the latest smallest sample.
    AgeOfMin,
    /// Seconds since the latest largest sample.
    AgeOfMax,
    /// Whether all samples pass the [`Test`]; 0 or 1.
    All,
    /// Whether any sample passes the [`Test`]; 0 or 1.
    Any,
    /// Share of the samples, 0…1, that pass the [`Test`].
    Share,
    /// Prometheus' extrapolated `increase`.
    IncreaseProm,
    /// Prometheus' extrapolated `rate`.
    RateProm,
    /// Prometheus' extrapolated `delta`.
    DeltaProm,
    /// Prometheus' `changes`: inside the window only.
    ChangesProm,
    /// Prometheus' `resets`: inside the window only.
    ResetsProm,
}

/// A test of one sample.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whether `lo ≤ x ≤ hi`, turned round by `negate`. Strict bounds are expressed with the next float up or down.
    Within {
        /// Smallest value that passes; may be −∞.
        lo: f64,
        /// Largest value that passes; may be +∞.
        hi: f64,
        /// Pass the others instead.
        negate: bool,
    },
    /// A test of a text sample.
    Text(TextTest),
    /// A test that only the caller can make; it is handed to the store with each question.
    Caller,
}

/// How the values of several instances become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Across {
    /// Mean.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sum.
    Sum,
    /// Number of instances with a value.
    Count,
    /// Population standard deviation.
    Stddev,
    /// Population variance.
    Var,
    /// Quantile with Prometheus' interpolation.
    Quantile(f64),
    /// Median absolute deviation.
    Mad,
    /// Largest less smallest.
    Spread,
    /// Whether it is true for all instances.
    All,
    /// Whether it is true for any instance.
    Any,
    /// Share of the instances, 0…1, for which it is true.
    Share,
}

/// One question about each series of a metric.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// The metric.
    pub metric: MetricId,
    /// The window of its samples.
    pub window: Window,
    /// What becomes of them.
    pub reduce: Reduce,
    /// Which samples count, for [`Reduce::Count`], [`Reduce::All`], [`Reduce::Any`], [`Reduce::Share`] and [`Reduce::Age`].
    pub test: Option<Test>,
}

/// The index of an [`Aggregate`] in the plan it was compiled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AggregateId(pub(crate) u32);

impl AggregateId {
    /// The index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
