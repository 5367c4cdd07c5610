//! Going on at an id: ahead, without a walk through all that lies before it, or back.

use std::collections::VecDeque;

use forebay_types::{FileId, RecordId};

use super::{Cursor, FileWalk, Files, PassedOver, Reader, frame_ending_at};
use crate::{
    segments::{Segment, Segments, WalkedEnd},
    storage::{Checkpoint, StorageError, unless_missing},
};

impl Reader {
    /// Delivery goes on with the first event from `id` on: nothing before it is delivered, or counts as lost.
    pub(crate) fn skip_to(
        &mut self,
        files: &mut Files<'_>,
        id: RecordId,
        known: Option<Checkpoint>,
    ) -> Result<(), StorageError> {
        let Some(file) =
            self.cursor.as_ref().filter(|cursor| cursor.expected < id).map(|cursor| cursor.walk.file)
        else {
            return Ok(());
        };
        let walk = match known.filter(|at| at.next_id <= id) {
            Some(at) if is_end_of_frame(files, at)? => Some(FileWalk::resume(at.file, at.offset, at.next_id)),
            _ => self.file_before(files, id)?.filter(|other| *other != file).map(FileWalk::start),
        };
        if let Some(cursor) = &mut self.cursor {
            cursor.expected = id;
            cursor.walk = walk.unwrap_or_else(|| std::mem::replace(&mut cursor.walk, FileWalk::start(file)));
        }
        self.losses.start(id);
        self.passed_over = PassedOver::default();
        Ok(())
    }

    /// Delivery goes back to an id that it has passed.
    pub(crate) fn rewind(&mut self, segments: &Segments, first: RecordId) {
        if let (Some(cursor), Some(front)) = (&mut self.cursor, segments.front()) {
            *cursor = Cursor { walk: FileWalk::start(front.file), expected: first };
            self.passed_over = PassedOver::default();
            self.losses.rewind();
        }
    }

    /// Where delivery stands in a file that is whole up to there.
    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        let walk = &self.cursor.as_ref()?.walk;
        let walked = walk.walked();
        let is_whole = matches!(walked.end, WalkedEnd::Whole | WalkedEnd::Unfinished(_));
        let at = Checkpoint { file: walk.file, offset: walked.whole_end, next_id: walked.next_id };
        (is_whole && at.offset > 0).then_some(at)
    }

    /// The id of the first of the last records: of so many, or of all that reach beyond `first_unread`.
    pub(crate) fn start_of_last(
        &mut self,
        files: &mut Files<'_>,
        first_unread: RecordId,
        records: u64,
    ) -> Result<RecordId, StorageError> {
        let order: Vec<FileId> = files.segments.order().iter().map(|segment| segment.file).collect();
        let mut start = files.segments.next_id();
        let mut wanted = records;
        for file in order.into_iter().rev() {
            let mut ids = VecDeque::new();
            unless_missing(self.for_each_record(files, file, |met| {
                if met.next_id() > first_unread {
                    ids.push_back(met.frame.id);
                }
                if u64::try_from(ids.len()).is_ok_and(|count| count > wanted) {
                    ids.pop_front();
                }
            }))?;
            wanted = wanted.saturating_sub(u64::try_from(ids.len()).unwrap_or(u64::MAX));
            start = ids.front().copied().unwrap_or(start);
            if wanted == 0 {
                return Ok(start);
            }
        }
        Ok(first_unread)
    }

    /// A file in reading order before which no event from `id` on lies. What its first frame says is checked by a walk.
    fn file_before(&mut self, files: &mut Files<'_>, id: RecordId) -> Result<Option<FileId>, StorageError> {
        let begins_before = |segment: &&Segment| segment.first_id().is_some_and(|first| first <= id);
        let hint = files.segments.order().iter().rev().find(begins_before).map(|segment| segment.file);
        let Some(file) = hint else { return Ok(None) };
        let first = unless_missing(self.first_record(files, file))?;
        Ok(first.filter(|first| *first <= id).map(|_| file))
    }
}

fn is_end_of_frame(files: &mut Files<'_>, at: Checkpoint) -> Result<bool, StorageError> {
    if files.segments.position(at.file).is_none() {
        return Ok(false);
    }
    let found = unless_missing(frame_ending_at(files, at.file, at.offset).map(Option::unwrap_or_default))?;
    Ok(found == at.next_id)
}
