//! One expression on its own: for evaluating rules over variables that the caller has, without documents and tasks.

use super::check::Expected;
use super::compile::{Compiled, Compiler};
use super::exact::Values;
use super::explain::Explanation;
use super::graph::{Input, VariableId};
use super::inputs::Look;
use super::limits::Limits;
use super::program::Output;
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

    /// What is odd about it, though it compiles; no errors are among them.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        self.compiled.ty(0)
    }

    /// The variables that its value depends on: those that were folded away are not among them.
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

    /// Its value. Numbers are in seconds, bytes or plain numbers, as [`ty`](Self::ty) says. It cannot fail: what is not known is undefined, with
    /// the reason.
    pub fn evaluate<'t>(&'t self, row: &mut Row<'t>) -> Value<'t> {
        let Compiled { program, graph, .. } = &self.compiled;
        let value = match program.output(0).1 {
            Output::Number(_) => program.only_number(graph, row).map(Value::Number),
            Output::Bool(_) | Output::KnownBool(_) => program.only_bool(graph, row).map(Value::Bool),
            Output::Exact => None,
        };
        if let Some(value) = value {
            return value;
        }
        let mut room = std::mem::take(&mut row.exact);
        let value = self.exact(row, &mut room);
        row.exact = room;
        value
    }

    /// Its truth value.
    ///
    /// # Errors
    /// Why it is undefined. An expression that is no condition is never defined here: see [`ty`](Self::ty).
    #[inline]
    pub fn condition(&self, row: &mut Row<'_>) -> Result<bool, Undefined> {
        if let Some(b) = self.compiled.program.only_bool(&self.compiled.graph, row) {
            return Ok(b);
        }
        self.exact_answer(row, |value| match value {
            Value::Bool(b) => Ok(b),
            Value::Undefined(missing) => Err(missing.reason),
            _ => Err(Undefined::NotAvailable),
        })
    }

    /// Its number, in seconds, bytes or plain numbers.
    ///
    /// # Errors
    /// Why it is undefined. An expression that is no number is never defined here: see [`ty`](Self::ty).
    #[inline]
    pub fn number(&self, row: &mut Row<'_>) -> Result<f64, Undefined> {
        if let Some(x) = self.compiled.program.only_number(&self.compiled.graph, row) {
            return Ok(x);
        }
        self.exact_answer(row, |value| match value {
            Value::Number(x) => Ok(x),
            Value::Undefined(missing) => Err(missing.reason),
            _ => Err(Undefined::NotAvailable),
        })
    }

    /// The value of every part of the expression, for the row as it is. Costs far more than evaluating.
    ///
    /// ```
    /// # use dras_core::lang::{Expression, Limits, Scope};
    /// # use dras_core::units::Unit;
    /// # let mut scope = Scope::new();
    /// # let (used, max) = (scope.number("used", Unit::BYTES)?, scope.number("max", Unit::BYTES)?);
    /// let rule = Expression::compile("used / max > 90% || used > 2GiB", &scope, &Limits::default())?;
    /// let mut row = rule.row();
    /// row.set_number(used, 1_610_612_736.0);
    /// row.set_number(max, 2_147_483_648.0);
    /// assert_eq!(rule.explain(&row).to_string(), "\
    /// used / max > 90% || used > 2GiB → false
    ///   used / max = 0.75 > 90% → false
    ///   used = 1.5GiB > 2GiB → false");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, row: &Row<'_>) -> Explanation {
        Explanation::of(&self.compiled, 0, row)
    }

    #[cold]
    fn exact_answer<R>(&self, row: &mut Row<'_>, answer: impl FnOnce(Value<'_>) -> R) -> R {
        let mut room = std::mem::take(&mut row.exact);
        let answer = answer(self.exact(row, &mut room));
        row.exact = room;
        answer
    }

    fn exact<'t>(&'t self, row: &Row<'t>, room: &mut Values<'static>) -> Value<'t> {
        let root = self.compiled.root_of(0);
        let mut values: Values<'t> = std::mem::take(room);
        values.prepare(&self.compiled.graph);
        values.compute_root(&self.compiled.graph, row, root);
        let value = values.get(root).cloned();
        *room = values.released();
        value.unwrap_or(Value::Undefined(super::types::Missing {
            reason: Undefined::NotAvailable,
            origin: root,
        }))
    }

    /// What a task's windows must keep so that this expression can be evaluated over them.
    ///
    /// # Errors
    /// A setting is outside its range, or a window is too long to keep: more than five years, or too many samples for its function.
    pub fn plan(&self, settings: WindowSettings) -> Result<Plan, PlanError> {
        Plan::new(
            self.compiled.scope.catalogue().clone(),
            self.compiled.aggregates().to_vec(),
            settings,
        )
    }

    /// Answers the expression's windows at `now`, in ms since the epoch, and puts the answers into `row`. `plan` is its own
    /// [`plan`](Self::plan), and `windows` were made for it; `task_managers` is how many instances a metric of TaskManagers should have.
    ///
    /// ```
    /// use dras_core::lang::{Expression, Limits, Scope};
    /// use dras_core::metrics::{Catalogue, MetricSpec, Scratch, WindowSettings, Windows};
    ///
    /// let scope = Scope::with_metrics(Catalogue::new(vec![MetricSpec::new("load")])?);
    /// let hot = Expression::compile("avg(load[1m]) > 80%", &scope, &Limits::default())?;
    /// let plan = hot.plan(WindowSettings::default())?;
    /// let mut windows = Windows::new(&plan);
    /// let (now, load) = (1_800_000_000_000, plan.catalogue().id("load").ok_or("no such metric")?);
    /// let task = windows.instance(&plan, "")?;
    /// for age in [60_000, 45_000, 30_000, 15_000, 0] {
    ///     windows.row(&plan, now, task, now - age, &[(load, 0.9)])?;
    /// }
    /// let (mut row, mut scratch) = (hot.row(), Scratch::new());
    /// hot.look(&plan, &windows, now, None, &mut row, &mut scratch);
    /// assert_eq!(hot.condition(&mut row), Ok(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    #[cfg(test)]
    pub(super) fn exact_for_tests<'t>(&'t self, row: &Row<'t>) -> Value<'t> {
        self.exact(row, &mut Values::default())
    }
}

fn nothing_to_evaluate() -> Diagnostics {
    Diagnostics(vec![Diagnostic::new(
        codes::EMPTY_EXPRESSION,
        Span::default(),
        "there is nothing to evaluate",
    )])
}
