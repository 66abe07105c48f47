//! What a reservation has to say about itself.

use std::fmt;

use super::AlignTo;
use crate::units::display_number;

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
        let percent = |share: f64| format!("{}%", display_number((share * 1000.0).round() / 10.0));
        match self {
            Note::DeadBand { from, to } => {
                write!(
                    f,
                    "the present allocation is within {} and {}",
                    display_number(*from),
                    display_number(*to)
                )
            }
            Note::PresentSuffices { aligned } => {
                write!(f, "the present allocation is enough; rounding up gives {aligned}")
            }
            Note::Aligned { from, to } => write!(f, "aligned from {from} to {to}"),
            Note::NotAligned {
                to,
                of,
                fullest,
                alternatives,
            } => {
                write!(
                    f,
                    "not a divisor of the {of} {to}, the fullest subtask has {fullest} of them"
                )?;
                for (i, a) in alternatives.iter().enumerate() {
                    let joint = if i == 0 { "; alternatives: " } else { ", " };
                    let sign = if a.over < 0.0 { "" } else { "+" };
                    write!(
                        f,
                        "{joint}{} ({} each at most, {sign}{})",
                        a.parallelism,
                        a.fullest,
                        percent(a.over)
                    )?;
                }
                Ok(())
            }
            Note::AllPartitions { to, of, wanted } => write!(f, "there are only {of} {to}, {wanted} were wanted"),
            Note::Most { max, wanted } => write!(f, "limited to at most {max}, {wanted} was wanted"),
            Note::Least { min, wanted } => write!(f, "limited to at least {min}, {wanted} was wanted"),
            Note::StepUp { to, wanted } => write!(f, "the largest step up ends at {to}, {wanted} was wanted"),
            Note::StepDown { to, wanted } => write!(f, "the largest step down ends at {to}, {wanted} was wanted"),
            Note::ReserveNotKept { utilisation, allowed } => {
                write!(
                    f,
                    "the reserve is not kept: {} used where {} is allowed",
                    percent(*utilisation),
                    percent(*allowed)
                )
            }
        }
    }
}
