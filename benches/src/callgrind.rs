//! Instructions, counted by valgrind's callgrind: the same on a busy machine as on an idle one.
//!
//! A benchmark runs itself under valgrind twice for each case, the second time with twice as many repetitions; the difference is what the
//! repetitions cost.

use std::process::Command;

/// What is counted: a name, how many units one repetition is, and what does it so many times.
pub type Case = (&'static str, usize, fn(usize));

/// The case and repetitions that the program was called with by [`instructions`].
pub fn called_for() -> Option<(usize, usize)> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag, case, repetitions] if flag == "--case" => Some((case.parse().ok()?, repetitions.parse().ok()?)),
        _ => None,
    }
}

/// The instructions of this program when it is called for a case.
fn count(case: usize, repetitions: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["--case", &case.to_string(), &repetitions.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split("Collected :").nth(1))?;
    collected.trim().parse().ok()
}

/// Instructions a unit of a case; `None` without valgrind.
pub fn instructions(cases: &[Case], case: usize, repetitions: usize) -> Option<f64> {
    let (once, twice) = (count(case, repetitions)?, count(case, 2 * repetitions)?);
    Some(twice.saturating_sub(once) as f64 / (repetitions * cases[case].1) as f64)
}
