//! The time line of one replay as people read it, and what it came to in the end.
//!
//! A recording cannot follow advice, so the time line says what *would* be done, once; as long as the advice stays the same it is "still"
//! given. Rows are printed where something changes, and every now and then where nothing does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dras_core::engine::{DecisionReport, Policy, RuleReport, RuleState};
use dras_core::units::{Unit, display_quantity};

use crate::replay::{Look, NewsKind, Seen};
use crate::screen::{Outcome, Row, Screen, Style, elapsed, fit, wrap};
use crate::trace::Trace;

/// Rows where nothing changes stand at least this far apart.
const QUIET: i64 = 30_000;
/// The most of them in one time line.
const QUIET_ROWS: i64 = 10;
/// Longer names of traces are cut in the table.
const LONGEST_NAME: usize = 30;
/// Where the texts under a row begin.
const INDENT: usize = 10;

/// The metric that the sparkline shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lead {
    /// Delay of the source.
    #[default]
    Delay,
    /// Busiest subtask.
    Busy,
    /// Fullest heap.
    Heap,
}

impl Lead {
    fn name(self) -> &'static str {
        match self {
            Lead::Delay => "source delay",
            Lead::Busy => "busiest subtask",
            Lead::Heap => "fullest heap",
        }
    }

    fn value(self, seen: &Seen) -> f64 {
        match self {
            Lead::Delay => seen.delay,
            Lead::Busy => seen.busy,
            Lead::Heap => seen.heap,
        }
    }

    /// What the sparkline's lowest and full block stand for. A few ms of delay are no peak.
    fn bounds(self, trend: &[f64]) -> (f64, f64) {
        match self {
            Lead::Delay => (0.0, trend.iter().copied().fold(1.0, f64::max)),
            Lead::Busy | Lead::Heap => (0.0, 1.0),
        }
    }

    fn shown(self, value: f64) -> String {
        match self {
            _ if value.is_nan() => "no sample".to_owned(),
            Lead::Delay if value < 60.0 => format!("{value:.1}s"),
            Lead::Delay => elapsed((value * 1000.0) as i64),
            Lead::Busy | Lead::Heap => percent(value),
        }
    }
}

fn duration(ms: i64) -> String {
    display_quantity(ms as f64 / 1000.0, Unit::SECONDS)
}

fn percent(share: f64) -> String {
    if share.is_nan() {
        "–".to_owned()
    } else {
        format!("{:.0}%", share * 100.0)
    }
}

/// What one replay came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// The trace.
    pub name: String,
    /// How many looks there were.
    pub looks: usize,
    /// The rules that fired, each with ms since the beginning, in the order in which they did.
    pub fired: Vec<(String, i64)>,
    /// The first advice, with ms since the beginning.
    pub first: Option<(String, i64)>,
    /// What the driver of the recording did meanwhile.
    pub really: String,
}

impl Summary {
    fn advice(&self) -> String {
        match &self.first {
            Some((advice, at)) => format!("{advice} after {}", elapsed(*at)),
            None => "none".to_owned(),
        }
    }

    fn rules(&self) -> String {
        let rules: Vec<&str> = self.fired.iter().map(|f| f.0.as_str()).collect();
        if rules.is_empty() {
            "none".to_owned()
        } else {
            rules.join(", ")
        }
    }
}

/// Writes the time line of one replay.
#[derive(Debug)]
pub struct Timeline<'p> {
    screen: Screen,
    policy: &'p Policy,
    lead: Lead,
    quiet: i64,
    text: String,
    trend: Vec<f64>,
    /// The state of each rule at the look before.
    states: Vec<RuleState>,
    /// The advice that stands, what it is of, and since when.
    advice: Option<(String, i64)>,
    /// The rules whose reasons were told since the advice stands.
    told: Vec<usize>,
    last_row: Option<i64>,
    summary: Summary,
}

impl<'p> Timeline<'p> {
    /// The time line of a trace, with its heading. `look_for` says what there is to see.
    pub fn new(screen: Screen, policy: &'p Policy, trace: &Trace, lead: Lead, look_for: &str) -> Timeline<'p> {
        let length = trace.end() - trace.start;
        let steps = length.div_euclid(QUIET * QUIET_ROWS) + 1;
        let later = trace.events.iter().filter(|e| e.time > trace.start);
        let mut really: Vec<String> = later
            .map(|e| format!("{} {}", elapsed(e.time - trace.start), e.what))
            .collect();
        if really.is_empty() {
            really.extend(trace.events.last().map(|e| e.what.clone()));
            really.push("nothing else was done".to_owned());
        }
        let mut timeline = Timeline {
            screen,
            policy,
            lead,
            quiet: steps * QUIET,
            text: String::new(),
            trend: Vec::new(),
            states: vec![RuleState::NotMet; policy.rules().count()],
            advice: None,
            told: Vec::new(),
            last_row: None,
            summary: Summary {
                name: trace.name.clone(),
                really: really.join(" · "),
                ..Summary::default()
            },
        };
        timeline.heading(trace, look_for);
        timeline
    }

    fn heading(&mut self, trace: &Trace, look_for: &str) {
        self.text.push_str(&self.screen.title(&trace.name));
        self.paragraph(None, &trace.about);
        if !look_for.is_empty() {
            self.paragraph(None, &format!("Look for: {look_for}"));
        }
        let resources = trace.facts.first().map_or(String::new(), |f| {
            let s = |n: u32| if n == 1 { "" } else { "s" };
            format!(
                "parallelism {} on {} TaskManager{} of {} MiB with {} slot{} each; ",
                f.parallelism,
                f.task_managers,
                s(f.task_managers),
                trace.task_manager_memory / 1_048_576,
                f.slots.checked_div(f.task_managers).unwrap_or(0),
                s(f.slots.checked_div(f.task_managers).unwrap_or(0)),
            )
        });
        let line = format!(
            "{resources}{} recorded, a sample every {}",
            duration((trace.end() - trace.start + 500).div_euclid(1000) * 1000),
            duration(trace.interval)
        );
        self.paragraph(Some(Style::Dim), &line);
        self.text.push('\n');
        self.text.push_str(&self.screen.header(self.lead.name()));
    }

    fn paragraph(&mut self, style: Option<Style>, text: &str) {
        for line in wrap(text, self.screen.width()) {
            let line = style.map_or(line.clone(), |style| self.screen.paint(style, &line));
            let _ = writeln!(self.text, "{line}");
        }
    }

    /// Adds a look.
    pub fn look(&mut self, look: &Look<'_>) {
        self.summary.looks += 1;
        self.trend.push(self.lead.value(&look.seen));
        for news in look.news {
            self.news(news.time - (look.time - look.elapsed), &news.kind);
        }

        let states: Vec<RuleState> = look.decision.states().collect();
        let active = |s: &RuleState| matches!(s, RuleState::Fired | RuleState::Holding);
        let changed = states
            .iter()
            .zip(&self.states)
            .any(|(now, before)| now != before && (active(now) || active(before)));
        // While advice stands, less of nothing new.
        let quiet = if self.advice.is_some() {
            self.quiet * 2
        } else {
            self.quiet
        };
        let due = self.last_row.is_none_or(|last| look.elapsed - last >= quiet);
        if changed || due || self.advice.is_some() || !look.decision.changes().is_empty() {
            self.row(look, &states, changed || due);
        }
        self.states = states;
    }

    fn news(&mut self, at: i64, kind: &NewsKind) {
        let (symbol, style, text) = match kind {
            NewsKind::Driver(what) => ("▸", Style::Warning, what.clone()),
            NewsKind::Mark(_, what) => {
                let warm_up = duration(self.policy.plan().settings().warm_up);
                ("↻", Style::Warning, format!("{what} (warm-up {warm_up})"))
            }
            NewsKind::Exception(text) => ("✗", Style::Alert, text.clone()),
            NewsKind::State(state) => ("◇", Style::Dim, format!("job is {state}")),
        };
        let text = fit(&text, self.screen.width() - INDENT - 2);
        let line = self.screen.paint(style, &format!("{symbol} {}", text.trim_end()));
        let _ = writeln!(self.text, "{:>8}  {line}", elapsed(at));
    }

    /// Adds a row with what was decided; where nothing is due and the advice is the old one, nothing.
    fn row(&mut self, look: &Look<'_>, states: &[RuleState], due: bool) {
        let report = look.decision.report();
        let changes: Vec<String> = report.changes.iter().map(ToString::to_string).collect();
        let advice = (!changes.is_empty()).then(|| changes.join(", "));
        let before = self.advice.clone();
        let same = advice.as_deref() == before.as_ref().map(|b| b.0.as_str());
        if !due && same {
            return;
        }
        for rule in report.rules.iter().filter(|r| r.state == RuleState::Fired) {
            if !self.summary.fired.iter().any(|f| f.0 == rule.rule) {
                self.summary.fired.push((rule.rule.clone(), look.elapsed));
            }
        }
        let line = match (&advice, &before) {
            (Some(advice), Some((old, since))) if advice == old => Some((
                Style::Dim,
                format!("still, for {}: {advice}", duration(look.elapsed - since)),
            )),
            (Some(advice), _) => Some((Style::Strong, format!("would: {advice}"))),
            (None, Some(_)) => Some((Style::Dim, "no advice any more".to_owned())),
            (None, None) => None,
        };
        self.moment(
            look,
            &report,
            line.as_ref().map(|(style, text)| (*style, text.as_str())),
        );
        if !same {
            self.advice = advice.map(|advice| (advice, look.elapsed));
            if self.advice.is_none() {
                self.told.clear();
            } else if self.summary.first.is_none() {
                self.summary.first.clone_from(&self.advice);
            }
        }
        self.reasons(&report, states);
        self.last_row = Some(look.elapsed);
    }

    fn moment(&mut self, look: &Look<'_>, report: &DecisionReport, decision: Option<(Style, &str)>) {
        let seen = &look.seen;
        let seen_text = format!(
            "cpu {:>4} busy {:>4} heap {:>4}",
            percent(seen.cpu),
            percent(seen.busy),
            percent(seen.heap)
        );
        let mut rules: Vec<(&str, Outcome)> = Vec::new();
        for (wanted, outcome) in [(RuleState::Fired, Outcome::Fired), (RuleState::Holding, Outcome::Held)] {
            rules.extend(
                report
                    .rules
                    .iter()
                    .filter(|r| r.state == wanted)
                    .map(|r| (r.rule.as_str(), outcome)),
            );
        }
        let undefined = report.rules.iter().filter(|r| r.state == RuleState::Undefined).count();
        let lacking = match look.warm_up {
            Some(left) => format!("warm-up {}", elapsed(left)),
            None if undefined == 1 => "1 lacks data".to_owned(),
            None => format!("{undefined} lack data"),
        };
        if undefined > 0 {
            rules.push((&lacking, Outcome::Undefined));
        } else if rules.is_empty() {
            rules.push(("quiet", Outcome::Quiet));
        }
        let value = self.lead.shown(self.lead.value(seen));
        let row = Row {
            elapsed: look.elapsed,
            trend: &self.trend,
            bounds: Some(self.lead.bounds(&self.trend)),
            value: &value,
            seen: &seen_text,
            rules: &rules,
            decision,
        };
        self.text.push_str(&self.screen.row(&row));
    }

    /// Why: the rules that fired and were not told of since the advice stands, and those that cannot be answered any more.
    fn reasons(&mut self, report: &DecisionReport, states: &[RuleState]) {
        let docs: BTreeMap<&str, &str> = self.policy.rules().map(|r| (r.name.as_str(), r.doc.as_str())).collect();
        for (index, rule) in report.rules.iter().enumerate() {
            let was = self.states.get(index).copied().unwrap_or(RuleState::NotMet);
            match states[index] {
                RuleState::Fired if !self.told.contains(&index) => {
                    self.told.push(index);
                    self.reason(rule, docs.get(rule.rule.as_str()).copied().unwrap_or_default());
                }
                RuleState::Undefined if matches!(was, RuleState::Fired | RuleState::Holding) => {
                    self.told.retain(|i| *i != index);
                    self.indented(0, Some(Style::Dim), &format!("{}: {}", rule.rule, rule.outcome()));
                }
                RuleState::Fired => {}
                _ => self.told.retain(|i| *i != index),
            }
        }
    }

    fn reason(&mut self, rule: &RuleReport, doc: &str) {
        let head = if doc.is_empty() {
            rule.rule.clone()
        } else {
            format!("{}: {doc}", rule.rule)
        };
        self.indented(0, None, &head);
        for line in &rule.explanation {
            self.indented(2, Some(Style::Dim), line);
        }
        for proposal in &rule.proposals {
            self.indented(2, None, &format!("⇒ {proposal}"));
            for line in &proposal.explanation {
                self.indented(4, Some(Style::Dim), line);
            }
        }
    }

    fn indented(&mut self, more: usize, style: Option<Style>, text: &str) {
        let indent = INDENT + 2 + more;
        for (i, line) in wrap(text, self.screen.width() - indent - 2).into_iter().enumerate() {
            let line = if i == 0 { line } else { format!("  {line}") };
            let line = style.map_or(line.clone(), |style| self.screen.paint(style, &line));
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }

    /// The text, and what it came to.
    pub fn finish(mut self) -> (String, Summary) {
        self.text.push('\n');
        (self.text, self.summary)
    }
}

/// All replays: for each what was advised, which rules fired, and what was really done.
pub fn table(screen: &Screen, summaries: &[Summary]) -> String {
    let widest = |texts: &[String]| texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
    let names: Vec<String> = summaries.iter().map(|s| s.name.clone()).collect();
    let name = widest(&names).clamp("scenario".len(), LONGEST_NAME);
    let advice: Vec<String> = summaries.iter().map(Summary::advice).collect();
    let fired: Vec<String> = summaries.iter().map(Summary::rules).collect();
    let column = widest(&advice).max("first advice".len());
    // Advice and rules stand beside the name where there is room for all of them.
    let beside = name + 9 + column + 2 + widest(&fired).max("rules that fired".len()) <= screen.width();

    let mut text = screen.title("What it came to");
    let head = format!("{:name$}  looks", "scenario");
    let head = if beside {
        format!("{head}  {:column$}  rules that fired", "first advice")
    } else {
        head
    };
    let _ = writeln!(text, "{}", screen.paint(Style::Dim, &head));
    for ((summary, advice), fired) in summaries.iter().zip(&advice).zip(&fired) {
        let line = format!("{}  {:>5}", fit(&summary.name, name), summary.looks);
        let line = if beside {
            format!("{line}  {advice:column$}  {fired}")
        } else {
            line
        };
        let style = if summary.first.is_some() {
            Style::Strong
        } else {
            Style::Good
        };
        let _ = writeln!(text, "{}", screen.paint(style, &line));
        let mut below = |label: &str, what: &str| {
            for (i, line) in wrap(what, screen.width() - name - 10).into_iter().enumerate() {
                let label = if i == 0 { label } else { "" };
                let line = format!("{:name$}  {label:<7} {line}", "");
                let _ = writeln!(text, "{}", screen.paint(Style::Dim, line.trim_end()));
            }
        };
        if !beside {
            below("first:", advice);
            below("fired:", fired);
        }
        below("really:", &summary.really);
    }
    text
}
