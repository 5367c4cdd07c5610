//! The records that were read in one call of the logic, until it says which of them are to be delivered.
//!
//! Each holds on to the block that it was read into. Logic that reads on and on and delivers nothing must not fill the
//! memory of its host: what was read first is let go of.

use std::collections::VecDeque;

use bytes::Bytes;
use forebay_frame::Surroundings;

use super::{
    ReadRecord, Span,
    read_scans::{ReadScan, ReadScans},
};
use crate::storage::FileId;

/// What all that is kept may take up, in bytes, but for the last scan.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many records there is room for at once: as many as a consumer reads at the least.
const ROOM: usize = 256;

/// Records, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of the scan under way.
    records: Vec<ReadRecord>,
    /// What the blocks take up that these were read into.
    block_bytes: usize,
    /// Where the block ends in memory that was counted last.
    block_end: usize,
    /// What the scans before it have read, and what that takes up.
    scans: VecDeque<(ReadScan, usize)>,
    scans_bytes: usize,
}

impl Kept {
    /// With room for what a consumer reads.
    pub(super) fn with_room() -> Self {
        Self { records: Vec::with_capacity(ROOM), ..Self::default() }
    }

    /// What is kept from now on belongs to another scan.
    pub(super) fn start_scan(&mut self) {
        // Of a scan that came to an error the logic was told nothing.
        self.records.clear();
        self.block_bytes = 0;
    }

    /// Keeps a record. What it lies in is said by [`lies_in`](Self::lies_in), of several at once.
    #[inline]
    pub(super) fn keep(&mut self, record: ReadRecord) {
        self.records.push(record);
    }

    /// What was kept since this was said of another block lies in this one.
    pub(super) fn lies_in(&mut self, block: &Bytes) {
        // Slices of one block end where it ends.
        let block_end = block.as_ptr_range().end.addr();
        if block_end != self.block_end && !self.records.is_empty() {
            self.block_end = block_end;
            self.block_bytes = self.block_bytes.saturating_add(block.len());
            self.make_room(self.records_bytes());
        }
    }

    /// The scan has found these spans, and knows this behind each.
    pub(super) fn end_scan(&mut self, file: FileId, spans: &[Span], behind: &[Surroundings]) {
        if self.records.is_empty() {
            return;
        }
        let spans_bytes = size_of_val(spans).saturating_add(size_of_val(behind));
        let bytes = self.records_bytes().saturating_add(spans_bytes);
        self.make_room(bytes);
        self.scans_bytes = self.scans_bytes.saturating_add(bytes);
        let records = std::mem::take(&mut self.records);
        self.scans.push_back((ReadScan::new(file, spans, behind, records), bytes));
    }

    /// What the scan under way takes up.
    fn records_bytes(&self) -> usize {
        self.block_bytes.saturating_add(size_of::<ReadRecord>().saturating_mul(self.records.capacity()))
    }

    /// Lets go of what was read first, where so much more would be too much.
    fn make_room(&mut self, bytes: usize) {
        while self.scans_bytes.saturating_add(bytes) > KEPT_BYTES_MAX
            && let Some((_, bytes)) = self.scans.pop_front()
        {
            self.scans_bytes = self.scans_bytes.saturating_sub(bytes);
        }
    }

    /// What is kept of the scans that have ended.
    pub(super) fn into_scans(self) -> ReadScans {
        ReadScans::new(self.scans.into_iter().map(|(scan, _)| scan).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use forebay_frame::RecordId;

    use super::*;
    use crate::{guard::SpanState, logic::Run};

    fn file() -> FileId {
        FileId::new(0).unwrap()
    }

    fn block() -> Bytes {
        Bytes::from(vec![0; 256 * 1024])
    }

    /// Scans records of one byte, each at the offset of its id.
    fn scan(kept: &mut Kept, first: u64, records: u32, mut block: impl FnMut() -> Bytes) {
        kept.start_scan();
        for id in first..first + u64::from(records) {
            let block = block();
            let (incarnation, events, metadata, frame_bytes) = (0, NonZeroU32::MIN, 0, 1);
            let (id, payload) = (RecordId(id), block.slice(..1));
            kept.keep(ReadRecord { id, incarnation, events, metadata, payload, frame_bytes });
            kept.lies_in(&block);
        }
        let Run { offset, bytes, first_id, next_id, records, .. } = run(first, records);
        let span = Span { offset, bytes, first_id, next_id, records, state: SpanState::Whole };
        let behind = Surroundings { floor: next_id, exact: true, ceiling: RecordId(u64::MAX) };
        kept.end_scan(file(), &[span], &[behind]);
    }

    fn run(first: u64, records: u32) -> Run {
        let bytes = u64::from(records);
        let (first_id, next_id) = (RecordId(first), RecordId(first + bytes));
        Run { file: file(), offset: first, bytes, first_id, next_id, records }
    }

    /// A guest that reads all of a large buffer in one call, over and over, would fill the host's memory.
    #[test]
    fn what_was_read_first_is_let_go_of() {
        let mut kept = Kept::default();
        for id in 0..1000 {
            scan(&mut kept, id, 1, block);
        }
        assert!(kept.scans.len() <= 32, "each holds on to a quarter of a MiB: {}", kept.scans.len());
        let mut scans = kept.into_scans();
        assert!(scans.take(&run(0, 1), &mut Vec::new()).is_none(), "it was let go of");
        assert!(scans.take(&run(999, 1), &mut Vec::new()).is_some(), "it is the last");
    }

    /// One that reads the same block over and over holds on to nothing but that, and still to more and more records.
    #[test]
    fn records_count_also_where_the_block_is_the_same() {
        let (mut kept, block) = (Kept::default(), block());
        for _ in 0..1000 {
            scan(&mut kept, 0, 4096, || block.clone());
        }
        let records: usize = kept.scans.iter().map(|(scan, _)| scan.len()).sum();
        assert!(records * size_of::<ReadRecord>() <= KEPT_BYTES_MAX, "{records} records");
    }

    /// What one scan has found is what the logic was told last.
    #[test]
    fn the_last_scan_is_kept_as_a_whole() {
        let mut kept = Kept::default();
        scan(&mut kept, 0, 100, block);
        let mut records = Vec::new();
        assert!(kept.into_scans().take(&run(0, 100), &mut records).is_some());
        assert_eq!(records.len(), 100);
    }
}
