//! Writing records.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    error::{WriteError, WriteErrorKind},
    inbox::PendingWrite,
    options::{Durability, Options},
    receipt::{Pending, Receipt},
    shared::Shared,
    syncing::SyncingCaller,
};
use crate::NewRecord;

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

    /// Writes one record, and waits until it has reached the level of durability. A buffer that blocks when it is full waits
    /// for room. A record that is not written comes back in the error.
    pub fn write(&self, record: impl Into<NewRecord>) -> Result<Receipt, WriteError> {
        self.write_batch(vec![record.into()])
    }

    /// Writes records, in their order and with nothing between them, and waits until all have reached the level of
    /// durability. A buffer that blocks when it is full waits for room. Records that are not written come back in the error.
    pub fn write_batch(&self, records: Vec<NewRecord>) -> Result<Receipt, WriteError> {
        self.wait_for(|| self.submit(records))
    }

    /// As [`write`](Self::write), without waiting for room: see [`try_write_batch`](Self::try_write_batch).
    pub fn try_write(&self, record: impl Into<NewRecord>) -> Result<Receipt, WriteError> {
        self.try_write_batch(vec![record.into()])
    }

    /// As [`write_batch`](Self::write_batch), without waiting for room: what does not fit now, or would have to wait behind
    /// other writers, comes back in an error of the kind [`Full`](super::WriteErrorKind::Full). It still waits until what fits
    /// has reached the level of durability.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let buffer = forebay::Buffer::builder(directory.path()).max_events(1).open()?;
    /// let writer = buffer.writer();
    /// writer.try_write("fits")?;
    /// let error = writer.try_write("does not").expect_err("it would wait");
    /// assert!(error.is_full());
    /// assert_eq!(error.into_records()[0].payload, "does not");
    /// # buffer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_write_batch(&self, records: Vec<NewRecord>) -> Result<Receipt, WriteError> {
        self.write_batch_timeout(records, Duration::ZERO)
    }

    /// As [`write`](Self::write), but waits for room at most this long: see
    /// [`write_batch_timeout`](Self::write_batch_timeout).
    pub fn write_timeout(
        &self,
        record: impl Into<NewRecord>,
        timeout: Duration,
    ) -> Result<Receipt, WriteError> {
        self.write_batch_timeout(vec![record.into()], timeout)
    }

    /// As [`write_batch`](Self::write_batch), but waits for room at most this long. What found none comes back in an error of
    /// the kind [`Full`](super::WriteErrorKind::Full). The wait for a sync is not limited: records that are in the buffer
    /// cannot be taken back.
    pub fn write_batch_timeout(
        &self,
        records: Vec<NewRecord>,
        timeout: Duration,
    ) -> Result<Receipt, WriteError> {
        // Should its records find no room in time, it must be free to go.
        self.hand_over(records, Some(timeout), Shared::write)?.wait()
    }

    /// Hands records over and returns: the answer is waited for later, while more are handed over.
    pub fn submit(&self, records: Vec<NewRecord>) -> Result<Pending, WriteError> {
        self.hand_over(records, None, Shared::write)
    }

    /// As [`write`](Self::write), without blocking the thread.
    pub async fn write_async(&self, record: impl Into<NewRecord>) -> Result<Receipt, WriteError> {
        self.write_batch_async(vec![record.into()]).await
    }

    /// As [`write_batch`](Self::write_batch), without blocking the thread. Dropping the future gives up the answer, not the
    /// records.
    pub async fn write_batch_async(&self, records: Vec<NewRecord>) -> Result<Receipt, WriteError> {
        self.shared.note_async_caller();
        self.hand_over(records, None, Shared::write_elsewhere)?.await
    }

    /// As [`write_batch_timeout`](Self::write_batch_timeout), without blocking the thread. A timeout of zero does not wait for
    /// room.
    pub async fn write_batch_timeout_async(
        &self,
        records: Vec<NewRecord>,
        timeout: Duration,
    ) -> Result<Receipt, WriteError> {
        self.shared.note_async_caller();
        self.hand_over(records, Some(timeout), Shared::write_elsewhere)?.await
    }

    /// Hands records over and waits for the answer. Most come within microseconds. A thread that waits for a sync may run it.
    fn wait_for(
        &self,
        hand_over: impl FnOnce() -> Result<Pending, WriteError>,
    ) -> Result<Receipt, WriteError> {
        if self.options.durability != Durability::Synced {
            let mut pending = hand_over()?;
            let soon = self.shared.spinning.until(|| pending.try_take());
            return soon.unwrap_or_else(|| pending.wait());
        }
        match SyncingCaller::new(&self.shared) {
            Some(caller) => caller.wait(hand_over()?),
            None => hand_over()?.wait(),
        }
    }

    fn hand_over(
        &self,
        records: Vec<NewRecord>,
        timeout: Option<Duration>,
        submit: impl FnOnce(&Arc<Shared>, PendingWrite),
    ) -> Result<Pending, WriteError> {
        let records = self.check(records)?;
        if records.is_empty() {
            return Ok(Pending::ready(Ok(Receipt::default()), self.shared.runtime()));
        }
        let deadline_ns = timeout.map(|timeout| self.shared.deadline_ns(timeout));
        let (reply, answer) = oneshot::channel();
        let write = PendingWrite::new(records, self.options.durability, deadline_ns, reply);
        submit(&self.shared, write);
        Ok(Pending::new(answer, self.shared.runtime()))
    }

    /// No record may be longer than the limit.
    fn check(&self, records: Vec<NewRecord>) -> Result<Vec<NewRecord>, WriteError> {
        let most = self.options.record_bytes_max();
        let bytes = |record: &NewRecord| u64::try_from(record.payload.len()).unwrap_or(u64::MAX);
        match records.iter().position(|record| bytes(record) > most) {
            None => Ok(records),
            Some(index) => {
                let bytes = records.get(index).map_or(0, bytes);
                let kind = WriteErrorKind::TooLong { number: index + 1, bytes, most };
                Err(WriteError::new(kind, records))
            }
        }
    }
}
