//! Where delivery stands, by the host's own walk through the files: what is handed to a consumer is the next whole record
//! that is not acknowledged, and none is left out.
//!
//! The logic finds its own way. Where it goes on exactly where the last record ended there is nothing to do; where it
//! leaves something out, the guard reads what lies between, and there must be no whole record in it.

use forebay_frame::{RecordId, Surroundings};

use super::{
    Guard, Loss, ReadRecord, ScanLimits,
    losses::{LossCount, PassedOver},
    steps::{ahead, distance},
    subject::Subject,
};
use crate::{
    logic::Run,
    storage::{Amount, FileId, Ledger, Mark, StorageError},
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

    /// The end of a frame that was checked.
    pub(super) fn at(file: FileId, offset: u64, around: Surroundings, expected: RecordId) -> Self {
        Self { file, offset, around, expected }
    }

    /// The offset, if it stands in this file.
    pub(super) fn offset_in(&self, file: FileId) -> Option<u64> {
        (self.file == file).then_some(self.offset)
    }

    /// Where it stands, and what is known there.
    pub(super) fn mark(&self) -> (Mark, Surroundings) {
        (Mark { file: self.file, offset: self.offset, next_id: self.expected }, self.around)
    }

    /// The file was cut to this length.
    pub(super) fn cut(&mut self, file: FileId, length: u64) {
        if self.file == file && self.offset > length {
            *self = Self { offset: length, around: fresh(), ..*self };
        }
    }

    /// Records are placed here, behind all that waits: where it has gone beyond, nothing waits there.
    pub(super) fn go_back(&mut self, front: FileId, file: FileId, offset: u64) {
        if distance(front, file) < distance(front, self.file) {
            *self = Self { file, offset, around: fresh(), ..*self };
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
    Surroundings::at_start(RecordId(u64::MAX))
}

impl Guard {
    /// The logic has opened the buffer. What it has passed in doing so is lost: nothing whole was, by the guard's own check.
    pub(super) fn start_delivery(&mut self, ledger: Ledger) {
        let first = ledger.reader_last_record.after(1);
        self.cursor = Some(self.first_cursor(ledger));
        self.losses.start(first);
        let Some(found) = self.found else { return };
        let front = found.reader_data_file;
        let steps = distance(front, ledger.reader_data_file);
        if steps <= distance(front, found.writer_data_file) && self.account.file(front).is_none() {
            self.passed_over.missing(front);
            let mut passed = std::mem::take(&mut self.passed_over);
            self.note_missing(front, ledger.reader_data_file, &mut passed);
            self.passed_over = passed;
        }
        if found.reader_last_record < ledger.reader_last_record {
            self.losses.start(found.reader_last_record.after(1));
            // Whatever cannot be read now is met again by whoever reads.
            let _ = self.next_undelivered();
            self.losses.find(first, std::mem::take(&mut self.passed_over));
            self.losses.tell_before(first);
        }
    }

    /// From now on, until [`collect`](Self::collect), records that are scanned are kept.
    pub fn start_reading(&mut self) {
        self.scanner.start_reading();
    }

    /// The records that these runs name, which must have been read and checked since
    /// [`start_reading`](Self::start_reading) and be the next ones. `None` if a run names anything else.
    pub fn collect(&mut self, runs: &[Run]) -> Option<Vec<ReadRecord>> {
        let before = self.cursor;
        let collected = self.collect_runs(runs);
        if collected.is_none() {
            // None of them is handed out: they are still to come.
            self.cursor = before;
        }
        collected
    }

    fn collect_runs(&mut self, runs: &[Run]) -> Option<Vec<ReadRecord>> {
        let mut read = self.scanner.take_read();
        let mut records = Vec::new();
        for run in runs {
            let behind = read.take(run, &mut records)?;
            // Whatever names them again is refused.
            if !self.deliver(run, behind).ok()? {
                return None;
            }
        }
        let mut rest = records.as_mut_slice();
        for run in runs {
            let (of_run, others) = rest.split_at_mut_checked(usize::try_from(run.records).ok()?)?;
            rest = others;
            self.tally.delivered(*run, of_run);
            let incarnation = self.incarnations.of(run.first_id);
            let is_one = self.incarnations.of(run.next_id) == incarnation;
            for record in of_run {
                record.incarnation = if is_one { incarnation } else { self.incarnations.of(record.id) };
            }
        }
        Some(records)
    }

    /// Whether a run is what is to be delivered next. Delivery then stands behind it, and knows what the scan knew there: what
    /// lies behind it is the same for both.
    fn deliver(&mut self, run: &Run, behind: Surroundings) -> Result<bool, StorageError> {
        let Some(mut cursor) = self.cursor else { return Ok(false) };
        let goes_on =
            (cursor.file, cursor.offset) == (run.file, run.offset) && run.first_id >= cursor.expected;
        if !goes_on {
            let next = self.next_undelivered_from(&mut cursor)?;
            if next != Some(Place { file: run.file, offset: run.offset, id: run.first_id }) {
                return Ok(false);
            }
        }
        self.losses.deliver(run.first_id, run.next_id, std::mem::take(&mut self.passed_over));
        let offset = run.offset.saturating_add(run.bytes);
        self.cursor = Some(Cursor { file: run.file, offset, around: behind, expected: run.next_id });
        Ok(true)
    }

    /// The id of the next whole record that was not delivered, if there is one.
    pub(super) fn next_undelivered(&mut self) -> Result<Option<RecordId>, StorageError> {
        let Some(mut cursor) = self.cursor else { return Ok(None) };
        Ok(self.next_undelivered_from(&mut cursor)?.map(|place| place.id))
    }

    /// Goes on to the next whole record that was not delivered, and takes note of what lies before it.
    fn next_undelivered_from(&mut self, cursor: &mut Cursor) -> Result<Option<Place>, StorageError> {
        let mut passed = std::mem::take(&mut self.passed_over);
        let next = self.next_whole(cursor, &mut passed);
        self.passed_over = passed;
        // Also after an error: what was passed over is not passed again.
        self.cursor = Some(*cursor);
        next
    }

    /// The logic gives nothing to deliver. Where nothing is left, what was not come to is lost, and is told: nobody else will
    /// come to it. Otherwise gives the id of the record that the logic keeps back.
    pub fn reached_end(&mut self) -> Result<Option<RecordId>, StorageError> {
        let next = self.account.next_id();
        if self.losses.come_to() < next {
            if let Some(waits) = self.next_undelivered()? {
                return Ok(Some(waits));
            }
            self.losses.find(next, std::mem::take(&mut self.passed_over));
        }
        self.losses.tell_before(next);
        Ok(None)
    }

    /// The consumer gets this record, or it was dropped: losses in front of it are told.
    pub fn come_to(&mut self, id: RecordId) {
        self.losses.tell_before(id);
    }

    /// The losses that were told and not taken yet; of very many, the newest.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        self.losses.take()
    }

    pub(crate) fn loss_count(&self) -> LossCount {
        self.losses.count()
    }

    /// The first whole record of a file that holds this event or later ones.
    pub(super) fn first_in_file(
        &mut self,
        file: FileId,
        id: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        Ok(self
            .next_in_file(&mut Cursor::start_of(file, id), &mut PassedOver::default())?
            .map(|place| place.id))
    }

    /// Shows all whole records of a file.
    pub(super) fn for_each_record_in(
        &mut self,
        file: FileId,
        mut show: impl FnMut(RecordId, Amount),
    ) -> Result<(), StorageError> {
        let length = self.account.file(file).map_or(0, |account| account.length);
        let ceiling = self.account.ceiling();
        let (mut offset, mut around) = (0, fresh());
        while offset < length {
            let around_here = Surroundings { ceiling, ..around };
            let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
            let walked = self.scanner.walk_on(&mut subject, offset, around_here, LIMITS)?;
            for record in &walked.records {
                show(record.id, Amount::new(record.events.get().into(), record.frame_bytes));
            }
            if walked.next_offset <= offset {
                break;
            }
            (offset, around) = (walked.next_offset, walked.around);
        }
        Ok(())
    }

    /// The first whole record from a file on, in the order of the ring, that holds this event or later ones.
    pub(super) fn first_whole(
        &mut self,
        from: FileId,
        id: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        Ok(self
            .next_whole(&mut Cursor::start_of(from, id), &mut PassedOver::default())?
            .map(|place| place.id))
    }

    /// Moves on to the next whole record that is to be delivered, over what is damaged, repeated or empty, and through all
    /// files that follow on the ring.
    fn next_whole(
        &mut self,
        cursor: &mut Cursor,
        passed: &mut PassedOver,
    ) -> Result<Option<Place>, StorageError> {
        loop {
            match self.next_in_file(cursor, passed) {
                Ok(Some(place)) => return Ok(Some(place)),
                Ok(None) => {}
                // Somebody has removed it while the buffer is open: it is a loss, as it would be on the next opening.
                Err(StorageError::NotFound { .. }) => passed.missing(cursor.file),
                Err(error) => return Err(error),
            }
            // The file that is appended to last is where records will come.
            let Some((next, _)) = self.account.follower(cursor.file) else { return Ok(None) };
            self.note_missing(cursor.file, next, passed);
            *cursor = Cursor::start_of(next, cursor.expected);
        }
    }

    /// Takes note of the files that are not there between one that is, or should be, and another.
    pub(super) fn note_missing(&self, from: FileId, to: FileId, passed: &mut PassedOver) {
        let between = (1..distance(from, to)).map(|steps| ahead(from, steps));
        for file in between.filter(|file| self.account.file(*file).is_none()).take(passed.room()) {
            passed.missing(file);
        }
    }

    fn next_in_file(
        &mut self,
        cursor: &mut Cursor,
        passed: &mut PassedOver,
    ) -> Result<Option<Place>, StorageError> {
        let Some(length) = self.account.file(cursor.file).map(|account| account.length) else {
            return Ok(None);
        };
        let (file, ceiling) = (cursor.file, self.account.ceiling());
        // What comes first is mostly what is wanted.
        let mut limits = ScanLimits { max_records: 1, ..LIMITS };
        while cursor.offset < length {
            let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
            let around = Surroundings { ceiling, ..cursor.around };
            let walked = self.scanner.walk_on(&mut subject, cursor.offset, around, limits)?;
            limits = LIMITS;
            let at = walked.records.iter().position(|record| record.next_id() > cursor.expected);
            let before = walked.records.get(..at.unwrap_or(walked.records.len())).unwrap_or_default();
            let mut from = cursor.offset;
            if let Some(last) = before.last().filter(|_| !self.losses.has_delivered()) {
                // It was acknowledged before the buffer was opened, and what lies before it is done with.
                *passed = PassedOver::default();
                from = last.offset.saturating_add(last.frame_bytes);
            }
            let wanted = at.and_then(|at| walked.records.get(at));
            passed.stretch(file, from, wanted.map_or(walked.next_offset, |record| record.offset));
            if let Some(record) = wanted {
                let around = Surroundings { floor: record.id, exact: true, ceiling };
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
