//! Checking of calls.

use super::super::arithmetic::{Fn2, Fn3};
use super::super::ast::{ListId, NodeId, NodeKind};
use super::super::functions::{
    self, Collapse, Function, FunctionKind, Needs, NumberUnit, Reducer, TimeReducer, UnitRule,
};
use super::super::graph::{Compare, GraphId, Input, Op, Place, TextFn};
use super::super::types::{Type, Value};
use super::{Checked, Checker};
use crate::diagnostic::{Span, codes};
use crate::metrics::{Across, Aggregate, Kind, MetricId, Reduce, Test, TextTest, TextTestKind};
use crate::units::Unit;

pub(super) fn reducer_of(function: &'static Function) -> Option<&'static Reducer> {
    match &function.kind {
        FunctionKind::Reducer(reducer) => Some(reducer),
        _ => None,
    }
}

/// `min(a, b)` and `max(a, b)` compare values instead of reducing.
pub(super) fn is_n_ary(reducer: &Reducer, arguments: usize) -> bool {
    arguments >= 2 && matches!(reducer.time, Some(TimeReducer::Plain(Reduce::Min | Reduce::Max)))
}

/// Which argument is reduced.
pub(super) fn subject_position(reducer: &Reducer) -> usize {
    usize::from(matches!(reducer.time, Some(TimeReducer::Quantile)))
}

impl Checker<'_> {
    pub(super) fn call(&mut self, id: NodeId, name: u32, span: Span, args: ListId) -> Checked {
        let name = self.ast.text(name);
        let Some(function) = functions::find(name) else {
            self.unknown_function(name, span);
            return Checked::Error;
        };
        let args: Vec<NodeId> = self.ast.list(args).to_vec();
        match &function.kind {
            FunctionKind::Reducer(reducer) => self.reducer(id, function, reducer, &args),
            FunctionKind::Text(f) => self.text_function(id, function, *f, &args),
            kind => self.plain_function(id, function, *kind, &args),
        }
    }

    fn count_arguments(&mut self, id: NodeId, function: &Function, args: &[NodeId], from: usize, to: usize) -> bool {
        if (from..=to).contains(&args.len()) {
            return true;
        }
        let needs = if from == to {
            from.to_string()
        } else {
            format!("{from} to {to}")
        };
        let plural = if to == 1 { "" } else { "s" };
        let d = self
            .error(
                codes::WRONG_ARGUMENT_COUNT,
                id,
                format!(
                    "`{}` takes {needs} argument{plural}, and {} given",
                    function.name,
                    match args.len() {
                        0 => "none is".to_owned(),
                        1 => "1 is".to_owned(),
                        many => format!("{many} are"),
                    }
                ),
            )
            .help(match function.name {
                "sum" if args.len() > 1 => {
                    let terms: Vec<String> = args.iter().take(4).map(|a| self.text_of(*a)).collect();
                    format!("add values with `+`: `{}`", terms.join(" + "))
                }
                _ => format!("write {}", functions::calls(function)),
            });
        self.report(d);
        false
    }

    /// A number argument that is one value.
    fn number_argument(&mut self, function: &Function, arg: NodeId) -> Option<(GraphId, Type)> {
        let value = self.one(arg)?;
        match self.graph.ty(value) {
            ty @ Type::Number(_) => Some((value, ty)),
            ty => {
                self.wrong_argument(function, arg, "a number", ty);
                None
            }
        }
    }

    fn plain_argument(&mut self, function: &Function, arg: NodeId) -> Option<GraphId> {
        let (value, ty) = self.number_argument(function, arg)?;
        if ty == Type::NUMBER {
            return Some(value);
        }
        let text = self.text_of(arg);
        let unit = ty.unit().unwrap_or_default();
        let per = match unit {
            Unit::BYTES => "1GiB",
            Unit::SECONDS => "1m",
            Unit::PER_SECOND => "1/s",
            Unit::BYTES_PER_SECOND => "1MiB/s",
            _ => "…",
        };
        let d = self
            .error(
                codes::UNIT_MISMATCH,
                arg,
                format!(
                    "`{}` needs a plain number, and `{text}` is {}",
                    function.name,
                    ty.describe()
                ),
            )
            .label(format!("in {unit}"))
            .help(format!("divide by a unit: `{text} / {per}`"));
        self.report(d);
        None
    }

    fn wrong_argument(&mut self, function: &Function, arg: NodeId, needs: &str, is: Type) {
        let text = self.text_of(arg);
        let d = self
            .error(
                codes::WRONG_ARGUMENT,
                arg,
                format!("`{}` needs {needs}, and `{text}` is {}", function.name, is.describe()),
            )
            .label(is.describe())
            .help(format!("write {}", functions::calls(function)));
        self.report(d);
    }

    fn plain_function(
        &mut self,
        id: NodeId,
        function: &'static Function,
        kind: FunctionKind,
        args: &[NodeId],
    ) -> Checked {
        match self.plain_call(id, function, kind, args) {
            Some((op, ty)) => self.make(id, op, ty),
            None => Checked::Error,
        }
    }

    fn plain_call(
        &mut self,
        id: NodeId,
        function: &'static Function,
        kind: FunctionKind,
        args: &[NodeId],
    ) -> Option<(Op, Type)> {
        let (from, to) = match kind {
            FunctionKind::Number(..) | FunctionKind::Defined => (1, 1),
            FunctionKind::Round => (1, 2),
            FunctionKind::Pow | FunctionKind::IfDefined | FunctionKind::Reserve { .. } => (2, 2),
            FunctionKind::Clamp | FunctionKind::ScaleTo => (3, 3),
            FunctionKind::Reducer(_) | FunctionKind::Text(_) => return None,
        };
        if !self.count_arguments(id, function, args, from, to) {
            return None;
        }
        let first = args[0];
        match kind {
            FunctionKind::Number(f, unit) => match unit {
                NumberUnit::Plain => Some((Op::Fn1(f, self.plain_argument(function, first)?), Type::NUMBER)),
                NumberUnit::Same => self.number_argument(function, first).map(|(x, ty)| (Op::Fn1(f, x), ty)),
                NumberUnit::Drops => self
                    .number_argument(function, first)
                    .map(|(x, _)| (Op::Fn1(f, x), Type::NUMBER)),
                NumberUnit::Root => {
                    let (x, ty) = self.number_argument(function, first)?;
                    match ty.unit().and_then(Unit::square_root) {
                        Some(unit) => Some((Op::Fn1(f, x), Type::Number(unit))),
                        None => {
                            let text = self.text_of(first);
                            let d = self
                                .error(
                                    codes::UNIT_OVERFLOW,
                                    first,
                                    format!("the root of `{text}`, {}, has no unit", ty.describe()),
                                )
                                .help("divide by a unit first, e.g. `/ 1MiB`");
                            self.report(d);
                            None
                        }
                    }
                }
            },
            FunctionKind::Round if args.len() == 1 => {
                let x = self.plain_argument(function, first)?;
                Some((Op::Fn1(super::super::arithmetic::Fn1::Round, x), Type::NUMBER))
            }
            FunctionKind::Round => {
                let (x, tx) = self.number_argument(function, first)?;
                let (to, ty) = self.number_argument(function, args[1])?;
                let ty = self.same_unit(id, (first, tx), (args[1], ty), "the arguments of `round`")?;
                Some((Op::Fn2(Fn2::RoundTo, x, to), ty))
            }
            FunctionKind::Pow => {
                let (x, y) = (
                    self.plain_argument(function, first),
                    self.plain_argument(function, args[1]),
                );
                Some((Op::Fn2(Fn2::Pow, x?, y?), Type::NUMBER))
            }
            FunctionKind::Clamp => {
                let x = self.number_argument(function, first);
                let (lo, hi) = (
                    self.number_argument(function, args[1]),
                    self.number_argument(function, args[2]),
                );
                let ((x, tx), (lo, tl), (hi, th)) = (x?, lo?, hi?);
                let ty = self.same_unit(id, (first, tx), (args[1], tl), "the arguments of `clamp`")?;
                let ty = self.same_unit(id, (first, ty), (args[2], th), "the arguments of `clamp`")?;
                Some((Op::Fn3(Fn3::Clamp, x, lo, hi), ty))
            }
            FunctionKind::ScaleTo => {
                let current = self.plain_argument(function, first);
                let (load, target) = (
                    self.number_argument(function, args[1]),
                    self.number_argument(function, args[2]),
                );
                let (current, (load, tl), (target, tt)) = (current?, load?, target?);
                self.same_unit(id, (args[1], tl), (args[2], tt), "load and target of `scale_to`")?;
                Some((Op::Fn3(Fn3::ScaleTo, current, load, target), Type::NUMBER))
            }
            FunctionKind::Reserve { of_usage } => {
                let usage = self.number_argument(function, first);
                let ratio = self.plain_argument(function, args[1]);
                let ((usage, ty), ratio) = (usage?, ratio?);
                let f = if of_usage { Fn2::ReserveOfUsage } else { Fn2::Reserve };
                Some((Op::Fn2(f, usage, ratio), ty))
            }
            FunctionKind::Defined => Some((Op::Defined(self.one(first)?), Type::Bool)),
            FunctionKind::IfDefined => {
                let (x, y) = (self.one(first), self.one(args[1]));
                let (x, y) = (x?, y?);
                let ty = self.same_type(id, first, args[1], "the arguments of `if_defined`")?;
                Some((Op::Else(x, y), ty))
            }
            FunctionKind::Reducer(_) | FunctionKind::Text(_) => None,
        }
    }

    fn text_function(&mut self, id: NodeId, function: &'static Function, f: TextFn, args: &[NodeId]) -> Checked {
        let (from, to) = match f {
            TextFn::Len | TextFn::Lower | TextFn::Upper | TextFn::Trim | TextFn::Number | TextFn::OomKind => (1, 1),
            TextFn::Contains | TextFn::StartsWith | TextFn::EndsWith => (2, 2),
            TextFn::IndexOf | TextFn::LastIndexOf | TextFn::Substring => (2, 3),
        };
        if !self.count_arguments(id, function, args, from, to) {
            return Checked::Error;
        }
        let mut operands = Vec::new();
        for (position, &arg) in args.iter().enumerate() {
            let Some(value) = self.operand(arg) else {
                return Checked::Error;
            };
            let is_text = position == 0 || (position == 1 && f != TextFn::Substring);
            let ty = self.graph.ty(value);
            if is_text && ty != Type::Text {
                self.wrong_argument(function, arg, "a text", ty);
                return Checked::Error;
            }
            if !is_text && ty != Type::NUMBER {
                self.wrong_argument(function, arg, "a plain number", ty);
                return Checked::Error;
            }
            operands.push(value);
        }
        if !self.join_series(id, args) {
            return Checked::Error;
        }
        let ty = match f {
            TextFn::Len | TextFn::Number | TextFn::IndexOf | TextFn::LastIndexOf => Type::NUMBER,
            TextFn::Contains | TextFn::StartsWith | TextFn::EndsWith => Type::Bool,
            TextFn::Lower | TextFn::Upper | TextFn::Trim | TextFn::Substring | TextFn::OomKind => Type::Text,
        };
        // A search for a constant is a test compiled with the rule.
        if let (Type::Bool, Some(Value::Text(part))) = (ty, operands.get(1).and_then(|o| self.graph.constant(*o))) {
            let part: Box<str> = part.into_owned().into();
            let kind = match f {
                TextFn::Contains => TextTestKind::Contains(part),
                TextFn::StartsWith => TextTestKind::StartsWith(part),
                _ => TextTestKind::EndsWith(part),
            };
            let test = self.graph.test(TextTest { kind, negate: false });
            return self.make(id, Op::TextTest(test, operands[0]), Type::Bool);
        }
        let at = |i: usize| operands.get(i).copied().unwrap_or(operands[0]);
        self.make(id, Op::TextFn(f, [at(0), at(1), at(2)], operands.len() as u8), ty)
    }

    // Reducers.

    fn reducer(&mut self, id: NodeId, function: &'static Function, reducer: &Reducer, args: &[NodeId]) -> Checked {
        if is_n_ary(reducer, args.len()) {
            return self.least_or_greatest(id, function, reducer, args);
        }
        let arguments = match reducer.time {
            Some(TimeReducer::Quantile | TimeReducer::Predict | TimeReducer::Ewma) => 2,
            Some(TimeReducer::DoubleExponential) => 3,
            _ => 1,
        };
        if !self.count_arguments(id, function, args, arguments, arguments) {
            return Checked::Error;
        }
        let subject = args[subject_position(reducer)];
        if self.ranges[subject.index()] {
            self.over_time(id, function, reducer, args, subject)
        } else {
            self.over_instances(id, function, reducer, args, subject)
        }
    }

    fn least_or_greatest(
        &mut self,
        id: NodeId,
        function: &'static Function,
        reducer: &Reducer,
        args: &[NodeId],
    ) -> Checked {
        let f = if matches!(reducer.time, Some(TimeReducer::Plain(Reduce::Min))) {
            Fn2::Min
        } else {
            Fn2::Max
        };
        let what = format!("the arguments of `{}`", function.name);
        let mut values = Vec::new();
        for &arg in args {
            values.push(self.number_argument(function, arg).map(|v| (arg, v)));
        }
        let Some(values) = values.into_iter().collect::<Option<Vec<_>>>() else {
            return Checked::Error;
        };
        let (mut at, (mut result, mut ty)) = values[0];
        for &(arg, (value, arg_ty)) in &values[1..] {
            let Some(common) = self.same_unit(id, (at, ty), (arg, arg_ty), &what) else {
                return Checked::Error;
            };
            result = self.graph.add(Op::Fn2(f, result, value), common);
            (at, ty) = (arg, common);
        }
        self.value(id, result)
    }

    /// A constant plain number in a range; an error where it is not.
    fn setting(&mut self, function: &Function, arg: NodeId, lo: f64, hi: f64) -> Option<f64> {
        let value = self.plain_argument(function, arg)?;
        let Some(Value::Number(x)) = self.graph.constant(value) else {
            self.not_constant(arg, value);
            return None;
        };
        if (lo..=hi).contains(&x) {
            return Some(x);
        }
        let text = self.text_of(arg);
        let d = self
            .error(
                codes::CONSTANT_OUT_OF_RANGE,
                arg,
                format!("`{text}` is outside {lo} to {hi}"),
            )
            .label(format!("from {lo} to {hi}"));
        let d = if x > 1.0 && x <= 100.0 && hi == 1.0 && !text.ends_with('%') {
            d.help(format!("write `{text}%`"))
        } else {
            d.help(format!("write a constant between {lo} and {hi}"))
        };
        self.report(d);
        None
    }

    fn time_reduce(&mut self, function: &'static Function, time: TimeReducer, args: &[NodeId]) -> Option<Reduce> {
        Some(match time {
            TimeReducer::Plain(reduce) | TimeReducer::Tested(reduce) => reduce,
            TimeReducer::Quantile => Reduce::Quantile(self.setting(function, args[0], 0.0, 1.0)?),
            TimeReducer::Predict => Reduce::Predict(self.duration(args[1], true)?),
            TimeReducer::Ewma => Reduce::Ewma(self.duration(args[1], false)?),
            TimeReducer::DoubleExponential => {
                let tiny = f64::MIN_POSITIVE;
                let (smoothing, trend) = (
                    self.setting(function, args[1], tiny, 1.0 - f64::EPSILON),
                    self.setting(function, args[2], tiny, 1.0 - f64::EPSILON),
                );
                Reduce::DoubleExponential(smoothing?, trend?)
            }
        })
    }

    fn over_time(
        &mut self,
        id: NodeId,
        function: &'static Function,
        reducer: &Reducer,
        args: &[NodeId],
        subject: NodeId,
    ) -> Checked {
        // The samples themselves, or a test of them.
        let (metric, window, test) = match self.checked[subject.index()] {
            Checked::Series { metric, window, .. } => (metric, window, None),
            Checked::Value(value) => match self.series[subject.index()] {
                Some((metric, window)) => (metric, window, Some(value)),
                // A range was written, but what stands here is one value of it; the inner call reported that.
                None => return Checked::Error,
            },
            _ => return Checked::Error,
        };
        let Some(time) = reducer.time else {
            return Checked::Error;
        };
        let Some(reduce) = self.time_reduce(function, time, args) else {
            return Checked::Error;
        };
        let Some(test) = self.sample_test(function, subject, time, reduce, test) else {
            return Checked::Error;
        };
        if !self.suits_kind(id, function, reducer, metric, subject, reduce, test.is_some()) {
            return Checked::Error;
        }
        let sample = self.sample_type(metric);
        let Some(ty) = self.result_type(id, reducer.unit, sample) else {
            return Checked::Error;
        };
        let aggregate = Aggregate {
            metric,
            window,
            reduce,
            test: test.as_ref().map(|t| t.0.clone()),
        };
        if !self.fits_in_memory(id, function, &aggregate) {
            return Checked::Error;
        }
        let across = match (reducer.collapse, ty) {
            (Collapse::As(across), _) => across,
            (Collapse::Metric, _) => self.scope.catalogue().spec(metric).across,
        };
        let caller = test.and_then(|t| t.1);
        match self.leaf(id, aggregate, caller, across, ty) {
            Some(value) => self.value(id, value),
            None => Checked::Error,
        }
    }

    /// The test of each sample that the call makes: `Some(None)` for none, `None` after an error.
    #[allow(clippy::option_option)] // An error and no test are different things.
    fn sample_test(
        &mut self,
        function: &'static Function,
        subject: NodeId,
        time: TimeReducer,
        reduce: Reduce,
        test: Option<GraphId>,
    ) -> Option<Option<(Test, Option<u32>)>> {
        let takes_test = matches!(time, TimeReducer::Tested(_));
        match test {
            None if takes_test && !matches!(reduce, Reduce::Count | Reduce::Age) => {
                let text = self.text_of(subject);
                let d = self
                    .error(
                        codes::WRONG_ARGUMENT,
                        subject,
                        format!("`{}` needs a test of the samples", function.name),
                    )
                    .label("samples without a test")
                    .help(format!("write `{}({text} > …)`", function.name));
                self.report(d);
                None
            }
            None => Some(None),
            Some(value) if !takes_test || self.graph.ty(value) != Type::Bool => {
                let ty = self.graph.ty(value);
                let text = self.text_of(subject);
                let d = if ty == Type::Bool {
                    self.error(
                        codes::WRONG_ARGUMENT,
                        subject,
                        format!("`{}` needs samples, and `{text}` is a test of them", function.name),
                    )
                    .label("a test")
                    .help(format!("count the samples that pass: `share({text})`, `count({text})`"))
                } else {
                    self.error(
                        codes::SAMPLE_TEST_TOO_COMPLEX,
                        subject,
                        format!("`{text}` computes with the samples of a window"),
                    )
                    .label("samples can be compared, not computed with")
                    .help("reduce over time first, then compute")
                };
                self.report(d);
                None
            }
            Some(value) => Some(Some(self.compiled_test(value))),
        }
    }

    /// A comparison with a constant, or a compiled test of a text, is made by the store; everything else by the language.
    fn compiled_test(&mut self, value: GraphId) -> (Test, Option<u32>) {
        let (inner, negate) = match self.graph.node(value).op {
            Op::Not(inner) => (inner, true),
            _ => (value, false),
        };
        let is_sample = |c: &Self, id: GraphId| matches!(c.graph.node(id).op, Op::SampleLeaf(..));
        let number = |c: &Self, id: GraphId| c.graph.constant(id).and_then(|v| v.as_number());
        match self.graph.node(inner).op {
            Op::Compare(compare, a, b) if is_sample(self, a) && number(self, b).is_some() => {
                let c = number(self, b).unwrap_or_default();
                let (lo, hi) = match compare {
                    Compare::Less => (f64::NEG_INFINITY, c.next_down()),
                    Compare::LessEqual => (f64::NEG_INFINITY, c),
                    Compare::Equal => (c, c),
                };
                (Test::Within { lo, hi, negate }, None)
            }
            Op::Compare(compare, a, b) if is_sample(self, b) && number(self, a).is_some() => {
                let c = number(self, a).unwrap_or_default();
                let (lo, hi) = match compare {
                    Compare::Less => (c.next_up(), f64::INFINITY),
                    Compare::LessEqual => (c, f64::INFINITY),
                    Compare::Equal => (c, c),
                };
                (Test::Within { lo, hi, negate }, None)
            }
            Op::TextTest(test, a) if is_sample(self, a) => {
                let mut test = self.graph.tests[test as usize].clone();
                test.negate ^= negate;
                (Test::Text(test), None)
            }
            _ => (Test::Caller, Some(self.graph.caller_test(value))),
        }
    }

    /// Whether the function suits gauges, counters and events.
    #[allow(clippy::too_many_arguments)] // One question about one call, in its parts.
    fn suits_kind(
        &mut self,
        id: NodeId,
        function: &Function,
        reducer: &Reducer,
        metric: MetricId,
        subject: NodeId,
        reduce: Reduce,
        tested: bool,
    ) -> bool {
        let spec = self.scope.catalogue().spec(metric);
        let name = spec.name.clone();
        let text = self.text_of(subject);
        match (spec.kind, reducer.needs) {
            (Kind::Event, needs) if needs != Needs::Anything => {
                let d = self
                    .error(
                        codes::EVENT_AS_NUMBER,
                        id,
                        format!("`{}` needs numbers, and `{name}` holds texts", function.name),
                    )
                    .label("texts")
                    .help(format!(
                        "count them: `count({text})`, `any({text} =~ 'OutOfMemoryError')`"
                    ));
                self.report(d);
                false
            }
            (Kind::Gauge, Needs::Counter) => {
                let d = self
                    .error(
                        codes::NEEDS_COUNTER,
                        id,
                        format!("`{}` needs a counter, and `{name}` is a gauge", function.name),
                    )
                    .label("a gauge")
                    .help(format!(
                        "write `delta({text})` or `slope({text})`, or declare the metric as a counter"
                    ));
                self.report(d);
                false
            }
            (Kind::Counter, Needs::Gauge) if !tested && reduce != Reduce::Last => {
                let d = self
                    .error(
                        codes::COUNTER_AS_GAUGE,
                        id,
                        format!("`{name}` counts since the start of its process"),
                    )
                    .label("the values of a counter")
                    .help(format!("write `rate({text})` or `increase({text})`"));
                self.report(d);
                true
            }
            _ => true,
        }
    }

    fn fits_in_memory(&mut self, id: NodeId, function: &Function, aggregate: &Aggregate) -> bool {
        use crate::metrics::{MAX_RAW_ROWS, RowsNeeded, rows_needed};
        let spec = self.scope.catalogue().spec(aggregate.metric);
        let constant_test = match aggregate.test {
            Some(Test::Caller) => false,
            Some(_) => aggregate.reduce != Reduce::Age,
            None => true,
        };
        match rows_needed(spec, &aggregate.window, aggregate.reduce, constant_test) {
            RowsNeeded::Raw(rows) if rows > MAX_RAW_ROWS => {
                let d = self
                    .error(
                        codes::WINDOW_TOO_LONG,
                        id,
                        format!("`{}` needs {rows} samples of each instance in memory; at most {MAX_RAW_ROWS} are kept", function.name),
                    )
                    .help("shorten the window, or use avg, min, max, sum, count, stddev or increase, which long windows keep in parts");
                self.report(d);
                false
            }
            _ => true,
        }
    }

    fn result_type(&mut self, id: NodeId, rule: UnitRule, sample: Type) -> Option<Type> {
        let unit = sample.unit().unwrap_or_default();
        let ty = match rule {
            UnitRule::Same => Some(sample),
            UnitRule::Squared => unit.multiply(unit).map(Type::Number),
            UnitRule::PerSecond => unit.divide(Unit::SECONDS).map(Type::Number),
            UnitRule::Plain => Some(Type::NUMBER),
            UnitRule::Seconds => Some(Type::Number(Unit::SECONDS)),
            UnitRule::Truth => Some(Type::Bool),
        };
        if ty.is_none() {
            let d = self.error(
                codes::UNIT_OVERFLOW,
                id,
                format!("the unit of `{}` has no meaning", self.text_of(id)),
            );
            self.report(d);
        }
        ty
    }

    fn over_instances(
        &mut self,
        id: NodeId,
        function: &'static Function,
        reducer: &Reducer,
        args: &[NodeId],
        subject: NodeId,
    ) -> Checked {
        let Some(across) = reducer.instances else {
            self.needs_window(id, function, reducer, subject);
            return Checked::Error;
        };
        if matches!(reducer.time, Some(TimeReducer::Quantile)) && self.ranges[args[0].index()] {
            let (range, share) = (self.text_of(args[0]), self.text_of(args[1]));
            let d = self
                .error(
                    codes::WRONG_ARGUMENT,
                    id,
                    "the share comes first, then what it is of".to_owned(),
                )
                .label("arguments in the wrong order")
                .help(format!("write `{}({share}, {range})`", function.name));
            self.report(d);
            return Checked::Error;
        }
        let across = match across {
            Across::Quantile(_) if args.len() == 2 => match self.setting(function, args[0], 0.0, 1.0) {
                Some(q) => Across::Quantile(q),
                None => return Checked::Error,
            },
            across => across,
        };
        // `count(exceptions)`: texts have no instances to count.
        let Some(value) = self.operand(subject) else {
            return Checked::Error;
        };
        let node = *self.graph.node(value);
        let text = self.text_of(subject);
        if node.place == Place::Task {
            let help = match (reducer.time, self.ast.node(subject).kind) {
                (_, NodeKind::Call(inner, ..))
                    if functions::find(self.ast.text(inner)).and_then(reducer_of).is_some() =>
                {
                    format!("`{text}` is one value already: leave `{}` out", function.name)
                }
                (Some(TimeReducer::Plain(Reduce::Min | Reduce::Max)), _) => {
                    format!(
                        "`{text}` is one value already; to compare values write `{}(a, b)`",
                        function.name
                    )
                }
                _ => format!("`{text}` is one value already"),
            };
            let d = self
                .error(
                    codes::NOTHING_TO_REDUCE,
                    id,
                    format!("`{}` reduces a window or the instances of a metric", function.name),
                )
                .label("one value")
                .help(help);
            self.report(d);
            return Checked::Error;
        }
        let truth = matches!(across, Across::All | Across::Any | Across::Share);
        match node.ty {
            Type::Text => {
                let needs = if truth { "a condition" } else { "numbers" };
                let help = if !matches!(self.checked[subject.index()], Checked::Value(_))
                    || matches!(self.ast.node(subject).kind, NodeKind::Name(_))
                {
                    format!("ask over a window: `count({text}[10m])`, `any({text}[10m] =~ 'OutOfMemoryError')`")
                } else {
                    format!("match it: `any({text} =~ 'OutOfMemoryError')`")
                };
                let d = self
                    .error(
                        codes::EVENT_AS_NUMBER,
                        subject,
                        format!("`{}` needs {needs}, and `{text}` is a text", function.name),
                    )
                    .label("texts")
                    .help(help);
                self.report(d);
                return Checked::Error;
            }
            Type::Bool if !truth && across != Across::Count => {
                let d = self
                    .error(
                        codes::WRONG_ARGUMENT,
                        subject,
                        format!(
                            "`{}` needs numbers, and `{text}` is a condition of each instance",
                            function.name
                        ),
                    )
                    .label("true or false for each instance")
                    .help(format!(
                        "ask for how many it holds: `share({text})`, `count({text})`, `all({text})`"
                    ));
                self.report(d);
                return Checked::Error;
            }
            Type::Number(_) if truth => {
                let d = self
                    .error(
                        codes::WRONG_ARGUMENT,
                        subject,
                        format!(
                            "`{}` needs a condition, and `{text}` is {}",
                            function.name,
                            node.ty.describe()
                        ),
                    )
                    .label("not true or false")
                    .help(format!("write `{}({text} > …)`", function.name));
                self.report(d);
                return Checked::Error;
            }
            _ => {}
        }
        // The number of instances for which a condition is true is the sum of its truth values.
        let across = if across == Across::Count && node.ty == Type::Bool {
            Across::Sum
        } else {
            across
        };
        let sample = if node.ty == Type::Bool { Type::NUMBER } else { node.ty };
        let Some(ty) = self.result_type(id, reducer.unit, sample) else {
            return Checked::Error;
        };
        let input = match node.op {
            Op::InstanceLeaf(aggregate, test) => {
                let test = test.map(|index| self.graph.caller_tests[index as usize].clone());
                Input::Reduced {
                    aggregate,
                    across,
                    test,
                }
            }
            _ => Input::EachInstance {
                body: self.graph.body(value),
                across,
            },
        };
        let value = self.graph.input(input, ty);
        self.value(id, value)
    }

    fn needs_window(&mut self, id: NodeId, function: &Function, reducer: &Reducer, subject: NodeId) {
        if matches!(self.checked[subject.index()], Checked::Error) {
            return;
        }
        let text = self.text_of(subject);
        // What the function would take if it stood inside.
        let range = match self.ast.node(subject).kind {
            NodeKind::Call(_, _, args) => self
                .ast
                .list(args)
                .iter()
                .find(|a| self.ranges[a.index()])
                .map(|a| self.text_of(*a)),
            _ => None,
        };
        let summed = match self.ast.node(subject).kind {
            NodeKind::Call(name, _, args) => {
                let inner = functions::find(self.ast.text(name)).and_then(reducer_of);
                let over_instances = inner.is_some_and(|r| r.instances.is_some());
                self.ast
                    .list(args)
                    .first()
                    .filter(|_| over_instances)
                    .map(|arg| (self.ast.text(name), self.text_of(*arg)))
            }
            _ => None,
        };
        let range_of_sum = |inner: &str| range.clone().unwrap_or_else(|| format!("{inner}[5m]"));
        let d = match (&summed, reducer.needs) {
            (Some((outer, inner)), Needs::Counter) => self
                .error(
                    codes::RATE_OF_SUM,
                    id,
                    format!("`{}` of a value over all instances", function.name),
                )
                .label("falls when one instance restarts")
                .help(format!(
                    "`{}` of each instance first: `{outer}({}({}))`",
                    function.name,
                    function.name,
                    range_of_sum(inner)
                )),
            _ => self
                .error(
                    codes::NEEDS_SAMPLES,
                    id,
                    format!("`{}` needs a window, and `{text}` is one value", function.name),
                )
                .label("one value")
                .help(match (self.checked[subject.index()], range) {
                    (Checked::Series { .. }, _) => {
                        format!(
                            "write {}",
                            functions::calls(function).replace("range", &format!("{text}[5m]"))
                        )
                    }
                    (_, Some(range)) => format!("write {}", functions::calls(function).replace("range", &range)),
                    _ => format!(
                        "write {}, where the range is a metric with a window, such as `cpu[5m]`",
                        functions::calls(function)
                    ),
                }),
        };
        // That a counter's value is odd is the same mistake.
        let span = self.ast.node(id).span;
        self.diagnostics
            .retain(|d| d.code != codes::COUNTER_AS_GAUGE || d.source.is_some() || d.span.to(span) != span);
        self.report(d);
    }
}
