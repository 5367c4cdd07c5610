//! Processes that are killed at any moment, the owner among them.

use std::collections::{BTreeSet, HashMap};

use rustix::process::Signal;

use super::{Reader, chunk};
use crate::{
    Place,
    support::{
        cli::{Running, forebay, status},
        dice::Dice,
    },
};

const WRITERS: u64 = 3;

/// How often a process is killed, and how many lines each writer writes between two kills.
const KILLS: u64 = 12;
const LINES: u64 = 2000;

/// Writes a chunk, and says whether all of it was confirmed. It is killed after so many bytes, if it is to be.
fn write(mut process: Running, text: &[u8], killed_after: Option<usize>) -> bool {
    if let Some(bytes) = killed_after {
        process.feed(&text[..bytes]);
        process.signal(Signal::KILL);
        process.wait();
        return false;
    }
    process.feed(text);
    let ended = process.end();
    assert!(ended.code == Some(0) && ended.stderr.is_empty(), "{ended}");
    true
}

/// Whatever is killed, and whoever becomes the owner: what was confirmed is delivered, nothing is made up, and the lines of each writer
/// come for the first time in their order, where there is one reader.
#[test]
fn what_was_confirmed_is_delivered_whichever_process_is_killed() {
    let mut dice = Dice::new();
    for readers in [1, 2] {
        let place = Place::with_lines(b"");
        let mut reading: Vec<_> = (0..readers).map(|number| Reader::start(&place, number)).collect();
        for round in 0..KILLS {
            let victim = dice.below(WRITERS + readers);
            let start = || Running::start(&mut forebay(["write", &place.path]));
            let writers: Vec<_> = (0..WRITERS).map(|writer| (writer, start())).collect();
            for (writer, process) in writers {
                let text = chunk(writer, round * LINES..(round + 1) * LINES);
                let length = u64::try_from(text.len()).unwrap();
                let killed_after = (writer == victim).then(|| usize::try_from(dice.below(length)).unwrap());
                if !write(process, &text, killed_after) {
                    assert!(write(start(), &text, None));
                }
            }
            if let Some(reader) = victim.checked_sub(WRITERS) {
                reading[usize::try_from(reader).unwrap()].again(&place, Signal::KILL);
            }
        }
        while status(&place.path)["records"] != 0 {}
        let mut delivered = BTreeSet::new();
        for reader in reading {
            let mut newest = HashMap::new();
            for (writer, line) in reader.end(Signal::TERM) {
                assert!(writer < WRITERS && line < KILLS * LINES, "{writer} {line} was never written");
                if delivered.insert((writer, line)) {
                    let before = newest.insert(writer, line);
                    // With two readers, one of them gets later what the other had when it was killed.
                    let is_in_order = readers > 1 || before.is_none_or(|before| before < line);
                    assert!(is_in_order, "{line} of {writer} came after {before:?}");
                }
            }
        }
        assert_eq!(delivered.len() as u64, WRITERS * KILLS * LINES, "lines are missing");
    }
}
