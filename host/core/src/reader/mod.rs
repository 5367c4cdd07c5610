//! Reading: the next whole record that is not acknowledged, and what was lost on the way to it.
//!
//! The reader goes from segment to segment by its own cursor. The logic says how many records may be delivered, never
//! which.

mod blocks;
mod delivered;
mod fences;
mod file_bytes;
mod file_walk;
mod losses;
mod seeking;
mod unreadable;
mod view;
mod walking;

use forebay_types::{FileId, RecordId};
use tracing::warn;

pub(crate) use self::{
    blocks::{BLOCK_BYTES, Block, BlockPool},
    delivered::Delivered,
    fences::{fence_of, frame_ending_at},
    file_bytes::FileBytes,
    file_walk::{FileWalk, Met, Step, WhyPassed},
    losses::{Losses, PassedOver},
    unreadable::UnreadableLog,
    view::View,
    walking::Seen,
};
pub use self::{fences::frame_before, losses::Loss, losses::LossCount, losses::Place};
use crate::{
    segments::{Fence, Segments, WalkedEnd},
    storage::{Backend, Checkpoint, StorageError},
};

/// What reading works on: the bytes, and the facts that it adds to.
pub(crate) struct Files<'a> {
    pub(crate) backend: &'a mut dyn Backend,
    pub(crate) segments: &'a mut Segments,
    /// What is said of bytes that cannot be read.
    pub(crate) log: &'a mut UnreadableLog,
}

impl Files<'_> {
    /// The bytes of a file, as far as this length.
    pub(crate) fn bytes_of(&mut self, file: FileId, length: u64) -> FileBytes<'_> {
        FileBytes::new(&mut *self.backend, &mut *self.log, file, length)
    }
}

/// Where delivery stands.
#[derive(Debug)]
struct Cursor {
    walk: FileWalk,
    /// The lowest event that is still to be delivered.
    expected: RecordId,
}

/// The reader of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    view: View,
    /// `None` until the buffer is open.
    cursor: Option<Cursor>,
    pub(crate) losses: Losses,
    /// What lies between the last record that was delivered and where delivery stands.
    passed_over: PassedOver,
    /// Bytes of data files that were read or walked.
    walked_bytes: u64,
}

impl Reader {
    /// Delivery starts at a checkpoint, or at the front, with the first event that is not acknowledged.
    pub(crate) fn start(
        &mut self,
        segments: &Segments,
        first_unread: RecordId,
        checkpoint: Option<Checkpoint>,
    ) {
        let front = segments.front().map_or(FileId::FIRST, |front| front.file);
        let walk = match checkpoint {
            Some(at) => FileWalk::resume(at.file, at.offset, at.next_id),
            None => FileWalk::start(front),
        };
        self.cursor = Some(Cursor { walk, expected: first_unread });
        self.losses.start(first_unread);
    }

    /// The files from the one that the ledger led to up to the front are not there. What was in them is lost, unless it was
    /// acknowledged.
    pub(crate) fn miss_files(&mut self, segments: &Segments, from: FileId) {
        let Some(front) = segments.front().map(|front| front.file) else { return };
        for file in (0..from.steps_to(front)).map(|steps| from.ahead(steps)).take(self.passed_over.room()) {
            if segments.place(file).is_none() {
                self.passed_over.missing(file);
            }
        }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.cursor.is_some()
    }

    /// Bytes of data files that were read or walked: what reading costs.
    pub(crate) fn walked_bytes(&self) -> u64 {
        self.walked_bytes
    }

    /// The id below which every event was delivered, or lies before one that was; `None` before the buffer was opened.
    pub(crate) fn expected(&self) -> Option<RecordId> {
        self.cursor.as_ref().map(|cursor| cursor.expected)
    }

    /// Where delivery stands.
    pub(crate) fn spot(&self) -> Option<(FileId, u64)> {
        self.cursor.as_ref().map(|cursor| (cursor.walk.file, cursor.walk.offset))
    }

    /// A pool for blocks that are written.
    pub(crate) fn staging(&self) -> BlockPool {
        self.view.staging()
    }

    /// Other frames are about to be appended.
    pub(crate) fn release_appended(&mut self) {
        self.view.release_appended();
    }

    /// Frames were appended at an offset of a file.
    pub(crate) fn note_append(&mut self, file: FileId, offset: u64, block: Block) {
        self.view.note_append(file, offset, block);
    }

    /// A file was truncated to a length, rewritten, or removed: what was read of it counts up to there.
    pub(crate) fn forget(&mut self, file: FileId, length: u64) {
        self.view.forget(file);
        if let Some(cursor) = &mut self.cursor
            && cursor.walk.file == file
            && (cursor.walk.offset > length || cursor.walk.has_map())
        {
            cursor.walk = FileWalk::start(file);
        }
    }

    /// The ledger has passed all events up to `last`, and dropped some of them: `gaps` were in no file. Delivery goes on
    /// behind them.
    pub(crate) fn pass(&mut self, segments: &Segments, last: RecordId, gaps: Vec<std::ops::Range<RecordId>>) {
        let Some(cursor) = &mut self.cursor else { return };
        self.losses.pass(last.after(1), gaps, &mut self.passed_over);
        cursor.expected = cursor.expected.max(last.after(1));
        Self::follow_order(cursor, segments);
    }

    /// Where the cursor's file has left the reading order, the cursor goes on at the front.
    fn follow_order(cursor: &mut Cursor, segments: &Segments) {
        if segments.position(cursor.walk.file).is_none()
            && let Some(front) = segments.front()
        {
            cursor.walk = FileWalk::start(front.file);
        }
    }

    /// Delivers the next records: at most so many and, from the second on, so many bytes of frames.
    ///
    /// An error comes only when there is nothing to deliver: the next call meets it again.
    pub(crate) fn deliver(
        &mut self,
        files: &mut Files<'_>,
        max_records: usize,
        max_bytes: u64,
    ) -> Result<Delivered, StorageError> {
        let mut delivered = Delivered::new(self.view.pool().clone());
        let mut room = max_bytes;
        loop {
            let before = delivered.records.len();
            let going = self.go_on(files, |expected, met, file| {
                if met.next_id() <= expected {
                    return Take::Skip;
                }
                let bytes = met.frame.bytes;
                if delivered.records.len() >= max_records || (bytes > room && !delivered.records.is_empty()) {
                    return Take::Leave;
                }
                room = room.saturating_sub(bytes);
                delivered.add(file, met);
                Take::Deliver
            });
            let end = match going {
                Err(_) if !delivered.records.is_empty() => Ok(true),
                going => going,
            };
            if !matches!(end, Ok(false)) || delivered.records.len() >= max_records {
                delivered.end_block();
            }
            let end = end?;
            self.note_delivered(&delivered, before);
            if end || delivered.records.len() >= max_records {
                return Ok(delivered);
            }
        }
    }

    /// Records were added to those that are delivered: what lies before each run of them is lost.
    fn note_delivered(&mut self, delivered: &Delivered, before: usize) {
        if delivered.records.len() == before {
            return;
        }
        let mut left = delivered.records.len() - before;
        let mut first = delivered.runs.len();
        while left > 0 && first > 0 {
            first -= 1;
            let records = delivered.runs.get(first).map_or(0, |run| run.records);
            left = left.saturating_sub(usize::try_from(records).unwrap_or(usize::MAX));
        }
        for run in delivered.runs.iter().skip(first) {
            self.losses.deliver(run.first_id, run.next_id, std::mem::take(&mut self.passed_over));
        }
    }

    /// The id of the next whole record that was not delivered, if there is one.
    pub(crate) fn next_undelivered(
        &mut self,
        files: &mut Files<'_>,
    ) -> Result<Option<RecordId>, StorageError> {
        let mut next = None;
        loop {
            let end = self.go_on(files, |expected, met, _| {
                if met.next_id() <= expected {
                    return Take::Skip;
                }
                next = Some(met.frame.id);
                Take::Leave
            })?;
            if end || next.is_some() {
                return Ok(next);
            }
        }
    }

    /// The logic lets nothing be delivered. Where nothing is left, what was not met is lost, and is told. Otherwise gives
    /// the id of the record that the logic withholds.
    pub(crate) fn reached_end(&mut self, files: &mut Files<'_>) -> Result<Option<RecordId>, StorageError> {
        let next = files.segments.next_id();
        if self.losses.come_to() < next {
            if let Some(waits) = self.next_undelivered(files)? {
                return Ok(Some(waits));
            }
            self.losses.find(next, std::mem::take(&mut self.passed_over));
        }
        self.losses.tell_before(next);
        Ok(None)
    }

    /// Goes on through the files, up to the end of a block, until a record is left where it is or the end of the last file
    /// is reached. Answers whether either of the two is so.
    fn go_on(
        &mut self,
        files: &mut Files<'_>,
        mut take: impl FnMut(RecordId, &Met<'_>, FileId) -> Take,
    ) -> Result<bool, StorageError> {
        let Some(mut cursor) = self.cursor.take() else { return Ok(true) };
        Self::follow_order(&mut cursor, files.segments);
        let went = self.go_on_from(&mut cursor, files, &mut take);
        // Also after an error: what was passed over is not passed again.
        self.cursor = Some(cursor);
        went
    }

    fn go_on_from(
        &mut self,
        cursor: &mut Cursor,
        files: &mut Files<'_>,
        take: &mut impl FnMut(RecordId, &Met<'_>, FileId) -> Take,
    ) -> Result<bool, StorageError> {
        let file = cursor.walk.file;
        let mut expected = cursor.expected;
        let mut skipped_to = None;
        let stepped = self.step(&mut cursor.walk, files, |met| match take(expected, met, file) {
            Take::Skip => {
                skipped_to = Some(met.offset.saturating_add(met.frame.bytes));
                true
            }
            Take::Deliver => {
                expected = met.next_id();
                true
            }
            Take::Leave => false,
        });
        cursor.expected = expected;
        if skipped_to.is_some() && !self.losses.has_delivered() {
            // It was acknowledged before the buffer was opened, and what lies before it is done with.
            self.passed_over = PassedOver::default();
        }
        match stepped {
            Ok(Step::On | Step::NeedsMap) => Ok(false),
            Ok(Step::Full) => Ok(true),
            Ok(Step::Passed { from, to, .. }) => {
                self.passed_over.stretch(file, from, to);
                Ok(false)
            }
            Ok(Step::End) => Ok(!self.next_segment(cursor, files.segments)),
            Err(error) if error.is_missing() => {
                // Another program has removed the file: a loss, as it would be at the next opening.
                self.passed_over.missing(file);
                if self.next_segment(cursor, files.segments) {
                    warn!(%file, "a data file was removed while the buffer is open");
                    files.segments.vanished(file);
                    return Ok(false);
                }
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on to the next segment, if there is one.
    fn next_segment(&mut self, cursor: &mut Cursor, segments: &Segments) -> bool {
        let file = cursor.walk.file;
        let Some(next) = segments.follower(file).map(|next| next.file) else { return false };
        let between = (1..file.steps_to(next)).map(|steps| file.ahead(steps));
        for missing in between.filter(|file| segments.place(*file).is_none()).take(self.passed_over.room()) {
            self.passed_over.missing(missing);
        }
        cursor.walk = FileWalk::start(next);
        true
    }

    /// One step of a walk through a segment. What it has found is noted in the facts.
    fn step(
        &mut self,
        walk: &mut FileWalk,
        files: &mut Files<'_>,
        take: impl FnMut(&Met<'_>) -> bool,
    ) -> Result<Step, StorageError> {
        let stepped = self.step_without_map(walk, files, take);
        let file = walk.file;
        if let (Ok(Step::NeedsMap), Some(length)) =
            (&stepped, files.segments.get(file).map(|segment| segment.bytes))
        {
            let fences = self.bounds(files, file)?;
            let anchors = files.segments.get(file).map_or_else(Vec::new, |segment| segment.anchors.clone());
            let mut source = files.bytes_of(file, length);
            let mapped = walk.use_map(&mut source, fences, &anchors);
            self.walked_bytes = self.walked_bytes.saturating_add(source.read_bytes);
            mapped?;
        }
        stepped
    }

    /// One step of a walk, up to where the rest of the file needs a map.
    fn step_without_map(
        &mut self,
        walk: &mut FileWalk,
        files: &mut Files<'_>,
        mut take: impl FnMut(&Met<'_>) -> bool,
    ) -> Result<Step, StorageError> {
        let file = walk.file;
        let has_met_any = walk.walked().next_id > RecordId(0);
        let Some(length) = files.segments.get(file).map(|segment| segment.bytes) else {
            return Ok(Step::End);
        };
        if walk.is_asking() {
            let min_id = walking::min_hint(files, file)?;
            walk.is_told(self::fences::or_unplaced(files, file, min_id)?);
        }
        let behind = self::fences::known_behind(files.segments, file);
        let mut source = files.bytes_of(file, length);
        let from = walk.offset;
        let mut first = None;
        let stepped = walk.advance(&mut source, &mut self.view, behind, |met| {
            first.get_or_insert(met.frame.id);
            take(met)
        });
        let read_bytes = source.read_bytes;
        self.walked_bytes =
            self.walked_bytes.saturating_add(walk.offset.saturating_sub(from).max(read_bytes));
        if let Some(first) = first.filter(|_| !has_met_any)
            && let Some(segment) = files.segments.get_mut(file)
        {
            segment.fence = Fence::Met(first);
        }
        if walk.walked().end == WalkedEnd::Damaged {
            files.segments.keep_bounds(file);
        }
        if let Some(segment) = files.segments.get_mut(file) {
            segment.note_walked(walk.walked());
        }
        stepped
    }
}

/// What becomes of a record that a walk has met.
enum Take {
    /// It was acknowledged or delivered before.
    Skip,
    Deliver,
    /// It stays where it is.
    Leave,
}
