//! The compiled program over columns: many rows in one call, in blocks that stay in the cache.
//!
//! The same operations and the same atoms as for one row; a row in which something is undefined is answered by the exact evaluator, so
//! that both give the same bits. The loops ([`kernels`]) are compiled for several instruction sets, of which the best that the machine has is
//! taken when a column is evaluated ([`run`]); none of them rounds differently. Conditions of few comparisons are made in one pass ([`fused`]).

mod fused;
mod kernels;
mod run;
mod steps;
#[cfg(test)]
mod tests;

use fearless_simd::{Level, dispatch};

use self::run::Run;
pub(in crate::lang) use self::steps::Steps;
use super::expression::Expression;
use super::graph::VariableId;
use super::types::Type;

/// The truth value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Truth {
    /// False.
    False = 0,
    /// True.
    True = 1,
    /// Undefined.
    Undefined = 2,
}

/// One value for each row of a variable, in seconds, bytes or plain numbers (0 and 1 for truth values). NaN and infinities are undefined.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The variable.
    pub variable: VariableId,
    /// Its values.
    pub values: &'a [f64],
}

/// Columns that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A column has another length than the result.
    #[error("the column of `{name}` has {is} rows and the result has {should}")]
    Length {
        /// The variable.
        name: String,
        /// Its column's length.
        is: usize,
        /// The result's length.
        should: usize,
    },
    /// The expression uses texts, of which there are no columns.
    #[error("the expression uses texts; columns hold numbers")]
    Text,
    /// The expression uses windows of metrics, which belong to a task.
    #[error("the expression uses windows of metrics; evaluate it over a task's windows")]
    Window,
    /// A condition was asked for its number, or the other way round.
    #[error("the expression is {is}")]
    Type {
        /// What it is.
        is: String,
    },
}

impl Expression {
    /// The truth value of every row: row `i` has the `i`-th value of each column. A variable without a column is undefined in every row; a
    /// column of a variable that the expression does not use is ignored, but must have the right length.
    ///
    /// ```
    /// use dras_core::lang::{Column, Expression, Limits, Scope, Truth};
    /// use dras_core::units::Unit;
    ///
    /// let mut scope = Scope::new();
    /// let (cpu, lag) = (scope.number("cpu", Unit::NUMBER)?, scope.number("lag", Unit::SECONDS)?);
    /// let hot = Expression::compile("cpu > 80% && lag > 5m", &scope, &Limits::default())?;
    ///
    /// let columns = [
    ///     Column { variable: cpu, values: &[0.91, 0.40, 0.91] },
    ///     Column { variable: lag, values: &[412.0, f64::NAN, f64::NAN] },
    /// ];
    /// let mut truths = [Truth::Undefined; 3];
    /// hot.conditions(&columns, &mut truths)?;
    /// assert_eq!(truths, [Truth::True, Truth::False, Truth::Undefined]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The expression is no condition, uses texts or windows, or a column's length differs from that of `into`. `into` is unchanged then.
    pub fn conditions(&self, columns: &[Column<'_>], into: &mut [Truth]) -> Result<(), ColumnError> {
        self.conditions_with(Level::new(), columns, into)
    }

    /// The same with an instruction set.
    fn conditions_with(&self, level: Level, columns: &[Column<'_>], into: &mut [Truth]) -> Result<(), ColumnError> {
        if self.ty() != Type::Bool {
            return Err(ColumnError::Type {
                is: self.ty().describe(),
            });
        }
        let mut run = Run::new(self, columns, into.len())?;
        dispatch!(level, simd => run.conditions(simd, into));
        Ok(())
    }

    /// The number of every row, in seconds, bytes or plain numbers; NaN where it is undefined. Columns are as in
    /// [`conditions`](Self::conditions).
    ///
    /// ```
    /// use dras_core::lang::{Column, Expression, Limits, Scope};
    /// use dras_core::units::Unit;
    ///
    /// let mut scope = Scope::new();
    /// let (used, max) = (scope.number("used", Unit::BYTES)?, scope.number("max", Unit::BYTES)?);
    /// let ratio = Expression::compile("used / max", &scope, &Limits::default())?;
    /// let mut ratios = [0.0; 2];
    /// let columns = [Column { variable: used, values: &[512.0, 1.0] }, Column { variable: max, values: &[1024.0, 0.0] }];
    /// ratio.numbers(&columns, &mut ratios)?;
    /// assert!(ratios[0] == 0.5 && ratios[1].is_nan());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The expression is no number, uses texts or windows, or a column's length differs from that of `into`. `into` is unchanged then.
    pub fn numbers(&self, columns: &[Column<'_>], into: &mut [f64]) -> Result<(), ColumnError> {
        if self.ty().unit().is_none() {
            return Err(ColumnError::Type {
                is: self.ty().describe(),
            });
        }
        let mut run = Run::new(self, columns, into.len())?;
        dispatch!(Level::new(), simd => run.numbers(simd, into));
        Ok(())
    }
}
