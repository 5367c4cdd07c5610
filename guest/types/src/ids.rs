//! Names of events, batches and sync requests.

use std::fmt;

/// Names an event. The first event of a buffer is 1, and ids only rise. A record of n events takes n ids in a row, and
/// its first id names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(
    /// The id as it stands in a frame.
    pub u64,
);

impl RecordId {
    /// The id of a buffer's first event.
    pub const FIRST: Self = Self(1);

    /// The id that comes so many events later. Stops at the highest id: ids never wrap.
    #[must_use]
    pub const fn after(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }

    /// The id directly before this one; 0 for 0.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many events lie from `earlier` up to, not including, this id; 0 if `earlier` is higher.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names the payloads that the host holds while one `write` lasts. Never used twice under one lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Names one request for a sync. Tickets rise in the order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
