//! Placing records: how many of a batch fit, and when to roll.

use forebay_types::{
    BatchId, BufferError, OTHER_BREACH, Options, Refusal, StorageError, WhenFull, WriteOutcome,
};

use crate::directory::{Directory, Rolled};
use crate::dropping::drop_oldest;
use crate::fitting::{Head, Size, Space};
use crate::loading::load_again;
use crate::retention::pass_acknowledged;
use crate::segments::Tail;
use crate::storage::Storage;

/// How far a batch was placed.
#[derive(Clone, Copy, Debug)]
struct Filled {
    accepted: u32,
    /// Storage took less than the limits allow.
    is_disk_full: bool,
}

/// The writing side.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    max_bytes: u64,
    file_bytes: u64,
    max_events: u64,
    drops_oldest: bool,
    is_closed: bool,
    /// The next file is wanted ahead of need, and storage could not make it.
    wants_spare: bool,
}

impl Writer {
    /// A writer that keeps to these sizes.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            max_events: options.max_events,
            drops_oldest: options.when_full == WhenFull::DropOldest,
            is_closed: false,
            wants_spare: false,
        }
    }

    /// Whether no more records are taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the next file could not be made ahead of need, so that a tick should try again.
    #[must_use]
    pub fn wants_spare(&self) -> bool {
        self.wants_spare
    }

    /// Places as many records of a batch as there is room for.
    ///
    /// After an error the records that were placed before it are in the buffer, and known to be.
    pub fn write(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        if self.is_closed {
            return Err(BufferError::Closed);
        }
        let is_whole = |record: &u64| Size(*record).events() > 0 && Size(*record).bytes() > 0;
        if u32::try_from(records.len()).is_err() || !records.iter().all(is_whole) {
            return Err(BufferError::Other(OTHER_BREACH));
        }
        directory.complete(storage)?;
        let mut outcome = WriteOutcome::default();
        loop {
            let filled = self.place(storage, directory, batch, behind(records, outcome.accepted))?;
            outcome.accepted = outcome.accepted.saturating_add(filled.accepted);
            let left = behind(records, outcome.accepted).first();
            let Some(record) = left.filter(|_| self.drops_oldest) else { break };
            match self.make_room(storage, directory, Size(*record), filled.is_disk_full)? {
                Some(events) => outcome.dropped_events = outcome.dropped_events.saturating_add(events),
                None => break,
            }
        }
        Ok(outcome)
    }

    fn place(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        batch: BatchId,
        records: &[u64],
    ) -> Result<Filled, StorageError> {
        let mut filled = Filled { accepted: 0, is_disk_full: false };
        while let (rest @ [record, ..], false) = (behind(records, filled.accepted), filled.is_disk_full) {
            let room = self.room(directory);
            let bytes = directory.segments.last().map_or(0, |last| last.bytes);
            let is_usable = directory.segments.tail() == Tail::Usable;
            let head = if is_usable { Head::fitting(rest, room, bytes, self.file_bytes) } else { Head::NONE };
            if head.records > 0 {
                let placed = self.append(storage, directory, batch, head)?;
                filled.accepted = filled.accepted.saturating_add(placed.accepted);
                filled.is_disk_full = placed.is_disk_full;
                if placed.accepted < head.records && directory.segments.tail() == Tail::Usable {
                    break;
                }
                continue;
            }
            let fits = Space::NONE.and(Size(*record)).within(room);
            // What is acknowledged takes up room until the writer has left its segment.
            let stands_in_the_way = bytes > 0 && directory.ledger.waiting_events() == 0;
            if (is_usable && bytes == 0) || !(fits || stands_in_the_way) {
                break;
            }
            match directory.roll(storage)? {
                Rolled::Yes => self.wants_spare = false,
                Rolled::NotNow => break,
                Rolled::NoSpace => filled.is_disk_full = true,
            }
        }
        Ok(filled)
    }

    /// Drops the oldest segment for a record that does not fit, unless so much leaves already that it will. On a full disk,
    /// where it is not known how much that has to be, one segment goes at a time. Gives how many events were dropped; `None`
    /// where there is nothing more to do for now.
    fn make_room(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        record: Size,
        is_disk_full: bool,
    ) -> Result<Option<u64>, StorageError> {
        let room = self.room(directory);
        let coming_bytes = directory.segments.acknowledged_bytes();
        let coming = Space { bytes: room.bytes.saturating_add(coming_bytes), ..room };
        let is_allowed = Space::NONE.and(record).within(coming);
        if is_allowed && !(is_disk_full && coming_bytes == 0) {
            return Ok(None);
        }
        if directory.segments.unread() == directory.segments.last_position() {
            if directory.segments.last().is_some_and(|last| last.bytes > 0) {
                // Once the ledger can name the new segment, this one is dropped.
                directory.roll(storage)?;
            }
            return Ok(None);
        }
        match drop_oldest(storage, directory) {
            Err(error) if error.is_refused(Refusal::DropWithoutNeed) => {
                // On a full disk nothing more helps. Otherwise storage knows of room that is not known here.
                if !is_disk_full {
                    load_again(storage, directory)?;
                }
                Ok(None)
            }
            dropped => dropped,
        }
    }

    /// Appends the head of what is left of a batch to the last segment, as far as there is room. A segment that storage does
    /// not write to, for other reasons, is not tried again.
    fn append(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        batch: BatchId,
        head: Head,
    ) -> Result<Filled, StorageError> {
        let is_empty = directory.segments.last().is_none_or(|last| last.bytes == 0);
        let placed = match storage.append(batch, head.records) {
            Ok(placed) if placed.records == 0 || placed.records > head.records => {
                return Err(StorageError::Other(OTHER_BREACH));
            }
            Ok(placed) => placed,
            Err(error) if error.passes_with_time() => {
                return Ok(Filled { accepted: 0, is_disk_full: error == StorageError::NoSpace });
            }
            Err(error) if !is_empty && is_of_the_segment(error) => {
                directory.segments.set_tail(Tail::Sealed);
                return Ok(Filled { accepted: 0, is_disk_full: false });
            }
            Err(error) => return Err(error),
        };
        directory.ledger.advance_writer(placed.next_id);
        directory.segments.appended(placed.bytes);
        pass_acknowledged(storage, directory)?;
        // A small buffer never has a file too many.
        let is_due = placed.bytes > self.file_bytes / 2 && !self.wants_spare;
        if is_due && directory.segments.spare().is_none() {
            self.prepare(storage, directory)?;
        }
        Ok(Filled { accepted: placed.records, is_disk_full: placed.records < head.records })
    }

    fn room(&self, directory: &Directory) -> Space {
        let events = if self.max_events == 0 { u64::MAX } else { self.max_events };
        let ids = u64::MAX.saturating_sub(directory.ledger.next_id().0);
        Space {
            bytes: self.max_bytes.saturating_sub(directory.bytes()),
            events: events.saturating_sub(directory.ledger.waiting_events()).min(ids),
        }
    }

    /// Makes the next file ahead of need. Where there is no room for it, a tick tries again, and so does the roll.
    pub fn prepare(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
    ) -> Result<(), StorageError> {
        let prepared = directory.prepare(storage);
        self.wants_spare = prepared.is_err();
        match prepared {
            Err(StorageError::NoSpace | StorageError::Io(_)) => Ok(()),
            prepared => prepared,
        }
    }

    /// Takes no more records, and discards the spare.
    pub fn close(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
    ) -> Result<(), StorageError> {
        self.is_closed = true;
        self.wants_spare = false;
        let Some(spare) = directory.segments.take_spare() else { return Ok(()) };
        match storage.discard(spare.file) {
            Ok(_) => {
                directory.syncs.directory_changed();
                Ok(())
            }
            // An empty file is left, which the next opening uses.
            Err(StorageError::NotFound | StorageError::NoSpace | StorageError::Io(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether another segment may be in order. If that one, still empty, is not either, the error is not the segment's.
fn is_of_the_segment(error: StorageError) -> bool {
    matches!(error, StorageError::Io(_) | StorageError::NotFound) || error.is_refused(Refusal::BehindDamage)
}

/// The records of a batch behind the first so many.
fn behind(records: &[u64], first: u32) -> &[u64] {
    records.split_at_checked(usize::try_from(first).unwrap_or(usize::MAX)).map_or(&[], |(_, rest)| rest)
}
