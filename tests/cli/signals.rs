//! SIGHUP, SIGINT and SIGTERM: the buffer is closed cleanly, and the exit code says what happened.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::{fs::OFlags, process::Signal};

use super::{Place, feed_without_end, seq};
use crate::support::{
    cli::{Ended, Running, by_shell, forebay, run, status},
    fixtures,
};

const SIGNALS: [(Signal, i32); 3] = [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)];

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
    let rest = place.read(&[]).assert_quiet_success().stdout.clone();
    // What the test's own buffer takes beyond what is asked for.
    assert!(lines.ends_with(&rest) && rest.len() >= lines.len() - (8 << 10));
}

/// A service manager has a time of its own after which it kills.
#[test]
fn how_long_a_command_may_take_to_end_is_the_operators_to_say() {
    let lines: Vec<u8> =
        (1..=20_000_u64).flat_map(|number| format!("{number:0>99}\n").into_bytes()).collect();
    let [soon, late] = ["--grace=1ms", "--grace=4s"].map(|grace| {
        let place = Place::with_lines(&lines);
        let mut reader = Running::start(&mut forebay(["read", &place.path, grace]));
        assert!(reader.read_exactly(100) == lines[..100]);
        let signalled = Instant::now();
        reader.signal(Signal::TERM);
        assert_eq!(reader.wait_without_reading().code, Some(143));
        signalled.elapsed()
    });
    // Half of it is for the reader, to take what is in the pipe.
    assert!(soon < Duration::from_secs(2) && late >= Duration::from_secs(2), "{soon:?}, {late:?}");
}

/// `nohup` and some supervisors start a process so, and it outlives the terminal.
#[test]
fn a_hangup_that_is_ignored_at_the_start_stays_ignored() {
    let place = Place::new();
    let script = "trap '' HUP; exec \"$0\" \"$@\"";
    let mut writer = Running::start(&mut by_shell(script, &["write", &place.path, "--confirm"]));
    for number in 1..=3_u64 {
        writer.feed(format!("{number}\n").as_bytes());
        assert_eq!(writer.next_line().unwrap(), number.to_string().into_bytes());
        writer.signal(Signal::HUP);
    }
    writer.end().assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=3));
}

/// Where a step never ends, the buffer cannot be closed: here a log line waits for a terminal that takes no more. A user who
/// insists must not need SIGKILL.
#[test]
fn a_second_signal_ends_a_process_that_cannot_close_its_buffer() {
    for signals in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::HUP]] {
        let place = Place::new();
        let fifo = place.above.path().join("stderr");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // A reader, so that writing to it waits.
        let _reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let mut filler = OpenOptions::new().write(true).custom_flags(flags).open(&fifo).unwrap();
        while filler.write(&[b'x'; 4096]).is_ok() {}
        while filler.write(b"x").is_ok() {}

        let script = format!("exec \"$0\" \"$@\" 2>{}", fifo.display());
        let full = ["--file-size=64KiB", "--max-size=131104", "--when-full=drop-oldest"];
        let mut writer =
            Running::start(&mut by_shell(&script, &[&["write", &place.path], &full[..]].concat()));
        let feeding = feed_without_end(writer.take_stdin());
        while !is_writing_to_stderr(writer.pid()) {
            thread::yield_now();
        }
        for signal in signals {
            writer.signal(signal);
            // Two of the same that wait together are one.
            while has_pending_signals(writer.pid()) {
                thread::yield_now();
            }
        }
        let ended = writer.wait();
        feeding.join().unwrap();
        assert_eq!(ended.signal, None, "{ended}");
        assert!(matches!(ended.code, Some(129 | 130 | 143)), "{ended}");
        assert_eq!(status(&place.path)["locked"], false);
    }
}

/// Whether a thread of the process is in a system call whose first argument is descriptor 2.
fn is_writing_to_stderr(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().any(|thread| {
        let call = fs::read_to_string(thread.path().join("syscall")).unwrap_or_default();
        call.split_whitespace().nth(1) == Some("0x2")
    })
}

fn has_pending_signals(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status.lines().filter_map(|line| line.split_once("Pnd:"));
    pending.map(|(_, signals)| signals.trim()).any(|signals| signals.chars().any(|digit| digit != '0'))
}
