//! Records that were delivered and are not acknowledged. Acknowledgements come in any order; the logic is told the
//! highest id below which all are done.
//!
//! A handle names one delivery of one record. Once the record was acknowledged, given back or dropped, that delivery is
//! over, and whatever else is said through its handle changes nothing.

use std::{
    collections::VecDeque,
    num::{NonZeroU32, NonZeroU64},
    ops::Range,
};

use forebay_types::RecordId;

use super::{
    delivery_state::DeliveryState,
    held_memory::HeldMemory,
    redelivery::{Delivery, Nack},
};
use crate::guard::ReadRecord;

#[derive(Debug)]
struct Unacknowledged {
    id: RecordId,
    next: RecordId,
    frame_bytes: u64,
    deliveries: NonZeroU32,
    state: DeliveryState,
    /// The number of the block of memory that its payload is in, as long as it is.
    block: Option<NonZeroU64>,
    /// Until when the consumer has to acknowledge it.
    lease: Option<Box<Lease>>,
}

#[derive(Debug)]
struct Lease {
    ends_ns: u64,
    /// What is delivered again.
    record: ReadRecord,
}

/// Delivered records, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    records: VecDeque<Unacknowledged>,
    unacknowledged: usize,
    unacknowledged_bytes: u64,
    memory: HeldMemory,
    ignored: u64,
}

impl InFlight {
    /// A record is delivered for the first time.
    pub(super) fn deliver(&mut self, record: &ReadRecord) {
        let (id, next) = (record.id, record.id.after(record.events.get().into()));
        debug_assert!(
            self.records.back().is_none_or(|last| last.next <= id),
            "records are delivered in order"
        );
        let (deliveries, state, frame_bytes) =
            (NonZeroU32::MIN, DeliveryState::Delivered, record.frame_bytes);
        let (lease, block) = (None, NonZeroU64::new(record.block.number));
        self.memory.hold(record.block);
        self.records.push_back(Unacknowledged { id, next, frame_bytes, deliveries, state, block, lease });
        self.unacknowledged += 1;
        self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_add(frame_bytes);
    }

    /// A record that was given back is delivered once more. `None` if it is not one that was. A delivery that no reader had is
    /// made again under its own number.
    pub(super) fn deliver_again(&mut self, id: RecordId) -> Option<Delivery> {
        let index = self.place(id)?;
        let record = self.records.get_mut(index)?;
        record.deliveries = match record.state {
            DeliveryState::GivenBack => record.deliveries.saturating_add(1),
            DeliveryState::Untaken => record.deliveries,
            DeliveryState::Delivered | DeliveryState::BecomingDead | DeliveryState::Acknowledged => {
                return None;
            }
        };
        record.state = DeliveryState::Delivered;
        Some(Delivery { id, number: record.deliveries })
    }

    /// A record that was just delivered has to be acknowledged by this time.
    pub(super) fn lease(&mut self, record: &ReadRecord, ends_ns: u64) {
        if let Some(index) = self.place(record.id)
            && let Some(delivered) = self.records.get_mut(index)
        {
            delivered.lease = Some(Box::new(Lease { ends_ns, record: record.clone() }));
        }
    }

    /// The deliveries whose lease has ended. They have to be [given back](Self::give_back).
    pub(super) fn expired(&self, now_ns: u64) -> Vec<(ReadRecord, Delivery)> {
        let leased = self.records.iter().filter(|record| record.state == DeliveryState::Delivered);
        let expired = leased.filter_map(|leased| {
            let lease = leased.lease.as_ref().filter(|lease| lease.ends_ns <= now_ns)?;
            Some((lease.record.clone(), Delivery { id: leased.id, number: leased.deliveries }))
        });
        expired.collect()
    }

    /// When the next lease ends.
    pub(super) fn next_lease_end_ns(&self) -> Option<u64> {
        let leased = self.records.iter().filter(|record| record.state == DeliveryState::Delivered);
        leased.filter_map(|record| record.lease.as_ref().map(|lease| lease.ends_ns)).min()
    }

    pub(super) fn records(&self) -> usize {
        self.unacknowledged
    }

    pub(super) fn bytes(&self) -> u64 {
        self.unacknowledged_bytes
    }

    /// How much memory the payloads hold that consumers have, in bytes: with the rest of the blocks that they are in.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// How often a consumer said something of a delivery that was over, or that never was.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// A delivery is done with. One that is over is ignored and counted.
    pub(super) fn acknowledge(&mut self, delivery: Delivery) {
        match self.position(delivery) {
            Some(index) => self.settle(index..index + 1, &[DeliveryState::Delivered]),
            None => self.ignored += 1,
        }
    }

    /// All records up to and including this one are done with, but for those that were given back. If there are none, that
    /// is counted.
    ///
    /// A record counts where `id` is its own, that of its first event, or at least that of its last.
    pub(super) fn acknowledge_through(&mut self, id: RecordId) {
        let before = self.unacknowledged;
        let done = |record: &Unacknowledged| record.id == id || record.next <= id.after(1);
        let end = self.records.partition_point(done);
        self.settle(0..end, &[DeliveryState::Delivered]);
        if self.unacknowledged == before {
            self.ignored += 1;
        }
    }

    /// A delivery came to nothing: the record is to be delivered again. Whether it is this delivery's time to say so; if
    /// not, it is counted.
    pub(super) fn give_back(&mut self, delivery: Delivery) -> bool {
        let is_current = self.drop_delivery(delivery);
        self.ignored += u64::from(!is_current);
        is_current
    }

    /// As [`give_back`](Self::give_back), by a consumer that has said nothing.
    pub(super) fn drop_delivery(&mut self, delivery: Delivery) -> bool {
        self.end_delivery(delivery, DeliveryState::GivenBack)
    }

    /// No reader had this delivery. Whether the record is to be delivered again.
    pub(super) fn take_back(&mut self, delivery: Delivery) -> bool {
        self.end_delivery(delivery, DeliveryState::Untaken)
    }

    fn end_delivery(&mut self, delivery: Delivery, state: DeliveryState) -> bool {
        let record = self.position(delivery).and_then(|index| self.records.get_mut(index));
        let is_current = record.is_some();
        if let Some(record) = record {
            record.state = state;
            record.lease.take_if(|_| state != DeliveryState::BecomingDead);
            if state == DeliveryState::GivenBack && Nack::is_copied(record.frame_bytes) {
                self.memory.release(record.block.take(), 1);
            }
        }
        is_current
    }

    /// The consumer of a delivery waits until the record is a dead letter. Whether it is this delivery's time to say so; if not, it is
    /// counted.
    pub(super) fn begin_to_set_aside(&mut self, delivery: Delivery) -> bool {
        let is_current = self.end_delivery(delivery, DeliveryState::BecomingDead);
        self.ignored += u64::from(!is_current);
        is_current
    }

    /// It could not become one: its consumer has it as before.
    pub(super) fn not_set_aside(&mut self, id: RecordId) {
        let record = self.place(id).and_then(|index| self.records.get_mut(index));
        if let Some(record) = record.filter(|record| record.state == DeliveryState::BecomingDead) {
            record.state = DeliveryState::Delivered;
        }
    }

    /// A record is a dead letter, and done with.
    pub(super) fn set_aside(&mut self, id: RecordId) {
        if let Some(index) = self.place(id) {
            self.settle(index..index + 1, &[DeliveryState::GivenBack, DeliveryState::BecomingDead]);
        }
    }

    /// Records up to this id were dropped to make room: no consumer need acknowledge them any more. Gives how many were
    /// delivered and not acknowledged.
    pub(super) fn drop_through(&mut self, last: RecordId) -> usize {
        let before = self.unacknowledged;
        let end = self.records.partition_point(|record| record.id <= last);
        self.settle(0..end, &DeliveryState::UNACKNOWLEDGED);
        while self.records.pop_front_if(|record| record.id <= last).is_some() {}
        before - self.unacknowledged
    }

    /// Forgets the records below which everything is acknowledged, and gives the last id of theirs. Ids between them
    /// that were never delivered are lost, and do not hold it up.
    pub(super) fn advance(&mut self) -> Option<RecordId> {
        let mut through = None;
        while let Some(record) =
            self.records.pop_front_if(|record| record.state == DeliveryState::Acknowledged)
        {
            through = Some(RecordId(record.next.0.saturating_sub(1)));
        }
        through
    }

    /// Acknowledges those of a range of records that are in one of these states.
    fn settle(&mut self, range: Range<usize>, states: &[DeliveryState]) {
        // Records that were delivered together are in the same block, and leave it together.
        let (mut block, mut in_block) = (None, 0);
        for record in self.records.range_mut(range).filter(|record| states.contains(&record.state)) {
            (record.state, record.lease) = (DeliveryState::Acknowledged, None);
            self.unacknowledged -= 1;
            self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_sub(record.frame_bytes);
            let of_record = record.block.take();
            if of_record != block {
                self.memory.release(block, in_block);
                (block, in_block) = (of_record, 0);
            }
            in_block += 1;
        }
        self.memory.release(block, in_block);
    }

    /// Where the record with this id is. Most often none before it has several events, and no id is missing.
    fn place(&self, id: RecordId) -> Option<usize> {
        let first = self.records.front()?.id;
        let guess = usize::try_from(id.since(first)).ok()?;
        if self.records.get(guess).is_some_and(|record| record.id == id) {
            return Some(guess);
        }
        self.records.binary_search_by_key(&id, |record| record.id).ok()
    }

    /// Where the record of a delivery is that is not over.
    fn position(&self, delivery: Delivery) -> Option<usize> {
        let index = self.place(delivery.id)?;
        let record = self.records.get(index)?;
        (record.state == DeliveryState::Delivered && record.deliveries == delivery.number).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::MemoryBlock;

    fn delivered(ids: &[(u64, u32)]) -> InFlight {
        let mut in_flight = InFlight::default();
        for &(id, events) in ids {
            in_flight.deliver(&record(id, events, MemoryBlock::default()));
        }
        in_flight
    }

    fn record(id: u64, events: u32, block: MemoryBlock) -> ReadRecord {
        let events = NonZeroU32::new(events).unwrap_or(NonZeroU32::MIN);
        let (metadata, payload) = (0, bytes::Bytes::new());
        ReadRecord { id: RecordId(id), incarnation: 1, events, metadata, payload, frame_bytes: 48, block }
    }

    fn first(id: u64) -> Delivery {
        Delivery { id: RecordId(id), number: NonZeroU32::MIN }
    }

    /// A consumer with several workers finishes records in any order; none may release one that is still being worked on.
    #[test]
    fn an_early_acknowledgement_waits_for_those_before_it() {
        let mut in_flight = delivered(&[(1, 1), (2, 1), (3, 1)]);
        in_flight.acknowledge(first(2));
        assert_eq!(in_flight.advance(), None);
        in_flight.acknowledge(first(1));
        assert_eq!(in_flight.advance(), Some(RecordId(2)));
        assert_eq!(in_flight.records(), 1);
    }

    /// A record of several events is done as a whole: its last event's id is what counts.
    #[test]
    fn a_record_of_several_events_is_acknowledged_through_its_last() {
        let mut in_flight = delivered(&[(1, 5), (6, 1)]);
        in_flight.acknowledge(first(1));
        assert_eq!(in_flight.advance(), Some(RecordId(5)));
    }

    /// A consumer that counts events may be in the middle of a record: what is left of it must not be lost.
    #[test]
    fn an_id_within_a_record_does_not_acknowledge_it() {
        let mut in_flight = delivered(&[(1, 1), (2, 5), (7, 1)]);
        in_flight.acknowledge_through(RecordId(4));
        assert_eq!(in_flight.advance(), Some(RecordId(1)));
        in_flight.acknowledge_through(RecordId(6));
        assert_eq!(in_flight.advance(), Some(RecordId(6)));
        assert_eq!(in_flight.ignored(), 0);
    }

    /// Lost ids are never delivered, so no consumer can acknowledge them; they must not hold the rest up.
    #[test]
    fn a_gap_does_not_hold_up_what_follows_it() {
        let mut in_flight = delivered(&[(1, 1), (50, 1)]);
        in_flight.acknowledge_through(RecordId(50));
        assert_eq!(in_flight.advance(), Some(RecordId(50)));
    }

    /// A worker that keeps one record of each block holds all of their memory, and the limit must see it.
    #[test]
    fn a_block_counts_until_the_last_record_in_it_is_done_with() {
        let mut in_flight = InFlight::default();
        let block = |number| MemoryBlock { number, bytes: 1000 };
        for (id, number) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            in_flight.deliver(&record(id, 1, block(number)));
        }
        assert_eq!(in_flight.memory_bytes(), 2000);
        in_flight.acknowledge(first(2));
        in_flight.acknowledge(first(4));
        assert_eq!(in_flight.memory_bytes(), 2000);
        in_flight.acknowledge(first(1));
        assert_eq!(in_flight.memory_bytes(), 1000);
        assert!(in_flight.give_back(first(3)));
        assert_eq!(in_flight.memory_bytes(), 0, "what was given back was copied");
        assert!(in_flight.deliver_again(RecordId(3)).is_some());
        assert_eq!((in_flight.drop_through(RecordId(4)), in_flight.memory_bytes()), (1, 0));
    }

    /// What was dropped is not waited for, and acknowledging it late releases nothing.
    #[test]
    fn dropped_records_are_forgotten() {
        let mut in_flight = delivered(&[(1, 1), (2, 1), (3, 1)]);
        assert!(in_flight.give_back(first(2)));
        assert_eq!(in_flight.drop_through(RecordId(2)), 2);
        in_flight.acknowledge(first(1));
        assert_eq!(in_flight.deliver_again(RecordId(2)), None);
        assert_eq!(in_flight.advance(), None);
        assert_eq!((in_flight.records(), in_flight.ignored()), (1, 1));
    }

    /// Counting an acknowledgement twice would let more than the limit be delivered.
    #[test]
    fn acknowledging_twice_counts_once() {
        let mut in_flight = delivered(&[(1, 1), (2, 1)]);
        in_flight.acknowledge(first(2));
        in_flight.acknowledge(first(2));
        in_flight.acknowledge(first(9));
        assert_eq!((in_flight.records(), in_flight.bytes()), (1, 48));
        assert_eq!(in_flight.ignored(), 2);
    }

    /// A future that is dropped has not failed at anything: its records must not come closer to the dead letters.
    #[test]
    fn a_delivery_that_no_reader_had_counts_once() {
        let mut in_flight = delivered(&[(1, 1)]);
        assert!(in_flight.take_back(first(1)));
        in_flight.acknowledge(first(1));
        in_flight.acknowledge_through(RecordId(1));
        assert_eq!(in_flight.records(), 1);
        assert_eq!(in_flight.deliver_again(RecordId(1)), Some(first(1)));
        assert!(in_flight.take_back(first(1)) && in_flight.drop_through(RecordId(1)) == 1);
        assert!(!in_flight.take_back(first(1)));
    }

    /// Two workers may hold two deliveries of one record: only the later one decides.
    #[test]
    fn a_delivery_that_is_over_decides_nothing() {
        let mut in_flight = delivered(&[(1, 1)]);
        assert!(in_flight.give_back(first(1)));
        in_flight.acknowledge(first(1));
        assert!(!in_flight.give_back(first(1)));
        let second = in_flight.deliver_again(RecordId(1)).map(|delivery| (delivery, delivery.number.get()));
        in_flight.acknowledge(first(1));
        assert_eq!((in_flight.records(), in_flight.ignored(), in_flight.advance()), (1, 3, None));
        if let Some((second, number)) = second {
            assert_eq!(number, 2);
            in_flight.acknowledge(second);
        }
        assert_eq!((in_flight.records(), in_flight.advance()), (0, Some(RecordId(1))));
    }
}
