//! The values of a policy's outputs at one look at one task.

use super::policy::Inner;
use crate::action::History;
use crate::lang::{Kleene, Look, Registers, Row, Space, Values};
use crate::undefined::Undefined;

/// How the outputs were computed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Computed {
    /// By the program: everything was defined.
    All,
    /// By the evaluator that knows what is undefined: conditions.
    Conditions,
    /// The same, as far as anything depends on it.
    Demanded,
    /// By the evaluator that knows what is undefined: everything.
    Rest,
}

/// The values of the program's outputs: its own where everything was defined, else those of the evaluator that knows what is undefined.
pub(super) struct Evaluation<'t, 'r> {
    inner: &'t Inner,
    look: Look<'t>,
    /// Whether it is about all rules.
    every: bool,
    row: &'r mut Row<'t>,
    values: &'r mut Values<'t>,
    space: &'r mut Space,
    computed: Computed,
}

/// Of all rules, or of the urgent ones.
fn evaluator(inner: &Inner, every: bool) -> &Kleene {
    &inner.looks[usize::from(!every)]
}

impl<'t, 'r> Evaluation<'t, 'r> {
    /// Conditions, and what else is wanted at every look; the attributes are in the row. A `short` look is about urgent rules, a `lean` one asks
    /// for no more than decides.
    pub(super) fn new(
        inner: &'t Inner,
        look: Look<'t>,
        (short, lean): (bool, bool),
        history: &History,
        (row, values, space): (&'r mut Row<'t>, &'r mut Values<'t>, &'r mut Space),
    ) -> Evaluation<'t, 'r> {
        // What an action brought is observed at short looks too, whatever rule it was of.
        let every = !short || !history.effects.is_empty();
        let kleene = evaluator(inner, every);
        let compiled = &inner.compiled;
        let computed = if lean {
            let code = &inner.lean;
            let promised = |name: &str| history.effects.iter().any(|effect| effect.promise.rule == name);
            let rules = if history.effects.is_empty() {
                &[][..]
            } else {
                &inner.rules
            };
            let effects = rules.iter().zip(&code.effects).filter_map(|(rule, effect)| {
                let effect = effect.as_ref()?;
                promised(&rule.info.name).then_some(effect)
            });
            let stretches = std::iter::once(&code.looks[usize::from(short)]).chain(effects);
            let demand = (evaluator(inner, true), &code.demand);
            look.answer_on_demand(compiled, demand, stretches, row, values, space);
            Computed::Demanded
        } else {
            look.answer(compiled, kleene, row, values, space);
            // Whatever a short look does not ask for says nothing about the rest.
            if every && compiled.program.run(&compiled.graph, row) {
                Computed::All
            } else {
                kleene.compute_always(&compiled.graph, row, values, &mut space.registers);
                Computed::Conditions
            }
        };
        Evaluation {
            inner,
            look,
            every,
            row,
            values,
            space,
            computed,
        }
    }

    /// Computes everything: targets, effects, and what conditions did not depend on.
    pub(super) fn complete(&mut self) {
        let (compiled, kleene) = (&self.inner.compiled, evaluator(self.inner, self.every));
        if self.computed == Computed::Demanded {
            self.look
                .answer_rest(compiled, kleene, self.row, self.values, self.space);
            kleene.compute_always(&compiled.graph, self.row, self.values, &mut self.space.registers);
        }
        if self.computed != Computed::All {
            kleene.compute_rest(&compiled.graph, self.row, self.values, &mut self.space.registers);
            self.computed = Computed::Rest;
        }
    }

    /// Whether effects are known already, if any are to be observed.
    pub(super) fn knows_effects(&self) -> bool {
        self.computed != Computed::Conditions
    }

    #[inline]
    pub(super) fn condition(&self, output: usize) -> Result<bool, Undefined> {
        let compiled = &self.inner.compiled;
        if self.computed == Computed::All {
            return compiled.program.bool(self.row, output).ok_or(Undefined::NotAvailable);
        }
        // Conditions are computed in any case.
        let register = self.space.registers.get(compiled.root_of(output));
        if register.is_nan() {
            return Err(self.why(register));
        }
        Ok(register != 0.0)
    }

    /// A number that is wanted where a rule acts.
    pub(super) fn number(&self, output: usize) -> Result<f64, Undefined> {
        if self.computed == Computed::Conditions {
            return Err(Undefined::NotNeeded);
        }
        self.always(output)
    }

    /// A number that is always wanted.
    pub(super) fn always(&self, output: usize) -> Result<f64, Undefined> {
        let compiled = &self.inner.compiled;
        match self.computed {
            Computed::All => compiled.program.number(self.row, output).ok_or(Undefined::NotAvailable),
            _ => self.register(output),
        }
    }

    fn register(&self, output: usize) -> Result<f64, Undefined> {
        let compiled = &self.inner.compiled;
        let (root, registers) = (compiled.root_of(output), &self.space.registers);
        if self.computed == Computed::Demanded && registers.is_pending(root) {
            return Err(Undefined::NotNeeded);
        }
        let register = registers.get(root);
        if register.is_nan() {
            return Err(self.why(register));
        }
        Ok(register)
    }

    #[inline(never)]
    fn why(&self, register: f64) -> Undefined {
        let graph = &self.inner.compiled.graph;
        let registers = &self.space.registers;
        registers.why(graph, self.row, self.values, register, |_| None).reason
    }

    /// What was asked for.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            every: self.every,
            pending: self.computed == Computed::Demanded,
        }
    }
}

/// Which inputs a look asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    every: bool,
    pending: bool,
}

impl Asked {
    /// Notes in a row which inputs were not asked for.
    pub(super) fn note(self, inner: &Inner, registers: &Registers, row: &mut Row<'_>) {
        let kleene = evaluator(inner, self.every);
        let pending = kleene.asked().iter().map(|(place, _)| place);
        let pending = pending.filter(|place| self.pending && registers.is_pending(place.node));
        for input in pending.map(|place| place.input).chain(kleene.unasked().iter().copied()) {
            row.put_number(input, 0.0);
            row.reasons[input as usize].reason = Undefined::NotNeeded;
        }
    }
}
