//! The stretches that a data file is made of.

use crate::id::RecordId;

/// A stretch of a data file. Offsets and lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Whole frames, adjacent, with ids without a gap. [`decode`](crate::decode) reads each of them.
    Run {
        /// Where the first frame starts.
        offset: u64,
        /// How long the frames are together.
        bytes: u64,
        /// The id of the first record.
        first_id: RecordId,
        /// The id after the last record's last event.
        next_id: RecordId,
        /// How many records there are.
        records: u32,
    },
    /// One whole frame whose length statements are damaged. [`decode_undelimited`](crate::decode_undelimited) reads it.
    Undelimited {
        /// Where it starts.
        offset: u64,
        /// How long it is.
        bytes: u64,
        /// The id of the record.
        id: RecordId,
        /// The id after the record's last event.
        next_id: RecordId,
    },
    /// Bytes that are lost.
    Damaged {
        /// Where they start.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// Whole frames that do not belong where they are: stale, duplicated or out of order.
    Misplaced {
        /// Where the first of them starts.
        offset: u64,
        /// How long they are together.
        bytes: u64,
    },
    /// An unfinished frame that ends the file: a torn write. Only these bytes may be truncated.
    Unfinished {
        /// Where it starts.
        offset: u64,
        /// How many bytes of it there are.
        bytes: u64,
    },
}

impl Stretch {
    /// Where it starts, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        match *self {
            Self::Run { offset, .. }
            | Self::Undelimited { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::Misplaced { offset, .. }
            | Self::Unfinished { offset, .. } => offset,
        }
    }

    /// How long it is, in bytes.
    pub fn bytes(&self) -> u64 {
        match *self {
            Self::Run { bytes, .. }
            | Self::Undelimited { bytes, .. }
            | Self::Damaged { bytes, .. }
            | Self::Misplaced { bytes, .. }
            | Self::Unfinished { bytes, .. } => bytes,
        }
    }

    /// The same so many bytes further on.
    pub(crate) fn moved(mut self, by: u64) -> Self {
        match &mut self {
            Self::Run { offset, .. }
            | Self::Undelimited { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::Misplaced { offset, .. }
            | Self::Unfinished { offset, .. } => *offset = offset.saturating_add(by),
        }
        self
    }

    /// Where it ends, in bytes from the start of the file.
    pub fn end(&self) -> u64 {
        self.offset().saturating_add(self.bytes())
    }
}
