//! The native backend in real directories: what it makes, refuses, keeps, and lets others see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

mod as_in_memory;
#[allow(unreachable_pub, reason = "the integration tests have it as well")]
#[path = "../../../../../tests/support/logged.rs"]
mod capture;
mod data_file;
mod dead_letters;
mod directory;
mod ledger;
mod lock;
mod pool;
mod quarantine;
mod snapshot;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use forebay_frame::{RecordId, Source as _};
use tempfile::TempDir;

use super::ledger_image::{LEDGER_NAME, encode};
use super::lock::LOCK_NAME;
use super::*;

fn file(number: u16) -> FileId {
    FileId::new(number).unwrap()
}

fn some_ledger() -> Ledger {
    Ledger {
        writer_next_record: RecordId(0x0102_0304_0506_0708),
        writer_data_file: file(0x1112),
        reader_data_file: file(0x2122),
        reader_last_record: RecordId(0x0102_0304_0506_0701),
    }
}

fn temporary() -> (TempDir, PathBuf) {
    let above = TempDir::new().unwrap();
    let path = above.path().join("buffer");
    (above, path)
}

fn open(path: &Path) -> Native {
    Native::open(path, Create::Yes).unwrap()
}

fn sync(native: &mut Native, target: SyncTarget) {
    native.prepare_sync(target).unwrap()().unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn make_pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

/// Whose PID the refusal names.
fn refused(opened: Result<Native, NativeOpenError>) -> Option<u32> {
    match opened {
        Err(NativeOpenError::Lock(LockError::Locked { holder, .. })) => holder,
        other => panic!("expected to be locked out, got {other:?}"),
    }
}

fn logged(act: impl FnOnce()) -> String {
    capture::logged(act).1
}
