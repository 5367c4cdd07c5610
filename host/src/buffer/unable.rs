//! Why a buffer, or one call, goes on no more, and what its callers are told of that.

use std::{fmt, sync::Arc};

use forebay_types::BufferError;

use super::error::{CloseError, ReadError, ReplaceError, WriteErrorKind};
use crate::{logic::CallError, storage::StorageError};

/// Why a buffer goes on no more.
#[derive(Clone, Debug)]
pub(in crate::buffer) enum Stop {
    Closed,
    SyncFailed,
    NotSynced,
    Failed(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "it is closed",
            Self::SyncFailed => "a sync failed",
            Self::NotSynced => "its logic has not had all of it synced",
            Self::Failed(reason) => reason,
        })
    }
}

/// Why one call was not carried out.
#[derive(Clone, Debug)]
pub(in crate::buffer) enum Unable {
    /// Nor will any other be.
    Stopped(Stop),
    /// It may be tried again.
    Refused(Refused),
    /// The file system makes nothing durable.
    CannotSync(String),
}

/// Why a call may be tried again.
#[derive(Clone, Debug)]
pub(in crate::buffer) struct Refused {
    reason: String,
    storage: Option<Arc<StorageError>>,
}

impl From<Arc<StorageError>> for Refused {
    fn from(error: Arc<StorageError>) -> Self {
        Self { reason: error.to_string(), storage: Some(error) }
    }
}

impl Unable {
    /// The error of the storage behind it.
    pub(super) fn storage(&self) -> Option<Arc<StorageError>> {
        match self {
            Self::Stopped(_) | Self::CannotSync(_) => None,
            Self::Refused(refused) => refused.storage.clone(),
        }
    }
}

impl From<Stop> for Unable {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// A data file that cannot be read now: the next call tries again.
impl From<StorageError> for Unable {
    fn from(error: StorageError) -> Self {
        Self::Refused(Arc::new(error).into())
    }
}

impl From<&CallError> for Unable {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Refused(BufferError::Closed) => Self::Stopped(Stop::Closed),
            CallError::Refused(_) => Self::Refused(Refused { reason: error.to_string(), storage: None }),
            CallError::Storage(error) => Self::Refused(Arc::clone(error).into()),
            CallError::Failed { .. } => Self::Stopped(Stop::Failed(error.to_string())),
        }
    }
}

impl From<Unable> for WriteErrorKind {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Closed) => Self::Closed,
            Unable::Stopped(Stop::SyncFailed) => Self::SyncFailed,
            Unable::Stopped(Stop::NotSynced) => Self::NotSynced,
            Unable::Stopped(Stop::Failed(reason)) => Self::Stopped { reason },
            Unable::Refused(Refused { reason, .. }) => Self::Refused { reason },
            Unable::CannotSync(reason) => Self::CannotSync { reason },
        }
    }
}

impl From<Unable> for ReadError {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Closed) => Self::Closed,
            Unable::Stopped(stop @ (Stop::SyncFailed | Stop::NotSynced)) => {
                Self::Refused { reason: stop.to_string(), storage: None }
            }
            Unable::Stopped(Stop::Failed(reason)) => Self::Stopped { reason },
            Unable::Refused(Refused { reason, storage }) => Self::Refused { reason, storage },
            Unable::CannotSync(reason) => Self::Refused { reason, storage: None },
        }
    }
}

impl From<Unable> for ReplaceError {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Stopped(Stop::Failed(reason))
            | Unable::Refused(Refused { reason, .. })
            | Unable::CannotSync(reason) => Self::Stopped { reason },
            Unable::Stopped(Stop::SyncFailed | Stop::NotSynced | Stop::Closed) => Self::Closed,
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
