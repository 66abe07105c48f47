//! What holds for every export of the addon.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn every_function_that_javascript_calls_catches_panics() {
    let mut exports = 0;
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[napi")) {
            let what = lines[i + 1..]
                .iter()
                .find(|next| !next.starts_with("#["))
                .copied()
                .unwrap_or_default();
            if what.starts_with("pub fn") {
                exports += 1;
                assert!(line.contains("catch_unwind"), "{path}:{}: {what}", i + 1);
            } else {
                assert!(
                    what.starts_with("pub struct") || what.starts_with("impl"),
                    "{path}:{}: {what}",
                    i + 1
                );
            }
        }
    }
    assert!(exports > 60, "{exports}");
}

#[test]
fn nothing_is_unsafe_by_hand() {
    for (path, text) in sources() {
        let found = text
            .lines()
            .find(|line| line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"));
        assert_eq!(found, None, "{path}");
    }
}
