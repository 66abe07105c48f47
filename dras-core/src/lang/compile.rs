//! Compiling: many expressions, one graph, one program.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::{Ast, NodeId};
use super::check::{Checker, Expected};
use super::graph::{Graph, GraphId};
use super::limits::Limits;
use super::parse::parse_recovering;
use super::program::Program;
use super::scope::{Scope, ScopeError};
use super::types::Type;
use crate::diagnostic::Diagnostic;
use crate::metrics::Aggregate;

/// The index of an expression in the [`Compiler`] that it was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExpressionId(pub(crate) u32);

impl ExpressionId {
    /// The index.
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// An expression that was added, whether it can be evaluated or not.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) ast: Ast,
    /// The value of each node of the tree that has one.
    pub(crate) values: Vec<Option<GraphId>>,
    /// `None` where there were errors.
    pub(crate) root: Option<GraphId>,
}

/// Collects expressions over one scope, and all that is wrong with them.
pub(crate) struct Compiler {
    scope: Scope,
    limits: Limits,
    graph: Graph,
    definitions: Vec<Definition>,
    outputs: Vec<ExpressionId>,
    used: BTreeSet<String>,
}

impl Compiler {
    pub(crate) fn new(scope: Scope, limits: Limits) -> Compiler {
        Compiler {
            scope,
            limits,
            graph: Graph::default(),
            definitions: Vec::new(),
            outputs: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    /// Parses and checks one more expression. Its diagnostics are appended, all of them.
    pub(crate) fn add(&mut self, source: &str, expected: Expected, diagnostics: &mut Vec<Diagnostic>) -> ExpressionId {
        let source: Arc<str> = source.into();
        let from = diagnostics.len();
        let (ast, syntax) = parse_recovering(&source, &self.limits);
        let (broken, syntax_errors) = (syntax.has_errors(), syntax.0.len());
        diagnostics.extend(syntax.0);
        let outcome = Checker::new(
            &ast,
            &self.scope,
            &mut self.graph,
            &self.definitions,
            &self.limits,
            &mut self.used,
            diagnostics,
            syntax_errors,
        )
        .check(expected);
        for diagnostic in &mut diagnostics[from..] {
            diagnostic.source = Some(Arc::clone(&source));
        }
        // In the order of the text, whichever stage found them.
        diagnostics[from..].sort_by_key(|d| d.span);
        let root = outcome.root.filter(|_| !broken);
        self.definitions.push(Definition {
            ast,
            values: outcome.values,
            root,
        });
        ExpressionId(self.definitions.len() as u32 - 1)
    }

    /// Gives an expression a name that later ones can use.
    pub(crate) fn define(&mut self, name: &str, id: ExpressionId) -> Result<(), ScopeError> {
        self.scope.definition(name, id)
    }

    /// Marks an expression as one whose value is wanted at each evaluation; gives its index among them.
    pub(crate) fn output(&mut self, id: ExpressionId) -> usize {
        self.outputs.push(id);
        self.outputs.len() - 1
    }

    /// The graph node of an expression that compiled; equal expressions have equal ones.
    pub(crate) fn root(&self, id: ExpressionId) -> Option<GraphId> {
        self.definitions[id.index()].root
    }

    /// The graph node of an output that compiled.
    pub(crate) fn output_root(&self, output: usize) -> Option<GraphId> {
        self.root(*self.outputs.get(output)?)
    }

    /// Which names the expressions used.
    pub(crate) fn used(&self) -> &BTreeSet<String> {
        &self.used
    }

    /// The program, once every output compiled; `None` otherwise.
    pub(crate) fn finish(self) -> Option<Compiled> {
        let roots: Option<Vec<GraphId>> = self.outputs.iter().map(|id| self.root(*id)).collect();
        let roots = roots?;
        let program = Program::new(&self.graph, &roots, self.scope.variables().len());
        Some(Compiled {
            scope: self.scope,
            graph: self.graph,
            program,
            definitions: self.definitions,
            outputs: self.outputs,
        })
    }
}

/// Expressions ready to evaluate: immutable, shared by all tasks.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) scope: Scope,
    pub(crate) graph: Graph,
    pub(crate) program: Program,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) outputs: Vec<ExpressionId>,
}

impl Compiled {
    pub(crate) fn aggregates(&self) -> &[Aggregate] {
        &self.graph.aggregates
    }

    /// How many inputs a row has.
    pub(crate) fn graph_inputs(&self) -> usize {
        self.graph.inputs.len()
    }

    pub(crate) fn definition(&self, output: usize) -> &Definition {
        &self.definitions[self.outputs[output].index()]
    }

    pub(crate) fn ty(&self, output: usize) -> Type {
        self.graph.ty(self.program.output(output).0)
    }

    pub(crate) fn root_of(&self, output: usize) -> GraphId {
        self.program.output(output).0
    }
}

impl Definition {
    /// The value of a node of the tree.
    pub(crate) fn value_of(&self, node: NodeId) -> Option<GraphId> {
        self.values.get(node.index()).copied().flatten()
    }
}
