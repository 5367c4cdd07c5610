//! The counters of a buffer that the binary works on, run after run, and after kills.

use std::{io::Write as _, path::Path, thread};

use forebay::{Amount, NewRecord};
use rustix::process::Signal;
use tempfile::TempDir;

use super::told;
use crate::support::{
    cli::{Running, forebay, run, run_with},
    dice::Dice,
};

const SIZES: [&str; 2] = ["--file-size=64KiB", "--max-size=64MiB"];

/// Record n, without its newline: its number, and as many bytes as differ from its neighbours'.
fn line(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 400).unwrap();
    format!("{number} {}", "x".repeat(length)).into_bytes()
}

fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| [line(number), b"\n".to_vec()].concat()).collect()
}

/// The first so many records, with the length of their frames.
fn first(records: u64) -> Amount {
    Amount::new(records, (1..=records).map(|number| NewRecord::new(line(number)).frame_bytes()).sum())
}

/// The numbers of the first and the last of these lines.
fn ends(lines: &[u8]) -> (u64, u64) {
    let lines = lines.strip_suffix(b"\n").expect("the last line is whole");
    let number = |line: &[u8]| -> u64 {
        let digits = line.split(|&byte| byte == b' ').next().unwrap();
        std::str::from_utf8(digits).unwrap().parse().unwrap()
    };
    let mut lines = lines.split(|&byte| byte == b'\n');
    let first = number(lines.next().unwrap());
    (first, lines.next_back().map_or(first, number))
}

/// So many were received, so many sent, and nothing else ever happened.
#[track_caller]
fn assert_counted(path: &Path, received: u64, sent: u64, what: &str) {
    let nothing = Amount::default();
    let expected = [first(received), first(sent), nothing, nothing, nothing];
    assert_eq!(told(path), Some(expected), "{what}");
}

/// An operator who watches a service sees numbers that only rise, however often it is started, and whatever each run does.
#[test]
fn counters_go_on_from_run_to_run() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let arguments = |command: &'static str, flags: &[&'static str]| {
        [&[command, path.to_str().unwrap()][..], &SIZES, flags].concat()
    };
    run_with(arguments("write", &[]), &lines(1..=500)).assert_quiet_success();
    assert_counted(path, 500, 0, "written");
    run(arguments("read", &["--peek"])).assert_quiet_success();
    assert_counted(path, 500, 0, "looked at");
    let read = run(arguments("read", &["--count=123"]));
    assert!(read.assert_quiet_success().stdout == lines(1..=123));
    assert_counted(path, 500, 123, "read in part");
    run_with(arguments("write", &["--durability=synced"]), &lines(501..=700)).assert_quiet_success();
    assert_counted(path, 700, 123, "written again");
    let piped = run_with(arguments("pipe", &[]), &lines(701..=900));
    assert!(piped.assert_quiet_success().stdout == lines(124..=900));
    assert_counted(path, 900, 900, "piped");
    for round in 0..3 {
        let from = 901 + round * 50;
        let piped = run_with(arguments("pipe", &[]), &lines(from..from + 50));
        assert!(piped.assert_quiet_success().stdout == lines(from..from + 50));
        assert_counted(path, from + 49, from + 49, "piped again");
        run(arguments("read", &[])).assert_quiet_success();
        assert_counted(path, from + 49, from + 49, "read when empty");
    }
}

/// A process that writes and acknowledges is killed in mid-stream, again and again. What waits afterwards says how much was
/// received and how much was sent; the counters must say the same, to the byte, with nothing lost.
#[test]
fn counters_are_exact_after_kills() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let arguments = |command: &'static str, flags: &[&'static str]| {
        [&[command, path.to_str().unwrap()][..], &SIZES, flags].concat()
    };
    // So much that it is never empty, whenever it is killed.
    let mut last = 60_000;
    run_with(arguments("write", &[]), &lines(1..=last)).assert_quiet_success();
    let mut dice = Dice::new();
    let mut sent = 0;
    for kill in 1..=6 {
        // The binary acknowledges thousands of lines at once: one life is long enough for that.
        let wanted = if kill == 3 { 12_000 } else { dice.below(9_000) };
        pipe_and_kill(&arguments("pipe", &[]), last, wanted);
        let before = told(path).unwrap();
        let rest = run(arguments("read", &["--peek"]));
        let (first_left, last_left) = ends(&rest.assert_quiet_success().stdout);
        assert!(first_left > sent && last_left >= last, "kill {kill}: {first_left} to {last_left} are left");
        (sent, last) = (first_left - 1, last_left);
        let what = format!("kill {kill}, after {wanted} lines");
        // What the process was about to note when it died is found when the buffer is opened again. A look notes nothing.
        run(arguments("read", &["--count=0"])).assert_quiet_success();
        let [received_before, sent_before, none @ ..] = before.map(|amount| amount.events);
        assert!(
            received_before <= last && sent_before <= sent,
            "{what}: {received_before} and {sent_before}"
        );
        assert_eq!(none, [0, 0, 0], "{what}");
        assert_counted(path, last, sent, &what);
    }
    assert!(sent > 0 && last > 60_000, "{sent} sent, {last} received");
    let rest = run(arguments("read", &[]));
    assert!(rest.assert_quiet_success().stdout == lines(sent + 1..=last));
    assert_counted(path, last, last, "in the end");
}

/// Feeds the records behind `done` without end, takes so many lines, and kills it.
fn pipe_and_kill(arguments: &[&str], done: u64, wanted: u64) {
    let mut pipe = Running::start(&mut forebay(arguments));
    let mut stdin = pipe.take_stdin();
    thread::scope(|scope| {
        // Until the process that takes them is gone.
        scope.spawn(move || {
            (done + 1..).try_for_each(|number| stdin.write_all(&lines([number]))).unwrap_err()
        });
        for _ in 0..wanted {
            pipe.next_line().expect("there is more than is read");
        }
        pipe.signal(Signal::KILL);
        assert_eq!(pipe.wait().signal, Some(Signal::KILL.as_raw()));
    });
}

/// Someone who watches a busy buffer divides bytes by records, and compares what waits with what there is.
#[test]
fn the_figures_of_a_busy_buffer_are_of_one_moment() {
    const FRAME_BYTES: u64 = 48;
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let buffer = forebay::Buffer::builder(path).file_bytes(64 << 10).max_bytes(256 << 20);
    let buffer = buffer.when_full(forebay::WhenFull::Reject).open().unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let started = std::time::Instant::now();
    // Also where this thread has ended with a failure.
    let over = || is_over.load(std::sync::atomic::Ordering::Relaxed) || started.elapsed().as_secs() > 20;
    thread::scope(|scope| {
        let writer = buffer.writer();
        scope.spawn(move || {
            while !over() {
                drop(writer.write_batch(vec![NewRecord::new("12345678"); 7]));
                thread::yield_now();
            }
        });
        let watch = |is_read: bool| {
            let mut last = 0;
            for _ in 0..20 {
                let told = crate::support::cli::status(path);
                let number = |name: &str| told[name].as_u64().unwrap();
                let usage = |name: &str, of: &str| told["usage"][name][of].as_u64().unwrap();
                for name in ["received", "sent"] {
                    assert_eq!(usage(name, "bytes"), usage(name, "events") * FRAME_BYTES, "{name}: {told}");
                }
                assert_eq!(
                    number("records"),
                    usage("received", "events") - usage("sent", "events"),
                    "{told}"
                );
                if !is_read {
                    assert_eq!(number("bytes"), number("records") * FRAME_BYTES, "{told}");
                }
                assert!(number("bytes") >= number("records") * FRAME_BYTES, "{told}");
                assert!(usage("received", "events") >= last, "it only rises: {told}");
                last = usage("received", "events");
            }
        };
        watch(false);
        let reader = buffer.reader();
        scope.spawn(move || {
            while !over() {
                for record in reader.try_next_batch(5).unwrap() {
                    record.ack();
                }
            }
        });
        watch(true);
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    buffer.close().unwrap();
}
