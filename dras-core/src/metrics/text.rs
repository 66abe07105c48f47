//! Tests of texts: compiled once with the rule, run on every text.

use regex::Regex;

/// A test of a text.
#[derive(Debug, Clone)]
pub struct TextTest {
    /// What is tested.
    pub kind: TextTestKind,
    /// Pass the others instead.
    pub negate: bool,
}

/// What a [`TextTest`] tests.
#[derive(Debug, Clone)]
pub enum TextTestKind {
    /// The text is one of these.
    OneOf(Vec<Box<str>>),
    /// The text contains this.
    Contains(Box<str>),
    /// The text starts with this.
    StartsWith(Box<str>),
    /// The text ends with this.
    EndsWith(Box<str>),
    /// The pattern matches somewhere in the text.
    Matches(Regex),
}

impl TextTest {
    /// Whether `text` passes.
    pub fn passes(&self, text: &str) -> bool {
        let found = match &self.kind {
            TextTestKind::OneOf(texts) => texts.iter().any(|t| **t == *text),
            TextTestKind::Contains(part) => text.contains(&**part),
            TextTestKind::StartsWith(part) => text.starts_with(&**part),
            TextTestKind::EndsWith(part) => text.ends_with(&**part),
            TextTestKind::Matches(pattern) => pattern.is_match(text),
        };
        found != self.negate
    }
}

/// Equal tests give equal results; patterns are compared by their text.
impl PartialEq for TextTest {
    fn eq(&self, other: &TextTest) -> bool {
        self.negate == other.negate
            && match (&self.kind, &other.kind) {
                (TextTestKind::OneOf(a), TextTestKind::OneOf(b)) => a == b,
                (TextTestKind::Contains(a), TextTestKind::Contains(b))
                | (TextTestKind::StartsWith(a), TextTestKind::StartsWith(b))
                | (TextTestKind::EndsWith(a), TextTestKind::EndsWith(b)) => a == b,
                (TextTestKind::Matches(a), TextTestKind::Matches(b)) => a.as_str() == b.as_str(),
                _ => false,
            }
    }
}

impl TextTest {
    /// The [`key`](Self::key) of a test for a match of `pattern`.
    pub(crate) fn pattern_key(pattern: &str) -> String {
        format!(" ~1{pattern}")
    }

    /// A text that equal tests share and different tests do not.
    pub(crate) fn key(&self) -> String {
        let (kind, parts) = match &self.kind {
            TextTestKind::OneOf(texts) => ('=', texts.join("\0")),
            TextTestKind::Contains(part) => ('*', part.to_string()),
            TextTestKind::StartsWith(part) => ('^', part.to_string()),
            TextTestKind::EndsWith(part) => ('$', part.to_string()),
            TextTestKind::Matches(pattern) => ('~', pattern.as_str().to_owned()),
        };
        // The number of texts tells `['a\0b']` from `['a', 'b']`.
        let count = if let TextTestKind::OneOf(texts) = &self.kind {
            texts.len()
        } else {
            1
        };
        format!("{}{kind}{count}{parts}", if self.negate { '!' } else { ' ' })
    }
}
