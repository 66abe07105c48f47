//! One expression on its own: for evaluating rules over variables that the caller has, without documents and tasks.

use super::check::Expected;
use super::compile::{Compiled, Compiler};
use super::exact::Values;
use super::explain::Explanation;
use super::graph::{Input, VariableId};
use super::inputs::Look;
use super::limits::Limits;
use super::row::Row;
use super::scope::Scope;
use super::types::{Type, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::metrics::{Plan, PlanError, WindowSettings};
use crate::metrics::{Scratch, Windows};
use crate::undefined::Undefined;
use crate::units::Millis;

/// A compiled expression: immutable, `Send + Sync`, evaluated as often as wanted.
///
/// ```
/// use dras_core::lang::{Expression, Limits, Scope};
/// use dras_core::units::Unit;
///
/// let mut scope = Scope::new();
/// let cpu = scope.number("cpu", Unit::NUMBER)?;
/// let lag = scope.number("lag", Unit::SECONDS)?;
/// let rule = Expression::compile("cpu > 80% && lag > 5m", &scope, &Limits::default())?;
///
/// let mut row = rule.row();
/// row.set_number(cpu, 0.91);
/// row.set_number(lag, 412.0);
/// assert_eq!(rule.condition(&mut row), Ok(true));
///
/// row.set_number(lag, f64::NAN); // not available
/// assert!(rule.condition(&mut row).is_err());
/// row.set_number(cpu, 0.4);
/// assert_eq!(rule.condition(&mut row), Ok(false)); // false, whatever the lag
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    compiled: Compiled,
    warnings: Diagnostics,
}

impl Expression {
    /// Compiles `source` over the names of `scope`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn compile(source: &str, scope: &Scope, limits: &Limits) -> Result<Expression, Diagnostics> {
        Expression::compile_as(source, scope, limits, Expected::Anything)
    }

    /// The same, for a place that needs a condition or a value of a certain unit.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn compile_as(
        source: &str,
        scope: &Scope,
        limits: &Limits,
        expected: Expected,
    ) -> Result<Expression, Diagnostics> {
        let mut compiler = Compiler::new(scope.clone(), *limits);
        let mut found = Vec::new();
        let id = compiler.add(source, expected, &mut found);
        compiler.output(id);
        let found = Diagnostics(found);
        if found.has_errors() {
            return Err(found);
        }
        match compiler.finish() {
            Some(compiled) => Ok(Expression {
                compiled,
                warnings: found,
            }),
            // An expression without a root has reported why.
            None => Err(nothing_to_evaluate()),
        }
    }

    /// The same for bytes that may not be UTF-8.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile_bytes(source: &[u8], scope: &Scope, limits: &Limits) -> Result<Expression, Diagnostics> {
        match std::str::from_utf8(source) {
            Ok(text) => Expression::compile(text, scope, limits),
            // Says where it is not, or that it is too long to look.
            Err(_) => Err(super::parse::parse_bytes(source, limits)
                .err()
                .unwrap_or_else(nothing_to_evaluate)),
        }
    }

    /// What is odd about it, though it compiles.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        self.compiled.ty(0)
    }

    /// The variables that it uses.
    pub fn variables(&self) -> impl Iterator<Item = VariableId> {
        self.compiled
            .graph
            .inputs
            .iter()
            .zip(&self.compiled.program.needed)
            .filter_map(|(input, needed)| match input {
                Input::Variable(id) if *needed => Some(*id),
                _ => None,
            })
    }

    /// A row to set variables in; everything is undefined in it.
    pub fn row<'t>(&self) -> Row<'t> {
        self.compiled.program.row()
    }

    /// Its value.
    pub fn evaluate<'t>(&'t self, row: &mut Row<'t>) -> Value<'t> {
        let program = &self.compiled.program;
        if program.run(&self.compiled.graph, row) {
            if let Some(b) = program.bool(row, 0) {
                return Value::Bool(b);
            }
            if let Some(x) = program.number(row, 0) {
                return Value::Number(x);
            }
        }
        self.exact(row)
    }

    /// Its truth value.
    ///
    /// # Errors
    /// Why it is undefined. An expression that is no condition is never defined here: see [`ty`](Self::ty).
    #[inline]
    pub fn condition(&self, row: &mut Row<'_>) -> Result<bool, Undefined> {
        let program = &self.compiled.program;
        if program.run(&self.compiled.graph, row)
            && let Some(b) = program.bool(row, 0)
        {
            return Ok(b);
        }
        match self.exact(row) {
            Value::Bool(b) => Ok(b),
            Value::Undefined(missing) => Err(missing.reason),
            _ => Err(Undefined::NotAvailable),
        }
    }

    /// Its number, in seconds, bytes or plain numbers.
    ///
    /// # Errors
    /// Why it is undefined. An expression that is no number is never defined here: see [`ty`](Self::ty).
    #[inline]
    pub fn number(&self, row: &mut Row<'_>) -> Result<f64, Undefined> {
        let program = &self.compiled.program;
        if program.run(&self.compiled.graph, row)
            && let Some(x) = program.number(row, 0)
        {
            return Ok(x);
        }
        match self.exact(row) {
            Value::Number(x) => Ok(x),
            Value::Undefined(missing) => Err(missing.reason),
            _ => Err(Undefined::NotAvailable),
        }
    }

    /// The value of every part of the expression, for the row as it is.
    pub fn explain(&self, row: &Row<'_>) -> Explanation {
        Explanation::of(&self.compiled, 0, row)
    }

    fn exact<'t>(&'t self, row: &Row<'t>) -> Value<'t> {
        let root = self.compiled.root_of(0);
        let mut values = Values::new(&self.compiled.graph);
        values.compute_root(&self.compiled.graph, row, root);
        values
            .get(root)
            .cloned()
            .unwrap_or(Value::Undefined(super::types::Missing {
                reason: Undefined::NotAvailable,
                origin: root,
            }))
    }

    /// What a task's windows must keep so that this expression can be evaluated over them.
    ///
    /// # Errors
    /// The windows are too long to keep.
    pub fn plan(&self, settings: WindowSettings) -> Result<Plan, PlanError> {
        Plan::new(
            self.compiled.scope.catalogue().clone(),
            self.compiled.aggregates().to_vec(),
            settings,
        )
    }

    /// Answers the expression's windows at `now`; `plan` is its own [`plan`](Self::plan). Set variables before.
    pub fn look<'t>(
        &'t self,
        plan: &'t Plan,
        windows: &'t Windows,
        now: Millis,
        task_managers: Option<u32>,
        row: &mut Row<'t>,
        scratch: &mut Scratch,
    ) {
        Look {
            plan,
            windows,
            now,
            task_managers,
        }
        .fill(&self.compiled, row, scratch);
    }

    pub(super) fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

fn nothing_to_evaluate() -> Diagnostics {
    Diagnostics(vec![Diagnostic::new(
        codes::EMPTY_EXPRESSION,
        Span::default(),
        "there is nothing to evaluate",
    )])
}
