//! What a task keeps of its attributes and of its rules, in little room: a fleet looks at very many tasks.

use std::num::NonZeroI64;

use super::attributes::AttributeValue;
use crate::units::Millis;

/// Cells that are no numbers: NaNs, which no attribute is. They follow on one another, so that one comparison tells them from numbers.
const UNSET: u64 = 0x7ff8_6472_6173_0010;
const FALSE: u64 = UNSET + 1;
const TRUE: u64 = UNSET + 2;
/// Its text stands elsewhere.
const TEXT: u64 = UNSET + 3;
/// The task's id.
const ID: u64 = UNSET + 4;

/// The values of a task's attributes: eight bytes each, and the texts.
#[derive(Debug, Clone)]
pub(crate) struct AttributeValues {
    cells: Box<[u64]>,
    /// The texts, each with the index of its attribute.
    texts: Box<[(u16, Box<str>)]>,
}

/// The value of an attribute, in seconds, bytes or plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'t> {
    Number(f64),
    Bool(bool),
    Text(&'t str),
}

impl From<Value<'_>> for AttributeValue {
    fn from(value: Value<'_>) -> AttributeValue {
        match value {
            Value::Number(x) => AttributeValue::Number(x),
            Value::Bool(b) => AttributeValue::Bool(b),
            Value::Text(text) => AttributeValue::Text(text.to_owned()),
        }
    }
}

impl AttributeValues {
    /// So many attributes, none of which is set.
    pub(crate) fn new(attributes: usize) -> AttributeValues {
        AttributeValues {
            cells: vec![UNSET; attributes].into_boxed_slice(),
            texts: Box::default(),
        }
    }

    /// Reads a word of each cache line.
    pub(super) fn touch(&self) -> u64 {
        self.cells.iter().step_by(8).fold(0, |read, cell| read ^ cell)
    }

    /// The value of an attribute of the task with this id; `None` where it is not set, or there is no such attribute.
    #[inline]
    pub(crate) fn get<'t>(&'t self, attribute: usize, id: &'t str) -> Option<Value<'t>> {
        let cell = *self.cells.get(attribute)?;
        if cell.wrapping_sub(UNSET) > ID - UNSET {
            return Some(Value::Number(f64::from_bits(cell)));
        }
        match cell {
            FALSE => Some(Value::Bool(false)),
            TRUE => Some(Value::Bool(true)),
            TEXT => {
                let text = self.texts.iter().find(|text| usize::from(text.0) == attribute);
                text.map(|text| Value::Text(&text.1))
            }
            ID => Some(Value::Text(id)),
            _ => None,
        }
    }

    /// Sets an attribute to a number, if there is such an attribute.
    pub(crate) fn set_number(&mut self, attribute: usize, number: f64) {
        self.put(attribute, number.to_bits());
    }

    /// Forgets an attribute.
    pub(crate) fn unset(&mut self, attribute: usize) {
        self.put(attribute, UNSET);
    }

    /// Sets an attribute of the task with this id, if there is such an attribute.
    pub(crate) fn set(&mut self, attribute: usize, value: AttributeValue, id: &str) {
        match value {
            AttributeValue::Number(x) => self.set_number(attribute, x),
            AttributeValue::Bool(b) => self.put(attribute, if b { TRUE } else { FALSE }),
            AttributeValue::Text(text) if text == id => self.put(attribute, ID),
            AttributeValue::Text(text) => self.set_text(attribute, text.into()),
        }
    }

    fn set_text(&mut self, attribute: usize, text: Box<str>) {
        let Some(cell) = self.cells.get_mut(attribute) else {
            return;
        };
        if *cell == TEXT
            && let Some(known) = self.texts.iter_mut().find(|text| usize::from(text.0) == attribute)
        {
            known.1 = text;
            return;
        }
        *cell = TEXT;
        let mut texts = std::mem::take(&mut self.texts).into_vec();
        texts.push((attribute as u16, text));
        self.texts = texts.into();
    }

    fn put(&mut self, attribute: usize, cell: u64) {
        let Some(known) = self.cells.get_mut(attribute) else {
            return;
        };
        if std::mem::replace(known, cell) == TEXT {
            let mut texts = std::mem::take(&mut self.texts).into_vec();
            texts.retain(|text| usize::from(text.0) != attribute);
            self.texts = texts.into();
        }
    }
}

/// A time, of which `Option` takes no more room: there is none at [`Millis::MIN`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(NonZeroI64);

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.millis().fmt(f)
    }
}

impl Stamp {
    /// This time.
    pub(crate) fn at(t: Millis) -> Option<Stamp> {
        NonZeroI64::new(t ^ Millis::MIN).map(Stamp)
    }

    /// The time, in ms since the epoch.
    pub(crate) fn millis(self) -> Millis {
        self.0.get() ^ Millis::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Set(AttributeValue),
        Unset,
    }

    proptest! {
        /// The values are a list of what each attribute was last set to.
        #[test]
        fn values_are_a_list(steps in proptest::collection::vec((0..6usize, prop_oneof![
            any::<f64>().prop_filter("a number", |x| !x.is_nan()).prop_map(|x| Step::Set(x.into())),
            any::<bool>().prop_map(|b| Step::Set(b.into())),
            "[ab]{0,3}|orders".prop_map(|text| Step::Set(text.into())),
            Just(Step::Unset),
        ]), 0..60)) {
            let mut values = AttributeValues::new(5);
            let mut list = vec![None; 5];
            for (attribute, step) in steps {
                let value = match step {
                    Step::Set(value) => {
                        values.set(attribute, value.clone(), "orders");
                        Some(value)
                    }
                    Step::Unset => {
                        values.unset(attribute);
                        None
                    }
                };
                if let Some(known) = list.get_mut(attribute) {
                    *known = value;
                }
                for (attribute, value) in list.iter().enumerate() {
                    prop_assert_eq!(&values.get(attribute, "orders").map(AttributeValue::from), value);
                }
                prop_assert_eq!(values.get(5, "orders"), None);
                let texts = values.texts.len();
                prop_assert_eq!(values.cells.iter().filter(|cell| **cell == TEXT).count(), texts);
            }
        }

        #[test]
        fn a_stamp_is_its_time(t in any::<Millis>()) {
            prop_assert_eq!(Stamp::at(t).map(Stamp::millis), (t > Millis::MIN).then_some(t));
            prop_assert_eq!(Stamp::at(0).map(Stamp::millis), Some(0));
        }
    }

    #[test]
    fn a_stamp_takes_eight_bytes_where_there_may_be_none() {
        assert_eq!(size_of::<Option<Stamp>>(), 8);
    }
}
