//! Opening with what is remembered of before. Nothing of it is believed that cannot be checked: what is remembered may be
//! older than the files, newer than them, or of other files under the same names.

use std::error::Error;

use forebay_frame::{END_BYTES, RecordId, Surroundings, decode, frame_bytes_by_end};
use tracing::{debug, warn};

use super::{
    Guard, Mark, ScanLimits,
    delivery::Cursor,
    reconcile::{Present, reconcile},
    steps::distance,
    subject::Subject,
};
use crate::storage::{FileId, Ledger, Memo, Recalled, StorageError};

/// What is kept between the making of the guard and the end of the logic's opening.
#[derive(Debug)]
pub(super) struct Before {
    memo: Option<Memo>,
    /// Whether the machine has been up since that was noted.
    is_same_boot: bool,
    /// The ledger's last acknowledged event before the logic saw it.
    last: Option<RecordId>,
    /// How long the data files were then: logic may remove what is done with as it opens the buffer.
    lengths: Vec<(FileId, u64)>,
}

impl Guard {
    /// Takes in what is remembered, before the logic is asked anything.
    pub(super) fn recall(&mut self, recalled: Option<Recalled>) -> Result<(), StorageError> {
        if let Some(recalled) = &recalled {
            let mut is_of_these_files = false;
            for mark in &recalled.memo.marks {
                // What cannot be read is met again by whoever needs it.
                let Ok(Some(around)) = self.verify(*mark) else { continue };
                is_of_these_files = true;
                // After a power loss something may be missing before a mark, of what was not synced.
                if recalled.same_boot || recalled.clean {
                    self.account.marked(*mark);
                    self.scanner.mark(*mark, around);
                }
            }
            if let Some(ledger) = self.better_ledger(recalled, is_of_these_files)? {
                self.take_back(ledger)?;
            }
            if recalled.same_boot && recalled.memo.is_degraded {
                warn!("a sync has failed and was not made up for: all data files are written anew");
                self.account.found_degraded();
            }
        }
        self.take_back_overrun(recalled.as_ref().map(|recalled| recalled.memo.ledger))?;
        if let Some(ledger) = self.account.ledger()
            && let Some(ids) = recalled.as_ref().and_then(|recalled| recalled.in_question(&ledger))
        {
            // The ledger stands: what another program has delivered does not come again.
            warn!(
                first_id = ids.start.0,
                last_id = ids.end.0.saturating_sub(1),
                last_acknowledged = ledger.reader_last_record.0,
                "since the buffer was closed these records were acknowledged, or are not any more, and nothing else has \
                 changed: unless another program has read from it, the ledger is damaged"
            );
        }
        let last = self.account.ledger().map(|ledger| ledger.reader_last_record);
        let lengths = self.account.files().map(|(file, account)| (file, account.length)).collect();
        let is_same_boot = recalled.as_ref().is_some_and(|recalled| recalled.same_boot);
        let memo = recalled.map(|recalled| recalled.memo);
        self.before = Some(Before { memo, is_same_boot, last, lengths });
        Ok(())
    }

    /// Reads the frame that should end at a mark. `None` if there is none, or another one: then the file was cut, or is
    /// another one by now.
    fn verify(&mut self, mark: Mark) -> Result<Option<Surroundings>, StorageError> {
        let Some(length) = self.account.file(mark.file).map(|account| account.length) else {
            return Ok(None);
        };
        let end_bytes = u64::try_from(END_BYTES).unwrap_or(u64::MAX);
        let Some(end_at) = mark.offset.checked_sub(end_bytes).filter(|_| mark.offset <= length) else {
            return Ok(None);
        };
        let ceiling = self.account.ceiling();
        let mut subject = Subject::new(&mut *self.backend, &self.account, mark.file, length);
        let end = self.scanner.windows.read_block(&mut subject, end_at, end_bytes)?;
        let bytes = end.first_chunk().and_then(|end| frame_bytes_by_end(*end));
        let Some((bytes, start)) = bytes.and_then(|bytes| Some((bytes, mark.offset.checked_sub(bytes)?)))
        else {
            return Ok(None);
        };
        let block = self.scanner.windows.read_block(&mut subject, start, bytes)?;
        let frame =
            decode(&block).ok().filter(|frame| frame.bytes == bytes && frame.next_id() == mark.next_id);
        let around = Surroundings::at_start(ceiling);
        Ok(frame.map(|frame| around.after(&frame)))
    }

    /// Whoever begins at the marks comes to other ends than whoever reads all: nothing of them is believed any more. False if
    /// there were none.
    pub(crate) fn doubt_marks(&mut self) -> bool {
        let marks = self.scanner.marks();
        for mark in &marks {
            self.account.doubt(mark.file);
        }
        self.scanner.forget_marks();
        !marks.is_empty()
    }

    /// The logic has opened the buffer: where delivery starts, and what has gone through it.
    pub(super) fn settle_usage(&mut self, before: &Before) {
        let next_id = self.account.next_id();
        let ledger = self.account.ledger().unwrap_or(Ledger { writer_next_record: next_id, ..Ledger::EMPTY });
        let ledger = Ledger { writer_next_record: next_id, ..ledger };
        let first_unread = ledger.reader_last_record.after(1);
        self.tally.place = Some((ledger.reader_data_file, 0));
        let found = self.find_first_unread(ledger.reader_data_file, first_unread);
        let place = found.unwrap_or_else(|error| {
            let error: &dyn Error = &error;
            warn!(error, "the first record that waits cannot be read yet");
            self.tally.place
        });
        self.tally.reader = self.best_mark(ledger.reader_data_file, first_unread);
        // Where nothing waits, the last file is the one with the last record that was acknowledged, named or not.
        let end = self.end_of_files(first_unread.after(u64::from(place.is_some())));
        let to_end = place.zip(end).and_then(|(place, end)| self.bytes_between(place, end));
        let waiting_bytes = to_end.unwrap_or(0);
        let went_on = |memo: &&Memo| memo.ledger.reader_last_record < ledger.reader_last_record;
        let noted = before.memo.as_ref().filter(went_on).and_then(|memo| memo.place);
        let moved = noted
            .zip(place.or(end))
            .and_then(|(from, to)| bytes_between(before.lengths.iter().copied(), from, to));
        let sent_bytes = moved.unwrap_or(0);
        let (last_before, is_same_boot) = (before.last, before.is_same_boot);
        let present = Present { is_same_boot, last_before, ledger, waiting_bytes, sent_bytes };
        let usage = reconcile(before.memo.as_ref(), &present);
        debug!(?usage, "what has gone through the buffer until now");
        self.tally.open(usage);
        self.tally.place = place.or(end).or(self.tally.place);
    }

    /// The mark in a file that is nearest to this event, and before it.
    pub(super) fn best_mark(&self, file: FileId, first_unread: RecordId) -> Option<Mark> {
        let marks = self.scanner.marks().into_iter();
        marks.filter(|mark| mark.file == file && mark.next_id <= first_unread).max_by_key(|mark| mark.offset)
    }

    /// A cursor where delivery starts: at the nearest mark.
    pub(super) fn first_cursor(&self, ledger: Ledger) -> Cursor {
        let first = ledger.reader_last_record.after(1);
        let mark = self.best_mark(ledger.reader_data_file, first);
        let around = mark.and_then(|mark| self.scanner.around_mark(mark));
        match (mark, around) {
            (Some(mark), Some(around)) => Cursor::at(mark.file, mark.offset, around, first),
            _ => Cursor::start_of(ledger.reader_data_file, first),
        }
    }

    /// Where the first record is that waits; `None` if none does. Puts a mark in front of it.
    pub(super) fn find_first_unread(
        &mut self,
        front: FileId,
        first_unread: RecordId,
    ) -> Result<Option<(FileId, u64)>, StorageError> {
        let ceiling = self.account.ceiling();
        let mut next = self.account.file(front).map(|account| (front, account.length));
        while let Some((file, length)) = next {
            let mark = self.best_mark(file, first_unread);
            let known = mark.and_then(|mark| Some((mark.offset, self.scanner.around_mark(mark)?)));
            let start = Surroundings::at_start(ceiling);
            let (mut offset, mut around) = known.unwrap_or((0, start));
            let mut max_records = 1;
            while offset < length {
                let limits = ScanLimits { max_spans: u32::MAX, max_records, max_bytes: u64::MAX };
                let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
                let walked =
                    self.scanner.walk_on(&mut subject, offset, Surroundings { ceiling, ..around }, limits)?;
                let at = walked.records.partition_point(|record| record.next_id() <= first_unread);
                if let Some(last) = at.checked_sub(1).and_then(|last| walked.records.get(last)) {
                    let (offset, around) = last.end();
                    self.scanner.mark(Mark { file, offset, next_id: last.next_id() }, around);
                }
                if let Some(record) = walked.records.get(at) {
                    return Ok(Some((file, record.offset)));
                }
                if walked.next_offset <= offset {
                    break;
                }
                (offset, around) = (walked.next_offset, walked.around);
                max_records = (max_records * 8).min(4096);
            }
            next = self.account.follower(file);
        }
        Ok(None)
    }

    /// The end of the last file that the ledger names, or that reaches to an id.
    pub(super) fn end_of_files(&self, next_id: RecordId) -> Option<(FileId, u64)> {
        let ledger = self.account.ledger()?;
        let front = ledger.reader_data_file;
        let steps = |file| distance(front, file);
        let in_use = self.account.files().filter(|&(file, account)| {
            steps(file) <= steps(ledger.writer_data_file) || account.seen_next >= next_id
        });
        in_use.max_by_key(|&(file, _)| steps(file)).map(|(file, account)| (file, account.length))
    }

    /// How many bytes lie between where the first unacknowledged record began and where it begins now, as far as the
    /// files between are there.
    pub(super) fn bytes_between(&self, from: (FileId, u64), to: (FileId, u64)) -> Option<u64> {
        let lengths = self.account.files().map(|(file, account)| (file, account.length));
        bytes_between(lengths, from, to)
    }

    /// Notes what may help the next opening.
    pub(super) fn remember(&mut self) {
        self.remember_at(self.account.ledger());
    }

    /// The same, with the ledger that is about to be stored.
    pub(super) fn remember_at(&mut self, ledger: Option<Ledger>) {
        // Before the logic has opened the buffer nothing is known that was not noted before.
        if let Some(memo) = self.memo_at(ledger).filter(|_| self.before.is_none()) {
            self.tally.noted(memo.ledger);
            self.backend.remember(&memo);
        }
    }

    /// What is to be noted.
    pub(super) fn memo(&self) -> Option<Memo> {
        self.memo_at(self.account.ledger())
    }

    fn memo_at(&self, ledger: Option<Ledger>) -> Option<Memo> {
        let ledger = Ledger { writer_next_record: self.account.next_id(), ..ledger? };
        let mut marks: Vec<_> = self.tally.reader.into_iter().chain(self.account.marks()).collect();
        marks.retain(|mark| self.is_markable(mark.file));
        let is_degraded = self.account.is_degraded();
        Some(Memo { ledger, usage: self.tally.usage(), place: self.tally.place, marks, is_degraded })
    }
}

/// How many bytes lie between two places, in files of these lengths.
fn bytes_between(
    files: impl Iterator<Item = (FileId, u64)> + Clone,
    from: (FileId, u64),
    to: (FileId, u64),
) -> Option<u64> {
    if from.0 == to.0 {
        return to.1.checked_sub(from.1);
    }
    let steps = distance(from.0, to.0);
    let first = files.clone().find_map(|(file, length)| (file == from.0).then_some(length))?;
    let first = first.checked_sub(from.1)?;
    let between = files.filter(|&(file, _)| (1..steps).contains(&distance(from.0, file)));
    let between = between.fold(first, |sum, (_, length)| sum.saturating_add(length));
    Some(between.saturating_add(to.1))
}
