//! The parser's own stack: operators that wait, operands that are finished, brackets that are open.

use super::super::ast::{BinaryOp, ListId, Node, NodeId, NodeKind, WindowSyntax};
use super::super::token::{Kind, Token};
use super::{FEW_NAMES, Frame, Operand, Parser, Shape, level};
use crate::diagnostic::{Diagnostic, Span};

impl<'a> Parser<'a> {
    // ----- tokens

    pub(super) fn token(&self) -> Token {
        self.peek(0)
    }

    /// The token `ahead` of the current one; the end stays the end.
    pub(super) fn peek(&self, ahead: usize) -> Token {
        self.tokens
            .get(self.at + ahead)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(Token {
                kind: Kind::End,
                span: Span::new(self.source.len(), self.source.len()),
            })
    }

    pub(super) fn previous(&self) -> Option<Token> {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).copied()
    }

    pub(super) fn text(&self, span: Span) -> &'a str {
        span.text(self.source)
    }

    /// Marks the current token as part of a mistake and passes it.
    pub(super) fn pass_faulty(&mut self) {
        self.at += 1;
        self.faulty = self.at;
    }

    /// Whether the token before the current one was part of a mistake, so that what is missing here is the same mistake.
    pub(super) fn after_fault(&self) -> bool {
        self.faulty == self.at
    }

    // ----- building

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.errors.push(diagnostic);
        if self.errors.len() >= self.limits.max_errors.max(1) {
            self.stop = true;
        }
    }

    /// Reports what makes all the rest meaningless.
    pub(super) fn give_up(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
        self.stop = true;
    }

    pub(super) fn node(&mut self, kind: NodeKind, span: Span) -> NodeId {
        if self.nodes.len() >= self.limits.max_nodes && !self.stop {
            let diagnostic = self.too_many_nodes(span);
            self.give_up(diagnostic);
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { kind, span });
        id
    }

    pub(super) fn push(&mut self, kind: NodeKind, span: Span) {
        let id = self.node(kind, span);
        self.operands.push(Operand { id, outer: span });
        self.want_operand = false;
    }

    /// Goes on as if the value that is missing before `at` were there. That it is missing is reported, so what else is wrong between the
    /// tokens on both sides is the same mistake.
    pub(super) fn push_missing(&mut self, at: Span) {
        self.push(
            NodeKind::Error,
            Span {
                start: at.start,
                end: at.start,
            },
        );
        self.faulty = self.at;
    }

    /// The operand that was finished last. The parser's states keep one where this is asked.
    pub(super) fn pop(&mut self) -> Operand {
        self.operands.pop().unwrap_or_else(|| {
            let span = Span::new(self.source.len(), self.source.len());
            Operand {
                id: self.node(NodeKind::Error, span),
                outer: span,
            }
        })
    }

    pub(super) fn name(&mut self, span: Span) -> u32 {
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

    pub(super) fn deeper(&mut self, at: Span) {
        self.depth += 1;
        if self.depth > self.limits.max_depth && !self.stop {
            let diagnostic = self.too_deep(at);
            self.give_up(diagnostic);
        }
    }

    pub(super) fn open(&mut self, frame: Frame, at: Span) {
        self.deeper(at);
        self.brackets.push(self.frames.len() as u32);
        self.open_round += usize::from(frame.is_round());
        self.frames.push(frame);
        self.want_operand = true;
    }

    /// Finishes every waiting operator that binds at least as tightly as `level`.
    pub(super) fn reduce(&mut self, level: u8) {
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
    pub(super) fn reduce_to_bracket(&mut self) {
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
    pub(super) fn is_paired(&mut self, open: Span) -> bool {
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
    pub(super) fn is_stray(&mut self, round: bool) -> bool {
        match self.innermost() {
            None => true,
            Some(frame) => frame.is_round() != round && frame.open().is_some_and(|open| self.is_paired(open)),
        }
    }

    pub(super) fn innermost(&self) -> Option<Frame> {
        self.brackets.last().map(|i| self.frames[*i as usize])
    }

    // ----- brackets

    pub(super) fn close_bracket(&mut self, token: Token) {
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
    pub(super) fn close(&mut self, operand: Option<Operand>, closing: Span) {
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
    pub(super) fn list(&mut self, first: u32, last: Option<Operand>) -> ListId {
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

    // ----- the end

    pub(super) fn end(&mut self) -> Option<NodeId> {
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
