//! A second, slow and obvious implementation: all accepted samples in a map, filtered by the window.

use std::collections::BTreeMap;

use super::super::kernels::{self, Frame, Samples};
use super::super::plan::Source;
use super::*;

/// Samples of one series: a value, or `None` for "asked, not available".
type Series = BTreeMap<Millis, Option<f64>>;

/// The oracle. It knows the rules of acceptance, but nothing of retention, rows, panes or folding.
#[derive(Default, Clone)]
pub(super) struct Oracle {
    series: BTreeMap<(String, usize), Series>,
    ended: BTreeMap<String, Millis>,
    restarts: Vec<Millis>,
    marks: Vec<Millis>,
}

impl Oracle {
    pub(super) fn sample(&mut self, plan: &Plan, now: Millis, instance: &str, metric: usize, t: Millis, value: f64) {
        let spec = plan.catalogue().spec(MetricId(metric as u16));
        if t > now + plan.settings().max_future || value.is_infinite() {
            return;
        }
        let series = self.series.entry((instance.to_owned(), metric)).or_default();
        let newest = series.last_key_value().map(|s| *s.0);
        if newest.is_some_and(|newest| t <= newest - spec.max_lateness && t != newest) {
            return;
        }
        let value = (!value.is_nan()).then_some(value);
        let cell = series.entry(t).or_insert(value);
        if value > *cell {
            *cell = value;
        }
    }

    pub(super) fn mark(&mut self, t: Millis, mark: Mark) {
        self.marks.push(t);
        if mark == Mark::Restart {
            self.restarts.push(t);
        }
    }

    pub(super) fn end(&mut self, instance: &str, t: Millis) {
        self.ended.insert(instance.to_owned(), t);
    }

    /// Whether the instance ended and had no sample since then.
    fn has_ended(&self, instance: &str, newest: Option<Millis>, at: Millis) -> bool {
        self.ended
            .get(instance)
            .is_some_and(|ended| *ended <= at && newest.is_none_or(|t| t <= *ended))
    }

    fn restart_before(&self, t: Millis) -> Option<Millis> {
        self.restarts.iter().copied().filter(|m| *m < t).max()
    }

    pub(super) fn is_live(&self, plan: &Plan, metric: usize, instance: &str, at: Millis) -> bool {
        let spec = plan.catalogue().spec(MetricId(metric as u16));
        let Some(series) = self.series.get(&(instance.to_owned(), metric)) else {
            return false;
        };
        let newest = series.range(..=at).next_back().map(|s| *s.0);
        newest.is_some_and(|t| at - t <= spec.staleness) && !self.has_ended(instance, newest, at)
    }

    /// The value of one aggregate for one instance.
    pub(super) fn ask(&self, plan: &Plan, id: AggregateId, instance: &str, now: Millis) -> Result<f64, Undefined> {
        let (aggregate, prepared) = (plan.aggregate(id), plan.prepared(id).unwrap());
        let spec = plan.catalogue().spec(aggregate.metric);
        let settings = plan.settings();
        let key = (instance.to_owned(), aggregate.metric.index());
        let series = self
            .series
            .get(&key)
            .filter(|s| !s.is_empty())
            .ok_or(Undefined::NoInstance)?;
        let at = now - aggregate.window.offset;
        let span = aggregate.window.span;
        let (mut left, mut right, length) = match span {
            Span::Latest => (at - spec.staleness - 1, at, spec.staleness),
            Span::Sliding(w) | Span::Last { max_age: w, .. } => (at - w, at, w),
            Span::Current(w) => ((at - 1).div_euclid(w) * w, at, at - (at - 1).div_euclid(w) * w),
            Span::Previous(w) => ((at - 1).div_euclid(w) * w - w, (at - 1).div_euclid(w) * w, w),
        };
        let mut floor = Millis::MIN;
        if let Some(mark) = self.marks.iter().copied().filter(|m| *m <= at).max()
            && !aggregate.window.across_marks
        {
            floor = mark + settings.warm_up;
            if floor >= at {
                return Err(Undefined::WarmingUp { left: floor - at });
            }
            if floor >= right {
                return Err(Undefined::WarmingUp {
                    left: right + length - at,
                });
            }
        }
        let next = if let Source::Panes { set, .. } = prepared.source {
            let width = plan.pane_sets[usize::from(set)].width();
            left = left.div_euclid(width) * width;
            if right < now {
                right = (((right - 1).div_euclid(width) + 1) * width).min(now);
            }
            series
                .range(right + 1..=now.max(right + 1))
                .find(|s| s.1.is_some() && *s.0 <= now)
                .map(|s| *s.0)
        } else {
            None
        };
        let start = left.max(floor);
        let upto = |t: Millis| series.range(..=t).filter_map(|(t, v)| Some((*t, (*v)?)));
        let mut inside: Vec<(Millis, f64)> = upto(right).filter(|s| s.0 > start).collect();
        let newest = series.range(..=right).next_back().map(|s| *s.0);
        let none = if newest.is_some_and(|t| t > start) {
            Undefined::NotAvailable
        } else {
            Undefined::NoSample
        };
        match span {
            Span::Latest => {
                if self.has_ended(instance, newest, right) {
                    return Err(Undefined::NoInstance);
                }
                let last = upto(right).next_back().filter(|s| s.0 > left);
                let Some(last) = last else {
                    return Err(match newest {
                        Some(t) if t > left => Undefined::NotAvailable,
                        Some(t) => Undefined::Stale {
                            age: right - t,
                            limit: spec.staleness,
                        },
                        None => Undefined::NoSample,
                    });
                };
                if last.0 <= floor {
                    return Err(Undefined::NoSample);
                }
                inside = vec![last];
            }
            Span::Last { count, .. } => {
                inside.drain(..inside.len().saturating_sub(count as usize));
            }
            _ => {}
        }
        let have = inside.len() as u32;
        if have == 0 && !matches!(aggregate.reduce, Reduce::Count | Reduce::Coverage) {
            return Err(none);
        }
        let before = inside.first().map_or(start, |s| s.0 - 1);
        let before = if matches!(span, Span::Last { .. }) {
            before
        } else {
            start
        };
        let anchor = upto(before)
            .next_back()
            .filter(|s| s.0 > floor && start - s.0 <= spec.max_gap && span != Span::Latest);
        let (times, values): (Vec<Millis>, Vec<f64>) = inside.iter().copied().unzip();
        let previous = anchor.map(|a| a.0).into_iter().chain(times.iter().copied());
        let mut previous: Vec<Option<Millis>> = previous.map(Some).collect();
        if anchor.is_none() {
            previous.insert(0, None);
        }
        // A restart in the millisecond of a sample is after it.
        let begun = |(t, before): (&Millis, &Option<Millis>)| {
            let restart = self.restart_before(*t);
            restart.map_or(0, |m| if restart == *before { m + 1 } else { m })
        };
        let starts: Vec<Millis> = times.iter().zip(&previous).map(begun).collect();
        let samples = Samples {
            times: &times,
            values: &values,
            anchor,
            // One sample alone has no steps.
            starts: if span == Span::Latest { &[] } else { &starts },
            anchor_start: anchor.and_then(|a| self.restart_before(a.0)).unwrap_or(0),
        };
        let mut frame = Frame {
            start,
            end: right,
            now,
            max_gap: spec.max_gap,
        };
        let covered = if let Some(next) = next {
            // A later sample is known: it covers the time before it, also this side of the edge.
            let last = inside.last().copied().or(anchor);
            let inner = last.map_or(0, |l| {
                kernels::covered(
                    &samples,
                    &Frame {
                        end: l.0.max(start),
                        ..frame
                    },
                )
            });
            inner + last.map_or(0, |l| (right - l.0.max(next - spec.max_gap).max(start)).max(0))
        } else {
            kernels::covered(&samples, &frame)
        };
        let tested = aggregate.test.is_some();
        let exempt = span == Span::Latest
            || match aggregate.reduce {
                Reduce::Count => !tested,
                Reduce::Last
                | Reduce::Age
                | Reduce::AgeOfFirst
                | Reduce::AgeOfMin
                | Reduce::AgeOfMax
                | Reduce::Coverage
                | Reduce::Irate
                | Reduce::Idelta
                | Reduce::IncreaseProm
                | Reduce::RateProm
                | Reduce::DeltaProm
                | Reduce::ChangesProm
                | Reduce::ResetsProm => true,
                _ => false,
            };
        let minimum = if aggregate.reduce == Reduce::Rate {
            1
        } else {
            kernels::minimum_samples(aggregate.reduce)
        };
        let need = if exempt {
            minimum
        } else {
            minimum.max(settings.min_samples)
        };
        if let Span::Last { count, .. } = span {
            if !exempt && have < count.max(need) {
                return Err(Undefined::TooFewSamples {
                    have,
                    need: count.max(need),
                });
            }
            frame.start = times.first().map_or(start, |first| anchor.map_or(first - 1, |a| a.0));
        } else if !exempt {
            if covered * 1000 < (settings.min_coverage * 1000.0) as Millis * length {
                return Err(Undefined::Coverage {
                    have,
                    expected: (length / spec.interval).max(1) as u32,
                    covered: (covered as f64 / length as f64 * 1000.0) as u16,
                    required: (settings.min_coverage * 1000.0) as u16,
                });
            }
            if have < need {
                return Err(Undefined::TooFewSamples { have, need });
            }
        }
        let value = match (&aggregate.test, aggregate.reduce) {
            (Some(Test::Within { lo, hi, negate }), reduce) => kernels::within(reduce, &samples, *lo, *hi, *negate),
            (_, Reduce::Coverage) => {
                let covered = if matches!(span, Span::Last { .. }) {
                    kernels::covered(&samples, &frame)
                } else {
                    covered
                };
                Some(covered.min(length) as f64 / length as f64)
            }
            (_, reduce) => kernels::reduce(reduce, &samples, &frame, &mut Vec::new()),
        };
        match value {
            Some(v) if v.is_finite() => Ok(v),
            Some(_) => Err(Undefined::NotFinite),
            None => Err(Undefined::TooFewSamples {
                have,
                need: need.max(have + 1),
            }),
        }
    }
}
