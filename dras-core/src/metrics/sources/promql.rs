//! As much of PromQL's lexical rules as safe rendering needs: string literals, names, and places inside a regular expression.

/// Writes `text` as it must stand inside a string literal quoted with `quote` (`"` or `'`).
///
/// PromQL takes Go's escapes. U+FFFD is escaped too, because Prometheus' lexer takes the bare character for broken UTF-8.
pub(crate) fn escape_into(out: &mut String, text: &str, quote: char) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            // All control characters lie below U+00A0.
            c if c.is_control() || c == '\u{fffd}' => {
                let code = u32::from(c);
                out.push_str("\\u");
                out.extend(
                    [12, 8, 4, 0]
                        .into_iter()
                        .filter_map(|shift| char::from_digit((code >> shift) & 15, 16)),
                );
            }
            c => out.push(c),
        }
    }
}

/// Writes `text` as a regular expression that matches exactly it, in the syntax of RE2: every ASCII punctuation character that means
/// something anywhere is escaped, which RE2 allows for any of them.
pub(crate) fn quote_regex(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "\\.+*?()|[]{}^$-&~#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether `name` is a label name: a letter or underscore, then letters, digits, underscores.
pub(crate) fn is_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether `c` can stand inside a word of PromQL: a name, a number or a duration.
pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Words that connect expressions; keywords are the same in capitals.
const CONNECTING: &[&str] = &[
    "and",
    "or",
    "unless",
    "atan2",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "smoothed",
    "anchored",
    "fill",
    "fill_left",
    "fill_right",
];

/// Whether `text` is one name, number or duration, so that it cannot change what the query around it means.
pub(crate) fn is_plain(text: &str) -> bool {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return is_number(text) || is_duration(text);
    }
    !text.is_empty() && text.chars().all(is_word) && !CONNECTING.iter().any(|k| k.eq_ignore_ascii_case(text))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `15`, `0.9`, `1e6`, `2.5e-3`.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    is_digits(whole)
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|e| is_digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// `5m`, `1h30m`, `500ms`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        if after.len() == rest.len() || !matches!(&after[..unit], "ms" | "s" | "m" | "h" | "d" | "w" | "y") {
            return false;
        }
        rest = &after[unit..];
    }
    !text.is_empty()
}

/// Why a value cannot be put at a place inside a regular expression so that it matches literally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegexPlace {
    /// Behind an unfinished escape: `\`, `\x`, `\p`, `\0`, or between `\Q` and `\E`.
    Escape,
    /// In a character class.
    Class,
    /// In the head of a group: `(?i`, `(?P<`.
    Group,
    /// In a repetition: `{2,`.
    Repetition,
    /// Before a repetition, which would repeat only the last character.
    Repeated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RegexState {
    Plain,
    /// Behind `\`.
    Escape,
    /// Behind `\x`, `\p`, `\P`, `\0`…`\7`: this many more characters may belong to it.
    Operand(u8),
    /// Behind `\x{` or `\p{`.
    BracedOperand,
    /// Between `\Q` and `\E`; behind a backslash there.
    Quoted,
    QuotedEscape,
    /// In a character class: before its first character, behind its `^`, further on; behind a backslash, or a `[`, there.
    ClassStart,
    ClassFirst,
    Class,
    ClassEscape,
    ClassOpen,
    /// In a named class, `[:alpha:]`, in a class; behind a colon there.
    ClassName,
    ClassNameEnd,
    /// Behind `(`.
    Open,
    /// Behind `(?`.
    Head,
    /// Behind `{`.
    Repetition,
}

/// Follows a regular expression of RE2, so far that it knows where a quoted value stays literal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegexScanner {
    state: RegexState,
    after_value: bool,
}

impl RegexScanner {
    pub(crate) fn new() -> RegexScanner {
        RegexScanner {
            state: RegexState::Plain,
            after_value: false,
        }
    }

    /// The next character of the expression.
    pub(crate) fn character(&mut self, c: char) -> Result<(), RegexPlace> {
        use RegexState as S;
        let after_value = std::mem::take(&mut self.after_value);
        if after_value && matches!(c, '*' | '+' | '?' | '{') {
            return Err(RegexPlace::Repeated);
        }
        // What may or may not belong to the escape or group before is looked at again as a plain character where it does not.
        let state = match self.state {
            S::Operand(_) if c != '{' && !c.is_ascii_alphanumeric() => S::Plain,
            S::Repetition if c != ',' && !c.is_ascii_digit() => S::Plain,
            S::Open if c != '?' => S::Plain,
            state => state,
        };
        self.state = match state {
            S::Plain => match c {
                '\\' => S::Escape,
                '[' => S::ClassStart,
                '(' => S::Open,
                '{' => S::Repetition,
                _ => S::Plain,
            },
            S::Escape => match c {
                'x' | '0'..='7' => S::Operand(2),
                'p' | 'P' => S::Operand(1),
                'Q' => S::Quoted,
                _ => S::Plain,
            },
            S::Operand(left) => match c {
                '{' => S::BracedOperand,
                _ if left > 1 => S::Operand(left - 1),
                _ => S::Plain,
            },
            S::BracedOperand if c == '}' => S::Plain,
            S::QuotedEscape if c == 'E' => S::Plain,
            S::Quoted | S::QuotedEscape if c == '\\' => S::QuotedEscape,
            S::Quoted | S::QuotedEscape => S::Quoted,
            S::ClassStart if c == '^' => S::ClassFirst,
            S::ClassStart | S::ClassFirst | S::Class | S::ClassOpen => match c {
                '\\' => S::ClassEscape,
                ':' if state == S::ClassOpen => S::ClassName,
                '[' => S::ClassOpen,
                ']' if matches!(state, S::Class | S::ClassOpen) => S::Plain,
                _ => S::Class,
            },
            S::ClassName | S::ClassNameEnd if c == ':' => S::ClassNameEnd,
            S::ClassNameEnd if c == ']' => S::Class,
            S::ClassName | S::ClassNameEnd => S::ClassName,
            S::ClassEscape => S::Class,
            S::Head if matches!(c, ':' | ')' | '>') => S::Plain,
            S::Open | S::Head => S::Head,
            S::BracedOperand | S::Repetition => state,
        };
        Ok(())
    }

    /// A value comes here.
    pub(crate) fn value(&mut self) -> Result<(), RegexPlace> {
        use RegexState as S;
        match self.state {
            S::Plain | S::Open => {
                *self = RegexScanner {
                    state: S::Plain,
                    after_value: true,
                };
                Ok(())
            }
            S::Escape | S::Operand(_) | S::BracedOperand | S::Quoted | S::QuotedEscape => Err(RegexPlace::Escape),
            S::ClassStart
            | S::ClassFirst
            | S::Class
            | S::ClassEscape
            | S::ClassOpen
            | S::ClassName
            | S::ClassNameEnd => Err(RegexPlace::Class),
            S::Head => Err(RegexPlace::Group),
            S::Repetition => Err(RegexPlace::Repetition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_names_numbers_and_durations() {
        for text in [
            "cpu", "a:b_c", "_x", "Inf", "sum", "5m", "1h30m", "500ms", "15", "0.95", "1e6", "1.5e-3", "organic", ":x",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "", "a b", "a-b", "a\"", "1+1", "-5", "5x", "5m)", "1.2.3", "1.", ".5", "1e", "1e+", "m5-", "and", "OR",
            "Offset", "by", "a{", "a,b", "5mm", "1h 30m", "é", "a.b", "#", "a\n",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }

    /// Where a value may stand: `@` marks the place.
    fn place(pattern: &str) -> Result<(), RegexPlace> {
        let mut scanner = RegexScanner::new();
        for c in pattern.chars() {
            if c == '@' {
                scanner.value()?;
            } else {
                scanner.character(c)?;
            }
        }
        Ok(())
    }

    #[test]
    fn values_stand_in_a_regular_expression_only_where_they_stay_literal() {
        for pattern in [
            "@",
            "a@b",
            "(@)",
            "(@|@)",
            "(?:@)+",
            "(?i)@",
            "(?P<n>@)",
            "(?i:@)",
            r"\\@",
            r"\.@",
            r"\d@",
            "[a-z]@",
            "[]]@",
            "[^]]@",
            "[^^]@",
            r"[\]]@",
            "[[:alpha:]]@",
            "[a[]@",
            "[[:alpha:][:^digit:]_]+@",
            "a{2,3}@",
            "x{a@",
            r"\x41@",
            r"\x{41}@",
            r"\pL@",
            r"\p{Greek}@",
            r"\Qa\E@",
            r"\Q\\E@",
            "@.*",
            "^@$",
            r"\012@",
            r"\x{41}+@",
            r"@\*",
            "@(a)*",
        ] {
            assert_eq!(place(pattern), Ok(()), "{pattern}");
        }
        for (pattern, why) in [
            (r"\@", RegexPlace::Escape),
            (r"\\\@", RegexPlace::Escape),
            (r"\x@", RegexPlace::Escape),
            (r"\x4@", RegexPlace::Escape),
            (r"\x{4@", RegexPlace::Escape),
            (r"\p@", RegexPlace::Escape),
            (r"\0@", RegexPlace::Escape),
            (r"\Qa@\E", RegexPlace::Escape),
            (r"\Qa\\@\E", RegexPlace::Escape),
            (r"\Q[\E\Q@", RegexPlace::Escape),
            ("[@]", RegexPlace::Class),
            ("[^@]", RegexPlace::Class),
            ("[]@]", RegexPlace::Class),
            ("[a@]", RegexPlace::Class),
            ("[[:alpha:]@]", RegexPlace::Class),
            ("[[:al@:]]", RegexPlace::Class),
            ("[a[@]", RegexPlace::Class),
            (r"[\@]", RegexPlace::Class),
            ("(?@)", RegexPlace::Group),
            ("(?P<@>x)", RegexPlace::Group),
            ("a{@}", RegexPlace::Repetition),
            ("a{1,@}", RegexPlace::Repetition),
            ("@*", RegexPlace::Repeated),
            ("@+", RegexPlace::Repeated),
            ("@?", RegexPlace::Repeated),
            ("@{2}", RegexPlace::Repeated),
        ] {
            assert_eq!(place(pattern), Err(why), "{pattern}");
        }
    }

    use proptest::prelude::*;

    proptest! {
        /// Where the scanner takes a value, a group with the value can stand just as well: the place is that of one whole expression.
        #[test]
        fn a_place_that_is_taken_is_a_place_for_an_expression(
            before in r"(\\[\\dxp{}0Q.]|[a()|^$.*+?{}2,:]|\(\?|\[[\^\]a-]?|\]){0,6}",
            after in r"(\\[\\d.]|[a()|^$.*+?{}2,]|\]){0,4}",
            value in r"[-a\\.*+?()\[\]{}|^$&~# ]{1,4}",
        ) {
            let with = |middle: &str| regex::Regex::new(&format!("{before}{middle}{after}"));
            if place(&format!("{before}@{after}")).is_ok() && with("Z").is_ok() {
                let (plain, group) = (with(&quote_regex(&value)), with(&format!("(?:{})", quote_regex(&value))));
                prop_assert!(plain.is_ok() && group.is_ok(), "{} @ {}", before, after);
                let (plain, group) = (plain.unwrap(), group.unwrap());
                for text in [value.clone(), format!("a{value}"), format!("{value}{value}"), "a".to_owned(), String::new()] {
                    prop_assert_eq!(plain.is_match(&text), group.is_match(&text), "{} @ {}", before, after);
                }
            }
        }
    }
}
