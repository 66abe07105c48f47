//! Plain tokens, read by hand: the words, numbers, texts without escapes and operators that nearly every expression consists of, ten times
//! as fast as through the grammar.
//!
//! The grammar stays what defines a token. A text that has anything else in it (comments, escapes, characters that mean nothing) is not
//! read here at all, and tests hold the two against each other.

use super::token::{Kind, Token, end, operator, word};
use crate::diagnostic::Span;

/// The tokens of `source` if all of them are plain, the last one [`Kind::End`]; `None` if the grammar has to be asked.
pub(super) fn tokens(source: &str) -> Option<Vec<Token>> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::with_capacity(source.len() / 3 + 2);
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let start = at;
        let kind = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'r' if matches!(bytes.get(at + 1), Some(b'\'' | b'"')) => return None,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = past(bytes, at, |b| is_name(b) || b == b'.');
                word(&source[start..at])
            }
            b'0'..=b'9' => {
                at = number(bytes, at)?;
                Kind::Number
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = number(bytes, at)?;
                Kind::Number
            }
            b'\'' | b'"' => {
                at = past(bytes, at + 1, |b| !matches!(b, b'\'' | b'"' | b'\\' | b'\n' | b'\r'));
                // The other quote may stand in a text, but seldom does.
                if bytes.get(at) != Some(&first) {
                    return None;
                }
                at += 1;
                Kind::Text
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => return None,
            b'!' | b'%'..=b'&' | b'('..=b'-' | b'/' | b':'..=b'?' | b'[' | b']'..=b'^' | b'|' | b'~' => {
                let (length, kind) = operator(&bytes[at..]);
                at += length as usize;
                kind
            }
            _ => return None,
        };
        tokens.push(Token {
            kind,
            span: Span::new(start, at),
        });
    }
    tokens.push(end(source));
    Some(tokens)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where the bytes from `at` on end that `belongs` takes.
#[inline]
fn past(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[at..]
        .iter()
        .position(|b| !belongs(*b))
        .map_or(bytes.len(), |length| at + length)
}

/// Where the number that begins at `at` ends, with its unit.
fn number(bytes: &[u8], mut at: usize) -> Option<usize> {
    let byte = |i: usize| bytes.get(i).copied().unwrap_or(0);
    loop {
        at = match (byte(at), byte(at + 1)) {
            (b'e' | b'E', b'-' | b'+') => at + 2,
            (b, _) if is_name(b) || b == b'.' => at + 1,
            // It may be a `µ`.
            (0x80.., _) => return None,
            _ => break,
        };
    }
    if byte(at) == b'%' {
        let next = byte(at + 1);
        let operand =
            is_name(next) || matches!(next, b'(' | b'\'' | b'"') || next == b'.' && byte(at + 2).is_ascii_digit();
        if operand {
            return Some(at);
        }
        at += 1;
    }
    let unit = match (byte(at), byte(at + 1), byte(at + 2)) {
        (b'/', b'm', b's') => 3,
        (b'/', b's' | b'm' | b'h' | b'd' | b'w', _) => 2,
        _ => return Some(at),
    };
    let (next, after) = (byte(at + unit), byte(at + unit + 1));
    // A longer name: the `/` is a division.
    let longer = is_name(next) || next == b'.' && (after.is_ascii_alphabetic() || after == b'_');
    Some(if longer { at } else { at + unit })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token::by_grammar;
    use super::*;

    /// Whether `source` was read by hand, and then with the same tokens as by the grammar.
    fn agrees(source: &str) -> bool {
        let Some(plain) = tokens(source) else {
            return false;
        };
        let grammar = by_grammar(source).unwrap();
        assert_eq!(plain, grammar.tokens, "{source:?}");
        assert!(grammar.comments.is_empty(), "{source:?}");
        true
    }

    #[test]
    fn expressions_of_every_day_are_read_by_hand() {
        for source in [
            "",
            "cpu > 0.8 && lag > 60000 || heap_used / heap_max > 0.9",
            "ceil(parallelism * (cpu / target) * (1 + reserve))",
            "exception =~ 'OutOfMemoryError' || exception =~ \"GC overhead\"",
            "avg(cpu[5m]) > 80% && p95(lag[last 10 samples]) >= 1h30m\n\t|| rate(records[1m]) < 1000/s",
            "max(heap[10m offset 1h] ?? 0B) in [1GiB, 2GiB] ? 1 : -1",
        ] {
            assert!(agrees(source), "{source}");
        }
        for source in [
            "# x",
            "a /* x */",
            "r'x'",
            "'a\\n'",
            "'x",
            "5µs",
            "a.b \u{a0}",
            "{x}",
            "`x`",
            "@",
            "é",
        ] {
            assert!(!agrees(source), "{source}");
        }
    }

    /// Every file of the conformance and syntax data, as one text and line by line.
    #[test]
    fn all_test_sources_have_the_tokens_of_the_grammar() {
        let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let (mut open, mut read, mut plain) = (vec![data], 0, 0);
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            // Texts in JSON are expressions more often than whole lines are.
            for piece in text.lines().flat_map(|line| line.split("\": \"").chain([line])) {
                for piece in [piece, piece.trim_end_matches([',', '"', ' '])] {
                    read += 1;
                    plain += u32::from(agrees(piece));
                }
            }
        }
        assert!(read > 10_000 && plain > read / 10, "{plain} of {read}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_texts_have_the_tokens_of_the_grammar(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "r", "e", "s", "ms", "m", "x.y", ".", "..", "_", "true", "in", "offset", "0", "1", "6", "80", "1e", "E", "+", "-",
                    "%", "/", "/s", "/ms", "/h", "5m", "KiB", "(", ")", "[", "]", ",", "?", ":", "!", "=", "<", ">", "~", "&", "|", "*",
                    "^", ";", "'", "\"", "'a'", "\"b\"", " ", "\t", "\n", "\r", "\\", "#", "{", "}", "`", "@", "µ", "é", "\u{2018}", "\0",
                ]),
                0..12,
            ),
        ) {
            agrees(&pieces.concat());
        }

        #[test]
        fn random_plain_texts_are_read_by_hand(
            source in "([a-qs-z_][a-z0-9_]{0,6}|[0-9][0-9.a-z]{0,5}(e[-+][0-9])?%?(/(ms|s|m|x))?|'[a-z ]{0,5}'|[-+*(),?:!%=<>~&|^;\\[\\]]{1,3}|/ |[ \t\r\n]){0,12}"
        ) {
            prop_assert!(agrees(&source), "{:?} was left to the grammar", source);
        }
    }
}
