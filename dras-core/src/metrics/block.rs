//! Raw samples of one instance: rows in time order, one shared column of times and one column of values for each metric of a group.
//!
//! The rows lie in a region that moves towards the end as old rows go and new ones come, and slides back to the front when the end is
//! reached; so every column is always one contiguous slice, and nothing is allocated while samples come at their declared interval.

use super::catalogue::Duplicates;
use crate::units::Millis;

/// The cell of a metric that had no sample at the row's time. Values are made canonical on the way in, so that none has these bits.
const ABSENT: u64 = 0x7ff8_6472_6173_0001;
/// The cell of a metric that was asked for and had no value.
const NOT_AVAILABLE: u64 = 0x7ff8_6472_6173_0002;

/// How many rows a block has room for that is to hold this many: some more, so that rows slide to the front and old ones go only every so often.
pub(super) fn room_for(rows: usize) -> usize {
    rows + (rows / 8).max(1) + 1
}

/// From how many rows on old ones go before a new one comes. Samples at the declared interval never make a block larger: there are either so many
/// rows, or so many are free that the rest slide to the front.
pub(super) fn crowd(capacity: usize) -> usize {
    capacity - least_free(capacity)
}

/// A block of which more rows than this are free slides the others to the front rather than grow; were it one row at a time, large blocks would
/// do nothing else.
fn least_free(capacity: usize) -> usize {
    capacity / 256
}

/// Whether a cell holds a value (which may be NaN).
pub(super) fn is_value(cell: f64) -> bool {
    let bits = cell.to_bits();
    bits != ABSENT && bits != NOT_AVAILABLE
}

/// Whether a cell holds a sample, a value or "asked, not available".
pub(super) fn is_sample(cell: f64) -> bool {
    cell.to_bits() != ABSENT
}

/// The cell of a row without a sample.
pub(super) fn absent() -> f64 {
    f64::from_bits(ABSENT)
}

/// The cell of a sample without a value.
pub(super) fn not_available() -> f64 {
    f64::from_bits(NOT_AVAILABLE)
}

/// What is known of one series beyond its rows.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Time of the newest sample, with or without a value; [`Millis::MIN`] before the first.
    pub(super) newest: Millis,
    /// Samples up to this time are in the panes.
    pub(super) folded: Millis,
    /// When the series was last said to have ended; [`Millis::MIN`] if never.
    pub(super) ended: Millis,
    /// Rows without a value.
    holes: u32,
}

impl Column {
    /// A series without samples.
    pub(super) const EMPTY: Column = Column {
        newest: Millis::MIN,
        folded: Millis::MIN,
        ended: Millis::MIN,
        holes: 0,
    };

    /// Whether the series had ended at `at`, of which `newest` is the newest sample then; `instance_ended` is when all of the instance was last
    /// said to have.
    #[inline]
    pub(super) fn has_ended(
        &self,
        instance_ended: Millis,
        at: Millis,
        newest: impl FnOnce() -> Option<Millis>,
    ) -> bool {
        let ended = instance_ended.max(self.ended);
        ended > Millis::MIN && ended <= at && newest().is_none_or(|t| t <= ended)
    }

    pub(super) fn new(newest: Millis, folded: Millis, ended: Millis) -> Column {
        Column {
            newest,
            folded,
            ended,
            holes: 0,
        }
    }
}

/// What became of a sample that was put into a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Stored,
    /// It was there already, bit for bit.
    Equal,
    /// Another value was there; one of the two stays.
    Resolved,
    /// There is no room for another row.
    Full,
}

/// The rows of one instance and one group of metrics.
#[derive(Debug, Clone)]
pub(super) struct Block {
    times: Box<[Millis]>,
    /// One column after the other, each as long as `times`.
    cells: Box<[f64]>,
    start: u32,
    len: u32,
    /// The longest distance of two rows that is no gap.
    max_gap: Millis,
    /// Every row that comes more than `max_gap` after the one before it is at this time or earlier.
    gaps_upto: Millis,
    pub(super) columns: Box<[Column]>,
}

/// How many of the newest rows are fetched before a look asks for them.
const TOUCHED: usize = 24;

impl Block {
    pub(super) fn new(columns: usize, capacity: usize, max_gap: Millis) -> Block {
        Block {
            times: vec![0; capacity].into(),
            cells: vec![0.0; capacity * columns].into(),
            start: 0,
            len: 0,
            max_gap,
            gaps_upto: Millis::MIN,
            columns: vec![Column::EMPTY; columns].into_boxed_slice(),
        }
    }

    /// A block of these rows, with the state and cells of each column; `times` rise, and there are as many cells in each column.
    pub(super) fn restore(
        times: &[Millis],
        columns: Vec<(Column, Vec<f64>)>,
        capacity: usize,
        max_gap: Millis,
    ) -> Block {
        let len = times.len();
        let capacity = if len <= capacity { capacity } else { larger(len) };
        let mut block = Block::new(columns.len(), capacity, max_gap);
        block.times[..len].copy_from_slice(times);
        block.len = len as u32;
        block.gaps_upto = times
            .windows(2)
            .rfind(|t| t[1].saturating_sub(t[0]) > max_gap)
            .map_or(Millis::MIN, |t| t[1]);
        for (at, (column, cells)) in columns.into_iter().enumerate() {
            block.cells[at * capacity..][..len].copy_from_slice(&cells);
            block.columns[at] = Column {
                holes: cells.iter().filter(|c| !is_value(**c)).count() as u32,
                ..column
            };
        }
        block
    }

    /// Bytes that a block of this size takes.
    pub(super) fn bytes_for(columns: usize, capacity: usize) -> usize {
        columns * size_of::<Column>() + (columns + 1) * capacity * 8
    }

    /// Bytes that this block takes, besides itself.
    pub(super) fn bytes(&self) -> usize {
        Block::bytes_for(self.columns.len(), self.times.len())
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    fn start(&self) -> usize {
        self.start as usize
    }

    /// The rows among those that there is room for.
    fn rows(&self) -> std::ops::Range<usize> {
        self.start()..self.start() + self.len()
    }

    /// The times of all rows, rising.
    pub(super) fn times(&self) -> &[Millis] {
        &self.times[self.rows()]
    }

    /// The cells of one column, in the order of [`times`](Block::times).
    pub(super) fn cells(&self, column: usize) -> &[f64] {
        let first = column * self.times.len() + self.start();
        &self.cells[first..first + self.len()]
    }

    /// Reads a little of what a look reads of it: the newest rows, a word of each cache line, and the state of the columns.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        const LINE: usize = 64 / size_of::<f64>();
        let rows = self.rows();
        let mut read = 0;
        let newest = rows.start.max(rows.end.saturating_sub(TOUCHED))..rows.end;
        for row in newest.step_by(LINE) {
            read ^= self.times[row] as u64;
            for column in 0..self.columns.len() {
                read ^= self.cells[column * self.times.len() + row].to_bits();
            }
        }
        for column in &self.columns {
            read ^= column.newest as u64;
        }
        read
    }

    /// Whether every row has a value in this column.
    pub(super) fn is_whole(&self, column: usize) -> bool {
        self.columns[column].holes == 0
    }

    /// Whether no two rows that follow each other among these are more than `max_gap` apart. `false` where that would have to be looked up.
    pub(super) fn is_gapless(&self, rows: std::ops::Range<usize>, max_gap: Millis) -> bool {
        self.max_gap <= max_gap && self.times()[rows].first().is_none_or(|first| *first >= self.gaps_upto)
    }

    /// How many rows are at or before `t`.
    pub(super) fn upto(&self, t: Millis) -> usize {
        let times = self.times();
        // Most often all of them, or none.
        match times {
            [.., last] if *last <= t => times.len(),
            [first, ..] if *first <= t => times.partition_point(|x| *x <= t),
            _ => 0,
        }
    }

    /// The same where rows mostly come `interval` after one another: it looks there first.
    pub(super) fn upto_at(&self, t: Millis, interval: Millis) -> usize {
        let times = self.times();
        let Some(newest) = times.last() else { return 0 };
        if *newest <= t {
            return times.len();
        }
        let later = (newest.saturating_sub(t) - 1) / interval.max(1) + 1;
        let rows = times.len().saturating_sub(later as usize);
        let is_after = |row: usize| times.get(row).is_some_and(|x| *x > t);
        if is_after(rows) && (rows == 0 || !is_after(rows - 1)) {
            return rows;
        }
        self.upto(t)
    }

    /// The time of the newest sample of a column at or before `t`, with or without a value.
    pub(super) fn newest_upto(&self, column: usize, t: Millis) -> Option<Millis> {
        let newest = self.columns[column].newest;
        if newest <= t {
            return (newest > Millis::MIN).then_some(newest);
        }
        let rows = self.upto(t);
        self.cells(column)[..rows]
            .iter()
            .rposition(|c| is_sample(*c))
            .map(|i| self.times()[i])
    }

    /// Whether rows at or before `edge` should go before a new one comes: where there are `rows` or more and a sixteenth of them can go, or
    /// where the new one would be refused. It depends on the rows alone, not on where they lie: what is kept must not depend on how it
    /// came here, say out of a snapshot.
    pub(super) fn is_crowded(&self, rows: usize, max_rows: usize, edge: Millis) -> bool {
        let len = self.len();
        len >= max_rows || (len >= rows && self.times().get(len / 16).is_some_and(|t| *t <= edge))
    }

    fn is_at_end(&self) -> bool {
        self.rows().end == self.times.len()
    }

    /// Puts one sample into its row. `near` is the row of the sample before it, or any other, and becomes that of this one: samples in time
    /// order need no search.
    // Into its only caller: a tenth of the instructions that a sample takes; the compiler does so in some builds and not in others.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        column: usize,
        t: Millis,
        value: f64,
        duplicates: Duplicates,
        max_rows: usize,
        near: &mut usize,
    ) -> Put {
        let row = match self.row_near(*near, t) {
            Some(row) => row,
            None => {
                let rows = self.upto(t);
                if rows > 0 && self.times()[rows - 1] == t {
                    rows - 1
                } else if self.len() < max_rows {
                    self.insert(rows, t, max_rows);
                    rows
                } else {
                    return Put::Full;
                }
            }
        };
        *near = row;
        let at = column * self.times.len() + self.start() + row;
        let old = self.cells[at];
        let state = &mut self.columns[column];
        let (result, new) = if !is_sample(old) {
            state.newest = state.newest.max(t);
            (Put::Stored, value)
        } else if old.to_bits() == value.to_bits() {
            return Put::Equal;
        } else {
            (Put::Resolved, resolve(old, value, duplicates))
        };
        match (is_value(old), is_value(new)) {
            (false, true) => state.holes -= 1,
            (true, false) => state.holes += 1,
            _ => {}
        }
        self.cells[at] = new;
        result
    }

    /// The row at `t`, if it is this one or the next.
    #[inline]
    fn row_near(&self, row: usize, t: Millis) -> Option<usize> {
        let times = self.times();
        let is_at = |row: &usize| times.get(*row) == Some(&t);
        [row, row + 1].into_iter().find(is_at)
    }

    /// Makes an empty row at `row`.
    fn insert(&mut self, row: usize, t: Millis, max_rows: usize) {
        // A row in between only makes a gap smaller. A row before all others may come before a gap.
        if row == self.len() {
            if self
                .times()
                .last()
                .is_some_and(|last| t.saturating_sub(*last) > self.max_gap)
            {
                self.gaps_upto = t;
            }
        } else if row == 0
            && self
                .times()
                .first()
                .is_some_and(|first| first.saturating_sub(t) > self.max_gap)
        {
            self.gaps_upto = self.gaps_upto.max(self.times()[0]);
        }
        if row < self.len() / 2 && self.start > 0 {
            let start = self.start();
            self.shift(start..start + row, start - 1);
            self.start -= 1;
        } else {
            self.make_room(max_rows);
            let at = self.start() + row;
            self.shift(at..self.rows().end, at + 1);
        }
        self.len += 1;
        let at = self.start() + row;
        let capacity = self.times.len();
        self.times[at] = t;
        for (i, state) in self.columns.iter_mut().enumerate() {
            self.cells[i * capacity + at] = absent();
            state.holes += 1;
        }
    }

    /// Moves rows, all columns alike.
    fn shift(&mut self, rows: std::ops::Range<usize>, to: usize) {
        if rows.is_empty() {
            return;
        }
        let capacity = self.times.len();
        self.times.copy_within(rows.clone(), to);
        for column in 0..self.columns.len() {
            let first = column * capacity;
            self.cells.copy_within(first + rows.start..first + rows.end, first + to);
        }
    }

    /// Makes sure that there is room behind the last row.
    fn make_room(&mut self, max_rows: usize) {
        if !self.is_at_end() {
            return;
        }
        let (capacity, len) = (self.times.len(), self.len());
        // With a fifth of slack even the largest block slides only once in many rows.
        let largest = max_rows + max_rows / 4 + 1;
        if capacity - len > least_free(capacity) || capacity >= largest {
            // All columns in one go; what lies between them goes along.
            let (rows, start) = (self.rows(), self.start());
            self.times.copy_within(rows, 0);
            self.cells.copy_within(start.., 0);
            self.start = 0;
            return;
        }
        let larger = larger(capacity).min(largest.max(capacity + 1));
        let mut cells = vec![0.0; larger * self.columns.len()];
        for column in 0..self.columns.len() {
            cells[column * larger..column * larger + len].copy_from_slice(self.cells(column));
        }
        let mut times = vec![0; larger];
        times[..len].copy_from_slice(self.times());
        (self.times, self.cells, self.start) = (times.into(), cells.into(), 0);
    }

    /// Removes the oldest rows.
    pub(super) fn remove_oldest(&mut self, rows: usize) {
        for column in 0..self.columns.len() {
            if self.columns[column].holes > 0 {
                let holes = self.cells(column)[..rows].iter().filter(|c| !is_value(**c)).count();
                self.columns[column].holes -= holes as u32;
            }
        }
        self.start += rows as u32;
        self.len -= rows as u32;
        if self.len == 0 {
            self.start = 0;
        }
    }
}

/// How many rows a block that is full gets room for.
fn larger(rows: usize) -> usize {
    rows + rows / 4 + 2
}

/// Which of two different samples of one moment stays. The larger value does not depend on the order of arrival: a value beats NaN, and
/// anything beats "not available".
fn resolve(old: f64, new: f64, duplicates: Duplicates) -> f64 {
    match duplicates {
        Duplicates::First => old,
        Duplicates::Last => new,
        Duplicates::Larger => {
            let rank = |x: f64| (is_value(x), !x.is_nan());
            let larger = rank(new) > rank(old) || (rank(new) == rank(old) && new.total_cmp(&old).is_gt());
            if larger { new } else { old }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_larger_of_two_values_stays_in_either_order() {
        for (a, b) in [
            (1.0, 2.0),
            (-0.0, 0.0),
            (f64::NAN, -1e300),
            (not_available(), f64::NAN),
            (not_available(), 0.0),
        ] {
            assert_eq!(resolve(a, b, Duplicates::Larger).to_bits(), b.to_bits());
            assert_eq!(resolve(b, a, Duplicates::Larger).to_bits(), b.to_bits());
            assert_eq!(resolve(b, a, Duplicates::Last).to_bits(), a.to_bits());
            assert_eq!(resolve(b, a, Duplicates::First).to_bits(), b.to_bits());
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(usize, Millis, f64),
        Remove(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let value = prop_oneof![4 => (0..100i32).prop_map(f64::from), 1 => Just(not_available())];
        let step = prop_oneof![
            8 => (0..3usize, 0..120i64, value).prop_map(|(c, t, v)| Step::Put(c, t, v)),
            1 => (0..6usize).prop_map(Step::Remove),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        /// A block is a sorted map from time to cells, whatever moves inside.
        #[test]
        fn a_block_is_a_map_in_time_order(steps in steps(), capacity in 1..8usize) {
            let mut block = Block::new(3, capacity, 4);
            let mut near = 0;
            let mut map: BTreeMap<Millis, [Option<u64>; 3]> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Put(c, t, v) => {
                        let full = map.len() >= 60 && !map.contains_key(&t);
                        let put = block.put(c, t, v, Duplicates::Last, 60, &mut near);
                        prop_assert_eq!(put == Put::Full, full);
                        if !full {
                            map.entry(t).or_default()[c] = Some(v.to_bits());
                        }
                    }
                    Step::Remove(n) => {
                        let n = n.min(block.len());
                        block.remove_oldest(n);
                        for _ in 0..n {
                            map.pop_first();
                        }
                    }
                }
                let times: Vec<Millis> = map.keys().copied().collect();
                prop_assert_eq!(block.times(), &times[..]);
                for t in -1..122 {
                    let rows = times.iter().filter(|x| **x <= t).count();
                    prop_assert_eq!(block.upto(t), rows);
                    prop_assert_eq!(block.upto_at(t, 3), rows);
                }
                for first in 0..times.len() {
                    let gapless = times[first..].windows(2).all(|t| t[1] - t[0] <= 4);
                    prop_assert!(gapless || !block.is_gapless(first..times.len(), 4));
                }
                for c in 0..3 {
                    let cells: Vec<Option<u64>> =
                        block.cells(c).iter().map(|x| is_sample(*x).then(|| x.to_bits())).collect();
                    let expected: Vec<Option<u64>> = map.values().map(|r| r[c]).collect();
                    let whole = expected.iter().all(|x| x.is_some_and(|b| b != NOT_AVAILABLE));
                    prop_assert_eq!(cells, expected);
                    prop_assert_eq!(block.is_whole(c), whole);
                }
            }
            prop_assert!(block.times.len() <= 76, "{}", block.times.len());
        }
    }
}
