//! Ratio reservation: from what a task uses to what it should have, keeping a reserve, in whole subtasks or steps of memory.
//!
//! Everything runs in one direction, and every stage is in the result ([`Reservation`]):
//!
//! ```text
//! used → expected → quantised → aligned → limited → result
//! ```
//!
//! - **expected** = `used / (1 − r)` or `used × (1 + r)`, as the [`Convention`] says.
//! - **dead band**: within `tolerance` of expected the present allocation stays.
//! - **quantised**: up to the next whole subtask, or the next step of memory.
//! - **aligned**: up to a divisor of the partitions or key groups, if one is near enough. Where none is, nothing is vetoed: the target stays
//!   and the alternatives are reported.
//! - **limited**: into the task's limits and the largest step. The limits always win.
//!
//! What holds for every input: the result is within the limits; at the same load it is no more than `1 − r` used (`1/(1 + r)` for
//! `of_usage`) unless a note says why; doing it again at the same load changes nothing unless a largest step cut it short; more usage never
//! gives less.
//!
//! ```
//! use dras_core::resources::ratio::{reserve, Convention, Settings};
//!
//! // 10 subtasks, 90% busy, 30% to be kept free.
//! let settings = Settings::parallelism(0.3, Convention::OfCapacity);
//! let reservation = reserve(0.9 * 10.0, 10, &settings)?;
//! assert_eq!(reservation.result, 13);
//! // 30% of the usage on top is something else.
//! let settings = Settings::parallelism(0.3, Convention::OfUsage);
//! assert_eq!(reserve(0.9 * 10.0, 10, &settings)?.result, 12);
//! # Ok::<(), dras_core::resources::ratio::RatioError>(())
//! ```

use std::fmt;

use super::memory::MIB;
use crate::units::display_number;

/// What the reserve is a share of. The field mixes the two silently; a document names the one it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// Share `r` of what is allocated stays free: `expected = used / (1 − r)`, `0 ≤ r < 1`.
    #[default]
    OfCapacity,
    /// Share `r` of the usage comes on top: `expected = used × (1 + r)`, `r ≥ 0`. Equal to [`Convention::OfCapacity`] with
    /// `r / (1 + r)`.
    OfUsage,
}

impl Convention {
    /// The utilisation that remains allowed when `ratio` is kept in reserve: `1 − r`, or `1 / (1 + r)`.
    ///
    /// # Errors
    /// [`RatioError::NotANumber`], [`RatioError::Negative`], [`RatioError::NothingLeft`] of the ratio.
    pub fn allowed_utilisation(self, ratio: f64) -> Result<f64, RatioError> {
        check("ratio", ratio)?;
        match self {
            Convention::OfCapacity if ratio >= 1.0 => Err(RatioError::NothingLeft { ratio }),
            Convention::OfCapacity => Ok(1.0 - ratio),
            Convention::OfUsage => Ok(1.0 / (1.0 + ratio)),
        }
    }
}

/// What to have for what is used; in the unit of `used`, not yet whole.
///
/// ```
/// use dras_core::resources::ratio::{expected, Convention};
/// assert_eq!(expected(6.0, 0.25, Convention::OfCapacity), Ok(8.0));
/// assert_eq!(expected(6.0, 0.25, Convention::OfUsage), Ok(7.5));
/// assert!(expected(6.0, 1.0, Convention::OfCapacity).is_err());
/// ```
///
/// # Errors
/// [`RatioError`] of a usage or ratio that is negative or not a number, of a ratio that leaves nothing, or of a result that is larger than
/// [`MOST`].
pub fn expected(used: f64, ratio: f64, convention: Convention) -> Result<f64, RatioError> {
    check("usage", used)?;
    let allowed = convention.allowed_utilisation(ratio)?;
    let expected = match convention {
        Convention::OfCapacity => used / allowed,
        Convention::OfUsage => used * (1.0 + ratio),
    };
    if expected <= MOST as f64 {
        Ok(expected)
    } else {
        Err(RatioError::TooLarge { used, ratio })
    }
}

/// The largest allocation that is computed, 2^53: up to here an `f64` holds every whole number, and 2^53 bytes are 8 PiB.
pub const MOST: u64 = 1 << 53;

/// Something that cannot be reserved for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RatioError {
    /// NaN or infinite.
    #[error("the {what} is {value}, which is not a finite number")]
    NotANumber {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Below 0.
    #[error("the {what} is {value}; it cannot be negative")]
    Negative {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A ratio of the capacity of 1 or more.
    #[error("a ratio of {ratio} of the capacity leaves nothing to use; it must be below 1 (or be meant `of_usage`)")]
    NothingLeft {
        /// The ratio.
        ratio: f64,
    },
    /// More than [`MOST`].
    #[error("a usage of {used} with a ratio of {ratio} expects more than 2^53; check the unit of the usage")]
    TooLarge {
        /// The usage.
        used: f64,
        /// The ratio.
        ratio: f64,
    },
    /// A dead band that reaches down to nothing.
    #[error("a tolerance of {tolerance} would hold any allocation; it must be below 1")]
    ToleranceTooLarge {
        /// The tolerance.
        tolerance: f64,
    },
    /// Limits that exclude everything.
    #[error("the least ({min}) is above the most ({max})")]
    LimitsReversed {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// Something that must be at least 1.
    #[error("the {what} is 0; it must be at least 1")]
    Zero {
        /// What it is.
        what: &'static str,
    },
    /// Key groups are a limit of Flink's own: no setting of the user's goes above them.
    #[error("the least parallelism ({min}) is above the {groups} key groups (the task's max parallelism)")]
    BeyondKeyGroups {
        /// The least parallelism.
        min: u64,
        /// The key groups.
        groups: u32,
    },
}

fn check(what: &'static str, value: f64) -> Result<(), RatioError> {
    if !value.is_finite() {
        Err(RatioError::NotANumber { what, value })
    } else if value < 0.0 {
        Err(RatioError::Negative { what, value })
    } else {
        Ok(())
    }
}

/// What a target is aligned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlignTo {
    /// Partitions of the source. More subtasks than partitions would idle, so that their number is a limit too, unless the least
    /// parallelism lies above it.
    Partitions,
    /// Key groups (the task's max parallelism). Flink refuses more subtasks than key groups.
    KeyGroups,
}

/// Makes the subtasks carry equally much: a parallelism that divides the number of partitions or key groups.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alignment {
    /// To what.
    pub to: AlignTo,
    /// How many of them there are, at least 1.
    pub of: u32,
    /// How much more than the target alignment may cost, as a share of it: with 0.2, 100 may become 120 but not 121. 0 or more.
    pub most_over: f64,
}

/// How far one change may go from the present allocation.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LargestStep {
    /// As far as it wants.
    #[default]
    Unlimited,
    /// By this much: subtasks, or bytes. At least 1.
    By(u64),
    /// By this share of the present allocation, rounded down, but always by one subtask or one step of memory. 1 is at most twice as
    /// much, or down to nothing.
    Share(f64),
}

/// How to reserve.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The share to keep in reserve.
    pub ratio: f64,
    /// Of what it is a share.
    pub convention: Convention,
    /// The dead band, as a share of expected: nothing changes while the present allocation is within `expected × (1 ± tolerance)`. At
    /// least 0 and below 1. The last step to the most is always taken, so that a dead band cannot keep a task below what it is allowed.
    pub tolerance: f64,
    /// The result is a multiple of this: 1 subtask, or a step of memory in bytes. At least 1.
    pub quantum: u64,
    /// Alignment of a parallelism.
    pub alignment: Option<Alignment>,
    /// The least allowed, at least 1.
    pub min: u64,
    /// The most allowed.
    pub max: u64,
    /// The largest step up.
    pub step_up: LargestStep,
    /// The largest step down.
    pub step_down: LargestStep,
}

impl Settings {
    /// Whole subtasks, from 1 up, no dead band, no alignment, no largest step.
    pub fn parallelism(ratio: f64, convention: Convention) -> Settings {
        Settings {
            ratio,
            convention,
            tolerance: 0.0,
            quantum: 1,
            alignment: None,
            min: 1,
            max: MOST,
            step_up: LargestStep::Unlimited,
            step_down: LargestStep::Unlimited,
        }
    }

    /// Bytes in steps of 64 MiB, no dead band, no largest step.
    pub fn memory(ratio: f64, convention: Convention) -> Settings {
        Settings {
            quantum: 64 * MIB,
            ..Settings::parallelism(ratio, convention)
        }
    }

    fn check(&self) -> Result<(), RatioError> {
        self.convention.allowed_utilisation(self.ratio)?;
        check("tolerance", self.tolerance)?;
        if self.tolerance >= 1.0 {
            return Err(RatioError::ToleranceTooLarge {
                tolerance: self.tolerance,
            });
        }
        for (what, value) in [("step of the result", self.quantum), ("least allowed", self.min)] {
            if value == 0 {
                return Err(RatioError::Zero { what });
            }
        }
        if self.min > self.max {
            return Err(RatioError::LimitsReversed {
                min: self.min,
                max: self.max,
            });
        }
        for step in [self.step_up, self.step_down] {
            match step {
                LargestStep::By(0) => return Err(RatioError::Zero { what: "largest step" }),
                LargestStep::Share(share) => check("largest step", share)?,
                LargestStep::By(_) | LargestStep::Unlimited => {}
            }
        }
        if let Some(alignment) = self.alignment {
            check("over-provisioning of the alignment", alignment.most_over)?;
            if alignment.of == 0 {
                return Err(RatioError::Zero {
                    what: "number of partitions or key groups",
                });
            }
            if alignment.to == AlignTo::KeyGroups && u64::from(alignment.of) < self.min {
                return Err(RatioError::BeyondKeyGroups {
                    min: self.min,
                    groups: alignment.of,
                });
            }
        }
        Ok(())
    }

    /// The most, with the partitions or key groups taken into account.
    fn most(&self) -> u64 {
        self.alignment
            .map_or(self.max, |a| self.max.min(u64::from(a.of)).max(self.min))
    }
}

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

impl fmt::Display for AlignTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlignTo::Partitions => "partitions",
            AlignTo::KeyGroups => "key groups",
        })
    }
}

/// A reservation, stage by stage.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reservation {
    /// What is used, as given.
    pub used: f64,
    /// What is allocated now, as given.
    pub current: u64,
    /// What to have for that, before anything is rounded.
    pub expected: f64,
    /// Up to the next whole subtask or step.
    pub quantised: u64,
    /// Up to a divisor, if one is near enough; otherwise as quantised. Never below the least that limits and largest step allow.
    pub aligned: u64,
    /// Within limits and largest step, never more than the present allocation while that is enough.
    pub limited: u64,
    /// What to have: `limited`, or the present allocation where the dead band keeps it.
    pub result: u64,
    /// Utilisation of the result at this load: `used / result`.
    pub utilisation: f64,
    /// The utilisation that the ratio allows.
    pub allowed: f64,
    /// What else there is to know, in the order of the stages.
    pub notes: Vec<Note>,
}

impl Reservation {
    /// Whether the result differs from the present allocation.
    pub fn changes(&self) -> bool {
        self.result != self.current
    }

    /// Whether the result keeps the reserve at this load.
    pub fn reserve_kept(&self) -> bool {
        self.utilisation <= self.allowed * (1.0 + NOISE)
    }
}

/// What floating-point noise is taken to be, as a share of a value.
///
/// `(0.1 + 0.2) / 0.1` is 3.0000000000000004, and a ceiling would make 4 of it. A handful of roundings (a product with the parallelism, a compensated
/// mean, an interpolated quantile, a quotient) are off by some 1e-15 of the value; measurements by far more than 1e-12 of it. So what
/// exceeds a whole number by less than 1e-12 of itself is that number. The price is that as much of the reserve may be missing: one byte in
/// a terabyte.
const NOISE: f64 = 1e-12;

/// `value` in whole quanta, up, at least one; noise does not count.
fn quantise(value: f64, quantum: u64) -> u64 {
    let quanta = value / quantum as f64;
    let below = quanta.floor();
    let whole = if quanta - below <= below * NOISE {
        below
    } else {
        below + 1.0
    };
    // At most 2^53 quanta of 1, so that the conversion is exact.
    (whole as u64).max(1).saturating_mul(quantum)
}

/// Reserves for a usage: what to have where `current` is allocated and `used` of it is used, in the same unit (subtasks, or bytes).
///
/// A utilisation becomes a usage by `utilisation × current`. `current` may be 0 where nothing is allocated yet.
///
/// # Errors
/// [`RatioError`] of the usage, or of settings that contradict themselves.
pub fn reserve(used: f64, current: u64, settings: &Settings) -> Result<Reservation, RatioError> {
    settings.check()?;
    let expected = expected(used, settings.ratio, settings.convention)?;
    let allowed = settings.convention.allowed_utilisation(settings.ratio)?;
    let (min, max) = (settings.min, settings.most());
    let mut notes = Vec::new();

    let quantised = quantise(expected, settings.quantum);
    // Where one change may end: the largest steps, and within them the limits, which always win.
    let lowest = current
        .saturating_sub(reach(settings.step_down, current, settings.quantum))
        .clamp(min, max);
    let highest = current
        .saturating_add(reach(settings.step_up, current, settings.quantum))
        .clamp(min, max);

    // While the present allocation is enough, rounding up and aligning must not make more of it: less usage would give more.
    let suffices = current as f64 * (1.0 + NOISE) >= expected;
    let reach_up = if suffices { highest.min(current) } else { highest };
    let needed = quantised.max(min);
    let free = match &settings.alignment {
        Some(alignment) if needed <= highest => align(needed, (min, reach_up), alignment, &mut notes),
        _ => needed,
    };
    // A step down that is cut short is aligned where it ends, but not back to where it began: it would never get down.
    let cut_short = free < lowest;
    let aligned = if cut_short {
        notes.clear();
        let reach = (lowest, reach_up.min(current.saturating_sub(1)));
        settings
            .alignment
            .map_or(lowest, |a| align(lowest, reach, &a, &mut notes))
    } else {
        free
    };
    let wanted = if suffices { aligned.min(current) } else { aligned };
    let limited = wanted.clamp(lowest, highest);

    let band = (
        expected * (1.0 - settings.tolerance),
        expected * (1.0 + settings.tolerance),
    );
    let near = (band.0..=band.1).contains(&(current as f64));
    let last_step_to_most = current < max && expected >= max as f64 * (1.0 - NOISE);
    let keeps = near && (min..=max).contains(&current) && !last_step_to_most;
    let result = if keeps { current } else { limited };

    if keeps && result != limited {
        // The stages after the dead band were computed, but did not decide.
        notes.clear();
        notes.push(Note::DeadBand {
            from: band.0,
            to: band.1,
        });
    } else if suffices && result == current {
        if aligned > current {
            notes.clear();
            notes.push(Note::PresentSuffices { aligned });
        }
    } else if quantised > result {
        let all = settings
            .alignment
            .filter(|a| u64::from(a.of) == max && max < settings.max);
        let wanted = quantised;
        notes.push(match all {
            _ if result < max => Note::StepUp { to: result, wanted },
            Some(alignment) => Note::AllPartitions {
                to: alignment.to,
                of: alignment.of,
                wanted,
            },
            None => Note::Most { max, wanted },
        });
    }
    if cut_short && !keeps {
        notes.push(Note::StepDown {
            to: result,
            wanted: free,
        });
    } else if quantised < min && result == min && !keeps {
        notes.push(Note::Least { min, wanted: quantised });
    }
    let utilisation = used / result as f64;
    let mut reservation = Reservation {
        used,
        current,
        expected,
        quantised,
        aligned,
        limited,
        result,
        utilisation,
        allowed,
        notes,
    };
    if !reservation.reserve_kept() {
        reservation.notes.push(Note::ReserveNotKept { utilisation, allowed });
    }
    Ok(reservation)
}

/// How far the largest step reaches.
fn reach(step: LargestStep, current: u64, quantum: u64) -> u64 {
    match step {
        LargestStep::Unlimited => u64::MAX,
        LargestStep::By(by) => by,
        // A product beyond 2^64 stops there: the conversion saturates.
        LargestStep::Share(share) => ((current as f64 * share) as u64).max(quantum),
    }
}

/// The smallest divisor from `target` up, if it costs little enough and is within reach; otherwise `target`, with a note.
fn align(target: u64, reach: (u64, u64), alignment: &Alignment, notes: &mut Vec<Note>) -> u64 {
    let of = u64::from(alignment.of);
    if target > of || of.is_multiple_of(target) {
        return target;
    }
    let fullest = |parallelism: u64| of.div_ceil(parallelism);
    let over = |parallelism: u64| parallelism as f64 / target as f64 - 1.0;
    // A whole number always divides itself, so that there is a divisor from any target up to it.
    let divisor = divisors(of).filter(|&d| d >= target).min().unwrap_or(of);
    if divisor <= reach.1 && divisor as f64 <= target as f64 * (1.0 + alignment.most_over) * (1.0 + NOISE) {
        notes.push(Note::Aligned {
            from: target,
            to: divisor,
        });
        return divisor;
    }
    // The least that has the same fullest subtask, and the least that has a less full one.
    let same = of.div_ceil(fullest(target));
    let less = of.div_ceil(fullest(target) - 1);
    let mut others: Vec<u64> = [same, less, divisor]
        .into_iter()
        .filter(|&p| p != target && (reach.0..=reach.1).contains(&p))
        .collect();
    others.dedup();
    let alternatives = others
        .into_iter()
        .map(|p| Alternative {
            parallelism: p,
            fullest: fullest(p),
            over: over(p),
        })
        .collect();
    notes.push(Note::NotAligned {
        to: alignment.to,
        of: alignment.of,
        fullest: fullest(target),
        alternatives,
    });
    target
}

/// All divisors, in no particular order. `n` came from a `u32`, so that this takes at most 65,536 divisions.
fn divisors(n: u64) -> impl Iterator<Item = u64> {
    (1..=n.isqrt())
        .filter(move |d| n.is_multiple_of(*d))
        .flat_map(move |d| [d, n / d])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn aligned(of: u32, to: AlignTo, most_over: f64) -> Settings {
        let alignment = Some(Alignment { to, of, most_over });
        Settings {
            alignment,
            ..Settings::parallelism(0.0, Convention::OfCapacity)
        }
    }

    fn result(used: f64, current: u64, settings: &Settings) -> u64 {
        reserve(used, current, settings).unwrap().result
    }

    #[test]
    fn noise_does_not_become_a_subtask() {
        let free = |ratio| Settings::parallelism(ratio, Convention::OfCapacity);
        assert!((0.1_f64 + 0.2) / 0.1 > 3.0, "the premise");
        assert_eq!(quantise((0.1 + 0.2) / 0.1, 1), 3);
        assert_eq!(quantise(0.3 / 0.1, 1), 3);
        assert_eq!(quantise(3.000_001, 1), 4);
        assert_eq!(quantise(0.0, 1), 1);
        assert_eq!(quantise(1e-300, 1), 1);
        // 70% of 10 with 30% free is 10: neither 0.7 × 10 nor 1 − 0.3 may make it 11.
        assert_eq!(result(0.7 * 10.0, 10, &free(0.3)), 10);
        for parallelism in 1..=2000_u64 {
            for percent in 1..100_u32 {
                let share = f64::from(percent) / 100.0;
                let used = (1.0 - share) * parallelism as f64;
                assert_eq!(
                    result(used, 1, &free(share)),
                    parallelism,
                    "{percent}% of {parallelism}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_reserved_for_is_refused() {
        let of = |ratio, convention| expected(1.0, ratio, convention).unwrap_err().to_string();
        assert_eq!(
            of(1.0, Convention::OfCapacity),
            "a ratio of 1 of the capacity leaves nothing to use; it must be below 1 (or be meant `of_usage`)"
        );
        assert_eq!(
            of(-0.1, Convention::OfUsage),
            "the ratio is -0.1; it cannot be negative"
        );
        assert_eq!(
            of(f64::NAN, Convention::OfCapacity),
            "the ratio is NaN, which is not a finite number"
        );
        assert_eq!(expected(1.0, 1.5, Convention::OfUsage), Ok(2.5));
        assert!(matches!(
            expected(f64::INFINITY, 0.1, Convention::OfUsage),
            Err(RatioError::NotANumber { .. })
        ));
        assert!(matches!(
            expected(f64::MAX, 2.0, Convention::OfUsage),
            Err(RatioError::TooLarge { .. })
        ));
        assert!(matches!(
            expected(-1.0, 0.0, Convention::OfUsage),
            Err(RatioError::Negative { .. })
        ));
        let good = Settings::parallelism(0.3, Convention::OfCapacity);
        for bad in [
            Settings { tolerance: 1.0, ..good },
            Settings {
                tolerance: f64::NAN,
                ..good
            },
            Settings { quantum: 0, ..good },
            Settings { min: 0, ..good },
            Settings { min: 5, max: 4, ..good },
            Settings {
                step_up: LargestStep::By(0),
                ..good
            },
            Settings {
                step_down: LargestStep::Share(-0.5),
                ..good
            },
            aligned(0, AlignTo::Partitions, 0.1),
            aligned(8, AlignTo::Partitions, f64::INFINITY),
            Settings {
                min: 9,
                ..aligned(8, AlignTo::KeyGroups, 0.1)
            },
        ] {
            assert!(reserve(1.0, 1, &bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn alignment_never_doubles_and_never_vetoes() {
        // 199 partitions: 100 stays 100, and what else could be had is said.
        let r = reserve(100.0, 90, &aligned(199, AlignTo::Partitions, 0.2)).unwrap();
        assert_eq!((r.quantised, r.aligned, r.result), (100, 100, 100));
        assert_eq!(
            r.notes[0].to_string(),
            "not a divisor of the 199 partitions, the fullest subtask has 2 of them; alternatives: 199 (1 each at most, +99%)"
        );
        assert_eq!(
            result(100.0, 90, &aligned(199, AlignTo::Partitions, 1.0)),
            199,
            "asked for"
        );
        // 31 partitions, 17 subtasks: 16 carry the same.
        let r = reserve(17.0, 31, &aligned(31, AlignTo::Partitions, 0.2)).unwrap();
        assert_eq!(r.result, 17);
        assert!(
            r.notes[0]
                .to_string()
                .contains("16 (2 each at most, -5.9%), 31 (1 each at most, +82.4%)"),
            "{}",
            r.notes[0]
        );
        // 128 key groups going down to 65: not vetoed.
        assert_eq!(result(65.0, 128, &aligned(128, AlignTo::KeyGroups, 0.2)), 65);
        assert_eq!(result(60.0, 128, &aligned(128, AlignTo::KeyGroups, 0.2)), 64);
        // Going down from 62 to 60, up to 64 would be no way down.
        assert_eq!(result(60.0, 62, &aligned(128, AlignTo::KeyGroups, 0.2)), 60);
        // Small steps down get there, although 64 is the divisor near 60.
        let slowly = Settings {
            step_down: LargestStep::By(4),
            ..aligned(128, AlignTo::KeyGroups, 0.2)
        };
        assert_eq!(result(8.0, 64, &slowly), 60);
        assert_eq!(result(20.0, 1, &aligned(360, AlignTo::KeyGroups, 0.2)), 20);
        assert_eq!(result(21.0, 1, &aligned(360, AlignTo::KeyGroups, 0.2)), 24);
    }

    #[test]
    fn there_is_nothing_above_the_partitions() {
        // A lag of 35 at 10 per subtask on 3 partitions is 3 subtasks, not 4.
        let r = reserve(3.5, 1, &aligned(3, AlignTo::Partitions, 0.0)).unwrap();
        assert_eq!((r.quantised, r.result), (4, 3));
        let texts: Vec<String> = r.notes.iter().map(Note::to_string).collect();
        assert_eq!(
            texts,
            [
                "there are only 3 partitions, 4 were wanted",
                "the reserve is not kept: 116.7% used where 100% is allowed"
            ]
        );
        let settings = Settings {
            min: 5,
            ..aligned(3, AlignTo::Partitions, 0.0)
        };
        assert_eq!(result(3.5, 1, &settings), 5, "the user's least wins over partitions");
    }

    #[test]
    fn a_dead_band_holds_but_not_below_the_most() {
        let settings = Settings {
            tolerance: 0.1,
            max: 64,
            ..Settings::parallelism(0.0, Convention::OfCapacity)
        };
        let r = reserve(1.05 * 20.0, 20, &settings).unwrap();
        assert_eq!((r.limited, r.result, r.changes()), (21, 20, false));
        assert_eq!(r.notes[0].to_string(), "the present allocation is within 18.9 and 23.1");
        assert!(!r.reserve_kept());
        // 1.016 of 63 with a most of 64 must reach 64.
        assert_eq!(result(1.016 * 63.0, 63, &settings), 64);
        assert_eq!(result(1.2 * 64.0, 64, &settings), 64);
        // Outside of the limits the band holds nothing.
        assert_eq!(result(66.0, 70, &settings), 64);
    }

    #[test]
    fn every_limit_says_what_it_did() {
        let base = Settings::parallelism(0.5, Convention::OfCapacity);
        let texts = |used: f64, current, settings: &Settings| -> (u64, Vec<String>) {
            let r = reserve(used, current, settings).unwrap();
            (r.result, r.notes.iter().map(Note::to_string).collect())
        };
        let not_kept = "the reserve is not kept: 80% used where 50% is allowed".to_owned();
        assert_eq!(
            texts(8.0, 5, &Settings { max: 10, ..base }),
            (
                10,
                vec!["limited to at most 10, 16 was wanted".to_owned(), not_kept.clone()]
            )
        );
        assert_eq!(
            texts(
                8.0,
                5,
                &Settings {
                    step_up: LargestStep::Share(1.0),
                    ..base
                }
            ),
            (
                10,
                vec!["the largest step up ends at 10, 16 was wanted".to_owned(), not_kept]
            )
        );
        assert_eq!(
            texts(
                1.0,
                20,
                &Settings {
                    step_down: LargestStep::By(5),
                    ..base
                }
            ),
            (15, vec!["the largest step down ends at 15, 2 was wanted".to_owned()])
        );
        assert_eq!(
            texts(1.0, 20, &Settings { min: 4, ..base }),
            (4, vec!["limited to at least 4, 2 was wanted".to_owned()])
        );
        assert_eq!(
            result(
                1.0,
                1,
                &Settings {
                    step_up: LargestStep::Share(0.1),
                    ..base
                }
            ),
            2,
            "always by one"
        );
    }

    #[test]
    fn memory_goes_in_steps_of_64_mib_up() {
        let settings = Settings::memory(0.25, Convention::OfCapacity);
        let r = reserve(1500.0 * MIB as f64, 1728 * MIB, &settings).unwrap();
        assert_eq!((r.expected, r.result), (2000.0 * MIB as f64, 2048 * MIB));
        // Rounding up never makes more of what is enough.
        let r = reserve(1296.75 * MIB as f64, 1730 * MIB, &settings).unwrap();
        assert_eq!((r.expected, r.result), (1729.0 * MIB as f64, 1730 * MIB));
        assert_eq!(r.notes[0], Note::PresentSuffices { aligned: 1792 * MIB });
    }

    fn steps() -> impl Strategy<Value = LargestStep> {
        prop_oneof![
            3 => Just(LargestStep::Unlimited),
            1 => (1_u64..50).prop_map(LargestStep::By),
            1 => (0.0_f64..2.0).prop_map(LargestStep::Share),
        ]
    }

    prop_compose! {
        fn any_settings()(
            ratio in prop_oneof![Just(0.0), Just(0.3), 0.0_f64..0.95],
            of_usage in any::<bool>(),
            tolerance in prop_oneof![Just(0.0), Just(0.1), 0.0_f64..0.9],
            quantum in prop_oneof![3 => Just(1_u64), 1 => 2_u64..9],
            of in 1_u32..300, to_partitions in any::<bool>(), most_over in 0.0_f64..1.5, align in any::<bool>(),
            min in 1_u64..20, more in 0_u64..400, unlimited in any::<bool>(),
            step_up in steps(), step_down in steps(),
        ) -> Settings {
            let to = if to_partitions { AlignTo::Partitions } else { AlignTo::KeyGroups };
            let of = if to == AlignTo::KeyGroups { of + 20 } else { of };
            Settings {
                ratio,
                convention: if of_usage { Convention::OfUsage } else { Convention::OfCapacity },
                tolerance,
                quantum,
                alignment: align.then_some(Alignment { to, of, most_over }),
                min,
                max: if unlimited { MOST } else { min + more },
                step_up,
                step_down,
            }
        }
    }

    fn usage() -> impl Strategy<Value = f64> {
        prop_oneof![
            0.0_f64..400.0,
            (0_u32..400).prop_map(f64::from),
            Just(0.0),
            (0_u32..4000).prop_map(|n| f64::from(n) * 0.1)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn never_outside_limits_and_every_missing_reserve_is_explained(
            settings in any_settings(), used in usage(), current in 0_u64..500,
        ) {
            let r = reserve(used, current, &settings).unwrap();
            prop_assert!((settings.min..=settings.max).contains(&r.result), "{r:?}");
            if let Some(Alignment { to: AlignTo::KeyGroups, of, .. }) = settings.alignment {
                prop_assert!(r.result <= u64::from(of));
            }
            let explained = r.notes.iter().any(|n| matches!(
                n, Note::DeadBand { .. } | Note::Most { .. } | Note::StepUp { .. } | Note::AllPartitions { .. }
            ));
            let said = r.notes.iter().any(|n| matches!(n, Note::ReserveNotKept { .. }));
            let kept = used <= r.allowed * r.result as f64 * (1.0 + 1e-9);
            prop_assert!(kept || explained, "{r:?}");
            prop_assert_eq!(said, !r.reserve_kept());
            prop_assert!(r.changes() || !r.notes.iter().any(|n| matches!(n, Note::StepDown { .. })), "{:?}", r);
            for note in &r.notes {
                prop_assert!(!note.to_string().is_empty());
            }
        }

        #[test]
        fn again_at_the_same_load_changes_nothing(settings in any_settings(), used in usage(), current in 0_u64..500) {
            let first = reserve(used, current, &settings).unwrap();
            let cut_short = first.notes.iter().any(|n| matches!(n, Note::StepUp { .. } | Note::StepDown { .. }));
            let second = reserve(used, first.result, &settings).unwrap();
            if !cut_short {
                prop_assert_eq!(second.result, first.result, "{:?} then {:?}", first, second);
            }
            // However many steps it takes, it arrives and stays.
            let mut at = first.result;
            let mut turns = 0;
            loop {
                let next = reserve(used, at, &settings).unwrap().result;
                if next == at { break; }
                at = next;
                turns += 1;
                prop_assert!(turns < 2000, "does not settle: {settings:?}");
            }
        }

        #[test]
        fn more_usage_never_gives_less(
            settings in any_settings(), used in usage(), more in usage(), current in 0_u64..500,
        ) {
            let (a, b) = (reserve(used, current, &settings).unwrap(), reserve(used + more, current, &settings).unwrap());
            prop_assert!(a.result <= b.result, "{a:?} and {b:?}");
        }

        #[test]
        fn the_conventions_agree(settings in any_settings(), used in usage(), current in 0_u64..500, ratio in 0.0_f64..0.95) {
            let of_capacity = Settings { ratio, convention: Convention::OfCapacity, ..settings };
            let of_usage = Settings { ratio: ratio / (1.0 - ratio), convention: Convention::OfUsage, ..settings };
            let (a, b) = (reserve(used, current, &of_capacity).unwrap(), reserve(used, current, &of_usage).unwrap());
            prop_assert!((a.expected - b.expected).abs() <= 1e-12 * a.expected);
            prop_assert!((a.allowed - b.allowed).abs() <= 1e-12);
            // Exactly on the edge of the dead band their noise may decide.
            let edge = |band: f64| (band - current as f64).abs() <= 1e-9 * band;
            if !edge(a.expected * (1.0 - settings.tolerance)) && !edge(a.expected * (1.0 + settings.tolerance)) {
                prop_assert_eq!(a.result, b.result);
            }
        }

        #[test]
        fn alignment_is_a_divisor_within_its_price_or_the_target(
            of in 1_u32..400, used in 0.0_f64..400.0, most_over in 0.0_f64..2.0,
        ) {
            let r = reserve(used, 1, &aligned(of, AlignTo::Partitions, most_over)).unwrap();
            let target = r.quantised;
            let candidates = (target..=u64::from(of)).filter(|p| u64::from(of) % p == 0);
            let affordable = candidates.filter(|&p| p as f64 <= target as f64 * (1.0 + most_over) * (1.0 + 1e-12)).min();
            prop_assert_eq!(r.aligned, affordable.unwrap_or(target));
        }

        #[test]
        fn no_number_panics(
            used in any::<f64>(), current in any::<u64>(), ratio in any::<f64>(), tolerance in any::<f64>(), quantum in any::<u64>(),
            min in any::<u64>(), max in any::<u64>(), share in any::<f64>(), by in any::<u64>(), of in any::<u32>(), over in any::<f64>(),
        ) {
            let settings = Settings {
                ratio, convention: Convention::OfUsage, tolerance, quantum,
                alignment: Some(Alignment { to: AlignTo::Partitions, of, most_over: over }),
                min, max, step_up: LargestStep::Share(share), step_down: LargestStep::By(by),
            };
            let _ = reserve(used, current, &settings);
            let tame = Settings {
                ratio: ratio.abs() % 3.0, tolerance: tolerance.abs() % 1.0, min: min.min(max).max(1), max: max.max(1),
                step_up: LargestStep::Share(share.abs()), ..settings
            };
            if let Ok(r) = reserve(used.abs() % 1e15, current, &tame) {
                prop_assert!((tame.min..=tame.max).contains(&r.result));
            }
        }
    }
}
