//! Documents that extend others, and which task gets which.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dras_core::engine::{Assigner, AttributeValue, Policy};
use dras_core::rules::{Assignments, DocumentLimits, Library};
use napi::Result;
use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::fault::{Class, compile_error, data, diagnostics, to_json};
use crate::policy::{Loaded, NativePolicy};
use crate::task::task_error;

/// Documents by name.
#[napi]
pub struct NativeLibrary {
    library: Mutex<Library>,
}

impl NativeLibrary {
    fn library(&self) -> MutexGuard<'_, Library> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a copy, so that nothing is half done where something goes wrong in the middle.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut Library) -> std::result::Result<T, dras_core::diagnostic::Diagnostics>,
    ) -> Result<T> {
        let mut library = self.library();
        let mut changed = library.clone();
        let done = work(&mut changed).map_err(|found| compile_error(Class::Policy, &found))?;
        *library = changed;
        Ok(done)
    }
}

#[napi]
impl NativeLibrary {
    /// An empty library.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no defaults")]
    pub fn new() -> NativeLibrary {
        NativeLibrary {
            library: Mutex::new(Library::new(DocumentLimits::default())),
        }
    }

    /// Adds a document from JSON text and gives its name.
    #[napi(catch_unwind)]
    pub fn add_text(&self, text: Uint8ArraySlice<'_>) -> Result<String> {
        self.change(|library| library.add(&*text))
    }

    /// Adds a document from an object.
    #[napi(catch_unwind)]
    pub fn add_object(&self, text: String) -> Result<String> {
        let value: Value = data(&text, "the document")?;
        self.change(|library| library.add_value(&value))
    }

    /// Replaces a document from JSON text and gives the names of those that are different now.
    #[napi(catch_unwind)]
    pub fn replace_text(&self, text: Uint8ArraySlice<'_>) -> Result<Vec<String>> {
        self.change(|library| library.replace(&*text))
    }

    /// Replaces a document from an object.
    #[napi(catch_unwind)]
    pub fn replace_object(&self, text: String) -> Result<Vec<String>> {
        let value: Value = data(&text, "the document")?;
        self.change(|library| library.replace_value(&value))
    }

    /// Removes a document.
    #[napi(catch_unwind)]
    pub fn remove(&self, name: String) -> Result<()> {
        self.change(|library| library.remove(&name))
    }

    /// The names of all documents.
    #[napi(catch_unwind)]
    pub fn names(&self) -> Vec<String> {
        self.library().names().map(str::to_owned).collect()
    }

    /// The documents that a document extends, as it says them.
    #[napi(catch_unwind)]
    pub fn parents(&self, name: String) -> Vec<String> {
        self.library().parents(&name).map(str::to_owned).collect()
    }

    /// The documents that extend a document.
    #[napi(catch_unwind)]
    pub fn dependents(&self, name: String) -> Vec<String> {
        self.library()
            .dependents(&name)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// A document with everything that it inherits, as JSON.
    #[napi(catch_unwind)]
    pub fn resolve(&self, name: String) -> Result<String> {
        let library = self.library();
        let resolved = library
            .resolve(&name)
            .map_err(|found| compile_error(Class::Policy, &found))?;
        to_json(&json!({
            "name": resolved.name(),
            "document": resolved.document(),
            "documents": resolved.documents().collect::<Vec<_>>(),
            "values": resolved.values(),
            "text": resolved.to_string(),
        }))
    }

    /// The policy of a document with everything that it inherits.
    #[napi(catch_unwind)]
    pub fn policy(&self, name: String) -> Result<NativePolicy> {
        let resolved = self
            .library()
            .resolve(&name)
            .map_err(|found| compile_error(Class::Policy, &found))?;
        let policy = Policy::from_resolved(&resolved).map_err(|found| compile_error(Class::Policy, &found))?;
        Ok(NativePolicy {
            loaded: Arc::new(Loaded::new(policy, Some(resolved.document()))),
        })
    }
}

/// Compiled assignments.
#[napi]
pub struct NativeAssigner {
    assigner: Assigner,
}

#[napi]
impl NativeAssigner {
    /// Compiles assignments from JSON text.
    #[napi(factory, catch_unwind)]
    pub fn from_text(text: Uint8ArraySlice<'_>) -> Result<NativeAssigner> {
        Assigner::from_json(&*text, &DocumentLimits::default())
            .map(|assigner| NativeAssigner { assigner })
            .map_err(|found| compile_error(Class::Policy, &found))
    }

    /// Compiles assignments from an object.
    #[napi(factory, catch_unwind)]
    pub fn from_object(text: String) -> Result<NativeAssigner> {
        let value: Value = data(&text, "the assignments")?;
        Assignments::from_value(&value, &DocumentLimits::default())
            .and_then(|assignments| Assigner::compile(&assignments))
            .map(|assigner| NativeAssigner { assigner })
            .map_err(|found| compile_error(Class::Policy, &found))
    }

    /// The documents that tasks can get, and what is odd, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self) -> Result<String> {
        to_json(&json!({
            "documents": self.assigner.assignments().documents().collect::<Vec<_>>(),
            "warnings": diagnostics(self.assigner.warnings()),
        }))
    }

    /// The document for a task with these attributes, as JSON.
    #[napi(catch_unwind)]
    pub fn assign(&self, attributes: String) -> Result<String> {
        let attributes: BTreeMap<String, AttributeValue> = data(&attributes, "the attributes")?;
        let assigned = self.assigner.assign(&attributes).map_err(task_error)?;
        let mut value = json!(assigned);
        value["text"] = json!(assigned.to_string());
        to_json(&value)
    }

    /// The documents that a library does not have, as diagnostics.
    #[napi(catch_unwind)]
    pub fn check(&self, library: &NativeLibrary) -> Result<String> {
        to_json(&diagnostics(&self.assigner.check(&library.library())))
    }
}
