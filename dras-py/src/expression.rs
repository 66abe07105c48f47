//! `dras.Expression`: one expression over values that the caller has.

use std::sync::{Mutex, MutexGuard};

use dras_core::lang::{self, Limits, Row, Scope, Truth, Type, Value, VariableId};
use dras_core::names::check_name;
use dras_core::undefined::Undefined;
use dras_core::units::{Unit, WireUnit};
use numpy::PyArray1;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyMapping, PyString, PyTuple, PyType};

use crate::columns::{Column, floats};
use crate::convert::{items, number, str_of, text, texts};
use crate::errors::{Class, bad_input, bad_type, diagnostics, refused, wrong_type};
use crate::lock::{caught, guarded};
use crate::python::Data;
use crate::signals::Signals;
use crate::to_python::to_python;

/// What a variable holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number(Unit, f64),
    Bool,
    Text,
}

struct Variable {
    name: Py<PyString>,
    id: VariableId,
    kind: Kind,
}

/// One compiled expression over values that the caller has, without documents and tasks.
///
/// ``variables`` are the names that it may use: a mapping to what they hold, which is ``"bool"``, ``"text"`` or the unit in which their numbers are
/// given (``"number"``, ``"percent"``, ``"s"``, ``"ms"``, ``"MiB"``, ``"records/s"`` …); or just names, of plain numbers.
///
/// >>> import dras
/// >>> hot = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "ms"})
/// >>> hot(cpu=0.91, lag=412_000)
/// True
/// >>> hot.evaluate({"cpu": 0.91, "lag": None})
/// Undefined(reason='not_available', text='the source had no value (NaN)', details={})
///
/// Expressions are equal where text and variables are; they can be hashed and pickled, and used from several threads.
///
/// Raises:
///     ExpressionError: the text is refused; its ``diagnostics`` say everything that is wrong with it.
///     InputError: a name or unit of a variable is none.
#[pyclass(frozen, module = "dras")]
pub(crate) struct Expression {
    expression: lang::Expression,
    source: String,
    declared: Vec<(String, String)>,
    /// Those that its value depends on.
    used: Vec<Variable>,
    /// Whether any of them is a text, which rows borrow.
    texts: bool,
    rows: Rows,
}

/// Variables with what they hold, as declared: names with units, or names alone for plain numbers.
fn declarations(variables: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let Some(variables) = variables else {
        return Ok(Vec::new());
    };
    if !variables.is_instance_of::<PyDict>() && !variables.is_instance_of::<PyMapping>() {
        let names = texts(variables, "variables")?;
        return Ok(names.into_iter().map(|name| (name, "number".to_owned())).collect());
    }
    let all = items(variables, "variables")?;
    let pair = |(name, unit): &(Bound<'_, PyString>, Bound<'_, PyAny>)| {
        let name = str_of(name, "the name of a variable")?.to_owned();
        let unit = text(unit, &format!("the unit of `{name}`"))?.to_owned();
        Ok((name, unit))
    };
    all.iter().map(pair).collect()
}

fn kind_of(py: Python<'_>, name: &str, declared: &str) -> PyResult<Kind> {
    match declared {
        "bool" => Ok(Kind::Bool),
        "text" => Ok(Kind::Text),
        unit => match unit.parse::<WireUnit>() {
            Ok(unit) => Ok(Kind::Number(unit.dimension, unit.factor)),
            Err(error) => Err(bad_input(
                py,
                "unknown_unit",
                format!("the variable `{name}`: {error}; or bool, or text"),
            )),
        },
    }
}

/// The scope of declared variables, and what they hold.
fn scope_of(py: Python<'_>, declared: &[(String, String)]) -> PyResult<(Scope, Vec<Kind>)> {
    let mut scope = Scope::new();
    let mut kinds = Vec::new();
    for (name, unit) in declared {
        check_name(name).map_err(|error| bad_input(py, "name", format!("`{name}` is not a name: {error}")))?;
        let kind = kind_of(py, name, unit)?;
        let ty = match kind {
            Kind::Number(unit, _) => Type::Number(unit),
            Kind::Bool => Type::Bool,
            Kind::Text => Type::Text,
        };
        scope
            .variable(name, ty)
            .map_err(|error| bad_input(py, "name", error.to_string()))?;
        kinds.push(kind);
    }
    Ok((scope, kinds))
}

/// The object for a value that is not there.
pub(crate) fn undefined(py: Python<'_>, reason: Undefined) -> PyResult<Bound<'_, PyAny>> {
    let data = to_python(py, &reason)?;
    let code = data.get_item("reason")?;
    data.del_item("reason")?;
    Data::Undefined.make(py, (code, reason.to_string(), data))
}

/// The values of one evaluation.
enum Values<'a, 'py> {
    Dict(&'a Bound<'py, PyDict>),
    Mapping(&'a Bound<'py, PyAny>),
}

impl<'a, 'py> Values<'a, 'py> {
    fn of(values: &'a Bound<'py, PyAny>) -> PyResult<Values<'a, 'py>> {
        if let Ok(dict) = values.cast::<PyDict>() {
            return Ok(Values::Dict(dict));
        }
        if values.is_instance_of::<PyMapping>() {
            return Ok(Values::Mapping(values));
        }
        Err(wrong_type(values, "the values", "a dict"))
    }

    /// The value of a name, if there is one.
    fn get(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Values::Dict(dict) => dict.get_item(name),
            Values::Mapping(mapping) => match mapping.get_item(name) {
                Ok(value) => Ok(Some(value)),
                Err(error) if error.is_instance_of::<PyKeyError>(name.py()) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

/// Rows of former evaluations, for the next ones. None is waited for: Python code may run while one is in use, and may evaluate the same expression.
#[derive(Default)]
struct Rows([Mutex<Option<Row<'static>>>; 4]);

impl Rows {
    /// A place for a row that nobody else uses now.
    fn place(&self) -> Option<MutexGuard<'_, Option<Row<'static>>>> {
        self.0.iter().find_map(|place| place.try_lock().ok())
    }
}

impl Expression {
    /// Calls `work` with a row of the values; none of them is a text that it uses.
    #[inline]
    fn run<R>(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        work: impl FnOnce(&lang::Expression, &mut Row<'_>) -> R,
    ) -> PyResult<R> {
        let values = Values::of(values)?;
        let mut place = self.rows.place();
        let mut alone = None;
        let row = place.as_deref_mut().unwrap_or(&mut alone);
        let row = row.get_or_insert_with(|| self.expression.row());
        for variable in &self.used {
            match values.get(variable.name.bind(py))? {
                Some(value) => self.put(row, variable, &value)?,
                None => row.set_undefined(variable.id, Undefined::NoAttribute),
            }
        }
        caught(py, || work(&self.expression, row))
    }

    /// The same where there are texts, which the row borrows.
    fn run_texts<R>(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        work: impl for<'t> FnOnce(&'t lang::Expression, &mut Row<'t>) -> R,
    ) -> PyResult<R> {
        let values = Values::of(values)?;
        let mut given = Vec::with_capacity(self.used.len());
        for variable in &self.used {
            given.push(values.get(variable.name.bind(py))?);
        }
        let mut place = self.rows.place();
        let mut row: Row<'_> = match place.as_deref_mut().and_then(Option::take) {
            Some(row) => row,
            None => self.expression.row(),
        };
        for (variable, value) in self.used.iter().zip(&given) {
            match value {
                None => row.set_undefined(variable.id, Undefined::NoAttribute),
                Some(value) if matches!(variable.kind, Kind::Text) && !value.is_none() => {
                    let short = value.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
                    // What is wrong with it is said at length.
                    let text = short.map_or_else(|| text(value, &self.called(py, variable)), Ok)?;
                    row.set_text(variable.id, text);
                }
                Some(value) => self.put(&mut row, variable, value)?,
            }
        }
        let result = caught(py, || work(&self.expression, &mut row))?;
        if let Some(mut place) = place {
            *place = Some(row.released());
        }
        Ok(result)
    }

    fn called(&self, py: Python<'_>, variable: &Variable) -> String {
        format!("the variable `{}`", variable.name.bind(py))
    }

    #[inline]
    fn put(&self, row: &mut Row<'_>, variable: &Variable, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // The most frequent first.
        if let Kind::Number(_, factor) = variable.kind
            && let Ok(number) = value.cast::<PyFloat>()
        {
            row.set_number(variable.id, number.value() * factor);
            return Ok(());
        }
        self.put_other(row, variable, value)
    }

    fn put_other(&self, row: &mut Row<'_>, variable: &Variable, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            row.set_undefined(variable.id, Undefined::NotAvailable);
            return Ok(());
        }
        match variable.kind {
            Kind::Number(unit, factor) => {
                let given = number(value, unit, factor, || self.called(value.py(), variable))?;
                row.set_number(variable.id, given * factor);
            }
            Kind::Bool => match value.cast::<PyBool>() {
                Ok(truth) => row.set_bool(variable.id, truth.is_true()),
                // NumPy's truth values are of a class of their own.
                Err(_) if crate::errors::type_name(value).starts_with("bool") => {
                    row.set_bool(variable.id, value.is_truthy()?)
                }
                Err(_) => return Err(wrong_type(value, &self.called(value.py(), variable), "a bool")),
            },
            Kind::Text => {}
        }
        Ok(())
    }

    /// The value of one row, in a call for each type that it can be of.
    fn value<'py>(&self, py: Python<'py>, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match (self.expression.ty(), self.texts) {
            (Type::Bool, false) => truth(py, self.run(py, values, lang::Expression::condition)?),
            (Type::Bool, true) => truth(py, self.run_texts(py, values, lang::Expression::condition)?),
            (Type::Number(_), false) => float(py, self.run(py, values, lang::Expression::number)?),
            (Type::Number(_), true) => float(py, self.run_texts(py, values, lang::Expression::number)?),
            (Type::Text, _) => match self.run_texts(py, values, |e, row| e.evaluate(row).into_owned())? {
                Value::Text(text) => Ok(PyString::new(py, &text).into_any()),
                other => undefined(py, other.undefined().unwrap_or(Undefined::NotAvailable)),
            },
        }
    }
}

fn truth(py: Python<'_>, value: Result<bool, Undefined>) -> PyResult<Bound<'_, PyAny>> {
    match value {
        Ok(truth) => Ok(PyBool::new(py, truth).to_owned().into_any()),
        Err(reason) => undefined(py, reason),
    }
}

fn float(py: Python<'_>, value: Result<f64, Undefined>) -> PyResult<Bound<'_, PyAny>> {
    match value {
        Ok(number) => Ok(PyFloat::new(py, number).into_any()),
        Err(reason) => undefined(py, reason),
    }
}

#[pymethods]
impl Expression {
    #[new]
    #[pyo3(signature = (source, variables=None))]
    fn new(py: Python<'_>, source: &Bound<'_, PyAny>, variables: Option<&Bound<'_, PyAny>>) -> PyResult<Expression> {
        let source = text(source, "the expression")?.to_owned();
        let declared = declarations(variables)?;
        let (scope, kinds) = scope_of(py, &declared)?;
        let compiled = caught(py, || lang::Expression::compile(&source, &scope, &Limits::default()))?;
        let expression = compiled.map_err(|found| refused(py, Class::Expression, &found))?;
        let mut used = Vec::new();
        for ((name, _), kind) in declared.iter().zip(kinds) {
            if let Some(id) = scope.find_variable(name)
                && expression.variables().any(|used| used == id)
            {
                let name = PyString::intern(py, name).unbind();
                used.push(Variable { name, id, kind });
            }
        }
        Ok(Expression {
            texts: used.iter().any(|v| matches!(v.kind, Kind::Text)),
            expression,
            source,
            declared,
            used,
            rows: Rows::default(),
        })
    }

    /// The text that it was made of.
    #[getter]
    fn source(&self) -> &str {
        &self.source
    }

    /// What its value is: ``bool``, ``text``, ``number``, ``s`` (seconds), ``B`` (bytes), ``B/s`` …
    #[getter]
    fn r#type(&self) -> String {
        self.expression.ty().to_string()
    }

    /// The variables with what they hold.
    #[getter]
    fn variables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, unit) in &self.declared {
            dict.set_item(name, unit)?;
        }
        Ok(dict)
    }

    /// The variables that its value depends on.
    #[getter]
    fn used<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.used.iter().map(|v| v.name.bind(py)))
    }

    /// What is odd about it, though it compiles.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        diagnostics(py, self.expression.warnings())
    }

    /// Its value. Numbers are in seconds, bytes or plain numbers, as ``type`` says.
    ///
    /// A variable that is missing in ``values``, ``None`` or NaN is undefined; other names in ``values`` are not looked at.
    ///
    /// Raises:
    ///     InputTypeError: a value is not of its variable's type.
    ///     InputError: a number is too large, or a text is not of its variable's unit.
    #[pyo3(signature = (values, /))]
    fn evaluate<'py>(&self, py: Python<'py>, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.value(py, values)
    }

    /// The same with values as keyword arguments.
    #[pyo3(signature = (**values))]
    fn __call__<'py>(&self, py: Python<'py>, values: Option<Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        let values = values.unwrap_or_else(|| PyDict::new(py));
        self.evaluate(py, values.as_any())
    }

    /// The value of every part of it. Costs far more than evaluating.
    #[pyo3(signature = (values, /))]
    fn explain<'py>(&self, py: Python<'py>, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let explanation = if self.texts {
            self.run_texts(py, values, |expression, row| expression.explain(row))?
        } else {
            self.run(py, values, |expression, row| expression.explain(row))?
        };
        explanation_of(py, &explanation)
    }

    /// Its values for many rows: row `i` has the `i`-th value of each column. The interpreter is released meanwhile.
    ///
    /// A condition gives ``uint8``: ``dras.FALSE``, ``dras.TRUE`` or ``dras.UNDEFINED``. A number gives ``float64``, NaN where it is undefined. In
    /// columns NaN and infinities are undefined; truth values are 0 and 1. A variable without a column is undefined in every row.
    ///
    /// Needs NumPy (``pip install "dras[numpy]"``). Columns are read where they lie: do not write to them meanwhile from another thread.
    ///
    /// Raises:
    ///     InputTypeError: a column is of another element type or does not lie in one piece.
    ///     InputError: columns are not equally long, or the expression uses texts.
    #[pyo3(signature = (columns, /))]
    fn evaluate_columns<'py>(&self, py: Python<'py>, columns: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if py.import("numpy").is_err() {
            return Err(bad_input(
                py,
                "numpy",
                "columns need NumPy: pip install \"dras[numpy]\"",
            ));
        }
        let given = items(columns, "the columns")?;
        let mut held: Vec<(VariableId, Column<'py, f64>, f64)> = Vec::new();
        let mut rows: Option<usize> = None;
        for (name, values) in &given {
            let name = str_of(name, "the name of a column")?;
            let what = format!("the column `{name}`");
            let column = floats(values, &what)?;
            let length = column.as_slice().len();
            if *rows.get_or_insert(length) != length {
                let message = format!(
                    "{what} has {length} rows, and the ones before it have {}",
                    rows.unwrap_or(0)
                );
                return Err(bad_input(py, "column_length", message));
            }
            if let Some(variable) = self.used.iter().find(|v| v.name.bind(py) == name) {
                let factor = match variable.kind {
                    Kind::Number(_, factor) => factor,
                    Kind::Bool => 1.0,
                    Kind::Text => {
                        return Err(bad_type(
                            py,
                            format!("{what} would have to hold texts, and columns hold numbers"),
                        ));
                    }
                };
                held.push((variable.id, column, factor));
            }
        }
        let Some(rows) = rows else {
            return Err(bad_input(
                py,
                "column_length",
                "without a column there is no number of rows",
            ));
        };
        let slices: Vec<(VariableId, &[f64], f64)> = held
            .iter()
            .map(|(id, column, factor)| (*id, column.as_slice(), *factor))
            .collect();
        let done = py.detach(|| guarded(|| answers(&self.expression, &slices, rows)));
        match done.map_err(|error| error.error(py))?? {
            Ok(Answers::Truths(truths)) => Ok(PyArray1::from_vec(py, truths).into_any()),
            Ok(Answers::Numbers(numbers)) => Ok(PyArray1::from_vec(py, numbers).into_any()),
            Err(error) => Err::<_, PyErr>(column_error(py, &error)),
        }
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Expression>().is_ok_and(|other| {
            let other = other.get();
            other.source == self.source && other.declared == self.declared
        })
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (&self.source, &self.declared).hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> &str {
        &self.source
    }

    fn __repr__(&self) -> String {
        format!("Expression({:?})", self.source)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Expression>) -> PyResult<(Bound<'py, PyType>, (String, Bound<'py, PyDict>))> {
        let this = slf.get();
        Ok((slf.get_type(), (this.source.clone(), this.variables(slf.py())?)))
    }
}

enum Answers {
    Truths(Vec<u8>),
    Numbers(Vec<f64>),
}

/// So many rows are evaluated without asking for signals: some milliseconds of work.
const PIECE: usize = 1 << 18;

/// The values of all rows, piece by piece; ends early where a handler of a signal raises an exception.
fn answers(
    expression: &lang::Expression,
    given: &[(VariableId, &[f64], f64)],
    rows: usize,
) -> PyResult<Result<Answers, lang::ColumnError>> {
    let mut truths = Vec::new();
    let mut numbers = Vec::new();
    let conditions = expression.ty() == Type::Bool;
    if conditions {
        truths.resize(rows, Truth::Undefined);
    } else {
        numbers.resize(rows, f64::NAN);
    }
    // Only where the declared unit is another than that of the language are numbers written anew.
    let mut scaled: Vec<Vec<f64>> = vec![Vec::new(); given.len()];
    let mut signals = Signals::new();
    let mut from = 0;
    // Without rows there is one piece all the same: what is wrong with the columns is found in it.
    loop {
        let piece = from..rows.min(from + PIECE);
        for ((_, values, factor), scaled) in given.iter().zip(&mut scaled).filter(|one| one.0.2 != 1.0) {
            scaled.clear();
            scaled.extend(values[piece.clone()].iter().map(|x| x * factor));
        }
        let columns: Vec<lang::Column<'_>> = given
            .iter()
            .zip(&scaled)
            .map(|((variable, values, factor), scaled)| lang::Column {
                variable: *variable,
                values: if *factor == 1.0 { &values[piece.clone()] } else { scaled },
            })
            .collect();
        let done = if conditions {
            expression.conditions(&columns, &mut truths[piece.clone()])
        } else {
            expression.numbers(&columns, &mut numbers[piece.clone()])
        };
        if let Err(error) = done {
            return Ok(Err(error));
        }
        signals.check()?;
        from = piece.end;
        if from >= rows {
            break;
        }
    }
    Ok(Ok(if conditions {
        Answers::Truths(truths.into_iter().map(|truth| truth as u8).collect())
    } else {
        Answers::Numbers(numbers)
    }))
}

fn column_error(py: Python<'_>, error: &lang::ColumnError) -> PyErr {
    bad_input(py, "columns", error.to_string())
}

/// `dras.Explanation`.
pub(crate) fn explanation_of<'py>(py: Python<'py>, explanation: &lang::Explanation) -> PyResult<Bound<'py, PyAny>> {
    let parts = to_python(py, &explanation.parts)?;
    let class = py.import("dras._data")?.getattr("Explanation")?;
    class.call_method1("_of", (explanation.to_string(), explanation.lines(), parts))
}
