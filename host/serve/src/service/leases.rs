//! Who has which record, and until when.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    time::{Duration, Instant},
};

use forebay_api::LEASE_MS_MAX;

/// A record that can be leased.
pub(super) trait Leased {
    /// Its id.
    fn id(&self) -> u64;
    /// Its incarnation.
    fn incarnation(&self) -> u64;
}

/// A client, for as long as it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConsumerId(pub(super) u64);

/// When a lease of so many milliseconds ends that begins now.
pub(super) fn lease_end(now: Instant, lease_ms: u64) -> Instant {
    now + Duration::from_millis(lease_ms.min(LEASE_MS_MAX))
}

/// A lease, by its number.
pub(super) type LeaseNumber = u64;

#[derive(Debug)]
struct Lease<R> {
    consumer: ConsumerId,
    ends: Instant,
    /// In the order of their ids, all of one incarnation.
    records: Vec<R>,
}

/// Records that are out of their lease until it is known what becomes of them.
#[derive(Debug)]
pub(super) struct Lent<R> {
    number: LeaseNumber,
    consumer: ConsumerId,
    ends: Instant,
    pub(super) records: Vec<R>,
}

/// All leases.
#[derive(Debug)]
pub(super) struct Leases<R> {
    leases: BTreeMap<LeaseNumber, Lease<R>>,
    next: LeaseNumber,
}

impl<R> Default for Leases<R> {
    /// Numbers begin anywhere: a client that names a lease of the last owner must not hit one of this owner's.
    fn default() -> Self {
        let next = RandomState::new().hash_one("lease") >> 1;
        Self { leases: BTreeMap::new(), next }
    }
}

impl<R: Leased> Leases<R> {
    /// A client has these records until then. They are in the order of their ids.
    pub(super) fn grant(&mut self, consumer: ConsumerId, ends: Instant, records: Vec<R>) -> LeaseNumber {
        let number = self.next;
        self.next += 1;
        self.leases.insert(number, Lease { consumer, ends, records });
        number
    }

    /// Takes the records of a range of ids out of all leases.
    pub(super) fn take(&mut self, incarnation: Option<u64>, first: u64, last: u64) -> Vec<R> {
        let mut taken = Vec::new();
        self.leases.retain(|_, lease| {
            taken.extend(lease.take(incarnation, first, last));
            !lease.records.is_empty()
        });
        taken
    }

    /// Takes the records up to an id out of a lease; `None` if it has ended.
    pub(super) fn take_through(
        &mut self,
        number: LeaseNumber,
        incarnation: Option<u64>,
        last: u64,
    ) -> Option<Vec<R>> {
        self.take_of(number, |lease| lease.take(incarnation, 0, last))
    }

    /// Takes these records, or all of them, out of a lease; `None` if it has ended.
    pub(super) fn take_ids(&mut self, number: LeaseNumber, ids: Option<&[u64]>) -> Option<Vec<R>> {
        self.take_of(number, |lease| match ids {
            None => std::mem::take(&mut lease.records),
            Some(ids) => ids.iter().filter_map(|&id| lease.take_id(id)).collect(),
        })
    }

    /// As [`take_ids`](Self::take_ids), of records that may be [put back](Self::put_back). The client must stay until then.
    pub(super) fn lend(&mut self, number: LeaseNumber, ids: Option<&[u64]>) -> Option<Lent<R>> {
        let lease = self.leases.get(&number)?;
        let (consumer, ends) = (lease.consumer, lease.ends);
        Some(Lent { number, consumer, ends, records: self.take_ids(number, ids)? })
    }

    /// Their client has these records as before, for as long as the lease lasts.
    pub(super) fn put_back(&mut self, lent: Lent<R>) {
        let Lent { number, consumer, ends, records } = lent;
        let lease =
            self.leases.entry(number).or_insert_with(|| Lease { consumer, ends, records: Vec::new() });
        lease.records.extend(records);
        lease.records.sort_by_key(R::id);
    }

    fn take_of(&mut self, number: LeaseNumber, take: impl FnOnce(&mut Lease<R>) -> Vec<R>) -> Option<Vec<R>> {
        let lease = self.leases.get_mut(&number)?;
        let taken = take(lease);
        if lease.records.is_empty() {
            self.leases.remove(&number);
        }
        Some(taken)
    }

    /// A lease ends then; `false` if it has ended.
    pub(super) fn extend(&mut self, number: LeaseNumber, ends: Instant) -> bool {
        self.leases.get_mut(&number).map(|lease| lease.ends = ends).is_some()
    }

    /// Ends the leases whose time is over, and gives their records.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<R> {
        self.end(|lease| lease.ends <= now)
    }

    /// Ends the leases of a client, and gives their records.
    pub(super) fn close(&mut self, consumer: ConsumerId) -> Vec<R> {
        self.end(|lease| lease.consumer == consumer)
    }

    fn end(&mut self, ends: impl Fn(&Lease<R>) -> bool) -> Vec<R> {
        let ended = self.leases.extract_if(.., |_, lease| ends(lease));
        ended.flat_map(|(_, lease)| lease.records).collect()
    }

    /// How long until the next lease ends.
    pub(super) fn next_end(&self, now: Instant) -> Option<Duration> {
        self.leases.values().map(|lease| lease.ends.saturating_duration_since(now)).min()
    }

    /// Whether any client but this one has a record.
    pub(super) fn are_any_but(&self, consumer: ConsumerId) -> bool {
        self.leases.values().any(|lease| lease.consumer != consumer)
    }
}

/// Whether a record of this incarnation is meant: `None` means any.
pub(super) fn is_of(incarnation: u64, meant: Option<u64>) -> bool {
    meant.is_none_or(|meant| meant == incarnation)
}

impl<R: Leased> Lease<R> {
    fn take(&mut self, incarnation: Option<u64>, first: u64, last: u64) -> Vec<R> {
        if !self.records.first().is_some_and(|record| is_of(record.incarnation(), incarnation)) {
            return Vec::new();
        }
        let begin = self.records.partition_point(|record| record.id() < first);
        let end = self.records.partition_point(|record| record.id() <= last);
        if begin < end { self.records.drain(begin..end).collect() } else { Vec::new() }
    }

    fn take_id(&mut self, id: u64) -> Option<R> {
        let place = self.records.binary_search_by_key(&id, R::id).ok()?;
        Some(self.records.remove(place))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Record(u64);

    impl Leased for Record {
        fn id(&self) -> u64 {
            self.0
        }

        fn incarnation(&self) -> u64 {
            7
        }
    }

    fn records(ids: impl IntoIterator<Item = u64>) -> Vec<Record> {
        ids.into_iter().map(Record).collect()
    }

    /// One client's word must not let go what another client has.
    #[test]
    fn through_counts_within_one_lease() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let first = leases.grant(ConsumerId(1), now, records([1, 2, 5]));
        let second = leases.grant(ConsumerId(2), now, records([3, 4, 6]));
        assert_eq!(leases.take_through(second, Some(7), 4), Some(records([3, 4])));
        assert_eq!(leases.take_through(first, Some(8), 9), Some(Vec::new()), "another incarnation");
        assert_eq!(leases.take_through(first, Some(7), 9), Some(records([1, 2, 5])));
        assert_eq!(leases.take_through(first, Some(7), 9), None, "all of it was acknowledged");
    }

    /// Ids name records wherever they are.
    #[test]
    fn a_range_is_taken_out_of_all_leases() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        leases.grant(ConsumerId(1), now, records([1, 2, 5]));
        leases.grant(ConsumerId(2), now, records([3, 4, 6]));
        assert_eq!(leases.take(Some(8), 1, 6), []);
        assert_eq!(leases.take(Some(7), 2, 5), records([2, 5, 3, 4]));
        assert_eq!(leases.take(None, 0, u64::MAX), records([1, 6]));
        assert!(!leases.are_any_but(ConsumerId(9)));
    }

    /// What a client that is gone had, others get; what others have, they keep.
    #[test]
    fn leases_end_by_time_and_by_client() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        let short = leases.grant(ConsumerId(1), now, records([1]));
        let long = leases.grant(ConsumerId(1), later, records([2]));
        leases.grant(ConsumerId(2), later, records([3]));
        assert_eq!(leases.next_end(now), Some(Duration::ZERO));
        assert_eq!(leases.expire(now), records([1]));
        assert!(!leases.extend(short, later) && leases.extend(long, later));
        assert_eq!(leases.close(ConsumerId(1)), records([2]));
        assert_eq!(leases.take_ids(long, None), None);
        assert_eq!(leases.take(Some(7), 0, 9), records([3]));
    }

    /// A client that was cut off names a lease of the owner before. It must not acknowledge what another client has now.
    #[test]
    fn the_leases_of_one_owner_have_other_numbers_than_those_of_another() {
        let number = || Leases::<Record>::default().next;
        assert_ne!(number(), number());
    }
}
