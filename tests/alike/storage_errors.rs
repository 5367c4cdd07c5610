//! An error of the storage reaches the caller whole, although the logic, which it passes through, sees a number alone.

use forebay::{
    Buffer, OpenError, ReadError, Simulation, WhenFull, WhyFull, WriteErrorKind, storage::memory::Disk,
};

use crate::support::{
    Runs,
    storage::{data_file, disk, ids, ledger, options, read, records, write},
};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// The operation, the file, the cause in words, and what to do.
#[track_caller]
fn assert_says(runs: Runs, text: &str, words: &[&str]) {
    for word in words {
        assert_eq!(text.matches(word).count(), 1, "{runs:?}: {word:?} once in {text:?}");
    }
    assert!(!text.contains("errno") && !text.contains("the rule that it broke"), "{runs:?}: {text}");
}

/// A buffer with 20 records, of which none is acknowledged.
fn filled(runs: Runs, disk: &Disk) -> Buffer {
    let mut options = options();
    options.when_full = WhenFull::Reject;
    let buffer = runs.open(disk.open().unwrap(), options);
    write(&buffer, 1..=20);
    buffer
}

/// All ways to write on are closed: neither the file nor a new one takes anything.
#[test]
fn a_write_that_the_storage_refuses_says_which_operation_failed_on_which_file() {
    let cases = [
        (EIO, ["append to data file", "Input/output error", "dmesg"]),
        (EACCES, ["append to data file", "Permission denied", "run as the user that owns"]),
        (EROFS, ["append to data file", "Read-only file system", "mount the file system for writing"]),
    ];
    for (runs, (errno, words)) in Runs::ALL.into_iter().flat_map(|runs| cases.map(|case| (runs, case))) {
        let disk = Disk::new();
        let buffer = filled(runs, &disk);
        disk.fail_calls("append to", Some(errno));
        let error = buffer.writer().write_batch(records(21..=30)).unwrap_err();
        assert!(matches!(error.kind, WriteErrorKind::Refused { .. }), "{runs:?}: {error:?}");
        assert_says(runs, &error.to_string(), &words);
        let cause = error.storage.as_ref().expect("the storage failed");
        assert_eq!(i64::from(cause.errno()), i64::from(errno), "{runs:?}");
        assert_eq!(error.records.len(), 10, "{runs:?}");

        disk.fail_calls("append to", None);
        write(&buffer, 21..=30);
        assert_eq!(read(&buffer), ids([1..=30]), "{runs:?}");
    }
}

/// No new file can be made: that is told, and not that of the append that worked.
#[test]
fn a_new_file_that_cannot_be_made_is_named() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = filled(runs, &disk);
        disk.fail_calls("make", Some(EACCES));
        let error = buffer.writer().write_batch(records(21..=300)).unwrap_err();
        assert_says(runs, &error.to_string(), &["make data file", "Permission denied", "change their owner"]);
    }
}

/// The logic takes both for want of room, which passes. The caller must not look for records to acknowledge.
#[test]
fn a_write_that_finds_no_room_says_whose_room_it_is() {
    for runs in Runs::ALL {
        let cases = [
            (EMFILE, "make", "ulimit -n", WhyFull::Storage),
            (ENOSPC, "append to", "free space on the file system", WhyFull::Disk),
        ];
        for (errno, operation, remedy, why_full) in cases {
            let disk = Disk::new();
            let buffer = filled(runs, &disk);
            disk.fail_calls(operation, Some(errno));
            let error = buffer.writer().write_batch(records(21..=300)).unwrap_err();
            assert!(error.is_full() && error.why_full == Some(why_full), "{runs:?}: {error:?}");
            assert_says(runs, &error.to_string(), &[operation, "data file", remedy]);
            let status = buffer.status().unwrap();
            assert_says(runs, &status.storage_error.unwrap(), &[remedy]);

            disk.fail_calls(operation, None);
            buffer.writer().write("more").unwrap();
            assert_eq!(buffer.status().unwrap().storage_error, None, "{runs:?}");
        }
        // The buffer's own limit is another matter.
        let mut options = options();
        (options.when_full, options.max_events) = (WhenFull::Reject, 5);
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        let error = buffer.writer().write_batch(records(1..=10)).unwrap_err();
        assert!(error.is_full() && error.storage.is_none(), "{runs:?}: {error:?}");
        assert_eq!(error.why_full, Some(WhyFull::Limits), "{runs:?}");
    }
}

#[test]
fn a_read_that_the_storage_refuses_says_which_file_it_was() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=20)), (1, data_file(21..=40)), (2, data_file(41..=60))];
        let disk = disk(Some(ledger(61, 2, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        disk.fail_calls("read", Some(EMFILE));
        let reader = buffer.reader();
        // Opening has read the first file and the last.
        assert_eq!(reader.try_next_batch(20).unwrap().len(), 20, "{runs:?}");
        let Err(error) = reader.try_next_batch(10) else { panic!("{runs:?}: it was read") };
        assert_says(runs, &error.to_string(), &["read data file 1", "Too many open files", "ulimit -n"]);
        assert!(matches!(error, ReadError::Refused { storage: Some(_), .. }), "{runs:?}: {error:?}");
        disk.fail_calls("read", None);
        assert_eq!(read(&buffer), ids([21..=60]), "{runs:?}");
    }
}

/// The logic makes the first file, and the host stores a ledger that is missing.
#[test]
fn an_opening_that_the_storage_refuses_says_why() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.fail_calls("make", Some(EACCES));
        let error = runs.open_in(&Simulation::new(), disk.open().unwrap(), options()).unwrap_err();
        assert!(matches!(error, OpenError::Storage(_)), "{runs:?}: {error:?}");
        assert_says(
            runs,
            &error.to_string(),
            &["make data file 0", "Permission denied", "change their owner"],
        );
    }
    for runs in Runs::ALL {
        let disk = disk(None, &[(0, data_file(1..=20))]);
        disk.fail_calls("store", Some(EROFS));
        let error = runs.open_in(&Simulation::new(), disk.open().unwrap(), options()).unwrap_err();
        assert!(matches!(error, OpenError::Storage(_)), "{runs:?}: {error:?}");
        assert_says(runs, &error.to_string(), &["store the ledger", "Read-only file system", "mount the"]);
    }
}
