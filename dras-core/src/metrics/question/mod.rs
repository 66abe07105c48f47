//! One aggregate at one moment, put to one series: of raw samples ([`rows`]), of panes, of events ([`events`]); and over all instances
//! ([`instances`]).

mod events;
mod instances;
mod quick;
mod rows;

pub(super) use events::of_no_events;
pub(super) use instances::is_live;
pub(super) use quick::Rows;

use super::answer::{SampleRef, SampleTest};
use super::block::{Block, is_value};
use super::catalogue::{Infinite, MetricSpec};
use super::events::EventLog;
use super::instance::Instance;
use super::kernels::{self, Frame, Samples};
use super::moment::Scratch;
use super::panes::{Extent, PaneSet, Panes};
use super::plan::{Plan, Prepared, Source};
use super::query::{Aggregate, AggregateId, Reduce, Span, Test};
use super::store::Windows;
use crate::undefined::Undefined;
use crate::units::Millis;

/// An aggregate at one moment.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    windows: &'q Windows,
    plan: &'q Plan,
    pub(super) prepared: &'q Prepared,
    id: AggregateId,
    /// The time of the look.
    now: Millis,
    /// The right edge of the window: the time of the look less the offset.
    at: Millis,
}

/// A window at one moment.
#[derive(Debug, Clone, Copy)]
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
    pub(super) const NOWHERE: Bounds = Bounds {
        left: 0,
        right: 0,
        floor: Millis::MIN,
        length: 1,
    };

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
    #[inline]
    pub(super) fn new(windows: &'q Windows, plan: &'q Plan, id: AggregateId, now: Millis) -> Option<Question<'q>> {
        let prepared = plan.prepared(id)?;
        Some(Question {
            windows,
            plan,
            prepared,
            id,
            now,
            at: now.saturating_sub(prepared.offset),
        })
    }

    fn aggregate(&self) -> &'q Aggregate {
        self.plan.aggregate(self.id)
    }

    fn spec(&self) -> &'q MetricSpec {
        self.plan.catalogue().spec(self.prepared.metric)
    }

    /// The value for one instance.
    #[inline]
    pub(super) fn value(
        &self,
        place: u32,
        instance: &'q Instance,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
        rows: &mut Rows<'q>,
    ) -> Result<f64, Undefined> {
        let value = self.quick(place, instance, scratch, rows);
        if value.is_finite() {
            return Ok(value);
        }
        self.value_with_all(place, instance, test, scratch)
    }

    /// The value for one instance, whatever there is to be said about it.
    #[inline(never)]
    fn value_with_all(
        &self,
        place: u32,
        instance: &Instance,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        match self.prepared.source {
            Source::Raw { group, column } => {
                let series = Series::new(instance, group, column)?;
                if self.aggregate().window.span == Span::Latest {
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
                let panes = instance.panes[set].as_deref();
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
        let (left, right, length) = match self.aggregate().window.span {
            // A sample whose age is just the staleness still counts.
            Span::Latest => (
                at.saturating_sub(self.prepared.staleness).saturating_sub(1),
                at,
                self.prepared.staleness,
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
        if self.prepared.across_marks {
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
        let reduce = self.prepared.asked.reduce;
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
        if self.prepared.covered {
            self.enough(answer.samples, answer.covered, &bounds)?;
        }
        if reduce == Reduce::Coverage {
            return Ok(share(answer.covered, bounds.length));
        }
        match answer.value {
            Some(value) => finite(Some(value), self.spec()),
            None => Err(Undefined::TooFewSamples {
                have: answer.samples,
                need: self.prepared.need.max(answer.samples + 1),
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
        if have < self.prepared.need {
            return Err(Undefined::TooFewSamples {
                have,
                need: self.prepared.need,
            });
        }
        Ok(())
    }

    fn covers_enough(&self, have: u32, covered: Millis, bounds: &Bounds) -> Result<(), Undefined> {
        let spec = self.spec();
        if covered >= self.plan.required(spec, bounds.length) {
            return Ok(());
        }
        Err(Undefined::Coverage {
            have,
            expected: u32::try_from((bounds.length / spec.interval).max(1)).unwrap_or(u32::MAX),
            covered: (share(covered, bounds.length) * 1000.0) as u16,
            required: (self.plan.min_coverage(spec) * 1000.0).round() as u16,
        })
    }

    fn frame(&self, bounds: &Bounds) -> Frame {
        Frame {
            start: bounds.start(),
            end: bounds.right,
            now: self.now,
            max_gap: self.spec().max_gap,
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
        let reduce = self.prepared.asked.reduce;
        if let (Reduce::Age, Some(made)) = (reduce, &self.aggregate().test) {
            let mut test = test;
            return self.age_of_passing(samples.times.iter().zip(samples.values).rev(), |value| {
                match (made, &mut test) {
                    (Test::Within { lo, hi, negate }, _) => Some((*lo..=*hi).contains(value) != *negate),
                    (Test::Caller, Some(test)) => test(SampleRef::Number(*value)),
                    (Test::Caller | Test::Text(_), _) => None,
                }
            });
        }
        let result = match (&self.aggregate().test, test) {
            (None, _) => kernels::reduce_at(self.plan.level, reduce, samples, frame, work),
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
            return finite(result, self.spec());
        }
        let have = samples.values.len() as u32;
        Err(Undefined::TooFewSamples {
            have,
            need: self.prepared.need.max(have + 1),
        })
    }
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
