//! The example runs as it is.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

/// Two writers of 100 records each, one reader that acknowledges all of them.
#[test]
fn the_example_says_how_many_records_went_through() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio-buffer");
    // An earlier run may have left it.
    let _ = fs::remove_dir_all(&directory);
    let output = Command::new(env!("CARGO_BIN_EXE_on-tokio")).arg(&directory).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200 records went through the buffer\n");

    let ledger = fs::read(directory.join("buffer.db")).unwrap();
    assert_eq!(ledger.first_chunk(), Some(&201_u64.to_le_bytes()), "the next id");
    assert_eq!(ledger.last_chunk(), Some(&200_u64.to_le_bytes()), "the last that is acknowledged");
}
