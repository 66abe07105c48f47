//! The text form of a diagnostic, in the manner of rustc.

use std::fmt;

use super::{Diagnostic, Severity};

/// The most characters of a source line that are shown; longer lines are cut around the span.
const SHOWN: usize = 110;

pub(super) fn render(d: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let kind = match d.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    write!(f, "{kind}[{}]: {}", d.code.id(), visible(&d.message))?;
    let mut gutter = String::new();
    match (d.source.as_deref(), d.line_and_column()) {
        (Some(source), Some((line, column))) => {
            let number = line.to_string();
            gutter = " ".repeat(number.len());
            let place = if d.path.is_empty() { "expression" } else { &d.path };
            write!(f, "\n{gutter}--> {place}:{line}:{column}")?;
            let excerpt = Excerpt::of(source, d);
            write!(f, "\n{gutter} |\n{number} | {}", excerpt.text)?;
            write!(
                f,
                "\n{gutter} | {}{}",
                " ".repeat(excerpt.indent),
                "^".repeat(excerpt.carets)
            )?;
            if !d.label.is_empty() {
                write!(f, " {}", visible(&d.label))?;
            }
        }
        _ if !d.path.is_empty() => write!(f, "\n --> {}", d.path)?,
        _ => {}
    }
    if let Some(help) = &d.help {
        write!(f, "\n{gutter} = help: {}", visible(help))?;
    }
    Ok(())
}

/// The part of the source line that is shown, and where the carets go, in characters.
struct Excerpt {
    text: String,
    indent: usize,
    carets: usize,
}

impl Excerpt {
    fn of(source: &str, d: &Diagnostic) -> Excerpt {
        let start = (d.span.start as usize).min(source.len());
        let line_start = source.get(..start).and_then(|s| s.rfind('\n')).map_or(0, |p| p + 1);
        let line_end = source
            .get(start..)
            .and_then(|s| s.find('\n'))
            .map_or(source.len(), |p| start + p);
        let line = source.get(line_start..line_end).unwrap_or("").trim_end_matches('\r');
        let before = source.get(line_start..start).unwrap_or("").chars().count();
        // A span over several lines is underlined to the end of its first.
        let marked_end = (d.span.end as usize).min(line_start + line.len());
        let marked = source.get(start..marked_end).unwrap_or("").chars().count().max(1);

        let skip = before.saturating_sub(SHOWN / 2);
        let total = line.chars().count();
        let mut text: String = line.chars().skip(skip).take(SHOWN).map(one_column).collect();
        let mut indent = before - skip;
        if skip > 0 {
            text.insert_str(0, "… ");
            indent += 2;
        }
        if total > skip + SHOWN {
            text.push_str(" …");
        }
        let carets = marked.min((SHOWN + 1).saturating_sub(before - skip)).max(1);
        Excerpt { text, indent, carets }
    }
}

/// A character that takes exactly one column, so that the carets stand under the right place and nothing in a hostile text can move the
/// terminal's cursor.
fn one_column(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() || is_invisible(c) {
        '\u{fffd}'
    } else {
        c
    }
}

/// Direction marks and other characters without width, which could make a text look different from what it says.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A message with control characters replaced; messages quote what users wrote.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' { '\n' } else { one_column(c) })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Diagnostic, Span, codes};

    #[test]
    fn a_diagnostic_renders_like_rustc() {
        let source: Arc<str> = "cpu > 80%\n  && cpuu > 1".into();
        let d = Diagnostic::new(codes::UNKNOWN_NAME, Span::new(15, 19), "unknown name `cpuu`")
            .label("not a metric, attribute, parameter or definition")
            .help("did you mean `cpu`?")
            .with_source(&source)
            .with_path("rules[2].when");
        let expected = "\
error[E0201]: unknown name `cpuu`
 --> rules[2].when:2:6
  |
2 |   && cpuu > 1
  |      ^^^^ not a metric, attribute, parameter or definition
  = help: did you mean `cpu`?";
        assert_eq!(d.to_string(), expected);
    }

    #[test]
    fn long_lines_are_cut_around_the_span_and_control_characters_are_shown_harmlessly() {
        let source: Arc<str> = format!("{}\u{1b}[31m oops {}", "a + ".repeat(100), "b + ".repeat(100)).into();
        let at = source.find("oops").unwrap();
        let text = Diagnostic::new(codes::UNKNOWN_NAME, Span::new(at, at + 4), "x")
            .with_source(&source)
            .to_string();
        assert!(!text.contains('\u{1b}'), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let column = lines[4].chars().position(|c| c == '^').unwrap();
        let shown: String = lines[3].chars().skip(column).take(4).collect();
        assert_eq!(shown, "oops");
        assert!(lines[3].chars().count() < 130);
    }
}
