//! Windows that outlive their process and their rules.
//!
//! What a task's windows hold goes into two sections of a [snapshot](crate::snapshot): [`WINDOWS`] says what there is, [`COLUMNS`] holds the
//! numbers. Everything is said by the names of metrics and the lengths of windows, not by the handles of a plan, so that windows can be read
//! under other rules than those they were filled under: see [`Windows::read`].
//!
//! The columns follow on one another for each instance in the order of their names:
//!
//! | for each | numbers |
//! | --- | --- |
//! | group of metrics with rows | times of the rows; for its metrics the times of the newest sample, of the newest sample in panes, of the end; for each metric its values, in seconds, bytes or plain numbers |
//! | window in panes | samples of each pane; milliseconds covered of each pane; for each part its numbers, then for each test how many passed |
//!
//! Times are 64-bit integers in ms ([`Millis::MIN`] for never), samples and milliseconds covered 32-bit, all others 64-bit floating-point. Of
//! NaN the bits matter: a row without a sample of the metric is `0x7ff8647261730001`, one that says "not available" `0x7ff8647261730002`.

mod bytes;
mod carried;
mod carry;

use std::borrow::Cow;

pub use carried::{Carried, LongWindow, MetricDropped, WhyDropped};

use super::catalogue::{Kind, MetricId};
use super::ingest::IngestCounters;
use super::instance::Instance;
use super::marks::Mark;
use super::panes::{SavedPanes, Shape};
use super::plan::{Plan, Slot};
use super::store::{Place, Windows};
use crate::snapshot::{Reader, SectionKind, SnapshotError, Writer};
use crate::units::{Millis, Unit};

/// The section that says what the windows hold.
pub const WINDOWS: SectionKind = SectionKind(*b"wins");

/// The section with the columns of numbers.
pub const COLUMNS: SectionKind = SectionKind(*b"wcol");

/// The version of both.
const VERSION: u32 = 1;

/// What the windows of a task hold, without handles. Numbers that go into columns are left out of the MessagePack.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Saved<'w> {
    now: Millis,
    /// How long after a mark samples say nothing: panes that end at marks hold to it.
    warm_up: Millis,
    counters: IngestCounters,
    marks: Vec<(Millis, Mark)>,
    /// All metrics that were asked for, by name.
    metrics: Vec<SavedMetric>,
    /// Metrics that share rows.
    groups: Vec<SavedGroup>,
    /// Windows in panes, by metric, width and whether they cross marks.
    sets: Vec<SavedSet>,
    /// By name.
    instances: Vec<SavedInstance<'w>>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedMetric {
    name: String,
    kind: Kind,
    /// Exponents of time and data.
    unit: (i8, i8),
    factor: f64,
    /// Until when events were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed: Option<Millis>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedGroup {
    /// Indices of metrics.
    metrics: Vec<u16>,
    /// How far back from now rows were kept.
    retention: Millis,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedSet {
    /// Index of the metric.
    metric: u16,
    width: Millis,
    across_marks: bool,
    shape: Shape,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedInstance<'w> {
    name: Cow<'w, str>,
    made: Millis,
    ended: Millis,
    blocks: Vec<SavedBlock<'w>>,
    panes: Vec<SavedPanes>,
    logs: Vec<SavedLog<'w>>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedBlock<'w> {
    /// Index of the group.
    group: u16,
    rows: u32,
    #[serde(skip)]
    times: Cow<'w, [Millis]>,
    /// In the order of the group's metrics.
    #[serde(skip)]
    columns: Vec<SavedColumn<'w>>,
}

#[derive(Debug, Clone, Default)]
struct SavedColumn<'w> {
    newest: Millis,
    folded: Millis,
    ended: Millis,
    cells: Cow<'w, [f64]>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct SavedLog<'w> {
    /// Index of the metric.
    metric: u16,
    events: Vec<(Millis, Cow<'w, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    displaced: Option<(Millis, Cow<'w, str>)>,
}

impl SavedInstance<'_> {
    /// When its newest sample of any kind was, or else when it was made.
    fn newest(&self) -> Millis {
        let samples = self.blocks.iter().flat_map(|b| b.columns.iter().map(|c| c.newest));
        let events = self.logs.iter().filter_map(|l| l.events.last().map(|e| e.0));
        samples.chain(events).fold(self.made, Millis::max)
    }
}

/// The dimension of a metric as it is saved.
fn dimension(unit: Unit) -> (i8, i8) {
    (unit.time, unit.data)
}

impl<'w> Saved<'w> {
    fn of(windows: &'w Windows, plan: &Plan) -> Saved<'w> {
        let used: Vec<MetricId> = plan.catalogue().iter().map(|m| m.0).filter(|m| plan.used(*m)).collect();
        // Every metric of a group or set is used.
        let index = |metric: MetricId| used.binary_search(&metric).unwrap_or_default() as u16;
        let metrics = used.iter().map(|id| {
            let spec = plan.catalogue().spec(*id);
            let observed = match plan.slot(*id) {
                Some(Slot::Events(log)) => Some(windows.observed[usize::from(log)]),
                _ => None,
            };
            SavedMetric {
                name: spec.name.clone(),
                kind: spec.kind,
                unit: dimension(spec.unit.dimension),
                factor: spec.unit.factor,
                observed: observed.filter(|t| *t > Millis::MIN),
            }
        });
        let groups = plan.groups.iter().map(|group| SavedGroup {
            metrics: group.columns.iter().map(|c| index(c.metric)).collect(),
            retention: group.retention,
        });
        // The order of sets, of their parts and of events in a plan follows from the order of the rules, which is no part of the state.
        let mut order: Vec<usize> = (0..plan.pane_sets.len()).collect();
        order.sort_by_key(|at| plan.pane_sets[*at].key());
        let sets: Vec<SavedSet> = order
            .iter()
            .map(|at| {
                let set = &plan.pane_sets[*at];
                let (metric, width, across_marks) = set.key();
                SavedSet {
                    metric: index(metric),
                    width,
                    across_marks,
                    shape: set.shape(),
                }
            })
            .collect();
        let logs: Vec<u16> = used
            .iter()
            .filter(|id| matches!(plan.slot(**id), Some(Slot::Events(_))))
            .map(|id| index(*id))
            .collect();
        let instances = windows.in_order().map(|instance| SavedInstance {
            name: Cow::Borrowed(&*instance.name),
            made: instance.made,
            ended: instance.ended,
            blocks: blocks(instance),
            panes: order
                .iter()
                .zip(&sets)
                .enumerate()
                .filter_map(|(i, (at, set))| {
                    let panes = instance.panes[*at].as_ref()?;
                    Some(panes.save(&plan.pane_sets[*at], i as u16, &set.shape))
                })
                .collect(),
            logs: instance
                .logs
                .iter()
                .zip(&logs)
                .filter_map(|(log, metric)| {
                    let log = log.as_ref()?;
                    let event = |e: &'w (Millis, Box<str>)| (e.0, Cow::Borrowed(&*e.1));
                    let saved = SavedLog {
                        metric: *metric,
                        events: log.all().iter().map(event).collect(),
                        displaced: log.displaced().map(event),
                    };
                    (!saved.events.is_empty() || saved.displaced.is_some()).then_some(saved)
                })
                .collect(),
        });
        Saved {
            now: windows.now,
            warm_up: plan.settings().warm_up,
            counters: windows.counters,
            marks: windows.marks.all().to_vec(),
            metrics: metrics.collect(),
            groups: groups.collect(),
            instances: instances.collect(),
            sets,
        }
    }
}

fn blocks(instance: &Instance) -> Vec<SavedBlock<'_>> {
    let blocks = instance.blocks.iter().enumerate().filter_map(|(group, block)| {
        let block = block.as_ref()?;
        let columns = block.columns.iter().enumerate().map(|(at, column)| SavedColumn {
            newest: column.newest,
            folded: column.folded,
            ended: column.ended,
            cells: Cow::Borrowed(block.cells(at)),
        });
        Some(SavedBlock {
            group: group as u16,
            rows: block.len() as u32,
            times: Cow::Borrowed(block.times()),
            columns: columns.collect(),
        })
    });
    blocks.collect()
}

impl Windows {
    /// Writes all that these windows hold into sections [`WINDOWS`] and [`COLUMNS`]. Equal windows give equal bytes: neither the order in
    /// which samples arrived and instances were made nor the order of the rules shows.
    ///
    /// # Errors
    /// The snapshot has windows already.
    pub fn write(&self, plan: &Plan, writer: &mut Writer) -> Result<(), SnapshotError> {
        bytes::write(&Saved::of(self, plan), writer)
    }

    /// The windows that [`write`](Self::write) wrote. Under an equal plan they answer everything, now and after more samples, bit for bit as
    /// those did that were written. Handles of instances are not kept: [find](Self::find) them by name.
    ///
    /// Under another plan as much stays as it can use:
    ///
    /// - Metrics are told apart by name. Where kind or unit differ, also where the unit only has another factor, the data are dropped: nobody
    ///   can know whether the source changed or a mistake was put right, and no data are better than wrong ones.
    /// - Raw samples stay as far back as the new plan keeps them.
    /// - Panes stay where the new plan has a window of the same metric, length and crossing of marks. Functions that nobody asked for until
    ///   now are worked out for the panes whose raw samples are all there, and are not known for those before: windows that reach behind
    ///   them are as badly covered as those of a new task.
    /// - Other windows in panes begin with the raw samples that are there.
    /// - Panes that end at marks begin anew where the warm-up differs and a mark cut them.
    /// - Events stay, and so do marks, counters, latest times and ends.
    ///
    /// # Errors
    /// The sections are not there, of another version, or damaged in a way that their checksums do not show.
    pub fn read(plan: &Plan, reader: &Reader<'_>) -> Result<(Windows, Carried), SnapshotError> {
        Ok(carry::carry(&bytes::read(reader)?, plan))
    }

    /// The same windows under another plan, as [`write`](Self::write) and [`read`](Self::read) would give them, except that the handles of
    /// instances stay. Handles of metrics and aggregates are those of the new plan.
    #[must_use]
    pub fn rebind(self, old: &Plan, new: &Plan) -> (Windows, Carried) {
        let (mut windows, carried) = carry::carry(&Saved::of(&self, old), new);
        // Instances come out by name; they go where they were.
        let (slots, mut places) = (
            std::mem::take(&mut windows.by_name),
            std::mem::take(&mut windows.places),
        );
        let mut carried_instances = slots
            .iter()
            .filter_map(|s| places[*s as usize].instance.take())
            .peekable();
        windows.places = self.places.iter().map(Place::emptied).collect();
        windows.free = self.free;
        for slot in self.by_name {
            let name = self.places[slot as usize].instance.as_ref().map(|i| &i.name);
            match carried_instances.next_if(|instance| Some(&instance.name) == name) {
                Some(instance) => {
                    windows.places[slot as usize].instance = Some(instance);
                    windows.by_name.push(slot);
                }
                None => windows.retire(slot as usize),
            }
        }
        (windows, carried)
    }
}
