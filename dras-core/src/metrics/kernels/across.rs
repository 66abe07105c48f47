//! Many instances to one value.

use super::{order, sums, tidy};
use crate::metrics::query::Across;

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
    Some(tidy(match across {
        Across::Avg => sums::mean(values),
        Across::Min => order::min(values),
        Across::Max => order::max(values),
        Across::Sum => sums::sum(values),
        Across::Count => n,
        Across::Stddev => sums::variance(values).sqrt(),
        Across::Var => sums::variance(values),
        Across::Quantile(q) => order::quantile(values, q, scratch),
        Across::Mad => order::median_deviation(values, scratch),
        Across::Spread => order::spread(values),
        Across::All => f64::from(truths() == n),
        Across::Any => f64::from(truths() > 0.0),
        Across::Share => truths() / n,
    }))
}
