//! The bytes of one data file, as the reader sees them.

use forebay_frame::{END_BYTES, Source, frame_bytes_by_end, is_whole};
use forebay_types::FileId;
use tracing::debug;

use super::{blocks::BLOCK_BYTES, unreadable::UnreadableLog};
use crate::storage::{Backend, StorageError};

/// What the device may fail to read at a time, in bytes.
const PAGE_BYTES: usize = 4096;

/// A frame up to this length, in bytes, is taken into memory before its checksum is known.
const BELIEVED_BYTES: u64 = 8 * 1024 * 1024;

/// A data file up to a length.
pub(crate) struct FileBytes<'a> {
    backend: &'a mut dyn Backend,
    log: &'a mut UnreadableLog,
    pub(crate) file: FileId,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Bytes that were read so far.
    pub(crate) read_bytes: u64,
}

impl<'a> FileBytes<'a> {
    pub(crate) fn new(
        backend: &'a mut dyn Backend,
        log: &'a mut UnreadableLog,
        file: FileId,
        length: u64,
    ) -> Self {
        Self { backend, log, file, length, read_bytes: 0 }
    }

    /// Whether there may be a frame of so many bytes. Memory is spent only on what looks like a frame at both ends, and on a long
    /// one only if its checksum agrees: a file that takes no room on the disk may state any length.
    pub(crate) fn may_hold_frame(&mut self, at: u64, frame_bytes: u64) -> Result<bool, StorageError> {
        if at.saturating_add(frame_bytes) > self.length || !self.ends_like_a_frame(at, frame_bytes)? {
            return Ok(false);
        }
        Ok(frame_bytes <= BELIEVED_BYTES || is_whole(self, at, frame_bytes)?)
    }

    fn ends_like_a_frame(&mut self, at: u64, frame_bytes: u64) -> Result<bool, StorageError> {
        let mut end = [0; END_BYTES];
        let end_at =
            at.saturating_add(frame_bytes).saturating_sub(u64::try_from(END_BYTES).unwrap_or(u64::MAX));
        self.read_at(end_at, &mut end)?;
        Ok(frame_bytes_by_end(end) == Some(frame_bytes))
    }

    /// Whether the device reads so many bytes from an offset on.
    pub(crate) fn is_readable(&mut self, offset: u64, bytes: u64) -> Result<bool, StorageError> {
        let end = offset.saturating_add(bytes).min(self.length);
        let mut piece = vec![0; BLOCK_BYTES];
        let mut at = offset;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(piece.len());
            match self.backend.read_at(self.file, at, piece.get_mut(..wanted).unwrap_or_default()) {
                Ok(_) => at = at.saturating_add(u64::try_from(wanted).unwrap_or(u64::MAX)),
                Err(error) if error.is_unreadable() => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads page by page what the device does not read as a whole. A page that it cannot read counts as zeros, which are
    /// damage: the records in it are lost, and all others are not.
    fn read_pages(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let mut at = offset;
        for page in into.chunks_mut(PAGE_BYTES) {
            match self.backend.read_at(self.file, at, page) {
                Ok(read) => page.get_mut(read..).unwrap_or_default().fill(0),
                Err(error) if error.is_unreadable() => {
                    self.log.note(self.file, at, page.len(), &error);
                    page.fill(0);
                }
                Err(error) => return Err(error),
            }
            at = at.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
        }
        Ok(into.len())
    }
}

impl Source for FileBytes<'_> {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    /// A file that another program has truncated reads as zeros where it was, as it will when more is appended: damage like
    /// any other, and no error that would come again for ever.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let Some(into) = into.get_mut(..wanted) else { return Ok(0) };
        let read = match self.backend.read_at(self.file, offset, into) {
            Err(error) if error.is_unreadable() => self.read_pages(offset, into)?,
            read => read?,
        };
        self.read_bytes = self.read_bytes.saturating_add(u64::try_from(wanted).unwrap_or(u64::MAX));
        if let Some(missing) = into.get_mut(read..).filter(|missing| !missing.is_empty()) {
            debug!(file = %self.file, offset, "the data file is shorter than it was");
            missing.fill(0);
        }
        Ok(wanted)
    }
}
