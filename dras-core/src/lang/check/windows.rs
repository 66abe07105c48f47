//! Checking of metrics, windows and offsets.

use super::super::ast::{NodeId, NodeKind, WindowSyntax};
use super::super::graph::{GraphId, Input, Op};
use super::super::types::{Type, Value};
use super::{Checked, Checker, Want};
use crate::diagnostic::codes;
use crate::metrics::needs::MAX_LENGTH;
use crate::metrics::{Across, Aggregate, Kind, MetricId, Reduce, Span, Window};
use crate::units::{Millis, Unit};

/// The longest window and offset: what a plan keeps, five years.
const LONGEST: Millis = MAX_LENGTH;

impl Checker<'_> {
    pub(super) fn window(&mut self, id: NodeId, of: NodeId, window: WindowSyntax, across_marks: bool) -> Checked {
        let metric = match self.checked[of.index()] {
            Checked::Series {
                metric,
                window,
                range: false,
            } if window == Window::latest() => metric,
            Checked::Error => return Checked::Error,
            Checked::Series { .. } => {
                let d = self
                    .error(codes::WINDOW_OF_NON_METRIC, id, "a window of a window".to_owned())
                    .help("write one window, and `offset` after it");
                self.report(d);
                return Checked::Error;
            }
            _ => {
                let text = self.text_of(of);
                let d = self
                    .error(
                        codes::WINDOW_OF_NON_METRIC,
                        of,
                        format!("`{text}` is not a metric and has no samples over time"),
                    )
                    .label("not a metric");
                let metric = self.metric_in(of);
                let d = match (self.ast.node(of).kind, metric) {
                    (NodeKind::Call(name, ..), Some(metric)) => {
                        let name = self.ast.text(name);
                        d.help(format!(
                            "the window stands at the metric, inside the function: `{name}({metric}[…])`"
                        ))
                    }
                    (_, Some(metric)) => d.help(format!(
                        "each metric has a window of its own, reduced before computing: `avg({metric}[…])`"
                    )),
                    _ => d.help(self.known_metrics()),
                };
                self.report(d);
                return Checked::Error;
            }
        };
        let interval = self.scope.catalogue().spec(metric).interval;
        let span = match window {
            WindowSyntax::Sliding(length) => {
                let Some(length) = self.duration(length, false) else {
                    return Checked::Error;
                };
                let is_event = self.scope.catalogue().spec(metric).kind == Kind::Event;
                if length < 2 * interval && !is_event {
                    let d = self
                        .error(
                            codes::SHORT_WINDOW,
                            id,
                            "this window often holds one sample or none".to_owned(),
                        )
                        .label(format!("the metric is sampled every {}", seconds(interval)))
                        .help(format!("make it at least {}", seconds(4 * interval)));
                    self.report(d);
                }
                Span::Sliding(length)
            }
            WindowSyntax::Current(length) => match self.duration(length, false) {
                Some(length) => Span::Current(length),
                None => return Checked::Error,
            },
            WindowSyntax::Previous(length) => match self.duration(length, false) {
                Some(length) => Span::Previous(length),
                None => return Checked::Error,
            },
            WindowSyntax::Last(count, max_age) => {
                let (count, max_age) = (self.sample_count(count), max_age.map(|id| self.duration(id, false)));
                let Some(count) = count else { return Checked::Error };
                if max_age.is_none() && self.scope.catalogue().spec(metric).kind == Kind::Event {
                    let text = self.text_of(of);
                    let d = self
                        .error(
                            codes::BAD_WINDOW_LENGTH,
                            id,
                            format!("`{text}` holds events, which come at any time: say how old they may be"),
                        )
                        .help(format!("write `{text}[{count} samples in 1h]`"));
                    self.report(d);
                    return Checked::Error;
                }
                let max_age = match max_age {
                    Some(Some(max_age)) => max_age,
                    Some(None) => return Checked::Error,
                    // Every sample may stand for up to 2.5 intervals; an older set says nothing about now.
                    None => interval.saturating_mul(Millis::from(count)).saturating_mul(5) / 2,
                };
                Span::Last {
                    count,
                    max_age: max_age.min(LONGEST),
                }
            }
        };
        let window = Window {
            span,
            offset: 0,
            across_marks,
        };
        self.series[id.index()] = Some((metric, window));
        Checked::Series {
            metric,
            window,
            range: true,
        }
    }

    pub(super) fn offset(&mut self, id: NodeId, of: NodeId, by: NodeId) -> Checked {
        match self.checked[of.index()] {
            Checked::Series {
                metric,
                mut window,
                range,
            } if window.offset == 0 => {
                let Some(offset) = self.duration(by, true) else {
                    return Checked::Error;
                };
                window.offset = offset;
                if range {
                    self.series[id.index()] = Some((metric, window));
                }
                Checked::Series { metric, window, range }
            }
            Checked::Error => Checked::Error,
            Checked::Series { .. } => {
                let d = self
                    .error(codes::WINDOW_OF_NON_METRIC, id, "an offset of an offset".to_owned())
                    .help("write one offset, the sum of both");
                self.report(d);
                Checked::Error
            }
            _ => {
                let text = self.text_of(of);
                let d = self
                    .error(
                        codes::WINDOW_OF_NON_METRIC,
                        id,
                        format!("`offset` moves a metric or a window, and `{text}` is neither"),
                    )
                    .help("write it right after the window: `avg(cpu[5m] offset 1d)`");
                self.report(d);
                Checked::Error
            }
        }
    }

    /// The first metric in a part of the tree.
    fn metric_in(&self, id: NodeId) -> Option<String> {
        let span = self.ast.node(id).span;
        let inside = self.ast.nodes[..id.index()].iter().filter(|n| n.span.to(span) == span);
        inside
            .filter_map(|n| match n.kind {
                NodeKind::Name(index) => Some(self.ast.text(index)),
                _ => None,
            })
            .find(|name| self.scope.catalogue().id(name).is_some())
            .map(str::to_owned)
    }

    fn known_metrics(&self) -> String {
        const SHOWN: usize = 8;
        let names: Vec<String> = self
            .scope
            .catalogue()
            .iter()
            .take(SHOWN)
            .map(|(_, spec)| format!("`{}`", spec.name))
            .collect();
        match (names.is_empty(), self.scope.catalogue().len() > SHOWN) {
            (true, _) => "there are no metrics here: declare some".to_owned(),
            (false, more) => format!("metrics here: {}{}", names.join(", "), if more { ", …" } else { "" }),
        }
    }

    /// A constant duration, in ms.
    pub(super) fn duration(&mut self, id: NodeId, zero_allowed: bool) -> Option<Millis> {
        let value = self.one(id)?;
        let Some(Value::Number(length)) = self.graph.constant(value) else {
            self.not_constant(id, value);
            return None;
        };
        if self.graph.ty(value) != Type::Number(Unit::SECONDS) && !(length == 0.0 && zero_allowed) {
            let text = self.text_of(id);
            let d = self
                .error(
                    codes::UNIT_MISMATCH,
                    id,
                    format!(
                        "a duration is needed, and `{text}` is {}",
                        self.graph.ty(value).describe()
                    ),
                )
                .label("not a duration")
                .help(match self.literal(id) {
                    Some(digits) => format!("write `{digits}s`, `{digits}m`, `{digits}h` or `{digits}d`"),
                    None => "write a duration such as `5m`".to_owned(),
                });
            self.report(d);
            return None;
        }
        let milliseconds = (length * 1000.0).round();
        let shortest = if zero_allowed { 0.0 } else { 1.0 };
        if !(shortest..=LONGEST as f64).contains(&milliseconds) {
            let d = self
                .error(
                    codes::BAD_WINDOW_LENGTH,
                    id,
                    format!("`{}` is not a possible length of time here", self.text_of(id)),
                )
                .label(if zero_allowed {
                    "from 0s to 5 years"
                } else {
                    "from 1ms to 5 years"
                })
                .help(
                    "windows and offsets look back from the time of the look: write a positive duration such as `5m`",
                );
            self.report(d);
            return None;
        }
        Some(milliseconds as Millis)
    }

    fn sample_count(&mut self, id: NodeId) -> Option<u32> {
        let value = self.one(id)?;
        let Some(Value::Number(count)) = self.graph.constant(value) else {
            self.not_constant(id, value);
            return None;
        };
        let plain = self.graph.ty(value) == Type::NUMBER;
        if !plain || count.fract() != 0.0 || !(1.0..=1e6).contains(&count) {
            let d = self
                .error(
                    codes::BAD_WINDOW_LENGTH,
                    id,
                    "a number of samples is a whole number from 1 to 1000000".to_owned(),
                )
                .help("write `[20 samples]`");
            self.report(d);
            return None;
        }
        Some(count as u32)
    }

    pub(super) fn not_constant(&mut self, id: NodeId, value: GraphId) {
        let text = self.text_of(id);
        let message = if self.graph.ty(value).unit().is_some() {
            format!("`{text}` is not known when the rule is compiled")
        } else {
            format!(
                "`{text}` is {}, and a constant number is needed",
                self.graph.ty(value).describe()
            )
        };
        let d = self
            .error(codes::NOT_CONSTANT, id, message)
            .label("not a constant")
            .help("write a literal, or a parameter of the document");
        self.report(d);
    }

    /// The value of a metric, or of a window's samples, where it stands.
    pub(super) fn resolve(&mut self, id: NodeId, metric: MetricId, window: Window, range: bool) -> Option<GraphId> {
        let ty = self.sample_type(metric);
        if range {
            return Some(self.graph.add(Op::SampleLeaf(metric, window), ty));
        }
        let spec = self.scope.catalogue().spec(metric);
        if spec.kind == Kind::Counter {
            let name = spec.name.clone();
            let d = self
                .error(
                    codes::COUNTER_AS_GAUGE,
                    id,
                    format!("`{name}` counts since the start of its process"),
                )
                .label("the value of a counter")
                .help(format!("write `rate({name}[5m])` or `increase({name}[5m])`"));
            self.report(d);
        }
        self.leaf(
            id,
            Aggregate {
                metric,
                window,
                reduce: Reduce::Last,
                test: None,
            },
            None,
            spec.across,
            ty,
        )
    }

    /// The type of one sample of the metric.
    pub(super) fn sample_type(&self, metric: MetricId) -> Type {
        let spec = self.scope.catalogue().spec(metric);
        if spec.kind == Kind::Event {
            Type::Text
        } else {
            Type::Number(spec.unit.dimension)
        }
    }

    /// An aggregate where it stands: each instance's, or all instances' together. `test` is the index of a test that only the
    /// language can make.
    pub(super) fn leaf(
        &mut self,
        id: NodeId,
        aggregate: Aggregate,
        test: Option<u32>,
        across: Across,
        ty: Type,
    ) -> Option<GraphId> {
        let most = self.limits.max_aggregates;
        if self.graph.aggregates.len() >= most && !self.graph.knows(&aggregate) {
            if !self.too_many_windows {
                self.too_many_windows = true;
                let d = self
                    .error(
                        codes::TOO_MANY_WINDOWS,
                        id,
                        format!("more than {most} different windows of metrics"),
                    )
                    .label("one window too many")
                    .help("use the same windows again, or raise the limit where the library is called");
                self.report(d);
            }
            return None;
        }
        let aggregate = self.graph.aggregate(aggregate);
        if self.wants[id.index()] == Want::Each {
            return Some(self.graph.add(Op::InstanceLeaf(aggregate, test), ty));
        }
        let input = if ty == Type::Text {
            Input::Text { aggregate }
        } else {
            let test = test.map(|index| self.graph.caller_tests[index as usize].clone());
            Input::Reduced {
                aggregate,
                across,
                test,
            }
        };
        Some(self.graph.input(input, ty))
    }
}

fn seconds(ms: Millis) -> String {
    crate::units::display_quantity(ms as f64 / 1000.0, Unit::SECONDS)
}
