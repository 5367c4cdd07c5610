//! Full buffers and full disks.

use std::time::Duration;

use forebay::{Buffer, NewRecord, Options, RecordId, Simulation, WhenFull, storage::memory::Disk};

use crate::support::{
    Runs,
    recorded::{Done, Journal},
    storage::{data_file, file, ids, options, read, records, written_and_refused},
};

/// A disk with room for so many bytes, and a buffer on it.
fn on_a_small_disk(runs: Runs, bytes: u64, options: Options) -> (Disk, Simulation, Journal, Buffer) {
    let (disk, simulation, journal) = (Disk::new(), Simulation::new(), Journal::default());
    disk.set_capacity_bytes(Some(bytes));
    let backend = journal.of(disk.open().unwrap());
    let buffer = runs.open_in(&simulation, backend, options).unwrap();
    (disk, simulation, journal, buffer)
}

/// A full disk ends Vector's process, and the half record that it leaves stops the next start. Here the half is cut at once,
/// and the writer waits; a timer tries again, and reading and acknowledging go on meanwhile.
#[test]
fn pain_8763_a_full_disk_makes_writers_wait_and_leaves_no_half_record() {
    for runs in Runs::ALL {
        let (disk, simulation, journal, buffer) = on_a_small_disk(runs, 3000, options());
        let mut pending = buffer.writer().submit(records(1..=100)).unwrap();
        while simulation.run_sync(0) {}
        assert!(pending.try_take().is_none(), "{runs:?}");
        assert!(journal.all().iter().any(|done| matches!(done, Done::Cut(..))), "{runs:?}");
        let placed = buffer.status().unwrap().next_id.0 - 1;
        assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=placed), "{runs:?}: whole records only");

        assert_eq!(read(&buffer), ids([1..=placed]), "{runs:?}");
        buffer.reader().ack_through(RecordId(placed));
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(placed), "{runs:?}");
        // Another program makes room, and does not say so.
        disk.set_capacity_bytes(None);
        assert!(pending.try_take().is_none(), "{runs:?}");
        simulation.advance(Duration::from_secs(2_000_000));
        let receipt = pending.try_take().expect("a timer tries again").unwrap();
        assert_eq!(receipt.records, 100, "{runs:?}");
        assert_eq!(read(&buffer), ids([placed + 1..=100]), "{runs:?}");
    }
}

/// A writer that chose to be refused is: with what was not taken, and without an error.
#[test]
fn pain_8763_a_full_disk_refuses_records_where_that_was_chosen() {
    for runs in Runs::ALL {
        let mut options = options();
        options.when_full = WhenFull::Reject;
        let (disk, _, _, buffer) = on_a_small_disk(runs, 3000, options);
        let (receipt, refused) = written_and_refused(buffer.writer().write_batch(records(1..=100)));
        let placed = receipt.records as u64;
        assert_eq!(refused, records(placed + 1..=100), "{runs:?}");
        disk.set_capacity_bytes(None);
        let receipt = buffer.writer().write_batch(refused).unwrap();
        assert_eq!(receipt.first_id, Some(RecordId(placed + 1)), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=100]), "{runs:?}");
    }
}

/// With `drop-oldest`, a full disk drops the oldest records too. Where that makes no room, a writer waits, and what is left stays.
#[test]
fn pain_8763_a_full_disk_drops_the_oldest_where_that_was_chosen() {
    for runs in Runs::ALL {
        let mut options = options();
        options.when_full = WhenFull::DropOldest;
        let (disk, simulation, _, buffer) = on_a_small_disk(runs, 10_000, options);
        for first in (1..1000).step_by(10) {
            let mut pending = buffer.writer().submit(records(first..=first + 9)).unwrap();
            while pending.try_take().is_none() {
                assert!(
                    simulation.run_sync(0),
                    "{runs:?}: a writer waits for ever {first} {:?} {:?} {:?}",
                    disk.data_files(),
                    disk.ledger(),
                    buffer.status()
                );
            }
        }
        let dropped = buffer.status().unwrap().usage_since_open.dropped.events;
        assert!((800..1000).contains(&dropped), "{runs:?}: {dropped}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");

        // Another program takes all of the room, and whatever else becomes free.
        disk.set_capacity_bytes(Some(0));
        let mut pending = buffer.writer().submit(records(1001..=1001)).unwrap();
        for _ in 0..5 {
            while simulation.run_sync(0) {}
            simulation.advance(Duration::from_secs(2_000_000));
        }
        assert!(pending.try_take().is_none(), "{runs:?}");
        let in_vain = buffer.status().unwrap().usage_since_open.dropped.events - dropped;
        assert!((1..60).contains(&in_vain), "{runs:?}: {in_vain} dropped, where one file was to go");
        disk.set_capacity_bytes(None);
        simulation.advance(Duration::from_secs(2_000_000));
        assert!(pending.try_take().is_some(), "{runs:?}: a timer tries again");
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.refused_calls), (0, 0), "{runs:?}");
        let (usage, left) = (status.usage_lifetime, dropped + in_vain + 1);
        assert_eq!((usage.dropped.events, usage.sent.events), (dropped + in_vain, 0), "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options);
        assert_eq!(read(&buffer), ids([left..=1001]), "{runs:?}");
    }
}

/// A process that dies on a full disk leaves a buffer that opens on a full disk.
#[test]
fn pain_13178_a_buffer_opens_on_a_full_disk() {
    for runs in Runs::ALL {
        let (disk, _, _, buffer) = on_a_small_disk(runs, 3000, options());
        drop(buffer.writer().submit(records(1..=100)).unwrap());
        let placed = buffer.status().unwrap().next_id.0 - 1;
        disk.kill();
        std::mem::forget(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().cut_bytes, 0, "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=placed]), "{runs:?}");
    }
}

/// A limit in events holds whatever the records' sizes, over reopening, and lets go with each acknowledgement.
#[test]
fn pain_8210_no_more_events_wait_than_were_allowed() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_events = 7;
        options.when_full = WhenFull::Reject;
        let buffer = runs.open(disk.open().unwrap(), options);
        let several = |events: u32| NewRecord::new("payload").with_events(events.try_into().unwrap());
        let answer = buffer.writer().write_batch([2, 3, 2, 1].map(several).into());
        let (receipt, refused) = written_and_refused(answer);
        assert_eq!((receipt.records, refused.len()), (3, 1), "{runs:?}");
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options);
        assert!(buffer.writer().write(several(1)).unwrap_err().is_full(), "{runs:?}");
        buffer.reader().next().unwrap().unwrap().ack();
        assert!(buffer.writer().write(several(3)).unwrap_err().is_full(), "{runs:?}");
        assert_eq!(buffer.writer().write_batch(vec![several(2)]).unwrap().records, 1, "{runs:?}");
        assert_eq!(buffer.status().unwrap().occupancy.events, 7, "{runs:?}");
    }
}
