//! The reason why people use a buffer on disk: its writer may die at any moment.

use std::{io::Write as _, thread};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{
    cli::{Running, forebay, run, run_with, status},
    dice::Dice,
};

const KILLS: u64 = 50;

/// Sent in the end, whatever was sent before.
const LAST_RECORDS: u64 = 100;

/// Small files, so that many kills fall between one and the next.
const SIZES: [&str; 2] = ["--file-size=64KiB", "--max-size=1GiB"];

/// Record n, on its line: its number, and so many bytes that a pipe holds few of them and each is confirmed soon.
fn line(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 400).unwrap();
    format!("{number} {}\n", "x".repeat(length)).into_bytes()
}

/// How many records are in the buffer by its frames, whatever the ledger has counted: nothing was read from it.
fn frames(path: &str) -> u64 {
    run(["verify", path, "--format=json"]).json()["frames"].as_u64().unwrap()
}

/// A writer is killed in mid-stream, again and again, and each time another goes on behind the last record that is there.
/// What was confirmed is never missing, and in the end every record is there once, in order.
#[test]
fn ids_go_on_without_a_hole_after_each_of_fifty_kills() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let mut dice = Dice::new();
    let mut done = 0;
    let mut most_records = 0;
    for kill in 1..=KILLS {
        let confirmations = dice.below(25);
        let confirmed = write_and_kill(path, done, confirmations);
        let found = frames(path);
        println!("kill {kill}: after {confirmations} confirmations, {confirmed:?} confirmed, {found} found");
        assert!(found >= confirmed.unwrap_or(done), "kill {kill}: {confirmed:?} confirmed, {found} found");
        most_records = most_records.max(found - done);
        done = found;
    }
    assert!(most_records > 0, "no record was written at all");

    let rest: Vec<u8> = (done + 1..=done + LAST_RECORDS).flat_map(line).collect();
    let last = run_with([&["write", path, "--format=json"][..], &SIZES].concat(), &rest);
    assert_eq!(last.assert_quiet_success().json()["first_id"], done + 1, "{last}");
    let expected: Vec<u8> = (1..=done + LAST_RECORDS).flat_map(line).collect();
    let read = run([&["read", path][..], &SIZES].concat());
    assert!(read.assert_quiet_success().stdout == expected, "{read}");
    assert_eq!(status(path)["records"], 0);
}

/// Starts a writer that is fed the records behind `done` without end, and kills it when it has confirmed so many times.
/// Gives the last id that it confirmed, before or after it was shot.
fn write_and_kill(path: &str, done: u64, confirmations: u64) -> Option<u64> {
    let mut writer = Running::start(&mut forebay([&["write", path, "--confirm"][..], &SIZES].concat()));
    let mut stdin = writer.take_stdin();
    thread::scope(|scope| {
        // Until the process that takes them is gone.
        scope.spawn(move || (done + 1..).try_for_each(|number| stdin.write_all(&line(number))).unwrap_err());
        let mut confirmed = None;
        for _ in 0..confirmations {
            confirmed = writer.next_line();
        }
        writer.signal(Signal::KILL);
        while let Some(line) = writer.next_line() {
            confirmed = Some(line);
        }
        assert_eq!(writer.wait().signal, Some(Signal::KILL.as_raw()));
        confirmed.map(|line| String::from_utf8(line).unwrap().parse().unwrap())
    })
}

/// A reader may die as well: what it had printed and not acknowledged comes again, and nothing is missing.
#[test]
fn a_killed_reader_loses_nothing() {
    const RECORDS: u64 = 20_000;
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let all: Vec<u8> = (1..=RECORDS).flat_map(line).collect();
    run_with([&["write", path][..], &SIZES].concat(), &all).assert_quiet_success();
    let mut dice = Dice::new();
    let mut printed = 0;
    for kill in 1..=10 {
        let mut reader = Running::start(&mut forebay([&["read", path][..], &SIZES].concat()));
        let number = |line: Vec<u8>| -> u64 {
            String::from_utf8(line).unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        let wanted = dice.below(4_000);
        let first = reader.next_line().map(number).expect("there is more than is read");
        assert!(first <= printed + 1, "kill {kill}: {first} comes after {printed}");
        printed = first;
        for _ in 0..wanted {
            let next = reader.next_line().map_or(printed + 1, number);
            assert_eq!(next, printed + 1, "kill {kill}");
            printed = next;
        }
        reader.signal(Signal::KILL);
        // What it wrote before it was shot is there to be read.
        while let Some(line) = reader.next_line() {
            assert_eq!(number(line), printed + 1, "kill {kill}");
            printed += 1;
        }
        if printed + 4_100 > RECORDS {
            break;
        }
    }
    let rest = run([&["read", path][..], &SIZES].concat()).assert_quiet_success().stdout.clone();
    let left = rest.split(|&byte| byte == b'\n').count() as u64 - 1;
    assert!(left >= RECORDS - printed, "{left} left, {printed} printed");
    assert!(rest == (RECORDS - left + 1..=RECORDS).flat_map(line).collect::<Vec<u8>>());
}
