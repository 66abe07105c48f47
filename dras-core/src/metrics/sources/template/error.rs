//! What is wrong with a template, and why it cannot be rendered for a task.

use super::super::promql::RegexPlace;
use super::{MAX_QUERY_BYTES, MAX_TEMPLATE_BYTES};
use crate::diagnostic::Span;

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at byte {}", span.start)]
pub struct TemplateError {
    /// The bytes of the template it is about.
    pub span: Span,
    /// What is wrong.
    pub problem: TemplateProblem,
}

impl TemplateError {
    /// The first byte that it is about.
    pub fn position(&self) -> usize {
        self.span.start as usize
    }
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// There is no text.
    #[error("the query is empty")]
    Empty,
    /// It is longer than [`MAX_TEMPLATE_BYTES`].
    #[error("the query has {0} bytes, at most {MAX_TEMPLATE_BYTES} are allowed")]
    TooLong(usize),
    /// `{{` without `}}`.
    #[error("the placeholder is not closed: write `{{{{name}}}}`, or `{{{{{{{{` for two literal braces")]
    Unclosed,
    /// Between `{{` and `}}` stands no name.
    #[error(
        "`{0}` is not the name of an attribute or label: use letters, digits, `_` and `.`, or `{{{{{{{{` for two literal braces"
    )]
    BadName(String),
    /// A string literal has no end.
    #[error("the string is not closed: close it with {0} on the same line")]
    UnclosedString(char),
    /// A string literal has an escape that PromQL does not know.
    #[error("`{0}` is not an escape of PromQL: a backslash is written `\\\\`")]
    BadEscape(String),
    /// A bracket has no partner.
    #[error("`{0}` has no partner")]
    Unbalanced(char),
    /// A placeholder in a comment.
    #[error("a placeholder in a comment does nothing: take it out")]
    InComment,
    /// `{{labels}}` outside a selector.
    #[error(
        "`{{{{labels}}}}` is a list of matchers: it stands between the braces of a selector, between commas, as in `cpu{{{{{{labels}}}}}}`"
    )]
    LabelsPlace,
    /// A placeholder behind an unfinished escape of a regular expression.
    #[error(
        "the value would become part of the escape before it: end the escape, or write `\\\\\\\\` for a literal backslash"
    )]
    RegexEscape,
    /// A placeholder in a character class.
    #[error("in a character class a value stands for its single characters: use a group, `({{{{a}}}}|{{{{b}}}})`")]
    RegexClass,
    /// A placeholder in the head of a group.
    #[error("the flags and the name of a group cannot come from a value")]
    RegexGroup,
    /// A placeholder in a repetition.
    #[error("the number of a repetition cannot come from a value")]
    RegexRepetition,
    /// A repetition directly behind a placeholder.
    #[error("the repetition would apply to the last character of the value only: write `(?:{{{{name}}}})` before it")]
    RegexRepeated,
}

/// Why a template cannot be rendered for a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The task does not have an attribute or label.
    #[error("the task has no `{name}`, which the query needs")]
    Missing {
        /// Its name.
        name: String,
        /// Where the placeholder stands in the template.
        span: Span,
    },
    /// A value cannot stand outside a string.
    #[error(
        "`{name}` is `{value}`, which cannot stand outside quotes in a query: it must be a name, a number without sign or a duration such as `5m`"
    )]
    NotPlain {
        /// The placeholder.
        name: String,
        /// The value, shortened.
        value: String,
        /// Where the placeholder stands in the template.
        span: Span,
    },
    /// A value cannot be part of a word.
    #[error(
        "`{name}` is `{value}`, which cannot be part of a name in a query: it must consist of letters, digits, `_` and `:`"
    )]
    NotWord {
        /// The placeholder.
        name: String,
        /// The value, shortened.
        value: String,
        /// Where the placeholder stands in the template.
        span: Span,
    },
    /// A value cannot stand between backquotes.
    #[error("`{name}` is `{value}`, which cannot stand between backquotes: use double quotes in the query")]
    NotRaw {
        /// The placeholder.
        name: String,
        /// The value, shortened.
        value: String,
        /// Where the placeholder stands in the template.
        span: Span,
    },
    /// The query needs the task's labels and there are none: it would read the series of all tasks.
    #[error("the task has no labels: the query would read the series of every task")]
    NoLabels,
    /// A label of the task has a name that PromQL does not allow.
    #[error("the label `{0}` of the task is not a label name of PromQL: use letters, digits and `_`")]
    LabelName(String),
    /// The rendered query is longer than [`MAX_QUERY_BYTES`].
    #[error("the rendered query has more than {MAX_QUERY_BYTES} bytes")]
    TooLong,
}

impl From<RegexPlace> for TemplateProblem {
    fn from(place: RegexPlace) -> TemplateProblem {
        match place {
            RegexPlace::Escape => TemplateProblem::RegexEscape,
            RegexPlace::Class => TemplateProblem::RegexClass,
            RegexPlace::Group => TemplateProblem::RegexGroup,
            RegexPlace::Repetition => TemplateProblem::RegexRepetition,
            RegexPlace::Repeated => TemplateProblem::RegexRepeated,
        }
    }
}
