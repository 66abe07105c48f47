//! scratch
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use dras_benches::fleet::{FOUR, Fleet};
use dras_core::engine::{Decision, LookKind, decide_into};
use std::time::Instant;

fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let n: usize = a.first().and_then(|x| x.parse().ok()).unwrap_or(1000);
    let kind = if a.get(1).is_some_and(|x| x == "short") {
        LookKind::Short
    } else {
        LookKind::Long
    };
    let memory = !a.iter().any(|x| x == "bare");
    let mut fleet = Fleet::new(FOUR, 1, 300, memory);
    let mut decision = Decision::new(&fleet.policy);
    for _ in 0..40 {
        fleet.scrape();
        decide_into(
            &fleet.policy,
            &mut fleet.members[0].task,
            fleet.now,
            LookKind::Long,
            &mut decision,
        )
        .unwrap();
    }
    if a.iter().any(|x| x == "show") {
        println!("{decision}");
    }
    println!(
        "bytes {}  plan {} aggregates {}",
        fleet.members[0].task.windows().bytes(),
        fleet.policy.plan().bytes_per_task(1),
        fleet.policy.plan().aggregates().len()
    );
    let mut best = f64::MAX;
    for _ in 0..5 {
        let t = Instant::now();
        for _ in 0..n {
            decide_into(
                &fleet.policy,
                &mut fleet.members[0].task,
                fleet.now,
                kind,
                &mut decision,
            )
            .unwrap();
        }
        best = best.min(t.elapsed().as_nanos() as f64 / n as f64);
    }
    println!("look {best:.0} ns, undefined {}", decision.any_undefined());
}
