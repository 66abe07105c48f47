//! What people write who come from other languages, and what it is here.

use super::super::ast::BinaryOp;
use super::super::format::symbol;
use super::level;
use crate::diagnostic::{Code, codes};

/// What an operator of another language is here.
pub(super) struct Foreign {
    pub(super) code: Code,
    /// What to write in its place.
    pub(super) write: Option<&'static str>,
    /// What to say where no other operator can stand in its place.
    pub(super) hint: &'static str,
    /// What the parser takes it for.
    pub(super) means: Option<BinaryOp>,
    /// How tightly it is taken to bind.
    pub(super) level: u8,
}

impl Foreign {
    fn op(write: &'static str, means: BinaryOp) -> Foreign {
        Foreign {
            code: codes::WORD_OPERATOR,
            write: Some(write),
            hint: "",
            means: Some(means),
            level: level::of(means),
        }
    }

    fn hint(hint: &'static str, level: u8) -> Foreign {
        Foreign {
            code: codes::WORD_OPERATOR,
            write: None,
            hint,
            means: None,
            level,
        }
    }

    fn code(self, code: Code) -> Foreign {
        Foreign { code, ..self }
    }
}

/// Words that other languages have between two values, and that no name in that place could be.
pub(super) fn operator_word(word: &str) -> Option<Foreign> {
    if word.len() > 10 {
        return None;
    }
    Some(match &*word.to_ascii_lowercase() {
        "and" => Foreign::op("&&", BinaryOp::And),
        "or" => Foreign::op("||", BinaryOp::Or),
        "mod" => Foreign::op("%", BinaryOp::Remainder),
        "div" => Foreign::op("/", BinaryOp::Divide),
        "eq" | "is" | "equals" => Foreign::op("==", BinaryOp::Equal),
        "ne" | "xor" => Foreign::op("!=", BinaryOp::NotEqual),
        "gt" => Foreign::op(">", BinaryOp::Greater),
        "ge" | "gte" => Foreign::op(">=", BinaryOp::GreaterEqual),
        "lt" => Foreign::op("<", BinaryOp::Less),
        "le" | "lte" => Foreign::op("<=", BinaryOp::LessEqual),
        "like" | "matches" => Foreign::op("=~", BinaryOp::Matches),
        "contains" => Foreign::hint("write `contains(text, part)`", level::COMPARISON),
        "startswith" => Foreign::hint("write `starts_with(text, part)`", level::COMPARISON),
        "endswith" => Foreign::hint("write `ends_with(text, part)`", level::COMPARISON),
        "between" => Foreign::hint("write `x >= low && x <= high`", level::COMPARISON),
        "not" => Foreign::hint(
            "`!` stands before the condition: `!(x in ['a'])`, `!x`",
            level::COMPARISON,
        ),
        "unless" => Foreign::hint("write `a && !b`", level::AND),
        "if" | "then" => Foreign::hint("write `condition ? value : other`", level::CONDITIONAL),
        "else" => Foreign::hint(
            "for a value that may be undefined write `value ?? other`",
            level::CONDITIONAL,
        ),
        _ => return None,
    })
}

/// Operator words that are taken for an operator even where a value is expected.
pub(super) fn is_operator_word(word: &str) -> bool {
    matches!(word.len(), 2..=4)
        && ["and", "or", "then", "else"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(word))
}

/// Words that are refused before a value, and all operator words.
pub(super) fn is_prefix_word(word: &str) -> bool {
    is_operator_word(word) || word.eq_ignore_ascii_case("not") || word.eq_ignore_ascii_case("if")
}

/// Operators that the grammar knows only to refuse them.
pub(super) fn foreign_operator(text: &str) -> Foreign {
    match text {
        "=" | ":=" => Foreign::op("==", BinaryOp::Equal).code(codes::ASSIGNMENT),
        "+=" | "-=" | "*=" | "/=" => {
            Foreign::hint("expressions change nothing; to compare write `==`", level::COMPARISON)
                .code(codes::ASSIGNMENT)
        }
        "===" => Foreign::op("==", BinaryOp::Equal),
        "!==" | "<>" => Foreign::op("!=", BinaryOp::NotEqual),
        "=>" => Foreign::op(">=", BinaryOp::GreaterEqual),
        "=<" => Foreign::op("<=", BinaryOp::LessEqual),
        "~" | "~=" => Foreign::op("=~", BinaryOp::Matches),
        // With numbers these would be bitwise, so what they mean is left open.
        "&" => Foreign {
            write: Some("&&"),
            ..Foreign::hint("", level::AND)
        },
        "|" => Foreign {
            write: Some("||"),
            ..Foreign::hint("", level::OR)
        },
        "^" | "**" => Foreign::hint("write `pow(x, y)`", level::MULTIPLY).code(codes::POWER_OPERATOR),
        "<<" => Foreign::hint("there are no bitwise operators; write `x * pow(2, n)`", level::MULTIPLY),
        ">>" => Foreign::hint(
            "there are no bitwise operators; write `floor(x / pow(2, n))`",
            level::MULTIPLY,
        ),
        "//" => Foreign::hint(
            "for whole numbers write `floor(a / b)`; comments belong in the rule's `doc` field",
            level::MULTIPLY,
        ),
        ";" => {
            Foreign::hint("an expression has no end mark: remove it", level::CONDITIONAL).code(codes::UNKNOWN_CHARACTER)
        }
        _ => Foreign::hint("the expression reference lists the operators", level::MULTIPLY),
    }
}

/// The operator that a character from a word processor or a formula stands for.
pub(super) fn lookalike(text: &str) -> Option<BinaryOp> {
    Some(match text {
        "≥" => BinaryOp::GreaterEqual,
        "≤" => BinaryOp::LessEqual,
        "≠" => BinaryOp::NotEqual,
        "×" | "·" | "∙" => BinaryOp::Multiply,
        "÷" => BinaryOp::Divide,
        "−" | "–" | "—" => BinaryOp::Subtract,
        "∧" => BinaryOp::And,
        "∨" => BinaryOp::Or,
        _ => return None,
    })
}

/// The operator that two tokens would be without the space between them. No expression has such a pair.
pub(super) fn joined(first: &str, second: &str) -> Option<(BinaryOp, &'static str)> {
    let op = match (first, second) {
        (">", "=") => BinaryOp::GreaterEqual,
        ("<", "=") => BinaryOp::LessEqual,
        ("=", "=") => BinaryOp::Equal,
        ("!", "=") => BinaryOp::NotEqual,
        ("=", "~") => BinaryOp::Matches,
        ("!", "~") => BinaryOp::MatchesNot,
        ("&", "&") => BinaryOp::And,
        ("|", "|") => BinaryOp::Or,
        ("?", "?") => BinaryOp::Else,
        _ => return None,
    };
    Some((op, written(op)))
}

/// How an operator is written.
pub(super) fn written(op: BinaryOp) -> &'static str {
    symbol(op)
}
