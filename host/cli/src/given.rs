//! Whether the caller gave this process the standard input and output that a command needs.
//!
//! At the start of a program Rust opens `/dev/null`, for reading and writing, in place of each standard descriptor that is
//! closed. What is written there succeeds and is gone. A shell's `>/dev/null` is open for writing only, and is a choice.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt as _,
    },
};

use rustix::fs::{OFlags, fcntl_getfl};
use tracing::warn;

/// Refuses to acknowledge to a standard output that the caller did not give.
pub(crate) fn stdout_for_records() -> anyhow::Result<()> {
    if is_stand_in(io::stdout().as_fd()) {
        anyhow::bail!(
            "standard output is closed, or is /dev/null opened for reading and writing: no record is taken out, because \
             none can be delivered; to discard records, redirect the output with '>/dev/null'"
        );
    }
    Ok(())
}

/// Logs that no id and no answer of `forebay write` reaches the caller. The records are written all the same.
pub(crate) fn stdout_for_answers() {
    if is_stand_in(io::stdout().as_fd()) {
        warn!("standard output is closed: records are written, and their ids are not reported");
    }
}

/// Logs that no records will come.
pub(crate) fn stdin() {
    if is_stand_in(io::stdin().as_fd()) {
        warn!("standard input is closed: no records come from it");
    }
}

/// Whether this is `/dev/null`, open in both directions.
fn is_stand_in(descriptor: BorrowedFd<'_>) -> bool {
    let is_both_ways = fcntl_getfl(descriptor).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDWR);
    is_both_ways && is_null(descriptor).unwrap_or(false)
}

fn is_null(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let device = |metadata: fs::Metadata| (metadata.mode(), metadata.rdev());
    let given = File::from(descriptor.try_clone_to_owned()?).metadata()?;
    // A regular file has no device number of its own.
    Ok(given.rdev() != 0 && device(given) == device(fs::metadata("/dev/null")?))
}
