//! The short way to an answer: of windows whose rows all have a value, are enough and have no restart among them.

use super::{Question, Series};
use crate::metrics::instance::Instance;
use crate::metrics::kernels;
use crate::metrics::moment::{Located, Scratch, Shared};
use crate::metrics::plan::{NO_ROWS, Prepared, Quick, Source};
use crate::metrics::store::InstanceId;
use crate::undefined::Undefined;
use crate::units::Millis;

/// The rows of a window at a look. Of one window often several things are asked in a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::metrics) struct Rows<'w> {
    /// Of which [`Prepared::rows`] they are.
    key: u64,
    instance: Option<InstanceId>,
    values: &'w [f64],
    /// What they cover; negative where nobody asked.
    covered: Millis,
}

impl<'w> Rows<'w> {
    /// Those of no window.
    pub(in crate::metrics) const NONE: Rows<'static> = Rows {
        key: NO_ROWS,
        instance: None,
        values: &[],
        covered: -1,
    };

    /// The values of an aggregate's window, if they are these and enough.
    #[inline]
    pub(in crate::metrics) fn of(&self, prepared: &Prepared, instance: InstanceId) -> Option<&'w [f64]> {
        let is_it = self.key == prepared.rows && self.instance == Some(instance);
        let suffice = self.values.len() >= prepared.least as usize
            && (prepared.required <= 0 || self.covered >= prepared.required);
        (is_it && suffice).then_some(self.values)
    }
}

impl<'q> Question<'q> {
    /// The value for one instance where nothing stands in the way. Not finite where something does: the long way says what. `rows` are those
    /// of an earlier question of this look.
    #[inline(always)]
    pub(in crate::metrics) fn quick(
        &self,
        place: u32,
        instance: &'q Instance,
        scratch: &mut Scratch,
        rows: &mut Rows<'q>,
    ) -> f64 {
        let prepared = self.prepared;
        let Source::Raw { group, column } = prepared.source else {
            return f64::NAN;
        };
        let Some(block) = &instance.blocks[usize::from(group)] else {
            return f64::NAN;
        };
        let column = usize::from(column);
        if !block.is_whole(column) {
            return f64::NAN;
        }
        let series = Series {
            instance,
            block,
            column,
        };
        match prepared.quick {
            Quick::No | Quick::NoEvents => return f64::NAN,
            Quick::Newest => return self.newest(&series, scratch.shared.floor()),
            Quick::Values | Quick::Rows | Quick::Steps => {}
        }
        let Scratch { shared, work, .. } = scratch;
        let Some(located) = self.sufficing(&series, place, shared) else {
            return f64::NAN;
        };
        if prepared.quick != Quick::Values {
            return self.of_located(&series, located, work);
        }
        *rows = Rows {
            key: prepared.rows,
            instance: Some(self.windows.id(place)),
            values: &series.cells()[located.first as usize..located.last as usize],
            covered: located.covered,
        };
        prepared.asked.answer(self.plan.level, rows.values, work)
    }

    /// The value of rows with their times.
    #[inline(never)]
    fn of_located(&self, series: &Series<'_>, located: &Located, work: &mut Vec<f64>) -> f64 {
        let prepared = self.prepared;
        if located.restarted && prepared.quick == Quick::Steps {
            return f64::NAN;
        }
        let samples = located.samples(series.block, series.column);
        let (level, reduce) = (self.plan.level, prepared.asked.reduce);
        kernels::reduce_at(level, reduce, &samples, &located.frame, work).unwrap_or(f64::NAN)
    }

    /// The value of the newest row, if it is fresh.
    #[inline]
    fn newest(&self, series: &Series<'_>, floor: Millis) -> f64 {
        let (times, cells) = (series.block.times(), series.cells());
        let ([.., t], [.., value]) = (times, cells) else {
            return f64::NAN;
        };
        let is_fresh = *t <= self.at && self.at.saturating_sub(*t) <= self.prepared.staleness;
        let counts = self.prepared.across_marks || *t > floor;
        let column = &series.block.columns[series.column];
        if is_fresh && counts && !column.has_ended(series.instance.ended, self.at, || Some(*t)) {
            *value
        } else {
            f64::NAN
        }
    }

    /// Where the window lies, if its rows are enough.
    #[inline(always)]
    fn sufficing<'s>(&self, series: &Series<'_>, place: u32, shared: &'s mut Shared) -> Option<&'s Located> {
        let prepared = self.prepared;
        let locate = |into: &mut Located| self.locate_whole(series, into);
        let located = shared.located(prepared.frame, place, locate).ok()?;
        let is_enough = located.last - located.first >= prepared.least
            && (prepared.required <= 0 || located.covered(series.block) >= prepared.required);
        is_enough.then_some(located)
    }

    /// Says where the window lies among rows that each have a value.
    #[inline(never)]
    pub(super) fn locate_whole(&self, series: &Series<'_>, into: &mut Located) -> Result<(), Undefined> {
        let bounds = self.bounds()?;
        *into = self.locate(series, bounds);
        Ok(())
    }
}
