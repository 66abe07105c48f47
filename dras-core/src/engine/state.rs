//! Keeping a task: its whole state as bytes, and moving it to another document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attributes::AttributeValue;
use super::policy::Policy;
use super::task::{RuleProgress, Task, TaskError};
use super::values::Stamp;
use crate::action::History;
use crate::metrics::{self, Windows};
use crate::resources::memory::{FlinkProcess, MemoryConfig};
use crate::snapshot::{Reader, SectionKind, SnapshotError, Writer};
use crate::units::Millis;

/// Attributes, labels, and how long rules have held.
const TASK: SectionKind = SectionKind(*b"TASK");
/// What was instructed, applied, and done by somebody else.
const HISTORY: SectionKind = SectionKind(*b"HIST");
const VERSION: u32 = 1;

/// What of a task's state could not go along to another document. Empty where the document is the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Carried {
    /// Of its windows.
    pub windows: metrics::Carried,
    /// Attributes that the document does not have, or has with another type.
    pub attributes_dropped: Vec<String>,
    /// Rules whose conditions have changed, so that what has held begins anew.
    pub rules_begun_anew: Vec<String>,
}

/// A task without its windows and its history, in a form that outlives documents: everything by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    id: String,
    attributes: BTreeMap<String, Given>,
    labels: BTreeMap<String, String>,
    rules: BTreeMap<String, Held>,
    task_manager: Option<Vec<(String, String)>>,
    job_manager: Option<Vec<(String, String)>>,
    first_seen: Option<Millis>,
    last_look: Option<Millis>,
    last_long: Option<Millis>,
}

/// The value of an attribute, in seconds, bytes or plain numbers, with its type: a number of another unit is another thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Given {
    value: AttributeValue,
    ty: String,
}

/// How long a condition has held, and what condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Held {
    /// A number that tells the condition from others.
    condition: u64,
    since: Option<Millis>,
    unknown_since: Option<Millis>,
    last_look: Option<Millis>,
}

impl State {
    fn of(policy: &Policy, task: &Task) -> State {
        let inner = policy.inner();
        let attributes = inner.attributes.iter().enumerate();
        let entries = |process| {
            let config = task.memory(process)?;
            Some(config.entries().into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
        };
        State {
            id: task.id().to_owned(),
            // What follows from other state is made again of it.
            attributes: attributes
                .filter(|(_, attribute)| !attribute.derived)
                .filter_map(|(index, attribute)| {
                    let (value, ty) = (task.value(index)?.into(), attribute.ty.describe());
                    Some((attribute.name.clone(), Given { value, ty }))
                })
                .collect(),
            labels: task.labels(),
            rules: inner
                .rules
                .iter()
                .zip(&task.rules)
                .map(|(rule, progress)| {
                    let held = Held {
                        condition: rule.condition,
                        since: progress.since.map(Stamp::millis),
                        unknown_since: progress.unknown_since.map(Stamp::millis),
                        last_look: progress.last_look.map(Stamp::millis),
                    };
                    (rule.info.name.clone(), held)
                })
                .collect(),
            task_manager: entries(FlinkProcess::TaskManager),
            job_manager: entries(FlinkProcess::JobManager),
            first_seen: task.first_seen,
            last_look: task.last_look,
            last_long: task.last_long,
        }
    }

    fn into_task(
        self,
        policy: &Policy,
        windows: Windows,
        history: History,
        carried: &mut Carried,
    ) -> Result<Task, TaskError> {
        let inner = policy.inner();
        let mut task = Task::new(policy, &self.id)?;
        for (name, Given { value, ty }) in self.attributes {
            let finite = !matches!(value, AttributeValue::Number(x) if !x.is_finite());
            let fits = policy.attribute(&name).and_then(|id| {
                let attribute = inner.attributes.get(id.0.index())?;
                let same = attribute.ty.describe() == ty && value.suits(attribute.ty);
                (same && finite && !attribute.derived).then_some(id)
            });
            match fits {
                Some(id) => task.set_value(id.0.index(), value),
                None => carried.attributes_dropped.push(name),
            }
        }
        for (name, value) in &self.labels {
            task.set_label(name, value)?;
        }
        for (rule, progress) in inner.rules.iter().zip(&mut task.rules) {
            match self.rules.get(&rule.info.name) {
                Some(held) if held.condition == rule.condition => {
                    *progress = RuleProgress {
                        since: held.since.and_then(Stamp::at),
                        unknown_since: held.unknown_since.and_then(Stamp::at),
                        last_look: held.last_look.and_then(Stamp::at),
                    };
                }
                Some(_) => carried.rules_begun_anew.push(rule.info.name.clone()),
                None => {}
            }
        }
        let config = |process, entries: Option<Vec<(String, String)>>| {
            entries.map(|e| MemoryConfig::from_entries(process, e)).transpose()
        };
        task.manager_memory = config(FlinkProcess::TaskManager, self.task_manager)?.map(Box::new);
        task.job_manager_memory = config(FlinkProcess::JobManager, self.job_manager)?.map(Box::new);
        task.derive_memory(policy);
        task.windows = windows;
        task.history = history;
        task.first_seen = self.first_seen;
        task.last_look = self.last_look;
        task.last_long = self.last_long;
        Ok(task)
    }
}

impl Task {
    /// The whole state as bytes, in dras' own format with checksums: attributes, labels, windows, how long rules have held, history. Equal states give
    /// equal bytes. A later version of dras reads it, and so does the same version under another document.
    ///
    /// ```
    /// # use dras_core::engine::{Policy, Task};
    /// # use dras_core::rules::{Document, DocumentLimits};
    /// # let document = Document::from_json(r#"{"version": 1, "strategies": [{"use": "cpu"}]}"#, &DocumentLimits::default())?;
    /// # let policy = Policy::compile(&document)?;
    /// let mut task = Task::new(&policy, "orders")?;
    /// task.set(&policy, "parallelism", 4.0)?;
    /// let bytes = task.snapshot(&policy)?;
    /// let (restored, carried) = Task::restore(&policy, &bytes)?;
    /// assert_eq!(restored.snapshot(&policy)?, bytes);
    /// assert_eq!(carried, Default::default());
    /// // Bytes that were cut short or changed are refused.
    /// assert!(Task::restore(&policy, &bytes[..bytes.len() - 1]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The task belongs to another policy, or a section would be larger than 4 GiB.
    pub fn snapshot(&self, policy: &Policy) -> Result<Vec<u8>, TaskError> {
        self.check(policy)?;
        let mut writer = Writer::new();
        writer.value(TASK, VERSION, &State::of(policy, self))?;
        writer.value(HISTORY, VERSION, &self.history)?;
        self.windows.write(policy.plan(), &mut writer)?;
        Ok(writer.finish())
    }

    /// Makes a task of a snapshot, under the same document or another one: see [`Carried`] for what does not go along.
    ///
    /// # Errors
    /// The bytes are no snapshot of a task, were cut short or changed, or come from a version that this one cannot read.
    pub fn restore(policy: &Policy, bytes: &[u8]) -> Result<(Task, Carried), TaskError> {
        let reader = Reader::new(bytes)?;
        let state: State = reader.required_value(TASK, VERSION)?;
        let history: History = reader.required_value(HISTORY, VERSION)?;
        history.check().map_err(|problem| SnapshotError::Inconsistent {
            section: HISTORY,
            problem,
        })?;
        let (windows, carried) = Windows::read(policy.plan(), &reader)?;
        let mut carried = Carried {
            windows: carried,
            ..Carried::default()
        };
        let task = state.into_task(policy, windows, history, &mut carried)?;
        Ok((task, carried))
    }

    /// Takes attributes, marks and history of the live task, of which this one is the shadow.
    pub(super) fn follow(&mut self, policy: &Policy, live: &Policy, task: &Task) -> Result<(), TaskError> {
        task.check(live)?;
        for (index, attribute) in policy.attributes().iter().enumerate() {
            let same = live
                .attribute(&attribute.name)
                .filter(|id| live.attributes()[id.0.index()].ty == attribute.ty);
            if let Some(id) = same {
                match task.value(id.0.index()) {
                    Some(value) => self.set_value(index, value.into()),
                    None => self.values.unset(index),
                }
            }
        }
        self.manager_memory.clone_from(&task.manager_memory);
        self.job_manager_memory.clone_from(&task.job_manager_memory);
        self.derive_memory(policy);
        for (t, mark) in task.windows.all_marks() {
            self.windows.mark(*t, *mark);
        }
        self.history.follow(&task.history);
        Ok(())
    }

    /// The same task under another document: samples, attributes, history, and what has held as far as conditions are the same.
    ///
    /// # Errors
    /// The task belongs to another policy than `from`. It is unchanged then, as it always is.
    pub fn rebind(&self, from: &Policy, to: &Policy) -> Result<(Task, Carried), TaskError> {
        self.check(from)?;
        let (windows, carried) = self.windows.clone().rebind(from.plan(), to.plan());
        let mut carried = Carried {
            windows: carried,
            ..Carried::default()
        };
        let task = State::of(from, self).into_task(to, windows, self.history.clone(), &mut carried)?;
        Ok((task, carried))
    }
}
