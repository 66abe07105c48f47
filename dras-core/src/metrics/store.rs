//! The samples of one task: what goes in, and what goes when time passes.

use super::block::Block;
use super::catalogue::{Kind, MetricId};
use super::events::{EventLog, Logged, cut};
use super::ingest::{Accepted, IngestCounters, IngestError, MAX_NAME_BYTES, TimeWentBack};
use super::instance::{Instance, Into, Series};
use super::marks::{Mark, Marks};
use super::panes::Panes;
use super::plan::{Plan, Slot};
use crate::units::Millis;

/// The handle of an instance of one task: a TaskManager, a subtask, or with the empty name the task itself. It goes out of use when the
/// instance is freed; another instance never gets the same handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId {
    slot: u32,
    generation: u32,
}

impl InstanceId {
    /// Its place.
    pub(super) fn place(self) -> u32 {
        self.slot
    }
}

/// One place for an instance.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) instance: Option<Instance>,
    pub(super) generation: u32,
}

impl Place {
    /// The same place without its instance.
    pub(super) fn emptied(&self) -> Place {
        Place {
            instance: None,
            generation: self.generation,
        }
    }
}

/// What the windows of so many instances take besides what is in these.
pub(super) fn windows_bytes(plan: &Plan, instances: usize) -> usize {
    // As `Windows::instance` makes room.
    let places = instances + instances / 4;
    size_of::<Windows>() + places * (size_of::<Place>() + size_of::<u32>()) + plan.events.len() * size_of::<Millis>()
}

/// The samples of one task, and the answers to the aggregates of its [`Plan`].
///
/// Every method takes the plan that the windows were made for. There is no clock inside: time is the `now` that the caller passes, in ms
/// since the epoch, and must not go back. Which samples are there depends only on which were accepted, not on their order of arrival; what
/// is wrong with samples is counted, not an error.
#[derive(Debug, Clone)]
pub struct Windows {
    pub(super) now: Millis,
    pub(super) places: Vec<Place>,
    /// Places of the instances, in the order of their names.
    pub(super) by_name: Vec<u32>,
    pub(super) free: Vec<u32>,
    pub(super) marks: Marks,
    /// For each event metric, until when its events are complete; [`Millis::MIN`] if never.
    pub(super) observed: Box<[Millis]>,
    pub(super) counters: IngestCounters,
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
    /// The task has [`max_instances`](super::settings::WindowSettings::max_instances) already, or the name is longer than [`MAX_NAME_BYTES`].
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
            if self.places.len() == self.places.capacity() {
                // Most tasks have few instances.
                let more = 1 + self.places.len() / 4;
                self.places.reserve_exact(more);
                self.by_name.reserve_exact(more);
            }
            self.places.push(Place {
                instance,
                generation: 0,
            });
            (self.places.len() - 1) as u32
        };
        self.by_name.insert(at, slot);
        Ok(self.id(slot))
    }

    /// Whether samples for instances of these names can be taken at `now`, without making any of them.
    ///
    /// # Errors
    /// What [`instance`](Self::instance) would refuse for one of them, or that `now` is before the latest time seen.
    pub fn check_instances<'n>(
        &self,
        plan: &Plan,
        now: Millis,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<(), IngestError> {
        if now < self.now {
            return Err(TimeWentBack { now, last: self.now }.into());
        }
        let max = plan.settings().max_instances;
        let mut new = std::collections::BTreeSet::new();
        for name in names {
            if name.len() > MAX_NAME_BYTES {
                return Err(IngestError::NameTooLong { bytes: name.len() });
            }
            if self.position(name).is_err() {
                new.insert(name);
            }
        }
        if self.by_name.len() + new.len() > max as usize {
            return Err(IngestError::TooManyInstances { max });
        }
        Ok(())
    }

    /// The time of the newest sample of a metric, over all instances; also one that says "not available".
    pub fn newest(&self, plan: &Plan, metric: MetricId) -> Option<Millis> {
        let slot = plan.slot(metric)?;
        let instances = self
            .by_name
            .iter()
            .filter_map(|place| self.places[*place as usize].instance.as_ref());
        instances.filter_map(|instance| instance.newest_of(slot)).max()
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

    pub(super) fn id(&self, slot: u32) -> InstanceId {
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
            let mut near = 0;
            for (metric, value) in values {
                match plan.slot(*metric).and_then(|slot| Series::new(plan, now, slot)) {
                    Some(series) => into.sample(&series, t, *value, &mut near),
                    None => into.counters.unused += 1,
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
            let mut near = 0;
            match Series::new(plan, now, slot) {
                None => into.counters.unused += times.len() as u64,
                Some(series) if times.is_sorted() => {
                    for (t, value) in times.iter().zip(values) {
                        into.sample(&series, *t, *value, &mut near);
                    }
                }
                Some(series) => {
                    // Newest first, say: the order inside one call is no lateness.
                    let mut order: Vec<usize> = (0..times.len()).collect();
                    order.sort_by_key(|i| times[*i]);
                    for i in order {
                        into.sample(&series, times[i], values[i], &mut near);
                    }
                }
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
                let log = into.instance.logs[slot].get_or_insert_default();
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

    /// Reads a little of everything that a look reads.
    pub(crate) fn touch(&self) -> u64 {
        let instances = self.places.iter().filter_map(|place| place.instance.as_ref());
        let mut read = 0;
        for instance in instances {
            for block in instance.blocks.iter().flatten() {
                read ^= block.touch();
            }
            for panes in instance.panes.iter().flatten() {
                read ^= panes.touch();
            }
        }
        read
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
            if instance.is_newer_than(now.saturating_sub(plan.series_ttl.min(plan.ended_ttl))) {
                continue;
            }
            let newest = instance.newest();
            let gone = newest <= now.saturating_sub(plan.series_ttl)
                || (newest.max(instance.ended) <= now.saturating_sub(plan.ended_ttl) && instance.has_ended());
            if gone && !instance.name.is_empty() {
                self.by_name.retain(|s| *s as usize != slot);
                self.places[slot].instance = None;
                self.retire(slot);
            }
        }
        Ok(())
    }

    /// Makes the place of an instance that is gone free for another one, which gets another handle.
    pub(super) fn retire(&mut self, slot: usize) {
        let place = &mut self.places[slot];
        if let Some(generation) = place.generation.checked_add(1) {
            place.generation = generation;
            self.free.push(slot as u32);
        }
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
                    + i.blocks
                        .iter()
                        .flatten()
                        .map(|b| size_of::<Block>() + b.bytes())
                        .sum::<usize>()
                    + i.panes
                        .iter()
                        .flatten()
                        .map(|p| size_of::<Panes>() + p.bytes())
                        .sum::<usize>()
                    + i.logs
                        .iter()
                        .flatten()
                        .map(|l| size_of::<EventLog>() + l.bytes())
                        .sum::<usize>()
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
    let is_event = match slot {
        Slot::Column { .. } => false,
        Slot::Events(_) => true,
        Slot::Unused => plan.catalogue().spec(metric).kind == Kind::Event,
    };
    if is_event {
        return Err(IngestError::NotANumberMetric {
            metric: plan.catalogue().spec(metric).name.clone(),
        });
    }
    Ok(slot)
}

/// The log of an event metric; `None` where no rule asks for it.
fn event_slot(plan: &Plan, metric: MetricId) -> Result<Option<usize>, IngestError> {
    let slot = plan.slot(metric).ok_or_else(|| unknown(plan, metric))?;
    let spec = plan.catalogue().spec(metric);
    if spec.kind != Kind::Event {
        return Err(IngestError::NotAnEventMetric {
            metric: spec.name.clone(),
        });
    }
    Ok(match slot {
        Slot::Events(slot) => Some(usize::from(slot)),
        Slot::Unused | Slot::Column { .. } => None,
    })
}
