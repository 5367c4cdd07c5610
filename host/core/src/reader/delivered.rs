//! What one step of delivery gives.

use bytes::Bytes;
use forebay_types::FileId;

use super::{Met, blocks::BlockPool};
use crate::{
    record::{MemoryBlock, ReadRecord},
    usage::Run,
};

/// Records that were read, in the runs that they came in.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) records: Vec<ReadRecord>,
    pub(crate) runs: Vec<Run>,
    /// The block that the last record is in, and how many records came before the first in it.
    block: Option<(MemoryBlock, usize)>,
    pool: BlockPool,
}

impl Delivered {
    /// Nothing yet, of blocks of this pool and of those beside it.
    pub(super) fn new(pool: BlockPool) -> Self {
        Self { pool, ..Self::default() }
    }

    #[inline]
    pub(super) fn add(&mut self, file: FileId, met: &Met<'_>) {
        let Met { offset, frame, events, block, .. } = met;
        let next_id = met.next_id();
        match self.runs.last_mut() {
            Some(run)
                if run.file == file
                    && run.next_id == frame.id
                    && run.offset.saturating_add(run.bytes) == *offset =>
            {
                run.bytes = run.bytes.saturating_add(frame.bytes);
                run.next_id = next_id;
                run.records = run.records.saturating_add(1);
            }
            _ => self.runs.push(Run {
                file,
                offset: *offset,
                bytes: frame.bytes,
                first_id: frame.id,
                next_id,
                records: 1,
            }),
        }
        if self.block.is_none_or(|(last, _)| last.number != block.memory.number) {
            self.end_block();
            self.block = Some((block.memory, self.records.len()));
        }
        self.records.push(ReadRecord {
            id: frame.id,
            incarnation: 0,
            events: *events,
            metadata: frame.metadata,
            payload: block.bytes.slice_ref(frame.payload),
            frame_bytes: frame.bytes,
            block: block.memory,
        });
    }

    /// Nothing more of this block is delivered now, as of all before it. Where many blocks are shared, and the records use little
    /// of this one, they are copied out of it: a block for each of many small data files takes hundreds of times the memory of
    /// what is in them.
    pub(super) fn end_block(&mut self) {
        let Some((block, first)) = self.block.take() else { return };
        if !self.pool.is_scarce() {
            return;
        }
        let records = self.records.get_mut(first..).unwrap_or_default();
        let used = records.iter().fold(0_usize, |sum, record| sum.saturating_add(record.payload.len()));
        if u64::try_from(used).is_ok_and(|used| used.saturating_mul(2) < block.bytes) {
            copy_out(records, used, self.pool.memory(used));
        }
    }
}

/// Moves the payloads of records, which have so many bytes together, to memory that holds nothing else.
fn copy_out(records: &mut [ReadRecord], bytes: usize, memory: MemoryBlock) {
    let mut copy = Vec::with_capacity(bytes);
    for record in &*records {
        copy.extend_from_slice(&record.payload);
    }
    let mut rest = Bytes::from(copy);
    for record in records {
        record.payload = rest.split_to(record.payload.len());
        record.block = memory;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::num::NonZeroU32;

    use forebay_types::RecordId;

    use super::*;
    use crate::reader::Block;

    /// A block that holds so many records with payloads of one KiB.
    fn block(pool: &BlockPool, records: u64) -> Block {
        let mut bytes = pool.empty();
        for id in 1..=records {
            forebay_frame::encode(&mut bytes, RecordId(id), 0, NonZeroU32::MIN, &[7; 1024]);
        }
        let used = bytes.len();
        pool.share(bytes, used)
    }

    /// What is delivered of a block, all of it.
    fn delivered(pool: &BlockPool, block: &Block) -> Delivered {
        let mut delivered = Delivered::new(pool.clone());
        let mut offset = 0;
        while let Ok(frame) = forebay_frame::decode(block.bytes.get(offset..).unwrap()) {
            let at = offset;
            offset += usize::try_from(frame.bytes).unwrap();
            let (events, at) = (NonZeroU32::MIN, u64::try_from(at).unwrap());
            delivered.add(FileId::FIRST, &Met { offset: at, frame, events, is_undelimited: false, block });
        }
        delivered.end_block();
        delivered
    }

    /// How much memory of its own each of a hundred blocks holds after so many records of it were delivered, block by block.
    fn held_memory(records: u64) -> (BlockPool, Vec<u64>, Vec<ReadRecord>) {
        let pool = BlockPool::default();
        let mut held = Vec::new();
        let memory = (0..100).map(|_| {
            let records = delivered(&pool, &block(&pool, records)).records;
            let memory = records[0].block;
            assert!(records.iter().all(|record| record.block == memory && record.payload == [7; 1024][..]));
            held.extend(records);
            memory.bytes
        });
        let memory = memory.collect();
        (pool, memory, held)
    }

    const WHOLE: u64 = 256 << 10;

    /// A consumer that keeps up holds few blocks, and a copy would only cost it time. A record from each of a thousand small
    /// files must not keep a thousand blocks.
    #[test]
    fn few_records_of_a_block_are_copied_once_many_blocks_are_held() {
        let (pool, memory, held) = held_memory(100);
        let (in_blocks, copied) = memory.split_at(16);
        assert_eq!(in_blocks, [WHOLE; 16]);
        assert_eq!(copied, [100 << 10; 84]);
        drop(held);
        assert_eq!(delivered(&pool, &block(&pool, 1)).records[0].block.bytes, WHOLE, "they came back");
    }

    /// Where most of a block is wanted, a copy would only cost time.
    #[test]
    fn many_records_of_a_block_stay_in_it() {
        let (_, memory, _) = held_memory(200);
        assert_eq!(memory, [WHOLE; 100]);
    }

    /// What counts the memory would take two blocks for one, or one for two.
    #[test]
    fn records_share_a_number_exactly_where_they_share_memory() {
        let pool = BlockPool::default();
        let (one, other) = (block(&pool, 2), block(&pool.beside(), 2));
        let numbers = [&one, &one, &other].map(|block| delivered(&pool, block).records[1].block.number);
        assert_eq!(numbers[0], numbers[1]);
        assert_ne!(numbers[1], numbers[2]);
    }
}
