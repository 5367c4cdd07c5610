//! What can go wrong with a buffer, by operation.

use std::{fmt, sync::Arc};

use forebay_types::RecordId;
use thiserror::Error;

use super::{options::OptionsError, receipt::Receipt, why_full::WhyFull};
use crate::{
    NewRecord,
    engine::ComponentError,
    logic::CallError,
    storage::{StorageError, native::NativeOpenError},
};

/// Why a buffer was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The sizes do not go together.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The directory cannot be had: it is held by another process, missing, a file, or closed to this user.
    #[error(transparent)]
    Directory(#[from] NativeOpenError),
    /// The directory's files cannot be read.
    #[error("the buffer could not be opened: {0}")]
    Storage(Arc<StorageError>),
    /// The component that was to run cannot.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The logic did not open the buffer.
    #[error("the buffer could not be opened: {0}")]
    Logic(CallError),
    /// The runtime that was to open the buffer has ended, or what it ran has panicked.
    #[error("the buffer was not opened: its runtime has ended, or the code that opens it has panicked")]
    Abandoned,
}

/// The reason is in the message, and so not a source besides: it would be said twice.
impl From<CallError> for OpenError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Storage(error) => Self::Storage(error),
            error => Self::Logic(error),
        }
    }
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

/// Records that were not written, and why. Every one of them comes back in [`records`](Self::records).
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// use forebay::{Buffer, NewRecord, WhenFull, WriteErrorKind};
///
/// let buffer = Buffer::builder(directory.path()).max_events(3).when_full(WhenFull::Reject).open()?;
/// let batch: Vec<NewRecord> = (1..=5).map(|n| NewRecord::from(format!("record {n}"))).collect();
///
/// let error = buffer.writer().write_batch(batch.clone()).expect_err("there is room for three");
/// assert_eq!(error.kind, WriteErrorKind::Full);
/// assert_eq!(error.written.records, 3);
/// assert_eq!(error.records, batch[3..]);
/// # buffer.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Error)]
#[non_exhaustive]
pub struct WriteError {
    /// Why they were not written.
    pub kind: WriteErrorKind,
    /// The receipt for the other records of the batch: those that were written, at the level of durability that was asked
    /// for.
    pub written: Receipt,
    /// The records that were not, in their order. The [kind](Self::kind) says whether a reader may get some of them all the
    /// same.
    pub records: Vec<NewRecord>,
    /// The error of the storage that kept the records out, with operation, file and the operating system's error. `None` where
    /// the storage did what it was asked. The message has it in words.
    pub storage: Option<Arc<StorageError>>,
    /// What was lacking. `None` where the records did not lack room.
    pub why_full: Option<WhyFull>,
}

impl WriteError {
    /// Of records of which none was written.
    pub(super) fn new(kind: WriteErrorKind, records: Vec<NewRecord>) -> Self {
        Self { kind, written: Receipt::default(), records, storage: None, why_full: None }
    }

    /// The records that were not written, in their order.
    pub fn into_records(self) -> Vec<NewRecord> {
        self.records
    }

    /// Whether the records only lacked room: see [`WriteErrorKind::Full`].
    pub fn is_full(&self) -> bool {
        self.kind == WriteErrorKind::Full
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.storage {
            Some(cause) if self.is_full() => {
                write!(f, "not all of the records were written: {cause}; write the rest again later")
            }
            _ => match &self.why_full {
                Some(why_full) if self.is_full() => why_full.fmt(f),
                _ => self.kind.fmt(f),
            },
        }
    }
}

/// Says how many records come back, and not what is in them: errors end up in logs.
impl fmt::Debug for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteError")
            .field("kind", &self.kind)
            .field("written", &self.written)
            .field("records", &self.records.len())
            .field("storage", &self.storage)
            .field("why_full", &self.why_full)
            .finish()
    }
}

/// Why records were not written. No reader gets them, unless the kind says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The records found no room, and their writer does not wait, or not any longer. [`WriteError::why_full`] says what was
    /// lacking.
    #[error(
        "the buffer is full: acknowledge records, write again later, or open it with a larger maximum size"
    )]
    Full,
    /// A payload is longer than a record may be. Nothing of the batch was written.
    #[error(
        "record {number} of the batch has {bytes} bytes; the most that a record may have is {most}: \
         split it, or open the buffer with a larger record and file size"
    )]
    TooLong {
        /// Which record of the batch, counted from 1.
        number: usize,
        /// How long its payload is.
        bytes: u64,
        /// The longest payload that is taken.
        most: u64,
    },
    /// The buffer was closed, in whole or for writing.
    #[error("the buffer is closed")]
    Closed,
    /// The buffer was closed while a failed sync was not made up for. The records are in the buffer, and survive the death of
    /// the process: a power failure may lose them.
    #[error(
        "a sync of the buffer failed, and the disk had not recovered when it was closed; the records survive the death of \
         the process only: look for what the kernel says of the disk"
    )]
    SyncFailed,
    /// The buffer was closed, and its logic had not had the records synced. They are in the buffer, and survive the death of the
    /// process: a power failure may lose them.
    #[error(
        "the buffer's logic had not had the records synced when the buffer was closed; they survive the death of the process \
         only: open the buffer with other logic, and close it again"
    )]
    NotSynced,
    /// A sync failed, and of what it was to write the disk gives back something else. The records that come back are lost:
    /// events from `first` up to, not including, `next`, and perhaps some between the two that are safe.
    #[error(
        "a sync of the buffer failed, and what was written as events {} to {} cannot be read any more; write it again, and \
         look for what the kernel says of the disk",
        first.0,
        next.0.saturating_sub(1)
    )]
    Vanished {
        /// The first event that is lost.
        first: RecordId,
        /// The one behind the last that is lost.
        next: RecordId,
    },
    /// Another program has removed, moved away or replaced the data file that the records were written to, before they were
    /// synced. The records that come back are lost: events from `first` up to, not including, `next`, and perhaps some
    /// between the two that are safe. The buffer goes on with another file.
    #[error(
        "what was written as events {} to {} is lost: {reason}; write it again",
        first.0,
        next.0.saturating_sub(1)
    )]
    TakenAway {
        /// The first event that is lost.
        first: RecordId,
        /// The one behind the last that is lost.
        next: RecordId,
        /// Which file it was, and what has happened to it.
        reason: String,
    },
    /// The records were to be [synced](crate::Durability::Synced), and the file system cannot do that. Nothing of them was
    /// written, unless the host found it out by them.
    #[error(
        "no record can be made durable here: {reason}; write with the durability `written`, or keep the buffer on another \
         file system"
    )]
    CannotSync {
        /// What the file system cannot do.
        reason: String,
    },
    /// The storage failed this time. Nothing else has changed: it may be tried again.
    #[error("not all of the records were written: {reason}; try again after that")]
    Refused {
        /// What happened.
        reason: String,
    },
    /// The logic or the storage failed. Records that were to be synced may be in the buffer already.
    #[error("the buffer has stopped: {reason}; open it again to go on, with other logic if it stops again")]
    Stopped {
        /// What happened.
        reason: String,
    },
}

/// Why no records were delivered, or an acknowledgement was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The buffer was closed.
    #[error("the buffer is closed")]
    Closed,
    /// The storage failed this time. Nothing else has changed: it may be tried again.
    #[error("no records were read: {reason}; try again after that")]
    Refused {
        /// What happened.
        reason: String,
        /// The error of the storage, with operation, file and the operating system's error. `None` where the logic refused
        /// the call for a reason of its own.
        storage: Option<Arc<StorageError>>,
    },
    /// No record came in the time that was given. Nothing has changed.
    #[error("no record came in time")]
    TimedOut,
    /// The end was asked for, and the logic gives no more, although records wait by the host's own account. None of them is
    /// lost.
    #[error(
        "the buffer's logic gives no more records, although record {} and what may come behind it wait; read the buffer \
         with other logic",
        next.0
    )]
    Withheld {
        /// The one that waits first.
        next: RecordId,
    },
    /// The logic or the storage failed.
    #[error("the buffer has stopped: {reason}; open it again to go on, with other logic if it stops again")]
    Stopped {
        /// What happened.
        reason: String,
    },
}

/// Why closing did not end well. The lock is free all the same.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// A sync failed: what was written since the last one may be lost in a power failure.
    #[error(
        "a sync of the buffer failed while it was closed; what was written last may not survive a power failure"
    )]
    SyncFailed,
    /// The logic did not ask for the syncs that closing needs: what was written survives the death of the process, and
    /// perhaps no power failure. Logic in order does so when it next opens the buffer and closes it.
    #[error(
        "the buffer's logic has not had all of it synced; what was written last may not survive a power failure: open \
         the buffer with other logic, and close it again"
    )]
    NotSynced,
    /// The logic or the storage had failed before.
    #[error("the buffer had stopped: {reason}")]
    Stopped {
        /// What happened.
        reason: String,
    },
}

/// Why other logic did not take over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The buffer was closed.
    #[error("the buffer is closed")]
    Closed,
    /// The new logic did not open the buffer. The former goes on as if nothing had happened.
    #[error("the new logic does not open the buffer, and the former goes on: {reason}")]
    FellBack {
        /// What happened.
        reason: String,
    },
    /// The buffer had stopped before, or the former logic failed as well.
    #[error("the buffer has stopped: {reason}; open it again to go on, with other logic if it stops again")]
    Stopped {
        /// What happened.
        reason: String,
    },
}
