//! What is said of untrusted logic that does harm. A log that fills the disk is an attack as well, and so is one that says
//! nothing.

use std::time::{Duration, Instant};

use forebay::{
    Breach, Buffer, NewRecord, ReadError, RecordId, Refusal, Simulation, WriteError, WriteErrorKind,
    guard::{BatchId, Guard},
    storage::{Ledger, memory::Disk},
};

use super::{attack::guest, bed::NO_BATCH};
use crate::support::{
    Runs, logged,
    storage::{file, options},
    unfaithful::Unfaithful,
};

const WRITES: u64 = 20;

/// What this thread has logged.
struct Log {
    text: String,
    lasted: Duration,
}

impl Log {
    /// It was said once a second at the most.
    #[track_caller]
    fn assert_throttled(&self, words: &str) {
        let (said, seconds) = (self.text.matches(words).count(), self.lasted.as_secs() as usize);
        assert!((1..=1 + seconds).contains(&said), "{words}: {said} times in {seconds} s:\n{}", self.text);
    }
}

/// Runs something, and gives what it has logged.
fn logged<T>(run: impl FnOnce() -> T) -> (T, Log) {
    let started = Instant::now();
    let (answer, text) = logged::logged(run);
    (answer, Log { text, lasted: started.elapsed() })
}

/// Each rule has a line of its own and a number of its own: one that is broken in a loop must not hide another.
#[test]
fn broken_rules_are_counted_and_logged_by_rule() {
    let meddle = |guard: &mut Guard, batch: BatchId| {
        if guard.bytes() == 0 {
            // There is nothing to be harmed yet.
            return;
        }
        let ledger = guard.ledger().unwrap();
        let mut stored = |change: &dyn Fn(&mut Ledger)| {
            let mut ledger = ledger;
            change(&mut ledger);
            drop(guard.store_ledger(ledger));
        };
        stored(&|ledger| ledger.writer_next_record = RecordId(u64::MAX));
        stored(&|ledger| ledger.reader_last_record = RecordId(u64::MAX));
        stored(&|ledger| ledger.reader_data_file = file(7));
        drop(guard.append(NO_BATCH, 1));
        drop(guard.append(batch, 2));
        drop(guard.release(file(0)));
        drop(guard.truncate());
    };
    let (refusals, log) = logged(|| {
        let make = move |guard| Runs::Natively.make(guard).map(|logic| Unfaithful::meddling(logic, meddle));
        let buffer = Buffer::open_with(Box::new(Disk::new().open().unwrap()), options(), make).unwrap();
        for _ in 0..=WRITES {
            buffer.writer().write(NewRecord::new("one")).unwrap();
        }
        let status = buffer.status().unwrap();
        assert_eq!(status.refused_calls, status.refusals.iter().map(|(_, count)| count).sum::<u64>());
        status.refusals
    });
    let broken = [
        Refusal::UnknownBatch,
        Refusal::BatchCount,
        Refusal::UnknownFile,
        Refusal::LedgerNext,
        Refusal::LedgerLast,
        Refusal::Retention,
        Refusal::Truncate,
    ];
    for refusal in broken {
        assert!(refusals.contains(&(Breach::Rule(refusal), WRITES)), "{refusal:?}: {refusals:?}");
        log.assert_throttled(&format!("number={} ", refusal.number()));
    }
    assert_eq!(refusals.len(), broken.len(), "{refusals:?}");
}

/// Logic that answers every call with an error breaks no rule. The caller hears each of them; the log need not.
#[test]
fn errors_of_the_logic_are_logged_once_a_second() {
    let ((), log) = logged(|| {
        let make = |guard| Runs::Natively.make(guard).map(Unfaithful::refusing);
        let buffer = Buffer::open_with(Box::new(Disk::new().open().unwrap()), options(), make).unwrap();
        for _ in 0..WRITES {
            let answer = buffer.writer().write(NewRecord::new("one"));
            assert!(
                matches!(answer, Err(WriteError { kind: WriteErrorKind::Refused { .. }, .. })),
                "{answer:?}"
            );
            let answer = buffer.reader().try_next_batch(1);
            assert!(matches!(answer, Err(ReadError::Refused { .. })), "{answer:?}");
        }
        assert_eq!(buffer.status().unwrap().restarts, 0);
    });
    log.assert_throttled("refused a call");
}

/// The log is where an operator reads what was dropped. It must not end with what was dropped before the buffer was closed,
/// nor leave out what went while no record was written.
#[test]
fn what_is_dropped_in_any_call_and_while_closing_is_logged() {
    let (dropped, log) = logged(|| {
        let mut options = options();
        options.retain_newest = Some(0);
        // A file in each call.
        let drop_one = |guard: &mut Guard| {
            let mut ledger = guard.ledger().unwrap();
            let next = ledger.reader_data_file.successor();
            let Some(segment) = guard.segments(0, 100).unwrap().into_iter().find(|it| it.file == next) else {
                return;
            };
            (ledger.reader_data_file, ledger.reader_last_record) = (next, segment.first_id.before());
            drop(guard.store_ledger(ledger));
        };
        let make = move |guard| Ok(Unfaithful::meddling_in_all(Runs::Natively.make(guard)?, drop_one));
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options, make).unwrap();
        crate::support::storage::write(&buffer, 1..=400);
        buffer.close().unwrap();
        disk.ledger().unwrap().reader_last_record.0
    });
    let lines = log.text.lines().filter(|line| line.contains("dropped the oldest records"));
    let events =
        lines.flat_map(|line| line.split_whitespace()).filter_map(|word| word.strip_prefix("events="));
    let said: u64 = events.map(|number| number.parse::<u64>().unwrap()).sum();
    assert!(dropped > 100, "{dropped}");
    assert_eq!(said, dropped, "{}", log.text);
}

/// A process may have many buffers, and its operator has to know which of them has logic that is to be looked at.
#[test]
fn the_log_says_which_buffer_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let ((), log) = logged(|| {
        let buffer = Buffer::builder(directory.path()).component(guest("spins.wasm")).open().unwrap();
        assert!(buffer.writer().write(NewRecord::new("one")).is_err());
    });
    let lines: Vec<_> = log.text.lines().filter(|line| !line.contains(" INFO ")).collect();
    // The further lives are begun by other threads, whose lines are not collected here.
    assert!(lines.len() >= 2, "{lines:?}");
    let name = format!("buffer{{directory={:?}}}", directory.path());
    let unnamed: Vec<_> = lines.iter().filter(|line| !line.contains(&name)).collect();
    assert!(unnamed.is_empty(), "{name}: {unnamed:#?}");
}
