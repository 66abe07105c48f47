//! Names: what metrics, attributes, parameters, definitions, strategies and rules can be called.

use crate::units::{DATA_UNITS, TIME_UNITS};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// Words that mean something in expressions besides functions and units.
const KEYWORDS: &[&str] = &[
    "true", "false", "in", "offset", "samples", "current", "previous", "across", "marks",
];

/// Words of other languages that expressions refuse with a help, in any case.
const FOREIGN_WORDS: &[&str] = &[
    "null",
    "nil",
    "none",
    "undefined",
    "nan",
    "inf",
    "infinity",
    "and",
    "or",
    "not",
    "if",
    "then",
    "else",
];

/// Whether `name` is a unit or a word that expressions do not take for a name. Functions are taken too; the language's catalogue lists
/// them.
pub fn is_reserved(name: &str) -> bool {
    KEYWORDS.contains(&name)
        || FOREIGN_WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
        || TIME_UNITS.iter().chain(DATA_UNITS).any(|u| u.0 == name)
}

/// Why a name cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is empty.
    #[error("a name is at least one letter")]
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`].
    #[error("a name has at most {MAX_NAME_BYTES} letters")]
    TooLong,
    /// Another character, or a digit in front.
    #[error("names are letters, digits and `_`, begin with a letter or `_`, and may have parts with dots between them")]
    Character,
    /// It is a unit or a keyword of expressions.
    #[error("this word means something else in expressions")]
    Reserved,
}

fn is_part(part: &str, inside: fn(u8) -> bool) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || inside(b))
}

fn check(name: &str, inside: fn(u8) -> bool) -> Result<(), BadName> {
    match name {
        "" => Err(BadName::Empty),
        _ if name.len() > MAX_NAME_BYTES => Err(BadName::TooLong),
        _ if !name.split('.').all(|part| is_part(part, inside)) => Err(BadName::Character),
        _ => Ok(()),
    }
}

/// Checks a name that expressions use: `cpu`, `heap.used`.
///
/// # Errors
/// It is empty, too long, reserved, or has other characters than ASCII letters, digits, `_` and dots between parts.
pub fn check_name(name: &str) -> Result<(), BadName> {
    check(name, |_| false)?;
    if is_reserved(name) {
        Err(BadName::Reserved)
    } else {
        Ok(())
    }
}

/// Checks the name of a rule, which no expression uses: like other names, but hyphens are possible and no word is reserved.
///
/// # Errors
/// As [`check_name`].
pub fn check_rule_name(name: &str) -> Result<(), BadName> {
    check(name, |b| b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["cpu", "heap.used", "_x", "a1.b2", "Min", "M"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", BadName::Empty),
            ("5m", BadName::Character),
            ("a-b", BadName::Character),
            ("a..b", BadName::Character),
            (".a", BadName::Character),
            ("a.", BadName::Character),
            ("a.1", BadName::Character),
            ("größe", BadName::Character),
            ("a b", BadName::Character),
            ("m", BadName::Reserved),
            ("KiB", BadName::Reserved),
            ("true", BadName::Reserved),
            ("NaN", BadName::Reserved),
        ] {
            assert_eq!(check_name(bad), Err(why), "{bad}");
        }
        assert_eq!(check_name(&"x".repeat(201)), Err(BadName::TooLong));
        assert_eq!(check_rule_name("scale-up.at-night"), Ok(()));
        assert_eq!(check_rule_name("-up"), Err(BadName::Character));
    }
}
