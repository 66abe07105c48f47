//! Reading a tree field by field: every problem is noted with its path and place, and reading goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::constant::Constant;
use super::tree::{Entry, Node, Value, element_path, field_path, quote};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, codes, did_you_mean};
use crate::literal::Quantity;
use crate::names::NameError;
use crate::units::{Millis, Unit, display_quantity};

/// The longest duration in a document: ten years. Longer ones are slips, and multiples of these still fit.
const LONGEST: Millis = 3660 * 86_400_000;

/// A value and how to get to it.
#[derive(Debug, Clone)]
pub(super) struct At<'t> {
    pub(super) node: &'t Node,
    pub(super) path: String,
}

/// Notes problems.
pub(super) struct Reader {
    source: Option<Arc<str>>,
    found: Vec<Diagnostic>,
    limit: usize,
    left_out: usize,
}

impl Reader {
    /// A reader of a tree from `source`, if it is from a text, that keeps at most `limit` diagnostics.
    pub(super) fn new(source: Option<Arc<str>>, limit: usize) -> Reader {
        Reader {
            source,
            found: Vec::new(),
            limit,
            left_out: 0,
        }
    }

    /// What was found, in the order of the text.
    pub(super) fn finish(mut self) -> Diagnostics {
        self.found.sort_by_key(|d| d.span);
        if self.left_out > 0 {
            let message = format!("{} more problems are not listed", self.left_out);
            self.found.push(
                Diagnostic::new(codes::TOO_MANY, Span::default(), message)
                    .help("mend these first; the limit is `DocumentLimits::max_diagnostics`"),
            );
        }
        Diagnostics(self.found)
    }

    /// Notes a problem at `span` of the text and `path` of the document.
    pub(super) fn note(
        &mut self,
        code: Code,
        span: Span,
        path: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        if self.found.len() >= self.limit {
            self.left_out += 1;
            return;
        }
        let mut d = Diagnostic::new(code, span, message).with_path(path);
        d.help = help;
        if let Some(source) = &self.source {
            d = d.with_source(source);
        }
        self.found.push(d);
    }

    /// Notes a problem with the value at `at`.
    pub(super) fn at(&mut self, code: Code, at: &At<'_>, message: impl Into<String>, help: Option<String>) {
        self.note(code, at.node.span, &at.path, message, help);
    }

    fn wrong_type(&mut self, at: &At<'_>, expected: &str, help: Option<String>) {
        let message = format!("expected {expected}, found {}", at.node.value.describe());
        let help = match at.node.value {
            Value::Null => Some("leave the field out where nothing is to be said".to_owned()),
            _ => help,
        };
        self.at(codes::WRONG_FIELD_TYPE, at, message, help);
    }

    /// The fields of an object with fixed fields.
    pub(super) fn fields<'t>(&mut self, at: &At<'t>) -> Option<Fields<'t>> {
        let entries = self.distinct(at, "an object")?;
        Some(Fields {
            entries: entries.into_iter().map(|e| (e, false)).collect(),
            path: at.path.clone(),
            span: at.node.span,
            known: Vec::new(),
        })
    }

    /// The entries of an object whose keys are names.
    pub(super) fn named<'t>(
        &mut self,
        at: &At<'t>,
        max: usize,
        check: fn(&str) -> Result<(), NameError>,
    ) -> Vec<(&'t Entry, At<'t>)> {
        let mut named = Vec::new();
        for entry in self.distinct(at, "an object").unwrap_or_default() {
            let value = At {
                node: &entry.node,
                path: field_path(&at.path, &entry.key),
            };
            if let Err(bad) = check(&entry.key) {
                self.note(codes::BAD_NAME, entry.key_span, &value.path, bad.to_string(), None);
                continue;
            }
            named.push((entry, value));
        }
        if named.len() > max {
            self.at(
                codes::TOO_MANY,
                at,
                format!("{} entries; at most {max} are allowed", named.len()),
                None,
            );
            named.truncate(max);
        }
        named
    }

    fn distinct<'t>(&mut self, at: &At<'t>, expected: &str) -> Option<Vec<&'t Entry>> {
        let Value::Object(entries) = &at.node.value else {
            self.wrong_type(at, expected, None);
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut distinct = Vec::with_capacity(entries.len());
        for entry in entries {
            if seen.insert(&entry.key) {
                distinct.push(entry);
            } else {
                let message = format!("{} stands twice in the same object", quote(&entry.key));
                let help = "JSON readers would silently keep one of them: remove the other".to_owned();
                self.note(
                    codes::DUPLICATE_NAME,
                    entry.key_span,
                    &field_path(&at.path, &entry.key),
                    message,
                    Some(help),
                );
            }
        }
        Some(distinct)
    }

    /// The elements of a list.
    pub(super) fn elements<'t>(&mut self, at: &At<'t>, max: usize) -> Vec<At<'t>> {
        let Value::List(nodes) = &at.node.value else {
            self.wrong_type(at, "a list", None);
            return Vec::new();
        };
        if nodes.len() > max {
            self.at(
                codes::TOO_MANY,
                at,
                format!("{} entries; at most {max} are allowed", nodes.len()),
                None,
            );
        }
        nodes
            .iter()
            .take(max)
            .enumerate()
            .map(|(i, node)| At {
                node,
                path: element_path(&at.path, i),
            })
            .collect()
    }

    /// A text.
    pub(super) fn text<'t>(&mut self, at: &At<'t>) -> Option<&'t str> {
        match &at.node.value {
            Value::Text(text) => Some(text),
            other => {
                let help = match other {
                    Value::Number(n) => Some(format!("write it in quotes: `\"{n}\"`")),
                    Value::Bool(b) => Some(format!("write it in quotes: `\"{b}\"`")),
                    _ => None,
                };
                self.wrong_type(at, "a text", help);
                None
            }
        }
    }

    /// A name that `check` allows.
    pub(super) fn name(&mut self, at: &At<'_>, check: fn(&str) -> Result<(), NameError>) -> Option<String> {
        let text = self.text(at)?;
        match check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(bad) => {
                self.at(codes::BAD_NAME, at, bad.to_string(), None);
                None
            }
        }
    }

    /// A truth value.
    pub(super) fn truth(&mut self, at: &At<'_>) -> Option<bool> {
        match &at.node.value {
            Value::Bool(value) => Some(*value),
            _ => {
                self.wrong_type(at, "`true` or `false`", None);
                None
            }
        }
    }

    /// A whole number from `min` to `max`.
    pub(super) fn whole(&mut self, at: &At<'_>, min: i64, max: i64) -> Option<i64> {
        let Value::Number(number) = &at.node.value else {
            self.wrong_type(at, "a whole number", None);
            return None;
        };
        // 3.0 is what some writers make of 3.
        let value = number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        });
        match value {
            Some(value) if (min..=max).contains(&value) => Some(value),
            _ => {
                let message = format!("`{number}` is not a whole number from {min} to {max}");
                self.at(codes::BAD_FIELD_VALUE, at, message, None);
                None
            }
        }
    }

    /// A constant: a number, a truth value, or a literal as text.
    pub(super) fn constant(&mut self, at: &At<'_>) -> Option<Constant> {
        match &at.node.value {
            Value::Bool(value) => Some(Constant::Bool(*value)),
            Value::Number(number) => {
                let quantity = number.as_f64().and_then(Quantity::number);
                if quantity.is_none() {
                    self.at(
                        codes::BAD_FIELD_VALUE,
                        at,
                        format!("`{number}` is outside the range of numbers"),
                        None,
                    );
                }
                quantity.map(Constant::Number)
            }
            Value::Text(text) => match Constant::parse(text) {
                Ok(constant) => Some(constant),
                Err(bad) => {
                    self.at(codes::BAD_FIELD_VALUE, at, bad.to_string(), Some(bad.help()));
                    None
                }
            },
            _ => {
                self.wrong_type(at, "a number, a text or a truth value", None);
                None
            }
        }
    }

    /// A number in any unit.
    pub(super) fn quantity(&mut self, at: &At<'_>) -> Option<Quantity> {
        match self.constant(at)? {
            Constant::Number(quantity) => Some(quantity),
            other => {
                self.at(
                    codes::WRONG_FIELD_TYPE,
                    at,
                    format!("expected a number, found {}", other.describe()),
                    None,
                );
                None
            }
        }
    }

    /// A number in `unit`.
    pub(super) fn quantity_in(&mut self, at: &At<'_>, unit: Unit) -> Option<Quantity> {
        let quantity = self.quantity(at)?;
        if quantity.unit() == unit {
            return Some(quantity);
        }
        let message = format!(
            "expected {}, found {}: `{quantity}`",
            unit.describe(),
            quantity.unit().describe()
        );
        let help = match unit {
            Unit::SECONDS => Some("write durations like `\"30s\"`, `\"5m\"`, `\"1h30m\"`".to_owned()),
            Unit::BYTES => Some("write sizes like `\"512MiB\"`, `\"2GB\"`".to_owned()),
            _ => None,
        };
        self.at(codes::BAD_FIELD_VALUE, at, message, help);
        None
    }

    /// A duration from `min` to ten years, in ms.
    pub(super) fn duration(&mut self, at: &At<'_>, min: Millis) -> Option<Millis> {
        let quantity = self.quantity_in(at, Unit::SECONDS)?;
        let millis = quantity.value() * 1e3;
        let rounded = millis.round();
        let exact = (millis - rounded).abs() <= 1e-6 * rounded.abs().max(1e-3);
        if exact && rounded >= min as f64 && rounded <= LONGEST as f64 {
            return Some(rounded as Millis);
        }
        let message = if exact {
            let show = |ms: Millis| display_quantity(ms as f64 / 1e3, Unit::SECONDS);
            format!("`{quantity}` is not from {} to {}", show(min), "3660d")
        } else {
            format!("`{quantity}` is not a whole number of milliseconds")
        };
        self.at(codes::BAD_FIELD_VALUE, at, message, None);
        None
    }

    /// A share, 0…1.
    pub(super) fn share(&mut self, at: &At<'_>) -> Option<f64> {
        let quantity = self.quantity_in(at, Unit::NUMBER)?;
        if (0.0..=1.0).contains(&quantity.value()) {
            return Some(quantity.value());
        }
        self.at(
            codes::BAD_FIELD_VALUE,
            at,
            format!("`{quantity}` is not a share from 0% to 100%"),
            Some("write `\"80%\"` or `0.8`".to_owned()),
        );
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, at: &At<'_>, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(at)?;
        if let Some(choice) = choices.iter().find(|c| c.0 == text) {
            return Some(choice.1);
        }
        let words: Vec<String> = choices.iter().map(|c| format!("`{}`", c.0)).collect();
        let help = match did_you_mean(text, choices.iter().map(|c| c.0)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.at(
            codes::BAD_FIELD_VALUE,
            at,
            format!("{} is none of {}", quote(text), words.join(", ")),
            Some(help),
        );
        None
    }
}

/// The fields of an object, taken one by one; what is left at the end is unknown.
pub(super) struct Fields<'t> {
    entries: Vec<(&'t Entry, bool)>,
    path: String,
    span: Span,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The field `name`, if it is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<At<'t>> {
        self.known.push(name);
        let (entry, taken) = self.entries.iter_mut().find(|(e, _)| e.key == name)?;
        *taken = true;
        Some(At {
            node: &entry.node,
            path: field_path(&self.path, name),
        })
    }

    /// The field `name`; its absence is noted.
    pub(super) fn require(&mut self, reader: &mut Reader, name: &'static str) -> Option<At<'t>> {
        let taken = self.take(name);
        if taken.is_none() {
            let place = if self.path.is_empty() {
                "the document"
            } else {
                &self.path
            };
            // The whole object is no help as a place: its first byte is.
            let span = Span {
                start: self.span.start,
                end: self.span.end.min(self.span.start + 1),
            };
            reader.note(
                codes::MISSING_FIELD,
                span,
                &self.path,
                format!("`{name}` is missing in {place}"),
                None,
            );
        }
        taken
    }

    /// Notes what was not taken.
    pub(super) fn finish(self, reader: &mut Reader) {
        for (entry, taken) in &self.entries {
            if *taken {
                continue;
            }
            let help = if let Some(near) = did_you_mean(&entry.key, self.known.iter().copied()) {
                format!("did you mean `{near}`?")
            } else {
                let known: Vec<String> = self.known.iter().map(|k| format!("`{k}`")).collect();
                format!("the fields here are {}", known.join(", "))
            };
            let path = field_path(&self.path, &entry.key);
            reader.note(
                codes::UNKNOWN_FIELD,
                entry.key_span,
                &path,
                format!("unknown field {}", quote(&entry.key)),
                Some(help),
            );
        }
    }
}
