//! Random numbers that come again with their seed.

use std::hash::{BuildHasher as _, RandomState};

/// A generator of random numbers.
pub struct Dice(u64);

impl Dice {
    /// Dice with the seed in the environment variable `FOREBAY_TEST_SEED`, or with a new one. Prints it: a test that fails
    /// shows it.
    pub fn new() -> Self {
        let seed = match std::env::var("FOREBAY_TEST_SEED") {
            Ok(seed) => seed.parse().expect("FOREBAY_TEST_SEED is a number"),
            Err(_) => RandomState::new().hash_one("forebay"),
        };
        println!("FOREBAY_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number from 0 up to, not including, this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
