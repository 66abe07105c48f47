//! How large a rule document may be.

/// The bounds on a rule document. They protect a service that accepts documents from others; what exceeds them is refused with `E0616`.
///
/// ```
/// use dras_core::rules::DocumentLimits;
/// let strict = DocumentLimits { max_rules: 50, ..DocumentLimits::default() };
/// assert_eq!(strict.max_bytes, 1 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLimits {
    /// Bytes of the text, or of all keys and texts together where the document comes as a value. Default 1 MiB.
    pub max_bytes: usize,
    /// Levels of nested objects and lists; 6 are enough for every document. Default 32.
    pub max_depth: usize,
    /// Objects, lists and scalars together. Default 100,000.
    pub max_values: usize,
    /// Metrics. Default 1000.
    pub max_metrics: usize,
    /// Attributes. Default 1000.
    pub max_attributes: usize,
    /// Parameters. Default 1000.
    pub max_params: usize,
    /// Definitions. Default 1000.
    pub max_definitions: usize,
    /// Uses of strategies. Default 100.
    pub max_strategies: usize,
    /// Rules. Default 1000.
    pub max_rules: usize,
    /// How deep documents extend each other, and how many one of them names. Default 16.
    pub max_extends: usize,
    /// Diagnostics of one document; one more says how many were left out. Default 200.
    pub max_diagnostics: usize,
}

impl Default for DocumentLimits {
    fn default() -> DocumentLimits {
        DocumentLimits {
            max_bytes: 1 << 20,
            max_depth: 32,
            max_values: 100_000,
            max_metrics: 1000,
            max_attributes: 1000,
            max_params: 1000,
            max_definitions: 1000,
            max_strategies: 100,
            max_rules: 1000,
            max_extends: 16,
            max_diagnostics: 200,
        }
    }
}
