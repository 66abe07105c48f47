//! Replays a recorded trace through a policy: samples, attributes, marks and exceptions at their real time stamps, and a look every few
//! seconds.
//!
//! The recording plays both Prometheus and the platform: it answers the document's own queries, as far as they are plain selectors, and
//! what its REST facts say becomes attributes and marks, as a platform would set them.
//!
//! ```
//! use dras_core::engine::Policy;
//! use dras_core::rules::{Document, DocumentLimits};
//! use dras_examples::{replay::{RULES, Replay}, trace::Trace};
//!
//! let document = Document::from_json(RULES, &DocumentLimits::default()).unwrap();
//! let policy = Policy::compile(&document).unwrap();
//! let trace = Trace::load("a_overload_io").unwrap();
//! let mut first = None;
//! let mut replay = Replay::new(&policy, &trace, 5000).unwrap();
//! replay.run(|look| {
//!     if first.is_none() && !look.decision.changes().is_empty() {
//!         first = Some(look.decision.to_string());
//!     }
//! }).unwrap();
//! assert!(first.unwrap().contains("parallelism 1 → 3"));
//! ```

mod platform;
mod selector;

use std::collections::{BTreeMap, BTreeSet};

use dras_core::engine::{DecideError, Decision, LookKind, Policy, ReadError, Task, TaskError, decide_into};
use dras_core::metrics::{InstanceId, Kind, Mark, MetricId, Per};

pub use platform::{Marked, Platform};
pub use selector::{Selector, SelectorError};

use crate::trace::{Series, Trace};

/// The rule document of the demo.
pub const RULES: &str = include_str!("../../rules/demo.json");

/// The event metric that what the job threw goes to.
const EXCEPTIONS: &str = "exceptions";

/// Samples older than this are not what is seen now.
const FRESH: i64 = 5000;

/// What happened between two looks.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// When.
    pub time: i64,
    /// What.
    pub kind: NewsKind,
}

/// What kind of thing happened.
#[derive(Debug, Clone, PartialEq)]
pub enum NewsKind {
    /// The driver of the recording did something.
    Driver(String),
    /// The job restarted or its resources changed, and dras was told.
    Mark(Mark, String),
    /// The job threw something: class and first line.
    Exception(String),
    /// Flink says another state of the job.
    State(String),
}

/// What people look at beside the rules; NaN where there is no sample of the last 5 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Present parallelism.
    pub parallelism: u32,
    /// TaskManagers that are registered.
    pub task_managers: u32,
    /// Largest delay of a source, in seconds.
    pub delay: f64,
    /// Busiest subtask, 0 to 1.
    pub busy: f64,
    /// Average CPU load of the TaskManagers as a share of the machine, 0 to 1.
    pub cpu: f64,
    /// Fullest heap, 0 to 1.
    pub heap: f64,
}

/// One look.
#[derive(Debug)]
pub struct Look<'a> {
    /// When, in epoch ms.
    pub time: i64,
    /// Ms since the recording began.
    pub elapsed: i64,
    /// What happened since the look before, in time order.
    pub news: &'a [News],
    /// What there was to be seen.
    pub seen: Seen,
    /// Ms until samples after the last restart or change begin to count; `None` where they do already.
    pub warm_up: Option<i64>,
    /// What dras came to.
    pub decision: &'a Decision,
}

/// Why a trace cannot be replayed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// A query of the document cannot be answered by a recording.
    #[error("metric `{metric}`: {error}")]
    Query {
        /// The metric.
        metric: String,
        /// Why.
        error: SelectorError,
    },
    /// Two series would be one instance of a metric.
    #[error(
        "metric `{metric}` is declared `per: {per}`, and the recording has several series for the instance `{instance}`"
    )]
    Ambiguous {
        /// The metric.
        metric: String,
        /// What it is declared to be one series of.
        per: &'static str,
        /// The instance.
        instance: String,
    },
    /// The queries of the document cannot be rendered.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The task refuses something.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A look failed.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

/// A task that lives through a recording.
#[derive(Debug)]
pub struct Replay<'t> {
    policy: Policy,
    trace: &'t Trace,
    task: Task,
    platform: Platform,
    /// For each series the metrics that take it, with the name of the instance.
    takers: Vec<Vec<(MetricId, String)>>,
    /// The event metrics that take what the job threw.
    events: Vec<MetricId>,
    unanswered: Vec<String>,
    moments: Vec<(i64, Moment)>,
    every: i64,
}

/// What comes next. At one time in this order: what is known is known before the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Driver(usize),
    Fact(usize),
    Scrape(usize),
    Look,
}

impl<'t> Replay<'t> {
    /// A replay of `trace` with a look every `every` ms (at least one) of recorded time.
    ///
    /// # Errors
    /// The document asks something that the recording cannot answer.
    pub fn new(policy: &Policy, trace: &'t Trace, every: i64) -> Result<Replay<'t>, ReplayError> {
        let mut task = Task::new(policy, &trace.name)?;
        task.set_label("cluster", &trace.name)?;
        let mut replay = Replay {
            policy: policy.clone(),
            trace,
            task,
            platform: Platform::new(trace.task_manager_memory, &trace.configuration),
            takers: vec![Vec::new(); trace.series.len()],
            events: Vec::new(),
            unanswered: Vec::new(),
            moments: Vec::new(),
            every: every.max(1),
        };
        replay.connect()?;
        replay.plan();
        Ok(replay)
    }

    /// The metrics that the rules use and that nothing in the recording is a sample of.
    pub fn unanswered(&self) -> &[String] {
        &self.unanswered
    }

    /// How many looks there will be.
    pub fn looks(&self) -> usize {
        self.moments.iter().filter(|m| m.1 == Moment::Look).count()
    }

    /// Finds the series of each metric, as Prometheus would for the metric's query, or by Flink's id where there is no query.
    fn connect(&mut self) -> Result<(), ReplayError> {
        let mut queries: BTreeMap<String, Selector> = BTreeMap::new();
        for query in self.task.queries(&self.policy, self.trace.start)? {
            let selector = Selector::parse(&query.promql).map_err(|error| ReplayError::Query {
                metric: query.metric.clone(),
                error,
            })?;
            queries.insert(query.metric, selector);
        }
        let plan = self.policy.plan();
        for (id, spec) in plan.catalogue().iter().filter(|(id, _)| plan.used(*id)) {
            if spec.kind == Kind::Event {
                if spec.name == EXCEPTIONS {
                    self.events.push(id);
                } else {
                    self.unanswered.push(spec.name.clone());
                }
                continue;
            }
            if self.policy.recorded().any(|recorded| recorded == id) {
                continue;
            }
            let query = queries.get(&spec.name);
            let mut taken = BTreeSet::new();
            for (series, takers) in self.trace.series.iter().zip(&mut self.takers) {
                let selected = match query {
                    Some(selector) => selects(selector, self.trace, series),
                    None => spec.flink.as_deref() == Some(&series.metric),
                };
                if !selected {
                    continue;
                }
                let (per, instance) = match spec.per {
                    Per::Task => ("task", ""),
                    Per::TaskManager => ("task_manager", series.task_manager.as_str()),
                    Per::Subtask => ("subtask", series.instance.as_str()),
                };
                if !taken.insert(instance) {
                    return Err(ReplayError::Ambiguous {
                        metric: spec.name.clone(),
                        per,
                        instance: instance.to_owned(),
                    });
                }
                takers.push((id, instance.to_owned()));
            }
            if taken.is_empty() {
                self.unanswered.push(spec.name.clone());
            }
        }
        Ok(())
    }

    fn plan(&mut self) {
        let trace = self.trace;
        let driver = trace
            .events
            .iter()
            .enumerate()
            .map(|(i, e)| (e.time, Moment::Driver(i)));
        let facts = trace.facts.iter().enumerate().map(|(i, f)| (f.time, Moment::Fact(i)));
        let scrapes = trace.clock.iter().enumerate().map(|(i, t)| (*t, Moment::Scrape(i)));
        let every = usize::try_from(self.every).unwrap_or(usize::MAX);
        let looks = (trace.start..=trace.end()).step_by(every).skip(1);
        self.moments = driver
            .chain(facts)
            .chain(scrapes)
            .chain(looks.map(|t| (t, Moment::Look)))
            .collect();
        self.moments.sort_unstable();
    }

    /// Replays it from the beginning to the end, and shows each look to `see`.
    ///
    /// # Errors
    /// The task refuses a sample or a look; the recordings that are built in give no reason for that.
    pub fn run(&mut self, mut see: impl FnMut(&Look<'_>)) -> Result<(), ReplayError> {
        let trace = self.trace;
        let mut scrapes = trace.scrapes();
        let mut latest: Vec<Option<(i64, f64)>> = vec![None; trace.series.len()];
        let mut news: Vec<News> = Vec::new();
        let mut exceptions = 0;
        let mut state = "";
        let mut fact = None;
        let mut decision = Decision::new(&self.policy);
        for (time, moment) in std::mem::take(&mut self.moments) {
            match moment {
                Moment::Driver(index) => {
                    let what = &trace.events[index].what;
                    news.push(News {
                        time,
                        kind: NewsKind::Driver(what.clone()),
                    });
                    let marks = self.platform.driver(time, what);
                    self.tell(marks, &mut news)?;
                }
                Moment::Fact(index) => {
                    let now = &trace.facts[index];
                    fact = Some(now);
                    let marks = self.platform.fact(now);
                    let told = marks.iter().any(|m| m.mark == Mark::Restart && !m.what.is_empty());
                    self.tell(marks, &mut news)?;
                    if now.state != state {
                        // That it runs is no news at the beginning.
                        let first = state.is_empty() && now.state == "RUNNING";
                        if !first && !told {
                            let kind = NewsKind::State(now.state.clone());
                            news.push(News { time, kind });
                        }
                        state = &now.state;
                    }
                    while let Some(exception) = trace.exceptions.get(exceptions).filter(|e| e.time <= time) {
                        exceptions += 1;
                        let instance = self.task.instance(&self.policy, "")?;
                        for metric in &self.events {
                            self.task
                                .event(&self.policy, time, instance, *metric, exception.time, &exception.text)?;
                        }
                        let kind = NewsKind::Exception(exception.text.clone());
                        news.push(News {
                            time: exception.time,
                            kind,
                        });
                    }
                    for metric in &self.events {
                        self.task.observed(&self.policy, time, *metric, time)?;
                    }
                }
                Moment::Scrape(_) => {
                    let Some((_, row)) = scrapes.next() else { continue };
                    let marks = self.scrape(time, &row, &mut latest)?;
                    self.tell(marks, &mut news)?;
                }
                Moment::Look => {
                    decide_into(&self.policy, &mut self.task, time, LookKind::Long, &mut decision)?;
                    news.sort_by_key(|n| n.time);
                    see(&Look {
                        time,
                        elapsed: time - trace.start,
                        news: &news,
                        seen: Seen::of(trace, time, &latest, fact),
                        warm_up: self.warm_up(time),
                        decision: &decision,
                    });
                    news.clear();
                }
            }
        }
        Ok(())
    }

    /// Hands one scrape over, one row for each instance.
    fn scrape(
        &mut self,
        time: i64,
        row: &[(usize, f64)],
        latest: &mut [Option<(i64, f64)>],
    ) -> Result<Vec<Marked>, ReplayError> {
        let mut marks = Vec::new();
        let mut rows: BTreeMap<&str, Vec<(MetricId, f64)>> = BTreeMap::new();
        for (series, value) in row {
            latest[*series] = Some((time, *value));
            for (metric, instance) in &self.takers[*series] {
                rows.entry(instance).or_default().push((*metric, *value));
            }
            if self.trace.series[*series].metric == "uptime" {
                marks.extend(self.platform.uptime(time, *value));
            }
        }
        for (instance, values) in rows {
            let instance: InstanceId = self.task.instance(&self.policy, instance)?;
            self.task.row(&self.policy, time, instance, time, &values)?;
        }
        Ok(marks)
    }

    fn warm_up(&self, time: i64) -> Option<i64> {
        let left = self.task.windows().newest_mark()? + self.policy.plan().settings().warm_up - time;
        (left > 0).then_some(left)
    }

    /// Tells dras what the platform knows.
    fn tell(&mut self, marks: Vec<Marked>, news: &mut Vec<News>) -> Result<(), ReplayError> {
        for marked in marks {
            self.task.mark(marked.time, marked.mark);
            if !marked.what.is_empty() {
                let kind = NewsKind::Mark(marked.mark, marked.what);
                news.push(News {
                    time: marked.time,
                    kind,
                });
            }
        }
        self.task
            .set_flink_configuration(&self.policy, self.platform.configuration())?;
        for (name, value) in self.platform.attributes() {
            self.task.set(&self.policy, name, value)?;
        }
        Ok(())
    }
}

/// Whether a selector selects a series. Every recording is a cluster of its own.
fn selects(selector: &Selector, trace: &Trace, series: &Series) -> bool {
    let Some(metric) = trace.metric(&series.metric) else {
        return false;
    };
    let subtask = series.subtask.map(|s| s.to_string());
    selector.selects(&metric.prometheus, |label| match label {
        "__name__" => Some(&metric.prometheus),
        "cluster" => Some(&trace.name),
        "tm_id" => Some(&series.task_manager),
        "task_name" | "operator_name" => Some(&series.task),
        "subtask_index" => subtask.as_deref(),
        _ => None,
    })
}

impl Seen {
    fn of(trace: &Trace, time: i64, latest: &[Option<(i64, f64)>], fact: Option<&crate::trace::Fact>) -> Seen {
        let fresh = |name: &'static str| {
            let both = trace.series.iter().zip(latest);
            both.filter(move |(series, _)| series.metric == name)
                .filter_map(move |(series, sample)| {
                    let (at, value) = (*sample)?;
                    (time - at < FRESH && value.is_finite()).then_some((series, value))
                })
        };
        let largest = |name| fresh(name).map(|s| s.1).fold(f64::NAN, f64::max);
        let cpu: Vec<f64> = fresh("Status.JVM.CPU.Load").map(|s| s.1).collect();
        let heap = fresh("Status.JVM.Memory.Heap.Used").filter_map(|(series, used)| {
            let max = fresh("Status.JVM.Memory.Heap.Max").find(|s| s.0.task_manager == series.task_manager)?;
            Some(used / max.1)
        });
        Seen {
            parallelism: fact.map_or(0, |f| f.parallelism),
            task_managers: fact.map_or(0, |f| f.task_managers),
            delay: largest("sourceDelayMs") / 1000.0,
            busy: largest("busyTimeMsPerSecond") / 1000.0,
            cpu: if cpu.is_empty() {
                f64::NAN
            } else {
                cpu.iter().sum::<f64>() / cpu.len() as f64
            },
            heap: heap.fold(f64::NAN, f64::max),
        }
    }
}
