//! Buffers whose newest records are worth more than their oldest.

use std::{collections::BTreeSet, time::Duration};

use forebay::{Amount, Buffer, Options, RecordId, Simulation, Usage, WhenFull, storage::memory::Disk};

use crate::support::{
    Runs,
    recorded::Journal,
    storage::{data_file, disk, ids, ledger, options, read, records, write},
};

/// Room for two files.
const MAX_BYTES: u64 = 2 * 4096 + 32;

fn dropping() -> Options {
    let mut options = options();
    options.max_bytes = MAX_BYTES;
    options.when_full = WhenFull::DropOldest;
    options
}

/// Writes many more records than there is room for. Gives how many events were dropped.
fn overflow(buffer: &Buffer) -> u64 {
    for first in (1..1000).step_by(10) {
        write(buffer, first..=first + 9);
    }
    buffer.status().unwrap().usage_since_open.dropped.events
}

/// What it is chosen for: writers never wait for readers, the newest records are there, and the numbers say what went.
#[test]
fn the_newest_records_are_kept() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), dropping());
        let dropped = overflow(&buffer);
        assert!((850..1000).contains(&dropped), "{runs:?}: {dropped}");
        assert!(buffer.status().unwrap().bytes <= MAX_BYTES, "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.acknowledged), (0, RecordId(dropped)), "{runs:?}");
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), dropping());
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
    }
}

/// A record that a consumer still works on goes with its file; its late acknowledgement must release no other.
#[test]
fn delivered_records_go_too_and_their_late_acknowledgement_is_ignored() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), dropping());
        // The five behind them are read ahead.
        write(&buffer, 1..=10);
        let delivered = buffer.reader().next_batch(5).unwrap().unwrap();
        for first in (11..1000).step_by(5) {
            write(&buffer, first..=(first + 4).min(1000));
        }
        let dropped = buffer.status().unwrap().usage_since_open.dropped.events;
        assert_eq!(buffer.status().unwrap().unacknowledged_records, 0, "{runs:?}");
        delivered.iter().for_each(forebay::Record::ack);
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(dropped), "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
    }
}

/// After a power loss the ledger may be an older one, which stands in the midst of a record that has come to its ids since.
/// What it has passed of that record is not dropped again, and the rest is dropped and not lost.
#[test]
fn of_a_record_that_the_ledger_has_passed_in_part_the_rest_is_dropped() {
    for runs in Runs::ALL {
        let mut bytes = data_file(1..=2);
        forebay_frame::encode(&mut bytes, RecordId(3), 0, 5.try_into().unwrap(), b"3 to 7");
        let disk = disk(Some(ledger(8, 0, 0, 4)), &[(0, bytes)]);
        let buffer = runs.open(disk.open().unwrap(), dropping());
        for id in 8..200 {
            write(&buffer, id..=id);
        }
        let status = buffer.status().unwrap();
        assert!(status.usage_since_open.dropped.events > 0, "{runs:?}");
        assert_eq!(status.usage_since_open.dropped.events, status.acknowledged.0 - 4, "{runs:?}");
        let usage = status.usage_lifetime;
        assert_eq!(
            (usage.dropped.events, usage.lost.events),
            (status.usage_since_open.dropped.events, 0),
            "{runs:?}"
        );
    }
}

/// A reader at the end of a stream must not wait for a record that was dropped meanwhile and is to come again in an hour.
#[test]
fn the_end_does_not_wait_for_what_was_given_back_and_dropped() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), dropping()).unwrap();
        write(&buffer, 1..=5);
        let given_back = buffer.reader().try_next_batch(1).unwrap();
        given_back[0].nack_after(Duration::from_hours(1));
        for id in 6..200 {
            write(&buffer, id..=id);
            while simulation.run_sync(0) {}
        }
        buffer.end_writing();
        let dropped = buffer.status().unwrap().usage_since_open.dropped.events;
        assert!(dropped > 0, "{runs:?}");
        let before = simulation.now_ns();
        let mut seen = Vec::new();
        while let Some(records) = buffer.reader().next_batch(50).unwrap() {
            seen.extend(records.iter().map(|record| record.id().0));
        }
        assert_eq!(seen, ids([dropped + 1..=199]), "{runs:?}");
        assert!(simulation.now_ns() - before < 3_600_000_000_000, "{runs:?}");
    }
}

/// What a worker was done with out of its turn waits for those before it. When these are dropped, the ledger passes it too.
#[test]
fn what_was_acknowledged_behind_dropped_records_is_passed_with_them() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), dropping());
        write(&buffer, 1..=60);
        let delivered = buffer.reader().next_batch(60).unwrap().unwrap();
        // All but those of the oldest file.
        delivered[48..].iter().for_each(forebay::Record::ack);
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(0), "{runs:?}");
        let mut next = 61;
        while buffer.status().unwrap().usage_since_open.dropped.events == 0 {
            write(&buffer, next..=next);
            next += 1;
        }
        let status = buffer.status().unwrap();
        assert_eq!((status.usage_since_open.dropped.events, status.acknowledged.0), (48, 60), "{runs:?}");
        assert_eq!(status.unacknowledged_records, 0, "{runs:?}");
        assert_eq!(read(&buffer), ids([61..=next - 1]), "{runs:?}");
    }
}

/// Writes over many files with a consumer that is too slow, until the process dies. Gives what the consumer was done
/// with.
fn overflow_until_it_dies(disk: &Disk, journal: &Journal, is_read: bool) -> BTreeSet<u64> {
    let simulation = Simulation::new();
    let backend = journal.of(disk.open().unwrap());
    let buffer = Runs::Natively.open_in(&simulation, backend, dropping()).unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..20 {
        let _ = buffer.writer().submit(records(round * 20 + 1..=round * 20 + 20));
        let read = if is_read { buffer.reader().try_next_batch(7) } else { Ok(Vec::new()) };
        for record in read.unwrap_or_default() {
            record.ack();
            acknowledged.insert(record.id().0);
        }
        simulation.advance(Duration::from_secs(2_000_000));
        while simulation.run_sync(0) {}
    }
    acknowledged
}

/// Between the ledger that has passed a file and the note of it, before its sync, and before the file goes: what was dropped
/// must be counted as dropped, once, and nothing else as that.
#[test]
fn a_kill_at_any_storage_call_leaves_what_was_dropped_exact() {
    for is_read in [false, true] {
        for calls in 0.. {
            let (disk, journal, runs) = (Disk::new(), Journal::default(), Runs::Natively);
            runs.open(disk.open().unwrap(), dropping()).close().unwrap();
            journal.kill_after(calls, &disk);
            let acknowledged = overflow_until_it_dies(&disk, &journal, is_read);
            if journal.is_alive() {
                assert!(calls > 100, "{calls} calls are no history");
                assert!(disk.ledger().unwrap().reader_last_record.0 > 200, "little was dropped");
                break;
            }
            let buffer = runs.open(disk.open().unwrap(), dropping());
            let ledger = disk.ledger().unwrap();
            let (last, next) = (ledger.reader_last_record.0, ledger.writer_next_record.0);
            let amount = |ids: &mut dyn Iterator<Item = u64>| {
                let ids: Vec<_> = ids.collect();
                Amount::new(ids.len() as u64, data_file(ids).len() as u64)
            };
            let mut expected = Usage::default();
            expected.received = amount(&mut (1..next));
            expected.sent = amount(&mut (1..=last).filter(|id| acknowledged.contains(id)));
            expected.dropped = amount(&mut (1..=last).filter(|id| !acknowledged.contains(id)));
            let usage = buffer.status().unwrap().usage_lifetime;
            assert_eq!(usage, expected, "after {calls} calls, read: {is_read}");
        }
    }
}
