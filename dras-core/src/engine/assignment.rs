//! Choosing a document for a task by its attributes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::attributes::AttributeValue;
use super::task::TaskError;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::lang::{Expected, Expression, Limits, Scope, Type, VariableId, functions};
use crate::rules::{Assignments, AttributeType, BUILT_IN_ATTRIBUTES, DocumentLimits, Library};
use crate::undefined::Undefined;
use crate::units::Unit;

/// Compiled [`Assignments`]. Cheap to clone; immutable, `Send + Sync`.
///
/// ```
/// use std::collections::BTreeMap;
/// use dras_core::engine::{Assigner, AttributeValue};
/// use dras_core::rules::DocumentLimits;
///
/// let assigner = Assigner::from_json(r#"{
///     "version": 1,
///     "attributes": { "team": { "type": "text" }, "quota": { "type": "number", "unit": "GiB" } },
///     "assignments": [
///         { "when": "quota > 64GiB", "document": "large" },
///         { "when": "team == 'orders' && parallelism >= 8", "document": "orders" }
///     ],
///     "default": "etl"
/// }"#, &DocumentLimits::default())?;
///
/// let mut task = BTreeMap::from([("team".to_owned(), AttributeValue::from("orders")), ("parallelism".to_owned(), AttributeValue::from(16.0))]);
/// let assigned = assigner.assign(&task)?;
/// assert_eq!((assigned.document.as_deref(), assigned.index), (Some("orders"), Some(1)));
/// assert_eq!(assigned.why, ["team = 'orders' == 'orders' → true", "parallelism = 16 >= 8 → true"]);
/// // Not matched, but not false either: the platform does not say what the quota is.
/// assert_eq!(assigned.undefined[0].to_string(), "assignments[0] (`large`): `quota`: the task does not say");
///
/// task.insert("parallelism".to_owned(), AttributeValue::from(4.0));
/// assert_eq!(assigner.assign(&task)?.to_string(), "\
/// document `etl`: the default
///   assignments[0] (`large`): `quota`: the task does not say");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Assigner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    assignments: Assignments,
    attributes: Vec<Known>,
    conditions: Vec<Expression>,
    warnings: Diagnostics,
}

/// An attribute that conditions may use.
#[derive(Debug)]
struct Known {
    name: String,
    id: VariableId,
    ty: Type,
    /// What the caller's numbers are multiplied with to be in seconds, bytes or plain numbers.
    factor: f64,
}

/// The document for a task, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assigned {
    /// The name of the document; `None` where no condition is true and there is no default.
    pub document: Option<String>,
    /// The index of the assignment whose condition is true; `None` where none is.
    pub index: Option<usize>,
    /// The parts of that condition with their values, one on a line.
    pub why: Vec<String>,
    /// The assignments before that one, or all, whose conditions are undefined: with other knowledge of the task they might count.
    pub undefined: Vec<UndefinedAssignment>,
}

/// An assignment that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndefinedAssignment {
    /// Its index.
    pub index: usize,
    /// Its document.
    pub document: String,
    /// What is not known.
    pub reason: String,
}

impl fmt::Display for UndefinedAssignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "assignments[{}] (`{}`): {}", self.index, self.document, self.reason)
    }
}

impl fmt::Display for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.document, self.index) {
            (Some(document), Some(index)) => write!(f, "document `{document}`: assignments[{index}]")?,
            (Some(document), None) => write!(f, "document `{document}`: the default")?,
            (None, _) => f.write_str("no document: no condition is true, and there is no default")?,
        }
        for line in &self.why {
            write!(f, "\n  {line}")?;
        }
        for undefined in &self.undefined {
            write!(f, "\n  {undefined}")?;
        }
        Ok(())
    }
}

impl Assigner {
    /// Compiles the conditions.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its path (`assignments[2].when`); warnings are among them. There are no metrics in
    /// them: a task has none before it has a document.
    pub fn compile(assignments: &Assignments) -> Result<Assigner, Diagnostics> {
        let mut found = Vec::new();
        let mut note = |name: &str, d: Diagnostic| found.push(d.with_path(format!("attributes.{name}")));
        for name in assignments
            .attributes
            .keys()
            .filter(|name| functions::find(name).is_some())
        {
            let message = format!("`{name}` is a function of the expression language");
            note(
                name,
                Diagnostic::new(codes::BAD_NAME, Span::default(), message).help("choose another name"),
            );
        }
        let mut scope = Scope::new();
        let mut attributes = Vec::new();
        let built_in = BUILT_IN_ATTRIBUTES.iter().map(|a| (a.name, a.kind, a.unit, 1.0));
        let declared = assignments.attributes.iter().map(|(name, a)| {
            let unit = a.unit.as_ref();
            let dimension = unit.map_or(Unit::NUMBER, |u| u.dimension);
            (name.as_str(), a.kind, dimension, unit.map_or(1.0, |u| u.factor))
        });
        for (name, kind, unit, factor) in built_in.chain(declared) {
            let ty = match kind {
                AttributeType::Number => Type::Number(unit),
                AttributeType::Text => Type::Text,
                AttributeType::Bool => Type::Bool,
            };
            match scope.variable(name, ty) {
                Ok(id) => attributes.push(Known {
                    name: name.to_owned(),
                    id,
                    ty,
                    factor,
                }),
                Err(error) => {
                    let d = Diagnostic::new(codes::DUPLICATE_NAME, Span::default(), error.to_string());
                    note(name, d.help("choose another name"));
                }
            }
        }
        let limits = Limits::default();
        let mut conditions = Vec::with_capacity(assignments.assignments.len());
        for (index, assignment) in assignments.assignments.iter().enumerate() {
            let path = format!("assignments[{index}].when");
            let compiled = Expression::compile_as(&assignment.when, &scope, &limits, Expected::Condition);
            let said = match compiled {
                Ok(condition) => {
                    let warnings = condition.warnings().clone();
                    conditions.push(condition);
                    warnings
                }
                Err(errors) => errors,
            };
            found.extend(said.into_iter().map(|d| d.with_path(path.as_str())));
        }
        let found = Diagnostics(found);
        if found.has_errors() {
            return Err(found);
        }
        Ok(Assigner {
            inner: Arc::new(Inner {
                assignments: assignments.clone(),
                attributes,
                conditions,
                warnings: found,
            }),
        })
    }

    /// Reads and compiles assignments.
    ///
    /// # Errors
    /// Everything that is wrong with the text, or with its conditions.
    pub fn from_json(text: impl AsRef<[u8]>, limits: &DocumentLimits) -> Result<Assigner, Diagnostics> {
        Assigner::compile(&Assignments::from_json(text, limits)?)
    }

    /// What is odd about the conditions, though they compile.
    pub fn warnings(&self) -> &Diagnostics {
        &self.inner.warnings
    }

    /// The assignments that were compiled.
    pub fn assignments(&self) -> &Assignments {
        &self.inner.assignments
    }

    /// The documents that `library` does not have.
    pub fn check(&self, library: &Library) -> Diagnostics {
        let assignments = &self.inner.assignments;
        let named = assignments.assignments.iter().enumerate();
        let named = named.map(|(index, a)| (format!("assignments[{index}].document"), a.document.as_str()));
        let default = assignments.default.as_deref().map(|d| ("default".to_owned(), d));
        let unknown = named
            .chain(default)
            .filter_map(|(path, name)| Some(library.missing(name)?.with_path(path)));
        Diagnostics(unknown.collect())
    }

    /// The document for a task with these attributes: that of the first assignment whose condition is true, else the default.
    ///
    /// An undefined condition is not true, but reported. Numbers are in the units that the attributes declare; for the built-in ones in
    /// seconds and bytes. Attributes that the assignments do not declare have no meaning here and are not looked at: other documents may
    /// know them.
    ///
    /// # Errors
    /// A declared attribute has a value of another type, or a number that is not finite.
    pub fn assign(&self, attributes: &BTreeMap<String, AttributeValue>) -> Result<Assigned, TaskError> {
        let inner = &*self.inner;
        let mut known: Vec<Option<&AttributeValue>> = Vec::with_capacity(inner.attributes.len());
        for attribute in &inner.attributes {
            let value = attributes.get(&attribute.name);
            match value {
                Some(value) if !value.suits(attribute.ty) => {
                    return Err(TaskError::AttributeType {
                        name: attribute.name.clone(),
                        should: attribute.ty.describe(),
                        is: value.describe(),
                    });
                }
                Some(AttributeValue::Number(x)) if !x.is_finite() => {
                    return Err(TaskError::NotFinite {
                        name: attribute.name.clone(),
                        value: *x,
                    });
                }
                _ => known.push(value),
            }
        }
        let mut undefined = Vec::new();
        for (index, (condition, assignment)) in inner.conditions.iter().zip(&inner.assignments.assignments).enumerate()
        {
            let mut row = condition.row();
            for (attribute, value) in inner.attributes.iter().zip(&known) {
                let id = attribute.id;
                match value {
                    Some(AttributeValue::Number(x)) => row.set_number(id, *x * attribute.factor),
                    Some(AttributeValue::Bool(b)) => row.set_bool(id, *b),
                    Some(AttributeValue::Text(text)) => row.set_text(id, text),
                    None => row.set_undefined(id, Undefined::NoAttribute),
                }
            }
            match condition.condition(&mut row) {
                Ok(true) => {
                    return Ok(Assigned {
                        document: Some(assignment.document.clone()),
                        index: Some(index),
                        why: condition.explain(&row).lines(),
                        undefined,
                    });
                }
                Ok(false) => {}
                Err(reason) => {
                    let explained = condition
                        .explain(&row)
                        .parts
                        .into_iter()
                        .next()
                        .and_then(|part| part.reason);
                    undefined.push(UndefinedAssignment {
                        index,
                        document: assignment.document.clone(),
                        reason: explained.unwrap_or_else(|| reason.to_string()),
                    });
                }
            }
        }
        Ok(Assigned {
            document: inner.assignments.default.clone(),
            index: None,
            why: Vec::new(),
            undefined,
        })
    }
}
