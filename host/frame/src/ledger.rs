//! The ledger, `buffer.db`: 24 bytes, little-endian, without magic or checksum.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U64},
    transmute,
};

/// The length of the ledger in bytes. Of a longer file the last so many bytes count.
pub const LEDGER_BYTES: usize = 24;

/// The ledger as it lies on the disk.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct LedgerBytes {
    /// The id that the next event gets.
    pub writer_next_record: U64,
    /// The data file that is being appended to.
    pub writer_data_file: U16,
    /// The oldest data file that holds an event which is not acknowledged.
    pub reader_data_file: U16,
    /// Zero when it is made, and never looked at.
    pub padding: [u8; 4],
    /// The last event below which all is acknowledged or lost.
    pub reader_last_record: U64,
}

/// What the ledger says. Any numbers may stand in a file: nothing here is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerFields {
    /// The id that the next event gets.
    pub writer_next_record: u64,
    /// The data file that is being appended to.
    pub writer_data_file: u16,
    /// The oldest data file that holds an event which is not acknowledged.
    pub reader_data_file: u16,
    /// The last event below which all is acknowledged or lost.
    pub reader_last_record: u64,
}

impl LedgerFields {
    /// The bytes of a ledger that says this.
    pub fn encode(self) -> [u8; LEDGER_BYTES] {
        transmute!(LedgerBytes {
            writer_next_record: self.writer_next_record.into(),
            writer_data_file: self.writer_data_file.into(),
            reader_data_file: self.reader_data_file.into(),
            padding: [0; 4],
            reader_last_record: self.reader_last_record.into(),
        })
    }

    /// What the bytes of a ledger say.
    pub fn decode(bytes: [u8; LEDGER_BYTES]) -> Self {
        let ledger: LedgerBytes = transmute!(bytes);
        Self {
            writer_next_record: ledger.writer_next_record.get(),
            writer_data_file: ledger.writer_data_file.get(),
            reader_data_file: ledger.reader_data_file.get(),
            reader_last_record: ledger.reader_last_record.get(),
        }
    }
}
