//! Reading the answers of Prometheus and Flink into a task, and the queries that ask for them.

use super::decision::LookKind;
use super::policy::Policy;
use super::task::{Task, TaskError};
use super::values::Value;
use crate::metrics::sources::{
    PrometheusAnswer, RangeQuery, RenderError, SourceError, SourceLimits, flink, instance_of, prometheus,
};
use crate::metrics::{Accepted, InstanceId, Kind, MetricId, Per};
use crate::units::Millis;

/// The most points of one range query; Prometheus refuses more than 11,000.
const MAX_POINTS: Millis = 10_000;

/// What an answer brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadReport {
    /// Series in the answer.
    pub series: usize,
    /// What became of their samples.
    pub accepted: Accepted,
    /// What the source warns of, and what was left out.
    pub notes: Vec<String>,
}

/// Why an answer cannot be read. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The body is not an answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The samples cannot be taken.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A query cannot be rendered for the task.
    #[error("the query of metric `{metric}` cannot be rendered: {error}")]
    Render {
        /// The metric.
        metric: String,
        /// Why.
        error: RenderError,
    },
    /// The metric is one series a task, and the answer has several.
    #[error(
        "metric `{metric}` is one series a task, and the answer has {series}: aggregate in the query, e.g. `max(…)`, or declare `per` as `task_manager` or `subtask`"
    )]
    SeveralSeries {
        /// The metric.
        metric: String,
        /// How many series there are.
        series: usize,
    },
    /// A series does not have the label that tells instances apart, or two series have the same.
    #[error("metric `{metric}`: {problem}; set its `instance_label` to a label that tells the series apart")]
    Instance {
        /// The metric.
        metric: String,
        /// What is wrong.
        problem: String,
    },
    /// The metric holds texts, which Prometheus does not have.
    #[error("metric `{metric}` holds texts; Prometheus has none: read events from Flink's exceptions, or with `event`")]
    Event {
        /// The metric.
        metric: String,
    },
    /// The metric holds numbers, and the answer holds events.
    #[error("metric `{metric}` holds numbers, and exceptions are events: declare its `kind` as `event`")]
    NotEvent {
        /// The metric.
        metric: String,
    },
}

/// When a task is to be looked at next, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLook {
    /// When, in ms since the epoch.
    pub at: Millis,
    /// At what.
    pub kind: LookKind,
}

impl Task {
    /// The first look that is due strictly after `after`, by the document's `timing`. A long look takes the place of a short one at the same time,
    /// and where no rule is urgent there are no short ones.
    ///
    /// Looks are spread over their period by a hash of the task's id, so that ten thousand tasks do not ask Prometheus in the same second; the same
    /// task is looked at in the same second on every machine. When it is due, [`queries_for`](Self::queries_for) says what to ask.
    ///
    /// ```
    /// # use dras_core::engine::{LookKind, Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// # let task = Task::new(&policy, "orders")?;
    /// let now = 1_800_000_000_000;
    /// let next = task.next_look(&policy, now)?;
    /// assert_eq!(next.kind, LookKind::Long);
    /// assert!(now < next.at && next.at <= now + 300_000);
    /// assert_eq!(task.next_look(&policy, next.at)?.at, next.at + 300_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The task belongs to another policy.
    pub fn next_look(&self, policy: &Policy, after: Millis) -> Result<NextLook, TaskError> {
        self.check(policy)?;
        let inner = policy.inner();
        let long = inner.long.next(after, self.id());
        let short = inner.short.as_ref().map(|short| short.next(after, self.id()));
        Ok(match short.filter(|short| *short < long) {
            Some(at) => NextLook {
                at,
                kind: LookKind::Short,
            },
            None => NextLook {
                at: long,
                kind: LookKind::Long,
            },
        })
    }

    /// The range queries whose answers complete the task's windows at `now`: for each metric that rules use and that has a query, from its
    /// newest sample (or as far back as the windows reach) to `now`, at the metric's interval. Hand each answer to
    /// [`read_prometheus`](Self::read_prometheus), in this order. A query never asks for more than 10,000 points; where more are missing there
    /// are several. [`RangeQuery::path_and_form`] gives the request.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// let now = 1_800_000_000_000;
    /// let mut task = Task::new(&policy, "orders")?;
    /// task.set_label("job_name", "orders")?;
    /// let queries = task.queries(&policy, now)?;
    /// let cpu = queries.iter().find(|q| q.metric == "cpu").ok_or("no query")?;
    /// assert_eq!(cpu.promql, r#"flink_taskmanager_Status_JVM_CPU_Load{job_name="orders"}"#);
    /// assert_eq!((cpu.end, cpu.step), (now, 15_000));
    /// let (path, form) = cpu.path_and_form();
    /// assert_eq!(path, "/api/v1/query_range");
    /// # assert!(form.starts_with("query=flink_taskmanager_Status_JVM_CPU_Load%7Bjob_name"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A label or attribute that a query needs is not set; nothing is asked then.
    pub fn queries(&self, policy: &Policy, now: Millis) -> Result<Vec<RangeQuery>, ReadError> {
        self.queries_for(policy, now, LookKind::Long)
    }

    /// The same for a look of this kind: for a short one, only what urgent rules look at.
    ///
    /// # Errors
    /// As [`queries`](Self::queries).
    pub fn queries_for(&self, policy: &Policy, now: Millis, kind: LookKind) -> Result<Vec<RangeQuery>, ReadError> {
        self.check(policy)?;
        let inner = policy.inner();
        let lookup = |name: &str| match policy.attribute(name).and_then(|id| self.value(id.0.index())) {
            Some(Value::Text(text)) => Some(text),
            _ => self.label(name),
        };
        let labels = self.labels();
        let mut queries = Vec::new();
        let asked = |metric: &MetricId| kind == LookKind::Long || inner.urgent_metrics.contains(metric);
        for (metric, template) in inner.queries.iter().filter(|q| asked(q.0)) {
            let spec = inner.plan.catalogue().spec(*metric);
            let promql = template.render(&lookup, &labels).map_err(|error| ReadError::Render {
                metric: spec.name.clone(),
                error,
            })?;
            let step = spec.interval.max(1);
            let reach = inner.plan.retention(*metric).max(spec.staleness).saturating_add(step);
            let newest = self.windows.newest(&inner.plan, *metric);
            let from = now
                .saturating_sub(reach)
                .max(newest.map_or(Millis::MIN, |t| t.saturating_add(1)));
            // Steps stand on a grid, so that two looks ask for the same moments.
            let mut start = from.div_euclid(step).saturating_add(1).saturating_mul(step);
            while start <= now {
                let end = now.min(start.saturating_add(step.saturating_mul(MAX_POINTS - 1)));
                queries.push(RangeQuery {
                    metric: spec.name.clone(),
                    promql: promql.clone(),
                    start,
                    end,
                    step,
                });
                start = start.saturating_add(step.saturating_mul(MAX_POINTS));
            }
        }
        Ok(queries)
    }

    /// Reads the body of an answer of Prometheus' `/api/v1/query` or `/api/v1/query_range` for a metric. Each series is an instance, named by the
    /// metric's `instance_label`; values are in the metric's declared unit.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// # let mut task = Task::new(&policy, "orders")?;
    /// let now = 1_800_000_000_000;
    /// let body = br#"{"status": "success", "data": {"resultType": "matrix", "result": [
    ///     {"metric": {"tm_id": "tm-1"}, "values": [[1799999985, "0.91"], [1800000000, "0.93"]]},
    ///     {"metric": {"tm_id": "tm-2"}, "values": [[1799999985, "0.42"], [1800000000, "NaN"]]}
    /// ]}}"#;
    /// let report = task.read_prometheus(&policy, now, "cpu", body)?;
    /// assert_eq!((report.series, report.accepted.stored), (2, 4));
    ///
    /// // What is no answer is an error that says what it is.
    /// let refused = task.read_prometheus(&policy, now, "cpu", b"<html>502 Bad Gateway</html>").unwrap_err();
    /// assert!(refused.to_string().contains("HTML"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The body is not such an answer or says an error, the metric is unknown or holds texts, series cannot be told apart, `now` went back,
    /// or there are too many instances. The task is unchanged then.
    pub fn read_prometheus(
        &mut self,
        policy: &Policy,
        now: Millis,
        metric: &str,
        body: &[u8],
    ) -> Result<ReadReport, ReadError> {
        self.check(policy)?;
        policy.metric_named(metric)?;
        let answer = prometheus::parse(body, &SourceLimits::default())?;
        self.take_prometheus(policy, now, metric, &answer)
    }

    /// The same for an answer that was read before: one task's part of an answer about many, see
    /// [`split`](prometheus::PrometheusAnswer::split).
    ///
    /// # Errors
    /// As [`read_prometheus`](Self::read_prometheus); the task is unchanged then.
    pub fn take_prometheus(
        &mut self,
        policy: &Policy,
        now: Millis,
        metric: &str,
        answer: &PrometheusAnswer,
    ) -> Result<ReadReport, ReadError> {
        self.check(policy)?;
        let id = policy.metric_named(metric)?;
        let spec = policy.plan().catalogue().spec(id);
        if spec.kind == Kind::Event {
            return Err(ReadError::Event {
                metric: metric.to_owned(),
            });
        }
        let mut notes: Vec<String> = answer.warnings.iter().chain(&answer.infos).cloned().collect();
        if answer.partial {
            notes.push("the server says that series may be missing".to_owned());
        }
        let names = if spec.per == Per::Task {
            match answer.series.len() {
                0 | 1 => vec![String::new(); answer.series.len()],
                series => {
                    return Err(ReadError::SeveralSeries {
                        metric: metric.to_owned(),
                        series,
                    });
                }
            }
        } else {
            let label = spec.instance_label.as_deref();
            let named = answer.series.iter().map(|s| {
                instance_of(&s.labels, label).ok_or_else(|| ReadError::Instance {
                    metric: metric.to_owned(),
                    problem: format!("a series has no label `{}`", label.unwrap_or("")),
                })
            });
            named.collect::<Result<Vec<String>, ReadError>>()?
        };
        let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        if let Some((twice, _)) = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b) {
            let problem = format!("two series stand for the instance `{twice}`");
            return Err(ReadError::Instance {
                metric: metric.to_owned(),
                problem,
            });
        }
        let instances = self.instances(policy, now, &names)?;
        let mut report = ReadReport {
            series: answer.series.len(),
            accepted: Accepted::default(),
            notes,
        };
        for (series, instance) in answer.series.iter().zip(instances) {
            report.accepted += self.column(policy, now, instance, id, &series.times, &series.values)?;
        }
        Ok(report)
    }

    /// Reads the body of an answer of Flink's `/jobs/:id/metrics`, `/taskmanagers/:id/metrics` or `/jobs/:id/vertices/:id/metrics` that was
    /// fetched at time `t`. Values go to the metrics whose `flink` id they have; `instance` names what was asked (a TaskManager, a vertex;
    /// empty for the job), to which the subtask's number is added where the answer has one.
    ///
    /// Flink goes on serving the values of dead tasks and TaskManagers without any sign of it: use the time at which the caller saw the
    /// instance alive.
    ///
    /// # Errors
    /// The body is not such an answer, `now` went back, or there are too many instances. The task is unchanged then.
    pub fn read_flink_metrics(
        &mut self,
        policy: &Policy,
        now: Millis,
        instance: &str,
        t: Millis,
        body: &[u8],
    ) -> Result<ReadReport, ReadError> {
        self.check(policy)?;
        let metrics = flink::parse_metrics(body, &SourceLimits::default())?;
        let mut notes: Vec<String> = metrics
            .notes
            .iter()
            .map(|n| format!("`{}`: {}", n.id, n.problem))
            .collect();
        let by_flink_id = |name: &str| {
            let mut catalogue = policy.plan().catalogue().iter();
            catalogue
                .find(|(_, spec)| spec.flink.as_deref() == Some(name) && spec.kind != Kind::Event)
                .map(|found| found.0)
        };
        let mut rows: Vec<(String, Vec<(MetricId, f64)>)> = Vec::new();
        for value in &metrics.values {
            let Some(metric) = by_flink_id(value.name()).or_else(|| by_flink_id(&value.id)) else {
                notes.push(format!("`{}` is not the `flink` id of any metric", value.id));
                continue;
            };
            let per_task = policy.plan().catalogue().spec(metric).per == Per::Task;
            let name = match value.subtask {
                _ if per_task => String::new(),
                Some(subtask) if instance.is_empty() => subtask.to_string(),
                Some(subtask) => format!("{instance}/{subtask}"),
                None => instance.to_owned(),
            };
            match rows.iter_mut().find(|r| r.0 == name) {
                Some(row) => row.1.push((metric, value.value)),
                None => rows.push((name, vec![(metric, value.value)])),
            }
        }
        let names: Vec<String> = rows.iter().map(|r| r.0.clone()).collect();
        let instances = self.instances(policy, now, &names)?;
        let mut report = ReadReport {
            series: metrics.values.len(),
            accepted: Accepted::default(),
            notes,
        };
        for ((_, row), instance) in rows.iter().zip(instances) {
            report.accepted += self.row(policy, now, instance, t, row)?;
        }
        Ok(report)
    }

    /// Reads the body of an answer of Flink's `/jobs/:id/exceptions` that was fetched at time `t` into an event metric. What was read before
    /// is recognised; an empty history says that there were no exceptions up to `t`.
    ///
    /// # Errors
    /// The body is not such an answer, the metric is unknown or holds numbers, or `now` went back. The task is unchanged then.
    pub fn read_flink_exceptions(
        &mut self,
        policy: &Policy,
        now: Millis,
        metric: &str,
        t: Millis,
        body: &[u8],
    ) -> Result<ReadReport, ReadError> {
        self.check(policy)?;
        let id = policy.metric_named(metric)?;
        if policy.plan().catalogue().spec(id).kind != Kind::Event {
            return Err(ReadError::NotEvent {
                metric: metric.to_owned(),
            });
        }
        let history = flink::parse_exceptions(body, &SourceLimits::default())?;
        let mut notes = Vec::new();
        if history.truncated {
            notes.push("Flink has more exceptions: ask with a larger `maxExceptions`".to_owned());
        }
        if history.undated > 0 {
            notes.push(format!("{} entries without a time were left out", history.undated));
        }
        let instances = self.instances(policy, now, &[String::new()])?;
        let mut report = ReadReport {
            series: history.exceptions.len(),
            accepted: Accepted::default(),
            notes,
        };
        if let Some(&instance) = instances.first() {
            for exception in &history.exceptions {
                report.accepted += self.event(policy, now, instance, id, exception.time_ms, &exception.text)?;
            }
        }
        self.observed(policy, now, id, t)?;
        Ok(report)
    }

    /// The handles of instances, all or none: nothing is made where one of them is refused.
    fn instances(&mut self, policy: &Policy, now: Millis, names: &[String]) -> Result<Vec<InstanceId>, TaskError> {
        self.windows
            .check_instances(policy.plan(), now, names.iter().map(String::as_str))?;
        names.iter().map(|name| self.instance(policy, name)).collect()
    }
}
