//! The records that were read in one call of the logic, until it says which of them are to be delivered.
//!
//! Each holds on to the block that it was read into. Logic that reads on and on and delivers nothing must not fill the
//! memory of its host: what was read first is let go of.

use std::collections::VecDeque;

use bytes::Bytes;

use super::scan::Verified;

/// What all that is kept may take up, in bytes, but for the scan under way.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many records there is room for at once: as many as a consumer reads at the least.
const ROOM: usize = 256;

/// Records, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of the scan under way.
    records: Vec<Verified>,
    /// What the blocks take up that these were read into.
    block_bytes: usize,
    /// Where the block ends in memory that was counted last.
    block_end: usize,
    /// Of the scans before it: what each kept, and what that takes up.
    earlier: VecDeque<(Vec<Verified>, usize)>,
    earlier_bytes: usize,
}

impl Kept {
    /// With room for what a consumer reads.
    pub(super) fn with_room() -> Self {
        Self { records: Vec::with_capacity(ROOM), ..Self::default() }
    }

    /// What is kept from now on belongs to another scan.
    pub(super) fn start_scan(&mut self) {
        if !self.records.is_empty() {
            let bytes = self.bytes();
            self.earlier_bytes = self.earlier_bytes.saturating_add(bytes);
            self.earlier.push_back((std::mem::take(&mut self.records), bytes));
            self.block_bytes = 0;
        }
    }

    /// Keeps a record that lies in this block.
    #[inline]
    pub(super) fn keep(&mut self, record: Verified, block: &Bytes) {
        // Slices of one block end where it ends.
        let block_end = block.as_ptr_range().end.addr();
        if block_end != self.block_end {
            self.block_end = block_end;
            self.count_block(block.len());
        }
        self.records.push(record);
    }

    fn count_block(&mut self, bytes: usize) {
        self.block_bytes = self.block_bytes.saturating_add(bytes);
        while self.earlier_bytes.saturating_add(self.bytes()) > KEPT_BYTES_MAX
            && let Some((_, bytes)) = self.earlier.pop_front()
        {
            self.earlier_bytes = self.earlier_bytes.saturating_sub(bytes);
        }
    }

    /// What the scan under way takes up.
    fn bytes(&self) -> usize {
        self.block_bytes.saturating_add(size_of::<Verified>().saturating_mul(self.records.len()))
    }

    /// What is kept.
    pub(super) fn into_records(self) -> Vec<Verified> {
        let earlier = self.earlier.into_iter().map(|(records, _)| records);
        let all = earlier.reduce(|mut all, mut records| {
            all.append(&mut records);
            all
        });
        match all {
            None => self.records,
            Some(mut all) => {
                all.extend(self.records);
                all
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use forebay_frame::RecordId;

    use super::*;
    use crate::storage::FileId;

    fn record(id: u64, block: &Bytes) -> Verified {
        Verified {
            file: FileId::new(0).unwrap(),
            offset: id,
            frame_bytes: 1,
            id: RecordId(id),
            events: NonZeroU32::MIN,
            metadata: 0,
            payload: block.slice(..1),
        }
    }

    /// A guest that reads all of a large buffer in one call, over and over, would fill the host's memory.
    #[test]
    fn what_was_read_first_is_let_go_of() {
        let mut kept = Kept::default();
        for id in 0..1000 {
            kept.start_scan();
            let block = Bytes::from(vec![0; 256 * 1024]);
            kept.keep(record(id, &block), &block);
        }
        let kept = kept.into_records();
        assert!(kept.len() <= 32, "each holds on to a quarter of a MiB: {}", kept.len());
        assert_eq!(kept.last().unwrap().id, RecordId(999));
    }

    /// What one scan has found is what the logic was told last.
    #[test]
    fn the_last_scan_is_kept_as_a_whole() {
        let mut kept = Kept::default();
        kept.start_scan();
        for id in 0..100 {
            let block = Bytes::from(vec![0; 256 * 1024]);
            kept.keep(record(id, &block), &block);
        }
        assert_eq!(kept.into_records().len(), 100);
    }
}
