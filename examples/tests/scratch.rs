#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use dras_core::engine::{Policy, RuleState};
use dras_core::rules::{Document, DocumentLimits};
use dras_examples::replay::{RULES, Replay};
use dras_examples::trace::{Trace, scenarios};
#[test]
fn show() {
    let document = Document::from_json(RULES, &DocumentLimits::default()).unwrap_or_else(|d| panic!("{d}"));
    let policy = Policy::compile(&document).unwrap_or_else(|d| panic!("{d}"));
    println!("{}", policy.warnings());
    for s in scenarios() {
        let trace = Trace::load(s.name).unwrap();
        println!("== {}", s.name);
        let mut replay = Replay::new(&policy, &trace, 5000).unwrap();
        println!("unanswered {:?}", replay.unanswered());
        let mut last = String::new();
        replay.run(|look| {
            let fired: Vec<String> = policy.rules().zip(look.decision.states()).filter(|(_, s)| *s == RuleState::Fired).map(|(r, _)| r.name.clone()).collect();
            let und: Vec<String> = policy.rules().zip(look.decision.states()).filter(|(_, s)| *s == RuleState::Undefined).map(|(r, _)| r.name.clone()).collect();
            let changes: Vec<String> = look.decision.changes().iter().map(|c| format!("{} {}->{}", c.resource, c.resource.display(c.from), c.resource.display(c.to))).collect();
            let held: Vec<String> = look.decision.held().iter().map(|h| format!("{:?}", h.by.iter().map(|b| b.0).collect::<Vec<_>>())).collect();
            let line = format!("{fired:?} {changes:?} {held:?} undefined {}", und.len());
            if line != last {
                println!("{:>4} {line}", look.elapsed / 1000);
                last = line;
            }
        }).unwrap();
    }
}
