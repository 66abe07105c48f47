//! What the windows say: the answers to the aggregates that rules ask for.

use super::catalogue::MetricId;
use super::instance::Instance;
use super::moment::Scratch;
use super::plan::{Plan, Slot, Source};
use super::query::{Across, AggregateId};
use super::question::{Question, is_live, values};
use super::store::{InstanceId, Windows};
use crate::undefined::Undefined;
use crate::units::Millis;

/// One sample that a test of the caller's is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SampleRef<'a> {
    /// The value of a metric of numbers, in seconds, bytes or plain numbers.
    Number(f64),
    /// The text of an event.
    Text(&'a str),
}

/// A test that only the caller can make ([`Test::Caller`](super::query::Test::Caller)): whether a sample passes, or `None` where that is
/// undefined.
pub type SampleTest<'a> = dyn FnMut(SampleRef<'_>) -> Option<bool> + 'a;

impl Windows {
    /// The value of one aggregate for one instance at `now`, which should not lie before the latest time seen. `test` is asked where the
    /// aggregate's test is [`Test::Caller`](super::query::Test::Caller); where it says `None`, `all` and `any` are three-valued (one sample
    /// that fails decides `all`) and `count` and `share` are undefined, with reason [`Undefined::NotAvailable`].
    ///
    /// Windows of many samples are answered from panes: exact at the right edge, and up to a 64th longer at the left. With an offset they
    /// end with a whole pane.
    ///
    /// # Errors
    /// Why there is no value.
    pub fn aggregate(
        &self,
        plan: &Plan,
        id: AggregateId,
        instance: InstanceId,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        self.at(plan, now, scratch).aggregate(id, instance, test)
    }

    /// The value of one aggregate over all live instances, in the order of their names: first each for itself, then together. Of the
    /// instances that are expected (`expected`, or those that are live if they are more) at least
    /// [`min_instances`](super::settings::WindowSettings::min_instances) must have a value. Where none has and all for one reason, it is
    /// that reason.
    ///
    /// [`Across::Count`] is the number of instances with a value, however few they are; of truth values ([`Reduce::All`](super::query::Reduce::All),
    /// [`Reduce::Any`](super::query::Reduce::Any)) the number of those where it is true.
    ///
    /// Events count for all instances that have any, live or not, and no share of them must have a value; where there are none but they were
    /// asked for, the answer is that of one instance without events.
    ///
    /// # Errors
    /// Why there is no value.
    #[expect(
        clippy::too_many_arguments,
        reason = "a question over instances has this many parts, each of its own type"
    )]
    pub fn reduced(
        &self,
        plan: &Plan,
        id: AggregateId,
        across: Across,
        expected: Option<u32>,
        now: Millis,
        test: Option<&mut SampleTest<'_>>,
        scratch: &mut Scratch,
    ) -> Result<f64, Undefined> {
        self.at(plan, now, scratch).reduced(id, across, expected, test)
    }

    /// The newest text in the window of an event aggregate, with its time; of those that pass its test if that is a
    /// [`Test::Text`](super::query::Test::Text). Of two texts of one time it is the later in the order of their bytes.
    ///
    /// # Errors
    /// Why there is none; [`Undefined::NoSample`] also where the metric has no events but numbers.
    pub fn latest_text(
        &self,
        plan: &Plan,
        id: AggregateId,
        instance: InstanceId,
        now: Millis,
    ) -> Result<(Millis, &str), Undefined> {
        let question = Question::new(self, plan, id, now).ok_or(Undefined::NoInstance)?;
        let instance = self.get(instance).ok_or(Undefined::NoInstance)?;
        question.latest_text(instance)
    }

    /// Why the window of an event aggregate has no text where no instance has any: nobody asked, or there were none.
    pub fn why_no_text(&self, plan: &Plan, id: AggregateId, now: Millis) -> Undefined {
        Question::new(self, plan, id, now).map_or(Undefined::NoInstance, |question| question.why_no_event())
    }

    /// The instances of which `metric` is live at `now`, by name: not ended, and the newest sample (also one that says "not available")
    /// within the metric's staleness. Of an event metric all that have events.
    pub fn live(&self, plan: &Plan, metric: MetricId, now: Millis) -> impl Iterator<Item = InstanceId> {
        let source = match plan.slot(metric) {
            Some(Slot::Column { group, column }) => Some(Source::Raw { group, column }),
            Some(Slot::Events(slot)) => Some(Source::Events(slot)),
            Some(Slot::Unused) | None => None,
        };
        self.instances().filter(move |id| {
            let series = source.zip(self.get(*id));
            series.is_some_and(|(source, instance)| {
                is_live(plan, instance, source, plan.catalogue().spec(metric).staleness, now)
            })
        })
    }

    /// The raw samples of one series with their values in seconds, bytes or plain numbers, by time; for plots. Older samples than
    /// [`Plan::retention`] need not be there.
    pub fn samples(&self, plan: &Plan, instance: InstanceId, metric: MetricId) -> impl Iterator<Item = (Millis, f64)> {
        let series = match plan.slot(metric) {
            Some(Slot::Column { group, column }) => self
                .get(instance)
                .and_then(|i| i.blocks[usize::from(group)].as_ref())
                .map(|b| (b, usize::from(column))),
            _ => None,
        };
        series
            .into_iter()
            .flat_map(|(block, column)| values(block, column, 0, block.len()))
    }

    /// The events of one series, by time; for plots.
    pub fn events(&self, plan: &Plan, instance: InstanceId, metric: MetricId) -> impl Iterator<Item = (Millis, &str)> {
        let log = match plan.slot(metric) {
            Some(Slot::Events(slot)) => self.get(instance).and_then(|i| i.logs[usize::from(slot)].as_ref()),
            _ => None,
        };
        log.into_iter().flat_map(|l| l.all().iter().map(|e| (e.0, &*e.1)))
    }

    /// All instances, by name.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Instance> {
        self.instances().filter_map(|id| self.get(id))
    }
}
