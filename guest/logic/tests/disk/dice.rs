//! Numbers that look random and are the same at every run.

use super::Luck;

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 up to, not including, `below`.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below.max(1)
    }

    /// 0 up to, not including, `below`.
    pub(crate) fn pick(&mut self, below: usize) -> usize {
        usize::try_from(self.roll(below as u64)).unwrap()
    }

    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.roll(one_in) == 0
    }
}

impl Luck for Dice {
    fn changes(&mut self, of: usize) -> usize {
        self.pick(of + 1)
    }
    fn frames(&mut self, of: usize) -> (usize, bool) {
        (self.pick(of + 1), self.chance(2))
    }
    fn ledger(&mut self) -> bool {
        self.chance(2)
    }
}
