//! Data files: they are left when they are full, and go when all in them is acknowledged.

use forebay::{RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, write},
};

/// Files that stay fill the disk with what is acknowledged; files that go too early take records with them.
#[test]
fn files_come_and_go() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=2000);
        let files = disk.data_files();
        assert!(files.len() > 30, "{runs:?}: {files:?}");
        assert!(files.iter().all(|&(_, bytes)| bytes <= 4096), "{runs:?}: {files:?}");

        let reader = buffer.reader();
        let mut last = 0;
        while last < 2000 {
            let records = reader.next_batch(100).unwrap().unwrap();
            assert_eq!(records[0].id().0, last + 1, "{runs:?}");
            last = records.last().unwrap().id().0;
            reader.ack_through(RecordId(last));
        }
        buffer.close().unwrap();
        let ledger = disk.ledger().unwrap();
        assert_eq!((ledger.writer_next_record.0, ledger.reader_last_record.0), (2001, 2000), "{runs:?}");
        assert_eq!(ledger.reader_data_file, ledger.writer_data_file, "{runs:?}");
        let left: Vec<_> = disk.data_files().into_iter().map(|(file, _)| file).collect();
        assert_eq!(left, [ledger.writer_data_file], "{runs:?}");
    }
}

/// A record that is not acknowledged keeps its file, and only its file and those behind it.
#[test]
fn the_oldest_record_that_waits_keeps_its_file() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=600);
        let reader = buffer.reader();
        assert_eq!(read(&buffer), ids([1..=600]), "{runs:?}");
        // Data file 3 holds 145 to 192.
        reader.ack_through(RecordId(150));
        buffer.close().unwrap();
        let left: Vec<_> = disk.data_files().into_iter().map(|(file, _)| file.get()).collect();
        assert_eq!(left, (3..=12).collect::<Vec<_>>(), "{runs:?}");
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([151..=600]), "{runs:?}");
    }
}

/// The sizes are the caller's choice each time, and not kept in the buffer.
#[test]
fn each_opening_may_choose_another_file_size() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut next = 1;
        for file_bytes in [4096, 128 << 10, 8192, 4096] {
            let mut options = options();
            options.file_bytes = file_bytes;
            let buffer = runs.open(disk.open().unwrap(), options);
            write(&buffer, next..=next + 199);
            next += 200;
            buffer.close().unwrap();
        }
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=800]), "{runs:?}");
    }
}
