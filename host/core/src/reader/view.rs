//! Blocks of data files in memory: read from the file, or kept from the append that wrote them.

use forebay_frame::{Source, incomplete};
use forebay_types::FileId;

use super::{
    blocks::{BLOCK_BYTES, Block, BlockPool},
    file_bytes::FileBytes,
};
use crate::storage::StorageError;

/// A block, and where it lies.
#[derive(Debug)]
struct Placed {
    file: FileId,
    start: u64,
    block: Block,
}

impl Placed {
    /// What it holds from an offset on, if it holds that byte.
    fn from(&self, file: FileId, offset: u64) -> Option<Block> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        if file == self.file { self.block.from(skip) } else { None }
    }
}

/// The blocks that are in memory.
#[derive(Debug, Default)]
pub(crate) struct View {
    pool: BlockPool,
    /// The block that was read last.
    read: Option<Placed>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<Placed>,
}

impl View {
    /// A pool for blocks that are written.
    pub(crate) fn staging(&self) -> BlockPool {
        self.pool.beside()
    }

    /// The pool of the blocks that are read.
    pub(super) fn pool(&self) -> &BlockPool {
        &self.pool
    }

    /// Other frames are about to be appended: their memory is that of the last ones, unless a consumer holds on to it.
    pub(crate) fn release_appended(&mut self) {
        self.appended = None;
    }

    /// Frames were appended at an offset.
    pub(crate) fn note_append(&mut self, file: FileId, start: u64, block: Block) {
        self.appended = Some(Placed { file, start, block });
    }

    /// A file was truncated, rewritten or removed: nothing that was read of it counts any more.
    pub(crate) fn forget(&mut self, file: FileId) {
        self.read.take_if(|block| block.file == file);
        self.appended.take_if(|block| block.file == file);
    }

    /// The block that starts at an offset, long enough for the frame there if the file is.
    pub(crate) fn block(&mut self, source: &mut FileBytes<'_>, at: u64) -> Result<Block, StorageError> {
        let mut wanted = to_u64(BLOCK_BYTES);
        for placed in [&self.appended, &self.read].into_iter().flatten() {
            let Some(block) = placed.from(source.file, at) else { continue };
            match incomplete(&block.bytes) {
                Some(needed) if source.may_hold_frame(at, needed)? => wanted = wanted.max(needed),
                _ => return Ok(block),
            }
        }
        let mut block = self.read_block(source, at, wanted)?;
        if let Some(needed) = incomplete(&block.bytes)
            && source.may_hold_frame(at, needed)?
        {
            block = self.read_block(source, at, needed)?;
        }
        self.read = Some(Placed { file: source.file, start: at, block: block.clone() });
        Ok(block)
    }

    /// So many bytes from an offset on, or as many as the file has. They are not kept.
    pub(crate) fn read_block(
        &self,
        source: &mut FileBytes<'_>,
        at: u64,
        wanted: u64,
    ) -> Result<Block, StorageError> {
        let wanted = usize::try_from(wanted.min(source.length.saturating_sub(at))).unwrap_or(usize::MAX);
        let mut block = self.pool.filled(wanted);
        let read = source.read_at(at, &mut block)?;
        Ok(self.pool.share(block, read))
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
