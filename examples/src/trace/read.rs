//! Reads the text of a trace, line by line.

use std::collections::BTreeSet;

use super::{Event, Exception, Fact, Kind, MAX_SAMPLES, Metric, Problem, Series, Trace, TraceError};

#[derive(Default)]
pub(super) struct Reader {
    head: Option<(String, String)>,
    start: Option<i64>,
    task_manager_memory: Option<u64>,
    configuration: Vec<(String, String)>,
    clock: Option<(i64, i64, usize)>,
    metrics: Vec<Metric>,
    series: Vec<Series>,
    /// Whether `fact,time` was read, which makes the facts that the other lines fill.
    timed: bool,
    facts: Vec<Fact>,
    known: BTreeSet<&'static str>,
    events: Vec<Event>,
    exceptions: Vec<Exception>,
}

/// The names of the facts beside `time`.
const FACTS: [&str; 11] = [
    "state",
    "job",
    "parallelism",
    "tasks_running",
    "task_managers",
    "slots",
    "slots_free",
    "restarts",
    "rescales",
    "uptime",
    "arriving",
];

impl Fact {
    /// A fact of which only the time is known yet.
    fn unknown(time: i64) -> Fact {
        Fact {
            time,
            state: String::new(),
            job: String::new(),
            parallelism: 0,
            tasks_running: 0,
            task_managers: 0,
            slots: 0,
            slots_free: 0,
            restarts: 0,
            rescales: 0,
            uptime: 0,
            arriving: None,
        }
    }

    fn set(&mut self, name: &str, cell: &str) -> Result<(), Problem> {
        let count = match name {
            "state" => {
                cell.clone_into(&mut self.state);
                return Ok(());
            }
            "job" => {
                cell.clone_into(&mut self.job);
                return Ok(());
            }
            "uptime" => {
                self.uptime = time(cell)?;
                return Ok(());
            }
            "arriving" => {
                self.arriving = if cell.is_empty() { None } else { Some(sample(cell)?) };
                return Ok(());
            }
            "parallelism" => &mut self.parallelism,
            "tasks_running" => &mut self.tasks_running,
            "task_managers" => &mut self.task_managers,
            "slots" => &mut self.slots,
            "slots_free" => &mut self.slots_free,
            "restarts" => &mut self.restarts,
            _ => &mut self.rescales,
        };
        *count = read(cell, "a count")?;
        Ok(())
    }
}

impl Reader {
    pub(super) fn line(&mut self, line: &str) -> Result<(), Problem> {
        let cells = cells(line)?;
        let cell = |i: usize| cells.get(i).map_or("", String::as_str);
        let need = |need: usize| {
            if cells.len() == need {
                Ok(())
            } else {
                Err(Problem::Cells {
                    have: cells.len(),
                    need,
                })
            }
        };
        let once = |seen: bool| {
            if seen {
                Err(Problem::Twice(cells[0].clone()))
            } else {
                Ok(())
            }
        };
        match cell(0) {
            "trace" => {
                need(4)?;
                once(self.head.is_some())?;
                if cell(1) != "1" {
                    return Err(Problem::Version(cell(1).to_owned()));
                }
                self.head = Some((cell(2).to_owned(), cell(3).to_owned()));
            }
            "start" => {
                need(2)?;
                once(self.start.is_some())?;
                self.start = Some(time(cell(1))?);
            }
            "task_manager_memory" => {
                need(2)?;
                once(self.task_manager_memory.is_some())?;
                self.task_manager_memory = Some(read(cell(1), "a number of bytes")?);
            }
            "configuration" => {
                need(3)?;
                once(self.configuration.iter().any(|entry| entry.0 == cell(1)))?;
                self.configuration.push((cell(1).to_owned(), cell(2).to_owned()));
            }
            "clock" => {
                need(4)?;
                once(self.clock.is_some())?;
                let step: i64 = read(cell(2), "a distance in ms")?;
                let count: usize = read(cell(3), "a number of samples")?;
                if !(1..=MAX_STEP).contains(&step) {
                    return Err(Problem::Cell {
                        cell: cell(2).to_owned(),
                        wanted: "a distance of at most a day in ms",
                    });
                }
                if count > MAX_SAMPLES {
                    return Err(Problem::TooLong(count as u64));
                }
                self.clock = Some((time(cell(1))?, step, count));
            }
            "metric" => {
                need(5)?;
                once(self.metrics.iter().any(|m| m.name == cell(1)))?;
                let kind = match cell(4) {
                    "gauge" => Kind::Gauge,
                    "counter" => Kind::Counter,
                    other => {
                        return Err(Problem::Cell {
                            cell: other.to_owned(),
                            wanted: "`gauge` or `counter`",
                        });
                    }
                };
                let [name, prometheus, unit] = [1, 2, 3].map(|i| cell(i).to_owned());
                self.metrics.push(Metric {
                    name,
                    prometheus,
                    unit,
                    kind,
                });
            }
            "series" => self.series(&cells)?,
            "fact" => self.fact(&cells)?,
            "event" => {
                need(3)?;
                let time = self.since_start(cell(1))?;
                if self.events.last().is_some_and(|e| e.time > time) {
                    return Err(Problem::Order(time));
                }
                self.events.push(Event {
                    time,
                    what: cell(2).to_owned(),
                });
            }
            "exception" => {
                need(4)?;
                let time = time(cell(1))?;
                if self.exceptions.last().is_some_and(|e| e.time > time) {
                    return Err(Problem::Order(time));
                }
                self.exceptions.push(Exception {
                    time,
                    class: cell(2).to_owned(),
                    text: cell(3).to_owned(),
                });
            }
            other => return Err(Problem::UnknownRecord(other.to_owned())),
        }
        Ok(())
    }

    /// A cell with ms since the start of the recording, as epoch ms.
    fn since_start(&self, cell: &str) -> Result<i64, Problem> {
        Ok(self.start.ok_or_else(|| before("start"))? + time(cell)?)
    }

    fn series(&mut self, cells: &[String]) -> Result<(), Problem> {
        let (first, step, count) = self.clock.ok_or_else(|| before("clock"))?;
        let [_, metric, task_manager, task, subtask, values @ ..] = cells else {
            return Err(Problem::Cells {
                have: cells.len(),
                need: 5 + count,
            });
        };
        if !self.metrics.iter().any(|m| m.name == *metric) {
            return Err(Problem::UnknownMetric(metric.clone()));
        }
        let parts = [task_manager, task, subtask]
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty());
        let instance = parts.collect::<Vec<_>>().join("/");
        if self
            .series
            .iter()
            .any(|s| s.metric == *metric && s.instance == instance)
        {
            return Err(Problem::Twice(format!("{metric} {instance}")));
        }
        let subtask = if subtask.is_empty() {
            None
        } else {
            Some(read(subtask, "the index of a subtask")?)
        };
        let mut series = Series {
            metric: metric.clone(),
            instance,
            task_manager: task_manager.clone(),
            task: task.clone(),
            subtask,
            times: Vec::new(),
            values: Vec::new(),
        };
        let mut at = 0..0;
        for (value, times) in runs(values, count)? {
            at = at.end..at.end + times;
            if !value.is_empty() {
                series.values.extend(std::iter::repeat_n(sample(&value)?, times));
                series.times.extend(at.clone().map(|i| first + step * i as i64));
            }
        }
        self.series.push(series);
        Ok(())
    }

    fn fact(&mut self, cells: &[String]) -> Result<(), Problem> {
        let [_, name, values @ ..] = cells else {
            return Err(Problem::Cells {
                have: cells.len(),
                need: 2,
            });
        };
        if name == "time" {
            if self.timed {
                return Err(Problem::Twice("fact,time".to_owned()));
            }
            if values.len() > MAX_SAMPLES {
                return Err(Problem::TooLong(values.len() as u64));
            }
            let times: Vec<i64> = values.iter().map(|v| self.since_start(v)).collect::<Result<_, _>>()?;
            if let Some(pair) = times.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(Problem::Order(pair[1]));
            }
            self.facts = times.into_iter().map(Fact::unknown).collect();
            self.timed = true;
            return Ok(());
        }
        if !self.timed {
            return Err(before("fact,time"));
        }
        let Some(known) = FACTS.into_iter().find(|fact| fact == name) else {
            return Err(Problem::Cell {
                cell: name.clone(),
                wanted: "the name of a fact",
            });
        };
        let mut rest = self.facts.as_mut_slice();
        for (value, count) in runs(values, rest.len())? {
            let (these, others) = rest.split_at_mut(count);
            rest = others;
            for fact in these {
                fact.set(known, &value)?;
            }
        }
        if self.known.insert(known) {
            Ok(())
        } else {
            Err(Problem::Twice(format!("fact,{known}")))
        }
    }

    pub(super) fn finish(self) -> Result<Trace, TraceError> {
        let (name, about) = self.head.ok_or(TraceError::Incomplete("trace"))?;
        let start = self.start.ok_or(TraceError::Incomplete("start"))?;
        let task_manager_memory = self
            .task_manager_memory
            .ok_or(TraceError::Incomplete("task_manager_memory"))?;
        let (first, interval, count) = self.clock.ok_or(TraceError::Incomplete("clock"))?;
        if !self.timed {
            return Err(TraceError::Incomplete("fact,time"));
        }
        if let Some(missing) = FACTS.into_iter().find(|fact| !self.known.contains(fact)) {
            return Err(TraceError::Incomplete(missing));
        }
        Ok(Trace {
            name,
            about,
            start,
            task_manager_memory,
            configuration: self.configuration,
            interval,
            clock: (0..count).map(|i| first + interval * i as i64).collect(),
            metrics: self.metrics,
            series: self.series,
            facts: self.facts,
            events: self.events,
            exceptions: self.exceptions,
        })
    }
}

/// The farthest time from 1970 that is read, in ms: about the year 33,000; keeps every sum of times far from overflow.
const MAX_TIME: i64 = 1_000_000_000_000_000;

/// The largest distance of two samples, in ms: a day.
const MAX_STEP: i64 = 86_400_000;

fn before(record: &'static str) -> Problem {
    Problem::Above(record)
}

fn read<T: std::str::FromStr>(cell: &str, wanted: &'static str) -> Result<T, Problem> {
    cell.parse().map_err(|_| Problem::Cell {
        cell: cell.to_owned(),
        wanted,
    })
}

fn time(cell: &str) -> Result<i64, Problem> {
    let wanted = "a time in ms";
    match read(cell, wanted)? {
        time if (-MAX_TIME..=MAX_TIME).contains(&time) => Ok(time),
        _ => Err(Problem::Cell {
            cell: cell.to_owned(),
            wanted,
        }),
    }
}

fn sample(cell: &str) -> Result<f64, Problem> {
    read(cell, "a number or NaN")
}

/// The cells of one line of CSV. A quoted cell may hold commas and doubled quotes, but no line break.
pub(super) fn cells(line: &str) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        if let Some(mut inside) = rest.strip_prefix('"') {
            let mut cell = String::new();
            loop {
                let (before, after) = inside.split_once('"').ok_or(Problem::OpenQuote)?;
                cell.push_str(before);
                rest = after;
                let Some(more) = after.strip_prefix('"') else { break };
                cell.push('"');
                inside = more;
            }
            found.push(cell);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None if rest.is_empty() => return Ok(found),
            None => return Err(Problem::AfterQuote(rest.to_owned())),
        }
    }
}

/// The runs of equal values in `cells`: `7` is one 7, `7*3` three, `*2` two that are missing. Together they must make `need` values.
fn runs(cells: &[String], need: usize) -> Result<Vec<(String, usize)>, Problem> {
    let mut found = Vec::with_capacity(cells.len());
    let mut have = 0_usize;
    for cell in cells {
        let (value, count) = match cell.rsplit_once('*') {
            None => (cell.as_str(), 1),
            Some((value, count)) => (value, read(count, "the length of a run")?),
        };
        have = have.saturating_add(count);
        found.push((value.to_owned(), count));
    }
    if have == need {
        Ok(found)
    } else {
        Err(Problem::Values { have, need })
    }
}
