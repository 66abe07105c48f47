//! `dras.Fleet`: many tasks of one policy, fed by columns and looked at on all cores.

mod answer;
mod decisions;
mod documents;
mod failure;
mod keep;
mod members;
mod series;
mod tick;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use dras_core::engine;
use dras_core::metrics::{Accepted, IngestError, Kind};
use dras_core::units::Millis;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDateTime, PyDict, PyInt, PyList, PyString, PyTuple};

use answer::NotTaken;
pub(crate) use decisions::FleetDecisions;
use failure::{Failure, failures};
use members::{Member, Members};
use series::{Samples, Series, SeriesTable};
use tick::Tick;

use crate::columns::{floats, handles, times};
use crate::convert::{body, items, shortened, str_of, text, texts, time, word};
use crate::errors::{Class, bad_input};
use crate::lock::{Shared, guarded};
use crate::policy::{Policy, threads};
use crate::signals::Signals;
use crate::task::{
    Task, accepted, attribute_value, attributes_of, carried, difference, labels_of, look_kind, policy_of, task_error,
};

/// Many tasks of one policy, fed by columns and looked at on all cores.
///
/// >>> import dras
/// >>> fleet = dras.Fleet(dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]}), ["orders", "bills"])
/// >>> now = 1_800_000_000_000
/// >>> handles = [fleet.series(task, "cpu", "tm-1") for task in fleet]
/// >>> fleet.ingest(handles, now, [0.93, 0.41], now=now).accepted.stored
/// 2
/// >>> decisions = fleet.decide(now)
/// >>> decisions.looked, len(decisions)
/// (2, 0)
///
/// Everything may be called from several threads. Where a call fails for one task, it goes on for the others and reports the task in ``errors``.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Fleet {
    /// Of tasks that are added, and of all that were not moved to another one alone.
    policy: Shared<Policy>,
    members: Shared<Members>,
    series: Shared<SeriesTable>,
}

impl Fleet {
    fn member(&self, py: Python<'_>, id: &str) -> PyResult<Member> {
        self.members.with(py, |members| members.get(id))?.ok_or_else(|| {
            let message = format!("there is no task \"{}\" in the fleet", shortened(id));
            bad_input(py, "unknown_task", message)
        })
    }

    fn tasks(&self, py: Python<'_>) -> PyResult<Arc<Vec<Option<Member>>>> {
        self.members.with(py, |members| Arc::clone(&members.tasks))
    }

    /// The tasks to look at: those that are named, or all.
    fn chosen(&self, py: Python<'_>, names: Option<&Bound<'_, PyAny>>) -> PyResult<Arc<Vec<Option<Member>>>> {
        let Some(names) = names else { return self.tasks(py) };
        let mut names = texts(names, "tasks")?;
        names.sort_unstable();
        names.dedup();
        let found = self.members.with(py, |members| {
            let mut found: Vec<(usize, Option<Member>)> = Vec::with_capacity(names.len());
            for name in &names {
                let place = members.place(name).ok_or(name)?;
                found.push((place, members.tasks.get(place).cloned().flatten()));
            }
            found.sort_unstable_by_key(|f| f.0);
            Ok::<_, &String>(found.into_iter().map(|f| f.1).collect())
        })?;
        found.map(Arc::new).map_err(|name| {
            bad_input(
                py,
                "unknown_task",
                format!("there is no task \"{}\" in the fleet", shortened(name)),
            )
        })
    }
}

impl Fleet {
    /// Takes samples piece by piece, so that others come to their turn and Ctrl-C is heard.
    fn take(&self, py: Python<'_>, now: Millis, samples: &Samples<'_>) -> PyResult<(Accepted, Vec<Failure>)> {
        let wrong = self.series.with_detached(py, |table| table.wrong(samples.handles))?;
        if let Some(handle) = wrong {
            let message = format!(
                "{handle} is not the handle of a series of this fleet: ask `series` for it, and again after its task was removed"
            );
            return Err(bad_input(py, "unknown_series", message));
        }
        let (mut taken, mut failed) = (Accepted::default(), Vec::new());
        let mut from = 0;
        let mut signals = Signals::new();
        for end in py.detach(|| samples.pieces()) {
            let piece = samples.part(from..end);
            from = end;
            self.series
                .with_detached(py, |table| table.take(now, &piece, &mut taken, &mut failed))?;
            if signals.due() {
                py.check_signals()?;
            }
        }
        Ok((taken, failed))
    }

    fn put(&self, py: Python<'_>, task: Task) -> PyResult<Task> {
        let member = Member {
            id: Arc::clone(&task.id),
            state: Arc::clone(&task.state),
        };
        let added = self.members.with(py, |members| {
            let new = members.place(&member.id).is_none();
            if new {
                members.add(member);
            }
            new
        })?;
        if added {
            return Ok(task);
        }
        let message = format!("the fleet has a task \"{}\" already", shortened(&task.id));
        Err(bad_input(py, "duplicate_task", message))
    }

    fn empty(policy: &Policy) -> Fleet {
        Fleet {
            policy: Shared::new(policy.clone()),
            members: Shared::new(Members::default()),
            series: Shared::new(SeriesTable::default()),
        }
    }
}

#[pymethods]
impl Fleet {
    #[new]
    #[pyo3(signature = (policy, tasks=None))]
    fn new(policy: &Bound<'_, PyAny>, tasks: Option<&Bound<'_, PyAny>>) -> PyResult<Fleet> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        let fleet = Fleet::empty(policy);
        for id in tasks.map_or(Ok(Vec::new()), |tasks| texts(tasks, "tasks"))? {
            let task = Task::of(policy, &id).map_err(|error| task_error(py, &error))?;
            fleet.put(py, task)?;
        }
        Ok(fleet)
    }

    /// The policy of all its tasks.
    #[getter]
    fn policy(&self, py: Python<'_>) -> PyResult<Policy> {
        self.policy.with(py, |policy| policy.clone())
    }

    /// Adds a task and gives it: a new one of that id, or one that there is already, such as one restored from a snapshot.
    ///
    /// Raises:
    ///     InputError: the fleet has a task of that id.
    ///     TaskError: an attribute is unknown or of another type.
    #[pyo3(signature = (task, *, attributes=None, labels=None))]
    fn add(
        &self,
        py: Python<'_>,
        task: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
        labels: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Task> {
        let task = match task.cast::<Task>() {
            Ok(task) => task.get().again(),
            Err(_) => Task::of(&self.policy(py)?, text(task, "task")?).map_err(|error| task_error(py, &error))?,
        };
        let policy = task.policy(py)?;
        let attributes = attributes
            .map(|given| attributes_of(policy.core(), given))
            .transpose()?;
        let labels = labels.map(labels_of).transpose()?;
        task.with(py, |state| {
            for (name, value) in labels.iter().flatten() {
                state.task.set_label(name, value)?;
            }
            attributes.map_or(Ok(()), |attributes| state.set(&attributes))
        })?;
        self.put(py, task)
    }

    /// Removes a task; handles of its series are no handles any more.
    ///
    /// Raises:
    ///     InputError: the fleet has no such task.
    fn remove(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = text(id, "id")?;
        let member = self.member(py, id)?;
        self.members.with(py, |members| members.remove(id))?;
        self.series.with(py, |series| {
            for place in series
                .known
                .remove(&member.id)
                .into_iter()
                .flat_map(BTreeMap::into_values)
            {
                series.all[place].member = None;
            }
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.members.with(py, |members| members.len())
    }

    fn __contains__(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(id) = id.cast::<PyString>() else {
            return Ok(false);
        };
        let id = str_of(id, "id")?;
        self.members.with(py, |members| members.place(id).is_some())
    }

    /// The task of that id: the task itself, not a copy.
    fn __getitem__(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Task> {
        let member = self.member(py, text(id, "id")?)?;
        Ok(Task {
            id: member.id,
            state: member.state,
        })
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.ids(py)?.try_iter()?.into_any())
    }

    /// The ids of its tasks, in the order in which they were added.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let tasks = self.tasks(py)?;
        let ids: Vec<&str> = tasks.iter().flatten().map(|m| &*m.id).collect();
        PyTuple::new(py, ids)
    }

    /// Sets one attribute of many tasks, by their ids.
    ///
    /// Raises:
    ///     InputError: the fleet has no such task; nothing is changed then.
    ///     TaskError: the attribute is unknown or of another type.
    fn set(&self, py: Python<'_>, attribute: &Bound<'_, PyAny>, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let attribute = text(attribute, "attribute")?;
        let mut all = Vec::new();
        for (id, value) in items(values, "the values")? {
            let member = self.member(py, str_of(&id, "id")?)?;
            let value = if value.is_none() {
                None
            } else {
                let policy = member.state.with(py, |state| state.policy.clone())?;
                Some(attribute_value(policy.core(), attribute, &value)?)
            };
            all.push((member, value));
        }
        for (member, value) in all {
            let done = member
                .state
                .with(py, |state| state.set(&vec![(attribute.to_owned(), value)]))?;
            done.map_err(|error| task_error(py, &error))?;
        }
        Ok(())
    }

    /// The handle of a series of a task: resolved once, for ``ingest``. It stays the same for the life of the task.
    ///
    /// Raises:
    ///     InputError: the fleet has no such task.
    ///     TaskError: the metric is unknown or holds texts.
    #[pyo3(signature = (task, metric, instance=None))]
    fn series(
        &self,
        py: Python<'_>,
        task: &Bound<'_, PyAny>,
        metric: &Bound<'_, PyAny>,
        instance: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let member = self.member(py, text(task, "task")?)?;
        let metric = text(metric, "metric")?;
        let instance = instance.map_or(Ok(""), |instance| text(instance, "instance"))?;
        let policy = member.state.with(py, |state| state.policy.clone())?;
        let policy = policy.core();
        let id = policy.metric_named(metric).map_err(|error| task_error(py, &error))?;
        if policy.plan().catalogue().spec(id).kind == Kind::Event {
            let error = IngestError::NotANumberMetric {
                metric: metric.to_owned(),
            };
            return Err(task_error(py, &error.into()));
        }
        // Made with the first sample; a name that cannot be is refused now.
        if instance.len() > dras_core::metrics::ingest::MAX_NAME_BYTES {
            let error = IngestError::NameTooLong { bytes: instance.len() };
            return Err(task_error(py, &error.into()));
        }
        self.series.with(py, |series| {
            let next = series.all.len();
            let of_task = series.known.entry(Arc::clone(&member.id)).or_default();
            let place = *of_task.entry((metric.into(), instance.into())).or_insert(next);
            if place == next {
                series.all.push(Series {
                    member: Some(member),
                    metric: metric.into(),
                    instance: instance.into(),
                    handles: None,
                });
            }
            place
        })
    }

    /// Takes samples of many series: for each a handle (``int64``), a time (``int64``, or one for all) and a value (``float64``).
    ///
    /// Samples of one series that stand one after the other are taken together. Arrays are read where they lie, with the interpreter released. Ctrl-C
    /// ends the call with a part of the samples taken; handing over all of them again does no harm.
    ///
    /// Raises:
    ///     InputError: a handle is not one of this fleet, or columns are not equally long; nothing is taken then.
    #[pyo3(signature = (series, times, values, *, now))]
    fn ingest<'py>(
        &self,
        py: Python<'py>,
        series: &Bound<'py, PyAny>,
        times: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let now = time(now, "now")?;
        let (handles, values) = (handles(series, "series")?, floats(values, "values")?);
        // One time for all, or a column of times. What is meant as a time is refused as one.
        let one_time = if times.is_instance_of::<PyInt>() || times.is_instance_of::<PyDateTime>() {
            Some(time(times, "times")?)
        } else {
            time(times, "times").ok()
        };
        let times = match one_time {
            Some(_) => None,
            None => Some(self::times(times, "times")?),
        };
        let (handles, values) = (handles.as_slice(), values.as_slice());
        let times: &[Millis] = times.as_ref().map_or(&[], |times| times.as_slice());
        if handles.len() != values.len() || (one_time.is_none() && times.len() != values.len()) {
            let message = format!(
                "{} series, {} and {} values were given; they must be equally many",
                handles.len(),
                one_time.map_or_else(|| format!("{} times", times.len()), |_| "one time".to_owned()),
                values.len()
            );
            return Err(bad_input(py, "column_length", message));
        }
        let samples = Samples {
            handles,
            times,
            one_time: one_time.unwrap_or(0),
            values,
        };
        let (taken, failed) = self.take(py, now, &samples)?;
        let class = py.import("dras._data")?.getattr("FleetReport")?;
        class.call1((accepted(py, taken)?, failures(py, &failed)?, PyTuple::empty(py)))
    }

    /// Reads one answer of Prometheus about many tasks; the value of ``label`` is a series' task.
    ///
    /// Raises:
    ///     ReadError: the body is not such an answer; nothing is taken then.
    ///     TaskError: the metric is unknown.
    #[pyo3(signature = (metric, body, *, label, now))]
    fn read_prometheus<'py>(
        &self,
        py: Python<'py>,
        metric: &Bound<'py, PyAny>,
        body: &Bound<'py, PyAny>,
        label: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (metric, label, now) = (text(metric, "metric")?, text(label, "label")?, time(now, "now")?);
        let body = self::body(body, "body")?;
        let policy = self.policy(py)?;
        policy
            .core()
            .metric_named(metric)
            .map_err(|error| task_error(py, &error))?;
        let members = self.members.with(py, |members| members.clone())?;
        let taken = py.detach(|| guarded(|| answer::take(&members, now, metric, label, &body)));
        let (report, failed) = taken.map_err(|error| error.error(py))?.map_err(|ended| match ended {
            NotTaken::Unreadable(error) => Class::Read.error(py, error.to_string(), error.code()),
            NotTaken::Raised(error) => error,
        })?;
        let class = py.import("dras._data")?.getattr("FleetReport")?;
        class.call1((
            accepted(py, report.accepted)?,
            failures(py, &failed)?,
            PyTuple::new(py, &report.notes)?,
        ))
    }

    /// The tasks for which a look is due after ``after`` and not after ``until``, by the kind of the look; a long look takes the place of short
    /// ones.
    fn due<'py>(
        &self,
        py: Python<'py>,
        after: &Bound<'py, PyAny>,
        until: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (after, until) = (time(after, "after")?, time(until, "until")?);
        let tasks = self.tasks(py)?;
        let due = documents::due(py, &tasks, after, until)?;
        let dict = PyDict::new(py);
        for (look, members) in ["long", "short"].into_iter().zip(&due) {
            if !members.is_empty() {
                dict.set_item(look, PyList::new(py, members.iter().map(|m| &*m.id))?)?;
            }
        }
        Ok(dict)
    }

    /// Looks at all tasks, or at those named, on all cores or on ``threads`` threads, with the interpreter released.
    ///
    /// Decisions that matter are kept, with ``keep="all"`` all of them. Ctrl-C ends the call between two tasks: those that were looked at have been,
    /// and the look can be taken again at the same ``now``.
    ///
    /// Raises:
    ///     InputError: the fleet has no such task.
    #[pyo3(signature = (now, *, look=None, tasks=None, keep=None, threads=None))]
    fn decide(
        &self,
        py: Python<'_>,
        now: &Bound<'_, PyAny>,
        look: Option<&Bound<'_, PyAny>>,
        tasks: Option<&Bound<'_, PyAny>>,
        keep: Option<&Bound<'_, PyAny>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<FleetDecisions> {
        let (now, kind) = (time(now, "now")?, look_kind(look)?);
        let all = keep.map_or(Ok(false), |keep| {
            word(keep, "keep", &[("matters", false), ("all", true)])
        })?;
        let threads = self::threads(threads)?;
        let chosen = self.chosen(py, tasks)?;
        let tick = Tick {
            tasks: &chosen,
            now,
            kind,
            all,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        };
        let looked = tick.run(py, self.policy(py)?.core(), threads)?;
        Ok(FleetDecisions {
            at: now,
            looked: looked.looked,
            fired: looked.fired,
            undefined: looked.undefined,
            kept: looked
                .kept
                .into_iter()
                .map(|(_, policy, decision)| (policy, Arc::new(decision)))
                .collect(),
            differences: looked.differences.into_iter().map(|d| d.1).collect(),
            failures: looked.failures.into_iter().map(|f| f.1).collect(),
        })
    }

    /// The tasks about which another document would decide otherwise, if both looked at them now. Nothing is changed.
    ///
    /// Raises:
    ///     TaskError: ``now`` went back for a task.
    #[pyo3(signature = (policy, now, /))]
    fn compare<'py>(&self, policy: &Bound<'py, PyAny>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = policy.py();
        let (policy, now) = (policy_of(policy)?, time(now, "now")?);
        let found = documents::compared(py, &self.tasks(py)?, policy, now)?;
        let all = found.iter().map(|found| difference(py, found));
        PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
    }

    /// Moves all tasks to another document, and says what is decided otherwise now and what could not go along. Handles of series stay.
    ///
    /// Raises:
    ///     TaskError: ``now`` went back for a task; nothing is changed then.
    #[pyo3(signature = (policy, now, /))]
    fn replace<'py>(&self, policy: &Bound<'py, PyAny>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = policy.py();
        let (policy, now) = (policy_of(policy)?, time(now, "now")?);
        // Whatever cannot be is found before anything is changed.
        let tasks = self.tasks(py)?;
        let found = documents::compared(py, &tasks, policy, now)?;
        self.policy.with(py, |live| *live = policy.clone())?;
        let moved = documents::moved(py, &tasks, policy)?;
        let left = PyDict::new(py);
        for (member, carried_along) in &moved {
            left.set_item(&*member.id, carried(py, carried_along)?)?;
        }
        let differences = found.iter().map(|found| difference(py, found));
        let differences = PyTuple::new(py, differences.collect::<PyResult<Vec<_>>>()?)?;
        py.import("dras._data")?.getattr("Replaced")?.call1((differences, left))
    }

    /// Tries out another document beside the live one of every task, in place of those that are tried out already; ``decide`` reports
    /// ``differences``. Where it ends early, by Ctrl-C for example, no task has a shadow that this call began.
    #[pyo3(signature = (policy, /))]
    fn start_shadow(&self, policy: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        documents::start_shadows(py, &self.tasks(py)?, policy)
    }

    /// Ends that.
    fn stop_shadow(&self, py: Python<'_>) -> PyResult<()> {
        let tasks = self.tasks(py)?;
        tasks
            .iter()
            .flatten()
            .try_for_each(|member| member.state.with(py, |state| state.shadow = None))
    }

    /// The snapshots of all tasks, by their ids, in the order of the fleet. Fleets can be pickled, too.
    fn snapshots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tasks = self.tasks(py)?;
        let dict = PyDict::new(py);
        for kept in keep::snapshots(py, &tasks)? {
            dict.set_item(&*kept.member.id, PyBytes::new(py, &kept.bytes))?;
        }
        Ok(dict)
    }

    /// The fleet of what ``snapshots`` gave, or of several snapshots, under the same document or another one; and what could not go along, by the
    /// ids of the tasks that left something behind. Handles of series are new: ask ``series`` for them.
    ///
    /// Raises:
    ///     SnapshotError: the bytes of a task are no snapshot, were cut short or changed, or are those of another task.
    ///     InputError: two are of the same task.
    #[staticmethod]
    #[pyo3(signature = (policy, snapshots, /))]
    fn restore<'py>(
        policy: &Bound<'py, PyAny>,
        snapshots: &Bound<'py, PyAny>,
    ) -> PyResult<(Fleet, Bound<'py, PyDict>)> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        let fleet = Fleet::empty(policy);
        let dict = PyDict::new(py);
        for (task, left) in keep::restored(py, policy, snapshots)? {
            let task = fleet.put(py, task)?;
            if left != engine::Carried::default() {
                dict.set_item(&*task.id, carried(py, &left)?)?;
            }
        }
        Ok((fleet, dict))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Policy, Bound<'py, PyTuple>))> {
        let restore = py.import("dras._data")?.getattr("restore_fleet")?;
        let (policy, tasks) = (self.policy(py)?, self.tasks(py)?);
        let kept = keep::pickled(py, &policy, keep::snapshots(py, &tasks)?)?;
        Ok((restore, (policy, kept)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "<Fleet of {} tasks, policy {:?}>",
            self.__len__(py)?,
            self.policy(py)?.core().name()
        ))
    }
}
