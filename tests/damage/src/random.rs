//! Random numbers that repeat with their seed.

use std::ops::Range;

/// A generator of random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator for one purpose: the same words give the same numbers, other words give unrelated ones.
    pub fn new(words: &[u64]) -> Self {
        let mut random = Self(0x5eed);
        for &word in words {
            random.0 = random.next() ^ word;
        }
        random
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the bound, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// A number within a range that is not empty.
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.end - range.start)
    }

    /// True with this probability.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these, which are not empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A length within a range, short ones as often as long ones: the logarithm is even.
    pub fn length(&mut self, range: Range<usize>) -> usize {
        let bits = (usize::BITS - range.end.leading_zeros()) as usize;
        let low_bits = (usize::BITS - range.start.leading_zeros()) as usize;
        let top = 1usize << self.within(low_bits..bits + 1).min(usize::BITS as usize - 2);
        self.below(top).clamp(range.start, range.end - 1)
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
