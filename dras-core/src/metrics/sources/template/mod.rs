//! PromQL with places for the task's attributes and labels.
//!
//! # The form
//! - `{{name}}` stands for an attribute or label of the task. Names are letters, digits, `_` and `.`; spaces around them are allowed.
//! - `{{labels}}` stands for all labels of the task as matchers, `a="b",c="d"`, in the order of their names. It can stand only inside the
//!   braces of a selector: `cpu{{{labels}}}`, `cpu{role="tm",{{labels}}}`.
//! - Of a row of opening braces the first four are always the escape for a literal `{{`; of three, the first is an ordinary brace. A
//!   literal `}}` needs no escape.
//!
//! # How a value is put in
//! It depends on where the placeholder stands in the PromQL, which is decided once, when the template is parsed:
//!
//! | place | what becomes of the value |
//! | --- | --- |
//! | `job="{{job}}"`, `'…'` | escaped, so that the string has exactly this value (or this part) |
//! | `` job=`{{job}}` `` | as it is; a value with a backquote is refused |
//! | `job=~"{{job}}-.*"`, `!~` | escaped twice: it matches itself, literally |
//! | `rate(x[{{window}}])`, `{{metric}}{…}` | only a name, a number without sign, or a duration; anything else is refused |
//! | `queue_{{part}}_total` | only letters, digits, `_` and `:` |
//! | `# {{x}}` | refused |
//!
//! So a value can never end a string, open a bracket or add an operator. Strings that only a function takes for a regular expression, such
//! as the last argument of `label_replace`, are ordinary strings here.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::labels::matchers;
use super::promql::{self, RegexScanner};
use crate::diagnostic::Span;
pub use error::{RenderError, TemplateError, TemplateProblem};

/// The longest template, in bytes: 64 KiB.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 10;

/// The longest rendered query, in bytes: 1 MiB.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// The placeholder that stands for all labels of the task.
pub const LABELS: &str = "labels";

/// PromQL with placeholders; see the [module](self) for the form.
///
/// ```
/// use std::collections::BTreeMap;
/// use dras_core::metrics::sources::QueryTemplate;
///
/// let template = QueryTemplate::parse(r#"sum(rate(errors{pod=~"{{job_name}}-.*",{{labels}}}[{{window}}]))"#).unwrap();
/// assert_eq!(template.names().collect::<Vec<_>>(), ["job_name", "window"]);
/// let value = |name: &str| match name {
///     "job_name" => Some("a.b"),
///     "window" => Some("5m"),
///     _ => None,
/// };
/// let labels = BTreeMap::from([("cluster".to_owned(), "west \"2\"".to_owned())]);
/// assert_eq!(
///     template.render(&value, &labels).unwrap(),
///     r#"sum(rate(errors{pod=~"a\\.b-.*",cluster="west \"2\""}[5m]))"#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTemplate {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value {
        name: String,
        place: ValuePlace,
        span: Span,
    },
    Labels(Span),
}

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValuePlace {
    /// Inside `"…"` or `'…'`.
    Quoted { quote: char, regex: bool },
    /// Inside `` `…` ``.
    Raw { regex: bool },
    /// Outside strings.
    Bare,
    /// Outside strings, directly beside another part of the same word.
    Word,
}

impl QueryTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is not PromQL in its words, strings and brackets, and placeholders where no value can be put in safely; the first one is
    /// told. Whether the query as a whole is valid only Prometheus knows.
    pub fn parse(source: &str) -> Result<QueryTemplate, TemplateError> {
        Parser::new(source).run()
    }

    /// The names of the placeholders, each once, sorted, without `labels`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.pieces.iter().filter_map(|p| match p {
            Piece::Value { name, .. } => Some(name.as_str()),
            Piece::Text(_) | Piece::Labels(_) => None,
        });
        names.collect::<BTreeSet<&str>>().into_iter()
    }

    /// The names of the placeholders as they stand in the text, with their places; without `labels`.
    pub fn places(&self) -> impl Iterator<Item = (&str, Span)> {
        self.pieces.iter().filter_map(|p| match p {
            Piece::Value { name, span, .. } => Some((name.as_str(), *span)),
            Piece::Text(_) | Piece::Labels(_) => None,
        })
    }

    /// Whether `{{labels}}` stands in the template.
    pub fn uses_labels(&self) -> bool {
        self.pieces.iter().any(|p| matches!(p, Piece::Labels(_)))
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The PromQL for one task: `lookup` gives its attributes and labels by name, `labels` is what `{{labels}}` stands for. An empty value
    /// is a value: in a string it selects series without the label, as in PromQL.
    ///
    /// # Errors
    /// A value is missing, or cannot be put in its place unchanged; `{{labels}}` is used and there are none, or their names are not
    /// PromQL's.
    pub fn render<'v>(
        &self,
        lookup: &dyn Fn(&str) -> Option<&'v str>,
        labels: &BTreeMap<String, String>,
    ) -> Result<String, RenderError> {
        let mut out = String::with_capacity(self.source.len() + 64);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Labels(_) => {
                    if labels.is_empty() {
                        return Err(RenderError::NoLabels);
                    }
                    if let Some(name) = labels.keys().find(|name| !promql::is_label_name(name)) {
                        return Err(RenderError::LabelName(super::excerpt(name)));
                    }
                    matchers(&mut out, labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                }
                Piece::Value { name, place, span } => {
                    let value = lookup(name).ok_or_else(|| RenderError::Missing {
                        name: name.clone(),
                        span: *span,
                    })?;
                    if value.len() > MAX_QUERY_BYTES {
                        return Err(RenderError::TooLong);
                    }
                    put(&mut out, name, value, *place, *span)?;
                }
            }
            if out.len() > MAX_QUERY_BYTES {
                return Err(RenderError::TooLong);
            }
        }
        Ok(out)
    }
}

/// As it was written.
impl fmt::Display for QueryTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl std::str::FromStr for QueryTemplate {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<QueryTemplate, TemplateError> {
        QueryTemplate::parse(source)
    }
}

/// Appends `value` as its place needs it.
fn put(out: &mut String, name: &str, value: &str, place: ValuePlace, span: Span) -> Result<(), RenderError> {
    let told = || (name.to_owned(), super::excerpt(value));
    match place {
        ValuePlace::Quoted { quote, regex: false } => promql::escape_into(out, value, quote),
        ValuePlace::Quoted { quote, regex: true } => promql::escape_into(out, &promql::quote_regex(value), quote),
        ValuePlace::Raw { regex: true } => {
            // What cannot stand in a raw string can be said in the language of the expression.
            let pattern = promql::quote_regex(value)
                .replace('`', "\\x{60}")
                .replace('\u{fffd}', "\\x{fffd}");
            out.push_str(&pattern);
        }
        ValuePlace::Raw { regex: false } => {
            if value.contains(['`', '\u{fffd}']) {
                let (name, value) = told();
                return Err(RenderError::NotRaw { name, value, span });
            }
            out.push_str(value);
        }
        ValuePlace::Bare => {
            if !promql::is_plain(value) {
                let (name, value) = told();
                return Err(RenderError::NotPlain { name, value, span });
            }
            out.push_str(value);
        }
        ValuePlace::Word => {
            if value.is_empty() || !value.chars().all(promql::is_word) {
                let (name, value) = told();
                return Err(RenderError::NotWord { name, value, span });
            }
            out.push_str(value);
        }
    }
    Ok(())
}

/// The string literal that the parser is in.
#[derive(Debug, Clone, Copy)]
struct Literal {
    quote: char,
    start: usize,
    regex: Option<RegexScanner>,
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    pieces: Vec<Piece>,
    text: String,
    /// Open brackets outside strings, with their places.
    open: Vec<(char, usize)>,
    /// The last character outside strings that is not space or comment; a placeholder counts as a letter, a string as a quote.
    last: Option<char>,
    /// Whether `=~` or `!~` came last, so that a string that begins now is a regular expression.
    regex_next: bool,
    /// Whether the thing directly before is a word or a placeholder.
    beside_word: bool,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Parser<'s> {
        Parser {
            source,
            at: 0,
            pieces: Vec::new(),
            text: String::new(),
            open: Vec::new(),
            last: None,
            regex_next: false,
            beside_word: false,
        }
    }

    fn error<T>(&self, start: usize, problem: TemplateProblem) -> Result<T, TemplateError> {
        let end = self.at.max(start).min(self.source.len());
        Err(TemplateError {
            span: Span::new(start, end),
            problem,
        })
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Takes the next character into the text.
    fn take(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        self.text.push(c);
        Some(c)
    }

    fn run(mut self) -> Result<QueryTemplate, TemplateError> {
        if self.source.trim().is_empty() {
            return self.error(0, TemplateProblem::Empty);
        }
        if self.source.len() > MAX_TEMPLATE_BYTES {
            return self.error(0, TemplateProblem::TooLong(self.source.len()));
        }
        while !self.rest().is_empty() {
            if self.at_placeholder() {
                self.bare_placeholder()?;
            } else {
                self.bare()?;
            }
        }
        if let Some(&(bracket, start)) = self.open.last() {
            self.at = start + 1;
            return self.error(start, TemplateProblem::Unbalanced(bracket));
        }
        self.flush();
        Ok(QueryTemplate {
            source: self.source.to_owned(),
            pieces: self.pieces,
        })
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text)));
        }
    }

    /// Whether a placeholder begins here: exactly two braces, because four are an escape and of three the first is an ordinary brace.
    fn at_placeholder(&self) -> bool {
        self.brace_count() == 2
    }

    fn brace_count(&self) -> usize {
        self.rest().bytes().take(4).take_while(|b| *b == b'{').count()
    }

    /// Skips the escape `{{{{` if it stands here; its meaning is `{{`.
    fn escaped_braces(&mut self) -> bool {
        let found = self.brace_count() == 4;
        if found {
            self.at += 4;
            self.text.push_str("{{");
        }
        found
    }

    /// Reads `{{name}}`.
    fn placeholder(&mut self) -> Result<(&'s str, Span), TemplateError> {
        let start = self.at;
        let Some(length) = self.rest()[2..].find("}}") else {
            self.at += 2;
            return self.error(start, TemplateProblem::Unclosed);
        };
        let name = self.rest()[2..2 + length].trim();
        self.at += length + 4;
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            return self.error(start, TemplateProblem::BadName(super::excerpt(name)));
        }
        Ok((name, Span::new(start, self.at)))
    }

    fn value(&mut self, name: &str, place: ValuePlace, span: Span) {
        self.flush();
        self.pieces.push(Piece::Value {
            name: name.to_owned(),
            place,
            span,
        });
    }

    fn bare_placeholder(&mut self) -> Result<(), TemplateError> {
        let (name, span) = self.placeholder()?;
        let next = self.rest().chars().next();
        if name == LABELS {
            let selector = self.open.last().is_some_and(|o| o.0 == '{');
            let follows = self.rest().trim_start().chars().next();
            if !selector || !matches!(self.last, Some('{' | ',')) || !matches!(follows, Some(',' | '}')) {
                return self.error(span.start as usize, TemplateProblem::LabelsPlace);
            }
            self.flush();
            self.pieces.push(Piece::Labels(span));
        } else {
            let beside = next.is_some_and(|c| promql::is_word(c) || c == '.') || self.at_placeholder();
            let place = if self.beside_word || beside {
                ValuePlace::Word
            } else {
                ValuePlace::Bare
            };
            self.value(name, place, span);
        }
        self.last = Some('a');
        self.regex_next = false;
        self.beside_word = true;
        Ok(())
    }

    /// One character, comment or string outside strings.
    fn bare(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        if self.escaped_braces() {
            // No query has two braces in a row outside strings.
            return self.error(start, TemplateProblem::Unbalanced('{'));
        }
        let Some(c) = self.take() else { return Ok(()) };
        if c.is_whitespace() {
            self.beside_word = false;
            return Ok(());
        }
        if c == '#' {
            self.beside_word = false;
            return self.comment();
        }
        self.regex_next = match c {
            '"' | '\'' | '`' => {
                let regex = self.regex_next.then(RegexScanner::new);
                self.string(Literal { quote: c, start, regex })?;
                false
            }
            '~' => matches!(self.source[..start].chars().next_back(), Some('=' | '!')),
            _ => false,
        };
        match c {
            '(' | '[' | '{' => self.open.push((c, start)),
            ')' | ']' | '}' => {
                let partner = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if self.open.pop().map(|o| o.0) != Some(partner) {
                    return self.error(start, TemplateProblem::Unbalanced(c));
                }
            }
            _ => {}
        }
        self.last = Some(c);
        self.beside_word = promql::is_word(c) || c == '.';
        Ok(())
    }

    fn comment(&mut self) -> Result<(), TemplateError> {
        while let Some(c) = self.rest().chars().next() {
            if c == '\n' || c == '\r' {
                break;
            }
            if self.at_placeholder() {
                let start = self.at;
                self.at += 2;
                return self.error(start, TemplateProblem::InComment);
            }
            if !self.escaped_braces() {
                self.take();
            }
        }
        Ok(())
    }

    /// The rest of a string whose quote has been taken.
    fn string(&mut self, mut literal: Literal) -> Result<(), TemplateError> {
        loop {
            let start = self.at;
            if self.at_placeholder() {
                let (name, span) = self.placeholder()?;
                if name == LABELS {
                    return self.error(start, TemplateProblem::LabelsPlace);
                }
                let regex = literal.regex.is_some();
                let place = match literal.quote {
                    '`' => ValuePlace::Raw { regex },
                    quote => ValuePlace::Quoted { quote, regex },
                };
                if let Some(Err(place)) = literal.regex.as_mut().map(RegexScanner::value) {
                    return self.error(start, place.into());
                }
                self.value(name, place, span);
                continue;
            }
            if self.escaped_braces() {
                self.scan(&mut literal, '{', start)?;
                self.scan(&mut literal, '{', start)?;
                continue;
            }
            let raw = literal.quote == '`';
            match self.take() {
                Some(c) if c == literal.quote => return Ok(()),
                Some('\\') if !raw => {
                    let c = self.escape(start, literal.quote)?;
                    self.scan(&mut literal, c, start)?;
                }
                None => return self.unclosed(literal),
                Some('\n') if !raw => return self.unclosed(literal),
                Some(c) => self.scan(&mut literal, c, start)?,
            }
        }
    }

    fn unclosed(&mut self, literal: Literal) -> Result<(), TemplateError> {
        self.at = literal.start + 1;
        self.error(literal.start, TemplateProblem::UnclosedString(literal.quote))
    }

    fn scan(&self, literal: &mut Literal, c: char, start: usize) -> Result<(), TemplateError> {
        match literal.regex.as_mut().map(|scanner| scanner.character(c)) {
            Some(Err(place)) => self.error(start, place.into()),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The character that an escape stands for, whose backslash at `start` has been taken. Bytes (`\xff`) count as characters.
    fn escape(&mut self, start: usize, quote: char) -> Result<char, TemplateError> {
        let kind = self.take();
        let (digits, radix, first) = match kind {
            Some('a') => return Ok('\u{7}'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('v') => return Ok('\u{b}'),
            Some('\\') => return Ok('\\'),
            Some(c) if c == quote => return Ok(c),
            Some('x') => (2, 16, 0),
            Some('u') => (4, 16, 0),
            Some('U') => (8, 16, 0),
            Some(c @ '0'..='7') => (2, 8, u32::from(c) - u32::from('0')),
            _ => return self.bad_escape(start),
        };
        let mut code = first;
        for _ in 0..digits {
            let Some(digit) = self.rest().chars().next().and_then(|c| c.to_digit(radix)) else {
                return self.bad_escape(start);
            };
            self.take();
            code = code.wrapping_mul(radix).wrapping_add(digit);
        }
        match char::from_u32(code) {
            Some(c) if radix == 16 || code <= 255 => Ok(c),
            _ => self.bad_escape(start),
        }
    }

    fn bad_escape<T>(&self, start: usize) -> Result<T, TemplateError> {
        self.error(
            start,
            TemplateProblem::BadEscape(self.source[start..self.at].to_owned()),
        )
    }
}

#[cfg(test)]
mod tests;
