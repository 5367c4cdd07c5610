//! What the ledger remembers of a buffer.

use crate::{FileId, RecordId};

/// Where writing and acknowledging stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The id that the next event gets; at least 1.
    pub writer_next_record: RecordId,
    /// The data file that is appended to.
    pub writer_data_file: FileId,
    /// The oldest data file that holds an unacknowledged event; the writer's file if there is none.
    pub reader_data_file: FileId,
    /// The last event below which every event is acknowledged or lost; 0 if there is none.
    pub reader_last_record: RecordId,
}

impl Ledger {
    /// The ledger of a buffer that was never written to.
    pub const EMPTY: Self = Self {
        writer_next_record: RecordId::FIRST,
        writer_data_file: FileId::FIRST,
        reader_data_file: FileId::FIRST,
        reader_last_record: RecordId(0),
    };

    /// The first event that is not acknowledged.
    #[must_use]
    pub const fn first_unread(&self) -> RecordId {
        self.reader_last_record.after(1)
    }

    /// How many events wait, lost ones among them.
    #[must_use]
    pub const fn waiting_events(&self) -> u64 {
        self.writer_next_record.since(self.first_unread())
    }
}
