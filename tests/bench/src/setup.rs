//! How much is measured.

use std::time::Duration;

/// The size of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Only what the tables of limits need, with less of everything.
    pub(crate) quick: bool,
    /// How often each contender is measured.
    pub(crate) rounds: usize,
    /// About how long one measurement takes.
    pub(crate) time: Duration,
    /// The most that one measurement writes.
    pub(crate) bytes: usize,
}

impl Setup {
    pub(crate) fn new(quick: bool, rounds: Option<usize>) -> Self {
        if quick {
            let time = Duration::from_millis(40);
            return Self { quick, rounds: rounds.unwrap_or(5), time, bytes: 128 << 20 };
        }
        Self { quick, rounds: rounds.unwrap_or(5), time: Duration::from_millis(100), bytes: 512 << 20 }
    }

    /// As this, with measurements that take four times as long: where the last sync is to count for little.
    pub(crate) fn longer(self) -> Self {
        Self { time: self.time * 4, ..self }
    }

    /// As this, with measurements that write so much, however long that takes.
    pub(crate) fn writing(self, bytes: usize) -> Self {
        Self { time: Duration::from_secs(10), bytes, ..self }
    }
}
