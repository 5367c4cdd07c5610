//! A signal while stdin flows: each line that was read is placed, or counted in the last line on stderr.

use std::{
    io::{PipeWriter, Write as _},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::{io::ioctl_fionread, process::Signal};

use super::{Place, seq};
use crate::support::{
    cli::{Ended, Running, forebay, run, status},
    dice::Dice,
};

/// What is fed: more than any process reads before its signal.
const LINES: u64 = 400_000;

/// A process whose stdin is a pipe, of which it is known how much was read.
struct Fed {
    process: Running,
    pipe: PipeWriter,
    /// How many bytes are in the pipe, or were.
    written: Arc<AtomicUsize>,
    feeding: thread::JoinHandle<()>,
}

impl Fed {
    fn start(command: &mut Command, text: Arc<Vec<u8>>) -> Self {
        let (reader, pipe) = std::io::pipe().unwrap();
        let process = Running::start_with_stdin(command, Stdio::from(reader));
        let written = Arc::new(AtomicUsize::new(0));
        let (mut own, count) = (pipe.try_clone().unwrap(), Arc::clone(&written));
        let feeding = thread::spawn(move || {
            loop {
                let at = count.load(Ordering::SeqCst);
                let Ok(bytes) = own.write(&text[at..(at + 5000).min(text.len())]) else { return };
                count.fetch_add(bytes, Ordering::SeqCst);
            }
        });
        Self { process, pipe, written, feeding }
    }

    /// Waits for its end, and gives what it has read of its stdin.
    fn wait(mut self) -> (Ended, usize) {
        let ended = self.process.wait();
        self.feeding.join().unwrap();
        let unread = usize::try_from(ioctl_fionread(&self.pipe).unwrap()).unwrap();
        (ended, self.written.load(Ordering::SeqCst) - unread)
    }
}

/// How many lines the last line on stderr counts.
fn counted(ended: &Ended) -> usize {
    let Some(line) = ended.stderr.lines().last() else { return 0 };
    let words = line.split(" read from standard input and not placed").next().unwrap();
    words.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{ended}"))
}

/// Sends a signal after so many bytes to a process that reads lines, and checks that none is missing.
fn stop(text: &Arc<Vec<u8>>, signal: Signal, after: usize, flags: &[&str], is_client: bool) -> usize {
    let place = Place::new();
    let mut owner = is_client.then(|| {
        place.write(&[], b"").assert_quiet_success();
        let owner = Running::start(&mut forebay(["serve", &place.path]));
        while status(&place.path)["locked_by"] != owner.pid() {}
        owner
    });
    let fed = Fed::start(&mut forebay([&["write", &place.path], flags].concat()), Arc::clone(text));
    while fed.written.load(Ordering::SeqCst) <= (64 << 10) + after {
        thread::yield_now();
    }
    fed.process.signal(signal);
    let (ended, read) = fed.wait();
    assert!(matches!(ended.code, Some(129 | 143)), "{ended}");
    if let Some(owner) = &mut owner {
        owner.signal(Signal::TERM);
        owner.wait();
    }
    let (placed, counted) = (run(["read", &place.path]).stdout, counted(&ended));
    assert!(text.starts_with(&placed), "what is placed is not what was read");
    let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').count() - 1;
    let cut_off = usize::from(text[read - 1] != b'\n');
    assert_eq!(lines(&placed) + counted, lines(&text[..read]) + cut_off, "{read} bytes: {ended}");
    // The end of a line that has begun comes at once here: none is cut off while it may go on.
    assert!(cut_off == 0 || counted > 0, "{ended}");
    counted
}

/// Sends signals at so many random moments.
pub fn run_for(rounds: u64) {
    let mut dice = Dice::new();
    let text = Arc::new(seq(1..=LINES));
    for round in 0..rounds {
        let signal = if dice.below(2) == 0 { Signal::TERM } else { Signal::HUP };
        let after = usize::try_from(dice.below(500_000)).unwrap();
        let counted = stop(&text, signal, after, &["--grace=1m"], round % 2 == 1);
        assert_eq!(counted, 0, "there was room and time");
    }
}

/// A service manager stops a writer in mid-stream: the lines that it had read were lost without a word.
#[test]
fn whatever_was_read_when_a_signal_comes_is_placed() {
    run_for(10);
}

/// A full buffer takes no more: what was read and finds no room is counted, and the command ends in time.
#[test]
fn what_finds_no_room_after_a_signal_is_counted() {
    let text = Arc::new(seq(1..=LINES));
    for after in [0, 10_000] {
        let flags = ["--max-events=1000", "--grace=400ms"];
        assert!(stop(&text, Signal::TERM, after, &flags, false) > 0);
    }
}

/// 500 signals: `just e2e`.
#[test]
#[ignore = "minutes"]
fn five_hundred_signals() {
    run_for(500);
    println!("| SIGTERM or SIGHUP, 500 times, stdin flowing: lines lost | 0 |");
}
