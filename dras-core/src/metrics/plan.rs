//! What the windows of a task keep: worked out once from the aggregates that the compiled rules ask for.
//!
//! Metrics that no aggregate uses get no column. Short windows are answered from raw samples; a window of more than
//! [`RAW_ROWS`] samples whose function can be put together from parts is kept in [panes](super::panes) of a 64th of its length, which
//! hold only the parts that some rule asks for.

use std::collections::BTreeMap;

use super::catalogue::{Catalogue, Duplicates, Infinite, Kind, MetricId, MetricSpec, NotANumber, Per};
use super::kernels;
use super::panes::PaneSet;
use super::query::{Aggregate, AggregateId, Reduce, Span, Test, Window};
use crate::units::Millis;

/// Windows of at most this many samples (at the metric's interval) are always answered from raw samples.
pub const RAW_ROWS: u64 = 256;

/// The most raw samples of one series that a window may need, counted at the metric's interval.
pub const MAX_RAW_ROWS: u64 = 50_000;

/// A window in panes has this many of them.
pub const PANES: i64 = 64;

/// The longest window, offset, staleness or other length of time: 5 years, in ms. Keeps every sum of times far from the ends of [`Millis`].
pub const MAX_LENGTH: Millis = 1_827 * 86_400_000;

/// The bounds and requirements of a task's windows.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSettings {
    /// How far after `now` a sample may be, in ms; later ones are refused and counted. Default 60 s.
    pub max_future: Millis,
    /// How long after a mark (restart, change of resources) samples still say nothing, in ms. Default 60 s.
    pub warm_up: Millis,
    /// The share of a window, 0…1, that samples must cover. Default 0.8.
    pub min_coverage: f64,
    /// The number of samples that a window must hold, for functions that need more than the newest. Default 2.
    pub min_samples: u32,
    /// The share of the instances, 0…1, that must have a value. Default 0.8.
    pub min_instances: f64,
    /// The most instances of one task; at the cap a *new* one is refused. Default 1024.
    pub max_instances: u32,
    /// The most rows of one block where samples come denser than declared; beyond, *new* samples are refused and counted. Default 65,536.
    pub max_rows: u32,
    /// The most events of one series; beyond, the oldest goes and is counted. Default 256.
    pub max_events: u32,
    /// The longest text of an event in bytes; longer ones are cut between two characters. Default 8 KiB.
    pub max_event_bytes: u32,
}

impl Default for WindowSettings {
    fn default() -> WindowSettings {
        WindowSettings {
            max_future: 60_000,
            warm_up: 60_000,
            min_coverage: 0.8,
            min_samples: 2,
            min_instances: 0.8,
            max_instances: 1024,
            max_rows: 65_536,
            max_events: 256,
            max_event_bytes: 8192,
        }
    }
}

/// What a window needs to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowsNeeded {
    /// Panes: bounded memory however long the window.
    Panes,
    /// This many raw samples a series; at most [`MAX_RAW_ROWS`] are possible. 0 for events, whose number has its own bound.
    Raw(u64),
}

/// How a window of `spec` under `reduce` is kept. `test_is_constant` says whether the test of the samples, if there is one, is known when
/// the rules are compiled ([`Test::Within`]); tests that only the caller can make need the raw samples.
pub fn rows_needed(spec: &MetricSpec, window: &Window, reduce: Reduce, test_is_constant: bool) -> RowsNeeded {
    if spec.kind == Kind::Event {
        return RowsNeeded::Raw(0);
    }
    let interval = spec.interval.max(1);
    let rows = |length: Millis| (length.max(0) as u64).div_ceil(interval as u64);
    let reach = match window.span {
        Span::Latest => spec.staleness,
        span => span.reach(),
    };
    let raw = RowsNeeded::Raw(rows(reach.saturating_add(window.offset)));
    match window.span {
        Span::Sliding(length) if rows(length) > RAW_ROWS && test_is_constant && decomposes(reduce) => {
            // A pane is a 64th of the window, so that a short window far back would need very many of them.
            if panes_needed(length, window.offset, spec.max_gap) > MAX_RAW_ROWS as i64 {
                raw
            } else {
                RowsNeeded::Panes
            }
        }
        _ => raw,
    }
}

/// Whether the value over a window follows from values over its parts.
fn decomposes(reduce: Reduce) -> bool {
    match reduce {
        Reduce::Avg
        | Reduce::Min
        | Reduce::Max
        | Reduce::Sum
        | Reduce::Count
        | Reduce::First
        | Reduce::Last
        | Reduce::Stddev
        | Reduce::Var
        | Reduce::Spread
        | Reduce::Rate
        | Reduce::Increase
        | Reduce::Delta
        | Reduce::Changes
        | Reduce::Resets
        | Reduce::Coverage
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::All
        | Reduce::Any
        | Reduce::Share => true,
        Reduce::Quantile(_)
        | Reduce::Mad
        | Reduce::Irate
        | Reduce::Idelta
        | Reduce::Slope
        | Reduce::Predict(_)
        | Reduce::Ewma(_)
        | Reduce::DoubleExponential(..)
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::DeltaProm
        | Reduce::ChangesProm
        | Reduce::ResetsProm => false,
    }
}

/// Whether `reduce` says something about the whole window, so that the window must be covered well enough.
fn needs_coverage(reduce: Reduce, tested: bool) -> bool {
    match reduce {
        Reduce::Count => tested,
        Reduce::Last
        | Reduce::Age
        | Reduce::AgeOfFirst
        | Reduce::AgeOfMin
        | Reduce::AgeOfMax
        | Reduce::Coverage
        | Reduce::Irate
        | Reduce::Idelta
        | Reduce::IncreaseProm
        | Reduce::RateProm
        | Reduce::DeltaProm
        | Reduce::ChangesProm
        | Reduce::ResetsProm => false,
        _ => true,
    }
}

/// The width of the panes of a window of this length.
fn pane_width(length: Millis) -> Millis {
    length.saturating_add(PANES - 1).div_euclid(PANES).max(1)
}

/// How many panes a series needs: those that the window overlaps, those between it and now, and those where its anchor may be.
fn panes_needed(length: Millis, offset: Millis, max_gap: Millis) -> i64 {
    let width = pane_width(length);
    let panes = |part: Millis| part.max(0) / width + i64::from(part % width != 0);
    panes(length)
        .saturating_add(panes(offset))
        .saturating_add(panes(max_gap))
        .saturating_add(2)
}

/// Why a [`Plan`] cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A setting is outside its range.
    #[error("`{name}` is {given}; it must be {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it is set to.
        given: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A length of time that a metric declares is outside its range.
    #[error("`{field}` of metric `{metric}` is {given} ms; it must be {allowed}")]
    Metric {
        /// The metric.
        metric: String,
        /// The length.
        field: &'static str,
        /// What it is set to.
        given: Millis,
        /// What it may be.
        allowed: &'static str,
    },
    /// An aggregate's metric is not in the catalogue.
    #[error(
        "aggregate {aggregate} asks for metric {metric}, but there are {metrics} metrics; use handles of the same catalogue"
    )]
    UnknownMetric {
        /// Index of the aggregate.
        aggregate: usize,
        /// Index of the metric.
        metric: usize,
        /// How many metrics there are.
        metrics: usize,
    },
    /// The length, offset or count of a window is not possible.
    #[error(
        "a window of metric `{metric}` is {span:?} with offset {offset} ms; lengths must be 1 ms to 5 years, offsets 0 to 5 years and counts at least 1"
    )]
    Window {
        /// The metric.
        metric: String,
        /// The window's extent.
        span: Span,
        /// Its offset.
        offset: Millis,
    },
    /// A window needs too many raw samples.
    #[error(
        "a window of metric `{metric}` needs {rows} samples of each series, at most {MAX_RAW_ROWS} are possible; shorten it or declare a longer `interval`"
    )]
    TooManyRows {
        /// The metric.
        metric: String,
        /// How many samples it needs.
        rows: u64,
    },
    /// A function that needs a test has none, or the test does not fit the metric.
    #[error("an aggregate of metric `{metric}` {problem}")]
    Test {
        /// The metric.
        metric: String,
        /// What is wrong.
        problem: &'static str,
    },
}

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

/// An aggregate with all that follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    pub(super) source: Source,
    /// Whether coverage and the least number of samples are required.
    pub(super) covered: bool,
    /// The least number of samples.
    pub(super) need: u32,
}

/// Metrics that share their times: the same interval, the same kind of instance, a similar retention.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) columns: Vec<ColumnPlan>,
    /// How far back from now raw samples are kept.
    pub(super) retention: Millis,
    /// Rows that a block has room for from the beginning.
    pub(super) capacity: usize,
    /// Rows that a block may hold.
    pub(super) max_rows: usize,
    per: Per,
}

/// One metric in its group.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    pub(super) metric: MetricId,
    pub(super) factor: f64,
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
    pub(super) retention: Millis,
    pub(super) staleness: Millis,
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
                    retention: spec.staleness.max(spec.max_lateness),
                    reach: 0,
                };
            }
            let (window, offset) = (&aggregate.window, aggregate.window.offset);
            let length = match window.span {
                Span::Latest => spec.staleness,
                span => span.reach(),
            };
            let reach = offset + length + spec.max_gap;
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
                RowsNeeded::Raw(_) => need.retention = need.retention.max(reach).max(offset + spec.staleness),
            }
        }
        let mut plan = Plan {
            slots: vec![Slot::Unused; catalogue.len()],
            retentions: needs.iter().map(|n| n.retention).collect(),
            prepared: Vec::with_capacity(aggregates.len()),
            groups: Vec::new(),
            pane_sets: Vec::new(),
            events: Vec::new(),
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
                    retention: need.retention,
                    staleness: spec.staleness,
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
            let group = self.groups.len() as u16;
            let mut columns = Vec::with_capacity(metrics.len());
            for metric in metrics {
                let spec = self.catalogue.spec(metric);
                self.slots[metric.index()] = Slot::Column {
                    group,
                    column: columns.len() as u16,
                };
                columns.push(ColumnPlan {
                    metric,
                    factor: spec.unit.factor,
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
                // A quarter of slack: the rows slide to the front only every so often.
                capacity: rows + rows / 4 + 2,
                max_rows: (self.settings.max_rows as usize).max(rows + rows / 4 + 2),
            });
        }
    }

    /// Says for every aggregate where its answer comes from, and makes the panes for those that need them.
    fn prepare(&mut self) {
        for aggregate in &self.aggregates {
            let spec = self.catalogue.spec(aggregate.metric);
            let minimum = kernels::minimum_samples(aggregate.reduce);
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
            self.prepared.push(Prepared { source, covered, need });
        }
    }

    /// The metrics.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The bounds and requirements.
    pub fn settings(&self) -> &WindowSettings {
        &self.settings
    }

    /// All aggregates; the index of each is its [`AggregateId`].
    pub fn aggregates(&self) -> &[Aggregate] {
        &self.aggregates
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
            let mut bytes = super::block::Block::bytes_for(group.columns.len(), group.capacity);
            for set in group.columns.iter().flat_map(|c| &c.panes) {
                bytes += self.pane_sets[usize::from(*set)].bytes();
            }
            *(if group.per == Per::Task {
                &mut task
            } else {
                &mut instance
            }) += bytes;
        }
        let each = super::store::instance_bytes(self);
        size_of::<super::store::Windows>() + task + each + instances * (instance + each)
    }

    pub(super) fn slot(&self, metric: MetricId) -> Option<Slot> {
        self.slots.get(metric.index()).copied()
    }

    pub(super) fn prepared(&self, id: AggregateId) -> Option<(&Aggregate, Prepared)> {
        Some((self.aggregates.get(id.index())?, *self.prepared.get(id.index())?))
    }
}

/// Whether the test, if any, is known when the rules are compiled.
fn constant_test(aggregate: &Aggregate) -> bool {
    !matches!(aggregate.test, Some(Test::Caller | Test::Text(_)))
}

fn check_settings(s: &WindowSettings) -> Result<(), PlanError> {
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let length = |x: Millis| (0..=MAX_LENGTH).contains(&x);
    let checks = [
        (
            length(s.max_future),
            "max_future",
            s.max_future as f64,
            "0 ms to 5 years",
        ),
        (length(s.warm_up), "warm_up", s.warm_up as f64, "0 ms to 5 years"),
        (share(s.min_coverage), "min_coverage", s.min_coverage, "0 to 1"),
        (
            s.min_samples >= 1,
            "min_samples",
            f64::from(s.min_samples),
            "at least 1",
        ),
        (share(s.min_instances), "min_instances", s.min_instances, "0 to 1"),
        (
            s.max_instances >= 1,
            "max_instances",
            f64::from(s.max_instances),
            "at least 1",
        ),
        (s.max_rows >= 1, "max_rows", f64::from(s.max_rows), "at least 1"),
        (s.max_events >= 1, "max_events", f64::from(s.max_events), "at least 1"),
        (
            s.max_event_bytes >= 4,
            "max_event_bytes",
            f64::from(s.max_event_bytes),
            "at least 4",
        ),
    ];
    match checks.into_iter().find(|c| !c.0) {
        Some((_, name, given, allowed)) => Err(PlanError::Setting { name, given, allowed }),
        None => Ok(()),
    }
}

fn check_spec(spec: &MetricSpec) -> Result<(), PlanError> {
    let checks = [
        (
            (1..=MAX_LENGTH).contains(&spec.interval),
            "interval",
            spec.interval,
            "1 ms to 5 years",
        ),
        (
            (1..=MAX_LENGTH).contains(&spec.staleness),
            "staleness",
            spec.staleness,
            "1 ms to 5 years",
        ),
        (
            (1..=MAX_LENGTH).contains(&spec.max_gap),
            "max_gap",
            spec.max_gap,
            "1 ms to 5 years",
        ),
        (
            (0..=MAX_LENGTH).contains(&spec.max_lateness),
            "max_lateness",
            spec.max_lateness,
            "0 ms to 5 years",
        ),
    ];
    if let Some((_, field, given, allowed)) = checks.into_iter().find(|c| !c.0) {
        return Err(PlanError::Metric {
            metric: spec.name.clone(),
            field,
            given,
            allowed,
        });
    }
    let rows = (spec.staleness.max(spec.max_lateness) / spec.interval) as u64;
    if spec.kind != Kind::Event && rows > MAX_RAW_ROWS {
        return Err(PlanError::TooManyRows {
            metric: spec.name.clone(),
            rows,
        });
    }
    Ok(())
}

fn check_aggregate(spec: &MetricSpec, aggregate: &Aggregate) -> Result<(), PlanError> {
    let window = &aggregate.window;
    let possible = |length: Millis| (1..=MAX_LENGTH).contains(&length);
    let span = match window.span {
        Span::Latest => true,
        Span::Sliding(length) | Span::Current(length) | Span::Previous(length) => possible(length),
        Span::Last { count, max_age } => count > 0 && possible(max_age),
    };
    if !span || !(0..=MAX_LENGTH).contains(&window.offset) {
        return Err(PlanError::Window {
            metric: spec.name.clone(),
            span: window.span,
            offset: window.offset,
        });
    }
    let event = spec.kind == Kind::Event;
    let problem = match (aggregate.reduce, &aggregate.test) {
        (Reduce::All | Reduce::Any | Reduce::Share, None) => "needs a test of its samples and has none",
        (_, Some(Test::Text(_))) if !event => "tests texts, but its samples are numbers",
        (_, Some(Test::Within { .. })) if event => "tests numbers, but its samples are texts",
        (Reduce::All | Reduce::Any | Reduce::Share | Reduce::Count, _) => return Ok(()),
        // The latest text that passes a test is a question of its own.
        (Reduce::Last, Some(Test::Text(_))) => return Ok(()),
        (_, Some(_)) => "tests its samples, which only `count`, `all`, `any` and `share` can",
        (Reduce::Last | Reduce::Age | Reduce::AgeOfFirst, None) => return Ok(()),
        (_, None) if event => {
            "computes with its samples, but they are texts; only `count`, `all`, `any`, `share`, `last` and `age` are possible"
        }
        _ => return Ok(()),
    };
    Err(PlanError::Test {
        metric: spec.name.clone(),
        problem,
    })
}
