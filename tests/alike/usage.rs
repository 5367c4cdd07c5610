//! What has gone through a buffer, and what is in it: exact after every reopening.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use forebay::{
    Amount, Buffer, NewRecord, RecordId, Simulation, Usage, WhenFull,
    guard::Guard,
    logic::{Logic, NotMade},
    storage::memory::Disk,
};
use tempfile::TempDir;

use crate::support::{
    Runs,
    recorded::Journal,
    storage::{HeldSyncs, data_file, file, ids, ledger, options, read, records, write, written_and_refused},
};

fn usage(buffer: &Buffer) -> Usage {
    buffer.status().unwrap().usage_lifetime
}

/// Received, sent, dropped, lost: events.
fn events(usage: &Usage) -> [u64; 4] {
    [usage.received, usage.sent, usage.dropped, usage.lost].map(|amount| amount.events)
}

fn occupancy(buffer: &Buffer) -> (u64, u64) {
    let Amount { events, bytes, .. } = buffer.status().unwrap().occupancy;
    (events, bytes)
}

/// The frames of these records, in bytes.
fn frames(ids: std::ops::RangeInclusive<u64>) -> u64 {
    data_file(ids).len() as u64
}

fn several(events: u32) -> NewRecord {
    NewRecord::new(vec![7; 100]).with_events(NonZeroU32::new(events).unwrap())
}

/// A twin of Vector's test `initial_size_correct_with_multievents`: a buffer of records with several events each must know
/// on opening how many events and bytes wait in it.
#[test]
fn the_size_on_opening_is_right_with_records_of_several_events() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let batch: Vec<_> = (1..=50).map(several).collect();
        let bytes: u64 = batch.iter().map(NewRecord::frame_bytes).sum();
        buffer.writer().write_batch(batch).unwrap();
        assert_eq!(occupancy(&buffer), (1275, bytes), "{runs:?}");
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(occupancy(&buffer), (1275, bytes), "{runs:?}");
        disk.kill();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(occupancy(&buffer), (1275, bytes), "{runs:?}: after a kill");
    }
}

/// A twin of Vector's test `buffer_size_recalculated_correctly_after_partial_read_reload`: what was acknowledged in the
/// middle of a file does not count on opening, what was only read does.
#[test]
fn the_size_is_right_after_a_part_was_read() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        let records = buffer.reader().next_batch(60).unwrap().unwrap();
        buffer.reader().ack_through(records[24].id());
        assert_eq!(occupancy(&buffer), (75, frames(26..=100)), "{runs:?}");
        let before = usage(&buffer);
        for kill in [true, false, false] {
            if kill {
                disk.kill();
            } else {
                buffer.close().unwrap();
            }
            buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(occupancy(&buffer), (75, frames(26..=100)), "{runs:?}");
            assert_eq!(usage(&buffer), before, "{runs:?}");
            assert_eq!(buffer.status().unwrap().usage_since_open, Usage::default(), "{runs:?}");
            assert_eq!(read(&buffer), ids([26..=100]), "{runs:?}");
        }
    }
}

fn reopen(runs: Runs, disk: &Disk) -> Buffer {
    disk.kill();
    runs.open(disk.open().unwrap(), options())
}

/// The process may die at any moment, and the counters of a service that is restarted often must not lag behind.
#[test]
fn the_counters_are_exact_after_a_kill() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut buffer = runs.open(disk.open().unwrap(), options());
        let mut done = 0;
        for round in 1..=20 {
            let first = (round - 1) * 30 + 1;
            write(&buffer, first..=first + 29);
            let read = buffer.reader().next_batch(100).unwrap().unwrap();
            let sent = read.iter().nth_back(usize::try_from(round % 20).unwrap()).unwrap();
            done = sent.id().0;
            buffer.reader().ack_through(sent.id());
            let before = usage(&buffer);
            assert_eq!(events(&before), [round * 30, done, 0, 0], "{runs:?}");
            assert_eq!(before.sent.bytes, frames(1..=done), "{runs:?}");
            let size = occupancy(&buffer);
            let old = std::mem::replace(&mut buffer, reopen(runs, &disk));
            drop(old);
            assert_eq!((usage(&buffer), occupancy(&buffer)), (before, size), "{runs:?}, round {round}");
        }
        assert_eq!(occupancy(&buffer), (600 - done, frames(done + 1..=600)), "{runs:?}");
    }
}

/// After a power loss the counters are those of the last sync, corrected by what is there: the sum is right, and what was
/// written and is gone is said to be lost.
#[test]
fn the_counters_are_those_of_the_last_sync_after_a_power_loss() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=40);
        buffer.reader().next_batch(40).unwrap().unwrap();
        buffer.reader().ack_through(RecordId(10));
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        {
            let _held = HeldSyncs::of(&disk);
            write(&buffer, 41..=45);
            buffer.reader().next_batch(40).unwrap().unwrap();
            buffer.reader().ack_through(RecordId(20));
            disk.power_loss();
        }
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(events(&usage(&buffer)), [40, 10, 0, 0], "{runs:?}");
        assert_eq!(occupancy(&buffer), (30, frames(11..=40)), "{runs:?}");
    }
}

/// Handing a record back and dropping old ones are both on purpose, and neither is a loss.
#[test]
fn what_is_rejected_and_what_is_dropped_is_counted_apart() {
    for runs in Runs::ALL {
        for when_full in [WhenFull::Reject, WhenFull::DropOldest] {
            let mut options = self::options();
            (options.max_bytes, options.when_full) = (2 * 4096 + 32, when_full);
            let disk = Disk::new();
            let buffer = runs.open(disk.open().unwrap(), options);
            let mut rejected = Amount::default();
            for first in (1..500).step_by(10) {
                let answer = buffer.writer().write_batch(records(first..=first + 9));
                rejected = written_and_refused(answer)
                    .1
                    .iter()
                    .fold(rejected, |sum, record| sum.plus(Amount::new(1, record.frame_bytes())));
            }
            let before = usage(&buffer);
            assert_eq!(before.rejected, rejected, "{runs:?}");
            assert_eq!(before.received.events + rejected.events, 500, "{runs:?}");
            assert_eq!(
                before.dropped.events,
                buffer.status().unwrap().usage_since_open.dropped.events,
                "{runs:?}"
            );
            assert_eq!((before.sent, before.lost), Default::default(), "{runs:?}");
            assert!(before.dropped.events + rejected.events > 300, "{runs:?}: {before:?}");
            let size = occupancy(&buffer);
            assert_eq!(size.1, before.received.bytes - before.dropped.bytes, "{runs:?}");

            disk.kill();
            let buffer = runs.open(disk.open().unwrap(), options);
            assert_eq!((usage(&buffer), occupancy(&buffer)), (before, size), "{runs:?}");
        }
    }
}

/// A frame that is damaged is lost, not sent; its bytes do not wait for ever.
#[test]
fn what_is_damaged_is_lost() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=30);
        buffer.close().unwrap();
        let mut bytes = disk.data_file(file(0)).unwrap();
        let at = usize::try_from(frames(1..=9)).unwrap();
        bytes[at + 10] ^= 1;
        disk.put_data_file(file(0), bytes);

        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=9, 11..=30]), "{runs:?}");
        buffer.reader().ack_through(RecordId(20));
        assert_eq!(events(&usage(&buffer)), [30, 19, 0, 1], "{runs:?}");
        assert_eq!(usage(&buffer).lost.bytes, frames(10..=10), "{runs:?}");
        assert_eq!(occupancy(&buffer), (10, frames(21..=30)), "{runs:?}");
        buffer.reader().ack_through(RecordId(30));
        assert_eq!(occupancy(&buffer), (0, 0), "{runs:?}");
    }
}

/// Vector has written and acknowledged since: its events are counted, as far as they can be known.
#[test]
fn what_another_program_did_is_counted_by_the_ledger() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=20);
        buffer.reader().next_batch(10).unwrap().unwrap();
        buffer.reader().ack_through(RecordId(5));
        buffer.close().unwrap();
        disk.put_data_file(file(0), data_file(1..=40));
        disk.put_ledger(Some(ledger(41, 0, 0, 30)));

        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([31..=40]), "{runs:?}");
        assert_eq!(events(&usage(&buffer)), [40, 30, 0, 0], "{runs:?}");
        assert_eq!(occupancy(&buffer), (10, frames(31..=40)), "{runs:?}");
    }
}

/// Without the file that remembers, the counting begins with what is there; what waits is exact as ever.
#[test]
fn a_buffer_whose_memory_was_deleted_knows_what_waits() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        buffer.reader().next_batch(60).unwrap().unwrap();
        buffer.reader().ack_through(RecordId(55));
        buffer.close().unwrap();
        disk.put_own_file(None);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(occupancy(&buffer), (45, frames(56..=100)), "{runs:?}");
        assert_eq!(events(&usage(&buffer)), [45, 0, 0, 0], "{runs:?}");
    }
}

/// What was acknowledged before is not counted a second time, as sent or as lost.
#[test]
fn a_buffer_that_was_opened_empty_counts_what_comes_after() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut done = 0;
        for _ in 0..3 {
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(occupancy(&buffer), (0, 0), "{runs:?}");
            write(&buffer, done + 1..=done + 10);
            done += 10;
            assert_eq!(read(&buffer).len(), 10, "{runs:?}");
            buffer.reader().ack_through(RecordId(done));
            let expected = Amount::new(done, frames(1..=done));
            let usage = usage(&buffer);
            assert_eq!((usage.received, usage.sent), (expected, expected), "{runs:?}");
            assert_eq!((usage.lost, usage.waiting()), Default::default(), "{runs:?}");
            buffer.close().unwrap();
        }
    }
}

/// Damage behind the last whole record is passed with it. No record will come there whose acknowledgement could count it: an
/// empty buffer must not seem to have bytes that wait.
#[test]
fn damage_behind_the_last_record_does_not_wait_for_ever() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=10);
        buffer.close().unwrap();
        let mut bytes = disk.data_file(file(0)).unwrap();
        bytes[data_file(1..=9).len() + 12] ^= 1;
        disk.put_data_file(file(0), bytes);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=9]), "{runs:?}");
        buffer.reader().ack_through(RecordId(9));
        assert_eq!(occupancy(&buffer), (0, 0), "{runs:?}");
        let usage = usage(&buffer);
        assert_eq!(usage.lost, Amount::new(1, frames(10..=10)), "{runs:?}");
        assert_eq!(usage.sent, Amount::new(9, frames(1..=9)), "{runs:?}");
    }
}

/// Has logic find what is done with removed already, as if it had removed it itself while it opened the buffer.
fn make_tidily(runs: Runs, mut guard: Guard) -> Result<Box<dyn Logic>, Box<NotMade>> {
    for segment in guard.segments(0, u32::MAX).unwrap() {
        // What is not acknowledged stays.
        let _ = guard.discard(segment.file);
    }
    runs.make(guard)
}

/// Writes, reads and acknowledges over many files, until the process dies.
fn use_until_it_dies(runs: Runs, disk: &Disk, journal: &Journal) {
    let simulation = Simulation::new();
    let buffer = runs.open_in(&simulation, journal.of(disk.open().unwrap()), options()).unwrap();
    for round in 0..12 {
        let _ = buffer.writer().submit(records(round * 20 + 1..=round * 20 + 20));
        for record in buffer.reader().try_next_batch(17).unwrap_or_default() {
            record.ack();
        }
        simulation.advance(Duration::from_secs(2_000_000));
        while simulation.run_sync(0) {}
    }
}

/// Between the ledger and the note of it, and between the note and the removal of a file, the counters must not come to
/// another answer: what was acknowledged was sent, whichever program removed its file and whenever.
#[test]
fn a_kill_at_any_storage_call_leaves_the_counters_exact() {
    for tidily in [false, true] {
        for calls in 0.. {
            let (disk, journal, runs) = (Disk::new(), Journal::default(), Runs::Natively);
            runs.open(disk.open().unwrap(), options()).close().unwrap();
            journal.kill_after(calls, &disk);
            use_until_it_dies(runs, &disk, &journal);
            if journal.is_alive() {
                assert!(calls > 100, "{calls} calls are no history");
                break;
            }
            let backend = Box::new(disk.open().unwrap());
            let make = move |guard| if tidily { make_tidily(runs, guard) } else { runs.make(guard) };
            let buffer = Buffer::open_with(backend, options(), make).unwrap();
            let ledger = disk.ledger().unwrap();
            let (last, next) = (ledger.reader_last_record.0, ledger.writer_next_record.0);
            let (received, sent) =
                (Amount::new(next - 1, frames(1..=next - 1)), Amount::new(last, frames(1..=last)));
            let mut expected = Usage::default();
            (expected.received, expected.sent) = (received, sent);
            assert_eq!(usage(&buffer), expected, "after {calls} calls, tidily: {tidily}");
        }
    }
}

/// A backlog of a few records may be a destination that has been down for a day.
#[test]
fn the_status_says_how_long_the_oldest_event_waits() {
    const DAY: Duration = Duration::from_hours(24);
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    let age = |buffer: &Buffer| buffer.status().unwrap().oldest_waiting_age;
    assert_eq!(age(&buffer), None, "nothing waits");
    write(&buffer, 1..=10);
    let file = std::fs::File::options().write(true).open(directory.path().join("buffer-data-0.dat")).unwrap();
    file.set_modified(SystemTime::now().checked_sub(DAY).unwrap()).unwrap();
    assert!(age(&buffer).unwrap() >= DAY, "{:?}", age(&buffer));

    let status = serde_json::to_value(buffer.status()).unwrap();
    assert!(status["oldest_waiting_age_ms"].as_u64().unwrap() >= 24 * 3600 * 1000, "{status}");
    assert_eq!(status["next_id"], 11, "{status}");
    assert_eq!(status["usage_since_open"]["received"]["events"], 10, "{status}");

    let reader = buffer.reader();
    reader.next_batch(10).unwrap();
    reader.ack_through(RecordId(10));
    assert_eq!(age(&buffer), None, "nothing waits any more");
    buffer.close().unwrap();
}
