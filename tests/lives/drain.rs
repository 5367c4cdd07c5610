//! Having a buffer run empty before it is closed.

use std::{thread, time::Duration};

use forebay::{
    Amount, NewRecord, Options, RecordId, Simulation, WriteError, WriteErrorKind, storage::memory::Disk,
};

use crate::support::{
    Runs,
    storage::{data_file, options, records, write, written_and_refused},
};

/// Longer than anything takes.
const EVER: Duration = Duration::from_mins(10);

fn small() -> Options {
    let mut options = options();
    options.max_bytes = 2 * 4096 + 32;
    options
}

/// A service that is to end has its consumers finish, and then closes: no sooner, and not by waiting for a time.
#[test]
fn pain_25774_a_drain_ends_when_everything_is_acknowledged() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=500);
        let reader = buffer.reader();
        let consumer = thread::spawn(move || {
            let mut read = 0;
            while let Some(records) = reader.next_batch(7).unwrap() {
                read += records.len();
                records.iter().for_each(forebay::Record::ack);
            }
            read
        });
        let report = buffer.drain(EVER);
        assert!(report.is_drained(), "{runs:?}: {report:?}");
        assert_eq!((report.events, report.bytes, report.unacknowledged_records), (0, 0, 0), "{runs:?}");
        assert_eq!(consumer.join().unwrap(), 500, "{runs:?}: readers come to an end");
        buffer.close().unwrap();
    }
}

/// A consumer that is down must not keep a service from ending, and the operator has to know what is left.
#[test]
fn a_drain_that_takes_too_long_says_what_is_left() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=10);
        let delivered = buffer.reader().try_next_batch(4).unwrap();
        delivered[0].ack();
        delivered[1].ack();
        let before = simulation.now_ns();
        let report = buffer.drain(Duration::from_secs(5));
        assert!(!report.is_drained(), "{runs:?}");
        assert_eq!((report.events, report.unacknowledged_records), (8, 2), "{runs:?}");
        assert_eq!(report.bytes, data_file(3..=10).len() as u64, "{runs:?}: without what is acknowledged");
        assert_eq!(simulation.now_ns() - before, 5_000_000_000, "{runs:?}");
        let refused = buffer.writer().write_batch(records(11..=11));
        assert!(
            matches!(refused, Err(WriteError { kind: WriteErrorKind::Closed, .. })),
            "{runs:?}: {refused:?}"
        );
        assert_eq!(buffer.reader().try_next_batch(100).unwrap().len(), 6, "{runs:?}: readers go on");
    }
}

/// A service that ends by the one and is watched by the other must not be told of two different backlogs.
#[test]
fn what_a_drain_leaves_is_what_the_status_says_waits() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        let batch = [2, 3, 4].map(|events| NewRecord::new("several").with_events(events.try_into().unwrap()));
        let bytes: u64 = batch[1..].iter().map(NewRecord::frame_bytes).sum();
        buffer.writer().write_batch(batch.into()).unwrap();
        buffer.reader().try_next_batch(2).unwrap()[0].ack();
        let report = buffer.drain(Duration::ZERO);
        assert_eq!((report.events, report.bytes, report.unacknowledged_records), (7, bytes, 1), "{runs:?}");
        assert_eq!(buffer.status().unwrap().occupancy, Amount::new(report.events, report.bytes), "{runs:?}");
    }
}

/// What waits for room when the drain begins was accepted: it is placed as readers make room, and delivered.
#[test]
fn records_that_wait_for_room_are_drained_too() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), small());
        let pending = buffer.writer().submit(records(1..=1000)).unwrap();
        assert!(buffer.status().unwrap().waiting_records > 800, "{runs:?}");
        let reader = buffer.reader();
        let consumer = thread::spawn(move || {
            let mut read = Vec::new();
            while let Some(records) = reader.next_batch(50).unwrap() {
                read.extend(records.iter().map(|record| record.id().0));
                records.iter().for_each(forebay::Record::ack);
            }
            read
        });
        assert!(buffer.drain(EVER).is_drained(), "{runs:?}");
        assert_eq!(pending.wait().unwrap().records, 1000, "{runs:?}");
        assert_eq!(consumer.join().unwrap(), (1..=1000).collect::<Vec<_>>(), "{runs:?}");
    }
}

/// Those for which there is no room in time come back to their writer: they are nowhere else.
#[test]
fn records_that_find_no_room_in_time_are_handed_back() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), small()).unwrap();
        let mut pending = buffer.writer().submit(records(1..=1000)).unwrap();
        let report = buffer.drain(Duration::from_secs(1));
        let (receipt, refused) = written_and_refused(pending.try_take().unwrap());
        assert_eq!(receipt.records as u64, report.events, "{runs:?}");
        assert_eq!(refused, records(report.events + 1..=1000), "{runs:?}");
    }
}

/// A consumer may hold records for as long as it likes; the next owner of the directory does not wait for it.
#[test]
fn the_directory_is_free_after_closing_although_records_are_held() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        let (reader, writer) = (buffer.reader(), buffer.writer());
        let held = reader.next_batch(60).unwrap().unwrap();
        reader.ack_through(RecordId(10));
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        held.iter().for_each(forebay::Record::ack);
        reader.ack_through(RecordId(60));
        assert!(writer.write("late").is_err(), "{runs:?}");
        assert_eq!(&held[0].payload()[..], b"record-0001:abcdefghij", "{runs:?}");
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(10), "{runs:?}");
        assert_eq!(buffer.status().unwrap().next_id, RecordId(101), "{runs:?}");
    }
}
