//! Jobs and TaskManagers: what fills a task's attributes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{SourceError, SourceLimits};
use super::answer;
use crate::units::Millis;

/// The state of a job. Flink's REST API answers from a cache: a job can be called running for some seconds after its only TaskManager has
/// died.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobState {
    /// Before the first schedule.
    Initializing,
    /// Waiting for slots.
    Created,
    /// Running.
    Running,
    /// Failing, before a restart or the end.
    Failing,
    /// Ended by a failure.
    Failed,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Canceled,
    /// Ended by itself, or stopped with a savepoint.
    Finished,
    /// Between a failure and the next schedule.
    Restarting,
    /// Given up by this JobManager, to be taken over by another.
    Suspended,
    /// Being taken over from another JobManager.
    Reconciling,
    /// A state that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

impl JobState {
    /// Whether the job has ended for good.
    pub fn has_ended(&self) -> bool {
        matches!(self, JobState::Failed | JobState::Canceled | JobState::Finished)
    }
}

/// A job: `/jobs/:id`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Its id; a restart from a savepoint gives a new one.
    #[serde(rename = "jid")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: JobState,
    /// When it was submitted, in ms since the epoch.
    #[serde(rename = "start-time")]
    pub start_time: Millis,
    /// When it ended, in ms since the epoch; `None` while it has not.
    #[serde(rename = "end-time", default, deserialize_with = "non_negative_time")]
    pub end_time: Option<Millis>,
    /// The clock of the JobManager, in ms since the epoch.
    pub now: Option<Millis>,
    /// When it came into each of its states last, in ms since the epoch; states it never was in are left out. `RUNNING` is the time of the
    /// last start, restart or rescale: a mark.
    #[serde(default, deserialize_with = "times_by_state")]
    pub timestamps: BTreeMap<String, Millis>,
    /// The scheduler, `Adaptive` or `Default`, where Flink says it (2.x).
    #[serde(rename = "schedulerType")]
    pub scheduler: Option<String>,
    /// The greatest parallelism of the whole job, where one is set.
    #[serde(rename = "maxParallelism", default, deserialize_with = "positive_count")]
    own_max_parallelism: Option<u32>,
    /// Its vertices, in Flink's order, sources first.
    pub vertices: Vec<Vertex>,
}

/// A vertex of a job: a chain of operators.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vertex {
    /// Its id.
    pub id: String,
    /// The names of its operators.
    pub name: String,
    /// How many subtasks it has.
    pub parallelism: u32,
    /// The most it can have without losing state: the number of its key groups.
    #[serde(rename = "maxParallelism", default, deserialize_with = "positive_count")]
    pub max_parallelism: Option<u32>,
    /// The id of its slot sharing group, where Flink says it (2.x); vertices of one group share slots.
    #[serde(rename = "slotSharingGroupId")]
    pub slot_sharing_group: Option<String>,
    /// Its state, e.g. `RUNNING`.
    pub status: Option<String>,
}

impl Job {
    /// The parallelism of the job: the largest of its vertices; `None` where Flink has none yet.
    pub fn parallelism(&self) -> Option<u32> {
        self.vertices.iter().map(|v| v.parallelism).max()
    }

    /// How far all vertices can be scaled together: the smallest of the vertices' and the job's own limit.
    pub fn max_parallelism(&self) -> Option<u32> {
        self.vertices
            .iter()
            .filter_map(|v| v.max_parallelism)
            .chain(self.own_max_parallelism)
            .min()
    }

    /// When it last began to run, in ms since the epoch, if it is running.
    pub fn running_since(&self) -> Option<Millis> {
        (self.state == JobState::Running).then(|| self.timestamps.get("RUNNING").copied())?
    }
}

/// A job in a list: `/jobs/overview`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobSummary {
    /// Its id.
    #[serde(rename = "jid")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: JobState,
    /// When it was submitted, in ms since the epoch.
    #[serde(rename = "start-time")]
    pub start_time: Millis,
    /// When it ended, in ms since the epoch; `None` while it has not.
    #[serde(rename = "end-time", default, deserialize_with = "non_negative_time")]
    pub end_time: Option<Millis>,
    /// When its state changed last, in ms since the epoch.
    #[serde(rename = "last-modification")]
    pub last_modification: Option<Millis>,
}

/// A TaskManager of the cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TaskManager {
    /// Its id.
    pub id: String,
    /// Its slots.
    #[serde(rename = "slotsNumber")]
    pub slots: u32,
    /// Its slots that no job has.
    #[serde(rename = "freeSlots")]
    pub free_slots: Option<u32>,
    /// When it was last heard of, in ms since the epoch. (Flink calls it `timeSinceLastHeartbeat`.)
    #[serde(rename = "timeSinceLastHeartbeat")]
    pub last_heartbeat: Option<Millis>,
    /// The machine it runs on.
    #[serde(default)]
    hardware: Hardware,
    /// How its memory is divided.
    #[serde(rename = "memoryConfiguration")]
    pub memory: Option<TaskManagerMemory>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
struct Hardware {
    #[serde(rename = "cpuCores")]
    cores: Option<u32>,
}

impl TaskManager {
    /// Cores that its JVM sees: those of the machine, or of the container.
    pub fn cores(&self) -> Option<u32> {
        self.hardware.cores
    }
}

/// How the memory of a TaskManager is divided, in bytes. A part is `None` where Flink does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
pub struct TaskManagerMemory {
    /// The whole process: Flink, metaspace and overhead.
    #[serde(rename = "totalProcessMemory")]
    pub process: Option<u64>,
    /// What Flink uses: heap, off-heap, network and managed.
    #[serde(rename = "totalFlinkMemory")]
    pub flink: Option<u64>,
    /// Heap of the framework.
    #[serde(rename = "frameworkHeap")]
    pub framework_heap: Option<u64>,
    /// Heap of the tasks.
    #[serde(rename = "taskHeap")]
    pub task_heap: Option<u64>,
    /// Off-heap memory of the framework.
    #[serde(rename = "frameworkOffHeap")]
    pub framework_off_heap: Option<u64>,
    /// Off-heap memory of the tasks.
    #[serde(rename = "taskOffHeap")]
    pub task_off_heap: Option<u64>,
    /// Network buffers.
    #[serde(rename = "networkMemory")]
    pub network: Option<u64>,
    /// Managed memory.
    #[serde(rename = "managedMemory")]
    pub managed: Option<u64>,
    /// JVM metaspace.
    #[serde(rename = "jvmMetaspace")]
    pub metaspace: Option<u64>,
    /// JVM overhead.
    #[serde(rename = "jvmOverhead")]
    pub overhead: Option<u64>,
}

/// The TaskManagers of a cluster: `/taskmanagers`. In a session cluster they serve several jobs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct TaskManagers {
    /// In Flink's order.
    pub taskmanagers: Vec<TaskManager>,
}

impl TaskManagers {
    /// The slots of one TaskManager where all have the same number.
    pub fn slots_per_task_manager(&self) -> Option<u32> {
        common(self.taskmanagers.iter().map(|t| t.slots))
    }

    /// The division of memory where all have the same.
    pub fn memory(&self) -> Option<TaskManagerMemory> {
        common(self.taskmanagers.iter().map(|t| t.memory))?
    }
}

/// The value that all have.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}

/// The cluster: `/overview`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// TaskManagers that are registered.
    #[serde(rename = "taskmanagers")]
    pub task_managers: u32,
    /// Their slots.
    #[serde(rename = "slots-total")]
    pub slots_total: u32,
    /// Their slots that no job has.
    #[serde(rename = "slots-available")]
    pub slots_available: u32,
    /// Jobs that have not ended.
    #[serde(rename = "jobs-running")]
    pub jobs_running: Option<u32>,
    /// Flink's version.
    #[serde(rename = "flink-version")]
    pub version: Option<String>,
}

/// Between which bounds the adaptive scheduler may choose the parallelism of a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub struct ParallelismBounds {
    /// The least with which it starts.
    #[serde(rename = "lowerBound")]
    pub lower: u32,
    /// The most it takes if there are slots.
    #[serde(rename = "upperBound")]
    pub upper: u32,
}

/// Reads `/jobs/:id`.
///
/// # Errors
/// See [`SourceError`]. Needed are `jid`, `name`, `state`, `start-time` and `vertices` with `id`, `name` and `parallelism`.
pub fn parse_job(body: &[u8], limits: &SourceLimits) -> Result<Job, SourceError> {
    answer(body, limits)
}

/// Reads `/jobs/overview`.
///
/// # Errors
/// See [`SourceError`]. Needed are `jobs` with `jid`, `name`, `state` and `start-time`.
pub fn parse_jobs(body: &[u8], limits: &SourceLimits) -> Result<Vec<JobSummary>, SourceError> {
    #[derive(Deserialize)]
    struct Jobs {
        jobs: Vec<JobSummary>,
    }
    Ok(answer::<Jobs>(body, limits)?.jobs)
}

/// Reads `/taskmanagers`.
///
/// # Errors
/// See [`SourceError`]. Needed are `taskmanagers` with `id` and `slotsNumber`.
pub fn parse_taskmanagers(body: &[u8], limits: &SourceLimits) -> Result<TaskManagers, SourceError> {
    answer(body, limits)
}

/// Reads `/taskmanagers/:id`.
///
/// # Errors
/// See [`SourceError`]. Needed are `id` and `slotsNumber`.
pub fn parse_taskmanager(body: &[u8], limits: &SourceLimits) -> Result<TaskManager, SourceError> {
    answer(body, limits)
}

/// Reads `/overview`.
///
/// # Errors
/// See [`SourceError`]. Needed are `taskmanagers`, `slots-total` and `slots-available`.
pub fn parse_overview(body: &[u8], limits: &SourceLimits) -> Result<Overview, SourceError> {
    answer(body, limits)
}

/// Reads `/jobs/:id/resource-requirements`: the bounds by the id of the vertex. A PUT to the same path needs all vertices.
///
/// # Errors
/// See [`SourceError`]. Under the default scheduler Flink answers with an `UnsupportedOperationException`.
pub fn parse_resource_requirements(
    body: &[u8],
    limits: &SourceLimits,
) -> Result<BTreeMap<String, ParallelismBounds>, SourceError> {
    #[derive(Deserialize)]
    struct Requirement {
        parallelism: ParallelismBounds,
    }
    let requirements: BTreeMap<String, Requirement> = answer(body, limits)?;
    Ok(requirements.into_iter().map(|(id, r)| (id, r.parallelism)).collect())
}

/// A time, or −1 for none.
fn non_negative_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    Ok(Option::<Millis>::deserialize(deserializer)?.filter(|t| *t >= 0))
}

/// A count, or −1 for none.
fn positive_count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let count = Option::<i64>::deserialize(deserializer)?;
    Ok(count.and_then(|c| u32::try_from(c).ok()).filter(|c| *c > 0))
}

/// Times by state; 0 stands for never.
fn times_by_state<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Millis>, D::Error> {
    let mut times = Option::<BTreeMap<String, Millis>>::deserialize(deserializer)?.unwrap_or_default();
    times.retain(|_, t| *t > 0);
    Ok(times)
}
