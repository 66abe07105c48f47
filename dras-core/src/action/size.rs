//! From an amount that is wanted to one that can be had.

use crate::resources::Resource;
use crate::resources::allocation::Breach;
use crate::resources::ratio::{self, Alignment, Convention, LargestStep, Note, Settings};

use super::merge::Wish;

/// A change of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The resource.
    pub resource: Resource,
    /// What the task has: subtasks, or bytes.
    pub from: f64,
    /// What it should have: whole steps, within the limits.
    pub to: f64,
    /// What rules want, after recommendations were stabilised.
    pub wanted: f64,
    /// What rules wanted before, where that was something else.
    pub stabilised: Option<f64>,
    /// The most memory of the whole process, where a change of components was cut to keep to it.
    pub fitted_to: Option<u64>,
    /// What the task would have exceeded in all, where the change was cut to keep to it.
    pub quota: Option<Breach>,
    /// What else there is to know of the way from `wanted` to `to`.
    pub notes: Vec<Note>,
    /// Whether an urgent rule wants it.
    pub urgent: bool,
    /// The rules that want it, by index, ascending.
    pub rules: Vec<u32>,
}

impl Change {
    /// Whether it adds resources.
    pub fn is_up(&self) -> bool {
        self.to > self.from
    }
}

/// How much room there is for a change of one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// The least allowed.
    pub min: Option<u64>,
    /// The most allowed.
    pub max: Option<u64>,
    /// How far one change goes up.
    pub step_up: LargestStep,
    /// How far one change goes down.
    pub step_down: LargestStep,
    /// Changes up that are smaller than this share of what is wanted are not made.
    pub tolerance_up: f64,
    /// Changes down that are smaller than this share of what is wanted are not made.
    pub tolerance_down: f64,
    /// To what a parallelism is aligned.
    pub alignment: Option<Alignment>,
}

impl Room {
    /// As much as there can be.
    pub const UNLIMITED: Room = Room {
        min: None,
        max: None,
        step_up: LargestStep::Unlimited,
        step_down: LargestStep::Unlimited,
        tolerance_up: 0.0,
        tolerance_down: 0.0,
        alignment: None,
    };
}

/// What a wish comes to: whole steps, within the limits and the largest step, outside the dead band, aligned.
///
/// The result may be no change, with notes that say why. Limits bound what is wanted, and want nothing themselves: a task that is above its
/// most is not brought down by a wish for more, and a wish for less is not made a wish for much less.
pub fn size(wish: &Wish, room: &Room) -> Change {
    let resource = wish.resource;
    // Small numbers become much larger by being made whole: what is wanted is 3.06, and four is a third more than three.
    let wanted = wish.exact.clamp(0.0, ratio::MOST as f64);
    let current = wish.current.clamp(0.0, ratio::MOST as f64) as u64;
    let up = wish.is_up();
    // In the direction of the wish only the limit that lies there counts.
    let (min, max) = if up {
        (1, room.max)
    } else {
        (room.min.unwrap_or(1), None)
    };
    let max = max.unwrap_or(ratio::MOST).max(1);
    let settings = Settings {
        ratio: 0.0,
        convention: Convention::OfCapacity,
        tolerance: if up { room.tolerance_up } else { room.tolerance_down },
        quantum: resource.step(),
        alignment: room.alignment,
        min: min.clamp(1, max),
        max,
        step_up: room.step_up,
        step_down: room.step_down,
    };
    let (mut to, mut notes) = match ratio::reserve(wanted, current, &settings) {
        Ok(reservation) => (reservation.result as f64, reservation.notes),
        // Settings that contradict each other were refused when the document was compiled; a number of partitions that does not fit the limits
        // comes from the task.
        Err(_) => {
            let settings = Settings {
                alignment: None,
                ..settings
            };
            match ratio::reserve(wanted, current, &settings) {
                Ok(reservation) => (reservation.result as f64, reservation.notes),
                Err(_) => (wish.current, Vec::new()),
            }
        }
    };
    // What is wanted is the measure here, not a reserve.
    notes.retain(|n| !matches!(n, Note::ReserveNotKept { .. } | Note::PresentSuffices { .. }));
    let turned = if up { to <= wish.current } else { to >= wish.current };
    if turned {
        to = wish.current;
    }
    Change {
        resource,
        from: wish.current,
        to,
        wanted: wish.target,
        stabilised: None,
        fitted_to: None,
        quota: None,
        notes,
        urgent: wish.urgent,
        rules: wish.rules.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resources::ratio::AlignTo;

    fn wish(current: f64, target: f64) -> Wish {
        Wish {
            resource: Resource::Parallelism,
            current,
            target,
            exact: target,
            urgent: false,
            rules: vec![0],
            waits_for: None,
        }
    }

    fn within(min: u64, max: u64) -> Room {
        Room {
            min: Some(min),
            max: Some(max),
            ..Room::UNLIMITED
        }
    }

    #[test]
    fn limits_cap_the_result_and_never_turn_it_round() {
        let change = size(&wish(4.0, 9.0), &within(3, 5));
        assert_eq!((change.to, change.notes), (5.0, vec![Note::Most { max: 5, wanted: 9 }]));
        assert_eq!(size(&wish(4.0, 1.0), &within(3, 5)).to, 3.0);
        assert_eq!(
            size(&wish(4.0, 9.0), &within(1, 2)).to,
            4.0,
            "4 is above the limit already; an up must not become a down"
        );
        assert_eq!(
            size(&wish(10.0, 9.0), &within(1, 8)).to,
            9.0,
            "limits want nothing themselves"
        );
        assert_eq!(size(&wish(2.0, 3.0), &within(5, 8)).to, 3.0);
    }

    #[test]
    fn the_tolerance_does_not_keep_a_task_below_its_cap() {
        // 63 of 64 subtasks, and a persistent wish that is only 1.6% above.
        let room = Room {
            tolerance_up: 0.1,
            ..within(1, 64)
        };
        assert_eq!(size(&wish(63.0, 64.0), &room).to, 64.0);
        assert_eq!(size(&wish(50.0, 53.0), &room).to, 50.0, "elsewhere it holds");
        let little = Wish {
            exact: 3.06,
            ..wish(3.0, 4.0)
        };
        assert_eq!(
            size(&little, &room).to,
            3.0,
            "2% more than there is, and a third more in whole subtasks"
        );
        assert_eq!(size(&little, &within(1, 64)).to, 4.0);
    }

    #[test]
    fn alignment_never_vetoes_and_never_costs_more_than_allowed() {
        let room = Room {
            alignment: Some(Alignment {
                to: AlignTo::Partitions,
                of: 199,
                most_over: 0.2,
            }),
            ..Room::UNLIMITED
        };
        let change = size(&wish(90.0, 100.0), &room);
        assert_eq!(change.to, 100.0);
        assert!(matches!(change.notes[0], Note::NotAligned { of: 199, .. }));
        let room = Room {
            alignment: Some(Alignment {
                to: AlignTo::Partitions,
                of: 12,
                most_over: 0.2,
            }),
            ..Room::UNLIMITED
        };
        assert_eq!(size(&wish(4.0, 5.0), &room).to, 6.0);
        assert_eq!(
            size(&wish(4.0, 40.0), &room).to,
            12.0,
            "more subtasks than partitions would idle"
        );
    }

    proptest! {
        #[test]
        fn the_result_is_whole_on_the_side_of_the_wish_and_inside_the_limit_of_that_side(
            current in 1_u32..200, target in 0.0_f64..400.0, min in 1_u64..50, more in 0_u64..300,
            share_up in 0.0_f64..3.0, share_down in 0.0_f64..1.0, tolerance in 0.0_f64..0.5, of in 0_u32..300,
        ) {
            let room = Room {
                min: Some(min),
                max: Some(min + more),
                step_up: LargestStep::Share(share_up),
                step_down: LargestStep::Share(share_down),
                tolerance_up: tolerance,
                tolerance_down: tolerance,
                alignment: (of > 0).then_some(Alignment { to: AlignTo::Partitions, of, most_over: 0.2 }),
            };
            let wish = wish(f64::from(current), target);
            let change = size(&wish, &room);
            prop_assert_eq!(change.to.fract(), 0.0);
            if wish.is_up() {
                prop_assert!(change.to >= wish.current);
                prop_assert!(change.to == wish.current || change.to <= (min + more) as f64);
            } else {
                prop_assert!(change.to <= wish.current);
                prop_assert!(change.to == wish.current || change.to >= min as f64);
            }
        }
    }
}
