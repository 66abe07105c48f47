//! Saved windows as sections, and what is checked before anything is made of them.

use super::{COLUMNS, Saved, SavedBlock, SavedColumn, SavedInstance, SavedLog, VERSION, WINDOWS};
use crate::metrics::block::is_sample;
use crate::metrics::catalogue::Kind;
use crate::metrics::ingest::MAX_NAME_BYTES;
use crate::metrics::marks::MAX_MARKS;
use crate::metrics::panes::SavedPanes;
use crate::snapshot::{ArrayReader, ArrayWriter, Reader, SectionKind, SnapshotError, Writer};
use crate::units::Millis;

/// The most samples that the counters and the panes of one window can speak of: far more than any task has, and nothing overflows.
const MAX_COUNT: u64 = 1 << 56;
const MAX_PANE_SAMPLES: u64 = 1 << 31;

pub(super) fn write(saved: &Saved<'_>, writer: &mut Writer) -> Result<(), SnapshotError> {
    let mut columns = ArrayWriter::new();
    for instance in &saved.instances {
        for block in &instance.blocks {
            columns.i64s(&block.times);
            let mut times = |of: fn(&SavedColumn<'_>) -> Millis| {
                columns.i64s(&block.columns.iter().map(of).collect::<Vec<Millis>>());
            };
            times(|c| c.newest);
            times(|c| c.folded);
            times(|c| c.ended);
            for column in &block.columns {
                columns.f64s(&column.cells);
            }
        }
        for panes in &instance.panes {
            columns.u32s(&panes.samples);
            columns.u32s(&panes.covered);
            for column in &panes.columns {
                columns.f64s(column);
            }
        }
    }
    writer.value(WINDOWS, VERSION, saved)?;
    writer.section(COLUMNS, VERSION, columns.bytes())
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Saved<'static>, SnapshotError> {
    let mut saved: Saved<'static> = reader.required_value(WINDOWS, VERSION)?;
    check_head(&saved)?;
    let mut columns = ArrayReader::new(COLUMNS, reader.required(COLUMNS, VERSION)?.bytes);
    let mut instances = std::mem::take(&mut saved.instances);
    for instance in &mut instances {
        for block in &mut instance.blocks {
            read_block(&saved, block, &mut columns)?;
        }
        for panes in &mut instance.panes {
            read_panes(&saved, panes, &mut columns)?;
        }
    }
    saved.instances = instances;
    columns.finish()?;
    Ok(saved)
}

fn sane(section: SectionKind, holds: bool, problem: &'static str) -> Result<(), SnapshotError> {
    if holds {
        Ok(())
    } else {
        Err(SnapshotError::Inconsistent { section, problem })
    }
}

fn at_most(section: SectionKind, what: &'static str, found: u64, most: u64) -> Result<(), SnapshotError> {
    if found <= most {
        Ok(())
    } else {
        Err(SnapshotError::TooLarge {
            section,
            what,
            found,
            most,
        })
    }
}

/// Everything but the numbers in columns.
fn check_head(saved: &Saved<'_>) -> Result<(), SnapshotError> {
    at_most(WINDOWS, "metrics", saved.metrics.len() as u64, u64::from(u16::MAX))?;
    at_most(WINDOWS, "marks", saved.marks.len() as u64, MAX_MARKS as u64)?;
    at_most(WINDOWS, "samples counted", saved.counters.most(), MAX_COUNT)?;
    let sane = |holds, problem| sane(WINDOWS, holds, problem);
    sane(
        saved.metrics.is_sorted_by(|a, b| a.name < b.name),
        "its metrics are not sorted by name",
    )?;
    sane(saved.marks.is_sorted_by(|a, b| a < b), "its marks are not sorted")?;
    let kind = |metric: u16| saved.metrics.get(usize::from(metric)).map(|m| m.kind);
    let mut grouped = vec![false; saved.metrics.len()];
    for metric in saved.groups.iter().flat_map(|g| &g.metrics) {
        let numbers = matches!(kind(*metric), Some(Kind::Gauge | Kind::Counter));
        sane(numbers, "a group has a metric that is none of numbers")?;
        let seen = std::mem::replace(&mut grouped[usize::from(*metric)], true);
        sane(!seen, "a metric is in two groups")?;
    }
    sane(
        saved.sets.is_sorted_by(|a, b| key(a) < key(b)),
        "its windows in panes are not sorted",
    )?;
    for set in &saved.sets {
        let known = grouped.get(usize::from(set.metric)) == Some(&true);
        sane(known, "a window in panes is one of an unknown metric")?;
        sane(set.width > 0, "a pane has no width")?;
        sane(set.shape.is_sorted(), "the parts of a window in panes are not sorted")?;
    }
    sane(
        saved.instances.is_sorted_by(|a, b| a.name < b.name),
        "its instances are not sorted by name",
    )?;
    saved.instances.iter().try_for_each(|i| check_instance(saved, i))
}

fn key(set: &super::SavedSet) -> (u16, Millis, bool) {
    (set.metric, set.width, set.across_marks)
}

fn check_instance(saved: &Saved<'_>, instance: &SavedInstance<'_>) -> Result<(), SnapshotError> {
    let name_bytes = instance.name.len() as u64;
    at_most(
        WINDOWS,
        "bytes in the name of an instance",
        name_bytes,
        MAX_NAME_BYTES as u64,
    )?;
    let sane = |holds, problem| sane(WINDOWS, holds, problem);
    let SavedInstance {
        blocks, panes, logs, ..
    } = instance;
    sane(
        blocks.is_sorted_by(|a, b| a.group < b.group)
            && blocks.last().is_none_or(|b| usize::from(b.group) < saved.groups.len()),
        "rows are not those of its groups in their order",
    )?;
    sane(
        panes.is_sorted_by(|a, b| a.set < b.set) && panes.last().is_none_or(|p| usize::from(p.set) < saved.sets.len()),
        "panes are not those of its windows in their order",
    )?;
    sane(
        logs.is_sorted_by(|a, b| a.metric < b.metric),
        "events are not sorted by metric",
    )?;
    logs.iter().try_for_each(|log| check_log(saved, log))
}

fn check_log(saved: &Saved<'_>, log: &SavedLog<'_>) -> Result<(), SnapshotError> {
    let metric = saved.metrics.get(usize::from(log.metric));
    let is_event = metric.is_some_and(|m| m.kind == Kind::Event);
    sane(WINDOWS, is_event, "events are those of a metric of numbers")?;
    let all = log.displaced.iter().chain(&log.events);
    sane(WINDOWS, all.is_sorted_by(|a, b| a < b), "events are not sorted by time")
}

fn read_block(
    saved: &Saved<'_>,
    block: &mut SavedBlock<'_>,
    columns: &mut ArrayReader<'_>,
) -> Result<(), SnapshotError> {
    let (rows, count) = (
        block.rows as usize,
        saved.groups[usize::from(block.group)].metrics.len(),
    );
    let times = columns.i64s(rows)?;
    let rising = times.is_sorted_by(|a, b| a < b) && times.first() != Some(&Millis::MIN);
    sane(COLUMNS, rising, "the times of rows do not rise")?;
    let (newest, folded, ended) = (columns.i64s(count)?, columns.i64s(count)?, columns.i64s(count)?);
    for ((newest, folded), ended) in newest.into_iter().zip(folded).zip(ended) {
        let cells = columns.f64s(rows)?;
        let last = cells.iter().rposition(|c| is_sample(*c)).map(|row| times[row]);
        sane(
            COLUMNS,
            last <= Some(newest),
            "a series has a sample after its newest one",
        )?;
        block.columns.push(SavedColumn {
            newest,
            folded,
            ended,
            cells: cells.into(),
        });
    }
    block.times = times.into();
    Ok(())
}

fn read_panes(saved: &Saved<'_>, panes: &mut SavedPanes, columns: &mut ArrayReader<'_>) -> Result<(), SnapshotError> {
    let (count, set) = (panes.panes as usize, &saved.sets[usize::from(panes.set)]);
    panes.samples = columns.u32s(count)?;
    panes.covered = columns.u32s(count)?;
    let samples = panes.samples.iter().copied().map(u64::from).sum();
    at_most(COLUMNS, "samples in panes", samples, MAX_PANE_SAMPLES)?;
    let is_empty = |i: usize| panes.samples[i] == 0 && panes.covered[i] == 0;
    let bounded = panes.samples.last().is_some_and(|n| *n > 0) && !is_empty(0) && panes.last > Millis::MIN;
    sane(COLUMNS, bounded, "the first or last pane is empty")?;
    let per_column = panes.since.is_empty() || panes.since.len() == set.shape.columns();
    sane(
        WINDOWS,
        per_column,
        "panes do not say of each part since when it is known",
    )?;
    for _ in 0..set.shape.columns() {
        panes.columns.push(columns.f64s(count)?);
    }
    Ok(())
}
