//! File systems that cannot sync a directory, as CIFS and some in user space: `fsync` of one answers EINVAL.

use std::fs;

use super::{Place, seq};
use crate::support::{
    cli::{Ended, by_strace, run_command, status},
    tools::is_there,
};

/// Runs the binary on a place where directories cannot be synced.
fn run(place: &Place, command: &str, flags: &[&str], stdin: &[u8]) -> Ended {
    let injection = ["-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EINVAL"];
    let paths = ["-P", &place.path, "-P", place.above.path().to_str().unwrap()];
    let own = [&injection[..], &paths].concat();
    run_command(&mut by_strace(&own, &[&[command, &place.path], flags].concat()), stdin)
}

/// A share is a poor place for a buffer, and better than none for records that need to survive the death of a process only.
#[test]
fn where_no_directory_can_be_synced_records_are_written_with_a_warning() {
    if !is_there("strace") {
        return;
    }
    let place = Place::new();
    for (first, last) in [(1, 100), (101, 200)] {
        let ended = run(&place, "write", &["--file-size=4KiB", "--small-files"], &seq(first..=last));
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(0), 1), "{ended}");
        for word in ["WARN", "cannot sync a directory", &place.path] {
            assert!(ended.stderr.contains(word), "{word:?} is missing: {ended}");
        }
    }
    let ended = run(&place, "read", &["--file-size=4KiB", "--small-files"], b"");
    assert!(ended.code == Some(0) && ended.stdout == seq(1..=200), "{ended}");
    assert!(fs::read_dir(&place.path).unwrap().count() <= 5, "what is acknowledged is removed");
}

/// A name that may be gone after a power failure makes no record durable.
#[test]
fn where_no_directory_can_be_synced_no_record_is_taken_to_be_synced() {
    if !is_there("strace") {
        return;
    }
    let place = Place::new();
    for _ in 0..2 {
        let ended = run(&place, "write", &["--durability=synced", "--confirm"], b"1\n");
        assert_eq!((ended.code, ended.stdout.as_slice()), (Some(2), &b""[..]), "{ended}");
        let said = ended.stderr.lines().last().unwrap();
        for word in ["cannot sync a directory", &place.path, "`written`"] {
            assert!(said.contains(word), "{word:?} is missing: {ended}");
        }
        assert_eq!(status(&place.path)["records"], 0);
    }
}
