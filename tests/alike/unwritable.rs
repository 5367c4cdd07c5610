//! Files that nothing can be appended to: what comes next goes to a new one.

use forebay::{Buffer, RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{data_file, disk, file, ids, ledger, options, read, write},
};

/// A data file with these records and the beginning of the next.
fn torn(through: u64) -> Vec<u8> {
    let mut bytes = data_file(1..=through + 1);
    bytes.truncate(bytes.len() - 30);
    bytes
}

/// Writes records 6 to 20 behind five that are there in file 0, and reads all. None is lost, now or after reopening; and
/// the file that is left alone goes when it is done with.
#[track_caller]
fn assert_goes_on(runs: Runs, disk: &Disk, buffer: Buffer) {
    let before = disk.data_file(file(0)).unwrap();
    write(&buffer, 6..=20);
    assert_eq!(disk.data_file(file(0)).unwrap(), before, "{runs:?}");
    assert_eq!(disk.data_file(file(1)).unwrap(), data_file(6..=20), "{runs:?}");
    buffer.close().unwrap();
    let buffer = runs.open(disk.open().unwrap(), options());
    assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
    write(&buffer, 21..=22);
    let status = buffer.status().unwrap();
    assert_eq!((status.refused_calls, status.lost_events), (0, 0), "{runs:?}");
    buffer.reader().ack_through(RecordId(22));
    buffer.close().unwrap();
    assert_eq!(disk.data_file(file(0)), None, "{runs:?}");
}

/// A crash has torn the newest file's end, and the file has been another user's since. Behind the torn frame nothing would
/// be found.
#[test]
fn a_torn_end_that_cannot_be_cut_is_left_where_it_is() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, torn(5))]);
        disk.write_protect(file(0));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().cut_bytes, 0, "{runs:?}");
        assert_goes_on(runs, &disk, buffer);
    }
}

/// The same file without a torn end.
#[test]
fn a_file_that_cannot_be_written_to_is_left_for_the_next() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, data_file(1..=5))]);
        disk.write_protect(file(0));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_goes_on(runs, &disk, buffer);
    }
}

/// Another program cuts the newest file while the buffer is open. The consumer reaches that place before the next record is
/// written, or other logic takes over.
#[test]
fn what_follows_a_torn_end_that_reading_has_found_comes_in_a_new_file() {
    for (runs, is_replaced) in Runs::ALL.into_iter().flat_map(|runs| [(runs, false), (runs, true)]) {
        let files = [(0, data_file(1..=5)), (1, data_file(6..=10))];
        let disk = disk(Some(ledger(11, 1, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        disk.put_data_file(file(1), data_file(6..=8));
        assert_eq!(read(&buffer), ids([1..=8]), "{runs:?}");
        if is_replaced {
            buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
        }
        write(&buffer, 11..=20);
        // Logic that takes over is told of the unfinished end, and truncates it; logic that runs finds out as it appends.
        let (last, bytes) =
            if is_replaced { (1, data_file((6..=8).chain(11..=20))) } else { (2, data_file(11..=20)) };
        assert_eq!(disk.data_file(file(last)).unwrap(), bytes, "{runs:?}");
        assert_eq!(read(&buffer), ids([11..=20]), "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.refused_calls, status.lost_events), (0, 2), "{runs:?}");
    }
}
