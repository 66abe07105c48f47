//! What a platform that runs the job would tell dras beside its metrics: the attributes of the task, and marks for restarts and changes.

use dras_core::metrics::Mark;

use crate::trace::Fact;

/// Two views of one restart (REST and Prometheus) put its time no further apart than this.
const ONE_RESTART: i64 = 5000;
/// REST and Prometheus may serve an uptime that is a little older than the one before; a restart takes more of it away.
const SLACK: i64 = 2000;

/// The entry of Flink's configuration that the driver changes.
const PROCESS_SIZE: &str = "taskmanager.memory.process.size";

/// Watches the uptime, the id and the resources of the job.
#[derive(Debug, Clone)]
pub struct Platform {
    memory: u64,
    configuration: Vec<(String, String)>,
    parallelism: Option<u32>,
    slots_per_task_manager: Option<u32>,
    task_managers: u32,
    job: String,
    running: bool,
    rest: Uptime,
    prometheus: Uptime,
    last_restart: Option<i64>,
}

/// Something that samples from before say nothing about.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// When.
    pub time: i64,
    /// What dras is told.
    pub mark: Mark,
    /// What happened, for people; empty where it was told already.
    pub what: String,
}

/// The uptime of the job as one source serves it.
#[derive(Debug, Clone, Copy, Default)]
struct Uptime {
    last: Option<i64>,
}

impl Uptime {
    /// When the present run of the job began, where this value shows that it is another run than before, and what to call that.
    fn see(&mut self, time: i64, uptime: i64) -> Option<(i64, &'static str)> {
        match self.last.replace(uptime) {
            None => Some((time - uptime, "job starts")),
            Some(0) if uptime > 0 => Some((time - uptime, "job runs again")),
            // While it is down it is served as zero.
            Some(last) if uptime + SLACK < last || uptime == 0 && last > 0 => Some((time - uptime, "job restarts")),
            Some(_) => None,
        }
    }
}

impl Platform {
    /// Of a job whose TaskManagers have a process size of `memory` bytes, and otherwise what these entries of Flink's configuration say.
    pub fn new(memory: u64, configuration: &[(String, String)]) -> Platform {
        Platform {
            memory,
            configuration: configuration.to_vec(),
            parallelism: None,
            slots_per_task_manager: None,
            task_managers: 0,
            job: String::new(),
            running: false,
            rest: Uptime::default(),
            prometheus: Uptime::default(),
            last_restart: None,
        }
    }

    /// The entries of Flink's configuration that the task runs with now.
    pub fn configuration(&self) -> impl Iterator<Item = (&str, String)> {
        self.configuration.iter().map(|(key, value)| {
            let size = if key == PROCESS_SIZE {
                format!("{}b", self.memory)
            } else {
                value.clone()
            };
            (key.as_str(), size)
        })
    }

    /// The numbers that the task's attributes have now, by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, f64)> {
        // Where the configuration is known, the size of the process follows from it.
        let unconfigured = self.configuration.iter().all(|(key, _)| key != PROCESS_SIZE);
        let known = [
            ("parallelism", self.parallelism.map(f64::from)),
            ("task_managers", self.parallelism.map(|_| f64::from(self.task_managers))),
            ("slots_per_task_manager", self.slots_per_task_manager.map(f64::from)),
            ("task_manager_memory", unconfigured.then_some(self.memory as f64)),
            // All recordings are from one machine.
            ("machine_cores", Some(2.0)),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Takes what the REST API says.
    pub fn fact(&mut self, fact: &Fact) -> Vec<Marked> {
        let mut marks = Vec::new();
        let another_job = !self.job.is_empty() && self.job != fact.job;
        fact.job.clone_into(&mut self.job);
        if another_job {
            // The new job's uptime is compared with nothing of the old one's.
            self.rest = Uptime { last: Some(0) };
        }
        // Of a job that is not running, metrics go on being served for a while.
        let running = fact.state == "RUNNING";
        if std::mem::replace(&mut self.running, running) && !running {
            self.restart(fact.time, &format!("job is {}", fact.state), &mut marks);
        }
        if let Some((began, what)) = self.rest.see(fact.time, fact.uptime) {
            self.restart(began, what, &mut marks);
        }
        let from = self.parallelism.replace(fact.parallelism);
        if let Some(from) = from.filter(|from| *from != fact.parallelism) {
            marks.push(Marked {
                time: fact.time,
                mark: Mark::Change,
                what: format!("parallelism {from} → {}", fact.parallelism),
            });
        }
        self.task_managers = fact.task_managers;
        // Without TaskManagers there is nothing to divide; the size of the next ones is most likely that of the last ones.
        if let Some(slots) = fact.slots.checked_div(fact.task_managers) {
            self.slots_per_task_manager = Some(slots);
        }
        marks
    }

    /// Takes the job's uptime from Prometheus.
    pub fn uptime(&mut self, time: i64, uptime: f64) -> Vec<Marked> {
        let mut marks = Vec::new();
        if uptime.is_finite()
            && let Some((began, what)) = self.prometheus.see(time, uptime as i64)
        {
            self.restart(began, what, &mut marks);
        }
        marks
    }

    /// Takes what the driver did: a platform knows with which memory it starts TaskManagers.
    pub fn driver(&mut self, time: i64, what: &str) -> Vec<Marked> {
        let Some(memory) = memory_of(what).filter(|memory| *memory != self.memory) else {
            return Vec::new();
        };
        let mib = |bytes: u64| bytes / 1_048_576;
        let what = format!("task_manager_memory {}MiB → {}MiB", mib(self.memory), mib(memory));
        self.memory = memory;
        vec![Marked {
            time,
            mark: Mark::Change,
            what,
        }]
    }

    fn restart(&mut self, began: i64, what: &str, marks: &mut Vec<Marked>) {
        let seen = self
            .last_restart
            .is_some_and(|last| (began - last).abs() <= ONE_RESTART);
        if seen && self.last_restart >= Some(began) {
            return;
        }
        // A restart that was seen already, by the other source or because the job was down for a moment, is not told again; but the
        // warm-up counts from the later time.
        self.last_restart = Some(began);
        marks.push(Marked {
            time: began,
            mark: Mark::Restart,
            what: if seen { String::new() } else { what.to_owned() },
        });
    }
}

/// The process size that the driver gave new TaskManagers: `2 TaskManagers of 1100m registered (6.23 s)`.
fn memory_of(what: &str) -> Option<u64> {
    let (_, rest) = what.split_once(" TaskManagers of ")?;
    let (size, _) = rest.split_once("m registered")?;
    size.parse::<u64>().ok()?.checked_mul(1_048_576)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    fn times(marks: Vec<Marked>) -> Vec<(i64, Mark)> {
        marks.into_iter().map(|m| (m.time, m.mark)).collect()
    }

    #[test]
    fn a_restart_is_seen_once_and_begins_when_the_job_runs_again() {
        let mut platform = Platform::new(1, &[]);
        assert_eq!(times(platform.uptime(10_000, 4000.0)), [(6000, Mark::Restart)]);
        assert_eq!(times(platform.uptime(12_000, 6000.0)), []);
        // A value that is served twice, and one that is a little older than the one before.
        assert_eq!(times(platform.uptime(14_000, 6000.0)), []);
        assert_eq!(times(platform.uptime(16_000, 5990.0)), []);
        assert_eq!(times(platform.uptime(30_000, 0.0)), [(30_000, Mark::Restart)]);
        assert_eq!(times(platform.uptime(32_000, 0.0)), []);
        assert_eq!(times(platform.uptime(34_000, f64::NAN)), []);
        let again = platform.uptime(40_000, 1000.0);
        assert_eq!(again[0].what, "job runs again");
        assert_eq!(times(again), [(39_000, Mark::Restart)]);
        // A value that stands still is no restart, however long it does.
        for time in 41..200 {
            assert_eq!(times(platform.uptime(time * 1000, 1000.0)), []);
        }
    }

    fn marks_of(name: &str) -> Vec<(i64, Mark, String)> {
        let trace = Trace::load(name).unwrap();
        let mut platform = Platform::new(trace.task_manager_memory, &trace.configuration);
        let mut all = Vec::new();
        let uptime = trace.series("uptime").next().unwrap();
        let mut next = 0;
        for fact in &trace.facts {
            while next < uptime.times.len() && uptime.times[next] <= fact.time {
                all.extend(platform.uptime(uptime.times[next], uptime.values[next]));
                next += 1;
            }
            all.extend(platform.fact(fact));
        }
        for event in &trace.events {
            all.extend(platform.driver(event.time, &event.what));
        }
        all.retain(|m| !m.what.is_empty());
        all.into_iter()
            .map(|m| ((m.time - trace.start) / 1000, m.mark, m.what))
            .collect()
    }

    #[test]
    fn the_marks_of_the_recordings_are_what_was_done() {
        let whats = |name| {
            let marks = marks_of(name);
            marks
                .into_iter()
                .map(|m| format!("{} {}", m.0, m.2))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            whats("e_rescale_live"),
            [
                "0 job starts",
                "93 job restarts",
                "93 parallelism 1 → 3",
                "216 job is RESTARTING",
                "217 parallelism 3 → 2"
            ]
        );
        assert_eq!(
            whats("e_restart_savepoint"),
            [
                "-1 job starts",
                "95 job is FINISHED",
                "101 job runs again",
                "101 parallelism 1 → 2",
                "101 task_manager_memory 704MiB → 1100MiB"
            ]
        );
        assert_eq!(whats("a_overload_io"), ["0 job starts"]);
        // REST's uptime stands still there; Prometheus' shows the restart.
        assert_eq!(
            whats("d_oom_kill_default_timeout"),
            ["-1 job starts", "26 job is RESTARTING", "34 job runs again"]
        );
    }

    #[test]
    fn the_configuration_gives_what_flink_said_of_the_task_manager() {
        use dras_core::resources::memory::{FlinkProcess, MIB, MemoryConfig, derive};
        let trace = Trace::load("b_idle").unwrap();
        let platform = Platform::new(trace.task_manager_memory, &trace.configuration);
        let entries: Vec<(&str, String)> = platform.configuration().collect();
        let entries = entries.iter().map(|(key, value)| (*key, value.as_str()));
        let config = MemoryConfig::from_entries(FlinkProcess::TaskManager, entries).unwrap();
        let parts = derive(&config).unwrap();
        // `memoryConfiguration` of `/taskmanagers/:id`.
        let said = [64, 384, 64, 0, 32, 0, 96, 64, 704].map(|mib| mib * MIB);
        let derived = [
            parts.framework_heap,
            parts.task_heap,
            parts.framework_off_heap,
            parts.task_off_heap,
            parts.network,
            parts.managed,
            parts.metaspace,
            parts.overhead,
            parts.process(),
        ];
        assert_eq!(derived, said);
    }

    #[test]
    fn only_a_new_size_changes_the_memory() {
        let mut platform = Platform::new(704 << 20, &[]);
        assert!(
            platform
                .driver(1, "2 TaskManagers of 704m registered (6.23 s)")
                .is_empty()
        );
        assert!(platform.driver(1, "2 TaskManagers of many registered").is_empty());
        assert!(platform.driver(1, "rate=5000/s").is_empty());
        let marks = platform.driver(2, "2 TaskManagers of 1100m registered (6.23 s)");
        assert_eq!(marks[0].what, "task_manager_memory 704MiB → 1100MiB");
        assert!(
            platform
                .attributes()
                .any(|a| a == ("task_manager_memory", f64::from(1100 << 20)))
        );
        assert!(platform.attributes().all(|a| a.0 != "parallelism"));
    }
}
