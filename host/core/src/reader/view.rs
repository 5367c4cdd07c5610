//! Blocks of data files in memory: read from the file, or kept from the append that wrote them.

use bytes::Bytes;
use forebay_frame::{Source, incomplete};
use forebay_types::FileId;

use super::{
    blocks::{BLOCK_BYTES, BlockPool},
    file_bytes::FileBytes,
};
use crate::storage::StorageError;

/// A block, and where it lies.
#[derive(Debug)]
struct Block {
    file: FileId,
    start: u64,
    bytes: Bytes,
}

impl Block {
    /// What it holds from an offset on, if it holds that byte.
    fn from(&self, file: FileId, offset: u64) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (file == self.file && skip < self.bytes.len()).then(|| self.bytes.slice(skip..))
    }
}

/// The blocks that are in memory.
#[derive(Debug, Default)]
pub(crate) struct View {
    pool: BlockPool,
    /// The block that was read last.
    read: Option<Block>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<Block>,
}

impl View {
    /// Other frames are about to be appended: their memory is that of the last ones, unless a consumer holds on to it.
    pub(crate) fn release_appended(&mut self) {
        self.appended = None;
    }

    /// Frames were appended at an offset.
    pub(crate) fn note_append(&mut self, file: FileId, start: u64, bytes: Bytes) {
        self.appended = Some(Block { file, start, bytes });
    }

    /// A file was truncated, rewritten or removed: nothing that was read of it counts any more.
    pub(crate) fn forget(&mut self, file: FileId) {
        self.read.take_if(|block| block.file == file);
        self.appended.take_if(|block| block.file == file);
    }

    /// The block that starts at an offset, long enough for the frame there if the file is.
    pub(crate) fn block(&mut self, source: &mut FileBytes<'_>, at: u64) -> Result<Bytes, StorageError> {
        let mut wanted = to_u64(BLOCK_BYTES);
        for block in [&self.appended, &self.read].into_iter().flatten() {
            let Some(bytes) = block.from(source.file, at) else { continue };
            match incomplete(&bytes) {
                Some(needed) if source.may_hold_frame(at, needed)? => wanted = wanted.max(needed),
                _ => return Ok(bytes),
            }
        }
        let mut bytes = self.read_block(source, at, wanted)?;
        if let Some(needed) = incomplete(&bytes)
            && source.may_hold_frame(at, needed)?
        {
            bytes = self.read_block(source, at, needed)?;
        }
        self.read = Some(Block { file: source.file, start: at, bytes: bytes.clone() });
        Ok(bytes)
    }

    /// So many bytes from an offset on, or as many as the file has. They are not kept.
    pub(crate) fn read_block(
        &self,
        source: &mut FileBytes<'_>,
        at: u64,
        wanted: u64,
    ) -> Result<Bytes, StorageError> {
        let wanted = usize::try_from(wanted.min(source.length.saturating_sub(at))).unwrap_or(usize::MAX);
        let mut block = self.pool.filled(wanted);
        let read = source.read_at(at, &mut block)?;
        Ok(self.pool.share(block, read))
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
