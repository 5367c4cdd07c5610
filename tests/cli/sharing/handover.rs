//! From one owner to the next, while others write and read.

use std::collections::HashMap;

use rustix::process::Signal;

use super::{Reader, chunk, has_socket};
use crate::{
    Place,
    support::cli::{Running, forebay, status},
};

/// How often the owner ends.
const HANDOVERS: u64 = 20;

/// How many lines each writer writes between two of them.
const LINES: u64 = 1000;

/// Each owner ends in order, whichever process it is, and another one takes its place: the others lose nothing, and get nothing twice.
#[test]
fn orderly_handovers_under_load_lose_and_repeat_nothing() {
    let place = Place::with_lines(b"");
    let start = || Running::start(&mut forebay(["write", &place.path]));
    let mut writers: Vec<_> = (0..2).map(|_| start()).collect();
    let mut reader = Reader::start(&place, 0);
    for handover in 0..HANDOVERS {
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
    assert_eq!(next, HashMap::from([(0, HANDOVERS * LINES), (1, HANDOVERS * LINES)]));
    assert!(!has_socket(&place));
}
