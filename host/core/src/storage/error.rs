//! Why storage did not do what it was asked.

use std::{error::Error as _, io};

use forebay_types::errno;
use thiserror::Error;

/// Why a call of a [`Backend`](super::Backend) failed. Each says what was attempted and on what.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The thing is not there.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The thing is there already.
    #[error("{what} exists already")]
    AlreadyExists {
        /// What was to be made.
        what: String,
    },
    /// The disk, a quota or the limit on the length of a file is exhausted. It passes when room is made or the limit is
    /// raised.
    #[error("no room to {operation} {what}")]
    NoSpace {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused, or the device failed. Too many open files are among these: no data that is removed
    /// helps there.
    #[error("could not {operation} {what}")]
    Io {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl StorageError {
    /// Sorts an operating system's error into its case. `ENOSPC`, `EDQUOT` and `EFBIG` mean that there is no room
    /// now.
    pub fn from_io(operation: &'static str, what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        match os_error(&source) {
            errno::ENOENT => Self::NotFound { what },
            errno::EEXIST => Self::AlreadyExists { what },
            errno::ENOSPC | errno::EDQUOT | errno::EFBIG => Self::NoSpace { operation, what, source },
            _ => Self::Io { operation, what, source },
        }
    }

    /// Something was to be changed that may only be read: `EROFS`.
    pub fn read_only(operation: &'static str, what: impl Into<String>) -> Self {
        let erofs = i32::try_from(errno::EROFS).unwrap_or(i32::MAX);
        Self::Io { operation, what: what.into(), source: io::Error::from_raw_os_error(erofs) }
    }

    /// Linux's number for it; 0 if the operating system gave none.
    pub fn errno(&self) -> u32 {
        match self {
            Self::NotFound { .. } => errno::ENOENT,
            Self::AlreadyExists { .. } => errno::EEXIST,
            Self::NoSpace { source, .. } | Self::Io { source, .. } => os_error(source),
        }
    }

    /// Whether the process or the system has no file descriptor left. Nothing was done, and the same call may succeed later.
    pub fn is_for_want_of_descriptors(&self) -> bool {
        matches!(self.errno(), errno::EMFILE | errno::ENFILE)
    }

    /// Whether the device could not read: what lies there counts as damaged.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Io { .. }) && self.errno() == errno::EIO
    }
}

/// The number of an error of the operating system, or of the one that an explanation was put around.
fn os_error(error: &io::Error) -> u32 {
    let explained = || error.source()?.downcast_ref::<io::Error>()?.raw_os_error();
    let number = error.raw_os_error().or_else(explained);
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that drops old records to make room must not drop them because the process has too many open files.
    #[test]
    fn only_a_full_disk_quota_or_file_is_want_of_room() {
        for (errno, is_want_of_room) in
            [(27, true), (28, true), (122, true), (23, false), (24, false), (5, false)]
        {
            let error = StorageError::from_io("append to", "it", io::Error::from_raw_os_error(errno));
            assert_eq!(matches!(error, StorageError::NoSpace { .. }), is_want_of_room, "{errno}");
            assert_eq!(i64::from(error.errno()), i64::from(errno));
        }
    }
}
