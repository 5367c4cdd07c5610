//! What of the segments is durable, and what a failed sync has put in doubt.

use forebay_types::{FileId, RecordId};

use super::{Segment, Segments};

impl Segments {
    /// The files whose bytes or name are in doubt after a failed sync.
    pub(crate) fn suspects(&self) -> impl Iterator<Item = FileId> {
        self.suspects.iter().copied()
    }

    /// Whether the name of any file is in doubt after a failed sync.
    pub(crate) fn has_suspect_name(&self) -> bool {
        let mut suspects = self.suspects.iter().filter_map(|file| self.get(*file));
        suspects.any(|segment| segment.durability.is_name_suspect)
    }

    /// A file's durability has changed, so that it may be suspect or no longer.
    pub(super) fn note_suspect(&mut self, file: FileId) {
        if self.get(file).is_some_and(|segment| segment.durability.is_suspect()) {
            self.suspects.insert(file);
        } else {
            self.suspects.remove(&file);
        }
    }

    /// A sync of a file's bytes has failed.
    pub(crate) fn data_failed(&mut self, file: FileId) {
        if let Some(segment) = self.get_mut(file) {
            segment.durability.data_failed(segment.bytes);
        }
        self.note_suspect(file);
        self.doubt(file);
    }

    /// The files whose names are not known to be durable.
    pub(crate) fn unnamed(&self) -> Vec<FileId> {
        self.unnamed.iter().copied().collect()
    }

    /// A sync of the directory has covered the names of these files.
    pub(crate) fn names_synced(&mut self, files: &[FileId]) {
        for file in files {
            let Some(segment) = self.get_mut(*file) else { continue };
            segment.durability.name_synced();
            if segment.durability.is_named {
                self.unnamed.remove(file);
            }
        }
    }

    /// A file was rewritten under its name: that leads to another file now.
    pub(crate) fn rewritten(&mut self, file: FileId) {
        let Some(segment) = self.get_mut(file) else { return };
        let written = segment.written.as_ref().map_or(RecordId(0), |written| written.end);
        segment.durability.rewritten(segment.bytes, segment.walked.next_id.max(written));
        segment.is_made_here = true;
        self.unnamed.insert(file);
        self.note_suspect(file);
        self.doubt(file);
    }

    /// A sync of the directory has failed. The names of files that were there before this lock are durable up to the file
    /// that the found ledger named as the writer's, which is told by `was_named`.
    pub(crate) fn names_failed(&mut self, was_named: impl Fn(FileId) -> bool) {
        for file in self.unnamed() {
            if let Some(segment) = self.get_mut(file) {
                segment.durability.is_name_suspect |= segment.is_made_here || !was_named(file);
            }
            self.note_suspect(file);
        }
        self.durable = 0;
    }

    /// A process has died before it could retry a failed sync, on the same boot: the kernel may take lost bytes for written,
    /// and lost names, those of empty files among them.
    pub(crate) fn all_suspect(&mut self) {
        for segment in self.iter_mut() {
            segment.durability.is_data_suspect = true;
            segment.durability.is_name_suspect = true;
        }
        self.suspects = self.iter().map(|segment| segment.file).collect();
        self.durable = 0;
    }

    /// Something of a segment's durability was taken back.
    fn doubt(&mut self, file: FileId) {
        if let Some(position) = self.position(file) {
            self.durable = self.durable.min(position);
        }
    }

    /// The segments that were not seen to be durable, with all before them.
    pub(crate) fn not_known_durable(&self) -> impl Iterator<Item = &Segment> {
        self.order.iter().skip(self.durable)
    }

    /// The id below which every event is durable: its bytes, all bytes before it, and the names of the files. `named` is
    /// the position of the writer's segment in the ledger that was last synced: what lies behind it does not count, as a
    /// power loss would leave a ledger that does not lead there.
    pub(crate) fn durable_next(&mut self, named: Option<usize>) -> RecordId {
        let Some(named) = named else { return RecordId(0) };
        while self.durable <= named && self.order.get(self.durable).is_some_and(Segment::is_durable) {
            self.durable += 1;
        }
        let at = self.durable.min(named + 1);
        let Some(first_open) = self.order.get(at) else { return self.next_id };
        let before = self.records_end_before(at).unwrap_or_default();
        if at <= named && first_open.durability.is_named {
            before.max(first_open.durability.next_id)
        } else {
            before
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::segments::Fence;

    /// The first frame of a damaged file may state any id. A writer who is answered by it takes a lost record for a safe one.
    #[test]
    fn an_id_that_was_read_without_its_checksum_makes_nothing_durable() {
        let mut empty = Segment::found(FileId::FIRST, 0);
        empty.durability.is_named = true;
        let mut damaged = Segment::found(FileId::FIRST.successor(), 1000);
        damaged.fence = Fence::First(RecordId(22));
        let mut segments = Segments::new(vec![empty, damaged], Vec::new(), RecordId(4));
        assert_eq!(segments.durable_next(Some(0)), RecordId(0));
    }
}
