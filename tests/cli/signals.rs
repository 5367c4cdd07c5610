//! SIGINT and SIGTERM: the buffer is closed cleanly, and the exit code says what happened.

use rustix::process::Signal;

use super::{Place, feed_without_end, seq};
use crate::support::{
    cli::{Ended, Running, forebay, run, status},
    fixtures,
};

const SIGNALS: [(Signal, i32); 2] = [(Signal::TERM, 143), (Signal::INT, 130)];

/// Nothing is left over of a buffer that was closed: no lock, no file made ahead of need, no torn write.
#[track_caller]
fn assert_closed_cleanly(place: &Place, ended: &Ended, code: i32) {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""), "{ended}");
    assert_eq!(status(&place.path)["locked"], false);
    run(["verify", &place.path]).assert_quiet_success();
    let files = fixtures::contents(&place.path);
    assert!(
        !files.iter().any(|(name, bytes)| name.starts_with("buffer-data-") && bytes.is_empty()),
        "{files:?}"
    );
}

/// A service manager stops a writer whose input does not end.
#[test]
fn write_is_closed_cleanly_while_its_stdin_is_open() {
    for (signal, code) in SIGNALS {
        let place = Place::new();
        let mut writer = Running::start(&mut forebay([
            "write",
            &place.path,
            "--confirm",
            "--file-size=64KiB",
            "--format=json",
        ]));
        // More than half a file, so that the next one is there.
        writer.feed(&seq(1..=1000));
        while writer.next_line().unwrap() != b"1000" {}
        writer.signal(signal);
        let ended = writer.wait();
        assert_closed_cleanly(&place, &ended, code);
        assert_eq!(
            (&ended.json()["records"], &ended.json()["last_id"]),
            (&1000.into(), &1000.into()),
            "{ended}"
        );
        assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=1000));
    }
}

/// In mid-stream: whatever was confirmed is there, and what is there is a beginning of what was sent.
#[test]
fn write_is_closed_cleanly_in_mid_stream() {
    for (signal, code) in SIGNALS {
        let place = Place::new();
        let mut writer = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
        let feeding = feed_without_end(writer.take_stdin());
        for _ in 0..3 {
            writer.next_line().unwrap();
        }
        writer.signal(signal);
        let ended = writer.wait();
        feeding.join().unwrap();
        assert_closed_cleanly(&place, &ended, code);
        let lines = String::from_utf8_lossy(&ended.stdout);
        let confirmed: u64 = lines.lines().last().map_or(0, |line| line.parse().unwrap());
        let records = status(&place.path)["records"].as_u64().unwrap();
        assert!(confirmed <= records, "{confirmed} confirmed, {records} there");
        assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=records));
    }
}

/// A reader that waits for more is told to stop.
#[test]
fn read_is_closed_cleanly_while_it_follows() {
    for (signal, code) in SIGNALS {
        let place = Place::with_lines(&seq(1..=10));
        let mut reader = Running::start(&mut forebay(["read", &place.path, "--follow"]));
        while reader.next_line().unwrap() != b"10" {}
        reader.signal(signal);
        let ended = reader.wait();
        assert_closed_cleanly(&place, &ended, code);
        assert_eq!(status(&place.path)["records"], 0);
    }
}

/// What had gone in and not come out waits for the next time.
#[test]
fn pipe_is_closed_cleanly_while_its_stdin_is_open() {
    for (signal, code) in SIGNALS {
        let place = Place::new();
        let mut pipe = Running::start(&mut forebay(["pipe", &place.path]));
        pipe.feed(&seq(1..=10));
        while pipe.next_line().unwrap() != b"10" {}
        pipe.signal(signal);
        assert_closed_cleanly(&place, &pipe.wait(), code);
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"");
    }
}

/// Its output is not read, so it cannot end by itself; the buffer is closed all the same, and nothing is lost.
#[test]
fn a_reader_whose_output_is_not_read_can_be_stopped() {
    let lines: Vec<u8> =
        (1..=20_000_u64).flat_map(|number| format!("{number:0>99}\n").into_bytes()).collect();
    let place = Place::with_lines(&lines);
    let mut reader = Running::start(&mut forebay(["read", &place.path]));
    assert!(reader.read_exactly(100) == lines[..100]);
    reader.signal(Signal::TERM);
    // The pipe is not read, and not closed either.
    let ended = reader.wait_without_reading();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(143), ""), "{ended}");
    assert!(place.read(&[]).assert_quiet_success().stdout == lines);
}
