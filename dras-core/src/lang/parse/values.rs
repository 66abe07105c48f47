//! Where a value is expected.

use super::super::ast::{NodeKind, UnaryOp};
use super::super::token::{Kind, Token};
use super::{Frame, Parser, Shape, foreign};
use crate::diagnostic::{Code, Span, codes};
use crate::literal;
use crate::names::is_missing_value;

impl Parser<'_> {
    pub(super) fn operand(&mut self) {
        let token = self.token();
        match token.kind {
            Kind::Number => match literal::number(self.text(token.span)) {
                Ok((value, unit)) => {
                    self.at += 1;
                    self.push(NodeKind::Number(value, unit), token.span);
                }
                Err(fault) => self.bad_literal(codes::BAD_NUMBER, fault),
            },
            Kind::Word => self.operand_word(),
            Kind::True | Kind::False => {
                self.at += 1;
                self.push(NodeKind::Bool(token.kind == Kind::True), token.span);
            }
            Kind::Text => match literal::text(self.text(token.span)) {
                Ok(content) => self.literal_text(content.into(), token.span),
                Err(fault) => self.bad_literal(codes::BAD_ESCAPE, fault),
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
                self.open(
                    Frame::Round {
                        open: token.span,
                        comma,
                    },
                    token.span,
                );
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

    pub(super) fn begins_value(&self, token: Token) -> bool {
        token.kind.begins_value() && !(token.kind == Kind::Word && foreign::is_operator_word(self.text(token.span)))
    }

    pub(super) fn literal_text(&mut self, content: Box<str>, span: Span) {
        self.at += 1;
        let index = self.texts.len() as u32;
        self.texts.push(content);
        self.push(NodeKind::Text(index), span);
    }

    /// A value that cannot be read: the rest of the expression goes on as if it were there.
    pub(super) fn bad_value(&mut self, token: Token) {
        match token.kind {
            Kind::BadWord => self.malformed_name(token.span),
            Kind::OpenText => self.unterminated_text(token.span),
            _ => self.quoted(token.span),
        }
        self.pass_faulty();
        self.push(NodeKind::Error, token.span);
    }

    pub(super) fn bad_literal(&mut self, code: Code, fault: literal::Fault) {
        let token = self.token();
        self.faulty_literal(code, token.span, fault);
        self.pass_faulty();
        self.push(NodeKind::Error, token.span);
    }

    pub(super) fn operand_word(&mut self) {
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
        if foreign::is_operator_word(word) {
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

    pub(super) fn peek_back(&self, back: usize) -> Span {
        self.tokens[self.at - back].span
    }

    /// A closing bracket where a value is expected.
    pub(super) fn close_without_operand(&mut self, token: Token) {
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
    pub(super) fn mark_bad(&mut self) {
        if let Some(index) = self.brackets.last()
            && let Frame::Window { bad, .. } | Frame::List { bad, .. } = &mut self.frames[*index as usize]
        {
            *bad = true;
        }
    }
}
