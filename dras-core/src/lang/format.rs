//! Tree → canonical text.

use std::fmt::Write as _;

use super::ast::{Ast, BinaryOp, NodeId, NodeKind, UnaryOp, WindowSyntax};
use super::limits::Limits;
use super::parse::{level, parse};
use crate::diagnostic::Diagnostics;
use crate::units::Unit;

/// How an operator is written.
pub(super) fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Else => "??",
        BinaryOp::Or => "||",
        BinaryOp::And => "&&",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::Matches => "=~",
        BinaryOp::MatchesNot => "!~",
        BinaryOp::In => "in",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Remainder => "%",
    }
}

/// Prints an expression in its canonical form: one line, single spaces around operators, no brackets that change nothing, texts in single
/// quotes unless they contain one, texts with backslashes raw where that is possible. Numbers stay as their author wrote them (`80%`,
/// `1h30m`, `512MiB`), with a lower-case `e`.
///
/// Parsing the result gives the same tree, and formatting it again the same text. What stands for a syntax error in a tree of
/// [`parse_recovering`](super::parse_recovering) is printed as it was written.
///
/// ```
/// use dras_core::lang::{Limits, format, parse};
/// let ast = parse("(cpu  >80%)&&!( \"sql\"==task_type )", &Limits::default()).unwrap();
/// assert_eq!(format(&ast), "cpu > 80% && !('sql' == task_type)");
/// ```
pub fn format(ast: &Ast) -> String {
    format_node(ast, ast.root())
}

/// The same for a part of an expression.
pub(super) fn format_node(ast: &Ast, node: NodeId) -> String {
    format_upto(ast, node, usize::MAX)
}

/// The first `shown` characters of a part of an expression, with `…` where there are more.
pub(super) fn format_start(ast: &Ast, node: NodeId, shown: usize) -> String {
    // A character has at most four bytes.
    let mut text = format_upto(ast, node, shown * 4 + 4);
    if let Some((at, _)) = text.char_indices().nth(shown) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// The text of a node; one that is longer than `most` bytes may end anywhere beyond them.
fn format_upto(ast: &Ast, node: NodeId, most: usize) -> String {
    let mut out = String::with_capacity(64);
    // What is still to be printed, the next on top; a recursion that uses no native stack.
    let mut rest = vec![Piece::Node(node, 0)];
    let mut parts: Vec<Piece<'_>> = Vec::new();
    while let Some(piece) = rest.pop() {
        if out.len() > most {
            break;
        }
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Node(id, needed) if level_of(ast, id) < needed => {
                rest.extend([Piece::Text(")"), Piece::Node(id, 0), Piece::Text("(")]);
            }
            Piece::Node(id, _) => {
                pieces(ast, id, &mut parts, &mut out);
                rest.extend(parts.drain(..).rev());
            }
        }
    }
    out
}

/// Formats a text: [`parse`](super::parse()) and [`format()`].
///
/// ```
/// use dras_core::lang::{Limits, format_source};
/// let limits = Limits::default();
/// assert_eq!(format_source("  ( avg( cpu[ 5m ] )>.8 ) ", &limits)?, "avg(cpu[5m]) > .8");
/// assert_eq!(format_source("cpu >", &limits).unwrap_err().0[0].code.id(), "E0101");
/// # Ok::<(), dras_core::diagnostic::Diagnostics>(())
/// ```
///
/// # Errors
///
/// All its syntax errors, as [`parse`](super::parse()) returns them.
pub fn format_source(source: &str, limits: &Limits) -> Result<String, Diagnostics> {
    parse(source, limits).map(|ast| format(&ast))
}

/// Whether two trees are the same expression: equal but for spans, brackets, spelling of literals and the order of nodes in memory.
pub fn same(a: &Ast, b: &Ast) -> bool {
    let mut rest = vec![(a.root(), b.root())];
    let texts = |x: u32, y: u32| a.text(x) == b.text(y);
    while let Some((x, y)) = rest.pop() {
        let equal = match (a.node(x).kind, b.node(y).kind) {
            (NodeKind::Number(v, u), NodeKind::Number(w, t)) => v.to_bits() == w.to_bits() && u == t,
            (NodeKind::Bool(v), NodeKind::Bool(w)) => v == w,
            (NodeKind::Text(v), NodeKind::Text(w)) | (NodeKind::Name(v), NodeKind::Name(w)) => texts(v, w),
            (NodeKind::Unary(o, v), NodeKind::Unary(p, w)) => {
                rest.push((v, w));
                o == p
            }
            (NodeKind::Binary(o, l, r), NodeKind::Binary(p, m, s)) => {
                rest.extend([(l, m), (r, s)]);
                o == p
            }
            (NodeKind::Conditional(c, t, e), NodeKind::Conditional(d, u, f)) => {
                rest.extend([(c, d), (t, u), (e, f)]);
                true
            }
            (NodeKind::Call(n, _, v), NodeKind::Call(m, _, w)) => {
                let (v, w) = (a.list(v), b.list(w));
                rest.extend(v.iter().copied().zip(w.iter().copied()));
                texts(n, m) && v.len() == w.len()
            }
            (NodeKind::List(v), NodeKind::List(w)) => {
                let (v, w) = (a.list(v), b.list(w));
                rest.extend(v.iter().copied().zip(w.iter().copied()));
                v.len() == w.len()
            }
            (
                NodeKind::Window {
                    of: v,
                    window: f,
                    across_marks: m,
                },
                NodeKind::Window {
                    of: w,
                    window: g,
                    across_marks: n,
                },
            ) => {
                rest.push((v, w));
                m == n && same_window(f, g, &mut rest)
            }
            (NodeKind::Offset(v, d), NodeKind::Offset(w, e)) => {
                rest.extend([(v, w), (d, e)]);
                true
            }
            (NodeKind::Error, NodeKind::Error) => true,
            _ => false,
        };
        if !equal {
            return false;
        }
    }
    true
}

fn same_window(f: WindowSyntax, g: WindowSyntax, rest: &mut Vec<(NodeId, NodeId)>) -> bool {
    match (f, g) {
        (WindowSyntax::Sliding(v), WindowSyntax::Sliding(w))
        | (WindowSyntax::Current(v), WindowSyntax::Current(w))
        | (WindowSyntax::Previous(v), WindowSyntax::Previous(w))
        | (WindowSyntax::Last(v, None), WindowSyntax::Last(w, None)) => rest.push((v, w)),
        (WindowSyntax::Last(v, Some(d)), WindowSyntax::Last(w, Some(e))) => rest.extend([(v, w), (d, e)]),
        _ => return false,
    }
    true
}

#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    /// A node, and how tightly it has to bind to stand here without brackets.
    Node(NodeId, u8),
    Text(&'a str),
}

/// Tighter than every operator.
const PRIMARY: u8 = level::POSTFIX + 1;

fn level_of(ast: &Ast, id: NodeId) -> u8 {
    match ast.node(id).kind {
        NodeKind::Conditional(..) => level::CONDITIONAL,
        NodeKind::Binary(op, ..) => level::of(op),
        NodeKind::Unary(..) => level::UNARY,
        NodeKind::Window { .. } | NodeKind::Offset(..) => level::POSTFIX,
        _ => PRIMARY,
    }
}

/// Prints a leaf, or collects the parts of a node in order.
fn pieces<'a>(ast: &'a Ast, id: NodeId, parts: &mut Vec<Piece<'a>>, out: &mut String) {
    let node = ast.node(id);
    let any = |id| Piece::Node(id, 0);
    parts.extend(first_operand(ast, id).map(|(operand, needed)| Piece::Node(operand, needed)));
    match node.kind {
        NodeKind::Number(value, unit) => number(node.span.text(&ast.source), value, unit, out),
        NodeKind::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        NodeKind::Text(index) => text(ast.text(index), out),
        NodeKind::Name(index) => out.push_str(ast.text(index)),
        NodeKind::Unary(op, of) => {
            out.push(if op == UnaryOp::Minus { '-' } else { '!' });
            parts.push(Piece::Node(of, level::UNARY));
        }
        NodeKind::Binary(op, _, right) => {
            parts.extend([Piece::Text(" "), Piece::Text(symbol(op)), Piece::Text(" ")]);
            parts.push(Piece::Node(right, level::of(op) + 1));
        }
        NodeKind::Conditional(_, then, otherwise) => {
            parts.extend([Piece::Text(" ? "), any(then), Piece::Text(" : "), any(otherwise)]);
        }
        NodeKind::Call(name, _, arguments) => {
            parts.extend([Piece::Text(ast.text(name)), Piece::Text("(")]);
            list(ast.list(arguments), parts);
            parts.push(Piece::Text(")"));
        }
        NodeKind::List(elements) => {
            parts.push(Piece::Text("["));
            list(ast.list(elements), parts);
            parts.push(Piece::Text("]"));
        }
        NodeKind::Window {
            window, across_marks, ..
        } => {
            parts.push(Piece::Text("["));
            match window {
                WindowSyntax::Sliding(length) => parts.push(window_length(ast, length)),
                WindowSyntax::Current(length) => parts.extend([Piece::Text("current "), any(length)]),
                WindowSyntax::Previous(length) => parts.extend([Piece::Text("previous "), any(length)]),
                WindowSyntax::Last(count, age) => {
                    parts.extend([window_length(ast, count), Piece::Text(" samples")]);
                    parts.extend(age.into_iter().flat_map(|age| [Piece::Text(" in "), any(age)]));
                }
            }
            parts.push(Piece::Text(if across_marks { " across marks]" } else { "]" }));
        }
        NodeKind::Offset(_, by) => {
            let plain = matches!(ast.node(by).kind, NodeKind::Number(..) | NodeKind::Name(_));
            parts.push(Piece::Text(" offset "));
            parts.extend(if plain {
                [Piece::Text(""), any(by), Piece::Text("")]
            } else {
                [Piece::Text("("), any(by), Piece::Text(")")]
            });
        }
        NodeKind::Error => out.push_str(node.span.text(&ast.source)),
    }
}

fn list(elements: &[NodeId], parts: &mut Vec<Piece<'_>>) {
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            parts.push(Piece::Text(", "));
        }
        parts.push(Piece::Node(*element, 0));
    }
}

/// The operand that stands first in a node's text, and how tightly it has to bind to stand there without brackets.
fn first_operand(ast: &Ast, id: NodeId) -> Option<(NodeId, u8)> {
    Some(match ast.node(id).kind {
        // Comparisons do not chain, so both sides bind tighter; the others group to the left.
        NodeKind::Binary(op, left, _) if level::of(op) == level::COMPARISON => (left, level::ADD),
        NodeKind::Binary(op, left, _) => (left, level::of(op)),
        NodeKind::Conditional(condition, ..) => (condition, level::ELSE),
        // `x offset 1d[5m]` would be read as `(x offset 1d)[5m]`, but not by people.
        NodeKind::Window { of, .. } if matches!(ast.node(of).kind, NodeKind::Offset(..)) => (of, PRIMARY),
        NodeKind::Window { of, .. } | NodeKind::Offset(of, _) => (of, level::POSTFIX),
        _ => return None,
    })
}

/// The first thing in a window. A name `current` or `previous` there would be taken for the kind of window, so it gets brackets.
fn window_length<'a>(ast: &Ast, length: NodeId) -> Piece<'a> {
    let mut first = length;
    while let Some((operand, needed)) = first_operand(ast, first) {
        if level_of(ast, operand) < needed {
            // It begins with a bracket.
            return Piece::Node(length, 0);
        }
        first = operand;
    }
    match ast.node(first).kind {
        NodeKind::Name(name) | NodeKind::Call(name, ..) if ["current", "previous"].contains(&ast.text(name)) => {
            Piece::Node(length, u8::MAX)
        }
        _ => Piece::Node(length, 0),
    }
}

fn number(written: &str, value: f64, unit: Unit, out: &mut String) {
    if written.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        out.extend(written.chars().map(|c| if c == 'E' { 'e' } else { c }));
        return;
    }
    // A tree that was not parsed from its source.
    let ending = match unit {
        Unit::SECONDS => "s",
        Unit::BYTES => "B",
        Unit::PER_SECOND => "/s",
        Unit::BYTES_PER_SECOND => "B/s",
        _ => "",
    };
    // The shortest text that is the same f64; writing to a String does not fail.
    let _ = if value == 0.0 || (1e-7..1e15).contains(&value.abs()) {
        write!(out, "{value}{ending}")
    } else {
        write!(out, "{value:e}{ending}")
    };
}

fn text(content: &str, out: &mut String) {
    let quote = if content.contains('\'') { '"' } else { '\'' };
    let escape = |c: char| c.is_control() || is_invisible(c);
    if content.contains('\\') && !content.contains(quote) && !content.contains(escape) {
        out.extend(['r', quote]);
        out.push_str(content);
        out.push(quote);
        return;
    }
    out.push(quote);
    for c in content.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if escape(c) => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// Characters that make a text look different from what it says: direction marks, joiners, line separators.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
