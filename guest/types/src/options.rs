//! How a buffer is to behave.

/// What happens to records for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The host offers them again later.
    #[default]
    Block,
    /// The host returns them to their writer.
    Reject,
    /// The oldest data files are dropped, with all that is in them, until there is room.
    DropOldest,
}

/// The options that a buffer is opened with. Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The most that all data files may hold together, acknowledged or not.
    pub max_bytes: u64,
    /// The length that a data file does not pass, unless its first record alone is longer.
    pub file_bytes: u64,
    /// The most events that may wait unacknowledged; 0 for no limit.
    pub max_events: u64,
    /// What happens when there is no room.
    pub when_full: WhenFull,
    /// The component takes the place of one that ran under this lock.
    pub takes_over: bool,
    /// No unacknowledged record stays unsynced for longer than two of these. 0 syncs at every tick.
    pub sync_interval_ms: u32,
    /// The time of opening, in nanoseconds from any fixed start.
    pub now_ns: u64,
    /// Further options by number. A component ignores the numbers that it does not know.
    pub more: Vec<(u16, u64)>,
}

impl Options {
    /// The number in [`more`](Self::more) under which the host tells how many events the operator retains.
    pub const RETAIN_NEWEST: u16 = 1;

    /// How many of the newest events stay at least. Segments behind which so many wait may be dropped, also where there is
    /// room. `None`: the operator did not choose that.
    #[must_use]
    pub fn retained_events(&self) -> Option<u64> {
        let is_it = |(number, value): &(u16, u64)| (*number == Self::RETAIN_NEWEST).then_some(*value);
        self.more.iter().find_map(is_it)
    }

    /// The time between two ticks in nanoseconds; at least 1 ms, so that no interval spins.
    #[must_use]
    pub fn tick_ns(&self) -> u64 {
        u64::from(self.sync_interval_ms.max(1)).saturating_mul(1_000_000)
    }
}
