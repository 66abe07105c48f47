//! Where a series is heading: least squares and smoothing.

use super::View;
use crate::units::Millis;

const LANES: usize = 4;

/// A straight line through samples: `middle` at `time` ms after the first sample, rising by `slope` per ms.
#[derive(Debug, Clone, Copy)]
struct Line {
    time: f64,
    middle: f64,
    slope: f64,
}

fn lanes_sum([a, b, c, d]: [f64; LANES]) -> f64 {
    (a + b) + (c + d)
}

impl View<'_> {
    /// Least squares over at least two samples, centred on the means of both coordinates so that neither large times nor large values
    /// with small differences lose digits.
    fn line(&self) -> Option<Line> {
        if self.values.len() < 2 {
            return None;
        }
        let (&origin, &base) = (self.times.first()?, self.values.first()?);
        let since = |time: Millis| time.wrapping_sub(origin) as f64;
        let n = self.values.len() as f64;

        let (time_chunks, time_rest) = self.times.as_chunks::<LANES>();
        let (value_chunks, value_rest) = self.values.as_chunks::<LANES>();
        let (mut times, mut values) = ([0.0; LANES], [0.0; LANES]);
        for (t, v) in time_chunks.iter().zip(value_chunks) {
            for lane in 0..LANES {
                times[lane] += since(t[lane]);
                values[lane] += v[lane] - base;
            }
        }
        for (lane, (&t, v)) in time_rest.iter().zip(value_rest).enumerate() {
            times[lane] += since(t);
            values[lane] += v - base;
        }
        let (time, rise) = (lanes_sum(times) / n, lanes_sum(values) / n);

        let (mut both, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for (t, v) in time_chunks.iter().zip(value_chunks) {
            for lane in 0..LANES {
                let x = since(t[lane]) - time;
                both[lane] += x * ((v[lane] - base) - rise);
                squares[lane] += x * x;
            }
        }
        for (lane, (&t, v)) in time_rest.iter().zip(value_rest).enumerate() {
            let x = since(t) - time;
            both[lane] += x * ((v - base) - rise);
            squares[lane] += x * x;
        }
        let squares = lanes_sum(squares);
        (squares > 0.0).then(|| Line {
            time,
            middle: base + rise,
            slope: lanes_sum(both) / squares,
        })
    }

    /// Slope per second.
    pub(super) fn slope(&self) -> Option<f64> {
        self.line().map(|line| line.slope * 1000.0)
    }

    /// The line's value `ahead` ms after `now`.
    pub(super) fn predict(&self, now: Millis, ahead: Millis) -> Option<f64> {
        let line = self.line()?;
        let distance = now.saturating_sub(*self.times.first()?) as f64 + ahead as f64;
        Some(line.middle + line.slope * (distance - line.time))
    }

    /// Exponentially weighted mean that knows about time: it begins at the first sample, and each later one pulls it
    /// `1 − 2^(−gap / half_life)` of the way to itself. The shorter the half-life, the nearer to the last sample.
    pub(super) fn ewma(&self, half_life: Millis) -> Option<f64> {
        let (&first_time, &first) = (self.times.first()?, self.values.first()?);
        if half_life <= 0 {
            return self.values.last().copied();
        }
        let (mut before, mut held) = (first_time, first);
        // Samples mostly come at one interval, and then one power of two does for all.
        let (mut known_gap, mut pull) = (0, 0.0);
        for (&time, &value) in self.times.iter().zip(self.values).skip(1) {
            let gap = time.saturating_sub(before);
            if gap != known_gap {
                pull = 1.0 - libm::exp2(-(gap as f64 / half_life as f64));
                known_gap = gap;
            }
            // Equal values stay exactly equal, whatever the pull.
            held += (value - held) * pull;
            before = time;
        }
        Some(held)
    }

    /// Holt's linear smoothing as Prometheus' `double_exponential_smoothing`: the level after the last sample. NaN where a factor is not
    /// between 0 and 1, which Prometheus refuses.
    pub(super) fn double_exponential(&self, smoothing: f64, trend: f64) -> Option<f64> {
        let &[first, second] = self.values.first_chunk()?;
        let between = |factor: f64| factor > 0.0 && factor < 1.0;
        if !between(smoothing) || !between(trend) {
            return Some(f64::NAN);
        }
        let (mut level, mut rise) = (first, second - first);
        let mut before = None;
        for &value in &self.values[1..] {
            if let Some(before) = before {
                rise = trend * (level - before) + (1.0 - trend) * rise;
            }
            before = Some(level);
            level = smoothing * value + (1.0 - smoothing) * (level + rise);
        }
        Some(level)
    }
}
