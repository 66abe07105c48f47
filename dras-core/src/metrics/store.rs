//! The samples of one task: what goes in, and what goes when time passes.

use super::block::{Block, Put, is_value, not_available};
use super::catalogue::{Infinite, MetricId, NotANumber};
use super::events::{EventLog, Logged, cut};
use super::marks::{Mark, Marks};
use super::panes::Panes;
use super::plan::{ColumnPlan, Plan, Slot};
use crate::units::Millis;

/// The longest name of an instance in bytes.
pub const MAX_NAME_BYTES: usize = 4096;

/// The handle of an instance of one task: a TaskManager, a subtask, or with the empty name the task itself. It goes out of use when the
/// instance is freed; another instance never gets the same handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId {
    slot: u32,
    generation: u32,
}

/// `now` lies before the latest time that the windows have seen. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("now is {now} ms but was {last} ms before; time must not go back")]
pub struct TimeWentBack {
    /// The time given.
    pub now: Millis,
    /// The latest time seen before.
    pub last: Millis,
}

/// Why samples cannot be taken: something that the caller must put right. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// Time went back.
    #[error(transparent)]
    TimeWentBack(#[from] TimeWentBack),
    /// The handle is not, or no longer, that of an instance of this task.
    #[error(
        "the instance is unknown: it was freed after it had no data for long, or belongs to another task; ask for its handle again"
    )]
    UnknownInstance,
    /// The handle is not that of a metric of this plan.
    #[error(
        "metric {metric} is unknown: there are {metrics}; use handles of the catalogue that the windows were made for"
    )]
    UnknownMetric {
        /// Index of the metric.
        metric: usize,
        /// How many there are.
        metrics: usize,
    },
    /// The task has as many instances as it may.
    #[error("a new instance is refused: the task has {max} already (`max_instances`)")]
    TooManyInstances {
        /// The cap.
        max: u32,
    },
    /// The name of an instance is too long.
    #[error("the name of an instance has {bytes} bytes; at most {MAX_NAME_BYTES} are possible")]
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A number was given for an event metric.
    #[error("metric `{metric}` is an event metric: its samples are texts, but a number was given")]
    NotANumberMetric {
        /// Its name.
        metric: String,
    },
    /// A text was given for a metric of numbers.
    #[error("metric `{metric}` is a metric of numbers, but a text was given")]
    NotAnEventMetric {
        /// Its name.
        metric: String,
    },
    /// Times and values of a column are not equally many.
    #[error("{times} times but {values} values were given")]
    ColumnLengths {
        /// How many times.
        times: usize,
        /// How many values.
        values: usize,
    },
}

/// What became of the samples of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Accepted {
    /// New samples, with or without a value.
    pub stored: u64,
    /// Samples that were there already, bit for bit.
    pub ignored: u64,
    /// Samples whose time had another value; one of the two stays.
    pub resolved: u64,
    /// Samples refused because of their time, because they are infinite or because there is no room; [`IngestCounters`] tell which.
    pub refused: u64,
    /// Samples of metrics that no rule asks for.
    pub unused: u64,
}

/// What became of all samples so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
pub struct IngestCounters {
    /// New samples with a value, and events.
    pub accepted: u64,
    /// Samples that said "asked, not available" (NaN), where the metric skips those.
    pub not_available: u64,
    /// Samples that were there already, bit for bit.
    pub duplicates_equal: u64,
    /// Samples whose time had another value; one of the two stayed.
    pub duplicates_resolved: u64,
    /// Refused: more than the metric's lateness before the newest of their series.
    pub late: u64,
    /// Refused: older than what is kept, or behind what is already in the panes.
    pub too_old: u64,
    /// Refused: too far after `now`.
    pub future: u64,
    /// Refused: infinite.
    pub infinite: u64,
    /// Refused: there were as many rows as a block may have.
    pub too_dense: u64,
    /// Events that went because there were too many.
    pub events_dropped: u64,
    /// Texts of events that were cut.
    pub texts_cut: u64,
    /// Samples of metrics that no rule asks for.
    pub unused: u64,
}

impl IngestCounters {
    /// What happened since `before`.
    fn since(&self, before: &IngestCounters) -> Accepted {
        let refused = |c: &IngestCounters| c.late + c.too_old + c.future + c.infinite + c.too_dense;
        let stored = |c: &IngestCounters| c.accepted + c.not_available;
        Accepted {
            stored: stored(self) - stored(before),
            ignored: self.duplicates_equal - before.duplicates_equal,
            resolved: self.duplicates_resolved - before.duplicates_resolved,
            refused: refused(self) - refused(before),
            unused: self.unused - before.unused,
        }
    }
}

/// One instance with its samples.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) name: Box<str>,
    /// For each group its rows, from the first sample on.
    pub(super) blocks: Box<[Option<Block>]>,
    /// For each pane set its panes, from the first folded sample on.
    pub(super) panes: Box<[Option<Panes>]>,
    /// For each event metric its log, from the first event on.
    pub(super) logs: Box<[Option<EventLog>]>,
    /// When all of it was last said to have ended; [`Millis::MIN`] if never.
    pub(super) ended: Millis,
    /// `now` when it was made.
    made: Millis,
}

impl Instance {
    fn new(plan: &Plan, name: &str, made: Millis) -> Instance {
        Instance {
            name: name.into(),
            blocks: vec![None; plan.groups.len()].into_boxed_slice(),
            panes: vec![None; plan.pane_sets.len()].into_boxed_slice(),
            logs: vec![None; plan.events.len()].into_boxed_slice(),
            ended: Millis::MIN,
            made,
        }
    }

    /// When its newest sample of any kind was, or else when it was made.
    fn newest(&self) -> Millis {
        let samples = self
            .blocks
            .iter()
            .flatten()
            .flat_map(|b| b.columns.iter().map(|c| c.newest));
        let events = self.logs.iter().flatten().filter_map(|l| l.all().last().map(|e| e.0));
        samples.chain(events).max().unwrap_or(Millis::MIN).max(self.made)
    }

    /// Whether all of its series have ended.
    fn has_ended(&self) -> bool {
        self.logs.iter().flatten().all(|l| l.all().is_empty())
            && self.blocks.iter().flatten().all(|b| {
                b.columns
                    .iter()
                    .all(|c| c.newest == Millis::MIN || self.ended.max(c.ended) >= c.newest)
            })
    }
}

/// What an instance takes besides its blocks and panes.
pub(super) fn instance_bytes(plan: &Plan) -> usize {
    size_of::<(Option<Instance>, u32, u32)>()
        + plan.groups.len() * size_of::<Option<Block>>()
        + plan.pane_sets.len() * size_of::<Option<Panes>>()
        + plan.events.len() * size_of::<Option<EventLog>>()
}

/// One place for an instance.
#[derive(Debug, Clone)]
struct Place {
    instance: Option<Instance>,
    generation: u32,
}

/// The samples of one task, and the answers to the aggregates of its [`Plan`].
///
/// Every method takes the plan that the windows were made for. There is no clock inside: time is the `now` that the caller passes, in ms
/// since the epoch, and must not go back. Which samples are there depends only on which were accepted, not on their order of arrival; what
/// is wrong with samples is counted, not an error.
#[derive(Debug, Clone)]
pub struct Windows {
    now: Millis,
    places: Vec<Place>,
    /// Places of the instances, in the order of their names.
    by_name: Vec<u32>,
    free: Vec<u32>,
    pub(super) marks: Marks,
    /// For each event metric, until when its events are complete; [`Millis::MIN`] if never.
    pub(super) observed: Box<[Millis]>,
    counters: IngestCounters,
}

impl Windows {
    /// Empty windows.
    pub fn new(plan: &Plan) -> Windows {
        Windows {
            now: Millis::MIN,
            places: Vec::new(),
            by_name: Vec::new(),
            free: Vec::new(),
            marks: Marks::default(),
            observed: vec![Millis::MIN; plan.events.len()].into_boxed_slice(),
            counters: IngestCounters::default(),
        }
    }

    /// The handle of the instance called `name`, which is made if there is none; the empty name is the task itself.
    ///
    /// # Errors
    /// The task has [`max_instances`](super::plan::WindowSettings::max_instances) already, or the name is longer than [`MAX_NAME_BYTES`].
    pub fn instance(&mut self, plan: &Plan, name: &str) -> Result<InstanceId, IngestError> {
        let at = match self.position(name) {
            Ok(at) => return Ok(self.id(self.by_name[at])),
            Err(at) => at,
        };
        let max = plan.settings().max_instances;
        if name.len() > MAX_NAME_BYTES {
            return Err(IngestError::NameTooLong { bytes: name.len() });
        }
        if self.by_name.len() >= max as usize {
            return Err(IngestError::TooManyInstances { max });
        }
        let instance = Some(Instance::new(plan, name, self.now));
        let slot = if let Some(slot) = self.free.pop() {
            self.places[slot as usize].instance = instance;
            slot
        } else {
            self.places.push(Place {
                instance,
                generation: 0,
            });
            (self.places.len() - 1) as u32
        };
        self.by_name.insert(at, slot);
        Ok(self.id(slot))
    }

    /// The handle of the instance called `name`, if there is one.
    pub fn find(&self, name: &str) -> Option<InstanceId> {
        self.position(name).ok().map(|at| self.id(self.by_name[at]))
    }

    /// All instances, by name.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> {
        self.by_name.iter().map(|slot| self.id(*slot))
    }

    /// The name of an instance; empty for the task itself and for handles that are out of use.
    pub fn instance_name(&self, id: InstanceId) -> &str {
        self.get(id).map_or("", |i| &i.name)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|slot| {
            let instance = self.places[*slot as usize].instance.as_ref();
            instance.map_or("", |i| &*i.name).cmp(name)
        })
    }

    fn id(&self, slot: u32) -> InstanceId {
        InstanceId {
            slot,
            generation: self.places[slot as usize].generation,
        }
    }

    pub(super) fn get(&self, id: InstanceId) -> Option<&Instance> {
        self.places
            .get(id.slot as usize)
            .filter(|p| p.generation == id.generation)?
            .instance
            .as_ref()
    }

    /// The latest `now` seen.
    pub fn now(&self) -> Option<Millis> {
        (self.now > Millis::MIN).then_some(self.now)
    }

    fn check(&self, now: Millis, id: InstanceId) -> Result<(), IngestError> {
        if now < self.now {
            return Err(TimeWentBack { now, last: self.now }.into());
        }
        self.get(id).map(|_| ()).ok_or(IngestError::UnknownInstance)
    }

    /// Takes one scrape: values of several metrics of one instance at one time, in the units the metrics declare.
    ///
    /// # Errors
    /// Time went back, the instance or a metric is unknown, or a metric is an event metric. Nothing is stored then.
    pub fn row(
        &mut self,
        plan: &Plan,
        now: Millis,
        instance: InstanceId,
        t: Millis,
        values: &[(MetricId, f64)],
    ) -> Result<Accepted, IngestError> {
        self.check(now, instance)?;
        for (metric, _) in values {
            number_slot(plan, *metric)?;
        }
        let before = self.counters;
        self.now = now;
        if let Some(mut into) = self.into(instance) {
            for (metric, value) in values {
                if let Some(slot) = plan.slot(*metric) {
                    into.sample(plan, now, slot, t, *value);
                }
            }
        }
        Ok(self.counters.since(&before))
    }

    /// Takes many samples of one metric of one instance. Rising times are fastest; older ones than are kept as raw samples must rise, and
    /// go to the panes.
    ///
    /// # Errors
    /// Time went back, the instance or metric is unknown, the metric is an event metric, or there are not as many times as values. Nothing
    /// is stored then.
    pub fn column(
        &mut self,
        plan: &Plan,
        now: Millis,
        instance: InstanceId,
        metric: MetricId,
        times: &[Millis],
        values: &[f64],
    ) -> Result<Accepted, IngestError> {
        self.check(now, instance)?;
        let slot = number_slot(plan, metric)?;
        if times.len() != values.len() {
            return Err(IngestError::ColumnLengths {
                times: times.len(),
                values: values.len(),
            });
        }
        let before = self.counters;
        self.now = now;
        if let Some(mut into) = self.into(instance) {
            for (t, value) in times.iter().zip(values) {
                into.sample(plan, now, slot, *t, *value);
            }
        }
        Ok(self.counters.since(&before))
    }

    /// Takes one event. The same text at the same time from the same instance counts once, however often it comes.
    ///
    /// # Errors
    /// Time went back, the instance or metric is unknown, or the metric is not an event metric.
    pub fn event(
        &mut self,
        plan: &Plan,
        now: Millis,
        instance: InstanceId,
        metric: MetricId,
        t: Millis,
        text: &str,
    ) -> Result<Accepted, IngestError> {
        self.check(now, instance)?;
        let slot = event_slot(plan, metric)?;
        let before = self.counters;
        self.now = now;
        let settings = plan.settings();
        let Some(into) = self.into(instance) else {
            return Err(IngestError::UnknownInstance);
        };
        let counters = into.counters;
        match slot {
            None => counters.unused += 1,
            Some(_) if t > now.saturating_add(settings.max_future) => counters.future += 1,
            Some(slot) if t <= now.saturating_sub(plan.events[slot].retention) => counters.too_old += 1,
            Some(slot) => {
                let short = cut(text, settings.max_event_bytes as usize);
                let log = into.instance.logs[slot].get_or_insert_with(EventLog::default);
                match log.put(t, short, settings.max_events as usize) {
                    Logged::Equal => counters.duplicates_equal += 1,
                    stored => {
                        counters.accepted += 1;
                        counters.events_dropped += u64::from(stored == Logged::Displaced);
                        counters.texts_cut += u64::from(short.len() < text.len());
                    }
                }
            }
        }
        Ok(self.counters.since(&before))
    }

    /// Says that all events of `metric` up to `until` have been asked for, so that their absence means that there were none. A time after
    /// `now` counts as `now`.
    ///
    /// # Errors
    /// Time went back, the metric is unknown or not an event metric.
    pub fn observed(&mut self, plan: &Plan, now: Millis, metric: MetricId, until: Millis) -> Result<(), IngestError> {
        if now < self.now {
            return Err(TimeWentBack { now, last: self.now }.into());
        }
        let slot = event_slot(plan, metric)?;
        self.now = now;
        if let Some(observed) = slot.and_then(|s| self.observed.get_mut(s)) {
            *observed = (*observed).max(until.min(now));
        }
        Ok(())
    }

    /// Says that one series of an instance, or with `None` all of them, ended at `t`: it leaves the aggregates over instances at once. A
    /// sample after `t` revives it. Events of an instance that has ended still count.
    ///
    /// # Errors
    /// The instance or metric is unknown.
    pub fn end(
        &mut self,
        plan: &Plan,
        instance: InstanceId,
        metric: Option<MetricId>,
        t: Millis,
    ) -> Result<(), IngestError> {
        let slot = match metric {
            None => None,
            Some(metric) => Some(plan.slot(metric).ok_or_else(|| unknown(plan, metric))?),
        };
        let Some(Into { instance, .. }) = self.into(instance) else {
            return Err(IngestError::UnknownInstance);
        };
        match slot {
            None => instance.ended = instance.ended.max(t),
            Some(Slot::Column { group, column }) => {
                if let Some(block) = &mut instance.blocks[usize::from(group)] {
                    let ended = &mut block.columns[usize::from(column)].ended;
                    *ended = (*ended).max(t);
                }
            }
            Some(Slot::Unused | Slot::Events(_)) => {}
        }
        Ok(())
    }

    /// Says that the task restarted or was changed at `t`. Windows end at the newest mark plus the warm-up, unless they cross marks;
    /// counters begin again at a restart. At most [`MAX_MARKS`](super::marks::MAX_MARKS) are kept. To have its full effect on windows of
    /// many hours a mark must come before the samples after it are older than the metric's lateness.
    pub fn mark(&mut self, t: Millis, mark: Mark) {
        self.marks.insert(t, mark);
    }

    /// The newest mark.
    pub fn newest_mark(&self) -> Option<Millis> {
        self.marks.all().last().map(|m| m.0)
    }

    /// All marks that are kept, by time.
    pub fn all_marks(&self) -> &[(Millis, Mark)] {
        self.marks.all()
    }

    /// Lets time pass: folds samples that are complete into panes, removes what no window can reach any more, and frees instances that have
    /// had no data for as long as the longest window (sooner where they ended).
    ///
    /// # Errors
    /// `now` lies before the latest time seen; nothing is changed then.
    pub fn advance(&mut self, plan: &Plan, now: Millis) -> Result<(), TimeWentBack> {
        if now < self.now {
            return Err(TimeWentBack { now, last: self.now });
        }
        self.now = now;
        for slot in 0..self.places.len() {
            let place = &mut self.places[slot];
            let Some(instance) = &mut place.instance else { continue };
            if instance.made == Millis::MIN {
                instance.made = now;
            }
            for log in instance.logs.iter_mut().zip(&plan.events) {
                if let (Some(log), events) = log {
                    log.remove_upto(now.saturating_sub(events.retention));
                }
            }
            let mut into = Into {
                instance,
                marks: &self.marks,
                counters: &mut self.counters,
            };
            for group in 0..plan.groups.len() {
                into.evict(plan, group, now);
                into.fold_complete(plan, group, now);
            }
            let newest = instance.newest();
            let gone = newest <= now.saturating_sub(plan.series_ttl)
                || (newest.max(instance.ended) <= now.saturating_sub(plan.ended_ttl) && instance.has_ended());
            if gone && !instance.name.is_empty() {
                self.by_name.retain(|s| *s as usize != slot);
                let place = &mut self.places[slot];
                place.instance = None;
                if let Some(generation) = place.generation.checked_add(1) {
                    place.generation = generation;
                    self.free.push(slot as u32);
                }
            }
        }
        Ok(())
    }

    /// What became of all samples so far.
    pub fn counters(&self) -> IngestCounters {
        self.counters
    }

    /// Bytes that these windows take, allocations included.
    pub fn bytes(&self) -> usize {
        let instances: usize = self
            .places
            .iter()
            .filter_map(|p| p.instance.as_ref())
            .map(|i| {
                i.name.len()
                    + size_of_val(&*i.blocks)
                    + size_of_val(&*i.panes)
                    + size_of_val(&*i.logs)
                    + i.blocks.iter().flatten().map(Block::bytes).sum::<usize>()
                    + i.panes.iter().flatten().map(Panes::bytes).sum::<usize>()
                    + i.logs.iter().flatten().map(EventLog::bytes).sum::<usize>()
            })
            .sum();
        size_of::<Windows>()
            + self.places.capacity() * size_of::<Place>()
            + (self.by_name.capacity() + self.free.capacity()) * size_of::<u32>()
            + size_of_val(&*self.observed)
            + self.marks.bytes()
            + instances
    }

    fn into(&mut self, id: InstanceId) -> Option<Into<'_>> {
        let place = self
            .places
            .get_mut(id.slot as usize)
            .filter(|p| p.generation == id.generation)?;
        Some(Into {
            instance: place.instance.as_mut()?,
            marks: &self.marks,
            counters: &mut self.counters,
        })
    }
}

fn unknown(plan: &Plan, metric: MetricId) -> IngestError {
    IngestError::UnknownMetric {
        metric: metric.index(),
        metrics: plan.catalogue().len(),
    }
}

/// The place of a metric of numbers.
fn number_slot(plan: &Plan, metric: MetricId) -> Result<Slot, IngestError> {
    let slot = plan.slot(metric).ok_or_else(|| unknown(plan, metric))?;
    let spec = plan.catalogue().spec(metric);
    if spec.kind == super::catalogue::Kind::Event {
        return Err(IngestError::NotANumberMetric {
            metric: spec.name.clone(),
        });
    }
    Ok(slot)
}

/// The log of an event metric; `None` where no rule asks for it.
fn event_slot(plan: &Plan, metric: MetricId) -> Result<Option<usize>, IngestError> {
    let slot = plan.slot(metric).ok_or_else(|| unknown(plan, metric))?;
    let spec = plan.catalogue().spec(metric);
    if spec.kind != super::catalogue::Kind::Event {
        return Err(IngestError::NotAnEventMetric {
            metric: spec.name.clone(),
        });
    }
    Ok(match slot {
        Slot::Events(slot) => Some(usize::from(slot)),
        Slot::Unused | Slot::Column { .. } => None,
    })
}

/// One instance to put samples into.
struct Into<'a> {
    instance: &'a mut Instance,
    marks: &'a Marks,
    counters: &'a mut IngestCounters,
}

impl Into<'_> {
    fn sample(&mut self, plan: &Plan, now: Millis, slot: Slot, t: Millis, wire: f64) {
        let Slot::Column { group, column } = slot else {
            self.counters.unused += 1;
            return;
        };
        let (group_at, column_at) = (usize::from(group), usize::from(column));
        let group = &plan.groups[group_at];
        let column = &group.columns[column_at];
        if t > now.saturating_add(plan.settings().max_future) {
            self.counters.future += 1;
            return;
        }
        let Some(value) = convert(wire, column) else {
            self.counters.infinite += 1;
            return;
        };
        let newest = self.instance.blocks[group_at]
            .as_ref()
            .map_or(Millis::MIN, |b| b.columns[column_at].newest);
        if newest > Millis::MIN && t <= newest.saturating_sub(column.max_lateness) && t != newest {
            self.counters.late += 1;
            return;
        }
        if t <= now.saturating_sub(group.retention) {
            self.old_sample(plan, now, group_at, column_at, t, value);
            return;
        }
        if self.block(plan, group_at).is_full(group.max_rows) {
            self.evict(plan, group_at, now);
        }
        let block = self.block(plan, group_at);
        match block.put(column_at, t, value, column.duplicates, group.max_rows) {
            Put::Stored if is_value(value) => self.counters.accepted += 1,
            Put::Stored => self.counters.not_available += 1,
            Put::Equal => self.counters.duplicates_equal += 1,
            Put::Resolved => self.counters.duplicates_resolved += 1,
            Put::Full => self.counters.too_dense += 1,
        }
    }

    /// The rows of a group, which are made with the first sample.
    fn block(&mut self, plan: &Plan, group: usize) -> &mut Block {
        let group_plan = &plan.groups[group];
        self.instance.blocks[group].get_or_insert_with(|| Block::new(group_plan.columns.len(), group_plan.capacity))
    }

    /// A sample that no raw window can reach: it goes straight to the panes, if there are any and it is the newest of its series.
    fn old_sample(&mut self, plan: &Plan, now: Millis, group: usize, column: usize, t: Millis, value: f64) {
        let newest = self.instance.blocks[group]
            .as_ref()
            .map_or(Millis::MIN, |b| b.columns[column].newest);
        if t <= newest || t <= now.saturating_sub(plan.groups[group].columns[column].pane_reach) {
            self.counters.too_old += 1;
            return;
        }
        self.block(plan, group).columns[column].newest = t;
        self.fold_upto(plan, group, column, t);
        if is_value(value) {
            self.counters.accepted += 1;
            fold(
                plan,
                &plan.groups[group].columns[column],
                &mut self.instance.panes,
                self.marks,
                t,
                value,
            );
        } else {
            self.counters.not_available += 1;
        }
    }

    /// Removes the rows that no raw window can reach any more.
    fn evict(&mut self, plan: &Plan, group: usize, now: Millis) {
        let edge = now.saturating_sub(plan.groups[group].retention);
        let Some(rows) = self.instance.blocks[group].as_ref().map(|b| b.upto(edge)) else {
            return;
        };
        if rows == 0 {
            return;
        }
        for column in 0..plan.groups[group].columns.len() {
            self.fold_upto(plan, group, column, edge);
        }
        if let Some(block) = &mut self.instance.blocks[group] {
            block.remove_oldest(rows);
        }
    }

    /// Folds the samples that no earlier one can follow any more. Never those after `now`, which no answer may hold yet.
    fn fold_complete(&mut self, plan: &Plan, group: usize, now: Millis) {
        for (at, column) in plan.groups[group].columns.iter().enumerate() {
            if let (false, Some(block)) = (column.panes.is_empty(), &self.instance.blocks[group]) {
                let newest = block.columns[at].newest;
                if newest > Millis::MIN {
                    self.fold_upto(
                        plan,
                        group,
                        at,
                        newest.saturating_sub(column.max_lateness.max(1)).min(now),
                    );
                }
            }
        }
    }

    /// Folds the samples of one series at or before `edge` into its panes.
    fn fold_upto(&mut self, plan: &Plan, group: usize, at: usize, edge: Millis) {
        let column = &plan.groups[group].columns[at];
        let Some(block) = &mut self.instance.blocks[group] else {
            return;
        };
        let folded = block.columns[at].folded;
        if column.panes.is_empty() || edge <= folded {
            return;
        }
        let (first, last) = (block.upto(folded), block.upto(edge));
        for (t, value) in block.times()[first..last].iter().zip(&block.cells(at)[first..last]) {
            if is_value(*value) {
                fold(plan, column, &mut self.instance.panes, self.marks, *t, *value);
            }
        }
        block.columns[at].folded = edge;
    }
}

/// Folds one sample into all panes of its metric.
fn fold(plan: &Plan, column: &ColumnPlan, panes: &mut [Option<Panes>], marks: &Marks, t: Millis, value: f64) {
    for set in &column.panes {
        let (at, set) = (usize::from(*set), &plan.pane_sets[usize::from(*set)]);
        let panes = panes[at].get_or_insert_with(|| Panes::new(set));
        panes.fold(set, t, value, marks, plan.settings().warm_up);
    }
}

/// The value in seconds, bytes or plain numbers; `None` where it is refused.
fn convert(wire: f64, column: &ColumnPlan) -> Option<f64> {
    let value = wire * column.factor;
    if value.is_nan() {
        return Some(match column.not_a_number {
            NotANumber::Skip => not_available(),
            NotANumber::Propagate => f64::NAN,
        });
    }
    (value.is_finite() || column.infinite == Infinite::Keep).then_some(value)
}
