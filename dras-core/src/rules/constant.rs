//! Constants of rule documents: the values of parameters.

use std::fmt;

use crate::literal::{self, Quantity, QuantityError};

/// A constant: a number with its unit, a truth value or a text.
///
/// In JSON a plain number is a number and everything else with digits is a text in the syntax of literals: `0.8`, `"80%"`, `"5m"`,
/// `"2GiB"`; a text constant has quotes of its own, as it has in an expression: `"'sql'"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// A number.
    Number(Quantity),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
}

/// Why a text is not a constant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadConstant {
    /// It is no quantity, and has no quotes.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// Looks like a word.
    #[error("{given} is neither a number with a unit nor a text in quotes")]
    Word {
        /// As it was written, in backticks.
        given: String,
    },
    /// The quotes do not match, or there is a quote inside.
    #[error("a text constant ends with the quote that it begins with, and holds it only after a backslash")]
    Quotes,
    /// An escape that texts do not know.
    #[error("{message}")]
    Escape {
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: Option<String>,
    },
}

impl BadConstant {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            BadConstant::Quantity(error) => error.help(),
            BadConstant::Word { .. } => {
                "write numbers like `0.8`, `80%`, `5m`, `2GiB`, and texts in quotes: `'sql'`".to_owned()
            }
            BadConstant::Quotes => "write it like `'sql'` or `\"sql\"`".to_owned(),
            BadConstant::Escape { help: Some(help), .. } => help.clone(),
            BadConstant::Escape { help: None, .. } => {
                r#"texts know `\\ \' \" \n \r \t \0 \xHH \uHHHH \u{…}`"#.to_owned()
            }
        }
    }
}

impl Constant {
    /// Reads a constant as a document writes it: a quantity, or a text in quotes.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Constant, BadConstant> {
        let quote = match text.chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            Some(first) if first.is_alphabetic() || first == '_' => {
                return Err(BadConstant::Word {
                    given: super::tree::quote(text),
                });
            }
            _ => return Ok(Constant::Number(Quantity::parse(text)?)),
        };
        // The token ends at the first quote that no backslash precedes, which must be its last character.
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|&(_, c)| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        if end.map(|e| e.0 + 1) != Some(text.len()) {
            return Err(BadConstant::Quotes);
        }
        literal::text(text)
            .map(Constant::Text)
            .map_err(|fault| BadConstant::Escape {
                message: fault.message,
                help: fault.help,
            })
    }

    /// The number, where it is one.
    pub fn as_number(&self) -> Option<&Quantity> {
        match self {
            Constant::Number(quantity) => Some(quantity),
            _ => None,
        }
    }

    /// What it is, for readers: `a duration`, `a text`, …
    pub fn describe(&self) -> String {
        match self {
            Constant::Number(quantity) => quantity.unit().describe(),
            Constant::Bool(_) => "true or false".to_owned(),
            Constant::Text(_) => "a text".to_owned(),
        }
    }

    /// Whether both have one type and one unit.
    pub fn same_kind(&self, other: &Constant) -> bool {
        match (self, other) {
            (Constant::Number(a), Constant::Number(b)) => a.unit() == b.unit(),
            (Constant::Bool(_), Constant::Bool(_)) | (Constant::Text(_), Constant::Text(_)) => true,
            _ => false,
        }
    }
}

/// As it stands in an expression: `80%`, `true`, `'sql'`.
impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Number(quantity) => quantity.fmt(f),
            Constant::Bool(value) => value.fmt(f),
            Constant::Text(text) => {
                f.write_str("'")?;
                for c in text.chars() {
                    match c {
                        '\\' => f.write_str("\\\\")?,
                        '\'' => f.write_str("\\'")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        '\0' => f.write_str("\\0")?,
                        other => write!(f, "{other}")?,
                    }
                }
                f.write_str("'")
            }
        }
    }
}

impl serde::Serialize for Constant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Constant::Number(quantity) => quantity.serialize(serializer),
            Constant::Bool(value) => serializer.serialize_bool(*value),
            Constant::Text(_) => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constants_are_literals() {
        assert_eq!(
            Constant::parse("80%"),
            Ok(Constant::Number(Quantity::number(0.8).unwrap()))
        );
        assert_eq!(Constant::parse("'sql'"), Ok(Constant::Text("sql".to_owned())));
        assert_eq!(Constant::parse(r#""it's""#), Ok(Constant::Text("it's".to_owned())));
        for (text, message, help) in [
            ("sql", "`sql` is neither", "`'sql'`"),
            ("'sql", "ends with the quote", "write it like"),
            ("'a'b'", "ends with the quote", "write it like"),
            (r"'\d'", r"unknown escape `\d`", "write `\\\\`"),
            ("5min", "not a number, duration or size", "`5m`"),
            ("", "empty", "80%"),
        ] {
            let error = Constant::parse(text).unwrap_err();
            assert!(
                error.to_string().contains(message) && error.help().contains(help),
                "{text}: {error} {}",
                error.help()
            );
        }
    }

    proptest! {
        #[test]
        fn texts_read_back(text in any::<String>()) {
            let constant = Constant::Text(text);
            prop_assert_eq!(Constant::parse(&constant.to_string()), Ok(constant));
        }
    }
}
