//! What a task is behind its lock: the core's task, its policy, and a document that is tried out beside the live one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dras_core::engine::{
    Carried, DecideError, Decision, Difference, LookKind, Policy, Shadow, Task, TaskError, decide_into, differences,
};
use dras_core::metrics::{Accepted, IngestError, InstanceId, Kind, MetricId};
use dras_core::units::Millis;
use napi::{Error, Result};

use crate::fault::{Class, fault, guarded};
use crate::policy::{Loaded, unknown_metric};
use crate::task::{decide_error, task_error};

/// A task with its policy, and the handles that the façade has of its instances.
pub(crate) struct State {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) task: Task,
    pub(crate) instances: Vec<(String, Option<InstanceId>)>,
    /// Space of rows, used again.
    row: Vec<(MetricId, f64)>,
    pub(crate) shadow: Option<Box<Beside>>,
}

/// A document that is tried out beside the live one.
pub(crate) struct Beside {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) shadow: Shadow,
    pub(crate) looked: bool,
    /// Where it came to something else at the last look.
    pub(crate) difference: Option<Difference>,
}

impl State {
    /// Looks at the task, and at its shadow.
    pub(crate) fn decide_into(
        &mut self,
        now: Millis,
        kind: LookKind,
        decision: &mut Decision,
    ) -> std::result::Result<(), DecideError> {
        let policy = &self.loaded.policy;
        decide_into(policy, &mut self.task, now, kind, decision)?;
        if let Some(beside) = &mut self.shadow {
            beside.difference = beside.shadow.look(policy, &self.task, decision)?;
            beside.looked = true;
        }
        Ok(())
    }

    /// Where another document would decide otherwise now. Nothing is changed.
    pub(crate) fn difference(
        &self,
        other: &Policy,
        now: Millis,
    ) -> std::result::Result<Option<Difference>, DecideError> {
        let mut found = differences(&self.loaded.policy, other, [&self.task], now)?;
        Ok(found.pop())
    }

    /// Puts the task under another document; what was tried out beside the old one ends.
    pub(crate) fn rebind(&mut self, to: &Arc<Loaded>) -> std::result::Result<Carried, TaskError> {
        let (moved, carried) = self.task.rebind(&self.loaded.policy, &to.policy)?;
        self.become_(Arc::clone(to), moved);
        Ok(carried)
    }

    pub(crate) fn start_shadow(&mut self, candidate: &Arc<Loaded>) -> std::result::Result<(), TaskError> {
        let shadow = Shadow::beside(&self.loaded.policy, &self.task, &candidate.policy)?;
        self.shadow = Some(Box::new(Beside {
            loaded: Arc::clone(candidate),
            shadow,
            looked: false,
            difference: None,
        }));
        Ok(())
    }

    /// The candidate becomes the live document, with all that it has seen. Whether there was one is the answer.
    pub(crate) fn promote_shadow(&mut self) -> bool {
        let Some(beside) = self.shadow.take() else { return false };
        let (_, task) = beside.shadow.promote();
        self.become_(beside.loaded, task);
        true
    }

    fn become_(&mut self, loaded: Arc<Loaded>, task: Task) {
        self.task = task;
        self.loaded = loaded;
        self.instances.clear();
        self.shadow = None;
    }

    /// Hands the same to the task and to its shadow. To a shadow whose document does not have a metric (name, and whether it holds events), or has another
    /// kind of metric of that name, it is nothing.
    pub(crate) fn feed<T: Default, E>(
        &mut self,
        metrics: &[(&str, bool)],
        mut act: impl FnMut(&Policy, &mut Task) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let State {
            loaded, task, shadow, ..
        } = self;
        let Some(beside) = shadow else {
            return act(&loaded.policy, task);
        };
        let live = loaded.policy.fingerprint();
        beside.shadow.feed(&loaded.policy, task, |policy, task| {
            let has = |(name, events): &(&str, bool)| {
                policy.metric(name).is_some_and(|id| holds(policy, id, *events).is_ok())
            };
            if policy.fingerprint() == live || metrics.iter().all(has) {
                act(policy, task)
            } else {
                Ok(T::default())
            }
        })
    }

    /// Takes one scrape: pairs of a metric's number and a value.
    pub(crate) fn row(
        &mut self,
        now: Millis,
        instance: u32,
        at: Millis,
        pairs: &[[f64; 2]],
    ) -> std::result::Result<Accepted, Fault> {
        self.row.clear();
        for [index, value] in pairs {
            self.row.push((self.loaded.metric(*index as u32)?, *value));
        }
        if self.shadow.is_some() {
            return self.row_of_both(now, instance, at);
        }
        let policy = &self.loaded.policy;
        let (name, handle) = numbered(&mut self.instances, instance)?;
        let fits = || {
            let mut metrics = self.row.iter();
            metrics.try_for_each(|(metric, _)| holds(policy, *metric, false))
        };
        let instance = instance_of(&mut self.task, policy, name, handle, now, fits)?;
        Ok(self.task.row(policy, now, instance, at, &self.row)?)
    }

    fn row_of_both(&mut self, now: Millis, instance: u32, at: Millis) -> std::result::Result<Accepted, Fault> {
        let (live, instance) = (
            self.loaded.policy.clone(),
            numbered(&mut self.instances, instance)?.0.to_owned(),
        );
        let catalogue = live.plan().catalogue();
        let row = std::mem::take(&mut self.row);
        let mut has: Vec<(MetricId, f64)> = Vec::with_capacity(row.len());
        let done = self.feed(&[], |policy, task| {
            has.clear();
            for (metric, value) in &row {
                match policy.metric(&catalogue.spec(*metric).name) {
                    Some(id) if policy.fingerprint() == live.fingerprint() || holds(policy, id, false).is_ok() => {
                        has.push((id, *value));
                    }
                    _ => {}
                }
            }
            let fits = || has.iter().try_for_each(|(metric, _)| holds(policy, *metric, false));
            let id = instance_of(task, policy, &instance, &mut None, now, fits)?;
            task.row(policy, now, id, at, &has)
        });
        self.row = row;
        Ok(done?)
    }

    /// Takes many samples of one series of the live document's metric.
    pub(crate) fn column(
        &mut self,
        now: Millis,
        metric: MetricId,
        instance: (&str, &mut Option<InstanceId>),
        times: &[Millis],
        values: &[f64],
    ) -> std::result::Result<Accepted, TaskError> {
        let (name, handle) = instance;
        let lengths = || match (times.len(), values.len()) {
            (times, values) if times != values => Err(IngestError::ColumnLengths { times, values }),
            _ => Ok(()),
        };
        if self.shadow.is_none() {
            let policy = &self.loaded.policy;
            let fits = || lengths().and_then(|()| holds(policy, metric, false));
            let id = instance_of(&mut self.task, policy, name, handle, now, fits)?;
            return self.task.column(policy, now, id, metric, times, values);
        }
        let of = self.loaded.policy.plan().catalogue().spec(metric).name.clone();
        self.feed(&[(&of, false)], |policy, task| {
            let metric = policy.metric_named(&of)?;
            let fits = || lengths().and_then(|()| holds(policy, metric, false));
            let id = instance_of(task, policy, name, &mut None, now, fits)?;
            task.column(policy, now, id, metric, times, values)
        })
    }

    /// The same for an instance that the façade calls by a number.
    pub(crate) fn column_of(
        &mut self,
        now: Millis,
        metric: MetricId,
        instance: u32,
        times: &[Millis],
        values: &[f64],
    ) -> std::result::Result<Accepted, TaskError> {
        numbered(&mut self.instances, instance)?;
        let place = instance as usize;
        // Out of the list for as long as the rest of the state is in use.
        let (name, mut handle) = std::mem::take(&mut self.instances[place]);
        let done = self.column(now, metric, (&name, &mut handle), times, values);
        self.instances[place] = (name, handle);
        done
    }

    /// Takes an event.
    pub(crate) fn event(
        &mut self,
        now: Millis,
        instance: u32,
        metric: MetricId,
        at: Millis,
        text: &str,
    ) -> std::result::Result<Accepted, TaskError> {
        let name = numbered(&mut self.instances, instance)?.0.to_owned();
        let of = self.loaded.policy.plan().catalogue().spec(metric).name.clone();
        self.feed(&[(&of, true)], |policy, task| {
            let metric = policy.metric_named(&of)?;
            let fits = || holds(policy, metric, true);
            let id = instance_of(task, policy, &name, &mut None, now, fits)?;
            task.event(policy, now, id, metric, at, text)
        })
    }
}

/// A task that a fleet may look at on other threads. The lock is held for as long as one call takes: microseconds.
pub(crate) struct Shared {
    pub(crate) id: Arc<str>,
    /// `None` after it was disposed of.
    state: Mutex<Option<State>>,
    /// Whether a call failed in the middle of it.
    broken: AtomicBool,
}

impl Shared {
    pub(crate) fn new(loaded: &Arc<Loaded>, task: Task) -> Arc<Shared> {
        Arc::new(Shared {
            id: task.id().into(),
            state: Mutex::new(Some(State {
                loaded: Arc::clone(loaded),
                task,
                instances: Vec::new(),
                row: Vec::new(),
                shadow: None,
            })),
            broken: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // Panics are caught before they reach the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees the memory of the task. Whether it was there is the answer.
    pub(crate) fn dispose(&self) -> bool {
        self.lock().take().is_some()
    }

    /// Calls `work` with the task.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.lock();
        if self.broken.load(Ordering::Relaxed) {
            let message = "an earlier call failed inside of this task: make it anew, or restore it from a snapshot";
            return Err(fault(Class::State, "broken", message));
        }
        let Some(state) = state.as_mut() else {
            let message = "the task was disposed of, and cannot be used any more";
            return Err(fault(Class::State, "disposed", message));
        };
        guarded(|| work(state)).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }

    /// The same for what the task may refuse.
    pub(crate) fn task<T>(
        &self,
        work: impl FnOnce(&Loaded, &mut Task) -> std::result::Result<T, TaskError>,
    ) -> Result<T> {
        self.with(|state| work(&state.loaded, &mut state.task))?
            .map_err(task_error)
    }

    /// The same for a look.
    pub(crate) fn look<T>(&self, work: impl FnOnce(&mut State) -> std::result::Result<T, DecideError>) -> Result<T> {
        self.with(work)?.map_err(decide_error)
    }
}

/// Why a call about an instance fails.
pub(crate) enum Fault {
    Task(TaskError),
    /// The number of a metric is none.
    Metric,
}

impl From<TaskError> for Fault {
    fn from(error: TaskError) -> Fault {
        Fault::Task(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Task(error) => task_error(error),
            Fault::Metric => unknown_metric(),
        }
    }
}

/// The handle of an instance, which is made where there is none, or none any more. Whatever the core would refuse is refused before that, so that
/// a call that fails leaves no empty instance behind.
pub(crate) fn instance_of(
    task: &mut Task,
    policy: &Policy,
    name: &str,
    handle: &mut Option<InstanceId>,
    now: Millis,
    fits: impl FnOnce() -> std::result::Result<(), IngestError>,
) -> std::result::Result<InstanceId, TaskError> {
    let windows = task.windows();
    // Handles that are out of use have the empty name, as the task itself has.
    let known = handle.filter(|id| match name {
        "" => windows.find("") == Some(*id),
        name => windows.instance_name(*id) == name,
    });
    if let Some(id) = known {
        return Ok(id);
    }
    if windows.find(name).is_none() {
        windows.check_instances(policy.plan(), now, std::iter::once(name))?;
        fits()?;
    }
    let id = task.instance(policy, name)?;
    *handle = Some(id);
    Ok(id)
}

/// Whether a metric holds numbers, or events.
pub(crate) fn holds(policy: &Policy, metric: MetricId, events: bool) -> std::result::Result<(), IngestError> {
    let spec = policy.plan().catalogue().spec(metric);
    let metric = || spec.name.clone();
    match (spec.kind == Kind::Event, events) {
        (true, false) => Err(IngestError::NotANumberMetric { metric: metric() }),
        (false, true) => Err(IngestError::NotAnEventMetric { metric: metric() }),
        _ => Ok(()),
    }
}

/// The instance that the façade calls by this number.
pub(crate) fn numbered(
    instances: &mut [(String, Option<InstanceId>)],
    number: u32,
) -> std::result::Result<(&str, &mut Option<InstanceId>), TaskError> {
    match instances.get_mut(number as usize) {
        Some((name, handle)) => Ok((name, handle)),
        None => Err(TaskError::Ingest(IngestError::UnknownInstance)),
    }
}
