//! The same records, written by the commands, make the same bytes.

use tempfile::TempDir;

use crate::support::{cli, fixtures};

/// The same by the binary, with a process for each step.
#[test]
fn the_commands_write_the_bytes_that_vector_writes() {
    for history in fixtures::HISTORIES {
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
        // Vector ignores it.
        std::fs::remove_file(directory.path().join("buffer.options")).unwrap();
        fixtures::assert_same(directory.path(), history.name);
    }
}
