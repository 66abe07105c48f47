//! What a `FlinkDeployment` says: the few things of its manifest that decide how a change of it works.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{TranslationError, manifest_size};
use crate::resources::memory::{FlinkProcess, format_size};

/// The `spec` of a `FlinkDeployment`.
pub(super) struct Manifest<'a> {
    spec: &'a Map<String, Value>,
}

impl<'a> Manifest<'a> {
    pub(super) fn of(deployment: &'a Value) -> Result<Manifest<'a>, TranslationError> {
        let wrong = |what: &str| TranslationError::NotADeployment { what: what.to_owned() };
        if let Some(kind) = deployment.get("kind").and_then(Value::as_str)
            && kind != "FlinkDeployment"
        {
            return Err(wrong(&format!(
                "the manifest is of a `{kind}`, not of a `FlinkDeployment`"
            )));
        }
        let spec = deployment
            .get("spec")
            .and_then(Value::as_object)
            .ok_or_else(|| wrong("the manifest has no `spec`; give the whole FlinkDeployment"))?;
        if !spec.get("job").is_some_and(Value::is_object) {
            return Err(wrong(
                "the manifest has no `spec.job`: it is of a session cluster, which has no parallelism of its own",
            ));
        }
        Ok(Manifest { spec })
    }

    fn at(&self, pointer: &[&str]) -> Option<&'a Value> {
        let (first, rest) = pointer.split_first()?;
        let value = self.spec.get(*first)?;
        rest.iter()
            .try_fold(value, |v, key| v.get(*key))
            .filter(|v| !v.is_null())
    }

    /// Whether the operator would start an upgraded job with empty state; also what it does by default.
    pub(super) fn is_stateless(&self) -> bool {
        let mode = self.at(&["job", "upgradeMode"]).and_then(Value::as_str);
        mode.is_none_or(|m| m == "stateless")
    }

    pub(super) fn is_standalone(&self) -> bool {
        self.at(&["mode"]).and_then(Value::as_str) == Some("standalone")
    }

    pub(super) fn replicas(&self) -> Option<u64> {
        self.at(&["taskManager", "replicas"]).and_then(Value::as_u64)
    }

    /// `resource.memory` of one kind of process, in bytes.
    fn memory(&self, process: FlinkProcess) -> Result<Option<u64>, TranslationError> {
        let Some(text) = self.at(&[field(process), "resource", "memory"]) else {
            return Ok(None);
        };
        let text = text.as_str().unwrap_or_default();
        let what = || {
            format!(
                "`spec.{}.resource.memory` is `{text}`, which is no memory size",
                field(process)
            )
        };
        match manifest_size(text) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(TranslationError::NotADeployment { what: what() }),
        }
    }

    /// The Flink configuration that the operator makes of the manifest, as far as memory is concerned: `resource.memory` becomes
    /// `process.size`, whatever `flinkConfiguration` says of it (`FlinkConfigBuilder.setResource`).
    pub(super) fn memory_entries(&self, process: FlinkProcess) -> Result<BTreeMap<String, String>, TranslationError> {
        let mut entries = self.flink_configuration();
        if let Some(bytes) = self.memory(process)? {
            let key = super::configuration::process_size_key(process);
            entries.insert(key.to_owned(), format_size(bytes));
        }
        Ok(entries)
    }

    /// `flinkConfiguration` with flat keys; newer operators also take it as a tree.
    pub(super) fn flink_configuration(&self) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        if let Some(configuration) = self.at(&["flinkConfiguration"]) {
            flatten(configuration, "", &mut flat);
        }
        flat
    }

    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.flink_configuration()
            .get(key)
            .is_some_and(|v| v.trim().eq_ignore_ascii_case(value))
    }

    /// The fields under which a key of `flinkConfiguration` stands.
    pub(super) fn path_of(&self, key: &str) -> Option<Vec<String>> {
        locate(self.at(&["flinkConfiguration"])?, key)
    }
}

/// The name of a kind of process in a manifest.
pub(super) fn field(process: FlinkProcess) -> &'static str {
    match process {
        FlinkProcess::TaskManager => "taskManager",
        FlinkProcess::JobManager => "jobManager",
    }
}

fn flatten(node: &Value, prefix: &str, flat: &mut BTreeMap<String, String>) {
    let Some(fields) = node.as_object() else {
        let text = node.as_str().map_or_else(|| node.to_string(), str::to_owned);
        flat.insert(prefix.to_owned(), text);
        return;
    };
    for (name, value) in fields {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        flatten(value, &key, flat);
    }
}

fn locate(node: &Value, key: &str) -> Option<Vec<String>> {
    let fields = node.as_object()?;
    if fields.get(key).is_some_and(|v| !v.is_object()) {
        return Some(vec![key.to_owned()]);
    }
    fields.iter().find_map(|(name, value)| {
        let rest = key.strip_prefix(name.as_str())?.strip_prefix('.')?;
        let mut path = locate(value, rest)?;
        path.insert(0, name.clone());
        Some(path)
    })
}
