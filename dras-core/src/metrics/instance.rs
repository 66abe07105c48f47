//! One instance of a task with its samples.

use super::block::{Block, Put, is_value, not_available};
use super::catalogue::{Infinite, NotANumber};
use super::events::EventLog;
use super::ingest::IngestCounters;
use super::marks::Marks;
use super::panes::Panes;
use super::plan::{ColumnPlan, Group, Plan, Slot};
use crate::units::Millis;

/// One instance with its samples. Most instances have few of a plan's groups, windows and logs, so that each stands in a box of its own.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) name: Box<str>,
    /// For each group its rows, from the first sample on.
    pub(super) blocks: Box<[Option<Box<Block>>]>,
    /// For each pane set its panes, from the first folded sample on.
    pub(super) panes: Box<[Option<Box<Panes>>]>,
    /// For each event metric its log, from the first event on.
    pub(super) logs: Box<[Option<Box<EventLog>>]>,
    /// When all of it was last said to have ended; [`Millis::MIN`] if never.
    pub(super) ended: Millis,
    /// `now` when it was made.
    pub(super) made: Millis,
}

impl Instance {
    pub(super) fn new(plan: &Plan, name: &str, made: Millis) -> Instance {
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
    pub(super) fn newest(&self) -> Millis {
        let samples = self
            .blocks
            .iter()
            .flatten()
            .flat_map(|b| b.columns.iter().map(|c| c.newest));
        let events = self.logs.iter().flatten().filter_map(|l| l.all().last().map(|e| e.0));
        samples.chain(events).max().unwrap_or(Millis::MIN).max(self.made)
    }

    /// Whether it was made after `t`, or has a sample of any kind after it.
    pub(super) fn is_newer_than(&self, t: Millis) -> bool {
        let mut columns = self.blocks.iter().flatten().flat_map(|b| &b.columns);
        let mut events = self.logs.iter().flatten().filter_map(|l| l.all().last());
        self.made > t || columns.any(|c| c.newest > t) || events.any(|e| e.0 > t)
    }

    /// When the newest sample of one metric was, with or without a value.
    pub(super) fn newest_of(&self, slot: Slot) -> Option<Millis> {
        let newest = match slot {
            Slot::Unused => return None,
            Slot::Column { group, column } => {
                self.blocks[usize::from(group)].as_ref()?.columns[usize::from(column)].newest
            }
            Slot::Events(slot) => self.logs[usize::from(slot)].as_ref()?.all().last()?.0,
        };
        (newest > Millis::MIN).then_some(newest)
    }

    /// Whether all of its series have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.logs.iter().flatten().all(|l| l.all().is_empty())
            && self.blocks.iter().flatten().all(|b| {
                b.columns
                    .iter()
                    .all(|c| c.newest == Millis::MIN || self.ended.max(c.ended) >= c.newest)
            })
    }
}

/// What an instance takes besides its place, blocks and panes, with a name of usual length.
pub(super) fn instance_bytes(plan: &Plan) -> usize {
    let boxes = plan.groups.len() + plan.pane_sets.len() + plan.events.len();
    boxes * size_of::<usize>() + plan.events.len() * size_of::<EventLog>() + 64
}

/// One instance to put samples into.
pub(super) struct Into<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) marks: &'a Marks,
    pub(super) counters: &'a mut IngestCounters,
}

/// One series to put samples into: what all samples of a call have in common.
#[derive(Clone, Copy)]
pub(super) struct Series<'p> {
    plan: &'p Plan,
    now: Millis,
    group_at: usize,
    column_at: usize,
    group: &'p Group,
    column: &'p ColumnPlan,
    /// Later samples are from the future.
    latest: Millis,
    /// Samples up to here are in no raw window.
    edge: Millis,
}

impl<'p> Series<'p> {
    /// `None` where no rule asks for the samples.
    pub(super) fn new(plan: &'p Plan, now: Millis, slot: Slot) -> Option<Series<'p>> {
        let Slot::Column { group, column } = slot else {
            return None;
        };
        let (group_at, column_at) = (usize::from(group), usize::from(column));
        let group = &plan.groups[group_at];
        Some(Series {
            plan,
            now,
            group_at,
            column_at,
            group,
            column: &group.columns[column_at],
            latest: now.saturating_add(plan.settings().max_future),
            edge: now.saturating_sub(group.retention),
        })
    }
}

impl Into<'_> {
    /// Takes one sample. `near` is the row of the sample before it, or any other, and becomes that of this one.
    #[inline]
    pub(super) fn sample(&mut self, series: &Series<'_>, t: Millis, wire: f64, near: &mut usize) {
        let (group, column, at) = (series.group, series.column, series.column_at);
        if t > series.latest {
            self.counters.future += 1;
            return;
        }
        let Some(value) = convert(wire, column) else {
            self.counters.infinite += 1;
            return;
        };
        if t <= series.edge {
            self.sample_beyond_rows(series, t, value);
            return;
        }
        // A series without rows has no newest sample, so that nothing is made for one that is late.
        let mut block = self.instance.blocks[series.group_at].get_or_insert_with(|| Box::new(group.block()));
        if is_late(block.columns[at].newest, t, column.max_lateness) {
            self.counters.late += 1;
            return;
        }
        if block.is_crowded(group.crowd, group.max_rows, series.edge) {
            self.evict(series.plan, series.group_at, series.now);
            block = self.instance.blocks[series.group_at].get_or_insert_with(|| Box::new(group.block()));
        }
        match block.put(at, t, value, column.duplicates, group.max_rows, near) {
            Put::Stored if is_value(value) => self.counters.accepted += 1,
            Put::Stored => self.counters.not_available += 1,
            Put::Equal => self.counters.duplicates_equal += 1,
            Put::Resolved => self.counters.duplicates_resolved += 1,
            Put::Full => self.counters.too_dense += 1,
        }
    }

    /// The rows of a group, which are made with the first sample.
    fn block(&mut self, plan: &Plan, group: usize) -> &mut Block {
        self.instance.blocks[group].get_or_insert_with(|| Box::new(plan.groups[group].block()))
    }

    #[cold]
    fn sample_beyond_rows(&mut self, series: &Series<'_>, t: Millis, value: f64) {
        let newest = self.instance.blocks[series.group_at]
            .as_ref()
            .map_or(Millis::MIN, |b| b.columns[series.column_at].newest);
        if is_late(newest, t, series.column.max_lateness) {
            self.counters.late += 1;
        } else {
            self.old_sample(series.plan, series.now, series.group_at, series.column_at, t, value);
        }
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
    pub(super) fn evict(&mut self, plan: &Plan, group: usize, now: Millis) {
        let edge = now.saturating_sub(plan.groups[group].retention);
        let Some(rows) = self.instance.blocks[group].as_ref().map(|b| b.upto(edge)) else {
            return;
        };
        if rows == 0 {
            return;
        }
        if plan.groups[group].has_panes {
            for column in 0..plan.groups[group].columns.len() {
                self.fold_upto(plan, group, column, edge);
            }
        }
        if let Some(block) = &mut self.instance.blocks[group] {
            block.remove_oldest(rows);
        }
    }

    /// Folds the samples that no earlier one can follow any more. Never those after `now`, which no answer may hold yet.
    pub(super) fn fold_complete(&mut self, plan: &Plan, group: usize, now: Millis) {
        if !plan.groups[group].has_panes {
            return;
        }
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

/// Whether a sample is more than the metric's lateness before the newest of its series.
fn is_late(newest: Millis, t: Millis, max_lateness: Millis) -> bool {
    newest > Millis::MIN && t <= newest.saturating_sub(max_lateness) && t != newest
}

/// Folds one sample into all panes of its metric.
fn fold(plan: &Plan, column: &ColumnPlan, panes: &mut [Option<Box<Panes>>], marks: &Marks, t: Millis, value: f64) {
    for set in &column.panes {
        let (at, set) = (usize::from(*set), &plan.pane_sets[usize::from(*set)]);
        let panes = panes[at].get_or_insert_with(|| Box::new(Panes::new(set)));
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
