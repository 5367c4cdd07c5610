//! How a buffer is to behave.

use crate::storage::RecordId;

/// What is done with records for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The host offers them again later.
    #[default]
    Block,
    /// The host hands them back.
    Reject,
    /// The oldest data files are dropped until there is room.
    DropOldest,
}

/// The settings that a buffer is opened with. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most that all data files together may hold, acknowledged or not.
    pub max_bytes: u64,
    /// The length that a data file does not pass, unless its first record alone is longer.
    pub file_bytes: u64,
    /// The most events that may wait unacknowledged; 0 for no limit.
    pub max_events: u64,
    /// What is done when there is no room.
    pub when_full: WhenFull,
    /// What lies up to this id was given out by another instance, and is not read again.
    pub resume_after: Option<RecordId>,
    /// No unacknowledged record stays unsynced for longer than two of these. 0 syncs at every tick.
    pub sync_interval_ms: u32,
    /// The time of opening, in nanoseconds from any fixed start.
    pub now_ns: u64,
}

impl Options {
    /// The time between two ticks in nanoseconds; at least 1 ms, so that nobody spins.
    #[must_use]
    pub fn tick_ns(&self) -> u64 {
        u64::from(self.sync_interval_ms.max(1)).saturating_mul(1_000_000)
    }
}
