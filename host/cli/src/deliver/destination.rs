//! What a batch is delivered to, and what can come of it.

use std::time::Duration;

/// A batch on its way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The records, in the framing that was chosen.
    pub(super) body: Vec<u8>,
    pub(super) records: usize,
    pub(super) first_id: u64,
    pub(super) last_id: u64,
    /// How often the records may have been delivered, this time included.
    pub(super) attempt: u32,
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The destination has all of it.
    Delivered,
    /// It failed, and may succeed later.
    Retry {
        /// When, if the destination has said so.
        after: Option<Duration>,
        reason: String,
    },
    /// The destination refuses this content. Parts of it may be welcome.
    Split { reason: String },
    /// The destination refuses all content, or cannot be reached: an operator has to mend something. No record is to blame.
    Hold { reason: String },
}

/// Takes batches, one at a time, on a thread of its own.
pub(super) trait Destination: Send + 'static {
    /// Delivers a batch, and waits for what comes of it.
    fn deliver(&mut self, parcel: Parcel) -> Outcome;

    /// Gives a way to end a delivery that is under way, from another thread.
    fn interrupter(&self) -> Box<dyn Fn() + Send>;
}
