//! Why an instruction cannot be carried out in a certain way.

use crate::resources::allocation::VertexError;
use crate::resources::memory::{FlinkProcess, MemoryError, format_size};

/// An instruction that cannot be translated. Where Flink itself would refuse, the message has what it would say.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TranslationError {
    /// Neither a parallelism nor a memory changes.
    #[error("the instruction changes nothing")]
    NothingToChange,
    /// The instruction has no step of parallelism.
    #[error("the instruction does not change the parallelism, and nothing else can be changed in place")]
    NoParallelism,
    /// A parallelism of 0.
    #[error("the instruction has a parallelism of 0; it must be at least 1")]
    ZeroParallelism,
    /// The key is none that Flink takes as the id of an operation.
    #[error(
        "`{key}` is no idempotency key; it must be 1 to 32 hexadecimal digits in lower case, such as `Instruction::key` gives"
    )]
    BadKey {
        /// The key.
        key: String,
    },
    /// Not the id of a job.
    #[error("`{id}` is no id of a job; Flink's are 32 hexadecimal digits")]
    BadJobId {
        /// The id.
        id: String,
    },
    /// Memory cannot be changed while the processes run.
    #[error("the memory of a {process} changes only with its process; restart with a savepoint instead of in place")]
    MemoryNeedsRestart {
        /// The kind of process.
        process: FlinkProcess,
    },
    /// A rescale in place was wanted of an instruction that asks for a restart.
    #[error("the instruction asks for a restart with a savepoint, and resource requirements rescale in place")]
    NotInPlace,
    /// Something that is no memory option of this kind of process.
    #[error("`{key}` is no memory option of a {process}")]
    ForeignEntry {
        /// The kind of process.
        process: FlinkProcess,
        /// The key.
        key: String,
    },
    /// Two entries for one option.
    #[error("there are two entries for `{key}`")]
    DuplicateEntry {
        /// The key.
        key: String,
    },
    /// The entries say another total than the step.
    #[error("the {process} should have {} in all, but its entries make {}", format_size(*total), format_size(*entry))]
    MemoryMismatch {
        /// The kind of process.
        process: FlinkProcess,
        /// The total of the step, bytes.
        total: u64,
        /// What the entries make, bytes.
        entry: u64,
    },
    /// A memory configuration that Flink would refuse.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Vertices that cannot be those of the job.
    #[error(transparent)]
    Vertices(#[from] VertexError),
    /// The job has another parallelism by now.
    #[error(
        "the instruction starts from a parallelism of {from}, but the widest vertex has {found}; look at the task again"
    )]
    StaleParallelism {
        /// What the instruction starts from.
        from: u32,
        /// What the vertices have.
        found: u32,
    },
    /// No vertex can have the new parallelism.
    #[error(
        "Flink would answer: The newly requested parallelism {parallelism} for the job vertex {id} exceeds its maximum parallelism \
         {max_parallelism}."
    )]
    BeyondMaxParallelism {
        /// The vertex.
        id: String,
        /// The parallelism asked for.
        parallelism: u32,
        /// Its max parallelism.
        max_parallelism: u32,
    },
    /// Flink wants the requirements of all vertices.
    #[error("Flink would answer: The request is incomplete, missing job vertex [{id}] resource requirements.")]
    MissingVertex {
        /// The vertex.
        id: String,
    },
    /// A vertex that the job does not have.
    #[error("Flink would answer: Job vertex [{id}] was not found in the JobGraph.")]
    UnknownVertex {
        /// The vertex.
        id: String,
    },
    /// Lower bounds cannot be kept that are not known.
    #[error("to keep the present lower bounds, give the answer of `GET /jobs/:jobid/resource-requirements`")]
    NoPresentBounds,
    /// The job does not run under the adaptive scheduler.
    #[error(
        "the job runs under the `{scheduler}` scheduler, and Flink would answer: The DefaultScheduler does not support changing the \
         parallelism without a job restart. This feature is currently only expected to work with the AdaptiveScheduler. Restart with a \
         savepoint, or set `jobmanager.scheduler: adaptive`"
    )]
    DefaultScheduler {
        /// What Flink says it is.
        scheduler: String,
    },
    /// The manifest is not one of a `FlinkDeployment`.
    #[error("{what}")]
    NotADeployment {
        /// What is wrong.
        what: String,
    },
    /// Two autoscalers would work against each other.
    #[error(
        "`job.autoscaler.enabled` is true: the operator's autoscaler would undo this; set it to \"false\" (or \
         `job.autoscaler.scaling.enabled`), or let the patch do it"
    )]
    Autoscaler,
    /// `spec.taskManager.replicas` decides the parallelism.
    #[error(
        "`spec.taskManager.replicas` is {replicas}, and the operator then ignores `spec.job.parallelism`; remove it, or scale the replicas"
    )]
    ReplicasDecide {
        /// The replicas.
        replicas: u64,
    },
    /// Overrides in the manifest decide the parallelism.
    #[error(
        "the deployment has `pipeline.jobvertex-parallelism-overrides`, which decide instead of `spec.job.parallelism`; give the vertices \
         of the job, so that they can be written anew"
    )]
    OverridesDecide,
    /// The operator would start the job without its state.
    #[error(
        "`spec.job.upgradeMode` is stateless (the default), so that the operator would start the job without its state; set it to \
         `savepoint` or `last-state`, or allow it for a job without state"
    )]
    Stateless,
    /// The operator would not rescale this deployment in place.
    #[error("the operator would not rescale this deployment in place: {reason}")]
    NoInPlace {
        /// Why.
        reason: String,
    },
    /// The deployment has another memory by now.
    #[error("the instruction starts from {} of {process} memory, but the deployment makes {}; look at the task again", format_size(*from), format_size(*found))]
    StaleMemory {
        /// The kind of process.
        process: FlinkProcess,
        /// What the instruction starts from, bytes.
        from: u64,
        /// What the manifest makes, bytes.
        found: u64,
    },
}
