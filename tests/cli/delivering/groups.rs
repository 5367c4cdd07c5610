//! The processes of `--exec`: none outlives a signal.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{delivered, file, until};
use crate::{
    Place, seq,
    support::cli::{Running, forebay, status},
};

/// A command that starts a process which ignores `ignored`, and waits for it.
fn stubborn(place: &Place, ignored: &str) -> String {
    let pid = file(place, "pid");
    format!("sh -c 'trap \"\" {ignored}; echo $$ >{}; while :; do sleep 0.01; done' & wait", pid.display())
}

fn start(place: &Place, command: &str, grace: &str) -> Running {
    let reader = Running::start(&mut forebay(["read", &place.path, "--exec", command, grace]));
    until(|| delivered(place, "pid").len() == 1);
    reader
}

fn assert_gone(place: &Place) {
    let pid = delivered(place, "pid")[0];
    let is_dead = || {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
        stat.map_or(true, |stat| stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
    };
    until(is_dead);
    assert_eq!(status(&place.path)["records"], 3);
}

/// What the shell had started went on after the service was stopped, and a second one came beside it with the next start.
#[test]
fn a_process_that_the_command_has_started_ends_with_it() {
    for ignored in ["HUP", "TERM"] {
        let place = Place::with_lines(&seq(1..=3));
        let mut reader = start(&place, &stubborn(&place, ignored), "--grace=400ms");
        reader.signal(Signal::TERM);
        let ended = reader.wait();
        assert_eq!(ended.code, Some(143), "{ended}");
        assert_gone(&place);
    }
}

/// A person at a terminal waits for it: a command that heeds it ends long before the time is over.
#[test]
fn an_interrupt_reaches_the_command_at_once() {
    let place = Place::with_lines(&seq(1..=3));
    let command =
        format!("sh -c 'echo $$ >{}; while :; do sleep 0.01; done'; :", file(&place, "pid").display());
    let mut reader = start(&place, &command, "--grace=1h");
    reader.signal(Signal::INT);
    assert_eq!(reader.wait().code, Some(130));
    assert_gone(&place);
}

/// The second signal ends the process within a second, and leaves nothing behind.
#[test]
fn a_second_signal_kills_the_command() {
    let place = Place::with_lines(&seq(1..=3));
    let mut reader = start(&place, &stubborn(&place, "TERM"), "--grace=1h");
    reader.signal(Signal::TERM);
    reader.signal(Signal::HUP);
    let ended = reader.wait();
    assert!(matches!(ended.code, Some(129 | 143)), "{ended}");
    assert_gone(&place);
}

/// An empty command succeeds, and so discards all records.
#[test]
fn an_empty_command_is_refused() {
    let place = Place::with_lines(&seq(1..=3));
    for command in ["", "  ", "\n"] {
        place.read(&["--exec", command]).assert_refusal(&["--exec", "discard"]);
    }
    assert_eq!(status(&place.path)["records"], 3);
}
