//! The memory that delivered records hold.

use std::{collections::BTreeMap, num::NonZeroU64};

use crate::guard::MemoryBlock;

/// The blocks of memory that delivered records hold: a block is free when the last record in it is.
#[derive(Debug, Default)]
pub(super) struct HeldMemory {
    /// The block of the record that was delivered last, apart from the others: the next one is most often in it, too.
    last: Held,
    /// All others that are held, by their numbers.
    others: BTreeMap<u64, Held>,
    bytes: u64,
}

/// A block, and how many records hold it.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    block: MemoryBlock,
    records: usize,
}

impl HeldMemory {
    /// A record holds its block.
    pub(super) fn hold(&mut self, block: MemoryBlock) {
        if self.last.block.number != block.number {
            let next = self.others.remove(&block.number).unwrap_or(Held { block, records: 0 });
            let before = std::mem::replace(&mut self.last, next);
            if before.records > 0 {
                self.others.insert(before.block.number, before);
            }
        }
        if self.last.records == 0 {
            self.last.block = block;
            self.bytes = self.bytes.saturating_add(block.bytes);
        }
        self.last.records += 1;
    }

    /// So many records hold their block no longer, if they held one.
    pub(super) fn release(&mut self, block: Option<NonZeroU64>, records: usize) {
        let Some(number) = block.map(NonZeroU64::get) else { return };
        let is_last = self.last.block.number == number;
        let held = if is_last { Some(&mut self.last) } else { self.others.get_mut(&number) };
        let Some(held) = held.filter(|held| held.records > 0) else { return };
        held.records = held.records.saturating_sub(records);
        if held.records == 0 {
            self.bytes = self.bytes.saturating_sub(held.block.bytes);
            if !is_last {
                self.others.remove(&number);
            }
        }
    }

    /// The length of all blocks that are held, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
