//! Other expression engines for Rust, each as its documentation says that it is used where speed counts: compiled once, its variables set anew for
//! every evaluation, by name where it knows no other way.

// A peer that does not compile or evaluate its expression has nothing to be compared.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use dras_benches::language::{E4, Example, bind, compile_e4, e4};
use fasteval::{Compiler, Evaler};

/// An engine with an expression: evaluates all rows, and writes what comes out (1 and 0 for truth values).
pub struct Peer {
    /// The engine, and how its variables are set.
    pub name: &'static str,
    /// Evaluates all rows.
    pub run: Box<dyn FnMut(&mut [f64])>,
}

impl Peer {
    fn new(name: &'static str, mut evaluate: impl FnMut(usize) -> f64 + 'static) -> Peer {
        Peer {
            name,
            run: Box::new(move |into| {
                for (row, out) in into.iter_mut().enumerate() {
                    *out = evaluate(row);
                }
            }),
        }
    }
}

/// A value of an engine as a number.
pub trait Number {
    /// 1 and 0 for truth values.
    fn number(self) -> f64;
}

impl Number for bool {
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

impl Number for f64 {
    fn number(self) -> f64 {
        self
    }
}

/// The expression written by hand, dras, and the peers, over the same rows.
pub fn over_numbers<const N: usize, T>(example: &Example<N, T>) -> Vec<Peer>
where
    T: Number + Default + Clone + 'static,
{
    let rows: Arc<[[f64; N]]> = example.rows().into();
    let mut peers = vec![
        native(example, Arc::clone(&rows)),
        dras(example, Arc::clone(&rows)),
        fasteval_map(example, Arc::clone(&rows)),
        fasteval_callback(example, Arc::clone(&rows)),
    ];
    #[cfg(feature = "unsafe-vars")]
    peers.push(fasteval_pointers(example, Arc::clone(&rows)));
    peers.extend([
        rhai(example, Arc::clone(&rows)),
        cel(example, Arc::clone(&rows)),
        zen(example, rows),
    ]);
    peers
}

fn native<const N: usize, T: Number + 'static>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let written: fn(&[f64; N]) -> T = black_box(example.native);
    Peer::new("written by hand", move |row| written(&rows[row]).number())
}

fn dras<const N: usize, T: Default + Clone>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let (rule, ids) = example.compile();
    let is_condition = rule.ty() == dras_core::lang::Type::Bool;
    let mut space = rule.row();
    if is_condition {
        Peer::new("dras", move |row| {
            bind(&mut space, &ids, &rows[row]);
            (rule.condition(&mut space) == Ok(true)).number()
        })
    } else {
        Peer::new("dras", move |row| {
            bind(&mut space, &ids, &rows[row]);
            rule.number(&mut space).unwrap_or(f64::NAN)
        })
    }
}

/// A compiled expression of fasteval, with the slab that it lives in.
fn fasteval_compiled(source: &str, mut slab: fasteval::Slab) -> (fasteval::Instruction, fasteval::Slab) {
    let compiled = fasteval::Parser::new()
        .parse(source, &mut slab.ps)
        .expect("fasteval knows all of it")
        .from(&slab.ps)
        .compile(&slab.ps, &mut slab.cs);
    (compiled, slab)
}

/// Truth values are 1 and 0 there, too.
fn fasteval_map<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let names = example.variables;
    let (compiled, slab) = fasteval_compiled(example.source, fasteval::Slab::new());
    let mut map: BTreeMap<String, f64> = names.map(|name| (name.to_owned(), 0.0)).into();
    Peer::new("fasteval, map", move |row| {
        for (name, value) in names.iter().zip(rows[row]) {
            *map.get_mut(*name).unwrap() = value;
        }
        compiled.eval(&slab, &mut map).unwrap()
    })
}

fn fasteval_callback<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let names = example.variables;
    let (compiled, slab) = fasteval_compiled(example.source, fasteval::Slab::new());
    Peer::new("fasteval, callback", move |row| {
        let values = &rows[row];
        let mut find = |name: &str, _: Vec<f64>| names.iter().position(|known| *known == name).map(|at| values[at]);
        compiled.eval(&slab, &mut find).unwrap()
    })
}

#[cfg(feature = "unsafe-vars")]
fn fasteval_pointers<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    use std::cell::Cell;
    // Never freed, so that the pointers that fasteval keeps stay good.
    let places: &'static [Cell<f64>; N] = Box::leak(Box::new([const { Cell::new(0.0) }; N]));
    let mut slab = fasteval::Slab::new();
    for (name, place) in example.variables.iter().zip(places) {
        // SAFETY: the place lives as long as the program.
        unsafe { slab.ps.add_unsafe_var((*name).to_owned(), &*place.as_ptr()) };
    }
    let (compiled, slab) = fasteval_compiled(example.source, slab);
    Peer::new("fasteval, unsafe pointers", move |row| {
        for (place, value) in places.iter().zip(rows[row]) {
            place.set(value);
        }
        compiled.eval(&slab, &mut fasteval::EmptyNamespace).unwrap()
    })
}

fn rhai<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let names = example.variables;
    let mut engine = rhai::Engine::new();
    engine.register_fn("ceil", |x: f64| x.ceil());
    let ast = engine.compile_expression(example.source).unwrap();
    let mut scope = rhai::Scope::new();
    for name in names {
        scope.push(name, 0.0);
    }
    Peer::new("rhai", move |row| {
        for (name, value) in names.iter().zip(rows[row]) {
            scope.set_value(*name, value);
        }
        let value = engine.eval_ast_with_scope::<rhai::Dynamic>(&mut scope, &ast).unwrap();
        value
            .as_bool()
            .map_or_else(|_| value.as_float().unwrap(), Number::number)
    })
}

fn cel<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    let names = example.variables;
    let env = Arc::new(cel::Env::stdlib());
    let program = env.compile(&with_decimal_points(example.source)).unwrap();
    let mut context = cel::Context::with_env(env);
    context.add_function("ceil", |x: f64| x.ceil()).unwrap();
    Peer::new("cel", move |row| {
        for (name, value) in names.iter().zip(rows[row]) {
            context.add_variable_from_value(*name, value);
        }
        cel_number(&program.execute(&context).unwrap())
    })
}

fn cel_number(value: &cel::Value) -> f64 {
    match value {
        cel::Value::Bool(b) => b.number(),
        cel::Value::Float(x) => *x,
        _ => f64::NAN,
    }
}

/// CEL adds no whole number to a fraction.
fn with_decimal_points(source: &str) -> String {
    let mut out = String::new();
    for word in source.split_inclusive([' ', '(', ')']) {
        let digits = word.trim_end_matches([' ', '(', ')']);
        out.push_str(digits);
        if digits.parse::<u64>().is_ok() {
            out.push_str(".0");
        }
        out.push_str(&word[digits.len()..]);
    }
    out
}

fn zen<const N: usize, T>(example: &Example<N, T>, rows: Arc<[[f64; N]]>) -> Peer {
    use rust_decimal::Decimal;
    use zen_expression::Variable;
    let names = example.variables.map(Variable::key);
    let compiled = zen_expression::compile_expression(&with_words(example.source)).unwrap();
    let context = Variable::empty_object();
    let object = context.as_object().unwrap();
    let mut vm = zen_expression::vm::VM::new();
    Peer::new("zen-expression", move |row| {
        let mut map = object.borrow_mut();
        for (name, value) in names.iter().zip(rows[row]) {
            map.insert(name.clone(), Variable::Number(Decimal::try_from(value).unwrap()));
        }
        drop(map);
        zen_number(&compiled.evaluate_with(context.clone(), &mut vm).unwrap())
    })
}

fn zen_number(value: &zen_expression::Variable) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    match value {
        zen_expression::Variable::Bool(b) => b.number(),
        zen_expression::Variable::Number(x) => x.to_f64().unwrap(),
        _ => f64::NAN,
    }
}

fn with_words(source: &str) -> String {
    source.replace("&&", "and").replace("||", "or")
}

/// [`E4`]: two texts are looked for in exceptions. fasteval has no texts.
pub fn over_texts(texts: Vec<String>) -> Vec<Peer> {
    let texts: &'static [String] = texts.leak();
    let written: fn(&str) -> bool = black_box(e4);
    let needles = ["OutOfMemoryError", "GC overhead"];

    // The expression borrows nothing of this function, and the row borrows the texts.
    let (rule, exception) = compile_e4();
    let mut row = rule.row();
    let dras = Peer::new("dras", move |at| {
        row.set_text(exception, &texts[at]);
        (rule.condition(&mut row) == Ok(true)).number()
    });
    debug_assert!(needles.iter().all(|needle| E4.contains(needle)));

    let engine = rhai::Engine::new();
    let source = needles
        .map(|needle| format!("exception.contains(\"{needle}\")"))
        .join(" || ");
    let ast = engine.compile_expression(&source).unwrap();
    let mut scope = rhai::Scope::new();
    scope.push("exception", rhai::ImmutableString::new());
    let rhai = Peer::new("rhai", move |at| {
        scope.set_value("exception", rhai::ImmutableString::from(texts[at].as_str()));
        engine.eval_ast_with_scope::<bool>(&mut scope, &ast).unwrap().number()
    });

    let env = Arc::new(cel::Env::stdlib());
    let program = env.compile(&source).unwrap();
    let mut context = cel::Context::with_env(env);
    let cel = Peer::new("cel", move |at| {
        context.add_variable_from_value("exception", texts[at].as_str());
        cel_number(&program.execute(&context).unwrap())
    });

    use zen_expression::Variable;
    let source = needles
        .map(|needle| format!("contains(exception, '{needle}')"))
        .join(" or ");
    let compiled = zen_expression::compile_expression(&source).unwrap();
    let name = Variable::key("exception");
    let context_of_zen = Variable::empty_object();
    let object = context_of_zen.as_object().unwrap();
    let mut vm = zen_expression::vm::VM::new();
    let zen = Peer::new("zen-expression", move |at| {
        object
            .borrow_mut()
            .insert(name.clone(), Variable::String(texts[at].as_str().into()));
        zen_number(&compiled.evaluate_with(context_of_zen.clone(), &mut vm).unwrap())
    });

    let native = Peer::new("written by hand", move |at| written(&texts[at]).number());
    vec![native, dras, rhai, cel, zen]
}
