//! Stand-in for the numeric kernels while they are written elsewhere.

use super::query::{Across, Reduce};
use crate::units::Millis;

/// The samples of one series in a window.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Times.
    pub times: &'a [Millis],
    /// Values.
    pub values: &'a [f64],
    /// The last sample before the window.
    pub anchor: Option<(Millis, f64)>,
    /// For each sample since when its counter counts; empty where unknown.
    pub starts: &'a [Millis],
    /// The same for the anchor.
    pub anchor_start: Millis,
}

/// A window's place in time.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Left edge, exclusive.
    pub start: Millis,
    /// Right edge, inclusive.
    pub end: Millis,
    /// Time of the look.
    pub now: Millis,
    /// The longest time one sample stands for.
    pub max_gap: Millis,
}

fn steps(s: &Samples<'_>) -> Vec<(f64, f64, bool)> {
    let mut prev = s.anchor;
    let mut out = Vec::new();
    for (i, (t, v)) in s.times.iter().zip(s.values).enumerate() {
        if let Some((pt, pv)) = prev {
            let restarted = s.starts.get(i).is_some_and(|x| *x > pt);
            out.push((pv, *v, restarted));
        }
        prev = Some((*t, *v));
    }
    out
}

fn increase(s: &Samples<'_>) -> f64 {
    steps(s)
        .iter()
        .map(|(a, b, r)| if b < a || *r { *b } else { b - a })
        .sum()
}

fn pick(values: &[f64], better: impl Fn(f64, f64) -> bool) -> Option<usize> {
    let mut best = 0;
    for i in 1..values.len() {
        if better(values[i], values[best]) || values[best].is_nan() {
            best = i;
        }
    }
    (!values.is_empty()).then_some(best)
}

/// One value of the samples.
pub fn reduce(reduce: Reduce, s: &Samples<'_>, f: &Frame, scratch: &mut Vec<f64>) -> Option<f64> {
    let n = s.values.len() as f64;
    if (s.values.len() as u32) < minimum_samples(reduce) {
        return None;
    }
    let first = s.values.first().copied();
    let age = |t: Millis| (f.now - t) as f64 / 1000.0;
    let base = s.anchor.or(s.times.first().copied().zip(first));
    let mean = || s.values.iter().sum::<f64>() / n;
    let var = || {
        let m = mean();
        s.values.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n
    };
    Some(match reduce {
        Reduce::Avg => mean(),
        Reduce::Sum => s.values.iter().sum(),
        Reduce::Min => s.values[pick(s.values, |a, b| a < b)?],
        Reduce::Max => s.values[pick(s.values, |a, b| a > b)?],
        Reduce::Count => n,
        Reduce::First => first?,
        Reduce::Last | Reduce::Irate | Reduce::Idelta => *s.values.last()?,
        Reduce::Var => var(),
        Reduce::Stddev => var().sqrt(),
        Reduce::Quantile(q) => {
            scratch.clear();
            scratch.extend_from_slice(s.values);
            scratch.sort_by(f64::total_cmp);
            scratch[((n - 1.0) * q) as usize]
        }
        Reduce::Spread => s.values[pick(s.values, |a, b| a > b)?] - s.values[pick(s.values, |a, b| a < b)?],
        Reduce::Increase => increase(s),
        Reduce::Rate => {
            let span = s.times.last()? - base?.0;
            if span <= 0 {
                return None;
            }
            increase(s) / (span as f64 / 1000.0)
        }
        Reduce::Delta => s.values.last()? - base?.1,
        Reduce::Changes => steps(s)
            .iter()
            .filter(|(a, b, _)| a != b && !(a.is_nan() && b.is_nan()))
            .count() as f64,
        Reduce::Resets => steps(s).iter().filter(|(a, b, r)| b < a || *r).count() as f64,
        Reduce::Coverage => covered(s, f) as f64 / (f.end - f.start) as f64,
        Reduce::Age => age(*s.times.last()?),
        Reduce::AgeOfFirst => age(*s.times.first()?),
        Reduce::AgeOfMin => age(s.times[pick(s.values, |a, b| a <= b)?]),
        Reduce::AgeOfMax => age(s.times[pick(s.values, |a, b| a >= b)?]),
        _ => mean(),
    })
}

/// One value of how many samples pass.
pub fn tested(reduce: Reduce, s: &Samples<'_>, mut passes: impl FnMut(f64) -> bool) -> Option<f64> {
    let n = s.values.len();
    let passed = s.values.iter().filter(|v| passes(**v)).count();
    if n == 0 && reduce != Reduce::Count {
        return None;
    }
    Some(match reduce {
        Reduce::Count => passed as f64,
        Reduce::All => f64::from(passed == n),
        Reduce::Any => f64::from(passed > 0),
        _ => passed as f64 / n as f64,
    })
}

/// The same for a range of values.
pub fn within(reduce: Reduce, s: &Samples<'_>, lo: f64, hi: f64, negate: bool) -> Option<f64> {
    tested(reduce, s, |x| (lo <= x && x <= hi) != negate)
}

/// How long the samples cover the window.
pub fn covered(s: &Samples<'_>, f: &Frame) -> Millis {
    let mut prev = s.anchor.map(|a| a.0);
    let mut sum = 0;
    for t in s.times {
        if let Some(p) = prev {
            sum += t - p.max(t - f.max_gap).max(f.start);
        }
        prev = Some(*t);
    }
    if let Some(last) = prev {
        sum += ((last + f.max_gap).min(f.end) - last.max(f.start)).max(0);
    }
    sum
}

/// The least number of samples.
pub fn minimum_samples(reduce: Reduce) -> u32 {
    match reduce {
        Reduce::Count | Reduce::Coverage => 0,
        _ => 1,
    }
}

/// One value of several.
pub fn across(across: Across, values: &[f64], _scratch: &mut Vec<f64>) -> Option<f64> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    Some(match across {
        Across::Sum => values.iter().sum(),
        Across::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Across::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Across::Count => n,
        _ => values.iter().sum::<f64>() / n,
    })
}
