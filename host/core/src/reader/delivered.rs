//! What one step of delivery gives.

use bytes::Bytes;
use forebay_types::FileId;

use super::{Met, blocks::BLOCK_BYTES};
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
    block: Option<(Bytes, usize)>,
    numbers: BlockNumbers,
}

/// The numbers of the blocks that records were delivered in.
#[derive(Debug, Default)]
pub(super) struct BlockNumbers {
    last: u64,
    /// The last block that was not copied: the next delivery may go on in it.
    kept: Option<(Bytes, u64)>,
}

impl BlockNumbers {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Delivered {
    /// Goes on after other deliveries.
    pub(super) fn after(numbers: BlockNumbers) -> Self {
        Self { numbers, ..Self::default() }
    }

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
        if !self.block.as_ref().is_some_and(|(last, _)| is_same(last, block)) {
            self.end_block();
            self.block = Some(((*block).clone(), self.records.len()));
        }
        self.records.push(ReadRecord {
            id: frame.id,
            incarnation: 0,
            events: *events,
            metadata: frame.metadata,
            payload: block.slice_ref(frame.payload),
            frame_bytes: frame.bytes,
            block: MemoryBlock::default(),
        });
    }

    /// Nothing more is delivered. Gives the numbers back.
    pub(super) fn end(&mut self) -> BlockNumbers {
        self.end_block();
        std::mem::take(&mut self.numbers)
    }

    /// Nothing more of this block is delivered now. Where the records use little of it they are copied out of it: a block for
    /// each of many small data files takes hundreds of times the memory of what is in them.
    fn end_block(&mut self) {
        let Some((block, first)) = self.block.take() else { return };
        let records = self.records.get_mut(first..).unwrap_or_default();
        let used = records.iter().fold(0_usize, |sum, record| sum.saturating_add(record.payload.len()));
        let whole = block.len().max(BLOCK_BYTES);
        let (number, bytes) = if used.saturating_mul(2) < whole {
            copy_out(records, used);
            (self.numbers.next(), used)
        } else {
            let kept = self.numbers.kept.take().filter(|(kept, _)| is_same(kept, &block));
            let number = kept.map_or_else(|| self.numbers.next(), |(_, number)| number);
            self.numbers.kept = Some((block, number));
            (number, whole)
        };
        let block = MemoryBlock { number, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) };
        for record in records {
            record.block = block;
        }
    }
}

/// Whether two slices, which each go to the end of their blocks, are of the same one.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr_range().end == other.as_ptr_range().end
}

/// Moves the payloads of records, which have so many bytes together, to memory that holds nothing else.
fn copy_out(records: &mut [ReadRecord], bytes: usize) {
    let mut copy = Vec::with_capacity(bytes);
    for record in &*records {
        copy.extend_from_slice(&record.payload);
    }
    let mut rest = Bytes::from(copy);
    for record in records {
        record.payload = rest.split_to(record.payload.len());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use forebay_types::RecordId;

    use super::*;

    /// A block that holds so many records with payloads of one KiB, and what is delivered of it.
    fn delivered(records: u64) -> (Bytes, Delivered) {
        let mut bytes = Vec::new();
        for id in 1..=records {
            forebay_frame::encode(&mut bytes, RecordId(id), 0, NonZeroU32::MIN, &[7; 1024]);
        }
        let block = Bytes::from(bytes);
        let mut delivered = Delivered::default();
        let mut offset = 0;
        while let Ok(frame) = forebay_frame::decode(block.get(offset..).unwrap()) {
            let at = offset;
            offset += usize::try_from(frame.bytes).unwrap();
            let (events, at) = (NonZeroU32::MIN, u64::try_from(at).unwrap());
            delivered
                .add(FileId::FIRST, &Met { offset: at, frame, events, is_undelimited: false, block: &block });
        }
        delivered.end();
        (block, delivered)
    }

    /// A record from each of a thousand small files must not keep a thousand blocks.
    #[test]
    fn few_records_of_a_block_are_copied_and_leave_it() {
        let (block, delivered) = delivered(100);
        assert!(block.is_unique(), "no record is in it");
        assert_eq!(delivered.records.len(), 100);
        for record in &delivered.records {
            assert_eq!(record.payload, [7; 1024][..]);
            assert_eq!(record.block, MemoryBlock { number: 1, bytes: 100 << 10 });
        }
    }

    /// Where most of a block is wanted, a copy would only cost time.
    #[test]
    fn many_records_of_a_block_stay_in_it() {
        let (block, delivered) = delivered(200);
        let memory = block.as_ptr_range();
        assert!(delivered.records.iter().all(|record| memory.contains(&record.payload.as_ptr())));
        let whole = u64::try_from(BLOCK_BYTES).unwrap();
        assert!(delivered.records.iter().all(|record| record.block.bytes == whole));
    }
}
