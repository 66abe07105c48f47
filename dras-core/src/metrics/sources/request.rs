//! The two requests of Prometheus' HTTP API that read samples, as path and form.

use crate::units::Millis;

/// The most points a series of a range query can have; Prometheus answers more with HTTP 400.
pub const MAX_POINTS: i64 = 11_000;

/// A query for one moment: `/api/v1/query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstantQuery {
    /// The metric that the answer belongs to.
    pub metric: String,
    /// The query, rendered.
    pub promql: String,
    /// The moment, in ms since the epoch.
    pub time: Millis,
}

impl InstantQuery {
    /// The path under the address of Prometheus, and the form: the body of a POST of type `application/x-www-form-urlencoded`, or what
    /// follows the `?` of a GET. POST has no limit on the length of the query.
    ///
    /// ```
    /// use dras_core::metrics::sources::InstantQuery;
    /// let query = InstantQuery { metric: "lag".into(), promql: r#"sum(lag{job="a b"})"#.into(), time: 1_795_238_334_993 };
    /// let form = "query=sum%28lag%7Bjob%3D%22a%20b%22%7D%29&time=1795238334.993";
    /// assert_eq!(query.path_and_form(), ("/api/v1/query", form.to_owned()));
    /// ```
    pub fn path_and_form(&self) -> (&'static str, String) {
        let mut form = String::from("query=");
        percent_encode(&mut form, &self.promql);
        form.push_str("&time=");
        push_seconds(&mut form, self.time);
        ("/api/v1/query", form)
    }
}

/// A query for a stretch of time: `/api/v1/query_range`. Its samples are at `start`, `start + step`, … up to `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeQuery {
    /// The metric that the answer belongs to.
    pub metric: String,
    /// The query, rendered.
    pub promql: String,
    /// The first moment, in ms since the epoch.
    pub start: Millis,
    /// The last moment, in ms since the epoch.
    pub end: Millis,
    /// The distance between two samples, in ms.
    pub step: Millis,
}

/// Why Prometheus would refuse a [`RangeQuery`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The step is not positive.
    #[error("the step is {0} ms; it must be at least 1 ms")]
    Step(Millis),
    /// The range ends before it starts.
    #[error("the range ends at {end} ms, before its start at {start} ms")]
    Reversed {
        /// Its start.
        start: Millis,
        /// Its end.
        end: Millis,
    },
    /// The range has too many points.
    #[error(
        "the range has {points} points a series, Prometheus answers at most {MAX_POINTS}: take a longer step or several ranges"
    )]
    TooManyPoints {
        /// Points a series would have.
        points: i64,
    },
}

impl RangeQuery {
    /// How many points a series of the answer can have.
    ///
    /// # Errors
    /// What Prometheus would refuse: a step below 1 ms, an end before the start, more than [`MAX_POINTS`] points.
    pub fn points(&self) -> Result<i64, RangeError> {
        if self.step < 1 {
            return Err(RangeError::Step(self.step));
        }
        if self.end < self.start {
            return Err(RangeError::Reversed {
                start: self.start,
                end: self.end,
            });
        }
        // Prometheus counts steps and not points, so that 11,001 points would pass there; ours is the number in its message.
        let points = (self.end.saturating_sub(self.start) / self.step).saturating_add(1);
        if points > MAX_POINTS {
            Err(RangeError::TooManyPoints { points })
        } else {
            Ok(points)
        }
    }

    /// The path under the address of Prometheus, and the form, as [`InstantQuery::path_and_form`] gives them. Ask [`points`](Self::points)
    /// first whether Prometheus will take the range.
    ///
    /// ```
    /// use dras_core::metrics::sources::RangeQuery;
    /// let query = RangeQuery { metric: "cpu".into(), promql: "cpu".into(), start: 1000, end: 61_000, step: 500 };
    /// assert_eq!(query.points(), Ok(121));
    /// assert_eq!(query.path_and_form(), ("/api/v1/query_range", "query=cpu&start=1&end=61&step=0.5".to_owned()));
    /// ```
    pub fn path_and_form(&self) -> (&'static str, String) {
        let mut form = String::from("query=");
        percent_encode(&mut form, &self.promql);
        for (name, time) in [("&start=", self.start), ("&end=", self.end), ("&step=", self.step)] {
            form.push_str(name);
            push_seconds(&mut form, time);
        }
        ("/api/v1/query_range", form)
    }
}

/// Milliseconds as decimal seconds, without going through a float.
fn push_seconds(out: &mut String, ms: Millis) {
    let size = ms.unsigned_abs();
    if ms < 0 {
        out.push('-');
    }
    out.push_str(&(size / 1000).to_string());
    let rest = size % 1000;
    if rest > 0 {
        let decimals = format!(".{rest:03}");
        out.push_str(decimals.trim_end_matches('0'));
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters, which is right in a path, in a query and in a form.
pub(crate) fn percent_encode(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a server does with a form value.
    fn decode(form: &str) -> Vec<u8> {
        let bytes = form.as_bytes();
        let mut out = Vec::new();
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'%' => {
                    out.push(u8::from_str_radix(&form[i + 1..i + 3], 16).unwrap());
                    i += 3;
                }
                b'+' => {
                    out.push(b' ');
                    i += 1;
                }
                b => {
                    out.push(b);
                    i += 1;
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_form_value_decodes_to_the_text(text in any::<String>()) {
            let mut form = String::new();
            percent_encode(&mut form, &text);
            prop_assert!(form.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decode(&form), text.into_bytes());
        }

        #[test]
        fn seconds_are_exact(ms in any::<i64>()) {
            let mut text = String::new();
            push_seconds(&mut text, ms);
            let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
            let digits = format!("{whole}{decimals:0<3}");
            prop_assert_eq!(digits.parse::<i64>().unwrap(), ms, "{}", text);
        }
    }

    #[test]
    fn ranges_that_prometheus_refuses_are_refused() {
        let range = |start, end, step| RangeQuery {
            metric: String::new(),
            promql: String::new(),
            start,
            end,
            step,
        };
        assert_eq!(range(0, 0, 1).points(), Ok(1));
        assert_eq!(range(0, 10_999, 1).points(), Ok(11_000));
        assert_eq!(
            range(0, 11_000, 1).points(),
            Err(RangeError::TooManyPoints { points: 11_001 })
        );
        assert_eq!(range(0, 10, 0).points(), Err(RangeError::Step(0)));
        assert_eq!(
            range(10, 9, 1).points(),
            Err(RangeError::Reversed { start: 10, end: 9 })
        );
        assert_eq!(
            range(i64::MIN, i64::MAX, 1).points(),
            Err(RangeError::TooManyPoints { points: i64::MAX })
        );
    }
}
