//! Delivers records to clients. All reading of the buffer goes through here, so that it is known which client has which record.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use forebay::{ReadError, Reader, Record, SetAsideError};
use forebay_api::{AckAnswer, Ids, PullRequest};
use tokio::sync::Notify;

use super::{
    WAIT_MAX,
    early::Early,
    leases::{ConsumerId, LeaseNumber, Leased, Leases, is_of, lease_end},
};

/// The most records of one batch: the buffer's logic takes no more in one call.
const BATCH_RECORDS_MAX: usize = 4096;

/// How many bytes a record is taken to have before the first was seen.
const RECORD_BYTES_GUESS: u64 = 256;

impl Leased for Record {
    fn id(&self) -> u64 {
        self.id().0
    }

    fn incarnation(&self) -> u64 {
        self.incarnation()
    }
}

/// Records of one incarnation that a client has under a lease.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) lease: LeaseNumber,
    pub(super) records: Vec<Record>,
}

pub(super) struct Deliveries {
    reader: Reader,
    state: Mutex<State>,
    /// Records became ready that no call to the buffer tells of, or the owner is about to end. It cuts calls short that wait for the
    /// buffer. What such a call was about to get comes behind what the next one gets: so it is not for more than that.
    changed: Notify,
}

struct State {
    leases: Leases<Record>,
    /// Taken from the buffer, and no client has them. In the order of their ids.
    ready: VecDeque<Record>,
    /// Given back to the buffer without a delay, and not taken again.
    returned: BTreeSet<u64>,
    early: Early,
    /// What one record has of payload, as last seen.
    record_bytes: u64,
    is_closing: bool,
}

/// Ranges of ids, first and last.
type IdRanges = Vec<(u64, u64)>;

/// Why no records came.
pub(super) enum NoRecords {
    /// None in time.
    InTime,
    /// The owner is about to end, or writing has ended.
    Closing,
    Failed(ReadError),
}

impl Deliveries {
    pub(super) fn new(reader: Reader) -> Self {
        let state = State {
            leases: Leases::default(),
            ready: VecDeque::new(),
            returned: BTreeSet::new(),
            early: Early::default(),
            record_bytes: RECORD_BYTES_GUESS,
            is_closing: false,
        };
        Self { reader, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next records. `is_local`: the caller may block, and is spared a hop between threads where records are there.
    pub(super) async fn pull(
        &self,
        consumer: ConsumerId,
        request: &PullRequest,
        is_local: bool,
    ) -> Result<Granted, NoRecords> {
        let deadline = Instant::now() + Duration::from_millis(request.wait_ms).min(WAIT_MAX);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (returned, wanted, lease_end) = {
                let (mut state, now) = (self.lock(), Instant::now());
                if state.is_closing {
                    return Err(NoRecords::Closing);
                }
                state.expire(now);
                let returned = state.returned.len().min(BATCH_RECORDS_MAX);
                if returned == 0
                    && let Some(granted) = state.grant(consumer, request, now)
                {
                    if !state.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return Ok(granted);
                }
                (returned, state.wanted(request), state.leases.next_end(now))
            };
            if returned > 0 {
                self.take_returned(returned).await?;
                continue;
            }
            if is_local {
                let records = self.reader.try_next_batch(wanted).map_err(NoRecords::Failed)?;
                if !records.is_empty() {
                    self.lock().receive(records);
                    continue;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = lease_end.map_or(left, |end| end.min(left));
            tokio::select! {
                biased;
                taken = self.reader.next_batch_timeout_async(wanted, wait) => match taken {
                    Ok(Some(records)) => self.lock().receive(records),
                    Ok(None) => return Err(NoRecords::Closing),
                    Err(ReadError::TimedOut) if Instant::now() >= deadline => return Err(NoRecords::InTime),
                    Err(ReadError::TimedOut) => {}
                    Err(error) => return Err(NoRecords::Failed(error)),
                },
                () = changed => {}
            }
        }
    }

    /// Takes back records that clients have given back: they come before those that are ready.
    async fn take_returned(&self, most: usize) -> Result<(), NoRecords> {
        match self.reader.next_batch_timeout_async(most, Duration::ZERO).await {
            Ok(Some(records)) => self.lock().receive(records),
            // Another call has them, or they are given up.
            Ok(None) | Err(ReadError::TimedOut) => self.lock().returned.clear(),
            Err(error) => return Err(NoRecords::Failed(error)),
        }
        Ok(())
    }

    /// Acknowledges records, and says how many; `None` if the lease that is named has ended. They are taken by the buffer when this
    /// returns. `waiting` gives the ids that records may have that wait: no others are there.
    pub(super) async fn acknowledge(
        &self,
        incarnation: Option<u64>,
        ids: Ids,
        waiting: impl Fn() -> Range<u64>,
    ) -> Option<AckAnswer> {
        let (mut records, early) = self.lock().acknowledge(incarnation, ids, waiting)?;
        let mut noted = 0;
        if !early.is_empty() {
            records.extend(self.find_early().await);
            noted = self.lock().early.noted(incarnation, &early);
        }
        let acknowledged = u64::try_from(records.len()).unwrap_or(u64::MAX);
        self.reader.ack_batch_async(&records).await;
        Some(AckAnswer { acknowledged, noted })
    }

    /// As [`acknowledge`](Self::acknowledge), of all records of a lease, for a caller that may block.
    pub(super) fn acknowledge_lease(&self, lease: LeaseNumber) {
        let records = self.lock().leases.take_ids(lease, None).unwrap_or_default();
        self.reader.ack_batch(&records);
    }

    /// Takes records out of the buffer that are acknowledged already, as long as those come. The others are ready for clients.
    ///
    /// An acknowledgement behind a record that is not acknowledged is in memory, whether its record was taken or not: it is looked for
    /// no further. Records that were given back come first.
    async fn find_early(&self) -> Vec<Record> {
        let mut found = Vec::new();
        let mut goes_on = self.lock().may_find_early();
        while goes_on {
            match self.reader.next_batch_timeout_async(BATCH_RECORDS_MAX, Duration::ZERO).await {
                Ok(Some(records)) => {
                    let mut state = self.lock();
                    let before = found.len();
                    found.extend(state.sort_out(records));
                    goes_on = found.len() > before && state.ready.is_empty() && state.early.waits();
                }
                // Some are not to be delivered yet, or delivery has paused: they are known when they come.
                _ => break,
            }
        }
        self.changed.notify_waiters();
        found
    }

    /// Gives records of a lease back, all or those with these ids; `None` if it has ended.
    pub(super) fn give_back(&self, lease: LeaseNumber, ids: Option<&[u64]>, delay: Duration) -> Option<u64> {
        let mut state = self.lock();
        let records = state.leases.take_ids(lease, ids)?;
        Some(state.give_back(&records, delay))
    }

    /// Adds records of a lease to the dead letters, all or those with these ids, and waits, blocking this thread, until they are
    /// durable there; `None` if it has ended. `explain` comes before that: a reason without a dead letter does no harm. The client
    /// keeps, under the lease, what could not be added: it must stay until this returns.
    pub(super) fn set_aside(
        &self,
        lease: LeaseNumber,
        ids: Option<&[u64]>,
        explain: impl FnOnce(&[Record]),
    ) -> Option<Result<u64, SetAsideError>> {
        let mut lent = self.lock().leases.lend(lease, ids)?;
        explain(&lent.records);
        let count = u64::try_from(lent.records.len()).unwrap_or(u64::MAX);
        Some(self.reader.set_aside_batch(&lent.records).map(|()| count).inspect_err(|error| {
            lent.records.clone_from(&error.remaining);
            self.lock().leases.put_back(lent);
        }))
    }

    pub(super) fn extend(&self, lease: LeaseNumber, ends: Instant) -> bool {
        self.lock().leases.extend(lease, ends)
    }

    /// Records that the buffer has given out and no client has had, and the bytes of their frames.
    pub(super) fn unseen(&self) -> (usize, u64) {
        let state = self.lock();
        let unseen = state.ready.iter().filter(|record| record.deliveries().get() == 1);
        unseen.fold((0, 0), |(records, bytes), record| (records + 1, bytes + record.frame_bytes()))
    }

    /// A client is gone: its leases end. Calls that wait hear of it from the buffer, to which the records go back.
    pub(super) fn close(&self, consumer: ConsumerId) {
        let mut state = self.lock();
        let records = state.leases.close(consumer);
        state.give_back(&records, Duration::ZERO);
    }

    /// From now on no records are given out. Those that clients have can be acknowledged.
    pub(super) fn begin_end(&self) {
        self.lock().is_closing = true;
        self.changed.notify_waiters();
    }

    /// Whether another client than this one has a record.
    pub(super) fn has_leases_but(&self, consumer: ConsumerId) -> bool {
        let mut state = self.lock();
        state.expire(Instant::now());
        state.leases.are_any_but(consumer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many records to take from the buffer for a request.
    fn wanted(&self, request: &PullRequest) -> usize {
        let by_bytes = request.max_bytes / self.record_bytes.max(1) + 1;
        let wanted = usize::try_from(by_bytes.min(request.max.into())).unwrap_or(BATCH_RECORDS_MAX);
        wanted.clamp(1, BATCH_RECORDS_MAX)
    }

    /// Records came from the buffer.
    fn receive(&mut self, records: Vec<Record>) {
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let bytes: u64 = records.iter().map(payload_bytes).sum();
        self.record_bytes = bytes / count.max(1);
        // Those that are acknowledged already need no answer.
        self.sort_out(records).iter().for_each(Record::ack);
    }

    /// Records came from the buffer: gives those that are acknowledged already. The others are ready.
    fn sort_out(&mut self, records: Vec<Record>) -> Vec<Record> {
        let Self { early, ready, returned, .. } = self;
        for record in &records {
            returned.remove(&record.id().0);
        }
        let is_early = |record: &Record| early.deliver(record.incarnation(), record.id().0);
        let (acknowledged, others): (Vec<_>, Vec<_>) = records.into_iter().partition(is_early);
        let is_behind = match (ready.back(), others.first()) {
            (Some(last), Some(first)) => last.id() < first.id(),
            _ => true,
        };
        ready.extend(others);
        if !is_behind {
            ready.make_contiguous().sort_by_key(Record::id);
        }
        acknowledged
    }

    /// Gives ready records to a client, as far as it wants them and they are of one incarnation.
    fn grant(&mut self, consumer: ConsumerId, request: &PullRequest, now: Instant) -> Option<Granted> {
        let incarnation = self.ready.front()?.incarnation();
        let most = usize::try_from(request.max).unwrap_or(usize::MAX).clamp(1, BATCH_RECORDS_MAX);
        let mut bytes = 0_u64;
        let fits = |record: &&Record| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(payload_bytes(record).max(1));
            record.incarnation() == incarnation && (is_first || bytes <= request.max_bytes)
        };
        let count = self.ready.iter().take(most).take_while(fits).count();
        let records: Vec<_> = self.ready.drain(..count).collect();
        let ends = lease_end(now, request.lease_ms);
        let lease = self.leases.grant(consumer, ends, records.clone());
        Some(Granted { lease, records })
    }

    /// Whether records that are acknowledged already may be the next to come.
    fn may_find_early(&self) -> bool {
        self.early.waits_again() || (self.early.waits() && self.ready.is_empty())
    }

    /// Takes the records that are meant out of leases and of what is ready. Gives ranges of ids that others have that are still to come.
    fn acknowledge(
        &mut self,
        incarnation: Option<u64>,
        ids: Ids,
        waiting: impl Fn() -> Range<u64>,
    ) -> Option<(Vec<Record>, IdRanges)> {
        let ranges = match ids {
            Ids::Through { lease_id, last } => {
                let records = self.leases.take_through(lease_id.parse().ok()?, incarnation, last)?;
                return Some((records, Vec::new()));
            }
            Ids::Ranges(ranges) => ranges,
        };
        let (mut records, mut early) = (Vec::new(), Vec::new());
        for (first, last) in ranges {
            records.extend(self.leases.take(incarnation, first, last));
            records.extend(self.take_ready(incarnation, first, last));
            let (first, last) = if self.early.was_delivered(last) {
                (first, last)
            } else {
                let waiting = waiting();
                (first.max(waiting.start), last.min(waiting.end.saturating_sub(1)))
            };
            if self.early.add(incarnation, first, last) {
                early.push((first, last));
            }
        }
        Some((records, early))
    }

    fn take_ready(&mut self, incarnation: Option<u64>, first: u64, last: u64) -> Vec<Record> {
        let is_meant = |record: &Record| {
            is_of(record.incarnation(), incarnation) && (first..=last).contains(&record.id().0)
        };
        if !self.ready.iter().any(is_meant) {
            return Vec::new();
        }
        let (taken, left): (Vec<_>, Vec<_>) = self.ready.drain(..).partition(is_meant);
        self.ready = left.into();
        taken
    }

    fn give_back(&mut self, records: &[Record], delay: Duration) -> u64 {
        for record in records {
            self.early.gave_back(record.id().0);
            if delay.is_zero() {
                self.returned.insert(record.id().0);
            }
            record.nack_after(delay);
        }
        u64::try_from(records.len()).unwrap_or(u64::MAX)
    }

    fn expire(&mut self, now: Instant) {
        let records = self.leases.expire(now);
        self.give_back(&records, Duration::ZERO);
    }
}

fn payload_bytes(record: &Record) -> u64 {
    u64::try_from(record.payload().len()).unwrap_or(u64::MAX)
}
