//! Tests of the windows as a whole.

mod edges;
mod long;
mod model;
mod oracle;
mod rebind;
mod saved;

use super::*;
use crate::undefined::Undefined;
use crate::units::Millis;

/// A moment in 2024, a whole number of days after the epoch.
pub(super) const T0: Millis = 19_800 * 86_400_000;

/// A plan, windows, and room to ask them.
pub(super) struct Task {
    pub(super) plan: Plan,
    pub(super) windows: Windows,
    pub(super) scratch: Scratch,
}

impl Task {
    pub(super) fn new(specs: Vec<MetricSpec>, aggregates: Vec<Aggregate>, settings: WindowSettings) -> Task {
        let plan = Plan::new(Catalogue::new(specs).unwrap(), aggregates, settings).unwrap();
        let windows = Windows::new(&plan);
        Task {
            plan,
            windows,
            scratch: Scratch::new(),
        }
    }

    /// One metric, one aggregate after the other.
    pub(super) fn of(spec: MetricSpec, reductions: &[(Reduce, Window)]) -> Task {
        let aggregates = reductions
            .iter()
            .map(|(reduce, window)| aggregate(0, *reduce, *window))
            .collect();
        Task::new(vec![spec], aggregates, WindowSettings::default())
    }

    pub(super) fn metric(&self, name: &str) -> MetricId {
        self.plan.catalogue().id(name).unwrap()
    }

    pub(super) fn instance(&mut self, name: &str) -> InstanceId {
        self.windows.instance(&self.plan, name).unwrap()
    }

    /// Gives one sample of the first metric to an instance.
    pub(super) fn give(&mut self, now: Millis, instance: &str, t: Millis, value: f64) -> Accepted {
        let id = self.instance(instance);
        self.windows
            .row(&self.plan, now, id, t, &[(MetricId(0), value)])
            .unwrap()
    }

    pub(super) fn ask(&mut self, aggregate: u32, instance: &str, now: Millis) -> Result<f64, Undefined> {
        let id = self.windows.find(instance).ok_or(Undefined::NoInstance)?;
        self.windows
            .aggregate(&self.plan, AggregateId(aggregate), id, now, None, &mut self.scratch)
    }

    /// Asks everything at one moment, and sees that the answers are those that each question gets by itself.
    pub(super) fn ask_at_once(&mut self, now: Millis) {
        let instances: Vec<InstanceId> = self.windows.instances().collect();
        for across in [Across::Sum, Across::Max] {
            let mut scratch = Scratch::new();
            let mut together = Vec::new();
            let mut moment = self.windows.at(&self.plan, now, &mut self.scratch);
            for id in self.plan.ids() {
                together.push(moment.reduced(id, across, Some(2), None));
                together.extend(instances.iter().map(|instance| moment.aggregate(id, *instance, None)));
            }
            // Again instance by instance, so that questions about the same rows follow on one another.
            let ids: Vec<AggregateId> = self.plan.ids().collect();
            for instance in &instances {
                together.extend(ids.iter().map(|id| moment.aggregate(*id, *instance, None)));
            }
            together.extend(ids.iter().map(|id| moment.reduced(*id, across, None, None)));
            let mut alone = Vec::new();
            for id in self.plan.ids() {
                let (plan, windows) = (&self.plan, &self.windows);
                alone.push(windows.reduced(plan, id, across, Some(2), now, None, &mut scratch));
                for instance in &instances {
                    alone.push(windows.aggregate(plan, id, *instance, now, None, &mut scratch));
                }
            }
            for instance in &instances {
                for id in &ids {
                    let (plan, windows) = (&self.plan, &self.windows);
                    alone.push(windows.aggregate(plan, *id, *instance, now, None, &mut scratch));
                }
            }
            for id in &ids {
                let (plan, windows) = (&self.plan, &self.windows);
                alone.push(windows.reduced(plan, *id, across, None, now, None, &mut scratch));
            }
            let bits = |answers: Vec<Result<f64, Undefined>>| -> Vec<Result<u64, Undefined>> {
                answers.into_iter().map(|a| a.map(f64::to_bits)).collect()
            };
            assert_eq!(bits(together), bits(alone));
        }
    }

    pub(super) fn reduced(&mut self, aggregate: u32, across: Across, now: Millis) -> Result<f64, Undefined> {
        self.windows.reduced(
            &self.plan,
            AggregateId(aggregate),
            across,
            None,
            now,
            None,
            &mut self.scratch,
        )
    }
}

pub(super) fn aggregate(metric: u16, reduce: Reduce, window: Window) -> Aggregate {
    Aggregate {
        metric: MetricId(metric),
        window,
        reduce,
        test: None,
    }
}

pub(super) fn tested(metric: u16, reduce: Reduce, window: Window, test: Test) -> Aggregate {
    Aggregate {
        metric: MetricId(metric),
        window,
        reduce,
        test: Some(test),
    }
}

/// `x > limit`.
pub(super) fn above(limit: f64) -> Test {
    Test::Within {
        lo: limit.next_up(),
        hi: f64::INFINITY,
        negate: false,
    }
}

pub(super) fn window(span: Span, offset: Millis, across_marks: bool) -> Window {
    Window {
        span,
        offset,
        across_marks,
    }
}

/// A gauge sampled every 15 s.
pub(super) fn gauge() -> MetricSpec {
    MetricSpec::new("load")
}

pub(super) fn counter(interval: Millis) -> MetricSpec {
    MetricSpec {
        kind: Kind::Counter,
        ..MetricSpec::new("records").with_interval(interval)
    }
}

pub(super) fn events() -> MetricSpec {
    MetricSpec {
        kind: Kind::Event,
        ..MetricSpec::new("exceptions")
    }
}
