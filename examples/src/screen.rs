//! What the demo shows on a terminal: a time line with a sparkline, colours where they are wanted, a progress line while it works.
//!
//! Everything that makes text is a pure function; [`Screen`] only knows how wide the terminal is and whether to use colour.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// The narrowest screen that rows are laid out for; a narrower terminal wraps them itself.
pub const MIN_WIDTH: usize = 60;

const DEFAULT_WIDTH: usize = 100;
const TIME: usize = 8;
const SPARK: usize = 16;
const VALUE: usize = 10;
const SEEN: usize = 28;

/// How a piece of text is emphasised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A heading or a decision.
    Strong,
    /// Of little weight.
    Dim,
    /// As it should be.
    Good,
    /// Needs a look.
    Warning,
    /// Acted on, or wrong.
    Alert,
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its condition is false.
    Quiet,
    /// Its condition is true, and it acts.
    Fired,
    /// Its condition is true, but has not been for long enough.
    Held,
    /// Its condition is undefined for lack of data.
    Undefined,
}

impl Outcome {
    fn mark(self) -> (&'static str, Style) {
        match self {
            Outcome::Quiet => ("·", Style::Dim),
            Outcome::Fired => ("●", Style::Alert),
            Outcome::Held => ("◐", Style::Warning),
            Outcome::Undefined => ("?", Style::Dim),
        }
    }
}

/// One moment of the replay.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Ms since the replay began.
    pub elapsed: i64,
    /// The leading metric up to now; NaN where there was no sample.
    pub trend: &'a [f64],
    /// What the lowest and the full block of its sparkline stand for; `None` as in [`sparkline`].
    pub bounds: Option<(f64, f64)>,
    /// Its newest value as people write it.
    pub value: &'a str,
    /// What was seen at this moment.
    pub seen: &'a str,
    /// The rules with what they came to.
    pub rules: &'a [(&'a str, Outcome)],
    /// What was decided, if anything, and how that is emphasised.
    pub decision: Option<(Style, &'a str)>,
}

/// How wide the terminal is, and whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    color: bool,
    width: usize,
}

impl Screen {
    /// The screen behind standard output: colour only where it is a terminal and `NO_COLOR` is not set, as wide as `COLUMNS` says, else 100.
    pub fn detect() -> Screen {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let columns = std::env::var("COLUMNS").ok();
        Screen::new(io::stdout().is_terminal() && !set("NO_COLOR"), columns.as_deref())
    }

    /// A screen with or without colour; `columns` is the width as `COLUMNS` says it, and anything that is not a whole number means 100.
    pub fn new(color: bool, columns: Option<&str>) -> Screen {
        let width = columns
            .and_then(|c| c.trim().parse().ok())
            .filter(|&c| c > 0)
            .unwrap_or(DEFAULT_WIDTH);
        Screen {
            color,
            width: width.clamp(MIN_WIDTH, 1000),
        }
    }

    /// The width that rows are laid out for, in columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `text` in `style`, or as it is where there is no colour.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Strong => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Warning => "33",
            Style::Alert => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A title, cut where it is too long, with a rule as wide as the screen under it.
    pub fn title(&self, text: &str) -> String {
        format!(
            "{}\n{}\n",
            self.paint(Style::Strong, fit(text, self.width).trim_end()),
            self.paint(Style::Dim, &"─".repeat(self.width))
        )
    }

    /// The names of the columns of [`row`](Screen::row); `metric` is the leading metric's.
    pub fn header(&self, metric: &str) -> String {
        let metric = fit(metric, SPARK + 1 + VALUE);
        let line = format!("{:>TIME$}  {metric}  {}  rules", "elapsed", fit("seen", SEEN));
        format!("{}\n", self.paint(Style::Dim, fit(&line, self.width).trim_end()))
    }

    /// What the marks in front of the rules mean, and then `more` such explanations.
    pub fn legend(&self, more: &[&str]) -> String {
        let all = [
            (Outcome::Quiet, "quiet"),
            (Outcome::Fired, "fired"),
            (Outcome::Held, "true, not yet for long enough"),
            (Outcome::Undefined, "not enough data"),
        ];
        let marks = all
            .into_iter()
            .map(|(outcome, name)| (name.chars().count() + 2, self.rule(name, outcome)));
        let more = more
            .iter()
            .map(|text| (text.chars().count(), self.paint(Style::Dim, text)));
        let mut legend = String::new();
        let mut column = 0;
        for (width, part) in marks.chain(more) {
            if column > 0 && column + 3 + width > self.width {
                legend.push('\n');
                column = 0;
            } else if column > 0 {
                legend.push_str("   ");
                column += 3;
            }
            legend.push_str(&part);
            column += width;
        }
        legend.push('\n');
        legend
    }

    fn rule(&self, name: &str, outcome: Outcome) -> String {
        let (mark, style) = outcome.mark();
        self.paint(style, &format!("{mark} {name}"))
    }

    /// One moment: elapsed time, sparkline and value of the leading metric, what was seen, the rules, and on lines of its own the decision.
    pub fn row(&self, row: &Row<'_>) -> String {
        let mut line = format!(
            "{:>TIME$}  {} {:>VALUE$}  ",
            elapsed(row.elapsed),
            sparkline(row.trend, SPARK, row.bounds),
            fit(row.value, VALUE).trim_end()
        );
        let before = TIME + 2 + SPARK + 1 + VALUE + 2;
        let beside = before + SEEN + 2;
        let longest = row
            .rules
            .iter()
            .map(|rule| rule.0.chars().count() + 2)
            .max()
            .unwrap_or(0);
        // The rules stand beside what was seen and go on under themselves; where the longest does not fit there, on lines of their own.
        let (indent, mut column) = if beside + longest <= self.width {
            (beside, beside)
        } else {
            (TIME + 2, self.width)
        };
        line.push_str(&fit(
            row.seen,
            if indent == beside { SEEN } else { self.width - before },
        ));
        line.push_str("  ");
        for &(name, outcome) in row.rules {
            let name: String = name.chars().take(self.width - indent - 2).collect();
            let width = name.chars().count() + 2;
            if column + width > self.width {
                line.truncate(line.trim_end().len());
                let _ = write!(line, "\n{:indent$}", "");
                column = indent;
            }
            line.push_str(&self.rule(&name, outcome));
            line.push_str("  ");
            column += width + 2;
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        if let Some((style, decision)) = row.decision {
            let indent = TIME + 2;
            for (i, part) in wrap(decision, self.width - indent - 2).iter().enumerate() {
                let arrow = if i == 0 { "→ " } else { "  " };
                let _ = writeln!(line, "{:indent$}{}", "", self.paint(style, &format!("{arrow}{part}")));
            }
        }
        line
    }

    /// Writes a [`row`](Screen::row).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_row(&self, out: &mut impl Write, row: &Row<'_>) -> io::Result<()> {
        out.write_all(self.row(row).as_bytes())
    }
}

/// The time since the beginning: `45s`, `3m20s`, `1h05m`; sorts by eye when it is aligned to the right.
pub fn elapsed(ms: i64) -> String {
    let sign = if ms <= -1000 { "-" } else { "" };
    let seconds = ms.unsigned_abs() / 1000;
    match seconds {
        0..60 => format!("{sign}{seconds}s"),
        60..3600 => format!("{sign}{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{sign}{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{sign}{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A line of block characters, exactly `width` columns wide, the newest value at the right.
///
/// The lowest block stands for the lower and the full block for the upper of `bounds`, by default for 0 (or the smallest value, where that
/// is negative) and the largest value. Where there are more values than columns each column shows the largest of its share, so that no
/// peak is lost. NaN is a gap; a column without any value is a space.
pub fn sparkline(values: &[f64], width: usize, bounds: Option<(f64, f64)>) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = bounds.unwrap_or_else(|| (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max)));
    let block = |value: f64| {
        if value.is_nan() {
            return ' ';
        }
        let share = if high > low {
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        } else {
            0.0
        };
        // A float becomes an index by saturation: below the range is the lowest block, and infinite is the full one.
        BLOCKS[((share.clamp(0.0, 1.0) * 8.0) as usize).min(7)]
    };
    let columns = values.len().min(width);
    let mut line = " ".repeat(width - columns);
    for column in 0..columns {
        let share = &values[column * values.len() / columns..(column + 1) * values.len() / columns];
        line.push(block(share.iter().copied().fold(f64::NAN, f64::max)));
    }
    line
}

/// `text` in exactly `width` columns: filled with spaces, or cut with an ellipsis. Line breaks become spaces.
pub fn fit(text: &str, width: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let length = text.chars().count();
    if length <= width {
        return text + &" ".repeat(width - length);
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// `text` in lines of at most `width` columns, broken at spaces; a longer word is cut into pieces. Never empty.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().filter(|c| !c.is_control()).collect();
        if used > 0 && used + 1 + rest.len() <= width {
            line.push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while rest.len() > width - used {
            let more = rest.split_off(width - used);
            line.extend(rest);
            lines.push(std::mem::take(&mut line));
            (rest, used) = (more, 0);
        }
        used += rest.len();
        line.extend(rest);
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// How far a long replay is: `replaying  [########------------]  40%  2,000 of 5,000`, at most `width` columns wide.
pub fn progress_line(what: &str, done: u64, total: u64, width: usize) -> String {
    const BAR: usize = 20;
    let done = done.min(total);
    let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    let full = (share * BAR as f64) as usize;
    let line = format!(
        "{what}  [{}{}]  {:>3}%  {} of {}",
        "#".repeat(full),
        "-".repeat(BAR - full),
        (share * 100.0) as u32,
        thousands(done),
        thousands(total)
    );
    fit(&line, width).trim_end().to_owned()
}

/// A whole number with commas between its thousands: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A progress line on standard error that overwrites itself. Where standard error is not a terminal nothing is written.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: u64,
    width: usize,
    shown: Option<u64>,
    visible: bool,
}

impl Progress {
    /// A progress line for `total` steps; written with the first [`set`](Progress::set).
    pub fn new(screen: &Screen, what: impl Into<String>, total: u64) -> Progress {
        // One column less than the screen: a full line would make some terminals scroll.
        Progress {
            what: what.into(),
            total,
            width: screen.width - 1,
            shown: None,
            visible: io::stderr().is_terminal(),
        }
    }

    /// Says that `done` steps are done; writes only when the percentage changed.
    pub fn set(&mut self, done: u64) {
        let percent = done.min(self.total) * 100 / self.total.max(1);
        if self.visible && self.shown != Some(percent) {
            self.shown = Some(percent);
            // Nobody misses a progress line that cannot be written.
            let _ = write!(
                io::stderr(),
                "\r{}\x1b[K",
                progress_line(&self.what, done, self.total, self.width)
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROW: Row<'static> = Row {
        elapsed: 200_000,
        trend: &[0.0, 1.0, 2.0, 4.0, f64::NAN, 8.0],
        bounds: None,
        value: "1m28s",
        seen: "the lag of the source grows without bound",
        rules: &[
            ("cpu", Outcome::Quiet),
            ("source_delay", Outcome::Fired),
            ("memory", Outcome::Held),
            ("oom", Outcome::Undefined),
        ],
        decision: Some((
            Style::Strong,
            "parallelism 1 → 3: delay 1m28s > 1m, catching up within 10m needs 2.4 slots",
        )),
    };

    fn widths(text: &str) -> Vec<usize> {
        text.lines().map(|line| line.chars().count()).collect()
    }

    #[test]
    fn a_row_is_laid_out_in_columns() {
        let screen = Screen::new(false, Some("100"));
        assert_eq!(
            screen.header("source delay") + &screen.row(&ROW),
            " elapsed  source delay                 seen                          rules
   3m20s            ▁▂▃▅ █      1m28s  the lag of the source grows…  · cpu  ● source_delay  ◐ memory
                                                                     ? oom
          → parallelism 1 → 3: delay 1m28s > 1m, catching up within 10m needs 2.4 slots
"
        );
        let quiet = Row {
            seen: "",
            rules: &[],
            decision: None,
            ..ROW
        };
        assert_eq!(screen.row(&quiet), "   3m20s            ▁▂▃▅ █      1m28s\n");
    }

    #[test]
    fn plain_output_has_no_escape_codes() {
        let text =
            |screen: Screen| screen.title("t") + &screen.header("m") + &screen.legend(&["▸ x"]) + &screen.row(&ROW);
        let plain = text(Screen::new(false, None));
        let color = text(Screen::new(true, None));
        assert!(!plain.contains('\x1b') && color.contains("\x1b[1;31m● source_delay\x1b[0m"));
        // The colours add nothing else: without the codes the texts are the same.
        let mut bare = String::new();
        let mut inside = false;
        for c in color.chars() {
            match c {
                '\x1b' => inside = true,
                'm' if inside => inside = false,
                c if !inside => bare.push(c),
                _ => {}
            }
        }
        assert_eq!(bare, plain);
    }

    #[test]
    fn the_width_comes_from_columns() {
        for (columns, width) in [
            (None, 100),
            (Some("80"), 80),
            (Some("0"), 100),
            (Some("wide"), 100),
            (Some("20"), 60),
            (Some("99999"), 1000),
        ] {
            assert_eq!(Screen::new(false, columns).width(), width, "{columns:?}");
        }
    }

    #[test]
    fn sparklines_show_peaks_and_gaps() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(sparkline(&rising, 8, None), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&rising, 10, None), "  ▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&rising, 4, None), "▂▄▆█");
        assert_eq!(sparkline(&[1.0, f64::NAN, 9.0, f64::NAN, f64::NAN], 5, None), "▁ █  ");
        // One value in a share is enough for the column; a share of gaps is a gap.
        assert_eq!(sparkline(&[f64::NAN, 5.0, f64::NAN, f64::NAN], 2, None), "█ ");
        assert_eq!(sparkline(&[0.0, 0.0], 2, None), "▁▁");
        assert_eq!(sparkline(&[0.5, 2.0, -1.0], 3, Some((0.0, 1.0))), "▅█▁");
        assert_eq!(sparkline(&[f64::INFINITY, f64::NEG_INFINITY, 1.0], 3, None), "█▁█");
        assert_eq!(sparkline(&[-f64::MAX, f64::MAX], 2, None), "▁█");
        assert_eq!(sparkline(&[], 3, None), "   ");
    }

    #[test]
    fn times_read_by_eye() {
        for (ms, text) in [
            (0, "0s"),
            (59_999, "59s"),
            (60_000, "1m00s"),
            (200_000, "3m20s"),
            (3_900_000, "1h05m"),
            (90_000_000, "1d01h"),
            (-2000, "-2s"),
            (-999, "0s"),
        ] {
            assert_eq!(elapsed(ms), text);
        }
    }

    #[test]
    fn progress_says_how_far_it_is() {
        assert_eq!(
            progress_line("replaying", 2000, 5000, 80),
            "replaying  [########------------]   40%  2,000 of 5,000"
        );
        assert_eq!(progress_line("x", 7, 5, 80), "x  [####################]  100%  5 of 5");
        assert_eq!(progress_line("x", 0, 0, 80), "x  [####################]  100%  0 of 0");
        assert_eq!(progress_line("replaying", 2000, 5000, 12), "replaying  …");
    }

    proptest! {
        #[test]
        fn a_row_never_leaves_the_screen(
            columns in 1_usize..200,
            seen in ".{0,40}",
            names in prop::collection::vec("[a-z_]{1,30}", 0..6),
            decision in ".{0,200}",
            trend in prop::collection::vec(any::<f64>(), 0..60),
        ) {
            let screen = Screen::new(false, Some(&columns.to_string()));
            let rules: Vec<_> = names.iter().map(|n| (n.as_str(), Outcome::Held)).collect();
            let row = Row { seen: &seen, rules: &rules, decision: Some((Style::Dim, &decision)), trend: &trend, ..ROW };
            let text = screen.row(&row);
            prop_assert!(widths(&text).iter().all(|&w| w <= screen.width()), "{}", text);
            for name in &names {
                prop_assert!(text.contains(name.as_str()));
            }
        }

        #[test]
        fn a_sparkline_is_as_wide_as_asked(values in prop::collection::vec(any::<f64>(), 0..200), width in 0_usize..60) {
            prop_assert_eq!(sparkline(&values, width, None).chars().count(), width);
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z ]{0,80}", width in 1_usize..30) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|l| l.chars().count() <= width));
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }

        #[test]
        fn fitting_is_exact(text in ".{0,40}", width in 0_usize..50) {
            prop_assert_eq!(fit(&text, width).chars().count(), width);
        }
    }
}
