//! The rules whose breach makes a call `refused`, by number.

use std::fmt;

/// A rule of the contract that a call broke. The numbers are part of the contract: "Refusals" in `wit/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// 1: no such batch is on offer.
    UnknownBatch,
    /// 2: the count is 0, or more than is left of the batch.
    BatchCount,
    /// 3: the number names no segment.
    UnknownFile,
    /// 4: the ledger's next id is not the buffer's next id.
    LedgerNext,
    /// 5: the ledger's last acknowledged id would go back, or pass an event that waits.
    LedgerLast,
    /// 6: a file holds an event that the last synced ledger has not passed, or that ledger's reader has not passed the file.
    Retention,
    /// 7: the last segment has no unfinished frame at its end.
    Truncate,
    /// 10: the ledger's reader would pass a segment with waiting events, or its writer would go back.
    LedgerFiles,
    /// 11: too many syncs were requested that have not ended.
    Syncs,
    /// 12: the last segment is damaged, ends with an unfinished frame, or waits to be rewritten after a failed sync.
    BehindDamage,
    /// 13: a component that takes over changes files before `open` has returned.
    Replacing,
    /// 14: more events would wait than the operator allows.
    EventLimit,
    /// 15: the segment would become longer than the operator allows.
    FileSize,
    /// 16: events would be dropped although there is room.
    DropWithoutNeed,
    /// 17: one call has used up its budget of file operations or of host time.
    CallBudget,
}

impl Refusal {
    /// Every rule, by rising number.
    pub const ALL: [Self; 15] = [
        Self::UnknownBatch,
        Self::BatchCount,
        Self::UnknownFile,
        Self::LedgerNext,
        Self::LedgerLast,
        Self::Retention,
        Self::Truncate,
        Self::LedgerFiles,
        Self::Syncs,
        Self::BehindDamage,
        Self::Replacing,
        Self::EventLimit,
        Self::FileSize,
        Self::DropWithoutNeed,
        Self::CallBudget,
    ];

    /// Its number in the contract.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::UnknownBatch => 1,
            Self::BatchCount => 2,
            Self::UnknownFile => 3,
            Self::LedgerNext => 4,
            Self::LedgerLast => 5,
            Self::Retention => 6,
            Self::Truncate => 7,
            Self::LedgerFiles => 10,
            Self::Syncs => 11,
            Self::BehindDamage => 12,
            Self::Replacing => 13,
            Self::EventLimit => 14,
            Self::FileSize => 15,
            Self::DropWithoutNeed => 16,
            Self::CallBudget => 17,
        }
    }

    /// The rule with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.number() == number)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownBatch => "no such batch is on offer",
            Self::BatchCount => "the count is 0, or more than is left of the batch",
            Self::UnknownFile => "the number names no segment",
            Self::LedgerNext => "the ledger's next id is not the buffer's next id",
            Self::LedgerLast => "the ledger's last id would go back, or pass an event that waits",
            Self::Retention => "the file holds an event that no synced ledger has passed",
            Self::Truncate => "the last segment has no unfinished frame at its end",
            Self::LedgerFiles => "the ledger's reader would pass waiting events, or its writer go back",
            Self::Syncs => "too many syncs were requested that have not ended",
            Self::BehindDamage => "the last segment is damaged or waits to be rewritten",
            Self::Replacing => "a component that takes over may not change files before it has opened",
            Self::EventLimit => "more events would wait than the operator allows",
            Self::FileSize => "the segment would become longer than the operator allows",
            Self::DropWithoutNeed => "events would be dropped although there is room",
            Self::CallBudget => "the call has used up its budget of file operations or host time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Components match on the numbers: none may be given twice.
    #[test]
    fn every_rule_has_a_number_of_its_own() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_number(refusal.number()), Some(refusal));
        }
        assert!(Refusal::ALL.is_sorted_by_key(|refusal| refusal.number()));
    }
}
