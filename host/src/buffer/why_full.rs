//! What was lacking when records found no room.

use std::{fmt, sync::Arc};

use forebay_core::storage::StorageError;

use crate::guard::Guard;

/// Why a buffer had no room for records, as the host has seen it when it offered them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyFull {
    /// The buffer holds as many bytes or events as [`Options`](crate::Options) allow.
    Limits,
    /// The disk takes no more bytes or files: it is full, a quota is used up, or a file has reached the limit of the process.
    Disk,
    /// The storage failed otherwise, for example for want of file descriptors: see
    /// [`WriteError::storage`](crate::WriteError::storage).
    Storage,
    /// What a failed sync left in doubt is not safe yet.
    FailedSync,
    /// There is room by all that the host knows: the buffer's logic took no more.
    Logic,
}

impl WhyFull {
    /// Why a record was not taken that needs so much, after this error of the storage.
    pub(super) fn of(
        guard: &Guard,
        needed: forebay_core::storage::Amount,
        error: Option<&Arc<StorageError>>,
    ) -> Self {
        if guard.is_degraded() {
            Self::FailedSync
        } else if guard.lacks_room_for(needed) {
            Self::Limits
        } else if guard.is_disk_full() || matches!(error.map(|it| &**it), Some(StorageError::NoSpace { .. }))
        {
            Self::Disk
        } else if error.is_some() {
            Self::Storage
        } else {
            Self::Logic
        }
    }
}

impl fmt::Display for WhyFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limits => {
                "the buffer is full: acknowledge records, write again later, or open it with a larger maximum size"
            }
            Self::Disk => "the disk has no room for the records: make room on it, and write again",
            Self::Storage => "the storage did not take the records: write again later",
            Self::FailedSync => {
                "a sync of the buffer failed, and what it left in doubt is not safe yet: write again later"
            }
            Self::Logic => "the buffer's logic takes no records, although the buffer has room: write again later",
        })
    }
}
