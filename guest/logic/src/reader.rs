//! Reading: what comes next, and what is to be made of what is not as it should be.

use crate::directory::Directory;
use crate::losses::Losses;
use crate::ring::FileId;
use crate::seek::unread_part;
use crate::storage::{Mark, RecordId, ScanLimits, Scanned, Span, SpanState, Storage, StorageError};
use crate::survey::{NO_LIMIT, ONE_RECORD};
use crate::window::Window;

/// Whole records that follow each other in one data file, their ids without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The file that holds them.
    pub file: FileId,
    /// Where the first one's frame starts, in bytes.
    pub offset: u64,
    /// The length of all their frames.
    pub bytes: u64,
    /// The first one's id.
    pub first_id: RecordId,
    /// The id after the last one's last event.
    pub next_id: RecordId,
    /// How many records they are; at least 1.
    pub records: u32,
}

impl Run {
    fn of(file: FileId, span: &Span) -> Self {
        let Span { offset, bytes, first_id, next_id, records, .. } = *span;
        Self { file, offset, bytes, first_id, next_id, records }
    }

    /// Takes in the run that follows it, if it does so without a hole.
    fn extend(&mut self, next: &Self) -> bool {
        let follows = self.file == next.file
            && self.offset.checked_add(self.bytes) == Some(next.offset)
            && self.next_id == next.first_id;
        if follows {
            self.bytes = self.bytes.saturating_add(next.bytes);
            self.next_id = next.next_id;
            self.records = self.records.saturating_add(next.records);
        }
        follows
    }
}

/// What one call of `read` may still give.
struct Allowance {
    runs: Vec<Run>,
    records: u32,
    bytes: u64,
}

impl Allowance {
    fn spent(&self) -> bool {
        self.records == 0 || (self.bytes == 0 && !self.runs.is_empty())
    }

    /// The first record of all is given however long it is.
    fn covers(&self, span: &Span) -> bool {
        self.runs.is_empty() || span.bytes <= self.bytes
    }

    fn limits(&self) -> ScanLimits {
        ScanLimits { max_records: self.records, max_bytes: self.bytes, ..NO_LIMIT }
    }

    fn give(&mut self, run: Run) {
        self.records = self.records.saturating_sub(run.records);
        self.bytes = self.bytes.saturating_sub(run.bytes);
        if !self.runs.last_mut().is_some_and(|last| last.extend(&run)) {
            self.runs.push(run);
        }
    }
}

/// The reading side. It is in the oldest file of the window that it has not passed.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// How far it has come in that file.
    offset: u64,
    /// The id that comes next, unless it is lost.
    expected: RecordId,
    /// The id behind the last record that was given out.
    given_to: RecordId,
    /// It has not yet come to the record that it expects, after opening.
    seeking: bool,
    /// While it seeks: the id behind the last record that it has come past.
    sought_to: RecordId,
}

impl Reader {
    /// A reader whose first event is to be this one. It begins to look for that at the last mark before it, and passes the
    /// files that end before it.
    #[must_use]
    pub fn new(first_unread: RecordId, marks: &[Mark], window: &mut Window) -> Self {
        loop {
            let file = *window.reading();
            let before = |mark: &&Mark| {
                // A frame has at least one event.
                let is_before = mark.next_id > RecordId::FIRST && mark.next_id <= first_unread;
                mark.file == file.id && is_before && mark.offset <= file.length
            };
            let last = marks.iter().filter(before).max_by_key(|mark| mark.offset);
            let end = last.filter(|last| last.offset == file.length && file.id != window.newest().id);
            let Some(end) = end else {
                let offset = last.map_or(0, |mark| mark.offset);
                return Self {
                    offset,
                    expected: first_unread,
                    given_to: first_unread,
                    seeking: true,
                    sought_to: last.map_or(RecordId(0), |mark| mark.next_id),
                };
            };
            window.pass_reading(end.next_id);
        }
    }

    /// How far it has come in its file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The id behind all that was given out or is known to be lost before it.
    #[must_use]
    pub fn expected(&self) -> RecordId {
        self.expected
    }

    /// The id behind the last record that was given out: from here to [`expected`](Self::expected) all is lost.
    #[must_use]
    pub fn given_to(&self) -> RecordId {
        self.given_to
    }

    /// Gives the next records, at most so many and, from the second on, so many bytes.
    ///
    /// Damage, lost events and vanished files are counted and passed over. An error comes only when there is nothing to
    /// give: the next call meets it again.
    pub fn read(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        losses: &mut Losses,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<Vec<Run>, StorageError> {
        let mut allowance = Allowance { runs: Vec::new(), records: max_records, bytes: max_bytes };
        if self.seeking && !allowance.spent() {
            self.seek(storage, directory, losses)?;
        }
        while !allowance.spent() {
            match self.read_on(storage, directory, losses, &mut allowance) {
                Ok(true) => {}
                Err(error) if allowance.runs.is_empty() => return Err(error),
                Ok(false) | Err(_) => break,
            }
        }
        if self.at_the_end(&directory.window) {
            self.pass_gap(losses, directory.ledger.next_id());
        }
        Ok(allowance.runs)
    }

    /// The oldest file is dropped, which ends before `end_id`: reading goes on behind it. So many events of it were not read,
    /// and are not lost. The next event gets `next_id`.
    pub fn pass_dropped(
        &mut self,
        window: &mut Window,
        losses: &mut Losses,
        (end_id, next_id): (RecordId, RecordId),
        unread_events: u64,
    ) {
        if window.front().end_id.is_none() {
            debug_assert!(window.front().id == window.reading().id, "files are passed in order");
            window.pass_reading(end_id);
            self.offset = 0;
        }
        if end_id > self.expected {
            losses.passed_over(self.expected, end_id, unread_events);
            self.expected = end_id;
        }
        self.given_to = self.given_to.max(end_id);
        // What the ledger counts behind it is lost where nothing follows, and takes up room until that is known.
        if self.at_the_end(window) {
            self.pass_gap(losses, next_id);
        }
    }

    /// Goes one scan further. Answers whether there may be more.
    fn read_on(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        losses: &mut Losses,
        allowance: &mut Allowance,
    ) -> Result<bool, StorageError> {
        let Some((file, scanned)) = self.scan(storage, directory, allowance.limits())? else {
            return Ok(false);
        };
        for span in &scanned.spans {
            if span.state == SpanState::Whole && span.next_id > self.expected {
                let unread = unread_part(storage, file, span, self.expected)?;
                losses.skipped(span.bytes.saturating_sub(unread.bytes));
                self.offset = unread.offset;
                if !allowance.covers(&unread) {
                    return Ok(false);
                }
                self.pass_gap(losses, unread.first_id);
                self.expected = unread.next_id;
                self.given_to = unread.next_id;
                allowance.give(Run::of(file, &unread));
            } else {
                // Damage, or ids that were there already: no record of this buffer.
                losses.skipped(span.bytes);
            }
            self.offset = span.offset.saturating_add(span.bytes);
        }
        self.offset = scanned.next_offset;
        Ok(true)
    }

    /// Where nothing waits: passes over all that was acknowledged before opening.
    pub fn find_end(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        losses: &mut Losses,
    ) -> Result<(), StorageError> {
        if self.seeking { self.seek(storage, directory, losses) } else { Ok(()) }
    }

    /// Passes over what was acknowledged before opening, damage in it included.
    fn seek(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        losses: &mut Losses,
    ) -> Result<(), StorageError> {
        let mut damaged: u64 = 0;
        // In a buffer that is read to its end, or from its start, one record is all that needs to be looked at.
        let mut limits = ONE_RECORD;
        while let Some((file, scanned)) = self.scan(storage, directory, limits)? {
            limits = NO_LIMIT;
            for span in &scanned.spans {
                if span.state != SpanState::Whole {
                    damaged = damaged.saturating_add(span.bytes);
                } else if span.next_id <= self.expected {
                    self.sought_to = self.sought_to.max(span.next_id);
                    damaged = 0;
                } else {
                    let unread = unread_part(storage, file, span, self.expected)?;
                    if unread.first_id > self.expected {
                        losses.skipped(damaged);
                    }
                    self.offset = unread.offset;
                    self.seeking = false;
                    return Ok(());
                }
            }
            self.offset = scanned.next_offset;
        }
        if self.at_the_end(&directory.window) {
            if directory.ledger.next_id() > self.expected {
                losses.skipped(damaged);
            }
            self.seeking = false;
        }
        Ok(())
    }

    /// Scans on from where the reader is, in the next file if this one is read. `None`: nothing more is there. A torn frame
    /// at the end of the newest file is left where it is, and the next record comes in another file.
    fn scan(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        limits: ScanLimits,
    ) -> Result<Option<(FileId, Scanned)>, StorageError> {
        loop {
            self.leave_read_files(&mut directory.window);
            let file = directory.window.reading();
            if self.offset >= file.length {
                return Ok(None);
            }
            let (id, length) = (file.id, file.length);
            match storage.scan(id, self.offset, limits) {
                Ok(scanned) if scanned.next_offset > self.offset => {
                    let is_torn = scanned.spans.last().is_some_and(|span| span.state == SpanState::Torn);
                    if is_torn && id == directory.window.newest().id {
                        directory.window.seal_newest();
                    }
                    return Ok(Some((id, scanned)));
                }
                // Somebody has cut or removed the file. What was in it is missing among the ids that follow.
                Ok(_) if id != directory.window.newest().id => self.offset = length,
                Err(StorageError::NotFound) if directory.window.forget(id) => self.offset = 0,
                Ok(_) | Err(StorageError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Passes the files that are read to their end. To the newest more may come.
    pub fn leave_read_files(&mut self, window: &mut Window) {
        // What it still expects may be in the files that follow.
        let end_id = if self.seeking { self.sought_to } else { self.expected };
        while window.reading().id != window.newest().id && self.offset >= window.reading().length {
            window.pass_reading(end_id);
            self.offset = 0;
        }
    }

    fn at_the_end(&self, window: &Window) -> bool {
        window.reading().id == window.newest().id && self.offset >= window.newest().length
    }

    /// What comes next is `id`: all events before it are lost.
    fn pass_gap(&mut self, losses: &mut Losses, id: RecordId) {
        if id > self.expected {
            losses.found_on_reading(self.expected, id);
            self.expected = id;
        }
    }
}
