//! The records that were read in one call of the logic, until it says which of them are to be delivered.
//!
//! Each holds on to the block that it was read into. Logic that reads on and on and delivers nothing must not fill the
//! memory of its host: what was read first is let go of.

use std::collections::VecDeque;

use bytes::Bytes;

use super::scan::Verified;

/// What all that is kept may take up, in bytes, but for the scan under way.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Records, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    records: VecDeque<Verified>,
    /// For each scan, how many records it kept and what they take up.
    scans: VecDeque<(usize, usize)>,
    bytes: usize,
    /// Where the block ends in memory that was counted last.
    block_end: usize,
}

impl Kept {
    /// What is kept from now on belongs to another scan.
    pub(super) fn start_scan(&mut self) {
        if self.scans.back().is_none_or(|(records, _)| *records > 0) {
            self.scans.push_back((0, 0));
        }
    }

    /// Keeps a record that lies in this block.
    pub(super) fn keep(&mut self, record: Verified, block: &Bytes) {
        let block_end = block.as_ptr_range().end.addr();
        // Slices of one block end where it ends.
        let block_bytes = if block_end == self.block_end { 0 } else { block.len() };
        self.block_end = block_end;
        let bytes = size_of::<Verified>().saturating_add(block_bytes);
        self.records.push_back(record);
        self.bytes = self.bytes.saturating_add(bytes);
        match self.scans.back_mut() {
            Some(scan) => *scan = (scan.0 + 1, scan.1.saturating_add(bytes)),
            None => self.scans.push_back((1, bytes)),
        }
        while self.bytes > KEPT_BYTES_MAX
            && self.scans.len() > 1
            && let Some((records, bytes)) = self.scans.pop_front()
        {
            self.records.drain(..records.min(self.records.len()));
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// What is kept.
    pub(super) fn into_records(self) -> Vec<Verified> {
        self.records.into()
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
