//! Forebay: a durable, bounded, crash-safe queue of records on local disk, whose logic is a WebAssembly component that
//! can neither see a payload nor name a path.
//!
//! Start with [`Buffer`]. The layers below it point one way: [`buffer`] -> `logic`, run by [`engine`] -> `guard` ->
//! [`storage`].
//!
//! Features, all off by default:
//!
//! * `tokio`: `TokioRuntime` has a tokio runtime do a buffer's work, and `Reader::into_stream` gives a stream of records.
//! * `testing`: a buffer on a simulated disk, in a simulation that runs on one thread and can be repeated; the seams at which
//!   tests put in storage that fails and logic that runs natively. What is behind it may change in any version.

// The seams are private without the feature, and parts of them unused. With it, as in this workspace, all is checked.
#![cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub, clippy::struct_field_names))]

mod brake;
pub mod buffer;
mod descriptors;
pub mod engine;
#[cfg(not(feature = "testing"))]
mod guard;
#[cfg(feature = "testing")]
pub mod guard;
#[cfg(not(feature = "testing"))]
mod logic;
#[cfg(feature = "testing")]
pub mod logic;
mod panics;
mod parking;
pub mod storage;
mod thread_limit;
mod threads;

pub use brake::Brake;
#[cfg(feature = "testing")]
pub use buffer::Simulation;
pub use buffer::{
    Buffer, Builder, CloseError, DrainReport, Durability, Job, Locked, OpenError, Options, OptionsError,
    Pending, ReadError, Reader, Receipt, Record, ReplaceError, Runtime, SetAsideError, Status, SyncLatency,
    WhenFull, WhyFull, WriteError, WriteErrorKind, Writer,
};
#[cfg(feature = "tokio")]
pub use buffer::{Records, TokioRuntime};
/// The payloads of records are of this crate's type.
pub use bytes;
pub use engine::{Component, ComponentError, Limits};
pub use forebay_core::{NewRecord, RecordId};
pub use guard::{Breach, Loss, OpenReport, Place, Refusal};
pub use logic::CallError;
pub use storage::{Amount, Usage};
pub use thread_limit::explain as explain_missing_threads;
