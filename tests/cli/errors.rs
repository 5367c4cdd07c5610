//! Errors of the operating system on real files: what failed, on which file, why and what to do, and nothing is lost.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{Place, full::in_a_file_system, numbers, seq};
use crate::support::{
    cli::{BINARY, Ended, Running, by_shell, run_command},
    fixtures,
    user::{by_unprivileged, give, is_there},
};

const SMALL: [&str; 3] = ["--file-size=4KiB", "--small-files", "--confirm"];

#[track_caller]
fn assert_says(ended: &Ended, words: &[&str]) {
    let said = ended.stderr.lines().last().unwrap_or_default();
    for word in words {
        assert!(said.contains(word), "{word:?} is missing: {ended}");
    }
}

/// A disk with errors is mounted again for reading only. Who wants to know what is on it must not need to write to it.
#[test]
fn a_buffer_on_a_file_system_for_reading_only_is_looked_at_and_not_opened() {
    let copy = fixtures::copy("w100_r40");
    let above = tempfile::TempDir::new().unwrap();
    let mount = above.path().to_str().unwrap();
    let make = format!(
        "mount -t tmpfs forebay {mount} && cp -r {} {mount}/buffer && mount -o remount,ro {mount}",
        copy.path().display()
    );
    let buffer = format!("{mount}/buffer");
    let run = |arguments: &[&str]| {
        let command = in_a_file_system(&make, &[&[BINARY], arguments].concat());
        command.map(|mut command| Running::start(&mut command).end())
    };
    for command in ["write", "read", "pipe"] {
        let Some(ended) = run(&[command, &buffer]) else { return };
        ended.assert_refusal(&["buffer.lock", "Read-only file system", "mount", "peek"]);
    }
    let Some(ended) = run(&["write", &format!("{mount}/new")]) else { return };
    ended.assert_refusal(&["make", "new", "Read-only file system"]);
    let Some(peeked) = run(&["read", &buffer, "--peek"]) else { return };
    assert!(peeked.assert_quiet_success().stdout == fixtures::lines(41..=100), "{peeked}");
    for command in ["status", "verify"] {
        let Some(ended) = run(&[command, &buffer]) else { return };
        ended.assert_quiet_success();
    }
}

/// Someone takes the permission to make files in the directory while the buffer is open.
#[test]
fn a_writer_that_may_make_no_file_any_more_ends_and_all_that_is_confirmed_is_there() {
    if !is_there() {
        return;
    }
    let place = Place::new();
    give(place.above.path());
    let write = [&["write", &*place.path], &SMALL[..]].concat();
    let mut writer = Running::start(&mut by_unprivileged(&write, place.above.path()));
    writer.feed(&seq(1..=10));
    let mut confirmed = Vec::new();
    while !confirmed.ends_with(b"10\n") {
        confirmed.extend(writer.next_line().unwrap());
        confirmed.push(b'\n');
    }
    let set_mode = |mode| fs::set_permissions(&place.path, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o555);
    writer.feed(&seq(11..=1000));
    // It ends by itself: its standard input does not.
    let ended = writer.wait();
    set_mode(0o755);
    assert_eq!(ended.code, Some(2), "{ended}");
    assert_says(&ended, &["could not make", "buffer-data-", "ermission denied", "run as"]);
    confirmed.extend(&ended.stdout);
    let found = BTreeSet::from_iter(numbers(&place.read(&[]).stdout));
    assert!(BTreeSet::from_iter(numbers(&confirmed)).is_subset(&found), "{found:?}: {ended}");
}

/// The files of a buffer may belong to several users after a restore as another one.
#[test]
fn a_file_that_may_not_be_opened_is_named_and_left_alone() {
    if !is_there() {
        return;
    }
    let place = Place::new();
    give(place.above.path());
    let run = |arguments: &[&str], stdin: &[u8]| {
        run_command(&mut by_unprivileged(arguments, place.above.path()), stdin)
    };
    run(&["write", &place.path], &seq(1..=100)).assert_quiet_success();
    let before = fixtures::contents(Path::new(&place.path));
    for name in ["buffer.db", "buffer.lock", "buffer-data-0.dat"] {
        let file = Path::new(&place.path).join(name);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        for command in ["write", "read"] {
            run(&[command, &place.path], b"").assert_refusal(&[name, "ermission denied", "user"]);
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    }
    assert!(fixtures::contents(Path::new(&place.path)) == before);
    assert!(run(&["read", &place.path], b"").assert_quiet_success().stdout == seq(1..=100));
}

/// With few descriptors a writer works, or says which limit is to be raised.
#[test]
fn with_too_few_descriptors_nothing_that_is_confirmed_is_lost() {
    let place = Place::with_lines(&seq([0]));
    let (mut confirmed, mut next, mut refused) = (0, 1, 0);
    // Between these it waits for a descriptor, and says so.
    for limit in [7, 8, 20, 24, 28] {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let flags = [&["write", &*place.path], &SMALL[..], &["--durability=synced"]].concat();
        let ended = run_command(&mut by_shell(&script, &flags), &seq(next..next + 300));
        next += 300;
        confirmed += ended.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        if ended.code != Some(0) {
            assert_eq!(ended.code, Some(2), "{limit}: {ended}");
            assert_says(&ended, &["RLIMIT_NOFILE", "ulimit -n"]);
            refused += 1;
        }
    }
    assert!(refused > 0, "the limits are too high to test anything");
    let found = BTreeSet::from_iter(numbers(&place.read(&["--file-size=4KiB"]).stdout));
    assert!(found.len() > confirmed, "{confirmed} are confirmed, {} found", found.len());
}
