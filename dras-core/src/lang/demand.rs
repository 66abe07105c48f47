//! What conditions come to, asking for no more than decides them.
//!
//! Where most rules of a document say no, most of what they look at does not matter: `false && x` is false whatever `x` is. This is code for
//! [the registers](super::kleene) that asks for an input, or computes a node, when the result begins to depend on it. What it computes is the same
//! to the bit, and so is the reason of whatever is undefined: an operand is left out only where another one decides alone.
//!
//! Operands of `&&` and `||` that cost less are looked at first; in three-valued logic the order makes no difference to the result, and of
//! several that are undefined the first in the text gives the reason, since then all have been looked at.

use std::ops::Range;

use super::graph::{Body, Graph, GraphId, Input, Op, Place};
use super::kleene::{Kleene, Registers, Step};
use super::types::Type;

/// What an input that is asked of the windows costs, where computing a node costs 1.
const ASKING: u32 = 16;

/// One instruction: all of one form, so that one jump finds what it does.
#[derive(Debug, Clone, Copy)]
struct Do {
    what: What,
    /// What to compute; or only the node that is looked at, or the index among the inputs that the evaluator [asks](Kleene::asked).
    step: Step,
    /// The register with which an operand alone decides.
    decided_by: u64,
    /// What has the value of an operand that decides.
    whole: u32,
    /// Where the code goes on then.
    to: u32,
}

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Asks for an input, unless it was asked for before.
    Ask,
    /// Computes an operand, which may decide.
    Compute,
    /// Looks whether an operand decides.
    Decide,
    /// Looks whether an operand is defined, and decides then: what stands before `else`.
    Defined,
    /// Looks whether a node was computed before: what follows is left out then.
    Skip,
}

/// No value is it: of operands that decide nothing.
const NOTHING: u64 = 0x7fff_ffff_ffff_ffff;

/// What of an operand decides alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// That it is false: of `&&`.
    False,
    /// That it is true: of `||`.
    True,
    /// That it is defined: what stands before `else`.
    Defined,
}

impl By {
    fn register(self) -> u64 {
        match self {
            By::False => 0.0_f64.to_bits(),
            By::True => 1.0_f64.to_bits(),
            By::Defined => NOTHING,
        }
    }
}

/// A part of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch(Range<usize>);

/// Code for the roots of an evaluator, in stretches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    code: Vec<Do>,
}

/// What code is run on.
pub(super) trait Machine {
    fn registers(&mut self) -> &mut Registers;
    fn compute(&mut self, step: &Step) -> f64;
    /// Answers an input, unless it is answered: the index among those that the evaluator [asks](Kleene::asked).
    fn ask(&mut self, index: u32);
}

impl Demand {
    /// Runs a part of the code; variables are in their registers, and what was not computed is pending.
    #[inline]
    pub(super) fn run(&self, stretch: &Stretch, machine: &mut impl Machine) {
        let mut at = stretch.0.start;
        let code = &self.code[..stretch.0.end];
        while let Some(next) = code.get(at) {
            at += 1;
            let operand = next.step.into;
            match next.what {
                What::Ask => machine.ask(operand),
                What::Compute => {
                    let register = machine.compute(&next.step);
                    if register.to_bits() == next.decided_by {
                        machine.registers().of_nodes()[next.whole as usize] = register;
                        at = next.to as usize;
                    }
                }
                What::Decide | What::Defined => {
                    let registers = machine.registers().of_nodes();
                    let register = registers[operand as usize];
                    let defined = next.what == What::Defined && !register.is_nan();
                    if defined || register.to_bits() == next.decided_by {
                        registers[next.whole as usize] = register;
                        at = next.to as usize;
                    }
                }
                What::Skip => {
                    if !machine.registers().is_pending(GraphId(operand)) {
                        at = next.to as usize;
                    }
                }
            }
        }
    }
}

/// Something to be emitted.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// A node with all that it needs, unless it is there.
    Node(GraphId),
    /// The node itself.
    Own(GraphId),
    Decide {
        operand: GraphId,
        by: By,
        whole: GraphId,
    },
    /// What follows is not always run.
    Enter,
    /// What follows is run whenever what stood before [`Enter`](Self::Enter) was.
    Leave,
    /// The node is there; jumps to behind it arrive here.
    Close(GraphId),
}

/// Makes [`Demand`].
pub(crate) struct Emitter<'g> {
    graph: &'g Graph,
    /// For each input its index among those that are asked.
    asked: Vec<Option<u32>>,
    /// How often each node is an operand or root.
    uses: Vec<u32>,
    cost: Vec<u32>,
    /// Whether a node is there whenever the code at hand runs.
    surely: Vec<bool>,
    /// Whether there is code for a node already, which may have been left out.
    known: Vec<bool>,
    /// The nodes that became sure, in order, and how many there were where the code at hand began to be conditional.
    sure: Vec<GraphId>,
    entered: Vec<usize>,
    /// Jumps that have not arrived yet: over which node, and where they are.
    jumps: Vec<(GraphId, usize)>,
    /// Where the last of them arrived.
    arrived: usize,
    demand: Demand,
}

impl<'g> Emitter<'g> {
    /// For the inputs of an evaluator of these outputs.
    pub(crate) fn new(graph: &'g Graph, kleene: &Kleene, outputs: impl Iterator<Item = GraphId>) -> Emitter<'g> {
        let mut asked = vec![None; graph.inputs.len()];
        for (index, (place, _)) in kleene.asked().iter().enumerate() {
            asked[place.input as usize] = Some(index as u32);
        }
        let nodes = graph.nodes.len();
        let mut uses = vec![0_u32; nodes];
        let mut cost = vec![0_u32; nodes];
        for output in outputs {
            uses[output.index()] += 1;
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            let mut own = match node.op {
                Op::Input(input) if asked[input as usize].is_some() => ASKING,
                Op::Input(_) | Op::Number(_) | Op::Bool(_) | Op::Text(_) => 0,
                _ => 1,
            };
            for operand in node.op.operands() {
                uses[operand.index()] += 1;
                own = u32::saturating_add(own, cost[operand.index()]);
            }
            cost[index] = own;
        }
        for input in &graph.inputs {
            for body in bodies(graph, input) {
                for id in &body.outside {
                    uses[id.index()] += 1;
                }
            }
        }
        Emitter {
            graph,
            asked,
            uses,
            cost,
            surely: vec![false; nodes],
            known: vec![false; nodes],
            sure: Vec::new(),
            entered: Vec::new(),
            jumps: Vec::new(),
            arrived: 0,
            demand: Demand::default(),
        }
    }

    /// Code for these roots, in order. It may be run after other stretches that were emitted since the last [`forget`](Self::forget), or without them.
    pub(crate) fn stretch(&mut self, roots: impl Iterator<Item = GraphId>) -> Stretch {
        let from = self.demand.code.len();
        for id in self.sure.drain(..) {
            self.surely[id.index()] = false;
        }
        for root in roots {
            self.emit(root);
        }
        Stretch(from..self.demand.code.len())
    }

    /// What follows is not run after what was emitted.
    pub(crate) fn forget(&mut self) {
        self.known.fill(false);
    }

    pub(crate) fn finish(self) -> Demand {
        self.demand
    }

    fn emit(&mut self, root: GraphId) {
        let mut work = vec![Work::Node(root)];
        while let Some(next) = work.pop() {
            match next {
                Work::Node(id) => self.node(id, &mut work),
                Work::Own(id) => self.own(id),
                Work::Decide { operand, by, whole } => self.decide(operand, by, whole),
                Work::Enter => self.entered.push(self.sure.len()),
                Work::Leave => {
                    let before = self.entered.pop().unwrap_or(0);
                    for id in self.sure.drain(before..) {
                        self.surely[id.index()] = false;
                    }
                }
                Work::Close(id) => self.close(id),
            }
        }
    }

    /// Whether a node has its value before any code runs.
    fn is_given(&self, id: GraphId) -> bool {
        match self.graph.node(id).op {
            Op::Number(_) | Op::Bool(_) | Op::Text(_) => true,
            Op::Input(input) => self.asked[input as usize].is_none(),
            _ => false,
        }
    }

    /// Puts what a node needs on the work, the first on top.
    fn node(&mut self, id: GraphId, work: &mut Vec<Work>) {
        if self.surely[id.index()] || self.is_given(id) {
            return;
        }
        let begin = work.len();
        let op = self.graph.node(id).op;
        // Inputs know themselves whether they were asked for.
        let again = self.known[id.index()] && !self.is_simple(op);
        if again {
            self.jumps.push((id, self.demand.code.len()));
            self.push(What::Skip, Step::only(id.0));
            work.push(Work::Enter);
        }
        match op {
            Op::And(..) => self.chain(id, By::False, work),
            Op::Or(..) => self.chain(id, By::True, work),
            Op::Else(a, b) if !self.is_textual(id) => {
                let (operand, by, whole) = (a, By::Defined, id);
                work.extend([Work::Node(a), Work::Decide { operand, by, whole }, Work::Enter]);
                work.extend([Work::Node(b), Work::Own(id), Work::Leave]);
            }
            Op::Input(input) => {
                for body in bodies(self.graph, &self.graph.inputs[input as usize]) {
                    for outside in &body.outside {
                        // Those that need texts go to the exact evaluator, which wants all that a node is made of.
                        self.everything(*outside, work);
                        work.push(Work::Node(*outside));
                    }
                }
                work.push(Work::Own(id));
            }
            _ => {
                if self.is_textual(id) {
                    self.everything(id, work);
                } else {
                    work.extend(op.operands().map(Work::Node));
                }
                work.push(Work::Own(id));
            }
        }
        if again {
            work.push(Work::Leave);
        }
        work.push(Work::Close(id));
        work[begin..].reverse();
    }

    /// The operands of a chain of `&&` or `||`, cheap ones first, then the chain itself.
    fn chain(&self, whole: GraphId, by: By, work: &mut Vec<Work>) {
        let (mut links, mut operands, mut open) = (Vec::new(), Vec::new(), vec![whole]);
        while let Some(id) = open.pop() {
            let same = match self.graph.node(id).op {
                Op::And(a, b) if by == By::False => Some((a, b)),
                Op::Or(a, b) if by == By::True => Some((a, b)),
                _ => None,
            };
            // A link that somebody else uses is an operand like others.
            let own = id == whole || self.uses[id.index()] == 1;
            match same {
                Some((a, b)) if own => {
                    links.push(id);
                    open.extend([b, a]);
                }
                _ => operands.push(id),
            }
        }
        let cost = |id: &GraphId| {
            if self.surely[id.index()] {
                0
            } else {
                self.cost[id.index()]
            }
        };
        operands.sort_by_key(cost);
        for (index, &operand) in operands.iter().enumerate() {
            work.push(Work::Node(operand));
            if index + 1 < operands.len() {
                work.push(Work::Decide { operand, by, whole });
            }
            if index == 0 {
                work.push(Work::Enter);
            }
        }
        // Links stand after what they link.
        links.sort_unstable();
        work.extend(links.into_iter().map(Work::Own));
        work.push(Work::Leave);
    }

    /// Whether a node is, or is made of, texts, so that it is left to the exact evaluator.
    fn is_textual(&self, id: GraphId) -> bool {
        let textual = |o: GraphId| self.graph.ty(o) == Type::Text;
        textual(id) || self.graph.node(id).op.operands().any(textual)
    }

    /// All inputs that a node is made of.
    fn everything(&self, id: GraphId, work: &mut Vec<Work>) {
        let (mut open, mut seen) = (vec![id], std::collections::BTreeSet::from([id]));
        while let Some(id) = open.pop() {
            let new = self.graph.node(id).op.operands().filter(|o| seen.insert(*o));
            open.extend(new);
        }
        let is_input = |id: &GraphId| matches!(self.graph.node(*id).op, Op::Input(_));
        work.extend(seen.into_iter().filter(is_input).map(Work::Node));
    }

    fn decide(&mut self, operand: GraphId, by: By, whole: GraphId) {
        // Nothing may jump between the two.
        let alone = self.arrived != self.demand.code.len();
        let computed = |last: &Do| last.what == What::Compute && last.step.into == operand.0;
        let together = alone && by != By::Defined && self.demand.code.last().is_some_and(computed);
        if !together {
            let what = if by == By::Defined { What::Defined } else { What::Decide };
            self.push(what, Step::only(operand.0));
        }
        let at = self.demand.code.len() - 1;
        self.demand.code[at].decided_by = by.register();
        self.demand.code[at].whole = whole.0;
        self.jumps.push((whole, at));
    }

    fn push(&mut self, what: What, step: Step) {
        self.demand.code.push(Do {
            what,
            step,
            decided_by: NOTHING,
            whole: step.into,
            to: 0,
        });
    }

    /// Whether a node is an input that needs nothing first.
    fn is_simple(&self, op: Op) -> bool {
        match op {
            Op::Input(input) => bodies(self.graph, &self.graph.inputs[input as usize]).next().is_none(),
            _ => false,
        }
    }

    fn own(&mut self, id: GraphId) {
        let node = self.graph.node(id);
        match node.op {
            Op::Input(input) => {
                if let Some(index) = self.asked[input as usize] {
                    self.push(What::Ask, Step::only(index));
                }
            }
            _ if node.place == Place::Task && node.ty != Type::Text => {
                self.push(What::Compute, Step::new(self.graph, id));
            }
            // Texts are computed by the exact evaluator where they are needed.
            _ => {}
        }
    }

    fn close(&mut self, id: GraphId) {
        let arrive = self.demand.code.len() as u32;
        while let Some((_, at)) = self.jumps.pop_if(|jump| jump.0 == id) {
            self.arrived = arrive as usize;
            self.demand.code[at].to = arrive;
        }
        self.known[id.index()] = true;
        if !self.surely[id.index()] {
            self.surely[id.index()] = true;
            self.sure.push(id);
        }
    }
}

/// What is evaluated for each instance or sample to answer an input.
fn bodies<'g>(graph: &'g Graph, input: &'g Input) -> impl Iterator<Item = &'g Body> {
    let own = match input {
        Input::Reduced { test: Some(body), .. } | Input::EachInstance { body, .. } => Some(body),
        _ => None,
    };
    let tests = own.into_iter().flat_map(move |body| {
        body.each.iter().filter_map(move |id| match graph.node(*id).op {
            Op::InstanceLeaf(_, Some(test)) => Some(&graph.caller_tests[test as usize]),
            _ => None,
        })
    });
    own.into_iter().chain(tests)
}
