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

mod note;
#[cfg(test)]
mod tests;

use std::fmt;

use super::memory::MIB;
pub use note::{Alternative, Note};

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

impl fmt::Display for AlignTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlignTo::Partitions => "partitions",
            AlignTo::KeyGroups => "key groups",
        })
    }
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
    /// By this share of the present allocation, as far as whole subtasks or steps of memory lie within it, but always to the next one. 1 is
    /// at most twice as much, or down to nothing.
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
    // Where one change may end: the largest steps, on whole quanta if there is one on the way, and within them the limits, which always win.
    let lowest = current.saturating_sub(reach(settings.step_down, current, settings.quantum));
    let whole = lowest
        .checked_next_multiple_of(settings.quantum)
        .filter(|w| *w < current);
    let lowest = whole.unwrap_or(lowest).clamp(min, max);
    let highest = current.saturating_add(reach(settings.step_up, current, settings.quantum));
    let whole = Some(highest - highest % settings.quantum).filter(|w| *w > current);
    let highest = whole.unwrap_or(highest).clamp(min, max);

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
