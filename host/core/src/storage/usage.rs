//! What has gone through a buffer. Numbers only rise, and never wrap: what would be a number below zero is a fault that tests
//! see and that others find as zero.

use serde::Serialize;

/// Events, and the length of their frames in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Amount {
    /// How many events.
    pub events: u64,
    /// The length of their frames, in bytes.
    pub bytes: u64,
}

impl Amount {
    /// So many events in frames of this length together.
    pub fn new(events: u64, bytes: u64) -> Self {
        Self { events, bytes }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// What is left of it without the other, which is not more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        debug_assert!(self.events >= other.events && self.bytes >= other.bytes, "{self:?} less {other:?}");
        Self {
            events: self.events.saturating_sub(other.events),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What a buffer took in, and what became of it. What was received and is neither sent, dropped nor lost, waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Written into the buffer.
    pub received: Amount,
    /// Acknowledged: by its consumer, or because no consumer could handle it and it is safe in the dead-letter file. That is
    /// neither dropped nor lost: it left the buffer whole, and `Status::dead_letters` says of
    /// how many records it is so.
    pub sent: Amount,
    /// Dropped on purpose, to make room.
    pub dropped: Amount,
    /// Sent or dropped: Forebay could not note which, because the process died or `buffer.forebay` could not be written. Only with
    /// `drop-oldest` or `--retain`. The bytes may be too few: no note tells them.
    pub sent_or_dropped: Amount,
    /// Lost without anybody wanting it: events that no file holds, and the bytes of damage that was passed over.
    pub lost: Amount,
    /// Handed back to their writers because there was no room. They were never received.
    pub rejected: Amount,
}

impl Usage {
    /// What came in and has not gone.
    #[must_use]
    pub fn waiting(&self) -> Amount {
        self.received.minus(self.gone())
    }

    /// What came in and has gone, whichever way.
    #[must_use]
    pub fn gone(&self) -> Amount {
        self.sent.plus(self.dropped).plus(self.sent_or_dropped).plus(self.lost)
    }

    /// What has been counted since an earlier state.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            received: self.received.minus(earlier.received),
            sent: self.sent.minus(earlier.sent),
            dropped: self.dropped.minus(earlier.dropped),
            sent_or_dropped: self.sent_or_dropped.minus(earlier.sent_or_dropped),
            lost: self.lost.minus(earlier.lost),
            rejected: self.rejected.minus(earlier.rejected),
        }
    }
}
