//! A data file in use, and how far its syncs go.

use crate::ring::FileId;
use crate::storage::{FileEntry, RecordId};

/// How far into a data file something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Bytes from the file's start.
    pub length: u64,
    /// The id after the last record in them, or one that is not higher.
    pub next_id: RecordId,
}

/// A data file in use.
#[derive(Clone, Copy, Debug)]
pub struct DataFile {
    /// Its number.
    pub id: FileId,
    /// Its length in bytes.
    pub length: u64,
    /// The id after its last record; for a file that was there on opening, an id that is not lower.
    pub next_id: RecordId,
    /// What the syncs of its bytes that were asked for cover; `None` if none was.
    pub asked: Option<Reach>,
    /// How many bytes are known to be on the disk; `None` if no sync of it is known to have ended.
    pub durable_length: Option<u64>,
    /// A sync of it has failed: with the next one storage writes it anew, under a name whose sync is yet to come.
    pub suspect: bool,
    /// Nothing more is appended to it: a torn frame ends it that could not be cut, or storage does not write to it.
    pub sealed: bool,
    /// The change of the directory that made it: see [`Syncs`](crate::syncs::Syncs).
    pub made_by: u64,
    /// The first id behind it, once the reader has passed it.
    pub end_id: Option<RecordId>,
}

impl DataFile {
    /// A file that was just made.
    #[must_use]
    pub fn empty(id: FileId, made_by: u64) -> Self {
        Self {
            id,
            length: 0,
            next_id: RecordId(0),
            asked: None,
            durable_length: None,
            suspect: false,
            sealed: false,
            made_by,
            end_id: None,
        }
    }

    /// Takes over what storage knows of its syncs: what is durable need not be synced again, unless one has failed.
    pub fn learn(&mut self, entry: &FileEntry) {
        self.suspect = entry.suspect;
        // What is written anew may be damaged.
        self.sealed |= entry.suspect && self.length > 0;
        self.durable_length = (entry.durable_length > 0).then_some(entry.durable_length.min(self.length));
        let asked = self.durable_length.filter(|_| !self.suspect);
        self.asked = asked.map(|length| Reach { length, next_id: self.reached(length) });
    }

    /// The id after the last record in its first `length` bytes, or one that is not higher.
    #[must_use]
    pub fn reached(&self, length: u64) -> RecordId {
        if length >= self.length { self.next_id } else { RecordId(0) }
    }

    /// Whether it has bytes that no sync was asked for, or none was ever asked for.
    #[must_use]
    pub fn needs_sync(&self) -> bool {
        self.asked.is_none_or(|asked| asked.length < self.length)
    }

    /// The oldest record in it that no sync was asked for, if any such is at or above `first_unread`. Never too high, and
    /// exact where it matters: for what was written since the last request.
    #[must_use]
    pub fn oldest_unsynced(&self, first_unread: RecordId) -> Option<RecordId> {
        let asked = self.asked.map_or(RecordId(0), |asked| asked.next_id);
        (self.needs_sync() && self.next_id > first_unread).then_some(asked.max(first_unread))
    }
}
