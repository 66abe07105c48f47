//! Python bindings of `dras-core`: convert, call, convert back. What is decided, and how, the core knows; what is shown, the Python files beside
//! this crate. The classes are documented where people read them, in `python/dras/_dras.pyi`.

#![allow(
    missing_docs,
    clippy::doc_link_with_quotes,
    clippy::doc_markdown,
    clippy::struct_field_names,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::unused_self,
    reason = "what stands here is for Python: docstrings in its own markup, methods with keyword arguments, `__reduce__` and its like"
)]

mod backtest;
mod columns;
mod convert;
mod decision;
mod errors;
mod expression;
mod fleet;
mod from_python;
mod instruction;
mod language;
mod library;
mod lock;
mod memory;
mod policy;
mod python;
mod signals;
mod task;
mod to_python;

/// The native part of the Python package `dras`.
#[pyo3::pymodule(gil_used = false)]
mod _dras {
    #[pymodule_export]
    use crate::backtest::{Recording, Replay, replay};
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::expression::Expression;
    #[pymodule_export]
    use crate::fleet::{Fleet, FleetDecisions};
    #[pymodule_export]
    use crate::instruction::Instruction;
    #[pymodule_export]
    use crate::language::{error_codes, format, functions, parse_quantity, schema};
    #[pymodule_export]
    use crate::library::{Assigner, Library};
    #[pymodule_export]
    use crate::memory::{derive_memory, plan_memory};
    #[pymodule_export]
    use crate::policy::{Policy, Template};
    #[pymodule_export]
    use crate::task::Task;

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::lock::watch_forks(module.py())
    }
}
