//! Forebay: a durable, bounded, crash-safe queue of records on local disk, whose logic is a WebAssembly component that
//! can neither see a payload nor name a path.
//!
//! Start with [`Buffer`]. The layers below it point one way: [`buffer`] -> [`logic`], run by [`engine`] -> [`guard`] ->
//! [`storage`].

pub mod buffer;
pub mod engine;
pub mod guard;
pub mod logic;
mod panics;
pub mod record;
pub mod storage;
mod threads;
mod throttle;

pub use buffer::{
    Buffer, Builder, CloseError, DrainReport, Durability, Locked, OpenError, Options, OptionsError, Pending,
    ReadError, Reader, Receipt, Record, ReplaceError, Simulation, Status, WhenFull, WriteError,
    WriteErrorKind, Writer,
};
#[cfg(feature = "tokio")]
pub use buffer::{Records, TokioRuntime};
pub use engine::{Component, ComponentError, Limits};
pub use forebay_frame::RecordId;
pub use guard::{Loss, Place, Refusal};
pub use logic::OpenReport;
pub use record::NewRecord;
pub use storage::{Amount, Usage};
