//! Room: what the operator allows, what the disk has refused, and so which records may be dropped.
//!
//! Records that wait may go for two reasons. The operator chose `drop-oldest`, and the records on offer find no room. Or the
//! operator retains the newest events only, and so many lie behind. Either is decided here, and nowhere else.

use forebay_types::{Ledger, Refusal};

use super::{Guard, GuardError};
use crate::{
    record::NewRecord,
    rules::Offer,
    segments::Segments,
    storage::{Amount, StorageError},
};

/// The operator's limits, and what the disk has refused.
#[derive(Debug)]
pub(super) struct Room {
    /// The most that all data files may hold, in bytes.
    pub(super) max_bytes: u64,
    /// How many data files there may be.
    pub(super) max_files: usize,
    /// The most events that may wait.
    pub(super) max_events: Option<u64>,
    /// The length that a segment passes only with a single record.
    file_bytes: Option<u64>,
    /// The operator lets the oldest segments go when there is no room.
    drops_oldest: bool,
    /// The operator lets segments go behind which so many events wait.
    retained: Option<u64>,
    shortage: Option<Shortage>,
    /// Events that were dropped because newer ones are retained, and not for room.
    dropped_beyond_retention: u64,
}

/// The disk had no room when it was last written to.
#[derive(Clone, Copy, Debug)]
struct Shortage {
    /// What was to be written, in bytes; 0 for the name of a file.
    needed: u64,
    /// How long the segments were that were dropped since. `None`: none was.
    dropped: Option<u64>,
}

/// Why segments may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Newer events wait, as many as the operator retains.
    Retention,
    /// The limits leave no room for what is on offer.
    Limits,
    /// The disk has no room.
    Disk,
    /// Only lost ids are passed with the segments.
    NothingWaits,
}

impl Room {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            max_files: usize::MAX,
            max_events: None,
            file_bytes: None,
            drops_oldest: false,
            retained: None,
            shortage: None,
            dropped_beyond_retention: 0,
        }
    }

    /// How many bytes of damaged data files may be kept aside: an eighth of what the buffer itself may take.
    pub(super) fn bytes_kept_aside(&self) -> u64 {
        self.max_bytes / 8
    }

    /// Whether the operator lets go of any record that waits.
    pub(super) fn lets_go(&self) -> bool {
        self.drops_oldest || self.retained.is_some()
    }

    /// How a write has ended that needed so many bytes.
    pub(super) fn note_write<T>(&mut self, written: &Result<T, StorageError>, bytes: u64) {
        match written {
            Err(StorageError::NoSpace { .. }) => self.note_refusal(bytes),
            _ => self.shortage = None,
        }
    }

    /// How the making of a file has ended. That there is room for a name says nothing of room for bytes.
    pub(super) fn note_file<T>(&mut self, made: &Result<T, StorageError>) {
        if let Err(StorageError::NoSpace { .. }) = made {
            self.note_refusal(0);
        }
    }

    fn note_refusal(&mut self, needed: u64) {
        let dropped = self.shortage.and_then(|shortage| shortage.dropped);
        self.shortage = Some(Shortage { needed, dropped });
    }

    pub(super) fn dropped_beyond_retention(&self) -> u64 {
        self.dropped_beyond_retention
    }

    fn note_drop(&mut self, reason: Reason, events: u64, bytes: u64) {
        if reason == Reason::Retention {
            self.dropped_beyond_retention = self.dropped_beyond_retention.saturating_add(events);
        }
        if let Some(shortage) = self.shortage.as_mut().filter(|_| reason == Reason::Disk) {
            shortage.dropped = Some(shortage.dropped.unwrap_or(0).saturating_add(bytes));
        }
    }
}

/// What is on offer and not placed, and what of the front is passed already.
#[derive(Clone, Copy, Debug)]
struct Want {
    pending: Amount,
    /// Segments from the front that hold nothing that waits.
    passed: usize,
    /// There is no number for another file.
    lacks_numbers: bool,
}

impl Guard {
    /// The operator lets the oldest segments go, with all that is in them, when there is no room.
    pub fn drop_oldest(&mut self) {
        self.room.drops_oldest = true;
    }

    /// The operator lets segments go behind which so many events wait, also where there is room.
    pub fn retain_newest(&mut self, events: u64) {
        self.room.retained = Some(events);
    }

    /// The most events that may wait.
    pub fn allow_events(&mut self, events: u64) {
        self.room.max_events = Some(events);
    }

    /// The length that a data file does not pass, unless its first record alone is longer.
    pub fn allow_file_bytes(&mut self, bytes: u64) {
        self.room.file_bytes = Some(bytes);
    }

    /// So many data files may be made beside those that are there.
    pub fn allow_files(&mut self, more: usize) {
        self.room.max_files = self.segments.files().saturating_add(more);
    }

    /// Whether the disk had no room when it was last written to. What the operator does not allow is another matter.
    pub fn is_disk_full(&self) -> bool {
        self.room.shortage.is_some()
    }

    /// The operator's limit, other than that in bytes, which these records would pass in the last segment.
    pub(super) fn beyond_limits(&self, records: &[NewRecord]) -> Option<Refusal> {
        let amount = NewRecord::amount(records);
        let waiting = self.segments.next_id().before().since(self.passed());
        if self.room.max_events.is_some_and(|most| waiting.saturating_add(amount.events) > most) {
            return Some(Refusal::EventLimit);
        }
        let length = self.segments.last().map_or(0, |last| last.bytes);
        let is_alone = length == 0 && records.len() == 1;
        let is_too_long = |most| length.saturating_add(amount.bytes) > most;
        (!is_alone && self.room.file_bytes.is_some_and(is_too_long)).then_some(Refusal::FileSize)
    }

    /// Whether a ledger may drop so many segments from the front, which were all walked, and why.
    pub(super) fn may_drop(&mut self, segments: usize, ledger: Ledger) -> Result<Reason, GuardError> {
        let left = self.segments.next_id().since(ledger.first_unread());
        if self.room.retained.is_some_and(|retained| left >= retained) {
            return Ok(Reason::Retention);
        }
        let want = Want {
            pending: self.offer.as_ref().map_or_else(Amount::default, Offer::pending),
            passed: self.passed_segments(),
            lacks_numbers: self.lacks_numbers(),
        };
        if segments <= want.passed {
            return Ok(Reason::NothingWaits);
        }
        if !self.room.drops_oldest {
            return Err(self.refuse(Refusal::DropWithoutNeed));
        }
        // As many as are needed, and one more.
        let is_enough = segments.checked_sub(2).filter(|fewer| *fewer > want.passed);
        if self.lacks_room(want, want.passed) {
            return match is_enough {
                Some(fewer) if !self.lacks_room(want, fewer) => Err(self.refuse(Refusal::DropWithoutNeed)),
                _ => Ok(Reason::Limits),
            };
        }
        match self.room.shortage {
            Some(shortage) if self.helps_the_disk(shortage, want, segments, ledger) => Ok(Reason::Disk),
            // Whether it helps the logic cannot know.
            Some(_) => Err(GuardError::Refused(Refusal::DropWithoutNeed)),
            None => Err(self.refuse(Refusal::DropWithoutNeed)),
        }
    }

    /// A ledger was stored that drops so many segments, and with them so many events that waited.
    pub(super) fn note_drop(&mut self, reason: Reason, segments: usize, events: u64) {
        let bytes = length(&self.segments, segments);
        self.room.note_drop(reason, events, bytes);
    }

    /// On a full disk it is not known how much is enough. One segment goes at a time, and the next one only if the removal of
    /// what went before cannot have been enough. Where dropping frees nothing the rest stays, and so does the newest record.
    fn helps_the_disk(&self, shortage: Shortage, want: Want, segments: usize, ledger: Ledger) -> bool {
        let dropped = self.segments.order().iter().take(segments);
        let is_one = dropped.filter(|segment| segment.bytes > 0).count() <= 1;
        let was_enough = shortage.dropped.is_some_and(|dropped| dropped >= shortage.needed);
        let keeps_newest = ledger.first_unread() < self.segments.next_id();
        want.passed == 0 && is_one && !was_enough && keeps_newest
    }

    /// Whether the limits leave no room for so much.
    pub fn lacks_room_for(&self, needed: Amount) -> bool {
        self.lacks_room(Want { pending: needed, passed: 0, lacks_numbers: false }, 0)
    }

    /// Whether the limits leave no room for what is on offer once so many segments have left.
    fn lacks_room(&self, want: Want, gone: usize) -> bool {
        let bytes = self.segments.bytes().saturating_sub(length(&self.segments, gone));
        let passed = self.passed().max(self.segments.records_end_before(gone).unwrap_or_default().before());
        let events = self.segments.next_id().before().since(passed);
        (want.lacks_numbers && gone <= want.passed)
            || bytes.saturating_add(want.pending.bytes) > self.room.max_bytes
            || self.room.max_events.is_some_and(|most| events.saturating_add(want.pending.events) > most)
    }

    /// The number of files that the operator allows does not count: logic can use it up with a record in each.
    fn lacks_numbers(&self) -> bool {
        self.segments.spare().is_none() && self.segments.free_file(self.ledgers.first_file()).is_none()
    }

    /// How many segments from the front the ledger has passed: they leave without a drop.
    fn passed_segments(&self) -> usize {
        let first_unread = self.passed().after(1);
        let reader = self.ledgers.stored.and_then(|stored| self.segments.position(stored.reader_data_file));
        let is_passed = |position| self.segments.end_id(position).is_some_and(|end| end <= first_unread);
        let last = self.segments.order().len().saturating_sub(1);
        (reader.unwrap_or(0)..last).take_while(|position| is_passed(*position)).count() + reader.unwrap_or(0)
    }
}

/// The bytes of so many segments from the front.
fn length(segments: &Segments, count: usize) -> u64 {
    segments.order().iter().take(count).fold(0, |sum, segment| sum.saturating_add(segment.bytes))
}
