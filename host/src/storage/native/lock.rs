//! The exclusive lock on a buffer. `buffer.lock` is what Vector locks; the directory is locked as well, because people
//! delete lock files, and a new file of that name is free.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;
use tracing::warn;

use super::directory::{Access, Directory};
use super::holder::{Holder, holder};
use super::interrupted::again;

/// The file that is locked. It stays empty, and is never removed.
pub(super) const LOCK_NAME: &str = "buffer.lock";

/// How often the lock file may be deleted under our hands before we give up.
const ATTEMPTS_MAX: usize = 8;

/// Why a buffer cannot be locked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another owner has it.
    #[error("the buffer {} is in use by {}", path.display(), process(*holder))]
    Locked {
        /// The buffer's directory.
        path: PathBuf,
        /// The process that has it, if the system tells.
        holder: Option<u32>,
    },
    /// The operating system refused.
    #[error("could not lock {what}{}", remedy(source))]
    Io {
        /// The file.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What to do; of other errors it says itself what to do.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ": see that this user may write to it",
        io::ErrorKind::ReadOnlyFilesystem => {
            ": mount the file system for writing, or only look at the buffer (`peek`)"
        }
        _ => "",
    }
}

/// Who it is, and what to do.
fn process(holder: Option<u32>) -> String {
    let who = match holder {
        Some(pid) if pid == std::process::id() => {
            return format!("this process, {pid}: close it first, or share its writers and readers");
        }
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    };
    format!("{who}: stop that first, or use another directory")
}

/// The lock, until it is dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// `None` where there is no lock file and none was to be made.
    file: Option<File>,
    directory: Arc<Directory>,
}

impl DirectoryLock {
    /// Takes the lock, or fails at once. Makes the lock file if there is none.
    pub(super) fn take(directory: &Arc<Directory>) -> Result<Self, LockError> {
        Self::take_with(directory, Access::ReadWriteOrCreate)
    }

    /// Takes the lock, or fails at once, and makes nothing. Where there is no lock file, the directory alone is locked.
    pub(super) fn take_to_read(directory: &Arc<Directory>) -> Result<Self, LockError> {
        Self::take_with(directory, Access::Read)
    }

    fn take_with(directory: &Arc<Directory>, access: Access) -> Result<Self, LockError> {
        // The directory first: who finds it locked then leaves no new lock file behind for others to lock.
        match again(|| flock(directory.handle(), FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(locked(directory)),
            // Some network file systems lock files only.
            Err(error) => warn!(
                path = %directory.path().display(),
                %error,
                "the directory itself cannot be locked here: the buffer is in danger if {LOCK_NAME} is deleted"
            ),
        }
        let file = lock_file(directory, access).inspect_err(|_| unlock(directory.handle()))?;
        Ok(Self { file, directory: Arc::clone(directory) })
    }
}

impl Drop for DirectoryLock {
    /// Unlocks by word: closing alone leaves the lock to the holder of a copy of the handle, such as a child process that
    /// is just being started, or a sync under way.
    fn drop(&mut self) {
        self.file.iter().for_each(|file| unlock(file.as_fd()));
        unlock(self.directory.handle());
    }
}

fn unlock(file: BorrowedFd<'_>) {
    // It is gone with the last handle in any case.
    let _ = again(|| flock(file, FlockOperation::Unlock));
}

fn lock_file(directory: &Directory, access: Access) -> Result<Option<File>, LockError> {
    let fail = |source| LockError::Io { what: directory.name(LOCK_NAME), source };
    for _ in 0..ATTEMPTS_MAX {
        let file = match directory.open_file(LOCK_NAME, access) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Read => {
                return Ok(None);
            }
            opened => opened.map_err(fail)?,
        };
        match again(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(locked(directory)),
            Err(error) => return Err(fail(error.into())),
        }
        // One that was deleted between opening and locking keeps no process out.
        if directory.leads_to(LOCK_NAME, &file).map_err(fail)? {
            return Ok(Some(file));
        }
    }
    Err(fail(io::Error::other("it is deleted as soon as it is made")))
}

fn locked(directory: &Directory) -> LockError {
    let holder = match holder(directory) {
        Holder::Held(pid) => pid,
        Holder::Free | Holder::Unknown => None,
    };
    LockError::Locked { path: directory.path().to_owned(), holder }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::storage::native::Create;

    /// A process that locks a file which has just been deleted shares the buffer with the one that locks the next.
    #[test]
    fn a_lock_file_that_lost_its_name_is_not_taken_for_the_lock() {
        let above = tempfile::TempDir::new().unwrap();
        let directory = Directory::open(above.path(), Create::No).unwrap();
        let open = || directory.open_file(LOCK_NAME, Access::ReadWriteOrCreate).unwrap();
        let file = open();
        assert!(directory.leads_to(LOCK_NAME, &file).unwrap());
        directory.remove_file(LOCK_NAME).unwrap();
        assert!(!directory.leads_to(LOCK_NAME, &file).unwrap());
        let another = open();
        assert!(!directory.leads_to(LOCK_NAME, &file).unwrap());
        assert!(directory.leads_to(LOCK_NAME, &another).unwrap());
    }
}
