//! Why the buffer did not do what it was asked.

use std::{error, fmt};

use crate::storage::StorageError;

/// Why a call was not carried out. One to one with `error` in `wit/buffer.wit`, which is frozen, so that a match on it
/// needs no case for what may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferError {
    /// Closed for writing.
    Closed,
    /// A sync has failed: nothing more is accepted until what it left in doubt is safe again. Reading goes on.
    Degraded,
    /// The storage failed; the number is its errno or refusal, 0 if it gave none.
    Storage(u32),
    /// One of [`BREACH`], [`CONFLICT`] and [`FENCED`], or the storage's own number.
    Other(u32),
}

/// The host broke the contract: a record without events or bytes, or more records than a batch can number.
pub const BREACH: u32 = 1;
/// The host and the logic disagree on a file's length or on the next id: the buffer is to be opened anew.
pub const CONFLICT: u32 = 2;
/// Another owner has taken the directory.
pub const FENCED: u32 = 3;

/// The storage's refusal to place records behind an unfinished frame.
pub(crate) const TORN_END: u32 = 12;

/// The errnos of the storage's errors that carry none.
const ENOENT: u32 = 2;
const EEXIST: u32 = 17;
const ENOSPC: u32 = 28;

impl From<StorageError> for BufferError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NotFound => Self::Storage(ENOENT),
            StorageError::AlreadyExists => Self::Storage(EEXIST),
            StorageError::NoSpace => Self::Storage(ENOSPC),
            StorageError::Conflict => Self::Other(CONFLICT),
            StorageError::Fenced => Self::Other(FENCED),
            StorageError::Refused(number) | StorageError::Io(number) => Self::Storage(number),
            StorageError::Other(number) => Self::Other(number),
        }
    }
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the buffer is closed for writing; open it anew to write"),
            Self::Degraded => f.write_str("a sync failed, and is being made up for"),
            Self::Storage(number) => write!(f, "the storage failed with {number}"),
            Self::Other(number) => write!(f, "error {number}"),
        }
    }
}

impl error::Error for BufferError {}
