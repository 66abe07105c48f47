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
    /// Why inputs are undefined, and which node began it.
    pub(crate) reasons: Vec<Missing>,
    pub(crate) bits: Vec<u64>,
    /// Where each variable goes.
    pub(crate) variables: Vec<VariableSlot>,
}

/// Where a variable goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableSlot {
    /// The expression does not use it, or its value does not depend on it.
    Unused,
    /// A number or truth value, to this input.
    Number(InputIndex),
    /// A text, to this input, whose register is 0 where the text is there and NaN where it is not.
    Text(InputIndex),
}

impl VariableSlot {
    pub(crate) fn input(self) -> Option<InputIndex> {
        match self {
            VariableSlot::Unused => None,
            VariableSlot::Number(input) | VariableSlot::Text(input) => Some(input),
        }
    }
}

/// The origin of an input that is undefined for a reason of its own.
pub(crate) const OWN: GraphId = GraphId(u32::MAX);

impl<'t> Row<'t> {
    /// Sets a number, in seconds, bytes or plain numbers. NaN and infinities make it undefined. For a truth value, 0 is false and every
    /// other number true; a text has no number and stays as it is.
    #[inline]
    pub fn set_number(&mut self, variable: VariableId, value: f64) {
        if let Some(&VariableSlot::Number(input)) = self.variables.get(variable.index()) {
            self.put_number(input, value);
        }
    }

    /// Sets a truth value; a number becomes 1 or 0.
    pub fn set_bool(&mut self, variable: VariableId, value: bool) {
        self.set_number(variable, f64::from(u8::from(value)));
    }

    /// Sets a text, which is borrowed, not copied. A number or truth value stays as it is.
    pub fn set_text(&mut self, variable: VariableId, value: &'t str) {
        if let Some(&VariableSlot::Text(input)) = self.variables.get(variable.index()) {
            self.put_text(input, value);
        }
    }

    /// Makes a variable undefined, and says why.
    pub fn set_undefined(&mut self, variable: VariableId, reason: Undefined) {
        if let Some(input) = self.variables.get(variable.index()).and_then(|slot| slot.input()) {
            self.put_undefined(input, Missing { reason, origin: OWN });
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
            self.put_undefined(input, Missing { reason, origin: OWN });
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

    pub(crate) fn put_undefined(&mut self, input: InputIndex, reason: Missing) {
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
            let missing = self.reasons[index];
            let origin = if missing.origin == OWN { origin } else { missing.origin };
            Value::Undefined(Missing { origin, ..missing })
        };
        // What is not needed stands as 0 in the registers, so that it does not count as missing there.
        if self.reasons[index].reason == Undefined::NotNeeded {
            return missing();
        }
        match graph.ty(origin) {
            Type::Text => self.texts[index].map_or_else(missing, |text| Value::Text(Cow::Borrowed(text))),
            Type::Number(_) | Type::Bool if self.numbers[index].is_nan() => missing(),
            Type::Number(_) => Value::Number(self.numbers[index]),
            Type::Bool => Value::Bool(self.numbers[index] != 0.0),
        }
    }
}
