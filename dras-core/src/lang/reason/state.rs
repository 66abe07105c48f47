//! What follows from a condition that is true or false.

use std::collections::{BTreeMap, BTreeSet};

use super::{Interval, Reason, compared};
use crate::lang::graph::{Compare, GraphId, Op};
use crate::lang::types::Type;
use crate::metrics::{TextTest, TextTestKind};

/// How many steps one question may take, over all branches.
const STEPS: usize = 20_000;

/// How deeply choices may be nested before they are given up.
const BRANCHES: usize = 6;

/// How deeply a proof may be nested.
const PROOF: usize = 32;

/// What is known of the values where some conditions have been assumed.
#[derive(Clone)]
pub(crate) struct State<'r> {
    reason: &'r Reason<'r>,
    narrowed: BTreeMap<GraphId, Interval>,
    /// What texts are known to be.
    texts: BTreeMap<GraphId, Texts<'r>>,
    /// Nodes that certainly have a value.
    defined: BTreeSet<GraphId>,
}

/// What is known of a text.
#[derive(Clone, Default)]
struct Texts<'r> {
    /// What it can be, where that is a list.
    choices: Option<Vec<&'r str>>,
    /// Tests that it passes, or does not.
    tests: Vec<(&'r TextTest, bool)>,
}

impl<'r> State<'r> {
    /// Nothing assumed.
    pub(crate) fn new(reason: &'r Reason<'r>) -> State<'r> {
        State {
            reason,
            narrowed: BTreeMap::new(),
            texts: BTreeMap::new(),
            defined: BTreeSet::new(),
        }
    }

    pub(crate) fn reason(&self) -> &'r Reason<'r> {
        self.reason
    }

    pub(crate) fn value(&self, id: GraphId) -> Interval {
        self.narrowed.get(&id).copied().unwrap_or_else(|| self.reason.value(id))
    }

    /// Assumes that `condition` is defined and has this truth value, besides what was assumed before. `None` where that cannot be.
    pub(crate) fn assume(&self, condition: GraphId, truth: bool) -> Option<State<'r>> {
        let mut state = self.clone();
        let mut steps = STEPS;
        // What narrows an operand late may tell about a comparison that came early.
        for _ in 0..2 {
            if !state.hold(condition, truth, BRANCHES, &mut steps) {
                return None;
            }
        }
        Some(state)
    }

    /// Narrows to the cases in which `condition` has this truth value; false where there are none.
    fn hold(&mut self, condition: GraphId, truth: bool, branches: usize, steps: &mut usize) -> bool {
        let graph = self.reason.graph();
        let mut open = vec![(condition, truth)];
        while let Some((id, truth)) = open.pop() {
            if *steps == 0 {
                return true;
            }
            *steps -= 1;
            self.defined.insert(id);
            if !self.narrow(id, Interval::point(f64::from(u8::from(truth)))) {
                return false;
            }
            match (graph.node(id).op, truth) {
                (Op::Not(a), _) => open.push((a, !truth)),
                (Op::And(a, b), true) | (Op::Or(a, b), false) => open.extend([(b, truth), (a, truth)]),
                // One of them is enough, and the other may be undefined.
                (Op::And(..) | Op::Or(..), _) => {
                    let parts = self.chain(id, steps);
                    if branches > 0 && !self.any(&parts, truth, branches, steps) {
                        return false;
                    }
                }
                (Op::Select(c, a, b), _) if branches > 0 => {
                    let through = |choice: bool, value: GraphId, steps: &mut usize| {
                        let mut state = self.clone();
                        state.hold(c, choice, branches - 1, steps) && state.hold(value, truth, branches - 1, steps)
                    };
                    if !through(true, a, steps) && !through(false, b, steps) {
                        return false;
                    }
                }
                (Op::Else(a, b), _) if branches > 0 && !self.any(&[a, b], truth, branches, steps) => return false,
                (Op::TextTest(test, a), _) if !self.test(&graph.tests[test as usize], a, truth) => return false,
                (Op::Compare(compare, a, b), _) if !self.compare(compare, a, b, truth) => return false,
                _ => {}
            }
        }
        true
    }

    /// The parts of a chain of equal operators, `a || b || c`.
    fn chain(&self, id: GraphId, steps: &mut usize) -> Vec<GraphId> {
        let graph = self.reason.graph();
        let mut parts = Vec::new();
        let mut open = vec![id];
        let chain = std::mem::discriminant(&graph.node(id).op);
        while let Some(id) = open.pop() {
            match graph.node(id).op {
                op @ (Op::And(a, b) | Op::Or(a, b)) if std::mem::discriminant(&op) == chain && *steps > 0 => {
                    *steps -= 1;
                    open.extend([b, a]);
                }
                _ => parts.push(id),
            }
        }
        parts
    }

    /// Whether any of these can have this truth value; where only one can, it does.
    fn any(&mut self, parts: &[GraphId], truth: bool, branches: usize, steps: &mut usize) -> bool {
        let mut possible: Option<State<'r>> = None;
        for part in parts {
            if *steps == 0 {
                return true;
            }
            let mut state = self.clone();
            if state.hold(*part, truth, branches - 1, steps) {
                if possible.is_some() {
                    return true;
                }
                possible = Some(state);
            }
        }
        match possible {
            Some(state) => {
                *self = state;
                true
            }
            None => false,
        }
    }

    /// Narrows both sides of a comparison that is true or false.
    fn compare(&mut self, compare: Compare, a: GraphId, b: GraphId, truth: bool) -> bool {
        let graph = self.reason.graph();
        self.defined.extend([a, b]);
        if !matches!(graph.ty(a), Type::Number(_)) {
            return true;
        }
        let (left, right) = (self.value(a), self.value(b));
        let (can, cannot) = compared(compare, a == b, left, right);
        if !(if truth { can } else { cannot }) {
            return false;
        }
        let below = |end: f64| Interval::new(f64::NEG_INFINITY, end);
        let above = |end: f64| Interval::new(end, f64::INFINITY);
        let (for_left, for_right) = match (compare, truth) {
            (Compare::Less, true) => (below(right.hi.next_down()), above(left.lo.next_up())),
            (Compare::LessEqual, true) => (below(right.hi), above(left.lo)),
            (Compare::Less, false) => (above(right.lo), below(left.hi)),
            (Compare::LessEqual, false) => (above(right.lo.next_up()), below(left.hi.next_down())),
            (Compare::Equal, true) => (right, left),
            (Compare::Equal, false) => return true,
        };
        self.narrow(a, for_left) && self.narrow(b, for_right)
    }

    /// Narrows a text to those that pass a test, or do not.
    fn test(&mut self, test: &'r TextTest, text: GraphId, passes: bool) -> bool {
        self.defined.insert(text);
        let known = self.texts.entry(text).or_default();
        known.tests.push((test, passes));
        if let (None, TextTestKind::OneOf(texts)) = (&known.choices, &test.kind)
            && passes != test.negate
        {
            known.choices = Some(texts.iter().map(|t| &**t).collect());
        }
        match &mut known.choices {
            Some(choices) => {
                choices.retain(|text| known.tests.iter().all(|(test, passes)| test.passes(text) == *passes));
                !choices.is_empty()
            }
            None => true,
        }
    }

    fn narrow(&mut self, id: GraphId, to: Interval) -> bool {
        let value = self.value(id).and(to);
        if value.is_empty() {
            return false;
        }
        self.narrowed.insert(id, value);
        true
    }

    /// Whether the node certainly has a value.
    fn is_defined(&self, id: GraphId) -> bool {
        let graph = self.reason.graph();
        self.defined.contains(&id) || graph.constant(id).is_some() || matches!(graph.node(id).op, Op::Defined(_))
    }
}

/// Whether `condition` certainly has this truth value in `state`, and is not undefined.
pub(crate) fn entails(state: &State<'_>, condition: GraphId, truth: bool) -> bool {
    fn prove(state: &State<'_>, id: GraphId, truth: bool, depth: usize) -> bool {
        let wanted = f64::from(u8::from(truth));
        if state.is_defined(id) && state.value(id).constant() == Some(wanted) {
            return true;
        }
        if depth == 0 {
            return false;
        }
        let sub = |id, truth| prove(state, id, truth, depth - 1);
        match (state.reason.graph().node(id).op, truth) {
            (Op::Not(a), _) => sub(a, !truth),
            (Op::And(a, b), true) | (Op::Or(a, b), false) => sub(a, truth) && sub(b, truth),
            (Op::And(a, b), false) | (Op::Or(a, b), true) => sub(a, truth) || sub(b, truth),
            (Op::Compare(compare, a, b), _) => {
                let numbers = matches!(state.reason.graph().ty(a), Type::Number(_));
                let (can, cannot) = compared(compare, a == b, state.value(a), state.value(b));
                numbers && state.is_defined(a) && state.is_defined(b) && if truth { !cannot } else { !can }
            }
            (Op::TextTest(test, a), _) => {
                let test = &state.reason.graph().tests[test as usize];
                let choices = state.texts.get(&a).and_then(|known| known.choices.as_ref());
                choices.is_some_and(|choices| choices.iter().all(|text| test.passes(text) == truth))
            }
            _ => false,
        }
    }
    prove(state, condition, truth, PROOF)
}

/// A part of a condition that compares something with a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold {
    /// What is compared.
    pub(crate) of: GraphId,
    /// The constant.
    pub(crate) at: f64,
    /// Whether it must be above the constant; below it otherwise.
    pub(crate) above: bool,
}

/// The thresholds that must all be passed for `condition` to be true.
pub(crate) fn thresholds(reason: &Reason<'_>, condition: GraphId) -> Vec<Threshold> {
    let graph = reason.graph();
    let mut found = Vec::new();
    let mut open = vec![(condition, true)];
    let mut steps = STEPS;
    while let (Some((id, truth)), true) = (open.pop(), steps > 0) {
        steps -= 1;
        match (graph.node(id).op, truth) {
            (Op::Not(a), _) => open.push((a, !truth)),
            (Op::And(a, b), true) | (Op::Or(a, b), false) => open.extend([(b, truth), (a, truth)]),
            (Op::Compare(Compare::Less | Compare::LessEqual, a, b), _) => {
                // `a < b`, or turned round where it must be false.
                let (low, high) = if truth { (a, b) } else { (b, a) };
                match (reason.value(low).constant(), reason.value(high).constant()) {
                    (None, Some(at)) => found.push(Threshold {
                        of: low,
                        at,
                        above: false,
                    }),
                    (Some(at), None) => found.push(Threshold {
                        of: high,
                        at,
                        above: true,
                    }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found
}
