//! What a power loss happens to leave of all that was not synced.

/// How much is written in one go: a disk has a sector as it was, or as it was to be.
pub(super) const SECTOR_BYTES: usize = 512;

/// What of the unsynced happens to survive a power loss: of each kind by a seed of its own. 0 lets nothing survive, any
/// other number some of it; the same number the same, after the same history.
///
/// ```
/// use forebay_core::storage::memory::{Disk, Luck};
///
/// let disk = Disk::new();
/// disk.power_loss_with(Luck { ledger: 1, ..Luck::NONE });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Luck {
    /// The lengths of files: each ends where it ended when it was synced, or somewhere behind that, with what was written up
    /// to there.
    pub lengths: u64,
    /// Sectors of files: of those that were not synced some are there, and some not. Where a sync has failed, some of what it
    /// was to write is there.
    pub sectors: u64,
    /// Names of data files: which lead where they led when the directory was synced, and which where they led later.
    pub names: u64,
    /// The ledger: which of those that were stored since its sync.
    pub ledger: u64,
}

impl Luck {
    /// Nothing survives but what was synced.
    pub const NONE: Self = Self { lengths: 0, sectors: 0, names: 0, ledger: 0 };

    /// Something of each kind, or nothing of one or the other, by one number. 0 is [`NONE`](Self::NONE).
    pub fn of(seed: u64) -> Self {
        if seed == 0 {
            return Self::NONE;
        }
        let mut dice = Dice(seed);
        let mut kind = || if dice.below(4) == 0 { 0 } else { dice.next().max(1) };
        Self { lengths: kind(), sectors: kind(), names: kind(), ledger: kind() }
    }
}

/// What decides of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileLuck {
    pub(super) length: Option<Dice>,
    pub(super) sectors: Option<Dice>,
}

impl Luck {
    /// For the file with this number.
    pub(super) fn of_file(self, number: u64) -> FileLuck {
        FileLuck { length: Dice::of(self.lengths, number), sectors: Dice::of(self.sectors, number) }
    }
}

/// Random numbers that come again with their seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of a seed, for one thing out of many; none where it is 0.
    pub(super) fn of(seed: u64, thing: u64) -> Option<Self> {
        let mut dice = Self(seed);
        (seed != 0).then(|| Self(dice.next() ^ thing))
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 if there is none.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let number = self.next().checked_rem(bound).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }

    /// One of these: the first and the last more often than the others.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        match self.below(4) {
            0 => from.first(),
            1 => from.last(),
            _ => from.get(self.below(from.len())),
        }
    }
}

#[cfg(test)]
mod tests;
