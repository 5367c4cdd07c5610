//! Finding, on opening, where reading goes on.

use forebay::{RecordId, WhenFull};

use crate::support::{
    Runs,
    storage::{LOST_EVENTS, data_file, disk, figure, ids, ledger, options, read, write},
};

/// What is looked for may be right before a write that did not end. Looking for it must come to an end.
#[test]
fn a_last_record_that_lacks_eight_bytes_does_not_stop_the_seek() {
    let mut bytes = data_file(1..=5);
    bytes.truncate(bytes.len() - 8);
    for runs in Runs::ALL {
        for last in [3, 4] {
            let disk = disk(Some(ledger(6, 0, 0, last)), &[(0, bytes.clone())]);
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(buffer.open_report().lost_events, 1, "{runs:?}, {last}");
            assert_eq!(read(&buffer), (last + 1..=4).collect::<Vec<_>>(), "{runs:?}, {last}");
            write(&buffer, 6..=7);
            assert_eq!(read(&buffer), [6, 7], "{runs:?}, {last}");
            assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}, {last}");
        }
    }
}

/// The ledger has reached the disk and the records have not, not even those that were acknowledged. What is looked for
/// is nowhere, and no reader may wait for it.
#[test]
fn a_reader_ahead_of_the_data_stops_at_its_end() {
    for runs in Runs::ALL {
        for (last, lost) in [(8, 2), (10, 0)] {
            let disk = disk(Some(ledger(11, 0, 0, last)), &[(0, data_file(1..=5))]);
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(buffer.open_report().lost_events, lost, "{runs:?}, {last}");
            assert_eq!(read(&buffer), ids([]), "{runs:?}, {last}");
            assert_eq!(buffer.status().unwrap().acknowledged, RecordId(10), "{runs:?}, {last}");
            write(&buffer, 11..=13);
            assert_eq!(read(&buffer), ids([11..=13]), "{runs:?}, {last}");
        }
    }
}

/// Vector's reader goes to the next file as soon as it has finished one, and may have died there before its writer came.
/// That is no full ring: nothing waits.
#[test]
fn defect_d14_a_reader_one_file_ahead_of_its_writer_is_joined_there() {
    for runs in Runs::ALL {
        // The reader's file may have been made, or not: Vector's reader then went through the whole ring.
        for (writer, reader, is_made) in [(0, 1, true), (65_534, 0, true), (0, 1, false), (65_534, 0, false)]
        {
            let mut files = vec![(writer, data_file(1..=5))];
            files.extend(is_made.then(|| (reader, Vec::new())));
            let disk = disk(Some(ledger(6, writer, reader, 5)), &files);
            let mut options = options();
            // Should the ring seem to be full, this is heard of at once.
            options.when_full = WhenFull::Reject;
            let buffer = runs.open(disk.open().unwrap(), options);
            let report = buffer.open_report();
            assert_eq!((report.events, report.lost_events), (0, 0), "{runs:?}");
            write(&buffer, 6..=200);
            assert_eq!(read(&buffer), ids([6..=200]), "{runs:?}");
            buffer.reader().ack_through(RecordId(200));
            buffer.close().unwrap();
            let ledger = disk.ledger().unwrap();
            assert_eq!(ledger.reader_data_file, ledger.writer_data_file, "{runs:?}");
            assert_eq!((ledger.writer_next_record.0, ledger.reader_last_record.0), (201, 200), "{runs:?}");
        }
    }
}

/// What is lost there is not looked for in all numbers of the ring that lead from the reader's file round to the writer's.
#[test]
fn what_is_lost_behind_a_reader_ahead_of_its_writer_is_not_missed_in_the_whole_ring() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(11, 0, 1, 5)), &[(0, data_file(1..=5))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let losses = buffer.take_losses();
        assert_eq!(losses.iter().map(forebay::Loss::events).sum::<u64>(), 5, "{runs:?}");
        assert!(losses.iter().all(|loss| loss.places.is_empty()), "{runs:?}: {losses:?}");
    }
}
