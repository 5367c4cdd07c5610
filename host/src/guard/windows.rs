//! Stretches of data files in memory: read from the file, or kept from the append that wrote them.

use bytes::Bytes;
use forebay_frame::{Source, incomplete};

use super::{
    blocks::{BLOCK_BYTES, BlockPool},
    subject::Subject,
};
use crate::storage::{FileId, StorageError};

/// A stretch of a data file.
#[derive(Debug)]
struct Window {
    file: FileId,
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// What it holds from an offset on, if it holds that byte.
    fn from(&self, file: FileId, offset: u64) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (file == self.file && skip < self.bytes.len()).then(|| self.bytes.slice(skip..))
    }
}

/// The stretches that are in memory.
#[derive(Debug, Default)]
pub(super) struct Windows {
    pool: BlockPool,
    /// The block that was read last.
    read: Option<Window>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<Window>,
}

impl Windows {
    /// Others are about to be appended: the memory of what was appended last is used for them, if nobody holds on to it.
    pub(super) fn let_go_of_appended(&mut self) {
        self.appended = None;
    }

    /// Frames were appended at an offset.
    pub(super) fn note_append(&mut self, file: FileId, start: u64, bytes: Bytes) {
        self.appended = Some(Window { file, start, bytes });
    }

    /// A file was cut or removed: nothing that was read of it counts any more.
    pub(super) fn forget(&mut self, file: FileId) {
        self.read.take_if(|window| window.file == file);
        self.appended.take_if(|window| window.file == file);
    }

    /// The block that starts at an offset, long enough for the frame there if the file is.
    pub(super) fn block(&mut self, subject: &mut Subject<'_>, at: u64) -> Result<Bytes, StorageError> {
        let mut wanted = to_u64(BLOCK_BYTES);
        for window in [&self.appended, &self.read].into_iter().flatten() {
            let Some(bytes) = window.from(subject.file, at) else { continue };
            match incomplete(&bytes) {
                Some(needed) if at.saturating_add(needed) <= subject.length => wanted = wanted.max(needed),
                _ => return Ok(bytes),
            }
        }
        let mut bytes = self.read_block(subject, at, wanted)?;
        if let Some(needed) = incomplete(&bytes)
            && at.saturating_add(needed) <= subject.length
        {
            bytes = self.read_block(subject, at, needed)?;
        }
        self.read = Some(Window { file: subject.file, start: at, bytes: bytes.clone() });
        Ok(bytes)
    }

    /// So many bytes from an offset on, or as many as the file has. They are not kept.
    pub(super) fn read_block(
        &self,
        subject: &mut Subject<'_>,
        at: u64,
        wanted: u64,
    ) -> Result<Bytes, StorageError> {
        let wanted = usize::try_from(wanted.min(subject.length.saturating_sub(at))).unwrap_or(usize::MAX);
        let mut block = self.pool.filled(wanted);
        let read = subject.read_at(at, &mut block)?;
        Ok(self.pool.share(block, read))
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
