//! What a task is behind its lock.

use dras_core::engine::{self, DecideError, LookKind};
use dras_core::units::Millis;

use super::convert::Attributes;
use crate::policy::Policy;

/// The state of a task, with the policy that it belongs to.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) task: engine::Task,
    /// A document that is tried out beside the live one.
    pub(crate) shadow: Option<Box<Shadow>>,
}

/// A document that is tried out beside the live one.
pub(crate) struct Shadow {
    pub(super) policy: Policy,
    pub(super) shadow: engine::Shadow,
    /// Where it came to something else at the last look.
    difference: Option<engine::Difference>,
}

impl State {
    /// All of the attributes, or none.
    pub(crate) fn set(&mut self, attributes: &Attributes) -> Result<(), engine::TaskError> {
        let all = attributes.iter().map(|(name, value)| (name.as_str(), value.clone()));
        self.task.set_all(self.policy.core(), all)
    }

    /// Moves the task to another document, with everything that fits it.
    pub(crate) fn rebind(&mut self, policy: &Policy) -> Result<engine::Carried, engine::TaskError> {
        let (task, left) = self.task.rebind(self.policy.core(), policy.core())?;
        self.task = task;
        self.policy = policy.clone();
        Ok(left)
    }

    /// Hands the same samples to the task and to its shadow, where it has one. A metric that the shadow's document does not have is nothing to it.
    pub(crate) fn feed<T: Default, E>(
        &mut self,
        metrics: &[&str],
        mut act: impl FnMut(&engine::Policy, &mut engine::Task) -> Result<T, E>,
    ) -> Result<T, E> {
        let State { policy, task, shadow } = self;
        let Some(beside) = shadow else {
            return act(policy.core(), task);
        };
        let live = policy.core().fingerprint();
        beside.shadow.feed(policy.core(), task, |policy, task| {
            if policy.fingerprint() != live && metrics.iter().any(|name| policy.metric(name).is_none()) {
                return Ok(T::default());
            }
            act(policy, task)
        })
    }

    /// Looks at the task, and at its shadow.
    pub(crate) fn decide_into(
        &mut self,
        now: Millis,
        kind: LookKind,
        decision: &mut engine::Decision,
    ) -> Result<(), DecideError> {
        let State { policy, task, shadow } = self;
        engine::decide_into(policy.core(), task, now, kind, decision)?;
        if let Some(beside) = shadow {
            beside.difference = beside.shadow.look(policy.core(), task, decision)?;
        }
        Ok(())
    }

    /// Where the shadow came to something else at the last look.
    pub(crate) fn difference(&self) -> Option<&engine::Difference> {
        self.shadow.as_ref()?.difference.as_ref()
    }

    pub(crate) fn start_shadow(&mut self, candidate: &Policy) -> Result<(), engine::TaskError> {
        let shadow = engine::Shadow::beside(self.policy.core(), &self.task, candidate.core())?;
        self.shadow = Some(Box::new(Shadow {
            policy: candidate.clone(),
            shadow,
            difference: None,
        }));
        Ok(())
    }

    /// The candidate becomes the live document, with all that it has seen.
    pub(crate) fn promote_shadow(&mut self) -> bool {
        let Some(beside) = self.shadow.take() else { return false };
        (_, self.task) = beside.shadow.promote();
        self.policy = beside.policy;
        true
    }
}
