//! Where samples come from: the queries that a look at a task needs, and the answers of Prometheus and of Flink's REST API.
//!
//! Nothing here opens a connection. The caller sends what [`template`] and [`request`] render and hands the body of the answer to
//! [`prometheus`] or [`flink`]. A body is another system's word: it may be cut off, may come from a proxy, may be hostile. Every
//! reader takes [`SourceLimits`], never panics, and fails with a [`SourceError`] that says where, what, and what to do. Fields that
//! are not known are ignored; what is needed must be there in its form.

pub mod flink;
pub mod labels;
pub mod prometheus;
mod promql;
pub mod request;
pub mod template;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

pub use flink::FlinkError;
pub use labels::{DuplicateLabel, Labels, instance_of};
pub use prometheus::{Fed, FeedError, PrometheusAnswer, ResultType, Series, Sink};
pub use request::{InstantQuery, MAX_POINTS, RangeError, RangeQuery};
pub use template::{QueryTemplate, RenderError, TemplateError, TemplateProblem};

/// How much of an answer is read before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Bytes of the body; 64 MiB.
    pub max_bytes: usize,
    /// Series of a Prometheus answer, or entries of a list of Flink metrics; 100,000.
    pub max_series: usize,
    /// Samples of all series of an answer together; 10,000,000.
    pub max_samples: usize,
    /// Bytes of the label names and values of one series; 64 KiB.
    pub max_label_bytes: usize,
}

impl Default for SourceLimits {
    fn default() -> SourceLimits {
        SourceLimits {
            max_bytes: 64 << 20,
            max_series: 100_000,
            max_samples: 10_000_000,
            max_label_bytes: 64 << 10,
        }
    }
}

/// Where in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1; 0 where only the path is known.
    pub line: usize,
    /// The column in bytes, from 1; 0 where the line has just begun.
    pub column: usize,
    /// The place in the JSON, e.g. `data.result[3].values[7]`; empty where it is not known.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (0, "") => f.write_str("the top"),
            (0, path) => write!(f, "`{path}`"),
            (line, "") => write!(f, "line {line}, column {}", self.column),
            (line, path) => write!(f, "line {line}, column {} ({path})", self.column),
        }
    }
}

/// Why the body of an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The body is larger than [`SourceLimits::max_bytes`].
    #[error(
        "the body has {bytes} bytes, at most {limit} are read: ask for fewer series, a shorter range or a longer step"
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no body.
    #[error("the body is empty: check the status of the answer and the time limits of the request")]
    Empty,
    /// The body is not text.
    #[error("the body is not UTF-8 at byte {offset}: it may be compressed, or not come from this API")]
    NotUtf8 {
        /// The first byte that is not.
        offset: usize,
    },
    /// The body is some other text: a proxy's error page, a login page, a plain message.
    #[error("the body is {}, it begins `{excerpt}`: check the address, a proxy or a login page may have answered", if *.html { "HTML and not JSON" } else { "not JSON" })]
    NotJson {
        /// Whether it looks like HTML.
        html: bool,
        /// Its beginning.
        excerpt: String,
    },
    /// The body ends too early.
    #[error("the body is cut off at {at}: check the time and size limits of the request and of proxies")]
    Truncated {
        /// Where it ends.
        at: Place,
    },
    /// The body is not well-formed JSON.
    #[error("not well-formed JSON at {at}: {message}")]
    Syntax {
        /// Where.
        at: Place,
        /// What is wrong.
        message: String,
    },
    /// The body is JSON, but not an answer of this API.
    #[error("unexpected answer at {at}: {message}: check that the address is that of this API")]
    Shape {
        /// Where.
        at: Place,
        /// What was found and what is expected.
        message: String,
    },
    /// A field that is needed is not there.
    #[error("the answer has no `{field}` at {at}: check that the address is that of this API")]
    Missing {
        /// Where.
        at: Place,
        /// The field.
        field: &'static str,
    },
    /// A field that can be there once is there twice.
    #[error("the answer has `{field}` twice at {at}")]
    Twice {
        /// Where.
        at: Place,
        /// The field or label.
        field: String,
    },
    /// A time that does not fit milliseconds since the epoch.
    #[error("`{given}` at {at} is not a time in seconds since 1970 that fits 64 bits of milliseconds")]
    Time {
        /// Where.
        at: Place,
        /// The number.
        given: String,
    },
    /// A sample value that is not a number.
    #[error("`{given}` at {at} is not the value of a sample: expected a number, `NaN`, `+Inf` or `-Inf`")]
    Value {
        /// Where.
        at: Place,
        /// The text.
        given: String,
    },
    /// The answer holds native histograms, which are not numbers.
    #[error(
        "the series {series} is a native histogram: query a number of it, such as `histogram_quantile(0.95, …)` or `histogram_count(…)`"
    )]
    Histogram {
        /// Its labels.
        series: String,
    },
    /// The query gives a text.
    #[error("the query gives a text and not numbers: it is a string literal")]
    TextResult,
    /// More series than [`SourceLimits::max_series`].
    #[error("more than {limit} series or entries at {at}: select fewer, or aggregate in the query")]
    TooManySeries {
        /// Where the first one too many is.
        at: Place,
        /// The limit.
        limit: usize,
    },
    /// More samples than [`SourceLimits::max_samples`].
    #[error("more than {limit} samples at {at}: ask for a shorter range or a longer step")]
    TooManySamples {
        /// Where the first one too many is.
        at: Place,
        /// The limit.
        limit: usize,
    },
    /// The labels of a series are longer than [`SourceLimits::max_label_bytes`].
    #[error("the labels of one series have more than {limit} bytes at {at}: aggregate the long ones away in the query")]
    LabelsTooLong {
        /// Where.
        at: Place,
        /// The limit.
        limit: usize,
    },
    /// Prometheus answered that it failed.
    #[error("Prometheus answered `{error_type}`: {message}")]
    Prometheus {
        /// Its type: `bad_data`, `timeout`, `canceled`, `execution`, `internal`, `unavailable`, `not_found`, …
        error_type: String,
        /// Its message.
        message: String,
    },
    /// Flink answered that it failed.
    #[error("{0}")]
    Flink(FlinkError),
}

/// The body as text, if it can be JSON at all. A byte-order mark is skipped.
pub(crate) fn text_of<'a>(body: &'a [u8], limits: &SourceLimits) -> Result<&'a str, SourceError> {
    if body.len() > limits.max_bytes {
        return Err(SourceError::TooLarge {
            bytes: body.len(),
            limit: limits.max_bytes,
        });
    }
    let text = std::str::from_utf8(body).map_err(|e| SourceError::NotUtf8 {
        offset: e.valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().chars().next() {
        None => Err(SourceError::Empty),
        Some('{' | '[') => Ok(text),
        Some(first) => Err(SourceError::NotJson {
            html: first == '<',
            excerpt: excerpt(text.trim_start()),
        }),
    }
}

/// The beginning of a text: about 120 characters, control characters made visible.
pub(crate) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 120;
    let mut short = String::new();
    let mut length = 0;
    for c in text.chars() {
        if length >= LENGTH {
            short.push('…');
            break;
        }
        if c.is_control() {
            let escape = c.escape_default();
            length += escape.len();
            short.extend(escape);
        } else {
            length += 1;
            short.push(c);
        }
    }
    short
}

/// What `serde_json` says, as an error of ours: its message without the position and without long texts of the body.
pub(crate) fn json_error(error: &serde_json::Error, text: &str, path: String) -> SourceError {
    use serde_json::error::Category;
    let at = Place {
        line: error.line(),
        column: error.column(),
        path,
    };
    let full = error.to_string();
    let message = excerpt(full.rsplit_once(" at line ").map_or(full.as_str(), |parts| parts.0));
    // A text that ends behind the sign or the point of a number is cut off too, but not by serde_json's count.
    let half_number = message == "invalid number" && text.ends_with(['-', '+', '.', 'e', 'E']);
    match error.classify() {
        Category::Syntax if half_number && (at.line, at.column) == end_of(text) => SourceError::Truncated { at },
        Category::Eof => SourceError::Truncated { at },
        Category::Data => SourceError::Shape { at, message },
        Category::Syntax | Category::Io => SourceError::Syntax { at, message },
    }
}

/// The line, from 1, and the column at which `text` ends.
pub(crate) fn end_of(text: &str) -> (usize, usize) {
    (
        text.matches('\n').count() + 1,
        text.rsplit('\n').next().map_or(0, str::len),
    )
}

/// Reads all of `text` as `T`.
pub(crate) fn from_json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, SourceError> {
    serde_json::from_str(text).map_err(|e| json_error(&e, text, String::new()))
}

/// A number as Prometheus (Go) and Flink (Java) write it, `NaN`, `+Inf`, `-Infinity` and the like included. A finite number that is too
/// large is not taken for infinity.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        // One bit pattern for all NaN.
        return Some(f64::NAN);
    }
    (value.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(value)
}

/// A JSON string, borrowed from the body where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_and_java_write_them() {
        for (text, value) in [
            ("1.5", 1.5),
            ("1e+06", 1e6),
            ("5E-324", 5e-324),
            ("1.0E10", 1e10),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("-0", -0.0),
        ] {
            assert_eq!(number_of(text).map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        assert_eq!(number_of("NaN").map(f64::to_bits), Some(f64::NAN.to_bits()));
        assert_eq!(number_of("-nan").map(f64::to_bits), Some(f64::NAN.to_bits()));
        for text in [
            "", " 1", "1 ", "1,5", "0x10", "1e400", "-1e999", "null", "true", "[]", "1_000", "Inf1",
        ] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert_eq!(excerpt(&"é".repeat(500)).chars().count(), 121);
    }

    #[test]
    fn bodies_that_cannot_be_json_are_told_apart() {
        let limits = SourceLimits {
            max_bytes: 30,
            ..SourceLimits::default()
        };
        let text = |body: &'static [u8]| text_of(body, &limits);
        assert_eq!(text(b" \n "), Err(SourceError::Empty));
        assert_eq!(text(b"{\xff}"), Err(SourceError::NotUtf8 { offset: 1 }));
        assert_eq!(text(&[b'{'; 31]), Err(SourceError::TooLarge { bytes: 31, limit: 30 }));
        assert_eq!(text(b"\xef\xbb\xbf{}"), Ok("{}"));
        let html = text(b" <html><title>502</title>").unwrap_err();
        assert!(
            html.to_string()
                .contains("HTML and not JSON, it begins `<html><title>502"),
            "{html}"
        );
        let plain = text(b"404 page not found").unwrap_err();
        assert!(
            plain
                .to_string()
                .contains("the body is not JSON, it begins `404 page not found`"),
            "{plain}"
        );
    }
}
