//! What a component exports, as a trait: the logic of a buffer, be it [`Buffer`](crate::Buffer) or one's own.

use crate::error::BufferError;
use crate::options::Options;
use crate::reader::Run;
use crate::recovery::OpenReport;
use crate::storage::{BatchId, RecordId, Storage, Ticket};
use crate::writer::WriteOutcome;

/// The logic of one open buffer. Its functions are documented in `wit/buffer.wit`, one to one.
///
/// Logic of one's own that is built round a [`Buffer`](crate::Buffer) answers most of them with the buffer's: `examples/custom-policy`
/// does.
pub trait Logic: Sized {
    /// Opens the buffer.
    fn open(storage: &mut impl Storage, options: &Options) -> Result<(Self, OpenReport), BufferError>;

    /// Places as many of the records as there is room for. Each is its event count << 32 | its frame's length.
    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError>;

    /// Gives the next records that were not yet read, at most so many and, from the second on, so many bytes.
    fn read(
        &mut self,
        storage: &mut impl Storage,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<Vec<Run>, BufferError>;

    /// All events up to and including this one are done with.
    fn acknowledge(&mut self, storage: &mut impl Storage, through: RecordId) -> Result<(), BufferError>;

    /// Time passes. Gives the time at which the next tick is wanted, the highest number if none is.
    fn tick(&mut self, storage: &mut impl Storage, now_ns: u64) -> Result<u64, BufferError>;

    /// Asks for syncs that make every record that was accepted until now durable.
    fn flush(&mut self, storage: &mut impl Storage) -> Result<(), BufferError>;

    /// The sync with this ticket ended, well or not.
    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket, ok: bool) -> Result<(), BufferError>;

    /// No more records will be offered.
    fn close_writer(&mut self, storage: &mut impl Storage) -> Result<(), BufferError>;

    /// Figures by number: see [`status`](crate::status).
    fn status(&self) -> Vec<(u16, u64)>;
}
