//! The batch on offer: payloads that wait for the logic to say where they go. The logic sees their sizes; the guard
//! keeps the account of which were placed, under which ids.

use forebay_frame::RecordId;

use super::{BatchId, Refusal};
use crate::record::NewRecord;

/// The records of one `write`, in order. The first `placed` of them are in the buffer.
#[derive(Debug)]
pub(super) struct Offer {
    batch: BatchId,
    records: Vec<NewRecord>,
    placed: usize,
    first_id: Option<RecordId>,
}

/// What became of an offer, by the guard's own account.
#[derive(Debug)]
pub struct Placement {
    /// All records that were offered.
    pub records: Vec<NewRecord>,
    /// How many of them, from the first on, are in the buffer.
    pub placed: usize,
    /// The id of the first; `None` if none was placed.
    pub first_id: Option<RecordId>,
}

impl Offer {
    pub(super) fn new(batch: BatchId, records: Vec<NewRecord>) -> Self {
        Self { batch, records, placed: 0, first_id: None }
    }

    /// The records that an append names: the next ones that are not placed, and no others.
    pub(super) fn next(&self, batch: BatchId, first: u32, count: u32) -> Result<&[NewRecord], Refusal> {
        if batch != self.batch {
            return Err(Refusal::UnknownBatch);
        }
        let (first, count) = (to_usize(first), to_usize(count));
        if first != self.placed {
            return Err(Refusal::BatchOrder);
        }
        self.records.get(first..).and_then(|rest| rest.get(..count)).ok_or(Refusal::BatchOrder)
    }

    /// The next `count` records were written, the first of them under `id`.
    pub(super) fn mark_placed(&mut self, count: usize, id: RecordId) {
        debug_assert!(self.placed + count <= self.records.len(), "more placed than offered");
        if count > 0 {
            self.first_id.get_or_insert(id);
            self.placed += count;
        }
    }

    pub(super) fn into_placement(self) -> Placement {
        Placement { records: self.records, placed: self.placed, first_id: self.first_id }
    }
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
