//! What became of windows under other rules.

use std::fmt;

use crate::units::Millis;

/// What a change of rules left out or began anew. Empty where nothing was lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Carried {
    /// Metrics whose data are gone, by name.
    pub metrics_dropped: Vec<MetricDropped>,
    /// Long windows that were worked out again, with all or some of their functions, from raw samples that reach back as far as they do.
    pub panes_rebuilt: Vec<LongWindow>,
    /// Long windows that know, with all or some of their functions, only what raw samples were still there: undefined until they are
    /// covered again.
    pub panes_begun: Vec<LongWindow>,
    /// Long windows that are no longer asked for in this form, and whose panes are gone.
    pub panes_dropped: Vec<LongWindow>,
    /// Instances that are gone because there may be fewer now, those without data for longest first to go; by name.
    pub instances_dropped: Vec<String>,
    /// Events that are gone because there may be fewer or only shorter ones now.
    pub events_dropped: u64,
}

impl Carried {
    /// Whether all data were carried over.
    pub fn is_whole(&self) -> bool {
        let Carried {
            metrics_dropped,
            panes_rebuilt: _,
            panes_begun,
            panes_dropped,
            instances_dropped,
            events_dropped,
        } = self;
        metrics_dropped.is_empty()
            && panes_begun.is_empty()
            && panes_dropped.is_empty()
            && instances_dropped.is_empty()
            && *events_dropped == 0
    }
}

/// A window that is kept in panes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct LongWindow {
    /// The metric.
    pub metric: String,
    /// Its length in ms, rounded up to a multiple of 64.
    pub length: Millis,
    /// Whether it crosses marks.
    pub across_marks: bool,
}

/// A metric whose data are gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct MetricDropped {
    /// Its name.
    pub metric: String,
    /// Why.
    pub why: WhyDropped,
}

/// Why the data of a metric cannot be used under the new rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyDropped {
    /// No metric has this name.
    NotDeclared,
    /// No rule asks for it.
    NotUsed,
    /// It is of another kind.
    Kind,
    /// It is declared in another unit.
    Unit,
}

impl fmt::Display for WhyDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyDropped::NotDeclared => "it is not declared any more",
            WhyDropped::NotUsed => "no rule asks for it any more",
            WhyDropped::Kind => "it is of another kind now",
            WhyDropped::Unit => "it is declared in another unit now",
        })
    }
}
