//! The recorded traces in `examples/data`: what Prometheus and Flink's REST API said about a real job, and what was done to it meanwhile.
//!
//! The format is described in `examples/data/README.md`. All times here are epoch milliseconds.
//!
//! ```
//! use dras_examples::trace::Trace;
//!
//! let trace = Trace::load("a_overload_io").unwrap();
//! let lag = trace.series("pendingRecords").next().unwrap();
//! assert_eq!((lag.instance.as_str(), lag.values.last()), ("tm0/Source: lag-source/0", Some(&450_129.0)));
//! ```

mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

/// A trace that is built into the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Its name, e.g. `a_overload_cpu`.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(Scenario { name: $name, text: include_str!(concat!("../../data/", $name, ".trace")) }),*]
    };
}

/// The traces that are built into the program, by name.
pub fn scenarios() -> &'static [Scenario] {
    embedded![
        "a_overload_cpu",
        "a_overload_io",
        "b_idle",
        "c_heap_gc",
        "d_oom_crashloop",
        "d_oom_direct",
        "d_oom_hog",
        "d_oom_kill",
        "d_oom_kill_default_timeout",
        "d_oom_metaspace",
        "d_oom_zombie",
        "d_user_exception",
        "e_rescale_live",
        "e_restart_savepoint",
        "f_diurnal_tight",
    ]
}

/// Whether a metric's values may fall only at a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value at a moment.
    Gauge,
    /// A count since the process started.
    Counter,
}

/// What a metric of a trace is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Flink's id, e.g. `Status.JVM.CPU.Load`, which is also its name in the trace.
    pub name: String,
    /// Its name in Prometheus, e.g. `flink_taskmanager_Status_JVM_CPU_Load`.
    pub prometheus: String,
    /// The unit of its values, as rule documents write units.
    pub unit: String,
    /// Gauge or counter.
    pub kind: Kind,
}

/// The samples of one instance of a metric, in time order. Where Prometheus had no sample there is none here; where Flink said NaN there is
/// a NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The metric's name.
    pub metric: String,
    /// What tells this series from the others of its metric: `tm0`, `tm0/work/2`, or nothing for the job.
    pub instance: String,
    /// The TaskManager (or, for `up`, the JobManager) it was scraped from; empty for series of the job.
    pub task_manager: String,
    /// The Flink task it belongs to; empty for series of a process or the job.
    pub task: String,
    /// The index of the subtask.
    pub subtask: Option<u32>,
    /// The times of the samples.
    pub times: Vec<i64>,
    /// The values, in the metric's unit.
    pub values: Vec<f64>,
}

/// What Flink's REST API said about the job at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// When it was asked.
    pub time: i64,
    /// The state of the job, e.g. `RUNNING`; up to 3 s old.
    pub state: String,
    /// The id of the job; a restart from a savepoint makes another one.
    pub job: String,
    /// The parallelism of all its vertices.
    pub parallelism: u32,
    /// Subtasks that run.
    pub tasks_running: u32,
    /// TaskManagers that are registered.
    pub task_managers: u32,
    /// Slots in the cluster.
    pub slots: u32,
    /// Slots that nobody uses.
    pub slots_free: u32,
    /// Restarts so far; rescales count as restarts.
    pub restarts: u32,
    /// Rescales so far.
    pub rescales: u32,
    /// How long the job has been running, in ms; 0 while it restarts.
    pub uptime: i64,
    /// Events per second that arrive at the source, where the source could say.
    pub arriving: Option<f64>,
}

/// Something the driver of the recording did or measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: i64,
    /// What.
    pub what: String,
}

/// An entry of the job's exception history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// When it was thrown.
    pub time: i64,
    /// The class, e.g. `java.lang.OutOfMemoryError`.
    pub class: String,
    /// The first line of the stack trace: class and message.
    pub text: String,
}

/// One recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Its name, e.g. `a_overload_cpu`.
    pub name: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// When the recording began.
    pub start: i64,
    /// The process size of the TaskManagers at the start, in bytes.
    pub task_manager_memory: u64,
    /// Entries of Flink's configuration at the start, key and value; none where they are not known.
    pub configuration: Vec<(String, String)>,
    /// The distance of the samples, in ms.
    pub interval: i64,
    /// The times at which Prometheus was asked; every sample has one of these.
    pub clock: Vec<i64>,
    /// The metrics in it.
    pub metrics: Vec<Metric>,
    /// The samples; the series of one metric stand together, by instance.
    pub series: Vec<Series>,
    /// What the REST API said, in time order.
    pub facts: Vec<Fact>,
    /// What was done meanwhile, in time order.
    pub events: Vec<Event>,
    /// What the job threw, in time order.
    pub exceptions: Vec<Exception>,
}

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is no scenario and no readable file of this name.
    #[error(
        "`{given}` is neither a scenario nor a readable file ({source}); the scenarios are {}",
        names()
    )]
    Unreadable {
        /// What was asked for.
        given: String,
        /// Why the file could not be read.
        source: std::io::Error,
    },
    /// A line is not as the format says.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The file ends without a record that every trace has.
    #[error("no `{0}` line; every trace has one before the lines that need it")]
    Incomplete(&'static str),
}

/// What is wrong with a line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A quoted cell has no end.
    #[error("a quoted cell has no closing quote")]
    OpenQuote,
    /// Something stands between the end of a quoted cell and the next comma.
    #[error("`{0}` after a closing quote where a comma or the end of the line is needed")]
    AfterQuote(String),
    /// A line needs another one above it.
    #[error("needs a `{0}` line above it")]
    Above(&'static str),
    /// The first cell is not a kind of record.
    #[error(
        "`{0}` is not a kind of line; use trace, start, task_manager_memory, configuration, clock, metric, series, fact, event or exception"
    )]
    UnknownRecord(String),
    /// The trace is of another version.
    #[error("format version `{0}`; this program reads version 1")]
    Version(String),
    /// There are fewer or more cells than the kind of line has.
    #[error("{have} cells where {need} are needed")]
    Cells {
        /// Cells on the line.
        have: usize,
        /// Cells that the record has.
        need: usize,
    },
    /// A cell does not read as what it should be.
    #[error("`{cell}` is not {wanted}")]
    Cell {
        /// The cell.
        cell: String,
        /// What should stand there.
        wanted: &'static str,
    },
    /// A series or fact has another number of values than there are times.
    #[error("{have} values for {need} times")]
    Values {
        /// Values on the line.
        have: usize,
        /// Times on the clock, or in `fact,time`.
        need: usize,
    },
    /// The times do not rise.
    #[error("time {0} does not lie after the one before it")]
    Order(i64),
    /// A series names a metric that no line above declares.
    #[error("no `metric` line above declares `{0}`")]
    UnknownMetric(String),
    /// There are two series of one metric and instance, or two lines of a kind that comes once.
    #[error("a second line for `{0}`")]
    Twice(String),
    /// The recording is longer than this reader takes.
    #[error("{0} samples; at most {MAX_SAMPLES} a series are read")]
    TooLong(u64),
}

/// The most samples one series may have: keeps a short hostile line such as `0*99999999999` from filling the memory.
pub const MAX_SAMPLES: usize = 1_000_000;

fn names() -> String {
    scenarios().iter().map(|s| s.name).collect::<Vec<_>>().join(", ")
}

impl Trace {
    /// The scenario called `name`, or else the trace in the file of that name.
    ///
    /// # Errors
    /// There is neither, or the file is not a trace.
    pub fn load(name: &str) -> Result<Trace, TraceError> {
        match scenarios().iter().find(|s| s.name == name) {
            Some(scenario) => Trace::parse(scenario.text),
            None => match std::fs::read_to_string(Path::new(name)) {
                Ok(text) => Trace::parse(&text),
                Err(source) => Err(TraceError::Unreadable {
                    given: name.to_owned(),
                    source,
                }),
            },
        }
    }

    /// The trace in `text`.
    ///
    /// # Errors
    /// The text is not a trace; the error says which line and why.
    pub fn parse(text: &str) -> Result<Trace, TraceError> {
        let mut reader = read::Reader::default();
        for (index, line) in text.lines().enumerate() {
            reader.line(line).map_err(|problem| TraceError::Line {
                line: index + 1,
                problem,
            })?;
        }
        reader.finish()
    }

    /// The series of the metric called `name`, by instance.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |s| s.metric == name)
    }

    /// The metric called `name`.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }

    /// The newest fact at or before `time`.
    pub fn fact_at(&self, time: i64) -> Option<&Fact> {
        self.facts[..self.facts.partition_point(|f| f.time <= time)].last()
    }

    /// When the recording ends: the last time of a sample or a fact.
    pub fn end(&self) -> i64 {
        let last = |a: Option<i64>, b: Option<i64>| a.max(b).unwrap_or(self.start);
        last(self.clock.last().copied(), self.facts.last().map(|f| f.time))
    }

    /// The scrapes in time order: the time, and for every series that has a sample there its index in [`Trace::series`] and the value.
    pub fn scrapes(&self) -> impl Iterator<Item = (i64, Vec<(usize, f64)>)> {
        let mut next = vec![0; self.series.len()];
        self.clock.iter().map(move |&time| {
            let mut row = Vec::with_capacity(next.len());
            for (index, (series, next)) in self.series.iter().zip(&mut next).enumerate() {
                if series.times.get(*next) == Some(&time) {
                    row.push((index, series.values[*next]));
                    *next += 1;
                }
            }
            (time, row)
        })
    }
}
