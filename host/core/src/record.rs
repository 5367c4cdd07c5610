//! Records on their way into a buffer and out of it.

use std::num::NonZeroU32;

use bytes::Bytes;
use forebay_types::RecordId;

use crate::storage::Amount;

/// A record to be written: a payload that Forebay does not look into, a number that it keeps beside it, and how many
/// events the payload holds.
///
/// ```
/// use forebay_core::NewRecord;
///
/// let line = NewRecord::from("hello");
/// let batch = NewRecord::from(vec![1, 2, 3]).with_metadata(7).with_events(3.try_into().unwrap());
/// assert_eq!(line.events.get(), 1);
/// assert_eq!(batch.metadata, 7);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The bytes.
    pub payload: Bytes,
    /// Kept with the record and given back with it. Vector uses 1 for its own payloads and 0 for opaque ones.
    pub metadata: u32,
    /// How many events the payload holds: the record takes as many ids.
    pub events: NonZeroU32,
}

impl NewRecord {
    /// A record of one event, with metadata 0.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), metadata: 0, events: NonZeroU32::MIN }
    }

    /// The same record with this metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: u32) -> Self {
        Self { metadata, ..self }
    }

    /// The same record, holding so many events.
    #[must_use]
    pub fn with_events(self, events: NonZeroU32) -> Self {
        Self { events, ..self }
    }

    /// How long its frame is on disk, in bytes.
    pub fn frame_bytes(&self) -> u64 {
        forebay_frame::frame_bytes(u64::try_from(self.payload.len()).unwrap_or(u64::MAX))
    }

    /// How many events these records hold, and how long their frames are.
    pub fn amount<'a>(records: impl IntoIterator<Item = &'a Self>) -> Amount {
        records.into_iter().fold(Amount::default(), |sum, record| {
            sum.plus(Amount::new(record.events.get().into(), record.frame_bytes()))
        })
    }
}

impl<P: Into<Bytes>> From<P> for NewRecord {
    fn from(payload: P) -> Self {
        Self::new(payload)
    }
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct ReadRecord {
    /// Its id: that of its first event.
    pub id: RecordId,
    /// The incarnation of the buffer that gave it the id.
    pub incarnation: u64,
    /// How many events it holds.
    pub events: NonZeroU32,
    /// The number that was kept beside the payload.
    pub metadata: u32,
    /// The bytes, in the block that they were read into.
    pub payload: Bytes,
    /// The length of its frame on disk, in bytes.
    pub frame_bytes: u64,
    /// The memory that its payload is in.
    pub block: MemoryBlock,
}

/// A block of memory that the payloads of records are in. It is free when the last of them is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryBlock {
    /// Its number: records with the same one share it.
    pub number: u64,
    /// How much memory it takes, in bytes.
    pub bytes: u64,
}
