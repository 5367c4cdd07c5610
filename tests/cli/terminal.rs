//! What is shown of a path whose name holds control characters: none of them reaches the terminal.

use std::fs;

use super::Place;
use crate::support::cli::{Ended, run, run_with};

/// It clears the screen, turns what follows red, and forges a line.
const NAME: &str = "bad\u{1b}[2J\u{1b}[31m\u{9b}1m\nforebay: all is well";

#[track_caller]
fn assert_plain(ended: &Ended) {
    let stdout = String::from_utf8_lossy(&ended.stdout);
    for text in [&ended.stderr, &*stdout] {
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{ended}");
        assert!(!text.lines().any(|line| line.starts_with("forebay: all is well")), "{ended}");
    }
}

/// A directory may be called anything, and not by its owner alone.
#[test]
fn control_characters_in_a_path_are_escaped_in_every_message() {
    let place = Place::new();
    let dir = place.above.path().join(NAME);
    let dir = dir.to_str().unwrap();
    let runs = |arguments: &[&str]| {
        let ended = run(arguments);
        assert_plain(&ended);
        ended
    };
    assert_plain(&run_with(["-vvv", "write", dir, "--file-size=4KiB"], b"one\ntwo\n"));
    for command in ["status", "verify"] {
        let ended = runs(&[command, dir]);
        assert!(String::from_utf8_lossy(&ended.stdout).contains("bad\\u{1b}[2J"), "{ended}");
    }
    let ended = runs(&["-v", "read", dir, "--peek"]);
    assert!(ended.stderr.contains("bad\\u{1b}[2J"), "{ended}");
    fs::write(format!("{dir}/buffer.dead-letters"), [1; 100]).unwrap();
    runs(&["dead-letters", dir]);
    fs::write(format!("{dir}/buffer.db"), "x").unwrap();
    for command in ["status", "verify", "inspect", "doctor", "read", "write", "pipe"] {
        runs(&[command, dir]);
    }
    fs::write(format!("{dir}/buffer.db"), [0xff; 24]).unwrap();
    for arguments in [&["repair", dir, "--dry-run"][..], &["repair", dir], &["ack", dir, "1"]] {
        runs(arguments);
    }
    let (new, file) = (format!("{dir}/new"), format!("{dir}/buffer.db"));
    for arguments in [
        &["read", &new][..],
        &["write", &file],
        &["component", &file],
        &["write", dir, "--component", &file],
        &["demo", &new, "--records=100", "--input", &format!("{dir}/none")],
        &["demo", &new, "--records=100"],
    ] {
        runs(arguments);
    }
}
