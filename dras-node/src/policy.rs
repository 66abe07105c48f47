//! Compiled documents, and strategy templates.

use std::sync::Arc;

use dras_core::diagnostic::Diagnostics;
use dras_core::engine::{LintOptions, Policy, lint};
use dras_core::metrics::MetricId;
use dras_core::rules::{Document, DocumentLimits, Template, expand};
use napi::Result;
use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::convert::time;
use crate::fault::{Class, compile_error, data, diagnostics, fault, to_json};
use crate::state::Fault;

/// A policy with what the façade wants to know of it.
pub(crate) struct Loaded {
    pub(crate) policy: Policy,
    pub(crate) metrics: Vec<MetricId>,
    /// The conditions of the rules as they were written, where any of them is not ASCII: positions in them are counted otherwise then.
    pub(crate) conditions: Option<Vec<String>>,
}

impl Loaded {
    pub(crate) fn new(policy: Policy, document: Option<&Document>) -> Loaded {
        let metrics = policy.plan().catalogue().iter().map(|(id, _)| id).collect();
        let conditions: Option<Vec<String>> = document
            .and_then(|document| expand(document).ok())
            .map(|expanded| expanded.document.rules.into_iter().map(|rule| rule.when).collect())
            .filter(|all: &Vec<String>| !all.iter().all(|when| when.is_ascii()));
        Loaded {
            policy,
            metrics,
            conditions,
        }
    }

    /// The metric of a number.
    pub(crate) fn metric(&self, index: u32) -> std::result::Result<MetricId, Fault> {
        self.metrics.get(index as usize).copied().ok_or(Fault::Metric)
    }

    /// The name of a metric.
    pub(crate) fn name(&self, metric: MetricId) -> String {
        self.policy.plan().catalogue().spec(metric).name.clone()
    }
}

/// A compiled rule document.
#[napi]
pub struct NativePolicy {
    pub(crate) loaded: Arc<Loaded>,
}

fn loaded(compiled: std::result::Result<Policy, Diagnostics>, document: Option<Document>) -> Result<NativePolicy> {
    let policy = compiled.map_err(|found| compile_error(Class::Policy, &found))?;
    Ok(NativePolicy {
        loaded: Arc::new(Loaded::new(policy, document.as_ref())),
    })
}

#[napi]
impl NativePolicy {
    /// Compiles JSON text, in bytes.
    #[napi(factory, catch_unwind)]
    pub fn from_text(text: Uint8ArraySlice<'_>) -> Result<NativePolicy> {
        let limits = DocumentLimits::default();
        let document = (!text.is_ascii())
            .then(|| Document::from_json(&*text, &limits).ok())
            .flatten();
        loaded(Policy::from_json(&*text, &limits), document)
    }

    /// Compiles an object, of which the façade made JSON text that nobody has seen.
    #[napi(factory, catch_unwind)]
    pub fn from_object(text: String) -> Result<NativePolicy> {
        let value: Value = data(&text, "the document")?;
        let limits = DocumentLimits::default();
        let document = (!text.is_ascii())
            .then(|| Document::from_value(&value, &limits).ok())
            .flatten();
        loaded(Policy::from_value(&value, &limits), document)
    }

    /// Everything about it that does not change, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self) -> Result<String> {
        let policy = &self.loaded.policy;
        let rules: Vec<Value> = policy
            .rules()
            .map(|rule| {
                json!({
                    "name": rule.name,
                    "path": rule.path,
                    "doc": rule.doc,
                    "for": rule.hold,
                    "priority": rule.priority,
                    "urgent": rule.urgent,
                    "alert": rule.alert,
                    "noShrinkFor": rule.no_shrink_for,
                })
            })
            .collect();
        let metrics: Vec<Value> = policy
            .plan()
            .catalogue()
            .iter()
            .map(|(id, spec)| {
                json!({
                    "name": spec.name,
                    "doc": spec.doc,
                    "unit": spec.unit.name,
                    "kind": spec.kind,
                    "per": spec.per,
                    "interval": spec.interval,
                    "flink": spec.flink,
                    "instanceLabel": spec.instance_label,
                    "used": policy.plan().used(id),
                })
            })
            .collect();
        let attributes: Vec<Value> = policy
            .attributes()
            .iter()
            .map(|a| json!({ "name": a.name, "type": a.ty.to_string(), "derived": a.is_derived() }))
            .collect();
        to_json(&json!({
            "name": policy.name(),
            "fingerprint": format!("{:016x}", policy.fingerprint()),
            "mode": policy.mode(),
            "rules": rules,
            "metrics": metrics,
            "attributes": attributes,
            "parameters": policy.parameters(),
            "limits": policy.limits(),
            "guards": policy.guards(),
            "warnings": diagnostics(policy.warnings()),
        }))
    }

    /// What is odd about the rules beside each other, as JSON; windows beyond `retention` ms are reported.
    #[napi(catch_unwind)]
    pub fn lint(&self, retention: Option<f64>) -> Result<String> {
        let retention = retention.map(|ms| time(ms, "retention")).transpose()?;
        to_json(&diagnostics(&lint(&self.loaded.policy, &LintOptions { retention })))
    }

    /// The bytes that the windows of a task may take.
    #[napi(catch_unwind)]
    pub fn bytes_per_task(&self, task_managers: u32) -> f64 {
        self.loaded.policy.plan().bytes_per_task(task_managers as usize) as f64
    }
}

/// All built-in strategies, as JSON.
#[napi(catch_unwind)]
pub fn templates() -> Result<String> {
    let all: Vec<Value> = Template::all()
        .iter()
        .map(|template| {
            let params: serde_json::Map<String, Value> = template
                .params()
                .map(|(name, param)| (name.to_owned(), json!(param)))
                .collect();
            json!({
                "name": template.name(),
                "doc": template.doc(),
                "params": params,
                "document": template.document(),
                "text": template.print(),
            })
        })
        .collect();
    to_json(&all)
}

/// A name that a document does not have.
pub(crate) fn unknown_metric() -> napi::Error {
    fault(
        Class::Task,
        "unknown_metric",
        "the handle is not that of a metric of this policy",
    )
}
