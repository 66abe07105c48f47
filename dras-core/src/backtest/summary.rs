//! What a replay came to, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action::{Guard, Resource};
use crate::engine::{Decision, RuleState};
use crate::units::Millis;

/// Within this time, up and down again (or the reverse) is a reversal, in ms.
const REVERSAL_WITHIN: Millis = 3_600_000;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Looks, short ones included.
    pub looks: u64,
    /// Looks at which a rule could not be answered for lack of data.
    pub undefined: u64,
    /// Looks at which something was to change.
    pub with_changes: u64,
    /// Instructions that were different from the one before.
    pub instructions: u64,
    /// Instructions that were taken as applied.
    pub applied: u64,
    /// Applied instructions that took a resource back where it came from within an hour.
    pub reversals: u64,
    /// Looks with alerts.
    pub with_alerts: u64,
    /// How often each guard held a change back.
    pub held: BTreeMap<Guard, u64>,
    /// How often each rule fired.
    pub fired: BTreeMap<String, u64>,
    /// From the first look to the last, in ms.
    pub span: Millis,
    #[serde(skip)]
    first: Option<Millis>,
    #[serde(skip)]
    last_key: String,
    #[serde(skip)]
    last_steps: Vec<(Resource, f64, f64, Millis)>,
}

impl Summary {
    /// Applied instructions for each day of the replay; `None` where it spans no time.
    pub fn restarts_per_day(&self) -> Option<f64> {
        (self.span > 0).then(|| self.applied as f64 * 86_400_000.0 / self.span as f64)
    }

    pub(super) fn see(&mut self, decision: &Decision, rules: &[String]) {
        self.looks += 1;
        let first = *self.first.get_or_insert(decision.at());
        self.span = decision.at() - first;
        self.undefined += u64::from(decision.any_undefined());
        self.with_changes += u64::from(!decision.changes().is_empty());
        self.with_alerts += u64::from(decision.alerts().next().is_some());
        for guard in decision.held().iter().flat_map(|h| &h.by).map(|b| b.0) {
            *self.held.entry(guard).or_default() += 1;
        }
        if decision.any_fired() {
            for (name, state) in rules.iter().zip(decision.states()) {
                if state == RuleState::Fired {
                    *self.fired.entry(name.clone()).or_default() += 1;
                }
            }
        }
        if let Some(instruction) = decision.instruction()
            && instruction.key != self.last_key
        {
            self.instructions += 1;
            self.last_key.clone_from(&instruction.key);
        }
    }

    pub(super) fn applied(&mut self, at: Millis, steps: impl Iterator<Item = (Resource, f64, f64)>) {
        self.applied += 1;
        let mut reversal = false;
        for (resource, from, to) in steps {
            let known = self.last_steps.iter_mut().find(|s| s.0 == resource);
            match known {
                Some(last) => {
                    reversal |= last.1 == to && at - last.3 <= REVERSAL_WITHIN;
                    *last = (resource, from, to, at);
                }
                None => self.last_steps.push((resource, from, to, at)),
            }
        }
        self.reversals += u64::from(reversal);
    }
}
