//! Why a value is not there.
//!
//! Missing data is *undefined*, never zero: every number, truth value and text of an evaluation either is there or comes with one of
//! these reasons.

use std::fmt;

use crate::units::Millis;

/// The reason why a value is undefined. Small and copyable: it travels through every evaluation; names are added by whoever reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Undefined {
    /// The metric has no live instance: nothing was ever ingested, or all of it has ended or gone stale.
    NoInstance,
    /// No sample lies in the window.
    NoSample,
    /// Fewer samples than the function needs.
    TooFewSamples {
        /// Samples in the window.
        have: u32,
        /// Samples that the function needs.
        need: u32,
    },
    /// The samples cover too little of the window.
    Coverage {
        /// Samples in the window.
        have: u32,
        /// Samples that a full window holds at the metric's interval.
        expected: u32,
        /// Per mille of the window that the samples cover.
        covered: u16,
        /// Per mille that is required.
        required: u16,
    },
    /// The newest sample is too old.
    Stale {
        /// Its age in ms.
        age: Millis,
        /// The greatest age at which it would count, in ms.
        limit: Millis,
    },
    /// The source was asked and had no value (NaN).
    NotAvailable,
    /// Too few instances have a value.
    Instances {
        /// Instances with a value.
        have: u32,
        /// Instances that are expected.
        expected: u32,
    },
    /// The window would reach behind the newest mark (restart, change of resources) plus the warm-up.
    WarmingUp {
        /// Time left in ms until the first sample can count.
        left: Millis,
    },
    /// Events of this metric were never, or not recently, asked for, so that their absence says nothing.
    NotObserved,
    /// The task does not say this attribute.
    NoAttribute,
    /// A division, or remainder, by zero.
    DivisionByZero,
    /// The result is larger than any number.
    NotFinite,
    /// The function has no value there: the root or logarithm of a negative number, a position outside a text.
    OutsideDomain,
    /// The text is not a number.
    NotANumber,
    /// Nobody asked, because the result does not depend on it: `false && x`. Only explanations meet it.
    NotNeeded,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ms: Millis| crate::units::display_quantity(ms as f64 / 1000.0, crate::units::Unit::SECONDS);
        match *self {
            Undefined::NoInstance => f.write_str("no live instance"),
            Undefined::NoSample => f.write_str("no sample in the window"),
            Undefined::TooFewSamples { have, need } => write!(f, "{have} of at least {need} samples"),
            Undefined::Coverage {
                have,
                expected,
                covered,
                required,
            } => write!(
                f,
                "{have} of {expected} samples, covering {}% of the window where {}% are required",
                covered / 10,
                required / 10
            ),
            Undefined::Stale { age, limit } => {
                write!(f, "last sample {} ago, counts for {}", seconds(age), seconds(limit))
            }
            Undefined::NotAvailable => f.write_str("the source had no value (NaN)"),
            Undefined::Instances { have, expected } => write!(f, "{have} of {expected} instances have a value"),
            Undefined::WarmingUp { left } => {
                // Nobody waits for milliseconds; rounded up, so that it is over when it says so.
                let left = if left < 1000 {
                    left
                } else {
                    left.saturating_add(999) / 1000 * 1000
                };
                write!(f, "warming up after a restart or change, {} left", seconds(left))
            }
            Undefined::NotObserved => f.write_str("events were not asked for recently"),
            Undefined::NoAttribute => f.write_str("the task does not say"),
            Undefined::DivisionByZero => f.write_str("division by zero"),
            Undefined::NotFinite => f.write_str("the result is not finite"),
            Undefined::OutsideDomain => f.write_str("the function has no value there"),
            Undefined::NotANumber => f.write_str("the text is not a number"),
            Undefined::NotNeeded => f.write_str("not asked for, the result does not depend on it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_whole_seconds_and_never_too_short() {
        for (left, text) in [
            (20_000, "20s"),
            (58_998, "59s"),
            (1000, "1s"),
            (900, "900ms"),
            (89_001, "1m30s"),
        ] {
            let shown = Undefined::WarmingUp { left }.to_string();
            assert_eq!(shown, format!("warming up after a restart or change, {text} left"));
        }
        assert!(
            Undefined::WarmingUp { left: Millis::MAX }
                .to_string()
                .ends_with(" left")
        );
    }
}
