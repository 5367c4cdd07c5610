//! Data files that are rewritten, after a sync of them has failed: under a name of their own, until they take the place
//! of the file.
//!
//! What is read is what the kernel has in memory, whether it could write it or not. Nothing is shared with the old file:
//! where its blocks are bad, the new one has others.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use tracing::warn;

use super::data_file::{self, read_full};
use super::data_handle::Lent;
use super::directory::Directory;
use super::interrupted::again;
use crate::storage::{FileId, StorageError, SyncJob};

const SUFFIX: &str = ".new";

/// How much is copied at a time.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The name of a data file that has not taken its place yet.
pub(super) fn name(file: FileId) -> String {
    format!("{}{SUFFIX}", data_file::name(file))
}

fn parse(found: &OsStr) -> Option<FileId> {
    data_file::parse(OsStr::new(found.to_str()?.strip_suffix(SUFFIX)?))
}

/// Makes the new file, and the job that fills it. The job knows the file and not its name: the owner of the directory at
/// the time it runs is not disturbed.
pub(super) fn prepare(directory: &Arc<Directory>, file: FileId, source: Lent) -> io::Result<SyncJob> {
    let length = again(|| source.metadata())?.len();
    let (from, to) = (data_file::name(file), name(file));
    let target = directory.make_anew(&to)?;
    let (from, to) = (directory.name(&from), directory.name(&to));
    Ok(Box::new(move || {
        copy(&source, length, &target).map_err(|failed| match failed {
            Failed::Read(error) => StorageError::from_io("read", from, error),
            Failed::Written(error) => StorageError::from_io("write", to, error),
        })
    }))
}

/// What of a copy has failed.
enum Failed {
    Read(io::Error),
    Written(io::Error),
}

fn copy(source: &File, length: u64, mut target: &File) -> Result<(), Failed> {
    reserve(target, length).map_err(Failed::Written)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let read = read_full(source, at, block.get_mut(..left).unwrap_or_default()).map_err(Failed::Read)?;
        if read == 0 {
            return Err(Failed::Read(io::Error::other("another program has truncated the file")));
        }
        target.write_all(block.get(..read).unwrap_or_default()).map_err(Failed::Written)?;
        at += u64::try_from(read).unwrap_or(u64::MAX);
    }
    target.sync_all().map_err(Failed::Written)
}

/// Where there is no room for it, nothing need be written to find out. Some file systems cannot say.
fn reserve(target: &File, length: u64) -> io::Result<()> {
    match again(|| fallocate(target, FallocateFlags::KEEP_SIZE, 0, length.max(1))) {
        Err(error) if error == rustix::io::Errno::NOSPC || error == rustix::io::Errno::DQUOT => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

/// Removes one that is not wanted. It holds nothing up but takes room.
pub(super) fn remove(directory: &Directory, file: FileId) {
    match directory.remove_file(&name(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(path = directory.name(&name(file)), %error, "could not remove a file that is of no use");
        }
        _ => {}
    }
}

/// Removes those that a process has left which died before they took their place: their files have all that they have.
pub(super) fn remove_left_over(directory: &Directory) {
    match directory.entries(parse) {
        Ok(left_over) => left_over.iter().for_each(|entry| remove(directory, entry.selected)),
        Err(error) => warn!(%error, "could not look for files that are of no use"),
    }
}
