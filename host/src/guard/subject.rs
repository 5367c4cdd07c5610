//! The file that a scan works on.

use forebay_frame::{RecordId, Source};

use crate::storage::{Backend, FileId, StorageError};

/// A data file, with what the guard's account says of it.
pub(super) struct Subject<'a> {
    pub(super) backend: &'a mut dyn Backend,
    pub(super) file: FileId,
    /// Its length in bytes.
    pub(super) length: u64,
    /// Ids from this one on are not taken for records where frames are looked for after a damage.
    pub(super) ceiling: RecordId,
}

impl Source for Subject<'_> {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        into.get_mut(..wanted).map_or(Ok(0), |into| self.backend.read_at(self.file, offset, into))
    }
}
