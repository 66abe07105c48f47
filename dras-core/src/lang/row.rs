//! The values that one evaluation begins with.

use std::borrow::Cow;

use super::graph::{Graph, GraphId, InputIndex, VariableId};
use super::types::{Missing, Type, Value};
use crate::undefined::Undefined;

/// The inputs of one evaluation, and the space it computes in. Made once by the expression or policy that it is for, then filled and
/// evaluated as often as wanted, without allocating.
///
/// A variable that was never set is undefined.
#[derive(Debug, Clone)]
pub struct Row<'t> {
    /// Inputs first, then the program's other registers. NaN = undefined.
    pub(crate) numbers: Vec<f64>,
    /// How many of the inputs are NaN.
    pub(super) undefined: u32,
    pub(crate) texts: Vec<Option<&'t str>>,
    pub(crate) reasons: Vec<Undefined>,
    pub(crate) bits: Vec<u64>,
    /// The input of each variable; [`UNUSED`] where the expression does not use it.
    pub(crate) variables: Vec<u32>,
}

/// The input of a variable that is not used.
pub(crate) const UNUSED: u32 = u32::MAX;

impl<'t> Row<'t> {
    /// Sets a number, in seconds, bytes or plain numbers. NaN and infinities make it undefined.
    #[inline]
    pub fn set_number(&mut self, variable: VariableId, value: f64) {
        if let Some(&input) = self.variables.get(variable.index())
            && input != UNUSED
        {
            self.put_number(input, value);
        }
    }

    /// Sets a truth value.
    pub fn set_bool(&mut self, variable: VariableId, value: bool) {
        self.set_number(variable, f64::from(u8::from(value)));
    }

    /// Sets a text, which is borrowed, not copied.
    pub fn set_text(&mut self, variable: VariableId, value: &'t str) {
        if let Some(&input) = self.variables.get(variable.index())
            && input != UNUSED
        {
            self.put_text(input, value);
        }
    }

    /// Makes a variable undefined, and says why.
    pub fn set_undefined(&mut self, variable: VariableId, reason: Undefined) {
        if let Some(&input) = self.variables.get(variable.index())
            && input != UNUSED
        {
            self.put_undefined(input, reason);
        }
    }

    #[inline]
    pub(crate) fn put_number(&mut self, input: InputIndex, value: f64) {
        let old = &mut self.numbers[input as usize];
        if value.is_finite() && !old.is_nan() {
            *old = value;
        } else {
            self.put_other(input, value);
        }
    }

    /// A number that is not finite, or is put where there was none.
    #[cold]
    fn put_other(&mut self, input: InputIndex, value: f64) {
        if value.is_finite() {
            self.put(input, value);
        } else {
            let reason = if value.is_nan() {
                Undefined::NotAvailable
            } else {
                Undefined::NotFinite
            };
            self.put_undefined(input, reason);
        }
    }

    fn put(&mut self, input: InputIndex, value: f64) {
        let old = std::mem::replace(&mut self.numbers[input as usize], value);
        self.undefined = self.undefined + u32::from(value.is_nan()) - u32::from(old.is_nan());
    }

    /// Whether any input is undefined.
    #[inline]
    pub(super) fn is_incomplete(&self) -> bool {
        self.undefined > 0
    }

    pub(crate) fn put_undefined(&mut self, input: InputIndex, reason: Undefined) {
        self.put(input, f64::NAN);
        self.texts[input as usize] = None;
        self.reasons[input as usize] = reason;
    }

    pub(crate) fn put_text(&mut self, input: InputIndex, text: &'t str) {
        self.texts[input as usize] = Some(text);
        self.put(input, 0.0);
    }

    /// The value of an input, for the exact evaluator.
    pub(crate) fn value(&self, graph: &Graph, input: InputIndex, origin: GraphId) -> Value<'t> {
        let index = input as usize;
        let missing = || {
            Value::Undefined(Missing {
                reason: self.reasons[index],
                origin,
            })
        };
        match graph.ty(origin) {
            Type::Text => self.texts[index].map_or_else(missing, |text| Value::Text(Cow::Borrowed(text))),
            Type::Number(_) | Type::Bool if self.numbers[index].is_nan() => missing(),
            Type::Number(_) => Value::Number(self.numbers[index]),
            Type::Bool => Value::Bool(self.numbers[index] != 0.0),
        }
    }
}
