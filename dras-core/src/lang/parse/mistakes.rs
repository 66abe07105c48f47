//! What is said about mistakes: one method for each, with the corrected text where it can be known.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::ast::{BinaryOp, NodeKind};
use super::super::literal::{Fault, quote};
use super::super::token::{Kind, Token};
use super::{Frame, Parser, level};
use crate::diagnostic::{Code, Diagnostic, Span, codes};

/// A corrected text longer than this many bytes is not worth reading.
const CORRECTED: usize = 120;

/// What an operator of another language is here.
pub(super) struct Foreign {
    code: Code,
    /// What to write in its place.
    write: Option<&'static str>,
    /// What to say where no other operator can stand in its place.
    hint: &'static str,
    /// What the parser takes it for.
    pub(super) means: Option<BinaryOp>,
    /// How tightly it is taken to bind.
    pub(super) level: u8,
}

impl Foreign {
    fn op(write: &'static str, means: BinaryOp) -> Foreign {
        Foreign {
            code: codes::WORD_OPERATOR,
            write: Some(write),
            hint: "",
            means: Some(means),
            level: level::of(means),
        }
    }

    fn hint(hint: &'static str, level: u8) -> Foreign {
        Foreign {
            code: codes::WORD_OPERATOR,
            write: None,
            hint,
            means: None,
            level,
        }
    }

    fn code(self, code: Code) -> Foreign {
        Foreign { code, ..self }
    }
}

/// Words that other languages have between two values, and that no name in that place could be.
pub(super) fn operator_word(word: &str) -> Option<Foreign> {
    if word.len() > 10 {
        return None;
    }
    Some(match &*word.to_ascii_lowercase() {
        "and" => Foreign::op("&&", BinaryOp::And),
        "or" => Foreign::op("||", BinaryOp::Or),
        "xor" => Foreign::op("!=", BinaryOp::NotEqual),
        "mod" => Foreign::op("%", BinaryOp::Remainder),
        "div" => Foreign::op("/", BinaryOp::Divide),
        "eq" | "is" | "equals" => Foreign::op("==", BinaryOp::Equal),
        "ne" => Foreign::op("!=", BinaryOp::NotEqual),
        "gt" => Foreign::op(">", BinaryOp::Greater),
        "ge" | "gte" => Foreign::op(">=", BinaryOp::GreaterEqual),
        "lt" => Foreign::op("<", BinaryOp::Less),
        "le" | "lte" => Foreign::op("<=", BinaryOp::LessEqual),
        "like" | "matches" => Foreign::op("=~", BinaryOp::Matches),
        "contains" => Foreign::hint("write `contains(text, part)`", level::COMPARISON),
        "startswith" => Foreign::hint("write `starts_with(text, part)`", level::COMPARISON),
        "endswith" => Foreign::hint("write `ends_with(text, part)`", level::COMPARISON),
        "between" => Foreign::hint("write `x >= low && x <= high`", level::COMPARISON),
        "not" => Foreign::hint(
            "`!` stands before the condition: `!(x in ['a'])`, `!x`",
            level::COMPARISON,
        ),
        "unless" => Foreign::hint("write `a && !b`", level::AND),
        "if" => Foreign::hint("write `condition ? value : other`", level::CONDITIONAL),
        "then" => Foreign::hint("write `condition ? value : other`", level::CONDITIONAL),
        "else" => Foreign::hint(
            "for a value that may be undefined write `value ?? other`",
            level::CONDITIONAL,
        ),
        _ => return None,
    })
}

/// Operator words that are taken for an operator even where a value is expected.
pub(super) fn is_operator_word(word: &str) -> bool {
    matches!(word.len(), 2..=4)
        && ["and", "or", "then", "else"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(word))
}

/// Words that are refused before a value, and all operator words.
pub(super) fn is_prefix_word(word: &str) -> bool {
    is_operator_word(word) || word.eq_ignore_ascii_case("not") || word.eq_ignore_ascii_case("if")
}

/// Operators that the grammar knows only to refuse them.
pub(super) fn foreign_operator(text: &str) -> Foreign {
    match text {
        "=" | ":=" => Foreign::op("==", BinaryOp::Equal).code(codes::ASSIGNMENT),
        "+=" | "-=" | "*=" | "/=" => {
            Foreign::hint("expressions change nothing; to compare write `==`", level::COMPARISON)
                .code(codes::ASSIGNMENT)
        }
        "===" => Foreign::op("==", BinaryOp::Equal),
        "!==" | "<>" => Foreign::op("!=", BinaryOp::NotEqual),
        "=>" => Foreign::op(">=", BinaryOp::GreaterEqual),
        "=<" => Foreign::op("<=", BinaryOp::LessEqual),
        "~" | "~=" => Foreign::op("=~", BinaryOp::Matches),
        // With numbers these would be bitwise, so what they mean is left open.
        "&" => Foreign {
            write: Some("&&"),
            ..Foreign::hint("", level::AND)
        },
        "|" => Foreign {
            write: Some("||"),
            ..Foreign::hint("", level::OR)
        },
        "^" | "**" => Foreign::hint("write `pow(x, y)`", level::MULTIPLY).code(codes::POWER_OPERATOR),
        "<<" => Foreign::hint("there are no bitwise operators; write `x * pow(2, n)`", level::MULTIPLY),
        ">>" => Foreign::hint(
            "there are no bitwise operators; write `floor(x / pow(2, n))`",
            level::MULTIPLY,
        ),
        "//" => Foreign::hint(
            "for whole numbers write `floor(a / b)`; comments belong in the rule's `doc` field",
            level::MULTIPLY,
        ),
        ";" => {
            Foreign::hint("an expression has no end mark: remove it", level::CONDITIONAL).code(codes::UNKNOWN_CHARACTER)
        }
        _ => Foreign::hint("the expression reference lists the operators", level::MULTIPLY),
    }
}

/// The operator that a character from a word processor or a formula stands for.
pub(super) fn lookalike(text: &str) -> Option<BinaryOp> {
    Some(match text {
        "≥" => BinaryOp::GreaterEqual,
        "≤" => BinaryOp::LessEqual,
        "≠" => BinaryOp::NotEqual,
        "×" | "·" | "∙" => BinaryOp::Multiply,
        "÷" => BinaryOp::Divide,
        "−" | "–" | "—" => BinaryOp::Subtract,
        "∧" => BinaryOp::And,
        "∨" => BinaryOp::Or,
        _ => return None,
    })
}

/// The operator that two tokens would be without the space between them. No expression has such a pair.
pub(super) fn joined(first: &str, second: &str) -> Option<(BinaryOp, &'static str)> {
    let op = match (first, second) {
        (">", "=") => BinaryOp::GreaterEqual,
        ("<", "=") => BinaryOp::LessEqual,
        ("=", "=") => BinaryOp::Equal,
        ("!", "=") => BinaryOp::NotEqual,
        ("=", "~") => BinaryOp::Matches,
        ("!", "~") => BinaryOp::MatchesNot,
        ("&", "&") => BinaryOp::And,
        ("|", "|") => BinaryOp::Or,
        ("?", "?") => BinaryOp::Else,
        _ => return None,
    };
    Some((op, written(op)))
}

fn written(op: BinaryOp) -> &'static str {
    super::super::format::symbol(op)
}

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
        let parts: Vec<&str> = text.split('.').filter(|p| crate::names::is_part(p)).collect();
        let diagnostic = Diagnostic::new(codes::MALFORMED_NAME, at, format!("`{}` is not a name", self.shown(at)))
            .label("each part between dots begins with a letter or `_`");
        let all_letters = text.split('.').all(|p| p.is_empty() || crate::names::is_part(p));
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

    // ----- missing values

    /// A value is expected where `token` stands.
    pub(super) fn missing_operand(&mut self, token: Token) {
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

    fn missing(&mut self, at: Span, message: String, label: &str, help: Option<String>) {
        let mut diagnostic = Diagnostic::new(codes::EXPECTED_EXPRESSION, at, message).label(label);
        diagnostic.help = help;
        self.report(diagnostic);
    }

    pub(super) fn misplaced_list(&mut self, at: Span) {
        self.missing(
            at,
            "a value is missing before `[`".to_owned(),
            "expected a value before this",
            Some("a window follows a metric: `cpu[5m]`; a list follows `in`: `task_type in ['sql', 'cep']`".to_owned()),
        );
    }

    pub(super) fn unary_plus(&mut self, at: Span) {
        let diagnostic =
            Diagnostic::new(codes::UNARY_PLUS, at, "there is no unary `+`").label("a value is expected here");
        let help = self
            .corrected()
            .map_or("remove it".to_owned(), |c| format!("write `{c}`"));
        self.report(diagnostic.help(help));
    }

    // ----- operators of other languages

    pub(super) fn foreign_prefix(&mut self, at: Span) {
        let help = self.write("!");
        self.report(
            Diagnostic::new(codes::WORD_OPERATOR, at, "`~` is not an operator of this language")
                .label("negation is `!`")
                .help(help),
        );
    }

    pub(super) fn report_foreign(&mut self, at: Span, found: &Foreign) {
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
    fn power(&self) -> Option<String> {
        let left = self.operands.last()?;
        let right = self.peek(1);
        let plain = matches!(right.kind, Kind::Number | Kind::Word)
            && !matches!(self.peek(2).kind, Kind::OpenRound | Kind::OpenSquare | Kind::Foreign);
        let left = self.nodes[left.id.index()].span;
        plain.then(|| format!("write `pow({}, {})`", self.shown(left), self.shown(right.span)))
    }

    /// `x not in […]`, `x between a and b`, `b if a else c` in this language, with the author's own texts. The operator is the current
    /// token, its left side the last operand.
    fn rewritten(&self, word: &str) -> Option<String> {
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

    pub(super) fn word_not(&mut self, at: Span) {
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

    pub(super) fn word_if(&mut self, at: Span) {
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
    fn if_as_conditional(&self) -> Option<String> {
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

    pub(super) fn infix_not(&mut self, at: Span) {
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

    pub(super) fn report_missing_operator(&mut self, token: Token) {
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
    pub(super) fn split_operator(&mut self, at: Span, joined: &str) {
        self.missing(
            at,
            format!("`{}` is split by a space", self.shown(at)),
            "an operator is written in one piece",
            Some(format!("write `{joined}`")),
        );
    }

    /// Reports a chain of comparisons that ends with the operand `last`.
    pub(super) fn chained(&mut self, index: u32, last: Span) {
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
    pub(super) fn postfix_needs_value(&mut self, at: Span) {
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

    pub(super) fn incomplete_conditional(&mut self, question: Span) {
        if self.swallowed {
            return;
        }
        self.report(
            Diagnostic::new(codes::INCOMPLETE_CONDITIONAL, question, "`?` without `:`")
                .label("the value for the other case is missing")
                .help("a conditional has both arms: `condition ? value : other`"),
        );
    }

    pub(super) fn stray_colon(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::INCOMPLETE_CONDITIONAL, at, "`:` without `?`")
                .label("no `?` before this")
                .help("a conditional is written `condition ? value : other`"),
        );
    }

    pub(super) fn misplaced_comma(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::MISPLACED_COMMA, at, "a comma outside a call or list")
                .label("commas separate arguments and elements only")
                .help("join conditions with `&&` or `||`"),
        );
    }

    // ----- brackets, lists, windows

    /// A closing bracket that is `stray`, or else closes the innermost open bracket with the wrong kind.
    pub(super) fn unmatched(&mut self, token: Token, stray: bool) {
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

    fn closing(&self, open: Span) -> &'static str {
        if self.text(open) == "(" { ")" } else { "]" }
    }

    /// `open` is not closed before `token`, which closes a bracket further out.
    pub(super) fn unclosed_before(&mut self, open: Span, token: Token) {
        let (bracket, closing) = (self.text(open), self.closing(open));
        let help = format!("add `{closing}` before `{}`", self.text(token.span));
        self.report(
            Diagnostic::new(codes::UNCLOSED_BRACKET, open, format!("`{bracket}` is not closed"))
                .label(format!("its `{closing}` is missing"))
                .help(help),
        );
    }

    /// Brackets that are open at the end, the innermost first.
    pub(super) fn unclosed(&mut self, open: &[Span]) {
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

    pub(super) fn empty_list(&mut self, at: Span) {
        self.report(
            Diagnostic::new(codes::BAD_LIST, at, "the list after `in` is empty")
                .label("no elements")
                .help("write for example `['sql', 'cep']`"),
        );
    }

    pub(super) fn in_without_list(&mut self, at: Span, next: Token) {
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

    pub(super) fn in_with_round_brackets(&mut self, at: Span, open: Span) {
        self.report(
            Diagnostic::new(codes::BAD_LIST, at.to(open), "a list stands in square brackets")
                .label("expected `[` after `in`")
                .help("write for example `task_type in ['sql', 'cep']`"),
        );
    }

    fn bad_window(&mut self, at: Span, message: String, label: &str, help: String) {
        self.report(Diagnostic::new(codes::BAD_WINDOW, at, message).label(label).help(help));
    }

    pub(super) fn empty_window(&mut self, at: Span) {
        let of = self
            .operands
            .last()
            .map_or("cpu".into(), |o| self.shown(o.outer))
            .into_owned();
        let help = format!("write for example `{of}[5m]` or `{of}[20 samples]`");
        self.bad_window(at, "the window has no length".to_owned(), "expected a length", help);
    }

    pub(super) fn comma_in_window(&mut self, at: Span) {
        let help = "write one length, for example `[5m]`; a list stands only after `in`".to_owned();
        self.bad_window(at, "a window has one length".to_owned(), "expected `]`", help);
    }

    pub(super) fn colon_in_window(&mut self, at: Span) {
        let help = "write one length, for example `[5m]`; there are no subqueries and no slices".to_owned();
        self.bad_window(at, "a window has one length".to_owned(), "expected `]`", help);
    }

    pub(super) fn value_in_window(&mut self, token: Token) {
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

    pub(super) fn bad_window_word(&mut self, at: Span, word: &str) {
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

    pub(super) fn bad_offset(&mut self, at: Span, token: Token) {
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

fn one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ").into()
    } else {
        text
    }
}
