//! How far walks have come: the facts of what was looked at.

use forebay_frame::Anchor;
use forebay_types::FileId;

use super::{Bounds, Segment, Segments, Walked, WalkedEnd};
use crate::storage::Checkpoint;

impl Segments {
    /// The segments in front of this position that were not walked.
    pub(crate) fn unwalked_before(&mut self, position: usize) -> Vec<FileId> {
        while self.walked < position && self.order.get(self.walked).is_some_and(Segment::is_walked) {
            self.walked += 1;
        }
        let left = self.order.range(self.walked.min(position)..position);
        left.filter(|segment| !segment.is_walked()).map(|segment| segment.file).collect()
    }

    /// What was walked of a file does not count any more.
    pub(crate) fn forget_walk(&mut self, file: FileId) {
        if let Some(position) = self.position(file) {
            self.walked = self.walked.min(position);
        }
        if let Some(segment) = self.get_mut(file) {
            segment.forget_walk();
        }
    }

    /// What was walked before the order and the next id were known is walked again: they say more of a damaged file.
    pub(crate) fn forget_damage(&mut self) {
        for segment in self.order.iter_mut().filter(|segment| segment.walked.end != WalkedEnd::Whole) {
            segment.forget_walk();
            segment.bounds = Bounds::default();
        }
    }

    /// A frame that was checked ends here. Damage in front of it says nothing of what is behind it.
    pub(crate) fn note_anchor(&mut self, at: Checkpoint) {
        if let Some(segment) = self.get_mut(at.file).filter(|segment| at.offset <= segment.bytes) {
            segment.anchors.push(Anchor { offset: at.offset, next_id: at.next_id });
            segment.anchors.sort_unstable_by_key(|anchor| anchor.offset);
        }
    }

    /// A frame that was checked ends here. The file is whole up to it.
    pub(crate) fn note_checkpoint(&mut self, at: Checkpoint) {
        if let Some(segment) = self.get_mut(at.file).filter(|segment| at.offset <= segment.bytes) {
            let Checkpoint { offset: to, next_id, .. } = at;
            segment.note_walked(Walked { to, whole_end: to, next_id, end: WalkedEnd::Whole });
        }
    }
}
