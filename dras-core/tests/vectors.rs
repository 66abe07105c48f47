//! What expressions over windows mean: instances, samples, tests of samples, marks and missing data, over real windows. Every expected
//! value is worked out by hand from the samples that the test lays down.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::lang::{Constant, Expression, Limits, Scope, Type};
use dras_core::metrics::{
    Across, Catalogue, Kind, Mark, MetricSpec, NotANumber, Per, Plan, Scratch, WindowSettings, Windows,
};
use dras_core::units::Unit;

const S: i64 = 1000;
const M: i64 = 60 * S;
const H: i64 = 60 * M;

/// On the hour, and on the day.
const T0: i64 = 1_800_000_000_000 / 86_400_000 * 86_400_000;

/// Most looks are taken an hour and a half after the hour.
const NOW: i64 = T0 + 90 * M;

const GIB: f64 = 1_073_741_824.0;

fn scope() -> Scope {
    let metric = |name: &str, unit: &str, kind: Kind, across: Across, per: Per| MetricSpec {
        unit: unit.parse().unwrap(),
        kind,
        across,
        per,
        ..MetricSpec::new(name)
    };
    let catalogue = Catalogue::new(vec![
        metric("cpu", "ratio", Kind::Gauge, Across::Avg, Per::TaskManager),
        metric("x", "number", Kind::Gauge, Across::Max, Per::TaskManager),
        metric("heap_used", "bytes", Kind::Gauge, Across::Sum, Per::TaskManager),
        metric("heap_max", "bytes", Kind::Gauge, Across::Sum, Per::TaskManager),
        metric("gc", "count", Kind::Counter, Across::Sum, Per::TaskManager),
        metric("busy", "ms/s", Kind::Gauge, Across::Max, Per::Subtask),
        metric("lag", "s", Kind::Gauge, Across::Max, Per::Task),
        metric("catch_up", "s", Kind::Gauge, Across::Max, Per::Task),
        metric("exceptions", "number", Kind::Event, Across::Sum, Per::Task),
        MetricSpec {
            not_a_number: NotANumber::Skip,
            ..metric("odd", "number", Kind::Gauge, Across::Max, Per::TaskManager)
        },
    ])
    .unwrap();
    let mut scope = Scope::with_metrics(catalogue);
    scope.number("limit", Unit::NUMBER).unwrap();
    scope.number("parallelism", Unit::NUMBER).unwrap();
    scope.variable("strict", Type::Bool).unwrap();
    scope.variable("task_type", Type::Text).unwrap();
    scope
        .constant("window", Constant::Number(300.0, Unit::SECONDS))
        .unwrap();
    scope.constant("back", Constant::Number(3600.0, Unit::SECONDS)).unwrap();
    scope
        .constant("samples_wanted", Constant::Number(4.0, Unit::NUMBER))
        .unwrap();
    scope.constant("tail", Constant::Number(0.5, Unit::NUMBER)).unwrap();
    scope.constant("pattern", Constant::Text("heap".into())).unwrap();
    scope
}

/// An instance, a metric, and its value at a time.
type Series<'w> = (&'w str, &'w str, Box<dyn Fn(i64) -> Option<f64> + 'w>);

/// What happened to a task: laid down anew for every expression, whose plan says what is kept.
struct World<'w> {
    now: i64,
    task_managers: Option<u32>,
    numbers: Vec<(&'w str, f64)>,
    texts: Vec<(&'w str, &'w str)>,
    /// Instance, metric, and the value at a time since [`T0`] in ms.
    series: Vec<Series<'w>>,
    /// Time, text; `None` where nobody asked.
    events: Option<Vec<(i64, &'w str)>>,
    marks: Vec<(i64, Mark)>,
}

impl<'w> World<'w> {
    fn new() -> World<'w> {
        World {
            now: NOW,
            task_managers: None,
            numbers: vec![("parallelism", 4.0)],
            texts: vec![("task_type", "sql")],
            series: Vec::new(),
            events: Some(Vec::new()),
            marks: Vec::new(),
        }
    }

    fn series(mut self, instance: &'w str, metric: &'w str, value: impl Fn(i64) -> Option<f64> + 'w) -> World<'w> {
        self.series.push((instance, metric, Box::new(value)));
        self
    }

    fn constant(self, instance: &'w str, metric: &'w str, value: f64) -> World<'w> {
        self.series(instance, metric, move |_| Some(value))
    }

    fn windows(&self, plan: &Plan) -> Windows {
        let mut windows = Windows::new(plan);
        for (t, mark) in &self.marks {
            windows.mark(*t, *mark);
        }
        let catalogue = plan.catalogue();
        for t in (T0 - H..=self.now).step_by(15_000) {
            for (instance, metric, value) in &self.series {
                let id = windows.instance(plan, instance).unwrap();
                if let Some(value) = value(t - T0) {
                    windows
                        .row(plan, t, id, t, &[(catalogue.id(metric).unwrap(), value)])
                        .unwrap();
                }
            }
        }
        if let Some(events) = &self.events {
            let (task, id) = (windows.instance(plan, "").unwrap(), catalogue.id("exceptions").unwrap());
            for (t, text) in events {
                windows.event(plan, self.now, task, id, *t, text).unwrap();
            }
            windows.observed(plan, self.now, id, self.now).unwrap();
        }
        windows.advance(plan, self.now).unwrap();
        windows
    }

    /// The value as people write it, and the explanation.
    fn look(&self, source: &str) -> (String, String) {
        let scope = scope();
        let expression =
            Expression::compile(source, &scope, &Limits::default()).unwrap_or_else(|found| panic!("{source}\n{found}"));
        let plan = expression.plan(WindowSettings::default()).unwrap();
        let windows = self.windows(&plan);
        let mut row = expression.row();
        for (name, value) in &self.numbers {
            row.set_number(scope.find_variable(name).unwrap(), *value);
        }
        for (name, value) in &self.texts {
            row.set_text(scope.find_variable(name).unwrap(), value);
        }
        let mut scratch = Scratch::new();
        expression.look(&plan, &windows, self.now, self.task_managers, &mut row, &mut scratch);
        let explanation = expression.explain(&row);
        let value = expression.evaluate(&mut row).into_owned();
        assert_eq!(Some(&value), explanation.value(), "{source}\n{explanation}");
        let shown = match value.undefined() {
            None => value.display(expression.ty()),
            Some(_) => format!("undefined: {}", explanation.parts[0].reason.as_deref().unwrap()),
        };
        (shown, explanation.to_string())
    }

    #[track_caller]
    fn check(&self, cases: &[(&str, &str)]) {
        for (source, wanted) in cases {
            assert_eq!(self.look(source).0, *wanted, "{source}");
        }
    }
}

/// tm-1 uses 1 of 2 GiB, tm-2 3 of 4 GiB.
fn two_heaps<'w>() -> World<'w> {
    World::new()
        .constant("tm-1", "heap_used", GIB)
        .constant("tm-1", "heap_max", 2.0 * GIB)
        .constant("tm-2", "heap_used", 3.0 * GIB)
        .constant("tm-2", "heap_max", 4.0 * GIB)
        .constant("tm-1", "cpu", 0.5)
        .constant("tm-2", "cpu", 0.75)
}

#[test]
fn arithmetic_inside_a_reducer_is_done_for_each_instance() {
    two_heaps().check(&[
        ("max(heap_used / heap_max)", "0.75"),
        ("min(heap_used / heap_max)", "0.5"),
        ("avg(heap_used / heap_max)", "0.625"),
        ("spread(heap_used / heap_max)", "0.25"),
        ("quantile(50%, heap_used / heap_max)", "0.625"),
        // Outside, each metric is reduced first: 4 of 6 GiB.
        ("heap_used / heap_max > 66% && heap_used / heap_max < 67%", "true"),
        ("sum(heap_used) / sum(heap_max) == heap_used / heap_max", "true"),
        // Windows inside.
        ("max(avg(heap_used[5m]) / max(heap_max[5m]))", "0.75"),
        ("max(avg(heap_used[5m]) / heap_max)", "0.75"),
        ("max(heap_max - heap_used)", "1GiB"),
        ("sum(heap_max - heap_used)", "2GiB"),
        ("max(-cpu)", "-0.5"),
        ("max(cpu * parallelism)", "3"),
        ("sum(clamp(cpu, 0.6, 0.7)) > 1.29", "true"),
        ("max(cpu > 60% ? heap_used : 0B)", "3GiB"),
        ("max(min(cpu, 0.7))", "0.7"),
        // Of two values it takes the smaller, so that the metric is one value first.
        ("min(max(cpu, 0.6), 0.65)", "0.625"),
        // Conditions of each instance.
        ("count(heap_used / heap_max > 60%)", "1"),
        ("share(heap_used / heap_max > 60%)", "0.5"),
        ("any(heap_used / heap_max > 60% && cpu > 70%)", "true"),
        ("any(heap_used / heap_max > 60% && cpu < 70%)", "false"),
        ("all(heap_used / heap_max > 60% || cpu < 70%)", "true"),
        ("all(!(cpu > 70%))", "false"),
        ("count(cpu in [0.5])", "1"),
        // Skew: the worst against the mean.
        ("max(cpu) > 1.15 * avg(cpu)", "true"),
    ]);
}

#[test]
fn an_instance_without_one_of_the_metrics_has_no_value() {
    let world = two_heaps().constant("tm-3", "heap_used", 2.0 * GIB);
    world.check(&[
        // Two of three are fewer than 80%.
        (
            "max(heap_used / heap_max)",
            "undefined: heap_max: 2 of 3 instances have a value",
        ),
        (
            "any(heap_used / heap_max > 60%)",
            "undefined: heap_max: 2 of 3 instances have a value",
        ),
        (
            "max(avg(heap_used[5m]) / avg(heap_max[5m]))",
            "undefined: heap_max[5m]: 2 of 3 instances have a value",
        ),
        ("max(heap_max)", "4GiB"),
        ("max(heap_used / (heap_max ?? 1GiB))", "2"),
        ("max((heap_used / heap_max) ?? 1)", "1"),
        ("count(defined(heap_used) && defined(heap_max))", "2"),
        // A choice that does not need it.
        ("max(heap_used > 2.5GiB ? heap_used / heap_max : 0)", "0.75"),
        // Kleene's logic, for each instance.
        ("count(heap_used / heap_max > 60% || heap_used < 2.5GiB)", "3"),
    ]);
    // Exactly 80% are enough.
    let world = ["a", "b", "c", "d"]
        .into_iter()
        .fold(World::new().constant("e", "heap_used", GIB), |world, name| {
            world
                .constant(name, "heap_used", GIB)
                .constant(name, "heap_max", 4.0 * GIB)
        });
    world.check(&[
        ("max(heap_used / heap_max)", "0.25"),
        ("count(heap_used / heap_max > 20%)", "4"),
    ]);
    // Nobody has it.
    let world = World::new()
        .constant("tm-1", "heap_used", GIB)
        .constant("tm-2", "heap_used", GIB);
    world.check(&[
        ("max(heap_used / heap_max)", "undefined: heap_max: no live instance"),
        ("max(heap_max / heap_used)", "undefined: heap_max: no live instance"),
        (
            "max(avg(heap_max[5m]) / heap_used)",
            "undefined: heap_max[5m]: no live instance",
        ),
        ("heap_used / heap_max", "undefined: heap_max: no live instance"),
    ]);
    World::new().check(&[("max(heap_used / heap_max)", "undefined: heap_used: no live instance")]);
}

#[test]
fn too_few_of_the_expected_task_managers_are_undefined() {
    let mut world = two_heaps();
    for (expected, there) in [
        (None, true),
        (Some(1), true),
        (Some(2), true),
        (Some(3), false),
        (Some(10), false),
    ] {
        world.task_managers = expected;
        let missing = |what: &str| {
            format!(
                "undefined: {what}: 2 of {} instances have a value",
                expected.unwrap_or(0)
            )
        };
        for (source, value, what) in [
            ("max(cpu)", "0.75", "cpu"),
            ("cpu", "0.625", "cpu"),
            ("max(avg(cpu[5m]))", "0.75", "cpu[5m]"),
            ("max(cpu * 2)", "1.5", "cpu"),
            ("count(cpu > 60%) == 1", "true", "cpu"),
            ("max(heap_used / heap_max)", "0.75", "heap_used"),
        ] {
            let wanted = if there { value.to_owned() } else { missing(what) };
            // Which of several metrics is named first is that of the first leaf in order.
            let got = world.look(source).0.replace("heap_max:", "heap_used:");
            assert_eq!(got, wanted, "{source} of {expected:?}");
        }
    }
}

#[test]
fn instances_become_one_number_as_the_metric_or_function_declares() {
    // In the last five minutes tm-1 is 0.2 then 0.8 in turn, tm-2 always 0.6.
    let world = World::new()
        .series("tm-1", "cpu", |t| Some(if t / (15 * S) % 2 == 0 { 0.2 } else { 0.8 }))
        .constant("tm-2", "cpu", 0.6)
        .constant("tm-1", "heap_used", GIB)
        .constant("tm-2", "heap_used", 2.0 * GIB)
        .constant("0.0", "busy", 300.0)
        .constant("0.1", "busy", 900.0)
        .constant("", "lag", 7.0)
        .series("tm-1", "gc", |t| Some((t / (15 * S)) as f64))
        .series("tm-2", "gc", |t| Some((2 * t / (15 * S)) as f64));
    world.check(&[
        // Twenty samples: ten of 0.2 and ten of 0.8.
        ("max(avg(cpu[5m])) == 60%", "true"),
        ("round(avg(cpu[5m]), 0.01)", "0.55"),
        ("max(cpu[5m])", "0.7"),
        ("min(cpu[5m])", "0.4"),
        ("heap_used", "3GiB"),
        ("avg(heap_used[5m])", "3GiB"),
        ("busy", "0.9"),
        ("lag", "7s"),
        ("rate(gc[5m])", "0.2/s"),
        ("increase(gc[5m])", "60"),
        ("max(increase(gc[5m]))", "40"),
        // Tests of samples: every sample of every instance, some sample of some, the mean share, all together.
        ("all(cpu[5m] > 10%)", "true"),
        ("all(cpu[5m] > 30%)", "false"),
        ("any(cpu[5m] > 70%)", "true"),
        ("any(cpu[5m] > 90%)", "false"),
        ("share(cpu[5m] > 50%)", "0.75"),
        ("count(cpu[5m] > 50%)", "30"),
        ("count(cpu[5m])", "40"),
        ("max(count(cpu[5m] > 50%))", "20"),
        ("min(share(cpu[5m] > 50%))", "0.5"),
        ("count(all(cpu[5m] > 50%))", "1"),
        ("share(any(cpu[5m] > 70%))", "0.5"),
        ("changes(cpu[5m])", "20"),
        ("coverage(cpu[5m])", "1"),
        ("age(cpu[5m])", "0s"),
    ]);
}

#[test]
fn tests_of_samples_may_depend_on_anything_that_is_one_value() {
    // 1, 2, … 20 percent in the last five minutes, oldest first.
    let world = World {
        numbers: vec![("limit", 0.155), ("parallelism", 4.0)],
        ..World::new().series("tm-1", "cpu", |t| {
            Some(((t - 90 * M) / (15 * S) + 20) as f64 / 100.0).filter(|v| *v > 0.0)
        })
    };
    world.check(&[
        ("count(cpu[5m] > limit)", "5"),
        ("count(limit < cpu[5m])", "5"),
        ("count(!(cpu[5m] > limit))", "15"),
        ("count(cpu[5m] > limit && cpu[5m] < 19%)", "3"),
        ("count(cpu[5m] < 3% || cpu[5m] > limit)", "7"),
        ("share(cpu[5m] > limit)", "0.25"),
        ("all(cpu[5m] > limit)", "false"),
        ("any(cpu[5m] > limit)", "true"),
        ("all(cpu[5m] < limit * parallelism)", "true"),
        ("count(cpu[5m] > avg(cpu[5m]))", "10"),
        ("count(cpu[5m] > quantile(90%, cpu[5m]))", "2"),
        ("count(cpu[5m] == max(cpu[5m]))", "1"),
        ("count(cpu[5m] != max(cpu[5m]))", "19"),
        ("count(cpu[5m] in [0.01, 0.02, 0.5])", "2"),
        ("max(count(cpu[5m] > limit))", "5"),
        ("max(share(cpu[5m] > limit) * 4)", "1"),
        ("count(cpu[5m] > (task_type == 'sql' ? limit : 0))", "5"),
        ("count(cpu[5m] > -1)", "20"),
    ]);
    // A threshold that is missing is what is missing, not the metric.
    let world = World {
        numbers: vec![("parallelism", 4.0)],
        ..world
    };
    world.check(&[
        ("count(cpu[5m] > limit)", "undefined: `limit`: the task does not say"),
        ("share(cpu[5m] > limit)", "undefined: `limit`: the task does not say"),
        (
            "max(count(cpu[5m] > limit))",
            "undefined: `limit`: the task does not say",
        ),
        (
            "max(count(cpu[5m] > limit) * 2)",
            "undefined: `limit`: the task does not say",
        ),
        (
            "any(cpu[5m] > avg(heap_used[1h]) / 1GiB)",
            "undefined: heap_used[1h]: no live instance",
        ),
        // Kleene's logic decides without it.
        ("any(cpu[5m] > limit || cpu[5m] >= 20%)", "true"),
        ("all(cpu[5m] > limit && cpu[5m] > 10%)", "false"),
        ("count(cpu[5m] > (limit ?? 0.155))", "5"),
        ("any(cpu[5m] > limit)", "undefined: `limit`: the task does not say"),
    ]);
}

#[test]
fn events_are_counted_and_matched_one_by_one() {
    let heap = "java.lang.OutOfMemoryError: Java heap space";
    let world = World {
        events: Some(vec![
            (NOW - 40 * M, heap),
            (NOW - 9 * M, heap),
            (NOW - 8 * M, "java.lang.OutOfMemoryError: Metaspace"),
            (NOW - 7 * M, heap),
            (NOW - 6 * M, "java.util.concurrent.TimeoutException"),
        ]),
        ..World::new()
    };
    world.check(&[
        ("count(exceptions[10m])", "4"),
        ("count(exceptions[1h])", "5"),
        ("count(oom_kind(exceptions[10m]) == 'heap')", "2"),
        ("count(oom_kind(exceptions[10m]) != 'none')", "3"),
        ("count(oom_kind(exceptions[1h]) in ['heap', 'direct'])", "3"),
        ("count(oom_kind(exceptions[10m]) == pattern)", "2"),
        ("any(contains(lower(exceptions[10m]), 'memory'))", "true"),
        ("all(exceptions[10m] =~ '^java')", "true"),
        ("share(exceptions[10m] =~ 'OutOfMemory')", "0.75"),
        ("count(exceptions[10m] !~ 'OutOfMemory')", "1"),
        ("count(exceptions[10m] == last(exceptions[1h]))", "1"),
        ("count(len(exceptions[10m]) > 40)", "2"),
        ("count(exceptions[10m] =~ 'heap' || exceptions[10m] =~ 'Meta')", "3"),
        ("last(exceptions[10m]) =~ 'Timeout'", "true"),
        ("age(exceptions[10m])", "6m"),
        ("count(exceptions[10m] offset 35m)", "1"),
        ("count(exceptions[2 samples in 1h] =~ 'OutOfMemory')", "1"),
        // Not a number: neither passes nor fails.
        (
            "count(number(exceptions[10m]) > 1)",
            "undefined: the text is not a number",
        ),
    ]);
    let quiet = World {
        events: Some(Vec::new()),
        ..World::new()
    };
    quiet.check(&[
        ("count(exceptions[10m])", "0"),
        ("count(oom_kind(exceptions[10m]) == 'heap')", "0"),
        ("any(exceptions[10m] =~ 'x')", "false"),
        (
            "last(exceptions[10m]) =~ 'x'",
            "undefined: exceptions[10m]: no sample in the window",
        ),
    ]);
    let unasked = World {
        events: None,
        ..World::new()
    };
    unasked.check(&[
        (
            "count(exceptions[10m])",
            "undefined: exceptions[10m]: events were not asked for recently",
        ),
        (
            "count(oom_kind(exceptions[10m]) == 'heap')",
            "undefined: exceptions[10m]: events were not asked for recently",
        ),
        (
            "last(exceptions[10m]) =~ 'x'",
            "undefined: exceptions[10m]: events were not asked for recently",
        ),
        ("any(exceptions[10m] =~ 'x') || parallelism == 4", "true"),
    ]);
}

#[test]
fn metrics_of_the_task_stand_beside_every_instance() {
    let world = two_heaps()
        .series("", "lag", |t| Some((t / M) as f64))
        .constant("", "catch_up", 45.0);
    world.check(&[
        // 90 s of lag.
        ("max(cpu * (lag / 1s))", "67.5"),
        ("min(cpu * (lag / 1s))", "45"),
        ("count(cpu > 60% && lag > 1m)", "1"),
        ("max(heap_used / avg(lag[1m]) * 1s) > 30MiB", "true"),
        // The task alone is one instance.
        ("max(lag)", "1m30s"),
        ("max(lag / catch_up)", "2"),
        ("count(lag > catch_up)", "1"),
        ("max(lag - lag offset 10m)", "10s"),
        ("avg(lag + catch_up)", "2m15s"),
        ("all(lag > catch_up && lag > 1m)", "true"),
    ]);
    two_heaps().check(&[
        ("max(cpu * (lag / 1s))", "undefined: lag: no live instance"),
        ("max(lag / catch_up)", "undefined: lag: no live instance"),
        ("max(lag / catch_up) ?? 3", "3"),
    ]);
    // Subtasks and TaskManagers have no instance in common.
    let mixed = two_heaps().constant("0.0", "busy", 500.0);
    assert!(
        mixed.look("max(cpu * busy)").0.starts_with("undefined: "),
        "{}",
        mixed.look("max(cpu * busy)").0
    );
    mixed.check(&[("max(cpu) * max(busy)", "0.375")]);
}

/// The minutes since the hour before last, at every sample.
fn clock<'w>() -> World<'w> {
    World::new().series("tm-1", "x", |t| Some(t as f64 / M as f64))
}

#[test]
fn windows_hold_the_samples_that_they_say() {
    clock().check(&[
        ("x", "90"),
        ("max(x[5m])", "90"),
        ("min(x[5m])", "85.25"),
        ("count(x[5m])", "20"),
        ("avg(x[5m])", "87.625"),
        ("first(x[1m])", "89.25"),
        // Moved into the past.
        ("x offset 1h", "30"),
        ("max(x[5m] offset 1h)", "30"),
        ("min(x[5m] offset 1h)", "25.25"),
        ("max(x[5m]) - max(x[5m] offset 10m)", "10"),
        ("max(x - x offset 10m)", "10"),
        // So many samples.
        ("avg(x[20 samples])", "87.625"),
        ("min(x[3 samples])", "89.5"),
        ("count(x[3 samples])", "3"),
        ("min(x[4 samples in 1h])", "89.25"),
        ("min(x[3 samples] offset 30m)", "59.5"),
        ("count(x[3 samples] > 89.6)", "2"),
        // Aligned to the clock.
        ("min(x[current 1h])", "60.25"),
        ("max(x[current 1h])", "90"),
        ("min(x[previous 1h])", "0.25"),
        ("max(x[previous 1h])", "60"),
        ("count(x[previous 1h])", "240"),
        ("max(x[previous 1h] offset 30m)", "0"),
        ("min(x[current 20m])", "80.25"),
        ("max(x[previous 20m])", "80"),
        // Lengths from parameters.
        ("min(x[window])", "85.25"),
        ("min(x[window * 2])", "80.25"),
        ("max(x[window] offset back)", "30"),
        ("min(x[samples_wanted samples])", "89.25"),
        ("min(x[current back])", "60.25"),
        ("min(x[samples_wanted samples in window])", "89.25"),
        ("quantile(tail, x[5m])", "87.625"),
        ("round(predict(x[5m], window))", "95"),
        ("ewma(x[5m], window) > 85", "true"),
    ]);
    for (source, code) in [
        ("min(x[samples_wanted])", "E0302"),
        ("min(x[limit])", "E0310"),
        ("min(x[pattern])", "E0310"),
        ("min(x[window samples])", "E0410"),
        ("quantile(window, x[5m])", "E0302"),
        ("quantile(samples_wanted, x[5m])", "E0312"),
        ("min(x[window - 5m])", "E0410"),
        // Events come at any time, so that so many of them may be of any age.
        ("count(exceptions[2 samples])", "E0410"),
    ] {
        let found = Expression::compile(source, &scope(), &Limits::default()).unwrap_err();
        assert_eq!(
            found.0.iter().map(|d| d.code.id()).collect::<Vec<_>>(),
            [code],
            "{source}\n{found}"
        );
    }
}

#[test]
fn windows_end_at_the_newest_mark_unless_they_cross_it() {
    // Restarted ten minutes ago; samples count from nine minutes ago on, the first a quarter of a minute later.
    let world = World {
        marks: vec![(NOW - 10 * M, Mark::Restart)],
        ..clock()
    };
    world.check(&[
        ("min(x[10m])", "81.25"),
        ("min(x[10m across marks])", "80.25"),
        ("count(x[10m])", "36"),
        ("x", "90"),
        (
            "min(x[20m])",
            "undefined: x[20m]: 36 of 80 samples, covering 43% of the window where 80% are required",
        ),
        ("min(x[20m across marks])", "70.25"),
        ("min(x[20m]) ?? min(x[5m])", "85.25"),
        ("coverage(x[20m])", "0.4375"),
        ("max(x[5m across marks] offset 20m)", "70"),
    ]);
    // An offset of 20 minutes lies before the mark, where it does not count yet.
    world.check(&[("max(x[5m] offset 20m)", "70")]);
    // Half a minute after the restart nothing counts.
    let world = World {
        marks: vec![(NOW - 30 * S, Mark::Restart)],
        ..clock()
    };
    world.check(&[
        (
            "max(x[5m])",
            "undefined: x[5m]: warming up after a restart or change, 30s left",
        ),
        ("x", "undefined: x: warming up after a restart or change, 30s left"),
        ("max(x[5m across marks])", "90"),
        (
            "max(x + x offset 10m)",
            "undefined: x: warming up after a restart or change, 30s left",
        ),
        ("x > 80 || parallelism == 4", "true"),
        ("x > 80 && parallelism == 5", "false"),
    ]);
}

#[test]
fn what_is_missing_is_named_with_its_metric_and_window() {
    // The last sample is ten minutes old.
    let stale = World::new().series("tm-1", "x", |t| (t <= 80 * M).then_some(1.0));
    stale.check(&[
        ("x", "undefined: x: last sample 10m ago, counts for 1m"),
        ("max(x * 2)", "undefined: x: last sample 10m ago, counts for 1m"),
        ("max(x[5m])", "undefined: x[5m]: last sample 10m ago, counts for 1m"),
    ]);
    // Three of twenty samples, half a minute from the first to the last.
    let sparse = World::new().series("tm-1", "x", |t| (!(0..=90 * M - 45 * S).contains(&t)).then_some(1.0));
    sparse.check(&[
        (
            "avg(x[5m])",
            "undefined: x[5m]: 3 of 20 samples, covering 10% of the window where 80% are required",
        ),
        (
            "max(avg(x[5m]) * 2)",
            "undefined: x[5m]: 3 of 20 samples, covering 10% of the window where 80% are required",
        ),
        (
            "avg(x[5m]) > 1 && x > 0",
            "undefined: x[5m]: 3 of 20 samples, covering 10% of the window where 80% are required",
        ),
        ("x", "1"),
        ("count(x[5m])", "3"),
    ]);
    // Alive, but the source says NaN.
    let odd = World::new().series("tm-1", "odd", |_| Some(f64::NAN));
    odd.check(&[
        ("odd", "undefined: odd: the source had no value (NaN)"),
        ("max(odd[5m])", "undefined: odd[5m]: the source had no value (NaN)"),
        ("max(odd / 2)", "undefined: odd: the source had no value (NaN)"),
    ]);
    let world = two_heaps().constant("tm-1", "x", 0.0).constant("tm-2", "x", 0.0);
    world.check(&[
        ("cpu / x", "undefined: division by zero"),
        ("max(cpu / x)", "undefined: division by zero"),
        ("cpu / limit", "undefined: `limit`: the task does not say"),
        ("max(cpu / limit)", "undefined: `limit`: the task does not say"),
        ("max(cpu / (x ?? 1))", "undefined: division by zero"),
    ]);
    let (_, text) = sparse.look("avg(x[5m]) > 80% && parallelism < 8 || limit > 3");
    for part in [
        "avg(x[5m]) > 80%",
        "x[5m]: 3 of 20 samples",
        "parallelism = 4 < 8 → true",
        "`limit`: the task does not say",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}
