//! Reading records.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use forebay_types::RecordId;
use thiserror::Error;

use super::{
    core::{Core, Taken},
    error::ReadError,
    inbox::Ack,
    options::Options,
    record::{Origin, Record},
    redelivery::Delivery,
    setting_aside::Asker,
    shared::Shared,
};
use crate::guard::ReadRecord;

/// Reads records from a buffer, each once, in the order of their ids; those that were [given back](Record::nack) come again.
/// Several readers of one buffer share its records between them.
///
/// Delivery pauses when too much is unacknowledged (see
/// [`Options::max_unacknowledged_records`](super::Options::max_unacknowledged_records)); it goes on with the next
/// acknowledgement.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    requeue_on_drop: bool,
}

/// Some records could not be added to the dead-letter file.
#[derive(Debug, Error)]
#[error(
    "{} of the records could not be added to the dead-letter file and stay with their consumer: {reason}",
    remaining.len()
)]
#[non_exhaustive]
pub struct SetAsideError {
    /// These records. Their deliveries stand: they can be acknowledged, given back or set aside as if this call had not been made.
    pub remaining: Vec<Record>,
    /// Why, and what to do.
    pub reason: String,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, options: &Options) -> Self {
        // Who only looks has nothing to give back.
        Self { shared, requeue_on_drop: options.requeue_on_drop && !options.peek }
    }

    /// The next record. Waits for it, blocking this thread; `None` when writing has ended and all is delivered.
    pub fn next(&self) -> Result<Option<Record>, ReadError> {
        Ok(self.next_batch(1)?.and_then(|mut records| records.pop()))
    }

    /// The next records, at least one and at most so many. Waits for the first, blocking this thread; `None` when
    /// writing has ended and all is delivered. Records that are given back after that can be had by asking again.
    pub fn next_batch(&self, max_records: usize) -> Result<Option<Vec<Record>>, ReadError> {
        loop {
            match self.take(max_records)? {
                Taken::Records(records) => return Ok(Some(self.with_handles(records))),
                Taken::End => return Ok(None),
                // A sender that is gone means that the buffer is closed: the next round says so.
                Taken::Wait(changed) => self.shared.block_on(pin!(async { drop(changed.await) })),
            }
        }
    }

    /// As [`next`](Self::next), but waits at most this long, and then fails with [`ReadError::TimedOut`].
    pub fn next_timeout(&self, timeout: Duration) -> Result<Option<Record>, ReadError> {
        Ok(self.next_batch_timeout(1, timeout)?.and_then(|mut records| records.pop()))
    }

    /// As [`next_batch`](Self::next_batch), but waits at most this long, and then fails with [`ReadError::TimedOut`].
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let buffer = forebay::Buffer::builder(directory.path()).open()?;
    /// use std::time::Duration;
    ///
    /// let timed_out = buffer.reader().next_batch_timeout(100, Duration::from_millis(1));
    /// assert!(matches!(timed_out, Err(forebay::ReadError::TimedOut)));
    /// # buffer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_batch_timeout(
        &self,
        max_records: usize,
        timeout: Duration,
    ) -> Result<Option<Vec<Record>>, ReadError> {
        let deadline_ns = self.shared.deadline_ns(timeout);
        loop {
            match self.take(max_records)? {
                Taken::Records(records) => return Ok(Some(self.with_handles(records))),
                Taken::End => return Ok(None),
                Taken::Wait(changed) => {
                    if self.shared.runtime().now_ns() >= deadline_ns {
                        return Err(ReadError::TimedOut);
                    }
                    self.shared.schedule().look_again_at(deadline_ns);
                    self.shared.block_on(pin!(async { drop(changed.await) }));
                }
            }
        }
    }

    /// As [`next`](Self::next), without blocking the thread: see [`next_batch_async`](Self::next_batch_async).
    pub async fn next_async(&self) -> Result<Option<Record>, ReadError> {
        Ok(self.next_batch_async(1).await?.and_then(|mut records| records.pop()))
    }

    /// As [`next_batch`](Self::next_batch), without blocking the thread: disk and component work is done by an executor of the
    /// buffer's, and so is that of acknowledging these records.
    ///
    /// Dropping the future loses nothing: records that were on their way go to the next reader who asks.
    pub async fn next_batch_async(&self, max_records: usize) -> Result<Option<Vec<Record>>, ReadError> {
        self.take_by(max_records, None).await
    }

    /// As [`next_batch_timeout`](Self::next_batch_timeout), without blocking the thread.
    pub async fn next_batch_timeout_async(
        &self,
        max_records: usize,
        timeout: Duration,
    ) -> Result<Option<Vec<Record>>, ReadError> {
        self.take_by(max_records, Some(self.shared.deadline_ns(timeout))).await
    }

    /// The next records that are there now, at most so many; none if there are none.
    pub fn try_next_batch(&self, max_records: usize) -> Result<Vec<Record>, ReadError> {
        Ok(match self.take(max_records)? {
            Taken::Records(records) => self.with_handles(records),
            Taken::End | Taken::Wait(_) => Vec::new(),
        })
    }

    /// Acknowledges all records up to and including this one, whichever consumer has them. Records
    /// that were given back and not delivered again are left alone.
    ///
    /// An id within a record of several events acknowledges those before it; that of its first event, or of its last, the
    /// record as well.
    ///
    /// It is taken at once, with all acknowledgements that wait: see [`Record::ack`].
    ///
    /// There is no such word for giving back: it takes the payload, which only the holder of the [`Record`] has.
    pub fn ack_through(&self, id: RecordId) {
        self.shared.submit(|work| work.acks.push(Ack::Through(id)));
        // Another thread may have the core, and take it later. A buffer that is closed takes none.
        let _ = self.shared.with_core(|_| ());
    }

    /// As [`ack_through`](Self::ack_through), without blocking the thread. Returns when the acknowledgement was taken.
    pub async fn ack_through_async(&self, id: RecordId) {
        self.shared.submit_elsewhere(|work| work.acks.push(Ack::Through(id)));
        // A buffer that is closed takes none.
        let _ = self.shared.with_core_elsewhere(|_| ()).await;
    }

    /// Acknowledges these records, as [`Record::ack`] does one. It is taken at once: what is acknowledged outlives the process when
    /// this returns.
    pub fn ack_batch<'a>(&self, records: impl IntoIterator<Item = &'a Record>) {
        let deliveries = self.acknowledged(records);
        self.shared.submit(|work| work.acks.extend(deliveries));
        // Another thread may have the core, and take it later. A buffer that is closed takes none.
        let _ = self.shared.with_core(|_| ());
    }

    /// As [`ack_batch`](Self::ack_batch), without blocking the thread.
    pub async fn ack_batch_async<'a>(&self, records: impl IntoIterator<Item = &'a Record>) {
        let deliveries = self.acknowledged(records);
        self.shared.submit_elsewhere(|work| work.acks.extend(deliveries));
        // A buffer that is closed takes none.
        let _ = self.shared.with_core_elsewhere(|_| ()).await;
    }

    /// Adds these records to the file of [dead letters](Options::max_deliveries), as [`Record::set_aside`] does one, and waits, blocking
    /// this thread, until each is durable there and so acknowledged. Records that cannot be written come back in the error: they are
    /// not delivered again, and the caller has them as before.
    pub fn set_aside_batch<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), SetAsideError> {
        let records: Vec<_> = records.into_iter().collect();
        let (asker, mut waiting) = Asker::new();
        let mut acks = Vec::new();
        for record in &records {
            match record.set_aside_by(&self.shared) {
                Some(nack) => acks.push(Ack::SetAside(Box::new(nack), asker.clone())),
                None => asker.done(record.id()),
            }
        }
        drop(asker);
        self.shared.submit(|work| work.acks.extend(acks));
        self.shared.block_on(pin!(async { drop((&mut waiting.ended).await) }));
        let (done, error) = waiting.outcome();
        let (done, remaining): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| done.contains(&record.id()));
        // Nothing is given back any more when these are dropped.
        done.into_iter().for_each(Record::settle);
        if remaining.is_empty() {
            return Ok(());
        }
        let reason = error.unwrap_or_else(|| "the buffer is closed or has stopped; open it again".to_owned());
        Err(SetAsideError { remaining: remaining.into_iter().cloned().collect(), reason })
    }

    /// Those of the records that this opening of the buffer has delivered.
    fn acknowledged<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Vec<Ack> {
        let acks = records.into_iter().filter_map(|record| record.acknowledge_by(&self.shared));
        acks.map(Ack::One).collect()
    }

    async fn take_by(
        &self,
        max_records: usize,
        deadline_ns: Option<u64>,
    ) -> Result<Option<Vec<Record>>, ReadError> {
        loop {
            let shared = Arc::downgrade(&self.shared);
            let take = move |core: &mut Core| {
                let taken = Some(core.take_records(max_records.max(1))?);
                Ok::<_, ReadError>(OnItsWay { taken, shared })
            };
            match self.shared.with_core_elsewhere(take).await?.map(OnItsWay::arrived)? {
                Some(Taken::Records(records)) => return Ok(Some(self.with_async_handles(records))),
                Some(Taken::Wait(changed)) => {
                    if let Some(deadline_ns) = deadline_ns {
                        if self.shared.runtime().now_ns() >= deadline_ns {
                            return Err(ReadError::TimedOut);
                        }
                        self.shared.schedule().look_again_at(deadline_ns);
                    }
                    // A sender that is gone means that the buffer is closed: the next round says so.
                    drop(changed.await);
                }
                Some(Taken::End) | None => return Ok(None),
            }
        }
    }

    /// Records that were taken and reached no consumer go to the next reader who asks.
    #[cfg(feature = "tokio")]
    pub(super) fn put_back(&self, records: Vec<Record>) {
        let records = records.into_iter().map(Record::into_delivered).collect();
        drop(OnItsWay { taken: Some(Taken::Records(records)), shared: Arc::downgrade(&self.shared) });
    }

    fn take(&self, max_records: usize) -> Result<Taken, ReadError> {
        self.shared.with_core_to_read(|core| core.take_records(max_records.max(1)))?
    }

    fn with_handles(&self, records: Vec<(ReadRecord, Delivery)>) -> Vec<Record> {
        self.handles(records, false)
    }

    fn with_async_handles(&self, records: Vec<(ReadRecord, Delivery)>) -> Vec<Record> {
        self.handles(records, true)
    }

    fn handles(&self, records: Vec<(ReadRecord, Delivery)>, is_async: bool) -> Vec<Record> {
        let origin = Origin::new(&self.shared, is_async);
        let handle = |record| Record::new(record, &origin, self.requeue_on_drop);
        records.into_iter().map(handle).collect()
    }
}

/// What an executor took for a reader who may have gone meanwhile. Where it does not arrive, the records are put back.
struct OnItsWay {
    taken: Option<Taken>,
    shared: Weak<Shared>,
}

impl OnItsWay {
    fn arrived(mut self) -> Option<Taken> {
        self.taken.take()
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if let Some(Taken::Records(records)) = self.taken.take()
            && !records.is_empty()
            && let Some(shared) = self.shared.upgrade()
        {
            // A panic is told to all who wait or ask.
            shared.leave_elsewhere(|core| drop(core.contained(|core| core.take_back(records))));
        }
    }
}
