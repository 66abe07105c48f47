//! The short way to an answer: of windows whose rows all have a value, are enough and have no restart among them.

use super::{Question, Series};
use crate::metrics::instance::Instance;
use crate::metrics::kernels;
use crate::metrics::moment::{Located, Scratch};
use crate::metrics::parts::Passing;
use crate::metrics::plan::{Quick, Source};
use crate::undefined::Undefined;
use crate::units::Millis;

impl Question<'_> {
    /// The value for one instance where nothing stands in the way. Not finite where something does: the long way says what.
    #[inline]
    pub(in crate::metrics) fn quick(&self, place: u32, instance: &Instance, scratch: &mut Scratch) -> f64 {
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
            Quick::No => f64::NAN,
            Quick::Newest => self.newest(&series, scratch.shared.floor()),
            Quick::Values | Quick::Tested(_) | Quick::Rows => self.of_rows_at_once(&series, place, scratch),
        }
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

    /// The value of a window of rows.
    #[inline]
    fn of_rows_at_once(&self, series: &Series<'_>, place: u32, scratch: &mut Scratch) -> f64 {
        let prepared = self.prepared;
        let Scratch { shared, work, .. } = scratch;
        let Ok(located) = shared.located(prepared.frame, place, || self.locate_whole(series)) else {
            return f64::NAN;
        };
        let is_enough = located.last - located.first >= prepared.least
            && (prepared.required <= 0 || located.covered(series.block) >= prepared.required);
        if !is_enough {
            return f64::NAN;
        }
        let values = &series.cells()[located.first as usize..located.last as usize];
        match prepared.quick {
            Quick::Values => kernels::of_values(prepared.reduce, values, work),
            Quick::Tested(Passing { lo, hi, negate }) => kernels::of_tested(prepared.reduce, values, lo, hi, negate),
            _ if prepared.counts_resets && located.restarted => f64::NAN,
            _ => {
                let samples = located.samples(series.block, series.column);
                kernels::reduce(prepared.reduce, &samples, &located.frame, work).unwrap_or(f64::NAN)
            }
        }
    }

    #[inline(never)]
    pub(super) fn locate_whole(&self, series: &Series<'_>) -> Result<Located, Undefined> {
        Ok(self.locate(series, self.bounds()?))
    }
}
