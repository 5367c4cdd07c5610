//! A look at a whole directory: what a reader would lose, and what is wrong with the files.
//!
//! The losses are those of the reader itself, so that they are exactly what it does not deliver.

use std::{ops::Range, sync::Arc};

use forebay_types::{FileId, RecordId};

use crate::{
    clock::StoppedClock,
    guard::{Guard, GuardError},
    reader::{Loss, Seen, WhyPassed},
    record::ReadRecord,
    storage::{Backend, Checkpoint, StorageError, SyncTarget},
};

pub use crate::{opening::LedgerState, reader::frame_before};

/// How many records are read at a time, and how many bytes of frames.
const READ_RECORDS: u32 = 4096;
const READ_BYTES: u64 = 1 << 20;

/// Something in a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The start of a data file.
    File {
        /// The file.
        file: FileId,
        /// Whether the reader reaches it. No reader reaches a file outside the reading order, whatever it holds.
        is_in_order: bool,
    },
    /// A whole frame.
    Record {
        /// Where it starts, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        bytes: u64,
        /// The ids of its events.
        ids: Range<RecordId>,
        /// Its length statements are damaged. Nothing is lost by that.
        is_undelimited: bool,
    },
    /// A stretch without a record of this buffer.
    Stretch {
        /// What it is.
        kind: StretchKind,
        /// Where it starts, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        bytes: u64,
    },
}

/// What a stretch without a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StretchKind {
    /// Damaged bytes.
    Damaged,
    /// Whole frames that do not belong where they are: stale, repeated or out of order.
    Misplaced,
    /// An unfinished frame that ends the file, as a crash leaves it.
    Unfinished,
}

/// A look at a buffer through a backend. It changes nothing if the backend keeps its ledger in memory.
#[derive(Debug)]
pub struct Look {
    guard: Guard,
    first_unread: RecordId,
}

impl Look {
    /// Opens the buffer as a reader does.
    pub fn new(backend: Box<dyn Backend>) -> Result<Self, StorageError> {
        // Nothing is made durable, so no caller waits for a sync.
        let run_no_sync = Box::new(|_: SyncTarget, _| ());
        let mut guard = Guard::new(backend, Arc::new(StoppedClock::default()), u64::MAX, run_no_sync)?;
        guard.peek();
        // Logic asks for them before it opens the buffer, and what is found then counts.
        guard.segments(0, u32::MAX).map(drop).or_else(|error| match error {
            GuardError::Storage(error) => Err(error),
            GuardError::Refused(_) => Ok(()),
        })?;
        let first_unread = guard.opened()?.first_unread;
        Ok(Self { guard, first_unread })
    }

    /// What the ledger in the directory is worth.
    pub fn ledger_state(&self) -> &LedgerState {
        self.guard.ledger_state()
    }

    /// The first event that is not acknowledged.
    pub fn first_unread(&self) -> RecordId {
        self.first_unread
    }

    /// The id that the next event gets.
    pub fn next_id(&self) -> RecordId {
        self.guard.next_id()
    }

    /// Goes on with the first event from `id` on. What lies before it is neither read nor lost. `known` is where another look
    /// stood: without it, or where the files have changed since, the data file that holds `id` is read from its start.
    pub fn skip_to(&mut self, id: RecordId, known: Option<Checkpoint>) -> Result<(), StorageError> {
        let (mut files, reader) = self.guard.files();
        reader.skip_to(&mut files, id, known)
    }

    /// Where the look stands, if everything before it in that data file is whole.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.guard.reader().checkpoint()
    }

    /// The id with which the last records begin that a reader would get: so many, or all if they are fewer.
    pub fn start_of_last(&mut self, records: u64) -> Result<RecordId, StorageError> {
        let (mut files, reader) = self.guard.files();
        reader.start_of_last(&mut files, self.first_unread, records)
    }

    /// The next records that a reader would get, in order; none at the end.
    pub fn next_records(
        &mut self,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<Vec<ReadRecord>, StorageError> {
        let records = self.guard.deliver(max_records, max_bytes)?;
        if let Some(last) = records.last() {
            self.guard.come_to(last.id);
        }
        Ok(records)
    }

    /// What is lost between the last record that a reader would get and the id that the next one gets. To be asked for at the end.
    pub fn reached_end(&mut self) -> Result<(), StorageError> {
        self.guard.reached_end().map(drop)
    }

    /// The losses that were met and not taken yet; of very many, the newest.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        self.guard.take_losses()
    }

    /// Reads everything. Gives the ids of all unread events that the reader does not reach, in ranges that rise.
    pub fn losses(&mut self) -> Result<Vec<Range<RecordId>>, StorageError> {
        let mut losses = Vec::new();
        loop {
            let is_end = self.next_records(READ_RECORDS, READ_BYTES)?.is_empty();
            if is_end {
                self.reached_end()?;
            }
            let ids = self.take_losses().into_iter().map(|loss| loss.ids);
            losses.extend(ids.filter(|ids| !ids.is_empty()));
            if is_end {
                return Ok(losses);
            }
        }
    }

    /// Goes through all data files: those in reading order, then the others.
    pub fn findings(&mut self, mut show: impl FnMut(Finding)) -> Result<(), StorageError> {
        let (files, _) = self.guard.files();
        let in_order: Vec<FileId> = files.segments.order().iter().map(|segment| segment.file).collect();
        let all = files.segments.iter().map(|segment| segment.file);
        let outside: Vec<FileId> = all.filter(|file| files.segments.position(*file).is_none()).collect();
        for (files, is_in_order) in [(in_order, true), (outside, false)] {
            for file in files {
                self.file(file, is_in_order, &mut show)?;
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        file: FileId,
        is_in_order: bool,
        show: &mut impl FnMut(Finding),
    ) -> Result<(), StorageError> {
        show(Finding::File { file, is_in_order });
        let (mut files, reader) = self.guard.files();
        let surveyed = reader.survey(&mut files, file, |seen| {
            show(match seen {
                Seen::Record(met) => Finding::Record {
                    offset: met.offset,
                    bytes: met.frame.bytes,
                    ids: met.frame.id..met.next_id(),
                    is_undelimited: met.is_undelimited,
                },
                Seen::Passed { why, from, to } => {
                    let kind = match why {
                        WhyPassed::Damaged => StretchKind::Damaged,
                        WhyPassed::Misplaced => StretchKind::Misplaced,
                        WhyPassed::Unfinished => StretchKind::Unfinished,
                    };
                    Finding::Stretch { kind, offset: from, bytes: to.saturating_sub(from) }
                }
            });
        });
        match surveyed {
            // Another process has removed it.
            Err(StorageError::NotFound { .. }) => Ok(()),
            surveyed => surveyed,
        }
    }
}
