//! The ledger while the buffer is open: the four numbers that survive, and how far storage and disk have followed.

use crate::ring::FileId;
use crate::storage::{Ledger, RecordId, Storage, StorageError, Ticket};

/// The ledger as the logic has it, as storage has it, and as a sync was last asked for.
#[derive(Clone, Copy, Debug)]
pub struct LiveLedger {
    current: Ledger,
    stored: Option<Ledger>,
    asked: Option<(Ledger, Ticket)>,
}

impl LiveLedger {
    /// A ledger that is to become `current`, where storage has `stored`.
    #[must_use]
    pub fn new(current: Ledger, stored: Option<Ledger>) -> Self {
        debug_assert!(current.reader_last_record.after(1) <= current.writer_next_record);
        Self { current, stored, asked: None }
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

    /// The first event that is neither acknowledged nor passed over as lost.
    #[must_use]
    pub fn first_unread(&self) -> RecordId {
        self.current.reader_last_record.after(1)
    }

    /// How many events wait, those that are lost among them.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.next_id().0.saturating_sub(self.first_unread().0)
    }

    /// Records were written: the next event gets this id.
    pub fn advance_writer(&mut self, next_id: RecordId) {
        debug_assert!(next_id >= self.current.writer_next_record, "ids only rise");
        self.current.writer_next_record = next_id;
    }

    /// All events below this id are done with.
    pub fn advance_reader(&mut self, first_unread: RecordId) {
        debug_assert!(first_unread >= self.first_unread(), "what is acknowledged stays acknowledged");
        debug_assert!(first_unread <= self.next_id(), "what is not written is not acknowledged");
        let last = RecordId(first_unread.0.saturating_sub(1));
        self.current.reader_last_record = last.max(self.current.reader_last_record);
    }

    /// The ledger is to name these files.
    pub fn name_files(&mut self, reader: FileId, writer: FileId) {
        self.current.reader_data_file = reader;
        self.current.writer_data_file = writer;
    }

    /// Brings storage up to date. After a failure the next call makes up for it.
    pub fn store(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if self.stored != Some(self.current) {
            storage.store_ledger(self.current)?;
            self.stored = Some(self.current);
        }
        Ok(())
    }

    /// Whether the ledger has changed since its last sync was asked for.
    #[must_use]
    pub fn needs_sync(&self) -> bool {
        self.covering_ticket().is_none()
    }

    /// The sync that was asked for after the ledger's last change, if any was.
    #[must_use]
    pub fn covering_ticket(&self) -> Option<Ticket> {
        self.asked.filter(|(ledger, _)| *ledger == self.current).map(|(_, ticket)| ticket)
    }

    /// Whether storage has another ledger than the one that a sync was last asked for: it may have refused the last change.
    #[must_use]
    pub fn was_stored(&self) -> bool {
        self.asked.map(|(ledger, _)| ledger) != self.stored
    }

    /// The sync that was asked for came to nothing.
    pub fn forget_sync(&mut self) {
        self.asked = None;
    }

    /// A sync of the ledger as storage has it was asked for.
    pub fn sync_asked(&mut self, ticket: Ticket) {
        self.asked = self.stored.map(|ledger| (ledger, ticket));
    }
}
