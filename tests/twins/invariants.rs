//! What holds between the ledger, the files, and those who read and write.

use std::thread;

use forebay::{RecordId, WhenFull, storage::memory::Disk};

use super::{read_events, record};
use crate::support::{
    Runs,
    storage::{
        BYTES, data_file, disk, figure, file, ids, ledger, options, read, records, write, written_and_refused,
    },
};

/// At the end, records that found no room belong to their writer again. A reader that waited for them would wait for ever.
#[test]
fn what_found_no_room_does_not_keep_readers_from_their_end() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = 2 * 4096 + 32;
        let buffer = runs.open(disk.open().unwrap(), options);
        let pending = buffer.writer().submit(records(1..=500)).unwrap();
        buffer.end_writing();
        let (receipt, refused) = written_and_refused(pending.wait());
        let taken = receipt.records as u64;
        assert_eq!(refused, records(taken + 1..=500), "{runs:?}");
        let mut seen = Vec::new();
        while let Some(batch) = buffer.reader().next_batch(50).unwrap() {
            seen.extend(batch.iter().map(|record| record.id().0));
        }
        assert_eq!(seen, ids([1..=taken]), "{runs:?}");
    }
}

/// A buffer that was closed well is opened without a byte changed, and the next record follows the last.
#[test]
fn a_clean_end_is_found_as_it_was_left() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        buffer.close().unwrap();
        let (files, ledger) = (disk.data_files(), disk.ledger());
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events, report.cut_bytes), (100, 0, 0), "{runs:?}");
        assert_eq!((disk.data_files(), disk.ledger()), (files, ledger), "{runs:?}");
        let newest = ledger.unwrap().writer_data_file;
        let before = disk.data_file(newest).unwrap();
        write(&buffer, 101..=101);
        assert_eq!(disk.data_file(newest).unwrap(), [before, data_file([101])].concat(), "{runs:?}");
    }
}

/// A write that did not end is cut, and its file goes on. There is no leaving it for the next file, which another program
/// may have taken, and no waiting for that one to go.
#[test]
fn a_torn_newest_file_goes_on_though_the_next_is_taken() {
    let torn = &data_file(1..=6)[..data_file(1..=5).len() + 50];
    for runs in Runs::ALL {
        // What is in data file 1 repeats ids that are unread: it cannot be used, and must not be removed.
        let files = [(0, torn.to_vec()), (1, data_file(2..=3))];
        let disk = disk(Some(ledger(6, 0, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().cut_bytes, 50, "{runs:?}");
        write(&buffer, 6..=100);
        assert!(disk.data_file(file(0)).unwrap().starts_with(&data_file(1..=10)), "{runs:?}");
        assert_eq!(disk.data_file(file(1)).unwrap(), data_file(2..=3), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=100]), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(101, 3, 0, 0)), "{runs:?}");
    }
}

/// A batch goes to the disk in pieces. Where the disk fills up between two of them, those that are whole are written,
/// are in the ledger, and their writer is told so; the others are not, and no part of them is left.
#[test]
fn a_batch_is_in_the_ledger_as_far_as_it_is_written() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.file_bytes = 4 << 20;
        options.max_bytes = 1 << 30;
        options.when_full = WhenFull::Reject;
        let buffer = runs.open(disk.open().unwrap(), options);
        // Two pieces of 256 KiB find room, and half of the third.
        disk.set_capacity_bytes(Some(640 << 10));
        let answer = buffer.writer().write_batch(vec![record(2, 8192); 200]);
        let (receipt, _) = written_and_refused(answer);
        let written = disk.data_files()[0].1 / 8192;
        assert_eq!(disk.data_files()[0].1 % 8192, 0, "{runs:?}: half a record is left");
        assert!((1..200).contains(&written), "{runs:?}: {written}");
        assert_eq!(receipt.records as u64, written, "{runs:?}");
        assert_eq!(disk.ledger().unwrap().writer_next_record.0, 1 + 2 * written, "{runs:?}");
        assert_eq!(read_events(&buffer).len() as u64, written, "{runs:?}");
    }
}

/// Ids are counted in events. Their difference must be the events that wait, across files and lives.
#[test]
fn reader_and_writer_stand_where_their_events_add_up_to() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let (mut written, mut acknowledged) = (0, 0);
        for life in 0..5_u32 {
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(buffer.open_report().events, written - acknowledged, "{runs:?}, {life}");
            for number in 0..30 {
                let events = 1 + (life + number) % 7;
                buffer.writer().write(record(events, 400)).unwrap();
                written += u64::from(events);
                assert_eq!(disk.ledger().unwrap().writer_next_record.0, written + 1, "{runs:?}, {life}");
            }
            for record in buffer.reader().next_batch(25).unwrap().unwrap() {
                record.ack();
                acknowledged += u64::from(record.events().get());
                let last = buffer.status().unwrap().acknowledged.0;
                assert_eq!(last, acknowledged, "{runs:?}, {life}");
            }
            buffer.close().unwrap();
        }
        assert!(disk.data_files().len() > 2, "{runs:?}");
    }
}

/// First the state, then the call to look at it: the other way round, a woken reader finds nothing and sleeps again,
/// and the last record waits for the next one.
#[test]
fn a_woken_reader_finds_the_ledger_moved() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let reader = buffer.reader();
                for expected in 1..=500 {
                    let record = reader.next().unwrap().unwrap();
                    assert_eq!(record.id(), RecordId(expected), "{runs:?}");
                    let next = disk.ledger().unwrap().writer_next_record;
                    assert!(next > record.id(), "{runs:?}: woken by {expected}, the ledger is at {}", next.0);
                    record.ack();
                }
            });
            for number in 1..=500 {
                write(&buffer, number..=number);
            }
            reading.join().unwrap();
        });
        assert_eq!(buffer.status().unwrap().occupancy.events, 0, "{runs:?}");
    }
}

/// Another program cuts files under an open buffer, one of them to nothing. Sums that are kept by adding and subtracting
/// must not fall below zero: a buffer that believes to hold 2^64 bytes is full for ever.
#[test]
fn pain_21683_files_that_shrink_do_not_make_the_sum_of_bytes_wrap() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=200);
        for number in 0..3 {
            disk.put_data_file(
                file(number),
                data_file([u64::from(number)])[..7 * usize::from(number)].to_vec(),
            );
        }
        let last = read(&buffer).pop().unwrap();
        assert_eq!(last, 200, "{runs:?}");
        buffer.reader().ack_through(RecordId(last));
        assert_eq!(buffer.status().unwrap().occupancy.events, 0, "{runs:?}");
        for first in [201, 301, 401] {
            write(&buffer, first..=first + 99);
            assert_eq!(read(&buffer), ids([first..=first + 99]), "{runs:?}");
            buffer.reader().ack_through(RecordId(first + 99));
            for bytes in [buffer.status().unwrap().bytes, figure(&buffer, BYTES)] {
                assert!(bytes < options().max_bytes, "{runs:?}: {bytes}");
            }
        }
    }
}

/// What was acknowledged before must not be counted again, wherever in a file or among files it ends.
#[test]
fn what_waits_is_exact_after_a_part_was_read() {
    for runs in Runs::ALL {
        for through in [1, 47, 48, 49, 150, 299, 300] {
            let disk = Disk::new();
            let buffer = runs.open(disk.open().unwrap(), options());
            write(&buffer, 1..=300);
            assert_eq!(read(&buffer).len(), 300, "{runs:?}");
            buffer.reader().ack_through(RecordId(through));
            buffer.close().unwrap();
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            let bytes: u64 = disk.data_files().iter().map(|(_, bytes)| bytes).sum();
            assert_eq!((report.events, report.bytes), (300 - through, bytes), "{runs:?}, {through}");
            assert_eq!(buffer.status().unwrap().bytes, bytes, "{runs:?}, {through}: the host's own sum");
            assert_eq!(read(&buffer), (through + 1..=300).collect::<Vec<_>>(), "{runs:?}, {through}");
            assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}, {through}");
        }
    }
}
