//! Limits that a shell or a service manager puts on the process.

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Place, seq};
use crate::support::cli::{Running, by_shell, run, status};

const SIZES: [&str; 2] = ["--file-size=1MiB", "--max-size=8MiB"];

/// Far more than the limit takes.
const RECORDS: u64 = 20_000;

/// `forebay write`, which may make files of at most 200 blocks; some shells count in 512 bytes, others in 1024.
fn limited(place: &Place, flags: &[&str]) -> Running {
    let arguments = [&["write", &place.path], &SIZES[..], flags].concat();
    Running::start(&mut by_shell("ulimit -S -f 200; exec \"$0\" \"$@\"", &arguments))
}

/// SIGXFSZ kills a process that does nothing about it, in the middle of a record and without a word.
#[test]
fn a_limit_on_the_length_of_files_is_handled_as_a_full_disk() {
    let place = Place::new();
    let mut writer = limited(&place, &["--when-full=reject", "--format=json", "--confirm"]);
    writer.feed(&seq(1..=1000));
    while writer.next_line().unwrap() != b"1000" {}
    writer.feed(&seq(1001..=RECORDS));
    let ended = writer.end();
    assert_eq!((ended.code, ended.signal), (Some(1), None), "{ended}");
    let answer = ended.json();
    let (records, rejected) = (answer["records"].as_u64().unwrap(), answer["rejected"].as_u64().unwrap());
    assert!(records >= 1000 && records + rejected == RECORDS, "{ended}");
    assert!(ended.stderr.contains("ulimit -f") && ended.stderr.contains("--file-size"), "{ended}");
    run(["verify", &place.path]).assert_quiet_success();
    // Of each batch a beginning was taken.
    let read = String::from_utf8(place.read(&[]).assert_quiet_success().stdout.clone()).unwrap();
    let numbers: Vec<u64> = read.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(numbers.len() as u64, records);
}

/// As on a full disk, a writer that waits goes on when there is room.
#[test]
fn a_writer_waits_until_the_limit_on_the_length_of_files_is_raised() {
    let place = Place::new();
    let mut writer = limited(&place, &["--sync-interval=10ms"]);
    writer.feed(&seq(1..=RECORDS));
    while !writer.next_error_line().contains("the disk has no room") {}
    assert!(status(&place.path)["records"].as_u64().unwrap() < RECORDS);
    let pid = i32::try_from(writer.pid()).ok().and_then(Pid::from_raw);
    prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    let ended = writer.end();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=RECORDS));
}

/// The sandbox reserves addresses. Without them an allocation fails in the middle of the work, which ends the process.
#[test]
fn too_little_address_space_is_refused_with_what_is_needed() {
    let place = Place::with_lines(b"one\n");
    let new = place.above.path().join("new");
    for kibibytes in [100_000, 1_000_000, 4_200_000, 5_242_000] {
        for (command, path) in
            [("read", &*place.path), ("write", new.to_str().unwrap()), ("pipe", &*place.path)]
        {
            let script = format!("ulimit -S -v {kibibytes}; exec \"$0\" \"$@\"");
            let ended = Running::start(&mut by_shell(&script, &[command, path])).wait();
            ended.assert_refusal(&["ulimit -v", "5368709120"]);
        }
    }
    assert!(!new.exists());
    let enough = "ulimit -S -v 5242880; exec \"$0\" \"$@\"";
    let ended = Running::start(&mut by_shell(enough, &["read", &place.path])).wait();
    assert_eq!(ended.assert_quiet_success().stdout, b"one\n");
}
