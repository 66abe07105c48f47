//! Questions to raw samples.

use super::{Bounds, Question, Series, finite, share, values};
use crate::metrics::answer::SampleTest;
use crate::metrics::block::{Block, is_value};
use crate::metrics::kernels::{self, Frame, Samples};
use crate::metrics::moment::{Located, Scratch};
use crate::metrics::plan::counts_resets;
use crate::metrics::query::{Reduce, Span};
use crate::undefined::Undefined;
use crate::units::Millis;

/// When the counter of a sample began, where that is not known.
const NO_START: Millis = 0;

impl Located {
    /// The samples.
    #[inline]
    pub(super) fn samples<'b>(&self, block: &'b Block, column: usize) -> Samples<'b> {
        let (first, last) = (self.first as usize, self.last as usize);
        let (times, cells) = (block.times(), block.cells(column));
        Samples {
            times: &times[first..last],
            values: &cells[first..last],
            anchor: self.anchored.then(|| (times[first - 1], cells[first - 1])),
            starts: &[],
            anchor_start: NO_START,
        }
    }

    /// What the samples cover of the window; looked up once.
    #[inline]
    pub(super) fn covered(&mut self, block: &Block) -> Millis {
        if self.covered < 0 {
            self.cover(block);
        }
        self.covered
    }

    #[inline(never)]
    fn cover(&mut self, block: &Block) {
        // Any column has these times.
        let samples = self.samples(block, 0);
        let rows = self.first as usize..self.last as usize;
        self.covered = if block.is_gapless(rows, self.frame.max_gap) {
            kernels::covered_without_gaps(&samples, &self.frame)
        } else {
            kernels::covered(&samples, &self.frame)
        };
    }
}

impl Question<'_> {
    /// The newest value, if it is fresh.
    pub(super) fn latest(
        &self,
        series: &Series<'_>,
        bounds: Bounds,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let block = series.block;
        if series.has_ended(bounds.right) {
            return Err(Undefined::NoInstance);
        }
        let rows = block.upto(bounds.right);
        let found = series.cells()[..rows].iter().rposition(|c| is_value(*c));
        let Some(row) = found.filter(|row| block.times()[*row] > bounds.left) else {
            return Err(match block.newest_upto(series.column, bounds.right) {
                Some(t) if t > bounds.left => Undefined::NotAvailable,
                Some(t) => Undefined::Stale {
                    age: bounds.right.saturating_sub(t),
                    limit: self.prepared.staleness,
                },
                None => Undefined::NoSample,
            });
        };
        if block.times()[row] <= bounds.floor {
            return Err(Undefined::NoSample);
        }
        let (times, values) = (&block.times()[row..=row], &series.cells()[row..=row]);
        if self.prepared.asked.reduce == Reduce::Last {
            return finite(Some(values[0]), self.spec());
        }
        let samples = Samples {
            times,
            values,
            anchor: None,
            starts: &[],
            anchor_start: NO_START,
        };
        if self.prepared.asked.reduce == Reduce::Coverage {
            return Ok(share(kernels::covered(&samples, &self.frame(&bounds)), bounds.length));
        }
        self.compute(&samples, &self.frame(&bounds), test, &mut scratch.work)
    }

    /// Where the window lies among rows that each have a value.
    #[inline]
    pub(super) fn locate(&self, series: &Series<'_>, bounds: Bounds) -> Located {
        let (block, start) = (series.block, bounds.start());
        let interval = self.prepared.interval;
        let (mut first, last) = (block.upto_at(start, interval), block.upto_at(bounds.right, interval));
        if let Span::Last { count, .. } = self.aggregate().window.span {
            first = first.max(last.saturating_sub(count as usize));
        }
        let anchor = first
            .checked_sub(1)
            .map(|row| (block.times()[row], series.cells()[row]));
        let anchor = anchor.filter(|(t, _)| *t > bounds.floor && start.saturating_sub(*t) <= self.spec().max_gap);
        let inside = &block.times()[first..last];
        let restarts_after = anchor.map_or(start, |a| a.0.min(start));
        let newest = inside.last();
        Located {
            bounds,
            first: first as u32,
            last: last as u32,
            anchored: anchor.is_some(),
            restarted: newest.is_some_and(|newest| self.windows.marks.restarted(restarts_after, *newest)),
            frame: Frame {
                start: self.covered_from(start, inside.first().copied(), anchor),
                ..self.frame(&bounds)
            },
            covered: -1,
        }
    }

    /// Where coverage counts from: a window of so many samples begins where the first of them does.
    pub(super) fn covered_from(&self, start: Millis, first: Option<Millis>, anchor: Option<(Millis, f64)>) -> Millis {
        match (self.aggregate().window.span, first) {
            (Span::Last { .. }, Some(first)) => anchor.map_or(first.saturating_sub(1), |a| a.0),
            _ => start,
        }
    }

    /// A window of raw samples, of a column that has a value in every row: where it lies and what its samples cover is the same for all such columns
    /// with the same frame.
    pub(super) fn of_whole_rows(
        &self,
        series: &Series<'_>,
        place: u32,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let Scratch {
            shared, starts, work, ..
        } = scratch;
        let located = shared.located(self.prepared.frame, place, |into| self.locate_whole(series, into))?;
        let samples = located.samples(series.block, series.column);
        let asks_coverage = self.prepared.asked.reduce == Reduce::Coverage
            || self.prepared.covered && !matches!(self.aggregate().window.span, Span::Last { .. });
        let covered = if asks_coverage {
            located.covered(series.block)
        } else {
            0
        };
        let (frame, bounds) = (located.frame, located.bounds);
        self.of_samples(series, samples, &frame, &bounds, || covered, test, starts, work)
    }

    /// A window of raw samples, of a column that has no value in some rows.
    pub(super) fn of_rows(
        &self,
        series: &Series<'_>,
        bounds: Bounds,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let block = series.block;
        let start = bounds.start();
        let (mut first, last) = (block.upto(start), block.upto(bounds.right));
        if let Span::Last { count, .. } = self.aggregate().window.span {
            first = oldest_of_last(series.cells(), first, last, count as usize);
        }
        let anchor = series.anchor(first, start, bounds.floor, self.spec().max_gap);
        scratch.times.clear();
        scratch.values.clear();
        for (t, value) in values(block, series.column, first, last) {
            scratch.times.push(t);
            scratch.values.push(value);
        }
        let samples = Samples {
            times: &scratch.times,
            values: &scratch.values,
            anchor,
            starts: &[],
            anchor_start: NO_START,
        };
        let frame = Frame {
            start: self.covered_from(start, samples.times.first().copied(), anchor),
            ..self.frame(&bounds)
        };
        let covered = || kernels::covered(&samples, &frame);
        self.of_samples(
            series,
            samples,
            &frame,
            &bounds,
            covered,
            test,
            &mut scratch.starts,
            &mut scratch.work,
        )
    }

    /// A window of these samples.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is known of a window, each of its own type"
    )]
    pub(super) fn of_samples<'a>(
        &self,
        series: &Series<'_>,
        mut samples: Samples<'a>,
        frame: &Frame,
        bounds: &Bounds,
        covered: impl Fn() -> Millis,
        test: Option<&mut SampleTest<'_>>,
        starts: &'a mut Vec<Millis>,
        work: &mut Vec<f64>,
    ) -> Result<f64, Undefined> {
        let (times, anchor) = (samples.times, samples.anchor);
        let have = times.len() as u32;
        if have == 0 && !matches!(self.prepared.asked.reduce, Reduce::Count | Reduce::Coverage) {
            return Err(series.why_none(bounds.start(), bounds.right));
        }
        let marks = &self.windows.marks;
        if counts_resets(self.prepared.asked.reduce)
            && let Some(newest) = times.last()
            && marks.restarted(anchor.map_or(bounds.start(), |a| a.0.min(bounds.start())), *newest)
        {
            starts.clear();
            let mut previous = anchor.map(|a| a.0);
            for t in times {
                starts.push(marks.start_of(previous, *t).unwrap_or(NO_START));
                previous = Some(*t);
            }
            samples.starts = starts;
            samples.anchor_start = anchor.and_then(|a| marks.restart_before(a.0)).unwrap_or(NO_START);
        }
        if let Span::Last { count, .. } = self.aggregate().window.span {
            if self.prepared.covered && have < count.max(self.prepared.need) {
                return Err(Undefined::TooFewSamples {
                    have,
                    need: count.max(self.prepared.need),
                });
            }
        } else if self.prepared.covered {
            self.enough(have, covered(), bounds)?;
        }
        if self.prepared.asked.reduce == Reduce::Coverage {
            return Ok(share(covered(), bounds.length));
        }
        self.compute(&samples, frame, test, work)
    }
}

/// The row of the oldest of the last `count` values.
fn oldest_of_last(cells: &[f64], first: usize, last: usize, count: usize) -> usize {
    let mut values = (first..last).rev().filter(|row| is_value(cells[*row]));
    values.nth(count.saturating_sub(1)).unwrap_or(first)
}
