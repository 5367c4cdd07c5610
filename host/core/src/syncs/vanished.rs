//! What was written to a file and cannot be read of it any more.

use std::ops::Range;

use forebay_types::RecordId;

/// Which of some events have vanished, found by walking through those that are there, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Vanished {
    /// Those that are not decided on.
    left: Range<RecordId>,
    ranges: Vec<Range<RecordId>>,
}

impl Vanished {
    /// Of these events none was found yet.
    pub(crate) fn of(written: Range<RecordId>) -> Self {
        Self { left: written, ranges: Vec::new() }
    }

    /// The events from `id` up to, not including, `next` are there.
    pub(crate) fn found(&mut self, id: RecordId, next: RecordId) {
        let before = self.left.start..id.min(self.left.end);
        if before.start < before.end {
            self.ranges.push(before);
        }
        self.left.start = self.left.start.max(next);
    }

    /// Those that were not found.
    pub(crate) fn into_ranges(mut self) -> Vec<Range<RecordId>> {
        if self.left.start < self.left.end {
            self.ranges.push(self.left);
        }
        self.ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vanished(written: (u64, u64), found: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut vanished = Vanished::of(RecordId(written.0)..RecordId(written.1));
        for (id, next) in found {
            vanished.found(RecordId(*id), RecordId(*next));
        }
        vanished.into_ranges().into_iter().map(|ids| (ids.start.0, ids.end.0)).collect()
    }

    /// A writer whose record is there must not hear that it is gone, nor the other way round. What was durable before, or
    /// is of another file, is not asked about.
    #[test]
    fn what_is_not_found_between_the_others_has_vanished() {
        assert_eq!(vanished((11, 20), &[(11, 12), (12, 20)]), []);
        assert_eq!(vanished((11, 20), &[]), [(11, 20)]);
        assert_eq!(vanished((11, 20), &[(1, 2), (5, 9), (10, 13), (15, 18)]), [(13, 15), (18, 20)]);
        assert_eq!(vanished((11, 20), &[(1, 2), (25, 30)]), [(11, 20)]);
    }
}
