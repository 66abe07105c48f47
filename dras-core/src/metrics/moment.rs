//! Many questions at one moment: what they share is worked out once.

use super::answer::SampleTest;
use super::catalogue::MetricId;
use super::instance::Instance;
use super::kernels::Frame;
use super::plan::{Plan, Prepared, Quick, Source};
use super::query::{Across, AggregateId};
use super::question::{Bounds, Question, Rows, of_no_events};
use super::store::{InstanceId, Windows};
use crate::undefined::Undefined;
use crate::units::Millis;

/// Room for the samples of a question, and for what the questions at one moment share. Reuse one for many questions and tasks: it keeps what
/// it has allocated.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pub(super) times: Vec<Millis>,
    pub(super) values: Vec<f64>,
    pub(super) starts: Vec<Millis>,
    pub(super) work: Vec<f64>,
    pub(super) across: Vec<f64>,
    pub(super) shared: Shared,
}

impl Scratch {
    /// Empty room.
    pub fn new() -> Scratch {
        Scratch::default()
    }
}

/// What the questions at one moment share.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// Another one for every moment: what has other ones counts as empty.
    stamp: u64,
    places: usize,
    /// For each frame of the plan and each place where its rows are.
    located: Vec<(u64, Located)>,
    /// The newest mark plus warm-up; [`Millis::MIN`] without one.
    floor: Millis,
    /// The moment that `present` and the beginning of `pool` are about.
    surveyed: u64,
    /// For each metric what there is of it.
    present: Vec<Present>,
    /// For each metric room for all places, of which the first ones hold those of which it is live, in the order of their names; then those that
    /// questions about other times found.
    pool: Vec<u32>,
}

/// What there is of a metric.
#[derive(Debug, Clone, Copy)]
struct Present {
    /// Of how many places it is live.
    live: u32,
    /// Its newest sample among those that have not ended; [`Millis::MIN`] where there is none.
    newest: Millis,
}

impl Present {
    const NOWHERE: Present = Present {
        live: 0,
        newest: Millis::MIN,
    };
}

/// Where a window lies among the rows of an instance, for columns that have a value in each of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located {
    pub(super) bounds: Bounds,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Whether the row before the first is the anchor.
    pub(super) anchored: bool,
    /// Whether the task restarted between its samples.
    pub(super) restarted: bool,
    /// Its edges; the left one is where coverage counts from.
    pub(super) frame: Frame,
    /// What the samples cover; negative where nobody asked yet.
    pub(super) covered: Millis,
}

impl Located {
    const NOWHERE: Located = Located {
        bounds: Bounds::NOWHERE,
        first: 0,
        last: 0,
        anchored: false,
        restarted: false,
        frame: Frame {
            start: 0,
            end: 0,
            now: 0,
            max_gap: 0,
        },
        covered: -1,
    };
}

/// The places of which a metric is live, in the order of their names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    first: u32,
    count: u32,
}

impl Live {
    /// Where they stand in the pool.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.count) as usize
    }
}

impl Shared {
    /// Forgets everything.
    fn begin(&mut self, windows: &Windows, plan: &Plan, now: Millis) {
        self.stamp += 1;
        self.places = windows.places.len();
        let located = plan.frames * self.places;
        if self.located.len() < located {
            self.located.resize(located, (0, Located::NOWHERE));
        }
        let mark = windows.marks.newest_upto(now);
        self.floor = mark.map_or(Millis::MIN, |mark| mark.saturating_add(plan.settings().warm_up));
    }

    /// The newest mark plus warm-up; [`Millis::MIN`] without one.
    pub(super) fn floor(&self) -> Millis {
        self.floor
    }

    /// Where a window lies at a place; `locate` says where, once.
    #[inline]
    pub(super) fn located(
        &mut self,
        frame: u32,
        place: u32,
        locate: impl FnOnce(&mut Located) -> Result<(), Undefined>,
    ) -> Result<&mut Located, Undefined> {
        let entry = &mut self.located[frame as usize * self.places + place as usize];
        if entry.0 != self.stamp {
            locate(&mut entry.1)?;
            entry.0 = self.stamp;
        }
        Ok(&mut entry.1)
    }

    pub(super) fn place(&self, at: usize) -> u32 {
        self.pool[at]
    }

    /// What there is of a metric at the moment. The first question looks at all series, once.
    #[inline]
    fn present(&mut self, windows: &Windows, plan: &Plan, now: Millis, metric: MetricId) -> Present {
        if self.surveyed != self.stamp {
            self.survey(windows, plan, now);
        }
        self.present[metric.index()]
    }

    #[inline(never)]
    fn survey(&mut self, windows: &Windows, plan: &Plan, now: Millis) {
        self.surveyed = self.stamp;
        self.present.clear();
        self.present.resize(plan.catalogue().len(), Present::NOWHERE);
        self.pool.resize(plan.catalogue().len() * self.places, 0);
        for (place, instance) in windows.by_place() {
            for (group, block) in plan.groups.iter().zip(&instance.blocks) {
                let Some(block) = block else { continue };
                for (at, column) in group.columns.iter().enumerate() {
                    // As `question::is_live` has it, for all metrics in one go.
                    let Some(newest) = block.newest_upto(at, now) else {
                        continue;
                    };
                    if block.columns[at].has_ended(instance.ended, now, || Some(newest)) {
                        continue;
                    }
                    let present = &mut self.present[column.metric.index()];
                    present.newest = present.newest.max(newest);
                    if now.saturating_sub(newest) <= column.staleness {
                        self.pool[column.metric.index() * self.places + present.live as usize] = place;
                        present.live += 1;
                    }
                }
            }
            for (events, log) in plan.events.iter().zip(&instance.logs) {
                if log.as_ref().is_some_and(|log| !log.all().is_empty()) {
                    let present = &mut self.present[events.metric.index()];
                    self.pool[events.metric.index() * self.places + present.live as usize] = place;
                    present.live += 1;
                }
            }
        }
    }
}

/// The windows of one task at one moment: for many questions, which share what they have in common, where a window lies and how well it is
/// covered for example. Every answer is that of [`Windows::aggregate`] or [`Windows::reduced`], to the bit.
///
/// ```
/// use dras_core::metrics::{
///     Across, Aggregate, Catalogue, MetricSpec, Plan, Reduce, Scratch, Window, WindowSettings, Windows,
/// };
///
/// let catalogue = Catalogue::new(vec![MetricSpec::new("cpu").with_interval(15_000)])?;
/// let cpu = catalogue.id("cpu").ok_or("no such metric")?;
/// let ask = |reduce| Aggregate { metric: cpu, window: Window::sliding(60_000), reduce, test: None };
/// let plan = Plan::new(catalogue, vec![ask(Reduce::Avg), ask(Reduce::Max)], WindowSettings::default())?;
/// let mut windows = Windows::new(&plan);
/// let tm = windows.instance(&plan, "tm-1")?;
/// let now = 1_800_000_000_000;
/// for (age, value) in [(60_000, 0.4), (45_000, 0.5), (30_000, 0.7), (15_000, 0.9), (0, 0.7)] {
///     windows.row(&plan, now, tm, now - age, &[(cpu, value)])?;
/// }
/// let mut scratch = Scratch::new();
/// let mut moment = windows.at(&plan, now, &mut scratch);
/// let answers: Result<Vec<f64>, _> = plan.ids().map(|id| moment.reduced(id, Across::Avg, None, None)).collect();
/// assert_eq!(answers, Ok(vec![0.7, 0.9]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Moment<'w, 's> {
    windows: &'w Windows,
    plan: &'w Plan,
    now: Millis,
    scratch: &'s mut Scratch,
    /// Those of the newest question that was a pass over values.
    rows: Rows<'w>,
}

impl Windows {
    /// These windows at `now`, which should not lie before the latest time seen.
    pub fn at<'w, 's>(&'w self, plan: &'w Plan, now: Millis, scratch: &'s mut Scratch) -> Moment<'w, 's> {
        scratch.shared.begin(self, plan, now);
        Moment {
            windows: self,
            plan,
            now,
            scratch,
            rows: Rows::NONE,
        }
    }
}

impl<'w> Moment<'w, '_> {
    /// As [`Windows::aggregate`].
    ///
    /// # Errors
    /// Why there is no value.
    pub fn aggregate(
        &mut self,
        id: AggregateId,
        instance: InstanceId,
        test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let prepared = self.plan.prepared(id).ok_or(Undefined::NoInstance)?;
        if let Some(values) = self.rows.of(prepared, instance) {
            let value = prepared.asked.answer(self.plan.level, values, &mut self.scratch.work);
            if value.is_finite() {
                return Ok(value);
            }
        }
        self.aggregate_anew(id, instance, test)
    }

    /// The same, whatever was asked before.
    #[inline(never)]
    fn aggregate_anew(
        &mut self,
        id: AggregateId,
        instance: InstanceId,
        test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let question = self.question(id)?;
        let place = self.windows.get(instance).ok_or(Undefined::NoInstance)?;
        question.value(instance.place(), place, test, self.scratch, &mut self.rows)
    }

    /// As [`Windows::reduced`].
    ///
    /// # Errors
    /// Why there is no value.
    pub fn reduced(
        &mut self,
        id: AggregateId,
        across: Across,
        expected: Option<u32>,
        test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let plan = self.plan;
        let prepared = plan.prepared(id).ok_or(Undefined::NoInstance)?;
        if !prepared.of_now {
            return self.reduced_anyway(id, across, expected, test);
        }
        let present = self.present(prepared.metric);
        match present.live {
            0 => self.of_nobody(id, prepared, present, across),
            1 => self.of_one(id, prepared, across, expected, test),
            _ => self.reduced_anyway(id, across, expected, test),
        }
    }

    /// The answer where the metric is live nowhere: many metrics that rules ask for are not there.
    #[inline]
    fn of_nobody(
        &mut self,
        id: AggregateId,
        prepared: &Prepared,
        present: Present,
        across: Across,
    ) -> Result<f64, Undefined> {
        match prepared.source {
            // Zero over instances is zero again, but for a quantile that there is none of.
            Source::Events(slot) if prepared.quick == Quick::NoEvents && !matches!(across, Across::Quantile(_)) => {
                let why = self.windows.why_no_event(slot, prepared.staleness, self.now);
                of_no_events(prepared.asked.reduce, why)
            }
            Source::Events(_) => self.question(id)?.without_events(across, &mut self.scratch.work),
            Source::Raw { .. } | Source::Panes { .. } if present.newest > Millis::MIN => Err(Undefined::Stale {
                age: self.now.saturating_sub(present.newest),
                limit: prepared.staleness,
            }),
            Source::Raw { .. } | Source::Panes { .. } => Err(Undefined::NoInstance),
        }
    }

    /// The answer where the metric is live in one place, the usual case: it is that of the place, most often.
    #[inline]
    fn of_one(
        &mut self,
        id: AggregateId,
        prepared: &Prepared,
        across: Across,
        expected: Option<u32>,
        test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let is_its = matches!(across, Across::Avg | Across::Min | Across::Max | Across::Sum);
        let enough = expected.is_none_or(|n| 1.0 >= self.plan.settings().min_instances * f64::from(n));
        let place = self
            .scratch
            .shared
            .place(prepared.metric.index() * self.scratch.shared.places);
        if is_its
            && enough
            && let Some(instance) = self.windows.instance_at(place)
        {
            let value = match self.rows.of(prepared, self.windows.id(place)) {
                Some(values) => prepared.asked.answer(self.plan.level, values, &mut self.scratch.work),
                None => self.question(id)?.quick(place, instance, self.scratch, &mut self.rows),
            };
            if value.is_finite() {
                // Adding +0 as a sum does.
                return Ok(value + 0.0);
            }
        }
        self.reduced_anyway(id, across, expected, test)
    }

    /// The answer over instances, however many.
    #[inline(never)]
    fn reduced_anyway(
        &mut self,
        id: AggregateId,
        across: Across,
        expected: Option<u32>,
        test: Option<&mut SampleTest<'_>>,
    ) -> Result<f64, Undefined> {
        let question = self.question(id)?;
        let live = self.live_of(&question);
        question.reduced(live, across, expected, test, self.scratch, &mut self.rows)
    }

    /// What there is of a metric.
    #[inline]
    fn present(&mut self, metric: MetricId) -> Present {
        self.scratch.shared.present(self.windows, self.plan, self.now, metric)
    }

    /// The instances of which the metric of an aggregate is live, by name, as [`Windows::live`] gives them.
    pub(crate) fn live(&mut self, id: AggregateId, into: &mut Vec<InstanceId>) {
        let windows = self.windows;
        let Some(prepared) = self.plan.prepared(id) else { return };
        if !prepared.of_now {
            return into.extend(windows.live(self.plan, prepared.metric, self.now));
        }
        let live = self.live_now(prepared.metric);
        for &place in &self.scratch.shared.pool[live.range()] {
            into.push(windows.id(place));
        }
    }

    /// The places of which a metric is live at the look.
    #[inline]
    fn live_now(&mut self, metric: MetricId) -> Live {
        let present = self.present(metric);
        Live {
            first: (metric.index() * self.scratch.shared.places) as u32,
            count: present.live,
        }
    }

    fn live_of(&mut self, question: &Question<'_>) -> Live {
        if question.prepared.of_now {
            return self.live_now(question.prepared.metric);
        }
        let windows = self.windows;
        let shared = &mut self.scratch.shared;
        // Behind the room of the survey; what an earlier such question found has been used.
        let room = self.plan.catalogue().len() * shared.places;
        shared.pool.resize(room, 0);
        let first = room as u32;
        for (place, instance) in windows.by_place() {
            if question.is_live(instance) {
                shared.pool.push(place);
            }
        }
        Live {
            first,
            count: shared.pool.len() as u32 - first,
        }
    }

    fn question(&self, id: AggregateId) -> Result<Question<'w>, Undefined> {
        Question::new(self.windows, self.plan, id, self.now).ok_or(Undefined::NoInstance)
    }

    /// The windows.
    pub fn windows(&self) -> &'w Windows {
        self.windows
    }

    /// The plan.
    pub fn plan(&self) -> &'w Plan {
        self.plan
    }

    /// The time of the look, in ms since the epoch.
    pub fn now(&self) -> Millis {
        self.now
    }
}

impl Windows {
    /// All instances with their places, by name.
    fn by_place(&self) -> impl Iterator<Item = (u32, &Instance)> {
        let instance = |place: &u32| Some((*place, self.places[*place as usize].instance.as_ref()?));
        self.by_name.iter().filter_map(instance)
    }

    /// The instance at a place that has one.
    pub(super) fn instance_at(&self, place: u32) -> Option<&Instance> {
        self.places[place as usize].instance.as_ref()
    }
}
