//! Marks: moments after which samples mean something else.

use crate::units::Millis;

/// What happened at a moment after which earlier samples say nothing about the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// The task (re)started. Its counters began again at zero.
    Restart,
    /// Its resources changed. Where that took a restart, mark both.
    Change,
}

/// The most marks that are kept of one task; beyond, the oldest goes.
pub const MAX_MARKS: usize = 128;

/// The marks of a task, by time.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    all: Vec<(Millis, Mark)>,
    /// The newest restart; [`Millis::MIN`] without one.
    restarted: Millis,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks {
            all: Vec::new(),
            restarted: Millis::MIN,
        }
    }
}

impl Marks {
    pub(super) fn insert(&mut self, t: Millis, mark: Mark) {
        let Err(at) = self.all.binary_search(&(t, mark)) else {
            return;
        };
        if self.all.len() == self.all.capacity() {
            // Most tasks have few.
            self.all.reserve_exact(2 + self.all.len() / 4);
        }
        self.all.insert(at, (t, mark));
        if self.all.len() > MAX_MARKS {
            self.all.remove(0);
        }
        self.restarted = newest_restart(&self.all).unwrap_or(Millis::MIN);
    }

    pub(super) fn all(&self) -> &[(Millis, Mark)] {
        &self.all
    }

    /// The newest mark at or before `t`.
    pub(super) fn newest_upto(&self, t: Millis) -> Option<Millis> {
        let marks = self.all.partition_point(|m| m.0 <= t);
        marks.checked_sub(1).map(|i| self.all[i].0)
    }

    /// The newest restart before `t`: when the counter of a sample at `t` began.
    pub(super) fn restart_before(&self, t: Millis) -> Option<Millis> {
        let marks = self.all.partition_point(|m| m.0 < t);
        newest_restart(&self.all[..marks])
    }

    /// When the counter of a sample at `t` after one at `previous` began, or `None`. A restart in the very millisecond of the sample before
    /// counts as after it.
    pub(super) fn start_of(&self, previous: Option<Millis>, t: Millis) -> Option<Millis> {
        let restart = self.restart_before(t)?;
        Some(if Some(restart) == previous {
            restart.saturating_add(1)
        } else {
            restart
        })
    }

    /// Whether the task restarted between a sample at `from` and one at `to`.
    pub(super) fn restarted(&self, from: Millis, to: Millis) -> bool {
        self.restarted >= from && self.start_of(Some(from), to).is_some_and(|t| t > from && t < to)
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<(Millis, Mark)>()
    }
}

/// The newest restart among marks; they seldom come without one.
fn newest_restart(marks: &[(Millis, Mark)]) -> Option<Millis> {
    marks.iter().rev().find(|m| m.1 == Mark::Restart).map(|m| m.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_sorted_bounded_and_kept_once() {
        let mut marks = Marks::default();
        for t in (0..200).rev() {
            marks.insert(t, Mark::Restart);
            marks.insert(t, Mark::Restart);
        }
        marks.insert(150, Mark::Change);
        assert_eq!(marks.all().len(), MAX_MARKS);
        assert!(marks.all().is_sorted());
        assert_eq!(marks.newest_upto(1000), Some(199));
        assert_eq!(marks.newest_upto(150), Some(150));
        assert_eq!(marks.newest_upto(10), None);
    }

    #[test]
    fn only_restarts_begin_counters_again() {
        let mut marks = Marks::default();
        marks.insert(100, Mark::Restart);
        marks.insert(200, Mark::Change);
        assert!(marks.restarted(99, 101));
        assert!(!marks.restarted(99, 100));
        assert!(marks.restarted(100, 300));
        assert!(!marks.restarted(100, 101));
        assert!(!marks.restarted(101, 300));
        assert!(!marks.restarted(10, 99));
    }
}
