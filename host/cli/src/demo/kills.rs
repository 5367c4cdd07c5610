//! When to kill.

use std::hash::{BuildHasher as _, RandomState};

/// The fewest records between two kills: with fewer, all of them are in one write, and no kill comes in between.
const STRIDE_MIN: u64 = 500;

/// Kills that are still to come.
#[derive(Debug)]
pub(super) struct Kills {
    left: u32,
    landed: u32,
    random: RandomState,
    drawn: u64,
}

/// A stretch of the records in which a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// Kill when so many of all records are through.
    pub(super) at: u64,
    /// Nothing beyond this record is offered before, so that there is something left to resume with.
    pub(super) offered: u64,
}

impl Kills {
    /// So many kills.
    pub(super) fn new(count: u32) -> Self {
        Self { left: count, landed: 0, random: RandomState::new(), drawn: 0 }
    }

    /// The next kill, after `done` of `total` records; `None` when there is none to come, or no room for it.
    pub(super) fn next(&mut self, done: u64, total: u64) -> Option<Kill> {
        let stride = total.saturating_sub(done) / (u64::from(self.left) + 1);
        if self.left == 0 || stride < STRIDE_MIN {
            return None;
        }
        self.drawn += 1;
        // The seed of the standard library's hash tables is random, and that is all that is needed.
        let random = self.random.hash_one(self.drawn);
        Some(Kill { at: done + 1 + random % (stride - 1), offered: done + stride })
    }

    /// The last kill hit something that was under way.
    pub(super) fn land(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.landed += 1;
    }

    /// How many did so.
    pub(super) fn landed(&self) -> u32 {
        self.landed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kill after the last record interrupts nothing, and one that is never reached hangs the demo.
    #[test]
    fn kills_fall_inside_what_is_offered() {
        for total in [3000, 20_000, 1_000_000] {
            let (mut kills, mut done) = (Kills::new(5), 0);
            while let Some(kill) = kills.next(done, total) {
                assert!(done < kill.at && kill.at < kill.offered && kill.offered < total, "{kill:?}");
                kills.land();
                done = kill.offered;
            }
            assert_eq!(kills.landed(), 5);
        }
    }

    /// Kills that miss do not count, and must not go on for ever.
    #[test]
    fn kills_that_miss_come_to_an_end() {
        let (mut kills, mut done) = (Kills::new(5), 0);
        while let Some(kill) = kills.next(done, 100_000) {
            done = kill.offered;
        }
        assert_eq!(kills.landed(), 0);
    }
}
