//! Writing records.

use std::{collections::VecDeque, sync::Arc};

use forebay_frame::RecordId;
use tokio::sync::oneshot;

use super::{
    error::WriteError,
    inbox::{PendingWrite, Work},
    options::{Durability, Options},
    receipt::{Pending, Receipt},
    shared::Shared,
};
use crate::record::NewRecord;

/// Writes records to a buffer. Clones write to the same buffer, from any thread.
///
/// The blocking calls run the buffer's logic on the calling thread; the `async` ones have it run on a shared pool, and
/// work on any runtime.
#[derive(Clone, Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    options: Options,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, options: Options) -> Self {
        Self { shared, options }
    }

    /// The same buffer, with answers at another level of durability.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Writes one record, and waits until it has reached the level of durability. Gives its id, or `None` if the buffer
    /// is full and rejects, or answers without waiting.
    pub fn write(&self, record: impl Into<NewRecord>) -> Result<Option<RecordId>, WriteError> {
        self.write_batch(vec![record.into()]).map(|receipt| receipt.first_id)
    }

    /// Writes records, in their order and with nothing between them, and waits until all have reached the level of
    /// durability. A buffer that blocks when it is full waits for room.
    pub fn write_batch(&self, records: Vec<NewRecord>) -> Result<Receipt, WriteError> {
        self.submit(records)?.wait()
    }

    /// Hands records over and returns: the answer is waited for later, while more are handed over.
    pub fn submit(&self, records: Vec<NewRecord>) -> Result<Pending, WriteError> {
        self.hand_over(records, Shared::submit)
    }

    /// As [`write_batch`](Self::write_batch), without blocking the thread.
    pub async fn write_batch_async(&self, records: Vec<NewRecord>) -> Result<Receipt, WriteError> {
        self.hand_over(records, Shared::submit_elsewhere)?.await
    }

    fn hand_over(
        &self,
        records: Vec<NewRecord>,
        submit: impl FnOnce(&Arc<Shared>, Box<dyn FnOnce(&mut Work)>),
    ) -> Result<Pending, WriteError> {
        let records = self.check(records)?;
        if records.is_empty() {
            return Ok(Pending::ready(Ok(Receipt::default()), &self.shared));
        }
        let (reply, answer) = oneshot::channel();
        let write = PendingWrite {
            left: records.len(),
            records: VecDeque::from(records),
            receipt: Receipt::default(),
            durability: self.options.durability,
            reply: Some(reply),
        };
        submit(&self.shared, Box::new(move |work| work.writes.push(write)));
        Ok(Pending::new(answer, &self.shared))
    }

    /// No record may be longer than the limit.
    fn check(&self, records: Vec<NewRecord>) -> Result<Vec<NewRecord>, WriteError> {
        let most = self.options.record_bytes_max();
        let bytes = |record: &NewRecord| u64::try_from(record.payload.len()).unwrap_or(u64::MAX);
        match records.iter().position(|record| bytes(record) > most) {
            None => Ok(records),
            Some(index) => {
                let bytes = records.get(index).map_or(0, bytes);
                Err(WriteError::TooLong { number: index + 1, bytes, most, records })
            }
        }
    }
}
