//! One expression over values that the caller has.

use std::sync::{Mutex, PoisonError};

use dras_core::lang::{self, Column, Limits, Row, Scope, Truth, Type, Value, VariableId};
use dras_core::names::check_name;
use dras_core::undefined::Undefined;
use dras_core::units::{Unit, WireUnit};
use napi::bindgen_prelude::{Float64Array, Float64ArraySlice, Uint8Array};
use napi::{Either, Result};
use napi_derive::napi;
use serde_json::json;

use crate::convert::quantity;
use crate::decision::in_utf16;
use crate::fault::{Class, compile_error, data, diagnostics, fault, refused, to_json};

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Number(Unit, f64),
    Bool,
    Text,
}

impl Kind {
    fn of(name: &str, declared: &str) -> Result<Kind> {
        match declared {
            "bool" => Ok(Kind::Bool),
            "text" => Ok(Kind::Text),
            unit => match unit.parse::<WireUnit>() {
                Ok(unit) => Ok(Kind::Number(unit.dimension, unit.factor)),
                Err(error) => {
                    let message = format!("the variable `{name}`: {error}; or bool, or text");
                    Err(fault(Class::Input, "unknown_unit", message))
                }
            },
        }
    }

    fn ty(self) -> Type {
        match self {
            Kind::Number(unit, _) => Type::Number(unit),
            Kind::Bool => Type::Bool,
            Kind::Text => Type::Text,
        }
    }

    fn factor(self) -> f64 {
        match self {
            Kind::Number(_, factor) => factor,
            Kind::Bool | Kind::Text => 1.0,
        }
    }
}

struct Variable {
    name: String,
    id: VariableId,
    kind: Kind,
}

/// How a value is said to be, one byte for each variable; 0 where nothing was said.
mod said {
    /// The number in the array; for a truth value, 0 or 1.
    pub(super) const NUMBER: u8 = 1;
    /// Asked for, and not available.
    pub(super) const NULL: u8 = 2;
    /// The next of the texts.
    pub(super) const TEXT: u8 = 3;
}

/// A compiled expression.
#[napi]
pub struct NativeExpression {
    expression: lang::Expression,
    source: String,
    /// All that were declared, in that order.
    variables: Vec<Variable>,
    /// Those that its value depends on, with their places among all.
    used: Vec<(usize, VariableId, f64)>,
    /// For evaluations without texts, which rows borrow.
    row: Mutex<Row<'static>>,
}

/// The answer of an evaluation of a condition.
const UNDEFINED: u32 = 2;

#[napi]
impl NativeExpression {
    /// Compiles `source` over variables: names and what they hold, in turn.
    #[napi(constructor, catch_unwind)]
    pub fn new(source: String, declared: Vec<String>) -> Result<NativeExpression> {
        let mut scope = Scope::new();
        let mut variables = Vec::new();
        for [name, holds] in declared.as_chunks::<2>().0 {
            check_name(name)
                .map_err(|error| fault(Class::Input, "name", format!("`{name}` is not a name: {error}")))?;
            let kind = Kind::of(name, holds)?;
            let id = scope.variable(name, kind.ty()).map_err(refused(Class::Input))?;
            variables.push(Variable {
                name: name.clone(),
                id,
                kind,
            });
        }
        let expression = lang::Expression::compile(&source, &scope, &Limits::default())
            .map_err(|found| compile_error(Class::Expression, &found))?;
        let used = variables
            .iter()
            .enumerate()
            .filter(|(_, v)| expression.variables().any(|id| id == v.id))
            .map(|(place, v)| (place, v.id, v.kind.factor()))
            .collect();
        Ok(NativeExpression {
            row: Mutex::new(expression.row()),
            expression,
            source,
            variables,
            used,
        })
    }

    /// Everything about it that does not change, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self) -> Result<String> {
        let used: Vec<&str> = self.used.iter().map(|u| self.variables[u.0].name.as_str()).collect();
        to_json(&json!({
            "type": self.expression.ty().to_string(),
            "used": used,
            "warnings": diagnostics(self.expression.warnings()),
        }))
    }

    fn fill(&self, values: &[f64], row: &mut Row<'_>) -> Result<()> {
        if values.len() != self.variables.len() {
            return Err(self.another_length(values.len()));
        }
        for &(place, id, factor) in &self.used {
            row.set_number(id, values[place] * factor);
        }
        Ok(())
    }

    #[cold]
    fn another_length(&self, is: usize) -> napi::Error {
        let message = format!(
            "the row has {is} values, and the expression {} variables",
            self.variables.len()
        );
        fault(Class::Input, "row_length", message)
    }

    /// Its truth value over a row: false, true or undefined (2).
    #[napi(catch_unwind)]
    pub fn condition(&self, values: &[f64]) -> Result<u32> {
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(values, &mut row)?;
        Ok(self.expression.condition(&mut row).map_or(UNDEFINED, u32::from))
    }

    /// Its number over a row, NaN where it is undefined.
    #[napi(catch_unwind)]
    pub fn number(&self, values: &[f64]) -> Result<f64> {
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(values, &mut row)?;
        Ok(self.expression.number(&mut row).unwrap_or(f64::NAN))
    }

    fn said<'t>(&'t self, values: &[f64], said: &[u8], texts: &'t [String], row: &mut Row<'t>) -> Result<()> {
        if values.len() != self.variables.len() || said.len() != values.len() {
            return Err(self.another_length(values.len()));
        }
        let mut texts = texts.iter();
        for ((variable, value), said) in self.variables.iter().zip(values).zip(said) {
            match (*said, variable.kind) {
                (said::TEXT, kind) => {
                    let Some(text) = texts.next() else {
                        return Err(self.another_length(0));
                    };
                    match kind {
                        Kind::Text => row.set_text(variable.id, text),
                        Kind::Number(unit, _) => {
                            let what = format!("the variable `{}`", variable.name);
                            row.set_number(variable.id, quantity(text, unit, &what)?);
                        }
                        Kind::Bool => return Err(another_type(variable)),
                    }
                }
                (said::NUMBER, Kind::Number(_, factor)) => row.set_number(variable.id, value * factor),
                (said::NUMBER, Kind::Bool) => row.set_bool(variable.id, *value != 0.0),
                (said::NUMBER, Kind::Text) => return Err(another_type(variable)),
                (said::NULL, _) => row.set_undefined(variable.id, Undefined::NotAvailable),
                // Absent, or a byte that the façade does not write.
                _ => row.set_undefined(variable.id, Undefined::NoAttribute),
            }
        }
        Ok(())
    }

    /// Its value, where something is not there or is a text; `null` where it is undefined.
    #[napi(catch_unwind)]
    pub fn evaluate(
        &self,
        values: &[f64],
        said: &[u8],
        texts: Vec<String>,
    ) -> Result<Option<Either<f64, Either<bool, String>>>> {
        let mut row = self.expression.row();
        self.said(values, said, &texts, &mut row)?;
        Ok(match self.expression.evaluate(&mut row) {
            Value::Number(x) => Some(Either::A(x)),
            Value::Bool(b) => Some(Either::B(Either::A(b))),
            Value::Text(text) => Some(Either::B(Either::B(text.into_owned()))),
            Value::Undefined(_) => None,
        })
    }

    /// The value of every part, as JSON.
    #[napi(catch_unwind)]
    pub fn explain(&self, values: &[f64], said: &[u8], texts: Vec<String>) -> Result<String> {
        let mut row = self.expression.row();
        self.said(values, said, &texts, &mut row)?;
        let explanation = self.expression.explain(&row);
        let mut parts: serde_json::Value = data(&to_json(&explanation)?, "the explanation")?;
        for span in parts
            .as_array_mut()
            .into_iter()
            .flatten()
            .filter_map(|part| part.get_mut("span"))
        {
            in_utf16(span, &self.source);
        }
        to_json(&json!({
            "text": explanation.to_string(),
            "lines": explanation.lines(),
            "parts": parts,
        }))
    }

    /// Whether it is a condition, a number or a text.
    #[napi(catch_unwind)]
    pub fn kind(&self) -> String {
        match self.expression.ty() {
            Type::Bool => "condition",
            Type::Number(_) => "number",
            Type::Text => "text",
        }
        .to_owned()
    }

    fn columns<'a>(&self, places: &[u32], scaled: &'a [Scaled<'a>]) -> Result<Vec<Column<'a>>> {
        let column = |(place, values): (&u32, &'a Scaled<'a>)| {
            let variable = self
                .variables
                .get(*place as usize)
                .ok_or_else(|| self.another_length(places.len()))?;
            Ok(Column {
                variable: variable.id,
                values: values.as_slice(),
            })
        };
        places.iter().zip(scaled).map(column).collect()
    }

    fn scaled<'a>(&self, places: &[u32], columns: &'a [Float64ArraySlice<'_>]) -> Vec<Scaled<'a>> {
        places
            .iter()
            .zip(columns)
            .map(|(place, values)| {
                let factor = self.variables.get(*place as usize).map_or(1.0, |v| v.kind.factor());
                // Only where the declared unit is another than that of the language are numbers written anew.
                if factor == 1.0 {
                    Scaled::Given(values)
                } else {
                    Scaled::Converted(values.iter().map(|x| x * factor).collect())
                }
            })
            .collect()
    }

    /// The truth value of every row, as bytes.
    #[napi(catch_unwind)]
    pub fn conditions(&self, places: Vec<u32>, columns: Vec<Float64ArraySlice<'_>>, rows: u32) -> Result<Uint8Array> {
        let scaled = self.scaled(&places, &columns);
        let columns = self.columns(&places, &scaled)?;
        let mut truths = vec![Truth::Undefined; rows as usize];
        self.expression
            .conditions(&columns, &mut truths)
            .map_err(refused(Class::Input))?;
        Ok(Uint8Array::new(truths.into_iter().map(|truth| truth as u8).collect()))
    }

    /// The number of every row, NaN where it is undefined.
    #[napi(catch_unwind)]
    pub fn numbers(&self, places: Vec<u32>, columns: Vec<Float64ArraySlice<'_>>, rows: u32) -> Result<Float64Array> {
        let scaled = self.scaled(&places, &columns);
        let columns = self.columns(&places, &scaled)?;
        let mut numbers = vec![f64::NAN; rows as usize];
        self.expression
            .numbers(&columns, &mut numbers)
            .map_err(refused(Class::Input))?;
        Ok(Float64Array::new(numbers))
    }
}

#[cold]
fn another_type(variable: &Variable) -> napi::Error {
    let message = format!("the variable `{}` is {}", variable.name, variable.kind.ty().describe());
    fault(Class::Input, "variable_type", message)
}

/// A column in seconds, bytes or plain numbers.
enum Scaled<'a> {
    Given(&'a [f64]),
    Converted(Vec<f64>),
}

impl Scaled<'_> {
    fn as_slice(&self) -> &[f64] {
        match self {
            Scaled::Given(values) => values,
            Scaled::Converted(values) => values,
        }
    }
}
