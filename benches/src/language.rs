//! Four expressions, what they mean written by hand, and rows for both.

use dras_core::lang::{Expression, Limits, Row, Scope, Type, VariableId};
use fearless_simd::{Level, dispatch};

use crate::Random;

/// Rows of a scalar benchmark: more than a branch predictor learns by heart.
pub const ROWS: usize = 65536;

/// An expression over numbers with what it means in Rust.
#[derive(Debug, Clone, Copy)]
pub struct Example<const N: usize, T> {
    /// Its name in the tables.
    pub name: &'static str,
    /// The expression.
    pub source: &'static str,
    /// Its variables.
    pub variables: [&'static str; N],
    /// The range of each variable.
    pub ranges: [(f64, f64); N],
    /// The same, written by hand.
    pub native: fn(&[f64; N]) -> T,
    /// The same for columns, written by hand, for the instruction set that dras takes on this machine.
    pub native_columns: fn(&[Vec<f64>; N], &mut [T]),
}

/// Two comparisons and a quotient.
pub const E1: Example<4, bool> = Example {
    name: "E1",
    source: "cpu > 0.8 && lag > 60000 || heap_used / heap_max > 0.9",
    variables: ["cpu", "lag", "heap_used", "heap_max"],
    ranges: [(0.0, 1.0), (0.0, 120_000.0), (0.0, 4e9), (3.5e9, 4.5e9)],
    native: e1,
    native_columns: |columns, into| dispatch!(Level::new(), _simd => e1_columns(columns, into)),
};

/// A target for the parallelism.
pub const E2: Example<4, f64> = Example {
    name: "E2",
    source: "ceil(parallelism * (cpu / target) * (1 + reserve))",
    variables: ["parallelism", "cpu", "target", "reserve"],
    ranges: [(1.0, 64.0), (0.0, 1.0), (0.5, 0.9), (0.0, 0.5)],
    native: e2,
    native_columns: |columns, into| dispatch!(Level::new(), _simd => e2_columns(columns, into)),
};

/// Twenty comparisons over ten variables.
pub const E3: Example<10, bool> = Example {
    name: "E3",
    source: "cpu > 0.7 && heap > 0.6 && lag < 60000 && busy >= 300 \
        || gc < 0.3 && restarts <= 2 && backpressure > 0.4 && records_in > 4000 \
        || records_out < 6000 && threads > 100 && cpu < 0.3 && heap <= 0.5 \
        || lag > 30000 && busy < 800 && gc > 0.2 && restarts > 1 \
        || backpressure < 0.5 && records_in < 5000 && records_out > 3000 && threads < 300",
    variables: [
        "cpu",
        "heap",
        "lag",
        "busy",
        "gc",
        "restarts",
        "backpressure",
        "records_in",
        "records_out",
        "threads",
    ],
    ranges: [
        (0.0, 1.0),
        (0.0, 1.0),
        (0.0, 120_000.0),
        (0.0, 1000.0),
        (0.0, 1.0),
        (0.0, 5.0),
        (0.0, 1.0),
        (0.0, 10_000.0),
        (0.0, 10_000.0),
        (50.0, 500.0),
    ],
    native: e3,
    native_columns: |columns, into| dispatch!(Level::new(), _simd => e3_columns(columns, into)),
};

#[inline(always)]
fn e1_columns([cpu, lag, used, max]: &[Vec<f64>; 4], into: &mut [bool]) {
    let rows = cpu.iter().zip(lag).zip(used).zip(max);
    for (into, (((cpu, lag), used), max)) in into.iter_mut().zip(rows) {
        // Without short cuts, so that it can be vectorised.
        *into = (*cpu > 0.8) & (*lag > 60_000.0) | (*used / *max > 0.9);
    }
}

#[inline(always)]
fn e2_columns([parallelism, cpu, target, reserve]: &[Vec<f64>; 4], into: &mut [f64]) {
    let rows = parallelism.iter().zip(cpu).zip(target).zip(reserve);
    for (into, (((parallelism, cpu), target), reserve)) in into.iter_mut().zip(rows) {
        *into = e2(&[*parallelism, *cpu, *target, *reserve]);
    }
}

#[inline(always)]
fn e3_columns(c: &[Vec<f64>; 10], into: &mut [bool]) {
    let [
        cpu,
        heap,
        lag,
        busy,
        gc,
        restarts,
        back,
        records_in,
        records_out,
        threads,
    ] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|i: usize| &c[i][..into.len()]);
    for (i, into) in into.iter_mut().enumerate() {
        *into = (cpu[i] > 0.7) & (heap[i] > 0.6) & (lag[i] < 60_000.0) & (busy[i] >= 300.0)
            | (gc[i] < 0.3) & (restarts[i] <= 2.0) & (back[i] > 0.4) & (records_in[i] > 4000.0)
            | (records_out[i] < 6000.0) & (threads[i] > 100.0) & (cpu[i] < 0.3) & (heap[i] <= 0.5)
            | (lag[i] > 30_000.0) & (busy[i] < 800.0) & (gc[i] > 0.2) & (restarts[i] > 1.0)
            | (back[i] < 0.5) & (records_in[i] < 5000.0) & (records_out[i] > 3000.0) & (threads[i] < 300.0);
    }
}

fn e1([cpu, lag, used, max]: &[f64; 4]) -> bool {
    *cpu > 0.8 && *lag > 60_000.0 || used / max > 0.9
}

#[inline(always)]
fn e2([parallelism, cpu, target, reserve]: &[f64; 4]) -> f64 {
    (parallelism * (cpu / target) * (1.0 + reserve)).ceil()
}

fn e3(
    [
        cpu,
        heap,
        lag,
        busy,
        gc,
        restarts,
        back,
        records_in,
        records_out,
        threads,
    ]: &[f64; 10],
) -> bool {
    *cpu > 0.7 && *heap > 0.6 && *lag < 60_000.0 && *busy >= 300.0
        || *gc < 0.3 && *restarts <= 2.0 && *back > 0.4 && *records_in > 4000.0
        || *records_out < 6000.0 && *threads > 100.0 && *cpu < 0.3 && *heap <= 0.5
        || *lag > 30_000.0 && *busy < 800.0 && *gc > 0.2 && *restarts > 1.0
        || *back < 0.5 && *records_in < 5000.0 && *records_out > 3000.0 && *threads < 300.0
}

/// A text test; its variable is called `exception`.
pub const E4: &str = "exception =~ 'OutOfMemoryError' || exception =~ 'GC overhead'";

/// [`E4`] written by hand.
pub fn e4(exception: &str) -> bool {
    exception.contains("OutOfMemoryError") || exception.contains("GC overhead")
}

/// Exceptions of 300 characters, one in four of which [`E4`] looks for.
pub fn exceptions() -> Vec<String> {
    let mut random = Random::new(4);
    let words = [
        "at ",
        "org.apache.",
        "flink.",
        "runtime.",
        "Task",
        "Operator",
        ".java:",
        "Error",
        "GC ",
        "\n\t",
        "Out",
        "Of",
    ];
    let text = |random: &mut Random, length: usize| {
        let mut text = String::new();
        while text.len() < length {
            text.push_str(words[random.between(0.0, words.len() as f64) as usize]);
        }
        text.truncate(length);
        text
    };
    let mut texts = Vec::with_capacity(ROWS);
    for i in 0..ROWS {
        let needle = match i % 8 {
            0 => "OutOfMemoryError",
            4 => "GC overhead",
            _ => "",
        };
        let before = random.between(0.0, (300 - needle.len()) as f64) as usize;
        let mut exception = text(&mut random, before);
        exception.push_str(needle);
        let after = 300 - exception.len();
        exception.push_str(&text(&mut random, after));
        texts.push(exception);
    }
    texts
}

/// The compiled form of [`E4`] with its variable.
pub fn compile_e4() -> (Expression, VariableId) {
    let mut scope = Scope::new();
    let exception = scope.variable("exception", Type::Text).unwrap();
    (
        Expression::compile(E4, &scope, &Limits::default()).unwrap_or_else(|d| panic!("{d}")),
        exception,
    )
}

impl<const N: usize, T: Default + Clone> Example<N, T> {
    /// The names it is over, with their handles.
    pub fn scope(&self) -> (Scope, [VariableId; N]) {
        let mut scope = Scope::new();
        let ids = self.variables.map(|name| scope.variable(name, Type::NUMBER).unwrap());
        (scope, ids)
    }

    /// The compiled form with its variables.
    pub fn compile(&self) -> (Expression, [VariableId; N]) {
        let (scope, ids) = self.scope();
        (
            Expression::compile(self.source, &scope, &Limits::default()).unwrap_or_else(|d| panic!("{d}")),
            ids,
        )
    }

    /// Different rows.
    pub fn rows(&self) -> Vec<[f64; N]> {
        let mut random = Random::new(N as u64);
        (0..ROWS)
            .map(|_| self.ranges.map(|(from, to)| random.between(from, to)))
            .collect()
    }

    /// The same as columns of any length.
    pub fn columns(&self, rows: usize) -> [Vec<f64>; N] {
        let mut random = Random::new(N as u64);
        self.ranges
            .map(|(from, to)| (0..rows).map(|_| random.between(from, to)).collect())
    }
}

/// Sets all variables of a row.
#[inline]
pub fn bind<const N: usize>(row: &mut Row<'_>, ids: &[VariableId; N], values: &[f64; N]) {
    for (id, value) in ids.iter().zip(values) {
        row.set_number(*id, *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dras_core::lang::{Column, Truth};

    fn same<const N: usize>(example: &Example<N, bool>) {
        let (rule, ids) = example.compile();
        let mut row = rule.row();
        let mut fired = 0;
        for values in example.rows() {
            bind(&mut row, &ids, &values);
            let native = (example.native)(&values);
            fired += u32::from(native);
            assert_eq!(rule.condition(&mut row), Ok(native), "{values:?}");
        }
        assert!(
            (ROWS as u32 / 20..ROWS as u32 / 20 * 19).contains(&fired),
            "{fired} rows say little about both answers"
        );
        let data = example.columns(5000);
        let columns: Vec<Column<'_>> = ids
            .iter()
            .zip(&data)
            .map(|(variable, values)| Column {
                variable: *variable,
                values,
            })
            .collect();
        let (mut ours, mut native) = (vec![Truth::False; 5000], vec![false; 5000]);
        rule.conditions(&columns, &mut ours).unwrap();
        (example.native_columns)(&data, &mut native);
        assert!(
            ours.iter()
                .zip(&native)
                .all(|(a, b)| (*a == Truth::True) == *b && *a != Truth::Undefined)
        );
    }

    #[test]
    fn what_is_written_by_hand_means_the_same() {
        same(&E1);
        same(&E3);
        let (target, ids) = E2.compile();
        let mut row = target.row();
        for values in E2.rows() {
            bind(&mut row, &ids, &values);
            assert_eq!(target.number(&mut row), Ok((E2.native)(&values)), "{values:?}");
        }
        let texts = exceptions();
        let (rule, exception) = compile_e4();
        let mut row = rule.row();
        for text in &texts {
            row.set_text(exception, text);
            assert_eq!(rule.condition(&mut row), Ok(e4(text)));
        }
        assert!(texts.iter().all(|t| t.len() == 300));
    }
}
