//! The syncs that were requested and have not ended.

use std::collections::VecDeque;

use forebay_types::{FileId, RecordId, StorageError, SyncTarget, Ticket};

use crate::storage::Storage;

/// What a sync makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// So many bytes of the file at this position.
    Data(u64, FileId, u64),
    /// The directory up to this change.
    Directory(u64),
    /// A ledger with this first unacknowledged event, whose reader stands at this position.
    Ledger(RecordId, u64),
}

/// Requested syncs. The directory's changes are numbered from 1: the first stands for all that was there on opening.
///
/// Storage may have no room for a request. That is not an error: the next tick or flush requests the sync again.
#[derive(Clone, Debug)]
pub struct Syncs {
    outstanding: VecDeque<(Ticket, Covered)>,
    directory_changes: u64,
    directory_requested: u64,
    directory_durable: u64,
}

impl Default for Syncs {
    fn default() -> Self {
        Self {
            outstanding: VecDeque::new(),
            directory_changes: 1,
            directory_requested: 0,
            directory_durable: 0,
        }
    }
}

impl Syncs {
    /// A file was made or removed. Gives the change's number.
    pub fn directory_changed(&mut self) -> u64 {
        self.directory_changes = self.directory_changes.saturating_add(1);
        self.directory_changes
    }

    /// Whether no sync was requested that covers the directory's last change.
    #[must_use]
    pub fn directory_needs_sync(&self) -> bool {
        self.directory_requested < self.directory_changes
    }

    /// Whether this change of the directory is durable.
    #[must_use]
    pub fn is_change_durable(&self, change: u64) -> bool {
        change <= self.directory_durable
    }

    /// Requests a sync of the directory, unless one was requested that covers its last change.
    pub fn request_directory(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let covered = Covered::Directory(self.directory_changes);
        if self.directory_needs_sync() && self.request(storage, SyncTarget::Directory, covered)? {
            self.directory_requested = self.directory_changes;
        }
        Ok(())
    }

    /// Requests a sync. Answers whether storage had room for the request.
    pub fn request(
        &mut self,
        storage: &mut impl Storage,
        target: SyncTarget,
        covered: Covered,
    ) -> Result<bool, StorageError> {
        match storage.request_sync(target) {
            Ok(ticket) => {
                self.outstanding.push_back((ticket, covered));
                Ok(true)
            }
            Err(error) if error.passes_with_time() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A sync has ended. Gives what it has made durable; `None` if the ticket is unknown.
    pub fn ended(&mut self, ticket: Ticket) -> Option<Covered> {
        // Tickets end in the order of the requests, so that this is nearly always the first.
        let index = self.outstanding.iter().position(|(requested, _)| *requested >= ticket)?;
        let (_, covered) =
            self.outstanding.get(index).filter(|(requested, _)| *requested == ticket).copied()?;
        self.outstanding.remove(index);
        if let Covered::Directory(change) = covered {
            self.directory_durable = self.directory_durable.max(change);
        }
        Some(covered)
    }
}
