//! Acknowledgements that come before their record: of records that the owner before this one delivered, and of records that were
//! given back and wait for their next delivery.

use std::collections::BTreeSet;

use super::leases::is_of;

/// How many ranges are kept. What is dropped is delivered again.
const RANGES_MAX: usize = 4096;

/// How many records that were given back are remembered. An acknowledgement of one that is not has no effect.
const GIVEN_BACK_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    incarnation: Option<u64>,
    first: u64,
    last: u64,
    /// It is of a record that was given back. Otherwise of some that were not delivered yet.
    is_again: bool,
}

/// What is acknowledged as soon as it is delivered.
#[derive(Debug, Default)]
pub(super) struct Early {
    ranges: Vec<Range>,
    given_back: BTreeSet<u64>,
    /// The highest id that this owner has delivered.
    delivered: u64,
}

impl Early {
    /// A record was given back: it is delivered once more.
    pub(super) fn gave_back(&mut self, id: u64) {
        self.given_back.insert(id);
        if self.given_back.len() > GIVEN_BACK_MAX {
            self.given_back.pop_first();
        }
    }

    /// Records of these ids are acknowledged. Keeps what may still be delivered. Whether there is any.
    pub(super) fn add(&mut self, incarnation: Option<u64>, first: u64, last: u64) -> bool {
        if first > last {
            return false;
        }
        let before = self.ranges.len();
        let again = self.given_back.range(first..=last);
        self.ranges.extend(again.map(|&id| Range { incarnation, first: id, last: id, is_again: true }));
        let first = first.max(self.delivered.saturating_add(1));
        if first <= last {
            self.ranges.push(Range { incarnation, first, last, is_again: false });
        }
        let is_any_kept = self.ranges.len() > before;
        self.ranges.drain(..self.ranges.len().saturating_sub(RANGES_MAX));
        is_any_kept
    }

    /// A record is delivered. Whether it is acknowledged already.
    pub(super) fn deliver(&mut self, incarnation: u64, id: u64) -> bool {
        self.given_back.remove(&id);
        self.delivered = self.delivered.max(id);
        if self.ranges.is_empty() {
            return false;
        }
        let is_it =
            |range: &Range| is_of(incarnation, range.incarnation) && (range.first..=range.last).contains(&id);
        let is_acknowledged = self.ranges.iter().any(is_it);
        let delivered = self.delivered;
        self.ranges.retain(|range| if range.is_again { range.first != id } else { range.last > delivered });
        is_acknowledged
    }

    /// Whether this owner has delivered this id, or a higher one.
    pub(super) fn was_delivered(&self, id: u64) -> bool {
        id <= self.delivered
    }

    /// Whether any record that is acknowledged may be among those that were given back.
    pub(super) fn waits_again(&self) -> bool {
        self.ranges.iter().any(|range| range.is_again)
    }

    /// Whether any record that is acknowledged may be among those that are still to come.
    pub(super) fn waits(&self) -> bool {
        !self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that outlives the owner tells the next one what it has printed: none of it comes twice.
    #[test]
    fn what_is_acknowledged_before_it_is_delivered_is_known_when_it_comes() {
        let mut early = Early::default();
        assert!(early.add(Some(1), 1, 3));
        let acknowledged: Vec<_> = (1..=4).map(|id| early.deliver(1, id)).collect();
        assert_eq!(acknowledged, [true, true, true, false]);
        assert!(!early.waits());
    }

    /// Ids begin again in another incarnation: the word is of other records.
    #[test]
    fn another_incarnation_is_not_meant() {
        let mut early = Early::default();
        assert!(early.add(Some(1), 1, 1));
        assert!(!early.deliver(2, 1));
    }

    /// What was delivered and not given back is held by a lease, or was acknowledged: there is nothing to wait for.
    #[test]
    fn only_what_may_come_is_kept() {
        let mut early = Early::default();
        for id in 1..=5 {
            early.deliver(1, id);
        }
        assert!(!early.add(Some(1), 2, 5));
        early.gave_back(3);
        assert!(!early.add(Some(1), 9, 2), "a range of nothing");
        assert!(early.add(Some(1), 2, 4));
        assert!(early.deliver(1, 3));
        assert!(!early.waits());
    }
}
