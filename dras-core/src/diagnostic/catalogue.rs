//! Every diagnostic code: its stable id, a title, an explanation, and an example that produces it.
//!
//! The error reference (`docs/errors.md`) is generated from this table, and a test compiles every example and expects its code.

use super::Severity;

/// A stable diagnostic code.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    id: &'static str,
    title: &'static str,
    explanation: &'static str,
    example: Example,
}

/// What produces a code.
#[derive(Debug, Clone, Copy)]
pub enum Example {
    /// An expression, compiled over the example metrics of the reference.
    Expression(&'static str),
    /// A whole rule document, as JSON.
    Document(&'static str),
    /// Documents that extend each other, as a JSON list in the order in which they are added to a library.
    Library(&'static str),
    /// A whole rule document, as JSON, whose rules are linted with a retention of 15 days.
    Lint(&'static str),
    /// A limit; the example would be too long to print, so this says how to make it.
    Generated(&'static str),
}

impl Code {
    /// The code as it is printed, e.g. `E0103`.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// A few words that name the mistake.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// Why it is one, and what to do.
    pub fn explanation(&self) -> &'static str {
        self.explanation
    }

    /// An input that produces it.
    pub fn example(&self) -> Example {
        self.example
    }

    /// `E…` refuses, `W…` warns, `I…` remarks.
    pub fn severity(&self) -> Severity {
        match self.id.as_bytes().first() {
            Some(b'W') => Severity::Warning,
            Some(b'I') => Severity::Info,
            _ => Severity::Error,
        }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        self.id == other.id
    }
}

impl Eq for Code {}

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal, $explanation:literal, $example:expr;)*) => {
        /// The codes by name.
        pub mod codes {
            use super::{Code, Example::{Document, Expression, Generated, Library, Lint}};
            $(#[doc = concat!("`", $id, "`: ", $title)]
            pub const $name: Code = Code { id: $id, title: $title, explanation: $explanation, example: $example };)*
        }

        /// Every code, in order.
        pub const ALL: &[Code] = &[$(codes::$name),*];
    };
}

codes! {
    // Syntax.
    EXPECTED_EXPRESSION = "E0101", "an expression is missing",
        "An operator, bracket or comma stands where a value was expected.",
        Expression("cpu >");
    UNCLOSED_BRACKET = "E0102", "a bracket is not closed",
        "Every `(` and `[` needs its closing partner.",
        Expression("(cpu > 80%");
    UNMATCHED_BRACKET = "E0103", "a closing bracket has no partner",
        "A `)` or `]` closes nothing, or closes a bracket of the other kind.",
        Expression("cpu > 80%)");
    UNTERMINATED_TEXT = "E0104", "a text is not closed",
        "A text literal begins with a quote and ends with the same quote on the same line.",
        Expression("task_type == 'sql");
    UNKNOWN_CHARACTER = "E0105", "a character that the language does not use",
        "Only letters, digits, operators, brackets and quotes have a meaning outside texts. There are no comments and no label selectors.",
        Expression("cpu > 80% # hot");
    BAD_NUMBER = "E0106", "a malformed number, duration or size",
        "Numbers are written `0.8`, `80%`, `1_000`, `1e6`; durations `500ms 30s 5m 2h 1d 1w` or `1h30m`, largest part first; sizes `512MiB`, `2GB`; rates `1000/s`, `5MiB/s`.",
        Expression("uptime > 5min");
    ASSIGNMENT = "E0107", "`=` instead of `==`",
        "The language assigns nothing; equality is written `==`.",
        Expression("parallelism = 4");
    WORD_OPERATOR = "E0108", "an operator of another language",
        "Logic is written `&&`, `||`, `!`, comparison `==`, `!=`, `<=`, `>=`, choice `condition ? a : b`; there are no bitwise operators.",
        Expression("cpu > 80% and parallelism > 1");
    CHAINED_COMPARISON = "E0109", "comparisons cannot be chained",
        "`0 < x < 1` would compare a truth value with a number. The list of `in` is the whole right side, too.",
        Expression("0 < cpu < 1");
    POWER_OPERATOR = "E0110", "there is no power operator",
        "Write `pow(x, y)`.",
        Expression("parallelism ^ 2 > 4");
    BAD_ESCAPE = "E0111", "an unknown escape in a text",
        "Texts know `\\\\ \\' \\\" \\n \\r \\t \\0 \\xHH \\uHHHH \\u{…}`. For regular expressions, raw texts `r'\\d+'` need no escapes.",
        Expression(r"task_type =~ '\d+'");
    MISSING_OPERATOR = "E0112", "two values without an operator between them",
        "An operator or comma is missing.",
        Expression("cpu 80%");
    UNARY_PLUS = "E0113", "there is no unary plus",
        "A number is positive without it.",
        Expression("cpu > +0.8");
    EMPTY_EXPRESSION = "E0114", "an empty expression",
        "There is nothing to evaluate.",
        Expression("  ");
    INCOMPLETE_CONDITIONAL = "E0115", "`?` without `:`, or `:` without `?`",
        "A conditional has both arms: `condition ? a : b`.",
        Expression("cpu > 80% ? 2");
    BAD_WINDOW = "E0116", "a malformed window",
        "Windows are written `[5m]`, `[20 samples]`, `[20 samples in 10m]`, `[current 1h]`, `[previous 1d]`, each optionally with `across marks` before the `]`.",
        Expression("avg(cpu[5m, 10m]) > 80%");
    NOT_A_VALUE = "E0117", "a word of another language for a missing value",
        "There is no null, NaN or infinity: a value is there, or it is undefined. Ask with `defined(x)`, replace with `x ?? 0`.",
        Expression("cpu == null");
    NOT_UTF8 = "E0118", "a text that is not UTF-8",
        "Expressions and documents are UTF-8; the message says which byte is not.",
        Generated("bytes that are not UTF-8, such as a lone 0xff");
    MALFORMED_NAME = "E0119", "a malformed name",
        "A name is letters, digits and `_`, with single dots between its parts; each part begins with a letter or `_`.",
        Expression("heap..used > 1GiB");
    MISPLACED_COMMA = "E0120", "a comma outside a call or list",
        "Commas separate the arguments of a call and the elements of a list; conditions are joined with `&&` or `||`.",
        Expression("cpu > 80%, parallelism > 1");
    // Names.
    UNKNOWN_NAME = "E0201", "an unknown name",
        "Names are metrics, attributes of the task, parameters and definitions of the document.",
        Expression("cpuu > 80%");
    UNKNOWN_FUNCTION = "E0202", "an unknown function",
        "The function reference lists every function.",
        Expression("ciel(cpu) > 1");
    FUNCTION_AS_VALUE = "E0203", "a function without its arguments",
        "A function is called with round brackets.",
        Expression("avg > 80%");
    VALUE_AS_FUNCTION = "E0204", "a value called like a function",
        "Only functions take arguments in round brackets; a window is written in square ones.",
        Expression("cpu(5m) > 80%");
    // Types and units.
    TYPE_MISMATCH = "E0301", "values of different types",
        "Numbers, truth values and texts do not mix.",
        Expression("cpu > 'x'");
    UNIT_MISMATCH = "E0302", "values of different units",
        "Adding and comparing need equal units.",
        Expression("heap_used > 5m");
    UNIT_MISSING = "E0303", "a plain number where a unit is needed",
        "A size or duration is compared with a size or duration: write the unit.",
        Expression("heap_used > 1000");
    NOT_A_CONDITION = "E0304", "a condition that is not true or false",
        "Rules, `&&`, `||`, `!` and `?:` need a truth value.",
        Expression("cpu && true");
    WRONG_ARGUMENT_COUNT = "E0305", "too many or too few arguments",
        "The function reference gives each function's parameters.",
        Expression("clamp(cpu, 1) > 0");
    WRONG_ARGUMENT = "E0306", "an argument of the wrong type",
        "The function reference gives each parameter's type.",
        Expression("abs('x') > 1");
    BAD_REGEX = "E0307", "an invalid regular expression",
        "Regular expressions follow the syntax of the Rust `regex` crate: linear time, so no look-around and no back-references.",
        Expression("task_type =~ '(a'");
    PATTERN_NOT_LITERAL = "E0308", "a regular expression must be a literal",
        "Patterns are compiled once, with the rule.",
        Expression("task_type =~ task_id");
    BAD_LIST = "E0309", "`in` needs a list of literals of one type",
        "Write `task_type in ['sql', 'cep']`.",
        Expression("task_type in ['sql', 3]");
    NOT_CONSTANT = "E0310", "a constant is needed here",
        "Windows and the settings of aggregates are known when the rule is compiled: literals and parameters.",
        Expression("avg(cpu[uptime]) > 80%");
    UNIT_OVERFLOW = "E0311", "a unit without meaning",
        "The exponents of a unit grew beyond what any quantity has, or a root of an odd exponent was taken.",
        Expression("sqrt(heap_used) > 1");
    CONSTANT_OUT_OF_RANGE = "E0312", "a constant outside its range",
        "The function reference gives the range.",
        Expression("quantile(95, cpu[5m]) > 80%");
    // Windows and metrics.
    RANGE_AS_VALUE = "E0401", "a window where one value is needed",
        "A range holds many samples: reduce it over time first, or test its samples with `all`, `any`, `share` or `count`.",
        Expression("cpu[5m] > 80%");
    TWO_RANGES = "E0402", "two different windows compared sample by sample",
        "Samples of different series or windows do not line up: reduce each first.",
        Expression("all(cpu[5m] > busy[5m])");
    WINDOW_OF_NON_METRIC = "E0403", "a window of something that is not a metric",
        "Only metrics have samples over time.",
        Expression("avg(parallelism[5m]) > 1");
    NOTHING_TO_REDUCE = "E0404", "nothing to reduce",
        "`max(x)` reduces a window over time or a metric over its instances; one value needs no reducing.",
        Expression("max(parallelism) > 1");
    NEEDS_COUNTER = "E0405", "`rate` and its kin need a counter",
        "`rate`, `increase`, `resets` count the steps of a counter; for a gauge write `delta` or `slope`.",
        Expression("rate(cpu[5m]) > 1/s");
    RATE_OF_SUM = "E0406", "rate first, then sum",
        "A sum of counters falls when one instance restarts; take the rate of each and sum the rates.",
        Expression("rate(sum(gc_count)) > 1/s");
    NEEDS_SAMPLES = "E0407", "the function needs a window",
        "Functions over time take a range such as `cpu[5m]`.",
        Expression("slope(cpu) > 1/h");
    WINDOW_TOO_LONG = "E0408", "too many samples for this function",
        "This function needs every sample of its window in memory; shorten the window, or use one that long windows can keep in parts (avg, min, max, sum, count, increase, …).",
        Expression("median(cpu[365d]) > 80%");
    EVENT_AS_NUMBER = "E0409", "a text metric used as a number",
        "Event metrics hold texts: match them with `=~`, count them with `count`.",
        Expression("avg(exceptions[10m]) > 1");
    BAD_WINDOW_LENGTH = "E0410", "a window of impossible length",
        "A window is a positive duration or a positive whole number of samples.",
        Expression("avg(cpu[0s]) > 80%");
    SAMPLE_TEST_TOO_COMPLEX = "E0411", "arithmetic on the samples of a window",
        "Samples may be compared and matched one by one; to compute with them, reduce over time first.",
        Expression("all(cpu[5m] * 2 > 80%)");
    // Limits.
    TOO_LONG = "E0501", "the text is too long",
        "The limit protects the host from hostile input; it is a setting of the API.",
        Generated("a text of more bytes than `Limits::max_bytes`");
    TOO_DEEP = "E0502", "the expression is nested too deeply",
        "Brackets, calls and prefix operators nest at most as deep as `Limits::max_depth`.",
        Generated("more nested brackets than `Limits::max_depth`");
    TOO_MANY_NODES = "E0503", "the expression is too large",
        "One expression has at most `Limits::max_nodes` values and operators.",
        Generated("more terms than `Limits::max_nodes`");
    REGEX_TOO_LARGE = "E0504", "the regular expression is too large",
        "Its compiled form would exceed `Limits::max_regex_bytes`, or that of all regular expressions together `Limits::max_regexes_bytes`.",
        Expression("task_type =~ 'a{1000}{1000}'");
    TOO_MANY_WINDOWS = "E0505", "too many different windows",
        "Every window of a metric costs memory and time for each task; an expression or document has at most `Limits::max_aggregates`.",
        Generated("more different windows than `Limits::max_aggregates`");
    // Documents.
    MALFORMED = "E0601", "not a rule document",
        "The document is not valid JSON, or not an object.",
        Document("{\"rules\": [");
    UNKNOWN_FIELD = "E0602", "an unknown field",
        "Nothing in a document is ignored: a field that means nothing is an error.",
        Document("{\"version\": 1, \"ruels\": []}");
    MISSING_FIELD = "E0603", "a required field is missing",
        "The document reference lists the fields.",
        Document("{\"version\": 1, \"rules\": [{\"name\": \"up\"}]}");
    WRONG_FIELD_TYPE = "E0604", "a field of the wrong type",
        "The document reference gives each field's type.",
        Document("{\"version\": 1, \"rules\": 3}");
    UNSUPPORTED_VERSION = "E0605", "a document version that this library does not know",
        "The field `version` is 1.",
        Document("{\"version\": 7}");
    BAD_FIELD_VALUE = "E0606", "a field with an impossible value",
        "The document reference gives each field's range.",
        Document("{\"version\": 1, \"metrics\": {\"cpu\": {\"unit\": \"parsecs\"}}}");
    BAD_NAME = "E0607", "a name that cannot be used",
        "Names are letters, digits and `_`, with dots between parts; units, keywords and functions are taken.",
        Document("{\"version\": 1, \"params\": {\"5m\": 1}}");
    DUPLICATE_NAME = "E0608", "one name for two things",
        "Metrics, attributes, parameters and definitions share one space of names.",
        Document("{\"version\": 1, \"params\": {\"high\": 1}, \"define\": {\"high\": \"2\"}}");
    CYCLIC_DEFINITION = "E0609", "definitions that need each other",
        "A definition may use others, but not itself, directly or through others.",
        Document("{\"version\": 1, \"define\": {\"a\": \"b + 1\", \"b\": \"a + 1\"}}");
    UNKNOWN_STRATEGY = "E0610", "an unknown strategy",
        "The strategy reference lists the templates.",
        Document("{\"version\": 1, \"strategies\": [{\"use\": \"cpuu\"}]}");
    UNKNOWN_PARAMETER = "E0611", "an unknown parameter of a strategy",
        "Printing the template shows its parameters.",
        Document("{\"version\": 1, \"strategies\": [{\"use\": \"cpu\", \"params\": {\"hihg\": \"75%\"}}]}");
    PARAMETER_OUT_OF_RANGE = "E0612", "a parameter outside its range",
        "A parameter that declares `min` or `max` stays between them; printing a strategy's template shows its parameters' ranges.",
        Document("{\"version\": 1, \"strategies\": [{\"use\": \"cpu\", \"params\": {\"high\": \"175%\"}}]}");
    RULE_WITHOUT_EFFECT = "E0613", "a rule that does nothing",
        "A rule needs a `then` with at least one resource to set.",
        Document("{\"version\": 1, \"rules\": [{\"name\": \"up\", \"when\": \"parallelism > 1\", \"then\": {}}]}");
    CONTRADICTING_LIMITS = "E0614", "limits that contradict each other",
        "The minimum is above the maximum.",
        Document("{\"version\": 1, \"limits\": {\"parallelism\": {\"min\": 9, \"max\": 3}}}");
    BAD_QUERY_TEMPLATE = "E0615", "a malformed query template",
        "Placeholders are written `{{name}}` with the name of a text attribute of the task, or `{{labels}}` for all its labels.",
        Document("{\"version\": 1, \"metrics\": {\"cpu\": {\"query\": \"up{job=\\\"{{jbo}}\\\"}\"}}}");
    TOO_MANY = "E0616", "a document beyond its limits",
        "Documents are bounded in length, depth and number of entries: the limits are `DocumentLimits`, part of the API.",
        Generated("a document with more rules than `DocumentLimits::max_rules`");
    METRIC_MISFIT = "E0617", "a metric that does not fit the strategy that uses it",
        "A document may declare a strategy's metrics and attributes itself, with the kind and dimension that the strategy's expressions need.",
        Document("{\"version\": 1, \"metrics\": {\"cpu\": {\"unit\": \"MiB\"}}, \"strategies\": [{\"use\": \"cpu\"}]}");
    UNKNOWN_DOCUMENT = "E0630", "an unknown document",
        "A document extends, or an assignment names, a document that the library does not have.",
        Library("[{\"version\": 1, \"name\": \"base\"}, {\"version\": 1, \"name\": \"orders\", \"extends\": \"bsae\"}]");
    CYCLIC_EXTENDS = "E0631", "documents that extend each other in a circle",
        "A document may extend others, but not itself, directly or through others.",
        Library("[{\"version\": 1, \"name\": \"a\", \"extends\": \"b\"}, {\"version\": 1, \"name\": \"b\", \"extends\": \"a\"}]");
    NOTHING_TO_REMOVE = "E0632", "removing what is not there",
        "`remove` names what a document inherits and does not want; what is not inherited cannot be removed.",
        Library("[{\"version\": 1, \"name\": \"base\", \"rules\": [{\"name\": \"up\", \"when\": \"uptime > 1h\", \"then\": {\"parallelism\": \"2\"}}]}, {\"version\": 1, \"name\": \"orders\", \"extends\": \"base\", \"remove\": {\"rules\": [\"upp\"]}}]");
    NEEDS_LIBRARY = "E0633", "a document that extends others, read alone",
        "What a document extends is known to a library: add the documents to one and resolve the document there.",
        Document("{\"version\": 1, \"name\": \"orders\", \"extends\": \"base\"}");
    DOCUMENT_IN_USE = "E0634", "a document that others extend cannot be removed",
        "Remove or replace those that extend it first.",
        Generated("removing from a library a document that another one extends");
    // Remarks.
    MISSING_COMPLEMENT = "I0201", "a resource that rules only raise, or only lower",
        "What is added for a peak stays, or what is taken away never comes back. It may be meant so: another document, or people, see to the rest.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 80%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}]}");
    // Warnings.
    ALWAYS_TRUE = "W0101", "a condition that is always true",
        "It does not depend on anything that is measured.",
        Expression("1 < 2");
    ALWAYS_FALSE = "W0102", "a condition that is always false",
        "It can never fire.",
        Expression("cpu > 80% && false");
    ALWAYS_UNDEFINED = "W0103", "a value that is always undefined",
        "It divides by a constant zero, or its constants overflow.",
        Expression("cpu > 1 / 0");
    OUTSIDE_METRIC_RANGE = "W0104", "a threshold outside the metric's range",
        "The metric declares a range that the threshold cannot be reached in; percent and ratio are often mixed up: `80%` is 0.8.",
        Expression("cpu > 80");
    SHORT_WINDOW = "W0105", "a window shorter than two sampling intervals",
        "It often holds one sample or none and will be undefined most of the time.",
        Expression("avg(cpu[20s]) > 80%");
    COUNTER_AS_GAUGE = "W0106", "a counter's value used directly",
        "The value of a counter since its start says little; take its `rate` or `increase`.",
        Expression("avg(gc_count[5m]) > 100");
    UNUSED_DEFINITION = "W0107", "a definition that nothing uses",
        "Remove it, or use it.",
        Document("{\"version\": 1, \"define\": {\"hot\": \"uptime > 5m\"}}");
    UNUSED_PARAMETER = "W0108", "a parameter that nothing uses",
        "Remove it, or use it.",
        Document("{\"version\": 1, \"params\": {\"high\": \"80%\"}}");
    SHADOWED_RULE = "W0109", "a rule that another one makes superfluous",
        "Two rules have the same condition and the same effect.",
        Document("{\"version\": 1, \"rules\": [{\"name\": \"a\", \"when\": \"uptime > 1h\", \"then\": {\"parallelism\": \"2\"}}, {\"name\": \"b\", \"when\": \"uptime > 1h\", \"then\": {\"parallelism\": \"2\"}}]}");
    UNUSED_METRIC = "W0110", "a metric that nothing uses",
        "It would be queried and kept for nothing, so it is left out of queries and windows.",
        Document("{\"version\": 1, \"metrics\": {\"cpu\": {\"unit\": \"ratio\"}}}");
    UNREACHABLE_RULE = "W0201", "a rule that can never fire",
        "No values within the ranges of the metrics make its condition true: parts of it exclude each other, or a threshold is out of reach.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 80% && avg(avg(busy[5m])) < 30%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}, {\"name\": \"down\", \"when\": \"avg(avg(busy[5m])) < 30%\", \"then\": {\"parallelism\": \"parallelism - 1\"}}]}");
    ALWAYS_TRUE_RULE = "W0202", "a rule whose condition is always true",
        "Whenever it is defined, it is true: a threshold is out of reach, or one part covers what the others leave.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"fit\", \"when\": \"avg(avg(busy[5m])) >= 0%\", \"then\": {\"parallelism\": \"scale_to(parallelism, avg(avg(busy[5m])), 60%)\"}}]}");
    CONTRADICTING_RULES = "W0203", "rules that pull in opposite directions at once",
        "Both conditions are true for some values of the metrics that they share, and one rule wants more where the other wants less. More wins; the other rule never has its way there.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 60%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}, {\"name\": \"down\", \"when\": \"max(avg(busy[30m])) < 70%\", \"then\": {\"parallelism\": \"parallelism - 1\"}}]}");
    IMPLIED_RULE = "W0204", "a rule whose condition implies that of another one with the same effect",
        "Whenever it fires, the other one does too, and wants the same.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 80%\", \"then\": {\"parallelism\": \"parallelism * 2\"}}, {\"name\": \"up-more\", \"when\": \"avg(avg(busy[5m])) > 90%\", \"then\": {\"parallelism\": \"parallelism * 2\"}}, {\"name\": \"down\", \"when\": \"avg(avg(busy[5m])) < 30%\", \"then\": {\"parallelism\": \"scale_to(parallelism, avg(avg(busy[5m])), 60%)\"}}]}");
    BANDS_OUT_OF_ORDER = "W0205", "bands in the wrong order",
        "The threshold for less must be below the threshold for more, and the target of both between them: otherwise a rule's own success makes the next one fire.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 60%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}, {\"name\": \"down\", \"when\": \"avg(avg(busy[5m])) < 70%\", \"then\": {\"parallelism\": \"parallelism - 1\"}}]}");
    WINDOW_BEYOND_RETENTION = "W0206", "a window that reaches back further than samples are kept",
        "It never fills, and its rule waits for ever. The examples are linted with a retention of 15 days, Prometheus' default.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"max(max(busy[30d])) > 90%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}, {\"name\": \"down\", \"when\": \"max(max(busy[1d])) < 20%\", \"then\": {\"parallelism\": \"scale_to(parallelism, max(max(busy[1d])), 60%)\"}}]}");
    OSCILLATING_RULES = "W0207", "rules that go up and down for ever at a constant load",
        "Found by following the rules at many constant loads, under the assumption that shares of CPU and time fall in proportion as the parallelism grows. The steps and the load are shown.",
        Lint("{\"version\": 1, \"metrics\": {\"busy\": {\"unit\": \"ms/s\", \"per\": \"subtask\", \"range\": [0, 1]}}, \"rules\": [{\"name\": \"up\", \"when\": \"avg(avg(busy[5m])) > 60%\", \"then\": {\"parallelism\": \"parallelism + 1\"}}, {\"name\": \"down\", \"when\": \"avg(avg(busy[5m])) < 50%\", \"then\": {\"parallelism\": \"parallelism - 1\"}}]}");
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_unique_and_in_order_within_their_kind() {
        let ids: Vec<&str> = ALL.iter().map(super::Code::id).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    }
}
