//! Tokens → tree.
//!
//! An operator-precedence parser that keeps its own stack: open brackets, waiting operators and finished operands lie in vectors, so no
//! expression can overflow the native stack, and every token is looked at a fixed number of times. A mistake is reported where it is and
//! the parser goes on with the most probable meaning; what stands for a mistake in the tree is a [`NodeKind::Error`], and a mistake next to
//! one that is reported already stays silent.

mod mistakes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Ast, BinaryOp, ListId, Node, NodeId, NodeKind, UnaryOp, WindowSyntax};
use super::limits::Limits;
use super::literal;
use crate::names::is_missing_value;
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
    fn step(&mut self) {
        #[cfg(test)]
        {
            self.steps += 1;
        }
    }

    // ----- tokens

    fn token(&self) -> Token {
        self.peek(0)
    }

    /// The token `ahead` of the current one; the end stays the end.
    fn peek(&self, ahead: usize) -> Token {
        self.tokens
            .get(self.at + ahead)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(Token {
                kind: Kind::End,
                span: Span::new(self.source.len(), self.source.len()),
            })
    }

    fn previous(&self) -> Option<Token> {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).copied()
    }

    fn text(&self, span: Span) -> &'a str {
        span.text(self.source)
    }

    /// Marks the current token as part of a mistake and passes it.
    fn pass_faulty(&mut self) {
        self.at += 1;
        self.faulty = self.at;
    }

    /// Whether the token before the current one was part of a mistake, so that what is missing here is the same mistake.
    fn after_fault(&self) -> bool {
        self.faulty == self.at
    }

    // ----- building

    fn report(&mut self, diagnostic: Diagnostic) {
        self.errors.push(diagnostic);
        if self.errors.len() >= self.limits.max_errors.max(1) {
            self.stop = true;
        }
    }

    /// Reports what makes all the rest meaningless.
    fn give_up(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
        self.stop = true;
    }

    fn node(&mut self, kind: NodeKind, span: Span) -> NodeId {
        if self.nodes.len() >= self.limits.max_nodes && !self.stop {
            let diagnostic = self.too_many_nodes(span);
            self.give_up(diagnostic);
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { kind, span });
        id
    }

    fn push(&mut self, kind: NodeKind, span: Span) {
        let id = self.node(kind, span);
        self.operands.push(Operand { id, outer: span });
        self.want_operand = false;
    }

    /// Goes on as if the value that is missing before `at` were there. That it is missing is reported, so what else is wrong between the
    /// tokens on both sides is the same mistake.
    fn push_missing(&mut self, at: Span) {
        self.push(NodeKind::Error, Span { start: at.start, end: at.start });
        self.faulty = self.at;
    }

    /// The operand that was finished last. The parser's states keep one where this is asked.
    fn pop(&mut self) -> Operand {
        self.operands.pop().unwrap_or_else(|| {
            let span = Span::new(self.source.len(), self.source.len());
            Operand {
                id: self.node(NodeKind::Error, span),
                outer: span,
            }
        })
    }

    fn name(&mut self, span: Span) -> u32 {
        let name = self.text(span);
        let next = self.texts.len() as u32;
        if self.few.len() < FEW_NAMES {
            if let Some(known) = self.few.iter().find(|i| &*self.texts[**i as usize] == name) {
                return *known;
            }
            self.few.push(next);
        } else {
            if let Some(known) = self.few.iter().find(|i| &*self.texts[**i as usize] == name) {
                return *known;
            }
            if let Some(known) = self.names.get(name) {
                return *known;
            }
            self.names.insert(name, next);
        }
        self.texts.push(name.into());
        next
    }

    fn deeper(&mut self, at: Span) {
        self.depth += 1;
        if self.depth > self.limits.max_depth && !self.stop {
            let diagnostic = self.too_deep(at);
            self.give_up(diagnostic);
        }
    }

    fn open(&mut self, frame: Frame, at: Span) {
        self.deeper(at);
        self.brackets.push(self.frames.len() as u32);
        self.open_round += usize::from(frame.is_round());
        self.frames.push(frame);
        self.want_operand = true;
    }

    /// Finishes every waiting operator that binds at least as tightly as `level`.
    fn reduce(&mut self, level: u8) {
        while let Some(frame) = self.frames.last().copied().filter(|f| f.level() >= level) {
            self.step();
            self.frames.pop();
            let right = self.pop();
            match frame {
                Frame::Prefix { op, start } => {
                    self.depth -= 1;
                    let span = Span {
                        start,
                        end: right.outer.end,
                    };
                    self.push(NodeKind::Unary(op, right.id), span);
                }
                Frame::Otherwise => {
                    let then = self.pop();
                    let condition = self.pop();
                    let span = condition.outer.to(right.outer);
                    self.push(NodeKind::Conditional(condition.id, then.id, right.id), span);
                }
                Frame::Binary(op) => {
                    let left = self.pop();
                    self.push(NodeKind::Binary(op, left.id, right.id), left.outer.to(right.outer));
                }
                Frame::Chain(index) => {
                    let left = self.pop();
                    self.chained(index, right.outer);
                    self.push(NodeKind::Error, left.outer.to(right.outer));
                }
                _ => {
                    let left = self.pop();
                    self.push(NodeKind::Error, left.outer.to(right.outer));
                }
            }
        }
    }

    /// Finishes everything up to the innermost open bracket or the beginning, conditionals without `:` too.
    fn reduce_to_bracket(&mut self) {
        loop {
            self.reduce(level::CONDITIONAL);
            let Some(Frame::Then { question, reported }) = self.frames.last().copied() else {
                return;
            };
            self.frames.pop();
            self.depth -= 1;
            if !reported && !self.after_fault() {
                self.incomplete_conditional(question);
            }
            let then = self.pop();
            let condition = self.pop();
            self.push(NodeKind::Error, condition.outer.to(then.outer));
        }
    }

    /// Whether a bracket of the right kind closes the bracket that opens at `open`, be it the right one or not.
    fn is_paired(&mut self, open: Span) -> bool {
        let tokens = &self.tokens;
        let paired = self.paired.get_or_insert_with(|| {
            let mut open: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
            let mut paired = Vec::new();
            for token in tokens {
                match token.kind {
                    Kind::OpenRound => open[0].push(token.span.start),
                    Kind::OpenSquare => open[1].push(token.span.start),
                    Kind::CloseRound => paired.extend(open[0].pop()),
                    Kind::CloseSquare => paired.extend(open[1].pop()),
                    _ => {}
                }
            }
            paired.sort_unstable();
            paired
        });
        paired.binary_search(&open.start).is_ok()
    }

    /// Whether a closing bracket closes nothing, because what is open innermost has its own closing bracket further on.
    fn is_stray(&mut self, round: bool) -> bool {
        match self.innermost() {
            None => true,
            Some(frame) => frame.is_round() != round && frame.open().is_some_and(|open| self.is_paired(open)),
        }
    }

    fn innermost(&self) -> Option<Frame> {
        self.brackets.last().map(|i| self.frames[*i as usize])
    }

    // ----- where a value is expected

    fn operand(&mut self) {
        let token = self.token();
        match token.kind {
            Kind::Number => {
                match literal::number(self.text(token.span)) {
                    Ok((value, unit)) => {
                        self.at += 1;
                        self.push(NodeKind::Number(value, unit), token.span);
                    }
                    Err(fault) => self.bad_literal(codes::BAD_NUMBER, *fault),
                };
            }
            Kind::Word => self.operand_word(),
            Kind::True | Kind::False => {
                self.at += 1;
                self.push(NodeKind::Bool(token.kind == Kind::True), token.span);
            }
            Kind::Text => match literal::text(self.text(token.span)) {
                Ok(content) => self.literal_text(content.into(), token.span),
                Err(fault) => self.bad_literal(codes::BAD_ESCAPE, *fault),
            },
            Kind::RawText => {
                let text = self.text(token.span);
                self.literal_text(text.get(2..text.len() - 1).unwrap_or("").into(), token.span);
            }
            Kind::Minus | Kind::Bang => {
                self.at += 1;
                self.deeper(token.span);
                let op = if token.kind == Kind::Minus {
                    UnaryOp::Minus
                } else {
                    UnaryOp::Not
                };
                self.frames.push(Frame::Prefix {
                    op,
                    start: token.span.start,
                });
            }
            Kind::OpenRound => {
                self.at += 1;
                // After a missing operator this may be a call that has lost its name, and its commas are right.
                let comma = matches!(self.frames.last(), Some(Frame::Bad { .. }));
                self.open(Frame::Round { open: token.span, comma }, token.span);
            }
            Kind::OpenSquare => {
                if !self.after_fault() {
                    self.misplaced_list(token.span);
                }
                // Whether it is a list or a window, it is read like a window of what is missing.
                self.push_missing(token.span);
            }
            Kind::BadWord | Kind::OpenText | Kind::Quoted => self.bad_value(token),
            Kind::Plus => {
                if !self.after_fault() {
                    self.unary_plus(token.span);
                }
                self.pass_faulty();
            }
            Kind::Unknown | Kind::Selector => {
                self.unknown(token);
                self.pass_faulty();
                if !self.begins_value(self.token()) {
                    self.push(NodeKind::Error, token.span);
                }
            }
            Kind::Foreign if self.text(token.span) == "~" => {
                self.foreign_prefix(token.span);
                self.pass_faulty();
            }
            Kind::CloseRound | Kind::CloseSquare => self.close_without_operand(token),
            _ => {
                if !self.after_fault() {
                    self.missing_operand(token);
                }
                self.push_missing(token.span);
            }
        }
    }

    fn begins_value(&self, token: Token) -> bool {
        token.kind.begins_value() && !(token.kind == Kind::Word && mistakes::is_operator_word(self.text(token.span)))
    }

    fn literal_text(&mut self, content: Box<str>, span: Span) {
        self.at += 1;
        let index = self.texts.len() as u32;
        self.texts.push(content);
        self.push(NodeKind::Text(index), span);
    }

    /// A value that cannot be read: the rest of the expression goes on as if it were there.
    fn bad_value(&mut self, token: Token) {
        match token.kind {
            Kind::BadWord => self.malformed_name(token.span),
            Kind::OpenText => self.unterminated_text(token.span),
            _ => self.quoted(token.span),
        }
        self.pass_faulty();
        self.push(NodeKind::Error, token.span);
    }

    fn bad_literal(&mut self, code: crate::diagnostic::Code, fault: literal::Fault) {
        let token = self.token();
        self.faulty_literal(code, token.span, fault);
        self.pass_faulty();
        self.push(NodeKind::Error, token.span);
    }

    fn operand_word(&mut self) {
        let token = self.token();
        let word = self.text(token.span);
        let call = self.peek(1).kind == Kind::OpenRound;
        if word.len() == 3 && word.eq_ignore_ascii_case("not") {
            self.word_not(token.span);
            self.pass_faulty();
            self.deeper(token.span);
            self.frames.push(Frame::Prefix {
                op: UnaryOp::Not,
                start: token.span.start,
            });
            return;
        }
        if word.len() == 2 && word.eq_ignore_ascii_case("if") {
            if !self.after_if {
                self.word_if(token.span);
            }
            self.after_if = true;
            self.pass_faulty();
            return;
        }
        // A window that begins with one of these words always means the kind of window.
        if let Some(Frame::Window { shape, .. }) = self.frames.last_mut()
            && *shape == Shape::Sliding
            && let "current" | "previous" = word
            && self.tokens[self.at - 1].kind == Kind::OpenSquare
        {
            *shape = if word == "current" {
                Shape::Current
            } else {
                Shape::Previous
            };
            self.at += 1;
            return;
        }
        if call {
            self.at += 2;
            let open = self.peek_back(1);
            let name = self.name(token.span);
            let first = self.pending.len() as u32;
            self.open(
                Frame::Call {
                    name,
                    name_span: token.span,
                    open,
                    first,
                },
                open,
            );
            return;
        }
        if mistakes::is_operator_word(word) {
            if !self.after_fault() {
                self.missing_operand(token);
            }
            self.push_missing(token.span);
            return;
        }
        if is_missing_value(word) {
            self.not_a_value(token.span);
            self.pass_faulty();
            self.push(NodeKind::Error, token.span);
            return;
        }
        self.at += 1;
        let name = self.name(token.span);
        self.push(NodeKind::Name(name), token.span);
    }

    fn peek_back(&self, back: usize) -> Span {
        self.tokens[self.at - back].span
    }

    /// A closing bracket where a value is expected.
    fn close_without_operand(&mut self, token: Token) {
        let open_directly = self.previous().is_some_and(|p| p.kind.opens());
        if open_directly && let Some(frame) = self.frames.last().copied() {
            match frame {
                // A call without arguments.
                Frame::Call { .. } if token.kind == Kind::CloseRound => {
                    self.at += 1;
                    self.close(None, token.span);
                    return;
                }
                Frame::Window { open, .. } if token.kind == Kind::CloseSquare => {
                    self.empty_window(open.to(token.span));
                    self.mark_bad();
                    self.push_missing(token.span);
                    return;
                }
                Frame::List { open, bad, .. } if token.kind == Kind::CloseSquare => {
                    if !bad {
                        self.empty_list(open.to(token.span));
                    }
                    self.mark_bad();
                    self.push_missing(token.span);
                    return;
                }
                _ => {}
            }
        }
        let round = token.kind == Kind::CloseRound;
        if self.is_stray(round) {
            self.unmatched(token, true);
            self.pass_faulty();
            return;
        }
        // Where no bracket of this kind is open, the wrong bracket is the mistake.
        let open = if round {
            self.open_round > 0
        } else {
            self.brackets.len() > self.open_round
        };
        if open && !self.after_fault() {
            self.missing_operand(token);
        }
        self.push_missing(token.span);
    }

    /// Marks the innermost window or list as wrong: its node will be an error.
    fn mark_bad(&mut self) {
        if let Some(index) = self.brackets.last()
            && let Frame::Window { bad, .. } | Frame::List { bad, .. } = &mut self.frames[*index as usize]
        {
            *bad = true;
        }
    }

    // ----- where an operator is expected

    fn operator(&mut self) {
        let token = self.token();
        if self.after_window_word == self.at
            && self.at > 0
            && !matches!(
                token.kind,
                Kind::In | Kind::Word | Kind::Comma | Kind::CloseRound | Kind::CloseSquare
            )
        {
            self.after_window_word = 0;
            self.missing_operator(token);
            return;
        }
        // A missing value before an operator is reported; one missing after it too would be the same mistake.
        let faulty = self.after_fault();
        if matches!(self.peek(1).kind, Kind::Foreign | Kind::Question) && self.split_operator_here(token) {
            return;
        }
        if let Some(op) = infix(token.kind) {
            self.at += 1;
            self.infix(op, token.span);
            if faulty {
                self.faulty = self.at;
            }
            return;
        }
        match token.kind {
            Kind::Question => {
                self.at += 1;
                self.question(token.span, faulty);
                if faulty {
                    self.faulty = self.at;
                }
            }
            Kind::Colon => self.colon(token.span),
            Kind::Comma => self.comma(token.span),
            Kind::CloseRound | Kind::CloseSquare => self.close_bracket(token),
            Kind::OpenSquare => {
                self.postfix_needs_value(token.span);
                self.at += 1;
                let frame = Frame::Window {
                    open: token.span,
                    shape: Shape::Sliding,
                    across: false,
                    bad: faulty,
                };
                self.open(frame, token.span);
            }
            Kind::Offset => self.offset(token.span),
            Kind::In => self.word_in(token.span),
            Kind::Word => self.operator_word(token.span),
            Kind::Foreign => self.foreign(token.span),
            Kind::Bang => self.infix_bang(token.span),
            Kind::Selector => {
                self.unknown(token);
                self.pass_faulty();
            }
            Kind::Unknown => {
                self.unknown(token);
                self.pass_faulty();
                if let Some(op) = mistakes::lookalike(self.text(token.span)) {
                    self.infix(op, token.span);
                } else if self.begins_value(self.token()) {
                    self.join(level::MULTIPLY, false);
                }
            }
            _ => self.missing_operator(token),
        }
    }

    fn split_operator_here(&mut self, token: Token) -> bool {
        let next = self.peek(1);
        let Some((op, joined)) = mistakes::joined(self.text(token.span), self.text(next.span)) else {
            return false;
        };
        let at = token.span.to(next.span);
        if !self.after_fault() {
            self.split_operator(at, joined);
        }
        self.at += 2;
        self.infix(op, at);
        true
    }

    /// Waits for the right side of what nothing proper joins to the left side.
    fn join(&mut self, level: u8, missing: bool) {
        self.reduce(level);
        self.frames.push(Frame::Bad { level, missing });
        self.want_operand = true;
    }

    fn infix(&mut self, op: BinaryOp, at: Span) {
        let level = level::of(op);
        if level >= level::COMPARISON {
            // `x in [1]` is put together with its `]`, so a comparison of it shows here.
            self.postfix_needs_value(at);
        }
        if level == level::COMPARISON {
            self.reduce(level::ADD);
            if self.chain(at) {
                self.want_operand = true;
                return;
            }
        }
        self.reduce(level);
        self.frames.push(Frame::Binary(op));
        self.want_operand = true;
    }

    /// Whether the new comparison has another one on its left side; notes its parts.
    fn chain(&mut self, at: Span) -> bool {
        let index = match self.frames.last() {
            Some(Frame::Chain(index)) => *index,
            Some(Frame::Binary(before)) if level::of(*before) == level::COMPARISON => {
                self.chains.push(Vec::new());
                self.chains.len() as u32 - 1
            }
            _ => return false,
        };
        let [.., left, right] = self.operands[..] else {
            return false;
        };
        let reported = self.nodes[right.id.index()].kind == NodeKind::Error;
        let parts = &mut self.chains[index as usize];
        if parts.is_empty() {
            let operator = Span {
                start: left.outer.end,
                end: right.outer.start,
            };
            parts.push((left.outer, operator));
        }
        parts.push((right.outer, at));
        if reported {
            // Whatever is wrong in the middle is probably why there are two operators.
            parts.clear();
        }
        // What is left of the new operator is wrong as a whole, and becomes one error at the end of the chain.
        self.frames.pop();
        let right = self.pop();
        let left = self.pop();
        self.push(NodeKind::Error, left.outer.to(right.outer));
        self.frames.push(Frame::Chain(index));
        true
    }

    fn question(&mut self, at: Span, reported: bool) {
        self.reduce(level::ELSE);
        self.deeper(at);
        self.frames.push(Frame::Then { question: at, reported });
        self.want_operand = true;
    }

    fn colon(&mut self, at: Span) {
        self.reduce(level::CONDITIONAL);
        match self.frames.last() {
            Some(Frame::Then { .. }) => {
                self.at += 1;
                self.frames.pop();
                self.depth -= 1;
                self.frames.push(Frame::Otherwise);
                self.want_operand = true;
            }
            Some(Frame::Window { bad, .. }) => {
                if !*bad {
                    self.colon_in_window(at);
                }
                self.mark_bad();
                self.pass_faulty();
                self.operands.pop();
                self.want_operand = true;
            }
            _ => {
                if !self.after_fault() {
                    self.stray_colon(at);
                }
                self.pass_faulty();
                self.join(level::CONDITIONAL, false);
            }
        }
    }

    fn comma(&mut self, at: Span) {
        self.reduce_to_bracket();
        match self.frames.last_mut() {
            Some(Frame::Call { .. } | Frame::List { .. }) => {
                let argument = self.pop();
                self.pending.push(argument.id);
                self.at += 1;
                self.want_operand = true;
            }
            Some(Frame::Window { bad, .. }) => {
                let reported = std::mem::replace(bad, true);
                if !reported {
                    self.comma_in_window(at);
                }
                self.pass_faulty();
                self.operands.pop();
                self.want_operand = true;
            }
            Some(Frame::Round { comma, .. }) => {
                if !std::mem::replace(comma, true) {
                    self.misplaced_comma(at);
                }
                self.pass_faulty();
                self.join(level::CONDITIONAL, false);
            }
            _ => {
                if !std::mem::replace(&mut self.comma, true) {
                    self.misplaced_comma(at);
                }
                self.pass_faulty();
                self.join(level::CONDITIONAL, false);
            }
        }
    }

    // ----- brackets

    fn close_bracket(&mut self, token: Token) {
        let round = token.kind == Kind::CloseRound;
        let matching = if round {
            self.open_round
        } else {
            self.brackets.len() - self.open_round
        };
        if self.is_stray(round) {
            self.unmatched(token, true);
            self.pass_faulty();
            return;
        }
        if matching == 0 {
            self.unmatched(token, false);
            self.faulty = self.at + 1;
        }
        loop {
            self.reduce_to_bracket();
            let Some(frame) = self.frames.last().copied() else {
                return;
            };
            let closes = matching == 0 || frame.is_round() == round;
            if closes {
                self.at += 1;
            } else if let Some(open) = frame.open() {
                self.unclosed_before(open, token);
            }
            let operand = self.pop();
            self.close(Some(operand), token.span);
            if closes || self.stop {
                return;
            }
        }
    }

    /// Finishes the innermost bracket, which is the top frame, with its last operand.
    fn close(&mut self, operand: Option<Operand>, closing: Span) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.step();
        self.brackets.pop();
        self.open_round -= usize::from(frame.is_round());
        self.depth -= 1;
        self.want_operand = false;
        match (frame, operand) {
            (Frame::Round { open, .. }, Some(operand)) => {
                self.operands.push(Operand {
                    id: operand.id,
                    outer: open.to(closing),
                });
            }
            (
                Frame::Call {
                    name, name_span, first, ..
                },
                operand,
            ) => {
                let arguments = self.list(first, operand);
                self.push(NodeKind::Call(name, name_span, arguments), name_span.to(closing));
            }
            (Frame::List { open, first, bad, .. }, operand) => {
                let elements = self.list(first, operand);
                let kind = if bad { NodeKind::Error } else { NodeKind::List(elements) };
                self.push(kind, open.to(closing));
                // The list is the whole right side of its `in`.
                if let Some(Frame::Binary(BinaryOp::In) | Frame::Chain(_)) = self.frames.last() {
                    self.reduce(level::COMPARISON);
                }
            }
            (Frame::Window { shape, across, bad, .. }, Some(operand)) => {
                let window = match shape {
                    Shape::Sliding => WindowSyntax::Sliding(operand.id),
                    Shape::Current => WindowSyntax::Current(operand.id),
                    Shape::Previous => WindowSyntax::Previous(operand.id),
                    Shape::Last => WindowSyntax::Last(operand.id, None),
                    Shape::LastIn => WindowSyntax::Last(self.pop().id, Some(operand.id)),
                };
                let of = self.pop();
                let kind = if bad {
                    NodeKind::Error
                } else {
                    NodeKind::Window {
                        of: of.id,
                        window,
                        across_marks: across,
                    }
                };
                self.push(kind, of.outer.to(closing));
            }
            (Frame::OffsetRound { .. }, Some(operand)) => {
                let of = self.pop();
                self.push(NodeKind::Offset(of.id, operand.id), of.outer.to(closing));
            }
            (_, operand) => self.operands.extend(operand),
        }
    }

    /// Moves the pending arguments from `first` on, and the last one, into the tree.
    fn list(&mut self, first: u32, last: Option<Operand>) -> ListId {
        self.pending.extend(last.map(|o| o.id));
        let start = self.lists.len() as u32;
        let first = (first as usize).min(self.pending.len());
        self.lists.extend_from_slice(&self.pending[first..]);
        self.pending.truncate(first);
        ListId {
            start,
            len: self.lists.len() as u32 - start,
        }
    }

    // ----- words after a value

    fn offset(&mut self, at: Span) {
        self.postfix_needs_value(at);
        self.at += 1;
        let token = self.token();
        let plain = match token.kind {
            Kind::OpenRound => {
                self.at += 1;
                self.open(Frame::OffsetRound { open: token.span }, token.span);
                return;
            }
            Kind::Number | Kind::BadWord => true,
            Kind::Word => self.peek(1).kind != Kind::OpenRound && !mistakes::is_prefix_word(self.text(token.span)),
            _ => false,
        };
        let negative = token.kind == Kind::Minus && self.peek(1).kind == Kind::Number;
        if !plain {
            self.bad_offset(at, token);
            self.faulty = self.at;
            if !negative {
                return;
            }
            self.pass_faulty();
        }
        self.operand();
        let by = self.pop();
        let of = self.pop();
        let kind = if negative {
            NodeKind::Error
        } else {
            NodeKind::Offset(of.id, by.id)
        };
        self.push(kind, of.outer.to(by.outer));
    }

    fn word_in(&mut self, at: Span) {
        if self.after_window_word == self.at
            && let Some(Frame::Window {
                shape: shape @ Shape::Last,
                across: false,
                ..
            }) = self.frames.last_mut()
        {
            *shape = Shape::LastIn;
            self.at += 1;
            self.want_operand = true;
            return;
        }
        let next = self.peek(1);
        let open_list = |parser: &mut Self, round: bool| {
            parser.at += 1;
            parser.infix(BinaryOp::In, at);
            parser.at += 1;
            let first = parser.pending.len() as u32;
            parser.open(
                Frame::List {
                    open: next.span,
                    first,
                    round,
                    bad: false,
                },
                next.span,
            );
        };
        if next.kind == Kind::OpenSquare && self.after_window_word != self.at {
            open_list(self, false);
            return;
        }
        if let Some(Frame::Window { .. }) = self.innermost() {
            self.reduce_to_bracket();
            if let Some(Frame::Window { bad, .. }) = self.frames.last_mut()
                && !std::mem::replace(bad, true)
            {
                self.bad_window_word(at, "in");
            }
            self.pass_faulty();
            self.operands.pop();
            self.want_operand = true;
            return;
        }
        if next.kind == Kind::OpenRound {
            self.in_with_round_brackets(at, next.span);
            open_list(self, true);
            return;
        }
        // Where the value is missing altogether, the usual message says so.
        let missing = next.kind == Kind::Word && is_missing_value(self.text(next.span));
        if (next.kind.begins_value() || matches!(next.kind, Kind::Bang | Kind::Minus)) && !missing {
            self.in_without_list(at, next);
        }
        if self.after_fault() {
            self.faulty = self.at + 1;
        }
        self.at += 1;
        self.join(level::COMPARISON, false);
    }

    fn operator_word(&mut self, at: Span) {
        let word = self.text(at);
        if let Some(Frame::Window { .. }) = self.innermost() {
            self.window_word(at, word);
            return;
        }
        if self.after_if && (word == "then" || word == "else") {
            self.after_if_word(word, at);
            return;
        }
        if self.after_between && word.eq_ignore_ascii_case("and") {
            self.after_between = false;
            self.pass_faulty();
            self.join(level::COMPARISON, false);
            return;
        }
        if let Some(found) = mistakes::operator_word(word) {
            if !self.after_fault() {
                self.report_foreign(at, &found);
            }
            self.pass_faulty();
            if word.eq_ignore_ascii_case("not") && self.token().kind == Kind::In {
                return;
            }
            if word.eq_ignore_ascii_case("between") {
                self.after_between = true;
            }
            if word.eq_ignore_ascii_case("if") || word.eq_ignore_ascii_case("then") {
                self.after_if = true;
            }
            match found.means {
                Some(op) => self.infix(op, at),
                None if word.eq_ignore_ascii_case("then") => self.question(at, true),
                None => self.join(found.level, false),
            }
            return;
        }
        self.missing_operator(self.token());
    }

    /// `then` and `else` of an `if` that was reported.
    fn after_if_word(&mut self, word: &str, at: Span) {
        self.pass_faulty();
        if word == "then" {
            self.question(at, true);
            return;
        }
        self.reduce(level::CONDITIONAL);
        if let Some(Frame::Then { .. }) = self.frames.last() {
            self.frames.pop();
            self.depth -= 1;
            self.frames.push(Frame::Otherwise);
            self.want_operand = true;
        } else {
            self.join(level::CONDITIONAL, false);
        }
    }

    /// A word after the length of a window.
    fn window_word(&mut self, at: Span, word: &str) {
        self.reduce_to_bracket();
        let next = self.text(self.peek(1).span);
        let Some(Frame::Window { shape, across, bad, .. }) = self.frames.last_mut() else {
            return;
        };
        match word {
            "samples" if *shape == Shape::Sliding => {
                *shape = Shape::Last;
                self.at += 1;
                self.after_window_word = self.at;
            }
            "across" if !*across && next == "marks" => {
                *across = true;
                self.at += 2;
                self.after_window_word = self.at;
            }
            _ => {
                let reported = std::mem::replace(bad, true);
                if !reported {
                    self.bad_window_word(at, word);
                }
                self.pass_faulty();
            }
        }
    }

    fn infix_bang(&mut self, at: Span) {
        if !self.after_fault() {
            self.infix_not(at);
        }
        self.pass_faulty();
        if self.token().kind != Kind::In {
            self.join(level::COMPARISON, false);
        }
    }

    fn foreign(&mut self, at: Span) {
        let found = mistakes::foreign_operator(self.text(at));
        if !self.after_fault() {
            self.report_foreign(at, &found);
        }
        self.pass_faulty();
        match found.means {
            Some(op) => self.infix(op, at),
            // A `;` at the end.
            None if found.level == level::CONDITIONAL && self.token().kind == Kind::End => {}
            None => self.join(found.level, false),
        }
    }

    /// A value directly after a value.
    fn missing_operator(&mut self, token: Token) {
        if let Some(Frame::Window { .. }) = self.innermost() {
            self.faulty = self.at;
            self.reduce_to_bracket();
            let Some(Frame::Window { bad, .. }) = self.frames.last_mut() else {
                return;
            };
            let reported = std::mem::replace(bad, true);
            if !reported {
                self.value_in_window(token);
            }
            self.operands.pop();
            self.want_operand = true;
            self.faulty = self.at;
            return;
        }
        if self.after_if {
            // `if (a) b`: the `then` of another language.
            self.question(token.span, true);
            return;
        }
        let same_mistake = matches!(self.frames.last(), Some(Frame::Bad { missing: true, .. })) || self.after_fault();
        if !same_mistake {
            self.report_missing_operator(token);
        }
        self.join(level::MULTIPLY, true);
    }

    // ----- the end

    fn end(&mut self) -> Option<NodeId> {
        let mut unclosed: Vec<Span> = Vec::new();
        loop {
            self.reduce_to_bracket();
            let Some(frame) = self.frames.last().copied() else {
                break;
            };
            unclosed.extend(frame.open());
            let operand = self.pop();
            let end = Span::new(self.source.len(), self.source.len());
            self.close(Some(operand), end);
            if self.stop {
                return None;
            }
        }
        if !unclosed.is_empty() && !self.swallowed {
            self.unclosed(&unclosed);
        }
        self.operands.pop().map(|o| o.id)
    }
}
