//! The logic of a Forebay buffer: which data file, when to roll, when the buffer is full, what to read next, what to make
//! of damage, when a file may go, and what must be synced before what.
//!
//! It sees no payload and no path, has no clock, no threads and no randomness, and never waits: everything that it knows
//! of the world comes through [`Storage`] and the arguments of its functions, so that every run can be repeated. The same
//! code is compiled to the component that ships, and natively for tests.
//!
//! [`Logic`] is what a component exports, and [`Buffer`] the one that ships. Logic of one's own is built round a `Buffer`,
//! or put together from its parts: [`Directory`] (the ledger, the files in use and their syncs), [`Writer`], [`Reader`] and
//! [`Acks`].

#![forbid(unsafe_code)]

pub mod acks;
pub mod buffer;
pub mod data_file;
pub mod directory;
pub mod dropping;
pub mod error;
pub mod fitting;
pub mod leaving;
pub mod ledger;
pub mod logic;
pub mod losses;
pub mod mending;
pub mod options;
pub mod reader;
pub mod recovery;
pub mod ring;
pub mod seek;
pub mod status;
pub mod storage;
pub mod survey;
pub mod syncs;
pub mod window;
pub mod writer;

pub use acks::Acks;
pub use buffer::Buffer;
pub use directory::Directory;
pub use error::BufferError;
pub use logic::Logic;
pub use losses::Losses;
pub use options::{Options, WhenFull};
pub use reader::{Reader, Run};
pub use recovery::OpenReport;
pub use ring::FileId;
pub use storage::{
    BatchId, FileEntry, Ledger, Mark, Placed, RecordId, ScanLimits, Scanned, Span, SpanState, Storage,
    StorageError, SyncTarget, Ticket,
};
pub use syncs::Syncs;
pub use window::{DataFile, Window};
pub use writer::{WriteOutcome, Writer};
