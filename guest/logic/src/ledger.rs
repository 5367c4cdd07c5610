//! The ledger while the buffer is open: as the logic has it, as storage has it, and as far as its syncs go.

use forebay_types::{FileId, Ledger, RecordId, StorageError};

use crate::storage::Storage;

/// The ledger, and how far storage and disk have followed it.
#[derive(Clone, Copy, Debug)]
pub struct LiveLedger {
    current: Ledger,
    /// The position of the segment that `current` names as the reader's.
    reader: u64,
    stored: Option<Ledger>,
    stored_reader: u64,
    requested: Option<Ledger>,
    requested_reader: u64,
}

impl LiveLedger {
    /// The ledger as storage has it, with the id that the next event gets.
    #[must_use]
    pub fn new(loaded: Option<Ledger>, next_id: RecordId) -> Self {
        let mut current = loaded.unwrap_or(Ledger::EMPTY);
        current.writer_next_record = next_id.max(RecordId::FIRST);
        Self { current, reader: 0, stored: loaded, stored_reader: 0, requested: None, requested_reader: 0 }
    }

    /// The ledger as it is now.
    #[must_use]
    pub fn current(&self) -> Ledger {
        self.current
    }

    /// The id that the next event gets.
    #[must_use]
    pub fn next_id(&self) -> RecordId {
        self.current.writer_next_record
    }

    /// The first event that is not acknowledged.
    #[must_use]
    pub fn first_unread(&self) -> RecordId {
        self.current.first_unread()
    }

    /// How many events wait, lost ones among them.
    #[must_use]
    pub fn waiting_events(&self) -> u64 {
        self.current.waiting_events()
    }

    /// Records were written: the next event gets this id.
    pub fn advance_writer(&mut self, next_id: RecordId) {
        self.current.writer_next_record = self.current.writer_next_record.max(next_id);
    }

    /// Every event through this id is acknowledged, as far as there are so many. Answers whether that is new.
    pub fn advance_reader(&mut self, through: RecordId) -> bool {
        let last = through.min(self.next_id().before());
        let is_new = last > self.current.reader_last_record;
        self.current.reader_last_record = last.max(self.current.reader_last_record);
        is_new
    }

    /// The ledger is to name these files. The reader's is that of the segment at this position.
    pub fn name_files(&mut self, (reader, reader_file): (u64, FileId), writer_file: FileId) {
        self.reader = reader;
        self.current.reader_data_file = reader_file;
        self.current.writer_data_file = writer_file;
    }

    /// Brings storage up to date. After a failure the next call makes up for it.
    pub fn store(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if self.stored != Some(self.current) {
            storage.store_ledger(self.current)?;
            self.stored = Some(self.current);
        }
        self.stored_reader = self.reader;
        Ok(())
    }

    /// The first unacknowledged event and the position of the reader's segment, as storage has them.
    #[must_use]
    pub fn stored_reader(&self) -> Option<(RecordId, u64)> {
        self.stored.map(|stored| (stored.first_unread(), self.stored_reader))
    }

    /// Whether storage has another ledger than the one whose sync was requested last.
    #[must_use]
    pub fn has_unrequested_store(&self) -> bool {
        self.requested != self.stored
    }

    /// Whether the ledger has changed since its last sync was requested.
    #[must_use]
    pub fn needs_sync(&self) -> bool {
        self.requested != Some(self.current)
    }

    /// Whether segments leave once the ledger as it was stored is synced, and that sync was not requested.
    #[must_use]
    pub fn has_unrequested_passage(&self) -> bool {
        self.stored_reader > self.requested_reader
    }

    /// Whether storage has a ledger that names other files than the one whose sync was requested last. Recovery needs the names
    /// of files, and finds out the ids itself.
    #[must_use]
    pub fn has_unrequested_names(&self) -> bool {
        let names = |ledger: Ledger| (ledger.reader_data_file, ledger.writer_data_file);
        self.requested.map(names) != self.stored.map(names)
    }

    /// A sync of the ledger as storage has it was requested.
    pub fn sync_requested(&mut self) {
        self.requested = self.stored;
        self.requested_reader = self.stored_reader;
    }
}
