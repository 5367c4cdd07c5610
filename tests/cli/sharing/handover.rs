//! From one owner to the next, while others write and read.

use std::collections::HashMap;

use rustix::process::Signal;

use super::{Reader, chunk, has_socket};
use crate::{
    Place,
    support::cli::{Running, forebay, status},
};

/// How many lines each writer writes between two of them.
const LINES: u64 = 1000;

/// Has two writers write and one reader follow, and has the owner end in order so often, whichever of them it is. Nothing is lost, and
/// nothing comes twice.
pub fn run(handovers: u64) {
    let place = Place::with_lines(b"");
    let start = || Running::start(&mut forebay(["write", &place.path]));
    let mut writers: Vec<_> = (0..2).map(|_| start()).collect();
    let mut reader = Reader::start(&place, 0);
    for handover in 0..handovers {
        for (writer, process) in (0..).zip(&mut writers) {
            process.feed(&chunk(writer, handover * LINES..(handover + 1) * LINES));
        }
        let owner =
            std::iter::repeat_with(|| status(&place.path)["locked_by"].as_u64()).flatten().next().unwrap();
        match writers.iter_mut().find(|writer| u64::from(writer.pid()) == owner) {
            Some(writer) => {
                writer.end().assert_quiet_success();
                *writer = start();
            }
            None => reader.again(&place, Signal::TERM),
        }
    }
    for mut writer in writers {
        writer.end().assert_quiet_success();
    }
    while status(&place.path)["records"] != 0 {}
    let mut next = HashMap::new();
    for (writer, line) in reader.end(Signal::TERM) {
        let next = next.entry(writer).or_insert(0);
        assert_eq!(line, *next, "of writer {writer}");
        *next += 1;
    }
    assert_eq!(next, HashMap::from([(0, handovers * LINES), (1, handovers * LINES)]));
    assert!(!has_socket(&place));
}

/// Each owner ends in order, and another process takes its place: the others notice nothing.
#[test]
fn orderly_handovers_under_load_lose_and_repeat_nothing() {
    run(20);
}
