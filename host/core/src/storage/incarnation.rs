//! Which life of a buffer gave a record its id.
//!
//! After a power loss the ids of records that were lost unsynced are given again, to other records. A record's lasting
//! name is therefore its incarnation and its id: the incarnation changes when a buffer is opened that was not closed well
//! before the machine went down.

use forebay_frame::RecordId;

/// How many incarnations are remembered. Older records get the oldest that is known.
pub(super) const REMEMBERED_MAX: usize = 16;

/// The incarnations of a buffer: each with the first id that it gave, in rising order of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incarnations {
    starts: Vec<(RecordId, u64)>,
}

impl Incarnations {
    /// Incarnations that were remembered, if they rise as they should.
    pub(super) fn remembered(starts: Vec<(RecordId, u64)>) -> Option<Self> {
        let rise = starts.is_sorted_by(|one, next| one.0 <= next.0 && one.1 < next.1);
        (rise && !starts.is_empty() && starts.len() <= REMEMBERED_MAX).then_some(Self { starts })
    }

    pub(super) fn starts(&self) -> &[(RecordId, u64)] {
        &self.starts
    }

    /// A new one gives the ids from `first_id` on. Its number is the time in seconds, or the next one if that is not
    /// higher: numbers rise even if what was remembered is lost.
    pub(super) fn begin(&mut self, first_id: RecordId, unix_seconds: u64) {
        let last = self.starts.last().copied();
        let number = last.map_or(unix_seconds, |(_, last)| unix_seconds.max(last.saturating_add(1)));
        let first_id = last.map_or(RecordId(0), |(start, _)| first_id.max(start));
        self.starts.push((first_id, number));
        if self.starts.len() > REMEMBERED_MAX {
            self.starts.remove(0);
        }
    }

    /// The incarnation that gave a record its id; 0 if nothing is known.
    pub fn of(&self, id: RecordId) -> u64 {
        let after = self.starts.partition_point(|(first_id, _)| *first_id <= id);
        self.starts.get(after.saturating_sub(1)).map_or(0, |(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A consumer that remembers what it has seen must take a record that was given an old id for a new one, and one that
    /// is only delivered again for the same.
    #[test]
    fn ids_belong_to_the_incarnation_that_gave_them() {
        let mut incarnations = Incarnations::default();
        incarnations.begin(RecordId(1), 1_000);
        incarnations.begin(RecordId(50), 2_000);
        assert_eq!(incarnations.of(RecordId(1)), 1_000);
        assert_eq!(incarnations.of(RecordId(49)), 1_000);
        assert_eq!(incarnations.of(RecordId(50)), 2_000);
    }

    /// Two incarnations within a second, or a clock that goes back, must not share a number.
    #[test]
    fn numbers_rise_whatever_the_clock_says() {
        let mut incarnations = Incarnations::default();
        for clock in [1_000, 1_000, 10] {
            incarnations.begin(RecordId(7), clock);
        }
        assert_eq!(incarnations.of(RecordId(7)), 1_002);
    }

    /// The list is stored in a block of fixed size.
    #[test]
    fn only_the_latest_are_remembered() {
        let mut incarnations = Incarnations::default();
        for n in 0..100 {
            incarnations.begin(RecordId(n), n);
        }
        assert_eq!(incarnations.starts().len(), REMEMBERED_MAX);
        assert_eq!(incarnations.of(RecordId(99)), 99);
        assert_eq!(incarnations.of(RecordId(0)), 84, "the oldest that is known");
    }
}
