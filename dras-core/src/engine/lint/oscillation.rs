//! Rules that find no rest at a constant load.

use std::collections::BTreeMap;

use super::Lint;
use super::scenario::Scenario;
use crate::diagnostic::codes;
use crate::lang::reason::Reach;
use crate::metrics::{Kind, MetricId, Per};
use crate::resources::Resource;
use crate::units::{WireUnit, display_number};

/// The parallelisms that a task may begin with.
const STARTS: [u32; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 24, 32, 48, 64, 96, 100, 128,
];

/// How finely loads are tried: in these parts of what a metric can read.
const PARTS: u32 = 40;

/// More steps than any way to rest takes from there.
const STEPS: usize = 40;

/// Words in a metric's name, query or id in Flink that tell it does not fall as the parallelism grows.
const NOT_A_LOAD: [&str; 10] = [
    "idle", "heap", "memory", "mem_", "gc", "garbage", "pool", "buffer", "queue", "disk",
];

/// Words that tell that a metric is time spent waiting for others, of which there is none while a job keeps up.
const HELD_UP: [&str; 2] = ["backpressure", "back_pressure"];

/// The metrics that the model knows.
struct Loads {
    /// Those that fall in proportion as the parallelism grows, with the most that they read.
    falling: Vec<(MetricId, f64)>,
    /// Those that read 0 while none of the others reads its most.
    held_up: Vec<MetricId>,
}

/// A way that does not end.
struct Endless {
    /// The parallelisms of one round, beginning with the smallest.
    round: Vec<f64>,
    /// What the metrics read at each of them.
    readings: Vec<BTreeMap<MetricId, f64>>,
    /// The rules of one round, by index.
    rules: Vec<u32>,
}

impl<'p: 'r, 'r> Lint<'p, 'r> {
    pub(super) fn oscillation(&mut self) {
        let mut up = false;
        let mut down = false;
        for target in self.rules.iter().flat_map(|r| &r.then) {
            if target.resource == Resource::Parallelism {
                up |= target.against.above;
                down |= target.against.below;
            }
        }
        if !(up && down) {
            return;
        }
        let loads = self.loads();
        if loads.falling.is_empty() {
            return;
        }
        let Some(endless) = self.search(&loads) else { return };
        let round: Vec<String> = endless
            .round
            .iter()
            .chain(endless.round.first())
            .map(f64::to_string)
            .collect();
        let message = format!(
            "at a constant load the parallelism goes up and down for ever: {}",
            round.join(" → ")
        );
        let catalogue = self.inner.plan.catalogue();
        let read: Vec<String> = endless
            .round
            .iter()
            .zip(&endless.readings)
            .take(2)
            .map(|(p, values)| {
                let values: Vec<String> = values
                    .iter()
                    .map(|(metric, value)| {
                        format!(
                            "`{}` is {}%",
                            catalogue.spec(*metric).name,
                            display_number(value * 100.0)
                        )
                    })
                    .collect();
                format!("at {p} {}", values.join(" and "))
            })
            .collect();
        let names: Vec<String> = endless
            .rules
            .iter()
            .map(|r| format!("`{}`", self.name(*r as usize)))
            .collect();
        let help = format!(
            "{}, and {} take turns: move the thresholds apart, or let the target lie between them",
            read.join(", "),
            names.join(" and ")
        );
        let rule = endless.rules.first().map_or(0, |r| *r as usize);
        self.note(codes::OSCILLATING_RULES, rule, None, message, help);
    }

    fn loads(&self) -> Loads {
        let inner = self.inner;
        let outputs = inner.rules.iter().flat_map(|rule| {
            let target = rule.then.iter().find(|t| t.0 == Resource::Parallelism);
            target.into_iter().flat_map(|t| [rule.when, t.1])
        });
        let roots: Vec<_> = outputs.map(|output| inner.compiled.root_of(output)).collect();
        let reach = Reach::of(&inner.compiled, roots);
        let mut metrics: Vec<MetricId> = reach
            .aggregates
            .iter()
            .map(|a| inner.plan.aggregate(*a).metric)
            .collect();
        metrics.sort_unstable();
        metrics.dedup();
        let mut loads = Loads {
            falling: Vec::new(),
            held_up: Vec::new(),
        };
        for metric in metrics {
            let spec = inner.plan.catalogue().spec(metric);
            let each = matches!(spec.per, Per::TaskManager | Per::Subtask);
            let recorded = inner.recorded.iter().any(|r| r.metric == metric);
            if spec.kind != Kind::Gauge || !each || recorded || !is_ratio(&spec.unit) {
                continue;
            }
            let said = [Some(&spec.name), spec.query.as_ref(), spec.flink.as_ref()];
            let said: String = said.into_iter().flatten().map(|t| t.to_lowercase() + " ").collect();
            let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
            let most = spec.range.map_or(1.0, |range| range.1);
            if says(&HELD_UP) {
                loads.held_up.push(metric);
            } else if !says(&NOT_A_LOAD) && most > 0.0 && most.is_finite() {
                loads.falling.push((metric, most));
            }
        }
        loads
    }

    /// The first way that does not end, from small tasks and small loads on.
    fn search(&mut self, loads: &Loads) -> Option<Endless> {
        // All alike; and each one alone heavy, the others half as much.
        let count = loads.falling.len();
        let mut mixtures = vec![vec![1.0; count]];
        if count > 1 {
            for heavy in 0..count.min(4) {
                mixtures.push((0..count).map(|i| if i == heavy { 1.0 } else { 0.5 }).collect());
            }
        }
        let limits = self.inner.limits.of(Resource::Parallelism);
        let allowed = |start: &u32| {
            limits.min.is_none_or(|min| u64::from(*start) >= min)
                && limits.max.is_none_or(|max| u64::from(*start) <= max)
        };
        for start in STARTS.into_iter().filter(allowed) {
            for part in 1..=PARTS {
                for mixture in &mixtures {
                    let load = f64::from(part) / f64::from(PARTS) * f64::from(start);
                    if let Some(endless) = self.follow(f64::from(start), load, loads, mixture)? {
                        return Some(endless);
                    }
                }
            }
        }
        None
    }

    /// Where the rules lead from `start` at a load of so many full slots; outer `None` where no work is left.
    #[expect(
        clippy::option_option,
        reason = "the outer one ends the search through `?`, the inner one is its result"
    )]
    fn follow(&mut self, start: f64, load: f64, loads: &Loads, mixture: &[f64]) -> Option<Option<Endless>> {
        let inner = self.inner;
        let readings = |parallelism: f64| -> BTreeMap<MetricId, f64> {
            let falling = loads.falling.iter().zip(mixture);
            falling
                .map(|(&(metric, most), share)| (metric, (most * share * load / parallelism).min(most)))
                .collect()
        };
        let at = |parallelism: f64| {
            let mut metrics = readings(parallelism);
            if loads.falling.iter().all(|(metric, most)| metrics[metric] < *most) {
                metrics.extend(loads.held_up.iter().map(|metric| (*metric, 0.0)));
            }
            Scenario {
                inner,
                parallelism,
                memory: None,
                metrics,
            }
        };
        let mut way: Vec<(f64, Vec<u32>)> = Vec::new();
        let mut parallelism = start;
        while way.len() < STEPS {
            if !self.spend(1) {
                return None;
            }
            let scenario = at(parallelism);
            let Some(change) = scenario.next() else {
                return Some(None);
            };
            way.push((parallelism, change.rules));
            parallelism = change.to;
            if let Some(first) = way.iter().position(|step| step.0 == parallelism) {
                // Whatever comes back has gone up and down.
                let mut round = way.split_off(first);
                let smallest = round.iter().map(|s| s.0).fold(f64::INFINITY, f64::min);
                let turn = round.iter().position(|s| s.0 == smallest).unwrap_or(0);
                round.rotate_left(turn);
                let mut rules: Vec<u32> = Vec::new();
                for rule in round.iter().flat_map(|step| &step.1) {
                    if !rules.contains(rule) {
                        rules.push(*rule);
                    }
                }
                return Some(Some(Endless {
                    readings: round.iter().map(|step| readings(step.0)).collect(),
                    round: round.iter().map(|step| step.0).collect(),
                    rules,
                }));
            }
        }
        Some(None)
    }
}

/// Whether a unit says that a metric is a share of something, or of time.
fn is_ratio(unit: &WireUnit) -> bool {
    let name = unit.name.as_str();
    unit.dimension.is_number()
        && (matches!(name, "ratio" | "percent" | "%")
            || name.split_once('/').is_some_and(|(a, b)| is_time(a) && is_time(b)))
}

fn is_time(unit: &str) -> bool {
    matches!(
        unit.trim(),
        "ns" | "us" | "ms" | "s" | "m" | "h" | "milliseconds" | "seconds"
    )
}
