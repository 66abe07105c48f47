//! Windows of one task with ten metrics, as a scrape every 15 s fills them.

use dras_core::metrics::{
    Aggregate, AggregateId, Catalogue, InstanceId, MetricId, MetricSpec, Plan, Reduce, Test, Window, WindowSettings,
    Windows,
};

use crate::Random;

/// The usual distance between two samples, in ms.
pub const INTERVAL: i64 = 15_000;
/// A time to begin with: on the grid of samples.
pub const BEGIN: i64 = 1_800_000_000_000;
/// A week, in ms.
const WEEK: i64 = 7 * 86_400_000;
/// Metrics of a task.
pub const METRICS: usize = 10;

/// What is asked of every series: average, largest, deviation, share above a threshold, newest.
pub fn aggregates(catalogue: &Catalogue, samples: i64) -> Vec<Aggregate> {
    let window = Window::sliding(samples * INTERVAL);
    let above = Test::Within {
        lo: 0.8,
        hi: f64::INFINITY,
        negate: false,
    };
    let questions = [
        (Reduce::Avg, None),
        (Reduce::Max, None),
        (Reduce::Stddev, None),
        (Reduce::Share, Some(above)),
        (Reduce::Last, None),
    ];
    let of = |metric| {
        questions.iter().map(move |(reduce, test)| Aggregate {
            metric,
            window,
            reduce: *reduce,
            test: test.clone(),
        })
    };
    catalogue.iter().flat_map(|(metric, _)| of(metric)).collect()
}

/// One task's windows with all that its use needs.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The plan: five aggregates of each metric.
    pub plan: Plan,
    /// The windows.
    pub windows: Windows,
    /// The only instance.
    pub instance: InstanceId,
    /// The metrics.
    pub metrics: Vec<MetricId>,
    /// The five aggregates of each metric.
    pub aggregates: Vec<[AggregateId; 5]>,
    /// The time of the newest sample.
    pub now: i64,
}

impl Fixture {
    /// Empty windows of `samples` samples.
    pub fn new(samples: i64) -> Fixture {
        Fixture::of(samples, false)
    }

    fn of(samples: i64, week: bool) -> Fixture {
        let specs = (0..METRICS)
            .map(|i| MetricSpec::new(format!("m{i}")).with_interval(INTERVAL))
            .collect();
        let catalogue = Catalogue::new(specs).unwrap();
        let metrics = catalogue.iter().map(|m| m.0).collect();
        let mut asked = aggregates(&catalogue, samples);
        if week {
            let window = Window {
                across_marks: true,
                ..Window::sliding(WEEK)
            };
            let largest = |metric| Aggregate {
                metric,
                window,
                reduce: Reduce::Max,
                test: None,
            };
            asked.extend(catalogue.iter().map(|(metric, _)| largest(metric)));
        }
        let plan = Plan::new(catalogue, asked, WindowSettings::default()).unwrap();
        let ids: Vec<AggregateId> = plan.ids().take(5 * METRICS).collect();
        let aggregates = ids.as_chunks::<5>().0.to_vec();
        let mut windows = Windows::new(&plan);
        let instance = windows.instance(&plan, "tm-1").unwrap();
        Fixture {
            plan,
            windows,
            instance,
            metrics,
            aggregates,
            now: BEGIN,
        }
    }

    /// The same with full windows.
    pub fn filled(samples: i64) -> Fixture {
        let mut fixture = Fixture::new(samples);
        let mut random = Random::new(samples as u64);
        for _ in 0..samples * 2 {
            let values: Vec<f64> = fixture.metrics.iter().map(|_| random.unit()).collect();
            fixture.scrape(&values);
        }
        fixture
    }

    /// Full windows of `samples` samples, and for each metric its largest value of a week, kept in panes that are full, too.
    pub fn with_week(samples: i64) -> Fixture {
        let mut fixture = Fixture::of(samples, true);
        let mut random = Random::new(samples as u64);
        for _ in 0..WEEK / INTERVAL + samples {
            let values: Vec<f64> = fixture.metrics.iter().map(|_| random.unit()).collect();
            fixture.scrape(&values);
        }
        fixture
    }

    /// One more scrape, a value for each metric.
    pub fn scrape(&mut self, values: &[f64]) {
        self.now += INTERVAL;
        let mut row = [(self.metrics[0], 0.0); METRICS];
        for ((cell, metric), value) in row.iter_mut().zip(&self.metrics).zip(values) {
            *cell = (*metric, *value);
        }
        self.windows.advance(&self.plan, self.now).unwrap();
        self.windows
            .row(&self.plan, self.now, self.instance, self.now, &row)
            .unwrap();
    }
}
