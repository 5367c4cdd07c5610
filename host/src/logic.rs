//! The seam between the buffer's API and whatever runs its logic: the exports of `wit/buffer.wit`, in Rust.
//!
//! [`engine`](crate::engine) implements it with the WebAssembly component. Tests implement it natively, so that the same
//! host code is run at full speed and under thousands of schedules.

use std::{fmt, io};

use forebay_frame::RecordId;
use thiserror::Error;

use crate::{
    guard::{Guard, Refusal, Ticket},
    storage::FileId,
};

/// What happens to records that do not fit: `buffer.when-full` of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// They wait until there is room.
    #[default]
    Block,
    /// They are handed back to the caller.
    Reject,
    /// They wait until the oldest data files have been dropped, with all that is in them.
    DropOldest,
}

/// How a buffer's logic is to behave: `buffer.options` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogicOptions {
    /// The most that all data files together may hold, in bytes.
    pub max_bytes: u64,
    /// The length at which a data file is left for the next one, in bytes.
    pub file_bytes: u64,
    /// The most events that may wait unacknowledged; 0 for no limit.
    pub max_events: u64,
    /// What is done when there is no room.
    pub when_full: WhenFull,
    /// What lies up to this id was given out under this lock, and is not read again.
    pub resume_after: Option<RecordId>,
    /// No unacknowledged record stays unsynced for longer than two of these, in milliseconds.
    pub sync_interval_ms: u32,
    /// The time now, in nanoseconds from any fixed start.
    pub now_ns: u64,
}

/// What the logic found on opening: `buffer.open-report` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// The first event that is not acknowledged.
    pub first_unread: RecordId,
    /// The id that the next event gets.
    pub next_id: RecordId,
    /// Events between the two, lost ones among them.
    pub events: u64,
    /// Bytes in all data files.
    pub bytes: u64,
    /// Events known to be lost: the ledger counted them, and no file holds them. The only figure that is the logic's own
    /// word; [`Status::lost_events`](crate::Status::lost_events) is the host's.
    pub lost_events: u64,
    /// Bytes cut from the end of the last file: the rest of a write that did not end.
    pub cut_bytes: u64,
}

impl OpenReport {
    /// A report from its figures, in the order of the fields.
    pub fn new(
        first_unread: RecordId,
        next_id: RecordId,
        events: u64,
        bytes: u64,
        lost_events: u64,
        cut_bytes: u64,
    ) -> Self {
        Self { first_unread, next_id, events, bytes, lost_events, cut_bytes }
    }
}

/// Whole records that follow each other in one data file: `types.run` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The file that holds them.
    pub file: FileId,
    /// Where the first one's frame starts, in bytes.
    pub offset: u64,
    /// The length of all their frames, in bytes.
    pub bytes: u64,
    /// The first one's id.
    pub first_id: RecordId,
    /// The id after the last one's last event.
    pub next_id: RecordId,
    /// How many records they are.
    pub records: u32,
}

/// Why a call of the logic gave no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The logic answered with an error of its own. It is still in order.
    #[error("the buffer's logic refused: {0}")]
    Refused(LogicError),
    /// The call trapped, ran out of time, or answered against the contract. The instance must not be called again.
    #[error("the buffer's logic failed: {reason}")]
    Failed {
        /// What went wrong, made safe to print.
        reason: String,
    },
}

/// The error is in the message, and so not a source besides: it would be said twice.
impl From<LogicError> for CallError {
    fn from(error: LogicError) -> Self {
        Self::Refused(error)
    }
}

impl CallError {
    /// `other(2)` of the contract: the logic's idea of a length or of the next id is not the host's.
    const CONFLICT: LogicError = LogicError::Other(2);

    /// Whether the instance is of no use any more: it failed, or says that the buffer is to be opened anew.
    pub fn ends_instance(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Refused(Self::CONFLICT))
    }
}

/// `buffer.error` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogicError {
    /// Not open, or closed for writing.
    #[error("the buffer is closed")]
    Closed,
    /// A sync has failed; nothing more is accepted until what it left in doubt is safe again.
    #[error("a sync has failed, and is being made up for")]
    Degraded,
    /// The storage failed, with this errno or refusal.
    #[error("an error of its storage: {}", StorageNumber(*.0))]
    Storage(u32),
    /// Anything else.
    #[error("error {0} of its own")]
    Other(u32),
}

/// The number of a storage error, in words.
struct StorageNumber(u32);

impl fmt::Display for StorageNumber {
    /// The contract gives one number for an error of the operating system and for a rule that was broken. Up to the last rule
    /// both are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0;
        match i32::try_from(number).ok().filter(|errno| *errno > 0) {
            Some(errno) => write!(f, "{}", io::Error::from_raw_os_error(errno))?,
            None => write!(f, "unknown error {number}")?,
        }
        if (1..=Refusal::LAST_CODE).contains(&number) {
            write!(f, ", unless it broke rule {number} of its contract")?;
        }
        Ok(())
    }
}

/// An instance that could not be made. The guard comes back, so that the directory stays held.
#[derive(Debug)]
pub struct NotMade {
    /// What it was to be made over.
    pub guard: Guard,
    /// Why there is none.
    pub error: CallError,
}

/// Makes instances of a buffer's logic over its guard: one for each opening, and a fresh one when an instance has failed.
pub type MakeLogic = Box<dyn FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send>;

/// One instance of a buffer's logic, with the storage that it works on. Every method but `guard`, `into_guard` and
/// `status` is documented in `wit/buffer.wit`.
///
/// A panic in any of them ends the buffer: it has stopped, and says why to whoever waits or asks. A panic may have left anything
/// half done, in the guard as well, so no fresh instance takes over as after a failure.
pub trait Logic: Send {
    /// The host's side of the storage, between calls.
    fn guard(&mut self) -> &mut Guard;
    /// Ends the instance, whatever state it is in. The guard is left for the next one.
    fn into_guard(self: Box<Self>) -> Guard;
    /// Opens the buffer.
    fn open(&mut self, options: &LogicOptions) -> Result<OpenReport, CallError>;
    /// Offers the sizes of the batch that the guard holds; how many were taken is the guard's to say.
    fn write(&mut self, batch: u64, records: &[u64]) -> Result<(), CallError>;
    /// Gives the next records.
    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<Vec<Run>, CallError>;
    /// All events up to and including this one are done with.
    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError>;
    /// Time passes; gives the time of the next tick.
    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError>;
    /// Asks for the syncs that make everything durable.
    fn flush(&mut self) -> Result<(), CallError>;
    /// A sync ended.
    fn synced(&mut self, ticket: Ticket, ok: bool) -> Result<(), CallError>;
    /// No more records will be offered.
    fn close_writer(&mut self) -> Result<(), CallError>;
    /// Figures by number.
    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number sends people to a search engine, and to the wrong table.
    #[test]
    fn a_storage_error_is_told_in_words() {
        let full = LogicError::Storage(28).to_string();
        assert!(full.contains("No space left on device") && !full.contains("rule"), "{full}");
        let either = LogicError::Storage(5).to_string();
        assert!(either.contains("Input/output error") && either.contains("rule 5"), "{either}");
        assert!(LogicError::Storage(u32::MAX).to_string().contains("unknown error"));
    }
}
