//! Blocks of memory that data files are written from and read into. A payload that is handed to a consumer points into
//! its block, which comes back to the pool when the last of them is dropped.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;

use crate::record::MemoryBlock;

/// How long a block is. Long enough that a system call is a small part of the cost, short enough to stay in the cache.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;

/// How many idle blocks a pool keeps.
const IDLE_MAX: usize = 8;

/// So many blocks may be shared, however little of each is used: 4 MiB.
const FEW_BLOCKS: usize = 16;

/// A block that is shared, from any of its bytes to its end.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    /// All of it.
    pub(crate) memory: MemoryBlock,
}

impl Block {
    /// From a later byte to its end; `None` if it ends before.
    pub(super) fn from(&self, skip: usize) -> Option<Self> {
        (skip < self.bytes.len()).then(|| Self { bytes: self.bytes.slice(skip..), memory: self.memory })
    }
}

/// Blocks that are not in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockPool {
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
    counts: Arc<Counts>,
}

/// What pools count together.
#[derive(Debug, Default)]
struct Counts {
    last_number: AtomicU64,
    /// How many blocks are shared now.
    shared: AtomicUsize,
}

/// A block that goes back to its pool.
struct Pooled {
    bytes: Vec<u8>,
    used: usize,
    pool: BlockPool,
}

impl BlockPool {
    /// Another pool. No block of either has the number of one of the other.
    pub(crate) fn beside(&self) -> Self {
        Self { idle: Arc::default(), counts: Arc::clone(&self.counts) }
    }

    /// A block without content.
    pub(crate) fn empty(&self) -> Vec<u8> {
        let mut block = self.take();
        block.clear();
        block
    }

    /// A block of `len` bytes whose content is to be overwritten.
    pub(crate) fn filled(&self, len: usize) -> Vec<u8> {
        let mut block = self.take();
        block.resize(len, 0);
        block
    }

    /// The first `used` bytes of a block, to be shared. The block comes back when the last slice is dropped.
    pub(crate) fn share(&self, bytes: Vec<u8>, used: usize) -> Block {
        self.counts.shared.fetch_add(1, Ordering::Relaxed);
        let memory = self.memory(bytes.capacity());
        let pooled = Pooled { used: used.min(bytes.len()), bytes, pool: self.clone() };
        Block { bytes: Bytes::from_owner(pooled), memory }
    }

    /// So much memory, which is no other block's.
    pub(super) fn memory(&self, bytes: usize) -> MemoryBlock {
        let number = self.counts.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        MemoryBlock { number, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
    }

    /// Whether so many blocks are shared that none is to be held for little.
    pub(super) fn is_scarce(&self) -> bool {
        self.counts.shared.load(Ordering::Relaxed) > FEW_BLOCKS
    }

    fn take(&self) -> Vec<u8> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES))
    }

    fn give_back(&self, block: Vec<u8>) {
        self.counts.shared.fetch_sub(1, Ordering::Relaxed);
        // A block that had to grow for one long frame is not kept: it would stay that long for ever.
        if block.capacity() <= 2 * BLOCK_BYTES {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(block);
            }
        }
    }
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A consumer that keeps one record must not find another's bytes in it later.
    #[test]
    fn a_block_comes_back_only_when_its_last_slice_is_dropped() {
        let pool = BlockPool::default();
        let shared = pool.share(vec![7; 16], 16);
        let kept = shared.bytes.slice(4..8);
        drop(shared);
        assert!(pool.idle.lock().unwrap().is_empty());
        assert_eq!(&kept[..], &[7; 4]);
        drop(kept);
        assert_eq!(pool.idle.lock().unwrap().len(), 1);
    }
}
