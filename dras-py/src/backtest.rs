//! `dras.Recording` and `dras.replay`: what a document would have decided.

use std::ops::ControlFlow;
use std::sync::Arc;

use dras_core::backtest::{self, Follow, Options, Summary, replay_while};
use dras_core::engine::{self, AttributeValue};
use dras_core::metrics::Mark;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};

use crate::columns::{floats, times};
use crate::convert::{duration, number, text, time, word};
use crate::decision::{self, Decision};
use crate::errors::{Class, wrong_type};
use crate::lock::{Shared, guarded};
use crate::policy::Policy;
use crate::python::Data;
use crate::signals::Signals;
use crate::task::{configuration_entries, labels_of, policy_of};
use crate::to_python::to_python;
use dras_core::units::Unit;

/// What was measured and known of one task over some time, for ``replay``.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Recording {
    recording: Shared<Arc<backtest::Recording>>,
}

impl Recording {
    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut backtest::Recording) -> R) -> PyResult<R> {
        self.recording.with(py, |recording| work(Arc::make_mut(recording)))
    }
}

#[pymethods]
impl Recording {
    #[new]
    #[pyo3(signature = (task, *, labels=None))]
    fn new(py: Python<'_>, task: &Bound<'_, PyAny>, labels: Option<&Bound<'_, PyAny>>) -> PyResult<Recording> {
        let made = Recording {
            recording: Shared::new(Arc::new(backtest::Recording::new(text(task, "task")?))),
        };
        let labels = labels.map_or(Ok(Vec::new()), labels_of)?;
        made.with(py, |recording| {
            for (name, value) in &labels {
                recording.label(name, value);
            }
        })?;
        Ok(made)
    }

    /// The task's id.
    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |recording| recording.task().to_owned())
    }

    /// The first and the last time of a sample or event, in ms since the epoch.
    #[getter]
    fn span(&self, py: Python<'_>) -> PyResult<Option<(i64, i64)>> {
        self.with(py, |recording| recording.span())
    }

    /// Adds samples in the metric's declared unit, in any order; NaN is "asked, not available".
    ///
    /// Raises:
    ///     InputError: times and values are not equally many.
    #[pyo3(signature = (metric, times, values, *, instance=None))]
    fn series(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        times: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        instance: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let metric = text(metric, "metric")?;
        let instance = instance.map_or(Ok(""), |instance| text(instance, "instance"))?;
        let (times, values) = (self::times(times, "times")?, floats(values, "values")?);
        let (times, values) = (times.as_slice().to_vec(), values.as_slice().to_vec());
        let added = self.with(py, |recording| recording.series(metric, instance, times, values))?;
        added.map_err(|error| Class::Input.error(py, error.to_string(), "column_length"))
    }

    /// Adds an event: an exception or another log line.
    #[pyo3(signature = (metric, message, at, *, instance=None))]
    fn event(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        at: &Bound<'_, PyAny>,
        instance: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (metric, message, at) = (text(metric, "metric")?, text(message, "message")?, time(at, "at")?);
        let instance = instance.map_or(Ok(""), |instance| text(instance, "instance"))?;
        self.with(py, |recording| recording.event(metric, instance, at, message))
    }

    /// Adds a restart or a change of resources.
    fn mark(&self, py: Python<'_>, mark: &Bound<'_, PyAny>, at: &Bound<'_, PyAny>) -> PyResult<()> {
        let mark = word(mark, "mark", &[("restart", Mark::Restart), ("change", Mark::Change)])?;
        let at = time(at, "at")?;
        self.with(py, |recording| recording.mark(at, mark))
    }

    /// Says what an attribute was from a time on, in its declared unit (seconds and bytes for the built-in ones).
    fn attribute(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        at: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (name, at) = (text(name, "name")?, time(at, "at")?);
        let what = || format!("the attribute `{name}`");
        // A recording knows no document, and so no units: numbers are in the unit that the document will declare.
        let value = if let Ok(truth) = value.cast::<PyBool>() {
            AttributeValue::Bool(truth.is_true())
        } else if value.is_instance_of::<PyString>() {
            AttributeValue::Text(text(value, &what())?.to_owned())
        } else {
            AttributeValue::Number(number(value, Unit::NUMBER, 1.0, what)?)
        };
        self.with(py, |recording| recording.attribute(at, name, value))
    }

    /// Says with what Flink configuration the task ran from a time on.
    fn flink_configuration(&self, py: Python<'_>, entries: &Bound<'_, PyAny>, at: &Bound<'_, PyAny>) -> PyResult<()> {
        let (entries, at) = (configuration_entries(entries)?, time(at, "at")?);
        self.with(py, |recording| recording.flink_configuration(at, entries))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Recording of {:?}>", self.task(py)?))
    }
}

/// What a replay came to: its decisions, oldest first, and a summary.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Replay {
    policy: Policy,
    summary: Summary,
    decisions: Vec<Arc<engine::Decision>>,
}

impl Replay {
    fn decision(&self, decision: &Arc<engine::Decision>) -> Decision {
        Decision::shared(Arc::clone(decision), self.policy.clone())
    }
}

#[pymethods]
impl Replay {
    /// The replay in numbers.
    #[getter]
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = to_python(py, &self.summary)?;
        fields.set_item("restarts_per_day", self.summary.restarts_per_day())?;
        Data::Summary
            .class(py)?
            .call((), Some(fields.cast::<PyDict>().map_err(PyErr::from)?))
    }

    /// The decisions that matter, or all of them.
    #[getter]
    fn decisions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        decision::tuple(py, self.decisions.iter().map(|d| self.decision(d)))
    }

    fn __len__(&self) -> usize {
        self.decisions.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.decisions(py)?.try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        let s = &self.summary;
        format!(
            "<Replay of {} looks: {} instructions, {} applied>",
            s.looks, s.instructions, s.applied
        )
    }
}

/// What watches a replay: it asks for signals, and tells how far it is.
struct Watch<'a> {
    from: i64,
    span: i64,
    progress: Option<&'a Py<PyAny>>,
    signals: Signals,
}

impl Watch<'_> {
    fn breathe(&mut self, at: i64) -> PyResult<()> {
        if !self.signals.due() {
            return Ok(());
        }
        Python::attach(|py| {
            py.check_signals()?;
            if let Some(progress) = self.progress {
                let share = (at - self.from) as f64 / self.span.max(1) as f64;
                progress.call1(py, (share.clamp(0.0, 1.0),))?;
            }
            Ok(())
        })
    }
}

/// Looks at a recording as often as the document's ``timing`` says, as a platform would have, with the interpreter released.
///
/// The recorded metrics stay what they were: a replay shows when and why a document acts and what its guards hold back, and is no model of what
/// another parallelism would have done to the job. With ``follow`` each instruction is taken as applied after that time; without it, none is.
/// Decisions that matter are kept, with ``keep="all"`` all of them. ``progress`` is called now and then with the share that is done; Ctrl-C, or
/// an exception of ``progress``, ends the replay.
///
/// Raises:
///     TaskError: the recording is empty, has no metric of the document, or an attribute of another type than the document says.
#[pyfunction]
#[pyo3(signature = (policy, recording, *, start=None, end=None, follow=None, keep=None, progress=None))]
pub(crate) fn replay(
    py: Python<'_>,
    policy: &Bound<'_, PyAny>,
    recording: &Bound<'_, PyAny>,
    start: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
    follow: Option<&Bound<'_, PyAny>>,
    keep: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Replay> {
    let policy = policy_of(policy)?;
    let Ok(recording) = recording.cast::<Recording>() else {
        return Err(wrong_type(recording, "recording", "a Recording"));
    };
    let recording = recording.get().recording.with(py, |recording| Arc::clone(recording))?;
    let all = keep.map_or(Ok(false), |keep| {
        word(keep, "keep", &[("matters", false), ("all", true)])
    })?;
    let options = Options {
        from: start.map(|given| time(given, "start")).transpose()?,
        to: end.map(|given| time(given, "end")).transpose()?,
        follow: match follow {
            Some(given) => Follow::After(duration(given, "follow")?),
            None => Follow::Never,
        },
        full: all,
    };
    if let Some(progress) = progress.filter(|progress| !progress.is_callable()) {
        return Err(wrong_type(progress, "progress", "a function"));
    }
    let progress = progress.map(|progress| progress.clone().unbind());
    let (first, last) = recording.span().unwrap_or((0, 0));
    let from = options.from.unwrap_or(first);
    let mut watch = Watch {
        from,
        span: options.to.unwrap_or(last).saturating_sub(from),
        progress: progress.as_ref(),
        signals: Signals::new(),
    };
    let done = py.detach(|| {
        guarded(|| {
            let mut decisions = Vec::new();
            let mut raised = None;
            let summary = replay_while(policy.core(), &recording, &options, |decision| {
                if all || decision.matters() {
                    decisions.push(Arc::new(decision.clone()));
                }
                match watch.breathe(decision.at()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        raised = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            (summary, decisions, raised)
        })
    });
    let (summary, decisions, raised) = done.map_err(|error| error.error(py))?;
    if let Some(error) = raised {
        return Err(error);
    }
    let summary = summary.map_err(|error| Class::Task.error(py, error.to_string(), error.code()))?;
    Ok(Replay {
        policy: policy.clone(),
        summary,
        decisions,
    })
}
