//! The name of a record.

use std::fmt;

/// Names an event. The first event of a buffer is 1, and ids only rise. A record of n events takes n ids in a row and is
/// named by the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(
    /// The id as it stands in a frame.
    pub u64,
);

impl RecordId {
    /// The id that comes so many events later. Stays at the highest id rather than going round: ids never start anew.
    #[must_use]
    pub const fn after(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
