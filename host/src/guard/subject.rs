//! The file that a scan works on.

use forebay_frame::{RecordId, Source, Step, Surroundings, Walker};
use tracing::debug;

use super::account::Account;
use crate::storage::{Backend, FileId, StorageError};

/// A data file, with what the guard's account says of it.
pub(super) struct Subject<'a> {
    pub(super) backend: &'a mut dyn Backend,
    pub(super) file: FileId,
    /// Its length in bytes.
    pub(super) length: u64,
    /// Ids from this one on are not taken for records where frames are looked for after a damage.
    pub(super) ceiling: RecordId,
    /// The id that the buffer's next event gets.
    pub(super) next_id: RecordId,
    /// The file that follows on the ring and has anything in it, and its length; `None` if this is the last.
    pub(super) follower: Option<(FileId, u64)>,
    /// Bytes that were read so far, of it and of the follower.
    pub(super) read_bytes: u64,
}

impl<'a> Subject<'a> {
    /// A file of this length.
    pub(super) fn new(backend: &'a mut dyn Backend, account: &Account, file: FileId, length: u64) -> Self {
        let (ceiling, next_id, follower) = (account.ceiling(), account.next_id(), account.follower(file));
        Self { backend, file, length, ceiling, next_id, follower, read_bytes: 0 }
    }

    /// The id that comes behind the file's last record, as far as it is known: that of the first frame of the next file, or
    /// the buffer's next.
    pub(super) fn id_behind(&mut self) -> Result<Option<RecordId>, StorageError> {
        let Some((file, length)) = self.follower else { return Ok(Some(self.next_id)) };
        let around = Surroundings::at_start(self.ceiling);
        let mut next =
            Subject { backend: &mut *self.backend, file, length, follower: None, read_bytes: 0, ..*self };
        let step = Walker::new(&mut next, 0, around).next();
        self.read_bytes = self.read_bytes.saturating_add(next.read_bytes);
        Ok(match step? {
            Some(Step::Whole { id, .. }) => Some(id),
            _ => None,
        })
    }
}

impl Source for Subject<'_> {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    /// A file that somebody has cut reads as zeros where it was, as it will when more is appended: damage like any other, and
    /// no error that would come again for ever.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let Some(into) = into.get_mut(..wanted) else { return Ok(0) };
        let read = self.backend.read_at(self.file, offset, into)?;
        self.read_bytes = self.read_bytes.saturating_add(u64::try_from(wanted).unwrap_or(u64::MAX));
        if let Some(missing) = into.get_mut(read..).filter(|missing| !missing.is_empty()) {
            debug!(file = %self.file, offset, "the data file is shorter than it was");
            missing.fill(0);
        }
        Ok(wanted)
    }
}
