//! The memory that delivered records hold.

use std::collections::BTreeMap;

use crate::guard::MemoryBlock;

/// The blocks of memory that delivered records hold: a block is free when the last record in it is.
#[derive(Debug, Default)]
pub(super) struct HeldMemory {
    /// How many records hold each block, and how many bytes it has.
    blocks: BTreeMap<u64, (usize, u64)>,
    bytes: u64,
}

impl HeldMemory {
    /// A record holds its block.
    pub(super) fn hold(&mut self, block: MemoryBlock) {
        let (records, bytes) = self.blocks.entry(block.number).or_insert((0, block.bytes));
        if *records == 0 {
            self.bytes = self.bytes.saturating_add(*bytes);
        }
        *records += 1;
    }

    /// A record holds its block no longer.
    pub(super) fn release(&mut self, number: u64) {
        if let Some((records, bytes)) = self.blocks.get_mut(&number) {
            *records -= 1;
            if *records == 0 {
                self.bytes = self.bytes.saturating_sub(*bytes);
                self.blocks.remove(&number);
            }
        }
    }

    /// The length of all blocks that are held, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
