//! Gathers records into batches.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    access::{Held, Hold, Source},
    args::ReadArgs,
};

/// How long a lease lasts. It is made longer for as long as its records are under way.
const LEASE: Duration = Duration::from_mins(1);

/// How often leases are made longer.
pub(super) const EXTENSION: Duration = Duration::from_secs(15);

/// How long one call waits for records. A signal cuts it short.
const WAIT: Duration = Duration::from_secs(30);

/// What came of gathering.
pub(super) enum Gathered {
    Batch(Vec<Held>),
    /// There is nothing more to deliver.
    End,
    /// A signal may have come.
    Interrupted,
}

/// What came of asking for records beyond a batch.
pub(super) enum More {
    Batch(Vec<Held>),
    /// None are there now.
    NotYet,
    /// None will be delivered.
    Never,
}

/// The limits of a batch, and records that wait for the next one.
pub(super) struct Batches {
    pub(super) source: Source,
    records_max: u32,
    bytes_max: u64,
    wait: Duration,
    follow: bool,
    /// How many records are still wanted.
    left: u64,
    /// They came with the last batch, and had no room in it.
    carried: Vec<Held>,
    /// Records that were requeued and have not come again, and until when they are waited for: another reader may get them.
    requeued: BTreeSet<u64>,
    requeued_until: Option<Instant>,
    extended: Instant,
}

impl Batches {
    pub(super) fn new(args: &ReadArgs, source: Source) -> Self {
        Self {
            source,
            records_max: args.delivery.batch.get(),
            bytes_max: args.delivery.batch_bytes,
            wait: args.delivery.batch_wait,
            follow: args.follow,
            left: args.count.unwrap_or(u64::MAX),
            carried: Vec::new(),
            requeued: BTreeSet::new(),
            requeued_until: None,
            extended: Instant::now(),
        }
    }

    /// The next batch: full, or as full as it becomes in time.
    pub(super) fn next(&mut self) -> anyhow::Result<Gathered> {
        let mut batch = std::mem::take(&mut self.carried);
        self.carry(&mut batch);
        let mut until = (!batch.is_empty()).then(|| Instant::now() + self.wait);
        loop {
            self.extend_leases(batch.iter());
            let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            let most = u32::try_from(self.left).unwrap_or(u32::MAX).min(self.records_max);
            let (wanted, room) =
                (most.saturating_sub(count), self.bytes_max.saturating_sub(payload_bytes(&batch)));
            if wanted == 0 || (room == 0 && count > 0) || !self.carried.is_empty() {
                return Ok(self.full(batch));
            }
            let wait = self.time_for(until);
            // No longer than leases last, which are to be made longer.
            match self.source.hold(wanted, room, LEASE, wait.min(EXTENSION))? {
                Hold::Records(records) => {
                    until.get_or_insert_with(|| Instant::now() + self.wait);
                    self.come_again(&records);
                    add(&mut batch, records);
                    self.carry(&mut batch);
                }
                Hold::Empty if !batch.is_empty() && wait > EXTENSION => {}
                Hold::Empty if !batch.is_empty() => return Ok(self.full(batch)),
                Hold::Empty if self.follow || self.may_come_again() => return Ok(Gathered::Interrupted),
                Hold::Empty => return Ok(Gathered::End),
                Hold::Interrupted => {
                    self.carried.splice(0..0, batch);
                    return Ok(Gathered::Interrupted);
                }
                Hold::End => return Ok(self.full(batch)),
            }
        }
    }

    /// A batch of what is there now, besides records that are under way.
    pub(super) fn more(&mut self) -> anyhow::Result<More> {
        let mut batch = std::mem::take(&mut self.carried);
        let most = u32::try_from(self.left).unwrap_or(u32::MAX).min(self.records_max);
        if batch.is_empty() && most > 0 {
            match self.source.hold(most, self.bytes_max, LEASE, Duration::ZERO)? {
                Hold::Records(records) => {
                    self.come_again(&records);
                    batch = records;
                }
                Hold::Empty | Hold::Interrupted | Hold::End => {}
            }
        }
        self.carry(&mut batch);
        let may_come = self.left > 0 && (self.follow || self.may_come_again());
        Ok(match self.full(batch) {
            Gathered::Batch(batch) => More::Batch(batch),
            _ if may_come => More::NotYet,
            _ => More::Never,
        })
    }

    /// Makes the leases of these records longer, and of those that wait, when it is time.
    pub(super) fn extend_leases<'a>(&mut self, records: impl Iterator<Item = &'a Held>) {
        if self.extended.elapsed() < EXTENSION {
            return;
        }
        self.extended = Instant::now();
        let mut leases: Vec<u64> = records.map(|record| record.lease).collect();
        leases.extend(self.carried.iter().map(|record| record.lease));
        leases.sort_unstable();
        leases.dedup();
        self.source.extend(&leases, LEASE);
    }

    /// Gives records back for so long.
    pub(super) fn requeue(&mut self, records: &[Held], delay: Duration) {
        self.left = self.left.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        self.source.give_back(records, delay);
        self.requeued.extend(records.iter().map(|record| record.id));
        let until = Instant::now() + delay + EXTENSION;
        self.requeued_until = self.requeued_until.max(Some(until));
    }

    fn full(&mut self, batch: Vec<Held>) -> Gathered {
        if batch.is_empty() {
            return Gathered::End;
        }
        self.left = self.left.saturating_sub(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        Gathered::Batch(batch)
    }

    /// How long the next call may wait.
    fn time_for(&self, until: Option<Instant>) -> Duration {
        match until {
            Some(until) if self.follow => until.saturating_duration_since(Instant::now()),
            Some(_) => Duration::ZERO,
            None if self.follow => WAIT,
            None => self
                .requeued_until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now())),
        }
    }

    fn come_again(&mut self, records: &[Held]) {
        for record in records {
            self.requeued.remove(&record.id);
        }
        self.requeued_until = self.requeued_until.filter(|_| !self.requeued.is_empty());
    }

    fn may_come_again(&self) -> bool {
        self.requeued_until.is_some_and(|until| Instant::now() < until)
    }

    /// Keeps what is too much for a batch for the next one.
    fn carry(&mut self, batch: &mut Vec<Held>) {
        let records_max = usize::try_from(self.records_max).unwrap_or(usize::MAX);
        let (mut bytes, bytes_max) = (0_u64, self.bytes_max);
        let fits = |record: &Held| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(u64::try_from(record.payload.len()).unwrap_or(u64::MAX).max(1));
            is_first || bytes <= bytes_max
        };
        let count = batch.iter().map(fits).take_while(|fits| *fits).count().min(records_max);
        self.carried.splice(0..0, batch.drain(count..));
    }
}

/// Adds records to a batch. One that the next owner delivers once more takes the place of its former delivery, whose lease has ended.
fn add(batch: &mut Vec<Held>, records: Vec<Held>) {
    for record in records {
        let is_same = |other: &&mut Held| (other.incarnation, other.id) == (record.incarnation, record.id);
        match batch.iter_mut().find(is_same) {
            Some(former) => *former = record,
            None => batch.push(record),
        }
    }
}

fn payload_bytes(records: &[Held]) -> u64 {
    records
        .iter()
        .fold(0, |sum, record| sum.saturating_add(u64::try_from(record.payload.len()).unwrap_or(u64::MAX)))
}
