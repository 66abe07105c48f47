//! Long windows in bounded memory: each is cut into 64 panes, aligned to the epoch, that hold only the parts some rule asks for.
//!
//! Samples are folded into the newest pane one by one in time order, once no earlier one can arrive any more. An answer puts the panes
//! together that the window overlaps, the oldest one whole, and goes on with the raw samples that are not folded yet, by the same
//! operations in the same order: so it has the same bits whenever the folding happened.

mod carry;
mod counts;

use std::ops::Range;

pub(super) use carry::{SavedPanes, Shape};

use counts::{Count, Counts};

use super::catalogue::MetricId;
use super::kernels::{self, sums::Sum};
use super::marks::Marks;
use super::parts::{EMPTY, PARTS, Part, Parts, Passing, join, larger, parts, smaller};
use super::query::{Aggregate, Reduce, Test};
use crate::units::Millis;

/// The panes of one metric and one length of window: what each holds, and how many there are.
#[derive(Debug, Clone)]
pub(super) struct PaneSet {
    metric: MetricId,
    width: Millis,
    max_gap: Millis,
    across_marks: bool,
    count: i64,
    /// For each of [`PARTS`] its first column; [`u16::MAX`] where no rule asks for it.
    columns: [u16; PARTS.len()],
    /// The parts that some rule asks for.
    kept: Vec<Part>,
    /// The same as a set of bits.
    mask: u16,
    /// Tests whose passes are counted, with their columns.
    passed: Vec<(Passing, u16)>,
    width_of_pane: u16,
}

impl PaneSet {
    pub(super) fn new(metric: MetricId, width: Millis, max_gap: Millis, across_marks: bool) -> PaneSet {
        PaneSet {
            metric,
            width,
            max_gap,
            across_marks,
            count: 0,
            columns: [u16::MAX; PARTS.len()],
            kept: Vec::new(),
            mask: 0,
            passed: Vec::new(),
            width_of_pane: 0,
        }
    }

    /// What tells sets apart: the metric, the width of a pane, and whether windows cross marks.
    pub(super) fn key(&self) -> (MetricId, Millis, bool) {
        (self.metric, self.width, self.across_marks)
    }

    pub(super) fn metric(&self) -> MetricId {
        self.metric
    }

    pub(super) fn width(&self) -> Millis {
        self.width
    }

    pub(super) fn across_marks(&self) -> bool {
        self.across_marks
    }

    /// How far back from now the panes reach.
    pub(super) fn reach(&self) -> Millis {
        self.count.saturating_mul(self.width)
    }

    /// Makes sure that `aggregate` can be answered; the index of its test, if it has one.
    pub(super) fn require(&mut self, aggregate: &Aggregate, panes: i64) -> Option<u16> {
        self.count = self.count.max(panes);
        for part in parts(aggregate.reduce) {
            let at = *part as usize;
            if self.columns[at] == u16::MAX {
                self.columns[at] = self.width_of_pane;
                self.kept.push(*part);
                self.mask |= part.bit();
                self.width_of_pane += PARTS[at].1;
            }
        }
        let Some(Test::Within { lo, hi, negate }) = aggregate.test else {
            return None;
        };
        let range = Passing { lo, hi, negate };
        let at = self.passed.iter().position(|p| p.0.same(range)).unwrap_or_else(|| {
            self.passed.push((range, self.width_of_pane));
            self.width_of_pane += 1;
            self.passed.len() - 1
        });
        Some(at as u16)
    }

    /// Bytes of one series' panes, besides themselves.
    pub(super) fn bytes(&self) -> usize {
        let panes = self.count as usize;
        Counts::bytes_for(panes, self.width) + panes * 8 * usize::from(self.width_of_pane)
    }

    /// The index of the pane that holds `t`: pane `k` is `(k·width, (k + 1)·width]`.
    fn pane(&self, t: Millis) -> i64 {
        t.saturating_sub(1).div_euclid(self.width)
    }

    /// The left edge of a pane.
    fn left(&self, pane: i64) -> Millis {
        pane.saturating_mul(self.width)
    }
}

/// The best of `held` and all these values by `better`, which takes one after the other: of zeros the first stays, and any value rather than NaN.
/// `of_all` is quicker; zeros of both signs are one to it.
#[inline]
fn best(values: &[f64], held: f64, of_all: fn(&[f64]) -> f64, better: fn(f64, f64) -> f64) -> f64 {
    let found = of_all(values);
    if found.is_nan() {
        return held;
    }
    let negative_zero = (-0.0_f64).to_bits();
    if found == 0.0
        && values
            .iter()
            .fold(false, |any, value| any | (value.to_bits() == negative_zero))
    {
        return values.iter().copied().fold(held, better);
    }
    better(held, found)
}

/// The time from one moment to a later one; 0 to an earlier one.
fn between(from: Millis, to: Millis) -> Millis {
    to.saturating_sub(from).max(0)
}

/// The panes of one series for one length of window.
#[derive(Debug, Clone)]
pub(super) struct Panes {
    /// The index of the newest pane with a sample; [`i64::MIN`] before the first.
    newest: i64,
    /// The time of the newest folded sample; [`Millis::MIN`] before the first.
    last: Millis,
    /// The newest mark plus warm-up that panes were cut at: the pane around it holds nothing from before.
    floor: Millis,
    counts: Counts,
    /// The parts of all panes, one part after the other.
    parts: Box<[f64]>,
    /// `None` where all columns are known for all panes.
    since: Option<Box<Since>>,
}

/// For each column of the parts the pane from which on it is known, where rules came to ask for it later than for others of the same window.
#[derive(Debug, Clone)]
struct Since {
    panes: Box<[i64]>,
}

/// The window that a question is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Left edge, exclusive.
    pub(super) left: Millis,
    /// Right edge, inclusive.
    pub(super) right: Millis,
    /// Time of the look.
    pub(super) now: Millis,
    /// The newest mark plus warm-up; [`Millis::MIN`] where there is none or the window crosses marks.
    pub(super) floor: Millis,
}

/// What the panes say about a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) samples: u32,
    pub(super) covered: Millis,
    /// `None` where there are too few samples.
    pub(super) value: Option<f64>,
}

impl Panes {
    pub(super) fn new(set: &PaneSet) -> Panes {
        let count = set.count as usize;
        let mut panes = Panes {
            newest: i64::MIN,
            last: Millis::MIN,
            floor: Millis::MIN,
            counts: Counts::new(count, set.width),
            parts: vec![0.0; count * usize::from(set.width_of_pane)].into_boxed_slice(),
            since: None,
        };
        for slot in 0..count {
            panes.clear(set, slot);
        }
        panes
    }

    /// Bytes that these panes take, besides themselves.
    pub(super) fn bytes(&self) -> usize {
        let since = |since: &Since| size_of::<Since>() + size_of_val(&*since.panes);
        self.counts.bytes() + size_of_val(&*self.parts) + self.since.as_deref().map_or(0, since)
    }

    /// The oldest pane that there is room for.
    fn oldest(&self) -> i64 {
        self.newest.saturating_sub(self.counts.len() as i64 - 1)
    }

    /// The oldest pane in which all of these columns are known.
    fn known(&self, columns: impl Iterator<Item = u16>) -> i64 {
        let oldest = self.oldest();
        let Some(since) = &self.since else { return oldest };
        columns.map(|c| since.panes[usize::from(c)]).fold(oldest, i64::max)
    }

    /// Reads a little of what a look reads of them: see [`Block::touch`](super::block::Block::touch).
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let newest = self.slot(self.newest);
        self.parts.get(newest).map_or(0, |part| part.to_bits()) ^ self.newest as u64
    }

    fn slot(&self, pane: i64) -> usize {
        pane.rem_euclid(self.counts.len() as i64) as usize
    }

    /// The slots of so many panes from slot `begin` on, in order: at most two stretches.
    fn slots(&self, begin: usize, panes: usize) -> [Range<usize>; 2] {
        let count = self.counts.len();
        [
            begin..(begin + panes).min(count),
            0..(begin + panes).saturating_sub(count),
        ]
    }

    fn clear(&mut self, set: &PaneSet, slot: usize) {
        self.counts.set(slot, Count { samples: 0, covered: 0 });
        self.store(set, slot, &EMPTY);
        for (_, column) in &set.passed {
            self.parts[usize::from(*column) * self.counts.len() + slot] = 0.0;
        }
    }

    /// One column of a part.
    fn column(&self, column: u16) -> &[f64] {
        let count = self.counts.len();
        &self.parts[usize::from(column) * count..][..count]
    }

    /// The columns of a part of two numbers.
    fn columns(&self, set: &PaneSet, part: Part) -> (&[f64], &[f64]) {
        let column = set.columns[part as usize];
        (self.column(column), self.column(column + 1))
    }

    fn store(&mut self, set: &PaneSet, slot: usize, p: &Parts) {
        let count = self.counts.len();
        for part in &set.kept {
            let at = *part as usize;
            let (a, b) = match part {
                Part::Sum => (p.sum.rounded, p.sum.lost),
                Part::Min => (p.min, 0.0),
                Part::Max => (p.max, 0.0),
                Part::First => p.first,
                Part::Last => p.last,
                Part::Moments => p.moments,
                Part::Steps => (p.steps.rounded, p.steps.lost),
                Part::Resets => (p.resets, 0.0),
                Part::Changes => (p.changes, 0.0),
                Part::MinAt => p.min_at,
                Part::MaxAt => p.max_at,
            };
            let cell = usize::from(set.columns[at]) * count + slot;
            self.parts[cell] = a;
            if PARTS[at].1 == 2 {
                self.parts[cell + count] = b;
            }
        }
    }

    /// The wanted parts of a pane.
    fn load(&self, set: &PaneSet, slot: usize, wanted: &[Part]) -> Parts {
        let mut parts = EMPTY;
        self.load_into(set, slot, wanted, &mut parts);
        parts
    }

    /// Reads the wanted parts of a pane into empty ones.
    #[inline]
    fn load_into(&self, set: &PaneSet, slot: usize, wanted: &[Part], p: &mut Parts) {
        let count = self.counts.len();
        p.samples = self.counts.get(slot).samples;
        for part in wanted {
            let cell = usize::from(set.columns[*part as usize]) * count + slot;
            let one = || self.parts[cell];
            let two = || (self.parts[cell], self.parts[cell + count]);
            let sum = || Sum {
                rounded: self.parts[cell],
                lost: self.parts[cell + count],
            };
            match part {
                Part::Sum => p.sum = sum(),
                Part::Min => p.min = one(),
                Part::Max => p.max = one(),
                Part::First => p.first = two(),
                Part::Last => p.last = two(),
                Part::Moments => p.moments = two(),
                Part::Steps => p.steps = sum(),
                Part::Resets => p.resets = one(),
                Part::Changes => p.changes = one(),
                Part::MinAt => p.min_at = two(),
                Part::MaxAt => p.max_at = two(),
            }
        }
    }

    /// Puts panes together whose slots follow on one another. The commonest parts by their columns, the same values as one by one; `false` where
    /// their samples are still to be counted.
    fn sweep(&self, set: &PaneSet, slots: Range<usize>, total: &mut Parts, reduce: Reduce, marks: &Marks) -> bool {
        match reduce {
            Reduce::Avg | Reduce::Sum => {
                let (rounded, lost) = self.columns(set, Part::Sum);
                for (rounded, lost) in rounded[slots.clone()].iter().zip(&lost[slots]) {
                    join(
                        &mut total.sum,
                        Sum {
                            rounded: *rounded,
                            lost: *lost,
                        },
                    );
                }
            }
            Reduce::Max => {
                let max = self.column(set.columns[Part::Max as usize]);
                total.max = best(&max[slots.clone()], total.max, kernels::largest, larger);
            }
            Reduce::Min => {
                let min = self.column(set.columns[Part::Min as usize]);
                total.min = best(&min[slots.clone()], total.min, kernels::smallest, smaller);
            }
            Reduce::Count | Reduce::Coverage | Reduce::All | Reduce::Any | Reduce::Share => {}
            _ => {
                let wanted = parts(reduce);
                // What is not wanted stays empty.
                let mut one = EMPTY;
                for slot in slots {
                    self.load_into(set, slot, wanted, &mut one);
                    total.append(&one, reduce, marks);
                }
                return true;
            }
        }
        false
    }

    /// Folds the next sample in time order.
    pub(super) fn fold(&mut self, set: &PaneSet, t: Millis, v: f64, marks: &Marks, warm_up: Millis) {
        let pane = set.pane(t);
        let count = self.counts.len() as i64;
        if self.newest == i64::MIN {
            self.newest = pane;
        }
        // Slots of panes that were skipped, or that go round again.
        for skipped in (self.newest + 1).max(pane - count + 1)..=pane {
            self.clear(set, self.slot(skipped));
        }
        self.newest = self.newest.max(pane);
        let slot = self.slot(pane);
        let cut = self.cut(set, t, marks, warm_up);
        if let Some(floor) = cut {
            self.floor = floor;
            // The pane that the mark's floor lies in: what it holds so far is from before.
            let around = floor.div_euclid(set.width);
            if self.last > Millis::MIN && set.pane(self.last) == around && around > self.newest - count {
                self.clear(set, self.slot(around));
            }
        } else if self.last > Millis::MIN {
            self.cover(set, self.last.max(t.saturating_sub(set.max_gap)), t);
        }
        self.last = t;
        let mut parts = self.load(set, slot, &set.kept);
        parts.add(t, v, set.mask, marks);
        self.store(set, slot, &parts);
        let covered = self.counts.get(slot).covered;
        let samples = parts.samples;
        self.counts.set(slot, Count { samples, covered });
        for (range, column) in &set.passed {
            self.parts[usize::from(*column) * self.counts.len() + slot] += f64::from(range.passes(v));
        }
    }

    /// The mark plus warm-up that lies between the last folded sample and `t`, for windows that end there.
    fn cut(&self, set: &PaneSet, t: Millis, marks: &Marks, warm_up: Millis) -> Option<Millis> {
        if set.across_marks {
            return None;
        }
        let floor = marks
            .newest_upto(t.saturating_sub(warm_up).saturating_sub(1))?
            .saturating_add(warm_up);
        (floor >= self.last).then_some(floor)
    }

    /// Adds `(from, to]` to what the panes' samples cover.
    fn cover(&mut self, set: &PaneSet, from: Millis, to: Millis) {
        let mut pane = set.pane(to);
        let mut right = to;
        let oldest = self.oldest();
        while right > from && pane >= oldest {
            let left = set.left(pane).max(from);
            let slot = self.slot(pane);
            let mut count = self.counts.get(slot);
            let more = u32::try_from(between(left, right)).unwrap_or(u32::MAX);
            count.covered = count.covered.saturating_add(more);
            self.counts.set(slot, count);
            right = left;
            pane -= 1;
        }
    }

    /// The value of `reduce` over a window: of the panes that it overlaps and of `tail`, the samples that are not folded yet.
    pub(super) fn answer(
        this: Option<&Panes>,
        set: &PaneSet,
        reduce: Reduce,
        passed: Option<u16>,
        extent: &Extent,
        tail: impl Iterator<Item = (Millis, f64)>,
        marks: &Marks,
    ) -> Answer {
        let wanted = parts(reduce);
        let mask = wanted.iter().fold(0, |mask, part| mask | part.bit());
        let passed = passed.map(|p| set.passed[usize::from(p)]);
        let floor = extent.floor;
        // The oldest pane counts whole, so that the window is never shorter than asked for.
        let mut first = extent.left.max(floor).div_euclid(set.width);
        let final_pane = set.pane(extent.right);
        // A window with an offset ends with a whole pane.
        let right = if extent.right < extent.now {
            set.left(final_pane + 1).min(extent.now)
        } else {
            extent.right
        };
        let this = this.filter(|p| p.last > floor);
        if let Some(panes) = this
            && set.left(first) < floor
            && panes.floor != floor
        {
            // The pane holds samples from before the mark, which came too late to be told apart.
            first += 1;
        }
        let left = set.left(first).max(floor);
        let mut total = EMPTY;
        let mut covered = 0;
        let mut anchor = None;
        let mut open = EMPTY;
        let mut open_pane = first;
        let mut last = Millis::MIN;
        // Whether a sample after the right edge is known.
        let mut closed = false;
        if let Some(panes) = this {
            let columns = wanted.iter().map(|part| set.columns[*part as usize]);
            let oldest = panes.known(columns.chain(passed.map(|p| p.1)));
            anchor = panes.anchor(set, first.max(oldest), floor);
            let end = final_pane.min(panes.newest);
            let begin = first.max(oldest);
            if begin <= end {
                let (at, count) = (panes.slot(begin), (end - begin + 1) as usize);
                // The newest pane may go on with the samples that are not folded yet.
                let is_open = end == panes.newest;
                let mut counted = true;
                for slots in panes.slots(at, count - usize::from(is_open)) {
                    counted &= panes.sweep(set, slots, &mut total, reduce, marks);
                }
                if is_open {
                    panes.load_into(set, panes.slot(end), wanted, &mut open);
                    open_pane = end;
                }
                let slots = panes.slots(at, count);
                let (samples, in_panes) = panes.counts.sum(&slots);
                covered += in_panes;
                if !counted {
                    total.samples = samples.wrapping_sub(open.samples);
                }
                if let Some((_, column)) = passed {
                    for slots in slots {
                        // Counts: exact in any order.
                        total.passed += panes.column(column)[slots].iter().sum::<f64>();
                    }
                }
            }
            last = panes.last;
            closed = last > right;
        }
        // Up to when samples belong to the pane of the one before: times rise.
        let mut open_until = Millis::MIN;
        for (t, v) in tail.take_while(|s| s.0 <= extent.now) {
            if t > right {
                // Its share of the time before the edge, as if it were folded already.
                if last > floor && last > Millis::MIN {
                    covered += between(last.max(t.saturating_sub(set.max_gap)).max(left), right);
                }
                closed = true;
                break;
            }
            if t <= left {
                last = t;
                anchor = (t > floor && between(t, left) <= set.max_gap).then_some((t as f64, v));
                continue;
            }
            if t > open_until {
                let pane = set.pane(t);
                if pane != open_pane {
                    total.append(&open, reduce, marks);
                    open = EMPTY;
                    open_pane = pane;
                }
                open_until = set.left(pane + 1);
            }
            if last > floor && last > Millis::MIN {
                covered += between(last.max(t.saturating_sub(set.max_gap)).max(left), t);
            }
            open.add(t, v, mask, marks);
            if let Some((range, _)) = passed {
                open.passed += f64::from(range.passes(v));
            }
            last = t;
        }
        if !closed && last > floor && last > Millis::MIN {
            // The newest sample stands for the time up to the edge.
            covered += between(last.max(left), last.saturating_add(set.max_gap).min(right));
        }
        total.append(&open, reduce, marks);
        Answer {
            samples: total.samples,
            covered,
            value: total.value(reduce, anchor, left, extent.now, passed.is_some(), marks),
        }
    }

    /// About when the newest folded sample at or before `at` was: no earlier than its pane begins, and no later than `at`.
    pub(super) fn newest_upto(&self, set: &PaneSet, at: Millis) -> Option<Millis> {
        if self.last == Millis::MIN || self.last <= at {
            return (self.last > Millis::MIN).then_some(self.last);
        }
        let pane = (self.oldest()..=self.newest.min(set.pane(at)))
            .rev()
            .find(|p| self.counts.get(self.slot(*p)).samples > 0)?;
        Some(set.left(pane + 1).min(at))
    }

    /// The last sample before pane `first`, if it is close enough and not from before a mark.
    fn anchor(&self, set: &PaneSet, first: i64, floor: Millis) -> Option<(f64, f64)> {
        if set.columns[Part::Last as usize] == u16::MAX {
            return None;
        }
        let edge = set.left(first);
        let oldest = set
            .pane(edge.saturating_sub(set.max_gap))
            .max(self.known(std::iter::once(set.columns[Part::Last as usize])));
        let pane = (oldest..first.min(self.newest + 1))
            .rev()
            .find(|p| self.counts.get(self.slot(*p)).samples > 0)?;
        let last = self.load(set, self.slot(pane), &[Part::Last]).last;
        let t = last.0 as Millis;
        (t > floor && between(t, edge) <= set.max_gap).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_of_many_panes_is_the_best_of_one_after_the_other(
            values in prop::collection::vec(
                prop_oneof![4 => -3..3_i32, 1 => Just(0)].prop_map(f64::from).boxed()
                    .prop_union(prop::sample::select(vec![-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).boxed()),
                0..70,
            ),
            held in prop::sample::select(vec![f64::NAN, -0.0, 0.0, 1.0, -1.0]),
        ) {
            for (of_all, better) in [
                (kernels::largest as fn(&[f64]) -> f64, larger as fn(f64, f64) -> f64),
                (kernels::smallest, smaller),
            ] {
                let expected = values.iter().copied().fold(held, better);
                prop_assert_eq!(best(&values, held, of_all, better).to_bits(), expected.to_bits());
            }
        }
    }
}
