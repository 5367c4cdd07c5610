//! The example runs as it is. It is the first code that people read.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

/// Two writers of 500 records each, 600 acknowledged: 400 are left when the buffer is opened again, and none after that.
#[test]
fn the_example_says_what_it_found_after_opening_again() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embed-buffer");
    // An earlier run may have left it.
    let _ = fs::remove_dir_all(&directory);
    let output = Command::new(env!("CARGO_BIN_EXE_embed")).arg(&directory).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "400 records were delivered after opening again\n");

    let ledger = fs::read(directory.join("buffer.db")).unwrap();
    assert_eq!(ledger.first_chunk(), Some(&1001_u64.to_le_bytes()));
    assert_eq!(ledger.last_chunk(), Some(&1000_u64.to_le_bytes()));
}
