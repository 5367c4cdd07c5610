//! A ledger that has passed more than there ever was.
//!
//! Nobody can have acknowledged an event that was never written. Where neither the ledger's own next id nor any frame reaches
//! as far as its last acknowledged event, that number is damaged: believed, it would pass every record that waits without a
//! word. Which of them were acknowledged is not known any more, so all that may not have been are delivered, perhaps again.

use forebay_frame::RecordId;
use tracing::warn;

use super::Guard;
use crate::storage::{Ledger, StorageError};

impl Guard {
    /// Replaces the last acknowledged event of such a ledger: by the one that was noted, if there is one, and else by the one
    /// in front of the first record that is there. Before the logic has seen it.
    pub(super) fn take_back_overrun(&mut self, noted: Option<Ledger>) -> Result<(), StorageError> {
        let Some(live) = self.account.ledger() else { return Ok(()) };
        let last = live.reader_last_record;
        if last < live.writer_next_record {
            return Ok(());
        }
        let (mut lowest, mut in_front) = (None::<RecordId>, None);
        for file in self.account.file_ids() {
            if self.first_in_file(file, last)?.is_some() {
                // It was written, and it is the next id that is too low: the logic moves that forward.
                return Ok(());
            }
            let first = self.first_in_file(file, RecordId(0))?;
            lowest = lowest.into_iter().chain(first).min();
            if file == live.reader_data_file {
                in_front = first;
            }
        }
        // Where nothing is whole, there is nothing to deliver.
        let Some(first) = in_front.or(lowest) else { return Ok(()) };
        let noted = noted.map(|noted| noted.reader_last_record).filter(|noted| *noted < last);
        let reader_last_record = noted.unwrap_or(RecordId(first.0.saturating_sub(1)));
        let ledger = Ledger {
            writer_next_record: live.writer_next_record.max(reader_last_record.after(1)),
            reader_last_record,
            ..live
        };
        warn!(
            last = last.0,
            taken = reader_last_record.0,
            "the ledger has passed more than was ever written, so that number is damaged: what waits behind the lower one is \
             delivered, some of it perhaps again"
        );
        self.take_back(ledger)
    }
}
