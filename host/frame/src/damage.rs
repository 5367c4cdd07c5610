//! What a damaged place in a data file is, in the words that everybody uses.

use std::{convert::Infallible, ops::Range};

use crate::{decode::Frame, events::CountSource, id::RecordId, layout::to_usize};

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

/// What is known around a place in a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The lowest id that may stand here: the id after the last good record before; 1 if there is none.
    pub floor: RecordId,
    /// Whether the record that stands here must have exactly that id.
    pub exact: bool,
    /// Ids from here on are not taken for records where frames have to be looked for: the ledger's next id, or as far beyond
    /// it as the ledger may lag behind. If the floor has reached it, it says nothing.
    pub ceiling: RecordId,
}

impl Surroundings {
    /// Nothing is known of what stands before, as at the start of a file.
    #[must_use]
    pub const fn at_start(ceiling: RecordId) -> Self {
        Self { floor: RecordId(1), exact: false, ceiling }
    }

    /// Whether a whole frame may stand here in the order of the file. Ids never go back. They may skip, where records
    /// were lost, and they may pass the ceiling, where the ledger lags behind.
    pub fn admits(&self, id: RecordId) -> bool {
        id >= self.floor
    }

    /// A whole frame stands here: what is known behind it.
    #[must_use]
    pub fn after(self, frame: &Frame<'_>) -> Self {
        match frame.count_source {
            CountSource::Frame => Self { floor: frame.next_id(), exact: true, ..self },
            // The count may be wrong; that ids rise is certain.
            CountSource::Payload | CountSource::Assumed => {
                Self { floor: frame.id.after(1), exact: false, ..self }
            }
        }
    }

    /// Damaged bytes are here: what is known behind them.
    #[must_use]
    pub fn after_damage(self) -> Self {
        Self { exact: false, ..self }
    }

    /// Whether this can be the id of a frame that certainly starts here and ends where it is thought to: ids may be missing
    /// in front of it.
    pub(crate) fn allows(&self, id: RecordId) -> bool {
        self.expects(id) || self.candidates().contains(&id)
    }

    /// Whether this can be the id of the damaged frame that starts here, where its end is not certain.
    pub(crate) fn expects(&self, id: RecordId) -> bool {
        if self.exact { id == self.floor } else { self.candidates().contains(&id) }
    }

    /// The ids that records from here on can have.
    pub(crate) fn candidates(&self) -> Range<RecordId> {
        // A ceiling that the file has passed says nothing: the ledger lags behind.
        let passed = self.ceiling < self.floor;
        self.floor..if passed { RecordId(u64::MAX) } else { self.ceiling }
    }
}

/// What a damaged place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nothing is lost: only numbers were damaged that say how long the frame's parts are, and the checksum agrees. Where the
    /// end of the root is missing as a whole, what vouches for the number of events is, too, and the record counts as one.
    /// [`decode_undelimited`](crate::decode_undelimited) reads the frame.
    Length {
        /// The length of the whole frame.
        frame_bytes: u64,
    },
    /// These bytes are lost. Something whole follows, or they are a complete frame that ends the file.
    Corrupt {
        /// How many they are.
        bytes: u64,
    },
    /// Nothing whole follows, and the bytes up to the end of the file are not a complete frame.
    Torn {
        /// How many they are.
        bytes: u64,
    },
}
