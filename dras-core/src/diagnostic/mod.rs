//! What a rule author is told: a stable code, where, what, and what to write instead.
//!
//! One structure serves every stage (tokens, syntax, checking, documents) and every reader (terminal text in the manner of rustc, JSON,
//! the Python and Node packages). [`codes`] lists every code with an explanation and an example that produces it.

mod catalogue;
mod render;

use std::fmt;
use std::sync::Arc;

pub use catalogue::{ALL as ALL_CODES, Code, Example, codes};

/// A range of bytes in a source text: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end`. Texts are limited to far below 4 GiB before a span is made.
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The bytes of `source` that the span covers; empty where it does not fit.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// Whether a diagnostic stops compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The text or document is refused.
    Error,
    /// It is accepted, but probably does not mean what its author thinks.
    Warning,
    /// It is accepted, and may well be meant so.
    Info,
}

/// One thing to tell the author of an expression or a rule document.
///
/// Its `Display` is the full rendering with source line, caret, label and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, e.g. `E0201`.
    pub code: Code,
    /// What is wrong, in one line, in the language's own terms.
    pub message: String,
    /// Where in the rule document, e.g. `rules[2].when`; empty for an expression that stands alone.
    pub path: String,
    /// The expression the span points into, where there is one.
    pub source: Option<Arc<str>>,
    /// The offending bytes of `source`.
    pub span: Span,
    /// What to say under the carets; may be empty.
    pub label: String,
    /// What to do about it, where possible with the corrected text.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without source and path yet; the stage that owns them adds them with [`with_source`](Self::with_source) and
    /// [`with_path`](Self::with_path).
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            path: String::new(),
            source: None,
            span,
            label: String::new(),
            help: None,
        }
    }

    /// The same with a label under the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// The same with a help line.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same, pointing into `source`.
    #[must_use]
    pub fn with_source(mut self, source: &Arc<str>) -> Diagnostic {
        self.source = Some(Arc::clone(source));
        self
    }

    /// The same, at `path` of a rule document.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Diagnostic {
        self.path = path.into();
        self
    }

    /// Whether this refuses the text or only warns.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The offending text, where there is a source.
    pub fn offending(&self) -> &str {
        self.source.as_deref().map_or("", |s| self.span.text(s))
    }

    /// Line and column of the span's start, both from 1; the column counts characters.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let before = self.source.as_deref()?.get(..self.span.start as usize)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some((line, column))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::render(self, f)
    }
}

/// The longest source that a serialised diagnostic carries, in bytes: a large rule document is not repeated for every mistake in it.
const CARRIED_SOURCE: usize = 1 << 16;

/// The serialised form: what JSON, Python and Node readers get. A source of more than 64 KiB is left out; line and column are not.
impl serde::Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut s = serializer.serialize_struct("Diagnostic", 10)?;
        s.serialize_field("code", self.code.id())?;
        s.serialize_field("severity", &self.severity())?;
        s.serialize_field("message", &self.message)?;
        s.serialize_field("path", &self.path)?;
        s.serialize_field("source", &self.source.as_deref().filter(|s| s.len() <= CARRIED_SOURCE))?;
        s.serialize_field("span", &self.source.as_ref().map(|_| self.span))?;
        let position = self.line_and_column();
        s.serialize_field("line", &position.map(|p| p.0))?;
        s.serialize_field("column", &position.map(|p| p.1))?;
        s.serialize_field("label", &self.label)?;
        s.serialize_field("help", &self.help)?;
        s.end()
    }
}

/// Everything that was found, in the order of the document: errors and warnings together.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(|d| d.severity() == Severity::Error)
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(|d| d.severity() == Severity::Warning)
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The candidate nearest to `wanted` by edit distance, if it is near enough to be a slip of the hand.
pub(crate) fn did_you_mean<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let budget = (wanted.chars().count() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = if candidate.eq_ignore_ascii_case(wanted) {
            0
        } else {
            edit_distance(wanted, candidate, budget)
        };
        // Ties go to the name that sorts first, so that the suggestion does not depend on the order of a map.
        if distance <= budget && best.is_none_or(|b| (distance, candidate) < b) {
            best = Some((distance, candidate));
        }
    }
    best.map(|b| b.1)
}

/// Optimal string alignment distance (insert, delete, replace, swap neighbours), or `budget + 1` where it is certainly larger.
fn edit_distance(a: &str, b: &str, budget: usize) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    if a.len().abs_diff(b.len()) > budget {
        return budget + 1;
    }
    let mut rows = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect::<Vec<usize>>(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let replace = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replace.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = cost;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_a_different_word_is_not() {
        let names = ["cpu", "heap.used", "parallelism", "ceil"];
        for (wanted, found) in [
            ("cpuu", Some("cpu")),
            ("ciel", Some("ceil")),
            ("CPU", Some("cpu")),
            ("paralelism", Some("parallelism")),
            ("heap.usd", Some("heap.used")),
            ("network", None),
        ] {
            assert_eq!(did_you_mean(wanted, names.into_iter()), found, "{wanted}");
        }
    }
}
