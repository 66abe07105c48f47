//! Panes out of a snapshot, and into a plan that asks for other parts than the one that filled them.

use super::{Count, PaneSet, Panes, Since};
use crate::metrics::marks::Marks;
use crate::metrics::parts::{EMPTY, PARTS, Part, Passing};
use crate::units::Millis;

/// What the panes of a set hold, in an order that does not depend on the order of rules.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::metrics) struct Shape {
    /// Parts, in the order of [`PARTS`].
    pub(in crate::metrics) parts: Vec<Part>,
    /// Tests whose passes are counted, in the order of their bits.
    pub(in crate::metrics) tests: Vec<Passing>,
}

/// A test as something that can be sorted.
fn key(test: &Passing) -> (u64, u64, bool) {
    (test.lo.to_bits(), test.hi.to_bits(), test.negate)
}

impl Shape {
    /// How many columns of numbers the panes have.
    pub(in crate::metrics) fn columns(&self) -> usize {
        let parts: u16 = self.parts.iter().map(|part| PARTS[*part as usize].1).sum();
        usize::from(parts) + self.tests.len()
    }

    /// Whether parts and tests are in their order, each once.
    pub(in crate::metrics) fn is_sorted(&self) -> bool {
        self.parts.is_sorted_by(|a, b| a < b) && self.tests.is_sorted_by(|a, b| key(a) < key(b))
    }

    /// The first of the columns of a part.
    fn part(&self, part: Part) -> Option<usize> {
        let at = self.parts.binary_search(&part).ok()?;
        Some(self.parts[..at].iter().map(|p| usize::from(PARTS[*p as usize].1)).sum())
    }

    /// The column of a test.
    fn test(&self, test: &Passing) -> Option<usize> {
        let at = self.tests.binary_search_by_key(&key(test), key).ok()?;
        Some(self.columns() - self.tests.len() + at)
    }
}

impl PaneSet {
    pub(in crate::metrics) fn shape(&self) -> Shape {
        let mut shape = Shape {
            parts: self.kept.clone(),
            tests: self.passed.iter().map(|p| p.0).collect(),
        };
        shape.parts.sort_unstable();
        shape.tests.sort_unstable_by_key(key);
        shape
    }

    /// The columns of this set, each with the column of `shape` that holds the same, if one does.
    fn sources(&self, shape: &Shape) -> Vec<(usize, Option<usize>)> {
        let mut sources = Vec::with_capacity(usize::from(self.width_of_pane));
        for part in &self.kept {
            let (own, other) = (usize::from(self.columns[*part as usize]), shape.part(*part));
            for i in 0..usize::from(PARTS[*part as usize].1) {
                sources.push((own + i, other.map(|c| c + i)));
            }
        }
        for (test, own) in &self.passed {
            sources.push((usize::from(*own), shape.test(test)));
        }
        sources
    }

    /// Whether `shape` holds all that this set does.
    pub(in crate::metrics) fn is_part_of(&self, shape: &Shape) -> bool {
        self.sources(shape).iter().all(|(_, other)| other.is_some())
    }
}

/// The panes of one series as they stand in a snapshot.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::metrics) struct SavedPanes {
    /// The index of their set in the snapshot.
    pub(in crate::metrics) set: u16,
    /// How many there are: from the oldest that is not empty to the newest.
    pub(in crate::metrics) panes: u32,
    /// The time of the newest folded sample.
    pub(in crate::metrics) last: Millis,
    /// The newest mark plus warm-up that they were cut at.
    pub(in crate::metrics) floor: Millis,
    /// For each column the pane from which on it is known; empty where all are known throughout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::metrics) since: Vec<i64>,
    #[serde(skip)]
    pub(in crate::metrics) samples: Vec<u32>,
    #[serde(skip)]
    pub(in crate::metrics) covered: Vec<u32>,
    /// In the order of the [`Shape`].
    #[serde(skip)]
    pub(in crate::metrics) columns: Vec<Vec<f64>>,
}

impl Panes {
    /// These panes as they stand in a snapshot, in which their set has the index `at` and the given shape.
    pub(in crate::metrics) fn save(&self, set: &PaneSet, at: u16, shape: &Shape) -> SavedPanes {
        let is_empty = |pane: &i64| {
            let count = self.counts.get(self.slot(*pane));
            count.samples == 0 && count.covered == 0
        };
        let oldest = self.oldest();
        let first = (oldest..=self.newest)
            .find(|pane| !is_empty(pane))
            .unwrap_or(self.newest);
        let slots = self.slots(self.slot(first), (self.newest - first + 1) as usize);
        let counts = || slots.iter().cloned().flatten().map(|slot| self.counts.get(slot));
        let mut saved = SavedPanes {
            set: at,
            panes: (self.newest - first + 1) as u32,
            last: self.last,
            floor: self.floor,
            since: Vec::new(),
            samples: counts().map(|c| c.samples).collect(),
            covered: counts().map(|c| c.covered).collect(),
            columns: vec![Vec::new(); shape.columns()],
        };
        let mut since = vec![Millis::MIN; shape.columns()];
        for (own, other) in set.sources(shape) {
            let Some(other) = other else { continue };
            let column = self.column(own as u16);
            saved.columns[other] = slots.iter().flat_map(|s| &column[s.clone()]).copied().collect();
            // What is known in all panes that there is room for is known.
            let known = self.since.as_ref().map_or(i64::MIN, |since| since.panes[own]);
            if known > oldest {
                since[other] = known;
            }
        }
        if since.iter().any(|pane| *pane > i64::MIN) {
            saved.since = since;
        }
        saved
    }

    /// The panes of a snapshot, whose set had the given shape, as panes of `set`, which has the same width. Columns that the snapshot does
    /// not have are made of `raw`, the folded samples that are still there, for those panes of which all samples are; whether that are all
    /// panes is the second result.
    pub(in crate::metrics) fn restore(
        set: &PaneSet,
        saved: &SavedPanes,
        shape: &Shape,
        raw: impl Iterator<Item = (Millis, f64)>,
        marks: &Marks,
    ) -> (Panes, bool) {
        let mut panes = Panes::new(set);
        (panes.newest, panes.last, panes.floor) = (set.pane(saved.last), saved.last, saved.floor);
        let sources = set.sources(shape);
        let count = panes.counts.len();
        let kept = saved.samples.len().min(count);
        // The newest ones; where there were more, the oldest go.
        let skip = saved.samples.len() - kept;
        for i in 0..kept {
            let slot = panes.slot(panes.newest.saturating_sub((kept - 1 - i) as i64));
            let (samples, covered) = (saved.samples[skip + i], saved.covered[skip + i]);
            panes.counts.set(slot, Count { samples, covered });
            // An empty pane keeps the parts of one.
            if samples > 0 {
                for (own, other) in &sources {
                    if let Some(other) = other {
                        panes.parts[own * count + slot] = saved.columns[*other][skip + i];
                    }
                }
            }
        }
        let known = |other: usize| saved.since.get(other).copied().unwrap_or(i64::MIN);
        let missing = sources.iter().any(|(_, other)| other.is_none());
        let refilled = if missing {
            panes.refill(set, &sources, raw, marks)
        } else {
            i64::MIN
        };
        let oldest = panes.oldest();
        let mut since = vec![i64::MIN; sources.len()];
        for (own, other) in sources {
            since[own] = other.map_or(refilled, known);
        }
        if since.iter().any(|pane| *pane > oldest) {
            let since = since.into_boxed_slice();
            panes.since = Some(Box::new(Since { panes: since }));
        }
        (panes, refilled <= oldest)
    }

    /// Fills the columns without a source from the samples that are still there. The result is the pane from which on they are known: the
    /// one after the last of whose samples some are gone.
    fn refill(
        &mut self,
        set: &PaneSet,
        sources: &[(usize, Option<usize>)],
        raw: impl Iterator<Item = (Millis, f64)>,
        marks: &Marks,
    ) -> i64 {
        let mut raw = raw.take_while(|(t, _)| *t <= self.last).peekable();
        // Samples from before the newest mark are no longer in the pane that its floor lies in.
        let cut = |t: Millis| t <= self.floor && set.pane(t) == self.floor.div_euclid(set.width);
        let (oldest, count) = (self.oldest(), self.counts.len());
        let mut known = oldest;
        let mut filled = Panes::new(set);
        for pane in oldest..=self.newest {
            let (mut parts, mut passed) = (EMPTY, vec![0.0; set.passed.len()]);
            while let Some((t, v)) = raw.next_if(|(t, _)| set.pane(*t) <= pane) {
                if set.pane(t) < pane || cut(t) {
                    continue;
                }
                parts.add(t, v, set.mask, marks);
                for ((range, _), passed) in set.passed.iter().zip(&mut passed) {
                    *passed += f64::from(range.passes(v));
                }
            }
            let slot = self.slot(pane);
            if parts.samples != self.counts.get(slot).samples {
                known = pane + 1;
                continue;
            }
            filled.store(set, slot, &parts);
            for ((_, column), passed) in set.passed.iter().zip(passed) {
                filled.parts[usize::from(*column) * count + slot] = passed;
            }
        }
        for (own, other) in sources {
            if other.is_none() {
                let cells = own * count..(own + 1) * count;
                self.parts[cells.clone()].copy_from_slice(&filled.parts[cells]);
            }
        }
        known
    }
}
