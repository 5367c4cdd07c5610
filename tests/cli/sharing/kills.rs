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

/// How many lines each writer writes between two kills.
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

/// Has writers write and readers follow, and kills one of them so often, the owner among them. Says how many lines were delivered again.
///
/// What was confirmed is delivered, nothing is made up, and the lines of each writer come for the first time in their order, where there
/// is one reader.
pub fn run(writers: u64, readers: u64, kills: u64) -> u64 {
    let mut dice = Dice::new();
    let place = Place::with_lines(b"");
    let mut reading: Vec<_> = (0..readers).map(|number| Reader::start(&place, number)).collect();
    for round in 0..kills {
        let victim = dice.below(writers + readers);
        let start = || Running::start(&mut forebay(["write", &place.path]));
        let writing: Vec<_> = (0..writers).map(|writer| (writer, start())).collect();
        for (writer, process) in writing {
            let text = chunk(writer, round * LINES..(round + 1) * LINES);
            let length = u64::try_from(text.len()).unwrap();
            let killed_after = (writer == victim).then(|| usize::try_from(dice.below(length)).unwrap());
            if !write(process, &text, killed_after) {
                assert!(write(start(), &text, None));
            }
        }
        if let Some(reader) = victim.checked_sub(writers) {
            reading[usize::try_from(reader).unwrap()].again(&place, Signal::KILL);
        }
    }
    while status(&place.path)["records"] != 0 {}
    let (mut delivered, mut again) = (BTreeSet::new(), 0);
    for reader in reading {
        let mut newest = HashMap::new();
        for (writer, line) in reader.end(Signal::TERM) {
            assert!(writer < writers && line < kills * LINES, "{writer} {line} was never written");
            if !delivered.insert((writer, line)) {
                again += 1;
                continue;
            }
            let before = newest.insert(writer, line);
            // With two readers, one of them gets later what the other had when it was killed.
            let is_in_order = readers > 1 || before.is_none_or(|before| before < line);
            assert!(is_in_order, "{line} of {writer} came after {before:?}");
        }
    }
    assert_eq!(delivered.len() as u64, writers * kills * LINES, "lines are missing");
    again
}

/// Whatever is killed, and whichever process becomes the owner, no line that was confirmed is missing.
#[test]
fn what_was_confirmed_is_delivered_whichever_process_is_killed() {
    for readers in [1, 2] {
        run(3, readers, 12);
    }
}
