//! `dras.Task`: one running Flink job.

mod column;
mod convert;
mod state;

use std::sync::Arc;

use dras_core::engine::{self, AttributeValue, ReadError};
use dras_core::metrics::{Mark, MetricId};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use convert::{Attributes, decide_error, key_of, read_error, read_report};
pub(crate) use convert::{
    accepted, attribute_value, attributes_of, carried, configuration_entries, difference, labels_of, look_kind,
    policy_of, snapshot_bytes, task_error,
};
pub(crate) use state::State;

use crate::columns::{floats, times};
use crate::convert::{body, items, number, str_of, text, time, time_or, word};
use crate::decision::Decision;
use crate::errors::bad_input;
use crate::lock::{Shared as Lock, guarded};
use crate::policy::Policy;
use crate::python::Data;
use crate::to_python::to_python;

/// One running Flink job, as dras sees it: its attributes, the windows of its metrics, how long each rule's condition has held, and its history.
///
/// ``now`` is the present, which must not go back for one task; ``at`` is when something happened, and the same as ``now`` where it is left out.
///
/// Raises:
///     TaskError: an attribute is unknown or of another type.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Task {
    pub(crate) id: Arc<str>,
    pub(crate) state: Arc<Lock<State>>,
}

impl Task {
    pub(crate) fn around(policy: Policy, task: engine::Task) -> Task {
        Task {
            id: task.id().into(),
            state: Arc::new(Lock::new(State {
                policy,
                task,
                shadow: None,
            })),
        }
    }

    pub(crate) fn of(policy: &Policy, id: &str) -> Result<Task, engine::TaskError> {
        Ok(Task::around(policy.clone(), engine::Task::new(policy.core(), id)?))
    }

    /// Another name of the same task.
    pub(crate) fn again(&self) -> Task {
        Task {
            id: Arc::clone(&self.id),
            state: Arc::clone(&self.state),
        }
    }

    /// Calls `work` with the interpreter held.
    pub(crate) fn with<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> Result<R, engine::TaskError>,
    ) -> PyResult<R> {
        self.state.with(py, work)?.map_err(|error| task_error(py, &error))
    }

    fn read(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> Result<engine::ReadReport, ReadError> + Send,
    ) -> PyResult<Py<PyAny>> {
        let report = self
            .state
            .with_detached(py, work)?
            .map_err(|error| read_error(py, &error))?;
        Ok(read_report(py, &report)?.unbind())
    }

    /// Instances and handles of metrics by their names.
    fn named(given: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        given.map_or(Ok(String::new()), |given| Ok(text(given, "instance")?.to_owned()))
    }
}

#[pymethods]
impl Task {
    #[new]
    #[pyo3(signature = (policy, id, *, attributes=None, labels=None))]
    fn new(
        policy: &Bound<'_, PyAny>,
        id: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
        labels: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Task> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        let task = Task::of(policy, text(id, "id")?).map_err(|error| task_error(py, &error))?;
        if let Some(labels) = labels {
            task.set_labels(py, labels)?;
        }
        if let Some(attributes) = attributes {
            let attributes = attributes_of(policy.core(), attributes)?;
            task.with(py, |state| state.set(&attributes))?;
        }
        Ok(task)
    }

    /// The platform's name for it.
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// The policy that it belongs to.
    #[getter]
    pub(crate) fn policy(&self, py: Python<'_>) -> PyResult<Policy> {
        self.state.with(py, |state| state.policy.clone())
    }

    /// Sets attributes, all or none; ``None`` makes one undefined again. Numbers are in the declared unit, seconds and bytes for built-in ones.
    ///
    /// >>> import dras
    /// >>> task = dras.Task(dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]}), "orders")
    /// >>> task.set(parallelism=4, task_manager_memory="4GiB", task_type="sql")
    ///
    /// Raises:
    ///     TaskError: there is no such attribute, it is of another type, it cannot be set, or its number is not finite.
    #[pyo3(signature = (attributes=None, /, **more))]
    fn set(
        &self,
        py: Python<'_>,
        attributes: Option<&Bound<'_, PyAny>>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let policy = self.policy(py)?;
        let mut all = attributes.map_or(Ok(Attributes::new()), |given| attributes_of(policy.core(), given))?;
        if let Some(more) = more {
            all.extend(attributes_of(policy.core(), more)?);
        }
        self.with(py, |state| state.set(&all))
    }

    /// Sets labels: what ``{{labels}}`` in queries selects the task's series with.
    ///
    /// Raises:
    ///     TaskError: there are too many labels, or one is too long.
    fn set_labels(&self, py: Python<'_>, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        let labels = labels_of(labels)?;
        self.with(py, |state| {
            labels
                .iter()
                .try_for_each(|(name, value)| state.task.set_label(name, value))
        })
    }

    /// Takes the Flink configuration that the task runs with. From it follow the attributes of all components of memory, so that rules can set
    /// them, and the number of slots. Entries that are about something else are not looked at.
    ///
    /// Raises:
    ///     TaskError: Flink would not start with it; the message says why.
    fn set_flink_configuration(&self, py: Python<'_>, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let all = configuration_entries(entries)?;
        self.with(py, |state| state.task.set_flink_configuration(state.policy.core(), all))
    }

    /// Takes one scrape: values of several metrics, in their declared units, at one time. ``None`` and NaN are "asked, not available".
    ///
    /// ``instance`` names a TaskManager or subtask; without it the values are of the task itself.
    ///
    /// Raises:
    ///     TaskError: a metric is unknown or holds texts, or ``now`` went back.
    #[pyo3(signature = (values, /, *, now, at=None, instance=None))]
    fn row<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        at: Option<&Bound<'py, PyAny>>,
        instance: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let now = time(now, "now")?;
        let at = time_or(at, "at", now)?;
        let instance = Task::named(instance)?;
        let policy = self.policy(py)?;
        let values = items(values, "the values")?;
        let mut row: Vec<(&str, f64)> = Vec::with_capacity(values.len());
        for (name, value) in &values {
            let name = str_of(name, "the name of a metric")?;
            let metric = policy
                .core()
                .metric_named(name)
                .map_err(|error| task_error(py, &error))?;
            let unit = &policy.core().plan().catalogue().spec(metric).unit;
            let value = if value.is_none() {
                // Asked for, and not available.
                f64::NAN
            } else {
                number(value, unit.dimension, unit.factor, || format!("the metric `{name}`"))?
            };
            row.push((name, value));
        }
        let mut handles: Vec<(MetricId, f64)> = Vec::with_capacity(row.len());
        let taken = self.with(py, |state| {
            state.feed(&[], |policy, task| {
                handles.clear();
                for (name, value) in &row {
                    // What the live document has was seen above; a shadow may have less.
                    if let Some(metric) = policy.metric(name) {
                        handles.push((metric, *value));
                    }
                }
                let instance = task.instance(policy, &instance)?;
                task.row(policy, now, instance, at, &handles)
            })
        })?;
        accepted(py, taken)
    }

    /// Takes many samples of one series, in any order. Arrays are read where they lie. Ctrl-C ends a call with millions of samples with a part of
    /// them taken; handing over all of them again does no harm.
    ///
    /// Raises:
    ///     TaskError: the metric is unknown or holds texts, ``now`` went back, or times and values are not equally many.
    ///     InputTypeError: a column is of another element type or does not lie in one piece.
    #[pyo3(signature = (metric, times, values, *, now, instance=None))]
    fn column<'py>(
        &self,
        py: Python<'py>,
        metric: &Bound<'py, PyAny>,
        times: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        instance: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let now = time(now, "now")?;
        let metric = text(metric, "metric")?;
        let instance = Task::named(instance)?;
        let (times, values) = (self::times(times, "times")?, floats(values, "values")?);
        let (times, values) = (times.as_slice(), values.as_slice());
        accepted(py, column::take(self, py, now, metric, &instance, times, values)?)
    }

    /// Takes an event: an exception or another log line. One that is there already is recognised.
    ///
    /// Raises:
    ///     TaskError: the metric is unknown or holds numbers, or ``now`` went back.
    #[pyo3(signature = (metric, message, *, now, at=None, instance=None))]
    fn event<'py>(
        &self,
        py: Python<'py>,
        metric: &Bound<'py, PyAny>,
        message: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        at: Option<&Bound<'py, PyAny>>,
        instance: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let now = time(now, "now")?;
        let at = time_or(at, "at", now)?;
        let (metric, message) = (text(metric, "metric")?, text(message, "message")?);
        let instance = Task::named(instance)?;
        let taken = self.with(py, |state| {
            state.feed(&[metric], |policy, task| {
                let metric = policy.metric_named(metric)?;
                let instance = task.instance(policy, &instance)?;
                task.event(policy, now, instance, metric, at, message)
            })
        })?;
        accepted(py, taken)
    }

    /// Says that all events of the metric up to ``until`` were handed over. Without it the absence of events says nothing.
    ///
    /// Raises:
    ///     TaskError: the metric is unknown or holds numbers, or ``now`` went back.
    #[pyo3(signature = (metric, *, now, until=None))]
    fn observed(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        until: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let now = time(now, "now")?;
        let until = time_or(until, "until", now)?;
        let metric = text(metric, "metric")?;
        self.with(py, |state| {
            state.feed(&[metric], |policy, task| {
                task.observed(policy, now, policy.metric_named(metric)?, until)
            })
        })
    }

    /// Marks a restart or a change of resources: samples from before it, and from the warm-up after it, do not count in windows.
    #[pyo3(signature = (mark, at))]
    fn mark(&self, py: Python<'_>, mark: &Bound<'_, PyAny>, at: &Bound<'_, PyAny>) -> PyResult<()> {
        let mark = word(mark, "mark", &[("restart", Mark::Restart), ("change", Mark::Change)])?;
        let at = time(at, "at")?;
        self.with(py, |state| {
            state.task.mark(at, mark);
            Ok(())
        })
    }

    /// Says that an instance has ended, or one metric of it: it leaves everything over instances at once, without waiting to go stale.
    ///
    /// Raises:
    ///     TaskError: the metric is unknown.
    #[pyo3(signature = (instance, at, *, metric=None))]
    fn end(
        &self,
        py: Python<'_>,
        instance: &Bound<'_, PyAny>,
        at: &Bound<'_, PyAny>,
        metric: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let instance = text(instance, "instance")?;
        let at = time(at, "at")?;
        let metric = metric.map(|metric| text(metric, "metric")).transpose()?;
        self.with(py, |state| {
            state.feed(metric.as_slice(), |policy, task| {
                let metric = metric.map(|name| policy.metric_named(name)).transpose()?;
                let instance = task.instance(policy, instance)?;
                task.end(policy, instance, metric, at)
            })
        })
    }

    /// The range queries whose answers complete the task's windows at ``now``: hand each answer to ``read_prometheus``, in this order.
    ///
    /// Raises:
    ///     TaskError: a label or attribute that a query needs is not set.
    #[pyo3(signature = (now, *, look=None))]
    fn queries<'py>(
        &self,
        py: Python<'py>,
        now: &Bound<'py, PyAny>,
        look: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (now, kind) = (time(now, "now")?, look_kind(look)?);
        let queries = self
            .state
            .with(py, |state| state.task.queries_for(state.policy.core(), now, kind))?;
        let queries = queries.map_err(|error| read_error(py, &error))?;
        let query = |q: &dras_core::metrics::sources::RangeQuery| {
            let (path, form) = q.path_and_form();
            Data::Query.make(py, (&q.metric, &q.promql, q.start, q.end, q.step, path, form))
        };
        PyTuple::new(py, queries.iter().map(query).collect::<PyResult<Vec<_>>>()?)
    }

    /// Reads the body of an answer of Prometheus' ``/api/v1/query`` or ``/api/v1/query_range``. Each series is an instance.
    ///
    /// Raises:
    ///     ReadError: the body is not such an answer, says an error, or its series cannot be told apart.
    ///     TaskError: the metric is unknown, or ``now`` went back.
    #[pyo3(signature = (metric, body, *, now))]
    fn read_prometheus(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let (metric, now) = (text(metric, "metric")?, time(now, "now")?);
        let body = self::body(body, "body")?;
        self.read(py, |state| {
            state.feed(&[metric], |policy, task| {
                task.read_prometheus(policy, now, metric, &body)
            })
        })
    }

    /// Reads the body of an answer of Flink's ``/jobs/:id/metrics``, ``/taskmanagers/:id/metrics`` or ``/jobs/:id/vertices/:id/metrics`` that was
    /// fetched at ``at``; ``instance`` names what was asked.
    ///
    /// Raises:
    ///     ReadError: the body is not such an answer.
    ///     TaskError: ``now`` went back.
    #[pyo3(signature = (body, *, now, at=None, instance=None))]
    fn read_flink_metrics(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        at: Option<&Bound<'_, PyAny>>,
        instance: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let now = time(now, "now")?;
        let at = time_or(at, "at", now)?;
        let instance = Task::named(instance)?;
        let body = self::body(body, "body")?;
        self.read(py, |state| {
            state.feed(&[], |policy, task| {
                task.read_flink_metrics(policy, now, &instance, at, &body)
            })
        })
    }

    /// Reads the body of an answer of Flink's ``/jobs/:id/exceptions`` that was fetched at ``at`` into an event metric.
    ///
    /// Raises:
    ///     ReadError: the body is not such an answer, or the metric holds numbers.
    ///     TaskError: the metric is unknown, or ``now`` went back.
    #[pyo3(signature = (metric, body, *, now, at=None))]
    fn read_flink_exceptions(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (metric, now) = (text(metric, "metric")?, time(now, "now")?);
        let at = time_or(at, "at", now)?;
        let body = self::body(body, "body")?;
        self.read(py, |state| {
            state.feed(&[metric], |policy, task| {
                task.read_flink_exceptions(policy, now, metric, at, &body)
            })
        })
    }

    /// Looks at the task and decides. ``look="short"`` looks at urgent rules only, and takes nothing away.
    ///
    /// The same policy, samples, attributes and times of looks give the same decision, to the bit, in Rust, Python and Node.
    ///
    /// Raises:
    ///     TaskError: ``now`` went back.
    #[pyo3(signature = (now, *, look=None))]
    fn decide(&self, py: Python<'_>, now: &Bound<'_, PyAny>, look: Option<&Bound<'_, PyAny>>) -> PyResult<Decision> {
        let (now, kind) = (time(now, "now")?, look_kind(look)?);
        // A look takes microseconds, less than it takes to release the interpreter and to ask for it again under load.
        let decided = self.state.with(py, |state| {
            // Filled where it stays: decisions are large.
            let mut decision = Arc::new(engine::Decision::new(state.policy.core()));
            if let Some(decision) = Arc::get_mut(&mut decision) {
                state.decide_into(now, kind, decision)?;
            }
            Ok((decision, state.policy.clone()))
        })?;
        match decided {
            Ok((decision, policy)) => Ok(Decision::shared(decision, policy)),
            Err(error) => Err(decide_error(py, &error)),
        }
    }

    /// The first look that is due after ``after``, by the document's ``timing``; spread, so that tasks take turns.
    #[pyo3(signature = (after))]
    fn next_look<'py>(&self, py: Python<'py>, after: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let after = time(after, "after")?;
        let next = self.with(py, |state| state.task.next_look(state.policy.core(), after))?;
        Data::NextLook.make(py, (next.at, to_python(py, &next.kind)?))
    }

    /// Says that an instruction (or its key) was applied, and that the task has run with it since ``at``. The same again changes nothing.
    ///
    /// Raises:
    ///     TaskError: it was never given, was reported as failed, or ``at`` is before it was given or in the future.
    #[pyo3(signature = (instruction, *, now, at=None))]
    fn applied(
        &self,
        py: Python<'_>,
        instruction: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let key = key_of(instruction)?;
        let now = time(now, "now")?;
        let at = time_or(at, "at", now)?;
        self.with(py, |state| state.task.applied(state.policy.core(), now, &key, at))
    }

    /// Says that an instruction (or its key) could not be applied, and why.
    ///
    /// Raises:
    ///     TaskError: it was never given, was reported as applied, or ``at`` is before it was given or in the future.
    #[pyo3(signature = (instruction, reason, *, now, at=None))]
    fn failed(
        &self,
        py: Python<'_>,
        instruction: &Bound<'_, PyAny>,
        reason: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let key = key_of(instruction)?;
        let reason = text(reason, "reason")?;
        let now = time(now, "now")?;
        let at = time_or(at, "at", now)?;
        self.with(py, |state| {
            state.task.failed(state.policy.core(), now, &key, at, reason)
        })
    }

    /// What was instructed, applied, and done by somebody else.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let history = self.state.with(py, |state| state.task.history().clone())?;
        py.import("dras._data")?
            .getattr("History")?
            .call_method1("_of", (to_python(py, &history)?,))
    }

    /// What became of the samples that it was given.
    #[getter]
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let counters = self.state.with(py, |state| state.task.counters())?;
        let fields = to_python(py, &counters)?;
        Data::Counters
            .class(py)?
            .call((), Some(fields.cast::<PyDict>().map_err(PyErr::from)?))
    }

    /// The attributes that are set, in seconds, bytes and plain numbers.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = self.state.with(py, |state| {
            let policy = state.policy.core();
            let known = policy.attributes().iter().filter_map(|a| {
                let value = state.task.attribute(policy.attribute(&a.name)?)?;
                Some((a.name.clone(), value))
            });
            known.collect::<Vec<_>>()
        })?;
        let dict = PyDict::new(py);
        for (name, value) in values {
            match value {
                AttributeValue::Number(x) => dict.set_item(name, x)?,
                AttributeValue::Bool(b) => dict.set_item(name, b)?,
                AttributeValue::Text(text) => dict.set_item(name, text)?,
            }
        }
        Ok(dict)
    }

    /// The whole state as bytes: attributes, labels, windows, how long rules have held, history. Equal states give equal bytes, and a later
    /// version of dras reads them. Tasks can be pickled, too.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self
            .state
            .with_detached(py, |state| state.task.snapshot(state.policy.core()))?;
        Ok(PyBytes::new(py, &bytes.map_err(|error| task_error(py, &error))?))
    }

    /// The task of a snapshot, under the same document or another one, and what could not go along.
    ///
    /// Raises:
    ///     SnapshotError: the bytes are no snapshot, were cut short or changed, or come from a version that this one cannot read.
    #[staticmethod]
    #[pyo3(signature = (policy, snapshot, /))]
    fn restore<'py>(policy: &Bound<'py, PyAny>, snapshot: &Bound<'py, PyAny>) -> PyResult<(Task, Bound<'py, PyAny>)> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        let bytes = snapshot_bytes(snapshot)?;
        let restored = py.detach(|| guarded(|| engine::Task::restore(policy.core(), &bytes)));
        let restored = restored.map_err(|error| error.error(py))?;
        let (task, left) = restored.map_err(|error| task_error(py, &error))?;
        Ok((Task::around(policy.clone(), task), carried(py, &left)?))
    }

    /// Moves the task to another document, with its samples, attributes and history, and says what could not go along.
    #[pyo3(signature = (policy, /))]
    fn rebind<'py>(&self, policy: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = policy.py();
        let policy = policy_of(policy)?.clone();
        let left = self.state.with_detached(py, |state| state.rebind(&policy))?;
        carried(py, &left.map_err(|error| task_error(py, &error))?)
    }

    /// What another document would decide otherwise, if both looked at the task now. Nothing is changed.
    ///
    /// Raises:
    ///     TaskError: ``now`` went back.
    #[pyo3(signature = (policy, now, /))]
    fn compare<'py>(&self, policy: &Bound<'py, PyAny>, now: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = policy.py();
        let (policy, now) = (policy_of(policy)?, time(now, "now")?);
        let found = self.state.with_detached(py, |state| {
            engine::differences(state.policy.core(), policy.core(), [&state.task], now)
        })?;
        let found = found.map_err(|error| decide_error(py, &error))?;
        found.first().map(|one| difference(py, one)).transpose()
    }

    /// Tries out another document beside the live one: it is fed the same samples from now on, looks when ``decide`` does, and changes nothing.
    #[pyo3(signature = (policy, /))]
    fn start_shadow(&self, policy: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = policy.py();
        let policy = policy_of(policy)?;
        self.with(py, |state| state.start_shadow(policy))
    }

    /// Ends that.
    fn stop_shadow(&self, py: Python<'_>) -> PyResult<()> {
        self.state.with(py, |state| state.shadow = None)
    }

    /// Makes the other document the live one, with all that it has seen.
    ///
    /// Raises:
    ///     InputError: there is none.
    fn promote_shadow(&self, py: Python<'_>) -> PyResult<()> {
        if self.state.with(py, State::promote_shadow)? {
            return Ok(());
        }
        Err(bad_input(
            py,
            "no_shadow",
            "the task has no shadow: begin with start_shadow",
        ))
    }

    /// The document that is tried out.
    #[getter]
    fn shadow(&self, py: Python<'_>) -> PyResult<Option<Policy>> {
        self.state
            .with(py, |state| state.shadow.as_ref().map(|beside| beside.policy.clone()))
    }

    /// What it came to at the last look.
    #[getter]
    fn shadow_decision(&self, py: Python<'_>) -> PyResult<Option<Decision>> {
        let looked = self.state.with(py, |state| {
            let beside = state.shadow.as_ref()?;
            let decision = beside.shadow.decision();
            // Before the first look there is none.
            (!decision.task().is_empty() || decision.at() != 0).then(|| (decision.clone(), beside.policy.clone()))
        })?;
        Ok(looked.map(|(decision, policy)| Decision::new(decision, policy)))
    }

    /// Where that was something else than what the live document came to.
    #[getter]
    fn shadow_difference<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.state.with(py, |state| state.difference().cloned())?;
        found.map(|found| difference(py, &found)).transpose()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Task>) -> PyResult<(Bound<'py, PyAny>, (Policy, Bound<'py, PyBytes>))> {
        let py = slf.py();
        let restore = py.import("dras._data")?.getattr("restore_task")?;
        let this = slf.get();
        Ok((restore, (this.policy(py)?, this.snapshot(py)?)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let policy = self.policy(py)?;
        Ok(format!("<Task {:?} of policy {:?}>", self.id, policy.core().name()))
    }
}
