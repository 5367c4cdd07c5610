//! Placing records: how many of a batch fit, where they go, and when to roll.

use crate::directory::Directory;
use crate::dropping::{coming_bytes, drop_oldest};
use crate::error::{BREACH, BufferError, TORN_END};
use crate::fitting::{Head, Size, Space};
use crate::losses::Losses;
use crate::options::{Options, WhenFull};
use crate::reader::Reader;
use crate::storage::{BatchId, RecordId, Storage, StorageError};
use crate::window::DataFile;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOutcome {
    /// How many records of the batch, counted from its first, are in the buffer. Fewer than offered: it is full.
    pub accepted: u32,
    /// The id of the first of them; 0 if there is none.
    pub first_id: RecordId,
    /// How many unacknowledged events were dropped to make room.
    pub dropped_events: u64,
}

/// How far a batch was placed.
#[derive(Clone, Copy, Debug)]
struct Filled {
    accepted: u32,
    /// Storage took less than the limits allow.
    is_disk_full: bool,
}

/// A record that found no room.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    record: Size,
    /// It is not the limits that keep it out.
    is_disk_full: bool,
}

/// The writing side.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    max_bytes: u64,
    file_bytes: u64,
    max_events: u64,
    drops_oldest: bool,
    closed: bool,
    /// The next file is wanted ahead of need, and storage had no room for it.
    spare_refused: bool,
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
            closed: false,
            spare_refused: false,
        }
    }

    /// The length at which a data file is left for the next one, in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How many bytes all data files may have together.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Whether storage had no room for the next file, so that a tick should try again.
    #[must_use]
    pub fn spare_refused(&self) -> bool {
        self.spare_refused
    }

    /// Places as many records of a batch as there is room for.
    ///
    /// After an error the records that were placed before it are in the buffer, and known to be.
    pub fn write(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        (reader, losses): (&mut Reader, &mut Losses),
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        if self.closed {
            return Err(BufferError::Closed);
        }
        if directory.syncs.degraded() {
            return Err(BufferError::Degraded);
        }
        let whole = |record: &u64| Size(*record).events() > 0 && Size(*record).bytes() > 0;
        if u32::try_from(records.len()).is_err() || !records.iter().all(whole) {
            return Err(BufferError::Other(BREACH));
        }
        let first_id = directory.ledger.next_id();
        let (mut accepted, mut dropped_events) = (0, 0_u64);
        loop {
            let filled = self.place(storage, directory, (batch, accepted), behind(records, accepted))?;
            accepted += filled.accepted;
            let Some(record) = behind(records, accepted).first().filter(|_| self.drops_oldest) else { break };
            let wanted = Wanted { record: Size(*record), is_disk_full: filled.is_disk_full };
            match self.make_room(storage, directory, (&mut *reader, &mut *losses), wanted)? {
                Some(dropped) => dropped_events = dropped_events.saturating_add(dropped),
                None => break,
            }
        }
        Ok(WriteOutcome {
            accepted,
            first_id: if accepted > 0 { first_id } else { RecordId(0) },
            dropped_events,
        })
    }

    fn place(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        (batch, first): (BatchId, u32),
        mut rest: &[u64],
    ) -> Result<Filled, StorageError> {
        let mut accepted = 0;
        while let Some(record) = rest.first() {
            let room = self.room(directory);
            let DataFile { length: file_length, sealed, .. } = *directory.window.newest();
            let head =
                if sealed { Head::NONE } else { Head::fitting(rest, room, file_length, self.file_bytes) };
            if head.records == 0 {
                let fits = Space::NONE.and(Size(*record)).within(room);
                // A file that is all acknowledged still takes up room, until the writer has left it.
                let stands_in_the_way = directory.ledger.events() == 0;
                if file_length == 0 || !(fits || stands_in_the_way) {
                    break;
                }
                match roll(storage, directory)? {
                    Rolled::Yes => continue,
                    Rolled::NotNow => break,
                    Rolled::NoSpace => return Ok(Filled { accepted, is_disk_full: true }),
                }
            }
            let appended = self.append(storage, directory, (batch, first + accepted), rest, head)?;
            accepted += appended.accepted;
            if appended.accepted < head.records && !directory.window.newest().sealed {
                return Ok(Filled { accepted, ..appended });
            }
            rest = behind(rest, appended.accepted);
        }
        Ok(Filled { accepted, is_disk_full: false })
    }

    /// Drops the oldest file for a record that does not fit, unless so much leaves already that it will; on a full disk,
    /// where nobody knows how much that has to be, unless anything leaves. Gives how many events were dropped; `None` where
    /// there is nothing more to do for now.
    fn make_room(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        (reader, losses): (&mut Reader, &mut Losses),
        Wanted { record, is_disk_full }: Wanted,
    ) -> Result<Option<u64>, StorageError> {
        let room = self.room(directory);
        let coming_bytes = coming_bytes(directory);
        let coming = Space { bytes: room.bytes.saturating_add(coming_bytes), ..room };
        let is_allowed = Space::NONE.and(record).within(coming) && directory.window.has_ids();
        if is_allowed && !(is_disk_full && coming_bytes == 0) {
            return Ok(None);
        }
        if directory.window.front().id == directory.window.newest().id {
            if directory.window.newest().length > 0 {
                // Once the ledger can name the new file, this one is dropped.
                roll(storage, directory)?;
            }
            return Ok(None);
        }
        drop_oldest(storage, directory, reader, losses)
    }

    /// Appends the head of what is left of a batch to the newest file, as far as there is room. A file that storage does not
    /// write to, for other reasons, is not tried again.
    fn append(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        (batch, first): (BatchId, u32),
        rest: &[u64],
        head: Head,
    ) -> Result<Filled, StorageError> {
        let file = directory.window.newest();
        let id = directory.ledger.next_id();
        let placed = match storage.append(batch, first, head.records, file.id, file.length, id) {
            Ok(placed) => placed,
            Err(error) if error.passes_with_time() => {
                return Ok(Filled { accepted: 0, is_disk_full: error == StorageError::NoSpace });
            }
            Err(error) if file.length > 0 && is_of_the_file(error) => {
                directory.window.seal_newest();
                return Ok(Filled { accepted: 0, is_disk_full: false });
            }
            Err(error) => return Err(error),
        };
        let events = if placed.records == head.records {
            head.events
        } else {
            let records = usize::try_from(placed.records).unwrap_or(usize::MAX);
            rest.iter().take(records).fold(Space::NONE, |taken, record| taken.and(Size(*record))).events
        };
        directory.ledger.advance_writer(id.after(events));
        directory.window.appended(placed.length, id.after(events));
        directory.store_ledger(storage)?;
        self.make_spare_if_due(storage, directory);
        Ok(Filled { accepted: placed.records, is_disk_full: placed.records < head.records })
    }

    fn room(&self, directory: &Directory) -> Space {
        let events = if self.max_events == 0 { u64::MAX } else { self.max_events };
        Space {
            bytes: self.max_bytes.saturating_sub(directory.window.bytes()),
            events: events
                .saturating_sub(directory.ledger.events())
                .min(u64::MAX - directory.ledger.next_id().0),
        }
    }

    /// Makes the next file once the newest is more than half full; a small buffer never has a file too many.
    fn make_spare_if_due(&mut self, storage: &mut impl Storage, directory: &mut Directory) {
        let due = directory.window.newest().length > self.file_bytes / 2;
        if due && directory.window.spare().is_none() {
            self.make_spare(storage, directory);
        }
    }

    /// Makes the next file ahead of need. A failure is nobody's concern yet: the roll meets it again.
    pub fn make_spare(&mut self, storage: &mut impl Storage, directory: &mut Directory) {
        self.spare_refused = false;
        match directory.make_file(storage) {
            Ok(Some(spare)) => directory.window.set_spare(spare),
            Ok(None) | Err(_) => self.spare_refused = true,
        }
    }

    /// Takes no more records, and drops the file that was made ahead of need.
    pub fn close(&mut self, storage: &mut impl Storage, directory: &mut Directory) {
        self.closed = true;
        self.spare_refused = false;
        if let Some(spare) = directory.window.take_spare() {
            // If it cannot be removed, an empty file is left, which the next opening removes.
            if storage.remove_file(spare.id).is_ok() {
                directory.syncs.directory_changed();
            }
        }
    }
}

/// Whether another file may be in order. If that one, still empty, is not either, the error is not the file's.
fn is_of_the_file(error: StorageError) -> bool {
    matches!(error, StorageError::Io(_) | StorageError::NotFound | StorageError::Refused(TORN_END))
}

/// The records of a batch behind the first so many.
fn behind(records: &[u64], first: u32) -> &[u64] {
    records.split_at_checked(usize::try_from(first).unwrap_or(usize::MAX)).map_or(&[], |(_, rest)| rest)
}

/// Whether the writer has gone on to another file.
enum Rolled {
    Yes,
    /// No number is free, or the process has too many files open.
    NotNow,
    /// The disk has no room for the name of another file.
    NoSpace,
}

/// Goes on to the next file; waits for nothing.
fn roll(storage: &mut impl Storage, directory: &mut Directory) -> Result<Rolled, StorageError> {
    let next = match directory.window.take_spare() {
        Some(spare) => Some(spare),
        None => match directory.try_make_file(storage) {
            Err(StorageError::NoSpace) => return Ok(Rolled::NoSpace),
            Err(error) if error.passes_with_time() => None,
            made => made?,
        },
    };
    let Some(next) = next else { return Ok(Rolled::NotNow) };
    directory.window.push(next, directory.ledger.next_id());
    Ok(Rolled::Yes)
}
