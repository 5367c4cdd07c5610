//! Why a call was not carried out: the two error variants of the contract.

use std::{error, fmt};

use crate::Refusal;

/// Linux's errno for the cases that matter here. Every host uses these numbers, whatever its operating system.
pub mod errno {
    /// Not the owner.
    pub const EPERM: u32 = 1;
    /// No such file.
    pub const ENOENT: u32 = 2;
    /// Interrupted.
    pub const EINTR: u32 = 4;
    /// The device failed.
    pub const EIO: u32 = 5;
    /// Try again.
    pub const EAGAIN: u32 = 11;
    /// Out of memory.
    pub const ENOMEM: u32 = 12;
    /// Not permitted.
    pub const EACCES: u32 = 13;
    /// The file exists.
    pub const EEXIST: u32 = 17;
    /// The system has too many open files.
    pub const ENFILE: u32 = 23;
    /// The process has too many open files.
    pub const EMFILE: u32 = 24;
    /// The file would be longer than the process, or the file system, allows.
    pub const EFBIG: u32 = 27;
    /// The device is full.
    pub const ENOSPC: u32 = 28;
    /// The file system is read-only.
    pub const EROFS: u32 = 30;
    /// The quota is used up.
    pub const EDQUOT: u32 = 122;
}

/// Why storage did not carry out a call: `storage.error`. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// There is no such file or ledger.
    NotFound,
    /// The disk or the operator's limits leave no room now.
    NoSpace,
    /// Another owner has taken the directory.
    Fenced,
    /// A rule was broken; its number. See [`Refusal`].
    Refused(u32),
    /// The system call failed; Linux's errno.
    Io(u32),
    /// An error that this version of the contract has no name for.
    Other(u32),
}

impl StorageError {
    /// Whether the call may succeed later without a change by the caller: there is no room now, on the disk or for
    /// another open file.
    #[must_use]
    pub const fn passes_with_time(self) -> bool {
        matches!(self, Self::NoSpace | Self::Io(errno::ENFILE | errno::EMFILE | errno::EAGAIN | errno::EINTR))
    }

    /// Whether a rule of the contract was broken, and which.
    #[must_use]
    pub const fn is_refused(self, refusal: Refusal) -> bool {
        matches!(self, Self::Refused(number) if number == refusal.number())
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file or ledger"),
            Self::NoSpace => f.write_str("there is no room now"),
            Self::Fenced => f.write_str("another owner has taken the directory"),
            Self::Refused(number) => match Refusal::from_number(*number) {
                Some(refusal) => write!(f, "storage refused it by rule {number}: {refusal}"),
                None => write!(f, "storage refused it by rule {number}"),
            },
            Self::Io(errno) => write!(f, "the system call failed with errno {errno}"),
            Self::Other(number) => write!(f, "storage failed with error {number}"),
        }
    }
}

impl error::Error for StorageError {}

/// `other` of [`BufferError`]: the host broke the contract, for example with a record without events.
pub const OTHER_BREACH: u32 = 1;

/// `other` of [`BufferError`]: another owner has taken the directory.
pub const OTHER_FENCED: u32 = 3;

/// Why the logic did not do what it was asked: `buffer.error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferError {
    /// Not open, or closed for writing.
    Closed,
    /// Storage failed; Linux's errno.
    Storage(u32),
    /// Storage refused the call; the number of the rule. See [`Refusal`].
    Refused(u32),
    /// [`OTHER_BREACH`], [`OTHER_FENCED`], or a number of the component's own.
    Other(u32),
}

impl From<StorageError> for BufferError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NotFound => Self::Storage(errno::ENOENT),
            StorageError::NoSpace => Self::Storage(errno::ENOSPC),
            StorageError::Fenced => Self::Other(OTHER_FENCED),
            StorageError::Refused(number) => Self::Refused(number),
            StorageError::Io(errno) => Self::Storage(errno),
            StorageError::Other(number) => Self::Other(number),
        }
    }
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the buffer is not open for writing"),
            Self::Storage(errno) => StorageError::Io(*errno).fmt(f),
            Self::Refused(number) => StorageError::Refused(*number).fmt(f),
            Self::Other(OTHER_BREACH) => f.write_str("the host broke the contract"),
            Self::Other(OTHER_FENCED) => StorageError::Fenced.fmt(f),
            Self::Other(number) => write!(f, "the logic failed with error {number} of its own"),
        }
    }
}

impl error::Error for BufferError {}
