//! The evaluators against an oracle: random typed expressions over random rows, evaluated by the compiled program, by the exact evaluator,
//! over columns, together with others, and with their constants lifted into variables. The oracle walks the syntax tree with values that
//! may be missing, and knows nothing of graphs, folding, registers or atoms.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ast::{Ast, BinaryOp, NodeId, NodeKind, UnaryOp};
use super::compile::{Compiled, Compiler};
use super::demand::Machine;
use super::graph::Graph;
use super::kleene::Step;
use super::{
    Column, Emitter, Expected, Expression, Kleene, Limits, Registers, Row, Scope, Truth, Type, Value, Values,
    VariableId, oom, parse,
};
use crate::diagnostic::Diagnostics;
use crate::undefined::Undefined;
use crate::units::Unit;

// ----- values

/// A value that is there.
#[derive(Debug, Clone, PartialEq)]
enum V {
    N(f64),
    B(bool),
    T(String),
}

type Maybe = Option<V>;

/// Equal to the bit, which `==` of floats is not.
fn same(a: &Maybe, b: &Maybe) -> bool {
    match (a, b) {
        (Some(V::N(x)), Some(V::N(y))) => x.to_bits() == y.to_bits(),
        (a, b) => a == b,
    }
}

fn maybe(value: &Value<'_>) -> Maybe {
    match value {
        Value::Number(x) => Some(V::N(*x)),
        Value::Bool(b) => Some(V::B(*b)),
        Value::Text(text) => Some(V::T(text.to_string())),
        Value::Undefined(_) => None,
    }
}

/// The kinds of values that are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    Plain,
    Time,
    Data,
    Bool,
    Text,
}

const NUMBERS: [Ty; 3] = [Ty::Plain, Ty::Time, Ty::Data];
const ALL: [Ty; 5] = [Ty::Plain, Ty::Time, Ty::Data, Ty::Bool, Ty::Text];

impl Ty {
    fn ty(self) -> Type {
        match self {
            Ty::Plain => Type::NUMBER,
            Ty::Time => Type::Number(Unit::SECONDS),
            Ty::Data => Type::Number(Unit::BYTES),
            Ty::Bool => Type::Bool,
            Ty::Text => Type::Text,
        }
    }

    fn letter(self) -> char {
        ['n', 's', 'z', 'p', 't'][self as usize]
    }

    /// Literals and what they mean.
    fn literals(self) -> &'static [(&'static str, Literal)] {
        use Literal::{B, N, T};
        match self {
            Ty::Plain => &[
                ("1", N(1.0)),
                ("0", N(0.0)),
                ("2", N(2.0)),
                ("0.5", N(0.5)),
                ("80%", N(0.8)),
                ("3", N(3.0)),
                ("1e308", N(1e308)),
                ("5e-324", N(5e-324)),
                ("1e15", N(1e15)),
                ("0.1", N(0.1)),
            ],
            Ty::Time => &[
                ("1s", N(1.0)),
                ("5m", N(300.0)),
                ("500ms", N(0.5)),
                ("1h30m", N(5400.0)),
                ("0s", N(0.0)),
            ],
            Ty::Data => &[("1B", N(1.0)), ("1KiB", N(1024.0)), ("2GB", N(2e9)), ("0B", N(0.0))],
            Ty::Bool => &[("true", B(true)), ("false", B(false))],
            Ty::Text => &[
                ("'a'", T("a")),
                ("''", T("")),
                ("'sql'", T("sql")),
                ("'ße'", T("ße")),
                ("'12.5'", T("12.5")),
                ("' -a-a '", T(" -a-a ")),
                ("'OutOfMemoryError: Metaspace'", T("OutOfMemoryError: Metaspace")),
            ],
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Literal {
    N(f64),
    B(bool),
    T(&'static str),
}

impl Literal {
    fn value(self) -> V {
        match self {
            Literal::N(x) => V::N(x),
            Literal::B(b) => V::B(b),
            Literal::T(text) => V::T(text.to_owned()),
        }
    }
}

const EXTREMES: [f64; 18] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    3.0,
    -2.5,
    0.8,
    f64::MAX,
    f64::MIN,
    1e308,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    1e-310,
    1e15,
    -0.1,
];

const TEXTS: [&str; 9] = [
    "",
    "a",
    "sql",
    "Straße",
    "java.lang.OutOfMemoryError: Java heap space",
    "12.5",
    " -a-a ",
    "-1e3",
    "1e999",
];

// ----- expressions

/// How many variables of each type there are.
const VARIABLES: usize = 4;

/// Writes an expression from a stream of choices; a shorter or smaller stream is a simpler expression, so that failures shrink.
struct Writer<'c> {
    choices: std::slice::Iter<'c, u16>,
    /// Whether texts may occur.
    texts: bool,
    /// Literals become variables where the language allows it.
    lift: Option<Vec<(Ty, V)>>,
    /// Names of definitions, with their types.
    definitions: &'c [(String, Ty)],
}

impl<'c> Writer<'c> {
    fn new(choices: &'c [u16]) -> Writer<'c> {
        Writer {
            choices: choices.iter(),
            texts: true,
            lift: None,
            definitions: &[],
        }
    }

    fn choose(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |c| usize::from(*c) % count)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.choose(from.len())]
    }

    fn any(&mut self) -> Ty {
        if self.texts {
            self.pick(&ALL)
        } else {
            self.pick(&ALL[..4])
        }
    }

    fn literal(&mut self, ty: Ty) -> String {
        let (text, value) = self.pick(ty.literals());
        match &mut self.lift {
            Some(lifted) => {
                lifted.push((ty, value.value()));
                format!("k{}", lifted.len() - 1)
            }
            None => text.to_owned(),
        }
    }

    fn leaf(&mut self, ty: Ty) -> String {
        let definitions: Vec<&String> = self.definitions.iter().filter(|d| d.1 == ty).map(|d| &d.0).collect();
        match self.choose(4) {
            3 => self.literal(ty),
            2 if !definitions.is_empty() => definitions[self.choose(definitions.len())].clone(),
            _ => format!("{}{}", ty.letter(), self.choose(VARIABLES)),
        }
    }

    fn expression(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(ty);
        }
        let d = depth - 1;
        macro_rules! e {
            ($ty:expr) => {{
                let ty = $ty;
                self.expression(ty, d)
            }};
        }
        // What every type has.
        match self.choose(9) {
            0 => return self.leaf(ty),
            1 => return format!("({} ? {} : {})", e!(Ty::Bool), e!(ty), e!(ty)),
            2 => return format!("({} ?? {})", e!(ty), e!(ty)),
            3 if self.choose(2) == 0 => return format!("if_defined({}, {})", e!(ty), e!(ty)),
            _ => {}
        }
        match ty {
            Ty::Bool => self.condition(d),
            Ty::Text => {
                let text = e!(Ty::Text);
                match self.choose(6) {
                    0 => format!("lower({text})"),
                    1 => format!("upper({text})"),
                    2 => format!("trim({text})"),
                    3 => format!("oom_kind({text})"),
                    4 => format!("substring({text}, {})", self.index()),
                    _ => format!("substring({text}, {}, {})", self.index(), self.index()),
                }
            }
            _ => self.number(ty, d),
        }
    }

    /// A number that is often an index.
    fn index(&mut self) -> String {
        if self.choose(2) == 0 {
            self.pick(&["0", "1", "2", "9", "0.5", "-1"]).to_owned()
        } else {
            self.leaf(Ty::Plain)
        }
    }

    fn number(&mut self, ty: Ty, d: usize) -> String {
        macro_rules! e {
            ($ty:expr) => {{
                let ty = $ty;
                self.expression(ty, d)
            }};
        }
        match self.choose(18) {
            0 => format!("({} + {})", e!(ty), e!(ty)),
            1 => format!("({} - {})", e!(ty), e!(ty)),
            2 => format!("({} % {})", e!(ty), e!(ty)),
            3 => format!("({} * {})", e!(ty), e!(Ty::Plain)),
            4 => format!("({} / {})", e!(ty), e!(Ty::Plain)),
            5 => format!("-{}", e!(ty)),
            6 => format!("min({}, {})", e!(ty), e!(ty)),
            7 => format!("max({}, {}, {})", e!(ty), e!(ty), e!(ty)),
            8 => format!("abs({})", e!(ty)),
            9 => format!("clamp({}, {}, {})", e!(ty), e!(ty), e!(ty)),
            10 => format!("round({}, {})", e!(ty), e!(ty)),
            11 => {
                let f = self.pick(&["reserve", "reserve_of_usage"]);
                format!("{f}({}, {})", e!(ty), e!(Ty::Plain))
            }
            _ if ty != Ty::Plain => format!("({} * {})", e!(Ty::Plain), e!(ty)),
            12 => {
                let unit = self.pick(&NUMBERS);
                format!("({} / {})", e!(unit), e!(unit))
            }
            13 => {
                let f = self.pick(&["ceil", "floor", "round", "trunc", "sqrt", "exp", "ln", "log2", "log10"]);
                format!("{f}({})", e!(Ty::Plain))
            }
            14 => {
                let unit = self.pick(&NUMBERS);
                format!("sign({})", e!(unit))
            }
            15 => format!("pow({}, {})", e!(Ty::Plain), e!(Ty::Plain)),
            16 => {
                let unit = self.pick(&NUMBERS);
                format!("scale_to({}, {}, {})", e!(Ty::Plain), e!(unit), e!(unit))
            }
            _ if !self.texts => format!("({} - {})", e!(ty), e!(ty)),
            _ => {
                let text = e!(Ty::Text);
                match self.choose(5) {
                    0 => format!("len({text})"),
                    1 => format!("number({text})"),
                    2 => format!("index_of({text}, {})", e!(Ty::Text)),
                    3 => format!("last_index_of({text}, {}, {})", e!(Ty::Text), self.index()),
                    _ => format!("index_of({text}, {}, {})", e!(Ty::Text), self.index()),
                }
            }
        }
    }

    fn condition(&mut self, d: usize) -> String {
        macro_rules! e {
            ($ty:expr) => {{
                let ty = $ty;
                self.expression(ty, d)
            }};
        }
        match self.choose(12) {
            0..=2 => {
                let op = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let unit = self.pick(&NUMBERS);
                format!("({} {op} {})", e!(unit), e!(unit))
            }
            3 => {
                let op = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let ty = self.any();
                format!("({} {op} {})", e!(ty), e!(ty))
            }
            4 | 5 => format!("({} && {})", e!(Ty::Bool), e!(Ty::Bool)),
            6 | 7 => format!("({} || {})", e!(Ty::Bool), e!(Ty::Bool)),
            8 => format!("!{}", e!(Ty::Bool)),
            9 => {
                let ty = self.any();
                format!("defined({})", e!(ty))
            }
            10 => {
                let list = self.pick(&["[1]", "[0, 2, 3]", "[-1, 0.5, 80%]"]);
                format!("({} in {list})", e!(Ty::Plain))
            }
            _ if !self.texts => {
                let list = self.pick(&["[1s]", "[0, 5m]"]);
                format!("({} in {list})", e!(Ty::Time))
            }
            _ => {
                let text = e!(Ty::Text);
                match self.choose(5) {
                    0 => format!("({text} in {})", self.pick(&["['a']", "['', 'sql', '12.5']"])),
                    1 => format!("({text} =~ {})", self.pick(&["'a'", "'^s.l$'", "'(?i)MEMORY'", "''"])),
                    2 => format!("({text} !~ {})", self.pick(&["'a'", "r'\\d'"])),
                    _ => {
                        let f = self.pick(&["contains", "starts_with", "ends_with"]);
                        format!("{f}({text}, {})", e!(Ty::Text))
                    }
                }
            }
        }
    }
}

fn choices() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..120)
}

// ----- rows

type Names = BTreeMap<String, Maybe>;

fn scope() -> Scope {
    let mut scope = Scope::new();
    for ty in ALL {
        for index in 0..VARIABLES {
            scope.variable(&format!("{}{index}", ty.letter()), ty.ty()).unwrap();
        }
    }
    scope
}

/// Values for all variables; every one may be missing.
fn names(undefined: bool) -> impl Strategy<Value = Names> {
    let one = (0..if undefined { 5_u8 } else { 4 }, any::<u8>(), -1000..1000_i32);
    prop::collection::vec(one, ALL.len() * VARIABLES).prop_map(|seeds| {
        let mut names = Names::new();
        for (at, (kind, index, number)) in seeds.into_iter().enumerate() {
            let ty = ALL[at / VARIABLES];
            let value = match (kind, ty) {
                (4, _) => None,
                (_, Ty::Bool) => Some(V::B(index % 2 == 0)),
                (_, Ty::Text) => Some(V::T(TEXTS[usize::from(index) % TEXTS.len()].to_owned())),
                (0, _) => Some(V::N(EXTREMES[usize::from(index) % EXTREMES.len()])),
                (1, _) => Some(V::N(f64::from(number % 4))),
                _ => Some(V::N(f64::from(number) / 8.0)),
            };
            names.insert(format!("{}{}", ty.letter(), at % VARIABLES), value);
        }
        names
    })
}

fn set<'t>(row: &mut Row<'t>, scope: &Scope, names: &'t Names) {
    for (name, value) in names {
        // What is not set is undefined; so is what is made so.
        let Some(id) = scope.find_variable(name) else { continue };
        match value {
            Some(V::N(x)) => row.set_number(id, *x),
            Some(V::B(b)) => row.set_bool(id, *b),
            Some(V::T(text)) => row.set_text(id, text),
            None => {}
        }
    }
}

// ----- the oracle

/// The value of every node of the tree.
fn oracle(ast: &Ast, names: &Names) -> Vec<Maybe> {
    let mut values: Vec<Maybe> = Vec::new();
    for node in &ast.nodes {
        let value = node_value(ast, node.kind, names, &values);
        values.push(value.filter(|v| !matches!(v, V::N(x) if !x.is_finite())));
    }
    values
}

fn node_value(ast: &Ast, kind: NodeKind, names: &Names, values: &[Maybe]) -> Maybe {
    let of = |id: NodeId| values[id.index()].clone();
    match kind {
        NodeKind::Number(x, _) => Some(V::N(x)),
        NodeKind::Bool(b) => Some(V::B(b)),
        NodeKind::Text(index) => Some(V::T(ast.text(index).to_owned())),
        NodeKind::Name(index) => names.get(ast.text(index)).cloned().flatten(),
        NodeKind::Unary(UnaryOp::Minus, a) => match of(a)? {
            V::N(x) => Some(V::N(-x)),
            other => panic!("-{other:?}"),
        },
        NodeKind::Unary(UnaryOp::Not, a) => match of(a)? {
            V::B(b) => Some(V::B(!b)),
            other => panic!("!{other:?}"),
        },
        NodeKind::Binary(BinaryOp::In, a, list) => {
            let NodeKind::List(list) = ast.node(list).kind else {
                panic!("no list")
            };
            let subject = of(a)?;
            Some(V::B(ast.list(list).iter().any(|e| of(*e) == Some(subject.clone()))))
        }
        NodeKind::Binary(op, a, b) => binary(op, of(a), of(b)),
        NodeKind::Conditional(c, a, b) => match of(c)? {
            V::B(true) => of(a),
            V::B(false) => of(b),
            other => panic!("{other:?} ?"),
        },
        NodeKind::Call(name, _, args) => {
            let args: Vec<Maybe> = ast.list(args).iter().map(|a| of(*a)).collect();
            call(ast.text(name), &args)
        }
        // Its operator looks at its elements.
        NodeKind::List(_) => None,
        NodeKind::Window { .. } | NodeKind::Offset(..) | NodeKind::Error => panic!("{kind:?}"),
    }
}

fn binary(op: BinaryOp, a: Maybe, b: Maybe) -> Maybe {
    match (op, &a, &b) {
        (BinaryOp::Else, Some(_), _) => return a,
        (BinaryOp::Else, None, _) => return b,
        (BinaryOp::And, Some(V::B(false)), _) | (BinaryOp::And, _, Some(V::B(false))) => return Some(V::B(false)),
        (BinaryOp::Or, Some(V::B(true)), _) | (BinaryOp::Or, _, Some(V::B(true))) => return Some(V::B(true)),
        _ => {}
    }
    let (a, b) = (a?, b?);
    Some(match (op, a, b) {
        (BinaryOp::And | BinaryOp::Or, V::B(a), V::B(b)) => V::B(if op == BinaryOp::And { a && b } else { a || b }),
        (BinaryOp::Add, V::N(a), V::N(b)) => V::N(a + b),
        (BinaryOp::Subtract, V::N(a), V::N(b)) => V::N(a - b),
        (BinaryOp::Multiply, V::N(a), V::N(b)) => V::N(a * b),
        (BinaryOp::Divide, V::N(a), V::N(b)) => V::N(a / b),
        (BinaryOp::Remainder, V::N(a), V::N(b)) => V::N(a % b),
        (BinaryOp::Equal, a, b) => V::B(a == b),
        (BinaryOp::NotEqual, a, b) => V::B(a != b),
        (BinaryOp::Matches, V::T(a), V::T(b)) => V::B(regex::Regex::new(&b).unwrap().is_match(&a)),
        (BinaryOp::MatchesNot, V::T(a), V::T(b)) => V::B(!regex::Regex::new(&b).unwrap().is_match(&a)),
        (_, V::N(a), V::N(b)) => V::B(ordered(op, a < b, a == b)),
        (_, V::B(a), V::B(b)) => V::B(ordered(op, !a && b, a == b)),
        (_, V::T(a), V::T(b)) => V::B(ordered(op, a < b, a == b)),
        (_, a, b) => panic!("{a:?} {op:?} {b:?}"),
    })
}

fn ordered(op: BinaryOp, less: bool, equal: bool) -> bool {
    match op {
        BinaryOp::Less => less,
        BinaryOp::LessEqual => less || equal,
        BinaryOp::Greater => !less && !equal,
        BinaryOp::GreaterEqual => !less,
        _ => panic!("{op:?}"),
    }
}

fn call(name: &str, args: &[Maybe]) -> Maybe {
    match name {
        "defined" => return Some(V::B(args[0].is_some())),
        "if_defined" => return args[0].clone().or_else(|| args[1].clone()),
        _ => {}
    }
    let args: Vec<V> = args.iter().cloned().collect::<Option<_>>()?;
    let n = |i: usize| match &args[i] {
        V::N(x) => *x,
        other => panic!("{name} of {other:?}"),
    };
    let chars = |i: usize| match &args[i] {
        V::T(text) => text.chars().collect::<Vec<char>>(),
        other => panic!("{name} of {other:?}"),
    };
    let string = |i: usize| chars(i).into_iter().collect::<String>();
    // A position in the first text.
    let position = |i: usize| {
        let (at, len) = (n(i), chars(0).len() as f64);
        (at >= 0.0 && at <= len && at.fract() == 0.0).then_some(at as usize)
    };
    let starts = || {
        let (whole, part) = (chars(0), chars(1));
        (0..=whole.len())
            .filter(move |at| whole[*at..].starts_with(&part))
            .collect::<Vec<usize>>()
    };
    let index = |found: Option<&usize>| V::N(found.map_or(-1.0, |at| *at as f64));
    let when = |holds: bool, value: f64| holds.then_some(V::N(value));
    match name {
        "abs" => Some(V::N(n(0).abs())),
        "ceil" => Some(V::N(n(0).ceil())),
        "floor" => Some(V::N(n(0).floor())),
        "trunc" => Some(V::N(n(0).trunc())),
        "round" if args.len() == 1 => Some(V::N(n(0).round())),
        "round" => when(n(1) > 0.0, (n(0) / n(1)).round() * n(1)),
        "sign" if n(0) == 0.0 => Some(V::N(0.0)),
        "sign" => Some(V::N(n(0).signum())),
        "sqrt" => when(n(0) >= 0.0, n(0).sqrt()),
        "exp" => Some(V::N(libm::exp(n(0)))),
        "ln" => when(n(0) > 0.0, libm::log(n(0))),
        "log2" => when(n(0) > 0.0, libm::log2(n(0))),
        "log10" => when(n(0) > 0.0, libm::log10(n(0))),
        "pow" => Some(V::N(libm::pow(n(0), n(1)))),
        "min" => (1..args.len())
            .try_fold(n(0), |least, i| Some(if least < n(i) { least } else { n(i) }))
            .map(V::N),
        "max" => (1..args.len())
            .try_fold(n(0), |most, i| Some(if most > n(i) { most } else { n(i) }))
            .map(V::N),
        "clamp" => {
            let capped = if n(0) < n(2) { n(0) } else { n(2) };
            when(n(1) <= n(2), if n(1) > capped { n(1) } else { capped })
        }
        "reserve" => when(n(1) >= 0.0 && n(1) < 1.0, n(0) / (1.0 - n(1))),
        "reserve_of_usage" => when(n(1) >= 0.0, n(0) * (1.0 + n(1))),
        "scale_to" => {
            let exact = n(0) * n(1) / n(2);
            when(
                n(0) >= 0.0 && n(1) >= 0.0 && n(2) > 0.0,
                (exact - exact.abs() * 1e-9).ceil(),
            )
        }
        "len" => Some(V::N(chars(0).len() as f64)),
        "lower" => Some(V::T(string(0).to_ascii_lowercase())),
        "upper" => Some(V::T(string(0).to_ascii_uppercase())),
        "trim" => Some(V::T(string(0).trim().to_owned())),
        "oom_kind" => Some(V::T(oom::kind_of(&string(0)).name().to_owned())),
        "number" => match string(0).trim() {
            "12.5" => Some(V::N(12.5)),
            "-1e3" | "-1E3" => Some(V::N(-1000.0)),
            // Cut out of the others by `substring`.
            text => text.parse::<f64>().ok().filter(|x| x.is_finite()).map(V::N),
        },
        "contains" => Some(V::B(!starts().is_empty())),
        "starts_with" => Some(V::B(starts().first() == Some(&0))),
        "ends_with" => Some(V::B(chars(0).ends_with(&chars(1)))),
        "substring" => {
            let from = position(1)?;
            let to = if args.len() == 3 { position(2)? } else { chars(0).len() };
            (from <= to).then(|| V::T(chars(0)[from..to].iter().collect()))
        }
        "index_of" => {
            let from = if args.len() == 3 { position(2)? } else { 0 };
            Some(index(starts().iter().find(|at| **at >= from)))
        }
        "last_index_of" => {
            let from = if args.len() == 3 { position(2)? } else { chars(0).len() };
            Some(index(starts().iter().rev().find(|at| **at <= from)))
        }
        other => panic!("{other}"),
    }
}

// ----- the properties

fn compiled(source: &str, scope: &Scope) -> Expression {
    Expression::compile(source, scope, &Limits::default()).unwrap_or_else(|found| panic!("{source}\n{found}"))
}

fn expected(source: &str, names: &Names) -> Maybe {
    let ast = parse(source, &Limits::default()).unwrap();
    oracle(&ast, names).pop().flatten()
}

/// Program, exact evaluator and explanation of one expression give what the oracle gives.
fn check(source: &str, scope: &Scope, names: &Names) -> Result<(), TestCaseError> {
    let expression = compiled(source, scope);
    let ast = parse(source, &Limits::default()).unwrap();
    let values = oracle(&ast, names);
    let wanted = values.last().cloned().flatten();
    let mut row = expression.row();
    set(&mut row, scope, names);
    let exact = maybe(&expression.exact_for_tests(&row));
    prop_assert!(same(&exact, &wanted), "exact {exact:?}, wanted {wanted:?}: {source}");
    let got = maybe(&expression.evaluate(&mut row));
    prop_assert!(same(&got, &wanted), "program {got:?}, wanted {wanted:?}: {source}");
    // The row keeps nothing of an evaluation that would change the next.
    let again = maybe(&expression.evaluate(&mut row));
    prop_assert!(
        same(&again, &wanted),
        "second run {again:?}, wanted {wanted:?}: {source}"
    );
    match &wanted {
        Some(V::B(b)) => prop_assert_eq!(expression.condition(&mut row), Ok(*b)),
        Some(V::N(x)) => prop_assert_eq!(expression.number(&mut row).map(f64::to_bits), Ok(x.to_bits())),
        Some(V::T(_)) => {}
        None => prop_assert!(expression.condition(&mut row).is_err() && expression.number(&mut row).is_err()),
    }
    let explanation = expression.explain(&row);
    for (index, part) in explanation.parts.iter().enumerate() {
        if part.value.undefined() == Some(Undefined::NotNeeded) {
            prop_assert!(index > 0);
            continue;
        }
        let value = maybe(&part.value);
        let at = ast.nodes.iter().rposition(|node| node.span == part.span).unwrap();
        let wanted = &values[if index == 0 { values.len() - 1 } else { at }];
        prop_assert!(
            same(&value, wanted),
            "part `{}` is {value:?}, wanted {wanted:?}: {source}",
            part.text
        );
        prop_assert_eq!(part.reason.is_some(), value.is_none());
    }
    prop_assert!(!explanation.to_string().is_empty());
    Ok(())
}

/// Runs code of expressions that ask no windows.
struct OnVariables<'t, 'r> {
    graph: &'t Graph,
    row: &'r Row<'t>,
    texts: Values<'t>,
    registers: Registers,
}

impl Machine for OnVariables<'_, '_> {
    fn registers(&mut self) -> &mut Registers {
        &mut self.registers
    }

    fn compute(&mut self, step: &Step) -> f64 {
        step.run(self.graph, self.row, &mut self.texts, self.registers.of_nodes())
    }

    fn ask(&mut self, index: u32) {
        panic!("input {index} is not a variable");
    }
}

proptest! {
    #[test]
    fn every_evaluator_gives_what_the_oracle_gives(
        choices in choices(),
        ty in prop::sample::select(&ALL[..]),
        depth in 1..6_usize,
        names in names(true),
    ) {
        let source = Writer::new(&choices).expression(ty, depth);
        check(&source, &scope(), &names)?;
    }

    /// The usual case, which the compiled program answers alone.
    #[test]
    fn every_evaluator_gives_what_the_oracle_gives_where_nothing_is_missing(
        choices in choices(),
        ty in prop::sample::select(&ALL[..4]),
        depth in 1..6_usize,
        names in names(false),
    ) {
        let source = Writer::new(&choices).expression(ty, depth);
        check(&source, &scope(), &names)?;
    }

    #[test]
    fn constants_folded_and_constants_as_variables_are_the_same(
        choices in choices(),
        ty in prop::sample::select(&ALL[..]),
        depth in 1..5_usize,
        names in names(true),
    ) {
        let source = Writer::new(&choices).expression(ty, depth);
        let mut writer = Writer { lift: Some(Vec::new()), ..Writer::new(&choices) };
        let lifted = writer.expression(ty, depth);
        let (mut wide, mut with) = (scope(), names.clone());
        for (index, (ty, value)) in writer.lift.unwrap_or_default().into_iter().enumerate() {
            let name = format!("k{index}");
            wide.variable(&name, ty.ty()).unwrap();
            with.insert(name, Some(value));
        }
        let wanted = expected(&source, &names);
        prop_assert!(same(&expected(&lifted, &with), &wanted), "{source} and {lifted}");
        check(&lifted, &wide, &with)?;
    }

    #[test]
    fn columns_are_rows_side_by_side(
        choices in choices(),
        ty in prop::sample::select(&ALL[..4]),
        depth in 1..5_usize,
        names in prop::collection::vec(names(true), 7),
        complete in prop::collection::vec(names(false), 6),
        rows in 1000..1100_usize,
        without in 0..32_usize,
    ) {
        let source = Writer { texts: false, ..Writer::new(&choices) }.expression(ty, depth);
        let scope = scope();
        let expression = compiled(&source, &scope);
        let names: Vec<Names> = names.into_iter().chain(complete).collect();
        let row_of = |row: usize| &names[(row * row / 3 + row) % names.len()];
        let numeric = |ty: &Type| *ty != Type::Text;
        // Sometimes a variable has no column at all.
        let columns: Vec<(usize, Vec<f64>)> = scope.variables().iter().enumerate()
            .filter(|(index, (_, ty))| numeric(ty) && *index != without)
            .map(|(index, (name, _))| (index, (0..rows).map(|row| match row_of(row)[name] {
                Some(V::N(x)) => x,
                Some(V::B(b)) => f64::from(u8::from(b)),
                _ => if row % 2 == 0 { f64::NAN } else { f64::INFINITY },
            }).collect()))
            .collect();
        let columns: Vec<Column<'_>> = columns.iter()
            .map(|(index, values)| Column { variable: VariableId(*index as u16), values })
            .collect();
        let mut wanted: Vec<Maybe> = Vec::with_capacity(names.len());
        for names in &names {
            let mut names = names.clone();
            if let Some((name, _)) = scope.variables().get(without) {
                names.insert(name.clone(), None);
            }
            wanted.push(expected(&source, &names));
        }
        let wanted = |row: usize| &wanted[(row * row / 3 + row) % names.len()];
        if ty == Ty::Bool {
            let mut truths = vec![Truth::Undefined; rows];
            expression.conditions(&columns, &mut truths).unwrap();
            for (row, truth) in truths.iter().enumerate() {
                let value = match truth {
                    Truth::True => Some(V::B(true)),
                    Truth::False => Some(V::B(false)),
                    Truth::Undefined => None,
                };
                prop_assert!(same(&value, wanted(row)), "row {row}: {value:?}, wanted {:?}: {source}", wanted(row));
            }
        } else {
            let mut numbers = vec![1.0; rows];
            expression.numbers(&columns, &mut numbers).unwrap();
            for (row, number) in numbers.iter().enumerate() {
                let value = number.is_finite().then_some(V::N(*number));
                prop_assert!(same(&value, wanted(row)), "row {row}: {value:?}, wanted {:?}: {source}", wanted(row));
            }
        }
    }

    #[test]
    fn expressions_that_share_a_program_do_not_disturb_each_other(
        choices in prop::collection::vec((choices(), prop::sample::select(&ALL[..]), 1..4_usize, any::<bool>()), 1..7),
        names in names(true),
    ) {
        let mut compiler = Compiler::new(scope(), Limits::default());
        let (mut definitions, mut sources, mut known) = (Vec::new(), Vec::new(), names.clone());
        for (index, (choices, ty, depth, defined)) in choices.iter().enumerate() {
            let source = Writer { definitions: &definitions, ..Writer::new(choices) }.expression(*ty, *depth);
            let mut found = Vec::new();
            let id = compiler.add(&source, Expected::Anything, &mut found);
            let found = Diagnostics(found);
            prop_assert!(!found.has_errors(), "{found}");
            compiler.output(id);
            let value = expected(&source, &known);
            if *defined {
                let name = format!("d{index}");
                compiler.define(&name, id).unwrap();
                known.insert(name.clone(), value.clone());
                definitions.push((name, *ty));
            }
            sources.push((source, value));
        }
        let together: Compiled = compiler.finish().unwrap();
        let mut row = together.program.row();
        let scope = scope();
        set(&mut row, &scope, &names);
        let complete = together.program.run(&together.graph, &mut row);
        let mut values = Values::new(&together.graph);
        // The first of them as what is always wanted, the others as the rest.
        let graph = &together.graph;
        let roots: Vec<_> = (0..sources.len()).map(|output| together.root_of(output)).collect();
        let kleene = Kleene::new(graph, together.scope.catalogue(), &roots, &roots[..1]);
        let (mut registers, mut texts) = (Registers::default(), Values::default());
        kleene.begin(&mut registers);
        for &place in kleene.variables() {
            registers.take(&row, place);
        }
        kleene.compute_always(graph, &row, &mut texts, &mut registers);
        kleene.compute_rest(graph, &row, &mut texts, &mut registers);
        // The same again, only as far as it matters; the first two are run twice, after each other.
        let outputs = || roots.iter().copied();
        let all = Kleene::new(graph, together.scope.catalogue(), &roots, &roots);
        let mut emitter = Emitter::new(graph, &all, outputs());
        let stretches = [emitter.stretch(outputs().take(2)), emitter.stretch(outputs())];
        let demand = emitter.finish();
        let mut machine = OnVariables { graph, row: &row, texts: Values::default(), registers: Registers::default() };
        all.begin_pending(&mut machine.registers);
        for &place in all.variables() {
            machine.registers.take(&row, place);
        }
        for stretch in &stretches {
            demand.run(stretch, &mut machine);
        }
        let demanded = machine.registers;
        for (output, (source, wanted)) in sources.iter().enumerate() {
            values.compute_root(&together.graph, &row, together.root_of(output));
            let value = values.get(together.root_of(output)).unwrap();
            let exact = maybe(value);
            prop_assert!(same(&exact, wanted), "exact {exact:?}, wanted {wanted:?}: {source}");
            let register = registers.get(together.root_of(output));
            if graph.ty(together.root_of(output)) != Type::Text {
                let demanded = demanded.get(together.root_of(output));
                prop_assert_eq!(demanded.to_bits(), register.to_bits(), "{}", source);
            }
            match value {
                Value::Number(x) => prop_assert_eq!(register.to_bits(), x.to_bits(), "{}", source),
                Value::Bool(b) => prop_assert_eq!(register, f64::from(u8::from(*b)), "{}", source),
                Value::Undefined(missing) if graph.ty(together.root_of(output)) != Type::Text => {
                    prop_assert!(register.is_nan(), "{register}, wanted {missing:?}: {source}");
                    let why = registers.why(graph, &row, &texts, register, |_| None);
                    prop_assert_eq!(why, *missing, "{}", source);
                }
                // Texts are left to the exact evaluator.
                Value::Undefined(_) | Value::Text(_) => {}
            }
            if complete {
                let bool = together.program.bool(&row, output).map(V::B);
                let number = together.program.number(&row, output).map(V::N);
                let got = bool.or(number);
                prop_assert!(got.is_none() || same(&got, wanted), "program {got:?}, wanted {wanted:?}: {source}");
            }
        }
    }

    #[test]
    fn kleenes_laws_hold(
        choices in prop::collection::vec(choices(), 3),
        depth in 0..3_usize,
        names in names(true),
    ) {
        let [a, b, c] = [0, 1, 2].map(|i: usize| Writer::new(&choices[i]).expression(Ty::Bool, depth));
        let scope = scope();
        let value = |source: &str| {
            let expression = compiled(source, &scope);
            let mut row = expression.row();
            set(&mut row, &scope, &names);
            maybe(&expression.evaluate(&mut row))
        };
        for (left, right) in [
            (format!("!({a} && {b})"), format!("!{a} || !{b}")),
            (format!("!({a} || {b})"), format!("!{a} && !{b}")),
            (format!("{a} && {b}"), format!("{b} && {a}")),
            (format!("{a} || {b}"), format!("{b} || {a}")),
            (format!("{a} && ({b} && {c})"), format!("{a} && {b} && {c}")),
            (format!("{a} || ({b} || {c})"), format!("{a} || {b} || {c}")),
            (format!("{a} && ({b} || {c})"), format!("{a} && {b} || {a} && {c}")),
            (format!("{a} || {b} && {c}"), format!("({a} || {b}) && ({a} || {c})")),
            (format!("!!{a}"), a.clone()),
            (format!("{a} && {a}"), a.clone()),
            (format!("{a} || {a} && {b}"), a.clone()),
            (format!("{a} && ({a} || {b})"), a.clone()),
            (format!("{a} && true"), a.clone()),
            (format!("{a} || false"), a.clone()),
            (format!("{a} && false"), "false".to_owned()),
            (format!("{a} || true"), "true".to_owned()),
            (format!("{a} ? {b} : {c}"), format!("{a} ? {b} : !!{c}")),
            (format!("{a} != {b}"), format!("!({a} == {b})")),
            (format!("defined({a} && !{a})"), format!("defined({a})")),
        ] {
            prop_assert!(same(&value(&left), &value(&right)), "{left}\n{right}");
        }
    }
}

#[test]
fn every_combination_of_three_truth_values() {
    let scope = scope();
    let values = [None, Some(V::B(false)), Some(V::B(true))];
    let sources = [
        "p0 && p1 || p2",
        "(p0 || p1) && !p2",
        "p0 ? p1 : p2",
        "p0 ?? p1 ?? p2",
        "p0 == p1",
        "p0 != p1",
        "p0 < p1",
        "p0 <= p1",
        "p0 > p1 || p1 >= p2",
        "p0 == (p1 == p2)",
        "p0 && !p0",
        "p0 || !p0",
        "defined(p0) && p1 || !defined(p2)",
        "(p0 ? 1 : 2) == (p1 ? 2 : 1) && p2",
        "(p0 && p1 ? 0.5 : n0) < 1 ? p2 : p0",
        "if_defined(p0 && p1, p2)",
        "(p0 && p1 && p2) == (p0 || p1 || p2)",
    ];
    for source in sources {
        for code in 0..27_usize {
            let mut names = Names::new();
            for (index, name) in ["p0", "p1", "p2"].into_iter().enumerate() {
                names.insert(name.to_owned(), values[code / 3_usize.pow(index as u32) % 3].clone());
            }
            check(source, &scope, &names).unwrap();
        }
    }
}

#[test]
fn corners_of_the_numbers() {
    let scope = scope();
    let sources = [
        "n0 - n1 < 0",
        "n0 < n1",
        "n0 <= n1",
        "n0 == n1",
        "n0 != n1",
        "n0 % n1",
        "n0 / n1",
        "1 / n0",
        "pow(n0, n1)",
        "sign(n0)",
        "1 / sign(n0)",
        "min(n0, n1)",
        "max(n0, n1)",
        "n0 * n1",
        "n0 + n1 > n0",
        "round(n0, n1)",
        "clamp(n0, n1, 1)",
        "n0 > 0",
        "n0 >= 0",
        "s0 > 0",
        "0 <= s0 / n0",
        "n0 < 0",
        "0 < n0",
        "0 >= n0",
        "n0 == 0",
        "0 == n0",
        "n0 in [0]",
        "n0 in [-1, 3]",
        "reserve(n0, n1)",
        "scale_to(n0, n1, 1)",
        "n0 < 1e308 * 10",
        "abs(n0 - n1) <= 5e-324",
        "n0 ?? 1 / 0 ?? n1",
        "(1 / 0) ?? n0",
        "n0 > 0 ? n0 : -n0",
        "-(-n0) == n0",
        "n0 - n0 == 0",
        "n0 / n0 == 1",
        "sqrt(n0)",
        "ln(n0)",
        "exp(n0)",
        "ceil(n0)",
        "n0 > 80% || n1 / 0 > 1",
    ];
    for source in sources {
        for x in EXTREMES {
            for y in EXTREMES.iter().copied().map(Some).chain([None]) {
                let mut names = Names::new();
                names.insert("n0".to_owned(), Some(V::N(x)));
                names.insert("s0".to_owned(), Some(V::N(x)));
                names.insert("n1".to_owned(), y.map(V::N));
                check(source, &scope, &names).unwrap();
            }
        }
    }
}

#[test]
fn any_number_but_zero_is_a_true_truth_value() {
    let mut scope = Scope::new();
    let (p, t) = (
        scope.variable("p", Type::Bool).unwrap(),
        scope.variable("t", Type::Text).unwrap(),
    );
    let expression = compiled("p", &scope);
    for (number, truth) in [
        (0.0, false),
        (-0.0, false),
        (1.0, true),
        (0.3, true),
        (-1.0, true),
        (5e-324, true),
    ] {
        let mut row = expression.row();
        row.set_number(p, number);
        assert_eq!(expression.condition(&mut row), Ok(truth), "{number}");
        assert_eq!(maybe(&expression.exact_for_tests(&row)), Some(V::B(truth)), "{number}");
        let mut truths = [Truth::Undefined];
        expression
            .conditions(
                &[Column {
                    variable: p,
                    values: &[number],
                }],
                &mut truths,
            )
            .unwrap();
        assert_eq!(truths[0] == Truth::True, truth, "{number}");
    }

    // Values of the wrong type change nothing.
    let expression = compiled("defined(t) || p", &scope);
    let mut row = expression.row();
    row.set_text(p, "true");
    row.set_number(t, 1.0);
    row.set_bool(t, true);
    assert!(expression.condition(&mut row).is_err());
    row.set_bool(p, false);
    assert_eq!(expression.condition(&mut row), Ok(false));
    row.set_text(t, "");
    assert_eq!(expression.condition(&mut row), Ok(true));
    row.set_undefined(t, Undefined::NoAttribute);
    assert_eq!(expression.condition(&mut row), Ok(false));
}

#[test]
fn what_the_result_does_not_depend_on_is_not_shown_as_zero() {
    let scope = scope();
    let expression = compiled("false && (n0 > 1 || defined(t0)) || p0", &scope);
    let mut row = expression.row();
    row.set_number(scope.find_variable("n0").unwrap(), 5.0);
    row.set_bool(scope.find_variable("p0").unwrap(), true);
    let explanation = expression.explain(&row);
    let shown: Vec<(&str, Maybe)> = explanation.parts.iter().map(|p| (&*p.text, maybe(&p.value))).collect();
    assert!(
        shown.contains(&("n0", None))
            && shown.contains(&("defined(t0)", None))
            && shown.contains(&("p0", Some(V::B(true)))),
        "{shown:?}"
    );
    assert!(
        explanation
            .to_string()
            .contains("`n0`: not asked for, the result does not depend on it"),
        "{explanation}"
    );
}

#[test]
fn columns_know_comparisons_that_were_made_before_a_choice() {
    let mut scope = Scope::new();
    let ids = ["a", "b", "c"].map(|name| scope.variable(name, Type::NUMBER).unwrap());
    let expression = compiled("(a > 1 ? b : a) > 3 && b > 2 && c > 0", &scope);
    let values: Vec<Vec<f64>> = (0..3)
        .map(|k| (0..130).map(|row| f64::from((row * (k + 3) + k) % 7)).collect())
        .collect();
    let columns: Vec<Column<'_>> = (0..3)
        .map(|k| Column {
            variable: ids[k],
            values: &values[k],
        })
        .collect();
    let mut truths = vec![Truth::Undefined; 130];
    expression.conditions(&columns, &mut truths).unwrap();
    for (row, truth) in truths.iter().enumerate() {
        let [a, b, c] = [0, 1, 2].map(|k| values[k][row]);
        let wanted = (if a > 1.0 { b } else { a }) > 3.0 && b > 2.0 && c > 0.0;
        assert_eq!(*truth == Truth::True, wanted, "row {row}");
    }
    assert!(truths.contains(&Truth::True) && truths.contains(&Truth::False));
}
