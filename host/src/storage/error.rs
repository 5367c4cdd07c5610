//! Why storage did not do what it was asked.

use std::io;

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
    /// The disk or a quota is exhausted. It passes when room is made.
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
    /// Sorts an operating system's error into its case. `ENOSPC` and `EDQUOT` mean that there is no room now.
    pub fn from_io(operation: &'static str, what: impl Into<String>, source: io::Error) -> Self {
        use rustix::io::Errno;

        let what = what.into();
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT) => Self::NotFound { what },
            Some(Errno::EXIST) => Self::AlreadyExists { what },
            Some(Errno::NOSPC | Errno::DQUOT) => Self::NoSpace { operation, what, source },
            _ => Self::Io { operation, what, source },
        }
    }

    /// The operating system's number for it, 0 if it gave none.
    pub fn errno(&self) -> u32 {
        match self {
            Self::NotFound { .. } => 2,
            Self::AlreadyExists { .. } => 17,
            Self::NoSpace { source, .. } | Self::Io { source, .. } => {
                source.raw_os_error().and_then(|errno| u32::try_from(errno).ok()).unwrap_or(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who drops old records to make room must not drop them because the process has opened too many files.
    #[test]
    fn only_a_full_disk_or_quota_is_want_of_room() {
        for (errno, is_want_of_room) in [(28, true), (122, true), (23, false), (24, false), (5, false)] {
            let error = StorageError::from_io("append to", "it", io::Error::from_raw_os_error(errno));
            assert_eq!(matches!(error, StorageError::NoSpace { .. }), is_want_of_room, "{errno}");
            assert_eq!(i64::from(error.errno()), i64::from(errno));
        }
    }
}
