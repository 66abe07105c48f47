//! Where an operator is expected: after a finished value.

use super::super::ast::{BinaryOp, NodeKind};
use super::super::token::{Kind, Token};
use super::{Frame, Parser, Shape, foreign, infix, level};
use crate::diagnostic::Span;
use crate::names::is_missing_value;

impl Parser<'_> {
    pub(super) fn operator(&mut self) {
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
                if let Some(op) = foreign::lookalike(self.text(token.span)) {
                    self.infix(op, token.span);
                } else if self.begins_value(self.token()) {
                    self.join(level::MULTIPLY, false);
                }
            }
            _ => self.missing_operator(token),
        }
    }

    pub(super) fn split_operator_here(&mut self, token: Token) -> bool {
        let next = self.peek(1);
        let Some((op, joined)) = foreign::joined(self.text(token.span), self.text(next.span)) else {
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
    pub(super) fn join(&mut self, level: u8, missing: bool) {
        self.reduce(level);
        self.frames.push(Frame::Bad { level, missing });
        self.want_operand = true;
    }

    pub(super) fn infix(&mut self, op: BinaryOp, at: Span) {
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
    pub(super) fn chain(&mut self, at: Span) -> bool {
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

    pub(super) fn question(&mut self, at: Span, reported: bool) {
        self.reduce(level::ELSE);
        self.deeper(at);
        self.frames.push(Frame::Then { question: at, reported });
        self.want_operand = true;
    }

    pub(super) fn colon(&mut self, at: Span) {
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

    pub(super) fn comma(&mut self, at: Span) {
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

    // ----- words after a value

    pub(super) fn offset(&mut self, at: Span) {
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
            Kind::Word => self.peek(1).kind != Kind::OpenRound && !foreign::is_prefix_word(self.text(token.span)),
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

    pub(super) fn word_in(&mut self, at: Span) {
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

    pub(super) fn operator_word(&mut self, at: Span) {
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
        if let Some(found) = foreign::operator_word(word) {
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
    pub(super) fn after_if_word(&mut self, word: &str, at: Span) {
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
    pub(super) fn window_word(&mut self, at: Span, word: &str) {
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

    pub(super) fn infix_bang(&mut self, at: Span) {
        if !self.after_fault() {
            self.infix_not(at);
        }
        self.pass_faulty();
        if self.token().kind != Kind::In {
            self.join(level::COMPARISON, false);
        }
    }

    pub(super) fn foreign(&mut self, at: Span) {
        let found = foreign::foreign_operator(self.text(at));
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
    pub(super) fn missing_operator(&mut self, token: Token) {
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
}
