//! What a look came to.

use std::sync::Arc;

use dras_core::engine::{Decision, DecisionReport, LookKind};
use napi::Result;
use napi_derive::napi;
use serde_json::Value;

use crate::fault::{to_json, utf16};
use crate::policy::Loaded;

/// The result of one look at one task. Nothing but these few numbers crosses over until it is asked for.
#[napi]
pub struct NativeDecision {
    decision: Decision,
    loaded: Arc<Loaded>,
}

impl NativeDecision {
    pub(crate) fn new(decision: Decision, loaded: &Arc<Loaded>) -> NativeDecision {
        NativeDecision {
            decision,
            loaded: Arc::clone(loaded),
        }
    }
}

#[napi]
impl NativeDecision {
    /// The fingerprint of the policy that decided.
    #[napi(catch_unwind)]
    pub fn fingerprint(&self) -> String {
        format!("{:016x}", self.decision.policy().fingerprint())
    }

    /// When the look was taken.
    #[napi(catch_unwind)]
    pub fn at(&self) -> f64 {
        self.decision.at() as f64
    }

    /// What is in it, a bit for each: changes, held, alerts, external, instruction, matters, fired, undefined, a short look, guards, memory.
    #[napi(catch_unwind)]
    pub fn flags(&self) -> u32 {
        let d = &self.decision;
        let flags = [
            !d.changes().is_empty(),
            !d.held().is_empty(),
            d.alerts().next().is_some(),
            !d.external().is_empty(),
            d.instruction().is_some(),
            d.matters(),
            d.any_fired(),
            d.any_undefined(),
            d.kind() == LookKind::Short,
            !d.guards().is_empty(),
            !d.fitted().is_empty(),
        ];
        flags
            .iter()
            .enumerate()
            .fold(0, |bits, (i, flag)| bits | u32::from(*flag) << i)
    }

    /// The states of the rules, one letter each: not looked, not met, undefined, holding, fired.
    #[napi(catch_unwind)]
    pub fn states(&self) -> Result<String> {
        to_json(&self.decision.states().collect::<Vec<_>>())
    }

    /// The whole story as text.
    #[napi(catch_unwind)]
    pub fn explain(&self) -> String {
        self.decision.to_string()
    }

    /// The decision as JSON, the same bytes as in every other language.
    #[napi(catch_unwind)]
    pub fn json(&self) -> Result<String> {
        to_json(&self.decision)
    }

    /// The decision as JSON, with positions in texts counted in UTF-16 code units.
    #[napi(catch_unwind)]
    pub fn report(&self) -> Result<String> {
        let report = self.decision.report();
        match &self.loaded.conditions {
            None => to_json(&report),
            Some(conditions) => with_utf16(&report, conditions),
        }
    }

    /// The instruction as JSON, `null` where there is none.
    #[napi(catch_unwind)]
    pub fn instruction(&self) -> Result<String> {
        to_json(&self.decision.instruction())
    }
}

fn with_utf16(report: &DecisionReport, conditions: &[String]) -> Result<String> {
    let text = to_json(report)?;
    let mut value: Value = crate::fault::data(&text, "the decision")?;
    let rules = value
        .get_mut("rules")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for (rule, condition) in rules.zip(conditions) {
        let parts = rule
            .get_mut("parts")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for span in parts.filter_map(|part| part.get_mut("span")) {
            in_utf16(span, condition);
        }
    }
    to_json(&value)
}

/// Counts a span in UTF-16 code units.
pub(crate) fn in_utf16(span: &mut Value, text: &str) {
    for end in ["start", "end"] {
        if let Some(at) = span.get_mut(end)
            && let Some(bytes) = at.as_u64()
        {
            *at = utf16(text, u32::try_from(bytes).unwrap_or(u32::MAX)).into();
        }
    }
}
