//! What a component exports, as a trait: the logic of a buffer, be it [`Buffer`](crate::Buffer) or your own.

use forebay_types::{BatchId, BufferError, Options, RecordId, Ticket, WriteOutcome};

use crate::storage::Storage;

/// The logic of one open buffer. `wit/buffer.wit` documents its functions, one to one.
///
/// Logic that is built around a [`Buffer`](crate::Buffer) passes most calls on to it: `examples/custom-policy` does.
pub trait Logic: Sized {
    /// Opens the buffer.
    fn open(storage: &mut impl Storage, options: &Options) -> Result<Self, BufferError>;

    /// Places as many of the records as there is room for. Each is its event count << 32 | its frame's length in bytes.
    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError>;

    /// Says how many of the next records may be delivered now, at most `max_records`.
    fn read(
        &mut self,
        storage: &mut impl Storage,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<u32, BufferError>;

    /// Every event through this id is acknowledged or lost.
    fn acknowledge(&mut self, storage: &mut impl Storage, through: RecordId) -> Result<(), BufferError>;

    /// Time passes. Gives the time at which the next tick is wanted, `u64::MAX` if none is.
    fn tick(&mut self, storage: &mut impl Storage, now_ns: u64) -> Result<u64, BufferError>;

    /// Requests syncs that make every record that was accepted until now durable.
    fn flush(&mut self, storage: &mut impl Storage) -> Result<(), BufferError>;

    /// What this ticket covers is durable.
    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket) -> Result<(), BufferError>;

    /// No more records will be offered.
    fn close_writer(&mut self, storage: &mut impl Storage) -> Result<(), BufferError>;

    /// Figures by number: see [`status`](crate::status).
    fn status(&self) -> Vec<(u16, u64)>;
}
