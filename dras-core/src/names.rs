//! Names: what metrics, attributes, parameters, definitions and rules can be called.

use crate::units::{DATA_UNITS, TIME_UNITS};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// Words that stand for a missing or impossible value in other languages; in any case.
const MISSING_VALUES: &[&str] = &["null", "nil", "none", "undefined", "nan", "inf", "infinity"];

/// Words that mean something in an expression.
const KEYWORDS: &[&str] = &[
    "true", "false", "in", "offset", "samples", "current", "previous", "across", "marks",
];

/// Words that are operators in other languages, and are refused with the right operator as help; in any case.
const FOREIGN_WORDS: &[&str] = &["and", "or", "not", "if", "then", "else"];

/// Why a name cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no characters.
    #[error("a name is empty")]
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`].
    #[error("a name has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has characters that names do not have, or a part that is empty or begins with a digit.
    #[error(
        "`{name}` is not a name: names are letters, digits and `_`, with dots between parts, and each part begins with a letter or `_`"
    )]
    Malformed {
        /// The name.
        name: String,
    },
    /// It is a word of the language.
    #[error("`{name}` cannot be a name: it is a word of the expression language")]
    Keyword {
        /// The name.
        name: String,
    },
    /// It is a unit.
    #[error("`{name}` cannot be a name: it is a unit, and `1000/{name}` or `5{name}` would be misread")]
    Unit {
        /// The name.
        name: String,
    },
    /// It is an operator or a missing value in other languages.
    #[error("`{name}` cannot be a name: other languages use the word, and expressions refuse it to prevent mistakes")]
    ForeignWord {
        /// The name.
        name: String,
    },
}

/// Whether a rule document may declare `name` as a metric, attribute, parameter or definition.
///
/// Whether the name is already taken, for instance by a function, is another question.
///
/// # Errors
///
/// Where the name is malformed or reserved; the error says why.
///
/// ```
/// use dras_core::names::check_name;
/// assert!(check_name("heap.used").is_ok());
/// assert_eq!(check_name("in").unwrap_err().to_string(), "`in` cannot be a name: it is a word of the expression language");
/// ```
pub fn check_name(name: &str) -> Result<(), NameError> {
    let owned = || name.to_owned();
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong { bytes: name.len() });
    }
    if !name.split('.').all(is_part) {
        return Err(NameError::Malformed { name: owned() });
    }
    if KEYWORDS.contains(&name) {
        return Err(NameError::Keyword { name: owned() });
    }
    if TIME_UNITS.iter().chain(DATA_UNITS).any(|u| u.0 == name) {
        return Err(NameError::Unit { name: owned() });
    }
    if is_missing_value(name) || FOREIGN_WORDS.iter().any(|w| w.eq_ignore_ascii_case(name)) {
        return Err(NameError::ForeignWord { name: owned() });
    }
    Ok(())
}

/// Checks the name of a rule, which no expression uses: like other names, but hyphens are possible and no word is reserved.
///
/// # Errors
///
/// Where the name is malformed.
pub fn check_rule_name(name: &str) -> Result<(), NameError> {
    match check_name(&name.replace('-', "_")) {
        Err(NameError::Malformed { .. }) => Err(NameError::Malformed { name: name.to_owned() }),
        Err(error @ (NameError::Empty | NameError::TooLong { .. })) => Err(error),
        Ok(()) | Err(NameError::Keyword { .. } | NameError::Unit { .. } | NameError::ForeignWord { .. }) => Ok(()),
    }
}

/// Whether `text` is one part of a dotted name.
pub(crate) fn is_part(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// Whether other languages use this word for a value that is missing.
pub(crate) fn is_missing_value(word: &str) -> bool {
    word.len() <= 9
        && matches!(word.as_bytes().first(), Some(b'n' | b'N' | b'i' | b'I' | b'u' | b'U'))
        && MISSING_VALUES.iter().any(|w| w.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_expression_could_not_use_are_refused_with_the_reason() {
        for good in [
            "cpu",
            "heap.used",
            "_x",
            "s1",
            "seconds",
            "r",
            "a.b.c_2",
            "in.x",
            "notation",
            "information",
            "e5",
        ] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "5m", "a b", "a..b", ".a", "a.", "a.5", "a-b", "é", "a\0"] {
            assert!(
                matches!(check_name(bad), Err(NameError::Empty | NameError::Malformed { .. })),
                "{bad}"
            );
        }
        for keyword in [
            "true", "false", "in", "offset", "samples", "current", "previous", "across", "marks",
        ] {
            assert!(
                matches!(check_name(keyword), Err(NameError::Keyword { .. })),
                "{keyword}"
            );
        }
        for unit in ["ms", "s", "m", "h", "d", "w", "B", "KiB", "PB"] {
            assert!(matches!(check_name(unit), Err(NameError::Unit { .. })), "{unit}");
        }
        for foreign in ["and", "OR", "Not", "if", "null", "NaN", "Infinity", "undefined"] {
            assert!(
                matches!(check_name(foreign), Err(NameError::ForeignWord { .. })),
                "{foreign}"
            );
        }
        assert_eq!(check_name(&"x".repeat(201)), Err(NameError::TooLong { bytes: 201 }));
        assert_eq!(check_name(&"x".repeat(200)), Ok(()));
        assert_eq!(check_rule_name("scale-up.at-night"), Ok(()));
        assert_eq!(check_rule_name("in"), Ok(()));
        assert!(check_rule_name("5m").is_err());
    }
}
