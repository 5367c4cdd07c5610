//! Time, handed in: this crate reads no clock of its own, so that it runs where there is none.

use std::fmt;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Nanoseconds from any fixed start. Never goes back.
    fn now_ns(&self) -> u64;

    /// Seconds since 1970.
    fn unix_seconds(&self) -> u64;
}

/// A clock that stands still, for tests and for tools that only look.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoppedClock {
    /// What it says, in seconds since 1970.
    pub unix_seconds: u64,
}

impl Clock for StoppedClock {
    fn now_ns(&self) -> u64 {
        self.unix_seconds.saturating_mul(1_000_000_000)
    }

    fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }
}
