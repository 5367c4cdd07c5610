//! Numbers that look random and are the same at every run.

use super::PowerLoss;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 up to, not including, `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    /// 0 up to, not including, `bound`.
    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

impl PowerLoss for Random {
    fn kept_changes(&mut self, of: usize) -> usize {
        self.index(of + 1)
    }
    fn kept_frames(&mut self, of: usize) -> (usize, bool) {
        (self.index(of + 1), self.chance(2))
    }
    fn keeps_ledger(&mut self) -> bool {
        self.chance(2)
    }
}
