//! Looking at a recording, look by look.

use std::ops::ControlFlow;

use super::recording::Recording;
use super::summary::Summary;
use crate::engine::{DecideError, Decision, Policy, Task, TaskError, decide_into};
use crate::metrics::{InstanceId, MetricId};
use crate::units::Millis;

/// What becomes of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// Each is taken as applied so long after it was given, in ms: what a platform does that carries instructions out.
    After(Millis),
    /// None is carried out; the task has what the recording says.
    #[default]
    Never,
}

/// How to replay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// The first look is due after this; the beginning of the recording where it is `None`.
    pub from: Option<Millis>,
    /// The last look is not after this; the end of the recording where it is `None`.
    pub to: Option<Millis>,
    /// What becomes of instructions.
    pub follow: Follow,
    /// Whether every decision holds all values that a look is about. Those that [matter](Decision::matters) always do; others are [lean](Decision::lean)
    /// where this is `false`, which takes less time.
    pub full: bool,
}

/// Why a replay cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// There is nothing to look at.
    #[error("the recording of `{task}` has no samples and no events")]
    Empty {
        /// The task.
        task: String,
    },
    /// The document fits nothing of the recording.
    #[error(
        "the document has none of the recording's metrics ({metrics}); give the metrics of the document the names that the recording has"
    )]
    NoMetric {
        /// The recording's metrics.
        metrics: String,
    },
    /// Something cannot be said of the task.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A look cannot be taken.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl ReplayError {
    /// The error's stable word, such as `no_metric`.
    pub fn code(&self) -> &'static str {
        match self {
            ReplayError::Empty { .. } => "empty_recording",
            ReplayError::NoMetric { .. } => "no_metric",
            ReplayError::Task(error) => error.code(),
            ReplayError::Decide(error) => error.code(),
        }
    }
}

/// One thing of a recording that happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Configuration(usize),
    Attribute(usize),
    Mark(usize),
    Event(usize),
}

struct Feed {
    instance: String,
    handle: Option<InstanceId>,
    metric: MetricId,
    series: usize,
    at: usize,
}

/// Replays a recording through a document, and hands every decision to `see`.
///
/// Looks are due as [`Task::next_look`] says. Samples, events and attributes become known at the first look that is not before their time, as if they had been
/// scraped just then.
///
/// # Errors
/// The recording is empty or has no metric of the document, an attribute has another type than the document says, or a task cannot hold it (more than 1024
/// instances).
pub fn replay(
    policy: &Policy,
    recording: &Recording,
    options: &Options,
    mut see: impl FnMut(&Decision),
) -> Result<Summary, ReplayError> {
    replay_while(policy, recording, options, |decision| {
        see(decision);
        ControlFlow::Continue(())
    })
}

/// The same, for as long as `see` says: for those who watch and may have seen enough. The summary is of what was looked at until then.
///
/// # Errors
/// As [`replay`].
pub fn replay_while(
    policy: &Policy,
    recording: &Recording,
    options: &Options,
    mut see: impl FnMut(&Decision) -> ControlFlow<()>,
) -> Result<Summary, ReplayError> {
    let (first, last) = recording.span().ok_or_else(|| ReplayError::Empty {
        task: recording.task().to_owned(),
    })?;
    let (from, to) = (options.from.unwrap_or(first), options.to.unwrap_or(last));
    let mut task = Task::new(policy, recording.task())?;
    for (name, value) in &recording.labels {
        task.set_label(name, value)?;
    }
    let mut feeds = feeds(policy, recording)?;
    let happenings = happenings(policy, recording);
    let mut next_happening = 0;
    let rules: Vec<String> = policy.rules().map(|r| r.name.clone()).collect();
    let events: Vec<MetricId> = policy.event_metrics().collect();
    let mut decision = if options.full {
        Decision::new(policy)
    } else {
        Decision::lean(policy)
    };
    let mut summary = Summary::default();
    let mut due: Option<(Millis, String)> = None;
    let mut now = from;
    loop {
        let look = task.next_look(policy, now)?;
        if look.at > to {
            return Ok(summary);
        }
        now = look.at;
        if let Some((at, key)) = due.take_if(|due| due.0 <= now) {
            task.applied(policy, now, &key, at)?;
            let record = task.history().records().rev().find(|r| r.key == key);
            let steps = record.map(|r| r.steps.clone()).unwrap_or_default();
            summary.applied(at, steps.iter().map(|s| (s.resource, s.from, s.to)));
        }
        while let Some(&(_, what)) = happenings.get(next_happening).filter(|h| h.0 <= now) {
            happen(policy, recording, &mut task, now, what)?;
            next_happening += 1;
        }
        for feed in &mut feeds {
            let series = &recording.series[feed.series];
            let until = feed.at + upto(&series.times[feed.at..], now);
            if until == feed.at {
                continue;
            }
            // A handle is freed when its instance had no data for long; it is asked for again then.
            let handle = match feed
                .handle
                .filter(|h| task.windows().instance_name(*h) == feed.instance)
            {
                Some(handle) => handle,
                None => task.instance(policy, &feed.instance)?,
            };
            feed.handle = Some(handle);
            let range = feed.at..until;
            task.column(
                policy,
                now,
                handle,
                feed.metric,
                &series.times[range.clone()],
                &series.values[range],
            )?;
            feed.at = until;
        }
        for metric in &events {
            task.observed(policy, now, *metric, now)?;
        }
        decide_into(policy, &mut task, now, look.kind, &mut decision)?;
        summary.see(&decision, &rules);
        if let (Follow::After(time), Some(instruction), None) = (options.follow, decision.instruction(), &due) {
            due = Some((now + time, instruction.key.clone()));
        }
        if see(&decision).is_break() {
            return Ok(summary);
        }
    }
}

/// How many of rising times are at or before `t`, where few of them are: without a search over all that are to come.
fn upto(times: &[Millis], t: Millis) -> usize {
    let mut beyond = 1;
    while times.get(beyond - 1).is_some_and(|next| *next <= t) {
        beyond *= 2;
    }
    let from = beyond / 2;
    from + times[from..beyond.min(times.len())].partition_point(|next| *next <= t)
}

fn feeds(policy: &Policy, recording: &Recording) -> Result<Vec<Feed>, ReplayError> {
    let feed = |(series, s): (usize, &super::recording::Series)| {
        let metric = policy.metric(&s.metric)?;
        let numbers = !policy.event_metrics().any(|m| m == metric);
        (numbers && policy.plan().used(metric)).then(|| Feed {
            instance: s.instance.clone(),
            handle: None,
            metric,
            series,
            at: 0,
        })
    };
    let feeds: Vec<Feed> = recording.series.iter().enumerate().filter_map(feed).collect();
    let events = recording.events.iter().any(|e| policy.metric(&e.metric).is_some());
    if feeds.is_empty() && !events {
        let mut names: Vec<&str> = recording.series.iter().map(|s| s.metric.as_str()).collect();
        names.extend(recording.events.iter().map(|e| e.metric.as_str()));
        names.sort_unstable();
        names.dedup();
        names.truncate(20);
        return Err(ReplayError::NoMetric {
            metrics: names.join(", "),
        });
    }
    Ok(feeds)
}

/// What happens when, in order: first what the task is, then what happens to it.
fn happenings(policy: &Policy, recording: &Recording) -> Vec<(Millis, Happening)> {
    let configurations = recording.configurations.iter().enumerate();
    let configurations = configurations.map(|(i, c)| (c.0, Happening::Configuration(i)));
    let attributes = recording.attributes.iter().enumerate();
    let attributes = attributes
        .filter(|(_, a)| policy.attribute(&a.1).is_some())
        .map(|(i, a)| (a.0, Happening::Attribute(i)));
    let marks = recording
        .marks
        .iter()
        .enumerate()
        .map(|(i, m)| (m.0, Happening::Mark(i)));
    let events = recording.events.iter().enumerate();
    let events = events
        .filter(|(_, e)| policy.metric(&e.metric).is_some())
        .map(|(i, e)| (e.time, Happening::Event(i)));
    let mut all: Vec<(Millis, Happening)> = configurations.chain(attributes).chain(marks).chain(events).collect();
    all.sort_unstable();
    all
}

fn happen(
    policy: &Policy,
    recording: &Recording,
    task: &mut Task,
    now: Millis,
    what: Happening,
) -> Result<(), ReplayError> {
    match what {
        Happening::Configuration(i) => {
            let entries = recording.configurations[i].1.iter();
            task.set_flink_configuration(policy, entries.map(|(k, v)| (k, v)))?;
        }
        Happening::Attribute(i) => {
            let (_, name, value) = &recording.attributes[i];
            task.set(policy, name, value.clone())?;
        }
        Happening::Mark(i) => {
            let (time, mark) = recording.marks[i];
            task.mark(time, mark);
        }
        Happening::Event(i) => {
            let event = &recording.events[i];
            if let Some(metric) = policy.metric(&event.metric) {
                let instance = task.instance(policy, &event.instance)?;
                task.event(policy, now, instance, metric, event.time, &event.text)?;
            }
        }
    }
    Ok(())
}
