//! Records that were delivered and are not acknowledged. Acknowledgements come in any order; the logic is told the
//! highest id below which all are done.

use std::collections::VecDeque;

use forebay_frame::RecordId;

/// An acknowledgement on its way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// One record.
    One(RecordId),
    /// All records up to and including this one.
    Through(RecordId),
}

#[derive(Debug)]
struct Delivered {
    id: RecordId,
    next: RecordId,
    frame_bytes: u64,
    acknowledged: bool,
}

/// Delivered records, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    records: VecDeque<Delivered>,
    unacknowledged: usize,
    unacknowledged_bytes: u64,
}

impl InFlight {
    pub(super) fn deliver(&mut self, id: RecordId, next: RecordId, frame_bytes: u64) {
        debug_assert!(
            self.records.back().is_none_or(|last| last.next <= id),
            "records are delivered in order"
        );
        self.records.push_back(Delivered { id, next, frame_bytes, acknowledged: false });
        self.unacknowledged += 1;
        self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_add(frame_bytes);
    }

    pub(super) fn records(&self) -> usize {
        self.unacknowledged
    }

    pub(super) fn bytes(&self) -> u64 {
        self.unacknowledged_bytes
    }

    /// Takes an acknowledgement. One that comes twice, or for what was not delivered, changes nothing.
    pub(super) fn acknowledge(&mut self, ack: Ack) {
        let (from, to) = match ack {
            Ack::One(id) => match self.records.binary_search_by_key(&id, |record| record.id) {
                Ok(index) => (index, index + 1),
                Err(_) => return,
            },
            Ack::Through(id) => (0, self.records.partition_point(|record| record.id <= id)),
        };
        for record in self.records.range_mut(from..to).filter(|record| !record.acknowledged) {
            record.acknowledged = true;
            self.unacknowledged -= 1;
            self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_sub(record.frame_bytes);
        }
    }

    /// Records up to this id were dropped to make room: nobody need acknowledge them any more. Gives how many were
    /// delivered and not acknowledged.
    pub(super) fn drop_through(&mut self, last: RecordId) -> usize {
        let before = self.unacknowledged;
        self.acknowledge(Ack::Through(last));
        while self.records.pop_front_if(|record| record.id <= last).is_some() {}
        before - self.unacknowledged
    }

    /// Forgets the records below which everything is acknowledged, and gives the last id of theirs. Ids between them
    /// that were never delivered are lost, and do not hold it up.
    pub(super) fn advance(&mut self) -> Option<RecordId> {
        let mut through = None;
        while let Some(record) = self.records.pop_front_if(|record| record.acknowledged) {
            through = Some(RecordId(record.next.0.saturating_sub(1)));
        }
        through
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(ids: &[(u64, u64)]) -> InFlight {
        let mut in_flight = InFlight::default();
        for &(id, events) in ids {
            in_flight.deliver(RecordId(id), RecordId(id + events), 48);
        }
        in_flight
    }

    /// A consumer with several workers finishes records in any order; none may release one that is still being worked on.
    #[test]
    fn an_early_acknowledgement_waits_for_those_before_it() {
        let mut in_flight = delivered(&[(1, 1), (2, 1), (3, 1)]);
        in_flight.acknowledge(Ack::One(RecordId(2)));
        assert_eq!(in_flight.advance(), None);
        in_flight.acknowledge(Ack::One(RecordId(1)));
        assert_eq!(in_flight.advance(), Some(RecordId(2)));
        assert_eq!(in_flight.records(), 1);
    }

    /// A record of several events is done as a whole: its last event's id is what counts.
    #[test]
    fn a_record_of_several_events_is_acknowledged_through_its_last() {
        let mut in_flight = delivered(&[(1, 5), (6, 1)]);
        in_flight.acknowledge(Ack::One(RecordId(1)));
        assert_eq!(in_flight.advance(), Some(RecordId(5)));
    }

    /// Lost ids are never delivered, so nobody can acknowledge them; they must not hold the rest up.
    #[test]
    fn a_gap_does_not_hold_up_what_follows_it() {
        let mut in_flight = delivered(&[(1, 1), (50, 1)]);
        in_flight.acknowledge(Ack::Through(RecordId(50)));
        assert_eq!(in_flight.advance(), Some(RecordId(50)));
    }

    /// What was dropped is not waited for, and acknowledging it late releases nothing.
    #[test]
    fn dropped_records_are_forgotten() {
        let mut in_flight = delivered(&[(1, 1), (2, 1), (3, 1)]);
        assert_eq!(in_flight.drop_through(RecordId(2)), 2);
        in_flight.acknowledge(Ack::One(RecordId(1)));
        assert_eq!(in_flight.advance(), None);
        assert_eq!(in_flight.records(), 1);
    }

    /// Counting an acknowledgement twice would let more than the limit be delivered.
    #[test]
    fn acknowledging_twice_counts_once() {
        let mut in_flight = delivered(&[(1, 1), (2, 1)]);
        in_flight.acknowledge(Ack::One(RecordId(2)));
        in_flight.acknowledge(Ack::One(RecordId(2)));
        in_flight.acknowledge(Ack::One(RecordId(9)));
        assert_eq!((in_flight.records(), in_flight.bytes()), (1, 48));
    }
}
