//! What the windows say: the answers to the aggregates that rules ask for.

use super::block::{Block, is_value};
use super::catalogue::{Infinite, MetricId, MetricSpec};
use super::events::EventLog;
use super::kernels::{self, Frame, Samples};
use super::panes::{Extent, Panes};
use super::plan::{Plan, Prepared, Slot, Source};
use super::query::{Across, Aggregate, AggregateId, Reduce, Span, Test};
use super::store::{Instance, InstanceId, Windows};
use crate::undefined::Undefined;
use crate::units::Millis;

/// One sample that a test of the caller's is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SampleRef<'a> {
    /// The value of a metric of numbers, in seconds, bytes or plain numbers.
    Number(f64),
    /// The text of an event.
    Text(&'a str),
}

/// A test that only the caller can make ([`Test::Caller`]): whether a sample passes, or `None` where that is undefined.
pub type SampleTest<'a> = dyn FnMut(SampleRef<'_>) -> Option<bool> + 'a;

/// Room for the samples of a question. Reuse one for many questions: it keeps what it has allocated.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    times: Vec<Millis>,
    values: Vec<f64>,
    starts: Vec<Millis>,
    work: Vec<f64>,
    across: Vec<f64>,
}

impl Scratch {
    /// Empty room.
    pub fn new() -> Scratch {
        Scratch::default()
    }
}

/// A window at one moment.
#[derive(Debug, Clone, Copy)]
struct Bounds {
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
    fn start(&self) -> Millis {
        self.left.max(self.floor)
    }
}

impl Windows {
    /// The value of one aggregate for one instance at `now`, which should not lie before the latest time seen. `test` is asked where the
    /// aggregate's test is [`Test::Caller`]; where it says `None`, `all` and `any` are three-valued (one sample that fails decides `all`)
    /// and `count` and `share` are undefined, with reason [`Undefined::NotAvailable`].
    ///
    /// Windows of many samples are answered from panes: exact at the right edge, and up to a 64th longer at the left. With an offset they
    /// end with a whole pane.
    ///
    /// # Errors
    /// Why there is no value.
    pub fn aggregate(
        &self,
        plan: &Plan,
        id: AggregateId,
        instance: InstanceId,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let (aggregate, prepared) = plan.prepared(id).ok_or(Undefined::NoInstance)?;
        let instance = self.get(instance).ok_or(Undefined::NoInstance)?;
        self.one(plan, aggregate, prepared, instance, now, test, scratch)
    }

    /// The value of one aggregate over all live instances, in the order of their names: first each for itself, then together. Of the
    /// instances that are expected (`expected`, or those that are live if they are more) at least
    /// [`min_instances`](super::plan::WindowSettings::min_instances) must have a value. Where none has and all for one reason, it is that
    /// reason.
    ///
    /// Events count for all instances that have any, live or not; where there are none but they were asked for, as for one instance
    /// without events.
    ///
    /// # Errors
    /// Why there is no value.
    pub fn reduced(
        &self,
        plan: &Plan,
        id: AggregateId,
        across: Across,
        expected: Option<u32>,
        now: Millis,
        mut test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let (aggregate, prepared) = plan.prepared(id).ok_or(Undefined::NoInstance)?;
        let spec = plan.catalogue().spec(aggregate.metric);
        let at = now.saturating_sub(aggregate.window.offset);
        let events = matches!(prepared.source, Source::Events(_));
        let mut values = std::mem::take(&mut scratch.across);
        values.clear();
        let mut live = 0_u32;
        let mut reason: Option<Undefined> = None;
        let mut alike = true;
        for instance in self.in_order().filter(|i| is_live(plan, i, prepared.source, spec, at)) {
            live += 1;
            let test = match &mut test {
                Some(test) => Some(&mut **test),
                None => None,
            };
            match self.one(plan, aggregate, prepared, instance, now, test, scratch) {
                Ok(value) => values.push(value),
                Err(why) => {
                    alike &= reason.is_none_or(|r| std::mem::discriminant(&r) == std::mem::discriminant(&why));
                    reason = Some(reason.map_or(why, |r| r.min(why)));
                }
            }
        }
        let result = if live == 0 && events {
            match self.of_events(plan, aggregate, prepared, &EventLog::default(), now, test) {
                Ok(_) if across == Across::Count => Ok(0.0),
                Ok(value) => {
                    values.push(value);
                    finite(kernels::across(across, &values, &mut scratch.work), spec)
                }
                Err(why) => Err(why),
            }
        } else if live == 0 {
            Err(self.why_not_live(plan, prepared.source, spec, at))
        } else {
            let have = values.len() as u32;
            // An instance of which no event passes says nothing about the others.
            let expected = if events { 1 } else { expected.unwrap_or(0).max(live) };
            match reason {
                Some(why) if have == 0 && alike => Err(why),
                _ if have == 0 || f64::from(have) < plan.settings().min_instances * f64::from(expected) => {
                    Err(Undefined::Instances { have, expected })
                }
                _ => finite(kernels::across(across, &values, &mut scratch.work), spec),
            }
        };
        scratch.across = values;
        result
    }

    /// The newest text of an event aggregate's window, of those that pass its test if that is a [`Test::Text`]; of two texts of one time the
    /// later in alphabetical order.
    ///
    /// # Errors
    /// Why there is none; [`Undefined::NotANumber`] never, and [`Undefined::NoSample`] also where the metric has no events but numbers.
    pub fn latest_text(
        &self,
        plan: &Plan,
        id: AggregateId,
        instance: InstanceId,
        now: Millis,
    ) -> Result<(Millis, &str), Undefined> {
        let (aggregate, prepared) = plan.prepared(id).ok_or(Undefined::NoInstance)?;
        let instance = self.get(instance).ok_or(Undefined::NoInstance)?;
        let Source::Events(slot) = prepared.source else {
            return Err(Undefined::NoSample);
        };
        let bounds = self.event_bounds(plan, aggregate, now);
        let log = instance.logs[usize::from(slot)].as_ref();
        let events = log.map_or(&[][..], |l| l.between(bounds.left, bounds.right));
        let passes = |text: &str| !matches!(&aggregate.test, Some(Test::Text(test)) if !test.passes(text));
        match limited(aggregate, events).iter().rev().find(|e| passes(&e.1)) {
            Some(event) => Ok((event.0, &event.1)),
            None if self.is_observed(plan, slot, bounds.right) => Err(Undefined::NoSample),
            None => Err(Undefined::NotObserved),
        }
    }

    /// The instances of which `metric` is live at `now`, by name: not ended, and the newest sample (also one that says "not available")
    /// within the metric's staleness. Of an event metric all that have events.
    pub fn live(&self, plan: &Plan, metric: MetricId, now: Millis) -> impl Iterator<Item = InstanceId> {
        let source = match plan.slot(metric) {
            Some(Slot::Column { group, column }) => Some(Source::Raw { group, column }),
            Some(Slot::Events(slot)) => Some(Source::Events(slot)),
            Some(Slot::Unused) | None => None,
        };
        self.instances().filter(move |id| {
            source
                .zip(self.get(*id))
                .is_some_and(|(source, instance)| is_live(plan, instance, source, plan.catalogue().spec(metric), now))
        })
    }

    /// The raw samples of one series with their values in seconds, bytes or plain numbers, by time; for plots. Older samples than
    /// [`Plan::retention`] are not there.
    pub fn samples(&self, plan: &Plan, instance: InstanceId, metric: MetricId) -> impl Iterator<Item = (Millis, f64)> {
        let column = match plan.slot(metric) {
            Some(Slot::Column { group, column }) => self
                .get(instance)
                .and_then(|i| i.blocks[usize::from(group)].as_ref())
                .map(|b| (b, usize::from(column))),
            _ => None,
        };
        column
            .into_iter()
            .flat_map(|(block, column)| values(block, column, 0, block.len()))
    }

    /// The events of one series, by time; for plots.
    pub fn events(&self, plan: &Plan, instance: InstanceId, metric: MetricId) -> impl Iterator<Item = (Millis, &str)> {
        let log = match plan.slot(metric) {
            Some(Slot::Events(slot)) => self.get(instance).and_then(|i| i.logs[usize::from(slot)].as_ref()),
            _ => None,
        };
        log.into_iter().flat_map(|l| l.all().iter().map(|e| (e.0, &*e.1)))
    }

    fn in_order(&self) -> impl Iterator<Item = &Instance> {
        self.instances().filter_map(|id| self.get(id))
    }

    #[expect(clippy::too_many_arguments, reason = "one question has this many parts")]
    fn one(
        &self,
        plan: &Plan,
        aggregate: &Aggregate,
        prepared: Prepared,
        instance: &Instance,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let spec = plan.catalogue().spec(aggregate.metric);
        let block = |group: u16| {
            instance.blocks[usize::from(group)]
                .as_ref()
                .ok_or(Undefined::NoInstance)
        };
        match prepared.source {
            Source::Raw { group, column } => {
                let (block, column) = (block(group)?, usize::from(column));
                let bounds = self.bounds(plan, aggregate, spec, now)?;
                if aggregate.window.span == Span::Latest {
                    self.latest(aggregate, spec, instance, block, column, bounds, now, test, scratch)
                } else {
                    self.of_rows(
                        plan, aggregate, prepared, spec, block, column, bounds, now, test, scratch,
                    )
                }
            }
            Source::Panes {
                group,
                column,
                set,
                passed,
            } => {
                let (block, column) = (block(group)?, usize::from(column));
                let bounds = self.bounds(plan, aggregate, spec, now)?;
                let extent = Extent {
                    left: bounds.left,
                    right: bounds.right,
                    now,
                    floor: bounds.floor,
                };
                let (panes, set) = (&instance.panes[usize::from(set)], &plan.pane_sets[usize::from(set)]);
                let tail = values(block, column, block.upto(block.columns[column].folded), block.len());
                let answer = Panes::answer(
                    panes.as_ref(),
                    set,
                    aggregate.reduce,
                    passed,
                    &extent,
                    tail,
                    &self.marks,
                );
                let covered = answer.covered.min(bounds.length);
                let asked = || asked_in_vain(block, column, bounds.start(), bounds.right);
                enough(
                    plan,
                    prepared,
                    spec,
                    answer.samples,
                    covered,
                    bounds.length,
                    aggregate.reduce,
                    asked,
                )?;
                if aggregate.reduce == Reduce::Coverage {
                    return Ok(covered as f64 / bounds.length as f64);
                }
                let few = Undefined::TooFewSamples {
                    have: answer.samples,
                    need: prepared.need,
                };
                answer.value.ok_or(few).and_then(|v| finite(Some(v), spec))
            }
            Source::Events(slot) => match &instance.logs[usize::from(slot)] {
                Some(log) => self.of_events(plan, aggregate, prepared, log, now, test),
                None => self.of_events(plan, aggregate, prepared, &EventLog::default(), now, test),
            },
        }
    }

    /// Where the window lies at `now`.
    fn bounds(&self, plan: &Plan, aggregate: &Aggregate, spec: &MetricSpec, now: Millis) -> Result<Bounds, Undefined> {
        let window = &aggregate.window;
        let at = now.saturating_sub(window.offset);
        let mut bounds = edges(window.span, spec.staleness, at);
        if window.across_marks {
            return Ok(bounds);
        }
        let Some(mark) = self.marks.newest_upto(at) else {
            return Ok(bounds);
        };
        let floor = mark.saturating_add(plan.settings().warm_up);
        if floor >= at {
            return Err(Undefined::WarmingUp {
                left: floor.saturating_sub(at),
            });
        }
        if floor >= bounds.right {
            // A window that ended before the mark: the next one may hold samples from after it.
            let next = bounds.right.saturating_add(bounds.length);
            return Err(Undefined::WarmingUp {
                left: next.saturating_sub(at),
            });
        }
        bounds.floor = floor;
        Ok(bounds)
    }

    /// The newest value, if it is fresh.
    #[expect(clippy::too_many_arguments, reason = "one question has this many parts")]
    fn latest(
        &self,
        aggregate: &Aggregate,
        spec: &MetricSpec,
        instance: &Instance,
        block: &Block,
        column: usize,
        bounds: Bounds,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        let rows = block.upto(bounds.right);
        let state = &block.columns[column];
        if state.newest == Millis::MIN {
            return Err(Undefined::NoInstance);
        }
        let ended = instance.ended.max(state.ended);
        let newest = block.newest_upto(column, bounds.right);
        if ended > Millis::MIN && ended <= bounds.right && newest.is_none_or(|t| t <= ended) {
            return Err(Undefined::NoInstance);
        }
        let found = block.cells(column)[..rows].iter().rposition(|c| is_value(*c));
        let fresh = |t: Millis| t > bounds.left;
        let Some(row) = found.filter(|row| fresh(block.times()[*row])) else {
            return Err(match newest {
                Some(t) if fresh(t) => Undefined::NotAvailable,
                Some(t) => Undefined::Stale {
                    age: bounds.right.saturating_sub(t),
                    limit: spec.staleness,
                },
                None => Undefined::NoSample,
            });
        };
        if block.times()[row] <= bounds.floor {
            return Err(Undefined::NoSample);
        }
        let (times, values) = (&block.times()[row..=row], &block.cells(column)[row..=row]);
        let samples = Samples {
            times,
            values,
            anchor: None,
            starts: &[],
            anchor_start: NO_START,
        };
        let frame = Frame {
            start: bounds.start(),
            end: bounds.right,
            now,
            max_gap: spec.max_gap,
        };
        if aggregate.reduce == Reduce::Last {
            return finite(Some(values[0]), spec);
        }
        let need = kernels::minimum_samples(aggregate.reduce);
        value(aggregate, &samples, &frame, test, &mut scratch.work, need, spec)
    }

    /// A window of raw samples.
    #[expect(clippy::too_many_arguments, reason = "one question has this many parts")]
    fn of_rows(
        &self,
        plan: &Plan,
        aggregate: &Aggregate,
        prepared: Prepared,
        spec: &MetricSpec,
        block: &Block,
        column: usize,
        bounds: Bounds,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        if block.columns[column].newest == Millis::MIN {
            return Err(Undefined::NoInstance);
        }
        let start = bounds.start();
        let (mut first, last) = (block.upto(start), block.upto(bounds.right));
        let first_row = first;
        let (times, cells) = (block.times(), block.cells(column));
        let whole = block.is_whole(column);
        let limit = match aggregate.window.span {
            Span::Last { count, .. } => count as usize,
            _ => usize::MAX,
        };
        if whole {
            first = first.max(last.saturating_sub(limit));
        } else {
            scratch.times.clear();
            scratch.values.clear();
            let mut skip = 0;
            if limit < usize::MAX {
                skip = cells[first..last]
                    .iter()
                    .filter(|c| is_value(**c))
                    .count()
                    .saturating_sub(limit);
            }
            for row in first..last {
                if !is_value(cells[row]) {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    first = row + 1;
                    continue;
                }
                scratch.times.push(times[row]);
                scratch.values.push(cells[row]);
            }
        }
        // A window of the last samples has its anchor right before them, any other before its left edge.
        let before_first = |row: usize| {
            let row = cells[..row].iter().rposition(|c| is_value(*c))?;
            let near = times[row] > bounds.floor && start.saturating_sub(times[row]) <= spec.max_gap;
            near.then(|| (times[row], cells[row]))
        };
        let anchor = before_first(first);
        let (times, values) = if whole {
            (&times[first..last], &cells[first..last])
        } else {
            (&*scratch.times, &*scratch.values)
        };
        let mut samples = Samples {
            times,
            values,
            anchor,
            starts: &[],
            anchor_start: NO_START,
        };
        let from = anchor.map_or(start, |a| a.0.min(start));
        if counts_resets(aggregate.reduce)
            && let Some(newest) = times.last()
            && self.marks.restarted(from, *newest)
        {
            scratch.starts.clear();
            scratch
                .starts
                .extend(times.iter().map(|t| self.marks.restart_upto(*t).unwrap_or(NO_START)));
            samples.starts = &scratch.starts;
            samples.anchor_start = anchor.and_then(|a| self.marks.restart_upto(a.0)).unwrap_or(NO_START);
        }
        let mut frame = Frame {
            start,
            end: bounds.right,
            now,
            max_gap: spec.max_gap,
        };
        let have = times.len() as u32;
        if let Span::Last { count, .. } = aggregate.window.span {
            frame.start = anchor.map_or(times.first().map_or(start, |t| t - 1), |a| a.0);
            if prepared.covered && have < count {
                return Err(self.few(block, column, first_row, last, have, count));
            }
            if aggregate.reduce == Reduce::Coverage {
                return Ok(kernels::covered(&samples, &frame) as f64 / bounds.length as f64);
            }
        } else {
            let covered = if prepared.covered || aggregate.reduce == Reduce::Coverage {
                kernels::covered(&samples, &frame).min(bounds.length)
            } else {
                0
            };
            let asked = || asked_in_vain(block, column, start, bounds.right);
            enough(
                plan,
                prepared,
                spec,
                have,
                covered,
                bounds.length,
                aggregate.reduce,
                asked,
            )?;
            if aggregate.reduce == Reduce::Coverage {
                return Ok(if bounds.length > 0 {
                    covered as f64 / bounds.length as f64
                } else {
                    0.0
                });
            }
        }
        if times.is_empty() && aggregate.reduce != Reduce::Count {
            return Err(self.few(block, column, first_row, last, 0, prepared.need.max(1)));
        }
        value(
            aggregate,
            &samples,
            &frame,
            test,
            &mut scratch.work,
            prepared.need,
            spec,
        )
    }

    /// Why a window has too few samples.
    #[expect(clippy::unused_self, reason = "reads like the other questions")]
    fn few(&self, block: &Block, column: usize, first: usize, last: usize, have: u32, need: u32) -> Undefined {
        if have > 0 {
            Undefined::TooFewSamples { have, need }
        } else if block.cells(column)[first..last]
            .iter()
            .any(|c| super::block::is_sample(*c))
        {
            Undefined::NotAvailable
        } else {
            Undefined::NoSample
        }
    }

    fn is_observed(&self, plan: &Plan, slot: u16, at: Millis) -> bool {
        let slot = usize::from(slot);
        self.observed[slot] > Millis::MIN && self.observed[slot] >= at.saturating_sub(plan.events[slot].staleness)
    }

    /// Marks do not end windows of events: what went wrong before a restart is what the restart was for.
    #[expect(clippy::unused_self, reason = "reads like the other questions")]
    fn event_bounds(&self, plan: &Plan, aggregate: &Aggregate, now: Millis) -> Bounds {
        let spec = plan.catalogue().spec(aggregate.metric);
        edges(
            aggregate.window.span,
            spec.staleness,
            now.saturating_sub(aggregate.window.offset),
        )
    }

    fn of_events(
        &self,
        plan: &Plan,
        aggregate: &Aggregate,
        prepared: Prepared,
        log: &EventLog,
        now: Millis,
        mut test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let Source::Events(slot) = prepared.source else {
            return Err(Undefined::NoInstance);
        };
        let bounds = self.event_bounds(plan, aggregate, now);
        let events = limited(aggregate, log.between(bounds.left, bounds.right));
        let observed = self.is_observed(plan, slot, bounds.right);
        let none = if observed {
            Undefined::NoSample
        } else {
            Undefined::NotObserved
        };
        let age = |t: Millis| now.saturating_sub(t) as f64 / 1000.0;
        let mut tally = Tally::default();
        for (_, text) in events {
            tally.add(match (&aggregate.test, &mut test) {
                (Some(Test::Text(test)), _) => Some(test.passes(text)),
                (Some(Test::Caller), Some(test)) => test(SampleRef::Text(text)),
                (None, _) => Some(true),
                (Some(Test::Caller | Test::Within { .. }), _) => None,
            });
        }
        match aggregate.reduce {
            Reduce::Age => events.last().map(|e| age(e.0)).ok_or(none),
            Reduce::AgeOfFirst => events.first().map(|e| age(e.0)).ok_or(none),
            Reduce::All | Reduce::Share if events.is_empty() => Err(none),
            // That nothing passed says something only if everything was seen.
            Reduce::Count | Reduce::Any if tally.passed == 0 && tally.unknown == 0 && !observed => {
                Err(Undefined::NotObserved)
            }
            // The last of texts is no number; `latest_text` has it.
            Reduce::Count | Reduce::Any | Reduce::All | Reduce::Share => tally.value(aggregate.reduce),
            _ => Err(Undefined::NotANumber),
        }
    }

    /// Why no instance is live.
    fn why_not_live(&self, plan: &Plan, source: Source, spec: &MetricSpec, at: Millis) -> Undefined {
        let youngest = self
            .in_order()
            .filter(|i| !has_ended(i, source, at))
            .filter_map(|i| newest(plan, i, source, at))
            .max();
        match youngest {
            Some(t) => Undefined::Stale {
                age: at.saturating_sub(t),
                limit: spec.staleness,
            },
            None => Undefined::NoInstance,
        }
    }
}

/// When the counter of a sample began, where that is not known.
const NO_START: Millis = 0;

/// The edges of a window whose right edge would be `at`.
fn edges(span: Span, staleness: Millis, at: Millis) -> Bounds {
    // `(k·length, (k + 1)·length]` holds `at`.
    let aligned = |length: Millis| at.saturating_sub(1).div_euclid(length).saturating_mul(length);
    let (left, right, length) = match span {
        // An age of just the staleness still counts.
        Span::Latest => (at.saturating_sub(staleness).saturating_sub(1), at, staleness),
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
        length,
    }
}

/// The events of a window that count: the last ones where it is a window of so many samples.
fn limited<'a>(aggregate: &Aggregate, events: &'a [(Millis, Box<str>)]) -> &'a [(Millis, Box<str>)] {
    match aggregate.window.span {
        Span::Latest => &events[events.len().saturating_sub(1)..],
        Span::Last { count, .. } => &events[events.len().saturating_sub(count as usize)..],
        _ => events,
    }
}

/// Values of one column with their times.
fn values(block: &Block, column: usize, first: usize, last: usize) -> impl Iterator<Item = (Millis, f64)> {
    let rows = block.times()[first..last].iter().zip(&block.cells(column)[first..last]);
    rows.filter(|r| is_value(*r.1)).map(|(t, v)| (*t, *v))
}

/// Whether the source was asked in the window, but had no value.
fn asked_in_vain(block: &Block, column: usize, left: Millis, right: Millis) -> bool {
    block.newest_upto(column, right).is_some_and(|t| t > left)
}

/// Whether there are enough samples and they cover enough.
#[expect(clippy::too_many_arguments, reason = "one check has this many parts")]
fn enough(
    plan: &Plan,
    prepared: Prepared,
    spec: &MetricSpec,
    have: u32,
    covered: Millis,
    length: Millis,
    reduce: Reduce,
    asked_in_vain: impl FnOnce() -> bool,
) -> Result<(), Undefined> {
    if have == 0 && !matches!(reduce, Reduce::Count | Reduce::Coverage) {
        return Err(if asked_in_vain() {
            Undefined::NotAvailable
        } else {
            Undefined::NoSample
        });
    }
    if !prepared.covered {
        return Ok(());
    }
    let settings = plan.settings();
    // Whole milliseconds, so that exactly the required share is enough although 0.8 is not exact.
    let required = (settings.min_coverage * length as f64 - 1e-6).ceil() as Millis;
    if covered < required {
        return Err(Undefined::Coverage {
            have,
            expected: (length / spec.interval).max(1).min(Millis::from(u32::MAX)) as u32,
            covered: (covered as f64 / length as f64 * 1000.0) as u16,
            required: (settings.min_coverage * 1000.0).round() as u16,
        });
    }
    if have < prepared.need {
        return Err(Undefined::TooFewSamples {
            have,
            need: prepared.need,
        });
    }
    Ok(())
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

/// The value of the samples of a window that has enough of them.
fn value(
    aggregate: &Aggregate,
    samples: &Samples<'_>,
    frame: &Frame,
    test: Option<&mut SampleTest<'_>>,
    work: &mut Vec<f64>,
    need: u32,
    spec: &MetricSpec,
) -> Result<f64, Undefined> {
    let result = match (&aggregate.test, test) {
        (None, _) => kernels::reduce(aggregate.reduce, samples, frame, work),
        (Some(Test::Within { lo, hi, negate }), _) => kernels::within(aggregate.reduce, samples, *lo, *hi, *negate),
        (Some(Test::Caller), Some(test)) => {
            let mut tally = Tally::default();
            for value in samples.values {
                tally.add(test(SampleRef::Number(*value)));
            }
            return tally.value(aggregate.reduce);
        }
        (Some(Test::Caller | Test::Text(_)), _) => return Err(Undefined::NotAvailable),
    };
    match result {
        Some(_) => finite(result, spec),
        None => Err(Undefined::TooFewSamples {
            have: samples.values.len() as u32,
            need: need.max(2),
        }),
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
            let panes = || {
                instance.panes[usize::from(set)]
                    .as_ref()?
                    .newest_upto(&plan.pane_sets[usize::from(set)], at)
            };
            raw.or_else(panes)
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
            let Some(block) = &instance.blocks[usize::from(group)] else {
                return false;
            };
            let ended = instance.ended.max(block.columns[usize::from(column)].ended);
            let newest = block.newest_upto(usize::from(column), at);
            ended > Millis::MIN && ended <= at && newest.is_none_or(|t| t <= ended)
        }
        Source::Events(_) => false,
    }
}

/// Whether the series counts for the aggregates over instances at `at`.
fn is_live(plan: &Plan, instance: &Instance, source: Source, spec: &MetricSpec, at: Millis) -> bool {
    if let Source::Events(slot) = source {
        return instance.logs[usize::from(slot)]
            .as_ref()
            .is_some_and(|l| !l.all().is_empty());
    }
    newest(plan, instance, source, at).is_some_and(|t| at.saturating_sub(t) <= spec.staleness)
        && !has_ended(instance, source, at)
}
