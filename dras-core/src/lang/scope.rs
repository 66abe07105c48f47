//! What names mean.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::compile::ExpressionId;
use super::graph::VariableId;
use super::types::Type;
use crate::metrics::{Catalogue, MetricId};
use crate::units::Unit;

/// The value of a parameter: known when a document is compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// A number in seconds, bytes or plain numbers.
    Number(f64, Unit),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Box<str>),
}

impl Constant {
    /// Its type.
    pub fn ty(&self) -> Type {
        match self {
            Constant::Number(_, unit) => Type::Number(*unit),
            Constant::Bool(_) => Type::Bool,
            Constant::Text(_) => Type::Text,
        }
    }
}

/// What a name means.
#[derive(Debug, Clone)]
pub(crate) enum Meaning {
    Variable(VariableId, Type),
    Constant(Constant),
    Metric(MetricId),
    Definition(ExpressionId),
}

/// The names that an expression may use: metrics, variables (attributes of the task), parameters, definitions. They share one space.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    names: BTreeMap<String, Meaning>,
    catalogue: Catalogue,
    variables: Vec<(String, Type)>,
}

/// A name that cannot be added to a [`Scope`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The name means something already.
    #[error("`{0}` is already the name of something else")]
    Taken(String),
    /// There are more variables than an index can tell apart.
    #[error("too many variables; at most 65535 are possible")]
    TooMany,
}

impl Scope {
    /// A scope without names.
    pub fn new() -> Scope {
        Scope::default()
    }

    /// A scope with the metrics of `catalogue`.
    pub fn with_metrics(catalogue: Catalogue) -> Scope {
        let names = catalogue
            .iter()
            .map(|(id, spec)| (spec.name.clone(), Meaning::Metric(id)))
            .collect();
        Scope {
            names,
            catalogue,
            variables: Vec::new(),
        }
    }

    /// Adds a variable that the caller sets before each evaluation. Whether `name` can be written in an expression is not looked at.
    ///
    /// # Errors
    /// The name is taken, or there are 65,535 variables.
    pub fn variable(&mut self, name: &str, ty: Type) -> Result<VariableId, ScopeError> {
        let index = u16::try_from(self.variables.len()).map_err(|_| ScopeError::TooMany)?;
        self.add(name, Meaning::Variable(VariableId(index), ty))?;
        self.variables.push((name.to_owned(), ty));
        Ok(VariableId(index))
    }

    /// Adds a variable that is a number of this unit: set in seconds, bytes or plain numbers.
    ///
    /// # Errors
    /// As [`variable`](Self::variable).
    pub fn number(&mut self, name: &str, unit: Unit) -> Result<VariableId, ScopeError> {
        self.variable(name, Type::Number(unit))
    }

    /// Adds a parameter: a value that is known when expressions are compiled, and so can be the length of a window.
    ///
    /// # Errors
    /// The name is taken.
    pub fn constant(&mut self, name: &str, value: Constant) -> Result<(), ScopeError> {
        self.add(name, Meaning::Constant(value))
    }

    pub(crate) fn definition(&mut self, name: &str, id: ExpressionId) -> Result<(), ScopeError> {
        self.add(name, Meaning::Definition(id))
    }

    fn add(&mut self, name: &str, meaning: Meaning) -> Result<(), ScopeError> {
        match self.names.entry(name.to_owned()) {
            Entry::Vacant(slot) => {
                slot.insert(meaning);
                Ok(())
            }
            Entry::Occupied(_) => Err(ScopeError::Taken(name.to_owned())),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Meaning> {
        self.names.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The metrics.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The variables by index, with their types.
    pub fn variables(&self) -> &[(String, Type)] {
        &self.variables
    }

    /// The variable called `name`.
    pub fn find_variable(&self, name: &str) -> Option<VariableId> {
        match self.names.get(name)? {
            Meaning::Variable(id, _) => Some(*id),
            _ => None,
        }
    }
}
