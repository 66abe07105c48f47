//! What is said to be certain, held against what expressions evaluate to.

use proptest::prelude::*;

use super::{Interval, Reason, State, against, entails, thresholds};
use crate::lang::graph::VariableId;
use crate::lang::{Compiled, Compiler, Expected, Limits, Scope, Type, Value, Values};
use crate::units::Unit;

const NUMBERS: [&str; 4] = ["p", "x", "y", "z"];

fn scope() -> Scope {
    let mut scope = Scope::new();
    for name in NUMBERS {
        scope.number(name, Unit::NUMBER).unwrap();
    }
    scope.variable("t", Type::Text).unwrap();
    scope.variable("b", Type::Bool).unwrap();
    scope
}

/// `p` is a whole number that is not negative, `x` is in 0…1, `y` and `z` are anything.
fn variable(id: VariableId) -> Interval {
    match id.index() {
        0 => Interval::POSITIVE,
        1 => Interval::TRUTH,
        _ => Interval::ALL,
    }
}

fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(NUMBERS.to_vec()).prop_map(str::to_owned),
        proptest::sample::select(vec!["0", "1", "2", "0.5", "0.3", "3"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                inner.clone(),
                proptest::sample::select(vec!["+", "-", "*", "/", "%"])
            )
                .prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            (
                inner.clone(),
                inner.clone(),
                proptest::sample::select(vec!["max", "min", "reserve", "reserve_of_usage"])
            )
                .prop_map(|(a, b, f)| format!("{f}({a}, {b})")),
            (
                inner.clone(),
                proptest::sample::select(vec!["ceil", "floor", "round", "abs", "sqrt", "-"])
            )
                .prop_map(|(a, f)| format!("{f}({a})")),
            (
                inner.clone(),
                inner.clone(),
                inner.clone(),
                proptest::sample::select(vec!["clamp", "scale_to"])
            )
                .prop_map(|(a, b, c, f)| format!("{f}({a}, {b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} > 1 ? {b} : {c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} ?? {b})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let comparison = (
        prop_oneof![3 => Just("x".to_owned()), 1 => Just("y".to_owned()), 2 => number()],
        proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]),
        prop_oneof![3 => proptest::sample::select(vec!["0", "0.3", "0.5", "0.8", "1", "2"]).prop_map(str::to_owned), 1 => number()],
    )
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let leaf = prop_oneof![
        6 => comparison,
        1 => Just("t == 'a'".to_owned()),
        1 => Just("t != 'b'".to_owned()),
        1 => Just("b".to_owned()),
        1 => Just("defined(y)".to_owned()),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

/// The values that variables have in one case; `None` is undefined.
#[derive(Debug, Clone)]
struct Case {
    numbers: [Option<f64>; 4],
    text: Option<&'static str>,
    truth: Option<bool>,
}

fn case() -> impl Strategy<Value = Case> {
    let some = |s: BoxedStrategy<f64>| proptest::option::weighted(0.9, s);
    let free = || prop_oneof![(-4_i32..5).prop_map(f64::from), -2.0..2.0_f64, Just(0.3), Just(0.8)].boxed();
    (
        some((0_i32..6).prop_map(f64::from).boxed()),
        some(prop_oneof![0.0..=1.0_f64, Just(0.0), Just(1.0), Just(0.3), Just(0.5), Just(0.8)].boxed()),
        some(free()),
        some(free()),
        proptest::option::weighted(0.9, proptest::sample::select(vec!["a", "b", "c"])),
        proptest::option::weighted(0.9, any::<bool>()),
    )
        .prop_map(|(p, x, y, z, text, truth)| Case {
            numbers: [p, x, y, z],
            text,
            truth,
        })
}

/// What the first three outputs come to.
fn evaluate(compiled: &Compiled, case: &Case) -> [Value<'static>; 3] {
    let mut row = compiled.program.row();
    for (index, value) in case.numbers.iter().enumerate() {
        if let Some(value) = value {
            row.set_number(VariableId(index as u16), *value);
        }
    }
    if let Some(text) = case.text {
        row.set_text(VariableId(4), text);
    }
    if let Some(truth) = case.truth {
        row.set_bool(VariableId(5), truth);
    }
    let mut values = Values::new(&compiled.graph);
    [0, 1, 2].map(|output| {
        let root = compiled.root_of(output);
        values.compute_root(&compiled.graph, &row, root);
        values.get(root).unwrap().clone().into_owned()
    })
}

/// Two conditions, a target and `p`, in one graph.
fn together(first: &str, second: &str, target: &str) -> Option<Compiled> {
    let mut compiler = Compiler::new(scope(), Limits::default());
    let condition = Expected::Condition;
    let value = Expected::Value(Type::NUMBER);
    for (text, expected) in [(first, condition), (second, condition), (target, value), ("p", value)] {
        let id = compiler.add(text, expected, &mut Vec::new());
        compiler.output(id);
    }
    compiler.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// What cannot be true is never true, what follows follows, and what is not above or below is not.
    #[test]
    fn nothing_certain_is_wrong(first in condition(), second in condition(), target in number(), cases in proptest::collection::vec(case(), 30)) {
        let Some(compiled) = together(&first, &second, &target) else { return Ok(()) };
        let reason = Reason::new(&compiled, variable);
        let [a, b, then, p] = [0, 1, 2, 3].map(|output| compiled.root_of(output));
        let start = State::new(&reason);
        let (yes, no) = (start.assume(a, true), start.assume(a, false));
        let both = yes.as_ref().and_then(|s| s.assume(b, true));
        let follows = yes.as_ref().is_some_and(|s| entails(s, b, true));
        let never = yes.as_ref().is_some_and(|s| entails(s, b, false));
        let target_if = both.as_ref().map(|s| (s.value(then), against(s, then, p)));
        for case in &cases {
            let [v1, v2, v3] = evaluate(&compiled, case);
            let (t1, t2) = (v1.as_bool(), v2.as_bool());
            prop_assert!(yes.is_some() || t1 != Some(true), "{first} is true for {case:?}");
            prop_assert!(no.is_some() || t1 != Some(false), "{first} is false for {case:?}");
            if t1 == Some(true) {
                prop_assert!(both.is_some() || t2 != Some(true), "{first} and {second} for {case:?}");
                prop_assert!(!follows || t2 == Some(true), "{second} does not follow from {first} for {case:?}");
                prop_assert!(!never || t2 == Some(false), "{second} is not excluded by {first} for {case:?}");
                for t in thresholds(&reason, a) {
                    prop_assert!(t.at.is_finite());
                }
            }
            if let (Some(true), Some(true), Some(x), Some(p), Some((value, found))) = (t1, t2, v3.as_number(), case.numbers[0], target_if) {
                prop_assert!(value.lo <= x && x <= value.hi, "{target} is {x} where {first} and {second}, {case:?}");
                prop_assert!(if x < p { found.below } else if x > p { found.above } else { found.equal },
                    "{target} is {x} against {p}, and was found {found:?} where {first} and {second}, {case:?}");
            }
        }
    }
}

#[test]
fn what_a_reader_sees_is_seen() {
    let sees = |first: &str, second: &str, target: &str| {
        let compiled = together(first, second, target).unwrap();
        let reason = Reason::new(&compiled, variable);
        let [a, b, then, p] = [0, 1, 2, 3].map(|output| compiled.root_of(output));
        let start = State::new(&reason);
        let yes = start.assume(a, true);
        let both = yes.as_ref().and_then(|s| s.assume(b, true));
        let direction = both
            .as_ref()
            .map(|s| against(s, then, p))
            .map(|d| (d.raises(), d.lowers()));
        (
            yes.is_some(),
            both.is_some(),
            yes.is_some_and(|s| entails(&s, b, true)),
            direction,
        )
    };
    let raises = Some((true, false));
    let lowers = Some((false, true));
    // x is in 0…1.
    assert!(!sees("x > 1 && y > 0", "b", "z").0);
    assert!(!sees("x > 0.8 && x < 0.3", "b", "z").0);
    assert!(!sees("x * 2 > 0.8 && b", "x * 2 < 0.8", "z").1);
    assert!(!sees("t == 'a'", "t == 'b' || x > 2", "z").1);
    assert_eq!(sees("x > 0.9 && b", "x > 0.8", "p + 1"), (true, true, true, raises));
    assert!(!sees("x > 0.8", "x > 0.9", "p + 1").2);
    assert_eq!(sees("x > 0.8", "b", "max(scale_to(p, x, 0.6), p + 1)").3, raises);
    assert_eq!(sees("x > 0.8", "b", "scale_to(p, x, 0.6)").3, raises);
    assert_eq!(sees("x < 0.3", "b", "scale_to(p, x, 0.6)").3, lowers);
    assert_eq!(sees("x < 0.3", "b", "min(scale_to(p, y, 0.6), p)").3, lowers);
    assert_eq!(sees("x < 0.3", "b", "p / 2").3, lowers);
    assert_eq!(sees("x < 0.3", "b", "p * (1 - x)").3, lowers);
    assert_eq!(sees("x < 0.3", "b", "max(p - 1, 2)").3, Some((false, false)));
    assert_eq!(sees("b", "p > 2", "max(p - 1, 2)").3, lowers);
    assert_eq!(sees("b", "p < 8", "8").3, raises);
}
