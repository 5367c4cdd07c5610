//! The batch on offer: payloads that wait for the logic to place them.
//!
//! The logic sees sizes only. The host knows which records were placed, and under which ids.

use forebay_types::{BatchId, RecordId, Refusal};

use crate::{record::NewRecord, storage::Amount};

/// The records of one `write`, in order. The first `placed` of them are in the buffer.
#[derive(Debug)]
pub(crate) struct Offer {
    batch: BatchId,
    records: Vec<NewRecord>,
    placed: usize,
    first_id: Option<RecordId>,
}

/// What became of an offer, by the host's own account.
#[derive(Debug, Default)]
pub struct Placement {
    /// All records that were offered.
    pub records: Vec<NewRecord>,
    /// How many of them, from the first on, are in the buffer.
    pub placed: usize,
    /// The id of the first; `None` if none was placed.
    pub first_id: Option<RecordId>,
}

impl Offer {
    pub(crate) fn new(batch: BatchId, records: Vec<NewRecord>) -> Self {
        Self { batch, records, placed: 0, first_id: None }
    }

    /// What the logic is told of the records: event count << 32 | frame length.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let size = |record: &NewRecord| {
            u64::from(record.events.get()) << 32 | (record.frame_bytes() & u64::from(u32::MAX))
        };
        self.records.iter().map(size).collect()
    }

    /// The next `count` records that are not placed.
    pub(crate) fn next(&self, batch: BatchId, count: u32) -> Result<&[NewRecord], Refusal> {
        if batch != self.batch {
            return Err(Refusal::UnknownBatch);
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let left = self.records.get(self.placed..).unwrap_or_default();
        left.get(..count).filter(|records| !records.is_empty()).ok_or(Refusal::BatchCount)
    }

    /// What is not placed.
    pub(crate) fn pending(&self) -> Amount {
        NewRecord::amount(self.records.get(self.placed..).unwrap_or_default())
    }

    /// The next `count` records were written, the first of them under `id`.
    pub(crate) fn mark_placed(&mut self, count: usize, id: RecordId) {
        debug_assert!(self.placed + count <= self.records.len(), "more placed than offered");
        if count > 0 {
            self.first_id.get_or_insert(id);
            self.placed += count;
        }
    }

    pub(crate) fn into_placement(self) -> Placement {
        Placement { records: self.records, placed: self.placed, first_id: self.first_id }
    }
}
