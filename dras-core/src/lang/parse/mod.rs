//! Tokens → tree.
//!
//! An operator-precedence parser that keeps its own stack: open brackets, waiting operators and finished operands lie in vectors, so no
//! expression can overflow the native stack, and every token is looked at a fixed number of times. A mistake is reported where it is and
//! the parser goes on with the most probable meaning; what stands for a mistake in the tree is a [`NodeKind::Error`], and a mistake next to
//! one that is reported already stays silent.

mod foreign;
mod mistakes;
mod operators;
mod stack;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Ast, BinaryOp, Node, NodeId, NodeKind, UnaryOp};
use super::limits::Limits;
use super::token::{Kind, Token, Tokens, tokens};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};

/// Parses one expression.
///
/// Time and memory are linear in the length of the text; the native stack that is needed does not depend on it.
///
/// # Errors
///
/// All the syntax errors of the text, in its order, up to [`Limits::max_errors`].
///
/// ```
/// use dras_core::lang::{Limits, parse};
/// let limits = Limits::default();
/// assert!(parse("avg(cpu[5m]) > 80% && parallelism < max_parallelism", &limits).is_ok());
/// let errors = parse("cpu = 80% and (lag > 5min", &limits).unwrap_err();
/// let codes: Vec<&str> = errors.0.iter().map(|d| d.code.id()).collect();
/// assert_eq!(codes, ["E0107", "E0108", "E0102", "E0106"]);
/// ```
pub fn parse(source: &str, limits: &Limits) -> Result<Ast, Diagnostics> {
    if let Some(refused) = too_long(source.len(), limits) {
        return Err(Diagnostics(vec![refused]));
    }
    let (ast, errors) = parse_recovering(&Arc::from(source), limits);
    if errors.0.is_empty() { Ok(ast) } else { Err(errors) }
}

/// Parses one expression that comes as bytes.
///
/// # Errors
///
/// As [`parse`], and where the bytes are not UTF-8.
pub fn parse_bytes(source: &[u8], limits: &Limits) -> Result<Ast, Diagnostics> {
    if let Some(refused) = too_long(source.len(), limits) {
        return Err(Diagnostics(vec![refused]));
    }
    match std::str::from_utf8(source) {
        Ok(text) => parse(text, limits),
        Err(error) => Err(Diagnostics(vec![mistakes::not_utf8(source, error)])),
    }
}

/// Parses one expression and returns a tree even where there are errors, so that later stages can report what else is wrong with it.
///
/// Where something is missing or malformed, the tree has a [`NodeKind::Error`]. Parts that no longer belong to anything stay in
/// [`Ast::nodes`] without a parent. A text beyond a limit has the tree of a single error.
pub fn parse_recovering(source: &Arc<str>, limits: &Limits) -> (Ast, Diagnostics) {
    let whole = Span::new(0, source.len().min(u32::MAX as usize));
    let refused = |diagnostic: Diagnostic| {
        let nodes = vec![Node {
            kind: NodeKind::Error,
            span: whole,
        }];
        (
            Ast {
                source: Arc::clone(source),
                nodes,
                lists: Vec::new(),
                texts: Vec::new(),
            },
            Diagnostics(vec![diagnostic]),
        )
    };
    if let Some(diagnostic) = too_long(source.len(), limits) {
        return refused(diagnostic);
    }
    let found = match tokens(source) {
        Ok(found) => found,
        Err(reason) => return refused(mistakes::unreadable(source, whole, &reason)),
    };
    let mut parser = Parser::new(source, found, limits);
    let root = parser.run();
    parser.finish(source, root)
}

fn too_long(bytes: usize, limits: &Limits) -> Option<Diagnostic> {
    let most = limits.max_bytes.min(u32::MAX as usize - 1);
    (bytes > most).then(|| {
        Diagnostic::new(
            codes::TOO_LONG,
            Span::default(),
            format!("the expression has {bytes} bytes; at most {most} are allowed"),
        )
        .help("split it into named definitions, or raise the limit where the library is called")
    })
}

/// How tightly an operator binds; more binds tighter.
pub(super) mod level {
    use super::BinaryOp;

    pub(crate) const CONDITIONAL: u8 = 1;
    pub(crate) const ELSE: u8 = 2;
    pub(crate) const OR: u8 = 3;
    pub(crate) const AND: u8 = 4;
    pub(crate) const COMPARISON: u8 = 5;
    pub(crate) const ADD: u8 = 6;
    pub(crate) const MULTIPLY: u8 = 7;
    pub(crate) const UNARY: u8 = 8;
    pub(crate) const POSTFIX: u8 = 9;

    pub(crate) fn of(op: BinaryOp) -> u8 {
        match op {
            BinaryOp::Else => ELSE,
            BinaryOp::Or => OR,
            BinaryOp::And => AND,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual
            | BinaryOp::Matches
            | BinaryOp::MatchesNot
            | BinaryOp::In => COMPARISON,
            BinaryOp::Add | BinaryOp::Subtract => ADD,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => MULTIPLY,
        }
    }
}

fn infix(kind: Kind) -> Option<BinaryOp> {
    Some(match kind {
        Kind::Plus => BinaryOp::Add,
        Kind::Minus => BinaryOp::Subtract,
        Kind::Times => BinaryOp::Multiply,
        Kind::Divide => BinaryOp::Divide,
        Kind::Remainder => BinaryOp::Remainder,
        Kind::Equal => BinaryOp::Equal,
        Kind::NotEqual => BinaryOp::NotEqual,
        Kind::Less => BinaryOp::Less,
        Kind::LessEqual => BinaryOp::LessEqual,
        Kind::Greater => BinaryOp::Greater,
        Kind::GreaterEqual => BinaryOp::GreaterEqual,
        Kind::Matches => BinaryOp::Matches,
        Kind::MatchesNot => BinaryOp::MatchesNot,
        Kind::And => BinaryOp::And,
        Kind::Or => BinaryOp::Or,
        Kind::Else => BinaryOp::Else,
        _ => return None,
    })
}

/// A finished operand: its node, and the bytes it takes with the brackets around it.
#[derive(Debug, Clone, Copy)]
struct Operand {
    id: NodeId,
    outer: Span,
}

/// What a window in the making has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Sliding,
    Current,
    Previous,
    /// `samples` was read; the count is an operand.
    Last,
    /// `samples in` was read; count and age are operands.
    LastIn,
}

/// Something that waits for more tokens. The operands it has already lie on the stack of operands.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Prefix {
        op: UnaryOp,
        start: u32,
    },
    Binary(BinaryOp),
    /// Joins two operands that nothing proper joins.
    Bad {
        level: u8,
        /// Whether an operator was missing, so that the next missing one is the same mistake.
        missing: bool,
    },
    /// A comparison of a comparison; the index of its parts in [`Parser::chains`].
    Chain(u32),
    /// After `?`.
    Then {
        question: Span,
        reported: bool,
    },
    /// After `:`.
    Otherwise,
    Round {
        open: Span,
        /// Whether a comma in it was reported.
        comma: bool,
    },
    Call {
        name: u32,
        name_span: Span,
        open: Span,
        first: u32,
    },
    List {
        open: Span,
        first: u32,
        /// Whether it was opened with `(` by mistake.
        round: bool,
        /// Whether it stands where no list can be, or is otherwise wrong.
        bad: bool,
    },
    Window {
        open: Span,
        shape: Shape,
        across: bool,
        bad: bool,
    },
    /// The bracketed operand of `offset`.
    OffsetRound {
        open: Span,
    },
}

impl Frame {
    /// How tightly it binds; 0 for what only its own token ends.
    fn level(&self) -> u8 {
        match self {
            Frame::Prefix { .. } => level::UNARY,
            Frame::Binary(op) => level::of(*op),
            Frame::Bad { level, .. } => *level,
            Frame::Chain(_) => level::COMPARISON,
            Frame::Otherwise => level::CONDITIONAL,
            _ => 0,
        }
    }

    /// The bracket that opened it.
    fn open(&self) -> Option<Span> {
        match self {
            Frame::Round { open, .. }
            | Frame::Call { open, .. }
            | Frame::List { open, .. }
            | Frame::Window { open, .. }
            | Frame::OffsetRound { open } => Some(*open),
            _ => None,
        }
    }

    /// Whether `)` closes it, rather than `]`.
    fn is_round(&self) -> bool {
        match self {
            Frame::List { round, .. } => *round,
            Frame::Window { .. } => false,
            _ => true,
        }
    }
}

/// Up to this many names are looked for one by one; more go into a map.
const FEW_NAMES: usize = 16;

#[allow(clippy::struct_excessive_bools)] // Each notes one kind of mistake, and any of them can be there together.
struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    limits: &'a Limits,

    nodes: Vec<Node>,
    lists: Vec<NodeId>,
    texts: Vec<Box<str>>,
    /// The indices of names in `texts`, once there are many.
    names: BTreeMap<&'a str, u32>,
    /// How many of the first entries of `texts` are names that were looked for one by one.
    few: Vec<u32>,

    operands: Vec<Operand>,
    frames: Vec<Frame>,
    /// The arguments and elements of open calls and lists.
    pending: Vec<NodeId>,
    /// The places in `frames` of open brackets.
    brackets: Vec<u32>,
    /// How many of them `)` closes.
    open_round: usize,
    depth: usize,
    want_operand: bool,
    /// The comparisons of each chain: operands with the operator after them.
    chains: Vec<Vec<(Span, Span)>>,
    /// Where the brackets begin that have a closing partner of their kind, once a mistake has made that interesting.
    paired: Option<Vec<u32>>,

    errors: Vec<Diagnostic>,
    /// One past the last token that was part of a mistake; `usize::MAX` before the first.
    faulty: usize,
    /// Whether a token took brackets with it that the parser misses later: an unclosed text, a comment.
    swallowed: bool,
    /// Whether a comma outside all brackets was reported.
    comma: bool,
    /// One past the last `samples` or `marks` of a window: only `in`, `across` or `]` can follow.
    after_window_word: usize,
    /// Whether an `if` was reported, so that its `then` and `else` are the same mistake.
    after_if: bool,
    /// Whether a `between` was reported whose `and` is still to come.
    after_between: bool,
    /// Whether a limit was reached: the tree is given up.
    stop: bool,
    /// How often anything was repeated, so that a test can tell linear from quadratic without a clock.
    #[cfg(test)]
    steps: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str, found: Tokens, limits: &'a Limits) -> Parser<'a> {
        let count = found.tokens.len();
        let mut parser = Parser {
            source,
            tokens: found.tokens,
            at: 0,
            limits,
            nodes: Vec::with_capacity(count),
            lists: Vec::new(),
            texts: Vec::with_capacity(8),
            names: BTreeMap::new(),
            few: Vec::with_capacity(FEW_NAMES),
            operands: Vec::with_capacity(16),
            frames: Vec::with_capacity(16),
            pending: Vec::new(),
            brackets: Vec::new(),
            open_round: 0,
            depth: 0,
            want_operand: true,
            chains: Vec::new(),
            paired: None,
            errors: Vec::new(),
            faulty: usize::MAX,
            swallowed: !found.comments.is_empty(),
            comma: false,
            after_window_word: 0,
            after_if: false,
            after_between: false,
            stop: false,
            #[cfg(test)]
            steps: 0,
        };
        for comment in found.comments {
            if !parser.stop {
                parser.comment(comment);
            }
        }
        parser
    }

    fn run(&mut self) -> Option<NodeId> {
        while !self.stop {
            self.step();
            if self.want_operand {
                self.operand();
            } else if self.token().kind == Kind::End {
                return self.end();
            } else {
                self.operator();
            }
        }
        None
    }

    fn finish(mut self, source: &Arc<str>, root: Option<NodeId>) -> (Ast, Diagnostics) {
        if self.stop || root.is_none() {
            self.nodes.clear();
            self.lists.clear();
            self.texts.clear();
        }
        // The root is the last node, always: what ends last was put together last.
        if root.is_none_or(|r| r.index() + 1 != self.nodes.len()) {
            self.nodes.push(Node {
                kind: NodeKind::Error,
                span: Span::new(0, source.len()),
            });
        }
        self.errors.sort_by_key(|d| d.span.start);
        let errors = self.errors.into_iter().map(|d| d.with_source(source)).collect();
        (
            Ast {
                source: Arc::clone(source),
                nodes: self.nodes,
                lists: self.lists,
                texts: self.texts,
            },
            Diagnostics(errors),
        )
    }

    #[inline]
    #[cfg_attr(not(test), allow(clippy::unused_self))]
    fn step(&mut self) {
        #[cfg(test)]
        {
            self.steps += 1;
        }
    }
}
