//! Questions over all instances, and which of them count.

use super::{Question, Rows, Series, finite};
use crate::metrics::answer::SampleTest;
use crate::metrics::instance::Instance;
use crate::metrics::kernels;
use crate::metrics::moment::{Live, Scratch};
use crate::metrics::plan::{Plan, Source};
use crate::metrics::query::{Across, Reduce};
use crate::undefined::Undefined;
use crate::units::Millis;

impl<'q> Question<'q> {
    /// The value over the instances that are live, in the order of their names.
    pub(in crate::metrics) fn reduced(
        &self,
        live: Live,
        across: Across,
        expected: Option<u32>,
        mut test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
        rows: &mut Rows<'q>,
    ) -> Result<f64, Undefined> {
        let events = matches!(self.prepared.source, Source::Events(_));
        if events && live.range().is_empty() {
            return self.without_events(across, &mut scratch.work);
        }
        let mut values = std::mem::take(&mut scratch.across);
        values.clear();
        let mut reason: Option<Undefined> = None;
        let mut alike = true;
        for at in live.range() {
            let place = scratch.shared.place(at);
            let Some(instance) = self.windows.instance_at(place) else {
                continue;
            };
            // Not `as_deref_mut`: the test's own lifetime has to become shorter, too.
            #[expect(clippy::manual_map, reason = "the closure of `map` keeps the longer lifetime")]
            let test = match &mut test {
                Some(test) => Some(&mut **test),
                None => None,
            };
            match self.value(place, instance, test, scratch, rows) {
                Ok(value) => values.push(value),
                Err(why) => {
                    alike &= reason.is_none_or(|r| std::mem::discriminant(&r) == std::mem::discriminant(&why));
                    reason = Some(reason.map_or(why, |r| r.min(why)));
                }
            }
        }
        let live = live.range().len() as u32;
        let counts_instances = across == Across::Count && !self.is_truth();
        let mut of_values = |values: &[f64]| {
            if counts_instances {
                return Ok(values.len() as f64);
            }
            finite(kernels::across(across, values, &mut scratch.work), self.spec())
        };
        let have = values.len() as u32;
        let result = if live == 0 {
            Err(self.why_not_live())
        } else {
            // An instance none of whose events is in the window says nothing about the others.
            let expected = if events || counts_instances {
                1
            } else {
                expected.unwrap_or(0).max(live)
            };
            match reason {
                Some(why) if have == 0 && alike => Err(why),
                _ if have == 0 || f64::from(have) < self.plan.settings().min_instances * f64::from(expected) => {
                    Err(Undefined::Instances { have, expected })
                }
                _ => of_values(&values),
            }
        };
        scratch.across = values;
        result
    }

    /// Whether the value is a truth value.
    pub(super) fn is_truth(&self) -> bool {
        matches!(self.prepared.asked.reduce, Reduce::All | Reduce::Any)
    }

    /// Whether the instance counts for aggregates over instances.
    pub(in crate::metrics) fn is_live(&self, instance: &Instance) -> bool {
        is_live(
            self.plan,
            instance,
            self.prepared.source,
            self.prepared.staleness,
            self.at,
        )
    }

    /// Why no instance does.
    pub(super) fn why_not_live(&self) -> Undefined {
        let there = self
            .windows
            .in_order()
            .filter(|i| !has_ended(i, self.prepared.source, self.at));
        match there
            .filter_map(|i| newest(self.plan, i, self.prepared.source, self.at))
            .max()
        {
            Some(t) => Undefined::Stale {
                age: self.at.saturating_sub(t),
                limit: self.prepared.staleness,
            },
            None => Undefined::NoInstance,
        }
    }
}

/// The time of the newest sample at or before `at`, as far as it is known.
fn newest(plan: &Plan, instance: &Instance, source: Source, at: Millis) -> Option<Millis> {
    match source {
        Source::Raw { group, column } => instance.blocks[usize::from(group)]
            .as_ref()?
            .newest_upto(usize::from(column), at),
        Source::Panes { group, column, set, .. } => {
            let raw = instance.blocks[usize::from(group)]
                .as_ref()?
                .newest_upto(usize::from(column), at);
            let set = usize::from(set);
            raw.or_else(|| instance.panes[set].as_ref()?.newest_upto(&plan.pane_sets[set], at))
        }
        Source::Events(slot) => {
            let events = instance.logs[usize::from(slot)].as_ref()?.between(Millis::MIN, at);
            events.last().map(|e| e.0)
        }
    }
}

/// Whether the series had ended at `at`.
fn has_ended(instance: &Instance, source: Source, at: Millis) -> bool {
    match source {
        Source::Raw { group, column } | Source::Panes { group, column, .. } => {
            Series::new(instance, group, column).is_ok_and(|s| s.has_ended(at))
        }
        Source::Events(_) => false,
    }
}

/// Whether the series counts for aggregates over instances at `at`.
pub(in crate::metrics) fn is_live(
    plan: &Plan,
    instance: &Instance,
    source: Source,
    staleness: Millis,
    at: Millis,
) -> bool {
    if let Source::Events(slot) = source {
        return instance.logs[usize::from(slot)]
            .as_ref()
            .is_some_and(|l| !l.all().is_empty());
    }
    newest(plan, instance, source, at).is_some_and(|t| at.saturating_sub(t) <= staleness)
        && !has_ended(instance, source, at)
}
