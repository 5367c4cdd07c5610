//! The rules whose breach makes a call `refused`, by number.

/// A rule of the contract that a call of the logic broke. The numbers are part of the contract: see "Refusals" in
/// `wit/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// 7: the length is beyond the file's, or the cut would take a whole record.
    Cut,
    /// 8: the offset is none that a scan or an append gave.
    Offset,
    /// 9: nothing needs to be relocated, it does not go on where it stopped, or the ids do not follow the target's.
    Relocation,
    /// 10: files that are read later have records in them.
    FileOrder,
    /// 14: an instance that takes the place of another makes, cuts or removes a file before it has opened the buffer.
    Replacing,
}

impl Refusal {
    /// Its number in the contract.
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
            Self::Relocation => 9,
            Self::FileOrder => 10,
            Self::Replacing => 14,
        }
    }
}
