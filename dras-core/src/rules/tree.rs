//! JSON as a tree that keeps every field in its order, twice if it stands twice, and where it stands in the text.
//!
//! `serde_json::Value` silently keeps the last of two equal keys and no positions; so the text is taken apart level by level with
//! [`RawValue`], whose slices of the text tell their own place. `serde_json` stays the only JSON parser.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::limits::DocumentLimits;
use crate::diagnostic::{Diagnostic, Span, codes};

/// A value and the bytes of the text it covers; an empty span where there is no text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Entry>),
}

/// A field of an object.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Value {
    /// What a reader calls it, with the value itself where it is short.
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Null => "`null`".to_owned(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Number(n) => format!("a number `{n}`"),
            Value::Text(t) => format!("a text {}", quote(t)),
            Value::List(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        }
    }
}

/// A user's text in backticks, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// The path of the field `key` under `path`: `metrics.cpu`, and `metrics["heap.used"]` where a dot would mislead.
pub(super) fn field_path(path: &str, key: &str) -> String {
    let simple = !key.is_empty()
        && key.len() <= 60
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !key.starts_with(|c: char| c.is_ascii_digit());
    match (simple, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => {
            let short: String = key.chars().take(60).collect();
            let more = if short.len() < key.len() { "…" } else { "" };
            format!("{path}[{:?}]", format!("{short}{more}"))
        }
    }
}

/// The path of the element `index` of the list at `path`.
pub(super) fn element_path(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

impl Node {
    /// Where the value at `path` stands, or the nearest thing around it that is there.
    pub(super) fn find(&self, path: &str) -> Span {
        let (mut node, mut here, mut span) = (self, String::new(), self.span);
        loop {
            let children: Vec<(String, Span, &Node)> = match &node.value {
                Value::Object(entries) => entries
                    .iter()
                    .map(|e| (field_path(&here, &e.key), e.key_span, &e.node))
                    .collect(),
                Value::List(nodes) => nodes
                    .iter()
                    .enumerate()
                    .map(|(i, n)| (element_path(&here, i), n.span, n))
                    .collect(),
                _ => return span,
            };
            let leads = |child: &String| {
                path.strip_prefix(child.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let Some((child, _, next)) = children.into_iter().find(|c| leads(&c.0)) else {
                return span;
            };
            (node, here, span) = (next, child, next.span);
        }
    }
}

/// Counts what is read, so that a hostile document stops early.
struct Budget<'a> {
    limits: &'a DocumentLimits,
    values: usize,
    bytes: usize,
}

impl Budget<'_> {
    fn take(&mut self, path: &str, depth: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let refuse = |message: String, help: &str| {
            Err(Box::new(
                Diagnostic::new(codes::TOO_MANY, span, message)
                    .with_path(path)
                    .help(help),
            ))
        };
        if depth > self.limits.max_depth {
            let message = format!("nested deeper than {} levels", self.limits.max_depth);
            return refuse(
                message,
                "a document needs six; the limit is `DocumentLimits::max_depth`",
            );
        }
        self.values += 1;
        if self.values > self.limits.max_values {
            let message = format!("more than {} values", self.limits.max_values);
            return refuse(message, "split the document; the limit is `DocumentLimits::max_values`");
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Box<Diagnostic>> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > self.limits.max_bytes {
            Err(Box::new(too_long(self.bytes, self.limits)))
        } else {
            Ok(())
        }
    }
}

fn too_long(bytes: usize, limits: &DocumentLimits) -> Diagnostic {
    let message = format!(
        "the document has {bytes} bytes or more; at most {} are read",
        limits.max_bytes
    );
    Diagnostic::new(codes::TOO_MANY, Span::default(), message).help("the limit is `DocumentLimits::max_bytes`")
}

/// Takes a text apart.
///
/// # Errors
/// The one diagnostic that says why it is no JSON text, or beyond the limits: nothing behind a syntax error can be trusted.
pub(super) fn parse(bytes: &[u8], limits: &DocumentLimits) -> Result<(Node, Arc<str>), Box<Diagnostic>> {
    if bytes.len() > limits.max_bytes.min(u32::MAX as usize) {
        return Err(Box::new(too_long(bytes.len(), limits)));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.valid_up_to();
            let before: Arc<str> = String::from_utf8_lossy(&bytes[..valid]).into();
            return Err(Box::new(
                Diagnostic::new(
                    codes::MALFORMED,
                    Span::new(valid, valid),
                    format!("byte {valid} is not valid UTF-8"),
                )
                .with_source(&before)
                .help("JSON is encoded as UTF-8"),
            ));
        }
    };
    let source: Arc<str> = text.into();
    let place = |d: Box<Diagnostic>| Box::new(d.with_source(&source));
    if text.starts_with('\u{feff}') {
        let d = Diagnostic::new(
            codes::MALFORMED,
            Span::new(0, 3),
            "the text begins with a byte order mark",
        );
        return Err(place(Box::new(d.help("save it as UTF-8 without one"))));
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|e| place(malformed(text, 0, text, &e, "")))?;
    let mut parser = Parser {
        text,
        budget: Budget {
            limits,
            values: 0,
            bytes: 0,
        },
    };
    let root = parser.node(whole.get(), "", 1).map_err(place)?;
    Ok((root, source))
}

/// What `serde_json` says about `slice`, which starts at byte `start` of `text`.
fn malformed(text: &str, start: usize, slice: &str, error: &serde_json::Error, path: &str) -> Box<Diagnostic> {
    let line_start = slice
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let mut at = (start + line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let said = error.to_string();
    // The position is shown in the margin, and relative to a slice it would be wrong.
    let said = said.split(" at line ").next().unwrap_or(&said).to_owned();
    let mut d = Diagnostic::new(codes::MALFORMED, Span::new(at, at), format!("not valid JSON: {said}")).with_path(path);
    if error.is_eof() {
        d = d.help("the text ends too early: a bracket or quote is not closed");
    } else if text[at..].starts_with(['}', ']']) && text[..at].trim_end().ends_with(',') {
        d = d.help("JSON has no comma after the last entry");
    } else if text[at..].starts_with('\'') {
        d = d.help("JSON texts are written in double quotes");
    } else if text[at..].starts_with(['/', '#']) {
        d = d.help("JSON has no comments; most things have a `doc` field");
    }
    Box::new(d)
}

struct Parser<'t> {
    text: &'t str,
    budget: Budget<'t>,
}

impl<'t> Parser<'t> {
    /// `slice` is a part of `self.text`.
    fn offset(&self, slice: &str) -> usize {
        (slice.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn span(&self, slice: &str) -> Span {
        let start = self.offset(slice);
        Span::new(start, start + slice.len())
    }

    fn node(&mut self, slice: &'t str, path: &str, depth: usize) -> Result<Node, Box<Diagnostic>> {
        let span = self.span(slice);
        self.budget.take(path, depth, span)?;
        let wrong = |parser: &Self, e: serde_json::Error| malformed(parser.text, span.start as usize, slice, &e, path);
        let value = match slice.as_bytes().first() {
            Some(b'{') => {
                let raw = serde_json::Deserializer::from_str(slice)
                    .deserialize_map(Pairs)
                    .map_err(|e| wrong(self, e))?;
                let mut entries = Vec::with_capacity(raw.len());
                for (raw_key, raw_value) in raw {
                    let key: String = self.scalar(raw_key.get(), path)?;
                    let child = field_path(path, &key);
                    let node = self.node(raw_value.get(), &child, depth + 1)?;
                    entries.push(Entry {
                        key,
                        key_span: self.span(raw_key.get()),
                        node,
                    });
                }
                Value::Object(entries)
            }
            Some(b'[') => {
                let raw = serde_json::Deserializer::from_str(slice)
                    .deserialize_seq(Elements)
                    .map_err(|e| wrong(self, e))?;
                let mut nodes = Vec::with_capacity(raw.len());
                for (i, element) in raw.into_iter().enumerate() {
                    nodes.push(self.node(element.get(), &element_path(path, i), depth + 1)?);
                }
                Value::List(nodes)
            }
            Some(b'"') => Value::Text(self.scalar(slice, path)?),
            Some(b't' | b'f') => Value::Bool(self.scalar(slice, path)?),
            Some(b'n') => Value::Null,
            _ => Value::Number(self.scalar(slice, path)?),
        };
        Ok(Node { span, value })
    }

    fn scalar<T: serde::de::DeserializeOwned>(&self, slice: &str, path: &str) -> Result<T, Box<Diagnostic>> {
        serde_json::from_str(slice).map_err(|e| malformed(self.text, self.offset(slice), slice, &e, path))
    }
}

/// The fields of one object, not looked into.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// The elements of one list, not looked into.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}

/// The same tree, without positions, from a value that was read elsewhere (YAML, TOML, Python, JavaScript).
///
/// # Errors
/// It is beyond the limits.
pub(super) fn convert(value: &serde_json::Value, limits: &DocumentLimits) -> Result<Node, Box<Diagnostic>> {
    fn node(
        value: &serde_json::Value,
        budget: &mut Budget<'_>,
        path: &str,
        depth: usize,
    ) -> Result<Node, Box<Diagnostic>> {
        budget.take(path, depth, Span::default())?;
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => Value::Number(n.clone()),
            serde_json::Value::String(text) => {
                budget.text(text)?;
                Value::Text(text.clone())
            }
            serde_json::Value::Array(values) => {
                let mut nodes = Vec::new();
                for (i, v) in values.iter().enumerate() {
                    nodes.push(node(v, budget, &element_path(path, i), depth + 1)?);
                }
                Value::List(nodes)
            }
            serde_json::Value::Object(fields) => {
                let mut entries = Vec::new();
                for (key, v) in fields {
                    budget.text(key)?;
                    let node = node(v, budget, &field_path(path, key), depth + 1)?;
                    entries.push(Entry {
                        key: key.clone(),
                        key_span: Span::default(),
                        node,
                    });
                }
                Value::Object(entries)
            }
        };
        Ok(Node {
            span: Span::default(),
            value,
        })
    }
    node(
        value,
        &mut Budget {
            limits,
            values: 0,
            bytes: 0,
        },
        "",
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Diagnostic {
        *parse(text.as_bytes(), &DocumentLimits::default()).unwrap_err()
    }

    #[test]
    fn keys_values_and_repeated_keys_know_their_place() {
        let text = " {\"a\": [1, {\"b.c\" : \"x\\n\"}],\n \"a\": null}";
        let (root, _) = parse(text.as_bytes(), &DocumentLimits::default()).unwrap();
        let Value::Object(entries) = &root.value else { panic!() };
        let keys: Vec<&str> = entries.iter().map(|e| e.key_span.text(text)).collect();
        assert_eq!(keys, ["\"a\"", "\"a\""]);
        assert_eq!(entries[1].node.span.text(text), "null");
        assert_eq!(root.find("a[1][\"b.c\"]").text(text), "\"x\\n\"");
        assert_eq!(root.find("a[1].missing.too").text(text), "{\"b.c\" : \"x\\n\"}");
        assert_eq!(root.find("ab").text(text), text.trim());
    }

    #[test]
    fn what_is_not_json_is_placed_by_line_and_column() {
        for (text, place, message) in [
            ("", (1, 1), "EOF"),
            ("{\n \"a\": }", (2, 7), "expected value"),
            ("{\"a\": 1,}", (1, 9), "key must be a string"),
            ("{\"a\": [1,]}", (1, 10), "expected value"),
            ("{\"a\": 1} x", (1, 10), "trailing characters"),
            ("{\"é\": \"\\ud800\"}", (1, 14), "hex escape"),
            ("{\"a\":\n[1, 1e999]}", (2, 9), "out of range"),
            ("{\"a\": \"\u{1}\"}", (1, 7), "control character"),
            ("{1: 2}", (1, 2), "key must be a string"),
            ("{'a': 2}", (1, 2), "key must be a string"),
        ] {
            let d = refused(text);
            assert!(d.message.contains(message), "{text}: {}", d.message);
            assert_eq!(d.line_and_column().unwrap(), place, "{text}");
        }
        for (text, help) in [
            ("{\"a\": 1,}", "no comma after the last"),
            ("[1,]", "no comma after the last"),
            ("{'a': 2}", "double quotes"),
            ("{\"a\": 1 // one\n}", "no comments"),
            ("{\"a\": [1", "not closed"),
        ] {
            assert!(refused(text).help.unwrap_or_default().contains(help), "{text}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_placed() {
        let d = parse(b"{\"a\":\n\"\xff\"}", &DocumentLimits::default()).unwrap_err();
        assert_eq!((d.code, d.line_and_column()), (codes::MALFORMED, Some((2, 2))));
        assert!(refused("\u{feff}{}").message.contains("byte order mark"));
    }

    #[test]
    fn hostile_texts_are_refused_early() {
        let limits = DocumentLimits::default();
        for text in [
            "[".repeat(1_000_000),
            "[".repeat(400_000) + &"]".repeat(400_000),
            "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000),
            format!("[{}1]", "1,".repeat(500_000)),
            "x".repeat(limits.max_bytes + 1),
        ] {
            let d = parse(text.as_bytes(), &limits).unwrap_err();
            assert!(d.code == codes::TOO_MANY || d.code == codes::MALFORMED, "{}", d.message);
            assert!(d.to_string().len() < 2000);
        }
    }

    #[test]
    fn values_read_elsewhere_are_bounded_too() {
        let limits = DocumentLimits::default();
        let deep = (0..100).fold(serde_json::json!(1), |v, _| serde_json::json!([v]));
        let long = serde_json::json!({"doc": "x".repeat(limits.max_bytes + 1)});
        let wide = serde_json::json!(vec![0; limits.max_values]);
        for value in [deep, long, wide] {
            assert_eq!(convert(&value, &limits).unwrap_err().code, codes::TOO_MANY);
        }
    }
}
