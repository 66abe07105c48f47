//! What a reservation has to say about itself.

use std::fmt::{self, Write as _};

use super::AlignTo;
use crate::units::{Unit, display_number, display_quantity};

/// A parallelism beside the one that was chosen, for whoever cares more for even subtasks than for the target.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Alternative {
    /// The parallelism.
    pub parallelism: u64,
    /// Partitions or key groups of its fullest subtask.
    pub fullest: u64,
    /// How much more (or, negative, less) it is than the target, as a share of the target.
    pub over: f64,
}

/// Something the reader of a decision should know about a reservation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// The present allocation is near enough to expected.
    DeadBand {
        /// The least that is near enough.
        from: f64,
        /// The most that is near enough.
        to: f64,
    },
    /// Rounding up would not make less of the present allocation, which is enough.
    PresentSuffices {
        /// What rounding up and aligning made.
        aligned: u64,
    },
    /// A divisor was near enough.
    Aligned {
        /// The target before.
        from: u64,
        /// The target after.
        to: u64,
    },
    /// No divisor is near enough; the target stays as it is.
    NotAligned {
        /// What is aligned to.
        to: AlignTo,
        /// How many of them there are.
        of: u32,
        /// Partitions or key groups of the fullest subtask as it is.
        fullest: u64,
        /// What else could be had.
        alternatives: Vec<Alternative>,
    },
    /// There are no more partitions or key groups.
    AllPartitions {
        /// What they are.
        to: AlignTo,
        /// How many of them there are.
        of: u32,
        /// What was wanted.
        wanted: u64,
    },
    /// The most allowed is less than what was wanted.
    Most {
        /// The limit.
        max: u64,
        /// What was wanted.
        wanted: u64,
    },
    /// The least allowed is more than what was wanted.
    Least {
        /// The limit.
        min: u64,
        /// What was wanted.
        wanted: u64,
    },
    /// The largest step up ends before what was wanted.
    StepUp {
        /// Where it ends.
        to: u64,
        /// What was wanted.
        wanted: u64,
    },
    /// The largest step down ends before what was wanted.
    StepDown {
        /// Where it ends.
        to: u64,
        /// What was wanted.
        wanted: u64,
    },
    /// The result keeps less in reserve than asked; the other notes say why.
    ReserveNotKept {
        /// Utilisation of the result at this load.
        utilisation: f64,
        /// The utilisation that the ratio allows.
        allowed: f64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(Unit::NUMBER))
    }
}

impl Note {
    /// What it says, with amounts in this unit: plain numbers or bytes.
    pub fn describe(&self, unit: Unit) -> String {
        let percent = |share: f64| format!("{}%", display_number((share * 1000.0).round() / 10.0));
        let show = |amount: u64| display_quantity(amount as f64, unit);
        match self {
            Note::DeadBand { from, to } => format!(
                "the present allocation is within {} and {}",
                display_quantity(*from, unit),
                display_quantity(*to, unit)
            ),
            Note::PresentSuffices { aligned } => {
                format!("the present allocation is enough; rounding up gives {}", show(*aligned))
            }
            Note::Aligned { from, to } => format!("aligned from {} to {}", show(*from), show(*to)),
            Note::NotAligned {
                to,
                of,
                fullest,
                alternatives,
            } => {
                let mut text = format!("not a divisor of the {of} {to}, the fullest subtask has {fullest} of them");
                for (i, a) in alternatives.iter().enumerate() {
                    let joint = if i == 0 { "; alternatives: " } else { ", " };
                    let sign = if a.over < 0.0 { "" } else { "+" };
                    let _ = write!(
                        text,
                        "{joint}{} ({} each at most, {sign}{})",
                        a.parallelism,
                        a.fullest,
                        percent(a.over)
                    );
                }
                text
            }
            Note::AllPartitions { to, of, wanted } => {
                format!("there are only {of} {to}, {} were wanted", show(*wanted))
            }
            Note::Most { max, wanted } => format!("limited to at most {}, {} was wanted", show(*max), show(*wanted)),
            Note::Least { min, wanted } => format!("limited to at least {}, {} was wanted", show(*min), show(*wanted)),
            Note::StepUp { to, wanted } => {
                format!(
                    "the largest step up ends at {}, {} was wanted",
                    show(*to),
                    show(*wanted)
                )
            }
            Note::StepDown { to, wanted } => {
                format!(
                    "the largest step down ends at {}, {} was wanted",
                    show(*to),
                    show(*wanted)
                )
            }
            Note::ReserveNotKept { utilisation, allowed } => format!(
                "the reserve is not kept: {} used where {} is allowed",
                percent(*utilisation),
                percent(*allowed)
            ),
        }
    }
}
