//! The plain data that a buffer's logic and its host share: the types of the contract in `wit/`, and their arithmetic.
//!
//! Both sides use these types directly, so each of them is written once. There are no functions of the contract here,
//! and no dependencies.

#![forbid(unsafe_code)]

mod error;
mod file_id;
mod ids;
mod ledger;
mod options;
mod refusal;
mod segment;

pub use error::{BufferError, OTHER_BREACH, OTHER_FENCED, StorageError, errno};
pub use file_id::FileId;
pub use ids::{BatchId, RecordId, Ticket};
pub use ledger::Ledger;
pub use options::{Options, WhenFull};
pub use refusal::Refusal;
pub use segment::{Placed, Released, Segment, SegmentEnd, SegmentPlace, SyncTarget, WriteOutcome};
