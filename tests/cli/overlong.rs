//! `--on-too-long`: records on stdin that are longer than a record may be.

use std::{fs, io::Write as _, path::Path, thread, time::Duration};

use serde_json::json;

use super::{Place, seq};
use crate::support::cli::{Running, forebay, run, run_with};

const TEXT: &[u8] = b"short\nmuch too long\nten bytes!\nalso too long\nlast one is too long";

/// A process that owns the buffer, and serves it by now.
pub(super) fn serve(place: &Place) -> Running {
    let owner = Running::start(&mut forebay(["serve", &*place.path]));
    while !Path::new(&place.path).join("buffer.sock").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    owner
}

/// One bad line of a log must not cost the rest of it, and the user must know that it is gone.
#[test]
fn a_line_that_is_too_long_is_left_out_and_counted() {
    let place = Place::new();
    let ended = place.write(&["--max-record=10", "--on-too-long=skip", "--format=json"], TEXT);
    assert_eq!(ended.code, Some(1), "{ended}");
    let said = "forebay: 2 records written, 3 skipped for being longer than a record may be\n";
    assert_eq!(ended.stderr, said);
    assert_eq!((&ended.json()["records"], &ended.json()["skipped"]), (&json!(2), &json!(3)), "{ended}");
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"short\nten bytes!\n");
}

/// The first bytes of a line often say the most.
#[test]
fn a_line_that_is_too_long_is_truncated_and_counted() {
    let place = Place::new();
    let ended = place.write(&["--max-record=10", "--on-too-long=truncate", "--format=json"], TEXT);
    assert_eq!(ended.code, Some(1), "{ended}");
    let said = "forebay: 5 records written, 3 truncated for being longer than a record may be\n";
    assert_eq!(ended.stderr, said);
    assert_eq!((&ended.json()["records"], &ended.json()["truncated"]), (&json!(5), &json!(3)), "{ended}");
    let kept = b"short\nmuch too l\nten bytes!\nalso too l\nlast one i\n";
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, kept);
}

/// Where nothing was too long, there is nothing to say.
#[test]
fn lines_that_fit_are_written_quietly_whatever_is_to_be_done_with_others() {
    for action in ["skip", "truncate", "fail"] {
        let place = Place::new();
        place.write(&["--max-record=10", "--on-too-long", action], b"ten bytes!\n\n").assert_quiet_success();
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"ten bytes!\n\n");
    }
}

/// A length tells where the next record begins, also behind one that is too long.
#[test]
fn a_record_with_a_length_is_left_out_or_truncated() {
    let records = b"\0\0\0\x03one\0\0\0\x06second\0\0\0\x03end";
    for (action, kept) in [("skip", &b"one\nend\n"[..]), ("truncate", b"one\nseco\nend\n")] {
        let place = Place::new();
        let ended = place.write(&["--framing=length", "--max-record=4", "--on-too-long", action], records);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended}");
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, kept);
    }
}

/// `pipe` prints what it kept, and counts as `write` does.
#[test]
fn pipe_leaves_out_or_truncates_what_is_too_long() {
    let kept = b"short\nmuch too l\nten bytes!\nalso too l\nlast one i\n";
    for (action, count, kept) in [("skip", 3, &b"short\nten bytes!\n"[..]), ("truncate", 3, kept)] {
        let place = Place::new();
        let ended = run_with(["pipe", &*place.path, "--max-record=10", "--on-too-long", action], TEXT);
        assert_eq!((ended.code, &ended.stdout[..]), (Some(1), kept), "{ended}");
        assert!(ended.stderr.contains(&format!("{count} {action}")), "{ended}");
    }
    let place = Place::new();
    let ended = run_with(["pipe", &*place.path, "--max-record=10"], TEXT);
    assert!(ended.code == Some(2) && ended.stderr.contains("record 2 is longer"), "{ended}");
}

/// The owner's limit is the one that counts, and the client knows it before it sends.
#[test]
fn a_client_goes_by_the_limit_of_the_buffers_owner() {
    let place = Place::new();
    run(["init", &*place.path, "--max-record=10"]).assert_quiet_success();
    let mut owner = serve(&place);
    fs::remove_file(format!("{}/buffer.options", place.path)).unwrap();
    let ended = place.write(&["--on-too-long=skip"], TEXT);
    assert!(ended.code == Some(1) && ended.stderr.contains("3 skipped"), "{ended}");
    owner.signal(rustix::process::Signal::TERM);
    owner.wait();
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"short\nten bytes!\n");
}

/// A request to the owner holds 16 MiB: a longer record is too long for a client, whatever the owner's limit is.
#[test]
fn a_record_that_no_request_holds_is_too_long_for_a_client() {
    let place = Place::new();
    let mut owner = serve(&place);
    let long = vec![b'x'; 16 << 20];
    let fits = &long[..(16 << 20) - 4];
    let lines = [&seq(1..=1000)[..], fits, b"\n", &long, b"\n", &seq(1..=3)].concat();
    let ended = place.write(&["--on-too-long=skip"], &lines);
    assert!(ended.code == Some(1) && ended.stderr.contains("1004 records written, 1 skipped"), "{ended}");
    owner.signal(rustix::process::Signal::TERM);
    owner.wait();
    assert!(place.read(&[]).stdout == [&seq(1..=1000)[..], fits, b"\n", &seq(1..=3)].concat());
}

/// An error behind it hides nothing of what was done before.
#[test]
fn what_was_left_out_is_said_before_an_error() {
    let place = Place::new();
    let ended = place.write(
        &["--framing=length", "--max-record=4", "--on-too-long=skip"],
        b"\0\0\0\x05longer"[..9].iter().chain(b"\0\0").copied().collect::<Vec<_>>().as_slice(),
    );
    assert_eq!(ended.code, Some(2), "{ended}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("1 skipped") && lines[1].contains("cut off"), "{ended}");
}

/// What is left out of a line without end must not be in memory.
#[test]
fn a_long_line_takes_little_memory() {
    for action in ["skip", "truncate"] {
        let place = Place::new();
        let arguments = ["write", &*place.path, "--max-record=1000", "--on-too-long", action];
        let mut writer = Running::start(&mut forebay(arguments));
        let mut stdin = writer.take_stdin();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..256 {
            stdin.write_all(&piece).unwrap();
        }
        let peak = peak_kib(writer.pid());
        stdin.write_all(b"\nafter\n").unwrap();
        drop(stdin);
        let ended = writer.wait();
        assert!(ended.code == Some(1) && ended.stderr.contains(&format!("1 {action}")), "{ended}");
        assert!(peak < 128 << 10, "{action}: {peak} KiB");
        assert!(place.read(&[]).stdout.ends_with(b"after\n"));
    }
}

/// The most memory that a process has had.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What a signal leaves of such a line is no record, and the next process finds a whole one.
#[test]
fn a_signal_in_the_middle_of_such_a_line_makes_no_record_of_it() {
    let place = Place::new();
    let arguments = ["write", &*place.path, "--max-record=5", "--on-too-long=truncate", "--confirm"];
    let mut writer = Running::start(&mut forebay(arguments));
    writer.feed(b"one\n");
    assert_eq!(writer.next_line().unwrap(), b"1");
    writer.feed(b"far too long, and no end");
    thread::sleep(Duration::from_millis(100));
    writer.signal(rustix::process::Signal::TERM);
    let ended = writer.wait();
    assert!(
        ended.stderr.lines().last().unwrap().contains("1 read from standard input and not placed"),
        "{ended}"
    );
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\n");
}
