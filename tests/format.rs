//! The format on disk is Vector's: the same records, written by Forebay, make the same bytes.

use forebay::{Buffer, NewRecord};
use tempfile::TempDir;

use crate::support::fixtures::{self, HISTORIES, assert_same};

/// Vector takes over a directory of an application's, and the other way round.
#[test]
fn an_application_writes_the_bytes_that_vector_writes() {
    for history in HISTORIES {
        let directory = TempDir::new().unwrap();
        let builder = Buffer::builder(directory.path()).file_bytes(history.file_bytes);
        let buffer = builder.max_bytes(history.file_bytes.max(4 << 20) * 8).open().unwrap();
        let records = (1..=history.written).map(|number| NewRecord::new(fixtures::payload(number)));
        buffer.writer().write_batch(records.collect()).unwrap();
        if history.acknowledged > 0 {
            let reader = buffer.reader();
            let records = reader.next_batch(history.acknowledged).unwrap().unwrap();
            reader.ack_through(records.last().unwrap().id());
            // As in Vector's directories, the one behind them is handed out and not acknowledged.
            reader.try_next_batch(1).unwrap();
        }
        buffer.close().unwrap();
        assert_same(directory.path(), history.name);
    }
}

/// A file that was made ahead of need belongs to the writing process. Left behind, Vector would take it for the next one.
#[test]
fn no_file_that_was_made_ahead_of_need_is_left_behind() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).file_bytes(4096).max_bytes(1 << 20).open().unwrap();
    let mut most = 0;
    for number in 1..=40 {
        buffer.writer().write(fixtures::payload(number)).unwrap();
        most = most.max(buffer.status().unwrap().files);
    }
    assert_eq!(most, 2, "one is written to, and the next is there already");
    buffer.close().unwrap();
    let names = fixtures::contents(directory.path()).into_keys().collect::<Vec<_>>();
    assert_eq!(names, ["buffer-data-0.dat", "buffer.db", "buffer.forebay", "buffer.lock"]);
}
