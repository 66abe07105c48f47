//! Mistakes with operators.

use super::super::foreign::{Foreign, foreign_operator};
use super::super::{Frame, Parser};
use super::CORRECTED;
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::lang::ast::{BinaryOp, NodeKind};
use crate::lang::token::{Kind, Token};
use crate::literal::quote;

impl Parser<'_> {
    // ----- operators of other languages

    pub(in crate::lang::parse) fn foreign_prefix(&mut self, at: Span) {
        let help = self.write("!");
        self.report(
            Diagnostic::new(codes::WORD_OPERATOR, at, "`~` is not an operator of this language")
                .label("negation is `!`")
                .help(help),
        );
    }

    pub(in crate::lang::parse) fn report_foreign(&mut self, at: Span, found: &Foreign) {
        let text = self.shown(at).into_owned();
        let diagnostic = if found.code == codes::POWER_OPERATOR {
            let help = self.power().unwrap_or_else(|| found.hint.to_owned());
            Diagnostic::new(found.code, at, format!("there is no operator `{text}`"))
                .label("powers are a function")
                .help(help)
        } else if found.code == codes::ASSIGNMENT {
            let help = found.write.map_or_else(|| found.hint.to_owned(), |w| self.write(w));
            Diagnostic::new(
                found.code,
                at,
                format!("`{text}` would assign, and expressions assign nothing"),
            )
            .label("to compare, write `==`")
            .help(help)
        } else if let Some(help) = self.rewritten(&text) {
            Diagnostic::new(found.code, at, format!("`{text}` is not an operator of this language"))
                .label("unknown operator")
                .help(format!("write `{help}`"))
        } else if let Some(write) = found.write {
            let label = match write {
                "&&" | "||" if matches!(&*text, "&" | "|") => {
                    format!("for logic, write `{write}`; there are no bitwise operators")
                }
                _ => format!("here it is written `{write}`"),
            };
            let help = self.write(write);
            Diagnostic::new(found.code, at, format!("`{text}` is not an operator of this language"))
                .label(label)
                .help(help)
        } else {
            Diagnostic::new(found.code, at, format!("`{text}` is not an operator of this language"))
                .label("unknown operator")
                .help(found.hint)
        };
        self.report(diagnostic);
    }

    /// `write pow(a, b)` with the operands of the operator at hand, where both are plain.
    pub(in crate::lang::parse) fn power(&self) -> Option<String> {
        let left = self.operands.last()?;
        let right = self.peek(1);
        let plain = matches!(right.kind, Kind::Number | Kind::Word)
            && !matches!(self.peek(2).kind, Kind::OpenRound | Kind::OpenSquare | Kind::Foreign);
        let left = self.nodes[left.id.index()].span;
        plain.then(|| format!("write `pow({}, {})`", self.shown(left), self.shown(right.span)))
    }

    /// `x not in […]`, `x between a and b`, `b if a else c` in this language, with the author's own texts. The operator is the current
    /// token, its left side the last operand.
    pub(in crate::lang::parse) fn rewritten(&self, word: &str) -> Option<String> {
        let left = self.shown(self.operands.last()?.outer);
        let span = |ahead: usize| self.peek(ahead).span;
        match &*word.to_ascii_lowercase() {
            "not" | "!" if self.peek(1).kind == Kind::In && self.peek(2).kind == Kind::OpenSquare => {
                let rest = self.tokens.get(self.at + 3..)?;
                let close = rest
                    .iter()
                    .find(|t| matches!(t.kind, Kind::CloseSquare | Kind::OpenSquare))?;
                let list = Span {
                    start: span(2).start,
                    end: close.span.end,
                };
                (close.kind == Kind::CloseSquare).then(|| format!("!({left} in {})", self.shown(list)))
            }
            "between" if self.text(span(2)).eq_ignore_ascii_case("and") => Some(format!(
                "{left} >= {} && {left} <= {}",
                self.shown(span(1)),
                self.shown(span(3))
            )),
            "if" if self.text(span(2)).eq_ignore_ascii_case("else") => {
                Some(format!("{} ? {left} : {}", self.shown(span(1)), self.shown(span(3))))
            }
            _ => None,
        }
    }

    pub(in crate::lang::parse) fn word_not(&mut self, at: Span) {
        let help = self.write("!");
        self.report(
            Diagnostic::new(
                codes::WORD_OPERATOR,
                at,
                format!("`{}` is not an operator of this language", self.shown(at)),
            )
            .label("negation is `!`")
            .help(help),
        );
    }

    pub(in crate::lang::parse) fn word_if(&mut self, at: Span) {
        let help = self
            .if_as_conditional()
            .unwrap_or_else(|| "write `condition ? value : other`".to_owned());
        self.report(
            Diagnostic::new(codes::WORD_OPERATOR, at, format!("there is no `{}`", self.shown(at)))
                .label("a choice is written with `?` and `:`")
                .help(help),
        );
    }

    /// `if a then b else c` in this language, with the author's own texts.
    pub(in crate::lang::parse) fn if_as_conditional(&self) -> Option<String> {
        let rest = self.tokens.get(self.at + 1..)?;
        let find = |word: &str| {
            rest.iter()
                .find(|t| t.kind == Kind::Word && self.text(t.span).eq_ignore_ascii_case(word))
        };
        let (then, otherwise) = (find("then")?.span, find("else")?.span);
        let between = |from: u32, to: u32| Span { start: from, end: to };
        let start = self.token().span.end;
        let end = rest
            .iter()
            .map(|t| t.span)
            .find(|s| s.start >= otherwise.end && self.text(*s) == ")");
        let end = end.map_or(self.source.len() as u32, |s| s.start);
        if self.source.len() > CORRECTED || then.start > otherwise.start {
            return None;
        }
        Some(format!(
            "write `{} ? {} : {}`",
            self.shown(between(start, then.start)),
            self.shown(between(then.end, otherwise.start)),
            self.shown(between(otherwise.end, end))
        ))
    }

    pub(in crate::lang::parse) fn infix_not(&mut self, at: Span) {
        let help = match (self.operands.last(), self.peek(1)) {
            (_, next) if next.kind == Kind::In => {
                format!(
                    "write `{}`",
                    self.rewritten("!").unwrap_or_else(|| "!(x in ['a'])".to_owned())
                )
            }
            (Some(left), next) if next.kind.begins_value() => {
                let (left, right) = (self.shown(left.outer), self.shown(next.span));
                format!("write `{left} != {right}` or `{left} && !{right}`")
            }
            _ => "`!` stands before a condition, `!=` between two values".to_owned(),
        };
        self.report(
            Diagnostic::new(codes::MISSING_OPERATOR, at, "`!` stands between two values")
                .label("`!` negates the condition after it; an operator is missing before it")
                .help(help),
        );
    }

    // ----- operators

    pub(in crate::lang::parse) fn report_missing_operator(&mut self, token: Token) {
        let Some(previous) = self.previous() else { return };
        let left = self.operands.last().map_or(previous.span, |o| o.outer);
        let (left, here) = (self.shown(left).into_owned(), self.shown(token.span).into_owned());
        let percent = self
            .text(previous.span)
            .strip_suffix('%')
            .filter(|_| previous.kind == Kind::Number);
        let help = match (percent, self.innermost()) {
            (Some(number), _) => format!(
                "if the remainder is meant, put a space before `%`: `{} % {here}`",
                quote(number)
            ),
            (_, Some(Frame::Call { .. } | Frame::List { .. })) => "put a `,` or an operator between them".to_owned(),
            _ if token.kind == Kind::Number => format!("put an operator between them, for example `{left} > {here}`"),
            _ if matches!(token.kind, Kind::Word | Kind::True | Kind::False) => {
                format!("put an operator between them, for example `{left} && {here}`")
            }
            _ if token.kind == Kind::OpenRound => format!("put an operator between them, for example `{left} * (…)`"),
            _ => "put an operator between them".to_owned(),
        };
        self.report(
            Diagnostic::new(
                codes::MISSING_OPERATOR,
                token.span,
                format!("an operator is missing between `{left}` and `{here}`"),
            )
            .label("expected an operator before this")
            .help(help),
        );
    }

    /// An operator with a space in it.
    pub(in crate::lang::parse) fn split_operator(&mut self, at: Span, joined: &str) {
        self.missing(
            at,
            format!("`{}` is split by a space", self.shown(at)),
            "an operator is written in one piece",
            Some(format!("write `{joined}`")),
        );
    }

    /// Reports a chain of comparisons that ends with the operand `last`.
    pub(in crate::lang::parse) fn chained(&mut self, index: u32, last: Span) {
        let parts = std::mem::take(&mut self.chains[index as usize]);
        if parts.is_empty() {
            return;
        }
        let mut written: Vec<String> = Vec::new();
        let mut length = 0;
        for (i, (left, operator)) in parts.iter().enumerate() {
            let right = parts.get(i + 1).map_or(last, |p| p.0);
            let operator = self.text(*operator).trim();
            let operator = foreign_operator(operator).write.unwrap_or(operator);
            let comparison = format!("{} {operator} {}", self.shown(*left), self.shown(right));
            length += comparison.len();
            if length > CORRECTED {
                written.clear();
                break;
            }
            written.push(comparison);
        }
        let mut help = if written.is_empty() {
            "compare twice and join the comparisons with `&&`".to_owned()
        } else {
            format!("write `{}`", written.join(" && "))
        };
        if parts.iter().any(|p| matches!(self.text(p.1).trim(), "==" | "!=")) {
            help.push_str(", or put one comparison in brackets");
        }
        let at = parts.get(1).map_or(last, |p| p.1);
        self.report(
            Diagnostic::new(codes::CHAINED_COMPARISON, at, "comparisons cannot be chained")
                .label("this would compare the result of the comparison before it")
                .help(help),
        );
    }

    /// Where the operand before `at` is an unbracketed `x in […]`: nothing binds tighter than that, and it is not chained.
    pub(in crate::lang::parse) fn postfix_needs_value(&mut self, at: Span) {
        let Some(operand) = self.operands.last().copied() else {
            return;
        };
        let node = self.nodes[operand.id.index()];
        if !matches!(node.kind, NodeKind::Binary(BinaryOp::In, ..)) || node.span != operand.outer {
            return;
        }
        let comparison = self.shown(operand.outer).into_owned();
        let diagnostic = Diagnostic::new(
            codes::CHAINED_COMPARISON,
            at,
            format!("`{}` cannot follow the list of `in`", self.shown(at)),
        )
        .label("the list is the whole right side")
        .help(format!("put the comparison in brackets: `({comparison})`"));
        self.report(diagnostic);
    }

    pub(in crate::lang::parse) fn incomplete_conditional(&mut self, question: Span) {
        if self.swallowed {
            return;
        }
        self.report(
            Diagnostic::new(codes::INCOMPLETE_CONDITIONAL, question, "`?` without `:`")
                .label("the value for the other case is missing")
                .help("a conditional has both arms: `condition ? value : other`"),
        );
    }

    pub(in crate::lang::parse) fn stray_colon(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::INCOMPLETE_CONDITIONAL, at, "`:` without `?`")
                .label("no `?` before this")
                .help("a conditional is written `condition ? value : other`"),
        );
    }

    pub(in crate::lang::parse) fn misplaced_comma(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::MISPLACED_COMMA, at, "a comma outside a call or list")
                .label("commas separate arguments and elements only")
                .help("join conditions with `&&` or `||`"),
        );
    }
}
