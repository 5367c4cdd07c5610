//! Which files the ledger may name, and what lies where the next records come.

use std::ops::Range;

use forebay_frame::{RecordId, Surroundings};

use super::{
    Guard, ScanLimits,
    file_account::Stretch,
    reopening::Phase,
    scan::{Verified, Walked},
    steps::distance,
    subject::Subject,
};
use crate::storage::{FileId, Ledger, StorageError};

/// A stretch of the guard's own walk.
const LIMITS: ScanLimits = ScanLimits { max_spans: u32::MAX, max_records: 4096, max_bytes: u64::MAX };

impl Guard {
    /// Vector's reader may have gone one file ahead of its writer. The window never fills the ring, so that it is these two
    /// files that are in use, in the order of the ring; nobody behind this has to know of another one.
    pub(super) fn turn_round(&mut self) -> Result<(), StorageError> {
        let is_ahead = |ledger: &Ledger| distance(ledger.writer_data_file, ledger.reader_data_file) == 1;
        let Some(found) = self.account.ledger().filter(is_ahead) else { return Ok(()) };
        let (writer_data_file, reader_data_file) = (found.reader_data_file, found.writer_data_file);
        self.take_back(Ledger { writer_data_file, reader_data_file, ..found })
    }

    /// Whether the reader passes nothing unacknowledged, and the writer does not go back.
    pub(super) fn may_name_files(&mut self, ledger: Ledger) -> Result<bool, StorageError> {
        let unread = ledger.reader_last_record.after(1);
        let Some(stored) = self.account.ledger() else {
            return self.begins_well(ledger);
        };
        let front = stored.reader_data_file;
        let reader = distance(front, ledger.reader_data_file);
        let writer = distance(front, ledger.writer_data_file);
        let named = distance(front, stored.writer_data_file);
        let passes = reader > 0 && self.is_unread_between(front, 0..reader, unread)?;
        if self.phase != Phase::Open {
            let goes_round = reader == 0 && writer != named && !self.is_ahead(ledger.writer_data_file)?;
            if !passes && !goes_round {
                return Ok(true);
            }
            // Where the stored ledger is right there is nothing to be mended.
            let last = RecordId(unread.0.saturating_sub(1));
            let is_right = self.begins_well(Ledger { reader_last_record: last, ..stored })?;
            return Ok(!is_right && self.begins_well(ledger)?);
        }
        let goes_back = writer < named && self.is_unread_between(front, writer + 1..named + 1, unread)?;
        // Whoever opens the buffer next takes a window that goes round the whole ring for one that begins with its end.
        let is_ahead = self.is_ahead(ledger.writer_data_file)?;
        Ok(!passes && !goes_back && reader <= writer && is_ahead)
    }

    /// Whether a file may be the last of those in use: it is nearer to their end than to their front, or its records come
    /// behind those of all files between.
    pub(super) fn is_ahead(&mut self, file: FileId) -> Result<bool, StorageError> {
        let Some(ledger) = self.account.ledger() else { return Ok(true) };
        if self.place(file).is_some() {
            return Ok(true);
        }
        let (front, unread) = (ledger.reader_data_file, ledger.reader_last_record.after(1));
        let Some(first) = self.first_unread_of(file, unread)? else { return Ok(false) };
        for other in self.files_from(front) {
            if distance(front, other) >= distance(front, file) {
                break;
            }
            self.look_through(other)?;
            if self.account.file(other).is_some_and(|account| account.seen_next > first) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How far behind the ledger's reader a file lies that is in use, or comes behind those that are. `None`: it is nearer to
    /// the front from the other side, where nobody reads.
    fn place(&self, file: FileId) -> Option<u32> {
        let ledger = self.account.ledger()?;
        let front = ledger.reader_data_file;
        let newest = self.account.newest().map_or(0, |newest| distance(front, newest));
        let end = newest.max(distance(front, ledger.writer_data_file));
        let steps = distance(front, file);
        let is_near = steps <= end || steps - end < FileId::MODULUS - steps;
        is_near.then_some(steps)
    }

    /// Whether a file so many steps behind `front` has a whole record that is unread.
    fn is_unread_between(
        &mut self,
        front: FileId,
        steps: Range<u32>,
        unread: RecordId,
    ) -> Result<bool, StorageError> {
        for file in self.files_from(front) {
            if steps.contains(&distance(front, file)) && self.first_unread_of(file, unread)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether whoever reads from the reader's file to the writer's, and on to what was made behind it, meets all that is
    /// unread in the order of the ids. Where the files are in no order at all, that is from the one that begins lowest to the
    /// one that ends highest.
    fn begins_well(&mut self, ledger: Ledger) -> Result<bool, StorageError> {
        let (front, writer) = (ledger.reader_data_file, ledger.writer_data_file);
        let unread = ledger.reader_last_record.after(1);
        let (mut in_order, mut within, mut end) = (true, true, RecordId(0));
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for file in self.files_from(front) {
            let Some(first_unread) = self.first_unread_of(file, unread)? else { continue };
            self.look_through(file)?;
            let next = self.account.file(file).map_or(first_unread, |account| account.seen_next);
            let first = self.first_in_file(file, RecordId(0))?.unwrap_or(first_unread);
            in_order &= first_unread >= end;
            // What lies outside belongs to the end that is nearer.
            within &= distance(front, file) <= distance(front, writer)
                || distance(writer, file) < distance(file, front);
            end = next;
            starts.push((first, file));
            ends.push((next, file));
        }
        let is_ahead = ends.last().is_none_or(|(_, last)| {
            let (last, writer) = (distance(front, *last), distance(front, writer));
            writer <= last || writer - last < FileId::MODULUS - writer
        });
        let lowest = starts.iter().min().is_none_or(|(_, file)| *file == front);
        let highest = ends.iter().max().is_none_or(|(_, file)| *file == writer);
        // Where something is whole between the two, the ids say what lies behind it.
        Ok(is_ahead && if in_order { within || self.has_records(front, writer)? } else { lowest && highest })
    }

    /// Whether anything is whole in the files from one to another, read or unread.
    fn has_records(&mut self, front: FileId, writer: FileId) -> Result<bool, StorageError> {
        for file in self.files_from(front) {
            let is_between = distance(front, file) <= distance(front, writer);
            if is_between && self.first_unread_of(file, RecordId(0))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The files in the order of the ring.
    pub(super) fn files_from(&self, front: FileId) -> Vec<FileId> {
        let mut files = self.account.file_ids();
        files.sort_by_key(|file| distance(front, *file));
        files
    }

    /// The first whole record of a file that is unread, by all that can be read of it now.
    pub(super) fn first_unread_of(
        &mut self,
        file: FileId,
        unread: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        let is_done =
            self.account.file(file).is_none_or(|account| account.is_seen() && account.seen_next <= unread);
        match if is_done { Ok(None) } else { self.first_in_file(file, unread) } {
            Err(StorageError::NotFound { .. }) => Ok(None),
            first => first,
        }
    }

    /// Records come behind all that is there. What lies where they come was looked at by now, if the logic is in order; what
    /// it has left out, the host looks at itself.
    pub(super) fn find_end(&mut self) -> Result<(), StorageError> {
        if self.is_end_known {
            return Ok(());
        }
        let from = self.found.map_or(0, |found| distance(found.reader_data_file, found.writer_data_file));
        let front = self.found.map(|found| found.reader_data_file);
        let mut behind = self.account.file_ids();
        behind.retain(|file| front.is_none_or(|front| distance(front, *file) >= from));
        for file in behind {
            self.look_through(file)?;
            let next = self.account.file(file).map_or(RecordId(0), |account| account.seen_next);
            self.account.found_records(next);
        }
        self.is_end_known = true;
        Ok(())
    }

    /// Reads a file that was not looked at to its end.
    pub(super) fn look_through(&mut self, file: FileId) -> Result<(), StorageError> {
        self.walk_through(file, |_| {})
    }

    /// The same, and tells what is whole in it.
    pub(super) fn walk_through(
        &mut self,
        file: FileId,
        mut found: impl FnMut(&Verified),
    ) -> Result<(), StorageError> {
        let Some(account) = self.account.file(file).filter(|account| !account.is_seen()) else {
            return Ok(());
        };
        let length = account.length;
        let ceiling = self.account.ceiling();
        let mut around = Surroundings::at_start(ceiling);
        let mut offset = 0;
        while offset < length {
            let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
            let walked = self.scanner.walk_on(&mut subject, offset, around, LIMITS)?;
            if walked.next_offset <= offset {
                break;
            }
            walked.records.iter().for_each(&mut found);
            let last = walked.records.last();
            let whole = last.map(|last| (last.offset.saturating_add(last.frame_bytes), last.next_id()));
            let Walked { next_offset: to, damaged_at, torn_at, .. } = walked;
            self.account.seen(file, &Stretch { from: offset, to, whole, damaged_at, torn_at });
            (offset, around) = (walked.next_offset, Surroundings { ceiling, ..walked.around });
        }
        Ok(())
    }
}
