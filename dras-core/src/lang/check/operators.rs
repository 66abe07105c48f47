//! Checking of operators.

use regex::RegexBuilder;

use super::super::arithmetic::{Fn1, Fn2};
use super::super::ast::{BinaryOp, NodeId, NodeKind, UnaryOp};
use super::super::format::symbol;
use super::super::graph::{Compare, GraphId, Input, Op, Place};
use super::super::types::{Type, Value};
use super::{Checked, Checker, is_comparison};
use crate::diagnostic::codes;
use crate::metrics::{Reduce, TextTest, TextTestKind};
use crate::units::{DATA_UNITS, TIME_UNITS, Unit, display_quantity};

/// What a small compiled regular expression is counted as, in bytes.
const SMALL_REGEX: usize = 16 * 1024;

impl Checker<'_> {
    pub(super) fn unary(&mut self, id: NodeId, op: UnaryOp, a: NodeId) -> Checked {
        match op {
            UnaryOp::Minus => match self.numbers(id, [a], "`-`") {
                Some([(value, ty)]) => self.make(id, Op::Fn1(Fn1::Negate, value), ty),
                None => Checked::Error,
            },
            UnaryOp::Not => match self.operand(a) {
                Some(value) if self.condition(a, "`!`") && self.join_series(id, &[a]) => {
                    self.make(id, Op::Not(value), Type::Bool)
                }
                _ => Checked::Error,
            },
        }
    }

    pub(super) fn binary(&mut self, id: NodeId, op: BinaryOp, a: NodeId, b: NodeId) -> Checked {
        match op {
            BinaryOp::Add => self.sum(id, Fn2::Add, a, b),
            BinaryOp::Subtract => self.sum(id, Fn2::Subtract, a, b),
            BinaryOp::Remainder => self.sum(id, Fn2::Remainder, a, b),
            BinaryOp::Multiply => self.product(id, Fn2::Multiply, a, b),
            BinaryOp::Divide => self.product(id, Fn2::Divide, a, b),
            BinaryOp::And | BinaryOp::Or => self.logic(id, op, a, b),
            BinaryOp::Else => self.otherwise(id, a, b),
            BinaryOp::Matches => self.matches(id, a, b, false),
            BinaryOp::MatchesNot => self.matches(id, a, b, true),
            BinaryOp::In => self.is_in(id, a, b),
            BinaryOp::Equal => self.compare(id, op, a, b),
            BinaryOp::NotEqual | BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                self.compare(id, op, a, b)
            }
        }
    }

    /// A number that is one value: not a text, not a truth value.
    fn number(&mut self, operand: NodeId, what: &str) -> Option<(GraphId, Type)> {
        let value = self.operand(operand)?;
        match self.graph.ty(value) {
            ty @ Type::Number(_) => Some((value, ty)),
            ty => {
                let text = self.text_of(operand);
                let d = self
                    .error(
                        codes::TYPE_MISMATCH,
                        operand,
                        format!("{what} needs numbers, and `{text}` is {}", ty.describe()),
                    )
                    .label(ty.describe());
                let d = match (ty, self.ast.node(operand).kind) {
                    (Type::Text, NodeKind::Text(_)) => {
                        d.help("texts are compared and matched, never joined or computed with")
                    }
                    (Type::Text, _) => d.help(format!("if the text says a number: `number({text})`")),
                    _ => d.help(format!("to count a condition: `({text} ? 1 : 0)`")),
                };
                self.report(d);
                None
            }
        }
    }

    /// Numbers that are one value each: not samples, not texts. All are looked at, so that all mistakes are reported.
    fn numbers<const N: usize>(
        &mut self,
        id: NodeId,
        operands: [NodeId; N],
        what: &str,
    ) -> Option<[(GraphId, Type); N]> {
        let values = operands.map(|operand| self.operand(operand));
        let is_sample =
            |c: &Self, value: Option<GraphId>| value.is_some_and(|v| c.graph.node(v).place == Place::Sample);
        let samples: Vec<String> = operands
            .iter()
            .zip(values)
            .filter(|(_, value)| is_sample(self, *value))
            .map(|(operand, _)| format!("`avg({})`", self.text_of(*operand)))
            .collect();
        if !samples.is_empty() {
            let text = self.text_of(id);
            let d = self
                .error(
                    codes::SAMPLE_TEST_TOO_COMPLEX,
                    id,
                    format!("`{text}` computes with the samples of a window"),
                )
                .label("samples can be compared, not computed with")
                .help(format!("reduce over time first: {}", samples.join(" and ")));
            self.report(d);
            return None;
        }
        let numbers = operands.map(|operand| self.number(operand, what));
        let first = *numbers.iter().flatten().next()?;
        let complete = numbers.iter().all(Option::is_some);
        complete.then(|| numbers.map(|number| number.unwrap_or(first)))
    }

    fn sum(&mut self, id: NodeId, f: Fn2, a: NodeId, b: NodeId) -> Checked {
        let sign = match f {
            Fn2::Add => "`+`",
            Fn2::Subtract => "`-`",
            _ => "`%`",
        };
        let Some([(x, tx), (y, ty)]) = self.numbers(id, [a, b], sign) else {
            return Checked::Error;
        };
        let Some(ty) = self.same_unit(id, (a, tx), (b, ty), &format!("both sides of {sign}")) else {
            return Checked::Error;
        };
        self.divided(id, f, y);
        self.make(id, Op::Fn2(f, x, y), ty)
    }

    fn product(&mut self, id: NodeId, f: Fn2, a: NodeId, b: NodeId) -> Checked {
        let sign = if f == Fn2::Multiply { "`*`" } else { "`/`" };
        let Some([(x, tx), (y, ty)]) = self.numbers(id, [a, b], sign) else {
            return Checked::Error;
        };
        let (ux, uy) = (tx.unit().unwrap_or_default(), ty.unit().unwrap_or_default());
        let unit = if f == Fn2::Multiply {
            ux.multiply(uy)
        } else {
            ux.divide(uy)
        };
        match unit {
            Some(unit) => {
                self.divided(id, f, y);
                self.make(id, Op::Fn2(f, x, y), Type::Number(unit))
            }
            None => {
                let d = self.error(
                    codes::UNIT_OVERFLOW,
                    id,
                    format!("the unit of `{}` has no meaning", self.text_of(id)),
                );
                self.report(d.help("the exponents of time or data grew beyond 127"));
                Checked::Error
            }
        }
    }

    /// Warns of a division by a constant zero; [`make`](Self::make) does where both operands are constants.
    fn divided(&mut self, id: NodeId, f: Fn2, by: GraphId) {
        let zero = self.graph.constant(by).and_then(|v| v.as_number()) == Some(0.0);
        if matches!(f, Fn2::Divide | Fn2::Remainder) && zero && !self.is_constant_operation(id) {
            let text = self.text_of(id);
            let d = self.error(
                codes::ALWAYS_UNDEFINED,
                id,
                format!("`{text}` is undefined, whatever is measured"),
            );
            self.report(d.label("divided by zero").help("a division by zero has no value"));
        }
    }

    /// Whether both operands are constants.
    fn is_constant_operation(&self, id: NodeId) -> bool {
        let NodeKind::Binary(_, a, b) = self.ast.node(id).kind else {
            return false;
        };
        let constant = |id: NodeId| self.values[id.index()].is_some_and(|v| self.graph.constant(v).is_some());
        constant(a) && constant(b)
    }

    /// The common type of two numbers, or an error that names both units. A literal `0` has every unit.
    pub(super) fn same_unit(&mut self, id: NodeId, a: (NodeId, Type), b: (NodeId, Type), what: &str) -> Option<Type> {
        if a.1 == b.1 || self.is_literal_zero(b.0) {
            return Some(a.1);
        }
        if self.is_literal_zero(a.0) {
            return Some(b.1);
        }
        let (ua, ub) = (a.1.unit().unwrap_or_default(), b.1.unit().unwrap_or_default());
        let (ta, tb) = (self.text_of(a.0), self.text_of(b.0));
        let without_unit = |c: &Self, id: NodeId, unit: Unit| unit.is_number() && c.literal(id).is_some();
        if without_unit(self, a.0, ua) || without_unit(self, b.0, ub) {
            // The literal, and what it stands beside.
            let (at, literal, other, unit) = if without_unit(self, b.0, ub) {
                (b.0, &tb, &ta, ua)
            } else {
                (a.0, &ta, &tb, ub)
            };
            let d = self
                .error(
                    codes::UNIT_MISSING,
                    at,
                    format!(
                        "{what} need one unit: `{ta}` is {}, `{tb}` is {}",
                        ua.describe(),
                        ub.describe()
                    ),
                )
                .label("without a unit");
            let help = if literal.ends_with('%') {
                format!("say a share of what: `{literal} * …`, or compare a ratio: `{other} / … > {literal}`")
            } else {
                with_units(literal, unit).unwrap_or_else(|| format!("write it in {unit}"))
            };
            self.report(d.help(help));
            return None;
        }
        let d = self
            .error(
                codes::UNIT_MISMATCH,
                id,
                format!(
                    "{what} need one unit: `{ta}` is {}, `{tb}` is {}",
                    ua.describe(),
                    ub.describe()
                ),
            )
            .label(format!("{ua} and {ub}"));
        // Where one of them is a literal, it probably has the wrong suffix.
        let rewritten = match (self.literal(b.0), self.literal(a.0)) {
            (Some(digits), _) => with_units(&digits, ua),
            (None, Some(digits)) => with_units(&digits, ub),
            (None, None) => None,
        };
        let help = rewritten.unwrap_or_else(|| match (ua.is_number(), ub.is_number()) {
            (true, false) => format!("give `{ta}` a unit, or divide `{tb}` by one, e.g. `/ 1s` or `/ 1MiB`"),
            (false, true) => format!("give `{tb}` a unit, or divide `{ta}` by one, e.g. `/ 1s` or `/ 1MiB`"),
            _ => "these are different quantities: compare or add quantities of one kind, or their ratios".to_owned(),
        });
        self.report(d.help(help));
        None
    }

    /// What to write where a literal lacks this unit.
    pub(super) fn with_unit(&self, id: NodeId, unit: Unit) -> Option<String> {
        with_units(&self.literal(id)?, unit)
    }

    /// The digits of a literal number, with its sign, without its unit.
    pub(super) fn literal(&self, id: NodeId) -> Option<String> {
        match self.ast.node(id).kind {
            NodeKind::Number(_, unit) => {
                let text = self.text_of(id);
                let suffix = |c: char| c.is_ascii_alphabetic() && !unit.is_number();
                let digits = text.split_once(suffix).map_or(&*text, |parts| parts.0);
                Some(digits.split('/').next().unwrap_or(digits).to_owned())
            }
            NodeKind::Unary(UnaryOp::Minus, inner) => {
                matches!(self.ast.node(inner).kind, NodeKind::Number(..)).then_some(())?;
                Some(format!("-{}", self.literal(inner)?))
            }
            _ => None,
        }
    }

    /// Whether `id` is a truth value; an error where it is not.
    pub(super) fn condition(&mut self, id: NodeId, what: &str) -> bool {
        let Some(value) = self.operand(id) else { return false };
        let ty = self.graph.ty(value);
        if ty == Type::Bool {
            return true;
        }
        let text = self.text_of(id);
        if self.graph.node(value).place == Place::Sample {
            let operator = if ty == Type::Text { "=~" } else { ">" };
            let d = self
                .error(
                    codes::NOT_A_CONDITION,
                    id,
                    format!("{what} needs a condition, and `{text}` is many samples"),
                )
                .label("many samples")
                .help(format!(
                    "test the samples: `all({text} {operator} …)`, `any({text} {operator} …)`"
                ));
            self.report(d);
            return false;
        }
        let help = self.as_condition(id, ty);
        let d = self
            .error(
                codes::NOT_A_CONDITION,
                id,
                format!("{what} needs a condition, and `{text}` is {}", ty.describe()),
            )
            .label("not true or false")
            .help(help);
        self.report(d);
        false
    }

    fn logic(&mut self, id: NodeId, op: BinaryOp, a: NodeId, b: NodeId) -> Checked {
        let sign = if op == BinaryOp::And { "`&&`" } else { "`||`" };
        let (left, right) = (self.operand(a), self.operand(b));
        // A side with an error of its own does not hide the other's.
        let (ok_a, ok_b) = (
            left.is_some() && self.condition(a, sign),
            right.is_some() && self.condition(b, sign),
        );
        let (Some(x), Some(y), true, true) = (left, right, ok_a, ok_b) else {
            return Checked::Error;
        };
        if !self.join_series(id, &[a, b]) {
            return Checked::Error;
        }
        let op = if op == BinaryOp::And {
            Op::And(x, y)
        } else {
            Op::Or(x, y)
        };
        self.make(id, op, Type::Bool)
    }

    fn otherwise(&mut self, id: NodeId, a: NodeId, b: NodeId) -> Checked {
        let (x, y) = (self.one(a), self.one(b));
        let (Some(x), Some(y)) = (x, y) else {
            return Checked::Error;
        };
        let Some(ty) = self.same_type(id, a, b, "both sides of `??`") else {
            return Checked::Error;
        };
        self.make(id, Op::Else(x, y), ty)
    }

    /// The common type of two values, or an error that names both.
    pub(super) fn same_type(&mut self, id: NodeId, a: NodeId, b: NodeId, what: &str) -> Option<Type> {
        let (x, y) = (self.operand(a)?, self.operand(b)?);
        let (tx, ty) = (self.graph.ty(x), self.graph.ty(y));
        match (tx, ty) {
            (Type::Number(_), Type::Number(_)) => self.same_unit(id, (a, tx), (b, ty), what),
            _ if tx == ty => Some(tx),
            _ => {
                let (ta, tb) = (self.text_of(a), self.text_of(b));
                let d = self
                    .error(
                        codes::TYPE_MISMATCH,
                        id,
                        format!(
                            "{what} need one type: `{ta}` is {}, `{tb}` is {}",
                            tx.describe(),
                            ty.describe()
                        ),
                    )
                    .label(format!("{} and {}", tx.describe(), ty.describe()));
                let d = d.help(self.of_one_type((a, tx), (b, ty)));
                self.report(d);
                None
            }
        }
    }

    /// What to write where two values have different types.
    fn of_one_type(&self, a: (NodeId, Type), b: (NodeId, Type)) -> String {
        let text = |id: NodeId| self.text_of(id);
        match self.ast.node(b.0).kind {
            // `a ?? b > c` is `a ?? (b > c)`.
            NodeKind::Binary(op, inner, right)
                if is_comparison(op)
                    && b.1 == Type::Bool
                    && self.values[inner.index()]
                        .is_some_and(|v| self.graph.ty(v) == a.1 || self.is_literal_zero(inner)) =>
            {
                let (inner, right) = (text(inner), text(right));
                return format!(
                    "`??` binds less tightly than comparisons: `({} ?? {inner}) {} {right}`",
                    text(a.0),
                    symbol(op)
                );
            }
            _ => {}
        }
        let (number, other) = match (a.1, b.1) {
            (Type::Number(_), _) => (a.0, b),
            (_, Type::Number(_)) => (b.0, a),
            _ => return "write both as texts, or both as conditions".to_owned(),
        };
        match (other.1, self.ast.node(other.0).kind) {
            (Type::Text, NodeKind::Text(index)) => match self.ast.text(index) {
                said if said.parse::<f64>().is_ok() => format!("a number stands without quotes: `{said}`"),
                _ => format!("write a number in place of `{}`", text(other.0)),
            },
            (Type::Text, _) if self.literal(number).is_some() => {
                format!(
                    "a text stands in quotes: `'{0}'`; if the text says a number: `number({1})`",
                    text(number),
                    text(other.0)
                )
            }
            (Type::Text, _) => format!("if the text says a number: `number({})`", text(other.0)),
            _ => format!("a condition is true or false by itself: `{0}`, `!({0})`", text(other.0)),
        }
    }

    pub(super) fn conditional(&mut self, id: NodeId, c: NodeId, a: NodeId, b: NodeId) -> Checked {
        let (condition, x, y) = (self.one(c), self.one(a), self.one(b));
        let ok = condition.is_some() && self.condition(c, "`?`");
        let (Some(condition), Some(x), Some(y), true) = (condition, x, y, ok) else {
            return Checked::Error;
        };
        let Some(ty) = self.same_type(id, a, b, "both arms of `?:`") else {
            return Checked::Error;
        };
        self.make(id, Op::Select(condition, x, y), ty)
    }

    fn compare(&mut self, id: NodeId, op: BinaryOp, a: NodeId, b: NodeId) -> Checked {
        let (x, y) = (self.operand(a), self.operand(b));
        let (Some(x), Some(y)) = (x, y) else {
            return Checked::Error;
        };
        let what = match op {
            BinaryOp::Equal => "`==`",
            BinaryOp::NotEqual => "`!=`",
            BinaryOp::Less => "`<`",
            BinaryOp::LessEqual => "`<=`",
            BinaryOp::Greater => "`>`",
            _ => "`>=`",
        };
        let Some(ty) = self.same_type(id, a, b, &format!("the sides of {what}")) else {
            return Checked::Error;
        };
        if !self.join_series(id, &[a, b]) {
            return Checked::Error;
        }
        if ty == Type::Text && matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            let literal = |c: &Self, value: GraphId| match c.graph.constant(value) {
                Some(Value::Text(text)) => Some(text.into_owned()),
                _ => None,
            };
            let (subject, wanted) = match (literal(self, x), literal(self, y)) {
                (_, Some(text)) => (x, Some(text)),
                (Some(text), None) => (y, Some(text)),
                _ => (x, None),
            };
            if let Some(text) = wanted {
                let kind = TextTestKind::OneOf(vec![text.into()]);
                let test = self.graph.test(TextTest {
                    kind,
                    negate: op == BinaryOp::NotEqual,
                });
                return self.make(id, Op::TextTest(test, subject), Type::Bool);
            }
        }
        self.warn_outside_range(id, op, (a, x), (b, y));
        let less = |x, y| Op::Compare(Compare::Less, x, y);
        let less_equal = |x, y| Op::Compare(Compare::LessEqual, x, y);
        match op {
            BinaryOp::Less => self.make(id, less(x, y), Type::Bool),
            BinaryOp::Greater => self.make(id, less(y, x), Type::Bool),
            BinaryOp::LessEqual => self.make(id, less_equal(x, y), Type::Bool),
            BinaryOp::GreaterEqual => self.make(id, less_equal(y, x), Type::Bool),
            BinaryOp::Equal => self.make(id, Op::Compare(Compare::Equal, x, y), Type::Bool),
            _ => {
                let equal = self.graph.add(Op::Compare(Compare::Equal, x, y), Type::Bool);
                self.make(id, Op::Not(equal), Type::Bool)
            }
        }
    }

    /// Warns where a metric's declared range decides a comparison with a constant.
    fn warn_outside_range(&mut self, id: NodeId, op: BinaryOp, a: (NodeId, GraphId), b: (NodeId, GraphId)) {
        let number = |c: &Self, value: GraphId| c.graph.constant(value).and_then(|v| v.as_number());
        let (subject, threshold, op) = match (number(self, a.1), number(self, b.1)) {
            (None, Some(threshold)) => (a.1, (b.0, threshold), op),
            (Some(threshold), None) => (b.1, (a.0, threshold), mirrored(op)),
            _ => return,
        };
        let Some((lo, hi)) = self.declared_range(subject) else {
            return;
        };
        let (t, unit) = (threshold.1, self.graph.ty(subject).unit().unwrap_or_default());
        let always = match op {
            BinaryOp::Greater if t >= hi => Some(false),
            BinaryOp::GreaterEqual if t > hi => Some(false),
            BinaryOp::Less if t <= lo => Some(false),
            BinaryOp::LessEqual if t < lo => Some(false),
            BinaryOp::Equal if t < lo || t > hi => Some(false),
            BinaryOp::Less if t > hi => Some(true),
            BinaryOp::Greater if t < lo => Some(true),
            _ => None,
        };
        let Some(always) = always else { return };
        let range = format!("{} to {}", display_quantity(lo, unit), display_quantity(hi, unit));
        let d = self
            .error(
                codes::OUTSIDE_METRIC_RANGE,
                id,
                format!("this is always {always}: the metric's declared range is {range}"),
            )
            .label("outside the range");
        let text = self.text_of(threshold.0);
        let d = if unit.is_number()
            && hi <= 1.0
            && t > 1.0
            && t <= 100.0
            && matches!(self.ast.node(threshold.0).kind, NodeKind::Number(..))
            && !text.ends_with('%')
        {
            d.help(format!("the metric is a ratio: write `{text}%`"))
        } else {
            d
        };
        self.report(d);
    }

    /// The declared range of the metric whose own value this is, be it the latest or an aggregate that stays within the range.
    fn declared_range(&self, value: GraphId) -> Option<(f64, f64)> {
        use crate::metrics::Across;
        let aggregate = match self.graph.node(value).op {
            Op::Input(input) => match &self.graph.inputs[input as usize] {
                Input::Reduced {
                    aggregate,
                    across: Across::Avg | Across::Min | Across::Max | Across::Quantile(_),
                    ..
                } => *aggregate,
                _ => return None,
            },
            Op::InstanceLeaf(aggregate, _) => aggregate,
            Op::SampleLeaf(metric, _) => return self.scope.catalogue().spec(metric).range,
            _ => return None,
        };
        let aggregate = &self.graph.aggregates[aggregate.index()];
        let within = matches!(
            aggregate.reduce,
            Reduce::Avg
                | Reduce::Min
                | Reduce::Max
                | Reduce::First
                | Reduce::Last
                | Reduce::Quantile(_)
                | Reduce::Ewma(_)
        );
        self.scope.catalogue().spec(aggregate.metric).range.filter(|_| within)
    }

    fn matches(&mut self, id: NodeId, a: NodeId, b: NodeId, negate: bool) -> Checked {
        let Some(subject) = self.text(a, "`=~`") else {
            return Checked::Error;
        };
        let Some(pattern) = self.operand(b) else {
            return Checked::Error;
        };
        let ty = self.graph.ty(pattern);
        if ty != Type::Text {
            let text = self.text_of(b);
            let d = self
                .error(
                    codes::TYPE_MISMATCH,
                    b,
                    format!("the pattern of `=~` is a text, and `{text}` is {}", ty.describe()),
                )
                .label(ty.describe())
                .help("write the pattern in quotes, e.g. `'OutOfMemoryError'`");
            self.report(d);
            return Checked::Error;
        }
        let Some(Value::Text(pattern)) = self.graph.constant(pattern) else {
            let d = self
                .error(
                    codes::PATTERN_NOT_LITERAL,
                    b,
                    "the pattern of `=~` must be a literal text".to_owned(),
                )
                .label("not known when the rule is compiled")
                .help("to look for a text that changes: `contains(a, b)`");
            self.report(d);
            return Checked::Error;
        };
        let pattern = pattern.into_owned();
        let Some(kind) = self.pattern(b, &pattern) else {
            return Checked::Error;
        };
        if !self.join_series(id, &[a]) {
            return Checked::Error;
        }
        let test = self.graph.test(TextTest { kind, negate });
        self.make(id, Op::TextTest(test, subject), Type::Bool)
    }

    fn pattern(&mut self, id: NodeId, pattern: &str) -> Option<TextTestKind> {
        // A pattern without special characters is a plain search, which is faster and the same.
        if !pattern.is_empty() && regex::escape(pattern) == *pattern {
            return Some(TextTestKind::Contains(pattern.into()));
        }
        if let Some(known) = self.graph.known_pattern(pattern) {
            return Some(known);
        }
        let limit = self.limits.max_regex_bytes;
        let left = self.limits.max_regexes_bytes.saturating_sub(self.graph.pattern_bytes);
        // The size of a compiled pattern can only be asked for by trying limits.
        let mut size = SMALL_REGEX.min(limit).min(left);
        let compiled = loop {
            match RegexBuilder::new(pattern)
                .size_limit(size)
                .dfa_size_limit(size.saturating_mul(4))
                .build()
            {
                Err(regex::Error::CompiledTooBig(_)) if size < limit.min(left) => {
                    size = size.saturating_mul(4).min(limit).min(left);
                }
                result => break result,
            }
        };
        match compiled {
            Ok(regex) => {
                self.graph.pattern_bytes += size;
                Some(TextTestKind::Matches(regex))
            }
            Err(regex::Error::CompiledTooBig(_)) if left < limit => {
                let most = self.limits.max_regexes_bytes;
                let d = self
                    .error(
                        codes::REGEX_TOO_LARGE,
                        id,
                        format!(
                            "the regular expressions up to here need more than {most} bytes together when compiled"
                        ),
                    )
                    .help("use fewer or simpler patterns: `contains(text, 'part')` and `text in ['a', 'b']` need none");
                self.report(d);
                None
            }
            Err(regex::Error::CompiledTooBig(_)) => {
                let d = self
                    .error(
                        codes::REGEX_TOO_LARGE,
                        id,
                        format!("the regular expression needs more than {limit} bytes when compiled"),
                    )
                    .help("repeat less: `{1000}` of a group multiplies its size");
                self.report(d);
                None
            }
            Err(error) => {
                // The last line says what is wrong; the lines before repeat the pattern.
                let text = error.to_string();
                let reason = text
                    .lines()
                    .last()
                    .unwrap_or(&text)
                    .trim_start_matches("error: ")
                    .to_owned();
                let help = if reason.contains("look-around") || reason.contains("backreferences") {
                    "patterns run in linear time, so there are no look-around and no back-references: combine several tests with `&&` and `!~`"
                } else {
                    "to look for such a character itself write `\\` before it in a raw text, e.g. `r'\\('`, or use `contains(text, '(')`"
                };
                let d = self
                    .error(codes::BAD_REGEX, id, format!("invalid regular expression: {reason}"))
                    .help(help);
                self.report(d);
                None
            }
        }
    }

    /// A text; an error where it is not.
    pub(super) fn text(&mut self, id: NodeId, what: &str) -> Option<GraphId> {
        let value = self.operand(id)?;
        let ty = self.graph.ty(value);
        if ty == Type::Text {
            return Some(value);
        }
        let text = self.text_of(id);
        let d = self
            .error(
                codes::TYPE_MISMATCH,
                id,
                format!("{what} needs a text, and `{text}` is {}", ty.describe()),
            )
            .label(ty.describe())
            .help(match ty {
                Type::Number(_) => format!("numbers are compared: `{text} > …`, `{text} == …`"),
                _ => "only texts are matched".to_owned(),
            });
        self.report(d);
        None
    }

    fn is_in(&mut self, id: NodeId, a: NodeId, b: NodeId) -> Checked {
        let Some(subject) = self.operand(a) else {
            return Checked::Error;
        };
        let NodeKind::List(list) = self.ast.node(b).kind else {
            if matches!(self.checked[b.index()], Checked::Error) {
                return Checked::Error;
            }
            let d = self
                .error(codes::BAD_LIST, b, "`in` needs a list on its right".to_owned())
                .help("write `x in ['a', 'b']`");
            self.report(d);
            return Checked::Error;
        };
        let subject_type = self.graph.ty(subject);
        let elements: Vec<NodeId> = self.ast.list(list).to_vec();
        let mut texts: Vec<Box<str>> = Vec::new();
        let mut equal: Option<GraphId> = None;
        for element in elements {
            let Some(value) = self.operand(element) else {
                return Checked::Error;
            };
            let constant = self.graph.constant(value).map(Value::into_owned);
            match (constant, subject_type) {
                (Some(Value::Text(text)), Type::Text) => texts.push(text.into()),
                (Some(Value::Number(_)), Type::Number(_)) => {
                    let ty = self.graph.ty(value);
                    if self
                        .same_unit(element, (a, subject_type), (element, ty), "both sides of `in`")
                        .is_none()
                    {
                        return Checked::Error;
                    }
                    let one = self.graph.add(Op::Compare(Compare::Equal, subject, value), Type::Bool);
                    equal = Some(match equal {
                        Some(before) => self.graph.add(Op::Or(before, one), Type::Bool),
                        None => one,
                    });
                }
                (constant, _) => {
                    let text = self.text_of(element);
                    let ty = self.graph.ty(value);
                    let d = if subject_type == Type::Bool {
                        let subject = self.text_of(a);
                        self.error(
                            codes::BAD_LIST,
                            a,
                            format!("`in` looks for numbers and texts, and `{subject}` is a truth value"),
                        )
                        .help(format!(
                            "a condition is true or false by itself: `{subject}`, `!({subject})`"
                        ))
                    } else if constant.is_none() {
                        let subject = self.text_of(a);
                        self.error(
                            codes::BAD_LIST,
                            element,
                            format!("`{text}` is not known when the rule is compiled"),
                        )
                        .label("not a constant")
                        .help(format!("compare it: `{subject} == {text}`"))
                    } else {
                        let message = format!(
                            "`{text}` is {}, and the left side is {}",
                            ty.describe(),
                            subject_type.describe()
                        );
                        let d = self.error(codes::BAD_LIST, element, message).label(ty.describe());
                        d.help(self.of_one_type((a, subject_type), (element, ty)))
                    };
                    self.report(d);
                    return Checked::Error;
                }
            }
        }
        if !self.join_series(id, &[a]) {
            return Checked::Error;
        }
        if subject_type == Type::Text {
            let test = self.graph.test(TextTest {
                kind: TextTestKind::OneOf(texts),
                negate: false,
            });
            return self.make(id, Op::TextTest(test, subject), Type::Bool);
        }
        match equal {
            Some(value) => self.value(id, value),
            // The parser refuses an empty list.
            None => Checked::Error,
        }
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}

/// "write `1000B`, `1000KiB` …" for the digits of a number that lacks this unit.
fn with_units(digits: &str, unit: Unit) -> Option<String> {
    let suffixes: Vec<&str> = match unit {
        Unit::BYTES => DATA_UNITS[..4].iter().map(|u| u.0).collect(),
        Unit::SECONDS => TIME_UNITS[..4].iter().map(|u| u.0).collect(),
        Unit::PER_SECOND => vec!["/s", "/m", "/h"],
        Unit::BYTES_PER_SECOND => vec!["B/s", "KiB/s", "MiB/s"],
        Unit::NUMBER => return Some(format!("write a plain number: `{digits}`")),
        _ => return None,
    };
    let names: Vec<String> = suffixes.iter().map(|suffix| format!("`{digits}{suffix}`")).collect();
    Some(format!("write {} …", names.join(", ")))
}
