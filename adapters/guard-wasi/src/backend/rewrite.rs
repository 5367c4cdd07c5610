//! Data files that are rewritten, after a sync of them has failed: under a name of their own, until they take the place of
//! the file.

use std::{io, sync::Arc};

use forebay_core::storage::{FileId, StorageError, SyncJob, data_file_name, data_file_of};
use wasip2::filesystem::types::Descriptor;

use super::{
    data_file::DataFile,
    directory::{Access, Directory},
    errno::again,
    file::{length, read_full, to_u64, write_all},
};

const SUFFIX: &str = ".new";

/// How much is copied at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// The name of a data file that has not taken its place yet.
pub(super) fn name(file: FileId) -> String {
    format!("{}{SUFFIX}", data_file_name(file))
}

/// Makes the new file, and the job that fills it.
pub(super) fn prepare(directory: &Directory, file: FileId, source: &DataFile) -> io::Result<SyncJob> {
    let source = source.opened(Access::Read)?;
    let length = length(&source)?;
    let target = directory.make_anew(&name(file))?;
    let (from, to) = (data_file_name(file), name(file));
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

fn copy(source: &Arc<Descriptor>, length: u64, target: &Descriptor) -> Result<(), Failed> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let read = read_full(source, at, block.get_mut(..left).unwrap_or_default()).map_err(Failed::Read)?;
        if read == 0 {
            return Err(Failed::Read(io::Error::other("another program has truncated the file")));
        }
        write_all(target, block.get(..read).unwrap_or_default(), at).map_err(Failed::Written)?;
        at += to_u64(read);
    }
    again(|| target.sync()).map_err(Failed::Written)
}

/// Removes one that is not wanted. It holds nothing up but takes room.
pub(super) fn remove(directory: &Directory, file: FileId) {
    let _ = directory.remove_file(&name(file));
}

/// Removes those that a process has left which died before they took their place: their files have all that they have.
pub(super) fn remove_left_over(directory: &Directory) {
    let names = directory.names().unwrap_or_default();
    let left_over = names.iter().filter_map(|name| data_file_of(name.strip_suffix(SUFFIX)?));
    left_over.for_each(|file| remove(directory, file));
}
