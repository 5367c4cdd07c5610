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
const LINES: u64 = 4000;

/// A writer in the middle of its lines: some are confirmed, and the others are not yet.
struct Writer {
    process: Running,
    rest: Vec<u8>,
}

impl Writer {
    fn start(place: &Place, mut text: Vec<u8>, dice: &mut Dice) -> Self {
        let mut process = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
        // One line at the least: half a line is none, and is not confirmed.
        let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let others = u64::try_from(text.len() - first).unwrap();
        let rest = text.split_off(first + usize::try_from(dice.below(others)).unwrap());
        process.feed(&text);
        Self { process, rest }
    }

    /// Waits until some of its lines are confirmed, and feeds the others.
    fn feed(&mut self) {
        self.process.next_line().unwrap();
        self.process.feed(&self.rest);
    }

    fn end(mut self) {
        let ended = self.process.end();
        assert!(ended.code == Some(0) && ended.stderr.is_empty(), "{ended}");
    }
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
        let lines = round * LINES..(round + 1) * LINES;
        let mut writing: Vec<_> = (0..writers)
            .map(|writer| Writer::start(&place, chunk(writer, lines.clone()), &mut dice))
            .collect();
        writing.iter_mut().for_each(Writer::feed);
        // Every third time it is the owner, whichever process that is. A reader that takes the place of one that was killed may come
        // before the owner has noticed: it gets later records first. So a single reader is killed as the owner only.
        let killable = if readers > 1 { writers + readers } else { writers };
        let by_dice = usize::try_from(dice.below(killable)).unwrap();
        let owner = status(&place.path)["locked_by"].as_u64().filter(|_| round % 3 == 0);
        let pids = writing.iter().map(|writer| writer.process.pid());
        let mut pids = pids.chain(reading.iter().map(|reader| reader.process.pid()));
        let victim = pids.position(|pid| Some(pid.into()) == owner).unwrap_or(by_dice);
        if victim < writing.len() {
            let mut killed = writing.remove(victim).process;
            killed.signal(Signal::KILL);
            killed.wait();
            let again = chunk(u64::try_from(victim).unwrap(), lines);
            writing.push(Writer::start(&place, again, &mut dice));
            writing.last_mut().unwrap().feed();
        } else {
            reading[victim - writing.len()].again(&place, Signal::KILL);
        }
        writing.into_iter().for_each(Writer::end);
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
