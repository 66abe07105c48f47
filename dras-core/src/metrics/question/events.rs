//! Questions to events.

use super::{Question, Tally, finite};
use crate::metrics::answer::{SampleRef, SampleTest};
use crate::metrics::events::EventLog;
use crate::metrics::instance::Instance;
use crate::metrics::kernels;
use crate::metrics::plan::Source;
use crate::metrics::query::{Across, Reduce, Span, Test};
use crate::metrics::store::Windows;
use crate::undefined::Undefined;
use crate::units::Millis;

impl Question<'_> {
    /// The value of the events of one instance. Marks do not end windows of events: what went wrong before a restart is what the restart
    /// was for.
    pub(super) fn of_events(&self, log: &EventLog, mut test: Option<&mut SampleTest<'_>>) -> Result<f64, Undefined> {
        let bounds = self.edges();
        let events = self.limited(log.between(bounds.left, bounds.right));
        let none = self.why_no_event();
        if events.is_empty() {
            return of_no_events(self.prepared.asked.reduce, none);
        }
        let age = |event: &(Millis, Box<str>)| self.now.saturating_sub(event.0) as f64 / 1000.0;
        let mut passes = |text: &str| match (&self.aggregate().test, &mut test) {
            (None, _) => Some(true),
            (Some(Test::Text(test)), _) => Some(test.passes(text)),
            (Some(Test::Caller), Some(test)) => test(SampleRef::Text(text)),
            (Some(Test::Caller | Test::Within { .. }), _) => None,
        };
        if self.prepared.asked.reduce == Reduce::Age {
            let newest_first = events.iter().rev().map(|e| (&e.0, &*e.1));
            let age = self.age_of_passing(newest_first, passes);
            return age.map_err(|why| if why == Undefined::NoSample { none } else { why });
        }
        let mut tally = Tally::default();
        for (_, text) in events {
            tally.add(passes(text));
        }
        match self.prepared.asked.reduce {
            Reduce::AgeOfFirst => events.first().map(age).ok_or(none),
            // That nothing passed says something only if everything was seen.
            Reduce::Count | Reduce::Any if tally.passed + tally.unknown == 0 && none == Undefined::NotObserved => {
                Err(none)
            }
            Reduce::Count | Reduce::Any | Reduce::All | Reduce::Share => tally.value(self.prepared.asked.reduce),
            // The newest text is no number; `latest_text` has it.
            _ => Err(Undefined::NotANumber),
        }
    }

    /// The age of the first of `newest_first` that passes. One of which that is not known could be the newest that does.
    pub(super) fn age_of_passing<'s, T: ?Sized + 's>(
        &self,
        newest_first: impl Iterator<Item = (&'s Millis, &'s T)>,
        mut passes: impl FnMut(&T) -> Option<bool>,
    ) -> Result<f64, Undefined> {
        for (t, sample) in newest_first {
            match passes(sample) {
                Some(true) => return Ok(self.now.saturating_sub(*t) as f64 / 1000.0),
                Some(false) => {}
                None => return Err(Undefined::NotAvailable),
            }
        }
        Err(Undefined::NoSample)
    }

    /// The newest text that passes the test, if there is one.
    pub(in crate::metrics) fn latest_text<'i>(&self, instance: &'i Instance) -> Result<(Millis, &'i str), Undefined> {
        let Source::Events(slot) = self.prepared.source else {
            return Err(Undefined::NoSample);
        };
        let bounds = self.edges();
        let log = instance.logs[usize::from(slot)].as_ref();
        let events = log.map_or(&[][..], |l| l.between(bounds.left, bounds.right));
        let passes = |text: &str| !matches!(&self.aggregate().test, Some(Test::Text(test)) if !test.passes(text));
        let newest = self.limited(events).iter().rev().find(|e| passes(&e.1));
        newest.map(|e| (e.0, &*e.1)).ok_or_else(|| self.why_no_event())
    }

    /// The events that count: the last ones where the window is one of so many samples.
    pub(super) fn limited<'a>(&self, events: &'a [(Millis, Box<str>)]) -> &'a [(Millis, Box<str>)] {
        let count = match self.aggregate().window.span {
            Span::Latest => 1,
            Span::Last { count, .. } => count as usize,
            _ => usize::MAX,
        };
        &events[events.len().saturating_sub(count)..]
    }

    /// Why a window has no events: there were none, or nobody asked.
    pub(in crate::metrics) fn why_no_event(&self) -> Undefined {
        match self.prepared.source {
            Source::Events(slot) => self
                .windows
                .why_no_event(slot, self.prepared.staleness, self.edges().right),
            Source::Raw { .. } | Source::Panes { .. } => Undefined::NoSample,
        }
    }

    /// The value over instances where none has an event: as of one instance without events, but that of no instance there is nothing to count.
    pub(in crate::metrics) fn without_events(&self, across: Across, work: &mut Vec<f64>) -> Result<f64, Undefined> {
        let value = of_no_events(self.prepared.asked.reduce, self.why_no_event())?;
        match across {
            Across::Count => Ok(0.0),
            _ => finite(kernels::across(across, &[value], work), self.spec()),
        }
    }
}

impl Windows {
    /// Why a window up to `right` has no events: there were none, or nobody asked.
    #[inline]
    pub(in crate::metrics) fn why_no_event(&self, slot: u16, staleness: Millis, right: Millis) -> Undefined {
        let until = self.observed[usize::from(slot)];
        if until > Millis::MIN && until >= right.saturating_sub(staleness) {
            Undefined::NoSample
        } else {
            Undefined::NotObserved
        }
    }
}

/// The value of a window without events: zero where there is one. `none` says why there are none: nothing went wrong, or nobody asked.
#[inline]
pub(in crate::metrics) fn of_no_events(reduce: Reduce, none: Undefined) -> Result<f64, Undefined> {
    match reduce {
        Reduce::Count | Reduce::Any if none != Undefined::NotObserved => Ok(0.0),
        Reduce::Count | Reduce::Any | Reduce::Age | Reduce::AgeOfFirst | Reduce::All | Reduce::Share => Err(none),
        // The newest text is no number; `latest_text` has it.
        _ => Err(Undefined::NotANumber),
    }
}
