//! Compiling: many expressions, one graph, one program.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::ast::{Ast, NodeId};
use super::check::{Checker, Expected};
use super::graph::{Graph, GraphId, Input, InputIndex, Op};
use super::kleene::Kleene;
use super::limits::Limits;
use super::parse::parse_recovering;
use super::program::Program;
use super::scope::{Scope, ScopeError};
use super::types::Type;
use crate::diagnostic::Diagnostic;
use crate::metrics::{Aggregate, AggregateId, MetricId};

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

    /// The names that expressions see.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
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
        let is_text = |input: &InputIndex| self.graph.ty(self.graph.input_nodes[*input as usize]) == Type::Text;
        Some(Compiled {
            text_inputs: (0..self.graph.inputs.len() as InputIndex).filter(is_text).collect(),
            scope: self.scope,
            graph: self.graph,
            program,
            definitions: self.definitions,
            outputs: self.outputs,
            kleene: OnceLock::new(),
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
    /// The inputs that are texts.
    pub(crate) text_inputs: Vec<InputIndex>,
    /// Made when it is first asked for.
    kleene: OnceLock<Kleene>,
}

impl Compiled {
    /// The evaluator of all outputs that knows what is undefined.
    pub(crate) fn kleene(&self) -> &Kleene {
        self.kleene.get_or_init(|| {
            let outputs: Vec<GraphId> = (0..self.outputs.len()).map(|output| self.root_of(output)).collect();
            Kleene::new(&self.graph, self.scope.catalogue(), &outputs, &outputs)
        })
    }

    pub(crate) fn aggregates(&self) -> &[Aggregate] {
        &self.graph.aggregates
    }

    /// How many inputs a row has.
    pub(crate) fn graph_inputs(&self) -> usize {
        self.graph.inputs.len()
    }

    /// The metrics that outputs look at, also through definitions.
    pub(crate) fn metrics_of(&self, outputs: impl Iterator<Item = usize>) -> BTreeSet<MetricId> {
        let needed = self.graph.needed(outputs.map(|output| self.root_of(output)), true);
        let metric = |aggregate: AggregateId| self.graph.aggregates[aggregate.index()].metric;
        let mut metrics = BTreeSet::new();
        for (node, _) in self.graph.nodes.iter().zip(needed).filter(|(_, needed)| *needed) {
            let Op::Input(input) = node.op else { continue };
            match &self.graph.inputs[input as usize] {
                Input::Variable(_) => {}
                Input::Reduced { aggregate, .. } | Input::Text { aggregate } => {
                    metrics.insert(metric(*aggregate));
                }
                Input::EachInstance { body, .. } => {
                    metrics.extend(body.each.iter().filter_map(|id| match self.graph.node(*id).op {
                        Op::InstanceLeaf(aggregate, _) => Some(metric(aggregate)),
                        Op::SampleLeaf(metric, _) => Some(metric),
                        _ => None,
                    }));
                }
            }
        }
        metrics
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

#[cfg(test)]
mod tests {
    use super::super::exact::Values;
    use super::super::example;
    use super::super::explain::Explanation;
    use super::super::graph::Input;
    use super::super::inputs::Look;
    use super::super::types::Value;
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::metrics::{Plan, Scratch, WindowSettings};

    const LINKS: usize = 10_000;

    /// Definitions that each use the one before, with windows, texts and vectors that use every one of them.
    fn chained() -> Compiled {
        let mut compiler = Compiler::new(example::scope(), Limits::default());
        let mut found = Vec::new();
        for index in 0..LINKS {
            let (number, text) = match index {
                0 => ("parallelism".to_owned(), "task_type".to_owned()),
                _ => (
                    format!("n{0} + 1 > 0 ? n{0} + 1 : parallelism", index - 1),
                    format!("lower(t{})", index - 1),
                ),
            };
            for (name, source) in [(format!("n{index}"), number), (format!("t{index}"), text)] {
                let id = compiler.add(&source, Expected::Anything, &mut found);
                compiler.define(&name, id).unwrap();
            }
            for source in [
                format!("any(cpu[5m] > n{index}) || contains('a', t{index})"),
                format!("count(cpu * 2 > n{index}) >= 0"),
            ] {
                let id = compiler.add(&source, Expected::Condition, &mut found);
                compiler.output(id);
            }
        }
        let found = Diagnostics(found);
        assert!(!found.has_errors(), "{found}");
        compiler.finish().unwrap()
    }

    #[test]
    fn a_long_chain_of_definitions_is_worked_on_link_by_link() {
        let work = || {
            let compiled = chained();
            // What stands for the chain in a window or vector does not grow with it.
            let outside = |input: &Input| match input {
                Input::Reduced { test: Some(body), .. } | Input::EachInstance { body, .. } => body.outside.len(),
                _ => 0,
            };
            assert!(compiled.graph.inputs.iter().map(outside).sum::<usize>() <= 4 * LINKS);

            let plan = Plan::new(
                compiled.scope.catalogue().clone(),
                compiled.aggregates().to_vec(),
                WindowSettings::default(),
            )
            .unwrap();
            let windows = example::windows(&plan);
            let mut row = compiled.program.row();
            row.set_number(compiled.scope.find_variable("parallelism").unwrap(), 1.0);
            row.set_text(compiled.scope.find_variable("task_type").unwrap(), "sql");
            let look = Look {
                plan: &plan,
                windows: &windows,
                now: example::NOW,
                task_managers: Some(2),
            };
            look.fill(&compiled, &mut row, &mut Scratch::new());
            assert!(compiled.program.run(&compiled.graph, &mut row));
            let last = 2 * LINKS - 2;
            assert_eq!(compiled.program.bool(&row, last), Some(false));
            assert_eq!(compiled.program.bool(&row, last + 1), Some(true));
            let mut values = Values::new(&compiled.graph);
            values.compute_root(&compiled.graph, &row, compiled.root_of(last));
            assert_eq!(values.get(compiled.root_of(last)), Some(&Value::Bool(false)));
            assert!(!Explanation::of(&compiled, last, &row).lines().is_empty());
        };
        std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(work)
            .unwrap()
            .join()
            .unwrap();
    }
}
