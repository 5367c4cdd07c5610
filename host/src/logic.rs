//! The seam between the buffer's API and the logic that it runs: the exports of `wit/buffer.wit`, in Rust.
//!
//! [`engine`](crate::engine) implements it with the WebAssembly component. Tests implement it natively, so that the same
//! host code is run at full speed and under thousands of schedules.

use std::{fmt, io, sync::Arc};

use forebay_types::{BatchId, BufferError, RecordId, Refusal, StorageError, Ticket};
pub use forebay_types::{Options as LogicOptions, WhenFull};
use thiserror::Error;

use crate::{
    descriptors::in_words,
    guard::{Guard, Rescue},
    panics::caught,
    storage,
};

/// Why a call of the logic gave no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The logic answered with an error of its own. The instance is still usable.
    #[error("the buffer's logic refused: {}", Words(*.0))]
    Refused(BufferError),
    /// The logic passed on an error of its storage. The instance is still usable.
    #[error("{0}")]
    Storage(Arc<storage::StorageError>),
    /// The call trapped, ran out of time, or answered against the contract. The instance must not be called again.
    #[error("the buffer's logic failed: {reason}")]
    Failed {
        /// What went wrong, made safe to print.
        reason: String,
    },
}

/// The error is in the message, and so not a source besides: it would be said twice.
impl From<BufferError> for CallError {
    fn from(error: BufferError) -> Self {
        Self::Refused(error)
    }
}

impl CallError {
    /// Whether the instance must not be called again.
    pub fn ends_instance(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// The panic of an embedder's logic.
    pub(crate) fn panicked(text: &str) -> Self {
        Self::Failed { reason: format!("it has panicked: {text}") }
    }
}

/// Calls an instance. Where it passes on the code of a storage error, the error itself takes the place of the code.
pub(crate) fn call_logic<T>(
    logic: &mut (dyn Logic + 'static),
    call: impl FnOnce(&mut (dyn Logic + 'static)) -> Result<T, CallError>,
) -> Result<T, CallError> {
    logic.guard().begin_call();
    call(logic).map_err(|error| match error {
        CallError::Refused(code) => logic.guard().cause_of(code).map_or(error, CallError::Storage),
        error => error,
    })
}

/// An error of the logic, in words.
struct Words(BufferError);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BufferError::Storage(errno) => match i32::try_from(errno).ok().filter(|errno| *errno > 0) {
                Some(errno) => {
                    let error = in_words(&io::Error::from_raw_os_error(errno));
                    write!(f, "it says that its storage failed, of which the host knows nothing: {error}")
                }
                None => write!(
                    f,
                    "it says that its storage failed, of which the host knows nothing: unknown error {errno}"
                ),
            },
            BufferError::Refused(number) => match Refusal::from_number(number) {
                Some(refusal) => write!(f, "it broke rule {number} of its contract: {refusal}"),
                None => write!(f, "{}", StorageError::Refused(number)),
            },
            error => error.fmt(f),
        }
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

/// Makes logic over a guard by code that may panic. A panic counts as logic that could not be made: the guard, which is
/// between calls, comes back. A later panic, in the logic, puts the guard into `rescue`.
pub(crate) fn make_rescued(
    guard: Guard,
    rescue: &Rescue,
    make: impl FnOnce(Guard) -> Result<Box<dyn Logic>, Box<NotMade>>,
) -> Result<Box<dyn Logic>, Box<NotMade>> {
    let guard = guard.rescued_to(rescue);
    caught(|| make(guard)).unwrap_or_else(|text| {
        let error =
            CallError::Failed { reason: format!("the code that makes the logic has panicked: {text}") };
        Err(Box::new(NotMade { guard: rescue.take(), error }))
    })
}

/// One instance of a buffer's logic, with the storage that it works on. Every method but `guard`, `into_guard` and
/// `status` is documented in `wit/buffer.wit`.
///
/// A panic in any of them ends the buffer: it has stopped, and every waiting and later call says why. A panic may have left
/// anything half done, in the guard as well, so no fresh instance takes over as after a failure.
pub trait Logic: Send {
    /// The host's side of the storage, between calls.
    fn guard(&mut self) -> &mut Guard;
    /// Ends the instance, whatever state it is in. The guard is left for the next one.
    fn into_guard(self: Box<Self>) -> Guard;
    /// Opens the buffer.
    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError>;
    /// Offers the sizes of the batch that the guard holds. The guard tells how many were taken.
    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError>;
    /// Says how many of the next records may be delivered now.
    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError>;
    /// Every event through this id is acknowledged or lost.
    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError>;
    /// Time passes; gives the time of the next tick.
    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError>;
    /// Requests the syncs that make everything durable.
    fn flush(&mut self) -> Result<(), CallError>;
    /// What this ticket covers is durable.
    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError>;
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
    fn an_error_of_the_logic_is_told_in_words() {
        let text = |error| CallError::Refused(error).to_string();
        assert!(text(BufferError::Storage(28)).contains("No space left on device"));
        assert!(text(BufferError::Storage(5)).contains("Input/output error"));
        assert!(text(BufferError::Refused(5)).contains("rule 5 of its contract"));
        assert!(text(BufferError::Storage(u32::MAX)).contains("unknown error"));
        // A component that makes up a number would have the operator look at a disk that is fine.
        for number in [5, 28, 0, u32::MAX] {
            assert!(
                text(BufferError::Storage(number)).contains("of which the host knows nothing"),
                "{number}"
            );
        }
    }
}
