//! What the windows of a task keep: worked out once from the aggregates that the compiled rules ask for.
//!
//! Metrics that no aggregate uses get no column. Short windows are answered from raw samples; a window of more than
//! [`RAW_ROWS`](super::needs::RAW_ROWS) samples whose function can be put together from parts is kept in panes of a 64th of its length, which
//! hold only the parts that some rule asks for.

use std::collections::{BTreeMap, HashMap};

use fearless_simd::Level;

use super::block::{Block, crowd, room_for};
use super::catalogue::{Catalogue, Duplicates, Infinite, Kind, MetricId, MetricSpec, NotANumber, Per};
use super::kernels::{self, OfValues};
use super::needs::{MAX_RAW_ROWS, RowsNeeded, needs_coverage, pane_width, panes_needed, rows_needed};
use super::panes::{PaneSet, Panes};
use super::parts::Passing;
use super::query::{Aggregate, AggregateId, Reduce, Span, Test, Window};
use super::settings::{PlanError, WindowSettings, check_aggregate, check_settings, check_spec};
use crate::units::Millis;

/// Where the samples of a metric go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// No aggregate asks for them.
    Unused,
    /// A column of the blocks of a group.
    Column { group: u16, column: u16 },
    /// A log of events.
    Events(u16),
}

/// Where the answer to an aggregate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Raw {
        group: u16,
        column: u16,
    },
    Panes {
        group: u16,
        column: u16,
        set: u16,
        passed: Option<u16>,
    },
    Events(u16),
}

/// The short way to an answer, which most questions go: where the look finds nothing in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    /// There is none.
    No,
    /// Where there are no events: their absence is known up to the time of the look, or not.
    NoEvents,
    /// The newest row, as it is.
    Newest,
    /// A pass over the values of the rows, maybe with a test of each.
    Values,
    /// A pass over rows with their times.
    Rows,
    /// The same, where a restart among them makes a difference.
    Steps,
}

/// The [`Prepared::rows`] of those that are no pass over values alone.
pub(super) const NO_ROWS: u64 = u64::MAX;

/// An aggregate with all that follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    pub(super) source: Source,
    pub(super) metric: MetricId,
    /// The reduction, and the test of [`Quick::Values`].
    pub(super) asked: OfValues,
    pub(super) quick: Quick,
    /// The frame and the column where the short way is a pass over values: aggregates that have them in common look at the same values.
    pub(super) rows: u64,
    /// How far the window is moved into the past.
    pub(super) offset: Millis,
    pub(super) staleness: Millis,
    pub(super) interval: Millis,
    pub(super) across_marks: bool,
    /// On the short way: what samples must cover of the window; 0 where they need not.
    pub(super) required: Millis,
    /// On the short way: the least number of samples.
    pub(super) least: u32,
    /// Whether coverage and the least number of samples are required.
    pub(super) covered: bool,
    /// The least number of samples.
    pub(super) need: u32,
    /// Which of the plan's frames it has, where it is answered from raw samples.
    pub(super) frame: u32,
    /// Whether the instances that count, or why there are none, are those of its metric at the look: it looks at no other time, and not at
    /// panes, which may hold newer samples than the rows.
    pub(super) of_now: bool,
}

/// What says where a window of raw samples lies: aggregates that have it in common look at the same rows of an instance, if there is a value in
/// each of them, and these cover the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FrameKey {
    group: u16,
    window: Window,
    /// Of the newest sample only.
    staleness: Millis,
    max_gap: Millis,
}

/// Metrics that share their times: the same interval, the same kind of instance, a similar retention.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) columns: Vec<ColumnPlan>,
    /// How far back from now raw samples are kept.
    pub(super) retention: Millis,
    /// Rows that a block has room for from the beginning.
    pub(super) capacity: usize,
    /// From so many rows on old ones go before a new one comes.
    pub(super) crowd: usize,
    /// Rows that a block may hold.
    pub(super) max_rows: usize,
    /// The least `max_gap` of its metrics.
    pub(super) max_gap: Millis,
    /// Whether any of its metrics has panes.
    pub(super) has_panes: bool,
    per: Per,
}

impl Group {
    /// Empty rows.
    pub(super) fn block(&self) -> Block {
        Block::new(self.columns.len(), self.capacity, self.max_gap)
    }
}

/// One metric in its group.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    pub(super) metric: MetricId,
    pub(super) factor: f64,
    pub(super) staleness: Millis,
    pub(super) max_lateness: Millis,
    pub(super) not_a_number: NotANumber,
    pub(super) infinite: Infinite,
    pub(super) duplicates: Duplicates,
    /// The pane sets that its samples are folded into.
    pub(super) panes: Vec<u16>,
    /// How far back from now its panes reach; 0 without panes.
    pub(super) pane_reach: Millis,
}

/// An event metric that is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventPlan {
    pub(super) metric: MetricId,
    /// How far back from now events are kept.
    pub(super) retention: Millis,
}

/// What the windows of every task under one set of compiled rules keep and answer. Immutable; shared by all tasks.
#[derive(Debug, Clone)]
pub struct Plan {
    catalogue: Catalogue,
    aggregates: Vec<Aggregate>,
    settings: WindowSettings,
    prepared: Vec<Prepared>,
    slots: Vec<Slot>,
    retentions: Vec<Millis>,
    pub(super) groups: Vec<Group>,
    pub(super) pane_sets: Vec<PaneSet>,
    pub(super) events: Vec<EventPlan>,
    /// How many frames there are.
    pub(super) frames: usize,
    /// The instruction set of this machine. No result depends on it.
    pub(super) level: Level,
    /// An instance without any data for this long is freed.
    pub(super) series_ttl: Millis,
    /// An instance that has ended is freed after this long.
    pub(super) ended_ttl: Millis,
}

/// What one metric must keep; filled aggregate by aggregate.
#[derive(Default, Clone, Copy)]
struct Need {
    used: bool,
    retention: Millis,
    reach: Millis,
}

impl Plan {
    /// The plan that answers `aggregates` over the metrics of `catalogue`.
    ///
    /// # Errors
    /// A setting or window outside its range, an aggregate of an unknown metric, with a test that does not fit or with a window that would
    /// need more than [`MAX_RAW_ROWS`] raw samples.
    pub fn new(catalogue: Catalogue, aggregates: Vec<Aggregate>, settings: WindowSettings) -> Result<Plan, PlanError> {
        check_settings(&settings)?;
        let mut needs = vec![Need::default(); catalogue.len()];
        let mut ended_ttl = 0;
        for (i, aggregate) in aggregates.iter().enumerate() {
            let metric = aggregate.metric.index();
            let Some(need) = needs.get_mut(metric) else {
                return Err(PlanError::UnknownMetric {
                    aggregate: i,
                    metric,
                    metrics: catalogue.len(),
                });
            };
            let spec = catalogue.spec(aggregate.metric);
            check_aggregate(spec, aggregate)?;
            if !need.used {
                check_spec(spec)?;
                // A series counts as alive for its staleness, and samples wait for late ones before they are folded into panes.
                *need = Need {
                    used: true,
                    retention: spec.staleness.max(spec.max_lateness) + 1,
                    reach: 0,
                };
            }
            let (window, offset) = (&aggregate.window, aggregate.window.offset);
            let length = match window.span {
                Span::Latest => spec.staleness,
                span => span.reach(),
            };
            // The anchor may lie just `max_gap` before the window.
            let reach = offset + length + spec.max_gap + 1;
            need.reach = need.reach.max(reach);
            if offset > 0 {
                ended_ttl = ended_ttl.max(offset + length);
            }
            match rows_needed(spec, window, aggregate.reduce, constant_test(aggregate)) {
                RowsNeeded::Panes => {}
                RowsNeeded::Raw(rows) if rows > MAX_RAW_ROWS => {
                    return Err(PlanError::TooManyRows {
                        metric: spec.name.clone(),
                        rows,
                    });
                }
                RowsNeeded::Raw(_) => need.retention = need.retention.max(reach).max(offset + spec.staleness + 1),
            }
        }
        let mut plan = Plan {
            slots: vec![Slot::Unused; catalogue.len()],
            retentions: needs.iter().map(|n| n.retention).collect(),
            prepared: Vec::with_capacity(aggregates.len()),
            groups: Vec::new(),
            pane_sets: Vec::new(),
            events: Vec::new(),
            frames: 0,
            level: Level::new(),
            series_ttl: needs.iter().map(|n| n.reach.max(n.retention)).max().unwrap_or(0),
            ended_ttl: needs
                .iter()
                .map(|n| n.retention)
                .max()
                .unwrap_or(0)
                .min(600_000)
                .max(ended_ttl),
            catalogue,
            aggregates,
            settings,
        };
        plan.make_groups(&needs);
        plan.prepare();
        for group in &mut plan.groups {
            group.has_panes = group.columns.iter().any(|c| !c.panes.is_empty());
            for column in &mut group.columns {
                column.pane_reach = column
                    .panes
                    .iter()
                    .map(|set| plan.pane_sets[usize::from(*set)].reach())
                    .max()
                    .unwrap_or(0);
            }
        }
        Ok(plan)
    }

    /// Puts every used metric into a group or a log.
    fn make_groups(&mut self, needs: &[Need]) {
        let mut groups: BTreeMap<(Millis, u8, u32), Vec<MetricId>> = BTreeMap::new();
        for (id, spec) in self.catalogue.iter() {
            let need = needs[id.index()];
            if !need.used {
                continue;
            }
            if spec.kind == Kind::Event {
                self.slots[id.index()] = Slot::Events(self.events.len() as u16);
                self.events.push(EventPlan {
                    metric: id,
                    retention: need.retention,
                });
                continue;
            }
            let per = match spec.per {
                Per::Task => 0,
                Per::TaskManager => 1,
                Per::Subtask => 2,
            };
            // All columns of a block are as long as the longest, so one long window must not lengthen the columns of all the short ones.
            let rows = (need.retention / spec.interval) as u64 + 1;
            let class = if rows <= 32 { 0 } else { rows.ilog2() / 2 };
            groups.entry((spec.interval, per, class)).or_default().push(id);
        }
        for ((interval, ..), metrics) in groups {
            let retention = metrics.iter().map(|m| needs[m.index()].retention).max().unwrap_or(0);
            let rows = (retention / interval) as usize + 2;
            let capacity = room_for(rows);
            let group = self.groups.len() as u16;
            let mut columns = Vec::with_capacity(metrics.len());
            let mut max_gap = Millis::MAX;
            for metric in metrics {
                let spec = self.catalogue.spec(metric);
                max_gap = max_gap.min(spec.max_gap);
                self.slots[metric.index()] = Slot::Column {
                    group,
                    column: columns.len() as u16,
                };
                columns.push(ColumnPlan {
                    metric,
                    factor: spec.unit.factor,
                    staleness: spec.staleness,
                    max_lateness: spec.max_lateness,
                    not_a_number: spec.not_a_number,
                    infinite: spec.infinite,
                    duplicates: spec.duplicates,
                    panes: Vec::new(),
                    pane_reach: 0,
                });
            }
            self.groups.push(Group {
                per: self.catalogue.spec(columns[0].metric).per,
                columns,
                retention,
                capacity,
                crowd: crowd(capacity),
                max_rows: (self.settings.max_rows as usize).max(capacity),
                max_gap,
                has_panes: false,
            });
        }
    }

    /// Says for every aggregate where its answer comes from, and makes the panes for those that need them.
    fn prepare(&mut self) {
        let mut frames: HashMap<FrameKey, u32> = HashMap::new();
        for aggregate in &self.aggregates {
            let spec = self.catalogue.spec(aggregate.metric);
            // The anchor can be one of the samples of a rate, so that only the arithmetic can tell whether there are enough.
            let minimum = match aggregate.reduce {
                Reduce::Rate => 1,
                reduce => kernels::minimum_samples(reduce),
            };
            let covered = needs_coverage(aggregate.reduce, aggregate.test.is_some())
                && aggregate.window.span != Span::Latest
                && spec.kind != Kind::Event;
            let source = match self.slots[aggregate.metric.index()] {
                Slot::Events(events) => Source::Events(events),
                Slot::Column { group, column } => {
                    match rows_needed(spec, &aggregate.window, aggregate.reduce, constant_test(aggregate)) {
                        RowsNeeded::Raw(_) => Source::Raw { group, column },
                        RowsNeeded::Panes => {
                            let length = aggregate.window.span.reach();
                            let (width, across) = (pane_width(length), aggregate.window.across_marks);
                            let same = |s: &PaneSet| {
                                s.metric() == aggregate.metric && s.width() == width && s.across_marks() == across
                            };
                            let set = self.pane_sets.iter().position(same).unwrap_or_else(|| {
                                self.pane_sets
                                    .push(PaneSet::new(aggregate.metric, width, spec.max_gap, across));
                                self.groups[usize::from(group)].columns[usize::from(column)]
                                    .panes
                                    .push((self.pane_sets.len() - 1) as u16);
                                self.pane_sets.len() - 1
                            });
                            let panes = panes_needed(length, aggregate.window.offset, spec.max_gap);
                            let passed = self.pane_sets[set].require(aggregate, panes);
                            Source::Panes {
                                group,
                                column,
                                set: set as u16,
                                passed,
                            }
                        }
                    }
                }
                // Every aggregate's metric is used.
                Slot::Unused => continue,
            };
            let need = if covered {
                minimum.max(self.settings.min_samples)
            } else {
                minimum
            };
            let mut frame = 0;
            if let Source::Raw { group, .. } = source {
                let latest = aggregate.window.span == Span::Latest;
                let key = FrameKey {
                    group,
                    window: aggregate.window,
                    staleness: if latest { spec.staleness } else { 0 },
                    max_gap: spec.max_gap,
                };
                let next = frames.len() as u32;
                frame = *frames.entry(key).or_insert(next);
            }
            let of_now = aggregate.window.offset == 0 && !matches!(source, Source::Panes { .. });
            let (mut least, mut required) = (need, 0);
            match aggregate.window.span {
                _ if !covered => {}
                Span::Last { count, .. } => least = least.max(count),
                span => required = self.required(spec, span.fixed_length().unwrap_or(0)),
            }
            let quick = quick(aggregate, source, covered);
            let rows = match (quick, source) {
                (Quick::Values, Source::Raw { column, .. }) => u64::from(frame) << 16 | u64::from(column),
                _ => NO_ROWS,
            };
            self.prepared.push(Prepared {
                source,
                metric: aggregate.metric,
                asked: OfValues {
                    reduce: aggregate.reduce,
                    test: match aggregate.test {
                        Some(Test::Within { lo, hi, negate }) => Some(Passing { lo, hi, negate }),
                        _ => None,
                    },
                },
                quick,
                rows,
                offset: aggregate.window.offset,
                staleness: spec.staleness,
                interval: spec.interval,
                across_marks: aggregate.window.across_marks,
                required,
                least: least.max(1),
                covered,
                need,
                frame,
                of_now,
            });
        }
        self.frames = frames.len();
    }

    /// The metrics.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The bounds and requirements.
    pub fn settings(&self) -> &WindowSettings {
        &self.settings
    }

    /// All aggregates, in the order of [`ids`](Self::ids).
    pub fn aggregates(&self) -> &[Aggregate] {
        &self.aggregates
    }

    /// The handle of every aggregate, in their order.
    pub fn ids(&self) -> impl Iterator<Item = AggregateId> {
        (0..self.aggregates.len() as u32).map(AggregateId)
    }

    /// The aggregate `id`.
    ///
    /// # Panics
    /// If `id` comes from another plan with more aggregates.
    pub fn aggregate(&self, id: AggregateId) -> &Aggregate {
        &self.aggregates[id.index()]
    }

    /// How far back from now raw samples of `metric` are kept, in ms; 0 where no aggregate asks for it.
    pub fn retention(&self, metric: MetricId) -> Millis {
        self.retentions.get(metric.index()).copied().unwrap_or(0)
    }

    /// Whether any aggregate asks for `metric`. Samples of the others are counted and ignored.
    pub fn used(&self, metric: MetricId) -> bool {
        self.slots.get(metric.index()).is_some_and(|s| *s != Slot::Unused)
    }

    /// An estimate of the bytes that one task of `instances` TaskManagers or subtasks needs when its windows are full and its samples come
    /// at their declared intervals. Texts of events are not in it; they are bounded by
    /// [`max_events`](WindowSettings::max_events) × [`max_event_bytes`](WindowSettings::max_event_bytes) a series.
    pub fn bytes_per_task(&self, instances: usize) -> usize {
        let (mut task, mut instance) = (0, 0);
        for group in &self.groups {
            let mut bytes = size_of::<Block>() + Block::bytes_for(group.columns.len(), group.capacity);
            for set in group.columns.iter().flat_map(|c| &c.panes) {
                bytes += size_of::<Panes>() + self.pane_sets[usize::from(*set)].bytes();
            }
            *(if group.per == Per::Task {
                &mut task
            } else {
                &mut instance
            }) += bytes;
        }
        let each = super::instance::instance_bytes(self);
        super::store::windows_bytes(self, instances + 1) + task + each + instances * (instance + each)
    }

    pub(super) fn slot(&self, metric: MetricId) -> Option<Slot> {
        self.slots.get(metric.index()).copied()
    }

    #[inline]
    pub(super) fn prepared(&self, id: AggregateId) -> Option<&Prepared> {
        self.prepared.get(id.index())
    }

    /// How much of a window of this length samples must cover; no more than the whole.
    pub(super) fn required(&self, spec: &MetricSpec, length: Millis) -> Millis {
        let min_coverage = self.min_coverage(spec);
        // Whole milliseconds, so that exactly the required share is enough although 0.8 is not exact.
        ((min_coverage * length as f64 - 1e-6).ceil() as Millis).min(length)
    }

    /// The share of a window that samples must cover.
    pub(super) fn min_coverage(&self, spec: &MetricSpec) -> f64 {
        spec.min_coverage.unwrap_or(self.settings.min_coverage)
    }
}

/// The short way to the answer, if there is one.
fn quick(aggregate: &Aggregate, source: Source, covered: bool) -> Quick {
    let (span, reduce) = (aggregate.window.span, aggregate.reduce);
    match source {
        Source::Raw { .. } => {}
        Source::Events(_) if aggregate.window.offset == 0 && !matches!(span, Span::Previous(_)) => {
            return Quick::NoEvents;
        }
        Source::Events(_) | Source::Panes { .. } => return Quick::No,
    }
    match (&aggregate.test, reduce) {
        (None, Reduce::Last) if span == Span::Latest && aggregate.window.offset == 0 => Quick::Newest,
        // What part of a window that still grows must be covered depends on the look.
        _ if span == Span::Latest || (covered && span.fixed_length().is_none()) => Quick::No,
        (None, Reduce::Coverage) => Quick::No,
        (None, reduce) if kernels::takes_values_only(reduce) => Quick::Values,
        (None, reduce) if counts_resets(reduce) => Quick::Steps,
        (None, _) => Quick::Rows,
        (Some(Test::Within { .. }), Reduce::Count | Reduce::All | Reduce::Any | Reduce::Share) => Quick::Values,
        (Some(_), _) => Quick::No,
    }
}

/// Whether a restart inside the window makes a difference.
pub(super) fn counts_resets(reduce: Reduce) -> bool {
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

/// Whether the test, if any, is known when the rules are compiled.
fn constant_test(aggregate: &Aggregate) -> bool {
    match aggregate.test {
        Some(Test::Caller | Test::Text(_)) => false,
        // Panes know how many samples pass, not when.
        Some(Test::Within { .. }) => aggregate.reduce != Reduce::Age,
        None => true,
    }
}
