//! A batch, or a part of one, and what is to be done with it after a failure.

use std::num::NonZeroU32;

use super::destination::Outcome;
use crate::{access::Held, args::OnFailure};

/// Records that are delivered together.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) records: Vec<Held>,
    /// How often it was tried by this command.
    pub(super) tries: u32,
}

/// What to do with a piece that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try it again, after a wait.
    Again,
    /// Requeue it, and go on with other records.
    Requeue,
    /// Try its halves.
    Halve,
    /// Try its records one by one, after a wait.
    OneByOne,
    /// It is one record, which fails alone: a dead letter, if others are accepted.
    SetAside,
}

/// How failures are answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) on_failure: OnFailure,
    pub(super) max_deliveries: Option<NonZeroU32>,
}

impl Piece {
    pub(super) fn new(records: Vec<Held>) -> Self {
        Self { records, tries: 0 }
    }

    /// How often the record that was delivered most may have been delivered, this time included.
    pub(super) fn attempt(&self) -> u32 {
        let deliveries = self.records.iter().map(|record| record.deliveries).max();
        deliveries.unwrap_or(1).saturating_add(self.tries)
    }

    /// Its parts, of so many records at the most.
    pub(super) fn split(self, records: usize) -> Vec<Self> {
        let part = |records: &[Held]| Self { records: records.to_vec(), tries: self.tries };
        self.records.chunks(records.max(1)).map(part).collect()
    }
}

impl Policy {
    /// What to do with a piece after a failure. The record of it that failed most has failed so often.
    pub(super) fn next(self, piece: &Piece, failures: u32, outcome: &Outcome) -> Next {
        let is_alone = piece.records.len() <= 1;
        let is_last = self.max_deliveries.is_some_and(|most| failures >= most.get());
        let later = match self.on_failure {
            OnFailure::Hold => Next::Again,
            OnFailure::Requeue => Next::Requeue,
        };
        match outcome {
            Outcome::Hold { .. } | Outcome::Delivered => Next::Again,
            Outcome::Refused { .. } if is_alone => Next::SetAside,
            Outcome::Refused { .. } => Next::Halve,
            Outcome::Failed { .. } if is_last && is_alone => Next::SetAside,
            Outcome::Failed { .. } if is_last => Next::OneByOne,
            Outcome::Failed { .. } | Outcome::Unanswered { .. } => later,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn piece(records: u64) -> Piece {
        let record = |id| Held {
            id,
            incarnation: 1,
            lease: 1,
            deliveries: 9,
            events: NonZeroU32::MIN,
            metadata: 0,
            payload: Bytes::new(),
        };
        Piece { records: (1..=records).map(record).collect(), tries: 4 }
    }

    /// A record must not become a dead letter for the failure of its neighbours, for an outage, or for a wrong token.
    #[test]
    fn only_a_record_that_fails_alone_is_set_aside() {
        let (after, reason) = (None, String::new());
        let failed = Outcome::Failed { after, reason: reason.clone() };
        let refused = Outcome::Refused { reason: reason.clone() };
        let unanswered = Outcome::Unanswered { after, reason: reason.clone() };
        let hold = Outcome::Hold { after, reason };
        for on_failure in [OnFailure::Hold, OnFailure::Requeue] {
            let policy = Policy { on_failure, max_deliveries: NonZeroU32::new(3) };
            let later = if on_failure == OnFailure::Hold { Next::Again } else { Next::Requeue };
            assert_eq!(policy.next(&piece(1), 9, &hold), Next::Again);
            assert_eq!(policy.next(&piece(1), 9, &unanswered), later);
            assert_eq!(policy.next(&piece(2), 9, &refused), Next::Halve);
            assert_eq!(policy.next(&piece(1), 1, &refused), Next::SetAside);
            assert_eq!(policy.next(&piece(2), 3, &failed), Next::OneByOne);
            assert_eq!(policy.next(&piece(1), 3, &failed), Next::SetAside);
            assert_eq!(policy.next(&piece(1), 2, &failed), later);
            assert_eq!(Policy { max_deliveries: None, ..policy }.next(&piece(1), 99, &failed), later);
        }
    }

    /// Order and number of records outlive any split.
    #[test]
    fn parts_hold_all_records_in_order() {
        for records in [1, 2, 5] {
            let parts = piece(records).split(2);
            assert!(parts.iter().all(|part| part.records.len() <= 2 && part.tries == 4));
            let ids = parts.iter().flat_map(|part| part.records.iter().map(|record| record.id));
            assert!(ids.eq(1..=records));
        }
    }
}
