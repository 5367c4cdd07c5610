//! Acknowledging, and what becomes free by it.

use crate::directory::Directory;
use crate::reader::Reader;
use crate::storage::{RecordId, Storage, StorageError};

/// The acknowledging side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acks {
    ignored: u64,
}

impl Acks {
    /// How many acknowledgements were ignored.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// All events up to and including `through` are done with. What is acknowledged already, and what was not read yet, is
    /// counted and changes nothing.
    pub fn acknowledge(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        reader: &mut Reader,
        through: RecordId,
    ) -> Result<(), StorageError> {
        if through < directory.ledger.first_unread() || through >= reader.expected() {
            self.ignored = self.ignored.saturating_add(1);
            return Ok(());
        }
        directory.ledger.advance_reader(through.after(1));
        settle(storage, directory, reader)
    }
}

/// Draws the conclusions from what was read and acknowledged: where nothing but lost events is left, there is nothing to
/// wait for, and files that are done with leave. Changes nothing the second time.
///
/// Lost events that records follow are passed with the acknowledgement of those.
pub fn settle(
    storage: &mut impl Storage,
    directory: &mut Directory,
    reader: &mut Reader,
) -> Result<(), StorageError> {
    let next_id = directory.ledger.next_id();
    if reader.expected() == next_id && reader.given_to() <= directory.ledger.first_unread() {
        directory.ledger.advance_reader(next_id);
    }
    reader.leave_read_files(&mut directory.window);
    directory.retire_finished(storage)
}
