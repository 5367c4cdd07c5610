//! Several processes and one directory: one of them owns the buffer, and the others reach it through its socket.

mod figures;
mod handover;
mod kills;
mod losses;
mod owner;

use std::{
    fs,
    ops::Range,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use rustix::process::Signal;

use super::{Place, numbers, seq};
use crate::support::cli::{Running, by_shell, forebay, run, run_with, status};

/// A process that has written these lines, and goes on to read its stdin: it owns the buffer until it ends.
fn owner(place: &Place, lines: u64) -> Running {
    let mut owner = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    owner.feed(&seq(1..=lines));
    while owner.next_line().unwrap() != lines.to_string().into_bytes() {}
    owner
}

/// Whether a process serves the buffer, or did so when it was killed.
fn has_socket(place: &Place) -> bool {
    let found = fs::symlink_metadata(format!("{}/buffer.sock", place.path));
    found.is_ok_and(|found| found.file_type().is_socket())
}

/// A reader that follows, whatever happens to it. Its output is kept in a file.
struct Reader {
    process: Running,
    output: PathBuf,
}

impl Reader {
    fn start(place: &Place, number: u64) -> Self {
        let output = place.above.path().join(format!("output-{number}"));
        Self { process: Self::begin(place, &output), output }
    }

    fn begin(place: &Place, output: &Path) -> Running {
        let script = format!("exec \"$0\" \"$@\" >>{}", output.display());
        Running::start(&mut by_shell(&script, &["read", &place.path, "--follow"]))
    }

    /// Ends it by a signal, and begins again.
    fn again(&mut self, place: &Place, signal: Signal) {
        self.stop(signal);
        // It may have been killed in the middle of a line.
        let output = fs::read(&self.output).unwrap();
        let whole = output.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        fs::write(&self.output, &output[..whole]).unwrap();
        self.process = Self::begin(place, &self.output);
    }

    fn stop(&mut self, signal: Signal) {
        self.process.signal(signal);
        let ended = self.process.wait();
        assert!(ended.stderr.is_empty(), "{ended}");
        assert!(signal == Signal::KILL || ended.code == Some(143), "{ended}");
    }

    /// Ends it, and gives the lines that it has printed over all its lives: writer and number.
    fn end(mut self, signal: Signal) -> Vec<(u64, u64)> {
        self.stop(signal);
        let output = fs::read_to_string(&self.output).unwrap();
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} was never written"));
        let line =
            |line: &str| line.split_once(' ').map(|(writer, line)| (number(writer), number(line))).unwrap();
        output.lines().map(line).collect()
    }
}

/// Lines of a writer, each with its number.
fn chunk(writer: u64, lines: Range<u64>) -> Vec<u8> {
    lines.flat_map(|line| format!("{writer} {line}\n").into_bytes()).collect()
}

/// Two terminals: what one process writes, another one reads, all of it and in order, whichever of the two came first.
#[test]
fn one_process_writes_and_another_one_follows() {
    const LINES: u64 = 300_000;
    for writer_is_first in [true, false] {
        let place = Place::with_lines(b"");
        let start_writer = || Running::start(&mut forebay(["write", &place.path]));
        let count = format!("--count={LINES}");
        let start_reader = || Running::start(&mut forebay(["read", &place.path, "--follow", &count]));
        let (mut writer, mut reader) = if writer_is_first {
            let writer = start_writer();
            while status(&place.path)["locked"] != true {}
            (writer, start_reader())
        } else {
            let reader = start_reader();
            while status(&place.path)["locked"] != true {}
            (start_writer(), reader)
        };
        let mut stdin = writer.take_stdin();
        std::thread::scope(|scope| {
            scope.spawn(move || std::io::Write::write_all(&mut stdin, &seq(1..=LINES)).unwrap());
            let read = reader.wait();
            assert!(
                read.assert_quiet_success().stdout == seq(1..=LINES),
                "the writer is first: {writer_is_first}"
            );
        });
        writer.end().assert_quiet_success();
        assert_eq!(status(&place.path)["records"], 0);
        assert!(!has_socket(&place));
    }
}

/// Each command does at a buffer that another process has what it does at one that is free.
#[test]
fn every_command_works_beside_an_owner() {
    let place = Place::new();
    let mut owner = owner(&place, 10);
    let pid = owner.pid();
    let written = place.write(&["--confirm", "--format=json"], &seq(11..=12));
    assert_eq!(written.assert_quiet_success().json()["last_id"], 12, "{written}");
    assert!(place.read(&["--peek"]).assert_quiet_success().stdout == seq(1..=12));
    assert!(run(["ack", &place.path, "2", "4-5"]).assert_quiet_success().stdout == b"3\n");
    let peeked = place.read(&["--peek", "--count=3"]);
    assert_eq!(numbers(&peeked.assert_quiet_success().stdout).len(), 3);
    assert_eq!(numbers(&place.read(&["--count=2"]).assert_quiet_success().stdout), [1, 3]);
    let piped = run_with(["pipe", &place.path], &seq(13..=14));
    assert_eq!(numbers(&piped.assert_quiet_success().stdout), [6, 7, 8, 9, 10, 11, 12, 13, 14]);
    assert!(place.read(&[]).assert_quiet_success().stdout.is_empty());
    assert_eq!(status(&place.path)["locked_by"], pid);
    owner.feed(b"15\n");
    owner.end().assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == b"15\n");
}

/// Acknowledging by hand is for the one record that a consumer chokes on.
#[test]
fn records_are_acknowledged_by_id_where_no_process_has_the_buffer() {
    let place = Place::with_lines(&seq(1..=5));
    let gap = run(["ack", &place.path, "1", "3"]);
    assert_eq!((gap.code, &gap.stdout[..]), (Some(1), &b"1\n"[..]), "the third comes again: {gap}");
    assert!(gap.stderr.contains("1 not acknowledged, because records before them wait"), "{gap}");
    let again = run(["ack", &place.path, "1", "77"]);
    assert_eq!((again.code, &again.stdout[..]), (Some(1), &b"0\n"[..]), "{again}");
    assert!(again.stderr.contains("no record that waits"), "{again}");
    // Acknowledgements behind a gap end with their owner.
    assert_eq!(numbers(&place.read(&[]).stdout), [2, 3, 4, 5]);
}

/// What a person acknowledges far ahead is done, later: the answer must not say that it failed.
#[test]
fn ids_that_are_not_delivered_yet_are_noted_by_the_owner() {
    let place = Place::new();
    let mut owner = owner(&place, 10_000);
    let ahead = run(["ack", &place.path, "9000-9009"]);
    assert_eq!((ahead.code, &ahead.stdout[..]), (Some(0), &b"0\n"[..]), "{ahead}");
    assert!(ahead.stderr.contains("10 noted"), "{ahead}");
    let read = numbers(&place.read(&[]).assert_quiet_success().stdout);
    assert_eq!(read.len(), 9_990);
    assert!(!read.contains(&9_005));
    owner.end().assert_quiet_success();
}

/// A reader whose output is closed, or that is killed, has taken nothing from the others.
#[test]
fn what_a_reader_has_not_printed_others_get() {
    let place = Place::new();
    let mut owner = owner(&place, 5000);
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--follow"]));
    assert_eq!(reader.next_line().unwrap(), b"1");
    reader.signal(Signal::KILL);
    reader.wait_without_reading();
    let read = numbers(&place.read(&[]).assert_quiet_success().stdout);
    assert_eq!(read.last(), Some(&5000));
    assert!(read.is_sorted() && read.windows(2).all(|pair| pair[1] == pair[0] + 1));
    owner.end().assert_quiet_success();
}

/// A buffer that is full gets room from a reader in another process. Before, the writer kept every reader out.
#[test]
fn a_full_buffer_is_emptied_by_another_process() {
    let place = Place::new();
    let mut writer = Running::start(&mut forebay(["write", &place.path, "--max-events=100"]));
    writer.feed(&seq(1..=1000));
    assert!(writer.next_error_line().contains("the buffer is full: read it"));
    let mut second = Running::start(&mut forebay(["write", &place.path]));
    second.feed(b"x\n");
    assert!(second.next_error_line().contains("records wait for room"));
    let read = place.read(&["--follow", "--count=1001"]).assert_quiet_success().stdout.clone();
    let read: Vec<_> = read.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(read.iter().filter(|line| **line == b"x").count(), 1);
    let numbers: Vec<u64> = read
        .iter()
        .filter(|line| **line != b"x")
        .map(|line| String::from_utf8_lossy(line).parse().unwrap())
        .collect();
    assert!(numbers.into_iter().eq(1..=1000));
    assert_eq!((writer.end().code, second.end().code), (Some(0), Some(0)));
}

/// A client ends at a signal as an owner does: what it has sent is answered, and counted.
#[test]
fn a_client_ends_in_order_at_a_signal() {
    let place = Place::new();
    let mut owner = owner(&place, 1);
    let mut writer = Running::start(&mut forebay(["write", &place.path, "--format=json", "--grace=1h"]));
    let feeding = crate::feed_without_end(writer.take_stdin());
    while status(&place.path)["records"].as_u64().unwrap() < 10_000 {}
    writer.signal(Signal::TERM);
    let ended = writer.wait();
    feeding.join().unwrap();
    assert!(ended.code == Some(143) && ended.stderr.is_empty(), "{ended}");
    let written = ended.json()["records"].as_u64().unwrap();
    assert_eq!(written + 1, status(&place.path)["records"].as_u64().unwrap(), "{ended}");
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--follow", "--grace=1h"]));
    reader.next_line().unwrap();
    reader.signal(Signal::INT);
    let ended = reader.wait();
    assert!(ended.code == Some(130) && ended.stderr.is_empty(), "{ended}");
    owner.end().assert_quiet_success();
}

/// A client that does not wait is told what was refused, as an owner is.
#[test]
fn a_client_that_does_not_wait_has_records_refused() {
    let place = Place::new();
    let mut owner = Running::start(&mut forebay(["write", &place.path, "--max-events=3", "--confirm"]));
    owner.feed(b"a\n");
    assert_eq!(owner.next_line().unwrap(), b"1");
    let refused = place.write(&["--when-full=reject", "--format=json"], &seq(1..=5));
    assert_eq!(refused.code, Some(1), "{refused}");
    let answer = refused.json();
    assert_eq!(
        (&answer["records"], &answer["rejected"], &answer["bytes"]),
        (&2.into(), &3.into(), &2.into())
    );
    assert!(refused.stderr.contains("2 records written, 3 refused for want of room"), "{refused}");
    owner.end().assert_quiet_success();
}
