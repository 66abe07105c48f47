//! Lean decisions beside those that ask for everything: whatever looks are taken anywhere in the tests, they come to the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use dras_core::engine::{Decision, LookKind, Policy, RuleState, Task, decide_into};
use dras_core::lang::Explanation;

/// A look, and that a lean one decides the same, leaves the task the same, and sees no other values.
pub fn look(policy: &Policy, task: &mut Task, now: i64, kind: LookKind) -> Decision {
    let mut twin = task.clone();
    let (mut full, mut lean) = (Decision::new(policy), Decision::lean(policy));
    decide_into(policy, task, now, kind, &mut full).unwrap();
    decide_into(policy, &mut twin, now, kind, &mut lean).unwrap();
    assert!(lean.states().eq(full.states()), "{lean}\n{full}");
    // Whoever is told anything is told all of it.
    let acts = |state: RuleState| matches!(state, RuleState::Holding | RuleState::Fired);
    let whole = full.matters() || full.states().any(acts);
    // Most looks are like those before them, and texts take time.
    if !whole && now / 30_000 % 4 != 0 {
        return full;
    }
    assert_eq!(twin.snapshot(policy).unwrap(), task.snapshot(policy).unwrap(), "{full}");
    if full
        .states()
        .any(|state| matches!(state, RuleState::Holding | RuleState::Fired))
    {
        assert_eq!(lean, full);
    }
    let (mut of_lean, mut of_full) = (lean.report(), full.report());
    for input in &of_lean.inputs {
        assert!(of_full.inputs.contains(input), "{input:?} is not in\n{full}");
    }
    for (lean, full) in of_lean.rules.iter().zip(&of_full.rules) {
        // The whole condition is as true, however much of it was looked at.
        if full.state != RuleState::NotLooked {
            assert_eq!(lean.parts.value(), full.parts.value(), "{lean}\n{full}");
        }
    }
    for report in [&mut of_lean, &mut of_full] {
        report.inputs.clear();
        for rule in &mut report.rules {
            rule.explanation.clear();
            rule.parts = Explanation::default();
        }
    }
    assert_eq!(of_lean, of_full);
    full
}
