//! Limits on records, files and the whole buffer.

use forebay::{NewRecord, Options, RecordId, WhenFull, WriteErrorKind, storage::memory::Disk};

use super::record;
use crate::support::{
    Runs,
    storage::{data_file, file, ids, options, read, write},
};

/// Room for two files.
fn small(when_full: WhenFull) -> Options {
    let mut options = options();
    options.max_bytes = 2 * 4096 + 32;
    options.when_full = when_full;
    options
}

/// The lengths of the files in which something is.
fn lengths(disk: &Disk) -> Vec<(u16, u64)> {
    let files = disk.data_files().into_iter().map(|(file, bytes)| (file.get(), bytes));
    files.filter(|(_, bytes)| *bytes > 0).collect()
}

/// A record that is too long for the buffer is its writer's to deal with. Dropped in silence it would be lost, and
/// ending the process over it would lose the others.
#[test]
fn pain_26198_a_record_above_the_limit_is_an_error_to_its_writer() {
    for runs in Runs::ALL {
        for (chosen, most) in [(None, 4096 - 48), (Some(1000), 1000)] {
            let mut options = options();
            options.max_record_bytes = chosen;
            let buffer = runs.open(Disk::new().open().unwrap(), options);
            let writer = buffer.writer();
            let longest = NewRecord::new(vec![b'l'; most]);
            let receipt = writer.write(longest.clone()).unwrap();
            assert_eq!(receipt.first_id, Some(RecordId(1)), "{runs:?}: the limit itself is not above it");

            let too_long = NewRecord::new(vec![b't'; most + 1]);
            let batch = vec![NewRecord::new("before"), too_long, NewRecord::new("behind")];
            let error = writer.write_batch(batch.clone()).unwrap_err();
            let said = WriteErrorKind::TooLong { number: 2, bytes: most as u64 + 1, most: most as u64 };
            assert_eq!(error.kind, said, "{runs:?}");
            assert_eq!(error.records, batch, "{runs:?}: nothing of it is lost");
            let receipt = writer.write("and on").unwrap();
            assert_eq!(receipt.first_id, Some(RecordId(2)), "{runs:?}: nothing of the batch was written");
            let read = buffer.reader().next_batch(10).unwrap().unwrap();
            assert_eq!(read.len(), 2, "{runs:?}");
            assert_eq!(read[0].payload(), &longest.payload, "{runs:?}");
        }
    }
}

/// Room comes from what is acknowledged, not from what is read: what is read may still have to be read again.
#[test]
fn a_writer_waits_until_records_are_read_and_acknowledged() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), small(WhenFull::Block));
        let writer = buffer.writer();
        writer.write_batch(vec![record(1, 4000), record(1, 4000)]).unwrap();
        let mut pending = writer.submit(vec![record(1, 4000)]).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}");
        let read = buffer.reader().next_batch(10).unwrap().unwrap();
        assert_eq!(read.len(), 2, "{runs:?}");
        assert!(pending.try_take().is_none(), "{runs:?}: reading alone makes no room");
        assert_eq!(buffer.status().unwrap().waiting_records, 1, "{runs:?}");
        read[0].ack();
        assert_eq!(pending.wait().unwrap().first_id, Some(RecordId(3)), "{runs:?}");
        assert!(lengths(&disk).iter().map(|(_, bytes)| bytes).sum::<u64>() <= 2 * 4096 + 32, "{runs:?}");
    }
}

/// Files beyond the limit would be strange to Vector; and where a record goes must not depend on whether the buffer was
/// closed in between.
#[test]
fn a_record_that_does_not_fit_goes_to_the_next_file() {
    for runs in Runs::ALL {
        for reopens in [false, true] {
            let disk = Disk::new();
            let mut buffer = runs.open(disk.open().unwrap(), options());
            buffer.writer().write(record(1, 2048)).unwrap();
            if reopens {
                buffer.close().unwrap();
                buffer = runs.open(disk.open().unwrap(), options());
            }
            buffer.writer().write(record(1, 2056)).unwrap();
            buffer.writer().write(record(1, 2040)).unwrap();
            assert_eq!(
                lengths(&disk),
                [(0, 2048), (1, 4096)],
                "{runs:?}, {reopens}: filled to the last byte"
            );
            buffer.close().unwrap();
            assert_eq!(disk.ledger().unwrap().writer_data_file, file(1), "{runs:?}, {reopens}");
        }
    }
}

/// A process that died over a full buffer must get it open again, or no reader can ever empty it.
#[test]
fn a_full_buffer_opens_without_waiting() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), small(WhenFull::Reject));
        let error = buffer.writer().write_batch(vec![record(1, 512); 40]).unwrap_err();
        assert_eq!((error.written.records, error.records.len()), (16, 24), "{runs:?}");
        disk.kill();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), small(WhenFull::Block));
        assert_eq!((buffer.open_report().events, buffer.open_report().bytes), (16, 8192), "{runs:?}");
        let mut pending = buffer.writer().submit(vec![record(1, 512)]).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}: it is still full");
        let records = buffer.reader().next_batch(16).unwrap().unwrap();
        records.iter().for_each(forebay::Record::ack);
        assert_eq!(pending.wait().unwrap().first_id, Some(RecordId(17)), "{runs:?}");
    }
}

/// The operator has chosen smaller files: the one that is there is longer than a file may be, and gets nothing more.
#[test]
fn with_a_smaller_file_size_a_file_that_is_too_long_is_left() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut larger = options();
        larger.file_bytes = 64 << 10;
        let buffer = runs.open(disk.open().unwrap(), larger);
        write(&buffer, 1..=200);
        buffer.close().unwrap();
        let before = data_file(1..=200);
        assert!(before.len() > 4 * 4096, "{runs:?}");
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 201..=210);
        assert_eq!(disk.data_file(file(0)).unwrap(), before, "{runs:?}");
        assert_eq!(disk.data_file(file(1)).unwrap(), data_file(201..=210), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=210]), "{runs:?}");
    }
}

/// The operator has chosen larger files: the newest grows on, and older ones, which may be half read, do not.
#[test]
fn with_a_larger_file_size_the_newest_file_grows_on() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        buffer.close().unwrap();
        let before = lengths(&disk);
        let mut larger = options();
        larger.file_bytes = 64 << 10;
        let buffer = runs.open(disk.open().unwrap(), larger);
        write(&buffer, 101..=300);
        let after = lengths(&disk);
        let newest = before.len() - 1;
        assert_eq!(after[..newest], before[..newest], "{runs:?}");
        assert_eq!(after.len(), before.len(), "{runs:?}");
        assert!(after[newest].1 > 3 * 4096, "{runs:?}: {after:?}");
        assert_eq!(read(&buffer), ids([1..=300]), "{runs:?}");
    }
}

/// A limit below what is there: opening again must not need room, and nothing of what waits may be lost.
#[test]
fn with_a_smaller_total_size_what_is_there_stays() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=500);
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), small(WhenFull::Reject));
        assert_eq!(buffer.open_report().events, 500, "{runs:?}");
        let error = buffer.writer().write(record(1, 48)).unwrap_err();
        assert!(error.is_full(), "{runs:?}: {error}");
        assert_eq!(error.into_records(), [record(1, 48)], "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=500]), "{runs:?}");
    }
}
