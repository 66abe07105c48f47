//! The labels of a series, and the name of the instance they stand for.

use std::borrow::Cow;
use std::fmt;

use super::promql;

/// The label that holds the name of a metric.
pub const METRIC_NAME: &str = "__name__";

/// The labels of one series, sorted by name, no name twice. Borrowed from the body of the answer where that is possible.
///
/// ```
/// use dras_core::metrics::sources::Labels;
/// let labels = Labels::new([("tm_id", "tm-0"), ("__name__", "cpu")]).unwrap();
/// assert_eq!(labels.get("tm_id"), Some("tm-0"));
/// assert_eq!(labels.to_string(), r#"{__name__="cpu",tm_id="tm-0"}"#);
/// assert!(Labels::new([("a", "1"), ("a", "2")]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Labels<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// One label name stands twice in the labels of a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the label `{0}` is given twice")]
pub struct DuplicateLabel(pub String);

impl<'a> Labels<'a> {
    /// The labels `pairs`, in any order.
    ///
    /// # Errors
    /// A name is given twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Labels<'a>, DuplicateLabel>
    where
        N: Into<Cow<'a, str>>,
        V: Into<Cow<'a, str>>,
    {
        let mut labels = Labels {
            pairs: pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
        };
        labels.sort()?;
        Ok(labels)
    }

    /// Forgets all labels and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Adds a label; [`sort`](Self::sort) must follow before the labels are read.
    pub(crate) fn push(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        self.pairs.push((name, value));
    }

    /// Puts the labels in order.
    pub(crate) fn sort(&mut self) -> Result<(), DuplicateLabel> {
        self.pairs.sort_unstable();
        match self.pairs.windows(2).find(|w| w[0].0 == w[1].0) {
            Some(twice) => Err(DuplicateLabel(twice[0].0.to_string())),
            None => Ok(()),
        }
    }

    /// The value of the label `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .binary_search_by(|p| (*p.0).cmp(name))
            .ok()
            .map(|i| &*self.pairs[i].1)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|p| (&*p.0, &*p.1))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The same labels, independent of the body they came from.
    pub fn into_owned(self) -> Labels<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Labels {
            pairs: self.pairs.into_iter().map(|(n, v)| (own(n), own(v))).collect(),
        }
    }
}

/// As in PromQL: `{a="b",c="d"}`.
impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("{");
        matchers(&mut text, self.iter());
        write!(f, "{text}}}")
    }
}

/// Writes `a="b",c="d"`.
pub(crate) fn matchers<'p>(out: &mut String, pairs: impl Iterator<Item = (&'p str, &'p str)>) {
    for (i, (name, value)) in pairs.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        promql::escape_into(out, value, '"');
        out.push('"');
    }
}

/// The name of the instance that a series belongs to: the value of `instance_label`, or where that is `None` all labels but the metric's
/// name, `a="b",c="d"` in the order of their names (empty for a series without labels, such as that of `sum(…)`).
///
/// `None` where the series has no such label, or an empty one, which is the same to Prometheus: the series of such an answer cannot be
/// told apart, and taking them for one would mix their samples.
///
/// ```
/// use dras_core::metrics::sources::{Labels, instance_of};
/// let labels = Labels::new([("__name__", "busy"), ("tm_id", "tm-0"), ("subtask_index", "1")]).unwrap();
/// assert_eq!(instance_of(&labels, Some("tm_id")).as_deref(), Some("tm-0"));
/// assert_eq!(instance_of(&labels, None).as_deref(), Some(r#"subtask_index="1",tm_id="tm-0""#));
/// assert_eq!(instance_of(&labels, Some("pod")), None);
/// ```
pub fn instance_of(labels: &Labels<'_>, instance_label: Option<&str>) -> Option<String> {
    if let Some(name) = instance_label {
        return labels.get(name).filter(|v| !v.is_empty()).map(str::to_owned);
    }
    let mut text = String::new();
    matchers(&mut text, labels.iter().filter(|l| l.0 != METRIC_NAME));
    Some(text)
}
