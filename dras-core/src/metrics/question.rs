//! One aggregate at one moment, put to one series.

use super::answer::{SampleRef, SampleTest};
use super::block::{Block, is_value};
use super::catalogue::{Infinite, MetricId, MetricSpec};
use super::events::EventLog;
use super::instance::Instance;
use super::kernels::{self, Frame, Samples};
use super::moment::{Live, Located, Scratch};
use super::panes::{Extent, PaneSet, Panes};
use super::plan::{Plan, Source};
use super::query::{Across, Aggregate, AggregateId, Reduce, Span, Test};
use super::store::Windows;
use crate::undefined::Undefined;
use crate::units::Millis;

/// When the counter of a sample began, where that is not known.
const NO_START: Millis = 0;

/// An aggregate at one moment.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    windows: &'q Windows,
    plan: &'q Plan,
    aggregate: &'q Aggregate,
    pub(super) spec: &'q MetricSpec,
    pub(super) source: Source,
    /// Whether coverage and the least number of samples are required.
    covered: bool,
    /// The least number of samples.
    need: u32,
    /// Which of the plan's frames it has.
    frame: u32,
    /// The time of the look.
    now: Millis,
    /// The right edge of the window: the time of the look less the offset.
    at: Millis,
}

/// A window at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    /// Left edge before marks, exclusive.
    left: Millis,
    /// Right edge, inclusive.
    right: Millis,
    /// The newest mark plus warm-up, [`Millis::MIN`] without one.
    floor: Millis,
    /// What coverage is measured against.
    length: Millis,
}

impl Bounds {
    /// The left edge that counts, exclusive.
    fn start(&self) -> Millis {
        self.left.max(self.floor)
    }
}

/// The rows of one series.
#[derive(Clone, Copy)]
struct Series<'s> {
    instance: &'s Instance,
    block: &'s Block,
    column: usize,
}

impl<'s> Series<'s> {
    fn new(instance: &'s Instance, group: u16, column: u16) -> Result<Series<'s>, Undefined> {
        let block = instance.blocks[usize::from(group)]
            .as_ref()
            .ok_or(Undefined::NoInstance)?;
        let column = usize::from(column);
        if block.columns[column].newest == Millis::MIN {
            return Err(Undefined::NoInstance);
        }
        Ok(Series {
            instance,
            block,
            column,
        })
    }

    fn cells(&self) -> &'s [f64] {
        self.block.cells(self.column)
    }

    /// Why there is no value after `left` up to `right`: the source was asked and had none, or there is no sample at all.
    fn why_none(&self, left: Millis, right: Millis) -> Undefined {
        let newest = self.block.newest_upto(self.column, right);
        if newest.is_some_and(|t| t > left) {
            Undefined::NotAvailable
        } else {
            Undefined::NoSample
        }
    }

    /// The last value before a row, if it is not from before a mark and lies at most `max_gap` before `edge`.
    fn anchor(&self, row: usize, edge: Millis, floor: Millis, max_gap: Millis) -> Option<(Millis, f64)> {
        let row = self.cells()[..row].iter().rposition(|c| is_value(*c))?;
        let t = self.block.times()[row];
        (t > floor && edge.saturating_sub(t) <= max_gap).then(|| (t, self.cells()[row]))
    }

    fn has_ended(&self, at: Millis) -> bool {
        let newest = || self.block.newest_upto(self.column, at);
        self.block.columns[self.column].has_ended(self.instance.ended, at, newest)
    }
}

impl<'q> Question<'q> {
    /// `None` where `id` comes from another plan.
    pub(super) fn new(windows: &'q Windows, plan: &'q Plan, id: AggregateId, now: Millis) -> Option<Question<'q>> {
        let (aggregate, prepared) = plan.prepared(id)?;
        Some(Question {
            windows,
            plan,
            aggregate,
            spec: plan.catalogue().spec(aggregate.metric),
            source: prepared.source,
            covered: prepared.covered,
            need: prepared.need,
            frame: prepared.frame,
            now,
            at: now.saturating_sub(aggregate.window.offset),
        })
    }

    /// The value for one instance.
    pub(super) fn value(
        &self,
        place: u32,
        instance: &Instance,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        match self.source {
            Source::Raw { group, column } => {
                let series = Series::new(instance, group, column)?;
                if self.aggregate.window.span == Span::Latest {
                    self.latest(&series, self.bounds()?, test, scratch)
                } else if series.block.is_whole(series.column) {
                    self.of_whole_rows(&series, place, test, scratch)
                } else {
                    self.of_rows(&series, self.bounds()?, test, scratch)
                }
            }
            Source::Panes {
                group,
                column,
                set,
                passed,
            } => {
                let series = Series::new(instance, group, column)?;
                let set = usize::from(set);
                let panes = instance.panes[set].as_ref();
                self.of_panes(&series, self.bounds()?, &self.plan.pane_sets[set], panes, passed)
            }
            Source::Events(slot) => match &instance.logs[usize::from(slot)] {
                Some(log) => self.of_events(log, test),
                None => self.of_events(&EventLog::default(), test),
            },
        }
    }

    /// Where the window lies before any mark is looked at.
    fn edges(&self) -> Bounds {
        let at = self.at;
        // The window `(k·length, (k + 1)·length]` that holds `at`.
        let aligned = |length: Millis| at.saturating_sub(1).div_euclid(length).saturating_mul(length);
        let (left, right, length) = match self.aggregate.window.span {
            // A sample whose age is just the staleness still counts.
            Span::Latest => (
                at.saturating_sub(self.spec.staleness).saturating_sub(1),
                at,
                self.spec.staleness,
            ),
            Span::Sliding(length) | Span::Last { max_age: length, .. } => (at.saturating_sub(length), at, length),
            Span::Current(length) => {
                let left = aligned(length);
                (left, at, at.saturating_sub(left))
            }
            Span::Previous(length) => {
                let right = aligned(length);
                (right.saturating_sub(length), right, length)
            }
        };
        Bounds {
            left,
            right,
            floor: Millis::MIN,
            length: length.max(1),
        }
    }

    /// Where the window lies.
    fn bounds(&self) -> Result<Bounds, Undefined> {
        let mut bounds = self.edges();
        if self.aggregate.window.across_marks {
            return Ok(bounds);
        }
        let Some(mark) = self.windows.marks.newest_upto(self.at) else {
            return Ok(bounds);
        };
        let floor = mark.saturating_add(self.plan.settings().warm_up);
        if floor >= self.at {
            return Err(Undefined::WarmingUp {
                left: floor.saturating_sub(self.at),
            });
        }
        if floor >= bounds.right {
            // A complete window that ended before the mark; the one after it is complete when it ends.
            let next = bounds.right.saturating_add(bounds.length);
            return Err(Undefined::WarmingUp {
                left: next.saturating_sub(self.at),
            });
        }
        bounds.floor = floor;
        Ok(bounds)
    }

    /// The newest value, if it is fresh.
    fn latest(
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
                    limit: self.spec.staleness,
                },
                None => Undefined::NoSample,
            });
        };
        if block.times()[row] <= bounds.floor {
            return Err(Undefined::NoSample);
        }
        let (times, values) = (&block.times()[row..=row], &series.cells()[row..=row]);
        if self.aggregate.reduce == Reduce::Last {
            return finite(Some(values[0]), self.spec);
        }
        let samples = Samples {
            times,
            values,
            anchor: None,
            starts: &[],
            anchor_start: NO_START,
        };
        if self.aggregate.reduce == Reduce::Coverage {
            return Ok(share(kernels::covered(&samples, &self.frame(&bounds)), bounds.length));
        }
        self.compute(&samples, &self.frame(&bounds), test, &mut scratch.work)
    }

    /// Where the window lies among rows that each have a value.
    fn locate(&self, series: &Series<'_>, bounds: Bounds) -> Located {
        let block = series.block;
        let start = bounds.start();
        let (mut first, last) = (block.upto(start), block.upto(bounds.right));
        if let Span::Last { count, .. } = self.aggregate.window.span {
            first = first.max(last.saturating_sub(count as usize));
        }
        let anchor = series.anchor(first, start, bounds.floor, self.spec.max_gap);
        let inside = &block.times()[first..last];
        Located {
            bounds,
            first: first as u32,
            last: last as u32,
            anchored: anchor.is_some(),
            start: self.covered_from(start, inside.first().copied(), anchor),
            covered: -1,
        }
    }

    /// Where coverage counts from: a window of so many samples begins where the first of them does.
    fn covered_from(&self, start: Millis, first: Option<Millis>, anchor: Option<(Millis, f64)>) -> Millis {
        match (self.aggregate.window.span, first) {
            (Span::Last { .. }, Some(first)) => anchor.map_or(first.saturating_sub(1), |a| a.0),
            _ => start,
        }
    }

    /// A window of raw samples, of a column that has a value in every row: where it lies and what its samples cover is the same for all such columns
    /// with the same frame.
    fn of_whole_rows(
        &self,
        series: &Series<'_>,
        place: u32,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let Scratch {
            shared, starts, work, ..
        } = scratch;
        let located = shared.located(self.frame, place, || Ok(self.locate(series, self.bounds()?)))?;
        let (first, last) = (located.first as usize, located.last as usize);
        let (times, cells) = (series.block.times(), series.cells());
        let samples = Samples {
            times: &times[first..last],
            values: &cells[first..last],
            anchor: located.anchored.then(|| (times[first - 1], cells[first - 1])),
            starts: &[],
            anchor_start: NO_START,
        };
        let frame = Frame {
            start: located.start,
            ..self.frame(&located.bounds)
        };
        let asks_coverage = self.aggregate.reduce == Reduce::Coverage
            || self.covered && !matches!(self.aggregate.window.span, Span::Last { .. });
        if asks_coverage && located.covered < 0 {
            located.covered = if series.block.is_gapless(first..last, self.spec.max_gap) {
                kernels::covered_without_gaps(&samples, &frame)
            } else {
                kernels::covered(&samples, &frame)
            };
        }
        let covered = located.covered;
        self.of_samples(series, samples, &frame, &located.bounds, || covered, test, starts, work)
    }

    /// A window of raw samples, of a column that has no value in some rows.
    fn of_rows(
        &self,
        series: &Series<'_>,
        bounds: Bounds,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let block = series.block;
        let start = bounds.start();
        let (mut first, last) = (block.upto(start), block.upto(bounds.right));
        if let Span::Last { count, .. } = self.aggregate.window.span {
            first = oldest_of_last(series.cells(), first, last, count as usize);
        }
        let anchor = series.anchor(first, start, bounds.floor, self.spec.max_gap);
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
    fn of_samples<'a>(
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
        if have == 0 && !matches!(self.aggregate.reduce, Reduce::Count | Reduce::Coverage) {
            return Err(series.why_none(bounds.start(), bounds.right));
        }
        let marks = &self.windows.marks;
        if counts_resets(self.aggregate.reduce)
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
        if let Span::Last { count, .. } = self.aggregate.window.span {
            if self.covered && have < count.max(self.need) {
                return Err(Undefined::TooFewSamples {
                    have,
                    need: count.max(self.need),
                });
            }
        } else if self.covered {
            self.enough(have, covered(), bounds)?;
        }
        if self.aggregate.reduce == Reduce::Coverage {
            return Ok(share(covered(), bounds.length));
        }
        self.compute(&samples, frame, test, work)
    }

    /// A window that is kept in panes.
    fn of_panes(
        &self,
        series: &Series<'_>,
        bounds: Bounds,
        set: &PaneSet,
        panes: Option<&Panes>,
        passed: Option<u16>,
    ) -> Result<f64, Undefined> {
        let block = series.block;
        let reduce = self.aggregate.reduce;
        let extent = Extent {
            left: bounds.left,
            right: bounds.right,
            now: self.now,
            floor: bounds.floor,
        };
        let unfolded = block.upto(block.columns[series.column].folded);
        let tail = values(block, series.column, unfolded, block.len());
        let answer = Panes::answer(panes, set, reduce, passed, &extent, tail, &self.windows.marks);
        if answer.samples == 0 && !matches!(reduce, Reduce::Count | Reduce::Coverage) {
            return Err(series.why_none(bounds.start(), bounds.right));
        }
        if self.covered {
            self.enough(answer.samples, answer.covered, &bounds)?;
        }
        if reduce == Reduce::Coverage {
            return Ok(share(answer.covered, bounds.length));
        }
        match answer.value {
            Some(value) => finite(Some(value), self.spec),
            None => Err(Undefined::TooFewSamples {
                have: answer.samples,
                need: self.need.max(answer.samples + 1),
            }),
        }
    }

    /// Whether there are enough samples and they cover enough.
    #[inline]
    fn enough(&self, have: u32, covered: Millis, bounds: &Bounds) -> Result<(), Undefined> {
        // No more than the whole window is ever required.
        if covered < bounds.length {
            self.covers_enough(have, covered, bounds)?;
        }
        if have < self.need {
            return Err(Undefined::TooFewSamples { have, need: self.need });
        }
        Ok(())
    }

    fn covers_enough(&self, have: u32, covered: Millis, bounds: &Bounds) -> Result<(), Undefined> {
        let min_coverage = self.spec.min_coverage.unwrap_or(self.plan.settings().min_coverage);
        // Whole milliseconds, so that exactly the required share is enough although 0.8 is not exact.
        let required = (min_coverage * bounds.length as f64 - 1e-6).ceil() as Millis;
        if covered >= required {
            return Ok(());
        }
        Err(Undefined::Coverage {
            have,
            expected: u32::try_from((bounds.length / self.spec.interval).max(1)).unwrap_or(u32::MAX),
            covered: (share(covered, bounds.length) * 1000.0) as u16,
            required: (min_coverage * 1000.0).round() as u16,
        })
    }

    fn frame(&self, bounds: &Bounds) -> Frame {
        Frame {
            start: bounds.start(),
            end: bounds.right,
            now: self.now,
            max_gap: self.spec.max_gap,
        }
    }

    /// The value of samples that are enough.
    fn compute(
        &self,
        samples: &Samples<'_>,
        frame: &Frame,
        test: Option<&mut SampleTest<'_>>,
        work: &mut Vec<f64>,
    ) -> Result<f64, Undefined> {
        let reduce = self.aggregate.reduce;
        if let (Reduce::Age, Some(made)) = (reduce, &self.aggregate.test) {
            let mut test = test;
            return self.age_of_passing(samples.times.iter().zip(samples.values).rev(), |value| {
                match (made, &mut test) {
                    (Test::Within { lo, hi, negate }, _) => Some((*lo..=*hi).contains(value) != *negate),
                    (Test::Caller, Some(test)) => test(SampleRef::Number(*value)),
                    (Test::Caller | Test::Text(_), _) => None,
                }
            });
        }
        let result = match (&self.aggregate.test, test) {
            (None, _) => kernels::reduce(reduce, samples, frame, work),
            (Some(Test::Within { lo, hi, negate }), _) => kernels::within(reduce, samples, *lo, *hi, *negate),
            (Some(Test::Caller), Some(test)) => {
                let mut tally = Tally::default();
                for value in samples.values {
                    tally.add(test(SampleRef::Number(*value)));
                }
                return tally.value(reduce);
            }
            (Some(Test::Caller | Test::Text(_)), _) => return Err(Undefined::NotAvailable),
        };
        if result.is_some() {
            return finite(result, self.spec);
        }
        let have = samples.values.len() as u32;
        Err(Undefined::TooFewSamples {
            have,
            need: self.need.max(have + 1),
        })
    }

    /// The value of the events of one instance. Marks do not end windows of events: what went wrong before a restart is what the restart
    /// was for.
    pub(super) fn of_events(&self, log: &EventLog, mut test: Option<&mut SampleTest<'_>>) -> Result<f64, Undefined> {
        let bounds = self.edges();
        let events = self.limited(log.between(bounds.left, bounds.right));
        let none = self.why_no_event();
        if events.is_empty() {
            return of_no_events(self.aggregate.reduce, none);
        }
        let age = |event: &(Millis, Box<str>)| self.now.saturating_sub(event.0) as f64 / 1000.0;
        let mut passes = |text: &str| match (&self.aggregate.test, &mut test) {
            (None, _) => Some(true),
            (Some(Test::Text(test)), _) => Some(test.passes(text)),
            (Some(Test::Caller), Some(test)) => test(SampleRef::Text(text)),
            (Some(Test::Caller | Test::Within { .. }), _) => None,
        };
        if self.aggregate.reduce == Reduce::Age {
            let newest_first = events.iter().rev().map(|e| (&e.0, &*e.1));
            let age = self.age_of_passing(newest_first, passes);
            return age.map_err(|why| if why == Undefined::NoSample { none } else { why });
        }
        let mut tally = Tally::default();
        for (_, text) in events {
            tally.add(passes(text));
        }
        match self.aggregate.reduce {
            Reduce::AgeOfFirst => events.first().map(age).ok_or(none),
            // That nothing passed says something only if everything was seen.
            Reduce::Count | Reduce::Any if tally.passed + tally.unknown == 0 && none == Undefined::NotObserved => {
                Err(none)
            }
            Reduce::Count | Reduce::Any | Reduce::All | Reduce::Share => tally.value(self.aggregate.reduce),
            // The newest text is no number; `latest_text` has it.
            _ => Err(Undefined::NotANumber),
        }
    }

    /// The age of the first of `newest_first` that passes. One of which that is not known could be the newest that does.
    fn age_of_passing<'s, T: ?Sized + 's>(
        &self,
        newest_first: impl Iterator<Item = (&'s Millis, &'s T)>,
        mut passes: impl FnMut(&T) -> Option<bool>,
    ) -> Result<f64, Undefined> {
        for (t, sample) in newest_first {
            match passes(sample) {
                Some(true) => return Ok(self.now.saturating_sub(*t) as f64 / 1000.0),
                Some(false) => {}
                None => return Err(Undefined::NotAvailable),
            }
        }
        Err(Undefined::NoSample)
    }

    /// The newest text that passes the test, if there is one.
    pub(super) fn latest_text<'i>(&self, instance: &'i Instance) -> Result<(Millis, &'i str), Undefined> {
        let Source::Events(slot) = self.source else {
            return Err(Undefined::NoSample);
        };
        let bounds = self.edges();
        let log = instance.logs[usize::from(slot)].as_ref();
        let events = log.map_or(&[][..], |l| l.between(bounds.left, bounds.right));
        let passes = |text: &str| !matches!(&self.aggregate.test, Some(Test::Text(test)) if !test.passes(text));
        let newest = self.limited(events).iter().rev().find(|e| passes(&e.1));
        newest.map(|e| (e.0, &*e.1)).ok_or_else(|| self.why_no_event())
    }

    /// The events that count: the last ones where the window is one of so many samples.
    fn limited<'a>(&self, events: &'a [(Millis, Box<str>)]) -> &'a [(Millis, Box<str>)] {
        let count = match self.aggregate.window.span {
            Span::Latest => 1,
            Span::Last { count, .. } => count as usize,
            _ => usize::MAX,
        };
        &events[events.len().saturating_sub(count)..]
    }

    /// Why a window has no events: there were none, or nobody asked.
    pub(super) fn why_no_event(&self) -> Undefined {
        match self.source {
            Source::Events(slot) => self.windows.why_no_event(slot, self.spec.staleness, self.edges().right),
            Source::Raw { .. } | Source::Panes { .. } => Undefined::NoSample,
        }
    }

    /// The value over instances where none has an event: as of one instance without events, but that of no instance there is nothing to count.
    pub(super) fn without_events(&self, across: Across, work: &mut Vec<f64>) -> Result<f64, Undefined> {
        let value = of_no_events(self.aggregate.reduce, self.why_no_event())?;
        match across {
            Across::Count => Ok(0.0),
            _ => finite(kernels::across(across, &[value], work), self.spec),
        }
    }

    /// The metric.
    pub(super) fn metric(&self) -> MetricId {
        self.aggregate.metric
    }

    /// Whether the instances that count are those of which the metric is live at the look. Of windows in the past, they are those of then; and of
    /// windows in panes, the newest sample may be in the panes only.
    pub(super) fn has_liveness_of_metric(&self) -> bool {
        self.at == self.now && !matches!(self.source, Source::Panes { .. })
    }

    /// The value over the instances that are live, in the order of their names.
    pub(super) fn reduced(
        &self,
        live: Live,
        across: Across,
        expected: Option<u32>,
        mut test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let events = matches!(self.source, Source::Events(_));
        if events && live.range().is_empty() {
            return self.without_events(across, &mut scratch.work);
        }
        let mut values = std::mem::take(&mut scratch.across);
        values.clear();
        let mut reason: Option<Undefined> = None;
        let mut alike = true;
        for at in live.range() {
            let place = scratch.shared.place(at);
            let Some(instance) = self.windows.instance_at(place) else {
                continue;
            };
            // Not `as_deref_mut`: the test's own lifetime has to become shorter, too.
            #[expect(clippy::manual_map, reason = "the closure of `map` keeps the longer lifetime")]
            let test = match &mut test {
                Some(test) => Some(&mut **test),
                None => None,
            };
            match self.value(place, instance, test, scratch) {
                Ok(value) => values.push(value),
                Err(why) => {
                    alike &= reason.is_none_or(|r| std::mem::discriminant(&r) == std::mem::discriminant(&why));
                    reason = Some(reason.map_or(why, |r| r.min(why)));
                }
            }
        }
        let live = live.range().len() as u32;
        let counts_instances = across == Across::Count && !self.is_truth();
        let mut of_values = |values: &[f64]| {
            if counts_instances {
                return Ok(values.len() as f64);
            }
            finite(kernels::across(across, values, &mut scratch.work), self.spec)
        };
        let have = values.len() as u32;
        let result = if live == 0 {
            Err(self.why_not_live())
        } else {
            // An instance none of whose events is in the window says nothing about the others.
            let expected = if events || counts_instances {
                1
            } else {
                expected.unwrap_or(0).max(live)
            };
            match reason {
                Some(why) if have == 0 && alike => Err(why),
                _ if have == 0 || f64::from(have) < self.plan.settings().min_instances * f64::from(expected) => {
                    Err(Undefined::Instances { have, expected })
                }
                _ => of_values(&values),
            }
        };
        scratch.across = values;
        result
    }

    /// Whether the value is a truth value.
    pub(super) fn is_truth(&self) -> bool {
        matches!(self.aggregate.reduce, Reduce::All | Reduce::Any)
    }

    /// Whether the instance counts for aggregates over instances.
    pub(super) fn is_live(&self, instance: &Instance) -> bool {
        is_live(self.plan, instance, self.source, self.spec.staleness, self.at)
    }

    /// Why no instance does.
    pub(super) fn why_not_live(&self) -> Undefined {
        let there = self.windows.in_order().filter(|i| !has_ended(i, self.source, self.at));
        match there.filter_map(|i| newest(self.plan, i, self.source, self.at)).max() {
            Some(t) => Undefined::Stale {
                age: self.at.saturating_sub(t),
                limit: self.spec.staleness,
            },
            None => Undefined::NoInstance,
        }
    }
}

impl Windows {
    /// Why a window up to `right` has no events: there were none, or nobody asked.
    fn why_no_event(&self, slot: u16, staleness: Millis, right: Millis) -> Undefined {
        let until = self.observed[usize::from(slot)];
        if until > Millis::MIN && until >= right.saturating_sub(staleness) {
            Undefined::NoSample
        } else {
            Undefined::NotObserved
        }
    }
}

/// The value of a window without events. `none` says why there are none: nothing went wrong, or nobody asked.
fn of_no_events(reduce: Reduce, none: Undefined) -> Result<f64, Undefined> {
    match reduce {
        Reduce::Count | Reduce::Any if none != Undefined::NotObserved => Ok(0.0),
        Reduce::Count | Reduce::Any | Reduce::Age | Reduce::AgeOfFirst | Reduce::All | Reduce::Share => Err(none),
        // The newest text is no number; `latest_text` has it.
        _ => Err(Undefined::NotANumber),
    }
}

/// The row of the oldest of the last `count` values.
fn oldest_of_last(cells: &[f64], first: usize, last: usize, count: usize) -> usize {
    let mut values = (first..last).rev().filter(|row| is_value(cells[*row]));
    values.nth(count.saturating_sub(1)).unwrap_or(first)
}

/// Values of one column with their times.
pub(super) fn values(block: &Block, column: usize, first: usize, last: usize) -> impl Iterator<Item = (Millis, f64)> {
    let rows = block.times()[first..last].iter().zip(&block.cells(column)[first..last]);
    rows.filter(|r| is_value(*r.1)).map(|(t, v)| (*t, *v))
}

/// The share of a window that is covered. Panes can cover a little more than the window.
fn share(covered: Millis, length: Millis) -> f64 {
    covered.min(length) as f64 / length as f64
}

/// Whether a restart inside the window makes a difference.
fn counts_resets(reduce: Reduce) -> bool {
    matches!(
        reduce,
        Reduce::Rate
            | Reduce::Increase
            | Reduce::Resets
            | Reduce::Irate
            | Reduce::IncreaseProm
            | Reduce::RateProm
            | Reduce::ResetsProm
    )
}

/// How many samples pass a test.
#[derive(Default, Clone, Copy)]
struct Tally {
    passed: u32,
    failed: u32,
    unknown: u32,
}

impl Tally {
    fn add(&mut self, passes: Option<bool>) {
        match passes {
            Some(true) => self.passed += 1,
            Some(false) => self.failed += 1,
            None => self.unknown += 1,
        }
    }

    /// Kleene's logic for `all` and `any`: one sample can decide.
    fn value(self, reduce: Reduce) -> Result<f64, Undefined> {
        match reduce {
            Reduce::All if self.failed > 0 => Ok(0.0),
            Reduce::Any if self.passed > 0 => Ok(1.0),
            _ if self.unknown > 0 => Err(Undefined::NotAvailable),
            Reduce::All => Ok(1.0),
            Reduce::Any => Ok(0.0),
            Reduce::Share if self.passed + self.failed == 0 => Err(Undefined::NoSample),
            Reduce::Share => Ok(f64::from(self.passed) / f64::from(self.passed + self.failed)),
            _ => Ok(f64::from(self.passed)),
        }
    }
}

/// A value that is a number. Infinities pass only where the metric keeps them.
fn finite(value: Option<f64>, spec: &MetricSpec) -> Result<f64, Undefined> {
    match value {
        Some(v) if v.is_finite() => Ok(v),
        Some(v) if v.is_nan() => Err(Undefined::NotAvailable),
        Some(v) if spec.infinite == Infinite::Keep => Ok(v),
        Some(_) => Err(Undefined::NotFinite),
        None => Err(Undefined::NoSample),
    }
}

/// The time of the newest sample at or before `at`, as far as it is known.
fn newest(plan: &Plan, instance: &Instance, source: Source, at: Millis) -> Option<Millis> {
    match source {
        Source::Raw { group, column } => instance.blocks[usize::from(group)]
            .as_ref()?
            .newest_upto(usize::from(column), at),
        Source::Panes { group, column, set, .. } => {
            let raw = instance.blocks[usize::from(group)]
                .as_ref()?
                .newest_upto(usize::from(column), at);
            let set = usize::from(set);
            raw.or_else(|| instance.panes[set].as_ref()?.newest_upto(&plan.pane_sets[set], at))
        }
        Source::Events(slot) => {
            let events = instance.logs[usize::from(slot)].as_ref()?.between(Millis::MIN, at);
            events.last().map(|e| e.0)
        }
    }
}

/// Whether the series had ended at `at`.
fn has_ended(instance: &Instance, source: Source, at: Millis) -> bool {
    match source {
        Source::Raw { group, column } | Source::Panes { group, column, .. } => {
            Series::new(instance, group, column).is_ok_and(|s| s.has_ended(at))
        }
        Source::Events(_) => false,
    }
}

/// Whether the series counts for aggregates over instances at `at`.
pub(super) fn is_live(plan: &Plan, instance: &Instance, source: Source, staleness: Millis, at: Millis) -> bool {
    if let Source::Events(slot) = source {
        return instance.logs[usize::from(slot)]
            .as_ref()
            .is_some_and(|l| !l.all().is_empty());
    }
    newest(plan, instance, source, at).is_some_and(|t| at.saturating_sub(t) <= staleness)
        && !has_ended(instance, source, at)
}
