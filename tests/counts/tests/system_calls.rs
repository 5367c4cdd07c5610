//! How many system calls one record costs. What was gained once must not be lost unseen.

#![allow(clippy::unwrap_used)]

mod tools;

use std::{collections::BTreeMap, fs, process::Command};

/// The two numbers of times that work is done: what opening and closing takes is in both.
const FEWER: u64 = 1000;
const MORE: u64 = 3000;

/// These come by the clock: files are looked at every 10 ms, and a thread interrupts components that run too long.
const BY_CLOCK: [&str; 5] = ["clock_nanosleep", "newfstatat", "statx", "restart_syscall", "sched_yield"];

/// How often each system call is made, by name, in all threads.
fn calls(work: &str, number: u64) -> BTreeMap<String, u64> {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join("table");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&table).arg(env!("CARGO_BIN_EXE_counts"));
    let output = strace.args([work, &number.to_string(), "component"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(table).unwrap();
    // Percentage, seconds, microseconds a call, calls, errors if there are any, and the name.
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let count = words.get(3)?.parse().ok()?;
        Some(((*words.last()?).to_owned(), count))
    };
    text.lines().filter_map(line).filter(|(name, _)| name != "total").collect()
}

/// How often each system call is made for 1,000 times the work. Those are left out that come by the clock.
fn a_thousand(work: &str) -> BTreeMap<String, u64> {
    let fewer = calls(work, FEWER);
    let mut more = calls(work, MORE);
    assert!(more.values().sum::<u64>() > 100, "strace has counted nothing");
    more.retain(|name, _| !BY_CLOCK.contains(&name.as_str()));
    for (name, count) in &mut more {
        let before = fewer.get(name).copied().unwrap_or(0);
        *count = count.saturating_sub(before) * 1000 / (MORE - FEWER);
    }
    more
}

/// At most so many of each, and of all others together no more than a few.
#[track_caller]
fn assert_at_most(work: &str, most: &[(&str, u64)]) {
    if !tools::is_there("strace", &["-o", "/dev/null", "true"]) {
        return;
    }
    let mut calls = a_thousand(work);
    let all = format!("{calls:?}");
    for (name, most) in most {
        let count = calls.remove(*name).unwrap_or(0);
        assert!(count <= *most, "1,000 times `{work}`: {count} calls of {name}, at most {most}: {all}");
    }
    let others: u64 = calls.values().sum();
    assert!(others <= 30, "1,000 times `{work}`: {others} other system calls: {all}");
}

/// One `pwrite` a record.
#[test]
fn a_single_write_costs_one_system_call() {
    assert_at_most("write", &[("pwrite64", 1010)]);
}

/// No thread is woken: the caller syncs itself.
#[test]
fn a_single_synced_write_wakes_no_thread() {
    assert_at_most("sync", &[("pwrite64", 1010), ("fdatasync", 1010), ("futex", 20)]);
}

/// Acknowledgements wait for each other.
#[test]
fn a_single_acknowledgement_costs_no_system_call() {
    assert_at_most("acknowledge", &[]);
}
