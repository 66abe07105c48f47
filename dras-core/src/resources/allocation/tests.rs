use proptest::prelude::*;

use super::*;
use crate::resources::memory::{MIB, SizeOption};

fn configured(process: FlinkProcess, mib: u64) -> ProcessMemory {
    let config = MemoryConfig::new(process)
        .with_size(SizeOption::ProcessSize, Some(mib * MIB))
        .unwrap();
    ProcessMemory::configured(config).unwrap()
}

fn typical() -> Allocation {
    Allocation::new(28, 3)
        .unwrap()
        .with_task_manager_cores(Some(Cores::new(1.5).unwrap()))
        .with_job_manager_cores(Some(Cores::new(0.5).unwrap()))
        .with_task_manager_memory(Some(configured(FlinkProcess::TaskManager, 4096)))
        .unwrap()
        .with_job_manager_memory(Some(configured(FlinkProcess::JobManager, 1600)))
        .unwrap()
}

#[test]
fn everything_follows_with_ceilings_and_again_after_each_change() {
    let a = typical();
    assert_eq!((a.slots(), a.task_managers()), (28, 10));
    assert_eq!(a.total_cores().unwrap().to_string(), "15.5");
    assert_eq!(a.total_memory(), Some((10 * 4096 + 1600) * MIB));
    let a = a.with_parallelism(31).unwrap().with_slots_per_task_manager(4).unwrap();
    assert_eq!(
        (a.task_managers(), a.total_cores().unwrap().to_string()),
        (8, "12.5".to_owned())
    );
    let a = a.with_slot_sharing_groups(2).unwrap();
    assert_eq!((a.slots(), a.task_managers()), (62, 16));
    let heap = a.task_manager_memory().unwrap().breakdown().unwrap().task_heap;
    assert_eq!(a.task_heap_per_slot(), Some(heap / 4));
}

#[test]
fn twenty_eight_cores_never_pass_a_quota_of_ten() {
    for slots in 1..=28 {
        for thousandths in [250, 500, 1000, 1001, 2000] {
            let cores = Cores::from_thousandths(thousandths);
            let a = Allocation::new(28, slots).unwrap().with_task_manager_cores(Some(cores));
            let quota = Quota {
                cores: Some(Cores::new(10.0).unwrap()),
                ..Quota::default()
            };
            let needed = u64::from(28_u32.div_ceil(slots)) * thousandths;
            assert_eq!(quota.allows(&a), needed <= 10_000, "{slots} slots of {cores} cores");
        }
    }
}

#[test]
fn what_is_not_known_is_no_permission() {
    let a = Allocation::new(1, 1).unwrap();
    assert_eq!(
        (a.total_cores(), a.total_memory(), a.task_heap_per_slot()),
        (None, None, None)
    );
    let quota = Quota {
        memory: Some(u64::MAX),
        ..Quota::default()
    };
    let breaches = quota.breaches(&a);
    assert_eq!(breaches.len(), 1);
    assert_eq!(breaches[0].wanted, None);
    assert!(
        breaches[0]
            .to_string()
            .starts_with("the memory of the task is not known")
    );
    assert_eq!(quota.largest_within(&a).unwrap(), None);
}

#[test]
fn a_quota_names_everything_it_forbids() {
    let quota = Quota {
        parallelism: Some(27),
        task_managers: Some(9),
        cores: Some(Cores::new(15.499).unwrap()),
        memory: Some(41 * 1024 * MIB),
    };
    let texts: Vec<String> = quota.breaches(&typical()).iter().map(Breach::to_string).collect();
    assert_eq!(
        texts,
        [
            "a parallelism of 28 is wanted, the quota is 27",
            "10 task managers are wanted, the quota is 9",
            "15.5 cores are wanted, the quota is 15.499",
            "41.5625GiB of memory are wanted, the quota is 41GiB",
        ]
    );
    let fitted = quota.largest_within(&typical()).unwrap().unwrap();
    assert_eq!((fitted.parallelism(), fitted.task_managers()), (27, 9));
}

#[test]
fn impossible_allocations_are_refused() {
    assert_eq!(
        Allocation::new(0, 1).unwrap_err(),
        AllocationError::Zero { what: "parallelism" }
    );
    assert!(Allocation::new(1, 0).is_err());
    let a = Allocation::new(10, 2).unwrap().with_max_parallelism(Some(128)).unwrap();
    let error = a.clone().with_parallelism(129).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a parallelism of 129 is above the max parallelism of 128; Flink refuses it"
    );
    assert!(a.clone().with_slot_sharing_groups(u32::MAX).is_err());
    assert!(
        a.with_task_manager_memory(Some(configured(FlinkProcess::JobManager, 1600)))
            .is_err()
    );
    for bad in [-0.1, f64::NAN, f64::INFINITY, 1e13] {
        assert!(Cores::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn cores_are_exact_thousandths() {
    for (given, thousandths, text) in [
        (0.07, 70, "0.07"),
        (0.1, 100, "0.1"),
        (2.0, 2000, "2"),
        (0.0001, 1, "0.001"),
        (1.2345, 1235, "1.235"),
        (0.0, 0, "0"),
    ] {
        let cores = Cores::new(given).unwrap();
        assert_eq!((cores.thousandths(), cores.to_string().as_str()), (thousandths, text));
    }
    let read: Cores = serde_json::from_str("0.3").unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), "0.3");
    assert!(serde_json::from_str::<Cores>("-1.0").is_err());
}

#[test]
fn written_out_nothing_is_left_to_compute() {
    let json = serde_json::to_value(typical()).unwrap();
    assert_eq!(
        (json["task_managers"].as_u64(), json["total_cores"].as_f64()),
        (Some(10), Some(15.5))
    );
    let memory = &json["task_manager_memory"];
    assert_eq!(memory["config"]["taskmanager.memory.process.size"], "4096m");
    assert_eq!(memory["breakdown"]["metaspace"], 256 * MIB);
    assert_eq!(json["max_parallelism"], serde_json::Value::Null);
}

proptest! {
    #[test]
    fn quotas_hold_on_the_final_numbers(
        parallelism in 1_u32..2000, slots in 1_u32..20, groups in 1_u32..4, thousandths in 0_u64..8000, bytes in 0_u64..1 << 40,
        most_cores in 0_u64..1_000_000, most_memory in 0_u64..1 << 48, most_managers in 0_u32..3000,
    ) {
        let a = Allocation::new(parallelism, slots).unwrap().with_slot_sharing_groups(groups).unwrap()
            .with_task_manager_cores(Some(Cores::from_thousandths(thousandths)))
            .with_task_manager_memory(Some(ProcessMemory::total(bytes))).unwrap();
        prop_assert!(u64::from(a.task_managers()) * u64::from(slots) >= u64::from(parallelism * groups));
        prop_assert!((u64::from(a.task_managers()) - 1) * u64::from(slots) < u64::from(parallelism * groups));
        let quota = Quota {
            parallelism: None, task_managers: Some(most_managers),
            cores: Some(Cores::from_thousandths(most_cores)), memory: Some(most_memory),
        };
        let within = |a: &Allocation| {
            let managers = u64::from(a.task_managers());
            managers <= u64::from(most_managers) && managers * thousandths <= most_cores && managers * bytes <= most_memory
        };
        prop_assert_eq!(quota.allows(&a), within(&a));
        match quota.largest_within(&a).unwrap() {
            None => prop_assert!(!within(&a.with_parallelism(1).unwrap())),
            Some(fitted) => {
                prop_assert!(within(&fitted) && fitted.parallelism() <= parallelism);
                if fitted.parallelism() < parallelism {
                    prop_assert!(!within(&a.with_parallelism(fitted.parallelism() + 1).unwrap()));
                }
            }
        }
    }
}

#[test]
fn the_slots_of_known_vertices_are_counted_by_group() {
    let vertex = |n: u32, parallelism, group: &str| Vertex {
        id: format!("{n:032x}"),
        name: String::new(),
        parallelism,
        max_parallelism: Some(128),
        slot_sharing_group: Some(group.to_owned()),
    };
    let vertices = vec![vertex(1, 28, "a"), vertex(2, 4, "a"), vertex(3, 6, "b")];
    let a = typical()
        .with_vertices(vertices.clone(), VertexScaling::FollowJob)
        .unwrap();
    assert_eq!((a.slots(), a.task_managers(), a.slot_sharing_groups()), (34, 12, 2));
    let wider = a.clone().with_parallelism(40).unwrap();
    assert_eq!(wider.slots(), 46);
    assert_eq!(wider.with_parallelism(5).unwrap().slots(), 5 + 5);
    let to: Vec<u32> = a
        .with_parallelism(200)
        .unwrap()
        .vertices()
        .unwrap()
        .iter()
        .map(|v| v.to)
        .collect();
    assert_eq!(to, [128, 4, 6]);
    let scaled = typical().with_vertices(vertices, VertexScaling::Proportional).unwrap();
    let quota = Quota {
        task_managers: Some(6),
        ..Quota::default()
    };
    let within = quota.largest_within(&scaled).unwrap().unwrap();
    assert_eq!((within.parallelism(), within.slots()), (15, 18)); // 15 and, of 3.2, 3
    assert!(matches!(
        typical().with_vertices(vec![], VertexScaling::FollowJob),
        Err(AllocationError::Vertices(VertexError::None))
    ));
    assert_eq!(serde_json::to_value(&within).unwrap()["vertices"][2]["to"], 3);
}
