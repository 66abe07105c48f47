//! Literals: numbers with their units, and texts. One syntax for expressions and rule documents.

mod number;
mod quantity;

pub(crate) use number::number;
pub use quantity::{MAX_QUANTITY_BYTES, Quantity, QuantityError, exact_bytes, exact_duration, parse_quantity};

/// Why a literal has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// One line, without the literal's place.
    pub(crate) message: String,
    /// What to say under the carets.
    pub(crate) label: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
    /// The offending bytes of the literal.
    pub(crate) start: usize,
    /// One past the offending bytes.
    pub(crate) end: usize,
}

impl Fault {
    fn help(mut self, help: String) -> Fault {
        self.help = Some(help);
        self
    }
}

fn whole(text: &str, message: String, label: &str) -> Fault {
    Fault {
        message,
        label: label.to_owned(),
        help: None,
        start: 0,
        end: text.len(),
    }
}

/// The most characters of the user's text that a message repeats.
const QUOTED: usize = 60;

/// The user's text, shortened where it is long.
pub(crate) fn quote(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

/// The content of a text token with its quotes, escapes replaced.
///
/// # Errors
///
/// The first escape that is unknown or malformed.
pub(crate) fn text(token: &str) -> Result<String, Fault> {
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or("");
    let mut result = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        let escape = &rest[at..];
        match unescape(escape) {
            Ok((character, length)) => {
                result.push(character);
                rest = &escape[length..];
            }
            Err((length, label)) => {
                let start = 1 + inner.len() - escape.len();
                return Err(bad_escape(token, start, start + length, label));
            }
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// The character of the escape at the start of `escape`, and how many bytes it takes; or how many bytes are wrong, and why.
fn unescape(escape: &str) -> Result<(char, usize), (usize, &'static str)> {
    let kind = escape[1..].chars().next();
    let simple = match kind {
        Some(c @ ('\\' | '\'' | '"')) => Some(c),
        Some('n') => Some('\n'),
        Some('r') => Some('\r'),
        Some('t') => Some('\t'),
        Some('0') => Some('\0'),
        _ => None,
    };
    if let Some(character) = simple {
        return Ok((character, 2));
    }
    match kind {
        Some('x') => {
            let code = hex(escape, 2, 2).ok_or((2, "two hexadecimal digits are expected after `\\x`"))?;
            if code > 0x7f {
                return Err((4, "`\\x` ends at 7f; write `\\u{…}`"));
            }
            char::from_u32(code).map(|c| (c, 4)).ok_or((4, "not a character"))
        }
        Some('u') if escape[2..].starts_with('{') => {
            let end = escape.find('}').ok_or((3, "a closing `}` is missing"))?;
            let digits = &escape[3..end];
            let code = u32::from_str_radix(digits, 16)
                .ok()
                .filter(|_| digits.len() <= 6 && !digits.starts_with('+'));
            code.and_then(char::from_u32).map(|c| (c, end + 1)).ok_or((
                end + 1,
                "one to six hexadecimal digits of a Unicode character are expected",
            ))
        }
        Some('u') => {
            let first = hex(escape, 2, 4).ok_or((2, "four hexadecimal digits are expected after `\\u`"))?;
            if let Some(character) = char::from_u32(first) {
                return Ok((character, 6));
            }
            // Outside the basic plane, JSON and Java write two halves.
            let second = escape.get(6..8).filter(|s| *s == "\\u").and_then(|_| hex(escape, 8, 4));
            second
                .filter(|s| (0xdc00..0xe000).contains(s) && first < 0xdc00)
                .and_then(|s| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (s - 0xdc00)))
                .map(|c| (c, 12))
                .ok_or((6, "half of a surrogate pair, which is no character"))
        }
        Some(c) => Err((1 + c.len_utf8(), "not an escape")),
        None => Err((1, "not an escape")),
    }
}

fn hex(text: &str, from: usize, count: usize) -> Option<u32> {
    let digits = text.get(from..from + count)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())?
}

fn bad_escape(token: &str, start: usize, end: usize, label: &str) -> Fault {
    let escape = &token[start..end];
    let content = &token[1..token.len() - 1];
    let help = if escape.starts_with("\\x") || escape.starts_with("\\u") {
        "escapes of characters are written `\\x41`, `\\u00e9` or `\\u{1f600}`".to_owned()
    } else if !content.contains('\'') && !content.contains("\\\\") {
        format!(
            "for a regular expression, a raw text needs no escapes: `r'{}'`; for a `\\` alone write `\\\\`",
            quote(content)
        )
    } else {
        "for a `\\` write `\\\\`".to_owned()
    };
    Fault {
        message: format!("an unknown escape `{}`", quote(escape)),
        label: label.to_owned(),
        help: Some(help),
        start,
        end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json_and_rust() {
        for (token, content) in [
            ("''", ""),
            (r#"'a"b'"#, "a\"b"),
            (r#""a'b""#, "a'b"),
            (r#"'\\\'\"\n\r\t\0'"#, "\\'\"\n\r\t\0"),
            (r"'\x41\u00e9\u{1f600}\u{0}'", "Aé😀\0"),
            (r"'\ud83d\ude00'", "😀"),
            ("'é😀'", "é😀"),
        ] {
            assert_eq!(text(token).as_deref(), Ok(content), "{token}");
        }
        for (token, offending) in [
            (r"'\d+'", r"\d"),
            (r"'a\é'", r"\é"),
            (r"'\x4'", r"\x"),
            (r"'\xff'", r"\xff"),
            (r"'\u12'", r"\u"),
            (r"'\ud800'", r"\ud800"),
            (r"'\ud800\u0041'", r"\ud800"),
            (r"'\udc00\ud800'", r"\udc00"),
            (r"'\u{}'", r"\u{}"),
            (r"'\u{110000}'", r"\u{110000}"),
            (r"'\u{d800}'", r"\u{d800}"),
            (r"'\u{+41}'", r"\u{+41}"),
            (r"'\u{41'", r"\u{"),
        ] {
            let fault = text(token).unwrap_err();
            assert_eq!(&token[fault.start..fault.end], offending, "{token}");
        }
        assert!(text(r"'\d+'").unwrap_err().help.unwrap().contains(r"`r'\d+'`"));
    }
}
