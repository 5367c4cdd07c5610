//! A buffer that `restore` or `copy` is filling: whole, or of no use and known as such.

use std::{path::Path, thread, time::Duration};

use rustix::process::Signal;

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run, run_with},
    dice::Dice,
};

const LOOKS: [&str; 8] = ["verify", "status", "peek", "dump", "inspect", "repair", "dead-letters", "read"];

/// Either all records are there, or every command refuses and says what to do.
fn is_whole(path: &str, records: usize) -> bool {
    if Path::new(path).join("buffer.filling").exists() {
        for look in LOOKS {
            run([look, path]).assert_refusal(&["is not whole", "remove the directory"]);
        }
        run_with(["write", path], b"more\n").assert_refusal(&["is not whole"]);
        run(["copy", path, "--to", &format!("{path}-copy")]).assert_refusal(&["is not whole"]);
        return false;
    }
    let peeked = run(["peek", path]);
    if peeked.code == Some(2) {
        assert!(peeked.stderr.contains("there is no buffer"), "{peeked}");
        return false;
    }
    let lines = String::from_utf8_lossy(&peeked.stdout).lines().count();
    // Killed before it began, or done.
    assert!(lines == 0 || lines == records, "{lines} of {records} records, and nothing says so");
    lines == records
}

/// A part of a buffer that looks whole is a loss that is found when the source is gone.
#[test]
fn what_a_killed_restore_or_copy_leaves_is_no_buffer() {
    let (mut dice, place) = (Dice::new(), Place::new());
    run_with(["write", &*place.path], &seq(1..=100_000)).assert_quiet_success();
    let archive = format!("{}.dump", place.path);
    run(["dump", &*place.path, "--output", &archive]).assert_quiet_success();
    let sizes = ["--file-size=64KiB", "--max-size=1GiB"];
    let mut parts = 0;
    for round in 0..12 {
        let target = Place::new();
        let command = if round % 2 == 0 {
            vec!["restore", &*archive, &*target.path]
        } else {
            vec!["copy", &*place.path, "--to", &*target.path]
        };
        let mut running = Running::start(&mut forebay([&command[..], &sizes].concat()));
        let marker = Path::new(&target.path).join("buffer.filling");
        // From the first round on which it was seen, anywhere in the work.
        while round < 4 && !marker.exists() && !Path::new(&target.path).join("buffer.db").exists() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(dice.below(60_000)));
        running.signal(Signal::KILL);
        running.wait();
        parts += usize::from(!is_whole(&target.path, 100_000));
    }
    assert!(parts > 0, "none was killed while it worked");
}

/// A command that ends by itself removes what it made.
#[test]
fn a_refused_restore_leaves_nothing_that_must_be_removed() {
    let (place, target) = (Place::new(), Place::new());
    run_with(["write", &*place.path], &seq(1..=10_000)).assert_quiet_success();
    let small = ["--file-size=64KiB", "--max-size=160KiB"];
    let copy = [&["copy", &*place.path, "--to", &*target.path][..], &small].concat();
    run(copy).assert_refusal(&["larger --max-size"]);
    run(["copy", &*place.path, "--to", &*target.path]).assert_quiet_success();
    assert!(is_whole(&target.path, 10_000));
}
