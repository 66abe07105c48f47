//! Many instances to one value.

use fearless_simd::Level;

use super::{of_values, order, tidy};
use crate::metrics::query::{Across, Reduce};

/// Reduces the values of several instances to one.
///
/// The caller hands the values over in the order of the instances' names, so that the same instances give the same bits. For
/// [`Across::All`], [`Across::Any`] and [`Across::Share`] they are truth values, 1 for true and 0 for false (NaN
/// passes as true).
///
/// `None` if there are no values, except for [`Across::Count`], which is then 0. NaN and infinities pass through as in Prometheus'
/// aggregation operators: `min` and `max` skip NaN, a sum or mean with NaN is NaN, and deviations of infinities are NaN. A mean whose
/// sum leaves the range of an f64 is still right. `scratch` is only a buffer.
pub fn across(across: Across, values: &[f64], scratch: &mut Vec<f64>) -> Option<f64> {
    if let ([value], Across::Avg | Across::Min | Across::Max | Across::Sum) = (values, across)
        && value.is_finite()
    {
        // The usual case; adding +0 as a sum does.
        return Some(value + 0.0);
    }
    let truths = || order::passing(values, |value| value != 0.0) as f64;
    if across == Across::Count {
        return Some(values.len() as f64);
    }
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mut of = |reduce| of_values(Level::new(), reduce, values, scratch);
    Some(tidy(match across {
        Across::Avg => of(Reduce::Avg),
        Across::Min => of(Reduce::Min),
        Across::Max => of(Reduce::Max),
        Across::Sum => of(Reduce::Sum),
        Across::Count => n,
        Across::Stddev => of(Reduce::Stddev),
        Across::Var => of(Reduce::Var),
        Across::Quantile(q) => of(Reduce::Quantile(q)),
        Across::Mad => of(Reduce::Mad),
        Across::Spread => of(Reduce::Spread),
        Across::All => f64::from(truths() == n),
        Across::Any => f64::from(truths() > 0.0),
        Across::Share => truths() / n,
    }))
}
