//! Writing, reading and acknowledging as they go together.

use std::thread;

use forebay::{RecordId, WriteErrorKind, storage::memory::Disk};

use super::{read_events, record};
use crate::support::{
    Runs,
    storage::{disk, ids, ledger, options, read, write},
};

/// At the end of a stream what is read last is still being worked on. The reader must come to its end all the same, and
/// what is acknowledged after that must count.
#[test]
fn a_reader_ends_while_acknowledgements_are_under_way() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_unacknowledged_records = 1;
        let buffer = runs.open(disk.open().unwrap(), options);
        write(&buffer, 1..=2);
        buffer.end_writing();
        let reader = buffer.reader();
        let first = reader.next().unwrap().unwrap();
        let second = thread::scope(|scope| {
            // It waits for the acknowledgement: no more than one record may be out.
            let reading = scope.spawn(|| reader.next().unwrap());
            first.ack();
            reading.join().unwrap().unwrap()
        });
        let end = thread::scope(|scope| {
            let reading = scope.spawn(|| reader.next().unwrap());
            second.ack();
            reading.join().unwrap()
        });
        assert!(end.is_none(), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(3, 0, 0, 2)), "{runs:?}");

        // Where more may be out, the end does not wait for any of them.
        let buffer = runs.open(disk.open().unwrap(), self::options());
        write(&buffer, 3..=6);
        buffer.end_writing();
        let reader = buffer.reader();
        let held = reader.next_batch(10).unwrap().unwrap();
        assert!(reader.next().unwrap().is_none(), "{runs:?}");
        held.iter().for_each(forebay::Record::ack);
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(7, 0, 0, 6)), "{runs:?}");
    }
}

/// A supervisor adds up what waits in a buffer. After opening the sums must be right before anything is read.
#[test]
fn events_and_bytes_are_exact_after_opening_again() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let sizes = [(3, 56), (1, 40), (12, 104), (7, 48)];
        let batch = sizes.map(|(events, bytes)| record(events, bytes));
        buffer.writer().write_batch(batch.to_vec()).unwrap();
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.bytes, report.lost_events), (23, 248, 0), "{runs:?}");
        assert_eq!(read_events(&buffer), [(1, 3), (4, 1), (5, 12), (17, 7)], "{runs:?}");
    }
}

/// Ending writing a second time, or closing after it, ends nothing more, and a caller that writes after it is told.
#[test]
fn defect_d12_writing_ends_once_and_for_all() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let writer = buffer.writer();
        write(&buffer, 1..=2);
        buffer.end_writing();
        let ledger = disk.ledger();
        buffer.end_writing();
        let error = writer.write("late").unwrap_err();
        assert!(matches!(error.kind, WriteErrorKind::Closed), "{runs:?}: {error}");
        assert_eq!(read(&buffer), [1, 2], "{runs:?}");
        assert!(buffer.reader().next().unwrap().is_none(), "{runs:?}");
        assert!(buffer.reader().next().unwrap().is_none(), "{runs:?}: an end is an end");
        assert_eq!(disk.ledger(), ledger, "{runs:?}");
        buffer.close().unwrap();
        let error = writer.write("too late").unwrap_err();
        assert!(matches!(error.kind, WriteErrorKind::Closed), "{runs:?}: {error}");
    }
}

/// What is printed while looking for a fault ends up in logs, where payloads have no business.
#[test]
fn what_is_printed_of_a_buffer_holds_no_payload() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        buffer.writer().write("secret").unwrap();
        let record = buffer.reader().next().unwrap().unwrap();
        let printed = format!("{record:?} {buffer:?} {:?} {:?}", buffer.writer(), buffer.status());
        assert!(printed.contains("RecordId(1)") && printed.contains("payload_bytes: 6"), "{printed}");
        assert!(!printed.contains("secret") && !printed.contains("115, 101"), "{printed}");
    }
}

/// Files in which nothing is are not an end, nor anything to wait for: not the newest, and not one that is finished.
#[test]
fn empty_files_give_no_record() {
    for runs in Runs::ALL {
        let empty = disk(Some(ledger(1, 0, 0, 0)), &[(0, Vec::new())]);
        let buffer = runs.open(empty.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([]), "{runs:?}");
        buffer.end_writing();
        assert!(buffer.reader().next().unwrap().is_none(), "{runs:?}");

        let finished = disk(Some(ledger(1, 2, 0, 0)), &[(0, Vec::new()), (1, Vec::new()), (2, Vec::new())]);
        let buffer = runs.open(finished.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([]), "{runs:?}");
        write(&buffer, 1..=3);
        assert_eq!(read(&buffer), ids([1..=3]), "{runs:?}");
        buffer.reader().ack_through(RecordId(3));
        buffer.close().unwrap();
        assert_eq!(finished.ledger(), Some(ledger(4, 2, 2, 3)), "{runs:?}");
    }
}
