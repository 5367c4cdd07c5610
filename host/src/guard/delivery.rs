//! Where delivery stands, by the host's own walk through the files: what is handed to a consumer is the next whole record
//! that is not acknowledged, and none is left out.
//!
//! The logic finds its own way. Where it goes on exactly where the last record ended there is nothing to do; where it
//! leaves something out, the guard reads what lies between, and there must be no whole record in it.

use forebay_frame::{RecordId, Surroundings};

use super::{Guard, ScanLimits, subject::Subject};
use crate::{
    logic::Run,
    storage::{FileId, StorageError},
};

/// A stretch of the guard's own walk.
const LIMITS: ScanLimits = ScanLimits { max_spans: u32::MAX, max_records: 4096, max_bytes: u64::MAX };

/// A place in the files, and what comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    file: FileId,
    offset: u64,
    around: Surroundings,
    /// The lowest event that is still to be delivered.
    pub(super) expected: RecordId,
}

/// A whole record that is to be delivered next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    file: FileId,
    offset: u64,
    id: RecordId,
}

impl Cursor {
    /// The start of a file, where events from this id on are wanted.
    pub(super) fn start_of(file: FileId, expected: RecordId) -> Self {
        Self { file, offset: 0, around: fresh(), expected }
    }

    /// The offset, if it stands in this file.
    pub(super) fn offset_in(&self, file: FileId) -> Option<u64> {
        (self.file == file).then_some(self.offset)
    }

    /// The file was cut to this length.
    pub(super) fn cut(&mut self, file: FileId, length: u64) {
        if self.file == file && self.offset > length {
            *self = Self { offset: length, around: fresh(), ..*self };
        }
    }

    /// Files before this one do not count any more, nor do events up to `last`.
    pub(super) fn pass(&mut self, front: FileId, last: RecordId, is_passed: bool) {
        if is_passed {
            *self = Self::start_of(front, self.expected);
        }
        self.expected = self.expected.max(last.after(1));
    }

    pub(super) fn file(&self) -> FileId {
        self.file
    }
}

fn fresh() -> Surroundings {
    Surroundings { floor: RecordId(1), exact: false, ceiling: RecordId(u64::MAX) }
}

impl Guard {
    /// Whether a run is what is to be delivered next. Delivery then stands behind it.
    pub(super) fn deliver(&mut self, run: &Run) -> Result<bool, StorageError> {
        let Some(mut cursor) = self.cursor else { return Ok(false) };
        let goes_on =
            (cursor.file, cursor.offset) == (run.file, run.offset) && run.first_id >= cursor.expected;
        if !goes_on {
            let next = self.next_whole(&mut cursor)?;
            if next != Some(Place { file: run.file, offset: run.offset, id: run.first_id }) {
                return Ok(false);
            }
        }
        let around = Surroundings { floor: run.first_id.after(1), exact: false, ceiling: RecordId(u64::MAX) };
        let offset = run.offset.saturating_add(run.bytes);
        self.cursor = Some(Cursor { file: run.file, offset, around, expected: run.next_id });
        Ok(true)
    }

    /// The id of the next whole record that was not delivered, if there is one.
    pub(super) fn next_undelivered(&mut self) -> Result<Option<RecordId>, StorageError> {
        let Some(mut cursor) = self.cursor else { return Ok(None) };
        let next = self.next_whole(&mut cursor)?;
        self.cursor = Some(cursor);
        Ok(next.map(|place| place.id))
    }

    /// The first whole record of a file that holds this event or later ones.
    pub(super) fn first_in_file(
        &mut self,
        file: FileId,
        id: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        Ok(self.next_in_file(&mut Cursor::start_of(file, id))?.map(|place| place.id))
    }

    /// How many events from one id to another the whole records of a file hold.
    pub(super) fn events_in_file(
        &mut self,
        file: FileId,
        from: RecordId,
        to: RecordId,
    ) -> Result<u64, StorageError> {
        let length = self.account.file(file).map_or(0, |account| account.length);
        let ceiling = self.account.next_id();
        let (mut offset, mut around, mut events) = (0, fresh(), 0_u64);
        while offset < length {
            let around_here = Surroundings { ceiling, ..around };
            let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
            let walked = self.scanner.walk_on(&mut subject, offset, around_here, LIMITS)?;
            let counted = walked.records.iter().filter(|record| record.id >= from && record.id <= to);
            events = counted.fold(events, |sum, record| sum.saturating_add(record.events.get().into()));
            if walked.next_offset <= offset {
                break;
            }
            (offset, around) = (walked.next_offset, walked.around);
        }
        Ok(events)
    }

    /// The first whole record from a file on, in the order of the ring, that holds this event or later ones.
    pub(super) fn first_whole(
        &mut self,
        from: FileId,
        id: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        Ok(self.next_whole(&mut Cursor::start_of(from, id))?.map(|place| place.id))
    }

    /// Moves on to the next whole record that is to be delivered, over what is damaged, repeated or empty, and through all
    /// files that follow on the ring.
    fn next_whole(&mut self, cursor: &mut Cursor) -> Result<Option<Place>, StorageError> {
        loop {
            if let Some(place) = self.next_in_file(cursor)? {
                return Ok(Some(place));
            }
            // The file that is appended to last is where records will come.
            let Some((next, _)) = self.account.follower(cursor.file) else { return Ok(None) };
            *cursor = Cursor::start_of(next, cursor.expected);
        }
    }

    fn next_in_file(&mut self, cursor: &mut Cursor) -> Result<Option<Place>, StorageError> {
        let Some(length) = self.account.file(cursor.file).map(|account| account.length) else {
            return Ok(None);
        };
        let (file, ceiling) = (cursor.file, self.account.next_id());
        while cursor.offset < length {
            let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
            let around = Surroundings { ceiling, ..cursor.around };
            let walked = self.scanner.walk_on(&mut subject, cursor.offset, around, LIMITS)?;
            let wanted = walked.records.iter().find(|record| record.next_id() > cursor.expected);
            if let Some(record) = wanted {
                let around = Surroundings { floor: record.id, exact: false, ceiling };
                *cursor = Cursor { offset: record.offset, around, ..*cursor };
                return Ok(Some(Place { file, offset: record.offset, id: record.id }));
            }
            if walked.next_offset <= cursor.offset {
                break;
            }
            *cursor = Cursor { offset: walked.next_offset, around: walked.around, ..*cursor };
        }
        Ok(None)
    }
}
