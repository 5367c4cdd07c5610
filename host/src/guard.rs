//! The host's side of a buffer, as its logic sees it: see `forebay-core`.

#[cfg(feature = "testing")]
pub use forebay_core::{
    BatchId, LossCount, Ticket,
    clock::{Clock, StoppedClock},
    guard::{GuardError, SyncRunner},
};
pub use forebay_core::{
    Breach, Loss, MemoryBlock, Place, Placement, ReadRecord, Refusal,
    guard::{Gone, Guard, Oldest, OpenReport, Rescue},
};
