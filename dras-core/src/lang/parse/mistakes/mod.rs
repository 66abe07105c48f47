//! What is said about mistakes: one method for each, with the corrected text where it can be known.

mod operators;
mod values;

use std::borrow::Cow;
use std::sync::Arc;

use super::super::ast::BinaryOp;
use super::super::token::{Kind, Token};
use super::foreign::{foreign_operator, lookalike, operator_word, written};
use super::{Frame, Parser};
use crate::diagnostic::{Code, Diagnostic, Span, codes};
use crate::literal::{Fault, quote};
use crate::names::is_part;

/// A corrected text longer than this many bytes is not worth reading.
const CORRECTED: usize = 120;

/// Bytes that are not UTF-8, shown with the replacement character in place of the first wrong one.
pub(super) fn not_utf8(source: &[u8], error: std::str::Utf8Error) -> Diagnostic {
    let at = error.valid_up_to();
    let lossy: Arc<str> = String::from_utf8_lossy(source).into();
    let byte = source.get(at).copied().unwrap_or_default();
    Diagnostic::new(
        codes::NOT_UTF8,
        Span::new(at, at + '\u{fffd}'.len_utf8()),
        format!("the expression is not UTF-8: byte {at} is 0x{byte:02x}"),
    )
    .label("not a character")
    .help("save the document as UTF-8")
    .with_source(&lossy)
}

/// The token grammar was stopped by the runtime, not by the text.
pub(super) fn unreadable(source: &Arc<str>, whole: Span, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::TOO_MANY_NODES, whole, format!("the expression could not be read: {reason}"))
        .help("call the library on a thread with at least 128 KiB of free stack, and set no call limit for `pest` in the host process")
        .with_source(source)
}

impl Parser<'_> {
    /// User text for a message: short, and on one line.
    fn shown(&self, span: Span) -> Cow<'_, str> {
        one_line(quote(self.text(span).trim()))
    }

    /// The whole text with every operator of another language replaced, where that is short enough to read.
    fn corrected(&self) -> Option<String> {
        if self.source.len() > CORRECTED || self.source.contains(['\n', '\r']) {
            return None;
        }
        let mut result = String::with_capacity(self.source.len() + 8);
        let mut copied = 0;
        let mut after_value = false;
        let mut changed = false;
        for token in &self.tokens {
            let text = self.text(token.span);
            let negation = token.kind == Kind::Word && text.eq_ignore_ascii_case("not");
            if after_value && token.kind == Kind::Word && operator_word(text).is_some_and(|w| w.write.is_none()) {
                return None;
            }
            let replacement = match token.kind {
                Kind::Foreign if after_value => foreign_operator(text).write,
                Kind::Foreign if text == "~" => Some("!"),
                Kind::Word if after_value => operator_word(text).and_then(|w| w.write),
                Kind::Word if negation => Some("!"),
                Kind::Plus if !after_value => Some(""),
                Kind::Unknown => lookalike(text).map(written),
                _ => None,
            };
            after_value = token.kind.ends_value() && replacement.is_none();
            if let Some(replacement) = replacement {
                let start = token.span.start as usize;
                result.push_str(&self.source[copied..start]);
                result.push_str(replacement);
                copied = token.span.end as usize;
                if negation {
                    copied += self.source[copied..].len() - self.source[copied..].trim_start().len();
                }
                changed = true;
            }
        }
        result.push_str(&self.source[copied..]);
        changed.then(|| result.trim().to_owned())
    }

    /// `write …` with the whole corrected text, or with the operator alone.
    fn write(&self, operator: &str) -> String {
        match self.corrected() {
            Some(corrected) => format!("write `{corrected}`"),
            None => format!("write `{operator}`"),
        }
    }

    /// The whole text, changed by `change`, where that is short enough to read.
    fn whole(&self, change: impl FnOnce(&str) -> String) -> Option<String> {
        (self.source.len() <= CORRECTED && !self.source.contains(['\n', '\r']))
            .then(|| change(self.source).trim().to_owned())
    }

    // ----- limits

    pub(super) fn too_many_nodes(&self, at: Span) -> Diagnostic {
        let most = self.limits.max_nodes;
        Diagnostic::new(
            codes::TOO_MANY_NODES,
            at,
            format!("the expression has more than {most} values and operators"),
        )
        .label("the limit is reached here")
        .help("split it into named definitions, or raise the limit where the library is called")
    }

    pub(super) fn too_deep(&self, at: Span) -> Diagnostic {
        let most = self.limits.max_depth;
        Diagnostic::new(
            codes::TOO_DEEP,
            at,
            format!("the expression is nested more than {most} deep"),
        )
        .label("the limit is reached here")
        .help("name inner parts with definitions, or raise the limit where the library is called")
    }

    // ----- characters and literals

    pub(super) fn comment(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::UNKNOWN_CHARACTER, at, "expressions have no comments")
                .label("a comment")
                .help("write it in the `doc` field of the rule"),
        );
    }

    pub(super) fn unknown(&mut self, token: Token) {
        let touching = self.previous().is_some_and(|p| p.span.end == token.span.start);
        if self.after_fault() && touching {
            return;
        }
        let text = self.text(token.span);
        if token.kind == Kind::Selector {
            self.swallowed |= !text.ends_with('}');
            self.report(
                Diagnostic::new(
                    codes::UNKNOWN_CHARACTER,
                    token.span,
                    format!("`{}` is not part of an expression", self.shown(token.span)),
                )
                .label("a label selector")
                .help("which series a metric has is said by its query in the rule document"),
            );
            return;
        }
        let first = text.chars().next().unwrap_or(' ');
        let message = if text.chars().any(|c| c.is_whitespace() || c.is_control())
            || text.len() == first.len_utf8() && !first.is_ascii()
        {
            format!(
                "the character `{}` (U+{:04X}) is not part of the language",
                one_line(quote(text)),
                first as u32
            )
        } else {
            format!("`{}` is not part of the language", one_line(quote(text)))
        };
        let help = match (lookalike(text), first) {
            (Some(op), _) => Some(self.write(written(op))),
            (_, c) if c.is_whitespace() => Some("write an ordinary space".to_owned()),
            (_, '@') => Some("for the past write `x offset 1d`".to_owned()),
            (_, '.') => Some("a name begins with a letter or `_`, a number with a digit".to_owned()),
            (_, '$') if self.peek(1).kind == Kind::Word && self.peek(1).span.start == token.span.end => {
                Some("names are written without `$`".to_owned())
            }
            (_, '，' | '、') => Some("write `,`".to_owned()),
            (_, '（' | '）') => Some("write `(` and `)`".to_owned()),
            (_, c) if c.is_alphabetic() => Some("names are written with the letters a to z, digits and `_`".to_owned()),
            _ => None,
        };
        let mut diagnostic = Diagnostic::new(codes::UNKNOWN_CHARACTER, token.span, message).label("unknown here");
        diagnostic.help = help;
        self.report(diagnostic);
    }

    pub(super) fn quoted(&mut self, at: Span) {
        let text = self.text(at);
        let quotes = ['`', '“', '”', '„', '‘', '’'];
        let content = text.trim_matches(quotes);
        if !text.ends_with(quotes) || text.chars().count() < 2 {
            self.swallowed = true;
        }
        self.report(
            Diagnostic::new(
                codes::UNKNOWN_CHARACTER,
                at,
                "these quotes are not part of the language",
            )
            .label("texts stand in `'` or `\"`")
            .help(format!("write `'{}'`", quote(content))),
        );
    }

    pub(super) fn unterminated_text(&mut self, at: Span) {
        self.swallowed = true;
        let text = self.text(at);
        let raw = usize::from(text.starts_with('r'));
        let quote_mark = text.get(raw..=raw).unwrap_or("'");
        let start = at.start as usize;
        let mut diagnostic = Diagnostic::new(
            codes::UNTERMINATED_TEXT,
            Span::new(start, start + raw + 1),
            "the text is not closed",
        )
        .label(format!("no closing `{quote_mark}` on this line"));
        // Where the text holds what looks like the rest of the expression, nobody knows where it should have ended.
        let plain = text[raw + 1..]
            .trim_end()
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.:/ ".contains(c));
        diagnostic.help = Some(if plain && text.len() < 40 {
            format!("close it where it ends: `{}{quote_mark}`", text.trim_end())
        } else {
            format!("add `{quote_mark}` where the text ends")
        });
        self.report(diagnostic);
    }

    pub(super) fn malformed_name(&mut self, at: Span) {
        let text = self.text(at);
        let parts: Vec<&str> = text.split('.').filter(|p| is_part(p)).collect();
        let diagnostic = Diagnostic::new(codes::MALFORMED_NAME, at, format!("`{}` is not a name", self.shown(at)))
            .label("each part between dots begins with a letter or `_`");
        let all_letters = text.split('.').all(|p| p.is_empty() || is_part(p));
        self.report(if all_letters {
            diagnostic.help(format!("write `{}`", quote(&parts.join("."))))
        } else {
            diagnostic
        });
    }

    pub(super) fn faulty_literal(&mut self, code: Code, token: Span, fault: Fault) {
        let start = token.start as usize;
        let mut diagnostic =
            Diagnostic::new(code, Span::new(start + fault.start, start + fault.end), fault.message).label(fault.label);
        diagnostic.help = fault.help;
        self.report(diagnostic);
    }

    pub(super) fn not_a_value(&mut self, at: Span) {
        let word = self.shown(at).into_owned();
        let compared = match (self.frames.last(), self.operands.last()) {
            (Some(Frame::Binary(BinaryOp::Equal)), Some(left)) => Some(("!", self.shown(left.outer))),
            (Some(Frame::Binary(BinaryOp::NotEqual)), Some(left)) => Some(("", self.shown(left.outer))),
            _ => None,
        };
        let help = match compared {
            Some((not, left)) => format!("write `{not}defined({left})`"),
            None => "ask with `defined(x)`, replace with `x ?? 0`".to_owned(),
        };
        self.report(
            Diagnostic::new(
                codes::NOT_A_VALUE,
                at,
                format!("there is no `{word}`: a value is there, or it is undefined"),
            )
            .label("not a value of this language")
            .help(help),
        );
    }
}

fn one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ").into()
    } else {
        text
    }
}
