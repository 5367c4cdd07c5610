//! Bytes of a data file, wherever they are.

use std::convert::Infallible;

use crate::layout::to_usize;

/// Bytes of one data file, wherever they are.
pub trait Source {
    /// Why bytes could not be read.
    type Error;

    /// The length of the file in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads from an offset on until `into` is full or the file ends; gives the number of bytes read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error>;
}

impl<S: Source + ?Sized> Source for &mut S {
    type Error = S::Error;

    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, S::Error> {
        (**self).read_at(offset, into)
    }
}

/// A data file in memory.
impl Source for &[u8] {
    type Error = Infallible;

    fn len(&self) -> u64 {
        crate::layout::to_u64(<[u8]>::len(self))
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Infallible> {
        let here = self.get(to_usize(offset)..).unwrap_or_default();
        let read = here.len().min(into.len());
        if let (Some(into), Some(here)) = (into.get_mut(..read), here.get(..read)) {
            into.copy_from_slice(here);
        }
        Ok(read)
    }
}
