//! The rules whose breach makes a call `refused`, by number, and the count of how often each was broken.

use std::{collections::BTreeMap, time::Instant};

use serde::Serialize;
use tracing::warn;

use super::{Guard, GuardError};
use crate::{storage::StorageError, throttle::Throttle};

/// A rule of the contract that a call of the logic broke. The numbers are part of the contract: see "Refusals" in
/// `wit/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// 1: no such batch is on offer.
    UnknownBatch,
    /// 2: a record of the batch would be placed twice, skipped, or does not exist.
    BatchOrder,
    /// 3: the number names no file, or the file is not there.
    UnknownFile,
    /// 4: the ledger's next id would not be the buffer's next id.
    LedgerNext,
    /// 5: the ledger's last acknowledged id would go back, or pass what was acknowledged.
    LedgerLast,
    /// 6: the file holds records that are not acknowledged, or that the host has not seen.
    Retention,
    /// 7: the cut would take something else than an unfinished frame at the end of the file.
    Cut,
    /// 8: the offset is none that a scan or an append gave.
    Offset,
    /// 9: files that are read later have records in them.
    FileOrder,
    /// 10: the ledger's reader would pass a file with unacknowledged records or go where none waits for it, or its writer
    /// would go back.
    LedgerFiles,
    /// 11: too many syncs were asked for that have not ended, or while the buffer is closed.
    Syncs,
    /// 12: the file holds damage, or may hold some after a power loss because a sync of it has failed: what lies between that
    /// and another one might not be found.
    BehindDamage,
    /// 13: an instance that takes the place of another makes, cuts or removes a file before it has opened the buffer.
    Replacing,
    /// Answered as `no-space`: the bytes or the number of files would go beyond what the operator allows.
    Quota,
    /// Answered as `conflict`: a file's length or the buffer's next id is another.
    Conflict,
}

impl Refusal {
    /// The highest number of a rule.
    pub const LAST_CODE: u32 = 13;

    /// Its number in the contract; 0 for the two that are answered in another way.
    pub fn code(self) -> u32 {
        match self {
            Self::UnknownBatch => 1,
            Self::BatchOrder => 2,
            Self::UnknownFile => 3,
            Self::LedgerNext => 4,
            Self::LedgerLast => 5,
            Self::Retention => 6,
            Self::Cut => 7,
            Self::Offset => 8,
            Self::FileOrder => 9,
            Self::LedgerFiles => 10,
            Self::Syncs => 11,
            Self::BehindDamage => 12,
            Self::Replacing => 13,
            Self::Quota | Self::Conflict => 0,
        }
    }
}

/// How often one rule was broken, and what was said of it.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    total: u64,
    throttle: Throttle,
}

/// How often each rule was broken.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: BTreeMap<Refusal, Count>,
}

impl Refusals {
    /// Counts a breach, and logs it unless the same rule was broken, and logged, a moment ago.
    pub(super) fn note(&mut self, refusal: Refusal) {
        self.note_at(refusal, Instant::now());
    }

    /// Whether it was logged.
    fn note_at(&mut self, refusal: Refusal, now: Instant) -> bool {
        let count = self.counts.entry(refusal).or_default();
        count.total = count.total.saturating_add(1);
        let Some(not_logged) = count.throttle.may_say_at(now) else { return false };
        warn!(
            rule = ?refusal,
            number = refusal.code(),
            count = count.total,
            not_logged,
            "the logic broke a rule of its contract: refused"
        );
        true
    }

    /// How often any rule was broken.
    pub(super) fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(count.total))
    }

    /// How often each rule was broken, of those that were.
    pub(super) fn by_rule(&self) -> Vec<(Refusal, u64)> {
        self.counts.iter().map(|(refusal, count)| (*refusal, count.total)).collect()
    }
}

impl Guard {
    /// How many calls of the logic broke a rule.
    pub fn refused(&self) -> u64 {
        self.refusals.total()
    }

    /// How often each rule was broken, of those that were.
    pub fn refusals(&self) -> Vec<(Refusal, u64)> {
        self.refusals.by_rule()
    }

    /// The logic named a file by a number that names none.
    pub fn no_such_file(&mut self) -> GuardError {
        self.refuse(Refusal::UnknownFile)
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> GuardError {
        self.refusals.note(refusal);
        match refusal {
            Refusal::Conflict => GuardError::Conflict,
            _ => GuardError::Refused(refusal),
        }
    }

    /// The operator allows no more.
    pub(super) fn refuse_room(&mut self, operation: &'static str, what: String) -> GuardError {
        self.refusals.note(Refusal::Quota);
        let source = std::io::ErrorKind::QuotaExceeded.into();
        StorageError::NoSpace { operation, what, source }.into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A loop that is refused a million times a second must not fill the disk with what is said of it, nor hide another
    /// rule that is broken meanwhile.
    #[test]
    fn a_rule_is_logged_once_a_second_and_counted_every_time() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert!(refusals.note_at(Refusal::Cut, start));
        for millis in 1..1000 {
            assert!(!refusals.note_at(Refusal::Cut, after(millis)));
        }
        assert!(refusals.note_at(Refusal::Retention, after(500)), "another rule has a line of its own");
        assert!(refusals.note_at(Refusal::Cut, after(1000)));
        assert_eq!(refusals.by_rule(), [(Refusal::Retention, 1), (Refusal::Cut, 1001)]);
        assert_eq!(refusals.total(), 1002);
    }
}
