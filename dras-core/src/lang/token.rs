//! Text → tokens.

use pest::Parser as _;
use pest::Token as Edge;

use crate::diagnostic::Span;

#[allow(unreachable_pub, missing_docs)] // The derive makes its own items public; this module keeps them private.
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "lang/grammar.pest"]
    pub struct Grammar;
}

use grammar::{Grammar, Rule};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name, or a word that means something only in its place.
    Word,
    /// A word with a dot in the wrong place: `heap.`, `a..b`, `heap.5`.
    BadWord,
    True,
    False,
    In,
    Offset,
    /// A number with its unit, well formed or not.
    Number,
    Text,
    RawText,
    OpenText,
    /// A text in typographic quotes or backticks.
    Quoted,
    OpenRound,
    CloseRound,
    OpenSquare,
    CloseSquare,
    Comma,
    Question,
    Colon,
    Bang,
    Minus,
    Plus,
    Times,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Matches,
    MatchesNot,
    And,
    Or,
    Else,
    /// An operator of another language.
    Foreign,
    /// `{…}`
    Selector,
    /// One or more characters that mean nothing.
    Unknown,
    /// After the last token.
    End,
}

impl Kind {
    /// Whether a value begins with this token and with nothing else than a value.
    pub(crate) fn begins_value(self) -> bool {
        matches!(
            self,
            Kind::Word
                | Kind::BadWord
                | Kind::True
                | Kind::False
                | Kind::Number
                | Kind::Text
                | Kind::RawText
                | Kind::OpenText
                | Kind::Quoted
                | Kind::OpenRound
        )
    }

    /// Whether a value ends with this token.
    pub(crate) fn ends_value(self) -> bool {
        matches!(self, Kind::CloseRound | Kind::CloseSquare) || (self.begins_value() && self != Kind::OpenRound)
    }

    pub(crate) fn opens(self) -> bool {
        matches!(self, Kind::OpenRound | Kind::OpenSquare)
    }

    pub(crate) fn closes(self) -> bool {
        matches!(self, Kind::CloseRound | Kind::CloseSquare)
    }
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// The tokens of a text.
pub(crate) struct Tokens {
    /// In order; the last one is [`Kind::End`].
    pub(crate) tokens: Vec<Token>,
    /// Comments: they are not allowed, but nothing else needs to know that they were there.
    pub(crate) comments: Vec<Span>,
}

/// Splits `source` into tokens.
///
/// # Errors
///
/// The grammar matches every text, so only the limits of the `pest` runtime are left: less than 64 KiB of stack, or a limit on calls that
/// the host process has set for all users of `pest`. The error says which.
pub(crate) fn tokens(source: &str) -> Result<Tokens, String> {
    match super::plain::tokens(source) {
        Some(tokens) => Ok(Tokens {
            tokens,
            comments: Vec::new(),
        }),
        None => by_grammar(source),
    }
}

/// The same through the grammar, which defines what a token is.
pub(super) fn by_grammar(source: &str) -> Result<Tokens, String> {
    let program = Grammar::parse(Rule::program, source).map_err(|e| e.variant.message().into_owned())?;
    let mut tokens: Vec<Token> = Vec::with_capacity(source.len() / 3 + 2);
    let mut comments = Vec::new();
    // Where the operator that was put together last ends.
    let mut operator_end = 0;
    let mut start = 0;
    // Tokens do not nest, so their starts and ends alternate; walking over these is several times faster than over pairs.
    for end in program.tokens() {
        let (rule, end) = match end {
            Edge::Start { pos, .. } => {
                start = pos.pos();
                continue;
            }
            Edge::End { rule, pos } => (rule, pos.pos()),
        };
        let mut span = Span::new(start, end);
        let kind = match rule {
            Rule::word => word(span.text(source)),
            Rule::number => Kind::Number,
            Rule::symbol | Rule::slash => {
                if span.start < operator_end {
                    continue;
                }
                let (length, kind) = operator(&source.as_bytes()[start..]);
                span.end = span.start + length;
                operator_end = span.end;
                kind
            }
            Rule::text => Kind::Text,
            Rule::raw_text => Kind::RawText,
            Rule::open_text => Kind::OpenText,
            Rule::quoted => Kind::Quoted,
            Rule::selector => Kind::Selector,
            Rule::line_comment | Rule::block_comment => {
                comments.push(span);
                continue;
            }
            Rule::EOI => break,
            _ => {
                // Neighbouring unknown characters are one mistake.
                if let Some(last) = tokens.last_mut()
                    && last.kind == Kind::Unknown
                    && last.span.end == span.start
                {
                    last.span.end = span.end;
                    continue;
                }
                Kind::Unknown
            }
        };
        tokens.push(Token { kind, span });
    }
    tokens.push(end(source));
    Ok(Tokens { tokens, comments })
}

/// What stands after the last token.
pub(super) fn end(source: &str) -> Token {
    Token {
        kind: Kind::End,
        span: Span::new(source.len(), source.len()),
    }
}

pub(super) fn word(text: &str) -> Kind {
    match text {
        "true" => Kind::True,
        "false" => Kind::False,
        "in" => Kind::In,
        "offset" => Kind::Offset,
        _ if text.as_bytes().contains(&b'.') && !text.split('.').all(crate::names::is_part) => Kind::BadWord,
        _ => Kind::Word,
    }
}

/// The longest operator at the start of `rest`, which begins with a symbol, and its length.
pub(super) fn operator(rest: &[u8]) -> (u32, Kind) {
    let byte = |i: usize| rest.get(i).copied().unwrap_or(0);
    match (byte(0), byte(1), byte(2)) {
        (b'(', ..) => (1, Kind::OpenRound),
        (b')', ..) => (1, Kind::CloseRound),
        (b'[', ..) => (1, Kind::OpenSquare),
        (b']', ..) => (1, Kind::CloseSquare),
        (b',', ..) => (1, Kind::Comma),
        (b'=' | b'!', b'=', b'=') | (b'<', b'=', b'>') => (3, Kind::Foreign),
        (b'=', b'=', _) => (2, Kind::Equal),
        (b'=', b'~', _) => (2, Kind::Matches),
        (b'!', b'=', _) => (2, Kind::NotEqual),
        (b'!', b'~', _) => (2, Kind::MatchesNot),
        (b'<', b'=', _) => (2, Kind::LessEqual),
        (b'>', b'=', _) => (2, Kind::GreaterEqual),
        (b'&', b'&', _) => (2, Kind::And),
        (b'|', b'|', _) => (2, Kind::Or),
        (b'?', b'?', _) => (2, Kind::Else),
        // The second slash may begin a comment.
        (b'/', b'/', b'*') => (1, Kind::Divide),
        (b'=' | b'<', b'>' | b'<', _)
        | (b'>' | b'-', b'>', _)
        | (b'*', b'*', _)
        | (b'/', b'/', _)
        | (b'+' | b'-' | b'*' | b'/' | b':' | b'~', b'=', _) => (2, Kind::Foreign),
        (b'?', ..) => (1, Kind::Question),
        (b':', ..) => (1, Kind::Colon),
        (b'!', ..) => (1, Kind::Bang),
        (b'-', ..) => (1, Kind::Minus),
        (b'+', ..) => (1, Kind::Plus),
        (b'*', ..) => (1, Kind::Times),
        (b'/', ..) => (1, Kind::Divide),
        (b'%', ..) => (1, Kind::Remainder),
        (b'<', ..) => (1, Kind::Less),
        (b'>', ..) => (1, Kind::Greater),
        _ => (1, Kind::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(Kind, &str)> {
        let mut tokens = tokens(source).unwrap().tokens;
        assert_eq!(tokens.pop().unwrap().kind, Kind::End);
        tokens.iter().map(|t| (t.kind, t.span.text(source))).collect()
    }

    #[test]
    fn percent_and_remainder_are_told_apart_by_what_follows() {
        let percent = |literal| vec![(Kind::Number, literal)];
        let remainder = |a, b| vec![(Kind::Number, a), (Kind::Remainder, "%"), b];
        assert_eq!(texts("80%"), percent("80%"));
        assert_eq!(
            texts("80% < cpu"),
            [(Kind::Number, "80%"), (Kind::Less, "<"), (Kind::Word, "cpu")]
        );
        assert_eq!(
            texts("80%-5%"),
            [(Kind::Number, "80%"), (Kind::Minus, "-"), (Kind::Number, "5%")]
        );
        assert_eq!(texts("6%3.14"), remainder("6", (Kind::Number, "3.14")));
        assert_eq!(texts("6%.5"), remainder("6", (Kind::Number, ".5")));
        assert_eq!(texts("6%x"), remainder("6", (Kind::Word, "x")));
        assert_eq!(texts("6%(x)")[..3], remainder("6", (Kind::OpenRound, "(")));
        assert_eq!(texts("10 % 3"), remainder("10", (Kind::Number, "3")));
        assert_eq!(texts("(80%)")[1], (Kind::Number, "80%"));
        assert_eq!(texts("80%/m"), percent("80%/m"));
    }

    #[test]
    fn a_rate_ends_where_a_longer_name_begins() {
        assert_eq!(texts("1000/s"), [(Kind::Number, "1000/s")]);
        assert_eq!(texts("5MiB/ms"), [(Kind::Number, "5MiB/ms")]);
        assert_eq!(
            texts("2/slots"),
            [(Kind::Number, "2"), (Kind::Divide, "/"), (Kind::Word, "slots")]
        );
        assert_eq!(
            texts("2/s.x"),
            [(Kind::Number, "2"), (Kind::Divide, "/"), (Kind::Word, "s.x")]
        );
        assert_eq!(
            texts("2/max(a)")[..3],
            [(Kind::Number, "2"), (Kind::Divide, "/"), (Kind::Word, "max")]
        );
        assert_eq!(texts("2 /s")[1], (Kind::Divide, "/"));
    }

    #[test]
    fn signs_belong_to_a_number_only_in_its_exponent() {
        assert_eq!(texts("1e-3"), [(Kind::Number, "1e-3")]);
        assert_eq!(texts("1E+3"), [(Kind::Number, "1E+3")]);
        assert_eq!(
            texts("1-3"),
            [(Kind::Number, "1"), (Kind::Minus, "-"), (Kind::Number, "3")]
        );
        assert_eq!(texts("1e-x"), [(Kind::Number, "1e-x")]);
    }

    #[test]
    fn every_text_is_covered_by_tokens_spaces_and_comments() {
        for source in [
            "",
            "\0",
            "a\u{a0}b",
            "'x",
            "r'x",
            "x'y'z\"",
            "# é\n/* x",
            "{{{{",
            "“a” ‘",
            "`",
            "é\u{301}日本",
            "r'\\'",
            "'\\'",
        ] {
            let found = tokens(source).unwrap();
            let mut spans: Vec<Span> = found.tokens.iter().map(|t| t.span).chain(found.comments).collect();
            spans.sort();
            let mut at = 0;
            for span in spans {
                assert!(
                    source[at..span.start as usize]
                        .trim_matches([' ', '\n', '\r', '\t'])
                        .is_empty(),
                    "{source:?}"
                );
                at = span.end as usize;
            }
            assert_eq!(at, source.len(), "{source:?}");
        }
    }
}
