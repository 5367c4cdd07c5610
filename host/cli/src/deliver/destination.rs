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
    /// The destination has tried, and failed. These records may be why.
    Failed {
        /// When to try again, if the destination has said so.
        after: Option<Duration>,
        reason: String,
    },
    /// There is no answer about these records: an outage, or a destination that asks for time. No record is to blame.
    Unanswered { after: Option<Duration>, reason: String },
    /// The destination refuses this content. Parts of it may be welcome.
    Refused { reason: String },
    /// The destination refuses all content, or cannot be reached: an operator has to mend something. No record is to blame.
    Hold { after: Option<Duration>, reason: String },
}

/// How soon a delivery that is under way is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A person at a terminal has asked for it.
    Interrupt,
    /// In good order.
    End,
    /// At once.
    Kill,
}

/// Takes batches, one at a time, on a thread of its own.
pub(super) trait Destination: Send + 'static {
    /// Delivers a batch, and waits for what comes of it.
    fn deliver(&mut self, parcel: Parcel) -> Outcome;

    /// Gives a way to end a delivery that is under way, from another thread. It may be called again for the same delivery. It says whether
    /// success from now on says nothing.
    fn interrupter(&self) -> Box<dyn Fn(Urgency) -> bool + Send>;
}
