//! Windows of many samples, in panes.

use super::*;

/// The functions that panes can answer, without a test.
pub(super) const DECOMPOSABLE: [Reduce; 20] = [
    Reduce::Avg,
    Reduce::Min,
    Reduce::Max,
    Reduce::Sum,
    Reduce::Count,
    Reduce::First,
    Reduce::Last,
    Reduce::Stddev,
    Reduce::Var,
    Reduce::Spread,
    Reduce::Rate,
    Reduce::Increase,
    Reduce::Delta,
    Reduce::Changes,
    Reduce::Resets,
    Reduce::Coverage,
    Reduce::Age,
    Reduce::AgeOfFirst,
    Reduce::AgeOfMin,
    Reduce::AgeOfMax,
];
