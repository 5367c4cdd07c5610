//! How many instructions one record costs in the host: native logic, one thread, no ticks. What was gained once must not be lost
//! unseen.
//!
//! Another compiler makes other code, so that only the one that the figures are from is held to them. After a change that is meant
//! to cost more, or less, put in the figures that the test prints, and say why in the commit.

#![allow(clippy::unwrap_used)]

mod tools;

use std::process::Command;

/// The compiler that the figures are from, by `rustc -V`.
const RUSTC: &str = "rustc 1.95.0 (59807616e 2026-04-14)";

/// Instructions of a single 64 B record, in a debug build of this workspace.
const WRITTEN: u64 = 9_340;
const SYNCED: u64 = 21_400;

/// How many per cent more they may be: another C library copies memory with other instructions.
const MARGIN_PERCENT: u64 = 5;

/// The two numbers of times that work is done: what opening and closing takes is in both.
const FEWER: u64 = 1000;
const MORE: u64 = 3000;

/// The instructions of all threads.
fn instructions(work: &str, number: u64) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", env!("CARGO_BIN_EXE_counts")]);
    let output = valgrind.args([work, &number.to_string(), "native"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or_else(|| panic!("no figure: {text}"))
}

#[track_caller]
fn assert_at_most(work: &str, figure: u64) {
    if !tools::is_there("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null", "true"]) {
        return;
    }
    let found = (instructions(work, MORE) - instructions(work, FEWER)) / (MORE - FEWER);
    println!("{found} instructions for one `{work}`, {figure} before");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-V").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout);
    if version.trim() != RUSTC {
        println!("not compared: the figure is of {RUSTC}, and this is {}", version.trim());
        return;
    }
    let most = figure + figure * MARGIN_PERCENT / 100;
    assert!(found <= most, "one `{work}` takes {found} instructions, at most {most}");
}

#[test]
fn a_single_write_takes_no_more_instructions_than_before() {
    assert_at_most("write", WRITTEN);
}

#[test]
fn a_single_synced_write_takes_no_more_instructions_than_before() {
    assert_at_most("sync", SYNCED);
}
