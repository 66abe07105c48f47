//! Rules that pull in opposite directions.

use std::collections::{BTreeMap, BTreeSet};

use super::scenario::Scenario;
use super::{Lint, Target};
use crate::diagnostic::codes;
use crate::lang::graph::GraphId;
use crate::lang::reason::{Reach, Threshold, scalings, text_of, thresholds};
use crate::metrics::MetricId;
use crate::resources::Resource;
use crate::units::{Unit, display_quantity};

/// A pair of rules, by index.
type Pair = (usize, usize);

/// How many metrics an example may need values for.
const METRICS: usize = 3;

/// How many values of a metric are tried.
const VALUES: usize = 16;

/// What there may be of each kind of memory in an example.
const MEMORY: f64 = (4_u64 << 30) as f64;

impl<'p: 'r, 'r> Lint<'p, 'r> {
    /// Thresholds that are not in order, and targets that are not between them. Gives the pairs of rules that were named.
    pub(super) fn bands(&mut self) -> BTreeSet<Pair> {
        let mut odd = BTreeSet::new();
        let conditions: Vec<Vec<Threshold>> = self.rules.iter().map(|r| thresholds(self.reason, r.when)).collect();
        for up in 0..self.rules.len() {
            for down in 0..self.rules.len() {
                if let Some(resource) = self.opposite(up, down, &conditions) {
                    self.pair((up, down), resource, [&conditions[up], &conditions[down]], &mut odd);
                }
            }
        }
        odd
    }

    /// The resource that `up` is there to raise and `down` to lower.
    fn opposite(&self, up: usize, down: usize, conditions: &[Vec<Threshold>]) -> Option<Resource> {
        // A rule that scales a load which is high means to raise, whatever its target makes of it.
        let scales = |rule: usize, target: &Target, above: bool| {
            let compared = |load| conditions[rule].iter().any(|t| t.of == load && t.above == above);
            self.scaled(rule, target).into_iter().any(|s| compared(s.0))
        };
        let raises = |t: &&Target| t.against.raises() || t.against.above && scales(up, t, true);
        let lowers = |t: &Target| t.against.lowers() || t.against.below && scales(down, t, false);
        let lowered = |resource| {
            self.rules[down]
                .then
                .iter()
                .any(|t| t.resource == resource && lowers(t))
        };
        let mut raised = self.rules[up].then.iter().filter(raises).map(|t| t.resource);
        raised.find(|resource| up != down && lowered(*resource))
    }

    /// The loads that a rule scales, and to what.
    fn scaled(&self, rule: usize, target: &Target) -> Vec<(GraphId, f64)> {
        match (&self.rules[rule].state, target.current) {
            (Some(state), Some(current)) => scalings(state, target.to, current),
            _ => Vec::new(),
        }
    }

    fn pair(
        &mut self,
        (up, down): Pair,
        resource: Resource,
        conditions: [&Vec<Threshold>; 2],
        odd: &mut BTreeSet<Pair>,
    ) {
        for more in conditions[0] {
            for less in conditions[1]
                .iter()
                .filter(|less| less.of == more.of && less.above != more.above)
            {
                if self.is_odd((up, down), more, less, conditions) {
                    let (first, second) = (self.show(up, more), self.show(down, less));
                    let message = format!(
                        "the bands are in the wrong order: `{}` wants more where {first}, `{}` wants less where {second}",
                        self.name(up),
                        self.name(down)
                    );
                    let help = "leave room between the two thresholds, so that neither is met at the other".to_owned();
                    self.note(
                        codes::BANDS_OUT_OF_ORDER,
                        down,
                        Some(self.inner.rules[down].when),
                        message,
                        help,
                    );
                    odd.insert((up, down));
                } else if more.above {
                    self.target(up, (up, down), resource, more, less, odd);
                    self.target(down, (up, down), resource, more, less, odd);
                }
            }
        }
    }

    /// Whether both thresholds are passed at once, or nothing lies between them.
    fn is_odd(&self, (up, down): Pair, more: &Threshold, less: &Threshold, conditions: [&Vec<Threshold>; 2]) -> bool {
        let (low, high) = if more.above {
            (less.at, more.at)
        } else {
            (more.at, less.at)
        };
        if low < high {
            return false;
        }
        let alone = conditions.iter().all(|c| c.len() == 1);
        let together = || {
            let state = self.rules[up].state.as_ref();
            state.is_some_and(|state| state.assume(self.rules[down].when, true).is_some())
        };
        if low == high { alone } else { together() }
    }

    /// A rule that scales a load to a target beyond the thresholds of the load: where it arrives, the next rule waits.
    fn target(
        &mut self,
        rule: usize,
        pair: Pair,
        resource: Resource,
        more: &Threshold,
        less: &Threshold,
        odd: &mut BTreeSet<Pair>,
    ) {
        let Some(target) = self.rules[rule].then.iter().find(|t| t.resource == resource) else {
            return;
        };
        let mut scaled = self.scaled(rule, target).into_iter();
        let Some(to) = scaled
            .find(|s| s.0 == more.of && !(less.at < s.1 && s.1 < more.at))
            .map(|s| s.1)
        else {
            return;
        };
        let (beyond, next) = if to >= more.at { (more, pair.0) } else { (less, pair.1) };
        let output = self.inner.rules[rule]
            .then
            .iter()
            .find(|t| t.0 == resource)
            .map(|t| t.1);
        let message = format!(
            "`{}` aims at {}, which is not between the thresholds: `{}` is next where {}",
            self.name(rule),
            self.amount(more.of, to),
            self.name(next),
            self.show(next, beyond)
        );
        let help = format!(
            "aim between {} and {}",
            self.amount(less.of, less.at),
            self.amount(more.of, more.at)
        );
        // Two rules for less beside one rule for more say the same twice.
        if odd.insert(pair)
            || !self
                .found
                .iter()
                .any(|f| f.0 == rule && f.1.code == codes::BANDS_OUT_OF_ORDER)
        {
            self.note(codes::BANDS_OUT_OF_ORDER, rule, output, message, help);
        }
    }

    /// A threshold as its rule says it.
    fn show(&self, rule: usize, threshold: &Threshold) -> String {
        let text = text_of(&self.inner.compiled, self.inner.rules[rule].when, threshold.of);
        let sign = if threshold.above { "above" } else { "below" };
        format!(
            "`{}` is {sign} {}",
            text.unwrap_or_default(),
            self.amount(threshold.of, threshold.at)
        )
    }

    fn amount(&self, of: GraphId, value: f64) -> String {
        display_quantity(value, self.reason.graph().ty(of).unit().unwrap_or(Unit::NUMBER))
    }

    /// Rules that are both true for some values, and then want more and less of the same resource.
    pub(super) fn contradictions(&mut self, odd: &BTreeSet<Pair>) {
        let reaches: Vec<Reach> = self
            .rules
            .iter()
            .map(|r| Reach::of(&self.inner.compiled, [r.when]))
            .collect();
        for first in 0..self.rules.len() {
            for second in first + 1..self.rules.len() {
                if odd.contains(&(first, second)) || odd.contains(&(second, first)) {
                    continue;
                }
                let Some(resource) = self.may_contradict(first, second) else {
                    continue;
                };
                let [a, b] = [first, second].map(|r| self.metrics(&reaches[r]));
                // What has nothing in common may well be true together: merging is there for that.
                if a.is_disjoint(&b) {
                    continue;
                }
                let metrics: Vec<MetricId> = a.union(&b).copied().collect();
                let mut numbers: Vec<f64> = reaches[first]
                    .numbers
                    .iter()
                    .chain(&reaches[second].numbers)
                    .copied()
                    .collect();
                numbers.sort_by(f64::total_cmp);
                numbers.dedup();
                let Some(example) = self.example(first, second, resource, &metrics, &numbers) else {
                    continue;
                };
                let (one, other) = (self.name(first), self.name(second));
                let message =
                    format!("`{one}` and `{other}` can be true at once, and pull `{resource}` in opposite directions");
                let help =
                    format!("{example}: let the conditions exclude each other, or give one of them a higher priority");
                self.note(
                    codes::CONTRADICTING_RULES,
                    second,
                    Some(self.inner.rules[second].when),
                    message,
                    help,
                );
            }
        }
    }

    /// A resource that one of them may raise while the other may lower it, where no priority decides and nothing excludes that both are true.
    fn may_contradict(&self, first: usize, second: usize) -> Option<Resource> {
        let [a, b] = [&self.inner.rules[first].info, &self.inner.rules[second].info];
        if a.priority != b.priority {
            return None;
        }
        let common = self.rules[first].then.iter().find_map(|x| {
            let y = self.rules[second].then.iter().find(|y| y.resource == x.resource)?;
            let opposite = x.against.above && y.against.below || x.against.below && y.against.above;
            opposite.then_some(x.resource)
        })?;
        let state = self.rules[first].state.as_ref()?;
        state.assume(self.rules[second].when, true).map(|_| common)
    }

    fn metrics(&self, reach: &Reach) -> BTreeSet<MetricId> {
        reach
            .aggregates
            .iter()
            .map(|a| self.inner.plan.aggregate(*a).metric)
            .collect()
    }

    /// Values at which both are true and want the opposite, in words.
    fn example(
        &mut self,
        first: usize,
        second: usize,
        resource: Resource,
        metrics: &[MetricId],
        numbers: &[f64],
    ) -> Option<String> {
        if metrics.len() > METRICS {
            return None;
        }
        let values: Vec<Vec<f64>> = metrics.iter().map(|m| self.candidates(*m, numbers)).collect();
        let count: usize = values.iter().map(Vec::len).product();
        for parallelism in [4.0, 1.0, 16.0] {
            for choice in 0..count {
                if !self.spend(1) {
                    return None;
                }
                let mut rest = choice;
                let mut chosen = BTreeMap::new();
                for (metric, values) in metrics.iter().zip(&values) {
                    chosen.insert(*metric, values[rest % values.len()]);
                    rest /= values.len();
                }
                let scenario = Scenario {
                    inner: self.inner,
                    parallelism,
                    memory: Some(MEMORY),
                    metrics: chosen,
                };
                if let Some((wants, against)) = opposite_wishes(&scenario, first, second, resource) {
                    let catalogue = self.inner.plan.catalogue();
                    let read: Vec<String> = scenario
                        .metrics
                        .iter()
                        .map(|(metric, value)| {
                            let spec = catalogue.spec(*metric);
                            format!("`{}` = {}", spec.name, display_quantity(*value, spec.unit.dimension))
                        })
                        .collect();
                    return Some(format!(
                        "at {} and a parallelism of {parallelism}, `{}` wants {} and `{}` wants {}",
                        read.join(", "),
                        self.name(first),
                        resource.display(wants),
                        self.name(second),
                        resource.display(against)
                    ));
                }
            }
        }
        None
    }

    /// Values of a metric on both sides of every constant that it may be compared with, within its range.
    fn candidates(&self, metric: MetricId, numbers: &[f64]) -> Vec<f64> {
        let spec = self.inner.plan.catalogue().spec(metric);
        let (low, high) = spec.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let ends = [low, high].into_iter().filter(|x| x.is_finite());
        let mut all: Vec<f64> = numbers.iter().copied().chain(ends).collect();
        all.sort_by(f64::total_cmp);
        let between: Vec<f64> = all.windows(2).map(|w| f64::midpoint(w[0], w[1])).collect();
        let around: Vec<f64> = all.iter().flat_map(|x| [x * 0.99, x * 1.01, x * 2.0]).collect();
        let all = between.into_iter().chain(all).chain(around);
        let mut candidates: Vec<f64> = Vec::new();
        for x in all.filter(|x| low <= *x && *x <= high) {
            if !candidates.contains(&x) && candidates.len() < VALUES {
                candidates.push(x);
            }
        }
        candidates
    }
}

/// What both rules want where both are true, one more and the other less.
fn opposite_wishes(scenario: &Scenario<'_>, first: usize, second: usize, resource: Resource) -> Option<(f64, f64)> {
    let rules = &scenario.inner.rules;
    let mut evaluated = scenario.evaluate();
    if evaluated.condition(rules[first].when) != Some(true) || evaluated.condition(rules[second].when) != Some(true) {
        return None;
    }
    let current = match resource {
        Resource::Parallelism => scenario.parallelism,
        _ => scenario.memory?,
    };
    let mut wish = |rule: usize| {
        let output = rules[rule].then.iter().find(|t| t.0 == resource)?.1;
        let wanted = evaluated.number(output)?;
        Some(crate::engine::act::whole_steps(resource, current, wanted))
    };
    let (a, b) = (wish(first)?, wish(second)?);
    ((a > current && b < current) || (a < current && b > current)).then_some((a, b))
}
