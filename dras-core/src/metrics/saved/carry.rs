//! Saved windows into the windows of a plan, be it the same or another one.

use super::{Carried, LongWindow, MetricDropped, Saved, SavedBlock, SavedColumn, SavedInstance, WhyDropped, dimension};
use crate::metrics::block::{Block, Column, absent, is_sample, is_value};
use crate::metrics::catalogue::MetricId;
use crate::metrics::events::EventLog;
use crate::metrics::instance::Instance;
use crate::metrics::needs::PANES;
use crate::metrics::panes::{PaneSet, Panes};
use crate::metrics::plan::{Group, Plan, Slot};
use crate::metrics::store::{Place, Windows};
use crate::units::Millis;

/// A column of a saved group.
#[derive(Clone, Copy, PartialEq)]
struct From {
    group: u16,
    column: usize,
}

/// How a plan's windows follow from saved ones: worked out once for all instances.
struct Carry<'p> {
    saved: &'p Saved<'p>,
    plan: &'p Plan,
    /// For each group of the plan, for each of its columns where its samples are.
    columns: Vec<Vec<Option<From>>>,
    /// For each pane set of the plan the index of the saved one of the same window.
    sets: Vec<Option<u16>>,
    /// For each event metric of the plan the index of its metric in the snapshot.
    logs: Vec<Option<u16>>,
}

/// The windows of `plan` with all that can be used of `saved`. Nothing is left out under the plan that it was saved under.
pub(super) fn carry(saved: &Saved<'_>, plan: &Plan) -> (Windows, Carried) {
    let mut carried = Carried::default();
    let carry = Carry::new(saved, plan, &mut carried);
    let mut windows = Windows::new(plan);
    windows.now = saved.now;
    windows.counters = saved.counters;
    for (t, mark) in &saved.marks {
        windows.marks.insert(*t, *mark);
    }
    for (observed, metric) in windows.observed.iter_mut().zip(&carry.logs) {
        let until = metric.and_then(|m| saved.metrics[usize::from(m)].observed);
        *observed = until.unwrap_or(Millis::MIN);
    }
    let stays = staying(saved, plan);
    // What became of each pane set; the worst that became of it in any instance.
    let mut fates = vec![Fate::Kept; plan.pane_sets.len()];
    for (instance, stays) in saved.instances.iter().zip(stays) {
        if !stays {
            carried.instances_dropped.push(instance.name.clone().into_owned());
            continue;
        }
        let (instance, events_dropped) = carry.instance(instance, &windows, &mut fates);
        carried.events_dropped += events_dropped;
        windows.by_name.push(windows.places.len() as u32);
        windows.places.push(Place {
            instance: Some(instance),
            generation: 0,
        });
    }
    for (at, (set, fate)) in plan.pane_sets.iter().zip(fates).enumerate() {
        match fate.max(carry.outlook(at)) {
            Fate::Kept => {}
            Fate::Rebuilt => carried.panes_rebuilt.push(long_window(plan, set)),
            Fate::Begun => carried.panes_begun.push(long_window(plan, set)),
        }
    }
    carried.panes_rebuilt.sort();
    carried.panes_begun.sort();
    (windows, carried)
}

/// Which instances stay: all, or those with the newest data where there may not be so many. The task itself always does.
fn staying(saved: &Saved<'_>, plan: &Plan) -> Vec<bool> {
    let max = plan.settings().max_instances as usize;
    let mut stays = vec![true; saved.instances.len()];
    if stays.len() > max {
        let mut order: Vec<usize> = (0..stays.len()).collect();
        order.sort_by_key(|i| {
            let instance = &saved.instances[*i];
            (!instance.name.is_empty(), std::cmp::Reverse(instance.newest()), *i)
        });
        for i in &order[max..] {
            stays[*i] = false;
        }
    }
    stays
}

/// What became of the panes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Kept,
    Rebuilt,
    Begun,
}

fn long_window(plan: &Plan, set: &PaneSet) -> LongWindow {
    let (metric, width, across_marks) = set.key();
    LongWindow {
        metric: plan.catalogue().spec(metric).name.clone(),
        length: width.saturating_mul(PANES),
        across_marks,
    }
}

impl<'p> Carry<'p> {
    /// What corresponds to what, with all that corresponds to nothing in `carried`.
    fn new(saved: &'p Saved<'p>, plan: &'p Plan, carried: &mut Carried) -> Carry<'p> {
        let found: Vec<Result<MetricId, WhyDropped>> =
            saved.metrics.iter().map(|metric| counterpart(metric, plan)).collect();
        let mut of_metric: Vec<Option<u16>> = vec![None; plan.catalogue().len()];
        for (at, (metric, found)) in saved.metrics.iter().zip(&found).enumerate() {
            match found {
                Ok(id) => of_metric[id.index()] = Some(at as u16),
                Err(why) => carried.metrics_dropped.push(MetricDropped {
                    metric: metric.name.clone(),
                    why: *why,
                }),
            }
        }
        let mut places: Vec<Option<From>> = vec![None; saved.metrics.len()];
        for (group, metrics) in saved.groups.iter().enumerate() {
            for (column, metric) in metrics.metrics.iter().enumerate() {
                places[usize::from(*metric)] = Some(From {
                    group: group as u16,
                    column,
                });
            }
        }
        let from = |metric: MetricId| of_metric[metric.index()].and_then(|m| places[usize::from(m)]);
        let columns = plan
            .groups
            .iter()
            .map(|group| group.columns.iter().map(|c| from(c.metric)).collect());
        let mut logs = vec![None; plan.events.len()];
        for (id, _) in plan.catalogue().iter() {
            if let Some(Slot::Events(log)) = plan.slot(id) {
                logs[usize::from(log)] = of_metric[id.index()];
            }
        }
        let same = |set: &PaneSet| {
            let (metric, width, across_marks) = set.key();
            let metric = of_metric[metric.index()]?;
            let is_same = |s: &super::SavedSet| (s.metric, s.width, s.across_marks) == (metric, width, across_marks);
            saved.sets.iter().position(is_same).map(|at| at as u16)
        };
        let sets: Vec<Option<u16>> = plan.pane_sets.iter().map(same).collect();
        for (at, set) in saved.sets.iter().enumerate() {
            let metric = usize::from(set.metric);
            if found[metric].is_ok() && !sets.contains(&Some(at as u16)) {
                carried.panes_dropped.push(LongWindow {
                    metric: saved.metrics[metric].name.clone(),
                    length: set.width.saturating_mul(PANES),
                    across_marks: set.across_marks,
                });
            }
        }
        Carry {
            saved,
            plan,
            columns: columns.collect(),
            sets,
            logs,
        }
    }

    /// Where the samples of the metric of a pane set are.
    fn source(&self, set: &PaneSet) -> Option<From> {
        match self.plan.slot(set.metric()) {
            Some(Slot::Column { group, column }) => self.columns[usize::from(group)][usize::from(column)],
            _ => None,
        }
    }

    /// What becomes of a pane set in any case, whatever the instances hold.
    fn outlook(&self, at: usize) -> Fate {
        let set = &self.plan.pane_sets[at];
        match (self.sets[at], self.source(set)) {
            (None, Some(from)) if self.saved.groups[usize::from(from.group)].retention < set.reach() => Fate::Begun,
            (None, Some(_)) => Fate::Rebuilt,
            _ => Fate::Kept,
        }
    }

    fn instance(&self, saved: &SavedInstance<'_>, windows: &Windows, fates: &mut [Fate]) -> (Instance, u64) {
        let mut blocks: Vec<Option<&SavedBlock<'_>>> = vec![None; self.saved.groups.len()];
        for block in &saved.blocks {
            blocks[usize::from(block.group)] = Some(block);
        }
        let mut instance = Instance::new(self.plan, &saved.name, saved.made);
        instance.ended = saved.ended;
        for (at, (group, columns)) in self.plan.groups.iter().zip(&self.columns).enumerate() {
            instance.blocks[at] = rows(group, columns, &blocks).map(Box::new);
        }
        for (at, set) in self.plan.pane_sets.iter().enumerate() {
            let Some(from) = self.source(set) else { continue };
            let Some(block) = blocks[usize::from(from.group)] else {
                continue;
            };
            let column = &block.columns[from.column];
            let folded = block.times.iter().zip(&*column.cells);
            let folded = folded.take_while(|row| *row.0 <= column.folded).map(|(t, v)| (*t, *v));
            let folded = folded.filter(|row| is_value(row.1));
            let (panes, fate) = self.panes(at, saved, folded, windows);
            instance.panes[at] = panes.map(Box::new);
            fates[at] = fates[at].max(fate);
        }
        let settings = self.plan.settings();
        let mut dropped = 0;
        for (log, metric) in instance.logs.iter_mut().zip(&self.logs) {
            let Some(saved) = saved.logs.iter().find(|l| Some(l.metric) == *metric) else {
                continue;
            };
            let (restored, gone) = EventLog::restore(
                saved.events.iter().map(|(t, text)| (*t, &**text)),
                saved.displaced.as_ref().map(|(t, text)| (*t, &**text)),
                settings.max_events as usize,
                settings.max_event_bytes as usize,
            );
            *log = Some(Box::new(restored));
            dropped += gone;
        }
        (instance, dropped)
    }

    /// The panes of one series. `folded` are those of its raw samples that are in panes.
    fn panes(
        &self,
        at: usize,
        saved: &SavedInstance<'_>,
        folded: impl Iterator<Item = (Millis, f64)>,
        windows: &Windows,
    ) -> (Option<Panes>, Fate) {
        let (set, warm_up) = (&self.plan.pane_sets[at], self.plan.settings().warm_up);
        let mut fate = Fate::Kept;
        if let Some(source) = self.sets[at] {
            let Some(panes) = saved.panes.iter().find(|p| p.set == source) else {
                // None of its samples is in panes yet.
                return (None, Fate::Kept);
            };
            let shape = &self.saved.sets[usize::from(source)].shape;
            // Panes that a mark cut hold what was then the time after the warm-up.
            if set.across_marks() || warm_up == self.saved.warm_up || panes.floor == Millis::MIN {
                let (panes, is_whole) = Panes::restore(set, panes, shape, folded, &windows.marks);
                let fate = match (set.is_part_of(shape), is_whole) {
                    (true, _) => Fate::Kept,
                    (false, true) => Fate::Rebuilt,
                    (false, false) => Fate::Begun,
                };
                return (Some(panes), fate);
            }
            fate = Fate::Begun;
        }
        let mut panes = None;
        for (t, v) in folded {
            panes
                .get_or_insert_with(|| Panes::new(set))
                .fold(set, t, v, &windows.marks, warm_up);
        }
        (panes, fate)
    }
}

/// The metric of the plan that a saved one is.
fn counterpart(metric: &super::SavedMetric, plan: &Plan) -> Result<MetricId, WhyDropped> {
    let id = plan.catalogue().id(&metric.name).ok_or(WhyDropped::NotDeclared)?;
    let spec = plan.catalogue().spec(id);
    let unit = (dimension(spec.unit.dimension), spec.unit.factor.to_bits());
    if spec.kind != metric.kind {
        Err(WhyDropped::Kind)
    } else if unit != (metric.unit, metric.factor.to_bits()) {
        Err(WhyDropped::Unit)
    } else if !plan.used(id) {
        Err(WhyDropped::NotUsed)
    } else {
        Ok(id)
    }
}

/// The rows of a group, out of the groups in which its metrics were. `blocks` are those of one instance, for each saved group.
fn rows(group: &Group, columns: &[Option<From>], blocks: &[Option<&SavedBlock<'_>>]) -> Option<Block> {
    let source = |from: &Option<From>| {
        let from = (*from)?;
        blocks[usize::from(from.group)].map(|block| (block, &block.columns[from.column]))
    };
    let sources: Vec<Option<Source<'_>>> = columns.iter().map(source).collect();
    if sources
        .iter()
        .flatten()
        .all(|(_, c)| c.newest == Millis::MIN && c.ended == Millis::MIN)
    {
        return None;
    }
    let times = times(&sources);
    let columns = sources.iter().zip(&group.columns).map(|(source, plan)| {
        let Some((block, column)) = source else {
            return (Column::EMPTY, vec![absent(); times.len()]);
        };
        let cells = if times == *block.times {
            column.cells.to_vec()
        } else {
            let mut cells = vec![absent(); times.len()];
            let mut row = 0;
            for (t, cell) in block.times.iter().zip(&*column.cells).filter(|row| is_sample(*row.1)) {
                while times[row] < *t {
                    row += 1;
                }
                cells[row] = *cell;
            }
            cells
        };
        // Without panes nothing is folded.
        let folded = if plan.panes.is_empty() {
            Millis::MIN
        } else {
            column.folded
        };
        (Column::new(column.newest, folded, column.ended), cells)
    });
    let columns = columns.collect();
    Some(Block::restore(&times, columns, group.capacity, group.max_gap))
}

/// A saved column with the rows that it belongs to.
type Source<'s> = (&'s SavedBlock<'s>, &'s SavedColumn<'s>);

/// The column of a source, if it is one of this saved group.
fn of_group(source: Option<Source<'_>>, group: u16) -> Option<&SavedColumn<'_>> {
    source.filter(|s| s.0.group == group).map(|s| s.1)
}

/// The times at which any of these columns has a sample.
fn times(sources: &[Option<Source<'_>>]) -> Vec<Millis> {
    let mut times = Vec::new();
    let mut blocks = 0;
    for (i, source) in sources.iter().enumerate() {
        let Some((block, _)) = source else { continue };
        if sources[..i].iter().any(|s| of_group(*s, block.group).is_some()) {
            continue;
        }
        let columns: Vec<&SavedColumn<'_>> = sources.iter().filter_map(|s| of_group(*s, block.group)).collect();
        let kept = (0..block.times.len()).filter(|row| columns.iter().any(|c| is_sample(c.cells[*row])));
        times.extend(kept.map(|row| block.times[row]));
        blocks += 1;
    }
    if blocks > 1 {
        times.sort_unstable();
        times.dedup();
    }
    times
}
