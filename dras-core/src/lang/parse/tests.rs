use proptest::collection::vec;
use proptest::prelude::*;

use super::super::ast::{ListId, WindowSyntax};
use super::super::format::symbol;
use super::*;
use crate::literal;

use crate::lang::{format, format_source, same};
use crate::names::check_name;
use crate::units::Unit;

fn ok(source: &str) -> Ast {
    parse(source, &Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// The tree with every operator in brackets, so that grouping shows.
fn tree(ast: &Ast) -> String {
    let mut shown: Vec<String> = Vec::new();
    for node in &ast.nodes {
        let of = |id: NodeId| shown[id.index()].clone();
        let list = |id| ast.list(id).iter().map(|i| of(*i)).collect::<Vec<_>>().join(" ");
        let text = match node.kind {
            NodeKind::Number(value, unit) if unit == Unit::NUMBER => format!("{value}"),
            NodeKind::Number(value, unit) => format!("{value}{unit}"),
            NodeKind::Bool(value) => value.to_string(),
            NodeKind::Text(index) => format!("{:?}", ast.text(index)),
            NodeKind::Name(index) => ast.text(index).to_owned(),
            NodeKind::Unary(op, of_id) => format!("({} {})", if op == UnaryOp::Minus { "-" } else { "!" }, of(of_id)),
            NodeKind::Binary(op, l, r) => format!("({} {} {})", symbol(op), of(l), of(r)),
            NodeKind::Conditional(c, t, e) => format!("(? {} {} {})", of(c), of(t), of(e)),
            NodeKind::Call(name, _, arguments) => format!("({}: {})", ast.text(name), list(arguments)),
            NodeKind::Window {
                of: id,
                window,
                across_marks,
            } => {
                let window = match window {
                    WindowSyntax::Sliding(l) => of(l),
                    WindowSyntax::Current(l) => format!("current {}", of(l)),
                    WindowSyntax::Previous(l) => format!("previous {}", of(l)),
                    WindowSyntax::Last(n, None) => format!("last {}", of(n)),
                    WindowSyntax::Last(n, Some(age)) => format!("last {} in {}", of(n), of(age)),
                };
                format!("{}[{window}{}]", of(id), if across_marks { " across" } else { "" })
            }
            NodeKind::Offset(id, by) => format!("(offset {} {})", of(id), of(by)),
            NodeKind::List(elements) => format!("[{}]", list(elements)),
            NodeKind::Error => "<error>".to_owned(),
        };
        shown.push(text);
    }
    shown.pop().unwrap()
}

#[test]
fn operators_group_as_documented() {
    for (source, expected) in [
        ("a ? b : c ? d : e", "(? a b (? c d e))"),
        ("a ? b ? c : d : e", "(? a (? b c d) e)"),
        ("a ?? b ? c : d ?? e", "(? (?? a b) c (?? d e))"),
        ("a || b ?? c || d", "(?? (|| a b) (|| c d))"),
        ("a ?? b ?? c", "(?? (?? a b) c)"),
        ("a && b || c && d", "(|| (&& a b) (&& c d))"),
        ("a < b && c =~ 'x'", "(&& (< a b) (=~ c \"x\"))"),
        ("a + b < c * d", "(< (+ a b) (* c d))"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b * c % d", "(% (* (/ a b) c) d)"),
        ("a - (b - c)", "(- a (- b c))"),
        ("-a * !b", "(* (- a) (! b))"),
        ("--a", "(- (- a))"),
        ("2--2", "(- 2 (- 2))"),
        ("-x[5m]", "(- x[300s])"),
        ("!x offset 1d", "(! (offset x 86400s))"),
        ("a + b[5m] offset w * 2", "(+ a (* (offset b[300s] w) 2))"),
        ("x offset (2 * w)", "(offset x (* 2 w))"),
        ("x[5m] offset 1h30m", "(offset x[300s] 5400s)"),
        ("x offset 1d[5m]", "(offset x 86400s)[300s]"),
        ("avg(cpu[5m], 2) > 80%", "(> (avg: cpu[300s] 2) 0.8)"),
        ("now()", "(now: )"),
        ("cpu (5m)", "(cpu: 300s)"),
        ("x[20 samples]", "x[last 20]"),
        ("x[2 * n samples in 10m across marks]", "x[last (* 2 n) in 600s across]"),
        ("x[current 1h]", "x[current 3600s]"),
        ("x[current (1h)]", "x[current 3600s]"),
        ("x[previous a ? b : c across marks]", "x[previous (? a b c) across]"),
        ("x[w]", "x[w]"),
        ("x[samples samples]", "x[last samples]"),
        ("x[current current]", "x[current current]"),
        ("x[a in [b] ? 1m : 2m]", "x[(? (in a [b]) 60s 120s)]"),
        ("a in ['x', 'y'] && b", "(&& (in a [\"x\" \"y\"]) b)"),
        ("!(a in [1])", "(! (in a [1]))"),
        ("a + b in [-1, 2]", "(in (+ a b) [(- 1) 2])"),
        ("(a in [1]) == b", "(== (in a [1]) b)"),
        (
            "current + previous * samples / across - marks",
            "(- (+ current (/ (* previous samples) across)) marks)",
        ),
        ("null(x)", "(null: x)"),
        ("a ?.5:1", "(? a 0.5 1)"),
        ("10 % 3", "(% 10 3)"),
        ("6%x", "(% 6 x)"),
        ("10% + 5%", "(+ 0.1 0.05)"),
        ("1000/s * 2", "(* 1000s^-1 2)"),
        ("r'a\\d' =~ r\"'\"", "(=~ \"a\\\\d\" \"'\")"),
        ("heap.used\n\t/ heap.max\r\n> 0.9", "(> (/ heap.used heap.max) 0.9)"),
    ] {
        let expected = expected.replace("1000s^-1", "10001/s");
        assert_eq!(tree(&ok(source)), expected, "{source}");
    }
}

#[test]
fn spans_cover_a_node_without_the_brackets_around_it() {
    let source = " ( (a) + (b * c) )[ 5m ] ";
    let ast = ok(source);
    let texts: Vec<&str> = ast.nodes.iter().map(|n| n.span.text(source)).collect();
    assert_eq!(
        texts,
        ["a", "b", "c", "b * c", "(a) + (b * c)", "5m", "( (a) + (b * c) )[ 5m ]"]
    );
    let ast = ok("f (x, 1)");
    let NodeKind::Call(_, name, _) = ast.node(ast.root()).kind else {
        panic!()
    };
    assert_eq!(
        (name.text(&ast.source), ast.node(ast.root()).span.text(&ast.source)),
        ("f", "f (x, 1)")
    );
}

#[test]
fn equal_names_share_one_text_however_many_there_are() {
    let names: Vec<String> = (0..100).map(|i| format!("n{}", i % 50)).collect();
    let ast = ok(&names.join(" + "));
    assert_eq!(ast.texts.len(), 50);
    assert_eq!(
        ast.nodes.iter().filter(|n| matches!(n.kind, NodeKind::Name(_))).count(),
        100
    );
}

#[test]
fn canonical_form() {
    for (source, canonical) in [
        ("((a))", "a"),
        ("a+b*c", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("(a ?? b) ?? c", "a ?? b ?? c"),
        ("a ?? (b ?? c)", "a ?? (b ?? c)"),
        ("(a<b)==(c<d)", "(a < b) == (c < d)"),
        ("a?(b?c:d):(e?f:g)", "a ? b ? c : d : e ? f : g"),
        ("(a?b:c)?d:e", "(a ? b : c) ? d : e"),
        ("- (- x)", "--x"),
        ("-(a+b)", "-(a + b)"),
        ("(-x)[5m]", "(-x)[5m]"),
        ("-(x[5m])", "-x[5m]"),
        ("(x offset 1d)[5m]", "(x offset 1d)[5m]"),
        ("x offset (1d)", "x offset 1d"),
        ("x offset (-1d)", "x offset (-1d)"),
        (
            "x [ 20  samples  in 10m across  marks ]",
            "x[20 samples in 10m across marks]",
        ),
        ("x[(current)]", "x[(current)]"),
        ("x[(previous ? 1 : 2) samples]", "x[(previous ? 1 : 2) samples]"),
        ("x[((current in [0]) == 0) samples]", "x[(current in [0]) == 0 samples]"),
        ("x[(current)(1)]", ""),
        ("x in['a' ,\"b\"]", "x in ['a', 'b']"),
        ("(x in [1])+2", "(x in [1]) + 2"),
        (
            "80% + 1_000 + 1E6 + .5 + 5. + 1h30m + 5MiB/s",
            "80% + 1_000 + 1e6 + .5 + 5. + 1h30m + 5MiB/s",
        ),
        ("10%3", "10 % 3"),
        ("\"it's\"", "\"it's\""),
        ("'it\\'s \"x\"'", "\"it's \\\"x\\\"\""),
        ("'\\x41\\n\\u{202e}é'", "'A\\n\\u{202e}é'"),
        ("'\\\\d+'", "r'\\d+'"),
        ("'\\\\\\n'", "'\\\\\\n'"),
        ("\"\\\\'\"", "r\"\\'\""),
        ("f( )", "f()"),
    ] {
        if canonical.is_empty() {
            assert!(parse(source, &Limits::default()).is_err(), "{source}");
        } else {
            assert_eq!(
                format_source(source, &Limits::default()).unwrap(),
                canonical,
                "{source}"
            );
            assert_eq!(format_source(canonical, &Limits::default()).unwrap(), canonical);
        }
    }
}

#[test]
fn a_tree_without_its_text_is_printed_with_its_values() {
    for (value, unit, text) in [
        (0.8, Unit::NUMBER, "0.8"),
        (1e300, Unit::NUMBER, "1e300"),
        (90.0, Unit::SECONDS, "90s"),
        (0.5, Unit::BYTES_PER_SECOND, "0.5B/s"),
        (2e-9, Unit::PER_SECOND, "2e-9/s"),
        (1e15, Unit::BYTES, "1e15B"),
    ] {
        let nodes = vec![Node {
            kind: NodeKind::Number(value, unit),
            span: Span::default(),
        }];
        let ast = Ast {
            source: "".into(),
            nodes,
            lists: Vec::new(),
            texts: Vec::new(),
        };
        assert_eq!(format(&ast), text);
        assert!(same(&ok(text), &ast), "{text}");
    }
}

#[test]
fn different_expressions_are_not_the_same() {
    let sources = [
        "a",
        "b",
        "'a'",
        "1",
        "1s",
        "true",
        "false",
        "-a",
        "!a",
        "a + b",
        "b + a",
        "a - b",
        "a ? b : a",
        "a ? a : b",
        "f()",
        "f(a)",
        "f(a, b)",
        "g(a)",
        "a[1m]",
        "a[2m]",
        "a[current 1m]",
        "a[previous 1m]",
        "a[1m samples]",
        "a[1m samples in 1m]",
        "a[1m samples in 2m]",
        "a[1m across marks]",
        "a offset 1m",
        "a offset 2m",
        "a in [1]",
        "a in [1, 2]",
        "a in [2]",
        "0",
        "-0",
    ];
    for (i, a) in sources.iter().enumerate() {
        for (j, b) in sources.iter().enumerate() {
            assert_eq!(same(&ok(a), &ok(b)), i == j, "{a} and {b}");
        }
    }
    assert!(same(&ok("80%"), &ok("(0.8)")) && same(&ok("1h"), &ok("60m")) && same(&ok("'A'"), &ok("r\"A\"")));
}

#[test]
fn a_recovered_tree_keeps_the_names_of_the_rest() {
    for source in [
        "(cpu > 80% && lag",
        "cpu > && lag",
        "f(cpu,,lag)",
        "cpu = lag",
        "cpu < lag < 3",
        "cpu[5m, lag]",
        "cpu lag",
        "cpu $ lag",
    ] {
        let (ast, errors) = parse_recovering(&Arc::from(source), &Limits::default());
        assert_eq!(errors.0.len(), 1, "{source}: {errors}");
        let names: Vec<&str> = ast
            .nodes
            .iter()
            .filter_map(|n| {
                if let NodeKind::Name(i) = n.kind {
                    Some(ast.text(i))
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(names, ["cpu", "lag"], "{source}");
        well_formed(&ast, false);
    }
}

/// What every stage relies on: children before parents, the root last, lists only after `in`.
fn well_formed(ast: &Ast, complete: bool) {
    let mut parents = vec![0; ast.nodes.len()];
    for (i, node) in ast.nodes.iter().enumerate() {
        let mut child = |id: NodeId| {
            assert!(id.index() < i);
            parents[id.index()] += 1;
            assert!(
                !complete || {
                    let inner = ast.node(id).span;
                    node.span.start <= inner.start && inner.end <= node.span.end
                }
            );
            id
        };
        let no_list = |id: NodeId| assert!(!matches!(ast.node(id).kind, NodeKind::List(_)));
        match node.kind {
            NodeKind::Unary(_, a) => no_list(child(a)),
            NodeKind::Binary(BinaryOp::In, a, b) => {
                no_list(child(a));
                assert!(matches!(ast.node(child(b)).kind, NodeKind::List(_) | NodeKind::Error));
            }
            NodeKind::Binary(_, a, b) | NodeKind::Offset(a, b) => [a, b].into_iter().for_each(|id| no_list(child(id))),
            NodeKind::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|id| no_list(child(id))),
            NodeKind::Call(_, _, list) | NodeKind::List(list) => {
                ast.list(list).iter().for_each(|id| no_list(child(*id)));
            }
            NodeKind::Window { of, window, .. } => {
                no_list(child(of));
                match window {
                    WindowSyntax::Sliding(a)
                    | WindowSyntax::Current(a)
                    | WindowSyntax::Previous(a)
                    | WindowSyntax::Last(a, None) => {
                        no_list(child(a));
                    }
                    WindowSyntax::Last(a, Some(b)) => [a, b].into_iter().for_each(|id| no_list(child(id))),
                }
            }
            NodeKind::Error => assert!(!complete),
            NodeKind::Number(..) | NodeKind::Bool(_) | NodeKind::Text(_) | NodeKind::Name(_) => {}
        }
        assert!(
            node.span.start <= node.span.end
                && ast
                    .source
                    .get(node.span.start as usize..node.span.end as usize)
                    .is_some()
        );
    }
    let root = parents.pop();
    assert_eq!(root, Some(0));
    assert!(!complete || parents.iter().all(|p| *p == 1));
}

/// Every token is worked on a fixed number of times, whatever the nesting and whatever the mistakes.
#[test]
fn the_work_is_linear_in_the_number_of_tokens() {
    let limits = Limits {
        max_bytes: usize::MAX,
        max_depth: usize::MAX,
        max_nodes: usize::MAX,
        max_errors: usize::MAX,
        ..Limits::default()
    };
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("f(", "1", ")"),
        ("x[", "1", "]"),
        ("a in [", "1", "]"),
        ("a ? ", "1", " : b"),
        ("a ? b : ", "1", ""),
        ("x offset (", "1", ")"),
        ("!", "x", ""),
        ("1 + 2 * ", "x", ""),
        ("(", "", ""),
        ("[", "", ""),
        ("x[(", "", ""),
        ("(]", "", ""),
        ("(", "", "]"),
        ("x[", "", ")"),
        ("(x[", "1", ")"),
        ("f(,", "", ")"),
        ("if ", "", ""),
        ("a < ", "b", ""),
        ("a = = ", "b", ""),
        ("a b ", "", ""),
        ("a ? ", "", ""),
        (": ", "", ""),
        ("x[1 samples ", "", ""),
    ] {
        let text = format!("{}{middle}{}", open.repeat(2_000), close.repeat(2_000));
        let found = tokens(&text).unwrap();
        let count = found.tokens.len();
        let mut parser = Parser::new(&text, found, &limits);
        parser.run();
        assert!(
            parser.steps <= 4 * count,
            "{open}: {} steps for {count} tokens",
            parser.steps
        );
    }
}

// ----- random trees

#[derive(Debug, Clone)]
enum Shape {
    Literal(&'static str),
    Text(String),
    Name(String),
    Unary(UnaryOp, Box<Shape>),
    Binary(BinaryOp, Box<Shape>, Box<Shape>),
    In(Box<Shape>, Vec<Shape>),
    Conditional(Box<Shape>, Box<Shape>, Box<Shape>),
    Call(String, Vec<Shape>),
    Window(Box<Shape>, u8, bool, Box<Shape>, Option<Box<Shape>>),
    Offset(Box<Shape>, Box<Shape>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let names = prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_]{0,3}(\\.[a-z_][a-z0-9_]{0,2}){0,2}".prop_filter("taken", |n| check_name(n).is_ok()),
        Just("current".to_owned()),
        Just("previous".to_owned()),
        Just("samples".to_owned()),
        Just("across".to_owned()),
        Just("marks".to_owned()),
        Just("r".to_owned()),
        Just("s".to_owned()),
    ];
    let literals = proptest::sample::select(vec![
        "0", "1.5", "5.", ".5", "1_000", "1e6", "1E-6", "80%", "0.7%", "5m", "1h30m", "500ms", "512MiB", "2GB",
        "1000/s", "5MiB/s", "50%/m", "true", "false",
    ]);
    let leaf = prop_oneof![
        literals.prop_map(Shape::Literal),
        names.clone().prop_map(Shape::Name),
        "\\PC{0,5}|['\"\\\\]{1,3}|\\\\d\\+|[\\x00-\\x20'\"\\\\\u{202e}]{0,4}".prop_map(Shape::Text),
    ];
    leaf.prop_recursive(6, 60, 4, move |inner| {
        let one = inner.clone().prop_map(Box::new);
        let ops = proptest::sample::select(vec![
            BinaryOp::Else,
            BinaryOp::Or,
            BinaryOp::And,
            BinaryOp::Equal,
            BinaryOp::NotEqual,
            BinaryOp::Less,
            BinaryOp::LessEqual,
            BinaryOp::Greater,
            BinaryOp::GreaterEqual,
            BinaryOp::Matches,
            BinaryOp::MatchesNot,
            BinaryOp::Add,
            BinaryOp::Subtract,
            BinaryOp::Multiply,
            BinaryOp::Divide,
            BinaryOp::Remainder,
        ]);
        let unary = proptest::sample::select(vec![UnaryOp::Minus, UnaryOp::Not]);
        prop_oneof![
            1 => (unary, one.clone()).prop_map(|(op, of)| Shape::Unary(op, of)),
            4 => (ops, one.clone(), one.clone()).prop_map(|(op, l, r)| Shape::Binary(op, l, r)),
            1 => (one.clone(), vec(inner.clone(), 1..3)).prop_map(|(of, list)| Shape::In(of, list)),
            2 => (one.clone(), one.clone(), one.clone()).prop_map(|(c, t, e)| Shape::Conditional(c, t, e)),
            1 => (names.clone(), vec(inner, 0..3)).prop_map(|(name, list)| Shape::Call(name, list)),
            2 => (one.clone(), 0..4_u8, any::<bool>(), one.clone(), proptest::option::of(one.clone()))
                .prop_map(|(of, kind, across, length, age)| Shape::Window(of, kind, across, length, age)),
            1 => (one.clone(), one).prop_map(|(of, by)| Shape::Offset(of, by)),
        ]
    })
}

/// Builds a tree directly, without the parser; its source holds only the spellings of its literals.
#[derive(Default)]
struct Builder {
    source: String,
    nodes: Vec<Node>,
    lists: Vec<NodeId>,
    texts: Vec<Box<str>>,
}

impl Builder {
    fn ast(shape: &Shape) -> Ast {
        let mut builder = Builder::default();
        builder.add(shape);
        Ast {
            source: builder.source.into(),
            nodes: builder.nodes,
            lists: builder.lists,
            texts: builder.texts,
        }
    }

    fn word(&mut self, text: &str) -> u32 {
        self.texts.push(text.into());
        self.texts.len() as u32 - 1
    }

    fn list(&mut self, shapes: &[Shape]) -> ListId {
        let ids: Vec<NodeId> = shapes.iter().map(|s| self.add(s)).collect();
        self.lists.extend(&ids);
        ListId {
            start: (self.lists.len() - ids.len()) as u32,
            len: ids.len() as u32,
        }
    }

    fn add(&mut self, shape: &Shape) -> NodeId {
        let mut span = Span::default();
        let kind = match shape {
            Shape::Literal("true") => NodeKind::Bool(true),
            Shape::Literal("false") => NodeKind::Bool(false),
            Shape::Literal(text) => {
                span = Span::new(self.source.len(), self.source.len() + text.len());
                self.source.push_str(text);
                let (value, unit) = literal::number(text).unwrap();
                NodeKind::Number(value, unit)
            }
            Shape::Text(text) => NodeKind::Text(self.word(text)),
            Shape::Name(name) => NodeKind::Name(self.word(name)),
            Shape::Unary(op, of) => NodeKind::Unary(*op, self.add(of)),
            Shape::Binary(op, l, r) => NodeKind::Binary(*op, self.add(l), self.add(r)),
            Shape::In(of, elements) => {
                let of = self.add(of);
                let list = self.list(elements);
                let id = NodeId(self.nodes.len() as u32);
                self.nodes.push(Node {
                    kind: NodeKind::List(list),
                    span,
                });
                NodeKind::Binary(BinaryOp::In, of, id)
            }
            Shape::Conditional(c, t, e) => NodeKind::Conditional(self.add(c), self.add(t), self.add(e)),
            Shape::Call(name, arguments) => NodeKind::Call(self.word(name), span, self.list(arguments)),
            Shape::Window(of, kind, across_marks, length, age) => {
                let of = self.add(of);
                let length = self.add(length);
                let window = match kind {
                    0 => WindowSyntax::Sliding(length),
                    1 => WindowSyntax::Current(length),
                    2 => WindowSyntax::Previous(length),
                    _ => WindowSyntax::Last(length, age.as_ref().map(|a| self.add(a))),
                };
                NodeKind::Window {
                    of,
                    window,
                    across_marks: *across_marks,
                }
            }
            Shape::Offset(of, by) => NodeKind::Offset(self.add(of), self.add(by)),
        };
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { kind, span });
        id
    }
}

/// Pieces that meet in mistaken texts.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(vec![
            "a", "b.c", "1", "5m", "80%", "5min", "'x'", "'", "\"", "r'", "(", ")", "[", "]", ",", "?", ":", "??", "&&", "||", "!", "-", "+", "*", "/",
            "%", "<", "==", "=", "=~", "&", "|", "^", "**", "~", ";", "in", "offset", "samples", "current", "previous", "across", "marks", "and", "or",
            "not", "if", "then", "else", "between", "null", "true", "f(", "x[", "in [", "#", "/*", "{", "}", "“", "`", "≥", "$", "é", "\n", "a..b", "1e999",
            "'\\d'", "'\\ud800'", "\0", ".",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    vec((piece, proptest::sample::select(vec!["", " "])), 0..24)
        .prop_map(|p| p.into_iter().flat_map(|(a, b)| [a, b.to_owned()]).collect())
}

/// What slips into texts.
const MISTAKES: [&str; 12] = [")", "]", "$", "=", "&", "5min", "*", "?", "a b", "null", "and", "“x”"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever tree there is, its canonical text means the same tree and is its own canonical text.
    #[test]
    fn parse_undoes_format(shape in shapes()) {
        let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
        let ast = Builder::ast(&shape);
        let text = format(&ast);
        prop_assert!(!text.contains(['\n', '\r']));
        let again = parse(&text, &limits).map_err(|e| TestCaseError::fail(e.to_string()))?;
        well_formed(&again, true);
        prop_assert!(same(&ast, &again), "{}", text);
        prop_assert_eq!(format(&again), text);
    }

    /// Taking any pair of brackets away from a canonical text changes its meaning.
    #[test]
    fn canonical_brackets_are_needed(shape in shapes()) {
        let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
        let text = format(&Builder::ast(&shape));
        let found = tokens(&text).unwrap().tokens;
        let ast = parse(&text, &limits).unwrap();
        let mut open: Vec<usize> = Vec::new();
        for (i, token) in found.iter().enumerate() {
            match token.kind {
                Kind::OpenRound => open.push(i),
                Kind::CloseRound => {
                    let start = open.pop().unwrap();
                    // The brackets of calls are not there for grouping, and those of `(x offset 1d)[5m]` are there for the reader.
                    let call = start > 0 && found[start - 1].kind == Kind::Word && text.as_bytes()[found[start].span.start as usize - 1] != b' ';
                    let for_the_reader = found[i + 1].kind == Kind::OpenSquare;
                    if !call && !for_the_reader {
                        let mut without = text.clone().into_bytes();
                        without[found[start].span.start as usize] = b' ';
                        without[token.span.start as usize] = b' ';
                        let without = String::from_utf8(without).unwrap();
                        let unchanged = parse(&without, &limits).is_ok_and(|other| same(&ast, &other));
                        prop_assert!(!unchanged, "{} and {}", text, without);
                    }
                }
                _ => {}
            }
        }
    }

    /// No text makes the parser panic; errors come with a tree, in order, and inside the text.
    #[test]
    fn any_text_is_parsed_or_refused(text in prop_oneof![fragments(), any::<String>()]) {
        let source: Arc<str> = text.as_str().into();
        let limits = Limits { max_depth: 8, ..Limits::default() };
        let (ast, errors) = parse_recovering(&source, &limits);
        let has_error_node = ast.nodes.iter().any(|n| n.kind == NodeKind::Error);
        prop_assert!(!has_error_node || !errors.0.is_empty(), "an error without a report in {:?}", text);
        prop_assert!(errors.0.len() <= limits.max_errors);
        prop_assert!(errors.0.windows(2).all(|w| w[0].span.start <= w[1].span.start));
        for error in &errors.0 {
            prop_assert!(text.get(error.span.start as usize..error.span.end as usize).is_some(), "{:?} of {:?}", error.span, text);
            prop_assert!(!error.message.contains('\n') && !error.label.contains('\n'));
            let _ = error.to_string();
        }
        well_formed(&ast, errors.0.is_empty());
        let _ = format(&ast);
        if errors.0.is_empty() {
            let canonical = format(&ast);
            let again = parse(&canonical, &limits).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(same(&ast, &again));
        }
        prop_assert_eq!(parse(&text, &limits).is_ok(), errors.0.is_empty());
    }

    /// A mistake stays where it is: a piece that fits in no way can be wrong by itself, miss an operator, and cut a call from its name.
    #[test]
    fn mistakes_do_not_cascade(shape in shapes(), at in any::<prop::sample::Index>(), bad in prop::sample::select(MISTAKES.to_vec())) {
        let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
        let text = format(&Builder::ast(&shape));
        let found = tokens(&text).unwrap().tokens;
        // A wrong bracket between brackets may be closed by what follows, and then it is the next one that is wrong, and so on.
        let place = if matches!(bad, ")" | "]") { found.len() - 1 } else { at.index(found.len()) };
        let place = found[place].span.start as usize;
        let broken = format!("{} {bad} {}", &text[..place], &text[place..]);
        if let Err(errors) = parse(&broken, &limits) {
            prop_assert!(errors.0.len() <= 3, "{}\n{}", broken, errors);
        }
    }
}
