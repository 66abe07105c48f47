//! The one kind of PromQL that a recording can answer: a plain selector, `name{label="value", other!="value", third=~"pattern"}`.

use std::fmt;

use regex::Regex;

/// A selector, read from the text of a query.
#[derive(Debug, Clone)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

#[derive(Debug, Clone)]
struct Matcher {
    label: String,
    /// Whether the label should be like the value, not unlike it.
    like: bool,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Text(String),
    /// Matches the whole label.
    Pattern(Regex),
}

impl Matcher {
    fn passes(&self, label: &str) -> bool {
        let alike = match &self.value {
            Value::Text(text) => label == text,
            Value::Pattern(pattern) => pattern.is_match(label),
        };
        alike == self.like
    }
}

/// Why a recording cannot answer a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at `{}`; a recording answers only selectors such as `name{{label=\"value\"}}`", Rest(.rest))]
pub struct SelectorError {
    what: &'static str,
    rest: String,
}

struct Rest<'a>(&'a str);

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        f.write_str(&chars.by_ref().take(30).collect::<String>())?;
        f.write_str(if chars.next().is_some() { "…" } else { "" })
    }
}

impl Selector {
    /// Reads a query.
    ///
    /// # Errors
    /// It is anything but a selector with `=`, `!=`, `=~` and `!~`.
    pub fn parse(query: &str) -> Result<Selector, SelectorError> {
        let error = |what, rest: &str| SelectorError {
            what,
            rest: rest.to_owned(),
        };
        let query = query.trim();
        let (name, mut rest) = word(query, true);
        if name.is_empty() {
            return Err(error("a metric name is needed", query));
        }
        let mut matchers = Vec::new();
        if let Some(inside) = rest.trim_start().strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') {
                let (label, after) = word(rest, false);
                if label.is_empty() {
                    return Err(error("a label is needed", rest));
                }
                let after = after.trim_start();
                let operators = [
                    ("=~", true, true),
                    ("!~", false, true),
                    ("!=", false, false),
                    ("=", true, false),
                ];
                let operator = operators.into_iter().find_map(|(sign, like, pattern)| {
                    let after = after.strip_prefix(sign)?;
                    Some((like, pattern, after.trim_start()))
                });
                let Some((like, pattern, at)) = operator else {
                    return Err(error("`=`, `!=`, `=~` or `!~` is needed", after));
                };
                let (text, after) = quoted(at).ok_or_else(|| error("a quoted value is needed", at))?;
                let value = if pattern {
                    let whole = Regex::new(&format!("^(?s:{text})$"));
                    Value::Pattern(whole.map_err(|_| error("a regular expression is needed", at))?)
                } else {
                    Value::Text(text)
                };
                matchers.push(Matcher {
                    label: label.to_owned(),
                    like,
                    value,
                });
                let after = after.trim_start();
                rest = match after.strip_prefix(',') {
                    Some(after) => after.trim_start(),
                    None if after.starts_with('}') => after,
                    None => return Err(error("`,` or `}` is needed", after)),
                };
            }
            rest = &rest[1..];
        }
        if !rest.trim().is_empty() {
            return Err(error("more than a selector", rest.trim()));
        }
        Ok(Selector {
            name: name.to_owned(),
            matchers,
        })
    }

    /// Whether it selects the series `name` whose labels `label` gives; a label that is not there is the empty text, as in Prometheus.
    pub fn selects<'l>(&self, name: &str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.name == name && self.matchers.iter().all(|m| m.passes(label(&m.label).unwrap_or("")))
    }
}

/// A name at the beginning of `text`, and what follows.
fn word(text: &str, colons: bool) -> (&str, &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return ("", text);
    }
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

/// A quoted text at the beginning of `text` without its escapes, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                'u' => {
                    let code = chars
                        .by_ref()
                        .take(4)
                        .try_fold(0, |code, (_, c)| Some(code * 16 + c.to_digit(16)?))?;
                    value.push(char::from_u32(code)?);
                }
                c if matches!(c, '\\' | '"' | '\'') => value.push(c),
                _ => return None,
            },
            c if c == quote => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_select_by_name_and_labels() {
        let label = |name: &str| match name {
            "cluster" => Some("a \"b\""),
            "task_name" => Some("work"),
            _ => None,
        };
        for (query, selects) in [
            ("busy", true),
            (" busy { } ", true),
            ("busy{cluster=\"a \\\"b\\\"\"}", true),
            (r#"busy{cluster="\u0061 \"b\""}"#, true),
            ("busy{task_name = 'work' , cluster!=\"c\",}", true),
            ("busy{task_name!=\"work\"}", false),
            ("busy{task_name=\"map\"}", false),
            ("busy{task_name=~\"w.*\"}", true),
            ("busy{task_name=~\"or\"}", false),
            ("busy{task_name=~\"a|work\"}", true),
            ("busy{task_name!~\"w.*\"}", false),
            ("busy{pod=~\".*\"}", true),
            ("busy{pod=\"\"}", true),
            ("idle", false),
        ] {
            let selector = Selector::parse(query).unwrap();
            assert_eq!(selector.selects("busy", label), selects, "{query}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_place() {
        for (query, message) in [
            ("", "a metric name is needed at ``"),
            ("rate(busy[1m])", "more than a selector at `(busy[1m])`"),
            ("busy[5m]", "more than a selector at `[5m]`"),
            (
                "busy{task_name~\"w.*\"}",
                "`=`, `!=`, `=~` or `!~` is needed at `~\"w.*\"}`",
            ),
            ("busy{task_name=~\"(w\"}", "a regular expression is needed at `\"(w\"}`"),
            ("busy{task_name=work}", "a quoted value is needed at `work}`"),
            ("busy{task_name=\"work", "a quoted value is needed at `\"work`"),
            (r#"busy{a="\u00g0"}"#, r#"a quoted value is needed at `"\u00g0"}`"#),
            (r#"busy{a="\u"}"#, r#"a quoted value is needed at `"\u"}`"#),
            ("busy{a=\"b\" c=\"d\"}", "`,` or `}` is needed at `c=\"d\"}`"),
            ("busy{", "a label is needed at ``"),
            (
                "sum by (a) (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)",
                "more than a selector at `by (a) (aaaaaaaaaaaaaaaaaaaaaa…`",
            ),
        ] {
            let error = Selector::parse(query).unwrap_err().to_string();
            assert!(error.starts_with(message), "{query}: {error}");
        }
    }
}
