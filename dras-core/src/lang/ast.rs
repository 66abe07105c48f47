//! The syntax tree: flat, in an arena, children before parents, with spans.
//!
//! Every pass over it is a loop over indices, so that no expression, however long or deep, makes checking, evaluation or `Drop` recurse.

use std::sync::Arc;

use crate::diagnostic::Span;
use crate::units::Unit;

/// The index of a node in its [`Ast`]. A node's children always have smaller indices than the node itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A range of [`Ast::lists`]: the arguments of a call or the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListId {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-x`
    Minus,
    /// `!x`
    Not,
}

/// The operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `a ?? b`
    Else,
    /// `a || b`
    Or,
    /// `a && b`
    And,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterEqual,
    /// `a =~ 'pattern'`
    Matches,
    /// `a !~ 'pattern'`
    MatchesNot,
    /// `a in [b, c]`; the right side is a [`NodeKind::List`].
    In,
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a % b`
    Remainder,
}

/// The extent of a window as it is written in square brackets; the values are constant expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowSyntax {
    /// `[5m]`
    Sliding(NodeId),
    /// `[current 1h]`
    Current(NodeId),
    /// `[previous 1h]`
    Previous(NodeId),
    /// `[20 samples]` or `[20 samples in 10m]`
    Last(NodeId, Option<NodeId>),
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeKind {
    /// A number in seconds, bytes or plain numbers, with its unit. `80%` is 0.8.
    Number(f64, Unit),
    /// `true` or `false`.
    Bool(bool),
    /// A text: an index into [`Ast::texts`] (escapes already replaced).
    Text(u32),
    /// A name: an index into [`Ast::texts`].
    Name(u32),
    /// An operator before its operand.
    Unary(UnaryOp, NodeId),
    /// An operator between its operands.
    Binary(BinaryOp, NodeId, NodeId),
    /// `condition ? then : otherwise`
    Conditional(NodeId, NodeId, NodeId),
    /// A call: the function's name (an index into [`Ast::texts`]), the span of the name, the arguments.
    Call(u32, Span, ListId),
    /// `of[…]`, with `across marks`.
    Window {
        /// What it is a window of.
        of: NodeId,
        /// Its extent.
        window: WindowSyntax,
        /// Whether `across marks` was written.
        across_marks: bool,
    },
    /// `of offset 1d`
    Offset(NodeId, NodeId),
    /// `[a, b]` on the right side of `in`.
    List(ListId),
    /// Stands where a syntax error was, so that checking can go on; never in a tree without errors.
    Error,
}

/// A node and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// The bytes of the source it covers, brackets around it not included.
    pub span: Span,
}

/// One parsed expression.
#[derive(Debug, Clone)]
pub struct Ast {
    /// The text it was parsed from.
    pub source: Arc<str>,
    /// The nodes, children first; the last one is the root.
    pub nodes: Vec<Node>,
    /// Arguments and list elements, addressed by [`ListId`].
    pub lists: Vec<NodeId>,
    /// Names and texts.
    pub texts: Vec<Box<str>>,
}

impl Ast {
    /// The root.
    pub fn root(&self) -> NodeId {
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The nodes of a list.
    pub fn list(&self, id: ListId) -> &[NodeId] {
        &self.lists[id.start as usize..(id.start + id.len) as usize]
    }

    /// A name or text.
    pub fn text(&self, index: u32) -> &str {
        &self.texts[index as usize]
    }
}
