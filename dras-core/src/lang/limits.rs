//! What a text may cost.

/// Limits on one expression, so that hostile input is refused quickly instead of being worked on.
///
/// The defaults are far above what people write. Whatever the values, nothing recurses: larger limits cost heap and time in proportion
/// to the text, never native stack.
///
/// ```
/// use dras_core::lang::{Limits, parse};
/// let limits = Limits { max_depth: 2, ..Limits::default() };
/// assert!(parse("((1))", &limits).is_ok());
/// let refused = parse("(((1)))", &limits).unwrap_err();
/// assert_eq!(refused.0[0].code.id(), "E0502");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes; 256 KiB by default. Texts of 4 GiB and more are refused in any case.
    pub max_bytes: usize,
    /// How deep brackets, calls, windows, lists, prefix operators and the middle arms of `?:` nest; 64 by default. Chains such as
    /// `a + b + c` or `a ? b : c ? d : e` do not nest.
    pub max_depth: usize,
    /// The most values and operators of one expression; 262,144 by default.
    pub max_nodes: usize,
    /// The largest compiled form of one regular expression, in bytes; 1 MiB by default.
    pub max_regex_bytes: usize,
    /// The largest compiled forms of all regular expressions that are compiled together (of one expression, or of one document), in bytes;
    /// 64 MiB by default. The size of each is rounded up generously.
    pub max_regexes_bytes: usize,
    /// The most different windows of metrics that are compiled together (of one expression, or of one document); 4096 by default. Every
    /// one is answered anew at each look at each task.
    pub max_aggregates: usize,
    /// How many mistakes of one text are reported, and of its oddities (warnings) as many again; 32 by default. At least one always is.
    pub max_errors: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_bytes: 256 * 1024,
            max_depth: 64,
            max_nodes: 262_144,
            max_regex_bytes: 1024 * 1024,
            max_regexes_bytes: 64 * 1024 * 1024,
            max_aggregates: 4096,
            max_errors: 32,
        }
    }
}
