//! Whether a target is more or less than what there is.

use super::{Interval, State, interval};
use crate::lang::arithmetic::{Fn1, Fn2, Fn3};
use crate::lang::graph::{GraphId, Op};

/// How deeply an expression is looked into; what is deeper may be anything.
const DEPTH: usize = 24;

/// How a value may stand to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Against {
    pub(crate) below: bool,
    pub(crate) equal: bool,
    pub(crate) above: bool,
}

impl Against {
    pub(crate) const ANY: Against = Against::new(true, true, true);
    const EQUAL: Against = Against::new(false, true, false);
    const ABOVE: Against = Against::new(false, false, true);
    const BELOW: Against = Against::new(true, false, false);
    const NOT_BELOW: Against = Against::new(false, true, true);
    const NOT_ABOVE: Against = Against::new(true, true, false);

    const fn new(below: bool, equal: bool, above: bool) -> Against {
        Against { below, equal, above }
    }

    /// Whether it never takes away, and may add.
    pub(crate) fn raises(self) -> bool {
        self.above && !self.below
    }

    /// Whether it never adds, and may take away.
    pub(crate) fn lowers(self) -> bool {
        self.below && !self.above
    }

    fn or(self, other: Against) -> Against {
        Against::new(
            self.below || other.below,
            self.equal || other.equal,
            self.above || other.above,
        )
    }

    /// The larger of two values that stand so.
    fn max(self, other: Against) -> Against {
        let not_above = |a: Against| a.equal || a.below;
        Against::new(
            self.below && other.below,
            self.equal && not_above(other) || other.equal && not_above(self),
            self.above || other.above,
        )
    }

    /// The smaller of two values that stand so.
    fn min(self, other: Against) -> Against {
        let not_below = |a: Against| a.equal || a.above;
        Against::new(
            self.below || other.below,
            self.equal && not_below(other) || other.equal && not_below(self),
            self.above && other.above,
        )
    }

    /// Rounded to whole numbers, where what there is is one.
    fn rounded(self) -> Against {
        Against::new(self.below, self.equal || self.below || self.above, self.above)
    }

    fn not_below(self) -> bool {
        !self.below
    }

    fn not_above(self) -> bool {
        !self.above
    }
}

/// How `target` stands to `current` in `state`; `current` is a whole number that is not negative.
pub(crate) fn against(state: &State<'_>, target: GraphId, current: GraphId) -> Against {
    stand(state, target, current, DEPTH)
}

fn stand(state: &State<'_>, id: GraphId, current: GraphId, depth: usize) -> Against {
    if id == current {
        return Against::EQUAL;
    }
    let by_value = by_value(state.value(id), state.value(current));
    if depth == 0 {
        return by_value;
    }
    let of = |id| stand(state, id, current, depth - 1);
    let value = |id| state.value(id);
    let found = match state.reason().graph().node(id).op {
        Op::Fn2(Fn2::Add, a, b) => moved(of(a), value(b)).or_else(|| moved(of(b), value(a))),
        Op::Fn2(Fn2::Subtract, a, b) => moved(of(a), Interval::new(-value(b).hi, -value(b).lo)),
        Op::Fn2(Fn2::Multiply, a, b) => scaled(of(a), value(a), value(b)).or_else(|| scaled(of(b), value(b), value(a))),
        Op::Fn2(Fn2::Divide, a, b) if value(b).lo > 0.0 => by_factor(state, id, current)
            .or_else(|| scaled(of(a), value(a), Interval::new(1.0 / value(b).hi, 1.0 / value(b).lo))),
        Op::Fn2(Fn2::Max, a, b) => Some(of(a).max(of(b))),
        Op::Fn2(Fn2::Min, a, b) => Some(of(a).min(of(b))),
        Op::Fn2(Fn2::Reserve | Fn2::ReserveOfUsage, a, _) if of(a).not_below() && value(a).lo >= 0.0 => {
            Some(Against::NOT_BELOW)
        }
        Op::Fn2(Fn2::Reserve | Fn2::ReserveOfUsage, ..) => by_factor(state, id, current),
        Op::Fn3(Fn3::Clamp, a, low, high) => Some(of(low).max(of(a).min(of(high)))),
        // `current × load / target`, rounded up.
        Op::Fn3(Fn3::ScaleTo, a, load, target) if value(target).lo > 0.0 && value(load).lo >= 0.0 => {
            let share = Interval::new(value(load).lo / value(target).hi, value(load).hi / value(target).lo);
            scaled(of(a), Interval::POSITIVE, share).map(Against::rounded)
        }
        Op::Fn1(Fn1::Ceil | Fn1::Floor | Fn1::Round | Fn1::Trunc, a) => Some(of(a).rounded()),
        Op::Else(a, b) | Op::Select(_, a, b) => Some(of(a).or(of(b))),
        _ => None,
    };
    // Both are certain, so that what one of them excludes is excluded.
    match found {
        Some(found) => Against::new(
            found.below && by_value.below,
            found.equal && by_value.equal,
            found.above && by_value.above,
        ),
        None => by_value,
    }
}

/// Where the value is what there is times a factor that is certainly more or less than 1, by more than rounding.
fn by_factor(state: &State<'_>, id: GraphId, current: GraphId) -> Option<Against> {
    const NOISE: f64 = 1e-9;
    let factor = factor(state, id, current, DEPTH)?;
    if factor.lo >= 1.0 + NOISE {
        Some(Against::NOT_BELOW)
    } else if factor.hi <= 1.0 - NOISE && factor.lo >= 0.0 {
        Some(Against::NOT_ABOVE)
    } else {
        None
    }
}

/// The factor that `current` is multiplied with, where the value is a product of it.
fn factor(state: &State<'_>, id: GraphId, current: GraphId, depth: usize) -> Option<Interval> {
    if id == current {
        return Some(Interval::point(1.0));
    }
    let deeper = |id| (depth > 0).then(|| factor(state, id, current, depth - 1)).flatten();
    match state.reason().graph().node(id).op {
        Op::Fn2(f @ Fn2::Multiply, a, b) => match (deeper(a), deeper(b)) {
            (Some(a), None) => Some(interval::fn2(f, a, state.value(b))),
            (None, Some(b)) => Some(interval::fn2(f, b, state.value(a))),
            _ => None,
        },
        Op::Fn2(f @ (Fn2::Divide | Fn2::Reserve | Fn2::ReserveOfUsage), a, b) => {
            deeper(a).map(|a| interval::fn2(f, a, state.value(b)))
        }
        _ => None,
    }
}

fn by_value(target: Interval, current: Interval) -> Against {
    Against::new(
        target.lo < current.hi,
        !target.and(current).is_empty(),
        target.hi > current.lo,
    )
}

/// With something added.
fn moved(base: Against, by: Interval) -> Option<Against> {
    if base.not_below() && by.lo > 0.0 {
        Some(Against::ABOVE)
    } else if base.not_above() && by.hi < 0.0 {
        Some(Against::BELOW)
    } else if base.not_below() && by.lo >= 0.0 {
        Some(Against::NOT_BELOW)
    } else if base.not_above() && by.hi <= 0.0 {
        Some(Against::NOT_ABOVE)
    } else if base == Against::EQUAL {
        Some(Against::ANY)
    } else {
        None
    }
}

/// Times something; 0 times anything stays 0.
fn scaled(base: Against, value: Interval, by: Interval) -> Option<Against> {
    if value.lo < 0.0 && base != Against::EQUAL {
        return None;
    }
    if base.not_below() && by.lo >= 1.0 {
        Some(Against::NOT_BELOW)
    } else if base.not_above() && by.hi <= 1.0 && by.lo >= 0.0 {
        Some(Against::NOT_ABOVE)
    } else {
        None
    }
}

/// The places in `target` where what there is, `current`, is scaled so that a load becomes a constant: `scale_to(current, load, 60%)`,
/// `reserve(current * load, 40%)`, `reserve_of_usage(current * load, 60%)`, `current * load / 60%`. The load, and the constant.
pub(crate) fn scalings(state: &State<'_>, target: GraphId, current: GraphId) -> Vec<(GraphId, f64)> {
    let graph = state.reason().graph();
    let constant = |id| state.value(id).constant();
    let times_current = |id: GraphId| match graph.node(id).op {
        Op::Fn2(Fn2::Multiply, a, b) if a == current => Some(b),
        Op::Fn2(Fn2::Multiply, a, b) if b == current => Some(a),
        _ => None,
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec![target];
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let op = graph.node(id).op;
        let scaling = match op {
            Op::Fn3(Fn3::ScaleTo, a, load, to) if a == current => constant(to).map(|to| (load, to)),
            Op::Fn2(f @ (Fn2::Reserve | Fn2::ReserveOfUsage | Fn2::Divide), used, by) => {
                times_current(used).zip(constant(by)).map(|(load, by)| match f {
                    Fn2::Reserve => (load, 1.0 - by),
                    Fn2::ReserveOfUsage => (load, 1.0 / (1.0 + by)),
                    _ => (load, by),
                })
            }
            _ => None,
        };
        found.extend(scaling.filter(|(_, to)| to.is_finite() && *to > 0.0));
        open.extend(op.operands());
    }
    found
}
