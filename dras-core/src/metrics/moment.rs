//! Many questions at one moment: what they share is worked out once.

use super::answer::SampleTest;
use super::instance::Instance;
use super::plan::Plan;
use super::query::{Across, AggregateId};
use super::question::{Bounds, Question};
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
    /// Another one for every moment: entries with other ones count as empty.
    stamp: u64,
    places: usize,
    /// For each frame of the plan and each place where its rows are.
    located: Vec<(u64, Located)>,
    /// For each metric where in `pool` the places are of which it is live.
    live: Vec<(u64, Live)>,
    /// For each metric that is live nowhere, why.
    dead: Vec<(u64, Undefined)>,
    pool: Vec<u32>,
}

/// Where a window lies among the rows of an instance, for columns that have a value in each of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Located {
    pub(super) bounds: Bounds,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Whether the row before the first is the anchor.
    pub(super) anchored: bool,
    /// Where coverage counts from.
    pub(super) start: Millis,
    /// What the samples cover; negative where nobody asked yet.
    pub(super) covered: Millis,
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
    fn begin(&mut self, windows: &Windows, plan: &Plan) {
        self.stamp += 1;
        self.places = windows.places.len();
        let located = plan.frames * self.places;
        if self.located.len() < located {
            self.located.resize(located, (0, Located::default()));
        }
        if self.live.len() < plan.catalogue().len() {
            self.live.resize(plan.catalogue().len(), (0, Live::default()));
            self.dead.resize(plan.catalogue().len(), (0, Undefined::NoInstance));
        }
        self.pool.clear();
    }

    /// Where a window lies at a place; `locate` says where, once.
    #[inline]
    pub(super) fn located(
        &mut self,
        frame: u32,
        place: u32,
        locate: impl FnOnce() -> Result<Located, Undefined>,
    ) -> Result<&mut Located, Undefined> {
        let entry = &mut self.located[frame as usize * self.places + place as usize];
        if entry.0 != self.stamp {
            *entry = (self.stamp, locate()?);
        }
        Ok(&mut entry.1)
    }

    /// Why the metric of a question is live nowhere.
    pub(super) fn why_not_live(&mut self, question: &Question<'_>) -> Undefined {
        if !question.has_liveness_of_metric() {
            return question.why_not_live();
        }
        let entry = &mut self.dead[question.metric().index()];
        if entry.0 != self.stamp {
            *entry = (self.stamp, question.why_not_live());
        }
        entry.1
    }

    /// Why an event metric has no events, as far as the window of a question reaches.
    pub(super) fn why_no_event(&mut self, question: &Question<'_>) -> Undefined {
        if !question.ends_at_look() {
            return question.why_no_event();
        }
        // Events are asked for by metric, and that metric has no other reason.
        let entry = &mut self.dead[question.metric().index()];
        if entry.0 != self.stamp {
            *entry = (self.stamp, question.why_no_event());
        }
        entry.1
    }

    pub(super) fn place(&self, at: usize) -> u32 {
        self.pool[at]
    }

    /// The live places of the metric of a question, by those of `instances` for which it is.
    fn live<'i>(&mut self, question: &Question<'_>, instances: impl Iterator<Item = (u32, &'i Instance)>) -> Live {
        let (stamp, live) = self.live[question.metric().index()];
        if stamp == self.stamp {
            return live;
        }
        let first = self.pool.len() as u32;
        self.pool
            .extend(instances.filter(|(_, i)| question.is_live(i)).map(|(place, _)| place));
        let live = Live {
            first,
            count: self.pool.len() as u32 - first,
        };
        self.live[question.metric().index()] = (self.stamp, live);
        live
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
}

impl Windows {
    /// These windows at `now`, which should not lie before the latest time seen.
    pub fn at<'w, 's>(&'w self, plan: &'w Plan, now: Millis, scratch: &'s mut Scratch) -> Moment<'w, 's> {
        scratch.shared.begin(self, plan);
        Moment {
            windows: self,
            plan,
            now,
            scratch,
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
        let question = self.question(id)?;
        let place = self.windows.get(instance).ok_or(Undefined::NoInstance)?;
        question.value(instance.place(), place, test, self.scratch)
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
        let question = self.question(id)?;
        let live = self.live_of(&question);
        question.reduced(live, across, expected, test, self.scratch)
    }

    /// The instances of which the metric of an aggregate is live, by name, as [`Windows::live`] gives them.
    pub(crate) fn live(&mut self, id: AggregateId, into: &mut Vec<InstanceId>) {
        let windows = self.windows;
        let metric = self.plan.aggregate(id).metric;
        let question = match self.question(id) {
            Ok(question) if question.has_liveness_of_metric() => question,
            _ => return into.extend(windows.live(self.plan, metric, self.now)),
        };
        let live = self.live_of(&question);
        let shared = &self.scratch.shared;
        into.extend(live.range().map(|at| windows.id(shared.place(at))));
    }

    fn live_of(&mut self, question: &Question<'_>) -> Live {
        let windows = self.windows;
        let shared = &mut self.scratch.shared;
        if !question.has_liveness_of_metric() {
            let first = shared.pool.len() as u32;
            shared.pool.extend(
                windows
                    .by_place()
                    .filter(|(_, i)| question.is_live(i))
                    .map(|(place, _)| place),
            );
            return Live {
                first,
                count: shared.pool.len() as u32 - first,
            };
        }
        shared.live(question, windows.by_place())
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
