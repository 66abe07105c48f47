//! Many tasks of one policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dras_core::engine::LookKind;
use dras_core::metrics::ingest::MAX_NAME_BYTES;
use dras_core::metrics::{IngestError, InstanceId, Kind, MetricId};
use dras_core::units::Millis;
use napi::Result;
use napi::bindgen_prelude::{AsyncTask, BigInt64ArraySlice, Float64ArraySlice, Uint8ArraySlice, Uint32ArraySlice};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::cancel::NativeCancel;
use crate::convert::{look, time};
use crate::fault::{Class, fault, to_json};
use crate::feed::{Columns, Feed, ReadMany, answer, take_answer};
use crate::policy::{Loaded, NativePolicy};
use crate::pool::{Tasks, of_task, threads};
use crate::replace::{Replace, Walk};
use crate::state::Shared;
use crate::task::{NativeTask, task_error};
use crate::tick::Tick;

/// A set of tasks, in the order in which the façade numbers them. Places of tasks that were taken out stay empty until they are used again.
#[napi]
pub struct NativeFleet {
    members: Arc<RwLock<Members>>,
}

/// What a fleet consists of. Long work holds the lock for reading, and for a few tasks at a time, so that JavaScript never waits for it for long.
pub(crate) struct Members {
    pub(crate) policy: Arc<Loaded>,
    tasks: Vec<Option<Arc<Shared>>>,
    places: HashMap<Arc<str>, u32>,
    series: Vec<Option<Series>>,
}

/// One series of one task, resolved once.
pub(crate) struct Series {
    pub(crate) place: u32,
    pub(crate) metric: MetricId,
    pub(crate) instance: String,
    /// The core's handle, which ends when the instance has had no data for long.
    pub(crate) handle: Mutex<Option<InstanceId>>,
}

impl Members {
    pub(crate) fn task(&self, place: u32) -> Option<&Arc<Shared>> {
        self.tasks.get(place as usize)?.as_ref()
    }

    pub(crate) fn series(&self, handle: u32) -> Option<&Series> {
        self.series.get(handle as usize)?.as_ref()
    }

    /// The task of an id, with its place.
    pub(crate) fn named(&self, id: &str) -> Option<(u32, &Arc<Shared>)> {
        let place = *self.places.get(id)?;
        Some((place, self.task(place)?))
    }

    pub(crate) fn all(&self) -> Tasks {
        let tasks = self.tasks.iter().enumerate();
        tasks
            .filter_map(|(place, task)| Some((place as u32, Arc::clone(task.as_ref()?))))
            .collect()
    }

    /// Another policy for all that come, and for the handles of series. Those that are handles no more are the answer.
    pub(crate) fn replace_policy(&mut self, to: &Arc<Loaded>) -> Vec<u32> {
        let old = std::mem::replace(&mut self.policy, Arc::clone(to));
        let mut gone = Vec::new();
        for (handle, place) in self.series.iter_mut().enumerate() {
            let Some(series) = place else { continue };
            if let Ok(metric) = number_metric(&to.policy, &old.name(series.metric)) {
                series.metric = metric;
                series.handle = Mutex::new(None);
            } else {
                *place = None;
                gone.push(handle as u32);
            }
        }
        gone
    }
}

/// A metric that holds numbers.
fn number_metric(policy: &dras_core::engine::Policy, name: &str) -> Result<MetricId> {
    let id = policy.metric_named(name).map_err(task_error)?;
    if policy.plan().catalogue().spec(id).kind == Kind::Event {
        let metric = name.to_owned();
        return Err(task_error(IngestError::NotANumberMetric { metric }.into()));
    }
    Ok(id)
}

impl NativeFleet {
    fn read(&self) -> RwLockReadGuard<'_, Members> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Members> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever of columns can be wrong is found before any sample is taken.
    fn check(&self, columns: &Columns<'_>) -> Result<()> {
        columns.check()?;
        let members = self.read();
        match columns.handles.iter().find(|handle| members.series(**handle).is_none()) {
            None => Ok(()),
            Some(handle) => {
                let message = format!("{handle} is not, or no longer, the handle of a series of this fleet");
                Err(fault(Class::Input, "unknown_series", message))
            }
        }
    }

    fn chosen(&self, places: Option<Vec<u32>>) -> Tasks {
        let members = self.read();
        match places {
            None => members.all(),
            Some(places) => places
                .into_iter()
                .filter_map(|place| Some((place, Arc::clone(members.task(place)?))))
                .collect(),
        }
    }
}

#[napi]
impl NativeFleet {
    /// An empty fleet.
    #[napi(constructor, catch_unwind)]
    pub fn new(policy: &NativePolicy) -> NativeFleet {
        NativeFleet {
            members: Arc::new(RwLock::new(Members {
                policy: Arc::clone(&policy.loaded),
                tasks: Vec::new(),
                places: HashMap::new(),
                series: Vec::new(),
            })),
        }
    }

    /// Puts a task at a place.
    #[napi(catch_unwind)]
    pub fn put(&self, place: u32, task: &NativeTask) {
        let mut members = self.write();
        let at = place as usize;
        if at >= members.tasks.len() {
            members.tasks.resize(at + 1, None);
        }
        members.places.insert(Arc::clone(&task.shared.id), place);
        members.tasks[at] = Some(Arc::clone(&task.shared));
    }

    /// Empties a place.
    #[napi(catch_unwind)]
    pub fn take(&self, place: u32) {
        let mut members = self.write();
        let task = members.tasks.get_mut(place as usize).and_then(Option::take);
        if let Some(task) = task {
            members.places.remove(&task.id);
        }
    }

    /// The handle of a series.
    #[napi(catch_unwind)]
    pub fn add_series(&self, place: u32, metric: String, instance: String) -> Result<u32> {
        let mut members = self.write();
        let metric = number_metric(&members.policy.policy, &metric)?;
        // The instance is made with the first sample; a name that cannot be is refused now.
        if instance.len() > MAX_NAME_BYTES {
            return Err(task_error(IngestError::NameTooLong { bytes: instance.len() }.into()));
        }
        if members.task(place).is_none() {
            return Err(fault(Class::Input, "unknown_task", "the fleet has no such task"));
        }
        members.series.push(Some(Series {
            place,
            metric,
            instance,
            handle: Mutex::new(None),
        }));
        Ok(members.series.len() as u32 - 1)
    }

    /// Handles that are handles no more.
    #[napi(catch_unwind)]
    pub fn drop_series(&self, handles: Vec<u32>) {
        let mut members = self.write();
        for handle in handles {
            if let Some(series) = members.series.get_mut(handle as usize) {
                *series = None;
            }
        }
    }

    /// Takes samples of many series, read where they lie: a handle, a time and a value each. One time is for all.
    #[napi(catch_unwind)]
    pub fn ingest(
        &self,
        handles: Uint32ArraySlice<'_>,
        times: BigInt64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
        now: f64,
    ) -> Result<String> {
        let columns = Columns {
            now: time(now, "now")?,
            handles: &handles,
            times: &times,
            values: &values,
        };
        self.check(&columns)?;
        columns.take(&self.read()).json()
    }

    /// The same on the worker pool, of a copy.
    #[napi(catch_unwind)]
    pub fn ingest_async(
        &self,
        handles: Uint32ArraySlice<'_>,
        times: BigInt64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
        now: f64,
        threads: u32,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<Feed>> {
        let columns = Columns {
            now: time(now, "now")?,
            handles: &handles,
            times: &times,
            values: &values,
        };
        self.check(&columns)?;
        Ok(AsyncTask::new(Feed {
            members: Arc::clone(&self.members),
            now: columns.now,
            handles: handles.to_vec(),
            times: times.to_vec(),
            values: values.to_vec(),
            threads: self::threads(threads),
            cancel: cancel.flag(),
        }))
    }

    /// An answer of Prometheus about many tasks: each series goes to the task whose id is the value of the label.
    #[napi(catch_unwind)]
    pub fn read_prometheus(
        &self,
        metric: String,
        label: String,
        now: f64,
        body: Uint8ArraySlice<'_>,
    ) -> Result<String> {
        let now = time(now, "now")?;
        self.read().policy.policy.metric_named(&metric).map_err(task_error)?;
        take_answer(&self.members, now, &metric, &label, answer(&body)?, None)?.json()
    }

    /// The same on the worker pool, of a copy.
    #[napi(catch_unwind)]
    pub fn read_prometheus_async(
        &self,
        metric: String,
        label: String,
        now: f64,
        body: Uint8ArraySlice<'_>,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<ReadMany>> {
        let now = time(now, "now")?;
        self.read().policy.policy.metric_named(&metric).map_err(task_error)?;
        Ok(AsyncTask::new(ReadMany {
            members: Arc::clone(&self.members),
            now,
            metric,
            label,
            body: body.to_vec(),
            cancel: cancel.flag(),
        }))
    }

    /// The tasks that are due after `after` and at `until` at the latest, as JSON: places, times and kinds, by time.
    #[napi(catch_unwind)]
    pub fn due(&self, after: f64, until: f64) -> Result<String> {
        let (after, until) = (time(after, "after")?, time(until, "until")?);
        let mut due: Vec<(Millis, u32, LookKind)> = Vec::new();
        for (place, task) in self.chosen(None) {
            let next = task
                .task(|loaded, task| task.next_look(&loaded.policy, after))
                .map_err(|error| of_task(&task, &error))?;
            if next.at <= until {
                due.push((next.at, place, next.kind));
            }
        }
        due.sort_by_key(|(at, place, _)| (*at, *place));
        let due: Vec<Value> = due
            .into_iter()
            .map(|(at, place, look)| json!({ "place": place, "at": at, "look": look }))
            .collect();
        to_json(&due)
    }

    /// Looks at the tasks at `places`, or at all, on the worker pool.
    #[napi(catch_unwind)]
    pub fn decide(
        &self,
        now: f64,
        short: bool,
        places: Option<Vec<u32>>,
        threads: u32,
        all: bool,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<Tick>> {
        Ok(AsyncTask::new(Tick {
            now: time(now, "now")?,
            tasks: self.chosen(places),
            kind: look(short),
            threads: self::threads(threads),
            all,
            cancel: cancel.flag(),
        }))
    }

    /// What another policy would decide otherwise, on the worker pool.
    #[napi(catch_unwind)]
    pub fn differences(
        &self,
        other: &NativePolicy,
        now: f64,
        threads: u32,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<Walk>> {
        let now = time(now, "now")?;
        Ok(AsyncTask::new(self.walk(&other.loaded, Some(now), threads, cancel)))
    }

    /// Tries out another policy beside the live one of every task, on the worker pool.
    #[napi(catch_unwind)]
    pub fn start_shadow(&self, other: &NativePolicy, threads: u32, cancel: &NativeCancel) -> AsyncTask<Walk> {
        AsyncTask::new(self.walk(&other.loaded, None, threads, cancel))
    }

    /// Ends that.
    #[napi(catch_unwind)]
    pub fn stop_shadow(&self) {
        for (_, task) in self.chosen(None) {
            // A task that was disposed of has none.
            let _ = task.with(|state| state.shadow = None);
        }
    }

    /// Puts all tasks under another policy, after a look at what it would decide otherwise.
    #[napi(catch_unwind)]
    pub fn replace_policy(
        &self,
        other: &NativePolicy,
        now: f64,
        threads: u32,
        cancel: &NativeCancel,
    ) -> Result<AsyncTask<Replace>> {
        let now = time(now, "now")?;
        Ok(AsyncTask::new(Replace {
            members: Arc::clone(&self.members),
            walk: self.walk(&other.loaded, Some(now), threads, cancel),
        }))
    }

    fn walk(&self, other: &Arc<Loaded>, now: Option<Millis>, threads: u32, cancel: &NativeCancel) -> Walk {
        Walk {
            tasks: self.chosen(None),
            other: Arc::clone(other),
            now,
            threads: self::threads(threads),
            cancel: cancel.flag(),
        }
    }
}
