//! How many samples each pane has, and how much of it they cover: in five bytes a pane where that is enough.

use std::ops::Range;

use crate::units::Millis;

/// Bytes of a pane that is short and has fewer than 65,536 samples.
const SHORT: usize = 5;
/// Bytes of any pane.
const LONG: usize = 8;
/// What the three bytes of a short pane cannot hold any more, in ms: 4.6 hours, so that windows of up to 12 days have short panes.
const TOO_LONG: Millis = 1 << 24;

/// Samples and milliseconds covered of every pane of a series.
///
/// The sums over all panes are at hand: most windows overlap nearly all panes, and take off what lies outside.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// Pane by pane the samples in two bytes and the milliseconds in three, or both in four.
    bytes: Box<[u8]>,
    covered: u64,
    samples: u32,
    panes: u32,
}

/// Samples, and milliseconds covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) samples: u32,
    pub(super) covered: u32,
}

fn size(panes: usize, width: Millis) -> usize {
    panes * if width < TOO_LONG { SHORT } else { LONG }
}

impl Counts {
    /// Empty panes of this width.
    pub(super) fn new(panes: usize, width: Millis) -> Counts {
        Counts {
            bytes: vec![0; size(panes, width)].into_boxed_slice(),
            covered: 0,
            samples: 0,
            panes: panes as u32,
        }
    }

    /// Bytes that so many panes of this width take.
    pub(super) fn bytes_for(panes: usize, width: Millis) -> usize {
        size(panes, width)
    }

    /// Bytes that these take, besides themselves.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many panes there are.
    pub(super) fn len(&self) -> usize {
        self.panes as usize
    }

    fn are_short(&self) -> bool {
        self.bytes.len() < self.len() * LONG
    }

    #[inline]
    pub(super) fn get(&self, slot: usize) -> Count {
        if self.are_short() {
            match self.bytes[slot * SHORT..][..SHORT] {
                [a, b, c, d, e] => Count {
                    samples: u32::from(u16::from_le_bytes([a, b])),
                    covered: u32::from_le_bytes([c, d, e, 0]),
                },
                _ => Count { samples: 0, covered: 0 },
            }
        } else {
            match self.bytes[slot * LONG..][..LONG] {
                [a, b, c, d, e, f, g, h] => Count {
                    samples: u32::from_le_bytes([a, b, c, d]),
                    covered: u32::from_le_bytes([e, f, g, h]),
                },
                _ => Count { samples: 0, covered: 0 },
            }
        }
    }

    #[inline]
    pub(super) fn set(&mut self, slot: usize, count: Count) {
        let old = self.get(slot);
        self.samples = self.samples.wrapping_sub(old.samples).wrapping_add(count.samples);
        self.covered = self.covered - u64::from(old.covered) + u64::from(count.covered);
        self.write(slot, count);
    }

    fn write(&mut self, slot: usize, count: Count) {
        let (samples, covered) = (count.samples.to_le_bytes(), count.covered.to_le_bytes());
        if self.are_short() {
            if let ([a, b, 0, 0], [c, d, e, 0]) = (samples, covered) {
                self.bytes[slot * SHORT..][..SHORT].copy_from_slice(&[a, b, c, d, e]);
                return;
            }
            self.lengthen();
        }
        let bytes = &mut self.bytes[slot * LONG..][..LONG];
        bytes[..4].copy_from_slice(&samples);
        bytes[4..].copy_from_slice(&covered);
    }

    /// Gives every pane the bytes that any pane has enough with.
    #[cold]
    fn lengthen(&mut self) {
        let long = (0..self.len()).flat_map(|slot| {
            let Count { samples, covered } = self.get(slot);
            (u64::from(samples) | u64::from(covered) << 32).to_le_bytes()
        });
        self.bytes = long.collect();
    }

    /// The sums over two stretches of panes, as [`Panes::slots`](super::Panes::slots) gives them: the second is empty, or begins with the first
    /// pane while the first ends with the last.
    pub(super) fn sum(&self, slots: &[Range<usize>; 2]) -> (u32, Millis) {
        let [first, second] = slots;
        let sum = |slots: [Range<usize>; 2]| {
            let mut sum = (0_u32, 0_u64);
            for slot in slots.into_iter().flatten() {
                let count = self.get(slot);
                sum.0 = sum.0.wrapping_add(count.samples);
                sum.1 += u64::from(count.covered);
            }
            sum
        };
        let (samples, covered) = if (first.len() + second.len()) * 2 < self.len() {
            sum(slots.clone())
        } else {
            let outside = sum([second.end..first.start, first.end..self.len()]);
            (self.samples.wrapping_sub(outside.0), self.covered - outside.1)
        };
        (samples, covered as Millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Counts are a list of numbers and its sums, in whatever form they lie in memory.
        #[test]
        fn counts_are_a_list_with_its_sums(
            panes in 1..70usize,
            width in prop_oneof![Just(1000_i64), Just(TOO_LONG - 1), Just(TOO_LONG)],
            steps in proptest::collection::vec((
                any::<prop::sample::Index>(),
                prop_oneof![8 => 0..70_000_u32, 1 => any::<u32>().prop_map(|n| n / 2)],
                prop_oneof![8 => 0..10_000_u32, 1 => any::<u32>()],
            ), 0..100),
            stretch in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let mut counts = Counts::new(panes, width);
            prop_assert_eq!(counts.bytes(), panes * if width < TOO_LONG { 5 } else { 8 });
            let mut list = vec![Count { samples: 0, covered: 0 }; panes];
            for (slot, samples, covered) in steps {
                let slot = slot.index(panes);
                let count = Count { samples, covered };
                counts.set(slot, count);
                list[slot] = count;
            }
            prop_assert_eq!(counts.len(), panes);
            prop_assert_eq!((0..panes).map(|slot| counts.get(slot)).collect::<Vec<_>>(), list.clone());
            let (begin, length) = (stretch.0.index(panes), stretch.1.index(panes + 1));
            let slots = [begin..(begin + length).min(panes), 0..(begin + length).saturating_sub(panes)];
            let inside = || slots.iter().cloned().flatten().map(|slot| list[slot]);
            let samples = inside().fold(0_u32, |sum, c| sum.wrapping_add(c.samples));
            let covered: Millis = inside().map(|c| Millis::from(c.covered)).sum();
            prop_assert_eq!(counts.sum(&slots), (samples, covered));
        }
    }
}
