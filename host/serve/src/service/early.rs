//! Acknowledgements that come before their record: of records that the owner before this one delivered, and of records that were
//! given back and wait for their next delivery.

use std::collections::BTreeSet;

use super::leases::is_of;

/// How many ranges are kept. What finds no place is delivered again, and its client is not told that it was noted.
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
        self.ranges.truncate(RANGES_MAX.max(before));
        let first = first.max(self.delivered.saturating_add(1));
        let is_kept = first <= last && self.add_ahead(Range { incarnation, first, last, is_again: false });
        is_kept || self.ranges.len() > before
    }

    fn add_ahead(&mut self, range: Range) -> bool {
        // A client that names ids one by one takes one place.
        if let Some(before) = self.ranges.last_mut()
            && before.incarnation == range.incarnation
            && !before.is_again
            && before.first <= range.first
            && range.first <= before.last.saturating_add(1)
        {
            before.last = before.last.max(range.last);
            return true;
        }
        let is_room = self.ranges.len() < RANGES_MAX;
        if is_room {
            self.ranges.push(range);
        }
        is_room
    }

    /// How many of these ids are acknowledged as soon as they are delivered.
    pub(super) fn noted(&self, incarnation: Option<u64>, ids: &[(u64, u64)]) -> u64 {
        let of_it =
            self.ranges.iter().filter(|range| range.incarnation.is_none_or(|it| Some(it) == incarnation));
        let next = self.delivered.saturating_add(1);
        let to_come =
            |range: &Range| (if range.is_again { range.first } else { range.first.max(next) }, range.last);
        let (kept, named) = (disjoint(of_it.map(to_come)), disjoint(ids.iter().copied()));
        let (mut kept, mut named) = (kept.into_iter().peekable(), named.into_iter().peekable());
        let mut count = 0_u64;
        while let (Some(one), Some(other)) = (kept.peek(), named.peek()) {
            let (first, last) = (one.0.max(other.0), one.1.min(other.1));
            if first <= last {
                count = count.saturating_add(last - first).saturating_add(1);
            }
            if one.1 < other.1 {
                kept.next()
            } else {
                named.next()
            };
        }
        count
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

/// The same ids in ranges that are in order and have none in common.
fn disjoint(ranges: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<_> = ranges.filter(|(first, last)| first <= last).collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let is_in_common = next.0 <= before.1;
        if is_in_common {
            before.1 = before.1.max(next.1);
        }
        is_in_common
    });
    ranges
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

    /// A client that names one record twice, or names it again, has noted it once.
    #[test]
    fn ids_are_counted_once() {
        let mut early = Early::default();
        early.deliver(1, 1);
        early.deliver(1, 2);
        early.gave_back(2);
        for (first, last) in [(1, 5), (4, 9), (7, 7), (20, 20)] {
            early.add(Some(1), first, last);
        }
        assert_eq!(early.noted(Some(1), &[(4, 9), (1, 5), (5, 5), (20, 30)]), 9);
        assert_eq!(early.noted(Some(2), &[(1, 30)]), 0);
        early.deliver(1, 4);
        assert_eq!(early.noted(Some(1), &[(1, 30)]), 7);
    }

    /// Memory is bounded, and what is not kept must not be counted as noted.
    #[test]
    fn what_finds_no_place_is_not_noted() {
        let mut early = Early::default();
        let ids: Vec<_> = (1..=5000_u64).map(|number| (number * 2, number * 2)).collect();
        for &(first, last) in &ids {
            early.add(None, first, last);
        }
        assert_eq!(early.noted(None, &ids), 4096);
        assert!(early.deliver(1, 2), "the first are kept");
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
