//! Flink's model of memory.

use std::collections::BTreeMap;

use dras_core::resources::memory::{Component, FlinkProcess, MemoryBreakdown, MemoryConfig, MemoryError, derive, plan};
use napi::Result;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::fault::{Class, data, refused, to_json};

fn config(process: &str, entries: &str) -> Result<MemoryConfig> {
    let process: FlinkProcess = data(&json!(process).to_string(), "the process")?;
    let entries: BTreeMap<String, String> = data(entries, "the configuration")?;
    MemoryConfig::from_entries(process, entries).map_err(refused(Class::Input))
}

fn breakdown(b: &MemoryBreakdown) -> Value {
    let mut value = json!(b);
    value["jvm_heap"] = json!(b.jvm_heap());
    value["jvm_direct"] = json!(b.jvm_direct());
    value["flink"] = json!(b.flink());
    value["process"] = json!(b.process());
    value
}

/// What Flink makes of a memory configuration, as JSON.
#[napi(catch_unwind)]
pub fn memory(process: String, entries: String) -> Result<String> {
    let config = config(&process, &entries)?;
    let derived = derive(&config).map_err(refused(Class::Input))?;
    to_json(&breakdown(&derived))
}

/// The smallest configuration in which components are as large as asked, as JSON.
#[napi(catch_unwind)]
pub fn memory_plan(process: String, entries: String, targets: String, total: Option<f64>, step: f64) -> Result<String> {
    let config = config(&process, &entries)?;
    let targets: BTreeMap<Component, u64> = data(&targets, "the targets")?;
    let targets: Vec<(Component, u64)> = targets.into_iter().collect();
    let planned: std::result::Result<_, MemoryError> = plan(&config, &targets, total.map(|t| t as u64), step as u64);
    let planned = planned.map_err(refused(Class::Input))?;
    let entries: BTreeMap<&str, String> = planned.write_back().into_iter().collect();
    to_json(&json!({
        "entries": entries,
        "before": planned.before.as_ref().map(breakdown),
        "after": breakdown(&planned.breakdown),
    }))
}
