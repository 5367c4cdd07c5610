//! The same records, written by Forebay, make the same bytes.

use forebay::{Buffer, NewRecord};
use tempfile::TempDir;

use crate::support::{cli, fixtures};

/// What was done to a directory of Vector's.
struct History {
    name: &'static str,
    written: u64,
    acknowledged: usize,
    file_bytes: u64,
}

const DEFAULT_FILE_BYTES: u64 = 128 << 20;

const HISTORIES: [History; 5] = [
    History { name: "empty", written: 0, acknowledged: 0, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r0", written: 100, acknowledged: 0, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r40", written: 100, acknowledged: 40, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r100", written: 100, acknowledged: 100, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "multifile_w600_r150_4k", written: 600, acknowledged: 150, file_bytes: 4096 },
];

#[track_caller]
fn assert_same(directory: &TempDir, name: &str) {
    let (mut ours, vectors) =
        (fixtures::contents(directory.path()), fixtures::contents(fixtures::original(name)));
    // What we remember beyond Vector's format is in a file that Vector does not look at.
    assert!(ours.remove("buffer.forebay").is_some(), "{name}");
    assert_eq!(ours.keys().collect::<Vec<_>>(), vectors.keys().collect::<Vec<_>>(), "{name}");
    for (file, bytes) in &ours {
        assert!(*bytes == vectors[file], "{name}: {file} differs");
    }
}

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
        assert_same(&directory, history.name);
    }
}

/// The same by the binary, with a process for each step.
#[test]
fn the_commands_write_the_bytes_that_vector_writes() {
    for history in HISTORIES {
        let directory = TempDir::new().unwrap();
        let path = directory.path().to_str().unwrap();
        let file_size = format!("--file-size={}", history.file_bytes);
        let written = cli::run_with(["write", path, &file_size], &fixtures::lines(1..=history.written));
        // Sizes as small as Vector's tests use are warned of.
        assert_eq!(written.code, Some(0), "{written}");
        if history.acknowledged > 0 {
            let count = format!("--count={}", history.acknowledged);
            let read = cli::run(["read", path, &file_size, &count]);
            assert_eq!(read.stdout, fixtures::lines(1..=history.acknowledged as u64), "{read}");
        }
        assert_same(&directory, history.name);
    }
}

/// A file that was made ahead of need belongs to whoever is writing. Left behind, Vector would take it for the next one.
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
