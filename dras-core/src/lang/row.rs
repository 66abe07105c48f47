//! The values that one evaluation begins with.

use std::borrow::Cow;

use super::exact::Values;
use super::graph::{Graph, GraphId, InputIndex, VariableId};
use super::types::{Missing, Type, Value};
use crate::undefined::Undefined;

/// The inputs of one evaluation, and the space it computes in. Made once by the expression or policy that it is for, then filled and
/// evaluated as often as wanted, without allocating.
///
/// A variable that was never set is undefined.
#[derive(Debug, Clone)]
pub struct Row<'t> {
    /// Inputs first, then the program's other registers. What is not finite is undefined: [`NO_NUMBER`] for the reason that is noted, other
    /// NaNs and infinities because the caller gave them.
    pub(crate) numbers: Vec<f64>,
    pub(crate) texts: Vec<Option<&'t str>>,
    /// Why inputs are undefined, and which node began it.
    pub(crate) reasons: Vec<Missing>,
    pub(crate) bits: Vec<u64>,
    /// Where each variable goes.
    variables: Vec<VariableSlot>,
    /// The register of each variable that is a number or truth value; [`NOWHERE`] for the others.
    registers: Vec<u32>,
    /// Room for the exact evaluator.
    pub(super) exact: Values<'static>,
}

/// Stands where a number is undefined for a reason that is noted: a NaN that no computation gives.
pub(crate) const NO_NUMBER: f64 = f64::from_bits(0x7ff8_6472_6173_0001);

/// Stands for the register of a variable that has none; no row has so many.
const NOWHERE: u32 = u32::MAX;

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
    /// A row with the registers of a program; the first ones are inputs, as many as there are `reasons`.
    pub(super) fn new(numbers: Vec<f64>, reasons: Vec<Missing>, words: usize, variables: &[VariableSlot]) -> Row<'t> {
        let register = |slot: &VariableSlot| match slot {
            VariableSlot::Number(input) => *input,
            VariableSlot::Unused | VariableSlot::Text(_) => NOWHERE,
        };
        Row {
            numbers,
            texts: vec![None; reasons.len()],
            reasons,
            bits: vec![0; words],
            variables: variables.to_vec(),
            registers: variables.iter().map(register).collect(),
            exact: Values::default(),
        }
    }

    /// The row without the texts that it borrowed, to be filled again for somebody else; its space stays.
    pub fn released(self) -> Row<'static> {
        Row {
            numbers: self.numbers,
            // Collecting in place: the same space, and no text of the old lifetime in it.
            texts: self.texts.into_iter().map(|_| None).collect(),
            reasons: self.reasons,
            bits: self.bits,
            variables: self.variables,
            registers: self.registers,
            exact: self.exact,
        }
    }

    /// Sets a number, in seconds, bytes or plain numbers. NaN and infinities make it undefined. For a truth value, 0 is false and every
    /// other number true; a text has no number and stays as it is.
    #[inline]
    pub fn set_number(&mut self, variable: VariableId, value: f64) {
        if let Some(&register) = self.registers.get(variable.index())
            && let Some(number) = self.numbers.get_mut(register as usize)
        {
            *number = value;
        }
    }

    /// Sets many numbers, as [`set_number`](Self::set_number) does: the first of `values` for the first variable of the scope, and so on. Values
    /// beyond the last variable are ignored.
    ///
    /// ```
    /// use dras_core::lang::{Expression, Limits, Scope};
    /// use dras_core::units::Unit;
    ///
    /// let mut scope = Scope::new();
    /// scope.number("cpu", Unit::NUMBER)?;
    /// scope.number("lag", Unit::SECONDS)?;
    /// let rule = Expression::compile("cpu > 80% && lag > 5m", &scope, &Limits::default())?;
    /// let mut row = rule.row();
    /// row.set_numbers(&[0.91, 412.0]);
    /// assert_eq!(rule.condition(&mut row), Ok(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn set_numbers(&mut self, values: &[f64]) {
        for (register, value) in self.registers.iter().zip(values) {
            if let Some(number) = self.numbers.get_mut(*register as usize) {
                *number = *value;
            }
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
        self.numbers[input as usize] = value;
    }

    /// Whether any input is undefined.
    #[inline(always)]
    pub(super) fn is_incomplete(&self) -> bool {
        self.numbers[..self.reasons.len()].iter().any(|x| !x.is_finite())
    }

    /// Whether all inputs, and all that was computed from them, are finite.
    #[cold]
    pub(super) fn is_finite(&self) -> bool {
        self.numbers.iter().all(|x| x.is_finite())
    }

    pub(crate) fn put_undefined(&mut self, input: InputIndex, reason: Missing) {
        self.numbers[input as usize] = NO_NUMBER;
        self.texts[input as usize] = None;
        self.reasons[input as usize] = reason;
    }

    pub(crate) fn put_text(&mut self, input: InputIndex, text: &'t str) {
        self.texts[input as usize] = Some(text);
        self.numbers[input as usize] = 0.0;
    }

    /// The value of an input, for the exact evaluator.
    pub(crate) fn value(&self, graph: &Graph, input: InputIndex, origin: GraphId) -> Value<'t> {
        let index = input as usize;
        let number = self.numbers[index];
        let missing = || {
            let own = |reason| Missing { reason, origin };
            let noted = self.reasons[index];
            Value::Undefined(if number.is_infinite() {
                own(Undefined::NotFinite)
            } else if number.is_nan() && number.to_bits() != NO_NUMBER.to_bits() {
                own(Undefined::NotAvailable)
            } else if noted.origin == OWN {
                own(noted.reason)
            } else {
                noted
            })
        };
        // What is not needed stands as 0 in the registers, so that it does not count as missing there.
        if self.reasons[index].reason == Undefined::NotNeeded {
            return missing();
        }
        match graph.ty(origin) {
            Type::Text => self.texts[index].map_or_else(missing, |text| Value::Text(Cow::Borrowed(text))),
            Type::Number(_) | Type::Bool if !number.is_finite() => missing(),
            Type::Number(_) => Value::Number(number),
            Type::Bool => Value::Bool(number != 0.0),
        }
    }
}
