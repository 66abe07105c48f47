//! Query templates: PromQL with `{{placeholders}}` for what tells a task apart.

use std::ops::Range;

/// A placeholder of a query template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder<'t> {
    /// The bytes from `{{` to `}}`, both included.
    pub range: Range<usize>,
    /// The name between them: `labels`, or a text attribute of the task.
    pub name: &'t str,
}

/// The placeholder that stands for all labels of the task as matchers: `job="etl",namespace="prod"`.
pub const LABELS: &str = "labels";

/// Why a query template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQueryTemplate {
    /// A `{{` without its `}}`.
    #[error("the placeholder at byte {0} is not closed with `}}}}`")]
    Unclosed(usize),
    /// What stands between the brackets is no name.
    #[error("`{0}` is not the name of a placeholder")]
    NotAName(String),
}

/// The placeholders of `template`, in order.
///
/// In a run of three brackets the outer one belongs to PromQL: `up{{{labels}}}` selects with all labels.
///
/// # Errors
/// A placeholder is not closed, or holds no name.
///
/// ```
/// use dras_core::rules::placeholders;
/// let found = placeholders("up{job=\"{{job}}\"}").unwrap();
/// assert_eq!((found[0].name, found[0].range.clone()), ("job", 8..15));
/// ```
pub fn placeholders(template: &str) -> Result<Vec<Placeholder<'_>>, BadQueryTemplate> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = template[at..].find("{{") {
        let mut start = at + offset;
        while template[start + 2..].starts_with('{') {
            start += 1;
        }
        let inside = start + 2;
        let end = inside + template[inside..].find("}}").ok_or(BadQueryTemplate::Unclosed(start))?;
        let name = template[inside..end].trim();
        if super::check_name(name).is_err() {
            return Err(BadQueryTemplate::NotAName(name.chars().take(60).collect()));
        }
        found.push(Placeholder {
            range: start..end + 2,
            name,
        });
        at = end + 2;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_between_promql_brackets() {
        let names = |t| {
            placeholders(t)
                .unwrap()
                .iter()
                .map(|p| (p.name, &t[p.range.clone()]))
                .collect::<Vec<_>>()
        };
        assert_eq!(names("up"), []);
        assert_eq!(names("up{{{labels}}}"), [("labels", "{{labels}}")]);
        assert_eq!(names("up{ {{ labels }} }"), [("labels", "{{ labels }}")]);
        assert_eq!(
            names("a{x=\"{{x}}\"} / b{y=\"{{y.z}}\"}"),
            [("x", "{{x}}"), ("y.z", "{{y.z}}")]
        );
        assert_eq!(placeholders("up{x=\"{{x\"}"), Err(BadQueryTemplate::Unclosed(6)));
        assert_eq!(placeholders("up{{}}"), Err(BadQueryTemplate::NotAName(String::new())));
        assert_eq!(
            placeholders("{{a b}}"),
            Err(BadQueryTemplate::NotAName("a b".to_owned()))
        );
    }
}
