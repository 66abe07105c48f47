//! Values that are missing; brackets, lists and windows.

use super::super::{Frame, Parser};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::lang::token::{Kind, Token};
use crate::literal::quote;

impl Parser<'_> {
    // ----- missing values

    /// A value is expected where `token` stands.
    pub(in crate::lang::parse) fn missing_operand(&mut self, token: Token) {
        let at_end = token.kind == Kind::End;
        let Some(previous) = self.previous() else {
            if !at_end {
                let text = self.shown(token.span).into_owned();
                self.missing(
                    token.span,
                    format!("a value is missing before `{text}`"),
                    "expected a value before this",
                    None,
                );
            } else if !self.swallowed {
                let diagnostic = Diagnostic::new(
                    codes::EMPTY_EXPRESSION,
                    Span::new(0, self.source.len()),
                    "the expression is empty",
                )
                .label("nothing to evaluate")
                .help("write a value or condition, for example `cpu > 80%`");
                self.report(diagnostic);
            }
            return;
        };
        // What is not closed is reported in any case, and says enough.
        let open = !self.brackets.is_empty();
        if at_end && open && (previous.kind.opens() || previous.kind == Kind::Comma) {
            return;
        }
        if let Some(Frame::Window { .. }) = self.frames.last() {
            self.mark_bad();
            if !at_end {
                let text = self.shown(previous.span).into_owned();
                self.bad_window(
                    previous.span,
                    format!("a length is missing after `{text}`"),
                    "expected a length after this",
                    "write for example `[current 1h]` or `[20 samples in 10m]`".to_owned(),
                );
            }
            return;
        }
        if at_end && previous.kind == Kind::Question {
            self.incomplete_conditional(previous.span);
            return;
        }
        let (before, here) = (
            self.shown(previous.span).into_owned(),
            self.shown(token.span).into_owned(),
        );
        if previous.kind == Kind::Question && token.kind == Kind::Colon {
            let help = "to replace an undefined value write `value ?? other`";
            self.missing(
                previous.span.to(token.span),
                "a value is missing between `?` and `:`".to_owned(),
                "no value here",
                Some(help.into()),
            );
        } else if previous.kind == Kind::Comma || token.kind == Kind::Comma {
            let what = match self.innermost() {
                Some(Frame::List { .. }) => "an element",
                Some(Frame::Call { .. }) => "an argument",
                _ => "a value",
            };
            let (span, side, text) = match token.kind {
                Kind::Comma if previous.kind.opens() || previous.kind == Kind::Comma => (token.span, "before", &here),
                _ => (previous.span, "after", &before),
            };
            self.missing(
                span,
                format!("{what} is missing {side} `{text}`"),
                &format!("expected a value {side} this"),
                None,
            );
        } else if at_end || token.kind.closes() && !previous.kind.opens() {
            self.missing(
                previous.span,
                format!("a value is missing after `{before}`"),
                "expected a value after this",
                None,
            );
        } else if token.kind.closes() {
            let span = previous.span.to(token.span);
            self.missing(
                span,
                format!("a value is missing between `{before}` and `{here}`"),
                "nothing between the brackets",
                None,
            );
        } else if previous.kind.opens() {
            self.missing(
                token.span,
                format!("a value is missing before `{here}`"),
                "expected a value before this",
                None,
            );
        } else {
            let message = format!("a value is missing between `{before}` and `{here}`");
            self.missing(token.span, message, "expected a value before this", None);
        }
    }

    pub(in crate::lang::parse) fn missing(&mut self, at: Span, message: String, label: &str, help: Option<String>) {
        let mut diagnostic = Diagnostic::new(codes::EXPECTED_EXPRESSION, at, message).label(label);
        diagnostic.help = help;
        self.report(diagnostic);
    }

    pub(in crate::lang::parse) fn misplaced_list(&mut self, at: Span) {
        self.missing(
            at,
            "a value is missing before `[`".to_owned(),
            "expected a value before this",
            Some("a window follows a metric: `cpu[5m]`; a list follows `in`: `task_type in ['sql', 'cep']`".to_owned()),
        );
    }

    pub(in crate::lang::parse) fn unary_plus(&mut self, at: Span) {
        let diagnostic =
            Diagnostic::new(codes::UNARY_PLUS, at, "there is no unary `+`").label("a value is expected here");
        let help = self
            .corrected()
            .map_or("remove it".to_owned(), |c| format!("write `{c}`"));
        self.report(diagnostic.help(help));
    }

    // ----- brackets, lists, windows

    /// A closing bracket that is `stray`, or else closes the innermost open bracket with the wrong kind.
    pub(in crate::lang::parse) fn unmatched(&mut self, token: Token, stray: bool) {
        let text = self.text(token.span).to_owned();
        let innermost = self.innermost().and_then(|f| f.open().map(|open| (f, open)));
        let closing = innermost.map_or("", |(f, _)| if f.is_round() { ")" } else { "]" });
        let (message, label) = match innermost {
            None => (format!("`{text}` closes nothing"), "no bracket is open here".to_owned()),
            Some((_, open)) => (
                format!("`{text}` does not close `{}`", self.text(open)),
                format!("expected `{closing}`"),
            ),
        };
        let help = if stray {
            let without = self.whole(|s| {
                let (start, end) = (token.span.start as usize, token.span.end as usize);
                format!("{}{}", &s[..start], s[end..].trim_start_matches(' '))
            });
            // The whole text is shown only where this makes it right.
            let without = without.filter(|h| !h.is_empty() && self.errors.is_empty() && innermost.is_none());
            without.map_or("remove it".to_owned(), |h| format!("remove it: `{h}`"))
        } else {
            format!("write `{closing}`")
        };
        self.report(
            Diagnostic::new(codes::UNMATCHED_BRACKET, token.span, message)
                .label(label)
                .help(help),
        );
    }

    pub(in crate::lang::parse) fn closing(&self, open: Span) -> &'static str {
        if self.text(open) == "(" { ")" } else { "]" }
    }

    /// `open` is not closed before `token`, which closes a bracket further out.
    pub(in crate::lang::parse) fn unclosed_before(&mut self, open: Span, token: Token) {
        let (bracket, closing) = (self.text(open), self.closing(open));
        let help = format!("add `{closing}` before `{}`", self.text(token.span));
        self.report(
            Diagnostic::new(codes::UNCLOSED_BRACKET, open, format!("`{bracket}` is not closed"))
                .label(format!("its `{closing}` is missing"))
                .help(help),
        );
    }

    /// Brackets that are open at the end, the innermost first.
    pub(in crate::lang::parse) fn unclosed(&mut self, open: &[Span]) {
        let closing: String = open.iter().map(|o| self.closing(*o)).collect();
        let text = self.text(open[0]);
        let (message, label) = match open.len() {
            1 => (format!("`{text}` is not closed"), format!("its `{closing}` is missing")),
            n => (
                format!("{n} brackets are not closed"),
                "the innermost of them".to_owned(),
            ),
        };
        let shown = quote(&closing).into_owned();
        // The whole text is shown only where this makes it right.
        let last = self.tokens.iter().rev().find(|t| t.kind != Kind::End);
        let complete = self.errors.is_empty() && last.is_some_and(|t| t.kind.ends_value());
        let help = match self
            .whole(|s| format!("{}{closing}", s.trim_end()))
            .filter(|_| complete)
        {
            Some(whole) => format!("add `{shown}` at the end: `{whole}`"),
            None => format!("add `{shown}` at the end, or where it belongs"),
        };
        self.report(
            Diagnostic::new(codes::UNCLOSED_BRACKET, open[0], message)
                .label(label)
                .help(help),
        );
    }

    pub(in crate::lang::parse) fn empty_list(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::BAD_LIST, at, "the list after `in` is empty")
                .label("no elements")
                .help("write for example `['sql', 'cep']`"),
        );
    }

    pub(in crate::lang::parse) fn in_without_list(&mut self, at: Span, next: Token) {
        let left = self.operands.last().map_or("x".into(), |o| self.shown(o.outer));
        let right = self.shown(next.span);
        let help = format!("write `{left} in [{right}]` or `{left} == {right}`");
        let simple = next.kind.begins_value() && next.kind != Kind::OpenRound;
        let help = if simple {
            help
        } else {
            "a list is written `[a, b]`".to_owned()
        };
        let message = format!("`in` needs a list, and `{right}` is none");
        self.report(
            Diagnostic::new(codes::BAD_LIST, at.to(next.span), message)
                .label("expected `[` after `in`")
                .help(help),
        );
    }

    pub(in crate::lang::parse) fn in_with_round_brackets(&mut self, at: Span, open: Span) {
        self.report(
            Diagnostic::new(codes::BAD_LIST, at.to(open), "a list stands in square brackets")
                .label("expected `[` after `in`")
                .help("write for example `task_type in ['sql', 'cep']`"),
        );
    }

    pub(in crate::lang::parse) fn bad_window(&mut self, at: Span, message: String, label: &str, help: String) {
        self.report(Diagnostic::new(codes::BAD_WINDOW, at, message).label(label).help(help));
    }

    pub(in crate::lang::parse) fn empty_window(&mut self, at: Span) {
        let of = self
            .operands
            .last()
            .map_or("cpu".into(), |o| self.shown(o.outer))
            .into_owned();
        let help = format!("write for example `{of}[5m]` or `{of}[20 samples]`");
        self.bad_window(at, "the window has no length".to_owned(), "expected a length", help);
    }

    pub(in crate::lang::parse) fn comma_in_window(&mut self, at: Span) {
        let help = "write one length, for example `[5m]`; a list stands only after `in`".to_owned();
        self.bad_window(at, "a window has one length".to_owned(), "expected `]`", help);
    }

    pub(in crate::lang::parse) fn colon_in_window(&mut self, at: Span) {
        let help = "write one length, for example `[5m]`; there are no subqueries and no slices".to_owned();
        self.bad_window(at, "a window has one length".to_owned(), "expected `]`", help);
    }

    pub(in crate::lang::parse) fn value_in_window(&mut self, token: Token) {
        let here = self.shown(token.span).into_owned();
        let before = self.previous().map_or("", |p| self.text(p.span));
        let help = if ["last", "past"].contains(&before) {
            format!("write `[{here}]`")
        } else {
            "write for example `[5m]`, `[20 samples in 10m]`, `[current 1h]` or `[5m across marks]`".to_owned()
        };
        self.bad_window(
            token.span,
            format!("`{here}` does not belong in the window"),
            "expected `]`",
            help,
        );
    }

    pub(in crate::lang::parse) fn bad_window_word(&mut self, at: Span, word: &str) {
        let lower = word.to_ascii_lowercase();
        let help = match lower.as_str() {
            "sample" | "samples" | "points" | "values" => "write `[20 samples]`".to_owned(),
            "in" => "`in` follows `samples`: `[20 samples in 10m]`".to_owned(),
            "across" | "marks" | "mark" | "restarts" => "write `[5m across marks]`".to_owned(),
            "current" | "previous" => format!("write `[{lower} 1h]`"),
            _ => match crate::diagnostic::did_you_mean(word, ["samples", "across"].into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write for example `[5m]`, `[20 samples in 10m]` or `[5m across marks]`".to_owned(),
            },
        };
        let shown = self.shown(at).into_owned();
        self.bad_window(
            at,
            format!("`{shown}` does not belong here in a window"),
            "unexpected here",
            help,
        );
    }

    pub(in crate::lang::parse) fn bad_offset(&mut self, at: Span, token: Token) {
        let next = self.peek(1);
        let help = if token.kind == Kind::Minus && next.kind == Kind::Number {
            format!("an offset always looks back: write `offset {}`", self.shown(next.span))
        } else if token.kind == Kind::Word {
            format!("put it in brackets: `offset ({}(…))`", self.shown(token.span))
        } else {
            "write for example `offset 1d`; put a computed duration in brackets".to_owned()
        };
        self.report(
            Diagnostic::new(codes::EXPECTED_EXPRESSION, at, "a duration is missing after `offset`")
                .label("expected a duration after this")
                .help(help),
        );
    }
}
