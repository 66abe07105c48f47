//! The rule documents of other products do what those products say.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dras_core::engine::{Policy, Task, decide};
use dras_core::resources::Resource;
use dras_core::rules::{Constant, Document, DocumentLimits, Mode};

const T0: i64 = 1_800_000_000_000;
const M: i64 = 60_000;

fn policy(text: &str) -> Policy {
    let document = Document::from_json(text, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    let policy = Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"));
    assert!(policy.warnings().0.is_empty(), "{}", policy.warnings());
    policy
}

fn task(policy: &Policy, attributes: &[(&str, f64)]) -> Task {
    let mut task = Task::new(policy, "orders").unwrap();
    for (name, value) in attributes {
        task.set(policy, name, *value).unwrap();
    }
    task
}

/// The parallelism after so many one-minute points; a look after each.
fn aws(parallelism: f64, configured: f64, per_kpu: f64, points: &[(usize, f64)]) -> Vec<f64> {
    let policy = policy(include_str!("../rules/aws.json"));
    let attributes = [
        ("parallelism", parallelism),
        ("configured_parallelism", configured),
        ("parallelism_per_kpu", per_kpu),
    ];
    let mut task = task(&policy, &attributes);
    let (cpu, instance) = (
        policy.metric("container_cpu").unwrap(),
        task.instance(&policy, "").unwrap(),
    );
    let mut now = T0;
    let mut wanted = Vec::new();
    for (count, value) in points {
        for _ in 0..*count {
            now += M;
            task.row(&policy, now, instance, now, &[(cpu, *value)]).unwrap();
            let decision = decide(&policy, &mut task, now).unwrap();
            wanted.push(decision.changes().first().map_or(parallelism, |c| c.to));
        }
    }
    wanted
}

#[test]
fn aws_doubles_after_15_busy_points_and_halves_after_360_idle_ones() {
    let doubled = aws(6.0, 2.0, 1.0, &[(20, 75.0)]);
    assert_eq!((doubled[13], doubled[14]), (6.0, 12.0), "the fifteenth point decides");
    let late = aws(6.0, 2.0, 1.0, &[(10, 90.0), (1, 74.9), (16, 90.0)]);
    assert_eq!((late[24], late[25]), (6.0, 12.0), "one point below begins anew");
    let halved = aws(7.0, 2.0, 1.0, &[(361, 9.9)]);
    assert_eq!((halved[358], halved[359]), (7.0, 4.0), "rounded up");
    assert_eq!(
        *aws(7.0, 6.0, 1.0, &[(360, 1.0)]).last().unwrap(),
        6.0,
        "never below what was configured"
    );
    assert_eq!(
        *aws(3.0, 6.0, 1.0, &[(360, 1.0)]).last().unwrap(),
        3.0,
        "and never above what there is"
    );
    assert!(
        aws(6.0, 2.0, 1.0, &[(400, 10.0)]).iter().all(|p| *p == 6.0),
        "10% is not below 10%"
    );
    assert_eq!(*aws(200.0, 2.0, 8.0, &[(15, 99.0)]).last().unwrap(), 256.0);
    assert_eq!(
        *aws(48.0, 2.0, 1.0, &[(15, 99.0)]).last().unwrap(),
        64.0,
        "64 KPU of one subtask each"
    );
}

#[test]
fn the_defaults_of_alibaba_are_those_of_its_documentation() {
    let policy = policy(include_str!("../rules/alibaba.json"));
    assert_eq!(policy.mode(), Mode::Monitor);
    let value = |name: &str| {
        let parameter = policy.parameters().iter().find(|p| p.name == name).unwrap();
        match &parameter.value {
            Constant::Number(quantity) => quantity.value(),
            other => panic!("{name} is {other}"),
        }
    };
    for (name, is) in [
        ("cpu.high", 0.8),
        ("cpu.up_for", 180.0),
        ("cpu.low", 0.2),
        ("cpu.low_for", 1800.0),
        ("source_delay.threshold", 60.0),
        ("memory.high", 0.95),
        ("memory.up_for", 180.0),
        ("memory.low", 0.3),
        ("memory.low_for", 1800.0),
        ("memory.reserve", 0.2),
        ("memory.gc_high", 0.2),
        ("memory.step", 0.5),
        ("oom.factor", 1.5),
    ] {
        assert_eq!(value(name), is, "{name}");
    }
    // Each of them says where it is from.
    let said: Vec<String> = policy.parameters().iter().map(ToString::to_string).collect();
    assert!(
        said.contains(&"cpu.low = 20% (0% … 90%; default 30%), set at strategies[0].params.low".to_owned()),
        "{said:#?}"
    );
    assert!(said.contains(&"oom.keep = 3d (0s … 60d; default 3d), from the strategy oom".to_owned()));
    assert_eq!(policy.limits().of(Resource::TaskManagerMemory).max, Some(16 << 30));
}

#[test]
fn a_job_that_ran_out_of_heap_under_the_defaults_of_alibaba_gets_half_as_much_again() {
    let policy = policy(include_str!("../rules/alibaba.json"));
    let mut task = task(&policy, &[("parallelism", 4.0), ("task_manager_cores", 1.0)]);
    let entries = [
        ("taskmanager.memory.process.size", "4096m"),
        ("taskmanager.numberOfTaskSlots", "1"),
    ];
    task.set_flink_configuration(&policy, entries).unwrap();
    let (exceptions, instance) = (
        policy.metric("exceptions").unwrap(),
        task.instance(&policy, "").unwrap(),
    );
    decide(&policy, &mut task, T0).unwrap();
    let now = T0 + M;
    let text = "java.lang.OutOfMemoryError: Java heap space";
    task.event(&policy, now, instance, exceptions, now, text).unwrap();
    task.observed(&policy, now, exceptions, now).unwrap();
    let decision = decide(&policy, &mut task, now).unwrap();
    let change = &decision.changes()[0];
    // 1459.2 MiB * 1.5 = 2188.8, in steps of 64.
    assert_eq!((change.resource, change.to / 1_048_576.0), (Resource::TaskHeap, 2240.0));
    assert!(decision.instruction().is_none(), "it only recommends");
}
