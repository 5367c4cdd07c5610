//! Standard descriptors that the caller has closed, as some supervisors do. Rust puts `/dev/null` in their place.

use super::{Place, seq};
use crate::support::{
    cli::{Ended, by_shell, run_command, status},
    fixtures,
};

/// The binary, started by a shell with this redirection, and with this on its stdin where that is open.
fn redirected(redirection: &str, arguments: &[&str], stdin: &[u8]) -> Ended {
    run_command(&mut by_shell(&format!("exec \"$0\" \"$@\" {redirection}"), arguments), stdin)
}

/// The records would be acknowledged, and be nowhere.
#[test]
fn nothing_is_acknowledged_to_a_stdout_that_is_closed() {
    let place = Place::with_lines(&seq(1..=1000));
    let before = fixtures::contents(&place.path);
    for redirection in [">&-", ">&- <&-", "1<>/dev/null"] {
        for command in ["read", "pipe"] {
            let ended = redirected(redirection, &[command, &place.path], b"");
            ended.assert_refusal(&["standard output is closed", ">/dev/null"]);
        }
        assert!(fixtures::contents(&place.path) == before, "{redirection} changed something");
    }
    // With stderr closed as well there are no words, and the exit code stays.
    for command in ["read", "pipe"] {
        assert_eq!(redirected("<&- >&- 2>&-", &[command, &place.path], b"").code, Some(2));
    }
    // It is open, and cannot be written to.
    let ended = redirected("1</dev/null", &["read", &place.path], b"");
    ended.assert_refusal(&["standard output", "not open for writing", "redirect it with '>'"]);
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=1000));
}

/// A caller who wants the records gone says so with the usual redirection.
#[test]
fn records_can_be_discarded_on_purpose() {
    let place = Place::with_lines(&seq(1..=1000));
    redirected(">/dev/null", &["read", &place.path], b"").assert_quiet_success();
    assert_eq!(status(&place.path)["records"], 0);
}

/// Nothing is acknowledged by a look.
#[test]
fn a_look_needs_no_stdout() {
    let place = Place::with_lines(b"one\n");
    for arguments in
        [&["read", &place.path, "--peek"][..], &["verify", &place.path], &["status", &place.path]]
    {
        redirected(">&-", arguments, b"").assert_quiet_success();
    }
    assert_eq!(status(&place.path)["records"], 1);
}

/// The records are safe whether or not their ids can be told; a caller who asked for the ids must hear that none come.
#[test]
fn write_says_that_it_cannot_report_to_a_stdout_that_is_closed() {
    for flag in ["--confirm", "--format=json"] {
        let place = Place::new();
        let ended = redirected(">&-", &["write", &place.path, flag], b"one\ntwo\n");
        assert_eq!(ended.code, Some(0), "{ended}");
        assert_eq!(ended.stderr.matches("standard output is closed").count(), 1, "{ended}");
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\ntwo\n");
    }
    let place = Place::new();
    redirected(">&-", &["write", &place.path], b"one\n").assert_quiet_success();
}

/// No descriptor of the buffer may stand where log lines or records go.
#[test]
fn write_needs_no_stderr() {
    let place = Place::new();
    let ended = redirected(">&- 2>&-", &["-vvv", "write", &place.path], b"one\ntwo\n");
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\ntwo\n");
}

/// Without a word, a script takes the missing records for written.
#[test]
fn a_stdin_that_is_closed_is_named() {
    for command in ["write", "pipe"] {
        let place = Place::new();
        let ended = redirected("<&-", &[command, &place.path], b"");
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(ended.stderr.contains("standard input is closed"), "{ended}");
        let place = Place::new();
        redirected("</dev/null", &[command, &place.path], b"").assert_quiet_success();
    }
}
