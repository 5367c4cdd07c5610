//! Segments that another program has taken away while the buffer was open.

use std::ops::Range;

use forebay_types::{FileId, RecordId};

use super::{Segments, durability::Durability};

impl Segments {
    /// Another program has taken a file away. Its segment keeps its place in the order, so that what the ledger names is
    /// there, until delivery or a release has passed it. Nothing is appended to it, and it waits for no sync. Gives the ids
    /// that it held, as far as they are known; `None` where that was known before, or the file has left.
    pub(crate) fn taken_away(&mut self, file: FileId) -> Option<Range<RecordId>> {
        let segment = self.get_mut(file).filter(|segment| !segment.is_taken_away)?;
        let written = segment.written.as_ref().map_or(RecordId(0), |written| written.end);
        let next_id = segment.walked.next_id.max(written);
        segment.is_taken_away = true;
        segment.durability =
            Durability { bytes: segment.bytes, next_id, is_named: true, ..Durability::default() };
        let first_id = segment.first_id().unwrap_or(next_id).min(next_id);
        self.unnamed.remove(&file);
        self.suspects.remove(&file);
        self.taken_away = self.taken_away.saturating_add(1);
        Some(first_id..next_id)
    }

    /// How many files were seen to be taken away.
    pub(crate) fn files_taken_away(&self) -> u64 {
        self.taken_away
    }

    /// Another program has removed a segment, which is not the last. What was in it is a loss.
    pub(crate) fn vanished(&mut self, file: FileId) {
        let Some(position) = self.position(file).filter(|position| position + 1 < self.order.len()) else {
            return;
        };
        if let Some(gone) = self.order.remove(position) {
            self.taken_away = self.taken_away.saturating_add(u64::from(!gone.is_taken_away));
            self.unnamed.remove(&file);
            self.suspects.remove(&file);
            self.forget_bounds(file);
            self.bytes = self.bytes.saturating_sub(gone.bytes);
            self.durable = self.durable.min(position);
            self.walked = self.walked.min(position);
        }
    }
}
