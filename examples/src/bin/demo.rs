//! Replays recorded Flink jobs through a rule document: `make demo`, or `cargo run -p dras-examples --bin demo -- --help`.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use dras_core::engine::Policy;
use dras_core::literal::parse_quantity;
use dras_core::rules::{Document, DocumentLimits};
use dras_core::units::Unit;
use dras_examples::replay::{RULES, Replay, ReplayError};
use dras_examples::screen::{Progress, Screen, Style, wrap};
use dras_examples::timeline::{Lead, Summary, Timeline, table};
use dras_examples::trace::{Trace, scenarios};

const HELP: &str = "\
Replays recorded Flink jobs through a rule document and shows what dras sees, decides and why.

usage: demo [options] [scenario …]        (with make: make demo ARGS=\"…\")

scenarios are names from --list, `all`, or files of the same format; without any, the main ones are shown

  --rules FILE   use this rule document instead of examples/rules/demo.json
  --every TIME   recorded time between two looks, e.g. 10s (default 5s)
  --json         every look as one line of JSON instead of the time line
  --list         name the scenarios
  --help         this text

Exit code: 0 if all went well, 2 for wrong options, unreadable files and rule documents that do not compile.
";

/// Looks of a replay that takes long enough to watch it.
const LONG: u64 = 2000;

/// What is shown when nobody says what: the name, the metric that leads, and what to look for.
const MAIN: [(&str, Lead, &str); 10] = [
    (
        "a_overload_cpu",
        Lead::Delay,
        "the delay tells first, the CPU a little later; both ask for more slots, the larger wish wins",
    ),
    (
        "a_overload_io",
        Lead::Delay,
        "the CPU stays at 5% while the job falls behind: the delay acts alone, and after it the busy time",
    ),
    (
        "b_idle",
        Lead::Busy,
        "nothing in the first two minutes, whose averages still hold the start; then one wish for less",
    ),
    (
        "c_heap_gc",
        Lead::Heap,
        "a heap full of garbage is no reason; one that is collected all the time, or that collections leave full, needs more heap, never slots",
    ),
    (
        "d_oom_hog",
        Lead::Heap,
        "an OutOfMemoryError that was reported acts at once, in the middle of the warm-up",
    ),
    (
        "d_oom_metaspace",
        Lead::Heap,
        "another kind of OutOfMemoryError, which a bigger heap does not help: the metaspace grows, and nothing else",
    ),
    (
        "d_oom_zombie",
        Lead::Heap,
        "no OutOfMemoryError anywhere: the TaskManager is lost, and the heap of its last scrape was full",
    ),
    (
        "e_rescale_live",
        Lead::Delay,
        "the advice comes before the driver does the same; then no rule believes the minute after each rescale, and nobody scales down",
    ),
    (
        "e_restart_savepoint",
        Lead::Delay,
        "after the restart the job is busy all the time and late, but catching up: nothing is asked for, and nothing taken away",
    ),
    (
        "f_diurnal_tight",
        Lead::Delay,
        "advice at both peaks, from the delay while the backlog grows and from the busy time until it is gone; none for the short spike",
    ),
];

fn main() -> ExitCode {
    let result = Options::parse(std::env::args().skip(1)).and_then(|options| run(&options));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `demo | head`
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = io::stderr();
            let kind = if io::stderr().is_terminal() {
                "\x1b[1;31merror\x1b[0m"
            } else {
                "error"
            };
            // There is nowhere left to complain to.
            let _ = match failure {
                // Diagnostics say themselves that they are errors.
                Failure::Rules { file, diagnostics } => {
                    writeln!(
                        stderr,
                        "{diagnostics}\n\n{kind}: the rule document {file} does not compile"
                    )
                }
                failure => writeln!(stderr, "{kind}: {failure}"),
            };
            ExitCode::from(2)
        }
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}\ntry --help")]
    Usage(String),
    #[error("{file} cannot be read: {source}")]
    Unreadable { file: String, source: io::Error },
    #[error("the rule document {file} does not compile")]
    Rules {
        file: String,
        diagnostics: dras_core::diagnostic::Diagnostics,
    },
    #[error("{name}: {source}")]
    Trace {
        name: String,
        source: dras_examples::trace::TraceError,
    },
    #[error("{name} cannot be replayed: {source}")]
    Replay { name: String, source: ReplayError },
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

#[derive(Debug, Default)]
struct Options {
    names: Vec<String>,
    rules: Option<String>,
    every: Option<i64>,
    json: bool,
    list: bool,
    help: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Options, Failure> {
        let mut options = Options::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let (option, attached) = match arg.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option.to_owned(), Some(value.to_owned())),
                _ => (arg.clone(), None),
            };
            let takes_value = matches!(option.as_str(), "--rules" | "--every");
            if attached.is_some() && !takes_value && option.starts_with("--") {
                return Err(Failure::Usage(format!("`{option}` takes no value")));
            }
            let value = if takes_value {
                let value = attached.or_else(|| args.next());
                value.ok_or_else(|| Failure::Usage(format!("`{option}` needs a value")))?
            } else {
                String::new()
            };
            match option.as_str() {
                "--rules" => options.rules = Some(value),
                "--every" => options.every = Some(interval(&value)?),
                "--json" => options.json = true,
                "--list" => options.list = true,
                "--help" | "-h" => options.help = true,
                name if name.starts_with('-') => return Err(Failure::Usage(format!("unknown option `{name}`"))),
                "all" => options.names.extend(scenarios().iter().map(|s| s.name.to_owned())),
                _ => options.names.push(arg),
            }
        }
        Ok(options)
    }
}

/// The time between two looks, in ms.
fn interval(text: &str) -> Result<i64, Failure> {
    let example = "write a time from 1s to 1h, such as `10s`";
    let (value, unit) =
        parse_quantity(text).map_err(|e| Failure::Usage(format!("--every `{text}`: {e}; {example}")))?;
    if unit != Unit::SECONDS || !(1.0..=3600.0).contains(&value) {
        return Err(Failure::Usage(format!("--every `{text}`: {example}")));
    }
    Ok((value * 1000.0) as i64)
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if options.help {
        out.write_all(HELP.as_bytes())?;
        return Ok(());
    }
    let screen = Screen::detect();
    if options.list {
        out.write_all(list(&screen).as_bytes())?;
        return Ok(());
    }
    let policy = policy(options.rules.as_deref())?;
    let names: Vec<&str> = if options.names.is_empty() {
        MAIN.iter().map(|m| m.0).collect()
    } else {
        options.names.iter().map(String::as_str).collect()
    };
    if !options.json {
        out.write_all(opening(&screen, &policy, names.len()).as_bytes())?;
    }
    let every = options.every.unwrap_or(5000);
    let mut summaries: Vec<Summary> = Vec::new();
    let mut unanswered: Vec<String> = Vec::new();
    for name in names {
        let trace = Trace::load(name).map_err(|source| Failure::Trace {
            name: name.to_owned(),
            source,
        })?;
        let failed = |source| Failure::Replay {
            name: name.to_owned(),
            source,
        };
        let mut replay = Replay::new(&policy, &trace, every).map_err(failed)?;
        // The demo's own document has strategies that use more where it is there; of another one this is news, once.
        let metrics: Vec<String> = replay.unanswered().iter().map(|m| format!("`{m}`")).collect();
        if options.rules.is_some() && !metrics.is_empty() && metrics != unanswered {
            writeln!(
                io::stderr(),
                "note: nothing in {name} is a sample of {}",
                metrics.join(", ")
            )?;
            unanswered = metrics;
        }
        // A short replay is done before anybody could read how far it is.
        let looks = replay.looks() as u64;
        let mut progress = (looks >= LONG).then(|| Progress::new(&screen, format!("replaying {name}"), looks));
        let mut step = |done| {
            if let Some(progress) = &mut progress {
                progress.set(done);
            }
        };
        let mut done = 0;
        if options.json {
            let mut written = Ok(());
            replay
                .run(|look| {
                    done += 1;
                    step(done);
                    if written.is_ok() {
                        written = json(&mut out, name, look.elapsed, look.decision);
                    }
                })
                .map_err(failed)?;
            drop(progress);
            written?;
            continue;
        }
        let known = MAIN.iter().find(|m| m.0 == trace.name);
        let (lead, look_for) = known.map_or((lead_of(&trace), ""), |m| (m.1, m.2));
        let mut timeline = Timeline::new(screen, &policy, &trace, lead, look_for);
        replay
            .run(|look| {
                done += 1;
                step(done);
                timeline.look(look);
            })
            .map_err(failed)?;
        drop(progress);
        let (text, summary) = timeline.finish();
        out.write_all(text.as_bytes())?;
        summaries.push(summary);
    }
    if !options.json {
        out.write_all(table(&screen, &summaries).as_bytes())?;
        if options.names.is_empty() {
            let more = "the rules: examples/rules/demo.json; more recordings and options: make demo ARGS=--help";
            writeln!(out)?;
            for line in wrap(more, screen.width()) {
                writeln!(out, "{}", screen.paint(Style::Dim, &line))?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Recordings of what was thrown are about memory.
fn lead_of(trace: &Trace) -> Lead {
    if trace.exceptions.is_empty() {
        Lead::Delay
    } else {
        Lead::Heap
    }
}

fn policy(file: Option<&str>) -> Result<Policy, Failure> {
    let name = file.unwrap_or("examples/rules/demo.json");
    let text = match file {
        Some(file) => std::fs::read(file).map_err(|source| Failure::Unreadable {
            file: file.to_owned(),
            source,
        })?,
        None => RULES.as_bytes().to_vec(),
    };
    let refused = |diagnostics| Failure::Rules {
        file: name.to_owned(),
        diagnostics,
    };
    let document = Document::from_json(text, &DocumentLimits::default()).map_err(refused)?;
    let policy = Policy::compile(&document).map_err(refused)?;
    if !policy.warnings().0.is_empty() {
        writeln!(io::stderr(), "{}\n", policy.warnings())?;
    }
    Ok(policy)
}

fn opening(screen: &Screen, policy: &Policy, scenarios: usize) -> String {
    let s = if scenarios == 1 { "" } else { "s" };
    let text = format!(
        "{scenarios} recorded Flink job{s}, replayed through the {} rules of `{}`. A recording cannot follow advice, so this is what would be \
         done.",
        policy.rules().count(),
        policy.name(),
    );
    let mut opening = format!("{}\n", wrap(&text, screen.width()).join("\n"));
    opening.push_str(&screen.legend(&[
        "▸ what the driver of the recording did",
        "↻ what dras was told",
        "✗ what the job threw",
    ]));
    opening.push('\n');
    opening
}

fn list(screen: &Screen) -> String {
    let mut text = String::new();
    let width = scenarios().iter().map(|s| s.name.len()).max().unwrap_or(0);
    for scenario in scenarios() {
        let about = Trace::parse(scenario.text).map_or(String::new(), |t| t.about);
        let star = if MAIN.iter().any(|m| m.0 == scenario.name) {
            "*"
        } else {
            " "
        };
        for (i, line) in wrap(&about, screen.width() - width - 4).iter().enumerate() {
            let name = if i == 0 {
                format!("{star} {:width$}", scenario.name)
            } else {
                " ".repeat(width + 2)
            };
            text.push_str(&name);
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str(&screen.paint(Style::Dim, "* shown without a name; `all` shows all"));
    text.push('\n');
    text
}

fn json(out: &mut impl Write, scenario: &str, elapsed: i64, decision: &dras_core::engine::Decision) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        scenario: &'a str,
        elapsed_ms: i64,
        #[serde(flatten)]
        decision: dras_core::engine::DecisionReport,
    }
    let line = Line {
        scenario,
        elapsed_ms: elapsed,
        decision: decision.report(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
