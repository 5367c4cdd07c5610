//! Sets of ids, kept as ranges: whole buffers have few.

use std::ops::Range;

use forebay::RecordId;

/// Ids that were seen.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// In the order in which they were seen. The last one grows.
    seen: Vec<Range<RecordId>>,
}

impl Ranges {
    /// Adds ids.
    pub(super) fn add(&mut self, ids: Range<RecordId>) {
        match self.seen.last_mut() {
            Some(last) if last.end == ids.start => last.end = ids.end,
            _ => self.seen.push(ids),
        }
    }

    /// The ids of `all` that were not seen.
    pub(super) fn missing(&mut self, all: Range<RecordId>) -> Vec<Range<RecordId>> {
        self.seen.sort_by_key(|range| range.start);
        let mut missing = Vec::new();
        let mut next = all.start;
        for range in &self.seen {
            let gap = next..range.start.min(all.end);
            if !gap.is_empty() {
                missing.push(gap);
            }
            next = next.max(range.end);
        }
        if next < all.end {
            missing.push(next..all.end);
        }
        missing
    }
}

/// How many ids a range has.
pub(super) fn count(ids: &Range<RecordId>) -> u64 {
    ids.end.0.saturating_sub(ids.start.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ids(start: u64, length: u64) -> Range<RecordId> {
        RecordId(start)..RecordId(start + length)
    }

    proptest! {
        /// Whatever the order in which files and copies of records are found, what is missing is what none of them holds.
        #[test]
        fn missing_is_what_was_not_seen(
            seen in prop::collection::vec((0_u64..60, 1_u64..8), 0..12),
            start in 0_u64..60,
            length in 0_u64..60,
        ) {
            let mut ranges = Ranges::default();
            let mut left: BTreeSet<u64> = (start..start + length).collect();
            for (from, count) in seen {
                ranges.add(ids(from, count));
                left.retain(|id| !(from..from + count).contains(id));
            }
            let missing = ranges.missing(ids(start, length));
            let missing: Vec<u64> = missing.iter().flat_map(|range| range.start.0..range.end.0).collect();
            prop_assert_eq!(missing, left.into_iter().collect::<Vec<_>>());
        }
    }
}
