//! Why storage did not do what it was asked.

use std::{error::Error as _, io};

use forebay_types::errno;
use thiserror::Error;

/// Why a call of a [`Backend`](super::Backend) failed.
///
/// The message is complete: what was attempted, on what, the cause, and what to do. The cause is therefore not a source
/// besides: it would be said twice.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The thing is not there.
    #[error("could not {operation} {what}: it does not exist{}", remedy(errno::ENOENT))]
    NotFound {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// What was looked for.
        what: String,
    },
    /// The thing is there already.
    #[error("could not {operation} {what}: it exists already{}", remedy(errno::EEXIST))]
    AlreadyExists {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// What was to be made.
        what: String,
    },
    /// The disk, a quota or the limit on the length of a file is exhausted. It passes when room is made or the limit is
    /// raised.
    #[error("no room to {operation} {what}: {cause}{}", remedy_of(cause))]
    NoSpace {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        what: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Another program has taken the thing away while it was in use. What it holds is lost to the buffer.
    #[error("could not {operation} {what}: {how}{}", remedy(errno::ENOENT))]
    TakenAway {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        what: String,
        /// What the other program has done.
        how: TakenAway,
    },
    /// The operating system refused, or the device failed. Too many open files are among these: no data that is removed
    /// helps there.
    #[error("could not {operation} {what}: {cause}{}", remedy_of(cause))]
    Io {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        what: String,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// Why a buffer that is looked at is not changed, with its own advice.
#[derive(Debug, Error)]
#[error("it is only looked at; open the buffer without `peek`")]
struct OnlyLooked(#[source] io::Error);

/// What another program has done to a thing that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TakenAway {
    /// Its name leads nowhere.
    #[error("it was removed or moved away while the buffer was open")]
    File,
    /// Its name leads to another file.
    #[error("another file was put in its place while the buffer was open")]
    Replaced,
    /// It is shorter than what was written to it.
    #[error("it was cut while the buffer was open")]
    Cut,
    /// The buffer's directory is gone, and with it every name in it.
    #[error("the buffer's directory was removed while the buffer was open")]
    Directory,
}

impl StorageError {
    /// Sorts an operating system's error into its case. `ENOSPC`, `EDQUOT` and `EFBIG` mean that there is no room
    /// now.
    pub fn from_io(operation: &'static str, what: impl Into<String>, cause: io::Error) -> Self {
        let what = what.into();
        if let Some(how) = cause.get_ref().and_then(|cause| cause.downcast_ref::<TakenAway>()).copied() {
            return Self::TakenAway { operation, what, how };
        }
        match os_error(&cause) {
            errno::ENOENT => Self::NotFound { operation, what },
            errno::EEXIST => Self::AlreadyExists { operation, what },
            errno::ENOSPC | errno::EDQUOT | errno::EFBIG => Self::NoSpace { operation, what, cause },
            _ => Self::Io { operation, what, cause },
        }
    }

    /// Something was to be changed that is only looked at: `EROFS`, although the file system may be mounted for writing.
    pub fn read_only(operation: &'static str, what: impl Into<String>) -> Self {
        let erofs = i32::try_from(errno::EROFS).unwrap_or(i32::MAX);
        let cause = io::Error::other(OnlyLooked(io::Error::from_raw_os_error(erofs)));
        Self::Io { operation, what: what.into(), cause }
    }

    /// Linux's number for it; 0 if the operating system gave none.
    pub fn errno(&self) -> u32 {
        match self {
            Self::NotFound { .. } | Self::TakenAway { .. } => errno::ENOENT,
            Self::AlreadyExists { .. } => errno::EEXIST,
            Self::NoSpace { cause, .. } | Self::Io { cause, .. } => os_error(cause),
        }
    }

    /// Whether the process or the system has no file descriptor left. Nothing was done, and the same call may succeed later.
    pub fn is_for_want_of_descriptors(&self) -> bool {
        matches!(self.errno(), errno::EMFILE | errno::ENFILE)
    }

    /// Whether a data file is not there any more under its name: every other use of it will fail as well.
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::TakenAway { how: TakenAway::File | TakenAway::Replaced | TakenAway::Cut, .. }
        )
    }

    /// Whether the buffer's directory is gone, so that nothing can be kept there any more.
    pub fn is_directory_gone(&self) -> bool {
        matches!(self, Self::TakenAway { how: TakenAway::Directory, .. })
    }

    /// Whether this user may not use the thing. No retry helps.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { .. }) && matches!(self.errno(), errno::EACCES | errno::EPERM)
    }

    /// Whether what is there could not be read or opened.
    pub fn is_of_reading(&self) -> bool {
        matches!(self, Self::Io { operation: "open" | "read", .. })
    }

    /// Whether a thing was not even opened. Nothing was done to it, and nothing is in doubt by that.
    pub fn is_of_opening(&self) -> bool {
        matches!(self, Self::Io { operation: "open", .. })
    }

    /// Whether the device could not read: what lies there counts as damaged.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Io { .. }) && self.errno() == errno::EIO
    }
}

/// What came of a data file, where one that is not there any more holds nothing.
pub(crate) fn unless_missing<T: Default>(result: Result<T, StorageError>) -> Result<T, StorageError> {
    match result {
        Err(error) if error.is_missing() => Ok(T::default()),
        result => result,
    }
}

/// The number of an error of the operating system, or of the one that an explanation was put around.
fn os_error(error: &io::Error) -> u32 {
    let explained = || error.source()?.downcast_ref::<io::Error>()?.raw_os_error();
    let number = error.raw_os_error().or_else(explained);
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

/// What to do about a cause that does not say so itself: an explanation around an error has its own advice.
fn remedy_of(cause: &io::Error) -> &'static str {
    let number = cause.raw_os_error().and_then(|number| u32::try_from(number).ok());
    number.map_or("", remedy)
}

/// What to do about an error of the operating system, as the end of a message. Empty where no advice holds in general.
fn remedy(errno: u32) -> &'static str {
    match errno {
        errno::EACCES | errno::EPERM => {
            "; run as the user that owns the buffer's files, or change their owner or mode"
        }
        errno::ENOENT => "; find out which program removed it",
        errno::EEXIST => "; find out which program made it, and move it away",
        errno::EROFS => "; mount the file system for writing",
        errno::EIO => "; look for what the kernel says of the disk (`dmesg`)",
        errno::ENOSPC => "; free space on the file system",
        errno::EDQUOT => "; free space, or raise the quota",
        errno::EFBIG => "; raise the limit on the length of files (`ulimit -f`)",
        errno::EMFILE => "; raise the process's limit of open files (`ulimit -n`)",
        errno::ENFILE => "; raise the system's limit of open files (`sysctl fs.file-max`)",
        _ => "",
    }
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

    /// A user who did not ask for `peek` would look for it in vain.
    #[test]
    fn only_a_look_is_told_to_do_without_peek() {
        let erofs = io::Error::from_raw_os_error(30);
        let written = StorageError::from_io("append to", "it", erofs);
        let looked = StorageError::read_only("append to", "it");
        assert_eq!([written.errno(), looked.errno()], [errno::EROFS; 2]);
        let [written, looked] = [written.to_string(), looked.to_string()];
        assert!(written.ends_with("; mount the file system for writing"), "{written}");
        assert!(looked.contains("without `peek`") && !looked.contains("mount"), "{looked}");
    }

    /// Advice that a host has put around an error names the limit. General advice behind it would say the same again.
    #[test]
    fn an_explained_error_keeps_its_number_and_its_own_advice() {
        #[derive(Debug, Error)]
        #[error("raise the limit of 40")]
        struct Explained(#[source] io::Error);

        let emfile = io::Error::from_raw_os_error(24);
        let error = StorageError::from_io("read", "it", io::Error::other(Explained(emfile)));
        assert!(error.is_for_want_of_descriptors(), "{error:?}");
        assert_eq!(error.to_string(), "could not read it: raise the limit of 40");
    }
}
