//! What the logic needs of its host, one to one with the `storage` interface in `wit/storage.wit`, where each function's
//! guarantees are written down. The component answers it with the generated imports, tests with the host's own code.

use forebay_types::{
    BatchId, FileId, Ledger, Placed, RecordId, Released, Segment, StorageError, SyncTarget, Ticket,
};

/// A buffer directory as the logic sees it: a ledger and segments.
pub trait Storage {
    /// The ledger to go by. `NotFound` in a new directory.
    fn load_ledger(&mut self) -> Result<Ledger, StorageError>;

    /// Replaces the ledger.
    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError>;

    /// Data files from number `from` of the list on, at most `max`: the segments in reading order, then the spare, then
    /// files outside.
    fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Segment>, StorageError>;

    /// The id that the next event gets.
    fn next_id(&mut self) -> RecordId;

    /// Writes the next `count` records of the batch on offer to the end of the last segment.
    fn append(&mut self, batch: BatchId, count: u32) -> Result<Placed, StorageError>;

    /// Makes the spare, an empty file behind the last segment.
    fn prepare(&mut self) -> Result<FileId, StorageError>;

    /// The spare, or else a new file, becomes the last segment.
    fn roll(&mut self) -> Result<FileId, StorageError>;

    /// Removes the unfinished frame at the end of the last segment. Gives its length in bytes.
    fn truncate(&mut self) -> Result<u64, StorageError>;

    /// Removes segments from the front, up to and including this one.
    fn release(&mut self, through: FileId) -> Result<Released, StorageError>;

    /// Removes a file outside, or the spare. Gives its length in bytes.
    fn discard(&mut self, file: FileId) -> Result<u64, StorageError>;

    /// Requests a sync of all that was done to the target until now.
    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError>;
}
