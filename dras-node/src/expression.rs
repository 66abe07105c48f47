//! One expression over values that the caller has.

use std::cell::RefCell;
use std::rc::Rc;

use dras_core::lang::{self, Column, Limits, Row, Scope, Truth, Type, Value, VariableId};
use dras_core::names::check_name;
use dras_core::undefined::Undefined;
use dras_core::units::{Unit, WireUnit};
use napi::bindgen_prelude::{Either3, Either4, Float64Array, Float64ArraySlice, Function, Uint8Array};
use napi::{Env, Result};
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

/// What an evaluation over numbers gives: a truth value or a number, or nothing where it is undefined.
type Answer = Either3<bool, f64, ()>;

/// The same where there may be texts.
type AnyAnswer = Either4<bool, f64, String, ()>;

/// Memory of a `Uint8Array` that is written to.
type Bytes<'a> = &'a mut [u8];

/// Memory of a `Float64Array` that is written to.
type Numbers<'a> = &'a mut [f64];

/// A compiled expression.
#[napi]
pub struct NativeExpression {
    compiled: Rc<Compiled>,
}

struct Compiled {
    expression: lang::Expression,
    source: String,
    /// All that were declared, in that order.
    variables: Vec<Variable>,
    /// Those that its value depends on, with their places among all.
    used: Vec<(usize, VariableId, f64)>,
    /// For evaluations without texts, which rows borrow.
    row: RefCell<Row<'static>>,
    /// Space for the truth values of columns.
    truths: RefCell<Vec<Truth>>,
}

/// Space for more rows than this is not kept, in bytes.
const MOST_KEPT: usize = 1 << 20;

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
            compiled: Rc::new(Compiled {
                row: RefCell::new(expression.row()),
                truths: RefCell::default(),
                expression,
                source,
                variables,
                used,
            }),
        })
    }

    /// A function without arguments that evaluates over the numbers that stand in `space` then, one for each variable.
    ///
    /// Calls of methods look up the object, its class and who else borrows it, which takes longer than evaluating; a closure has what it needs.
    /// The façade shows `space` to nobody, so that its memory stays.
    #[napi(catch_unwind)]
    pub fn evaluator<'env>(&self, env: &'env Env, space: Float64Array) -> Result<Function<'env, (), Answer>> {
        let compiled = Rc::clone(&self.compiled);
        env.create_function_from_closure("evaluate", move |_| compiled.answer(&space))
    }

    /// Everything about it that does not change, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self) -> Result<String> {
        let compiled = &self.compiled;
        let used = compiled.used.iter().map(|u| &compiled.variables[u.0]);
        let texts = used.clone().any(|variable| variable.kind == Kind::Text);
        to_json(&json!({
            "type": compiled.expression.ty().to_string(),
            "used": used.map(|variable| &variable.name).collect::<Vec<_>>(),
            "texts": texts,
            "warnings": diagnostics(compiled.expression.warnings()),
        }))
    }

    /// The same where something is not there or is a text: `said` says how each value is, and the texts are the function's arguments, in the order of
    /// the variables.
    #[napi(catch_unwind)]
    pub fn any_evaluator<'env>(
        &self,
        env: &'env Env,
        space: Float64Array,
        said: Uint8Array,
    ) -> Result<Function<'env, (), AnyAnswer>> {
        let compiled = Rc::clone(&self.compiled);
        env.create_function_from_closure("evaluate", move |context| {
            let texts = (0..context.length()).map(|i| context.get::<String>(i));
            let texts: Vec<String> = texts.collect::<Result<_>>()?;
            compiled.any_answer(&space, &said, &texts)
        })
    }

    /// The value of every part, as JSON.
    #[napi(catch_unwind)]
    pub fn explain(&self, values: &[f64], said: &[u8], texts: Vec<String>) -> Result<String> {
        let Compiled { expression, source, .. } = &*self.compiled;
        let mut row = expression.row();
        self.compiled.said(values, said, &texts, &mut row)?;
        let explanation = expression.explain(&row);
        let mut parts: serde_json::Value = data(&to_json(&explanation)?, "the explanation")?;
        for span in parts
            .as_array_mut()
            .into_iter()
            .flatten()
            .filter_map(|part| part.get_mut("span"))
        {
            in_utf16(span, source);
        }
        to_json(&json!({
            "text": explanation.to_string(),
            "lines": explanation.lines(),
            "parts": parts,
        }))
    }

    /// Writes the truth value of every row, as bytes. The façade has seen to it that no column lies in the memory of `into`.
    #[napi(catch_unwind)]
    pub fn conditions(&self, places: Vec<u32>, columns: Vec<Float64ArraySlice<'_>>, into: Bytes<'_>) -> Result<()> {
        let scaled = self.compiled.scaled(&places, &columns);
        let columns = self.compiled.columns(&places, &scaled)?;
        let mut truths = self.compiled.truths.take();
        truths.clear();
        truths.resize(into.len(), Truth::Undefined);
        let done = self.compiled.expression.conditions(&columns, &mut truths);
        if done.is_ok() {
            for (byte, truth) in into.iter_mut().zip(&truths) {
                *byte = *truth as u8;
            }
        }
        // Kept for the next call, but not where it was an unusually large one.
        if truths.len() <= MOST_KEPT {
            self.compiled.truths.replace(truths);
        }
        done.map_err(refused(Class::Input))
    }

    /// Writes the number of every row, NaN where it is undefined.
    #[napi(catch_unwind)]
    pub fn numbers(&self, places: Vec<u32>, columns: Vec<Float64ArraySlice<'_>>, into: Numbers<'_>) -> Result<()> {
        let scaled = self.compiled.scaled(&places, &columns);
        let columns = self.compiled.columns(&places, &scaled)?;
        self.compiled
            .expression
            .numbers(&columns, into)
            .map_err(refused(Class::Input))
    }
}

impl Compiled {
    /// The answer over numbers alone.
    fn answer(&self, values: &[f64]) -> Result<Answer> {
        // Nothing that is called from here comes back to here.
        let mut row = self.row.try_borrow_mut().map_err(|_| {
            let message = "an evaluation began inside of another one of the same expression";
            fault(Class::Internal, "nested", message)
        })?;
        self.fill(values, &mut row)?;
        Ok(match self.expression.ty() {
            Type::Bool => self.expression.condition(&mut row).map_or(Either3::C(()), Either3::A),
            _ => self.expression.number(&mut row).map_or(Either3::C(()), Either3::B),
        })
    }

    fn any_answer(&self, values: &[f64], said: &[u8], texts: &[String]) -> Result<AnyAnswer> {
        let mut row = self.expression.row();
        self.said(values, said, texts, &mut row)?;
        Ok(match self.expression.evaluate(&mut row) {
            Value::Bool(b) => Either4::A(b),
            Value::Number(x) => Either4::B(x),
            Value::Text(text) => Either4::C(text.into_owned()),
            Value::Undefined(_) => Either4::D(()),
        })
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
