//! About the language: formatting, functions, error codes, quantities.

use dras_core::diagnostic::ALL_CODES;
use dras_core::lang::functions::FUNCTIONS;
use dras_core::lang::{Limits, format_source};
use dras_core::literal::parse_quantity;
use dras_core::rules::schema as document_schema;
use napi::Result;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::fault::{Class, compile_error, fault, to_json};

/// The canonical form of an expression.
#[napi(catch_unwind)]
pub fn format(source: String) -> Result<String> {
    format_source(&source, &Limits::default()).map_err(|found| compile_error(Class::Expression, &found))
}

/// All functions of the language, as JSON.
#[napi(catch_unwind)]
pub fn functions() -> Result<String> {
    let all: Vec<Value> = FUNCTIONS
        .iter()
        .map(|f| {
            json!({
                "name": f.name,
                "signature": f.signature,
                "group": f.group.title(),
                "doc": f.doc,
                "examples": f.examples.iter().map(|(source, result)| json!({ "source": source, "result": result })).collect::<Vec<_>>(),
            })
        })
        .collect();
    to_json(&all)
}

/// All codes of diagnostics, as JSON.
#[napi(catch_unwind)]
pub fn error_codes() -> Result<String> {
    let all: Vec<Value> = ALL_CODES
        .iter()
        .map(|code| {
            json!({
                "code": code.id(),
                "severity": code.severity(),
                "title": code.title(),
                "explanation": code.explanation(),
            })
        })
        .collect();
    to_json(&all)
}

/// The JSON Schema of rule documents.
#[napi(catch_unwind)]
pub fn schema() -> Result<String> {
    to_json(&document_schema())
}

/// What a quantity is worth in seconds, bytes or plain numbers, as JSON.
#[napi(catch_unwind)]
pub fn quantity(text: String) -> Result<String> {
    match parse_quantity(&text) {
        Ok((value, unit)) => to_json(&json!({ "value": value, "unit": unit.to_string() })),
        Err(error) => Err(fault(Class::Input, "quantity", format!("{error}; {}", error.help()))),
    }
}
