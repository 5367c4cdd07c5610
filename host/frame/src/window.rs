//! A stretch of a file in memory: what is looked at is read in blocks, and never more than a block unless it is asked for.

use crate::{
    layout::{to_u64, to_usize},
    source::Source,
};

/// How much is read at a time, in bytes.
pub(crate) const BLOCK: usize = 256 * 1024;

/// A source as long as it was when work on it began: appending may go on meanwhile.
pub(crate) struct File<'a, S> {
    pub(crate) source: &'a mut S,
    pub(crate) len: u64,
}

impl<S: Source> File<'_, S> {
    /// Reads until `into` is full or the file ends.
    pub(crate) fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, S::Error> {
        let wanted = into.len().min(to_usize(self.len.saturating_sub(offset)));
        match into.get_mut(..wanted) {
            Some(into) if !into.is_empty() => Ok(self.source.read_at(offset, into)?.min(wanted)),
            _ => Ok(0),
        }
    }
}

/// The stretch.
#[derive(Debug, Default)]
pub(crate) struct Window {
    start: u64,
    /// How many of `bytes` are the file's.
    held: usize,
    bytes: Vec<u8>,
}

impl Window {
    /// The bytes from `offset` on: `at_least` so many, fewer only if the file ends before.
    pub(crate) fn at<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
        at_least: usize,
    ) -> Result<&[u8], S::Error> {
        let wanted = at_least.min(to_usize(file.len.saturating_sub(offset)));
        if self.held_from(offset).len() < wanted {
            self.fill(file, offset, at_least.max(BLOCK))?;
        }
        Ok(self.held_from(offset))
    }

    /// The `N` bytes that end at `end`, if there are so many. Reads the block that ends there.
    pub(crate) fn before<S: Source, const N: usize>(
        &mut self,
        file: &mut File<'_, S>,
        end: u64,
    ) -> Result<Option<[u8; N]>, S::Error> {
        let Some(offset) = end.checked_sub(to_u64(N)) else { return Ok(None) };
        if self.held_from(offset).len() < N {
            self.fill(file, end.saturating_sub(to_u64(BLOCK)), BLOCK)?;
        }
        Ok(self.held_from(offset).first_chunk().copied())
    }

    /// The `N` bytes at `offset`, if there are so many. Leaves the window where it is.
    pub(crate) fn peek<S: Source, const N: usize>(
        &self,
        file: &mut File<'_, S>,
        offset: u64,
    ) -> Result<Option<[u8; N]>, S::Error> {
        if let Some(bytes) = self.held_from(offset).first_chunk() {
            return Ok(Some(*bytes));
        }
        let mut bytes = [0; N];
        let read = file.read_at(offset, &mut bytes)?;
        Ok((read == N).then_some(bytes))
    }

    /// What is in memory from an offset on.
    pub(crate) fn held_from(&self, offset: u64) -> &[u8] {
        let held = self.bytes.get(..self.held).unwrap_or_default();
        offset.checked_sub(self.start).and_then(|skip| held.get(to_usize(skip)..)).unwrap_or_default()
    }

    fn fill<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
        wanted: usize,
    ) -> Result<(), S::Error> {
        self.held = 0;
        self.start = offset;
        let wanted = wanted.min(to_usize(file.len.saturating_sub(offset)));
        if wanted <= BLOCK && self.bytes.len() > BLOCK {
            // One long frame is no reason to keep its memory.
            self.bytes = Vec::new();
        }
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        if let Some(into) = self.bytes.get_mut(..wanted) {
            self.held = file.read_at(offset, into)?;
        }
        Ok(())
    }
}
