//! What can go wrong with a buffer, by operation.

use forebay_frame::RecordId;
use thiserror::Error;

use super::options::OptionsError;
use crate::{
    engine::ComponentError,
    logic::{CallError, LogicError},
    record::NewRecord,
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
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The component that was to run cannot.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The logic did not open the buffer.
    #[error("the buffer could not be opened: {0}")]
    Logic(CallError),
}

/// The reason is in the message, and so not a source besides: it would be said twice.
impl From<CallError> for OpenError {
    fn from(error: CallError) -> Self {
        Self::Logic(error)
    }
}

/// Why records were not written. Records that had been placed before stay written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
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
        /// The batch, unchanged.
        records: Vec<NewRecord>,
    },
    /// The buffer was closed, in whole or for writing.
    #[error("the buffer is closed")]
    Closed,
    /// The buffer was closed while a failed sync was not made up for: what was written since the last one may be lost in a
    /// power failure.
    #[error(
        "a sync of the buffer failed, and the disk had not recovered when it was closed; the records survive the death of \
         the process only: look for what the kernel says of the disk"
    )]
    SyncFailed,
    /// A sync failed, and of what it was to write the disk gives back something else: from event `first` up to, not
    /// including, `next` it is lost. Other records of the batch may be, and those that are not are safe.
    #[error(
        "a sync of the buffer failed, and what was written as events {} to {} cannot be read any more; write it again, and \
         look for what the kernel says of the disk",
        first.0,
        next.0.saturating_sub(1)
    )]
    Vanished {
        /// The first event that is lost.
        first: RecordId,
        /// The one behind the last that is lost with it.
        next: RecordId,
    },
    /// The storage failed this time. Nothing else has changed: it may be tried again.
    #[error(
        "not all of the records were written: {reason}; look into the log, and at what the kernel says of the disk, and \
         try again"
    )]
    Refused {
        /// What happened.
        reason: String,
    },
    /// The logic or the storage failed.
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
    #[error(
        "no records were read: {reason}; look into the log, and at what the kernel says of the disk, and try again"
    )]
    Refused {
        /// What happened.
        reason: String,
    },
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

/// Why a buffer goes on no more.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Closed,
    SyncFailed,
    NotSynced,
    Failed(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "it is closed",
            Self::SyncFailed => "a sync failed",
            Self::NotSynced => "not all of it was synced",
            Self::Failed(reason) => reason,
        })
    }
}

/// Why one call was not carried out.
#[derive(Clone, Debug)]
pub(super) enum Unable {
    /// Nor will any other be.
    Stopped(Stop),
    /// A sync has failed, and what it was to make durable is not safe again yet.
    Degraded,
    /// It may be tried again.
    Refused(String),
}

impl From<Stop> for Unable {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<&CallError> for Unable {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Refused(LogicError::Closed) => Self::Stopped(Stop::Closed),
            CallError::Refused(LogicError::Degraded) => Self::Degraded,
            CallError::Refused(error) => Self::Refused(format!("the buffer's logic gave {error}")),
            CallError::Failed { .. } => Self::Stopped(Stop::Failed(error.to_string())),
        }
    }
}

impl From<Unable> for WriteError {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Closed) => Self::Closed,
            Unable::Stopped(Stop::SyncFailed | Stop::NotSynced) | Unable::Degraded => Self::SyncFailed,
            Unable::Stopped(Stop::Failed(reason)) => Self::Stopped { reason },
            Unable::Refused(reason) => Self::Refused { reason },
        }
    }
}

impl From<Unable> for ReadError {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Closed) => Self::Closed,
            Unable::Stopped(Stop::SyncFailed | Stop::NotSynced) | Unable::Degraded => {
                Self::Refused { reason: "a sync failed".to_owned() }
            }
            Unable::Stopped(Stop::Failed(reason)) => Self::Stopped { reason },
            Unable::Refused(reason) => Self::Refused { reason },
        }
    }
}

impl From<Unable> for ReplaceError {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Failed(reason)) | Unable::Refused(reason) => Self::Stopped { reason },
            Unable::Stopped(Stop::SyncFailed | Stop::NotSynced | Stop::Closed) | Unable::Degraded => {
                Self::Closed
            }
        }
    }
}

impl From<Stop> for CloseError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed => Self::Stopped { reason: "it was closed already".to_owned() },
            Stop::SyncFailed => Self::SyncFailed,
            Stop::NotSynced => Self::NotSynced,
            Stop::Failed(reason) => Self::Stopped { reason },
        }
    }
}
